/* SPDX-License-Identifier: MIT
 *
 * IRP_MN_QUERY_INTERFACE and reference counting: pci.md 1.1, 1.2, 5.6, 5.12 rule 10.
 */
#include "bus.h"

#include <vpci.h>

struct query {
    const GUID *type;
    USHORT size, version;
    NTSTATUS status;
};

#define BUS_SIZE  sizeof(BUS_INTERFACE_STANDARD)
#define VIRT_SIZE sizeof(PCI_VIRTUALIZATION_INTERFACE)

static const struct query queries[] = {
    {&GUID_BUS_INTERFACE_STANDARD, BUS_SIZE - 1, 1, STATUS_INVALID_BUFFER_SIZE},
    {&GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 1, STATUS_SUCCESS},
    {&GUID_BUS_INTERFACE_STANDARD, BUS_SIZE + 1, 1, STATUS_SUCCESS},
    {&GUID_BUS_INTERFACE_STANDARD, 0, 1, STATUS_INVALID_BUFFER_SIZE},
    {&GUID_BUS_INTERFACE_STANDARD, sizeof(INTERFACE), 1, STATUS_INVALID_BUFFER_SIZE},
    {&GUID_BUS_INTERFACE_STANDARD, 0xFFFF, 1, STATUS_SUCCESS},
    {&GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 0, STATUS_INVALID_BUFFER_SIZE},
    {&GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 2, STATUS_SUCCESS},
    {&GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 0xFFFF, STATUS_SUCCESS},
    {&GUID_PCI_VIRTUALIZATION_INTERFACE, VIRT_SIZE - 1, 1, STATUS_INVALID_BUFFER_SIZE},
    {&GUID_PCI_VIRTUALIZATION_INTERFACE, VIRT_SIZE, 1, STATUS_SUCCESS},
    {&GUID_PCI_VIRTUALIZATION_INTERFACE, VIRT_SIZE + 1, 1, STATUS_SUCCESS},
    {&GUID_PCI_VIRTUALIZATION_INTERFACE, 0, 1, STATUS_INVALID_BUFFER_SIZE},
    {&GUID_PCI_VIRTUALIZATION_INTERFACE, 0xFFFF, 0xFFFF, STATUS_SUCCESS},
    {&GUID_PCI_VIRTUALIZATION_INTERFACE, VIRT_SIZE, 0, STATUS_INVALID_BUFFER_SIZE},
    {&GUID_VPCI_INTERFACE_STANDARD, 0xFFFF, 1, STATUS_NOT_SUPPORTED},
    {&GUID_PCI_BUS_INTERFACE_STANDARD, 0xFFFF, 1, STATUS_NOT_SUPPORTED},
    {NULL, 0xFFFF, 1, STATUS_NOT_SUPPORTED},
};

static void ask(struct bus *bus, const struct query *query)
{
    UCHAR buffer[128], untouched[128];
    bool virt = query->type == &GUID_PCI_VIRTUALIZATION_INTERFACE;
    USHORT ours = virt ? VIRT_SIZE : BUS_SIZE;
    memset(buffer, 0xA5, sizeof(buffer));
    memset(untouched, 0xA5, sizeof(untouched));
    PINTERFACE out = (PINTERFACE)buffer;
    NTSTATUS status = nt_query_interface(bus->pdo, query->type, query->size, query->version, out);
    if (status != query->status)
        fail_msg("size %u version %u: %08x", query->size, query->version, (unsigned)status);
    if (status != STATUS_SUCCESS) {
        assert_memory_equal(buffer, untouched, sizeof(buffer));
        return;
    }
    assert_int_equal(out->Size, ours);
    assert_int_equal(out->Version, 1);
    assert_memory_equal(buffer + ours, untouched, sizeof(buffer) - ours);
    /* The reference that was taken can be given back once; the fixture's own keeps the interface live. */
    out->InterfaceDereference(out->Context);
}

static void size_and_version_decide_and_no_byte_beyond_is_written(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++)
        ask(bus, &queries[i]);
    bus->nt->count = 0;
    assert_int_equal(nt_violations(bus->nt->partition), 0);
    bus_finish(bus);
}

static void a_known_guid_without_a_buffer_is_an_invalid_parameter(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 1, NULL),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_VPCI_INTERFACE_STANDARD, BUS_SIZE, 1, NULL),
                     STATUS_NOT_SUPPORTED);
    bus_finish(bus);
}

static void a_refused_query_takes_no_reference(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    INTERFACE small;
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, sizeof(small), 1, &small),
                     STATUS_INVALID_BUFFER_SIZE);
    bus->nt->count = 0;
    bus->standard.InterfaceDereference(bus->standard.Context); /* the only one there is */
    bus->standard.InterfaceDereference(bus->standard.Context);
    nt_test_expect(bus->nt, "INTERFACE_DEREFERENCED_TWICE");
    bus->standard.InterfaceReference(bus->standard.Context);
    nt_test_expect(bus->nt, "INTERFACE_AFTER_DEREFERENCE");
    UCHAR byte;
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &byte, 0, 1), 0);
    nt_test_expect(bus->nt, "INTERFACE_AFTER_DEREFERENCE");
    assert_int_equal(
        nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 1, (PINTERFACE)&bus->standard),
        STATUS_SUCCESS);
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &byte, 0, 1), 1);
    bus_finish(bus);
}

static void a_reference_passed_on_keeps_the_interface_live(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT vendor;
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    bus->standard.InterfaceReference(bus->standard.Context);
    bus->standard.InterfaceDereference(bus->standard.Context);
    KeLowerIrql(irql);
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &vendor, 0, 2), 2);
    assert_int_equal(vendor, 0x8086);
    bus_finish(bus);
}

static void after_surprise_removal_the_status_stays_as_it_was(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    BUS_INTERFACE_STANDARD again;
    pcibus_surprise_remove(bus->pdo);
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 1, (PINTERFACE)&again),
                     STATUS_NOT_SUPPORTED);
    bus_finish(bus);
}

/* ---- through a stack: a driver that attaches above and passes everything down ------------------------------------ */

struct filter {
    PDEVICE_OBJECT below;
    LONG queries; /* IRP_MN_QUERY_INTERFACE passed down */
};

static NTSTATUS spoilt; /* what the filter makes of an answered query; STATUS_SUCCESS: nothing */

/* Who fails a query that the bus driver has answered gives the reference back: the sender will not (pci.md 5.6). */
static NTSTATUS spoil(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    PINTERFACE answer = IoGetCurrentIrpStackLocation(irp)->Parameters.QueryInterface.Interface;
    (void)device, (void)context;
    if (NT_SUCCESS(irp->IoStatus.Status)) {
        answer->InterfaceDereference(answer->Context);
        irp->IoStatus.Status = spoilt;
    }
    return STATUS_SUCCESS;
}

static NTSTATUS filter_pass(PDEVICE_OBJECT device, PIRP irp)
{
    struct filter *filter = device->DeviceExtension;
    UCHAR minor = IoGetCurrentIrpStackLocation(irp)->MinorFunction;
    PDEVICE_OBJECT below = filter->below;
    filter->queries += minor == IRP_MN_QUERY_INTERFACE;
    if (minor == IRP_MN_QUERY_INTERFACE && spoilt) {
        IoCopyCurrentIrpStackLocationToNext(irp);
        IoSetCompletionRoutine(irp, spoil, NULL, TRUE, TRUE, TRUE);
    } else {
        IoSkipCurrentIrpStackLocation(irp);
    }
    NTSTATUS status = IoCallDriver(below, irp);
    if (minor == IRP_MN_QUERY_INTERFACE && spoilt && NT_SUCCESS(status))
        status = spoilt;
    if (minor == IRP_MN_REMOVE_DEVICE) {
        IoDetachDevice(below);
        IoDeleteDevice(device);
    }
    return status;
}

static NTSTATUS filter_add(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo)
{
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(driver, sizeof(struct filter), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    ((struct filter *)device->DeviceExtension)->below = IoAttachDeviceToDeviceStack(device, pdo);
    return STATUS_SUCCESS;
}

static NTSTATUS filter_entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)path;
    driver->DriverExtension->AddDevice = filter_add;
    driver->MajorFunction[IRP_MJ_PNP] = filter_pass;
    return STATUS_SUCCESS;
}

static void a_query_passes_a_stack_that_does_not_know_the_guid(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    PDRIVER_OBJECT driver;
    BUS_INTERFACE_STANDARD again;
    assert_int_equal(nt_driver_start(bus->nt->partition, "filter", filter_entry, &driver), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_add_device(driver, bus->pdo), STATUS_SUCCESS);
    PDEVICE_OBJECT top = nt_stack_top(bus->pdo);
    assert_ptr_not_equal(top, bus->pdo);
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 1, (PINTERFACE)&again),
                     STATUS_SUCCESS);
    again.InterfaceDereference(again.Context);
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_VPCI_INTERFACE_STANDARD, BUS_SIZE, 1, (PINTERFACE)&again),
                     STATUS_NOT_SUPPORTED);
    assert_int_equal(nt_pnp_start(bus->pdo), STATUS_SUCCESS);
    assert_int_equal(((struct filter *)top->DeviceExtension)->queries, 2);
    assert_int_equal(nt_pnp_simple(bus->pdo, IRP_MN_REMOVE_DEVICE), STATUS_SUCCESS);
    assert_ptr_equal(nt_stack_top(bus->pdo), bus->pdo);
    nt_driver_unload(driver);
    bus_finish(bus);
}

static void a_query_that_fails_above_the_bus_driver_leaves_no_reference(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    PDRIVER_OBJECT driver;
    BUS_INTERFACE_STANDARD again;
    assert_int_equal(nt_driver_start(bus->nt->partition, "filter", filter_entry, &driver), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_add_device(driver, bus->pdo), STATUS_SUCCESS);
    spoilt = STATUS_ACCESS_DENIED;
    assert_int_equal(nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 1, (PINTERFACE)&again),
                     STATUS_ACCESS_DENIED);
    spoilt = STATUS_SUCCESS;
    /* One reference is left, the fixture's: it can be given back, a second one not. */
    bus->standard.InterfaceDereference(bus->standard.Context);
    assert_int_equal(nt_violations(bus->nt->partition), 0);
    bus->standard.InterfaceDereference(bus->standard.Context);
    nt_test_expect(bus->nt, "INTERFACE_DEREFERENCED_TWICE");
    assert_int_equal(
        nt_query_interface(bus->pdo, &GUID_BUS_INTERFACE_STANDARD, BUS_SIZE, 1, (PINTERFACE)&bus->standard),
        STATUS_SUCCESS);
    assert_int_equal(nt_pnp_simple(bus->pdo, IRP_MN_REMOVE_DEVICE), STATUS_SUCCESS);
    nt_driver_unload(driver);
    bus_finish(bus);
}

static void *reference_many(void *context)
{
    struct bus *bus = context;
    nt_enter(bus->nt->partition);
    for (int i = 0; i < 20000; i++) {
        bus->virt.InterfaceReference(bus->virt.Context);
        bus->virt.InterfaceDereference(bus->virt.Context);
    }
    return NULL;
}

static void references_from_many_threads_come_out_even(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, reference_many, bus), 0);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    bus_finish(bus); /* one reference is left, and given back there without a report */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(size_and_version_decide_and_no_byte_beyond_is_written),
        cmocka_unit_test(a_known_guid_without_a_buffer_is_an_invalid_parameter),
        cmocka_unit_test(a_refused_query_takes_no_reference),
        cmocka_unit_test(a_reference_passed_on_keeps_the_interface_live),
        cmocka_unit_test(after_surprise_removal_the_status_stays_as_it_was),
        cmocka_unit_test(a_query_passes_a_stack_that_does_not_know_the_guid),
        cmocka_unit_test(a_query_that_fails_above_the_bus_driver_leaves_no_reference),
        cmocka_unit_test(references_from_many_threads_come_out_even),
    };
    return cmocka_run_group_tests_name("interface", tests, NULL, NULL);
}
