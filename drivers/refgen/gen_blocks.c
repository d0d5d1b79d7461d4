/* SPDX-License-Identifier: MIT
 *
 * The backchannel: the blocks of common/mailbox.h, and telling the virtualization stack which of them a VF must read
 * again (pci.md 3.7, 5.12 rules 4 to 6).
 */
#include "gen.h"

NTSTATUS gen_read_block(PVOID context, USHORT index, ULONG block, PVOID buffer, ULONG length)
{
    struct gen_adapter *adapter = context;
    UCHAR data[REFNIC_BLOCK_MAX];
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, buffer, &vf);
    KIRQL irql;

    if (status != STATUS_SUCCESS)
        return status;
    KeAcquireSpinLock(&adapter->lock, &irql);
    status = length ? nic_mailbox_read(&vf->mailbox, block, data, length) : STATUS_INVALID_PARAMETER;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (status == STATUS_SUCCESS)
        RtlCopyMemory(buffer, data, length); /* the stack's memory may be pageable */
    gen_leave(adapter);
    return status;
}

NTSTATUS gen_write_block(PVOID context, USHORT index, ULONG block, PVOID buffer, ULONG length)
{
    struct gen_adapter *adapter = context;
    UCHAR data[REFNIC_BLOCK_MAX];
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, buffer, &vf);
    ULONG64 invalid = 0;
    KIRQL irql;

    if (status != STATUS_SUCCESS)
        return status;
    if (!length || length > sizeof(data)) {
        gen_leave(adapter);
        return STATUS_INVALID_PARAMETER;
    }
    RtlCopyMemory(data, buffer, length);
    KeAcquireSpinLock(&adapter->lock, &irql);
    status = nic_mailbox_write(&vf->mailbox, block, data, length, &invalid);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (status == STATUS_SUCCESS)
        gen_invalidate(adapter, index, invalid);
    gen_leave(adapter);
    return status;
}

/* ---- invalidation ------------------------------------------------------------------------------------------------ */

/* Under the lock. One VF's blocks, or those of all; FALSE: there are none. */
static BOOLEAN take(struct gen_adapter *adapter, PSRIOV_INVALIDATE_BLOCK block)
{
    struct gen_vf *vf;

    RtlZeroMemory(block, sizeof(*block));
    if (adapter->invalid_all) {
        block->VfIndex = SRIOV_INVALIDATE_BLOCK_ALL_VFS;
        block->BlockMask = adapter->invalid_all;
        adapter->invalid_all = 0;
        return TRUE;
    }
    if (IsListEmpty(&adapter->dirty))
        return FALSE;
    vf = CONTAINING_RECORD(RemoveHeadList(&adapter->dirty), struct gen_vf, dirty);
    block->VfIndex = vf->index;
    block->BlockMask = vf->invalid;
    vf->invalid = 0;
    return TRUE;
}

static PIRP next(struct gen_adapter *adapter, PSRIOV_INVALIDATE_BLOCK block)
{
    PIRP irp = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->invalid_all || !IsListEmpty(&adapter->dirty))
        irp = gen_dequeue(&adapter->invalidations, SRIOV_INVALIDATE_BLOCK_ALL_VFS);
    if (irp)
        (VOID) take(adapter, block);
    KeReleaseSpinLock(&adapter->lock, irql);
    return irp;
}

static VOID deliver(struct gen_adapter *adapter)
{
    SRIOV_INVALIDATE_BLOCK block;
    PIRP irp;

    while ((irp = next(adapter, &block)) != NULL) {
        RtlCopyMemory(irp->AssociatedIrp.SystemBuffer, &block, sizeof(block));
        gen_complete(adapter, irp, STATUS_SUCCESS, sizeof(block));
    }
}

VOID gen_invalidate(struct gen_adapter *adapter, USHORT index, ULONG64 mask)
{
    struct gen_vf *vf;
    KIRQL irql;

    if (!mask)
        return;
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (index == SRIOV_INVALIDATE_BLOCK_ALL_VFS) {
        adapter->invalid_all |= mask;
    } else {
        vf = adapter->vfs[index];
        if (!vf->invalid)
            InsertTailList(&adapter->dirty, &vf->dirty);
        vf->invalid |= mask;
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    deliver(adapter);
}

NTSTATUS gen_wait_invalidation(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    NTSTATUS status = gen_queue(adapter, &adapter->invalidations, irp);

    UNREFERENCED_PARAMETER(stack);
    deliver(adapter);
    return status;
}

/* ---- the link ---------------------------------------------------------------------------------------------------- */

static BOOLEAN differs(const struct refnic_link *block, const struct nic_link *link)
{
    return block->connected != link->connected || block->transmit_speed != link->transmit_speed ||
           block->receive_speed != link->receive_speed;
}

/* The blocks first, then the word that they changed: a VF that reads at once must find the new state. */
NTSTATUS gen_set_link(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    const REFGEN_LINK asked = *(REFGEN_LINK *)irp->AssociatedIrp.SystemBuffer;
    struct nic_link link = {.connected = asked.Connected != 0};
    BOOLEAN changed;
    KIRQL irql;
    ULONG i;

    UNREFERENCED_PARAMETER(stack);
    if (asked.Speed > NIC_MAX_SPEED || (asked.Connected && !asked.Speed))
        return STATUS_INVALID_PARAMETER;
    link.transmit_speed = link.receive_speed = link.connected ? asked.Speed : 0;
    KeAcquireSpinLock(&adapter->lock, &irql);
    changed = adapter->link.connected != link.connected || adapter->link.transmit_speed != link.transmit_speed;
    adapter->link = link;
    KeReleaseSpinLock(&adapter->lock, irql);
    for (i = 0; changed && i < adapter->num_vfs; i++) {
        KeAcquireSpinLock(&adapter->lock, &irql);
        if (adapter->vfs[i] && differs(&adapter->vfs[i]->mailbox.link, &link))
            nic_mailbox_link(&adapter->vfs[i]->mailbox, &link);
        KeReleaseSpinLock(&adapter->lock, irql);
    }
    if (changed && adapter->num_vfs)
        gen_invalidate(adapter, SRIOV_INVALIDATE_BLOCK_ALL_VFS, REFNIC_MASK(REFNIC_BLOCK_LINK));
    return STATUS_SUCCESS;
}

NTSTATUS gen_command_vf(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    const REFGEN_VF_COMMAND command = *(REFGEN_VF_COMMAND *)irp->AssociatedIrp.SystemBuffer;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, command.VFId, irp, &vf);
    ULONG64 invalid;
    KIRQL irql;

    UNREFERENCED_PARAMETER(stack);
    if (status != STATUS_SUCCESS)
        return status;
    KeAcquireSpinLock(&adapter->lock, &irql);
    invalid = nic_mailbox_command(&vf->mailbox, command.Control, command.Command);
    KeReleaseSpinLock(&adapter->lock, irql);
    gen_invalidate(adapter, command.VFId, invalid);
    gen_leave(adapter);
    return STATUS_SUCCESS;
}
