/* SPDX-License-Identifier: MIT
 *
 * IOCTL_VPCI_INVALIDATE_BLOCK: requests wait in order, masks add up, neither is lost (pci.md 2.7, 5.8, 5.12 rule 5).
 *
 * An IRP's output address stands in Tail.Overlay.DriverContext[0]; [1] is set when it was unlinked for its cancel
 * routine.
 */
#include "vpci/vsc/internal.h"

#include <string.h>

static LIST_ENTRY *link_of(PIRP irp)
{
    return &irp->Tail.Overlay.ListEntry;
}

static void unlink_locked(struct vsc_function *function, PIRP irp)
{
    RemoveEntryList(link_of(irp));
    function->invalidate_count--;
}

static void finish(struct vsc_function *function, PIRP irp, NTSTATUS status)
{
    TRACE_DOOR(span, "vsc", "IOCTL_VPCI_INVALIDATE_BLOCK completion", "%s", nt_status_name(status));
    vsc_complete(irp, status, 0);
    vsc_gate_leave(&function->gate);
    TRACE_DONE(span, "completed");
}

static VOID cancel_invalidate(PDEVICE_OBJECT device, PIRP irp)
{
    struct vsc_function *function = vsc_function_of(device);
    IoReleaseCancelSpinLock(irp->CancelIrql);
    pthread_mutex_lock(&function->lock);
    if (!irp->Tail.Overlay.DriverContext[1])
        unlink_locked(function, irp);
    pthread_mutex_unlock(&function->lock);
    finish(function, irp, STATUS_CANCELLED);
}

/* The oldest request that is not being cancelled, unlinked; NULL: none. */
static PIRP take_oldest(struct vsc_function *function)
{
    PIRP taken = NULL;
    pthread_mutex_lock(&function->lock);
    while (!taken && !IsListEmpty(&function->invalidates)) {
        PIRP irp = CONTAINING_RECORD(function->invalidates.Flink, IRP, Tail.Overlay.ListEntry);
        unlink_locked(function, irp);
        if (IoSetCancelRoutine(irp, NULL))
            taken = irp;
        else
            irp->Tail.Overlay.DriverContext[1] = irp;
    }
    pthread_mutex_unlock(&function->lock);
    return taken;
}

static bool has_waiting(struct vsc_function *function)
{
    pthread_mutex_lock(&function->lock);
    bool waiting = !IsListEmpty(&function->invalidates);
    pthread_mutex_unlock(&function->lock);
    return waiting;
}

/* Brings mask and request together. A mask that finds no request goes back, and the queue is looked at once more: the
 * request that came in between saw no mask. */
static void deliver(struct vsc_function *function)
{
    do {
        uint64_t mask = atomic_exchange(&function->invalid_blocks, 0);
        if (!mask)
            return;
        PIRP irp = take_oldest(function);
        if (irp) {
            memcpy(irp->Tail.Overlay.DriverContext[0], &mask, sizeof mask);
            finish(function, irp, STATUS_SUCCESS);
        } else {
            atomic_fetch_or(&function->invalid_blocks, mask);
        }
    } while (has_waiting(function));
}

void vsc_invalidate_arrived(struct vsc_function *function, uint64_t mask)
{
    int state = atomic_load(&function->state);
    if (!mask || state == VSC_REMOVED || state == VSC_MISSING)
        return;
    uint64_t before = atomic_fetch_or(&function->invalid_blocks, mask);
    TRACE_NOTE("vsc", "invalid blocks %016llx -> %016llx", (unsigned long long)before,
               (unsigned long long)(before | mask));
    deliver(function);
}

void vsc_invalidate_drain(struct vsc_function *function, NTSTATUS status)
{
    for (PIRP irp = take_oldest(function); irp; irp = take_oldest(function))
        finish(function, irp, status);
}

/* Where the mask goes: pci.md 6.8. */
static void *output_of(PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    if (irp->UserBuffer && stack->Parameters.DeviceIoControl.OutputBufferLength >= sizeof(VPCI_INVALIDATE_BLOCK_OUTPUT))
        return irp->UserBuffer;
    if (stack->Parameters.DeviceIoControl.InputBufferLength >= sizeof(VPCI_INVALIDATE_BLOCK_OUTPUT))
        return stack->Parameters.DeviceIoControl.Type3InputBuffer;
    return NULL;
}

/* Queues the IRP, marked pending. STATUS_CANCELLED: it already was. */
static NTSTATUS enqueue_locked(struct vsc_function *function, PIRP irp, void *output)
{
    NTSTATUS status = vsc_function_available(function, true);
    if (!NT_SUCCESS(status))
        return status;
    if (function->invalidate_count >= VSC_INVALIDATES_MAX)
        return STATUS_INSUFFICIENT_RESOURCES;
    irp->Tail.Overlay.DriverContext[0] = output;
    irp->Tail.Overlay.DriverContext[1] = NULL;
    IoMarkIrpPending(irp);
    InsertTailList(&function->invalidates, link_of(irp));
    function->invalidate_count++;
    IoSetCancelRoutine(irp, cancel_invalidate);
    if (!__atomic_load_n(&irp->Cancel, __ATOMIC_SEQ_CST) || !IoSetCancelRoutine(irp, NULL))
        return STATUS_PENDING;
    unlink_locked(function, irp);
    IoGetCurrentIrpStackLocation(irp)->Control &= (UCHAR)~SL_PENDING_RETURNED;
    return STATUS_CANCELLED;
}

NTSTATUS vsc_invalidate_submit(struct vsc_function *function, PIRP irp)
{
    void *output = output_of(irp);
    if (!output)
        return STATUS_BUFFER_TOO_SMALL;
    if (!vsc_gate_enter(&function->gate))
        return STATUS_DEVICE_REMOVED;
    pthread_mutex_lock(&function->lock);
    NTSTATUS status = enqueue_locked(function, irp, output);
    pthread_mutex_unlock(&function->lock);
    if (status == STATUS_PENDING)
        deliver(function);
    else
        vsc_gate_leave(&function->gate);
    return status;
}
