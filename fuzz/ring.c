/* SPDX-License-Identifier: MIT
 *
 * Fuzzes both ends of a ring, as a sequence of sends, receptions, masks and requests for room by two honest ends, until
 * one of them turns hostile: then it writes into the header and the data as it likes, and the other end must keep
 * within its memory, its index within the ring, and its word (nothing consumed by what is refused).
 *
 * The oracle of the honest part is a queue of the packets sent and the count of bytes they take.
 */
#include <errno.h>
#include <string.h>

#include "input.h"

#include "vmbus/vmbus.h"

#define QUEUED     256u
#define BUFFER     12000u
#define STEPS      300u
#define UNTOUCHED  0xA5
#define HEAD_BYTES 64u /* of a ring header's words that mean something, and some behind */

struct sent {
    struct vmbus_packet packet;
    uint8_t seed;
};

struct world {
    uint8_t *memory;
    uint32_t pages;
    struct vmbus_ring producer, consumer;
    struct sent queue[QUEUED];
    unsigned first, count;
    uint32_t used; /* bytes of the ring that the queue takes */
    bool hostile_producer, hostile_consumer, masked;
};

static uint8_t payload_byte(uint8_t seed, uint32_t at)
{
    return (uint8_t)(seed * 31 + at * 7 + 1);
}

static void start(struct world *world, uint32_t pages, uint32_t offset)
{
    *world = (struct world){.pages = pages};
    world->memory = aligned_alloc(VMBUS_PAGE, (size_t)pages * VMBUS_PAGE);
    MUST(world->memory);
    memset(world->memory, 0, (size_t)pages * VMBUS_PAGE);
    struct vmbus_ring_header *header = (void *)world->memory;
    header->write_index = header->read_index = offset * 8 % ((pages - 1) * VMBUS_PAGE);
    header->features = VMBUS_RING_FEATURE;
    MUST(vmbus_ring_attach(&world->producer, world->memory, pages, VMBUS_PRODUCER) == 0);
    MUST(vmbus_ring_attach(&world->consumer, world->memory, pages, VMBUS_CONSUMER) == 0);
}

static bool honest(const struct world *world)
{
    return !world->hostile_producer && !world->hostile_consumer;
}

/* Room for one more, as 3.6 counts: one unit stays free. */
static bool has_room(const struct world *world, uint32_t length)
{
    return world->producer.size - world->used > vmbus_ring_space(length);
}

/* Payloads of every length, most of them short, and now and then one that fills the ring or cannot fit. */
static uint32_t choose_length(const struct world *world, struct input *input)
{
    uint8_t chosen = take8(input);
    if (chosen < 0xC0)
        return chosen;
    if (chosen < 0xF0)
        return take16(input) % BUFFER;
    return world->producer.size - world->used - 24 - 8 * (chosen & 3);
}

static void push(struct world *world, const struct vmbus_packet *packet, uint8_t seed)
{
    MUST(world->count < QUEUED);
    world->queue[(world->first + world->count++) % QUEUED] = (struct sent){*packet, seed};
    world->used += vmbus_ring_space(packet->length);
}

static void send(struct world *world, struct input *input)
{
    static uint8_t payload[BUFFER];
    struct vmbus_packet packet = {.type = take8(input) & 1 ? VMBUS_PACKET_DATA : VMBUS_PACKET_COMPLETION};
    uint8_t seed = take8(input);
    bool wait = seed & 1, signal = true;
    packet.transaction_id = (uint64_t)seed << 40 | world->count;
    packet.flags = seed >> 1 & 1;
    packet.length = choose_length(world, input);
    if (packet.length > BUFFER || (honest(world) && world->count == QUEUED))
        return;
    for (uint32_t i = 0; i < packet.length; i++)
        payload[i] = payload_byte(seed, i);
    uint32_t before = world->producer.index;
    int result = vmbus_ring_send(&world->producer, &packet, payload, wait, &signal);
    MUST(result == 0 || result == -EAGAIN || result == -EMSGSIZE || result == -EPROTO);
    MUST(world->producer.index < world->producer.size && world->producer.index % 8 == 0);
    MUST(result == 0 || (!signal && world->producer.index == before));
    if (!honest(world))
        return;
    bool fits = vmbus_ring_space(packet.length) <= world->producer.size - 8;
    MUST(result == (!fits ? -EMSGSIZE : has_room(world, packet.length) ? 0 : -EAGAIN));
    MUST(result != 0 || signal == (!world->masked && world->count == 0));
    MUST(result != -EAGAIN || !wait || world->producer.header->pending_send_sz == vmbus_ring_space(packet.length));
    if (result == 0)
        push(world, &packet, seed);
}

static void ask_room(struct world *world, struct input *input)
{
    uint32_t length = choose_length(world, input);
    int result = vmbus_ring_has_room(&world->producer, length);
    MUST(result > 0 || result == 0 || result == -EMSGSIZE || result == -EPROTO);
    if (!honest(world))
        return;
    bool fits = length <= VMBUS_PAYLOAD_MAX && vmbus_ring_space(length) <= world->producer.size - 8;
    MUST(fits ? (result > 0) == has_room(world, length) && result >= 0 : result == -EMSGSIZE);
}

static void check_received(struct world *world, const struct vmbus_packet *packet, const uint8_t *buffer, int result,
                           uint32_t capacity)
{
    const struct sent *sent = &world->queue[world->first];
    uint32_t padded = (sent->packet.length + 7) & ~7u;
    MUST(world->count > 0);
    MUST(packet->type == sent->packet.type && packet->flags == sent->packet.flags);
    MUST(packet->transaction_id == sent->packet.transaction_id && packet->length == padded);
    MUST(result == (padded <= capacity ? (int)padded : -EMSGSIZE));
    for (uint32_t i = 0; result > 0 && i < padded; i++)
        MUST(buffer[i] == (i < sent->packet.length ? payload_byte(sent->seed, i) : 0));
    world->used -= vmbus_ring_space(sent->packet.length);
    world->first = (world->first + 1) % QUEUED;
    world->count--;
}

static void receive(struct world *world, struct input *input)
{
    uint8_t chosen = take8(input);
    uint32_t capacity = chosen < 0x80 ? BUFFER : chosen & 0x7f;
    uint8_t *buffer = malloc(capacity + 8);
    struct vmbus_packet packet;
    bool signal = true;
    MUST(buffer);
    memset(buffer, UNTOUCHED, capacity + 8);
    uint32_t before = world->consumer.index;
    int result = vmbus_ring_receive(&world->consumer, &packet, buffer, capacity, &signal);
    MUST(result >= 0 || result == -EAGAIN || result == -EMSGSIZE || result == -EPROTO);
    MUST(result <= (int)capacity);
    MUST(world->consumer.index < world->consumer.size && world->consumer.index % 8 == 0);
    if (result == -EAGAIN || result == -EPROTO)
        MUST(world->consumer.index == before && !signal);
    for (uint32_t i = result > 0 ? (uint32_t)result : 0; i < capacity + 8; i++)
        MUST(buffer[i] == UNTOUCHED);
    if (honest(world) && world->count == 0)
        MUST(result == -EAGAIN);
    else if (honest(world))
        check_received(world, &packet, buffer, result, capacity);
    free(buffer);
}

static void peek(struct world *world)
{
    struct vmbus_packet packet = {0};
    uint32_t before = world->consumer.index;
    int result = vmbus_ring_peek(&world->consumer, &packet);
    MUST(result == 0 || result == -EAGAIN || result == -EPROTO);
    MUST(world->consumer.index == before);
    if (!honest(world))
        return;
    MUST(result == (world->count ? 0 : -EAGAIN));
    MUST(result || packet.transaction_id == world->queue[world->first].packet.transaction_id);
}

static void mask(struct world *world, bool masked)
{
    bool data = vmbus_ring_has_data(&world->consumer);
    MUST(vmbus_ring_mask(&world->consumer, masked) == (!masked && data));
    world->masked = masked;
    MUST(!honest(world) || data == (world->count != 0));
}

/* An end that lies: it writes a word of the header, or the descriptor where the next packet stands, or anything. */
static void lie(struct world *world, struct input *input)
{
    uint8_t kind = take8(input);
    uint32_t value = take32(input);
    struct vmbus_ring_header *header = world->producer.header;
    if (kind & 0x80)
        world->hostile_consumer = true;
    else
        world->hostile_producer = true;
    switch (kind & 7) {
    case 0:
        header->write_index = value;
        break;
    case 1:
        header->read_index = value;
        break;
    case 2:
        header->write_index = value * 8 % world->producer.size;
        break;
    case 3:
        header->read_index = value * 8 % world->producer.size;
        break;
    case 4:
        memcpy((uint8_t *)header + value % HEAD_BYTES / 4 * 4, &value, 4);
        break;
    case 5: /* the next packet's descriptor: type and offset8, or len8 and flags */
        memcpy(world->producer.data + (world->consumer.index + (value >> 31) * 4) % world->producer.size, &value, 4);
        break;
    case 6:
        header->pending_send_sz = value;
        break;
    default:
        memcpy(world->producer.data + value % world->producer.size / 4 * 4, &value, 4);
        break;
    }
}

/* An end that comes anew believes the header as far as it can be true. */
static void attach(struct world *world, enum vmbus_end end)
{
    struct vmbus_ring ring = {0};
    int result = vmbus_ring_attach(&ring, world->memory, world->pages, end);
    MUST(result == 0 || result == -EPROTO);
    MUST(!honest(world) || result == 0);
    if (result == 0)
        MUST(ring.index < ring.size && ring.peer < ring.size);
    if (result == 0 && !honest(world))
        *(end == VMBUS_PRODUCER ? &world->producer : &world->consumer) = ring;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    struct world world;
    uint8_t shape = take8(&input);
    start(&world, 2 + (shape & 1), take16(&input));
    for (unsigned step = 0; step < STEPS && input.at < input.end; step++) {
        uint8_t kind = take8(&input);
        switch (kind % 16) {
        default:
            send(&world, &input);
            break;
        case 6:
        case 7:
        case 8:
        case 9:
        case 10:
            receive(&world, &input);
            break;
        case 11:
            peek(&world);
            break;
        case 12:
            mask(&world, kind & 16);
            break;
        case 13:
            ask_room(&world, &input);
            break;
        case 14:
            lie(&world, &input);
            break;
        case 15:
            attach(&world, kind & 16 ? VMBUS_PRODUCER : VMBUS_CONSUMER);
            break;
        }
    }
    free(world.memory);
    return 0;
}
