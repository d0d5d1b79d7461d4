/* SPDX-License-Identifier: MIT
 *
 * Every way a channel ends: a broken ring (vpci-wire.md 6.3), close, eject, removal, SIGKILL. A second guest notices
 * nothing of it, and nothing is left over.
 */
#include "raw_guest.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <sched.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static unsigned open_files(void)
{
    DIR *directory = opendir("/proc/self/fd");
    unsigned count = 0;
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

/* ---- 6.3: a ring that is broken costs the channel ----------------------------------------------------------- */

static void write_index_out_of_range(struct raw_guest *raw)
{
    __atomic_store_n(&vmbus_guest_out(raw->guest)->header->write_index, 0x100000, __ATOMIC_SEQ_CST);
    vmbus_guest_signal(raw->guest);
}

static void write_index_unaligned(struct raw_guest *raw)
{
    __atomic_add_fetch(&vmbus_guest_out(raw->guest)->header->write_index, 3, __ATOMIC_SEQ_CST);
    vmbus_guest_signal(raw->guest);
}

static void publish_descriptor(struct raw_guest *raw, uint16_t offset8, uint16_t len8)
{
    struct vmbus_ring *ring = vmbus_guest_out(raw->guest);
    uint16_t descriptor[8] = {VMBUS_PACKET_DATA, offset8, len8, 1};
    memcpy(ring->data + ring->index, descriptor, sizeof descriptor); /* far from the end so early in a channel's life */
    __atomic_store_n(&ring->header->write_index, ring->index + 32, __ATOMIC_SEQ_CST);
    vmbus_guest_signal(raw->guest);
}

static void length_beyond_what_is_there(struct raw_guest *raw)
{
    publish_descriptor(raw, 2, 0xFFFF);
}

static void payload_inside_the_descriptor(struct raw_guest *raw)
{
    publish_descriptor(raw, 1, 3);
}

static void length_below_the_offset(struct raw_guest *raw)
{
    publish_descriptor(raw, 3, 2);
}

static void length_zero(struct raw_guest *raw)
{
    publish_descriptor(raw, 0, 0);
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
    __atomic_store_n(&vmbus_guest_in(raw->guest)->header->read_index, 0x7FFFFFF8, __ATOMIC_SEQ_CST);
    raw_post(raw, &query, sizeof query);
}

static const struct {
    const char *row;
    void (*breaks)(struct raw_guest *raw);
} breakages[] = {
    {"write_index out of range", write_index_out_of_range},
    {"write_index unaligned", write_index_unaligned},
    {"length beyond what is there", length_beyond_what_is_there},
    {"payload inside the descriptor", payload_inside_the_descriptor},
    {"length below the offset", length_below_the_offset},
    {"length zero", length_zero},
    {"transfer pages", transfer_pages},
    {"GPADL packet", gpadl_packet},
    {"GPA direct", gpa_direct},
    {"completion", completion_from_the_guest},
    {"packet type 0", type_0},
    {"read_index of the ring to the guest", read_index_of_the_other_ring},
};

static void each_way_to_break_the_ring_ends_the_channel_and_no_other(void **state)
{
    struct raw_pair *f = *state;
    unsigned files = 0;
    for (unsigned i = 0; i < sizeof breakages / sizeof breakages[0]; i++) {
        struct raw_guest *victim = raw_guest_open(f->host, 3);
        raw_up(victim);
        raw_config_write(victim, 0x04, 2, 6);
        fake_pf_clear_log(f->host->pf);
        breakages[i].breaks(victim);
        raw_wait_ended(victim);
        if (victim->orderly)
            fail_msg("%s: in order?", breakages[i].row);
        raw_wait_gone(victim);
        assert_int_equal(fake_pf_seen(f->host->pf, OID_SRIOV_RESET_VF, NULL), 1);
        assert_true(raw_alive(f->guest));
        raw_guest_destroy(victim);
        assert_true(!files || open_files() == files);
        files = open_files();
    }
}

/* ---- leaving ------------------------------------------------------------------------------------------------ */

static void a_guest_that_closes_ends_in_order_and_its_vf_is_reset(void **state)
{
    struct raw_pair *f = *state;
    struct vstack_partition next = {.name = "next"};
    raw_config_write(f->guest, 0x04, 2, 4);
    fake_pf_clear_log(f->host->pf);
    raw_d0_exit(f->guest);
    vmbus_guest_destroy(f->guest->guest);
    f->guest->guest = NULL;
    raw_wait_ended(f->guest);
    assert_true(f->guest->orderly);
    assert_int_equal(fake_pf_seen(f->host->pf, OID_SRIOV_RESET_VF, NULL), 1);
    assert_int_equal(vstack_vf_attach(f->guest->vf, &next, NULL), STATUS_SUCCESS);
    assert_int_equal(raw_ended(f->guest), 1);
}

static void a_guest_that_closes_may_open_again_and_finds_its_vf_reset(void **state)
{
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
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
        raw->channel = NULL;
        assert_int_equal(raw_ended(raw), 1);
        assert_true(raw->orderly);
        if (raw->guest)
            raw_wait_gone(raw);
        raw_guest_destroy(raw);
    }
}

static struct {
    struct raw_guest *other;
    _Atomic bool posted, freed;
} removal;

static void wait_until_freed(void *context, int result, uint64_t value)
{
    (void)context, (void)result, (void)value;
    while (!removal.freed)
        sched_yield();
}

/* The other's is posted last and looked at first. */
static void post_both(struct raw_guest *raw)
{
    const uint16_t processor = 0;
    const struct vsp_delivery target = {.vector = 0x30, .processor_count = 1, .processors = &processor};
    fake_pf_invalidate(raw->host->pf, vstack_vf_id(raw->vf), 1);
    assert_int_equal(vsp_retarget_later(removal.other->channel, 0, 0, &target, wait_until_freed, NULL), 0);
    removal.posted = true;
}

/* It ends on its worker, and is told of an invalidation while it lets go of its BAR: it is on the worker's list again.
 * It is freed before the worker gets there; what is freed is filled, so that a worker that found it would not get far.
 */
static void what_is_posted_to_a_channel_while_it_is_removed_is_dropped(void **state)
{
    struct raw_pair *f = *state;
    struct raw_guest *raw = raw_guest_open(f->host, 3);
    raw_up(raw);
    raw_config_write(raw, 0x10, 4, 0x4000);
    raw_config_write(raw, 0x14, 4, 0x20);
    raw_config_write(raw, 0x04, 2, 2);
    assert_true(raw_bar(raw, 0).mapped);
    removal.other = f->second;
    pthread_mutex_lock(&raw->lock);
    raw->unmapped = post_both;
    pthread_mutex_unlock(&raw->lock);
    mallopt(M_PERTURB, 0xA5);
    vsp_channel_remove(raw->channel);
    mallopt(M_PERTURB, 0);
    raw->channel = NULL;
    assert_true(removal.posted);
    removal.freed = true;
    assert_true(raw_alive(f->second)); /* of the same worker */
    raw_guest_destroy(raw);
}

static void one_vf_one_channel(void **state)
{
    struct raw_pair *f = *state;
    struct vsp_channel_options options = {.name = "thief", .relid = 9};
    struct vsp_channel *channel;
    struct vstack_vf *vf;
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    assert_int_equal(vsp_channel_add(f->host->vsp, sockets[0], f->guest->vf, &options, &channel), -EBUSY);
    assert_int_equal(close(sockets[0]), 0); /* still the caller's */
    vf = fake_pf_vf(f->host->stack);
    options.relid = 0;
    assert_int_equal(vsp_channel_add(f->host->vsp, sockets[1], vf, &options, &channel), -EINVAL);
    assert_int_equal(close(sockets[1]), 0);
    vstack_vf_free(vf);
}

/* ---- eject -------------------------------------------------------------------------------------------------- */

static void eject_answered_ends_in_order_and_blocks_are_refused_meanwhile(void **state)
{
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
    vsp_channel_eject(f->guest->channel, 20);
    raw_wait_ended(f->guest);
    assert_false(f->guest->orderly);
    assert_non_null(strstr(f->guest->reason, "no answer"));
    assert_int_equal(raw_ended(f->guest), 1);
}

static void eject_answered_by_close_ends_in_order(void **state)
{
    struct raw_pair *f = *state;
    struct reply reply;
    vsp_channel_eject(f->guest->channel, 60000);
    raw_in_band(f->guest, VPCI_EJECT, &reply);
    vmbus_guest_close(f->guest->guest);
    raw_wait_ended(f->guest);
    assert_true(f->guest->orderly);
}

/* ---- killed ------------------------------------------------------------------------------------------------- */

/* A guest process that works until it is killed. */
static pid_t start_process(int socket)
{
    struct raw_guest raw = {0};
    pid_t pid = fork();
    if (pid != 0)
        return pid;
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
    struct raw_pair *f = *state;
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
        assert_int_equal(fake_pf_dword(f->host->pf, vstack_vf_id(raw->vf), 0x04), 0x00100000);
        raw_guest_destroy(raw);
        assert_true(!files || open_files() == files);
        files = open_files();
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up_d0, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(each_way_to_break_the_ring_ends_the_channel_and_no_other),
        CASE(a_guest_that_closes_ends_in_order_and_its_vf_is_reset),
        CASE(a_guest_that_closes_may_open_again_and_finds_its_vf_reset),
        CASE(a_guest_that_leaves_without_opening_ends_too),
        CASE(the_host_may_remove_a_channel_at_any_step),
        CASE(what_is_posted_to_a_channel_while_it_is_removed_is_dropped),
        CASE(one_vf_one_channel),
        CASE(eject_answered_ends_in_order_and_blocks_are_refused_meanwhile),
        CASE(eject_without_an_answer_ends_by_the_timer),
        CASE(eject_answered_by_close_ends_in_order),
        CASE(guests_killed_in_the_middle_are_reset_and_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
