/* SPDX-License-Identifier: MIT
 *
 * A VF's configuration space on behalf of its guest (ndis.md 4.4, 4.5). The registers are passed on as they are: Vendor
 * and Device ID of a VF read FFFFh, and whoever shows them to a guest puts the IDs of OID_SRIOV_VF_VENDOR_DEVICE_ID
 * there.
 *
 * All or nothing: a transfer of fewer bytes than asked for is a failure.
 */
#include "pf.h"

static BOOLEAN range_is_good(ULONG offset, ULONG length)
{
    return offset < NIC_CONFIG_SIZE && length <= NIC_CONFIG_SIZE - offset;
}

NDIS_STATUS pf_read_config(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS p = *(PNDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS)request->buffer;
    NDIS_STATUS status = nic_check_tail(request, request->output, p.BufferOffset, p.Length,
                                        NDIS_SIZEOF_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS_REVISION_1);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!pf_vf_find(adapter, p.VFId) || !range_is_good(p.Offset, p.Length))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (p.Length && NdisMGetVirtualFunctionBusData(adapter->port.handle, p.VFId, request->buffer + p.BufferOffset,
                                                   p.Offset, p.Length) != p.Length)
        return pf_hardware_failed(adapter);
    return nic_done(request, sizeof(p), p.BufferOffset + p.Length);
}

NDIS_STATUS pf_write_config(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS p =
        *(PNDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS)request->buffer;
    NDIS_STATUS status = nic_check_tail(request, request->input, p.BufferOffset, p.Length,
                                        NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!pf_vf_find(adapter, p.VFId) || !range_is_good(p.Offset, p.Length))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (p.Length && NdisMSetVirtualFunctionBusData(adapter->port.handle, p.VFId, request->buffer + p.BufferOffset,
                                                   p.Offset, p.Length) != p.Length)
        return pf_hardware_failed(adapter);
    return nic_done(request, p.BufferOffset + p.Length, 0);
}
