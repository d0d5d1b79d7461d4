/* SPDX-License-Identifier: MIT
 *
 * What a PF driver announced before it answered a change of the VF's state is told before the owner is answered, and no
 * change is lost, whatever is under way at that moment (pci.md 3.7, vstack.h).
 */
#include "unruly_pf.h"

#include <sched.h>

/* On a worker: the test goes on meanwhile. */
static void sleep_elsewhere(struct asked *asked)
{
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_set_power(vfs[0], ready(asked), NdisDeviceStateD3);
    KeLowerIrql(irql);
}

/* No update is pending at that moment: it remembers, and completes the next one at once. */
static NTSTATUS power_and_remember(PVOID context, USHORT vf, DEVICE_POWER_STATE power, BOOLEAN wake)
{
    (void)vf, (void)power, (void)wake;
    generic_pf_enter(context);
    mitigable_pf_range(context, 0, 1, true, true);
    atomic_store(&unruly.at_once, 1);
    return generic_pf_leave(context);
}

/* Another thread has answered the first of two updates and is at the second's. */
static void a_change_remembered_until_the_next_update_is_told_before_the_answer(void **state)
{
    struct asked asked;
    (void)state;
    pf.pf.offer.SetVfPowerState = power_and_remember;
    vstack_destroy(stack);
    open_stack();
    give(0);
    atomic_store(&unruly.in_update, false);
    atomic_store(&unruly.hold_update, true);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2); /* nothing has changed */
    unruly_wait_until(&unruly.in_update);              /* a worker is inside with the next one */
    sleep_elsewhere(&asked);
    while (!atomic_load(&unruly.at_once)) /* the callback is over */
        sched_yield();
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    assert_int_equal(asked.done, 0);
    atomic_store(&unruly.hold_update, false);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(count_of(0, 0), 1);
    assert_int_equal(owners[0].told, 1);
}

/* A question that began before the change knows nothing of it. */
static void a_question_under_way_is_not_the_answer(void **state)
{
    struct asked asked;
    (void)state;
    pf.late = true;
    give(0);
    atomic_store(&unruly.in_count, false);
    atomic_store(&unruly.hold_count, true);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    unruly_wait_until(&unruly.in_count);
    sleep_elsewhere(&asked);
    generic_pf_wait(&pf.lates, 1);
    atomic_store(&unruly.hold_count, false);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(count_of(0, 0), 1);
}

/* Its answer was made before the change: the one after it counts. */
static void an_answer_from_before_the_change_is_not_the_answer(void **state)
{
    struct asked asked;
    (void)state;
    pf.late = true;
    give(0);
    atomic_store(&unruly.hold_answer, true);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    unruly_wait_until(&unruly.in_answer);
    sleep_elsewhere(&asked);
    generic_pf_wait(&pf.lates, 1);
    atomic_store(&unruly.in_count, false);
    atomic_store(&unruly.hold_count, true);
    atomic_store(&unruly.hold_answer, false);
    while (!atomic_load(&unruly.in_count) && !asked.done)
        sched_yield();
    assert_int_equal(asked.done, 0);
    atomic_store(&unruly.hold_count, false);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(count_of(0, 0), 1);
}

/* Nobody waits for it, and it is asked about all the same. A worker may come before; hardly each time. */
static void a_change_inside_the_last_question_is_not_lost(void **state)
{
    (void)state;
    pf.late = true;
    give(0);
    for (unsigned i = 0; i < 30; i++) {
        struct asked asked;
        atomic_store(&unruly.changes, true);
        vstack_set_power(vfs[0], ready(&asked), NdisDeviceStateD0);
        generic_pf_wait(&asked.done, 1);
        while (!count_of(0, 0))
            sched_yield();
    }
}

/* The update that is just being given is the one that the PF driver completes at once. */
static void an_update_that_is_being_given_is_waited_for(void **state)
{
    struct asked asked;
    (void)state;
    pf.pf.offer.SetVfPowerState = power_and_remember;
    vstack_destroy(stack);
    open_stack();
    give(0);
    atomic_store(&unruly.in_update, false);
    atomic_store(&unruly.skip, 1); /* that one completes at once, and is asked about */
    atomic_store(&unruly.at_once, 1);
    atomic_store(&unruly.hold_update, true);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    unruly_wait_until(&unruly.in_update);
    assert_int_equal(unruly.at_once, 0);
    sleep_elsewhere(&asked);
    while (!atomic_load(&unruly.at_once))
        sched_yield();
    for (unsigned i = 0; i < 1000; i++)
        sched_yield();
    assert_int_equal(asked.done, 0);
    atomic_store(&unruly.hold_update, false);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(count_of(0, 0), 1);
}

/* ---- when the PF driver lets wait, or fails ---------------------------------------------------------------------- */

static void a_question_that_waits_holds_up_no_announcement_and_no_answer(void **state)
{
    ULONG64 value;
    (void)state;
    vstack_patience_set(stack, 1000);
    give(0);
    unruly_change(&pf.count_status, STATUS_PENDING);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    generic_pf_wait(&pf.count_asks, 2);
    unruly_change(&pf.count_status, STATUS_SUCCESS);
    mitigable_pf_range(&pf, 3, 1, true, true);
    for (unsigned i = 0; i < 5; i++)
        mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2); /* waits until there is one again */
    nt_drain_work(pf.pf.partition);
    assert_int_equal(pf.count_asks, 2);
    settle(0);
    nt_clock_advance(pf.pf.partition, 1000000000);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    generic_pf_wait(&pf.count_asks, 3);
    settle(0);
    assert_int_equal(read_register(0, 0, 3 * PAGE, 4, &value), STATUS_SUCCESS);
}

/* Whatever was before it. */
static void an_update_that_fails_holds_up_no_answer(void **state)
{
    static const struct {
        NTSTATUS status;
        USHORT named;
        ULONG_PTR information;
    } rows[] = {
        {STATUS_NO_SUCH_DEVICE, 0, 0}, {STATUS_SUCCESS, 0, 1}, {STATUS_SUCCESS, 1, 2}, {STATUS_CANCELLED, 0, 0}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        for (unsigned before = 0; before < 3; before++) {
            atomic_store(&unruly.at_once, before);
            give(0);
            settle(0);
            mitigable_pf_update(&pf, 0, rows[i].named, rows[i].status, rows[i].information);
            settle(0);
            settle(0);
            assert_null(pf.pf.waiting[MITIGABLE_UPDATE(0)]);
            vstack_vf_free(vfs[0]);
        }
    }
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_unruly, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_change_remembered_until_the_next_update_is_told_before_the_answer),
        CASE(a_question_under_way_is_not_the_answer),
        CASE(an_answer_from_before_the_change_is_not_the_answer),
        CASE(a_change_inside_the_last_question_is_not_lost),
        CASE(an_update_that_is_being_given_is_waited_for),
        CASE(a_question_that_waits_holds_up_no_announcement_and_no_answer),
        CASE(an_update_that_fails_holds_up_no_answer),
    };
    return cmocka_run_group_tests_name("path / generic order", tests, NULL, NULL);
}
