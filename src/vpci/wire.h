/* SPDX-License-Identifier: MIT
 *
 * The vPCI messages as they stand in memory: packed structures, little-endian, no logic. Offsets start after the
 * 16-byte VMBus descriptor. "H>G" is host to guest. What each message means: vpci-wire.md 1.2-1.6 (section numbers
 * below).
 *
 * A receiver sees lengths padded to 8 bytes, so every size check is "at least" the size of the structure here. Reserved
 * fields are sent as zero and ignored.
 */
#ifndef VFPLANE_VPCI_WIRE_H
#define VFPLANE_VPCI_WIRE_H

#include <stddef.h>
#include <stdint.h>

#define VPCI_PACKED __attribute__((packed))

/* 1.1: interface 44C4F61D-4444-4400-9D52-802E27EDE19F in wire order. */
#define VPCI_INTERFACE_ID                                                                                              \
    {                                                                                                                  \
        0x1D, 0xF6, 0xC4, 0x44, 0x44, 0x44, 0x00, 0x44, 0x9D, 0x52, 0x80, 0x2E, 0x27, 0xED, 0xE1, 0x9F                 \
    }

/* ---- limits ----------------------------------------------------------------------------------------------------- */

#define VPCI_BARS              6u
#define VPCI_BLOCK_MAX         128u   /* bytes in a configuration block, inclusive: pci.md 6.6 */
#define VPCI_SLOTS             256u   /* device 5 bits, function 3 bits: 1.5 */
#define VPCI_PACKET_MAX        4096u  /* H>G, descriptor included: 1.1 */
#define VPCI_PACKET_MIN        24u    /* shorter ones are not seen by a Linux guest: 1.1 */
#define VPCI_REQUEST_MAX       39656u /* largest G>H packet, 136 + 80 * 494: 1.6.7 */
#define VPCI_INTERRUPTS_MAX    494u   /* per device: 1.6.7 */
#define VPCI_VECTORS_MAX       32u    /* messages in one interrupt, processors in one set: 1.6.14 */
#define VPCI_BLOCK_WRITE_EXTRA 4u     /* zero bytes a guest appends to WRITE_BLOCK: 1.6.10 */
#define VPCI_RELATIONS_MAX     203u   /* entries of 20 bytes in one H>G packet: 1.1 */
#define VPCI_RELATIONS2_MAX    145u   /* entries of 28 bytes */
#define VPCI_INVALIDATE_BLOCKS 64u    /* block ids that a mask can name: 1.6.11 */
#define VPCI_DESCRIPTOR        16u    /* bytes of the VMBus packet descriptor */

/* ---- versions (1.2), statuses (1.3) ----------------------------------------------------------------------------- */

#define VPCI_VERSION(major, minor) ((uint32_t)(major) << 16 | (uint32_t)(minor))
#define VPCI_VERSION_1_1           0x00010001u
#define VPCI_VERSION_1_2           0x00010002u
#define VPCI_VERSION_1_3           0x00010003u
#define VPCI_VERSION_1_4           0x00010004u

/* NTSTATUS on the wire; the sign bit means failure. */
#define VPCI_STATUS_SUCCESS              0x00000000u
#define VPCI_STATUS_REVISION_MISMATCH    0xC0000059u /* only the version query */
#define VPCI_STATUS_BAD_DATA             0xC000090Bu /* malformed or unacceptable */
#define VPCI_STATUS_NOT_SUPPORTED        0xC00000BBu
#define VPCI_STATUS_INVALID_DEVICE_STATE 0xC0000184u /* wrong order, channel kept */
#define VPCI_STATUS_INVALID_PARAMETER    0xC000000Du
#define VPCI_STATUS_BUFFER_TOO_SMALL     0xC0000023u

/* ---- message catalogue (1.4) ------------------------------------------------------------------------------------ */

/* The WDK has VPCI_READ_BLOCK and VPCI_WRITE_BLOCK as function types, hence the two longer names. */
enum vpci_message {
    VPCI_BUS_RELATIONS = 0x42490000,               /* H>G, no completion */
    VPCI_QUERY_BUS_RELATIONS = 0x42490001,         /* G>H, no completion; answered by BUS_RELATIONS(2) */
    VPCI_INVALIDATE_DEVICE = 0x42490002,           /* H>G */
    VPCI_INVALIDATE_BUS = 0x42490003,              /* H>G */
    VPCI_POWER_STATE_CHANGE = 0x42490004,          /* G>H */
    VPCI_QUERY_RESOURCE_REQUIREMENTS = 0x42490005, /* G>H */
    VPCI_GET_RESOURCES = 0x42490006,               /* G>H */
    VPCI_BUS_D0ENTRY = 0x42490007,                 /* G>H */
    VPCI_BUS_D0EXIT = 0x42490008,                  /* G>H */
    VPCI_READ_BLOCK_MESSAGE = 0x42490009,          /* G>H */
    VPCI_WRITE_BLOCK_MESSAGE = 0x4249000A,         /* G>H */
    VPCI_EJECT = 0x4249000B,                       /* H>G, answered by EJECTION_COMPLETE */
    VPCI_QUERY_STOP = 0x4249000C,
    VPCI_REENABLE = 0x4249000D,
    VPCI_QUERY_STOP_FAILED = 0x4249000E,
    VPCI_EJECTION_COMPLETE = 0x4249000F,      /* G>H, no completion */
    VPCI_RESOURCES_ASSIGNED = 0x42490010,     /* G>H */
    VPCI_RESOURCES_RELEASED = 0x42490011,     /* G>H, no completion */
    VPCI_INVALIDATE_BLOCK = 0x42490012,       /* H>G, no acknowledgement */
    VPCI_QUERY_PROTOCOL_VERSION = 0x42490013, /* G>H, the first message */
    VPCI_CREATE_INTERRUPT = 0x42490014,       /* G>H, 1.1 */
    VPCI_DELETE_INTERRUPT = 0x42490015,       /* G>H, no completion from Linux */
    VPCI_RESOURCES_ASSIGNED2 = 0x42490016,    /* G>H, from 1.2 */
    VPCI_CREATE_INTERRUPT2 = 0x42490017,      /* G>H, 1.2 and 1.3 */
    VPCI_DELETE_INTERRUPT2 = 0x42490018,      /* G>H */
    VPCI_BUS_RELATIONS2 = 0x42490019,         /* H>G, from 1.3 */
    VPCI_RESOURCES_ASSIGNED3 = 0x4249001A,    /* G>H, from 1.4 */
    VPCI_CREATE_INTERRUPT3 = 0x4249001B,      /* G>H, from 1.4 */
    VPCI_RESET_DEVICE = 0x4249001C,           /* G>H, 1.5 */
    VPCI_TDISP_COMMAND = 0x4249001D,          /* G>H */
};

/* ---- sub-structures (1.5) --------------------------------------------------------------------------------------- */

/* Slot: device in bits 0-4, function in bits 5-7, the rest zero. */
#define VPCI_SLOT(device, function) ((uint32_t)(device) | (uint32_t)(function) << 5)
#define VPCI_SLOT_DEVICE(slot)      ((slot)&0x1Fu)
#define VPCI_SLOT_FUNCTION(slot)    ((slot) >> 5 & 7u)

struct VPCI_PACKED vpci_function {
    uint16_t vendor_id;
    uint16_t device_id;
    uint8_t revision;
    uint8_t prog_if;
    uint8_t sub_class;
    uint8_t base_class;
    uint16_t subsystem_vendor_id;
    uint16_t subsystem_id;
    uint32_t slot;
    uint32_t serial; /* pairs the VF with its synthetic NIC */
};
_Static_assert(sizeof(struct vpci_function) == 20, "1.5");

struct VPCI_PACKED vpci_function2 {
    struct vpci_function function;
    uint32_t flags; /* VPCI_FUNCTION_NUMA */
    uint16_t numa_node;
    uint16_t reserved;
};
_Static_assert(sizeof(struct vpci_function2) == 28, "1.5");
#define VPCI_FUNCTION_NUMA 1u

enum vpci_resource_type {
    VPCI_RESOURCE_NULL = 0,
    VPCI_RESOURCE_PORT = 1,
    VPCI_RESOURCE_INTERRUPT = 2,
    VPCI_RESOURCE_MEMORY = 3,
    VPCI_RESOURCE_DMA = 4,
    VPCI_RESOURCE_DEVICE_SPECIFIC = 5,
    VPCI_RESOURCE_BUS_NUMBER = 6,
    VPCI_RESOURCE_MEMORY_LARGE = 7,
};
/* Unit of `length` in a large memory descriptor; exactly one of them. */
#define VPCI_RESOURCE_LARGE_40 0x0200u /* 256 bytes */
#define VPCI_RESOURCE_LARGE_48 0x0400u /* 64 KiB */
#define VPCI_RESOURCE_LARGE_64 0x0800u /* 4 GiB */

struct VPCI_PACKED vpci_resource {
    uint8_t type;
    uint8_t share;
    uint16_t flags;
    uint64_t start;
    uint32_t length;
    uint32_t padding;
};
_Static_assert(sizeof(struct vpci_resource) == 20 && offsetof(struct vpci_resource, start) == 4, "1.5");

#define VPCI_DELIVERY_FIXED  0u
#define VPCI_DELIVERY_LOWEST 1u

struct VPCI_PACKED vpci_interrupt {
    uint8_t vector;
    uint8_t delivery;
    uint16_t vector_count;
    uint32_t reserved;
    uint64_t cpu_mask;
};
_Static_assert(sizeof(struct vpci_interrupt) == 16, "1.5");

struct VPCI_PACKED vpci_interrupt2 {
    uint8_t vector;
    uint8_t delivery;
    uint16_t vector_count;
    uint16_t processor_count;
    uint16_t processors[VPCI_VECTORS_MAX];
};
_Static_assert(sizeof(struct vpci_interrupt2) == 70, "1.5");

struct VPCI_PACKED vpci_interrupt3 {
    uint32_t vector;
    uint8_t delivery;
    uint8_t reserved;
    uint16_t vector_count;
    uint16_t processor_count;
    uint16_t processors[VPCI_VECTORS_MAX];
};
_Static_assert(sizeof(struct vpci_interrupt3) == 74, "1.5");

struct VPCI_PACKED vpci_translated_interrupt {
    uint16_t reserved;
    uint16_t vector_count; /* at least 1 in an answer: 1.6.14 */
    uint32_t data;
    uint64_t address;
};
_Static_assert(sizeof(struct vpci_translated_interrupt) == 16, "1.5");

/* ---- messages (1.6) --------------------------------------------------------------------------------------------- */

/* QUERY_BUS_RELATIONS, BUS_D0EXIT, and the start of everything. */
struct VPCI_PACKED vpci_header {
    uint32_t type;
};
/* A completion that carries nothing but its status. */
struct VPCI_PACKED vpci_status {
    uint32_t status;
};
_Static_assert(sizeof(struct vpci_header) == 4 && sizeof(struct vpci_status) == 4, "9.3");

/* QUERY_PROTOCOL_VERSION (1.6.1) and its completion. */
struct VPCI_PACKED vpci_query_version {
    uint32_t type;
    uint32_t version;
};
struct VPCI_PACKED vpci_version_completion {
    uint32_t status;
    uint32_t version;
};
_Static_assert(sizeof(struct vpci_query_version) == 8 && sizeof(struct vpci_version_completion) == 8, "9.3");

/* BUS_RELATIONS, BUS_RELATIONS2 (1.6.3): followed by `count` vpci_function or vpci_function2. */
struct VPCI_PACKED vpci_relations {
    uint32_t type;
    uint32_t count;
};
_Static_assert(sizeof(struct vpci_relations) + sizeof(struct vpci_function) == 28, "9.3");
_Static_assert(sizeof(struct vpci_relations) + sizeof(struct vpci_function2) == 36, "9.3");

/* QUERY_RESOURCE_REQUIREMENTS (1.6.4), RESOURCES_RELEASED (1.6.8), EJECT (1.6.12), RESET_DEVICE. */
struct VPCI_PACKED vpci_slot_message {
    uint32_t type;
    uint32_t slot;
};
_Static_assert(sizeof(struct vpci_slot_message) == 8, "9.3");

struct VPCI_PACKED vpci_requirements_completion {
    uint32_t status;
    uint32_t probed_bar[VPCI_BARS]; /* what all-ones reads back as; a 64-bit BAR takes two */
};
_Static_assert(sizeof(struct vpci_requirements_completion) == 28, "9.3");

/* BUS_D0ENTRY (1.6.5). Completion: vpci_status. */
struct VPCI_PACKED vpci_d0_entry {
    uint32_t type;
    uint32_t reserved;
    uint64_t mmio_base; /* guest physical address of the configuration window, 4 KiB aligned */
};
_Static_assert(sizeof(struct vpci_d0_entry) == 16, "9.3");

/* RESOURCES_ASSIGNED, 2, 3 (1.6.7): followed by msi_count interrupts of 16, 72 or 80 bytes. The completion begins alike
 * with the status in the place of the type, or is a bare vpci_status. */
struct VPCI_PACKED vpci_resources_assigned {
    uint32_t type;
    uint32_t slot;
    struct vpci_resource bar[VPCI_BARS];
    uint32_t msi_count;
    uint32_t reserved;
};
_Static_assert(sizeof(struct vpci_resources_assigned) == 136, "1.6.7");
#define VPCI_ASSIGNED_ENTRY1 16u
#define VPCI_ASSIGNED_ENTRY2 72u
#define VPCI_ASSIGNED_ENTRY3 80u
#define VPCI_ASSIGNED_LINUX  148u /* bytes Linux sends of RESOURCES_ASSIGNED: 9.3 */
#define VPCI_ASSIGNED2_LINUX 202u /* and of RESOURCES_ASSIGNED2 */

/* READ_BLOCK (1.6.9): the slot is not at 4. Completion: status, then 0..128 bytes. */
struct VPCI_PACKED vpci_read_block {
    uint32_t type;
    uint32_t block_id;
    uint32_t slot;
    uint32_t bytes_requested;
};
struct VPCI_PACKED vpci_read_block_completion {
    uint32_t status;
    uint8_t data[VPCI_BLOCK_MAX];
};
_Static_assert(sizeof(struct vpci_read_block) == 16 && sizeof(struct vpci_read_block_completion) == 132, "9.3");

/* WRITE_BLOCK (1.6.10): followed by byte_count bytes, and from Linux by VPCI_BLOCK_WRITE_EXTRA zero bytes. */
struct VPCI_PACKED vpci_write_block {
    uint32_t type;
    uint32_t block_id;
    uint32_t slot;
    uint32_t byte_count;
};
_Static_assert(sizeof(struct vpci_write_block) + VPCI_BLOCK_MAX + VPCI_BLOCK_WRITE_EXTRA == 148, "9.3");

/* INVALIDATE_BLOCK (1.6.11). */
struct VPCI_PACKED vpci_invalidate_block {
    uint32_t type;
    uint32_t slot;
    uint64_t block_mask;
};
_Static_assert(sizeof(struct vpci_invalidate_block) == 16, "9.3");

/* EJECTION_COMPLETE (1.6.12); the status may be missing (8 bytes). */
struct VPCI_PACKED vpci_ejection_complete {
    uint32_t type;
    uint32_t slot;
    uint32_t status;
};
_Static_assert(sizeof(struct vpci_ejection_complete) == 12, "9.3");
#define VPCI_EJECTION_COMPLETE_MIN 8u

/* POWER_STATE_CHANGE (1.6.13). Completion: vpci_status. */
struct VPCI_PACKED vpci_power_state_change {
    uint32_t type;
    uint32_t slot;
    uint32_t target; /* VPCI_POWER_D0, VPCI_POWER_D3 */
};
_Static_assert(sizeof(struct vpci_power_state_change) == 12, "1.6.13");
#define VPCI_POWER_D0 1u
#define VPCI_POWER_D3 4u

/* GET_RESOURCES (1.6.13); the completion has no status. */
struct VPCI_PACKED vpci_get_resources {
    uint32_t type;
    uint32_t slot;
    uint8_t reserved[24];
};
struct VPCI_PACKED vpci_get_resources_completion {
    uint16_t version;  /* 1 */
    uint16_t revision; /* 1 */
    uint32_t count;    /* 6 */
    struct vpci_resource bar[VPCI_BARS];
};
_Static_assert(sizeof(struct vpci_get_resources) == 32 && sizeof(struct vpci_get_resources_completion) == 128,
               "1.6.13");

/* CREATE_INTERRUPT, 2, 3 (1.6.14). */
struct VPCI_PACKED vpci_create_interrupt {
    uint32_t type;
    uint32_t slot;
    struct vpci_interrupt interrupt;
};
struct VPCI_PACKED vpci_create_interrupt2 {
    uint32_t type;
    uint32_t slot;
    struct vpci_interrupt2 interrupt;
};
struct VPCI_PACKED vpci_create_interrupt3 {
    uint32_t type;
    uint32_t slot;
    struct vpci_interrupt3 interrupt;
};
_Static_assert(sizeof(struct vpci_create_interrupt) == 24 && sizeof(struct vpci_create_interrupt2) == 78 &&
                   sizeof(struct vpci_create_interrupt3) == 82,
               "9.3");

struct VPCI_PACKED vpci_create_interrupt_completion {
    uint32_t status;
    uint32_t reserved;
    struct vpci_translated_interrupt interrupt;
};
_Static_assert(sizeof(struct vpci_create_interrupt_completion) == 24, "9.3");

/* DELETE_INTERRUPT (1.6.15). Completion, when asked for: vpci_status. */
struct VPCI_PACKED vpci_delete_interrupt {
    uint32_t type;
    uint32_t slot;
    struct vpci_translated_interrupt interrupt;
};
_Static_assert(sizeof(struct vpci_delete_interrupt) == 24, "9.3");

/* ---- the configuration window (2.1) ----------------------------------------------------------------------------- */

#define VPCI_WINDOW_SIZE   0x2000u /* bytes of guest physical address space */
#define VPCI_WINDOW_SELECT 0x0000u /* u32, write only: the slot whose registers page 1 shows */
#define VPCI_WINDOW_CONFIG 0x1000u /* 4,096 bytes of configuration space of that slot */
#define VPCI_CONFIG_SIZE   0x1000u

/* ---- trace ------------------------------------------------------------------------------------------------------ */

#define VPCI_LINK_MESSAGE 0u /* sequence = transaction id of the packet */
#define VPCI_LINK_WINDOW  1u /* sequence = that of the window access */

/* The key under which both ends of a crossing trace it (trace.h, TRACE_LINK_OUT/IN). Unique as long as channels of one
 * run have different relids. 0 (no link) for sequence 0: such a packet asked for no completion. */
static inline uint64_t vpci_link_key(uint32_t relid, unsigned kind, uint64_t sequence)
{
    if (!sequence)
        return 0;
    return (uint64_t)(relid & 0x7FFF) << 49 | (uint64_t)(kind & 1) << 48 | (sequence & 0xFFFFFFFFFFFFu);
}

#endif
