/* SPDX-License-Identifier: MIT
 *
 * Routines without an argument they need, and hardware that is given back above PASSIVE_LEVEL: each gives its
 * documented failure and changes nothing.
 */
#include "hardware_nic.h"

#define TAG 0x74736574

static VOID never(PVOID one, PVOID context, PVOID two, PVOID three)
{
    (void)one, (void)context, (void)two, (void)three;
    fail();
}

static void hardware_is_given_back_at_passive_level_only(void **state)
{
    struct nic *nic = hardware_nic(2);
    NDIS_SHARED_MEMORY_PARAMETERS wanted = {.Length = 100};
    NDIS_SG_DMA_DESCRIPTION description = hardware_dma;
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS line = hardware_line;
    NDIS_HANDLE shared, lists, interrupt;
    PVOID mapped, first, plain;
    PHYSICAL_ADDRESS address;
    uint64_t broken;
    KIRQL before;

    (void)state;
    nic_header(&wanted, 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2);
    assert_int_equal(NdisMMapIoSpace(&mapped, nic->handle, at(0x1000), 16), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMRegisterIoPortRange(&first, nic->handle, 0x400, 4), NDIS_STATUS_SUCCESS);
    NdisMAllocateSharedMemory(nic->handle, 64, TRUE, &plain, &address);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, &shared), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &description, &lists), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &line, &interrupt), NDIS_STATUS_SUCCESS);
    for (unsigned round = 0; round < 2; round++) {
        KeRaiseIrql(round == 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL, &before);
        broken = nt_violations(nic->partition);
        NdisMUnmapIoSpace(nic->handle, mapped, 16);
        NdisMDeregisterIoPortRange(nic->handle, 0x400, 4, first);
        NdisMFreeSharedMemory(nic->handle, 64, TRUE, plain, address);
        NdisFreeSharedMemory(nic->handle, shared);
        NdisMDeregisterScatterGatherDma(lists);
        NdisMDeregisterInterruptEx(interrupt);
        assert_int_equal(nt_violations(nic->partition) - broken, round == 0 ? 6 : 0);
        KeLowerIrql(before);
    }
    assert_false(nic_saw_rule(nic, "HARDWARE_NOT_CLAIMED"));
    nic_destroy(nic);
}

static void hardware_needs_its_arguments(void **state)
{
    struct nic *nic = hardware_nic(2);
    NDIS_SHARED_MEMORY_PARAMETERS wanted = {.Length = 100};
    NDIS_SG_DMA_DESCRIPTION description = hardware_dma;
    NDIS_HANDLE made = nic;

    (void)state;
    assert_int_equal(NdisMMapIoSpace(NULL, nic->handle, at(0x1000), 16), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterIoPortRange(NULL, nic->handle, 0x400, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, NULL, &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, &made), NDIS_STATUS_FAILURE); /* no header */
    nic_header(&wanted, 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, NULL), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, NULL, &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &description, NULL), NDIS_STATUS_FAILURE);
    description.Header.Size--;
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &description, &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMConfigMSIXTableEntry(nic->handle, NULL), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(NdisMConfigMSIXTableEntry(nic->handle, &(NDIS_MSIX_CONFIG_PARAMETERS){0}),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_ptr_equal(made, nic);
    nic_destroy(nic);
}

static void an_interrupt_needs_each_of_its_handlers(void **state)
{
    const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS good = hardware_line;
    struct nic *nic = hardware_nic(2);
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given[3] = {good, good, good};
    NDIS_HANDLE made = nic;

    (void)state;
    given[0].InterruptHandler = NULL;
    given[1].InterruptDpcHandler = NULL;
    given[2].Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[i], &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, NULL, &made), NDIS_STATUS_FAILURE);
    given[0] = good;
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[0], NULL), NDIS_STATUS_FAILURE);
    assert_ptr_equal(made, nic);
    /* Messages need both of their own: without them the line is taken. */
    given[0].MsiSupported = TRUE;
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[0], &made), NDIS_STATUS_SUCCESS);
    assert_int_equal(given[0].InterruptType, NDIS_CONNECT_LINE_BASED);
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[0], &made), NDIS_STATUS_RESOURCE_CONFLICT);
    NdisMDeregisterInterruptEx(made);
    nic_destroy(nic);
}

static void a_configuration_needs_its_arguments(void **state)
{
    struct nic *nic = hardware_nic(2);
    NDIS_CONFIGURATION_OBJECT object = {.NdisHandle = nic->handle};
    NDIS_HANDLE configuration = hardware_configuration(nic), none = nic;
    NDIS_CONFIGURATION_PARAMETER given = {.ParameterType = NdisParameterInteger}, *found = &given;
    WCHAR text[300];
    NDIS_STRING name = {sizeof text, sizeof text, text};
    NDIS_STATUS status;

    (void)state;
    for (unsigned i = 0; i < RTL_NUMBER_OF(text); i++)
        text[i] = L'x';
    assert_int_equal(NdisOpenConfigurationEx(NULL, &none), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisOpenConfigurationEx(&object, &none), NDIS_STATUS_FAILURE); /* no header */
    assert_int_equal(NdisOpenConfigurationEx(&object, NULL), NDIS_STATUS_FAILURE);
    assert_ptr_equal(none, nic);
    NdisReadConfiguration(&status, &found, configuration, NULL, NdisParameterInteger);
    assert_true(status == NDIS_STATUS_FAILURE && !found);
    NdisReadConfiguration(&status, &found, configuration, &name, NdisParameterInteger); /* longer than any keyword */
    assert_true(status == NDIS_STATUS_FAILURE && !found);
    NdisOpenConfigurationKeyByName(&status, configuration, &name, &none);
    assert_true(status == NDIS_STATUS_FAILURE && none == nic);
    NdisWriteConfiguration(&status, configuration, NULL, &given);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    NdisWriteConfiguration(&status, configuration, &name, &given);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    RtlInitUnicodeString(&name, L"Key\\Here");
    NdisWriteConfiguration(&status, configuration, &name, NULL);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    NdisReadConfiguration(&status, &found, configuration, &name, NdisParameterInteger);
    assert_int_equal(found->ParameterData.IntegerData, 7); /* as it was */
    NdisCloseConfiguration(configuration);
    nic_destroy(nic);
}

static void strings_need_both_and_passive_level(void **state)
{
    struct nic *nic = hardware_nic(2);
    WCHAR wide[4] = {9};
    char narrow[4] = {9};
    NDIS_STRING to = {0, sizeof wide, wide}, from;
    ANSI_STRING back = {0, sizeof narrow, narrow}, source = {2, 2, (PCHAR) "ab"};
    KIRQL before;

    (void)state;
    RtlInitUnicodeString(&from, L"abcd");
    assert_int_equal(NdisAnsiStringToUnicodeString(NULL, &source), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisAnsiStringToUnicodeString(&to, NULL), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(NULL, &from), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(&back, NULL), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(&back, &from), NDIS_STATUS_FAILURE); /* one too long */
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(NdisAnsiStringToUnicodeString(&to, &source), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(&back, &from), NDIS_STATUS_FAILURE);
    KeLowerIrql(before);
    assert_true(to.Length == 0 && wide[0] == 9 && back.Length == 0 && narrow[0] == 9);
    assert_true(nic_saw_rule(nic, "IRQL_TOO_HIGH"));
    nic_destroy(nic);
}

static void a_timer_needs_a_function_and_a_header(void **state)
{
    struct nic *nic = hardware_nic(2);
    NDIS_TIMER_CHARACTERISTICS given = {.AllocationTag = TAG, .TimerFunction = never};
    NDIS_HANDLE made = nic;

    (void)state;
    assert_int_equal(NdisAllocateTimerObject(nic->handle, &given, &made), NDIS_STATUS_FAILURE);
    given.Header =
        (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1};
    given.TimerFunction = NULL;
    assert_int_equal(NdisAllocateTimerObject(nic->handle, &given, &made), NDIS_STATUS_FAILURE);
    assert_ptr_equal(made, nic);
    NdisFreeTimerObject(nic); /* no timer */
    assert_true(nic_saw_rule(nic, "POOL_BAD_FREE"));
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hardware_is_given_back_at_passive_level_only),
        cmocka_unit_test(hardware_needs_its_arguments),
        cmocka_unit_test(an_interrupt_needs_each_of_its_handlers),
        cmocka_unit_test(a_configuration_needs_its_arguments),
        cmocka_unit_test(strings_need_both_and_passive_level),
        cmocka_unit_test(a_timer_needs_a_function_and_a_header),
    };
    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
