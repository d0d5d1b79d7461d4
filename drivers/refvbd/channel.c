/* SPDX-License-Identifier: MIT
 *
 * The private channel: each routine is one of PCI_VIRTUALIZATION_INTERFACE, called for the PF driver.
 */
#include <initguid.h>

#include "bus.h"

static BOOLEAN is_removed(struct vbd_bus *bus)
{
    return InterlockedCompareExchange(&bus->removed, 0, 0) != 0;
}

static ULONG set_vf_data(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct vbd_bus *bus = context;

    return is_removed(bus) ? 0 : bus->pci.SetVirtualFunctionData(bus->pci.Context, vf, buffer, offset, length);
}

static ULONG get_vf_data(PVOID context, USHORT vf, PVOID buffer, ULONG offset, ULONG length)
{
    struct vbd_bus *bus = context;

    return is_removed(bus) ? 0 : bus->pci.GetVirtualFunctionData(bus->pci.Context, vf, buffer, offset, length);
}

static NTSTATUS enable_vfs(PVOID context, USHORT num_vfs)
{
    struct vbd_bus *bus = context;

    if (is_removed(bus))
        return STATUS_NO_SUCH_DEVICE;
    return bus->pci.EnableVirtualization(bus->pci.Context, num_vfs, FALSE, FALSE, num_vfs != 0);
}

static NTSTATUS get_vf_location(PVOID context, USHORT vf, PUSHORT segment, PUCHAR number, PUCHAR function)
{
    struct vbd_bus *bus = context;

    return is_removed(bus) ? STATUS_NO_SUCH_DEVICE
                           : bus->pci.GetLocation(bus->pci.Context, vf, segment, number, function);
}

static NTSTATUS get_probed_bars(PVOID context, PULONG values)
{
    struct vbd_bus *bus = context;

    return is_removed(bus) ? STATUS_NO_SUCH_DEVICE : bus->pci.GetVirtualFunctionProbedBars(bus->pci.Context, values);
}

static VOID reference(PVOID context)
{
    struct vbd_bus *bus = context;

    InterlockedIncrement(&bus->references);
}

static VOID dereference(PVOID context)
{
    vbd_bus_release(context);
}

NTSTATUS vbd_channel_open(struct vbd_bus *bus, PIO_STACK_LOCATION stack)
{
    PREFVBD_INTERFACE out = (PREFVBD_INTERFACE)stack->Parameters.QueryInterface.Interface;

    if (!out)
        return STATUS_INVALID_PARAMETER;
    if (stack->Parameters.QueryInterface.Size < sizeof(*out) ||
        stack->Parameters.QueryInterface.Version < REFVBD_INTERFACE_VERSION)
        return STATUS_INVALID_BUFFER_SIZE;
    out->Size = sizeof(*out);
    out->Version = REFVBD_INTERFACE_VERSION;
    out->Context = bus;
    out->InterfaceReference = reference;
    out->InterfaceDereference = dereference;
    out->SetVfData = set_vf_data;
    out->GetVfData = get_vf_data;
    out->EnableVfs = enable_vfs;
    out->GetVfLocation = get_vf_location;
    out->GetProbedBars = get_probed_bars;
    reference(bus);
    return STATUS_SUCCESS;
}
