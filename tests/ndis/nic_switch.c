/* SPDX-License-Identifier: MIT
 *
 * The switch and its VFs as NDIS keeps them: pre-validation and bookkeeping (ndis.md 4.14-4.18, 7.13, 8.2).
 */
#include "nic.h"

static NDIS_STATUS refuse(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic, (void)request;
    return NDIS_STATUS_FAILURE;
}

static NDIS_STATUS look_at_create(struct nic *nic, PNDIS_OID_REQUEST request)
{
    const NDIS_NIC_SWITCH_PARAMETERS *p = request->DATA.METHOD_INFORMATION.InformationBuffer;

    if (request->DATA.METHOD_INFORMATION.Oid != OID_NIC_SWITCH_CREATE_SWITCH)
        return NDIS_STATUS_SUCCESS;
    assert_int_equal(request->RequestType, NdisRequestMethod);
    assert_int_equal(p->Header.Type, NDIS_OBJECT_TYPE_DEFAULT);
    assert_int_equal(p->SwitchType, NdisNicSwitchTypeExternal);
    assert_int_equal(p->SwitchId, 0);
    assert_int_equal(p->NumVFs, 3);
    assert_int_equal(p->Flags, 0);
    assert_int_equal(p->SwitchFriendlyName.Length, 28);
    nic_log(nic, "create");
    return NDIS_STATUS_SUCCESS;
}

static void create_switch_is_what_the_registry_says(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic->on_oid = look_at_create;
    assert_int_equal(ndis_switch_create(nic->adapter, 3), NDIS_STATUS_SUCCESS);
    assert_string_equal(nic->log, "create ");
    nic_destroy(nic);
}

static void second_switch_and_too_many_vfs_never_reach_the_miniport(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    assert_int_equal(ndis_switch_create(nic->adapter, 9), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(ndis_switch_create(nic->adapter, 8), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_switch_create(nic->adapter, 8), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic->oids, 1);
    nic_destroy(nic);
}

static void failed_create_leaves_no_switch(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic->on_oid = refuse;
    assert_int_equal(ndis_switch_create(nic->adapter, 4), NDIS_STATUS_FAILURE);
    nic->on_oid = NULL;
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(ndis_switch_delete(nic->adapter), NDIS_STATUS_FILE_NOT_FOUND);
    assert_int_equal(ndis_switch_create(nic->adapter, 4), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static NDIS_STATUS complete_early(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NdisMOidRequestComplete(nic->handle, request, NDIS_STATUS_SUCCESS);
    return NDIS_STATUS_PENDING;
}

static void switch_requests_wait_for_pending_miniports(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic->on_oid = complete_early;
    assert_int_equal(ndis_switch_create(nic->adapter, 4), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_switch_delete(nic->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->completions, 0);
    nic_destroy(nic);
}

static void delete_switch_is_refused_while_anything_remains(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_RECEIVE_FILTER_PARAMETERS filter = nic_filter_parameters(0);
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS clear = {0};
    USHORT vf;
    ULONG vport;

    (void)state;
    nic_allocate_vf(nic, &vf);
    assert_int_equal(ndis_switch_delete(nic->adapter), NDIS_STATUS_INVALID_PARAMETER);
    nic_free_vf(nic, vf);
    nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &vport);
    assert_int_equal(ndis_switch_delete(nic->adapter), NDIS_STATUS_INVALID_PARAMETER);
    nic_delete_vport(nic, vport);
    nic_send(nic, NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, &filter, sizeof filter);
    assert_int_equal(ndis_switch_delete(nic->adapter), NDIS_STATUS_INVALID_PARAMETER);
    nic_header(&clear, 1, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1);
    clear.FilterId = filter.FilterId;
    nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &clear, sizeof clear);
    assert_int_equal(nic->oids, 6);
    assert_int_equal(ndis_switch_delete(nic->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_switch_delete(nic->adapter), NDIS_STATUS_FILE_NOT_FOUND);
    assert_int_equal(nic->oids, 7);
    nic_destroy(nic);
}

static void allocate_vf_rows_of_8_2_never_reach_the_miniport(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_NIC_SWITCH_VF_PARAMETERS good = nic_vf_parameters(), rows[10];
    unsigned count = 0;

    (void)state;
    for (unsigned i = 0; i < 10; i++)
        rows[i] = good;
    rows[count++].SwitchId = 1;
    rows[count++].VFId = 0;
    rows[count++].RequestorId = 0;
    rows[count++].MacAddressLength = 33;
    rows[count++].VMName.Length = 514;
    rows[count++].VMFriendlyName.Length = 3;
    rows[count++].NicName.Length = 0xfffe;
    rows[count++].Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    rows[count++].Header.Revision = 0;
    rows[count++].Header.Size = 1631;
    for (unsigned i = 0; i < count; i++) {
        NDIS_NIC_SWITCH_VF_PARAMETERS before = rows[i];

        assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF, &rows[i], sizeof rows[i]),
                         NDIS_STATUS_INVALID_PARAMETER);
        assert_memory_equal(&before, &rows[i], sizeof before);
    }
    assert_int_equal(nic->oids, 0);
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF, &good, sizeof good),
                     NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static void no_vf_free_is_resources_without_asking_the_miniport(void **state)
{
    struct nic *nic = nic_with_switch();

    (void)state;
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_RESOURCES);
    assert_int_equal(nic->oids, 4);
    assert_int_equal(nic_free_vf(nic, 2), NDIS_STATUS_SUCCESS);
    nic->next_vf = 2;
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static NDIS_STATUS same_vf_again(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS *p = request->DATA.METHOD_INFORMATION.InformationBuffer;

    (void)nic;
    p->VFId = 0;
    p->RequestorId = 0x410;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS no_vf_id(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic, (void)request;
    return NDIS_STATUS_SUCCESS;
}

static void success_without_a_new_vf_id_is_reported_and_fails(void **state)
{
    struct nic *nic = nic_with_switch();

    (void)state;
    nic->on_oid = same_vf_again;
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_FAILURE);
    assert_true(nic_saw_rule(nic, "SRIOV_VF_ID"));
    nic->on_oid = no_vf_id;
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_FAILURE);
    assert_int_equal(nt_violations(nic->partition), 2);
    nic->on_oid = NULL;
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static void free_vf_unallocated_or_with_a_vport_is_file_not_found(void **state)
{
    struct nic *nic = nic_with_switch();
    ULONG vport;

    (void)state;
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_FILE_NOT_FOUND);
    assert_int_equal(nic_free_vf(nic, 0xffff), NDIS_STATUS_FILE_NOT_FOUND);
    nic_allocate_vf(nic, NULL);
    assert_int_equal(nic_create_vport(nic, 0, &vport), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_FILE_NOT_FOUND);
    assert_int_equal(nic->oids, 2);
    assert_int_equal(nic_delete_vport(nic, vport), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_FILE_NOT_FOUND);
    nic_destroy(nic);
}

static void failed_free_keeps_the_vf(void **state)
{
    struct nic *nic = nic_with_switch();

    (void)state;
    nic_allocate_vf(nic, NULL);
    nic->on_oid = refuse;
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_FAILURE);
    nic->on_oid = NULL;
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static void only_the_driver_that_made_it_may_free_it(void **state)
{
    static const struct ndis_overlying nobody = {"other", NULL, NULL};
    struct nic *nic = nic_with_switch();
    NDIS_HANDLE mine = nic->binding, other;
    ULONG vport;

    (void)state;
    nic_allocate_vf(nic, NULL);
    nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &vport);
    ndis_open(nic->adapter, &nobody, nic, &other);
    nic->oids = 0;
    nic->binding = other;
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic_delete_vport(nic, vport), NDIS_STATUS_INVALID_PARAMETER);
    nic->binding = mine;
    assert_int_equal(nic->oids, 0);
    assert_int_equal(nic_free_vf(nic, 0), NDIS_STATUS_SUCCESS);
    ndis_close(other);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(create_switch_is_what_the_registry_says),
        cmocka_unit_test(second_switch_and_too_many_vfs_never_reach_the_miniport),
        cmocka_unit_test(failed_create_leaves_no_switch),
        cmocka_unit_test(switch_requests_wait_for_pending_miniports),
        cmocka_unit_test(delete_switch_is_refused_while_anything_remains),
        cmocka_unit_test(allocate_vf_rows_of_8_2_never_reach_the_miniport),
        cmocka_unit_test(no_vf_free_is_resources_without_asking_the_miniport),
        cmocka_unit_test(success_without_a_new_vf_id_is_reported_and_fails),
        cmocka_unit_test(free_vf_unallocated_or_with_a_vport_is_file_not_found),
        cmocka_unit_test(failed_free_keeps_the_vf),
        cmocka_unit_test(only_the_driver_that_made_it_may_free_it),
    };
    return cmocka_run_group_tests_name("nic_switch", tests, NULL, NULL);
}
