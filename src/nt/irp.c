/* SPDX-License-Identifier: MIT
 *
 * IRPs: made, sent down a stack, completed back up, cancelled.
 */
#include "nt/internal.h"

NT_EXPORT VOID IoInitializeIrp(PIRP irp, USHORT size, CCHAR stack_size)
{
    PIO_STACK_LOCATION stack = (PIO_STACK_LOCATION)(irp + 1);
    __builtin_memset(irp, 0, size);
    irp->Type = IO_TYPE_IRP;
    irp->Size = size;
    irp->StackCount = stack_size;
    irp->CurrentLocation = (CHAR)(stack_size + 1);
    irp->Tail.Overlay.CurrentStackLocation = stack + stack_size;
    InitializeListHead(&irp->ThreadListEntry);
}

NT_EXPORT PIRP IoAllocateIrp(CCHAR stack_size, BOOLEAN charge_quota)
{
    (void)charge_quota;
    if (stack_size <= 0 || !nt_partition_current || !nt_irql_at_most(DISPATCH_LEVEL, "IoAllocateIrp") ||
        nt_fault("IoAllocateIrp"))
        return NULL;
    USHORT size = IoSizeOfIrp(stack_size);
    PIRP irp = nt_pool_allocate(nt_partition_current, size, NT_TAG_IRP, false);
    if (irp)
        IoInitializeIrp(irp, size, stack_size);
    return irp;
}

NT_EXPORT VOID IoFreeIrp(PIRP irp)
{
    if (nt_partition_current)
        nt_pool_free(nt_partition_current, irp, NT_TAG_IRP, true);
}

NT_EXPORT VOID IoReuseIrp(PIRP irp, NTSTATUS status)
{
    UCHAR flags = irp->AllocationFlags;
    IoInitializeIrp(irp, (USHORT)irp->Size, irp->StackCount);
    irp->AllocationFlags = flags;
    irp->IoStatus.Status = status;
}

/* ---- down ---------------------------------------------------------------------------------------------------------
 */

static NTSTATUS refuse(PIRP irp, const struct vfp_rule *rule, const char *text)
{
    nt_violation_in(rule, "IoCallDriver", "IoCallDriver: %s", text);
    irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    irp->IoStatus.Information = 0;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

NT_EXPORT NTSTATUS IofCallDriver(PDEVICE_OBJECT device, PIRP irp)
{
    nt_irql_at_most(DISPATCH_LEVEL, "IoCallDriver");
    if (irp->CurrentLocation <= 1)
        return refuse(irp, NT_RULE(NO_MORE_STACK_LOCATIONS), "the IRP has no stack location for the next driver");
    IoSetNextIrpStackLocation(irp);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    stack->DeviceObject = device;
    if (stack->MajorFunction > IRP_MJ_MAXIMUM_FUNCTION)
        return refuse(irp, NT_RULE(BAD_MAJOR_FUNCTION), "unknown major function");
    return device->DriverObject->MajorFunction[stack->MajorFunction](device, irp);
}

NT_EXPORT NTSTATUS PoCallDriver(PDEVICE_OBJECT device, PIRP irp)
{
    return IofCallDriver(device, irp);
}

/* ---- up -----------------------------------------------------------------------------------------------------------
 */

static void copy_out(PIRP irp)
{
    ULONG_PTR room = irp->Tail.Overlay.CurrentStackLocation[-1].Parameters.DeviceIoControl.OutputBufferLength;
    ULONG_PTR count = irp->IoStatus.Information;
    if (!(irp->Flags & IRP_INPUT_OPERATION) || NT_ERROR(irp->IoStatus.Status))
        return;
    if (count > room) {
        nt_violation(NT_RULE(INFORMATION_TOO_LARGE), "a request completes with %llu bytes for a buffer of %llu",
                     (unsigned long long)count, (unsigned long long)room);
        count = room;
    }
    __builtin_memcpy(irp->UserBuffer, irp->AssociatedIrp.SystemBuffer, count);
}

/* Every driver has seen the completion. An IRP that IoBuild* made ends here; any other belongs to a driver, whose
 * completion routine should have kept it. */
static void finish(PIRP irp)
{
    PIO_STATUS_BLOCK result = irp->UserIosb;
    PKEVENT event = irp->UserEvent;
    if (!(irp->AllocationFlags & NT_IRP_OWNED)) {
        nt_violation(NT_RULE(IRP_WITHOUT_OWNER), "an IRP of IoAllocateIrp was completed and nobody kept it");
        return;
    }
    if (irp->Flags & IRP_BUFFERED_IO)
        copy_out(irp);
    nt_irp_free_buffers(irp);
    IO_STATUS_BLOCK status = irp->IoStatus;
    IoFreeIrp(irp);
    if (result)
        *result = status;
    if (event)
        KeSetEvent(event, 0, FALSE);
}

static bool invoked(PIRP irp, UCHAR control)
{
    return (NT_SUCCESS(irp->IoStatus.Status) && (control & SL_INVOKE_ON_SUCCESS)) ||
           (!NT_SUCCESS(irp->IoStatus.Status) && (control & SL_INVOKE_ON_ERROR)) ||
           (irp->Cancel && (control & SL_INVOKE_ON_CANCEL));
}

/* One location upwards. False: the completion routine kept the IRP. */
static bool step_up(PIRP irp)
{
    PIO_STACK_LOCATION left = IoGetCurrentIrpStackLocation(irp);
    UCHAR control = left->Control;
    irp->PendingReturned = control & SL_PENDING_RETURNED;
    IoSkipCurrentIrpStackLocation(irp);
    bool top = irp->CurrentLocation > irp->StackCount;
    if (!invoked(irp, control)) {
        if (irp->PendingReturned && !top)
            IoMarkIrpPending(irp);
        return true;
    }
    PDEVICE_OBJECT device = top ? NULL : IoGetCurrentIrpStackLocation(irp)->DeviceObject;
    left->Control = 0;
    return left->CompletionRoutine(device, irp, left->Context) != STATUS_MORE_PROCESSING_REQUIRED;
}

NT_EXPORT VOID IofCompleteRequest(PIRP irp, CCHAR boost)
{
    (void)boost;
    nt_irql_at_most(DISPATCH_LEVEL, "IoCompleteRequest");
    if (irp->CurrentLocation > irp->StackCount) {
        nt_violation(NT_RULE(IRP_COMPLETED_TWICE), "IoCompleteRequest on an IRP that no driver holds");
        return;
    }
    if (irp->IoStatus.Status == STATUS_PENDING)
        nt_violation(NT_RULE(COMPLETED_PENDING), "an IRP is completed with STATUS_PENDING");
    if (__atomic_load_n(&irp->CancelRoutine, __ATOMIC_SEQ_CST))
        nt_violation(NT_RULE(CANCEL_ROUTINE_LEFT), "an IRP is completed with its cancel routine still set");
    while (irp->CurrentLocation <= irp->StackCount)
        if (!step_up(irp))
            return;
    finish(irp);
}

/* ---- cancel -------------------------------------------------------------------------------------------------------
 */

NT_EXPORT VOID IoAcquireCancelSpinLock(PKIRQL irql)
{
    *irql = nt_partition_current ? KeAcquireSpinLockRaiseToDpc(&nt_partition_current->cancel_lock)
                                 : KfRaiseIrql(DISPATCH_LEVEL);
}

NT_EXPORT VOID IoReleaseCancelSpinLock(KIRQL irql)
{
    if (nt_partition_current)
        KeReleaseSpinLock(&nt_partition_current->cancel_lock, irql);
    else
        KeLowerIrql(irql);
}

/* Whoever takes the cancel routine out of the IRP ends the request: the cancel routine called here, or the driver that
 * found it still set. The other does nothing. */
NT_EXPORT BOOLEAN IoCancelIrp(PIRP irp)
{
    KIRQL irql;
    IoAcquireCancelSpinLock(&irql);
    __atomic_store_n(&irp->Cancel, TRUE, __ATOMIC_SEQ_CST);
    PDRIVER_CANCEL routine = IoSetCancelRoutine(irp, NULL);
    if (!routine) {
        IoReleaseCancelSpinLock(irql);
        return FALSE;
    }
    irp->CancelIrql = irql;
    PDEVICE_OBJECT device =
        irp->CurrentLocation <= irp->StackCount ? IoGetCurrentIrpStackLocation(irp)->DeviceObject : NULL;
    routine(device, irp);
    nt_irql_expect(irql, "a cancel routine");
    return TRUE;
}
