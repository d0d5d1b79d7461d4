/* SPDX-License-Identifier: MIT
 *
 * IRPs of an adapter's device: PnP drives the life of the adapter, everything else passes down.
 */
#include "ndis/internal.h"

static struct ndis_adapter *adapter_at(PDEVICE_OBJECT fdo)
{
    return *(struct ndis_adapter **)fdo->DeviceExtension;
}

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
    return IoCallDriver(adapter_at(fdo)->lower, irp);
}

NTSTATUS ndis_dispatch_power(PDEVICE_OBJECT fdo, PIRP irp)
{
    PoStartNextPowerIrp(irp);
    IoSkipCurrentIrpStackLocation(irp);
    return PoCallDriver(adapter_at(fdo)->lower, irp);
}

/* The bus driver starts first; only then does the miniport touch its device. */
static NTSTATUS start(struct ndis_adapter *adapter, PIRP irp)
{
    PCM_RESOURCE_LIST resources =
        IoGetCurrentIrpStackLocation(irp)->Parameters.StartDevice.AllocatedResourcesTranslated;
    NTSTATUS status;

    if (!IoForwardIrpSynchronously(adapter->lower, irp))
        return complete(irp, STATUS_UNSUCCESSFUL);
    status = irp->IoStatus.Status;
    if (NT_SUCCESS(status))
        status = ndis_initialize(adapter, resources);
    return complete(irp, status);
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
    if (!adapter->added || !adapter->driver->pnp.MiniportRemoveDeviceHandler)
        return;
    TRACE_DOOR(span, "ndis", "MiniportRemoveDevice", "%s", nt_driver_name(adapter->driver->object));
    adapter->driver->pnp.MiniportRemoveDeviceHandler(adapter->add_context);
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
            return minors[i].handle(adapter_at(fdo), irp);
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
