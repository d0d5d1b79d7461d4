/* SPDX-License-Identifier: MIT
 *
 * What others see of the miniport: status indications (ndis.md 4.24), spans of the trace, names of statuses.
 */
#include "nic.h"

static void each_request_is_a_span_with_its_name_and_status(void **state)
{
    struct {
        NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS p;
        ULONG data;
    } write = {0};
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    ndis_switch_create(nic->adapter, 2);
    write.p.VFId = 1, write.p.Offset = 4, write.p.Length = 4, write.p.BufferOffset = sizeof write.p;
    nic_send(nic, NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_SPACE, &write, sizeof write);
    assert_true(nic_saw_door(nic, "OID_SRIOV_WRITE_VF_CONFIG_SPACE", "VF 1, 4 bytes at 0x004", "SUCCESS"));
    nic_destroy(nic);
}

static void status_indications_reach_the_overlying_driver(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_STATUS_INDICATION indication = {0};
    NDIS_NIC_SWITCH_CAPABILITIES capabilities = nic->nic_switch;

    (void)state;
    nic_header(&indication, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1);
    indication.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    indication.StatusCode = NDIS_STATUS_LINK_STATE;
    NdisMIndicateStatusEx(nic->handle, &indication);
    assert_int_equal(nic->indications, 1);
    assert_int_equal(nic->last_indication, NDIS_STATUS_LINK_STATE);
    capabilities.MaxNumVFs = 3;
    indication.StatusCode = NDIS_STATUS_NIC_SWITCH_CURRENT_CAPABILITIES;
    indication.StatusBuffer = &capabilities;
    indication.StatusBufferSize = capabilities.Header.Size;
    NdisMIndicateStatusEx(nic->handle, &indication);
    assert_int_equal(ndis_switch_capabilities(nic->adapter)->MaxNumVFs, 3);
    indication.StatusBufferSize = 8; /* shorter than it says: kept out */
    capabilities.MaxNumVFs = 4;
    NdisMIndicateStatusEx(nic->handle, &indication);
    assert_int_equal(ndis_switch_capabilities(nic->adapter)->MaxNumVFs, 3);
    assert_true(nic_saw_rule(nic, "STATUS_INDICATION_BUFFER"));
    indication.Header.Size = 60;
    NdisMIndicateStatusEx(nic->handle, &indication);
    assert_int_equal(nic->indications, 3);
    assert_true(nic_saw_rule(nic, "STATUS_INDICATION_HEADER"));
    nic_destroy(nic);
}

static void status_names(void **state)
{
    (void)state;
    assert_string_equal(ndis_status_name(NDIS_STATUS_SUCCESS), "SUCCESS");
    assert_string_equal(ndis_status_name(NDIS_STATUS_INVALID_PARAMETER), "INVALID_PARAMETER");
    assert_string_equal(ndis_status_name(NDIS_STATUS_NOT_ACCEPTED), "NOT_ACCEPTED");
    assert_string_equal(ndis_status_name((NDIS_STATUS)0x12345678), "12345678");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_request_is_a_span_with_its_name_and_status),
        cmocka_unit_test(status_indications_reach_the_overlying_driver),
        cmocka_unit_test(status_names),
    };
    return cmocka_run_group_tests_name("indications", tests, NULL, NULL);
}
