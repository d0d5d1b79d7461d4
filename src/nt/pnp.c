/* SPDX-License-Identifier: MIT
 *
 * What the PnP manager does to a device stack. Each routine runs in the partition of the device.
 */
#include "nt/internal.h"

static NTSTATUS wait_completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp;
    KeSetEvent(context, 0, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

NTSTATUS nt_call_driver_and_wait(PDEVICE_OBJECT device, PIRP irp)
{
    KEVENT completed;
    struct nt_partition *before = nt_enter(nt_device_partition(device));
    KeInitializeEvent(&completed, NotificationEvent, FALSE);
    IoSetCompletionRoutine(irp, wait_completed, &completed, TRUE, TRUE, TRUE);
    IofCallDriver(device, irp);
    KeWaitForSingleObject(&completed, Executive, KernelMode, FALSE, NULL);
    nt_enter(before);
    return irp->IoStatus.Status;
}

NTSTATUS nt_pnp_add_device(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo)
{
    struct nt_partition *partition = nt_driver_partition(driver);
    if (!driver->DriverExtension->AddDevice)
        return STATUS_INVALID_DEVICE_REQUEST;
    struct nt_partition *before = nt_enter(partition);
    TRACE_DOOR(span, "nt", "AddDevice", "%s", nt_driver_name(driver));
    NTSTATUS status = driver->DriverExtension->AddDevice(driver, pdo);
    nt_irql_expect(PASSIVE_LEVEL, "AddDevice");
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return status;
}

#define STACK_LOCATIONS_MAX 127 /* StackSize is a CCHAR */

/* To the top of the stack, status STATUS_NOT_SUPPORTED before anybody has looked at it. The IRP is the sender's, who
 * waits for it: a device must be removed also when there is no memory. */
NTSTATUS nt_pnp_send(PDEVICE_OBJECT device, const IO_STACK_LOCATION *stack, ULONG_PTR *information)
{
    _Alignas(16) UCHAR memory[IoSizeOfIrp(STACK_LOCATIONS_MAX)];
    struct nt_partition *before = nt_enter(nt_device_partition(device));
    PDEVICE_OBJECT top = IoGetAttachedDeviceReference(device);
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    if (nt_irql_at_most(PASSIVE_LEVEL, "a PnP request")) {
        PIRP irp = (PIRP)memory;
        IoInitializeIrp(irp, IoSizeOfIrp(top->StackSize), top->StackSize);
        irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
        *IoGetNextIrpStackLocation(irp) = *stack;
        IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_PNP;
        status = nt_call_driver_and_wait(top, irp);
        *information = irp->IoStatus.Information;
    }
    nt_object_dereference(top);
    nt_enter(before);
    return status;
}

/* Minor functions by name, for traces. */
static const char *minor_name(UCHAR minor)
{
    static const char *const names[] = {
        [IRP_MN_START_DEVICE] = "IRP_MN_START_DEVICE",
        [IRP_MN_QUERY_REMOVE_DEVICE] = "IRP_MN_QUERY_REMOVE_DEVICE",
        [IRP_MN_REMOVE_DEVICE] = "IRP_MN_REMOVE_DEVICE",
        [IRP_MN_CANCEL_REMOVE_DEVICE] = "IRP_MN_CANCEL_REMOVE_DEVICE",
        [IRP_MN_STOP_DEVICE] = "IRP_MN_STOP_DEVICE",
        [IRP_MN_QUERY_STOP_DEVICE] = "IRP_MN_QUERY_STOP_DEVICE",
        [IRP_MN_CANCEL_STOP_DEVICE] = "IRP_MN_CANCEL_STOP_DEVICE",
        [IRP_MN_SURPRISE_REMOVAL] = "IRP_MN_SURPRISE_REMOVAL",
    };
    return minor < RTL_NUMBER_OF(names) && names[minor] ? names[minor] : "IRP_MJ_PNP";
}

NTSTATUS nt_pnp_simple(PDEVICE_OBJECT pdo, UCHAR minor)
{
    struct nt_partition *before = nt_enter(nt_device_partition(pdo));
    ULONG_PTR information;
    TRACE_DOOR(span, "nt", minor_name(minor), "minor %02x", minor);
    NTSTATUS status = nt_pnp_send(pdo, &(IO_STACK_LOCATION){.MinorFunction = minor}, &information);
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return status;
}

static NTSTATUS start_with(PDEVICE_OBJECT pdo, PCM_RESOURCE_LIST resources)
{
    IO_STACK_LOCATION stack = {.MinorFunction = IRP_MN_START_DEVICE};
    ULONG_PTR information;
    stack.Parameters.StartDevice.AllocatedResources = resources;
    stack.Parameters.StartDevice.AllocatedResourcesTranslated = resources;
    return nt_pnp_send(pdo, &stack, &information);
}

NTSTATUS nt_pnp_start(PDEVICE_OBJECT pdo)
{
    struct nt_partition *before = nt_enter(nt_device_partition(pdo));
    ULONG_PTR information = 0;
    TRACE_DOOR(span, "nt", "IRP_MN_START_DEVICE", "minor %02x", IRP_MN_START_DEVICE);
    NTSTATUS status = nt_pnp_send(pdo, &(IO_STACK_LOCATION){.MinorFunction = IRP_MN_QUERY_RESOURCES}, &information);
    PCM_RESOURCE_LIST resources = NT_SUCCESS(status) ? (PCM_RESOURCE_LIST)information : NULL;
    nt_pnp_filter_requirements(pdo, resources);
    /* A device without resources leaves the query alone: it starts with none. */
    if (NT_SUCCESS(status) || status == STATUS_NOT_SUPPORTED)
        status = start_with(pdo, resources);
    if (resources)
        ExFreePool(resources);
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return status;
}

NTSTATUS nt_query_interface(PDEVICE_OBJECT device, const GUID *type, USHORT size, USHORT version, PINTERFACE out)
{
    IO_STACK_LOCATION stack = {.MinorFunction = IRP_MN_QUERY_INTERFACE};
    ULONG_PTR information;
    stack.Parameters.QueryInterface.InterfaceType = type;
    stack.Parameters.QueryInterface.Size = size;
    stack.Parameters.QueryInterface.Version = version;
    stack.Parameters.QueryInterface.Interface = out;
    return nt_pnp_send(device, &stack, &information);
}
