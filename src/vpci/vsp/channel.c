/* SPDX-License-Identifier: MIT
 *
 * The life of a channel: opened, closed, ejected, ended (vpci-wire.md 1.7, 1.10).
 */
#include "vpci/vsp/internal.h"

#include <stdlib.h>

/* ---- what the VF says, from any thread ---------------------------------------------------------------------- */

static void on_invalidated(void *context)
{
    vsp_post(context, VSP_POST_INVALIDATE);
}

static void on_removed(void *context)
{
    vsp_post(context, VSP_POST_PF_GONE);
}

static void on_bar(void *context, unsigned index, bool mapped, ULONG64 guest_address, ULONG64 system_address,
                   ULONG64 size)
{
    const struct vsp_channel *channel = context;

    if (channel->options.bar)
        channel->options.bar(channel->options.context, index, mapped, guest_address, system_address, size);
}

static void on_ranges(void *context, unsigned index, const struct vstack_range *ranges, unsigned count)
{
    const struct vsp_channel *channel = context;

    if (channel->options.ranges)
        channel->options.ranges(channel->options.context, index, ranges, count);
}

const struct vstack_partition vsp_partition_template = {
    .invalidated = on_invalidated, .removed = on_removed, .bar = on_bar, .ranges = on_ranges};

/* ---- ends --------------------------------------------------------------------------------------------------- */

void vsp_release_bus(struct vsp_channel *channel)
{
    vsp_place_window(channel, 0);
    if (channel->attached) {
        vstack_reserve(channel->vf, 0, 0);
        vstack_release_bars(channel->vf);
    }
    vsp_interrupts_clear(channel);
    channel->assigned = false;
}

/* The rings are no longer ours: nothing that is still on its way may find them. */
static void forget_opening(struct vsp_channel *channel)
{
    channel->generation++;
    free(channel->held);
    channel->held = NULL;
    channel->blocked = channel->no_room = channel->notified = false;
    channel->invalidate = false;
    vsp_release_bus(channel);
    vsp_messages_clear(channel);
    if (!channel->attached)
        return;
    channel->attached = false;
    vstack_vf_detach(channel->vf);
}

void vsp_end(struct vsp_channel *channel, bool orderly, const char *reason)
{
    if (channel->state == VSP_ENDED)
        return;
    TRACE_DOOR(span, "vsp", "channel ends", "%s: %s", channel->name, reason);
    channel->state = VSP_ENDED;
    forget_opening(channel);
    if (!channel->gone)
        vmbus_host_rescind(channel->host);
    TRACE_DONE(span, "%s", orderly ? "in order" : "broken");
    if (channel->options.ended)
        channel->options.ended(channel->options.context, orderly, reason);
}

void vsp_broken(struct vsp_channel *channel, const char *rule, const char *reason)
{
    TRACE_REFUSE("vsp", rule, "%s: %s", channel->name, reason);
    vsp_end(channel, false, reason);
}

/* ---- control events ----------------------------------------------------------------------------------------- */

static void opened(struct vsp_channel *channel)
{
    struct vstack_partition partition = vsp_partition_template;

    partition.name = channel->name;
    if (!channel->attached) {
        if (vstack_vf_attach(channel->vf, &partition, channel) != STATUS_SUCCESS) {
            vsp_end(channel, false, "opened again, but the VF belongs to another partition now");
            return;
        }
        channel->attached = true;
    }
    channel->state = VSP_OPEN;
    vsp_channel_awake(channel);
}

/* The guest may open again (a crash kernel does, vpci-wire.md 1.7), and then owns the VF again, reset. */
static void closed(struct vsp_channel *channel)
{
    bool in_order = channel->state == VSP_OPEN || channel->state == VSP_READY;

    channel->closed = in_order ? "closed by the guest" : "closed by the guest without leaving D0";
    if (channel->ejecting) {
        vsp_end(channel, true, "ejected: the guest closed the channel");
        return;
    }
    channel->state = VSP_CLOSED;
    forget_opening(channel);
}

static void guest_gone(struct vsp_channel *channel)
{
    const char *reason = channel->host->reason;

    channel->gone = true;
    vsp_unwatch(channel);
    if (channel->state == VSP_CLOSED && channel->closed)
        vsp_end(channel, true, channel->closed);
    else if (reason)
        vsp_end(channel, false, reason);
    else if (channel->state == VSP_CLOSED)
        vsp_end(channel, false, "left without opening the channel");
    else
        vsp_end(channel, false, "killed or exited without closing");
}

void vsp_channel_control(struct vsp_channel *channel)
{
    enum vmbus_event event;

    if (channel->gone)
        return;
    event = vmbus_host_control(channel->host);
    if (event == VMBUS_GONE)
        guest_gone(channel);
    else if (channel->state == VSP_ENDED)
        return;
    else if (event == VMBUS_OPENED)
        opened(channel);
    else if (event == VMBUS_CLOSED)
        closed(channel);
}

/* ---- eject and postings ------------------------------------------------------------------------------------- */

static void eject(struct vsp_channel *channel)
{
    if (channel->ejecting || channel->state == VSP_ENDED)
        return;
    if (channel->state != VSP_READY && channel->state != VSP_D0) {
        vsp_end(channel, true, "ejected: the guest does not use it");
        return;
    }
    channel->ejecting = true;
    channel->eject_deadline = vsp_now() + (uint64_t)atomic_load(&channel->eject_timeout_ms) * 1000000;
    vsp_deadline(channel, channel->eject_deadline);
}

static void deliver_done(struct vsp_channel *channel)
{
    struct vsp_call *call;

    pthread_mutex_lock(&channel->lock);
    call = channel->done;
    channel->done = NULL;
    channel->done_end = &channel->done;
    pthread_mutex_unlock(&channel->lock);
    while (call) {
        struct vsp_call *next = call->next;
        vsp_call_finished(call);
        call = next;
    }
}

void vsp_channel_posted(struct vsp_channel *channel, unsigned what)
{
    if (what & VSP_POST_DONE)
        deliver_done(channel);
    if (what & VSP_POST_ASK)
        vsp_asks_serve(channel);
    if (what & VSP_POST_INVALIDATE)
        channel->invalidate = true;
    if (what & VSP_POST_PF_GONE)
        vsp_end(channel, false, "the physical function is gone");
    if (what & VSP_POST_EJECT)
        eject(channel);
    if (what & VSP_POST_REMOVE) {
        vsp_end(channel, true, "removed by the host");
        vsp_asks_serve(channel); /* the last: each is answered */
    }
}

void vsp_channel_timers(struct vsp_channel *channel, uint64_t now)
{
    vsp_calls_expire(channel, now);
    if (!channel->ejecting || channel->state == VSP_ENDED)
        return;
    if (now >= channel->eject_deadline)
        vsp_end(channel, false, "ejected: no answer from the guest in time");
    else
        vsp_deadline(channel, channel->eject_deadline);
}
