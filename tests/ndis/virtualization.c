/* SPDX-License-Identifier: MIT
 *
 * The PF's and the VF's way down: NdisMEnableVirtualization, VF bus data, location, probed BARs, bus data, hypervisor
 * info (ndis.md 5.1-5.4, 5.8, 5.9, 8.1).
 */
#include "nic.h"

static void enable_rows_of_8_1(void **state)
{
    static const struct {
        USHORT vfs;
        BOOLEAN migration, interrupt, on;
        NDIS_STATUS status;
        unsigned enabled; /* afterwards */
    } rows[] = {
        {0, FALSE, FALSE, FALSE, NDIS_STATUS_FAILURE, 0},           /* disable when disabled */
        {0, FALSE, FALSE, TRUE, NDIS_STATUS_INVALID_PARAMETER, 0},  /* enable none */
        {9, FALSE, FALSE, TRUE, NDIS_STATUS_INVALID_PARAMETER, 0},  /* more than TotalVFs */
        {4, TRUE, FALSE, TRUE, NDIS_STATUS_INVALID_PARAMETER, 0},   /* migration */
        {4, FALSE, TRUE, TRUE, NDIS_STATUS_INVALID_PARAMETER, 0},   /* migration interrupt */
        {4, FALSE, FALSE, 2, NDIS_STATUS_SUCCESS, 4},               /* any non-zero BOOLEAN is TRUE */
        {4, FALSE, FALSE, TRUE, NDIS_STATUS_FAILURE, 4},            /* twice */
        {2, FALSE, FALSE, TRUE, NDIS_STATUS_FAILURE, 4},            /* twice, another number */
        {4, FALSE, FALSE, FALSE, NDIS_STATUS_INVALID_PARAMETER, 4}, /* disable with NumVFs */
        {0, FALSE, FALSE, FALSE, NDIS_STATUS_SUCCESS, 0},
        {0, FALSE, FALSE, FALSE, NDIS_STATUS_FAILURE, 0},
    };
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(
            NdisMEnableVirtualization(nic->handle, rows[i].vfs, rows[i].migration, rows[i].interrupt, rows[i].on),
            rows[i].status);
        assert_int_equal(nic->bus->enabled, rows[i].enabled);
    }
    nic_destroy(nic);
}

static void enable_without_sriov_or_by_a_vf_is_not_supported(void **state)
{
    static const enum fake_kind kinds[] = {FAKE_PLAIN, FAKE_GUEST};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct nic *nic = nic_running(kinds[i]);

        assert_int_equal(NdisMEnableVirtualization(nic->handle, 1, FALSE, FALSE, TRUE), NDIS_STATUS_NOT_SUPPORTED);
        assert_int_equal(nic->bus->count, 0);
        nic_destroy(nic);
    }
}

static void enable_above_passive_fails_and_changes_nothing(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    KIRQL before;

    (void)state;
    KeRaiseIrql(APC_LEVEL, &before);
    assert_int_equal(NdisMEnableVirtualization(nic->handle, 2, FALSE, FALSE, TRUE), NDIS_STATUS_FAILURE);
    KeLowerIrql(before);
    assert_int_equal(nic->bus->count, 0);
    assert_true(nic_saw_rule(nic, "IRQL_TOO_HIGH"));
    nic_destroy(nic);
}

static void vf_bus_data_goes_down_with_vf_buffer_offset_length(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    ULONG value = 0x12345678, back = 0;
    KIRQL before;

    (void)state;
    NdisMEnableVirtualization(nic->handle, 2, FALSE, FALSE, TRUE);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 1, &value, 0x104, 4), 4);
    assert_int_equal(NdisMGetVirtualFunctionBusData(nic->handle, 1, &back, 0x104, 4), 4);
    KeLowerIrql(before);
    assert_int_equal(back, value);
    assert_string_equal(nic->bus->calls[1].what, "SetVf");
    assert_int_equal(nic->bus->calls[1].vf, 1);
    assert_int_equal(nic->bus->calls[1].offset, 0x104);
    assert_int_equal(nic->bus->calls[1].length, 4);
    assert_true(nic_saw_door(nic, "NdisMSetVirtualFunctionBusData", "VF 1, 4 bytes at 0x104", "4"));
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void vf_bus_data_rows_of_8_1_return_zero_and_touch_nothing(void **state)
{
    static const struct {
        USHORT vf;
        ULONG offset, length;
        bool null;
    } rows[] = {
        {2, 0, 4, false},                               /* VFId >= NumVFs */
        {0xffff, 0, 4, false},     {0, 0, 4, true},     /* no buffer */
        {0, 0, 0, false},                               /* Length 0 */
        {0, 4096, 1, false},       {0, 4093, 4, false}, /* crosses the end: nothing, not a part */
        {0, 0xfffffffc, 8, false},                      /* wraps in 32 bits */
        {0, 4, 0xfffffffe, false},
    };
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR buffer[16], space[4096];

    (void)state;
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, buffer, 0, 4), 0); /* before enable */
    NdisMEnableVirtualization(nic->handle, 2, FALSE, FALSE, TRUE);
    memcpy(space, nic->bus->space, sizeof space);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(buffer, 0xa5, sizeof buffer);
        assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, rows[i].vf, rows[i].null ? NULL : buffer,
                                                        rows[i].offset, rows[i].length),
                         0);
        assert_int_equal(NdisMGetVirtualFunctionBusData(nic->handle, rows[i].vf, rows[i].null ? NULL : buffer,
                                                        rows[i].offset, rows[i].length),
                         0);
        for (unsigned b = 0; b < sizeof buffer; b++)
            assert_int_equal(buffer[b], 0xa5);
        assert_memory_equal(space, nic->bus->space, sizeof space);
    }
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, space, 0, 4096), 4096);
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, buffer, 4095, 1), 1);
    NdisMEnableVirtualization(nic->handle, 0, FALSE, FALSE, FALSE);
    assert_int_equal(NdisMGetVirtualFunctionBusData(nic->handle, 0, buffer, 0, 4), 0); /* after disable */
    nic_destroy(nic);
}

static void vf_bus_data_above_dispatch_returns_zero(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte = 0;
    KIRQL before;

    (void)state;
    NdisMEnableVirtualization(nic->handle, 2, FALSE, FALSE, TRUE);
    KeRaiseIrql(DISPATCH_LEVEL + 1, &before);
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, &byte, 4, 1), 0);
    KeLowerIrql(before);
    assert_int_equal(fake_bus_calls(nic->bus, "SetVf"), 0);
    nic_destroy(nic);
}

static void location_of_a_vf_or_the_impossible_one(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    USHORT segment = 7;
    UCHAR bus = 7, function = 7;

    (void)state;
    NdisMGetVirtualFunctionLocation(nic->handle, 0, &segment, &bus, &function); /* not enabled */
    assert_true(segment == 0xffff && bus == 0xff && function == 0xff);
    NdisMEnableVirtualization(nic->handle, 2, FALSE, FALSE, TRUE);
    NdisMGetVirtualFunctionLocation(nic->handle, 1, &segment, &bus, &function);
    assert_int_equal(NDIS_MAKE_RID(segment, bus, function), 0x412);
    NdisMGetVirtualFunctionLocation(nic->handle, 2, &segment, &bus, &function);
    assert_true(segment == 0xffff && bus == 0xff && function == 0xff);
    bus = 7;
    NdisMGetVirtualFunctionLocation(nic->handle, 1, NULL, &bus, &function);
    assert_int_equal(bus, 7);
    assert_true(nic_saw_rule(nic, "NULL_OUTPUT"));
    nic_destroy(nic);
}

static void probed_bars_are_six_or_failure(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    ULONG bars[6];

    (void)state;
    memset(bars, 0x55, sizeof bars);
    assert_int_equal(NdisMQueryProbedBars(nic->handle, bars), NDIS_STATUS_SUCCESS);
    assert_int_equal(bars[0], 0xffffc004);
    assert_int_equal(bars[5], 0);
    assert_int_equal(NdisMQueryProbedBars(nic->handle, NULL), NDIS_STATUS_FAILURE);
    nic_destroy(nic);
    nic = nic_running(FAKE_GUEST);
    bars[0] = 1;
    assert_int_equal(NdisMQueryProbedBars(nic->handle, bars), NDIS_STATUS_FAILURE);
    assert_int_equal(bars[0], 1);
    nic_destroy(nic);
}

static void bus_data_of_pf_and_vf(void **state)
{
    (void)state;
    for (enum fake_kind kind = FAKE_HOST; kind <= FAKE_GUEST; kind++) {
        struct nic *nic = nic_running(kind);
        ULONG value = 0xcafe0006, back = 0;

        assert_int_equal(NdisMSetBusData(nic->handle, PCI_WHICHSPACE_CONFIG, 4, &value, 4), 4);
        assert_int_equal(NdisMGetBusData(nic->handle, PCI_WHICHSPACE_CONFIG, 4, &back, 4), 4);
        assert_int_equal(back, value);
        assert_int_equal(nic->bus->calls[0].offset, 4);
        assert_true(nic_saw_door(nic, "NdisMSetBusData", "4 bytes at 0x004", "4"));
        nic_destroy(nic);
    }
}

static void bus_data_rows_of_8_1_return_zero(void **state)
{
    static const struct {
        ULONG space, offset, length;
        bool null;
    } rows[] = {
        {1, 0, 4, false}, {0, 0, 0, false}, {0, 0, 4, true}, {0, 4096, 1, false}, {0, 4094, 4, false},
    };
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR buffer[4] = {0xa5, 0xa5, 0xa5, 0xa5};

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(
            NdisMGetBusData(nic->handle, rows[i].space, rows[i].offset, rows[i].null ? NULL : buffer, rows[i].length),
            0);
        assert_int_equal(
            NdisMSetBusData(nic->handle, rows[i].space, rows[i].offset, rows[i].null ? NULL : buffer, rows[i].length),
            0);
        assert_int_equal(buffer[0], 0xa5);
        assert_int_equal(nic->bus->space[0], 0);
    }
    nic_destroy(nic);
}

static void vf_bus_data_above_apc_is_reported_and_served(void **state)
{
    struct nic *nic = nic_running(FAKE_GUEST);
    UCHAR byte = 6;
    KIRQL before;

    (void)state;
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(NdisMSetBusData(nic->handle, PCI_WHICHSPACE_CONFIG, 4, &byte, 1), 1);
    KeLowerIrql(before);
    assert_true(nic_saw_rule(nic, "IRQL_TOO_HIGH"));
    assert_int_equal(nic->bus->space[4], 6);
    nic_destroy(nic);
}

static void hypervisor_info_says_parent_child_or_none(void **state)
{
    static const struct {
        enum nt_role role;
        ULONG flags;
        NDIS_HYPERVISOR_PARTITION_TYPE type;
    } rows[] = {
        {NT_PARENT, 1, NdisHypervisorPartitionTypeMsHvParent},
        {NT_CHILD, 1, NdisHypervisorPartitionMsHvChild},
        {NT_BARE, 0, NdisHypervisorPartitionTypeUnknown},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nt_partition_options options = {.name = "p", .role = rows[i].role};
        struct nt_partition *partition = nt_partition_create(&options);
        NDIS_HYPERVISOR_INFO info = {0};

        nt_enter(partition);
        nic_header(&info, 1, 11);
        assert_int_equal(NdisGetHypervisorInfo(&info), NDIS_STATUS_BUFFER_TOO_SHORT);
        nic_header(&info, 1, NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1);
        assert_int_equal(NdisGetHypervisorInfo(&info), NDIS_STATUS_SUCCESS);
        assert_int_equal(info.Flags, rows[i].flags);
        assert_int_equal(info.PartitionType, rows[i].type);
        info.Header.Type = 0x96;
        assert_int_equal(NdisGetHypervisorInfo(&info), NDIS_STATUS_INVALID_PARAMETER);
        assert_int_equal(NdisGetHypervisorInfo(NULL), NDIS_STATUS_INVALID_PARAMETER);
        nt_enter(NULL);
        nt_partition_destroy(partition);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(enable_rows_of_8_1),
        cmocka_unit_test(enable_without_sriov_or_by_a_vf_is_not_supported),
        cmocka_unit_test(enable_above_passive_fails_and_changes_nothing),
        cmocka_unit_test(vf_bus_data_goes_down_with_vf_buffer_offset_length),
        cmocka_unit_test(vf_bus_data_rows_of_8_1_return_zero_and_touch_nothing),
        cmocka_unit_test(vf_bus_data_above_dispatch_returns_zero),
        cmocka_unit_test(location_of_a_vf_or_the_impossible_one),
        cmocka_unit_test(probed_bars_are_six_or_failure),
        cmocka_unit_test(bus_data_of_pf_and_vf),
        cmocka_unit_test(bus_data_rows_of_8_1_return_zero),
        cmocka_unit_test(vf_bus_data_above_apc_is_reported_and_served),
        cmocka_unit_test(hypervisor_info_says_parent_child_or_none),
    };
    return cmocka_run_group_tests_name("virtualization", tests, NULL, NULL);
}
