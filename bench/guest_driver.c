/* SPDX-License-Identifier: MIT
 *
 * A VF miniport whose whole life is its MiniportInitializeEx: there it is measured, and then it declines to start.
 */
#include <ndis.h>

#include "guest_driver.h"

#define COMMAND    0x04
#define LINK_BLOCK 32
#define STATISTICS 1

static NDIS_HANDLE driver_handle;

static unsigned char set_bus_data(void *adapter, unsigned value)
{
    ULONG data = value;
    return NdisMSetBusData(adapter, PCI_WHICHSPACE_CONFIG, COMMAND, &data, sizeof(data)) == sizeof(data);
}

static unsigned char get_bus_data(void *adapter)
{
    ULONG data;
    return NdisMGetBusData(adapter, PCI_WHICHSPACE_CONFIG, COMMAND, &data, sizeof(data)) == sizeof(data);
}

static unsigned char read_block(void *adapter)
{
    UCHAR block[32];
    return NdisMReadConfigBlock(adapter, LINK_BLOCK, block, sizeof(block)) == NDIS_STATUS_SUCCESS;
}

/* Zeroes are the first piece of a snapshot: the PF driver takes them as often as they come. */
static unsigned char write_block(void *adapter)
{
    UCHAR block[128] = {0};
    return NdisMWriteConfigBlock(adapter, STATISTICS, block, sizeof(block)) == NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS initialize(NDIS_HANDLE adapter, NDIS_HANDLE driver, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(driver);
    UNREFERENCED_PARAMETER(parameters);
    const struct bench_guest_driver calls = {adapter, set_bus_data, get_bus_data, read_block, write_block};
    bench_in_guest(&calls);
    return NDIS_STATUS_FAILURE;
}

/* NDIS wants these of every miniport and calls none of an adapter that never started. */
static VOID halt(NDIS_HANDLE adapter, NDIS_HALT_ACTION action)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(action);
}

static NDIS_STATUS pause_adapter(NDIS_HANDLE adapter, PNDIS_MINIPORT_PAUSE_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(parameters);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS restart(NDIS_HANDLE adapter, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(parameters);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS oid_request(NDIS_HANDLE adapter, PNDIS_OID_REQUEST request)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(request);
    return NDIS_STATUS_NOT_SUPPORTED;
}

static VOID cancel_oid(NDIS_HANDLE adapter, PVOID request)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(request);
}

static VOID send(NDIS_HANDLE adapter, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags)
{
    UNREFERENCED_PARAMETER(port);
    UNREFERENCED_PARAMETER(flags);
    NdisMSendNetBufferListsComplete(adapter, lists, 0);
}

static VOID returned(NDIS_HANDLE adapter, PNET_BUFFER_LIST lists, ULONG flags)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(lists);
    UNREFERENCED_PARAMETER(flags);
}

static VOID cancel_send(NDIS_HANDLE adapter, PVOID id)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(id);
}

static VOID pnp_event(NDIS_HANDLE adapter, PNET_DEVICE_PNP_EVENT event)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(event);
}

static VOID shut_down(NDIS_HANDLE adapter, NDIS_SHUTDOWN_ACTION action)
{
    UNREFERENCED_PARAMETER(adapter);
    UNREFERENCED_PARAMETER(action);
}

static VOID unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
    NdisMDeregisterMiniportDriver(driver_handle);
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS, NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3,
                   NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3},
        .MajorNdisVersion = NDIS_MINIPORT_MAJOR_VERSION,
        .MinorNdisVersion = NDIS_MINIPORT_MINOR_VERSION,
        .InitializeHandlerEx = initialize,
        .HaltHandlerEx = halt,
        .UnloadHandler = unload,
        .PauseHandler = pause_adapter,
        .RestartHandler = restart,
        .OidRequestHandler = oid_request,
        .SendNetBufferListsHandler = send,
        .ReturnNetBufferListsHandler = returned,
        .CancelSendHandler = cancel_send,
        .DevicePnPEventNotifyHandler = pnp_event,
        .ShutdownHandlerEx = shut_down,
        .CancelOidRequestHandler = cancel_oid,
    };
    return NdisMRegisterMiniportDriver(driver, registry_path, NULL, &miniport, &driver_handle);
}
