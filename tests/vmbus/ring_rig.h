/* SPDX-License-Identifier: MIT
 *
 * Both ends of one ring.
 */
#ifndef VFPLANE_TEST_RING_RIG_H
#define VFPLANE_TEST_RING_RIG_H

#include "test.h"

#include "vmbus/vmbus.h"

struct rig {
    void *memory;
    uint32_t pages;
    struct vmbus_ring producer;
    struct vmbus_ring consumer;
};

void rig_open(struct rig *rig, uint32_t pages);
void rig_close(struct rig *rig);
/* Starts both ends over, with the ring empty at this offset. */
void rig_at(struct rig *rig, uint32_t offset);
int rig_send(struct rig *rig, uint64_t id, const void *payload, uint32_t length, bool *signal);
void rig_fill(uint8_t *bytes, uint32_t length, uint32_t seed);

#endif
