/* SPDX-License-Identifier: MIT
 *
 * A driver image that does what the packet filter it is given says: see commands.h.
 */
#include <ndis.h>

#include "commands.h"

static NDIS_HANDLE driver_handle;
static NDIS_HANDLE adapter;
static volatile UCHAR *volatile nowhere;

static NDIS_STATUS set_attributes(NDIS_HANDLE handle)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration = {0};
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general = {0};

    registration.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    registration.Header.Revision = 1;
    registration.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    general.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    general.Header.Revision = 2;
    general.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    if (NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&registration) != NDIS_STATUS_SUCCESS)
        return NDIS_STATUS_FAILURE;
    return NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&general);
}

static NDIS_STATUS initialize(NDIS_HANDLE handle, NDIS_HANDLE context, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(parameters);
    adapter = handle;
    return set_attributes(handle);
}

static VOID halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(action);
}

static NDIS_STATUS pause_handler(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(parameters);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS restart(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(parameters);
    return NDIS_STATUS_SUCCESS;
}

static void sleep_at_dispatch(void)
{
    KIRQL irql;

    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    NdisMSleep(1);
    KeLowerIrql(irql);
}

static NDIS_STATUS oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    volatile UCHAR *buffer = request->DATA.SET_INFORMATION.InformationBuffer;

    UNREFERENCED_PARAMETER(context);
    if (request->DATA.SET_INFORMATION.Oid != OID_GEN_CURRENT_PACKET_FILTER ||
        request->RequestType != NdisRequestSetInformation)
        return NDIS_STATUS_NOT_SUPPORTED;
    switch (*buffer) {
    case COMMAND_SLEEP:
        sleep_at_dispatch();
        break;
    case COMMAND_DISABLE:
        NdisMEnableVirtualization(adapter, 0, FALSE, FALSE, FALSE);
        break;
    case COMMAND_WRITE_BEFORE:
        buffer[-1] = 0;
        break;
    case COMMAND_WRITE_BEHIND:
        buffer[8] = 0;
        break;
    case COMMAND_LEAK:
        ExAllocatePoolWithTag(NonPagedPool, 100, 'tseT');
        break;
    case COMMAND_NULL:
        *nowhere = 0;
        break;
    default:
        break;
    }
    return NDIS_STATUS_SUCCESS;
}

static VOID cancel(NDIS_HANDLE context, PVOID id)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(id);
}

static VOID send_lists(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER port, ULONG flags)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(lists);
    UNREFERENCED_PARAMETER(port);
    UNREFERENCED_PARAMETER(flags);
}

static VOID return_lists(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(lists);
    UNREFERENCED_PARAMETER(flags);
}

static VOID pnp_event(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(event);
}

static VOID shutdown_handler(NDIS_HANDLE context, NDIS_SHUTDOWN_ACTION action)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(action);
}

static VOID unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
    NdisMDeregisterMiniportDriver(driver_handle);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS c = {0};

    c.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS;
    c.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    c.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_2;
    c.MajorNdisVersion = 6;
    c.MinorNdisVersion = 30;
    c.InitializeHandlerEx = initialize;
    c.HaltHandlerEx = halt;
    c.UnloadHandler = unload;
    c.PauseHandler = pause_handler;
    c.RestartHandler = restart;
    c.OidRequestHandler = oid_request;
    c.SendNetBufferListsHandler = send_lists;
    c.ReturnNetBufferListsHandler = return_lists;
    c.CancelSendHandler = cancel;
    c.DevicePnPEventNotifyHandler = pnp_event;
    c.ShutdownHandlerEx = shutdown_handler;
    c.CancelOidRequestHandler = cancel;
    return NdisMRegisterMiniportDriver(driver, path, NULL, &c, &driver_handle);
}
