/* SPDX-License-Identifier: MIT
 *
 * Configuration blocks through the interface routines, row by row (pci.md 2.3, 5.7).
 */
#include "vsc_rig.h"

/* ---- the routines (5.7) ----------------------------------------------------------------------------------------- */

static void blocks_of_every_length_arrive_and_come_back(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (ULONG length = 1; length <= 128; length += length < 8 || length >= 124 ? 1 : 7) {
        uint8_t out[128], back[130];
        for (ULONG i = 0; i < length; i++)
            out[i] = (uint8_t)(length * 3 + i);
        memset(back, 0xEE, sizeof back);
        assert_int_equal(write_block(&rig, 5, out, length), STATUS_SUCCESS);
        assert_memory_equal(script_blocks(&rig.script)[5], out, length);
        assert_int_equal(read_block(&rig, 5, back + 1, length), STATUS_SUCCESS);
        assert_memory_equal(back + 1, out, length);
        assert_int_equal(back[0], 0xEE);
        assert_int_equal(back[1 + length], 0xEE);
    }
    rig_down(&rig);
}

static void a_write_message_is_laid_out_as_linux_sends_it(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    assert_int_equal(write_block(&rig, 0xFFFFFFF0, "abcde", 5), STATUS_SUCCESS);
    struct script_packet packet = script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 1);
    assert_memory_equal(packet.bytes, "\x0A\x00\x49\x42\xF0\xFF\xFF\xFF\0\0\0\0\x05\0\0\0abcde\0\0\0\0\0\0\0", 28);
    assert_int_equal(packet.length, 32);
    assert_true(packet.flagged);
    rig_down(&rig);
}

static void wrong_calls_are_refused_and_send_nothing(void **state)
{
    static const struct {
        ULONG length;
        bool no_buffer;
    } rows[] = {{0, false}, {129, false}, {256, false}, {UINT32_MAX, false}, {4, true}, {0, true}};
    (void)state;
    struct rig rig;
    uint8_t buffer[256];
    rig_up(&rig, 0);
    memset(buffer, 0xEE, sizeof buffer);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *at = rows[i].no_buffer ? NULL : buffer;
        assert_int_equal(write_block(&rig, 1, at, rows[i].length), STATUS_INVALID_PARAMETER);
        assert_int_equal(read_block(&rig, 1, at, rows[i].length), STATUS_INVALID_PARAMETER);
    }
    assert_int_equal(rig.vpci.WriteVfConfigBlock(NULL, 1, buffer, 4), STATUS_INVALID_PARAMETER);
    assert_int_equal(rig.vpci.ReadVfConfigBlock(NULL, 1, buffer, 4), STATUS_INVALID_PARAMETER);
    for (unsigned i = 0; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], 0xEE);
    assert_int_equal(messages(&rig), 0);
    rig_down(&rig);
}

static void above_apc_level_a_block_call_is_a_violation_and_does_not_wait(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t value = 0xEE;
    KIRQL irql;
    rig_up(&rig, 0);
    uint64_t before = nt_violations(rig.partition);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_int_equal(write_block(&rig, 1, &value, 4), STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(read_block(&rig, 1, &value, 4), STATUS_INVALID_DEVICE_STATE);
    KeLowerIrql(irql);
    assert_true(nt_violations(rig.partition) == before + 2);
    assert_int_equal(value, 0xEE);
    assert_int_equal(messages(&rig), 0);
    KeRaiseIrql(APC_LEVEL, &irql);
    assert_int_equal(write_block(&rig, 1, &value, 4), STATUS_SUCCESS);
    KeLowerIrql(irql);
    assert_true(nt_violations(rig.partition) == before + 2);
    rig_down(&rig);
}

static void the_pf_drivers_status_comes_back_verbatim_and_a_read_changes_nothing(void **state)
{
    static const NTSTATUS statuses[] = {STATUS_INVALID_PARAMETER, STATUS_NOT_SUPPORTED, (NTSTATUS)0x80000005,
                                        (NTSTATUS)0xC000090B, (NTSTATUS)0xFFFFFFFF};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof statuses / sizeof statuses[0]; i++) {
        uint32_t value = 0xEEEEEEEE;
        rig.script.block_status = (uint32_t)statuses[i];
        assert_int_equal(write_block(&rig, 1, &value, 4), statuses[i]);
        assert_int_equal(read_block(&rig, 1, &value, 4), statuses[i]);
        assert_int_equal(value, 0xEEEEEEEE);
    }
    rig_down(&rig);
}

static void a_success_that_looks_pending_is_plain_success(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t value = 0;
    rig_up(&rig, 0);
    rig.script.block_status = 0x103;
    assert_int_equal(write_block(&rig, 1, &value, 4), STATUS_SUCCESS);
    rig_down(&rig);
}

/* Bytes of the answer beyond the status, for a read of `wanted`; the ring pads. */
static void answers_that_are_too_short_or_too_long_fail_and_leave_the_buffer(void **state)
{
    static const struct {
        ULONG wanted;
        uint32_t answered;
        NTSTATUS status;
    } rows[] = {{4, 4, STATUS_SUCCESS},          {4, 0, STATUS_SUCCESS /* padding: not to be told apart */},
                {5, 4, STATUS_UNSUCCESSFUL},     {12, 5, STATUS_SUCCESS},
                {12, 4, STATUS_UNSUCCESSFUL},    {128, 127, STATUS_SUCCESS},
                {128, 124, STATUS_UNSUCCESSFUL}, {4, 5, STATUS_UNSUCCESSFUL},
                {4, 128, STATUS_UNSUCCESSFUL},   {128, 200, STATUS_UNSUCCESSFUL}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct manners manners = {.type = VPCI_READ_BLOCK_MESSAGE, .length = 4 + rows[i].answered};
        struct rig rig;
        uint8_t buffer[128];
        memset(buffer, 0xEE, sizeof buffer);
        rig_up_with(&rig, &manners, 0);
        assert_int_equal(read_block(&rig, 1, buffer, rows[i].wanted), rows[i].status);
        for (unsigned at = rows[i].status ? 0 : rows[i].wanted; at < sizeof buffer; at++)
            assert_int_equal(buffer[at], 0xEE);
        rig_down(&rig);
    }
}

static void an_empty_completion_is_a_failure(void **state)
{
    (void)state;
    struct manners manners = {.type = VPCI_WRITE_BLOCK_MESSAGE, .length = 0};
    struct rig rig;
    uint32_t value = 0;
    rig_up_with(&rig, &manners, 0);
    assert_int_equal(write_block(&rig, 1, &value, 4), STATUS_UNSUCCESSFUL);
    rig_down(&rig);
}

static void a_missing_answer_costs_the_limit_and_a_late_one_is_dropped(void **state)
{
    (void)state;
    struct manners manners = {.type = VPCI_WRITE_BLOCK_MESSAGE, .hold = true};
    struct rig rig;
    uint32_t value = 0;
    struct sent sent;
    rig_up_with(&rig, &manners, 20);
    assert_int_equal(write_block(&rig, 1, &value, 4), STATUS_IO_TIMEOUT);
    uint64_t first = script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 1).id;
    send_write(&rig, &sent, 1, &value, 4);
    uint64_t second = script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 2).id;
    assert_int_equal(ioctl_end(&sent), STATUS_IO_TIMEOUT);
    assert_int_equal(sent.information, 0);
    assert_true(second > first);
    script_status(&rig.script, first, 0);
    script_status(&rig.script, second, 0);
    assert_int_equal(read_block(&rig, 1, &value, 4), STATUS_SUCCESS);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_of_every_length_arrive_and_come_back),
        cmocka_unit_test(a_write_message_is_laid_out_as_linux_sends_it),
        cmocka_unit_test(wrong_calls_are_refused_and_send_nothing),
        cmocka_unit_test(above_apc_level_a_block_call_is_a_violation_and_does_not_wait),
        cmocka_unit_test(the_pf_drivers_status_comes_back_verbatim_and_a_read_changes_nothing),
        cmocka_unit_test(a_success_that_looks_pending_is_plain_success),
        cmocka_unit_test(answers_that_are_too_short_or_too_long_fail_and_leave_the_buffer),
        cmocka_unit_test(an_empty_completion_is_a_failure),
        cmocka_unit_test(a_missing_answer_costs_the_limit_and_a_late_one_is_dropped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
