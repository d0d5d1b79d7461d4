/* SPDX-License-Identifier: MIT
 *
 * The partition's clock, its timers and its DPCs. One thread of the partition, started by the first timer or DPC, fires
 * timers that are due and runs DPCs at DISPATCH_LEVEL, in the order they fell due.
 *
 * The virtual clock stands still until somebody advances it. Who advances it below DISPATCH_LEVEL returns when all that
 * fell due has run, so that a test sees the effect of the time it let pass; at DISPATCH_LEVEL it only moves the hand.
 */
#include "nt/internal.h"

#include <time.h>

/* A periodic timer that a jump of the clock overran fires once for each missed period, up to so many. */
#define NT_TIMER_CATCH_UP 64u
/* Drivers that poll the clock must see it move. */
#define NT_CLOCK_READ_COST_NS 100u
#define NT_NEVER              UINT64_MAX

static _Thread_local bool on_clock_thread;

uint64_t nt_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t nt_clock_ns(struct nt_partition *partition)
{
    if (partition->real_time)
        return nt_monotonic_ns() - partition->clock.base_ns;
    return atomic_load(&partition->clock.now_ns);
}

bool nt_clock_init(struct nt_partition *partition)
{
    struct nt_clock *clock = &partition->clock;
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_mutex_init(&clock->lock, NULL);
    pthread_cond_init(&clock->work, &monotonic);
    pthread_cond_init(&clock->quiet, &monotonic);
    pthread_condattr_destroy(&monotonic);
    InitializeListHead(&clock->timers);
    InitializeListHead(&clock->dpcs);
    atomic_init(&clock->now_ns, 0);
    atomic_init(&clock->next_due, NT_NEVER);
    clock->base_ns = nt_monotonic_ns();
    return true;
}

/* ---- with the clock lock held ------------------------------------------------------------------------------------ */

static PKTIMER first_timer(struct nt_clock *clock)
{
    return IsListEmpty(&clock->timers) ? NULL : CONTAINING_RECORD(clock->timers.Flink, KTIMER, TimerListEntry);
}

static void note_next_due(struct nt_clock *clock)
{
    PKTIMER timer = first_timer(clock);
    atomic_store(&clock->next_due, timer ? timer->DueTime.QuadPart : NT_NEVER);
}

static bool timer_armed(PKTIMER timer)
{
    return timer->TimerListEntry.Flink != NULL;
}

static void timer_insert(struct nt_clock *clock, PKTIMER timer, uint64_t due)
{
    LIST_ENTRY *after = clock->timers.Blink;
    while (after != &clock->timers && CONTAINING_RECORD(after, KTIMER, TimerListEntry)->DueTime.QuadPart > due)
        after = after->Blink;
    timer->DueTime.QuadPart = due;
    InsertHeadList(after, &timer->TimerListEntry);
    note_next_due(clock);
}

static bool timer_remove(struct nt_clock *clock, PKTIMER timer)
{
    if (!timer_armed(timer))
        return false;
    RemoveEntryList(&timer->TimerListEntry);
    timer->TimerListEntry.Flink = NULL;
    note_next_due(clock);
    return true;
}

static bool dpc_insert(struct nt_clock *clock, PKDPC dpc)
{
    if (dpc->DpcData)
        return false;
    dpc->DpcData = clock;
    InsertTailList(&clock->dpcs, &dpc->DpcListEntry);
    return true;
}

static void timer_fire(struct nt_clock *clock, PKTIMER timer, uint64_t now)
{
    uint64_t due = timer->DueTime.QuadPart, period = (uint64_t)timer->Period * NT_NS_PER_MS;
    timer_remove(clock, timer);
    if (timer->Dpc)
        dpc_insert(clock, timer->Dpc);
    if (period) {
        uint64_t missed = (now - due) / period;
        uint64_t skipped = missed > NT_TIMER_CATCH_UP ? missed - NT_TIMER_CATCH_UP : 0;
        timer_insert(clock, timer, due + (skipped + 1) * period);
    }
    nt_dispatcher_signal(&timer->Header, 1); /* last: an expired one-shot timer may be gone once its waiter woke */
}

/* ---- the clock thread -------------------------------------------------------------------------------------------- */

static void dpc_run(struct nt_clock *clock, PKDPC dpc)
{
    RemoveEntryList(&dpc->DpcListEntry);
    PKDEFERRED_ROUTINE routine = dpc->DeferredRoutine;
    PVOID context = dpc->DeferredContext, first = dpc->SystemArgument1, second = dpc->SystemArgument2;
    dpc->DpcData = NULL;
    clock->running = true;
    pthread_mutex_unlock(&clock->lock);
    nt_irql = DISPATCH_LEVEL;
    routine(dpc, context, first, second);
    nt_irql_expect(DISPATCH_LEVEL, "a DPC");
    nt_irql = PASSIVE_LEVEL;
    pthread_mutex_lock(&clock->lock);
    clock->running = false;
}

static void wait_for_work(struct nt_partition *partition)
{
    struct nt_clock *clock = &partition->clock;
    PKTIMER timer = first_timer(clock);
    pthread_cond_broadcast(&clock->quiet);
    if (!partition->real_time || !timer) {
        pthread_cond_wait(&clock->work, &clock->lock);
        return;
    }
    uint64_t until = clock->base_ns + timer->DueTime.QuadPart;
    struct timespec at = {(time_t)(until / 1000000000u), (long)(until % 1000000000u)};
    pthread_cond_timedwait(&clock->work, &clock->lock, &at);
}

static void *clock_thread(void *context)
{
    struct nt_partition *partition = context;
    struct nt_clock *clock = &partition->clock;
    on_clock_thread = true;
    nt_enter(partition);
    pthread_mutex_lock(&clock->lock);
    while (!clock->stopping) {
        PKTIMER timer = first_timer(clock);
        uint64_t now = nt_clock_ns(partition);
        if (!IsListEmpty(&clock->dpcs))
            dpc_run(clock, CONTAINING_RECORD(clock->dpcs.Flink, KDPC, DpcListEntry));
        else if (timer && timer->DueTime.QuadPart <= now)
            timer_fire(clock, timer, now);
        else
            wait_for_work(partition);
    }
    pthread_mutex_unlock(&clock->lock);
    return NULL;
}

static bool start_thread(struct nt_partition *partition)
{
    struct nt_clock *clock = &partition->clock;
    if (!clock->started)
        clock->started = pthread_create(&clock->thread, NULL, clock_thread, partition) == 0;
    if (!clock->started)
        nt_violation(NT_RULE(NO_THREAD), "the thread for timers and DPCs cannot be started");
    pthread_cond_signal(&clock->work);
    return clock->started;
}

void nt_clock_stop(struct nt_partition *partition)
{
    struct nt_clock *clock = &partition->clock;
    pthread_mutex_lock(&clock->lock);
    clock->stopping = true;
    pthread_cond_broadcast(&clock->work);
    bool started = clock->started;
    pthread_mutex_unlock(&clock->lock);
    if (started)
        pthread_join(clock->thread, NULL);
    if (!IsListEmpty(&clock->timers))
        nt_violation(NT_RULE(TIMER_LEAK), "a timer is still armed when the partition ends");
    pthread_cond_destroy(&clock->work);
    pthread_cond_destroy(&clock->quiet);
    pthread_mutex_destroy(&clock->lock);
}

/* ---- advancing --------------------------------------------------------------------------------------------------- */

static bool busy(struct nt_partition *partition)
{
    struct nt_clock *clock = &partition->clock;
    return clock->started &&
           (clock->running || !IsListEmpty(&clock->dpcs) || atomic_load(&clock->next_due) <= nt_clock_ns(partition));
}

/* With the clock lock held: lets the clock thread do what is due; waits for it where the caller may wait. */
static void settle(struct nt_partition *partition)
{
    struct nt_clock *clock = &partition->clock;
    pthread_cond_signal(&clock->work);
    if (on_clock_thread || nt_irql >= DISPATCH_LEVEL)
        return;
    while (busy(partition))
        pthread_cond_wait(&clock->quiet, &clock->lock);
}

void nt_clock_advance(struct nt_partition *partition, uint64_t ns)
{
    struct nt_clock *clock = &partition->clock;
    if (partition->real_time)
        return;
    uint64_t now = atomic_fetch_add(&clock->now_ns, ns) + ns;
    if (now < atomic_load(&clock->next_due))
        return;
    pthread_mutex_lock(&clock->lock);
    settle(partition);
    pthread_mutex_unlock(&clock->lock);
}

bool nt_clock_skip(struct nt_partition *partition, uint64_t limit_ns)
{
    struct nt_clock *clock = &partition->clock;
    pthread_mutex_lock(&clock->lock);
    uint64_t due = atomic_load(&clock->next_due), now = atomic_load(&clock->now_ns);
    bool skipped = due != NT_NEVER && due <= limit_ns;
    if (skipped) {
        while (now < due && !atomic_compare_exchange_weak(&clock->now_ns, &now, due))
            ;
        settle(partition);
    }
    pthread_mutex_unlock(&clock->lock);
    return skipped;
}

uint64_t nt_clock_read(struct nt_partition *partition)
{
    if (!partition)
        return nt_monotonic_ns();
    nt_clock_advance(partition, NT_CLOCK_READ_COST_NS);
    return nt_clock_ns(partition);
}

void nt_clock_flush_dpcs(struct nt_partition *partition)
{
    struct nt_clock *clock = &partition->clock;
    pthread_mutex_lock(&clock->lock);
    while (clock->started && !on_clock_thread && (clock->running || !IsListEmpty(&clock->dpcs)))
        pthread_cond_wait(&clock->quiet, &clock->lock);
    pthread_mutex_unlock(&clock->lock);
}

/* ---- DPCs, as drivers call them ---------------------------------------------------------------------------------- */

static struct nt_partition *current(const char *routine)
{
    if (!nt_partition_current)
        nt_violation_in(NT_RULE(NO_PARTITION), routine, "%s on a thread outside of any partition", routine);
    return nt_partition_current;
}

NT_EXPORT VOID KeInitializeDpc(PRKDPC dpc, PKDEFERRED_ROUTINE routine, PVOID context)
{
    *dpc = (KDPC){.Importance = MediumImportance, .DeferredRoutine = routine, .DeferredContext = context};
}

NT_EXPORT VOID KeSetImportanceDpc(PRKDPC dpc, KDPC_IMPORTANCE importance)
{
    dpc->Importance = (UCHAR)importance;
}

NT_EXPORT BOOLEAN KeInsertQueueDpc(PRKDPC dpc, PVOID first, PVOID second)
{
    struct nt_partition *partition = current("KeInsertQueueDpc");
    if (!partition)
        return FALSE;
    pthread_mutex_lock(&partition->clock.lock);
    bool inserted = start_thread(partition) && dpc_insert(&partition->clock, dpc);
    if (inserted) {
        dpc->SystemArgument1 = first;
        dpc->SystemArgument2 = second;
    }
    pthread_mutex_unlock(&partition->clock.lock);
    return inserted;
}

NT_EXPORT BOOLEAN KeRemoveQueueDpc(PRKDPC dpc)
{
    struct nt_partition *partition = current("KeRemoveQueueDpc");
    if (!partition)
        return FALSE;
    pthread_mutex_lock(&partition->clock.lock);
    bool queued = dpc->DpcData != NULL;
    if (queued) {
        RemoveEntryList(&dpc->DpcListEntry);
        dpc->DpcData = NULL;
    }
    pthread_mutex_unlock(&partition->clock.lock);
    return queued;
}

NT_EXPORT VOID KeFlushQueuedDpcs(VOID)
{
    struct nt_partition *partition = current("KeFlushQueuedDpcs");
    if (partition && nt_irql_at_most(PASSIVE_LEVEL, "KeFlushQueuedDpcs"))
        nt_clock_flush_dpcs(partition);
}

/* ---- timers ------------------------------------------------------------------------------------------------------ */

NT_EXPORT VOID KeInitializeTimerEx(PKTIMER timer, TIMER_TYPE type)
{
    *timer = (KTIMER){0};
    nt_dispatcher_init(&timer->Header, type == SynchronizationTimer ? NT_TIMER_SYNCHRONIZATION : NT_TIMER_NOTIFICATION,
                       0);
}

NT_EXPORT VOID KeInitializeTimer(PKTIMER timer)
{
    KeInitializeTimerEx(timer, NotificationTimer);
}

static uint64_t due_ns(struct nt_partition *partition, LARGE_INTEGER due)
{
    uint64_t now = nt_clock_ns(partition);
    LARGE_INTEGER system;
    if (due.QuadPart < 0)
        return now + (uint64_t)-due.QuadPart * 100;
    KeQuerySystemTimePrecise(&system);
    return due.QuadPart > system.QuadPart ? now + (uint64_t)(due.QuadPart - system.QuadPart) * 100 : now;
}

NT_EXPORT BOOLEAN KeSetTimerEx(PKTIMER timer, LARGE_INTEGER due, LONG period, PKDPC dpc)
{
    struct nt_partition *partition = current("KeSetTimer");
    if (!partition || !nt_irql_at_most(DISPATCH_LEVEL, "KeSetTimer"))
        return FALSE;
    uint64_t at = due_ns(partition, due);
    pthread_mutex_lock(&partition->clock.lock);
    bool armed = timer_remove(&partition->clock, timer);
    nt_dispatcher_signal(&timer->Header, 0);
    timer->Period = period > 0 ? period : 0;
    timer->Dpc = dpc;
    if (start_thread(partition))
        timer_insert(&partition->clock, timer, at);
    pthread_mutex_unlock(&partition->clock.lock);
    return armed;
}

NT_EXPORT BOOLEAN KeSetTimer(PKTIMER timer, LARGE_INTEGER due, PKDPC dpc)
{
    return KeSetTimerEx(timer, due, 0, dpc);
}

NT_EXPORT BOOLEAN KeCancelTimer(PKTIMER timer)
{
    struct nt_partition *partition = current("KeCancelTimer");
    if (!partition || !nt_irql_at_most(DISPATCH_LEVEL, "KeCancelTimer"))
        return FALSE;
    pthread_mutex_lock(&partition->clock.lock);
    bool armed = timer_remove(&partition->clock, timer);
    pthread_mutex_unlock(&partition->clock.lock);
    return armed;
}

NT_EXPORT BOOLEAN KeReadStateTimer(PKTIMER timer)
{
    return nt_dispatcher_state(&timer->Header) != 0;
}
