/* SPDX-License-Identifier: MIT
 *
 * The configuration blocks of the reference drivers: what a PF driver (refnic, refgen) and the VF driver say to each
 * other over the backchannel (ndis.md 7.6, 7.7). Little-endian, fixed layout, at most 128 bytes a block. The shape is
 * that of vpci-wire.md 7.1.
 *
 * Each field has one writer. A write by the VF stores the fields the VF owns and leaves the others, so a VF that writes
 * a whole zeroed block wipes nothing of the PF's. A block, or a length beyond its end, that is not described here is
 * refused with STATUS_INVALID_PARAMETER.
 */
#ifndef NIC_BLOCKS_H
#define NIC_BLOCKS_H

#include <wdm.h>

#define REFNIC_BLOCK_CONTROL    0 /* both write, field by field */
#define REFNIC_BLOCK_LINK       1 /* the PF writes; a write by the VF is refused */
#define REFNIC_BLOCK_STATISTICS 2 /* the VF writes; reading it gives the last complete snapshot */
#define REFNIC_BLOCKS           3
#define REFNIC_BLOCK_MAX        128

#define REFNIC_MASK(block) (1ull << (block)) /* the block's bit in an invalidation */

#define REFNIC_MAX_RINGS      8
#define REFNIC_FORMAT_VERSION 1

/* Agents of the VF driver, as bits of `capabilities` and `control`. */
#define REFNIC_AGENT_STATISTICS 0x00000001u

/* What the PF can ask of the agents it names in `control`. A VF acknowledges only a command it has carried out. */
#define REFNIC_COMMAND_NONE     0x0000
#define REFNIC_COMMAND_SNAPSHOT 0xFFFF /* write one statistics snapshot now */

/* Block 0. The VF writes it after it started (capabilities, version, rings), all zero when it stops, and again when the
 * PF invalidates it: the PF has put a command there. When the acknowledgement equals the command the PF clears both
 * `control` and `command`. */
struct refnic_control {
    ULONG capabilities; /* VF: agents it has */
    ULONG control;      /* PF: agents that are addressed */
    USHORT command;     /* PF */
    USHORT command_ack; /* VF */
    USHORT version;     /* VF: REFNIC_FORMAT_VERSION of the addressed agent's format */
    USHORT rings;       /* VF: records in a statistics snapshot, at most REFNIC_MAX_RINGS */
    ULONG reserved[28];
};

/* Block 1. The PF invalidates it after each change. */
struct refnic_link {
    UCHAR mac[6];    /* address the VF uses */
    UCHAR connected; /* 1: the wire is up */
    UCHAR reserved;
    ULONG generation; /* counts changes since the VF was allocated, from 1 */
    ULONG reserved2;
    ULONG64 transmit_speed; /* bit/s, 0 while not connected */
    ULONG64 receive_speed;
};

/* Block 2. A snapshot is `rings` records one after the other, cut into pieces of 120 bytes, the last one filled with
 * zeros; the pieces are written to this block in order. */
#define REFNIC_PIECE_BYTES 120
struct refnic_statistics {
    USHORT sequence; /* the same in all pieces of a snapshot */
    USHORT index;    /* 0, 1, 2 ... */
    ULONG reserved;
    ULONG64 data[REFNIC_PIECE_BYTES / 8];
};
struct refnic_ring_record {
    ULONG64 rx_packets, rx_bytes, tx_packets, tx_bytes;
};
#define REFNIC_MAX_PIECES                                                                                              \
    ((REFNIC_MAX_RINGS * sizeof(struct refnic_ring_record) + REFNIC_PIECE_BYTES - 1) / REFNIC_PIECE_BYTES)

C_ASSERT(sizeof(struct refnic_control) == REFNIC_BLOCK_MAX);
C_ASSERT(FIELD_OFFSET(struct refnic_control, command) == 8 && FIELD_OFFSET(struct refnic_control, rings) == 14);
C_ASSERT(sizeof(struct refnic_link) == 32);
C_ASSERT(FIELD_OFFSET(struct refnic_link, transmit_speed) == 16);
C_ASSERT(sizeof(struct refnic_statistics) == REFNIC_BLOCK_MAX);

#endif
