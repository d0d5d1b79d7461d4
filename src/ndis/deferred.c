/* SPDX-License-Identifier: MIT
 *
 * Work items and timers of a miniport.
 */
#include "ndis/internal.h"

#define WORK_ITEM_TAG 0x4e645769 /* NdWi */

/* What a driver passes as its work item or timer may be freed already, or anything. */
static bool is_object(const void *object, size_t size, const char *routine)
{
    if (nt_pool_holds(object, size))
        return true;
    nt_violation_in(NT_RULE(POOL_BAD_FREE), routine, "%s: %p is no such object (freed already?)", routine, object);
    return false;
}

struct work_item {
    WORK_QUEUE_ITEM item;
    NDIS_IO_WORKITEM_ROUTINE routine;
    PVOID context;
    atomic_bool queued;
};

NDIS_EXPORT NDIS_HANDLE NdisAllocateIoWorkItem(NDIS_HANDLE NdisObjectHandle)
{
    struct work_item *work;

    if (!ndis_handle_ok(NdisObjectHandle, "NdisAllocateIoWorkItem") ||
        !nt_irql_at_most(DISPATCH_LEVEL, "NdisAllocateIoWorkItem") || !nt_work_promise(nt_current()))
        return NULL;
    work = NDIS_POOL(sizeof *work, WORK_ITEM_TAG);
    if (work)
        memset(work, 0, sizeof *work);
    return work;
}

/* The routine may free or queue its own item: nothing of it is touched after the call. */
static VOID run_item(PVOID context)
{
    struct work_item *work = context;
    NDIS_IO_WORKITEM_ROUTINE routine = work->routine;
    PVOID argument = work->context;

    atomic_store(&work->queued, false);
    routine(argument, work);
}

NDIS_EXPORT VOID NdisQueueIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle, NDIS_IO_WORKITEM_ROUTINE Routine,
                                     PVOID WorkItemContext)
{
    struct work_item *work = NdisIoWorkItemHandle;

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisQueueIoWorkItem") ||
        !is_object(work, sizeof *work, "NdisQueueIoWorkItem"))
        return;
    if (atomic_exchange(&work->queued, true)) {
        nt_violation(NT_RULE(WORK_ITEM_QUEUED_TWICE), "NdisQueueIoWorkItem: the item is queued already");
        return;
    }
    work->routine = Routine;
    work->context = WorkItemContext;
    ExInitializeWorkItem(&work->item, run_item, work);
    ExQueueWorkItem(&work->item, DelayedWorkQueue);
}

NDIS_EXPORT VOID NdisFreeIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle)
{
    struct work_item *work = NdisIoWorkItemHandle;

    if (!is_object(work, sizeof *work, "NdisFreeIoWorkItem"))
        return;
    if (atomic_load(&work->queued)) {
        nt_violation(NDIS_RULE(WORK_ITEM_FREED_QUEUED), "NdisFreeIoWorkItem: the item is queued; it is not freed");
        return;
    }
    ExFreePoolWithTag(work, WORK_ITEM_TAG);
}

/* ---- timers ----------------------------------------------------------------------------------------------- */

struct timer {
    KTIMER timer;
    KDPC dpc;
    PNDIS_TIMER_FUNCTION routine;
    PVOID context;
    ULONG tag;
};

static VOID expired(PKDPC dpc, PVOID context, PVOID one, PVOID two)
{
    struct timer *timer = context;

    (void)dpc;
    timer->routine(one, timer->context, two, NULL);
}

NDIS_EXPORT NDIS_STATUS NdisAllocateTimerObject(NDIS_HANDLE NdisHandle,
                                                PNDIS_TIMER_CHARACTERISTICS TimerCharacteristics,
                                                PNDIS_HANDLE pTimerObject)
{
    struct timer *timer;

    if (!ndis_handle_ok(NdisHandle, "NdisAllocateTimerObject") || !TimerCharacteristics->TimerFunction ||
        !ndis_header_ok(TimerCharacteristics, NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS,
                        NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1))
        return NDIS_STATUS_FAILURE;
    timer = NDIS_POOL(sizeof *timer, TimerCharacteristics->AllocationTag);
    if (!timer)
        return NDIS_STATUS_RESOURCES;
    timer->routine = TimerCharacteristics->TimerFunction;
    timer->context = TimerCharacteristics->FunctionContext;
    timer->tag = TimerCharacteristics->AllocationTag;
    KeInitializeTimerEx(&timer->timer, NotificationTimer);
    KeInitializeDpc(&timer->dpc, expired, timer);
    *pTimerObject = timer;
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisFreeTimerObject(NDIS_HANDLE TimerObject)
{
    struct timer *timer = TimerObject;

    if (!is_object(timer, sizeof *timer, "NdisFreeTimerObject"))
        return;
    if (KeCancelTimer(&timer->timer))
        nt_violation(NDIS_RULE(TIMER_FREED_SET), "NdisFreeTimerObject: the timer is set");
    ExFreePoolWithTag(timer, timer->tag);
}

NDIS_EXPORT BOOLEAN NdisSetTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime, LONG MillisecondsPeriod,
                                       PVOID FunctionContext)
{
    struct timer *timer = TimerObject;

    if (FunctionContext)
        timer->context = FunctionContext;
    return KeSetTimerEx(&timer->timer, DueTime, MillisecondsPeriod, &timer->dpc);
}

NDIS_EXPORT BOOLEAN NdisCancelTimerObject(NDIS_HANDLE TimerObject)
{
    return KeCancelTimer(&((struct timer *)TimerObject)->timer);
}
