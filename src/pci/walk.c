/* SPDX-License-Identifier: MIT
 *
 * The two capability lists (pci.md 4.8): from the pointer at 34h inside the first 256 bytes, and from 100h on. A list
 * is followed only as far as it is sound: no entry twice, none outside its region.
 */
#include <string.h>

#include "pci/internal.h"

#define STATUS_CAPABILITY_LIST 0x10
#define FIRST_POINTER          0x34
#define FIRST_EXTENDED         0x100

struct walk {
    const char *name;
    const struct pci_capture *capture;
    struct pci_found *found;
    int count;
    bool seen[PCI_DWORDS];
    struct pci_error *error;
};

/* One entry; `from` is where the pointer to it stands. There cannot be more of them than dwords. */
static int visit(struct walk *walk, uint32_t offset, uint32_t id, uint32_t from)
{
    if (walk->seen[offset / 4] || walk->count >= (int)PCI_FOUND_MAX)
        return pci_fail(walk->error, walk->name, walk->capture->row_line[from / 16],
                        "capability list of %s loops: %03x leads back to %03x", walk->capture->address, from, offset);
    walk->seen[offset / 4] = true;
    struct pci_found *found = &walk->found[walk->count++];
    found->id = id;
    found->offset = offset;
    return 0;
}

static int out_of_bounds(struct walk *walk, uint32_t offset, uint32_t from)
{
    return pci_fail(walk->error, walk->name, walk->capture->row_line[from / 16],
                    "capability list of %s leaves its region: %03x points to %03x", walk->capture->address, from,
                    offset);
}

static int walk_standard(struct walk *walk)
{
    const uint8_t *space = walk->capture->space;
    if (!(space[0x06] & STATUS_CAPABILITY_LIST))
        return 0;
    uint32_t from = FIRST_POINTER;
    for (uint32_t at = space[from] & ~3u; at; at = space[from] & ~3u) {
        if (at < 0x40)
            return out_of_bounds(walk, at, from);
        int status = visit(walk, at, space[at], from);
        if (status)
            return status;
        from = at + 1;
    }
    return 0;
}

static int walk_extended(struct walk *walk)
{
    uint32_t from = FIRST_EXTENDED;
    for (uint32_t at = FIRST_EXTENDED; at;) {
        uint32_t header = pci_captured(walk->capture, at);
        if (header == 0 || header == 0xffffffffu)
            return 0;
        int status = visit(walk, at, PCI_EXTENDED | (header & 0xffff), from);
        if (status)
            return status;
        from = at;
        at = header >> 20 & ~3u;
        if (at && at < FIRST_EXTENDED)
            return out_of_bounds(walk, at, from);
    }
    return 0;
}

int pci_walk(const char *name, const struct pci_capture *capture, struct pci_found found[PCI_FOUND_MAX],
             struct pci_error *error)
{
    struct walk walk = {.name = name, .capture = capture, .found = found, .error = error};
    int status = walk_standard(&walk);
    if (!status)
        status = walk_extended(&walk);
    return status ? status : walk.count;
}

uint16_t pci_find_extended(const struct pci_capture *capture, uint16_t id)
{
    struct pci_found found[PCI_FOUND_MAX] = {0};
    struct walk walk = {.name = "", .capture = capture, .found = found};
    walk_extended(&walk);
    for (int i = 0; i < walk.count; i++)
        if (found[i].id == (PCI_EXTENDED | id))
            return found[i].offset;
    return 0;
}
