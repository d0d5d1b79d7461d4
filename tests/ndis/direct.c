/* SPDX-License-Identifier: MIT
 *
 * Requests outside the queue: direct and synchronous ones, clones (ndis.md 1.3, 5.13, 6).
 */
#include "nic.h"

static UCHAR scratch[16];

static NDIS_STATUS direct(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    struct nic *nic = context;

    nic->oids++;
    nic->oid_irql = KeGetCurrentIrql();
    return nic->on_oid ? nic->on_oid(nic, request) : NDIS_STATUS_SUCCESS;
}

static VOID cancel_direct(NDIS_HANDLE context, PVOID id)
{
    nic_log(context, "cancel:%p", id);
}

static struct nic *direct_nic(void)
{
    struct nic *nic = nic_create(FAKE_HOST);

    nic->characteristics.MinorNdisVersion = 80;
    nic->characteristics.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3;
    nic->characteristics.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3;
    nic->characteristics.DirectOidRequestHandler = direct;
    nic->characteristics.CancelDirectOidRequestHandler = cancel_direct;
    nic->characteristics.SynchronousOidRequestHandler = direct;
    assert_int_equal(nic_load(nic), STATUS_SUCCESS);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    nic_clear_log(nic);
    return nic;
}

static void query(NDIS_OID_REQUEST *request)
{
    nic_request(request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, sizeof scratch);
}

static void direct_requests_pass_a_pended_one_at_the_callers_irql(void **state)
{
    struct nic *nic = direct_nic();
    NDIS_OID_REQUEST queued, request;
    KIRQL before;

    (void)state;
    nic->on_oid = nic_pend;
    query(&queued);
    assert_int_equal(NdisOidRequest(nic->binding, &queued), NDIS_STATUS_PENDING);
    nic->on_oid = NULL;
    query(&request);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(NdisDirectOidRequest(nic->binding, &request), NDIS_STATUS_SUCCESS);
    KeLowerIrql(before);
    assert_int_equal(nic->oid_irql, DISPATCH_LEVEL);
    assert_int_equal(nic->completions, 0);
    NdisMOidRequestComplete(nic->handle, &queued, NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static NDIS_STATUS complete_early(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NdisMDirectOidRequestComplete(nic->handle, request, NDIS_STATUS_RESOURCES);
    return NDIS_STATUS_PENDING;
}

static void several_may_pend_and_each_completes_once(void **state)
{
    struct nic *nic = direct_nic();
    NDIS_OID_REQUEST first, second, early;

    (void)state;
    nic->on_oid = nic_pend;
    query(&first);
    query(&second);
    assert_int_equal(NdisDirectOidRequest(nic->binding, &first), NDIS_STATUS_PENDING);
    assert_int_equal(NdisDirectOidRequest(nic->binding, &second), NDIS_STATUS_PENDING);
    assert_int_equal(nic->oids, 2);
    NdisMDirectOidRequestComplete(nic->handle, &first, NDIS_STATUS_INVALID_DATA);
    assert_ptr_equal(nic->last_request, &first);
    assert_int_equal(nic->last_status, NDIS_STATUS_INVALID_DATA);
    NdisMDirectOidRequestComplete(nic->handle, &second, NDIS_STATUS_SUCCESS);
    nic->on_oid = complete_early;
    query(&early);
    assert_int_equal(NdisDirectOidRequest(nic->binding, &early), NDIS_STATUS_PENDING);
    assert_int_equal(nic->last_status, NDIS_STATUS_RESOURCES);
    assert_int_equal(nic->completions, 3);
    assert_int_equal(nt_violations(nic->partition), 0);
    NdisMDirectOidRequestComplete(nic->handle, &first, NDIS_STATUS_SUCCESS);
    assert_true(nic_saw_rule(nic, "OID_NOT_PENDING"));
    assert_int_equal(nic->completions, 3);
    nic_destroy(nic);
}

static void cancel_reaches_the_miniport_only_while_it_is_in_flight(void **state)
{
    struct nic *nic = direct_nic();
    NDIS_OID_REQUEST request;

    (void)state;
    nic->on_oid = nic_pend;
    query(&request);
    request.RequestId = (PVOID)0x5;
    NdisDirectOidRequest(nic->binding, &request);
    NdisCancelDirectOidRequest(nic->binding, (PVOID)0x6);
    assert_string_equal(nic->log, "");
    NdisCancelDirectOidRequest(nic->binding, (PVOID)0x5);
    assert_string_equal(nic->log, "cancel:0x5 ");
    NdisMDirectOidRequestComplete(nic->handle, &request, NDIS_STATUS_REQUEST_ABORTED);
    NdisCancelDirectOidRequest(nic->binding, (PVOID)0x5);
    assert_string_equal(nic->log, "cancel:0x5 ");
    nic_destroy(nic);
}

/* ndis.md 1.3: neither path carries SR-IOV or NIC-switch OIDs. */
static void oids_of_the_switch_do_not_go_this_way(void **state)
{
    static const NDIS_OID oids[] = {OID_SRIOV_WRITE_VF_CONFIG_SPACE, OID_NIC_SWITCH_CREATE_VPORT,
                                    OID_RECEIVE_FILTER_SET_FILTER,   OID_SRIOV_PF_LUID,
                                    OID_SRIOV_CONFIG_STATE,          OID_NIC_SWITCH_VPORT_PARAMETERS};
    struct nic *nic = direct_nic();
    NDIS_OID_REQUEST request;

    (void)state;
    for (unsigned i = 0; i < sizeof oids / sizeof *oids; i++) {
        nic_request(&request, NdisRequestMethod, oids[i], scratch, sizeof scratch);
        assert_int_equal(NdisDirectOidRequest(nic->binding, &request), NDIS_STATUS_NOT_SUPPORTED);
        assert_int_equal(NdisSynchronousOidRequest(nic->binding, &request), NDIS_STATUS_NOT_SUPPORTED);
    }
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void driver_without_the_handlers_gets_neither(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;

    (void)state;
    query(&request);
    assert_int_equal(NdisDirectOidRequest(nic->binding, &request), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(NdisSynchronousOidRequest(nic->binding, &request), NDIS_STATUS_NOT_SUPPORTED);
    NdisCancelDirectOidRequest(nic->binding, (PVOID)1);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static NDIS_STATUS say_pending(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic, (void)request;
    return NDIS_STATUS_PENDING;
}

static void synchronous_request_may_not_pend(void **state)
{
    struct nic *nic = direct_nic();
    NDIS_OID_REQUEST request;

    (void)state;
    query(&request);
    assert_int_equal(NdisSynchronousOidRequest(nic->binding, &request), NDIS_STATUS_SUCCESS);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic->on_oid = say_pending;
    assert_int_equal(NdisSynchronousOidRequest(nic->binding, &request), NDIS_STATUS_FAILURE);
    assert_true(nic_saw_rule(nic, "SYNCHRONOUS_OID_PENDING"));
    assert_int_equal(nic->completions, 0);
    nic_destroy(nic);
}

static void direct_request_never_completed_is_ended_by_halt(void **state)
{
    struct nic *nic = direct_nic();
    NDIS_OID_REQUEST request;

    (void)state;
    ndis_set_patience(nic->adapter, 50);
    nic->on_oid = nic_pend;
    query(&request);
    NdisDirectOidRequest(nic->binding, &request);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_STOP_DEVICE);
    assert_int_equal(nic->completions, 1);
    assert_int_equal(nic->last_status, NDIS_STATUS_REQUEST_ABORTED);
    assert_true(nic_saw_rule(nic, "OID_NEVER_COMPLETED"));
    assert_int_equal(NdisDirectOidRequest(nic->binding, &request), NDIS_STATUS_CLOSING);
    nic_destroy(nic);
}

static void clone_is_a_copy_with_reserved_members_of_its_own(void **state)
{
    struct nic *nic = direct_nic();
    NDIS_OID_REQUEST request, *clone = NULL;

    (void)state;
    query(&request);
    request.RequestId = (PVOID)0x123;
    memset(request.SourceReserved, 0xaa, sizeof request.SourceReserved);
    assert_int_equal(NdisAllocateCloneOidRequest(nic->handle, &request, 0x74736574, &clone), NDIS_STATUS_SUCCESS);
    assert_ptr_not_equal(clone, &request);
    assert_memory_equal(&clone->DATA, &request.DATA, sizeof request.DATA);
    assert_ptr_equal(clone->RequestId, (PVOID)0x123);
    assert_int_equal(clone->SourceReserved[0], 0);
    assert_int_equal(NdisOidRequest(nic->binding, clone), NDIS_STATUS_SUCCESS);
    NdisFreeCloneOidRequest(nic->handle, clone);
    request.Header.Type = 0;
    assert_int_equal(NdisAllocateCloneOidRequest(nic->handle, &request, 0x74736574, &clone), NDIS_STATUS_FAILURE);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(direct_requests_pass_a_pended_one_at_the_callers_irql),
        cmocka_unit_test(several_may_pend_and_each_completes_once),
        cmocka_unit_test(cancel_reaches_the_miniport_only_while_it_is_in_flight),
        cmocka_unit_test(oids_of_the_switch_do_not_go_this_way),
        cmocka_unit_test(driver_without_the_handlers_gets_neither),
        cmocka_unit_test(synchronous_request_may_not_pend),
        cmocka_unit_test(direct_request_never_completed_is_ended_by_halt),
        cmocka_unit_test(clone_is_a_copy_with_reserved_members_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
