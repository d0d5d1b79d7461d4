/* SPDX-License-Identifier: MIT
 *
 * Configuration blocks, the backchannel (ndis.md 5.6, 5.7): a VF reads and writes them through its PDO's
 * VPCI_INTERFACE_STANDARD; a PF tells that some changed, which ends at the host's listener.
 */
#include "ndis/internal.h"

#include <pcivirt.h>

static bool can_reach(struct ndis_adapter *adapter, const char *routine, const void *buffer, ULONG length)
{
    if (adapter->below.has_vpci && !atomic_load(&adapter->removed) && buffer && length &&
        length <= VPCI_MAX_READ_WRITE_BLOCK_SIZE)
        return true;
    if (!adapter->below.has_vpci && ndis_is_pf(adapter))
        nt_violation_in(NDIS_RULE(VF_ROUTINE_ON_PF), routine, "%s is called by a PF miniport", routine);
    TRACE_REFUSE("ndis", "CONFIG_BLOCK ndis.md 5.7", "%u bytes%s", length, adapter->below.has_vpci ? "" : ", not a VF");
    return false;
}

/* A routine that pends may not show it here (pci.md 5.7). */
static bool succeeded(NTSTATUS status)
{
    return NT_SUCCESS(status) && status != STATUS_PENDING;
}

NDIS_EXPORT NDIS_STATUS NdisMWriteConfigBlock(NDIS_HANDLE NdisMiniportHandle, ULONG BlockId, PVOID Buffer, ULONG Length)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, APC_LEVEL, "NdisMWriteConfigBlock");
    UCHAR copy[VPCI_MAX_READ_WRITE_BLOCK_SIZE];
    NTSTATUS status = STATUS_UNSUCCESSFUL;

    if (!adapter)
        return NDIS_STATUS_FAILURE;
    TRACE_DOOR(span, "ndis", "NdisMWriteConfigBlock", "%u bytes of block %u", Length, BlockId);
    if (can_reach(adapter, __func__, Buffer, Length)) {
        memcpy(copy, Buffer, Length);
        status = adapter->below.vpci.WriteVfConfigBlock(adapter->below.vpci.Context, BlockId, copy, Length);
    }
    TRACE_DONE(span, "%s", succeeded(status) ? "SUCCESS" : "FAILURE");
    return succeeded(status) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}

NDIS_EXPORT NDIS_STATUS NdisMReadConfigBlock(NDIS_HANDLE NdisMiniportHandle, ULONG BlockId, PVOID Buffer, ULONG Length)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, APC_LEVEL, "NdisMReadConfigBlock");
    UCHAR copy[VPCI_MAX_READ_WRITE_BLOCK_SIZE] = {0};
    NTSTATUS status = STATUS_UNSUCCESSFUL;

    if (!adapter)
        return NDIS_STATUS_FAILURE;
    TRACE_DOOR(span, "ndis", "NdisMReadConfigBlock", "%u bytes of block %u", Length, BlockId);
    if (can_reach(adapter, __func__, Buffer, Length))
        status = adapter->below.vpci.ReadVfConfigBlock(adapter->below.vpci.Context, BlockId, copy, Length);
    if (succeeded(status))
        memcpy(Buffer, copy, Length); /* a failed read leaves the caller's buffer alone */
    TRACE_DONE(span, "%s", succeeded(status) ? "SUCCESS" : "FAILURE");
    return succeeded(status) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FAILURE;
}

/* ---- invalidation, host end ------------------------------------------------------------------------------- */

void ndis_on_invalidate(struct ndis_adapter *adapter,
                        void (*invalidate)(void *context, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask), void *context)
{
    struct ndis_listener *listener = &adapter->listener;
    bool busy;

    ndis_lock(&listener->lock);
    listener->invalidate = invalidate;
    listener->context = context;
    ndis_unlock(&listener->lock);
    do {
        ndis_lock(&listener->lock);
        busy = listener->calls != 0;
        ndis_unlock(&listener->lock);
        if (busy)
            sched_yield();
    } while (busy);
}

static void tell(struct ndis_listener *listener, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask)
{
    void (*invalidate)(void *context, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask);
    void *context;

    ndis_lock(&listener->lock);
    invalidate = listener->invalidate;
    context = listener->context;
    listener->calls++;
    ndis_unlock(&listener->lock);
    if (invalidate)
        invalidate(context, vf, mask);
    ndis_lock(&listener->lock);
    listener->calls--;
    ndis_unlock(&listener->lock);
}

NDIS_EXPORT VOID NdisMInvalidateConfigBlock(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId,
                                            ULONGLONG BlockMask)
{
    struct ndis_adapter *adapter = ndis_entry(NdisMiniportHandle, DISPATCH_LEVEL, "NdisMInvalidateConfigBlock");

    if (!adapter)
        return;
    TRACE_DOOR(span, "ndis", "NdisMInvalidateConfigBlock", "VF %u, blocks 0x%llx", VFId, (unsigned long long)BlockMask);
    if (BlockMask && !atomic_load(&adapter->removed) && ndis_is_pf(adapter) && ndis_vf_is_allocated(adapter, VFId))
        tell(&adapter->listener, VFId, BlockMask);
    else
        TRACE_REFUSE("ndis", "INVALIDATE ndis.md 5.6", "VF %u, blocks 0x%llx", VFId, (unsigned long long)BlockMask);
    TRACE_DONE(span, "done");
}
