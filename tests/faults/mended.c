/* SPDX-License-Identifier: MIT
 *
 * What failing calls have shown, each as a case of its own.
 */
#include "../vpci/raw_guest.h"
#include "scarce.h"

#include <errno.h>

#include "nt/nt.h"
#include "pci/pci.h"

#include <wdm.h>

/* ---- the executive -------------------------------------------------------------------------------------------------
 */

static unsigned removals;

static NTSTATUS on_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    removals += IoGetCurrentIrpStackLocation(irp)->MinorFunction == IRP_MN_REMOVE_DEVICE;
    irp->IoStatus.Status = STATUS_SUCCESS;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static PDEVICE_OBJECT make_device(struct nt_partition **partition, PDRIVER_OBJECT *driver)
{
    PDEVICE_OBJECT device = NULL;
    *partition = nt_partition_create(&(struct nt_partition_options){.name = "test", .role = NT_PARENT});
    assert_non_null(*partition);
    nt_enter(*partition);
    assert_int_equal(nt_builtin_driver(*partition, "test", driver), STATUS_SUCCESS);
    (*driver)->MajorFunction[IRP_MJ_PNP] = on_pnp;
    assert_int_equal(IoCreateDevice(*driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    return device;
}

static void unmake_device(struct nt_partition *partition, PDRIVER_OBJECT driver, PDEVICE_OBJECT device)
{
    IoDeleteDevice(device);
    nt_driver_unload(driver);
    assert_int_equal(nt_partition_destroy(partition), 0);
}

static void a_device_is_removed_without_memory(void **state)
{
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device = make_device(&partition, &driver);
    (void)state;
    removals = 0;
    scarce_no_memory = true;
    NTSTATUS status = nt_pnp_simple(device, IRP_MN_REMOVE_DEVICE);
    scarce_no_memory = false;
    assert_int_equal(status, STATUS_SUCCESS);
    assert_int_equal(removals, 1);
    unmake_device(partition, driver, device);
}

static _Atomic unsigned ran;

static VOID NTAPI run_item(PVOID context)
{
    (void)context;
    ran++;
}

static VOID NTAPI run_io_item(PDEVICE_OBJECT device, PVOID context)
{
    (void)device, (void)context;
    ran++;
}

static void what_is_queued_runs_without_memory_and_without_another_thread(void **state)
{
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device = make_device(&partition, &driver);
    WORK_QUEUE_ITEM plain;
    (void)state;
    ran = 0;
    PIO_WORKITEM item = IoAllocateWorkItem(device);
    assert_non_null(item);
    ExInitializeWorkItem(&plain, run_item, NULL);
    scarce_no_threads = true;
    scarce_no_memory = true;
    ExQueueWorkItem(&plain, DelayedWorkQueue);
    IoQueueWorkItem(item, run_io_item, DelayedWorkQueue, NULL);
    scarce_no_memory = false;
    scarce_no_threads = false;
    nt_drain_work(partition);
    assert_int_equal(ran, 2);
    IoFreeWorkItem(item);
    assert_int_equal(nt_violations(partition), 0);
    unmake_device(partition, driver, device);
}

static void no_work_item_is_given_that_no_thread_could_run(void **state)
{
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device = make_device(&partition, &driver);
    (void)state;
    scarce_no_threads = true;
    assert_null(IoAllocateWorkItem(device));
    scarce_no_threads = false;
    PIO_WORKITEM item = IoAllocateWorkItem(device);
    assert_non_null(item);
    IoFreeWorkItem(item);
    unmake_device(partition, driver, device);
}

/* ---- the device ----------------------------------------------------------------------------------------------------
 */

static bool load(void *context)
{
    struct pci_profile *profile = NULL;
    struct pci_error error = {0};
    int result = pci_profile_load(context, &profile, &error);
    pci_profile_unref(profile);
    if (result) {
        assert_int_equal(result, -ENOMEM);
        assert_true(error.text[0]);
    }
    return !result;
}

static void a_profile_for_which_memory_ends_at_any_point_leaves_nothing(void **state)
{
    (void)state;
    assert_true(scarce_each(load, getenv("REFNIC_PROFILE")) > 3);
}

/* ---- the VSP -------------------------------------------------------------------------------------------------------
 */

static void a_channel_that_cannot_be_watched_ends_and_says_so(void **state)
{
    struct raw_host *host = raw_host_create(&fake_82576);
    struct raw_guest *first = raw_guest_open(host, 1);
    (void)state;
    raw_up(first);
    scarce_no_watch = true;
    struct raw_guest *second = raw_guest_create(host, 2);
    raw_wait_ended(second);
    scarce_no_watch = false;
    assert_false(second->orderly);
    assert_string_equal(second->reason, "the host has no room to watch the channel");
    assert_true(raw_alive(first));
    raw_guest_destroy(second);
    raw_guest_destroy(first);
    raw_host_destroy(host);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_device_is_removed_without_memory),
        cmocka_unit_test(what_is_queued_runs_without_memory_and_without_another_thread),
        cmocka_unit_test(no_work_item_is_given_that_no_thread_could_run),
        cmocka_unit_test(a_profile_for_which_memory_ends_at_any_point_leaves_nothing),
        cmocka_unit_test(a_channel_that_cannot_be_watched_ends_and_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
