/* SPDX-License-Identifier: MIT
 *
 * Save and restore: byte for byte equal, and bytes that are not trusted. (OpenVMM #1721: state wrong after restore.)
 */
#include "fixture.h"

#define PF PCI_FUNCTION_PF

struct clock {
    uint64_t now;
};

static uint64_t clock_of(void *context)
{
    return ((struct clock *)context)->now;
}

/* Something everywhere. */
static void use(struct pci_device *device)
{
    assert_int_equal(pci_sriov_enable(device, 3), PCI_OK);
    set(device, PF, 0x04, 2, 0x0546);
    set(device, PF, 0x10, 4, 0x12340000);
    set(device, 0, 0x04, 2, 4);
    set(device, 1, 0x72, 2, 0xc000);
    assert_true(pci_raise_status(device, 2, 0x04, 0x21000000));
    assert_true(pci_raise_status(device, 2, 0x104, 0x00100000));
}

static void assert_equal_devices(struct pci_device *one, struct pci_device *two)
{
    assert_int_equal(pci_sriov_num_vfs(one), pci_sriov_num_vfs(two));
    for (int function = PF; function <= pci_sriov_num_vfs(one); function++) {
        uint8_t left[PCI_CONFIG_SIZE], right[PCI_CONFIG_SIZE];
        uint32_t got = pci_config_read(one, function, 0, left, sizeof left);
        assert_int_equal(pci_config_read(two, function, 0, right, sizeof right), got);
        assert_memory_equal(left, right, got);
    }
}

static void a_restored_device_is_byte_for_byte_the_saved_one(void **state)
{
    (void)state;
    struct pci_device *one = card_device(CARD_82576), *two = card_device(CARD_82576);
    uint8_t saved[2048], again[2048];
    use(one);
    assert_int_equal(pci_sriov_enable(two, 8), PCI_OK);
    set(two, 7, 0x04, 2, 4); /* what the other device was must not show through */
    size_t size = pci_device_save(one, saved, sizeof saved);
    assert_in_range(size, 1, sizeof saved);
    assert_int_equal(pci_device_restore(two, saved, size), 0);
    assert_equal_devices(one, two);
    assert_int_equal(pci_device_save(two, again, sizeof again), size);
    assert_memory_equal(saved, again, size);
    assert_int_equal(pci_sriov_disable(two), PCI_OK);
    assert_int_equal(pci_sriov_enable(two, 8), PCI_OK);
    assert_int_equal(get(two, 7, 0x04, 2), 0);
    pci_device_destroy(one);
    pci_device_destroy(two);
}

static void power_and_removal_are_saved(void **state)
{
    (void)state;
    struct pci_device *one = card_device(CARD_82576), *two = card_device(CARD_82576);
    uint8_t saved[2048], byte;
    use(one);
    pci_device_set_power(one, 3);
    assert_int_equal(pci_device_restore(two, saved, pci_device_save(one, saved, sizeof saved)), 0);
    assert_int_equal(get(two, PF, 0x44, 1), 3);
    assert_int_equal(pci_config_read(two, 0, 0, &byte, 1), 0);
    pci_device_surprise_remove(one);
    assert_int_equal(pci_device_restore(two, saved, pci_device_save(one, saved, sizeof saved)), 0);
    assert_true(pci_device_gone(two));
    pci_device_destroy(one);
    pci_device_destroy(two);
}

static void a_vf_in_flr_stays_in_flr_for_the_rest_of_its_time(void **state)
{
    (void)state;
    struct clock here = {.now = 5000000000}, there = {.now = 7};
    struct capture_page page;
    page_load(&page, CARD_82576);
    struct pci_device_options options = {
        .now_ns = clock_of, .context = &here, .ready_delay_ns = 100, .strict_timing = true};
    struct pci_device *one = page_device(&page, &options);
    options.context = &there;
    struct pci_device *two = page_device(&page, &options);
    uint8_t saved[2048], byte;
    assert_int_equal(pci_sriov_enable(one, 2), PCI_OK);
    here.now += 100;
    set(one, 1, 0xa8, 2, 0x8000);
    here.now += 40;
    assert_int_equal(pci_device_restore(two, saved, pci_device_save(one, saved, sizeof saved)), 0);
    assert_int_equal(pci_config_read(two, 0, 0, &byte, 1), 1);
    there.now += 59;
    assert_int_equal(pci_config_read(two, 1, 0, &byte, 1), 0);
    there.now += 1;
    assert_int_equal(pci_config_read(two, 1, 0, &byte, 1), 1);
    pci_device_destroy(one);
    pci_device_destroy(two);
}

static void a_pf_in_flr_stays_in_flr_for_the_rest_of_its_time(void **state)
{
    (void)state;
    struct clock here = {.now = 5000000000}, there = {.now = 7};
    struct capture_page page;
    page_load(&page, CARD_82576);
    struct pci_device_options options = {
        .now_ns = clock_of, .context = &here, .ready_delay_ns = 100, .strict_timing = true};
    struct pci_device *one = page_device(&page, &options);
    options.context = &there;
    struct pci_device *two = page_device(&page, &options);
    uint8_t saved[2048], again[2048];
    set(one, PF, 0xa8, 2, 0x8000);
    here.now += 40;
    size_t size = pci_device_save(one, saved, sizeof saved);
    assert_int_equal(pci_device_restore(two, saved, size), 0);
    assert_int_equal(pci_device_save(two, again, sizeof again), size);
    assert_memory_equal(saved, again, size);
    there.now += 59;
    assert_int_equal(pci_config_read(two, PF, 0, again, 1), 0);
    there.now += 1;
    assert_int_equal(get(two, PF, 0, 2), 0x8086);
    pci_device_destroy(one);
    pci_device_destroy(two);
}

/* Saved while one VF is in FLR and all are new: the bytes are the same when they are saved again at once, and sticky
 * bits are there when the time is over. */
static void a_state_with_vfs_in_flr_is_saved_again_byte_for_byte(void **state)
{
    (void)state;
    struct clock here = {.now = 5000000000}, there = {.now = 123456789};
    struct capture_page page;
    page_load(&page, CARD_82576);
    struct pci_device_options options = {
        .now_ns = clock_of, .context = &here, .ready_delay_ns = 100000000, .strict_timing = true};
    struct pci_device *one = page_device(&page, &options);
    options.context = &there;
    struct pci_device *two = page_device(&page, &options);
    uint8_t saved[2048], again[2048];
    assert_int_equal(pci_sriov_enable(one, 3), PCI_OK);
    here.now += 60000000;
    assert_true(pci_raise_status(one, 1, 0x104, 0x00100000));
    assert_int_equal(pci_vf_reset(one, 1), PCI_OK);
    here.now += 1;
    size_t size = pci_device_save(one, saved, sizeof saved);
    assert_in_range(size, 1, sizeof saved);
    assert_int_equal(pci_device_restore(two, saved, size), 0);
    assert_int_equal(pci_device_save(two, again, sizeof again), size);
    assert_memory_equal(saved, again, size);
    there.now += 40000000 - 1;
    assert_int_equal(get(two, 0, 0x00, 2), 0xffff);
    assert_int_equal(pci_config_read(two, 1, 0x104, again, 4), 0);
    there.now += 60000000;
    assert_int_equal(get(two, 1, 0x104, 4), 0x00100000);
    pci_device_destroy(one);
    pci_device_destroy(two);
}

/* Refused, and the device as it was. */
static void refuse(struct pci_device *device, const uint8_t *bytes, size_t size)
{
    uint8_t before[2048], after[2048];
    size_t length = pci_device_save(device, before, sizeof before);
    uint8_t *exact = malloc(size ? size : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, size);
    assert_int_equal(pci_device_restore(device, exact, size), -22);
    free(exact);
    assert_int_equal(pci_device_save(device, after, sizeof after), length);
    assert_memory_equal(before, after, length);
}

static void bytes_of_another_length_version_card_or_address_are_refused(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    struct pci_device *one = card_device(CARD_82576), *nvme = card_device(CARD_NVME);
    struct pci_device *moved =
        page_device(&page, &(struct pci_device_options){.has_address = true, .routing_id = 0x200});
    uint8_t saved[2049] = {0}, changed[2049];
    use(one);
    size_t size = pci_device_save(one, saved, sizeof saved);
    for (size_t cut = 0; cut < size; cut++)
        refuse(one, saved, cut);
    refuse(one, saved, size + 1);
    refuse(one, saved, size + 4);
    refuse(nvme, saved, size);
    refuse(moved, saved, size);
    for (unsigned number = 0; number < 7; number++) { /* magic to the number of VFs */
        memcpy(changed, saved, sizeof saved);
        changed[4 * number] ^= 1;
        refuse(one, changed, size);
    }
    assert_int_equal(pci_device_save(one, saved, 10), size);
    pci_device_destroy(one);
    pci_device_destroy(nvme);
    pci_device_destroy(moved);
}

/* The remaining times; without a clock they are 0 again. */
static bool is_time(const uint8_t *saved, size_t byte)
{
    size_t number = byte / 4, header = 13, pf_slots = saved[4 * 4], vf_slots = saved[5 * 4];
    if (number < header + pf_slots)
        return number >= 9;
    return (number - header - pf_slots) % (2 + vf_slots) < 2;
}

/* Any bit turned: refused with nothing changed, or a state that saves as the very same bytes. */
static void changed_bits_are_refused_or_a_state_that_could_be(void **state)
{
    (void)state;
    struct pci_device *one = card_device(CARD_82576), *two = card_device(CARD_82576);
    uint8_t saved[2048], again[2048];
    unsigned accepted = 0, refused = 0;
    use(one);
    size_t size = pci_device_save(one, saved, sizeof saved);
    for (size_t bit = 0; bit < 8 * size; bit++) {
        if (is_time(saved, bit / 8))
            continue;
        saved[bit / 8] ^= 1u << bit % 8;
        if (pci_device_restore(two, saved, size) == 0) {
            assert_int_equal(pci_device_save(two, again, sizeof again), size);
            assert_memory_equal(saved, again, size);
            accepted++;
        } else {
            refused++;
        }
        saved[bit / 8] ^= 1u << bit % 8;
    }
    assert_true(accepted > 100 && refused > 100);
    assert_int_equal(pci_device_restore(two, saved, size), 0);
    assert_equal_devices(one, two);
    pci_device_destroy(one);
    pci_device_destroy(two);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_restored_device_is_byte_for_byte_the_saved_one),
        cmocka_unit_test(power_and_removal_are_saved),
        cmocka_unit_test(a_vf_in_flr_stays_in_flr_for_the_rest_of_its_time),
        cmocka_unit_test(a_pf_in_flr_stays_in_flr_for_the_rest_of_its_time),
        cmocka_unit_test(a_state_with_vfs_in_flr_is_saved_again_byte_for_byte),
        cmocka_unit_test(bytes_of_another_length_version_card_or_address_are_refused),
        cmocka_unit_test(changed_bits_are_refused_or_a_state_that_could_be),
    };
    return cmocka_run_group_tests_name("state", tests, NULL, NULL);
}
