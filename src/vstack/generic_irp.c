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

static _Thread_local const void *sending_for; /* the owner of what this thread is just sending */

void vstack_irp_discard(struct vstack_irp *sent)
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
        vstack_irp_discard(sent);
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
        vstack_irp_discard(sent);
        return STATUS_MORE_PROCESSING_REQUIRED;
    }
    pthread_mutex_lock(&generic->lock);
    sent->out = false;
    sent->at_once = owner && sending_for == owner;
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
    const void *outer = sending_for;

    sending_for = sent->owner;
    IofCallDriver(sent->generic->top, sent->irp);
    sending_for = outer;
    nt_enter(before);
}

void vstack_irp_cancel(struct vstack_irp *sent)
{
    struct nt_partition *before = nt_enter(sent->partition);

    IoCancelIrp(sent->irp);
    nt_enter(before);
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

bool vstack_irp_answers(const struct vstack_irp *sent, ULONG_PTR bytes)
{
    const IO_STATUS_BLOCK *result = &sent->irp->IoStatus;
    return result->Status == STATUS_SUCCESS && result->Information == bytes;
}

void vstack_irp_refuse(const struct vstack_irp *sent)
{
    const IO_STATUS_BLOCK *result = &sent->irp->IoStatus;

    if (result->Status != STATUS_CANCELLED)
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_ANSWER pci.md 5.9", "IOCTL %08x: %s with %llu bytes", sent->code,
                     nt_status_name(result->Status), (unsigned long long)result->Information);
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

uint64_t vstack_deadline(struct vstack_generic *generic, unsigned ms)
{
    return ms ? nt_clock_ns(generic->partition) + ms * 1000000ull : 0;
}

bool vstack_moved(struct vstack_generic *generic, PKEVENT moved, uint64_t until)
{
    const uint64_t now = nt_clock_ns(generic->partition);
    LARGE_INTEGER left = {.QuadPart = -(LONGLONG)((until - now) / 100)};
    struct nt_partition *before;
    NTSTATUS status;

    if (until && now >= until)
        return false;
    pthread_mutex_unlock(&generic->lock);
    before = nt_enter(generic->partition);
    status = KeWaitForSingleObject(moved, Executive, KernelMode, FALSE, until ? &left : NULL);
    nt_enter(before);
    pthread_mutex_lock(&generic->lock);
    return status != STATUS_TIMEOUT;
}

static bool wait_until_back(struct vstack_irp *sent, unsigned ms)
{
    struct vstack_generic *generic = sent->generic;
    const uint64_t until = vstack_deadline(generic, ms);
    bool moved = true, back;

    pthread_mutex_lock(&generic->lock);
    while (sent->out && moved)
        moved = vstack_moved(generic, &sent->moved, until);
    back = !sent->out;
    pthread_mutex_unlock(&generic->lock);
    return back;
}

bool vstack_irp_recall(struct vstack_irp *sent)
{
    const ULONG code = sent->code;
    int out = IRP_OUT;

    vstack_irp_cancel(sent);
    while (!wait_until_back(sent, vstack_patience(sent->generic))) {
        if (atomic_compare_exchange_strong(&sent->state, &out, IRP_LEFT)) {
            TRACE_REFUSE("vstack", "SRIOV_IOCTL_KEPT pci.md 3.1", "IOCTL %08x was cancelled and is not given back",
                         code);
            return false;
        }
        out = IRP_OUT; /* it is just arriving */
    }
    return true;
}

void vstack_irp_end(struct vstack_irp *sent)
{
    if (sent && vstack_irp_recall(sent))
        vstack_irp_discard(sent);
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
    if (wait_until_back(sent, ms))
        status = sent->irp->IoStatus.Status;
    else
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_PENDS pci.md 3.1", "IOCTL %08x: no answer for %u ms", code, ms);
    vstack_irp_end(sent);
    return status;
}
