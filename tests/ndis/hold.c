/* SPDX-License-Identifier: MIT
 *
 * Pend, fetch, complete; and requests that a miniport never completes.
 */
#include "nic.h"

#include "ndis/internal.h"

#define TEN_SECONDS 10000

struct sender {
    struct nic *nic;
    NDIS_OID_REQUEST request;
    ULONG value;
    NDIS_STATUS status;
    pthread_t thread;
};

static void *send_one(void *context)
{
    struct sender *sender = context;

    nt_enter(sender->nic->partition);
    sender->status = ndis_oid_wait(sender->nic->binding, &sender->request, false);
    nt_enter(NULL);
    return NULL;
}

static struct sender *start_sender(struct nic *nic, NDIS_OID oid)
{
    struct sender *sender = calloc(1, sizeof *sender);

    sender->nic = nic;
    sender->value = 0x11223344;
    nic_request(&sender->request, NdisRequestSetInformation, oid, &sender->value, sizeof sender->value);
    assert_int_equal(pthread_create(&sender->thread, NULL, send_one, sender), 0);
    return sender;
}

static NDIS_STATUS join(struct sender *sender)
{
    NDIS_STATUS status;

    pthread_join(sender->thread, NULL);
    status = sender->status;
    free(sender);
    return status;
}

static ULONG miniport_saw, miniport_length;

static NDIS_STATUS look(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic;
    miniport_saw = *(ULONG *)ndis_oid_buffer(request);
    miniport_length = request->DATA.SET_INFORMATION.InformationBufferLength;
    request->DATA.SET_INFORMATION.BytesRead = miniport_length;
    return NDIS_STATUS_SUCCESS;
}

static void held_request_can_be_changed_and_goes_on(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    struct sender *sender;
    PNDIS_OID_REQUEST held;
    ULONG64 id;

    (void)state;
    nic->on_oid = look;
    assert_true(ndis_oid_hold(nic->adapter, OID_GEN_CURRENT_LOOKAHEAD, true));
    assert_null(ndis_oid_fetch(nic->adapter, 0, &id));
    sender = start_sender(nic, OID_GEN_CURRENT_LOOKAHEAD);
    held = ndis_oid_fetch(nic->adapter, TEN_SECONDS, &id);
    assert_non_null(held);
    assert_null(ndis_oid_fetch(nic->adapter, 0, &id)); /* fetched already */
    assert_int_equal(nic->oids, 0);
    *(ULONG *)ndis_oid_buffer(held) = 0x55667788;
    assert_true(ndis_oid_release(nic->adapter, id, 4, 0));
    assert_false(ndis_oid_release(nic->adapter, id, 4, 0));
    assert_int_equal(miniport_saw, 0x55667788);
    assert_int_equal(sender->request.DATA.SET_INFORMATION.InformationBufferLength, 4);
    assert_int_equal(join(sender), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->oids, 1);
    nic_destroy(nic);
}

static void buffer_can_be_made_shorter_and_not_longer(void **state)
{
    static const ULONG wanted[] = {2, 4000};
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic->on_oid = look;
    ndis_oid_hold(nic->adapter, OID_GEN_CURRENT_LOOKAHEAD, true);
    for (unsigned i = 0; i < 2; i++) {
        struct sender *sender = start_sender(nic, OID_GEN_CURRENT_LOOKAHEAD);
        ULONG64 id;

        assert_non_null(ndis_oid_fetch(nic->adapter, TEN_SECONDS, &id));
        assert_true(ndis_oid_release(nic->adapter, id, wanted[i], 0));
        assert_int_equal(join(sender), NDIS_STATUS_SUCCESS);
        assert_int_equal(miniport_length, wanted[i] < 4 ? wanted[i] : 4);
    }
    nic_destroy(nic);
}

static void held_request_can_be_completed_without_the_miniport(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    struct sender *sender;
    ULONG64 id;

    (void)state;
    ndis_oid_hold(nic->adapter, OID_GEN_CURRENT_LOOKAHEAD, true);
    sender = start_sender(nic, OID_GEN_CURRENT_LOOKAHEAD);
    assert_non_null(ndis_oid_fetch(nic->adapter, TEN_SECONDS, &id));
    assert_true(ndis_oid_complete(nic->adapter, id, NDIS_STATUS_INVALID_DATA, 3));
    assert_false(ndis_oid_complete(nic->adapter, id, NDIS_STATUS_SUCCESS, 3));
    pthread_join(sender->thread, NULL);
    assert_int_equal(sender->status, NDIS_STATUS_INVALID_DATA);
    assert_int_equal(sender->request.DATA.SET_INFORMATION.BytesRead, 3);
    free(sender);
    assert_int_equal(nic->oids, 0);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void books_follow_what_the_host_program_answered(void **state)
{
    struct nic *nic = nic_with_switch();
    struct sender *sender;
    NDIS_NIC_SWITCH_FREE_VF_PARAMETERS end = {0};
    USHORT vf;
    ULONG64 id;

    (void)state;
    nic_allocate_vf(nic, &vf);
    nic_header(&end, 1, NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1);
    end.VFId = vf;
    ndis_oid_hold(nic->adapter, OID_NIC_SWITCH_FREE_VF, true);
    sender = calloc(1, sizeof *sender);
    sender->nic = nic;
    nic_request(&sender->request, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &end, sizeof end);
    pthread_create(&sender->thread, NULL, send_one, sender);
    assert_non_null(ndis_oid_fetch(nic->adapter, TEN_SECONDS, &id));
    assert_true(ndis_vf_is_allocated(nic->adapter, vf));
    assert_true(ndis_oid_complete(nic->adapter, id, NDIS_STATUS_SUCCESS, sizeof end));
    assert_int_equal(join(sender), NDIS_STATUS_SUCCESS);
    assert_false(ndis_vf_is_allocated(nic->adapter, vf));
    nic_destroy(nic);
}

static void other_oids_wait_behind_the_held_one_in_order(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST held, behind;
    ULONG64 id;
    ULONG one = 1, two = 2;

    (void)state;
    ndis_oid_hold(nic->adapter, OID_GEN_CURRENT_LOOKAHEAD, true);
    nic_request(&held, NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &one, 4);
    nic_request(&behind, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &two, 4);
    assert_int_equal(NdisOidRequest(nic->binding, &held), NDIS_STATUS_PENDING);
    assert_int_equal(NdisOidRequest(nic->binding, &behind), NDIS_STATUS_PENDING);
    assert_int_equal(nic->oids, 0);
    assert_ptr_equal(ndis_oid_fetch(nic->adapter, 0, &id), &held);
    assert_true(ndis_oid_release(nic->adapter, id, 4, 0));
    nic_wait(nic, &nic->completions, 2);
    assert_ptr_equal(nic->last_request, &behind);
    assert_int_equal(nic->oids, 2);
    nic_destroy(nic);
}

/* cancel, reset, removal and halt take the request away from the host program. */
static void end_by_cancel(struct nic *nic)
{
    NdisCancelOidRequest(nic->binding, (PVOID)0x77);
}
static void end_by_reset(struct nic *nic)
{
    ndis_reset(nic->adapter);
}
static void end_by_removal(struct nic *nic)
{
    ndis_surprise_removed(nic->adapter);
}
static void end_by_stop(struct nic *nic)
{
    nt_pnp_simple(nic->bus->pdo, IRP_MN_STOP_DEVICE);
}

static void ndis_ends_a_held_request_once_and_by_its_status(void **state)
{
    static const struct {
        void (*end)(struct nic *nic);
        NDIS_STATUS status;
    } rows[] = {
        {end_by_cancel, NDIS_STATUS_REQUEST_ABORTED},
        {end_by_reset, NDIS_STATUS_REQUEST_ABORTED},
        {end_by_removal, NDIS_STATUS_NOT_ACCEPTED},
        {end_by_stop, NDIS_STATUS_REQUEST_ABORTED},
    };

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nic *nic = nic_running(FAKE_HOST);
        NDIS_OID_REQUEST held;
        ULONG64 id;
        ULONG one = 1;

        ndis_oid_hold(nic->adapter, OID_GEN_CURRENT_LOOKAHEAD, true);
        nic_request(&held, NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &one, 4);
        held.RequestId = (PVOID)0x77;
        assert_int_equal(NdisOidRequest(nic->binding, &held), NDIS_STATUS_PENDING);
        assert_non_null(ndis_oid_fetch(nic->adapter, 0, &id));
        rows[i].end(nic);
        assert_int_equal(nic->completions, 1);
        assert_int_equal(nic->last_status, rows[i].status);
        assert_false(ndis_oid_release(nic->adapter, id, 4, 0));
        assert_false(ndis_oid_complete(nic->adapter, id, NDIS_STATUS_SUCCESS, 0));
        assert_int_equal(nic->oids, 0);
        assert_int_equal(nt_violations(nic->partition), 0);
        nic_destroy(nic);
    }
}

static void sixteen_oids_can_be_held(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    ULONG value = 0;

    (void)state;
    for (NDIS_OID oid = 1; oid <= NDIS_HELD_OIDS; oid++)
        assert_true(ndis_oid_hold(nic->adapter, oid, true));
    assert_true(ndis_oid_hold(nic->adapter, 3, true));
    assert_false(ndis_oid_hold(nic->adapter, 99, true));
    assert_true(ndis_oid_hold(nic->adapter, 3, false));
    assert_true(ndis_oid_hold(nic->adapter, 99, true));
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, 3, &value, 4), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

/* ---- never completed -------------------------------------------------------------------------------------------- */

static void request_that_stays_pended_is_ended_when_patience_ends(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;
    PNDIS_OID_REQUEST lost;
    ULONG value = 5;

    (void)state;
    ndis_set_patience(nic->adapter, 100);
    nic->on_oid = nic_pend;
    nic_request(&request, NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &value, 4);
    assert_int_equal(ndis_oid_wait(nic->binding, &request, false), NDIS_STATUS_REQUEST_ABORTED);
    assert_true(nic_saw_rule(nic, "OID_NEVER_COMPLETED"));
    lost = nic->pended;
    nic->on_oid = NULL;
    assert_int_equal(ndis_oid_wait(nic->binding, &request, false), NDIS_STATUS_SUCCESS); /* the adapter goes on */
    *(ULONG *)ndis_oid_buffer(lost) = 6; /* memory that is still the miniport's */
    NdisMOidRequestComplete(nic->handle, lost, NDIS_STATUS_SUCCESS);
    assert_true(nic_saw_rule(nic, "OID_NOT_PENDING"));
    assert_int_equal(value, 5);
    nic_destroy(nic);
}

static void who_waits_behind_a_lost_request_gets_through(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST lost, request;
    ULONG value = 5, other = 6;

    (void)state;
    ndis_set_patience(nic->adapter, 100);
    nic->on_oid = nic_pend;
    nic_request(&lost, NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &value, 4);
    assert_int_equal(NdisOidRequest(nic->binding, &lost), NDIS_STATUS_PENDING);
    nic->on_oid = NULL;
    nic_request(&request, NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &other, 4);
    assert_int_equal(ndis_oid_wait(nic->binding, &request, false), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->completions, 1);
    assert_ptr_equal(nic->last_request, &lost);
    assert_int_equal(nic->last_status, NDIS_STATUS_REQUEST_ABORTED);
    nic_destroy(nic);
}

/* A miniport that completes from a timer: the wait lets the virtual clock run. */
static KTIMER timer;
static KDPC dpc;

static VOID complete_late(PKDPC unused, PVOID context, PVOID one, PVOID two)
{
    struct nic *nic = context;

    (void)unused, (void)one, (void)two;
    NdisMOidRequestComplete(nic->handle, nic->pended, NDIS_STATUS_SUCCESS);
}

static NDIS_STATUS pend_with_timer(struct nic *nic, PNDIS_OID_REQUEST request)
{
    LARGE_INTEGER due = {.QuadPart = -10000ll * 20000}; /* 20 s */

    nic_pend(nic, request);
    KeInitializeTimer(&timer);
    KeInitializeDpc(&dpc, complete_late, nic);
    KeSetTimer(&timer, due, &dpc);
    return NDIS_STATUS_PENDING;
}

static void time_passes_while_a_pended_request_is_waited_for(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;
    ULONG value = 5;

    (void)state;
    nic->on_oid = pend_with_timer;
    nic_request(&request, NdisRequestSetInformation, OID_GEN_CURRENT_LOOKAHEAD, &value, 4);
    assert_int_equal(ndis_oid_wait(nic->binding, &request, false), NDIS_STATUS_SUCCESS);
    assert_true(nt_clock_ns(nic->partition) >= UINT64_C(20000000000));
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static NDIS_STATUS pause_for_ever(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS parameters)
{
    (void)context, (void)parameters;
    return NDIS_STATUS_PENDING;
}

static NDIS_STATUS restart_for_ever(NDIS_HANDLE context, PNDIS_MINIPORT_RESTART_PARAMETERS parameters)
{
    (void)context, (void)parameters;
    return NDIS_STATUS_PENDING;
}

static struct nic *stubborn_nic(void)
{
    struct nic *nic = nic_create(FAKE_HOST);

    nic->characteristics.PauseHandler = pause_for_ever;
    nic->characteristics.RestartHandler = restart_for_ever;
    nic_load(nic);
    nic_add(nic);
    ndis_set_patience(nic->adapter, 100);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    return nic;
}

static void transitions_that_never_end_are_reported_and_gone_on_without(void **state)
{
    struct nic *nic = stubborn_nic();

    (void)state;
    assert_true(nic_saw_rule(nic, "RESTART_NEVER_COMPLETED"));
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED);
    NdisMRestartComplete(nic->handle, NDIS_STATUS_SUCCESS);
    assert_true(nic_saw_rule(nic, "COMPLETION_NOT_PENDING"));
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED);
    atomic_store(&nic->adapter->state, NDIS_RUNNING); /* as if the restart had worked */
    assert_int_equal(ndis_pause(nic->adapter), NDIS_STATUS_SUCCESS);
    assert_true(nic_saw_rule(nic, "PAUSE_NEVER_COMPLETED"));
    assert_false(nic_saw_rule(nic, "PAUSE_FAILED"));
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED);
    nic->reset_status = NDIS_STATUS_PENDING;
    assert_int_equal(ndis_reset(nic->adapter), NDIS_STATUS_FAILURE);
    assert_true(nic_saw_rule(nic, "RESET_NEVER_COMPLETED"));
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_request_can_be_changed_and_goes_on),
        cmocka_unit_test(buffer_can_be_made_shorter_and_not_longer),
        cmocka_unit_test(held_request_can_be_completed_without_the_miniport),
        cmocka_unit_test(books_follow_what_the_host_program_answered),
        cmocka_unit_test(other_oids_wait_behind_the_held_one_in_order),
        cmocka_unit_test(ndis_ends_a_held_request_once_and_by_its_status),
        cmocka_unit_test(sixteen_oids_can_be_held),
        cmocka_unit_test(request_that_stays_pended_is_ended_when_patience_ends),
        cmocka_unit_test(who_waits_behind_a_lost_request_gets_through),
        cmocka_unit_test(time_passes_while_a_pended_request_is_waited_for),
        cmocka_unit_test(transitions_that_never_end_are_reported_and_gone_on_without),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
