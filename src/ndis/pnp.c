/* SPDX-License-Identifier: MIT
 *
 * IRPs of an adapter's device: PnP drives the life of the adapter, everything else passes down.
 */
#include "ndis/internal.h"

static NTSTATUS complete(PIRP irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

NTSTATUS ndis_dispatch_pass(PDEVICE_OBJECT fdo, PIRP irp)
{
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(ndis_adapter_at(fdo)->lower, irp);
}

/* An optional handler of MiniportSetOptions, which may look at the IRP and change it (ndis.md 7.1). */
static NTSTATUS call_optional(struct ndis_adapter *adapter, MINIPORT_PNP_IRP_HANDLER handler, const char *name,
                              PIRP irp)
{
    struct nt_callback callback;
    NDIS_STATUS status;

    if (!handler)
        return STATUS_SUCCESS;
    TRACE_DOOR(span, "ndis", name, "%s", nt_driver_name(adapter->driver->object));
    ndis_call_begin(&callback, adapter, name, NULL);
    status = handler(adapter->add_context, irp);
    nt_callback_end(&callback);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return ndis_nt_status(status);
}

/* The bus driver starts first; only then does the miniport touch its device. */
static NTSTATUS start(struct ndis_adapter *adapter, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    NTSTATUS status;

    if (!IoForwardIrpSynchronously(adapter->lower, irp))
        return complete(irp, STATUS_UNSUCCESSFUL);
    status = irp->IoStatus.Status;
    if (NT_SUCCESS(status))
        status = call_optional(adapter, adapter->driver->pnp.MiniportStartDeviceHandler, "MiniportStartDevice", irp);
    ndis_resources_keep(adapter, stack->Parameters.StartDevice.AllocatedResources,
                        stack->Parameters.StartDevice.AllocatedResourcesTranslated);
    if (NT_SUCCESS(status))
        status = ndis_initialize(adapter, stack->Parameters.StartDevice.AllocatedResourcesTranslated);
    return complete(irp, status);
}

/* The drivers below come first; the handler may then change the list (ndis.md 7.1). */
static NTSTATUS filter_requirements(struct ndis_adapter *adapter, PIRP irp)
{
    NTSTATUS status;

    if (!adapter->driver->pnp.MiniportFilterResourceRequirementsHandler)
        return ndis_dispatch_pass(adapter->fdo, irp);
    if (!IoForwardIrpSynchronously(adapter->lower, irp))
        return complete(irp, STATUS_UNSUCCESSFUL);
    status = call_optional(adapter, adapter->driver->pnp.MiniportFilterResourceRequirementsHandler,
                           "MiniportFilterResourceRequirements", irp);
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT); /* Information is the list */
    return status;
}

static NTSTATUS stop(struct ndis_adapter *adapter, PIRP irp)
{
    ndis_halt(adapter, NdisHaltDeviceStopped);
    irp->IoStatus.Status = STATUS_SUCCESS;
    return ndis_dispatch_pass(adapter->fdo, irp);
}

static NTSTATUS surprise_removal(struct ndis_adapter *adapter, PIRP irp)
{
    ndis_surprise_removed(adapter);
    irp->IoStatus.Status = STATUS_SUCCESS;
    return ndis_dispatch_pass(adapter->fdo, irp);
}

static void call_remove_device(struct ndis_adapter *adapter)
{
    struct nt_callback callback;

    if (!adapter->added || !adapter->driver->pnp.MiniportRemoveDeviceHandler)
        return;
    TRACE_DOOR(span, "ndis", "MiniportRemoveDevice", "%s", nt_driver_name(adapter->driver->object));
    ndis_call_begin(&callback, adapter, "MiniportRemoveDevice", NULL);
    adapter->driver->pnp.MiniportRemoveDeviceHandler(adapter->add_context);
    nt_callback_end(&callback);
    TRACE_DONE(span, "done");
}

static NTSTATUS remove_device(struct ndis_adapter *adapter, PIRP irp)
{
    PDEVICE_OBJECT fdo = adapter->fdo, lower = adapter->lower;
    NTSTATUS status;

    ndis_halt(adapter, atomic_load(&adapter->removed) ? NdisHaltDeviceSurpriseRemoved : NdisHaltDeviceDisabled);
    call_remove_device(adapter);
    ndis_adapter_unlist(adapter);
    irp->IoStatus.Status = STATUS_SUCCESS;
    IoSkipCurrentIrpStackLocation(irp);
    status = IoCallDriver(lower, irp);
    IoDetachDevice(lower);
    IoDeleteDevice(fdo);
    ndis_adapter_release(adapter);
    return status;
}

static const struct {
    UCHAR minor;
    NTSTATUS (*handle)(struct ndis_adapter *adapter, PIRP irp);
} minors[] = {
    {IRP_MN_START_DEVICE, start},
    {IRP_MN_FILTER_RESOURCE_REQUIREMENTS, filter_requirements},
    {IRP_MN_STOP_DEVICE, stop},
    {IRP_MN_SURPRISE_REMOVAL, surprise_removal},
    {IRP_MN_REMOVE_DEVICE, remove_device},
};

static NTSTATUS approve(PDEVICE_OBJECT fdo, PIRP irp)
{
    irp->IoStatus.Status = STATUS_SUCCESS;
    return ndis_dispatch_pass(fdo, irp);
}

NTSTATUS ndis_dispatch_pnp(PDEVICE_OBJECT fdo, PIRP irp)
{
    UCHAR minor = IoGetCurrentIrpStackLocation(irp)->MinorFunction;

    for (size_t i = 0; i < sizeof minors / sizeof *minors; i++)
        if (minors[i].minor == minor)
            return minors[i].handle(ndis_adapter_at(fdo), irp);
    switch (minor) {
    case IRP_MN_QUERY_STOP_DEVICE:
    case IRP_MN_CANCEL_STOP_DEVICE:
    case IRP_MN_QUERY_REMOVE_DEVICE:
    case IRP_MN_CANCEL_REMOVE_DEVICE:
        return approve(fdo, irp);
    default:
        return ndis_dispatch_pass(fdo, irp);
    }
}
