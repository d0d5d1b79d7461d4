/* SPDX-License-Identifier: MIT
 *
 * Messages that wait for the PF driver: blocks and power (vpci-wire.md 1.6.9, 1.6.10, 1.6.13). Each takes one of the
 * channel's calls; the completion's room stays reserved until it is sent.
 */
#include "vpci/vsp/internal.h"

#include <string.h>

/* ---- calls -------------------------------------------------------------------------------------------------- */

/* Any thread. */
static void call_done(struct vstack_request *request)
{
    struct vsp_call *call = request->context;
    struct vsp_channel *channel = call->channel;

    if (vsp_on_worker(channel)) {
        vsp_call_finished(call);
        return;
    }
    pthread_mutex_lock(&channel->lock);
    call->next = NULL;
    *channel->done_end = call;
    channel->done_end = &call->next;
    pthread_mutex_unlock(&channel->lock);
    vsp_post(channel, VSP_POST_DONE);
}

/* There is one: a message is not taken without (pump.c), except the one that was held. */
static struct vsp_call *call_begin(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vsp_call *call = channel->calls;

    while (call->used)
        call++;
    call->used = true;
    call->channel = channel;
    call->type = message->type;
    call->flagged = message->flagged;
    call->transaction_id = message->transaction_id;
    call->generation = channel->generation;
    call->deadline = UINT64_MAX;
    call->request.done = call_done;
    call->request.context = call;
    call->request.trace_parent = 0;
    channel->outstanding++;
    return call;
}

/* After submission, which may have finished it: `used` is the worker's, like everything of a call but its request. */
static enum vsp_verdict call_wait(struct vsp_call *call)
{
    if (call->used) {
        call->deadline = vsp_now() + VSP_CALL_TIMEOUT_MS * 1000000ull;
        vsp_deadline(call->channel, call->deadline);
    }
    return VSP_HANDLED;
}

static void answer(struct vsp_channel *channel, const struct vsp_call *call)
{
    struct vpci_read_block_completion completion = {.status = (uint32_t)call->request.status};
    uint32_t length = sizeof(struct vpci_status);

    if (call->type == VPCI_READ_BLOCK_MESSAGE && call->request.status == STATUS_SUCCESS) {
        memcpy(completion.data, call->request.data, call->request.length);
        length += call->request.length;
    }
    if (call->flagged)
        vsp_complete_as(channel, call->transaction_id, &completion, length);
}

/* The answer of an older opening has nobody to go to. */
void vsp_call_finished(struct vsp_call *call)
{
    struct vsp_channel *channel = call->channel;

    channel->outstanding--;
    call->used = false;
    if (call->generation == channel->generation)
        answer(channel, call);
    else
        TRACE_NOTE("vsp", "completion for a closed channel dropped");
}

void vsp_calls_expire(struct vsp_channel *channel, uint64_t now)
{
    for (unsigned i = 0; i < VSP_CALLS; i++) {
        struct vsp_call *call = &channel->calls[i];
        if (!call->used || call->deadline == UINT64_MAX)
            continue;
        if (now < call->deadline)
            vsp_deadline(channel, call->deadline);
        else if (vstack_abandon(&call->request, STATUS_IO_TIMEOUT))
            TRACE_REFUSE("vsp", "PF_TOO_SLOW vpci-wire.md 1.8", "%s: %s", channel->name, vsp_message_name(call->type));
    }
    vsp_asks_expire(channel, now);
    if (!atomic_load(&channel->window_busy))
        return;
    if (now < channel->window_deadline)
        vsp_deadline(channel, channel->window_deadline);
    else
        vstack_abandon(&channel->window_request, STATUS_IO_TIMEOUT);
}

/* ---- blocks ------------------------------------------------------------------------------------------------- */

static bool block_refused(struct vsp_channel *channel, const struct vsp_message *message, uint32_t length,
                          uint32_t available)
{
    if (length < 1 || length > VPCI_BLOCK_MAX || length > available) {
        vsp_bad_data(channel, message, "BLOCK_LENGTH vpci-wire.md 6.4", "0, over 128, or more than was sent");
        return true;
    }
    if (!channel->ejecting)
        return false;
    TRACE_REFUSE("vsp", "EJECTING vpci-wire.md 1.10", "%s: a block while its device is being taken back",
                 channel->name);
    vsp_complete_status(channel, message, VPCI_STATUS_INVALID_DEVICE_STATE);
    return true;
}

enum vsp_verdict vsp_read_block(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_read_block read;
    struct vsp_call *call;

    memcpy(&read, message->bytes, sizeof(read));
    if (block_refused(channel, message, read.bytes_requested, VPCI_BLOCK_MAX))
        return VSP_HANDLED;
    call = call_begin(channel, message);
    vstack_block_read(channel->vf, &call->request, read.block_id, read.bytes_requested);
    return call_wait(call);
}

/* byte_count is what counts: a guest may append more (1.6.10). */
enum vsp_verdict vsp_write_block(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_write_block write;
    struct vsp_call *call;

    memcpy(&write, message->bytes, sizeof(write));
    if (block_refused(channel, message, write.byte_count, message->length - (uint32_t)sizeof(write)))
        return VSP_HANDLED;
    call = call_begin(channel, message);
    vstack_block_write(channel->vf, &call->request, write.block_id, message->bytes + sizeof(write), write.byte_count);
    return call_wait(call);
}

/* ---- power -------------------------------------------------------------------------------------------------- */

/* D0 maps the BARs that were assigned, D3 unmaps them (1.6.13); the PF driver is told (vpci-wire.md 8). */
enum vsp_verdict vsp_power_state(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_power_state_change change;
    struct vsp_call *call;

    memcpy(&change, message->bytes, sizeof(change));
    if (change.target != VPCI_POWER_D0 && change.target != VPCI_POWER_D3) {
        vsp_bad_data(channel, message, "POWER_TARGET vpci-wire.md 6.4", "neither D0 nor D3");
        return VSP_HANDLED;
    }
    if (change.target == VPCI_POWER_D0)
        vstack_enable_memory(channel->vf);
    else
        vstack_release_bars(channel->vf);
    call = call_begin(channel, message);
    vstack_set_power(channel->vf, &call->request,
                     change.target == VPCI_POWER_D0 ? NdisDeviceStateD0 : NdisDeviceStateD3);
    return call_wait(call);
}
