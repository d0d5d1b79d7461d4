/* SPDX-License-Identifier: MIT
 *
 * refgen's interfaces: how they are handed out (pci.md 5.6), every row of 5.10, and that they outlive the device.
 */
#include "refgen_rig.h"

#include <wdmguid.h>

#include "drivers/common/blocks.h"

#define MSIX           0x70
#define EXPRESS        0xA0
#define DEVICE_CONTROL 0xA8

static struct rig rig;
static UCHAR data[8192];

static int empty(void **state)
{
    (void)state;
    rig_create(&rig);
    memset(data, 0x5A, sizeof(data));
    return 0;
}

static int set_up(void **state)
{
    empty(state);
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

#define SRIOV(routine, ...) rig.sriov.routine(rig.sriov.Context, __VA_ARGS__)
#define MITIGATED(vf, read, bar, offset, length)                                                                       \
    rig.mitigable.ReadWriteMitigatedRegister(rig.mitigable.Context, vf, read, bar, offset, length, data)

/* ---- the query -----------------------------------------------------------------------------------------------------
 */

static void the_size_asked_for_chooses_the_form(void **state)
{
    static const struct {
        USHORT size, version, given;
        NTSTATUS status;
    } rows[] = {
        {0, 1, 0, STATUS_INVALID_BUFFER_SIZE}, {119, 1, 0, STATUS_INVALID_BUFFER_SIZE}, {120, 1, 120, STATUS_SUCCESS},
        {143, 1, 120, STATUS_SUCCESS},         {144, 1, 144, STATUS_SUCCESS},           {145, 2, 144, STATUS_SUCCESS},
        {0xFFFF, 0xFFFF, 144, STATUS_SUCCESS}, {144, 0, 0, STATUS_INVALID_BUFFER_SIZE},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        union {
            SRIOV_DEVICE_INTERFACE_STANDARD_2 interface;
            UCHAR bytes[256];
        } out, untouched;
        memset(&out, 0x77, sizeof(out));
        untouched = out;
        assert_int_equal(nt_query_interface(rig.pdo, &GUID_SRIOV_DEVICE_INTERFACE_STANDARD, rows[i].size,
                                            rows[i].version, (PINTERFACE)&out),
                         rows[i].status);
        assert_memory_equal(out.bytes + rows[i].given, untouched.bytes + rows[i].given, sizeof(out) - rows[i].given);
        if (!NT_SUCCESS(rows[i].status))
            continue;
        assert_int_equal(out.interface.Size, rows[i].given);
        assert_int_equal(out.interface.Version, 1);
        assert_non_null(out.interface.QueryLuid);
        out.interface.InterfaceDereference(out.interface.Context);
    }
}

static void other_queries_go_their_way(void **state)
{
    static const GUID unknown = {0x12345678, 1, 2, {3, 4, 5, 6, 7, 8, 9, 10}};
    PCI_VIRTUALIZATION_INTERFACE pci;
    MITIGABLE_DEVICE_INTERFACE mitigable;
    (void)state;
    assert_int_equal(nt_query_interface(rig.pdo, &unknown, sizeof(pci), 1, (PINTERFACE)&pci), STATUS_NOT_SUPPORTED);
    assert_int_equal(nt_query_interface(rig.pdo, NULL, sizeof(pci), 1, (PINTERFACE)&pci), STATUS_NOT_SUPPORTED);
    assert_int_equal(nt_query_interface(rig.pdo, &GUID_SRIOV_DEVICE_INTERFACE_STANDARD, 144, 1, NULL),
                     STATUS_INVALID_PARAMETER);
    assert_int_equal(nt_query_interface(rig.pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, sizeof(pci), 1, (PINTERFACE)&pci),
                     STATUS_SUCCESS); /* the bus driver's */
    pci.InterfaceDereference(pci.Context);
    assert_int_equal(nt_query_interface(rig.pdo, &GUID_MITIGABLE_DEVICE_INTERFACE, 39, 1, (PINTERFACE)&mitigable),
                     STATUS_INVALID_BUFFER_SIZE);
}

static void the_device_interface_class_is_registered(void **state)
{
    UNICODE_STRING link;
    (void)state;
    assert_int_equal(IoRegisterDeviceInterface(rig.pdo, &GUID_DEVINTERFACE_VIRTUALIZABLE_DEVICE, NULL, &link),
                     STATUS_SUCCESS);
    assert_int_equal(IoSetDeviceInterfaceState(&link, TRUE), STATUS_OBJECT_NAME_EXISTS); /* it is on already */
    RtlFreeUnicodeString(&link);
}

/* ---- bad VFs, bad pointers, a card that is gone ---------------------------------------------------------------------
 */

/* Every routine that says a status, with a good call of it for that VF. */
static NTSTATUS call(unsigned routine, USHORT vf, void *pointer)
{
    LUID luid = {0};
    switch (routine) {
    case 0:
        return SRIOV(ReadVfConfig, pointer, vf, 0, 4);
    case 1:
        return SRIOV(WriteVfConfig, pointer, vf, 0x3C, 1);
    case 2:
        return SRIOV(ReadVfConfigBlock, vf, 1, pointer, 32);
    case 3:
        return SRIOV(WriteVfConfigBlock, vf, 0, pointer, 4);
    case 4:
        return SRIOV(QueryProbedBars_2, vf, pointer);
    case 5:
        return SRIOV(GetResourceForBar, vf, 0, pointer);
    case 6:
        return SRIOV(QueryVfLuid, vf, pointer);
    case 7:
        return rig.mitigable.ReadWriteMitigatedRegister(rig.mitigable.Context, vf, TRUE, 0, 0, 4, pointer);
    case 8:
        return SRIOV(ResetVf, vf);
    case 9:
        return SRIOV(SetVfPowerState, vf, PowerDeviceD3, FALSE);
    case 10:
        return SRIOV(QueryProbedBars, pointer);
    case 11:
        return SRIOV(QueryLuid, pointer);
    default:
        return SRIOV(QueryLuidVf, luid, pointer);
    }
}
enum { OF_A_VF = 10, WITH_POINTER = 8, ALL = 13 };

static bool has_pointer(unsigned routine)
{
    return routine < WITH_POINTER || routine >= OF_A_VF;
}

static void untouched(void)
{
    for (size_t i = 0; i < sizeof(data); i++)
        assert_int_equal(data[i], 0x5A);
}

static void a_vf_that_does_not_exist_is_an_invalid_parameter(void **state)
{
    static const USHORT vfs[] = {RIG_VFS, RIG_VFS + 1, 0xFFFE, 0xFFFF};
    (void)state;
    for (unsigned routine = 0; routine < OF_A_VF; routine++)
        for (size_t i = 0; i < sizeof(vfs) / sizeof(vfs[0]); i++)
            assert_int_equal(call(routine, vfs[i], data), STATUS_INVALID_PARAMETER);
    untouched();
}

static void a_null_pointer_is_an_invalid_parameter(void **state)
{
    (void)state;
    for (unsigned routine = 0; routine < ALL; routine++)
        if (has_pointer(routine))
            assert_int_equal(call(routine, 0, NULL), STATUS_INVALID_PARAMETER);
}

static void a_card_that_was_pulled_is_no_such_device(void **state)
{
    (void)state;
    pcibus_surprise_remove(rig.pdo);
    for (unsigned routine = 0; routine < ALL; routine++)
        assert_int_equal(call(routine, 0, data), STATUS_NO_SUCH_DEVICE);
    untouched();
}

static void a_stopped_card_has_no_vfs_and_no_resources(void **state)
{
    (void)state;
    nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE);
    nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE);
    for (unsigned routine = 0; routine < OF_A_VF; routine++)
        assert_int_equal(call(routine, 0, data), routine == 5 ? STATUS_INVALID_DEVICE_STATE : STATUS_INVALID_PARAMETER);
    assert_int_equal(SRIOV(GetResourceForBar, RIG_VFS, 0, (PVOID)data), STATUS_INVALID_PARAMETER);
    assert_int_equal(SRIOV(GetResourceForBar, 0, 6, (PVOID)data), STATUS_INVALID_PARAMETER);
    untouched();
    assert_int_equal(nt_pnp_start(rig.pdo), STATUS_SUCCESS);
    assert_int_equal(call(0, 0, data), STATUS_SUCCESS);
}

static void the_interface_outlives_the_device(void **state)
{
    SRIOV_DEVICE_INTERFACE_STANDARD_2 held = rig.sriov;
    (void)state;
    held.InterfaceReference(held.Context);
    rig_remove(&rig);
    for (unsigned routine = 0; routine < ALL; routine++)
        if (routine != 7)
            assert_int_equal(call(routine, 0, data), STATUS_NO_SUCH_DEVICE);
    held.InterfaceDereference(held.Context);
}

static void a_card_without_vfs_starts_and_has_none(void **state)
{
    ULONG bars[6];
    (void)state;
    assert_true(ndis_set_keyword(rig.partition, "*SRIOV", "0"));
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(rig.device), 0);
    assert_int_equal(call(0, 0, data), STATUS_INVALID_PARAMETER);
    assert_int_equal(SRIOV(QueryProbedBars, bars), STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(SRIOV(QueryLuid, (PLUID)data), STATUS_SUCCESS);
}

static void the_keyword_says_how_many_vfs(void **state)
{
    (void)state;
    assert_true(ndis_set_keyword(rig.partition, "*NumVFs", "3"));
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(rig.device), 3);
    assert_int_equal(call(0, 2, data), STATUS_SUCCESS);
    assert_int_equal(call(0, 3, data), STATUS_INVALID_PARAMETER);
}

static void more_vfs_than_the_card_has_are_as_many_as_it_has(void **state)
{
    (void)state;
    assert_true(ndis_set_keyword(rig.partition, "*NumVFs", "0x10000"));
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(rig.device), RIG_VFS);
}

/* ---- configuration space
 * --------------------------------------------------------------------------------------------- */

static const struct {
    ULONG offset, length;
} out_of_range[] = {
    {0, 0}, {4095, 2}, {4096, 1}, {0, 4097}, {0xFFFFFFFC, 8}, {4092, 0xFFFFFFFF}, {0xFFFFFFFF, 1}, {4096, 0},
};

static void accesses_out_of_range_change_nothing(void **state)
{
    static UCHAR before[4096], after[4096];
    (void)state;
    pci_config_read(rig.device, 0, 0, before, sizeof(before));
    for (size_t i = 0; i < sizeof(out_of_range) / sizeof(out_of_range[0]); i++) {
        assert_int_equal(SRIOV(ReadVfConfig, data, 0, out_of_range[i].offset, out_of_range[i].length),
                         STATUS_INVALID_PARAMETER);
        assert_int_equal(SRIOV(WriteVfConfig, data, 0, out_of_range[i].offset, out_of_range[i].length),
                         STATUS_INVALID_PARAMETER);
    }
    pci_config_read(rig.device, 0, 0, after, sizeof(after));
    assert_memory_equal(before, after, sizeof(before));
    untouched();
}

static void registers_are_passed_on_as_they_are(void **state)
{
    USHORT command = 4;
    UCHAR whole[4096];
    (void)state;
    assert_int_equal(SRIOV(WriteVfConfig, &command, 1, 4, 2), STATUS_SUCCESS);
    assert_int_equal(SRIOV(ReadVfConfig, data, 1, 0, 4096), STATUS_SUCCESS);
    pci_config_read(rig.device, 1, 0, whole, sizeof(whole));
    assert_memory_equal(data, whole, sizeof(whole));
    assert_memory_equal(data, "\xff\xff\xff\xff\x04\x00", 6);
    assert_int_equal(SRIOV(ReadVfConfig, data, 0, 4, 2), STATUS_SUCCESS);
    assert_memory_equal(data, "\0\0", 2);
    assert_int_equal(SRIOV(ReadVfConfig, data, 0, 4095, 1), STATUS_SUCCESS);
}

static void registers_that_do_not_answer_are_unsuccessful(void **state)
{
    (void)state;
    rig.ready_delay_ns = 90000000;
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    USHORT flr = 0x8000;
    assert_int_equal(SRIOV(WriteVfConfig, &flr, 0, DEVICE_CONTROL, 2), STATUS_SUCCESS);
    assert_int_equal(SRIOV(ReadVfConfig, data, 0, 0, 4), STATUS_UNSUCCESSFUL);
    assert_int_equal(SRIOV(WriteVfConfig, data, 0, 4, 2), STATUS_UNSUCCESSFUL);
    untouched();
    assert_int_equal(SRIOV(ReadVfConfig, data, 1, 0, 4), STATUS_SUCCESS); /* another VF */
}

/* ---- blocks
 * ---------------------------------------------------------------------------------------------------------- */

static void block_requests_that_are_bad_are_invalid(void **state)
{
    static const struct {
        ULONG block, length;
    } rows[] = {{0, 0}, {0, 129}, {0, 0xFFFFFFFF}, {32, 33}, {2, 4}, {0xFFFFFFFF, 128}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(SRIOV(ReadVfConfigBlock, 0, rows[i].block, data, rows[i].length), STATUS_INVALID_PARAMETER);
        assert_int_equal(SRIOV(WriteVfConfigBlock, 0, rows[i].block, data, rows[i].length), STATUS_INVALID_PARAMETER);
    }
    assert_int_equal(SRIOV(WriteVfConfigBlock, 0, REFNIC_BLOCK_LINK, data, 32), STATUS_INVALID_PARAMETER);
    untouched();
}

static void a_block_of_128_bytes_goes_there_and_back(void **state)
{
    struct refnic_control control = {.version = 7, .rings = 3}, read;
    (void)state;
    assert_int_equal(SRIOV(WriteVfConfigBlock, 2, 0, &control, 128), STATUS_SUCCESS);
    assert_int_equal(SRIOV(ReadVfConfigBlock, 2, 0, &read, 128), STATUS_SUCCESS);
    assert_memory_equal(&control, &read, sizeof(read));
    assert_int_equal(SRIOV(ReadVfConfigBlock, 1, 0, &read, 128), STATUS_SUCCESS);
    assert_int_equal(read.version, 0);
}

/* ---- what and where a VF is
 * ------------------------------------------------------------------------------------------ */

static void ids_are_the_cards_and_all_ones_for_a_bad_vf(void **state)
{
    USHORT vendor = 0, device = 0;
    (void)state;
    SRIOV(GetVendorAndDevice, 7, &vendor, &device);
    assert_int_equal(vendor, 0x8086);
    assert_int_equal(device, 0x10CA);
    SRIOV(GetVendorAndDevice, RIG_VFS, &vendor, &device);
    assert_int_equal(vendor, 0xFFFF);
    assert_int_equal(device, 0xFFFF);
    SRIOV(GetVendorAndDevice, 0, NULL, NULL);
}

static void locations_are_the_cards_and_all_ones_for_a_bad_vf(void **state)
{
    UINT16 segment;
    UINT8 bus, function;
    (void)state;
    SRIOV(GetDeviceLocation, 3, &segment, &bus, &function);
    assert_int_equal(segment, 0);
    assert_int_equal(bus << 8 | function, 0x186);
    SRIOV(GetDeviceLocation, RIG_VFS, &segment, &bus, &function);
    assert_int_equal(segment, 0xFFFF);
    assert_int_equal(bus << 8 | function, 0xFFFF);
    SRIOV(GetDeviceLocation, 0, NULL, NULL, NULL);
}

static void probed_bars_are_those_of_the_vfs(void **state)
{
    ULONG pf[6], vf[6];
    (void)state;
    assert_int_equal(SRIOV(QueryProbedBars, pf), STATUS_SUCCESS);
    assert_int_equal(SRIOV(QueryProbedBars_2, 5, vf), STATUS_SUCCESS);
    assert_memory_equal(pf, vf, sizeof(pf));
    assert_int_equal(pf[0] & ~0xFu, 0xFFFFC000);
}

static void resources_are_slices_of_the_window(void **state)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR first, last;
    (void)state;
    assert_int_equal(SRIOV(GetResourceForBar, 0, 0, &first), STATUS_SUCCESS);
    assert_int_equal(SRIOV(GetResourceForBar, 7, 0, &last), STATUS_SUCCESS);
    assert_int_equal(first.Type, CmResourceTypeMemory);
    assert_int_equal(first.u.Memory.Length, 0x4000);
    assert_int_equal(last.u.Memory.Start.QuadPart - first.u.Memory.Start.QuadPart, 7 * 0x4000);
    assert_int_equal(SRIOV(GetResourceForBar, 0, 1, &first), STATUS_SUCCESS); /* upper half, or none */
    assert_int_equal(first.Type, CmResourceTypeNull);
    memset(&first, 0x11, sizeof(first));
    last = first;
    assert_int_equal(SRIOV(GetResourceForBar, 0, 6, &first), STATUS_INVALID_PARAMETER);
    assert_memory_equal(&first, &last, sizeof(first));
}

static void luids_lead_back_to_their_vfs(void **state)
{
    LUID pf, luids[RIG_VFS], unknown = {0x7FFFFFFF, 1};
    USHORT vf = 0x1234;
    (void)state;
    assert_int_equal(SRIOV(QueryLuid, &pf), STATUS_SUCCESS);
    for (USHORT i = 0; i < RIG_VFS; i++)
        assert_int_equal(SRIOV(QueryVfLuid, i, &luids[i]), STATUS_SUCCESS);
    for (USHORT i = 0; i < RIG_VFS; i++) {
        assert_int_equal(SRIOV(QueryLuidVf, luids[i], &vf), STATUS_SUCCESS);
        assert_int_equal(vf, i);
        assert_int_not_equal(luids[i].LowPart, pf.LowPart);
    }
    vf = 0x1234;
    assert_int_equal(SRIOV(QueryLuidVf, unknown, &vf), STATUS_NOT_FOUND);
    assert_int_equal(SRIOV(QueryLuidVf, pf, &vf), STATUS_NOT_FOUND);
    assert_int_equal(vf, 0x1234);
}

/* ---- reset and power
 * -------------------------------------------------------------------------------------------------- */

static USHORT config16(int vf, unsigned offset)
{
    USHORT value = 0xFFFF;
    pci_config_read(rig.device, vf, offset, &value, sizeof(value));
    return value;
}

static void a_reset_is_an_flr_of_that_vf_alone(void **state)
{
    struct pci_counters counters;
    struct refnic_control control = {.version = 7};
    USHORT command = 4;
    (void)state;
    for (USHORT vf = 0; vf < 2; vf++) {
        SRIOV(WriteVfConfig, &command, vf, 4, 2);
        SRIOV(WriteVfConfigBlock, vf, 0, &control, 128);
    }
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_SUCCESS);
    pci_counters(rig.device, &counters);
    assert_int_equal(counters.vf_resets, 1);
    assert_int_equal(config16(0, 4), 0);
    assert_int_equal(config16(1, 4), 4);
    SRIOV(ReadVfConfigBlock, 0, 0, &control, 128);
    assert_int_equal(control.version, 0);
    SRIOV(ReadVfConfigBlock, 1, 0, &control, 128);
    assert_int_equal(control.version, 7);
}

static void a_reset_waits_for_one_that_is_under_way(void **state)
{
    struct pci_counters counters;
    USHORT flr = 0x8000;
    (void)state;
    rig.ready_delay_ns = 100000000;
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(SRIOV(WriteVfConfig, &flr, 0, DEVICE_CONTROL, 2), STATUS_SUCCESS);
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_SUCCESS);
    assert_int_equal(config16(0, 4), 0);
    pci_counters(rig.device, &counters);
    assert_int_equal(counters.vf_resets, 2);
}

/* After VF Enable nothing is read of a VF before it is asked for, so that start succeeds whatever the VFs do. */
static void a_reset_that_does_not_end_in_100_ms_is_a_timeout(void **state)
{
    (void)state;
    rig.ready_delay_ns = 350000000;
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_IO_TIMEOUT); /* 100 to 200 ms: still silent after VF Enable */
    nt_clock_advance(rig.partition, 300000000);
    assert_int_equal(SRIOV(ResetVf, 0), STATUS_IO_TIMEOUT); /* its own FLR */
    nt_clock_advance(rig.partition, 500000000);
    assert_int_equal(SRIOV(ReadVfConfig, data, 0, 0, 4), STATUS_SUCCESS);
}

struct resetter {
    pthread_t thread;
    NTSTATUS status;
};

static void *reset_main(void *context)
{
    struct resetter *resetter = context;
    nt_enter(rig.partition);
    resetter->status = SRIOV(ResetVf, 0);
    nt_enter(NULL);
    return NULL;
}

static void two_resets_at_once_both_succeed(void **state)
{
    struct resetter resetters[2];
    struct pci_counters counters;
    (void)state;
    rig.ready_delay_ns = 100000000;
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&resetters[i].thread, NULL, reset_main, &resetters[i]);
    for (unsigned i = 0; i < 2; i++) {
        pthread_join(resetters[i].thread, NULL);
        assert_int_equal(resetters[i].status, STATUS_SUCCESS);
    }
    pci_counters(rig.device, &counters);
    assert_int_equal(counters.early_accesses, 0);
}

static void power_states_that_are_none_are_invalid(void **state)
{
    static const struct {
        int state;
        BOOLEAN wake;
        NTSTATUS status;
    } rows[] = {
        {PowerDeviceUnspecified, FALSE, STATUS_INVALID_PARAMETER},
        {PowerDeviceMaximum, FALSE, STATUS_INVALID_PARAMETER},
        {-1, FALSE, STATUS_INVALID_PARAMETER},
        {PowerDeviceD0, TRUE, STATUS_INVALID_PARAMETER},
        {PowerDeviceD0, 0x80, STATUS_INVALID_PARAMETER},
        {PowerDeviceD1, TRUE, STATUS_SUCCESS},
        {PowerDeviceD3, TRUE, STATUS_SUCCESS},
        {PowerDeviceD0, FALSE, STATUS_SUCCESS},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        assert_int_equal(SRIOV(SetVfPowerState, 1, (DEVICE_POWER_STATE)rows[i].state, rows[i].wake), rows[i].status);
}

/* ---- mitigation
 * -------------------------------------------------------------------------------------------------------- */

static void only_intercepted_pages_are_answered(void **state)
{
    static const struct {
        BOOLEAN read;
        USHORT bar;
        ULONGLONG offset;
        ULONG length;
        NTSTATUS status;
    } rows[] = {
        {TRUE, 0, 0, 1, STATUS_SUCCESS},
        {TRUE, 0, 4096, 8, STATUS_SUCCESS},
        {TRUE, 0, 4092, 8, STATUS_SUCCESS}, /* both pages */
        {FALSE, 0, 4088, 8, STATUS_SUCCESS},
        {FALSE, 0, 4092, 8, STATUS_INVALID_PARAMETER}, /* reads only from page 1 on */
        {FALSE, 0, 4096, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 8188, 8, STATUS_INVALID_PARAMETER}, /* page 2 is the hardware's */
        {TRUE, 0, 8192, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 0, 0, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 0, 9, STATUS_INVALID_PARAMETER},
        {TRUE, 0, 0x3FFC, 8, STATUS_INVALID_PARAMETER}, /* beyond the BAR */
        {TRUE, 0, 0xFFFFFFFFFFFFFFFCull, 8, STATUS_INVALID_PARAMETER},
        {TRUE, 1, 0, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 3, 0, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 6, 0, 4, STATUS_INVALID_PARAMETER},
        {TRUE, 0xFFFF, 0, 4, STATUS_INVALID_PARAMETER},
    };
    (void)state;
    assert_int_equal(MITIGATED(0, TRUE, 0, 0, 4), STATUS_INVALID_PARAMETER); /* in D0 none is */
    SRIOV(SetVfPowerState, 0, PowerDeviceD3, FALSE);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        memset(data, 0x5A, 16);
        assert_int_equal(MITIGATED(0, rows[i].read, rows[i].bar, rows[i].offset, rows[i].length), rows[i].status);
        for (ULONG at = 0; at < 16; at++) {
            bool written = rows[i].read && NT_SUCCESS(rows[i].status) && at < rows[i].length;
            assert_int_equal(data[at], written ? 0xFF : 0x5A);
        }
    }
    memset(data, 0x5A, 16);
    assert_int_equal(MITIGATED(1, TRUE, 0, 0, 4), STATUS_INVALID_PARAMETER); /* another VF */
    SRIOV(ResetVf, 0);
    assert_int_equal(MITIGATED(0, TRUE, 0, 0, 4), STATUS_INVALID_PARAMETER);
    untouched();
}

/* ---- threads
 * ------------------------------------------------------------------------------------------------------------ */

static void *hammer(void *context)
{
    unsigned seed = (unsigned)(uintptr_t)context;
    UCHAR buffer[128];
    nt_enter(rig.partition);
    for (unsigned i = 0; i < 400; i++) {
        USHORT vf = (USHORT)((seed + i) % 3);
        memset(buffer, 0, sizeof(buffer));
        NTSTATUS status = i % 4 == 0   ? SRIOV(ReadVfConfig, buffer, vf, 0, 64)
                          : i % 4 == 1 ? SRIOV(WriteVfConfigBlock, vf, 0, buffer, 128)
                          : i % 4 == 2 ? SRIOV(ReadVfConfigBlock, vf, 1, buffer, 32)
                                       : SRIOV(SetVfPowerState, vf, PowerDeviceD0 + i % 3, FALSE);
        assert_true(status == STATUS_SUCCESS || status == STATUS_INVALID_PARAMETER || status == STATUS_UNSUCCESSFUL);
    }
    nt_enter(NULL);
    return NULL;
}

static void calls_and_rebalances_at_once_do_no_harm(void **state)
{
    pthread_t threads[3];
    (void)state;
    for (unsigned i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, hammer, (void *)(uintptr_t)i);
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE), STATUS_SUCCESS);
        assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE), STATUS_SUCCESS);
        assert_int_equal(pci_sriov_num_vfs(rig.device), 0);
        assert_int_equal(nt_pnp_start(rig.pdo), STATUS_SUCCESS);
    }
    for (unsigned i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
}

#define CASE(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define EMPTY(test) cmocka_unit_test_setup_teardown(test, empty, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_size_asked_for_chooses_the_form),
        CASE(other_queries_go_their_way),
        CASE(the_device_interface_class_is_registered),
        CASE(a_vf_that_does_not_exist_is_an_invalid_parameter),
        CASE(a_null_pointer_is_an_invalid_parameter),
        CASE(a_card_that_was_pulled_is_no_such_device),
        CASE(a_stopped_card_has_no_vfs_and_no_resources),
        CASE(the_interface_outlives_the_device),
        EMPTY(a_card_without_vfs_starts_and_has_none),
        EMPTY(the_keyword_says_how_many_vfs),
        EMPTY(more_vfs_than_the_card_has_are_as_many_as_it_has),
        CASE(accesses_out_of_range_change_nothing),
        CASE(registers_are_passed_on_as_they_are),
        EMPTY(registers_that_do_not_answer_are_unsuccessful),
        CASE(block_requests_that_are_bad_are_invalid),
        CASE(a_block_of_128_bytes_goes_there_and_back),
        CASE(ids_are_the_cards_and_all_ones_for_a_bad_vf),
        CASE(locations_are_the_cards_and_all_ones_for_a_bad_vf),
        CASE(probed_bars_are_those_of_the_vfs),
        CASE(resources_are_slices_of_the_window),
        CASE(luids_lead_back_to_their_vfs),
        CASE(a_reset_is_an_flr_of_that_vf_alone),
        EMPTY(a_reset_waits_for_one_that_is_under_way),
        EMPTY(a_reset_that_does_not_end_in_100_ms_is_a_timeout),
        EMPTY(two_resets_at_once_both_succeed),
        CASE(power_states_that_are_none_are_invalid),
        CASE(only_intercepted_pages_are_answered),
        CASE(calls_and_rebalances_at_once_do_no_harm),
    };
    return cmocka_run_group_tests_name("path / refgen / interface", tests, NULL, NULL);
}
