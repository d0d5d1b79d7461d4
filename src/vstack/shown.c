/* SPDX-License-Identifier: MIT
 *
 * Which capabilities a guest sees, the chain through them, and the rest of a VF's policy that a host program can
 * change.
 *
 * A hidden capability keeps its lines in the view, but no dword leads to them: it reads zero and takes no write, like
 * everything that no line stands for.
 */
#include "vstack/policy.h"

#define EXTENDED_START 0x100u

/* ---- the chain ---------------------------------------------------------------------------------------------- */

static void lead_to_lines(struct vstack_view *view, const struct vstack_shown *shown)
{
    for (unsigned i = 0; i < view->count; i++) {
        unsigned offset = view->registers[i].rule.offset;
        if (offset >= shown->offset && offset < shown->offset + shown->length)
            view->slot[offset / 4] = (uint16_t)(shown->hidden ? 0 : i + 1);
    }
}

bool vstack_view_hide(struct vstack_view *view, bool is_extended, unsigned id, bool hidden)
{
    bool found = false;

    for (unsigned i = 0; i < view->shown_count; i++) {
        struct vstack_shown *shown = &view->shown[i];
        if (shown->is_extended != is_extended || shown->id != id)
            continue;
        shown->hidden = hidden;
        lead_to_lines(view, shown);
        found = true;
    }
    return found;
}

/* The dword at 100 stands whatever is hidden: software begins there. Its line is the capability's own, an empty one's
 * in its place, or one that is made for it. */
static bool prepare_start(struct vstack_view *view)
{
    struct vstack_shown *first = NULL;
    struct vstack_register *line = NULL;
    bool any = false;

    for (unsigned i = 0; i < view->shown_count; i++) {
        any |= view->shown[i].is_extended;
        if (view->shown[i].offset == EXTENDED_START)
            first = &view->shown[i];
    }
    if (!any)
        return true;
    for (unsigned i = 0; i < view->count; i++) {
        if (view->registers[i].rule.offset == EXTENDED_START) {
            line = &view->registers[i];
            view->slot[EXTENDED_START / 4] = (uint16_t)(i + 1);
        }
    }
    if (!line)
        return vstack_view_add(view, EXTENDED_START) != NULL;
    if (first)
        line->rule = first->hidden ? (struct vstack_rule){.offset = EXTENDED_START} : first->head;
    return true;
}

/* Where the chain said "next": in the capability before, in the header's pointer, or in the dword at 100. */
static void link_chain(struct vstack_view *view, bool is_extended)
{
    unsigned last = is_extended ? EXTENDED_START : 0x34;
    unsigned shift = is_extended ? 20 : 0;

    if (vstack_view_find(view, last))
        vstack_view_fix(view, last, 0);
    for (unsigned i = 0; i < view->shown_count; i++) {
        const struct vstack_shown *shown = &view->shown[i];
        if (shown->is_extended != is_extended || shown->hidden)
            continue;
        if (shown->offset != last)
            vstack_view_fix(view, last, (uint32_t)shown->offset << shift);
        vstack_view_fix(view, shown->offset, 0);
        last = shown->offset;
        shift = is_extended ? 20 : 8;
    }
}

bool vstack_view_link(struct vstack_view *view)
{
    if (!prepare_start(view))
        return false;
    link_chain(view, false);
    link_chain(view, true);
    return true;
}

/* ---- what a host program may change ------------------------------------------------------------------------- */

/* vf->lock held. */
static NTSTATUS changeable(const struct vstack_vf *vf)
{
    return vf->attached ? STATUS_SHARING_VIOLATION : STATUS_SUCCESS;
}

NTSTATUS vstack_policy_hide(struct vstack_vf *vf, bool is_extended, USHORT id, bool hidden)
{
    NTSTATUS status;

    TRACE_DOOR(span, "vstack", "policy", "VF %u: capability %04x %s", vf->id, id, hidden ? "hidden" : "shown");
    pthread_mutex_lock(&vf->lock);
    status = changeable(vf);
    if (status == STATUS_SUCCESS && !vstack_view_hide(&vf->view, is_extended, id, hidden))
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    if (status == STATUS_SUCCESS && !vstack_view_link(&vf->view))
        status = STATUS_INSUFFICIENT_RESOURCES;
    pthread_mutex_unlock(&vf->lock);
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

NTSTATUS vstack_policy_lock(struct vstack_vf *vf, ULONG offset, ULONG mask)
{
    struct vstack_register *line;
    NTSTATUS status;

    if (offset >= VSTACK_CONFIG_SIZE || offset & 3)
        return STATUS_INVALID_PARAMETER;
    TRACE_DOOR(span, "vstack", "policy", "VF %u: bits %08x of 0x%03x read-only", vf->id, mask, offset);
    pthread_mutex_lock(&vf->lock);
    status = changeable(vf);
    line = vstack_view_find(&vf->view, offset);
    if (status == STATUS_SUCCESS && !line)
        status = STATUS_OBJECT_NAME_NOT_FOUND;
    if (status == STATUS_SUCCESS)
        line->locked = mask;
    pthread_mutex_unlock(&vf->lock);
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

unsigned vstack_policy_rows(struct vstack_vf *vf, struct vstack_policy_row *rows, unsigned capacity)
{
    unsigned count = 0;

    pthread_mutex_lock(&vf->lock);
    for (unsigned offset = 0; offset < VSTACK_CONFIG_SIZE; offset += 4) {
        const struct vstack_register *line = vstack_view_find(&vf->view, offset);
        if (!line)
            continue;
        if (count < capacity)
            rows[count] = (struct vstack_policy_row){.offset = (USHORT)offset,
                                                     .hardware = line->rule.hardware,
                                                     .kept = line->rule.kept,
                                                     .down = line->rule.down,
                                                     .clear = line->rule.clear,
                                                     .locked = line->locked};
        count++;
    }
    pthread_mutex_unlock(&vf->lock);
    return count;
}
