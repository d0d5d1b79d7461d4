/* SPDX-License-Identifier: MIT
 *
 * Dispatcher objects (events, semaphores, mutexes, timers), DPCs, spin locks, fast mutexes, waiting, time.
 * Objects lie in nonpaged memory of the caller; they are initialised before use and need no destruction.
 */
#ifndef VFPLANE_WDK_SYNC_H
#define VFPLANE_WDK_SYNC_H

#include "irql.h"

VFPLANE_BEGIN_C

/* What every object one can wait on begins with. Owned by the kernel. */
typedef struct _DISPATCHER_HEADER {
    UCHAR Type;
    UCHAR Absolute;
    UCHAR Size;
    UCHAR Inserted;
    LONG SignalState;
    LIST_ENTRY WaitListHead;
} DISPATCHER_HEADER, *PDISPATCHER_HEADER;

/* Stays signalled until reset (notification), or until one waiter was released (synchronization). */
typedef enum _EVENT_TYPE { NotificationEvent, SynchronizationEvent } EVENT_TYPE;
typedef enum _TIMER_TYPE { NotificationTimer, SynchronizationTimer } TIMER_TYPE;
typedef enum _WAIT_TYPE { WaitAll, WaitAny, WaitNotification, WaitDequeue } WAIT_TYPE;
typedef enum _MODE { KernelMode, UserMode, MaximumMode } MODE;
typedef enum _KWAIT_REASON {
    Executive,
    FreePage,
    PageIn,
    PoolAllocation,
    DelayExecution,
    Suspended,
    UserRequest,
    MaximumWaitReason = 41
} KWAIT_REASON;

/* Event. Initialised by KeInitializeEvent; only through the routines. */
typedef struct _KEVENT {
    DISPATCHER_HEADER Header;
} KEVENT, *PKEVENT, *PRKEVENT;

/* Semaphore with its limit. */
typedef struct _KSEMAPHORE {
    DISPATCHER_HEADER Header;
    LONG Limit;
} KSEMAPHORE, *PKSEMAPHORE, *PRKSEMAPHORE;

/* Mutex with its owner. */
typedef struct _KMUTANT {
    DISPATCHER_HEADER Header;
    LIST_ENTRY MutantListEntry;
    struct _KTHREAD *OwnerThread;
    BOOLEAN Abandoned;
    UCHAR ApcDisable;
} KMUTANT, *PKMUTANT, *PRKMUTANT, KMUTEX, *PKMUTEX, *PRKMUTEX;

struct _KDPC;
/* Runs at DISPATCH_LEVEL with the context given to KeInitializeDpc. */
typedef VOID KDEFERRED_ROUTINE(struct _KDPC *Dpc, PVOID DeferredContext, PVOID SystemArgument1, PVOID SystemArgument2);
typedef KDEFERRED_ROUTINE *PKDEFERRED_ROUTINE;

/* Deferred procedure call. Only through the routines. */
typedef struct _KDPC {
    UCHAR Type;
    UCHAR Importance;
    volatile USHORT Number;
    ULONG Alignment;
    LIST_ENTRY DpcListEntry;
    PKDEFERRED_ROUTINE DeferredRoutine;
    PVOID DeferredContext;
    PVOID SystemArgument1;
    PVOID SystemArgument2;
    PVOID DpcData;
} KDPC, *PKDPC, *PRKDPC;

typedef enum _KDPC_IMPORTANCE { LowImportance, MediumImportance, HighImportance, MediumHighImportance } KDPC_IMPORTANCE;

/* Timer. Only through the routines. */
typedef struct _KTIMER {
    DISPATCHER_HEADER Header;
    ULARGE_INTEGER DueTime;
    LIST_ENTRY TimerListEntry;
    struct _KDPC *Dpc;
    ULONG Processor;
    LONG Period;
} KTIMER, *PKTIMER, *PRKTIMER;

/* A mutex that raises to APC_LEVEL while held; not recursive. */
typedef struct _FAST_MUTEX {
    LONG Count;
    PVOID Owner;
    ULONG Contention;
    KEVENT Event;
    ULONG OldIrql;
} FAST_MUTEX, *PFAST_MUTEX, KGUARDED_MUTEX, *PKGUARDED_MUTEX;

/* Room for one waiting thread; only passed to KeWaitForMultipleObjects. */
typedef struct _KWAIT_BLOCK {
    LIST_ENTRY WaitListEntry;
    PVOID Reserved[4];
} KWAIT_BLOCK, *PKWAIT_BLOCK;

/* Queue entry of a spin lock on which the waiters queue. */
typedef struct _KSPIN_LOCK_QUEUE {
    struct _KSPIN_LOCK_QUEUE *volatile Next;
    PKSPIN_LOCK volatile Lock;
} KSPIN_LOCK_QUEUE, *PKSPIN_LOCK_QUEUE;

/* Where an in-stack queued lock keeps its waiter and the IRQL; on the stack of the holder. */
typedef struct _KLOCK_QUEUE_HANDLE {
    KSPIN_LOCK_QUEUE LockQueue;
    KIRQL OldIrql;
} KLOCK_QUEUE_HANDLE, *PKLOCK_QUEUE_HANDLE;

C_ASSERT(sizeof(DISPATCHER_HEADER) == 24 && sizeof(KEVENT) == 24 && sizeof(KSEMAPHORE) == 32 && sizeof(KMUTANT) == 56);
C_ASSERT(sizeof(KTIMER) == 64 && sizeof(KDPC) == 64 && sizeof(FAST_MUTEX) == 56 && sizeof(KLOCK_QUEUE_HANDLE) == 24);

#define MAXIMUM_WAIT_OBJECTS 64
#define THREAD_WAIT_OBJECTS  3
#define IO_NO_INCREMENT      0
#define IO_NETWORK_INCREMENT 2
#define EVENT_INCREMENT      1

/* State: TRUE starts signalled. Any IRQL. */
VOID KeInitializeEvent(PRKEVENT Event, EVENT_TYPE Type, BOOLEAN State);
/* Signals; the state before. At most DISPATCH_LEVEL with Wait FALSE. */
LONG KeSetEvent(PRKEVENT Event, KPRIORITY Increment, BOOLEAN Wait);
/* Unsignals; the state before. At most DISPATCH_LEVEL. */
LONG KeResetEvent(PRKEVENT Event);
/* Unsignals. At most DISPATCH_LEVEL. */
VOID KeClearEvent(PRKEVENT Event);
/* Nonzero if signalled. At most DISPATCH_LEVEL. */
LONG KeReadStateEvent(PRKEVENT Event);

/* Count waiters may pass at once; Limit bounds the count. */
VOID KeInitializeSemaphore(PRKSEMAPHORE Semaphore, LONG Count, LONG Limit);
/* Raises the count by Adjustment; the count before. At most DISPATCH_LEVEL. */
LONG KeReleaseSemaphore(PRKSEMAPHORE Semaphore, KPRIORITY Increment, LONG Adjustment, BOOLEAN Wait);
/* The count. */
LONG KeReadStateSemaphore(PRKSEMAPHORE Semaphore);
/* Recursive mutex; released by the thread that waited for it. */
VOID KeInitializeMutex(PRKMUTEX Mutex, ULONG Level);
/* The state before: 0 when the last hold was given back. At most DISPATCH_LEVEL. */
LONG KeReleaseMutex(PRKMUTEX Mutex, BOOLEAN Wait);
/* 1 if free. */
LONG KeReadStateMutex(PRKMUTEX Mutex);

/* Waits until the object is signalled. Timeout NULL: for ever; negative: that many 100 ns from now; 0: only looks;
 * positive: absolute system time. STATUS_SUCCESS, STATUS_TIMEOUT (both are success codes). At most APC_LEVEL,
 * DISPATCH_LEVEL only with a timeout of 0. */
NTSTATUS KeWaitForSingleObject(PVOID Object, KWAIT_REASON WaitReason, KPROCESSOR_MODE WaitMode, BOOLEAN Alertable,
                               PLARGE_INTEGER Timeout);
/* The same for one or all of Count objects; STATUS_WAIT_0 + index for WaitAny. WaitBlockArray is needed above
 * THREAD_WAIT_OBJECTS. */
NTSTATUS KeWaitForMultipleObjects(ULONG Count, PVOID Object[], WAIT_TYPE WaitType, KWAIT_REASON WaitReason,
                                  KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Timeout,
                                  PKWAIT_BLOCK WaitBlockArray);
#define KeWaitForMutexObject KeWaitForSingleObject
/* Lets Interval pass (units and signs as in KeWaitForSingleObject). At most APC_LEVEL. */
NTSTATUS KeDelayExecutionThread(KPROCESSOR_MODE WaitMode, BOOLEAN Alertable, PLARGE_INTEGER Interval);
/* Busy wait of so many microseconds, 50 at most by rule. Any IRQL. */
VOID KeStallExecutionProcessor(ULONG MicroSeconds);

/* A DPC for KeInsertQueueDpc or a timer. Any IRQL. */
VOID KeInitializeDpc(PRKDPC Dpc, PKDEFERRED_ROUTINE DeferredRoutine, PVOID DeferredContext);
/* Queues the DPC; FALSE: it is queued already. Any IRQL. */
BOOLEAN KeInsertQueueDpc(PRKDPC Dpc, PVOID SystemArgument1, PVOID SystemArgument2);
/* Takes it off the queue; FALSE: it was not there. Any IRQL. */
BOOLEAN KeRemoveQueueDpc(PRKDPC Dpc);
/* Returns when every DPC queued before has run. PASSIVE_LEVEL. */
VOID KeFlushQueuedDpcs(VOID);
/* Where in the queue it goes. */
VOID KeSetImportanceDpc(PRKDPC Dpc, KDPC_IMPORTANCE Importance);

/* A timer that is not armed. Any IRQL. */
VOID KeInitializeTimer(PKTIMER Timer);
VOID KeInitializeTimerEx(PKTIMER Timer, TIMER_TYPE Type);
/* Arms the timer (DueTime in 100 ns, negative: from now); TRUE: it was armed already. At most DISPATCH_LEVEL. */
BOOLEAN KeSetTimer(PKTIMER Timer, LARGE_INTEGER DueTime, PKDPC Dpc);
/* The same, and again every Period milliseconds if that is not 0. */
BOOLEAN KeSetTimerEx(PKTIMER Timer, LARGE_INTEGER DueTime, LONG Period, PKDPC Dpc);
/* Disarms; TRUE: it was armed. The DPC may be running still. At most DISPATCH_LEVEL. */
BOOLEAN KeCancelTimer(PKTIMER Timer);
/* TRUE if it has fired. */
BOOLEAN KeReadStateTimer(PKTIMER Timer);

/* A free lock. Any IRQL. */
VOID KeInitializeSpinLock(PKSPIN_LOCK SpinLock);
/* Raises to DISPATCH_LEVEL and takes the lock; the IRQL before. At most DISPATCH_LEVEL, not recursive. */
KIRQL KeAcquireSpinLockRaiseToDpc(PKSPIN_LOCK SpinLock);
/* Gives the lock back and lowers to NewIrql. At DISPATCH_LEVEL. */
VOID KeReleaseSpinLock(PKSPIN_LOCK SpinLock, KIRQL NewIrql);
/* The pair for callers that are at DISPATCH_LEVEL already. */
VOID KeAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
VOID KeReleaseSpinLockFromDpcLevel(PKSPIN_LOCK SpinLock);
/* Takes the lock if it is free; FALSE if not. At DISPATCH_LEVEL or above. */
BOOLEAN KeTryToAcquireSpinLockAtDpcLevel(PKSPIN_LOCK SpinLock);
/* The pair whose waiters queue, each on its own handle. At most DISPATCH_LEVEL. */
VOID KeAcquireInStackQueuedSpinLock(PKSPIN_LOCK SpinLock, PKLOCK_QUEUE_HANDLE LockHandle);
VOID KeReleaseInStackQueuedSpinLock(PKLOCK_QUEUE_HANDLE LockHandle);
#define KeAcquireSpinLock(SpinLock, OldIrql) (*(OldIrql) = KeAcquireSpinLockRaiseToDpc(SpinLock))

/* At most DISPATCH_LEVEL. */
VOID ExInitializeFastMutex(PFAST_MUTEX FastMutex);
/* Takes it, waiting; raises to APC_LEVEL. At most APC_LEVEL. */
VOID ExAcquireFastMutex(PFAST_MUTEX FastMutex);
/* Takes it if it is free; FALSE if not. At most APC_LEVEL. */
BOOLEAN ExTryToAcquireFastMutex(PFAST_MUTEX FastMutex);
/* Gives it back and lowers to the IRQL before. */
VOID ExReleaseFastMutex(PFAST_MUTEX FastMutex);
#define KeInitializeGuardedMutex ExInitializeFastMutex
#define KeAcquireGuardedMutex    ExAcquireFastMutex
#define KeReleaseGuardedMutex    ExReleaseFastMutex

/* System time in 100 ns since 1601; interrupt time in 100 ns since start. Any IRQL. */
VOID KeQuerySystemTime(PLARGE_INTEGER CurrentTime);
VOID KeQuerySystemTimePrecise(PLARGE_INTEGER CurrentTime);
ULONGLONG KeQueryInterruptTime(VOID);
/* Counter and, if asked for, its ticks a second. Any IRQL. */
LARGE_INTEGER KeQueryPerformanceCounter(PLARGE_INTEGER PerformanceFrequency);
/* Clock ticks since start, and 100 ns a tick. Any IRQL. */
VOID KeQueryTickCount(PLARGE_INTEGER CurrentCount);
ULONG KeQueryTimeIncrement(VOID);

/* Processors: number of this one, of all. At most DISPATCH_LEVEL. */
ULONG KeGetCurrentProcessorNumberEx(PPROCESSOR_NUMBER ProcNumber);
ULONG KeGetCurrentProcessorNumber(VOID);
ULONG KeQueryActiveProcessorCount(PKAFFINITY ActiveProcessors);
ULONG KeQueryActiveProcessorCountEx(USHORT GroupNumber);
ULONG KeQueryMaximumProcessorCountEx(USHORT GroupNumber);
KAFFINITY KeQueryActiveProcessors(VOID);
NTSTATUS KeGetProcessorNumberFromIndex(ULONG ProcIndex, PPROCESSOR_NUMBER ProcNumber);
ULONG KeGetProcessorIndexFromNumber(PPROCESSOR_NUMBER ProcNumber);
#define ALL_PROCESSOR_GROUPS 0xffff

/* Ends the machine; never returns. Any IRQL. */
DECLSPEC_NORETURN VOID KeBugCheckEx(ULONG BugCheckCode, ULONG_PTR P1, ULONG_PTR P2, ULONG_PTR P3, ULONG_PTR P4);
DECLSPEC_NORETURN VOID KeBugCheck(ULONG BugCheckCode);

VFPLANE_END_C

#endif
