/* SPDX-License-Identifier: MIT
 *
 * Rings with a peer on another thread, and with one that breaks the rules (vpci-wire.md 3.7, 6.3).
 */
#include "ring_rig.h"

#include <errno.h>
#include <pthread.h>

/* ---- corruption (6.3) ------------------------------------------------------------------------------------------- */

/* One packet of 40 payload bytes at 0x100; what the consumer says after `break_it`. */
static int receive_after(void (*break_it)(struct rig *rig, uint32_t value), uint32_t value, uint32_t *read_index)
{
    struct rig rig;
    struct vmbus_packet packet;
    uint8_t payload[40] = {0}, buffer[64];
    bool signal;
    rig_open(&rig, 2);
    rig_at(&rig, 0x100);
    assert_int_equal(rig_send(&rig, 1, payload, 40, &signal), 0);
    break_it(&rig, value);
    int result = vmbus_ring_receive(&rig.consumer, &packet, buffer, sizeof buffer, &signal);
    *read_index = rig.consumer.index;
    rig_close(&rig);
    return result;
}

static void set_write_index(struct rig *rig, uint32_t value)
{
    rig->producer.header->write_index = value;
}

static void set_offset8(struct rig *rig, uint32_t value)
{
    memcpy(rig->producer.data + 0x102, &(uint16_t){(uint16_t)value}, 2);
}

static void set_len8(struct rig *rig, uint32_t value)
{
    memcpy(rig->producer.data + 0x104, &(uint16_t){(uint16_t)value}, 2);
}

static void every_impossible_index_and_length_is_corruption_and_consumes_nothing(void **state)
{
    static const struct {
        void (*break_it)(struct rig *rig, uint32_t value);
        uint32_t value;
    } rows[] = {
        {set_write_index, 4096},
        {set_write_index, UINT32_MAX},
        {set_write_index, 0x141},
        {set_write_index, 0x144},
        {set_write_index, 0x108}, /* shorter than a descriptor */
        {set_write_index, 0x110}, /* no trailer */
        {set_write_index, 0x138}, /* the packet is longer than that */
        {set_offset8, 0},
        {set_offset8, 1},
        {set_offset8, 8},
        {set_offset8, 0xFFFF},
        {set_len8, 0},
        {set_len8, 1},
        {set_len8, 8},
        {set_len8, 0xFFFF},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t read_index;
        assert_int_equal(receive_after(rows[i].break_it, rows[i].value, &read_index), -EPROTO);
        assert_int_equal(read_index, 0x100);
    }
}

static void lengths_inside_the_packet_are_believed(void **state)
{
    uint32_t read_index;
    (void)state;
    assert_int_equal(receive_after(set_len8, 2, &read_index), 0);
    assert_int_equal(receive_after(set_offset8, 7, &read_index), 0);
    assert_int_equal(receive_after(set_offset8, 3, &read_index), 32);
}

static void a_write_index_that_moves_backwards_is_corruption(void **state)
{
    (void)state;
    struct rig rig;
    struct vmbus_packet packet;
    uint8_t payload[40] = {0}, buffer[64];
    bool signal;
    rig_open(&rig, 2);
    assert_int_equal(rig_send(&rig, 1, payload, 40, &signal), 0);
    assert_int_equal(rig_send(&rig, 2, payload, 40, &signal), 0);
    assert_int_equal(vmbus_ring_receive(&rig.consumer, &packet, buffer, sizeof buffer, &signal), 40);
    rig.producer.header->write_index = 64; /* the second packet was never there */
    assert_int_equal(vmbus_ring_receive(&rig.consumer, &packet, buffer, sizeof buffer, &signal), -EPROTO);
    rig_close(&rig);
}

static void an_impossible_read_index_is_corruption_for_the_producer(void **state)
{
    static const uint32_t bad[] = {4096, 3, UINT32_MAX, 0x200 /* ahead of what was written */, 0xF8 /* backwards */};
    (void)state;
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct rig rig;
        uint8_t payload[40] = {0};
        bool signal;
        rig_open(&rig, 2);
        rig_at(&rig, 0x100);
        assert_int_equal(rig_send(&rig, 1, payload, 40, &signal), 0);
        rig.producer.header->read_index = bad[i];
        assert_int_equal(rig_send(&rig, 1, payload, 40, &signal), -EPROTO);
        assert_int_equal(vmbus_ring_has_room(&rig.producer, 40), -EPROTO);
        assert_int_equal(rig.producer.header->write_index, 0x140);
        rig_close(&rig);
    }
}

static void what_a_peer_writes_into_our_index_is_overwritten(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t payload[40] = {0};
    bool signal;
    rig_open(&rig, 2);
    rig.producer.header->write_index = 0x800;
    assert_int_equal(rig_send(&rig, 1, payload, 40, &signal), 0);
    assert_int_equal(rig.producer.header->write_index, 64);
    rig_close(&rig);
}

static void unknown_packet_types_and_flags_are_passed_on(void **state)
{
    static const uint16_t types[] = {0, 1, 7, 8, 9, 0xB, 0xFFFF};
    (void)state;
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct rig rig;
        struct vmbus_packet packet = {types[i], 0xFFFF, 5, 8}, got;
        uint8_t payload[8] = {0}, buffer[8];
        bool signal;
        rig_open(&rig, 2);
        assert_int_equal(vmbus_ring_send(&rig.producer, &packet, payload, false, &signal), 0);
        assert_int_equal(vmbus_ring_receive(&rig.consumer, &got, buffer, 8, &signal), 8);
        assert_int_equal(got.type, types[i]);
        assert_int_equal(got.flags, 0xFFFF);
        rig_close(&rig);
    }
}

/* ---- two threads ------------------------------------------------------------------------------------------------ */

#define PACKETS 20000u

/* A wake-up that sleeps: a lost one hangs the test. */
struct bell {
    pthread_mutex_t lock;
    pthread_cond_t rung;
    bool set;
};

static void bell_ring(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    bell->set = true;
    pthread_cond_signal(&bell->rung);
    pthread_mutex_unlock(&bell->lock);
}

static void bell_wait(struct bell *bell)
{
    pthread_mutex_lock(&bell->lock);
    while (!bell->set)
        pthread_cond_wait(&bell->rung, &bell->lock);
    bell->set = false;
    pthread_mutex_unlock(&bell->lock);
}

struct pair {
    struct rig rig;
    struct bell to_consumer;
    struct bell to_producer;
    uint32_t wrong;
};

static uint32_t length_of(uint32_t number)
{
    return number * 37 % 300;
}

static void *produce(void *context)
{
    struct pair *pair = context;
    uint8_t payload[300];
    for (uint32_t i = 0; i < PACKETS; i++) {
        struct vmbus_packet packet = {VMBUS_PACKET_DATA, 0, i, length_of(i)};
        bool signal;
        rig_fill(payload, packet.length, i);
        while (vmbus_ring_send(&pair->rig.producer, &packet, payload, true, &signal) == -EAGAIN)
            bell_wait(&pair->to_producer);
        if (signal)
            bell_ring(&pair->to_consumer);
    }
    return NULL;
}

static void take_one(struct pair *pair, uint32_t number, const struct vmbus_packet *packet, const uint8_t *buffer)
{
    uint8_t expected[300];
    rig_fill(expected, length_of(number), number);
    if (packet->transaction_id != number || memcmp(expected, buffer, length_of(number)) != 0)
        pair->wrong++;
}

static void *consume(void *context)
{
    struct pair *pair = context;
    uint8_t buffer[304];
    for (uint32_t i = 0; i < PACKETS;) {
        struct vmbus_packet packet;
        bool signal;
        vmbus_ring_mask(&pair->rig.consumer, true);
        int length = vmbus_ring_receive(&pair->rig.consumer, &packet, buffer, sizeof buffer, &signal);
        if (signal)
            bell_ring(&pair->to_producer);
        if (length >= 0)
            take_one(pair, i++, &packet, buffer);
        else if (!vmbus_ring_mask(&pair->rig.consumer, false))
            bell_wait(&pair->to_consumer);
    }
    return NULL;
}

static void two_threads_lose_neither_packets_nor_wake_ups(void **state)
{
    (void)state;
    for (uint32_t pages = 2; pages <= 3; pages++) {
        struct pair pair = {.to_consumer = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false},
                            .to_producer = {PTHREAD_MUTEX_INITIALIZER, PTHREAD_COND_INITIALIZER, false}};
        pthread_t threads[2];
        rig_open(&pair.rig, pages);
        pthread_create(&threads[0], NULL, produce, &pair);
        pthread_create(&threads[1], NULL, consume, &pair);
        pthread_join(threads[0], NULL);
        pthread_join(threads[1], NULL);
        assert_int_equal(pair.wrong, 0);
        rig_close(&pair.rig);
    }
}

/* Random garbage in the whole ring: an error or a packet, never an access outside (run under the address sanitizer). */
static void garbage_never_leads_outside_the_ring(void **state)
{
    (void)state;
    uint64_t seed = 88172645463325252ull;
    struct rig rig;
    rig_open(&rig, 2);
    for (unsigned round = 0; round < 20000; round++) {
        struct vmbus_packet packet;
        uint8_t buffer[256];
        bool signal;
        for (unsigned i = 0; i < 8; i++) {
            seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
            memcpy(rig.consumer.data + (seed >> 20) % 4088, &seed, 8);
        }
        rig_at(&rig, (uint32_t)(seed >> 40) % 512 * 8);
        rig.consumer.header->write_index = seed & 1 ? (uint32_t)(seed >> 8) % 512 * 8 : (uint32_t)seed;
        while (vmbus_ring_receive(&rig.consumer, &packet, buffer, sizeof buffer, &signal) != -EPROTO)
            if (!vmbus_ring_has_data(&rig.consumer))
                break;
    }
    rig_close(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_impossible_index_and_length_is_corruption_and_consumes_nothing),
        cmocka_unit_test(lengths_inside_the_packet_are_believed),
        cmocka_unit_test(a_write_index_that_moves_backwards_is_corruption),
        cmocka_unit_test(an_impossible_read_index_is_corruption_for_the_producer),
        cmocka_unit_test(what_a_peer_writes_into_our_index_is_overwritten),
        cmocka_unit_test(unknown_packet_types_and_flags_are_passed_on),
        cmocka_unit_test(two_threads_lose_neither_packets_nor_wake_ups),
        cmocka_unit_test(garbage_never_leads_outside_the_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
