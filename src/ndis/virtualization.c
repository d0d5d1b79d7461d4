/* SPDX-License-Identifier: MIT
 *
 * The PF's way down: NdisMEnableVirtualization and what it makes possible (ndis.md 5.1-5.4), over
 * PCI_VIRTUALIZATION_INTERFACE of the PDO (pci.md 1.4). Not for a VF: its PDO has no such interface.
 */
#include "ndis/internal.h"

#define VF_SPACE 4096u

static NDIS_STATUS enable(struct ndis_adapter *adapter, USHORT vfs, bool migration, bool on)
{
    const PCI_VIRTUALIZATION_INTERFACE *bus = &adapter->below.virtualization;
    NTSTATUS status;

    if (!adapter->below.has_virtualization || ndis_is_vf(adapter))
        return NDIS_STATUS_NOT_SUPPORTED;
    if (migration || (on ? vfs == 0 : vfs != 0))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (atomic_load(&adapter->removed))
        return NDIS_STATUS_FAILURE;
    status = bus->EnableVirtualization(bus->Context, vfs, FALSE, FALSE, on);
    if (status == STATUS_INVALID_PARAMETER)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!NT_SUCCESS(status))
        return NDIS_STATUS_FAILURE;
    atomic_store(&adapter->enabled_vfs, vfs);
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT NDIS_STATUS NdisMEnableVirtualization(NDIS_HANDLE NdisMiniportHandle, USHORT NumVFs,
                                                  BOOLEAN EnableVFMigration, BOOLEAN EnableMigrationInterrupt,
                                                  BOOLEAN EnableVirtualization)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, PASSIVE_LEVEL, "NdisMEnableVirtualization");
    NDIS_STATUS status;

    if (!adapter)
        return NDIS_STATUS_FAILURE;
    TRACE_DOOR(span, "ndis", "NdisMEnableVirtualization", "%s, %u VFs", EnableVirtualization ? "enable" : "disable",
               NumVFs);
    status = enable(adapter, NumVFs, EnableVFMigration || EnableMigrationInterrupt, EnableVirtualization != 0);
    if (status != NDIS_STATUS_SUCCESS)
        TRACE_REFUSE("ndis", "ENABLE_VIRTUALIZATION ndis.md 5.1", "%s", ndis_status_name(status));
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

/* The whole range or nothing: the rule of pci.md 5.1, which the bus driver applies as well. */
static bool range_ok(const void *buffer, ULONG offset, ULONG length)
{
    return buffer && length && (ULONG64)offset + length <= VF_SPACE;
}

static bool can_reach(struct ndis_adapter *adapter, const void *buffer, ULONG offset, ULONG length)
{
    if (adapter->below.has_virtualization && !atomic_load(&adapter->removed) && range_ok(buffer, offset, length))
        return true;
    TRACE_REFUSE("ndis", "VF_BUS_DATA ndis.md 5.2", "%u bytes at 0x%03x", length, offset);
    return false;
}

NDIS_EXPORT ULONG NdisMSetVirtualFunctionBusData(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId,
                                                 PVOID Buffer, ULONG Offset, ULONG Length)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, DISPATCH_LEVEL, "NdisMSetVirtualFunctionBusData");
    ULONG done = 0;

    if (!adapter)
        return 0;
    TRACE_DOOR(span, "ndis", "NdisMSetVirtualFunctionBusData", "VF %u, %u bytes at 0x%03x", VFId, Length, Offset);
    if (can_reach(adapter, Buffer, Offset, Length))
        done = adapter->below.virtualization.SetVirtualFunctionData(adapter->below.virtualization.Context, VFId, Buffer,
                                                                    Offset, Length);
    TRACE_DONE(span, "%u", done);
    return done;
}

NDIS_EXPORT ULONG NdisMGetVirtualFunctionBusData(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId,
                                                 PVOID Buffer, ULONG Offset, ULONG Length)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, DISPATCH_LEVEL, "NdisMGetVirtualFunctionBusData");
    ULONG done = 0;

    if (!adapter)
        return 0;
    TRACE_DOOR(span, "ndis", "NdisMGetVirtualFunctionBusData", "VF %u, %u bytes at 0x%03x", VFId, Length, Offset);
    if (can_reach(adapter, Buffer, Offset, Length))
        done = adapter->below.virtualization.GetVirtualFunctionData(adapter->below.virtualization.Context, VFId, Buffer,
                                                                    Offset, Length);
    TRACE_DONE(span, "%u", done);
    return done;
}

NDIS_EXPORT VOID NdisMGetVirtualFunctionLocation(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId,
                                                 PUSHORT SegmentNumber, PUCHAR BusNumber, PUCHAR FunctionNumber)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, PASSIVE_LEVEL, "NdisMGetVirtualFunctionLocation");
    USHORT segment = 0xffff;
    UCHAR bus = 0xff, function = 0xff;
    NTSTATUS status = STATUS_INVALID_PARAMETER;

    if (!SegmentNumber || !BusNumber || !FunctionNumber) {
        nt_violation("NULL_OUTPUT", "NdisMGetVirtualFunctionLocation: an output pointer is NULL");
        return;
    }
    TRACE_DOOR(span, "ndis", "NdisMGetVirtualFunctionLocation", "VF %u", VFId);
    if (adapter && adapter->below.has_virtualization && VFId < atomic_load(&adapter->enabled_vfs))
        status = adapter->below.virtualization.GetLocation(adapter->below.virtualization.Context, VFId, &segment, &bus,
                                                           &function);
    if (!NT_SUCCESS(status)) {
        /* There is no status to return; an impossible location stands for it. */
        segment = 0xffff, bus = 0xff, function = 0xff;
        TRACE_REFUSE("ndis", "VF_LOCATION ndis.md 5.3", "VF %u", VFId);
    }
    *SegmentNumber = segment;
    *BusNumber = bus;
    *FunctionNumber = function;
    TRACE_DONE(span, "%04x:%02x function %02x", segment, bus, function);
}

NDIS_EXPORT NDIS_STATUS NdisMQueryProbedBars(NDIS_HANDLE NdisMiniportHandle, PULONG BaseRegisterValues)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, PASSIVE_LEVEL, "NdisMQueryProbedBars");
    NTSTATUS status = STATUS_INVALID_DEVICE_STATE;

    if (!adapter || !BaseRegisterValues)
        return NDIS_STATUS_FAILURE;
    TRACE_DOOR(span, "ndis", "NdisMQueryProbedBars", "6 VF BARs");
    if (adapter->below.has_virtualization && !atomic_load(&adapter->removed))
        status = adapter->below.virtualization.GetVirtualFunctionProbedBars(adapter->below.virtualization.Context,
                                                                            BaseRegisterValues);
    TRACE_DONE(span, "%s", NT_SUCCESS(status) ? "SUCCESS" : "FAILURE");
    return NT_SUCCESS(status) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}
