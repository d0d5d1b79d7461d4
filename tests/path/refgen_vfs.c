/* SPDX-License-Identifier: MIT
 *
 * What refgen says of its VFs and does to them: the rows of pci.md 5.10 for IDs, places, resources, reset, power and
 * mitigated registers, and all at once.
 */
#include "refgen_card.h"

#include "drivers/common/blocks.h"

#define DEVICE_CONTROL 0xA8

/* ---- what and where a VF is
 * ------------------------------------------------------------------------------------------ */

static void ids_are_the_cards_and_all_ones_for_a_bad_vf(void **state)
{
    USHORT vendor = 0, device = 0;
    (void)state;
    SRIOV(GetVendorAndDevice, 7, &vendor, &device);
    assert_int_equal(vendor, 0x8086);
    assert_int_equal(device, 0x10CA);
    SRIOV(GetVendorAndDevice, RIG_VFS, &vendor, &device);
    assert_int_equal(vendor, 0xFFFF);
    assert_int_equal(device, 0xFFFF);
    SRIOV(GetVendorAndDevice, 0, NULL, NULL);
}

static void locations_are_the_cards_and_all_ones_for_a_bad_vf(void **state)
{
    UINT16 segment;
    UINT8 bus, function;
    (void)state;
    SRIOV(GetDeviceLocation, 3, &segment, &bus, &function);
    assert_int_equal(segment, 0);
    assert_int_equal(bus << 8 | function, 0x186);
    SRIOV(GetDeviceLocation, RIG_VFS, &segment, &bus, &function);
    assert_int_equal(segment, 0xFFFF);
    assert_int_equal(bus << 8 | function, 0xFFFF);
    SRIOV(GetDeviceLocation, 0, NULL, NULL, NULL);
}

static void probed_bars_are_those_of_the_vfs(void **state)
{
    ULONG pf[6], vf[6];
    (void)state;
    assert_int_equal(SRIOV(QueryProbedBars, pf), STATUS_SUCCESS);
    assert_int_equal(SRIOV(QueryProbedBars_2, 5, vf), STATUS_SUCCESS);
    assert_memory_equal(pf, vf, sizeof(pf));
    assert_int_equal(pf[0] & ~0xFu, 0xFFFFC000);
}

static void resources_are_slices_of_the_window(void **state)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR first, last;
    (void)state;
    assert_int_equal(SRIOV(GetResourceForBar, 0, 0, &first), STATUS_SUCCESS);
    assert_int_equal(SRIOV(GetResourceForBar, 7, 0, &last), STATUS_SUCCESS);
    assert_int_equal(first.Type, CmResourceTypeMemory);
    assert_int_equal(first.u.Memory.Length, 0x4000);
    assert_int_equal(last.u.Memory.Start.QuadPart - first.u.Memory.Start.QuadPart, 7 * 0x4000);
    assert_int_equal(SRIOV(GetResourceForBar, 0, 1, &first), STATUS_SUCCESS); /* upper half, or none */
    assert_int_equal(first.Type, CmResourceTypeNull);
    memset(&first, 0x11, sizeof(first));
    last = first;
    assert_int_equal(SRIOV(GetResourceForBar, 0, 6, &first), STATUS_INVALID_PARAMETER);
    assert_memory_equal(&first, &last, sizeof(first));
}

static void luids_lead_back_to_their_vfs(void **state)
{
    LUID pf, luids[RIG_VFS], unknown = {0x7FFFFFFF, 1};
    USHORT vf = 0x1234;
    (void)state;
    assert_int_equal(SRIOV(QueryLuid, &pf), STATUS_SUCCESS);
    for (USHORT i = 0; i < RIG_VFS; i++)
        assert_int_equal(SRIOV(QueryVfLuid, i, &luids[i]), STATUS_SUCCESS);
    for (USHORT i = 0; i < RIG_VFS; i++) {
        assert_int_equal(SRIOV(QueryLuidVf, luids[i], &vf), STATUS_SUCCESS);
        assert_int_equal(vf, i);
        assert_int_not_equal(luids[i].LowPart, pf.LowPart);
    }
    vf = 0x1234;
    assert_int_equal(SRIOV(QueryLuidVf, unknown, &vf), STATUS_NOT_FOUND);
    assert_int_equal(SRIOV(QueryLuidVf, pf, &vf), STATUS_NOT_FOUND);
    assert_int_equal(vf, 0x1234);
}

/* ---- reset and power
 * -------------------------------------------------------------------------------------------------- */

static USHORT config16(int vf, unsigned offset)
{
    USHORT value = 0xFFFF;
    pci_config_read(rig.device, vf, offset, &value, sizeof(value));
    return value;
}

static void a_reset_is_an_flr_of_that_vf_alone(void **state)
{
    struct pci_counters counters;
    struct refnic_control control = {.version = 7};
    USHORT command = 4;
    (void)state;
    for (USHORT vf = 0; vf < 2; vf++) {
        SRIOV(WriteVfConfig, &command, vf, 4, 2);
        SRIOV(WriteVfConfigBlock, vf, 0, &control, 128);
    }
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_SUCCESS);
    pci_counters(rig.device, &counters);
    assert_int_equal(counters.vf_resets, 1);
    assert_int_equal(config16(0, 4), 0);
    assert_int_equal(config16(1, 4), 4);
    SRIOV(ReadVfConfigBlock, 0, 0, &control, 128);
    assert_int_equal(control.version, 0);
    SRIOV(ReadVfConfigBlock, 1, 0, &control, 128);
    assert_int_equal(control.version, 7);
}

static void a_reset_waits_for_one_that_is_under_way(void **state)
{
    struct pci_counters counters;
    USHORT flr = 0x8000;
    (void)state;
    rig.ready_delay_ns = 100000000;
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(SRIOV(WriteVfConfig, &flr, 0, DEVICE_CONTROL, 2), STATUS_SUCCESS);
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_SUCCESS);
    assert_int_equal(config16(0, 4), 0);
    pci_counters(rig.device, &counters);
    assert_int_equal(counters.vf_resets, 2);
}

/* After VF Enable nothing is read of a VF before it is asked for, so that start succeeds whatever the VFs do. */
static void a_reset_that_does_not_end_in_100_ms_is_a_timeout(void **state)
{
    (void)state;
    rig.ready_delay_ns = 350000000;
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_IO_TIMEOUT); /* 100 to 200 ms: still silent after VF Enable */
    nt_clock_advance(rig.partition, 300000000);
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_IO_TIMEOUT); /* its own FLR */
    nt_clock_advance(rig.partition, 500000000);
    assert_int_equal(SRIOV(ReadVfConfig, data, 0, 0, 4), STATUS_SUCCESS);
}

struct resetter {
    pthread_t thread;
    NTSTATUS status;
};

static void *reset_main(void *context)
{
    struct resetter *resetter = context;
    nt_enter(rig.partition);
    resetter->status = SRIOV(ResetVf, 0);
    nt_enter(NULL);
    return NULL;
}

static void two_resets_at_once_both_succeed(void **state)
{
    struct resetter resetters[2];
    struct pci_counters counters;
    (void)state;
    rig.ready_delay_ns = 100000000;
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&resetters[i].thread, NULL, reset_main, &resetters[i]);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(resetters[i].thread, NULL);
        assert_int_equal(resetters[i].status, STATUS_SUCCESS);
    }
    pci_counters(rig.device, &counters);
    assert_int_equal(counters.early_accesses, 0);
}

static void power_states_that_are_none_are_invalid(void **state)
{
    static const struct {
        int state;
        BOOLEAN wake;
        NTSTATUS status;
    } rows[] = {
        {PowerDeviceUnspecified, FALSE, STATUS_INVALID_PARAMETER},
        {PowerDeviceMaximum, FALSE, STATUS_INVALID_PARAMETER},
        {-1, FALSE, STATUS_INVALID_PARAMETER},
        {PowerDeviceD0, TRUE, STATUS_INVALID_PARAMETER},
        {PowerDeviceD0, 0x80, STATUS_INVALID_PARAMETER},
        {PowerDeviceD1, TRUE, STATUS_SUCCESS},
        {PowerDeviceD3, TRUE, STATUS_SUCCESS},
        {PowerDeviceD0, FALSE, STATUS_SUCCESS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(SRIOV(SetVfPowerState, 1, (DEVICE_POWER_STATE)rows[i].state, rows[i].wake), rows[i].status);
}

/* ---- mitigation
 * -------------------------------------------------------------------------------------------------------- */

static void only_intercepted_pages_are_answered(void **state)
{
    static const struct {
        BOOLEAN read;
        USHORT bar;
        ULONGLONG offset;
        ULONG length;
        NTSTATUS status;
    } rows[] = {
        {TRUE, 0, 0, 1, STATUS_SUCCESS},
        {TRUE, 0, 4096, 8, STATUS_SUCCESS},
        {TRUE, 0, 4092, 8, STATUS_SUCCESS}, /* both pages */
        {FALSE, 0, 4088, 8, STATUS_SUCCESS},
        {FALSE, 0, 4092, 8, STATUS_INVALID_PARAMETER}, /* reads only from page 1 on */
        {FALSE, 0, 4096, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 8188, 8, STATUS_INVALID_PARAMETER}, /* page 2 is the hardware's */
        {TRUE, 0, 8192, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 0, 9, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 0x3FFC, 8, STATUS_INVALID_PARAMETER}, /* beyond the BAR */
        {TRUE, 0, 0xFFFFFFFFFFFFFFFCull, 8, STATUS_INVALID_PARAMETER},
        {TRUE, 1, 0, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 3, 0, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 6, 0, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 0xFFFF, 0, 4, STATUS_INVALID_PARAMETER},
    };
    (void)state;
    assert_int_equal(MITIGATED(0, TRUE, 0, 0, 4), STATUS_INVALID_PARAMETER); /* in D0 none is */
    SRIOV(SetVfPowerState, 0, PowerDeviceD3, FALSE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(data, 0x5A, 16);
        assert_int_equal(MITIGATED(0, rows[i].read, rows[i].bar, rows[i].offset, rows[i].length), rows[i].status);
        for (ULONG at = 0; at < 16; at++) {
            bool written = rows[i].read && NT_SUCCESS(rows[i].status) && at < rows[i].length;
            assert_int_equal(data[at], written ? 0xFF : 0x5A);
        }
    }
    memset(data, 0x5A, 16);
    assert_int_equal(MITIGATED(1, TRUE, 0, 0, 4), STATUS_INVALID_PARAMETER); /* another VF */
    SRIOV(ResetVf, 0);
    assert_int_equal(MITIGATED(0, TRUE, 0, 0, 4), STATUS_INVALID_PARAMETER);
    untouched();
}

/* ---- threads
 * ------------------------------------------------------------------------------------------------------------ */

static void *hammer(void *context)
{
    unsigned seed = (unsigned)(uintptr_t)context;
    UCHAR buffer[128];
    nt_enter(rig.partition);
    for (unsigned i = 0; i < 400; i++) {
        USHORT vf = (USHORT)((seed + i) % 3);
        memset(buffer, 0, sizeof(buffer));
        NTSTATUS status = i % 4 == 0   ? SRIOV(ReadVfConfig, buffer, vf, 0, 64)
                          : i % 4 == 1 ? SRIOV(WriteVfConfigBlock, vf, 0, buffer, 128)
                          : i % 4 == 2 ? SRIOV(ReadVfConfigBlock, vf, 1, buffer, 32)
                                       : SRIOV(SetVfPowerState, vf, PowerDeviceD0 + i % 3, FALSE);
        assert_true(status == STATUS_SUCCESS || status == STATUS_INVALID_PARAMETER || status == STATUS_UNSUCCESSFUL);
    }
    nt_enter(NULL);
    return NULL;
}

static void calls_and_rebalances_at_once_do_no_harm(void **state)
{
    pthread_t threads[3];
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, hammer, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE), STATUS_SUCCESS);
        assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE), STATUS_SUCCESS);
        assert_int_equal(pci_sriov_num_vfs(rig.device), 0);
        assert_int_equal(nt_pnp_start(rig.pdo), STATUS_SUCCESS);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(ids_are_the_cards_and_all_ones_for_a_bad_vf),
        CASE(locations_are_the_cards_and_all_ones_for_a_bad_vf),
        CASE(probed_bars_are_those_of_the_vfs),
        CASE(resources_are_slices_of_the_window),
        CASE(luids_lead_back_to_their_vfs),
        CASE(a_reset_is_an_flr_of_that_vf_alone),
        EMPTY(a_reset_waits_for_one_that_is_under_way),
        EMPTY(a_reset_that_does_not_end_in_100_ms_is_a_timeout),
        EMPTY(two_resets_at_once_both_succeed),
        CASE(power_states_that_are_none_are_invalid),
        CASE(only_intercepted_pages_are_answered),
        CASE(calls_and_rebalances_at_once_do_no_harm),
    };
    return cmocka_run_group_tests_name("path / refgen / VFs", tests, NULL, NULL);
}
