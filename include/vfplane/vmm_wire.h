/* SPDX-License-Identifier: MIT
 *
 * The socket between a VMM and vfplane's host end, byte for byte: docs/vmm-integration.md is its text. This header
 * needs nothing else of vfplane; a VMM's author may copy it.
 *
 * One connection on an AF_UNIX SOCK_STREAM socket serves one virtual machine. Both sides send frames. Every integer is
 * little-endian; what is called reserved is sent as zero and not looked at.
 */
#ifndef VFP_VMM_WIRE_H
#define VFP_VMM_WIRE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#define VFP_VMM_ASSERT(condition, why) static_assert(condition, why)
#else
#define VFP_VMM_ASSERT(condition, why) _Static_assert(condition, why)
#endif
#define VFP_VMM_PACKED __attribute__((packed))

/* ---- frames ----------------------------------------------------------------------------------------------------- */

#define VFP_VMM_VERSION     2u     /* of this protocol, the highest; what a later one added says so */
#define VFP_VMM_VERSION_MIN 1u     /* the lowest that is still spoken */
#define VFP_VMM_PAYLOAD_MAX 39656u /* bytes of a packet's payload: the largest vPCI request there is */
#define VFP_VMM_FRAME_MAX   39688u /* a PACKET of that payload */
#define VFP_VMM_RING_UNIT   4096u  /* ring sizes are multiples of this */
#define VFP_VMM_RING_MAX    1048576u

/* Every frame begins with this. */
struct VFP_VMM_PACKED vfp_vmm_frame {
    uint32_t length;  /* of the whole frame, this header included */
    uint16_t type;    /* enum vfp_vmm_type */
    uint16_t flags;   /* none so far: 0 */
    uint32_t channel; /* which one, as OFFER named it; 0: the connection itself */
    uint32_t id;      /* the sender's own; an answer to the frame, and an ERROR about it, carry it back */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_frame) == 16, "frame header");

enum vfp_vmm_type {
    VFP_VMM_HELLO = 1, /* both: struct vfp_vmm_hello; the first frame of the VMM, then the first of the host */
    /* the VMM's */
    VFP_VMM_OPEN = 2,     /* struct vfp_vmm_open: the guest opened the channel; answered by OPENED */
    VFP_VMM_CLOSE = 3,    /* header only: the guest closed it, or its connection was reset; answered by CLOSED */
    VFP_VMM_WINDOW = 4,   /* struct vfp_vmm_window: an access to the configuration window; answered by WINDOW_DONE */
    VFP_VMM_REGISTER = 5, /* version 2: struct vfp_vmm_register: an access to mitigated pages; REGISTER_DONE */
    VFP_VMM_RETARGET = 6, /* version 2: struct vfp_vmm_retarget: another target of an interrupt; RETARGETED */
    /* both */
    VFP_VMM_PACKET = 8, /* struct vfp_vmm_packet and the payload: one packet of the ring */
    VFP_VMM_CREDIT = 9, /* struct vfp_vmm_credit: these bytes of the ring were read */
    /* the host's */
    VFP_VMM_OFFER = 16,         /* struct vfp_vmm_offer: a channel to offer to the guest */
    VFP_VMM_RESCIND = 17,       /* header only: the offer is taken back; nothing more of this channel comes */
    VFP_VMM_OPENED = 18,        /* struct vfp_vmm_opened */
    VFP_VMM_CLOSED = 19,        /* header only */
    VFP_VMM_WINDOW_DONE = 20,   /* struct vfp_vmm_window_done */
    VFP_VMM_INTERRUPT = 21,     /* struct vfp_vmm_interrupt: to be injected */
    VFP_VMM_MAP = 22,           /* struct vfp_vmm_region: to be made visible to the guest */
    VFP_VMM_UNMAP = 23,         /* the same: to be taken away again */
    VFP_VMM_ERROR = 24,         /* struct vfp_vmm_error: a frame of the VMM's broke a rule */
    VFP_VMM_RANGES = 25,        /* version 2: struct vfp_vmm_ranges and the ranges: the mitigated ones of a BAR */
    VFP_VMM_REGISTER_DONE = 26, /* version 2: struct vfp_vmm_register_done */
    VFP_VMM_RETARGETED = 27,    /* version 2: struct vfp_vmm_retargeted */
};

/* HELLO. The VMM says which versions of the protocol it speaks; the host answers with the highest that it speaks too,
 * in both fields, or with ERROR HELLO_VERSION and the end of the connection. */
#define VFP_VMM_MAGIC "vfp-vmm" /* 8 bytes, the last one 0 */
struct VFP_VMM_PACKED vfp_vmm_hello {
    struct vfp_vmm_frame frame;
    char magic[8];
    uint16_t lowest, highest;
    uint32_t reserved;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_hello) == 32, "HELLO");

/* ---- the life of a channel -------------------------------------------------------------------------------------- */

struct VFP_VMM_PACKED vfp_vmm_offer {
    struct vfp_vmm_frame frame; /* channel: never used again in this connection */
    uint8_t interface_id[16];   /* as they stand in OFFERCHANNEL, in wire order */
    uint8_t instance_id[16];
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_offer) == 48, "OFFER");

/* Bytes of the data areas of the guest's two rings: 4,096 to 1 MiB each, multiples of 4,096. A ring of n bytes gives
 * its sender a credit of n - 8. */
struct VFP_VMM_PACKED vfp_vmm_open {
    struct vfp_vmm_frame frame;
    uint32_t to_host, to_guest;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_open) == 24, "OPEN");

struct VFP_VMM_PACKED vfp_vmm_opened {
    struct vfp_vmm_frame frame; /* id: that of the OPEN */
    uint32_t status;            /* 0: open; else an errno: the host has no memory for the rings */
    uint32_t reserved;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_opened) == 24, "OPENED");

/* ---- packets ---------------------------------------------------------------------------------------------------- */

/* The packet descriptor of the ring without its lengths; the payload follows, with or without padding. */
struct VFP_VMM_PACKED vfp_vmm_packet {
    struct vfp_vmm_frame frame;
    uint16_t type;  /* 6 in-band data, 0xB completion; what else a guest sends is passed on and ends its channel */
    uint16_t flags; /* bit 0: a completion is requested */
    uint32_t reserved;
    uint64_t transaction_id;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_packet) == 32, "PACKET");
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_packet) + VFP_VMM_PAYLOAD_MAX == VFP_VMM_FRAME_MAX, "the longest frame");

#define VFP_VMM_PACKET_DATA          6u
#define VFP_VMM_PACKET_COMPLETION    0xBu
#define VFP_VMM_COMPLETION_REQUESTED 1u

/* What a packet takes of the credit: descriptor, payload padded to 8, trailer; as much as of the ring. */
static inline uint32_t vfp_vmm_cost(uint32_t payload)
{
    return 24u + ((payload + 7u) & ~7u);
}

struct VFP_VMM_PACKED vfp_vmm_credit {
    struct vfp_vmm_frame frame;
    uint32_t bytes; /* costs of packets that have left the ring, given back to who sent them */
    uint32_t reserved;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_credit) == 24, "CREDIT");

/* ---- the configuration window, interrupts, mappings ------------------------------------------------------------- */

struct VFP_VMM_PACKED vfp_vmm_window {
    struct vfp_vmm_frame frame;
    uint64_t address; /* guest physical */
    uint64_t value;   /* to be written, in the low bytes; 0 for a read */
    uint32_t size;    /* bytes, as the guest's processor accessed it; only 1, 2 and 4 reach a register */
    uint32_t write;   /* 1; 0: a read */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_window) == 40, "WINDOW");

struct VFP_VMM_PACKED vfp_vmm_window_done {
    struct vfp_vmm_frame frame; /* id: that of the WINDOW */
    uint64_t value;             /* what was read, in the low bytes: the others are not zero for what is not there */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_window_done) == 24, "WINDOW_DONE");

#define VFP_VMM_PROCESSORS 32u
struct VFP_VMM_PACKED vfp_vmm_interrupt {
    struct vfp_vmm_frame frame;
    uint32_t vector;
    uint16_t lowest_priority;                /* 1; 0: fixed */
    uint16_t processor_count;                /* 1 to 32 */
    uint16_t processors[VFP_VMM_PROCESSORS]; /* indices of virtual processors; the rest 0 */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_interrupt) == 88, "INTERRUPT");

#define VFP_VMM_WINDOW_SIZE   0x2000u
#define VFP_VMM_REGION_WINDOW 6u /* the configuration window: trapped, each access a WINDOW */
struct VFP_VMM_PACKED vfp_vmm_region {
    struct vfp_vmm_frame frame;
    uint32_t region; /* 0 to 5: the BAR (of a 64-bit one the lower); VFP_VMM_REGION_WINDOW */
    uint32_t reserved;
    uint64_t guest_address;
    uint64_t system_address; /* of a BAR: where the VF has it in the host's physical memory */
    uint64_t size;           /* bytes */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_region) == 48, "MAP, UNMAP");

/* ---- version 2: pages that the PF driver answers for ---------------------------------------------------------------
 */

/* All mitigated ranges of a BAR from now on; there are none before the first. A guest's access that a range covers must
 * not reach the BAR: it is a REGISTER. */
#define VFP_VMM_BARS         6u
#define VFP_VMM_RANGES_MAX   256u
#define VFP_VMM_RANGE_READS  1u
#define VFP_VMM_RANGE_WRITES 2u
struct VFP_VMM_PACKED vfp_vmm_range {
    uint64_t offset, length; /* bytes from the start of the BAR, multiples of 4,096 */
    uint32_t accesses;       /* VFP_VMM_RANGE_*: which accesses; the others are the guest's own */
    uint32_t reserved;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_range) == 24, "a range");

struct VFP_VMM_PACKED vfp_vmm_ranges {
    struct vfp_vmm_frame frame;
    uint32_t region; /* 0 to 5: the BAR */
    uint32_t count;  /* of ranges that follow, in ascending order, none overlapping; 0 to 256 */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_ranges) == 24, "RANGES");

struct VFP_VMM_PACKED vfp_vmm_register {
    struct vfp_vmm_frame frame;
    uint64_t offset; /* from the start of the BAR */
    uint64_t value;  /* to be written, in the low bytes; 0 for a read */
    uint32_t region; /* 0 to 5: the BAR */
    uint16_t size;   /* bytes, 1 to 8 */
    uint16_t write;  /* 1; 0: a read */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_register) == 40, "REGISTER");

/* A failed read gives all ones, a failed write did nothing; the guest goes on. ENOENT: none of these bytes is, or
 * is any longer, mitigated, as the last RANGES says: the guest does the access itself. EINVAL: only some are. */
struct VFP_VMM_PACKED vfp_vmm_register_done {
    struct vfp_vmm_frame frame; /* id: that of the REGISTER */
    uint64_t value;             /* what was read, in the low bytes */
    uint32_t status;            /* 0, or an errno */
    uint32_t reserved;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_register_done) == 32, "REGISTER_DONE");

/* ---- version 2: RetargetDeviceInterrupt -----------------------------------------------------------------------------
 */

#define VFP_VMM_PROCESSOR_MAX 4096u /* indices of virtual processors are below it */
struct VFP_VMM_PACKED vfp_vmm_retarget {
    struct vfp_vmm_frame frame;
    uint64_t address; /* of the message, as the guest was given it */
    uint32_t data;
    uint32_t vector;
    uint16_t lowest_priority;                /* 1; 0: fixed */
    uint16_t processor_count;                /* 1 to 32 */
    uint16_t processors[VFP_VMM_PROCESSORS]; /* the rest is not looked at */
    uint32_t reserved;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_retarget) == 104, "RETARGET");

struct VFP_VMM_PACKED vfp_vmm_retargeted {
    struct vfp_vmm_frame frame; /* id: that of the RETARGET */
    uint32_t status; /* 0; ENOENT: the guest was not given that pair; or another errno. Then nothing changed */
    uint32_t reserved;
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_retargeted) == 24, "RETARGETED");

/* ---- errors ----------------------------------------------------------------------------------------------------- */

/* The rules: name, number, what ends when it is broken, what it says. FRAME: the frame is dropped and nothing else
 * happens. CHANNEL: the frame is dropped and RESCIND follows. CONNECTION: it is closed after the ERROR (NOT_READING:
 * without one, it would not be read). */
#define VFP_VMM_RULES(X)                                                                                               \
    X(FRAME_LENGTH, 1, CONNECTION, "a frame is 16 to 39,688 bytes long")                                               \
    X(FRAME_TYPE, 2, FRAME, "its type is one a VMM sends")                                                             \
    X(FRAME_FLAGS, 3, FRAME, "its flags are 0")                                                                        \
    X(FRAME_SIZE, 4, FRAME, "it is as long as its type says")                                                          \
    X(HELLO_FIRST, 5, CONNECTION, "HELLO is the first frame")                                                          \
    X(HELLO_ONCE, 6, FRAME, "HELLO comes once")                                                                        \
    X(HELLO_MAGIC, 7, CONNECTION, "HELLO begins with the magic")                                                       \
    X(HELLO_VERSION, 8, CONNECTION, "a version both speak is in the range of HELLO")                                   \
    X(CHANNEL_KNOWN, 9, FRAME, "the channel is one that was offered")                                                  \
    X(CHANNEL_STATE, 10, FRAME, "OPEN is for a closed channel, everything else for an open one")                       \
    X(OPEN_SIZES, 11, FRAME, "the rings of OPEN are 4,096 bytes to 1 MiB in units of 4,096")                           \
    X(PACKET_CREDIT, 12, CHANNEL, "a packet costs no more than the credit that is left")                               \
    X(CREDIT_SUM, 13, CHANNEL, "CREDIT gives back no more than was taken, and at least one byte")                      \
    X(WINDOW_ONE, 14, FRAME, "one access to a channel's window at a time")                                             \
    X(WINDOW_FIELDS, 15, FRAME, "an access is a read (0) or a write (1), of 1 to 8 bytes")                             \
    X(NOT_READING, 16, CONNECTION, "the VMM reads what it is sent")                                                    \
    X(ONE_VMM, 17, CONNECTION, "one VMM is connected at a time")                                                       \
    X(REGISTER_ONE, 18, FRAME, "one access to a channel's mitigated pages at a time")                                  \
    X(REGISTER_FIELDS, 19, FRAME, "such an access is a read (0) or a write (1) of 1 to 8 bytes of BAR 0 to 5")         \
    X(RETARGET_ONE, 20, FRAME, "one RETARGET of a channel at a time")                                                  \
    X(RETARGET_FIELDS, 21, FRAME, "its mode is 0 or 1, its processors are 1 to 32, each below 4,096")

enum vfp_vmm_rule {
#define VFP_VMM_RULE_NUMBER(name, number, ends, text) VFP_VMM_RULE_##name = number,
    VFP_VMM_RULES(VFP_VMM_RULE_NUMBER)
#undef VFP_VMM_RULE_NUMBER
};

struct VFP_VMM_PACKED vfp_vmm_error {
    struct vfp_vmm_frame frame; /* channel and id: those of the frame it is about, 0 where there is none */
    uint32_t rule;              /* enum vfp_vmm_rule */
    uint16_t type;              /* of that frame */
    uint16_t version;           /* the highest the host speaks */
    char name[40];              /* of the rule, ends with 0: for a log */
};
VFP_VMM_ASSERT(sizeof(struct vfp_vmm_error) == 64, "ERROR");

#ifdef __cplusplus
}
#endif
#endif
