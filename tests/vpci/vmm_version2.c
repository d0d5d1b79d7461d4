/* SPDX-License-Identifier: MIT
 *
 * Version 2 of the VMM's socket: who is agreed with on it, mitigated ranges and accesses to them as the socket carries
 * them, other targets of interrupts (vpci-wire.md 4.5). The PF driver here is a miniport, which mitigates nothing:
 * what it says is said for it.
 */
#include "far.h"

#include <errno.h>

static int set_up_open(void **state)
{
    far_set_up(state);
    struct far_host *host = *state;
    host->first.version = 2;
    far_up(&host->first);
    far_up(&host->second); /* of version 1 */
    return 0;
}

/* ---- which version ----------------------------------------------------------------------------------------------- */

static void the_highest_that_both_speak_is_agreed_on(void **state)
{
    static const struct {
        uint16_t lowest, highest, agreed; /* 0: none */
    } rows[] = {{1, 1, 1}, {2, 2, 2}, {1, 2, 2}, {0, 1, 1}, {0, 9, 2},          {2, 0xFFFF, 2},
                {3, 9, 0}, {0, 0, 0}, {2, 1, 0}, {3, 2, 0}, {0xFFFF, 0xFFFF, 0}};
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_take_back(far);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vfp_vmm_hello hello = {.frame = {.length = sizeof hello, .type = VFP_VMM_HELLO, .id = 7},
                                      .magic = VFP_VMM_MAGIC,
                                      .lowest = rows[i].lowest,
                                      .highest = rows[i].highest};
        far_connect(far);
        far_say(far, &hello, sizeof hello);
        if (rows[i].agreed) {
            const struct vfp_vmm_hello *answer = far_hear(far, VFP_VMM_HELLO);
            assert_int_equal(answer->lowest, rows[i].agreed);
            assert_int_equal(answer->highest, rows[i].agreed);
        } else {
            far->id = 0;
            far_hear_error(far, VFP_VMM_RULE_HELLO_VERSION, VFP_VMM_HELLO, 7);
            far_hear_end(far);
        }
        far_disconnect(far);
    }
    far_offer(far);
}

/* ---- ranges ------------------------------------------------------------------------------------------------------ */

static void tell(struct far *far, uint32_t bar, uint64_t offset, uint32_t count)
{
    struct vfp_vmm_range ranges[VFP_VMM_RANGES_MAX] = {0};
    for (uint32_t i = 0; i < count; i++)
        ranges[i] = (struct vfp_vmm_range){offset + i * 8192ull, 4096, VFP_VMM_RANGE_READS, 0};
    vmm_channel_ranges(far->end, bar, ranges, count);
}

static void ranges_are_told_as_a_whole(void **state)
{
    static const uint32_t counts[] = {1, 0, 3, VFP_VMM_RANGES_MAX};
    struct far_host *host = *state;
    struct far *far = &host->first;
    for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        tell(far, 4, 0x10000, counts[i]);
        const struct vfp_vmm_ranges *heard = far_hear(far, VFP_VMM_RANGES);
        const struct vfp_vmm_range *list = (const void *)(heard + 1);
        assert_int_equal(heard->frame.length, sizeof *heard + counts[i] * sizeof *list);
        assert_int_equal(heard->frame.channel, far->id);
        assert_int_equal(heard->region, 4);
        assert_int_equal(heard->count, counts[i]);
        for (uint32_t k = 0; k < counts[i]; k++) {
            assert_true(list[k].offset == 0x10000 + k * 8192ull && list[k].length == 4096);
            assert_int_equal(list[k].accesses, VFP_VMM_RANGE_READS);
        }
    }
}

static void a_vmm_of_version_1_hears_of_none(void **state)
{
    struct far_host *host = *state;
    tell(&host->second, 0, 0, 1); /* far.c fails when one is heard */
    assert_true(far_alive(&host->second));
    assert_int_equal(host->second.ranges, 0);
}

static void a_channel_that_is_not_open_hears_of_none(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    far_send(far, VFP_VMM_CLOSE, sizeof(struct vfp_vmm_frame), NULL);
    far_hear(far, VFP_VMM_CLOSED);
    tell(far, 0, 0, 1);
    far_open(far, FAR_RING, FAR_RING);
    far_up(far);
    assert_true(far_alive(far));
    assert_int_equal(far->ranges, 0);
}

/* It keeps its connection, and what it hears last is what was said last, before what follows from it. */
static void ranges_that_change_all_the_time_wait_for_a_vmm_that_reads_slowly(void **state)
{
    enum { TOLD = 4000 };
    struct far_host *host = *state;
    struct far *far = &host->first;
    for (uint32_t i = 0; i < TOLD; i++) {
        tell(far, 0, i * 4096ull, 200);
        tell(far, 2, i * 4096ull, i % 2);
    }
    vmm_channel_region(far->end, true, 0, 0xE0000000, 0x80000000, 0x4000);
    uint64_t last[6] = {0};
    uint32_t count[6] = {0};
    unsigned heard = 0;
    for (;;) {
        const struct vfp_vmm_frame *frame = far_hear_any(far);
        const struct vfp_vmm_ranges *ranges = (const void *)frame;
        if (frame->type == VFP_VMM_MAP)
            break;
        if (frame->type != VFP_VMM_RANGES)
            continue;
        heard++;
        count[ranges->region] = ranges->count;
        if (ranges->count)
            last[ranges->region] = ((const struct vfp_vmm_range *)(const void *)(ranges + 1))->offset;
    }
    assert_true(heard < TOLD);
    assert_true(last[0] == (TOLD - 1) * 4096ull);
    assert_int_equal(count[0], 200);
    assert_int_equal(count[2], (TOLD - 1) % 2);
    assert_int_equal(far_ended(far), 0);
    assert_true(far_alive(far));
}

/* ---- accesses ---------------------------------------------------------------------------------------------------- */

static struct vfp_vmm_register access_of(struct far *far, uint32_t region, uint64_t offset, uint16_t size,
                                         uint16_t write)
{
    return (struct vfp_vmm_register){.frame = {.length = sizeof(struct vfp_vmm_register),
                                               .type = VFP_VMM_REGISTER,
                                               .channel = far->id,
                                               .id = ++far->frame_id},
                                     .offset = offset,
                                     .region = region,
                                     .size = size,
                                     .write = write};
}

static void an_access_to_what_is_not_mitigated_is_the_guests_own(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    const uint64_t size = vstack_vf_bar_size(far->vf, 0);
    const struct {
        uint32_t region;
        uint64_t offset;
        uint16_t size;
        uint32_t status;
    } rows[] = {
        {0, 0, 4, ENOENT},          {0, size - 8, 8, ENOENT}, {0, size - 7, 8, EINVAL},
        {0, UINT64_MAX, 1, EINVAL}, {5, 0, 4, EINVAL}, /* no such BAR */
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        for (uint16_t write = 0; write < 2; write++) {
            struct vfp_vmm_register ask = access_of(far, rows[i].region, rows[i].offset, rows[i].size, write);
            far_say(far, &ask, sizeof ask);
            const struct vfp_vmm_register_done *done = far_hear(far, VFP_VMM_REGISTER_DONE);
            assert_int_equal(done->frame.id, ask.frame.id);
            assert_int_equal(done->frame.length, 32);
            assert_int_equal(done->status, rows[i].status);
            assert_true(write || done->value == UINT64_MAX);
        }
    }
    assert_true(far_alive(far));
}

/* In one write: the host has both before it can have answered the first. */
static void a_second_access_is_refused_and_the_first_is_answered(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vfp_vmm_register both[2] = {access_of(far, 0, 0, 4, 0), access_of(far, 0, 8, 4, 0)};
    far_say(far, both, sizeof both);
    far_hear_error(far, VFP_VMM_RULE_REGISTER_ONE, VFP_VMM_REGISTER, both[1].frame.id);
    const struct vfp_vmm_register_done *done = far_hear(far, VFP_VMM_REGISTER_DONE);
    assert_int_equal(done->frame.id, both[0].frame.id);
    assert_true(far_alive(far));
}

static void closed_comes_after_every_answer(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    for (unsigned i = 0; i < 100; i++) {
        struct __attribute__((packed)) {
            struct vfp_vmm_register access;
            struct vfp_vmm_retarget retarget;
            struct vfp_vmm_frame close;
        } all = {.access = access_of(far, 0, 0, 4, 0),
                 .retarget = {.frame = {.length = sizeof all.retarget,
                                        .type = VFP_VMM_RETARGET,
                                        .channel = far->id,
                                        .id = ++far->frame_id},
                              .processor_count = 1},
                 .close = {.length = sizeof all.close, .type = VFP_VMM_CLOSE, .channel = far->id, .id = 4711}};
        far_say(far, &all, sizeof all);
        far_hear(far, VFP_VMM_REGISTER_DONE);
        far_hear(far, VFP_VMM_RETARGETED);
        const struct vfp_vmm_frame *closed = far_hear(far, VFP_VMM_CLOSED);
        assert_int_equal(closed->id, 4711);
        far_open(far, FAR_RING, FAR_RING);
    }
    far_up(far);
    assert_true(far_alive(far));
}

static void a_channel_is_taken_back_while_something_is_asked(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    for (unsigned i = 0; i < 50; i++) {
        struct vfp_vmm_register ask = access_of(far, 0, 0, 4, 0);
        far_say(far, &ask, sizeof ask);
        far_take_back(far);
        far_offer(far);
        do /* answered or not: nothing of the old channel comes once it is rescinded */
            ask.frame.type = ((const struct vfp_vmm_frame *)far_hear_any(far))->type;
        while (ask.frame.type != VFP_VMM_RESCIND);
        far_offered(far);
        far_open(far, FAR_RING, FAR_RING);
    }
    far_up(far);
    assert_true(far_alive(far));
}

/* ---- targets ----------------------------------------------------------------------------------------------------- */

static struct vpci_create_interrupt_completion make_interrupt(struct far *far, uint32_t vector, uint16_t messages)
{
    struct vpci_create_interrupt2 create = {
        .type = VPCI_CREATE_INTERRUPT2,
        .interrupt = {.vector = (uint8_t)vector, .vector_count = messages, .processor_count = 1, .processors = {1}},
    };
    struct vpci_create_interrupt_completion made;
    far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, ++far->transaction, &create, sizeof create);
    memcpy(&made, far_completion(far, far->transaction) + 1, sizeof made);
    assert_int_equal(made.status, VPCI_STATUS_SUCCESS);
    return made;
}

static uint32_t retarget(struct far *far, uint64_t address, uint32_t data, uint32_t vector, uint16_t mode,
                         uint16_t processor)
{
    struct vfp_vmm_retarget ask = {
        .frame = {.length = sizeof ask, .type = VFP_VMM_RETARGET, .channel = far->id, .id = ++far->frame_id},
        .address = address,
        .data = data,
        .vector = vector,
        .lowest_priority = mode,
        .processor_count = 2,
        .processors = {processor, 9},
        .reserved = UINT32_MAX};
    far_say(far, &ask, sizeof ask);
    const struct vfp_vmm_retargeted *done = far_hear(far, VFP_VMM_RETARGETED);
    assert_int_equal(done->frame.id, ask.frame.id);
    assert_int_equal(done->frame.length, 24);
    return done->status;
}

static void raises(struct far *far, uint64_t address, uint32_t data, uint32_t vector, uint16_t mode,
                   uint16_t processors, uint16_t processor)
{
    assert_int_equal(vsp_interrupt(far->channel, address, data), 0);
    far_hear(far, VFP_VMM_INTERRUPT);
    assert_int_equal(far->interrupt.vector, vector);
    assert_int_equal(far->interrupt.lowest_priority, mode);
    assert_int_equal(far->interrupt.processor_count, processors);
    assert_int_equal(far->interrupt.processors[0], processor);
}

static void the_next_interrupt_uses_the_new_target(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt_completion made = make_interrupt(far, 0x31, 1);
    const uint64_t address = made.interrupt.address;
    const uint32_t data = made.interrupt.data;
    raises(far, address, data, 0x31, 0, 1, 1);
    assert_int_equal(retarget(far, address, data, 0x77, 1, 4095), 0);
    raises(far, address, data, 0x77, 1, 2, 4095);
    assert_int_equal(retarget(far, address, data, UINT32_MAX, 0, 0), 0); /* what can be injected is the VMM's to know */
    raises(far, address, data, UINT32_MAX, 0, 2, 0);
}

static void each_message_of_a_block_has_its_own_target(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt_completion made = make_interrupt(far, 32, 4);
    const uint64_t address = made.interrupt.address;
    const uint32_t data = made.interrupt.data;
    assert_int_equal(retarget(far, address, data + 2, 0x91, 0, 3), 0);
    raises(far, address, data + 1, 33, 0, 1, 1);
    raises(far, address, data + 2, 0x91, 0, 2, 3);
    raises(far, address, data + 3, 35, 0, 1, 1);
    assert_int_equal(retarget(far, address, data + 4, 0x92, 0, 3), ENOENT);
}

static void an_unknown_pair_changes_nothing(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt_completion made = make_interrupt(far, 0x31, 1);
    const uint64_t address = made.interrupt.address;
    const uint32_t data = made.interrupt.data;
    assert_int_equal(retarget(far, address + 1, data, 0x77, 1, 2), ENOENT);
    assert_int_equal(retarget(far, address | 1ull << 32, data, 0x77, 1, 2), ENOENT);
    assert_int_equal(retarget(far, address, data + 1, 0x77, 1, 2), ENOENT);
    assert_int_equal(retarget(far, address, data + 32, 0x77, 1, 2), ENOENT);
    assert_int_equal(retarget(far, address, UINT32_MAX, 0x77, 1, 2), ENOENT);
    assert_int_equal(retarget(far, UINT64_MAX, data, 0x77, 1, 2), ENOENT);
    raises(far, address, data, 0x31, 0, 1, 1);
}

/* A pair is made anew with what it asks for, though it is the same pair. */
static void a_deleted_interrupt_takes_its_target_with_it(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt_completion made = make_interrupt(far, 0x31, 1);
    struct vpci_delete_interrupt gone = {
        .type = VPCI_DELETE_INTERRUPT,
        .interrupt = {.vector_count = 1, .data = made.interrupt.data, .address = made.interrupt.address}};
    assert_int_equal(retarget(far, made.interrupt.address, made.interrupt.data, 0x77, 0, 2), 0);
    assert_int_equal(far_request(far, &gone, sizeof gone), VPCI_STATUS_SUCCESS);
    assert_int_equal(retarget(far, made.interrupt.address, made.interrupt.data, 0x78, 0, 2), ENOENT);
    made = make_interrupt(far, 0x32, 1);
    assert_int_equal(made.interrupt.data, gone.interrupt.data);
    raises(far, made.interrupt.address, made.interrupt.data, 0x32, 0, 1, 1);
}

/* In one write, as above. */
static void a_second_retarget_is_refused_and_the_first_is_done(void **state)
{
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt_completion made = make_interrupt(far, 0x31, 1);
    struct vfp_vmm_retarget both[2];
    for (unsigned i = 0; i < 2; i++)
        both[i] = (struct vfp_vmm_retarget){
            .frame = {.length = sizeof both[0], .type = VFP_VMM_RETARGET, .channel = far->id, .id = ++far->frame_id},
            .address = made.interrupt.address,
            .data = made.interrupt.data,
            .vector = 0x41 + i,
            .processor_count = 1};
    far_say(far, both, sizeof both);
    far_hear_error(far, VFP_VMM_RULE_RETARGET_ONE, VFP_VMM_RETARGET, both[1].frame.id);
    const struct vfp_vmm_retargeted *done = far_hear(far, VFP_VMM_RETARGETED);
    assert_int_equal(done->frame.id, both[0].frame.id);
    raises(far, made.interrupt.address, made.interrupt.data, 0x41, 0, 1, 0);
}

/* As a host program does it, and what it can get wrong. */
static void a_host_program_retargets_the_same_way(void **state)
{
    uint16_t processors[33] = {7, 8};
    struct far_host *host = *state;
    struct far *far = &host->first;
    struct vpci_create_interrupt_completion made = make_interrupt(far, 0x31, 1);
    struct vsp_delivery to = {.vector = 0x55, .processor_count = 2, .processors = processors};
    assert_int_equal(vsp_retarget(far->channel, made.interrupt.address, made.interrupt.data, &to), 0);
    processors[0] = 99; /* it was copied */
    raises(far, made.interrupt.address, made.interrupt.data, 0x55, 0, 2, 7);
    to.processor_count = 0;
    assert_int_equal(vsp_retarget(far->channel, made.interrupt.address, made.interrupt.data, &to), -EINVAL);
    to.processor_count = 33;
    assert_int_equal(vsp_retarget(far->channel, made.interrupt.address, made.interrupt.data, &to), -EINVAL);
    assert_int_equal(vsp_retarget_later(far->channel, made.interrupt.address, 0, &to, NULL, NULL), -EINVAL);
    to.processor_count = 1;
    processors[0] = 4096;
    assert_int_equal(vsp_retarget(far->channel, made.interrupt.address, made.interrupt.data, &to), -EINVAL);
    processors[0] = 0;
    assert_int_equal(vsp_retarget(far->channel, made.interrupt.address, made.interrupt.data + 1, &to), -ENOENT);
    raises(far, made.interrupt.address, made.interrupt.data, 0x55, 0, 2, 7);
}

int main(void)
{
#define CLOSED_CASE(name) cmocka_unit_test_setup_teardown(name, far_set_up, far_tear_down)
#define OPEN_CASE(name)   cmocka_unit_test_setup_teardown(name, set_up_open, far_tear_down)
    const struct CMUnitTest tests[] = {
        CLOSED_CASE(the_highest_that_both_speak_is_agreed_on),
        OPEN_CASE(ranges_are_told_as_a_whole),
        OPEN_CASE(a_vmm_of_version_1_hears_of_none),
        OPEN_CASE(a_channel_that_is_not_open_hears_of_none),
        OPEN_CASE(ranges_that_change_all_the_time_wait_for_a_vmm_that_reads_slowly),
        OPEN_CASE(an_access_to_what_is_not_mitigated_is_the_guests_own),
        OPEN_CASE(a_second_access_is_refused_and_the_first_is_answered),
        OPEN_CASE(closed_comes_after_every_answer),
        OPEN_CASE(a_channel_is_taken_back_while_something_is_asked),
        OPEN_CASE(the_next_interrupt_uses_the_new_target),
        OPEN_CASE(each_message_of_a_block_has_its_own_target),
        OPEN_CASE(an_unknown_pair_changes_nothing),
        OPEN_CASE(a_deleted_interrupt_takes_its_target_with_it),
        OPEN_CASE(a_second_retarget_is_refused_and_the_first_is_done),
        OPEN_CASE(a_host_program_retargets_the_same_way),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
