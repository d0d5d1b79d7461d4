/* SPDX-License-Identifier: MIT
 *
 * Requests outside the queue: direct ones (NDIS 6.1), which may pend and run any number at a time, synchronous ones
 * (6.80), and clones. None of SR-IOV or of the NIC switch goes this way (ndis.md 1.3).
 */
#include "ndis/internal.h"
#include "ndis/oid_queue.h"

static bool goes_this_way(const struct ndis_oid *row)
{
    return !row->oid || (row->sent && !row->flags && !row->answered && !row->prepare && !row->done);
}

static void tell(PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_binding *binding = ndis_slot_of(request)->binding;

    binding->driver.complete(binding->context, request, status);
}

static void list(struct ndis_direct *direct, PNDIS_OID_REQUEST request)
{
    ndis_lock(&direct->lock);
    ndis_slot_of(request)->next = direct->requests;
    direct->requests = request;
    ndis_unlock(&direct->lock);
}

static bool is_listed(struct ndis_direct *direct, PNDIS_OID_REQUEST request)
{
    PNDIS_OID_REQUEST at;

    ndis_lock(&direct->lock);
    for (at = direct->requests; at && at != request; at = ndis_slot_of(at)->next)
        ;
    ndis_unlock(&direct->lock);
    return at != NULL;
}

static void unlist(struct ndis_direct *direct, PNDIS_OID_REQUEST request)
{
    PNDIS_OID_REQUEST *link = &direct->requests;

    ndis_gate_begin(&direct->gate);
    ndis_lock(&direct->lock);
    while (*link != request)
        link = &ndis_slot_of(*link)->next;
    *link = ndis_slot_of(request)->next;
    ndis_unlock(&direct->lock);
    ndis_gate_end(&direct->gate);
}

static NDIS_STATUS send(struct ndis_binding *binding, PNDIS_OID_REQUEST request, const struct ndis_oid *row)
{
    struct ndis_adapter *adapter = binding->adapter;
    struct ndis_slot *slot = ndis_slot_of(request);
    struct nt_callback callback;
    NDIS_STATUS status;
    bool early;

    *slot = (struct ndis_slot){.binding = binding, .row = row, .span = trace_current ? trace_span_id() : 0};
    list(&adapter->direct, request);
    ndis_call_begin(&callback, adapter, "MiniportDirectOidRequest", row->name);
    status = ndis_slot_call(adapter, request, adapter->driver->handlers.DirectOidRequestHandler, &early);
    if (status != NDIS_STATUS_PENDING || early) {
        unlist(&adapter->direct, request);
        ndis_oid_counts(request, row->name, status);
    }
    nt_callback_end(&callback);
    if (!early)
        return status;
    tell(request, status);
    return NDIS_STATUS_PENDING;
}

/* What is common to both kinds; SUCCESS: it may go. */
static NDIS_STATUS admit(struct ndis_binding *binding, PNDIS_OID_REQUEST request, bool has_handler,
                         const struct ndis_oid **row)
{
    NDIS_STATUS status = atomic_load(&binding->adapter->oids.closed);

    if (!ndis_request_ok(request)) {
        nt_violation(NDIS_RULE(OID_REQUEST_HEADER), "%s: NDIS_OID_REQUEST without a valid header",
                     binding->driver.name);
        return NDIS_STATUS_INVALID_PARAMETER;
    }
    *row = ndis_oid_find(request->DATA.QUERY_INFORMATION.Oid);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (has_handler && goes_this_way(*row))
        return NDIS_STATUS_SUCCESS;
    TRACE_REFUSE("ndis", "OID_ADMISSION ndis.md 1.3", "%s: not as a direct or synchronous request", (*row)->name);
    return NDIS_STATUS_NOT_SUPPORTED;
}

NDIS_EXPORT NDIS_STATUS NdisDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest)
{
    struct ndis_binding *binding = ndis_binding_checked(NdisBindingHandle, "NdisDirectOidRequest");
    struct nt_partition *before;
    const struct ndis_oid *row;
    NDIS_STATUS status;

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisDirectOidRequest") || !binding)
        return NDIS_STATUS_FAILURE;
    before = nt_enter(binding->adapter->room->nt);
    status = admit(binding, OidRequest, binding->adapter->driver->handlers.DirectOidRequestHandler != NULL, &row);
    if (status == NDIS_STATUS_SUCCESS)
        status = send(binding, OidRequest, row);
    nt_enter(before);
    return status;
}

NDIS_EXPORT VOID NdisMDirectOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest,
                                               NDIS_STATUS Status)
{
    static const char routine[] = "NdisMDirectOidRequestComplete";
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, routine);
    struct ndis_slot *slot;

    if (!adapter)
        return;
    if (!OidRequest || !is_listed(&adapter->direct, OidRequest)) {
        nt_violation_in(NDIS_RULE(OID_NOT_PENDING), routine, "%s: the request is not in flight on this adapter",
                        routine);
        return;
    }
    slot = ndis_slot_of(OidRequest);
    if (Status == NDIS_STATUS_PENDING) {
        nt_violation_in(NDIS_RULE(OID_COMPLETED_WITH_PENDING), routine, "%s: completed with NDIS_STATUS_PENDING",
                        slot->row->name);
        Status = NDIS_STATUS_FAILURE;
    }
    if (ndis_slot_take(slot, SLOT_PENDED, SLOT_WORD(SLOT_DONE, 0))) {
        ndis_oid_counts(OidRequest, slot->row->name, Status);
        ndis_work_begin(adapter); /* a halt that sees none in flight still waits for the issuer to be told */
        unlist(&adapter->direct, OidRequest);
        tell(OidRequest, Status);
        ndis_work_end(adapter);
    } else if (!ndis_slot_take(slot, SLOT_RUNNING, SLOT_WORD(SLOT_EARLY, Status))) {
        nt_violation_in(NDIS_RULE(OID_COMPLETED_TWICE), routine, "%s: completed a second time", slot->row->name);
    }
}

NDIS_EXPORT VOID NdisCancelDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId)
{
    struct ndis_binding *binding = ndis_binding_checked(NdisBindingHandle, "NdisCancelDirectOidRequest");
    struct ndis_adapter *adapter;
    struct nt_callback callback;
    PNDIS_OID_REQUEST at;

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisCancelDirectOidRequest") || !binding || !RequestId)
        return;
    adapter = binding->adapter;
    ndis_lock(&adapter->direct.lock);
    for (at = adapter->direct.requests; at; at = ndis_slot_of(at)->next)
        if (ndis_slot_of(at)->binding == binding && at->RequestId == RequestId)
            break;
    ndis_unlock(&adapter->direct.lock);
    if (!at)
        return;
    ndis_call_begin(&callback, adapter, "MiniportCancelDirectOidRequest", NULL);
    adapter->driver->handlers.CancelDirectOidRequestHandler(adapter->context, RequestId);
    nt_callback_end(&callback);
}

static bool none_left(const void *object)
{
    const struct ndis_direct *direct = object;

    return *(PNDIS_OID_REQUEST const volatile *)&direct->requests == NULL;
}

/* Each that is left is pended. */
static bool none_runs(const void *object)
{
    struct ndis_direct *direct = (struct ndis_direct *)object;
    PNDIS_OID_REQUEST at;

    ndis_lock(&direct->lock);
    at = direct->requests;
    while (at && ndis_slot_rests(ndis_slot_of(at)))
        at = ndis_slot_of(at)->next;
    ndis_unlock(&direct->lock);
    return !at;
}

void ndis_direct_return(struct ndis_adapter *adapter, unsigned ms)
{
    ndis_gate_wait(&adapter->direct.gate, none_runs, &adapter->direct, ms);
}

void ndis_direct_drain(struct ndis_adapter *adapter, unsigned ms)
{
    ndis_gate_wait(&adapter->direct.gate, none_left, &adapter->direct, ms);
}

/* The first pended one, out of the miniport's reach. */
static PNDIS_OID_REQUEST claim(struct ndis_direct *direct)
{
    PNDIS_OID_REQUEST at;

    ndis_lock(&direct->lock);
    for (at = direct->requests; at; at = ndis_slot_of(at)->next)
        if (ndis_slot_take(ndis_slot_of(at), SLOT_PENDED, SLOT_WORD(SLOT_DONE, 0)))
            break;
    ndis_unlock(&direct->lock);
    return at;
}

void ndis_direct_abandon(struct ndis_adapter *adapter, NDIS_STATUS status)
{
    PNDIS_OID_REQUEST request;

    while ((request = claim(&adapter->direct))) {
        nt_violation(NDIS_RULE(OID_NEVER_COMPLETED),
                     "%s: direct request still pending when MiniportHaltEx had returned",
                     ndis_slot_of(request)->row->name);
        unlist(&adapter->direct, request);
        tell(request, status);
    }
    ndis_direct_drain(adapter, 0); /* handlers that still run on other threads */
}

/* ---- synchronous ------------------------------------------------------------------------------------------ */

static NDIS_STATUS call_synchronous(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, const struct ndis_oid *row)
{
    struct nt_callback callback;
    NDIS_STATUS status;

    ndis_work_begin(adapter);
    TRACE_DOOR(span, "ndis", "MiniportSynchronousOidRequest", "%s", row->name);
    ndis_call_begin(&callback, adapter, "MiniportSynchronousOidRequest", row->name);
    status = adapter->driver->handlers.SynchronousOidRequestHandler(adapter->context, request);
    nt_callback_returned(&callback);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    if (status == NDIS_STATUS_PENDING) {
        nt_violation_in(NDIS_RULE(SYNCHRONOUS_OID_PENDING), "MiniportSynchronousOidRequest",
                        "%s: returned NDIS_STATUS_PENDING", row->name);
        status = NDIS_STATUS_FAILURE;
    }
    ndis_oid_counts(request, row->name, status);
    nt_callback_end(&callback);
    ndis_work_end(adapter);
    return status;
}

NDIS_EXPORT NDIS_STATUS NdisSynchronousOidRequest(NDIS_HANDLE NdisBindingHandle, NDIS_OID_REQUEST *OidRequest)
{
    struct ndis_binding *binding = ndis_binding_checked(NdisBindingHandle, "NdisSynchronousOidRequest");
    struct nt_partition *before;
    const struct ndis_oid *row;
    NDIS_STATUS status;

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisSynchronousOidRequest") || !binding)
        return NDIS_STATUS_FAILURE;
    before = nt_enter(binding->adapter->room->nt);
    status = admit(binding, OidRequest, binding->adapter->driver->handlers.SynchronousOidRequestHandler != NULL, &row);
    if (status == NDIS_STATUS_SUCCESS)
        status = call_synchronous(binding->adapter, OidRequest, row);
    nt_enter(before);
    return status;
}

/* ---- clones ----------------------------------------------------------------------------------------------- */

NDIS_EXPORT NDIS_STATUS NdisAllocateCloneOidRequest(NDIS_HANDLE SourceHandle, PNDIS_OID_REQUEST OidRequest,
                                                    UINT PoolTag, PNDIS_OID_REQUEST *ClonedOidRequest)
{
    PNDIS_OID_REQUEST clone;

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisAllocateCloneOidRequest") || !SourceHandle || !ClonedOidRequest ||
        !ndis_request_ok(OidRequest))
        return NDIS_STATUS_FAILURE;
    clone = NDIS_POOL(sizeof *clone, PoolTag);
    if (!clone)
        return NDIS_STATUS_RESOURCES;
    memcpy(clone, OidRequest, sizeof *clone);
    memset(clone->NdisReserved, 0, sizeof clone->NdisReserved);
    memset(clone->MiniportReserved, 0, sizeof clone->MiniportReserved);
    memset(clone->SourceReserved, 0, sizeof clone->SourceReserved);
    *ClonedOidRequest = clone;
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisFreeCloneOidRequest(NDIS_HANDLE SourceHandle, PNDIS_OID_REQUEST Request)
{
    (void)SourceHandle;
    if (nt_irql_at_most(DISPATCH_LEVEL, "NdisFreeCloneOidRequest") && Request)
        ExFreePool(Request);
}
