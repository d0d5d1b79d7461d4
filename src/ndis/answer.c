/* SPDX-License-Identifier: MIT
 *
 * Queries that NDIS answers from what the miniport declared (ndis.md 4.13): capabilities, LUID, serial number.
 */
#include "ndis/oid_table.h"

static NDIS_STATUS give(PNDIS_OID_REQUEST request, const void *from, ULONG size, ULONG needed)
{
    if (ndis_oid_output(request) < size)
        return ndis_oid_too_short(request, needed);
    memcpy(ndis_oid_buffer(request), from, size);
    ndis_oid_wrote(request, size);
    return NDIS_STATUS_SUCCESS;
}

#define CAPABILITY(member, which) offsetof(struct ndis_capabilities, member[which])

static const struct {
    NDIS_OID oid;
    size_t offset;
} capabilities[] = {
    {OID_SRIOV_HARDWARE_CAPABILITIES, CAPABILITY(sriov, NDIS_HARDWARE)},
    {OID_SRIOV_CURRENT_CAPABILITIES, CAPABILITY(sriov, NDIS_CURRENT)},
    {OID_NIC_SWITCH_HARDWARE_CAPABILITIES, CAPABILITY(nic_switch, NDIS_HARDWARE)},
    {OID_NIC_SWITCH_CURRENT_CAPABILITIES, CAPABILITY(nic_switch, NDIS_CURRENT)},
    {OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, CAPABILITY(filter, NDIS_HARDWARE)},
    {OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, CAPABILITY(filter, NDIS_CURRENT)},
};

NDIS_STATUS ndis_answer_capabilities(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    struct ndis_attributes *attributes = &adapter->attributes;
    NDIS_STATUS status = NDIS_STATUS_NOT_SUPPORTED;

    ndis_lock(&attributes->lock);
    for (size_t i = 0; i < sizeof capabilities / sizeof *capabilities; i++) {
        const void *found = (const char *)&attributes->capabilities + capabilities[i].offset;
        USHORT size = ((const NDIS_OBJECT_HEADER *)found)->Size;

        if (capabilities[i].oid == request->DATA.QUERY_INFORMATION.Oid && size)
            status = give(request, found, size, size);
    }
    ndis_unlock(&attributes->lock);
    return status;
}

NDIS_STATUS ndis_answer_luid(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_PF_LUID_INFO info = {0};

    if (!ndis_is_pf(adapter))
        return NDIS_STATUS_NOT_SUPPORTED;
    info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    info.Header.Revision = NDIS_SRIOV_PF_LUID_INFO_REVISION_1;
    info.Header.Size = NDIS_SIZEOF_SRIOV_PF_LUID_INFO_REVISION_1;
    info.Luid = adapter->luid;
    return give(request, &info, NDIS_SIZEOF_SRIOV_PF_LUID_INFO_REVISION_1, sizeof info);
}

NDIS_STATUS ndis_answer_serial(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_VF_SERIAL_NUMBER_INFO info = {0};

    if (!adapter->below.has_vpci)
        return NDIS_STATUS_NOT_SUPPORTED;
    info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    info.Header.Revision = NDIS_SRIOV_VF_SERIAL_NUMBER_INFO_REVISION_1;
    info.Header.Size = NDIS_SIZEOF_SRIOV_VF_SERIAL_NUMBER_INFO_REVISION_1;
    info.SerialNumber = adapter->below.vpci.SerialNumber;
    return give(request, &info, NDIS_SIZEOF_SRIOV_VF_SERIAL_NUMBER_INFO_REVISION_1, sizeof info);
}
