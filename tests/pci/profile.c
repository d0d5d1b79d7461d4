/* SPDX-License-Identifier: MIT
 *
 * Captures: what is derived from a good one, what is said of a bad one.
 */
#include "fixture.h"

#define PF PCI_FUNCTION_PF

static void refused_page(const struct capture_page *page, const char *words)
{
    char *text = page_text(page);
    assert_refused(text, strlen(text), words, 0);
    free(text);
}

static void texts_that_are_no_captures(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
        unsigned line;
    } bad[] = {
        {"", "not an lspci -xxxx capture", 0},
        {"\n\n\n", "not an lspci -xxxx capture", 0},
        {"hello\nworld\n", "not an lspci -xxxx capture", 0},
        {"\x7f"
         "ELF\x02\x01",
         "not an lspci -xxxx capture", 0},
        {"01:00.0", "function 01:00.0 has 0 bytes, 4096 are needed: run lspci as root with -xxxx", 1},
        {"\n01:00.0 Ethernet\n00: 86 80 c9 10 07 05 10 00 01 00 00 02 00 00 00 00\n", "has 16 bytes, 4096", 2},
        {"00: 86 80 c9 10 07 05 10 00 01 00 00 02 00 00 00 00\n", "bytes before the line that names their function", 1},
        {"01:00.0 E\n00: 86 80\n", "not an offset and 16 bytes of hex", 2},
        {"01:00.0 E\n00: 86 80 c9 10 07 05 10 00 01 00 00 02 00 00 00 0g\n", "not an offset and 16 bytes of hex", 2},
        {"01:00.0 E\n00: 86 80 c9 10 07 05 10 00 01 00 00 02 00 00 00 00 00\n", "not an offset and 16", 2},
        {"01:00.0 E\n08: 86 80 c9 10 07 05 10 00 01 00 00 02 00 00 00 00\n", "not an offset and 16 bytes", 2},
        {"01:00.0 E\n00: 86 80 c9 10 07 05 10 00 01 00 00 02 00 00 00 00\n"
         "00: 86 80 c9 10 07 05 10 00 01 00 00 02 00 00 00 00\n",
         "offset 000 of function 01:00.0 appears twice", 3},
        {"01:20.0 not a device number\n01:00.8 nor a function\n", "not an lspci -xxxx capture", 0},
    };
    for (unsigned i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_refused(bad[i].text, strlen(bad[i].text), bad[i].words, bad[i].line);
}

static void files_that_cannot_be_read(void **state)
{
    (void)state;
    struct pci_profile *profile = NULL;
    struct pci_error error = {0};
    assert_int_equal(pci_profile_load("/nonexistent/card.lspci", &profile, &error), -2);
    assert_non_null(strstr(error.text, "/nonexistent/card.lspci: No such file"));
    assert_int_equal(pci_profile_load("/", &profile, &error), -21);
    assert_int_equal(pci_profile_load("/dev/zero", &profile, &error), -22);
    assert_non_null(strstr(error.text, "larger than 16 MiB"));
    assert_int_equal(pci_profile_load("/dev/null", &profile, NULL), -22);
    assert_null(profile);
}

static void functions_that_do_not_fit(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    page.no_vf = true;
    refused_page(&page, "no VF (Vendor ID FFFFh) in the capture");
    page.no_vf = false;
    put32(page.vf.space, 0, 0x10ca8086);
    refused_page(&page, "no VF (Vendor ID FFFFh) in the capture");
    page_load(&page, CARD_82576);
    put32(page.pf.space, 0x150, 0x0001000e); /* ARI is the last one: SR-IOV is cut off */
    refused_page(&page, "no function with an SR-IOV capability");
    page_load(&page, CARD_82576);
    page.pf.space[0x0e] = 1;
    refused_page(&page, "header type 1");
    page_load(&page, CARD_82576);
    page.pf.space[0x07] = page.pf.space[0x06] = 0;
    page.vf.space[0x06] = 0;
    refused_page(&page, "VF 01:10.0 has no PCI Express capability");
}

static void capability_lists_that_are_broken(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    page.pf.space[0xa1] = 0x50; /* 40 -> 50 -> 70 -> a0 -> 50 */
    refused_page(&page, "loops: 0a1 leads back to 050");
    page_load(&page, CARD_82576);
    page.vf.space[0x71] = 0x71;
    refused_page(&page, "loops: 071 leads back to 070");
    page_load(&page, CARD_82576);
    page.pf.space[0x34] = 0x3c;
    refused_page(&page, "leaves its region: 034 points to 03c");
    page_load(&page, CARD_82576);
    put32(page.vf.space, 0x150, 0x0801000e);
    refused_page(&page, "leaves its region: 150 points to 080");
    page_load(&page, CARD_82576);
    put32(page.vf.space, 0x150, 0x1001000e);
    refused_page(&page, "loops: 150 leads back to 100");
}

static void capabilities_that_do_not_fit(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    page.vf.space[0x71] = 0xf8;
    put32(page.vf.space, 0xf8, 0x00000005); /* MSI, 10 bytes, in the last 8 */
    refused_page(&page, "MSI at 0f8 is 10 bytes long and runs past 0ff");
    page_load(&page, CARD_82576);
    put32(page.vf.space, 0x150, 0xffc1000e);
    put32(page.vf.space, 0xffc, 0x00010003);
    refused_page(&page, "Device Serial Number at ffc is 12 bytes long and runs past fff");
    page_load(&page, CARD_82576);
    page.vf.space[0x71] = 0x78; /* inside MSI-X */
    put32(page.vf.space, 0x78, 0x00030001);
    refused_page(&page, "at 078 and capability MSI-X at 070 both have the dword at 078");
    page_load(&page, CARD_82576);
    page.vf.space[0x71] = 0xe0;
    put32(page.vf.space, 0xe0, 0x00000011);
    refused_page(&page, "capability MSI-X appears twice, at 070 and 0e0");
}

static void capabilities_a_vf_must_not_have(void **state)
{
    (void)state;
    static const struct {
        uint16_t id;
        const char *words;
    } forbidden[] = {{0x02, "virtual channels belong to the PF"},
                     {0x09, "virtual channels belong to the PF"},
                     {0x08, "virtual channels belong to the PF"},
                     {0x04, "power is budgeted for the PF"},
                     {0x10, "a VF has no VFs"},
                     {0x11, "a VF has no VFs"},
                     {0x13, "a VF uses the Page Request Interface of its PF"},
                     {0x1b, "a VF uses PASIDs under the PASID capability of its PF"}};
    for (unsigned i = 0; i < sizeof forbidden / sizeof *forbidden; i++) {
        struct capture_page page;
        page_load(&page, CARD_82576);
        put32(page.vf.space, 0x150, 0x2001000e);
        put32(page.vf.space, 0x200, 0x00010000 | forbidden[i].id);
        refused_page(&page, forbidden[i].words);
        page_load(&page, CARD_82576);
        if (forbidden[i].id != 0x10) {
            put32(page.pf.space, 0x160, 0x20010010);
            put32(page.pf.space, 0x200, 0x00010000 | forbidden[i].id);
            pci_device_destroy(page_device(&page, NULL)); /* the PF may */
        }
    }
}

static void bars_that_do_not_fit(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    page.pf.size[0] = NULL;
    refused_page(&page, "BAR 0 of 01:00.0 has an address but no size");
    page_load(&page, CARD_82576);
    page.vf.size[3] = NULL;
    refused_page(&page, "VF BAR 3 of 01:00.0 has an address but no size");
    page.vf.size[3] = "16";
    pci_device_destroy(page_device(&page, NULL));
    page.vf.size[3] = "3K";
    refused_page(&page, "has an address but no size");
    page_load(&page, CARD_82576);
    page.pf.size[0] = "4G";
    refused_page(&page, "a size that its type cannot have");
    page_load(&page, CARD_82576);
    put32(page.pf.space, 0x24, 0xfe900004);
    page.pf.size[5] = "64K";
    refused_page(&page, "BAR 5 of 01:00.0 is 64 bits wide, but there is no upper half");
    page_load(&page, CARD_82576);
    put32(page.pf.space, SRIOV_82576 + 0x24, 0xc001);
    refused_page(&page, "VF BAR 0 of 01:00.0 is an I/O BAR");
    page_load(&page, CARD_82576);
    put32(page.pf.space, 0x30, 0xfe860000);
    refused_page(&page, "expansion ROM of 01:00.0 has an address but no size");
    page.pf.rom = "64K";
    struct pci_device *device = page_device(&page, NULL);
    set(device, PF, 0x30, 4, 0xfffffffe);
    assert_int_equal(get(device, PF, 0x30, 4), 0xffff0000);
    pci_device_destroy(device);
}

static void sriov_registers_that_do_not_fit(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    put16(page.pf.space, SRIOV_82576 + 0x16, 0);
    refused_page(&page, "8 VFs but First VF Offset 128 and VF Stride 0");
    page_load(&page, CARD_82576);
    put16(page.pf.space, SRIOV_82576 + 0x14, 0);
    refused_page(&page, "8 VFs but First VF Offset 0");
    page_load(&page, CARD_82576);
    put32(page.pf.space, SRIOV_82576 + 0x1c, 0x552);
    refused_page(&page, "does not support 4 KiB pages");
}

/* The same card captured in use: reset values are the card's, not the driver's. */
static void a_capture_with_vfs_on_makes_the_same_device(void **state)
{
    (void)state;
    static const struct {
        const char *off, *pf, *vf;
        enum card card;
    } cards[] = {{"intel-82576.lspci", "82576-pf-2vfs.lspci", "82576-vf1.lspci", CARD_82576},
                 {"nvme-qemu.lspci", "nvme-pf-2vfs.lspci", "nvme-vf1.lspci", CARD_NVME}};
    for (unsigned i = 0; i < 2; i++) {
        size_t pf_length, vf_length;
        char *pf = file_text("PCI_DATA", cards[i].pf, &pf_length), *vf = file_text("PCI_DATA", cards[i].vf, &vf_length);
        char *both = malloc(pf_length + vf_length + 1);
        memcpy(both, pf, pf_length);
        memcpy(both + pf_length, vf, vf_length + 1);
        struct pci_profile *profile;
        struct pci_device *on, *off = card_device(cards[i].card);
        struct pci_error error;
        assert_int_equal(pci_profile_parse("both", both, pf_length + vf_length, &profile, &error), 0);
        assert_int_equal(pci_device_create(profile, &(struct pci_device_options){0}, &on), 0);
        pci_profile_unref(profile);
        for (int function = -1; function < 2; function++) {
            static char one[32768], two[32768];
            assert_int_equal(pci_dump(on, function, one, sizeof one), pci_dump(off, function, two, sizeof two));
            assert_string_equal(one, two);
            if (function == -1) {
                assert_int_equal(get(on, PF, (cards[i].card ? SRIOV_NVME : SRIOV_82576) + 0x08, 2), 0x10);
                assert_int_equal(get(on, PF, 0x04, 2), 0);
                assert_int_equal(pci_sriov_enable(on, 2), PCI_OK);
                assert_int_equal(pci_sriov_enable(off, 2), PCI_OK);
            }
        }
        pci_device_destroy(on);
        pci_device_destroy(off);
        free(pf), free(vf), free(both);
    }
}

/* drivers.md 12: some drivers take NumVFs at start. */
static void num_vfs_is_kept_when_the_capture_has_vfs_off(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    put16(page.pf.space, SRIOV_82576 + 0x10, 7);
    struct pci_device *device = page_device(&page, NULL);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x10, 2), 7);
    assert_int_equal(pci_sriov_num_vfs(device), 0);
    pci_device_destroy(device);
    put16(page.pf.space, SRIOV_82576 + 0x08, 1);
    device = page_device(&page, NULL);
    assert_int_equal(get(device, PF, SRIOV_82576 + 0x10, 2), 0);
    pci_device_destroy(device);
}

static void other_functions_windows_lines_and_a_domain_do_no_harm(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_82576);
    static char machine[131072];
    char *text = page_text(&page);
    char *to = machine + sprintf(machine, "00:00.0 Host bridge: something\r\n"
                                          "00: ff ff ff ff 00 00 10 00 01 00 00 02 00 00 00 00\r\n\r\n");
    for (const char *from = text; *from; from++) {
        if (from == strstr(text, "01:00.0") || from == strstr(text, "01:10.0"))
            to += sprintf(to, "000a:");
        if (*from == '\n')
            *to++ = '\r';
        *to++ = *from;
    }
    struct pci_profile *profile;
    struct pci_error error = {0};
    struct pci_device *device;
    int status = pci_profile_parse("machine", machine, to - machine, &profile, &error);
    assert_string_equal(error.text, "");
    assert_int_equal(status, 0);
    assert_int_equal(pci_device_create(profile, &(struct pci_device_options){0}, &device), 0);
    pci_profile_unref(profile);
    assert_int_equal(pci_segment(device), 10);
    assert_int_equal(pci_routing_id(device), 0x0100);
    pci_device_destroy(device);
    free(text);
}

/* Some lspci print the size in the PF's SR-IOV capability instead of in the VF. */
static void vf_bar_sizes_may_stand_in_the_sriov_capability(void **state)
{
    (void)state;
    struct capture_page page;
    page_load(&page, CARD_NVME);
    page.vf.size[0] = NULL;
    refused_page(&page, "VF BAR 0 of 01:00.0 has an address but no size");
    static char with[65536];
    char *text = page_text(&page);
    char *cut = strstr(text, "\n") + 1;
    sprintf(with, "%.*s\t\tRegion 0: Memory at 00000000fe804000 (64-bit) [size=32K]\n%s", (int)(cut - text), text, cut);
    struct pci_profile *profile;
    struct pci_error error;
    struct pci_device *device;
    struct pci_bar bars[PCI_BAR_COUNT];
    assert_int_equal(pci_profile_parse("card", with, strlen(with), &profile, &error), 0);
    assert_int_equal(pci_device_create(profile, &(struct pci_device_options){0}, &device), 0);
    pci_profile_unref(profile);
    pci_vf_bars(device, bars);
    assert_int_equal(bars[0].size, 0x8000);
    pci_pf_bars(device, bars);
    assert_int_equal(bars[0].size, 0x4000);
    pci_device_destroy(device);
    free(text);
}

static void profiles_are_shared_and_counted(void **state)
{
    (void)state;
    size_t length;
    char *text = file_text("PCI_PROFILES", "intel-82576.lspci", &length);
    struct pci_profile *profile;
    struct pci_error error;
    struct pci_device *one, *two;
    assert_int_equal(pci_profile_parse("card", text, length, &profile, &error), 0);
    free(text);
    assert_int_equal(pci_device_create(profile, &(struct pci_device_options){0}, &one), 0);
    assert_int_equal(pci_device_create(profile, &(struct pci_device_options){0}, &two), 0);
    pci_profile_unref(profile);
    assert_int_equal(pci_sriov_enable(one, 1), PCI_OK);
    assert_int_equal(pci_sriov_num_vfs(two), 0);
    pci_device_destroy(one);
    assert_int_equal(get(two, PF, 0, 2), 0x8086);
    pci_device_destroy(two);
    pci_device_destroy(NULL);
    pci_profile_unref(NULL);
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(texts_that_are_no_captures),
        CASE(files_that_cannot_be_read),
        CASE(functions_that_do_not_fit),
        CASE(capability_lists_that_are_broken),
        CASE(capabilities_that_do_not_fit),
        CASE(capabilities_a_vf_must_not_have),
        CASE(bars_that_do_not_fit),
        CASE(sriov_registers_that_do_not_fit),
        CASE(a_capture_with_vfs_on_makes_the_same_device),
        CASE(num_vfs_is_kept_when_the_capture_has_vfs_off),
        CASE(other_functions_windows_lines_and_a_domain_do_no_harm),
        CASE(vf_bar_sizes_may_stand_in_the_sriov_capability),
        CASE(profiles_are_shared_and_counted),
    };
    return cmocka_run_group_tests_name("profile", tests, NULL, NULL);
}
