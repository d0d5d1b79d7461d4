/* SPDX-License-Identifier: MIT
 *
 * A channel between a VMM's frames and the rings and the window that the VSP serves.
 *
 * Credit is room in a ring: a packet in a frame costs what it takes of the ring that it goes to, so the sender never
 * sends what finds no room, and a ring whose reader is slow stops its own sender and nobody else on the socket. What
 * the VSP has read is given back when its ring is empty; the ring itself asks for that signal (pending_send_sz).
 */
#include "vpci/vmm/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define RING_KEEPS 8u /* bytes of a ring that are never used: vpci-wire.md 3.6 */

struct vmm_channel *vmm_channel_find(struct vmm *vmm, uint32_t id)
{
    struct vmm_channel *channel = vmm->channels;
    while (channel && channel->id != id)
        channel = channel->next;
    return channel;
}

void vmm_channel_header(struct vmm_channel *channel, uint16_t type, uint32_t id)
{
    if (vmm_frame_begin(channel->vmm, type, channel->id, id, sizeof(struct vfp_vmm_frame)))
        vmm_frame_end(channel->vmm);
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

void vmm_channel_offer(struct vmm_channel *channel)
{
    struct vmm *vmm = channel->vmm;
    struct vfp_vmm_offer *offer;
    if (channel->state != VMM_WAITING || !vmm->connection || !vmm->connection->greeted)
        return;
    offer = vmm_frame_begin(vmm, VFP_VMM_OFFER, channel->id, 0, sizeof *offer);
    if (!offer)
        return;
    memcpy(offer->interface_id, channel->offer.interface_id, sizeof offer->interface_id);
    memcpy(offer->instance_id, channel->offer.instance_id, sizeof offer->instance_id);
    vmm_frame_end(vmm);
    channel->state = VMM_OFFERED;
}

void vmm_channels_offer(struct vmm *vmm)
{
    for (struct vmm_channel *channel = vmm->channels; channel; channel = channel->next)
        vmm_channel_offer(channel);
}

/* The VSP learns it from the transport; what was on its way to it is dropped. */
void vmm_channel_end(struct vmm_channel *channel, const char *reason)
{
    if (channel->state == VMM_WAITING || channel->state == VMM_ENDED)
        return;
    channel->state = VMM_ENDED;
    vmm_unsaid_forget(channel);
    vmm_channel_header(channel, VFP_VMM_RESCIND, 0);
    vmbus_local_leave(channel->local, reason);
}

void vmm_channels_end(struct vmm *vmm, const char *reason)
{
    for (struct vmm_channel *channel = vmm->channels; channel; channel = channel->next)
        vmm_channel_end(channel, reason);
}

int vmm_channel_open(struct vmm_channel *channel, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_open *open = (const void *)frame;
    const uint32_t sizes[] = {open->to_host, open->to_guest};
    for (unsigned i = 0; i < 2; i++) {
        if (sizes[i] < VFP_VMM_RING_UNIT || sizes[i] > VFP_VMM_RING_MAX || sizes[i] % VFP_VMM_RING_UNIT)
            return VFP_VMM_RULE_OPEN_SIZES;
    }
    vmm_unsaid_forget(channel);
    int error = vmbus_local_open(channel->local, sizes[0] / VMBUS_PAGE + 1, sizes[1] / VMBUS_PAGE + 1);
    struct vfp_vmm_opened *opened =
        vmm_frame_begin(channel->vmm, VFP_VMM_OPENED, channel->id, frame->id, sizeof *opened);
    if (!opened)
        return 0;
    opened->status = (uint32_t)-error;
    vmm_frame_end(channel->vmm);
    if (error)
        return 0;
    channel->state = VMM_OPEN;
    channel->to_host = sizes[0] - RING_KEEPS;
    channel->to_guest = sizes[1] - RING_KEEPS;
    channel->spent = channel->taken = 0;
    return 0;
}

int vmm_channel_close(struct vmm_channel *channel, const struct vfp_vmm_frame *frame)
{
    channel->state = VMM_CLOSING;
    channel->settled = false;
    channel->close_id = frame->id;
    vmbus_local_close(channel->local);
    return 0;
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

/* One packet into a frame; false: there is none, or it must wait. */
static bool drain_one(struct vmm_channel *channel, struct vmbus_ring *ring, bool *signal)
{
    struct vmbus_packet packet;
    struct vfp_vmm_packet *frame;
    if (vmbus_ring_peek(ring, &packet) != 0 || packet.length > VFP_VMM_PAYLOAD_MAX ||
        vmbus_ring_space(packet.length) > channel->to_guest - channel->taken)
        return false;
    if (!vmm_has_said(channel) || !vmm_has_read(channel->vmm)) {
        channel->vmm->held = true;
        return false;
    }
    frame = vmm_frame_begin(channel->vmm, VFP_VMM_PACKET, channel->id, 0, sizeof *frame + packet.length);
    if (!frame || vmbus_ring_receive(ring, &packet, frame + 1, packet.length, signal) < 0)
        return false;
    frame->type = packet.type;
    frame->flags = packet.flags;
    frame->transaction_id = packet.transaction_id;
    vmm_frame_end(channel->vmm);
    channel->taken += vmbus_ring_space(packet.length);
    return true;
}

static void drain(struct vmm_channel *channel)
{
    struct vmbus_ring *ring = vmbus_local_in(channel->local);
    bool signal = false, one;
    while (channel->state == VMM_OPEN && drain_one(channel, ring, &one))
        signal |= one;
    if (signal)
        vmbus_local_kick(channel->local);
}

void vmm_channels_drain(struct vmm *vmm)
{
    vmm->held = false;
    for (struct vmm_channel *channel = vmm->channels; channel; channel = channel->next)
        drain(channel);
}

/* All of it, when the VSP has read all; else the VSP signals when it has. */
static void give_back(struct vmm_channel *channel)
{
    struct vmbus_ring *ring = vmbus_local_out(channel->local);
    struct vfp_vmm_credit *credit;
    if (channel->state != VMM_OPEN || !channel->spent || vmbus_ring_is_drained(ring) <= 0)
        return;
    credit = vmm_frame_begin(channel->vmm, VFP_VMM_CREDIT, channel->id, 0, sizeof *credit);
    if (!credit)
        return;
    credit->bytes = channel->spent;
    channel->spent = 0;
    vmm_frame_end(channel->vmm);
}

int vmm_channel_packet(struct vmm_channel *channel, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_packet *sent = (const void *)frame;
    const struct vmbus_packet packet = {
        .type = sent->type,
        .flags = sent->flags,
        .transaction_id = sent->transaction_id,
        .length = frame->length - (uint32_t)sizeof *sent,
    };
    uint32_t cost = vfp_vmm_cost(packet.length);
    bool signal;
    if (cost > channel->to_host - channel->spent ||
        vmbus_ring_send(vmbus_local_out(channel->local), &packet, sent + 1, false, &signal) != 0)
        return VFP_VMM_RULE_PACKET_CREDIT;
    channel->spent += cost;
    if (signal)
        vmbus_local_kick(channel->local);
    give_back(channel);
    return 0;
}

int vmm_channel_credit(struct vmm_channel *channel, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_credit *credit = (const void *)frame;
    if (credit->bytes == 0 || credit->bytes > channel->taken)
        return VFP_VMM_RULE_CREDIT_SUM;
    channel->taken -= credit->bytes;
    drain(channel);
    return 0;
}

/* ---- the window ------------------------------------------------------------------------------------------------- */

int vmm_channel_window(struct vmm_channel *channel, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_window *asked = (const void *)frame;
    struct vpci_window_access access = {
        .address = asked->address,
        .size = asked->size,
        .is_write = asked->write,
        .value = asked->value,
    };
    if (asked->write > 1 || asked->size < 1 || asked->size > 8)
        return VFP_VMM_RULE_WINDOW_FIELDS;
    if (channel->window_busy)
        return VFP_VMM_RULE_WINDOW_ONE;
    channel->window_busy = true;
    channel->window_id = frame->id;
    if (vpci_window_post(&channel->window, &access))
        vmbus_local_kick(channel->local);
    return 0;
}

void vmm_channel_answered(struct vmm_channel *channel)
{
    struct vmm *vmm = channel->vmm;
    uint64_t value;
    pthread_mutex_lock(&vmm->lock);
    if (channel->window_busy && vpci_window_poll(&channel->window, &value)) {
        const struct vfp_vmm_window_done done = {{sizeof done, VFP_VMM_WINDOW_DONE, 0, channel->id, channel->window_id},
                                                 value};
        vmm_answer(channel, &channel->unsaid.window, &done.frame);
    }
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}

/* ---- interrupts ------------------------------------------------------------------------------------------------- */

/* A message-signalled interrupt that is raised again before it was delivered is one interrupt. */
void vmm_channel_interrupt(struct vmm_channel *channel, uint32_t vector, bool lowest_priority, unsigned processor_count,
                           const uint16_t *processors)
{
    struct vmm *vmm = channel->vmm;
    struct vfp_vmm_interrupt *frame = NULL;
    pthread_mutex_lock(&vmm->lock);
    if (channel->state == VMM_OPEN)
        frame = vmm_frame_begin(vmm, VFP_VMM_INTERRUPT, channel->id, 0, sizeof *frame);
    if (frame) {
        frame->vector = vector;
        frame->lowest_priority = lowest_priority;
        frame->processor_count = (uint16_t)processor_count;
        memcpy(frame->processors, processors, processor_count * sizeof processors[0]);
        if (!vmm_is_queued(vmm, &frame->frame))
            vmm_frame_end(vmm);
    }
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}

/* ---- what the VSP does, on its threads -------------------------------------------------------------------------- */

static void on_signalled(void *context)
{
    struct vmm_channel *channel = context;
    struct vmm *vmm = channel->vmm;
    pthread_mutex_lock(&vmm->lock);
    drain(channel);
    give_back(channel);
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}

static void on_rescinded(void *context)
{
    struct vmm_channel *channel = context;
    struct vmm *vmm = channel->vmm;
    pthread_mutex_lock(&vmm->lock);
    if (channel->state != VMM_WAITING && channel->state != VMM_ENDED)
        vmm_channel_header(channel, VFP_VMM_RESCIND, 0);
    channel->state = VMM_ENDED;
    vmm_unsaid_forget(channel);
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}

static void on_settled(void *context)
{
    struct vmm_channel *channel = context;
    struct vmm *vmm = channel->vmm;
    pthread_mutex_lock(&vmm->lock);
    channel->settled = true;
    vmm_say(channel);
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
}

/* Created and freed beside a run-down VSP channel, so no other thread is in here with it. */
static void on_destroyed(void *context)
{
    struct vmm_channel *channel = context, **at;
    struct vmm *vmm = channel->vmm;
    pthread_mutex_lock(&vmm->lock);
    for (at = &vmm->channels; *at != channel; at = &(*at)->next)
        ;
    *at = channel->next;
    pthread_mutex_unlock(&vmm->lock);
    vmm_unsaid_forget(channel);
    free(channel);
}

int vmm_channel_create(struct vmm *vmm, const struct vmbus_offer *offer, const struct vmm_channel_asked *asked,
                       struct vmm_channel **result)
{
    struct vmm_channel *channel = calloc(1, sizeof *channel);
    if (!channel)
        return -ENOMEM;
    const struct vmbus_local_events events = {on_signalled, on_rescinded, on_settled, on_destroyed, channel};
    channel->vmm = vmm;
    channel->offer = *offer;
    channel->asked = *asked;
    int error = vmbus_local_create(VPCI_WINDOW_PAGES, &events, &channel->local);
    if (error) {
        free(channel);
        return error;
    }
    vpci_window_guest_init(&channel->window, vmbus_host_window(vmbus_local_host(channel->local)));
    vpci_window_never_sleeps(&channel->window);
    pthread_mutex_lock(&vmm->lock);
    struct vmm_channel **end = &vmm->channels;
    while (*end)
        end = &(*end)->next;
    *end = channel;
    channel->id = ++vmm->last_id;
    vmm_channel_offer(channel);
    vmm_flush(vmm);
    pthread_mutex_unlock(&vmm->lock);
    *result = channel;
    return 0;
}

struct vmbus_host *vmm_channel_host(struct vmm_channel *channel)
{
    return vmbus_local_host(channel->local);
}
