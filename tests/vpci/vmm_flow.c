/* SPDX-License-Identifier: MIT
 *
 * Flow control over the VMM's socket: credit both ways, full rings, a VMM that does not read, accesses that wait.
 */
#include "far.h"

#include "lingering.h"

#include <sched.h>
#include <sys/socket.h>

static const struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};

static void ask(struct far *far, uint64_t transaction)
{
    far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, transaction, &query, sizeof query);
}

static void all_credit_comes_back(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    for (unsigned i = 0; i < 2000; i++)
        assert_int_equal(far_request(far, &query, sizeof query), VPCI_STATUS_SUCCESS);
    while (far->credit != FAR_RING - 8)
        far_hear(far, VFP_VMM_CREDIT);
    assert_true(far_alive(far));
}

/* Also of a ring that is larger than the longest packet there can be. */
static void credit_of_a_large_ring_comes_back(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
    far_hear(far, VFP_VMM_CLOSED);
    far_open(far, VFP_VMM_RING_MAX, VFP_VMM_RING_MAX);
    far_up(far);
    while (far->credit != VFP_VMM_RING_MAX - 8)
        far_hear(far, VFP_VMM_CREDIT);
    assert_true(far_alive(far));
}

/* Without credit from the VMM nothing is sent, what the guest asks waits in the ring, and when that is full the VMM has
 * no credit either. Then one CREDIT, and all of it goes on, in order. */
static void a_guest_that_does_not_read_stops_itself_and_nobody_else(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    const uint32_t answer = vfp_vmm_cost(sizeof(struct vpci_requirements_completion));
    const uint32_t credit = FAR_RING - 8, fit = credit / answer;
    uint64_t asked = 0;
    while (far->credit != credit)
        far_hear(far, VFP_VMM_CREDIT);
    far->keeps_credit = true;
    do { /* the window goes on, and what came before its answer is booked */
        while (far->credit >= vfp_vmm_cost(sizeof query))
            ask(far, 1000 + asked++);
        far_window(far, true, WINDOW, 4, 0);
    } while (far->credit >= vfp_vmm_cost(sizeof query) || far->taken < fit * answer);
    assert_int_equal(far->taken, fit * answer);
    assert_true(far_stats(far).messages < asked);
    assert_true(far_alive(&host->second));
    far->keeps_credit = false;
    far_send(far, VFP_VMM_CREDIT, sizeof(struct vfp_vmm_credit), (uint32_t[2]){far->taken, 0});
    far->taken = 0;
    for (uint64_t i = fit; i < asked; i++)
        far_completion(far, 1000 + i);
    assert_true(far_alive(far));
    assert_int_equal(far_ended(far), 0);
}

static void rings_of_any_size_carry_packets_of_every_length(void **state)
{
    static const uint32_t sizes[][2] = {{4096, 4096}, {12288, 4096}, {4096, 20480}, {1048576, 1048576}, {28672, 69632}};
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct {
        struct vpci_write_block head;
        uint8_t data[128];
    } write = {.head = {.type = VPCI_WRITE_BLOCK_MESSAGE, .block_id = 3}};
    for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
        far_hear(far, VFP_VMM_CLOSED);
        far_open(far, sizes[i][0], sizes[i][1]);
        far_up(far);
        for (uint32_t length = 1; length <= 128; length++) {
            write.head.byte_count = length;
            memset(write.data, (int)length, length);
            assert_int_equal(far_request(far, &write, (uint32_t)sizeof write.head + length), VPCI_STATUS_SUCCESS);
            assert_int_equal(fake_pf_block_byte(host->raw->pf, vstack_vf_id(far->vf), 3, length - 1), length);
        }
    }
}

/* Many frames in one write are many packets, and their answers come in order. */
static void a_batch_is_answered_in_order(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct __attribute__((packed)) {
        struct vfp_vmm_packet head;
        struct vpci_slot_message query;
    } batch[100];
    for (unsigned i = 0; i < 100; i++) {
        batch[i].head = (struct vfp_vmm_packet){
            .frame = {.length = sizeof batch[0], .type = VFP_VMM_PACKET, .channel = far->id, .id = i},
            .type = VFP_VMM_PACKET_DATA,
            .flags = VFP_VMM_COMPLETION_REQUESTED,
            .transaction_id = 5000 + i};
        batch[i].query = query;
        far->credit -= vfp_vmm_cost(sizeof query);
    }
    far_say(far, batch, sizeof batch);
    for (unsigned i = 0; i < 100; i++)
        far_completion(far, 5000 + i);
    assert_true(far_alive(far));
}

/* ---- a VMM that sends more than bytes --------------------------------------------------------------------------- */

/* Read, and left unread when the connection ends for what came before. */
static void one_that_sends_a_descriptor_loses_its_connection_alone(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    const struct vfp_vmm_frame credit = {.length = sizeof credit, .type = VFP_VMM_CREDIT, .channel = far->id};
    struct lingering read = lingering_make(), unread = lingering_make();
    assert_true(lingering_send(&read, far->fd, &credit, sizeof credit, 2));
    lingering_send(&unread, far->fd, &credit, sizeof credit, 1); /* it may have been hung up on already */
    far_wait_ended(far);
    assert_false(far->orderly);
    assert_string_equal(far->reason, "the VMM sent a descriptor");
    assert_true(far_alive(&host->second));
    far_disconnect(far);
    far_take_back(far);
    far_offer(far);
    far_up(far);
    assert_true(far_alive(far));
    close(read.peer);
    close(unread.peer);
}

/* ---- a VMM that does not read ----------------------------------------------------------------------------------- */

static void one_that_does_not_read_loses_its_connection_alone(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vfp_vmm_frame wrong = {.length = sizeof wrong, .type = 99, .channel = far->id};
    while (!far_ended(far)) { /* each costs an ERROR that nobody reads */
        if (send(far->fd, &wrong, sizeof wrong, MSG_NOSIGNAL) < 0)
            break;
    }
    far_wait_ended(far);
    assert_false(far->orderly);
    assert_string_equal(far->reason, "the VMM broke NOT_READING");
    assert_true(far_alive(&host->second));
    far_disconnect(far);
    far_take_back(far);
    far_offer(far);
    far_up(far);
    assert_true(far_alive(far));
}

static void the_same_interrupt_unread_is_sent_once(void **state)
{
    enum { RAISED = 20000 };
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt2 create = {
        .type = VPCI_CREATE_INTERRUPT2,
        .interrupt = {.vector = 0x51, .vector_count = 1, .processor_count = 1, .processors = {1}},
    };
    struct vpci_create_interrupt_completion made[2];
    for (unsigned i = 0; i < 2; i++) {
        create.interrupt.vector = (uint8_t)(0x51 + i);
        far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, ++far->transaction, &create, sizeof create);
        memcpy(&made[i], far_completion(far, far->transaction) + 1, sizeof made[i]);
    }
    for (unsigned i = 0; i < RAISED; i++)
        assert_int_equal(vsp_interrupt(far->channel, made[0].interrupt.address, made[0].interrupt.data), 0);
    assert_int_equal(vsp_interrupt(far->channel, made[1].interrupt.address, made[1].interrupt.data), 0);
    do
        far_hear(far, VFP_VMM_INTERRUPT);
    while (far->interrupt.vector != 0x52);
    assert_true(far->interrupts >= 2 && far->interrupts < RAISED);
    assert_int_equal(far_ended(far), 0);
    assert_true(far_alive(far));
}

/* The last of what it had to read is given to the socket by another thread than the one that serves it; what waited in
 * the ring for that is sent all the same. */
static void a_packet_that_waited_for_room_is_sent_whoever_made_it(void **state)
{
    enum { RAISED = 2000 }; /* 176 KB: more than waits beside packets, and less than costs the connection */
    struct far_host *host = *state;
    struct far *far = &host->first;
    uint16_t processors[VFP_VMM_PROCESSORS] = {0};
    uint64_t completions = far_stats(far).completions;
    for (uint16_t i = 0; i < RAISED; i++) { /* all different */
        processors[0] = i;
        vmm_channel_interrupt(far->end, 0x30, false, 1, processors);
    }
    ask(far, 4711);
    while (far_stats(far).completions == completions)
        sched_yield();
    assert_true(far_alive(&host->second)); /* the worker has come round */
    far_pause(host);
    while (far->interrupt.processors[0] != RAISED - 1) {
        far_hear(far, VFP_VMM_INTERRUPT);
        vmm_channel_interrupt(far->end, 0x31, false, 1, (uint16_t[1]){0});
    }
    far_resume(host);
    far_completion(far, 4711);
    assert_true(far_alive(far));
}

/* ---- the window ------------------------------------------------------------------------------------------------- */

static void send_read(struct far *far, uint32_t offset)
{
    struct vfp_vmm_window window = {.address = WINDOW + VPCI_WINDOW_CONFIG + offset, .size = 4};
    far_send(far, VFP_VMM_WINDOW, sizeof window, &window.address);
}

static void hold_read(struct far *far)
{
    far_window(far, true, WINDOW, 4, 0);
    far->host->raw->pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_SPACE;
    send_read(far, 0x100);
    fake_pf_wait_pended(far->host->raw->pf);
    far->host->raw->pf->pend_oid = 0;
}

static void a_second_access_is_refused_and_the_first_is_answered(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    hold_read(far);
    uint32_t first = far->frame_id;
    send_read(far, 0x04);
    far_hear_error(far, VFP_VMM_RULE_WINDOW_ONE, VFP_VMM_WINDOW, first + 1);
    assert_int_equal(far_request(far, &query, sizeof query), VPCI_STATUS_SUCCESS); /* packets go on */
    fake_pf_complete(host->raw->pf, NDIS_STATUS_SUCCESS);
    const struct vfp_vmm_window_done *done = far_hear(far, VFP_VMM_WINDOW_DONE);
    assert_int_equal(done->frame.id, first);
    assert_true(far_alive(far));
}

static void closed_comes_after_the_answer_of_an_access(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    hold_read(far);
    uint32_t read = far->frame_id;
    far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
    uint32_t close = far->frame_id;
    fake_pf_complete(host->raw->pf, NDIS_STATUS_SUCCESS);
    const struct vfp_vmm_frame *answer = far_hear(far, VFP_VMM_WINDOW_DONE);
    assert_int_equal(answer->id, read);
    answer = far_hear(far, VFP_VMM_CLOSED);
    assert_int_equal(answer->id, close);
    far_open(far, FAR_RING, FAR_RING);
    far_up(far);
    assert_true(far_alive(far));
}

/* In one write, so that the host has both before it can have closed. */
static void open_is_refused_until_closed_was_sent(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct __attribute__((packed)) {
        struct vfp_vmm_frame close;
        struct vfp_vmm_open open;
    } both = {
        {.length = sizeof both.close, .type = VFP_VMM_CLOSE, .channel = far->id, .id = 1},
        {.frame = {.length = sizeof both.open, .type = VFP_VMM_OPEN, .channel = far->id, .id = 2},
         .to_host = 4096,
         .to_guest = 4096},
    };
    far_say(far, &both, sizeof both);
    far_hear_error(far, VFP_VMM_RULE_CHANNEL_STATE, VFP_VMM_OPEN, 2);
    const struct vfp_vmm_frame *closed = far_hear(far, VFP_VMM_CLOSED);
    assert_int_equal(closed->id, 1);
    far_open(far, 4096, 4096);
}

static void accesses_of_every_size_answer_as_the_window_does(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_window(far, true, WINDOW, 4, 0);
    for (uint32_t size = 1; size <= 8; size++) {
        uint64_t value = far_window(far, false, WINDOW + VPCI_WINDOW_CONFIG, size, 0);
        if (size == 1 || size == 2 || size == 4)
            assert_int_equal(value & 0xFF, 0x86);
        else
            assert_true(value == UINT64_MAX);
    }
    assert_true(far_window(far, false, 0, 4, 0) == UINT64_MAX);
    assert_true(far_window(far, false, UINT64_MAX, 4, 0) == UINT64_MAX);
    assert_true(far_window(far, false, WINDOW, 4, 0) == UINT64_MAX);
}

/* ---- packets that a ring refuses to a guest too ----------------------------------------------------------------- */

static void a_packet_that_is_no_data_ends_the_channel_and_not_the_connection(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_packet(far, VFP_VMM_PACKET_COMPLETION, 0, 1, &query, sizeof query);
    far_hear(far, VFP_VMM_RESCIND);
    far_wait_ended(far);
    assert_false(far->orderly);
    far_take_back(far);
    far_offer(far);
    far_offered(far);
    far_open(far, FAR_RING, FAR_RING);
    far_up(far);
    assert_true(far_alive(far));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, far_set_up_open, far_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(all_credit_comes_back),
        CASE(credit_of_a_large_ring_comes_back),
        CASE(a_guest_that_does_not_read_stops_itself_and_nobody_else),
        CASE(rings_of_any_size_carry_packets_of_every_length),
        CASE(a_batch_is_answered_in_order),
        CASE(one_that_sends_a_descriptor_loses_its_connection_alone),
        CASE(one_that_does_not_read_loses_its_connection_alone),
        CASE(the_same_interrupt_unread_is_sent_once),
        CASE(a_packet_that_waited_for_room_is_sent_whoever_made_it),
        CASE(a_second_access_is_refused_and_the_first_is_answered),
        CASE(closed_comes_after_the_answer_of_an_access),
        CASE(open_is_refused_until_closed_was_sent),
        CASE(accesses_of_every_size_answer_as_the_window_does),
        CASE(a_packet_that_is_no_data_ends_the_channel_and_not_the_connection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
