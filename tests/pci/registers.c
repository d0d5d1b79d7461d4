/* SPDX-License-Identifier: MIT
 *
 * Every offset, every length, several patterns: the device against the byte-wise oracle. (cloud-hypervisor #8818,
 * OpenVMM #3856 #3883: a word in the wrong word; libvfio-user #640: a write in the middle of MSI-X control.)
 */
#include "oracle.h"

static const struct {
    enum card card;
    const char *name;
} cards[] = {{CARD_82576, "82576"}, {CARD_NVME, "NVMe"}, {CARD_SYNTHETIC, "synthetic"}};
#define CARDS (sizeof cards / sizeof *cards)

static struct pci_device *start(enum card card, struct oracle *oracle)
{
    struct pci_device *device = card_device(card);
    assert_int_equal(pci_sriov_enable(device, 2), PCI_OK);
    oracle_init(oracle, card);
    return device;
}

static void assert_same(struct pci_device *device, const struct oracle *oracle, uint32_t offset, uint32_t length,
                        const char *what)
{
    uint8_t bytes[PCI_CONFIG_SIZE];
    assert_int_equal(pci_config_read(device, 1, offset, bytes, length), length);
    for (uint32_t i = 0; i < length; i++)
        if (bytes[i] != oracle->value[offset + i])
            fail_msg("%s: byte %03x is %02x, the oracle says %02x", what, offset + i, bytes[i],
                     oracle->value[offset + i]);
}

/* As if errors had happened, so that there is something to clear. */
static void raise_all(struct pci_device *device, struct oracle *oracle)
{
    for (uint32_t j = 0; j < oracle->status_count; j++) {
        uint32_t at = oracle->status[j], bits = 0;
        for (uint32_t i = 0; i < 4; i++) {
            bits |= (uint32_t)oracle->clears[at + i] << 8 * i;
            oracle->value[at + i] |= oracle->clears[at + i];
        }
        assert_true(pci_raise_status(device, 1, at, bits));
    }
}

static void fill(uint8_t bytes[8], unsigned pattern, uint32_t salt)
{
    static const uint8_t patterns[] = {0x00, 0xff, 0x55, 0xaa, 0x04, 0x80};
    for (unsigned i = 0; i < 8; i++) {
        salt = salt * 1103515245u + 12345u;
        bytes[i] = pattern < sizeof patterns ? patterns[pattern] : salt >> 16 & 0xff;
    }
}

static void write_both(struct pci_device *device, struct oracle *oracle, uint32_t offset, const uint8_t *bytes,
                       uint32_t length)
{
    uint8_t sent[8];
    memcpy(sent, bytes, 8);
    assert_int_equal(pci_config_write(device, 1, offset, sent, length), oracle_write(oracle, offset, bytes, length));
    assert_memory_equal(sent, bytes, 8);
}

static void a_new_vf_reads_what_the_specification_says(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CARDS; i++) {
        struct oracle oracle;
        struct pci_device *device = start(cards[i].card, &oracle);
        assert_same(device, &oracle, 0, PCI_CONFIG_SIZE, cards[i].name);
        pci_device_destroy(device);
    }
}

static void every_offset_length_and_pattern_writes_exactly_its_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CARDS; i++) {
        struct oracle oracle;
        struct pci_device *device = start(cards[i].card, &oracle);
        for (uint32_t offset = 0; offset < PCI_CONFIG_SIZE + 8; offset++) {
            for (uint32_t length = 0; length <= 8; length++) {
                for (unsigned pattern = 0; pattern < 7; pattern++) {
                    uint8_t bytes[8];
                    fill(bytes, pattern, offset * 8 + length);
                    raise_all(device, &oracle);
                    write_both(device, &oracle, offset, bytes, length);
                    uint32_t from = offset < 16                     ? 0
                                    : offset > PCI_CONFIG_SIZE - 32 ? PCI_CONFIG_SIZE - 48
                                                                    : offset - 16;
                    assert_same(device, &oracle, from, 48, cards[i].name);
                }
            }
            if (offset % 4 == 0)
                assert_same(device, &oracle, 0, PCI_CONFIG_SIZE, cards[i].name);
        }
        struct pci_counters counters;
        pci_counters(device, &counters);
        assert_int_equal(counters.vf_resets, oracle.resets);
        pci_device_destroy(device);
    }
}

static void every_offset_and_length_reads_exactly_its_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CARDS; i++) {
        struct oracle oracle;
        struct pci_device *device = start(cards[i].card, &oracle);
        for (uint32_t offset = 0; offset < PCI_CONFIG_SIZE + 8; offset++) {
            for (uint32_t length = 0; length <= 8; length++) {
                uint8_t bytes[16];
                memset(bytes, 0xcc, sizeof bytes);
                bool inside = length && offset + length <= PCI_CONFIG_SIZE;
                assert_int_equal(pci_config_read(device, 1, offset, bytes + 4, length), inside ? length : 0);
                for (uint32_t j = 0; j < 16; j++) {
                    bool ours = inside && j >= 4 && j < 4 + length;
                    assert_int_equal(bytes[j], ours ? oracle.value[offset + j - 4] : 0xcc);
                }
            }
        }
        pci_device_destroy(device);
    }
}

static void random_writes_of_any_length_follow_the_oracle(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CARDS; i++) {
        struct oracle oracle;
        struct pci_device *device = start(cards[i].card, &oracle);
        uint32_t seed = 2024 + i;
        for (unsigned round = 0; round < 20000; round++) {
            uint8_t bytes[96];
            seed = seed * 1664525u + 1013904223u;
            uint32_t offset = (seed >> 8) % 0x230, length = (seed >> 20) % 96;
            for (unsigned j = 0; j < sizeof bytes; j++) {
                seed = seed * 1664525u + 1013904223u;
                bytes[j] = seed >> 24;
            }
            if (round % 7 == 0)
                raise_all(device, &oracle);
            assert_int_equal(pci_config_write(device, 1, offset, bytes, length),
                             oracle_write(&oracle, offset, bytes, length));
            assert_same(device, &oracle, 0, 0x2a0, cards[i].name);
        }
        pci_device_destroy(device);
    }
}

static void other_functions_never_notice(void **state)
{
    (void)state;
    struct oracle oracle;
    struct pci_device *device = start(CARD_82576, &oracle);
    uint8_t pf[PCI_CONFIG_SIZE], now[PCI_CONFIG_SIZE], ones[64];
    memset(ones, 0xff, sizeof ones);
    pci_config_read(device, PCI_FUNCTION_PF, 0, pf, sizeof pf);
    for (uint32_t offset = 0; offset + sizeof ones <= PCI_CONFIG_SIZE; offset++)
        assert_int_equal(pci_config_write(device, 0, offset, ones, sizeof ones), sizeof ones);
    assert_same(device, &oracle, 0, PCI_CONFIG_SIZE, "VF 1 after writes to VF 0");
    pci_config_read(device, PCI_FUNCTION_PF, 0, now, sizeof now);
    assert_memory_equal(now, pf, sizeof pf);
    pci_device_destroy(device);
}

/* The PF: whatever is written, bytes outside the call stay, but for the two registers whose effects reach further. */
static void a_write_to_the_pf_changes_no_byte_outside_the_call(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CARDS; i++) {
        struct pci_device *device = card_device(cards[i].card);
        static const uint32_t flr_of[CARDS] = {0xa9, 0x89, 0x99};
        uint32_t flr = flr_of[i];
        for (uint32_t offset = 0; offset < 0x260; offset++) {
            for (uint32_t length = 1; length <= 8; length++) {
                uint8_t before[0x280], after[0x280], bytes[8];
                fill(bytes, 6, offset * 9 + length);
                if (flr >= offset && flr < offset + length)
                    bytes[flr - offset] &= 0x7f;
                pci_config_read(device, PCI_FUNCTION_PF, 0, before, sizeof before);
                assert_int_equal(pci_config_write(device, PCI_FUNCTION_PF, offset, bytes, length), length);
                pci_config_read(device, PCI_FUNCTION_PF, 0, after, sizeof after);
                bool woke = false; /* D3hot to D0 resets a card without No_Soft_Reset */
                if (cards[i].card == CARD_82576 && offset <= 0x44 && 0x44 < offset + length)
                    woke = (before[0x44] & 3) == 3 && (after[0x44] & 3) == 0;
                for (uint32_t at = 0; at < sizeof after && !woke; at++)
                    if ((at < offset || at >= offset + length) && before[at] != after[at])
                        fail_msg("%s: %u bytes at %03x changed byte %03x", cards[i].name, length, offset, at);
            }
        }
        pci_device_destroy(device);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_vf_reads_what_the_specification_says),
        cmocka_unit_test(every_offset_length_and_pattern_writes_exactly_its_bytes),
        cmocka_unit_test(every_offset_and_length_reads_exactly_its_bytes),
        cmocka_unit_test(random_writes_of_any_length_follow_the_oracle),
        cmocka_unit_test(other_functions_never_notice),
        cmocka_unit_test(a_write_to_the_pf_changes_no_byte_outside_the_call),
    };
    return cmocka_run_group_tests_name("registers", tests, NULL, NULL);
}
