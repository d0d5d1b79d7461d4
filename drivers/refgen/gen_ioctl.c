/* SPDX-License-Identifier: MIT
 *
 * Device control: who may send what, with which buffers, and who handles it (pci.md 3.1, 3.7, 5.9).
 */
#include "gen.h"

static NTSTATUS query_luid(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    UNREFERENCED_PARAMETER(stack);
    if (!adapter->has_luid)
        return STATUS_NOT_SUPPORTED;
    ((PSRIOV_PROXY_QUERY_LUID_OUTPUT)irp->AssociatedIrp.SystemBuffer)->DeviceLuid = adapter->luid;
    irp->IoStatus.Information = sizeof(SRIOV_PROXY_QUERY_LUID_OUTPUT);
    return STATUS_SUCCESS;
}

enum {
    GEN_USER = 1,    /* a program may send it */
    GEN_FOREVER = 2, /* answered also when the device is gone */
};

/* A handler finds its buffers as large as the row says and the device there. It returns what the request completes
 * with, and Information; STATUS_PENDING: it waits, and is no longer the dispatcher's. */
static const struct control {
    ULONG code;
    UCHAR flags;
    USHORT input, output;
    NTSTATUS (*handle)(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
} controls[] = {
    {IOCTL_SRIOV_NOTIFICATION, 0, 0, sizeof(SRIOV_PF_EVENT), gen_notification},
    {IOCTL_SRIOV_EVENT_COMPLETE, 0, sizeof(SRIOV_PNP_EVENT_COMPLETE), 0, gen_event_complete},
    {IOCTL_SRIOV_ATTACH, 0, 0, 0, gen_attach},
    {IOCTL_SRIOV_DETACH, GEN_FOREVER, 0, 0, gen_detach},
    {IOCTL_SRIOV_INVALIDATE_BLOCK, 0, 0, sizeof(SRIOV_INVALIDATE_BLOCK), gen_wait_invalidation},
    {IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, 0, sizeof(SRIOV_MITIGATED_RANGE_COUNT_INPUT),
     sizeof(SRIOV_MITIGATED_RANGE_COUNT_OUTPUT), gen_range_count},
    {IOCTL_SRIOV_QUERY_MITIGATED_RANGES, 0, sizeof(SRIOV_MITIGATED_RANGES_INPUT), 0, gen_ranges},
    {IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, 0, sizeof(SRIOV_MITIGATED_RANGE_UPDATE_INPUT),
     sizeof(SRIOV_MITIGATED_RANGE_UPDATE_OUTPUT), gen_wait_range_update},
    {IOCTL_SRIOV_PROXY_QUERY_LUID, GEN_USER, 0, sizeof(SRIOV_PROXY_QUERY_LUID_OUTPUT), query_luid},
    {IOCTL_REFGEN_SET_LINK, GEN_USER, sizeof(REFGEN_LINK), 0, gen_set_link},
    {IOCTL_REFGEN_VF_COMMAND, GEN_USER, sizeof(REFGEN_VF_COMMAND), 0, gen_command_vf},
};

static const struct control *find(ULONG code)
{
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(controls); i++)
        if (controls[i].code == code)
            return &controls[i];
    return NULL;
}

static BOOLEAN is_gone(struct gen_adapter *adapter)
{
    BOOLEAN gone;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    gone = adapter->removed;
    KeReleaseSpinLock(&adapter->lock, irql);
    return gone;
}

static NTSTATUS check(struct gen_adapter *adapter, const struct control *control, PIRP irp, PIO_STACK_LOCATION stack)
{
    /* A program reaches the device by IRP_MJ_DEVICE_CONTROL only; drivers use either (pci.md 6.18). */
    if (!control || (irp->RequestorMode == UserMode &&
                     (!(control->flags & GEN_USER) || stack->MajorFunction != IRP_MJ_DEVICE_CONTROL)))
        return STATUS_INVALID_DEVICE_REQUEST;
    if (stack->Parameters.DeviceIoControl.InputBufferLength < control->input ||
        stack->Parameters.DeviceIoControl.OutputBufferLength < control->output ||
        ((control->input || control->output) && !irp->AssociatedIrp.SystemBuffer))
        return STATUS_BUFFER_TOO_SMALL;
    return !(control->flags & GEN_FOREVER) && is_gone(adapter) ? STATUS_NO_SUCH_DEVICE : STATUS_SUCCESS;
}

static NTSTATUS run(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    const struct control *control = find(stack->Parameters.DeviceIoControl.IoControlCode);
    NTSTATUS status = check(adapter, control, irp, stack);

    return status == STATUS_SUCCESS ? control->handle(adapter, irp, stack) : status;
}

/* The routine holds the device itself: an IRP that waits may be completed, and its client gone, before it returns. */
NTSTATUS gen_control(PDEVICE_OBJECT device, PIRP irp)
{
    struct gen_adapter *adapter = gen_adapter_of(device);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status = IoAcquireRemoveLock(&adapter->remove_lock, irp);
    BOOLEAN held = NT_SUCCESS(status);

    irp->IoStatus.Information = 0;
    status = held ? run(adapter, irp, stack) : STATUS_NO_SUCH_DEVICE;
    if (status != STATUS_PENDING) {
        irp->IoStatus.Status = status;
        if (!NT_SUCCESS(status))
            irp->IoStatus.Information = 0;
        IoCompleteRequest(irp, IO_NO_INCREMENT);
    }
    if (held)
        IoReleaseRemoveLock(&adapter->remove_lock, irp);
    return status;
}
