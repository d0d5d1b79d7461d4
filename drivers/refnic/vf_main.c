/* SPDX-License-Identifier: MIT
 *
 * refnic's VF miniport: what a vendor's driver does inside a guest that was given a virtual function. It carries no
 * traffic.
 *
 * This file: the driver's and the adapter's life.
 */
#include "vf.h"

static NDIS_HANDLE driver_handle;

/* A VF declares itself and nothing of a switch, filters or queues (ndis.md 7.4). */
static NDIS_STATUS hardware_assist(struct vf_adapter *adapter)
{
    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES attributes;
    NDIS_SRIOV_CAPABILITIES sriov;

    NdisZeroMemory(&sriov, sizeof(sriov));
    sriov.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    sriov.Header.Revision = NDIS_SRIOV_CAPABILITIES_REVISION_1;
    sriov.Header.Size = NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1;
    sriov.SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_VF_MINIPORT;
    NdisZeroMemory(&attributes, sizeof(attributes));
    attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES;
    attributes.Header.Revision = NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3;
    attributes.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3;
    attributes.HardwareSriovCapabilities = &sriov;
    attributes.CurrentSriovCapabilities = &sriov;
    return NdisMSetMiniportAttributes(adapter->port.handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes);
}

/* The address comes from the PF, so its block is read between the first attributes and the second. */
static NDIS_STATUS declare(struct vf_adapter *adapter)
{
    NDIS_STATUS status = nic_register_attributes(&adapter->port, adapter);

    if (status == NDIS_STATUS_SUCCESS)
        status = vf_read_link(adapter);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    NdisMoveMemory(adapter->port.permanent, adapter->port.current, NIC_MAC_LENGTH);
    status = nic_general_attributes(&adapter->port, vf_oids, vf_oid_count);
    return status == NDIS_STATUS_SUCCESS ? hardware_assist(adapter) : status;
}

static NDIS_STATUS start_adapter(struct vf_adapter *adapter)
{
    NDIS_STATUS status = vf_read_hardware(adapter);

    if (status == NDIS_STATUS_SUCCESS)
        status = declare(adapter);
    if (status == NDIS_STATUS_SUCCESS)
        status = vf_start_hardware(adapter);
    if (status != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_FAILURE;
    status = vf_statistics_open(adapter);
    if (status == NDIS_STATUS_SUCCESS) {
        status = vf_agents_come(adapter);
        if (status != NDIS_STATUS_SUCCESS)
            vf_statistics_close(adapter);
    }
    if (status != NDIS_STATUS_SUCCESS)
        vf_stop_hardware(adapter);
    return status;
}

static VOID free_adapter(struct vf_adapter *adapter)
{
    nic_port_close(&adapter->port);
    nic_free(adapter);
}

static NDIS_STATUS vf_initialize(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    NDIS_HYPERVISOR_PARTITION_TYPE partition;
    struct vf_adapter *adapter;
    NDIS_STATUS status;

    UNREFERENCED_PARAMETER(driver);
    UNREFERENCED_PARAMETER(parameters);
    if (!nic_partition(&partition) || partition != NdisHypervisorPartitionMsHvChild) {
        DbgPrint("refnic_vf: not in a guest\n");
        return NDIS_STATUS_FAILURE;
    }
    adapter = nic_allocate(handle, sizeof(*adapter));
    if (!adapter)
        return NDIS_STATUS_RESOURCES;
    nic_port_open(&adapter->port, handle);
    status = start_adapter(adapter);
    if (status != NDIS_STATUS_SUCCESS)
        free_adapter(adapter);
    return status;
}

/* The function of a surprise removal answers no more. */
static VOID vf_halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    struct vf_adapter *adapter = context;

    if (action != NdisHaltDeviceSurpriseRemoved)
        vf_agents_go(adapter);
    vf_statistics_close(adapter);
    if (action != NdisHaltDeviceSurpriseRemoved)
        vf_stop_hardware(adapter);
    free_adapter(adapter);
}

static NDIS_STATUS vf_restart(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    struct vf_adapter *adapter = context;

    UNREFERENCED_PARAMETER(parameters);
    nic_set_flags(&adapter->port, 0, NIC_RUNNING);
    return NDIS_STATUS_SUCCESS;
}

static VOID vf_shutdown(NDIS_HANDLE context, NDIS_SHUTDOWN_ACTION action)
{
    nic_set_flags(context, NIC_RUNNING, 0);
    if (action == NdisShutdownPowerOff) /* not after a bugcheck: the bus may be in any state */
        vf_stop_hardware(context);
}

static VOID vf_unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
    NdisMDeregisterMiniportDriver(driver_handle);
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport;

    NdisZeroMemory(&miniport, sizeof(miniport));
    miniport.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    miniport.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3;
    miniport.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3;
    miniport.MajorNdisVersion = NDIS_MINIPORT_MAJOR_VERSION;
    miniport.MinorNdisVersion = NDIS_MINIPORT_MINOR_VERSION;
    miniport.MajorDriverVersion = 1;
    miniport.InitializeHandlerEx = vf_initialize;
    miniport.HaltHandlerEx = vf_halt;
    miniport.UnloadHandler = vf_unload;
    miniport.PauseHandler = nic_pause;
    miniport.RestartHandler = vf_restart;
    miniport.OidRequestHandler = vf_oid_request;
    miniport.SendNetBufferListsHandler = nic_send;
    miniport.ReturnNetBufferListsHandler = nic_return;
    miniport.CancelSendHandler = nic_cancel_send;
    miniport.DevicePnPEventNotifyHandler = nic_pnp_event;
    miniport.ShutdownHandlerEx = vf_shutdown;
    miniport.CancelOidRequestHandler = nic_cancel_oid;
    return NdisMRegisterMiniportDriver(driver, registry_path, NULL, &miniport, &driver_handle);
}
