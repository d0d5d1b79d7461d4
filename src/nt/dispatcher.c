/* SPDX-License-Identifier: MIT
 *
 * Dispatcher objects: what a thread can wait for.
 *
 * The top bit of an object's first word is its lock. A waiter hangs a block with its semaphore into the object's wait
 * list; whoever signals the object posts every semaphore with the lock held, and each waiter then takes the object for
 * itself or sleeps on. A waiter never leaves without having had the lock after the signal, so an event on its stack may
 * go out of scope as soon as the wait returns.
 *
 * On the virtual clock a thread that waits lets time pass: after NT_GRACE_NS of real time without a signal the clock
 * jumps to the next timer due before the wait's end. A wait with a timeout ends when min(timeout, NT_WAIT_BOUND_NS) of
 * real time have gone by; the virtual clock has then moved by the whole timeout.
 */
#include "nt/internal.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

#define NT_GRACE_NS      (1 * NT_NS_PER_MS)
#define NT_SLICE_NS      (10 * NT_NS_PER_MS) /* how often a wait without end looks for new timers */
#define NT_WAIT_BOUND_NS (2000 * NT_NS_PER_MS)
#define NT_LOCK_BIT      0x80000000u
#define NT_INITIALIZED   0x00060000u /* the Size byte: set in every object that was initialised */
#define NT_FOREVER       UINT64_MAX

struct wait_block {
    LIST_ENTRY entry;
    sem_t *wake;
};

struct wait {
    DISPATCHER_HEADER **objects;
    unsigned count;
    bool all;
    sem_t wake;
    struct wait_block blocks[MAXIMUM_WAIT_OBJECTS];
};

static uint32_t *lock_word(DISPATCHER_HEADER *header)
{
    return (uint32_t *)(void *)header;
}

void nt_dispatcher_lock(DISPATCHER_HEADER *header)
{
    while (__atomic_fetch_or(lock_word(header), NT_LOCK_BIT, __ATOMIC_ACQUIRE) & NT_LOCK_BIT)
        sched_yield();
}

void nt_dispatcher_unlock(DISPATCHER_HEADER *header)
{
    __atomic_fetch_and(lock_word(header), ~NT_LOCK_BIT, __ATOMIC_RELEASE);
}

void nt_dispatcher_init(DISPATCHER_HEADER *header, enum nt_dispatcher_type type, LONG signalled)
{
    __atomic_store_n(lock_word(header), NT_INITIALIZED | type, __ATOMIC_RELAXED);
    header->SignalState = signalled;
    InitializeListHead(&header->WaitListHead);
}

void nt_dispatcher_wake(DISPATCHER_HEADER *header)
{
    for (LIST_ENTRY *entry = header->WaitListHead.Flink; entry != &header->WaitListHead; entry = entry->Flink)
        sem_post(CONTAINING_RECORD(entry, struct wait_block, entry)->wake);
}

/* A driver's object that was never initialised has no wait list: to be reported, not followed. Any IRQL, no lock. */
static bool initialised(DISPATCHER_HEADER *header, const char *routine)
{
    if (header && (__atomic_load_n(lock_word(header), __ATOMIC_RELAXED) & 0x00ff0000u) == NT_INITIALIZED)
        return true;
    nt_violation_in(NT_RULE(OBJECT_NOT_INITIALIZED), routine, "%s on an object that was not initialised", routine);
    return false;
}

LONG nt_dispatcher_signal(DISPATCHER_HEADER *header, LONG state)
{
    if (!initialised(header, "KeSetEvent"))
        return 0;
    nt_dispatcher_lock(header);
    LONG before = header->SignalState;
    header->SignalState = state;
    if (state)
        nt_dispatcher_wake(header);
    nt_dispatcher_unlock(header);
    return before;
}

LONG nt_dispatcher_state(DISPATCHER_HEADER *header)
{
    if (!initialised(header, "KeReadState"))
        return 0;
    nt_dispatcher_lock(header);
    LONG state = header->SignalState;
    nt_dispatcher_unlock(header);
    return state;
}

/* ---- taking ------------------------------------------------------------------------------------------------------ */

static uint8_t type_of(DISPATCHER_HEADER *header)
{
    return __atomic_load_n(lock_word(header), __ATOMIC_RELAXED) & 0x7fu;
}

static bool can_take(DISPATCHER_HEADER *header)
{
    if (type_of(header) == NT_MUTANT && ((PKMUTEX)(void *)header)->OwnerThread == KeGetCurrentThread())
        return true;
    return header->SignalState > 0;
}

static void take(DISPATCHER_HEADER *header)
{
    switch (type_of(header)) {
    case NT_EVENT_SYNCHRONIZATION:
    case NT_TIMER_SYNCHRONIZATION:
        header->SignalState = 0;
        break;
    case NT_SEMAPHORE:
        header->SignalState--;
        break;
    case NT_MUTANT:
        header->SignalState--;
        ((PKMUTEX)(void *)header)->OwnerThread = KeGetCurrentThread();
        break;
    default: /* a notification object stays signalled */
        break;
    }
}

/* Index of the object taken, -1 = none is signalled. */
static int try_any(struct wait *wait)
{
    for (unsigned i = 0; i < wait->count; i++) {
        DISPATCHER_HEADER *header = wait->objects[i];
        nt_dispatcher_lock(header);
        bool taken = can_take(header);
        if (taken)
            take(header);
        nt_dispatcher_unlock(header);
        if (taken)
            return (int)i;
    }
    return -1;
}

/* The objects stand in the order of their addresses here, so that two threads never lock the same two crosswise. */
static int try_all(struct wait *wait)
{
    bool ready = true;
    for (unsigned i = 0; i < wait->count; i++)
        nt_dispatcher_lock(wait->objects[i]);
    for (unsigned i = 0; i < wait->count; i++)
        ready &= can_take(wait->objects[i]);
    for (unsigned i = 0; i < wait->count; i++) {
        if (ready)
            take(wait->objects[i]);
        nt_dispatcher_unlock(wait->objects[i]);
    }
    return ready ? 0 : -1;
}

static int try_take(struct wait *wait)
{
    return wait->all ? try_all(wait) : try_any(wait);
}

/* ---- sleeping ---------------------------------------------------------------------------------------------------- */

/* True when woken; false when `ns` of real time went by. */
static bool sleep_real(sem_t *wake, uint64_t ns)
{
    uint64_t end = nt_monotonic_ns() + ns;
    struct timespec until = {(time_t)(end / 1000000000u), (long)(end % 1000000000u)};
    int result;
    do
        result = ns == NT_FOREVER ? sem_wait(wake) : sem_clockwait(wake, CLOCK_MONOTONIC, &until);
    while (result && errno == EINTR);
    return result == 0;
}

struct deadline {
    struct nt_partition *partition;
    uint64_t clock_ns, real_ns; /* NT_FOREVER = none */
    uint64_t slice_ns;
};

static struct deadline deadline_after(uint64_t timeout_ns)
{
    struct deadline end = {nt_partition_current, NT_FOREVER, NT_FOREVER, NT_GRACE_NS};
    if (timeout_ns == NT_FOREVER)
        return end;
    bool virtual = end.partition && !end.partition->real_time;
    uint64_t real = virtual && timeout_ns > NT_WAIT_BOUND_NS ? NT_WAIT_BOUND_NS : timeout_ns;
    end.real_ns = nt_monotonic_ns() + real;
    end.clock_ns = virtual ? nt_clock_ns(end.partition) + timeout_ns : NT_FOREVER;
    return end;
}

static uint64_t remaining(uint64_t until, uint64_t now)
{
    return until == NT_FOREVER ? NT_FOREVER : until > now ? until - now : 0;
}

/* Sleeps until there may be something to take (true) or the deadline has come (false). */
static bool sleep_until(sem_t *wake, struct deadline *end)
{
    uint64_t left = remaining(end->real_ns, nt_monotonic_ns());
    if (!end->partition || end->partition->real_time)
        return sleep_real(wake, left);
    if (sleep_real(wake, left < end->slice_ns ? left : end->slice_ns))
        return true;
    if (nt_clock_skip(end->partition, end->clock_ns)) {
        end->slice_ns = NT_GRACE_NS;
        return true;
    }
    end->slice_ns = NT_SLICE_NS;
    if (remaining(end->real_ns, nt_monotonic_ns()))
        return true;
    nt_clock_advance(end->partition, remaining(end->clock_ns, nt_clock_ns(end->partition)));
    return false;
}

static void hang_in(struct wait *wait)
{
    for (unsigned i = 0; i < wait->count; i++) {
        wait->blocks[i].wake = &wait->wake;
        nt_dispatcher_lock(wait->objects[i]);
        InsertTailList(&wait->objects[i]->WaitListHead, &wait->blocks[i].entry);
        nt_dispatcher_unlock(wait->objects[i]);
    }
}

static void take_out(struct wait *wait)
{
    for (unsigned i = 0; i < wait->count; i++) {
        nt_dispatcher_lock(wait->objects[i]);
        RemoveEntryList(&wait->blocks[i].entry);
        nt_dispatcher_unlock(wait->objects[i]);
    }
}

static NTSTATUS wait_blocking(struct wait *wait, uint64_t timeout_ns)
{
    struct deadline end = deadline_after(timeout_ns);
    bool awake = true;
    int taken;
    sem_init(&wait->wake, 0, 0);
    hang_in(wait);
    while ((taken = try_take(wait)) < 0 && awake)
        awake = sleep_until(&wait->wake, &end);
    take_out(wait);
    sem_destroy(&wait->wake);
    return taken < 0 ? STATUS_TIMEOUT : STATUS_WAIT_0 + taken;
}

/* A timeout in 100 ns units: negative is from now on, positive a system time. */
static uint64_t timeout_ns(PLARGE_INTEGER timeout)
{
    if (!timeout)
        return NT_FOREVER;
    if (timeout->QuadPart <= 0)
        return (uint64_t)-timeout->QuadPart * 100;
    LARGE_INTEGER now;
    KeQuerySystemTimePrecise(&now);
    return timeout->QuadPart > now.QuadPart ? (uint64_t)(timeout->QuadPart - now.QuadPart) * 100 : 0;
}

/* A wait that may block is for <= APC_LEVEL; a test (timeout 0) for <= DISPATCH_LEVEL. At a higher IRQL nothing is
 * taken and STATUS_INVALID_DEVICE_STATE comes back: a real machine would stop. */
static NTSTATUS wait_for(struct wait *wait, PLARGE_INTEGER timeout, const char *routine)
{
    uint64_t ns = timeout_ns(timeout);
    for (unsigned i = 0; i < wait->count; i++)
        if (!initialised(wait->objects[i], routine))
            return STATUS_INVALID_PARAMETER;
    if (!nt_irql_at_most(ns ? APC_LEVEL : DISPATCH_LEVEL, routine))
        return STATUS_INVALID_DEVICE_STATE;
    int taken = try_take(wait);
    if (taken >= 0)
        return STATUS_WAIT_0 + taken;
    return ns ? wait_blocking(wait, ns) : STATUS_TIMEOUT;
}

NT_EXPORT NTSTATUS KeWaitForSingleObject(PVOID object, KWAIT_REASON reason, KPROCESSOR_MODE mode, BOOLEAN alertable,
                                         PLARGE_INTEGER timeout)
{
    DISPATCHER_HEADER *header = object;
    struct wait wait = {.objects = &header, .count = 1};
    (void)reason, (void)mode, (void)alertable;
    return wait_for(&wait, timeout, "KeWaitForSingleObject");
}

static void sort_by_address(DISPATCHER_HEADER **objects, unsigned count)
{
    for (unsigned i = 1; i < count; i++)
        for (unsigned j = i; j > 0 && objects[j - 1] > objects[j]; j--) {
            DISPATCHER_HEADER *swapped = objects[j];
            objects[j] = objects[j - 1];
            objects[j - 1] = swapped;
        }
}

NT_EXPORT NTSTATUS KeWaitForMultipleObjects(ULONG count, PVOID objects[], WAIT_TYPE type, KWAIT_REASON reason,
                                            KPROCESSOR_MODE mode, BOOLEAN alertable, PLARGE_INTEGER timeout,
                                            PKWAIT_BLOCK blocks)
{
    DISPATCHER_HEADER *headers[MAXIMUM_WAIT_OBJECTS];
    struct wait wait = {.objects = headers, .count = count, .all = type == WaitAll};
    (void)reason, (void)mode, (void)alertable, (void)blocks;
    if (!count || count > MAXIMUM_WAIT_OBJECTS) {
        nt_violation(NT_RULE(WAIT_OBJECT_COUNT), "KeWaitForMultipleObjects with %u objects", count);
        return STATUS_INVALID_PARAMETER;
    }
    for (ULONG i = 0; i < count; i++)
        headers[i] = objects[i];
    if (wait.all)
        sort_by_address(headers, count);
    return wait_for(&wait, timeout, "KeWaitForMultipleObjects");
}
