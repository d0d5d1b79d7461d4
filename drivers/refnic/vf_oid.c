/* SPDX-License-Identifier: MIT
 *
 * The VF's OIDs: the one that says which blocks changed, and the general ones.
 */
#include "vf.h"

/* By block id: what to do when the PF says that it changed. */
static NDIS_STATUS (*const refresh[REFNIC_BLOCKS])(struct vf_adapter *adapter) = {
    [REFNIC_BLOCK_CONTROL] = vf_answer_control,
    [REFNIC_BLOCK_LINK] = vf_read_link,
};

/* The blocks may be read in here: the read goes down to the bus, not through this adapter's OIDs (ndis.md 4.7). Bits of
 * blocks we do not know are a newer PF's business. */
static NDIS_STATUS blocks_invalidated(PVOID context, struct nic_request *request)
{
    const ULONG64 mask = ((PNDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO)(PVOID)request->buffer)->BlockMask;
    NDIS_STATUS result = NDIS_STATUS_SUCCESS;
    ULONG i;

    for (i = 0; i < REFNIC_BLOCKS; i++)
        if ((mask & REFNIC_MASK(i)) && refresh[i] && refresh[i](context) != NDIS_STATUS_SUCCESS)
            result = NDIS_STATUS_FAILURE;
    return result == NDIS_STATUS_SUCCESS ? nic_done(request, sizeof(NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO), 0)
                                         : result;
}

/* Set or method: the documentation says both (ndis.md 4.7). */
const struct nic_oid vf_oids[] = {
    {OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, NIC_SET | NIC_METHOD, 1,
     .revision = NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1,
     .header = NDIS_SIZEOF_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1,
     .input = NDIS_SIZEOF_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO_REVISION_1,
     .needed = sizeof(NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO), .handler = blocks_invalidated},
};
const ULONG vf_oid_count = RTL_NUMBER_OF(vf_oids);

NDIS_STATUS vf_oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST oid)
{
    struct vf_adapter *adapter = context;
    const struct nic_oid *row = nic_oid_find(vf_oids, vf_oid_count, oid->DATA.Oid);

    if (nic_flags(&adapter->port) & NIC_REMOVED)
        return NDIS_STATUS_NOT_ACCEPTED;
    if (!row)
        row = nic_oid_find(nic_general_oids, nic_general_oid_count, oid->DATA.Oid);
    return row ? nic_oid_run(row, adapter, oid) : NDIS_STATUS_NOT_SUPPORTED;
}
