/* SPDX-License-Identifier: MIT
 *
 * BUS_INTERFACE_STANDARD, IRP_MN_READ/WRITE_CONFIG, resources of the PF's PDO: pci.md 5.5.
 */
#include "bus.h"

static void bus_data_reads_and_writes_the_pf_at_any_irql(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    PCI_COMMON_CONFIG config;
    UCHAR line = 0x5A, read = 0;
    KIRQL irql;
    KeRaiseIrql(HIGH_LEVEL, &irql);
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &config, 0, 256), 256);
    assert_int_equal(bus->standard.SetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &line, 0x3C, 1), 1);
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &read, 0x3C, 1), 1);
    KeLowerIrql(irql);
    assert_int_equal(config.VendorID, 0x8086);
    assert_int_equal(config.DeviceID, 0x10C9);
    assert_int_equal(read, 0x5A);
    bus_finish(bus);
}

static const struct {
    const char *name;
    ULONG space, offset, length;
    bool no_buffer;
} refused[] = {
    {"ROM", PCI_WHICHSPACE_ROM, 0, 4, false},
    {"PCCARD", 1, 0, 4, false},
    {"space FFFFFFFFh", 0xFFFFFFFF, 0, 4, false},
    {"NULL buffer", PCI_WHICHSPACE_CONFIG, 0, 4, true},
    {"length 0", PCI_WHICHSPACE_CONFIG, 0, 0, false},
    {"offset 4096", PCI_WHICHSPACE_CONFIG, 4096, 1, false},
    {"straddles", PCI_WHICHSPACE_CONFIG, 4094, 4, false},
    {"wraps", PCI_WHICHSPACE_CONFIG, 0xFFFFFFFC, 8, false},
};

static void refused_bus_data_returns_zero_and_changes_nothing(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
        UCHAR buffer[8] = {1, 2, 3, 4, 5, 6, 7, 8}, copy[8] = {1, 2, 3, 4, 5, 6, 7, 8};
        PVOID argument = refused[i].no_buffer ? NULL : buffer, context = bus->standard.Context;
        void *snapshot = bus_snapshot(bus);
        if (bus->standard.SetBusData(context, refused[i].space, argument, refused[i].offset, refused[i].length) ||
            bus->standard.GetBusData(context, refused[i].space, argument, refused[i].offset, refused[i].length))
            fail_msg("%s: not refused", refused[i].name);
        assert_memory_equal(buffer, copy, sizeof(buffer));
        bus_unchanged(bus, snapshot);
    }
    assert_int_equal(nt_violations(bus->nt->partition), 0);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void after_surprise_removal_bus_data_reads_ones_and_counts_nothing(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    ULONG value = 0;
    pcibus_surprise_remove(bus->pdo);
    assert_int_equal(bus->standard.GetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &value, 0, 4), 0);
    assert_int_equal(value, 0xFFFFFFFF);
    assert_int_equal(bus->standard.SetBusData(bus->standard.Context, PCI_WHICHSPACE_CONFIG, &value, 4, 4), 0);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void addresses_in_a_bar_are_translated_to_themselves_others_not(void **state)
{
    (void)state;
    static const struct {
        LONGLONG address;
        ULONG length, space;
        BOOLEAN found;
    } rows[] = {
        {0xFE800000, 0x20000, 0, TRUE},
        {0xFE81FFFF, 1, 0, TRUE},
        {0xFE820000, 0x20000, 0, TRUE},
        {0xFE7FFFFF, 1, 0, FALSE},
        {0xFE840000, 0x4001, 0, FALSE},
        {0xC000, 32, 1, TRUE},
        {0xC000, 33, 1, FALSE},
        {0xFE800000, 4, 1, FALSE},
        {0xFE800000, 4, 2, FALSE},
        {0xFE000000, 8 * 0x4000, 0, TRUE}, /* the aperture of all VFs */
        {0xFE000000, 8 * 0x4000 + 1, 0, FALSE},
    };
    struct bus *bus = bus_begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        ULONG space = rows[i].space;
        PHYSICAL_ADDRESS address = {.QuadPart = rows[i].address}, translated = {.QuadPart = 77};
        if (bus->standard.TranslateBusAddress(bus->standard.Context, address, rows[i].length, &space, &translated) !=
            rows[i].found)
            fail_msg("row %zu", i);
        assert_int_equal(space, rows[i].space);
        assert_int_equal(translated.QuadPart, rows[i].found ? rows[i].address : 77);
    }
    bus_finish(bus);
}

static void a_dma_adapter_gives_common_buffers_and_refuses_a_slave(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    DEVICE_DESCRIPTION description = {.Version = DEVICE_DESCRIPTION_VERSION2, .MaximumLength = 0x10000};
    ULONG registers = 0;
    PHYSICAL_ADDRESS logical;
    assert_null(bus->standard.GetDmaAdapter(bus->standard.Context, &description, &registers));
    assert_null(bus->standard.GetDmaAdapter(bus->standard.Context, NULL, &registers));
    assert_int_equal(registers, 0);
    description.Master = TRUE;
    PDMA_ADAPTER adapter = bus->standard.GetDmaAdapter(bus->standard.Context, &description, &registers);
    assert_non_null(adapter);
    assert_int_equal(registers, 17);
    PVOID buffer = adapter->DmaOperations->AllocateCommonBuffer(adapter, 100, &logical, TRUE);
    assert_non_null(buffer);
    assert_int_equal(logical.QuadPart, (uintptr_t)buffer);
    adapter->DmaOperations->FreeCommonBuffer(adapter, 100, logical, buffer, TRUE);
    adapter->DmaOperations->PutDmaAdapter(adapter);
    bus_finish(bus);
}

/* ---- IRPs ---------------------------------------------------------------------------------------------------------
 */

static struct bus_reply config(struct bus *bus, UCHAR minor, ULONG space, PVOID buffer, ULONG offset, ULONG length)
{
    IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_PNP, .MinorFunction = minor};
    stack.Parameters.ReadWriteConfig.WhichSpace = space;
    stack.Parameters.ReadWriteConfig.Buffer = buffer;
    stack.Parameters.ReadWriteConfig.Offset = offset;
    stack.Parameters.ReadWriteConfig.Length = length;
    return bus_send(bus, stack);
}

static void config_irps_carry_bytes(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    UCHAR line = 0x77, read = 0;
    struct bus_reply reply = config(bus, IRP_MN_WRITE_CONFIG, PCI_WHICHSPACE_CONFIG, &line, 0x3C, 1);
    assert_int_equal(reply.status, STATUS_SUCCESS);
    assert_int_equal(reply.information, 1);
    reply = config(bus, IRP_MN_READ_CONFIG, PCI_WHICHSPACE_CONFIG, &read, 0x3C, 1);
    assert_int_equal(reply.status, STATUS_SUCCESS);
    assert_int_equal(reply.information, 1);
    assert_int_equal(read, 0x77);
    bus_finish(bus);
}

static void refused_config_irps_have_their_status_and_information_zero(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        ULONG space, offset, length;
        bool no_buffer;
        NTSTATUS status;
    } rows[] = {
        {"ROM space", PCI_WHICHSPACE_ROM, 0, 4, false, STATUS_INVALID_PARAMETER_1},
        {"unknown space, bad length: the space first", 5, 0, 0, false, STATUS_INVALID_PARAMETER_1},
        {"NULL buffer", 0, 0, 4, true, STATUS_INVALID_PARAMETER},
        {"length 0", 0, 0, 0, false, STATUS_INVALID_PARAMETER},
        {"beyond", 0, 4095, 2, false, STATUS_INVALID_PARAMETER},
        {"wraps", 0, 0xFFFFFFFF, 1, false, STATUS_INVALID_PARAMETER},
    };
    struct bus *bus = bus_begin();
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (UCHAR minor = IRP_MN_READ_CONFIG; minor <= IRP_MN_WRITE_CONFIG; minor++) {
            ULONG value = 0x12345678;
            void *snapshot = bus_snapshot(bus);
            struct bus_reply reply =
                config(bus, minor, rows[i].space, rows[i].no_buffer ? NULL : &value, rows[i].offset, rows[i].length);
            if (reply.status != rows[i].status || reply.information)
                fail_msg("%s: %08x", rows[i].name, (unsigned)reply.status);
            assert_int_equal(value, 0x12345678);
            bus_unchanged(bus, snapshot);
        }
    ULONG value = 0x12345678;
    nt_pnp_simple(bus->pdo, IRP_MN_STOP_DEVICE);
    assert_int_equal(config(bus, IRP_MN_READ_CONFIG, 0, &value, 0, 4).status, STATUS_DEVICE_NOT_READY);
    pcibus_surprise_remove(bus->pdo);
    assert_int_equal(config(bus, IRP_MN_READ_CONFIG, 0, &value, 0, 4).status, STATUS_NO_SUCH_DEVICE);
    assert_int_equal(value, 0x12345678);
    bus->nt->count = 0;
    bus_finish(bus);
}

/* 5.5, last row: in reset is not ready, and comes back by itself. */
static void a_pf_in_reset_is_not_ready_to_config_irps(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_strict();
    PVOID context = bus->standard.Context;
    USHORT flr = 0x8000, vendor = 0x5A5A;
    assert_int_equal(bus->standard.SetBusData(context, PCI_WHICHSPACE_CONFIG, &flr, 0xA8, 2), 2);
    for (UCHAR minor = IRP_MN_READ_CONFIG; minor <= IRP_MN_WRITE_CONFIG; minor++) {
        struct bus_reply reply = config(bus, minor, PCI_WHICHSPACE_CONFIG, &vendor, 0, 2);
        assert_int_equal(reply.status, STATUS_DEVICE_NOT_READY);
        assert_int_equal(reply.information, 0);
    }
    assert_int_equal(bus->standard.GetBusData(context, PCI_WHICHSPACE_CONFIG, &vendor, 0, 2), 0);
    assert_int_equal(vendor, 0x5A5A);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 1, FALSE, FALSE, TRUE),
                     STATUS_INVALID_DEVICE_STATE);
    bus->now_ns += 100000000;
    struct bus_reply reply = config(bus, IRP_MN_READ_CONFIG, PCI_WHICHSPACE_CONFIG, &vendor, 0, 2);
    assert_int_equal(reply.status, STATUS_SUCCESS);
    assert_int_equal(vendor, 0x8086);
    bus_enable(bus, 1);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void resources_stand_in_the_order_drivers_rely_on(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    struct bus_reply reply =
        bus_send(bus, (IO_STACK_LOCATION){.MajorFunction = IRP_MJ_PNP, .MinorFunction = IRP_MN_QUERY_RESOURCES});
    assert_int_equal(reply.status, STATUS_SUCCESS);
    PCM_RESOURCE_LIST list = (PCM_RESOURCE_LIST)reply.information;
    assert_int_equal(list->Count, 1);
    assert_int_equal(list->List[0].InterfaceType, PCIBus);
    assert_int_equal(list->List[0].BusNumber, 1);
    const CM_PARTIAL_RESOURCE_LIST *partial = &list->List[0].PartialResourceList;
    const CM_PARTIAL_RESOURCE_DESCRIPTOR *entry = partial->PartialDescriptors;
    static const struct {
        UCHAR type;
        LONGLONG start;
        ULONG length;
    } bars[] = {
        {CmResourceTypeMemory, 0xFE800000, 0x20000},
        {CmResourceTypeMemory, 0xFE820000, 0x20000},
        {CmResourceTypePort, 0xC000, 32},
        {CmResourceTypeMemory, 0xFE840000, 0x4000},
    };
    assert_int_equal(partial->Count, 4 + 10 + 2);
    for (int i = 0; i < 4; i++, entry++) {
        assert_int_equal(entry->Type, bars[i].type);
        assert_int_equal(entry->u.Memory.Start.QuadPart, bars[i].start);
        assert_int_equal(entry->u.Memory.Length, bars[i].length);
    }
    for (ULONG i = 0; i < 10; i++, entry++) {
        assert_int_equal(entry->Type, CmResourceTypeInterrupt);
        assert_true(entry->Flags & CM_RESOURCE_INTERRUPT_MESSAGE);
        assert_int_equal(entry->u.MessageInterrupt.Translated.Vector,
                         partial->PartialDescriptors[4].u.MessageInterrupt.Translated.Vector + i);
    }
    for (int i = 0; i < 2; i++, entry++) { /* VF BARs 0 and 3: 8 apertures of 16 KB each */
        assert_int_equal(entry->Type, CmResourceTypeMemory);
        assert_true(entry->Flags & CM_RESOURCE_MEMORY_PREFETCHABLE);
        assert_int_equal(entry->u.Memory.Start.QuadPart, i ? 0xFE020000 : 0xFE000000);
        assert_int_equal(entry->u.Memory.Length, 8 * 0x4000);
    }
    ExFreePool(list);
    bus_finish(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bus_data_reads_and_writes_the_pf_at_any_irql),
        cmocka_unit_test(refused_bus_data_returns_zero_and_changes_nothing),
        cmocka_unit_test(after_surprise_removal_bus_data_reads_ones_and_counts_nothing),
        cmocka_unit_test(addresses_in_a_bar_are_translated_to_themselves_others_not),
        cmocka_unit_test(a_dma_adapter_gives_common_buffers_and_refuses_a_slave),
        cmocka_unit_test(config_irps_carry_bytes),
        cmocka_unit_test(refused_config_irps_have_their_status_and_information_zero),
        cmocka_unit_test(a_pf_in_reset_is_not_ready_to_config_irps),
        cmocka_unit_test(resources_stand_in_the_order_drivers_rely_on),
    };
    return cmocka_run_group_tests_name("standard", tests, NULL, NULL);
}
