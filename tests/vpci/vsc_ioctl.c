/* SPDX-License-Identifier: MIT
 *
 * IOCTL_VPCI_WRITE_BLOCK and _READ_BLOCK, row by row (pci.md 2.4-2.6, 5.8).
 */
#include "vsc_rig.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
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
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
