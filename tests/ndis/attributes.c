/* SPDX-License-Identifier: MIT
 *
 * NdisMSetMiniportAttributes (ndis.md 5.11, 7.13): order, revisions, pairs of capability pointers; bad handles (8.1).
 */
#include "nic.h"

union any {
    NDIS_OBJECT_HEADER header;
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration;
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES general;
    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES assist;
};

static NDIS_STATUS set(struct nic *nic, union any *block, UCHAR type, UCHAR revision, USHORT size)
{
    block->header.Type = type;
    block->header.Revision = revision;
    block->header.Size = size;
    return NdisMSetMiniportAttributes(nic->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)block);
}

static NDIS_STATUS set_registration(struct nic *nic)
{
    union any block = {0};

    block.registration.MiniportAdapterContext = nic;
    return set(nic, &block, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1, 28);
}

static NDIS_STATUS set_general(struct nic *nic)
{
    union any block = {0};

    return set(nic, &block, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 2,
               NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2);
}

static NDIS_STATUS set_assist(struct nic *nic, union any *block)
{
    return set(nic, block, NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, 3,
               NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3);
}

/* Runs the body inside MiniportInitializeEx of a driver of NDIS 6.30. */
static void inside_initialize(NDIS_STATUS (*body)(struct nic *, PNDIS_MINIPORT_INIT_PARAMETERS))
{
    struct nic *nic = nic_create(FAKE_HOST);

    nic->on_initialize = body;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_non_null(strstr(nic->log, "body"));
    nic_destroy(nic);
}

static NDIS_STATUS out_of_order(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    union any block = {0};

    (void)parameters;
    nic_log(nic, "body");
    assert_int_equal(set_general(nic), NDIS_STATUS_FAILURE);
    assert_int_equal(set_assist(nic, &block), NDIS_STATUS_FAILURE);
    assert_int_equal(set_registration(nic), NDIS_STATUS_SUCCESS);
    assert_int_equal(set_assist(nic, &block), NDIS_STATUS_FAILURE);
    assert_int_equal(set_general(nic), NDIS_STATUS_SUCCESS);
    assert_int_equal(set_assist(nic, &block), NDIS_STATUS_SUCCESS);
    return NDIS_STATUS_SUCCESS;
}

static void attributes_come_in_order(void **state)
{
    (void)state;
    inside_initialize(out_of_order);
}

static NDIS_STATUS bad_revisions(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    static const struct {
        UCHAR type, revision;
        USHORT size;
        NDIS_STATUS status;
    } rows[] = {
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 0, 28, NDIS_STATUS_BAD_VERSION},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 1, 27, NDIS_STATUS_BAD_VERSION},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES, 2, 28, NDIS_STATUS_SUCCESS},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 1, 216, NDIS_STATUS_BAD_VERSION},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 2, 223, NDIS_STATUS_BAD_VERSION},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES, 2, 224, NDIS_STATUS_SUCCESS},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, 2, 80, NDIS_STATUS_BAD_VERSION},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, 3, 79, NDIS_STATUS_BAD_VERSION},
        {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES, 4, 96, NDIS_STATUS_SUCCESS},
        {0xEE, 1, 64, NDIS_STATUS_FAILURE},
    };

    (void)parameters;
    nic_log(nic, "body");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        union any block = {0};

        block.registration.MiniportAdapterContext =
            rows[i].type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES ? nic : NULL;
        assert_int_equal(set(nic, &block, rows[i].type, rows[i].revision, rows[i].size), rows[i].status);
    }
    return NDIS_STATUS_SUCCESS;
}

static void unsupported_revision_or_size_is_bad_version(void **state)
{
    (void)state;
    inside_initialize(bad_revisions);
}

static NDIS_STATUS capability_pairs(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    NDIS_SRIOV_CAPABILITIES both = nic->sriov, vf = nic->sriov, garbage = nic->sriov;
    const struct {
        PNDIS_SRIOV_CAPABILITIES hardware, current;
        PNDIS_NIC_SWITCH_CAPABILITIES switch_hardware, switch_current;
        NDIS_STATUS status;
    } rows[] = {
        {NULL, NULL, NULL, NULL, NDIS_STATUS_SUCCESS},
        {NULL, &nic->sriov, NULL, NULL, NDIS_STATUS_FAILURE},
        {&nic->sriov, &nic->sriov, NULL, NULL, NDIS_STATUS_FAILURE}, /* a PF without a NIC switch */
        {&nic->sriov, &nic->sriov, &nic->nic_switch, NULL, NDIS_STATUS_FAILURE},
        {&nic->sriov, NULL, &nic->nic_switch, NULL, NDIS_STATUS_SUCCESS}, /* *SRIOV = 0 */
        {&both, &both, &nic->nic_switch, &nic->nic_switch, NDIS_STATUS_FAILURE},
        {&vf, &vf, NULL, NULL, NDIS_STATUS_SUCCESS},
        {&vf, &vf, &nic->nic_switch, &nic->nic_switch, NDIS_STATUS_SUCCESS}, /* either, decisions.md */
        {&garbage, &nic->sriov, &nic->nic_switch, &nic->nic_switch, NDIS_STATUS_BAD_VERSION},
        {&nic->sriov, &nic->sriov, &nic->nic_switch, &nic->nic_switch, NDIS_STATUS_SUCCESS},
    };

    (void)parameters;
    nic_log(nic, "body");
    both.SriovCapabilities = 7;
    vf.SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_VF_MINIPORT;
    garbage.Header.Size = 8;
    set_registration(nic);
    set_general(nic);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        union any block = {0};

        block.assist.HardwareSriovCapabilities = rows[i].hardware;
        block.assist.CurrentSriovCapabilities = rows[i].current;
        block.assist.HardwareNicSwitchCapabilities = rows[i].switch_hardware;
        block.assist.CurrentNicSwitchCapabilities = rows[i].switch_current;
        assert_int_equal(set_assist(nic, &block), rows[i].status);
        if (rows[i].status == NDIS_STATUS_SUCCESS)
            assert_int_equal(ndis_sriov_capabilities(nic->adapter) != NULL, rows[i].current != NULL);
    }
    return NDIS_STATUS_SUCCESS;
}

static void every_documented_form_of_the_pairs_is_taken_and_no_other(void **state)
{
    (void)state;
    inside_initialize(capability_pairs);
}

static NDIS_STATUS copied_contents(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    (void)parameters;
    nic_log(nic, "body");
    return NDIS_STATUS_SUCCESS;
}

static void contents_are_copied_during_the_call(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->on_initialize = copied_contents;
    nic_load(nic);
    nic_add(nic);
    nic_start(nic);
    nic->sriov.SriovCapabilities = 0;
    nic->nic_switch.MaxNumVFs = 99;
    assert_int_equal(ndis_sriov_capabilities(nic->adapter)->SriovCapabilities, 3);
    assert_int_equal(ndis_switch_capabilities(nic->adapter)->MaxNumVFs, 8);
    nic_destroy(nic);
}

/* Offload, NDK, packet direct: of traffic; taken behind the general ones, and nothing comes of them. */
static NDIS_STATUS of_traffic(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    static const UCHAR types[] = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES,
                                  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES,
                                  NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_PACKET_DIRECT_ATTRIBUTES};
    union any block;

    (void)parameters;
    set_registration(nic);
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 0; i < RTL_NUMBER_OF(types); i++) {
            memset(&block, 0, sizeof block);
            assert_int_equal(set(nic, &block, types[i], 1, sizeof block) == NDIS_STATUS_SUCCESS, round == 1);
        }
        if (round == 0)
            assert_int_equal(set_general(nic), NDIS_STATUS_SUCCESS);
    }
    nic_log(nic, "body");
    return NDIS_STATUS_SUCCESS;
}

static void attributes_of_traffic_are_taken_behind_the_general_ones(void **state)
{
    (void)state;
    inside_initialize(of_traffic);
}

static void attributes_after_initialization_are_refused(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    assert_int_equal(set_registration(nic), NDIS_STATUS_FAILURE);
    assert_int_equal(set_general(nic), NDIS_STATUS_FAILURE);
    nic_destroy(nic);
}

static void impossible_switch_capabilities_are_reported_not_refused(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->nic_switch.MaxNumVPorts = 8; /* below MaxNumVFs + 1 */
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_true(nic_saw_rule(nic, "SWITCH_CAPABILITIES"));
    nic_destroy(nic);
}

static void bad_adapter_handle_gives_each_function_its_failure_value(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    ULONG value = 0x55555555, bars[6];
    union any block = {0};
    USHORT segment = 0;
    UCHAR bus = 0, function = 0;
    uint64_t before = nt_violations(nic->partition);

    (void)state;
    assert_int_equal(NdisMSetMiniportAttributes(&value, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&block),
                     NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMEnableVirtualization(&value, 1, FALSE, FALSE, TRUE), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMSetVirtualFunctionBusData(NULL, 0, &value, 0, 4), 0);
    assert_int_equal(NdisMGetVirtualFunctionBusData(&value, 0, &value, 0, 4), 0);
    assert_int_equal(NdisMSetBusData(&value, 0, 0, &value, 4), 0);
    assert_int_equal(NdisMGetBusData(&value, 0, 0, &value, 4), 0);
    assert_int_equal(NdisMReadConfigBlock(&value, 0, &value, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMWriteConfigBlock(&value, 0, &value, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMQueryProbedBars(&value, bars), NDIS_STATUS_FAILURE);
    NdisMGetVirtualFunctionLocation(&value, 0, &segment, &bus, &function);
    assert_int_equal(segment, 0xffff);
    NdisMInvalidateConfigBlock(&value, 0, 1);
    NdisMOidRequestComplete(&value, NULL, NDIS_STATUS_SUCCESS);
    NdisMIndicateStatusEx(&value, NULL);
    assert_null(NdisAllocateMemoryWithTagPriority(&value, 16, 0x74736574, NormalPoolPriority));
    assert_null(NdisAllocateIoWorkItem(&value));
    assert_int_equal(value, 0x55555555);
    assert_int_equal(nt_violations(nic->partition) - before, 15);
    assert_true(nic_saw_rule(nic, "BAD_ADAPTER_HANDLE"));
    assert_int_equal(nic->bus->count, 0);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(attributes_come_in_order),
        cmocka_unit_test(unsupported_revision_or_size_is_bad_version),
        cmocka_unit_test(every_documented_form_of_the_pairs_is_taken_and_no_other),
        cmocka_unit_test(contents_are_copied_during_the_call),
        cmocka_unit_test(attributes_of_traffic_are_taken_behind_the_general_ones),
        cmocka_unit_test(attributes_after_initialization_are_refused),
        cmocka_unit_test(impossible_switch_capabilities_are_reported_not_refused),
        cmocka_unit_test(bad_adapter_handle_gives_each_function_its_failure_value),
    };
    return cmocka_run_group_tests_name("attributes", tests, NULL, NULL);
}
