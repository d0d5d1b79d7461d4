/* SPDX-License-Identifier: MIT
 *
 * Error rows of ndis.md 7.13 and 8 that need a table or a state of their own. docs/tested.md says where the others are.
 */
#include "nic.h"

#define Q NdisRequestQueryInformation
#define M NdisRequestMethod
#define L NDIS_STATUS_INVALID_LENGTH
#define P NDIS_STATUS_INVALID_PARAMETER

/* ---- 8.3: what NDIS answers, with a switch and VF 0 ----------------------------------------------------------- */

struct row {
    const char *name; /* OID, column: what is wrong */
    NDIS_REQUEST_TYPE type;
    NDIS_OID oid;
    ULONG length;
    struct {
        ULONG at, size, value;
    } member;
    NDIS_STATUS status;
    ULONG needed;
};

#define SHORT(length, needed) length, {0, 0, 0}, L, needed
#define BAD(length, ...)      length, {__VA_ARGS__}, P, 0

static const struct row rows[] = {
    {"SRIOV_*_CAPABILITIES, L: <12", Q, OID_SRIOV_HARDWARE_CAPABILITIES, SHORT(11, 12)},
    {"SRIOV_*_CAPABILITIES, L: <12", Q, OID_SRIOV_CURRENT_CAPABILITIES, SHORT(0, 12)},
    {"NIC_SWITCH_*_CAPABILITIES, L: < revision", Q, OID_NIC_SWITCH_HARDWARE_CAPABILITIES, SHORT(115, 116)},
    {"NIC_SWITCH_*_CAPABILITIES, L: < revision", Q, OID_NIC_SWITCH_CURRENT_CAPABILITIES, SHORT(32, 116)},
    {"PF_LUID, L: <12", Q, OID_SRIOV_PF_LUID, SHORT(11, 12)},
    {"ENUM_SWITCHES, L: <16+n*572", Q, OID_NIC_SWITCH_ENUM_SWITCHES, SHORT(16 + 571, 16 + 572)},
    {"ENUM_VFS, L: <24+n*1632", M, OID_NIC_SWITCH_ENUM_VFS, SHORT(24 + 1631, 24 + 1632)},
    {"ENUM_VFS, P: SwitchId", M, OID_NIC_SWITCH_ENUM_VFS, BAD(4096, 8, 4, 1)},
    {"ENUM_VFS, P: unknown Flags", M, OID_NIC_SWITCH_ENUM_VFS, BAD(4096, 4, 4, 2)},
    {"ENUM_VPORTS, L: <32+n*576", M, OID_NIC_SWITCH_ENUM_VPORTS, SHORT(32 + 575, 32 + 576)},
    {"ENUM_VPORTS, P: both flags", M, OID_NIC_SWITCH_ENUM_VPORTS, BAD(4096, 4, 4, 3)},
    {"ENUM_VPORTS, P: unknown VF with SPECIFIC_FUNCTION", M, OID_NIC_SWITCH_ENUM_VPORTS, BAD(4096, 4, 10, 1)},
    {"ENUM_VPORTS, P: SwitchId with SPECIFIC_SWITCH", M, OID_NIC_SWITCH_ENUM_VPORTS, BAD(4096, 4, 8, 2)},
    {"VF_PARAMETERS, L: <1632", M, OID_NIC_SWITCH_VF_PARAMETERS, SHORT(1631, 1632)},
    {"VF_PARAMETERS, P: VFId unallocated", M, OID_NIC_SWITCH_VF_PARAMETERS, BAD(1632, 1626, 2, 1)},
    {"VF_PARAMETERS, P: VFId out of range", M, OID_NIC_SWITCH_VF_PARAMETERS, BAD(1632, 1626, 2, 0xffff)},
    {"NIC_SWITCH_PARAMETERS, L: <548", M, OID_NIC_SWITCH_PARAMETERS, SHORT(547, 548)},
    {"NIC_SWITCH_PARAMETERS, P: SwitchId", M, OID_NIC_SWITCH_PARAMETERS, BAD(548, 12, 4, 1)},
    {"VPORT_PARAMETERS M, L: <572", M, OID_NIC_SWITCH_VPORT_PARAMETERS, SHORT(571, 576)},
    {"VPORT_PARAMETERS Q, L: <572", Q, OID_NIC_SWITCH_VPORT_PARAMETERS, SHORT(571, 576)},
    {"VPORT_PARAMETERS M, P: VPortId unknown", M, OID_NIC_SWITCH_VPORT_PARAMETERS, BAD(576, 12, 4, 1)},
    {"VPORT_PARAMETERS Q, P: VPortId unknown", Q, OID_NIC_SWITCH_VPORT_PARAMETERS, BAD(576, 12, 4, MAXULONG)},
};

/* A member longer than a ULONG goes on with 1: the next member of an array's head. */
static void patch(UCHAR *buffer, const struct row *row)
{
    const ULONG values[] = {row->member.value, 1, 1};

    memcpy(buffer + row->member.at, values, row->member.size);
}

static bool row_holds(struct nic *nic, const struct row *row)
{
    static _Alignas(8) UCHAR buffer[4096], before[4096];
    NDIS_OID_REQUEST request;
    NDIS_STATUS status;
    ULONG needed;

    memset(buffer, 0, sizeof buffer);
    patch(buffer, row);
    memcpy(before, buffer, sizeof before);
    nic_request(&request, row->type, row->oid, buffer, row->length);
    status = NdisOidRequest(nic->binding, &request);
    needed = row->type == NdisRequestMethod ? request.DATA.METHOD_INFORMATION.BytesNeeded
                                            : request.DATA.QUERY_INFORMATION.BytesNeeded;
    if (status == row->status && needed == row->needed && memcmp(buffer, before, sizeof buffer) == 0)
        return true;
    print_error("%s: %s, %u bytes needed%s\n", row->name, ndis_status_name(status), needed,
                memcmp(buffer, before, sizeof buffer) ? ", the buffer was changed" : "");
    return false;
}

static void each_row_of_8_3_fails_as_documented_and_changes_nothing(void **state)
{
    struct nic *nic = nic_with_switch();
    unsigned wrong = 0;

    (void)state;
    nic_allocate_vf(nic, NULL);
    nic->oids = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        wrong += !row_holds(nic, &rows[i]);
    assert_int_equal(wrong, 0);
    assert_int_equal(nic->oids, 0); /* none is the miniport's */
    nic_destroy(nic);
}

static void without_sriov_no_row_of_8_3_is_supported(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);
    static _Alignas(8) UCHAR buffer[4096];

    (void)state;
    nic->no_sriov = true;
    nic_load(nic);
    nic_add(nic);
    nic_start(nic);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(nic_send(nic, rows[i].type, rows[i].oid, buffer, sizeof buffer), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void switch_parameters_without_a_switch_are_invalid(void **state)
{
    NDIS_NIC_SWITCH_PARAMETERS parameters = {0};
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_PARAMETERS, &parameters, sizeof parameters), P);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

/* ---- 8.1 and 7.13 --------------------------------------------------------------------------------------------- */

static void vf_bus_data_after_removal_returns_zero_and_touches_nothing(void **state)
{
    struct nic *nic = nic_with_switch();
    UCHAR space[4096], byte = 0xa5;

    (void)state;
    assert_int_equal(NdisMEnableVirtualization(nic->handle, 4, FALSE, FALSE, TRUE), NDIS_STATUS_SUCCESS);
    memcpy(space, nic->bus->space, sizeof space);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_SURPRISE_REMOVAL);
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, &byte, 4, 1), 0);
    assert_int_equal(NdisMGetVirtualFunctionBusData(nic->handle, 0, &byte, 4, 1), 0);
    assert_int_equal(byte, 0xa5);
    assert_memory_equal(space, nic->bus->space, sizeof space);
    nic_destroy(nic);
}

static void virtualization_disabled_under_a_vf_is_permitted_and_the_vf_is_dead(void **state)
{
    struct nic *nic = nic_with_switch();
    UCHAR byte = 0;

    (void)state;
    assert_int_equal(NdisMEnableVirtualization(nic->handle, 4, FALSE, FALSE, TRUE), NDIS_STATUS_SUCCESS);
    nic_allocate_vf(nic, NULL);
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, &byte, 4, 1), 1);
    assert_int_equal(NdisMEnableVirtualization(nic->handle, 0, FALSE, FALSE, FALSE), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, &byte, 4, 1), 0);
    assert_true(nic_saw_rule(nic, "VF_DATA_NOT_ENABLED"));
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static void a_vf_that_asks_for_vfs_is_named(void **state)
{
    struct nic *nic = nic_running(FAKE_GUEST);
    UCHAR byte = 0;

    (void)state;
    assert_int_equal(NdisMEnableVirtualization(nic->handle, 1, FALSE, FALSE, TRUE), NDIS_STATUS_NOT_SUPPORTED);
    assert_true(nic_saw_rule(nic, "PF_ROUTINE_ON_VF"));
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, &byte, 4, 1), 0);
    assert_int_equal(nic->bus->count, 0);
    nic_destroy(nic);
}

/* ---- rules that only an odd device or an odd moment breaks ------------------------------------------------------ */

/* An SR-IOV capability at 100h whose NumVFs are above its TotalVFs. */
static void more_vfs_than_the_card_has_are_named(void **state)
{
    static const UCHAR capability[] = {0x10, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2, 0, 2, 0, 5, 0};
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic->bus->space[6] = 0x10;
    memcpy(nic->bus->space + 0x100, capability, sizeof capability);
    assert_int_equal(ndis_switch_create(nic->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_true(nic_saw_rule(nic, "SRIOV_VFS_OVER_TOTAL"));
    nic_destroy(nic);
}

static KEVENT began, goes_on;

static VOID waits(PVOID context, NDIS_HANDLE item)
{
    (void)item;
    if (context)
        return;
    KeSetEvent(&began, 0, FALSE);
    KeWaitForSingleObject(&goes_on, Executive, KernelMode, FALSE, NULL);
}

/* As many items as there can be workers keep them, so that one more stays queued. */
static void work_item_that_is_queued_is_not_freed(void **state)
{
    enum { WORKERS = 64 };
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_HANDLE items[WORKERS], last = NdisAllocateIoWorkItem(nic->handle);

    (void)state;
    KeInitializeEvent(&began, SynchronizationEvent, FALSE);
    KeInitializeEvent(&goes_on, NotificationEvent, FALSE);
    for (unsigned i = 0; i < WORKERS; i++) {
        items[i] = NdisAllocateIoWorkItem(nic->handle);
        NdisQueueIoWorkItem(items[i], waits, NULL);
    }
    NdisQueueIoWorkItem(last, waits, nic);
    NdisFreeIoWorkItem(last);
    assert_true(nic_saw_rule(nic, "WORK_ITEM_FREED_QUEUED"));
    KeSetEvent(&goes_on, 0, FALSE);
    nt_drain_work(nic->partition);
    NdisFreeIoWorkItem(last);
    for (unsigned i = 0; i < WORKERS; i++)
        NdisFreeIoWorkItem(items[i]);
    nic_destroy(nic);
}

static NDIS_STATUS restart_of_no_status(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    (void)context, (void)parameters;
    return (NDIS_STATUS)0x12345;
}

static void restart_that_ends_as_nothing_does_is_named_and_has_failed(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->characteristics.RestartHandler = restart_of_no_status;
    nic_load(nic);
    nic_add(nic);
    nic_start(nic);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED);
    assert_true(nic_saw_rule(nic, "HANDLER_STATUS"));
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_of_8_3_fails_as_documented_and_changes_nothing),
        cmocka_unit_test(without_sriov_no_row_of_8_3_is_supported),
        cmocka_unit_test(switch_parameters_without_a_switch_are_invalid),
        cmocka_unit_test(vf_bus_data_after_removal_returns_zero_and_touches_nothing),
        cmocka_unit_test(virtualization_disabled_under_a_vf_is_permitted_and_the_vf_is_dead),
        cmocka_unit_test(a_vf_that_asks_for_vfs_is_named),
        cmocka_unit_test(more_vfs_than_the_card_has_are_named),
        cmocka_unit_test(work_item_that_is_queued_is_not_freed),
        cmocka_unit_test(restart_that_ends_as_nothing_does_is_named_and_has_failed),
    };
    return cmocka_run_group_tests_name("error rows", tests, NULL, NULL);
}
