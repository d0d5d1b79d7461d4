/* SPDX-License-Identifier: MIT */
#include "nt_test.h"

#include <ntstrsafe.h>

#include "nt/printf.h"

static UNICODE_STRING wide(PCWSTR text)
{
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

/* ---- formatting ---------------------------------------------------------------------------------------------------
 */

static size_t format(char *buffer, size_t size, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    size_t length = nt_vsnprintf(buffer, size, text, arguments);
    va_end(arguments);
    return length;
}

#define FORMATS(expected, ...)                                                                                         \
    do {                                                                                                               \
        char formatted[256];                                                                                           \
        assert_int_equal(format(formatted, sizeof(formatted), __VA_ARGS__), strlen(expected));                         \
        assert_string_equal(formatted, expected);                                                                      \
    } while (0)

static void integers_have_the_widths_of_the_wdk(void **state)
{
    (void)state;
    ULONG value = 0x89ABCDEF;
    FORMATS("89abcdef", "%x", value);
    FORMATS("89abcdef", "%lx", value);
    FORMATS("-1985229329", "%ld", (LONG)value);
    FORMATS("0123456789ABCDEF", "%016I64X", 0x0123456789ABCDEFull);
    FORMATS("81985529216486895", "%llu", 0x0123456789ABCDEFull);
    FORMATS("0123456789ABCDEF", "%p", (void *)0x0123456789ABCDEF);
    FORMATS("-1 65535 ef", "%hd %hu %hhx", 0xFFFF, 0xFFFF, 0xABCDEF);
    FORMATS("[   42][42   ][00042][+42][ 42]", "[%5d][%-5d][%05d][%+d][% d]", 42, 42, 42, 42, 42);
    FORMATS("[  007][0x2a][0X2A][052]", "[%5.3d][%#x][%#X][%#o]", 7, 42, 42, 42);
    FORMATS("[   42][42   ]", "[%*d][%*d]", 5, 42, -5, 42);
    FORMATS("-9223372036854775808", "%I64d", (LONGLONG)(-9223372036854775807LL - 1));
    FORMATS("0 []", "%d [%.0d]", 0, 0);
}

static void strings_of_both_widths_and_counted_ones(void **state)
{
    (void)state;
    UNICODE_STRING counted = wide(L"counted text");
    ANSI_STRING narrow;
    counted.Length = 7 * sizeof(WCHAR);
    RtlInitAnsiString(&narrow, "narrow");
    FORMATS("a b c d", "%s %S %ws %ls", "a", L"b", L"c", L"d");
    FORMATS("a b", "%hs %hS", "a", "b");
    FORMATS("counted narrow", "%wZ %Z", &counted, &narrow);
    FORMATS("(null) (null) (null)", "%s %S %wZ", (char *)NULL, (WCHAR *)NULL, (PUNICODE_STRING)NULL);
    FORMATS("[  ab][ab  ][abc]", "[%4s][%-4s][%.3s]", "ab", "ab", "abcdef");
    FORMATS("x y ?", "%c %C %wc", 'x', L'y', 0x4E00);
    FORMATS("1.50 100%", "%.2f %d%%", 1.5, 100);
}

static void a_buffer_too_small_is_terminated_and_the_length_told(void **state)
{
    (void)state;
    char buffer[6] = "xxxxx";
    assert_int_equal(format(buffer, 4, "%s", "abcdef"), 6);
    assert_string_equal(buffer, "abc");
    assert_int_equal(buffer[4], 'x');
    assert_int_equal(format(NULL, 0, "%u", 12345), 5);
    assert_int_equal(format(buffer, sizeof(buffer), "%"), 0);
    assert_int_equal(format(buffer, sizeof(buffer), "%-5"), 0);
}

static int crt(char *buffer, size_t size, const char *text, ...)
{
    va_list arguments;
    va_start(arguments, text);
    int length = _vsnprintf(buffer, size, text, arguments);
    va_end(arguments);
    return length;
}

static void the_crt_functions_terminate_only_where_there_is_room(void **state)
{
    (void)state;
    char buffer[8] = "xxxxxxx";
    assert_int_equal(crt(buffer, 4, "%s", "abc"), 3);
    assert_string_equal(buffer, "abc");
    assert_int_equal(crt(buffer, 4, "%s", "defg"), 4);
    assert_memory_equal(buffer, "defgxxx", 7);
    assert_int_equal(crt(buffer, 4, "%s", "hijkl"), -1);
    assert_memory_equal(buffer, "hijkxxx", 7);
}

static void wide_formats_swap_what_s_stands_for(void **state)
{
    (void)state;
    WCHAR buffer[32];
    assert_int_equal(swprintf_s(buffer, 32, L"%s %S %hs %c %ld \x4e00", L"wide", "narrow", "h", L'\x4e01', 7), 19);
    assert_int_equal(wcscmp(buffer, L"wide narrow h \x4e01 7 \x4e00"), 0);
    assert_int_equal(swprintf_s(buffer, 4, L"%s", L"abcd"), -1);
    assert_int_equal(buffer[0], 0);
}

/* ---- strings ------------------------------------------------------------------------------------------------------
 */

static void comparing_ignores_case_only_when_asked(void **state)
{
    (void)state;
    UNICODE_STRING lower = wide(L"*sriov"), upper = wide(L"*SRIOV"), longer = wide(L"*SRIOVX");
    assert_false(RtlEqualUnicodeString(&lower, &upper, FALSE));
    assert_true(RtlEqualUnicodeString(&lower, &upper, TRUE));
    assert_true(RtlCompareUnicodeString(&upper, &longer, TRUE) < 0);
    assert_true(RtlCompareUnicodeString(&lower, &upper, FALSE) > 0);
    assert_int_equal(RtlUpcaseUnicodeChar(0xE9), 0xC9);
    assert_int_equal(RtlUpcaseUnicodeChar(0xF7), 0xF7);
}

static void appending_what_does_not_fit_changes_nothing(void **state)
{
    (void)state;
    WCHAR buffer[6];
    UNICODE_STRING string = {0, sizeof(buffer), buffer}, more = wide(L"cde");
    assert_int_equal(RtlAppendUnicodeToString(&string, L"ab"), STATUS_SUCCESS);
    assert_int_equal(RtlAppendUnicodeStringToString(&string, &more), STATUS_SUCCESS);
    assert_int_equal(string.Length, 10);
    assert_int_equal(buffer[5], 0);
    assert_int_equal(RtlAppendUnicodeToString(&string, L"fg"), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(string.Length, 10);
    RtlCopyUnicodeString(&string, &more);
    assert_int_equal(string.Length, 6);
    RtlCopyUnicodeString(&string, NULL);
    assert_int_equal(string.Length, 0);
}

static void conversions_allocate_or_refuse(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    UNICODE_STRING source = wide(L"a\x00e9\x4e00"), back;
    WCHAR small[2];
    UNICODE_STRING tight = {0, sizeof(small), small};
    ANSI_STRING narrow;
    assert_int_equal(RtlUnicodeStringToAnsiString(&narrow, &source, TRUE), STATUS_SUCCESS);
    assert_string_equal(narrow.Buffer, "a\xe9?");
    assert_int_equal(RtlAnsiStringToUnicodeString(&back, &narrow, TRUE), STATUS_SUCCESS);
    assert_int_equal(back.Buffer[1], 0xE9);
    assert_int_equal(RtlAnsiStringToUnicodeString(&tight, &narrow, FALSE), STATUS_BUFFER_OVERFLOW);
    RtlFreeUnicodeString(&back);
    RtlFreeAnsiString(&narrow);
    nt_test_finish(fixture);
}

static void numbers_are_parsed_and_printed_in_their_base(void **state)
{
    (void)state;
    static const struct {
        const WCHAR *text;
        ULONG base, value;
        NTSTATUS status;
    } rows[] = {
        {L"42", 0, 42, STATUS_SUCCESS},
        {L" -1", 0, 0xFFFFFFFF, STATUS_SUCCESS},
        {L"0x2A", 0, 42, STATUS_SUCCESS},
        {L"0b101", 0, 5, STATUS_SUCCESS},
        {L"0o17", 0, 15, STATUS_SUCCESS},
        {L"ff", 16, 255, STATUS_SUCCESS},
        {L"12x", 10, 12, STATUS_SUCCESS},
        {L"", 10, 0, STATUS_SUCCESS},
        {L"1", 7, 0xAAAAAAAA, STATUS_INVALID_PARAMETER},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        UNICODE_STRING text = wide(rows[i].text);
        ULONG value = 0xAAAAAAAA;
        assert_int_equal(RtlUnicodeStringToInteger(&text, rows[i].base, &value), rows[i].status);
        assert_int_equal(value, rows[i].value);
    }
    WCHAR buffer[9];
    UNICODE_STRING out = {0, sizeof(buffer), buffer}, expected = wide(L"DEADBEEF");
    assert_int_equal(RtlIntegerToUnicodeString(0xDEADBEEF, 16, &out), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(&out, &expected, FALSE));
    assert_int_equal(RtlIntegerToUnicodeString(0xDEADBEEF, 10, &out), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(RtlIntegerToUnicodeString(1, 3, &out), STATUS_INVALID_PARAMETER);
}

static void guids_print_and_parse(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    static const GUID guid = {0x64897B47, 0x3A4A, 0x4D75, {0xBC, 0x74, 0x89, 0xDD, 0x6C, 0x07, 0x82, 0x93}};
    UNICODE_STRING text, expected = wide(L"{64897B47-3A4A-4D75-BC74-89DD6C078293}");
    UNICODE_STRING bad = wide(L"{64897B47-3A4A-4D75-BC74-89DD6C07829G}");
    GUID back = {0};
    assert_int_equal(RtlStringFromGUID(&guid, &text), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(&text, &expected, FALSE));
    assert_int_equal(RtlGUIDFromString(&text, &back), STATUS_SUCCESS);
    assert_memory_equal(&back, &guid, sizeof(guid));
    assert_int_equal(RtlGUIDFromString(&bad, &back), STATUS_INVALID_PARAMETER);
    assert_memory_equal(&back, &guid, sizeof(guid));
    RtlFreeUnicodeString(&text);
    nt_test_finish(fixture);
}

/* ---- bitmaps ------------------------------------------------------------------------------------------------------
 */

static void bitmaps_set_clear_count_and_find(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    ULONG words[3] = {0xFFFFFFFF, 0, 0xA5A5A5A5};
    RTL_BITMAP map;
    RtlInitializeBitMap(&map, words, 40);
    assert_int_equal(RtlNumberOfSetBits(&map), 32);
    assert_int_equal(RtlFindClearBits(&map, 8, 0), 32);
    assert_int_equal(RtlFindClearBits(&map, 9, 0), 0xFFFFFFFF);
    assert_int_equal(RtlFindClearBitsAndSet(&map, 4, 34), 34);
    assert_true(RtlAreBitsSet(&map, 34, 4));
    assert_true(RtlAreBitsClear(&map, 38, 2));
    assert_false(RtlAreBitsClear(&map, 38, 0));
    assert_int_equal(RtlFindSetBitsAndClear(&map, 2, 34), 34);
    RtlClearAllBits(&map);
    RtlSetBits(&map, 30, 4);
    RtlClearBit(&map, 31);
    assert_int_equal(words[0], 0x40000000);
    assert_int_equal(words[1], 3);
    assert_true(RtlTestBit(&map, 33));
    assert_int_equal(RtlNumberOfClearBits(&map), 37);
    assert_int_equal(words[2], 0xA5A5A5A5);
    nt_test_finish(fixture);
}

static void bits_beyond_the_bitmap_are_reported_and_not_touched(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    ULONG words[2] = {0, 0};
    RTL_BITMAP map;
    RtlInitializeBitMap(&map, words, 32);
    RtlSetBit(&map, 32);
    nt_test_expect(fixture, "BITMAP_RANGE");
    RtlSetBits(&map, 31, 2);
    nt_test_expect(fixture, "BITMAP_RANGE");
    RtlSetBits(&map, 1, 0xFFFFFFFF);
    nt_test_expect(fixture, "BITMAP_RANGE");
    assert_int_equal(words[0] | words[1], 0);
    nt_test_finish(fixture);
}

static void memory_is_compared_from_the_front(void **state)
{
    (void)state;
    UCHAR secret[4] = {1, 2, 3, 4};
    assert_int_equal(RtlCompareMemory("abcd", "abXd", 4), 2);
    assert_int_equal(RtlCompareMemory("abcd", "abcd", 4), 4);
    RtlSecureZeroMemory(secret, 3);
    assert_memory_equal(secret, ((UCHAR[]){0, 0, 0, 4}), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(integers_have_the_widths_of_the_wdk),
        cmocka_unit_test(strings_of_both_widths_and_counted_ones),
        cmocka_unit_test(a_buffer_too_small_is_terminated_and_the_length_told),
        cmocka_unit_test(the_crt_functions_terminate_only_where_there_is_room),
        cmocka_unit_test(wide_formats_swap_what_s_stands_for),
        cmocka_unit_test(comparing_ignores_case_only_when_asked),
        cmocka_unit_test(appending_what_does_not_fit_changes_nothing),
        cmocka_unit_test(conversions_allocate_or_refuse),
        cmocka_unit_test(numbers_are_parsed_and_printed_in_their_base),
        cmocka_unit_test(guids_print_and_parse),
        cmocka_unit_test(bitmaps_set_clear_count_and_find),
        cmocka_unit_test(bits_beyond_the_bitmap_are_reported_and_not_touched),
        cmocka_unit_test(memory_is_compared_from_the_front),
    };
    return cmocka_run_group_tests_name("rtl", tests, NULL, NULL);
}
