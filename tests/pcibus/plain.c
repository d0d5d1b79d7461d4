/* SPDX-License-Identifier: MIT
 *
 * A card without SR-IOV: the rows of pci.md 5.1 to 5.6 that say so. The interface is never handed out for it; that its
 * routines would keep the tables all the same is tried on one that the test hands itself.
 */
#include "bus.h"

#include "pcibus/internal.h"

/* What answering the query would have done. */
static void hand_out(struct bus *bus)
{
    struct pcibus_pf *pf = ((struct pcibus_interface *)bus->standard.Context)->pf;
    bus->virt = (PCI_VIRTUALIZATION_INTERFACE){.Size = sizeof(bus->virt),
                                               .Version = 1,
                                               .Context = &pf->virtualization,
                                               .InterfaceReference = pcibus_reference,
                                               .InterfaceDereference = pcibus_dereference};
    pcibus_fill_virtualization((PINTERFACE)&bus->virt);
    atomic_fetch_add(&pf->holds, 1);
    atomic_fetch_add(&pf->virtualization.references, 1);
}

static void the_interface_is_not_offered_and_the_status_stays(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_plain();
    PCI_VIRTUALIZATION_INTERFACE virt, untouched;
    memset(&virt, 0xA5, sizeof(virt));
    memset(&untouched, 0xA5, sizeof(untouched));
    assert_int_equal(
        nt_query_interface(bus->pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(virt), 1, (PINTERFACE)&virt),
        STATUS_NOT_SUPPORTED);
    assert_memory_equal(&virt, &untouched, sizeof(virt));
    bus_finish(bus);
}

static void its_own_registers_are_there(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_plain();
    UCHAR space[4096], line = 0x5A, read = 0;
    PVOID context = bus->standard.Context;
    assert_int_equal(bus->standard.GetBusData(context, PCI_WHICHSPACE_CONFIG, space, 0, 4096), 4096);
    assert_int_equal(space[0] | space[1] << 8, 0xFFFE);
    assert_int_equal(bus->standard.SetBusData(context, PCI_WHICHSPACE_CONFIG, &line, 0x3C, 1), 1);
    assert_int_equal(bus->standard.GetBusData(context, PCI_WHICHSPACE_CONFIG, &read, 0x3C, 1), 1);
    assert_int_equal(read, 0x5A);
    bus_finish(bus);
}

static void data_of_a_vf_is_refused_5_1_row_7(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_plain();
    ULONG value = 0x5A5A5A5A;
    hand_out(bus);
    void *snapshot = bus_snapshot(bus);
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, 0, &value, 4, 4), 0);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &value, 4, 4), 0);
    assert_int_equal(value, 0x5A5A5A5A);
    bus_unchanged(bus, snapshot);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void there_is_no_location_and_no_captured_bus_5_2(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_plain();
    UINT16 segment = 7;
    UINT8 number = 7, function = 7, captured = 7;
    static const USHORT vfs[] = {0, 1, 0xFFFF};
    hand_out(bus);
    for (size_t i = 0; i < sizeof(vfs) / sizeof(vfs[0]); i++)
        assert_int_equal(bus->virt.GetLocation(bus->virt.Context, vfs[i], &segment, &number, &function),
                         STATUS_INVALID_PARAMETER);
    assert_int_equal(segment + number + function, 21);
    bus->virt.GetResources(bus->virt.Context, &captured);
    assert_int_equal(captured, 0);
    bus->nt->count = 0;
    bus_finish(bus);
}

/* The capability stands before the parameters. */
static void virtualization_cannot_be_enabled_5_3(void **state)
{
    (void)state;
    static const struct {
        UINT16 num_vfs;
        BOOLEAN migration, interrupt, enable;
    } calls[] = {{1, FALSE, FALSE, TRUE}, {0, FALSE, FALSE, TRUE},  {0xFFFF, TRUE, FALSE, TRUE},
                 {1, FALSE, TRUE, TRUE},  {0, FALSE, FALSE, FALSE}, {1, FALSE, FALSE, FALSE}};
    struct bus *bus = bus_begin_plain();
    hand_out(bus);
    void *snapshot = bus_snapshot(bus);
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
        assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, calls[i].num_vfs, calls[i].migration,
                                                        calls[i].interrupt, calls[i].enable),
                         STATUS_INVALID_DEVICE_STATE);
    bus_unchanged(bus, snapshot);
    bus->nt->count = 0;
    bus_finish(bus);
}

static void there_are_no_probed_bars_5_4(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_plain();
    ULONG bars[6] = {1, 2, 3, 4, 5, 6}, before[6] = {1, 2, 3, 4, 5, 6};
    hand_out(bus);
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(bus->virt.Context, bars), STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(bus->virt.GetVirtualFunctionProbedBars(bus->virt.Context, NULL), STATUS_INVALID_DEVICE_STATE);
    assert_memory_equal(bars, before, sizeof(bars));
    bus->nt->count = 0;
    bus_finish(bus);
}

/* 5.5: reads give all ones, writes have no effect, and the caller is told the whole length. */
static void without_extended_space_reads_give_ones_and_writes_vanish_5_5(void **state)
{
    (void)state;
    static const struct {
        ULONG offset, length, there; /* bytes of the call that lie in the first 256 */
    } rows[] = {{0x100, 4, 0}, {0xffc, 4, 0}, {0xfff, 1, 0},   {0x101, 7, 0},
                {0xfe, 4, 2},  {0xff, 2, 1},  {0xf0, 3856, 16}};
    struct bus *bus = bus_begin_conventional();
    PVOID context = bus->standard.Context;
    UCHAR line = 0x5A;
    assert_false(pci_sriov_present(bus->device));
    assert_int_equal(bus->standard.SetBusData(context, PCI_WHICHSPACE_CONFIG, &line, 0x3C, 1), 1);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        static UCHAR bytes[4096], zeroes[4096];
        memset(bytes, 0xA5, sizeof(bytes));
        void *snapshot = bus_snapshot(bus);
        ULONG length = rows[i].length;
        assert_int_equal(bus->standard.SetBusData(context, PCI_WHICHSPACE_CONFIG, zeroes, rows[i].offset, length),
                         length);
        bus_unchanged(bus, snapshot);
        assert_int_equal(bus->standard.GetBusData(context, PCI_WHICHSPACE_CONFIG, bytes, rows[i].offset, length),
                         length);
        for (ULONG at = 0; at < length; at++)
            assert_int_equal(bytes[at], at < rows[i].there ? 0 : 0xFF);
        assert_int_equal(bytes[length], 0xA5);
    }
    assert_int_equal(bus->standard.GetBusData(context, PCI_WHICHSPACE_CONFIG, &line, 0xfff, 2), 0);
    bus->nt->count = 0;
    bus_finish(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_interface_is_not_offered_and_the_status_stays),
        cmocka_unit_test(its_own_registers_are_there),
        cmocka_unit_test(data_of_a_vf_is_refused_5_1_row_7),
        cmocka_unit_test(there_is_no_location_and_no_captured_bus_5_2),
        cmocka_unit_test(virtualization_cannot_be_enabled_5_3),
        cmocka_unit_test(there_are_no_probed_bars_5_4),
        cmocka_unit_test(without_extended_space_reads_give_ones_and_writes_vanish_5_5),
    };
    return cmocka_run_group_tests_name("plain", tests, NULL, NULL);
}
