/* SPDX-License-Identifier: MIT
 *
 * Requests that are waited for. What the miniport gets is a copy of request and buffer in memory of the adapter's: a
 * miniport that never completes one is reported when the host's patience ends, the issuer goes on, and the copy stays
 * the miniport's until the adapter is gone.
 */
#include "ndis/internal.h"
#include "ndis/oid_queue.h"

#define USUAL_BYTES 4224 /* all of a VF's configuration space and its parameters */

struct ndis_waited {
    struct ndis_waited *next;
    ULONG capacity;
    struct ndis_waiter waiter;
    NDIS_OID_REQUEST request;
    _Alignas(16) UCHAR buffer[];
};

/* One request at a time is the rule, so one spare is enough for no allocation. */
static struct ndis_waited *borrow(struct ndis_adapter *adapter, ULONG bytes)
{
    struct ndis_waited *waited = atomic_exchange(&adapter->spare, NULL);

    if (waited && waited->capacity >= bytes)
        return waited;
    free(waited);
    bytes = bytes > USUAL_BYTES ? bytes : USUAL_BYTES;
    waited = malloc(sizeof *waited + bytes);
    if (waited)
        waited->capacity = bytes;
    return waited;
}

static void give_back(struct ndis_adapter *adapter, struct ndis_waited *waited)
{
    if (!waited->waiter.abandoned) {
        free(atomic_exchange(&adapter->spare, waited));
        return;
    }
    waited->next = atomic_load(&adapter->abandoned);
    while (!atomic_compare_exchange_weak(&adapter->abandoned, &waited->next, waited))
        ;
}

void ndis_waited_free(struct ndis_adapter *adapter)
{
    struct ndis_waited *waited = atomic_load(&adapter->abandoned), *next;

    free(atomic_load(&adapter->spare));
    for (; waited; waited = next) {
        next = waited->next;
        free(waited);
    }
}

static bool is_finished(const void *object)
{
    const struct ndis_waiter *waiter = object;

    return atomic_load(&waiter->finished);
}

void ndis_oid_end(PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_slot *slot = ndis_slot_of(request);
    struct ndis_waiter *waiter = slot->waiter;

    if (!waiter) {
        slot->binding->driver.complete(slot->binding->context, request, status);
        return;
    }
    ndis_gate_begin(waiter->gate);
    waiter->status = status;
    atomic_store(&waiter->finished, true);
    ndis_gate_end(waiter->gate);
}

/* Also the request before ours may be the one that is never completed. */
static NDIS_STATUS wait_for_end(struct ndis_adapter *adapter, struct ndis_waiter *waiter)
{
    unsigned patience = atomic_load(&adapter->patience);

    while (!ndis_gate_wait(waiter->gate, is_finished, waiter, patience))
        ndis_oids_abandon(adapter, patience, NDIS_STATUS_REQUEST_ABORTED, "when the host's patience ended");
    return waiter->status;
}

static void copy_results(PNDIS_OID_REQUEST to, const NDIS_OID_REQUEST *from)
{
    if (to->RequestType == NdisRequestMethod) {
        to->DATA.METHOD_INFORMATION.BytesWritten = from->DATA.METHOD_INFORMATION.BytesWritten;
        to->DATA.METHOD_INFORMATION.BytesRead = from->DATA.METHOD_INFORMATION.BytesRead;
        to->DATA.METHOD_INFORMATION.BytesNeeded = from->DATA.METHOD_INFORMATION.BytesNeeded;
    } else {
        to->DATA.QUERY_INFORMATION.BytesWritten = from->DATA.QUERY_INFORMATION.BytesWritten;
        to->DATA.QUERY_INFORMATION.BytesNeeded = from->DATA.QUERY_INFORMATION.BytesNeeded;
    }
    to->SupportedRevision = from->SupportedRevision;
}

static NDIS_STATUS send_copy(struct ndis_binding *binding, PNDIS_OID_REQUEST request, bool raw)
{
    struct ndis_adapter *adapter = binding->adapter;
    ULONG bytes = ndis_oid_capacity(request);
    struct ndis_waited *waited = borrow(adapter, bytes);
    NDIS_STATUS status;

    if (!waited)
        return NDIS_STATUS_RESOURCES;
    waited->waiter = (struct ndis_waiter){.gate = &adapter->gate};
    memcpy(&waited->request, request, sizeof *request);
    if (bytes) {
        memcpy(waited->buffer, ndis_oid_buffer(request), bytes);
        waited->request.DATA.QUERY_INFORMATION.InformationBuffer = waited->buffer;
    }
    status = ndis_submit_for(binding, &waited->request, &waited->waiter, raw);
    if (status == NDIS_STATUS_PENDING)
        status = wait_for_end(adapter, &waited->waiter);
    if (!waited->waiter.abandoned) {
        copy_results(request, &waited->request);
        if (bytes)
            memcpy(ndis_oid_buffer(request), waited->buffer, bytes);
    }
    give_back(adapter, waited);
    return status;
}

/* The waiting is done in the adapter's partition, whose clock it lets run. */
static NDIS_STATUS send_and_wait(struct ndis_binding *binding, PNDIS_OID_REQUEST request, bool raw)
{
    struct nt_partition *before = nt_enter(binding->adapter->room->nt);
    NDIS_STATUS status = send_copy(binding, request, raw);

    nt_enter(before);
    return status;
}

NDIS_STATUS ndis_issue(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    return send_and_wait(&adapter->own, request, false);
}

NDIS_STATUS ndis_oid_wait(NDIS_HANDLE handle, PNDIS_OID_REQUEST request, bool raw)
{
    struct ndis_binding *binding = ndis_binding_checked(handle, "ndis_oid_wait");

    if (!nt_irql_at_most(PASSIVE_LEVEL, "ndis_oid_wait") || !binding)
        return NDIS_STATUS_FAILURE;
    return ndis_request_ok(request) ? send_and_wait(binding, request, raw) : NDIS_STATUS_INVALID_PARAMETER;
}
