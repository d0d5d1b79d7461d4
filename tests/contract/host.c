/* SPDX-License-Identifier: MIT
 *
 * The host's part: what an overlying driver sends.
 */
#include "pf.h"

NDIS_STATUS pf_send(struct pf *pf, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length, bool raw)
{
    NDIS_OID_REQUEST request = {.RequestType = type};

    request.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                                          NDIS_SIZEOF_OID_REQUEST_REVISION_1};
    request.DATA.SET_INFORMATION.Oid = oid;
    request.DATA.SET_INFORMATION.InformationBuffer = buffer;
    request.DATA.SET_INFORMATION.InformationBufferLength = length;
    if (type == NdisRequestMethod)
        request.DATA.METHOD_INFORMATION.OutputBufferLength = length;
    return ndis_oid_wait(pf->binding, &request, raw);
}

static NDIS_OBJECT_HEADER header(USHORT size)
{
    return (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_DEFAULT, 1, size};
}

NDIS_STATUS pf_space(struct pf *pf, bool write, USHORT vf, ULONG offset, void *data, ULONG length)
{
    struct {
        NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS parameters;
        UCHAR data[64];
    } block = {{.Header = header(NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1),
                .VFId = vf,
                .Offset = offset,
                .Length = length,
                .BufferOffset = sizeof block.parameters},
               {0}};
    NDIS_STATUS status;

    assert_true(length <= sizeof block.data);
    memcpy(block.data, data, length);
    status = pf_send(pf, write ? NdisRequestSetInformation : NdisRequestMethod,
                     write ? OID_SRIOV_WRITE_VF_CONFIG_SPACE : OID_SRIOV_READ_VF_CONFIG_SPACE, &block,
                     (ULONG)sizeof block.parameters + length + 8, false);
    memcpy(data, block.data, length);
    return status;
}

NDIS_STATUS pf_allocate(struct pf *pf)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS parameters = {.Header = header(NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1),
                                                .VFId = NDIS_INVALID_VF_FUNCTION_ID,
                                                .RequestorId = NDIS_INVALID_RID};

    return pf_send(pf, NdisRequestMethod, OID_NIC_SWITCH_ALLOCATE_VF, &parameters, sizeof parameters, false);
}

NDIS_STATUS pf_free(struct pf *pf, USHORT vf)
{
    NDIS_NIC_SWITCH_FREE_VF_PARAMETERS parameters = {
        .Header = header(NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1), .VFId = vf};

    return pf_send(pf, NdisRequestSetInformation, OID_NIC_SWITCH_FREE_VF, &parameters, sizeof parameters, false);
}

static void reset(struct pf *pf, USHORT vf)
{
    NDIS_SRIOV_RESET_VF_PARAMETERS parameters = {.Header = header(NDIS_SIZEOF_SRIOV_RESET_VF_PARAMETERS_REVISION_1),
                                                 .VFId = vf};

    pf_send(pf, NdisRequestSetInformation, OID_SRIOV_RESET_VF, &parameters, sizeof parameters, false);
}

static void power(struct pf *pf, USHORT vf, NDIS_DEVICE_POWER_STATE state)
{
    NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS parameters = {
        .Header = header(NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1), .VFId = vf, .PowerState = state};

    pf_send(pf, NdisRequestSetInformation, OID_SRIOV_SET_VF_POWER_STATE, &parameters, sizeof parameters, false);
}

void pf_run(struct pf *pf)
{
    USHORT command = 0x0006;

    if (ndis_switch_create(pf->adapter, 2) == NDIS_STATUS_SUCCESS && pf_allocate(pf) == NDIS_STATUS_SUCCESS) {
        pf_space(pf, true, 0, 4, &command, sizeof command);
        pf_space(pf, false, 0, 4, &command, sizeof command);
        power(pf, 0, NdisDeviceStateD3);
        power(pf, 0, NdisDeviceStateD0);
        command = 0x0006;
        pf_space(pf, true, 0, 4, &command, sizeof command);
        reset(pf, 0);
        pf_free(pf, 0);
    }
    ndis_switch_delete(pf->adapter);
}
