/* SPDX-License-Identifier: MIT
 *
 * A write in words: what changed, what was started, what was refused and why.
 *     Command 0000 -> 0004 Bus Master; I/O, Memory: not writable in a VF
 */
#include <string.h>

#include "pci/internal.h"

struct words {
    struct pci_page page;
    unsigned parts;
};

/* One register as the write met it; bytes the write did not name are the same in all three values. */
struct meeting {
    const struct pci_rule *rule;
    uint32_t lanes; /* bits the write named */
    uint32_t wanted, before, after;
    uint32_t rw, w1c, trigger; /* at the register's own place */
    bool vf;
};

static void next_part(struct words *words)
{
    if (words->parts++)
        pci_put(&words->page, "; ");
}

/* The name of bit `bit` in "a|b||d"; empty if it has none. */
static int bit_name(const char *names, unsigned bit, const char **name)
{
    while (bit--) {
        names += strcspn(names, "|");
        if (!*names)
            return 0;
        names++;
    }
    *name = names;
    return strcspn(names, "|");
}

/* Names of the bits, one each even if it has several bits; what has no name is told as a mask. True if it said
 * anything. */
static bool say_bits(struct words *words, const struct pci_rule *rule, uint32_t bits, uint32_t set, const char *before)
{
    const char *names = pci_bit_names(rule->name);
    const char *last = "", *separator = before;
    uint32_t nameless = 0;
    int last_length = 0;
    for (unsigned bit = 0; names && bit < 8u * rule->size; bit++) {
        if (!(bits >> bit & 1))
            continue;
        const char *name = "";
        int length = bit_name(names, bit, &name);
        if (!length)
            nameless |= 1u << bit;
        if (!length || (length == last_length && strncmp(name, last, length) == 0))
            continue;
        pci_put(&words->page, "%s%s%.*s", separator, set >> bit & 1 ? "" : "no ", length, name);
        last = name;
        last_length = length;
        separator = ", ";
    }
    if (nameless)
        pci_put(&words->page, "%sbits %0*x", separator, rule->size * 2, nameless);
    return names && bits;
}

static void describe_change(struct words *words, const struct meeting *m)
{
    if (m->before == m->after)
        return;
    int digits = m->rule->size * 2;
    next_part(words);
    pci_put(&words->page, "%s %0*x -> %0*x", m->rule->name, digits, m->before, digits, m->after);
    say_bits(words, m->rule, m->before ^ m->after, m->after, " ");
}

static void describe_trigger(struct words *words, const struct meeting *m)
{
    uint32_t pulled = m->wanted & m->trigger & m->lanes;
    if (!pulled)
        return;
    next_part(words);
    pci_put(&words->page, "%s:", m->rule->name);
    say_bits(words, m->rule, pulled, pulled, " ");
}

/* Bits the write tried to change and did not. */
static void describe_refusal(struct words *words, const struct meeting *m, uint32_t bits, const char *why)
{
    if (!bits)
        return;
    next_part(words);
    bool named = m->before != m->after;
    if (!named)
        pci_put(&words->page, "%s", m->rule->name);
    if (pci_bit_names(m->rule->name))
        say_bits(words, m->rule, bits, ~0u, named ? "" : " ");
    else if (named)
        pci_put(&words->page, "bits %0*x", m->rule->size * 2, bits);
    pci_put(&words->page, ": %s", why);
}

static void describe_register(struct words *words, const struct meeting *m)
{
    uint32_t tried = (m->wanted ^ m->before) & (m->wanted ^ m->after) & m->lanes & ~m->w1c & ~m->trigger;
    bool reset = m->wanted & m->trigger & m->lanes;
    describe_change(words, m);
    describe_trigger(words, m);
    if (!reset)
        describe_refusal(words, m, tried & m->rw, "refused in this state");
    describe_refusal(words, m, tried & ~m->rw, m->vf ? "not writable in a VF" : "read-only");
}

/* The register's bytes out of `bytes`, which begin at `offset`; the others are taken from `now`. */
static uint32_t overlay(const struct pci_named *named, uint32_t offset, uint32_t length, const uint8_t *bytes,
                        uint32_t now, uint32_t *lanes)
{
    *lanes = 0;
    for (unsigned i = 0; i < named->rule->size; i++) {
        uint32_t at = named->offset + i;
        if (at < offset || at - offset >= length)
            continue;
        *lanes |= 0xffu << 8 * i;
        now = (now & ~(0xffu << 8 * i)) | (uint32_t)bytes[at - offset] << 8 * i;
    }
    return now;
}

static uint32_t value_now(struct pci_device *device, int function, uint32_t offset, uint32_t size)
{
    bool pf = function == PCI_FUNCTION_PF;
    const struct pci_map *map = pci_map_of(device, function);
    uint32_t value = map->dword[offset / 4].reset;
    if (pf || (uint32_t)function < atomic_load(&device->existing))
        value = pci_load(map, pf ? device->pf_slots : pci_vf_at(device, function)->slots, offset / 4);
    return value >> 8 * (offset % 4) & (size == 4 ? 0xffffffffu : (1u << 8 * size) - 1);
}

int pci_describe_write(struct pci_device *device, int function, uint32_t offset, uint32_t length, const void *wanted,
                       const void *before, const void *after, char *text, size_t size)
{
    const struct pci_map *map = pci_map_of(device, function);
    struct words words = {.page = {.text = text, .size = size}};
    if (size)
        text[0] = '\0';
    for (unsigned i = 0; i < map->named_count; i++) {
        const struct pci_named *named = &map->named[i];
        const struct pci_register *reg = &map->dword[named->offset / 4];
        unsigned shift = 8 * (named->offset % 4), bytes = named->rule->size;
        if (named->offset >= (uint64_t)offset + length || named->offset + bytes <= offset)
            continue;
        struct meeting m = {.rule = named->rule, .vf = map->vf};
        uint32_t mask = bytes == 4 ? 0xffffffffu : (1u << 8 * bytes) - 1;
        uint32_t now = value_now(device, function, named->offset, bytes);
        m.wanted = overlay(named, offset, length, wanted, now, &m.lanes);
        m.before = overlay(named, offset, length, before, now, &m.lanes);
        m.after = overlay(named, offset, length, after, now, &m.lanes);
        m.rw = reg->rw >> shift & mask;
        m.w1c = reg->w1c >> shift & mask;
        m.trigger = reg->trigger >> shift & mask;
        describe_register(&words, &m);
    }
    if (!words.parts)
        pci_put(&words.page, "%u bytes at 0x%03x: nothing changed", length, offset);
    return words.page.used;
}
