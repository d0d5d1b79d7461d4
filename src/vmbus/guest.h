/* SPDX-License-Identifier: MIT
 *
 * The guest's end of a channel, shared by the files that make it up. Private to this room.
 */
#ifndef VFPLANE_VMBUS_GUEST_H
#define VFPLANE_VMBUS_GUEST_H

#include "vmbus/control.h"
#include "vmbus/vmbus.h"

#include <stdatomic.h>

struct vmbus_guest {
    int socket;
    int kick;    /* written */
    int wake_fd; /* read */
    int answer_ms;
    unsigned spin;
    struct vmbus_spin learned;
    void *window;
    uint32_t window_pages;
    struct vmbus_offer offer;
    _Atomic bool gone;
    bool rescinded;
    /* while open */
    uint32_t gpadl; /* handle of the last buffer */
    void *memory;   /* NULL: closed */
    uint32_t pages;
    struct vmbus_ring in;
    struct vmbus_ring out;
};

/* Sends a message without descriptors. 0 or -EPIPE (and the guest is gone). */
int vmbus_guest_send(struct vmbus_guest *guest, const void *message, size_t length);
/* Waits for a message of this type and at least this length; others are dropped. 0 (the record's descriptors are the
 * caller's to close), -EPIPE, -ETIMEDOUT, -EPROTO (the type, but shorter). */
int vmbus_guest_await(struct vmbus_guest *guest, enum vmbus_message type, size_t least, struct vmbus_record *record);

#endif
