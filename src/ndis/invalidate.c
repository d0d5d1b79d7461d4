/* SPDX-License-Identifier: MIT
 *
 * Invalidation, guest end (ndis.md 4.7, 7.7): one IOCTL_VPCI_INVALIDATE_BLOCK is kept pending below; each completion
 * becomes OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK of the VF miniport, and the IOCTL is sent again at once.
 *
 * Completions come at <= DISPATCH_LEVEL on any thread, also from within IoCallDriver. They OR their mask into `mask`
 * and add a turn; whoever takes the first turn sends until no turn is owed, so that a bus that completes at once costs
 * no stack. Masks that arrive while a delivery is under way make one more delivery with their OR.
 */
#include "ndis/internal.h"

static IO_COMPLETION_ROUTINE completed;

static void fill(struct ndis_adapter *adapter)
{
    struct ndis_invalidate *in = &adapter->invalidate;
    PIO_STACK_LOCATION next;

    IoReuseIrp(in->irp, STATUS_NOT_SUPPORTED);
    in->output.BlockMask = 0;
    in->irp->UserBuffer = &in->output;
    next = IoGetNextIrpStackLocation(in->irp);
    next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
    next->Parameters.DeviceIoControl.IoControlCode = IOCTL_VPCI_INVALIDATE_BLOCK;
    next->Parameters.DeviceIoControl.OutputBufferLength = sizeof in->output;
    IoSetCompletionRoutine(in->irp, completed, adapter, TRUE, TRUE, TRUE);
}

/* Sends once. False: it is to end. */
static bool send(struct ndis_adapter *adapter)
{
    struct ndis_invalidate *in = &adapter->invalidate;
    bool cancel = false;

    ndis_lock(&in->lock);
    if (in->stopping) {
        ndis_unlock(&in->lock);
        return false;
    }
    fill(adapter);
    in->irp_state = INVALIDATE_SENDING;
    ndis_unlock(&in->lock);

    IoCallDriver(adapter->lower, in->irp);

    ndis_lock(&in->lock);
    if (in->irp_state == INVALIDATE_SENDING) {
        in->irp_state = INVALIDATE_SENT;
        cancel = in->stopping; /* who stops found it on the way down and left the cancelling to us */
    }
    ndis_unlock(&in->lock);
    if (cancel)
        IoCancelIrp(in->irp);
    return true;
}

static void pump(struct ndis_adapter *adapter)
{
    struct ndis_invalidate *in = &adapter->invalidate;
    bool more = true;

    if (atomic_fetch_add(&in->turns, 1) != 0)
        return; /* another thread, or a caller of ours, is sending and will take this turn */
    do
        more = send(adapter);
    while (more && atomic_fetch_sub(&in->turns, 1) > 1);
    if (more)
        return;
    ndis_gate_begin(&in->gate);
    atomic_store(&in->ended, true);
    ndis_gate_end(&in->gate);
}

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct ndis_adapter *adapter = context;
    struct ndis_invalidate *in = &adapter->invalidate;
    NTSTATUS status = irp->IoStatus.Status;
    ULONG64 mask = NT_SUCCESS(status) ? in->output.BlockMask : 0;

    (void)device;
    ndis_work_begin(adapter); /* once `ended` is set the device may go */
    ndis_lock(&in->lock);
    in->irp_state = INVALIDATE_IDLE;
    if (!NT_SUCCESS(status))
        in->stopping = true; /* cancelled, or the bus has no such request: asking again would only spin */
    ndis_unlock(&in->lock);
    if (mask) {
        atomic_store(&in->span, trace_current ? trace_span_id() : 0);
        atomic_fetch_or(&in->mask, mask);
    }
    pump(adapter);
    ndis_invalidate_kick(adapter);
    ndis_work_end(adapter);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

void ndis_invalidate_arm(struct ndis_adapter *adapter)
{
    struct ndis_invalidate *in = &adapter->invalidate;

    if (!adapter->below.has_vpci)
        return;
    in->irp = IoAllocateIrp(adapter->lower->StackSize, FALSE);
    if (!in->irp) {
        TRACE_REFUSE("ndis", "INVALIDATE_NOT_ARMED ndis.md 7.7", "no memory for the IRP");
        return;
    }
    in->stopping = false;
    in->irp_state = INVALIDATE_IDLE;
    atomic_store(&in->turns, 0);
    atomic_store(&in->ended, false);
    atomic_store(&in->mask, 0);
    pump(adapter);
}

static bool has_ended(const void *object)
{
    const struct ndis_invalidate *in = object;

    return atomic_load(&in->ended);
}

void ndis_invalidate_stop(struct ndis_adapter *adapter)
{
    struct ndis_invalidate *in = &adapter->invalidate;
    bool cancel;

    if (!in->irp)
        return;
    ndis_lock(&in->lock);
    in->stopping = true;
    cancel = in->irp_state == INVALIDATE_SENT;
    ndis_unlock(&in->lock);
    if (cancel)
        IoCancelIrp(in->irp);
    ndis_gate_wait(&in->gate, has_ended, in, 0);
    IoFreeIrp(in->irp);
    in->irp = NULL;
}

/* ---- delivery to the miniport ----------------------------------------------------------------------------- */

static void deliver(void *context);

static void start_delivery(struct ndis_adapter *adapter)
{
    ndis_work_begin(adapter);
    if (nt_queue_work(adapter->room->nt, deliver, adapter))
        return;
    atomic_store(&adapter->invalidate.delivering, false); /* no memory: the mask stays for the next attempt */
    ndis_work_end(adapter);
}

void ndis_invalidate_kick(struct ndis_adapter *adapter)
{
    if (atomic_load(&adapter->invalidate.mask) && !atomic_exchange(&adapter->invalidate.delivering, true))
        start_delivery(adapter);
}

/* The miniport has answered, whatever it said; masks that came meanwhile make the next delivery. */
static void delivered(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_adapter *adapter = context;

    (void)request, (void)status;
    start_delivery(adapter);
}

static NDIS_STATUS hand_over(struct ndis_adapter *adapter, ULONG64 mask)
{
    struct ndis_invalidate *in = &adapter->invalidate;
    NDIS_STATUS status;

    memset(&in->info, 0, sizeof in->info);
    in->info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    in->info.Header.Revision = NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1;
    in->info.Header.Size = NDIS_SIZEOF_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1;
    in->info.BlockMask = mask;
    ndis_request_init(&in->request, NdisRequestMethod, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, &in->info,
                      sizeof in->info);
    in->binding = adapter->own;
    in->binding.driver.complete = delivered;
    in->binding.context = adapter;
    TRACE_DOOR(span, "ndis", "IOCTL_VPCI_INVALIDATE_BLOCK", "blocks 0x%llx", (unsigned long long)mask);
    TRACE_UNDER(span, atomic_load(&in->span));
    status = ndis_submit(&in->binding, &in->request);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

static void deliver(void *context)
{
    struct ndis_adapter *adapter = context;
    struct ndis_invalidate *in = &adapter->invalidate;
    ULONG64 mask;

    while ((mask = atomic_exchange(&in->mask, 0))) {
        if (atomic_load(&adapter->oids.closed) != NDIS_STATUS_SUCCESS) {
            atomic_fetch_or(&in->mask, mask); /* reset or halt: whoever opens again kicks */
            break;
        }
        if (hand_over(adapter, mask) == NDIS_STATUS_PENDING) {
            ndis_work_end(adapter);
            return; /* `delivered` goes on */
        }
    }
    atomic_store(&in->delivering, false);
    if (atomic_load(&adapter->oids.closed) == NDIS_STATUS_SUCCESS)
        ndis_invalidate_kick(adapter); /* a mask may have come between the exchange and the rest */
    ndis_work_end(adapter);
}
