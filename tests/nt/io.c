/* SPDX-License-Identifier: MIT
 *
 * Smaller services of the I/O and power managers: completion routines that hold their device, forwarding and waiting,
 * the power states that a device told, what a bus driver tells the PnP manager.
 */
#include "nt_test.h"

/* A device whose dispatch routine keeps the request, and an IRP with a location above it, whose routine keeps the IRP.
 */
struct rig {
    struct nt_fixture *nt;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device;
    PIRP irp;
};

struct seen {
    unsigned calls;
    BOOLEAN pending;
    NTSTATUS answer;
    ULONG *extension; /* of the device that the routine stands for; read when it runs */
    ULONG value;
};

static NTSTATUS on_complete(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    struct seen *seen = context;
    (void)device;
    seen->calls++;
    seen->pending = irp->PendingReturned;
    if (seen->extension)
        seen->value = *seen->extension;
    if (irp->PendingReturned && seen->answer == STATUS_SUCCESS)
        IoMarkIrpPending(irp);
    return seen->answer;
}

static NTSTATUS keep(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    IoMarkIrpPending(irp);
    return STATUS_PENDING;
}

static NTSTATUS succeed(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = IoGetCurrentIrpStackLocation(irp)->MinorFunction;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static struct rig rig_begin(PDRIVER_DISPATCH dispatch)
{
    struct rig rig = {.nt = nt_test_begin(false)};
    assert_int_equal(nt_builtin_driver(rig.nt->partition, "io", &rig.driver), STATUS_SUCCESS);
    rig.driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = dispatch;
    assert_int_equal(IoCreateDevice(rig.driver, 64, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &rig.device), STATUS_SUCCESS);
    return rig;
}

static void rig_end(struct rig *rig)
{
    IoDeleteDevice(rig->device);
    nt_driver_unload(rig->driver);
    nt_test_finish(rig->nt);
}

/* The IRP as a driver above the device has it: its own location is the current one, `top` runs for that. */
static PIRP irp_above(struct rig *rig, struct seen *top)
{
    PIRP irp = IoAllocateIrp((CCHAR)(rig->device->StackSize + 1), FALSE);
    assert_non_null(irp);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    IoSetCompletionRoutine(irp, on_complete, top, TRUE, TRUE, TRUE);
    IoSetNextIrpStackLocation(irp);
    IoGetNextIrpStackLocation(irp)->MajorFunction = IRP_MJ_DEVICE_CONTROL;
    return irp;
}

/* ---- IoSetCompletionRoutineEx ---------------------------------------------------------------------------------------
 */

static void an_ex_completion_routine_runs_only_for_the_outcomes_it_named(void **state)
{
    static const struct {
        NTSTATUS status;
        BOOLEAN cancel, on_success, on_error, on_cancel;
        unsigned calls;
    } rows[] = {
        {STATUS_SUCCESS, FALSE, TRUE, FALSE, FALSE, 1},      {STATUS_SUCCESS, FALSE, FALSE, TRUE, TRUE, 0},
        {STATUS_UNSUCCESSFUL, FALSE, FALSE, TRUE, FALSE, 1}, {STATUS_UNSUCCESSFUL, FALSE, TRUE, FALSE, TRUE, 0},
        {STATUS_CANCELLED, TRUE, FALSE, FALSE, TRUE, 1},     {STATUS_CANCELLED, TRUE, TRUE, FALSE, FALSE, 0},
    };
    struct rig rig = rig_begin(keep);
    (void)state;
    for (size_t i = 0; i < RTL_NUMBER_OF(rows); i++) {
        struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED}, seen = {.answer = STATUS_SUCCESS};
        PIRP irp = irp_above(&rig, &top);
        assert_int_equal(IoSetCompletionRoutineEx(rig.device, irp, on_complete, &seen, rows[i].on_success,
                                                  rows[i].on_error, rows[i].on_cancel),
                         STATUS_SUCCESS);
        assert_int_equal(IoCallDriver(rig.device, irp), STATUS_PENDING);
        irp->Cancel = rows[i].cancel;
        irp->IoStatus.Status = rows[i].status;
        IoCompleteRequest(irp, IO_NO_INCREMENT);
        assert_int_equal(seen.calls, rows[i].calls);
        assert_int_equal(top.calls, 1);
        assert_true(top.pending); /* whether the routine ran or not */
        IoFreeIrp(irp);
    }
    rig_end(&rig);
}

static void an_ex_completion_routine_may_keep_the_irp(void **state)
{
    struct rig rig = rig_begin(keep);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED}, seen = top;
    PIRP irp = irp_above(&rig, &top);
    (void)state;
    assert_int_equal(IoSetCompletionRoutineEx(rig.device, irp, on_complete, &seen, TRUE, TRUE, TRUE), STATUS_SUCCESS);
    IoCallDriver(rig.device, irp);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(top.calls, 0);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    assert_int_equal(seen.calls, 1);
    assert_int_equal(top.calls, 1);
    IoFreeIrp(irp);
    rig_end(&rig);
}

/* What the Ex form is for: the device, and so its driver, stays until the routine has returned. */
static void the_device_of_an_ex_completion_routine_outlives_its_deletion(void **state)
{
    struct rig rig = rig_begin(keep);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED}, seen = {.answer = STATUS_SUCCESS};
    PDEVICE_OBJECT passing;
    PIRP irp = irp_above(&rig, &top);
    (void)state;
    assert_int_equal(IoCreateDevice(rig.driver, 64, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &passing), STATUS_SUCCESS);
    seen.extension = passing->DeviceExtension;
    *seen.extension = 0x5a5a;
    assert_int_equal(IoSetCompletionRoutineEx(passing, irp, on_complete, &seen, TRUE, TRUE, TRUE), STATUS_SUCCESS);
    IoCallDriver(rig.device, irp);
    IoDeleteDevice(passing);
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    assert_int_equal(seen.value, 0x5a5a);
    IoFreeIrp(irp);
    rig_end(&rig); /* and nothing of it is left */
}

/* ---- IoForwardIrpSynchronously ------------------------------------------------------------------------------------
 */

static void an_irp_is_forwarded_with_the_location_of_its_sender(void **state)
{
    struct rig rig = rig_begin(succeed);
    struct seen top = {.answer = STATUS_MORE_PROCESSING_REQUIRED};
    PIRP irp = irp_above(&rig, &top);
    (void)state;
    IoGetCurrentIrpStackLocation(irp)->MinorFunction = 9;
    assert_true(IoForwardIrpSynchronously(rig.device, irp));
    assert_int_equal(irp->IoStatus.Status, STATUS_SUCCESS);
    assert_int_equal(irp->IoStatus.Information, 9);
    assert_int_equal(top.calls, 0); /* the sender completes it once more */
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    assert_int_equal(top.calls, 1);
    IoFreeIrp(irp);
    rig_end(&rig);
}

static void an_irp_without_another_location_is_not_forwarded(void **state)
{
    struct rig rig = rig_begin(succeed);
    PIRP irp = IoAllocateIrp(1, FALSE);
    (void)state;
    IoSetNextIrpStackLocation(irp);
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    assert_false(IoForwardIrpSynchronously(rig.device, irp));
    assert_int_equal(irp->IoStatus.Status, STATUS_NOT_SUPPORTED);
    IoFreeIrp(irp);
    rig_end(&rig);
}

/* ---- power, PnP ---------------------------------------------------------------------------------------------------
 */

static void a_power_state_told_returns_the_one_before_of_its_type(void **state)
{
    struct rig rig = rig_begin(keep);
    POWER_STATE sleeping = {.DeviceState = PowerDeviceD3}, on = {.DeviceState = PowerDeviceD0};
    POWER_STATE hibernating = {.SystemState = PowerSystemHibernate};
    (void)state;
    PoSetPowerState(rig.device, DevicePowerState, sleeping);
    PoSetPowerState(rig.device, SystemPowerState, hibernating);
    assert_int_equal(PoSetPowerState(rig.device, DevicePowerState, on).DeviceState, PowerDeviceD3);
    assert_int_equal(PoSetPowerState(rig.device, DevicePowerState, sleeping).DeviceState, PowerDeviceD0);
    assert_int_equal(PoSetPowerState(rig.device, SystemPowerState, sleeping).SystemState, PowerSystemHibernate);
    rig_end(&rig);
}

/* Drivers for Windows before Vista call it; since then it does nothing. */
static void the_next_power_irp_need_not_be_started(void **state)
{
    struct rig rig = rig_begin(succeed);
    PIRP irp = IoAllocateIrp(1, FALSE);
    IRP before = *irp;
    (void)state;
    PoStartNextPowerIrp(irp);
    assert_memory_equal(irp, &before, sizeof(before));
    IoFreeIrp(irp);
    rig_end(&rig);
}

static void what_the_pnp_manager_is_told_is_in_the_trace(void **state)
{
    struct rig rig = rig_begin(keep);
    (void)state;
    IoInvalidateDeviceRelations(rig.device, BusRelations);
    assert_string_equal(rig.nt->note, "IoInvalidateDeviceRelations, relations of type 0");
    IoInvalidateDeviceState(rig.device);
    assert_string_equal(rig.nt->note, "IoInvalidateDeviceState");
    rig_end(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_ex_completion_routine_runs_only_for_the_outcomes_it_named),
        cmocka_unit_test(an_ex_completion_routine_may_keep_the_irp),
        cmocka_unit_test(the_device_of_an_ex_completion_routine_outlives_its_deletion),
        cmocka_unit_test(an_irp_is_forwarded_with_the_location_of_its_sender),
        cmocka_unit_test(an_irp_without_another_location_is_not_forwarded),
        cmocka_unit_test(a_power_state_told_returns_the_one_before_of_its_type),
        cmocka_unit_test(the_next_power_irp_need_not_be_started),
        cmocka_unit_test(what_the_pnp_manager_is_told_is_in_the_trace),
    };
    return cmocka_run_group_tests_name("io", tests, NULL, NULL);
}
