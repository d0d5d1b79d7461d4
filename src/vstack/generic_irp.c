/* SPDX-License-Identifier: MIT
 *
 * An IOCTL of ours at a PF driver of the generic road (pci.md 3.1). Nothing is believed but its completion: a PF driver
 * may say STATUS_SUCCESS and keep the IRP, or keep one that was cancelled. What it keeps for longer than we wait is its
 * own from then on, IRP and buffer; the completion, should it ever come, frees both.
 */
#include "vstack/generic_road.h"

#include <stdlib.h>
#include <string.h>

enum { IRP_HERE, IRP_OUT, IRP_ARRIVING, IRP_LEFT }; /* with us; with the PF driver; completing; with it for good */

static _Thread_local const struct vstack_irp *being_sent;

static void discard(struct vstack_irp *sent)
{
    struct nt_partition *before = nt_enter(sent->partition);

    if (sent->irp)
        IoFreeIrp(sent->irp);
    nt_enter(before);
    free(sent);
}

struct vstack_irp *vstack_irp_make(struct vstack_generic *generic, size_t bytes)
{
    struct vstack_irp *sent = calloc(1, sizeof(*sent) + bytes);
    struct nt_partition *before = nt_enter(generic->partition);

    if (sent) {
        sent->generic = generic;
        sent->partition = generic->partition;
        KeInitializeEvent(&sent->moved, SynchronizationEvent, FALSE);
        sent->irp = IoAllocateIrp(generic->top->StackSize, FALSE);
    }
    nt_enter(before);
    if (sent && !sent->irp) {
        discard(sent);
        sent = NULL;
    }
    return sent;
}

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct vstack_irp *sent = context;
    struct vstack_generic *generic = sent->generic;
    PIO_WORKITEM work = NULL;
    void *owner = sent->owner;
    PIO_WORKITEM_ROUTINE routine = sent->routine;

    (void)device, (void)irp;
    if (atomic_exchange(&sent->state, IRP_ARRIVING) == IRP_LEFT) {
        discard(sent);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    pthread_mutex_lock(&generic->lock);
    sent->out = false;
    sent->at_once = being_sent == sent;
    atomic_store(&sent->state, IRP_HERE);
    if (sent->back)
        work = sent->back(sent);
    KeSetEvent(&sent->moved, IO_NO_INCREMENT, FALSE);
    pthread_mutex_unlock(&generic->lock);
    if (work)
        IoQueueWorkItem(work, routine, NormalWorkQueue, owner);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

void vstack_irp_prepare(struct vstack_irp *sent, ULONG code, ULONG input, ULONG output)
{
    PIO_STACK_LOCATION next;

    IoReuseIrp(sent->irp, STATUS_SUCCESS);
    sent->irp->AssociatedIrp.SystemBuffer = input || output ? sent->buffer : NULL;
    next = IoGetNextIrpStackLocation(sent->irp);
    sent->code = code;
    next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = code;
    next->Parameters.DeviceIoControl.InputBufferLength = input;
    next->Parameters.DeviceIoControl.OutputBufferLength = output;
    IoSetCompletionRoutine(sent->irp, completed, sent, TRUE, TRUE, TRUE);
    sent->out = true;
    atomic_store(&sent->state, IRP_OUT);
}

/* Nothing of `sent` is used once the PF driver had it. */
void vstack_irp_send(struct vstack_irp *sent)
{
    struct nt_partition *before = nt_enter(sent->partition);
    const struct vstack_irp *outer = being_sent;

    being_sent = sent;
    IofCallDriver(sent->generic->top, sent->irp);
    being_sent = outer;
    nt_enter(before);
}

void vstack_irp_cancel(struct vstack_irp *sent)
{
    struct nt_partition *before = nt_enter(sent->partition);

    IoCancelIrp(sent->irp);
    nt_enter(before);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

bool vstack_moved(struct vstack_generic *generic, PKEVENT moved, unsigned ms)
{
    struct nt_partition *before = nt_enter(generic->partition);
    LARGE_INTEGER patience = {.QuadPart = -10000ll * ms};
    NTSTATUS status;

    pthread_mutex_unlock(&generic->lock);
    status = KeWaitForSingleObject(moved, Executive, KernelMode, FALSE, ms ? &patience : NULL);
    pthread_mutex_lock(&generic->lock);
    nt_enter(before);
    return status != STATUS_TIMEOUT;
}

bool vstack_irp_wait(struct vstack_irp *sent, unsigned ms)
{
    struct vstack_generic *generic = sent->generic;
    bool moved = true;

    pthread_mutex_lock(&generic->lock);
    while (sent->out && moved)
        moved = vstack_moved(generic, &sent->moved, ms);
    moved = !sent->out;
    pthread_mutex_unlock(&generic->lock);
    return moved;
}

void vstack_irp_end(struct vstack_irp *sent)
{
    ULONG code;
    int out = IRP_OUT;

    if (!sent)
        return;
    code = sent->code;
    vstack_irp_cancel(sent);
    while (!vstack_irp_wait(sent, vstack_patience(sent->generic))) {
        if (!atomic_compare_exchange_strong(&sent->state, &out, IRP_LEFT)) {
            out = IRP_OUT; /* it is just arriving */
            continue;
        }
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_KEPT pci.md 3.1", "IOCTL %08x was cancelled and is not given back", code);
        return;
    }
    discard(sent);
}

/* Waited for; what is never completed is given up. */
NTSTATUS vstack_irp_call(struct vstack_generic *generic, ULONG code, const void *input, ULONG length, unsigned ms)
{
    struct vstack_irp *sent = vstack_irp_make(generic, length);
    NTSTATUS status = STATUS_IO_TIMEOUT;

    if (!sent)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (length)
        memcpy(sent->buffer, input, length);
    vstack_irp_prepare(sent, code, length, 0);
    vstack_irp_send(sent);
    if (vstack_irp_wait(sent, ms))
        status = sent->irp->IoStatus.Status;
    else
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_PENDS pci.md 3.1", "IOCTL %08x: no answer for %u ms", code, ms);
    vstack_irp_end(sent);
    return status;
}
