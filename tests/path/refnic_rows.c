/* SPDX-License-Identifier: MIT
 *
 * The error rows of ndis.md 8.2 as requests: each is a good one with one thing wrong. "nothing" rows are requests for
 * no bytes at all, which succeed and do nothing.
 */
#include "refnic_rows.h"

enum { SUCCESS = 0, P = NDIS_STATUS_INVALID_PARAMETER, L = NDIS_STATUS_INVALID_LENGTH };
enum { Q = NdisRequestQueryInformation, S = NdisRequestSetInformation, M = NdisRequestMethod };

#define AT(type, member)  AT_(type, member)
#define AT_(type, member) offsetof(NDIS_##type, member), sizeof(((NDIS_##type *)0)->member)
#define READ_SPACE        SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS
#define WRITE_SPACE       SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS
#define BLOCK             SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS
#define VPORT             NIC_SWITCH_VPORT_PARAMETERS
#define SWITCH            NIC_SWITCH_PARAMETERS
#define VF                NIC_SWITCH_VF_PARAMETERS
#define FILTER            RECEIVE_FILTER_PARAMETERS
#define FIELD(member)     FILTER_BYTES + offsetof(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, member), 4
#define HEADER_TYPE       0, 1, 0x81
#define HEADER_REVISION   1, 1, 0

#define ROW(rule, oid, type, ...)                                                                                      \
    {                                                                                                                  \
        rule, OID_##oid, type, __VA_ARGS__                                                                             \
    }
#define BAD(...)                     ROW_LENGTH, ROW_LENGTH, {__VA_ARGS__}, P, 0
#define SHORT(input, output, needed) input, output, {{0, 0, 0}}, L, needed

const struct row rows[] = {
    ROW("create: short", NIC_SWITCH_CREATE_SWITCH, M, SHORT(547, 548, 548)),
    ROW("create: second switch", NIC_SWITCH_CREATE_SWITCH, M, BAD({0, 0, 0})),
    ROW("create: as a set", NIC_SWITCH_CREATE_SWITCH, S, ROW_LENGTH, ROW_LENGTH, {{0, 0, 0}}, NDIS_STATUS_NOT_SUPPORTED,
        0),
    ROW("delete: short", NIC_SWITCH_DELETE_SWITCH, S, SHORT(11, 0, 12)),
    ROW("delete: wrong id", NIC_SWITCH_DELETE_SWITCH, S, BAD({8, 4, 1})),
    ROW("delete: VFs, VPorts and filters remain", NIC_SWITCH_DELETE_SWITCH, S, BAD({0, 0, 0})),
    ROW("switch: short", NIC_SWITCH_PARAMETERS, S, SHORT(547, 0, 548)),
    ROW("switch: wrong id", NIC_SWITCH_PARAMETERS, S, BAD({AT(SWITCH, SwitchId), 1})),
    ROW("switch: unknown change", NIC_SWITCH_PARAMETERS, S, BAD({AT(SWITCH, Flags), 0x20000})),
    ROW("switch: odd name", NIC_SWITCH_PARAMETERS, S, BAD({AT(SWITCH, SwitchFriendlyName.Length), 3})),

    ROW("vport: short", NIC_SWITCH_CREATE_VPORT, M, SHORT(571, 572, 576)),
    ROW("vport: wrong switch", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, SwitchId), 1})),
    ROW("vport: VF not allocated", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, AttachedFunctionId), 2})),
    ROW("vport: VF out of range", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, AttachedFunctionId), 4})),
    ROW("vport: VF has one", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, AttachedFunctionId), 0})),
    ROW("vport: no queue pairs", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, NumQueuePairs), 0})),
    ROW("vport: too many queue pairs", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, NumQueuePairs), 3})),
    ROW("vport: lookahead", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, LookaheadSize), 64})),
    ROW("vport: PF's without processor", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, AttachedFunctionId), 0xFFFF})),
    ROW("vport: VF's deactivated", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, VPortState), 2})),
    ROW("vport: unknown state", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, VPortState), 3})),
    ROW("vport: unknown moderation", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, InterruptModeration), 150})),
    ROW("vport: the default one's id", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, VPortId), 0})),
    ROW("vport: id in use", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, VPortId), 1})),
    ROW("vport: id out of range", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, VPortId), 13})),
    ROW("vport: name too long", NIC_SWITCH_CREATE_VPORT, M, BAD({AT(VPORT, VPortName.Length), 514})),
    ROW("change: short", NIC_SWITCH_VPORT_PARAMETERS, S, SHORT(571, 0, 576)),
    ROW("change: unknown vport", NIC_SWITCH_VPORT_PARAMETERS, S, BAD({AT(VPORT, VPortId), 3})),
    ROW("change: unknown bit", NIC_SWITCH_VPORT_PARAMETERS, S, BAD({AT(VPORT, Flags), 0x1000000})),
    ROW("change: deactivate", NIC_SWITCH_VPORT_PARAMETERS, S, BAD({AT(VPORT, VPortState), 2})),
    ROW("change: affinity of a VF's", NIC_SWITCH_VPORT_PARAMETERS, S,
        BAD({AT(VPORT, Flags), 0x100000}, {AT(VPORT, VPortId), 1})),
    ROW("change: empty affinity", NIC_SWITCH_VPORT_PARAMETERS, S, BAD({AT(VPORT, Flags), 0x100000})),
    ROW("delete vport: short", NIC_SWITCH_DELETE_VPORT, S, SHORT(11, 0, 12)),
    ROW("delete vport: default", NIC_SWITCH_DELETE_VPORT, S, BAD({8, 4, 0})),
    ROW("delete vport: unknown", NIC_SWITCH_DELETE_VPORT, S, BAD({8, 4, 3})),
    ROW("delete vport: beyond all", NIC_SWITCH_DELETE_VPORT, S, BAD({8, 4, MAXULONG})),

    ROW("allocate: short input", NIC_SWITCH_ALLOCATE_VF, M, SHORT(1631, 1632, 1632)),
    ROW("allocate: short output", NIC_SWITCH_ALLOCATE_VF, M, SHORT(1632, 1631, 1632)),
    ROW("allocate: wrong switch", NIC_SWITCH_ALLOCATE_VF, M, BAD({AT(VF, SwitchId), 1})),
    ROW("allocate: VF chosen", NIC_SWITCH_ALLOCATE_VF, M, BAD({AT(VF, VFId), 2})),
    ROW("allocate: RID chosen", NIC_SWITCH_ALLOCATE_VF, M, BAD({AT(VF, RequestorId), 0x180})),
    ROW("allocate: address too long", NIC_SWITCH_ALLOCATE_VF, M, BAD({AT(VF, MacAddressLength), 33})),
    ROW("allocate: name too long", NIC_SWITCH_ALLOCATE_VF, M, BAD({AT(VF, VMName.Length), 514})),
    ROW("allocate: odd nic name", NIC_SWITCH_ALLOCATE_VF, M, BAD({AT(VF, NicName.Length), 1})),
    ROW("free: short", NIC_SWITCH_FREE_VF, S, SHORT(9, 0, 12)),
    ROW("free: not allocated", NIC_SWITCH_FREE_VF, S, BAD({8, 2, 2})),
    ROW("free: out of range", NIC_SWITCH_FREE_VF, S, BAD({8, 2, 0xFFFF})),
    ROW("free: has a vport", NIC_SWITCH_FREE_VF, S, BAD({8, 2, 0})),

    ROW("read: short", SRIOV_READ_VF_CONFIG_SPACE, M, SHORT(19, 24, 20)),
    ROW("read: as a query", SRIOV_READ_VF_CONFIG_SPACE, Q, ROW_LENGTH, ROW_LENGTH, {{0, 0, 0}},
        NDIS_STATUS_NOT_SUPPORTED, 0),
    ROW("read: header type", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({HEADER_TYPE})),
    ROW("read: header revision", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({HEADER_REVISION})),
    ROW("read: header size", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({2, 2, 19})),
    ROW("read: no room", SRIOV_READ_VF_CONFIG_SPACE, M, SHORT(20, 23, 24)),
    ROW("read: the input is no room", SRIOV_READ_VF_CONFIG_SPACE, M, SHORT(64, 20, 24)),
    ROW("read: into the block", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({AT(READ_SPACE, BufferOffset), 19})),
    ROW("read: sum over 32 bits", SRIOV_READ_VF_CONFIG_SPACE, M,
        BAD({AT(READ_SPACE, BufferOffset), 0xFFFFFFFE}, {AT(READ_SPACE, Length), 4})),
    ROW("read: sum is all ones", SRIOV_READ_VF_CONFIG_SPACE, M, ROW_LENGTH, ROW_LENGTH,
        {{AT(READ_SPACE, BufferOffset), 0xFFFFFFFB}, {AT(READ_SPACE, Length), 4}}, L, 0xFFFFFFFF),
    ROW("read: not allocated", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({AT(READ_SPACE, VFId), 2})),
    ROW("read: out of range", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({AT(READ_SPACE, VFId), 4})),
    ROW("read: at 4096", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({AT(READ_SPACE, Offset), 4096})),
    ROW("read: across 4096", SRIOV_READ_VF_CONFIG_SPACE, M, BAD({AT(READ_SPACE, Offset), 4093})),
    ROW("read: nothing at 4096", SRIOV_READ_VF_CONFIG_SPACE, M,
        BAD({AT(READ_SPACE, Offset), 4096}, {AT(READ_SPACE, Length), 0})),
    ROW("read: nothing of no VF", SRIOV_READ_VF_CONFIG_SPACE, M,
        BAD({AT(READ_SPACE, VFId), 2}, {AT(READ_SPACE, Length), 0})),
    ROW("read: nothing", SRIOV_READ_VF_CONFIG_SPACE, M, ROW_LENGTH, ROW_LENGTH, {{AT(READ_SPACE, Length), 0}}, SUCCESS,
        0),
    ROW("write: short", SRIOV_WRITE_VF_CONFIG_SPACE, S, SHORT(19, 0, 20)),
    ROW("write: header", SRIOV_WRITE_VF_CONFIG_SPACE, S, BAD({HEADER_TYPE})),
    ROW("write: data missing", SRIOV_WRITE_VF_CONFIG_SPACE, S, SHORT(21, 0, 22)),
    ROW("write: method, data missing", SRIOV_WRITE_VF_CONFIG_SPACE, M, SHORT(21, 64, 22)),
    ROW("write: out of the block", SRIOV_WRITE_VF_CONFIG_SPACE, S, BAD({AT(WRITE_SPACE, BufferOffset), 0})),
    ROW("write: sum over 32 bits", SRIOV_WRITE_VF_CONFIG_SPACE, S, BAD({AT(WRITE_SPACE, Length), 0xFFFFFFFF})),
    ROW("write: not allocated", SRIOV_WRITE_VF_CONFIG_SPACE, S, BAD({AT(WRITE_SPACE, VFId), 3})),
    ROW("write: the PF", SRIOV_WRITE_VF_CONFIG_SPACE, S, BAD({AT(WRITE_SPACE, VFId), 0xFFFF})),
    ROW("write: across 4096", SRIOV_WRITE_VF_CONFIG_SPACE, S, BAD({AT(WRITE_SPACE, Offset), 4095})),
    ROW("write: nothing", SRIOV_WRITE_VF_CONFIG_SPACE, S, ROW_LENGTH, ROW_LENGTH, {{AT(WRITE_SPACE, Length), 0}},
        SUCCESS, 0),

    ROW("block read: short", SRIOV_READ_VF_CONFIG_BLOCK, M, SHORT(19, 148, 20)),
    ROW("block read: no room", SRIOV_READ_VF_CONFIG_BLOCK, M, SHORT(20, 51, 52)),
    ROW("block read: not allocated", SRIOV_READ_VF_CONFIG_BLOCK, M, BAD({AT(BLOCK, VFId), 2})),
    ROW("block read: unknown block", SRIOV_READ_VF_CONFIG_BLOCK, M, BAD({AT(BLOCK, BlockId), 2})),
    ROW("block read: last id", SRIOV_READ_VF_CONFIG_BLOCK, M, BAD({AT(BLOCK, BlockId), MAXULONG})),
    ROW("block read: longer than the block", SRIOV_READ_VF_CONFIG_BLOCK, M, BAD({AT(BLOCK, Length), 33})),
    ROW("block read: longer than 128", SRIOV_READ_VF_CONFIG_BLOCK, M,
        BAD({AT(BLOCK, BlockId), 0}, {AT(BLOCK, Length), 129})),
    ROW("block write: short", SRIOV_WRITE_VF_CONFIG_BLOCK, S, SHORT(19, 0, 20)),
    ROW("block write: data missing", SRIOV_WRITE_VF_CONFIG_BLOCK, S, SHORT(147, 0, 148)),
    ROW("block write: not allocated", SRIOV_WRITE_VF_CONFIG_BLOCK, S, BAD({AT(BLOCK, VFId), 2})),
    ROW("block write: the PF's block", SRIOV_WRITE_VF_CONFIG_BLOCK, S,
        BAD({AT(BLOCK, BlockId), 32}, {AT(BLOCK, Length), 32})),
    ROW("block write: unknown block", SRIOV_WRITE_VF_CONFIG_BLOCK, S, BAD({AT(BLOCK, BlockId), 64})),
    ROW("block write: too long", SRIOV_WRITE_VF_CONFIG_BLOCK, S, BAD({AT(BLOCK, Length), 129})),
    ROW("block write: too many rings", SRIOV_WRITE_VF_CONFIG_BLOCK, S, BAD({20 + 14, 2, 9})),
    ROW("block write: short statistics", SRIOV_WRITE_VF_CONFIG_BLOCK, S,
        BAD({AT(BLOCK, BlockId), 1}, {AT(BLOCK, Length), 120})),
    ROW("block write: statistics begin in the middle", SRIOV_WRITE_VF_CONFIG_BLOCK, S,
        BAD({AT(BLOCK, BlockId), 1}, {20 + 2, 2, 1})),

    ROW("reset: short", SRIOV_RESET_VF, S, SHORT(5, 0, 6)),
    ROW("reset: not allocated", SRIOV_RESET_VF, S, BAD({4, 2, 2})),
    ROW("power: short", SRIOV_SET_VF_POWER_STATE, S, SHORT(12, 0, 16)),
    ROW("power: not allocated", SRIOV_SET_VF_POWER_STATE, S, BAD({4, 2, 2})),
    ROW("power: unspecified", SRIOV_SET_VF_POWER_STATE, S, BAD({8, 4, 0})),
    ROW("power: beyond D3", SRIOV_SET_VF_POWER_STATE, S, BAD({8, 4, 5})),
    ROW("power: wake in D0", SRIOV_SET_VF_POWER_STATE, S, BAD({8, 4, 1}, {12, 1, 1})),
    ROW("power: any wake in D0", SRIOV_SET_VF_POWER_STATE, S, BAD({8, 4, 1}, {12, 1, 0x80})),
    ROW("ids: short input", SRIOV_VF_VENDOR_DEVICE_ID, M, SHORT(9, 10, 10)),
    ROW("ids: short output", SRIOV_VF_VENDOR_DEVICE_ID, M, SHORT(10, 9, 10)),
    ROW("ids: not allocated", SRIOV_VF_VENDOR_DEVICE_ID, M, BAD({4, 2, 2})),
    ROW("bars: short", SRIOV_PROBED_BARS, Q, SHORT(31, 31, 32)),
    ROW("bars: no room", SRIOV_PROBED_BARS, Q, ROW_LENGTH, ROW_LENGTH, {{4, 4, 12}}, L, 36),
    ROW("bars: into the block", SRIOV_PROBED_BARS, Q, BAD({4, 4, 4})),
    ROW("bars: unaligned", SRIOV_PROBED_BARS, Q, 40, 40, {{4, 4, 9}}, P, 0),
    ROW("bars: sum over 32 bits", SRIOV_PROBED_BARS, Q, BAD({4, 4, 0xFFFFFFF0})),
    ROW("bar: short input", SRIOV_BAR_RESOURCES, M, SHORT(11, 32, 32)),
    ROW("bar: short output", SRIOV_BAR_RESOURCES, M, SHORT(32, 31, 32)),
    ROW("bar: not allocated", SRIOV_BAR_RESOURCES, M, BAD({4, 2, 2})),
    ROW("bar: index 6", SRIOV_BAR_RESOURCES, M, BAD({6, 2, 6})),
    ROW("bar: upper half", SRIOV_BAR_RESOURCES, M, BAD({6, 2, 1})),
    ROW("bar: not implemented", SRIOV_BAR_RESOURCES, M, BAD({6, 2, 5})),
    ROW("bar: into the block", SRIOV_BAR_RESOURCES, M, BAD({8, 4, 11})),
    ROW("bar: no room", SRIOV_BAR_RESOURCES, M, ROW_LENGTH, ROW_LENGTH, {{8, 4, 13}}, L, 33),

    ROW("filter: short", RECEIVE_FILTER_SET_FILTER, M, SHORT(43, 100, 44)),
    ROW("filter: array missing", RECEIVE_FILTER_SET_FILTER, M, SHORT(99, 100, 100)),
    ROW("filter: array in the block", RECEIVE_FILTER_SET_FILTER, M, BAD({20, 4, 40})),
    ROW("filter: array over 32 bits", RECEIVE_FILTER_SET_FILTER, M, BAD({24, 4, MAXULONG})),
    ROW("filter: short elements", RECEIVE_FILTER_SET_FILTER, M, BAD({28, 4, 55})),
    ROW("filter: no elements", RECEIVE_FILTER_SET_FILTER, M, BAD({24, 4, 0})),
    ROW("filter: unknown vport", RECEIVE_FILTER_SET_FILTER, M, BAD({AT(FILTER, VPortId), 3})),
    ROW("filter: another queue", RECEIVE_FILTER_SET_FILTER, M, BAD({AT(FILTER, QueueId), 1})),
    ROW("filter: another type", RECEIVE_FILTER_SET_FILTER, M, BAD({AT(FILTER, FilterType), 2})),
    ROW("filter: the default one", RECEIVE_FILTER_SET_FILTER, M, BAD({AT(FILTER, FilterId), 0})),
    ROW("filter: another header", RECEIVE_FILTER_SET_FILTER, M, BAD({FIELD(FrameHeader), 2})),
    ROW("filter: another test", RECEIVE_FILTER_SET_FILTER, M, BAD({FIELD(ReceiveFilterTest), 3})),
    ROW("filter: another field", RECEIVE_FILTER_SET_FILTER, M, BAD({FIELD(HeaderField), 2})),
    ROW("clear: short", RECEIVE_FILTER_CLEAR_FILTER, S, SHORT(15, 0, 16)),
    ROW("clear: unknown", RECEIVE_FILTER_CLEAR_FILTER, S, ROW_LENGTH, ROW_LENGTH, {{12, 4, 6}},
        NDIS_STATUS_FILE_NOT_FOUND, 0),
    ROW("move: short", RECEIVE_FILTER_MOVE_FILTER, S, SHORT(23, 0, 24)),
    ROW("move: unknown filter", RECEIVE_FILTER_MOVE_FILTER, S, BAD({4, 4, 6})),
    ROW("move: not on the source", RECEIVE_FILTER_MOVE_FILTER, S, BAD({12, 4, 1})),
    ROW("move: unknown destination", RECEIVE_FILTER_MOVE_FILTER, S, BAD({20, 4, 3})),

    ROW("link: short", GEN_LINK_PARAMETERS, S, SHORT(31, 0, 32)),
    ROW("link: faster than the card", GEN_LINK_PARAMETERS, S, BAD({12, 1, 100})),
    ROW("link: half duplex", GEN_LINK_PARAMETERS, S, BAD({4, 4, 1})),
    ROW("unknown oid", SRIOV_CONFIG_STATE, S, ROW_LENGTH, ROW_LENGTH, {{0, 0, 0}}, NDIS_STATUS_NOT_SUPPORTED, 0),
};
const size_t row_count = sizeof(rows) / sizeof(rows[0]);

NDIS_STATUS row_send(const struct row *row, request_sender *sender, UCHAR *buffer, ULONG *needed)
{
    ULONG length = request_fill(row->oid, buffer);
    for (unsigned i = 0; i < 2; i++)
        memcpy(buffer + row->patch[i].at, &row->patch[i].value, row->patch[i].size);
    return sender((NDIS_REQUEST_TYPE)row->type, row->oid, buffer, row->input == ROW_LENGTH ? length : row->input,
                  row->output == ROW_LENGTH ? length : row->output, needed, NULL);
}
