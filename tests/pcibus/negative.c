/* SPDX-License-Identifier: MIT
 *
 * The negative-test list of pci.md 5.13 as far as the parent's bus driver goes, by its numbers, the readiness rows of
 * 5.1, and the IRQL table 5.11.
 */
#include "bus.h"

#define STATUS_REGISTER 0x06
#define DEVICE_CONTROL  0xA8 /* of the 82576's VF; Device Status is the upper half of the dword */
#define SRIOV           0x160
#define RAISED          0xF900u /* Status bits 8 and 11 to 15, write-1-to-clear */

static ULONG set(struct bus *bus, USHORT vf, const void *bytes, ULONG offset, ULONG length)
{
    return bus->virt.SetVirtualFunctionData(bus->virt.Context, vf, (PVOID)bytes, offset, length);
}

static ULONG get(struct bus *bus, USHORT vf, ULONG offset, ULONG length)
{
    ULONG value = 0;
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, vf, &value, offset, length), length);
    return value;
}

/* Items 3 to 5: Command and Status share a dword. */
static void writes_beside_status_leave_it_and_ones_clear_it(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UCHAR command = 4, ones = 0xFF;
    ULONG zero = 0;
    bus_enable(bus, 1);
    ULONG before = get(bus, 0, STATUS_REGISTER, 2);
    assert_true(pci_raise_status(bus->device, 0, 4, RAISED << 16));
    assert_int_equal(set(bus, 0, &command, 4, 1), 1);
    assert_int_equal(get(bus, 0, STATUS_REGISTER, 2), before | RAISED);
    assert_int_equal(set(bus, 0, &zero, 4, 4), 4);
    assert_int_equal(get(bus, 0, STATUS_REGISTER, 2), before | RAISED);
    assert_int_equal(set(bus, 0, &ones, 7, 1), 1);
    assert_int_equal(get(bus, 0, STATUS_REGISTER, 2), before);
    assert_int_equal(get(bus, 0, 4, 2), 0);
    bus_finish(bus);
}

/* Item 6: Initiate FLR however it is written. */
static void every_width_of_write_starts_flr_once(void **state)
{
    (void)state;
    static const struct {
        ULONG offset, length, at; /* of the byte with bit 15 in the buffer */
    } writes[] = {
        {DEVICE_CONTROL + 1, 1, 0}, {DEVICE_CONTROL, 2, 1},      {DEVICE_CONTROL, 4, 1},
        {DEVICE_CONTROL - 1, 3, 2}, {DEVICE_CONTROL - 8, 64, 9}, {0, 4096, DEVICE_CONTROL + 1},
    };
    struct bus *bus = bus_begin();
    struct pci_counters counters;
    bus_enable(bus, 2);
    for (size_t i = 0; i < sizeof(writes) / sizeof(writes[0]); i++) {
        static UCHAR bytes[4096];
        USHORT command = 4;
        memset(bytes, 0, sizeof(bytes));
        bytes[writes[i].at] = 0x80;
        assert_int_equal(set(bus, 0, &command, 4, 2), 2);
        assert_int_equal(set(bus, 1, &command, 4, 2), 2);
        assert_int_equal(set(bus, 0, bytes, writes[i].offset, writes[i].length), writes[i].length);
        pci_counters(bus->device, &counters);
        assert_int_equal(counters.vf_resets, i + 1);
        assert_int_equal(get(bus, 0, 4, 2), 0);
        assert_int_equal(get(bus, 0, DEVICE_CONTROL, 2) & 0x8000, 0);
        assert_int_equal(get(bus, 1, 4, 2), 4);
    }
    assert_int_equal(pci_sriov_num_vfs(bus->device), 2);
    bus_finish(bus);
}

/* Item 9. */
static void num_vfs_does_not_change_while_virtualization_is_enabled(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT many = 8, read = 0;
    PVOID context = bus->standard.Context;
    bus_enable(bus, 2);
    assert_int_equal(bus->standard.SetBusData(context, PCI_WHICHSPACE_CONFIG, &many, SRIOV + 0x10, 2), 2);
    assert_int_equal(bus->standard.GetBusData(context, PCI_WHICHSPACE_CONFIG, &read, SRIOV + 0x10, 2), 2);
    assert_int_equal(read, 2);
    assert_int_equal(pci_sriov_num_vfs(bus->device), 2);
    assert_int_equal(set(bus, 2, &many, 4, 2), 0);
    bus->nt->count = 0;
    bus_finish(bus);
}

/* Item 15: the context of a device that is gone and was given back is still known for what it is. */
static void a_routine_after_removal_and_after_the_last_dereference_is_reported(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    ULONG value = 0x5A5A5A5A;
    bus_enable(bus, 1);
    bus->standard.InterfaceDereference(bus->standard.Context);
    pcibus_remove_device(bus->pdo);
    pci_device_destroy(bus->device);
    pci_profile_unref(bus->profile);
    bus->virt.InterfaceDereference(bus->virt.Context);
    assert_int_equal(set(bus, 0, &value, 4, 4), 0);
    nt_test_expect(bus->nt, "INTERFACE_AFTER_DEREFERENCE");
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &value, 0, 4), 0);
    nt_test_expect(bus->nt, "INTERFACE_AFTER_DEREFERENCE");
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 1, FALSE, FALSE, TRUE),
                     STATUS_INVALID_PARAMETER);
    nt_test_expect(bus->nt, "INTERFACE_AFTER_DEREFERENCE");
    bus->virt.InterfaceDereference(bus->virt.Context);
    nt_test_expect(bus->nt, "INTERFACE_DEREFERENCED_TWICE");
    assert_int_equal(value, 0x5A5A5A5A);
    nt_test_finish(bus->nt);
    free(bus);
}

/* Item 17: byte n of a register is its bits 8n to 8n+7. */
static void registers_are_little_endian_to_byte_accesses(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UCHAR bytes[4] = {0};
    bus_enable(bus, 1);
    for (ULONG offset = 0; offset < 4096; offset += 4) {
        ULONG whole = get(bus, 0, offset, 4);
        for (ULONG i = 0; i < 4; i++)
            bytes[i] = (UCHAR)get(bus, 0, offset + i, 1);
        assert_int_equal(bytes[0] | bytes[1] << 8 | bytes[2] << 16 | (ULONG)bytes[3] << 24, whole);
        assert_int_equal(get(bus, 0, offset + 2, 2), whole >> 16);
    }
    bus_finish(bus);
}

/* ---- 5.1 rows 10 and 11: not ready, not awake ----------------------------------------------------------------------
 */

static void refused(struct bus *bus, const char *when)
{
    ULONG value = 0x5A5A5A5A;
    if (set(bus, 0, &value, 4, 4) || bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &value, 4, 4) ||
        value != 0x5A5A5A5A)
        fail_msg("%s: the VF answered", when);
    bus->nt->count = 0;
}

static void row_10_a_vf_answers_when_its_100_ms_have_passed(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_strict();
    USHORT command = 4, flr = 0x8000;
    struct pci_counters counters;
    bus_enable(bus, 1);
    refused(bus, "just enabled");
    bus->now_ns = 99999999;
    refused(bus, "1 ns before");
    bus->now_ns = 100000000;
    assert_int_equal(set(bus, 0, &command, 4, 2), 2);
    assert_int_equal(set(bus, 0, &flr, DEVICE_CONTROL, 2), 2);
    refused(bus, "in FLR");
    bus->now_ns += 100000000;
    assert_int_equal(get(bus, 0, 4, 2), 0); /* what was refused was not stored either */
    pci_counters(bus->device, &counters);
    assert_int_equal(counters.early_accesses, 6);
    bus_finish(bus);
}

static void row_11_the_vfs_of_a_sleeping_pf_do_not_answer_and_wake_with_it(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT command = 4;
    bus_enable(bus, 1);
    assert_int_equal(set(bus, 0, &command, 4, 2), 2);
    for (unsigned power = 1; power < 4; power++) {
        pci_device_set_power(bus->device, power);
        refused(bus, "PF not in D0");
    }
    pci_device_set_power(bus->device, 3);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, FALSE, FALSE, FALSE),
                     STATUS_INVALID_DEVICE_STATE);
    bus->nt->count = 0;
    bus_finish(bus);
}

/* Rows 10 and 8 together with 5.12 rule 8: what was written to a VF goes with it. */
static void enabled_again_a_vf_has_its_reset_values(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT command = 4;
    bus_enable(bus, 2);
    assert_int_equal(set(bus, 1, &command, 4, 2), 2);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, FALSE, FALSE, FALSE), STATUS_SUCCESS);
    bus_enable(bus, 2);
    assert_int_equal(get(bus, 1, 4, 2), 0);
    bus_finish(bus);
}

/* ---- 5.11
 * ------------------------------------------------------------------------------------------------------------ */

static void routines_above_their_irql_are_reported_and_do_nothing(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    PVOID context = bus->standard.Context;
    ULONG value = 0x5A5A5A5A, space = 0, map_registers = 7;
    PHYSICAL_ADDRESS address = {.QuadPart = 0xfe020000}, translated = {.QuadPart = 7};
    DEVICE_DESCRIPTION description = {.Version = DEVICE_DESCRIPTION_VERSION, .Master = TRUE, .MaximumLength = 4096};
    KIRQL irql;
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_int_equal(bus->standard.GetBusData(context, PCI_WHICHSPACE_ROM, &value, 0, 4), 0);
    assert_string_equal(bus->nt->rules[0], "IRQL_TOO_HIGH");
    bus->nt->count = 0;
    assert_int_equal(bus->standard.SetBusData(context, PCI_WHICHSPACE_ROM, &value, 0, 4), 0);
    assert_string_equal(bus->nt->rules[0], "IRQL_TOO_HIGH");
    bus->nt->count = 0;
    assert_int_equal(bus->standard.TranslateBusAddress(context, address, 4, &space, &translated), FALSE);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    assert_null(bus->standard.GetDmaAdapter(context, &description, &map_registers));
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    KeLowerIrql(irql);
    assert_int_equal(value, 0x5A5A5A5A);
    assert_int_equal(translated.QuadPart, 7);
    assert_int_equal(map_registers, 7);
    bus_finish(bus);
}

static NTSTATUS completed(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp, (void)context;
    return STATUS_MORE_PROCESSING_REQUIRED;
}

/* Sends it from this thread at DISPATCH_LEVEL; the bus driver completes it before it returns. */
static void send_high(struct bus *bus, PIRP irp)
{
    KIRQL irql;
    IoSetCompletionRoutine(irp, completed, NULL, TRUE, TRUE, TRUE);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    IoCallDriver(bus->pdo, irp);
    KeLowerIrql(irql);
}

static void a_query_above_passive_level_is_reported(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    BUS_INTERFACE_STANDARD standard = {0};
    PIRP irp = IoAllocateIrp(bus->pdo->StackSize, FALSE);
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    next->MajorFunction = IRP_MJ_PNP;
    next->MinorFunction = IRP_MN_QUERY_INTERFACE;
    next->Parameters.QueryInterface.InterfaceType = &GUID_BUS_INTERFACE_STANDARD;
    next->Parameters.QueryInterface.Size = sizeof(standard);
    next->Parameters.QueryInterface.Version = 1;
    next->Parameters.QueryInterface.Interface = (PINTERFACE)&standard;
    send_high(bus, irp);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    if (NT_SUCCESS(irp->IoStatus.Status))
        standard.InterfaceDereference(standard.Context);
    IoFreeIrp(irp);
    bus_finish(bus);
}

/* READ/WRITE_CONFIG: safe at DISPATCH_LEVEL (6.17). */
static void config_irps_are_served_at_dispatch_level(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT vendor = 0;
    PIRP irp = IoAllocateIrp(bus->pdo->StackSize, FALSE);
    PIO_STACK_LOCATION next = IoGetNextIrpStackLocation(irp);
    next->MajorFunction = IRP_MJ_PNP;
    next->MinorFunction = IRP_MN_READ_CONFIG;
    next->Parameters.ReadWriteConfig.WhichSpace = PCI_WHICHSPACE_CONFIG;
    next->Parameters.ReadWriteConfig.Buffer = &vendor;
    next->Parameters.ReadWriteConfig.Length = 2;
    send_high(bus, irp);
    assert_int_equal(irp->IoStatus.Status, STATUS_SUCCESS);
    assert_int_equal(irp->IoStatus.Information, 2);
    assert_int_equal(vendor, 0x8086);
    IoFreeIrp(irp);
    bus_finish(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_beside_status_leave_it_and_ones_clear_it),
        cmocka_unit_test(every_width_of_write_starts_flr_once),
        cmocka_unit_test(num_vfs_does_not_change_while_virtualization_is_enabled),
        cmocka_unit_test(a_routine_after_removal_and_after_the_last_dereference_is_reported),
        cmocka_unit_test(registers_are_little_endian_to_byte_accesses),
        cmocka_unit_test(row_10_a_vf_answers_when_its_100_ms_have_passed),
        cmocka_unit_test(row_11_the_vfs_of_a_sleeping_pf_do_not_answer_and_wake_with_it),
        cmocka_unit_test(enabled_again_a_vf_has_its_reset_values),
        cmocka_unit_test(routines_above_their_irql_are_reported_and_do_nothing),
        cmocka_unit_test(a_query_above_passive_level_is_reported),
        cmocka_unit_test(config_irps_are_served_at_dispatch_level),
    };
    return cmocka_run_group_tests_name("negative", tests, NULL, NULL);
}
