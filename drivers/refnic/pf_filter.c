/* SPDX-License-Identifier: MIT
 *
 * Receive filters on VPorts (ndis.md 4.23): which address and VLAN belongs to which VPort. Bookkeeping only, since the
 * card receives nothing; what a driver must check is checked. NDIS chooses the FilterId and keeps it when a filter is
 * modified.
 */
#include "pf.h"

static struct pf_filter *find_filter(struct pf_adapter *adapter, NDIS_RECEIVE_FILTER_ID id)
{
    PLIST_ENTRY head = &adapter->nic_switch.filters;
    PLIST_ENTRY entry;

    for (entry = head->Flink; entry != head; entry = entry->Flink) {
        struct pf_filter *filter = CONTAINING_RECORD(entry, struct pf_filter, link);

        if (filter->id == id)
            return filter;
    }
    return NULL;
}

/* The fields a filter of ours can test: destination address and VLAN id of the MAC header, for equality. */
static BOOLEAN take_field(struct pf_filter *filter, const NDIS_RECEIVE_FILTER_FIELD_PARAMETERS *field)
{
    if (field->FrameHeader != NdisFrameHeaderMac || field->ReceiveFilterTest != NdisReceiveFilterTestEqual)
        return FALSE;
    switch (field->HeaderField.MacHeaderField) {
    case NdisMacHeaderFieldDestinationAddress:
        NdisMoveMemory(filter->mac, field->FieldValue.FieldByteArrayValue, NIC_MAC_LENGTH);
        return TRUE;
    case NdisMacHeaderFieldVlanId:
        filter->vlan = field->FieldValue.FieldShortValue;
        return TRUE;
    default:
        return FALSE;
    }
}

/* Each element is copied out: its place in the buffer is the issuer's choice and may be unaligned. */
static BOOLEAN take_fields(struct pf_filter *filter, const struct nic_request *request,
                           const NDIS_RECEIVE_FILTER_PARAMETERS *parameters)
{
    const UCHAR *element = request->buffer + parameters->FieldParametersArrayOffset;
    NDIS_RECEIVE_FILTER_FIELD_PARAMETERS field;
    ULONG i;

    for (i = 0; i < parameters->FieldParametersArrayNumElements; i++) {
        NdisMoveMemory(&field, element, sizeof(field));
        if (field.Header.Type != NDIS_OBJECT_TYPE_DEFAULT || !take_field(filter, &field))
            return FALSE;
        element += parameters->FieldParametersArrayElementSize;
    }
    return i > 0;
}

/* Is the array of fields where the parameters say, inside the buffer? */
static NDIS_STATUS check_array(struct nic_request *request, const NDIS_RECEIVE_FILTER_PARAMETERS *parameters)
{
    ULONG64 bytes = (ULONG64)parameters->FieldParametersArrayNumElements * parameters->FieldParametersArrayElementSize;

    if (bytes > MAXULONG ||
        parameters->FieldParametersArrayElementSize < NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1)
        return NDIS_STATUS_INVALID_PARAMETER;
    return nic_check_tail(request, request->input, parameters->FieldParametersArrayOffset, (ULONG)bytes,
                          NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2);
}

static NDIS_STATUS add_filter(struct pf_adapter *adapter, const struct pf_filter *wanted)
{
    struct pf_filter *filter;

    if (adapter->nic_switch.num_filters >= adapter->max_vports)
        return NDIS_STATUS_RESOURCES;
    filter = nic_allocate(adapter->port.handle, sizeof(*filter));
    if (!filter)
        return NDIS_STATUS_RESOURCES;
    *filter = *wanted;
    InsertTailList(&adapter->nic_switch.filters, &filter->link);
    adapter->nic_switch.num_filters++;
    pf_vport_find(adapter, filter->vport)->filters++;
    return NDIS_STATUS_SUCCESS;
}

static VOID change_filter(struct pf_adapter *adapter, struct pf_filter *filter, const struct pf_filter *wanted)
{
    pf_vport_find(adapter, filter->vport)->filters--;
    filter->vport = wanted->vport;
    filter->vlan = wanted->vlan;
    NdisMoveMemory(filter->mac, wanted->mac, NIC_MAC_LENGTH);
    pf_vport_find(adapter, filter->vport)->filters++;
}

NDIS_STATUS pf_set_filter(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_RECEIVE_FILTER_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_filter wanted = {.id = parameters->FilterId, .vport = parameters->VPortId};
    NDIS_STATUS status = check_array(request, parameters);
    struct pf_filter *filter;

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (parameters->FilterType != NdisReceiveFilterTypeVMQueue ||
        parameters->QueueId != NDIS_DEFAULT_RECEIVE_QUEUE_ID || wanted.id == NDIS_DEFAULT_RECEIVE_FILTER_ID ||
        !pf_vport_find(adapter, wanted.vport) || !take_fields(&wanted, request, parameters))
        return NDIS_STATUS_INVALID_PARAMETER;
    filter = find_filter(adapter, wanted.id);
    if (filter)
        change_filter(adapter, filter, &wanted);
    else
        status = add_filter(adapter, &wanted);
    return status == NDIS_STATUS_SUCCESS ? nic_done(request, request->input, 0) : status;
}

static VOID remove_filter(struct pf_adapter *adapter, struct pf_filter *filter)
{
    RemoveEntryList(&filter->link);
    adapter->nic_switch.num_filters--;
    pf_vport_find(adapter, filter->vport)->filters--;
    nic_free(filter);
}

NDIS_STATUS pf_clear_filter(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_filter *filter = find_filter(adapter, parameters->FilterId);

    if (!filter)
        return NDIS_STATUS_FILE_NOT_FOUND;
    if (parameters->QueueId != NDIS_DEFAULT_RECEIVE_QUEUE_ID)
        return NDIS_STATUS_INVALID_PARAMETER;
    remove_filter(adapter, filter);
    return nic_done(request, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1, 0);
}

/* One store moves the filter: at no time does an address match no VPort, or two. */
NDIS_STATUS pf_move_filter(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_filter *filter = find_filter(adapter, parameters->FilterId);
    struct pf_vport *source = pf_vport_find(adapter, parameters->SourceVPortId);
    struct pf_vport *destination = pf_vport_find(adapter, parameters->DestVPortId);

    if (!filter || !source || !destination || filter->vport != parameters->SourceVPortId ||
        parameters->SourceQueueId != NDIS_DEFAULT_RECEIVE_QUEUE_ID ||
        parameters->DestQueueId != NDIS_DEFAULT_RECEIVE_QUEUE_ID)
        return NDIS_STATUS_INVALID_PARAMETER;
    filter->vport = parameters->DestVPortId;
    source->filters--;
    destination->filters++;
    return nic_done(request, NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1, 0);
}

VOID pf_filters_discard(struct pf_adapter *adapter)
{
    PLIST_ENTRY head = &adapter->nic_switch.filters;

    while (!IsListEmpty(head))
        nic_free(CONTAINING_RECORD(RemoveHeadList(head), struct pf_filter, link));
}
