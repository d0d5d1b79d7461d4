/* SPDX-License-Identifier: MIT
 *
 * What a driver says of itself: its debug output is a note of the trace, what it asserts or stops for is a finding.
 */
#include "nt_test.h"

static void debug_output_is_a_note_without_its_line_end(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    (void)state;
    assert_int_equal(DbgPrint("VF %u of %ws\r\n", 3, L"card"), STATUS_SUCCESS);
    assert_string_equal(fixture->note, "VF 3 of card");
    assert_int_equal(DbgPrintEx(DPFLTR_IHVDRIVER_ID, DPFLTR_INFO_LEVEL, "%s \t\n", "ready"), STATUS_SUCCESS);
    assert_string_equal(fixture->note, "ready");
    DbgPrint("\n");
    assert_string_equal(fixture->note, "");
    nt_test_finish(fixture);
}

static void debug_output_beyond_512_bytes_is_cut(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    char text[600], shown[sizeof(fixture->note)] = {0};
    (void)state;
    memset(text, 'x', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    memset(shown, 'x', sizeof(shown) - 1);
    assert_int_equal(DbgPrint("%s", text), STATUS_SUCCESS);
    assert_string_equal(fixture->note, shown);
    nt_test_finish(fixture);
}

static void debug_output_nobody_listens_to_is_no_failure(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    struct trace *listening = trace_enter_thread(NULL);
    (void)state;
    assert_int_equal(DbgPrint("%d", 1), STATUS_SUCCESS);
    trace_enter_thread(listening);
    assert_string_equal(fixture->note, "");
    nt_test_finish(fixture);
}

static void a_failed_assertion_is_a_finding_with_its_place(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    (void)state;
    RtlAssert((PVOID) "one == two", (PVOID) "driver.c", 7, NULL);
    assert_string_equal(fixture->details[0], "driver.c:7: one == two ");
    nt_test_expect(fixture, "DRIVER_ASSERTION");
    RtlAssert((PVOID) "three", (PVOID) "other.c", 8, (PSTR) "no third");
    assert_string_equal(fixture->details[0], "other.c:8: three no third");
    nt_test_expect(fixture, "DRIVER_ASSERTION");
    nt_test_finish(fixture);
}

static void a_call_of_the_debugger_is_a_finding(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    (void)state;
    DbgBreakPoint();
    nt_test_expect(fixture, "DBG_BREAK_POINT");
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(debug_output_is_a_note_without_its_line_end),
        cmocka_unit_test(debug_output_beyond_512_bytes_is_cut),
        cmocka_unit_test(debug_output_nobody_listens_to_is_no_failure),
        cmocka_unit_test(a_failed_assertion_is_a_finding_with_its_place),
        cmocka_unit_test(a_call_of_the_debugger_is_a_finding),
    };
    return cmocka_run_group_tests_name("debug", tests, NULL, NULL);
}
