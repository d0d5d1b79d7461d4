/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the profile parser, and the device that an accepted profile makes. The first byte says what the rest is:
 *
 *     even   the text of a capture
 *     odd    dwords to put into a good capture (bits 1-2: which): function (1 byte), offset (2), value (4), ...
 */
#include <string.h>

#include "fixture.h"
#include "input.h"

#define TEXT_MAX (64u << 10)

/* A capture as text, and where in it the digits of each byte stand. */
struct base {
    char text[TEXT_MAX];
    size_t length;
    uint32_t digits[2][PCI_CONFIG_SIZE];
};
static struct base bases[3];

static void find_digits(struct base *base)
{
    int function = -1;
    for (char *line = base->text; *line; line = strchr(line, '\n') + 1) {
        char *colon = strchr(line, ':');
        uint32_t offset = (uint32_t)strtoul(line, NULL, 16);
        if (strncmp(line, "00:00", 5) == 0 || strncmp(line, "01:", 3) == 0)
            function++;
        else if (line[0] != '\n' && line[0] != '\t' && colon)
            for (unsigned i = 0; i < 16; i++)
                base->digits[function][offset + i] = (uint32_t)(colon + 2 + 3 * i - base->text);
    }
}

static void make_bases(void)
{
    for (enum card card = CARD_82576; card <= CARD_NVME; card++) {
        struct capture_page page;
        page_load(&page, card);
        char *text = page_text(&page);
        snprintf(bases[card].text, TEXT_MAX, "%s", text);
        free(text);
    }
    pci_profile_synth(300, bases[2].text, TEXT_MAX);
    for (unsigned i = 0; i < 3; i++) {
        bases[i].length = strlen(bases[i].text);
        find_digits(&bases[i]);
    }
}

static void patch(char *text, const struct base *base, struct input *input)
{
    static const char hex[] = "0123456789abcdef";
    unsigned function = take8(input) & 1;
    uint32_t offset = take16(input) & 0xffc, value = take32(input);
    for (unsigned i = 0; i < 4; i++) {
        char *digits = text + base->digits[function][offset + i];
        digits[0] = hex[value >> (8 * i + 4) & 15];
        digits[1] = hex[value >> 8 * i & 15];
    }
}

/* What the device of an accepted profile prints, the PF before VFs were enabled, is a profile of the same card. */
static void read_back(struct pci_device *device, const char *shown, uint16_t total)
{
    static char text[TEXT_MAX], again[TEXT_MAX];
    struct pci_profile *profile;
    struct pci_error error;
    int used = pci_dump(device, PCI_FUNCTION_PF, text, sizeof text);
    if (pci_sriov_enable(device, total) != PCI_OK)
        return;
    used += pci_dump(device, 0, text + used, sizeof text - (size_t)used);
    MUST((size_t)used < sizeof text);
    if (pci_profile_parse("dump", text, (size_t)used, &profile, &error) != 0) {
        fprintf(stderr, "%s\n", error.text);
        MUST(!"a dump is a profile");
    }
    MUST((size_t)pci_profile_show(profile, again, sizeof again) < sizeof again);
    MUST(strcmp(shown, again) == 0);
    pci_profile_unref(profile);
}

static void write_all(struct pci_device *device, int function)
{
    static const uint8_t ones[PCI_CONFIG_SIZE] = {[0 ... PCI_CONFIG_SIZE - 1] = 0xff};
    uint8_t seen[PCI_CONFIG_SIZE];
    for (uint32_t at = 0; at < PCI_CONFIG_SIZE; at += 4)
        pci_config_write(device, function, at, ones, 4);
    pci_config_write(device, function, 0, ones, sizeof ones);
    pci_config_read(device, function, 0, seen, sizeof seen);
}

static void use(struct pci_profile *profile)
{
    static char shown[TEXT_MAX];
    struct pci_device_options options = {0};
    struct pci_device *device;
    MUST((size_t)pci_profile_show(profile, shown, sizeof shown) < sizeof shown);
    if (pci_device_create(profile, &options, &device) != 0)
        return;
    uint16_t total = pci_profile_total_vfs(profile);
    read_back(device, shown, total);
    if (pci_sriov_num_vfs(device)) {
        write_all(device, 0);
        write_all(device, total - 1);
    }
    write_all(device, PCI_FUNCTION_PF);
    pci_device_destroy(device);
}

static void try_text(const char *text, size_t length)
{
    struct pci_profile *profile = NULL;
    struct pci_error error = {0};
    if (pci_profile_parse("fuzz", text, length, &profile, &error) == 0) {
        use(profile);
        pci_profile_unref(profile);
    } else {
        MUST(error.text[0] && memchr(error.text, '\0', sizeof error.text));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char text[TEXT_MAX];
    if (!bases[0].length)
        make_bases();
    if (!size)
        return 0;
    if (!(data[0] & 1)) {
        try_text((const char *)data + 1, size - 1);
        return 0;
    }
    const struct base *base = &bases[(data[0] >> 1 & 3) % 3];
    struct input input = {data + 1, data + size};
    memcpy(text, base->text, base->length);
    for (unsigned i = 0; i < 64 && input.at < input.end; i++)
        patch(text, base, &input);
    try_text(text, base->length);
    return 0;
}
