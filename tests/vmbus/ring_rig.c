/* SPDX-License-Identifier: MIT */
#include "ring_rig.h"

void rig_open(struct rig *rig, uint32_t pages)
{
    rig->pages = pages;
    rig->memory = aligned_alloc(VMBUS_PAGE, (size_t)pages * VMBUS_PAGE);
    assert_non_null(rig->memory);
    memset(rig->memory, 0, (size_t)pages * VMBUS_PAGE);
    assert_int_equal(vmbus_ring_attach(&rig->producer, rig->memory, pages, VMBUS_PRODUCER), 0);
    assert_int_equal(vmbus_ring_attach(&rig->consumer, rig->memory, pages, VMBUS_CONSUMER), 0);
    rig->producer.header->features = VMBUS_RING_FEATURE;
}

void rig_close(struct rig *rig)
{
    free(rig->memory);
}

/* Starts both ends over, with the ring empty at this offset. */
void rig_at(struct rig *rig, uint32_t offset)
{
    rig->producer.header->write_index = rig->producer.header->read_index = offset;
    rig->producer.header->interrupt_mask = rig->producer.header->pending_send_sz = 0;
    assert_int_equal(vmbus_ring_attach(&rig->producer, rig->memory, rig->pages, VMBUS_PRODUCER), 0);
    assert_int_equal(vmbus_ring_attach(&rig->consumer, rig->memory, rig->pages, VMBUS_CONSUMER), 0);
}

int rig_send(struct rig *rig, uint64_t id, const void *payload, uint32_t length, bool *signal)
{
    struct vmbus_packet packet = {VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, length};
    return vmbus_ring_send(&rig->producer, &packet, payload, false, signal);
}

void rig_fill(uint8_t *bytes, uint32_t length, uint32_t seed)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(seed + i * 7 + 1);
}
