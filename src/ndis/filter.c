/* SPDX-License-Identifier: MIT
 *
 * Receive filters as far as a VF's bring-up needs them (ndis.md 4.23): NDIS numbers them, knows who set each and on
 * which VPort, and refuses what names none.
 */
#include "ndis/oid_table.h"

/* Decisions.md, BufferOffset: an array that starts inside the fixed part or whose end overflows is a bad parameter, one
 * that ends beyond the buffer a short buffer. */
static NDIS_STATUS check_fields(PNDIS_OID_REQUEST request, const NDIS_RECEIVE_FILTER_PARAMETERS *given)
{
    ULONG64 end = (ULONG64)given->FieldParametersArrayNumElements * given->FieldParametersArrayElementSize +
                  given->FieldParametersArrayOffset;

    if (given->FieldParametersArrayNumElements == 0)
        return NDIS_STATUS_SUCCESS;
    if (given->FieldParametersArrayOffset < NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2 ||
        given->FieldParametersArrayElementSize < NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1 ||
        end > UINT32_MAX)
        return NDIS_STATUS_INVALID_PARAMETER;
    return end > ndis_oid_capacity(request) ? ndis_oid_too_short(request, (ULONG)end) : NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS check_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request,
                                const NDIS_RECEIVE_FILTER_PARAMETERS *given)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    struct ndis_binding *binding = ndis_slot_of(request)->binding;
    struct ndis_filter *filter = ndis_ids_get(&sw->filters, given->FilterId);
    struct ndis_vport *vport = ndis_vport_get(sw, given->VPortId);

    if (!ndis_header_ok(given, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (given->VPortId != NDIS_DEFAULT_VPORT_ID && (!vport || vport->owner != binding))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (given->FilterId != NDIS_DEFAULT_RECEIVE_FILTER_ID && (!filter || filter->owner != binding))
        return NDIS_STATUS_INVALID_PARAMETER; /* to be modified, but not there */
    return check_fields(request, given);
}

struct new_filter {
    ULONG id;
    struct ndis_filter *filter; /* NULL: an existing one is modified */
};

/* NDIS numbers a new filter; a raw request brings its own number. */
static bool is_new(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, const NDIS_RECEIVE_FILTER_PARAMETERS *given)
{
    bool numbered = given->FilterId != NDIS_DEFAULT_RECEIVE_FILTER_ID;

    return ndis_oid_is_raw(request) ? numbered && !ndis_ids_get(&adapter->nic_switch.filters, given->FilterId)
                                    : !numbered;
}

static bool make_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, ULONG vport, struct new_filter *record)
{
    struct ndis_switch *sw = &adapter->nic_switch;

    if (!ndis_oid_is_raw(request))
        record->id = ndis_ids_first_free(&sw->filters, 1);
    if (!ndis_ids_reserve(&sw->filters, &sw->lock, record->id))
        return false;
    record->filter = calloc(1, sizeof *record->filter);
    if (!record->filter)
        return false;
    record->filter->owner = ndis_slot_of(request)->binding;
    record->filter->vport = vport;
    return true;
}

NDIS_STATUS ndis_prepare_set_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    NDIS_RECEIVE_FILTER_PARAMETERS *block = ndis_oid_buffer(request);
    NDIS_RECEIVE_FILTER_PARAMETERS given;
    struct new_filter *record;
    NDIS_STATUS status;

    memcpy(&given, block, sizeof given);
    status = ndis_oid_is_raw(request) ? NDIS_STATUS_SUCCESS : check_filter(adapter, request, &given);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    record = calloc(1, sizeof *record);
    if (!record)
        return NDIS_STATUS_RESOURCES;
    record->id = given.FilterId;
    if (is_new(adapter, request, &given) && !make_filter(adapter, request, given.VPortId, record)) {
        free(record);
        return NDIS_STATUS_RESOURCES;
    }
    if (record->filter && !ndis_oid_is_raw(request))
        block->FilterId = record->id;
    ndis_slot_of(request)->record = record;
    return NDIS_STATUS_SUCCESS;
}

static void count(struct ndis_switch *sw, ULONG vport, int by)
{
    struct ndis_vport *found = ndis_vport_get(sw, vport);

    if (found)
        found->filters += (ULONG)by;
}

NDIS_STATUS ndis_done_set_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    NDIS_RECEIVE_FILTER_PARAMETERS *block = ndis_oid_buffer(request);
    struct new_filter *record = ndis_slot_of(request)->record;

    if (record->filter) {
        ndis_lock(&sw->lock);
        if (status == NDIS_STATUS_SUCCESS && !ndis_ids_set(&sw->filters, record->id, record->filter))
            status = NDIS_STATUS_RESOURCES;
        if (status == NDIS_STATUS_SUCCESS)
            count(sw, record->filter->vport, 1);
        ndis_unlock(&sw->lock);
        if (status != NDIS_STATUS_SUCCESS) {
            if (!ndis_oid_is_raw(request))
                block->FilterId = NDIS_DEFAULT_RECEIVE_FILTER_ID;
            free(record->filter);
        }
    }
    free(record);
    return status;
}

NDIS_STATUS ndis_prepare_clear_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    ULONG id = ((const NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS *)ndis_oid_buffer(request))->FilterId;
    struct ndis_filter *filter = ndis_ids_get(&adapter->nic_switch.filters, id);
    ULONG *kept;

    if (!filter)
        return ndis_oid_is_raw(request) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_FILE_NOT_FOUND;
    if (!ndis_oid_is_raw(request) && filter->owner != ndis_slot_of(request)->binding)
        return NDIS_STATUS_INVALID_PARAMETER;
    kept = malloc(sizeof *kept);
    if (!kept)
        return NDIS_STATUS_RESOURCES;
    *kept = id;
    ndis_slot_of(request)->record = kept;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_done_clear_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    ULONG *id = ndis_slot_of(request)->record;

    if (status == NDIS_STATUS_SUCCESS && id) {
        ndis_lock(&sw->lock);
        count(sw, ((struct ndis_filter *)ndis_ids_get(&sw->filters, *id))->vport, -1);
        ndis_ids_clear(&sw->filters, *id);
        ndis_unlock(&sw->lock);
    }
    free(id);
    return status;
}

struct move {
    struct ndis_filter *filter;
    ULONG destination;
};

NDIS_STATUS ndis_prepare_move_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    const NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS *given = ndis_oid_buffer(request);
    struct ndis_switch *sw = &adapter->nic_switch;
    struct ndis_filter *filter = ndis_ids_get(&sw->filters, given->FilterId);
    struct move *move;

    if (ndis_oid_is_raw(request) && !filter)
        return NDIS_STATUS_SUCCESS;
    if (!ndis_oid_is_raw(request) &&
        (!filter || filter->owner != ndis_slot_of(request)->binding || filter->vport != given->SourceVPortId ||
         (given->DestVPortId != NDIS_DEFAULT_VPORT_ID && !ndis_vport_get(sw, given->DestVPortId)) ||
         given->SourceQueueId != NDIS_DEFAULT_RECEIVE_QUEUE_ID || given->DestQueueId != NDIS_DEFAULT_RECEIVE_QUEUE_ID))
        return NDIS_STATUS_INVALID_PARAMETER;
    move = malloc(sizeof *move);
    if (!move)
        return NDIS_STATUS_RESOURCES;
    *move = (struct move){filter, given->DestVPortId};
    ndis_slot_of(request)->record = move;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_done_move_filter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    struct move *move = ndis_slot_of(request)->record;

    if (status == NDIS_STATUS_SUCCESS && move) {
        ndis_lock(&sw->lock);
        count(sw, move->filter->vport, -1);
        move->filter->vport = move->destination;
        count(sw, move->destination, 1);
        ndis_unlock(&sw->lock);
    }
    free(move);
    return status;
}
