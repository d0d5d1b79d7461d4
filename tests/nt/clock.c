/* SPDX-License-Identifier: MIT
 *
 * Timers, DPCs and waits beyond the plain ones: in which order they fire, points of time instead of spans, the thread
 * they run on kept busy, and the clock of the machine itself.
 */
#include "nt_test.h"

#include <sched.h>
#include <time.h>

#define MS 10000 /* of 100 ns */

static LARGE_INTEGER after_ms(LONGLONG ms)
{
    return (LARGE_INTEGER){.QuadPart = -ms * MS};
}

static LARGE_INTEGER at_ms(LONGLONG ms) /* from now, as a system time */
{
    LARGE_INTEGER now;
    KeQuerySystemTime(&now);
    return (LARGE_INTEGER){.QuadPart = now.QuadPart + ms * MS};
}

static LONG order;

struct alarm {
    KTIMER timer;
    KDPC dpc;
    LONG fired; /* as the n-th */
};

static VOID ring(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    struct alarm *alarm = context;
    (void)dpc, (void)first, (void)second;
    alarm->fired = InterlockedIncrement(&order);
}

static void alarm_init(struct alarm *alarm)
{
    memset(alarm, 0, sizeof(*alarm));
    KeInitializeTimer(&alarm->timer);
    KeInitializeDpc(&alarm->dpc, ring, alarm);
}

static void timers_fire_in_the_order_they_are_due(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    struct alarm late, early, middle;
    (void)state;
    order = 0;
    alarm_init(&late), alarm_init(&early), alarm_init(&middle);
    KeSetTimer(&late.timer, after_ms(30), &late.dpc);
    KeSetTimer(&early.timer, after_ms(10), &early.dpc);
    KeSetTimer(&middle.timer, after_ms(20), &middle.dpc);
    nt_clock_advance(fixture->partition, 25 * 1000000);
    KeFlushQueuedDpcs();
    assert_true(early.fired == 1 && middle.fired == 2 && late.fired == 0);
    nt_clock_advance(fixture->partition, 25 * 1000000);
    KeFlushQueuedDpcs();
    assert_int_equal(late.fired, 3);
    nt_test_finish(fixture);
}

static void a_timer_may_name_a_point_of_time(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    struct alarm alarm;
    (void)state;
    order = 0;
    alarm_init(&alarm);
    KeSetTimer(&alarm.timer, at_ms(10), &alarm.dpc);
    nt_clock_advance(fixture->partition, 9 * 1000000);
    assert_false(KeReadStateTimer(&alarm.timer));
    nt_clock_advance(fixture->partition, 2 * 1000000);
    KeFlushQueuedDpcs();
    assert_int_equal(alarm.fired, 1);
    KeSetTimer(&alarm.timer, (LARGE_INTEGER){.QuadPart = 1}, &alarm.dpc); /* it has passed: at once */
    nt_clock_advance(fixture->partition, 1);
    KeFlushQueuedDpcs();
    assert_int_equal(alarm.fired, 2);
    nt_test_finish(fixture);
}

/* Without a DPC a timer is only an object to wait for; a synchronization timer lets one waiter through. */
static void a_timer_without_a_dpc_is_waited_for(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    LARGE_INTEGER none = {0};
    KTIMER timer;
    (void)state;
    KeInitializeTimerEx(&timer, SynchronizationTimer);
    KeSetTimer(&timer, after_ms(10), NULL);
    assert_int_equal(KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, &none), STATUS_TIMEOUT);
    KeInitializeTimerEx(&timer, NotificationTimer);
    KeSetTimer(&timer, after_ms(10), NULL);
    assert_int_equal(KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(&timer, Executive, KernelMode, FALSE, &none), STATUS_SUCCESS);
    nt_test_finish(fixture);
}

/* At DISPATCH_LEVEL nobody waits for the thread that DPCs run on. */
static void a_timer_that_comes_due_at_dispatch_level_fires_later(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    struct alarm alarm;
    KIRQL before;
    (void)state;
    order = 0;
    alarm_init(&alarm);
    KeSetTimer(&alarm.timer, (LARGE_INTEGER){.QuadPart = -100}, &alarm.dpc); /* 10 us */
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    KeStallExecutionProcessor(50);
    KeLowerIrql(before);
    nt_clock_advance(fixture->partition, 1); /* here it is waited for */
    KeFlushQueuedDpcs();
    assert_int_equal(alarm.fired, 1);
    nt_test_finish(fixture);
}

struct gate {
    LONG entered, open;
};

static VOID hold(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    struct gate *gate = context;
    (void)dpc, (void)first, (void)second;
    InterlockedExchange(&gate->entered, 1);
    while (!InterlockedAdd(&gate->open, 0))
        sched_yield();
}

static void a_dpc_that_is_queued_is_queued_once_and_can_be_taken_back(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    struct gate gate = {0};
    struct alarm alarm;
    KDPC first;
    (void)state;
    order = 0;
    alarm_init(&alarm);
    KeInitializeDpc(&first, hold, &gate);
    KeSetImportanceDpc(&first, HighImportance);
    assert_int_equal(first.Importance, HighImportance);
    assert_true(KeInsertQueueDpc(&first, NULL, NULL));
    while (!InterlockedAdd(&gate.entered, 0))
        sched_yield();
    assert_true(KeInsertQueueDpc(&alarm.dpc, NULL, NULL)); /* behind the one that runs */
    assert_false(KeInsertQueueDpc(&alarm.dpc, &order, &order));
    assert_null(alarm.dpc.SystemArgument1);
    assert_true(KeRemoveQueueDpc(&alarm.dpc));
    assert_false(KeRemoveQueueDpc(&alarm.dpc));
    InterlockedExchange(&gate.open, 1);
    KeFlushQueuedDpcs();
    assert_int_equal(alarm.fired, 0);
    nt_test_finish(fixture);
}

/* ---- waits --------------------------------------------------------------------------------------------------------
 */

static void a_wait_may_end_at_a_point_of_time(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    LARGE_INTEGER until = at_ms(10), past = {.QuadPart = 1};
    uint64_t before = nt_clock_ns(fixture->partition);
    KEVENT event;
    (void)state;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    assert_int_equal(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &until), STATUS_TIMEOUT);
    assert_in_range(nt_clock_ns(fixture->partition) - before, 9 * 1000000, 11 * 1000000);
    before = nt_clock_ns(fixture->partition);
    assert_int_equal(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &past), STATUS_TIMEOUT);
    assert_in_range(nt_clock_ns(fixture->partition) - before, 0, 1000000);
    nt_test_finish(fixture);
}

static void all_objects_are_waited_for_in_any_order_they_are_given(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    LARGE_INTEGER none = {0};
    KEVENT events[3];
    PVOID objects[3] = {&events[2], &events[0], &events[1]};
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        KeInitializeEvent(&events[i], SynchronizationEvent, i != 1);
    assert_int_equal(KeWaitForMultipleObjects(3, objects, WaitAll, Executive, KernelMode, FALSE, &none, NULL),
                     STATUS_TIMEOUT);
    assert_true(KeReadStateEvent(&events[0]) && KeReadStateEvent(&events[2])); /* none is taken */
    KeSetEvent(&events[1], 0, FALSE);
    assert_int_equal(KeWaitForMultipleObjects(3, objects, WaitAll, Executive, KernelMode, FALSE, &none, NULL),
                     STATUS_SUCCESS);
    for (unsigned i = 0; i < 3; i++)
        assert_false(KeReadStateEvent(&events[i]));
    nt_test_finish(fixture);
}

static void a_number_of_objects_that_cannot_be_is_reported(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    static const ULONG counts[] = {0, MAXIMUM_WAIT_OBJECTS + 1, 0xFFFFFFFF};
    PVOID objects[1] = {NULL};
    (void)state;
    for (size_t i = 0; i < RTL_NUMBER_OF(counts); i++) {
        assert_int_equal(
            KeWaitForMultipleObjects(counts[i], objects, WaitAny, Executive, KernelMode, FALSE, NULL, NULL),
            STATUS_INVALID_PARAMETER);
        nt_test_expect(fixture, "WAIT_OBJECT_COUNT");
    }
    nt_test_finish(fixture);
}

static void the_state_of_a_mutex_is_1_while_it_is_free(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    KMUTEX mutex;
    KEVENT never = {0};
    (void)state;
    KeInitializeMutex(&mutex, 0);
    assert_int_equal(KeReadStateMutex(&mutex), 1);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    KeWaitForSingleObject(&mutex, Executive, KernelMode, FALSE, NULL);
    assert_int_equal(KeReadStateMutex(&mutex), -1);
    KeReleaseMutex(&mutex, FALSE);
    KeReleaseMutex(&mutex, FALSE);
    assert_int_equal(KeReadStateMutex(&mutex), 1);
    assert_int_equal(KeReadStateEvent(&never), 0);
    assert_int_equal(fixture->count, 1); /* it was never initialised */
    fixture->count = 0;
    nt_test_finish(fixture);
}

/* ---- the machine's own clock --------------------------------------------------------------------------------------
 */

static void outside_of_a_partition_time_is_the_machines(void **state)
{
    LARGE_INTEGER now;
    struct timespec before, after;
    (void)state;
    assert_null(nt_current());
    clock_gettime(CLOCK_REALTIME, &before);
    KeQuerySystemTimePrecise(&now);
    clock_gettime(CLOCK_REALTIME, &after);
    now.QuadPart -= 116444736000000000; /* 1601 to 1970 */
    assert_in_range(now.QuadPart / 10000000, before.tv_sec, after.tv_sec);
    clock_gettime(CLOCK_MONOTONIC, &before);
    ULONGLONG interrupt = KeQueryInterruptTime();
    clock_gettime(CLOCK_MONOTONIC, &after);
    assert_in_range(interrupt / 10000000, before.tv_sec, after.tv_sec);
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){0}), STATUS_SUCCESS);
}

/* ---- threads ------------------------------------------------------------------------------------------------------
 */

struct thread {
    HANDLE id, process;
    KPRIORITY before, after;
};

static VOID return_from_it(PVOID context)
{
    struct thread *thread = context;
    thread->id = PsGetCurrentThreadId();
    thread->process = PsGetCurrentProcessId();
    thread->before = KeSetPriorityThread(KeGetCurrentThread(), 16);
    thread->after = KeSetPriorityThread(KeGetCurrentThread(), 8);
}

static void a_system_thread_may_return_and_is_of_the_system_process(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    struct thread seen = {0};
    HANDLE handle;
    PVOID thread;
    (void)state;
    assert_int_equal(PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, return_from_it, &seen), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, NULL, KernelMode, &thread, NULL), STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    assert_ptr_not_equal(seen.id, PsGetCurrentThreadId());
    assert_ptr_equal(seen.process, (HANDLE)4);
    assert_ptr_equal(PsGetCurrentProcessId(), (HANDLE)4);
    assert_int_equal(seen.after, 16);
    assert_int_not_equal(seen.before, 16);
    ObDereferenceObject(thread);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(timers_fire_in_the_order_they_are_due),
        cmocka_unit_test(a_timer_may_name_a_point_of_time),
        cmocka_unit_test(a_timer_without_a_dpc_is_waited_for),
        cmocka_unit_test(a_timer_that_comes_due_at_dispatch_level_fires_later),
        cmocka_unit_test(a_dpc_that_is_queued_is_queued_once_and_can_be_taken_back),
        cmocka_unit_test(a_wait_may_end_at_a_point_of_time),
        cmocka_unit_test(all_objects_are_waited_for_in_any_order_they_are_given),
        cmocka_unit_test(a_number_of_objects_that_cannot_be_is_reported),
        cmocka_unit_test(the_state_of_a_mutex_is_1_while_it_is_free),
        cmocka_unit_test(outside_of_a_partition_time_is_the_machines),
        cmocka_unit_test(a_system_thread_may_return_and_is_of_the_system_process),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
