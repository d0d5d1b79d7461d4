/* SPDX-License-Identifier: MIT
 *
 * The VSP over the transport that is memory alone: what it does with a burst that already lies in the ring, and that it
 * cannot tell one transport from another.
 */
#include "raw_guest.h"

#include <sched.h>

#define BURST 10u

struct memory {
    struct raw_host *host;
    struct vstack_vf *vf;
    struct vsp_channel *channel;
    struct vmbus_local *local;
    struct vpci_window_guest window;
    char reason[64]; /* before `ended` counts */
    _Atomic unsigned signalled, settled, ended;
};

static void on_signalled(void *context)
{
    ((struct memory *)context)->signalled++;
}

static void on_settled(void *context)
{
    ((struct memory *)context)->settled++;
}

static void on_ended(void *context, bool orderly, const char *reason)
{
    struct memory *memory = context;
    (void)orderly;
    snprintf(memory->reason, sizeof memory->reason, "%s", reason);
    memory->ended++;
}

static void send(struct memory *memory, uint64_t id, const void *message, uint32_t length)
{
    struct vmbus_packet packet = {
        .type = VMBUS_PACKET_DATA, .flags = VMBUS_COMPLETION_REQUESTED, .transaction_id = id, .length = length};
    bool signal;
    assert_int_equal(vmbus_ring_send(vmbus_local_out(memory->local), &packet, message, false, &signal), 0);
    if (signal)
        vmbus_local_kick(memory->local);
}

/* The next packet's id; what it says in its first dword is a success. */
static uint64_t receive(struct memory *memory)
{
    struct vmbus_packet packet;
    uint32_t bytes[64];
    bool signal;
    int length;
    while ((length = vmbus_ring_receive(vmbus_local_in(memory->local), &packet, bytes, sizeof bytes, &signal)) < 0)
        sched_yield();
    if (signal)
        vmbus_local_kick(memory->local);
    assert_int_equal(packet.type, VMBUS_PACKET_COMPLETION);
    assert_int_equal(bytes[0], VPCI_STATUS_SUCCESS);
    return packet.transaction_id;
}

static void open_with_burst(struct memory *memory)
{
    struct vpci_query_version version = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION_1_4};
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    assert_int_equal(vmbus_local_open(memory->local, 2, 2), 0);
    send(memory, 1, &version, sizeof version);
    for (unsigned i = 2; i <= BURST; i++)
        send(memory, i, &query, sizeof query);
}

/* Open, with a burst in the ring, before the VSP has the channel. */
static int create(void *context, const struct vmbus_offer *offer, struct vmbus_host **host)
{
    struct memory *memory = context;
    const struct vmbus_local_events events = {.signalled = on_signalled, .settled = on_settled, .context = memory};
    assert_true(offer->relid == 1);
    assert_int_equal(vmbus_local_create(VPCI_WINDOW_PAGES, &events, &memory->local), 0);
    *host = vmbus_local_host(memory->local);
    vpci_window_guest_init(&memory->window, vmbus_host_window(*host));
    open_with_burst(memory);
    return 0;
}

static int set_up(void **state)
{
    struct memory *memory = calloc(1, sizeof *memory);
    const struct vsp_carrier carrier = {.create = create, .context = memory};
    const struct vsp_channel_options options = {.name = "memory", .relid = 1, .ended = on_ended, .context = memory};
    assert_non_null(memory);
    memory->host = raw_host_create(&fake_82576);
    memory->vf = fake_pf_vf(memory->host->stack);
    assert_int_equal(vsp_channel_add_over(memory->host->vsp, &carrier, memory->vf, &options, &memory->channel), 0);
    *state = memory;
    return 0;
}

static int tear_down(void **state)
{
    struct memory *memory = *state;
    vsp_channel_remove(memory->channel);
    vstack_vf_free(memory->vf);
    raw_host_destroy(memory->host);
    free(memory);
    return 0;
}

static void a_burst_is_answered_in_order_with_one_signal(void **state)
{
    struct memory *memory = *state;
    for (unsigned i = 1; i <= BURST; i++)
        assert_true(receive(memory) == i);
    while (memory->signalled == 0)
        sched_yield();
    assert_int_equal(memory->signalled, 1);
}

static void the_window_answers_and_the_channel_closes_and_opens_again(void **state)
{
    struct memory *memory = *state;
    struct vpci_window_access access = {.address = WINDOW, .size = 4};
    uint64_t value = 0;
    for (unsigned turn = 1; turn <= 3; turn++) {
        for (unsigned i = 1; i <= BURST; i++)
            assert_true(receive(memory) == i);
        if (vpci_window_post(&memory->window, &access))
            vmbus_local_kick(memory->local);
        assert_int_equal(vpci_window_wait(&memory->window, 0, -1, &value), 0);
        assert_true(value == UINT64_MAX); /* not in D0 */
        vmbus_local_close(memory->local);
        while (memory->settled != turn)
            sched_yield();
        open_with_burst(memory);
    }
    assert_int_equal(memory->ended, 0);
}

static void a_guest_that_leaves_ends_its_channel_and_says_why(void **state)
{
    struct memory *memory = *state;
    vmbus_local_leave(memory->local, "went for a walk");
    while (!memory->ended)
        sched_yield();
    assert_int_equal(memory->ended, 1);
    assert_string_equal(memory->reason, "went for a walk");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_burst_is_answered_in_order_with_one_signal, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_window_answers_and_the_channel_closes_and_opens_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_guest_that_leaves_ends_its_channel_and_says_why, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
