/* SPDX-License-Identifier: MIT
 *
 * Waiting at PASSIVE_LEVEL for something another thread does. While a thread waits, time passes as in any wait of a
 * driver: on the virtual clock timers fall due, so that a miniport that finishes a request from a timer finishes it.
 */
#include "ndis/internal.h"

struct ndis_gate_waiter {
    struct ndis_gate_waiter *next;
    KEVENT wake;
};

void ndis_gate_begin(struct ndis_gate *gate)
{
    ndis_lock(&gate->lock);
}

void ndis_gate_end(struct ndis_gate *gate)
{
    for (struct ndis_gate_waiter *waiter = gate->waiters; waiter; waiter = waiter->next)
        KeSetEvent(&waiter->wake, IO_NO_INCREMENT, FALSE);
    ndis_unlock(&gate->lock);
}

void ndis_gate_wake(struct ndis_gate *gate)
{
    ndis_gate_begin(gate);
    ndis_gate_end(gate);
}

static void leave(struct ndis_gate *gate, struct ndis_gate_waiter *waiter)
{
    struct ndis_gate_waiter **link = &gate->waiters;

    while (*link != waiter)
        link = &(*link)->next;
    *link = waiter->next;
}

bool ndis_gate_wait(struct ndis_gate *gate, bool (*check)(const void *object), const void *object, unsigned ms)
{
    LARGE_INTEGER timeout = {.QuadPart = -10000ll * ms};
    struct ndis_gate_waiter waiter;
    NTSTATUS status = STATUS_SUCCESS;
    bool passed;

    KeInitializeEvent(&waiter.wake, SynchronizationEvent, FALSE);
    ndis_lock(&gate->lock);
    waiter.next = gate->waiters;
    gate->waiters = &waiter;
    while (!(passed = check(object)) && status == STATUS_SUCCESS) {
        ndis_unlock(&gate->lock);
        status = KeWaitForSingleObject(&waiter.wake, Executive, KernelMode, FALSE, ms ? &timeout : NULL);
        ndis_lock(&gate->lock);
    }
    leave(gate, &waiter);
    ndis_unlock(&gate->lock);
    return passed;
}
