/* SPDX-License-Identifier: MIT
 *
 * The SR-IOV capability: pci.md 4.1, 5.2, 5.3, 5.4; the same through the routines and through its registers. Routing
 * IDs: 4.2. Peers: QEMU CVE-2024-26327/26328 and CVE-2025-54566/54567, ACRN's low byte, hvisor #323, edk2 #10186.
 */
#include "fixture.h"

#define PF      PCI_FUNCTION_PF
#define CONTROL (SRIOV_82576 + 0x08)
#define NUM_VFS (SRIOV_82576 + 0x10)
#define PAGES   (SRIOV_82576 + 0x20)

/* ---- 5.3 --------------------------------------------------------------------------------------------------------- */

static void enable_writes_num_vfs_vf_enable_and_mse(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    assert_int_equal(pci_sriov_enable(device, 3), PCI_OK);
    assert_int_equal(get(device, PF, NUM_VFS, 2), 3);
    assert_int_equal(get(device, PF, CONTROL, 2), 0x19); /* as in the capture with VFs on */
    assert_int_equal(pci_sriov_num_vfs(device), 3);
    for (int vf = 0; vf < 3; vf++)
        assert_int_equal(get(device, vf, 0, 4), 0xffffffff);
    assert_int_equal(pci_sriov_disable(device), PCI_OK);
    assert_int_equal(get(device, PF, NUM_VFS, 2), 0);
    assert_int_equal(get(device, PF, CONTROL, 2), 0x10);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    pci_device_destroy(device);
}

static void enable_with_a_number_out_of_range_changes_nothing(void **state)
{
    (void)state;
    static const uint16_t bad[] = {0, 9, 255, 256, 257, 264, 0xffff}; /* 264: ACRN compared the low byte only */
    struct pci_device *device = card_device(CARD_82576);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(pci_sriov_enable(device, bad[i]), PCI_BAD_PARAMETER);
        assert_int_equal(get(device, PF, NUM_VFS, 2), 0);
        assert_int_equal(get(device, PF, CONTROL, 2), 0x10);
        assert_int_equal(pci_sriov_num_vfs(device), 0);
    }
    assert_int_equal(pci_sriov_enable(device, 8), PCI_OK);
    pci_device_destroy(device);
}

static void initial_vfs_bounds_num_vfs_on_a_device_without_migration(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    put16(page.pf.space, SRIOV_82576 + 0x0c, 4);
    struct pci_device *device = page_device(&page, NULL);
    assert_false(pci_sriov_migration_capable(device));
    assert_int_equal(pci_sriov_enable(device, 5), PCI_BAD_PARAMETER);
    assert_int_equal(pci_sriov_enable(device, 4), PCI_OK);
    pci_device_destroy(device);
    put32(page.pf.space, SRIOV_82576 + 0x04, 1);
    device = page_device(&page, NULL);
    assert_true(pci_sriov_migration_capable(device));
    assert_int_equal(pci_sriov_enable(device, 5), PCI_OK);
    pci_device_destroy(device);
}

static void enable_twice_and_disable_twice_are_bad_state(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    assert_int_equal(pci_sriov_disable(device), PCI_BAD_STATE);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    set(device, 1, 0x04, 2, 4);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_BAD_STATE);
    assert_int_equal(pci_sriov_enable(device, 3), PCI_BAD_STATE);
    assert_int_equal(pci_sriov_enable(device, 9), PCI_BAD_PARAMETER); /* parameters before state */
    assert_int_equal(get(device, PF, NUM_VFS, 2), 2);
    assert_int_equal(get(device, 1, 0x04, 2), 4);
    assert_int_equal(pci_sriov_disable(device), PCI_OK);
    assert_int_equal(pci_sriov_disable(device), PCI_BAD_STATE);
    struct pci_counters counters;
    pci_counters(device, &counters);
    assert_int_equal(counters.enables, 1);
    assert_int_equal(counters.disables, 1);
    pci_device_destroy(device);
}

static void enabled_again_vfs_are_in_reset_state(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    uint8_t fresh[PCI_CONFIG_SIZE], now[PCI_CONFIG_SIZE];
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    pci_config_read(device, 1, 0, fresh, sizeof fresh);
    set(device, 1, 0x04, 2, 4);
    assert_true(pci_raise_status(device, 1, 0x104, 0x00100000)); /* sticky, but this VF is destroyed */
    assert_int_equal(pci_sriov_disable(device), PCI_OK);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    pci_config_read(device, 1, 0, now, sizeof now);
    assert_memory_equal(now, fresh, sizeof now);
    pci_device_destroy(device);
}

static void a_pf_that_sleeps_or_is_gone_refuses(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_NVME);
    pci_device_set_power(device, 3);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_BAD_STATE);
    assert_int_equal(pci_sriov_enable(device, 0), PCI_BAD_PARAMETER);
    pci_device_set_power(device, 0);
    pci_device_surprise_remove(device);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_GONE);
    assert_int_equal(pci_vf_reset(device, 0), PCI_GONE);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    pci_device_destroy(device);
}

static void vfs_behind_the_subordinate_bus_are_refused(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    page_set_vfs(&page, 200, 0x80, 2, 0x0300);
    struct pci_device *device = page_device(&page, &(struct pci_device_options){.subordinate_bus = 3});
    assert_int_equal(pci_sriov_enable(device, 65), PCI_NO_BUS); /* VF 64 is at 04:00.0 */
    assert_int_equal(get(device, PF, NUM_VFS, 2), 0);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    set(device, PF, NUM_VFS, 2, 65);
    set(device, PF, CONTROL, 2, 9);
    assert_int_equal(get(device, PF, CONTROL, 2) & 1, 0);
    assert_int_equal(pci_sriov_enable(device, 64), PCI_OK);
    pci_device_destroy(device);
}

/* ---- 4.1 through the registers ------------------------------------------------------------------------------------
 */

static void vf_enable_by_register_is_the_same_as_by_routine(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    set(device, PF, NUM_VFS, 2, 2);
    set(device, PF, CONTROL, 1, 0x01);
    assert_int_equal(pci_sriov_num_vfs(device), 2);
    set(device, 1, 0x04, 2, 4);
    set(device, PF, CONTROL, 1, 0x09); /* 1 -> 1 with MSE: nothing is made anew */
    assert_int_equal(get(device, 1, 0x04, 2), 4);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_BAD_STATE);
    set(device, PF, CONTROL, 4, 0);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    assert_int_equal(pci_sriov_disable(device), PCI_BAD_STATE);
    pci_device_destroy(device);
}

static void num_vfs_and_page_size_are_read_only_while_enabled(void **state)
{
    (void)state; /* QEMU CVE-2024-26327 */
    struct pci_device *device = card_device(CARD_82576);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    static const uint32_t values[] = {0, 1, 3, 8, 9, 0x0102, 0xffff};
    for (unsigned i = 0; i < sizeof values / sizeof *values; i++) {
        set(device, PF, NUM_VFS, 2, values[i]);
        set(device, PF, NUM_VFS, 1, values[i] & 0xff);
        set(device, PF, NUM_VFS + 1, 1, values[i] >> 8);
        set(device, PF, NUM_VFS, 4, values[i]);
        set(device, PF, PAGES, 4, 2);
        assert_int_equal(get(device, PF, NUM_VFS, 2), 2);
        assert_int_equal(get(device, PF, PAGES, 4), 1);
        assert_int_equal(pci_sriov_num_vfs(device), 2);
    }
    assert_int_equal(pci_sriov_disable(device), PCI_OK);
    set(device, PF, NUM_VFS, 2, 5);
    assert_int_equal(get(device, PF, NUM_VFS, 2), 5);
    pci_device_destroy(device);
}

static void vf_enable_does_not_stick_with_too_many_vfs(void **state)
{
    (void)state; /* QEMU CVE-2024-26328 */
    static const uint16_t bad[] = {9, 256, 257, 264, 0x0108, 0xffff};
    struct pci_device *device = card_device(CARD_82576);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        set(device, PF, NUM_VFS, 2, bad[i]);
        set(device, PF, CONTROL, 2, 0x09);
        assert_int_equal(get(device, PF, CONTROL, 2), 0x08);
        assert_int_equal(pci_sriov_num_vfs(device), 0);
    }
    set(device, PF, NUM_VFS, 2, 0);
    set(device, PF, CONTROL, 2, 0x09);
    assert_int_equal(get(device, PF, CONTROL, 2), 0x09); /* enabled, but no VFs */
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    pci_device_destroy(device);
}

static void a_dword_over_control_and_status_acts_on_what_was_stored(void **state)
{
    (void)state; /* QEMU CVE-2025-54566/54567: a write that begins before Control was decoded wrongly */
    struct pci_device *device = card_device(CARD_82576);
    set(device, PF, NUM_VFS, 2, 2);
    uint8_t bytes[8] = {0xff, 0xff, 0xff, 0x01, 0x00, 0x00, 0x00, 0x00}; /* from 3 bytes before Control */
    assert_int_equal(pci_config_write(device, PF, CONTROL - 3, bytes, 4), 4);
    assert_int_equal(pci_sriov_num_vfs(device), 2);
    bytes[3] = 0x00;
    bytes[4] = 0x01; /* the second byte of Control: reserved, not VF Enable */
    assert_int_equal(pci_config_write(device, PF, CONTROL - 3, bytes, 5), 5);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    set(device, PF, CONTROL + 1, 1, 0x01);
    set(device, PF, CONTROL + 2, 2, 0xffff);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    assert_int_equal(get(device, PF, CONTROL, 4), 0);
    pci_device_destroy(device);
}

static void control_and_num_vfs_in_one_call_act_in_ascending_order(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    uint8_t bytes[12] = {0};
    bytes[0] = 0x09;
    bytes[8] = 0x03;
    set(device, PF, NUM_VFS, 2, 2);
    assert_int_equal(pci_config_write(device, PF, CONTROL, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(pci_sriov_num_vfs(device), 2); /* Control came first and closed NumVFs */
    assert_int_equal(get(device, PF, NUM_VFS, 2), 2);
    pci_device_destroy(device);
}

static void migration_and_tag_bits_are_zero_without_the_capability(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    set(device, PF, CONTROL, 2, 0xfffe);
    assert_int_equal(get(device, PF, CONTROL, 2), 0x0018);
    pci_device_destroy(device);
    struct capture_page page;
    page_load(&page, CARD_82576);
    put32(page.pf.space, SRIOV_82576 + 0x04, 5);
    device = page_device(&page, NULL);
    set(device, PF, CONTROL, 2, 0xfffe);
    assert_int_equal(get(device, PF, CONTROL, 2), 0x003e);
    pci_device_destroy(device);
}

static void ari_hierarchy_is_for_the_lowest_pf_and_stands_still_while_enabled(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    set(device, PF, CONTROL, 2, 0x09);
    assert_int_equal(get(device, PF, CONTROL, 2), 0x19);
    pci_device_destroy(device);
    struct capture_page page;
    page_load(&page, CARD_82576);
    page_set_vfs(&page, 8, 128, 2, 0x0101);
    put16(page.pf.space, SRIOV_82576 + 0x08, 0);
    device = page_device(&page, NULL);
    set(device, PF, CONTROL, 2, 0x10);
    assert_int_equal(get(device, PF, CONTROL, 2), 0);
    pci_device_destroy(device);
}

static void system_page_size_takes_one_supported_bit(void **state)
{
    (void)state; /* Supported Page Sizes 553h */
    static const uint32_t bad[] = {0, 3, 4, 8, 0x800, 0x553, 0x80000000, 0xffffffff};
    struct pci_device *device = card_device(CARD_82576);
    set(device, PF, PAGES, 4, 0x10);
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++) {
        set(device, PF, PAGES, 4, bad[i]);
        assert_int_equal(get(device, PF, PAGES, 4), 0x10);
    }
    set(device, PF, PAGES, 4, 0x100);
    assert_int_equal(get(device, PF, PAGES, 4), 0x100);
    pci_device_destroy(device);
}

/* Larger pages take address bits from a VF BAR, but only in the bytes that are written. */
static void a_byte_of_a_vf_bar_written_under_larger_pages_leaves_its_neighbours(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    set(device, PF, SRIOV_82576 + 0x24, 4, 0xfe020000);
    set(device, PF, SRIOV_82576 + 0x20, 4, 0x400); /* 4 MiB */
    set(device, PF, SRIOV_82576 + 0x24, 1, 0xff);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x24, 4), 0xfe02000c);
    set(device, PF, SRIOV_82576 + 0x26, 1, 0xff);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x24, 4), 0xfec0000c);
    pci_device_destroy(device);
}

static void read_only_registers_of_the_capability_keep_their_value(void **state)
{
    (void)state;
    static const uint32_t fixed[][2] = {{0x00, 4}, {0x04, 4}, {0x0c, 4}, {0x12, 2},
                                        {0x14, 4}, {0x18, 4}, {0x1c, 4}, {0x3c, 4}};
    struct pci_device *device = card_device(CARD_82576);
    for (unsigned i = 0; i < sizeof fixed / sizeof *fixed; i++) {
        uint32_t before = get(device, PF, SRIOV_82576 + fixed[i][0], fixed[i][1]);
        set(device, PF, SRIOV_82576 + fixed[i][0], fixed[i][1], 0xffffffff);
        assert_int_equal(get(device, PF, SRIOV_82576 + fixed[i][0], fixed[i][1]), before);
    }
    pci_device_destroy(device);
}

static void num_vfs_counts_in_16_bits(void **state)
{
    (void)state; /* ACRN compared the low byte */
    static const uint16_t totals[] = {1, 7, 8, 255, 256, 257, 65535};
    for (unsigned i = 0; i < sizeof totals / sizeof *totals; i++) {
        struct pci_device *device = vfs_device(totals[i], 1, 1, 0);
        assert_int_equal(pci_sriov_enable(device, totals[i]), PCI_OK);
        assert_int_equal(pci_sriov_num_vfs(device), totals[i]);
        assert_int_equal(get(device, totals[i] - 1, 0x2c, 2), 0x1af4);
        set(device, totals[i] - 1, 0x04, 2, 4);
        assert_int_equal(get(device, totals[i] - 1, 0x04, 2), 4);
        uint8_t byte;
        assert_int_equal(pci_config_read(device, totals[i], 0, &byte, 1), 0);
        pci_device_destroy(device);
    }
}

static void no_vfs_at_all_is_a_device_without_vfs(void **state)
{
    (void)state; /* edk2 #10186 */
    struct capture_page page;
    page_load(&page, CARD_82576);
    put32(page.pf.space, SRIOV_82576 + 0x0c, 0);
    put32(page.pf.space, SRIOV_82576 + 0x14, 0);
    page.no_vf = true;
    struct pci_device *device = page_device(&page, NULL);
    assert_true(pci_sriov_present(device));
    assert_int_equal(pci_sriov_total_vfs(device), 0);
    assert_int_equal(pci_captured_buses(device), 0);
    assert_int_equal(pci_sriov_enable(device, 0), PCI_BAD_PARAMETER);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_BAD_PARAMETER);
    assert_int_equal(pci_vf_reset(device, 0), PCI_BAD_PARAMETER);
    uint16_t routing_id;
    uint8_t byte;
    assert_int_equal(pci_vf_routing_id(device, 0, &routing_id), PCI_BAD_PARAMETER);
    assert_int_equal(pci_config_read(device, 0, 0, &byte, 1), 0);
    set(device, PF, CONTROL, 2, 1);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    pci_device_destroy(device);
}

static void initial_vfs_0_leaves_no_vf_to_enable_either_way(void **state)
{
    (void)state; /* edk2 #10186 */
    struct capture_page page;
    page_load(&page, CARD_82576);
    put16(page.pf.space, SRIOV_82576 + 0x0c, 0);
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_total_vfs(device), 8);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_BAD_PARAMETER);
    set(device, PF, NUM_VFS, 2, 1);
    set(device, PF, CONTROL, 2, 9);
    assert_int_equal(get(device, PF, CONTROL, 2) & 1, 0);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    set(device, PF, NUM_VFS, 2, 0);
    set(device, PF, CONTROL, 2, 9); /* VF Enable with NumVFs 0 is no VFs, not a refusal */
    assert_int_equal(get(device, PF, CONTROL, 2) & 1, 1);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    pci_device_destroy(device);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(enable_writes_num_vfs_vf_enable_and_mse),
        CASE(enable_with_a_number_out_of_range_changes_nothing),
        CASE(initial_vfs_bounds_num_vfs_on_a_device_without_migration),
        CASE(enable_twice_and_disable_twice_are_bad_state),
        CASE(enabled_again_vfs_are_in_reset_state),
        CASE(a_pf_that_sleeps_or_is_gone_refuses),
        CASE(vfs_behind_the_subordinate_bus_are_refused),
        CASE(vf_enable_by_register_is_the_same_as_by_routine),
        CASE(num_vfs_and_page_size_are_read_only_while_enabled),
        CASE(vf_enable_does_not_stick_with_too_many_vfs),
        CASE(a_dword_over_control_and_status_acts_on_what_was_stored),
        CASE(control_and_num_vfs_in_one_call_act_in_ascending_order),
        CASE(migration_and_tag_bits_are_zero_without_the_capability),
        CASE(ari_hierarchy_is_for_the_lowest_pf_and_stands_still_while_enabled),
        CASE(system_page_size_takes_one_supported_bit),
        CASE(a_byte_of_a_vf_bar_written_under_larger_pages_leaves_its_neighbours),
        CASE(read_only_registers_of_the_capability_keep_their_value),
        CASE(num_vfs_counts_in_16_bits),
        CASE(no_vfs_at_all_is_a_device_without_vfs),
        CASE(initial_vfs_0_leaves_no_vf_to_enable_either_way),
    };
    return cmocka_run_group_tests_name("sriov", tests, NULL, NULL);
}
