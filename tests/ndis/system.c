/* SPDX-License-Identifier: MIT
 *
 * What NDIS gives a miniport beside the adapter: configuration keywords, locks, events, work items, timers.
 */
#include "nic.h"

#include <sched.h>

static NDIS_STATUS open_configuration(struct nic *nic, NDIS_HANDLE *handle)
{
    NDIS_CONFIGURATION_OBJECT object = {0};

    nic_header(&object, 1, NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1);
    object.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    object.NdisHandle = nic->handle;
    return NdisOpenConfigurationEx(&object, handle);
}

static PNDIS_CONFIGURATION_PARAMETER read_keyword(NDIS_HANDLE configuration, const WCHAR *keyword,
                                                  NDIS_PARAMETER_TYPE type)
{
    PNDIS_CONFIGURATION_PARAMETER parameter;
    UNICODE_STRING name;
    NDIS_STATUS status;

    RtlInitUnicodeString(&name, keyword);
    NdisReadConfiguration(&status, &parameter, configuration, &name, type);
    assert_int_equal(status == NDIS_STATUS_SUCCESS, parameter != NULL);
    if (!parameter)
        assert_int_equal(status, NDIS_STATUS_FAILURE);
    return parameter;
}

static void keywords_read_as_integers_and_strings(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    PNDIS_CONFIGURATION_PARAMETER parameter;
    NDIS_HANDLE configuration;

    (void)state;
    ndis_set_keyword(nic->partition, "*SRIOV", "0");
    ndis_set_keyword(nic->partition, "*sriov", "1"); /* the same keyword */
    ndis_set_keyword(nic->partition, "Mask", "0xff00");
    ndis_set_keyword(nic->partition, "Name",
                     "Gr\xc3\xbc\xc3\x9f"
                     "e \xf0\x9f\x98\x80");
    ndis_set_keyword(nic->partition, "Big", "4294967296");
    assert_int_equal(open_configuration(nic, &configuration), NDIS_STATUS_SUCCESS);
    assert_int_equal(read_keyword(configuration, L"*SRIOV", NdisParameterInteger)->ParameterData.IntegerData, 1);
    assert_int_equal(read_keyword(configuration, L"Mask", NdisParameterInteger)->ParameterData.IntegerData, 0xff00);
    assert_int_equal(read_keyword(configuration, L"Mask", NdisParameterHexInteger)->ParameterData.IntegerData, 0xff00);
    parameter = read_keyword(configuration, L"Name", NdisParameterString);
    assert_int_equal(parameter->ParameterType, NdisParameterString);
    assert_int_equal(parameter->ParameterData.StringData.Length, 16);
    assert_memory_equal(parameter->ParameterData.StringData.Buffer,
                        L"Gr\x00fc\x00df"
                        L"e \xd83d\xde00",
                        18);
    assert_null(read_keyword(configuration, L"Name", NdisParameterInteger));
    assert_null(read_keyword(configuration, L"Big", NdisParameterInteger));
    assert_null(read_keyword(configuration, L"Missing", NdisParameterString));
    ndis_set_keyword(nic->partition, "Mask", NULL);
    assert_null(read_keyword(configuration, L"Mask", NdisParameterInteger));
    NdisCloseConfiguration(configuration);
    nic_destroy(nic);
}

static void subkeys_are_prefixes(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_HANDLE top, switches, first;
    UNICODE_STRING name;
    NDIS_STATUS status;

    (void)state;
    ndis_set_keyword(nic->partition, "NicSwitches\\0\\*NumVFs", "7");
    open_configuration(nic, &top);
    RtlInitUnicodeString(&name, L"NicSwitches");
    NdisOpenConfigurationKeyByName(&status, top, &name, &switches);
    assert_int_equal(status, NDIS_STATUS_SUCCESS);
    RtlInitUnicodeString(&name, L"0");
    NdisOpenConfigurationKeyByName(&status, switches, &name, &first);
    assert_int_equal(status, NDIS_STATUS_SUCCESS);
    assert_int_equal(read_keyword(first, L"*NumVFs", NdisParameterInteger)->ParameterData.IntegerData, 7);
    assert_null(read_keyword(top, L"*NumVFs", NdisParameterInteger));
    NdisCloseConfiguration(first);
    NdisCloseConfiguration(switches);
    NdisCloseConfiguration(top);
    nic_destroy(nic);
}

static void keywords_of_two_partitions_do_not_meet(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    struct nt_partition_options options = {.name = "other"};
    struct nt_partition *other = nt_partition_create(&options);
    NDIS_HANDLE configuration;

    (void)state;
    ndis_set_keyword(other, "*SRIOV", "0");
    open_configuration(nic, &configuration);
    assert_null(read_keyword(configuration, L"*SRIOV", NdisParameterInteger));
    NdisCloseConfiguration(configuration);
    ndis_clear_keywords(other);
    nt_partition_destroy(other);
    nic_destroy(nic);
}

static void spin_lock_raises_and_restores(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_SPIN_LOCK lock;

    (void)state;
    NdisAllocateSpinLock(&lock);
    NdisAcquireSpinLock(&lock);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NdisReleaseSpinLock(&lock);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NdisFreeSpinLock(&lock);
    nic_destroy(nic);
}

static void rw_lock_shares_readers_and_excludes_a_writer(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    PNDIS_RW_LOCK_EX lock = NdisAllocateRWLock(nic->handle);
    LOCK_STATE_EX first, second;

    (void)state;
    NdisAcquireRWLockRead(lock, &first, 0);
    NdisAcquireRWLockRead(lock, &second, NDIS_RWL_AT_DISPATCH_LEVEL);
    NdisReleaseRWLock(lock, &second);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NdisReleaseRWLock(lock, &first);
    NdisAcquireRWLockWrite(lock, &first, 0);
    NdisReleaseRWLock(lock, &first);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NdisFreeRWLock(lock);
    nic_destroy(nic);
}

static void dpr_forms_are_for_dispatch_level(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_SPIN_LOCK lock;
    KIRQL before;

    (void)state;
    NdisAllocateSpinLock(&lock);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NdisDprAcquireSpinLock(&lock);
    assert_int_not_equal(lock.SpinLock, 0);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    NdisDprReleaseSpinLock(&lock);
    assert_int_equal(lock.SpinLock, 0);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    KeLowerIrql(before);
    assert_int_equal(nt_violations(nic->partition), 0);
    NdisDprAcquireSpinLock(&lock);
    assert_true(nic_saw_rule(nic, "IRQL_TOO_LOW"));
    NdisDprReleaseSpinLock(&lock);
    nic_destroy(nic);
}

static void a_lock_that_is_held_is_not_freed_in_silence(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    PNDIS_RW_LOCK_EX lock = NdisAllocateRWLock(nic->handle);
    LOCK_STATE_EX held;

    (void)state;
    NdisAcquireRWLockRead(lock, &held, 0);
    NdisFreeRWLock(lock);
    KeLowerIrql(held.OldIrql);
    assert_true(nic_saw_rule(nic, "SPIN_LOCK_HELD"));
    nic_destroy(nic);
}

struct contest {
    struct nt_partition *partition;
    PNDIS_RW_LOCK_EX lock;
    bool writes;
    _Atomic unsigned waiting, inside;
};

static void *contend(void *context)
{
    struct contest *contest = context;
    LOCK_STATE_EX held;

    nt_enter(contest->partition);
    contest->waiting++;
    if (contest->writes)
        NdisAcquireRWLockWrite(contest->lock, &held, 0);
    else
        NdisAcquireRWLockRead(contest->lock, &held, 0);
    contest->inside++;
    NdisReleaseRWLock(contest->lock, &held);
    return NULL;
}

/* The others are tried while this thread writes: none is inside before it has left. */
static void a_writer_keeps_readers_and_writers_out(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    struct contest reader = {.partition = nic->partition, .lock = NdisAllocateRWLock(nic->handle)}, writer = reader;
    pthread_t threads[2];
    LOCK_STATE_EX held;

    (void)state;
    writer.writes = true;
    NdisAcquireRWLockWrite(reader.lock, &held, 0);
    pthread_create(&threads[0], NULL, contend, &reader);
    pthread_create(&threads[1], NULL, contend, &writer);
    while (!reader.waiting || !writer.waiting)
        sched_yield();
    for (unsigned i = 0; i < 100; i++) {
        sched_yield();
        assert_int_equal(reader.inside + writer.inside, 0);
    }
    NdisReleaseRWLock(reader.lock, &held);
    pthread_join(threads[0], NULL);
    pthread_join(threads[1], NULL);
    assert_true(reader.inside == 1 && writer.inside == 1);
    NdisFreeRWLock(reader.lock);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void event_waits_and_times_out(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_EVENT event;

    (void)state;
    NdisInitializeEvent(&event);
    assert_false(NdisWaitEvent(&event, 5)); /* virtual time */
    NdisSetEvent(&event);
    assert_true(NdisWaitEvent(&event, 0));
    NdisResetEvent(&event);
    assert_false(NdisWaitEvent(&event, 1));
    nic_destroy(nic);
}

static void sleeping_advances_the_virtual_clock(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    uint64_t before = nt_clock_ns(nic->partition);
    KIRQL irql;

    (void)state;
    NdisMSleep(100000);
    assert_true(nt_clock_ns(nic->partition) - before >= 100000000);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    before = nt_clock_ns(nic->partition);
    NdisMSleep(100000);
    KeLowerIrql(irql);
    assert_true(nt_clock_ns(nic->partition) - before < 100000000);
    assert_true(nic_saw_rule(nic, "IRQL_TOO_HIGH"));
    nic_destroy(nic);
}

static VOID work(PVOID context, NDIS_HANDLE item)
{
    struct nic *nic = context;

    nic->oid_irql = KeGetCurrentIrql();
    nic_log(nic, "work");
    NdisFreeIoWorkItem(item); /* its own routine may */
}

static void work_item_runs_at_passive_and_may_free_itself(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_HANDLE item = NdisAllocateIoWorkItem(nic->handle);
    KIRQL before;

    (void)state;
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NdisQueueIoWorkItem(item, work, nic);
    KeLowerIrql(before);
    nt_drain_work(nic->partition);
    assert_string_equal(nic->log, "work ");
    assert_int_equal(nic->oid_irql, PASSIVE_LEVEL);
    nic_destroy(nic);
}

static VOID tick(PVOID one, PVOID context, PVOID two, PVOID three)
{
    struct nic *nic = context;

    (void)one, (void)two, (void)three;
    nic->oid_irql = KeGetCurrentIrql();
    nic_log(nic, "tick");
}

static void timer_fires_at_dispatch_and_not_when_cancelled(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_TIMER_CHARACTERISTICS c = {0};
    LARGE_INTEGER due = {.QuadPart = -10 * 10000};
    NDIS_HANDLE timer;

    (void)state;
    nic_header(&c, 1, NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1);
    c.Header.Type = NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS;
    c.AllocationTag = 0x74696d65;
    c.TimerFunction = tick;
    c.FunctionContext = nic;
    assert_int_equal(NdisAllocateTimerObject(nic->handle, &c, &timer), NDIS_STATUS_SUCCESS);
    assert_false(NdisSetTimerObject(timer, due, 0, NULL));
    NdisMSleep(20000);
    nt_drain_work(nic->partition);
    assert_string_equal(nic->log, "tick ");
    assert_int_equal(nic->oid_irql, DISPATCH_LEVEL);
    NdisSetTimerObject(timer, due, 0, NULL);
    assert_true(NdisCancelTimerObject(timer));
    NdisMSleep(20000);
    assert_string_equal(nic->log, "tick ");
    NdisFreeTimerObject(timer);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(keywords_read_as_integers_and_strings),
        cmocka_unit_test(subkeys_are_prefixes),
        cmocka_unit_test(keywords_of_two_partitions_do_not_meet),
        cmocka_unit_test(spin_lock_raises_and_restores),
        cmocka_unit_test(rw_lock_shares_readers_and_excludes_a_writer),
        cmocka_unit_test(dpr_forms_are_for_dispatch_level),
        cmocka_unit_test(a_lock_that_is_held_is_not_freed_in_silence),
        cmocka_unit_test(a_writer_keeps_readers_and_writers_out),
        cmocka_unit_test(event_waits_and_times_out),
        cmocka_unit_test(sleeping_advances_the_virtual_clock),
        cmocka_unit_test(work_item_runs_at_passive_and_may_free_itself),
        cmocka_unit_test(timer_fires_at_dispatch_and_not_when_cancelled),
    };
    return cmocka_run_group_tests_name("system", tests, NULL, NULL);
}
