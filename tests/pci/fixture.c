/* SPDX-License-Identifier: MIT */
#include "fixture.h"

#define TEXT_MAX (64u << 10)

char *file_text(const char *variable, const char *name, size_t *length)
{
    char path[4096];
    const char *folder = getenv(variable);
    assert_non_null(folder);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    *length = fread(text, 1, TEXT_MAX - 1, file);
    text[*length] = '\0';
    fclose(file);
    return text;
}

void put16(uint8_t *space, uint32_t offset, uint16_t value)
{
    space[offset] = value & 0xff;
    space[offset + 1] = value >> 8;
}

void put32(uint8_t *space, uint32_t offset, uint32_t value)
{
    put16(space, offset, value & 0xffff);
    put16(space, offset + 2, value >> 16);
}

static void take_line(struct function_page *page, const char *line)
{
    unsigned offset, b[16];
    if (sscanf(line, "%x: %x %x %x %x %x %x %x %x %x %x %x %x %x %x %x %x", &offset, &b[0], &b[1], &b[2], &b[3], &b[4],
               &b[5], &b[6], &b[7], &b[8], &b[9], &b[10], &b[11], &b[12], &b[13], &b[14], &b[15]) == 17)
        for (unsigned i = 0; i < 16; i++)
            page->space[offset + i] = b[i];
}

static char *card_text(enum card card)
{
    static const char *const files[] = {"intel-82576.lspci", "nvme-qemu.lspci"};
    size_t length;
    if (card != CARD_SYNTHETIC)
        return file_text("PCI_PROFILES", files[card], &length);
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    assert_in_range(pci_profile_synth(8, text, TEXT_MAX), 1, TEXT_MAX - 1);
    return text;
}

void page_load(struct capture_page *page, enum card card)
{
    char *text = card_text(card);
    *page = (struct capture_page){0};
    struct function_page *now = NULL;
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        unsigned bus, device, function;
        if (sscanf(line, "%2x:%2x.%1x ", &bus, &device, &function) == 3) {
            now = now ? &page->vf : &page->pf;
            snprintf(now->address, sizeof now->address, "%02x:%02x.%x", bus, device, function);
        } else if (now && line[0] != '\t') {
            take_line(now, line);
        }
    }
    free(text);
    static const char *const sizes[][2][PCI_BAR_COUNT] = {
        {{"128K", "128K", "32", "16K"}, {"16K", NULL, NULL, "16K"}}, {{"16K"}, {"16K"}}, {{"16K"}, {"16K"}}};
    memcpy(page->pf.size, sizes[card][0], sizeof page->pf.size);
    memcpy(page->vf.size, sizes[card][1], sizeof page->vf.size);
}

static int print_function(char *text, const struct function_page *page)
{
    int used = sprintf(text, "%s Ethernet controller: a card\n", page->address);
    for (unsigned i = 0; i < PCI_BAR_COUNT; i++)
        if (page->size[i])
            used += sprintf(text + used, "\tRegion %u: Memory at 0 [size=%s]\n", i, page->size[i]);
    if (page->rom)
        used += sprintf(text + used, "\tExpansion ROM at 0 [disabled] [size=%s]\n", page->rom);
    for (unsigned row = 0; row < PCI_CONFIG_SIZE; row += 16) {
        used += sprintf(text + used, "%02x:", row);
        for (unsigned i = 0; i < 16; i++)
            used += sprintf(text + used, " %02x", page->space[row + i]);
        used += sprintf(text + used, "\n");
    }
    return used + sprintf(text + used, "\n");
}

char *page_text(const struct capture_page *page)
{
    char *text = malloc(TEXT_MAX);
    assert_non_null(text);
    int used = print_function(text, &page->pf);
    if (!page->no_vf)
        print_function(text + used, &page->vf);
    return text;
}

void page_set_vfs(struct capture_page *page, uint16_t total, uint16_t offset, uint16_t stride, uint16_t pf_routing_id)
{
    uint8_t *sriov = page->pf.space + SRIOV_82576;
    put16(sriov, 0x0c, total);
    put16(sriov, 0x0e, total);
    put16(sriov, 0x14, offset);
    put16(sriov, 0x16, stride);
    uint16_t vf = pf_routing_id + offset;
    sprintf(page->pf.address, "%02x:%02x.%x", pf_routing_id >> 8, pf_routing_id >> 3 & 31, pf_routing_id & 7);
    sprintf(page->vf.address, "%02x:%02x.%x", vf >> 8, vf >> 3 & 31, vf & 7);
}

struct pci_device *page_device(const struct capture_page *page, const struct pci_device_options *options)
{
    struct pci_profile *profile = NULL;
    struct pci_device *device = NULL;
    struct pci_error error = {0};
    char *text = page_text(page);
    int status = pci_profile_parse("page", text, strlen(text), &profile, &error);
    free(text);
    if (status)
        fail_msg("%s", error.text);
    struct pci_device_options none = {0};
    assert_int_equal(pci_device_create(profile, options ? options : &none, &device), 0);
    pci_profile_unref(profile);
    return device;
}

struct pci_device *vfs_device(uint16_t total, uint16_t offset, uint16_t stride, uint16_t pf_routing_id)
{
    struct capture_page page;
    page_load(&page, CARD_82576);
    page_set_vfs(&page, total, offset, stride, pf_routing_id);
    return page_device(&page, NULL);
}

struct pci_device *card_device(enum card card)
{
    struct capture_page page;
    page_load(&page, card);
    return page_device(&page, NULL);
}

void assert_refused(const char *text, size_t length, const char *part_of_message, unsigned line)
{
    struct pci_profile *profile = (struct pci_profile *)&length;
    struct pci_error error = {0};
    /* A copy of exactly this size: a sanitizer sees the first byte read behind it. */
    char *exact = malloc(length ? length : 1);
    memcpy(exact, text, length);
    int status = pci_profile_parse("card.lspci", exact, length, &profile, &error);
    free(exact);
    assert_int_equal(status, -22);
    assert_ptr_equal(profile, (struct pci_profile *)&length);
    assert_non_null(strstr(error.text, "card.lspci"));
    if (!strstr(error.text, part_of_message))
        fail_msg("\"%s\" does not say \"%s\"", error.text, part_of_message);
    if (line)
        assert_int_equal(error.line, line);
}

uint32_t get(struct pci_device *device, int function, uint32_t offset, uint32_t length)
{
    uint8_t bytes[4] = {0};
    assert_int_equal(pci_config_read(device, function, offset, bytes, length), length);
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

void set(struct pci_device *device, int function, uint32_t offset, uint32_t length, uint32_t value)
{
    uint8_t bytes[4] = {value & 0xff, value >> 8 & 0xff, value >> 16 & 0xff, value >> 24};
    assert_int_equal(pci_config_write(device, function, offset, bytes, length), length);
}
