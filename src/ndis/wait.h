/* SPDX-License-Identifier: MIT
 *
 * Short locks that are taken at DISPATCH_LEVEL, and places to wait at PASSIVE_LEVEL.
 */
#ifndef VFPLANE_NDIS_WAIT_H
#define VFPLANE_NDIS_WAIT_H

#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>

struct ndis_lock {
    atomic_bool held;
};

static inline void ndis_lock(struct ndis_lock *lock)
{
    for (unsigned spins = 0; atomic_exchange_explicit(&lock->held, true, memory_order_acquire); spins++)
        if (spins % 64 == 63)
            sched_yield();
}

static inline void ndis_unlock(struct ndis_lock *lock)
{
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

/* A place to wait at PASSIVE_LEVEL; all zero at first. The condition itself lies elsewhere, in atomics. */
struct ndis_gate {
    struct ndis_lock lock;
    struct ndis_gate_waiter *waiters;
};

/* Round a change of the condition by whom the gate may be gone as soon as the waiter sees it. <= DISPATCH_LEVEL. */
void ndis_gate_begin(struct ndis_gate *gate);
void ndis_gate_end(struct ndis_gate *gate);
void ndis_gate_wake(struct ndis_gate *gate);
/* Waits until check(object), which is asked under the gate's lock; false when `ms` (0 = for ever) milliseconds of the
 * partition's clock passed first. On the virtual clock that takes at most two seconds of real time. */
bool ndis_gate_wait(struct ndis_gate *gate, bool (*check)(const void *object), const void *object, unsigned ms);

#endif
