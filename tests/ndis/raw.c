/* SPDX-License-Identifier: MIT
 *
 * Raw requests: they reach the miniport whatever NDIS thinks of them, and NDIS's books follow what the miniport made of
 * them.
 */
#include "nic.h"

#include "ndis/internal.h"

static NDIS_STATUS raw(struct nic *nic, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length)
{
    NDIS_OID_REQUEST request;

    nic_request(&request, type, oid, buffer, length);
    return ndis_oid_wait(nic->binding, &request, true);
}

static unsigned vfs_known(struct nic *nic)
{
    return nic->adapter->nic_switch.vfs.used;
}

static NDIS_STATUS answer;
static ULONG seen_length;

static NDIS_STATUS say(struct nic *nic, PNDIS_OID_REQUEST request)
{
    seen_length = ndis_oid_capacity(request);
    return answer == NDIS_STATUS_SUCCESS ? nic_default_oid(nic, request) : answer;
}

/* What a request of the overlying driver would never get through with. */
static void what_ndis_refuses_reaches_the_miniport(void **state)
{
    static const struct {
        NDIS_REQUEST_TYPE type;
        NDIS_OID oid;
        ULONG length;
    } rows[] = {
        {NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH, 8},
        {NdisRequestQueryInformation, OID_SRIOV_RESET_VF, 8},
        {NdisRequestSetInformation, OID_SRIOV_RESET_VF, 0},
        {NdisRequestQueryInformation, OID_SRIOV_CURRENT_CAPABILITIES, 64},
        {NdisRequestMethod, OID_SRIOV_CONFIG_STATE, 16},
        {NdisRequestGeneric1, OID_SRIOV_READ_VF_CONFIG_SPACE, 16},
        {NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF, 20},
        {NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, 20},
        {NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, 3},
        {NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, 2},
    };
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR buffer[64] = {0};

    (void)state;
    nic->on_oid = say;
    answer = NDIS_STATUS_RESOURCES;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        NDIS_STATUS refused = nic_send(nic, rows[i].type, rows[i].oid, buffer, rows[i].length);

        assert_int_equal(nic->oids, i);
        assert_int_not_equal(refused, NDIS_STATUS_RESOURCES);
        assert_int_equal(raw(nic, rows[i].type, rows[i].oid, buffer, rows[i].length), NDIS_STATUS_RESOURCES);
        assert_int_equal(nic->oids, i + 1);
        assert_int_equal(seen_length, rows[i].length);
    }
    assert_int_equal(vfs_known(nic), 0);
    assert_false(nic->adapter->nic_switch.exists);
    nic_destroy(nic);
}

static void the_issuer_sees_what_the_miniport_said(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_NIC_SWITCH_VF_PARAMETERS vf = nic_vf_parameters();
    NDIS_OID_REQUEST request;

    (void)state;
    nic->on_oid = say;
    answer = (NDIS_STATUS)0xc0ffee;
    nic_request(&request, NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF, &vf, sizeof vf);
    assert_int_equal(ndis_oid_wait(nic->binding, &request, true), 0xc0ffee);
    assert_int_equal(vfs_known(nic), 0);
    nic_destroy(nic);
}

static void success_for_a_second_switch_and_its_end_are_booked(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_NIC_SWITCH_PARAMETERS parameters = {0};
    NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS end = {0};

    (void)state;
    nic_header(&parameters, 1, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1);
    parameters.NumVFs = 7;
    nic_header(&end, 1, NDIS_SIZEOF_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1);
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(raw(nic, NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH, &parameters, sizeof parameters),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->adapter->nic_switch.parameters.NumVFs, 7);
    assert_int_equal(vfs_known(nic), 1);
    end.SwitchId = 5;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_SWITCH, &end, sizeof end),
                     NDIS_STATUS_SUCCESS);
    assert_true(nic->adapter->nic_switch.exists);
    end.SwitchId = 0;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_SWITCH, &end, sizeof end),
                     NDIS_STATUS_SUCCESS);
    assert_false(nic->adapter->nic_switch.exists);
    assert_int_equal(vfs_known(nic), 0);
    nic_destroy(nic);
}

static void vf_freed_under_its_vport_is_gone_from_the_books(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_NIC_SWITCH_FREE_VF_PARAMETERS end = {0};
    USHORT vf;
    ULONG vport;

    (void)state;
    nic_header(&end, 1, NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1);
    nic_allocate_vf(nic, &vf);
    nic_create_vport(nic, vf, &vport);
    assert_int_equal(nic_free_vf(nic, vf), NDIS_STATUS_FILE_NOT_FOUND);
    end.VFId = vf;
    nic->on_oid = say;
    answer = NDIS_STATUS_INVALID_PARAMETER;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &end, sizeof end),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(vfs_known(nic), 1);
    answer = NDIS_STATUS_SUCCESS;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &end, sizeof end),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(vfs_known(nic), 0);
    end.VFId = 77;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &end, sizeof end),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_delete_vport(nic, vport), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static void vports_and_filters_may_bring_their_numbers(void **state)
{
    static const ULONG ids[] = {3, 3, 0xfffffff0};
    struct nic *nic = nic_with_switch();
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS clear = {0};
    NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS move = {0};
    NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS end = {0};

    (void)state;
    for (unsigned i = 0; i < sizeof ids / sizeof *ids; i++) {
        NDIS_NIC_SWITCH_VPORT_PARAMETERS vport = nic_vport_parameters(0);

        vport.VPortId = ids[i];
        assert_int_equal(raw(nic, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &vport, sizeof vport),
                         NDIS_STATUS_SUCCESS);
        assert_int_equal(nic->adapter->nic_switch.vports.used, 1);
    }
    nic_header(&clear, 1, sizeof clear);
    clear.FilterId = 9;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &clear, sizeof clear),
                     NDIS_STATUS_SUCCESS);
    nic_header(&move, 1, sizeof move);
    move.FilterId = 9;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move),
                     NDIS_STATUS_SUCCESS);
    nic_header(&end, 1, NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1);
    end.VPortId = 8;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &end, sizeof end),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->adapter->nic_switch.vports.used, 1);
    end.VPortId = 3;
    assert_int_equal(raw(nic, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &end, sizeof end),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->adapter->nic_switch.vports.used, 0);
    nic_destroy(nic);
}

static void closed_adapter_refuses(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte = 0;

    (void)state;
    ndis_surprise_removed(nic->adapter);
    assert_int_equal(raw(nic, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &byte, 1), NDIS_STATUS_NOT_ACCEPTED);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_ndis_refuses_reaches_the_miniport),
        cmocka_unit_test(the_issuer_sees_what_the_miniport_said),
        cmocka_unit_test(success_for_a_second_switch_and_its_end_are_booked),
        cmocka_unit_test(vf_freed_under_its_vport_is_gone_from_the_books),
        cmocka_unit_test(vports_and_filters_may_bring_their_numbers),
        cmocka_unit_test(closed_adapter_refuses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
