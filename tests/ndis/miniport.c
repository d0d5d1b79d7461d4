/* SPDX-License-Identifier: MIT */
#include "nic.h"

/* DriverEntry has no argument of ours; tests run one after another. */
struct nic *nic_loading;

void nic_header(void *object, UCHAR revision, USHORT size)
{
    NDIS_OBJECT_HEADER *header = object;

    header->Type = NDIS_OBJECT_TYPE_DEFAULT;
    header->Revision = revision;
    header->Size = size;
}

static NDIS_STATUS set_attributes(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration = {0};
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general = {0};
    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES assist = {0};
    NDIS_STATUS status;

    nic_header(&registration, 1, NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1);
    registration.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    registration.MiniportAdapterContext = nic;
    status = NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&registration);
    if (status != NDIS_STATUS_SUCCESS || nic->no_general)
        return status;
    nic_header(&general, 2, NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2);
    general.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    status = NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&general);
    if (status != NDIS_STATUS_SUCCESS || nic->no_sriov)
        return status;
    nic_header(&assist, 3, NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3);
    assist.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES;
    assist.HardwareSriovCapabilities = &nic->sriov;
    assist.CurrentSriovCapabilities = nic->sriov_off ? NULL : &nic->sriov;
    if (!nic->vf) {
        assist.HardwareNicSwitchCapabilities = &nic->nic_switch;
        assist.CurrentNicSwitchCapabilities = nic->sriov_off ? NULL : &nic->nic_switch;
    }
    return NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&assist);
}

static NDIS_STATUS initialize(NDIS_HANDLE handle, NDIS_HANDLE context, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    struct nic *nic = context;
    NDIS_STATUS status;

    nic->handle = handle;
    nic_log(nic, "init");
    if (nic->on_initialize) {
        status = nic->on_initialize(nic, parameters);
        if (status != NDIS_STATUS_SUCCESS)
            return status;
    }
    if (nic->initialize_status != NDIS_STATUS_SUCCESS)
        return nic->initialize_status;
    return set_attributes(nic, handle);
}

static VOID halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    struct nic *nic = context;

    nic_log(nic, "halt:%u", action);
    if (nic->on_halt)
        nic->on_halt(nic);
}

static NDIS_STATUS pause_handler(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS parameters)
{
    struct nic *nic = context;

    assert_int_equal(parameters->Header.Size, NDIS_SIZEOF_MINIPORT_PAUSE_PARAMETERS_REVISION_1);
    nic_log(nic, "pause");
    if (nic->pause_status == NDIS_STATUS_PENDING)
        NdisMPauseComplete(nic->handle);
    return nic->pause_status;
}

static NDIS_STATUS restart_handler(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    struct nic *nic = context;

    assert_int_equal(parameters->Header.Size, NDIS_SIZEOF_MINIPORT_RESTART_PARAMETERS_REVISION_1);
    nic_log(nic, "restart");
    if (nic->restart_status == NDIS_STATUS_PENDING)
        NdisMRestartComplete(nic->handle, NDIS_STATUS_SUCCESS);
    return nic->restart_status;
}

static NDIS_STATUS reset(NDIS_HANDLE context, PBOOLEAN addressing)
{
    struct nic *nic = context;

    *addressing = FALSE;
    nic_log(nic, "reset");
    if (nic->on_reset)
        nic->on_reset(nic);
    return nic->reset_status;
}

static NDIS_STATUS oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    struct nic *nic = context;

    pthread_mutex_lock(&nic->lock);
    nic->oid_irql = KeGetCurrentIrql();
    nic->oids++;
    pthread_cond_broadcast(&nic->changed);
    pthread_mutex_unlock(&nic->lock);
    return nic->on_oid ? nic->on_oid(nic, request) : nic_default_oid(nic, request);
}

NDIS_STATUS nic_pend(struct nic *nic, PNDIS_OID_REQUEST request)
{
    pthread_mutex_lock(&nic->lock);
    nic->pended = request;
    pthread_cond_broadcast(&nic->changed);
    pthread_mutex_unlock(&nic->lock);
    return NDIS_STATUS_PENDING;
}

NDIS_STATUS nic_default_oid(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS *vf = request->DATA.METHOD_INFORMATION.InformationBuffer;

    if (request->DATA.METHOD_INFORMATION.Oid == OID_NIC_SWITCH_ALLOCATE_VF) {
        vf->VFId = (USHORT)nic->next_vf++;
        vf->RequestorId = NDIS_MAKE_RID(0, 4, 0x10 + 2 * vf->VFId);
    }
    return NDIS_STATUS_SUCCESS;
}

static VOID cancel_oid(NDIS_HANDLE context, PVOID id)
{
    struct nic *nic = context;

    nic_log(nic, "cancel:%p", id);
    if (nic->on_cancel)
        nic->on_cancel(nic, id);
}

static VOID pnp_event(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
    nic_log(context, "event:%u", event->DevicePnPEvent);
}

static VOID shutdown_handler(NDIS_HANDLE context, NDIS_SHUTDOWN_ACTION action)
{
    nic_log(context, "shutdown:%u", action);
}

static VOID send_lists(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags)
{
    (void)context, (void)lists, (void)port, (void)flags;
}

static VOID return_lists(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags)
{
    nic_log(context, "return:%p:%u", (void *)lists, flags);
}

static VOID cancel_send(NDIS_HANDLE context, PVOID id)
{
    (void)context, (void)id;
}

static NDIS_STATUS add_device(NDIS_HANDLE handle, NDIS_HANDLE context)
{
    struct nic *nic = context;
    NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES attributes = {0};

    nic_log(nic, "add");
    nic_header(&attributes, 1, NDIS_SIZEOF_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1);
    attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES;
    attributes.MiniportAddDeviceContext = nic;
    assert_int_equal(NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes),
                     NDIS_STATUS_SUCCESS);
    return nic->add_device_status;
}

static VOID remove_device(NDIS_HANDLE context)
{
    nic_log(context, "remove");
}

static NDIS_STATUS set_options(NDIS_HANDLE handle, NDIS_HANDLE context)
{
    struct nic *nic = context;
    NDIS_MINIPORT_PNP_CHARACTERISTICS pnp = {0};

    nic_log(nic, "options");
    if (nic->with_add_device) {
        nic_header(&pnp, 1, NDIS_SIZEOF_MINIPORT_PNP_CHARACTERISTICS_REVISION_1);
        pnp.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS;
        pnp.MiniportAddDeviceHandler = add_device;
        pnp.MiniportRemoveDeviceHandler = remove_device;
        assert_int_equal(NdisSetOptionalHandlers(handle, (PNDIS_DRIVER_OPTIONAL_HANDLERS)&pnp), NDIS_STATUS_SUCCESS);
    }
    return nic->options_status;
}

static VOID unload(PDRIVER_OBJECT driver)
{
    (void)driver;
    nic_log(nic_loading, "unload");
    if (!nic_loading->keep_driver)
        NdisMDeregisterMiniportDriver(nic_loading->driver_handle);
}

NTSTATUS nic_driver_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    nic_loading->register_status = NdisMRegisterMiniportDriver(driver, path, nic_loading, &nic_loading->characteristics,
                                                               &nic_loading->driver_handle);
    return nic_loading->register_status == NDIS_STATUS_SUCCESS ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}

void nic_fill_characteristics(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    c->Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    c->Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    c->Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    c->MajorNdisVersion = 6;
    c->MinorNdisVersion = 30;
    c->SetOptionsHandler = set_options;
    c->InitializeHandlerEx = initialize;
    c->HaltHandlerEx = halt;
    c->UnloadHandler = unload;
    c->PauseHandler = pause_handler;
    c->RestartHandler = restart_handler;
    c->OidRequestHandler = oid_request;
    c->SendNetBufferListsHandler = send_lists;
    c->ReturnNetBufferListsHandler = return_lists;
    c->CancelSendHandler = cancel_send;
    c->DevicePnPEventNotifyHandler = pnp_event;
    c->ShutdownHandlerEx = shutdown_handler;
    c->CancelOidRequestHandler = cancel_oid;
    c->ResetHandlerEx = reset;
}

void nic_fill_capabilities(struct nic *nic)
{
    nic_header(&nic->sriov, 1, NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1);
    nic->sriov.SriovCapabilities =
        NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | (nic->vf ? NDIS_SRIOV_CAPS_VF_MINIPORT : NDIS_SRIOV_CAPS_PF_MINIPORT);
    nic_header(&nic->nic_switch, 2, NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2);
    nic->nic_switch.MaxNumSwitches = 1;
    nic->nic_switch.MaxNumVFs = 8;
    nic->nic_switch.MaxNumVPorts = 12;
    nic->nic_switch.MaxNumQueuePairs = 16;
    nic->nic_switch.MaxNumQueuePairsPerNonDefaultVPort = 2;
    nic->nic_switch.MaxNumMacAddresses = 16;
}
