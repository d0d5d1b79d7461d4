/* SPDX-License-Identifier: MIT
 *
 * Pend, fetch, complete: a host program keeps requests of chosen OIDs from the miniport, looks at one, changes it, and
 * lets it go on or completes it itself. A request stands at the door when NDIS has checked and booked it; since one
 * request is in flight at a time, one stands there at a time.
 */
#include "ndis/internal.h"
#include "ndis/oid_queue.h"

static unsigned find(const struct ndis_hold *hold, NDIS_OID oid)
{
    unsigned count = atomic_load(&hold->count), at = 0;

    while (at < count && hold->oids[at] != oid)
        at++;
    return at;
}

bool ndis_hold_take(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    struct ndis_hold *hold = &adapter->hold;
    struct ndis_slot *slot = ndis_slot_of(request);
    bool wanted;

    ndis_lock(&hold->lock);
    wanted = find(hold, request->DATA.QUERY_INFORMATION.Oid) < atomic_load(&hold->count);
    ndis_unlock(&hold->lock);
    if (!wanted)
        return false;
    TRACE_NOTE("ndis", "%s: held at the miniport's door", slot->row->name);
    ndis_gate_begin(&hold->gate);
    ndis_lock(&hold->lock);
    atomic_store(&slot->word, SLOT_WORD(SLOT_HELD, 0));
    hold->id++;
    hold->fetched = false;
    atomic_store(&hold->request, request);
    ndis_unlock(&hold->lock);
    ndis_gate_end(&hold->gate);
    return true;
}

/* Takes the request from the door: nobody else has it afterwards. */
static PNDIS_OID_REQUEST take_away(struct ndis_hold *hold, ULONG64 id)
{
    PNDIS_OID_REQUEST request;

    ndis_lock(&hold->lock);
    request = atomic_load(&hold->request);
    if (request && id && hold->id != id)
        request = NULL;
    if (request)
        atomic_store(&hold->request, NULL);
    ndis_unlock(&hold->lock);
    if (request)
        atomic_store(&ndis_slot_of(request)->word, SLOT_WORD(SLOT_QUEUED, 0));
    return request;
}

bool ndis_hold_end(struct ndis_adapter *adapter, struct ndis_binding *binding, PVOID id, NDIS_STATUS status)
{
    struct ndis_hold *hold = &adapter->hold;
    PNDIS_OID_REQUEST request;

    ndis_lock(&hold->lock);
    request = atomic_load(&hold->request);
    if (request && binding && (ndis_slot_of(request)->binding != binding || request->RequestId != id))
        request = NULL;
    if (request)
        atomic_store(&hold->request, NULL);
    ndis_unlock(&hold->lock);
    if (request)
        ndis_oid_finish(adapter, request, status);
    return request != NULL;
}

void ndis_hold_stop(struct ndis_adapter *adapter, NDIS_STATUS status)
{
    struct ndis_hold *hold = &adapter->hold;

    ndis_lock(&hold->lock);
    atomic_store(&hold->count, 0);
    ndis_unlock(&hold->lock);
    ndis_hold_end(adapter, NULL, NULL, status);
}

/* ---- what the host program does --------------------------------------------------------------------------- */

bool ndis_oid_hold(struct ndis_adapter *adapter, NDIS_OID oid, bool on)
{
    struct ndis_hold *hold = &adapter->hold;
    unsigned count, at;
    bool done = true;

    ndis_lock(&hold->lock);
    count = atomic_load(&hold->count);
    at = find(hold, oid);
    if (on && at == count) {
        done = count < NDIS_HELD_OIDS;
        if (done) {
            hold->oids[count] = oid;
            atomic_store(&hold->count, count + 1);
        }
    } else if (!on && at < count) {
        hold->oids[at] = hold->oids[count - 1];
        atomic_store(&hold->count, count - 1);
    }
    ndis_unlock(&hold->lock);
    return done;
}

static bool stands_there(const void *object)
{
    const struct ndis_hold *hold = object;

    return atomic_load(&hold->request) && !hold->fetched;
}

PNDIS_OID_REQUEST ndis_oid_fetch(struct ndis_adapter *adapter, unsigned ms, ULONG64 *id)
{
    struct ndis_hold *hold = &adapter->hold;
    PNDIS_OID_REQUEST request;

    if (!(ms ? ndis_gate_wait(&hold->gate, stands_there, hold, ms) : stands_there(hold)))
        return NULL;
    ndis_lock(&hold->lock);
    request = hold->fetched ? NULL : atomic_load(&hold->request);
    hold->fetched |= request != NULL;
    *id = hold->id;
    ndis_unlock(&hold->lock);
    return request;
}

static ULONG shorter(ULONG wanted, ULONG had)
{
    return wanted < had ? wanted : had;
}

static void set_lengths(PNDIS_OID_REQUEST request, ULONG input, ULONG output)
{
    if (request->RequestType == NdisRequestMethod) {
        request->DATA.METHOD_INFORMATION.InputBufferLength =
            shorter(input, request->DATA.METHOD_INFORMATION.InputBufferLength);
        request->DATA.METHOD_INFORMATION.OutputBufferLength =
            shorter(output, request->DATA.METHOD_INFORMATION.OutputBufferLength);
    } else {
        request->DATA.QUERY_INFORMATION.InformationBufferLength =
            shorter(input, request->DATA.QUERY_INFORMATION.InformationBufferLength);
    }
}

bool ndis_oid_release(struct ndis_adapter *adapter, ULONG64 id, ULONG input, ULONG output)
{
    PNDIS_OID_REQUEST request = id ? take_away(&adapter->hold, id) : NULL;

    if (!request)
        return false;
    set_lengths(request, input, output);
    ndis_oid_go_on(adapter, request);
    return true;
}

bool ndis_oid_complete(struct ndis_adapter *adapter, ULONG64 id, NDIS_STATUS status, ULONG bytes)
{
    PNDIS_OID_REQUEST request = id ? take_away(&adapter->hold, id) : NULL;

    if (!request)
        return false;
    if (status == NDIS_STATUS_INVALID_LENGTH || status == NDIS_STATUS_BUFFER_TOO_SHORT)
        ndis_oid_too_short(request, bytes);
    else
        ndis_oid_wrote(request, bytes); /* the place of BytesRead in a set */
    ndis_oid_finish(adapter, request, status);
    return true;
}

void ndis_set_patience(struct ndis_adapter *adapter, unsigned ms)
{
    atomic_store(&adapter->patience, ms);
}
