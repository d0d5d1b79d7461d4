/* SPDX-License-Identifier: MIT
 *
 * Rows of requests, of the switch and of VFs: each has a bad driver that breaks it in one place.
 */
#include "rig.h"

/* ---- requests */

static NDIS_STATUS reads_too_much(struct pf *pf, PNDIS_OID_REQUEST request)
{
    request->DATA.SET_INFORMATION.BytesRead = request->DATA.SET_INFORMATION.InformationBufferLength + 1;
    return pf_request(pf, request);
}

static NDIS_STATUS writes_too_much(struct pf *pf, PNDIS_OID_REQUEST request)
{
    request->DATA.METHOD_INFORMATION.BytesWritten = request->DATA.METHOD_INFORMATION.OutputBufferLength + 1;
    return pf_request(pf, request);
}

static NDIS_STATUS needs_nothing(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)pf, (void)request;
    return NDIS_STATUS_INVALID_LENGTH;
}

static NDIS_STATUS needs_what_is_there(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)pf;
    request->DATA.SET_INFORMATION.BytesNeeded = 20;
    return NDIS_STATUS_BUFFER_TOO_SHORT;
}

static NDIS_STATUS garbage_status(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)pf, (void)request;
    return (NDIS_STATUS)0xE0DEAD01;
}

static NDIS_STATUS completes_and_returns(struct pf *pf, PNDIS_OID_REQUEST request)
{
    NdisMOidRequestComplete(pf->handle, request, NDIS_STATUS_FAILURE);
    return NDIS_STATUS_FAILURE;
}

static NDIS_STATUS completes_with_pending(struct pf *pf, PNDIS_OID_REQUEST request)
{
    NdisMOidRequestComplete(pf->handle, request, NDIS_STATUS_PENDING);
    return NDIS_STATUS_PENDING;
}

static NDIS_STATUS completes_another(struct pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_OID_REQUEST other = *request;

    NdisMOidRequestComplete(pf->handle, &other, NDIS_STATUS_FAILURE);
    return pf_request(pf, request);
}

static NDIS_STATUS never_completes(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)pf, (void)request;
    return NDIS_STATUS_PENDING;
}

static void run_impatient(struct pf *pf)
{
    ndis_set_patience(pf->adapter, 10);
    pf_run(pf);
}

static NDIS_STATUS writes_before(struct pf *pf, PNDIS_OID_REQUEST request)
{
    ((UCHAR *)request->DATA.SET_INFORMATION.InformationBuffer)[-1] = 0;
    return pf_request(pf, request);
}

static NDIS_STATUS writes_slack(struct pf *pf, PNDIS_OID_REQUEST request)
{
    UCHAR *buffer = request->DATA.METHOD_INFORMATION.InformationBuffer;

    buffer[request->DATA.METHOD_INFORMATION.OutputBufferLength] = 0;
    return pf_request(pf, request);
}

static NDIS_STATUS writes_behind_length(struct pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *given = request->DATA.METHOD_INFORMATION.InformationBuffer;

    ((UCHAR *)given)[given->BufferOffset + given->Length] ^= 1;
    return pf_request(pf, request);
}

static NDIS_STATUS succeeds(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)pf, (void)request;
    return NDIS_STATUS_SUCCESS;
}

static void run_beyond_buffer(struct pf *pf)
{
    NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS block = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof block}, .Offset = 4, .Length = 4, .BufferOffset = 4000};

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_allocate(pf), NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_SPACE, &block, sizeof block, true);
    pf_free(pf, 0);
    ndis_switch_delete(pf->adapter);
}

static void run_short(struct pf *pf)
{
    NDIS_SRIOV_RESET_VF_PARAMETERS block = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof block}};

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestSetInformation, OID_SRIOV_RESET_VF, &block, 4, true);
    ndis_switch_delete(pf->adapter);
}

static void run_no_header(struct pf *pf)
{
    NDIS_SRIOV_RESET_VF_PARAMETERS block = {.VFId = 0};

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_allocate(pf), NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestSetInformation, OID_SRIOV_RESET_VF, &block, sizeof block, true);
    pf_free(pf, 0);
    ndis_switch_delete(pf->adapter);
}

/* ---- switch and VFs */

static void run_unallocated(struct pf *pf)
{
    ULONG data = 0;

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    pf_space(pf, true, 1, 4, &data, 4);
    ndis_switch_delete(pf->adapter);
}

static NDIS_STATUS ignores_the_bus(struct pf *pf, PNDIS_OID_REQUEST request)
{
    const NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS *given = request->DATA.SET_INFORMATION.InformationBuffer;
    ULONG data = 0;

    NdisMSetVirtualFunctionBusData(pf->handle, given->VFId, &data, 4096, 4);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS fails_enabled(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)request;
    pf_enable(pf, 2);
    return NDIS_STATUS_FAILURE;
}

static NDIS_STATUS enables_another_number(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)request;
    pf->num_vfs = 1;
    return pf_enable(pf, 1);
}

static NDIS_STATUS vf_out_of_range(struct pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS *given = request->DATA.METHOD_INFORMATION.InformationBuffer;
    NDIS_STATUS status = pf_request(pf, request);

    given->VFId = 3;
    return status;
}

static NDIS_STATUS vf_none(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)pf, (void)request;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS vf_elsewhere(struct pf *pf, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS *given = request->DATA.METHOD_INFORMATION.InformationBuffer;
    NDIS_STATUS status = pf_request(pf, request);

    given->RequestorId += 7;
    return status;
}

static NDIS_STATUS keeps_enabled(struct pf *pf, PNDIS_OID_REQUEST request)
{
    (void)request;
    pf->num_vfs = 0;
    return NDIS_STATUS_SUCCESS;
}

static void run_switch_twice(struct pf *pf)
{
    NDIS_NIC_SWITCH_PARAMETERS parameters = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1},
        .SwitchType = NdisNicSwitchTypeExternal,
        .NumVFs = 2};

    pf_enable(pf, 2);
    pf->num_vfs = 2;
    for (int i = 0; i < 2; i++)
        assert_int_equal(
            pf_send(pf, NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH, &parameters, sizeof parameters, true),
            NDIS_STATUS_SUCCESS);
    ndis_switch_delete(pf->adapter);
}

static void run_wrong_switch(struct pf *pf)
{
    NDIS_NIC_SWITCH_PARAMETERS parameters = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1}, .SwitchId = 5};

    pf_send(pf, NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH, &parameters, sizeof parameters, true);
}

static NDIS_NIC_SWITCH_VPORT_PARAMETERS vport(ULONG id, USHORT function)
{
    return (NDIS_NIC_SWITCH_VPORT_PARAMETERS){
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1},
        .VPortId = id,
        .AttachedFunctionId = function,
        .NumQueuePairs = 1,
        .VPortState = NdisNicSwitchVPortStateActivated};
}

static void run_two_vports(struct pf *pf)
{
    NDIS_NIC_SWITCH_VPORT_PARAMETERS first = vport(0, 0), second = vport(2, 0);

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_allocate(pf), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_send(pf, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &first, sizeof first, false),
                     NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &second, sizeof second, true);
}

static void run_free_in_use(struct pf *pf)
{
    NDIS_NIC_SWITCH_VPORT_PARAMETERS first = vport(0, 0);
    NDIS_NIC_SWITCH_FREE_VF_PARAMETERS block = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1}};

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_allocate(pf), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_send(pf, NdisRequestMethod, OID_NIC_SWITCH_CREATE_VPORT, &first, sizeof first, false),
                     NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &block, sizeof block, true);
}

static void run_delete_default(struct pf *pf)
{
    NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS block = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1}};

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_VPORT, &block, sizeof block, true);
    ndis_switch_delete(pf->adapter);
}

static void run_deactivate(struct pf *pf)
{
    NDIS_NIC_SWITCH_VPORT_PARAMETERS block = vport(0, NDIS_PF_FUNCTION_ID);

    block.Flags = NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED;
    block.VPortState = NdisNicSwitchVPortStateDeactivated;
    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestSetInformation, OID_NIC_SWITCH_VPORT_PARAMETERS, &block, sizeof block, true);
    ndis_switch_delete(pf->adapter);
}

static void run_power_of_nothing(struct pf *pf)
{
    NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS block = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1},
        .PowerState = 9};

    assert_int_equal(ndis_switch_create(pf->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(pf_allocate(pf), NDIS_STATUS_SUCCESS);
    pf_send(pf, NdisRequestSetInformation, OID_SRIOV_SET_VF_POWER_STATE, &block, sizeof block, false);
    pf_free(pf, 0);
    ndis_switch_delete(pf->adapter);
}

/* ---- rows */

#define WRITE .oid = OID_SRIOV_WRITE_VF_CONFIG_SPACE
#define READ  .oid = OID_SRIOV_READ_VF_CONFIG_SPACE

static const struct row rows[] = {
    {"OID_BYTES_READ", {WRITE, .request = reads_too_much}},
    {"OID_BYTES_WRITTEN", {READ, .request = writes_too_much}},
    {"OID_BYTES_NEEDED", {WRITE, .request = needs_nothing}},
    {"OID_BYTES_NEEDED_PRESENT", {WRITE, .request = needs_what_is_there}},
    {"OID_STATUS", {WRITE, .request = garbage_status}},
    {"OID_COMPLETED_TWICE", {WRITE, .request = completes_and_returns}},
    {"OID_COMPLETED_WITH_PENDING", {WRITE, .request = completes_with_pending}},
    {"OID_NOT_PENDING", {WRITE, .request = completes_another}},
    {"OID_NEVER_COMPLETED", {.oid = OID_SRIOV_RESET_VF, .request = never_completes, .run = run_impatient}},
    {"OID_BUFFER_BOUNDS", {WRITE, .request = writes_before}},
    {"OID_BUFFER_BOUNDS", {READ, .request = writes_slack}},
    {"OID_BUFFER_BOUNDS", {READ, .request = writes_behind_length}},
    {"OID_BUFFER_BOUNDS", {WRITE, .request = succeeds, .run = run_beyond_buffer}},
    {"OID_BUFFER_BOUNDS", {.oid = OID_SRIOV_RESET_VF, .request = succeeds, .run = run_short}},
    {"OID_HEADER", {.oid = OID_SRIOV_RESET_VF, .request = succeeds, .run = run_no_header}},
    {"SRIOV_VF_NOT_ALLOCATED", {WRITE, .request = succeeds, .run = run_unallocated}},
    {"SRIOV_BUS_DATA_FAILED", {WRITE, .request = ignores_the_bus}},
    {"SRIOV_VF_NOT_ENABLED", {.oid = OID_NIC_SWITCH_CREATE_SWITCH, .request = succeeds}},
    {"SRIOV_VFS_DIFFER", {.oid = OID_NIC_SWITCH_CREATE_SWITCH, .request = enables_another_number}},
    {"SRIOV_LEFT_ENABLED", {.oid = OID_NIC_SWITCH_CREATE_SWITCH, .request = fails_enabled}},
    {"SRIOV_NOT_DISABLED", {.oid = OID_NIC_SWITCH_DELETE_SWITCH, .request = keeps_enabled}},
    {"SRIOV_VF_ID", {.oid = OID_NIC_SWITCH_ALLOCATE_VF, .request = vf_out_of_range}},
    {"SRIOV_VF_ID", {.oid = OID_NIC_SWITCH_ALLOCATE_VF, .request = vf_none}},
    {"SRIOV_REQUESTOR_ID", {.oid = OID_NIC_SWITCH_ALLOCATE_VF, .request = vf_elsewhere}},
    {"SRIOV_VF_NOT_RESET", {.oid = OID_SRIOV_RESET_VF, .request = succeeds}},
    {"SRIOV_POWER_STATE", {.oid = OID_SRIOV_SET_VF_POWER_STATE, .request = succeeds}},
    {"SRIOV_POWER_PARAMETER", {.oid = OID_SRIOV_SET_VF_POWER_STATE, .request = succeeds, .run = run_power_of_nothing}},
    {"SWITCH_CREATED_TWICE", {.oid = OID_NIC_SWITCH_CREATE_SWITCH, .request = succeeds, .run = run_switch_twice}},
    {"SWITCH_PARAMETERS", {.oid = OID_NIC_SWITCH_CREATE_SWITCH, .request = succeeds, .run = run_wrong_switch}},
    {"VPORT_PER_VF", {.run = run_two_vports}},
    {"VF_FREED_IN_USE", {.run = run_free_in_use}},
    {"VPORT_DEFAULT_DELETED", {.run = run_delete_default}},
    {"VPORT_DEACTIVATED", {.oid = OID_NIC_SWITCH_VPORT_PARAMETERS, .request = succeeds, .run = run_deactivate}},
};

int main(void)
{
    return rig_main(rows, sizeof rows / sizeof *rows);
}
