/* SPDX-License-Identifier: MIT
 *
 * What a stock Linux guest does with a vPCI channel, without a machine round it: it stands where the virtual CPUs of a
 * VMM would stand.
 */
#ifndef EXAMPLE_GUEST_H
#define EXAMPLE_GUEST_H

#include "vmm.h"

#define GUEST_RING   16384u /* bytes a direction */
#define GUEST_WINDOW 0x1000000000ull
#define GUEST_BARS   0xE0000000u

struct guest_packet {
    uint64_t transaction_id;
    uint32_t length; /* of the payload */
    uint16_t type, reserved;
    uint8_t bytes[4096];
};

enum guest_step {
    GUEST_BEFORE,
    GUEST_CONNECTED, /* to the socket, HELLO is done */
    GUEST_OFFERED,
    GUEST_OPEN,
    GUEST_D0,
    GUEST_ASLEEP,  /* its VF is, and has mitigated pages */
    GUEST_RUNNING, /* its VF driver is up */
    GUEST_LEAVING,
};

struct guest {
    struct vmm vmm;
    uint64_t transaction;
    uint8_t ring[GUEST_RING]; /* to the guest, not read yet: packet by packet, the oldest first */
    uint32_t unread;          /* bytes of it */
    unsigned probed[6];
    bool lost; /* more packets than the ring holds: the host had no credit for them */
    bool ejected;
    unsigned lives; /* VFs it has had; every second one it closes and opens again */
    unsigned blocks, invalidated, accesses;
    unsigned mitigated;       /* accesses to mitigated pages */
    uint64_t message_address; /* of its interrupt */
    uint32_t message_data;
    /* Called before each step; not 0: stop, with this result. */
    int (*at)(struct guest *guest, enum guest_step step);
};

/* Connects; takes every VF that is offered: comes up, works, is told of changes, gives it back when it is ejected;
 * until the host ends the connection. 0 or a negative errno (vmm.h). */
int guest_run(struct guest *guest, const char *path);

#endif
