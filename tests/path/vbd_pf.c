/* SPDX-License-Identifier: MIT
 *
 * A PF miniport for a card with refvbd: refnic's, whose calls for VFs go through the private channel. A channel is
 * taken round MiniportInitializeEx and given back after MiniportHaltEx. Built without vbd_pf.h, so that the names are
 * NDIS's.
 *
 * With the keyword "*WrongRoad" it calls NDIS's wrappers once while it initialises, which it must not.
 */
#include <initguid.h>

#include "drivers/refnic/pf.h"
#include "drivers/refvbd/refvbd.h"

#define TAG 'pbVT'

struct channel {
    LIST_ENTRY link;
    NDIS_HANDLE handle; /* the adapter's */
    REFVBD_INTERFACE vbd;
};

/* Channels come and go while no adapter of theirs is called; the lock is for other cards. */
static LIST_ENTRY channels = {&channels, &channels};
static KSPIN_LOCK channels_lock;
static MINIPORT_INITIALIZE_HANDLER initialize;
static MINIPORT_HALT_HANDLER halt;

static struct channel *find(NDIS_HANDLE handle)
{
    struct channel *found = NULL;
    KIRQL irql;
    PLIST_ENTRY entry;

    KeAcquireSpinLock(&channels_lock, &irql);
    for (entry = channels.Flink; entry != &channels && !found; entry = entry->Flink) {
        struct channel *channel = CONTAINING_RECORD(entry, struct channel, link);

        if (channel->handle == handle)
            found = channel;
    }
    KeReleaseSpinLock(&channels_lock, irql);
    return found;
}

static NTSTATUS ask(PDEVICE_OBJECT below, PREFVBD_INTERFACE out)
{
    IO_STATUS_BLOCK result;
    KEVENT completed;
    NTSTATUS status;
    PIO_STACK_LOCATION next;
    PIRP irp;

    KeInitializeEvent(&completed, NotificationEvent, FALSE);
    irp = IoBuildSynchronousFsdRequest(IRP_MJ_PNP, below, NULL, 0, NULL, &completed, &result);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    next = IoGetNextIrpStackLocation(irp);
    next->MinorFunction = IRP_MN_QUERY_INTERFACE;
    next->Parameters.QueryInterface.InterfaceType = &GUID_REFVBD_INTERFACE;
    next->Parameters.QueryInterface.Size = sizeof(*out);
    next->Parameters.QueryInterface.Version = REFVBD_INTERFACE_VERSION;
    next->Parameters.QueryInterface.Interface = (PINTERFACE)out;
    status = IoCallDriver(below, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&completed, Executive, KernelMode, FALSE, NULL);
        status = result.Status;
    }
    return status;
}

static struct channel *open_channel(NDIS_HANDLE handle)
{
    struct channel *channel = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*channel), TAG);
    PDEVICE_OBJECT below;

    if (!channel)
        return NULL;
    channel->handle = handle;
    NdisMGetDeviceProperty(handle, NULL, NULL, &below, NULL, NULL);
    if (!below || !NT_SUCCESS(ask(below, &channel->vbd))) {
        ExFreePoolWithTag(channel, TAG);
        return NULL;
    }
    ExInterlockedInsertTailList(&channels, &channel->link, &channels_lock);
    return channel;
}

static VOID close_channel(struct channel *channel)
{
    KIRQL irql;

    KeAcquireSpinLock(&channels_lock, &irql);
    RemoveEntryList(&channel->link);
    KeReleaseSpinLock(&channels_lock, irql);
    channel->vbd.InterfaceDereference(channel->vbd.Context);
    ExFreePoolWithTag(channel, TAG);
}

/* What a miniport without knowledge of its VBD would do; every one of these fails and is reported. */
static BOOLEAN wrappers_are_refused(NDIS_HANDLE handle)
{
    ULONG value = 0x5A5A5A5A, bars[6] = {1, 2, 3, 4, 5, 6};
    USHORT segment;
    UCHAR bus, function;

    NdisMGetVirtualFunctionLocation(handle, 0, &segment, &bus, &function);
    return NdisMEnableVirtualization(handle, 2, FALSE, FALSE, TRUE) != NDIS_STATUS_SUCCESS &&
           NdisMSetVirtualFunctionBusData(handle, 0, &value, 4, 4) == 0 &&
           NdisMGetVirtualFunctionBusData(handle, 0, &value, 4, 4) == 0 && value == 0x5A5A5A5A &&
           NdisMQueryProbedBars(handle, bars) != NDIS_STATUS_SUCCESS && bars[0] == 1 && segment == 0xFFFF &&
           bus == 0xFF && function == 0xFF;
}

static BOOLEAN keyword_is_set(NDIS_HANDLE handle)
{
    static NDIS_STRING keyword = NDIS_STRING_CONST("*WrongRoad");
    PNDIS_CONFIGURATION_PARAMETER parameter;
    NDIS_CONFIGURATION_OBJECT object;
    NDIS_HANDLE configuration;
    NDIS_STATUS status;

    NdisZeroMemory(&object, sizeof(object));
    object.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    object.Header.Revision = NDIS_CONFIGURATION_OBJECT_REVISION_1;
    object.Header.Size = NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1;
    object.NdisHandle = handle;
    if (NdisOpenConfigurationEx(&object, &configuration) != NDIS_STATUS_SUCCESS)
        return FALSE;
    NdisReadConfiguration(&status, &parameter, configuration, &keyword, NdisParameterInteger);
    NdisCloseConfiguration(configuration);
    return status == NDIS_STATUS_SUCCESS;
}

/* ---- MiniportInitializeEx and MiniportHaltEx, with a channel round them --------------------------------------------
 */

static NDIS_STATUS vbd_initialize(NDIS_HANDLE handle, NDIS_HANDLE driver, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    struct channel *channel = open_channel(handle);
    NDIS_STATUS status;

    if (!channel) {
        DbgPrint("vbd_pf: no virtual bus driver below\n");
        return NDIS_STATUS_FAILURE;
    }
    status = keyword_is_set(handle) && !wrappers_are_refused(handle) ? NDIS_STATUS_FAILURE
                                                                     : initialize(handle, driver, parameters);
    if (status != NDIS_STATUS_SUCCESS)
        close_channel(channel);
    return status;
}

static VOID vbd_halt(NDIS_HANDLE context, NDIS_HALT_ACTION action)
{
    struct pf_adapter *adapter = context;
    struct channel *channel = find(adapter->port.handle);

    halt(context, action);
    close_channel(channel);
}

/* ---- what vbd_pf.h puts in the place of NDIS's ----------------------------------------------------------------------
 */

NDIS_STATUS vbd_register(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                         PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE handle)
{
    KeInitializeSpinLock(&channels_lock);
    initialize = miniport->InitializeHandlerEx;
    halt = miniport->HaltHandlerEx;
    miniport->InitializeHandlerEx = vbd_initialize;
    miniport->HaltHandlerEx = vbd_halt;
    return NdisMRegisterMiniportDriver(driver, path, context, miniport, handle);
}

ULONG vbd_set_data(NDIS_HANDLE handle, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct channel *channel = find(handle);

    return channel->vbd.SetVfData(channel->vbd.Context, vf, buffer, offset, length);
}

ULONG vbd_get_data(NDIS_HANDLE handle, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct channel *channel = find(handle);

    return channel->vbd.GetVfData(channel->vbd.Context, vf, buffer, offset, length);
}

VOID vbd_get_location(NDIS_HANDLE handle, NDIS_SRIOV_FUNCTION_ID vf, PUSHORT segment, PUCHAR bus, PUCHAR function)
{
    struct channel *channel = find(handle);

    if (!NT_SUCCESS(channel->vbd.GetVfLocation(channel->vbd.Context, vf, segment, bus, function)))
        *segment = 0xFFFF, *bus = 0xFF, *function = 0xFF;
}

NDIS_STATUS vbd_enable(NDIS_HANDLE handle, USHORT num_vfs, BOOLEAN migration, BOOLEAN interrupt, BOOLEAN enable)
{
    struct channel *channel = find(handle);

    UNREFERENCED_PARAMETER(migration);
    UNREFERENCED_PARAMETER(interrupt);
    return NT_SUCCESS(channel->vbd.EnableVfs(channel->vbd.Context, enable ? num_vfs : 0)) ? NDIS_STATUS_SUCCESS
                                                                                          : NDIS_STATUS_FAILURE;
}

NDIS_STATUS vbd_query_bars(NDIS_HANDLE handle, PULONG values)
{
    struct channel *channel = find(handle);

    return NT_SUCCESS(channel->vbd.GetProbedBars(channel->vbd.Context, values)) ? NDIS_STATUS_SUCCESS
                                                                                : NDIS_STATUS_FAILURE;
}
