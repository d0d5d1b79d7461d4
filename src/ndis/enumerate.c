/* SPDX-License-Identifier: MIT
 *
 * Queries that NDIS answers from what it knows of the switch (ndis.md 4.16, 4.19, 4.21). An array is written only when
 * all of it fits. <= DISPATCH_LEVEL.
 */
#include "ndis/oid_table.h"

/* VPORT_INFO holds a GROUP_AFFINITY: its array starts on 8 bytes. */
#define FIRST_SWITCH 16u
#define FIRST_VF     24u
#define FIRST_VPORT  32u

static void header(NDIS_OBJECT_HEADER *header, UCHAR revision, ULONG size)
{
    header->Type = NDIS_OBJECT_TYPE_DEFAULT;
    header->Revision = revision;
    header->Size = (USHORT)size;
}

static bool fits(PNDIS_OID_REQUEST request, ULONG64 size)
{
    if (size <= ndis_oid_output(request))
        return true;
    ndis_oid_too_short(request, size > UINT32_MAX ? UINT32_MAX : (ULONG)size);
    return false;
}

static void fill_switch(struct ndis_adapter *adapter, NDIS_NIC_SWITCH_INFO *info)
{
    const struct ndis_switch *sw = &adapter->nic_switch;

    memset(info, 0, sizeof *info);
    header(&info->Header, NDIS_NIC_SWITCH_INFO_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_INFO_REVISION_1);
    info->SwitchType = sw->parameters.SwitchType;
    info->SwitchId = sw->parameters.SwitchId;
    info->SwitchFriendlyName = sw->parameters.SwitchFriendlyName;
    info->NumVFs = sw->parameters.NumVFs;
    info->NumAllocatedVFs = sw->vfs.used;
    info->NumVPorts = ndis_switch_limits(adapter).MaxNumVPorts;
    info->NumActiveVPorts = sw->vports.used + 1;
    info->NumQueuePairsForDefaultVPort = 1;
    info->NumQueuePairsForNonDefaultVPorts = sw->queue_pairs;
}

NDIS_STATUS ndis_answer_enum_switches(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_INFO_ARRAY *array = ndis_oid_buffer(request);
    struct ndis_switch *sw = &adapter->nic_switch;
    ULONG size = NDIS_SIZEOF_NIC_SWITCH_INFO_REVISION_1;
    NDIS_STATUS status = NDIS_STATUS_INVALID_LENGTH;

    ndis_lock(&sw->lock);
    if (fits(request, FIRST_SWITCH + (sw->exists ? size : 0))) {
        memset(array, 0, FIRST_SWITCH);
        header(&array->Header, NDIS_NIC_SWITCH_INFO_ARRAY_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_INFO_ARRAY_REVISION_1);
        array->FirstElementOffset = FIRST_SWITCH;
        array->NumElements = sw->exists;
        array->ElementSize = size;
        if (sw->exists)
            fill_switch(adapter, (void *)((char *)array + FIRST_SWITCH));
        ndis_oid_wrote(request, FIRST_SWITCH + (sw->exists ? size : 0));
        status = NDIS_STATUS_SUCCESS;
    }
    ndis_unlock(&sw->lock);
    return status;
}

static void fill_vf(const struct ndis_vf *vf, NDIS_NIC_SWITCH_VF_INFO *info)
{
    static_assert(sizeof *info == sizeof vf->parameters, "VF_INFO and VF_PARAMETERS have one layout (ndis.md 3.3)");
    memcpy(info, &vf->parameters, sizeof *info);
    header(&info->Header, NDIS_NIC_SWITCH_VF_INFO_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_VF_INFO_REVISION_1);
}

NDIS_STATUS ndis_answer_enum_vfs(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_VF_INFO_ARRAY *array = ndis_oid_buffer(request);
    struct ndis_switch *sw = &adapter->nic_switch;
    ULONG size = NDIS_SIZEOF_NIC_SWITCH_VF_INFO_REVISION_1;
    NDIS_STATUS status = NDIS_STATUS_INVALID_LENGTH;
    char *out = (char *)array + FIRST_VF;

    if ((array->Flags & ~(ULONG)NDIS_NIC_SWITCH_VF_INFO_ARRAY_ENUM_ON_SPECIFIC_SWITCH) ||
        array->SwitchId != NDIS_DEFAULT_SWITCH_ID)
        return NDIS_STATUS_INVALID_PARAMETER;
    ndis_lock(&sw->lock);
    if (fits(request, FIRST_VF + (ULONG64)sw->vfs.used * size)) {
        header(&array->Header, NDIS_NIC_SWITCH_VF_INFO_ARRAY_REVISION_1,
               NDIS_SIZEOF_NIC_SWITCH_VF_INFO_ARRAY_REVISION_1);
        array->FirstElementOffset = FIRST_VF;
        array->NumElements = sw->vfs.used;
        array->ElementSize = size;
        for (ULONG id = 0; id < sw->vfs.capacity; id++) {
            if (!sw->vfs.objects[id])
                continue;
            fill_vf(sw->vfs.objects[id], (void *)out);
            out += size;
        }
        ndis_oid_wrote(request, (ULONG)(out - (char *)array));
        status = NDIS_STATUS_SUCCESS;
    }
    ndis_unlock(&sw->lock);
    return status;
}

static void fill_vport(const struct ndis_vport *vport, NDIS_NIC_SWITCH_VPORT_INFO *info)
{
    const NDIS_NIC_SWITCH_VPORT_PARAMETERS *from = &vport->parameters;

    memset(info, 0, sizeof *info);
    header(&info->Header, NDIS_NIC_SWITCH_VPORT_INFO_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_REVISION_1);
    info->VPortId = from->VPortId;
    info->Flags = from->Flags;
    info->SwitchId = from->SwitchId;
    info->VPortName = from->VPortName;
    info->AttachedFunctionId = from->AttachedFunctionId;
    info->NumQueuePairs = from->NumQueuePairs;
    info->InterruptModeration = from->InterruptModeration;
    info->VPortState = from->VPortState;
    info->ProcessorAffinity = from->ProcessorAffinity;
    info->LookaheadSize = from->LookaheadSize;
    info->NumFilters = vport->filters;
}

#define ON_FUNCTION NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION
#define ON_SWITCH   NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_SWITCH

static NDIS_STATUS check_filter(const struct ndis_switch *sw, const NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *given)
{
    if ((given->Flags & ~(ULONG)(ON_FUNCTION | ON_SWITCH)) || given->Flags == (ON_FUNCTION | ON_SWITCH))
        return NDIS_STATUS_INVALID_PARAMETER;
    if ((given->Flags & ON_SWITCH) && given->SwitchId != NDIS_DEFAULT_SWITCH_ID)
        return NDIS_STATUS_INVALID_PARAMETER;
    if ((given->Flags & ON_FUNCTION) && given->AttachedFunctionId != NDIS_PF_FUNCTION_ID &&
        !ndis_ids_get(&sw->vfs, given->AttachedFunctionId))
        return NDIS_STATUS_INVALID_PARAMETER;
    return NDIS_STATUS_SUCCESS;
}

/* Visits the VPorts that match in ascending order; `out` NULL counts only. */
static ULONG list_vports(struct ndis_switch *sw, ULONG flags, USHORT function, char *out)
{
    ULONG count = 0;

    for (ULONG id = 0; sw->exists && (id == 0 || id < sw->vports.capacity); id++) {
        const struct ndis_vport *vport = ndis_vport_get(sw, id);

        if (!vport || ((flags & ON_FUNCTION) && vport->parameters.AttachedFunctionId != function))
            continue;
        if (out)
            fill_vport(vport, (void *)(out + (size_t)count * NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_REVISION_1));
        count++;
    }
    return count;
}

NDIS_STATUS ndis_answer_enum_vports(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    NDIS_NIC_SWITCH_VPORT_INFO_ARRAY *array = ndis_oid_buffer(request);
    NDIS_NIC_SWITCH_VPORT_INFO_ARRAY given = *array;
    struct ndis_switch *sw = &adapter->nic_switch;
    ULONG size = NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_REVISION_1, count;
    NDIS_STATUS status;

    ndis_lock(&sw->lock);
    status = check_filter(sw, &given);
    if (status == NDIS_STATUS_SUCCESS) {
        count = list_vports(sw, given.Flags, given.AttachedFunctionId, NULL);
        status = NDIS_STATUS_INVALID_LENGTH;
        if (fits(request, FIRST_VPORT + (ULONG64)count * size)) {
            header(&array->Header, NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1,
                   NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1);
            array->FirstElementOffset = FIRST_VPORT;
            array->NumElements = count;
            array->ElementSize = size;
            list_vports(sw, given.Flags, given.AttachedFunctionId, (char *)array + FIRST_VPORT);
            ndis_oid_wrote(request, FIRST_VPORT + count * size);
            status = NDIS_STATUS_SUCCESS;
        }
    }
    ndis_unlock(&sw->lock);
    return status;
}

NDIS_STATUS ndis_answer_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    const NDIS_NIC_SWITCH_PARAMETERS *given = ndis_oid_buffer(request);
    struct ndis_switch *sw = &adapter->nic_switch;
    ULONG size = NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1;
    NDIS_STATUS status = NDIS_STATUS_INVALID_PARAMETER;

    if (!fits(request, size))
        return NDIS_STATUS_INVALID_LENGTH;
    ndis_lock(&sw->lock);
    if (sw->exists && given->SwitchId == NDIS_DEFAULT_SWITCH_ID) {
        memcpy(ndis_oid_buffer(request), &sw->parameters, size);
        ndis_oid_wrote(request, size);
        status = NDIS_STATUS_SUCCESS;
    }
    ndis_unlock(&sw->lock);
    return status;
}

NDIS_STATUS ndis_answer_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    const NDIS_NIC_SWITCH_VF_PARAMETERS *given = ndis_oid_buffer(request);
    struct ndis_switch *sw = &adapter->nic_switch;
    NDIS_STATUS status = NDIS_STATUS_INVALID_PARAMETER;
    const struct ndis_vf *vf;

    if (!fits(request, sizeof *given))
        return NDIS_STATUS_INVALID_LENGTH;
    ndis_lock(&sw->lock);
    vf = ndis_ids_get(&sw->vfs, given->VFId);
    if (vf) {
        memcpy(ndis_oid_buffer(request), &vf->parameters, sizeof vf->parameters);
        ndis_oid_wrote(request, sizeof vf->parameters);
        status = NDIS_STATUS_SUCCESS;
    }
    ndis_unlock(&sw->lock);
    return status;
}

NDIS_STATUS ndis_answer_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    const NDIS_NIC_SWITCH_VPORT_PARAMETERS *given = ndis_oid_buffer(request);
    ULONG size = NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1;
    struct ndis_switch *sw = &adapter->nic_switch;
    NDIS_STATUS status = NDIS_STATUS_INVALID_PARAMETER;
    const struct ndis_vport *vport;

    if (!fits(request, size))
        return NDIS_STATUS_INVALID_LENGTH;
    ndis_lock(&sw->lock);
    vport = sw->exists ? ndis_vport_get(sw, given->VPortId) : NULL;
    if (vport) {
        memcpy(ndis_oid_buffer(request), &vport->parameters, size);
        ndis_oid_wrote(request, size);
        status = NDIS_STATUS_SUCCESS;
    }
    ndis_unlock(&sw->lock);
    return status;
}
