/* SPDX-License-Identifier: MIT
 *
 * The VSP and its channels: the configuration window (vpci-wire.md 2.3, 6.5), broken rings (6.3), slow PF drivers,
 * invalidation, ejection, and every way a guest can leave. A second guest notices nothing of it, and nothing is left
 * over.
 */
#include "raw_guest.h"

#include <dirent.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

struct fixture {
    struct raw_host *host;
    struct raw_guest *guest, *second;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->host = raw_host_create(&fake_82576);
    f->guest = raw_guest_open(f->host, 1);
    f->second = raw_guest_open(f->host, 2);
    raw_up(f->guest);
    raw_up(f->second);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_true(raw_alive(f->second));
    raw_guest_destroy(f->guest);
    raw_guest_destroy(f->second);
    raw_host_destroy(f->host);
    free(f);
    return 0;
}

static unsigned open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* ---- the window
 * ------------------------------------------------------------------------------------------------------ */

struct window_row {
    const char *row;
    bool write;
    uint64_t address;
    uint32_t size;
};

static void window_accesses_that_are_none_read_all_ones_and_drop_writes(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    raw_d0_exit(f->guest);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    vsp_channel_eject(f->guest->channel, 0);
    raw_wait_ended(f->guest);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
}

static void config_accesses_pass_with_their_size_and_the_statistics_count_them(void **state)
{
    struct fixture *f = *state;
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

static void a_window_access_waits_for_a_slow_pf_driver_while_others_go_on(void **state)
{
    struct fixture *f = *state;
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

/* ---- slow, failing and removed PF
 * ------------------------------------------------------------------------------------ */

static void post_block_read(struct raw_guest *raw, uint64_t id)
{
    struct vpci_read_block read = {.type = VPCI_READ_BLOCK_MESSAGE, .block_id = 1, .bytes_requested = 8};
    raw_send(raw, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, &read, sizeof read);
}

static void completions_come_when_the_pf_driver_answers_and_messages_pass_by(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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

static void removal_of_the_pf_rescinds_both(void **state)
{
    struct fixture *f = *state;
    vstack_pf_removed(f->host->stack);
    raw_wait_ended(f->guest);
    raw_wait_ended(f->second);
    assert_false(f->guest->orderly);
    raw_wait_gone(f->guest);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    raw_guest_destroy(f->guest);
    raw_guest_destroy(f->second);
    raw_host_destroy(f->host);
    free(f);
}

/* ---- invalidation
 * ------------------------------------------------------------------------------------------------------ */

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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    USHORT vf = vstack_vf_id(f->guest->vf);
    ULONG64 all = 0;
    for (unsigned i = 0; i < 64; i++)
        fake_pf_invalidate(f->host->pf, vf, 1ull << i);
    while (all != ~0ull)
        all |= next_mask(f->guest);
    assert_true(raw_stats(f->guest).invalidates_sent <= 64);
    for (unsigned i = 0; i < 1000; i++) /* nobody reads: at most one lies in the ring */
        fake_pf_invalidate(f->host->pf, vf, 2);
    uint64_t sent = raw_stats(f->guest).invalidates_sent;
    assert_true(next_mask(f->guest) == 2);
    fake_pf_invalidate(f->host->pf, vf, 4);
    for (all = 0; !(all & 4);)
        all |= next_mask(f->guest);
    assert_true(raw_stats(f->guest).invalidates_sent <= sent + 2);
}

static void masks_raised_before_d0_wait_for_it(void **state)
{
    struct fixture *f = *state;
    raw_d0_exit(f->guest);
    fake_pf_invalidate(f->host->pf, vstack_vf_id(f->guest->vf), 0x11);
    assert_true(raw_nothing(f->guest, VPCI_INVALIDATE_BLOCK));
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_true(next_mask(f->guest) == 0x11);
}

/* ---- back-pressure
 * ----------------------------------------------------------------------------------------------------- */

static void requests_are_not_consumed_while_their_answers_find_no_room(void **state)
{
    struct fixture *f = *state;
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct vmbus_packet packet = {
        .type = VMBUS_PACKET_DATA, .flags = VMBUS_COMPLETION_REQUESTED, .length = sizeof query};
    struct reply reply;
    unsigned sent = 0, quiet = 0;
    bool signal;
    while (quiet < 2000) { /* until the ring to the host stays full, too */
        packet.transaction_id = 5000 + sent;
        int result = vmbus_ring_send(vmbus_guest_out(f->guest->guest), &packet, &query, true, &signal);
        assert_true(result == 0 || result == -EAGAIN);
        if (signal)
            vmbus_guest_signal(f->guest->guest);
        sent += result == 0;
        quiet = result == 0 ? 0 : quiet + 1;
        sched_yield();
    }
    assert_true(sent > 16384 / 56); /* more than the ring to the guest holds answers */
    assert_true(raw_alive(f->second));
    for (unsigned i = 0; i < sent; i++)
        raw_completion(f->guest, 5000 + i, &reply);
    assert_true(raw_alive(f->guest));
}

static void an_answer_longer_than_the_room_waits_for_it_and_one_that_never_fits_is_refused(void **state)
{
    struct fixture *f = *state;
    static uint8_t bytes[sizeof(struct vpci_resources_assigned) + 200 * VPCI_ASSIGNED_ENTRY1];
    struct raw_guest *small = raw_guest_create(f->host, 3);
    struct vpci_resources_assigned assigned = {.type = VPCI_RESOURCES_ASSIGNED, .msi_count = 200};
    struct vpci_interrupt one = {.vector = 0x30, .vector_count = 1, .cpu_mask = 1};
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    raw_connect(small);
    raw_open(small, 5, 2); /* 4,096 bytes of data to the guest */
    raw_up(small);
    for (unsigned i = 0; i < 200; i++)
        memcpy(bytes + sizeof assigned + i * sizeof one, &one, sizeof one);
    memcpy(bytes, &assigned, sizeof assigned);
    for (unsigned i = 0; i < 40; i++) /* 56 bytes of answer each: more than half the ring */
        raw_send(small, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 100 + i, &query, sizeof query);
    raw_send(small, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 200, bytes, sizeof bytes);
    raw_send(small, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 201, &query, sizeof query);
    while (raw_stats(small).messages < 44)
        sched_yield();
    for (unsigned i = 0; i < 40; i++)
        raw_completion(small, 100 + i, &reply);
    raw_completion(small, 200, &reply);
    assert_int_equal(reply.dwords[0], VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 136 + 3200);
    raw_completion(small, 201, &reply);
    static uint8_t more[sizeof(struct vpci_resources_assigned) + 300 * VPCI_ASSIGNED_ENTRY1];
    assigned.msi_count = 300;
    memcpy(more, &assigned, sizeof assigned);
    assert_int_equal(raw_request(small, more, sizeof more, NULL), VPCI_STATUS_BAD_DATA);
    assert_true(raw_alive(small));
    raw_guest_destroy(small);
}

/* ---- 6.3: a ring that is broken costs the channel
 * ------------------------------------------------------------------------ */

typedef void breaker(struct raw_guest *raw);

static void kick(struct raw_guest *raw)
{
    vmbus_guest_signal(raw->guest);
}

static void write_index_out_of_range(struct raw_guest *raw)
{
    vmbus_guest_out(raw->guest)->header->write_index = 0x100000;
    kick(raw);
}

static void write_index_unaligned(struct raw_guest *raw)
{
    vmbus_guest_out(raw->guest)->header->write_index += 3;
    kick(raw);
}

static void length_beyond_what_is_there(struct raw_guest *raw)
{
    struct vmbus_ring *ring = vmbus_guest_out(raw->guest);
    uint16_t descriptor[8] = {VMBUS_PACKET_DATA, 2, 0xFFFF, 1};
    memcpy(ring->data + ring->index, descriptor, sizeof descriptor);
    __atomic_store_n(&ring->header->write_index, (ring->index + 32) % ring->size, __ATOMIC_SEQ_CST);
    kick(raw);
}

static void offset_below_the_descriptor(struct raw_guest *raw)
{
    struct vmbus_ring *ring = vmbus_guest_out(raw->guest);
    uint16_t descriptor[8] = {VMBUS_PACKET_DATA, 1, 3, 1};
    memcpy(ring->data + ring->index, descriptor, sizeof descriptor);
    __atomic_store_n(&ring->header->write_index, (ring->index + 32) % ring->size, __ATOMIC_SEQ_CST);
    kick(raw);
}

static void packet_type(struct raw_guest *raw, uint16_t type)
{
    raw_send(raw, type, 0, 1, "12345678", 8);
}

static void transfer_pages(struct raw_guest *raw)
{
    packet_type(raw, VMBUS_PACKET_TRANSFER_PAGES);
}

static void gpadl_packet(struct raw_guest *raw)
{
    packet_type(raw, VMBUS_PACKET_GPADL);
}

static void gpa_direct(struct raw_guest *raw)
{
    packet_type(raw, VMBUS_PACKET_GPA_DIRECT);
}

static void completion_from_the_guest(struct raw_guest *raw)
{
    packet_type(raw, VMBUS_PACKET_COMPLETION);
}

static void type_0(struct raw_guest *raw)
{
    packet_type(raw, 0);
}

static void read_index_of_the_other_ring(struct raw_guest *raw)
{
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    vmbus_guest_in(raw->guest)->header->read_index = 0x7FFFFFF8;
    raw_post(raw, &query, sizeof query);
}

static void each_way_to_break_the_ring_ends_the_channel_and_no_other(void **state)
{
    static const struct {
        const char *row;
        breaker *breaks;
    } rows[] = {
        {"write_index out of range", write_index_out_of_range},
        {"write_index unaligned", write_index_unaligned},
        {"length beyond what is there", length_beyond_what_is_there},
        {"payload inside the descriptor", offset_below_the_descriptor},
        {"transfer pages", transfer_pages},
        {"GPADL packet", gpadl_packet},
        {"GPA direct", gpa_direct},
        {"completion", completion_from_the_guest},
        {"packet type 0", type_0},
        {"read_index of the ring to the guest", read_index_of_the_other_ring},
    };
    struct fixture *f = *state;
    unsigned files = 0;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct raw_guest *victim = raw_guest_open(f->host, 3);
        raw_up(victim);
        raw_config_write(victim, 0x04, 2, 6);
        fake_pf_clear_log(f->host->pf);
        rows[i].breaks(victim);
        raw_wait_ended(victim);
        if (victim->orderly)
            fail_msg("%s: in order?", rows[i].row);
        raw_wait_gone(victim);
        assert_int_equal(fake_pf_seen(f->host->pf, OID_SRIOV_RESET_VF, NULL), 1);
        assert_true(raw_alive(f->guest));
        raw_guest_destroy(victim);
        assert_true(!files || open_files() == files);
        files = open_files();
    }
}

/* ---- leaving
 * ------------------------------------------------------------------------------------------------------------- */

static void a_guest_that_closes_ends_in_order_and_its_vf_is_reset(void **state)
{
    struct fixture *f = *state;
    raw_config_write(f->guest, 0x04, 2, 4);
    fake_pf_clear_log(f->host->pf);
    raw_d0_exit(f->guest);
    vmbus_guest_destroy(f->guest->guest);
    f->guest->guest = NULL;
    raw_wait_ended(f->guest);
    assert_true(f->guest->orderly);
    assert_int_equal(fake_pf_seen(f->host->pf, OID_SRIOV_RESET_VF, NULL), 1);
    assert_int_equal(raw_ended(f->guest), 1);
    struct vstack_partition next = {.name = "next"};
    assert_int_equal(vstack_vf_attach(f->guest->vf, &next, NULL), STATUS_SUCCESS);
}

static void a_guest_that_closes_may_open_again_and_finds_its_vf_reset(void **state)
{
    struct fixture *f = *state;
    raw_config_write(f->guest, 0x04, 2, 6);
    vmbus_guest_close(f->guest->guest);
    raw_open(f->guest, 2, 9);
    raw_up(f->guest);
    assert_int_equal(raw_config_read(f->guest, 0x04, 4), 0x00100000);
    assert_true(raw_alive(f->guest));
    assert_int_equal(raw_ended(f->guest), 0);
}

static void a_guest_that_leaves_without_opening_ends_too(void **state)
{
    struct fixture *f = *state;
    struct raw_guest *shy = raw_guest_create(f->host, 3);
    raw_connect(shy);
    vmbus_guest_destroy(shy->guest);
    shy->guest = NULL;
    raw_wait_ended(shy);
    assert_false(shy->orderly);
    raw_guest_destroy(shy);
}

static void the_host_may_remove_a_channel_at_any_step(void **state)
{
    struct fixture *f = *state;
    for (unsigned step = 0; step < 6; step++) {
        struct raw_guest *raw = raw_guest_create(f->host, 3);
        if (step >= 1)
            raw_connect(raw);
        if (step >= 2)
            raw_open(raw, 5, 5);
        if (step >= 3)
            assert_int_equal(raw_version(raw, VPCI_VERSION_1_4), VPCI_STATUS_SUCCESS);
        if (step >= 4)
            assert_int_equal(raw_d0(raw, WINDOW), VPCI_STATUS_SUCCESS);
        if (step >= 5)
            assert_int_equal(raw_assign(raw), VPCI_STATUS_SUCCESS);
        vsp_channel_remove(raw->channel);
        assert_int_equal(raw_ended(raw), 1);
        assert_true(raw->orderly);
        if (raw->guest) {
            raw_wait_gone(raw);
            vmbus_guest_destroy(raw->guest);
        } else {
            close(raw->socket);
        }
        vstack_vf_free(raw->vf);
        free(raw);
    }
}

static void one_vf_one_channel(void **state)
{
    struct fixture *f = *state;
    struct vsp_channel_options options = {.name = "thief", .relid = 9};
    struct vsp_channel *channel;
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(vsp_channel_add(f->host->vsp, sockets[0], f->guest->vf, &options, &channel), -EBUSY);
    assert_int_equal(close(sockets[0]), 0); /* still the caller's */
    struct vstack_vf *vf = fake_pf_vf(f->host->stack);
    options.relid = 0;
    assert_int_equal(vsp_channel_add(f->host->vsp, sockets[1], vf, &options, &channel), -EINVAL);
    assert_int_equal(close(sockets[1]), 0);
    vstack_vf_free(vf);
}

/* ---- eject
 * --------------------------------------------------------------------------------------------------------------- */

static void eject_answered_ends_in_order_and_blocks_are_refused_meanwhile(void **state)
{
    struct fixture *f = *state;
    struct vpci_ejection_complete complete = {.type = VPCI_EJECTION_COMPLETE};
    struct reply reply;
    raw_config_write(f->guest, 0x10, 4, 0x4000);
    raw_config_write(f->guest, 0x14, 4, 0x30);
    raw_config_write(f->guest, 0x04, 2, 6);
    vsp_channel_eject(f->guest->channel, 60000);
    raw_in_band(f->guest, VPCI_EJECT, &reply);
    assert_int_equal(reply.dwords[1], 0);
    vsp_channel_eject(f->guest->channel, 60000); /* sent once */
    assert_true(raw_nothing(f->guest, VPCI_EJECT));
    assert_int_equal(raw_block_write(f->guest, 1, "x", 1), VPCI_STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(raw_config_read(f->guest, 0x04, 2), 6); /* BARs stay until the answer */
    fake_pf_invalidate(f->host->pf, vstack_vf_id(f->guest->vf), 1);
    assert_true(raw_nothing(f->guest, VPCI_INVALIDATE_BLOCK));
    complete.slot = 1;
    assert_int_equal(raw_request(f->guest, &complete, sizeof complete, NULL), VPCI_STATUS_BAD_DATA);
    complete.slot = 0;
    raw_post(f->guest, &complete, sizeof complete);
    raw_wait_ended(f->guest);
    assert_true(f->guest->orderly);
    raw_wait_gone(f->guest);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
}

static void eject_without_an_answer_ends_by_the_timer(void **state)
{
    struct fixture *f = *state;
    vsp_channel_eject(f->guest->channel, 20);
    raw_wait_ended(f->guest);
    assert_false(f->guest->orderly);
    assert_non_null(strstr(f->guest->reason, "no answer"));
    assert_int_equal(raw_ended(f->guest), 1);
}

static void eject_answered_by_close_ends_in_order(void **state)
{
    struct fixture *f = *state;
    vsp_channel_eject(f->guest->channel, 60000);
    vmbus_guest_close(f->guest->guest);
    raw_wait_ended(f->guest);
    assert_true(f->guest->orderly);
}

/* ---- killed
 * -------------------------------------------------------------------------------------------------------------- */

/* A guest process that works until it is killed; what it does is the same guest by hand. */
static pid_t start_process(int socket)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    struct raw_guest raw = {0};
    if (vmbus_guest_connect(socket, &raw.guest) || vmbus_guest_open(raw.guest, 5, 5))
        _exit(1);
    vpci_window_guest_init(&raw.window, vmbus_guest_window(raw.guest));
    raw_up(&raw);
    for (;;) {
        raw_config_write(&raw, 0x04, 2, 6);
        raw_block_write(&raw, 1, "0123456789", 10);
    }
}

static void guests_killed_in_the_middle_are_reset_and_leave_nothing(void **state)
{
    struct fixture *f = *state;
    unsigned files = 0;
    for (unsigned i = 0; i < 12; i++) {
        struct raw_guest *raw;
        int sockets[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
        pid_t pid = start_process(sockets[1]);
        assert_true(pid > 0);
        close(sockets[1]);
        raw = raw_guest_on(f->host, 3, sockets[0]);
        while (raw_stats(raw).messages < i * 5) /* killed further along each time */
            sched_yield();
        assert_int_equal(kill(pid, SIGKILL), 0);
        assert_int_equal(waitpid(pid, NULL, 0), pid);
        raw_wait_ended(raw);
        assert_false(raw->orderly);
        assert_true(raw_alive(f->guest));
        assert_true(vstack_take_invalidations(raw->vf) == 0);
        assert_int_equal(fake_pf_dword(f->host->pf, vstack_vf_id(raw->vf), 0x04), 0x00100000);
        raw_guest_destroy(raw);
        assert_true(!files || open_files() == files);
        files = open_files();
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(window_accesses_that_are_none_read_all_ones_and_drop_writes),
        CASE(an_unknown_slot_reads_all_ones_and_drops_writes),
        CASE(window_is_dead_before_d0_after_exit_and_after_the_end),
        CASE(config_accesses_pass_with_their_size_and_the_statistics_count_them),
        CASE(a_window_access_waits_for_a_slow_pf_driver_while_others_go_on),
        CASE(completions_come_when_the_pf_driver_answers_and_messages_pass_by),
        CASE(a_storm_of_block_requests_stays_in_the_ring_and_is_all_answered),
        CASE(close_with_requests_at_the_pf_driver_drops_their_late_completion),
        cmocka_unit_test_setup(removal_of_the_pf_rescinds_both, set_up),
        CASE(masks_reach_the_guest_bit_63_and_all_ones_too_and_0_does_not),
        CASE(masks_coalesce_while_the_guest_does_not_read),
        CASE(masks_raised_before_d0_wait_for_it),
        CASE(requests_are_not_consumed_while_their_answers_find_no_room),
        CASE(an_answer_longer_than_the_room_waits_for_it_and_one_that_never_fits_is_refused),
        CASE(each_way_to_break_the_ring_ends_the_channel_and_no_other),
        CASE(a_guest_that_closes_ends_in_order_and_its_vf_is_reset),
        CASE(a_guest_that_closes_may_open_again_and_finds_its_vf_reset),
        CASE(a_guest_that_leaves_without_opening_ends_too),
        CASE(the_host_may_remove_a_channel_at_any_step),
        CASE(one_vf_one_channel),
        CASE(eject_answered_ends_in_order_and_blocks_are_refused_meanwhile),
        CASE(eject_without_an_answer_ends_by_the_timer),
        CASE(eject_answered_by_close_ends_in_order),
        CASE(guests_killed_in_the_middle_are_reset_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
