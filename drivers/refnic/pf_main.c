/* SPDX-License-Identifier: MIT
 *
 * refnic's PF miniport: a reference for what a vendor's driver must do so that Windows can give its virtual functions
 * to virtual machines. It carries no traffic; everything on the configuration plane is complete (ndis.md 4 to 8).
 *
 * This file: the driver's and the adapter's life.
 */
#include "pf.h"

static NDIS_HANDLE driver_handle;

static VOID free_adapter(struct pf_adapter *adapter)
{
    pf_switch_discard(adapter);
    nic_port_close(&adapter->port);
    nic_free(adapter);
}

/* There is no EEPROM behind the BARs: a locally administered address, different for each interface. */
static VOID make_address(struct nic_port *port, NET_IFINDEX index)
{
    const UCHAR mac[NIC_MAC_LENGTH] = {0x02, 0x76, 0x66, (UCHAR)(index >> 16), (UCHAR)(index >> 8), (UCHAR)index};

    NdisMoveMemory(port->permanent, mac, NIC_MAC_LENGTH);
    NdisMoveMemory(port->current, mac, NIC_MAC_LENGTH);
}

/* ndis.md 7.1 step 3: hardware and keywords first, then attributes in their order. */
static NDIS_STATUS start_adapter(struct pf_adapter *adapter, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    NDIS_STATUS status = pf_read_hardware(adapter, parameters);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    make_address(&adapter->port, parameters->IfIndex);
    status = nic_register_attributes(&adapter->port, adapter);
    if (status == NDIS_STATUS_SUCCESS)
        status = nic_general_attributes(&adapter->port, pf_oids, pf_oid_count);
    if (status == NDIS_STATUS_SUCCESS && adapter->sriov)
        status = pf_hardware_assist(adapter);
    return status == NDIS_STATUS_SUCCESS ? status : NDIS_STATUS_FAILURE;
}

static NDIS_STATUS pf_initialize(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    NDIS_HYPERVISOR_PARTITION_TYPE partition;
    struct pf_adapter *adapter;
    NDIS_STATUS status;

    UNREFERENCED_PARAMETER(driver);
    if (!nic_partition(&partition) || partition == NdisHypervisorPartitionMsHvChild) {
        DbgPrint("refnic_pf: a guest has no physical function to drive\n");
        return NDIS_STATUS_FAILURE;
    }
    adapter = nic_allocate(handle, sizeof(*adapter));
    if (!adapter)
        return NDIS_STATUS_RESOURCES;
    nic_port_open(&adapter->port, handle);
    InitializeListHead(&adapter->nic_switch.filters);
    status = start_adapter(adapter, parameters);
    if (status != NDIS_STATUS_SUCCESS)
        free_adapter(adapter);
    return status;
}

/* NDIS has deleted the switch by now, unless the card was pulled. Then disabling fails, and there is nothing left to
 * disable. */
static VOID pf_halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    struct pf_adapter *adapter = context;

    UNREFERENCED_PARAMETER(action);
    if (adapter->virtualized)
        (void)pf_disable(adapter);
    free_adapter(adapter);
}

static NDIS_STATUS pf_restart(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(parameters);
    nic_set_flags(context, 0, NIC_RUNNING);
    return NDIS_STATUS_SUCCESS;
}

/* No DMA and no interrupts are running: the machine may go down. */
static VOID pf_shutdown(NDIS_HANDLE context, NDIS_SHUTDOWN_ACTION action)
{
    UNREFERENCED_PARAMETER(action);
    nic_set_flags(context, NIC_RUNNING, 0);
}

static VOID pf_unload(PDRIVER_OBJECT driver)
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
    miniport.InitializeHandlerEx = pf_initialize;
    miniport.HaltHandlerEx = pf_halt;
    miniport.UnloadHandler = pf_unload;
    miniport.PauseHandler = nic_pause;
    miniport.RestartHandler = pf_restart;
    miniport.OidRequestHandler = pf_oid_request;
    miniport.SendNetBufferListsHandler = nic_send;
    miniport.ReturnNetBufferListsHandler = nic_return;
    miniport.CancelSendHandler = nic_cancel_send;
    miniport.DevicePnPEventNotifyHandler = nic_pnp_event;
    miniport.ShutdownHandlerEx = pf_shutdown;
    miniport.CancelOidRequestHandler = nic_cancel_oid;
    return NdisMRegisterMiniportDriver(driver, registry_path, NULL, &miniport, &driver_handle);
}
