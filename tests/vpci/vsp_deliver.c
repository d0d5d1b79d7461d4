/* SPDX-License-Identifier: MIT
 *
 * What the host program is called for: interrupts, by pair and by MSI-X table entry.
 */
#include "raw_guest.h"

#include "asleep.h"
#include "scarce.h"

#include <errno.h>

static struct vpci_translated_interrupt create(struct raw_guest *raw, uint8_t vector, uint8_t delivery, uint16_t count,
                                               uint16_t processor_count)
{
    struct vpci_create_interrupt2 request = {
        .type = VPCI_CREATE_INTERRUPT2,
        .interrupt = {
            .vector = vector, .delivery = delivery, .vector_count = count, .processor_count = processor_count}};
    struct vpci_create_interrupt_completion completion;
    struct reply reply;
    for (uint16_t i = 0; i < processor_count; i++)
        request.interrupt.processors[i] = (uint16_t)(i * 3 + 1);
    assert_int_equal(raw_request(raw, &request, sizeof request, &reply), VPCI_STATUS_SUCCESS);
    memcpy(&completion, reply.bytes, sizeof completion);
    return completion.interrupt;
}

static uint32_t delete (struct raw_guest *raw, struct vpci_translated_interrupt interrupt)
{
    struct vpci_delete_interrupt request = {.type = VPCI_DELETE_INTERRUPT, .interrupt = interrupt};
    return raw_request(raw, &request, sizeof request, NULL);
}

/* ---- pairs -------------------------------------------------------------------------------------------------- */

static void a_pair_is_delivered_as_the_guest_asked_for_it(void **state)
{
    struct raw_pair *f = *state;
    struct raw_guest *guest = f->guest;
    struct vpci_translated_interrupt one = create(guest, 0x31, 0, 1, 1), three = create(guest, 0x52, 1, 1, 3);
    assert_int_equal(vsp_interrupt(guest->channel, one.address, one.data), 0);
    assert_int_equal(raw_interrupts(guest), 1);
    assert_int_equal(guest->last.vector, 0x31);
    assert_false(guest->last.lowest_priority);
    assert_int_equal(guest->last.processor_count, 1);
    assert_int_equal(guest->processors[0], 1);
    assert_int_equal(vsp_interrupt(guest->channel, three.address, three.data), 0);
    assert_int_equal(guest->last.vector, 0x52);
    assert_true(guest->last.lowest_priority);
    assert_int_equal(guest->last.processor_count, 3);
    assert_int_equal(guest->processors[2], 7);
    assert_int_equal(raw_interrupts(guest), 2);
    assert_int_equal(raw_interrupts(f->second), 0);
}

static void each_message_of_a_block_has_the_next_vector(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt block = create(f->guest, 0x40, 0, 8, 1);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(vsp_interrupt(f->guest->channel, block.address, block.data + i), 0);
        assert_int_equal(f->guest->last.vector, 0x40 + i);
    }
    assert_int_equal(vsp_interrupt(f->guest->channel, block.address, block.data + 8), -ENOENT);
    assert_int_equal(raw_interrupts(f->guest), 8);
}

static void what_the_guest_was_not_given_is_not_delivered(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt mine = create(f->guest, 0x31, 0, 1, 1), other = create(f->second, 0x32, 0, 1, 1);
    struct vpci_translated_interrupt more = create(f->second, 0x33, 0, 1, 1);
    const struct {
        uint64_t address;
        uint32_t data;
    } rows[] = {{mine.address + 4, mine.data},
                {mine.address, mine.data + 1},
                {mine.address, mine.data + 32},
                {mine.address, 0xFFFFFFFF},
                {0, 0},
                {mine.address | 1ull << 32, mine.data},
                {more.address, more.data},
                {mine.address, VPCI_INTERRUPTS_MAX * 32},
                {mine.address, 0x80000000 | mine.data}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(vsp_interrupt(f->guest->channel, rows[i].address, rows[i].data), -ENOENT);
    assert_int_equal(raw_interrupts(f->guest), 0);
    assert_int_equal(vsp_interrupt(f->second->channel, other.address, other.data), 0);
    assert_int_equal(raw_interrupts(f->guest), 0);
    assert_int_equal(raw_interrupts(f->second), 1);
}

static void deleted_pairs_are_not_delivered_any_more(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt dummy = create(f->guest, 0xEF, 0, 1, 1), real;
    assert_int_equal(delete (f->guest, dummy), VPCI_STATUS_SUCCESS);
    assert_int_equal(vsp_interrupt(f->guest->channel, dummy.address, dummy.data), -ENOENT);
    real = create(f->guest, 0x26, 0, 1, 1);
    assert_int_equal(vsp_interrupt(f->guest->channel, real.address, real.data), 0);
    assert_int_equal(f->guest->last.vector, 0x26);
    assert_int_equal(raw_d0_exit(f->guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(vsp_interrupt(f->guest->channel, real.address, real.data), -ENOENT);
    assert_int_equal(raw_interrupts(f->guest), 1);
}

static void after_the_end_nothing_is_delivered(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt one = create(f->guest, 0x31, 0, 1, 1);
    vsp_message_set(f->guest->channel, 3, one.address, one.data, false);
    vsp_channel_eject(f->guest->channel, 0);
    raw_wait_ended(f->guest);
    assert_int_equal(vsp_interrupt(f->guest->channel, one.address, one.data), -ENOENT);
    assert_int_equal(vsp_message_raise(f->guest->channel, 3), -ENOENT);
    assert_int_equal(raw_interrupts(f->guest), 0);
}

/* ---- the MSI-X table ---------------------------------------------------------------------------------------- */

static void an_entry_delivers_the_pair_it_holds(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt one = create(f->guest, 0x31, 0, 1, 1), two = create(f->guest, 0x32, 0, 1, 1);
    assert_int_equal(vsp_message_raise(f->guest->channel, 0), -ENOENT); /* nothing was told yet */
    assert_int_equal(vsp_message_set(f->guest->channel, 0, one.address, one.data, false), 0);
    assert_int_equal(vsp_message_set(f->guest->channel, 2047, two.address, two.data, false), 0);
    assert_int_equal(vsp_message_raise(f->guest->channel, 2047), 0);
    assert_int_equal(f->guest->last.vector, 0x32);
    assert_int_equal(vsp_message_raise(f->guest->channel, 0), 0);
    assert_int_equal(f->guest->last.vector, 0x31);
    assert_int_equal(vsp_message_raise(f->guest->channel, 1), -ENOENT);
    assert_int_equal(vsp_message_set(f->guest->channel, 0, one.address, one.data + 64, false), 0); /* a lie */
    assert_int_equal(vsp_message_raise(f->guest->channel, 0), -ENOENT);
    assert_int_equal(vsp_message_set(f->guest->channel, 2048, 0, 0, false), -EINVAL);
    assert_int_equal(vsp_message_raise(f->guest->channel, 2048), -EINVAL);
    assert_int_equal(vsp_message_raise(f->guest->channel, 0xFFFFFFFF), -EINVAL);
    assert_int_equal(raw_interrupts(f->guest), 2);
}

static void what_is_raised_while_masked_is_delivered_once_when_unmasked(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt one = create(f->guest, 0x31, 0, 1, 1);
    vsp_message_set(f->guest->channel, 5, one.address, one.data, true);
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(vsp_message_raise(f->guest->channel, 5), 0);
    assert_int_equal(raw_interrupts(f->guest), 0);
    vsp_message_set(f->guest->channel, 5, one.address, one.data, true);
    assert_int_equal(raw_interrupts(f->guest), 0);
    vsp_message_set(f->guest->channel, 5, one.address, one.data, false);
    assert_int_equal(raw_interrupts(f->guest), 1);
    vsp_message_set(f->guest->channel, 5, one.address, one.data, false);
    assert_int_equal(raw_interrupts(f->guest), 1);
}

/* Only the first entry told needs memory; without it nothing was told. */
static void memory_that_is_short_costs_no_message(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt one = create(f->guest, 0x31, 0, 1, 1);
    scarce_no_memory = true;
    int refused = vsp_message_set(f->guest->channel, 5, one.address, one.data, false);
    int unknown = vsp_message_raise(f->guest->channel, 5);
    scarce_no_memory = false;
    assert_int_equal(refused, -ENOMEM);
    assert_int_equal(unknown, -ENOENT);
    assert_int_equal(vsp_message_set(f->guest->channel, 5, one.address, one.data, true), 0);
    scarce_no_memory = true;
    int pending = vsp_message_raise(f->guest->channel, 5);
    unsigned before = raw_interrupts(f->guest);
    int unmasked = vsp_message_set(f->guest->channel, 5, one.address, one.data, false);
    int other = vsp_message_set(f->guest->channel, 2047, one.address, one.data, false);
    int raised = vsp_message_raise(f->guest->channel, 2047);
    scarce_no_memory = false;
    assert_int_equal(pending, 0);
    assert_int_equal(before, 0);
    assert_int_equal(unmasked, 0);
    assert_int_equal(other, 0);
    assert_int_equal(raised, 0);
    assert_int_equal(raw_interrupts(f->guest), 2);
}

static void a_new_owner_finds_an_empty_table(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_translated_interrupt one = create(f->guest, 0x31, 0, 1, 1);
    vsp_message_set(f->guest->channel, 0, one.address, one.data, true);
    vsp_message_raise(f->guest->channel, 0);
    vmbus_guest_close(f->guest->guest);
    raw_open(f->guest, 5, 5);
    raw_up(f->guest);
    one = create(f->guest, 0x31, 0, 1, 1);
    assert_int_equal(vsp_message_raise(f->guest->channel, 0), -ENOENT);
    vsp_message_set(f->guest->channel, 0, one.address, one.data, false);
    assert_int_equal(raw_interrupts(f->guest), 0); /* what was pending went with the former owner */
}

struct device_model {
    struct raw_guest *raw;
    _Atomic bool stop;
    uint64_t address;
    _Atomic unsigned delivered;
};

/* Raises every pair there can be, without a pause. */
static void *raise_all(void *context)
{
    struct device_model *model = context;
    while (!model->stop) {
        for (uint32_t data = 0; data < 8 * 32; data += 32)
            model->delivered += vsp_interrupt(model->raw->channel, model->address, data) == 0;
    }
    return NULL;
}

static void raising_races_with_create_and_delete(void **state)
{
    struct raw_pair *f = *state;
    struct device_model model = {.raw = f->guest, .address = 0xFEE00000};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, raise_all, &model), 0);
    for (unsigned turn = 0; turn < 200 || !model.delivered; turn++) {
        struct vpci_translated_interrupt pairs[12]; /* more than the table begins with: it grows meanwhile */
        for (unsigned i = 0; i < 12; i++)
            pairs[i] = create(f->guest, (uint8_t)(0x30 + i), 0, 1, 1);
        for (unsigned i = 0; i < 12; i++)
            assert_int_equal(delete (f->guest, pairs[i]), VPCI_STATUS_SUCCESS);
        unsigned before = raw_interrupts(f->guest);
        assert_true(raw_alive(f->guest));
        assert_int_equal(raw_interrupts(f->guest), before); /* all are deleted: nothing comes */
    }
    model.stop = true;
    pthread_join(thread, NULL);
    assert_int_equal(raw_interrupts(f->guest), model.delivered);
}

/* ---- who waits for whom ------------------------------------------------------------------------------------- */

struct told {
    struct vsp_channel *channel;
    struct vpci_translated_interrupt pair;
    int result;
};

static void raise_it(void *context)
{
    struct told *told = context;
    told->result = vsp_interrupt(told->channel, told->pair.address, told->pair.data);
}

static void retarget_it(void *context)
{
    struct told *told = context;
    const struct vsp_delivery target = {.vector = 0x77, .processor_count = 1, .processors = (const uint16_t[]){9}};
    told->result = vsp_retarget(told->channel, told->pair.address, told->pair.data, &target);
}

/* One delivery is under way (it waits for the guest's lock, which is held here) and a change waits for it. Who raises
 * then waits behind the change; were it let past, raising without a pause would keep the change out for ever. */
static void what_is_raised_after_a_change_was_asked_for_does_not_go_past_it(void **state)
{
    struct raw_pair *f = *state;
    struct told raised = {f->guest->channel, create(f->guest, 0x31, 0, 1, 1), -1}, changed = raised, later = raised;
    struct asleep first, change, second;
    pthread_mutex_lock(&f->guest->lock);
    asleep_start(&first, raise_it, &raised);
    asleep_start(&change, retarget_it, &changed);
    asleep_start(&second, raise_it, &later);
    pthread_mutex_unlock(&f->guest->lock);
    asleep_join(&first);
    asleep_join(&change);
    asleep_join(&second);
    assert_int_equal(raised.result, 0);
    assert_int_equal(changed.result, 0);
    assert_int_equal(later.result, 0);
    assert_int_equal(raw_interrupts(f->guest), 2);
    assert_int_equal(f->guest->last.vector, 0x77);
    assert_int_equal(f->guest->processors[0], 9);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up_d0, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_pair_is_delivered_as_the_guest_asked_for_it),
        CASE(each_message_of_a_block_has_the_next_vector),
        CASE(what_the_guest_was_not_given_is_not_delivered),
        CASE(deleted_pairs_are_not_delivered_any_more),
        CASE(after_the_end_nothing_is_delivered),
        CASE(an_entry_delivers_the_pair_it_holds),
        CASE(what_is_raised_while_masked_is_delivered_once_when_unmasked),
        CASE(memory_that_is_short_costs_no_message),
        CASE(a_new_owner_finds_an_empty_table),
        CASE(raising_races_with_create_and_delete),
        CASE(what_is_raised_after_a_change_was_asked_for_does_not_go_past_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
