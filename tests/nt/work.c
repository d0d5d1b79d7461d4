/* SPDX-License-Identifier: MIT */
#include "nt_test.h"

struct job {
    LONG ran;
    KIRQL irql;
    struct nt_partition *partition;
    KEVENT gate;
};

static void run_job(void *context)
{
    struct job *job = context;
    job->irql = KeGetCurrentIrql();
    job->partition = nt_current();
    InterlockedIncrement(&job->ran);
}

static void count_job(void *context)
{
    InterlockedIncrement(&((struct job *)context)->ran);
}

static void work_runs_at_passive_level_in_its_partition(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct job job = {.irql = 99};
    assert_true(nt_queue_work(fixture->partition, run_job, &job));
    nt_drain_work(fixture->partition);
    assert_int_equal(job.irql, PASSIVE_LEVEL);
    assert_ptr_equal(job.partition, fixture->partition);
    for (int i = 0; i < 100; i++)
        assert_true(nt_queue_work(fixture->partition, count_job, &job));
    nt_drain_work(fixture->partition);
    assert_int_equal(InterlockedAdd(&job.ran, 0), 101);
    nt_test_finish(fixture);
}

static void wait_at_gate(void *context)
{
    struct job *job = context;
    KeWaitForSingleObject(&job->gate, Executive, KernelMode, FALSE, NULL);
    InterlockedIncrement(&job->ran);
}

static void open_gate(void *context)
{
    KeSetEvent(&((struct job *)context)->gate, 0, FALSE);
}

static void work_that_waits_for_later_work_does_not_stop_it(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct job job = {0};
    KeInitializeEvent(&job.gate, NotificationEvent, FALSE);
    for (int i = 0; i < 4; i++)
        nt_queue_work(fixture->partition, wait_at_gate, &job);
    nt_queue_work(fixture->partition, open_gate, &job);
    nt_drain_work(fixture->partition);
    assert_int_equal(InterlockedAdd(&job.ran, 0), 4);
    nt_test_finish(fixture);
}

static void leave_raised(void *context)
{
    KIRQL irql;
    (void)context;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
}

static void drain_from_inside(void *context)
{
    nt_drain_work(context);
}

static void misbehaving_work_is_reported_and_repaired(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct job job = {.irql = 99};
    nt_queue_work(fixture->partition, leave_raised, NULL);
    nt_drain_work(fixture->partition);
    nt_test_expect(fixture, "IRQL_NOT_RESTORED");
    nt_queue_work(fixture->partition, run_job, &job);
    nt_drain_work(fixture->partition);
    assert_int_equal(job.irql, PASSIVE_LEVEL);
    nt_queue_work(fixture->partition, drain_from_inside, fixture->partition);
    nt_drain_work(fixture->partition);
    nt_test_expect(fixture, "DRAIN_FROM_WORKER");
    nt_test_finish(fixture);
}

static VOID item_routine(PDEVICE_OBJECT device, PVOID context)
{
    assert_non_null(device);
    InterlockedIncrement(&((struct job *)context)->ran);
}

static VOID free_itself(PVOID object, PVOID context, PIO_WORKITEM item)
{
    (void)object;
    InterlockedIncrement(&((struct job *)context)->ran);
    IoFreeWorkItem(item);
}

static void io_work_items_run_with_their_device_and_may_free_themselves(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct job job = {0};
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device;
    nt_builtin_driver(fixture->partition, "worker", &driver);
    IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    PIO_WORKITEM item = IoAllocateWorkItem(device), other = IoAllocateWorkItem(device);
    IoQueueWorkItem(item, item_routine, DelayedWorkQueue, &job);
    IoQueueWorkItemEx(other, free_itself, DelayedWorkQueue, &job);
    IoDeleteDevice(device); /* the queued items hold it */
    nt_drain_work(fixture->partition);
    assert_int_equal(InterlockedAdd(&job.ran, 0), 2);
    IoFreeWorkItem(item);
    nt_driver_unload(driver);
    nt_test_finish(fixture);
}

static VOID wait_item(PDEVICE_OBJECT device, PVOID context)
{
    (void)device;
    wait_at_gate(context);
}

static void an_item_queued_twice_is_reported_and_runs_once(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct job job = {0};
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device;
    nt_builtin_driver(fixture->partition, "worker", &driver);
    IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    KeInitializeEvent(&job.gate, NotificationEvent, FALSE);
    PIO_WORKITEM items[33]; /* one more than workers: the last stays queued */
    for (int i = 0; i < 33; i++) {
        items[i] = IoAllocateWorkItem(device);
        IoQueueWorkItem(items[i], wait_item, DelayedWorkQueue, &job);
    }
    IoQueueWorkItem(items[32], wait_item, DelayedWorkQueue, &job);
    nt_test_expect(fixture, "WORK_ITEM_QUEUED_TWICE");
    IoFreeWorkItem(items[32]);
    nt_test_expect(fixture, "WORK_ITEM_QUEUED");
    open_gate(&job);
    nt_drain_work(fixture->partition);
    assert_int_equal(InterlockedAdd(&job.ran, 0), 33);
    for (int i = 0; i < 33; i++)
        IoFreeWorkItem(items[i]);
    IoDeleteDevice(device);
    nt_driver_unload(driver);
    nt_test_finish(fixture);
}

static void remove_locks_let_the_last_one_out(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    IO_REMOVE_LOCK lock;
    IoInitializeRemoveLock(&lock, 0, 0, 0);
    assert_int_equal(IoAcquireRemoveLock(&lock, NULL), STATUS_SUCCESS);
    IoReleaseRemoveLockAndWait(&lock, NULL);
    assert_int_equal(IoAcquireRemoveLock(&lock, NULL), STATUS_DELETE_PENDING);
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(work_runs_at_passive_level_in_its_partition),
        cmocka_unit_test(work_that_waits_for_later_work_does_not_stop_it),
        cmocka_unit_test(misbehaving_work_is_reported_and_repaired),
        cmocka_unit_test(io_work_items_run_with_their_device_and_may_free_themselves),
        cmocka_unit_test(an_item_queued_twice_is_reported_and_runs_once),
        cmocka_unit_test(remove_locks_let_the_last_one_out),
    };
    return cmocka_run_group_tests_name("work", tests, NULL, NULL);
}
