/* SPDX-License-Identifier: MIT
 *
 * IRQL of a thread, and the spin locks that raise it.
 *
 * A KSPIN_LOCK holds 0 when free, else the address of a thread-local of its owner: taking a lock twice is then seen
 * instead of hanging.
 */
#include "nt/internal.h"

#include <sched.h>

_Thread_local KIRQL nt_irql __attribute__((tls_model("initial-exec")));

bool nt_irql_too_high(KIRQL maximum, const char *routine)
{
    nt_violation_in(NT_RULE(IRQL_TOO_HIGH), routine, "%s at IRQL %u, at most %u", routine, nt_irql, maximum);
    return false;
}

void nt_irql_expect(KIRQL expected, const char *callback)
{
    if (nt_irql == expected)
        return;
    nt_violation_in(NT_RULE(IRQL_NOT_RESTORED), callback, "%s was entered at IRQL %u and left at %u", callback, expected, nt_irql);
    nt_irql = expected;
}

NT_EXPORT KIRQL KeGetCurrentIrql(VOID)
{
    return nt_irql;
}

NT_EXPORT KIRQL KfRaiseIrql(KIRQL irql)
{
    KIRQL before = nt_irql;
    if (irql < before)
        nt_violation(NT_RULE(IRQL_RAISED_DOWN), "KeRaiseIrql to %u at IRQL %u", irql, before);
    else
        nt_irql = irql;
    return before;
}

NT_EXPORT VOID KeRaiseIrql(KIRQL irql, PKIRQL before)
{
    *before = KfRaiseIrql(irql);
}

NT_EXPORT VOID KeLowerIrql(KIRQL irql)
{
    if (irql > nt_irql)
        nt_violation(NT_RULE(IRQL_LOWERED_UP), "KeLowerIrql to %u at IRQL %u", irql, nt_irql);
    else
        nt_irql = irql;
}

NT_EXPORT KIRQL KeRaiseIrqlToDpcLevel(VOID)
{
    return KfRaiseIrql(DISPATCH_LEVEL);
}

/* The spin locks this thread holds, so that one a handler kept can be given free. */
#define NT_LOCKS_KNOWN 16u
_Thread_local unsigned nt_locks_held __attribute__((tls_model("initial-exec")));
static _Thread_local PKSPIN_LOCK locks[NT_LOCKS_KNOWN] __attribute__((tls_model("initial-exec")));

static void note_taken(PKSPIN_LOCK lock)
{
    if (nt_locks_held < NT_LOCKS_KNOWN)
        locks[nt_locks_held] = lock;
    nt_locks_held++;
}

/* Mostly the one taken last. */
static void note_dropped(PKSPIN_LOCK lock)
{
    unsigned at = --nt_locks_held;
    if (at >= NT_LOCKS_KNOWN || locks[at] == lock)
        return;
    for (unsigned i = 0; i < at; i++)
        if (locks[i] == lock) {
            locks[i] = locks[at];
            return;
        }
}

void nt_locks_release(unsigned keep)
{
    for (; nt_locks_held > keep; nt_locks_held--)
        if (nt_locks_held <= NT_LOCKS_KNOWN)
            __atomic_store_n(locks[nt_locks_held - 1], 0, __ATOMIC_RELEASE);
}

static ULONG_PTR self(void)
{
    return (ULONG_PTR)&nt_irql;
}

static bool lock_try(PKSPIN_LOCK lock)
{
    ULONG_PTR free = 0;
    if (!__atomic_compare_exchange_n(lock, &free, self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
        return false;
    note_taken(lock);
    return true;
}

static void lock_take(PKSPIN_LOCK lock, const char *routine)
{
    if (__builtin_expect(lock_try(lock), 1))
        return;
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) == self()) {
        nt_violation_in(NT_RULE(SPIN_LOCK_RECURSION), routine, "%s: this thread holds the lock already", routine);
        return;
    }
    while (!lock_try(lock))
        sched_yield();
}

static void lock_drop(PKSPIN_LOCK lock, const char *routine)
{
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) != self()) {
        nt_violation_in(NT_RULE(SPIN_LOCK_NOT_OWNED), routine, "%s: this thread does not hold the lock", routine);
        return;
    }
    note_dropped(lock);
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

NT_EXPORT VOID KeInitializeSpinLock(PKSPIN_LOCK lock)
{
    __atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

NT_EXPORT KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK lock)
{
    KIRQL before = nt_irql;
    if (nt_irql_at_most(DISPATCH_LEVEL, "KeAcquireSpinLock"))
        nt_irql = DISPATCH_LEVEL;
    lock_take(lock, "KeAcquireSpinLock");
    return before;
}

NT_EXPORT VOID KeReleaseSpinLock(PKSPIN_LOCK lock, KIRQL irql)
{
    lock_drop(lock, "KeReleaseSpinLock");
    KeLowerIrql(irql);
}

NT_EXPORT VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK lock)
{
    if (nt_irql < DISPATCH_LEVEL)
        nt_violation(NT_RULE(IRQL_TOO_LOW), "KeAcquireSpinLockAtDpcLevel at IRQL %u", nt_irql);
    lock_take(lock, "KeAcquireSpinLockAtDpcLevel");
}

NT_EXPORT VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK lock)
{
    lock_drop(lock, "KeReleaseSpinLockFromDpcLevel");
}

NT_EXPORT BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK lock)
{
    if (nt_irql < DISPATCH_LEVEL)
        nt_violation(NT_RULE(IRQL_TOO_LOW), "KeTryToAcquireSpinLockAtDpcLevel at IRQL %u", nt_irql);
    return lock_try(lock);
}

/* Only one waiter queues at a time here: the handle remembers the lock and the IRQL. */
NT_EXPORT VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK lock, PKLOCK_QUEUE_HANDLE handle)
{
    handle->LockQueue.Next = NULL;
    handle->LockQueue.Lock = lock;
    handle->OldIrql = KeAcquireSpinLockRaiseToDpc(lock);
}

NT_EXPORT VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE handle)
{
    KeReleaseSpinLock(handle->LockQueue.Lock, handle->OldIrql);
}

NT_EXPORT VOID vfplane_paged_code(const char *function)
{
    if (nt_irql > APC_LEVEL)
        nt_violation(NT_RULE(PAGED_CODE), "%s is pageable and runs at IRQL %u", function, nt_irql);
}

static _Thread_local int apcs_disabled;

NT_EXPORT BOOLEAN KeAreApcsDisabled(VOID)
{
    return apcs_disabled > 0 || nt_irql >= APC_LEVEL;
}

NT_EXPORT VOID KeEnterCriticalRegion(VOID)
{
    apcs_disabled++;
}

NT_EXPORT VOID KeLeaveCriticalRegion(VOID)
{
    if (apcs_disabled > 0)
        apcs_disabled--;
    else
        nt_violation(NT_RULE(CRITICAL_REGION_NOT_ENTERED), "KeLeaveCriticalRegion without KeEnterCriticalRegion");
}
