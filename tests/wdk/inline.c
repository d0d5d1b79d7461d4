/* SPDX-License-Identifier: MIT
 *
 * What the headers do themselves: inline functions and macros, in C.
 */
#include "test.h"
#include <ndis.h>
#include <ntintsafe.h>
#include <ntstrsafe.h>

/* Of wdm.h, and in neither table of facts. */
C_ASSERT(DevicePropertyManufacturer == 0x8 && DevicePropertyFriendlyName == 0x9 && DevicePropertyBusTypeGuid == 0xc);
C_ASSERT(DevicePropertyBusNumber == 0xe && DevicePropertyAddress == 0x10 && DevicePropertyUINumber == 0x11);

static void a_drivers_long_stays_a_32_bit_number(void **state)
{
    volatile long value = 0;
    volatile unsigned long bits = 0;

    (void)state;
    assert_int_equal(InterlockedDecrement(&value), -1);
    assert_true(value == -1L);
    value = 0x7fffffff;
    assert_int_equal(InterlockedIncrement(&value), (LONG)0x80000000);
    assert_true(value == -0x80000000L);
    assert_int_equal(InterlockedExchangeAdd(&value, 1), (LONG)0x80000000);
    assert_int_equal(InterlockedCompareExchange(&value, -5, (LONG)0x80000001), (LONG)0x80000001);
    assert_true(value == -5L);
    assert_int_equal(InterlockedExchange(&value, 7), -5);
    InterlockedOr(&bits, (LONG)0x80000000);
    assert_true(bits == 0x80000000UL);
    assert_int_equal(InterlockedAnd(&bits, 0), (LONG)0x80000000);
    assert_true(bits == 0);
}

static void interlocked_functions_return_what_the_kernel_returns(void **state)
{
    LONG value = 5;
    LONG64 wide = 5;
    PVOID pointer = NULL;

    (void)state;
    assert_int_equal(InterlockedIncrement(&value), 6);
    assert_int_equal(InterlockedAdd(&value, 4), 10);
    assert_int_equal(InterlockedExchangeAdd(&value, -3), 10);
    assert_int_equal(InterlockedXor(&value, 1), 7);
    assert_int_equal(value, 6);
    assert_int_equal(InterlockedExchangeAdd64(&wide, 2), 5);
    assert_int_equal(InterlockedAdd64(&wide, 2), 9);
    assert_int_equal(InterlockedCompareExchange64(&wide, 1, 8), 9);
    assert_null(InterlockedExchangePointer(&pointer, &value));
    assert_ptr_equal(InterlockedCompareExchangePointer(&pointer, NULL, &wide), &value);
    assert_ptr_equal(pointer, &value);
    assert_int_equal(InterlockedBitTestAndSet(&value, 31), 0);
    assert_int_equal(InterlockedBitTestAndReset(&value, 31), 1);
    assert_int_equal(value, 6);
}

static void a_list_keeps_its_order(void **state)
{
    LIST_ENTRY head, a, b, c;

    (void)state;
    InitializeListHead(&head);
    assert_true(IsListEmpty(&head));
    InsertTailList(&head, &b);
    InsertTailList(&head, &c);
    InsertHeadList(&head, &a);
    assert_false(RemoveEntryList(&b));
    assert_ptr_equal(RemoveHeadList(&head), &a);
    assert_ptr_equal(RemoveTailList(&head), &c);
    assert_true(IsListEmpty(&head));
    assert_ptr_equal(CONTAINING_RECORD(&head.Blink, LIST_ENTRY, Blink), &head);
}

static void wide_functions_count_16_bits(void **state)
{
    WCHAR text[8] = L"vf";

    (void)state;
    assert_int_equal(sizeof(L"x"), 4);
    assert_int_equal(wcslen(L"abc"), 3);
    assert_int_equal(wcsnlen(L"abc", 2), 2);
    assert_true(wcscmp(L"a", L"b") < 0 && wcscmp(L"\xffff", L"a") > 0);
    assert_int_equal(_wcsicmp(L"*SrIov", L"*SRIOV"), 0);
    assert_int_equal(wcsncmp(L"abc", L"abd", 2), 0);
    assert_ptr_equal(wcschr(text, L'f'), text + 1);
    assert_null(wcsrchr(text, L'x'));
    assert_ptr_equal(wcsstr(text, L"f"), text + 1);
    assert_int_equal(wcscat_s(text, 8, L"0"), 0);
    assert_int_equal(wcscmp(text, L"vf0"), 0);
    assert_int_equal(wcscpy_s(text, 2, L"too long"), VFPLANE_ERANGE);
    assert_int_equal(text[0], 0);
}

static void checked_strings_cut_and_say_so(void **state)
{
    char narrow[5];
    WCHAR wide[4];
    size_t length = 99;
    UNICODE_STRING counted = {0, sizeof(wide), wide};

    (void)state;
    assert_int_equal(RtlStringCchCopyA(narrow, 5, "four"), STATUS_SUCCESS);
    assert_int_equal(RtlStringCchCatA(narrow, 5, "!"), STATUS_BUFFER_OVERFLOW);
    assert_string_equal(narrow, "four");
    assert_int_equal(RtlStringCbCopyW(wide, sizeof(wide), L"12345"), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(wcscmp(wide, L"123"), 0);
    assert_int_equal(RtlStringCbLengthW(wide, sizeof(wide), &length), STATUS_SUCCESS);
    assert_int_equal(length, 6);
    assert_int_equal(RtlStringCchLengthA("abc", 3, &length), STATUS_INVALID_PARAMETER);
    assert_int_equal(length, 0);
    assert_int_equal(RtlStringCchCopyA(narrow, 0, ""), STATUS_INVALID_PARAMETER);
    assert_int_equal(RtlUnicodeStringCopyString(&counted, L"12345"), STATUS_BUFFER_OVERFLOW);
    assert_int_equal(counted.Length, 8);
    assert_int_equal(RtlUnicodeStringInit(&counted, L"ab"), STATUS_SUCCESS);
    assert_int_equal(counted.MaximumLength, 6);
}

static void sums_do_not_wrap(void **state)
{
    ULONG sum = 0;
    USHORT narrow = 0;

    (void)state;
    assert_int_equal(RtlULongAdd(1, 2, &sum), STATUS_SUCCESS);
    assert_int_equal(sum, 3);
    assert_int_equal(RtlULongAdd(0xffffffff, 1, &sum), STATUS_INTEGER_OVERFLOW);
    assert_int_equal(sum, 0xffffffff);
    assert_int_equal(RtlULongToUShort(0x10000, &narrow), STATUS_INTEGER_OVERFLOW);
}

static void the_configuration_header_is_in_the_configuration(void **state)
{
    PCI_COMMON_CONFIG config;

    (void)state;
    memset(&config, 0, sizeof(config));
    config.VendorID = 0x8086;
    config.u.type0.InterruptPin = 1;
    assert_int_equal(((unsigned char *)&config)[1], 0x80);
    assert_int_equal(((unsigned char *)&config)[0x3d], 1);
    assert_int_equal(offsetof(PCI_COMMON_CONFIG, DeviceSpecific), 64);
}

static void stack_locations_are_walked_downwards(void **state)
{
    struct {
        IRP irp;
        IO_STACK_LOCATION locations[2];
    } request;
    PIRP irp = &request.irp;

    (void)state;
    memset(&request, 0, sizeof(request));
    irp->CurrentLocation = 2;
    irp->Tail.Overlay.CurrentStackLocation = &request.locations[1];
    request.locations[1].MajorFunction = IRP_MJ_PNP;
    request.locations[1].CompletionRoutine = (PIO_COMPLETION_ROUTINE)1;
    request.locations[1].Control = SL_PENDING_RETURNED;
    IoCopyCurrentIrpStackLocationToNext(irp);
    assert_int_equal(request.locations[0].MajorFunction, IRP_MJ_PNP);
    assert_int_equal(request.locations[0].Control, 0);
    assert_true(request.locations[0].CompletionRoutine == NULL);
    IoSetCompletionRoutine(irp, (PIO_COMPLETION_ROUTINE)2, irp, TRUE, FALSE, TRUE);
    assert_int_equal(request.locations[0].Control, SL_INVOKE_ON_SUCCESS | SL_INVOKE_ON_CANCEL);
    IoSetNextIrpStackLocation(irp);
    assert_ptr_equal(IoGetCurrentIrpStackLocation(irp), &request.locations[0]);
    IoMarkIrpPending(irp);
    IoSkipCurrentIrpStackLocation(irp);
    assert_int_equal(irp->CurrentLocation, 2);
    assert_true(IoSetCancelRoutine(irp, (PDRIVER_CANCEL)3) == NULL);
    assert_true(IoSetCancelRoutine(irp, NULL) == (PDRIVER_CANCEL)3);
}

static void statuses_are_signed_and_some_are_positive(void **state)
{
    (void)state;
    assert_true(NT_SUCCESS(STATUS_PENDING) && !NT_SUCCESS(STATUS_BUFFER_OVERFLOW) &&
                NT_WARNING(STATUS_BUFFER_OVERFLOW));
    assert_true(NT_ERROR(STATUS_UNSUCCESSFUL) && STATUS_UNSUCCESSFUL < 0);
    assert_true(NT_SUCCESS(NDIS_STATUS_NOT_ACCEPTED) && NDIS_STATUS_NOT_ACCEPTED != NDIS_STATUS_SUCCESS);
}

static void a_rid_holds_segment_bus_and_function(void **state)
{
    (void)state;
    assert_int_equal(NDIS_MAKE_RID(1, 2, 0x83), 0x00010283);
    assert_int_equal(NDIS_MAKE_RID(0xffff, 0xff, 0xff), NDIS_INVALID_RID);
}

static int guarded(int leave_early)
{
    int steps = 1;

    for (int i = 0; i < 3; i++) {
        __try {
            if (i == leave_early)
                break;
            steps *= 2;
        } __except (EXCEPTION_EXECUTE_HANDLER) {
            steps = -1;
        }
    }
    __try {
        steps += 100;
    } __finally {
        steps += 1000;
    }
    return steps;
}

static void guarded_blocks_run_and_handlers_do_not(void **state)
{
    (void)state;
    assert_int_equal(guarded(3), 1108);
    assert_int_equal(guarded(1), 1102);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_drivers_long_stays_a_32_bit_number),
        cmocka_unit_test(interlocked_functions_return_what_the_kernel_returns),
        cmocka_unit_test(a_list_keeps_its_order),
        cmocka_unit_test(wide_functions_count_16_bits),
        cmocka_unit_test(checked_strings_cut_and_say_so),
        cmocka_unit_test(sums_do_not_wrap),
        cmocka_unit_test(the_configuration_header_is_in_the_configuration),
        cmocka_unit_test(stack_locations_are_walked_downwards),
        cmocka_unit_test(statuses_are_signed_and_some_are_positive),
        cmocka_unit_test(a_rid_holds_segment_bus_and_function),
        cmocka_unit_test(guarded_blocks_run_and_handlers_do_not),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
