/* SPDX-License-Identifier: MIT */
#define INITGUID
#include "fake_bus.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wdmguid.h>

static struct fake_bus *bus_at(PDEVICE_OBJECT pdo)
{
    return *(struct fake_bus **)pdo->DeviceExtension;
}

static void record(struct fake_bus *bus, const char *what, unsigned vf, unsigned offset, unsigned length, unsigned flag)
{
    struct fake_call *call;

    pthread_mutex_lock(&bus->lock);
    call = &bus->calls[bus->count++ % 64];
    snprintf(call->what, sizeof call->what, "%s", what);
    call->vf = vf, call->offset = offset, call->length = length, call->flag = flag;
    pthread_mutex_unlock(&bus->lock);
}

unsigned fake_bus_calls(const struct fake_bus *bus, const char *what)
{
    unsigned found = 0;

    for (unsigned i = 0; i < bus->count && i < 64; i++)
        found += !strcmp(bus->calls[i].what, what);
    return found;
}

static VOID reference(PVOID context)
{
    __atomic_add_fetch(&((struct fake_bus *)context)->references, 1, __ATOMIC_SEQ_CST);
}

static VOID dereference(PVOID context)
{
    __atomic_sub_fetch(&((struct fake_bus *)context)->references, 1, __ATOMIC_SEQ_CST);
}

static ULONG set_vf(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct fake_bus *bus = context;

    record(bus, "SetVf", vf, offset, length, 0);
    if (vf >= bus->enabled)
        return 0;
    memcpy(bus->space + offset, buffer, length);
    return length;
}

static ULONG get_vf(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct fake_bus *bus = context;

    record(bus, "GetVf", vf, offset, length, 0);
    if (vf >= bus->enabled)
        return 0;
    memcpy(buffer, bus->space + offset, length);
    return length;
}

static NTSTATUS location(PVOID context, USHORT vf, PUINT16 segment, PUINT8 bus_number, PUINT8 function)
{
    record(context, "Location", vf, 0, 0, 0);
    *segment = 0, *bus_number = 4, *function = (UINT8)(0x10 + 2 * vf);
    return STATUS_SUCCESS;
}

static VOID resources(PVOID context, PUINT8 captured)
{
    (void)context;
    *captured = 0;
}

static NTSTATUS enable(PVOID context, UINT16 vfs, BOOLEAN migration, BOOLEAN interrupt, BOOLEAN on)
{
    struct fake_bus *bus = context;

    record(bus, "Enable", 0, vfs, 0, on | migration << 1 | interrupt << 2);
    if (on ? bus->enabled != 0 : bus->enabled == 0)
        return STATUS_INVALID_DEVICE_STATE;
    if (vfs > bus->total_vfs)
        return STATUS_INVALID_PARAMETER;
    bus->enabled = vfs;
    return STATUS_SUCCESS;
}

static NTSTATUS probed(PVOID context, PULONG values)
{
    record(context, "Bars", 0, 0, 0, 0);
    for (unsigned i = 0; i < 6; i++)
        values[i] = i == 0 ? 0xffffc004 : 0;
    return STATUS_SUCCESS;
}

static ULONG set_bus(PVOID context, ULONG space, PVOID buffer, ULONG offset, ULONG length)
{
    struct fake_bus *bus = context;

    record(bus, "SetBus", 0, offset, length, space);
    if ((ULONG64)offset + length > sizeof bus->space)
        return 0;
    memcpy(bus->space + offset, buffer, length);
    return length;
}

static ULONG get_bus(PVOID context, ULONG space, PVOID buffer, ULONG offset, ULONG length)
{
    struct fake_bus *bus = context;

    record(bus, "GetBus", 0, offset, length, space);
    if ((ULONG64)offset + length > sizeof bus->space)
        return 0;
    memcpy(buffer, bus->space + offset, length);
    return length;
}

static NTSTATUS write_block(PVOID context, ULONG id, PVOID buffer, ULONG length)
{
    struct fake_bus *bus = context;

    record(bus, "WriteBlock", 0, id, length, 0);
    if (bus->block_status == STATUS_SUCCESS)
        memcpy(bus->block, buffer, length);
    return bus->block_status;
}

static NTSTATUS read_block(PVOID context, ULONG id, PVOID buffer, ULONG length)
{
    struct fake_bus *bus = context;

    record(bus, "ReadBlock", 0, id, length, 0);
    memcpy(buffer, bus->block, length); /* also on failure: NDIS must keep it from the caller */
    return bus->block_status;
}

static NTSTATUS complete(PIRP irp, NTSTATUS status)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static NTSTATUS query_interface(struct fake_bus *bus, PIRP irp)
{
    PIO_STACK_LOCATION at = IoGetCurrentIrpStackLocation(irp);
    const GUID *type = at->Parameters.QueryInterface.InterfaceType;
    BUS_INTERFACE_STANDARD standard = {sizeof standard, 1, bus, reference, dereference, NULL, NULL, set_bus, get_bus};
    PCI_VIRTUALIZATION_INTERFACE virtualization = {
        sizeof virtualization, 1, bus, reference, dereference, set_vf, get_vf, location, resources, enable, probed};
    VPCI_INTERFACE_STANDARD vpci = {sizeof vpci, 1, bus, reference, dereference, write_block, read_block, bus->serial};

    if (!memcmp(type, &GUID_BUS_INTERFACE_STANDARD, sizeof *type))
        memcpy(at->Parameters.QueryInterface.Interface, &standard, sizeof standard);
    else if (bus->kind == FAKE_HOST && !memcmp(type, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof *type))
        memcpy(at->Parameters.QueryInterface.Interface, &virtualization, sizeof virtualization);
    else if (bus->kind == FAKE_GUEST && !memcmp(type, &GUID_VPCI_INTERFACE_STANDARD, sizeof *type))
        memcpy(at->Parameters.QueryInterface.Interface, &vpci, sizeof vpci);
    else
        return complete(irp, irp->IoStatus.Status);
    reference(bus);
    return complete(irp, STATUS_SUCCESS);
}

static CM_PARTIAL_RESOURCE_DESCRIPTOR resource(struct fake_bus *bus, unsigned at)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR entry = {.Type = CmResourceTypeMemory};

    if (at < bus->bars) {
        entry.u.Memory.Start.QuadPart = 0x1000 * (at + 1);
        entry.u.Memory.Length = 0x1000;
    } else if (at < bus->bars + (bus->large != 0)) {
        entry.Type = CmResourceTypeMemoryLarge;
        entry.Flags = (USHORT)bus->large;
        entry.u.Memory.Start.QuadPart = 0x10000000000;
        entry.u.Memory.Length = bus->large == CM_RESOURCE_MEMORY_LARGE_40   ? 1u << 24
                                : bus->large == CM_RESOURCE_MEMORY_LARGE_48 ? 1u << 16
                                                                            : 1;
    } else if (at < bus->bars + (bus->large != 0) + bus->messages) {
        entry.Type = CmResourceTypeInterrupt;
        entry.Flags = CM_RESOURCE_INTERRUPT_LATCHED | CM_RESOURCE_INTERRUPT_MESSAGE;
        entry.u.MessageInterrupt.Translated.Level = 5;
    } else {
        entry.Type = CmResourceTypePort;
        entry.u.Port.Start.QuadPart = 0x400;
        entry.u.Port.Length = 0x40;
    }
    return entry;
}

static NTSTATUS query_resources(struct fake_bus *bus, PIRP irp)
{
    unsigned count = bus->bars + (bus->large != 0) + bus->messages + (bus->ports != 0);
    size_t size = sizeof(CM_RESOURCE_LIST) + count * sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR);
    PCM_RESOURCE_LIST list;

    if (!count)
        return complete(irp, STATUS_SUCCESS);
    list = ExAllocatePoolZero(PagedPool, size, 0x46616b65);
    if (!list)
        return complete(irp, STATUS_INSUFFICIENT_RESOURCES);
    list->Count = 1;
    list->List[0].PartialResourceList.Count = count;
    for (unsigned i = 0; i < count; i++)
        list->List[0].PartialResourceList.PartialDescriptors[i] = resource(bus, i);
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = (ULONG_PTR)list;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS pnp(PDEVICE_OBJECT pdo, PIRP irp)
{
    struct fake_bus *bus = bus_at(pdo);

    switch (IoGetCurrentIrpStackLocation(irp)->MinorFunction) {
    case IRP_MN_QUERY_INTERFACE:
        return query_interface(bus, irp);
    case IRP_MN_QUERY_RESOURCES:
        return query_resources(bus, irp);
    case IRP_MN_START_DEVICE:
        bus->started = true;
        return complete(irp, STATUS_SUCCESS);
    case IRP_MN_REMOVE_DEVICE:
        bus->removed = true;
        return complete(irp, STATUS_SUCCESS);
    default:
        return complete(irp, STATUS_SUCCESS);
    }
}

static NTSTATUS power(PDEVICE_OBJECT pdo, PIRP irp)
{
    (void)pdo;
    return complete(irp, STATUS_SUCCESS);
}

static VOID cancel(PDEVICE_OBJECT pdo, PIRP irp)
{
    struct fake_bus *bus = bus_at(pdo);

    IoReleaseCancelSpinLock(irp->CancelIrql);
    pthread_mutex_lock(&bus->lock);
    bus->invalidate = NULL;
    pthread_mutex_unlock(&bus->lock);
    complete(irp, STATUS_CANCELLED);
}

/* Takes the pending IRP away from its cancel routine; NULL when it is not there or being cancelled. */
static PIRP take_pending(struct fake_bus *bus)
{
    PIRP irp;

    pthread_mutex_lock(&bus->lock);
    irp = bus->invalidate;
    if (irp && !IoSetCancelRoutine(irp, NULL))
        irp = NULL;
    if (irp)
        bus->invalidate = NULL;
    pthread_mutex_unlock(&bus->lock);
    return irp;
}

static NTSTATUS invalidate(struct fake_bus *bus, PIRP irp)
{
    ULONG64 mask;

    pthread_mutex_lock(&bus->lock);
    bus->armed++;
    mask = bus->cached;
    bus->cached = 0;
    if (bus->invalidate)
        bus->most_at_once = 2;
    if (!mask && !bus->refuse_invalidate) {
        IoMarkIrpPending(irp);
        bus->invalidate = irp;
        if (!bus->most_at_once)
            bus->most_at_once = 1;
        IoSetCancelRoutine(irp, cancel);
        if (irp->Cancel && IoSetCancelRoutine(irp, NULL)) {
            bus->invalidate = NULL;
            pthread_mutex_unlock(&bus->lock);
            complete(irp, STATUS_CANCELLED);
            return STATUS_PENDING;
        }
        pthread_mutex_unlock(&bus->lock);
        return STATUS_PENDING;
    }
    pthread_mutex_unlock(&bus->lock);
    if (bus->refuse_invalidate)
        return complete(irp, STATUS_NOT_SUPPORTED);
    ((PVPCI_INVALIDATE_BLOCK_OUTPUT)irp->UserBuffer)->BlockMask = mask;
    return complete(irp, STATUS_SUCCESS);
}

static NTSTATUS device_control(PDEVICE_OBJECT pdo, PIRP irp)
{
    PIO_STACK_LOCATION at = IoGetCurrentIrpStackLocation(irp);

    if (at->Parameters.DeviceIoControl.IoControlCode == IOCTL_VPCI_INVALIDATE_BLOCK)
        return invalidate(bus_at(pdo), irp);
    return complete(irp, STATUS_NOT_SUPPORTED);
}

void fake_bus_invalidate(struct fake_bus *bus, ULONG64 mask, KIRQL irql)
{
    PIRP irp = take_pending(bus);
    KIRQL before = KeGetCurrentIrql();

    if (!irp) {
        pthread_mutex_lock(&bus->lock);
        bus->cached |= mask;
        pthread_mutex_unlock(&bus->lock);
        irp = take_pending(bus); /* it may have come meanwhile */
        if (!irp)
            return;
        pthread_mutex_lock(&bus->lock);
        mask = bus->cached;
        bus->cached = 0;
        pthread_mutex_unlock(&bus->lock);
    }
    ((PVPCI_INVALIDATE_BLOCK_OUTPUT)irp->UserBuffer)->BlockMask = mask;
    if (irql > before)
        KeRaiseIrql(irql, &before);
    complete(irp, STATUS_SUCCESS);
    if (irql > before)
        KeLowerIrql(before);
}

struct fake_bus *fake_bus_create(struct nt_partition *partition, enum fake_kind kind)
{
    struct fake_bus *bus = calloc(1, sizeof *bus);

    bus->kind = kind;
    bus->partition = partition;
    bus->total_vfs = 8;
    bus->serial = 0x5e41a1;
    pthread_mutex_init(&bus->lock, NULL);
    nt_builtin_driver(partition, "fakebus", &bus->driver);
    bus->driver->MajorFunction[IRP_MJ_PNP] = pnp;
    bus->driver->MajorFunction[IRP_MJ_POWER] = power;
    bus->driver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = device_control;
    IoCreateDevice(bus->driver, sizeof bus, NULL, FILE_DEVICE_BUS_EXTENDER, 0, FALSE, &bus->pdo);
    *(struct fake_bus **)bus->pdo->DeviceExtension = bus;
    bus->pdo->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return bus;
}

void fake_bus_destroy(struct fake_bus *bus)
{
    IoDeleteDevice(bus->pdo);
    nt_driver_unload(bus->driver);
    pthread_mutex_destroy(&bus->lock);
    free(bus);
}
