/* SPDX-License-Identifier: MIT */
#include "unruly_pf.h"

#include <sched.h>

static void wait_while(const atomic_bool *flag)
{
    while (atomic_load(flag))
        sched_yield();
}

void unruly_wait_until(const atomic_bool *flag)
{
    while (!atomic_load(flag))
        sched_yield();
}

void unruly_change(NTSTATUS *what, NTSTATUS status)
{
    pthread_mutex_lock(&pf.lock);
    *what = status;
    pthread_mutex_unlock(&pf.lock);
}

struct unruly unruly;
static _Thread_local bool is_the_tests; /* the thread */

static NTSTATUS finish_update(PIRP irp)
{
    return generic_pf_complete(irp, STATUS_SUCCESS, 2); /* the VF's number still stands in the buffer */
}

static NTSTATUS unruly_update(struct generic_pf *generic, PIRP irp)
{
    if (atomic_load(&unruly.skip)) {
        atomic_fetch_sub(&unruly.skip, 1);
    } else {
        atomic_store(&unruly.in_update, true);
        wait_while(&unruly.hold_update);
    }
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

/* The answer is made, and is old when it is given. */
static NTSTATUS answer_from_before(struct generic_pf *generic, USHORT vf, PIRP irp)
{
    const bool holds = atomic_load(&unruly.hold_answer);
    pthread_mutex_lock(&pf.lock);
    memcpy(irp->AssociatedIrp.SystemBuffer, pf.counts, sizeof(pf.counts));
    pthread_mutex_unlock(&pf.lock);
    atomic_fetch_add(&pf.count_asks, 1);
    atomic_store(&unruly.in_answer, true);
    wait_while(&unruly.hold_answer);
    if (!holds && is_the_tests) /* no worker comes by later */
        nt_drain_work(pf.pf.partition);
    if (!holds) {
        mitigable_pf_range(&pf, 0, 1, true, true);
        announce_from_inside(generic, vf);
    }
    return generic_pf_complete(irp, STATUS_SUCCESS, 24);
}

static NTSTATUS unruly_count(struct generic_pf *generic, PIRP irp)
{
    const USHORT vf = *(USHORT *)irp->AssociatedIrp.SystemBuffer;
    atomic_store(&unruly.in_count, true);
    wait_while(&unruly.hold_count);
    if (atomic_load(&unruly.restless))
        announce_from_inside(generic, vf);
    if (!atomic_load(&unruly.hold_answer) && !atomic_exchange(&unruly.changes, false))
        return mitigable_pf_control(generic, IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, irp);
    return answer_from_before(generic, vf, irp);
}

static NTSTATUS unruly_control(struct generic_pf *generic, ULONG code, PIRP irp)
{
    if (code == IOCTL_SRIOV_MITIGATED_RANGE_UPDATE)
        return unruly_update(generic, irp);
    if (code == IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT)
        return unruly_count(generic, irp);
    return mitigable_pf_control(generic, code, irp);
}

void unruly_keep(ULONG code, NTSTATUS says)
{
    atomic_store(&pf.pf.says, says);
    atomic_store(&pf.pf.keeps, code);
}

void unruly_wait_until_kept(void)
{
    while (!atomic_load(&pf.pf.kept))
        sched_yield();
}

void unruly_give_back(NTSTATUS status, ULONG_PTR information)
{
    PIRP irp = atomic_exchange(&pf.pf.kept, NULL);
    assert_non_null(irp);
    atomic_store(&pf.pf.keeps, 0);
    generic_pf_complete(irp, status, information);
}

int set_up_unruly(void **state)
{
    memset(&unruly, 0, sizeof(unruly));
    is_the_tests = true;
    set_up(state);
    pf.pf.other = unruly_control;
    return 0;
}
