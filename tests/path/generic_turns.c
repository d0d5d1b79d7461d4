/* SPDX-License-Identifier: MIT
 *
 * The virtualization stack and a PF driver that is no miniport, at work: turns, rebalances, invalidations, a card that
 * is pulled (pci.md 3.3 to 3.7).
 */
#include "road_rig.h"

/* ---- turns
 * -------------------------------------------------------------------------------------------------------------- */

static void an_idle_pf_is_called_on_the_callers_thread(void **state)
{
    struct asked asked;
    (void)state;
    give(0);
    vstack_block_read(vfs[0], &ready(&asked)->request, 1, 4);
    assert_int_equal(asked.done, 1);
}

static void a_caller_above_passive_does_not_reach_the_pf_itself(void **state)
{
    struct asked asked;
    KIRQL irql;
    (void)state;
    give(0);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_block_read(vfs[0], &ready(&asked)->request, 1, 4);
    KeLowerIrql(irql);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(asked.request.status, STATUS_SUCCESS);
    assert_int_equal(pf.above_passive, 0);
}

struct caller {
    pthread_t thread;
    unsigned vf;
    struct asked asked;
};

static void *call_main(void *context)
{
    struct caller *caller = context;
    nt_enter(pf.partition);
    vstack_block_read(vfs[caller->vf], &caller->asked.request, 1, 4);
    nt_enter(NULL);
    return NULL;
}

static void while_the_pf_is_busy_others_wait_without_their_threads(void **state)
{
    struct caller first = {.vf = 0};
    struct asked later[3];
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        give(i);
    atomic_store(&pf.hold, true);
    ready(&first.asked);
    pthread_create(&first.thread, NULL, call_main, &first);
    generic_pf_wait(&pf.held, 1);
    for (unsigned i = 0; i < 3; i++) {
        vstack_block_read(vfs[i + 1], &ready(&later[i])->request, 1, 4); /* returns at once */
        assert_int_equal(later[i].done, 0);
    }
    atomic_store(&pf.hold, false);
    pthread_join(first.thread, NULL);
    for (unsigned i = 0; i < 3; i++)
        generic_pf_wait(&later[i].done, 1);
}

static void an_owner_that_leaves_does_not_wait_for_a_slow_pf(void **state)
{
    struct caller first = {.vf = 0};
    struct asked waiting;
    (void)state;
    give(0);
    give(1);
    atomic_store(&pf.hold, true);
    ready(&first.asked);
    pthread_create(&first.thread, NULL, call_main, &first);
    generic_pf_wait(&pf.held, 1);
    vstack_block_read(vfs[1], &ready(&waiting)->request, 1, 4);
    vstack_vf_detach(vfs[1]);
    assert_int_equal(waiting.done, 1);
    assert_int_equal(waiting.request.status, STATUS_CANCELLED);
    vstack_vf_detach(vfs[0]); /* also what the PF driver holds */
    assert_int_equal(first.asked.done, 1);
    assert_int_equal(first.asked.request.status, STATUS_CANCELLED);
    atomic_store(&pf.hold, false);
    pthread_join(first.thread, NULL);
}

static void *hammer_main(void *context)
{
    unsigned vf = (unsigned)(uintptr_t)context;
    nt_enter(pf.partition);
    for (unsigned i = 0; i < 300; i++) {
        struct asked asked;
        KIRQL irql;
        ready(&asked);
        if (i % 3 == 0)
            KeRaiseIrql(DISPATCH_LEVEL, &irql);
        vstack_block_read(vfs[vf], &asked.request, 1, 4);
        if (i % 3 == 0)
            KeLowerIrql(irql);
        generic_pf_wait(&asked.done, 1);
        assert_int_equal(asked.request.status, STATUS_SUCCESS);
    }
    nt_enter(NULL);
    return NULL;
}

/* generic_pf_destroy looks at the overlaps. VFs come and go meanwhile. */
static void one_call_is_inside_at_a_time(void **state)
{
    pthread_t threads[3];
    struct vstack_vf *vf;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        give(i);
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, hammer_main, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < 20; i++) {
        assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_SUCCESS);
        vstack_vf_free(vf);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(pf.overlaps, 0);
}

/* ---- a rebalance
 * ---------------------------------------------------------------------------------------------------------- */

static void a_rebalance_is_vetoed_while_a_vf_is_given_out(void **state)
{
    (void)state;
    give(0);
    vstack_vf_detach(vfs[0]); /* nobody's, but what is known of it would be wrong afterwards */
    generic_pf_event(&pf, SriovEventPfQueryStopDevice);
    generic_pf_wait(&pf.event_completes, 1);
    assert_int_equal(pf.word, STATUS_DEVICE_BUSY);
    generic_pf_wait(&pf.notifications, 2); /* it listens again */
    vstack_vf_free(vfs[0]);
    give(0); /* nothing was stopped */
}

static void a_rebalance_without_vfs_is_agreed_to_and_none_is_given_out_meanwhile(void **state)
{
    struct vstack_vf *vf;
    (void)state;
    generic_pf_event(&pf, SriovEventPfQueryStopDevice);
    generic_pf_wait(&pf.event_completes, 1);
    assert_int_equal(pf.word, STATUS_SUCCESS);
    assert_int_equal(vstack_vf_allocate(stack, &options, &vf), NDIS_STATUS_INVALID_STATE);
    generic_pf_event(&pf, SriovEventPfRestart);
    generic_pf_wait(&pf.event_completes, 2);
    assert_int_equal(pf.word, STATUS_SUCCESS);
    give(0);
}

static void an_event_that_does_not_exist_is_answered(void **state)
{
    (void)state;
    generic_pf_event(&pf, 77);
    generic_pf_wait(&pf.event_completes, 1);
    assert_int_equal(pf.word, STATUS_SUCCESS);
    give(0);
}

/* ---- invalidations
 * --------------------------------------------------------------------------------------------------------- */

static void an_invalidation_reaches_its_vf_alone(void **state)
{
    (void)state;
    give(0);
    give(1);
    generic_pf_invalidate(&pf, 1, 0x8000000000000001ull, 16);
    generic_pf_wait(&owners[1].told, 1);
    assert_int_equal(vstack_take_invalidations(vfs[1]), 0x8000000000000001ull);
    assert_int_equal(owners[0].told, 0);
    assert_int_equal(vstack_take_invalidations(vfs[0]), 0);
}

static void an_invalidation_of_all_reaches_every_vf_that_is_there(void **state)
{
    struct vstack_vf *late;
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        give(i);
    generic_pf_invalidate(&pf, SRIOV_INVALIDATE_BLOCK_ALL_VFS, 6, 16);
    for (unsigned i = 0; i < 3; i++) {
        generic_pf_wait(&owners[i].told, 1);
        assert_int_equal(vstack_take_invalidations(vfs[i]), 6);
        assert_int_equal(owners[i].told, 1);
    }
    assert_int_equal(vstack_vf_allocate(stack, &options, &late), NDIS_STATUS_SUCCESS);
    assert_int_equal(vstack_take_invalidations(late), 0); /* pci.md 5.12 rule 6 */
}

static void invalidations_add_up_until_they_are_taken_and_the_owner_is_told_once(void **state)
{
    (void)state;
    give(0);
    generic_pf_invalidate(&pf, 0, 1, 16);
    generic_pf_invalidate(&pf, SRIOV_INVALIDATE_BLOCK_ALL_VFS, 2, 16);
    generic_pf_invalidate(&pf, 0, 4, 16);
    generic_pf_invalidate(&pf, 7, 1, 16); /* nobody's; when it is heard the others have been */
    generic_pf_invalidate(&pf, 0, 0, 16); /* nothing */
    generic_pf_invalidate(&pf, SRIOV_INVALIDATE_BLOCK_ALL_VFS, 0, 16);
    generic_pf_invalidate(&pf, 0xFFFE, 8, 16);
    assert_int_equal(vstack_take_invalidations(vfs[0]), 7);
    assert_int_equal(owners[0].told, 1);
}

/* No endless question and answer with a PF driver that does not do it. */
static void a_pf_that_cannot_invalidate_is_asked_once(void **state)
{
    struct asked asked;
    (void)state;
    pf.invalidate = STATUS_NOT_SUPPORTED;
    assert_int_equal(vstack_create_generic(pf.pdo, &stack), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(stack, 1), NDIS_STATUS_SUCCESS);
    give(0);
    vstack_block_read(vfs[0], &ready(&asked)->request, 1, 4);
    assert_int_equal(asked.request.status, STATUS_SUCCESS);
}

static void an_answer_of_a_wrong_length_is_not_believed(void **state)
{
    (void)state;
    give(0);
    generic_pf_invalidate(&pf, 0, 1, 8);
    vstack_destroy(stack); /* it has been heard */
    stack = NULL;
    assert_int_equal(owners[0].told, 0);
}

/* ---- the card is pulled
 * ------------------------------------------------------------------------------------------------------ */

static void a_pulled_card_is_told_to_every_owner_once(void **state)
{
    struct asked asked;
    (void)state;
    give(0);
    give(1);
    generic_pf_fail_waiting(&pf, STATUS_NO_SUCH_DEVICE);
    for (unsigned i = 0; i < 2; i++)
        generic_pf_wait(&owners[i].removed, 1);
    vstack_pf_removed(stack); /* the host hears of it, too */
    vstack_block_read(vfs[0], &ready(&asked)->request, 1, 4);
    assert_int_equal(asked.request.status, STATUS_DEVICE_REMOVED);
    assert_int_equal(owners[0].removed, 1);
    assert_int_equal(owners[1].removed, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(an_idle_pf_is_called_on_the_callers_thread),
        CASE(a_caller_above_passive_does_not_reach_the_pf_itself),
        CASE(while_the_pf_is_busy_others_wait_without_their_threads),
        CASE(an_owner_that_leaves_does_not_wait_for_a_slow_pf),
        CASE(one_call_is_inside_at_a_time),
        CASE(a_rebalance_is_vetoed_while_a_vf_is_given_out),
        CASE(a_rebalance_without_vfs_is_agreed_to_and_none_is_given_out_meanwhile),
        CASE(an_event_that_does_not_exist_is_answered),
        CASE(an_invalidation_reaches_its_vf_alone),
        CASE(an_invalidation_of_all_reaches_every_vf_that_is_there),
        CASE(invalidations_add_up_until_they_are_taken_and_the_owner_is_told_once),
        BARE(a_pf_that_cannot_invalidate_is_asked_once),
        CASE(an_answer_of_a_wrong_length_is_not_believed),
        CASE(a_pulled_card_is_told_to_every_owner_once),
    };
    return cmocka_run_group_tests_name("path / generic turns", tests, NULL, NULL);
}
