/* SPDX-License-Identifier: MIT
 *
 * PnP and power IRPs of a VF's PDO (pci.md 1.2, 1.3, 5.5, 5.6, 5.8). What is not known keeps its status: a bus driver
 * completes, it never passes on.
 */
#include "vpci/vsc/internal.h"

static NTSTATUS start(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)irp, (void)stack;
    if (atomic_load(&function->state) == VSC_MISSING || atomic_load(&function->vsc->gone))
        return STATUS_NO_SUCH_DEVICE;
    vsc_function_start(function);
    return vsc_memory_decode(function, true) ? STATUS_SUCCESS : STATUS_DEVICE_NOT_CONNECTED;
}

static NTSTATUS stop(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)irp, (void)stack;
    vsc_memory_decode(function, false);
    vsc_function_end(function, VSC_STOPPED);
    return STATUS_SUCCESS;
}

static NTSTATUS remove_device(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)irp, (void)stack;
    if (atomic_load(&function->state) == VSC_STARTED)
        vsc_memory_decode(function, false);
    vsc_function_end(function, VSC_REMOVED);
    return STATUS_SUCCESS;
}

static NTSTATUS surprise_removal(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)irp, (void)stack;
    vsc_function_end(function, VSC_MISSING);
    return STATUS_SUCCESS;
}

static NTSTATUS agree(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)function, (void)irp, (void)stack;
    return STATUS_SUCCESS;
}

static NTSTATUS query_interface(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    NTSTATUS status = vsc_query_interface(function, stack, irp->IoStatus.Status);
    if (NT_SUCCESS(status))
        irp->IoStatus.Information = 0;
    return status;
}

static NTSTATUS query_resources(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)stack;
    PCM_RESOURCE_LIST list = vsc_resource_list(function);
    if (!list)
        return STATUS_INSUFFICIENT_RESOURCES;
    irp->IoStatus.Information = (ULONG_PTR)list;
    return STATUS_SUCCESS;
}

static NTSTATUS config_status(struct vsc_function *function, PIO_STACK_LOCATION stack)
{
    if (stack->Parameters.ReadWriteConfig.WhichSpace != PCI_WHICHSPACE_CONFIG)
        return STATUS_INVALID_PARAMETER_1;
    if (!vsc_config_range_valid(stack->Parameters.ReadWriteConfig.Buffer, stack->Parameters.ReadWriteConfig.Offset,
                                stack->Parameters.ReadWriteConfig.Length))
        return STATUS_INVALID_PARAMETER;
    NTSTATUS status = vsc_function_available(function, true);
    return NT_SUCCESS(status) || status == STATUS_DEVICE_NOT_READY ? status : STATUS_NO_SUCH_DEVICE;
}

static NTSTATUS access_config(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack)
{
    bool write = stack->MinorFunction == IRP_MN_WRITE_CONFIG;
    ULONG length = stack->Parameters.ReadWriteConfig.Length;
    irp->IoStatus.Information = 0;
    NTSTATUS status = config_status(function, stack);
    if (!NT_SUCCESS(status))
        return status;
    if (!vsc_config_access(function, write, stack->Parameters.ReadWriteConfig.Offset,
                           stack->Parameters.ReadWriteConfig.Buffer, length))
        return STATUS_NO_SUCH_DEVICE;
    irp->IoStatus.Information = length;
    return STATUS_SUCCESS;
}

static const struct {
    const char *name;
    NTSTATUS (*handle)(struct vsc_function *function, PIRP irp, PIO_STACK_LOCATION stack);
} minors[] = {
    [IRP_MN_START_DEVICE] = {"IRP_MN_START_DEVICE", start},
    [IRP_MN_QUERY_STOP_DEVICE] = {"IRP_MN_QUERY_STOP_DEVICE", agree},
    [IRP_MN_CANCEL_STOP_DEVICE] = {"IRP_MN_CANCEL_STOP_DEVICE", agree},
    [IRP_MN_STOP_DEVICE] = {"IRP_MN_STOP_DEVICE", stop},
    [IRP_MN_QUERY_REMOVE_DEVICE] = {"IRP_MN_QUERY_REMOVE_DEVICE", agree},
    [IRP_MN_CANCEL_REMOVE_DEVICE] = {"IRP_MN_CANCEL_REMOVE_DEVICE", agree},
    [IRP_MN_REMOVE_DEVICE] = {"IRP_MN_REMOVE_DEVICE", remove_device},
    [IRP_MN_SURPRISE_REMOVAL] = {"IRP_MN_SURPRISE_REMOVAL", surprise_removal},
    [IRP_MN_QUERY_INTERFACE] = {"IRP_MN_QUERY_INTERFACE", query_interface},
    [IRP_MN_QUERY_RESOURCES] = {"IRP_MN_QUERY_RESOURCES", query_resources},
    [IRP_MN_READ_CONFIG] = {"IRP_MN_READ_CONFIG", access_config},
    [IRP_MN_WRITE_CONFIG] = {"IRP_MN_WRITE_CONFIG", access_config},
};

static void complete_here(PIRP irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
}

NTSTATUS vsc_dispatch_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    struct vsc_function *function = vsc_function_of(device);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status = irp->IoStatus.Status;
    UCHAR minor = stack->MinorFunction;
    if (minor < sizeof minors / sizeof minors[0] && minors[minor].handle) {
        TRACE_DOOR(span, "vsc", minors[minor].name, "slot %u", function->description.slot);
        status = minors[minor].handle(function, irp, stack);
        TRACE_DONE(span, "%s", nt_status_name(status));
    }
    complete_here(irp, status);
    return status;
}

/* The host keeps the VF in D0 as long as the bus is: setting a power state is only agreed to. */
NTSTATUS vsc_dispatch_power(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    UCHAR minor = IoGetCurrentIrpStackLocation(irp)->MinorFunction;
    NTSTATUS status = minor == IRP_MN_SET_POWER || minor == IRP_MN_QUERY_POWER ? STATUS_SUCCESS : irp->IoStatus.Status;
    complete_here(irp, status);
    return status;
}

NTSTATUS vsc_dispatch_other(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    NTSTATUS status = irp->IoStatus.Status;
    complete_here(irp, status);
    return status;
}
