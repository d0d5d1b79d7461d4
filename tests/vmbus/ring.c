/* SPDX-License-Identifier: MIT
 *
 * Rings: every offset of the wrap, full and empty, sizes that are no power of two, signals (vpci-wire.md 3.6, 3.7).
 */
#include "ring_rig.h"

#include <errno.h>

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
                rig_fill(sent, lengths[i], offset + i);
                /* Old bytes must not come through as padding. */
                assert_int_equal(rig_send(&rig, offset + i + 1, sent, lengths[i], &signal), 0);
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
    assert_int_equal(rig_send(&rig, 0x0102030405060708, "\xAA\xBB\xCC", 3, &signal), 0);
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
            assert_int_equal(rig_send(&rig, 1, payload, 512, &signal), 0);
            sent += vmbus_ring_space(512);
        }
        /* Exactly one packet that leaves 8 bytes, but not one that would leave none. */
        struct vmbus_ring_header before = *rig.producer.header;
        assert_int_equal(rig_send(&rig, 1, payload, rest - 24, &signal), -EAGAIN);
        assert_memory_equal(&before, rig.producer.header, sizeof before);
        assert_int_equal(rig_send(&rig, 1, payload, rest - 24 - 8, &signal), 0);
        assert_int_equal(rig_send(&rig, 1, payload, 0, &signal), -EAGAIN);
        assert_false(signal);
        assert_int_equal(vmbus_ring_has_room(&rig.producer, 0), 0);
        rig_close(&rig);
    }
}

/* Up to one that is larger than the longest packet. */
static void a_ring_is_drained_when_all_was_read_whatever_its_size(void **state)
{
    static const uint32_t pages[] = {2, 4, 129, 130, 258};
    (void)state;
    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        struct rig rig;
        struct vmbus_packet packet;
        uint8_t bytes[8] = {1};
        bool signal;
        rig_open(&rig, pages[i]);
        rig_at(&rig, rig.producer.size - 16);
        assert_int_equal(vmbus_ring_is_drained(&rig.producer), 1);
        assert_int_equal(rig_send(&rig, 1, bytes, 8, &signal), 0);
        assert_int_equal(rig_send(&rig, 2, bytes, 0, &signal), 0);
        assert_int_equal(vmbus_ring_is_drained(&rig.producer), 0);
        assert_int_equal(rig.producer.header->pending_send_sz, rig.producer.size - 8);
        assert_int_equal(vmbus_ring_receive(&rig.consumer, &packet, bytes, 8, &signal), 8);
        assert_false(signal);
        assert_int_equal(vmbus_ring_is_drained(&rig.producer), 0);
        assert_int_equal(vmbus_ring_receive(&rig.consumer, &packet, bytes, 8, &signal), 0);
        assert_true(signal);
        assert_int_equal(vmbus_ring_is_drained(&rig.producer), 1);
        assert_int_equal(rig.producer.header->pending_send_sz, 0);
        rig.producer.header->read_index = rig.producer.size;
        assert_int_equal(vmbus_ring_is_drained(&rig.producer), -EPROTO);
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
    assert_int_equal(rig_send(&rig, 1, payload, 4096 - 24, &signal), -EMSGSIZE);
    assert_int_equal(vmbus_ring_has_room(&rig.producer, 4096 - 24), -EMSGSIZE);
    assert_int_equal(rig_send(&rig, 1, payload, UINT32_MAX, &signal), -EMSGSIZE);
    assert_memory_equal(&before, rig.producer.header, sizeof before);
    assert_int_equal(rig_send(&rig, 1, payload, 4096 - 24 - 8, &signal), 0);
    rig_close(&rig);
    rig_open(&rig, 200);
    assert_int_equal(rig_send(&rig, 1, payload, VMBUS_PAYLOAD_MAX + 1, &signal), -EMSGSIZE);
    assert_int_equal(rig_send(&rig, 1, payload, VMBUS_PAYLOAD_MAX, &signal), 0);
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
    assert_int_equal(rig_send(&rig, 77, payload, 64, &signal), 0);
    assert_int_equal(rig_send(&rig, 78, payload, 8, &signal), 0);
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
    assert_int_equal(rig_send(&rig, 1, payload, 8, &signal), 0);
    assert_true(signal);
    assert_int_equal(rig_send(&rig, 2, payload, 8, &signal), 0);
    assert_false(signal);
    vmbus_ring_receive(&rig.consumer, &packet, buffer, 8, &signal);
    vmbus_ring_receive(&rig.consumer, &packet, buffer, 8, &signal);
    assert_false(vmbus_ring_mask(&rig.consumer, true));
    assert_int_equal(rig.producer.header->interrupt_mask, 1);
    assert_int_equal(rig_send(&rig, 3, payload, 8, &signal), 0);
    assert_false(signal);
    assert_true(vmbus_ring_mask(&rig.consumer, false));
    assert_int_equal(rig.producer.header->interrupt_mask, 0);
    rig_close(&rig);
}

static void fill_ring(struct rig *rig, uint32_t length)
{
    static uint8_t payload[512];
    bool signal;
    while (rig_send(rig, 1, payload, length, &signal) == 0)
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
        assert_int_equal(rig_send(&rig, 1, buffer, 8, &signal), 0);
        rig.producer.header->pending_send_sz = pending[i];
        assert_int_equal(vmbus_ring_receive(&rig.consumer, &got, buffer, sizeof buffer, &signal), 8);
        assert_int_equal(rig.producer.header->read_index, 32);
        rig_close(&rig);
    }
}

/* ---- hints ------------------------------------------------------------------------------------------------------ */

/* Also where the lines that they name lie behind the ring. */
static void a_hint_changes_nothing_at_any_offset(void **state)
{
    struct rig rig;
    static uint8_t before[2 * VMBUS_PAGE];
    (void)state;
    rig_open(&rig, 2);
    for (uint32_t offset = 0; offset < rig.producer.size; offset += 8) {
        rig_at(&rig, offset);
        struct vmbus_ring producer = rig.producer, consumer = rig.consumer;
        memcpy(before, rig.memory, sizeof before);
        vmbus_ring_warm_send(&rig.producer, UINT32_MAX);
        vmbus_ring_warm_send(&rig.producer, 0);
        vmbus_ring_warm_room(&rig.producer);
        vmbus_ring_warm_receive(&rig.consumer);
        assert_memory_equal(rig.memory, before, sizeof before);
        assert_memory_equal(&rig.producer, &producer, sizeof producer);
        assert_memory_equal(&rig.consumer, &consumer, sizeof consumer);
    }
    rig_close(&rig);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_of_every_length_arrive_unchanged_at_every_offset),
        cmocka_unit_test(descriptor_and_trailer_stand_as_documented),
        cmocka_unit_test(packet_sizes_are_those_of_the_table),
        cmocka_unit_test(a_full_ring_keeps_eight_bytes_free_and_takes_no_more),
        cmocka_unit_test(a_ring_is_drained_when_all_was_read_whatever_its_size),
        cmocka_unit_test(what_never_fits_is_refused_and_changes_nothing),
        cmocka_unit_test(an_empty_ring_gives_nothing),
        cmocka_unit_test(a_packet_longer_than_the_buffer_is_consumed_and_named),
        cmocka_unit_test(the_consumer_is_signalled_only_for_the_packet_that_ends_an_empty_unmasked_ring),
        cmocka_unit_test(the_producer_is_signalled_once_when_the_room_it_waits_for_appears),
        cmocka_unit_test(asking_for_room_in_vain_sets_the_pending_size_and_finding_it_clears_it),
        cmocka_unit_test(without_the_feature_bit_nobody_is_told_about_room),
        cmocka_unit_test(a_hint_changes_nothing_at_any_offset),
        cmocka_unit_test(odd_and_huge_pending_sizes_cost_only_the_producers_own_signals),
        cmocka_unit_test(attaching_checks_pages_and_indices),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
