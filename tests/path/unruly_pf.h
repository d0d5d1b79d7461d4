/* SPDX-License-Identifier: MIT
 *
 * The PF driver of mitigation_rig.h, which does with its IOCTLs what it is told to.
 */
#ifndef VFPLANE_TESTS_UNRULY_PF_H
#define VFPLANE_TESTS_UNRULY_PF_H

#include "mitigation_rig.h"

extern struct unruly {
    atomic_uint at_once;     /* so many updates more complete inside the dispatch routine */
    atomic_uint skip;        /* so many more are not held */
    atomic_bool hold_update; /* the dispatch routine stays inside, */
    atomic_bool in_update;
    atomic_bool hold_count; /* of counts too, before the answer is made, */
    atomic_bool in_count;
    atomic_bool hold_answer; /* and after it */
    atomic_bool in_answer;
    atomic_bool restless; /* each count announces one change more */
    atomic_bool changes;  /* after the answer of the next count is made, BAR 0 gets a range, and that is announced */
} unruly;

int set_up_unruly(void **state); /* for cmocka */
void unruly_wait_until(const atomic_bool *flag);
void unruly_change(NTSTATUS *what, NTSTATUS status); /* a member of `pf` */
/* That IOCTL is never given back, cancelled or not, and the dispatch routine says so; until it is kept; it is given
 * back after all. */
void unruly_keep(ULONG code, NTSTATUS says);
void unruly_wait_until_kept(void);
void unruly_give_back(NTSTATUS status, ULONG_PTR information);

#endif
