/* SPDX-License-Identifier: MIT
 *
 * The index arithmetic of a ring, by weakest precondition: every size, every index, whatever the peer writes at any
 * time into what is shared. Each contract is proved of the shipped function below it and used where it is called.
 */
#include <string.h>

#include "any.h"

#define __FC_ERRNO /* errno is not used, its numbers are */
enum { EINVAL = 22, EPROTO = 71, EAGAIN = 11, EMSGSIZE = 90 };

#include "vmbus/vmbus.h"

/*@ predicate index_of(struct vmbus_ring *ring, integer index) = 0 <= index < ring->size;

    predicate sound(struct vmbus_ring *ring) =
        \valid(ring) && \valid(ring->header) && \valid(ring->data + (0 .. ring->size - 1)) &&
        \separated(ring, ring->header, ring->data + (0 .. ring->size - 1)) &&
        4096 <= ring->size <= VMBUS_RING_MAX &&
        index_of(ring, ring->index) && index_of(ring, ring->peer);

    logic integer forward(struct vmbus_ring *ring, integer from, integer to) =
        to >= from ? to - from : ring->size - from + to;
*/

/*@ requires \valid_read(field);
    assigns \nothing; */
static uint32_t shared_load(const uint32_t *field);

/*@ requires \valid(field);
    assigns *field; */
static void shared_store(uint32_t *field, uint32_t value);

/*@ requires sound(ring) && from < ring->size && to < ring->size;
    assigns \nothing;
    ensures \result == forward(ring, from, to);
    ensures \result < ring->size; */
static uint32_t distance(const struct vmbus_ring *ring, uint32_t from, uint32_t to);

/*@ requires sound(ring) && index < ring->size && by <= ring->size;
    assigns \nothing;
    ensures \result < ring->size;
    ensures \result == index + by || \result == index + by - ring->size; */
static uint32_t advance(const struct vmbus_ring *ring, uint32_t index, uint32_t by);

/*@ requires \valid_read(ring);
    assigns \nothing;
    ensures \result ==> index_of(ring, index); */
static _Bool index_valid(const struct vmbus_ring *ring, uint32_t index);

/*@ requires length <= VMBUS_PAYLOAD_MAX;
    assigns \nothing;
    ensures length + 24 <= \result <= length + 31; */
uint32_t vmbus_ring_space(uint32_t length);

/*@ requires from_a_buffer: \valid_read(from + (0 .. length - 1));
    requires to_a_buffer: \valid(to + (0 .. length - 1));
    assigns to[0 .. length - 1]; */
void prove_copy(uint8_t *to, const uint8_t *from, uint32_t length);
#define memcpy prove_copy

/*@ requires sound(ring) && at < ring->size && length <= ring->size;
    requires a_buffer: \valid_read(from + (0 .. length - 1));
    assigns ring->data[0 .. ring->size - 1]; */
static void copy_in(struct vmbus_ring *ring, uint32_t at, const uint8_t *from, uint32_t length);

/*@ requires sound(ring) && at < ring->size && length <= ring->size;
    requires a_buffer: \valid(to + (0 .. length - 1));
    assigns to[0 .. length - 1]; */
static void copy_out(const struct vmbus_ring *ring, uint32_t at, uint8_t *to, uint32_t length);

/*@ requires sound(ring) && \valid_read(packet) && packet->length <= VMBUS_PAYLOAD_MAX;
    requires \separated(packet, ring, ring->data + (0 .. ring->size - 1));
    requires packet->length + 31 <= ring->size;
    assigns ring->data[0 .. ring->size - 1]; */
static void write_packet(struct vmbus_ring *ring, const struct vmbus_packet *packet, const void *payload);

/*@ requires sound(ring);
    assigns ring->peer;
    ensures sound(ring);
    ensures \result == -EPROTO || \result == ring->size - forward(ring, ring->peer, ring->index);
    ensures \result == -EPROTO || 1 <= \result <= ring->size; */
static int64_t producer_free(struct vmbus_ring *ring);

/*@ requires sound(ring);
    assigns \nothing;
    ensures \result ==> length <= VMBUS_PAYLOAD_MAX && length + 31 < ring->size; */
static _Bool fits_ever(const struct vmbus_ring *ring, uint32_t length);

/*@ requires sound(ring);
    assigns ring->peer, ring->waiting, ring->header->pending_send_sz;
    ensures sound(ring);
    ensures \result == -EPROTO || 1 <= \result <= ring->size; */
static int64_t ask_for_room(struct vmbus_ring *ring, uint32_t needed);

/*@ requires sound(ring);
    assigns ring->waiting, ring->header->pending_send_sz;
    ensures sound(ring); */
static void room_found(struct vmbus_ring *ring);

/*@ requires sound(ring);
    assigns ring->peer, ring->waiting, ring->header->pending_send_sz;
    ensures sound(ring);
    ensures \result == 0 || \result == 1 || \result == -EPROTO; */
static int room_for(struct vmbus_ring *ring, uint32_t needed, _Bool ask);

/*@ requires sound(ring) && old_index < ring->size;
    assigns \nothing; */
static _Bool consumer_wants_signal(struct vmbus_ring *ring, uint32_t old_index);

/*@ requires sound(ring) && \valid_read(packet) && \valid(signal);
    requires \separated(packet, signal, ring, ring->header, ring->data + (0 .. ring->size - 1));
    ensures sound(ring); */
int vmbus_ring_send(struct vmbus_ring *ring, const struct vmbus_packet *packet, const void *payload,
                    _Bool wait_for_room, _Bool *signal);

/*@ requires sound(ring);
    assigns ring->peer;
    ensures sound(ring);
    ensures \result == -EPROTO || \result == forward(ring, ring->index, ring->peer);
    ensures \result == -EPROTO || 0 <= \result < ring->size; */
static int64_t consumer_available(struct vmbus_ring *ring);

/*@ requires sound(ring) && consumed <= ring->size;
    assigns \nothing; */
static _Bool producer_wants_signal(struct vmbus_ring *ring, uint32_t consumed);

/*@ requires sound(ring) && bytes <= ring->size && \valid(signal);
    requires \separated(signal, ring, ring->header, ring->data + (0 .. ring->size - 1));
    assigns ring->index, ring->header->read_index, *signal;
    ensures sound(ring); */
static void consume(struct vmbus_ring *ring, uint32_t bytes, _Bool *signal);

/*@ requires \valid_read(head);
    assigns \nothing;
    ensures \result ==> 2 <= head->offset8 <= head->len8 && head->len8 * 8 + 8 <= available; */
static _Bool descriptor_valid(const struct vmbus_descriptor *head, uint32_t available);

/*@ requires sound(ring) && \valid(head);
    requires \separated(head, ring, ring->data + (0 .. ring->size - 1));
    assigns *head; */
static void copy_descriptor(const struct vmbus_ring *ring, struct vmbus_descriptor *head);

/*@ requires sound(ring) && \valid(head) && \valid(packet);
    requires \separated(head, packet, ring, ring->header, ring->data + (0 .. ring->size - 1));
    assigns ring->peer, *head, *packet;
    ensures sound(ring);
    ensures \result == 0 || \result == -EAGAIN || \result == -EPROTO;
    ensures \result == 0 ==> 2 <= head->offset8 <= head->len8 && head->len8 * 8 + 8 < ring->size; */
static int next_descriptor(struct vmbus_ring *ring, struct vmbus_descriptor *head, struct vmbus_packet *packet);

/*@ requires sound(ring) && \valid(packet) && \valid(signal);
    requires \separated(packet, signal, ring, ring->header, ring->data + (0 .. ring->size - 1));
    ensures sound(ring);
    ensures \result <= (int64_t)capacity; */
int vmbus_ring_receive(struct vmbus_ring *ring, struct vmbus_packet *packet, void *buffer, uint32_t capacity,
                       _Bool *signal);

/*@ requires sound(ring) && \valid(packet);
    requires \separated(packet, ring, ring->header, ring->data + (0 .. ring->size - 1));
    ensures sound(ring); */
int vmbus_ring_peek(struct vmbus_ring *ring, struct vmbus_packet *packet);

/*@ requires sound(ring);
    assigns ring->peer, ring->waiting, ring->header->pending_send_sz;
    ensures sound(ring); */
int vmbus_ring_has_room(struct vmbus_ring *ring, uint32_t length);

/*@ requires sound(ring);
    assigns ring->peer, ring->waiting, ring->header->pending_send_sz;
    ensures sound(ring); */
int vmbus_ring_is_drained(struct vmbus_ring *ring);

/*@ requires sound(ring);
    assigns \nothing; */
_Bool vmbus_ring_has_data(const struct vmbus_ring *ring);

/*@ requires sound(ring);
    assigns ring->header->interrupt_mask; */
_Bool vmbus_ring_mask(struct vmbus_ring *ring, _Bool masked);

#include "vmbus/ring.c"
