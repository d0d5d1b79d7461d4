/* SPDX-License-Identifier: MIT
 *
 * Version 2: what a VMM asks beside its rings: accesses to mitigated pages, and other targets of interrupts. Answers
 * come from elsewhere and later; one of each kind is under way at a time.
 */
#include "vpci/vmm/internal.h"

/* ---- accesses ---------------------------------------------------------------------------------------------------- */

static void answer_access(struct vmm_channel *channel, int result, uint64_t value)
{
    const struct vfp_vmm_register_done done = {
        .frame = {sizeof done, VFP_VMM_REGISTER_DONE, 0, channel->id, channel->register_id},
        .value = value,
        .status = (uint32_t)-result};
    vmm_answer(channel, &channel->unsaid.access, &done.frame);
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
    vmm_flush(channel->vmm);
    pthread_mutex_unlock(&channel->vmm->lock);
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

static void answer_retarget(struct vmm_channel *channel, int result)
{
    const struct vfp_vmm_retargeted done = {
        .frame = {sizeof done, VFP_VMM_RETARGETED, 0, channel->id, channel->retarget_id}, .status = (uint32_t)-result};
    vmm_answer(channel, &channel->unsaid.retarget, &done.frame);
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
    vmm_flush(channel->vmm);
    pthread_mutex_unlock(&channel->vmm->lock);
}
