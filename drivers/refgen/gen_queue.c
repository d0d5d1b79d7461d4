/* SPDX-License-Identifier: MIT
 *
 * Whoever takes the cancel routine out of an IRP ends it: the queue, or IoCancelIrp. An IRP that the latter won stays
 * where it is until its cancel routine has taken it out of the list.
 */
#include "gen.h"

/* The IRP was queued. */
VOID gen_complete(struct gen_adapter *adapter, PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    IoReleaseRemoveLock(&adapter->remove_lock, irp);
}

static VOID cancel(PDEVICE_OBJECT device, PIRP irp)
{
    struct gen_adapter *adapter = gen_adapter_of(device);
    KIRQL irql;

    IoReleaseCancelSpinLock(irp->CancelIrql);
    KeAcquireSpinLock(&adapter->lock, &irql);
    RemoveEntryList(&irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&adapter->lock, irql);
    gen_complete(adapter, irp, STATUS_CANCELLED, 0);
}

/* Was the IRP cancelled before it had a cancel routine? Then it is the caller's again. */
static BOOLEAN was_cancelled(PIRP irp)
{
    BOOLEAN cancelled;
    KIRQL irql;

    IoAcquireCancelSpinLock(&irql);
    cancelled = irp->Cancel && IoSetCancelRoutine(irp, NULL);
    IoReleaseCancelSpinLock(irql);
    return cancelled;
}

NTSTATUS gen_queue(struct gen_adapter *adapter, PLIST_ENTRY queue, PIRP irp)
{
    BOOLEAN cancelled;
    KIRQL irql;

    if (!NT_SUCCESS(IoAcquireRemoveLock(&adapter->remove_lock, irp)))
        return STATUS_NO_SUCH_DEVICE;
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->removed) {
        KeReleaseSpinLock(&adapter->lock, irql);
        IoReleaseRemoveLock(&adapter->remove_lock, irp);
        return STATUS_NO_SUCH_DEVICE;
    }
    IoMarkIrpPending(irp);
    IoSetCancelRoutine(irp, cancel);
    cancelled = was_cancelled(irp);
    if (!cancelled)
        InsertTailList(queue, &irp->Tail.Overlay.ListEntry);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (cancelled)
        gen_complete(adapter, irp, STATUS_CANCELLED, 0);
    return STATUS_PENDING;
}

PIRP gen_dequeue(PLIST_ENTRY queue, USHORT vf)
{
    PLIST_ENTRY entry;

    for (entry = queue->Flink; entry != queue; entry = entry->Flink) {
        PIRP irp = CONTAINING_RECORD(entry, IRP, Tail.Overlay.ListEntry);

        if (vf != SRIOV_INVALIDATE_BLOCK_ALL_VFS && (USHORT)(ULONG_PTR)irp->Tail.Overlay.DriverContext[0] != vf)
            continue;
        if (!IoSetCancelRoutine(irp, NULL))
            continue;
        RemoveEntryList(entry);
        return irp;
    }
    return NULL;
}

VOID gen_end_queue(struct gen_adapter *adapter, PLIST_ENTRY queue, NTSTATUS status)
{
    KIRQL irql;
    PIRP irp;

    do {
        KeAcquireSpinLock(&adapter->lock, &irql);
        irp = gen_dequeue(queue, SRIOV_INVALIDATE_BLOCK_ALL_VFS);
        KeReleaseSpinLock(&adapter->lock, irql);
        if (irp)
            gen_complete(adapter, irp, status, 0);
    } while (irp);
}
