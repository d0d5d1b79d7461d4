/* SPDX-License-Identifier: MIT */
#include "nt_test.h"

#define TAG  0x74736554u /* "Test" */
#define TAG2 0x7268744Fu /* "Othr" */

static void blocks_are_aligned_usable_and_freed(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    static const SIZE_T sizes[] = {0, 1, 15, 16, 17, 4095, 4096, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        UCHAR *block = ExAllocatePoolWithTag(NonPagedPoolNx, sizes[i], TAG);
        assert_non_null(block);
        assert_int_equal((uintptr_t)block % (sizes[i] < PAGE_SIZE ? 16 : PAGE_SIZE), 0);
        memset(block, 0xCC, sizes[i]);
        ExFreePoolWithTag(block, TAG);
    }
    UCHAR *zeroed = ExAllocatePool2(POOL_FLAG_NON_PAGED, 64, TAG);
    for (int i = 0; i < 64; i++)
        assert_int_equal(zeroed[i], 0);
    ExFreePool(zeroed);
    nt_test_finish(fixture);
}

static void leaks_are_reported_by_tag_with_their_bytes(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    for (int i = 0; i < 3; i++)
        assert_non_null(ExAllocatePoolWithTag(NonPagedPool, 100, TAG));
    assert_non_null(ExAllocatePoolWithTag(PagedPool, 7, TAG2));
    assert_int_equal(nt_test_end(fixture), 307);
    assert_int_equal(fixture->count, 2);
    for (unsigned i = 0; i < 2; i++) {
        assert_string_equal(fixture->rules[i], "POOL_LEAK");
        bool first = strstr(fixture->details[i], "'Test'") != NULL;
        assert_non_null(strstr(fixture->details[i], first ? "3 blocks, 300 bytes" : "'Othr': 1 blocks, 7 bytes"));
    }
    nt_test_free(fixture);
}

static void a_double_free_and_a_wild_free_are_reported_and_do_not_crash(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 32, TAG);
    int on_stack;
    ExFreePoolWithTag(block, TAG);
    ExFreePoolWithTag(block, TAG);
    nt_test_expect(fixture, "POOL_BAD_FREE");
    ExFreePool(&on_stack);
    nt_test_expect(fixture, "POOL_BAD_FREE");
    ExFreePool(NULL);
    nt_test_expect(fixture, "POOL_BAD_FREE");
    nt_test_finish(fixture);
}

static void a_wrong_tag_is_reported_and_the_block_freed(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    ExFreePoolWithTag(ExAllocatePoolWithTag(NonPagedPool, 32, TAG), TAG2);
    assert_non_null(strstr(fixture->details[0], "'Test' freed with tag 'Othr'"));
    nt_test_expect(fixture, "POOL_WRONG_TAG");
    nt_test_finish(fixture);
}

static void pool_above_its_irql_is_refused(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_null(ExAllocatePoolWithTag(PagedPool, 8, TAG));
    nt_test_expect(fixture, "IRQL_TOO_HIGH");
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 8, TAG);
    KfRaiseIrql(HIGH_LEVEL);
    assert_null(ExAllocatePoolWithTag(NonPagedPool, 8, TAG));
    nt_test_expect(fixture, "IRQL_TOO_HIGH");
    KeLowerIrql(irql);
    ExFreePool(block);
    nt_test_finish(fixture);
}

static void pool2_refuses_no_tag_and_contradicting_flags(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    assert_null(ExAllocatePool2(POOL_FLAG_NON_PAGED, 8, 0));
    nt_test_expect(fixture, "POOL_BAD_PARAMETER");
    assert_null(ExAllocatePool2(POOL_FLAG_NON_PAGED | POOL_FLAG_PAGED, 8, TAG));
    nt_test_expect(fixture, "POOL_BAD_PARAMETER");
    assert_null(ExAllocatePool2(0, 8, TAG));
    nt_test_expect(fixture, "POOL_BAD_PARAMETER");
    nt_test_finish(fixture);
}

static void pool_of_another_partition_is_not_freed(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PVOID block = ExAllocatePoolWithTag(NonPagedPool, 8, TAG);
    struct nt_partition *other = nt_partition_create(&(struct nt_partition_options){.name = "other"});
    nt_enter(other);
    ExFreePool(block);
    assert_int_equal(nt_violations(other), 1);
    nt_enter(fixture->partition);
    nt_partition_destroy(other);
    assert_ptr_equal(nt_current(), fixture->partition);
    ExFreePool(block);
    nt_test_finish(fixture);
}

static void outside_of_a_partition_there_is_no_pool(void **state)
{
    (void)state;
    assert_null(nt_current());
    assert_null(ExAllocatePoolWithTag(NonPagedPool, 8, TAG));
}

static void many_blocks_are_found_again(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    static PVOID blocks[5000];
    for (int i = 0; i < 5000; i++)
        assert_non_null(blocks[i] = ExAllocatePoolWithTag(NonPagedPool, 16, TAG));
    for (int i = 0; i < 5000; i++)
        ExFreePoolWithTag(blocks[(i * 7) % 5000], TAG);
    nt_test_finish(fixture);
}

static void lookaside_lists_and_interlocked_lists(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    NPAGED_LOOKASIDE_LIST list;
    ExInitializeNPagedLookasideList(&list, NULL, NULL, 0, 48, TAG, 0);
    PVOID entry = ExAllocateFromNPagedLookasideList(&list);
    assert_non_null(entry);
    ExFreeToNPagedLookasideList(&list, entry);
    ExDeleteNPagedLookasideList(&list);
    assert_null(ExAllocateFromNPagedLookasideList(&list));
    nt_test_expect(fixture, "LOOKASIDE_NOT_INITIALIZED");

    SLIST_HEADER head;
    SLIST_ENTRY first, second;
    InitializeSListHead(&head);
    assert_null(InterlockedPopEntrySList(&head));
    assert_null(InterlockedPushEntrySList(&head, &first));
    assert_ptr_equal(InterlockedPushEntrySList(&head, &second), &first);
    assert_int_equal(ExQueryDepthSList(&head), 2);
    assert_ptr_equal(InterlockedPopEntrySList(&head), &second);
    assert_ptr_equal(InterlockedFlushSList(&head), &first);
    assert_int_equal(ExQueryDepthSList(&head), 0);

    LIST_ENTRY ring, one, two;
    KSPIN_LOCK lock;
    InitializeListHead(&ring);
    KeInitializeSpinLock(&lock);
    assert_null(ExInterlockedRemoveHeadList(&ring, &lock));
    assert_null(ExInterlockedInsertTailList(&ring, &one, &lock));
    assert_ptr_equal(ExInterlockedInsertHeadList(&ring, &two, &lock), &one);
    assert_ptr_equal(ExInterlockedRemoveHeadList(&ring, &lock), &two);
    nt_test_finish(fixture);
}

static void device_memory_keeps_what_was_written_and_misuse_is_reported(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PHYSICAL_ADDRESS bar = {.QuadPart = 0xFE800000}, inside = {.QuadPart = 0xFE800100}, wraps = {.QuadPart = -1};
    volatile ULONG *registers = MmMapIoSpace(bar, 0x1000, MmNonCached);
    assert_non_null(registers);
    WRITE_REGISTER_ULONG(registers + 0x40, 0x12345678);
    volatile ULONG *again = MmMapIoSpace(inside, 4, MmNonCached);
    assert_int_equal(READ_REGISTER_ULONG(again), 0x12345678);
    MmUnmapIoSpace((PVOID)again, 4);
    MmUnmapIoSpace((PVOID)registers, 0x1000);
    MmUnmapIoSpace((PVOID)registers, 0x1000);
    nt_test_expect(fixture, "NOT_MAPPED");
    assert_null(MmMapIoSpace(wraps, 16, MmNonCached));
    assert_null(MmMapIoSpace(bar, 0, MmNonCached));
    assert_int_equal(READ_PORT_UCHAR(NULL), 0xFF);
    nt_test_finish(fixture);
}

static void mdls_describe_and_misuse_is_reported(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    UCHAR *buffer = ExAllocatePoolWithTag(NonPagedPool, 10000, TAG);
    PMDL mdl = IoAllocateMdl(buffer + 5, 9000, FALSE, FALSE, NULL);
    assert_non_null(mdl);
    MmBuildMdlForNonPagedPool(mdl);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), buffer + 5);
    assert_int_equal(MmGetMdlByteCount(mdl), 9000);
    PMDL part = IoAllocateMdl(buffer + 105, 100, FALSE, FALSE, NULL);
    IoBuildPartialMdl(mdl, part, buffer + 105, 100);
    assert_ptr_equal(MmGetMdlVirtualAddress(part), buffer + 105);
    IoBuildPartialMdl(mdl, part, buffer + 105, 9000);
    nt_test_expect(fixture, "MDL_RANGE");
    MmUnlockPages(part);
    nt_test_expect(fixture, "MDL_NOT_LOCKED");
    IoFreeMdl(part);
    IoFreeMdl(mdl);
    ExFreePool(buffer);
    nt_test_finish(fixture);
}

static void each_form_of_allocation_gives_a_block_with_its_tag(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PVOID plain = ExAllocatePool(NonPagedPool, 32);
    PVOID priority = ExAllocatePoolWithTagPriority(NonPagedPool, 32, TAG, NormalPoolPriority);
    PVOID raw = ExAllocatePoolUninitialized(PagedPool, 32, TAG);
    assert_true(plain && priority && raw);
    memset(plain, 1, 32), memset(priority, 2, 32), memset(raw, 3, 32);
    ExFreePool(plain);
    ExFreePoolWithTag(priority, TAG);
    ExFreePoolWithTag(raw, TAG);
    nt_test_finish(fixture);
}

static void an_irp_carries_its_mdls_in_a_chain(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    UCHAR bytes[64];
    PIRP irp = IoAllocateIrp(1, FALSE);
    PMDL first = IoAllocateMdl(bytes, 16, FALSE, FALSE, irp);
    PMDL second = IoAllocateMdl(bytes + 16, 16, TRUE, FALSE, irp);
    PMDL third = IoAllocateMdl(bytes + 32, 16, TRUE, FALSE, irp);
    assert_ptr_equal(irp->MdlAddress, first);
    assert_ptr_equal(first->Next, second);
    assert_ptr_equal(second->Next, third);
    assert_null(third->Next);
    IoFreeMdl(third);
    IoFreeMdl(second);
    IoFreeMdl(first);
    IoFreeIrp(irp);
    nt_test_finish(fixture);
}

static void a_partial_mdl_of_length_0_reaches_to_the_end_of_its_source(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    UCHAR bytes[80];
    PMDL mdl = IoAllocateMdl(bytes, 64, FALSE, FALSE, NULL), part = IoAllocateMdl(bytes, 64, FALSE, FALSE, NULL);
    MmBuildMdlForNonPagedPool(mdl);
    IoBuildPartialMdl(mdl, part, bytes + 40, 0);
    assert_int_equal(MmGetMdlByteCount(part), 24);
    IoBuildPartialMdl(mdl, part, bytes + 65, 0);
    nt_test_expect(fixture, "MDL_RANGE");
    assert_int_equal(MmGetMdlByteCount(part), 24);
    assert_ptr_equal(MmMapLockedPagesSpecifyCache(part, KernelMode, MmCached, NULL, FALSE, NormalPagePriority),
                     bytes + 40);
    assert_true(part->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
    MmUnmapLockedPages(bytes + 40, part);
    assert_false(part->MdlFlags & MDL_MAPPED_TO_SYSTEM_VA);
    IoFreeMdl(part);
    IoFreeMdl(mdl);
    nt_test_finish(fixture);
}

static void device_memory_is_found_by_the_range_it_lies_in(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PHYSICAL_ADDRESS bar = {.QuadPart = 0xFE800000}, below = {.QuadPart = 0xFE7FF000}, end = {.QuadPart = 0xFE800FFC};
    volatile ULONG *registers = MmMapIoSpaceEx(bar, 0x1000, PAGE_READWRITE | PAGE_NOCACHE);
    volatile ULONG *before = MmMapIoSpace(below, 0x1000, MmNonCached), *across = MmMapIoSpace(end, 8, MmNonCached);
    assert_true(registers && before && across);
    WRITE_REGISTER_ULONG(registers + 0x3FF, 0x12345678);
    volatile ULONG *last = MmMapIoSpace(end, 4, MmNonCached);
    assert_ptr_equal(last, registers + 0x3FF);
    assert_int_equal(READ_REGISTER_ULONG(before + 0x3FF), 0);
    assert_int_equal(READ_REGISTER_ULONG(across), 0); /* a range that is not inside of one is another */
    assert_true(MmIsAddressValid((PVOID)registers) && !MmIsAddressValid(NULL));
    MmUnmapIoSpace((PVOID)last, 4);
    MmUnmapIoSpace((PVOID)across, 8);
    MmUnmapIoSpace((PVOID)before, 0x1000);
    MmUnmapIoSpace((PVOID)registers, 0x1000);
    MmUnmapIoSpace((PVOID)(registers + 0x400), 4); /* one behind the end */
    nt_test_expect(fixture, "NOT_MAPPED");
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_are_aligned_usable_and_freed),
        cmocka_unit_test(leaks_are_reported_by_tag_with_their_bytes),
        cmocka_unit_test(a_double_free_and_a_wild_free_are_reported_and_do_not_crash),
        cmocka_unit_test(a_wrong_tag_is_reported_and_the_block_freed),
        cmocka_unit_test(pool_above_its_irql_is_refused),
        cmocka_unit_test(pool2_refuses_no_tag_and_contradicting_flags),
        cmocka_unit_test(pool_of_another_partition_is_not_freed),
        cmocka_unit_test(outside_of_a_partition_there_is_no_pool),
        cmocka_unit_test(many_blocks_are_found_again),
        cmocka_unit_test(lookaside_lists_and_interlocked_lists),
        cmocka_unit_test(device_memory_keeps_what_was_written_and_misuse_is_reported),
        cmocka_unit_test(mdls_describe_and_misuse_is_reported),
        cmocka_unit_test(each_form_of_allocation_gives_a_block_with_its_tag),
        cmocka_unit_test(an_irp_carries_its_mdls_in_a_chain),
        cmocka_unit_test(a_partial_mdl_of_length_0_reaches_to_the_end_of_its_source),
        cmocka_unit_test(device_memory_is_found_by_the_range_it_lies_in),
    };
    return cmocka_run_group_tests_name("pool", tests, NULL, NULL);
}
