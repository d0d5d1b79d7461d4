/* SPDX-License-Identifier: MIT
 *
 * Memory that NDIS gives a driver, and what else it says without waiting: MDLs, time, processors.
 */
#include "nic.h"

#define TAG 0x31323334

static void memory_is_the_partitions_pool(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR *memory = NdisAllocateMemoryWithTagPriority(nic->handle, 100, TAG, NormalPoolPriority);
    PVOID other = NdisAllocateMemoryWithTagPriority(nic->driver_handle, 16, TAG, NormalPoolPriority);

    (void)state;
    assert_non_null(memory);
    memset(memory, 1, 100);
    NdisFreeMemory(memory, 100, 0);
    NdisFreeMemoryWithTagPriority(nic->handle, other, TAG);
    nic_destroy(nic); /* checks that nothing leaked */
}

static void memory_without_a_handle_has_its_tag(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    PVOID memory = NULL;

    (void)state;
    assert_int_equal(NdisAllocateMemoryWithTag(&memory, 100, TAG), NDIS_STATUS_SUCCESS);
    assert_non_null(memory);
    memset(memory, 1, 100);
    NdisFreeMemoryWithTagPriority(nic->handle, memory, TAG + 1);
    assert_true(nic_saw_rule(nic, "POOL_WRONG_TAG"));
    nic_destroy(nic);
}

static void on_a_handle_that_is_none_nothing_is_given_or_taken(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_HANDLE none = nic; /* the miniport's own context */
    UCHAR *memory = NdisAllocateMemoryWithTagPriority(nic->handle, 16, TAG, NormalPoolPriority);

    (void)state;
    memset(memory, 0x5a, 16);
    assert_null(NdisAllocateMemoryWithTagPriority(none, 16, TAG, NormalPoolPriority));
    assert_true(nic_saw_rule(nic, "BAD_NDIS_HANDLE"));
    assert_null(NdisAllocateMdl(none, memory, 16));
    NdisFreeMemoryWithTagPriority(none, memory, TAG);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(memory[i], 0x5a); /* still the driver's */
    NdisFreeMemoryWithTagPriority(nic->handle, memory, TAG);
    nic_destroy(nic);
}

static void an_mdl_describes_the_memory_it_was_made_of(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR *memory = NdisAllocateMemoryWithTagPriority(nic->handle, 100, TAG, NormalPoolPriority);
    PMDL mdl = NdisAllocateMdl(nic->handle, memory + 1, 98);

    (void)state;
    assert_non_null(mdl);
    assert_ptr_equal(MmGetMdlVirtualAddress(mdl), memory + 1);
    assert_ptr_equal(MmGetSystemAddressForMdlSafe(mdl, NormalPagePriority), memory + 1); /* mapped already */
    assert_int_equal(MmGetMdlByteCount(mdl), 98);
    assert_null(mdl->Next);
    NdisFreeMdl(mdl);
    NdisFreeMemory(memory, 0, 0);
    nic_destroy(nic);
}

static void time_is_the_systems(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    LARGE_INTEGER now, later, up, up_later;

    (void)state;
    NdisGetCurrentSystemTime(&now);
    NdisGetSystemUpTimeEx(&up);
    NdisMSleep(20000); /* microseconds */
    NdisGetCurrentSystemTime(&later);
    NdisGetSystemUpTimeEx(&up_later);
    assert_true(later.QuadPart - now.QuadPart >= 200000);       /* of 100 ns */
    assert_in_range(up_later.QuadPart - up.QuadPart, 19, 1000); /* of 1 ms, cut */
    nic_destroy(nic);
}

static void processors_are_the_partitions(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    assert_int_equal(NdisSystemProcessorCount(), 1);
    assert_int_equal(NdisGroupActiveProcessorCount(0), 1);
    assert_int_equal(NdisGroupActiveProcessorCount(ALL_PROCESSOR_GROUPS), 1);
    assert_int_equal(NdisGroupActiveProcessorCount(1), 0); /* no such group */
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_is_the_partitions_pool),
        cmocka_unit_test(memory_without_a_handle_has_its_tag),
        cmocka_unit_test(on_a_handle_that_is_none_nothing_is_given_or_taken),
        cmocka_unit_test(an_mdl_describes_the_memory_it_was_made_of),
        cmocka_unit_test(time_is_the_systems),
        cmocka_unit_test(processors_are_the_partitions),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
