/* SPDX-License-Identifier: MIT
 *
 * The acceptance tests of ndis.md 12 by their numbers, with refnic's PF miniport over the real rooms of a host. What
 * one process cannot show stands elsewhere: 12.1 in full in "wdk / layout", the guest's half of 12.3 and 12.6 in "path
 * / the command" and "ndis / blocks", 12.4's rows of ndis.md 7.13 in "ndis / nic_switch" and "ndis / vports".
 */
#include <pthread.h>
#include <stdlib.h>

#include "refnic_host.h"
#include "refnic_rows.h"

#include "drivers/common/blocks.h"

static struct host host;
static UCHAR buffer[REQUEST_MAX];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct ndis_adapter *adapter(void)
{
    return ndis_adapter_of(host.pdo[0]);
}

/* A PF handle as the miniport has it. */
static NDIS_HANDLE handle(void)
{
    return adapter();
}

static int set_up(void **state)
{
    (void)state;
    host_create(&host);
    host_select(&host, 0);
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    host_destroy(&host);
    return 0;
}

static struct vstack_vf *allocate(void)
{
    const struct vstack_vf_options options = {.vm_name = "vm", .mac = {2, 0, 0, 0, 0, 1}};
    struct vstack_vf *vf = NULL;
    assert_int_equal(vstack_vf_allocate(host.stack[0], &options, &vf), NDIS_STATUS_SUCCESS);
    return vf;
}

/* ---- 12.1, 12.2 -------------------------------------------------------------------------------------------------- */

static void acceptance_12_1_layout_of_what_crosses_the_driver_boundary(void **state)
{
    static const struct {
        const char *name;
        size_t size, expected;
    } rows_3_2[] = {
        {"NDIS_OID_REQUEST through Reserved2", NDIS_SIZEOF_OID_REQUEST_REVISION_1, 236},
        {"DATA.METHOD.BytesWritten", offsetof(NDIS_OID_REQUEST, DATA.METHOD_INFORMATION.BytesWritten), 60},
        {"DATA.METHOD.BytesRead", offsetof(NDIS_OID_REQUEST, DATA.METHOD_INFORMATION.BytesRead), 64},
        {"READ_VF_CONFIG_SPACE", sizeof(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS), 20},
        {"SET_VF_POWER_STATE", sizeof(NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS), 16},
        {"its NDIS_SIZEOF", NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1, 13},
        {"FREE_VF's NDIS_SIZEOF", NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1, 10},
        {"INVALIDATE BlockMask", offsetof(NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO, BlockMask), 8},
        {"VF_PARAMETERS", sizeof(NDIS_NIC_SWITCH_VF_PARAMETERS), 1632},
        {"VPORT_PARAMETERS thru", NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1, 572},
        {"CM_PARTIAL_RESOURCE_DESCRIPTOR", sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR), 20},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(rows_3_2); i++)
        if (rows_3_2[i].size != rows_3_2[i].expected)
            fail_msg("%s: %zu, not %zu", rows_3_2[i].name, rows_3_2[i].size, rows_3_2[i].expected);
}

enum { Q = 1, S = 2, M = 4 };

/* ndis.md 4.1. An OID sent as a type it does not have is NOT_SUPPORTED and never gets to the miniport; as a type it
 * has, with no buffer, it fails for another reason or is answered. */
static void acceptance_12_2_oid_numbers_and_request_types(void **state)
{
    static const struct {
        NDIS_OID oid, number;
        unsigned types;
    } oids[] = {
        {OID_NIC_SWITCH_PARAMETERS, 0x00010238, M | S},
        {OID_NIC_SWITCH_ENUM_SWITCHES, 0x00010240, Q},
        {OID_NIC_SWITCH_CREATE_VPORT, 0x00010241, M},
        {OID_NIC_SWITCH_VPORT_PARAMETERS, 0x00010242, Q | S | M},
        {OID_NIC_SWITCH_ENUM_VPORTS, 0x00010243, M},
        {OID_NIC_SWITCH_DELETE_VPORT, 0x00010244, S},
        {OID_NIC_SWITCH_ALLOCATE_VF, 0x00010245, M},
        {OID_NIC_SWITCH_FREE_VF, 0x00010246, S},
        {OID_NIC_SWITCH_VF_PARAMETERS, 0x00010247, M},
        {OID_NIC_SWITCH_ENUM_VFS, 0x00010248, M},
        {OID_SRIOV_HARDWARE_CAPABILITIES, 0x00010249, Q},
        {OID_SRIOV_CURRENT_CAPABILITIES, 0x00010250, Q},
        {OID_SRIOV_READ_VF_CONFIG_SPACE, 0x00010251, M},
        {OID_SRIOV_WRITE_VF_CONFIG_SPACE, 0x00010252, S | M},
        {OID_SRIOV_READ_VF_CONFIG_BLOCK, 0x00010253, M},
        {OID_SRIOV_WRITE_VF_CONFIG_BLOCK, 0x00010254, S | M},
        {OID_SRIOV_RESET_VF, 0x00010255, S},
        {OID_SRIOV_SET_VF_POWER_STATE, 0x00010256, S},
        {OID_SRIOV_VF_VENDOR_DEVICE_ID, 0x00010257, M},
        {OID_SRIOV_PF_LUID, 0x00010260, Q},
    };
    static const struct {
        NDIS_REQUEST_TYPE type;
        unsigned bit;
    } types[] = {{NdisRequestQueryInformation, Q}, {NdisRequestSetInformation, S}, {NdisRequestMethod, M}};
    (void)state;
    assert_int_equal(vstack_switch_create(host.stack[0], 2), NDIS_STATUS_SUCCESS);
    for (size_t i = 0; i < COUNT(oids); i++)
        for (size_t t = 0; t < COUNT(types); t++) {
            NDIS_STATUS status = host_oid(types[t].type, oids[i].oid, buffer, 0, 0, NULL, NULL);
            assert_int_equal(oids[i].oid, oids[i].number);
            if ((status == NDIS_STATUS_NOT_SUPPORTED) != !(oids[i].types & types[t].bit))
                fail_msg("%08x as type %u: %s", oids[i].oid, types[t].type, ndis_status_name(status));
        }
}

/* ---- 12.3: 7.1 .. 7.11 ------------------------------------------------------------------------------------------- */

struct way {
    struct trace_sink sink;
    struct {
        char room[12], door[60];
        KIRQL irql;
    } doors[2000];
    unsigned count;
};

static void note_door(struct trace_sink *sink, const struct trace_record *record)
{
    struct way *way = (struct way *)sink;
    if (!record->door[0] || way->count == COUNT(way->doors))
        return;
    snprintf(way->doors[way->count].room, sizeof(way->doors[0].room), "%s", record->room);
    snprintf(way->doors[way->count].door, sizeof(way->doors[0].door), "%s", record->door);
    way->doors[way->count++].irql = KeGetCurrentIrql();
}

static void no_flush(struct trace_sink *sink)
{
    (void)sink;
}

static struct way way;

static int set_up_traced(void **state)
{
    way = (struct way){.sink = {note_door, no_flush}};
    host_trace = trace_create(&way.sink, 1, "test");
    return set_up(state);
}

static int take_down_traced(void **state)
{
    take_down(state);
    trace_destroy(host_trace);
    host_trace = NULL;
    return 0;
}

/* Doors end from the inside out; each of `expected` follows the one before it. */
static void expect_order(const char *const *expected, size_t count)
{
    size_t found = 0;
    for (unsigned i = 0; i < way.count && found < count; i++)
        found += strcmp(way.doors[i].door, expected[found]) == 0;
    if (found < count)
        fail_msg("%s did not come, or too early, as number %zu", expected[found], found);
}

static void invalidated(void *context)
{
    (*(unsigned *)context)++;
}

static NTSTATUS config_write(struct vstack_vf *vf, ULONG offset, ULONG size, ULONG value)
{
    struct vstack_request request = {0};
    vstack_config_write(vf, &request, offset, size, value);
    return request.status;
}

static void live_through_a_partition(struct vstack_vf *vf)
{
    unsigned told = 0;
    const struct vstack_partition partition = {.name = "guest", .invalidated = invalidated};
    struct vstack_request request = {0};
    assert_int_equal(vstack_vf_attach(vf, &partition, &told), STATUS_SUCCESS);
    assert_int_equal(config_write(vf, 4, 2, 4), STATUS_SUCCESS);                    /* 7.5 */
    vstack_block_read(vf, &request, REFNIC_BLOCK_LINK, sizeof(struct refnic_link)); /* 7.6 */
    assert_int_equal(request.status, STATUS_SUCCESS);
    NdisMInvalidateConfigBlock(handle(), vstack_vf_id(vf), 1ull << REFNIC_BLOCK_LINK); /* 7.7 */
    assert_int_equal(told, 1);
    assert_int_equal(vstack_take_invalidations(vf), 1ull << REFNIC_BLOCK_LINK);
    vstack_reset(vf, &request); /* 7.8 */
    assert_int_equal(request.status, STATUS_SUCCESS);
    vstack_vf_detach(vf);
}

static void acceptance_12_3_happy_path_from_start_to_halt(void **state)
{
    static const char *const order[] = {
        /* 7.2 */
        "NdisMEnableVirtualization",
        "OID_NIC_SWITCH_CREATE_SWITCH",
        /* 7.3 */ "NdisMGetVirtualFunctionLocation",
        "OID_NIC_SWITCH_ALLOCATE_VF",
        "OID_NIC_SWITCH_CREATE_VPORT",
        "OID_SRIOV_VF_VENDOR_DEVICE_ID",
        "OID_SRIOV_PROBED_BARS",
        "OID_SRIOV_BAR_RESOURCES",
        /* 7.5 */
        "NdisMSetVirtualFunctionBusData",
        "OID_SRIOV_WRITE_VF_CONFIG_SPACE",
        /* 7.6 */ "OID_SRIOV_READ_VF_CONFIG_BLOCK",
        /* 7.7 */ "NdisMInvalidateConfigBlock",
        /* 7.8 */ "OID_SRIOV_RESET_VF",
        /* 7.10 */ "OID_NIC_SWITCH_DELETE_VPORT",
        "OID_SRIOV_RESET_VF",
        "OID_NIC_SWITCH_FREE_VF",
        /* 7.11 */ "NdisMEnableVirtualization",
        "OID_NIC_SWITCH_DELETE_SWITCH",
        "MiniportPause",
        "MiniportHaltEx",
    };
    (void)state;
    assert_int_equal(vstack_switch_create(host.stack[0], 4), NDIS_STATUS_SUCCESS);
    struct vstack_vf *vf = allocate();
    live_through_a_partition(vf);
    vstack_vf_free(vf);
    assert_int_equal(vstack_switch_delete(host.stack[0]), NDIS_STATUS_SUCCESS);
    host_stop(&host, 0);
    expect_order(order, COUNT(order));
    for (unsigned i = 0; i < way.count; i++)
        assert_int_equal(way.doors[i].irql, PASSIVE_LEVEL);
}

/* ---- 12.4 -------------------------------------------------------------------------------------------------------- */

/* Past NDIS's own checks, so that it is the miniport's status: exact. What it counts as a rule broken is the test's. */
static NDIS_STATUS send_raw(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *data, ULONG input, ULONG output, ULONG *needed,
                            ULONG *done)
{
    bool method = type == NdisRequestMethod;
    NDIS_OID_REQUEST request = {.RequestType = type};
    request.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                          NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    request.DATA.METHOD_INFORMATION.Oid = oid;
    request.DATA.METHOD_INFORMATION.InformationBuffer = data;
    request.DATA.METHOD_INFORMATION.InputBufferLength = input;
    if (method)
        request.DATA.METHOD_INFORMATION.OutputBufferLength = output;
    NDIS_STATUS status = ndis_oid_wait(vstack_binding(host.stack[0]), &request, true);
    if (needed)
        *needed = method ? request.DATA.METHOD_INFORMATION.BytesNeeded : request.DATA.SET_INFORMATION.BytesNeeded;
    if (done)
        *done = method ? request.DATA.METHOD_INFORMATION.BytesWritten : request.DATA.SET_INFORMATION.BytesRead;
    return status;
}

static void acceptance_12_4_every_row_of_8_2_fails_with_its_status(void **state)
{
    (void)state;
    assert_true(request_populate(send_raw));
    for (size_t i = 0; i < row_count; i++) {
        ULONG needed = 0;
        NDIS_STATUS status = row_send(&rows[i], send_raw, buffer, &needed);
        if (status != rows[i].status || (status == NDIS_STATUS_INVALID_LENGTH && needed != rows[i].needed))
            fail_msg("%s: %s, %u bytes needed", rows[i].rule, ndis_status_name(status), needed);
    }
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 4);
}

/* ---- 12.5 -------------------------------------------------------------------------------------------------------- */

static void acceptance_12_5_offsets_and_lengths_near_2_32(void **state)
{
    static const NDIS_OID oids[] = {OID_SRIOV_READ_VF_CONFIG_SPACE, OID_SRIOV_WRITE_VF_CONFIG_SPACE,
                                    OID_SRIOV_READ_VF_CONFIG_BLOCK, OID_SRIOV_WRITE_VF_CONFIG_BLOCK};
    static const ULONG edges[] = {0,          1,          19,         20,         21,         4095,      4096,
                                  0x7fffffff, 0x80000000, 0xffffffeb, 0xffffffec, 0xfffffffe, 0xffffffff};
    (void)state;
    assert_true(request_populate(send_raw));
    for (size_t o = 0; o < COUNT(oids); o++)
        for (size_t a = 0; a < COUNT(edges); a++)
            for (size_t b = 0; b < COUNT(edges); b++) {
                ULONG length = request_fill(oids[o], buffer);
                bool method = o % 2 == 0;
                UCHAR *exact = malloc(length); /* a byte beyond it is a finding of a sanitizer */
                memcpy(exact, buffer, length);
                memcpy(exact + 12, &edges[a], sizeof(ULONG)); /* Length */
                memcpy(exact + 16, &edges[b], sizeof(ULONG)); /* BufferOffset */
                NDIS_STATUS status = host_oid(method ? NdisRequestMethod : NdisRequestSetInformation, oids[o], exact,
                                              length, length, NULL, NULL);
                uint64_t end = (uint64_t)edges[a] + edges[b];
                if (status == NDIS_STATUS_SUCCESS && (edges[b] < 20 || end > length))
                    fail_msg("%08x: success for %u bytes at %u of %u", oids[o], edges[a], edges[b], length);
                free(exact);
            }
}

/* ---- 12.6 -------------------------------------------------------------------------------------------------------- */

static void acceptance_12_6_invalidations_coalesce(void **state)
{
    unsigned told = 0;
    const struct vstack_partition partition = {.name = "guest", .invalidated = invalidated};
    (void)state;
    assert_int_equal(vstack_switch_create(host.stack[0], 2), NDIS_STATUS_SUCCESS);
    struct vstack_vf *vf = allocate();
    assert_int_equal(vstack_vf_attach(vf, &partition, &told), STATUS_SUCCESS);
    for (unsigned i = 0; i < 5; i++)
        NdisMInvalidateConfigBlock(handle(), vstack_vf_id(vf), 1ull << (i * 15));
    assert_int_equal(told, 1);
    assert_int_equal(vstack_take_invalidations(vf), 0x1000200040008001ull);
    NdisMInvalidateConfigBlock(handle(), vstack_vf_id(vf), 2); /* while the first is being handled */
    assert_int_equal(told, 2);
    assert_int_equal(vstack_take_invalidations(vf), 2);
    vstack_vf_detach(vf);
}

/* ---- 12.7 -------------------------------------------------------------------------------------------------------- */

struct issued {
    NDIS_OID_REQUEST request;
    ULONG value;
    unsigned completions;
    NDIS_STATUS status;
};

static void completed(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct issued *issued = (struct issued *)request;
    (void)context;
    issued->completions++;
    issued->status = status;
}

static NDIS_STATUS issue(NDIS_HANDLE binding, struct issued *issued, ULONG_PTR id)
{
    *issued = (struct issued){.request.RequestType = NdisRequestQueryInformation};
    issued->request.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                                  NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    issued->request.RequestId = (PVOID)id;
    issued->request.DATA.QUERY_INFORMATION.Oid = OID_GEN_VENDOR_ID;
    issued->request.DATA.QUERY_INFORMATION.InformationBuffer = &issued->value;
    issued->request.DATA.QUERY_INFORMATION.InformationBufferLength = sizeof(issued->value);
    return NdisOidRequest(binding, &issued->request);
}

static void acceptance_12_7_pending_cancel_and_one_at_a_time(void **state)
{
    static const struct ndis_overlying overlying = {"test", completed, NULL};
    struct issued first, second, third;
    NDIS_HANDLE binding;
    ULONG64 id;
    (void)state;
    assert_int_equal(ndis_open(adapter(), &overlying, NULL, &binding), NDIS_STATUS_SUCCESS);
    assert_true(ndis_oid_hold(adapter(), OID_GEN_VENDOR_ID, true));
    assert_int_equal(issue(binding, &first, 1), NDIS_STATUS_PENDING);
    assert_int_equal(issue(binding, &second, 2), NDIS_STATUS_PENDING);
    assert_int_equal(issue(binding, &third, 3), NDIS_STATUS_PENDING);
    NdisCancelOidRequest(binding, (PVOID)2);
    assert_int_equal(second.completions, 1);
    assert_int_equal(second.status, NDIS_STATUS_REQUEST_ABORTED);
    assert_ptr_equal(ndis_oid_fetch(adapter(), 0, &id), &first.request);
    assert_true(ndis_oid_release(adapter(), id, sizeof(ULONG), 0));
    assert_int_equal(first.completions, 1); /* before anything else of it returned */
    assert_int_equal(first.status, NDIS_STATUS_SUCCESS);
    nt_drain_work(host.partition);
    assert_ptr_equal(ndis_oid_fetch(adapter(), 0, &id), &third.request);
    NdisCancelOidRequest(binding, (PVOID)3);
    NdisCancelOidRequest(binding, (PVOID)3);
    assert_int_equal(third.completions, 1);
    assert_int_equal(third.status, NDIS_STATUS_REQUEST_ABORTED);
    assert_false(ndis_oid_release(adapter(), id, sizeof(ULONG), 0));
    assert_int_equal(first.completions + second.completions + third.completions, 3);
    ndis_oid_hold(adapter(), OID_GEN_VENDOR_ID, false);
    ndis_close(binding);
}

/* ---- 12.8 -------------------------------------------------------------------------------------------------------- */

static void acceptance_12_8_enabling_and_disabling_out_of_order(void **state)
{
    USHORT value = 0x5555;
    (void)state;
    assert_int_equal(NdisMGetVirtualFunctionBusData(handle(), 0, &value, 0, 2), 0);
    assert_int_equal(NdisMEnableVirtualization(handle(), 0, FALSE, FALSE, FALSE), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMEnableVirtualization(handle(), 2, FALSE, FALSE, TRUE), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMEnableVirtualization(handle(), 2, FALSE, FALSE, TRUE), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMEnableVirtualization(handle(), 2, FALSE, FALSE, FALSE), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 2);
    assert_int_equal(NdisMEnableVirtualization(handle(), 0, FALSE, FALSE, FALSE), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMEnableVirtualization(handle(), 0, FALSE, FALSE, FALSE), NDIS_STATUS_FAILURE);
    assert_int_equal(value, 0x5555);
    host.violations = nt_violations(host.partition); /* each was reported: that is another test's */
    assert_true(host.violations > 0);
}

/* ---- 12.9 -------------------------------------------------------------------------------------------------------- */

struct reader {
    NDIS_STATUS status;
    UCHAR data[32];
};

static void *read_config(void *context)
{
    struct reader *reader = context;
    nt_enter(host.partition);
    ULONG length = request_fill(OID_SRIOV_READ_VF_CONFIG_SPACE, reader->data);
    reader->status =
        host_oid(NdisRequestMethod, OID_SRIOV_READ_VF_CONFIG_SPACE, reader->data, length, length, NULL, NULL);
    nt_enter(NULL);
    return NULL;
}

static void acceptance_12_9_surprise_removal_between_pend_and_completion(void **state)
{
    struct reader reader = {.status = NDIS_STATUS_PENDING};
    pthread_t thread;
    ULONG64 id;
    (void)state;
    assert_true(request_populate(send_raw));
    assert_true(ndis_oid_hold(adapter(), OID_SRIOV_READ_VF_CONFIG_SPACE, true));
    pthread_create(&thread, NULL, read_config, &reader);
    assert_non_null(ndis_oid_fetch(adapter(), 10000, &id));
    pcibus_surprise_remove(host.pdo[0]);
    pthread_join(thread, NULL);
    assert_true(reader.status == NDIS_STATUS_NOT_ACCEPTED || reader.status == NDIS_STATUS_REQUEST_ABORTED);
    assert_false(ndis_oid_complete(adapter(), id, NDIS_STATUS_SUCCESS, 0));
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(acceptance_12_1_layout_of_what_crosses_the_driver_boundary),
        CASE(acceptance_12_2_oid_numbers_and_request_types),
        cmocka_unit_test_setup_teardown(acceptance_12_3_happy_path_from_start_to_halt, set_up_traced, take_down_traced),
        CASE(acceptance_12_4_every_row_of_8_2_fails_with_its_status),
        CASE(acceptance_12_5_offsets_and_lengths_near_2_32),
        CASE(acceptance_12_6_invalidations_coalesce),
        CASE(acceptance_12_7_pending_cancel_and_one_at_a_time),
        CASE(acceptance_12_8_enabling_and_disabling_out_of_order),
        CASE(acceptance_12_9_surprise_removal_between_pend_and_completion),
    };
    return cmocka_run_group_tests_name("path / acceptance", tests, NULL, NULL);
}
