/* SPDX-License-Identifier: MIT
 *
 * GetLocation, GetResources, EnableVirtualization, GetVirtualFunctionProbedBars: pci.md 5.2 to 5.4.
 */
#include "bus.h"

static void location_follows_offset_and_stride_before_and_after_enabling(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UINT16 segment;
    UINT8 number, function;
    for (int enabled = 0; enabled < 2; enabled++) {
        for (USHORT vf = 0; vf < 8; vf++) {
            assert_int_equal(bus->virt.GetLocation(bus->virt.Context, vf, &segment, &number, &function),
                             STATUS_SUCCESS);
            assert_int_equal(segment, 0);
            assert_int_equal(number, 1);
            assert_int_equal(function, 0x80 + 2 * vf); /* 01:10.0, 01:10.2, ... */
        }
        if (!enabled)
            bus_enable(bus, 2);
    }
    bus_finish(bus);
}

static void location_refuses_what_is_no_vf_and_null_outputs(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UINT16 segment = 0xAAAA;
    UINT8 number = 0xAA, function = 0xAA;
    PVOID context = bus->virt.Context;
    static const USHORT beyond[] = {8, 9, 0xFFFF};
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(bus->virt.GetLocation(context, beyond[i], &segment, &number, &function),
                         STATUS_INVALID_PARAMETER);
    assert_int_equal(bus->virt.GetLocation(context, 0, NULL, &number, &function), STATUS_INVALID_PARAMETER);
    assert_int_equal(bus->virt.GetLocation(context, 0, &segment, NULL, &function), STATUS_INVALID_PARAMETER);
    assert_int_equal(bus->virt.GetLocation(context, 0, &segment, &number, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(segment, 0xAAAA);
    assert_int_equal(number, 0xAA);
    assert_int_equal(function, 0xAA);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void passive_routines_above_passive_level_are_reported_and_have_no_effect(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UINT16 segment = 0xAAAA;
    UINT8 number = 0xAA, function = 0xAA;
    ULONG bars[6] = {1, 2, 3, 4, 5, 6};
    KIRQL irql;
    PVOID context = bus->virt.Context;
    KeRaiseIrql(APC_LEVEL, &irql);
    assert_int_equal(bus->virt.GetLocation(context, 0, &segment, &number, &function), STATUS_INVALID_DEVICE_STATE);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    bus->virt.GetResources(context, &number);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(context, bars), STATUS_INVALID_DEVICE_STATE);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    KeLowerIrql(irql);
    assert_int_equal(segment, 0xAAAA);
    assert_int_equal(number, 0xAA);
    assert_int_equal(bars[0], 1);
    bus_finish(bus);
}

static void resources_are_the_captured_buses_and_null_has_no_effect(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UINT8 captured = 0xAA;
    bus->virt.GetResources(bus->virt.Context, NULL);
    bus->virt.GetResources(bus->virt.Context, &captured);
    assert_int_equal(captured, 0);
    bus_finish(bus);
}

/* Refusals of EnableVirtualization; each leaves everything as it is. */
struct refusal {
    const char *name;
    bool enabled; /* virtualization is on with 2 VFs before */
    UINT16 num_vfs;
    BOOLEAN migration, interrupt, enable;
    NTSTATUS status;
};

static const struct refusal refusals[] = {
    {"enable 0", false, 0, FALSE, FALSE, TRUE, STATUS_INVALID_PARAMETER},
    {"enable TotalVFs + 1", false, 9, FALSE, FALSE, TRUE, STATUS_INVALID_PARAMETER},
    {"enable 256, whose low byte is 0", false, 256, FALSE, FALSE, TRUE, STATUS_INVALID_PARAMETER},
    {"enable FFFFh", false, 0xFFFF, FALSE, FALSE, TRUE, STATUS_INVALID_PARAMETER},
    {"migration interrupt without migration", false, 2, FALSE, TRUE, TRUE, STATUS_INVALID_PARAMETER},
    {"migration on a device without it", false, 2, TRUE, FALSE, TRUE, STATUS_INVALID_PARAMETER},
    {"any non-zero byte is TRUE", false, 2, 2, FALSE, 0x80, STATUS_INVALID_PARAMETER},
    {"disable with NumVFs", true, 2, FALSE, FALSE, FALSE, STATUS_INVALID_PARAMETER},
    {"disable with NumVFs when disabled: parameters first", false, 2, FALSE, FALSE, FALSE, STATUS_INVALID_PARAMETER},
    {"enable twice, same", true, 2, FALSE, FALSE, TRUE, STATUS_INVALID_DEVICE_STATE},
    {"enable twice, other", true, 4, FALSE, FALSE, TRUE, STATUS_INVALID_DEVICE_STATE},
    {"enable twice with a bad number: parameters first", true, 9, FALSE, FALSE, TRUE, STATUS_INVALID_PARAMETER},
    {"disable when disabled", false, 0, FALSE, FALSE, FALSE, STATUS_INVALID_DEVICE_STATE},
    {"disable when disabled ignores flags", false, 0, TRUE, TRUE, FALSE, STATUS_INVALID_DEVICE_STATE},
};

static void each_enable_refusal_has_its_status_and_changes_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
        const struct refusal *row = &refusals[i];
        struct bus *bus = bus_begin();
        if (row->enabled)
            bus_enable(bus, 2);
        void *snapshot = bus_snapshot(bus);
        NTSTATUS status = bus->virt.EnableVirtualization(bus->virt.Context, row->num_vfs, row->migration,
                                                         row->interrupt, row->enable);
        if (status != row->status)
            fail_msg("%s: %08x instead of %08x", row->name, (unsigned)status, (unsigned)row->status);
        bus_unchanged(bus, snapshot);
        assert_true(bus->nt->count > 0);
        bus->nt->count = 0;
        bus_finish(bus);
    }
}

/* The SR-IOV capability of the synthetic card: Capabilities at 164h, InitialVFs and TotalVFs at 16ch. */
#define CAPABILITY "160: 10 00 01 00 00 00 00 00 00 00 00 00 08 00 08 00"

static void fewer_initial_than_total_vfs_are_the_most_there_can_be(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_synthetic(CAPABILITY, "160: 10 00 01 00 00 00 00 00 00 00 00 00 04 00 08 00");
    void *snapshot = bus_snapshot(bus);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 5, FALSE, FALSE, TRUE),
                     STATUS_INVALID_PARAMETER);
    bus_unchanged(bus, snapshot);
    bus->nt->count = 0;
    bus_enable(bus, 4);
    bus_finish(bus);
}

/* A card may say that it can migrate VFs; the state machine behind that is MR-IOV's (pci.md 1.4.5). */
static void migration_is_not_supported_where_the_card_says_it_is(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_synthetic(CAPABILITY, "160: 10 00 01 00 01 00 00 00 00 00 00 00 08 00 08 00");
    void *snapshot = bus_snapshot(bus);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 2, TRUE, FALSE, TRUE), STATUS_NOT_SUPPORTED);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 2, 2, 2, TRUE), STATUS_NOT_SUPPORTED);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 2, FALSE, TRUE, TRUE), STATUS_INVALID_PARAMETER);
    bus_unchanged(bus, snapshot);
    bus->nt->count = 0;
    bus_enable(bus, 2);
    bus_finish(bus);
}

static void with_total_vfs_0_there_is_no_vf_to_enable_or_to_find(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_synthetic(CAPABILITY, "160: 10 00 01 00 00 00 00 00 00 00 00 00 00 00 00 00");
    UINT16 segment = 7;
    UINT8 number = 7, function = 7, captured = 7;
    ULONG bars[6] = {1, 1, 1, 1, 1, 1};
    assert_int_equal(bus->virt.GetLocation(bus->virt.Context, 0, &segment, &number, &function),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(segment + number + function, 21);
    bus->virt.GetResources(bus->virt.Context, &captured);
    assert_int_equal(captured, 0);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 1, FALSE, FALSE, TRUE),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(bus->virt.Context, bars), STATUS_SUCCESS);
    for (int i = 0; i < 6; i++)
        assert_int_equal(bars[i], 0);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void enable_and_disable_write_num_vfs_vf_enable_and_mse(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    PCI_EXPRESS_SRIOV_CAPABILITY capability;
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql); /* its documented maximum: nothing may block */
    bus_enable(bus, 8);
    assert_int_equal(
        bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &capability, 0x160, sizeof(capability)),
        sizeof(capability));
    assert_int_equal(capability.NumVFs, 8);
    assert_int_equal(capability.SRIOVControl.AsUSHORT & 9, 9);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, TRUE, TRUE, FALSE), STATUS_SUCCESS);
    bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &capability, 0x160, sizeof(capability));
    KeLowerIrql(irql);
    assert_int_equal(capability.NumVFs, 0);
    assert_int_equal(capability.SRIOVControl.AsUSHORT & 9, 0);
    bus_finish(bus);
}

static void enable_above_dispatch_level_is_refused(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    KIRQL irql;
    KeRaiseIrql(CLOCK_LEVEL, &irql);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 2, FALSE, FALSE, TRUE),
                     STATUS_INVALID_DEVICE_STATE);
    KeLowerIrql(irql);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    assert_int_equal(pci_sriov_num_vfs(bus->device), 0);
    bus_finish(bus);
}

static void enable_after_surprise_removal_finds_no_device(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    pcibus_surprise_remove(bus->pdo);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 2, FALSE, FALSE, TRUE), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 9, FALSE, FALSE, TRUE),
                     STATUS_INVALID_PARAMETER);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void enable_with_the_pf_asleep_is_an_invalid_state(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    pci_device_set_power(bus->device, 3);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 2, FALSE, FALSE, TRUE),
                     STATUS_INVALID_DEVICE_STATE);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void vfs_behind_the_next_bus_are_captured_or_refused(void **state)
{
    (void)state;
    UINT16 segment;
    UINT8 captured = 0xAA, number, function;
    struct bus *bus = bus_begin_with("intel-82576.lspci", 0x01F8, 0); /* 01:1f.0 */
    bus->virt.GetResources(bus->virt.Context, &captured);
    assert_int_equal(captured, 1);
    assert_int_equal(bus->virt.GetLocation(bus->virt.Context, 0, &segment, &number, &function), STATUS_SUCCESS);
    assert_int_equal(number, 2);
    assert_int_equal(function, 0x78);
    bus_enable(bus, 8);
    bus_finish(bus);

    bus = bus_begin_with("intel-82576.lspci", 0x01F8, 1);
    void *snapshot = bus_snapshot(bus);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 8, FALSE, FALSE, TRUE),
                     STATUS_INSUFFICIENT_RESOURCES);
    bus_unchanged(bus, snapshot);
    bus->nt->count = 0;
    bus_finish(bus);
}

/* GetResources is Subordinate - Secondary of the port, whether or not the VFs need all of it (1.4.4, 5.2). */
static void a_port_with_more_buses_has_captured_them_all(void **state)
{
    (void)state;
    static const UINT8 subordinate[] = {1, 2, 3, 0x40, 0xFF};
    for (size_t i = 0; i < sizeof(subordinate); i++) {
        struct bus *bus = bus_begin_with("intel-82576.lspci", 0x0100, subordinate[i]);
        UINT8 captured = 0xAA;
        bus->virt.GetResources(bus->virt.Context, &captured);
        assert_int_equal(captured, subordinate[i] - 1);
        bus_finish(bus);
    }
}

/* Linux: pci_iov_virtfn_bus() and pci_iov_virtfn_devfn(), with First VF Offset and VF Stride 1. */
static void every_vf_of_any_number_lies_where_linux_expects_it(void **state)
{
    (void)state;
    static const struct {
        UINT16 total, pf;
    } cards[] = {{1, 0x0100},   {7, 0x0100},   {8, 0x0100},   {255, 0x0100},
                 {256, 0x0100}, {257, 0x0100}, {257, 0x02FF}, {65535, 0}};
    for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++) {
        struct bus *bus = bus_begin_many(cards[i].total, cards[i].pf);
        trace_enter_thread(NULL);
        UINT16 segment = 7;
        UINT8 number = 0, function = 0, captured = 0xAA;
        unsigned pf_bus = cards[i].pf >> 8, devfn = cards[i].pf & 0xFF;
        for (unsigned vf = 0; vf < cards[i].total; vf++) {
            assert_int_equal(bus->virt.GetLocation(bus->virt.Context, (USHORT)vf, &segment, &number, &function),
                             STATUS_SUCCESS);
            assert_int_equal(segment, 0);
            assert_int_equal(number, pf_bus + ((devfn + 1 + vf) >> 8));
            assert_int_equal(function, (devfn + 1 + vf) & 0xFF);
        }
        bus->virt.GetResources(bus->virt.Context, &captured);
        assert_int_equal(captured, number - pf_bus);
        bus_enable(bus, cards[i].total);
        USHORT command = 4, last = cards[i].total - 1;
        assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, last, &command, 4, 2), 2);
        assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, cards[i].total, &command, 4, 2), 0);
        bus->nt->count = 0;
        bus_finish(bus);
    }
}

static void vfs_next_to_the_pf_are_found_too(void **state)
{
    (void)state;
    UINT16 segment;
    UINT8 number, function;
    struct bus *bus = bus_begin_with("nvme-qemu.lspci", 0, 0);
    for (USHORT vf = 0; vf < pci_sriov_total_vfs(bus->device); vf++) {
        assert_int_equal(bus->virt.GetLocation(bus->virt.Context, vf, &segment, &number, &function), STATUS_SUCCESS);
        assert_int_equal(number, 1);
        assert_int_equal(function, vf + 1); /* 01:00.1, 01:00.2, ... */
    }
    bus_finish(bus);
}

static void *enable_thread(void *context)
{
    struct bus *bus = context;
    nt_enter(bus->nt->partition);
    trace_enter_thread(NULL);
    return (void *)(uintptr_t)(ULONG)bus->virt.EnableVirtualization(bus->virt.Context, 2, FALSE, FALSE, TRUE);
}

static void of_two_concurrent_enables_one_wins(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    trace_enter_thread(NULL);
    for (int round = 0; round < 200; round++) {
        pthread_t thread;
        void *other;
        assert_int_equal(pthread_create(&thread, NULL, enable_thread, bus), 0);
        NTSTATUS mine = bus->virt.EnableVirtualization(bus->virt.Context, 2, FALSE, FALSE, TRUE);
        pthread_join(thread, &other);
        ULONG theirs = (ULONG)(uintptr_t)other;
        assert_true((mine == STATUS_SUCCESS && theirs == (ULONG)STATUS_INVALID_DEVICE_STATE) ||
                    (mine == STATUS_INVALID_DEVICE_STATE && theirs == STATUS_SUCCESS));
        assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, FALSE, FALSE, FALSE), STATUS_SUCCESS);
    }
    bus_finish(bus);
}

static void probed_bars_are_the_vf_bars_size_masks_six_and_no_more(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    ULONG bars[8] = {0xA5A5A5A5, 0xA5A5A5A5, 0xA5A5A5A5, 0xA5A5A5A5, 0xA5A5A5A5, 0xA5A5A5A5, 0xA5A5A5A5, 0xA5A5A5A5};
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(bus->virt.Context, bars + 1), STATUS_SUCCESS);
    assert_int_equal(bars[0], 0xA5A5A5A5);
    assert_int_equal(bars[7], 0xA5A5A5A5);
    assert_int_equal(bars[1], 0xFFFFC00C); /* 16 KB, 64-bit, prefetchable */
    assert_int_equal(bars[2], 0xFFFFFFFF);
    assert_int_equal(bars[3], 0);
    assert_int_equal(bars[4], 0xFFFFC00C);
    assert_int_equal(bars[6], 0);
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(bus->virt.Context, NULL), STATUS_INVALID_PARAMETER);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void probed_bars_are_not_there_before_the_device_is_started(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    ULONG bars[6] = {1};
    assert_int_equal(nt_pnp_simple(bus->pdo, IRP_MN_STOP_DEVICE), STATUS_SUCCESS);
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(bus->virt.Context, bars), STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(bars[0], 1);
    bus->nt->count = 0;
    bus_finish(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(location_follows_offset_and_stride_before_and_after_enabling),
        cmocka_unit_test(location_refuses_what_is_no_vf_and_null_outputs),
        cmocka_unit_test(passive_routines_above_passive_level_are_reported_and_have_no_effect),
        cmocka_unit_test(resources_are_the_captured_buses_and_null_has_no_effect),
        cmocka_unit_test(each_enable_refusal_has_its_status_and_changes_nothing),
        cmocka_unit_test(fewer_initial_than_total_vfs_are_the_most_there_can_be),
        cmocka_unit_test(migration_is_not_supported_where_the_card_says_it_is),
        cmocka_unit_test(with_total_vfs_0_there_is_no_vf_to_enable_or_to_find),
        cmocka_unit_test(enable_and_disable_write_num_vfs_vf_enable_and_mse),
        cmocka_unit_test(enable_above_dispatch_level_is_refused),
        cmocka_unit_test(enable_after_surprise_removal_finds_no_device),
        cmocka_unit_test(enable_with_the_pf_asleep_is_an_invalid_state),
        cmocka_unit_test(vfs_behind_the_next_bus_are_captured_or_refused),
        cmocka_unit_test(a_port_with_more_buses_has_captured_them_all),
        cmocka_unit_test(every_vf_of_any_number_lies_where_linux_expects_it),
        cmocka_unit_test(vfs_next_to_the_pf_are_found_too),
        cmocka_unit_test(of_two_concurrent_enables_one_wins),
        cmocka_unit_test(probed_bars_are_the_vf_bars_size_masks_six_and_no_more),
        cmocka_unit_test(probed_bars_are_not_there_before_the_device_is_started),
    };
    return cmocka_run_group_tests_name("virtualization", tests, NULL, NULL);
}
