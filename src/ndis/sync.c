/* SPDX-License-Identifier: MIT
 *
 * Locks, events and waiting, over the kernel's.
 */
#include "ndis/internal.h"

#define RW_LOCK_TAG   0x4e645277 /* NdRw */
#define RW_READ       1
#define RW_WRITE      2
#define RW_DISPATCHED 0x80 /* IRQL was raised by us */

NDIS_EXPORT VOID NdisAllocateSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeInitializeSpinLock(&SpinLock->SpinLock);
    SpinLock->OldIrql = PASSIVE_LEVEL;
}

NDIS_EXPORT VOID NdisFreeSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    if (SpinLock->SpinLock)
        nt_violation(NDIS_RULE(SPIN_LOCK_HELD), "NdisFreeSpinLock: the lock is held");
}

NDIS_EXPORT VOID NdisAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KIRQL before;

    KeAcquireSpinLock(&SpinLock->SpinLock, &before);
    SpinLock->OldIrql = before; /* only the holder writes it */
}

NDIS_EXPORT VOID NdisReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeReleaseSpinLock(&SpinLock->SpinLock, SpinLock->OldIrql);
}

NDIS_EXPORT VOID NdisDprAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeAcquireSpinLockAtDpcLevel(&SpinLock->SpinLock);
    SpinLock->OldIrql = DISPATCH_LEVEL;
}

NDIS_EXPORT VOID NdisDprReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock)
{
    KeReleaseSpinLockFromDpcLevel(&SpinLock->SpinLock);
}

/* ---- reader-writer lock: >0 readers, -1 a writer ---------------------------------------------------------- */

struct _NDIS_RW_LOCK_EX {
    atomic_int holders;
};

NDIS_EXPORT PNDIS_RW_LOCK_EX NdisAllocateRWLock(NDIS_HANDLE NdisHandle)
{
    PNDIS_RW_LOCK_EX lock;

    if (!ndis_handle_ok(NdisHandle, "NdisAllocateRWLock"))
        return NULL;
    lock = NDIS_POOL(sizeof *lock, RW_LOCK_TAG);
    if (lock)
        atomic_init(&lock->holders, 0);
    return lock;
}

NDIS_EXPORT VOID NdisFreeRWLock(PNDIS_RW_LOCK_EX Lock)
{
    if (atomic_load(&Lock->holders))
        nt_violation(NDIS_RULE(SPIN_LOCK_HELD), "NdisFreeRWLock: the lock is held");
    ExFreePoolWithTag(Lock, RW_LOCK_TAG);
}

static void raise_irql(PLOCK_STATE_EX state, UCHAR flags, UCHAR kind)
{
    state->LockState = kind;
    if (flags & NDIS_RWL_AT_DISPATCH_LEVEL)
        return;
    state->LockState |= RW_DISPATCHED;
    KeRaiseIrql(DISPATCH_LEVEL, &state->OldIrql);
}

NDIS_EXPORT VOID NdisAcquireRWLockRead(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags)
{
    int holders = atomic_load(&Lock->holders);

    raise_irql(LockState, Flags, RW_READ);
    while (holders < 0 || !atomic_compare_exchange_weak(&Lock->holders, &holders, holders + 1)) {
        sched_yield();
        holders = atomic_load(&Lock->holders);
    }
}

NDIS_EXPORT VOID NdisAcquireRWLockWrite(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags)
{
    int free = 0;

    raise_irql(LockState, Flags, RW_WRITE);
    while (!atomic_compare_exchange_weak(&Lock->holders, &free, -1)) {
        sched_yield();
        free = 0;
    }
}

NDIS_EXPORT VOID NdisReleaseRWLock(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState)
{
    if (LockState->LockState & RW_READ)
        atomic_fetch_sub(&Lock->holders, 1);
    else
        atomic_store(&Lock->holders, 0);
    if (LockState->LockState & RW_DISPATCHED)
        KeLowerIrql(LockState->OldIrql);
}

/* ---- events and waiting ----------------------------------------------------------------------------------- */

NDIS_EXPORT VOID NdisInitializeEvent(PNDIS_EVENT Event)
{
    KeInitializeEvent(&Event->Event, NotificationEvent, FALSE);
}

NDIS_EXPORT VOID NdisSetEvent(PNDIS_EVENT Event)
{
    KeSetEvent(&Event->Event, 0, FALSE);
}

NDIS_EXPORT VOID NdisResetEvent(PNDIS_EVENT Event)
{
    KeClearEvent(&Event->Event);
}

NDIS_EXPORT BOOLEAN NdisWaitEvent(PNDIS_EVENT Event, UINT msToWait)
{
    LARGE_INTEGER timeout = {.QuadPart = -10000ll * msToWait};

    if (!nt_irql_at_most(PASSIVE_LEVEL, "NdisWaitEvent"))
        return FALSE;
    return KeWaitForSingleObject(&Event->Event, Executive, KernelMode, FALSE, msToWait ? &timeout : NULL) ==
           STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisMSleep(ULONG MicrosecondsToSleep)
{
    LARGE_INTEGER interval = {.QuadPart = -10ll * MicrosecondsToSleep};

    if (nt_irql_at_most(PASSIVE_LEVEL, "NdisMSleep"))
        KeDelayExecutionThread(KernelMode, FALSE, &interval);
}

NDIS_EXPORT VOID NdisStallExecution(UINT MicrosecondsToStall)
{
    KeStallExecutionProcessor(MicrosecondsToStall);
}
