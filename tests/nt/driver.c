/* SPDX-License-Identifier: MIT
 *
 * Loading, starting and unloading drivers; device stacks. NT_TEST_DRIVERS is the folder of the drivers built beside
 * this.
 */
#include "nt_test.h"

#include <elf.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "nt/loader.h"

struct counting_sink {
    struct trace_sink sink;
    unsigned records;
};

static void count_record(struct trace_sink *sink, const struct trace_record *record)
{
    (void)record;
    ((struct counting_sink *)sink)->records++;
}

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

static void load(struct nt_fixture *fixture, const char *path, struct nt_load_error *error)
{
    PDRIVER_OBJECT driver;
    *error = (struct nt_load_error){""};
    assert_int_equal(nt_driver_load(fixture->partition, path, &driver, error), STATUS_INVALID_IMAGE_FORMAT);
}

static void all_unresolved_symbols_are_named_and_no_others(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    struct nt_load_error error;
    char expected[4400];
    load(fixture, path_of("unresolved.so"), &error);
    snprintf(expected, sizeof(expected), "%s: unresolved: ", path_of("unresolved.so"));
    if (strncmp(error.text, expected, strlen(expected)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", error.text, expected);
    /* In the order of the image, which is the linker's business. */
    const char *names = error.text + strlen(expected);
    static const char *const missing[] = {"KeNobodyOffersThis", "NdisNorThis", "MmNorThisVariable"};
    size_t length = 2 * (sizeof(missing) / sizeof(missing[0]) - 1);
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++) {
        if (!strstr(names, missing[i]))
            fail_msg("%s is not in \"%s\"", missing[i], names);
        length += strlen(missing[i]);
    }
    assert_int_equal(strlen(names), length);
    nt_test_finish(fixture);
}

static void an_error_begins_with_the_path_as_it_was_given(void **state)
{
    (void)state;
    struct nt_fixture *fixture = nt_test_begin(false);
    char folder[] = "/tmp/nt-test-XXXXXX", path[64];
    struct nt_load_error error;
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/./mynic.so", folder);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(fclose(file), 0);
    load(fixture, path, &error);
    unlink(path);
    rmdir(folder);
    char expected[128];
    snprintf(expected, sizeof(expected), "%s: file too short", path);
    assert_string_equal(error.text, expected);
    nt_test_finish(fixture);
}

/* Every cut and every damaged byte of the file's tables: an error of one line, or a driver; never a fault. */
static void a_damaged_image_is_survived(void **state)
{
    (void)state;
    static unsigned char image[1 << 20];
    char text[400];
    FILE *file = fopen(path_of("unresolved.so"), "r");
    assert_non_null(file);
    size_t size = fread(image, 1, sizeof(image), file);
    fclose(file);
    int memory = memfd_create("image", MFD_CLOEXEC);
    assert_int_equal(write(memory, image, size), size);
    assert_int_equal(nt_image_unresolved(memory, text, sizeof(text)), 3);
    uint64_t sections;
    memcpy(&sections, image + 40, 8); /* e_shoff */
    for (size_t at = 0; at < size; at += at == 63 ? sections - 63 : 1) {
        static const unsigned char values[] = {0x00, 0x7f, 0xff};
        for (size_t i = 0; i < sizeof(values); i++) {
            assert_int_equal(pwrite(memory, &values[i], 1, (off_t)at), 1);
            nt_image_unresolved(memory, text, sizeof(text));
            assert_non_null(memchr(text, '\0', sizeof(text)));
        }
        assert_int_equal(pwrite(memory, &image[at], 1, (off_t)at), 1);
    }
    for (size_t length = size; length > 64; length -= length / 64 + 1) {
        assert_int_equal(ftruncate(memory, (off_t)length), 0);
        nt_image_unresolved(memory, text, sizeof(text));
    }
    close(memory);
}

/* Wherever the file was cut: loaded, or refused; never a fault. */
static void an_image_that_was_cut_is_refused(void **state)
{
    (void)state;
    static unsigned char bytes[1 << 20];
    struct nt_fixture *fixture = nt_test_begin(false);
    struct nt_load_error error;
    char name[] = "/tmp/nt-test-XXXXXX";
    FILE *file = fopen(path_of("unresolved.so"), "r");
    assert_non_null(file);
    size_t size = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    int copy = mkstemp(name);
    assert_int_equal(write(copy, bytes, size), size);
    for (size_t length = size; length > 0; length -= length / 16 + 1) {
        assert_int_equal(ftruncate(copy, (off_t)length), 0);
        load(fixture, name, &error);
        assert_non_null(strstr(error.text, "nt-test-"));
        if (length < 0x1000 && length > sizeof(Elf64_Ehdr))
            assert_non_null(strstr(error.text, "ends before its image"));
    }
    close(copy);
    unlink(name);
    nt_test_finish(fixture);
}

static void names_that_do_not_fit_are_counted(void **state)
{
    (void)state;
    char text[48];
    int file = open(path_of("unresolved.so"), O_RDONLY | O_CLOEXEC);
    assert_true(file >= 0);
    assert_int_equal(nt_image_unresolved(file, text, sizeof(text)), 3);
    assert_non_null(strstr(text, " more"));
    close(file);
}

static void statuses_have_names_and_the_others_are_numbers(void **state)
{
    (void)state;
    assert_string_equal(nt_status_name(STATUS_SUCCESS), "SUCCESS");
    assert_string_equal(nt_status_name(STATUS_PENDING), "PENDING");
    assert_string_equal(nt_status_name(STATUS_INVALID_PARAMETER_1), "INVALID_PARAMETER_1");
    assert_string_equal(nt_status_name(STATUS_BAD_DATA), "BAD_DATA");
    const char *first = nt_status_name((NTSTATUS)0xC0FFEE01), *second = nt_status_name(0x00000abc);
    assert_string_equal(first, "c0ffee01");
    assert_string_equal(second, "00000abc");
}

static void our_own_bus_drivers_are_no_doors(void **state)
{
    (void)state;
    struct counting_sink sink = {.sink = {.record = count_record}};
    struct trace *trace = trace_create(&sink.sink, 1, "test");
    struct nt_partition *partition =
        nt_partition_create(&(struct nt_partition_options){.name = "test", .role = NT_PARENT, .trace = trace});
    PDRIVER_OBJECT driver;
    assert_int_equal(nt_builtin_driver(partition, "pci", &driver), STATUS_SUCCESS);
    assert_string_equal(nt_driver_name(driver), "pci");
    nt_driver_unload(driver);
    assert_int_equal(sink.records, 0);
    assert_int_equal(nt_partition_destroy(partition), 0);
    trace_destroy(trace);
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
        cmocka_unit_test(all_unresolved_symbols_are_named_and_no_others),
        cmocka_unit_test(an_error_begins_with_the_path_as_it_was_given),
        cmocka_unit_test(a_damaged_image_is_survived),
        cmocka_unit_test(an_image_that_was_cut_is_refused),
        cmocka_unit_test(names_that_do_not_fit_are_counted),
        cmocka_unit_test(statuses_have_names_and_the_others_are_numbers),
        cmocka_unit_test(our_own_bus_drivers_are_no_doors),
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
