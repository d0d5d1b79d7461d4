/* SPDX-License-Identifier: MIT
 *
 * What `vfplane check` knows of OIDs: for each a good request and the ways to spoil it (ndis.md 3, 4.1, 7.13, 8.2).
 *
 * Offsets and numbers stand here once more, apart from include/wdk: what a driver is measured with may not be wrong in
 * the same way as the header it was compiled with.
 */
#include "cli/check.h"

#define KEEP   .length = CHECK_KEEP, .output = CHECK_KEEP
#define BOUNDS "OID_BUFFER_BOUNDS"
#define HEADER "OID_HEADER"
#define TYPE   "OID_TYPE_UNCHECKED"
#define MEMBER "OID_PARAMETER_UNCHECKED"
#define NO_VF  "SRIOV_VF_NOT_ALLOCATED"
#define POWER  "SRIOV_POWER_PARAMETER"
#define SWITCH "SWITCH_PARAMETERS"

/* A member that must be refused; one that may be taken or refused. */
#define BAD(name, rule, ...)                                                                                           \
    {                                                                                                                  \
        name, rule, WANT_FAILURE, KEEP, .fields = { __VA_ARGS__ }                                                      \
    }
#define EITHER(name, ...)                                                                                              \
    {                                                                                                                  \
        name, NULL, WANT_ANY, KEEP, .fields = { __VA_ARGS__ }                                                          \
    }
#define GOOD(name, ...)                                                                                                \
    {                                                                                                                  \
        name, NULL, WANT_SUCCESS, KEEP, .fields = { __VA_ARGS__ }                                                      \
    }
#define AS_LONG(n) .length = (n), .output = (n)
#define SHORT(n)                                                                                                       \
    {                                                                                                                  \
        "length-" #n, BOUNDS, WANT_FAILURE, AS_LONG(n)                                                                 \
    }

/* VFId at `at`: every way in which a VF can be none. */
#define BAD_VFS(at)                                                                                                    \
    BAD("vf-never", NO_VF, {at, 2, FROM_NEVER_VF, 0}), BAD("vf-freed", NO_VF, {at, 2, FROM_FREED_VF, 0}),              \
        BAD("vf-out-of-range", NO_VF, {at, 2, FROM_NUM_VFS, 0}), BAD("vf-ffff", NO_VF, {at, 2, FROM_VALUE, 0xFFFF})

#define END                                                                                                            \
    {                                                                                                                  \
        .name = NULL                                                                                                   \
    }

#define OID_VPORT_PARAMETERS 0x10242

/* ---- configuration space and blocks: VFId 4, Offset or BlockId 8, Length 12, BufferOffset 16 -----------------------
 */

#define DATA 20 /* bytes of the structure, data behind it */

/* Places of the data that are not, or not wholly, in the buffer of 24 bytes. */
#define BAD_PLACES                                                                                                     \
    BAD("buffer-offset-behind", BOUNDS, {16, 4, FROM_VALUE, 24}),                                                      \
        BAD("buffer-offset-last-byte", BOUNDS, {16, 4, FROM_VALUE, 21}),                                               \
        BAD("buffer-offset-far", BOUNDS, {16, 4, FROM_VALUE, 0x10000}),                                                \
        BAD("buffer-offset-wraps", BOUNDS, {16, 4, FROM_VALUE, 0xFFFFFFFC}),                                           \
        BAD("buffer-offset-ffffffff", BOUNDS, {16, 4, FROM_VALUE, 0xFFFFFFFF}),                                        \
        BAD("length-behind", BOUNDS, {12, 4, FROM_VALUE, 5}), BAD("length-128", BOUNDS, {12, 4, FROM_VALUE, 128}),     \
        BAD("length-4096-no-room", BOUNDS, {12, 4, FROM_VALUE, 4096}),                                                 \
        BAD("length-wraps", BOUNDS, {12, 4, FROM_VALUE, 0xFFFFFFF0}),                                                  \
        BAD("length-ffffffff", BOUNDS, {12, 4, FROM_VALUE, 0xFFFFFFFF}), SHORT(23),                                    \
        EITHER("buffer-offset-inside", {16, 4, FROM_VALUE, 16}), EITHER("buffer-offset-0", {16, 4, FROM_VALUE, 0}),    \
        EITHER("length-0", {12, 4, FROM_VALUE, 0})

/* Ranges of the 4096 bytes. The bus-data routine refuses them all: success means that nobody looked at what it said. */
#define SPACE_RANGES                                                                                                   \
    GOOD("length-1", {12, 4, FROM_VALUE, 1}), GOOD("offset-odd", {8, 4, FROM_VALUE, 0x3D}, {12, 4, FROM_VALUE, 3}),    \
        GOOD("offset-4092", {8, 4, FROM_VALUE, 4092}),                                                                 \
        {"length-4096", NULL, WANT_SUCCESS, AS_LONG(DATA + 4096),                                                      \
         .fields = {{8, 4, FROM_VALUE, 0}, {12, 4, FROM_VALUE, 4096}}},                                                \
        {"length-4097", MEMBER, WANT_FAILURE, AS_LONG(DATA + 4097),                                                    \
         .fields = {{8, 4, FROM_VALUE, 0}, {12, 4, FROM_VALUE, 4097}}},                                                \
        BAD("offset-4093", MEMBER, {8, 4, FROM_VALUE, 4093}), BAD("offset-4095", MEMBER, {8, 4, FROM_VALUE, 4095}),    \
        BAD("offset-4096", MEMBER, {8, 4, FROM_VALUE, 4096}),                                                          \
        BAD("offset-wraps", MEMBER, {8, 4, FROM_VALUE, 0xFFFFFFFC}),                                                   \
        BAD("offset-ffffffff", MEMBER, {8, 4, FROM_VALUE, 0xFFFFFFFF})

#define OUTPUT_SHORT                                                                                                   \
    {                                                                                                                  \
        "output-short", BOUNDS, WANT_FAILURE, .length = CHECK_KEEP, .output = DATA                                     \
    }

static const struct check_field space_good[] = {
    {4, 2, FROM_VF, 0}, {8, 4, FROM_VALUE, 4}, {12, 4, FROM_VALUE, 4}, {16, 4, FROM_VALUE, DATA}, {0}};
static const struct check_change read_space[] = {BAD_VFS(4), BAD_PLACES, SPACE_RANGES, OUTPUT_SHORT, END};
static const struct check_change write_space[] = {BAD_VFS(4), BAD_PLACES, SPACE_RANGES, END};

static const struct check_field block_good[] = {
    {4, 2, FROM_VF, 0}, {8, 4, FROM_VALUE, 0}, {12, 4, FROM_VALUE, 4}, {16, 4, FROM_VALUE, DATA}, {0}};
static const struct check_change read_block[] = {BAD_VFS(4), BAD_PLACES, OUTPUT_SHORT,
                                                 BAD("block-ffffffff", MEMBER, {8, 4, FROM_VALUE, 0xFFFFFFFF}), END};
static const struct check_change write_block[] = {BAD_VFS(4), BAD_PLACES,
                                                  BAD("block-ffffffff", MEMBER, {8, 4, FROM_VALUE, 0xFFFFFFFF}), END};

/* ---- one VF --------------------------------------------------------------------------------------------------------
 */

static const struct check_field vf_good[] = {{4, 2, FROM_VF, 0}, {0}};
static const struct check_change vf_changes[] = {BAD_VFS(4), END};

/* VFId 4, PowerState 8, WakeEnable 12. */
static const struct check_field power_good[] = {{4, 2, FROM_VF, 0}, {8, 4, FROM_VALUE, 1}, {12, 1, FROM_VALUE, 0}, {0}};
static const struct check_change power_changes[] = {
    BAD_VFS(4),
    GOOD("power-d3", {8, 4, FROM_VALUE, 4}),
    GOOD("power-d3-wake", {8, 4, FROM_VALUE, 4}, {12, 1, FROM_VALUE, 1}),
    BAD("power-0", POWER, {8, 4, FROM_VALUE, 0}),
    BAD("power-5", POWER, {8, 4, FROM_VALUE, 5}),
    BAD("power-ffffffff", POWER, {8, 4, FROM_VALUE, 0xFFFFFFFF}),
    BAD("wake-d0", POWER, {12, 1, FROM_VALUE, 1}),
    EITHER("wake-2", {8, 4, FROM_VALUE, 4}, {12, 1, FROM_VALUE, 2}),
    END,
};

/* BaseRegisterValuesOffset 4, six ULONGs there. */
static const struct check_field probed_good[] = {{4, 4, FROM_VALUE, 8}, {0}};
static const struct check_change probed_changes[] = {
    SHORT(31),
    BAD("values-offset-behind", BOUNDS, {4, 4, FROM_VALUE, 12}),
    BAD("values-offset-far", BOUNDS, {4, 4, FROM_VALUE, 0x10000}),
    BAD("values-offset-wraps", BOUNDS, {4, 4, FROM_VALUE, 0xFFFFFFF0}),
    EITHER("values-offset-inside", {4, 4, FROM_VALUE, 4}),
    {"values-room", NULL, WANT_SUCCESS, AS_LONG(64), .fields = {{4, 4, FROM_VALUE, 32}}},
    END,
};

/* VFId 4, BarIndex 6, BarResourcesOffset 8, a descriptor of 20 bytes there. */
static const struct check_field bar_good[] = {{4, 2, FROM_VF, 0}, {6, 2, FROM_VALUE, 0}, {8, 4, FROM_VALUE, 12}, {0}};
static const struct check_change bar_changes[] = {
    BAD_VFS(4),
    SHORT(31),
    BAD("bar-6", MEMBER, {6, 2, FROM_VALUE, 6}),
    BAD("bar-ffff", MEMBER, {6, 2, FROM_VALUE, 0xFFFF}),
    EITHER("bar-5", {6, 2, FROM_VALUE, 5}),
    BAD("resources-offset-behind", BOUNDS, {8, 4, FROM_VALUE, 16}),
    BAD("resources-offset-far", BOUNDS, {8, 4, FROM_VALUE, 0x10000}),
    BAD("resources-offset-wraps", BOUNDS, {8, 4, FROM_VALUE, 0xFFFFFFF0}),
    EITHER("resources-offset-inside", {8, 4, FROM_VALUE, 8}),
    END,
};

/* ---- the switch ----------------------------------------------------------------------------------------------------
 */

/* A counted string at `at`: its length is even and at most 512 bytes. */
#define BAD_STRING(at)                                                                                                 \
    BAD("name-odd", MEMBER, {at, 2, FROM_VALUE, 3}), BAD("name-long", MEMBER, {at, 2, FROM_VALUE, 514})

/* Flags 4, SwitchType 8, SwitchId 12, name 16, NumVFs 532. */
static const struct check_field create_switch_good[] = {
    {8, 4, FROM_VALUE, 1}, {16, 2, FROM_VALUE, 2}, {18, 2, FROM_VALUE, 'S'}, {532, 4, FROM_NUM_VFS, 0}, {0}};
static const struct check_change create_switch[] = {
    BAD_STRING(16),
    BAD("switch-1", SWITCH, {12, 4, FROM_VALUE, 1}),
    BAD("switch-type-0", SWITCH, {8, 4, FROM_VALUE, 0}),
    BAD("switch-type-2", SWITCH, {8, 4, FROM_VALUE, 2}),
    BAD("vfs-too-many", SWITCH, {532, 4, FROM_TOO_MANY_VFS, 0}),
    BAD("vfs-65537", SWITCH, {532, 4, FROM_VALUE, 65537}),
    GOOD("vfs-0", {532, 4, FROM_VALUE, 0}),
    END,
};

/* SwitchId 8. */
static const struct check_field delete_switch_good[] = {{8, 4, FROM_VALUE, 0}, {0}};
static const struct check_change delete_switch[] = {BAD("switch-1", MEMBER, {8, 4, FROM_VALUE, 1}), END};

static const struct check_field set_switch_good[] = {
    {4, 4, FROM_VALUE, 0x10000}, {8, 4, FROM_VALUE, 1}, {16, 2, FROM_VALUE, 2}, {18, 2, FROM_VALUE, 'T'}, {0}};
static const struct check_change set_switch[] = {
    BAD_STRING(16),
    BAD("switch-1", MEMBER, {12, 4, FROM_VALUE, 1}),
    BAD("change-unknown", MEMBER, {4, 4, FROM_VALUE, 0x80000000}),
    END,
};

/* SwitchId 8, VFId 1626, MacAddressLength 1560, addresses 1562 and 1594, RequestorId 1628, names 12, 528, 1044. */
static const struct check_field allocate_good[] = {
    {1560, 2, FROM_VALUE, 6},      {1562, 6, FROM_VALUE, 0x0A00005D1502}, {1594, 6, FROM_VALUE, 0x0A00005D1502},
    {1626, 2, FROM_VALUE, 0xFFFF}, {1628, 4, FROM_VALUE, 0xFFFFFFFF},     {0},
};
static const struct check_change allocate_vf[] = {
    BAD_STRING(12),
    BAD("switch-1", MEMBER, {8, 4, FROM_VALUE, 1}),
    BAD("vf-0", MEMBER, {1626, 2, FROM_VALUE, 0}),
    BAD("requestor-0", MEMBER, {1628, 4, FROM_VALUE, 0}),
    BAD("mac-33", MEMBER, {1560, 2, FROM_VALUE, 33}),
    END,
};

/* VFId 8. */
static const struct check_field free_good[] = {{8, 2, FROM_BARE_VF, 0}, {0}};
static const struct check_change free_vf[] = {BAD_VFS(8), BAD("vf-with-vport", "VF_FREED_IN_USE", {8, 2, FROM_VF, 0}),
                                              END};

/* Flags 4, SwitchId 8, VPortId 12, name 16, AttachedFunctionId 532, NumQueuePairs 536, InterruptModeration 540,
 * VPortState 544, ProcessorAffinity 552, LookaheadSize 568. */
static const struct check_field create_vport_good[] = {
    {12, 4, FROM_NEW_VPORT, 0}, {532, 2, FROM_BARE_VF, 0}, {536, 4, FROM_VALUE, 1}, {544, 4, FROM_VALUE, 1}, {0}};
static const struct check_change create_vport[] = {
    BAD_VFS(532),
    BAD_STRING(16),
    BAD("vf-with-vport", "VPORT_PER_VF", {532, 2, FROM_VF, 0}),
    BAD("switch-1", MEMBER, {8, 4, FROM_VALUE, 1}),
    BAD("queue-pairs-0", MEMBER, {536, 4, FROM_VALUE, 0}),
    BAD("queue-pairs-65535", MEMBER, {536, 4, FROM_VALUE, 65535}),
    BAD("lookahead-1", MEMBER, {568, 4, FROM_VALUE, 1}),
    END,
};

static const struct check_field set_vport_good[] = {{4, 4, FROM_VALUE, 0x20000}, {12, 4, FROM_VPORT, 0},
                                                    {16, 2, FROM_VALUE, 2},      {18, 2, FROM_VALUE, 'P'},
                                                    {532, 2, FROM_VF, 0},        {0}};
static const struct check_change set_vport[] = {
    BAD_STRING(16),
    BAD("vport-unknown", MEMBER, {12, 4, FROM_VALUE, 0x7FFF}),
    BAD("vport-ffffffff", MEMBER, {12, 4, FROM_VALUE, 0xFFFFFFFF}),
    BAD("deactivated", "VPORT_DEACTIVATED", {4, 4, FROM_VALUE, 0x80000}, {544, 4, FROM_VALUE, 2}),
    BAD("affinity-of-vf", MEMBER, {4, 4, FROM_VALUE, 0x100000}, {552, 8, FROM_VALUE, 1}),
    BAD("change-unknown", MEMBER, {4, 4, FROM_VALUE, 0x80000000}),
    END,
};

/* VPortId 8. */
static const struct check_field delete_vport_good[] = {{8, 4, FROM_VPORT, 0}, {0}};
static const struct check_change delete_vport[] = {
    BAD("vport-0", "VPORT_DEFAULT_DELETED", {8, 4, FROM_VALUE, 0}),
    BAD("vport-unknown", MEMBER, {8, 4, FROM_VALUE, 0x7FFF}),
    BAD("vport-ffffffff", MEMBER, {8, 4, FROM_VALUE, 0xFFFFFFFF}),
    END,
};

/* ---- receive filters -----------------------------------------------------------------------------------------------
 */

/* Bytes up to a field behind the structure of 44, aligned; a field's bytes; how many times these wrap to 24. */
#define FIELD_AT    48
#define FIELD_SIZE  56
#define FIELDS_WRAP 76695845

/* FilterType 8, QueueId 12, FilterId 16, array's offset 20, elements 24, bytes of one 28, VPortId 40. The one field:
 * that the destination address of the MAC header is equal to a locally administered one. */
static const struct check_field set_filter_good[] = {{1, 1, FROM_VALUE, 2},
                                                     {8, 4, FROM_VALUE, 1},
                                                     {16, 4, FROM_NEW_FILTER, 0},
                                                     {20, 4, FROM_VALUE, FIELD_AT},
                                                     {24, 4, FROM_VALUE, 1},
                                                     {40, 4, FROM_VPORT, 0},
                                                     {28, 4, FROM_VALUE, FIELD_SIZE},
                                                     {FIELD_AT, 1, FROM_VALUE, 0x80},
                                                     {FIELD_AT + 1, 1, FROM_VALUE, 1},
                                                     {FIELD_AT + 2, 2, FROM_VALUE, FIELD_SIZE},
                                                     {FIELD_AT + 8, 4, FROM_VALUE, 1},
                                                     {FIELD_AT + 12, 4, FROM_VALUE, 1},
                                                     {FIELD_AT + 16, 4, FROM_VALUE, 1},
                                                     {FIELD_AT + 24, 6, FROM_VALUE, 0x0A00005D1502},
                                                     {0}};
static const struct check_change set_filter[] = {
    SHORT(44),
    SHORT(103),
    BAD("array-behind", BOUNDS, {20, 4, FROM_VALUE, FIELD_AT + FIELD_SIZE}),
    BAD("array-far", BOUNDS, {20, 4, FROM_VALUE, 0x10000}),
    BAD("array-wraps", BOUNDS, {20, 4, FROM_VALUE, 0xFFFFFFF8}),
    BAD("elements-2", BOUNDS, {24, 4, FROM_VALUE, 2}),
    BAD("elements-wrap", BOUNDS, {24, 4, FROM_VALUE, FIELDS_WRAP}),
    BAD("elements-ffffffff", BOUNDS, {24, 4, FROM_VALUE, 0xFFFFFFFF}),
    BAD("element-size-far", BOUNDS, {28, 4, FROM_VALUE, 0x10000}),
    BAD("vport-unknown", MEMBER, {40, 4, FROM_VALUE, 0x7FFF}),
    BAD("vport-ffffffff", MEMBER, {40, 4, FROM_VALUE, 0xFFFFFFFF}),
    EITHER("array-inside", {20, 4, FROM_VALUE, 40}),
    EITHER("array-0", {20, 4, FROM_VALUE, 0}),
    EITHER("elements-0", {24, 4, FROM_VALUE, 0}),
    EITHER("element-size-0", {28, 4, FROM_VALUE, 0}),
    END,
};

/* QueueId 8, FilterId 12. NDIS knows the filters and lets no other number through: a driver may rely on it, but not
 * crash. */
static const struct check_field clear_filter_good[] = {{12, 4, FROM_FILTER, 0}, {0}};
static const struct check_change clear_filter[] = {EITHER("filter-0", {12, 4, FROM_VALUE, 0}),
                                                   EITHER("filter-unknown", {12, 4, FROM_VALUE, 0x7FFF}), END};

/* FilterId 4, SourceVPortId 12, DestVPortId 20: from the default VPort to that of the VF. */
static const struct check_field move_filter_good[] = {{4, 4, FROM_FILTER, 0}, {20, 4, FROM_VPORT, 0}, {0}};
static const struct check_change move_filter[] = {
    EITHER("filter-unknown", {4, 4, FROM_VALUE, 0x7FFF}),
    EITHER("source-other", {12, 4, FROM_VPORT, 0}),
    EITHER("source-unknown", {12, 4, FROM_VALUE, 0x7FFF}),
    EITHER("destination-unknown", {20, 4, FROM_VALUE, 0x7FFF}),
    EITHER("destination-ffffffff", {20, 4, FROM_VALUE, 0xFFFFFFFF}),
    END,
};

static const struct check_field no_fields[] = {{0}};
static const struct check_change no_changes[] = {END};

/* ---- the table -----------------------------------------------------------------------------------------------------
 */

#define TO_PF(name, oid, type, need, fixed, size, good, changes)                                                       \
    {                                                                                                                  \
        name, oid, type, need, false, false, fixed, size, good, changes                                                \
    }
#define OPTIONAL(name, oid, type, need, fixed, size, good, changes)                                                    \
    {                                                                                                                  \
        name, oid, type, need, true, false, fixed, size, good, changes                                                 \
    }
#define TO_NDIS(name, oid, type, fixed, size)                                                                          \
    {                                                                                                                  \
        name, oid, type, NEED_ADAPTER, true, true, fixed, size, no_fields, no_changes                                  \
    }

const struct check_oid check_oids[] = {
    TO_PF("OID_NIC_SWITCH_CREATE_SWITCH", 0x10237, CHECK_METHOD, NEED_NO_SWITCH, 548, 548, create_switch_good,
          create_switch),
    TO_PF("OID_NIC_SWITCH_DELETE_SWITCH", 0x10239, CHECK_SET, NEED_EMPTY_SWITCH, 12, 12, delete_switch_good,
          delete_switch),
    OPTIONAL("OID_NIC_SWITCH_PARAMETERS", 0x10238, CHECK_SET, NEED_SWITCH, 548, 548, set_switch_good, set_switch),
    TO_PF("OID_NIC_SWITCH_ALLOCATE_VF", 0x10245, CHECK_METHOD, NEED_SWITCH, 1632, 1632, allocate_good, allocate_vf),
    TO_PF("OID_NIC_SWITCH_FREE_VF", 0x10246, CHECK_SET, NEED_VF, 10, 12, free_good, free_vf),
    TO_PF("OID_NIC_SWITCH_CREATE_VPORT", 0x10241, CHECK_METHOD, NEED_VF, 572, 576, create_vport_good, create_vport),
    OPTIONAL("OID_NIC_SWITCH_VPORT_PARAMETERS", OID_VPORT_PARAMETERS, CHECK_SET, NEED_VF, 572, 576, set_vport_good,
             set_vport),
    TO_PF("OID_NIC_SWITCH_DELETE_VPORT", 0x10244, CHECK_SET, NEED_VF, 12, 12, delete_vport_good, delete_vport),
    TO_PF("OID_SRIOV_READ_VF_CONFIG_SPACE", 0x10251, CHECK_METHOD, NEED_VF, DATA, DATA + 4, space_good, read_space),
    TO_PF("OID_SRIOV_WRITE_VF_CONFIG_SPACE", 0x10252, CHECK_SET, NEED_VF, DATA, DATA + 4, space_good, write_space),
    OPTIONAL("OID_SRIOV_READ_VF_CONFIG_BLOCK", 0x10253, CHECK_METHOD, NEED_VF, DATA, DATA + 4, block_good, read_block),
    OPTIONAL("OID_SRIOV_WRITE_VF_CONFIG_BLOCK", 0x10254, CHECK_SET, NEED_VF, DATA, DATA + 4, block_good, write_block),
    TO_PF("OID_SRIOV_RESET_VF", 0x10255, CHECK_SET, NEED_VF, 6, 6, vf_good, vf_changes),
    TO_PF("OID_SRIOV_SET_VF_POWER_STATE", 0x10256, CHECK_SET, NEED_VF, 13, 16, power_good, power_changes),
    TO_PF("OID_SRIOV_VF_VENDOR_DEVICE_ID", 0x10257, CHECK_METHOD, NEED_VF, 10, 10, vf_good, vf_changes),
    TO_PF("OID_SRIOV_PROBED_BARS", 0x10258, CHECK_QUERY, NEED_ADAPTER, 8, 32, probed_good, probed_changes),
    TO_PF("OID_SRIOV_BAR_RESOURCES", 0x10259, CHECK_METHOD, NEED_VF, 12, 32, bar_good, bar_changes),
    TO_NDIS("OID_SRIOV_HARDWARE_CAPABILITIES", 0x10249, CHECK_QUERY, 0, 12),
    TO_NDIS("OID_SRIOV_CURRENT_CAPABILITIES", 0x10250, CHECK_QUERY, 0, 12),
    TO_NDIS("OID_NIC_SWITCH_HARDWARE_CAPABILITIES", 0x1022E, CHECK_QUERY, 0, 132),
    TO_NDIS("OID_NIC_SWITCH_CURRENT_CAPABILITIES", 0x1022F, CHECK_QUERY, 0, 132),
    TO_NDIS("OID_NIC_SWITCH_ENUM_SWITCHES", 0x10240, CHECK_QUERY, 16, 1024),
    TO_NDIS("OID_NIC_SWITCH_ENUM_VPORTS", 0x10243, CHECK_METHOD, 28, 8192),
    TO_NDIS("OID_NIC_SWITCH_ENUM_VFS", 0x10248, CHECK_METHOD, 24, 8192),
    TO_NDIS("OID_NIC_SWITCH_VF_PARAMETERS", 0x10247, CHECK_METHOD, 1632, 1632),
    TO_NDIS("OID_SRIOV_PF_LUID", 0x10260, CHECK_QUERY, 0, 12),
    TO_NDIS("OID_SRIOV_VF_SERIAL_NUMBER", 0x10262, CHECK_QUERY, 0, 8),
    TO_NDIS("OID_SRIOV_CONFIG_STATE", 0x10261, CHECK_SET, 12, 12),
    TO_NDIS("OID_SRIOV_OVERLYING_ADAPTER_INFO", 0x10268, CHECK_SET, 4, 16),
    TO_NDIS("OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK", 0x10269, CHECK_METHOD, 16, 16),
    OPTIONAL("OID_RECEIVE_FILTER_SET_FILTER", 0x10227, CHECK_METHOD, NEED_VPORT, 44, FIELD_AT + FIELD_SIZE,
             set_filter_good, set_filter),
    OPTIONAL("OID_RECEIVE_FILTER_CLEAR_FILTER", 0x10228, CHECK_SET, NEED_FILTER, 16, 16, clear_filter_good,
             clear_filter),
    OPTIONAL("OID_RECEIVE_FILTER_MOVE_FILTER", 0x10230, CHECK_SET, NEED_FILTER, 24, 24, move_filter_good, move_filter),
};
const size_t check_oid_count = sizeof(check_oids) / sizeof(check_oids[0]);

/* ---- changes of any request ----------------------------------------------------------------------------------------
 */

enum {
    ANY_GOOD,
    ANY_EMPTY,
    ANY_SHORT_1,
    ANY_SHORT_8,
    ANY_TYPE,
    ANY_REVISION_0,
    ANY_SIZE,
    ANY_REVISION,
    ANY_RETYPED,
    ANYS
};

static const struct check_change any[ANYS] = {
    [ANY_GOOD] = GOOD("good", {0}),
    [ANY_EMPTY] = {"length-0", BOUNDS, WANT_FAILURE, AS_LONG(0)},
    [ANY_SHORT_1] = {"length-short-1", BOUNDS, WANT_FAILURE, AS_LONG(0)},
    [ANY_SHORT_8] = {"length-short-8", BOUNDS, WANT_FAILURE, AS_LONG(0)},
    [ANY_TYPE] = BAD("header-type", HEADER, {0, 1, FROM_VALUE, 0x81}),
    [ANY_REVISION_0] = BAD("header-revision-0", HEADER, {1, 1, FROM_VALUE, 0}),
    [ANY_SIZE] = BAD("header-size", HEADER, {2, 2, FROM_VALUE, 0}),
    [ANY_REVISION] = GOOD("header-revision-later", {1, 1, FROM_VALUE, 9}),
    [ANY_RETYPED] = {"other-type", TYPE, WANT_FAILURE, KEEP, .retype = true},
};

/* False: this OID has no such change, and none of the others is meant. */
static bool fit(const struct check_oid *oid, size_t index, struct check_change *change)
{
    *change = any[index];
    switch (index) {
    case ANY_GOOD:
        return true;
    case ANY_SHORT_1:
    case ANY_SHORT_8:
        change->length = change->output = oid->fixed - (index == ANY_SHORT_1 ? 1u : 8u);
        return oid->fixed > (index == ANY_SHORT_1 ? 1 : 8);
    case ANY_SIZE:
        change->fields[0].value = oid->fixed - 1u;
        return oid->fixed > 0;
    case ANY_RETYPED:
        change->type = oid->type == CHECK_QUERY ? CHECK_SET : CHECK_QUERY;
        return !oid->answered && oid->oid != OID_VPORT_PARAMETERS; /* of which a query may exist */
    default:
        return oid->fixed > 0;
    }
}

bool check_change_at(const struct check_oid *oid, size_t index, struct check_change *change)
{
    for (size_t i = 0; i < ANYS; i++)
        if (fit(oid, i, change) && index-- == 0)
            return true;
    for (const struct check_change *own = oid->changes; own->name; own++) {
        if (index-- == 0) {
            *change = *own;
            return true;
        }
    }
    return false;
}
