/* SPDX-License-Identifier: MIT
 *
 * Loading, starting and unloading drivers; device stacks. NT_TEST_DRIVERS is the folder of the drivers built beside
 * this.
 */
#include "nt_test.h"

#include <unistd.h>

static const char *path_of(const char *name)
{
    static char path[4096];
    assert_non_null(getenv("NT_TEST_DRIVERS"));
    snprintf(path, sizeof(path), "%s/%s", getenv("NT_TEST_DRIVERS"), name);
    return path;
}

static void load_fails(struct nt_fixture *fixture, const char *path, NTSTATUS status, const char *words)
{
    struct nt_load_error error = {""};
    PDRIVER_OBJECT driver = (PDRIVER_OBJECT)fixture;
    assert_int_equal(nt_driver_load(fixture->partition, path, &driver, &error), status);
    assert_null(driver);
    if (!strstr(error.text, words))
        fail_msg("\"%s\" does not say \"%s\"", error.text, words);
    assert_null(strchr(error.text, '\n'));
}

static void a_file_that_is_not_there(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    load_fails(fixture, "/nonexistent/mynic.so", STATUS_OBJECT_NAME_NOT_FOUND, "mynic.so");
    load_fails(fixture, "mynic.so", STATUS_OBJECT_NAME_NOT_FOUND, "mynic.so");
    load_fails(fixture, "", STATUS_OBJECT_NAME_NOT_FOUND, "");
    nt_test_finish(fixture);
}

static void a_text_file_and_a_folder_are_no_images(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    char name[] = "/tmp/nt-test-XXXXXX";
    int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(write(file, "not a driver\n", 13), 13);
    close(file);
    load_fails(fixture, name, STATUS_INVALID_IMAGE_FORMAT, "nt-test-");
    unlink(name);
    load_fails(fixture, "/tmp", STATUS_INVALID_IMAGE_FORMAT, "tmp");
    nt_test_finish(fixture);
}

static void a_library_without_driver_entry(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    load_fails(fixture, path_of("no_entry.so"), STATUS_DRIVER_ENTRYPOINT_NOT_FOUND, "no_entry.so: no DriverEntry");
    nt_test_finish(fixture);
}

static void an_unresolved_symbol_is_named(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    load_fails(fixture, path_of("unresolved.so"), STATUS_INVALID_IMAGE_FORMAT, "KeNobodyOffersThis");
    nt_test_finish(fixture);
}

static void a_driver_entry_that_fails_ends_the_driver_and_its_devices(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    load_fails(fixture, path_of("failing.so"), STATUS_DEVICE_CONFIGURATION_ERROR, "failing.so: DriverEntry returned");
    nt_test_expect(fixture, "DEVICE_LEAK");
    nt_test_finish(fixture);
}

static void each_load_has_its_own_globals(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct nt_partition *other = nt_partition_create(&(struct nt_partition_options){.name = "other"});
    struct nt_load_error error = {""};
    PDRIVER_OBJECT drivers[3];
    for (int i = 0; i < 3; i++) {
        NTSTATUS status = nt_driver_load(i ? other : fixture->partition, path_of("counting.so"), &drivers[i], &error);
        if (status != STATUS_SUCCESS)
            fail_msg("load %d: %08x %s", i, (unsigned)status, error.text);
        assert_int_equal(drivers[i]->DeviceObject->DeviceType, 1);
        assert_string_equal(nt_driver_name(drivers[i]), "counting.so");
    }
    assert_ptr_equal(nt_driver_partition(drivers[1]), other);
    assert_ptr_equal(nt_device_partition(drivers[0]->DeviceObject), fixture->partition);
    nt_driver_unload(drivers[0]);
    assert_int_equal(nt_driver_load(other, path_of("counting.so"), &drivers[0], &error), STATUS_SUCCESS);
    assert_int_equal(drivers[0]->DeviceObject->DeviceType, 1);
    for (int i = 0; i < 3; i++)
        nt_driver_unload(drivers[i]);
    assert_int_equal(nt_violations(other), 0);
    nt_partition_destroy(other);
    nt_test_finish(fixture);
}

static void names_follow_the_driver(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PDRIVER_OBJECT driver;
    UNICODE_STRING expected;
    assert_int_equal(nt_builtin_driver(fixture->partition, "pci", &driver), STATUS_SUCCESS);
    RtlInitUnicodeString(&expected, L"\\Driver\\pci");
    assert_true(RtlEqualUnicodeString(&driver->DriverName, &expected, FALSE));
    assert_int_equal(nt_pnp_add_device(driver, NULL), STATUS_INVALID_DEVICE_REQUEST);
    nt_driver_unload(driver);
    nt_test_finish(fixture);
}

static void extensions_of_a_driver_object_are_found_by_their_address(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PDRIVER_OBJECT driver;
    PVOID first, second;
    int id, other;
    nt_builtin_driver(fixture->partition, "driver", &driver);
    assert_int_equal(IoAllocateDriverObjectExtension(driver, &id, 100, &first), STATUS_SUCCESS);
    assert_int_equal(IoAllocateDriverObjectExtension(driver, &id, 100, &second), STATUS_OBJECT_NAME_COLLISION);
    assert_null(second);
    assert_ptr_equal(IoGetDriverObjectExtension(driver, &id), first);
    assert_null(IoGetDriverObjectExtension(driver, &other));
    nt_driver_unload(driver);
    nt_test_finish(fixture);
}

static void a_partition_that_ends_with_a_driver_says_so_and_unloads_it(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PDRIVER_OBJECT driver;
    nt_builtin_driver(fixture->partition, "left", &driver);
    nt_driver_unload(driver);
    struct nt_partition *other = nt_partition_create(&(struct nt_partition_options){.trace = fixture->trace});
    nt_builtin_driver(other, "left", &driver);
    nt_partition_destroy(other);
    nt_test_expect(fixture, "DRIVER_STILL_LOADED");
    nt_test_finish(fixture);
}

static void devices_form_a_stack_and_leave_it(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT devices[3];
    nt_builtin_driver(fixture->partition, "stack", &driver);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(IoCreateDevice(driver, 40, NULL, FILE_DEVICE_NETWORK, 0, FALSE, &devices[i]), STATUS_SUCCESS);
        for (int byte = 0; byte < 40; byte++)
            assert_int_equal(((UCHAR *)devices[i]->DeviceExtension)[byte], 0);
    }
    assert_ptr_equal(IoAttachDeviceToDeviceStack(devices[1], devices[0]), devices[0]);
    assert_ptr_equal(IoAttachDeviceToDeviceStack(devices[2], devices[0]), devices[1]); /* always on top */
    assert_int_equal(devices[2]->StackSize, 3);
    assert_ptr_equal(nt_stack_top(devices[0]), devices[2]);
    PDEVICE_OBJECT top = IoGetAttachedDeviceReference(devices[0]);
    assert_ptr_equal(top, devices[2]);
    IoDeleteDevice(devices[1]);
    nt_test_expect(fixture, "DEVICE_DELETED_IN_STACK");
    assert_ptr_equal(nt_stack_top(devices[0]), devices[0]);
    IoDetachDevice(devices[1]); /* what was attached above kept it until now */
    IoDetachDevice(devices[0]);
    nt_test_expect(fixture, "NOT_ATTACHED");
    IoDeleteDevice(devices[2]);
    assert_int_equal(top->DeviceType, FILE_DEVICE_NETWORK); /* the reference keeps it */
    ObDereferenceObject(top);
    IoDeleteDevice(devices[0]);
    nt_driver_unload(driver);
    nt_test_finish(fixture);
}

static void names_collide_and_go_with_their_owner(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    PDRIVER_OBJECT driver;
    PDEVICE_OBJECT device, other;
    UNICODE_STRING name, link, again;
    static const GUID class_guid = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
    RtlInitUnicodeString(&name, L"\\Device\\Nic");
    RtlInitUnicodeString(&link, L"\\DosDevices\\Nic");
    nt_builtin_driver(fixture->partition, "names", &driver);
    assert_int_equal(IoCreateDevice(driver, 0, &name, FILE_DEVICE_NETWORK, 0, FALSE, &device), STATUS_SUCCESS);
    assert_int_equal(IoCreateDevice(driver, 0, &name, FILE_DEVICE_NETWORK, 0, FALSE, &other),
                     STATUS_OBJECT_NAME_COLLISION);
    assert_null(other);
    assert_int_equal(IoCreateSymbolicLink(&link, &name), STATUS_SUCCESS);
    assert_int_equal(IoCreateSymbolicLink(&link, &name), STATUS_OBJECT_NAME_COLLISION);
    assert_int_equal(IoDeleteSymbolicLink(&link), STATUS_SUCCESS);
    assert_int_equal(IoDeleteSymbolicLink(&link), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(IoRegisterDeviceInterface(device, &class_guid, NULL, &again), STATUS_SUCCESS);
    assert_int_equal(IoSetDeviceInterfaceState(&again, TRUE), STATUS_SUCCESS);
    assert_int_equal(IoSetDeviceInterfaceState(&again, TRUE), STATUS_OBJECT_NAME_EXISTS);
    assert_int_equal(IoSetDeviceInterfaceState(&again, FALSE), STATUS_SUCCESS);
    assert_int_equal(IoSetDeviceInterfaceState(&again, FALSE), STATUS_OBJECT_NAME_NOT_FOUND);
    RtlFreeUnicodeString(&again);
    IoDeleteDevice(device);
    assert_int_equal(IoCreateDevice(driver, 0, &name, FILE_DEVICE_NETWORK, 0, FALSE, &device), STATUS_SUCCESS);
    IoDeleteDevice(device);
    nt_driver_unload(driver);
    IoCreateSymbolicLink(&link, &name);
    assert_int_equal(nt_test_end(fixture), 0);
    nt_test_expect(fixture, "SYMBOLIC_LINK_LEAK");
    nt_test_free(fixture);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_that_is_not_there),
        cmocka_unit_test(a_text_file_and_a_folder_are_no_images),
        cmocka_unit_test(a_library_without_driver_entry),
        cmocka_unit_test(an_unresolved_symbol_is_named),
        cmocka_unit_test(a_driver_entry_that_fails_ends_the_driver_and_its_devices),
        cmocka_unit_test(each_load_has_its_own_globals),
        cmocka_unit_test(names_follow_the_driver),
        cmocka_unit_test(extensions_of_a_driver_object_are_found_by_their_address),
        cmocka_unit_test(a_partition_that_ends_with_a_driver_says_so_and_unloads_it),
        cmocka_unit_test(devices_form_a_stack_and_leave_it),
        cmocka_unit_test(names_collide_and_go_with_their_owner),
    };
    return cmocka_run_group_tests_name("driver", tests, NULL, NULL);
}
