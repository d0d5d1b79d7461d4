/* SPDX-License-Identifier: MIT
 *
 * Packets to the guest. Room is reserved before a request is taken (vpci-wire.md 3.7), so a send that finds none means
 * that the guest took back what it had freed.
 */
#include "vpci/vsp/internal.h"

#define PACKET_OVERHEAD 24u /* descriptor and trailer: what vmbus_ring_space adds */

int vsp_room(struct vsp_channel *channel, uint32_t bytes)
{
    struct vmbus_ring *ring = vmbus_host_out(channel->host);
    return vmbus_ring_has_room(ring, channel->outstanding * VSP_COMPLETION_ROOM + bytes - PACKET_OVERHEAD);
}

static int send_and_print(struct vsp_channel *channel, struct vmbus_ring *ring, const struct vmbus_packet *packet,
                          const void *payload, bool *signal)
{
    int result;

    vsp_packets_lock(channel->packets);
    result = vmbus_ring_send(ring, packet, payload, false, signal);
    if (result == 0)
        vsp_packets_print(channel->packets, channel->name, true, packet, payload);
    vsp_packets_unlock(channel->packets);
    return result;
}

static void send_packet(struct vsp_channel *channel, const struct vmbus_packet *packet, const void *payload)
{
    struct vmbus_ring *ring = vmbus_host_out(channel->host);
    bool signal = false;
    int result;

    if (!ring || channel->state == VSP_ENDED)
        return;
    result = __builtin_expect(channel->packets == NULL, 1)
                 ? vmbus_ring_send(ring, packet, payload, false, &signal)
                 : send_and_print(channel, ring, packet, payload, &signal);
    if (result != 0) {
        vsp_broken(channel, "RING_CORRUPT vpci-wire.md 6.3", "the guest broke the ring to it");
        return;
    }
    channel->signal |= signal;
}

void vsp_send(struct vsp_channel *channel, const void *payload, uint32_t length)
{
    struct vmbus_packet packet = {.type = VMBUS_PACKET_DATA, .length = length};
    send_packet(channel, &packet, payload);
}

void vsp_complete_as(struct vsp_channel *channel, uint64_t transaction_id, const void *payload, uint32_t length)
{
    struct vmbus_packet packet = {.type = VMBUS_PACKET_COMPLETION, .transaction_id = transaction_id, .length = length};
    vsp_count(&channel->counters.completions);
    send_packet(channel, &packet, payload);
}

void vsp_complete(struct vsp_channel *channel, const struct vsp_message *message, const void *payload, uint32_t length)
{
    if (message->flagged)
        vsp_complete_as(channel, message->transaction_id, payload, length);
}

void vsp_complete_status(struct vsp_channel *channel, const struct vsp_message *message, uint32_t status)
{
    struct vpci_status completion = {.status = status};
    vsp_complete(channel, message, &completion, sizeof(completion));
}

void vsp_bad_data(struct vsp_channel *channel, const struct vsp_message *message, const char *rule, const char *what)
{
    TRACE_REFUSE("vsp", rule, "%s: %s", channel->name, what);
    vsp_count(&channel->counters.bad_data);
    vsp_complete_status(channel, message, VPCI_STATUS_BAD_DATA);
}
