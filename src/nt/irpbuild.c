/* SPDX-License-Identifier: MIT
 *
 * IRPs that the I/O manager builds for a driver, with the buffers the transfer method demands, and frees when they end.
 */
#include "nt/internal.h"

void nt_irp_free_buffers(PIRP irp)
{
    if (irp->Flags & IRP_DEALLOCATE_BUFFER)
        ExFreePoolWithTag(irp->AssociatedIrp.SystemBuffer, 0);
    while (irp->MdlAddress) {
        PMDL mdl = irp->MdlAddress;
        irp->MdlAddress = mdl->Next;
        MmUnlockPages(mdl);
        IoFreeMdl(mdl);
    }
}

static PIRP build(PDEVICE_OBJECT device, UCHAR major, PKEVENT event, PIO_STATUS_BLOCK result)
{
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    if (!irp)
        return NULL;
    irp->AllocationFlags = NT_IRP_OWNED;
    irp->UserEvent = event;
    irp->UserIosb = result;
    IoGetNextIrpStackLocation(irp)->MajorFunction = major;
    return irp;
}

static bool lock_user_buffer(PIRP irp, PVOID buffer, ULONG length, LOCK_OPERATION operation)
{
    if (!length)
        return true;
    PMDL mdl = IoAllocateMdl(buffer, length, FALSE, FALSE, irp);
    if (mdl)
        MmProbeAndLockPages(mdl, KernelMode, operation);
    return mdl != NULL;
}

static bool system_buffer(PIRP irp, const void *input, ULONG input_length, ULONG size)
{
    if (!size)
        return true;
    irp->AssociatedIrp.SystemBuffer = nt_pool_allocate(nt_partition_current, size, NT_TAG_IRP, true);
    if (!irp->AssociatedIrp.SystemBuffer)
        return false;
    irp->Flags |= IRP_BUFFERED_IO | IRP_DEALLOCATE_BUFFER;
    __builtin_memcpy(irp->AssociatedIrp.SystemBuffer, input, input_length);
    return true;
}

/* Buffers as the transfer method of the code demands. */
static bool set_buffers(PIRP irp, ULONG method, PVOID input, ULONG input_length, PVOID output, ULONG output_length)
{
    if (method == METHOD_NEITHER) {
        IoGetNextIrpStackLocation(irp)->Parameters.DeviceIoControl.Type3InputBuffer = input;
        irp->UserBuffer = output;
        return true;
    }
    if (method != METHOD_BUFFERED)
        return system_buffer(irp, input, input_length, input_length) &&
               lock_user_buffer(irp, output, output_length, method == METHOD_IN_DIRECT ? IoReadAccess : IoWriteAccess);
    irp->UserBuffer = output;
    if (output && output_length)
        irp->Flags |= IRP_INPUT_OPERATION;
    return system_buffer(irp, input, input_length, input_length > output_length ? input_length : output_length);
}

NT_EXPORT PIRP IoBuildDeviceIoControlRequest(ULONG code, PDEVICE_OBJECT device, PVOID input, ULONG input_length,
                                             PVOID output, ULONG output_length, BOOLEAN internal, PKEVENT event,
                                             PIO_STATUS_BLOCK result)
{
    UCHAR major = internal ? IRP_MJ_INTERNAL_DEVICE_CONTROL : IRP_MJ_DEVICE_CONTROL;
    nt_irql_at_most(PASSIVE_LEVEL, "IoBuildDeviceIoControlRequest");
    PIRP irp = build(device, major, event, result);
    if (!irp)
        return NULL;
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    next->Parameters.DeviceIoControl.IoControlCode = code;
    next->Parameters.DeviceIoControl.InputBufferLength = input_length;
    next->Parameters.DeviceIoControl.OutputBufferLength = output_length;
    if (set_buffers(irp, METHOD_FROM_CTL_CODE(code), input, input_length, output, output_length))
        return irp;
    nt_irp_free_buffers(irp);
    IoFreeIrp(irp);
    return NULL;
}

/* Only for majors without a buffer (PnP, power, flush, shutdown): nothing in this machine reads or writes files. */
static bool without_buffer(PVOID buffer, ULONG length, const char *routine)
{
    if (!buffer && !length)
        return true;
    nt_violation_in(NT_RULE(FSD_REQUEST_WITH_BUFFER), routine, "%s for a transfer is not supported", routine);
    return false;
}

NT_EXPORT PIRP IoBuildSynchronousFsdRequest(ULONG major, PDEVICE_OBJECT device, PVOID buffer, ULONG length,
                                            PLARGE_INTEGER offset, PKEVENT event, PIO_STATUS_BLOCK result)
{
    (void)offset;
    if (!without_buffer(buffer, length, "IoBuildSynchronousFsdRequest"))
        return NULL;
    return build(device, (UCHAR)major, event, result);
}

NT_EXPORT PIRP IoBuildAsynchronousFsdRequest(ULONG major, PDEVICE_OBJECT device, PVOID buffer, ULONG length,
                                             PLARGE_INTEGER offset, PIO_STATUS_BLOCK result)
{
    (void)offset;
    if (!without_buffer(buffer, length, "IoBuildAsynchronousFsdRequest"))
        return NULL;
    PIRP irp = build(device, (UCHAR)major, NULL, result);
    if (irp)
        irp->AllocationFlags = 0; /* its completion routine frees it */
    return irp;
}
