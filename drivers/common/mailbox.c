/* SPDX-License-Identifier: MIT
 *
 * The blocks: what is stored, what is asked of a VF, what it reads back.
 */
#include "mailbox.h"

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
static ULONG64 next_command(struct nic_mailbox *mailbox)
{
    struct refnic_control *control = &mailbox->control;

    if (!(control->capabilities & REFNIC_AGENT_STATISTICS)) {
        mailbox->asked = FALSE;
        control->control = 0;
        control->command = REFNIC_COMMAND_NONE;
        return 0;
    }
    if (!mailbox->asked) {
        mailbox->asked = TRUE;
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

static NTSTATUS store_control(struct nic_mailbox *mailbox, const UCHAR *data, ULONG length, ULONG64 *invalid)
{
    struct refnic_control next = mailbox->control;
    ULONG i;

    for (i = 0; i < RTL_NUMBER_OF(vf_owned); i++)
        if (vf_owned[i].offset + vf_owned[i].size <= length)
            RtlMoveMemory((PUCHAR)&next + vf_owned[i].offset, data + vf_owned[i].offset, vf_owned[i].size);
    if (next.rings > REFNIC_MAX_RINGS)
        return STATUS_INVALID_PARAMETER;
    mailbox->control = next;
    *invalid = next_command(mailbox);
    return STATUS_SUCCESS;
}

/* Pieces that a snapshot of this VF has. */
static USHORT pieces_of(const struct nic_mailbox *mailbox)
{
    ULONG bytes = (mailbox->control.rings ? mailbox->control.rings : 1) * (ULONG)sizeof(struct refnic_ring_record);

    return (USHORT)((bytes + REFNIC_PIECE_BYTES - 1) / REFNIC_PIECE_BYTES);
}

/* Piece 0 begins a snapshot and drops one that was not finished; any other must continue the one begun. */
static NTSTATUS store_statistics(struct nic_mailbox *mailbox, const UCHAR *data, ULONG length, ULONG64 *invalid)
{
    struct nic_snapshot *collecting = &mailbox->collecting;
    struct refnic_statistics piece;

    UNREFERENCED_PARAMETER(invalid);
    if (length != sizeof(piece))
        return STATUS_INVALID_PARAMETER;
    RtlMoveMemory(&piece, data, sizeof(piece));
    if (piece.index == 0) {
        collecting->sequence = piece.sequence;
        collecting->pieces = 0;
    } else if (piece.index != collecting->pieces || piece.sequence != collecting->sequence ||
               piece.index >= pieces_of(mailbox)) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlMoveMemory(collecting->data + piece.index * REFNIC_PIECE_BYTES, piece.data, REFNIC_PIECE_BYTES);
    if (++collecting->pieces >= pieces_of(mailbox)) {
        mailbox->snapshot = *collecting;
        collecting->pieces = 0;
    }
    return STATUS_SUCCESS;
}

static VOID load_control(const struct nic_mailbox *mailbox, UCHAR *image)
{
    RtlMoveMemory(image, &mailbox->control, sizeof(mailbox->control));
}

static VOID load_link(const struct nic_mailbox *mailbox, UCHAR *image)
{
    RtlMoveMemory(image, &mailbox->link, sizeof(mailbox->link));
}

/* The first piece of the last complete snapshot. */
static VOID load_statistics(const struct nic_mailbox *mailbox, UCHAR *image)
{
    struct refnic_statistics piece = {0};

    if (mailbox->snapshot.pieces) {
        piece.sequence = mailbox->snapshot.sequence;
        RtlMoveMemory(piece.data, mailbox->snapshot.data, REFNIC_PIECE_BYTES);
    }
    RtlMoveMemory(image, &piece, sizeof(piece));
}

/* By block id. `store` NULL: the PF's own. */
static const struct {
    ULONG size;
    VOID (*load)(const struct nic_mailbox *mailbox, UCHAR *image);
    NTSTATUS (*store)(struct nic_mailbox *mailbox, const UCHAR *data, ULONG length, ULONG64 *invalid);
} blocks[REFNIC_BLOCKS] = {
    [REFNIC_BLOCK_CONTROL] = {sizeof(struct refnic_control), load_control, store_control},
    [REFNIC_BLOCK_LINK] = {sizeof(struct refnic_link), load_link, NULL},
    [REFNIC_BLOCK_STATISTICS] = {sizeof(struct refnic_statistics), load_statistics, store_statistics},
};

NTSTATUS nic_mailbox_read(const struct nic_mailbox *mailbox, ULONG block, UCHAR *data, ULONG length)
{
    UCHAR image[REFNIC_BLOCK_MAX];

    if (block >= REFNIC_BLOCKS || length > blocks[block].size)
        return STATUS_INVALID_PARAMETER;
    blocks[block].load(mailbox, image);
    RtlMoveMemory(data, image, length);
    return STATUS_SUCCESS;
}

NTSTATUS nic_mailbox_write(struct nic_mailbox *mailbox, ULONG block, const UCHAR *data, ULONG length, ULONG64 *invalid)
{
    *invalid = 0;
    if (block >= REFNIC_BLOCKS || length > blocks[block].size || !blocks[block].store)
        return STATUS_INVALID_PARAMETER;
    return length ? blocks[block].store(mailbox, data, length, invalid) : STATUS_SUCCESS;
}

VOID nic_mailbox_link(struct nic_mailbox *mailbox, const struct nic_link *link)
{
    mailbox->link.connected = link->connected;
    mailbox->link.transmit_speed = link->transmit_speed;
    mailbox->link.receive_speed = link->receive_speed;
    mailbox->link.generation++;
}

VOID nic_mailbox_open(struct nic_mailbox *mailbox, const UCHAR *mac, const struct nic_link *link)
{
    RtlMoveMemory(mailbox->link.mac, mac, NIC_MAC_LENGTH);
    nic_mailbox_link(mailbox, link);
}

VOID nic_mailbox_reset(struct nic_mailbox *mailbox)
{
    RtlZeroMemory(&mailbox->control, sizeof(mailbox->control));
    mailbox->asked = FALSE;
    mailbox->collecting.pieces = mailbox->snapshot.pieces = 0;
}

VOID nic_vf_address(const UCHAR *pf, USHORT vf, UCHAR *mac)
{
    RtlMoveMemory(mac, pf, NIC_MAC_LENGTH);
    mac[1] ^= 0x01; /* VFs' addresses differ from every PF's */
    mac[3] ^= (UCHAR)(vf >> 8);
    mac[4] ^= (UCHAR)vf;
}
