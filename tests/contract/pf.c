/* SPDX-License-Identifier: MIT */
#include "pf.h"

struct pf *pf_next;
const struct bad *pf_driver_bad;
NDIS_HANDLE pf_driver_handle;

/* ---- configuration space ---------------------------------------------------------------------------------- */

static ULONG find_capability(struct pf *pf, USHORT vf, UCHAR id)
{
    UCHAR header[2] = {0};

    NdisMGetVirtualFunctionBusData(pf->handle, vf, &header[1], 0x34, 1);
    for (unsigned hops = 0; header[1] && hops < 48; hops++) {
        ULONG at = header[1];

        NdisMGetVirtualFunctionBusData(pf->handle, vf, header, at, sizeof header);
        if (header[0] == id)
            return at;
    }
    return 0;
}

static NDIS_STATUS reset_vf(struct pf *pf, USHORT vf)
{
    USHORT control = 0;
    ULONG express = find_capability(pf, vf, PCI_CAPABILITY_ID_PCI_EXPRESS);

    if (!express || NdisMGetVirtualFunctionBusData(pf->handle, vf, &control, express + 8, 2) != 2)
        return NDIS_STATUS_FAILURE;
    control |= 0x8000; /* Initiate Function Level Reset */
    if (NdisMSetVirtualFunctionBusData(pf->handle, vf, &control, express + 8, 2) != 2)
        return NDIS_STATUS_FAILURE;
    NdisMSleep(100000);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS set_power(struct pf *pf, const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *power)
{
    ULONG at = find_capability(pf, power->VFId, PCI_CAPABILITY_ID_POWER_MANAGEMENT);
    USHORT control;

    if (power->PowerState < NdisDeviceStateD0 || power->PowerState > NdisDeviceStateD3 ||
        (power->PowerState == NdisDeviceStateD0 && power->WakeEnable))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!at)
        return NDIS_STATUS_SUCCESS;
    if (NdisMGetVirtualFunctionBusData(pf->handle, power->VFId, &control, at + 4, 2) != 2)
        return NDIS_STATUS_FAILURE;
    control = (USHORT)((control & ~3u) | ((ULONG)power->PowerState - NdisDeviceStateD0));
    return NdisMSetVirtualFunctionBusData(pf->handle, power->VFId, &control, at + 4, 2) == 2 ? NDIS_STATUS_SUCCESS
                                                                                             : NDIS_STATUS_FAILURE;
}

/* ---- OIDs ------------------------------------------------------------------------------------------------- */

NDIS_STATUS pf_enable(struct pf *pf, USHORT vfs)
{
    NDIS_STATUS status = NdisMEnableVirtualization(pf->handle, vfs, FALSE, FALSE, TRUE);

    pf->enabled = status == NDIS_STATUS_SUCCESS;
    return status;
}

NDIS_STATUS pf_disable(struct pf *pf)
{
    pf->enabled = false;
    return NdisMEnableVirtualization(pf->handle, 0, FALSE, FALSE, FALSE);
}

static NDIS_STATUS create_switch(struct pf *pf, const NDIS_NIC_SWITCH_PARAMETERS *given)
{
    if (pf->num_vfs || given->SwitchId || given->SwitchType != NdisNicSwitchTypeExternal || given->NumVFs > PF_VFS)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (given->NumVFs && !pf->enabled && pf_enable(pf, (USHORT)given->NumVFs) != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_FAILURE;
    pf->num_vfs = (USHORT)given->NumVFs;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS delete_switch(struct pf *pf)
{
    pf->num_vfs = 0;
    if (pf->enabled && !(pf->bad && pf->bad->static_model))
        pf_disable(pf);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS allocate_vf(struct pf *pf, NDIS_NIC_SWITCH_VF_PARAMETERS *given)
{
    USHORT segment;
    UCHAR bus, function;

    for (USHORT vf = 0; vf < pf->num_vfs; vf++) {
        if (pf->allocated[vf])
            continue;
        pf->allocated[vf] = true;
        NdisMGetVirtualFunctionLocation(pf->handle, vf, &segment, &bus, &function);
        given->VFId = vf;
        given->RequestorId = NDIS_MAKE_RID(segment, bus, function);
        return NDIS_STATUS_SUCCESS;
    }
    return NDIS_STATUS_RESOURCES;
}

static bool is_allocated(const struct pf *pf, USHORT vf)
{
    return vf < PF_VFS && pf->allocated[vf];
}

static NDIS_STATUS too_short(PNDIS_OID_REQUEST request, ULONG needed)
{
    if (request->RequestType == NdisRequestMethod)
        request->DATA.METHOD_INFORMATION.BytesNeeded = needed;
    else
        request->DATA.SET_INFORMATION.BytesNeeded = needed;
    return NDIS_STATUS_INVALID_LENGTH;
}

static NDIS_STATUS access_space(struct pf *pf, PNDIS_OID_REQUEST request, bool write, ULONG length)
{
    NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS *given = request->DATA.SET_INFORMATION.InformationBuffer;
    ULONG done;

    if (length < sizeof *given)
        return too_short(request, sizeof *given);
    if ((ULONG64)given->BufferOffset + given->Length > length)
        return too_short(request, given->BufferOffset + given->Length);
    if (!is_allocated(pf, given->VFId))
        return NDIS_STATUS_INVALID_PARAMETER;
    done = (write ? NdisMSetVirtualFunctionBusData : NdisMGetVirtualFunctionBusData)(
        pf->handle, given->VFId, (UCHAR *)given + given->BufferOffset, given->Offset, given->Length);
    return done == given->Length ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}

NDIS_STATUS pf_request(struct pf *pf, PNDIS_OID_REQUEST request)
{
    void *buffer = request->DATA.SET_INFORMATION.InformationBuffer;
    const NDIS_SRIOV_RESET_VF_PARAMETERS *vf = buffer;

    switch (request->DATA.SET_INFORMATION.Oid) {
    case OID_NIC_SWITCH_CREATE_SWITCH:
        return create_switch(pf, buffer);
    case OID_NIC_SWITCH_DELETE_SWITCH:
        return delete_switch(pf);
    case OID_NIC_SWITCH_ALLOCATE_VF:
        return allocate_vf(pf, buffer);
    case OID_NIC_SWITCH_FREE_VF:
        if (!is_allocated(pf, ((const NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *)buffer)->VFId))
            return NDIS_STATUS_INVALID_PARAMETER;
        pf->allocated[((const NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *)buffer)->VFId] = false;
        return NDIS_STATUS_SUCCESS;
    case OID_SRIOV_WRITE_VF_CONFIG_SPACE:
        return access_space(pf, request, true, request->DATA.SET_INFORMATION.InformationBufferLength);
    case OID_SRIOV_READ_VF_CONFIG_SPACE:
        return access_space(pf, request, false, request->DATA.METHOD_INFORMATION.OutputBufferLength);
    case OID_SRIOV_RESET_VF:
        return is_allocated(pf, vf->VFId) ? reset_vf(pf, vf->VFId) : NDIS_STATUS_INVALID_PARAMETER;
    case OID_SRIOV_SET_VF_POWER_STATE:
        return is_allocated(pf, vf->VFId) ? set_power(pf, buffer) : NDIS_STATUS_INVALID_PARAMETER;
    case OID_NIC_SWITCH_CREATE_VPORT:
    case OID_NIC_SWITCH_DELETE_VPORT:
        return NDIS_STATUS_SUCCESS;
    default:
        return NDIS_STATUS_NOT_SUPPORTED;
    }
}

static NDIS_STATUS oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    struct pf *pf = context;

    if (pf->bad && pf->bad->request && pf->bad->oid == request->DATA.SET_INFORMATION.Oid)
        return pf->bad->request(pf, request);
    return pf_request(pf, request);
}

static VOID cancel_oid(NDIS_HANDLE context, PVOID id)
{
    (void)context, (void)id;
}

/* ---- life ------------------------------------------------------------------------------------------------- */

static void set_header(void *object, UCHAR type, UCHAR revision, USHORT size)
{
    *(NDIS_OBJECT_HEADER *)object = (NDIS_OBJECT_HEADER){type, revision, size};
}

NDIS_STATUS pf_set_attributes(struct pf *pf)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration = {.MiniportAdapterContext = pf};
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general = {0};
    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES assist = {0};
    NDIS_SRIOV_CAPABILITIES sriov = {.SriovCapabilities =
                                         NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_PF_MINIPORT};
    NDIS_NIC_SWITCH_CAPABILITIES nic_switch = {.MaxNumSwitches = 1,
                                               .MaxNumVFs = PF_VFS,
                                               .MaxNumVPorts = PF_VFS + 1,
                                               .MaxNumQueuePairs = 16,
                                               .MaxNumQueuePairsPerNonDefaultVPort = 1,
                                               .MaxNumMacAddresses = 16};
    NDIS_STATUS status;

    set_header(&sriov, NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1);
    set_header(&nic_switch, NDIS_OBJECT_TYPE_DEFAULT, 2, NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2);
    set_header(&registration, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1,
               NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1);
    set_header(&general, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 2,
               NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2);
    set_header(&assist, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, 3,
               NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3);
    assist.HardwareSriovCapabilities = assist.CurrentSriovCapabilities = &sriov;
    assist.HardwareNicSwitchCapabilities = assist.CurrentNicSwitchCapabilities = &nic_switch;
    status = NdisMSetMiniportAttributes(pf->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&registration);
    if (status == NDIS_STATUS_SUCCESS)
        status = NdisMSetMiniportAttributes(pf->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&general);
    if (status == NDIS_STATUS_SUCCESS)
        status = NdisMSetMiniportAttributes(pf->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&assist);
    return status;
}

static NDIS_STATUS initialize(NDIS_HANDLE handle, NDIS_HANDLE context, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    struct pf *pf = pf_next;
    const struct bad *bad = pf->bad;
    NDIS_STATUS status;

    (void)context, (void)parameters;
    pf->handle = handle;
    status = bad && bad->attributes ? bad->attributes(pf) : pf_set_attributes(pf);
    if (status == NDIS_STATUS_SUCCESS && bad && bad->static_model)
        status = pf_enable(pf, 2);
    return bad && bad->initialize ? bad->initialize(pf, status) : status;
}

static VOID halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    struct pf *pf = context;

    (void)action;
    if (pf->bad && pf->bad->halt)
        pf->bad->halt(pf);
    else if (pf->enabled)
        pf_disable(pf);
}

static NDIS_STATUS pause_handler(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS parameters)
{
    struct pf *pf = context;

    (void)parameters;
    return pf->bad && pf->bad->pause ? pf->bad->pause(pf) : NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    (void)context, (void)parameters;
    return NDIS_STATUS_SUCCESS;
}

static VOID pnp_event(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
    (void)context, (void)event;
}

static VOID shutdown_handler(NDIS_HANDLE context, NDIS_SHUTDOWN_ACTION action)
{
    (void)context, (void)action;
}

static VOID send_lists(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags)
{
    (void)context, (void)lists, (void)port, (void)flags;
}

static VOID return_lists(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags)
{
    (void)context, (void)lists, (void)flags;
}

static VOID unload(PDRIVER_OBJECT driver)
{
    (void)driver;
    if (pf_driver_bad && pf_driver_bad->unload)
        pf_driver_bad->unload();
    if (!pf_driver_bad || !pf_driver_bad->no_deregister)
        NdisMDeregisterMiniportDriver(pf_driver_handle);
}

void pf_fill_characteristics(NDIS_MINIPORT_DRIVER_CHARACTERISTICS *c)
{
    *c = (NDIS_MINIPORT_DRIVER_CHARACTERISTICS){.MajorNdisVersion = 6,
                                                .MinorNdisVersion = 30,
                                                .InitializeHandlerEx = initialize,
                                                .HaltHandlerEx = halt,
                                                .UnloadHandler = unload,
                                                .PauseHandler = pause_handler,
                                                .RestartHandler = restart,
                                                .OidRequestHandler = oid_request,
                                                .SendNetBufferListsHandler = send_lists,
                                                .ReturnNetBufferListsHandler = return_lists,
                                                .CancelSendHandler = cancel_oid,
                                                .DevicePnPEventNotifyHandler = pnp_event,
                                                .ShutdownHandlerEx = shutdown_handler,
                                                .CancelOidRequestHandler = cancel_oid};
    set_header(c, NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2,
               NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2);
}

NTSTATUS pf_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS characteristics;

    if (pf_driver_bad && pf_driver_bad->entry)
        return pf_driver_bad->entry(driver, path);
    pf_fill_characteristics(&characteristics);
    return NdisMRegisterMiniportDriver(driver, path, NULL, &characteristics, &pf_driver_handle);
}
