/* SPDX-License-Identifier: MIT
 *
 * IOCTLs that stay pending at a PF driver of the generic road until it has something to say (pci.md 3.1, 3.7). What is
 * heard is acted on at PASSIVE_LEVEL, whatever the PF driver completes at.
 */
#include "vstack/generic_road.h"

#include <string.h>

void vstack_control_irp(PIRP irp, ULONG code, void *buffer, ULONG input, ULONG output, PIO_COMPLETION_ROUTINE completed,
                        void *context)
{
    PIO_STACK_LOCATION next;

    IoReuseIrp(irp, STATUS_SUCCESS);
    irp->AssociatedIrp.SystemBuffer = buffer;
    next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = code;
    next->Parameters.DeviceIoControl.InputBufferLength = input;
    next->Parameters.DeviceIoControl.OutputBufferLength = output;
    IoSetCompletionRoutine(irp, completed, context, TRUE, TRUE, TRUE);
}

/* generic->lock held. */
static void end(struct vstack_listener *listener)
{
    listener->ended = true;
    pthread_cond_broadcast(&listener->generic->changed);
}

static bool is_answer(const struct vstack_listener *listener)
{
    const IO_STATUS_BLOCK *result = &listener->irp->IoStatus;
    return result->Status == STATUS_SUCCESS && result->Information == listener->size;
}

static void heard(PDEVICE_OBJECT device, PVOID context);

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct vstack_listener *listener = context;

    (void)device, (void)irp;
    if (listener->arrived && is_answer(listener))
        listener->arrived(listener, listener->output);
    pthread_mutex_lock(&listener->generic->lock);
    listener->inside++;
    pthread_mutex_unlock(&listener->generic->lock);
    IoQueueWorkItem(listener->work, heard, NormalWorkQueue, listener);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Makes it pending, again. Once it closes it stays as it is, so that the one cancel reaches the last one. */
static bool listen(struct vstack_listener *listener)
{
    struct vstack_generic *generic = listener->generic;
    bool closing;

    pthread_mutex_lock(&generic->lock);
    closing = generic->closing || listener->closing;
    if (closing) {
        end(listener);
    } else {
        memset(listener->output, 0, sizeof(listener->output));
        if (listener->input)
            memcpy(listener->output, &listener->question, sizeof(listener->question));
        vstack_control_irp(listener->irp, listener->code, listener->output, listener->input, listener->size, completed,
                           listener);
    }
    pthread_mutex_unlock(&generic->lock);
    if (!closing)
        IofCallDriver(generic->top, listener->irp);
    return !closing;
}

/* A PF driver that fails the request will fail the next one too: it is not asked again. */
static bool failed(struct vstack_listener *listener, const IO_STATUS_BLOCK *result)
{
    if (result->Status == STATUS_NO_SUCH_DEVICE || result->Status == STATUS_DELETE_PENDING)
        vstack_pf_removed(listener->generic->stack);
    else if (result->Status != STATUS_CANCELLED)
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_ANSWER pci.md 5.9", "IOCTL %08x: %s with %llu bytes", listener->code,
                     nt_status_name(result->Status), (unsigned long long)result->Information);
    return false;
}

static void heard(PDEVICE_OBJECT device, PVOID context)
{
    struct vstack_listener *listener = context;
    const IO_STATUS_BLOCK result = listener->irp->IoStatus;
    bool more = is_answer(listener) ? listener->heard(listener, listener->output) : failed(listener, &result);

    (void)device;
    if (more)
        more = listen(listener);
    if (more && listener->listening)
        listener->listening(listener);
    pthread_mutex_lock(&listener->generic->lock);
    if (!more)
        end(listener);
    listener->inside--;
    pthread_cond_broadcast(&listener->generic->changed);
    pthread_mutex_unlock(&listener->generic->lock);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

bool vstack_listener_make(struct vstack_listener *listener)
{
    struct nt_partition *before = nt_enter(listener->generic->partition);

    listener->irp = IoAllocateIrp(listener->generic->top->StackSize, FALSE);
    listener->work = IoAllocateWorkItem(listener->generic->top);
    nt_enter(before);
    return listener->irp && listener->work;
}

void vstack_listener_discard(struct vstack_listener *listener)
{
    struct nt_partition *before = nt_enter(listener->generic->partition);

    if (listener->irp)
        IoFreeIrp(listener->irp);
    if (listener->work)
        IoFreeWorkItem(listener->work);
    nt_enter(before);
}

void vstack_listener_start(struct vstack_listener *listener)
{
    struct nt_partition *before = nt_enter(listener->generic->partition);
    listen(listener);
    nt_enter(before);
}

void vstack_listener_stop(struct vstack_listener *listener)
{
    struct vstack_generic *generic = listener->generic;
    struct nt_partition *before = nt_enter(generic->partition);

    pthread_mutex_lock(&generic->lock);
    listener->closing = true;
    pthread_mutex_unlock(&generic->lock);
    IoCancelIrp(listener->irp);
    pthread_mutex_lock(&generic->lock);
    while (!listener->ended || listener->inside)
        pthread_cond_wait(&generic->changed, &generic->lock);
    pthread_mutex_unlock(&generic->lock);
    nt_enter(before);
    vstack_listener_discard(listener);
}
