/* SPDX-License-Identifier: MIT
 *
 * One card: the interface below, taken once, and how long it is kept.
 */
#include "bus.h"

/* IRP_MN_QUERY_INTERFACE to the device below, as a driver asks its own stack. PASSIVE_LEVEL. */
static NTSTATUS query_interface(PDEVICE_OBJECT below, const GUID *type, USHORT size, PINTERFACE out)
{
    IO_STATUS_BLOCK result;
    PIO_STACK_LOCATION next;
    KEVENT completed;
    NTSTATUS status;
    PIRP irp;

    KeInitializeEvent(&completed, NotificationEvent, FALSE);
    irp = IoBuildSynchronousFsdRequest(IRP_MJ_PNP, below, NULL, 0, NULL, &completed, &result);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    next = IoGetNextIrpStackLocation(irp);
    next->MinorFunction = IRP_MN_QUERY_INTERFACE;
    next->Parameters.QueryInterface.InterfaceType = type;
    next->Parameters.QueryInterface.Size = size;
    next->Parameters.QueryInterface.Version = 1;
    next->Parameters.QueryInterface.Interface = out;
    status = IoCallDriver(below, irp);
    if (status == STATUS_PENDING) {
        KeWaitForSingleObject(&completed, Executive, KernelMode, FALSE, NULL);
        status = result.Status;
    }
    return status;
}

struct vbd_bus *vbd_bus_create(PDEVICE_OBJECT lower)
{
    struct vbd_bus *bus = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*bus), VBD_TAG);

    if (!bus)
        return NULL;
    bus->references = 1;
    bus->lower = lower;
    bus->virtualizes =
        NT_SUCCESS(query_interface(lower, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(bus->pci), (PINTERFACE)&bus->pci));
    return bus;
}

VOID vbd_bus_release(struct vbd_bus *bus)
{
    if (InterlockedDecrement(&bus->references) != 0)
        return;
    if (bus->virtualizes)
        bus->pci.InterfaceDereference(bus->pci.Context);
    ExFreePoolWithTag(bus, VBD_TAG);
}
