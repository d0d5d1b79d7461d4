/* SPDX-License-Identifier: MIT
 *
 * The checks every OID request passes before its handler, from the row of its table.
 */
#include "oid.h"

const struct nic_oid *nic_oid_find(const struct nic_oid *table, ULONG count, NDIS_OID oid)
{
    ULONG i;

    for (i = 0; i < count; i++)
        if (table[i].oid == oid)
            return &table[i];
    return NULL;
}

ULONG nic_oid_list(const struct nic_oid *table, ULONG count, NDIS_OID *list)
{
    ULONG i;

    for (i = 0; i < count; i++)
        list[i] = table[i].oid;
    return count;
}

/* Fills the view and clears the byte counts. Returns the type's NIC_ bit, 0 for a type no table has. */
static UCHAR open_request(struct nic_request *request, PNDIS_OID_REQUEST oid)
{
    UCHAR type = 0;

    request->oid = oid;
    request->buffer = oid->DATA.QUERY_INFORMATION.InformationBuffer;
    request->read = request->written = &request->unused;
    switch (oid->RequestType) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
        request->input = request->output = oid->DATA.QUERY_INFORMATION.InformationBufferLength;
        request->written = &oid->DATA.QUERY_INFORMATION.BytesWritten;
        request->needed = &oid->DATA.QUERY_INFORMATION.BytesNeeded;
        type = NIC_QUERY;
        break;
    case NdisRequestSetInformation:
        request->input = oid->DATA.SET_INFORMATION.InformationBufferLength;
        request->output = 0;
        request->read = &oid->DATA.SET_INFORMATION.BytesRead;
        request->needed = &oid->DATA.SET_INFORMATION.BytesNeeded;
        type = NIC_SET;
        break;
    case NdisRequestMethod:
        request->input = oid->DATA.METHOD_INFORMATION.InputBufferLength;
        request->output = oid->DATA.METHOD_INFORMATION.OutputBufferLength;
        request->read = &oid->DATA.METHOD_INFORMATION.BytesRead;
        request->written = &oid->DATA.METHOD_INFORMATION.BytesWritten;
        request->needed = &oid->DATA.METHOD_INFORMATION.BytesNeeded;
        type = NIC_METHOD;
        break;
    default:
        return 0;
    }
    *request->read = *request->written = *request->needed = 0;
    return type;
}

static BOOLEAN header_is_good(const struct nic_oid *row, const VOID *buffer)
{
    const NDIS_OBJECT_HEADER *header = buffer;

    return header->Type == NDIS_OBJECT_TYPE_DEFAULT && header->Revision >= 1 && header->Size >= row->header;
}

NDIS_STATUS nic_oid_run(const struct nic_oid *row, PVOID adapter, PNDIS_OID_REQUEST oid)
{
    struct nic_request request;
    UCHAR type = open_request(&request, oid);
    USHORT output = type == NIC_SET ? 0 : row->output;
    NDIS_STATUS status;

    if (!(row->types & type))
        return NDIS_STATUS_NOT_SUPPORTED;
    if (request.input < row->input || request.output < output || (!request.buffer && row->needed))
        return nic_too_short(&request, row->needed);
    if (row->header && !header_is_good(row, request.buffer))
        return NDIS_STATUS_INVALID_PARAMETER;
    status = row->handler(adapter, &request);
    if (status == NDIS_STATUS_SUCCESS && type == NIC_SET && row->header)
        oid->SupportedRevision = row->revision;
    return status;
}

NDIS_STATUS nic_too_short(struct nic_request *request, ULONG needed)
{
    *request->needed = needed;
    return NDIS_STATUS_INVALID_LENGTH;
}

NDIS_STATUS nic_check_tail(struct nic_request *request, ULONG limit, ULONG offset, ULONG length, ULONG fixed)
{
    ULONG64 end = (ULONG64)offset + length;

    if (offset < fixed || end > MAXULONG)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (end > limit)
        return nic_too_short(request, (ULONG)end);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS nic_answer(struct nic_request *request, const VOID *data, ULONG length)
{
    if (!request->buffer || request->output < length)
        return nic_too_short(request, length);
    NdisMoveMemory(request->buffer, data, length);
    return nic_done(request, 0, length);
}

NDIS_STATUS nic_done(struct nic_request *request, ULONG read, ULONG written)
{
    *request->read = read;
    *request->written = written;
    return NDIS_STATUS_SUCCESS;
}
