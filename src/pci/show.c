/* SPDX-License-Identifier: MIT
 *
 * A profile as a table: what the parser understood, for someone with the card's manual beside it.
 */
#include <stdlib.h>
#include <string.h>

#include "pci/internal.h"

static const char *const effects[] = {
    [PCI_EFFECT_NONE] = "",
    [PCI_EFFECT_COMMAND] = "bus master, memory decoding",
    [PCI_EFFECT_MSI] = "MSI",
    [PCI_EFFECT_MSIX] = "MSI-X",
    [PCI_EFFECT_FLR] = "function level reset",
    [PCI_EFFECT_POWER] = "power state",
    [PCI_EFFECT_SRIOV_CONTROL] = "VFs come and go",
    [PCI_EFFECT_SRIOV_NUM_VFS] = "read-only while VF Enable is set",
    [PCI_EFFECT_SRIOV_PAGE_SIZE] = "one supported size, read-only while VF Enable is set",
    [PCI_EFFECT_VF_BAR] = "aperture of a VF, at least a system page",
};

static int by_offset(const void *left, const void *right)
{
    const struct pci_named *a = left, *b = right;
    return (a->offset > b->offset) - (a->offset < b->offset);
}

static void show_bits(struct pci_page *page, const struct pci_register *reg, unsigned shift, unsigned width, bool more)
{
    char bits[33];
    for (unsigned i = 0; i < width; i++) {
        uint32_t bit = 1u << (shift + width - 1 - i);
        bits[i] = reg->rw & bit ? 'w' : reg->w1c & bit ? 'c' : reg->trigger & bit ? 't' : reg->reset & bit ? '1' : '0';
    }
    bits[width] = '\0';
    pci_put(page, "  %-*s", more ? 32 : 0, bits);
}

static void show_register(struct pci_page *page, const struct pci_map *map, const struct pci_named *named)
{
    const struct pci_register *reg = &map->dword[named->offset / 4];
    unsigned shift = 8 * (named->offset % 4), size = named->rule->size;
    uint32_t mask = size == 4 ? 0xffffffffu : (1u << 8 * size) - 1;
    uint32_t changes = (reg->rw | reg->w1c | reg->trigger) >> shift & mask;
    uint32_t sticky = reg->sticky >> shift & changes;
    pci_put(page, "%03x  %-24s  %*s%0*x", named->offset, named->rule->name, (int)(8 - 2 * size), "", (int)(2 * size),
            reg->reset >> shift & mask);
    bool acts = changes && reg->effect && named->rule->effect == reg->effect;
    show_bits(page, reg, shift, 8 * size, sticky || acts);
    if (sticky)
        pci_put(page, "  sticky %0*x", (int)(2 * size), sticky);
    if (acts)
        pci_put(page, "  %s", effects[reg->effect]);
    pci_put(page, "\n");
}

static bool show_map(struct pci_page *page, const struct pci_map *map)
{
    size_t bytes = map->named_count * sizeof *map->named;
    struct pci_named *sorted = malloc(bytes ? bytes : 1);
    if (!sorted)
        return false;
    memcpy(sorted, map->named, bytes);
    qsort(sorted, map->named_count, sizeof *sorted, by_offset);
    for (unsigned i = 0; i < map->named_count; i++) {
        if (sorted[i].rule->offset == 0) /* the header, or that of a capability */
            pci_put(page, "\n%s\n", sorted[i].capability);
        show_register(page, map, &sorted[i]);
    }
    free(sorted);
    return true;
}

static void show_title(struct pci_page *page, const struct pci_profile *profile)
{
    uint16_t pf = profile->routing_id;
    pci_put(page, "PF %04x:%02x:%02x.%x  %04x:%04x  TotalVFs %u, First VF Offset %u, VF Stride %u\n", profile->segment,
            pf >> 8, pf >> 3 & 0x1f, pf & 7, profile->pf.dword[0].reset & 0xffff, profile->pf.dword[0].reset >> 16,
            profile->total_vfs, profile->first_offset, profile->stride);
    pci_put(page, "%u dwords of the PF and %u of a VF can change\n", profile->pf.slots, profile->vf.slots);
}

int pci_profile_show(const struct pci_profile *profile, char *text, size_t size)
{
    struct pci_page page = {.text = text, .size = size};
    if (size)
        text[0] = '\0';
    show_title(&page, profile);
    bool whole = show_map(&page, &profile->pf);
    pci_put(&page, "\nVF\n");
    whole = whole && (!profile->total_vfs || show_map(&page, &profile->vf));
    return whole ? (int)page.used : -1;
}
