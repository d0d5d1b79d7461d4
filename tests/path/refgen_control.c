/* SPDX-License-Identifier: MIT
 *
 * refgen's IOCTLs but for the rebalance: every row of pci.md 5.9, and what 3.7 says of those that wait.
 */
#include "refgen_rig.h"

#include "drivers/common/blocks.h"
#include "drivers/refgen/refgen.h"

#define D0 PowerDeviceD0
#define D3 PowerDeviceD3

static struct rig rig;

static int set_up(void **state)
{
    (void)state;
    rig_create(&rig);
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

static void power(USHORT vf, DEVICE_POWER_STATE state)
{
    assert_int_equal(rig.sriov.SetVfPowerState(rig.sriov.Context, vf, state, FALSE), STATUS_SUCCESS);
}

/* ---- who, and with which buffers -----------------------------------------------------------------------------------
 */

static const ULONG codes[] = {
    IOCTL_SRIOV_NOTIFICATION,
    IOCTL_SRIOV_EVENT_COMPLETE,
    IOCTL_SRIOV_ATTACH,
    IOCTL_SRIOV_DETACH,
    IOCTL_SRIOV_INVALIDATE_BLOCK,
    IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT,
    IOCTL_SRIOV_QUERY_MITIGATED_RANGES,
    IOCTL_SRIOV_MITIGATED_RANGE_UPDATE,
};

static NTSTATUS answer(ULONG code, ULONG input, ULONG output, struct sent_how how)
{
    struct sent sent = {0};
    sent_start(&sent, &rig, code, input, output, how);
    NTSTATUS status = sent_wait(&sent);
    if (!NT_SUCCESS(status))
        assert_int_equal(sent.information, 0);
    sent_free(&sent);
    return status;
}

static void a_program_may_ask_for_the_luid_only(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct sent_how how = {.major = IRP_MJ_DEVICE_CONTROL, .user = true};
        assert_int_equal(answer(codes[i], 16, 64, how), STATUS_INVALID_DEVICE_REQUEST);
        how.major = IRP_MJ_INTERNAL_DEVICE_CONTROL;
        assert_int_equal(answer(codes[i], 16, 64, how), STATUS_INVALID_DEVICE_REQUEST);
    }
    assert_int_equal(
        answer(IOCTL_SRIOV_PROXY_QUERY_LUID, 0, 8, (struct sent_how){.major = IRP_MJ_DEVICE_CONTROL, .user = true}),
        STATUS_SUCCESS);
    assert_int_equal(answer(IOCTL_SRIOV_PROXY_QUERY_LUID, 0, 8,
                            (struct sent_how){.major = IRP_MJ_INTERNAL_DEVICE_CONTROL, .user = true}),
                     STATUS_INVALID_DEVICE_REQUEST);
}

static void a_driver_may_use_either_major_function(void **state)
{
    static const UCHAR majors[] = {IRP_MJ_DEVICE_CONTROL, IRP_MJ_INTERNAL_DEVICE_CONTROL};
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct sent_how how = {.major = majors[i]};
        assert_int_equal(answer(IOCTL_SRIOV_ATTACH, 0, 0, how), STATUS_SUCCESS);
        assert_int_equal(answer(IOCTL_SRIOV_DETACH, 0, 0, how), STATUS_SUCCESS);
        assert_int_equal(answer(IOCTL_SRIOV_PROXY_QUERY_LUID, 0, 8, how), STATUS_SUCCESS);
        assert_int_equal(answer(IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, 2, 24, how), STATUS_SUCCESS);
    }
}

static void an_unknown_code_is_refused(void **state)
{
    (void)state;
    assert_int_equal(answer(VFPLANE_SRIOV_IOCTL(10), 16, 64, (struct sent_how){0}), STATUS_INVALID_DEVICE_REQUEST);
    assert_int_equal(answer(0, 0, 0, (struct sent_how){0}), STATUS_INVALID_DEVICE_REQUEST);
}

/* One byte less than each may have, and no buffer at all. */
static void a_buffer_too_small_changes_nothing(void **state)
{
    static const struct {
        ULONG code, input, output;
    } rows[] = {
        {IOCTL_SRIOV_NOTIFICATION, 0, 4},           {IOCTL_SRIOV_EVENT_COMPLETE, 4, 0},
        {IOCTL_SRIOV_INVALIDATE_BLOCK, 0, 16},      {IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, 2, 24},
        {IOCTL_SRIOV_QUERY_MITIGATED_RANGES, 4, 0}, {IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, 2, 2},
        {IOCTL_SRIOV_PROXY_QUERY_LUID, 0, 8},       {IOCTL_REFGEN_SET_LINK, 16, 0},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const ULONG code = rows[i].code, in = rows[i].input, out = rows[i].output;
        if (in)
            assert_int_equal(answer(code, in - 1, out, (struct sent_how){0}), STATUS_BUFFER_TOO_SMALL);
        if (out)
            assert_int_equal(answer(code, in, out - 1, (struct sent_how){0}), STATUS_BUFFER_TOO_SMALL);
        assert_int_equal(answer(code, in, out, (struct sent_how){.no_buffer = true}), STATUS_BUFFER_TOO_SMALL);
    }
}

/* ---- LUID ---------------------------------------------------------------------------------------------------------
 */

static void the_luid_is_that_of_the_interface(void **state)
{
    LUID asked, answered;
    ULONG_PTR information;
    (void)state;
    assert_int_equal(rig_control(&rig, IOCTL_SRIOV_PROXY_QUERY_LUID, &answered, 0, 8, &information), STATUS_SUCCESS);
    assert_int_equal(information, 8);
    assert_int_equal(rig.sriov.QueryLuid(rig.sriov.Context, &asked), STATUS_SUCCESS);
    assert_memory_equal(&asked, &answered, sizeof(asked));
    assert_true(asked.LowPart || asked.HighPart);
}

/* ---- INVALIDATE_BLOCK ---------------------------------------------------------------------------------------------
 */

static void wait_invalidation(struct sent *sent)
{
    assert_int_equal(sent_start(sent, &rig, IOCTL_SRIOV_INVALIDATE_BLOCK, 0, 16, (struct sent_how){0}), STATUS_PENDING);
}

static SRIOV_INVALIDATE_BLOCK invalidated(struct sent *sent)
{
    SRIOV_INVALIDATE_BLOCK block;
    assert_int_equal(sent_wait(sent), STATUS_SUCCESS);
    assert_int_equal(sent->information, 16);
    memcpy(&block, sent->buffer, sizeof(block));
    sent_free(sent);
    return block;
}

/* A VF whose driver says that it is there is asked for statistics: its block 0 changes. */
static void start_vf(USHORT vf)
{
    struct refnic_control control = {.capabilities = REFNIC_AGENT_STATISTICS, .rings = 1};
    assert_int_equal(rig.sriov.WriteVfConfigBlock(rig.sriov.Context, vf, 0, &control, sizeof(control)), STATUS_SUCCESS);
}

static NTSTATUS set_link(ULONG connected, ULONG64 speed)
{
    REFGEN_LINK link = {.Connected = connected, .Speed = speed};
    return rig_control(&rig, IOCTL_REFGEN_SET_LINK, &link, sizeof(link), 0, NULL);
}

static void an_invalidation_completes_the_request_that_waits(void **state)
{
    struct sent sent;
    SRIOV_INVALIDATE_BLOCK block;
    (void)state;
    wait_invalidation(&sent);
    assert_false(sent_is_done(&sent));
    start_vf(3);
    block = invalidated(&sent);
    assert_int_equal(block.VfIndex, 3);
    assert_int_equal(block.BlockMask, 1);
}

static void invalidations_without_a_request_are_cached_for_each_vf(void **state)
{
    struct sent sent;
    SRIOV_INVALIDATE_BLOCK block;
    (void)state;
    start_vf(5);
    start_vf(2);
    wait_invalidation(&sent);
    block = invalidated(&sent);
    assert_int_equal(block.VfIndex, 5);
    assert_int_equal(block.BlockMask, 1);
    wait_invalidation(&sent);
    block = invalidated(&sent);
    assert_int_equal(block.VfIndex, 2);
    wait_invalidation(&sent); /* delivered bits are gone */
    assert_false(sent_is_done(&sent));
    IoCancelIrp(sent.irp);
    assert_int_equal(sent_wait(&sent), STATUS_CANCELLED);
    sent_free(&sent);
}

static void a_cancelled_request_takes_no_bit_along(void **state)
{
    struct sent sent;
    (void)state;
    wait_invalidation(&sent);
    IoCancelIrp(sent.irp);
    assert_int_equal(sent_wait(&sent), STATUS_CANCELLED);
    assert_int_equal(sent.information, 0);
    sent_free(&sent);
    start_vf(1);
    wait_invalidation(&sent);
    assert_int_equal(invalidated(&sent).VfIndex, 1);
}

static void a_link_change_is_one_invalidation_for_all_vfs(void **state)
{
    struct refnic_link link;
    struct sent sent;
    SRIOV_INVALIDATE_BLOCK block;
    (void)state;
    assert_int_equal(rig.sriov.ReadVfConfigBlock(rig.sriov.Context, 4, REFNIC_BLOCK_LINK, &link, sizeof(link)),
                     STATUS_SUCCESS);
    assert_int_equal(link.transmit_speed, 1000000000);
    assert_int_equal(link.generation, 1);
    wait_invalidation(&sent);
    assert_int_equal(set_link(1, 10000000000ull), STATUS_SUCCESS);
    block = invalidated(&sent);
    assert_int_equal(block.VfIndex, SRIOV_INVALIDATE_BLOCK_ALL_VFS);
    assert_true(block.BlockMask == REFNIC_MASK(REFNIC_BLOCK_LINK));
    rig.sriov.ReadVfConfigBlock(rig.sriov.Context, 4, REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_int_equal(link.transmit_speed, 10000000000ull);
    assert_int_equal(link.generation, 2);
    wait_invalidation(&sent);
    assert_int_equal(set_link(1, 10000000000ull), STATUS_SUCCESS); /* no change, nothing to tell */
    assert_false(sent_is_done(&sent));
    assert_int_equal(set_link(0, 5), STATUS_SUCCESS);
    assert_true(invalidated(&sent).BlockMask == REFNIC_MASK(REFNIC_BLOCK_LINK));
    rig.sriov.ReadVfConfigBlock(rig.sriov.Context, 4, REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_int_equal(link.connected, 0);
    assert_int_equal(link.transmit_speed, 0);
}

static void a_link_that_cannot_be_is_refused(void **state)
{
    struct refnic_link link;
    (void)state;
    assert_int_equal(set_link(1, 0), STATUS_INVALID_PARAMETER);
    assert_int_equal(set_link(1, 10000000001ull), STATUS_INVALID_PARAMETER);
    rig.sriov.ReadVfConfigBlock(rig.sriov.Context, 0, REFNIC_BLOCK_LINK, &link, sizeof(link));
    assert_int_equal(link.generation, 1);
}

static NTSTATUS command_vf(USHORT vf, ULONG length)
{
    REFGEN_VF_COMMAND command = {.Control = REFNIC_AGENT_STATISTICS, .Command = 10, .VFId = vf};
    return rig_control(&rig, IOCTL_REFGEN_VF_COMMAND, &command, length, 0, NULL);
}

static void a_command_is_put_into_the_vfs_block_and_invalidates_it(void **state)
{
    struct refnic_control control;
    struct sent sent;
    (void)state;
    wait_invalidation(&sent);
    assert_int_equal(command_vf(RIG_VFS, sizeof(REFGEN_VF_COMMAND)), STATUS_INVALID_PARAMETER);
    assert_int_equal(command_vf(4, sizeof(REFGEN_VF_COMMAND) - 1), STATUS_BUFFER_TOO_SMALL);
    assert_false(sent_is_done(&sent));
    rig.sriov.ReadVfConfigBlock(rig.sriov.Context, 4, 0, &control, sizeof(control));
    assert_int_equal(control.control | control.command, 0);
    assert_int_equal(command_vf(4, sizeof(REFGEN_VF_COMMAND)), STATUS_SUCCESS);
    assert_int_equal(invalidated(&sent).VfIndex, 4);
    rig.sriov.ReadVfConfigBlock(rig.sriov.Context, 4, 0, &control, sizeof(control));
    assert_int_equal(control.command, 10);
}

/* ---- mitigation ---------------------------------------------------------------------------------------------------
 */

static NTSTATUS count(USHORT vf, SRIOV_MITIGATED_RANGE_COUNT_OUTPUT *out)
{
    ULONG_PTR information = 0;
    memset(out, 0xEE, sizeof(*out));
    memcpy(out, &vf, sizeof(vf));
    NTSTATUS status = rig_control(&rig, IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, out, 2, sizeof(*out), &information);
    assert_int_equal(information, NT_SUCCESS(status) ? 24 : 0);
    return status;
}

static NTSTATUS ranges(USHORT vf, UCHAR bar, ULONG output, SRIOV_MITIGATED_RANGES_OUTPUT *out, ULONG_PTR *information)
{
    SRIOV_MITIGATED_RANGES_INPUT in = {vf, bar};
    memcpy(out, &in, sizeof(in));
    return rig_control(&rig, IOCTL_SRIOV_QUERY_MITIGATED_RANGES, out, sizeof(in), output, information);
}

static void a_vf_that_works_has_no_mitigated_ranges(void **state)
{
    SRIOV_MITIGATED_RANGE_COUNT_OUTPUT out;
    SRIOV_MITIGATED_RANGES_OUTPUT list[2];
    ULONG_PTR information = 1;
    (void)state;
    assert_int_equal(count(0, &out), STATUS_SUCCESS);
    for (unsigned i = 0; i < 6; i++)
        assert_int_equal(out.RangeCount[i], 0);
    assert_int_equal(ranges(0, 0, 0, list, &information), STATUS_SUCCESS);
    assert_int_equal(information, 0);
}

static void a_vf_that_sleeps_has_ranges_as_an_array(void **state)
{
    SRIOV_MITIGATED_RANGE_COUNT_OUTPUT out;
    SRIOV_MITIGATED_RANGES_OUTPUT list[2];
    ULONG_PTR information;
    (void)state;
    power(2, D3);
    assert_int_equal(count(2, &out), STATUS_SUCCESS);
    assert_int_equal(out.RangeCount[0], 2);
    assert_int_equal(out.RangeCount[3], 0);
    assert_int_equal(count(1, &out), STATUS_SUCCESS);
    assert_int_equal(out.RangeCount[0], 0); /* another VF */
    assert_int_equal(ranges(2, 0, 32, list, &information), STATUS_SUCCESS);
    assert_int_equal(information, 32);
    assert_int_equal(list[0].BasePageNumber, 0);
    assert_int_equal(list[0].PageCount, 1);
    assert_int_equal(list[0].InterceptReads, 1);
    assert_int_equal(list[0].InterceptWrites, 1);
    assert_int_equal(list[1].BasePageNumber, 1);
    assert_int_equal(list[1].InterceptWrites, 0);
    assert_int_equal(ranges(2, 0, 31, list, &information), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(information, 0);
    power(2, D0); /* since the count was asked for: there is room for more than there is */
    assert_int_equal(ranges(2, 0, 32, list, &information), STATUS_SUCCESS);
    assert_int_equal(information, 0);
}

static void more_ranges_than_were_counted_are_too_many(void **state)
{
    SRIOV_MITIGATED_RANGE_COUNT_OUTPUT out;
    SRIOV_MITIGATED_RANGES_OUTPUT list[2];
    ULONG_PTR information;
    (void)state;
    assert_int_equal(count(2, &out), STATUS_SUCCESS);
    power(2, D3);
    assert_int_equal(ranges(2, 0, 16 * out.RangeCount[0] + 4, list, &information), STATUS_BUFFER_TOO_SMALL);
}

static void a_bad_vf_or_bar_has_no_ranges(void **state)
{
    SRIOV_MITIGATED_RANGE_COUNT_OUTPUT out;
    SRIOV_MITIGATED_RANGES_OUTPUT list[2];
    USHORT vf = RIG_VFS;
    (void)state;
    assert_int_equal(count(RIG_VFS, &out), STATUS_INVALID_PARAMETER);
    assert_int_equal(count(0xFFFF, &out), STATUS_INVALID_PARAMETER);
    assert_int_equal(ranges(RIG_VFS, 0, 32, list, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(ranges(0, 6, 32, list, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(ranges(0, 255, 0, list, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(rig_control(&rig, IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, &vf, 2, 2, NULL), STATUS_INVALID_PARAMETER);
}

static void wait_update(struct sent *sent, USHORT vf)
{
    memcpy(sent->buffer, &vf, sizeof(vf));
    assert_int_equal(sent_start(sent, &rig, IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, 2, 2, (struct sent_how){0}),
                     STATUS_PENDING);
}

static USHORT updated(struct sent *sent)
{
    USHORT vf;
    assert_int_equal(sent_wait(sent), STATUS_SUCCESS);
    assert_int_equal(sent->information, 2);
    memcpy(&vf, sent->buffer, sizeof(vf));
    sent_free(sent);
    return vf;
}

static void a_change_completes_the_oldest_request_for_that_vf(void **state)
{
    struct sent first, second, other;
    (void)state;
    wait_update(&other, 1);
    wait_update(&first, 2);
    wait_update(&second, 2);
    power(2, D3);
    assert_int_equal(updated(&first), 2);
    assert_false(sent_is_done(&second));
    assert_false(sent_is_done(&other));
    power(2, PowerDeviceD1); /* still asleep: nothing changed */
    assert_false(sent_is_done(&second));
    power(2, D0);
    assert_int_equal(updated(&second), 2);
    power(1, D3);
    assert_int_equal(updated(&other), 1);
}

static void a_change_while_nobody_waits_completes_the_next_request(void **state)
{
    struct sent sent;
    (void)state;
    power(6, D3);
    wait_update(&sent, 6);
    assert_int_equal(updated(&sent), 6);
    wait_update(&sent, 6);
    assert_false(sent_is_done(&sent));
    IoCancelIrp(sent.irp);
    assert_int_equal(sent_wait(&sent), STATUS_CANCELLED);
    sent_free(&sent);
}

/* ---- the device goes ----------------------------------------------------------------------------------------------
 */

static void what_waits_ends_with_the_device(void **state)
{
    struct sent invalidation, update;
    USHORT vf = 0;
    (void)state;
    wait_invalidation(&invalidation);
    wait_update(&update, 0);
    pcibus_surprise_remove(rig.pdo);
    assert_int_equal(sent_wait(&invalidation), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(sent_wait(&update), STATUS_NO_SUCH_DEVICE);
    sent_free(&invalidation);
    sent_free(&update);
    assert_int_equal(rig_control(&rig, IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, &vf, 2, 2, NULL), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(set_link(0, 0), STATUS_NO_SUCH_DEVICE);
}

/* ---- cancel against completion ------------------------------------------------------------------------------------
 */

static void *cancel_main(void *context)
{
    struct sent *sent = context;
    nt_enter(rig.partition);
    IoCancelIrp(sent->irp);
    nt_enter(NULL);
    return NULL;
}

static void a_cancel_that_races_with_an_invalidation_loses_no_bit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 500; i++) {
        struct sent sent, again;
        pthread_t thread;
        wait_invalidation(&sent);
        pthread_create(&thread, NULL, cancel_main, &sent);
        set_link(i % 2, 1000000);
        pthread_join(thread, NULL);
        if (sent_wait(&sent) == STATUS_CANCELLED) {
            wait_invalidation(&again);
            assert_true(invalidated(&again).BlockMask == REFNIC_MASK(REFNIC_BLOCK_LINK));
        }
        sent_free(&sent);
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_program_may_ask_for_the_luid_only),
        CASE(a_driver_may_use_either_major_function),
        CASE(an_unknown_code_is_refused),
        CASE(a_buffer_too_small_changes_nothing),
        CASE(the_luid_is_that_of_the_interface),
        CASE(an_invalidation_completes_the_request_that_waits),
        CASE(invalidations_without_a_request_are_cached_for_each_vf),
        CASE(a_cancelled_request_takes_no_bit_along),
        CASE(a_link_change_is_one_invalidation_for_all_vfs),
        CASE(a_link_that_cannot_be_is_refused),
        CASE(a_command_is_put_into_the_vfs_block_and_invalidates_it),
        CASE(a_vf_that_works_has_no_mitigated_ranges),
        CASE(a_vf_that_sleeps_has_ranges_as_an_array),
        CASE(more_ranges_than_were_counted_are_too_many),
        CASE(a_bad_vf_or_bar_has_no_ranges),
        CASE(a_change_completes_the_oldest_request_for_that_vf),
        CASE(a_change_while_nobody_waits_completes_the_next_request),
        CASE(what_waits_ends_with_the_device),
        CASE(a_cancel_that_races_with_an_invalidation_loses_no_bit),
    };
    return cmocka_run_group_tests_name("path / refgen / control", tests, NULL, NULL);
}
