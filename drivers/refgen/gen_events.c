/* SPDX-License-Identifier: MIT
 *
 * ATTACH, NOTIFICATION, EVENT_COMPLETE, DETACH: how the virtualization stack hears of a rebalance and has its word in
 * it (pci.md 3.6, 5.9, 5.12 rules 11 to 13). Waiting threads hold no lock.
 */
#include "gen.h"

VOID gen_events_init(struct gen_events *events)
{
    InitializeListHead(&events->notifications);
    KeInitializeEvent(&events->resolved, NotificationEvent, FALSE);
    KeInitializeEvent(&events->safe, NotificationEvent, TRUE);
}

/* Under the lock. */
static VOID resolve(struct gen_events *events, NTSTATUS status)
{
    if (!events->pending)
        return;
    events->pending = events->fresh = FALSE;
    events->status = status;
    KeSetEvent(&events->resolved, IO_NO_INCREMENT, FALSE);
}

/* An event is carried by one request, the oldest. */
static VOID deliver(struct gen_adapter *adapter)
{
    struct gen_events *events = &adapter->events;
    SRIOV_PF_EVENT code;
    PIRP irp = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    code = events->code;
    if (events->fresh)
        irp = gen_dequeue(&events->notifications, SRIOV_INVALIDATE_BLOCK_ALL_VFS);
    if (irp)
        events->fresh = FALSE;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!irp)
        return;
    *(PSRIOV_PF_EVENT)irp->AssociatedIrp.SystemBuffer = code;
    gen_complete(adapter, irp, STATUS_SUCCESS, sizeof(code));
}

/* Under the lock. Without a client there is nobody to tell, and nobody to wait for. */
static BOOLEAN raise(struct gen_adapter *adapter, SRIOV_PF_EVENT code)
{
    struct gen_events *events = &adapter->events;

    if (!events->attached || adapter->removed)
        return FALSE;
    events->pending = events->fresh = TRUE;
    events->code = code;
    KeClearEvent(&events->resolved);
    return TRUE;
}

/* Until the client has spoken, or there is none any more. */
static NTSTATUS wait_for_word(struct gen_adapter *adapter)
{
    NTSTATUS status;
    KIRQL irql;

    deliver(adapter);
    KeWaitForSingleObject(&adapter->events.resolved, Executive, KernelMode, FALSE, NULL);
    KeAcquireSpinLock(&adapter->lock, &irql);
    status = adapter->events.status;
    KeReleaseSpinLock(&adapter->lock, irql);
    return status;
}

/* Under the lock. */
static VOID set_rebalancing(struct gen_adapter *adapter, BOOLEAN on)
{
    struct gen_events *events = &adapter->events;

    events->rebalancing = on;
    if (on && !adapter->removed)
        KeClearEvent(&events->safe);
    else
        KeSetEvent(&events->safe, IO_NO_INCREMENT, FALSE);
}

NTSTATUS gen_rebalance_begins(struct gen_adapter *adapter)
{
    NTSTATUS status;
    BOOLEAN wait;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    set_rebalancing(adapter, TRUE);
    wait = raise(adapter, SriovEventPfQueryStopDevice);
    KeReleaseSpinLock(&adapter->lock, irql);
    status = wait ? wait_for_word(adapter) : STATUS_SUCCESS;
    if (NT_SUCCESS(status))
        return status;
    KeAcquireSpinLock(&adapter->lock, &irql);
    set_rebalancing(adapter, FALSE);
    KeReleaseSpinLock(&adapter->lock, irql);
    return status;
}

/* Who waits to attach gets in now. He is not told: he knows of no rebalance (pci.md 3.6 step 5). */
VOID gen_rebalance_ends(struct gen_adapter *adapter)
{
    BOOLEAN wait = FALSE;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->events.rebalancing) {
        wait = raise(adapter, SriovEventPfRestart);
        set_rebalancing(adapter, FALSE);
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (wait)
        (VOID) wait_for_word(adapter);
}

VOID gen_gone(struct gen_adapter *adapter)
{
    struct gen_events *events = &adapter->events;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    adapter->removed = TRUE;
    resolve(events, STATUS_NO_SUCH_DEVICE);
    KeSetEvent(&events->safe, IO_NO_INCREMENT, FALSE);
    KeReleaseSpinLock(&adapter->lock, irql);
    gen_end_queue(adapter, &events->notifications, STATUS_NO_SUCH_DEVICE);
    gen_end_queue(adapter, &adapter->invalidations, STATUS_NO_SUCH_DEVICE);
    gen_end_queue(adapter, &adapter->range_updates, STATUS_NO_SUCH_DEVICE);
}

/* ---- the client's requests ------------------------------------------------------------------------------------- */

/* What an ATTACH can be told now; STATUS_PENDING: not before the rebalance is over. */
static NTSTATUS try_attach(struct gen_adapter *adapter)
{
    struct gen_events *events = &adapter->events;
    NTSTATUS status = STATUS_SUCCESS;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->removed)
        status = STATUS_NO_SUCH_DEVICE;
    else if (events->attached)
        status = STATUS_SHARING_VIOLATION;
    else if (events->rebalancing)
        status = STATUS_PENDING;
    else
        events->attached = TRUE;
    KeReleaseSpinLock(&adapter->lock, irql);
    return status;
}

/* The sender waits on this thread (pci.md 3.6 step 1). */
NTSTATUS gen_attach(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    NTSTATUS status;

    UNREFERENCED_PARAMETER(irp);
    UNREFERENCED_PARAMETER(stack);
    while ((status = try_attach(adapter)) == STATUS_PENDING)
        KeWaitForSingleObject(&adapter->events.safe, Executive, KernelMode, FALSE, NULL);
    return status;
}

NTSTATUS gen_detach(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    KIRQL irql;

    UNREFERENCED_PARAMETER(irp);
    UNREFERENCED_PARAMETER(stack);
    KeAcquireSpinLock(&adapter->lock, &irql);
    adapter->events.attached = FALSE;
    resolve(&adapter->events, STATUS_SUCCESS);
    KeReleaseSpinLock(&adapter->lock, irql);
    return STATUS_SUCCESS;
}

NTSTATUS gen_notification(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    NTSTATUS status;
    BOOLEAN attached;
    KIRQL irql;

    UNREFERENCED_PARAMETER(stack);
    KeAcquireSpinLock(&adapter->lock, &irql);
    attached = adapter->events.attached;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!attached)
        return STATUS_INVALID_DEVICE_STATE;
    status = gen_queue(adapter, &adapter->events.notifications, irp);
    deliver(adapter);
    return status;
}

NTSTATUS gen_event_complete(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    NTSTATUS word = ((PSRIOV_PNP_EVENT_COMPLETE)irp->AssociatedIrp.SystemBuffer)->QueryStatus;
    NTSTATUS status = STATUS_INVALID_DEVICE_STATE;
    KIRQL irql;

    UNREFERENCED_PARAMETER(stack);
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->events.attached && adapter->events.pending) {
        resolve(&adapter->events, word == STATUS_PENDING ? STATUS_UNSUCCESSFUL : word);
        status = STATUS_SUCCESS;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return status;
}
