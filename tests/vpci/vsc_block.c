/* SPDX-License-Identifier: MIT
 *
 * Configuration blocks through the interface routines and the IOCTLs, row by row (pci.md 2.3-2.7, 5.7, 5.8).
 */
#include "vsc_rig.h"

/* A test's own answers to one kind of message: it holds the completions back, or sends these bytes. */
struct manners {
    uint32_t type;
    bool hold;
    uint8_t bytes[256];
    uint32_t length;
};

static bool misbehave(struct script *script, const struct script_packet *packet)
{
    struct manners *manners = script->context;
    if (!manners || packet->type != manners->type)
        return false;
    if (!manners->hold)
        script_complete(script, packet->id, manners->bytes, manners->length);
    return true;
}

static void rig_up_with(struct rig *rig, struct manners *manners, int timeout_ms)
{
    rig_up(rig, timeout_ms);
    pthread_mutex_lock(&rig->script.lock);
    rig->script.context = manners;
    rig->script.hook = misbehave;
    pthread_mutex_unlock(&rig->script.lock);
}

static NTSTATUS write_block(struct rig *rig, ULONG id, void *buffer, ULONG length)
{
    return rig->vpci.WriteVfConfigBlock(rig->vpci.Context, id, buffer, length);
}

static NTSTATUS read_block(struct rig *rig, ULONG id, void *buffer, ULONG length)
{
    return rig->vpci.ReadVfConfigBlock(rig->vpci.Context, id, buffer, length);
}

static unsigned messages(struct rig *rig)
{
    return script_seen(&rig->script, VPCI_READ_BLOCK_MESSAGE) + script_seen(&rig->script, VPCI_WRITE_BLOCK_MESSAGE);
}

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

/* ---- WRITE and READ IOCTLs: size checks (2.5, 2.6) -------------------------------------------------------------- */

static void wrong_write_requests_fail_by_the_table_and_send_nothing(void **state)
{
    static const struct {
        ULONG input_length, data_length;
        bool no_input;
        NTSTATUS status;
    } rows[] = {
        {0, 4, false, STATUS_BUFFER_TOO_SMALL},
        {8, 1, false, STATUS_BUFFER_TOO_SMALL},
        {9, 1, false, STATUS_BUFFER_TOO_SMALL},
        {11, 3, false, STATUS_BUFFER_TOO_SMALL},
        {11, 0, true, STATUS_BUFFER_TOO_SMALL},
        {12, 4, true, STATUS_INVALID_PARAMETER},
        {12, 0, false, STATUS_INVALID_PARAMETER},
        {12, 129, false, STATUS_INVALID_PARAMETER},
        {200, 129, false, STATUS_INVALID_PARAMETER},
        {12, 0xFFFFFFF8, false, STATUS_INVALID_PARAMETER},
        {12, UINT32_MAX, false, STATUS_INVALID_PARAMETER},
        {12, 5, false, STATUS_BUFFER_TOO_SMALL},
        {135, 128, false, STATUS_BUFFER_TOO_SMALL},
    };
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent sent;
        uint8_t input[256] = {1};
        memcpy(input + 4, &rows[i].data_length, 4);
        ioctl_send(&rig, &sent, IOCTL_VPCI_WRITE_BLOCK, rows[i].no_input ? NULL : input, rows[i].input_length, NULL, 0);
        assert_int_equal(ioctl_end(&sent), rows[i].status);
        assert_int_equal(sent.returned, rows[i].status);
        assert_int_equal(sent.information, 0);
    }
    assert_int_equal(messages(&rig), 0);
    rig_down(&rig);
}

static void write_requests_pend_and_complete_with_the_bytes_written(void **state)
{
    static const struct {
        ULONG input_length, data_length;
    } rows[] = {{12, 1}, {12, 2}, {12, 4}, {200, 4}, {135, 127}, {136, 128}, {4096, 128}};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent sent;
        static uint8_t input[4096];
        memset(input, 0x30 + (int)i, sizeof input);
        memcpy(input, &(uint32_t){9}, 4);
        memcpy(input + 4, &rows[i].data_length, 4);
        ioctl_send(&rig, &sent, IOCTL_VPCI_WRITE_BLOCK, input, rows[i].input_length, NULL, 0);
        assert_int_equal(sent.returned, STATUS_PENDING);
        memset(input, 0, sizeof input); /* captured once */
        assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
        assert_int_equal(sent.information, rows[i].data_length);
        for (unsigned at = 0; at < rows[i].data_length; at++)
            assert_int_equal(script_blocks(&rig.script)[9][at], 0x30 + i);
    }
    rig_down(&rig);
}

static void wrong_read_requests_fail_by_the_table_and_send_nothing(void **state)
{
    static const struct {
        ULONG input_length, wanted, output_length;
        bool no_input, no_output;
        NTSTATUS status;
    } rows[] = {
        {7, 4, 4, false, false, STATUS_BUFFER_TOO_SMALL},
        {0, 4, 4, true, false, STATUS_BUFFER_TOO_SMALL},
        {8, 4, 3, false, false, STATUS_BUFFER_TOO_SMALL},
        {8, 4, 0, false, true, STATUS_BUFFER_TOO_SMALL},
        {8, 4, 4, true, false, STATUS_INVALID_PARAMETER},
        {8, 0, 4, false, false, STATUS_INVALID_PARAMETER},
        {8, 129, 129, false, false, STATUS_INVALID_PARAMETER},
        {8, 4, 4, false, true, STATUS_INVALID_PARAMETER},
        {8, UINT32_MAX, 4, false, false, STATUS_BUFFER_TOO_SMALL},
        {8, UINT32_MAX, UINT32_MAX, false, false, STATUS_INVALID_PARAMETER},
    };
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct sent sent;
        VPCI_READ_BLOCK_INPUT input = {1, rows[i].wanted};
        uint8_t output[256];
        memset(output, 0xEE, sizeof output);
        ioctl_send(&rig, &sent, IOCTL_VPCI_READ_BLOCK, rows[i].no_input ? NULL : &input, rows[i].input_length,
                   rows[i].no_output ? NULL : output, rows[i].output_length);
        assert_int_equal(ioctl_end(&sent), rows[i].status);
        assert_int_equal(sent.information, 0);
        for (unsigned at = 0; at < sizeof output; at++)
            assert_int_equal(output[at], 0xEE);
    }
    assert_int_equal(messages(&rig), 0);
    rig_down(&rig);
}

static void read_requests_fill_exactly_what_was_asked_for(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (ULONG wanted = 1; wanted <= 128; wanted += 127) {
        struct sent sent;
        VPCI_READ_BLOCK_INPUT input = {7, wanted};
        uint8_t output[160];
        memset(output, 0xEE, sizeof output);
        ioctl_send(&rig, &sent, IOCTL_VPCI_READ_BLOCK, &input, sizeof input, output, sizeof output);
        assert_int_equal(sent.returned, STATUS_PENDING);
        assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
        assert_int_equal(sent.information, wanted);
        assert_memory_equal(output, script_blocks(&rig.script)[7], wanted);
        for (unsigned at = wanted; at < sizeof output; at++)
            assert_int_equal(output[at], 0xEE);
    }
    rig_down(&rig);
}

static void a_failing_pf_driver_fails_the_request(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    uint8_t output[8];
    rig_up(&rig, 0);
    memset(output, 0xEE, sizeof output);
    rig.script.block_status = (uint32_t)STATUS_NOT_SUPPORTED;
    send_read(&rig, &sent, 1, output, 8);
    assert_int_equal(ioctl_end(&sent), STATUS_NOT_SUPPORTED);
    assert_int_equal(sent.information, 0);
    assert_memory_equal(output, "\xEE\xEE\xEE\xEE\xEE\xEE\xEE\xEE", 8);
    send_write(&rig, &sent, 1, "abcd", 4);
    assert_int_equal(ioctl_end(&sent), STATUS_NOT_SUPPORTED);
    assert_int_equal(sent.information, 0);
    rig_down(&rig);
}

/* ---- who may ask, and when (2.4, 5.8) --------------------------------------------------------------------------- */

static void requests_of_user_mode_and_unknown_codes_are_refused(void **state)
{
    static const ULONG codes[] = {IOCTL_VPCI_WRITE_BLOCK, IOCTL_VPCI_READ_BLOCK, IOCTL_VPCI_INVALIDATE_BLOCK};
    (void)state;
    struct rig rig;
    struct sent sent;
    uint8_t input[16] = {0}, output[16];
    memcpy(input + 4, &(uint32_t){4}, 4);
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 3; i++) {
        ioctl_send_as(&rig, &sent, IRP_MJ_DEVICE_CONTROL, UserMode, codes[i], input, 16, output, 16);
        assert_int_equal(ioctl_end(&sent), STATUS_INVALID_DEVICE_REQUEST);
    }
    assert_int_equal(messages(&rig), 0);
    for (unsigned i = 0; i < 2; i++) {
        ioctl_send_as(&rig, &sent, IRP_MJ_DEVICE_CONTROL, KernelMode, codes[i], input, 16, output, 16);
        assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    }
    ioctl_send_as(&rig, &sent, IRP_MJ_DEVICE_CONTROL, KernelMode, 0x002AC013, input, 16, output, 16);
    assert_int_equal(ioctl_end(&sent), STATUS_INVALID_DEVICE_REQUEST);
    ioctl_send_as(&rig, &sent, IRP_MJ_INTERNAL_DEVICE_CONTROL, KernelMode, 0x002AC013, input, 16, output, 16);
    assert_int_equal(ioctl_end(&sent), STATUS_NOT_SUPPORTED);
    rig_down(&rig);
}

static void requests_work_at_dispatch_level(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    KIRQL irql;
    rig_up(&rig, 0);
    uint64_t before = nt_violations(rig.partition);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    send_write(&rig, &sent, 1, "abcd", 4);
    KeLowerIrql(irql);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(nt_violations(rig.partition) == before);
    rig_down(&rig);
}

static void send_all_kinds(struct rig *rig, NTSTATUS expected)
{
    struct sent sent;
    uint8_t output[8];
    VPCI_INVALIDATE_BLOCK_OUTPUT mask;
    send_write(rig, &sent, 1, "abcd", 4);
    assert_int_equal(ioctl_end(&sent), expected);
    assert_int_equal(sent.information, 0);
    send_read(rig, &sent, 1, output, 8);
    assert_int_equal(ioctl_end(&sent), expected);
    send_invalidate(rig, &sent, &mask);
    assert_int_equal(ioctl_end(&sent), expected);
}

static void a_stopped_or_removed_function_takes_no_requests(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE);
    send_all_kinds(&rig, STATUS_DEVICE_NOT_READY);
    nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE);
    send_all_kinds(&rig, STATUS_DEVICE_REMOVED);
    assert_int_equal(messages(&rig), 0);
    nt_pnp_start(rig.pdo);
    struct sent sent;
    send_write(&rig, &sent, 1, "abcd", 4);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    rig_down(&rig);
}

static void removal_ends_what_is_pended_with_the_documented_statuses(void **state)
{
    static const UCHAR minors[] = {IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL, IRP_MN_STOP_DEVICE};
    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        struct manners manners = {.type = VPCI_WRITE_BLOCK_MESSAGE, .hold = true};
        struct rig rig;
        struct sent write, invalidate[3];
        VPCI_INVALIDATE_BLOCK_OUTPUT mask = {0x55};
        rig_up_with(&rig, &manners, 0);
        send_write(&rig, &write, 1, "abcd", 4);
        for (unsigned n = 0; n < 3; n++)
            send_invalidate(&rig, &invalidate[n], &mask);
        uint64_t id = script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 1).id;
        if (i < 3)
            assert_int_equal(nt_pnp_simple(rig.pdo, minors[i]), STATUS_SUCCESS);
        else
            vsc_disconnect(rig.vsc), rig.vsc = NULL;
        /* Ended before the request that ends them returns. */
        assert_int_equal(write.completions, 1);
        assert_int_equal(ioctl_end(&write), STATUS_DEVICE_NOT_CONNECTED);
        for (unsigned n = 0; n < 3; n++) {
            assert_int_equal(invalidate[n].completions, 1);
            assert_int_equal(ioctl_end(&invalidate[n]), STATUS_CANCELLED);
        }
        assert_true(mask.BlockMask == 0x55);
        if (i < 3)
            script_status(&rig.script, id, 0); /* too late */
        rig_down(&rig);
    }
}

static void more_requests_than_the_host_takes_wait_and_come_in_order(void **state)
{
    enum { COUNT = 200 };
    (void)state;
    struct manners manners = {.type = VPCI_WRITE_BLOCK_MESSAGE, .hold = true};
    struct rig rig;
    static struct sent sent[COUNT];
    rig_up_with(&rig, &manners, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        send_write(&rig, &sent[i], i, &i, 4);
    for (uint32_t i = 0; i < COUNT; i++) {
        struct script_packet packet = {0};
        uint32_t block;
        script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, i + 1);
        pthread_mutex_lock(&rig.script.lock);
        unsigned seen = 0;
        for (unsigned at = 0; at < rig.script.logged && seen <= i; at++)
            if (rig.script.log[at].type == VPCI_WRITE_BLOCK_MESSAGE && seen++ == i)
                packet = rig.script.log[at];
        pthread_mutex_unlock(&rig.script.lock);
        memcpy(&block, packet.bytes + 4, 4);
        assert_int_equal(block, i);
        if (i == 0)
            assert_int_equal(script_seen(&rig.script, VPCI_WRITE_BLOCK_MESSAGE) <= 64, 1);
        script_status(&rig.script, packet.id, 0);
    }
    for (uint32_t i = 0; i < COUNT; i++)
        assert_int_equal(ioctl_end(&sent[i]), STATUS_SUCCESS);
    rig_down(&rig);
}

static void requests_beyond_the_limit_are_refused(void **state)
{
    enum { COUNT = 64 + 1024 + 3 };
    (void)state;
    struct manners manners = {.type = VPCI_WRITE_BLOCK_MESSAGE, .hold = true};
    struct rig rig;
    static struct sent sent[COUNT];
    unsigned refused = 0;
    rig_up_with(&rig, &manners, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        send_write(&rig, &sent[i], i, &i, 4);
    script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 64);
    nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE);
    for (uint32_t i = 0; i < COUNT; i++)
        refused += ioctl_end(&sent[i]) == STATUS_INSUFFICIENT_RESOURCES;
    assert_int_equal(refused, 3);
    rig_down(&rig);
}

/* ---- cancel ----------------------------------------------------------------------------------------------------- */

static void a_request_that_was_sent_cannot_be_cancelled(void **state)
{
    (void)state;
    struct manners manners = {.type = VPCI_WRITE_BLOCK_MESSAGE, .hold = true};
    struct rig rig;
    struct sent sent;
    rig_up_with(&rig, &manners, 0);
    send_write(&rig, &sent, 1, "abcd", 4);
    uint64_t id = script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 1).id;
    assert_false(IoCancelIrp(sent.irp));
    assert_int_equal(sent.completions, 0);
    script_status(&rig.script, id, 0);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_int_equal(sent.information, 4);
    rig_down(&rig);
}

static void a_request_that_waits_for_its_turn_can_be_cancelled(void **state)
{
    enum { COUNT = 66 };
    (void)state;
    struct manners manners = {.type = VPCI_WRITE_BLOCK_MESSAGE, .hold = true};
    struct rig rig;
    static struct sent sent[COUNT];
    rig_up_with(&rig, &manners, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        send_write(&rig, &sent[i], i, &i, 4);
    assert_true(IoCancelIrp(sent[64].irp));
    assert_int_equal(sent[64].completions, 1);
    assert_int_equal(ioctl_end(&sent[64]), STATUS_CANCELLED);
    assert_int_equal(sent[64].information, 0);
    script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 64);
    for (unsigned i = 0; i < rig.script.logged; i++)
        if (rig.script.log[i].type == VPCI_WRITE_BLOCK_MESSAGE)
            script_status(&rig.script, rig.script.log[i].id, 0);
    script_status(&rig.script, script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 65).id, 0);
    for (uint32_t i = 0; i < COUNT; i++)
        if (i != 64)
            assert_int_equal(ioctl_end(&sent[i]), STATUS_SUCCESS);
    assert_int_equal(script_seen(&rig.script, VPCI_WRITE_BLOCK_MESSAGE), COUNT - 1);
    rig_down(&rig);
}

static void a_request_cancelled_before_it_is_dispatched_is_cancelled(void **state)
{
    (void)state;
    struct rig rig;
    VPCI_INVALIDATE_BLOCK_OUTPUT mask = {0x55};
    static const ULONG codes[] = {IOCTL_VPCI_INVALIDATE_BLOCK, IOCTL_VPCI_READ_BLOCK};
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 2; i++) {
        VPCI_READ_BLOCK_INPUT input = {1, 8};
        PIRP irp = IoAllocateIrp(rig.pdo->StackSize, FALSE);
        PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
        next->MajorFunction = IRP_MJ_INTERNAL_DEVICE_CONTROL;
        next->Parameters.DeviceIoControl.IoControlCode = codes[i];
        next->Parameters.DeviceIoControl.OutputBufferLength = 8;
        next->Parameters.DeviceIoControl.InputBufferLength = 8;
        next->Parameters.DeviceIoControl.Type3InputBuffer = &input;
        irp->UserBuffer = &mask;
        irp->Cancel = TRUE;
        assert_int_equal(nt_call_driver_and_wait(rig.pdo, irp), STATUS_CANCELLED);
        assert_int_equal(irp->IoStatus.Information, 0);
        IoFreeIrp(irp);
    }
    assert_true(mask.BlockMask == 0x55);
    assert_int_equal(messages(&rig), 0);
    rig_down(&rig);
}

/* ---- INVALIDATE (2.7) ------------------------------------------------------------------------------------------- */

/* Everything the host sent so far has been taken in when this returns. */
static void settle(struct rig *rig)
{
    uint32_t value;
    struct manners *manners = rig->script.context;
    assert_true(!manners || manners->type != VPCI_READ_BLOCK_MESSAGE);
    assert_int_equal(read_block(rig, 1, &value, 4), STATUS_SUCCESS);
}

static void an_invalidation_completes_the_waiting_request_with_its_mask(void **state)
{
    static const uint64_t masks[] = {1, 1ull << 63, UINT64_MAX, 0x8000000000000001};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof masks / sizeof masks[0]; i++) {
        struct sent sent;
        VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
        send_invalidate(&rig, &sent, &output);
        assert_int_equal(sent.returned, STATUS_PENDING);
        script_invalidate(&rig.script, 0, masks[i]);
        assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
        assert_int_equal(sent.information, 0);
        assert_true(output.BlockMask == masks[i]);
    }
    rig_down(&rig);
}

static void invalidations_before_the_first_request_add_up_and_complete_it_at_once(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
    rig_up(&rig, 0);
    script_invalidate(&rig.script, 0, 0x01);
    script_invalidate(&rig.script, 0, 0x10);
    script_invalidate(&rig.script, 0, 0x11);
    settle(&rig);
    send_invalidate(&rig, &sent, &output);
    assert_int_equal(sent.completions, 1);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 0x11);
    /* Handed over once. */
    output.BlockMask = 0x77;
    send_invalidate(&rig, &sent, &output);
    settle(&rig);
    assert_int_equal(sent.completions, 0);
    assert_true(output.BlockMask == 0x77);
    script_invalidate(&rig.script, 0, 4);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 4);
    rig_down(&rig);
}

static void an_empty_mask_and_another_slot_complete_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0x77};
    rig_up(&rig, 0);
    send_invalidate(&rig, &sent, &output);
    script_invalidate(&rig.script, 0, 0);
    script_invalidate(&rig.script, 1, 0xFF);
    script_invalidate(&rig.script, UINT32_MAX, 0xFF);
    settle(&rig);
    assert_int_equal(sent.completions, 0);
    script_invalidate(&rig.script, 0, 2);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 2);
    rig_down(&rig);
}

static void several_requests_are_served_oldest_first_one_for_each_invalidation(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent[3];
    VPCI_INVALIDATE_BLOCK_OUTPUT output[3] = {{0}, {0}, {0}};
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 3; i++)
        send_invalidate(&rig, &sent[i], &output[i]);
    for (unsigned i = 0; i < 3; i++) {
        script_invalidate(&rig.script, 0, 1ull << i);
        assert_int_equal(ioctl_end(&sent[i]), STATUS_SUCCESS);
        assert_true(output[i].BlockMask == 1ull << i);
        for (unsigned later = i + 1; later < 3; later++)
            assert_int_equal(sent[later].completions, 0);
    }
    rig_down(&rig);
}

static void the_mask_goes_to_the_output_buffer_else_to_the_input_buffer(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 6; row++) {
        struct rig rig;
        struct sent sent;
        uint64_t first = 0x55, second = 0x66;
        static const struct {
            ULONG input_length, output_length;
            bool output_null;
            int where; /* 1 output, 2 input, 0 refused */
        } rows[] = {{0, 8, false, 1}, {8, 8, false, 1}, {8, 7, false, 2},
                    {8, 0, true, 2},  {8, 8, true, 2},  {7, 7, false, 0}};
        rig_up(&rig, 0);
        ioctl_send(&rig, &sent, IOCTL_VPCI_INVALIDATE_BLOCK, &second, rows[row].input_length,
                   rows[row].output_null ? NULL : &first, rows[row].output_length);
        script_invalidate(&rig.script, 0, 0x99);
        assert_int_equal(ioctl_end(&sent), rows[row].where ? STATUS_SUCCESS : STATUS_BUFFER_TOO_SMALL);
        assert_true(first == (rows[row].where == 1 ? 0x99 : 0x55));
        assert_true(second == (rows[row].where == 2 ? 0x99 : 0x66));
        rig_down(&rig);
    }
    struct rig rig;
    struct sent sent;
    rig_up(&rig, 0);
    ioctl_send(&rig, &sent, IOCTL_VPCI_INVALIDATE_BLOCK, NULL, 8, NULL, 8);
    assert_int_equal(ioctl_end(&sent), STATUS_BUFFER_TOO_SMALL);
    rig_down(&rig);
}

static void a_cancelled_request_loses_no_mask(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent[3];
    VPCI_INVALIDATE_BLOCK_OUTPUT output[3] = {{0x77}, {0x77}, {0x77}};
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 3; i++)
        send_invalidate(&rig, &sent[i], &output[i]);
    assert_true(IoCancelIrp(sent[0].irp));
    assert_int_equal(sent[0].completions, 1);
    assert_int_equal(ioctl_end(&sent[0]), STATUS_CANCELLED);
    assert_int_equal(sent[0].information, 0);
    assert_true(output[0].BlockMask == 0x77);
    assert_true(IoCancelIrp(sent[2].irp));
    assert_int_equal(ioctl_end(&sent[2]), STATUS_CANCELLED);
    script_invalidate(&rig.script, 0, 8);
    assert_int_equal(ioctl_end(&sent[1]), STATUS_SUCCESS);
    assert_true(output[1].BlockMask == 8);
    rig_down(&rig);
}

static void the_cached_mask_survives_a_stop_and_ends_with_removal(void **state)
{
    (void)state;
    struct rig rig;
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
    rig_up(&rig, 0);
    script_invalidate(&rig.script, 0, 0x20);
    settle(&rig);
    nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE);
    nt_pnp_start(rig.pdo);
    send_invalidate(&rig, &sent, &output);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 0x20);
    script_invalidate(&rig.script, 0, 0x40);
    settle(&rig);
    nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE);
    nt_pnp_start(rig.pdo);
    send_invalidate(&rig, &sent, &output);
    settle(&rig);
    assert_int_equal(sent.completions, 0);
    script_invalidate(&rig.script, 0, 0x80);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == 0x80);
    rig_down(&rig);
}

static void too_many_waiting_requests_are_refused(void **state)
{
    enum { COUNT = 66 };
    (void)state;
    struct rig rig;
    static struct sent sent[COUNT];
    VPCI_INVALIDATE_BLOCK_OUTPUT output;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < COUNT; i++)
        send_invalidate(&rig, &sent[i], &output);
    nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE);
    for (unsigned i = 0; i < COUNT; i++)
        assert_int_equal(ioctl_end(&sent[i]), i < 64 ? STATUS_CANCELLED : STATUS_INSUFFICIENT_RESOURCES);
    rig_down(&rig);
}

/* ---- races ------------------------------------------------------------------------------------------------------ */

#define RACES 3000u

struct canceller {
    struct nt_partition *partition;
    struct sent *sent;
    sem_t go, gone;
    bool stop;
    pthread_t thread;
};

static void *cancel_on_demand(void *context)
{
    struct canceller *canceller = context;
    nt_enter(canceller->partition);
    for (;;) {
        while (sem_wait(&canceller->go) < 0)
            continue;
        if (canceller->stop)
            break;
        IoCancelIrp(canceller->sent->irp);
        sem_post(&canceller->gone);
    }
    nt_enter(NULL);
    return NULL;
}

static void canceller_start(struct canceller *canceller, struct nt_partition *partition)
{
    memset(canceller, 0, sizeof *canceller);
    canceller->partition = partition;
    sem_init(&canceller->go, 0, 0);
    sem_init(&canceller->gone, 0, 0);
    pthread_create(&canceller->thread, NULL, cancel_on_demand, canceller);
}

static void canceller_wait(struct canceller *canceller)
{
    while (sem_wait(&canceller->gone) < 0)
        continue;
}

static void canceller_end(struct canceller *canceller)
{
    canceller->stop = true;
    sem_post(&canceller->go);
    pthread_join(canceller->thread, NULL);
    sem_destroy(&canceller->go);
    sem_destroy(&canceller->gone);
}

/* What is owed is exactly what the next request gets. */
static void collect(struct rig *rig, uint64_t owed)
{
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
    settle(rig);
    if (!owed)
        return;
    send_invalidate(rig, &sent, &output);
    assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    assert_true(output.BlockMask == owed);
}

/* Each request is ended once, by the mask or by the cancel; each bit arrives once. */
static void cancel_and_invalidation_race_without_loss(void **state)
{
    (void)state;
    struct rig rig;
    struct canceller canceller;
    uint64_t owed = 0;
    rig_up(&rig, 0);
    canceller_start(&canceller, rig.partition);
    for (unsigned i = 0; i < RACES; i++) {
        struct sent sent;
        VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
        uint64_t mask = 1ull << i % 64;
        send_invalidate(&rig, &sent, &output);
        canceller.sent = &sent;
        if (i & 1)
            script_invalidate(&rig.script, 0, mask);
        sem_post(&canceller.go);
        if (!(i & 1))
            script_invalidate(&rig.script, 0, mask);
        owed |= mask;
        canceller_wait(&canceller);
        NTSTATUS status = ioctl_end(&sent);
        assert_int_equal(output.BlockMask != 0, status == STATUS_SUCCESS);
        assert_int_equal(output.BlockMask & ~owed, 0);
        owed &= ~output.BlockMask;
        if (i % 32 != 31)
            continue;
        collect(&rig, owed);
        owed = 0;
    }
    canceller_end(&canceller);
    rig_down(&rig);
}

static void cancel_and_completion_of_a_write_race_without_loss(void **state)
{
    (void)state;
    struct rig rig;
    struct canceller canceller;
    rig_up(&rig, 0);
    canceller_start(&canceller, rig.partition);
    for (unsigned i = 0; i < 500; i++) {
        struct sent sent;
        send_write(&rig, &sent, 1, &i, 4);
        canceller.sent = &sent;
        sem_post(&canceller.go);
        canceller_wait(&canceller);
        assert_int_equal(ioctl_end(&sent), STATUS_SUCCESS);
    }
    canceller_end(&canceller);
    rig_down(&rig);
}

static void *write_many(void *context)
{
    struct rig *rig = context;
    unsigned failed = 0;
    nt_enter(rig->partition);
    for (uint32_t i = 0; i < 200; i++)
        failed += write_block(rig, i, &i, 4) != STATUS_SUCCESS;
    nt_enter(NULL);
    return (void *)(uintptr_t)failed;
}

static void callers_on_several_threads_each_get_their_own_answer(void **state)
{
    (void)state;
    struct rig rig;
    pthread_t threads[4];
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, write_many, &rig);
    for (unsigned i = 0; i < 4; i++) {
        void *failed;
        pthread_join(threads[i], &failed);
        assert_null(failed);
    }
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
        cmocka_unit_test(wrong_write_requests_fail_by_the_table_and_send_nothing),
        cmocka_unit_test(write_requests_pend_and_complete_with_the_bytes_written),
        cmocka_unit_test(wrong_read_requests_fail_by_the_table_and_send_nothing),
        cmocka_unit_test(read_requests_fill_exactly_what_was_asked_for),
        cmocka_unit_test(a_failing_pf_driver_fails_the_request),
        cmocka_unit_test(requests_of_user_mode_and_unknown_codes_are_refused),
        cmocka_unit_test(requests_work_at_dispatch_level),
        cmocka_unit_test(a_stopped_or_removed_function_takes_no_requests),
        cmocka_unit_test(removal_ends_what_is_pended_with_the_documented_statuses),
        cmocka_unit_test(more_requests_than_the_host_takes_wait_and_come_in_order),
        cmocka_unit_test(requests_beyond_the_limit_are_refused),
        cmocka_unit_test(a_request_that_was_sent_cannot_be_cancelled),
        cmocka_unit_test(a_request_that_waits_for_its_turn_can_be_cancelled),
        cmocka_unit_test(a_request_cancelled_before_it_is_dispatched_is_cancelled),
        cmocka_unit_test(an_invalidation_completes_the_waiting_request_with_its_mask),
        cmocka_unit_test(invalidations_before_the_first_request_add_up_and_complete_it_at_once),
        cmocka_unit_test(an_empty_mask_and_another_slot_complete_nothing),
        cmocka_unit_test(several_requests_are_served_oldest_first_one_for_each_invalidation),
        cmocka_unit_test(the_mask_goes_to_the_output_buffer_else_to_the_input_buffer),
        cmocka_unit_test(a_cancelled_request_loses_no_mask),
        cmocka_unit_test(the_cached_mask_survives_a_stop_and_ends_with_removal),
        cmocka_unit_test(too_many_waiting_requests_are_refused),
        cmocka_unit_test(cancel_and_invalidation_race_without_loss),
        cmocka_unit_test(cancel_and_completion_of_a_write_race_without_loss),
        cmocka_unit_test(callers_on_several_threads_each_get_their_own_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
