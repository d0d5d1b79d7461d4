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
/* Takes waiting requests out of the queue: those of a binding with a RequestId, or all (binding NULL). A list. */
PNDIS_OID_REQUEST ndis_queue_remove(struct ndis_queue *queue, struct ndis_binding *binding, PVOID id);
/* Completes each of a list. */
void ndis_queue_end(PNDIS_OID_REQUEST list, NDIS_STATUS status);

/* NULL and BAD_BINDING_HANDLE when the handle is not an open binding. */
struct ndis_binding *ndis_binding_checked(NDIS_HANDLE handle, const char *routine);

#endif
