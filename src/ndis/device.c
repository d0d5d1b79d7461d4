/* SPDX-License-Identifier: MIT
 *
 * What a miniport asks of its device, and asks NDIS to do with it: device objects, version, event log, reset, removal.
 */
#include <stdarg.h>
#include <stdio.h>

#include "ndis/internal.h"

#define VERSION_MAJOR 6u
#define VERSION_MINOR 89u

NDIS_EXPORT VOID NdisMGetDeviceProperty(NDIS_HANDLE MiniportAdapterHandle, PDEVICE_OBJECT *PhysicalDeviceObject,
                                        PDEVICE_OBJECT *FunctionalDeviceObject, PDEVICE_OBJECT *NextDeviceObject,
                                        PCM_RESOURCE_LIST *AllocatedResources,
                                        PCM_RESOURCE_LIST *AllocatedResourcesTranslated)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMGetDeviceProperty");

    if (!adapter)
        return;
    if (PhysicalDeviceObject)
        *PhysicalDeviceObject = adapter->pdo;
    if (FunctionalDeviceObject)
        *FunctionalDeviceObject = adapter->fdo;
    if (NextDeviceObject)
        *NextDeviceObject = adapter->lower;
    if (AllocatedResources)
        *AllocatedResources = adapter->resources;
    if (AllocatedResourcesTranslated)
        *AllocatedResourcesTranslated = adapter->translated;
}

NDIS_EXPORT ULONG NdisGetVersion(VOID)
{
    return VERSION_MAJOR << 16 | VERSION_MINOR;
}

/* The event log is the trace. */
NDIS_EXPORT VOID NdisWriteErrorLogEntry(NDIS_HANDLE NdisAdapterHandle, ULONG ErrorCode, ULONG NumberOfErrorValues, ...)
{
    struct ndis_adapter *adapter = ndis_entry(NdisAdapterHandle, DISPATCH_LEVEL, "NdisWriteErrorLogEntry");
    char text[96] = "";
    size_t used = 0;
    va_list values;

    if (!adapter)
        return;
    va_start(values, NumberOfErrorValues);
    for (ULONG i = 0; i < NumberOfErrorValues && used < sizeof text - 10; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, " %08x", va_arg(values, unsigned));
    va_end(values);
    TRACE_NOTE("ndis", "NdisWriteErrorLogEntry: %s, error %08x%s", nt_driver_name(adapter->driver->object), ErrorCode,
               text);
}

/* ---- what NDIS does later, on a thread of its own at PASSIVE_LEVEL ----------------------------------------- */

/* The item is the adapter's own: a miniport that has failed is ended without memory. `wanted` stays set until `routine`
 * has run; in a partition without any thread for it the miniport has to ask again. */
static void later(struct ndis_adapter *adapter, atomic_bool *wanted, PWORK_QUEUE_ITEM item,
                  PWORKER_THREAD_ROUTINE routine)
{
    if (atomic_exchange(wanted, true))
        return;
    if (!nt_work_promise(adapter->room->nt)) {
        atomic_store(wanted, false);
        return;
    }
    ndis_adapter_hold(adapter);
    ExInitializeWorkItem(item, routine, adapter);
    ExQueueWorkItem(item, DelayedWorkQueue);
}

static VOID reset(PVOID context)
{
    struct ndis_adapter *adapter = context;

    ndis_reset(adapter);
    atomic_store(&adapter->wants_reset, false);
    ndis_adapter_release(adapter);
}

NDIS_EXPORT VOID NdisMResetMiniport(NDIS_HANDLE NdisMiniportHandle)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, DISPATCH_LEVEL, "NdisMResetMiniport");

    if (!adapter)
        return;
    TRACE_NOTE("ndis", "NdisMResetMiniport");
    later(adapter, &adapter->wants_reset, &adapter->reset_item, reset);
}

static VOID remove_it(PVOID context)
{
    struct ndis_adapter *adapter = context;

    ndis_surprise_removed(adapter);
    ndis_adapter_release(adapter);
}

/* The device has failed: as after a surprise removal no request reaches it; who started it removes it. */
NDIS_EXPORT VOID NdisMRemoveMiniport(NDIS_HANDLE NdisMiniportHandle)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, DISPATCH_LEVEL, "NdisMRemoveMiniport");

    if (!adapter)
        return;
    TRACE_REFUSE("ndis", "ADAPTER_FAILED WDK NdisMRemoveMiniport", "the miniport asks for its removal");
    later(adapter, &adapter->wants_removal, &adapter->removal_item, remove_it);
}
