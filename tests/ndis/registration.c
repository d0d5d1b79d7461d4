/* SPDX-License-Identifier: MIT
 *
 * NdisMRegisterMiniportDriver, NdisSetOptionalHandlers, unloading (ndis.md 5.12, 8.1).
 */
#include "nic.h"

#define CHARACTERISTICS NDIS_MINIPORT_DRIVER_CHARACTERISTICS

static void registration_refused(void (*spoil)(CHARACTERISTICS *), NDIS_STATUS expected)
{
    struct nic *nic = nic_create(FAKE_HOST);

    spoil(&nic->characteristics);
    assert_int_equal(nic_load(nic), STATUS_UNSUCCESSFUL);
    assert_int_equal(nic->register_status, expected);
    assert_null(nic->driver_handle);
    assert_string_equal(nic->log, ""); /* not even MiniportSetOptions */
    nic->driver = NULL;
    nic_destroy(nic);
}

static void missing_required_handler_is_bad_characteristics(void **state)
{
    static const size_t required[] = {
        offsetof(CHARACTERISTICS, InitializeHandlerEx),
        offsetof(CHARACTERISTICS, HaltHandlerEx),
        offsetof(CHARACTERISTICS, UnloadHandler),
        offsetof(CHARACTERISTICS, PauseHandler),
        offsetof(CHARACTERISTICS, RestartHandler),
        offsetof(CHARACTERISTICS, OidRequestHandler),
        offsetof(CHARACTERISTICS, SendNetBufferListsHandler),
        offsetof(CHARACTERISTICS, ReturnNetBufferListsHandler),
        offsetof(CHARACTERISTICS, CancelSendHandler),
        offsetof(CHARACTERISTICS, DevicePnPEventNotifyHandler),
        offsetof(CHARACTERISTICS, ShutdownHandlerEx),
        offsetof(CHARACTERISTICS, CancelOidRequestHandler),
    };

    (void)state;
    for (size_t i = 0; i < sizeof required / sizeof *required; i++) {
        struct nic *nic = nic_create(FAKE_HOST);

        memset((char *)&nic->characteristics + required[i], 0, sizeof(void *));
        assert_int_equal(nic_load(nic), STATUS_UNSUCCESSFUL);
        assert_int_equal(nic->register_status, NDIS_STATUS_BAD_CHARACTERISTICS);
        assert_string_equal(nic->log, "");
        nic->driver = NULL;
        nic_destroy(nic);
    }
}

static void short_size(CHARACTERISTICS *c)
{
    c->Header.Size--;
}

static void old_revision(CHARACTERISTICS *c)
{
    c->Header.Revision = 1;
    c->Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_1;
}

static void wrong_type(CHARACTERISTICS *c)
{
    c->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
}

static void too_old_for_6_80(CHARACTERISTICS *c)
{
    c->MinorNdisVersion = 80;
}

static BOOLEAN hangs(NDIS_HANDLE context)
{
    (void)context;
    return FALSE;
}

static void hang_without_reset(CHARACTERISTICS *c)
{
    c->CheckForHangHandlerEx = hangs;
    c->ResetHandlerEx = NULL;
}

static NDIS_STATUS direct(NDIS_HANDLE context, PNDIS_OID_REQUEST request)
{
    (void)context, (void)request;
    return NDIS_STATUS_NOT_SUPPORTED;
}

static void direct_without_cancel(CHARACTERISTICS *c)
{
    c->DirectOidRequestHandler = direct;
}

static void bad_header_or_pair_is_bad_characteristics(void **state)
{
    (void)state;
    registration_refused(short_size, NDIS_STATUS_BAD_CHARACTERISTICS);
    registration_refused(old_revision, NDIS_STATUS_BAD_CHARACTERISTICS);
    registration_refused(wrong_type, NDIS_STATUS_BAD_CHARACTERISTICS);
    registration_refused(too_old_for_6_80, NDIS_STATUS_BAD_CHARACTERISTICS);
    registration_refused(hang_without_reset, NDIS_STATUS_BAD_CHARACTERISTICS);
    registration_refused(direct_without_cancel, NDIS_STATUS_BAD_CHARACTERISTICS);
}

static void major_5(CHARACTERISTICS *c)
{
    c->MajorNdisVersion = 5;
}

static void major_7(CHARACTERISTICS *c)
{
    c->MajorNdisVersion = 7;
}

static void minor_31(CHARACTERISTICS *c)
{
    c->MinorNdisVersion = 31;
}

static void unknown_version_is_bad_version(void **state)
{
    (void)state;
    registration_refused(major_5, NDIS_STATUS_BAD_VERSION);
    registration_refused(major_7, NDIS_STATUS_BAD_VERSION);
    registration_refused(minor_31, NDIS_STATUS_BAD_VERSION);
}

static void every_known_version_registers(void **state)
{
    static const UCHAR minors[] = {0, 1, 20, 30, 40, 50, 51, 60, 70, 80, 81, 85, 89};

    (void)state;
    for (size_t i = 0; i < sizeof minors; i++) {
        struct nic *nic = nic_create(FAKE_HOST);

        nic->characteristics.MinorNdisVersion = minors[i];
        nic->characteristics.Header.Revision = NDIS_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3;
        nic->characteristics.Header.Size = NDIS_SIZEOF_MINIPORT_DRIVER_CHARACTERISTICS_REVISION_3;
        assert_int_equal(nic_load(nic), STATUS_SUCCESS);
        nic_destroy(nic);
    }
}

static void failed_set_options_fails_the_registration(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->options_status = NDIS_STATUS_RESOURCES;
    assert_int_equal(nic_load(nic), STATUS_UNSUCCESSFUL);
    assert_int_equal(nic->register_status, NDIS_STATUS_RESOURCES);
    assert_null(nic->driver_handle);
    nic->driver = NULL;
    nic_destroy(nic);
}

static void optional_handlers_are_taken_only_inside_set_options(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_MINIPORT_PNP_CHARACTERISTICS pnp = {0};

    (void)state;
    nic_header(&pnp, 1, NDIS_SIZEOF_MINIPORT_PNP_CHARACTERISTICS_REVISION_1);
    pnp.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS;
    assert_int_equal(NdisSetOptionalHandlers(nic->driver_handle, (PNDIS_DRIVER_OPTIONAL_HANDLERS)&pnp),
                     NDIS_STATUS_FAILURE);
    assert_int_equal(NdisSetOptionalHandlers(&pnp, (PNDIS_DRIVER_OPTIONAL_HANDLERS)&pnp), NDIS_STATUS_FAILURE);
    assert_true(nic_saw_rule(nic, "BAD_DRIVER_HANDLE"));
    nic_destroy(nic);
}

static void driver_that_does_not_deregister_is_reported(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    nic_remove(nic);
    nic->keep_driver = true;
    nt_driver_unload(nic->driver);
    nic->driver = NULL;
    assert_true(nic_saw_rule(nic, "DRIVER_NOT_DEREGISTERED"));
    nic_destroy(nic);
}

static void deregistration_with_an_adapter_is_refused(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte;

    (void)state;
    NdisMDeregisterMiniportDriver(nic->driver_handle);
    assert_true(nic_saw_rule(nic, "DRIVER_HAS_ADAPTERS"));
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_SUPPORTED_LIST, &byte, 1), NDIS_STATUS_SUCCESS);
    nic_destroy(nic);
}

#define ADAPTERS 70u /* more than are kept in one place, and more than in two */

static void a_driver_has_as_many_adapters_as_there_are_devices(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);
    struct fake_bus *buses[ADAPTERS];

    (void)state;
    assert_int_equal(nic_load(nic), STATUS_SUCCESS);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < ADAPTERS; i++) {
            buses[i] = fake_bus_create(nic->partition, FAKE_HOST);
            assert_int_equal(nt_pnp_add_device(nic->driver, buses[i]->pdo), STATUS_SUCCESS);
        }
        for (unsigned i = 0; i < ADAPTERS; i++) {
            assert_non_null(ndis_adapter_of(buses[i]->pdo));
            for (unsigned j = 0; j < i; j++)
                assert_ptr_not_equal(ndis_adapter_of(buses[i]->pdo), ndis_adapter_of(buses[j]->pdo));
        }
        for (unsigned i = 0; i < ADAPTERS; i++) { /* their places are free again */
            assert_int_equal(nt_pnp_simple(buses[i]->pdo, IRP_MN_REMOVE_DEVICE), STATUS_SUCCESS);
            assert_null(ndis_adapter_of(buses[i]->pdo));
            fake_bus_destroy(buses[i]);
        }
    }
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(missing_required_handler_is_bad_characteristics),
        cmocka_unit_test(bad_header_or_pair_is_bad_characteristics),
        cmocka_unit_test(unknown_version_is_bad_version),
        cmocka_unit_test(every_known_version_registers),
        cmocka_unit_test(failed_set_options_fails_the_registration),
        cmocka_unit_test(optional_handlers_are_taken_only_inside_set_options),
        cmocka_unit_test(driver_that_does_not_deregister_is_reported),
        cmocka_unit_test(deregistration_with_an_adapter_is_refused),
        cmocka_unit_test(a_driver_has_as_many_adapters_as_there_are_devices),
    };
    return cmocka_run_group_tests_name("registration", tests, NULL, NULL);
}
