/* SPDX-License-Identifier: MIT
 *
 * Requests kept from the miniport: NDIS keeps them (ndis_oid_hold), a program sees them here.
 */
#include "host/internal.h"

#include <errno.h>

/* NULL: a PF driver that is no miniport, or one that was removed; `why` is what its caller gets. */
static struct ndis_adapter *miniport_of(const struct vfp_adapter *adapter, int *why)
{
    *why = adapter->generic ? -EOPNOTSUPP : -ENODEV;
    return ndis_adapter_of(adapter->pf->pdo);
}

int vfp_oid_hold(struct vfp_adapter *adapter, uint32_t oid, bool on)
{
    int why;
    struct ndis_adapter *ndis = miniport_of(adapter, &why);
    if (!ndis)
        return why;
    return ndis_oid_hold(ndis, oid, on) ? 0 : -ENOSPC;
}

int vfp_oid_fetch(struct vfp_adapter *adapter, unsigned timeout_ms, struct vfp_held_oid *held)
{
    int why;
    struct ndis_adapter *ndis = miniport_of(adapter, &why);
    ULONG64 id = 0;
    if (!ndis)
        return why;
    HOST_ENTER(adapter->host);
    PNDIS_OID_REQUEST request = ndis_oid_fetch(ndis, timeout_ms, &id);
    HOST_LEAVE();
    if (!request)
        return -EAGAIN;
    *held = (struct vfp_held_oid){.id = id,
                                  .type = request->RequestType,
                                  .oid = request->DATA.QUERY_INFORMATION.Oid,
                                  .buffer = request->DATA.QUERY_INFORMATION.InformationBuffer,
                                  .input_length = request->DATA.QUERY_INFORMATION.InformationBufferLength};
    if (request->RequestType == NdisRequestMethod)
        held->output_length = request->DATA.METHOD_INFORMATION.OutputBufferLength;
    return 0;
}

int vfp_oid_release(struct vfp_adapter *adapter, const struct vfp_held_oid *held)
{
    int why;
    struct ndis_adapter *ndis = miniport_of(adapter, &why);
    if (!ndis)
        return why;
    HOST_ENTER(adapter->host);
    bool released = ndis_oid_release(ndis, held->id, held->input_length, held->output_length);
    HOST_LEAVE();
    return released ? 0 : -ENOENT;
}

int vfp_oid_complete(struct vfp_adapter *adapter, const struct vfp_held_oid *held, int status, uint32_t bytes)
{
    int why;
    struct ndis_adapter *ndis = miniport_of(adapter, &why);
    if (!ndis)
        return why;
    HOST_ENTER(adapter->host);
    bool completed = ndis_oid_complete(ndis, held->id, status, bytes);
    HOST_LEAVE();
    return completed ? 0 : -ENOENT;
}
