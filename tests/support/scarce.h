/* SPDX-License-Identifier: MIT
 *
 * What fails for want of memory or threads: a program built with scarce.c and scarce_link_args has malloc and its kin,
 * pthread_create and epoll_ctl under its control. Of the calls in libc itself nothing is seen.
 */
#ifndef VFPLANE_TEST_SCARCE_H
#define VFPLANE_TEST_SCARCE_H

#include <stdatomic.h>
#include <stdbool.h>

extern _Thread_local bool scarce_no_memory;            /* on this thread: nothing is given */
extern _Thread_local unsigned scarce_countdown;        /* of this thread's calls, the one that fails; 0 = none */
extern atomic_long scarce_live;                        /* allocations of this process that stand */
extern atomic_bool scarce_no_threads, scarce_no_watch; /* in this process: pthread_create and EPOLL_CTL_ADD fail */

/* Runs `attempt` with its first call failing, then its second, and so on until no call was left to fail; then it must
 * have succeeded. It returns whether it did, has undone it, and what it allocated is freed either way. How many failed.
 */
unsigned scarce_each(bool (*attempt)(void *context), void *context);

#endif
