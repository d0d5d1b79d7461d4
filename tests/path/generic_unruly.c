/* SPDX-License-Identifier: MIT
 *
 * PF drivers that do with the IOCTLs of the generic road what nothing forbids, or what they must not: complete at once
 * or never, say one thing and do another, have something new all the time. Nobody hangs, no guest gets a page that it
 * must not have, nothing is used after it is gone (pci.md 3.1, 3.7, 5.9).
 */
#include "mitigation_rig.h"

#include <sched.h>

static void wait_while(const atomic_bool *flag)
{
    while (atomic_load(flag))
        sched_yield();
}

static void wait_until(const atomic_bool *flag)
{
    while (!atomic_load(flag))
        sched_yield();
}

static void change(NTSTATUS *what, NTSTATUS status)
{
    pthread_mutex_lock(&pf.lock);
    *what = status;
    pthread_mutex_unlock(&pf.lock);
}

/* ---- an unruly PF driver ----------------------------------------------------------------------------------------- */

static struct {
    atomic_uint at_once;     /* so many updates more complete inside the dispatch routine */
    atomic_bool hold_update; /* the dispatch routine stays inside, */
    atomic_bool in_update;
    atomic_bool hold_count; /* of counts too, */
    atomic_bool in_count;
    atomic_bool restless; /* each count announces one change more */
} unruly;

static NTSTATUS finish_update(PIRP irp)
{
    return generic_pf_complete(irp, STATUS_SUCCESS, 2); /* the VF's number still stands in the buffer */
}

static NTSTATUS unruly_update(struct generic_pf *generic, PIRP irp)
{
    atomic_store(&unruly.in_update, true);
    wait_while(&unruly.hold_update);
    if (!atomic_load(&unruly.at_once))
        return mitigable_pf_control(generic, IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, irp);
    atomic_fetch_sub(&unruly.at_once, 1);
    atomic_fetch_add(&pf.updates, 1);
    return finish_update(irp);
}

static void announce_from_inside(struct generic_pf *generic, USHORT vf)
{
    PIRP *place = &generic->waiting[MITIGABLE_UPDATE(vf)], irp = NULL;
    pthread_mutex_lock(&generic->lock);
    if (*place && IoSetCancelRoutine(*place, NULL)) {
        irp = *place;
        *place = NULL;
    }
    pthread_mutex_unlock(&generic->lock);
    if (irp)
        finish_update(irp);
}

static NTSTATUS unruly_count(struct generic_pf *generic, PIRP irp)
{
    const USHORT vf = *(USHORT *)irp->AssociatedIrp.SystemBuffer;
    atomic_store(&unruly.in_count, true);
    wait_while(&unruly.hold_count);
    if (atomic_load(&unruly.restless))
        announce_from_inside(generic, vf);
    return mitigable_pf_control(generic, IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, irp);
}

static NTSTATUS unruly_control(struct generic_pf *generic, ULONG code, PIRP irp)
{
    if (code == IOCTL_SRIOV_MITIGATED_RANGE_UPDATE)
        return unruly_update(generic, irp);
    if (code == IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT)
        return unruly_count(generic, irp);
    return mitigable_pf_control(generic, code, irp);
}

static void keep(ULONG code, NTSTATUS says)
{
    atomic_store(&pf.pf.says, says);
    atomic_store(&pf.pf.keeps, code);
}

static void wait_until_kept(void)
{
    while (!atomic_load(&pf.pf.kept))
        sched_yield();
}

static void give_back(NTSTATUS status, ULONG_PTR information)
{
    PIRP irp = atomic_exchange(&pf.pf.kept, NULL);
    assert_non_null(irp);
    atomic_store(&pf.pf.keeps, 0);
    generic_pf_complete(irp, status, information);
}

static int set_up_unruly(void **state)
{
    memset(&unruly, 0, sizeof(unruly));
    set_up(state);
    pf.pf.other = unruly_control;
    return 0;
}

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

static void updates_that_all_complete_at_once_come_to_an_end(void **state)
{
    ULONG64 value;
    (void)state;
    atomic_store(&unruly.at_once, UINT32_MAX);
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    for (unsigned i = 0; i < 32; i++)
        settle(0);
    unsigned updates = pf.updates, asks = pf.count_asks;
    assert_true(updates > 1 && updates < 32);
    for (unsigned i = 0; i < 10; i++)
        settle(0);
    nt_drain_work(pf.pf.partition);
    assert_int_equal(pf.updates, updates);
    assert_int_equal(pf.count_asks, asks);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_SUCCESS);
    atomic_store(&unruly.at_once, 0);
    vstack_vf_free(vfs[0]);
    give(0);
    assert_non_null(pf.pf.waiting[MITIGABLE_UPDATE(0)]);
}

static void a_pf_with_something_new_at_each_question_keeps_nobody(void **state)
{
    (void)state;
    atomic_store(&unruly.restless, true);
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    for (unsigned i = 0; i < 10; i++)
        settle(0);
    vstack_vf_free(vfs[0]);
    give(0);
    atomic_store(&unruly.restless, false);
    settle(0);
}

/* ---- what was announced before is told before -------------------------------------------------------------------- */

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
    KIRQL irql;
    (void)state;
    pf.pf.offer.SetVfPowerState = power_and_remember;
    vstack_destroy(stack);
    open_stack();
    give(0);
    atomic_store(&unruly.in_update, false);
    atomic_store(&unruly.hold_update, true);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2); /* nothing has changed */
    wait_until(&unruly.in_update);                     /* a worker is inside with the next one */
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_set_power(vfs[0], ready(&asked), NdisDeviceStateD3);
    KeLowerIrql(irql);
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
    KIRQL irql;
    (void)state;
    pf.late = true;
    give(0);
    atomic_store(&unruly.in_count, false);
    atomic_store(&unruly.hold_count, true);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    wait_until(&unruly.in_count);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_set_power(vfs[0], ready(&asked), NdisDeviceStateD3);
    KeLowerIrql(irql);
    generic_pf_wait(&pf.lates, 1);
    atomic_store(&unruly.hold_count, false);
    generic_pf_wait(&asked.done, 1);
    assert_int_equal(count_of(0, 0), 1);
}

/* ---- never ------------------------------------------------------------------------------------------------------- */

static void an_irp_kept_under_a_success_is_not_believed(void **state)
{
    static const ULONG one_range[6] = {1};
    (void)state;
    give(0);
    mitigable_pf_range(&pf, 2, 1, true, true);
    keep(IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, STATUS_SUCCESS);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    wait_until_kept();
    settle(0); /* nobody waits for it */
    assert_int_equal(count_of(0, 0), 0);
    memcpy(atomic_load(&pf.pf.kept)->AssociatedIrp.SystemBuffer, one_range, sizeof(one_range));
    give_back(STATUS_SUCCESS, 24);
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
        keep(rows[i].code, rows[i].says);
        mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
        wait_until_kept();
        vstack_vf_free(vfs[0]);
        give_back(STATUS_CANCELLED, 0);
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
        keep(IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, i ? STATUS_SUCCESS : STATUS_PENDING);
        assert_int_equal(vstack_vf_allocate(stack, &options, &none), NDIS_STATUS_REQUEST_ABORTED);
        assert_null(none);
        assert_null(pf.pf.waiting[MITIGABLE_UPDATE(0)]);
        give_back(STATUS_SUCCESS, 24);
    }
    change(&pf.count_status, STATUS_PENDING); /* kept, and given back when it is cancelled */
    assert_int_equal(vstack_vf_allocate(stack, &options, &none), NDIS_STATUS_REQUEST_ABORTED);
    change(&pf.count_status, STATUS_SUCCESS);
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
    change(&pf.count_status, STATUS_PENDING);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    generic_pf_wait(&pf.count_asks, 2);
    change(&pf.count_status, STATUS_SUCCESS);
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
        keep(rows[i].code, rows[i].says);
        open_stack();
        vstack_patience_set(stack, 10);
        if (rows[i].code == IOCTL_SRIOV_EVENT_COMPLETE)
            generic_pf_event(&pf.pf, SriovEventPfQueryStopDevice);
        vstack_destroy(stack);
        wait_until_kept();
        give_back(STATUS_SUCCESS, 0);
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

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up_unruly, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_first_ranges_are_known_although_the_update_completes_at_once),
        CASE(updates_that_all_complete_at_once_come_to_an_end),
        CASE(a_pf_with_something_new_at_each_question_keeps_nobody),
        CASE(a_change_remembered_until_the_next_update_is_told_before_the_answer),
        CASE(a_question_under_way_is_not_the_answer),
        CASE(an_irp_kept_under_a_success_is_not_believed),
        CASE(a_vf_is_freed_while_the_pf_keeps_its_irp),
        CASE(a_vf_whose_first_question_is_never_answered_is_not_given_out),
        CASE(a_count_that_is_never_answered_is_given_up),
        CASE(a_stack_ends_whatever_ioctl_the_pf_keeps),
        cmocka_unit_test_setup(changes_of_more_pfs_than_workers_are_all_told, no_crowd),
        cmocka_unit_test_setup(questions_that_wait_keep_no_worker, no_crowd),
    };
    return cmocka_run_group_tests_name("path / generic unruly", tests, NULL, NULL);
}
