/* SPDX-License-Identifier: MIT
 *
 * OIDs from a host program: any one by number, and the four that carry a VF's configuration by name.
 */
#include "host/internal.h"

#include <errno.h>
#include <string.h>

static void fill_request(PNDIS_OID_REQUEST request, int type, uint32_t oid, void *buffer, uint32_t input,
                         uint32_t output)
{
    memset(request, 0, sizeof(*request));
    request->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    request->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    request->Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    request->RequestType = (NDIS_REQUEST_TYPE)type;
    if (type == NdisRequestMethod) {
        request->DATA.METHOD_INFORMATION.Oid = oid;
        request->DATA.METHOD_INFORMATION.InformationBuffer = buffer;
        request->DATA.METHOD_INFORMATION.InputBufferLength = input;
        request->DATA.METHOD_INFORMATION.OutputBufferLength = output;
        return;
    }
    /* The query and set arms lie over each other up to the length. */
    request->DATA.SET_INFORMATION.Oid = oid;
    request->DATA.SET_INFORMATION.InformationBuffer = buffer;
    request->DATA.SET_INFORMATION.InformationBufferLength = input;
}

static struct vfp_oid_result result_of(const NDIS_OID_REQUEST *request, NDIS_STATUS status)
{
    struct vfp_oid_result result = {.status = status};
    switch (request->RequestType) {
    case NdisRequestMethod:
        result.bytes_read = request->DATA.METHOD_INFORMATION.BytesRead;
        result.bytes_written = request->DATA.METHOD_INFORMATION.BytesWritten;
        result.bytes_needed = request->DATA.METHOD_INFORMATION.BytesNeeded;
        break;
    case NdisRequestSetInformation:
        result.bytes_read = request->DATA.SET_INFORMATION.BytesRead;
        result.bytes_needed = request->DATA.SET_INFORMATION.BytesNeeded;
        break;
    default:
        result.bytes_written = request->DATA.QUERY_INFORMATION.BytesWritten;
        result.bytes_needed = request->DATA.QUERY_INFORMATION.BytesNeeded;
        break;
    }
    return result;
}

static struct vfp_oid_result send(struct vfp_adapter *adapter, NDIS_OID_REQUEST *request, bool raw)
{
    if (adapter->generic)
        return (struct vfp_oid_result){.status = NDIS_STATUS_NOT_SUPPORTED};
    HOST_ENTER(adapter->host);
    NDIS_STATUS status = ndis_oid_wait(host_binding(adapter), request, raw);
    HOST_LEAVE();
    return result_of(request, status);
}

struct vfp_oid_result vfp_oid(struct vfp_adapter *adapter, int type, uint32_t oid, void *buffer, uint32_t input_length,
                              uint32_t output_length)
{
    NDIS_OID_REQUEST request;
    fill_request(&request, type, oid, buffer, input_length, output_length);
    return send(adapter, &request, false);
}

struct vfp_oid_result vfp_oid_raw(struct vfp_adapter *adapter, int type, uint32_t oid, void *buffer,
                                  uint32_t input_length, uint32_t output_length)
{
    NDIS_OID_REQUEST request;
    fill_request(&request, type, oid, buffer, input_length, output_length);
    return send(adapter, &request, true);
}

/* The four OIDs have one parameter layout (ndis.md 3.2): VFId @4, Offset or BlockId @8, Length @12, BufferOffset @16.
 */
struct config_parameters {
    NDIS_OBJECT_HEADER header;
    NDIS_SRIOV_FUNCTION_ID vf;
    ULONG where, length, buffer_offset;
};
_Static_assert(sizeof(struct config_parameters) == sizeof(NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS), "ndis.md 3.2");

static int config_oid(struct vfp_vf *vf, uint32_t oid, uint32_t where, void *out, const void *in, uint32_t length)
{
    struct vfp_host *host = vf->adapter->host;
    uint8_t buffer[sizeof(struct config_parameters) + PCI_CONFIG_SIZE];
    if (length > PCI_CONFIG_SIZE)
        return host_fail(host, -EINVAL, "%u bytes: a VF's configuration space has %u", length, PCI_CONFIG_SIZE);
    const struct config_parameters parameters = {
        .header = {NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof(parameters)},
        .vf = vstack_vf_id(vf->vf),
        .where = where,
        .length = length,
        .buffer_offset = sizeof(parameters),
    };
    memcpy(buffer, &parameters, sizeof(parameters));
    if (in)
        memcpy(buffer + sizeof(parameters), in, length);
    else
        memset(buffer + sizeof(parameters), 0, length);
    uint32_t total = (uint32_t)sizeof(parameters) + length;
    struct vfp_oid_result result =
        vfp_oid(vf->adapter, out ? NdisRequestMethod : NdisRequestSetInformation, oid, buffer, total, total);
    if (result.status != NDIS_STATUS_SUCCESS)
        return host_fail(host, host_errno(result.status), "VF %u: %s", vstack_vf_id(vf->vf),
                         ndis_status_name(result.status));
    if (out)
        memcpy(out, buffer + sizeof(parameters), length);
    return 0;
}

int vfp_vf_config_read(struct vfp_vf *vf, uint32_t offset, void *buffer, uint32_t length)
{
    if (vf->adapter->generic)
        return host_generic_read(vf, VSTACK_REGISTERS, offset, buffer, length);
    return config_oid(vf, OID_SRIOV_READ_VF_CONFIG_SPACE, offset, buffer, NULL, length);
}

int vfp_vf_config_write(struct vfp_vf *vf, uint32_t offset, const void *buffer, uint32_t length)
{
    if (vf->adapter->generic)
        return host_generic_write(vf, VSTACK_REGISTERS, offset, buffer, length);
    return config_oid(vf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, offset, NULL, buffer, length);
}

int vfp_vf_block_read(struct vfp_vf *vf, uint32_t block, void *buffer, uint32_t length)
{
    if (vf->adapter->generic)
        return host_generic_read(vf, VSTACK_BLOCK, block, buffer, length);
    return config_oid(vf, OID_SRIOV_READ_VF_CONFIG_BLOCK, block, buffer, NULL, length);
}

int vfp_vf_block_write(struct vfp_vf *vf, uint32_t block, const void *buffer, uint32_t length)
{
    if (vf->adapter->generic)
        return host_generic_write(vf, VSTACK_BLOCK, block, buffer, length);
    return config_oid(vf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, block, NULL, buffer, length);
}

int vfp_link_set(struct vfp_adapter *adapter, bool up, uint64_t speed)
{
    if (adapter->generic)
        return host_generic_link(adapter, up, speed);
    NDIS_LINK_PARAMETERS link = {
        .Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_LINK_PARAMETERS_REVISION_1, NDIS_SIZEOF_LINK_PARAMETERS_REVISION_1},
        .MediaDuplexState = up ? MediaDuplexStateFull : MediaDuplexStateUnknown,
        .XmitLinkSpeed = up ? speed : 0,
        .RcvLinkSpeed = up ? speed : 0,
        .PauseFunctions = NdisPauseFunctionsUnsupported,
    };
    struct vfp_oid_result result =
        vfp_oid(adapter, NdisRequestSetInformation, OID_GEN_LINK_PARAMETERS, &link, sizeof(link), 0);
    if (result.status != NDIS_STATUS_SUCCESS)
        return host_fail(adapter->host, host_errno(result.status), "OID_GEN_LINK_PARAMETERS failed with %s",
                         ndis_status_name(result.status));
    return 0;
}
