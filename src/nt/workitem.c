/* SPDX-License-Identifier: MIT
 *
 * Work items as drivers make them.
 */
#include "nt/internal.h"

#define NT_TAG_WORK_ITEM 0x49576f49u /* "IoWI" */

struct _IO_WORKITEM {
    struct nt_work work;
    struct nt_partition *partition;
    PVOID object; /* device or driver: referenced while the item is queued */
    PIO_WORKITEM_ROUTINE routine;
    PIO_WORKITEM_ROUTINE_EX routine_ex;
    PVOID context;
    _Atomic bool queued;
};

NT_EXPORT PIO_WORKITEM IoAllocateWorkItem(PDEVICE_OBJECT device)
{
    if (!nt_partition_current || !nt_irql_at_most(DISPATCH_LEVEL, "IoAllocateWorkItem") ||
        nt_fault("IoAllocateWorkItem") || !nt_work_promise(nt_partition_current))
        return NULL;
    PIO_WORKITEM item =
        nt_pool_allocate_for(nt_partition_current, sizeof(*item), NT_TAG_WORK_ITEM, __builtin_return_address(0));
    if (!item)
        return NULL;
    item->object = device;
    item->partition = nt_partition_current;
    return item;
}

NT_EXPORT VOID IoFreeWorkItem(PIO_WORKITEM item)
{
    if (atomic_load(&item->queued))
        nt_violation(NT_RULE(WORK_ITEM_QUEUED),
                     "a work item is freed while it is queued"); /* and stays: it will still run */
    else
        ExFreePoolWithTag(item, NT_TAG_WORK_ITEM);
}

/* The routine may free the item: nothing of it is used once the routine runs. */
static void run(void *context)
{
    PIO_WORKITEM item = context;
    PVOID object = item->object, argument = item->context;
    PIO_WORKITEM_ROUTINE routine = item->routine;
    PIO_WORKITEM_ROUTINE_EX routine_ex = item->routine_ex;
    atomic_store(&item->queued, false);
    if (routine_ex)
        routine_ex(object, argument, item);
    else
        routine(object, argument);
    nt_object_dereference(object);
}

static void queue(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE routine, PIO_WORKITEM_ROUTINE_EX routine_ex, PVOID context)
{
    nt_irql_at_most(DISPATCH_LEVEL, "IoQueueWorkItem");
    if (atomic_exchange(&item->queued, true)) {
        nt_violation(NT_RULE(WORK_ITEM_QUEUED_TWICE), "IoQueueWorkItem on an item that is queued");
        return;
    }
    item->routine = routine;
    item->routine_ex = routine_ex;
    item->context = context;
    item->work.routine = run;
    item->work.context = item;
    nt_object_reference(item->object);
    nt_work_insert(item->partition, &item->work);
}

NT_EXPORT VOID IoQueueWorkItem(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE routine, WORK_QUEUE_TYPE type, PVOID context)
{
    (void)type;
    queue(item, routine, NULL, context);
}

NT_EXPORT VOID IoQueueWorkItemEx(PIO_WORKITEM item, PIO_WORKITEM_ROUTINE_EX routine, WORK_QUEUE_TYPE type,
                                 PVOID context)
{
    (void)type;
    queue(item, NULL, routine, context);
}

/* The item is what is queued: nothing has to be allocated for it. */
NT_EXPORT VOID ExQueueWorkItem(PWORK_QUEUE_ITEM item, WORK_QUEUE_TYPE type)
{
    (void)type;
    nt_irql_at_most(DISPATCH_LEVEL, "ExQueueWorkItem");
    if (nt_partition_current)
        nt_work_insert(nt_partition_current, (struct nt_work *)item);
    else
        nt_violation(NT_RULE(NO_THREAD), "ExQueueWorkItem: the thread is in no partition that could run the item");
}
