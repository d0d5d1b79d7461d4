/* SPDX-License-Identifier: MIT
 *
 * Pages of BARs whose accesses a partition must hand over: which they are, who is told, what is done with an access.
 * Where the ranges come from is the road's matter (generic_mitigation.c).
 *
 * traps->telling is held while the owner is told of ranges and of BARs, so that he hears them in the order in which
 * they are in force. It is outermost; the callbacks may not come back here (vstack.h).
 */
#include "vstack/internal.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u

struct vstack_traps {
    pthread_mutex_t telling;
    bool open; /* there is an owner to tell; telling */
    struct {
        struct vstack_list list; /* changed under telling and vf->lock */
        bool told;               /* the owner has a list that is not empty; telling */
    } bar[VSTACK_BARS];
};

void vstack_lists_free(struct vstack_list lists[VSTACK_BARS])
{
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        free(lists[i].ranges);
        lists[i] = (struct vstack_list){0};
    }
}

bool vstack_traps_begin(struct vstack_vf *vf)
{
    vf->traps = calloc(1, sizeof(*vf->traps));
    if (!vf->traps)
        return false;
    pthread_mutex_init(&vf->traps->telling, NULL);
    return true;
}

void vstack_traps_end(struct vstack_vf *vf)
{
    if (!vf->traps)
        return;
    for (unsigned i = 0; i < VSTACK_BARS; i++)
        free(vf->traps->bar[i].list.ranges);
    pthread_mutex_destroy(&vf->traps->telling);
    free(vf->traps);
    vf->traps = NULL;
}

/* ---- telling the owner ------------------------------------------------------------------------------------------- */

/* traps->telling held. */
static void tell(struct vstack_vf *vf, unsigned index, unsigned count)
{
    struct vstack_traps *traps = vf->traps;

    traps->bar[index].told = count != 0;
    TRACE_NOTE("vstack", "VF %u: accesses to %u ranges of BAR %u are handed over", vf->id, count, index);
    if (vf->partition.ranges)
        vf->partition.ranges(vf->context, index, traps->bar[index].list.ranges, count);
}

static bool same(const struct vstack_list *one, const struct vstack_list *other)
{
    for (unsigned i = 0; i < one->count && one->count == other->count; i++) {
        const struct vstack_range *a = &one->ranges[i], *b = &other->ranges[i];
        if (a->offset != b->offset || a->length != b->length || a->reads != b->reads || a->writes != b->writes)
            return false;
    }
    return one->count == other->count;
}

void vstack_traps_replace(struct vstack_vf *vf, struct vstack_list lists[VSTACK_BARS])
{
    struct vstack_traps *traps = vf->traps;

    pthread_mutex_lock(&traps->telling);
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        struct vstack_list old = traps->bar[i].list;
        if (same(&old, &lists[i]))
            continue;
        pthread_mutex_lock(&vf->lock);
        traps->bar[i].list = lists[i];
        pthread_mutex_unlock(&vf->lock);
        lists[i] = old;
        if (traps->open)
            tell(vf, i, traps->bar[i].list.count);
    }
    pthread_mutex_unlock(&traps->telling);
}

void vstack_traps_offer(struct vstack_vf *vf)
{
    if (!vf->traps)
        return;
    pthread_mutex_lock(&vf->traps->telling);
    vf->traps->open = true;
    pthread_mutex_unlock(&vf->traps->telling);
}

void vstack_traps_withdraw(struct vstack_vf *vf)
{
    struct vstack_traps *traps = vf->traps;

    if (!traps)
        return;
    pthread_mutex_lock(&traps->telling);
    traps->open = false;
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        if (traps->bar[i].told)
            tell(vf, i, 0);
    }
    pthread_mutex_unlock(&traps->telling);
}

void vstack_traps_bar(struct vstack_vf *vf, unsigned index, bool mapped)
{
    const struct vstack_bar *bar = &vf->bars[index];
    struct vstack_traps *traps = vf->traps;

    if (traps) {
        pthread_mutex_lock(&traps->telling);
        if (mapped && traps->bar[index].list.count)
            tell(vf, index, traps->bar[index].list.count);
    }
    if (vf->partition.bar)
        vf->partition.bar(vf->context, index, mapped, bar->guest_address, bar->system_address, bar->size);
    if (traps)
        pthread_mutex_unlock(&traps->telling);
}

/* ---- an access --------------------------------------------------------------------------------------------------- */

/* How many of the bytes; vf->lock held. */
static ULONG intercepted(const struct vstack_traps *traps, unsigned bar, ULONG64 at, ULONG length, bool read)
{
    const struct vstack_list *list = &traps->bar[bar].list;
    ULONG bytes = 0;

    for (unsigned i = 0; i < list->count; i++) {
        const struct vstack_range *range = &list->ranges[i];
        ULONG64 from = at > range->offset ? at : range->offset;
        ULONG64 to = at + length < range->offset + range->length ? at + length : range->offset + range->length;
        if (from < to && (read ? range->reads : range->writes))
            bytes += (ULONG)(to - from);
    }
    return bytes;
}

/* vf->lock held. */
static NTSTATUS judge(struct vstack_vf *vf, unsigned bar, ULONG64 offset, ULONG length, bool read)
{
    NTSTATUS status = vstack_usable(vf);
    ULONG bytes;

    if (status != STATUS_SUCCESS)
        return status;
    if (bar >= VSTACK_BARS || length < 1 || length > VSTACK_REGISTER_MAX || length > vf->bars[bar].size ||
        offset > vf->bars[bar].size - length)
        return STATUS_INVALID_PARAMETER;
    bytes = vf->traps ? intercepted(vf->traps, bar, offset, length, read) : 0;
    if (bytes && bytes < length)
        return STATUS_INVALID_PARAMETER; /* nobody may do it as one */
    return bytes ? STATUS_SUCCESS : STATUS_NOT_FOUND;
}

static NTSTATUS check(struct vstack_vf *vf, const struct vstack_request *request, bool read)
{
    NTSTATUS status;

    pthread_mutex_lock(&vf->lock);
    status = judge(vf, request->bar, request->where, request->size, read);
    pthread_mutex_unlock(&vf->lock);
    if (status == STATUS_INVALID_PARAMETER)
        TRACE_REFUSE("vstack", "REGISTER_RANGE pci.md 5.10", "%u bytes at %llx of BAR %u", request->size,
                     (unsigned long long)request->where, request->bar);
    if (status != STATUS_NOT_FOUND)
        return status;
    TRACE_REFUSE("vstack", "REGISTER_NOT_MITIGATED pci.md 5.10", "the %s is the guest's own", read ? "read" : "write");
    if (vf->traps) { /* who asks is to have been told of the list that says so */
        pthread_mutex_lock(&vf->traps->telling);
        pthread_mutex_unlock(&vf->traps->telling);
    }
    return status;
}

static void submit(struct vstack_vf *vf, struct vstack_request *request, enum vstack_kind kind)
{
    struct vstack_answer answer = {0};
    bool read = kind == VSTACK_REGISTER_READ;
    NTSTATUS status;

    TRACE_DOOR(span, "vstack", read ? "mitigated read" : "mitigated write", "VF %u: %u bytes at %llx of BAR %u", vf->id,
               request->size, (unsigned long long)request->where, request->bar);
    TRACE_UNDER(span, request->trace_parent);
    request->kind = kind;
    status = check(vf, request, read);
    if (status == STATUS_SUCCESS)
        vstack_submit(vf, request, kind, &answer);
    else
        vstack_finish(vf, request, status, &answer);
    TRACE_DONE(span, "%s", answer.known ? nt_status_name(answer.status) : "pending");
}

static void prepare(struct vstack_request *request, ULONG bar, ULONG64 offset, ULONG length)
{
    request->bar = bar;
    request->where = offset;
    request->size = length;
}

void vstack_register_read(struct vstack_vf *vf, struct vstack_request *request, ULONG bar, ULONG64 offset, ULONG length)
{
    prepare(request, bar, offset, length);
    submit(vf, request, VSTACK_REGISTER_READ);
}

void vstack_register_write(struct vstack_vf *vf, struct vstack_request *request, ULONG bar, ULONG64 offset,
                           ULONG length, ULONG64 value)
{
    prepare(request, bar, offset, length);
    memcpy(request->data, &value, sizeof(value));
    submit(vf, request, VSTACK_REGISTER_WRITE);
}
