/* SPDX-License-Identifier: MIT
 *
 * What a request does that has no place on an idle adapter's path: counted, not timed. A program that links counts.c is
 * linked with BENCH_WRAPS (meson.build), so that its calls of these routines pass here.
 */
#ifndef VFPLANE_BENCH_COUNTS_H
#define VFPLANE_BENCH_COUNTS_H

#include <stdint.h>

struct bench_counts {
    uint64_t allocations; /* malloc and its kin, mmap */
    uint64_t locks;       /* mutexes and semaphores taken, conditions waited for: what sleeps when another holds it */
};

/* Those of the calling thread, while it runs. */
void bench_count(void (*run)(void *context, uint64_t count), void *context, uint64_t count,
                 struct bench_counts *counts);

/* System calls, in a copy of this process where each is trapped. -1: they cannot be counted here; `why` says it. */
long bench_count_system_calls(void (*run)(void *context, uint64_t count), void *context, uint64_t count,
                              const char **why);

#endif
