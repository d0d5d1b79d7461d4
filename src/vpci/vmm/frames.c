/* SPDX-License-Identifier: MIT
 *
 * Frames of the VMM's: what each must be before anything of it is used, and who it is for.
 */
#include "vpci/vmm/internal.h"

#include <stdio.h>
#include <string.h>

enum ends { ENDS_FRAME, ENDS_CHANNEL, ENDS_CONNECTION };

static const struct {
    const char *name, *traced, *reason;
    enum ends ends;
} rules[] = {
#define ROW(name, number, ends, text)                                                                                  \
    [number] = {#name, #name " vmm-integration.md", "the VMM broke " #name, ENDS_##ends},
    VFP_VMM_RULES(ROW)
#undef ROW
};
#define RULES (sizeof rules / sizeof rules[0])

const char *vmm_rule_name(uint32_t rule)
{
    return rule < RULES && rules[rule].name ? rules[rule].name : "?";
}

bool vmm_refuse(struct vmm *vmm, const struct vfp_vmm_frame *frame, enum vfp_vmm_rule rule)
{
    struct vfp_vmm_error *error = vmm_frame_begin(vmm, VFP_VMM_ERROR, frame->channel, frame->id, sizeof *error);
    TRACE_REFUSE("vmm", rules[rule].traced, "%s: frame type %u, channel %u", vmm->path, frame->type, frame->channel);
    if (error) {
        error->rule = rule;
        error->type = frame->type;
        error->version = VFP_VMM_VERSION;
        snprintf(error->name, sizeof error->name, "%s", rules[rule].name);
        vmm_frame_end(vmm);
    }
    struct vmm_channel *channel = rules[rule].ends == ENDS_CHANNEL ? vmm_channel_find(vmm, frame->channel) : NULL;
    if (channel)
        vmm_channel_end(channel, rules[rule].reason);
    if (rules[rule].ends == ENDS_CONNECTION && vmm->connection)
        vmm->connection->reason = rules[rule].reason;
    return rules[rule].ends != ENDS_CONNECTION;
}

/* ---- HELLO ------------------------------------------------------------------------------------------------------ */

static int greet(struct vmm *vmm, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_hello *hello = (const void *)frame;
    if (vmm->connection->greeted)
        return VFP_VMM_RULE_HELLO_ONCE;
    if (memcmp(hello->magic, VFP_VMM_MAGIC, sizeof hello->magic) != 0)
        return VFP_VMM_RULE_HELLO_MAGIC;
    if (hello->lowest > hello->highest || hello->lowest > VFP_VMM_VERSION || hello->highest < VFP_VMM_VERSION_MIN)
        return VFP_VMM_RULE_HELLO_VERSION;
    struct vfp_vmm_hello *answer = vmm_frame_begin(vmm, VFP_VMM_HELLO, 0, frame->id, sizeof *answer);
    if (!answer)
        return 0;
    memcpy(answer->magic, VFP_VMM_MAGIC, sizeof answer->magic);
    uint16_t version = hello->highest < VFP_VMM_VERSION ? hello->highest : VFP_VMM_VERSION;
    answer->lowest = answer->highest = version;
    vmm_frame_end(vmm);
    vmm->connection->version = version;
    vmm->connection->greeted = true;
    vmm_channels_offer(vmm);
    return 0;
}

/* ---- what a VMM may send ---------------------------------------------------------------------------------------- */

static const struct frame_rule {
    uint32_t length;  /* of the fixed part */
    uint32_t longest; /* the same where nothing follows it */
    int (*handle)(struct vmm_channel *channel, const struct vfp_vmm_frame *frame); /* NULL: HELLO */
    enum vmm_channel_state state;
    uint16_t since; /* version; HELLO agrees on one */
} frames[] = {
#define OF(type) sizeof(type), sizeof(type)
    [VFP_VMM_HELLO] = {OF(struct vfp_vmm_hello), NULL, VMM_WAITING, 0},
    [VFP_VMM_OPEN] = {OF(struct vfp_vmm_open), vmm_channel_open, VMM_OFFERED, 1},
    [VFP_VMM_CLOSE] = {OF(struct vfp_vmm_frame), vmm_channel_close, VMM_OPEN, 1},
    [VFP_VMM_WINDOW] = {OF(struct vfp_vmm_window), vmm_channel_window, VMM_OPEN, 1},
    [VFP_VMM_REGISTER] = {OF(struct vfp_vmm_register), vmm_channel_register, VMM_OPEN, 2},
    [VFP_VMM_RETARGET] = {OF(struct vfp_vmm_retarget), vmm_channel_retarget, VMM_OPEN, 2},
    [VFP_VMM_PACKET] = {sizeof(struct vfp_vmm_packet), VFP_VMM_FRAME_MAX, vmm_channel_packet, VMM_OPEN, 1},
    [VFP_VMM_CREDIT] = {OF(struct vfp_vmm_credit), vmm_channel_credit, VMM_OPEN, 1},
#undef OF
};

static int for_channel(struct vmm *vmm, const struct vfp_vmm_frame *frame, const struct frame_rule *rule)
{
    struct vmm_channel *channel = vmm_channel_find(vmm, frame->channel);
    if (frame->channel == 0 || frame->channel > vmm->last_id)
        return VFP_VMM_RULE_CHANNEL_KNOWN;
    if (!channel || channel->state == VMM_ENDED)
        return 0; /* it crossed the RESCIND */
    if (channel->state == VMM_WAITING)
        return VFP_VMM_RULE_CHANNEL_KNOWN;
    if (channel->state != rule->state)
        return VFP_VMM_RULE_CHANNEL_STATE;
    return rule->handle(channel, frame);
}

static int judge(struct vmm_connection *connection, const struct vfp_vmm_frame *frame)
{
    struct vmm *vmm = connection->vmm;
    const struct frame_rule *rule = &frames[frame->type < sizeof frames / sizeof frames[0] ? frame->type : 0];
    if (!connection->greeted && frame->type != VFP_VMM_HELLO)
        return VFP_VMM_RULE_HELLO_FIRST;
    if (!rule->length || rule->since > connection->version)
        return VFP_VMM_RULE_FRAME_TYPE;
    if (frame->flags)
        return VFP_VMM_RULE_FRAME_FLAGS;
    if (frame->length < rule->length || frame->length > rule->longest)
        return VFP_VMM_RULE_FRAME_SIZE;
    return rule->handle ? for_channel(vmm, frame, rule) : greet(vmm, frame);
}

bool vmm_frame_take(struct vmm_connection *connection, const struct vfp_vmm_frame *frame)
{
    int broken = judge(connection, frame);
    return !broken || vmm_refuse(connection->vmm, frame, (enum vfp_vmm_rule)broken);
}
