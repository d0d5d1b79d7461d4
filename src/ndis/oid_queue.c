/* SPDX-License-Identifier: MIT */
#include "ndis/oid_queue.h"

/* Set in the owner word while requests wait, so that the owner leaves through the lock. */
#define QUEUED ((uintptr_t)1)

static void append(struct ndis_queue *queue, PNDIS_OID_REQUEST request)
{
    if (queue->tail)
        ndis_slot_of(queue->tail)->next = request;
    else
        queue->head = request;
    queue->tail = request;
}

static PNDIS_OID_REQUEST pop(struct ndis_queue *queue)
{
    PNDIS_OID_REQUEST request = queue->head;

    if (!request)
        return NULL;
    queue->head = ndis_slot_of(request)->next;
    if (!queue->head)
        queue->tail = NULL;
    ndis_slot_of(request)->next = NULL;
    return request;
}

/* The adapter is owned: waits behind the owner, or finds that it left meanwhile. */
static NDIS_STATUS queue_up(struct ndis_queue *queue, PNDIS_OID_REQUEST request)
{
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;
    uintptr_t owner;

    ndis_lock(&queue->lock);
    owner = atomic_load(&queue->owner);
    for (;;) {
        if (atomic_load(&queue->closed) != NDIS_STATUS_SUCCESS) {
            status = atomic_load(&queue->closed);
            break;
        }
        if (!owner) {
            if (atomic_compare_exchange_weak(&queue->owner, &owner, (uintptr_t)request))
                break;
        } else if (atomic_compare_exchange_weak(&queue->owner, &owner, owner | QUEUED)) {
            append(queue, request);
            status = NDIS_STATUS_PENDING;
            break;
        }
    }
    ndis_unlock(&queue->lock);
    return status;
}

NDIS_STATUS ndis_queue_acquire(struct ndis_queue *queue, PNDIS_OID_REQUEST request)
{
    uintptr_t idle = 0;

    if (atomic_compare_exchange_strong(&queue->owner, &idle, (uintptr_t)request))
        return NDIS_STATUS_SUCCESS;
    return queue_up(queue, request);
}

static void tell_drainer(struct ndis_queue *queue)
{
    if (atomic_load(&queue->draining))
        ndis_gate_wake(&queue->idle);
}

PNDIS_OID_REQUEST ndis_queue_release(struct ndis_queue *queue, PNDIS_OID_REQUEST owner)
{
    uintptr_t word = (uintptr_t)owner;
    PNDIS_OID_REQUEST next = NULL;

    atomic_store_explicit(&queue->current_binding, NULL, memory_order_relaxed);
    if (!atomic_compare_exchange_strong(&queue->owner, &word, 0)) {
        ndis_lock(&queue->lock);
        next = pop(queue);
        atomic_store(&queue->owner, (uintptr_t)next | (queue->head ? QUEUED : 0));
        ndis_unlock(&queue->lock);
    }
    if (!next)
        tell_drainer(queue);
    return next;
}

PNDIS_OID_REQUEST ndis_queue_owner(const struct ndis_queue *queue)
{
    return (PNDIS_OID_REQUEST)(atomic_load(&queue->owner) & ~QUEUED);
}

PNDIS_OID_REQUEST ndis_queue_pin(struct ndis_queue *queue)
{
    uintptr_t owner;

    ndis_lock(&queue->lock);
    owner = atomic_load(&queue->owner);
    while (owner && !atomic_compare_exchange_weak(&queue->owner, &owner, owner | QUEUED))
        ;
    return (PNDIS_OID_REQUEST)(owner & ~QUEUED);
}

void ndis_queue_unpin(struct ndis_queue *queue)
{
    ndis_unlock(&queue->lock);
}

PNDIS_OID_REQUEST ndis_queue_remove(struct ndis_queue *queue, struct ndis_binding *binding, PVOID id)
{
    PNDIS_OID_REQUEST removed = NULL, *last = &removed, request, kept = NULL, kept_tail = NULL;

    ndis_lock(&queue->lock);
    while ((request = pop(queue))) {
        if (!binding || (ndis_slot_of(request)->binding == binding && request->RequestId == id)) {
            *last = request;
            last = &ndis_slot_of(request)->next;
            continue;
        }
        if (kept_tail)
            ndis_slot_of(kept_tail)->next = request;
        else
            kept = request;
        kept_tail = request;
    }
    queue->head = kept;
    queue->tail = kept_tail;
    ndis_unlock(&queue->lock);
    return removed;
}

void ndis_queue_end(PNDIS_OID_REQUEST list, NDIS_STATUS status)
{
    while (list) {
        PNDIS_OID_REQUEST request = list;

        list = ndis_slot_of(request)->next;
        ndis_oid_end(request, status);
    }
}

void ndis_oids_open(struct ndis_adapter *adapter)
{
    atomic_store(&adapter->oids.closed, NDIS_STATUS_SUCCESS);
}

void ndis_oids_close(struct ndis_adapter *adapter, NDIS_STATUS status)
{
    atomic_store(&adapter->oids.closed, status);
}

void ndis_oids_flush(struct ndis_adapter *adapter, NDIS_STATUS status)
{
    ndis_queue_end(ndis_queue_remove(&adapter->oids, NULL, NULL), status);
}

static bool is_idle(const void *object)
{
    const struct ndis_queue *queue = object;

    return atomic_load(&queue->owner) == 0;
}

/* The request in flight, if any, is pended or at the door. */
static bool none_runs(const void *object)
{
    struct ndis_queue *queue = (struct ndis_queue *)object;
    PNDIS_OID_REQUEST owner = ndis_queue_pin(queue);
    bool none = !owner || ndis_slot_rests(ndis_slot_of(owner));

    ndis_queue_unpin(queue);
    return none;
}

void ndis_oids_return(struct ndis_adapter *adapter, unsigned ms)
{
    struct ndis_queue *queue = &adapter->oids;

    atomic_store(&queue->draining, true);
    ndis_gate_wait(&queue->idle, none_runs, queue, ms);
    atomic_store(&queue->draining, false);
}

bool ndis_oids_drain(struct ndis_adapter *adapter, unsigned ms)
{
    struct ndis_queue *queue = &adapter->oids;
    bool idle;

    atomic_store(&queue->draining, true);
    idle = ndis_gate_wait(&queue->idle, is_idle, queue, ms);
    atomic_store(&queue->draining, false);
    return idle;
}
