/* SPDX-License-Identifier: MIT
 *
 * Which requests NDIS lets through: issuer, type, length, role (ndis.md 4.1, 5.13, 8.1).
 */
#include "nic.h"

#include "ndis/internal.h"

static void ndis_only_oids_are_refused_from_overlying_drivers(void **state)
{
    static const struct {
        NDIS_REQUEST_TYPE type;
        NDIS_OID oid;
    } rows[] = {
        {NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH},
        {NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_SWITCH},
        {NdisRequestQueryInformation, OID_SRIOV_PROBED_BARS},
        {NdisRequestMethod, OID_SRIOV_BAR_RESOURCES},
        {NdisRequestMethod, OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK},
        {NdisRequestSetInformation, OID_SRIOV_CONFIG_STATE},
        {NdisRequestSetInformation, OID_SRIOV_OVERLYING_ADAPTER_INFO},
    };
    static UCHAR big[2048];

    (void)state;
    for (enum fake_kind kind = FAKE_HOST; kind <= FAKE_GUEST; kind++) {
        struct nic *nic = nic_running(kind);

        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            assert_int_equal(nic_send(nic, rows[i].type, rows[i].oid, big, sizeof big), NDIS_STATUS_NOT_SUPPORTED);
        assert_int_equal(nic->oids, 0);
        nic_destroy(nic);
    }
}

static void wrong_request_type_is_not_supported(void **state)
{
    static const struct {
        NDIS_REQUEST_TYPE type;
        NDIS_OID oid;
    } rows[] = {
        {NdisRequestSetInformation, OID_SRIOV_CURRENT_CAPABILITIES},
        {NdisRequestMethod, OID_SRIOV_PF_LUID},
        {NdisRequestQueryInformation, OID_NIC_SWITCH_ENUM_VFS},
        {NdisRequestQueryInformation, OID_SRIOV_READ_VF_CONFIG_SPACE},
        {NdisRequestSetInformation, OID_SRIOV_READ_VF_CONFIG_SPACE},
        {NdisRequestQueryInformation, OID_SRIOV_WRITE_VF_CONFIG_SPACE},
        {NdisRequestMethod, OID_SRIOV_RESET_VF},
        {NdisRequestOpen, OID_GEN_VENDOR_ID},
    };
    static UCHAR big[2048];
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    ndis_switch_create(nic->adapter, 2);
    nic->oids = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(nic_send(nic, rows[i].type, rows[i].oid, big, sizeof big), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

/* Smallest buffers of ndis.md 4.1: one byte less never reaches the miniport, which need not check; BytesNeeded says
 * sizeof (1.2). */
static void shorter_than_the_fixed_part_is_invalid_length_with_bytes_needed(void **state)
{
    static const struct {
        NDIS_REQUEST_TYPE type;
        NDIS_OID oid;
        ULONG minimum, needed;
    } rows[] = {
        {NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF, 1632, 1632},
        {NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, 10, 12},
        {NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, 572, sizeof(NDIS_NIC_SWITCH_VPORT_PARAMETERS)},
        {NdisRequestSetInformation, OID_NIC_SWITCH_VPORT_PARAMETERS, 572, sizeof(NDIS_NIC_SWITCH_VPORT_PARAMETERS)},
        {NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, 12, 12},
        {NdisRequestSetInformation, OID_NIC_SWITCH_PARAMETERS, 548, 548},
        {NdisRequestMethod, OID_SRIOV_READ_VF_CONFIG_SPACE, 20, 20},
        {NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_SPACE, 20, 20},
        {NdisRequestMethod, OID_SRIOV_READ_VF_CONFIG_BLOCK, 20, 20},
        {NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, 20, 20},
        {NdisRequestSetInformation, OID_SRIOV_RESET_VF, 6, 6},
        {NdisRequestSetInformation, OID_SRIOV_SET_VF_POWER_STATE, 13, 16},
        {NdisRequestMethod, OID_SRIOV_VF_VENDOR_DEVICE_ID, 10, 10},
        {NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, 16, 16},
        {NdisRequestSetInformation, OID_RECEIVE_FILTER_MOVE_FILTER, 24, 24},
        {NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, 44, sizeof(NDIS_RECEIVE_FILTER_PARAMETERS)},
    };
    static UCHAR big[2048];
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    ndis_switch_create(nic->adapter, 2);
    nic->oids = 0;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        NDIS_OID_REQUEST request;
        ULONG needed;

        nic_request(&request, rows[i].type, rows[i].oid, big, rows[i].minimum - 1);
        assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_INVALID_LENGTH);
        needed = rows[i].type == NdisRequestMethod ? request.DATA.METHOD_INFORMATION.BytesNeeded
                                                   : request.DATA.QUERY_INFORMATION.BytesNeeded;
        assert_int_equal(needed, rows[i].needed);
        nic_request(&request, rows[i].type, rows[i].oid, NULL, rows[i].minimum);
        assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_INVALID_LENGTH);
    }
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void pf_oids_are_not_supported_without_sriov(void **state)
{
    static const struct {
        NDIS_REQUEST_TYPE type;
        NDIS_OID oid;
    } rows[] = {
        {NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF},
        {NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT},
        {NdisRequestMethod, OID_SRIOV_READ_VF_CONFIG_SPACE},
        {NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_SPACE},
        {NdisRequestMethod, OID_SRIOV_READ_VF_CONFIG_BLOCK},
        {NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_BLOCK},
        {NdisRequestSetInformation, OID_SRIOV_RESET_VF},
        {NdisRequestQueryInformation, OID_NIC_SWITCH_ENUM_SWITCHES},
        {NdisRequestQueryInformation, OID_SRIOV_CURRENT_CAPABILITIES},
        {NdisRequestQueryInformation, OID_SRIOV_PF_LUID},
        {NdisRequestQueryInformation, OID_SRIOV_VF_SERIAL_NUMBER},
    };
    static UCHAR big[2048];

    (void)state;
    for (unsigned form = 0; form < 2; form++) {
        struct nic *nic = nic_create(FAKE_HOST);

        nic->no_sriov = form == 0;
        nic->sriov_off = form == 1;
        nic_load(nic);
        nic_add(nic);
        nic_start(nic);
        for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
            assert_int_equal(nic_send(nic, rows[i].type, rows[i].oid, big, sizeof big), NDIS_STATUS_NOT_SUPPORTED);
        assert_int_equal(ndis_switch_create(nic->adapter, 1), NDIS_STATUS_NOT_SUPPORTED);
        assert_int_equal(nic->oids, 0);
        nic_destroy(nic);
    }
}

static void vf_oids_without_a_switch_never_reach_the_miniport(void **state)
{
    static const struct {
        NDIS_REQUEST_TYPE type;
        NDIS_OID oid;
    } rows[] = {
        {NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF},
        {NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT},
        {NdisRequestMethod, OID_SRIOV_READ_VF_CONFIG_SPACE},
        {NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_SPACE},
        {NdisRequestSetInformation, OID_SRIOV_RESET_VF},
        {NdisRequestSetInformation, OID_SRIOV_SET_VF_POWER_STATE},
        {NdisRequestMethod, OID_SRIOV_VF_VENDOR_DEVICE_ID},
    };
    static UCHAR big[2048];
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(nic_send(nic, rows[i].type, rows[i].oid, big, sizeof big), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void every_row_of_the_table_is_found_by_its_oid(void **state)
{
    static const struct {
        NDIS_OID oid;
        const char *name;
    } rows[] = {
#define ROW(oid) {oid, #oid}
        ROW(OID_GEN_SUPPORTED_LIST),
        ROW(OID_GEN_VENDOR_ID),
        ROW(OID_GEN_VENDOR_DESCRIPTION),
        ROW(OID_GEN_CURRENT_PACKET_FILTER),
        ROW(OID_GEN_CURRENT_LOOKAHEAD),
        ROW(OID_GEN_VENDOR_DRIVER_VERSION),
        ROW(OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES),
        ROW(OID_RECEIVE_FILTER_SET_FILTER),
        ROW(OID_RECEIVE_FILTER_CLEAR_FILTER),
        ROW(OID_RECEIVE_FILTER_CURRENT_CAPABILITIES),
        ROW(OID_RECEIVE_FILTER_MOVE_FILTER),
        ROW(OID_NIC_SWITCH_HARDWARE_CAPABILITIES),
        ROW(OID_NIC_SWITCH_CURRENT_CAPABILITIES),
        ROW(OID_NIC_SWITCH_CREATE_SWITCH),
        ROW(OID_NIC_SWITCH_PARAMETERS),
        ROW(OID_NIC_SWITCH_DELETE_SWITCH),
        ROW(OID_NIC_SWITCH_ENUM_SWITCHES),
        ROW(OID_NIC_SWITCH_CREATE_VPORT),
        ROW(OID_NIC_SWITCH_VPORT_PARAMETERS),
        ROW(OID_NIC_SWITCH_ENUM_VPORTS),
        ROW(OID_NIC_SWITCH_DELETE_VPORT),
        ROW(OID_NIC_SWITCH_ALLOCATE_VF),
        ROW(OID_NIC_SWITCH_FREE_VF),
        ROW(OID_NIC_SWITCH_VF_PARAMETERS),
        ROW(OID_NIC_SWITCH_ENUM_VFS),
        ROW(OID_SRIOV_HARDWARE_CAPABILITIES),
        ROW(OID_SRIOV_CURRENT_CAPABILITIES),
        ROW(OID_SRIOV_READ_VF_CONFIG_SPACE),
        ROW(OID_SRIOV_WRITE_VF_CONFIG_SPACE),
        ROW(OID_SRIOV_READ_VF_CONFIG_BLOCK),
        ROW(OID_SRIOV_WRITE_VF_CONFIG_BLOCK),
        ROW(OID_SRIOV_RESET_VF),
        ROW(OID_SRIOV_SET_VF_POWER_STATE),
        ROW(OID_SRIOV_VF_VENDOR_DEVICE_ID),
        ROW(OID_SRIOV_PROBED_BARS),
        ROW(OID_SRIOV_BAR_RESOURCES),
        ROW(OID_SRIOV_PF_LUID),
        ROW(OID_SRIOV_CONFIG_STATE),
        ROW(OID_SRIOV_VF_SERIAL_NUMBER),
        ROW(OID_SRIOV_OVERLYING_ADAPTER_INFO),
        ROW(OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK),
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        assert_int_equal(ndis_oid_find(rows[i].oid)->oid, rows[i].oid);
        assert_string_equal(ndis_oid_find(rows[i].oid)->name, rows[i].name);
    }
    assert_string_equal(ndis_oid_find(0x12345678)->name, "OID");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ndis_only_oids_are_refused_from_overlying_drivers),
        cmocka_unit_test(wrong_request_type_is_not_supported),
        cmocka_unit_test(shorter_than_the_fixed_part_is_invalid_length_with_bytes_needed),
        cmocka_unit_test(pf_oids_are_not_supported_without_sriov),
        cmocka_unit_test(vf_oids_without_a_switch_never_reach_the_miniport),
        cmocka_unit_test(every_row_of_the_table_is_found_by_its_oid),
    };
    return cmocka_run_group_tests_name("admission", tests, NULL, NULL);
}
