/* SPDX-License-Identifier: MIT
 *
 * The way of a request (ndis.md 1.3, 5.13, 12.7): one in flight, order, pending, cancel, byte counts, trace,
 * indications.
 */
#include "nic.h"

static UCHAR scratch[64];

static NDIS_STATUS query(struct nic *nic, NDIS_OID_REQUEST *request)
{
    nic_request(request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4);
    return NdisOidRequest(nic->binding, request);
}

static void idle_adapter_runs_the_request_on_the_callers_thread_at_passive(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;

    (void)state;
    assert_int_equal(query(nic, &request), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->oids, 1);
    assert_int_equal(nic->oid_irql, PASSIVE_LEVEL);
    assert_int_equal(nic->completions, 0);
    nic_destroy(nic);
}

static void caller_at_dispatch_gets_pending_and_the_miniport_runs_at_passive(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;
    NDIS_STATUS status;
    KIRQL before;

    (void)state;
    nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    status = NdisOidRequest(nic->binding, &request);
    KeLowerIrql(before);
    assert_int_equal(status, NDIS_STATUS_PENDING);
    nic_wait(nic, &nic->completions, 1);
    assert_int_equal(nic->last_status, NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->oid_irql, PASSIVE_LEVEL);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void irql_above_dispatch_is_refused(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;
    KIRQL before;

    (void)state;
    KeRaiseIrql(DISPATCH_LEVEL + 1, &before);
    assert_int_equal(query(nic, &request), NDIS_STATUS_FAILURE);
    KeLowerIrql(before);
    assert_int_equal(nic->oids, 0);
    assert_true(nic_saw_rule(nic, "IRQL_TOO_HIGH"));
    nic_destroy(nic);
}

static void second_request_waits_until_the_first_is_completed(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST first, second, third;

    (void)state;
    nic->on_oid = nic_pend;
    assert_int_equal(query(nic, &first), NDIS_STATUS_PENDING);
    assert_int_equal(query(nic, &second), NDIS_STATUS_PENDING);
    assert_int_equal(query(nic, &third), NDIS_STATUS_PENDING);
    assert_int_equal(nic->oids, 1);
    assert_ptr_equal(nic->pended, &first);
    NdisMOidRequestComplete(nic->handle, &first, NDIS_STATUS_SUCCESS);
    nic_wait(nic, &nic->oids, 2);
    nt_drain_work(nic->partition);
    assert_ptr_equal(nic->pended, &second);
    assert_int_equal(nic->oids, 2);
    NdisMOidRequestComplete(nic->handle, &second, NDIS_STATUS_FAILURE);
    assert_ptr_equal(nic->last_request, &second);
    assert_int_equal(nic->last_status, NDIS_STATUS_FAILURE);
    nic_wait(nic, &nic->oids, 3);
    nt_drain_work(nic->partition);
    NdisMOidRequestComplete(nic->handle, &third, NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->completions, 3);
    nic_destroy(nic);
}

static NDIS_STATUS complete_before_returning(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NdisMOidRequestComplete(nic->handle, request, NDIS_STATUS_INVALID_DATA);
    return NDIS_STATUS_PENDING;
}

static void completion_before_ndis_oid_request_returns_is_delivered_once(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;

    (void)state;
    nic->on_oid = complete_before_returning;
    assert_int_equal(query(nic, &request), NDIS_STATUS_PENDING);
    assert_int_equal(nic->completions, 1);
    assert_int_equal(nic->last_status, NDIS_STATUS_INVALID_DATA);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic->on_oid = NULL;
    assert_int_equal(query(nic, &request), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

static void *complete_elsewhere(void *context)
{
    struct nic *nic = context;
    KIRQL before;

    nt_enter(nic->partition);
    pthread_mutex_lock(&nic->lock);
    while (!nic->pended)
        pthread_cond_wait(&nic->changed, &nic->lock);
    pthread_mutex_unlock(&nic->lock);
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NdisMOidRequestComplete(nic->handle, nic->pended, NDIS_STATUS_SUCCESS);
    KeLowerIrql(before);
    nt_enter(NULL);
    return NULL;
}

static void completion_at_dispatch_on_another_thread(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;
    pthread_t thread;

    (void)state;
    nic->on_oid = nic_pend;
    pthread_create(&thread, NULL, complete_elsewhere, nic);
    assert_int_equal(query(nic, &request), NDIS_STATUS_PENDING);
    nic_wait(nic, &nic->completions, 1);
    pthread_join(thread, NULL);
    assert_ptr_equal(nic->last_request, &request);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static NDIS_STATUS complete_and_return(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NdisMOidRequestComplete(nic->handle, request, NDIS_STATUS_SUCCESS);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS complete_twice(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NdisMOidRequestComplete(nic->handle, request, NDIS_STATUS_SUCCESS);
    NdisMOidRequestComplete(nic->handle, request, NDIS_STATUS_FAILURE);
    return NDIS_STATUS_PENDING;
}

static NDIS_STATUS complete_with_pending(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NdisMOidRequestComplete(nic->handle, request, NDIS_STATUS_PENDING);
    return NDIS_STATUS_PENDING;
}

static void wrong_completions_are_reported_and_the_request_ends_once(void **state)
{
    static const struct {
        NDIS_STATUS (*on_oid)(struct nic *nic, PNDIS_OID_REQUEST request);
        const char *rule;
        NDIS_STATUS result;
    } rows[] = {
        {complete_and_return, "OID_COMPLETED_TWICE", NDIS_STATUS_SUCCESS},
        {complete_twice, "OID_COMPLETED_TWICE", NDIS_STATUS_SUCCESS},
        {complete_with_pending, "OID_COMPLETED_WITH_PENDING", NDIS_STATUS_FAILURE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nic *nic = nic_running(FAKE_HOST);

        nic->on_oid = rows[i].on_oid;
        assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4), rows[i].result);
        assert_true(nic->completions <= 1);
        assert_true(nic_saw_rule(nic, rows[i].rule));
        assert_int_equal(nt_violations(nic->partition), 1);
        nic->on_oid = NULL;
        assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4),
                         NDIS_STATUS_SUCCESS);
        nic_destroy(nic);
    }
}

static void completion_of_a_request_not_in_flight_is_reported(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;

    (void)state;
    nic->on_oid = nic_pend;
    query(nic, &request);
    NdisMOidRequestComplete(nic->handle, &request, NDIS_STATUS_SUCCESS);
    NdisMOidRequestComplete(nic->handle, &request, NDIS_STATUS_SUCCESS);
    NdisMOidRequestComplete(nic->handle, NULL, NDIS_STATUS_SUCCESS);
    NdisMOidRequestComplete(nic->handle, (PNDIS_OID_REQUEST)(void *)scratch, NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->completions, 1);
    assert_int_equal(nt_violations(nic->partition), 3);
    assert_true(nic_saw_rule(nic, "OID_NOT_PENDING"));
    nic_destroy(nic);
}

static void abort_pended(struct nic *nic, PVOID id)
{
    (void)id;
    NdisMOidRequestComplete(nic->handle, nic->pended, NDIS_STATUS_REQUEST_ABORTED);
}

static void cancel_reaches_the_queue_and_the_miniport_and_nothing_else(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST first, second, third;
    PVOID mine = &first, others = &third;

    (void)state;
    nic->on_oid = nic_pend;
    nic->on_cancel = abort_pended;
    nic_request(&first, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4);
    second = third = first;
    first.RequestId = second.RequestId = mine;
    third.RequestId = others;
    NdisOidRequest(nic->binding, &first);
    NdisOidRequest(nic->binding, &third);
    NdisOidRequest(nic->binding, &second);
    NdisCancelOidRequest(nic->binding, NULL);    /* not cancellable */
    NdisCancelOidRequest(nic->binding, &second); /* nobody's */
    assert_int_equal(nic->completions, 0);
    NdisCancelOidRequest(nic->binding, mine);
    assert_int_equal(nic->completions, 2); /* the queued one and the one in flight */
    assert_int_equal(nic->last_status, NDIS_STATUS_REQUEST_ABORTED);
    nic_wait(nic, &nic->oids, 2);
    nt_drain_work(nic->partition);
    assert_ptr_equal(nic->pended, &third);
    NdisMOidRequestComplete(nic->handle, &third, NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->completions, 3);
    assert_int_equal(nic->last_status, NDIS_STATUS_SUCCESS);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void cancel_does_not_reach_another_bindings_request(void **state)
{
    static const struct ndis_overlying nobody = {"nobody", NULL, NULL};
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;
    NDIS_HANDLE other;

    (void)state;
    nic->on_oid = nic_pend;
    ndis_open(nic->adapter, &nobody, NULL, &other);
    nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4);
    request.RequestId = &request;
    NdisOidRequest(nic->binding, &request);
    NdisCancelOidRequest(other, &request);
    assert_string_equal(nic->log, "");
    NdisMOidRequestComplete(nic->handle, &request, NDIS_STATUS_SUCCESS);
    ndis_close(other);
    nic_destroy(nic);
}

static NDIS_STATUS count_too_much(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic;
    switch (request->RequestType) {
    case NdisRequestMethod:
        request->DATA.METHOD_INFORMATION.BytesWritten = request->DATA.METHOD_INFORMATION.OutputBufferLength + 1;
        request->DATA.METHOD_INFORMATION.BytesRead = request->DATA.METHOD_INFORMATION.InputBufferLength + 1;
        break;
    case NdisRequestSetInformation:
        request->DATA.SET_INFORMATION.BytesRead = request->DATA.SET_INFORMATION.InformationBufferLength + 1;
        break;
    default:
        request->DATA.QUERY_INFORMATION.BytesWritten = request->DATA.QUERY_INFORMATION.InformationBufferLength + 1;
    }
    return NDIS_STATUS_SUCCESS;
}

static void counts_beyond_the_buffer_are_reported_and_capped(void **state)
{
    static const struct {
        NDIS_REQUEST_TYPE type;
        const char *rule;
        unsigned violations;
    } rows[] = {
        {NdisRequestQueryInformation, "OID_BYTES_WRITTEN", 1},
        {NdisRequestSetInformation, "OID_BYTES_READ", 1},
        {NdisRequestMethod, "OID_BYTES_WRITTEN", 2},
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nic *nic = nic_running(FAKE_HOST);
        NDIS_OID_REQUEST request;

        nic->on_oid = count_too_much;
        nic_request(&request, rows[i].type, 0xff123456, scratch, 8);
        assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_SUCCESS);
        assert_true(nic_saw_rule(nic, rows[i].rule));
        assert_int_equal(nt_violations(nic->partition), rows[i].violations);
        if (rows[i].type == NdisRequestMethod)
            assert_int_equal(request.DATA.METHOD_INFORMATION.BytesWritten, 8);
        else
            assert_int_equal(request.DATA.QUERY_INFORMATION.BytesWritten, 8);
        nic_destroy(nic);
    }
}

static NDIS_STATUS too_short_without_need(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic, (void)request;
    return NDIS_STATUS_BUFFER_TOO_SHORT;
}

static void length_failure_without_bytes_needed_is_reported(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic->on_oid = too_short_without_need;
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4),
                     NDIS_STATUS_BUFFER_TOO_SHORT);
    assert_true(nic_saw_rule(nic, "OID_BYTES_NEEDED"));
    nic_destroy(nic);
}

static void request_without_a_header_is_refused(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;

    (void)state;
    nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, scratch, 4);
    request.Header.Size--;
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(NdisOidRequest(nic->binding, NULL), NDIS_STATUS_INVALID_PARAMETER);
    assert_true(nic_saw_rule(nic, "OID_REQUEST_HEADER"));
    assert_int_equal(NdisOidRequest(NULL, &request), NDIS_STATUS_FAILURE);
    assert_true(nic_saw_rule(nic, "BAD_BINDING_HANDLE"));
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void caller_of_another_partition_comes_back_to_its_own(void **state)
{
    struct nt_partition_options options = {.name = "elsewhere"};
    struct nt_partition *elsewhere = nt_partition_create(&options);
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;

    (void)state;
    nt_enter(elsewhere);
    assert_int_equal(query(nic, &request), NDIS_STATUS_SUCCESS);
    assert_ptr_equal(nt_current(), elsewhere);
    nt_enter(nic->partition);
    nic_destroy(nic);
    nt_partition_destroy(elsewhere);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idle_adapter_runs_the_request_on_the_callers_thread_at_passive),
        cmocka_unit_test(caller_at_dispatch_gets_pending_and_the_miniport_runs_at_passive),
        cmocka_unit_test(irql_above_dispatch_is_refused),
        cmocka_unit_test(second_request_waits_until_the_first_is_completed),
        cmocka_unit_test(completion_before_ndis_oid_request_returns_is_delivered_once),
        cmocka_unit_test(completion_at_dispatch_on_another_thread),
        cmocka_unit_test(wrong_completions_are_reported_and_the_request_ends_once),
        cmocka_unit_test(completion_of_a_request_not_in_flight_is_reported),
        cmocka_unit_test(cancel_reaches_the_queue_and_the_miniport_and_nothing_else),
        cmocka_unit_test(cancel_does_not_reach_another_bindings_request),
        cmocka_unit_test(counts_beyond_the_buffer_are_reported_and_capped),
        cmocka_unit_test(length_failure_without_bytes_needed_is_reported),
        cmocka_unit_test(request_without_a_header_is_refused),
        cmocka_unit_test(caller_of_another_partition_comes_back_to_its_own),
    };
    return cmocka_run_group_tests_name("oid", tests, NULL, NULL);
}
