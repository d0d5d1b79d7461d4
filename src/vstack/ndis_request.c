/* SPDX-License-Identifier: MIT
 *
 * A partition's request as an OID. The OID and its buffer belong to the VF.
 */
#include "vstack/ndis_road.h"

#include <string.h>

static void oid_completed(struct vstack_call *call, NDIS_STATUS status)
{
    vstack_request_back(CONTAINING_RECORD(call, struct vstack_vf, call), status);
}

/* ---- the OID of each kind ----------------------------------------------------------------------------------- */

_Static_assert(sizeof(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS) == sizeof(NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS),
               "one offset serves all four");
#define DATA_OFFSET ((ULONG)sizeof(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS))

static const struct {
    NDIS_OID oid;
    NDIS_REQUEST_TYPE type;
    ULONG size;   /* of the structure: Header.Size */
    ULONG length; /* of the buffer, without data */
} oids[] = {
    [VSTACK_CONFIG_READ] = {OID_SRIOV_READ_VF_CONFIG_SPACE, NdisRequestMethod,
                            NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS_REVISION_1, 0},
    [VSTACK_CONFIG_WRITE] = {OID_SRIOV_WRITE_VF_CONFIG_SPACE, NdisRequestSetInformation,
                             NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1, 0},
    [VSTACK_BLOCK_READ] = {OID_SRIOV_READ_VF_CONFIG_BLOCK, NdisRequestMethod,
                           NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1, 0},
    [VSTACK_BLOCK_WRITE] = {OID_SRIOV_WRITE_VF_CONFIG_BLOCK, NdisRequestSetInformation,
                            NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1, 0},
    [VSTACK_RESET] = {OID_SRIOV_RESET_VF, NdisRequestSetInformation, NDIS_SIZEOF_SRIOV_RESET_VF_PARAMETERS_REVISION_1,
                      sizeof(NDIS_SRIOV_RESET_VF_PARAMETERS)},
    [VSTACK_POWER] = {OID_SRIOV_SET_VF_POWER_STATE, NdisRequestSetInformation,
                      NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1,
                      sizeof(NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS)},
};

static bool carries_data(enum vstack_kind kind)
{
    return kind <= VSTACK_BLOCK_WRITE;
}

/* Fills the VF's buffer for the request and gives its length. Bytes behind the structure: what is written, else zero.
 */
static ULONG fill_buffer(struct vstack_vf *vf, const struct vstack_request *request)
{
    NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS *parameters = (void *)vf->buffer;
    NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS *block = (void *)vf->buffer;
    NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *power = (void *)vf->buffer;
    UCHAR *data = (UCHAR *)vf->buffer + DATA_OFFSET;

    ULONG length = carries_data(request->kind) ? DATA_OFFSET + request->size : oids[request->kind].length;

    memset(vf->buffer, 0, length); /* the PF driver is not told of more */
    vstack_header(&parameters->Header, oids[request->kind].size);
    parameters->VFId = vf->id;
    if (request->kind == VSTACK_POWER)
        power->PowerState = (NDIS_DEVICE_POWER_STATE)request->value;
    if (!carries_data(request->kind))
        return length;
    parameters->Length = request->size;
    parameters->BufferOffset = DATA_OFFSET;
    if (request->kind == VSTACK_BLOCK_READ || request->kind == VSTACK_BLOCK_WRITE)
        block->BlockId = request->offset;
    else
        parameters->Offset = request->offset;
    if (request->kind == VSTACK_CONFIG_WRITE)
        memcpy(data, &request->value, request->size);
    if (request->kind == VSTACK_BLOCK_WRITE)
        memcpy(data, request->data, request->size);
    return length;
}

void vstack_ndis_stage(struct vstack_vf *vf, const struct vstack_request *request)
{
    NDIS_OID_REQUEST *oid = &vf->oid;
    ULONG length = fill_buffer(vf, request);

    memset(oid, 0, sizeof(*oid));
    oid->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    oid->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    oid->Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    oid->RequestType = oids[request->kind].type;
    vf->call.complete = oid_completed;
    vstack_remember_call(oid, &vf->call);
    if (oid->RequestType == NdisRequestMethod) {
        oid->DATA.METHOD_INFORMATION.Oid = oids[request->kind].oid;
        oid->DATA.METHOD_INFORMATION.InformationBuffer = vf->buffer;
        oid->DATA.METHOD_INFORMATION.InputBufferLength = length;
        oid->DATA.METHOD_INFORMATION.OutputBufferLength = length;
    } else {
        oid->DATA.SET_INFORMATION.Oid = oids[request->kind].oid;
        oid->DATA.SET_INFORMATION.InformationBuffer = vf->buffer;
        oid->DATA.SET_INFORMATION.InformationBufferLength = length;
    }
}

NDIS_STATUS vstack_ndis_send(struct vstack_vf *vf)
{
    return NdisOidRequest(vf->stack->binding, &vf->oid);
}

/* Never more than the PF driver says it wrote. */
ULONG vstack_ndis_fetch(struct vstack_vf *vf, UCHAR *data, ULONG size)
{
    ULONG written = vf->oid.DATA.METHOD_INFORMATION.BytesWritten;
    ULONG got = written > DATA_OFFSET ? written - DATA_OFFSET : 0;

    if (got > size)
        got = size;
    memcpy(data, (const UCHAR *)vf->buffer + DATA_OFFSET, got);
    return got;
}

/* ---- a host program's own, any length ------------------------------------------------------------------------ */

NDIS_STATUS vstack_ndis_access(struct vstack_vf *vf, enum vstack_kind kind, ULONG where, void *data, ULONG length)
{
    union {
        NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS parameters;
        NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS block;
        UCHAR bytes[DATA_OFFSET + VSTACK_CONFIG_SIZE];
    } buffer;
    ULONG total = DATA_OFFSET + length, written = 0;
    NDIS_STATUS status;

    if (length > VSTACK_CONFIG_SIZE)
        return NDIS_STATUS_INVALID_PARAMETER;
    memset(&buffer, 0, total);
    vstack_header(&buffer.parameters.Header, oids[kind].size);
    buffer.parameters.VFId = vf->id;
    buffer.parameters.Length = length;
    buffer.parameters.BufferOffset = DATA_OFFSET;
    if (kind == VSTACK_BLOCK_READ || kind == VSTACK_BLOCK_WRITE)
        buffer.block.BlockId = where;
    else
        buffer.parameters.Offset = where;
    if (oids[kind].type == NdisRequestSetInformation) {
        memcpy(buffer.bytes + DATA_OFFSET, data, length);
        return vstack_set(vf->stack, oids[kind].oid, &buffer, total);
    }
    status = vstack_method(vf->stack, oids[kind].oid, &buffer, total, &written);
    if (status == NDIS_STATUS_SUCCESS && written < total)
        status = NDIS_STATUS_INVALID_DATA;
    if (status == NDIS_STATUS_SUCCESS)
        memcpy(data, buffer.bytes + DATA_OFFSET, length);
    return status;
}
