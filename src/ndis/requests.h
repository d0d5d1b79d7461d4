/* SPDX-License-Identifier: MIT
 *
 * OID requests inside NDIS: the table of OIDs, what NDIS keeps of a request in flight, who owns the adapter, who waits.
 * Part of ndis/internal.h.
 */
#ifndef VFPLANE_NDIS_REQUESTS_H
#define VFPLANE_NDIS_REQUESTS_H

#include <assert.h>

#include "ndis/ndis_room.h"
#include "ndis/wait.h"

struct ndis_adapter;
struct ndis_binding;

enum {
    OID_Q = 1,
    OID_S = 2,
    OID_M = 4,
};

enum {
    OID_NDIS_ONLY = 1,    /* an overlying driver may not send it */
    OID_NEEDS_PF = 2,     /* SR-IOV enabled PF, else NOT_SUPPORTED */
    OID_NEEDS_VF = 4,     /* a VF, else NOT_SUPPORTED */
    OID_NEEDS_SWITCH = 8, /* a created switch, else INVALID_PARAMETER (ndis.md 7.13, 9.7) */
};

enum ndis_detail { DETAIL_NONE, DETAIL_SPACE, DETAIL_BLOCK, DETAIL_VF, DETAIL_MASK, DETAIL_BAR, DETAIL_VPORT };

struct ndis_oid {
    NDIS_OID oid;
    const char *name;
    UCHAR sent;     /* OID_Q|S|M: request types that go to the miniport */
    UCHAR answered; /* ... that NDIS answers itself */
    UCHAR flags;
    UCHAR detail;   /* what a trace line says of it */
    USHORT minimum; /* bytes through the last member; a shorter buffer never gets further */
    USHORT needed;  /* what BytesNeeded then says */
    NDIS_STATUS (*answer)(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
    /* By the owner of the adapter, before the miniport sees the request; not SUCCESS: it never does. */
    NDIS_STATUS (*prepare)(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
    /* After the miniport, when prepare succeeded, whatever the status was. May turn a success into a failure. */
    NDIS_STATUS (*done)(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
};

const struct ndis_oid *ndis_oid_find(NDIS_OID oid); /* a general row when NDIS does not know it */
const char *ndis_oid_describe(const struct ndis_oid *row, const NDIS_OID_REQUEST *request, char *text, size_t size);

/* What NDIS keeps in NDIS_OID_REQUEST.NdisReserved while it has the request. */
struct ndis_slot {
    PNDIS_OID_REQUEST next;
    struct ndis_binding *binding;
    const struct ndis_oid *row;
    _Atomic uint64_t word; /* enum slot state << 32 | status */
    uint64_t span;
    void *record;               /* made by prepare, taken or freed by done */
    struct ndis_waiter *waiter; /* who waits for it; NULL: the binding's completion routine hears of its end */
    bool raw;                   /* no pre-validation: it reaches the miniport as it is */
    bool booked;                /* prepare has run: done is due */
    uint64_t since;             /* PENDED: when, on the partition's clock */
} __attribute__((may_alias));

static_assert(sizeof(struct ndis_slot) <= sizeof(((PNDIS_OID_REQUEST)0)->NdisReserved), "slot");

static inline struct ndis_slot *ndis_slot_of(PNDIS_OID_REQUEST request)
{
    return (struct ndis_slot *)(void *)request->NdisReserved;
}

/* The three arms of a request seen as one. */
static inline void *ndis_oid_buffer(const NDIS_OID_REQUEST *request)
{
    return request->DATA.QUERY_INFORMATION.InformationBuffer;
}
ULONG ndis_oid_capacity(const NDIS_OID_REQUEST *request);                /* of the information buffer */
ULONG ndis_oid_output(const NDIS_OID_REQUEST *request);                  /* what may be written */
NDIS_STATUS ndis_oid_too_short(PNDIS_OID_REQUEST request, ULONG needed); /* INVALID_LENGTH and BytesNeeded */
void ndis_oid_wrote(PNDIS_OID_REQUEST request, ULONG bytes);
/* byte-count rules of ndis.md 1.3; `oid` is its name */
void ndis_oid_counts(PNDIS_OID_REQUEST request, const char *oid, NDIS_STATUS status);
bool ndis_header_ok(const void *object, UCHAR type, USHORT minimum);

struct ndis_queue {
    _Atomic uintptr_t owner; /* request in flight | QUEUED; 0 = idle */
    struct ndis_lock lock;   /* head, tail */
    PNDIS_OID_REQUEST head, tail;
    _Atomic NDIS_STATUS closed; /* what new requests get; SUCCESS = open */
    atomic_bool draining;
    struct ndis_gate idle;
    _Atomic(void *) current_id; /* RequestId and binding of the request in flight, for cancel */
    _Atomic(struct ndis_binding *) current_binding;
};

#define NDIS_RECENT 8 /* a power of two; the OIDs of a VF's configuration are neighbours and all find a place */

struct ndis_binding {
    ULONG64 magic;
    _Atomic(const struct ndis_oid *) recent[NDIS_RECENT]; /* rows of what it sent last, by the low bits of the OID */
    struct ndis_binding *next;
    struct ndis_adapter *adapter;
    struct ndis_overlying driver;
    void *context;
    bool own;             /* NDIS itself */
    unsigned indications; /* status callbacks in progress; under adapter.bindings_lock */
};

/* Somebody who waits for a request; ndis_issue and ndis_oid_wait. */
struct ndis_waiter {
    struct ndis_gate *gate;
    atomic_bool finished;
    bool abandoned; /* ended without the miniport, which may still use request and buffer */
    NDIS_STATUS status;
};

NDIS_STATUS ndis_submit(struct ndis_binding *binding, PNDIS_OID_REQUEST request);
NDIS_STATUS ndis_submit_for(struct ndis_binding *binding, PNDIS_OID_REQUEST request, struct ndis_waiter *waiter,
                            bool raw);
bool ndis_request_ok(const NDIS_OID_REQUEST *request); /* aligned, with a valid header */
/* The issuer hears of the request's end. */
void ndis_oid_end(PNDIS_OID_REQUEST request, NDIS_STATUS status);
static inline bool ndis_oid_is_raw(PNDIS_OID_REQUEST request)
{
    return ndis_slot_of(request)->raw;
}
/* Sends a request of NDIS's own and waits. PASSIVE_LEVEL. */
NDIS_STATUS ndis_issue(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
void ndis_request_init(PNDIS_OID_REQUEST request, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length);
void ndis_oids_open(struct ndis_adapter *adapter);
void ndis_oids_close(struct ndis_adapter *adapter, NDIS_STATUS status);
/* Ends queued requests (not the one in flight) with a status. */
void ndis_oids_flush(struct ndis_adapter *adapter, NDIS_STATUS status);
/* Waits for the adapter to be idle; false when the miniport still holds a request after `ms` (0 = for ever). */
bool ndis_oids_drain(struct ndis_adapter *adapter, unsigned ms);
/* Waits, `ms` at most, until no handler of the miniport runs; what it has pended it may still hold. */
void ndis_oids_return(struct ndis_adapter *adapter, unsigned ms);
/* Takes the request in flight from the miniport, if it has been pending for `ms`, and ends it with a status: reported,
 * the miniport broke its contract. `when` says what it did not do in time. */
void ndis_oids_abandon(struct ndis_adapter *adapter, unsigned ms, NDIS_STATUS status, const char *when);

/* ---- requests kept from the miniport by the host program (hold.c) ------------------------------------------ */

#define NDIS_HELD_OIDS 16

struct ndis_hold {
    struct ndis_lock lock;
    atomic_uint count; /* of oids; 0: nothing is held */
    NDIS_OID oids[NDIS_HELD_OIDS];
    _Atomic(PNDIS_OID_REQUEST) request; /* stands at the miniport's door */
    ULONG64 id;                         /* of that request: 1, 2, ... */
    atomic_bool fetched;
    struct ndis_gate gate;
};

/* True: the owner's request now stands at the door, and belongs to whoever fetches it. */
bool ndis_hold_take(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
/* Nothing is held any more; ends the request at the door. */
void ndis_hold_stop(struct ndis_adapter *adapter, NDIS_STATUS status);
/* Ends the request at the door, if there is one (of that binding and RequestId; binding NULL: any). */
bool ndis_hold_end(struct ndis_adapter *adapter, struct ndis_binding *binding, PVOID id, NDIS_STATUS status);

/* ---- direct requests (direct.c) ----------------------------------------------------------------------------- */

struct ndis_direct {
    struct ndis_lock lock;
    PNDIS_OID_REQUEST requests; /* with the miniport */
    struct ndis_gate gate;
};

/* Waits `ms` for the miniport to complete them; those it did not are ended and reported after MiniportHaltEx. */
void ndis_direct_drain(struct ndis_adapter *adapter, unsigned ms);
void ndis_direct_return(struct ndis_adapter *adapter, unsigned ms); /* as ndis_oids_return */
void ndis_direct_abandon(struct ndis_adapter *adapter, NDIS_STATUS status);

#endif
