/* SPDX-License-Identifier: MIT
 *
 * refgen's interfaces: how they are handed out (pci.md 5.6), that they outlive the device, and the rows of 5.10 for
 * configuration space and blocks.
 */
#include "refgen_card.h"

#include <wdmguid.h>

#include "drivers/common/blocks.h"

#define DEVICE_CONTROL 0xA8

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
    };
    return cmocka_run_group_tests_name("path / refgen / interface", tests, NULL, NULL);
}
