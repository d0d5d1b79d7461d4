/* SPDX-License-Identifier: MIT
 *
 * Who owns an adapter's OID path: one word, and a list of those who wait. The idle adapter is taken with one
 * compare-and-swap, no lock, no allocation, no system call. <= DISPATCH_LEVEL, any thread.
 */
#ifndef VFPLANE_NDIS_OID_QUEUE_H
#define VFPLANE_NDIS_OID_QUEUE_H

#include "ndis/internal.h"

/* SUCCESS: the request owns the adapter. PENDING: it waits in the queue. Else what the closed queue answers. */
NDIS_STATUS ndis_queue_acquire(struct ndis_queue *queue, PNDIS_OID_REQUEST request);
/* The owner leaves; returns the new owner, whom the caller must get run, or NULL. */
PNDIS_OID_REQUEST ndis_queue_release(struct ndis_queue *queue, PNDIS_OID_REQUEST owner);
PNDIS_OID_REQUEST ndis_queue_owner(const struct ndis_queue *queue);
/* The owner (or NULL), which cannot leave, and so may be looked at, until the queue is unpinned. */
PNDIS_OID_REQUEST ndis_queue_pin(struct ndis_queue *queue);
void ndis_queue_unpin(struct ndis_queue *queue);
/* Takes waiting requests out of the queue: those of a binding with a RequestId, or all (binding NULL). A list. */
PNDIS_OID_REQUEST ndis_queue_remove(struct ndis_queue *queue, struct ndis_binding *binding, PVOID id);
/* Completes each of a list. */
void ndis_queue_end(PNDIS_OID_REQUEST list, NDIS_STATUS status);

/* A request in flight is told from others by one word in its slot. */
enum slot_state {
    SLOT_QUEUED,  /* or on its way to the miniport */
    SLOT_HELD,    /* at the miniport's door, kept by the host program */
    SLOT_RUNNING, /* the miniport's handler has it and has not returned */
    SLOT_EARLY,   /* completed before the handler returned; the handler's thread finishes it */
    SLOT_PENDED,  /* the handler returned PENDING; who completes it finishes it */
    SLOT_DONE,    /* finished: a second completion finds this, or another owner */
};

#define SLOT_WORD(state, status) ((uint64_t)(state) << 32 | (ULONG)(status))

static inline bool ndis_slot_take(struct ndis_slot *slot, enum slot_state from, uint64_t to)
{
    uint64_t expected = SLOT_WORD(from, 0);

    return atomic_compare_exchange_strong(&slot->word, &expected, to);
}

static inline bool ndis_slot_is(const struct ndis_slot *slot, enum slot_state state)
{
    return atomic_load(&slot->word) >> 32 == state;
}

/* No handler of the miniport has it: it may stay as it is for long. */
static inline bool ndis_slot_rests(const struct ndis_slot *slot)
{
    return ndis_slot_is(slot, SLOT_PENDED) || ndis_slot_is(slot, SLOT_HELD);
}

/* What the miniport answered at once or before its handler returned; PENDING: it has the request. Calls `handler`
 * between the slot's states. */
NDIS_STATUS ndis_slot_call(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request,
                           MINIPORT_OID_REQUEST_HANDLER handler, bool *early);
/* A held request goes on to the miniport on this thread, at PASSIVE_LEVEL. */
void ndis_oid_go_on(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
/* The owner's request, which nobody else can finish any more, ends: books, issuer, next one. */
void ndis_oid_finish(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);

/* NULL and BAD_BINDING_HANDLE when the handle is not an open binding. */
struct ndis_binding *ndis_binding_checked(NDIS_HANDLE handle, const char *routine);

#endif
