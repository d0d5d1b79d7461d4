/* SPDX-License-Identifier: MIT
 *
 * The machine that a driver finds itself on: its clocks, its one processor, registers and ports, names and numbers that
 * the system gives out. All clocks are one virtual clock, which waits move by at least what they name.
 */
#include "nt_test.h"

#define TICK_100NS 156250

static void every_clock_moves_by_what_was_waited(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    LARGE_INTEGER before, after, counter, frequency, ticks, later_ticks, interval = {.QuadPart = -3 * TICK_100NS};
    (void)state;
    KeQuerySystemTime(&before);
    KeQueryTickCount(&ticks);
    counter = KeQueryPerformanceCounter(NULL);
    ULONGLONG interrupt = KeQueryInterruptTime();
    assert_int_equal(KeQueryTimeIncrement(), TICK_100NS);
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &interval), STATUS_SUCCESS);
    KeQuerySystemTimePrecise(&after);
    KeQueryTickCount(&later_ticks);
    assert_true(after.QuadPart - before.QuadPart >= 3 * TICK_100NS);
    assert_true(KeQueryInterruptTime() - interrupt >= 3 * TICK_100NS);
    assert_true(later_ticks.QuadPart - ticks.QuadPart >= 3);
    counter.QuadPart = KeQueryPerformanceCounter(&frequency).QuadPart - counter.QuadPart;
    assert_true(counter.QuadPart * 10000000 / frequency.QuadPart >= 3 * TICK_100NS);
    nt_test_finish(fixture);
}

static void a_delay_may_name_a_point_of_time(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    LARGE_INTEGER now, until;
    (void)state;
    KeQuerySystemTime(&now);
    until.QuadPart = now.QuadPart + 1000000000;
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &until), STATUS_SUCCESS);
    KeQuerySystemTime(&now);
    assert_true(now.QuadPart >= until.QuadPart);
    /* a point that has passed is no wait */
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &until), STATUS_SUCCESS);
    until.QuadPart = 1;
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &until), STATUS_SUCCESS);
    nt_test_finish(fixture);
}

static void stalling_moves_the_clock_too(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    ULONGLONG before = KeQueryInterruptTime();
    (void)state;
    KeStallExecutionProcessor(50);
    assert_true(KeQueryInterruptTime() - before >= 500);
    assert_int_equal(fixture->count, 0);
    nt_test_finish(fixture);
}

static void a_partition_has_one_processor(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    PROCESSOR_NUMBER number = {.Group = 7, .Number = 7};
    KAFFINITY active = 0;
    (void)state;
    assert_int_equal(KeGetCurrentProcessorNumber(), 0);
    assert_int_equal(KeGetCurrentProcessorNumberEx(NULL), 0);
    assert_int_equal(KeGetCurrentProcessorNumberEx(&number), 0);
    assert_true(number.Group == 0 && number.Number == 0);
    assert_int_equal(KeQueryActiveProcessorCount(NULL), 1);
    assert_int_equal(KeQueryActiveProcessorCount(&active), 1);
    assert_int_equal(active, 1);
    assert_int_equal(KeQueryActiveProcessors(), 1);
    assert_int_equal(KeQueryActiveProcessorCountEx(0), 1);
    assert_int_equal(KeQueryActiveProcessorCountEx(ALL_PROCESSOR_GROUPS), 1);
    assert_int_equal(KeQueryMaximumProcessorCountEx(1), 0); /* no such group */
    nt_test_finish(fixture);
}

static void processors_have_an_index_and_a_number(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    PROCESSOR_NUMBER number = {.Group = 7, .Number = 7};
    (void)state;
    assert_int_equal(KeGetProcessorNumberFromIndex(1, &number), STATUS_INVALID_PARAMETER);
    assert_true(number.Group == 7 && number.Number == 7);
    assert_int_equal(KeGetProcessorIndexFromNumber(&number), (ULONG)-1);
    assert_int_equal(KeGetProcessorNumberFromIndex(0, &number), STATUS_SUCCESS);
    assert_int_equal(KeGetProcessorIndexFromNumber(&number), 0);
    number.Number = 1;
    assert_int_equal(KeGetProcessorIndexFromNumber(&number), (ULONG)-1);
    nt_test_finish(fixture);
}

static void registers_are_memory_at_their_width(void **state)
{
    volatile ULONG64 memory = 0;
    (void)state;
    WRITE_REGISTER_ULONG64(&memory, 0x1122334455667788u);
    assert_int_equal(READ_REGISTER_ULONG64(&memory), 0x1122334455667788u);
    assert_int_equal(READ_REGISTER_ULONG((volatile ULONG *)&memory), 0x55667788);
    assert_int_equal(READ_REGISTER_USHORT((volatile USHORT *)&memory + 1), 0x5566);
    WRITE_REGISTER_USHORT((volatile USHORT *)&memory + 3, 0xaabb);
    WRITE_REGISTER_UCHAR((volatile UCHAR *)&memory, 0x99);
    WRITE_REGISTER_ULONG((volatile ULONG *)&memory + 1, 0xaabb0000);
    assert_int_equal(memory, 0xaabb000055667799u);
    assert_int_equal(READ_REGISTER_UCHAR((volatile UCHAR *)&memory + 1), 0x77);
}

static void a_buffer_of_registers_is_as_many_as_were_named(void **state)
{
    volatile ULONG memory[3] = {1, 2, 3};
    ULONG buffer[2] = {0};
    volatile UCHAR bytes[3] = {4, 5, 6};
    UCHAR two[2] = {8, 9};
    (void)state;
    READ_REGISTER_BUFFER_ULONG(memory + 1, buffer, 2);
    assert_true(buffer[0] == 2 && buffer[1] == 3);
    WRITE_REGISTER_BUFFER_ULONG(memory, buffer, 1);
    assert_true(memory[0] == 2 && memory[1] == 2 && memory[2] == 3);
    WRITE_REGISTER_BUFFER_UCHAR(bytes, two, 2);
    assert_true(bytes[0] == 8 && bytes[1] == 9 && bytes[2] == 6);
}

static void a_port_without_a_device_reads_all_ones(void **state)
{
    UCHAR byte = 0;
    USHORT word = 0;
    ULONG dword = 0;
    (void)state;
    WRITE_PORT_UCHAR(&byte, 1);
    WRITE_PORT_USHORT(&word, 1);
    WRITE_PORT_ULONG(&dword, 1);
    assert_true(byte == 0 && word == 0 && dword == 0);
    assert_int_equal(READ_PORT_UCHAR(&byte), 0xff);
    assert_int_equal(READ_PORT_USHORT(&word), 0xffff);
    assert_int_equal(READ_PORT_ULONG(&dword), 0xffffffff);
}

static void the_system_says_which_it_is(void **state)
{
    RTL_OSVERSIONINFOW version = {.dwOSVersionInfoSize = sizeof version};
    (void)state;
    assert_int_equal(RtlGetVersion(&version), STATUS_SUCCESS);
    assert_int_equal(version.dwOSVersionInfoSize, sizeof version);
    assert_int_equal(version.dwMajorVersion, 10);
    assert_int_equal(version.dwBuildNumber, 20348);
}

static void an_id_is_given_once_in_a_partition(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    LUID first, second, none = {.LowPart = 77};
    (void)state;
    assert_int_equal(ZwAllocateLocallyUniqueId(&first), STATUS_SUCCESS);
    assert_int_equal(ZwAllocateLocallyUniqueId(&second), STATUS_SUCCESS);
    assert_true(first.LowPart != second.LowPart);
    nt_test_finish(fixture);
    assert_int_equal(ZwAllocateLocallyUniqueId(&none), STATUS_INVALID_DEVICE_STATE); /* outside of any */
    assert_int_equal(none.LowPart, 77);
}

static void the_registry_has_no_key_but_the_device_s(void **state)
{
    HANDLE key = (HANDLE)(ULONG_PTR)1;
    UNICODE_STRING name = {0};
    (void)state;
    assert_int_equal(ZwOpenKey(&key, 0, NULL), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_null(key);
    assert_int_equal(ZwSetValueKey(key, &name, 0, 0, NULL, 0), STATUS_INVALID_HANDLE);
}

static void random_numbers_follow_from_the_seed(void **state)
{
    ULONG seed = 1, same = 1;
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        ULONG number = RtlRandomEx(&seed);
        assert_int_equal(number, RtlRandomEx(&same));
        assert_int_equal(number, seed);
        assert_in_range(number, 1, 0x7ffffffe);
    }
    assert_int_not_equal(RtlRandomEx(&seed), RtlRandomEx(&seed));
}

static void a_buffer_of_each_width_is_moved_by_that_width(void **state)
{
    volatile USHORT words[3] = {0x1111, 0x2222, 0x3333};
    volatile UCHAR bytes[3] = {1, 2, 3};
    USHORT two_words[2];
    UCHAR two_bytes[2];
    (void)state;
    READ_REGISTER_BUFFER_USHORT(words + 1, two_words, 2);
    assert_true(two_words[0] == 0x2222 && two_words[1] == 0x3333);
    WRITE_REGISTER_BUFFER_USHORT(words, two_words, 2);
    assert_true(words[0] == 0x2222 && words[1] == 0x3333 && words[2] == 0x3333);
    READ_REGISTER_BUFFER_UCHAR(bytes, two_bytes, 2);
    assert_true(two_bytes[0] == 1 && two_bytes[1] == 2);
}

static void routines_of_the_system_are_found_by_their_name(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    WCHAR text[200];
    UNICODE_STRING name, none, foreign, whole = {sizeof text, sizeof text, text};
    (void)state;
    RtlInitUnicodeString(&name, L"KeSetTimer");
    RtlInitUnicodeString(&none, L"KeSetTimerOfAnotherSystem");
    RtlInitUnicodeString(&foreign, L"KeSetTim\x00e9r");
    for (unsigned i = 0; i < RTL_NUMBER_OF(text); i++)
        text[i] = L'K';
    assert_ptr_equal(MmGetSystemRoutineAddress(&name), (PVOID)KeSetTimer);
    assert_null(MmGetSystemRoutineAddress(&none));
    assert_null(MmGetSystemRoutineAddress(&foreign));
    assert_null(MmGetSystemRoutineAddress(&whole));
    nt_test_finish(fixture);
}

static void a_singly_linked_list_is_initialised_by_either_name(void **state)
{
    SLIST_HEADER head;
    SLIST_ENTRY entry = {0};
    (void)state;
    memset(&head, 0xa5, sizeof head);
    ExInitializeSListHead(&head);
    assert_int_equal(ExQueryDepthSList(&head), 0);
    assert_null(InterlockedPushEntrySList(&head, &entry));
    assert_ptr_equal(InterlockedPopEntrySList(&head), &entry);
    assert_null(InterlockedPopEntrySList(&head));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_clock_moves_by_what_was_waited),
        cmocka_unit_test(a_delay_may_name_a_point_of_time),
        cmocka_unit_test(stalling_moves_the_clock_too),
        cmocka_unit_test(a_partition_has_one_processor),
        cmocka_unit_test(processors_have_an_index_and_a_number),
        cmocka_unit_test(registers_are_memory_at_their_width),
        cmocka_unit_test(a_buffer_of_registers_is_as_many_as_were_named),
        cmocka_unit_test(a_port_without_a_device_reads_all_ones),
        cmocka_unit_test(the_system_says_which_it_is),
        cmocka_unit_test(an_id_is_given_once_in_a_partition),
        cmocka_unit_test(the_registry_has_no_key_but_the_device_s),
        cmocka_unit_test(random_numbers_follow_from_the_seed),
        cmocka_unit_test(a_buffer_of_each_width_is_moved_by_that_width),
        cmocka_unit_test(routines_of_the_system_are_found_by_their_name),
        cmocka_unit_test(a_singly_linked_list_is_initialised_by_either_name),
    };
    return cmocka_run_group_tests_name("machine", tests, NULL, NULL);
}
