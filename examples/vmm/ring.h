/* SPDX-License-Identifier: MIT
 *
 * The guest's end of its two rings: packets that came and wait to be read, messages and what is answered to them.
 */
#ifndef EXAMPLE_RING_H
#define EXAMPLE_RING_H

#include "guest.h"

void guest_on_packet(void *context, const struct vfp_vmm_packet *packet, uint32_t length); /* vmm.packet */
/* The oldest packet, which is waited for; the host gets its room back. */
int guest_take_packet(struct guest *guest, struct guest_packet *packet);
uint32_t guest_dword(const struct guest_packet *packet, unsigned offset);
int guest_post(struct guest *guest, const void *message, uint32_t length); /* no completion is wanted */
void guest_on_unasked(struct guest *guest, const struct guest_packet *packet);
/* A message and its completion, whatever its status. */
int guest_exchange(struct guest *guest, const void *message, uint32_t length, struct guest_packet *answer);
/* The completion has at least `least` bytes, and a status that is no failure: else -EPROTO. */
int guest_request(struct guest *guest, const void *message, uint32_t length, uint32_t least,
                  struct guest_packet *answer);

#endif
