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

/* `pf_only`: the VF keeps what it has, its columns in the rows are not looked at. */
static void check_in(bool pf_only, uint32_t at, uint32_t header, const struct row *rows, unsigned count)
{
    struct capture_page page;
    struct function_page vf;
    page_load(&page, CARD_NVME);
    vf = page.vf;
    for (unsigned i = 0; i < count; i++)
        for (unsigned j = 0; j < rows[i].length; j++) {
            page.pf.space[at + rows[i].offset + j] = rows[i].captured >> 8 * j & 0xff;
            page.vf.space[at + rows[i].offset + j] = rows[i].captured >> 8 * j & 0xff;
        }
    link_in(&page, at, header);
    if (pf_only)
        page.vf = vf;
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    for (unsigned i = 0; i < count; i++) {
        const struct row *row = &rows[i];
        for (int function = -1; function < (pf_only ? 0 : 1); function++) {
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
#define CHECK(at, header, rows)    check_in(false, at, header, rows, sizeof rows / sizeof *rows)
#define CHECK_PF(at, header, rows) check_in(true, at, header, rows, sizeof rows / sizeof *rows)

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

static void vendor_specific_is_as_long_as_it_says(void **state)
{
    (void)state;
    static const struct row rows[] = {{2, 2, 0x550c, 0x550c, 0x550c, 0x550c, 0x550c},
                                      {4, 4, 0x12345678, 0x12345678, 0x12345678, 0x12345678, 0x12345678},
                                      {8, 4, 0x9abcdef0, 0x9abcdef0, 0x9abcdef0, 0x9abcdef0, 0x9abcdef0},
                                      {12, 4, 0x77777777, 0x77777777, 0x77777777, 0, 0}}; /* behind its 12 bytes */
    CHECK(0xe0, 0x00000009, rows);
}

/* Status is the hardware's to set: ones clear it. Masks, severities and enables of a VF are its PF's. */
static void error_reporting_is_whole_in_the_pf_and_status_only_in_a_vf(void **state)
{
    (void)state;
    static const struct row rows[] = {{0x04, 4, 0, 0, 0, 0, 0},
                                      {0x08, 4, 0x02400000, 0x07fff030, 0, 0, 0},
                                      {0x0c, 4, 0x00462030, 0x07fff030, 0, 0, 0},
                                      {0x10, 4, 0, 0, 0, 0, 0},
                                      {0x14, 4, 0x00002000, 0x0000f1c1, 0, 0, 0},
                                      {0x18, 4, 0x000000a0, 0x000001e0, 0xa0, 0xa0, 0xa0},
                                      {0x1c, 4, 0x11111111, 0, 0, 0, 0}}; /* an old log is no reset value */
    CHECK(0x200, 0x00010001, rows);
    static const struct row without_ecrc[] = {{0x18, 4, 0, 0, 0, 0, 0}};
    CHECK(0x200, 0x00010001, without_ecrc);
}

/* What a VF must not have, and a PF may. (That a VF is refused with it: profile.c.) */
static void pasid_and_page_requests_are_registers_of_the_pf(void **state)
{
    (void)state;
    static const struct row pasid[] = {{4, 2, 0x1006, 0x1006, 0x1006, 0, 0}, {6, 2, 0, 0x0007, 0, 0, 0}};
    static const struct row plain_pasid[] = {{4, 2, 0x1000, 0x1000, 0x1000, 0, 0}, {6, 2, 0, 0x0001, 0, 0, 0}};
    static const struct row page_request[] = {{4, 2, 0, 0x0001, 0, 0, 0},
                                              {6, 2, 0x8100, 0x8100, 0x8100, 0, 0},
                                              {8, 4, 0x40, 0x40, 0x40, 0, 0},
                                              {12, 4, 0, 0xffffffff, 0, 0, 0}};
    CHECK_PF(0x200, 0x0001001b, pasid);
    CHECK_PF(0x200, 0x0001001b, plain_pasid);
    CHECK_PF(0x200, 0x00010013, page_request);
}

/* Capabilities that the card has: its captured registers changed, then all ones and all zeroes to both functions. */
struct change {
    uint32_t at, size, captured;
};

static void check_changed(const struct change *change, const struct row *row)
{
    struct capture_page page;
    page_load(&page, CARD_NVME);
    memcpy(page.pf.space + change->at, &(uint32_t){change->captured}, change->size);
    memcpy(page.vf.space + change->at, &(uint32_t){change->captured}, change->size);
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    for (int function = 0; function >= -1; function--) {
        set(device, function, row->offset, row->length, 0xffffffff);
        assert_int_equal(get(device, function, row->offset, row->length), function ? row->pf_ones : row->vf_ones);
        set(device, function, row->offset, row->length, 0);
        assert_int_equal(get(device, function, row->offset, row->length), function ? row->pf_zeroes : row->vf_zeroes);
    }
    pci_device_destroy(device);
}

static void power_management_msix_and_ari_follow_what_they_say(void **state)
{
    (void)state;
    static const struct {
        struct change change;
        struct row row;
    } cases[] = {
        {{0x62, 2, 0xfe03}, {0x62, 2, 0, 0xfe03, 0xfe03, 0x0603, 0x0603}}, /* PM: PME from any state, not in a VF */
        {{0x62, 2, 0xfe03}, {0x64, 2, 0, 0x010b, 0x0008, 0x000b, 0x0008}},
        {{0x62, 2, 0x0003}, {0x64, 2, 0, 0x000b, 0x0008, 0x000b, 0x0008}}, /* no PME at all */
        {{0x42, 2, 0x07ff}, {0x42, 2, 0, 0xc7ff, 0x07ff, 0xc7ff, 0x07ff}}, /* MSI-X: 2048 vectors */
        {{0x42, 2, 0xffff}, {0x42, 2, 0, 0xc7ff, 0x07ff, 0xc7ff, 0x07ff}}, /* in use when captured */
        {{0x44, 4, 0x12345678}, {0x44, 4, 0, 0x12345678, 0x12345678, 0x12345678, 0x12345678}},
        {{0x104, 2, 0x0103}, {0x106, 2, 0, 0x0073, 0, 0, 0}}, /* ARI: both kinds of function groups, not in a VF */
        {{0x104, 2, 0x0102}, {0x106, 2, 0, 0x0072, 0, 0, 0}},
        {{0x104, 2, 0x0100}, {0x106, 2, 0, 0, 0, 0, 0}},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof *cases; i++)
        check_changed(&cases[i].change, &cases[i].row);
}

/* Version 1 ends with Link Status: what stands behind it is not Device Control 2. */
static void pci_express_1_has_no_second_half(void **state)
{
    (void)state;
    struct capture_page page;
    struct pci_counters counters;
    page_load(&page, CARD_NVME);
    put16(page.pf.space, 0x82, 0x0001);
    put16(page.vf.space, 0x82, 0x0001);
    put32(page.vf.space, 0xa8, 0x12345678);
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
    for (int function = -1; function < 1; function++) {
        uint32_t before = get(device, function, 0xa8, 4);
        set(device, function, 0xa8, 4, ~before);
        assert_int_equal(get(device, function, 0xa8, 4), before);
    }
    assert_int_equal(get(device, 0, 0xa8, 4), 0);
    assert_int_equal(get(device, 0, 0x82, 2), 0x0001);
    set(device, 0, 0x04, 2, 4);
    set(device, 0, 0x88, 2, 0x8000);
    assert_int_equal(get(device, 0, 0x04, 2), 0);
    pci_counters(device, &counters);
    assert_int_equal(counters.vf_resets, 1);
    pci_device_destroy(device);
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

/* pci.md 4.7: one card, one serial number. A VF whose PF shows none keeps its own. */
static void the_serial_number_of_a_vf_is_its_pf_s(void **state)
{
    (void)state;
    for (int both = 0; both < 2; both++) {
        struct capture_page page;
        page_load(&page, CARD_NVME);
        put32(page.vf.space, 0x100, 0x2001000e); /* ARI, then the serial number */
        put32(page.vf.space, 0x200, 0x00010003);
        put32(page.vf.space, 0x204, 0x11111111);
        put32(page.vf.space, 0x208, 0x22222222);
        if (both) {
            put32(page.pf.space, SRIOV_NVME, 0x30010010);
            put32(page.pf.space, 0x300, 0x00010003);
            put32(page.pf.space, 0x304, 0x33333333);
            put32(page.pf.space, 0x308, 0x44444444);
        }
        struct pci_device *device = page_device(&page, NULL);
        assert_int_equal(pci_sriov_enable(device, 1), PCI_OK);
        assert_int_equal(get(device, 0, 0x204, 4), both ? 0x33333333 : 0x11111111);
        assert_int_equal(get(device, 0, 0x208, 4), both ? 0x44444444 : 0x22222222);
        pci_device_destroy(device);
    }
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(msi_in_its_four_layouts),
        CASE(access_control_services),
        CASE(address_translation_services),
        CASE(device_serial_number_and_vendor_capabilities_are_read_only),
        CASE(vendor_specific_is_as_long_as_it_says),
        CASE(error_reporting_is_whole_in_the_pf_and_status_only_in_a_vf),
        CASE(pasid_and_page_requests_are_registers_of_the_pf),
        CASE(power_management_msix_and_ari_follow_what_they_say),
        CASE(pci_express_1_has_no_second_half),
        CASE(latency_tolerance_is_the_pf_s),
        CASE(tph_with_steering_tags_in_the_capability),
        CASE(an_unknown_capability_is_read_only),
        CASE(link_and_device_control_of_the_pf_follow_what_it_can),
        CASE(a_pf_without_flr_is_not_reset_by_the_bit),
        CASE(a_vf_has_from_its_pf_what_the_specification_says),
        CASE(the_serial_number_of_a_vf_is_its_pf_s),
    };
    return cmocka_run_group_tests_name("capabilities", tests, NULL, NULL);
}
