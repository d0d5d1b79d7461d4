/* SPDX-License-Identifier: MIT
 *
 * What a channel says to its VMM beside packets: BARs and the window that come and go, mitigated ranges, answers,
 * CLOSED.
 *
 * A VMM that has much to read hears it later, in the order in which it must hear it: what goes, the ranges of what
 * stays or comes, what comes, answers, CLOSED. Of each only the last is kept, so neither a PF driver that changes its
 * mind all the time nor a machine with many VFs costs the VMM its connection. Packets wait for all of it (channel.c).
 *
 * A VMM of version 1 cannot keep its guest from pages of a BAR: one that has such pages is not there for it.
 */
#include "vpci/vmm/internal.h"

#include <stdlib.h>
#include <string.h>

#define RANGES_SINCE 2u

bool vmm_channel_is_open(const struct vmm_channel *channel)
{
    return channel->state == VMM_OPEN || channel->state == VMM_CLOSING;
}

static bool knows_ranges(const struct vmm_channel *channel)
{
    return channel->vmm->connection && channel->vmm->connection->version >= RANGES_SINCE;
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static void send_ranges(struct vmm_channel *channel, uint32_t region, const struct vfp_vmm_range *ranges,
                        uint32_t count)
{
    size_t bytes = count * sizeof *ranges;
    struct vfp_vmm_ranges *frame =
        vmm_frame_begin(channel->vmm, VFP_VMM_RANGES, channel->id, 0, (uint32_t)(sizeof *frame + bytes));
    if (!frame)
        return;
    frame->region = region;
    frame->count = count;
    if (count)
        memcpy(frame + 1, ranges, bytes);
    vmm_frame_end(channel->vmm);
}

static void forget(struct vmm_unsent *unsent)
{
    free(unsent->ranges);
    *unsent = (struct vmm_unsent){0};
}

static void say_ranges(struct vmm_channel *channel)
{
    for (uint32_t i = 0; i < VFP_VMM_BARS; i++) {
        struct vmm_unsent *unsent = &channel->unsaid.ranges[i];
        if (!unsent->waits)
            continue;
        send_ranges(channel, i, unsent->ranges, unsent->count);
        forget(unsent);
    }
}

/* False: there is no memory to keep it in. */
static bool keep(struct vmm_unsent *unsent, const struct vfp_vmm_range *ranges, uint32_t count)
{
    struct vfp_vmm_range *copy = count ? malloc(count * sizeof *ranges) : NULL;
    if (count && !copy)
        return false;
    if (count)
        memcpy(copy, ranges, count * sizeof *ranges);
    forget(unsent);
    *unsent = (struct vmm_unsent){copy, count, true};
    return true;
}

/* ---- regions ----------------------------------------------------------------------------------------------------- */

static bool is_hidden(const struct vmm_channel *channel, uint32_t region)
{
    return region < VFP_VMM_BARS && channel->unsaid.mitigated[region] && !knows_ranges(channel);
}

/* As the VMM should have it. Nothing appears on a channel that closes. */
static struct vmm_region shown(const struct vmm_channel *channel, uint32_t region)
{
    const struct vmm_region *now = &channel->unsaid.now[region];
    bool there = now->mapped && !is_hidden(channel, region);
    if (there && channel->state == VMM_CLOSING && !channel->unsaid.told[region].mapped)
        there = false;
    return there ? *now : (struct vmm_region){0};
}

static void send_region(struct vmm_channel *channel, uint16_t type, uint32_t region, const struct vmm_region *place)
{
    struct vfp_vmm_region *frame = vmm_frame_begin(channel->vmm, type, channel->id, 0, sizeof *frame);
    if (!frame)
        return;
    frame->region = region;
    frame->guest_address = place->guest_address;
    frame->system_address = place->system_address;
    frame->size = place->size;
    vmm_frame_end(channel->vmm);
}

static bool same(const struct vmm_region *one, const struct vmm_region *other)
{
    return one->mapped == other->mapped && one->guest_address == other->guest_address &&
           one->system_address == other->system_address && one->size == other->size;
}

static void say_what_goes(struct vmm_channel *channel)
{
    for (uint32_t i = 0; i < VMM_REGIONS; i++) {
        struct vmm_region *told = &channel->unsaid.told[i], next = shown(channel, i);
        if (!told->mapped || same(told, &next))
            continue;
        send_region(channel, VFP_VMM_UNMAP, i, told);
        *told = (struct vmm_region){0};
    }
}

static void say_what_comes(struct vmm_channel *channel)
{
    for (uint32_t i = 0; i < VMM_REGIONS; i++) {
        struct vmm_region *told = &channel->unsaid.told[i], next = shown(channel, i);
        if (!next.mapped || told->mapped)
            continue;
        send_region(channel, VFP_VMM_MAP, i, &next);
        *told = next;
    }
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

static void say_answer(struct vmm_channel *channel, struct vmm_answer *answer, bool *busy)
{
    const struct vfp_vmm_frame *said = &answer->is.frame;
    void *frame;
    if (!answer->waits)
        return;
    answer->waits = *busy = false;
    frame = vmm_frame_begin(channel->vmm, said->type, said->channel, said->id, said->length);
    if (!frame)
        return;
    memcpy(frame, said, said->length);
    vmm_frame_end(channel->vmm);
}

static void say_answers(struct vmm_channel *channel)
{
    say_answer(channel, &channel->unsaid.window, &channel->window_busy);
    say_answer(channel, &channel->unsaid.access, &channel->register_busy);
    say_answer(channel, &channel->unsaid.retarget, &channel->retarget_busy);
}

/* Once the VSP has let go of everything and every access is answered. */
static void say_closed(struct vmm_channel *channel)
{
    if (channel->state != VMM_CLOSING || !channel->settled || channel->window_busy || channel->register_busy ||
        channel->retarget_busy)
        return;
    channel->state = VMM_OFFERED;
    vmm_channel_header(channel, VFP_VMM_CLOSED, channel->close_id);
}

/* ---- now or later ------------------------------------------------------------------------------------------------ */

void vmm_unsaid_forget(struct vmm_channel *channel)
{
    for (uint32_t i = 0; i < VFP_VMM_BARS; i++)
        forget(&channel->unsaid.ranges[i]);
    channel->unsaid = (struct vmm_unsaid){0};
}

/* False: the VMM has too much to read. */
static bool say(struct vmm_channel *channel)
{
    if (!channel->unsaid.some)
        return true;
    if (!vmm_has_read(channel->vmm))
        return false;
    channel->unsaid.some = false;
    say_what_goes(channel);
    say_ranges(channel);
    say_what_comes(channel);
    say_answers(channel);
    say_closed(channel);
    return true;
}

/* Those with a number in (after, to]. */
static bool say_of(struct vmm *vmm, uint32_t after, uint32_t to)
{
    for (struct vmm_channel *channel = vmm->channels; channel; channel = channel->next) {
        if (channel->id <= after || channel->id > to || say(channel))
            continue;
        vmm->turn = channel->id;
        return false;
    }
    return true;
}

/* Who could not is the first next time, so that nobody waits for ever behind one that always has something to say. */
void vmm_channels_say(struct vmm *vmm)
{
    uint32_t before = vmm->turn ? vmm->turn - 1 : 0;
    if (vmm->behind)
        vmm->behind = !(say_of(vmm, before, UINT32_MAX) && say_of(vmm, 0, before));
}

void vmm_say(struct vmm_channel *channel)
{
    struct vmm *vmm = channel->vmm;
    if (!vmm_channel_is_open(channel))
        return;
    channel->unsaid.some = true;
    if (!vmm->behind && !say(channel)) {
        vmm->behind = true;
        vmm->turn = channel->id;
    }
    vmm_channels_say(vmm);
}

bool vmm_has_said(struct vmm_channel *channel)
{
    if (channel->unsaid.some)
        vmm_channels_say(channel->vmm);
    return !channel->unsaid.some;
}

void vmm_answer(struct vmm_channel *channel, struct vmm_answer *answer, const struct vfp_vmm_frame *frame)
{
    memcpy(&answer->is, frame, frame->length);
    answer->waits = true;
    vmm_say(channel);
}

/* ---- what the VSP says, on its threads --------------------------------------------------------------------------- */

static void refuse_to_show(const struct vmm_channel *channel, uint32_t region)
{
    if (channel->unsaid.now[region].mapped && is_hidden(channel, region))
        TRACE_REFUSE("vmm", "BAR_MITIGATED vmm-integration.md", "%s: BAR %u is not mapped for a VMM of version 1",
                     channel->vmm->path, region);
}

void vmm_channel_region(struct vmm_channel *channel, bool mapped, uint32_t region, uint64_t guest_address,
                        uint64_t system_address, uint64_t size)
{
    struct vmm *vmm = channel->vmm;
    const struct vmm_region now = {true, guest_address, system_address, size};
    pthread_mutex_lock(&vmm->lock);
    if (vmm_channel_is_open(channel)) {
        channel->unsaid.now[region] = mapped ? now : (struct vmm_region){0};
        refuse_to_show(channel, region);
        vmm_say(channel);
    }
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}

/* What lies between them and what is kept is what goes; without memory it is said at once. */
static void tell_ranges(struct vmm_channel *channel, uint32_t region, const struct vfp_vmm_range *ranges,
                        uint32_t count)
{
    struct vmm_unsent *unsent = &channel->unsaid.ranges[region];
    if ((channel->vmm->behind || !vmm_has_read(channel->vmm)) && keep(unsent, ranges, count))
        return;
    say_what_goes(channel);
    forget(unsent);
    send_ranges(channel, region, ranges, count);
}

static void hide_or_show(struct vmm_channel *channel, uint32_t region, bool mitigated)
{
    bool before = channel->unsaid.mitigated[region];
    channel->unsaid.mitigated[region] = mitigated;
    if (!before)
        refuse_to_show(channel, region);
}

void vmm_channel_ranges(struct vmm_channel *channel, uint32_t region, const struct vfp_vmm_range *ranges,
                        uint32_t count)
{
    struct vmm *vmm = channel->vmm;
    pthread_mutex_lock(&vmm->lock);
    if (vmm_channel_is_open(channel)) {
        if (knows_ranges(channel))
            tell_ranges(channel, region, ranges, count);
        else
            hide_or_show(channel, region, count != 0);
        vmm_say(channel);
    }
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}
