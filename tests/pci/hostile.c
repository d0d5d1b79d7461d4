/* SPDX-License-Identifier: MIT
 *
 * Captures that somebody cut or changed: an error that says so or a device that can be used, never more.
 */
#include "fixture.h"

#define PF PCI_FUNCTION_PF

/* Every cut, many flips: an answer, never a crash. What parses can be used. */
static void try_text(const char *text, size_t length)
{
    char *exact = malloc(length ? length : 1);
    struct pci_profile *profile;
    struct pci_error error = {.text = "untouched"};
    struct pci_device *device;
    memcpy(exact, text, length);
    int status = pci_profile_parse("fuzz", exact, length, &profile, &error);
    free(exact);
    if (status) {
        assert_int_equal(status, -22);
        assert_memory_equal(error.text, "fuzz", 4);
        return;
    }
    if (pci_device_create(profile, &(struct pci_device_options){0}, &device) == 0) {
        uint8_t ones[PCI_CONFIG_SIZE];
        memset(ones, 0xff, sizeof ones);
        pci_config_write(device, PF, 0, ones, sizeof ones);
        pci_sriov_enable(device, 1);
        pci_config_write(device, 0, 0, ones, sizeof ones);
        pci_device_destroy(device);
    }
    pci_profile_unref(profile);
}

static void truncated_captures_never_crash(void **state)
{
    (void)state;
    size_t length;
    char *text = file_text("PCI_PROFILES", "intel-82576.lspci", &length);
    for (size_t cut = 0; cut < length; cut += cut < 12000 ? 37 : 101)
        try_text(text, cut);
    free(text);
}

static void mutated_captures_never_crash(void **state)
{
    (void)state;
    static const char letters[] = "0123456789abcdef :.\n\tRK[=";
    size_t length;
    uint32_t seed = 7;
    char *text = file_text("PCI_PROFILES", "intel-82576.lspci", &length), *copy = malloc(length);
    for (unsigned round = 0; round < 1500; round++) {
        memcpy(copy, text, length);
        for (unsigned i = 0; i <= round % 8; i++) {
            seed = seed * 1664525u + 1013904223u;
            size_t at = (seed >> 4) % length;
            seed = seed * 1664525u + 1013904223u;
            copy[at] = round % 3 ? letters[(seed >> 16) % (sizeof letters - 1)] : (char)(seed >> 24);
        }
        try_text(copy, length);
    }
    free(text), free(copy);
}

/* Capability lists are where a capture can do most: random bytes in them. */
static void mutated_capabilities_never_crash(void **state)
{
    (void)state;
    uint32_t seed = 11;
    for (unsigned round = 0; round < 600; round++) {
        struct capture_page page;
        page_load(&page, round % 2 ? CARD_82576 : CARD_NVME);
        for (unsigned i = 0; i < 1 + round % 5; i++) {
            seed = seed * 1664525u + 1013904223u;
            uint8_t *space = seed >> 31 ? page.pf.space : page.vf.space;
            uint32_t at = 0x34 + (seed >> 8) % 0x170;
            seed = seed * 1664525u + 1013904223u;
            space[at] = seed >> 24;
        }
        char *text = page_text(&page);
        try_text(text, strlen(text));
        free(text);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truncated_captures_never_crash),
        cmocka_unit_test(mutated_captures_never_crash),
        cmocka_unit_test(mutated_capabilities_never_crash),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
