/* SPDX-License-Identifier: MIT
 *
 * refnic's PF miniport alone: what it declares, and what its requests do.
 */
#include "refnic_fake.h"
#include "refnic_requests.h"

static UCHAR buffer[REQUEST_MAX];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define SEND(oid, ...)                                                                                                 \
    request_send(fake_oid, oid, (const struct request_change[]){__VA_ARGS__},                                          \
                 COUNT(((const struct request_change[]){__VA_ARGS__})), buffer)
#define GOOD(oid) request_send(fake_oid, oid, NULL, 0, buffer)

static const char *pf_path(void)
{
    return getenv("REFNIC_PF");
}

static int not_started(void **state)
{
    (void)state;
    fake_create();
    return 0;
}

static int populated(void **state)
{
    not_started(state);
    return fake_start(pf_path()) == NDIS_STATUS_SUCCESS && request_populate(fake_oid) ? 0 : -1;
}

static int take_down(void **state)
{
    (void)state;
    if (fake->context)
        fake_stop(NdisHaltDeviceDisabled);
    fake_destroy();
    return 0;
}

/* ---- start
 * ----------------------------------------------------------------------------------------------------------- */

static void a_guest_has_no_pf(void **state)
{
    (void)state;
    fake->partition = NdisHypervisorPartitionMsHvChild;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_FAILURE);
    assert_int_equal(fake->attribute_count, 0);
}

static void a_machine_without_hypervisor_is_as_good_as_a_parent(void **state)
{
    (void)state;
    fake->partition = NdisHypervisorPartitionTypeUnknown;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
}

static void attributes_come_in_order_and_keep_the_rules_of_a_switch(void **state)
{
    (void)state;
    const UCHAR order[] = {NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES,
                           NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES,
                           NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES};
    const NDIS_NIC_SWITCH_CAPABILITIES *caps = &fake->nic_switch;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake->attribute_count, 3);
    assert_memory_equal(fake->attribute_order, order, sizeof(order));
    assert_int_equal(fake->sriov.SriovCapabilities, 3);
    assert_int_equal(caps->MaxNumSwitches, 1);
    assert_int_equal(caps->MaxNumVFs, FAKE_VFS);
    assert_true(caps->MaxNumVPorts >= caps->MaxNumVFs + 1);
    assert_true(caps->MaxNumQueuePairs >= caps->MaxNumVPorts);
    assert_true(caps->MaxNumMacAddresses >= caps->MaxNumVPorts);
    assert_int_equal(caps->MaxNumQueuePairsPerNonDefaultVPort & (caps->MaxNumQueuePairsPerNonDefaultVPort - 1), 0);
    assert_int_equal(caps->MaxNumQueuePairsForDefaultVPort & (caps->MaxNumQueuePairsForDefaultVPort - 1), 0);
}

static void every_oid_a_pf_must_handle_is_in_the_supported_list(void **state)
{
    (void)state;
    const NDIS_OID needed[] = {
        OID_NIC_SWITCH_CREATE_SWITCH,
        OID_NIC_SWITCH_PARAMETERS,
        OID_NIC_SWITCH_DELETE_SWITCH,
        OID_NIC_SWITCH_CREATE_VPORT,
        OID_NIC_SWITCH_VPORT_PARAMETERS,
        OID_NIC_SWITCH_DELETE_VPORT,
        OID_NIC_SWITCH_ALLOCATE_VF,
        OID_NIC_SWITCH_FREE_VF,
        OID_SRIOV_READ_VF_CONFIG_SPACE,
        OID_SRIOV_WRITE_VF_CONFIG_SPACE,
        OID_SRIOV_READ_VF_CONFIG_BLOCK,
        OID_SRIOV_WRITE_VF_CONFIG_BLOCK,
        OID_SRIOV_RESET_VF,
        OID_SRIOV_SET_VF_POWER_STATE,
        OID_SRIOV_VF_VENDOR_DEVICE_ID,
        OID_SRIOV_PROBED_BARS,
        OID_SRIOV_BAR_RESOURCES,
        OID_RECEIVE_FILTER_SET_FILTER,
        OID_RECEIVE_FILTER_CLEAR_FILTER,
        OID_RECEIVE_FILTER_MOVE_FILTER,
    };
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    for (size_t i = 0; i < COUNT(needed); i++) {
        unsigned at = 0;
        while (at < fake->oid_count && fake->oids[at] != needed[i])
            at++;
        if (at == fake->oid_count)
            fail_msg("%08x is not in the list", needed[i]);
    }
}

static void the_sriov_keyword_0_leaves_hardware_capabilities_and_no_sriov(void **state)
{
    (void)state;
    fake->sriov_keyword = 0;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    assert_true(fake->has_hardware);
    assert_false(fake->has_current);
    assert_int_equal(GOOD(OID_NIC_SWITCH_CREATE_SWITCH), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(GOOD(OID_SRIOV_READ_VF_CONFIG_SPACE), NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(GOOD(OID_GEN_LINK_PARAMETERS), NDIS_STATUS_SUCCESS);
}

static void the_num_vfs_keyword_bounds_a_switch_and_total_vfs_bounds_the_keyword(void **state)
{
    (void)state;
    const ULONG at = offsetof(NDIS_NIC_SWITCH_PARAMETERS, NumVFs);
    fake->num_vfs_keyword = 3;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake->nic_switch.MaxNumVFs, 3);
    assert_int_equal(GOOD(OID_NIC_SWITCH_CREATE_SWITCH), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(SEND(OID_NIC_SWITCH_CREATE_SWITCH, {at, 4, 3}), NDIS_STATUS_SUCCESS);
    fake_stop(NdisHaltDeviceDisabled);
    fake_destroy();
    fake_create();
    fake->num_vfs_keyword = 65536 + 2;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake->nic_switch.MaxNumVFs, FAKE_VFS);
}

static void a_card_without_sriov_is_a_plain_adapter(void **state)
{
    (void)state;
    fake->no_capability = true;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    assert_false(fake->has_hardware);
    assert_int_equal(GOOD(OID_NIC_SWITCH_CREATE_SWITCH), NDIS_STATUS_NOT_SUPPORTED);
}

/* ---- the switch
 * ------------------------------------------------------------------------------------------------------- */

static void a_bad_switch_is_refused_and_enables_nothing(void **state)
{
    (void)state;
    const struct request_change bad[] = {
        {offsetof(NDIS_NIC_SWITCH_PARAMETERS, SwitchId), 4, 1},
        {offsetof(NDIS_NIC_SWITCH_PARAMETERS, SwitchType), 4, 0},
        {offsetof(NDIS_NIC_SWITCH_PARAMETERS, NumVFs), 4, FAKE_VFS + 1},
        {offsetof(NDIS_NIC_SWITCH_PARAMETERS, NumVFs), 4, 65536},
        {offsetof(NDIS_NIC_SWITCH_PARAMETERS, SwitchFriendlyName.Length), 2, 514},
        {offsetof(NDIS_NIC_SWITCH_PARAMETERS, SwitchFriendlyName.Length), 2, 1},
    };
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(request_send(fake_oid, OID_NIC_SWITCH_CREATE_SWITCH, &bad[i], 1, buffer),
                         NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(fake->enables, 0);
    assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_SWITCH), NDIS_STATUS_INVALID_PARAMETER);
}

static void a_switch_enables_virtualization_and_its_end_disables_it(void **state)
{
    (void)state;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(GOOD(OID_NIC_SWITCH_CREATE_SWITCH), NDIS_STATUS_SUCCESS);
        assert_int_equal(fake->num_vfs, 4);
        assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_SWITCH), NDIS_STATUS_SUCCESS);
        assert_int_equal(fake->num_vfs, 0);
        assert_int_equal(fake->enables, i);
    }
}

static void a_switch_of_no_vfs_does_not_touch_virtualization(void **state)
{
    (void)state;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_NIC_SWITCH_CREATE_SWITCH, {offsetof(NDIS_NIC_SWITCH_PARAMETERS, NumVFs), 4, 0}),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_RESOURCES);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_SWITCH), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake->enables + fake->disables, 0);
}

static void halting_with_a_switch_disables_virtualization(void **state)
{
    (void)state;
    fake_stop(NdisHaltDeviceSurpriseRemoved);
    assert_int_equal(fake->num_vfs, 0);
    assert_int_equal(fake->allocations, 0);
}

static void the_mandatory_order_takes_everything_down(void **state)
{
    (void)state;
    assert_int_equal(GOOD(OID_RECEIVE_FILTER_MOVE_FILTER), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_VPORT), NDIS_STATUS_INVALID_PARAMETER); /* it has a filter */
    assert_int_equal(SEND(OID_RECEIVE_FILTER_MOVE_FILTER, {12, 4, 1}, {20, 4, 0}), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_VPORT), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(SEND(OID_NIC_SWITCH_FREE_VF, {8, 2, 0}), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_SRIOV_READ_VF_CONFIG_SPACE), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_SWITCH), NDIS_STATUS_INVALID_PARAMETER); /* VF 1 */
    assert_int_equal(GOOD(OID_NIC_SWITCH_FREE_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_SWITCH), NDIS_STATUS_INVALID_PARAMETER); /* VPort 2 */
    assert_int_equal(SEND(OID_NIC_SWITCH_DELETE_VPORT, {8, 4, 2}), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_SWITCH), NDIS_STATUS_INVALID_PARAMETER); /* filter 5 */
    assert_int_equal(GOOD(OID_RECEIVE_FILTER_CLEAR_FILTER), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_DELETE_SWITCH), NDIS_STATUS_SUCCESS);
}

static void vfs_run_out_and_a_freed_one_is_given_again(void **state)
{
    (void)state;
    const NDIS_NIC_SWITCH_VF_PARAMETERS *got = (const void *)buffer;
    for (USHORT i = 2; i < 4; i++) {
        assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_SUCCESS);
        assert_int_equal(got->VFId, i);
        assert_int_equal(got->RequestorId, NDIS_MAKE_RID(0, 1, 0x80 + 2 * i));
    }
    assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_RESOURCES);
    assert_int_equal(GOOD(OID_NIC_SWITCH_FREE_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(GOOD(OID_NIC_SWITCH_ALLOCATE_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(got->VFId, 1);
}

static void a_vport_of_the_pf_is_activated_once(void **state)
{
    (void)state;
    assert_int_equal(GOOD(OID_NIC_SWITCH_VPORT_PARAMETERS), NDIS_STATUS_SUCCESS);
    assert_int_equal(
        SEND(OID_NIC_SWITCH_VPORT_PARAMETERS, {offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, VPortState), 4, 2}),
        NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(GOOD(OID_NIC_SWITCH_PARAMETERS), NDIS_STATUS_SUCCESS);
}

/* ---- a VF
 * ---------------------------------------------------------------------------------------------------------------- */

static void a_config_write_reaches_the_vf_and_only_it(void **state)
{
    (void)state;
    UCHAR other[4096];
    memcpy(other, fake->vf_config[1], sizeof(other));
    assert_int_equal(GOOD(OID_SRIOV_WRITE_VF_CONFIG_SPACE), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake_vf16(0, 4), 4);
    assert_memory_equal(other, fake->vf_config[1], sizeof(other));
    assert_int_equal(GOOD(OID_SRIOV_READ_VF_CONFIG_SPACE), NDIS_STATUS_SUCCESS);
    assert_memory_equal(buffer + 20, "\xff\xff\xff\xff", 4); /* raw: the IDs are not patched */
}

static void a_short_transfer_is_a_failure(void **state)
{
    (void)state;
    fake->short_transfer = true;
    assert_int_equal(GOOD(OID_SRIOV_READ_VF_CONFIG_SPACE), NDIS_STATUS_FAILURE);
    assert_int_equal(GOOD(OID_SRIOV_WRITE_VF_CONFIG_SPACE), NDIS_STATUS_FAILURE);
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_FAILURE);
}

static void a_reset_resets_that_vf(void **state)
{
    (void)state;
    GOOD(OID_SRIOV_WRITE_VF_CONFIG_SPACE);
    SEND(OID_SRIOV_WRITE_VF_CONFIG_SPACE, {4, 2, 1});
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake->resets, 1);
    assert_int_equal(fake_vf16(0, 4), 0);
    assert_int_equal(fake_vf16(1, 4), 4);
}

static void a_reset_that_does_not_happen_is_noticed(void **state)
{
    (void)state;
    fake->flr_ignored = true;
    assert_int_equal(GOOD(OID_SRIOV_RESET_VF), NDIS_STATUS_FAILURE);
}

static void power_is_remembered_without_the_capability_and_written_with_it(void **state)
{
    (void)state;
    UCHAR before[4096];
    memcpy(before, fake->vf_config[0], sizeof(before));
    assert_int_equal(GOOD(OID_SRIOV_SET_VF_POWER_STATE), NDIS_STATUS_SUCCESS);
    assert_memory_equal(before, fake->vf_config[0], sizeof(before));
    fake_stop(NdisHaltDeviceDisabled);
    fake_destroy();
    fake_create();
    fake->has_pm = true;
    assert_int_equal(fake_start(pf_path()), NDIS_STATUS_SUCCESS);
    assert_true(request_populate(fake_oid));
    assert_int_equal(GOOD(OID_SRIOV_SET_VF_POWER_STATE), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake_vf16(0, FAKE_PM + 4), 3);
    assert_int_equal(SEND(OID_SRIOV_SET_VF_POWER_STATE, {8, 4, NdisDeviceStateD0}), NDIS_STATUS_SUCCESS);
    assert_int_equal(fake_vf16(0, FAKE_PM + 4), 0);
}

static void identity_bars_and_their_slices(void **state)
{
    (void)state;
    CM_PARTIAL_RESOURCE_DESCRIPTOR slice;
    ULONG bars[6];
    assert_int_equal(GOOD(OID_SRIOV_VF_VENDOR_DEVICE_ID), NDIS_STATUS_SUCCESS);
    assert_memory_equal(buffer + 6, "\x86\x80\xca\x10", 4);
    assert_int_equal(GOOD(OID_SRIOV_PROBED_BARS), NDIS_STATUS_SUCCESS);
    memcpy(bars, buffer + 8, sizeof(bars));
    assert_int_equal(bars[0], ~(FAKE_BAR_SIZE - 1) | 0xC);
    for (USHORT vf = 0; vf < 2; vf++) {
        assert_int_equal(SEND(OID_SRIOV_BAR_RESOURCES, {4, 2, vf}, {6, 2, 3}), NDIS_STATUS_SUCCESS);
        memcpy(&slice, buffer + 12, sizeof(slice));
        assert_int_equal(slice.Type, CmResourceTypeMemory);
        assert_int_equal(slice.u.Memory.Length, FAKE_BAR_SIZE);
        assert_int_equal(slice.u.Memory.Start.QuadPart, FAKE_WINDOW + (FAKE_VFS + vf) * FAKE_BAR_SIZE);
    }
}

#define ALONE(test)    cmocka_unit_test_setup_teardown(test, not_started, take_down)
#define WITH_VFS(test) cmocka_unit_test_setup_teardown(test, populated, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        ALONE(a_guest_has_no_pf),
        ALONE(a_machine_without_hypervisor_is_as_good_as_a_parent),
        ALONE(attributes_come_in_order_and_keep_the_rules_of_a_switch),
        ALONE(every_oid_a_pf_must_handle_is_in_the_supported_list),
        ALONE(the_sriov_keyword_0_leaves_hardware_capabilities_and_no_sriov),
        ALONE(the_num_vfs_keyword_bounds_a_switch_and_total_vfs_bounds_the_keyword),
        ALONE(a_card_without_sriov_is_a_plain_adapter),
        ALONE(a_bad_switch_is_refused_and_enables_nothing),
        ALONE(a_switch_enables_virtualization_and_its_end_disables_it),
        ALONE(a_switch_of_no_vfs_does_not_touch_virtualization),
        WITH_VFS(halting_with_a_switch_disables_virtualization),
        WITH_VFS(the_mandatory_order_takes_everything_down),
        WITH_VFS(vfs_run_out_and_a_freed_one_is_given_again),
        WITH_VFS(a_vport_of_the_pf_is_activated_once),
        WITH_VFS(a_config_write_reaches_the_vf_and_only_it),
        WITH_VFS(a_short_transfer_is_a_failure),
        WITH_VFS(a_reset_resets_that_vf),
        WITH_VFS(a_reset_that_does_not_happen_is_noticed),
        WITH_VFS(power_is_remembered_without_the_capability_and_written_with_it),
        WITH_VFS(identity_bars_and_their_slices),
    };
    return cmocka_run_group_tests_name("path / refnic / PF", tests, NULL, NULL);
}
