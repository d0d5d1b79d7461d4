/* SPDX-License-Identifier: MIT
 *
 * The parts of an NDIS_OID_REQUEST: its three arms seen as one, byte counts, and requests of NDIS's own.
 */
#include "ndis/internal.h"

ULONG ndis_oid_capacity(const NDIS_OID_REQUEST *request)
{
    ULONG input, output;

    if (!ndis_oid_buffer(request))
        return 0;
    if (request->RequestType != NdisRequestMethod)
        return request->DATA.QUERY_INFORMATION.InformationBufferLength;
    input = request->DATA.METHOD_INFORMATION.InputBufferLength;
    output = request->DATA.METHOD_INFORMATION.OutputBufferLength;
    return input > output ? input : output;
}

ULONG ndis_oid_output(const NDIS_OID_REQUEST *request)
{
    if (!ndis_oid_buffer(request))
        return 0;
    return request->RequestType == NdisRequestMethod ? request->DATA.METHOD_INFORMATION.OutputBufferLength
                                                     : request->DATA.QUERY_INFORMATION.InformationBufferLength;
}

NDIS_STATUS ndis_oid_too_short(PNDIS_OID_REQUEST request, ULONG needed)
{
    if (request->RequestType == NdisRequestMethod)
        request->DATA.METHOD_INFORMATION.BytesNeeded = needed;
    else
        request->DATA.QUERY_INFORMATION.BytesNeeded = needed; /* the same place in the set arm */
    return NDIS_STATUS_INVALID_LENGTH;
}

void ndis_oid_wrote(PNDIS_OID_REQUEST request, ULONG bytes)
{
    if (request->RequestType != NdisRequestMethod) {
        request->DATA.QUERY_INFORMATION.BytesWritten = bytes;
        return;
    }
    request->DATA.METHOD_INFORMATION.BytesWritten = bytes;
    request->DATA.METHOD_INFORMATION.BytesRead = request->DATA.METHOD_INFORMATION.InputBufferLength;
}

/* A count above what the buffer holds is the miniport's error; issuers see the buffer's length. */
static void cap(UINT *count, ULONG limit, const struct vfp_rule *rule, const char *oid)
{
    if (*count <= limit)
        return;
    nt_violation(rule, "%s: reports %u bytes of a %u byte buffer", oid, *count, limit);
    *count = limit;
}

static void check_needed(const NDIS_OID_REQUEST *request, const char *oid)
{
    ULONG needed = request->RequestType == NdisRequestMethod ? request->DATA.METHOD_INFORMATION.BytesNeeded
                                                             : request->DATA.QUERY_INFORMATION.BytesNeeded;

    if (needed == 0)
        nt_violation(NDIS_RULE(OID_BYTES_NEEDED), "%s: too short a buffer, but BytesNeeded is 0", oid);
    else if (needed <= ndis_oid_capacity(request) && needed <= ndis_oid_output(request))
        nt_violation(NDIS_RULE(OID_BYTES_NEEDED_PRESENT), "%s: too short a buffer, but %u bytes are needed and there",
                     oid, needed);
}

void ndis_oid_counts(PNDIS_OID_REQUEST request, const char *oid, NDIS_STATUS status)
{
    if (status != NDIS_STATUS_SUCCESS && !ndis_status_exists(status))
        nt_violation(NDIS_RULE(OID_STATUS), "%s: ends with status %08x", oid, (ULONG)status);
    if (status == NDIS_STATUS_INVALID_LENGTH || status == NDIS_STATUS_BUFFER_TOO_SHORT) {
        check_needed(request, oid);
        return;
    }
    if (request->RequestType == NdisRequestMethod) {
        cap(&request->DATA.METHOD_INFORMATION.BytesRead, request->DATA.METHOD_INFORMATION.InputBufferLength,
            NDIS_RULE(OID_BYTES_READ), oid);
        cap(&request->DATA.METHOD_INFORMATION.BytesWritten, request->DATA.METHOD_INFORMATION.OutputBufferLength,
            NDIS_RULE(OID_BYTES_WRITTEN), oid);
    } else if (request->RequestType == NdisRequestSetInformation) {
        cap(&request->DATA.SET_INFORMATION.BytesRead, request->DATA.SET_INFORMATION.InformationBufferLength,
            NDIS_RULE(OID_BYTES_READ), oid);
    } else {
        cap(&request->DATA.QUERY_INFORMATION.BytesWritten, request->DATA.QUERY_INFORMATION.InformationBufferLength,
            NDIS_RULE(OID_BYTES_WRITTEN), oid);
    }
}

bool ndis_header_ok(const void *object, UCHAR type, USHORT minimum)
{
    const NDIS_OBJECT_HEADER *header = object;

    return header->Type == type && header->Revision >= 1 && header->Size >= minimum;
}

void ndis_request_init(PNDIS_OID_REQUEST request, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length)
{
    memset(request, 0, sizeof *request);
    request->Header.Type = NDIS_OBJECT_TYPE_OID_REQUEST;
    request->Header.Revision = NDIS_OID_REQUEST_REVISION_1;
    request->Header.Size = NDIS_SIZEOF_OID_REQUEST_REVISION_1;
    request->RequestType = type;
    request->DATA.QUERY_INFORMATION.Oid = oid;
    request->DATA.QUERY_INFORMATION.InformationBuffer = buffer;
    request->DATA.QUERY_INFORMATION.InformationBufferLength = length;
    if (type == NdisRequestMethod)
        request->DATA.METHOD_INFORMATION.OutputBufferLength = length;
}
