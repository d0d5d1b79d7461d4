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

bool nt_irql_at_most(KIRQL maximum, const char *routine)
{
    if (__builtin_expect(nt_irql <= maximum, 1))
        return true;
    nt_violation("IRQL_TOO_HIGH", "%s at IRQL %u, at most %u", routine, nt_irql, maximum);
    return false;
}

void nt_irql_expect(KIRQL expected, const char *callback)
{
    if (nt_irql == expected)
        return;
    nt_violation("IRQL_NOT_RESTORED", "%s was entered at IRQL %u and left at %u", callback, expected, nt_irql);
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
        nt_violation("IRQL_RAISED_DOWN", "KeRaiseIrql to %u at IRQL %u", irql, before);
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
        nt_violation("IRQL_LOWERED_UP", "KeLowerIrql to %u at IRQL %u", irql, nt_irql);
    else
        nt_irql = irql;
}

NT_EXPORT KIRQL KeRaiseIrqlToDpcLevel(VOID)
{
    return KfRaiseIrql(DISPATCH_LEVEL);
}

static ULONG_PTR self(void)
{
    return (ULONG_PTR)&nt_irql;
}

static bool lock_try(PKSPIN_LOCK lock)
{
    ULONG_PTR free = 0;
    return __atomic_compare_exchange_n(lock, &free, self(), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

static void lock_take(PKSPIN_LOCK lock, const char *routine)
{
    if (__builtin_expect(lock_try(lock), 1))
        return;
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) == self()) {
        nt_violation("SPIN_LOCK_RECURSION", "%s: this thread holds the lock already", routine);
        return;
    }
    while (!lock_try(lock))
        sched_yield();
}

static void lock_drop(PKSPIN_LOCK lock, const char *routine)
{
    if (__atomic_load_n(lock, __ATOMIC_RELAXED) != self()) {
        nt_violation("SPIN_LOCK_NOT_OWNED", "%s: this thread does not hold the lock", routine);
        return;
    }
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
        nt_violation("IRQL_TOO_LOW", "KeAcquireSpinLockAtDpcLevel at IRQL %u", nt_irql);
    lock_take(lock, "KeAcquireSpinLockAtDpcLevel");
}

NT_EXPORT VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK lock)
{
    lock_drop(lock, "KeReleaseSpinLockFromDpcLevel");
}

NT_EXPORT BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK lock)
{
    if (nt_irql < DISPATCH_LEVEL)
        nt_violation("IRQL_TOO_LOW", "KeTryToAcquireSpinLockAtDpcLevel at IRQL %u", nt_irql);
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
        nt_violation("PAGED_CODE", "%s is pageable and runs at IRQL %u", function, nt_irql);
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
        nt_violation("CRITICAL_REGION_NOT_ENTERED", "KeLeaveCriticalRegion without KeEnterCriticalRegion");
}
