/* SPDX-License-Identifier: MIT
 *
 * Devices in stacks, their names, interfaces and properties; handles.
 */
#include "nt_test.h"

static struct nt_fixture *fixture;
static PDRIVER_OBJECT driver;

static NTSTATUS (*answer)(PIRP irp, PIO_STACK_LOCATION stack); /* of IRP_MJ_PNP; NULL: not supported */

static NTSTATUS on_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    NTSTATUS status = answer ? answer(irp, IoGetCurrentIrpStackLocation(irp)) : STATUS_NOT_SUPPORTED;
    (void)device;
    irp->IoStatus.Status = status;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return status;
}

static PDEVICE_OBJECT make_device(void)
{
    PDEVICE_OBJECT device;
    assert_int_equal(IoCreateDevice(driver, 16, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device), STATUS_SUCCESS);
    return device;
}

static int set_up(void **state)
{
    (void)state;
    fixture = nt_test_begin(false);
    answer = NULL;
    assert_int_equal(nt_builtin_driver(fixture->partition, "stack", &driver), STATUS_SUCCESS);
    driver->MajorFunction[IRP_MJ_PNP] = on_pnp;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    if (driver)
        nt_driver_unload(driver);
    nt_test_finish(fixture);
    return 0;
}

/* ---- stacks -------------------------------------------------------------------------------------------------------
 */

static void the_attached_device_is_the_topmost(void **state)
{
    PDEVICE_OBJECT bottom = make_device(), middle = make_device(), top = make_device(), to;
    (void)state;
    assert_ptr_equal(IoGetAttachedDevice(bottom), bottom);
    assert_int_equal(IoAttachDeviceToDeviceStackSafe(middle, bottom, &to), STATUS_SUCCESS);
    assert_ptr_equal(to, bottom);
    assert_int_equal(IoAttachDeviceToDeviceStackSafe(top, bottom, &to), STATUS_SUCCESS);
    assert_ptr_equal(to, middle);
    assert_ptr_equal(IoGetAttachedDevice(bottom), top);
    assert_ptr_equal(IoGetAttachedDeviceReference(middle), top);
    ObDereferenceObject(top);
    IoDetachDevice(middle);
    IoDetachDevice(bottom);
    assert_ptr_equal(IoGetAttachedDevice(bottom), bottom);
    IoDeleteDevice(top);
    IoDeleteDevice(middle);
    IoDeleteDevice(bottom);
}

static void nothing_is_attached_to_a_device_that_is_deleted(void **state)
{
    PDEVICE_OBJECT bottom = make_device(), top = make_device(), to = top;
    (void)state;
    ObReferenceObject(bottom);
    IoDeleteDevice(bottom);
    assert_int_equal(IoAttachDeviceToDeviceStackSafe(top, bottom, &to), STATUS_NO_SUCH_DEVICE);
    assert_null(to);
    assert_int_equal(top->StackSize, 1);
    ObDereferenceObject(bottom);
    IoDeleteDevice(top);
}

static void devices_of_two_partitions_are_no_stack(void **state)
{
    struct nt_partition *other = nt_partition_create(&(struct nt_partition_options){.name = "other"});
    PDRIVER_OBJECT theirs;
    PDEVICE_OBJECT bottom, top = make_device();
    (void)state;
    assert_int_equal(nt_builtin_driver(other, "theirs", &theirs), STATUS_SUCCESS);
    assert_int_equal(IoCreateDevice(theirs, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &bottom), STATUS_SUCCESS);
    assert_null(IoAttachDeviceToDeviceStack(top, bottom));
    nt_test_expect(fixture, "BAD_ATTACH");
    assert_null(bottom->AttachedDevice);
    IoDeleteDevice(bottom);
    nt_driver_unload(theirs);
    assert_int_equal(nt_partition_destroy(other), 0);
    IoDeleteDevice(top);
}

static void an_exclusive_device_says_so(void **state)
{
    PDEVICE_OBJECT device;
    (void)state;
    assert_int_equal(IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, TRUE, &device), STATUS_SUCCESS);
    assert_true(device->Flags & DO_EXCLUSIVE);
    IoDeleteDevice(device);
}

/* Both ends of two stacks are the driver's that ends. */
static void a_driver_that_leaves_a_stack_of_devices_is_told_how_many(void **state)
{
    PDEVICE_OBJECT bottom = make_device(), top = make_device();
    (void)state;
    assert_ptr_equal(IoAttachDeviceToDeviceStack(top, bottom), bottom);
    nt_driver_unload(driver);
    driver = NULL;
    assert_non_null(strstr(fixture->details[0], "2 devices"));
    nt_test_expect(fixture, "DEVICE_LEAK");
}

static void a_device_below_that_ends_first_is_left_by_the_one_above(void **state)
{
    PDRIVER_OBJECT under;
    PDEVICE_OBJECT bottom, top = make_device();
    (void)state;
    assert_int_equal(nt_builtin_driver(fixture->partition, "under", &under), STATUS_SUCCESS);
    assert_int_equal(IoCreateDevice(under, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &bottom), STATUS_SUCCESS);
    assert_ptr_equal(IoAttachDeviceToDeviceStack(top, bottom), bottom);
    nt_driver_unload(under);
    nt_test_expect(fixture, "DEVICE_LEAK");
    IoDeleteDevice(top); /* it is attached to nothing any more */
}

/* ---- interfaces ---------------------------------------------------------------------------------------------------
 */

static const GUID class_guid = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};

static void an_interface_with_a_reference_string_is_one_of_its_own(void **state)
{
    PDEVICE_OBJECT device = make_device();
    UNICODE_STRING reference, plain, second, again;
    (void)state;
    RtlInitUnicodeString(&reference, L"queue1");
    assert_int_equal(IoRegisterDeviceInterface(device, &class_guid, NULL, &plain), STATUS_SUCCESS);
    assert_int_equal(IoRegisterDeviceInterface(device, &class_guid, &reference, &second), STATUS_SUCCESS);
    assert_int_equal(IoRegisterDeviceInterface(device, &class_guid, &reference, &again), STATUS_SUCCESS);
    assert_true(RtlEqualUnicodeString(&second, &again, FALSE));
    assert_int_equal(second.Length, plain.Length + 7 * sizeof(WCHAR));
    assert_memory_equal(second.Buffer, plain.Buffer, plain.Length);
    assert_memory_equal(second.Buffer + plain.Length / sizeof(WCHAR), L"\\queue1", 8 * sizeof(WCHAR));
    assert_int_equal(IoSetDeviceInterfaceState(&second, TRUE), STATUS_SUCCESS);
    assert_int_equal(IoSetDeviceInterfaceState(&plain, FALSE), STATUS_OBJECT_NAME_NOT_FOUND); /* it was not enabled */
    RtlFreeUnicodeString(&plain);
    RtlFreeUnicodeString(&second);
    RtlFreeUnicodeString(&again);
    IoDeleteDevice(device);
}

static void an_interface_name_beyond_what_a_string_holds_is_refused(void **state)
{
    static WCHAR text[32740];
    PDEVICE_OBJECT device = make_device();
    UNICODE_STRING reference = {sizeof(text), sizeof(text), text}, link = reference;
    (void)state;
    assert_int_equal(IoRegisterDeviceInterface(device, &class_guid, &reference, &link), STATUS_INVALID_PARAMETER);
    assert_null(link.Buffer);
    IoDeleteDevice(device);
}

/* A symbolic link is no interface, and an interface no link. */
static void a_name_is_only_what_it_was_made_as(void **state)
{
    PDEVICE_OBJECT device = make_device();
    UNICODE_STRING link, interface;
    (void)state;
    RtlInitUnicodeString(&link, L"\\DosDevices\\Nic");
    assert_int_equal(IoCreateSymbolicLink(&link, &link), STATUS_SUCCESS);
    assert_int_equal(IoSetDeviceInterfaceState(&link, FALSE), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(IoRegisterDeviceInterface(device, &class_guid, NULL, &interface), STATUS_SUCCESS);
    assert_int_equal(IoDeleteSymbolicLink(&interface), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(IoDeleteSymbolicLink(&link), STATUS_SUCCESS);
    RtlFreeUnicodeString(&interface);
    IoDeleteDevice(device);
}

/* ---- properties: what a bus driver answers ------------------------------------------------------------------------
 */

static NTSTATUS answer_numbers(PIRP irp, PIO_STACK_LOCATION stack)
{
    if (stack->MinorFunction == IRP_MN_QUERY_CAPABILITIES) {
        stack->Parameters.DeviceCapabilities.Capabilities->UINumber = 12;
        return STATUS_SUCCESS;
    }
    PPNP_BUS_INFORMATION bus = ExAllocatePoolZero(PagedPool, sizeof(*bus), 'tseT');
    bus->LegacyBusType = PCIBus;
    bus->BusNumber = 3;
    irp->IoStatus.Information = (ULONG_PTR)bus;
    return STATUS_SUCCESS;
}

static NTSTATUS answer_nothing(PIRP irp, PIO_STACK_LOCATION stack)
{
    (void)irp, (void)stack;
    return STATUS_SUCCESS;
}

static NTSTATUS property(PDEVICE_OBJECT device, DEVICE_REGISTRY_PROPERTY which, ULONG *value)
{
    ULONG length = 77;
    NTSTATUS status = IoGetDeviceProperty(device, which, sizeof(*value), value, &length);
    assert_int_equal(length, NT_SUCCESS(status) ? sizeof(*value) : 0);
    return status;
}

static void properties_are_what_the_bus_driver_answers(void **state)
{
    PDEVICE_OBJECT device = make_device();
    ULONG value = 0;
    (void)state;
    answer = answer_numbers;
    assert_int_equal(property(device, DevicePropertyLegacyBusType, &value), STATUS_SUCCESS);
    assert_int_equal(value, PCIBus);
    assert_int_equal(property(device, DevicePropertyBusNumber, &value), STATUS_SUCCESS);
    assert_int_equal(value, 3);
    assert_int_equal(property(device, DevicePropertyUINumber, &value), STATUS_SUCCESS);
    assert_int_equal(value, 12);
    assert_int_equal(property(device, DevicePropertyAddress, &value), STATUS_OBJECT_NAME_NOT_FOUND); /* it has none */
    assert_int_equal(value, 12);
    IoDeleteDevice(device);
}

static void a_property_that_nobody_answers_is_not_found(void **state)
{
    static const DEVICE_REGISTRY_PROPERTY all[] = {DevicePropertyBusTypeGuid,   DevicePropertyLegacyBusType,
                                                   DevicePropertyBusNumber,     DevicePropertyAddress,
                                                   DevicePropertyUINumber,      DevicePropertyHardwareID,
                                                   DevicePropertyCompatibleIDs, DevicePropertyDeviceDescription};
    PDEVICE_OBJECT device = make_device();
    ULONG value = 77;
    (void)state;
    for (size_t i = 0; i < 2 * RTL_NUMBER_OF(all); i++) {
        answer = i < RTL_NUMBER_OF(all) ? NULL : answer_nothing;
        assert_int_equal(property(device, all[i % RTL_NUMBER_OF(all)], &value), STATUS_OBJECT_NAME_NOT_FOUND);
        assert_int_equal(value, 77);
    }
    IoDeleteDevice(device);
}

/* ---- handles ------------------------------------------------------------------------------------------------------
 */

#define HANDLES 40u

static void handles_are_given_out_again_and_name_one_object(void **state)
{
    PDEVICE_OBJECT device = make_device();
    HANDLE handles[HANDLES], again;
    PVOID object, other;
    (void)state;
    for (unsigned i = 0; i < HANDLES; i++) {
        assert_int_equal(IoOpenDeviceRegistryKey(device, PLUGPLAY_REGKEY_DRIVER, KEY_READ, &handles[i]),
                         STATUS_SUCCESS);
        for (unsigned j = 0; j < i; j++)
            assert_ptr_not_equal(handles[i], handles[j]);
    }
    assert_int_equal(ObReferenceObjectByHandle(handles[0], 0, NULL, KernelMode, &object, NULL), STATUS_SUCCESS);
    assert_int_equal(ObReferenceObjectByHandle(handles[HANDLES - 1], 0, NULL, KernelMode, &other, NULL),
                     STATUS_SUCCESS);
    assert_ptr_not_equal(object, other);
    ObDereferenceObject(object);
    ObDereferenceObject(other);
    assert_int_equal(ZwClose(handles[17]), STATUS_SUCCESS);
    assert_int_equal(IoOpenDeviceRegistryKey(device, PLUGPLAY_REGKEY_DRIVER, KEY_READ, &again), STATUS_SUCCESS);
    assert_ptr_equal(again, handles[17]);
    for (unsigned i = 0; i < HANDLES; i++)
        assert_int_equal(ZwClose(handles[i]), STATUS_SUCCESS);
    IoDeleteDevice(device);
}

static void what_is_no_handle_names_nothing(void **state)
{
    static const ULONG_PTR wrong[] = {0, 1, 2, 5, 4, 0x1000, (ULONG_PTR)-4, (ULONG_PTR)-1};
    (void)state;
    for (size_t i = 0; i < RTL_NUMBER_OF(wrong); i++) {
        PVOID object = fixture;
        assert_int_equal(ObReferenceObjectByHandle((HANDLE)wrong[i], 0, NULL, KernelMode, &object, NULL),
                         STATUS_INVALID_HANDLE);
        assert_null(object);
        assert_int_equal(ZwClose((HANDLE)wrong[i]), STATUS_INVALID_HANDLE);
        nt_test_expect(fixture, "INVALID_HANDLE");
    }
}

int main(void)
{
#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(the_attached_device_is_the_topmost),
        CASE(nothing_is_attached_to_a_device_that_is_deleted),
        CASE(devices_of_two_partitions_are_no_stack),
        CASE(an_exclusive_device_says_so),
        CASE(a_driver_that_leaves_a_stack_of_devices_is_told_how_many),
        CASE(a_device_below_that_ends_first_is_left_by_the_one_above),
        CASE(an_interface_with_a_reference_string_is_one_of_its_own),
        CASE(an_interface_name_beyond_what_a_string_holds_is_refused),
        CASE(a_name_is_only_what_it_was_made_as),
        CASE(properties_are_what_the_bus_driver_answers),
        CASE(a_property_that_nobody_answers_is_not_found),
        CASE(handles_are_given_out_again_and_name_one_object),
        CASE(what_is_no_handle_names_nothing),
    };
    return cmocka_run_group_tests_name("stack", tests, NULL, NULL);
}
