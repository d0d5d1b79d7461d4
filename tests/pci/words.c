/* SPDX-License-Identifier: MIT
 *
 * What is printed: dumps that lspci and our own reader understand, writes in words, the map of a profile, a synthetic
 * card.
 */
#include "fixture.h"

#define PF PCI_FUNCTION_PF

static void a_dump_read_back_is_the_same_device(void **state)
{
    (void)state;
    for (enum card card = CARD_82576; card <= CARD_NVME; card++) {
        static char text[65536], again[65536];
        struct pci_device *device = card_device(card), *copy;
        struct pci_profile *profile;
        struct pci_error error = {0};
        assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
        int used = pci_dump(device, PF, text, sizeof text);
        used += pci_dump(device, 1, text + used, sizeof text - used);
        assert_int_equal(used, strlen(text));
        int status = pci_profile_parse("dump", text, used, &profile, &error);
        assert_string_equal(error.text, "");
        assert_int_equal(status, 0);
        assert_int_equal(pci_device_create(profile, &(struct pci_device_options){0}, &copy), 0);
        pci_profile_unref(profile);
        assert_int_equal(pci_sriov_enable(copy, 2), PCI_OK);
        for (int function = -1; function < 2; function++) {
            assert_int_equal(pci_dump(device, function, text, sizeof text),
                             pci_dump(copy, function, again, sizeof again));
            assert_string_equal(text, again);
        }
        pci_device_destroy(device);
        pci_device_destroy(copy);
    }
}

static void a_dump_has_the_form_of_lspci(void **state)
{
    (void)state;
    static char text[32768];
    struct pci_device *device = card_device(CARD_82576);
    assert_int_equal(pci_dump(device, 0, text, sizeof text), 0);
    assert_string_equal(text, "");
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    int length = pci_dump(device, 1, text, sizeof text);
    assert_int_equal(length, strlen(text));
    static const char start[] = "01:10.2 0200: ffff:ffff (rev 01)\n"
                                "\tRegion 0: Memory at fe004000 (64-bit, prefetchable) [virtual] [size=16K]\n"
                                "\tRegion 3: Memory at fe024000 (64-bit, prefetchable) [virtual] [size=16K]\n"
                                "00: ff ff ff ff 00 00 10 00 01 00 00 02 00 00 00 00\n"
                                "10: 00 00 00 00";
    assert_memory_equal(text, start, sizeof start - 1);
    assert_non_null(strstr(text, "\n100: 01 00 01 15 "));
    assert_non_null(strstr(text, "\nff0: 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00\n\n"));
    char small[40];
    memset(small, 'x', sizeof small);
    assert_int_equal(pci_dump(device, 1, small, 20), length);
    assert_memory_equal(small, "01:10.2 0200: ffff:\0xx", 22);
    assert_int_equal(pci_dump(device, 1, NULL, 0), length);
    assert_int_equal(pci_dump(device, 2, text, sizeof text), 0);
    pci_device_destroy(device);
}

static struct pci_device *device_of_words;

/* Writes and says so. */
static const char *told(int function, uint32_t offset, uint32_t length, uint32_t value)
{
    static char text[512];
    uint8_t wanted[4] = {value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >> 24}, before[4], after[4];
    pci_config_read(device_of_words, function, offset, before, length);
    pci_config_write(device_of_words, function, offset, wanted, length);
    pci_config_read(device_of_words, function, offset, after, length);
    int used = pci_describe_write(device_of_words, function, offset, length, wanted, before, after, text, sizeof text);
    assert_int_equal(used, strlen(text));
    return text;
}

static void writes_are_told_in_words(void **state)
{
    (void)state;
    device_of_words = card_device(CARD_82576);
    assert_int_equal(pci_sriov_enable(device_of_words, 2), PCI_OK);
    assert_string_equal(told(0, 0x04, 2, 0x0007), "Command 0000 -> 0004 Bus Master; I/O, Memory: not writable in a VF");
    assert_string_equal(told(0, 0x04, 2, 0x0004), "2 bytes at 0x004: nothing changed");
    assert_string_equal(told(0, 0x04, 1, 0x00), "Command 0004 -> 0000 no Bus Master");
    assert_string_equal(told(0, 0x04, 2, 0x0400), "Command INTx Disable: not writable in a VF");
    assert_string_equal(told(0, 0x72, 2, 0xc002), "MSI-X Control 0002 -> c002 Function Mask, MSI-X Enable");
    assert_string_equal(told(0, 0x73, 1, 0x80), "MSI-X Control c002 -> 8002 no Function Mask");
    assert_string_equal(told(0, 0x10, 4, 0xffffffff), "BAR 0: not writable in a VF");
    assert_string_equal(told(0, 0x00, 2, 0x8086), "Vendor ID: not writable in a VF");
    assert_string_equal(told(0, 0xa8, 2, 0x8000), "Device Control: Initiate FLR");
    assert_true(pci_raise_status(device_of_words, 0, 0x04, 0x20000000));
    assert_string_equal(told(0, 0x06, 2, 0xffff),
                        "Status 2010 -> 0010 no Received Master Abort; INTx Status, 66 MHz, Fast B2B, DEVSEL, "
                        "bits 0047: not writable in a VF");
    assert_string_equal(told(PF, SRIOV_82576 + 0x10, 2, 5), "NumVFs: refused in this state");
    assert_string_equal(told(PF, SRIOV_82576 + 0x08, 2, 0x10), "SR-IOV Control 0019 -> 0010 no VF Enable, no VF MSE");
    assert_string_equal(told(PF, SRIOV_82576 + 0x10, 2, 5), "NumVFs 0002 -> 0005");
    assert_string_equal(told(PF, 0x200, 4, 5), "4 bytes at 0x200: nothing changed");
    pci_device_destroy(device_of_words);
}

static void words_that_do_not_fit_are_cut(void **state)
{
    (void)state;
    struct pci_device *device = card_device(CARD_82576);
    uint8_t wanted[2] = {0xff, 0xff}, before[2] = {0, 0}, after[2] = {4, 0};
    char text[16];
    memset(text, 'x', sizeof text);
    int full = pci_describe_write(device, 0, 4, 2, wanted, before, after, NULL, 0);
    assert_int_equal(pci_describe_write(device, 0, 4, 2, wanted, before, after, text, 12), full);
    assert_memory_equal(text, "Command 000\0xxxx", 16);
    pci_device_destroy(device);
}

static struct pci_profile *synthetic(uint16_t total_vfs)
{
    static char text[65536];
    struct pci_profile *profile = NULL;
    struct pci_error error = {0};
    int length = pci_profile_synth(total_vfs, text, sizeof text);
    assert_int_equal(length, strlen(text));
    assert_int_equal(pci_profile_synth(total_vfs, NULL, 0), length);
    pci_profile_parse("synthetic", text, length, &profile, &error);
    assert_string_equal(error.text, "");
    return profile;
}

static void a_synthetic_card_has_as_many_vfs_as_asked_for(void **state)
{
    (void)state;
    static const uint16_t totals[] = {1, 8, 256, 257, 65535};
    for (unsigned i = 0; i < sizeof totals / sizeof *totals; i++) {
        struct pci_profile *profile = synthetic(totals[i]);
        struct pci_device *device;
        uint16_t last;
        int vf = totals[i] - 1;
        assert_int_equal(pci_device_create(profile, &(struct pci_device_options){0}, &device), 0);
        pci_profile_unref(profile);
        assert_int_equal(pci_sriov_total_vfs(device), totals[i]);
        assert_int_equal(pci_sriov_enable(device, totals[i]), PCI_OK);
        assert_int_equal(pci_vf_routing_id(device, vf, &last), PCI_OK);
        assert_int_equal(last, totals[i]);
        assert_int_equal(pci_captured_buses(device), totals[i] >> 8);
        set(device, vf, 0x54, 4, 0xfee00000); /* MSI Address: no effect, one plain store */
        set(device, vf, 0x5d, 1, 0x42);
        assert_int_equal(get(device, vf, 0x54, 4), 0xfee00000);
        assert_int_equal(get(device, vf, 0x5c, 2), 0x4200);
        assert_int_equal(pci_vf_reset(device, vf), PCI_OK);
        assert_int_equal(get(device, vf, 0x54, 4), 0);
        pci_device_destroy(device);
    }
}

static void a_profile_is_shown_register_by_register(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "PF 0000:00:00.0  fffe:0001  TotalVFs 257, First VF Offset 1, VF Stride 1\n",
        "\n004  Command                       0000  00000w0w0w000www                  bus master, memory decoding\n",
        "\n004  Command                       0000  0000000000000w00                  bus master, memory decoding\n",
        "\n006  Status                        0010  ccccc00c00010000\n",
        "\n010  BAR 0                     0000000c  wwwwwwwwwwwwwwwwww00000000001100\n",
        "\n098  Device Control                0000  t000000000000000                  function level reset\n",
        "\n110  Correctable Status        00000000  0000000000000000cccc000ccc00000c  sticky 0000f1c1\n",
        "\n16e  TotalVFs                      0101  0000000100000001\n",
        "\nMSI-X\n070  Capability Header             9011  1001000000010001\n072  MSI-X Control",
        "\nAdvanced Error Reporting\n100  Capability Header         14010001  00010100000000010000000000000001\n104  ",
    };
    static char text[32768];
    struct pci_profile *profile = synthetic(257);
    int length = pci_profile_show(profile, text, sizeof text);
    assert_int_equal(length, strlen(text));
    for (unsigned i = 0; i < sizeof lines / sizeof *lines; i++)
        if (!strstr(text, lines[i]))
            fail_msg("not shown: %s", lines[i]);
    char small[16];
    assert_int_equal(pci_profile_show(profile, small, sizeof small), length);
    assert_memory_equal(small, "PF 0000:00:00.0", sizeof small);
    pci_profile_unref(profile);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_dump_read_back_is_the_same_device),
        cmocka_unit_test(a_dump_has_the_form_of_lspci),
        cmocka_unit_test(writes_are_told_in_words),
        cmocka_unit_test(words_that_do_not_fit_are_cut),
        cmocka_unit_test(a_synthetic_card_has_as_many_vfs_as_asked_for),
        cmocka_unit_test(a_profile_is_shown_register_by_register),
    };
    return cmocka_run_group_tests_name("words", tests, NULL, NULL);
}
