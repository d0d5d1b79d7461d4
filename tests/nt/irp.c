/* SPDX-License-Identifier: MIT */
#include "nt_test.h"

/* A driver with one device whose dispatch routine is the test's. */
struct stack {
    struct nt_fixture *nt;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT lower, upper; /* upper is attached to lower */
};

static NTSTATUS complete_with(PIRP irp, NTSTATUS status, ULONG_PTR information)
{
    irp->IoStatus.Status = status;
    irp->IoStatus.Information = information;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static struct stack stack_begin(PDRIVER_DISPATCH dispatch)
{
    struct stack stack = {.nt = nt_test_begin(false)};
    assert_int_equal(nt_builtin_driver(stack.nt->partition, "stack", &stack.driver), STATUS_SUCCESS);
    stack.driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch;
    stack.driver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = dispatch;
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            IoCreateDevice(stack.driver, 64, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, i ? &stack.upper : &stack.lower),
            STATUS_SUCCESS);
    assert_ptr_equal(IoAttachDeviceToDeviceStack(stack.upper, stack.lower), stack.lower);
    return stack;
}

static void stack_end(struct stack *stack)
{
    IoDetachDevice(stack->lower);
    IoDeleteDevice(stack->upper);
    IoDeleteDevice(stack->lower);
    nt_driver_unload(stack->driver);
    nt_test_finish(stack->nt);
}

static bool is_upper(PDEVICE_OBJECT device)
{
    return device->StackSize == 2;
}

/* ---- buffers by method --------------------------------------------------------------------------------------------
 */

#define CODE(method) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x800, method, FILE_ANY_ACCESS)

/* Answers every byte of the input plus 1, wherever the method puts the buffers. */
static NTSTATUS add_one(PDEVICE_OBJECT device, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    ULONG method = METHOD_FROM_CTL_CODE(stack->Parameters.DeviceIoControl.IoControlCode);
    UCHAR *input = irp->AssociatedIrp.SystemBuffer, *output = irp->AssociatedIrp.SystemBuffer;
    ULONG count = stack->Parameters.DeviceIoControl.InputBufferLength;
    (void)device;
    if (method == METHOD_NEITHER) {
        input = stack->Parameters.DeviceIoControl.Type3InputBuffer;
        output = irp->UserBuffer;
    } else if (method != METHOD_BUFFERED) {
        output = MmGetSystemAddressForMdlSafe(irp->MdlAddress, NormalPagePriority);
    }
    for (ULONG i = 0; i < count; i++)
        output[i] = (UCHAR)(input[i] + 1);
    return complete_with(irp, STATUS_SUCCESS, count);
}

static void each_transfer_method_carries_input_and_output(void **state)
{
    (void)state;
    struct stack stack = stack_begin(add_one);
    for (ULONG method = METHOD_BUFFERED; method <= METHOD_NEITHER; method++) {
        UCHAR input[4] = {1, 2, 3, 4}, output[8] = {9, 9, 9, 9, 9, 9, 9, 9};
        KEVENT event;
        IO_STATUS_BLOCK result = {.Information = 77};
        KeInitializeEvent(&event, NotificationEvent, FALSE);
        PIRP irp =
            IoBuildDeviceIoControlRequest(CODE(method), stack.lower, input, 4, output, 8, method & 1, &event, &result);
        assert_non_null(irp);
        assert_int_equal(IoCallDriver(stack.lower, irp), STATUS_SUCCESS);
        assert_int_equal(KeReadStateEvent(&event), 1);
        assert_int_equal(result.Status, STATUS_SUCCESS);
        assert_int_equal(result.Information, 4);
        assert_memory_equal(output, ((UCHAR[]){2, 3, 4, 5, 9, 9, 9, 9}), 8);
        assert_memory_equal(input, ((UCHAR[]){1, 2, 3, 4}), 4);
    }
    stack_end(&stack);
}

static NTSTATUS claim_too_much(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    return complete_with(irp, STATUS_SUCCESS, 1000);
}

static void information_beyond_the_buffer_is_reported_and_not_copied(void **state)
{
    (void)state;
    struct stack stack = stack_begin(claim_too_much);
    UCHAR output[8] = {9, 9, 9, 9, 9, 9, 9, 9};
    KEVENT event;
    IO_STATUS_BLOCK result;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp =
        IoBuildDeviceIoControlRequest(CODE(METHOD_BUFFERED), stack.lower, NULL, 0, output, 4, TRUE, &event, &result);
    IoCallDriver(stack.lower, irp);
    nt_test_expect(stack.nt, "INFORMATION_TOO_LARGE");
    assert_memory_equal(output, ((UCHAR[]){0, 0, 0, 0, 9, 9, 9, 9}), 8);
    stack_end(&stack);
}

static NTSTATUS fail_it(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    memset(irp->AssociatedIrp.SystemBuffer, 0xEE, 4);
    return complete_with(irp, STATUS_UNSUCCESSFUL, 4);
}

static void a_failed_request_copies_nothing_out(void **state)
{
    (void)state;
    struct stack stack = stack_begin(fail_it);
    UCHAR output[4] = {9, 9, 9, 9};
    KEVENT event;
    IO_STATUS_BLOCK result;
    KeInitializeEvent(&event, NotificationEvent, FALSE);
    PIRP irp =
        IoBuildDeviceIoControlRequest(CODE(METHOD_BUFFERED), stack.lower, NULL, 0, output, 4, FALSE, &event, &result);
    assert_int_equal(IoCallDriver(stack.lower, irp), STATUS_UNSUCCESSFUL);
    assert_int_equal(result.Status, STATUS_UNSUCCESSFUL);
    assert_memory_equal(output, ((UCHAR[]){9, 9, 9, 9}), 4);
    stack_end(&stack);
}

/* ---- completion routines ------------------------------------------------------------------------------------------
 */

struct seen {
    int calls;
    BOOLEAN pending;
    PDEVICE_OBJECT device;
    NTSTATUS answer;
};

static NTSTATUS on_complete(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct seen *seen = context;
    seen->calls++;
    seen->pending = irp->PendingReturned;
    seen->device = device;
    return seen->answer;
}

static struct seen upper_seen;
static PIRP pended;

/* The upper device passes down with a completion routine; the lower one pends. */
static NTSTATUS pass_or_pend(PDEVICE_OBJECT device, PIRP irp)
{
    if (!is_upper(device)) {
        IoMarkIrpPending(irp);
        pended = irp;
        return STATUS_PENDING;
    }
    IoCopyCurrentIrpStackLocationToNext(irp);
    IoSetCompletionRoutine(irp, on_complete, &upper_seen, TRUE, TRUE, TRUE);
    return IoCallDriver(
        device->DriverObject->DeviceObject == device ? device->NextDevice : device->DriverObject->DeviceObject, irp);
}

static PIRP make_irp(PDEVICE_OBJECT device, struct seen *seen)
{
    PIRP irp = IoAllocateIrp(device->StackSize, FALSE);
    assert_non_null(irp);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoSetCompletionRoutine(irp, on_complete, seen, TRUE, TRUE, TRUE);
    return irp;
}

static void completion_runs_from_the_bottom_up_and_pending_is_seen(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pass_or_pend);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    upper_seen = (struct seen){.answer = STATUS_SUCCESS};
    PIRP irp = make_irp(stack.upper, &top);
    assert_int_equal(IoCallDriver(stack.upper, irp), STATUS_PENDING);
    assert_int_equal(top.calls + upper_seen.calls, 0);
    complete_with(pended, STATUS_SUCCESS, 0);
    assert_int_equal(upper_seen.calls, 1);
    assert_true(upper_seen.pending);
    assert_ptr_equal(upper_seen.device, stack.upper);
    assert_int_equal(top.calls, 1);
    assert_null(top.device); /* nobody stands above the top driver */
    IoFreeIrp(irp);
    stack_end(&stack);
}

static void more_processing_required_keeps_the_irp_until_it_is_completed_again(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pass_or_pend);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    upper_seen = (struct seen){.answer = STATUS_MORE_PROCESSING_REQUIRED};
    PIRP irp = make_irp(stack.upper, &top);
    IoCallDriver(stack.upper, irp);
    complete_with(pended, STATUS_SUCCESS, 0);
    assert_int_equal(upper_seen.calls, 1);
    assert_int_equal(top.calls, 0);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    assert_int_equal(upper_seen.calls, 1);
    assert_int_equal(top.calls, 1);
    IoFreeIrp(irp);
    stack_end(&stack);
}

static void a_completion_routine_runs_only_for_the_outcomes_it_named(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pass_or_pend);
    static const struct {
        NTSTATUS status;
        BOOLEAN cancel, on_success, on_error, on_cancel;
        int calls;
    } rows[] = {
        {STATUS_SUCCESS, FALSE, TRUE, FALSE, FALSE, 1},      {STATUS_SUCCESS, FALSE, FALSE, TRUE, TRUE, 0},
        {STATUS_UNSUCCESSFUL, FALSE, FALSE, TRUE, FALSE, 1}, {STATUS_UNSUCCESSFUL, FALSE, TRUE, FALSE, TRUE, 0},
        {STATUS_CANCELLED, TRUE, FALSE, FALSE, TRUE, 1},     {STATUS_CANCELLED, TRUE, TRUE, FALSE, FALSE, 0},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct seen seen = {.answer = STATUS_MORE_PROCESSING_REQUIRED}, top = seen;
        PIRP irp = IoAllocateIrp((CCHAR)(stack.lower->StackSize + 1), FALSE);
        IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
        IoSetCompletionRoutine(irp, on_complete, &top, TRUE, TRUE, TRUE);
        IoSetNextIrpStackLocation(irp); /* a location of our own, so that somebody above always keeps the IRP */
        IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
        IoSetCompletionRoutine(irp, on_complete, &seen, rows[i].on_success, rows[i].on_error, rows[i].on_cancel);
        IoCallDriver(stack.lower, irp);
        irp->Cancel = rows[i].cancel;
        complete_with(irp, rows[i].status, 0);
        assert_int_equal(seen.calls, rows[i].calls);
        assert_int_equal(top.calls, !rows[i].calls);
        IoFreeIrp(irp);
    }
    stack_end(&stack);
}

static void misuse_of_irps_is_reported(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pass_or_pend);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    PIRP irp = make_irp(stack.lower, &top);
    IoCallDriver(stack.lower, irp);
    complete_with(irp, STATUS_PENDING, 0);
    nt_test_expect(stack.nt, "COMPLETED_PENDING");
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    nt_test_expect(stack.nt, "IRP_COMPLETED_TWICE");
    assert_int_equal(top.calls, 1);

    IoReuseIrp(irp, STATUS_NOT_SUPPORTED);
    assert_int_equal(irp->IoStatus.Status, STATUS_NOT_SUPPORTED);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoCallDriver(stack.lower, irp);
    complete_with(irp, STATUS_SUCCESS, 0);
    nt_test_expect(stack.nt, "IRP_WITHOUT_OWNER");

    IoReuseIrp(irp, 0);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoSetCompletionRoutine(irp, on_complete, &top, TRUE, TRUE, TRUE);
    IoCallDriver(stack.lower, irp);
    assert_int_equal(IoCallDriver(stack.lower, irp), STATUS_INVALID_DEVICE_REQUEST);
    nt_test_expect(stack.nt, "NO_MORE_STACK_LOCATIONS");
    assert_int_equal(top.calls, 2);
    IoFreeIrp(irp);
    stack_end(&stack);
}

static void a_major_function_without_a_routine_is_an_invalid_request(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pass_or_pend);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    PIRP irp = make_irp(stack.lower, &top);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_READ;
    assert_int_equal(IoCallDriver(stack.lower, irp), STATUS_INVALID_DEVICE_REQUEST);
    IoReuseIrp(irp, 0);
    IoGetNextIrpStackLocation(irp)->MajorFunction = 0x40;
    IoSetCompletionRoutine(irp, on_complete, &top, TRUE, TRUE, TRUE);
    assert_int_equal(IoCallDriver(stack.lower, irp), STATUS_INVALID_DEVICE_REQUEST);
    nt_test_expect(stack.nt, "BAD_MAJOR_FUNCTION");
    assert_int_equal(top.calls, 2);
    IoFreeIrp(irp);
    stack_end(&stack);
}

/* ---- cancel -------------------------------------------------------------------------------------------------------
 */

static LONG cancelled, completed;

static VOID on_cancel(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoReleaseCancelSpinLock(irp->CancelIrql);
    InterlockedIncrement(&cancelled);
    complete_with(irp, STATUS_CANCELLED, 0);
}

static NTSTATUS pend_cancelable(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoMarkIrpPending(irp);
    IoSetCancelRoutine(irp, on_cancel);
    return STATUS_PENDING;
}

static void a_cancelled_irp_is_completed_by_its_cancel_routine(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pend_cancelable);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    cancelled = 0;
    PIRP irp = make_irp(stack.lower, &top);
    IoCallDriver(stack.lower, irp);
    assert_true(IoCancelIrp(irp));
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_int_equal(cancelled, 1);
    assert_int_equal(top.calls, 1);
    assert_int_equal(irp->IoStatus.Status, STATUS_CANCELLED);
    assert_false(IoCancelIrp(irp));
    IoFreeIrp(irp);
    stack_end(&stack);
}

static void completing_with_the_cancel_routine_set_is_reported(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pend_cancelable);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    PIRP irp = make_irp(stack.lower, &top);
    IoCallDriver(stack.lower, irp);
    complete_with(irp, STATUS_SUCCESS, 0);
    nt_test_expect(stack.nt, "CANCEL_ROUTINE_LEFT");
    IoFreeIrp(irp);
    stack_end(&stack);
}

#define RACES 100000

struct race {
    struct nt_partition *partition;
    PIRP irp;
    pthread_barrier_t start, end;
};

/* What a driver does when its device answers: whoever takes the cancel routine out ends the request. */
static void *race_completion(void *context)
{
    struct race *race = context;
    nt_enter(race->partition);
    for (int i = 0; i < RACES; i++) {
        pthread_barrier_wait(&race->start);
        if (IoSetCancelRoutine(race->irp, NULL)) {
            InterlockedIncrement(&completed);
            complete_with(race->irp, STATUS_SUCCESS, 0);
        }
        pthread_barrier_wait(&race->end);
    }
    return NULL;
}

static void of_cancel_and_complete_exactly_one_wins(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pend_cancelable);
    struct race race = {.partition = stack.nt->partition};
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    pthread_t thread;
    cancelled = completed = 0;
    pthread_barrier_init(&race.start, NULL, 2);
    pthread_barrier_init(&race.end, NULL, 2);
    race.irp = make_irp(stack.lower, &top);
    assert_int_equal(pthread_create(&thread, NULL, race_completion, &race), 0);
    for (int i = 0; i < RACES; i++) {
        IoReuseIrp(race.irp, 0);
        IoGetNextIrpStackLocation(race.irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
        IoSetCompletionRoutine(race.irp, on_complete, &top, TRUE, TRUE, TRUE);
        IoCallDriver(stack.lower, race.irp);
        pthread_barrier_wait(&race.start);
        IoCancelIrp(race.irp);
        pthread_barrier_wait(&race.end);
        assert_int_equal(top.calls, i + 1);
        assert_int_equal(cancelled + completed, i + 1);
    }
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&race.start);
    pthread_barrier_destroy(&race.end);
    IoFreeIrp(race.irp);
    stack_end(&stack);
}

/* ---- waiting for one ----------------------------------------------------------------------------------------------
 */

static void complete_later(void *context)
{
    complete_with(context, STATUS_DEVICE_BUSY, 5);
}

static NTSTATUS pend_to_worker(PDEVICE_OBJECT device, PIRP irp)
{
    IoMarkIrpPending(irp);
    assert_true(nt_queue_work(nt_device_partition(device), complete_later, irp));
    return STATUS_PENDING;
}

static void a_pended_request_can_be_waited_for(void **state)
{
    (void)state;
    struct stack stack = stack_begin(pend_to_worker);
    PIRP irp = IoAllocateIrp(stack.lower->StackSize, FALSE);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    assert_int_equal(nt_call_driver_and_wait(stack.lower, irp), STATUS_DEVICE_BUSY);
    assert_int_equal(irp->IoStatus.Information, 5);
    IoFreeIrp(irp);
    nt_drain_work(stack.nt->partition);
    stack_end(&stack);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_transfer_method_carries_input_and_output),
        cmocka_unit_test(information_beyond_the_buffer_is_reported_and_not_copied),
        cmocka_unit_test(a_failed_request_copies_nothing_out),
        cmocka_unit_test(completion_runs_from_the_bottom_up_and_pending_is_seen),
        cmocka_unit_test(more_processing_required_keeps_the_irp_until_it_is_completed_again),
        cmocka_unit_test(a_completion_routine_runs_only_for_the_outcomes_it_named),
        cmocka_unit_test(misuse_of_irps_is_reported),
        cmocka_unit_test(a_major_function_without_a_routine_is_an_invalid_request),
        cmocka_unit_test(a_cancelled_irp_is_completed_by_its_cancel_routine),
        cmocka_unit_test(completing_with_the_cancel_routine_set_is_reported),
        cmocka_unit_test(of_cancel_and_complete_exactly_one_wins),
        cmocka_unit_test(a_pended_request_can_be_waited_for),
    };
    return cmocka_run_group_tests_name("irp", tests, NULL, NULL);
}
