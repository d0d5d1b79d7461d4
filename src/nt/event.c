/* SPDX-License-Identifier: MIT
 *
 * Events, semaphores, mutexes and fast mutexes over the dispatcher.
 */
#include "nt/internal.h"

NT_EXPORT VOID KeInitializeEvent(PRKEVENT event, EVENT_TYPE type, BOOLEAN signalled)
{
    nt_dispatcher_init(&event->Header, type == SynchronizationEvent ? NT_EVENT_SYNCHRONIZATION : NT_EVENT_NOTIFICATION,
                       !!signalled);
}

NT_EXPORT LONG KeSetEvent(PRKEVENT event, KPRIORITY increment, BOOLEAN wait)
{
    (void)increment, (void)wait;
    nt_irql_at_most(DISPATCH_LEVEL, "KeSetEvent");
    return nt_dispatcher_signal(&event->Header, 1);
}

NT_EXPORT LONG KeResetEvent(PRKEVENT event)
{
    nt_irql_at_most(DISPATCH_LEVEL, "KeResetEvent");
    return nt_dispatcher_signal(&event->Header, 0);
}

NT_EXPORT VOID KeClearEvent(PRKEVENT event)
{
    KeResetEvent(event);
}

NT_EXPORT LONG KeReadStateEvent(PRKEVENT event)
{
    return nt_dispatcher_state(&event->Header);
}

NT_EXPORT VOID KeInitializeSemaphore(PRKSEMAPHORE semaphore, LONG count, LONG limit)
{
    nt_dispatcher_init(&semaphore->Header, NT_SEMAPHORE, count);
    semaphore->Limit = limit;
}

NT_EXPORT LONG KeReleaseSemaphore(PRKSEMAPHORE semaphore, KPRIORITY increment, LONG adjustment, BOOLEAN wait)
{
    DISPATCHER_HEADER *header = &semaphore->Header;
    (void)increment, (void)wait;
    nt_dispatcher_lock(header);
    LONG before = header->SignalState;
    bool fits = adjustment > 0 && before <= semaphore->Limit - adjustment;
    if (fits) {
        header->SignalState += adjustment;
        nt_dispatcher_wake(header);
    }
    nt_dispatcher_unlock(header);
    if (!fits)
        nt_violation(NT_RULE(SEMAPHORE_LIMIT), "count %d + %d is over the limit %d", before, adjustment, semaphore->Limit);
    return before;
}

NT_EXPORT LONG KeReadStateSemaphore(PRKSEMAPHORE semaphore)
{
    return nt_dispatcher_state(&semaphore->Header);
}

NT_EXPORT VOID KeInitializeMutex(PRKMUTEX mutex, ULONG level)
{
    (void)level;
    nt_dispatcher_init(&mutex->Header, NT_MUTANT, 1);
    mutex->OwnerThread = NULL;
}

NT_EXPORT LONG KeReleaseMutex(PRKMUTEX mutex, BOOLEAN wait)
{
    DISPATCHER_HEADER *header = &mutex->Header;
    (void)wait;
    nt_dispatcher_lock(header);
    LONG before = header->SignalState;
    bool owned = mutex->OwnerThread == KeGetCurrentThread();
    if (owned && ++header->SignalState == 1) {
        mutex->OwnerThread = NULL;
        nt_dispatcher_wake(header);
    }
    nt_dispatcher_unlock(header);
    if (!owned)
        nt_violation(NT_RULE(MUTEX_NOT_OWNED), "KeReleaseMutex by a thread that does not own it");
    return before;
}

NT_EXPORT LONG KeReadStateMutex(PRKMUTEX mutex)
{
    return nt_dispatcher_state(&mutex->Header);
}

/* Fast mutexes raise to APC_LEVEL while held; Count is 1 when free, as in the WDK. */
NT_EXPORT VOID ExInitializeFastMutex(PFAST_MUTEX mutex)
{
    __atomic_store_n(&mutex->Count, 1, __ATOMIC_RELAXED);
    mutex->Owner = NULL;
    mutex->Contention = 0;
    KeInitializeEvent(&mutex->Event, SynchronizationEvent, TRUE);
}

NT_EXPORT VOID ExAcquireFastMutex(PFAST_MUTEX mutex)
{
    KIRQL before = nt_irql;
    if (!nt_irql_at_most(APC_LEVEL, "ExAcquireFastMutex"))
        return;
    if (__atomic_load_n(&mutex->Owner, __ATOMIC_RELAXED) == KeGetCurrentThread()) {
        nt_violation(NT_RULE(FAST_MUTEX_RECURSION), "ExAcquireFastMutex: this thread holds the mutex already");
        return;
    }
    KeWaitForSingleObject(&mutex->Event, Executive, KernelMode, FALSE, NULL);
    __atomic_store_n(&mutex->Owner, KeGetCurrentThread(), __ATOMIC_RELAXED);
    __atomic_store_n(&mutex->Count, 0, __ATOMIC_RELAXED);
    mutex->OldIrql = before;
    nt_irql = APC_LEVEL;
}

NT_EXPORT BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX mutex)
{
    static const LARGE_INTEGER none;
    KIRQL before = nt_irql;
    LARGE_INTEGER timeout = none;
    if (!nt_irql_at_most(APC_LEVEL, "ExTryToAcquireFastMutex") ||
        KeWaitForSingleObject(&mutex->Event, Executive, KernelMode, FALSE, &timeout) != STATUS_SUCCESS)
        return FALSE;
    __atomic_store_n(&mutex->Owner, KeGetCurrentThread(), __ATOMIC_RELAXED);
    __atomic_store_n(&mutex->Count, 0, __ATOMIC_RELAXED);
    mutex->OldIrql = before;
    nt_irql = APC_LEVEL;
    return TRUE;
}

NT_EXPORT VOID ExReleaseFastMutex(PFAST_MUTEX mutex)
{
    if (__atomic_load_n(&mutex->Owner, __ATOMIC_RELAXED) != KeGetCurrentThread()) {
        nt_violation(NT_RULE(FAST_MUTEX_NOT_OWNED), "ExReleaseFastMutex by a thread that does not own it");
        return;
    }
    KIRQL before = (KIRQL)mutex->OldIrql;
    __atomic_store_n(&mutex->Owner, NULL, __ATOMIC_RELAXED);
    __atomic_store_n(&mutex->Count, 1, __ATOMIC_RELAXED);
    KeSetEvent(&mutex->Event, 0, FALSE);
    KeLowerIrql(before);
}
