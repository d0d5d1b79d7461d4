/* SPDX-License-Identifier: MIT
 *
 * The configuration blocks of the reference drivers: what a PF driver (refnic, refgen) and the VF driver say to each
 * other over the backchannel (ndis.md 7.6, 7.7). Little-endian, fixed layout, at most 128 bytes a block. The shape is
 * that of vpci-wire.md 7.1: blocks 0 to 31 belong to the agents of the VF driver, block and agent type are one number,
 * and what is the vendor's own lies above.
 *
 * Each field has one writer. A write by the VF stores the fields the VF owns and leaves the others, so a VF that writes
 * a whole zeroed block wipes nothing of the PF's. A block, or a length beyond its end, that is not described here is
 * refused with STATUS_INVALID_PARAMETER.
 */
#ifndef NIC_BLOCKS_H
#define NIC_BLOCKS_H

#include <wdm.h>

#define REFNIC_BLOCK_CONTROL    0  /* both write, field by field */
#define REFNIC_BLOCK_STATISTICS 1  /* the VF writes; reading it gives the last complete snapshot */
#define REFNIC_BLOCK_LINK       32 /* the PF writes; a write by the VF is refused */
#define REFNIC_BLOCKS           33
#define REFNIC_BLOCK_MAX        128

#define REFNIC_MASK(block) (1ull << (block)) /* the block's bit in an invalidation */

#define REFNIC_MAX_RINGS      8
#define REFNIC_FORMAT_VERSION 1

/* Agents of the VF driver, as bits of `capabilities` and `control`: agent type - 1. The control agent has none. */
#define REFNIC_AGENT(block)     (1u << ((block)-1))
#define REFNIC_AGENT_STATISTICS REFNIC_AGENT(REFNIC_BLOCK_STATISTICS)

/* What the PF can ask of the agents it names in `control`; statistics: any other command is a period. */
#define REFNIC_COMMAND_NONE     0x0000 /* no more periodic snapshots */
#define REFNIC_COMMAND_SNAPSHOT 0xFFFF /* write one statistics snapshot now */
#define REFNIC_PERIOD_MS        100u   /* unit of a period */

/* Block 0. The VF reads it whenever the PF invalidates it or an agent comes or goes. Without an agent it writes zeros
 * back; addressed agents it does not have are not acknowledged; else it does what is asked and writes its own fields.
 * When the acknowledgement equals the command the PF clears both `control` and `command`. */
struct refnic_control {
    ULONG capabilities; /* VF: agents it has */
    ULONG control;      /* PF: agents that are addressed */
    USHORT command;     /* PF */
    USHORT command_ack; /* VF */
    USHORT version;     /* VF: REFNIC_FORMAT_VERSION of the addressed agent's format */
    USHORT rings;       /* VF, with it: records in a statistics snapshot, at most REFNIC_MAX_RINGS */
    ULONG reserved[28];
};

/* Block 32. The PF invalidates it after each change. */
struct refnic_link {
    UCHAR mac[6];    /* address the VF uses */
    UCHAR connected; /* 1: the wire is up */
    UCHAR reserved;
    ULONG generation; /* counts changes since the VF was allocated, from 1 */
    ULONG reserved2;
    ULONG64 transmit_speed; /* bit/s, 0 while not connected */
    ULONG64 receive_speed;
};

/* Block 1. A snapshot is `rings` records one after the other, cut into pieces of 120 bytes, the last one filled with
 * zeros; the pieces are written to this block in order, before or after the control block that says how many rings. */
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
