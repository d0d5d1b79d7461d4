/* SPDX-License-Identifier: MIT
 *
 * The stack as the client of a PF driver on the generic road (pci.md 3.6, 3.7): ATTACH, one IOCTL_SRIOV_NOTIFICATION
 * and one IOCTL_SRIOV_INVALIDATE_BLOCK always pending, DETACH.
 *
 * A rebalance of the PF takes its VFs away and may give them back elsewhere. What a guest knows of its VF (routing ID,
 * BARs, registers) would be wrong then, so the stack says no (STATUS_DEVICE_BUSY) while a VF is given out, and yes
 * otherwise; until the restart it gives none out.
 */
#include "vstack/generic_road.h"

#include <string.h>

/* ---- IOCTLs that are waited for ------------------------------------------------------------------------------ */

static NTSTATUS control(struct vstack_generic *generic, ULONG code, void *input, ULONG length)
{
    struct nt_partition *before = nt_enter(generic->partition);
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    IO_STATUS_BLOCK result;
    KEVENT done;
    PIRP irp;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    irp = IoBuildDeviceIoControlRequest(code, generic->top, input, length, NULL, 0, TRUE, &done, &result);
    if (irp) {
        IofCallDriver(generic->top, irp);
        KeWaitForSingleObject(&done, Executive, KernelMode, FALSE, NULL);
        status = result.Status;
    }
    nt_enter(before);
    return status;
}

/* ---- IOCTLs that stay pending -------------------------------------------------------------------------------- */

static void end(struct vstack_listener *listener)
{
    struct vstack_generic *generic = listener->generic;

    pthread_mutex_lock(&generic->lock);
    listener->ended = true;
    pthread_cond_broadcast(&generic->changed);
    pthread_mutex_unlock(&generic->lock);
}

static void heard(PDEVICE_OBJECT device, PVOID context);

/* At whatever IRQL the PF driver completes; what is to be done is done at PASSIVE_LEVEL. */
static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct vstack_listener *listener = context;

    (void)device, (void)irp;
    IoQueueWorkItem(listener->work, heard, NormalWorkQueue, listener);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Makes it pending, again. Once the client closes it stays as it is, so that the one cancel reaches the last one. */
static void listen(struct vstack_listener *listener)
{
    struct vstack_generic *generic = listener->generic;
    PIO_STACK_LOCATION next;
    bool closing;

    pthread_mutex_lock(&generic->lock);
    closing = generic->closing;
    if (!closing) {
        IoReuseIrp(listener->irp, STATUS_SUCCESS);
        memset(listener->output, 0, sizeof(listener->output));
        listener->irp->AssociatedIrp.SystemBuffer = listener->output;
        next = IoGetNextIrpStackLocation(listener->irp);
        next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
        next->Parameters.DeviceIoControl.IoControlCode = listener->code;
        next->Parameters.DeviceIoControl.OutputBufferLength = listener->size;
        IoSetCompletionRoutine(listener->irp, completed, listener, TRUE, TRUE, TRUE);
    }
    pthread_mutex_unlock(&generic->lock);
    if (closing)
        end(listener);
    else
        IofCallDriver(generic->top, listener->irp);
}

/* A PF driver that fails the request will fail the next one too: it is not asked again. */
static void heard(PDEVICE_OBJECT device, PVOID context)
{
    struct vstack_listener *listener = context;
    const IO_STATUS_BLOCK result = listener->irp->IoStatus;

    (void)device;
    if (result.Status == STATUS_SUCCESS && result.Information == listener->size) {
        listener->heard(listener->generic, listener->output);
        listen(listener);
        return;
    }
    if (result.Status == STATUS_NO_SUCH_DEVICE || result.Status == STATUS_DELETE_PENDING)
        vstack_pf_removed(listener->generic->stack);
    else if (result.Status != STATUS_CANCELLED)
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_ANSWER pci.md 5.9", "IOCTL %08x: %s with %llu bytes", listener->code,
                     nt_status_name(result.Status), (unsigned long long)result.Information);
    end(listener);
}

static void event(struct vstack_generic *generic, const void *output)
{
    SRIOV_PNP_EVENT_COMPLETE word = {STATUS_SUCCESS};
    SRIOV_PF_EVENT code;

    memcpy(&code, output, sizeof(code));
    TRACE_DOOR(span, "vstack", "SRIOV_PF_EVENT", "%u", code);
    pthread_mutex_lock(&generic->lock);
    if (code == SriovEventPfQueryStopDevice && generic->vfs)
        word.QueryStatus = STATUS_DEVICE_BUSY;
    else if (code == SriovEventPfQueryStopDevice)
        generic->stopped = true;
    else if (code == SriovEventPfRestart)
        generic->stopped = false;
    pthread_mutex_unlock(&generic->lock);
    if (!NT_SUCCESS(word.QueryStatus))
        TRACE_REFUSE("vstack", "REBALANCE_WITH_GUESTS pci.md 3.6", "VFs are given out");
    control(generic, IOCTL_SRIOV_EVENT_COMPLETE, &word, sizeof(word));
    TRACE_DONE(span, "%s", nt_status_name(word.QueryStatus));
}

static void invalidation(struct vstack_generic *generic, const void *output)
{
    SRIOV_INVALIDATE_BLOCK block;

    memcpy(&block, output, sizeof(block));
    if (block.VfIndex == SRIOV_INVALIDATE_BLOCK_ALL_VFS)
        vstack_invalidate_all(generic->stack, block.BlockMask);
    else
        vstack_on_invalidate(generic->stack, block.VfIndex, block.BlockMask);
}

/* ---- attached ------------------------------------------------------------------------------------------------ */

static bool make(struct vstack_listener *listener, struct vstack_generic *generic, ULONG code, ULONG size,
                 void (*heard)(struct vstack_generic *generic, const void *output))
{
    struct nt_partition *before = nt_enter(generic->partition);

    *listener = (struct vstack_listener){.generic = generic, .code = code, .size = size, .heard = heard};
    listener->irp = IoAllocateIrp(generic->top->StackSize, FALSE);
    listener->work = IoAllocateWorkItem(generic->top);
    nt_enter(before);
    return listener->irp && listener->work;
}

static void discard(struct vstack_listener *listener)
{
    struct nt_partition *before = nt_enter(listener->generic->partition);

    if (listener->irp)
        IoFreeIrp(listener->irp);
    if (listener->work)
        IoFreeWorkItem(listener->work);
    nt_enter(before);
}

static void start(struct vstack_listener *listener)
{
    struct nt_partition *before = nt_enter(listener->generic->partition);
    listen(listener);
    nt_enter(before);
}

static void stop(struct vstack_listener *listener)
{
    struct vstack_generic *generic = listener->generic;
    struct nt_partition *before = nt_enter(generic->partition);

    IoCancelIrp(listener->irp);
    pthread_mutex_lock(&generic->lock);
    while (!listener->ended)
        pthread_cond_wait(&generic->changed, &generic->lock);
    pthread_mutex_unlock(&generic->lock);
    nt_enter(before);
    discard(listener);
}

NTSTATUS vstack_client_attach(struct vstack_generic *generic)
{
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    bool made = make(&generic->events, generic, IOCTL_SRIOV_NOTIFICATION, sizeof(SRIOV_PF_EVENT), event);

    made = make(&generic->invalidations, generic, IOCTL_SRIOV_INVALIDATE_BLOCK, sizeof(SRIOV_INVALIDATE_BLOCK),
                invalidation) &&
           made;
    TRACE_DOOR(span, "vstack", "IOCTL_SRIOV_ATTACH", "the generic road");
    if (made)
        status = control(generic, IOCTL_SRIOV_ATTACH, NULL, 0);
    TRACE_DONE(span, "%s", nt_status_name(status));
    if (status != STATUS_SUCCESS) {
        discard(&generic->events);
        discard(&generic->invalidations);
        return NT_SUCCESS(status) ? STATUS_UNSUCCESSFUL : status;
    }
    start(&generic->events);
    start(&generic->invalidations);
    return STATUS_SUCCESS;
}

/* DETACH first: an event that is under way is resolved by it, and nothing asks for more. */
void vstack_client_detach(struct vstack_generic *generic)
{
    pthread_mutex_lock(&generic->lock);
    generic->closing = true;
    pthread_mutex_unlock(&generic->lock);
    TRACE_DOOR(span, "vstack", "IOCTL_SRIOV_DETACH", "the generic road");
    control(generic, IOCTL_SRIOV_DETACH, NULL, 0);
    stop(&generic->events);
    stop(&generic->invalidations);
    TRACE_DONE(span, "detached");
}
