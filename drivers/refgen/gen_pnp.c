/* SPDX-License-Identifier: MIT
 *
 * Plug and play: what each request does to the adapter, before or after the drivers below have seen it.
 */
#include "gen.h"

NTSTATUS gen_pass(PDEVICE_OBJECT device, PIRP irp)
{
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(gen_adapter_of(device)->lower, irp);
}

static NTSTATUS complete(PIRP irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

/* The drivers below first. */
static NTSTATUS below_first(struct gen_adapter *adapter, PIRP irp)
{
    return IoForwardIrpSynchronously(adapter->lower, irp) ? irp->IoStatus.Status : STATUS_UNSUCCESSFUL;
}

static VOID set_interface(struct gen_adapter *adapter, BOOLEAN on)
{
    (VOID) IoSetDeviceInterfaceState(&adapter->link_name, on);
}

static NTSTATUS start(PDEVICE_OBJECT device, PIRP irp)
{
    struct gen_adapter *adapter = gen_adapter_of(device);
    const CM_RESOURCE_LIST *resources =
        IoGetCurrentIrpStackLocation(irp)->Parameters.StartDevice.AllocatedResourcesTranslated;
    NTSTATUS status = below_first(adapter, irp);

    if (NT_SUCCESS(status))
        status = gen_start(adapter, resources ? &resources->List[0].PartialResourceList : NULL);
    if (NT_SUCCESS(status))
        set_interface(adapter, TRUE);
    gen_rebalance_ends(adapter);
    return complete(irp, status);
}

static NTSTATUS query_stop(PDEVICE_OBJECT device, PIRP irp)
{
    NTSTATUS status = gen_rebalance_begins(gen_adapter_of(device));

    if (!NT_SUCCESS(status))
        return complete(irp, status);
    irp->IoStatus.Status = STATUS_SUCCESS;
    return gen_pass(device, irp);
}

static NTSTATUS cancel_stop(PDEVICE_OBJECT device, PIRP irp)
{
    struct gen_adapter *adapter = gen_adapter_of(device);

    (VOID) below_first(adapter, irp);
    gen_rebalance_ends(adapter);
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS stop(PDEVICE_OBJECT device, PIRP irp)
{
    gen_stop(gen_adapter_of(device));
    irp->IoStatus.Status = STATUS_SUCCESS;
    return gen_pass(device, irp);
}

/* There is no event for it (pci.md 6.11): the client is not asked. */
static NTSTATUS agree(PDEVICE_OBJECT device, PIRP irp)
{
    irp->IoStatus.Status = STATUS_SUCCESS;
    return gen_pass(device, irp);
}

static NTSTATUS surprise_removal(PDEVICE_OBJECT device, PIRP irp)
{
    struct gen_adapter *adapter = gen_adapter_of(device);

    set_interface(adapter, FALSE);
    gen_gone(adapter);
    irp->IoStatus.Status = STATUS_SUCCESS;
    return gen_pass(device, irp);
}

static NTSTATUS query_interface(PDEVICE_OBJECT device, PIRP irp)
{
    NTSTATUS status;

    if (!gen_query_interface(gen_adapter_of(device), IoGetCurrentIrpStackLocation(irp), &status))
        return gen_pass(device, irp);
    irp->IoStatus.Information = 0;
    return complete(irp, status);
}

/* By minor function; NULL: not ours, it goes down as it is. */
static DRIVER_DISPATCH *const minors[] = {
    [IRP_MN_START_DEVICE] = start,
    [IRP_MN_QUERY_STOP_DEVICE] = query_stop,
    [IRP_MN_CANCEL_STOP_DEVICE] = cancel_stop,
    [IRP_MN_STOP_DEVICE] = stop,
    [IRP_MN_QUERY_REMOVE_DEVICE] = agree,
    [IRP_MN_CANCEL_REMOVE_DEVICE] = agree,
    [IRP_MN_SURPRISE_REMOVAL] = surprise_removal,
    [IRP_MN_QUERY_INTERFACE] = query_interface,
};

/* Nobody is inside any more when the drivers below hear of it. The interfaces of the bus are given back as long as
 * there is a bus driver to give them to. */
static NTSTATUS remove_device(PDEVICE_OBJECT device, PIRP irp)
{
    struct gen_adapter *adapter = gen_adapter_of(device);
    PDEVICE_OBJECT lower = adapter->lower;
    NTSTATUS status;

    set_interface(adapter, FALSE);
    gen_gone(adapter);
    gen_stop(adapter);
    IoReleaseRemoveLockAndWait(&adapter->remove_lock, irp);
    if (adapter->virtualization.Size)
        adapter->virtualization.InterfaceDereference(adapter->virtualization.Context);
    if (adapter->bus.Size)
        adapter->bus.InterfaceDereference(adapter->bus.Context);
    RtlFreeUnicodeString(&adapter->link_name);
    irp->IoStatus.Status = STATUS_SUCCESS;
    status = gen_pass(device, irp);
    IoDetachDevice(lower);
    IoDeleteDevice(device);
    gen_release(adapter);
    return status;
}

NTSTATUS gen_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    struct gen_adapter *adapter = gen_adapter_of(device);
    UCHAR minor = IoGetCurrentIrpStackLocation(irp)->MinorFunction;
    NTSTATUS status = IoAcquireRemoveLock(&adapter->remove_lock, irp);

    if (!NT_SUCCESS(status))
        return complete(irp, status);
    if (minor == IRP_MN_REMOVE_DEVICE)
        return remove_device(device, irp);
    status = minor < RTL_NUMBER_OF(minors) && minors[minor] ? minors[minor](device, irp) : gen_pass(device, irp);
    IoReleaseRemoveLock(&adapter->remove_lock, irp);
    return status;
}
