/* SPDX-License-Identifier: MIT
 *
 * Base address registers: their sizes come from what lspci prints ("[size=16K]"), because a capture cannot show what a
 * BAR answers to all ones. A BAR is then only masks: the address bits above its size are writable, the rest read-only.
 * VF BARs: pci.md 4.4.
 */
#include <string.h>

#include "pci/internal.h"

#define HEADER_BARS     0x10
#define HEADER_ROM      0x30
#define SRIOV_PAGES     0x20
#define SRIOV_BARS      0x24
#define IO_TYPE         0x3u
#define MEMORY_TYPE     0xfu
#define ROM_ENABLE      0x1u
#define PAGE_SIZE_LEAST 4096u

/* Six BARs in a row, of a header or of an SR-IOV capability. */
struct bar_row {
    struct pci_map *map;
    const char *name;
    const struct pci_capture *pf;
    uint32_t base;
    const uint64_t *sizes;
    const char *what;
    bool vf;
    struct pci_error *error;
};

static int bar_fail(const struct bar_row *row, unsigned bar, const char *why)
{
    return pci_fail(row->error, row->name, row->pf->row_line[(row->base + bar * 4) / 16], "%s %u of %s %s", row->what,
                    bar, row->pf->address, why);
}

/* What the BAR is; -EINVAL if capture and size contradict each other. */
static int shape_of(const struct bar_row *row, unsigned bar, struct pci_bar_shape *shape)
{
    uint32_t low = pci_captured(row->pf, row->base + bar * 4);
    bool io = low & 1;
    uint32_t type = low & (io ? IO_TYPE : MEMORY_TYPE);
    bool is_64 = !io && (low & 6) == 4;
    uint64_t size = row->sizes[bar];
    *shape = (struct pci_bar_shape){.type = type, .is_64 = is_64, .size = size};
    if (row->vf && io)
        return bar_fail(row, bar, "is an I/O BAR, VF BARs are memory");
    if (is_64 && bar == PCI_BAR_COUNT - 1)
        return bar_fail(row, bar, "is 64 bits wide, but there is no upper half after it");
    uint32_t high = is_64 ? pci_captured(row->pf, row->base + bar * 4 + 4) : 0;
    if (!size && (low & ~type || high))
        return bar_fail(row, bar,
                        "has an address but no size: make the capture with lspci -vvv -xxxx, the size stands in "
                        "its line \"Region n: ... [size=..]\"");
    if (size && (size < (io ? 4 : 16) || (!is_64 && size > 0x80000000u)))
        return bar_fail(row, bar, "has a size that its type cannot have");
    if (row->vf && size && size < PAGE_SIZE_LEAST)
        shape->size = PAGE_SIZE_LEAST; /* pci.md 4.4: never smaller than a page */
    return 0;
}

static void implement(const struct bar_row *row, unsigned bar, const struct pci_bar_shape *shape)
{
    uint32_t dword = (row->base + bar * 4) / 4;
    uint32_t type_mask = shape->type & 1 ? IO_TYPE : MEMORY_TYPE;
    uint64_t address = shape->size ? ~(shape->size - 1) : 0;
    struct pci_register *reg = &row->map->dword[dword];
    reg->reset = shape->type;
    reg->rw = (uint32_t)address & ~type_mask;
    reg->boot = pci_captured(row->pf, dword * 4) & reg->rw;
    if (!shape->is_64)
        return;
    reg[1].reset = 0;
    reg[1].rw = address >> 32;
    reg[1].boot = pci_captured(row->pf, dword * 4 + 4) & reg[1].rw;
}

static int bars_of(const struct bar_row *row, struct pci_bar_shape shapes[PCI_BAR_COUNT])
{
    for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar++) {
        int status = shape_of(row, bar, &shapes[bar]);
        if (status)
            return status;
        implement(row, bar, &shapes[bar]);
        if (shapes[bar].is_64)
            shapes[++bar] = (struct pci_bar_shape){0};
    }
    return 0;
}

static int rom_of(struct pci_map *map, const char *name, const struct pci_capture *pf, struct pci_error *error)
{
    uint32_t value = pci_captured(pf, HEADER_ROM);
    if (!pf->rom && value & ~ROM_ENABLE)
        return pci_fail(error, name, pf->row_line[HEADER_ROM / 16],
                        "the expansion ROM of %s has an address but no size: make the capture with lspci -vvv -xxxx",
                        pf->address);
    if (pf->rom && (pf->rom < 2048 || pf->rom > 0x80000000u))
        return pci_fail(error, name, pf->row_line[HEADER_ROM / 16], "the expansion ROM of %s has an impossible size",
                        pf->address);
    struct pci_register *reg = &map->dword[HEADER_ROM / 4];
    reg->rw = pf->rom ? (uint32_t) ~(pf->rom - 1) | ROM_ENABLE : 0;
    reg->boot = value & reg->rw & ~ROM_ENABLE;
    return 0;
}

int pci_map_bars(struct pci_map *map, const char *name, const struct pci_capture *pf, const struct pci_capture *vf,
                 struct pci_bar_shape pf_bars[PCI_BAR_COUNT], struct pci_bar_shape vf_bars[PCI_BAR_COUNT],
                 struct pci_error *error)
{
    uint64_t vf_sizes[PCI_BAR_COUNT];
    for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar++)
        vf_sizes[bar] = vf && vf->region[bar] ? vf->region[bar] : pf->vf_region[bar];
    struct bar_row header = {map, name, pf, HEADER_BARS, pf->region, "BAR", false, error};
    struct bar_row sriov = {map, name, pf, map->sriov + SRIOV_BARS, vf_sizes, "VF BAR", true, error};
    int status = bars_of(&header, pf_bars);
    if (!status)
        status = rom_of(map, name, pf, error);
    /* Without VFs there is nothing to decode, whatever the registers held. */
    return status || !vf ? status : bars_of(&sriov, vf_bars);
}

uint64_t pci_vf_aperture(const struct pci_device *device, unsigned bar)
{
    uint64_t size = device->profile->vf_bars[bar].size;
    uint64_t page = (uint64_t)pci_pf_dword(device, device->profile->pf.sriov + SRIOV_PAGES) << 12;
    return size && size < page ? page : size;
}

/* Fills what shape and stored registers say. */
static void read_bars(const struct pci_device *device, uint32_t base, const struct pci_bar_shape *shapes,
                      struct pci_bar *bars)
{
    for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar++) {
        const struct pci_bar_shape *shape = &shapes[bar];
        bars[bar] = (struct pci_bar){.size = shape->size};
        if (!shape->size)
            continue;
        bars[bar].io = shape->type & 1;
        bars[bar].is_64 = shape->is_64;
        bars[bar].prefetchable = !(shape->type & 1) && shape->type & 8;
        bars[bar].base = pci_pf_dword(device, base + bar * 4) & ~(shape->type & 1 ? IO_TYPE : MEMORY_TYPE);
        if (shape->is_64)
            bars[bar].base |= (uint64_t)pci_pf_dword(device, base + bar * 4 + 4) << 32;
    }
}

void pci_pf_bars(const struct pci_device *device, struct pci_bar bars[PCI_BAR_COUNT])
{
    read_bars(device, HEADER_BARS, device->profile->pf_bars, bars);
}

void pci_vf_bars(const struct pci_device *device, struct pci_bar bars[PCI_BAR_COUNT])
{
    read_bars(device, device->profile->pf.sriov + SRIOV_BARS, device->profile->vf_bars, bars);
    for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar++) {
        bars[bar].size = pci_vf_aperture(device, bar);
        if (bars[bar].size) /* written while the page was smaller */
            bars[bar].base &= ~(bars[bar].size - 1);
    }
}

/* What the bus driver found when it enumerated the device, so with the sizes of 4 KiB pages (pci.md 1.4.6, 6.4). */
enum pci_result pci_vf_probed_bars(const struct pci_device *device, uint32_t probed[PCI_BAR_COUNT])
{
    if (!pci_sriov_present(device))
        return PCI_NO_SRIOV;
    memset(probed, 0, PCI_BAR_COUNT * sizeof *probed);
    for (unsigned bar = 0; bar < PCI_BAR_COUNT; bar++) {
        const struct pci_bar_shape *shape = &device->profile->vf_bars[bar];
        if (!shape->size)
            continue;
        probed[bar] = ((uint32_t) ~(shape->size - 1) & ~MEMORY_TYPE) | shape->type;
        if (shape->is_64)
            probed[bar + 1] = ~(shape->size - 1) >> 32;
    }
    return PCI_OK;
}
