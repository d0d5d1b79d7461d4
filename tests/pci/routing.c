/* SPDX-License-Identifier: MIT
 *
 * Routing IDs and captured buses (pci.md 4.2, 5.2): the captures, the examples of the specification, Linux's formula.
 */
#include "fixture.h"

static uint16_t rid(struct pci_device *device, uint32_t vf)
{
    uint16_t routing_id = 0xdead;
    assert_int_equal(pci_vf_routing_id(device, vf, &routing_id), PCI_OK);
    return routing_id;
}

static void routing_ids_are_those_of_the_captures(void **state)
{
    (void)state;
    struct pci_device *igb = card_device(CARD_82576), *nvme = card_device(CARD_NVME);
    assert_int_equal(pci_routing_id(igb), 0x0100);
    assert_int_equal(rid(igb, 0), 0x0180); /* 01:10.0 */
    assert_int_equal(rid(igb, 1), 0x0182); /* 01:10.2 */
    assert_int_equal(rid(nvme, 0), 0x0101);
    assert_int_equal(rid(nvme, 1), 0x0102);
    assert_int_equal(pci_captured_buses(igb), 0);
    assert_int_equal(pci_captured_buses(nvme), 0);
    pci_device_destroy(igb);
    pci_device_destroy(nvme);
}

static void routing_ids_follow_the_examples_of_the_specification(void **state)
{
    (void)state; /* hvisor #323 */
    struct pci_device *device = vfs_device(100, 0x80, 2, 0x0300);
    assert_int_equal(rid(device, 0), 0x0380);
    assert_int_equal(rid(device, 63), 0x03fe);
    assert_int_equal(rid(device, 64), 0x0400);
    assert_int_equal(pci_captured_buses(device), 1);
    pci_device_destroy(device);
    device = vfs_device(8, 0xff, 1, 0x3b01);
    assert_int_equal(rid(device, 0), 0x3c00);
    assert_int_equal(pci_captured_buses(device), 1);
    pci_device_destroy(device);
}

/* Linux: pci_iov_virtfn_bus() and pci_iov_virtfn_devfn(). */
static void routing_ids_are_linux_s_for_every_number_of_vfs(void **state)
{
    (void)state;
    static const struct {
        uint16_t total, offset, stride, pf;
    } shapes[] = {{1, 1, 0, 0x0100},   {7, 1, 1, 0x0100},     {8, 128, 2, 0x0100},
                  {255, 1, 1, 0x0100}, {256, 1, 1, 0x0100},   {257, 1, 1, 0x0100},
                  {257, 3, 4, 0x02ff}, {65535, 1, 1, 0x0000}, {1000, 0x180, 7, 0x1003}};
    for (unsigned i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct pci_device *device = vfs_device(shapes[i].total, shapes[i].offset, shapes[i].stride, shapes[i].pf);
        unsigned bus = shapes[i].pf >> 8, devfn = shapes[i].pf & 0xff, last_bus = bus;
        for (uint32_t vf = 0; vf < shapes[i].total; vf++) {
            unsigned sum = devfn + shapes[i].offset + shapes[i].stride * vf;
            last_bus = bus + (sum >> 8);
            assert_int_equal(rid(device, vf), last_bus << 8 | (sum & 0xff));
        }
        assert_int_equal(pci_captured_buses(device), last_bus - bus);
        uint16_t untouched = 0xdead;
        assert_int_equal(pci_vf_routing_id(device, shapes[i].total, &untouched), PCI_BAD_PARAMETER);
        assert_int_equal(pci_vf_routing_id(device, 0xffffffff, &untouched), PCI_BAD_PARAMETER);
        assert_int_equal(untouched, 0xdead);
        pci_device_destroy(device);
    }
}

static void routing_ids_that_would_wrap_are_refused_at_construction(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    page_set_vfs(&page, 1, 0x100, 1, 0xfe00);
    char *text = page_text(&page);
    struct pci_profile *profile;
    struct pci_error error;
    struct pci_device *device = NULL;
    assert_int_equal(pci_profile_parse("page", text, strlen(text), &profile, &error), 0);
    free(text);
    struct pci_device_options options = {.has_address = true, .routing_id = 0xff00};
    assert_int_equal(pci_device_create(profile, &options, &device), -22);
    assert_null(device);
    options = (struct pci_device_options){.has_address = true, .routing_id = 0x0300, .subordinate_bus = 2};
    assert_int_equal(pci_device_create(profile, &options, &device), -22);
    options.routing_id = 0xfeff;
    options.subordinate_bus = 0;
    assert_int_equal(pci_device_create(profile, &options, &device), 0);
    assert_int_equal(rid(device, 0), 0xffff);
    pci_device_destroy(device);
    pci_profile_unref(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routing_ids_are_those_of_the_captures),
        cmocka_unit_test(routing_ids_follow_the_examples_of_the_specification),
        cmocka_unit_test(routing_ids_are_linux_s_for_every_number_of_vfs),
        cmocka_unit_test(routing_ids_that_would_wrap_are_refused_at_construction),
    };
    return cmocka_run_group_tests_name("routing", tests, NULL, NULL);
}
