/* SPDX-License-Identifier: MIT
 *
 * A function as lspci prints it. The Region lines are for our own reader: `lspci -F` ignores them, but without them the
 * sizes of the BARs would be lost.
 */
#include "pci/internal.h"

static void put_size(struct pci_page *page, uint64_t size)
{
    static const char *const units[] = {"", "K", "M", "G", "T", "P"};
    unsigned unit = 0;
    for (; size >= 1024 && unit < 5; unit++)
        size /= 1024;
    pci_put(page, " [size=%u%s]\n", (unsigned)size, units[unit]);
}

/* As lspci: an address that does not stand in the function's own register, but in its PF's, is virtual. */
static void put_region(struct pci_page *page, unsigned number, const struct pci_bar *bar, const uint8_t *own,
                       uint64_t from_pf)
{
    uint32_t low = pci_le32(own);
    uint64_t base = from_pf;
    if (low) {
        base = low & ~(bar->io ? 0x3u : 0xfu);
        base |= bar->is_64 ? (uint64_t)pci_le32(own + 4) << 32 : 0;
    }
    if (bar->io)
        pci_put(page, "\tRegion %u: I/O ports at %04llx", number, (unsigned long long)base);
    else
        pci_put(page, "\tRegion %u: Memory at %08llx (%s-bit, %sprefetchable)%s", number, (unsigned long long)base,
                bar->is_64 ? "64" : "32", bar->prefetchable ? "" : "non-", low ? "" : " [virtual]");
    put_size(page, bar->size);
}

static void put_regions(struct pci_page *page, const struct pci_device *device, int function, const uint8_t *space)
{
    struct pci_bar bars[PCI_BAR_COUNT];
    bool pf = function == PCI_FUNCTION_PF;
    (pf ? pci_pf_bars : pci_vf_bars)(device, bars);
    for (unsigned i = 0; i < PCI_BAR_COUNT; i++)
        if (bars[i].size)
            put_region(page, i, &bars[i], space + 0x10 + 4 * i, bars[i].base + (pf ? 0 : function * bars[i].size));
}

/* Thousands of functions may be dumped: no printf for a byte. */
void pci_put_hex(struct pci_page *page, const uint8_t space[PCI_CONFIG_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    char bytes[16 * 3 + 1] = {0};
    for (uint32_t row = 0; row < PCI_CONFIG_SIZE; row += 16) {
        for (uint32_t i = 0; i < 16; i++) {
            bytes[3 * i] = ' ';
            bytes[3 * i + 1] = digits[space[row + i] >> 4];
            bytes[3 * i + 2] = digits[space[row + i] & 15];
        }
        pci_put(page, "%02x:%s\n", row, bytes);
    }
    pci_put(page, "\n");
}

static void put_address(struct pci_page *page, const struct pci_device *device, int function,
                        const uint8_t space[PCI_CONFIG_SIZE])
{
    uint16_t routing_id = pci_routing_id(device);
    if (function != PCI_FUNCTION_PF)
        pci_vf_routing_id(device, function, &routing_id);
    if (pci_segment(device))
        pci_put(page, "%04x:", pci_segment(device));
    pci_put(page, "%02x:%02x.%x %02x%02x: %02x%02x:%02x%02x (rev %02x)\n", routing_id >> 8, routing_id >> 3 & 0x1f,
            routing_id & 7, space[0x0b], space[0x0a], space[1], space[0], space[3], space[2], space[8]);
}

int pci_dump_view(struct pci_device *device, int function, const uint8_t space[PCI_CONFIG_SIZE], char *text,
                  size_t size)
{
    struct pci_page page = {.text = text, .size = size};
    if (size)
        text[0] = '\0';
    put_address(&page, device, function, space);
    put_regions(&page, device, function, space);
    if (function == PCI_FUNCTION_PF && device->profile->rom) {
        pci_put(&page, "\tExpansion ROM at %08x", pci_le32(space + 0x30) & ~0x7ffu);
        put_size(&page, device->profile->rom);
    }
    pci_put_hex(&page, space);
    return page.used;
}

int pci_dump(struct pci_device *device, int function, char *text, size_t size)
{
    uint8_t space[PCI_CONFIG_SIZE];
    if (pci_config_read(device, function, 0, space, sizeof space) != 0)
        return pci_dump_view(device, function, space, text, size);
    if (size)
        text[0] = '\0';
    return 0;
}
