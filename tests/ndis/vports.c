/* SPDX-License-Identifier: MIT
 *
 * VPorts and receive filters as NDIS keeps them: pre-validation and bookkeeping (ndis.md 4.20-4.23, 7.13, 8.2).
 */
#include "nic.h"

static NDIS_STATUS refuse(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic, (void)request;
    return NDIS_STATUS_FAILURE;
}

static void create_vport_rows_never_reach_the_miniport(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_NIC_SWITCH_VPORT_PARAMETERS rows[12];
    unsigned count = 0;

    (void)state;
    nic_allocate_vf(nic, NULL);
    nic->oids = 0;
    for (unsigned i = 0; i < 12; i++)
        rows[i] = nic_vport_parameters(0);
    rows[count++].SwitchId = 1;
    rows[count++].VPortId = 1;
    rows[count++].AttachedFunctionId = 1; /* unallocated VF */
    rows[count++].NumQueuePairs = 0;
    rows[count++].NumQueuePairs = 3; /* above MaxNumQueuePairsPerNonDefaultVPort */
    rows[count++].LookaheadSize = 64;
    rows[count++].VPortState = NdisNicSwitchVPortStateDeactivated; /* of a VF */
    rows[count++].VPortState = NdisNicSwitchVPortStateUndefined;
    rows[count++].VPortName.Length = 513;
    rows[count++].Header.Size = 571;
    rows[count] = nic_vport_parameters(NDIS_PF_FUNCTION_ID);
    rows[count++].ProcessorAffinity.Mask = 0;
    for (unsigned i = 0; i < count; i++) {
        ULONG id = rows[i].VPortId;

        assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &rows[i], sizeof rows[i]),
                         NDIS_STATUS_INVALID_PARAMETER);
        assert_int_equal(rows[i].VPortId, id);
    }
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void ndis_numbers_vports_and_reuses_what_is_free(void **state)
{
    struct nic *nic = nic_with_switch();
    ULONG id;

    (void)state;
    for (ULONG i = 1; i <= 3; i++) {
        assert_int_equal(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &id), NDIS_STATUS_SUCCESS);
        assert_int_equal(id, i);
    }
    assert_int_equal(nic_delete_vport(nic, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &id), NDIS_STATUS_SUCCESS);
    assert_int_equal(id, 2);
    nic->on_oid = refuse;
    id = 99;
    assert_int_equal(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &id), NDIS_STATUS_FAILURE);
    assert_int_equal(id, 0);
    nic->on_oid = NULL;
    assert_int_equal(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &id), NDIS_STATUS_SUCCESS);
    assert_int_equal(id, 4);
    nic_destroy(nic);
}

static void vport_pool_is_max_num_vports_with_the_default_one(void **state)
{
    struct nic *nic = nic_with_switch();

    (void)state;
    for (unsigned i = 1; i < 12; i++)
        assert_int_equal(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, NULL), NDIS_STATUS_RESOURCES);
    assert_int_equal(nic->oids, 11);
    nic_destroy(nic);
}

static void second_vport_on_a_vf_is_refused(void **state)
{
    struct nic *nic = nic_with_switch();

    (void)state;
    nic_allocate_vf(nic, NULL);
    assert_int_equal(nic_create_vport(nic, 0, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_create_vport(nic, 0, NULL), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic->oids, 2);
    nic_destroy(nic);
}

static void delete_vport_0_unknown_or_with_filters_is_refused(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_RECEIVE_FILTER_PARAMETERS filter;
    ULONG vport;

    (void)state;
    assert_int_equal(nic_delete_vport(nic, 0), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic_delete_vport(nic, 5), NDIS_STATUS_INVALID_PARAMETER);
    nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &vport);
    filter = nic_filter_parameters(vport);
    nic_send(nic, NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, &filter, sizeof filter);
    assert_int_equal(nic_delete_vport(nic, vport), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic->oids, 2);
    nic_destroy(nic);
}

static void accepted_vport_set_changes_only_what_is_flagged(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_NIC_SWITCH_VPORT_PARAMETERS set, get = {0};
    ULONG vport;

    (void)state;
    nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &vport);
    set = nic_vport_parameters(NDIS_PF_FUNCTION_ID);
    set.VPortId = vport;
    set.VPortState = NdisNicSwitchVPortStateActivated;
    set.InterruptModeration = NdisNicSwitchVPortInterruptModerationHigh;
    set.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
    assert_int_equal(nic_send(nic, NdisRequestSetInformation, OID_NIC_SWITCH_VPORT_PARAMETERS, &set, sizeof set),
                     NDIS_STATUS_SUCCESS);
    get.VPortId = vport;
    for (NDIS_REQUEST_TYPE type = NdisRequestQueryInformation;; type = NdisRequestMethod) {
        assert_int_equal(nic_send(nic, type, OID_NIC_SWITCH_VPORT_PARAMETERS, &get, sizeof get), NDIS_STATUS_SUCCESS);
        assert_int_equal(get.VPortState, NdisNicSwitchVPortStateActivated);
        assert_int_equal(get.InterruptModeration, 0);
        if (type == NdisRequestMethod)
            break;
    }
    get.VPortId = 7;
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_VPORT_PARAMETERS, &get, sizeof get),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic->oids, 2);
    nic_destroy(nic);
}

static void filters_are_numbered_moved_and_cleared(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_RECEIVE_FILTER_PARAMETERS set = nic_filter_parameters(0);
    NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS move = {0};
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS clear = {0};
    ULONG vport;

    (void)state;
    nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &vport);
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, &set, sizeof set),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(set.FilterId, 1);
    nic_header(&move, 1, NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1);
    move.FilterId = 2, move.DestVPortId = vport;
    assert_int_equal(nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move),
                     NDIS_STATUS_INVALID_PARAMETER); /* unknown filter */
    move.FilterId = 1, move.SourceVPortId = vport;
    assert_int_equal(nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move),
                     NDIS_STATUS_INVALID_PARAMETER); /* not on the source */
    move.SourceVPortId = 0, move.DestVPortId = 9;
    assert_int_equal(nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move),
                     NDIS_STATUS_INVALID_PARAMETER); /* unknown VPort */
    assert_int_equal(nic->oids, 2);
    move.DestVPortId = vport;
    assert_int_equal(nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_delete_vport(nic, vport), NDIS_STATUS_INVALID_PARAMETER); /* it lies there now */
    nic_header(&clear, 1, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1);
    clear.FilterId = 2;
    assert_int_equal(nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &clear, sizeof clear),
                     NDIS_STATUS_FILE_NOT_FOUND);
    clear.FilterId = 1;
    assert_int_equal(nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &clear, sizeof clear),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_delete_vport(nic, vport), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static void set_filter_rows_never_reach_the_miniport(void **state)
{
    static const struct {
        ULONG vport, filter, offset, count, size;
        NDIS_STATUS status;
    } rows[] = {
        {3, 0, 48, 0, 56, NDIS_STATUS_INVALID_PARAMETER},         /* VPort unknown */
        {0, 5, 48, 0, 56, NDIS_STATUS_INVALID_PARAMETER},         /* modifies a filter that is not there */
        {0, 0, 8, 1, 56, NDIS_STATUS_INVALID_PARAMETER},          /* array over the fixed part */
        {0, 0, 48, 1, 8, NDIS_STATUS_INVALID_PARAMETER},          /* elements too small */
        {0, 0, 48, 2, 56, NDIS_STATUS_INVALID_LENGTH},            /* one element fits */
        {0, 0, 0xfffffff0, 1, 56, NDIS_STATUS_INVALID_PARAMETER}, /* over 32 bits */
        {0, 0, 48, 0xffffffff, 0xffffffff, NDIS_STATUS_INVALID_PARAMETER},
    };
    struct nic *nic = nic_with_switch();
    union {
        NDIS_RECEIVE_FILTER_PARAMETERS p;
        UCHAR bytes[48 + 56];
    } block;

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        memset(&block, 0, sizeof block);
        block.p = nic_filter_parameters(rows[i].vport);
        block.p.FilterId = rows[i].filter;
        block.p.FieldParametersArrayOffset = rows[i].offset;
        block.p.FieldParametersArrayNumElements = rows[i].count;
        block.p.FieldParametersArrayElementSize = rows[i].size;
        assert_int_equal(nic_send(nic, NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, &block, sizeof block),
                         rows[i].status);
        assert_int_equal(block.p.FilterId, rows[i].filter);
    }
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_vport_rows_never_reach_the_miniport),
        cmocka_unit_test(ndis_numbers_vports_and_reuses_what_is_free),
        cmocka_unit_test(vport_pool_is_max_num_vports_with_the_default_one),
        cmocka_unit_test(second_vport_on_a_vf_is_refused),
        cmocka_unit_test(delete_vport_0_unknown_or_with_filters_is_refused),
        cmocka_unit_test(accepted_vport_set_changes_only_what_is_flagged),
        cmocka_unit_test(filters_are_numbered_moved_and_cleared),
        cmocka_unit_test(set_filter_rows_never_reach_the_miniport),
    };
    return cmocka_run_group_tests_name("vports", tests, NULL, NULL);
}
