/* SPDX-License-Identifier: MIT
 *
 * refvbd in the real house: what it answers from above, what NDIS makes of it, and how long its channel lives.
 */
#include <initguid.h>

#include "refnic_host.h"

#include <wdmguid.h>

#include "drivers/refvbd/refvbd.h"
#include "nt/contract.h"

#define VIRT_SIZE sizeof(PCI_VIRTUALIZATION_INTERFACE)

static struct host host;

static int with_its_miniport(void **state)
{
    (void)state;
    host_create_with_vbd(&host, getenv("VBD_PF"));
    return 0;
}

static int with_a_miniport_that_knows_none(void **state)
{
    (void)state;
    host_create_with_vbd(&host, getenv("REFNIC_PF"));
    return 0;
}

static int take_down(void **state)
{
    (void)state;
    ndis_set_keyword(host.partition, "*WrongRoad", NULL);
    host_destroy(&host);
    return 0;
}

static NTSTATUS query(const GUID *type, USHORT size, USHORT version, void *out)
{
    return nt_query_interface(host.pdo[0], type, size, version, out);
}

static void the_interface_has_one_owner_and_the_channel_is_there(void **state)
{
    (void)state;
    PCI_VIRTUALIZATION_INTERFACE virt, untouched;
    BUS_INTERFACE_STANDARD bus;
    REFVBD_INTERFACE channel;
    memset(&virt, 0xA5, sizeof(virt));
    memset(&untouched, 0xA5, sizeof(untouched));
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(query(&GUID_PCI_VIRTUALIZATION_INTERFACE, VIRT_SIZE, 1, &virt), STATUS_NOT_SUPPORTED);
    assert_memory_equal(&virt, &untouched, sizeof(virt));
    assert_int_equal(query(&GUID_BUS_INTERFACE_STANDARD, sizeof(bus), 1, &bus), STATUS_SUCCESS);
    bus.InterfaceDereference(bus.Context);
    assert_int_equal(query(&GUID_REFVBD_INTERFACE, sizeof(channel), 1, &channel), STATUS_SUCCESS);
    assert_int_equal(channel.Size, sizeof(channel));
    channel.InterfaceDereference(channel.Context);
}

static void the_channels_size_and_version_decide(void **state)
{
    (void)state;
    REFVBD_INTERFACE channel;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(query(&GUID_REFVBD_INTERFACE, sizeof(channel) - 1, 1, &channel), STATUS_INVALID_BUFFER_SIZE);
    assert_int_equal(query(&GUID_REFVBD_INTERFACE, sizeof(channel), 0, &channel), STATUS_INVALID_BUFFER_SIZE);
    assert_int_equal(query(&GUID_REFVBD_INTERFACE, sizeof(channel), 1, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(query(NULL, sizeof(channel), 1, &channel), STATUS_NOT_SUPPORTED);
}

static void what_the_channel_does_is_done_to_the_card(void **state)
{
    (void)state;
    REFVBD_INTERFACE channel;
    USHORT command = 4, read = 0, segment;
    UCHAR bus, function;
    ULONG bars[6];
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(query(&GUID_REFVBD_INTERFACE, sizeof(channel), 1, &channel), STATUS_SUCCESS);
    assert_int_equal(channel.SetVfData(channel.Context, 1, &command, 4, 2), 0); /* not enabled yet */
    assert_int_equal(channel.EnableVfs(channel.Context, 9), STATUS_INVALID_PARAMETER);
    assert_int_equal(channel.EnableVfs(channel.Context, 2), STATUS_SUCCESS);
    assert_int_equal(channel.EnableVfs(channel.Context, 2), STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 2);
    assert_int_equal(channel.SetVfData(channel.Context, 1, &command, 4, 2), 2);
    assert_int_equal(pci_config_read(host.device[0], 1, 4, &read, 2), 2);
    assert_int_equal(read, 4);
    read = 0;
    assert_int_equal(channel.GetVfData(channel.Context, 1, &read, 4, 2), 2);
    assert_int_equal(read, 4);
    assert_int_equal(channel.GetVfLocation(channel.Context, 1, &segment, &bus, &function), STATUS_SUCCESS);
    assert_int_equal(bus, 1);
    assert_int_equal(function, 0x82);
    assert_int_equal(channel.GetProbedBars(channel.Context, bars), STATUS_SUCCESS);
    assert_int_equal(bars[0], 0xffffc00c);
    assert_int_equal(channel.EnableVfs(channel.Context, 0), STATUS_SUCCESS);
    channel.InterfaceDereference(channel.Context);
}

static void count_named(const struct vfp_finding *finding, void *context)
{
    if (strcmp(finding->rule->name, "NDISM_WITH_VBD") == 0)
        ++*(unsigned *)context;
}

/* The five wrappers, called by a miniport that has a VBD: each fails as it does, and is named. */
static void the_wrappers_are_refused_by_name_and_change_nothing(void **state)
{
    (void)state;
    static char before[16384], after[16384];
    assert_true(ndis_set_keyword(host.partition, "*WrongRoad", "1"));
    assert_int_equal(pci_device_create(host.profile, &(struct pci_device_options){0}, &host.device[1]), 0);
    assert_true(pci_dump(host.device[1], PCI_FUNCTION_PF, before, sizeof(before)) < (int)sizeof(before));
    pci_device_destroy(host.device[1]);
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_true(pci_dump(host.device[0], PCI_FUNCTION_PF, after, sizeof(after)) < (int)sizeof(after));
    assert_string_equal(before, after);
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 0);
    unsigned named = 0;
    nt_findings(host.partition, count_named, &named);
    assert_int_equal(named, 5); /* one a routine */
    host.violations = 5;
    /* The miniport goes on as it should, by its channel. */
    assert_int_equal(vstack_switch_create(host.stack[0], 4), NDIS_STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 4);
}

static void a_miniport_that_knows_no_vbd_is_told_and_does_not_start(void **state)
{
    (void)state;
    unsigned named = 0;
    assert_false(NT_SUCCESS(host_start(&host, 0)));
    nt_findings(host.partition, count_named, &named);
    assert_int_equal(named, 1); /* NdisMQueryProbedBars, without which refnic does not go on */
    host.violations = 1;
}

static void a_channel_that_outlives_the_device_fails_and_is_given_back(void **state)
{
    (void)state;
    REFVBD_INTERFACE channel;
    USHORT command = 4, segment = 7;
    UCHAR bus = 7, function = 7;
    ULONG bars[6] = {1};
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(query(&GUID_REFVBD_INTERFACE, sizeof(channel), 1, &channel), STATUS_SUCCESS);
    assert_int_equal(channel.EnableVfs(channel.Context, 2), STATUS_SUCCESS);
    host_stop(&host, 0);
    assert_int_equal(channel.SetVfData(channel.Context, 0, &command, 4, 2), 0);
    assert_int_equal(channel.GetVfData(channel.Context, 0, &command, 4, 2), 0);
    assert_int_equal(channel.EnableVfs(channel.Context, 0), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(channel.GetVfLocation(channel.Context, 0, &segment, &bus, &function), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(channel.GetProbedBars(channel.Context, bars), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(command, 4);
    assert_int_equal(segment + bus + function, 21);
    assert_int_equal(bars[0], 1);
    channel.InterfaceDereference(channel.Context);
}

/* ---- what is no virtual bus driver ---------------------------------------------------------------------------------
 */

static NTSTATUS pass(PDEVICE_OBJECT device, PIRP irp)
{
    PDEVICE_OBJECT below = *(PDEVICE_OBJECT *)device->DeviceExtension;
    bool removed = IoGetCurrentIrpStackLocation(irp)->MinorFunction == IRP_MN_REMOVE_DEVICE;
    IoSkipCurrentIrpStackLocation(irp);
    NTSTATUS status = IoCallDriver(below, irp);
    if (removed) {
        IoDetachDevice(below);
        IoDeleteDevice(device);
    }
    return status;
}

static NTSTATUS add(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo)
{
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(driver, sizeof(PDEVICE_OBJECT), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (NT_SUCCESS(status))
        *(PDEVICE_OBJECT *)device->DeviceExtension = IoAttachDeviceToDeviceStack(device, pdo);
    return status;
}

static NTSTATUS entry(PDRIVER_OBJECT driver, PUNICODE_STRING path)
{
    (void)path;
    driver->DriverExtension->AddDevice = add;
    driver->MajorFunction[IRP_MJ_PNP] = pass;
    return STATUS_SUCCESS;
}

static int with_a_filter(void **state)
{
    (void)state;
    host_create(&host);
    assert_int_equal(nt_driver_start(host.partition, "filter", entry, &host.vbd), STATUS_SUCCESS);
    return 0;
}

static void a_filter_that_passes_the_query_is_no_vbd(void **state)
{
    (void)state;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_ptr_not_equal(nt_stack_top(host.pdo[0]), host.pdo[0]);
    assert_int_equal(vstack_switch_create(host.stack[0], 4), NDIS_STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(host.device[0]), 4);
}

static void a_pulled_card_stops_in_order(void **state)
{
    (void)state;
    assert_int_equal(host_start(&host, 0), STATUS_SUCCESS);
    assert_int_equal(vstack_switch_create(host.stack[0], 2), NDIS_STATUS_SUCCESS);
    pcibus_surprise_remove(host.pdo[0]);
}

#define CASE(test, setup) cmocka_unit_test_setup_teardown(test, setup, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_interface_has_one_owner_and_the_channel_is_there, with_its_miniport),
        CASE(the_channels_size_and_version_decide, with_its_miniport),
        CASE(what_the_channel_does_is_done_to_the_card, with_its_miniport),
        CASE(the_wrappers_are_refused_by_name_and_change_nothing, with_its_miniport),
        CASE(a_miniport_that_knows_no_vbd_is_told_and_does_not_start, with_a_miniport_that_knows_none),
        CASE(a_channel_that_outlives_the_device_fails_and_is_given_back, with_its_miniport),
        CASE(a_filter_that_passes_the_query_is_no_vbd, with_a_filter),
        CASE(a_pulled_card_stops_in_order, with_its_miniport),
    };
    return cmocka_run_group_tests_name("path / virtual bus driver", tests, NULL, NULL);
}
