/* SPDX-License-Identifier: MIT
 *
 * The PF's end of the backchannel: the three blocks of blocks.h, one set a VF. What a VF writes is a guest's data: it
 * is taken field by field, checked, and stored whole or not at all.
 */
#include "pf.h"

/* The fields of block 0 that belong to the VF. A short write stores those it covers wholly. */
static const struct {
    ULONG offset, size;
} vf_owned[] = {
    {FIELD_OFFSET(struct refnic_control, capabilities), sizeof(ULONG)},
    {FIELD_OFFSET(struct refnic_control, command_ack), sizeof(USHORT)},
    {FIELD_OFFSET(struct refnic_control, version), sizeof(USHORT)},
    {FIELD_OFFSET(struct refnic_control, rings), sizeof(USHORT)},
};

/* After its start a VF is asked once for statistics; an acknowledged command is taken back; a VF whose agent is gone is
 * asked nothing. Returns the blocks the VF must read again. */
static ULONG64 next_command(struct pf_vf *vf)
{
    struct refnic_control *control = &vf->control;

    if (!(control->capabilities & REFNIC_AGENT_STATISTICS)) {
        vf->asked = FALSE;
        control->control = 0;
        control->command = REFNIC_COMMAND_NONE;
        return 0;
    }
    if (!vf->asked) {
        vf->asked = TRUE;
        control->control = REFNIC_AGENT_STATISTICS;
        control->command = REFNIC_COMMAND_SNAPSHOT;
        return REFNIC_MASK(REFNIC_BLOCK_CONTROL);
    }
    if (control->command_ack == control->command) {
        control->control = 0;
        control->command = REFNIC_COMMAND_NONE;
    }
    return 0;
}

static NDIS_STATUS store_control(struct pf_vf *vf, const UCHAR *data, ULONG length, ULONG64 *invalid)
{
    struct refnic_control next = vf->control;
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(vf_owned); i++)
        if (vf_owned[i].offset + vf_owned[i].size <= length)
            NdisMoveMemory((PUCHAR)&next + vf_owned[i].offset, data + vf_owned[i].offset, vf_owned[i].size);
    if (next.rings > REFNIC_MAX_RINGS)
        return NDIS_STATUS_INVALID_PARAMETER;
    vf->control = next;
    *invalid = next_command(vf);
    return NDIS_STATUS_SUCCESS;
}

/* Pieces that a snapshot of this VF has. */
static USHORT pieces_of(const struct pf_vf *vf)
{
    ULONG bytes = (vf->control.rings ? vf->control.rings : 1) * (ULONG)sizeof(struct refnic_ring_record);

    return (USHORT)((bytes + REFNIC_PIECE_BYTES - 1) / REFNIC_PIECE_BYTES);
}

/* Piece 0 begins a snapshot and drops one that was not finished; any other must continue the one begun. */
static NDIS_STATUS store_statistics(struct pf_vf *vf, const UCHAR *data, ULONG length, ULONG64 *invalid)
{
    struct pf_snapshot *collecting = &vf->collecting;
    struct refnic_statistics piece;

    UNREFERENCED_PARAMETER(invalid);
    if (length != sizeof(piece))
        return NDIS_STATUS_INVALID_PARAMETER;
    NdisMoveMemory(&piece, data, sizeof(piece));
    if (piece.index == 0) {
        collecting->sequence = piece.sequence;
        collecting->pieces = 0;
    } else if (piece.index != collecting->pieces || piece.sequence != collecting->sequence ||
               piece.index >= pieces_of(vf)) {
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    NdisMoveMemory(collecting->data + piece.index * REFNIC_PIECE_BYTES, piece.data, REFNIC_PIECE_BYTES);
    if (++collecting->pieces >= pieces_of(vf)) {
        vf->snapshot = *collecting;
        collecting->pieces = 0;
    }
    return NDIS_STATUS_SUCCESS;
}

static VOID load_control(const struct pf_vf *vf, UCHAR *image)
{
    NdisMoveMemory(image, &vf->control, sizeof(vf->control));
}

static VOID load_link(const struct pf_vf *vf, UCHAR *image)
{
    NdisMoveMemory(image, &vf->link, sizeof(vf->link));
}

/* The first piece of the last complete snapshot. */
static VOID load_statistics(const struct pf_vf *vf, UCHAR *image)
{
    struct refnic_statistics piece = {0};

    if (vf->snapshot.pieces) {
        piece.sequence = vf->snapshot.sequence;
        NdisMoveMemory(piece.data, vf->snapshot.data, REFNIC_PIECE_BYTES);
    }
    NdisMoveMemory(image, &piece, sizeof(piece));
}

/* By block id. `store` NULL: the PF's own. Both run under the lock. */
static const struct {
    ULONG size;
    VOID (*load)(const struct pf_vf *vf, UCHAR *image);
    NDIS_STATUS (*store)(struct pf_vf *vf, const UCHAR *data, ULONG length, ULONG64 *invalid);
} blocks[REFNIC_BLOCKS] = {
    [REFNIC_BLOCK_CONTROL] = {sizeof(struct refnic_control), load_control, store_control},
    [REFNIC_BLOCK_LINK] = {sizeof(struct refnic_link), load_link, NULL},
    [REFNIC_BLOCK_STATISTICS] = {sizeof(struct refnic_statistics), load_statistics, store_statistics},
};

NDIS_STATUS pf_read_block(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS p = *(PNDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS)request->buffer;
    NDIS_STATUS status = nic_check_tail(request, request->output, p.BufferOffset, p.Length,
                                        NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1);
    struct pf_vf *vf = pf_vf_find(adapter, p.VFId);
    UCHAR image[REFNIC_BLOCK_MAX];

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!vf || p.BlockId >= REFNIC_BLOCKS || p.Length > blocks[p.BlockId].size)
        return NDIS_STATUS_INVALID_PARAMETER;
    NdisAcquireSpinLock(&adapter->port.lock);
    blocks[p.BlockId].load(vf, image);
    NdisReleaseSpinLock(&adapter->port.lock);
    NdisMoveMemory(request->buffer + p.BufferOffset, image, p.Length);
    return nic_done(request, sizeof(p), p.BufferOffset + p.Length);
}

NDIS_STATUS pf_write_block(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS p =
        *(PNDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS)request->buffer;
    NDIS_STATUS status = nic_check_tail(request, request->input, p.BufferOffset, p.Length,
                                        NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1);
    struct pf_vf *vf = pf_vf_find(adapter, p.VFId);
    ULONG64 invalid = 0;

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!vf || p.BlockId >= REFNIC_BLOCKS || p.Length > blocks[p.BlockId].size || !blocks[p.BlockId].store)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (p.Length) {
        NdisAcquireSpinLock(&adapter->port.lock);
        status = blocks[p.BlockId].store(vf, request->buffer + p.BufferOffset, p.Length, &invalid);
        NdisReleaseSpinLock(&adapter->port.lock);
    }
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (invalid)
        NdisMInvalidateConfigBlock(adapter->port.handle, p.VFId, invalid);
    return nic_done(request, p.BufferOffset + p.Length, 0);
}

/* Under the lock. */
static VOID put_link(struct pf_vf *vf, const struct nic_link *link)
{
    vf->link.connected = link->connected;
    vf->link.transmit_speed = link->transmit_speed;
    vf->link.receive_speed = link->receive_speed;
    vf->link.generation++;
}

VOID pf_blocks_start(struct pf_adapter *adapter, struct pf_vf *vf, const UCHAR *mac)
{
    const struct nic_link link = nic_get_link(&adapter->port);

    NdisMoveMemory(vf->link.mac, mac, NIC_MAC_LENGTH);
    put_link(vf, &link); /* nobody else knows this VF yet */
}

VOID pf_blocks_reset(struct pf_adapter *adapter, struct pf_vf *vf)
{
    NdisAcquireSpinLock(&adapter->port.lock);
    NdisZeroMemory(&vf->control, sizeof(vf->control));
    vf->asked = FALSE;
    vf->collecting.pieces = vf->snapshot.pieces = 0;
    NdisReleaseSpinLock(&adapter->port.lock);
}

/* The block first, then the word that it changed: a VF that reads at once must find the new state. */
VOID pf_blocks_link_changed(struct pf_adapter *adapter)
{
    const struct nic_link link = nic_get_link(&adapter->port);
    ULONG i;

    for (i = 0; i < adapter->nic_switch.num_vfs; i++) {
        struct pf_vf *vf = adapter->nic_switch.vfs[i];

        if (!vf)
            continue;
        NdisAcquireSpinLock(&adapter->port.lock);
        put_link(vf, &link);
        NdisReleaseSpinLock(&adapter->port.lock);
        NdisMInvalidateConfigBlock(adapter->port.handle, vf->id, REFNIC_MASK(REFNIC_BLOCK_LINK));
    }
}
