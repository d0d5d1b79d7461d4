/* SPDX-License-Identifier: MIT
 *
 * What NDIS answers from its cache, and the queries it sends itself (ndis.md 4.11-4.13, 4.19, 8.3).
 */
#include "nic.h"

static NDIS_STATUS refuse(struct nic *nic, PNDIS_OID_REQUEST request)
{
    (void)nic, (void)request;
    return NDIS_STATUS_FAILURE;
}

static void capabilities_are_copies_of_what_was_declared(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NDIS_SRIOV_CAPABILITIES sriov;
    NDIS_NIC_SWITCH_CAPABILITIES nic_switch;
    NDIS_OID_REQUEST request;

    (void)state;
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_CURRENT_CAPABILITIES, &sriov, 12),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(sriov.SriovCapabilities, 3);
    nic_request(&request, NdisRequestQueryInformation, OID_NIC_SWITCH_HARDWARE_CAPABILITIES, &nic_switch, 115);
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(request.DATA.QUERY_INFORMATION.BytesNeeded, 116);
    nic_request(&request, NdisRequestQueryInformation, OID_NIC_SWITCH_HARDWARE_CAPABILITIES, &nic_switch, 116);
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_SUCCESS);
    assert_int_equal(request.DATA.QUERY_INFORMATION.BytesWritten, 116);
    assert_int_equal(nic_switch.MaxNumVPorts, 12);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void hardware_capabilities_are_answered_with_sriov_off(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);
    NDIS_SRIOV_CAPABILITIES sriov;

    (void)state;
    nic->sriov_off = true;
    nic_load(nic);
    nic_add(nic);
    nic_start(nic);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_HARDWARE_CAPABILITIES, &sriov, 12),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_CURRENT_CAPABILITIES, &sriov, 12),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_null(ndis_sriov_capabilities(nic->adapter));
    nic_destroy(nic);
}

static void luid_is_of_the_pf_and_serial_number_of_the_vf(void **state)
{
    NDIS_SRIOV_PF_LUID_INFO luid = {0};
    NDIS_SRIOV_VF_SERIAL_NUMBER_INFO serial = {0};
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_PF_LUID, &luid, 11),
                     NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_PF_LUID, &luid, 12), NDIS_STATUS_SUCCESS);
    assert_true(luid.Luid.LowPart != 0 || luid.Luid.HighPart != 0);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_VF_SERIAL_NUMBER, &serial, 8),
                     NDIS_STATUS_NOT_SUPPORTED);
    nic_destroy(nic);
    nic = nic_running(FAKE_GUEST);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_VF_SERIAL_NUMBER, &serial, 7),
                     NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_VF_SERIAL_NUMBER, &serial, 8),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(serial.SerialNumber, 0x5e41a1);
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_SRIOV_PF_LUID, &luid, 12),
                     NDIS_STATUS_NOT_SUPPORTED);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static void enumerations_list_what_exists_or_say_what_they_need(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    static _Alignas(8) UCHAR out[16384];
    NDIS_NIC_SWITCH_INFO_ARRAY *switches = (void *)out;
    NDIS_NIC_SWITCH_VF_INFO_ARRAY *vfs = (void *)out;
    NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *vports = (void *)out;
    NDIS_OID_REQUEST request;

    (void)state;
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_NIC_SWITCH_ENUM_SWITCHES, out, 16),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(switches->NumElements, 0);
    ndis_switch_create(nic->adapter, 4);
    nic_allocate_vf(nic, NULL);
    nic_allocate_vf(nic, NULL);
    nic_create_vport(nic, 1, NULL);

    nic_request(&request, NdisRequestQueryInformation, OID_NIC_SWITCH_ENUM_SWITCHES, out, 16);
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(request.DATA.QUERY_INFORMATION.BytesNeeded, 16 + 572);
    nic_request(&request, NdisRequestQueryInformation, OID_NIC_SWITCH_ENUM_SWITCHES, out, 16 + 572);
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_SUCCESS);
    assert_int_equal(switches->NumElements, 1);
    assert_int_equal(switches->ElementSize, 572);
    assert_int_equal(((NDIS_NIC_SWITCH_INFO *)(void *)(out + switches->FirstElementOffset))->NumAllocatedVFs, 2);
    assert_int_equal(((NDIS_NIC_SWITCH_INFO *)(void *)(out + switches->FirstElementOffset))->NumActiveVPorts, 2);

    memset(out, 0, sizeof out);
    nic_request(&request, NdisRequestMethod, OID_NIC_SWITCH_ENUM_VFS, out, 24 + 2 * 1632 - 1);
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_INVALID_LENGTH);
    assert_int_equal(request.DATA.METHOD_INFORMATION.BytesNeeded, 24 + 2 * 1632);
    nic_request(&request, NdisRequestMethod, OID_NIC_SWITCH_ENUM_VFS, out, 24 + 2 * 1632);
    assert_int_equal(NdisOidRequest(nic->binding, &request), NDIS_STATUS_SUCCESS);
    assert_int_equal(vfs->NumElements, 2);
    assert_int_equal(((NDIS_NIC_SWITCH_VF_INFO *)(void *)(out + vfs->FirstElementOffset + 1632))->VFId, 1);
    assert_int_equal(((NDIS_NIC_SWITCH_VF_INFO *)(void *)(out + vfs->FirstElementOffset + 1632))->RequestorId, 0x412);

    memset(out, 0, sizeof out);
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_ENUM_VPORTS, out, sizeof out),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(vports->NumElements, 2);
    memset(out, 0, sizeof out);
    vports->Flags = NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION;
    vports->AttachedFunctionId = 1;
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_ENUM_VPORTS, out, sizeof out),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(vports->NumElements, 1);
    assert_int_equal(((NDIS_NIC_SWITCH_VPORT_INFO *)(void *)(out + vports->FirstElementOffset))->VPortId, 1);
    nic_destroy(nic);
}

static void enumeration_rows_of_8_3_are_refused(void **state)
{
    static const struct {
        NDIS_OID oid;
        ULONG flags, switch_id;
        USHORT function;
    } rows[] = {
        {OID_NIC_SWITCH_ENUM_VFS, 0, 1, 0},         {OID_NIC_SWITCH_ENUM_VFS, 2, 0, 0},
        {OID_NIC_SWITCH_ENUM_VPORTS, 3, 0, 0xffff}, {OID_NIC_SWITCH_ENUM_VPORTS, 4, 0, 0xffff},
        {OID_NIC_SWITCH_ENUM_VPORTS, 1, 0, 3},      {OID_NIC_SWITCH_ENUM_VPORTS, 2, 1, 0},
    };
    struct nic *nic = nic_with_switch();
    _Alignas(8) UCHAR out[4096];

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *in = (void *)out; /* Flags and SwitchId lie alike in both */

        memset(out, 0, sizeof out);
        in->Flags = rows[i].flags;
        in->SwitchId = rows[i].switch_id;
        if (rows[i].oid == OID_NIC_SWITCH_ENUM_VPORTS)
            in->AttachedFunctionId = rows[i].function;
        assert_int_equal(nic_send(nic, NdisRequestMethod, rows[i].oid, out, sizeof out), NDIS_STATUS_INVALID_PARAMETER);
    }
    nic_destroy(nic);
}

static void parameters_of_switch_and_vf_are_answered_from_the_cache(void **state)
{
    struct nic *nic = nic_with_switch();
    NDIS_NIC_SWITCH_PARAMETERS sw = {0};
    NDIS_NIC_SWITCH_VF_PARAMETERS vf = {0};

    (void)state;
    nic_allocate_vf(nic, NULL);
    nic->oids = 0;
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_PARAMETERS, &sw, sizeof sw), NDIS_STATUS_SUCCESS);
    assert_int_equal(sw.NumVFs, 4);
    sw.SwitchId = 1;
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_PARAMETERS, &sw, sizeof sw),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_VF_PARAMETERS, &vf, sizeof vf),
                     NDIS_STATUS_SUCCESS);
    assert_int_equal(vf.RequestorId, 0x410);
    vf.VFId = 1;
    assert_int_equal(nic_send(nic, NdisRequestMethod, OID_NIC_SWITCH_VF_PARAMETERS, &vf, sizeof vf),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(nic->oids, 0);
    nic_destroy(nic);
}

static NDIS_STATUS answer_bars(struct nic *nic, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_PROBED_BARS_INFO *bars = request->DATA.QUERY_INFORMATION.InformationBuffer;
    NDIS_SRIOV_BAR_RESOURCES_INFO *resources = request->DATA.METHOD_INFORMATION.InformationBuffer;
    CM_PARTIAL_RESOURCE_DESCRIPTOR found = {.Type = CmResourceTypeMemory};
    ULONG values[6] = {0xffffc004, 0xffffffff, 0, 0xffffc00c, 0xffffffff, 0};

    if (request->DATA.QUERY_INFORMATION.Oid == OID_SRIOV_PROBED_BARS) {
        assert_int_equal(request->DATA.QUERY_INFORMATION.InformationBufferLength, 32);
        memcpy((char *)bars + bars->BaseRegisterValuesOffset, values, sizeof values);
    } else if (request->DATA.QUERY_INFORMATION.Oid == OID_SRIOV_BAR_RESOURCES) {
        assert_int_equal(resources->BarIndex, 3);
        found.u.Memory.Start.QuadPart = 0x90000000 + 0x4000 * resources->VFId;
        memcpy((char *)resources + resources->BarResourcesOffset, &found, sizeof found);
    } else {
        return nic_default_oid(nic, request);
    }
    return NDIS_STATUS_SUCCESS;
}

static void bars_and_resources_come_from_the_miniport(void **state)
{
    struct nic *nic = nic_with_switch();
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {0};
    ULONG bars[6] = {0};

    (void)state;
    nic->on_oid = answer_bars;
    nic_allocate_vf(nic, NULL);
    assert_int_equal(ndis_query_probed_bars(nic->adapter, bars), NDIS_STATUS_SUCCESS);
    assert_int_equal(bars[3], 0xffffc00c);
    assert_int_equal(ndis_query_bar_resource(nic->adapter, 0, 3, &resource), NDIS_STATUS_SUCCESS);
    assert_int_equal(resource.u.Memory.Start.QuadPart, 0x90000000);
    nic->on_oid = refuse;
    bars[3] = 1;
    assert_int_equal(ndis_query_probed_bars(nic->adapter, bars), NDIS_STATUS_FAILURE);
    assert_int_equal(bars[3], 1);
    nic->on_oid = NULL;
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(capabilities_are_copies_of_what_was_declared),
        cmocka_unit_test(hardware_capabilities_are_answered_with_sriov_off),
        cmocka_unit_test(luid_is_of_the_pf_and_serial_number_of_the_vf),
        cmocka_unit_test(enumerations_list_what_exists_or_say_what_they_need),
        cmocka_unit_test(enumeration_rows_of_8_3_are_refused),
        cmocka_unit_test(parameters_of_switch_and_vf_are_answered_from_the_cache),
        cmocka_unit_test(bars_and_resources_come_from_the_miniport),
    };
    return cmocka_run_group_tests_name("answers", tests, NULL, NULL);
}
