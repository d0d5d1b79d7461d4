/* SPDX-License-Identifier: MIT
 *
 * SetVirtualFunctionData and GetVirtualFunctionData: every row of pci.md 5.1, canaries round the buffer.
 */
#include "bus.h"

#define CANARY 0xA5
#define ROOM   4096u

struct guarded {
    UCHAR before[16], bytes[ROOM + 64], after[16];
};

static void guard(struct guarded *guarded)
{
    memset(guarded, CANARY, sizeof(*guarded));
}

static void only_bytes_changed(const struct guarded *guarded, size_t length)
{
    for (size_t i = 0; i < sizeof(guarded->before); i++) {
        assert_int_equal(guarded->before[i], CANARY);
        assert_int_equal(guarded->after[i], CANARY);
    }
    for (size_t i = length; i < sizeof(guarded->bytes); i++)
        assert_int_equal(guarded->bytes[i], CANARY);
}

/* Rows that refuse: both routines return 0, the registers and the buffer stay as they are. */
struct row {
    const char *name;
    USHORT vf;
    ULONG offset, length;
    bool no_buffer;
};

static const struct row refused[] = {
    {"row 3: NULL buffer", 0, 4, 2, true},
    {"row 3: NULL buffer, whole space", 0, 0, 4096, true},
    {"row 4: length 0", 0, 4, 0, false},
    {"row 4: length 0 at the end", 0, 4096, 0, false},
    {"row 5: offset 4096", 0, 4096, 1, false},
    {"row 5: offset far beyond", 0, 0x80000000, 4, false},
    {"row 6: straddles the end by one", 0, 4095, 2, false},
    {"row 6: 4097 bytes", 0, 0, 4097, false},
    {"row 6: sum wraps 32 bits", 0, 0xFFFFFFFC, 8, false},
    {"row 6: length wraps", 0, 4, 0xFFFFFFFF, false},
    {"row 9: VF is NumVFs", 2, 4, 2, false},
    {"row 9: VF between NumVFs and TotalVFs", 7, 4, 2, false},
    {"row 9: VF is TotalVFs", 8, 4, 2, false},
    {"row 9: VF FFFFh", 0xFFFF, 4, 2, false},
};

static void refuse_one(struct bus *bus, const struct row *row)
{
    struct guarded guarded;
    void *snapshot = bus_snapshot(bus);
    guard(&guarded);
    PVOID buffer = row->no_buffer ? NULL : guarded.bytes;
    if (bus->virt.SetVirtualFunctionData(bus->virt.Context, row->vf, buffer, row->offset, row->length) != 0)
        fail_msg("Set, %s: not refused", row->name);
    if (bus->virt.GetVirtualFunctionData(bus->virt.Context, row->vf, buffer, row->offset, row->length) != 0)
        fail_msg("Get, %s: not refused", row->name);
    only_bytes_changed(&guarded, 0);
    bus_unchanged(bus, snapshot);
}

static void each_refusing_row_returns_zero_and_changes_nothing(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    bus_enable(bus, 2);
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        refuse_one(bus, &refused[i]);
        assert_true(bus->nt->count >= 2); /* each refusal is in the trace, with its rule */
        bus->nt->count = 0;
    }
    assert_int_equal(nt_violations(bus->nt->partition), 0);
    bus_finish(bus);
}

static void row_8_before_and_after_virtualization_there_is_no_vf(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    refuse_one(bus, &(struct row){"never enabled", 0, 4, 2, false});
    bus_enable(bus, 2);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, FALSE, FALSE, FALSE), STATUS_SUCCESS);
    refuse_one(bus, &(struct row){"disabled again", 0, 4, 2, false});
    bus->nt->count = 0;
    bus_finish(bus);
}

static void row_1_a_context_that_is_not_live_is_reported_and_refused(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UCHAR bytes[4] = {0x11, 0x22, 0x33, 0x44};
    bus_enable(bus, 1);
    assert_int_equal(bus->virt.SetVirtualFunctionData(NULL, 0, bytes, 4, 2), 0);
    nt_test_expect(bus->nt, "INTERFACE_CONTEXT");
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->standard.Context, 0, bytes, 4, 2), 0);
    nt_test_expect(bus->nt, "INTERFACE_CONTEXT");
    bus->virt.InterfaceDereference(bus->virt.Context);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, bytes, 4, 2), 0);
    nt_test_expect(bus->nt, "INTERFACE_AFTER_DEREFERENCE");
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, bytes, 4, 2), 0);
    nt_test_expect(bus->nt, "INTERFACE_AFTER_DEREFERENCE");
    assert_int_equal(bytes[0], 0x11);
    assert_int_equal(
        nt_query_interface(bus->pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(bus->virt), 1, (PINTERFACE)&bus->virt),
        STATUS_SUCCESS);
    bus_finish(bus);
}

static void row_2_above_dispatch_level_is_refused_up_to_it_is_served(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT command = 4, read = 0xAAAA;
    KIRQL irql;
    bus_enable(bus, 1);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, &command, 4, 2), 2);
    KfRaiseIrql(CLOCK_LEVEL);
    command = 0;
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, &command, 4, 2), 0);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &read, 4, 2), 0);
    nt_test_expect(bus->nt, "IRQL_TOO_HIGH");
    assert_int_equal(read, 0xAAAA);
    KeLowerIrql(irql);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &read, 4, 2), 2);
    assert_int_equal(read, 4);
    bus_finish(bus);
}

static void row_7_after_surprise_removal_reads_fill_ones_and_nothing_is_written(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    struct guarded guarded;
    bus_enable(bus, 1);
    pcibus_surprise_remove(bus->pdo);
    guard(&guarded);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, guarded.bytes, 4, 4), 0);
    only_bytes_changed(&guarded, 0);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, guarded.bytes, 4, 3), 0);
    only_bytes_changed(&guarded, 3);
    assert_int_equal(guarded.bytes[0] & guarded.bytes[1] & guarded.bytes[2], 0xFF);
    guard(&guarded);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, guarded.bytes, 4095, 2), 0);
    only_bytes_changed(&guarded, 0); /* row 6 stands before row 7 */
    bus->nt->count = 0;
    bus_finish(bus);
}

static void row_10_and_11_with_the_pf_asleep_there_is_no_answer(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    struct guarded guarded;
    bus_enable(bus, 1);
    pci_device_set_power(bus->device, 3);
    guard(&guarded);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, guarded.bytes, 4, 2), 0);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, guarded.bytes, 4, 2), 0);
    only_bytes_changed(&guarded, 0);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void row_12_and_15_read_only_bits_are_dropped_and_the_length_returned(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    ULONG ones = 0xFFFFFFFF, value;
    bus_enable(bus, 1);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, &ones, 0x00, 4), 4);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, &ones, 0x10, 4), 4);
    assert_int_equal(ones, 0xFFFFFFFF);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &value, 0x00, 4), 4);
    assert_int_equal(value, 0xFFFFFFFF); /* a raw VF has no identity of its own */
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &value, 0x10, 4), 4);
    assert_int_equal(value, 0);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &value, 0xFFC, 4), 4);
    assert_int_equal(value, 0); /* a hole */
    bus_finish(bus);
}

static void row_13_any_offset_and_length_in_range_is_taken_whole(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    struct guarded guarded;
    static const struct {
        ULONG offset, length;
    } ranges[] = {{0, 4096}, {4095, 1}, {1, 7}, {3, 2}, {5, 3}, {0xFFE, 2}, {7, 4089}};
    bus_enable(bus, 1);
    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++) {
        guard(&guarded);
        assert_int_equal(
            bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, guarded.bytes, ranges[i].offset, ranges[i].length),
            ranges[i].length);
        only_bytes_changed(&guarded, ranges[i].length);
        struct guarded copy = guarded;
        assert_int_equal(
            bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, guarded.bytes, ranges[i].offset, ranges[i].length),
            ranges[i].length);
        assert_memory_equal(&copy, &guarded, sizeof(copy));
    }
    bus_finish(bus);
}

static void a_byte_write_touches_only_its_vf_and_its_byte(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UCHAR command = 0xFF;
    USHORT read[2];
    bus_enable(bus, 2);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 1, &command, 4, 1), 1);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &read[0], 4, 2), 2);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 1, &read[1], 4, 2), 2);
    assert_int_equal(read[0], 0x0000);
    assert_int_equal(read[1] & 0x0007, 0x0004); /* Bus Master; I/O and Memory are not writable in a VF */
    bus_finish(bus);
}

static void row_14_initiate_flr_resets_the_vf_after_the_call_is_consumed(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT command = 4, control = 0x8000, read;
    struct pci_counters counters;
    bus_enable(bus, 1);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, &command, 4, 2), 2);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, &control, 0xA8, 2), 2);
    pci_counters(bus->device, &counters);
    assert_int_equal(counters.vf_resets, 1);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &read, 4, 2), 2);
    assert_int_equal(read, 0);
    bus_finish(bus);
}

static void after_the_pdo_is_gone_every_routine_fails_and_the_context_stays(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    struct guarded guarded;
    UINT16 segment = 0xAAAA;
    UINT8 byte = 0xAA, other = 0xAA;
    ULONG bars[6];
    bus_enable(bus, 1);
    pcibus_remove_device(bus->pdo);
    pci_device_destroy(bus->device);
    guard(&guarded);
    PVOID context = bus->virt.Context;
    assert_int_equal(bus->virt.SetVirtualFunctionData(context, 0, guarded.bytes, 4, 2), 0);
    assert_int_equal(bus->virt.GetVirtualFunctionData(context, 0, guarded.bytes, 4, 2), 0);
    only_bytes_changed(&guarded, 0);
    assert_int_equal(bus->virt.GetLocation(context, 0, &segment, &byte, &other), STATUS_NO_SUCH_DEVICE);
    bus->virt.GetResources(context, &byte);
    assert_int_equal(segment, 0xAAAA);
    assert_int_equal(byte, 0xAA);
    assert_int_equal(bus->virt.EnableVirtualization(context, 1, FALSE, FALSE, TRUE), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(context, bars), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, guarded.bytes, 0, 4), 0);
    only_bytes_changed(&guarded, 0);
    bus->standard.InterfaceDereference(bus->standard.Context);
    bus->virt.InterfaceDereference(bus->virt.Context);
    assert_int_equal(nt_violations(bus->nt->partition), 0);
    bus->nt->count = 0;
    pci_profile_unref(bus->profile);
    nt_test_finish(bus->nt);
    free(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_refusing_row_returns_zero_and_changes_nothing),
        cmocka_unit_test(row_8_before_and_after_virtualization_there_is_no_vf),
        cmocka_unit_test(row_1_a_context_that_is_not_live_is_reported_and_refused),
        cmocka_unit_test(row_2_above_dispatch_level_is_refused_up_to_it_is_served),
        cmocka_unit_test(row_7_after_surprise_removal_reads_fill_ones_and_nothing_is_written),
        cmocka_unit_test(row_10_and_11_with_the_pf_asleep_there_is_no_answer),
        cmocka_unit_test(row_12_and_15_read_only_bits_are_dropped_and_the_length_returned),
        cmocka_unit_test(row_13_any_offset_and_length_in_range_is_taken_whole),
        cmocka_unit_test(a_byte_write_touches_only_its_vf_and_its_byte),
        cmocka_unit_test(row_14_initiate_flr_resets_the_vf_after_the_call_is_consumed),
        cmocka_unit_test(after_the_pdo_is_gone_every_routine_fails_and_the_context_stays),
    };
    return cmocka_run_group_tests_name("data", tests, NULL, NULL);
}
