/* SPDX-License-Identifier: MIT
 *
 * Invalidation and back-pressure (vpci-wire.md 3.7, 6.4, 6.6): what waits, waits without being lost.
 */
#include "raw_guest.h"

#include <errno.h>
#include <sched.h>

/* ---- invalidation ------------------------------------------------------------------------------------------- */

static ULONG64 next_mask(struct raw_guest *raw)
{
    struct vpci_invalidate_block block;
    struct reply reply;
    raw_in_band(raw, VPCI_INVALIDATE_BLOCK, &reply);
    assert_int_equal(reply.length, 16);
    memcpy(&block, reply.bytes, sizeof block);
    assert_int_equal(block.slot, 0);
    return block.block_mask;
}

static void masks_reach_the_guest_bit_63_and_all_ones_too_and_0_does_not(void **state)
{
    struct raw_pair *f = *state;
    static const ULONG64 masks[] = {1, 0x8000000000000000, ~0ull};
    for (unsigned i = 0; i < 3; i++) {
        fake_pf_invalidate(f->host->pf, vstack_vf_id(f->guest->vf), masks[i]);
        assert_true(next_mask(f->guest) == masks[i]);
    }
    fake_pf_invalidate(f->host->pf, vstack_vf_id(f->guest->vf), 0);
    assert_true(raw_nothing(f->guest, VPCI_INVALIDATE_BLOCK));
    assert_true(raw_nothing(f->second, VPCI_INVALIDATE_BLOCK));
}

static void masks_coalesce_while_the_guest_does_not_read(void **state)
{
    struct raw_pair *f = *state;
    USHORT vf = vstack_vf_id(f->guest->vf);
    ULONG64 all = 0;
    uint64_t sent;
    for (unsigned i = 0; i < 64; i++)
        fake_pf_invalidate(f->host->pf, vf, 1ull << i);
    while (all != ~0ull)
        all |= next_mask(f->guest);
    sent = raw_stats(f->guest).invalidates_sent;
    for (unsigned i = 0; i < 1000; i++) { /* nobody reads: one lies in the ring, one waits */
        fake_pf_invalidate(f->host->pf, vf, 2);
        if (i % 100 == 0)
            assert_true(raw_alive(f->second)); /* the worker has come round */
    }
    assert_true(raw_stats(f->guest).invalidates_sent == sent + 1);
    assert_true(next_mask(f->guest) == 2);
    assert_true(next_mask(f->guest) == 2);
    fake_pf_invalidate(f->host->pf, vf, 4);
    assert_true(next_mask(f->guest) == 4);
    assert_true(raw_stats(f->guest).invalidates_sent == sent + 3);
}

/* Larger than the longest packet there can be. */
static void a_guest_with_a_large_ring_is_told_of_every_invalidation(void **state)
{
    struct raw_pair *f = *state;
    struct raw_guest *raw = raw_guest_create(f->host, 4);
    raw_connect(raw);
    raw_open(raw, 5, 257);
    raw_up(raw);
    for (unsigned i = 0; i < 3; i++) {
        fake_pf_invalidate(f->host->pf, vstack_vf_id(raw->vf), 1ull << i);
        assert_true(next_mask(raw) == 1ull << i);
    }
    raw_guest_destroy(raw);
}

static void masks_raised_before_d0_wait_for_it(void **state)
{
    struct raw_pair *f = *state;
    raw_d0_exit(f->guest);
    fake_pf_invalidate(f->host->pf, vstack_vf_id(f->guest->vf), 0x11);
    assert_true(raw_nothing(f->guest, VPCI_INVALIDATE_BLOCK));
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_true(next_mask(f->guest) == 0x11);
}

/* ---- back-pressure ------------------------------------------------------------------------------------------ */

static void requests_are_not_consumed_while_their_answers_find_no_room(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct vmbus_packet packet = {
        .type = VMBUS_PACKET_DATA, .flags = VMBUS_COMPLETION_REQUESTED, .length = sizeof query};
    struct reply reply;
    unsigned sent = 0, full = 0;
    while (full < 3) { /* the ring to the host stays full although the worker comes round */
        bool signal;
        packet.transaction_id = 5000 + sent;
        int result = vmbus_ring_send(vmbus_guest_out(f->guest->guest), &packet, &query, true, &signal);
        assert_true(result == 0 || result == -EAGAIN);
        if (signal)
            vmbus_guest_signal(f->guest->guest);
        sent += result == 0;
        if (result != 0)
            assert_true(raw_alive(f->second));
        full = result == 0 ? 0 : full + 1;
    }
    assert_true(sent > 16384 / 56); /* more than the ring to the guest holds answers */
    for (unsigned i = 0; i < sent; i++)
        raw_completion(f->guest, 5000 + i, &reply);
    assert_true(raw_alive(f->guest));
}

#define ENTRIES_FIT     200u
#define ENTRIES_NEVER   300u
#define ASSIGNED(count) (sizeof(struct vpci_resources_assigned) + (count)*VPCI_ASSIGNED_ENTRY1)

static void make_assigned(uint8_t *bytes, uint32_t count)
{
    struct vpci_resources_assigned head = {.type = VPCI_RESOURCES_ASSIGNED, .msi_count = count};
    struct vpci_interrupt one = {.vector = 0x30, .vector_count = 1, .cpu_mask = 1};
    memcpy(bytes, &head, sizeof head);
    for (uint32_t i = 0; i < count; i++)
        memcpy(bytes + sizeof head + i * sizeof one, &one, sizeof one);
}

static void an_answer_longer_than_the_room_waits_for_it_and_one_that_never_fits_is_refused(void **state)
{
    struct raw_pair *f = *state;
    static uint8_t fits[ASSIGNED(ENTRIES_FIT)], never[ASSIGNED(ENTRIES_NEVER)];
    struct raw_guest *small = raw_guest_create(f->host, 3);
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    uint64_t before;
    raw_connect(small);
    raw_open(small, 5, 2); /* 4,096 bytes of data to the guest */
    raw_up(small);
    make_assigned(fits, ENTRIES_FIT);
    make_assigned(never, ENTRIES_NEVER);
    before = raw_stats(small).messages;
    for (unsigned i = 0; i < 40; i++) /* 56 bytes of answer each: more than half the ring */
        raw_send(small, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 100 + i, &query, sizeof query);
    raw_send(small, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 200, fits, sizeof fits);
    raw_send(small, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 201, &query, sizeof query);
    while (raw_stats(small).messages < before + 41)
        sched_yield();
    assert_true(raw_alive(f->second));
    assert_true(raw_stats(small).messages == before + 41); /* nothing behind it is taken */
    for (unsigned i = 0; i < 40; i++)
        raw_completion(small, 100 + i, &reply);
    raw_completion(small, 200, &reply);
    assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, ASSIGNED(ENTRIES_FIT));
    raw_completion(small, 201, &reply);
    assert_int_equal(raw_request(small, never, sizeof never, NULL), VPCI_STATUS_BAD_DATA);
    assert_true(raw_alive(small));
    raw_guest_destroy(small);
}

/* ---- power and reset with requests at the PF driver ----------------------------------------------------------- */

static void post_read(struct raw_guest *guest, uint64_t id)
{
    struct vpci_read_block read = {.type = VPCI_READ_BLOCK_MESSAGE, .block_id = 1, .bytes_requested = 8};
    raw_send(guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, &read, sizeof read);
}

static void post_power(struct raw_guest *guest, uint64_t id, uint32_t target)
{
    struct vpci_power_state_change power = {.type = VPCI_POWER_STATE_CHANGE, .target = target};
    raw_send(guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, &power, sizeof power);
}

/* What was asked before, what asks for the power, what is asked after: each gets its own answer, in the order in which
 * the PF driver is asked, and it is asked one at a time. */
static void power_changes_with_requests_in_flight_answer_each(void **state)
{
    struct raw_pair *f = *state;
    struct fake_pf *pf = f->host->pf;
    for (unsigned turn = 0; turn < 20; turn++) {
        bool answered[6] = {0};
        fake_pf_clear_log(pf);
        pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
        post_read(f->guest, 900);
        fake_pf_wait_pended(pf);
        pf->pend_oid = 0;
        post_power(f->guest, 901, VPCI_POWER_D3);
        post_read(f->guest, 902);
        post_power(f->guest, 903, VPCI_POWER_D0);
        post_read(f->guest, 904);
        assert_int_equal(fake_pf_seen(pf, OID_SRIOV_SET_VF_POWER_STATE, NULL), 0); /* waits its turn */
        fake_pf_complete(pf, NDIS_STATUS_SUCCESS);
        for (unsigned i = 0; i < 5; i++) {
            struct reply reply;
            uint64_t id = raw_next_completion(f->guest, &reply);
            assert_true(id >= 900 && id < 905 && !answered[id - 900]);
            answered[id - 900] = true;
            assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
        }
        assert_int_equal(fake_pf_seen(pf, OID_SRIOV_SET_VF_POWER_STATE, NULL), 2);
        assert_int_equal(fake_pf_seen(pf, OID_SRIOV_READ_VF_CONFIG_BLOCK, NULL), 3);
        assert_true(raw_alive(f->guest) && raw_alive(f->second));
    }
}

/* The guest resets its VF through the window while the ring has requests: FLR waits its turn too. */
static void a_reset_with_requests_in_flight_answers_each(void **state)
{
    struct raw_pair *f = *state;
    struct fake_pf *pf = f->host->pf;
    struct vpci_window_access flr = {
        .address = WINDOW + VPCI_WINDOW_CONFIG + 0xA8, .size = 2, .is_write = true, .value = 0x8000};
    for (unsigned turn = 0; turn < 20; turn++) {
        uint64_t ignored;
        raw_config_write(f->guest, 0x04, 2, 6);
        fake_pf_clear_log(pf);
        pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
        post_read(f->guest, 900);
        fake_pf_wait_pended(pf);
        pf->pend_oid = 0;
        if (vpci_window_post(&f->guest->window, &flr))
            vmbus_guest_signal(f->guest->guest);
        post_read(f->guest, 901);
        post_power(f->guest, 902, VPCI_POWER_D0);
        fake_pf_complete(pf, NDIS_STATUS_SUCCESS);
        for (unsigned i = 0; i < 3; i++) {
            struct reply reply;
            uint64_t id = raw_next_completion(f->guest, &reply);
            assert_true(id >= 900 && id < 903);
            assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
        }
        assert_int_equal(vpci_window_wait(&f->guest->window, 100, 20000, &ignored), 0);
        assert_int_equal(raw_config_read(f->guest, 0x04, 2) & 4, 0); /* Bus Master went with it */
        assert_true(raw_alive(f->guest) && raw_alive(f->second));
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up_d0, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(masks_reach_the_guest_bit_63_and_all_ones_too_and_0_does_not),
        CASE(masks_coalesce_while_the_guest_does_not_read),
        CASE(a_guest_with_a_large_ring_is_told_of_every_invalidation),
        CASE(masks_raised_before_d0_wait_for_it),
        CASE(power_changes_with_requests_in_flight_answer_each),
        CASE(a_reset_with_requests_in_flight_answers_each),
        CASE(requests_are_not_consumed_while_their_answers_find_no_room),
        CASE(an_answer_longer_than_the_room_waits_for_it_and_one_that_never_fits_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
