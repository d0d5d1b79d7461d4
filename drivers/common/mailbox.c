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

/* After its start a VF is asked once for statistics, if there is no other command for it; an acknowledged command is
 * taken back, and so is one whose agent went away. Returns the blocks the VF must read again. */
static ULONG64 next_command(struct nic_mailbox *mailbox)
{
    struct refnic_control *control = &mailbox->control;

    const BOOLEAN has_agent = (control->capabilities & REFNIC_AGENT_STATISTICS) != 0;
    const BOOLEAN came = has_agent && !mailbox->asked, left = !has_agent && mailbox->asked;

    mailbox->asked = has_agent;
    if (came && !control->control)
        return nic_mailbox_command(mailbox, REFNIC_AGENT_STATISTICS, REFNIC_COMMAND_SNAPSHOT);
    if (left || (has_agent && control->command_ack == control->command)) {
        control->control = 0;
        control->command = REFNIC_COMMAND_NONE;
    }
    return 0;
}

/* What is collected becomes the snapshot when it has all its pieces. A VF that has not said how many rings it has may
 * be still writing. */
static VOID complete_snapshot(struct nic_mailbox *mailbox)
{
    ULONG bytes = mailbox->control.rings * (ULONG)sizeof(struct refnic_ring_record);

    if (!bytes || mailbox->collecting.pieces * REFNIC_PIECE_BYTES < bytes)
        return;
    mailbox->snapshot = mailbox->collecting;
    mailbox->collecting.pieces = 0;
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
    complete_snapshot(mailbox);
    *invalid = next_command(mailbox);
    return STATUS_SUCCESS;
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
               piece.index >= REFNIC_MAX_PIECES) {
        return STATUS_INVALID_PARAMETER;
    }
    RtlMoveMemory(collecting->data + piece.index * REFNIC_PIECE_BYTES, piece.data, REFNIC_PIECE_BYTES);
    collecting->pieces++;
    complete_snapshot(mailbox);
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

    if (block >= REFNIC_BLOCKS || !blocks[block].load || length > blocks[block].size)
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

ULONG64 nic_mailbox_command(struct nic_mailbox *mailbox, ULONG control, USHORT command)
{
    mailbox->control.control = control;
    mailbox->control.command = command;
    return REFNIC_MASK(REFNIC_BLOCK_CONTROL);
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
