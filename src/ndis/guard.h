/* SPDX-License-Identifier: MIT
 *
 * What stands round a request while the miniport has it, when the partition checks contracts: a copy of the information
 * buffer before a guard page and behind a canary, and what success and failure of the request must imply.
 *
 * By the owner of the adapter's OID path, in pairs.
 */
#ifndef VFPLANE_NDIS_GUARD_H
#define VFPLANE_NDIS_GUARD_H

#include <ndis.h>
#include <stdbool.h>

struct ndis_adapter;

/* One buffer an adapter, made with the first request and kept; larger when a request needs it. */
struct ndis_guard {
    UCHAR *base; /* data pages, guard pages, label page */
    size_t data; /* bytes of data pages */
    bool active; /* a request has the buffer */
    void *issuer;
    UCHAR *copy;
    ULONG length;
    UCHAR *canary;       /* of which copy the canary stands */
    ULONG canary_length; /* ... and its length */
};

/* The request gets the copy as its information buffer. No memory, or a buffer too large to copy: it keeps its own. */
void ndis_guard_enter(struct ndis_guard *guard, PNDIS_OID_REQUEST request);
/* What the miniport wrote goes to the issuer's buffer, which the request gets back. False: the canary is broken. */
bool ndis_guard_leave(struct ndis_guard *guard, PNDIS_OID_REQUEST request);
void ndis_guard_free(struct ndis_guard *guard);

/* A PF (vf -1) or one of its VFs, to be asked for its configuration space. */
struct ndis_function {
    struct ndis_adapter *adapter;
    int vf;
};

/* False: not all of it was read, or the card is gone. */
bool ndis_function_read(const struct ndis_function *function, ULONG offset, void *value, ULONG size);
/* Offset of a capability; 0: none. */
ULONG ndis_function_capability(const struct ndis_function *function, UCHAR id);

/* SR-IOV capability of the PF; not known: it has none, or is gone. */
struct ndis_sriov_now {
    bool known, enabled;
    USHORT num_vfs, total_vfs;
};
struct ndis_sriov_now ndis_sriov_now(struct ndis_adapter *adapter);
/* RequestorId of a VF as the bus driver says; false: it does not say. */
bool ndis_vf_location(struct ndis_adapter *adapter, USHORT vf, ULONG *rid);

/* Before MiniportOidRequest, if the partition checks (ndis_checks.on); and when the request has ended with `status`, if
 * its buffer is guarded. */
void ndis_verify_begin(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
void ndis_verify_end(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
/* The miniport never completed the request: it ends without what the miniport wrote, and nothing is judged. */
void ndis_verify_abandon(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
/* MiniportHaltEx, or a MiniportInitializeEx that failed, has returned. */
void ndis_verify_halted(struct ndis_adapter *adapter, const char *routine);

#endif
