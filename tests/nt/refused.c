/* SPDX-License-Identifier: MIT
 *
 * Routines that are called above their IRQL, or on a thread that is in no partition: each gives its documented failure
 * and changes nothing.
 */
#include "nt_test.h"

#define TAG 'tseT'

struct rig {
    struct nt_fixture *nt;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device;
    KTIMER timer;
    KDPC dpc;
    UNICODE_STRING name;
};

static bool refuses_irp(struct rig *rig)
{
    (void)rig;
    return !IoAllocateIrp(1, FALSE);
}

static bool refuses_mdl(struct rig *rig)
{
    return !IoAllocateMdl(rig, sizeof(*rig), FALSE, FALSE, NULL);
}

static bool refuses_contiguous_memory(struct rig *rig)
{
    (void)rig;
    return !MmAllocateContiguousMemory(16, (PHYSICAL_ADDRESS){.QuadPart = -1});
}

static bool refuses_mapping(struct rig *rig)
{
    (void)rig;
    return !MmMapIoSpace((PHYSICAL_ADDRESS){.QuadPart = 0xFE800000}, 0x1000, MmNonCached);
}

static bool refuses_pool(struct rig *rig)
{
    (void)rig;
    return !ExAllocatePoolWithTag(NonPagedPool, 16, TAG);
}

static bool refuses_paged_pool(struct rig *rig)
{
    (void)rig;
    return !ExAllocatePoolWithTag(PagedPool, 16, TAG);
}

static bool refuses_work_item(struct rig *rig)
{
    return !IoAllocateWorkItem(rig->device);
}

static bool refuses_device(struct rig *rig)
{
    PDEVICE_OBJECT made = rig->device;
    NTSTATUS status = IoCreateDevice(rig->driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &made);
    return status == STATUS_INVALID_DEVICE_STATE && !made && rig->driver->DeviceObject == rig->device;
}

static bool refuses_device_key(struct rig *rig)
{
    HANDLE key = rig;
    return IoOpenDeviceRegistryKey(rig->device, PLUGPLAY_REGKEY_DRIVER, KEY_READ, &key) ==
               STATUS_INVALID_DEVICE_STATE &&
           !key;
}

static bool refuses_property(struct rig *rig)
{
    ULONG value = 7, length = 7;
    return IoGetDeviceProperty(rig->device, DevicePropertyAddress, sizeof(value), &value, &length) ==
               STATUS_INVALID_DEVICE_STATE &&
           value == 7 && length == 0;
}

static VOID never_runs(PVOID context)
{
    (void)context;
    fail();
}

static bool refuses_thread(struct rig *rig)
{
    HANDLE handle = rig;
    return PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, never_runs, NULL) == STATUS_INVALID_DEVICE_STATE &&
           handle == rig;
}

static bool refuses_timer(struct rig *rig)
{
    return !KeSetTimer(&rig->timer, (LARGE_INTEGER){.QuadPart = -1000000}, &rig->dpc);
}

static bool refuses_to_cancel_timer(struct rig *rig)
{
    return !KeCancelTimer(&rig->timer);
}

static bool refuses_dpc(struct rig *rig)
{
    return !KeInsertQueueDpc(&rig->dpc, NULL, NULL) && !rig->dpc.DpcData;
}

static bool refuses_to_remove_dpc(struct rig *rig)
{
    return !KeRemoveQueueDpc(&rig->dpc);
}

static bool flushes_nothing(struct rig *rig)
{
    (void)rig;
    KeFlushQueuedDpcs();
    return true;
}

static bool refuses_delay(struct rig *rig)
{
    uint64_t before = nt_clock_ns(rig->nt->partition);
    return KeDelayExecutionThread(KernelMode, FALSE, &(LARGE_INTEGER){.QuadPart = -1000000}) ==
               STATUS_INVALID_DEVICE_STATE &&
           nt_clock_ns(rig->nt->partition) == before;
}

static bool refuses_routine_address(struct rig *rig)
{
    (void)rig;
    return !MmGetSystemRoutineAddress(&rig->name);
}

static bool refuses_link(struct rig *rig)
{
    return IoCreateSymbolicLink(&rig->name, &rig->name) == STATUS_INVALID_PARAMETER &&
           IoDeleteSymbolicLink(&rig->name) == STATUS_INVALID_PARAMETER;
}

static bool knows_no_interface(struct rig *rig)
{
    return IoSetDeviceInterfaceState(&rig->name, TRUE) == STATUS_OBJECT_NAME_NOT_FOUND;
}

static bool knows_no_handle(struct rig *rig)
{
    PVOID object = rig;
    return ObReferenceObjectByHandle((HANDLE)4, 0, NULL, KernelMode, &object, NULL) == STATUS_INVALID_HANDLE &&
           !object && ZwClose((HANDLE)4) == STATUS_INVALID_HANDLE;
}

static bool unmaps_and_frees_nothing(struct rig *rig)
{
    MmUnmapIoSpace(rig, 16);
    MmFreeContiguousMemory(rig);
    ExFreePoolWithTag(rig, TAG);
    return true;
}

static const struct row {
    const char *name;
    bool (*refused)(struct rig *rig);
    int maximum;            /* IRQL; -1: any */
    bool outside, reported; /* also refused outside of a partition; and that is NO_PARTITION */
} rows[] = {
    {"IoAllocateIrp", refuses_irp, DISPATCH_LEVEL, true, false},
    {"IoAllocateMdl", refuses_mdl, DISPATCH_LEVEL, true, false},
    {"MmAllocateContiguousMemory", refuses_contiguous_memory, DISPATCH_LEVEL, true, false},
    {"MmMapIoSpace", refuses_mapping, APC_LEVEL, true, false},
    {"ExAllocatePoolWithTag", refuses_pool, DISPATCH_LEVEL, true, false},
    {"ExAllocatePoolWithTag", refuses_paged_pool, APC_LEVEL, true, false},
    {"IoAllocateWorkItem", refuses_work_item, DISPATCH_LEVEL, true, false},
    {"IoCreateDevice", refuses_device, APC_LEVEL, false, false},
    {"IoOpenDeviceRegistryKey", refuses_device_key, PASSIVE_LEVEL, false, false},
    {"IoGetDeviceProperty", refuses_property, PASSIVE_LEVEL, false, false},
    {"PsCreateSystemThread", refuses_thread, PASSIVE_LEVEL, true, false},
    {"KeSetTimer", refuses_timer, DISPATCH_LEVEL, true, true},
    {"KeCancelTimer", refuses_to_cancel_timer, DISPATCH_LEVEL, true, true},
    {"KeInsertQueueDpc", refuses_dpc, -1, true, true},
    {"KeRemoveQueueDpc", refuses_to_remove_dpc, -1, true, true},
    {"KeFlushQueuedDpcs", flushes_nothing, PASSIVE_LEVEL, true, true},
    {"KeDelayExecutionThread", refuses_delay, APC_LEVEL, false, false},
    {"MmGetSystemRoutineAddress", refuses_routine_address, PASSIVE_LEVEL, false, false},
    {"IoCreateSymbolicLink", refuses_link, -1, true, false},
    {"IoSetDeviceInterfaceState", knows_no_interface, -1, true, false},
    {"ZwClose", knows_no_handle, -1, true, false},
    {"MmUnmapIoSpace", unmaps_and_frees_nothing, -1, true, false},
};

static VOID no_dpc(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    (void)dpc, (void)context, (void)first, (void)second;
    fail();
}

static struct rig rig_begin(void)
{
    struct rig rig = {.nt = nt_test_begin(false)};
    assert_int_equal(nt_builtin_driver(rig.nt->partition, "refused", &rig.driver), STATUS_SUCCESS);
    assert_int_equal(IoCreateDevice(rig.driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &rig.device), STATUS_SUCCESS);
    KeInitializeTimer(&rig.timer);
    KeInitializeDpc(&rig.dpc, no_dpc, NULL);
    RtlInitUnicodeString(&rig.name, L"KeSetTimer");
    return rig;
}

static void rig_end(struct rig *rig)
{
    IoDeleteDevice(rig->device);
    nt_driver_unload(rig->driver);
    nt_test_finish(rig->nt); /* nothing is armed, queued, named or allocated */
}

static void above_its_irql_a_routine_is_refused(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + RTL_NUMBER_OF(rows); row++) {
        if (row->maximum < 0)
            continue;
        struct rig rig = rig_begin();
        KIRQL before;
        KeRaiseIrql((KIRQL)(row->maximum + 1), &before);
        bool refused = row->refused(&rig);
        KeLowerIrql(before);
        if (!refused)
            fail_msg("%s is not refused at IRQL %d", row->name, row->maximum + 1);
        assert_non_null(strstr(rig.nt->details[0], row->name));
        nt_test_expect(rig.nt, "IRQL_TOO_HIGH");
        rig_end(&rig);
    }
}

static void outside_of_a_partition_a_routine_is_refused(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + RTL_NUMBER_OF(rows); row++) {
        if (!row->outside)
            continue;
        struct rig rig = rig_begin();
        nt_enter(NULL);
        trace_enter_thread(rig.nt->trace); /* what is reported is seen all the same */
        bool refused = row->refused(&rig);
        nt_enter(rig.nt->partition);
        if (!refused)
            fail_msg("%s is not refused outside of a partition", row->name);
        if (row->reported)
            nt_test_expect(rig.nt, "NO_PARTITION");
        rig_end(&rig);
    }
}

/* A thread of the host program may cancel an IRP. */
static void outside_of_a_partition_the_cancel_lock_only_raises(void **state)
{
    KIRQL irql = HIGH_LEVEL;
    (void)state;
    assert_null(nt_current());
    IoAcquireCancelSpinLock(&irql);
    assert_int_equal(irql, PASSIVE_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), DISPATCH_LEVEL);
    IoReleaseCancelSpinLock(irql);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
}

static void fast_mutexes_above_apc_level_are_not_taken(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    FAST_MUTEX mutex;
    KIRQL before;
    (void)state;
    ExInitializeFastMutex(&mutex);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    ExAcquireFastMutex(&mutex);
    nt_test_expect(fixture, "IRQL_TOO_HIGH");
    assert_int_equal(mutex.Count, 1);
    assert_false(ExTryToAcquireFastMutex(&mutex));
    nt_test_expect(fixture, "IRQL_TOO_HIGH");
    assert_int_equal(mutex.Count, 1);
    KeLowerIrql(before);
    nt_test_finish(fixture);
}

static void a_spin_lock_above_dispatch_level_is_reported_and_the_irql_stays(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    KSPIN_LOCK lock;
    KIRQL before, inner;
    (void)state;
    KeInitializeSpinLock(&lock);
    KeRaiseIrql(HIGH_LEVEL, &before);
    KeAcquireSpinLock(&lock, &inner);
    nt_test_expect(fixture, "IRQL_TOO_HIGH");
    assert_int_equal(KeGetCurrentIrql(), HIGH_LEVEL);
    assert_int_equal(inner, HIGH_LEVEL);
    KeReleaseSpinLock(&lock, inner);
    KeLowerIrql(before);
    assert_int_equal(lock, 0);
    assert_false(KeTryToAcquireSpinLockAtDpcLevel(&(KSPIN_LOCK){1}));
    nt_test_expect(fixture, "IRQL_TOO_LOW");
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(above_its_irql_a_routine_is_refused),
        cmocka_unit_test(outside_of_a_partition_a_routine_is_refused),
        cmocka_unit_test(outside_of_a_partition_the_cancel_lock_only_raises),
        cmocka_unit_test(fast_mutexes_above_apc_level_are_not_taken),
        cmocka_unit_test(a_spin_lock_above_dispatch_level_is_reported_and_the_irql_stays),
    };
    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
