/* SPDX-License-Identifier: MIT
 *
 * Removal and surprise removal of an adapter (ndis.md 7.11, 7.12).
 */
#include "nic.h"

static void surprise_removal_tells_the_driver_then_halts_with_its_action(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte = 0;

    (void)state;
    NdisMEnableVirtualization(nic->handle, 2, FALSE, FALSE, TRUE);
    assert_int_equal(nt_pnp_simple(nic->bus->pdo, IRP_MN_SURPRISE_REMOVAL), STATUS_SUCCESS);
    assert_string_equal(nic->log, "event:2 ");
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1),
                     NDIS_STATUS_NOT_ACCEPTED);
    assert_int_equal(nic->oids, 0);
    assert_int_equal(NdisMSetVirtualFunctionBusData(nic->handle, 0, &byte, 4, 1), 0);
    assert_int_equal(NdisMGetBusData(nic->handle, 0, 0, &byte, 1), 0);
    assert_int_equal(NdisMEnableVirtualization(nic->handle, 0, FALSE, FALSE, FALSE), NDIS_STATUS_FAILURE);
    nic_remove(nic);
    assert_string_equal(nic->log, "event:2 pause halt:3 ");
    nic_destroy(nic);
}

static void end_pended(struct nic *nic)
{
    NdisMOidRequestComplete(nic->handle, nic->pended, NDIS_STATUS_NOT_ACCEPTED);
}

static void pended_request_may_end_in_halt_after_surprise_removal(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST first, second;
    UCHAR byte;

    (void)state;
    nic->on_oid = nic_pend;
    nic->on_halt = end_pended;
    nic_request(&first, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1);
    nic_request(&second, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1);
    assert_int_equal(NdisOidRequest(nic->binding, &first), NDIS_STATUS_PENDING);
    assert_int_equal(NdisOidRequest(nic->binding, &second), NDIS_STATUS_PENDING);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_SURPRISE_REMOVAL);
    assert_int_equal(nic->completions, 1); /* the one that waited */
    assert_ptr_equal(nic->last_request, &second);
    assert_int_equal(nic->last_status, NDIS_STATUS_NOT_ACCEPTED);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_REMOVE_DEVICE);
    nic->adapter = NULL;
    assert_int_equal(nic->completions, 2);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void request_never_completed_is_reported_and_ended(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_OID_REQUEST request;
    UCHAR byte;

    (void)state;
    nic->on_oid = nic_pend;
    nic_request(&request, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1);
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_PENDING);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_SURPRISE_REMOVAL);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_REMOVE_DEVICE);
    nic->adapter = NULL;
    assert_int_equal(nic->completions, 1);
    assert_int_equal(nic->last_status, NDIS_STATUS_NOT_ACCEPTED);
    assert_true(nic_saw_rule(nic, "OID_NEVER_COMPLETED"));
    nic_destroy(nic);
}

static void removal_deletes_an_empty_switch_first(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    assert_int_equal(ndis_switch_create(nic->adapter, 2), NDIS_STATUS_SUCCESS);
    nic_remove(nic);
    assert_int_equal(nic->oids, 2);
    assert_true(nic_saw_door(nic, "OID_NIC_SWITCH_DELETE_SWITCH", "12 bytes", "SUCCESS"));
    nic_destroy(nic);
}

static void switch_with_vfs_is_not_deleted_on_removal(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    ndis_switch_create(nic->adapter, 2);
    assert_int_equal(nic_allocate_vf(nic, NULL), NDIS_STATUS_SUCCESS);
    nic_remove(nic);
    assert_int_equal(nic->oids, 2);
    assert_true(nic_saw_rule(nic, "DELETE_SWITCH_IN_USE"));
    nic_destroy(nic);
}

static void binding_outlives_the_adapter(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte;

    (void)state;
    nt_pnp_simple(nic->bus->pdo, IRP_MN_REMOVE_DEVICE);
    nic->adapter = NULL;
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1), NDIS_STATUS_CLOSING);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(surprise_removal_tells_the_driver_then_halts_with_its_action),
        cmocka_unit_test(pended_request_may_end_in_halt_after_surprise_removal),
        cmocka_unit_test(request_never_completed_is_reported_and_ended),
        cmocka_unit_test(removal_deletes_an_empty_switch_first),
        cmocka_unit_test(switch_with_vfs_is_not_deleted_on_removal),
        cmocka_unit_test(binding_outlives_the_adapter),
    };
    return cmocka_run_group_tests_name("removal", tests, NULL, NULL);
}
