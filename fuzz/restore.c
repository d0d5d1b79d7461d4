/* SPDX-License-Identifier: MIT
 *
 * Fuzzes pci_device_restore: the first byte chooses the card and what the device was before, the rest is the saved
 * state. Bytes that are taken are saved as the very same bytes; bytes that are refused change nothing.
 */
#include <string.h>

#include "fixture.h"
#include "input.h"

#define STATE_MAX 8192

static uint64_t time_zero(void *context)
{
    (void)context;
    return 0;
}

static struct pci_device *device_of(enum card card)
{
    static struct capture_page pages[2];
    static bool loaded;
    if (!loaded) {
        page_load(&pages[0], CARD_82576);
        page_load(&pages[1], CARD_NVME);
        loaded = true;
    }
    static struct pci_profile *profiles[2];
    if (!profiles[card]) {
        struct pci_error error;
        char *text = page_text(&pages[card]);
        MUST(pci_profile_parse("card", text, strlen(text), &profiles[card], &error) == 0);
        free(text);
    }
    const struct pci_device_options options = {.now_ns = time_zero, .ready_delay_ns = 100};
    struct pci_device *device;
    MUST(pci_device_create(profiles[card], &options, &device) == 0);
    return device;
}

/* Whatever state it is in, the device works. */
static void use(struct pci_device *device)
{
    static const uint8_t ones[PCI_CONFIG_SIZE] = {[0 ... PCI_CONFIG_SIZE - 1] = 0xff};
    uint8_t seen[PCI_CONFIG_SIZE];
    for (int function = PCI_FUNCTION_PF; function <= pci_sriov_num_vfs(device); function++) {
        pci_config_read(device, function, 0, seen, sizeof seen);
        pci_config_write(device, function, 0x40, ones, 0xc0);
        pci_config_write(device, function, 0, ones, sizeof ones);
    }
    pci_pf_reset(device);
    MUST(pci_sriov_num_vfs(device) == 0);
    MUST(pci_device_gone(device) || pci_sriov_enable(device, pci_sriov_total_vfs(device)) == PCI_OK);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t before[STATE_MAX], after[STATE_MAX];
    if (!size)
        return 0;
    struct pci_device *device = device_of(data[0] & 1);
    if (data[0] & 2)
        pci_sriov_enable(device, 3);
    if (data[0] & 4)
        pci_device_set_power(device, 3);
    size_t length = pci_device_save(device, before, sizeof before);
    MUST(length <= sizeof before);
    if (pci_device_restore(device, data + 1, size - 1) == 0) {
        MUST(pci_device_save(device, after, sizeof after) == size - 1);
        MUST(memcmp(after, data + 1, size - 1) == 0);
        use(device);
    } else {
        MUST(pci_device_save(device, after, sizeof after) == length);
        MUST(memcmp(before, after, length) == 0);
    }
    pci_device_destroy(device);
    return 0;
}
