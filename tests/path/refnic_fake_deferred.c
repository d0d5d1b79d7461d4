/* SPDX-License-Identifier: MIT
 *
 * The stand-in's work items, timers and events. Nothing runs by itself: a test says when, or a wait does.
 */
#include "refnic_fake_card.h"

void fake_run_work(void)
{
    NDIS_IO_WORKITEM_ROUTINE routine = fake->work.routine;
    fake->work.routine = NULL;
    if (routine)
        routine(fake->work.context, &fake->work);
}

void fake_tick(void)
{
    if (fake->timer.set)
        fake->timer.function(NULL, fake->timer.context, NULL, NULL);
}

NDIS_HANDLE NdisAllocateIoWorkItem(NDIS_HANDLE adapter)
{
    (void)adapter;
    if (fake_fails("NdisAllocateIoWorkItem"))
        return NULL;
    fake->allocations++;
    return &fake->work;
}

VOID NdisQueueIoWorkItem(NDIS_HANDLE work, NDIS_IO_WORKITEM_ROUTINE routine, PVOID context)
{
    fake_entered("NdisQueueIoWorkItem");
    if (work != &fake->work || fake->work.routine)
        fake_mistake("a work item queued twice");
    fake->work.routine = routine;
    fake->work.context = context;
}

VOID NdisFreeIoWorkItem(NDIS_HANDLE work)
{
    fake_entered("NdisFreeIoWorkItem");
    if (work != &fake->work || fake->work.routine)
        fake_mistake("a queued work item freed");
    fake->allocations--;
}

NDIS_STATUS NdisAllocateTimerObject(NDIS_HANDLE adapter, PNDIS_TIMER_CHARACTERISTICS timer, PNDIS_HANDLE out)
{
    (void)adapter;
    if (fake_fails("NdisAllocateTimerObject"))
        return NDIS_STATUS_RESOURCES;
    fake->allocations++;
    fake->timer.function = timer->TimerFunction;
    fake->timer.context = timer->FunctionContext;
    *out = &fake->timer;
    return NDIS_STATUS_SUCCESS;
}

BOOLEAN NdisSetTimerObject(NDIS_HANDLE timer, LARGE_INTEGER due, LONG period, PVOID context)
{
    BOOLEAN was = fake->timer.set;
    fake_entered("NdisSetTimerObject");
    if (timer != &fake->timer || context != fake->timer.context || due.QuadPart != -10000ll * period)
        fake_mistake("a timer set to something else");
    fake->timer.set = true;
    fake->timer.period_ms = (unsigned)period;
    return was;
}

BOOLEAN NdisCancelTimerObject(NDIS_HANDLE timer)
{
    BOOLEAN was = fake->timer.set;
    (void)timer;
    fake_entered("NdisCancelTimerObject");
    fake->timer.set = false;
    return was;
}

VOID NdisFreeTimerObject(NDIS_HANDLE timer)
{
    (void)timer;
    fake_entered("NdisFreeTimerObject");
    if (fake->timer.set)
        fake_mistake("a timer freed that is set");
    fake->allocations--;
}

VOID KeFlushQueuedDpcs(VOID)
{
    fake_entered("KeFlushQueuedDpcs");
}

VOID NdisInitializeEvent(PNDIS_EVENT event)
{
    memset(event, 0, sizeof(*event));
}

VOID NdisSetEvent(PNDIS_EVENT event)
{
    fake_entered("NdisSetEvent");
    event->Event.Header.SignalState = 1;
}

BOOLEAN NdisWaitEvent(PNDIS_EVENT event, UINT ms)
{
    (void)ms;
    fake_entered("NdisWaitEvent");
    fake_run_work();
    if (!event->Event.Header.SignalState)
        fake_mistake("a wait that nobody ends");
    return TRUE;
}
