/* SPDX-License-Identifier: MIT
 *
 * One VF's copy of the policy: the header's lines, then lines for each capability found in the VF's own chains.
 */
#include <stdlib.h>
#include <string.h>

#include "vstack/policy.h"

struct vstack_register *vstack_view_find(struct vstack_view *view, unsigned offset)
{
    unsigned slot = view->slot[offset / 4];
    return slot ? &view->registers[slot - 1] : NULL;
}

struct vstack_register *vstack_view_add(struct vstack_view *view, unsigned offset)
{
    struct vstack_register *found = vstack_view_find(view, offset);

    if (found)
        return found;
    if (view->count == view->capacity) {
        unsigned capacity = view->capacity ? view->capacity * 2 : 32;
        struct vstack_register *grown = realloc(view->registers, capacity * sizeof(*grown));
        if (!grown)
            return NULL;
        view->registers = grown;
        view->capacity = capacity;
    }
    found = &view->registers[view->count++];
    memset(found, 0, sizeof(*found));
    found->rule.offset = (uint16_t)(offset & ~3u);
    view->slot[offset / 4] = (uint16_t)view->count;
    return found;
}

void vstack_view_fix(struct vstack_view *view, unsigned offset, uint32_t value)
{
    struct vstack_register *found = vstack_view_find(view, offset);
    found->value = found->reset = value;
}

void vstack_view_reset(struct vstack_view *view)
{
    for (unsigned i = 0; i < view->count; i++)
        view->registers[i].value = view->registers[i].reset;
}

void vstack_view_free(struct vstack_view *view)
{
    free(view->registers);
    memset(view, 0, sizeof(*view));
}

bool vstack_view_build(struct vstack_view *view, const struct vstack_source *source)
{
    memset(view, 0, sizeof(*view));
    for (unsigned i = 0; i < vstack_header_rule_count; i++) {
        struct vstack_register *at = vstack_view_add(view, vstack_header_rules[i].offset);
        if (!at)
            return false;
        at->rule = vstack_header_rules[i];
    }
    return vstack_capabilities_add(view, source);
}

/* ---- capability chains -------------------------------------------------------------------------------------- */

/* One walk: standard (040-0FF, next in bits 15:8) or extended (100-FFF, next in bits 31:20). */
struct chain {
    struct vstack_view *view;
    const struct vstack_source *source;
    bool is_extended;
    unsigned first, end;            /* the area */
    uint8_t visited[VSTACK_DWORDS]; /* which bounds the walk */
};

static unsigned next_of(const struct chain *chain, uint32_t header)
{
    return chain->is_extended ? header >> 20 & 0xFFC : header >> 8 & 0xFC;
}

static unsigned id_of(const struct chain *chain, uint32_t header)
{
    return chain->is_extended ? header & 0xFFFF : header & 0xFF;
}

static bool free_range(const struct chain *chain, unsigned offset, unsigned length)
{
    if (offset + length > chain->end)
        return false;
    for (unsigned at = offset; at < offset + length; at += 4) {
        if (chain->view->slot[at / 4])
            return false;
    }
    return true;
}

/* Adds the lines of one capability; it is hooked into the guest's chain when all are known. false: no memory. */
static bool show(struct chain *chain, unsigned offset, const struct vstack_capability *capability, unsigned length)
{
    uint32_t next_mask = chain->is_extended ? 0xFFF00000 : 0x0000FF00;
    struct vstack_register *head;

    for (unsigned at = 0; at < length; at += 4) {
        struct vstack_register *line = vstack_view_add(chain->view, offset + at);
        if (!line)
            return false;
        line->rule.hardware = length - at >= 4 ? 0xFFFFFFFF : (1u << (length - at) * 8) - 1;
    }
    for (unsigned i = 0; i < capability->rule_count; i++) {
        struct vstack_rule rule = capability->rules[i];
        if (rule.offset >= length)
            continue;
        rule.offset = (uint16_t)(offset + rule.offset);
        vstack_view_find(chain->view, rule.offset)->rule = rule;
    }
    head = vstack_view_find(chain->view, offset);
    head->rule.hardware &= ~next_mask;
    chain->view->shown[chain->view->shown_count++] = (struct vstack_shown){.id = capability->id,
                                                                           .offset = (uint16_t)offset,
                                                                           .length = (uint16_t)length,
                                                                           .is_extended = chain->is_extended,
                                                                           .head = head->rule};
    return true;
}

static unsigned length_of(struct chain *chain, const struct vstack_capability *capability, unsigned offset,
                          uint32_t header)
{
    uint32_t second = 0;

    if (!capability->length)
        return capability->minimum;
    if (offset + 8 <= chain->end && !chain->source->read(chain->source->context, offset + 4, &second))
        return 0;
    return capability->length(header, second);
}

static bool consider(struct chain *chain, unsigned offset, uint32_t header)
{
    const struct vstack_capability *capability =
        vstack_capability_rule(chain->is_extended, id_of(chain, header), header);
    unsigned length;

    if (!capability) {
        TRACE_NOTE("vstack", "capability %04x at 0x%03x hidden", id_of(chain, header), offset);
        return true;
    }
    length = length_of(chain, capability, offset, header);
    if (length < capability->minimum || !free_range(chain, offset, length) ||
        chain->view->shown_count == VSTACK_SHOWN_MAX) {
        TRACE_REFUSE("vstack", "CAPABILITY_OUT_OF_PLACE pci.md 4.8", "%04x at 0x%03x, %u bytes: hidden",
                     id_of(chain, header), offset, length);
        return true;
    }
    return show(chain, offset, capability, length);
}

static bool leaves(struct chain *chain, unsigned at)
{
    if (at >= chain->first && at < chain->end && !chain->visited[at / 4]) {
        chain->visited[at / 4] = 1;
        return false;
    }
    TRACE_REFUSE("vstack", "CAPABILITY_CHAIN pci.md 4.8", "leaves its area or loops at 0x%03x: ends there", at);
    return true;
}

static bool walk(struct chain *chain, unsigned at)
{
    uint32_t header;

    for (; at && !leaves(chain, at); at = next_of(chain, header)) {
        if (!chain->source->read(chain->source->context, at, &header) || header == 0 || header == 0xFFFFFFFF)
            return true;
        if (!consider(chain, at, header))
            return false;
    }
    return true;
}

bool vstack_capabilities_add(struct vstack_view *view, const struct vstack_source *source)
{
    struct chain standard = {.view = view, .source = source, .first = 0x40, .end = 0x100};
    struct chain extended = {
        .view = view, .source = source, .is_extended = true, .first = 0x100, .end = VSTACK_CONFIG_SIZE};
    uint32_t pointer = 0;

    if (source->read(source->context, 0x34, &pointer) && !walk(&standard, pointer & 0xFC))
        return false;
    return walk(&extended, 0x100) && vstack_view_link(view);
}
