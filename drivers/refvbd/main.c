/* SPDX-License-Identifier: MIT
 *
 * refvbd: a virtual bus driver (VBD) as a vendor puts it between the PCI bus driver and the PF driver. It owns the
 * card's virtual functions: it takes PCI_VIRTUALIZATION_INTERFACE from the bus below, gives it to nobody above, and
 * serves the PF driver by a channel of its own (refvbd.h).
 *
 * Installed as a lower filter of the PF: attached after the PDO was made and before the PF driver's FDO.
 */
#include "bus.h"

struct vbd_bus *vbd_bus_of(PDEVICE_OBJECT device)
{
    return *(struct vbd_bus **)device->DeviceExtension;
}

static NTSTATUS pass(PDEVICE_OBJECT device, PIRP irp)
{
    IoSkipCurrentIrpStackLocation(irp);
    return IoCallDriver(vbd_bus_of(device)->lower, irp);
}

static NTSTATUS power(PDEVICE_OBJECT device, PIRP irp)
{
    PoStartNextPowerIrp(irp);
    IoSkipCurrentIrpStackLocation(irp);
    return PoCallDriver(vbd_bus_of(device)->lower, irp);
}

static NTSTATUS complete(PIRP irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

/* Who asks for the bus's own interface is told that there is none: the status stays what the sender made it. */
static NTSTATUS query_interface(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    const GUID *type = stack->Parameters.QueryInterface.InterfaceType;
    struct vbd_bus *bus = vbd_bus_of(device);

    if (!type || !bus->virtualizes)
        return pass(device, irp);
    if (IsEqualGUID(type, &GUID_PCI_VIRTUALIZATION_INTERFACE))
        return complete(irp, irp->IoStatus.Status);
    if (IsEqualGUID(type, &GUID_REFVBD_INTERFACE))
        return complete(irp, vbd_channel_open(bus, stack));
    return pass(device, irp);
}

static NTSTATUS remove_device(PDEVICE_OBJECT device, PIRP irp)
{
    struct vbd_bus *bus = vbd_bus_of(device);
    NTSTATUS status;

    InterlockedExchange(&bus->removed, TRUE);
    irp->IoStatus.Status = STATUS_SUCCESS;
    status = pass(device, irp);
    IoDetachDevice(bus->lower);
    IoDeleteDevice(device);
    vbd_bus_release(bus);
    return status;
}

static NTSTATUS pnp(PDEVICE_OBJECT device, PIRP irp)
{
    switch (IoGetCurrentIrpStackLocation(irp)->MinorFunction) {
    case IRP_MN_QUERY_INTERFACE:
        return query_interface(device, irp);
    case IRP_MN_REMOVE_DEVICE:
        return remove_device(device, irp);
    default:
        return pass(device, irp);
    }
}

static NTSTATUS add_device(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo)
{
    PDEVICE_OBJECT device, lower;
    struct vbd_bus *bus = NULL;
    NTSTATUS status = IoCreateDevice(driver, sizeof(bus), NULL, FILE_DEVICE_BUS_EXTENDER, 0, FALSE, &device);

    if (!NT_SUCCESS(status))
        return status;
    lower = IoAttachDeviceToDeviceStack(device, pdo);
    if (lower)
        bus = vbd_bus_create(lower);
    if (!bus) {
        if (lower)
            IoDetachDevice(lower);
        IoDeleteDevice(device);
        return lower ? STATUS_INSUFFICIENT_RESOURCES : STATUS_NO_SUCH_DEVICE;
    }
    *(struct vbd_bus **)device->DeviceExtension = bus;
    device->Flags |= lower->Flags & (DO_BUFFERED_IO | DO_DIRECT_IO | DO_POWER_PAGABLE);
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static VOID unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    ULONG i;

    UNREFERENCED_PARAMETER(registry_path);
    for (i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->MajorFunction[i] = pass;
    driver->MajorFunction[IRP_MJ_PNP] = pnp;
    driver->MajorFunction[IRP_MJ_POWER] = power;
    driver->DriverExtension->AddDevice = add_device;
    driver->DriverUnload = unload;
    return STATUS_SUCCESS;
}
