/* SPDX-License-Identifier: MIT
 *
 * PF drivers that do with the IOCTLs of the generic road what nothing forbids, or what they must not: complete at once
 * or never, say one thing and do another, have something new all the time. Nobody hangs, no guest gets a page that it
 * must not have, nothing is used after it is gone (pci.md 3.1, 3.7, 5.9).
 */
#include "unruly_pf.h"

#include <sched.h>

/* ---- at once ----------------------------------------------------------------------------------------------------- */

/* The worker that an update brings has nothing before the thread that gives the VF out. */
static void the_first_ranges_are_known_although_the_update_completes_at_once(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    for (unsigned i = 0; i < 200; i++) {
        atomic_store(&unruly.at_once, i % 3);
        give(0);
        configure(0, 0x10, 4, 0xE0000000);
        configure(0, 0x04, 2, 2);
        assert_int_equal(owners[0].told_when_mapped, 1);
        vstack_vf_free(vfs[0]);
    }
}

/* Until nothing is left to do; how often it was asked. */
static unsigned quiet(void)
{
    unsigned asks;
    do {
        asks = pf.count_asks;
        nt_drain_work(pf.pf.partition);
    } while (asks != pf.count_asks);
    return asks;
}

/* And begin again with the next change of state. */
static void updates_that_all_complete_at_once_come_to_an_end(void **state)
{
    ULONG64 value;
    (void)state;
    atomic_store(&unruly.at_once, UINT32_MAX);
    give(0);
    unsigned asks = quiet();
    assert_true(asks > 1 && asks < 32);
    settle(0);
    unsigned more = quiet();
    assert_true(more > asks && more < 2 * 32);
    atomic_store(&unruly.at_once, 0);
    mitigable_pf_range(&pf, 0, 1, true, true);
    settle(0);
    assert_non_null(pf.pf.waiting[MITIGABLE_UPDATE(0)]);
    announce(0);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_SUCCESS);
}

static void a_pf_with_something_new_at_each_question_keeps_nobody(void **state)
{
    (void)state;
    atomic_store(&unruly.restless, true);
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    assert_true(quiet() < 32);
    for (unsigned i = 0; i < 10; i++)
        settle(0);
    assert_true(quiet() < 11 * 32);
    vstack_vf_free(vfs[0]);
    give(0);
    atomic_store(&unruly.restless, false);
    settle(0);
}

/* ---- never ------------------------------------------------------------------------------------------------------- */

static void an_irp_kept_under_a_success_is_not_believed(void **state)
{
    static const ULONG one_range[6] = {1};
    (void)state;
    give(0);
    mitigable_pf_range(&pf, 2, 1, true, true);
    unruly_keep(IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, STATUS_SUCCESS);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    unruly_wait_until_kept();
    settle(0); /* nobody waits for it */
    assert_int_equal(count_of(0, 0), 0);
    memcpy(atomic_load(&pf.pf.kept)->AssociatedIrp.SystemBuffer, one_range, sizeof(one_range));
    unruly_give_back(STATUS_SUCCESS, 24);
    settle(0);
    assert_int_equal(count_of(0, 0), 1);
}

static void a_vf_is_freed_while_the_pf_keeps_its_irp(void **state)
{
    static const struct {
        ULONG code;
        NTSTATUS says;
    } rows[] = {
        {IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, STATUS_PENDING},
        {IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, STATUS_SUCCESS},
        {IOCTL_SRIOV_QUERY_MITIGATED_RANGES, STATUS_PENDING},
        {IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, STATUS_PENDING},
        {IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, STATUS_SUCCESS},
    };
    (void)state;
    vstack_patience_set(stack, 10);
    mitigable_pf_range(&pf, 2, 1, true, true);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        give(0);
        unruly_keep(rows[i].code, rows[i].says);
        mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
        unruly_wait_until_kept();
        vstack_vf_free(vfs[0]);
        unruly_give_back(STATUS_CANCELLED, 0);
        give(0);
        vstack_vf_free(vfs[0]);
    }
}

static void a_vf_whose_first_question_is_never_answered_is_not_given_out(void **state)
{
    struct vstack_vf *none = NULL;
    (void)state;
    vstack_patience_set(stack, 10);
    for (unsigned i = 0; i < 2; i++) {
        unruly_keep(IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, i ? STATUS_SUCCESS : STATUS_PENDING);
        assert_int_equal(vstack_vf_allocate(stack, &options, &none), NDIS_STATUS_REQUEST_ABORTED);
        assert_null(none);
        assert_null(pf.pf.waiting[MITIGABLE_UPDATE(0)]);
        unruly_give_back(STATUS_SUCCESS, 24);
    }
    unruly_change(&pf.count_status, STATUS_PENDING); /* kept, and given back when it is cancelled */
    assert_int_equal(vstack_vf_allocate(stack, &options, &none), NDIS_STATUS_REQUEST_ABORTED);
    unruly_change(&pf.count_status, STATUS_SUCCESS);
    give(0);
}

/* What was in force stays; the next change that is announced, the patience being over, is asked about anew. */
static void a_count_that_is_never_answered_is_given_up(void **state)
{
    ULONG64 value;
    (void)state;
    vstack_patience_set(stack, 1000);
    mitigable_pf_range(&pf, 2, 1, true, true);
    give(0);
    unruly_change(&pf.count_status, STATUS_PENDING);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    generic_pf_wait(&pf.count_asks, 2);
    unruly_change(&pf.count_status, STATUS_SUCCESS);
    mitigable_pf_range(&pf, 3, 1, true, true);
    announce(0);
    assert_int_equal(pf.count_asks, 2);
    assert_int_equal(read_register(0, 0, 2 * PAGE, 4, &value), STATUS_SUCCESS);
    nt_clock_advance(pf.pf.partition, 1000000000);
    announce(0);
    generic_pf_wait(&pf.count_asks, 3);
    settle(0);
    assert_int_equal(read_register(0, 0, 3 * PAGE, 4, &value), STATUS_SUCCESS);
    assert_int_equal(read_register(0, 0, 2 * PAGE, 4, &value), STATUS_NOT_FOUND);
}

static void a_stack_ends_whatever_ioctl_the_pf_keeps(void **state)
{
    static const struct {
        ULONG code;
        NTSTATUS says;
    } rows[] = {
        {IOCTL_SRIOV_NOTIFICATION, STATUS_PENDING},     {IOCTL_SRIOV_NOTIFICATION, STATUS_SUCCESS},
        {IOCTL_SRIOV_INVALIDATE_BLOCK, STATUS_PENDING}, {IOCTL_SRIOV_INVALIDATE_BLOCK, STATUS_SUCCESS},
        {IOCTL_SRIOV_EVENT_COMPLETE, STATUS_PENDING},   {IOCTL_SRIOV_EVENT_COMPLETE, STATUS_SUCCESS},
        {IOCTL_SRIOV_DETACH, STATUS_PENDING},           {IOCTL_SRIOV_DETACH, STATUS_SUCCESS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        vstack_destroy(stack);
        unruly_keep(rows[i].code, rows[i].says);
        open_stack();
        vstack_patience_set(stack, 10);
        if (rows[i].code == IOCTL_SRIOV_EVENT_COMPLETE)
            generic_pf_event(&pf.pf, SriovEventPfQueryStopDevice);
        vstack_destroy(stack);
        unruly_wait_until_kept();
        unruly_give_back(STATUS_SUCCESS, 0);
        open_stack();
    }
}

/* As it is cancelled, and not before. */
static void *completes_when_cancelled(void *context)
{
    (void)context;
    nt_enter(pf.pf.partition);
    unruly_wait_until_kept();
    while (!__atomic_load_n(&atomic_load(&pf.pf.kept)->Cancel, __ATOMIC_SEQ_CST))
        sched_yield();
    unruly_give_back(STATUS_CANCELLED, 0);
    nt_enter(NULL);
    return NULL;
}

static void a_stack_ends_while_what_it_cancelled_comes_back(void **state)
{
    static const ULONG codes[] = {IOCTL_SRIOV_NOTIFICATION, IOCTL_SRIOV_INVALIDATE_BLOCK};
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        pthread_t thread;
        vstack_destroy(stack);
        unruly_keep(codes[i % 2], STATUS_PENDING);
        open_stack();
        assert_int_equal(pthread_create(&thread, NULL, completes_when_cancelled, NULL), 0);
        vstack_destroy(stack);
        pthread_join(thread, NULL);
        open_stack();
    }
}

/* ---- many of them in one partition, which has 32 workers --------------------------------------------------------- */

#define PFS 40

static struct mitigable_pf pfs[PFS];
static struct vstack *stacks[PFS];
static struct vstack_vf *crowd[PFS][PF_VFS - 1];
static struct asked resets[PFS], powers[PFS];
static atomic_uint inside_power;
static const struct vstack_partition nobody = {.name = "guest"};

static int no_crowd(void **state)
{
    (void)state;
    memset(&unruly, 0, sizeof(unruly));
    atomic_store(&inside_power, 0);
    return 0;
}

/* All workers are inside when the changes are announced. */
static NTSTATUS power_together(PVOID context, USHORT vf, DEVICE_POWER_STATE power, BOOLEAN wake)
{
    (void)power, (void)wake;
    atomic_fetch_add(&inside_power, 1);
    generic_pf_wait(&inside_power, 32);
    mitigable_pf_range(context, 0, 1, true, true);
    mitigable_pf_update(context, vf, vf, STATUS_SUCCESS, 2);
    return STATUS_SUCCESS;
}

static void crowd_in(unsigned count, unsigned each)
{
    for (unsigned i = 0; i < count; i++) {
        mitigable_pf_create(&pfs[i], sizeof(MITIGABLE_DEVICE_INTERFACE));
        generic_pf_move(&pfs[i].pf, &pfs[0].pf);
        pfs[i].pf.offer.SetVfPowerState = power_together;
        assert_int_equal(vstack_create_generic(pfs[i].pf.pdo, &stacks[i]), STATUS_SUCCESS);
        assert_int_equal(vstack_switch_create(stacks[i], PF_VFS), NDIS_STATUS_SUCCESS);
        for (unsigned k = 0; k < each; k++) {
            assert_int_equal(vstack_vf_allocate(stacks[i], &options, &crowd[i][k]), NDIS_STATUS_SUCCESS);
            assert_int_equal(vstack_vf_attach(crowd[i][k], &nobody, NULL), STATUS_SUCCESS);
        }
    }
}

static void crowd_out(unsigned count)
{
    for (unsigned i = count; i-- > 0;) {
        vstack_destroy(stacks[i]);
        mitigable_pf_destroy(&pfs[i]);
    }
}

static void above_passive(void (*call)(struct vstack_vf *vf, struct asked *asked), struct vstack_vf *vf,
                          struct asked *asked)
{
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    call(vf, asked);
    KeLowerIrql(irql);
}

static void sleep_now(struct vstack_vf *vf, struct asked *asked)
{
    vstack_set_power(vf, ready(asked), NdisDeviceStateD3);
}

static void reset_now(struct vstack_vf *vf, struct asked *asked)
{
    vstack_reset(vf, ready(asked));
}

static void changes_of_more_pfs_than_workers_are_all_told(void **state)
{
    (void)state;
    crowd_in(PFS, 1);
    for (unsigned i = 0; i < PFS; i++)
        above_passive(sleep_now, crowd[i][0], &powers[i]);
    for (unsigned i = 0; i < PFS; i++)
        generic_pf_wait(&powers[i].done, 1);
    crowd_out(PFS);
}

/* More questions wait than there are workers, for as long as they like. */
static void questions_that_wait_keep_no_worker(void **state)
{
    const unsigned others = 5;
    (void)state;
    crowd_in(others + 1, PF_VFS - 1);
    for (unsigned i = 0; i <= others; i++)
        vstack_patience_set(stacks[i], 0);
    for (unsigned i = 0; i < others; i++) {
        pthread_mutex_lock(&pfs[i].lock);
        pfs[i].count_status = STATUS_PENDING;
        pthread_mutex_unlock(&pfs[i].lock);
        for (USHORT k = 0; k < PF_VFS - 1; k++)
            mitigable_pf_update(&pfs[i], k, k, STATUS_SUCCESS, 2);
        generic_pf_wait(&pfs[i].count_asks, 2 * (PF_VFS - 1));
    }
    above_passive(reset_now, crowd[others][0], &resets[0]);
    generic_pf_wait(&resets[0].done, 1);
    crowd_out(others + 1);
}

/* Nor does the end of an event, which the PF driver has to take at once. */
static void events_that_are_not_taken_keep_no_worker(void **state)
{
    const unsigned others = 32;
    (void)state;
    crowd_in(others + 1, 1);
    for (unsigned i = 0; i < others; i++) {
        vstack_vf_free(crowd[i][0]);
        atomic_store(&pfs[i].pf.says, STATUS_PENDING);
        atomic_store(&pfs[i].pf.keeps, IOCTL_SRIOV_EVENT_COMPLETE);
        vstack_patience_set(stacks[i], 1);
        generic_pf_event(&pfs[i].pf, SriovEventPfQueryStopDevice);
    }
    for (unsigned i = 0; i < others; i++) {
        while (!atomic_load(&pfs[i].pf.kept))
            sched_yield();
    }
    above_passive(reset_now, crowd[others][0], &resets[0]);
    generic_pf_wait(&resets[0].done, 1);
    for (unsigned i = 0; i < others; i++) {
        atomic_store(&pfs[i].pf.keeps, 0);
        generic_pf_complete(atomic_exchange(&pfs[i].pf.kept, NULL), STATUS_SUCCESS, 0);
    }
    crowd_out(others + 1);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_unruly, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_ranges_are_known_although_the_update_completes_at_once),
        CASE(updates_that_all_complete_at_once_come_to_an_end),
        CASE(a_pf_with_something_new_at_each_question_keeps_nobody),
        CASE(an_irp_kept_under_a_success_is_not_believed),
        CASE(a_vf_is_freed_while_the_pf_keeps_its_irp),
        CASE(a_vf_whose_first_question_is_never_answered_is_not_given_out),
        CASE(a_count_that_is_never_answered_is_given_up),
        CASE(a_stack_ends_whatever_ioctl_the_pf_keeps),
        CASE(a_stack_ends_while_what_it_cancelled_comes_back),
        cmocka_unit_test_setup(changes_of_more_pfs_than_workers_are_all_told, no_crowd),
        cmocka_unit_test_setup(questions_that_wait_keep_no_worker, no_crowd),
        cmocka_unit_test_setup(events_that_are_not_taken_keep_no_worker, no_crowd),
    };
    return cmocka_run_group_tests_name("path / generic unruly", tests, NULL, NULL);
}
