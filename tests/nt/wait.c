/* SPDX-License-Identifier: MIT */
#include "nt_test.h"

static LARGE_INTEGER relative_ms(LONGLONG ms)
{
    return (LARGE_INTEGER){.QuadPart = -ms * 10000};
}

static NTSTATUS look(PVOID object)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    return KeWaitForSingleObject(object, Executive, KernelMode, FALSE, &now);
}

static void a_notification_event_stays_signalled_a_synchronization_event_does_not(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KEVENT stays, once;
    KeInitializeEvent(&stays, NotificationEvent, FALSE);
    KeInitializeEvent(&once, SynchronizationEvent, TRUE);
    assert_int_equal(look(&stays), STATUS_TIMEOUT);
    assert_int_equal(KeSetEvent(&stays, 0, FALSE), 0);
    assert_int_equal(KeSetEvent(&stays, 0, FALSE), 1);
    assert_int_equal(look(&stays), STATUS_SUCCESS);
    assert_int_equal(look(&stays), STATUS_SUCCESS);
    assert_int_equal(KeResetEvent(&stays), 1);
    assert_int_equal(KeReadStateEvent(&stays), 0);
    assert_int_equal(look(&once), STATUS_SUCCESS);
    assert_int_equal(look(&once), STATUS_TIMEOUT);
    nt_test_finish(fixture);
}

static void a_wait_above_its_irql_is_reported_and_takes_nothing(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KEVENT event;
    KIRQL irql;
    KeInitializeEvent(&event, SynchronizationEvent, TRUE);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_int_equal(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, NULL), STATUS_INVALID_DEVICE_STATE);
    nt_test_expect(fixture, "IRQL_TOO_HIGH");
    assert_int_equal(look(&event), STATUS_SUCCESS); /* a test without waiting is allowed at DISPATCH_LEVEL */
    KeLowerIrql(irql);
    nt_test_finish(fixture);
}

static void an_object_that_was_not_initialised_is_reported(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KEVENT event = {0};
    assert_int_equal(look(&event), STATUS_INVALID_PARAMETER);
    nt_test_expect(fixture, "OBJECT_NOT_INITIALIZED");
    KeSetEvent(&event, 0, FALSE);
    nt_test_expect(fixture, "OBJECT_NOT_INITIALIZED");
    nt_test_finish(fixture);
}

struct handoff {
    struct nt_partition *partition;
    KEVENT request, answer;
    int rounds, served;
};

static void *answer_rounds(void *context)
{
    struct handoff *handoff = context;
    nt_enter(handoff->partition);
    for (int i = 0; i < handoff->rounds; i++) {
        KeWaitForSingleObject(&handoff->request, Executive, KernelMode, FALSE, NULL);
        handoff->served++;
        KeSetEvent(&handoff->answer, 0, FALSE);
    }
    return NULL;
}

static void two_threads_hand_over_by_events_without_losing_one(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct handoff handoff = {.partition = fixture->partition, .rounds = 3000};
    pthread_t thread;
    KeInitializeEvent(&handoff.request, SynchronizationEvent, FALSE);
    KeInitializeEvent(&handoff.answer, SynchronizationEvent, FALSE);
    assert_int_equal(pthread_create(&thread, NULL, answer_rounds, &handoff), 0);
    for (int i = 0; i < handoff.rounds; i++) {
        KeSetEvent(&handoff.request, 0, FALSE);
        assert_int_equal(KeWaitForSingleObject(&handoff.answer, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
        assert_int_equal(handoff.served, i + 1);
    }
    pthread_join(thread, NULL);
    nt_test_finish(fixture);
}

static void a_timed_out_wait_moves_the_virtual_clock_by_its_timeout(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KEVENT event;
    LARGE_INTEGER timeout = relative_ms(20);
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    uint64_t before = nt_clock_ns(fixture->partition);
    assert_int_equal(KeWaitForSingleObject(&event, Executive, KernelMode, FALSE, &timeout), STATUS_TIMEOUT);
    assert_int_equal(nt_clock_ns(fixture->partition) - before, 20 * 1000000);
    nt_test_finish(fixture);
}

static void delays_and_stalls_advance_the_virtual_clock_and_return(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    LARGE_INTEGER hour = relative_ms(3600 * 1000);
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &hour), STATUS_SUCCESS);
    assert_int_equal(nt_clock_ns(fixture->partition), UINT64_C(3600) * 1000000000);
    KeStallExecutionProcessor(50);
    assert_int_equal(nt_clock_ns(fixture->partition), UINT64_C(3600) * 1000000000 + 50000);
    KeStallExecutionProcessor(51);
    nt_test_expect(fixture, "STALL_TOO_LONG");
    nt_test_finish(fixture);
}

static void a_driver_that_polls_the_clock_sees_it_move(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    LARGE_INTEGER first, second, frequency;
    first = KeQueryPerformanceCounter(&frequency);
    second = KeQueryPerformanceCounter(NULL);
    assert_int_equal(frequency.QuadPart, 10000000);
    assert_true(second.QuadPart > first.QuadPart);
    KeQuerySystemTime(&first);
    KeQuerySystemTime(&second);
    assert_true(second.QuadPart > first.QuadPart);
    nt_test_finish(fixture);
}

struct ticks {
    KTIMER timer;
    KDPC dpc;
    KEVENT event;
    LONG count;
    KIRQL irql;
    struct nt_partition *partition;
};

static VOID tick(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    struct ticks *ticks = context;
    (void)dpc, (void)first, (void)second;
    ticks->irql = KeGetCurrentIrql();
    ticks->partition = nt_current();
    InterlockedIncrement(&ticks->count);
    KeSetEvent(&ticks->event, 0, FALSE);
}

static void ticks_init(struct ticks *ticks)
{
    memset(ticks, 0, sizeof(*ticks));
    KeInitializeTimer(&ticks->timer);
    KeInitializeDpc(&ticks->dpc, tick, ticks);
    KeInitializeEvent(&ticks->event, NotificationEvent, FALSE);
}

static void a_timer_fires_when_the_clock_is_advanced_to_it_not_before(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct ticks ticks;
    ticks_init(&ticks);
    assert_false(KeSetTimer(&ticks.timer, relative_ms(10), &ticks.dpc));
    nt_clock_advance(fixture->partition, 10 * 1000000 - 1);
    assert_int_equal(InterlockedAdd(&ticks.count, 0), 0);
    assert_false(KeReadStateTimer(&ticks.timer));
    nt_clock_advance(fixture->partition, 1);
    assert_int_equal(InterlockedAdd(&ticks.count, 0), 1);
    assert_true(KeReadStateTimer(&ticks.timer));
    assert_int_equal(ticks.irql, DISPATCH_LEVEL);
    assert_ptr_equal(ticks.partition, fixture->partition);
    assert_false(KeCancelTimer(&ticks.timer));
    nt_test_finish(fixture);
}

static void a_cancelled_timer_does_not_fire(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct ticks ticks;
    ticks_init(&ticks);
    KeSetTimer(&ticks.timer, relative_ms(10), &ticks.dpc);
    assert_true(KeSetTimer(&ticks.timer, relative_ms(20), &ticks.dpc));
    assert_true(KeCancelTimer(&ticks.timer));
    nt_clock_advance(fixture->partition, 100 * 1000000);
    KeFlushQueuedDpcs();
    assert_int_equal(InterlockedAdd(&ticks.count, 0), 0);
    nt_test_finish(fixture);
}

static void a_periodic_timer_fires_once_for_each_period_that_went_by(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct ticks ticks;
    ticks_init(&ticks);
    KeSetTimerEx(&ticks.timer, relative_ms(5), 10, &ticks.dpc);
    nt_clock_advance(fixture->partition, 36 * 1000000);
    assert_int_equal(InterlockedAdd(&ticks.count, 0), 4); /* at 5, 15, 25, 35 */
    assert_true(KeCancelTimer(&ticks.timer));
    nt_test_finish(fixture);
}

static void a_wait_without_end_lets_the_clock_run_to_the_next_timer(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct ticks ticks;
    ticks_init(&ticks);
    KeSetTimer(&ticks.timer, relative_ms(60 * 1000), &ticks.dpc);
    assert_int_equal(KeWaitForSingleObject(&ticks.event, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(nt_clock_ns(fixture->partition), UINT64_C(60) * 1000000000);
    KeFlushQueuedDpcs();
    nt_test_finish(fixture);
}

static void a_dpc_is_queued_once_until_it_runs(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct ticks ticks;
    ticks_init(&ticks);
    assert_true(KeInsertQueueDpc(&ticks.dpc, NULL, NULL));
    KeFlushQueuedDpcs();
    assert_int_equal(InterlockedAdd(&ticks.count, 0), 1);
    assert_false(KeRemoveQueueDpc(&ticks.dpc));
    assert_true(KeInsertQueueDpc(&ticks.dpc, NULL, NULL));
    KeFlushQueuedDpcs();
    assert_int_equal(InterlockedAdd(&ticks.count, 0), 2);
    nt_test_finish(fixture);
}

static void wait_for_any_and_for_all(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KEVENT events[4];
    PVOID objects[4];
    KWAIT_BLOCK blocks[4];
    LARGE_INTEGER now = {.QuadPart = 0};
    for (int i = 0; i < 4; i++) {
        KeInitializeEvent(&events[i], SynchronizationEvent, i == 2);
        objects[i] = &events[i];
    }
    assert_int_equal(KeWaitForMultipleObjects(4, objects, WaitAny, Executive, KernelMode, FALSE, NULL, blocks),
                     STATUS_WAIT_0 + 2);
    KeSetEvent(&events[0], 0, FALSE);
    assert_int_equal(KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, &now, blocks),
                     STATUS_TIMEOUT);
    assert_int_equal(KeReadStateEvent(&events[0]), 1);
    KeSetEvent(&events[1], 0, FALSE);
    assert_int_equal(KeWaitForMultipleObjects(2, objects, WaitAll, Executive, KernelMode, FALSE, NULL, blocks),
                     STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&events[0]), 0);
    assert_int_equal(KeReadStateEvent(&events[1]), 0);
    assert_int_equal(KeWaitForMultipleObjects(0, objects, WaitAny, Executive, KernelMode, FALSE, NULL, blocks),
                     STATUS_INVALID_PARAMETER);
    nt_test_expect(fixture, "WAIT_OBJECT_COUNT");
    nt_test_finish(fixture);
}

static void semaphores_count_and_keep_their_limit(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KSEMAPHORE semaphore;
    KeInitializeSemaphore(&semaphore, 1, 2);
    assert_int_equal(look(&semaphore), STATUS_SUCCESS);
    assert_int_equal(look(&semaphore), STATUS_TIMEOUT);
    assert_int_equal(KeReleaseSemaphore(&semaphore, 0, 2, FALSE), 0);
    KeReleaseSemaphore(&semaphore, 0, 1, FALSE);
    nt_test_expect(fixture, "SEMAPHORE_LIMIT");
    assert_int_equal(KeReadStateSemaphore(&semaphore), 2);
    nt_test_finish(fixture);
}

static void *try_mutex(void *context)
{
    LARGE_INTEGER now = {.QuadPart = 0};
    NTSTATUS status = KeWaitForSingleObject(context, Executive, KernelMode, FALSE, &now);
    if (status == STATUS_SUCCESS)
        KeReleaseMutex(context, FALSE);
    return (void *)(uintptr_t)(uint32_t)status;
}

static uint32_t try_from_other_thread(PKMUTEX mutex)
{
    pthread_t thread;
    void *status;
    assert_int_equal(pthread_create(&thread, NULL, try_mutex, mutex), 0);
    pthread_join(thread, &status);
    return (uint32_t)(uintptr_t)status;
}

static void a_mutex_is_recursive_for_its_owner_and_closed_to_others(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    KMUTEX mutex;
    KeInitializeMutex(&mutex, 0);
    assert_int_equal(look(&mutex), STATUS_SUCCESS);
    assert_int_equal(look(&mutex), STATUS_SUCCESS);
    KeReleaseMutex(&mutex, FALSE);
    assert_int_equal(try_from_other_thread(&mutex), STATUS_TIMEOUT);
    KeReleaseMutex(&mutex, FALSE);
    assert_int_equal(try_from_other_thread(&mutex), STATUS_SUCCESS);
    KeReleaseMutex(&mutex, FALSE);
    nt_test_expect(fixture, "MUTEX_NOT_OWNED");
    nt_test_finish(fixture);
}

static void a_fast_mutex_raises_to_apc_level(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    FAST_MUTEX mutex;
    ExInitializeFastMutex(&mutex);
    ExAcquireFastMutex(&mutex);
    assert_int_equal(KeGetCurrentIrql(), APC_LEVEL);
    assert_false(ExTryToAcquireFastMutex(&mutex));
    ExReleaseFastMutex(&mutex);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_true(ExTryToAcquireFastMutex(&mutex));
    ExReleaseFastMutex(&mutex);
    ExReleaseFastMutex(&mutex);
    nt_test_expect(fixture, "FAST_MUTEX_NOT_OWNED");
    nt_test_finish(fixture);
}

static VOID thread_body(PVOID context)
{
    *(LONG *)context = KeGetCurrentIrql() == PASSIVE_LEVEL && nt_current() ? 7 : 0;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

static void a_system_thread_can_be_waited_for(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    HANDLE handle;
    PVOID thread;
    LONG result = 0;
    assert_int_equal(PsCreateSystemThread(&handle, THREAD_ALL_ACCESS, NULL, NULL, NULL, thread_body, &result), 0);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, NULL, KernelMode, &thread, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    ObDereferenceObject(thread);
    assert_int_equal(result, 7);
    assert_int_equal(ZwClose(handle), STATUS_INVALID_HANDLE);
    nt_test_expect(fixture, "INVALID_HANDLE");
    nt_test_finish(fixture);
}

static void in_real_time_delays_wait_and_timers_fire_by_themselves(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(true);
    struct ticks ticks;
    KEVENT never;
    LARGE_INTEGER timeout = relative_ms(2);
    uint64_t before = nt_clock_ns(fixture->partition);
    ticks_init(&ticks);
    KeInitializeEvent(&never, NotificationEvent, FALSE);
    nt_clock_advance(fixture->partition, UINT64_C(3600) * 1000000000); /* not for us */
    assert_true(nt_clock_ns(fixture->partition) - before < UINT64_C(3600) * 1000000000);
    assert_int_equal(KeDelayExecutionThread(KernelMode, FALSE, &timeout), STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(&never, Executive, KernelMode, FALSE, &timeout), STATUS_TIMEOUT);
    assert_true(nt_clock_ns(fixture->partition) - before >= 4000000);
    KeSetTimer(&ticks.timer, relative_ms(1), &ticks.dpc);
    assert_int_equal(KeWaitForSingleObject(&ticks.event, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(&ticks.timer, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    KeFlushQueuedDpcs();
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_notification_event_stays_signalled_a_synchronization_event_does_not),
        cmocka_unit_test(a_wait_above_its_irql_is_reported_and_takes_nothing),
        cmocka_unit_test(an_object_that_was_not_initialised_is_reported),
        cmocka_unit_test(two_threads_hand_over_by_events_without_losing_one),
        cmocka_unit_test(a_timed_out_wait_moves_the_virtual_clock_by_its_timeout),
        cmocka_unit_test(delays_and_stalls_advance_the_virtual_clock_and_return),
        cmocka_unit_test(a_driver_that_polls_the_clock_sees_it_move),
        cmocka_unit_test(a_timer_fires_when_the_clock_is_advanced_to_it_not_before),
        cmocka_unit_test(a_cancelled_timer_does_not_fire),
        cmocka_unit_test(a_periodic_timer_fires_once_for_each_period_that_went_by),
        cmocka_unit_test(a_wait_without_end_lets_the_clock_run_to_the_next_timer),
        cmocka_unit_test(a_dpc_is_queued_once_until_it_runs),
        cmocka_unit_test(wait_for_any_and_for_all),
        cmocka_unit_test(semaphores_count_and_keep_their_limit),
        cmocka_unit_test(a_mutex_is_recursive_for_its_owner_and_closed_to_others),
        cmocka_unit_test(a_fast_mutex_raises_to_apc_level),
        cmocka_unit_test(in_real_time_delays_wait_and_timers_fire_by_themselves),
        cmocka_unit_test(a_system_thread_can_be_waited_for),
    };
    return cmocka_run_group_tests_name("wait", tests, NULL, NULL);
}
