/* SPDX-License-Identifier: MIT
 *
 * Each allocation and each thread that a routine asks for is refused once: the routine gives its documented failure and
 * leaves nothing behind.
 */
#include "nt_test.h"
#include "scarce.h"

#define TAG 'tseT'

struct rig {
    struct nt_fixture *nt;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device;
};

static UNICODE_STRING wide(PCWSTR text)
{
    UNICODE_STRING string;
    RtlInitUnicodeString(&string, text);
    return string;
}

static NTSTATUS succeed(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    irp->IoStatus.Status = STATUS_SUCCESS;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

/* Each does a thing and undoes it; false: it failed as documented. */

static bool creates_a_partition(struct rig *rig)
{
    struct nt_partition *made = nt_partition_create(&(struct nt_partition_options){.name = "second"});
    (void)rig;
    if (!made)
        return false;
    assert_int_equal(nt_partition_destroy(made), 0);
    return true;
}

static bool starts_a_driver(struct rig *rig)
{
    PDRIVER_OBJECT driver = (PDRIVER_OBJECT)rig;
    NTSTATUS status = nt_builtin_driver(rig->nt->partition, "second", &driver);
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(driver);
        return false;
    }
    nt_driver_unload(driver);
    return true;
}

static NTSTATUS enter(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)driver, (void)path;
    return STATUS_SUCCESS;
}

static bool enters_a_driver(struct rig *rig)
{
    PDRIVER_OBJECT driver = (PDRIVER_OBJECT)rig;
    NTSTATUS status = nt_driver_start(rig->nt->partition, "second", enter, &driver);
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(driver);
        return false;
    }
    nt_driver_unload(driver);
    return true;
}

static bool extends_a_driver(struct rig *rig)
{
    PVOID extension = rig;
    NTSTATUS status = IoAllocateDriverObjectExtension(rig->driver, rig, 100, &extension);
    if (NT_SUCCESS(status))
        return true; /* it ends with the driver */
    assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
    assert_null(extension);
    assert_null(IoGetDriverObjectExtension(rig->driver, rig));
    return false;
}

static bool creates_a_device_with_a_name(struct rig *rig)
{
    UNICODE_STRING name = wide(L"\\Device\\Second");
    PDEVICE_OBJECT device = rig->device;
    NTSTATUS status = IoCreateDevice(rig->driver, 16, &name, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(device);
        assert_ptr_equal(rig->driver->DeviceObject, rig->device);
        return false;
    }
    IoDeleteDevice(device);
    return true;
}

static bool creates_a_link(struct rig *rig)
{
    UNICODE_STRING link = wide(L"\\??\\Second"), device = wide(L"\\Device\\Second");
    NTSTATUS status = IoCreateSymbolicLink(&link, &device);
    (void)rig;
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(IoDeleteSymbolicLink(&link), STATUS_OBJECT_NAME_NOT_FOUND);
        return false;
    }
    assert_int_equal(IoDeleteSymbolicLink(&link), STATUS_SUCCESS);
    return true;
}

static bool registers_an_interface(struct rig *rig)
{
    static const GUID class = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
    UNICODE_STRING link;
    NTSTATUS status = IoRegisterDeviceInterface(rig->device, &class, NULL, &link);
    if (!NT_SUCCESS(status)) {
        assert_true(status == STATUS_INSUFFICIENT_RESOURCES || status == STATUS_NO_MEMORY);
        assert_null(link.Buffer);
        return false;
    }
    RtlFreeUnicodeString(&link);
    return true;
}

static bool opens_the_device_key(struct rig *rig)
{
    HANDLE key = rig;
    NTSTATUS status = IoOpenDeviceRegistryKey(rig->device, PLUGPLAY_REGKEY_DRIVER, KEY_READ, &key);
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(key);
        return false;
    }
    assert_int_equal(ZwClose(key), STATUS_SUCCESS);
    return true;
}

static bool builds_a_request(struct rig *rig, ULONG method)
{
    ULONG code = CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, method, FILE_ANY_ACCESS);
    UCHAR input[4] = {1, 2, 3, 4}, output[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    IO_STATUS_BLOCK result = {.Information = 77};
    KEVENT event;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp = IoBuildDeviceIoControlRequest(code, rig->device, input, 4, output, 8, FALSE, &event, &result);
    if (!irp) {
        assert_int_equal(result.Information, 77);
        return false;
    }
    assert_int_equal(IoCallDriver(rig->device, irp), STATUS_SUCCESS);
    assert_int_equal(KeReadStateEvent(&event), 1);
    return true;
}

static bool builds_a_buffered_request(struct rig *rig)
{
    return builds_a_request(rig, METHOD_BUFFERED);
}

static bool builds_a_direct_request(struct rig *rig)
{
    return builds_a_request(rig, METHOD_OUT_DIRECT);
}

static bool builds_an_fsd_request(struct rig *rig)
{
    IO_STATUS_BLOCK result;
    PIRP irp = IoBuildAsynchronousFsdRequest(IRP_MJ_FLUSH_BUFFERS, rig->device, NULL, 0, NULL, &result);
    if (irp)
        IoFreeIrp(irp);
    return irp;
}

static bool sets_a_completion_routine(struct rig *rig)
{
    unsigned armed = scarce_countdown;
    scarce_countdown = 0;
    PIRP irp = IoAllocateIrp(2, FALSE);
    scarce_countdown = armed;
    NTSTATUS status = IoSetCompletionRoutineEx(rig->device, irp, NULL, NULL, FALSE, FALSE, FALSE);
    if (NT_SUCCESS(status)) { /* the request ends, and with it what was allocated */
        IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
        irp->AllocationFlags = 1; /* so that ending frees it */
        IoCallDriver(rig->device, irp);
        return true;
    }
    assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
    IoFreeIrp(irp);
    return false;
}

static bool makes_an_mdl(struct rig *rig)
{
    PMDL mdl = IoAllocateMdl(rig, sizeof(*rig), FALSE, FALSE, NULL);
    if (mdl)
        IoFreeMdl(mdl);
    return mdl;
}

static bool takes_contiguous_memory(struct rig *rig)
{
    PVOID memory = MmAllocateContiguousMemory(5000, (PHYSICAL_ADDRESS){.QuadPart = -1});
    (void)rig;
    if (memory)
        MmFreeContiguousMemory(memory);
    return memory;
}

static bool maps_device_memory(struct rig *rig)
{
    PVOID memory = MmMapIoSpace((PHYSICAL_ADDRESS){.QuadPart = 0xFE800000}, 0x1000, MmNonCached);
    (void)rig;
    if (memory)
        MmUnmapIoSpace(memory, 0x1000);
    return memory;
}

static bool makes_a_work_item(struct rig *rig)
{
    PIO_WORKITEM item = IoAllocateWorkItem(rig->device);
    if (item)
        IoFreeWorkItem(item);
    return item;
}

static bool converts_a_string(struct rig *rig)
{
    ANSI_STRING narrow = {.Length = 6, .MaximumLength = 6, .Buffer = (PCHAR) "a name"};
    UNICODE_STRING wide = {0};
    NTSTATUS status = RtlAnsiStringToUnicodeString(&wide, &narrow, TRUE);
    (void)rig;
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_null(wide.Buffer);
        return false;
    }
    RtlFreeUnicodeString(&wide);
    return true;
}

static bool prints_a_guid(struct rig *rig)
{
    UNICODE_STRING text = {0};
    NTSTATUS status = RtlStringFromGUID(&(GUID){1, 2, 3, {4}}, &text);
    (void)rig;
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_NO_MEMORY);
        assert_null(text.Buffer);
        return false;
    }
    RtlFreeUnicodeString(&text);
    return true;
}

static const struct row {
    const char *name;
    bool (*run)(struct rig *rig);
    unsigned calls; /* that can fail */
} rows[] = {
    {"nt_partition_create", creates_a_partition, 2},
    {"nt_builtin_driver", starts_a_driver, 1},
    {"nt_driver_start", enters_a_driver, 1},
    {"IoAllocateDriverObjectExtension", extends_a_driver, 1},
    {"IoCreateDevice", creates_a_device_with_a_name, 2},
    {"IoCreateSymbolicLink", creates_a_link, 1},
    {"IoRegisterDeviceInterface", registers_an_interface, 5},
    {"IoOpenDeviceRegistryKey", opens_the_device_key, 2},
    {"IoBuildDeviceIoControlRequest, buffered", builds_a_buffered_request, 4},
    {"IoBuildDeviceIoControlRequest, direct", builds_a_direct_request, 6},
    {"IoBuildAsynchronousFsdRequest", builds_an_fsd_request, 2},
    {"IoSetCompletionRoutineEx", sets_a_completion_routine, 2},
    {"IoAllocateMdl", makes_an_mdl, 2},
    {"MmAllocateContiguousMemory", takes_contiguous_memory, 2},
    {"MmMapIoSpace", maps_device_memory, 2},
    {"IoAllocateWorkItem", makes_a_work_item, 3},
    {"RtlAnsiStringToUnicodeString", converts_a_string, 2},
    {"RtlStringFromGUID", prints_a_guid, 2},
};

static bool attempt(void *context)
{
    const struct row *row = context;
    unsigned armed = scarce_countdown;
    struct rig rig;
    scarce_countdown = 0;
    rig.nt = nt_test_begin(false);
    assert_int_equal(nt_builtin_driver(rig.nt->partition, "first", &rig.driver), STATUS_SUCCESS);
    rig.driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = succeed;
    assert_int_equal(IoCreateDevice(rig.driver, 16, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &rig.device), STATUS_SUCCESS);
    scarce_countdown = armed;
    bool succeeded = row->run(&rig);
    armed = scarce_countdown;
    scarce_countdown = 0;
    IoDeleteDevice(rig.device);
    nt_driver_unload(rig.driver);
    nt_test_finish(rig.nt);
    scarce_countdown = armed;
    return succeeded;
}

static void each_call_that_can_fail_fails_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < RTL_NUMBER_OF(rows); i++) {
        unsigned calls = scarce_each(attempt, (void *)&rows[i]);
        if (calls != rows[i].calls)
            fail_msg("%s: %u calls failed, not %u", rows[i].name, calls, rows[i].calls);
    }
}

static VOID run_item(PVOID context)
{
    ++*(unsigned *)context;
}

static VOID tick(PKDPC dpc, PVOID context, PVOID first, PVOID second)
{
    (void)dpc, (void)first, (void)second;
    ++*(unsigned *)context;
}

static VOID end_at_once(PVOID context)
{
    (void)context;
    PsTerminateSystemThread(STATUS_SUCCESS);
}

/* Its object, its handle, itself. */
static void a_system_thread_that_cannot_be_made_leaves_no_handle(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    HANDLE handle = NULL;
    PVOID thread;
    (void)state;
    for (unsigned call = 1; call <= 3; call++) {
        scarce_countdown = call;
        assert_int_equal(PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, end_at_once, NULL),
                         STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(scarce_countdown, 0);
        assert_int_equal(ObReferenceObjectByHandle((HANDLE)4, 0, NULL, KernelMode, &thread, NULL),
                         STATUS_INVALID_HANDLE);
        assert_null(thread);
    }
    assert_int_equal(PsCreateSystemThread(&handle, 0, NULL, NULL, NULL, end_at_once, NULL), STATUS_SUCCESS);
    assert_ptr_equal(handle, (HANDLE)4);
    assert_int_equal(ObReferenceObjectByHandle(handle, 0, NULL, KernelMode, &thread, NULL), STATUS_SUCCESS);
    assert_int_equal(ZwClose(handle), STATUS_SUCCESS);
    assert_int_equal(KeWaitForSingleObject(thread, Executive, KernelMode, FALSE, NULL), STATUS_SUCCESS);
    ObDereferenceObject(thread);
    nt_test_finish(fixture);
}

/* The thread that timers and DPCs run on is started by the first of them. */
static void a_dpc_or_timer_without_its_thread_is_reported_and_works_later(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    unsigned ticks = 0;
    KTIMER timer;
    KDPC dpc;
    (void)state;
    KeInitializeDpc(&dpc, tick, &ticks);
    KeInitializeTimer(&timer);
    scarce_no_threads = true;
    assert_false(KeInsertQueueDpc(&dpc, NULL, NULL));
    nt_test_expect(fixture, "NO_THREAD");
    assert_false(KeSetTimer(&timer, (LARGE_INTEGER){.QuadPart = -10}, &dpc));
    nt_test_expect(fixture, "NO_THREAD");
    assert_false(KeCancelTimer(&timer)); /* it is not armed */
    scarce_no_threads = false;
    assert_true(KeInsertQueueDpc(&dpc, NULL, NULL));
    KeFlushQueuedDpcs();
    assert_int_equal(ticks, 1);
    nt_test_finish(fixture);
}

/* Work is of a partition that has no worker yet. */
static void work_that_no_thread_can_run_is_refused_or_reported_lost(void **state)
{
    struct nt_fixture *fixture = nt_test_begin(false);
    WORK_QUEUE_ITEM item;
    unsigned ran = 0;
    (void)state;
    ExInitializeWorkItem(&item, run_item, &ran);
    scarce_no_threads = true;
    assert_false(nt_queue_work(fixture->partition, NULL, NULL));
    assert_int_equal(fixture->count, 0);
    ExQueueWorkItem(&item, DelayedWorkQueue);
    nt_test_expect(fixture, "NO_THREAD");
    scarce_no_threads = false;
    scarce_no_memory = true;
    assert_false(nt_queue_work(fixture->partition, NULL, NULL));
    scarce_no_memory = false;
    nt_drain_work(fixture->partition);
    assert_int_equal(ran, 0);
    nt_test_finish(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_can_fail_fails_once),
        cmocka_unit_test(a_system_thread_that_cannot_be_made_leaves_no_handle),
        cmocka_unit_test(a_dpc_or_timer_without_its_thread_is_reported_and_works_later),
        cmocka_unit_test(work_that_no_thread_can_run_is_refused_or_reported_lost),
    };
    return cmocka_run_group_tests_name("no_memory", tests, NULL, NULL);
}
