/* SPDX-License-Identifier: MIT
 *
 * The PF's end of the backchannel: the blocks of blocks.h, one set a VF. What a VF writes is a guest's data: it
 * is taken field by field, checked, and stored whole or not at all.
 *
 * No locks here: a driver calls with its lock held. Any IRQL.
 */
#ifndef NIC_MAILBOX_H
#define NIC_MAILBOX_H

#include "blocks.h"

#define NIC_MAC_LENGTH 6
#define NIC_LINK_SPEED 1000000000ull  /* bit/s at start */
#define NIC_MAX_SPEED  10000000000ull /* and at most */

struct nic_link {
    BOOLEAN connected;
    ULONG64 transmit_speed; /* bit/s, 0 while not connected */
    ULONG64 receive_speed;
};

/* A statistics snapshot as it comes in pieces, and the last one that was complete. */
struct nic_snapshot {
    USHORT sequence;
    USHORT pieces; /* received (while collecting) */
    UCHAR data[REFNIC_MAX_PIECES * REFNIC_PIECE_BYTES];
};

struct nic_mailbox {
    BOOLEAN asked; /* the one snapshot after the VF's start was asked for */
    struct refnic_control control;
    struct refnic_link link;
    struct nic_snapshot collecting;
    struct nic_snapshot snapshot; /* pieces 0: none was complete yet */
};

VOID nic_mailbox_open(struct nic_mailbox *mailbox, const UCHAR *mac, const struct nic_link *link); /* zeroed memory */
VOID nic_mailbox_reset(struct nic_mailbox *mailbox); /* the VF's driver is gone; its link stays */
VOID nic_mailbox_link(struct nic_mailbox *mailbox, const struct nic_link *link); /* its block is to be invalidated */

/* Puts a command for the agents in `control` into block 0. Returns the blocks the VF must read again. */
ULONG64 nic_mailbox_command(struct nic_mailbox *mailbox, ULONG control, USHORT command);

/* The first `length` bytes of a block. STATUS_INVALID_PARAMETER: no such block, or longer than it. */
NTSTATUS nic_mailbox_read(const struct nic_mailbox *mailbox, ULONG block, UCHAR *data, ULONG length);
/* The same, and: not the VF's to write, or nothing it may say. `invalid`: blocks the VF must read again. */
NTSTATUS nic_mailbox_write(struct nic_mailbox *mailbox, ULONG block, const UCHAR *data, ULONG length, ULONG64 *invalid);

/* The address of a VF that nobody chose one for: the PF's with the VF's number in it. */
VOID nic_vf_address(const UCHAR *pf, USHORT vf, UCHAR *mac);

#endif
