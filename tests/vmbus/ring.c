/* SPDX-License-Identifier: MIT
 *
 * Rings: every offset of the wrap, full and empty, sizes that are no power of two, signals, and a peer that breaks the
 * rules (vpci-wire.md 3.6, 3.7, 6.3).
 */
#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>

#include "vmbus/vmbus.h"

struct rig {
    void *memory;
    uint32_t pages;
    struct vmbus_ring producer;
    struct vmbus_ring consumer;
};

static void rig_open(struct rig *rig, uint32_t pages)
{
    rig->pages = pages;
    rig->memory = aligned_alloc(VMBUS_PAGE, (size_t)pages * VMBUS_PAGE);
    assert_non_null(rig->memory);
    memset(rig->memory, 0, (size_t)pages * VMBUS_PAGE);
    assert_int_equal(vmbus_ring_attach(&rig->producer, rig->memory, pages, VMBUS_PRODUCER), 0);
    assert_int_equal(vmbus_ring_attach(&rig->consumer, rig->memory, pages, VMBUS_CONSUMER), 0);
    rig->producer.header->features = VMBUS_RING_FEATURE;
}

static void rig_close(struct rig *rig)
{
    free(rig->memory);
}

/* Starts both ends over, with the ring empty at this offset. */
static void rig_at(struct rig *rig, uint32_t offset)
{
    rig->producer.header->write_index = rig->producer.header->read_index = offset;
    rig->producer.header->interrupt_mask = rig->producer.header->pending_send_sz = 0;
    assert_int_equal(vmbus_ring_attach(&rig->producer, rig->memory, rig->pages, VMBUS_PRODUCER), 0);
    assert_int_equal(vmbus_ring_attach(&rig->consumer, rig->memory, rig->pages, VMBUS_CONSUMER), 0);
}

static int send(struct rig *rig, uint64_t id, const void *payload, uint32_t length, bool *signal)
{
    struct vmbus_packet packet = {VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, length};
    return vmbus_ring_send(&rig->producer, &packet, payload, false, signal);
}

static void fill(uint8_t *bytes, uint32_t length, uint32_t seed)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(seed + i * 7 + 1);
}

/* ---- content ---------------------------------------------------------------------------------------------------- */

static void check_packet(struct rig *rig, uint64_t id, const uint8_t *sent, uint32_t length)
{
    uint8_t got[4096 + 16];
    struct vmbus_packet packet;
    bool signal;
    uint32_t padded = (length + 7) & ~7u;
    memset(got, 0xEE, sizeof got);
    assert_int_equal(vmbus_ring_receive(&rig->consumer, &packet, got, sizeof got, &signal), padded);
    assert_int_equal(packet.type, VMBUS_PACKET_DATA);
    assert_int_equal(packet.flags, VMBUS_COMPLETION_REQUESTED);
    assert_true(packet.transaction_id == id);
    assert_int_equal(packet.length, padded);
    assert_memory_equal(got, sent, length);
    for (uint32_t i = length; i < padded; i++)
        assert_int_equal(got[i], 0);
    for (uint32_t i = padded; i < padded + 16; i++)
        assert_int_equal(got[i], 0xEE);
}

static void packets_of_every_length_arrive_unchanged_at_every_offset(void **state)
{
    static const uint32_t lengths[] = {0, 1, 4, 7, 8, 9, 16, 28, 127, 128, 148, 1000};
    (void)state;
    for (uint32_t pages = 2; pages <= 4; pages++) {
        struct rig rig;
        rig_open(&rig, pages);
        for (uint32_t offset = 0; offset < rig.producer.size; offset += 8) {
            rig_at(&rig, offset);
            for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
                uint8_t sent[1000];
                bool signal;
                fill(sent, lengths[i], offset + i);
                /* Old bytes must not come through as padding. */
                assert_int_equal(send(&rig, offset + i + 1, sent, lengths[i], &signal), 0);
                check_packet(&rig, offset + i + 1, sent, lengths[i]);
            }
        }
        rig_close(&rig);
    }
}

static void descriptor_and_trailer_stand_as_documented(void **state)
{
    (void)state;
    struct rig rig;
    bool signal;
    static const uint8_t expected[32] = {6,    0,    2,    0, 3, 0, 1, 0, 8, 7, 6, 5, 4,    3,    2, 1,
                                         0xAA, 0xBB, 0xCC, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xF0, 0x0F, 0, 0};
    rig_open(&rig, 2);
    rig_at(&rig, 0xFF0);
    memset(rig.producer.data, 0xEE, rig.producer.size);
    assert_int_equal(send(&rig, 0x0102030405060708, "\xAA\xBB\xCC", 3, &signal), 0);
    for (uint32_t i = 0; i < sizeof expected; i++)
        assert_int_equal(rig.producer.data[(0xFF0 + i) % 4096], expected[i]);
    assert_int_equal(rig.producer.header->write_index, 0x10);
    rig_close(&rig);
}

/* vpci-wire.md 9.3: exact payload, bytes of descriptor and padded payload. */
static void packet_sizes_are_those_of_the_table(void **state)
{
    static const uint32_t table[][2] = {
        {8, 24},  {4, 24},  {28, 48}, {36, 56},  {16, 32},   {148, 168},          {202, 224},
        {12, 32}, {24, 40}, {78, 96}, {82, 104}, {132, 152}, {8 + 145 * 28, 4088}};
    (void)state;
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++)
        assert_int_equal(vmbus_ring_space(table[i][0]), table[i][1] + 8);
}

/* ---- room ------------------------------------------------------------------------------------------------------- */

static void a_full_ring_keeps_eight_bytes_free_and_takes_no_more(void **state)
{
    (void)state;
    for (uint32_t pages = 2; pages <= 4; pages++) {
        struct rig rig;
        bool signal;
        uint8_t payload[512] = {1};
        rig_open(&rig, pages);
        rig_at(&rig, 4088);
        uint32_t sent = 0, rest;
        while ((rest = rig.producer.size - sent) > 8 + 24 + 512) {
            assert_int_equal(send(&rig, 1, payload, 512, &signal), 0);
            sent += vmbus_ring_space(512);
        }
        /* Exactly one packet that leaves 8 bytes, but not one that would leave none. */
        struct vmbus_ring_header before = *rig.producer.header;
        assert_int_equal(send(&rig, 1, payload, rest - 24, &signal), -EAGAIN);
        assert_memory_equal(&before, rig.producer.header, sizeof before);
        assert_int_equal(send(&rig, 1, payload, rest - 24 - 8, &signal), 0);
        assert_int_equal(send(&rig, 1, payload, 0, &signal), -EAGAIN);
        assert_false(signal);
        assert_int_equal(vmbus_ring_has_room(&rig.producer, 0), 0);
        rig_close(&rig);
    }
}

static void what_never_fits_is_refused_and_changes_nothing(void **state)
{
    (void)state;
    struct rig rig;
    bool signal;
    uint8_t *payload = calloc(1, VMBUS_PAYLOAD_MAX + 8);
    rig_open(&rig, 2);
    struct vmbus_ring_header before = *rig.producer.header;
    assert_int_equal(send(&rig, 1, payload, 4096 - 24, &signal), -EMSGSIZE);
    assert_int_equal(vmbus_ring_has_room(&rig.producer, 4096 - 24), -EMSGSIZE);
    assert_int_equal(send(&rig, 1, payload, UINT32_MAX, &signal), -EMSGSIZE);
    assert_memory_equal(&before, rig.producer.header, sizeof before);
    assert_int_equal(send(&rig, 1, payload, 4096 - 24 - 8, &signal), 0);
    rig_close(&rig);
    rig_open(&rig, 200);
    assert_int_equal(send(&rig, 1, payload, VMBUS_PAYLOAD_MAX + 1, &signal), -EMSGSIZE);
    assert_int_equal(send(&rig, 1, payload, VMBUS_PAYLOAD_MAX, &signal), 0);
    rig_close(&rig);
    free(payload);
}

static void an_empty_ring_gives_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct vmbus_packet packet;
    uint8_t buffer[64];
    bool signal;
    rig_open(&rig, 2);
    assert_int_equal(vmbus_ring_receive(&rig.consumer, &packet, buffer, sizeof buffer, &signal), -EAGAIN);
    assert_false(signal);
    assert_false(vmbus_ring_has_data(&rig.consumer));
    rig_close(&rig);
}

static void a_packet_longer_than_the_buffer_is_consumed_and_named(void **state)
{
    (void)state;
    struct rig rig;
    struct vmbus_packet packet;
    uint8_t payload[64] = {0}, buffer[64];
    bool signal;
    rig_open(&rig, 2);
    memset(buffer, 0xEE, sizeof buffer);
    assert_int_equal(send(&rig, 77, payload, 64, &signal), 0);
    assert_int_equal(send(&rig, 78, payload, 8, &signal), 0);
    assert_int_equal(vmbus_ring_receive(&rig.consumer, &packet, buffer, 63, &signal), -EMSGSIZE);
    assert_true(packet.transaction_id == 77);
    assert_int_equal(packet.length, 64);
    for (unsigned i = 0; i < sizeof buffer; i++)
        assert_int_equal(buffer[i], 0xEE);
    assert_int_equal(vmbus_ring_receive(&rig.consumer, &packet, buffer, 63, &signal), 8);
    assert_true(packet.transaction_id == 78);
    rig_close(&rig);
}

/* ---- signals ---------------------------------------------------------------------------------------------------- */

static void the_consumer_is_signalled_only_for_the_packet_that_ends_an_empty_unmasked_ring(void **state)
{
    (void)state;
    struct rig rig;
    bool signal;
    uint8_t payload[8] = {0}, buffer[8];
    struct vmbus_packet packet;
    rig_open(&rig, 2);
    assert_int_equal(send(&rig, 1, payload, 8, &signal), 0);
    assert_true(signal);
    assert_int_equal(send(&rig, 2, payload, 8, &signal), 0);
    assert_false(signal);
    vmbus_ring_receive(&rig.consumer, &packet, buffer, 8, &signal);
    vmbus_ring_receive(&rig.consumer, &packet, buffer, 8, &signal);
    assert_false(vmbus_ring_mask(&rig.consumer, true));
    assert_int_equal(rig.producer.header->interrupt_mask, 1);
    assert_int_equal(send(&rig, 3, payload, 8, &signal), 0);
    assert_false(signal);
    assert_true(vmbus_ring_mask(&rig.consumer, false));
    assert_int_equal(rig.producer.header->interrupt_mask, 0);
    rig_close(&rig);
}

static void fill_ring(struct rig *rig, uint32_t length)
{
    static uint8_t payload[512];
    bool signal;
    while (send(rig, 1, payload, length, &signal) == 0)
        continue;
}

static void the_producer_is_signalled_once_when_the_room_it_waits_for_appears(void **state)
{
    (void)state;
    struct rig rig;
    bool signal;
    uint8_t payload[400] = {0}, buffer[400];
    struct vmbus_packet packet = {VMBUS_PACKET_DATA, 0, 0, 400}, got;
    rig_open(&rig, 2);
    fill_ring(&rig, 40);
    assert_int_equal(vmbus_ring_send(&rig.producer, &packet, payload, true, &signal), -EAGAIN);
    assert_int_equal(rig.producer.header->pending_send_sz, vmbus_ring_space(400));
    unsigned signals = 0, reads = 0;
    while (vmbus_ring_receive(&rig.consumer, &got, buffer, sizeof buffer, &signal) >= 0) {
        reads++;
        signals += signal;
        if (signal)
            assert_true(vmbus_ring_has_room(&rig.producer, 400) > 0);
        if (signal)
            break;
    }
    assert_int_equal(signals, 1);
    assert_in_range(reads, 6, 8);
    assert_int_equal(rig.producer.header->pending_send_sz, 0);
    assert_int_equal(vmbus_ring_send(&rig.producer, &packet, payload, true, &signal), 0);
    rig_close(&rig);
}

static void asking_for_room_in_vain_sets_the_pending_size_and_finding_it_clears_it(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t buffer[400];
    struct vmbus_packet got;
    bool signal;
    rig_open(&rig, 2);
    fill_ring(&rig, 40);
    assert_int_equal(vmbus_ring_has_room(&rig.producer, 40), 0);
    assert_int_equal(rig.producer.header->pending_send_sz, vmbus_ring_space(40));
    vmbus_ring_receive(&rig.consumer, &got, buffer, sizeof buffer, &signal);
    vmbus_ring_receive(&rig.consumer, &got, buffer, sizeof buffer, &signal);
    assert_true(vmbus_ring_has_room(&rig.producer, 40) > 0);
    assert_int_equal(rig.producer.header->pending_send_sz, 0);
    rig_close(&rig);
}

static void without_the_feature_bit_nobody_is_told_about_room(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t buffer[400];
    struct vmbus_packet got;
    bool signal;
    rig_open(&rig, 2);
    rig.producer.header->features = 0;
    fill_ring(&rig, 40);
    assert_int_equal(vmbus_ring_has_room(&rig.producer, 40), 0);
    while (vmbus_ring_receive(&rig.consumer, &got, buffer, sizeof buffer, &signal) >= 0)
        assert_false(signal);
    rig_close(&rig);
}

static void odd_and_huge_pending_sizes_cost_only_the_producers_own_signals(void **state)
{
    static const uint32_t pending[] = {1, 7, 4095, 4096, UINT32_MAX, 0x80000000};
    (void)state;
    for (unsigned i = 0; i < sizeof pending / sizeof pending[0]; i++) {
        struct rig rig;
        uint8_t buffer[64];
        struct vmbus_packet got;
        bool signal;
        rig_open(&rig, 2);
        assert_int_equal(send(&rig, 1, buffer, 8, &signal), 0);
        rig.producer.header->pending_send_sz = pending[i];
        assert_int_equal(vmbus_ring_receive(&rig.consumer, &got, buffer, sizeof buffer, &signal), 8);
        assert_int_equal(rig.producer.header->read_index, 32);
        rig_close(&rig);
    }
}

/* ---- attach ----------------------------------------------------------------------------------------------------- */

static void attaching_checks_pages_and_indices(void **state)
{
    (void)state;
    struct rig rig;
    struct vmbus_ring ring;
    static const uint32_t bad[] = {4, 1, 4096, 4100, UINT32_MAX};
    rig_open(&rig, 2);
    assert_int_equal(vmbus_ring_attach(&ring, NULL, 2, VMBUS_CONSUMER), -EINVAL);
    assert_int_equal(vmbus_ring_attach(&ring, rig.memory, 1, VMBUS_CONSUMER), -EINVAL);
    assert_int_equal(vmbus_ring_attach(&ring, rig.memory, 0, VMBUS_CONSUMER), -EINVAL);
    assert_int_equal(vmbus_ring_attach(&ring, rig.memory, UINT32_MAX, VMBUS_CONSUMER), -EINVAL);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        rig_at(&rig, 0);
        rig.producer.header->write_index = bad[i];
        assert_int_equal(vmbus_ring_attach(&ring, rig.memory, 2, VMBUS_CONSUMER), -EPROTO);
        rig_at(&rig, 0);
        rig.producer.header->read_index = bad[i];
        assert_int_equal(vmbus_ring_attach(&ring, rig.memory, 2, VMBUS_PRODUCER), -EPROTO);
    }
    rig_close(&rig);
}

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
    assert_int_equal(send(&rig, 1, payload, 40, &signal), 0);
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
    assert_int_equal(send(&rig, 1, payload, 40, &signal), 0);
    assert_int_equal(send(&rig, 2, payload, 40, &signal), 0);
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
        assert_int_equal(send(&rig, 1, payload, 40, &signal), 0);
        rig.producer.header->read_index = bad[i];
        assert_int_equal(send(&rig, 1, payload, 40, &signal), -EPROTO);
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
    assert_int_equal(send(&rig, 1, payload, 40, &signal), 0);
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
        fill(payload, packet.length, i);
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
    fill(expected, length_of(number), number);
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
        cmocka_unit_test(packets_of_every_length_arrive_unchanged_at_every_offset),
        cmocka_unit_test(descriptor_and_trailer_stand_as_documented),
        cmocka_unit_test(packet_sizes_are_those_of_the_table),
        cmocka_unit_test(a_full_ring_keeps_eight_bytes_free_and_takes_no_more),
        cmocka_unit_test(what_never_fits_is_refused_and_changes_nothing),
        cmocka_unit_test(an_empty_ring_gives_nothing),
        cmocka_unit_test(a_packet_longer_than_the_buffer_is_consumed_and_named),
        cmocka_unit_test(the_consumer_is_signalled_only_for_the_packet_that_ends_an_empty_unmasked_ring),
        cmocka_unit_test(the_producer_is_signalled_once_when_the_room_it_waits_for_appears),
        cmocka_unit_test(asking_for_room_in_vain_sets_the_pending_size_and_finding_it_clears_it),
        cmocka_unit_test(without_the_feature_bit_nobody_is_told_about_room),
        cmocka_unit_test(odd_and_huge_pending_sizes_cost_only_the_producers_own_signals),
        cmocka_unit_test(attaching_checks_pages_and_indices),
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
