/* SPDX-License-Identifier: MIT
 *
 * VMBus ring buffers: vpci-wire.md 3.6, 3.7, 6.3.
 *
 * Both ends store what they offer (an index), then read what the other asked for (mask, pending size); all of these are
 * sequentially consistent, which is the full barrier 3.7 wants on both sides of the question "does it want a signal?".
 */
#include "vmbus/vmbus.h"

#include <errno.h>
#include <string.h>

#define DESCRIPTOR ((uint32_t)sizeof(struct vmbus_descriptor))
#define TRAILER    8u

static uint32_t shared_load(const uint32_t *field)
{
    return __atomic_load_n(field, __ATOMIC_SEQ_CST);
}

static void shared_store(uint32_t *field, uint32_t value)
{
    __atomic_store_n(field, value, __ATOMIC_SEQ_CST);
}

/* Bytes from `from` forward to `to`. */
static uint32_t distance(const struct vmbus_ring *ring, uint32_t from, uint32_t to)
{
    return to >= from ? to - from : ring->size - from + to;
}

static uint32_t advance(const struct vmbus_ring *ring, uint32_t index, uint32_t by)
{
    uint32_t left = ring->size - index;
    return by < left ? index + by : by - left;
}

static bool index_valid(const struct vmbus_ring *ring, uint32_t index)
{
    return index < ring->size && index % 8 == 0;
}

int vmbus_ring_attach(struct vmbus_ring *ring, void *memory, uint32_t pages, enum vmbus_end end)
{
    if (!memory || pages < 2 || pages - 1 > VMBUS_RING_MAX / VMBUS_PAGE)
        return -EINVAL;
    *ring = (struct vmbus_ring){
        .header = memory,
        .data = (uint8_t *)memory + VMBUS_PAGE,
        .size = (pages - 1) * VMBUS_PAGE,
    };
    uint32_t write = shared_load(&ring->header->write_index);
    uint32_t read = shared_load(&ring->header->read_index);
    if (!index_valid(ring, write) || !index_valid(ring, read))
        return -EPROTO;
    ring->index = end == VMBUS_PRODUCER ? write : read;
    /* A producer's peer may only move towards the producer's index from here; a consumer's peer only away from it. */
    ring->peer = end == VMBUS_PRODUCER ? read : ring->index;
    return 0;
}

uint32_t vmbus_ring_space(uint32_t length)
{
    return DESCRIPTOR + (length + 7) / 8 * 8 + TRAILER;
}

static void copy_in(struct vmbus_ring *ring, uint32_t at, const uint8_t *from, uint32_t length)
{
    uint32_t first = ring->size - at < length ? ring->size - at : length;
    memcpy(ring->data + at, from, first);
    memcpy(ring->data, from + first, length - first);
}

static void copy_out(const struct vmbus_ring *ring, uint32_t at, uint8_t *to, uint32_t length)
{
    uint32_t first = ring->size - at < length ? ring->size - at : length;
    memcpy(to, ring->data + at, first);
    memcpy(to + first, ring->data, length - first);
}

/* ---- producer --------------------------------------------------------------------------------------------------- */

/* Free bytes of which 8 always stay free, or -EPROTO: the consumer may only have moved forward over what was written.
 */
static int64_t producer_free(struct vmbus_ring *ring)
{
    uint32_t read = shared_load(&ring->header->read_index);
    if (!index_valid(ring, read))
        return -EPROTO;
    uint32_t used = distance(ring, read, ring->index);
    if (used > distance(ring, ring->peer, ring->index))
        return -EPROTO;
    ring->peer = read;
    return ring->size - used;
}

static bool fits_ever(const struct vmbus_ring *ring, uint32_t length)
{
    return length <= VMBUS_PAYLOAD_MAX && vmbus_ring_space(length) <= ring->size - 8;
}

/* Asks the consumer to signal once more than `needed` bytes are free; looks again, for it may just have freed them. */
static int64_t ask_for_room(struct vmbus_ring *ring, uint32_t needed)
{
    shared_store(&ring->header->pending_send_sz, needed);
    ring->waiting = true;
    return producer_free(ring);
}

static void room_found(struct vmbus_ring *ring)
{
    if (!ring->waiting)
        return;
    shared_store(&ring->header->pending_send_sz, 0);
    ring->waiting = false;
}

/* 1 room, 0 none, -EPROTO. */
static int room_for(struct vmbus_ring *ring, uint32_t needed, bool ask)
{
    int64_t room = producer_free(ring);
    if (room >= 0 && room <= needed && ask)
        room = ask_for_room(ring, needed);
    if (room < 0)
        return (int)room;
    if (room <= needed)
        return 0;
    room_found(ring);
    return 1;
}

int vmbus_ring_has_room(struct vmbus_ring *ring, uint32_t length)
{
    if (!fits_ever(ring, length))
        return -EMSGSIZE;
    return room_for(ring, vmbus_ring_space(length), true);
}

/* Indices are multiples of 8, so what is more than all but 8 bytes is all. */
int vmbus_ring_is_drained(struct vmbus_ring *ring)
{
    return room_for(ring, ring->size - 8, true);
}

static void write_packet(struct vmbus_ring *ring, const struct vmbus_packet *packet, const void *payload)
{
    uint32_t length = packet->length, padded = vmbus_ring_space(length) - DESCRIPTOR - TRAILER;
    uint32_t padding = padded - length;
    struct vmbus_descriptor head = {
        .type = packet->type,
        .offset8 = DESCRIPTOR / 8,
        .len8 = (uint16_t)((DESCRIPTOR + padded) / 8),
        .flags = packet->flags,
        .transaction_id = packet->transaction_id,
    };
    uint64_t zero = 0, trailer = ring->index * (UINT64_C(1) << 32);
    uint32_t at = ring->index;
    copy_in(ring, at, (const uint8_t *)&head, DESCRIPTOR);
    at = advance(ring, at, DESCRIPTOR);
    if (length)
        copy_in(ring, at, payload, length);
    at = advance(ring, at, length);
    copy_in(ring, at, (const uint8_t *)&zero, padding);
    at = advance(ring, at, padding);
    copy_in(ring, at, (const uint8_t *)&trailer, TRAILER);
}

/* A consumer that has not masked signals wants one only for the packet that ends an empty ring. Its index is read again
 * after ours is published: it may have drained the ring since we looked. */
static bool consumer_wants_signal(struct vmbus_ring *ring, uint32_t old_index)
{
    return shared_load(&ring->header->interrupt_mask) == 0 && shared_load(&ring->header->read_index) == old_index;
}

int vmbus_ring_send(struct vmbus_ring *ring, const struct vmbus_packet *packet, const void *payload, bool wait_for_room,
                    bool *signal)
{
    *signal = false;
    if (!fits_ever(ring, packet->length))
        return -EMSGSIZE;
    int room = room_for(ring, vmbus_ring_space(packet->length), wait_for_room);
    if (room < 0)
        return room;
    if (!room)
        return -EAGAIN;
    uint32_t old_index = ring->index;
    write_packet(ring, packet, payload);
    ring->index = advance(ring, old_index, vmbus_ring_space(packet->length));
    shared_store(&ring->header->write_index, ring->index);
    *signal = consumer_wants_signal(ring, old_index);
    return 0;
}

/* ---- consumer --------------------------------------------------------------------------------------------------- */

/* Bytes to read, or -EPROTO: the producer may only have moved forward over what was free. */
static int64_t consumer_available(struct vmbus_ring *ring)
{
    uint32_t write = shared_load(&ring->header->write_index);
    if (!index_valid(ring, write))
        return -EPROTO;
    uint32_t available = distance(ring, ring->index, write);
    if (available < distance(ring, ring->index, ring->peer))
        return -EPROTO;
    ring->peer = write;
    return available;
}

static bool descriptor_valid(const struct vmbus_descriptor *head, uint32_t available)
{
    return head->offset8 >= DESCRIPTOR / 8 && head->len8 >= head->offset8 &&
           (uint32_t)head->len8 * 8 + TRAILER <= available;
}

/* The producer waits for more than `pending` free bytes and this read is what freed them. */
static bool producer_wants_signal(struct vmbus_ring *ring, uint32_t consumed)
{
    uint32_t pending = shared_load(&ring->header->pending_send_sz) / 8 * 8;
    if (!pending || !(shared_load(&ring->header->features) & VMBUS_RING_FEATURE))
        return false;
    uint32_t write = shared_load(&ring->header->write_index);
    if (!index_valid(ring, write))
        return false;
    uint32_t now = ring->size - distance(ring, ring->index, write);
    uint32_t before = now > consumed ? now - consumed : 0;
    return before <= pending && now > pending;
}

static void consume(struct vmbus_ring *ring, uint32_t bytes, bool *signal)
{
    ring->index = advance(ring, ring->index, bytes);
    shared_store(&ring->header->read_index, ring->index);
    *signal = producer_wants_signal(ring, bytes);
}

static void copy_descriptor(const struct vmbus_ring *ring, struct vmbus_descriptor *head)
{
    copy_out(ring, ring->index, (uint8_t *)head, DESCRIPTOR);
}

/* Copies the next descriptor. 0, -EAGAIN, -EPROTO. */
static int next_descriptor(struct vmbus_ring *ring, struct vmbus_descriptor *head, struct vmbus_packet *packet)
{
    int64_t available = consumer_available(ring);
    if (available <= 0)
        return available < 0 ? (int)available : -EAGAIN;
    if (available < DESCRIPTOR + TRAILER)
        return -EPROTO;
    copy_descriptor(ring, head);
    if (!descriptor_valid(head, (uint32_t)available))
        return -EPROTO;
    *packet = (struct vmbus_packet){
        .type = head->type,
        .flags = head->flags,
        .transaction_id = head->transaction_id,
        .length = (uint32_t)(head->len8 - head->offset8) * 8,
    };
    return 0;
}

int vmbus_ring_peek(struct vmbus_ring *ring, struct vmbus_packet *packet)
{
    struct vmbus_descriptor head;
    return next_descriptor(ring, &head, packet);
}

int vmbus_ring_receive(struct vmbus_ring *ring, struct vmbus_packet *packet, void *buffer, uint32_t capacity,
                       bool *signal)
{
    struct vmbus_descriptor head;
    *signal = false;
    int error = next_descriptor(ring, &head, packet);
    if (error)
        return error;
    uint32_t length = (uint32_t)(head.len8 - head.offset8) * 8;
    bool fits = length <= capacity;
    if (fits && length)
        copy_out(ring, advance(ring, ring->index, (uint32_t)head.offset8 * 8), buffer, length);
    consume(ring, (uint32_t)head.len8 * 8 + TRAILER, signal);
    return fits ? (int)length : -EMSGSIZE;
}

bool vmbus_ring_has_data(const struct vmbus_ring *ring)
{
    return shared_load(&ring->header->write_index) != ring->index;
}

bool vmbus_ring_mask(struct vmbus_ring *ring, bool masked)
{
    shared_store(&ring->header->interrupt_mask, masked);
    return !masked && vmbus_ring_has_data(ring);
}
