/* SPDX-License-Identifier: MIT
 *
 * The way of an OID request: NdisOidRequest -> MiniportOidRequest -> its completion (ndis.md 1.3, 5.13).
 */
#include "ndis/internal.h"
#include "ndis/oid_queue.h"

static UCHAR type_bit(NDIS_REQUEST_TYPE type)
{
    switch (type) {
    case NdisRequestQueryInformation:
    case NdisRequestQueryStatistics:
        return OID_Q;
    case NdisRequestSetInformation:
        return OID_S;
    case NdisRequestMethod:
        return OID_M;
    default:
        return 0;
    }
}

/* The request leaves the adapter: what NDIS keeps is brought up to date, byte counts are checked. */
static NDIS_STATUS settle(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    const struct ndis_slot *slot = ndis_slot_of(request);
    NDIS_STATUS booked = status;

    if (adapter->guard.active)
        ndis_verify_end(adapter, request, status);
    ndis_oid_counts(request, slot->row->name, status);
    if (slot->row->done && slot->booked)
        booked = slot->row->done(adapter, request, status);
    return slot->raw ? status : booked; /* the issuer of a raw one sees what the miniport said */
}

/* The same for a request that ends outside of MiniportOidRequest, and is the driver's all the same. */
static NDIS_STATUS settle_late(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct nt_callback callback;

    ndis_call_begin(&callback, adapter, "MiniportOidRequest", ndis_slot_of(request)->row->name);
    status = settle(adapter, request, status);
    nt_callback_end(&callback);
    return status;
}

/* Ends the owner's request towards its issuer and gives the adapter to the next one, which is returned. When there is
 * none the adapter may be gone afterwards. */
static PNDIS_OID_REQUEST finish(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    PNDIS_OID_REQUEST next;

    ndis_work_begin(adapter); /* a halt that sees the adapter idle still waits for the issuer to be told */
    next = ndis_queue_release(&adapter->oids, request);
    ndis_oid_end(request, status);
    ndis_work_end(adapter);
    return next;
}

static void run_next(void *context);

/* `next` (if any) has become the owner and waits for a thread at PASSIVE_LEVEL. */
static void hand_to_worker(struct ndis_adapter *adapter, PNDIS_OID_REQUEST next)
{
    while (next) {
        ndis_work_begin(adapter);
        if (nt_queue_work(adapter->room->nt, run_next, adapter))
            return;
        ndis_work_end(adapter);
        next = finish(adapter, next, NDIS_STATUS_RESOURCES);
    }
}

/* MiniportHaltEx after a removal waits only for handlers to return. */
static void tell_halt(struct ndis_adapter *adapter)
{
    ndis_gate_wake(&adapter->oids.idle);
    ndis_gate_wake(&adapter->direct.gate);
}

NDIS_STATUS ndis_slot_call(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request,
                           MINIPORT_OID_REQUEST_HANDLER handler, bool *early)
{
    struct ndis_slot *slot = ndis_slot_of(request);
    char text[64];
    NDIS_STATUS status;

    TRACE_DOOR(span, "ndis", slot->row->name, "%s", ndis_oid_describe(slot->row, request, text, sizeof text));
    TRACE_UNDER(span, slot->span);
    slot->span = span.trace ? span.record.id : 0;
    atomic_store_explicit(&slot->word, SLOT_WORD(SLOT_RUNNING, 0), memory_order_release);
    status = handler(adapter->context, request);
    nt_callback_returned(nt_callback_current);
    *early = false;
    if (status == NDIS_STATUS_PENDING) {
        slot->since = nt_clock_ns(adapter->room->nt);
        *early = !ndis_slot_take(slot, SLOT_RUNNING, SLOT_WORD(SLOT_PENDED, 0));
        if (*early)
            status = (NDIS_STATUS)(ULONG)atomic_load(&slot->word);
        else if (atomic_load(&adapter->removed))
            tell_halt(adapter);
    } else if (!ndis_slot_take(slot, SLOT_RUNNING, SLOT_WORD(SLOT_DONE, 0))) {
        nt_violation(NDIS_RULE(OID_COMPLETED_TWICE), "%s: completed by NdisMOidRequestComplete and by returning %s",
                     slot->row->name, ndis_status_name(status));
        status = (NDIS_STATUS)(ULONG)atomic_load(&slot->word);
    }
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

/* What NDIS checks and remembers before the miniport sees the request. Of a raw one nothing is checked, and remembered
 * only when it names its object. */
static NDIS_STATUS book(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    struct ndis_slot *slot = ndis_slot_of(request);
    const struct ndis_oid *row = slot->row;
    NDIS_STATUS status;

    if (slot->raw && (!(type_bit(request->RequestType) & row->sent) || ndis_oid_capacity(request) < row->minimum))
        return NDIS_STATUS_SUCCESS;
    if ((row->flags & OID_NEEDS_SWITCH) && !slot->raw && !adapter->nic_switch.exists)
        return NDIS_STATUS_INVALID_PARAMETER;
    status = row->prepare ? row->prepare(adapter, request) : NDIS_STATUS_SUCCESS;
    slot->booked = status == NDIS_STATUS_SUCCESS;
    return status;
}

/* The owner's request goes to the miniport. */
static NDIS_STATUS enter(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, bool *early)
{
    struct nt_callback callback;
    NDIS_STATUS status;

    atomic_store_explicit(&adapter->oids.current_binding, ndis_slot_of(request)->binding, memory_order_relaxed);
    atomic_store_explicit(&adapter->oids.current_id, request->RequestId, memory_order_relaxed);
    if (adapter->checks.on)
        ndis_verify_begin(adapter, request);
    ndis_call_begin(&callback, adapter, "MiniportOidRequest", ndis_slot_of(request)->row->name);
    status = ndis_slot_call(adapter, request, adapter->driver->handlers.OidRequestHandler, early);
    if (status != NDIS_STATUS_PENDING || *early)
        status = settle(adapter, request, status);
    nt_callback_end(&callback);
    return status;
}

/* Runs the owner's request. PASSIVE_LEVEL. *early: the miniport completed it before it returned PENDING, so the issuer
 * hears by its completion routine. */
static NDIS_STATUS run(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, bool *early)
{
    struct ndis_slot *slot = ndis_slot_of(request);
    NDIS_STATUS status = atomic_load(&adapter->oids.closed);

    *early = false;
    if (status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_CLOSING)
        return status; /* closed by removal or reset while it was queued; a graceful stop lets the queue run dry */
    status = book(adapter, request);
    if (status != NDIS_STATUS_SUCCESS) {
        TRACE_REFUSE("ndis", "OID_PREVALIDATION ndis.md 1.3", "%s: %s", slot->row->name, ndis_status_name(status));
        return status;
    }
    if (atomic_load_explicit(&adapter->hold.count, memory_order_relaxed) && ndis_hold_take(adapter, request))
        return NDIS_STATUS_PENDING; /* no longer ours */
    return enter(adapter, request, early);
}

static void run_next(void *context)
{
    struct ndis_adapter *adapter = context;
    PNDIS_OID_REQUEST request = ndis_queue_owner(&adapter->oids);

    while (request) {
        bool early;
        NDIS_STATUS status = run(adapter, request, &early);

        if (status == NDIS_STATUS_PENDING && !early)
            break;
        request = finish(adapter, request, status);
    }
    ndis_work_end(adapter);
}

void ndis_oid_finish(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    hand_to_worker(adapter, finish(adapter, request, settle_late(adapter, request, status)));
}

void ndis_oid_go_on(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    bool early;
    NDIS_STATUS status = enter(adapter, request, &early);

    if (status != NDIS_STATUS_PENDING || early)
        hand_to_worker(adapter, finish(adapter, request, status));
}

static NDIS_STATUS run_here(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    bool early;
    NDIS_STATUS status = run(adapter, request, &early);

    if (early) {
        hand_to_worker(adapter, finish(adapter, request, status));
        return NDIS_STATUS_PENDING;
    }
    if (status != NDIS_STATUS_PENDING)
        hand_to_worker(adapter, ndis_queue_release(&adapter->oids, request));
    return status;
}

static void clear_counts(PNDIS_OID_REQUEST request)
{
    if (request->RequestType == NdisRequestMethod) {
        request->DATA.METHOD_INFORMATION.BytesRead = 0;
        request->DATA.METHOD_INFORMATION.BytesWritten = 0;
        request->DATA.METHOD_INFORMATION.BytesNeeded = 0;
        return;
    }
    request->DATA.QUERY_INFORMATION.BytesWritten = 0;
    request->DATA.QUERY_INFORMATION.BytesNeeded = 0;
}

static NDIS_STATUS send(struct ndis_binding *binding, PNDIS_OID_REQUEST request, const struct ndis_oid *row)
{
    struct ndis_adapter *adapter = binding->adapter;
    struct ndis_slot *slot = ndis_slot_of(request);
    bool passive = KeGetCurrentIrql() == PASSIVE_LEVEL;
    NDIS_STATUS status;

    slot->next = NULL;
    slot->binding = binding;
    slot->row = row;
    slot->record = NULL;
    slot->booked = false;
    slot->span = trace_current ? trace_span_id() : 0;
    atomic_init(&slot->word, SLOT_WORD(SLOT_QUEUED, 0));
    status = ndis_queue_acquire(&adapter->oids, request);
    if (status != NDIS_STATUS_SUCCESS)
        return status; /* PENDING: another is in flight, this one now belongs to the queue */
    /* Who closes the queue looks at the owner after closing; we look the other way round: one of us sees the other. */
    status = atomic_load(&adapter->oids.closed);
    if (status != NDIS_STATUS_SUCCESS) {
        hand_to_worker(adapter, ndis_queue_release(&adapter->oids, request));
        return status;
    }
    if (passive)
        return run_here(adapter, request);
    hand_to_worker(adapter, request);
    return NDIS_STATUS_PENDING;
}

/* Who may send what to whom (ndis.md 4.1, 4.13, 5.13): the rules that need no state of the switch. `type` is the bit of
 * the request's type. */
static NDIS_STATUS admit(struct ndis_binding *binding, PNDIS_OID_REQUEST request, const struct ndis_oid *row,
                         UCHAR type)
{
    struct ndis_adapter *adapter = binding->adapter;

    if (!(type & (row->sent | row->answered)))
        return NDIS_STATUS_NOT_SUPPORTED;
    if ((row->flags & OID_NDIS_ONLY) && !binding->own)
        return NDIS_STATUS_NOT_SUPPORTED;
    if ((row->flags & OID_NEEDS_PF) && !ndis_is_pf(adapter))
        return NDIS_STATUS_NOT_SUPPORTED;
    if ((row->flags & OID_NEEDS_VF) && !ndis_is_vf(adapter))
        return NDIS_STATUS_NOT_SUPPORTED;
    if (row->minimum && ndis_oid_capacity(request) < row->minimum)
        return ndis_oid_too_short(request, row->needed);
    return NDIS_STATUS_SUCCESS;
}

static const struct ndis_oid *find_row(struct ndis_binding *binding, NDIS_OID oid)
{
    _Atomic(const struct ndis_oid *) *recent = &binding->recent[oid % NDIS_RECENT];
    const struct ndis_oid *row = atomic_load_explicit(recent, memory_order_relaxed);

    if (row && row->oid == oid)
        return row;
    row = ndis_oid_find(oid);
    atomic_store_explicit(recent, row, memory_order_relaxed);
    return row;
}

static NDIS_STATUS submit_here(struct ndis_binding *binding, PNDIS_OID_REQUEST request)
{
    struct ndis_adapter *adapter = binding->adapter;
    const struct ndis_oid *row = find_row(binding, request->DATA.QUERY_INFORMATION.Oid);
    UCHAR type = type_bit(request->RequestType);
    NDIS_STATUS status = atomic_load(&adapter->oids.closed);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    clear_counts(request);
    if (ndis_oid_is_raw(request))
        return send(binding, request, row);
    status = admit(binding, request, row, type);
    if (status != NDIS_STATUS_SUCCESS) {
        TRACE_REFUSE("ndis", "OID_ADMISSION ndis.md 4.1", "%s: %s", row->name, ndis_status_name(status));
        return status;
    }
    if (row->answered & type) {
        TRACE_DOOR(span, "ndis", row->name, "answered by NDIS");
        status = row->answer(adapter, request);
        TRACE_DONE(span, "%s", ndis_status_name(status));
        return status;
    }
    return send(binding, request, row);
}

NDIS_STATUS ndis_submit_for(struct ndis_binding *binding, PNDIS_OID_REQUEST request, struct ndis_waiter *waiter,
                            bool raw)
{
    struct nt_partition *home = binding->adapter->room->nt;
    struct nt_partition *before = nt_current();
    struct ndis_slot *slot = ndis_slot_of(request);
    NDIS_STATUS status;

    slot->waiter = waiter;
    slot->raw = raw;
    if (before == home)
        return submit_here(binding, request);
    nt_enter(home);
    status = submit_here(binding, request);
    nt_enter(before);
    return status;
}

NDIS_STATUS ndis_submit(struct ndis_binding *binding, PNDIS_OID_REQUEST request)
{
    return ndis_submit_for(binding, request, NULL, false);
}

/* ---- ends ----------------------------------------------------------------------------------------------------- */

NDIS_EXPORT VOID NdisMOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST Request,
                                         NDIS_STATUS Status)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMOidRequestComplete");
    struct ndis_slot *slot;

    if (!adapter)
        return;
    if (!Request || ndis_queue_owner(&adapter->oids) != Request) {
        nt_violation(NDIS_RULE(OID_NOT_PENDING),
                     "NdisMOidRequestComplete: the request is not in flight on this adapter");
        return;
    }
    slot = ndis_slot_of(Request);
    if (Status == NDIS_STATUS_PENDING) {
        nt_violation(NDIS_RULE(OID_COMPLETED_WITH_PENDING), "%s: completed with NDIS_STATUS_PENDING", slot->row->name);
        Status = NDIS_STATUS_FAILURE;
    }
    if (ndis_slot_take(slot, SLOT_PENDED, SLOT_WORD(SLOT_DONE, 0))) {
        TRACE_DOOR(span, "ndis", "NdisMOidRequestComplete", "%s", slot->row->name);
        TRACE_UNDER(span, slot->span);
        Status = settle_late(adapter, Request, Status);
        TRACE_DONE(span, "%s", ndis_status_name(Status));
        hand_to_worker(adapter, finish(adapter, Request, Status));
    } else if (!ndis_slot_take(slot, SLOT_RUNNING, SLOT_WORD(SLOT_EARLY, Status))) {
        nt_violation(NDIS_RULE(OID_COMPLETED_TWICE), "%s: completed a second time", slot->row->name);
    }
}

void ndis_oids_abandon(struct ndis_adapter *adapter, unsigned ms, NDIS_STATUS status, const char *when)
{
    uint64_t latest = nt_clock_ns(adapter->room->nt) - ms * UINT64_C(1000000);
    PNDIS_OID_REQUEST request = ndis_queue_pin(&adapter->oids);
    struct ndis_slot *slot = request ? ndis_slot_of(request) : NULL;
    struct nt_callback callback;
    bool ours = slot && ndis_slot_is(slot, SLOT_PENDED) && (int64_t)(latest - slot->since) >= 0 &&
                ndis_slot_take(slot, SLOT_PENDED, SLOT_WORD(SLOT_DONE, 0));

    ndis_queue_unpin(&adapter->oids);
    if (!ours)
        return;
    ndis_call_begin(&callback, adapter, "MiniportOidRequest", slot->row->name);
    nt_violation(NDIS_RULE(OID_NEVER_COMPLETED), "%s: still pending %s", slot->row->name, when);
    nt_callback_end(&callback);
    if (slot->waiter)
        slot->waiter->abandoned = true;
    ndis_verify_abandon(adapter, request);
    if (slot->row->done && slot->booked)
        slot->row->done(adapter, request, status);
    hand_to_worker(adapter, finish(adapter, request, status));
}
