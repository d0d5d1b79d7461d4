/* SPDX-License-Identifier: MIT
 *
 * The PF of a card with every capability against its byte-wise oracle: every offset, every length, several patterns,
 * and long runs of random writes, with VFs coming and going on the way.
 */
#include "oracle_pf.h"

#define PF PCI_FUNCTION_PF

static struct pci_device *start(struct pf_oracle *oracle)
{
    pf_oracle_init(oracle);
    return card_device(CARD_SYNTHETIC);
}

static void assert_same(struct pci_device *device, const struct pf_oracle *oracle, uint32_t offset, uint32_t length,
                        const char *after)
{
    uint8_t bytes[PCI_CONFIG_SIZE];
    assert_int_equal(pci_config_read(device, PF, offset, bytes, length), length);
    for (uint32_t i = 0; i < length; i++)
        if (bytes[i] != oracle->value[offset + i])
            fail_msg("%s: byte %03x is %02x, the oracle says %02x", after, offset + i, bytes[i],
                     oracle->value[offset + i]);
    assert_int_equal(pci_sriov_num_vfs(device),
                     oracle->value[0x44] & 3 ? pci_sriov_num_vfs(device) : pf_oracle_vfs(oracle));
}

/* As if errors had happened. */
static void raise_all(struct pci_device *device, struct pf_oracle *oracle)
{
    for (uint32_t at = 0; at < PCI_CONFIG_SIZE; at += 4) {
        uint32_t bits = 0;
        for (uint32_t i = 0; i < 4; i++) {
            bits |= (uint32_t)oracle->clears[at + i] << 8 * i;
            oracle->value[at + i] |= oracle->clears[at + i];
        }
        if (bits)
            assert_true(pci_raise_status(device, PF, at, bits));
    }
}

static void fill(uint8_t *bytes, uint32_t count, unsigned pattern, uint32_t *seed)
{
    static const uint8_t patterns[] = {0x00, 0xff, 0x55, 0xaa, 0x01, 0x80};
    for (uint32_t i = 0; i < count; i++) {
        *seed = *seed * 1103515245u + 12345u;
        bytes[i] = pattern < sizeof patterns ? patterns[pattern] : *seed >> 16 & 0xff;
    }
}

static void a_new_pf_reads_what_firmware_left(void **state)
{
    (void)state;
    struct pf_oracle oracle;
    struct pci_device *device = start(&oracle);
    assert_same(device, &oracle, 0, PCI_CONFIG_SIZE, "at the start");
    pci_device_destroy(device);
}

static void every_offset_length_and_pattern_writes_exactly_its_bytes(void **state)
{
    (void)state;
    struct pf_oracle oracle;
    struct pci_device *device = start(&oracle);
    struct pci_counters counters;
    uint32_t seed = 1;
    for (uint32_t offset = 0; offset < PCI_CONFIG_SIZE + 8; offset++) {
        for (uint32_t length = 0; length <= 8; length++) {
            for (unsigned pattern = 0; pattern < 7; pattern++) {
                uint8_t bytes[8];
                char what[48];
                fill(bytes, sizeof bytes, pattern, &seed);
                if (offset % 64 == 0)
                    raise_all(device, &oracle);
                assert_int_equal(pci_config_write(device, PF, offset, bytes, length),
                                 pf_oracle_write(&oracle, offset, bytes, length));
                snprintf(what, sizeof what, "%u bytes at %03x, pattern %u", length, offset, pattern);
                assert_same(device, &oracle, 0, 0x260, what);
            }
        }
    }
    pci_counters(device, &counters);
    assert_int_equal(counters.pf_resets, oracle.resets);
    pci_device_destroy(device);
}

/* NumVFs that can be, VF Enable, page sizes that are, so that the rules of state are met often. */
static const struct target {
    uint32_t at, length, mask;
} targets[] = {{0x170, 2, 0x0000000f},
               {0x168, 1, 0x000000ff},
               {0x180, 4, 0x000007ff},
               {0x184, 4, 0xffffffff},
               {0x44, 1, 0x00000003}};

static const struct target *likely(uint32_t *seed, uint8_t bytes[4])
{
    *seed = *seed * 1103515245u + 12345u;
    const struct target *target = &targets[(*seed >> 16) % (sizeof targets / sizeof *targets)];
    uint32_t value = (*seed >> 8) * 2654435761u & target->mask;
    if (target->at == 0x180)
        value &= ~value + 1; /* one bit, also of sizes that are not supported */
    for (unsigned byte = 0; byte < 4; byte++)
        bytes[byte] = value >> 8 * byte & 0xff;
    return target;
}

static void random_writes_with_vfs_coming_and_going_follow_the_oracle(void **state)
{
    (void)state;
    struct pf_oracle oracle;
    struct pci_device *device = start(&oracle);
    uint32_t seed = 77, seen = 0;
    for (unsigned round = 0; round < 60000; round++) {
        uint8_t bytes[96];
        const struct target *target = likely(&seed, bytes);
        uint32_t offset = target->at, length = target->length;
        if (round % 3 == 0) {
            fill(bytes, sizeof bytes, 6, &seed);
            offset = (seed >> 8) % 0x230;
            length = (seed >> 20) % sizeof bytes;
        }
        if (round % 11 == 0)
            raise_all(device, &oracle);
        assert_int_equal(pci_config_write(device, PF, offset, bytes, length),
                         pf_oracle_write(&oracle, offset, bytes, length));
        assert_same(device, &oracle, 0, 0x260, "random writes");
        seen |= 1u << pf_oracle_vfs(&oracle);
    }
    assert_int_equal(seen, 0x1ff); /* no VF, one, ... all eight */
    pci_device_destroy(device);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_pf_reads_what_firmware_left),
        cmocka_unit_test(every_offset_length_and_pattern_writes_exactly_its_bytes),
        cmocka_unit_test(random_writes_with_vfs_coming_and_going_follow_the_oracle),
    };
    return cmocka_run_group_tests_name("pf", tests, NULL, NULL);
}
