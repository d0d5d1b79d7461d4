/* SPDX-License-Identifier: MIT
 *
 * NDIS's own forms of memory, locks, events, work items, timers and waiting.
 */
#ifndef VFPLANE_NDIS6_FN_SYSTEM_H
#define VFPLANE_NDIS6_FN_SYSTEM_H

#include "object.h"
#include "status.h"
#include "../km/interlocked.h"
#include "../km/mdl.h"
#include "../km/pool.h"
#include "../km/rtl.h"
#include "../km/sync.h"

VFPLANE_BEGIN_C

#define NdisMoveMemory(Destination, Source, Length) RtlCopyMemory(Destination, Source, Length)
#define NdisZeroMemory(Destination, Length)         RtlZeroMemory(Destination, Length)
#define NdisFillMemory(Destination, Length, Fill)   RtlFillMemory(Destination, Length, Fill)
#define NdisEqualMemory(Source1, Source2, Length)   RtlEqualMemory(Source1, Source2, Length)
#define NdisRetrieveUlong(Destination, Source)      RtlCopyMemory(Destination, Source, sizeof(ULONG))
#define NdisStoreUlong(Destination, Value)                                                                             \
    do {                                                                                                               \
        ULONG vfplane_value = (Value);                                                                                 \
        RtlCopyMemory(Destination, &vfplane_value, sizeof(vfplane_value));                                             \
    } while (0)
#define NdisMoveMappedMemory(Destination, Source, Length)     RtlCopyMemory(Destination, Source, Length)
#define NdisZeroMappedMemory(Destination, Length)             RtlZeroMemory(Destination, Length)
#define NdisMoveToMappedMemory(Destination, Source, Length)   RtlCopyMemory(Destination, Source, Length)
#define NdisMoveFromMappedMemory(Destination, Source, Length) RtlCopyMemory(Destination, Source, Length)

/* Nonpaged memory with a tag, not cleared; NULL: none. At most DISPATCH_LEVEL. */
PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length, ULONG Tag, EX_POOL_PRIORITY Priority);
/* The same with a status. */
NDIS_STATUS NdisAllocateMemoryWithTag(PVOID *VirtualAddress, UINT Length, ULONG Tag);
/* Length and flags may be 0 for memory of the function above. */
VOID NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags);
VOID NdisFreeMemoryWithTagPriority(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, ULONG Tag);
/* Points at a string, which must stay. At most DISPATCH_LEVEL. */
#define NdisInitUnicodeString(Destination, Source) RtlInitUnicodeString(Destination, Source)
#define NdisInitAnsiString(Destination, Source)    RtlInitAnsiString(Destination, Source)
#define NDIS_STRING_CONST(x)                                                                                           \
    {                                                                                                                  \
        sizeof(L##x) - 2, sizeof(L##x), (PWSTR)L##x                                                                    \
    }
/* A 16-bit string of an 8-bit one, in memory that NdisFreeString frees. */
VOID NdisInitializeString(PNDIS_STRING Destination, PUCHAR Source);
#define NdisFreeString(String) NdisFreeMemory((String).Buffer, (String).MaximumLength, 0)
/* Conversions into the caller's buffer. PASSIVE_LEVEL. */
NDIS_STATUS NdisAnsiStringToUnicodeString(PNDIS_STRING Destination, PNDIS_ANSI_STRING Source);
NDIS_STATUS NdisUnicodeStringToAnsiString(PNDIS_ANSI_STRING Destination, PNDIS_STRING Source);
#define NdisEqualString(s1, s2, insensitive) RtlEqualUnicodeString(s1, s2, insensitive)

/* Spin lock that remembers the IRQL. */
typedef struct _NDIS_SPIN_LOCK {
    KSPIN_LOCK SpinLock;
    KIRQL OldIrql;
} NDIS_SPIN_LOCK, *PNDIS_SPIN_LOCK;
/* A free lock; the end of it. */
VOID NdisAllocateSpinLock(PNDIS_SPIN_LOCK SpinLock);
VOID NdisFreeSpinLock(PNDIS_SPIN_LOCK SpinLock);
/* Raises to DISPATCH_LEVEL and takes the lock; not recursive. At most DISPATCH_LEVEL. */
VOID NdisAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock);
VOID NdisReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock);
/* At DISPATCH_LEVEL already. */
VOID NdisDprAcquireSpinLock(PNDIS_SPIN_LOCK SpinLock);
VOID NdisDprReleaseSpinLock(PNDIS_SPIN_LOCK SpinLock);

#if NDIS_SUPPORT_NDIS620
/* Reader-writer spin lock; the state goes from taking to releasing. At most DISPATCH_LEVEL. */
typedef struct _NDIS_RW_LOCK_EX *PNDIS_RW_LOCK_EX, NDIS_RW_LOCK_EX;
/* What a reader-writer lock needs to be released. */
typedef struct _LOCK_STATE_EX {
    KIRQL OldIrql;
    UCHAR LockState;
    UCHAR Flags;
} LOCK_STATE_EX, *PLOCK_STATE_EX;
#define NDIS_RWL_AT_DISPATCH_LEVEL 0x00000001
/* NULL: no memory. At most DISPATCH_LEVEL, as the others. */
PNDIS_RW_LOCK_EX NdisAllocateRWLock(NDIS_HANDLE NdisHandle);
VOID NdisFreeRWLock(PNDIS_RW_LOCK_EX Lock);
VOID NdisAcquireRWLockRead(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags);
VOID NdisAcquireRWLockWrite(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState, UCHAR Flags);
VOID NdisReleaseRWLock(PNDIS_RW_LOCK_EX Lock, PLOCK_STATE_EX LockState);
#endif

/* Notification event. */
typedef struct _NDIS_EVENT {
    KEVENT Event;
} NDIS_EVENT, *PNDIS_EVENT;
/* Not signalled; signals, unsignals. At most DISPATCH_LEVEL. */
VOID NdisInitializeEvent(PNDIS_EVENT Event);
VOID NdisSetEvent(PNDIS_EVENT Event);
VOID NdisResetEvent(PNDIS_EVENT Event);
/* TRUE if signalled in time; msToWait 0 waits for ever. PASSIVE_LEVEL. */
BOOLEAN NdisWaitEvent(PNDIS_EVENT Event, UINT msToWait);

/* Runs at PASSIVE_LEVEL. */
typedef VOID NDIS_IO_WORKITEM_FUNCTION(PVOID WorkItemContext, NDIS_HANDLE NdisIoWorkItemHandle);
typedef NDIS_IO_WORKITEM_FUNCTION *NDIS_IO_WORKITEM_ROUTINE;
typedef NDIS_IO_WORKITEM_FUNCTION NDIS_IO_WORKITEM, *PNDIS_IO_WORKITEM;
/* NULL: no memory. At most DISPATCH_LEVEL. */
NDIS_HANDLE NdisAllocateIoWorkItem(NDIS_HANDLE NdisObjectHandle);
/* Queues an item that is not queued. At most DISPATCH_LEVEL. */
VOID NdisQueueIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle, NDIS_IO_WORKITEM_ROUTINE Routine, PVOID WorkItemContext);
/* Frees an item that is not queued; its own routine may. */
VOID NdisFreeIoWorkItem(NDIS_HANDLE NdisIoWorkItemHandle);

/* Runs at DISPATCH_LEVEL. */
typedef VOID NDIS_TIMER_FUNCTION(PVOID SystemSpecific1, PVOID FunctionContext, PVOID SystemSpecific2,
                                 PVOID SystemSpecific3);
typedef NDIS_TIMER_FUNCTION *PNDIS_TIMER_FUNCTION;
#define NDIS_TIMER_CHARACTERISTICS_REVISION_1 1
/* What a timer object is made from. */
typedef struct _NDIS_TIMER_CHARACTERISTICS {
    NDIS_OBJECT_HEADER Header; /* NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS */
    ULONG AllocationTag;
    PNDIS_TIMER_FUNCTION TimerFunction;
    PVOID FunctionContext;
} NDIS_TIMER_CHARACTERISTICS, *PNDIS_TIMER_CHARACTERISTICS;
#define NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_TIMER_CHARACTERISTICS, FunctionContext)
/* SUCCESS, RESOURCES. At most DISPATCH_LEVEL. */
NDIS_STATUS NdisAllocateTimerObject(NDIS_HANDLE NdisHandle, PNDIS_TIMER_CHARACTERISTICS TimerCharacteristics,
                                    PNDIS_HANDLE pTimerObject);
/* Frees a timer that is not set. At most DISPATCH_LEVEL. */
VOID NdisFreeTimerObject(NDIS_HANDLE TimerObject);
/* DueTime in 100 ns, negative: from now; MillisecondsPeriod 0: once. TRUE: it was set already. At most DISPATCH_LEVEL.
 */
BOOLEAN NdisSetTimerObject(NDIS_HANDLE TimerObject, LARGE_INTEGER DueTime, LONG MillisecondsPeriod,
                           PVOID FunctionContext);
/* TRUE: it was set; the function may still be running otherwise. At most DISPATCH_LEVEL. */
BOOLEAN NdisCancelTimerObject(NDIS_HANDLE TimerObject);

/* Lets so many microseconds pass. PASSIVE_LEVEL. */
VOID NdisMSleep(ULONG MicrosecondsToSleep);
/* Busy wait, 50 microseconds at most by rule. Any IRQL. */
VOID NdisStallExecution(UINT MicrosecondsToStall);
/* Time in 100 ns: since 1601, since start. Any IRQL. */
VOID NdisGetCurrentSystemTime(PLARGE_INTEGER pSystemTime);
VOID NdisGetSystemUpTimeEx(PLARGE_INTEGER pSystemUpTime);
/* Processors, in all and in a group. */
ULONG NdisSystemProcessorCount(VOID);
#if NDIS_SUPPORT_NDIS620
ULONG NdisGroupActiveProcessorCount(USHORT Group);
#endif

/* Lists that lock themselves. */
#define NdisInitializeListHead(Head)                     InitializeListHead(Head)
#define NdisInterlockedInsertHeadList(Head, Entry, Lock) ExInterlockedInsertHeadList(Head, Entry, &(Lock)->SpinLock)
#define NdisInterlockedInsertTailList(Head, Entry, Lock) ExInterlockedInsertTailList(Head, Entry, &(Lock)->SpinLock)
#define NdisInterlockedRemoveHeadList(Head, Lock)        ExInterlockedRemoveHeadList(Head, &(Lock)->SpinLock)
#define NdisInterlockedIncrement(Addend)                 InterlockedIncrement(Addend)
#define NdisInterlockedDecrement(Addend)                 InterlockedDecrement(Addend)
#define NDIS_CURRENT_IRQL()                              KeGetCurrentIrql()
#define NDIS_RAISE_IRQL_TO_DISPATCH(pIrql)               (*(pIrql) = KeRaiseIrqlToDpcLevel())
#define NDIS_LOWER_IRQL(OldIrql, CurIrql)                KeLowerIrql(OldIrql)
/* An MDL for nonpaged memory (NULL: no memory), and back. At most DISPATCH_LEVEL. */
PMDL NdisAllocateMdl(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, UINT Length);
VOID NdisFreeMdl(PMDL Mdl);

VFPLANE_END_C

#endif
