/* SPDX-License-Identifier: MIT
 *
 * The PF's way down: NdisMEnableVirtualization and what it makes possible (ndis.md 5.1-5.4), over
 * PCI_VIRTUALIZATION_INTERFACE of the PDO (pci.md 1.4). Not for a VF: its PDO has no such interface.
 */
#include "ndis/internal.h"

#define VF_SPACE 4096u

/* What the miniport may not ask for (ndis.md 5.1), whatever the bus says of it. */
static void judge_enable(struct ndis_adapter *adapter, USHORT vfs, bool migration, bool on)
{
    const char *const routine = "NdisMEnableVirtualization";
    USHORT enabled = atomic_load(&adapter->enabled_vfs);

    if (ndis_is_vf(adapter))
        nt_violation_in(NDIS_RULE(PF_ROUTINE_ON_VF), routine, "%s is called by a VF miniport", routine);
    else if (atomic_load(&adapter->removed))
        return;
    else if (migration)
        nt_violation_in(NDIS_RULE(VIRTUALIZATION_MIGRATION), routine, "a migration flag is TRUE");
    else if (!on && vfs)
        nt_violation_in(NDIS_RULE(VIRTUALIZATION_OFF_NUM_VFS), routine, "disabled with NumVFs %u", vfs);
    else if (on && enabled)
        nt_violation_in(NDIS_RULE(VIRTUALIZATION_TWICE), routine, "enabled for %u VFs while %u are enabled", vfs,
                        enabled);
    else if (on && !vfs)
        nt_violation_in(NDIS_RULE(VIRTUALIZATION_NUM_VFS), routine, "enabled with no VF");
    else if (!on && !enabled)
        nt_violation_in(NDIS_RULE(VIRTUALIZATION_OFF_TWICE), routine, "disabled while disabled");
}

static NDIS_STATUS enable(struct ndis_adapter *adapter, USHORT vfs, bool migration, bool on)
{
    const PCI_VIRTUALIZATION_INTERFACE *bus = &adapter->below.virtualization;
    NTSTATUS status;

    judge_enable(adapter, vfs, migration, on);
    if (!ndis_has_virtualization(adapter, "NdisMEnableVirtualization") || ndis_is_vf(adapter))
        return NDIS_STATUS_NOT_SUPPORTED;
    if (migration || (on ? vfs == 0 : vfs != 0))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (atomic_load(&adapter->removed))
        return NDIS_STATUS_FAILURE;
    if (on && nt_fault("NdisMEnableVirtualization")) /* disabling never fails so: a driver could do nothing about it */
        return NDIS_STATUS_FAILURE;
    status = bus->EnableVirtualization(bus->Context, vfs, FALSE, FALSE, on);
    if (status == STATUS_INVALID_PARAMETER && on && !atomic_load(&adapter->enabled_vfs))
        nt_violation_in(NDIS_RULE(VIRTUALIZATION_NUM_VFS), "NdisMEnableVirtualization", "enabled with %u VFs", vfs);
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
static inline bool range_ok(const void *buffer, ULONG offset, ULONG length)
{
    return buffer && length && (ULONG64)offset + length <= VF_SPACE;
}

/* Remembered for the judgement of the request in flight: success may not follow a transfer that fell short. */
static inline void note(struct ndis_adapter *adapter, const char *routine, NDIS_SRIOV_FUNCTION_ID vf, ULONG asked,
                        ULONG done)
{
    atomic_store_explicit(&adapter->checks.vf_data, done < asked ? NDIS_VF_DATA_SHORT(vf) : 0, memory_order_relaxed);
    if (__builtin_expect(done, 1) || atomic_load(&adapter->removed))
        return;
    if (ndis_is_vf(adapter))
        nt_violation_in(NDIS_RULE(PF_ROUTINE_ON_VF), routine, "a VF miniport asks for VF %u", vf);
    else if (!adapter->below.has_vbd && !atomic_load(&adapter->enabled_vfs))
        nt_violation_in(NDIS_RULE(VF_DATA_NOT_ENABLED), routine, "VF %u is touched, virtualization is not enabled", vf);
}

static inline bool can_reach(struct ndis_adapter *adapter, const char *routine, const void *buffer, ULONG offset,
                             ULONG length)
{
    if (ndis_has_virtualization(adapter, routine) && !atomic_load(&adapter->removed) &&
        range_ok(buffer, offset, length))
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
    if (can_reach(adapter, "NdisMSetVirtualFunctionBusData", Buffer, Offset, Length) &&
        !nt_fault("NdisMSetVirtualFunctionBusData"))
        done = adapter->below.virtualization.SetVirtualFunctionData(adapter->below.virtualization.Context, VFId, Buffer,
                                                                    Offset, Length);
    note(adapter, __func__, VFId, Length, done);
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
    if (can_reach(adapter, "NdisMGetVirtualFunctionBusData", Buffer, Offset, Length) &&
        !nt_fault("NdisMGetVirtualFunctionBusData"))
        done = adapter->below.virtualization.GetVirtualFunctionData(adapter->below.virtualization.Context, VFId, Buffer,
                                                                    Offset, Length);
    note(adapter, __func__, VFId, Length, done);
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
        nt_violation(NDIS_RULE(NULL_OUTPUT), "NdisMGetVirtualFunctionLocation: an output pointer is NULL");
        return;
    }
    TRACE_DOOR(span, "ndis", "NdisMGetVirtualFunctionLocation", "VF %u", VFId);
    if (adapter && ndis_has_virtualization(adapter, "NdisMGetVirtualFunctionLocation") &&
        VFId < atomic_load(&adapter->enabled_vfs))
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
    if (ndis_has_virtualization(adapter, "NdisMQueryProbedBars") && !atomic_load(&adapter->removed) &&
        !nt_fault("NdisMQueryProbedBars"))
        status = adapter->below.virtualization.GetVirtualFunctionProbedBars(adapter->below.virtualization.Context,
                                                                            BaseRegisterValues);
    TRACE_DONE(span, "%s", NT_SUCCESS(status) ? "SUCCESS" : "FAILURE");
    return NT_SUCCESS(status) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}
