/* SPDX-License-Identifier: MIT
 *
 * One round of work for a channel: the window, the ring, what waits to be sent. And going to sleep without losing a
 * wake-up.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool serving(const struct vsp_channel *channel)
{
    return channel->state == VSP_OPEN || channel->state == VSP_READY || channel->state == VSP_D0;
}

/* ---- messages ----------------------------------------------------------------------------------------------- */

/* An answer that found no room waits with its message, and nothing behind it is read. */
static void hold(struct vsp_channel *channel, const struct vsp_message *message)
{
    if (channel->held)
        return;
    channel->held = malloc(message->length);
    if (!channel->held) {
        vsp_complete_status(channel, message, VPCI_STATUS_BAD_DATA);
        return;
    }
    memcpy(channel->held, message->bytes, message->length);
    channel->held_message = *message;
    channel->held_message.bytes = channel->held;
}

static bool retry_held(struct vsp_channel *channel)
{
    if (vsp_dispatch(channel, &channel->held_message) == VSP_NO_ROOM)
        return false;
    free(channel->held);
    channel->held = NULL;
    return true;
}

static bool may_take(struct vsp_channel *channel)
{
    int room;

    channel->blocked = true;
    if (channel->outstanding == VSP_CALLS)
        return false;
    room = vsp_room(channel, VSP_RESERVE);
    if (room < 0)
        vsp_broken(channel, "RING_CORRUPT vpci-wire.md 6.3", "the guest's read index is impossible");
    channel->blocked = channel->no_room = room <= 0;
    return room > 0;
}

/* True: a packet was taken. */
static bool take(struct vsp_channel *channel)
{
    uint8_t *buffer = channel->worker->packet;
    struct vmbus_packet packet;
    struct vsp_message message;
    bool signal;
    int length = vmbus_ring_receive(vmbus_host_in(channel->host), &packet, buffer, VPCI_REQUEST_MAX, &signal);

    channel->signal |= signal;
    if (length == -EAGAIN)
        return false;
    if (length < 0 && length != -EMSGSIZE) {
        vsp_broken(channel, "RING_CORRUPT vpci-wire.md 6.3", "the guest broke the ring from it");
        return true;
    }
    if (packet.type != VMBUS_PACKET_DATA) {
        vsp_broken(channel, "PACKET_TYPE vpci-wire.md 6.3", "the guest sent a packet that is not in-band data");
        return true;
    }
    if (__builtin_expect(channel->packets != NULL, 0) && length >= 0)
        vsp_packets_print(channel->packets, channel->name, false, &packet, buffer);
    vsp_count(&channel->counters.messages);
    message = (struct vsp_message){.bytes = buffer,
                                   .length = length < 0 ? 0 : (uint32_t)length,
                                   .flagged = packet.flags & VMBUS_COMPLETION_REQUESTED,
                                   .transaction_id = packet.transaction_id};
    if (vsp_dispatch(channel, &message) == VSP_NO_ROOM)
        hold(channel, &message);
    return true;
}

/* What taking a packet and answering it touches. */
static void warm(struct vsp_channel *channel)
{
    vmbus_ring_warm_receive(vmbus_host_in(channel->host));
    vmbus_ring_warm_room(vmbus_host_out(channel->host));
    vmbus_ring_warm_send(vmbus_host_out(channel->host), VSP_COMPLETION_LEAST);
}

static bool pump_ring(struct vsp_channel *channel)
{
    bool progress = false;

    channel->blocked = channel->no_room = false;
    for (unsigned i = 0; i < VSP_BUDGET && serving(channel); i++) {
        if (channel->held && !retry_held(channel)) {
            channel->blocked = channel->no_room = true;
            break;
        }
        if (!serving(channel) || !vmbus_ring_has_data(vmbus_host_in(channel->host)))
            break;
        warm(channel);
        if (!may_take(channel) || !take(channel))
            break;
        progress = true;
    }
    return progress;
}

/* ---- unsolicited packets ------------------------------------------------------------------------------------ */

static bool pump_eject(struct vsp_channel *channel)
{
    struct vpci_slot_message eject = {.type = VPCI_EJECT};

    if (!channel->ejecting || channel->eject_sent || vsp_room(channel, VSP_RESERVE) <= 0)
        return false;
    TRACE_NOTE("vsp", "EJECT to %s", channel->name);
    channel->eject_sent = true;
    vsp_send(channel, &eject, sizeof(eject));
    return true;
}

/* One notification at a time: until the guest has read the last one the mask stays in the stack, where it coalesces
 * (vpci-wire.md 6.6). */
static bool may_notify(struct vsp_channel *channel)
{
    if (channel->notified && vmbus_ring_is_drained(vmbus_host_out(channel->host)) > 0)
        channel->notified = false;
    return !channel->notified && vsp_room(channel, VSP_RESERVE) > 0;
}

static bool pump_invalidate(struct vsp_channel *channel)
{
    struct vpci_invalidate_block message = {.type = VPCI_INVALIDATE_BLOCK};

    if (!channel->invalidate || channel->state != VSP_D0 || channel->ejecting || !may_notify(channel))
        return false;
    channel->invalidate = false;
    message.block_mask = vstack_take_invalidations(channel->vf);
    if (!message.block_mask)
        return false;
    TRACE_DOOR(span, "vsp", "INVALIDATE_BLOCK", "%s: mask %016llx", channel->name,
               (unsigned long long)message.block_mask);
    vsp_count(&channel->counters.invalidates_sent);
    vsp_send(channel, &message, sizeof(message));
    channel->notified = true;
    TRACE_DONE(span, "sent");
    return true;
}

bool vsp_channel_pump(struct vsp_channel *channel)
{
    bool progress = vsp_window_pump(channel);

    if (serving(channel))
        progress |= pump_ring(channel);
    /* Looking for less room than the blocked request wants would unask what it asked the guest for. */
    if (serving(channel) && !channel->no_room)
        progress |= pump_eject(channel);
    if (serving(channel) && !channel->no_room)
        progress |= pump_invalidate(channel);
    if (channel->signal) {
        channel->signal = false;
        if (!vpci_window_ring_signal(&channel->window))
            vmbus_host_signal(channel->host);
    }
    return progress;
}

/* ---- sleep -------------------------------------------------------------------------------------------------- */

/* A channel that waits for room is woken by the guest that frees it (pending_send_sz was set when the room was looked
 * for), one that waits for the PF driver by the posting: neither asks to be woken for what already lies in the ring. */
bool vsp_channel_sleeps(struct vsp_channel *channel)
{
    if (!channel->gone && !atomic_load(&channel->window_busy) && vpci_window_host_sleep(&channel->window))
        return false;
    if (serving(channel) && vmbus_ring_mask(vmbus_host_in(channel->host), false) && !channel->blocked) {
        vsp_channel_awake(channel);
        return false;
    }
    return true;
}

void vsp_channel_awake(struct vsp_channel *channel)
{
    channel->idle = 0;
    if (!channel->awake) {
        channel->awake = true;
        channel->next_awake = channel->worker->awake;
        channel->worker->awake = channel;
    }
    vpci_window_host_awake(&channel->window);
    if (serving(channel))
        vmbus_ring_mask(vmbus_host_in(channel->host), true);
}
