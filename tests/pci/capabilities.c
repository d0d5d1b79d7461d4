/* SPDX-License-Identifier: MIT
 *
 * Capabilities that the captures do not have, put into them: what all ones and all zeroes leave in each register.
 */
#include "fixture.h"

#define PF PCI_FUNCTION_PF

struct row {
    uint32_t offset, length, captured; /* from the capability's start */
    uint32_t pf_ones, pf_zeroes, vf_ones, vf_zeroes;
};

/* Puts a capability at `at` of both functions of the NVMe card (it has none of these), behind what is there. */
static void link_in(struct capture_page *page, uint32_t at, uint32_t header)
{
    for (int i = 0; i < 2; i++) {
        uint8_t *space = i ? page->vf.space : page->pf.space;
        uint32_t last = i ? 0x100 : 0x120;
        if (at < 0x100) {
            uint8_t first = space[0x34];
            space[0x34] = at;
            put16(space, at, (header & 0xff) | (uint32_t)first << 8);
        } else {
            put16(space, last + 2, at << 4 | 1);
            put32(space, at, header & 0x000fffff);
        }
    }
}

static void check(uint32_t at, uint32_t header, const struct row *rows, unsigned count)
{
    struct capture_page page;
    page_load(&page, CARD_NVME);
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < rows[i].length; j++) {
            page.pf.space[at + rows[i].offset + j] = rows[i].captured >> 8 * j & 0xff;
            page.vf.space[at + rows[i].offset + j] = rows[i].captured >> 8 * j & 0xff;
        }
    link_in(&page, at, header);
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    for (unsigned i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        for (int function = -1; function < 1; function++) {
            uint32_t ones = function ? row->pf_ones : row->vf_ones, zeroes = function ? row->pf_zeroes : row->vf_zeroes;
            set(device, function, at + row->offset, row->length, 0xffffffff);
            uint32_t got = get(device, function, at + row->offset, row->length);
            set(device, function, at + row->offset, row->length, 0);
            uint32_t then = get(device, function, at + row->offset, row->length);
            if (got != ones || then != zeroes)
                fail_msg("capability %x, %s, +%02x: %x then %x, not %x then %x", header & 0xffff,
                         function ? "PF" : "VF", row->offset, got, then, ones, zeroes);
        }
    }
    pci_device_destroy(device);
}
#define CHECK(at, header, rows) check(at, header, rows, sizeof rows / sizeof *rows)

static void msi_in_its_four_layouts(void **state)
{
    (void)state;
    static const struct row plain[] = {{2, 2, 0x0000, 0x0071, 0, 0x0071, 0},
                                       {4, 4, 0, 0xfffffffc, 0, 0xfffffffc, 0},
                                       {8, 2, 0, 0xffff, 0, 0xffff, 0},
                                       {10, 2, 0xaaaa, 0, 0, 0, 0}}; /* reserved */
    static const struct row wide[] = {{2, 2, 0x0086, 0x00f7, 0x86, 0x00f7, 0x86},
                                      {8, 4, 0, 0xffffffff, 0, 0xffffffff, 0},
                                      {12, 2, 0, 0xffff, 0, 0xffff, 0}};
    static const struct row masked[] = {{2, 2, 0x0104, 0x0175, 0x104, 0x0175, 0x104}, /* 4 messages */
                                        {8, 2, 0, 0xffff, 0, 0xffff, 0},
                                        {12, 4, 0, 0x0000000f, 0, 0x0000000f, 0},
                                        {16, 4, 0xf, 0, 0, 0, 0}};
    static const struct row both[] = {{2, 2, 0x018a, 0x01fb, 0x18a, 0x01fb, 0x18a}, /* 32 messages */
                                      {16, 4, 0, 0xffffffff, 0, 0xffffffff, 0},
                                      {20, 4, 0xf, 0, 0, 0, 0}};
    CHECK(0xe0, 0x00000005, plain);
    CHECK(0xe0, 0x00000005, wide);
    CHECK(0xe0, 0x00000005, masked);
    CHECK(0xe0, 0x00000005, both);
}

static void access_control_services(void **state)
{
    (void)state;
    static const struct row rows[] = {{4, 2, 0x005f, 0x5f, 0x5f, 0x5f, 0x5f}, {6, 2, 0, 0x5f, 0, 0x5f, 0}};
    CHECK(0x200, 0x0001000d, rows);
}

static void address_translation_services(void **state)
{
    (void)state;
    static const struct row rows[] = {{4, 2, 0x007f, 0x7f, 0x7f, 0x60, 0x60}, {6, 2, 0, 0x801f, 0, 0x8000, 0}};
    CHECK(0x200, 0x0001000f, rows);
}

static void device_serial_number_and_vendor_capabilities_are_read_only(void **state)
{
    (void)state;
    static const struct row serial[] = {{4, 4, 0x12345678, 0x12345678, 0x12345678, 0x12345678, 0x12345678},
                                        {8, 4, 0x9abcdef0, 0x9abcdef0, 0x9abcdef0, 0x9abcdef0, 0x9abcdef0}};
    static const struct row vendor[] = {{4, 4, 0x01010042, 0x01010042, 0x01010042, 0x01010042, 0x01010042},
                                        {8, 4, 0x55aa55aa, 0x55aa55aa, 0x55aa55aa, 0x55aa55aa, 0x55aa55aa},
                                        {16, 4, 0x77777777, 0x77777777, 0x77777777, 0, 0}}; /* behind its 16 bytes */
    CHECK(0x200, 0x00010003, serial);
    CHECK(0x200, 0x0001000b, vendor);
    CHECK(0x200, 0x00010023, vendor);
}

static void latency_tolerance_is_the_pf_s(void **state)
{
    (void)state;
    static const struct row rows[] = {{4, 2, 0x1003, 0x1fff, 0, 0, 0}, {6, 2, 0x1003, 0x1fff, 0, 0, 0}};
    CHECK(0x200, 0x00010018, rows);
}

static void tph_with_steering_tags_in_the_capability(void **state)
{
    (void)state;
    static const struct row rows[] = {{4, 4, 0x00030205, 0x00030205, 0x00030205, 0x00030205, 0x00030205},
                                      {8, 4, 0, 0x307, 0, 0x307, 0},
                                      {12, 4, 0, 0xffffffff, 0, 0xffffffff, 0},
                                      {16, 4, 0, 0xffffffff, 0, 0xffffffff, 0},
                                      {20, 4, 0, 0, 0, 0, 0}};
    CHECK(0x200, 0x00010017, rows);
}

static void an_unknown_capability_is_read_only(void **state)
{
    (void)state;
    static const struct row rows[] = {{4, 4, 0x13579bdf, 0x13579bdf, 0x13579bdf, 0x13579bdf, 0x13579bdf},
                                      {0x40, 4, 0x2468ace0, 0x2468ace0, 0x2468ace0, 0x2468ace0, 0x2468ace0}};
    CHECK(0x200, 0x0001002e, rows);
    static const struct row standard[] = {{4, 4, 0x13579bdf, 0x13579bdf, 0x13579bdf, 0x13579bdf, 0x13579bdf}};
    CHECK(0xe0, 0x00000012, standard);
}

static void link_and_device_control_of_the_pf_follow_what_it_can(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    set(device, PF, 0xa8, 2, 0x7fff); /* extended tags yes, phantom functions no */
    assert_int_equal(get(device, PF, 0xa8, 2), 0x7dff);
    set(device, PF, 0xb0, 2, 0xffff); /* no clock power management */
    assert_int_equal(get(device, PF, 0xb0, 2), 0x02cb);
    set(device, PF, 0xc8, 2, 0xffff); /* no completion timeout, LTR, OBFF, 10-bit tags */
    assert_int_equal(get(device, PF, 0xc8, 2), 0x0340);
    set(device, PF, 0x44, 2, 0xfffc); /* no PME */
    assert_int_equal(get(device, PF, 0x44, 2), 0x0000);
    pci_device_destroy(device);
    device = card_device(CARD_NVME); /* no extended tags */
    set(device, PF, 0x88, 2, 0x7fff);
    assert_int_equal(get(device, PF, 0x88, 2), 0x7cff);
    pci_device_destroy(device);
}

static void a_pf_without_flr_is_not_reset_by_the_bit(void **state)
{
    (void)state;
    struct capture_page page;
    struct pci_counters counters;
    page_load(&page, CARD_82576);
    page.pf.space[0xa7] = 0;
    page.vf.space[0xa7] = 0; /* a VF has FLR whatever its capture says */
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    set(device, PF, 0xa8, 2, 0x8000);
    pci_counters(device, &counters);
    assert_int_equal(counters.pf_resets, 0);
    assert_int_equal(get(device, PF, 0xa8, 2), 0);
    assert_int_equal(get(device, 0, 0xa4, 4), 0x10008020);
    set(device, 0, 0xa8, 2, 0x8000);
    pci_counters(device, &counters);
    assert_int_equal(counters.vf_resets, 1);
    pci_device_destroy(device);
}

/* A VF's class, subsystem vendor and link are its PF's, whatever its capture says (pci.md 4.5, 4.6). */
static void a_vf_has_from_its_pf_what_the_specification_says(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    put32(page.vf.space, 0x08, 0x01080207); /* another class, another revision */
    put32(page.vf.space, 0x2c, 0x22221111);
    put32(page.vf.space, 0xac, 0x00000022);
    page.vf.space[0x0e] = 0x80;
    page.vf.space[0xa4] |= 0x18;
    put32(page.vf.space, 0x10, 0xfe00000c);
    put32(page.vf.space, 0x30, 0xfe000001);
    put32(page.vf.space, 0x3c, 0x0000010b);
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    assert_int_equal(get(device, 0, 0x08, 4), 0x02000007);
    assert_int_equal(get(device, 0, 0x0c, 4), 0);
    assert_int_equal(get(device, 0, 0x2c, 4), 0x22221af4);
    assert_int_equal(get(device, 0, 0xac, 4), get(device, PF, 0xac, 4));
    assert_int_equal(get(device, 0, 0xa4, 4), get(device, PF, 0xa4, 4));
    assert_int_equal(get(device, 0, 0x10, 4), 0);
    assert_int_equal(get(device, 0, 0x30, 4), 0);
    assert_int_equal(get(device, 0, 0x3c, 4), 0);
    pci_device_destroy(device);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(msi_in_its_four_layouts),
        CASE(access_control_services),
        CASE(address_translation_services),
        CASE(device_serial_number_and_vendor_capabilities_are_read_only),
        CASE(latency_tolerance_is_the_pf_s),
        CASE(tph_with_steering_tags_in_the_capability),
        CASE(an_unknown_capability_is_read_only),
        CASE(link_and_device_control_of_the_pf_follow_what_it_can),
        CASE(a_pf_without_flr_is_not_reset_by_the_bit),
        CASE(a_vf_has_from_its_pf_what_the_specification_says),
    };
    return cmocka_run_group_tests_name("capabilities", tests, NULL, NULL);
}
