/* SPDX-License-Identifier: MIT
 *
 * The spinning lock of the room, alone in a file: where each order of steps is tried, the scheduler has locks in its place
 * (tests/pci/access_model.c).
 */
#include <sched.h>

#include "pci/internal.h"

#define SPINS_BEFORE_YIELD 128

void pci_lock(struct pci_lock *lock)
{
    for (unsigned spins = 0; atomic_exchange_explicit(&lock->held, 1, memory_order_acquire);) {
        while (atomic_load_explicit(&lock->held, memory_order_relaxed))
            if (++spins % SPINS_BEFORE_YIELD == 0)
                sched_yield(); /* the holder may have lost its processor */
    }
}

void pci_unlock(struct pci_lock *lock)
{
    atomic_store_explicit(&lock->held, 0, memory_order_release);
}
