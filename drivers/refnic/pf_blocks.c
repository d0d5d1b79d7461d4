/* SPDX-License-Identifier: MIT
 *
 * The backchannel as OIDs: the PF's end of it is common/mailbox.h.
 */
#include "pf.h"

NDIS_STATUS pf_read_block(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS p = *(PNDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS)request->buffer;
    NDIS_STATUS status = nic_check_tail(request, request->output, p.BufferOffset, p.Length,
                                        NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1);
    struct pf_vf *vf = pf_vf_find(adapter, p.VFId);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!vf)
        return NDIS_STATUS_INVALID_PARAMETER;
    NdisAcquireSpinLock(&adapter->port.lock);
    status = nic_mailbox_read(&vf->mailbox, p.BlockId, request->buffer + p.BufferOffset, p.Length);
    NdisReleaseSpinLock(&adapter->port.lock);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    return nic_done(request, sizeof(p), p.BufferOffset + p.Length);
}

NDIS_STATUS pf_write_block(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS p =
        *(PNDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS)request->buffer;
    NDIS_STATUS status = nic_check_tail(request, request->input, p.BufferOffset, p.Length,
                                        NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS_REVISION_1);
    struct pf_vf *vf = pf_vf_find(adapter, p.VFId);
    ULONG64 invalid = 0;

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!vf)
        return NDIS_STATUS_INVALID_PARAMETER;
    NdisAcquireSpinLock(&adapter->port.lock);
    status = nic_mailbox_write(&vf->mailbox, p.BlockId, request->buffer + p.BufferOffset, p.Length, &invalid);
    NdisReleaseSpinLock(&adapter->port.lock);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (invalid)
        NdisMInvalidateConfigBlock(adapter->port.handle, p.VFId, invalid);
    return nic_done(request, p.BufferOffset + p.Length, 0);
}

NDIS_STATUS pf_blocks_command(struct pf_adapter *adapter, NDIS_SRIOV_FUNCTION_ID id, ULONG control, USHORT command)
{
    struct pf_vf *vf = pf_vf_find(adapter, id);
    ULONG64 invalid;

    if (!vf)
        return NDIS_STATUS_INVALID_PARAMETER;
    NdisAcquireSpinLock(&adapter->port.lock);
    invalid = nic_mailbox_command(&vf->mailbox, control, command);
    NdisReleaseSpinLock(&adapter->port.lock);
    NdisMInvalidateConfigBlock(adapter->port.handle, id, invalid);
    return NDIS_STATUS_SUCCESS;
}

VOID pf_blocks_start(struct pf_adapter *adapter, struct pf_vf *vf, const UCHAR *mac)
{
    const struct nic_link link = nic_get_link(&adapter->port);

    nic_mailbox_open(&vf->mailbox, mac, &link); /* nobody else knows this VF yet */
}

VOID pf_blocks_reset(struct pf_adapter *adapter, struct pf_vf *vf)
{
    NdisAcquireSpinLock(&adapter->port.lock);
    nic_mailbox_reset(&vf->mailbox);
    NdisReleaseSpinLock(&adapter->port.lock);
}

/* The block first, then the word that it changed: a VF that reads at once must find the new state. */
VOID pf_blocks_link_changed(struct pf_adapter *adapter)
{
    const struct nic_link link = nic_get_link(&adapter->port);
    ULONG i;

    for (i = 0; i < adapter->nic_switch.num_vfs; i++) {
        struct pf_vf *vf = adapter->nic_switch.vfs[i];

        if (!vf)
            continue;
        NdisAcquireSpinLock(&adapter->port.lock);
        nic_mailbox_link(&vf->mailbox, &link);
        NdisReleaseSpinLock(&adapter->port.lock);
        NdisMInvalidateConfigBlock(adapter->port.handle, vf->id, REFNIC_MASK(REFNIC_BLOCK_LINK));
    }
}
