/* SPDX-License-Identifier: MIT
 *
 * Lists that lock themselves.
 *
 * An SLIST_HEADER's Alignment word is the first entry, its Region word a lock bit and the depth: a short critical
 * section instead of a counted compare-exchange, so that no entry is read after it was popped and freed.
 */
#include "nt/internal.h"

#include <sched.h>

NT_EXPORT PLIST_ENTRY ExInterlockedInsertHeadList(PLIST_ENTRY head, PLIST_ENTRY entry, PKSPIN_LOCK lock)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(lock);
    PLIST_ENTRY before = IsListEmpty(head) ? NULL : head->Flink;
    InsertHeadList(head, entry);
    KeReleaseSpinLock(lock, irql);
    return before;
}

NT_EXPORT PLIST_ENTRY ExInterlockedInsertTailList(PLIST_ENTRY head, PLIST_ENTRY entry, PKSPIN_LOCK lock)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(lock);
    PLIST_ENTRY before = IsListEmpty(head) ? NULL : head->Blink;
    InsertTailList(head, entry);
    KeReleaseSpinLock(lock, irql);
    return before;
}

NT_EXPORT PLIST_ENTRY ExInterlockedRemoveHeadList(PLIST_ENTRY head, PKSPIN_LOCK lock)
{
    KIRQL irql = KeAcquireSpinLockRaiseToDpc(lock);
    PLIST_ENTRY entry = IsListEmpty(head) ? NULL : RemoveHeadList(head);
    KeReleaseSpinLock(lock, irql);
    return entry;
}

#define SLIST_LOCK UINT64_C(0x8000000000000000)

static void slist_lock(PSLIST_HEADER head)
{
    while (__atomic_fetch_or(&head->Region, SLIST_LOCK, __ATOMIC_ACQUIRE) & SLIST_LOCK)
        sched_yield();
}

static void slist_unlock(PSLIST_HEADER head, ULONGLONG depth)
{
    __atomic_store_n(&head->Region, depth, __ATOMIC_RELEASE);
}

static ULONGLONG slist_depth(PSLIST_HEADER head)
{
    return __atomic_load_n(&head->Region, __ATOMIC_RELAXED) & ~SLIST_LOCK;
}

static PSLIST_ENTRY slist_first(PSLIST_HEADER head)
{
    return (PSLIST_ENTRY)(uintptr_t)head->Alignment;
}

static void slist_set_first(PSLIST_HEADER head, PSLIST_ENTRY entry)
{
    head->Alignment = (ULONGLONG)(uintptr_t)entry;
}

NT_EXPORT VOID InitializeSListHead(PSLIST_HEADER head)
{
    slist_set_first(head, NULL);
    slist_unlock(head, 0);
}

NT_EXPORT VOID ExInitializeSListHead(PSLIST_HEADER head)
{
    InitializeSListHead(head);
}

NT_EXPORT PSLIST_ENTRY InterlockedPushEntrySList(PSLIST_HEADER head, PSLIST_ENTRY entry)
{
    slist_lock(head);
    PSLIST_ENTRY before = slist_first(head);
    entry->Next = before;
    slist_set_first(head, entry);
    slist_unlock(head, slist_depth(head) + 1);
    return before;
}

NT_EXPORT PSLIST_ENTRY InterlockedPopEntrySList(PSLIST_HEADER head)
{
    slist_lock(head);
    PSLIST_ENTRY entry = slist_first(head);
    if (entry)
        slist_set_first(head, entry->Next);
    slist_unlock(head, slist_depth(head) - (entry ? 1 : 0));
    return entry;
}

NT_EXPORT PSLIST_ENTRY InterlockedFlushSList(PSLIST_HEADER head)
{
    slist_lock(head);
    PSLIST_ENTRY entry = slist_first(head);
    slist_set_first(head, NULL);
    slist_unlock(head, 0);
    return entry;
}

NT_EXPORT USHORT ExQueryDepthSList(PSLIST_HEADER head)
{
    return (USHORT)slist_depth(head);
}
