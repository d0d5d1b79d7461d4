/* SPDX-License-Identifier: MIT
 *
 * Version 2: mitigated ranges to the VMM, and what it asks beside its rings: accesses to mitigated pages, and other
 * targets of interrupts. Answers come from elsewhere and later; one of each kind is under way at a time.
 *
 * Ranges are kept while much is unread, the last list of each BAR only, so that a PF driver which changes its mind all
 * the time does not cost a VMM its connection. What the VMM must not hear before them (MAP, packets, answers) sends
 * them first.
 */
#include "vpci/vmm/internal.h"

#include <stdlib.h>
#include <string.h>

#define FIRST_VERSION 2u

static bool speaks_of_it(const struct vmm_channel *channel)
{
    return channel->vmm->connection && channel->vmm->connection->version >= FIRST_VERSION;
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

void vmm_ranges_forget(struct vmm_channel *channel)
{
    for (uint32_t i = 0; i < VFP_VMM_BARS; i++)
        forget(&channel->unsent[i]);
}

void vmm_ranges_flush(struct vmm_channel *channel)
{
    for (uint32_t i = 0; i < VFP_VMM_BARS; i++) {
        struct vmm_unsent *unsent = &channel->unsent[i];
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

void vmm_channel_ranges(struct vmm_channel *channel, uint32_t region, const struct vfp_vmm_range *ranges,
                        uint32_t count)
{
    struct vmm *vmm = channel->vmm;
    pthread_mutex_lock(&vmm->lock);
    struct vmm_unsent *unsent = &channel->unsent[region];
    bool open = channel->state == VMM_OPEN || channel->state == VMM_CLOSING;
    if (open && speaks_of_it(channel) && (vmm_unread(vmm) <= VMM_UNREAD_SOFT || !keep(unsent, ranges, count))) {
        forget(unsent);
        send_ranges(channel, region, ranges, count);
    }
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}

/* ---- accesses ---------------------------------------------------------------------------------------------------- */

static void answer_access(struct vmm_channel *channel, int result, uint64_t value)
{
    struct vfp_vmm_register_done *done = NULL;
    channel->register_busy = false;
    if (channel->state == VMM_OPEN || channel->state == VMM_CLOSING) {
        vmm_ranges_flush(channel);
        done = vmm_frame_begin(channel->vmm, VFP_VMM_REGISTER_DONE, channel->id, channel->register_id, sizeof *done);
    }
    if (!done)
        return;
    done->value = value;
    done->status = (uint32_t)-result;
    vmm_frame_end(channel->vmm);
}

int vmm_channel_register(struct vmm_channel *channel, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_register *asked = (const void *)frame;
    if (asked->region >= VFP_VMM_BARS || asked->size < 1 || asked->size > 8 || asked->write > 1)
        return VFP_VMM_RULE_REGISTER_FIELDS;
    if (channel->register_busy)
        return VFP_VMM_RULE_REGISTER_ONE;
    channel->register_busy = true;
    channel->register_id = frame->id;
    int error = channel->asked.access(channel->asked.context, asked);
    if (error)
        answer_access(channel, error, UINT64_MAX);
    return 0;
}

void vmm_channel_register_done(struct vmm_channel *channel, int result, uint64_t value)
{
    pthread_mutex_lock(&channel->vmm->lock);
    answer_access(channel, result, value);
    vmm_closed_if_settled(channel);
    vmm_flush(channel->vmm);
    pthread_mutex_unlock(&channel->vmm->lock);
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

static void answer_retarget(struct vmm_channel *channel, int result)
{
    struct vfp_vmm_retargeted *done = NULL;
    channel->retarget_busy = false;
    if (channel->state == VMM_OPEN || channel->state == VMM_CLOSING)
        done = vmm_frame_begin(channel->vmm, VFP_VMM_RETARGETED, channel->id, channel->retarget_id, sizeof *done);
    if (!done)
        return;
    done->status = (uint32_t)-result;
    vmm_frame_end(channel->vmm);
}

static bool is_target(const struct vfp_vmm_retarget *asked)
{
    if (asked->lowest_priority > 1 || asked->processor_count < 1 || asked->processor_count > VFP_VMM_PROCESSORS)
        return false;
    for (unsigned i = 0; i < asked->processor_count; i++) {
        if (asked->processors[i] >= VFP_VMM_PROCESSOR_MAX)
            return false;
    }
    return true;
}

int vmm_channel_retarget(struct vmm_channel *channel, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_retarget *asked = (const void *)frame;
    if (!is_target(asked))
        return VFP_VMM_RULE_RETARGET_FIELDS;
    if (channel->retarget_busy)
        return VFP_VMM_RULE_RETARGET_ONE;
    channel->retarget_busy = true;
    channel->retarget_id = frame->id;
    int error = channel->asked.retarget(channel->asked.context, asked);
    if (error)
        answer_retarget(channel, error);
    return 0;
}

void vmm_channel_retarget_done(struct vmm_channel *channel, int result)
{
    pthread_mutex_lock(&channel->vmm->lock);
    answer_retarget(channel, result);
    vmm_closed_if_settled(channel);
    vmm_flush(channel->vmm);
    pthread_mutex_unlock(&channel->vmm->lock);
}
