/* SPDX-License-Identifier: MIT
 *
 * NdisMGetBusData / NdisMSetBusData (ndis.md 5.8): the adapter's own configuration space, PF or VF, over
 * BUS_INTERFACE_STANDARD of its PDO. Any IRQL; on a VF's PDO the bus interface itself ends at APC_LEVEL, which is
 * reported and served (pci.md 5.5).
 */
#include "ndis/internal.h"

static bool can_reach(struct ndis_adapter *adapter, ULONG space, const void *buffer, ULONG length)
{
    if (adapter->below.has_vpci)
        nt_irql_at_most(APC_LEVEL, "NdisMGet/SetBusData of a VF");
    if (adapter->below.has_bus && buffer && length && !atomic_load(&adapter->removed) &&
        (space == PCI_WHICHSPACE_CONFIG || space == PCI_WHICHSPACE_ROM))
        return true;
    TRACE_REFUSE("ndis", "BUS_DATA ndis.md 8.1", "space 0x%x, %u bytes", space, length);
    return false;
}

NDIS_EXPORT ULONG NdisMSetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset, PVOID Buffer,
                                  ULONG Length)
{
    struct ndis_adapter *adapter = ndis_adapter_checked(NdisMiniportHandle, "NdisMSetBusData");
    ULONG done = 0;

    if (!adapter)
        return 0;
    TRACE_DOOR(span, "ndis", "NdisMSetBusData", "%u bytes at 0x%03x", Length, Offset);
    if (can_reach(adapter, WhichSpace, Buffer, Length) && !nt_fault("NdisMSetBusData"))
        done = adapter->below.bus.SetBusData(adapter->below.bus.Context, WhichSpace, Buffer, Offset, Length);
    TRACE_DONE(span, "%u", done);
    return done;
}

NDIS_EXPORT ULONG NdisMGetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset, PVOID Buffer,
                                  ULONG Length)
{
    struct ndis_adapter *adapter = ndis_adapter_checked(NdisMiniportHandle, "NdisMGetBusData");
    ULONG done = 0;

    if (!adapter)
        return 0;
    TRACE_DOOR(span, "ndis", "NdisMGetBusData", "%u bytes at 0x%03x", Length, Offset);
    if (can_reach(adapter, WhichSpace, Buffer, Length) && !nt_fault("NdisMGetBusData"))
        done = adapter->below.bus.GetBusData(adapter->below.bus.Context, WhichSpace, Buffer, Offset, Length);
    TRACE_DONE(span, "%u", done);
    return done;
}
