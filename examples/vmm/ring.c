/* SPDX-License-Identifier: MIT */
#include "ring.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "vpci/wire.h"

/* A packet takes less here than it costs of the credit: whatever the host may send finds room. */
#define HEADER ((uint32_t)offsetof(struct guest_packet, bytes))
_Static_assert(offsetof(struct guest_packet, bytes) <= 24, "the header of a packet costs its sender 24 bytes");

void guest_on_packet(void *context, const struct vfp_vmm_packet *packet, uint32_t length)
{
    struct guest *guest = context;
    struct guest_packet to = {.type = packet->type, .transaction_id = packet->transaction_id, .length = length};
    if (length > sizeof to.bytes || guest->unread + HEADER + length > sizeof guest->ring) {
        guest->lost = true;
        return;
    }
    memcpy(guest->ring + guest->unread, &to, HEADER);
    memcpy(guest->ring + guest->unread + HEADER, packet + 1, length);
    guest->unread += HEADER + length;
}

int guest_take_packet(struct guest *guest, struct guest_packet *packet)
{
    int error = 0;
    while (!error && !guest->unread) {
        if (!guest->vmm.channel.id)
            return -ENODEV;
        error = vmm_step(&guest->vmm, VMM_PATIENCE_MS);
    }
    if (error)
        return error;
    memcpy(packet, guest->ring, HEADER);
    memcpy(packet->bytes, guest->ring + HEADER, packet->length);
    guest->unread -= HEADER + packet->length;
    memmove(guest->ring, guest->ring + HEADER + packet->length, guest->unread);
    return vmm_read(&guest->vmm, packet->length);
}

uint32_t guest_dword(const struct guest_packet *packet, unsigned offset)
{
    uint32_t value;
    memcpy(&value, packet->bytes + offset, sizeof value);
    return value;
}

int guest_post(struct guest *guest, const void *message, uint32_t length)
{
    return vmm_packet(&guest->vmm, VFP_VMM_PACKET_DATA, 0, 0, message, length);
}

void guest_on_unasked(struct guest *guest, const struct guest_packet *packet)
{
    guest->invalidated += packet->length >= 16 && guest_dword(packet, 0) == VPCI_INVALIDATE_BLOCK;
    guest->ejected |= packet->length >= 8 && guest_dword(packet, 0) == VPCI_EJECT;
}

int guest_exchange(struct guest *guest, const void *message, uint32_t length, struct guest_packet *answer)
{
    uint64_t id = ++guest->transaction;
    int error = vmm_packet(&guest->vmm, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, id, message, length);
    while (!error) {
        error = guest_take_packet(guest, answer);
        if (!error && answer->type == VFP_VMM_PACKET_COMPLETION && answer->transaction_id == id)
            break;
        if (!error)
            guest_on_unasked(guest, answer);
    }
    return error;
}

int guest_request(struct guest *guest, const void *message, uint32_t length, uint32_t least,
                  struct guest_packet *answer)
{
    int error = guest_exchange(guest, message, length, answer);
    if (error)
        return error;
    return answer->length < least || (int32_t)guest_dword(answer, 0) < 0 ? -EPROTO : 0;
}
