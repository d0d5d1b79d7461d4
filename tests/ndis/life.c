/* SPDX-License-Identifier: MIT
 *
 * The life of an adapter: AddDevice, start, pause, restart, stop, reset, shutdown (ndis.md 6, 7.1).
 */
#include "nic.h"

static void start_initializes_then_restarts_and_runs(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    assert_int_equal(nic_load(nic), STATUS_SUCCESS);
    assert_int_equal(nic_add(nic), STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_HALTED);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_string_equal(nic->log, "options init event:5 restart ");
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_RUNNING);
    assert_true(nic->bus->started);
    assert_int_equal(nic->bus->references, 2);
    nic_destroy(nic);
}

static void removal_pauses_and_halts(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic_remove(nic);
    assert_string_equal(nic->log, "pause halt:0 ");
    assert_true(nic->bus->removed);
    assert_null(ndis_adapter_of(nic->bus->pdo));
    nic_destroy(nic);
}

static void failed_initialization_leaves_it_halted_and_fails_the_start(void **state)
{
    static const struct {
        NDIS_STATUS status;
        NTSTATUS start;
    } rows[] = {
        {NDIS_STATUS_RESOURCES, STATUS_INSUFFICIENT_RESOURCES},
        {NDIS_STATUS_FAILURE, STATUS_UNSUCCESSFUL},
        {NDIS_STATUS_NOT_ACCEPTED, STATUS_UNSUCCESSFUL}, /* positive, but no success (ndis.md 3.7) */
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct nic *nic = nic_create(FAKE_HOST);

        nic->initialize_status = rows[i].status;
        nic_load(nic);
        nic_add(nic);
        assert_int_equal(nic_start(nic), rows[i].start);
        assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_HALTED);
        assert_int_equal(nic->bus->references, 0);
        nic_clear_log(nic);
        nic_remove(nic);
        assert_string_equal(nic->log, "");
        nic_destroy(nic);
    }
}

static void initialization_without_general_attributes_is_undone(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->no_general = true;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_UNSUCCESSFUL);
    assert_string_equal(nic->log, "options init halt:5 ");
    assert_true(nic_saw_rule(nic, "GENERAL_ATTRIBUTES_MISSING"));
    nic_destroy(nic);
}

static NDIS_STATUS look_at_resources(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    assert_int_equal(parameters->Header.Type, NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS);
    assert_int_equal(parameters->Header.Size, NDIS_SIZEOF_MINIPORT_INIT_PARAMETERS_REVISION_1);
    assert_int_equal(parameters->AllocatedResources->Count, 3);
    assert_int_equal(parameters->AllocatedResources->PartialDescriptors[2].u.Memory.Start.QuadPart, 0x3000);
    nic_log(nic, "resources");
    return NDIS_STATUS_SUCCESS;
}

static void initialize_gets_the_resources_of_the_start_in_order(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->bus->bars = 3;
    nic->on_initialize = look_at_resources;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_string_equal(nic->log, "options init resources event:5 restart ");
    nic_destroy(nic);
}

static void pause_and_restart_may_pend(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->pause_status = nic->restart_status = NDIS_STATUS_PENDING;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_RUNNING);
    assert_int_equal(ndis_pause(nic->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED);
    assert_int_equal(ndis_pause(nic->adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(ndis_restart(nic->adapter), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_restart(nic->adapter), NDIS_STATUS_INVALID_STATE);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_RUNNING);
    nic_destroy(nic);
}

static void completion_of_nothing_is_reported(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    NdisMPauseComplete(nic->handle);
    NdisMRestartComplete(nic->handle, NDIS_STATUS_SUCCESS);
    NdisMResetComplete(nic->handle, NDIS_STATUS_SUCCESS, FALSE);
    assert_int_equal(nt_violations(nic->partition), 3);
    assert_true(nic_saw_rule(nic, "COMPLETION_NOT_PENDING"));
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_RUNNING);
    nic_destroy(nic);
}

static void failed_restart_leaves_it_paused_and_removal_does_not_pause_again(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->restart_status = NDIS_STATUS_RESOURCES;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED);
    nic_clear_log(nic);
    nic_remove(nic);
    assert_string_equal(nic->log, "halt:0 ");
    nic_destroy(nic);
}

static void pause_that_fails_is_reported_and_taken_as_done(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic->pause_status = NDIS_STATUS_FAILURE;
    nic_remove(nic);
    assert_string_equal(nic->log, "pause halt:0 ");
    assert_true(nic_saw_rule(nic, "PAUSE_FAILED"));
    nic_destroy(nic);
}

static void stop_halts_and_a_second_start_initializes_again(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_HANDLE binding = nic->binding;

    (void)state;
    assert_int_equal(nt_pnp_simple(nic->bus->pdo, IRP_MN_QUERY_STOP_DEVICE), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_simple(nic->bus->pdo, IRP_MN_STOP_DEVICE), STATUS_SUCCESS);
    assert_string_equal(nic->log, "pause halt:6 ");
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_HALTED);
    assert_int_equal(nic->bus->references, 0);
    nic_clear_log(nic);
    assert_int_equal(nt_pnp_start(nic->bus->pdo), STATUS_SUCCESS);
    assert_string_equal(nic->log, "init event:5 restart ");
    nic->binding = binding;
    nic_destroy(nic);
}

/* ndis.md 7.13: any OID in Initializing or Halted is never delivered. */
static NDIS_STATUS open_while_initializing(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    static const struct ndis_overlying nobody = {"nobody", NULL, NULL};
    NDIS_HANDLE binding = NULL;

    (void)parameters;
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_INITIALIZING);
    assert_int_equal(ndis_open(nic->adapter, &nobody, NULL, &binding), NDIS_STATUS_CLOSING);
    assert_int_equal(ndis_switch_create(nic->adapter, 1), NDIS_STATUS_CLOSING);
    return NDIS_STATUS_SUCCESS;
}

static void oids_are_refused_while_initializing_and_when_halted(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);
    UCHAR byte;

    (void)state;
    nic->on_initialize = open_while_initializing;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(ndis_switch_create(nic->adapter, 1), NDIS_STATUS_CLOSING);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_STOP_DEVICE);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1), NDIS_STATUS_CLOSING);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void oids_are_delivered_when_paused(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte;

    (void)state;
    ndis_pause(nic->adapter);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1), NDIS_STATUS_SUCCESS);
    assert_int_equal(nic->oids, 1);
    nic_destroy(nic);
}

static void reset_aborts_what_waits_and_keeps_the_state(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST first, second;
    UCHAR byte;

    (void)state;
    nic->on_oid = nic_pend;
    nic_request(&first, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1);
    nic_request(&second, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1);
    NdisOidRequest(nic->binding, &first);
    NdisOidRequest(nic->binding, &second);
    assert_int_equal(ndis_reset(nic->adapter), NDIS_STATUS_SUCCESS);
    assert_string_equal(nic->log, "reset ");
    assert_ptr_equal(nic->last_request, &second);
    assert_int_equal(nic->last_status, NDIS_STATUS_REQUEST_ABORTED);
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_RUNNING);
    NdisMOidRequestComplete(nic->handle, &first, NDIS_STATUS_REQUEST_ABORTED);
    assert_int_equal(nic->completions, 2);
    nic_destroy(nic);
}

static void shutdown_ends_requests_for_good(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte;

    (void)state;
    ndis_shutdown(nic->adapter);
    assert_string_equal(nic->log, "shutdown:0 ");
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1), NDIS_STATUS_CLOSING);
    nic_destroy(nic);
}

static void optional_add_and_remove_device_are_called_round_the_adapter(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->with_add_device = true;
    nic_load(nic);
    assert_int_equal(nic_add(nic), STATUS_SUCCESS);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    nic_remove(nic);
    assert_string_equal(nic->log, "options add init event:5 restart pause halt:0 remove ");
    nic_destroy(nic);
}

static void failed_add_device_leaves_no_adapter(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->with_add_device = true;
    nic->add_device_status = NDIS_STATUS_RESOURCES;
    nic_load(nic);
    assert_int_equal(nic_add(nic), STATUS_INSUFFICIENT_RESOURCES);
    assert_null(nic->adapter);
    assert_null(nic->bus->pdo->AttachedDevice);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(start_initializes_then_restarts_and_runs),
        cmocka_unit_test(removal_pauses_and_halts),
        cmocka_unit_test(failed_initialization_leaves_it_halted_and_fails_the_start),
        cmocka_unit_test(initialization_without_general_attributes_is_undone),
        cmocka_unit_test(initialize_gets_the_resources_of_the_start_in_order),
        cmocka_unit_test(pause_and_restart_may_pend),
        cmocka_unit_test(completion_of_nothing_is_reported),
        cmocka_unit_test(failed_restart_leaves_it_paused_and_removal_does_not_pause_again),
        cmocka_unit_test(pause_that_fails_is_reported_and_taken_as_done),
        cmocka_unit_test(stop_halts_and_a_second_start_initializes_again),
        cmocka_unit_test(oids_are_refused_while_initializing_and_when_halted),
        cmocka_unit_test(oids_are_delivered_when_paused),
        cmocka_unit_test(reset_aborts_what_waits_and_keeps_the_state),
        cmocka_unit_test(shutdown_ends_requests_for_good),
        cmocka_unit_test(optional_add_and_remove_device_are_called_round_the_adapter),
        cmocka_unit_test(failed_add_device_leaves_no_adapter),
    };
    return cmocka_run_group_tests_name("life", tests, NULL, NULL);
}
