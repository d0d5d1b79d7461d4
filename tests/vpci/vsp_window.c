/* SPDX-License-Identifier: MIT
 *
 * The configuration window (vpci-wire.md 2.3, 6.5), and a PF driver that is slow, fails or goes.
 */
#include "raw_guest.h"

struct window_row {
    const char *row;
    bool write;
    uint64_t address;
    uint32_t size;
};

static void accesses_that_are_none_read_all_ones_and_drop_writes(void **state)
{
    struct raw_pair *f = *state;
    static const struct window_row rows[] = {
        {"selector read", false, WINDOW, 4},
        {"selector of 2 bytes", true, WINDOW, 2},
        {"selector beside its place", true, WINDOW + 4, 4},
        {"page 0 elsewhere", false, WINDOW + 0x800, 4},
        {"size 8", false, WINDOW + 0x1000, 8},
        {"size 8, write", true, WINDOW + 0x1010, 8},
        {"size 0", false, WINDOW + 0x1000, 0},
        {"size 3", true, WINDOW + 0x1010, 3},
        {"size 4 GiB", false, WINDOW + 0x1000, 0xFFFFFFFF},
        {"straddles a dword", true, WINDOW + 0x1012, 4},
        {"straddles a dword, word", true, WINDOW + 0x1013, 2},
        {"straddles the page", false, WINDOW + 0x0FFF, 2},
        {"straddles the end", false, WINDOW + 0x1FFE, 4},
        {"behind the window", false, WINDOW + 0x2000, 4},
        {"before the window", false, WINDOW - 4, 4},
        {"far away", true, 0xFFFFFFFFFFFFFFFC, 4},
        {"at 0", true, 0, 4},
    };
    raw_config_write(f->guest, 0x10, 4, 0);
    fake_pf_clear_log(f->host->pf);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint64_t answer = raw_window(f->guest, rows[i].write, rows[i].address, rows[i].size, ~0ull);
        if (!rows[i].write && answer != UINT64_MAX)
            fail_msg("%s: %llx", rows[i].row, (unsigned long long)answer);
    }
    assert_int_equal(fake_pf_logged(f->host->pf), 0);
    assert_int_equal(raw_config_read(f->guest, 0x10, 4), 0x0000000C);
    assert_true(raw_alive(f->guest));
}

static void an_unknown_slot_reads_all_ones_and_drops_writes(void **state)
{
    struct raw_pair *f = *state;
    static const uint32_t slots[] = {1, 0x20, 0xFF, 0x100, 0xFFFFFFFF};
    for (unsigned i = 0; i < 5; i++) {
        raw_window(f->guest, true, WINDOW, 4, slots[i]);
        assert_true(raw_window(f->guest, false, WINDOW + 0x1000, 4, 0) == UINT64_MAX);
        raw_window(f->guest, true, WINDOW + 0x1010, 4, 0xFFFFFFFF);
    }
    assert_int_equal(raw_config_read(f->guest, 0x10, 4), 0x0000000C);
}

static void window_is_dead_before_d0_after_exit_and_after_the_end(void **state)
{
    struct raw_pair *f = *state;
    raw_d0_exit(f->guest);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    vsp_channel_eject(f->guest->channel, 0);
    raw_wait_ended(f->guest);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
}

static void config_accesses_pass_with_their_size_and_the_statistics_count_them(void **state)
{
    struct raw_pair *f = *state;
    struct vsp_stats before = raw_stats(f->guest), after;
    struct fake_oid oid;
    raw_config_write(f->guest, 0x04, 2, 4);
    assert_int_equal(fake_pf_seen(f->host->pf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, &oid), 1);
    assert_int_equal(oid.vf, vstack_vf_id(f->guest->vf));
    assert_int_equal(oid.length, 2);
    assert_int_equal(raw_config_read(f->guest, 0x04, 4), 0x00100004);
    after = raw_stats(f->guest);
    assert_true(after.window_reads == before.window_reads + 1);
    assert_true(after.window_writes == before.window_writes + 3);
}

/* ---- a PF driver that is slow, fails or goes ---------------------------------------------------------------- */

static void a_window_access_waits_for_the_pf_driver_while_others_go_on(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_window_access access = {.address = WINDOW + 0x1004, .size = 4};
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    uint64_t answer;
    raw_window(f->guest, true, WINDOW, 4, 0);
    f->host->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_SPACE;
    if (vpci_window_post(&f->guest->window, &access))
        vmbus_guest_signal(f->guest->guest);
    fake_pf_wait_pended(f->host->pf);
    assert_int_equal(raw_request(f->guest, &query, sizeof query, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_request(f->second, &query, sizeof query, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->second, 0, 2), 0x8086);
    f->host->pf->pend_oid = 0;
    fake_pf_complete(f->host->pf, NDIS_STATUS_SUCCESS);
    assert_int_equal(vpci_window_wait(&f->guest->window, 100, 20000, &answer), 0);
    assert_int_equal((uint32_t)answer, 0x00100000);
}

/* 6.4: "concurrent" accesses are the guest's own problem, not the host's memory's. */
static void a_second_access_before_the_answer_waits_its_turn(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_window_access one = {.address = WINDOW + 0x1004, .size = 4};
    struct vpci_window_access two = {.address = WINDOW + 0x1000, .size = 4};
    uint64_t answer;
    raw_window(f->guest, true, WINDOW, 4, 0);
    f->host->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_SPACE;
    if (vpci_window_post(&f->guest->window, &one))
        vmbus_guest_signal(f->guest->guest);
    fake_pf_wait_pended(f->host->pf);
    if (vpci_window_post(&f->guest->window, &two))
        vmbus_guest_signal(f->guest->guest);
    assert_int_equal(raw_config_read(f->second, 0, 2), 0x8086); /* the worker has come round */
    f->host->pf->pend_oid = 0;
    fake_pf_complete(f->host->pf, NDIS_STATUS_SUCCESS);
    assert_int_equal(vpci_window_wait(&f->guest->window, 100, 20000, &answer), 0);
    assert_int_equal((uint32_t)answer, 0x10CA8086);
}

static void post_block_read(struct raw_guest *raw, uint64_t id)
{
    struct vpci_read_block read = {.type = VPCI_READ_BLOCK_MESSAGE, .block_id = 1, .bytes_requested = 8};
    raw_send(raw, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, &read, sizeof read);
}

static void completions_come_when_the_pf_driver_answers_and_messages_pass_by(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    f->host->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    post_block_read(f->guest, 900);
    post_block_read(f->guest, 901);
    fake_pf_wait_pended(f->host->pf);
    assert_int_equal(raw_request(f->guest, &query, sizeof query, NULL), VPCI_STATUS_SUCCESS);
    fake_pf_complete(f->host->pf, NDIS_STATUS_SUCCESS);
    raw_completion(f->guest, 900, &reply);
    assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
    fake_pf_complete(f->host->pf, NDIS_STATUS_FAILURE);
    raw_completion(f->guest, 901, &reply);
    assert_int_equal(reply.dwords[0], (uint32_t)NDIS_STATUS_FAILURE);
    f->host->pf->pend_oid = 0;
}

/* Each exactly once; in any order, for the PF driver's thread and the worker both bring them. */
static void a_storm_of_block_requests_stays_in_the_ring_and_is_all_answered(void **state)
{
    struct raw_pair *f = *state;
    uint64_t seen = 0;
    f->host->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    for (unsigned i = 0; i < 60; i++)
        post_block_read(f->guest, 1000 + i);
    fake_pf_wait_pended(f->host->pf);
    f->host->pf->pend_oid = 0;
    fake_pf_complete(f->host->pf, NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 60; i++) {
        struct reply reply;
        uint64_t id = raw_next_completion(f->guest, &reply) - 1000;
        assert_true(id < 60 && !(seen >> id & 1));
        assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
        seen |= 1ull << id;
    }
    assert_true(raw_alive(f->guest));
}

static void close_with_requests_at_the_pf_driver_drops_their_late_completion(void **state)
{
    struct raw_pair *f = *state;
    f->host->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    post_block_read(f->guest, 900);
    fake_pf_wait_pended(f->host->pf);
    vmbus_guest_close(f->guest->guest);
    raw_open(f->guest, 5, 5);
    f->host->pf->pend_oid = 0;
    f->guest->queued = 0;
    assert_int_equal(raw_version(f->guest, VPCI_VERSION_1_2), VPCI_STATUS_SUCCESS);
    fake_pf_complete(f->host->pf, NDIS_STATUS_SUCCESS);
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_assign(f->guest), VPCI_STATUS_SUCCESS);
    assert_true(raw_alive(f->guest)); /* raw_completion would have met a foreign id */
    assert_int_equal(raw_ended(f->guest), 0);
}

static void removal_of_the_pf_rescinds_every_channel(void **state)
{
    struct raw_pair *f = *state;
    vstack_pf_removed(f->host->stack);
    raw_wait_ended(f->guest);
    raw_wait_ended(f->second);
    assert_false(f->guest->orderly || f->second->orderly);
    raw_wait_gone(f->guest);
    raw_wait_gone(f->second);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    raw_guest_destroy(f->guest);
    raw_guest_destroy(f->second);
    raw_host_destroy(f->host);
    free(f);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up_d0, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(accesses_that_are_none_read_all_ones_and_drop_writes),
        CASE(an_unknown_slot_reads_all_ones_and_drops_writes),
        CASE(window_is_dead_before_d0_after_exit_and_after_the_end),
        CASE(config_accesses_pass_with_their_size_and_the_statistics_count_them),
        CASE(a_window_access_waits_for_the_pf_driver_while_others_go_on),
        CASE(a_second_access_before_the_answer_waits_its_turn),
        CASE(completions_come_when_the_pf_driver_answers_and_messages_pass_by),
        CASE(a_storm_of_block_requests_stays_in_the_ring_and_is_all_answered),
        CASE(close_with_requests_at_the_pf_driver_drops_their_late_completion),
        cmocka_unit_test_setup(removal_of_the_pf_rescinds_every_channel, raw_pair_set_up_d0),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
