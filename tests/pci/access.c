/* SPDX-License-Identifier: MIT
 *
 * pci.md 5.1 row by row, 5.13 items 1 to 6 and 17, and what went wrong in peers (style.md).
 */
#include "fixture.h"

#define COMMAND 0x04u
#define MSIX    0x70u
#define EXPRESS 0xa0u

struct world {
    struct pci_device *device;
    uint8_t before[3][PCI_CONFIG_SIZE]; /* PF, VF 0, VF 1 */
};

static int snapshot_one(struct world *world, int function, uint8_t bytes[PCI_CONFIG_SIZE])
{
    return pci_config_read(world->device, function, 0, bytes, PCI_CONFIG_SIZE);
}

static int setup(void **state)
{
    struct world *world = calloc(1, sizeof *world);
    world->device = card_device(CARD_82576);
    assert_int_equal(pci_sriov_enable(world->device, 2), PCI_OK);
    set(world->device, 0, COMMAND, 2, 4);
    for (int f = -1; f < 2; f++)
        snapshot_one(world, f, world->before[f + 1]);
    *state = world;
    return 0;
}

static int teardown(void **state)
{
    struct world *world = *state;
    pci_device_destroy(world->device);
    free(world);
    return 0;
}

static void assert_nothing_changed(struct world *world)
{
    for (int f = -1; f < 2; f++) {
        uint8_t now[PCI_CONFIG_SIZE];
        assert_int_equal(snapshot_one(world, f, now), PCI_CONFIG_SIZE);
        assert_memory_equal(now, world->before[f + 1], PCI_CONFIG_SIZE);
    }
}

/* Both directions refused, the buffer with its canaries and all three functions as they were. */
static void assert_access_refused(struct pci_device *device, int function, uint32_t offset, uint32_t length)
{
    uint8_t bytes[64], copy[64];
    memset(bytes, 0xff, sizeof bytes);
    memcpy(copy, bytes, sizeof bytes);
    assert_int_equal(pci_config_write(device, function, offset, bytes + 8, length), 0);
    assert_memory_equal(bytes, copy, sizeof bytes);
    memset(bytes, 0x5a, sizeof bytes);
    memcpy(copy, bytes, sizeof bytes);
    assert_int_equal(pci_config_read(device, function, offset, bytes + 8, length), 0);
    assert_memory_equal(bytes, copy, sizeof bytes);
}

static void rows_4_to_6_bad_ranges_return_zero_and_change_nothing(void **state)
{
    static const struct {
        uint32_t offset, length;
    } bad[] = {
        {0, 0},
        {4, 0},
        {4095, 0},
        {4096, 0},
        {4096, 1},
        {4096, 4},
        {5000, 4},
        {0x7fffffff, 4},
        {0xffffffff, 1},
        {0xfffffffc, 8},
        {4095, 2},
        {4094, 3},
        {4093, 4},
        {4092, 5},
        {0, 4097},
        {1, 4096},
        {4, 0xfffffffc},
        {4, 0xffffffff},
        {4095, 0xffffffff},
        {0xffffffff, 0xffffffff},
        {0, 0xffffffff},
        {0x80000000, 0x80000000},
    };
    struct world *world = *state;
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        for (int f = -1; f < 2; f++)
            assert_access_refused(world->device, f, bad[i].offset, bad[i].length);
    assert_nothing_changed(world);
}

static void row_6_the_last_byte_is_reachable_and_no_further(void **state)
{
    struct world *world = *state;
    uint8_t bytes[PCI_CONFIG_SIZE];
    assert_int_equal(pci_config_read(world->device, 0, 0, bytes, PCI_CONFIG_SIZE), PCI_CONFIG_SIZE);
    assert_int_equal(pci_config_read(world->device, 0, 4095, bytes, 1), 1);
    assert_int_equal(pci_config_write(world->device, 0, 4095, bytes, 1), 1);
    assert_int_equal(pci_config_write(world->device, 0, 4092, bytes, 4), 4);
    assert_nothing_changed(world);
}

static void row_7_a_device_that_is_gone_writes_nothing_and_reads_all_ones(void **state)
{
    struct world *world = *state;
    pci_device_surprise_remove(world->device);
    for (int f = -1; f < 2; f++) {
        uint8_t bytes[12] = {0};
        assert_int_equal(pci_config_write(world->device, f, COMMAND, bytes, 2), 0);
        assert_int_equal(pci_config_read(world->device, f, 0, bytes + 4, 4), 0);
        assert_memory_equal(bytes, "\0\0\0\0\xff\xff\xff\xff\0\0\0\0", 12);
        assert_int_equal(pci_config_read(world->device, f, 4094, bytes, 4), 0);
        assert_memory_equal(bytes, "\0\0\0\0", 4);
    }
    assert_true(pci_device_gone(world->device));
}

static void row_8_without_vf_enable_no_vf_answers(void **state)
{
    struct world *world = *state;
    struct pci_device *off = card_device(CARD_82576);
    for (int vf = 0; vf < 9; vf++)
        assert_access_refused(off, vf, COMMAND, 2);
    pci_device_destroy(off);
    assert_int_equal(pci_sriov_disable(world->device), PCI_OK);
    for (int vf = 0; vf < 9; vf++)
        assert_access_refused(world->device, vf, COMMAND, 2);
}

static void row_9_a_vf_from_num_vfs_on_does_not_exist(void **state)
{
    static const int missing[] = {2, 3, 7, 8, 255, 256, 65535, 65536, 0x7fffffff, -2, -65536, (int)0x80000000};
    struct world *world = *state;
    for (unsigned i = 0; i < sizeof missing / sizeof *missing; i++)
        assert_access_refused(world->device, missing[i], COMMAND, 2);
    assert_nothing_changed(world);
}

static void row_11_while_the_pf_sleeps_no_vf_answers(void **state)
{
    struct world *world = *state;
    for (unsigned d = 1; d <= 3; d++) {
        pci_device_set_power(world->device, d);
        assert_access_refused(world->device, 0, COMMAND, 2);
        assert_int_equal(get(world->device, PCI_FUNCTION_PF, 0, 2), 0x8086);
        if (d < 3)
            pci_device_set_power(world->device, 0);
    }
}

static void row_12_read_only_and_reserved_bytes_take_the_write_and_keep_their_value(void **state)
{
    /* libvfio-user #570 #571 #576: these made the device fail. */
    static const uint32_t read_only[][2] = {{0x00, 4}, {0x08, 4}, {0x0c, 1}, {0x0d, 1}, {0x0c, 2},  {0x0e, 1},
                                            {0x0f, 1}, {0x28, 4}, {0x2c, 4}, {0x34, 1}, {0x3c, 4},  {0x40, 4},
                                            {0x70, 2}, {0x74, 8}, {0xa0, 8}, {0xb0, 4}, {0x150, 8}, {0xffc, 4}};
    struct world *world = *state;
    uint8_t ones[8];
    memset(ones, 0xff, sizeof ones);
    for (unsigned i = 0; i < sizeof read_only / sizeof *read_only; i++)
        assert_int_equal(pci_config_write(world->device, 0, read_only[i][0], ones, read_only[i][1]), read_only[i][1]);
    assert_nothing_changed(world);
}

static void row_13_a_word_in_the_middle_of_msix_control_touches_exactly_its_bytes(void **state)
{
    struct world *world = *state; /* libvfio-user #640 */
    set(world->device, 0, MSIX + 3, 2, 0xffc0);
    assert_int_equal(get(world->device, 0, MSIX, 4), 0xc0020011);
    assert_int_equal(get(world->device, 0, MSIX + 4, 4), 3);
    set(world->device, 0, MSIX + 1, 2, 0xffff);
    assert_int_equal(get(world->device, 0, MSIX, 4), 0xc0020011);
    set(world->device, 0, MSIX + 3, 1, 0x40);
    assert_int_equal(get(world->device, 0, MSIX + 2, 2), 0x4002);
}

static void row_14_flr_by_every_width_and_after_the_whole_call(void **state)
{
    struct world *world = *state; /* 5.13 item 6; libvfio-user #461 #866 */
    static const struct {
        uint32_t offset, length;
    } writes[] = {{EXPRESS + 9, 1}, {EXPRESS + 8, 2}, {EXPRESS + 8, 4}, {EXPRESS + 7, 3}, {EXPRESS - 16, 64}};
    struct pci_counters counters;
    for (unsigned i = 0; i < sizeof writes / sizeof *writes; i++) {
        uint8_t bytes[64] = {0};
        set(world->device, 0, COMMAND, 2, 4);
        set(world->device, 0, MSIX + 2, 2, 0xc000);
        assert_true(pci_raise_status(world->device, 0, COMMAND, 0xf9000000));
        assert_true(pci_raise_status(world->device, 0, EXPRESS + 8, 0x000f0000));
        assert_true(pci_raise_status(world->device, 0, 0x104, 0x00100000));
        bytes[EXPRESS + 9 - writes[i].offset] = 0x80;
        assert_int_equal(pci_config_write(world->device, 0, writes[i].offset, bytes, writes[i].length),
                         writes[i].length);
        assert_int_equal(get(world->device, 0, COMMAND, 4), 0x00100000);
        assert_int_equal(get(world->device, 0, MSIX + 2, 2), 0x0002);
        assert_int_equal(get(world->device, 0, EXPRESS + 8, 4), 0);
        assert_int_equal(get(world->device, 0, 0x104, 4), 0x00100000); /* sticky */
        pci_counters(world->device, &counters);
        assert_int_equal(counters.vf_resets, i + 1);
        set(world->device, 0, 0x104, 4, 0xffffffff);
    }
    assert_int_equal(pci_sriov_num_vfs(world->device), 2);
    set(world->device, 0, EXPRESS + 8, 2, 0x7fff);
    pci_counters(world->device, &counters);
    assert_int_equal(counters.vf_resets, sizeof writes / sizeof *writes);
    assert_int_equal(counters.pf_resets, 0);
    set(world->device, 0, COMMAND, 2, 4);
    assert_nothing_changed(world);
}

static void row_14_a_write_behind_the_flr_bit_in_the_same_call_is_wiped(void **state)
{
    struct world *world = *state;
    struct pci_device *nvme = card_device(CARD_NVME);
    uint8_t bytes[0x50] = {0};
    assert_int_equal(pci_sriov_enable(nvme, 1), PCI_OK);
    bytes[0x43 - 0x43] = 0x80; /* MSI-X Enable, before the FLR bit at 89h */
    bytes[0x89 - 0x43] = 0x80;
    assert_int_equal(pci_config_write(nvme, 0, 0x43, bytes, sizeof bytes), sizeof bytes);
    assert_int_equal(get(nvme, 0, 0x42, 2), 0);
    pci_device_destroy(nvme);
    assert_nothing_changed(world);
}

static void row_15_ids_and_bars_of_a_vf_ignore_writes(void **state)
{
    struct world *world = *state;
    for (uint32_t at = 0x00; at < 0x40; at += 4)
        if (at != COMMAND)
            set(world->device, 0, at, 4, 0xdeadbeef);
    assert_nothing_changed(world);
}

static void item_3_a_byte_write_to_command_leaves_status(void **state)
{
    struct world *world = *state;
    assert_true(pci_raise_status(world->device, 0, COMMAND, 0xf9000000));
    set(world->device, 0, COMMAND, 1, 0xff);
    assert_int_equal(get(world->device, 0, COMMAND, 4), 0xf9100004);
    set(world->device, 0, COMMAND + 1, 1, 0xff);
    set(world->device, 0, COMMAND, 2, 0);
    assert_int_equal(get(world->device, 0, COMMAND, 4), 0xf9100000);
}

static void item_4_a_byte_write_to_status_clears_only_what_it_says(void **state)
{
    struct world *world = *state;
    assert_true(pci_raise_status(world->device, 0, COMMAND, 0xf9000000));
    set(world->device, 0, 0x06, 1, 0xff);
    assert_int_equal(get(world->device, 0, 0x06, 2), 0xf910);
    set(world->device, 0, 0x07, 1, 0x08);
    assert_int_equal(get(world->device, 0, 0x06, 2), 0xf110);
    set(world->device, 0, 0x07, 1, 0xff);
    assert_int_equal(get(world->device, 0, COMMAND, 4), 0x00100004);
}

static void item_5_a_dword_of_zeroes_leaves_status(void **state)
{
    struct world *world = *state;
    assert_true(pci_raise_status(world->device, 0, COMMAND, 0xf9000000));
    set(world->device, 0, COMMAND, 4, 0);
    assert_int_equal(get(world->device, 0, COMMAND, 4), 0xf9100000);
}

static void item_17_registers_are_little_endian_through_bytes(void **state)
{
    struct world *world = *state;
    assert_int_equal(get(world->device, PCI_FUNCTION_PF, 0, 1), 0x86);
    assert_int_equal(get(world->device, PCI_FUNCTION_PF, 1, 1), 0x80);
    set(world->device, 0, MSIX + 3, 1, 0x80);
    assert_int_equal(get(world->device, 0, MSIX + 2, 2), 0x8002);
    set(world->device, PCI_FUNCTION_PF, 0x10, 4, 0x12345678);
    assert_int_equal(get(world->device, PCI_FUNCTION_PF, 0x13, 1), 0x12);
    assert_int_equal(get(world->device, PCI_FUNCTION_PF, 0x12, 1), 0x34);
}

/* pci.md 4.5: what QEMU lets stick does not stick here. */
static void io_memory_and_intx_disable_never_stick_in_a_vf(void **state)
{
    struct world *world = *state;
    for (uint32_t value = 0; value < 0x10000; value += 0x11) {
        set(world->device, 0, COMMAND, 2, value);
        assert_int_equal(get(world->device, 0, COMMAND, 2), value & 4);
    }
}

static void raising_a_bit_that_is_not_a_status_bit_fails(void **state)
{
    struct world *world = *state;
    assert_false(pci_raise_status(world->device, 0, COMMAND, 0x00000001));
    assert_false(pci_raise_status(world->device, 0, COMMAND, 0x01000001));
    assert_false(pci_raise_status(world->device, 0, 0x08, 0x1));
    assert_false(pci_raise_status(world->device, 0, 0x06, 0x0100));
    assert_false(pci_raise_status(world->device, 0, 0x1000, 0x0100));
    assert_false(pci_raise_status(world->device, 2, COMMAND, 0x01000000));
    assert_nothing_changed(world);
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(rows_4_to_6_bad_ranges_return_zero_and_change_nothing),
        CASE(row_6_the_last_byte_is_reachable_and_no_further),
        CASE(row_7_a_device_that_is_gone_writes_nothing_and_reads_all_ones),
        CASE(row_8_without_vf_enable_no_vf_answers),
        CASE(row_9_a_vf_from_num_vfs_on_does_not_exist),
        CASE(row_11_while_the_pf_sleeps_no_vf_answers),
        CASE(row_12_read_only_and_reserved_bytes_take_the_write_and_keep_their_value),
        CASE(row_13_a_word_in_the_middle_of_msix_control_touches_exactly_its_bytes),
        CASE(row_14_flr_by_every_width_and_after_the_whole_call),
        CASE(row_14_a_write_behind_the_flr_bit_in_the_same_call_is_wiped),
        CASE(row_15_ids_and_bars_of_a_vf_ignore_writes),
        CASE(item_3_a_byte_write_to_command_leaves_status),
        CASE(item_4_a_byte_write_to_status_clears_only_what_it_says),
        CASE(item_5_a_dword_of_zeroes_leaves_status),
        CASE(item_17_registers_are_little_endian_through_bytes),
        CASE(io_memory_and_intx_disable_never_stick_in_a_vf),
        CASE(raising_a_bit_that_is_not_a_status_bit_fails),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
