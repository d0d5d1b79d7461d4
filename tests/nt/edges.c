/* SPDX-License-Identifier: MIT
 *
 * Strings, numbers, GUIDs and bitmaps at their edges: none and empty, one too long, one character wrong, the last bit.
 */
#include "nt_test.h"

static UNICODE_STRING wide(PCWSTR text)
{
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

/* ---- strings ------------------------------------------------------------------------------------------------------
 */

static void no_text_is_an_empty_string(void **state)
{
    UNICODE_STRING string = {1, 1, (PWSTR)&string};
    ANSI_STRING narrow = {1, 1, (PCHAR)&narrow};
    WCHAR buffer[2] = {L'x', 0};
    UNICODE_STRING to = {2, sizeof(buffer), buffer};
    (void)state;
    RtlInitUnicodeString(&string, NULL);
    assert_true(string.Length == 0 && string.MaximumLength == 0 && !string.Buffer);
    RtlInitAnsiString(&narrow, NULL);
    assert_true(narrow.Length == 0 && narrow.MaximumLength == 0 && !narrow.Buffer);
    assert_int_equal(RtlAppendUnicodeToString(&to, NULL), STATUS_SUCCESS);
    assert_int_equal(RtlAppendUnicodeStringToString(&to, &string), STATUS_SUCCESS);
    assert_int_equal(to.Length, 2);
    RtlFreeUnicodeString(&string); /* nothing to free */
    RtlFreeAnsiString(&narrow);
}

#define LONG_TEXT 70000u

static void a_string_counts_at_most_what_a_ushort_can(void **state)
{
    WCHAR *text = calloc(LONG_TEXT + 1, sizeof(*text));
    char *narrow = calloc(LONG_TEXT + 1, 1);
    UNICODE_STRING string = {0}, to = {0, 4, (WCHAR[2]){0}};
    ANSI_STRING ansi;
    (void)state;
    assert_true(text && narrow);
    for (unsigned i = 0; i < LONG_TEXT; i++)
        text[i] = narrow[i] = 'x';
    RtlInitUnicodeString(&string, text);
    assert_int_equal(string.Length, 65532); /* UNICODE_STRING_MAX_BYTES without the terminator */
    assert_int_equal(string.MaximumLength, 65534);
    RtlInitAnsiString(&ansi, narrow);
    assert_true(ansi.Length >= 65533 && ansi.MaximumLength == ansi.Length + 1);
    assert_int_equal(RtlAppendUnicodeToString(&to, text), STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(to.Length, 0);
    /* twice as many bytes as it has characters */
    assert_int_equal(RtlAnsiStringToUnicodeString(&to, &ansi, TRUE), STATUS_INVALID_PARAMETER_2);
    assert_true(to.Length == 0 && to.MaximumLength == 4);
    free(text);
    free(narrow);
}

static void copying_cuts_and_terminates_only_where_there_is_room(void **state)
{
    WCHAR buffer[3] = {9, 9, 9};
    UNICODE_STRING to = {0, 4, buffer}, from = wide(L"abc");
    (void)state;
    RtlCopyUnicodeString(&to, &from);
    assert_int_equal(to.Length, 4);
    assert_true(buffer[0] == L'a' && buffer[1] == L'b' && buffer[2] == 9);
    to.Length = 2;
    from = wide(L"b");
    assert_int_equal(RtlAppendUnicodeStringToString(&to, &from), STATUS_SUCCESS);
    assert_int_equal(buffer[2], 9); /* full: no terminator */
}

static void a_narrow_buffer_of_the_callers_is_used_or_too_small(void **state)
{
    CHAR buffer[3] = {9, 9, 9};
    ANSI_STRING to = {0, sizeof(buffer), buffer};
    UNICODE_STRING two = wide(L"ab"), three = wide(L"abc");
    (void)state;
    assert_int_equal(RtlUnicodeStringToAnsiString(&to, &three, FALSE), STATUS_BUFFER_OVERFLOW);
    assert_true(to.Length == 0 && buffer[0] == 9);
    assert_int_equal(RtlUnicodeStringToAnsiString(&to, &two, FALSE), STATUS_SUCCESS);
    assert_int_equal(to.Length, 2);
    assert_string_equal(buffer, "ab");
}

static void upper_case_is_latin_1s(void **state)
{
    static const WCHAR pairs[][2] = {{L'`', L'`'}, {L'a', L'A'}, {L'z', L'Z'}, {L'{', L'{'},  {0xDF, 0xDF},
                                     {0xE0, 0xC0}, {0xF7, 0xF7}, {0xFE, 0xDE}, {0xFF, 0x178}, {0x100, 0x100}};
    (void)state;
    for (size_t i = 0; i < RTL_NUMBER_OF(pairs); i++)
        assert_int_equal(RtlUpcaseUnicodeChar(pairs[i][0]), pairs[i][1]);
}

static void numbers_have_signs_bases_and_ends(void **state)
{
    static const struct {
        const WCHAR *text;
        ULONG base, value;
    } rows[] = {
        {L"+7", 10, 7},  {L"-", 10, 0},  {L"  ", 0, 0},  {L"0", 0, 0},
        {L"09", 0, 9},   {L"0z1", 0, 0}, {L"101", 2, 5}, {L"17", 8, 15},
        {L"1f", 16, 31}, {L"1/", 10, 1}, {L"1:", 16, 1}, {L"a@", 16, 10},
        {L"ag", 16, 10}, {L"18", 8, 1},  {L"0x", 0, 0},  {L"4294967295", 0, 0xFFFFFFFF},
    };
    WCHAR buffer[40];
    UNICODE_STRING out = {0, sizeof(buffer), buffer};
    (void)state;
    for (size_t i = 0; i < RTL_NUMBER_OF(rows); i++) {
        UNICODE_STRING text = wide(rows[i].text);
        ULONG value = 0xAAAAAAAA;
        assert_int_equal(RtlUnicodeStringToInteger(&text, rows[i].base, &value), STATUS_SUCCESS);
        assert_int_equal(value, rows[i].value);
    }
    static const struct {
        ULONG base;
        const WCHAR *text;
    } printed[] = {{0, L"5"}, {2, L"101"}, {8, L"5"}, {10, L"5"}, {16, L"5"}};
    for (size_t i = 0; i < RTL_NUMBER_OF(printed); i++) {
        UNICODE_STRING expected = wide(printed[i].text);
        assert_int_equal(RtlIntegerToUnicodeString(5, printed[i].base, &out), STATUS_SUCCESS);
        assert_true(RtlEqualUnicodeString(&out, &expected, FALSE));
    }
}

static void a_guid_with_one_character_wrong_is_none(void **state)
{
    static const WCHAR right[] = L"{64897B47-3A4A-4D75-BC74-89DD6C078293}";
    WCHAR text[RTL_NUMBER_OF(right) + 1] = {0};
    UNICODE_STRING string = {38 * sizeof(WCHAR), sizeof(text), text};
    GUID guid = {0}, before;
    (void)state;
    memcpy(text, right, sizeof(right));
    assert_int_equal(RtlGUIDFromString(&string, &guid), STATUS_SUCCESS);
    before = guid;
    for (unsigned at = 0; at < 38; at++) {
        text[at] = L'g';
        assert_int_equal(RtlGUIDFromString(&string, &guid), STATUS_INVALID_PARAMETER);
        text[at] = right[at];
    }
    string.Length = 37 * sizeof(WCHAR);
    assert_int_equal(RtlGUIDFromString(&string, &guid), STATUS_INVALID_PARAMETER);
    string.Length = 39 * sizeof(WCHAR);
    assert_int_equal(RtlGUIDFromString(&string, &guid), STATUS_INVALID_PARAMETER);
    assert_memory_equal(&guid, &before, sizeof(guid));
}

/* ---- bitmaps ------------------------------------------------------------------------------------------------------
 */

#define NO_BITS 0xFFFFFFFFu

static void runs_are_found_from_the_hint_and_then_from_the_start(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    ULONG words[2] = {0x0000F00F, 0};
    RTL_BITMAP map;
    (void)state;
    RtlInitializeBitMap(&map, words, 40);
    assert_int_equal(RtlFindSetBits(&map, 4, 0), 0);
    assert_int_equal(RtlFindSetBits(&map, 4, 1), 12);
    assert_int_equal(RtlFindSetBits(&map, 4, 13), 0);
    assert_int_equal(RtlFindSetBits(&map, 4, 40), 0); /* a hint beyond the map is none */
    assert_int_equal(RtlFindSetBits(&map, 5, 0), NO_BITS);
    assert_int_equal(RtlFindSetBits(&map, 41, 0), NO_BITS);
    assert_int_equal(RtlFindSetBits(&map, 0, 13), 8); /* no bits: the hint, at a byte */
    assert_int_equal(RtlFindClearBits(&map, 24, 0), 16);
    assert_int_equal(RtlFindClearBitsAndSet(&map, 25, 0), NO_BITS);
    assert_int_equal(RtlFindSetBitsAndClear(&map, 5, 0), NO_BITS);
    assert_true(words[0] == 0x0000F00F && words[1] == 0); /* what is not found changes nothing */
    nt_test_finish(fixture);
}

static void all_bits_are_set_and_a_range_is_all_or_not(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    ULONG words[2] = {0, 0};
    RTL_BITMAP map;
    (void)state;
    RtlInitializeBitMap(&map, words, 40);
    RtlSetAllBits(&map);
    assert_int_equal(RtlNumberOfSetBits(&map), 40);
    RtlClearBits(&map, 39, 1);
    assert_true(RtlAreBitsSet(&map, 0, 39));
    assert_false(RtlAreBitsSet(&map, 38, 2));
    assert_false(RtlAreBitsSet(&map, 38, 0));
    assert_false(RtlAreBitsClear(&map, 38, 2));
    assert_true(RtlAreBitsClear(&map, 39, 1));
    assert_false(RtlTestBit(&map, 39));
    nt_test_finish(fixture);
}

static void every_routine_keeps_to_the_map(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    ULONG words[2] = {0xFFFFFFFF, 0xFFFFFFFF};
    RTL_BITMAP map;
    (void)state;
    RtlInitializeBitMap(&map, words, 40);
    RtlClearBits(&map, 39, 2);
    nt_test_expect(fixture, "BITMAP_RANGE");
    RtlClearBit(&map, 40);
    nt_test_expect(fixture, "BITMAP_RANGE");
    RtlSetBits(&map, 41, 0);
    nt_test_expect(fixture, "BITMAP_RANGE");
    assert_false(RtlTestBit(&map, 40));
    nt_test_expect(fixture, "BITMAP_RANGE");
    assert_false(RtlAreBitsSet(&map, 39, 2));
    nt_test_expect(fixture, "BITMAP_RANGE");
    assert_false(RtlAreBitsClear(&map, 41, 1));
    nt_test_expect(fixture, "BITMAP_RANGE");
    assert_true(words[0] == 0xFFFFFFFF && words[1] == 0xFFFFFFFF);
    nt_test_finish(fixture);
}

/* A program that only counts bits needs no partition. */
static void a_bitmap_outside_of_a_partition_is_not_checked_against_its_pool(void **state)
{
    ULONG word = 0;
    RTL_BITMAP map;
    (void)state;
    assert_null(nt_current());
    RtlInitializeBitMap(&map, &word, 32);
    RtlSetBit(&map, 31);
    assert_int_equal(word, 0x80000000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_text_is_an_empty_string),
        cmocka_unit_test(a_string_counts_at_most_what_a_ushort_can),
        cmocka_unit_test(copying_cuts_and_terminates_only_where_there_is_room),
        cmocka_unit_test(a_narrow_buffer_of_the_callers_is_used_or_too_small),
        cmocka_unit_test(upper_case_is_latin_1s),
        cmocka_unit_test(numbers_have_signs_bases_and_ends),
        cmocka_unit_test(a_guid_with_one_character_wrong_is_none),
        cmocka_unit_test(runs_are_found_from_the_hint_and_then_from_the_start),
        cmocka_unit_test(all_bits_are_set_and_a_range_is_all_or_not),
        cmocka_unit_test(every_routine_keeps_to_the_map),
        cmocka_unit_test(a_bitmap_outside_of_a_partition_is_not_checked_against_its_pool),
    };
    return cmocka_run_group_tests_name("edges", tests, NULL, NULL);
}
