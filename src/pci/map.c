/* SPDX-License-Identifier: MIT
 *
 * A capture and the mask tables become a map: for each dword its reset value, its masks and its place in a function's
 * private memory. The capture may show a function in use; only bits that a table keeps (and unknown read-only bytes)
 * pass from it into the reset values.
 */
#include <errno.h>
#include <string.h>

#include "pci/internal.h"

#define MSI_ID     0x05u
#define EXPRESS_ID 0x10u
#define SRIOV_ID   (PCI_EXTENDED | 0x10u)
#define SERIAL_ID  (PCI_EXTENDED | 0x03u)

struct builder {
    struct pci_map *map;
    const char *name;
    const struct pci_capture *capture;
    struct pci_error *error;
    struct pci_found found[PCI_FOUND_MAX];
    const struct pci_capability *known[PCI_FOUND_MAX];
    int count;
    uint16_t owner[PCI_DWORDS]; /* which of `found` has this dword, + 1 */
};

static unsigned line_of(const struct pci_capture *capture, uint32_t offset)
{
    return capture->row_line[offset / 16];
}

static bool note_name(struct pci_map *map, const struct pci_rule *rule, const char *capability, uint32_t offset)
{
    if ((map->named_count & (map->named_count - 1)) == 0) {
        size_t room = map->named_count ? 2u * map->named_count : 1;
        struct pci_named *grown = realloc(map->named, room * sizeof *grown);
        if (!grown)
            return false;
        map->named = grown;
    }
    map->named[map->named_count++] = (struct pci_named){.rule = rule, .capability = capability, .offset = offset};
    return true;
}

/* One row of a table at its place. Rows of 1 or 2 bytes share their dword with their neighbours. */
static int apply_rule(struct builder *b, const struct pci_rule *rule, const char *capability, uint32_t offset)
{
    struct pci_register *reg = &b->map->dword[offset / 4];
    const struct pci_column *column = b->map->vf ? &rule->vf : &rule->pf;
    unsigned shift = 8 * (offset % 4);
    uint32_t value = pci_captured(b->capture, offset);
    uint32_t boot = b->map->vf ? 0 : rule->boot << shift;
    bool acts = rule->trigger || ((column->rw | column->w1c) & rule->watch) || rule->effect >= PCI_EFFECT_SRIOV_NUM_VFS;
    reg->reset |= value & column->keep << shift;
    reg->rw |= column->rw << shift;
    reg->w1c |= column->w1c << shift;
    reg->trigger |= rule->trigger << shift;
    reg->sticky |= rule->sticky << shift;
    reg->watch |= (rule->watch & (column->rw | column->w1c)) << shift;
    reg->boot |= value & boot;
    if (acts && reg->effect)
        return pci_fail(b->error, b->name, line_of(b->capture, offset), "%s: two effects in the dword at %03x",
                        capability, offset & ~3u);
    if (acts)
        reg->effect = rule->effect;
    return note_name(b->map, rule, capability, offset) ? 0 : -ENOMEM;
}

static int apply_rules(struct builder *b, const struct pci_rule *rules, unsigned count, const char *capability,
                       uint32_t base, uint32_t length)
{
    for (unsigned i = 0; i < count; i++) {
        for (uint32_t at = rules[i].offset; at < length; at += 4) {
            int status = apply_rule(b, &rules[i], capability, base + at);
            if (status)
                return status;
            if (!rules[i].repeats)
                break;
        }
    }
    return 0;
}

static const char *name_of(const struct builder *b, int index)
{
    return b->known[index] ? b->known[index]->name : "of an unknown kind";
}

/* No two capabilities may lie on one dword, and none may run out of its region. */
static int claim(struct builder *b, int index, uint32_t length)
{
    const struct pci_found *found = &b->found[index];
    const char *name = name_of(b, index);
    uint32_t end = found->id & PCI_EXTENDED ? PCI_CONFIG_SIZE : 0x100;
    if (found->offset + length > end)
        return pci_fail(b->error, b->name, line_of(b->capture, found->offset),
                        "capability %s at %03x is %u bytes long and runs past %03x", name, found->offset, length,
                        end - 1);
    for (uint32_t dword = found->offset / 4; dword < (found->offset + length + 3) / 4; dword++) {
        int owner = b->owner[dword] - 1;
        if (owner >= 0)
            return pci_fail(b->error, b->name, line_of(b->capture, dword * 4),
                            "capability %s at %03x and capability %s at %03x both have the dword at %03x", name,
                            found->offset, name_of(b, owner), b->found[owner].offset, dword * 4);
        b->owner[dword] = index + 1;
    }
    return 0;
}

static uint32_t length_of(const struct builder *b, int index)
{
    const struct pci_capability *known = b->known[index];
    const uint8_t *bytes = b->capture->space + b->found[index].offset;
    if (!known || !known->rules)
        return 4; /* its header */
    uint16_t least = known->length;
    uint16_t measured = known->measure ? known->measure(bytes) : least;
    return measured > least ? measured : least;
}

/* A capability this function must not have, or has twice. */
static int check_known(struct builder *b, int index)
{
    const struct pci_capability *known = b->known[index];
    const struct pci_found *found = &b->found[index];
    if (b->map->vf && known->vf_refusal)
        return pci_fail(b->error, b->name, line_of(b->capture, found->offset),
                        "VF %s has capability %s at %03x, which a VF must not have: %s", b->capture->address,
                        known->name, found->offset, known->vf_refusal);
    for (int i = 0; i < index && !known->several; i++)
        if (b->found[i].id == found->id)
            return pci_fail(b->error, b->name, line_of(b->capture, found->offset),
                            "capability %s appears twice, at %03x and %03x", known->name, b->found[i].offset,
                            found->offset);
    return 0;
}

static int identify(struct builder *b)
{
    for (int i = 0; i < b->count; i++) {
        b->known[i] = pci_capability_find(b->found[i].id, b->capture->space + b->found[i].offset);
        int status = b->known[i] ? check_known(b, i) : 0;
        if (!status)
            status = claim(b, i, length_of(b, i));
        if (status)
            return status;
    }
    return 0;
}

/* An unknown capability is everything up to the next known place: read-only, as captured. */
static void keep_unknown(struct builder *b, int index)
{
    uint32_t end = b->found[index].id & PCI_EXTENDED ? PCI_DWORDS : 0x100 / 4;
    uint32_t dword = b->found[index].offset / 4;
    for (uint32_t at = dword; at < end && (at == dword || !b->owner[at]); at++)
        b->map->dword[at].reset = pci_captured(b->capture, at * 4);
}

static void note_place(struct pci_map *map, const struct pci_found *found)
{
    switch (found->id) {
    case 0x01:
        map->power = found->offset;
        break;
    case EXPRESS_ID:
        map->express = found->offset;
        break;
    case 0x11:
        map->msix = found->offset;
        break;
    case SRIOV_ID:
        map->sriov = found->offset;
        break;
    case SERIAL_ID:
        map->serial = found->offset;
        break;
    default:
        break;
    }
}

static int apply_capability(struct builder *b, int index)
{
    static const struct pci_rule headers[] = {{.name = "Capability Header", .size = 2},
                                              {.name = "Capability Header", .size = 4}};
    const struct pci_capability *known = b->known[index];
    const struct pci_found *found = &b->found[index];
    bool extended = found->id & PCI_EXTENDED;
    uint32_t header = extended ? 0xffffffffu : 0x0000ffffu;
    if (!note_name(b->map, &headers[extended], known ? known->name : "Unknown, read-only", found->offset))
        return -ENOMEM;
    if (!known || !known->rules) {
        keep_unknown(b, index);
        return 0;
    }
    note_place(b->map, found);
    b->map->dword[found->offset / 4].reset = pci_captured(b->capture, found->offset) & header;
    return apply_rules(b, known->rules, known->count, known->name, found->offset, length_of(b, index));
}

/* Takes away what this function says it does not have. */
static void apply_gates(struct builder *b, int index)
{
    uint32_t base = b->found[index].offset;
    for (unsigned i = 0; i < pci_gate_count && b->known[index]; i++) {
        const struct pci_gate *gate = &pci_gates[i];
        bool reaches = gate->offset < b->known[index]->length && gate->target < b->known[index]->length;
        if (gate->id != b->found[index].id || !reaches)
            continue;
        struct pci_register *reg = &b->map->dword[(base + gate->target) / 4];
        if (pci_captured(b->capture, base + gate->offset) & gate->mask || (b->map->vf && gate->id == EXPRESS_ID))
            continue; /* a VF's FLR is not a matter of choice; the rest of its PCI Express control is fixed anyway */
        reg->rw &= ~gate->bits;
        reg->w1c &= ~gate->bits;
        reg->trigger &= ~gate->bits;
        reg->watch &= ~gate->bits;
    }
}

/* A message's mask bit exists if the message can be asked for (Multiple Message Capable, bits 3:1). */
static void limit_msi_masks(struct builder *b, int index)
{
    uint32_t base = b->found[index].offset;
    uint32_t control = pci_captured(b->capture, base) >> 16;
    unsigned messages = 1u << (control >> 1 & 7);
    uint32_t masks = base + (control & 0x80 ? 0x10 : 0x0c);
    if (b->found[index].id == MSI_ID && control & 0x100 && messages < 32)
        b->map->dword[masks / 4].rw &= (1u << messages) - 1;
}

int pci_map_build(struct pci_map *map, const char *name, const struct pci_capture *capture, bool vf,
                  struct pci_error *error)
{
    struct builder *b = calloc(1, sizeof *b);
    if (!b)
        return -ENOMEM;
    *b = (struct builder){.map = map, .name = name, .capture = capture, .error = error};
    map->vf = vf;
    /* A PF keeps bytes that belong to nothing as captured; in a VF they read 0 (pci.md 5.1 row 12). */
    for (uint32_t dword = 0x40 / 4; dword < PCI_DWORDS && !vf; dword++)
        map->dword[dword].reset = pci_captured(capture, dword * 4);
    int status = b->count = pci_walk(name, capture, b->found, error);
    if (status >= 0)
        status = identify(b);
    for (uint32_t dword = 0; dword < PCI_DWORDS && !status; dword++)
        if (b->owner[dword])
            map->dword[dword].reset = 0;
    if (!status)
        status = apply_rules(b, pci_header_rules, pci_header_rule_count, "header", 0, 0x40);
    for (int i = 0; i < b->count && !status; i++) {
        status = apply_capability(b, i);
        apply_gates(b, i);
        limit_msi_masks(b, i);
    }
    free(b);
    return status;
}

/* Masks that contradict each other are a mistake in a table: it is found here, not at the first write. What an access
 * takes for granted of a register is this and what pci_map_sound looks at. */
static int check_masks(const struct pci_map *map, const char *name, const struct pci_capture *capture, uint32_t dword,
                       struct pci_error *error)
{
    const struct pci_register *reg = &map->dword[dword];
    const char *where = "no capability";
    for (unsigned i = 0; i < map->named_count; i++)
        if (map->named[i].offset / 4 == dword)
            where = map->named[i].capability;
    uint32_t twice = (reg->rw & reg->w1c) | (reg->rw & reg->trigger) | (reg->w1c & reg->trigger);
    if (twice)
        return pci_fail(error, name, line_of(capture, dword * 4),
                        "dword %03x (%s): bits %08x have two kinds of write at once", dword * 4, where, twice);
    uint32_t set = (reg->w1c | reg->trigger) & reg->reset;
    if (set)
        return pci_fail(error, name, line_of(capture, dword * 4),
                        "dword %03x (%s): status or trigger bits %08x are set at reset", dword * 4, where, set);
    uint32_t acts = reg->watch | reg->trigger;
    if ((acts && !reg->effect) || reg->effect > PCI_EFFECT_VF_BAR)
        return pci_fail(error, name, line_of(capture, dword * 4),
                        "dword %03x (%s): bits %08x set something off, effect %u is none", dword * 4, where, acts,
                        reg->effect);
    return 0;
}

static bool is_sound(const struct pci_map *map, const struct pci_register *reg)
{
    if (reg->kind == PCI_FIXED)
        return reg->slot == PCI_NO_SLOT && !(reg->watch | reg->trigger);
    bool acts = reg->watch | reg->trigger || reg->effect;
    return reg->slot < map->slots && (reg->kind == PCI_EXACT || (reg->kind == PCI_PLAIN && !acts));
}

bool pci_map_sound(const struct pci_map *map)
{
    bool sound = map->slots <= PCI_DWORDS;
    for (uint32_t dword = 0; dword < PCI_DWORDS && sound; dword++)
        sound = is_sound(map, &map->dword[dword]);
    return sound;
}

int pci_map_seal(struct pci_map *map, const char *name, const struct pci_capture *capture, struct pci_error *error)
{
    unsigned effects = 0;
    for (uint32_t dword = 0; dword < PCI_DWORDS; dword++) {
        struct pci_register *reg = &map->dword[dword];
        int status = check_masks(map, name, capture, dword, error);
        if (status)
            return status;
        bool fixed = !(reg->rw | reg->w1c | reg->trigger);
        bool exact = reg->w1c | reg->trigger || reg->effect;
        reg->kind = fixed ? PCI_FIXED : exact ? PCI_EXACT : PCI_PLAIN;
        reg->slot = fixed ? PCI_NO_SLOT : map->slots;
        effects += !fixed && reg->effect;
        if (!fixed)
            map->slot_dword[map->slots++] = dword;
    }
    if (effects > PCI_EFFECTS_MAX)
        return pci_fail(error, name, capture->line,
                        "function %s has %u registers with effects, at most %u are possible", capture->address, effects,
                        PCI_EFFECTS_MAX);
    return pci_map_sound(map) ? 0 : pci_fail(error, name, 0, "the registers of this card contradict each other");
}
