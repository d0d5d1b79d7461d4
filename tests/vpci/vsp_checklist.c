/* SPDX-License-Identifier: MIT
 *
 * The checklist of vpci-wire.md 9.4, by number. Each is the shortest guest that shows it; the corners have tests of
 * their own (vsp_messages.c, vsp_resources.c, vsp_flow.c, vsp_threats_*.c). Number 15 needs a PF driver that has its
 * blocks: tests/path/mlx5_script.c.
 */
#include "raw_guest.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

static struct vpci_translated_interrupt create(struct raw_guest *guest, uint32_t vector, uint32_t *status)
{
    struct vpci_create_interrupt3 request = {.type = VPCI_CREATE_INTERRUPT3,
                                             .interrupt = {.vector = vector, .vector_count = 1, .processor_count = 1}};
    struct vpci_create_interrupt_completion completion;
    struct reply reply;
    *status = raw_request(guest, &request, 82, &reply);
    memcpy(&completion, reply.bytes, sizeof completion);
    return completion.interrupt;
}

/* What Linux 6.1 sends, in its order, with its flags (1.7). */
static void checklist_1_linux_probe_with_relations_before_d0(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    struct vpci_header relations = {.type = VPCI_QUERY_BUS_RELATIONS};
    struct vpci_slot_message requirements = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    uint32_t status;
    assert_int_equal(raw_version(guest, VPCI_VERSION_1_4), VPCI_STATUS_SUCCESS);
    raw_post(guest, &relations, sizeof relations);
    raw_in_band(guest, VPCI_BUS_RELATIONS2, &reply);
    assert_int_equal(reply.dwords[1], 1);
    assert_int_equal(raw_request(guest, &requirements, sizeof requirements, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_assign(guest), VPCI_STATUS_SUCCESS);
    raw_config_write(guest, 0x04, 2, raw_config_read(guest, 0x04, 2) & ~2u);
    raw_config_write(guest, 0x10, 4, 0x20000000);
    raw_config_write(guest, 0x14, 4, 0x1);
    assert_int_equal(raw_config_read(guest, 0x00, 4), 0x10CA8086);
    raw_config_write(guest, 0x04, 2, 6); /* the driver binds */
    assert_true(raw_bar(guest, 0).mapped);
    create(guest, 0xEF, &status);
    assert_int_equal(status, VPCI_STATUS_SUCCESS);
    assert_true(raw_alive(guest));
}

static void checklist_2_versions_1_5_and_0_9_are_refused_then_1_4_succeeds(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    assert_int_equal(raw_version(guest, 0x00010005), VPCI_STATUS_REVISION_MISMATCH);
    assert_int_equal(raw_version(guest, 0x00000009), VPCI_STATUS_REVISION_MISMATCH);
    assert_int_equal(raw_version(guest, VPCI_VERSION_1_4), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
}

static void checklist_3_d0_again_elsewhere_exit_without_d0_released_twice(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    struct vpci_slot_message released = {.type = VPCI_RESOURCES_RELEASED};
    raw_version(guest, VPCI_VERSION_1_4);
    assert_int_equal(raw_d0_exit(guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(guest, WINDOW + 0x10000), VPCI_STATUS_SUCCESS);
    raw_post(guest, &released, sizeof released);
    raw_post(guest, &released, sizeof released);
    assert_int_equal(raw_d0_exit(guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(guest, 0, 2), 0x8086);
}

static void checklist_4_memory_enable_and_bar_rules(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    raw_up(guest);
    raw_config_write(guest, 0x10, 4, 0xFFFFFFFF);
    raw_config_write(guest, 0x14, 4, 0xFFFFFFFF);
    assert_int_equal(raw_config_read(guest, 0x10, 4), fake_82576.probed[0]);
    assert_int_equal(raw_config_read(guest, 0x14, 4), fake_82576.probed[1]);
    raw_config_write(guest, 0x10, 4, 0x00004000);
    raw_config_write(guest, 0x14, 4, 0x20);
    assert_int_equal(raw_config_read(guest, 0x10, 4), 0x0000400C); /* type bits preserved */
    raw_config_write(guest, 0x04, 2, 2);
    assert_true(raw_bar(guest, 0).guest_address == 0x2000004000);
    raw_config_write(guest, 0x10, 4, 0x00008000); /* ignored while MEM is set */
    assert_int_equal(raw_config_read(guest, 0x10, 4), 0x0000400C);
    raw_config_write(guest, 0x04, 2, 0);
    assert_false(raw_bar(guest, 0).mapped);
    assert_int_equal(raw_config_read(guest, 0x3D, 1), 0); /* INTPIN */
}

static void checklist_5_dummy_delete_real_and_the_495th(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    struct vpci_delete_interrupt delete = {.type = VPCI_DELETE_INTERRUPT};
    uint32_t status;
    raw_up(guest);
    delete.interrupt = create(guest, 0xEF, &status);
    assert_int_equal(status, VPCI_STATUS_SUCCESS);
    assert_true(delete.interrupt.vector_count >= 1);
    raw_post(guest, &delete, sizeof delete);
    for (unsigned i = 0; i < VPCI_INTERRUPTS_MAX; i++) {
        assert_true(create(guest, 0x26, &status).vector_count >= 1);
        assert_int_equal(status, VPCI_STATUS_SUCCESS);
    }
    create(guest, 0x26, &status);
    assert_true((int32_t)status < 0);
}

static void checklist_6_block_reads(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    static const uint32_t lengths[] = {1, 4, 5, 12, 127, 128};
    struct reply reply;
    raw_up(guest);
    fake_pf_fill_block(guest->host->pf, vstack_vf_id(guest->vf), 4, 0xEE);
    for (unsigned i = 0; i < 6; i++) {
        assert_int_equal(raw_block_read(guest, 4, lengths[i], &reply), VPCI_STATUS_SUCCESS);
        assert_int_equal(reply.length, (4 + lengths[i] + 7) / 8 * 8);
        for (uint32_t at = 4; at < reply.length; at++)
            assert_int_equal(reply.bytes[at], at < 4 + lengths[i] ? 0xEE : 0);
    }
    assert_int_equal(raw_block_read(guest, 4, 0, NULL), VPCI_STATUS_BAD_DATA);
    assert_int_equal(raw_block_read(guest, 4, 129, NULL), VPCI_STATUS_BAD_DATA);
}

static void checklist_7_block_writes_with_and_without_the_4_extra(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    raw_up(guest);
    for (unsigned i = 0; i < 4; i++) {
        uint32_t bytes[(16 + 132) / 4] = {VPCI_WRITE_BLOCK_MESSAGE, i, 0, i / 2 ? 128 : 1, 0xA5A5A5A5};
        struct fake_oid oid;
        assert_int_equal(raw_request(guest, bytes, 16 + bytes[3] + (i % 2 ? 4 : 0), NULL), VPCI_STATUS_SUCCESS);
        fake_pf_seen(guest->host->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, &oid);
        assert_int_equal(oid.length, bytes[3]);
    }
    uint32_t beyond[6] = {VPCI_WRITE_BLOCK_MESSAGE, 1, 0, 9};
    assert_int_equal(raw_request(guest, beyond, sizeof beyond, NULL), VPCI_STATUS_BAD_DATA);
}

static ULONG64 next_mask(struct raw_guest *guest)
{
    struct vpci_invalidate_block block;
    struct reply reply;
    raw_in_band(guest, VPCI_INVALIDATE_BLOCK, &reply);
    memcpy(&block, reply.bytes, sizeof block);
    return block.block_mask;
}

static void checklist_8_invalidate_masks(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    USHORT vf = vstack_vf_id(guest->vf);
    fake_pf_invalidate(guest->host->pf, vf, 0x10); /* before anybody listens */
    raw_up(guest);
    assert_true(next_mask(guest) == 0x10);
    fake_pf_invalidate(guest->host->pf, vf, 0);
    assert_true(raw_nothing(guest, VPCI_INVALIDATE_BLOCK));
    fake_pf_invalidate(guest->host->pf, vf, 1ull << 63);
    assert_true(next_mask(guest) == 1ull << 63);
    fake_pf_invalidate(guest->host->pf, vf, ~0ull);
    assert_true(next_mask(guest) == ~0ull);
    fake_pf_invalidate(guest->host->pf, vf, 1); /* lies in the ring until it is read */
    while (raw_stats(guest).invalidates_sent != 4)
        sched_yield();
    for (unsigned bit = 1; bit < 64; bit++)
        fake_pf_invalidate(guest->host->pf, vf, 1ull << bit);
    assert_true(raw_alive(((struct raw_pair *)*state)->second)); /* the worker has come round */
    assert_true(next_mask(guest) == 1);
    assert_true(next_mask(guest) == (~0ull & ~1ull)); /* one for all of them */
}

static struct raw_guest *mapped_guest(struct raw_host *host)
{
    struct raw_guest *guest = raw_guest_open(host, 3);
    raw_up(guest);
    raw_config_write(guest, 0x10, 4, 0x4000);
    raw_config_write(guest, 0x14, 4, 0x20);
    raw_config_write(guest, 0x04, 2, 2);
    assert_true(raw_bar(guest, 0).mapped);
    return guest;
}

static void checklist_9_eject_answered_unanswered_twice_and_closed(void **state)
{
    struct raw_host *host = ((struct raw_pair *)*state)->host;
    struct vpci_ejection_complete complete = {.type = VPCI_EJECTION_COMPLETE};
    for (unsigned way = 0; way < 4; way++) {
        struct raw_guest *guest = mapped_guest(host);
        struct reply reply;
        vsp_channel_eject(guest->channel, way == 1 ? 5 : 60000);
        if (way != 1) {
            raw_in_band(guest, VPCI_EJECT, &reply);
            assert_true(raw_nothing(guest, VPCI_EJECT));
            assert_true(raw_bar(guest, 0).mapped); /* until the end */
        }
        if (way == 0 || way == 2)
            raw_post(guest, &complete, sizeof complete);
        if (way == 2)
            raw_post(guest, &complete, sizeof complete); /* a duplicate finds nobody */
        if (way == 3)
            vmbus_guest_close(guest->guest);
        raw_wait_ended(guest);
        assert_int_equal(guest->orderly, way != 1);
        assert_false(raw_bar(guest, 0).mapped);
        assert_int_equal(raw_ended(guest), 1);
        raw_wait_gone(guest);
        raw_guest_destroy(guest);
    }
}

/* The guest's ENODEV is a test of the VSC; here the host's half. */
static void checklist_10_rescind_at_each_step_frees_rings_after_close(void **state)
{
    struct raw_host *host = ((struct raw_pair *)*state)->host;
    for (unsigned step = 0; step < 5; step++) {
        struct raw_guest *guest = raw_guest_create(host, 3);
        raw_connect(guest);
        if (step >= 1)
            raw_open(guest, 5, 5);
        if (step >= 2)
            assert_int_equal(raw_version(guest, VPCI_VERSION_1_4), VPCI_STATUS_SUCCESS);
        if (step >= 3)
            assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
        if (step >= 4)
            assert_int_equal(raw_assign(guest), VPCI_STATUS_SUCCESS);
        vsp_channel_eject(guest->channel, 0); /* ends in a rescind; the channel object stands */
        raw_wait_ended(guest);
        raw_wait_gone(guest);
        if (step >= 1)
            memset(vmbus_guest_in(guest->guest)->data, 0, vmbus_guest_in(guest->guest)->size); /* still its memory */
        vmbus_guest_destroy(guest->guest); /* CLOSE; the host answers what it is owed */
        guest->guest = NULL;
        raw_guest_destroy(guest);
    }
}

struct mutator {
    struct raw_guest *guest;
    uint32_t seed;
};

/* Writes every field of both ring headers and all over the data, without a pause. */
__attribute__((no_sanitize("thread"))) static void *corrupt(void *context)
{
    struct mutator *mutator = context;
    struct vmbus_ring *rings[2] = {vmbus_guest_out(mutator->guest->guest), vmbus_guest_in(mutator->guest->guest)};
    uint32_t random = mutator->seed;
    while (!raw_ended(mutator->guest)) {
        struct vmbus_ring *ring = rings[random >> 3 & 1];
        random = random * 1664525 + 1013904223;
        ((volatile uint32_t *)ring->header)[random >> 8 & 3] = random & 8 ? random : random % ring->size & ~7u;
        ((volatile uint32_t *)ring->data)[(random >> 4) % (ring->size / 4)] = random;
        vmbus_guest_signal(mutator->guest->guest);
    }
    return NULL;
}

static void checklist_11_ring_corruption_by_a_concurrent_mutator(void **state)
{
    struct raw_host *host = ((struct raw_pair *)*state)->host;
    for (uint32_t seed = 1; seed <= 20; seed++) {
        struct raw_guest *guest = raw_guest_open(host, 3);
        struct mutator mutator = {guest, seed * 2654435761u};
        pthread_t thread;
        raw_up(guest);
        assert_int_equal(pthread_create(&thread, NULL, corrupt, &mutator), 0);
        pthread_join(thread, NULL);
        assert_false(guest->orderly);
        assert_true(raw_alive(((struct raw_pair *)*state)->second));
        raw_guest_destroy(guest);
    }
}

static void checklist_12_requests_stop_while_the_completion_ring_is_full(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct vmbus_packet packet = {
        .type = VMBUS_PACKET_DATA, .flags = VMBUS_COMPLETION_REQUESTED, .length = sizeof query};
    unsigned sent = 0;
    uint64_t taken;
    struct reply reply;
    bool signal;
    raw_up(guest);
    for (unsigned full = 0; full < 3; full++) {
        while (vmbus_ring_send(vmbus_guest_out(guest->guest), &packet, &query, true, &signal) == 0) {
            if (signal)
                vmbus_guest_signal(guest->guest);
            packet.transaction_id = ++sent;
            full = 0;
        }
        assert_true(raw_alive(((struct raw_pair *)*state)->second)); /* the worker comes round */
    }
    taken = raw_stats(guest).messages;
    assert_true(taken < sent);
    for (unsigned i = 0; i < sent; i++)
        raw_completion(guest, i, &reply);
    assert_true(raw_alive(guest));
}

/* ---- 13: a fixed slice of what fuzz/ does without end --------------------------------------------------------- */

static uint32_t next_random(uint32_t *random)
{
    *random = *random * 1664525 + 1013904223;
    return *random >> 4;
}

static void random_bytes(uint32_t *random, uint8_t *bytes, uint32_t length)
{
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)(next_random(random) & (next_random(random) % 3 ? 0xFF : 1)); /* small numbers too */
}

static void random_control_messages(struct raw_host *host, uint32_t *random)
{
    struct raw_guest *guest = raw_guest_create(host, 3);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t bytes[256];
        uint32_t type = next_random(random) % 28;
        random_bytes(random, bytes, sizeof bytes);
        memcpy(bytes, &type, sizeof type);
        uint32_t length = 4 + next_random(random) % 250;
        while (send(guest->socket, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EAGAIN)
            sched_yield();
    }
    raw_guest_destroy(guest);
}

/* Each has one completion; whatever state that leads to, the bus can be entered again. */
static void random_messages(struct raw_host *host, uint32_t *random)
{
    struct raw_guest *guest = raw_guest_open(host, 3);
    raw_up(guest);
    for (unsigned i = 0; i < 2000; i++) {
        uint8_t bytes[240];
        uint32_t type = 0x42490000 + next_random(random) % 0x20;
        random_bytes(random, bytes, sizeof bytes);
        memcpy(bytes, &type, sizeof type);
        raw_request(guest, bytes, 4 + next_random(random) % (sizeof bytes - 4), NULL);
        guest->queued = 0;
    }
    assert_int_equal(raw_d0_exit(guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_assign(guest), VPCI_STATUS_SUCCESS);
    assert_true(raw_alive(guest));
    raw_guest_destroy(guest);
}

static void random_window_accesses(struct raw_host *host, uint32_t *random)
{
    struct raw_guest *guest = raw_guest_open(host, 3);
    raw_up(guest);
    for (unsigned i = 0; i < 2000; i++) {
        uint64_t address = WINDOW - 16 + next_random(random) % (VPCI_WINDOW_SIZE + 32);
        uint32_t size = next_random(random) % 4 ? 1u << next_random(random) % 4 : next_random(random);
        raw_window(guest, next_random(random) & 1, address, size, next_random(random) * 0x100000001ull);
    }
    assert_true(raw_alive(guest));
    raw_guest_destroy(guest);
}

/* Most cost the channel at once; what does not is a packet. */
static void random_ring_bytes(struct raw_host *host, uint32_t *random)
{
    struct raw_guest *guest = raw_guest_open(host, 3);
    struct vmbus_ring *out = vmbus_guest_out(guest->guest);
    raw_up(guest);
    for (unsigned i = 0; i < 50 && !raw_ended(guest); i++) {
        random_bytes(random, out->data, out->size);
        __atomic_store_n(&out->header->write_index, next_random(random) % out->size & ~7u, __ATOMIC_SEQ_CST);
        vmbus_guest_signal(guest->guest);
        sched_yield();
    }
    raw_guest_destroy(guest);
}

static void checklist_13_random_bytes_at_each_parser(void **state)
{
    struct raw_pair *pair = *state;
    void (*const parsers[])(struct raw_host * host, uint32_t * random) = {random_control_messages, random_messages,
                                                                          random_window_accesses, random_ring_bytes};
    for (uint32_t seed = 1; seed <= 8; seed++) {
        for (unsigned i = 0; i < sizeof parsers / sizeof parsers[0]; i++) {
            uint32_t random = seed * 2654435761u;
            parsers[i](pair->host, &random);
            assert_true(raw_alive(pair->second));
        }
    }
}

static void checklist_14_crash_kernel(void **state)
{
    struct raw_guest *guest = ((struct raw_pair *)*state)->guest;
    struct vpci_slot_message released = {.type = VPCI_RESOURCES_RELEASED};
    raw_up(guest);
    raw_config_write(guest, 0x04, 2, 6);
    vmbus_guest_close(guest->guest); /* forced: it never left D0 */
    raw_open(guest, 4, 4);
    guest->queued = 0;
    assert_int_equal(raw_version(guest, VPCI_VERSION_1_4), VPCI_STATUS_SUCCESS);
    assert_true((int32_t)raw_d0(guest, 1) < 0);
    raw_post(guest, &released, sizeof released);
    raw_post(guest, &released, sizeof released);
    assert_int_equal(raw_d0_exit(guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_assign(guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(guest, 0x04, 2), 0); /* reset with its former owner */
    assert_true(raw_alive(guest));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(checklist_1_linux_probe_with_relations_before_d0),
        CASE(checklist_2_versions_1_5_and_0_9_are_refused_then_1_4_succeeds),
        CASE(checklist_3_d0_again_elsewhere_exit_without_d0_released_twice),
        CASE(checklist_4_memory_enable_and_bar_rules),
        CASE(checklist_5_dummy_delete_real_and_the_495th),
        CASE(checklist_6_block_reads),
        CASE(checklist_7_block_writes_with_and_without_the_4_extra),
        CASE(checklist_8_invalidate_masks),
        CASE(checklist_9_eject_answered_unanswered_twice_and_closed),
        CASE(checklist_10_rescind_at_each_step_frees_rings_after_close),
        CASE(checklist_11_ring_corruption_by_a_concurrent_mutator),
        CASE(checklist_12_requests_stop_while_the_completion_ring_is_full),
        CASE(checklist_13_random_bytes_at_each_parser),
        CASE(checklist_14_crash_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
