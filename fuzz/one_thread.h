/* SPDX-License-Identifier: MIT
 *
 * Rooms that have threads, on one thread, so that an input always takes the same way: what would sleep (poll, a futex,
 * a condition variable) lets the other side run for a round instead, and when the other side has nothing to do, the
 * time of the sleep is over at once. A sleep without a limit in which nothing can happen any more is a deadlock, and
 * fails.
 *
 * The linker puts these routines in the place of libc's (wrap arguments in fuzz/meson.build).
 */
#ifndef FUZZ_ONE_THREAD_H
#define FUZZ_ONE_THREAD_H

#include <stdbool.h>

/* What the threads that are none would do now; false: nothing. NULL: sleeps are real. */
extern bool (*one_thread_round)(void);
/* Who sleeps without a limit while the threads have nothing to do waits for somebody else, a PF driver: it does
 * something now. False: it cannot. May be NULL. */
extern bool (*one_thread_rescue)(void);
/* Rounds until there is nothing to do. */
void one_thread_settle(void);

#endif
