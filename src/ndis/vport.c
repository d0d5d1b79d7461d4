/* SPDX-License-Identifier: MIT
 *
 * VPorts as NDIS knows them (ndis.md 4.20-4.22): NDIS validates a new one and gives it its number.
 */
#include "ndis/oid_table.h"

struct ndis_vport *ndis_vport_get(struct ndis_switch *sw, ULONG id)
{
    return id == NDIS_DEFAULT_VPORT_ID ? sw->default_vport : ndis_ids_get(&sw->vports, id);
}

static bool function_ok(struct ndis_switch *sw, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *given)
{
    struct ndis_vf *vf;

    if (given->AttachedFunctionId == NDIS_PF_FUNCTION_ID)
        return given->ProcessorAffinity.Mask != 0 && (given->VPortState == NdisNicSwitchVPortStateActivated ||
                                                      given->VPortState == NdisNicSwitchVPortStateDeactivated);
    vf = ndis_ids_get(&sw->vfs, given->AttachedFunctionId);
    return vf && !vf->has_vport && given->VPortState == NdisNicSwitchVPortStateActivated;
}

static NDIS_STATUS check_new_vport(struct ndis_adapter *adapter, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *given)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    NDIS_NIC_SWITCH_CAPABILITIES can = ndis_switch_limits(adapter);

    if (!ndis_header_ok(given, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1) ||
        given->SwitchId != NDIS_DEFAULT_SWITCH_ID || given->VPortId != NDIS_DEFAULT_VPORT_ID ||
        given->LookaheadSize != 0 || given->NumQueuePairs == 0 || !ndis_string_ok(&given->VPortName) ||
        !function_ok(sw, given))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (can.Header.Size < NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2)
        return NDIS_STATUS_SUCCESS;
    if (given->NumQueuePairs > can.MaxNumQueuePairsPerNonDefaultVPort ||
        (ULONG64)sw->queue_pairs + given->NumQueuePairs + 1 > can.MaxNumQueuePairs)
        return NDIS_STATUS_INVALID_PARAMETER;
    return (ULONG64)sw->vports.used + 1 < can.MaxNumVPorts ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

NDIS_STATUS ndis_prepare_create_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    struct ndis_vport *vport = calloc(1, sizeof *vport);
    NDIS_NIC_SWITCH_VPORT_PARAMETERS *block = ndis_oid_buffer(request);
    NDIS_STATUS status;

    if (!vport)
        return NDIS_STATUS_RESOURCES;
    vport->owner = ndis_slot_of(request)->binding;
    memcpy(&vport->parameters, block, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
    status = check_new_vport(adapter, &vport->parameters);
    if (status != NDIS_STATUS_SUCCESS && !ndis_oid_is_raw(request)) {
        free(vport);
        return status;
    }
    if (!ndis_oid_is_raw(request)) { /* which brings its own */
        vport->parameters.VPortId = ndis_ids_first_free(&adapter->nic_switch.vports, 1);
        block->VPortId = vport->parameters.VPortId;
    }
    if (!ndis_ids_reserve(&adapter->nic_switch.vports, &adapter->nic_switch.lock, vport->parameters.VPortId)) {
        if (!ndis_oid_is_raw(request))
            block->VPortId = NDIS_DEFAULT_VPORT_ID;
        free(vport);
        return NDIS_STATUS_RESOURCES;
    }
    ndis_slot_of(request)->record = vport;
    return NDIS_STATUS_SUCCESS;
}

static bool keep(struct ndis_switch *sw, struct ndis_vport *vport)
{
    struct ndis_vf *vf = NULL;

    if (ndis_vport_get(sw, vport->parameters.VPortId) || vport->parameters.VPortId == NDIS_DEFAULT_VPORT_ID ||
        !ndis_ids_set(&sw->vports, vport->parameters.VPortId, vport))
        return false;
    if (vport->parameters.AttachedFunctionId != NDIS_PF_FUNCTION_ID)
        vf = ndis_ids_get(&sw->vfs, vport->parameters.AttachedFunctionId);
    if (vf)
        vf->has_vport = true;
    sw->queue_pairs += vport->parameters.NumQueuePairs;
    return true;
}

NDIS_STATUS ndis_done_create_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    NDIS_NIC_SWITCH_VPORT_PARAMETERS *block = ndis_oid_buffer(request);
    struct ndis_vport *vport = ndis_slot_of(request)->record;

    if (status == NDIS_STATUS_SUCCESS) {
        ndis_lock(&sw->lock);
        if (!keep(sw, vport))
            status = NDIS_STATUS_RESOURCES;
        ndis_unlock(&sw->lock);
    }
    if (status != NDIS_STATUS_SUCCESS) {
        if (!ndis_oid_is_raw(request))
            block->VPortId = NDIS_DEFAULT_VPORT_ID;
        free(vport);
    }
    return status;
}

/* Members whose change bit is set, as the miniport accepted them (ndis.md 4.21). */
static void apply(NDIS_NIC_SWITCH_VPORT_PARAMETERS *to, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *from)
{
    ULONG changed = from->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_CHANGE_MASK;

    if (changed & NDIS_NIC_SWITCH_VPORT_PARAMS_FLAGS_CHANGED)
        to->Flags = from->Flags & ~(ULONG)NDIS_NIC_SWITCH_VPORT_PARAMS_CHANGE_MASK;
    if ((changed & NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED) && ndis_string_ok(&from->VPortName))
        to->VPortName = from->VPortName;
    if (changed & NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED)
        to->InterruptModeration = from->InterruptModeration;
    if (changed & NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED)
        to->VPortState = from->VPortState;
    if (changed & NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED)
        to->ProcessorAffinity = from->ProcessorAffinity;
}

NDIS_STATUS ndis_done_set_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    const NDIS_NIC_SWITCH_VPORT_PARAMETERS *given = ndis_oid_buffer(request);
    struct ndis_switch *sw = &adapter->nic_switch;
    struct ndis_vport *vport;

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    ndis_lock(&sw->lock);
    vport = ndis_vport_get(sw, given->VPortId);
    if (vport)
        apply(&vport->parameters, given);
    ndis_unlock(&sw->lock);
    return status;
}

NDIS_STATUS ndis_prepare_delete_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    ULONG id = ((const NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS *)ndis_oid_buffer(request))->VPortId;
    struct ndis_vport *vport = ndis_ids_get(&adapter->nic_switch.vports, id);

    if (!ndis_oid_is_raw(request) && (!vport || vport->filters || vport->owner != ndis_slot_of(request)->binding))
        return NDIS_STATUS_INVALID_PARAMETER;
    ndis_slot_of(request)->record = vport;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_done_delete_vport(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    struct ndis_vport *vport = ndis_slot_of(request)->record;
    struct ndis_vf *vf = NULL;

    if (status != NDIS_STATUS_SUCCESS || !vport)
        return status;
    ndis_lock(&sw->lock);
    if (vport->parameters.AttachedFunctionId != NDIS_PF_FUNCTION_ID)
        vf = ndis_ids_get(&sw->vfs, vport->parameters.AttachedFunctionId);
    if (vf)
        vf->has_vport = false;
    sw->queue_pairs -= vport->parameters.NumQueuePairs;
    ndis_ids_clear(&sw->vports, vport->parameters.VPortId);
    ndis_unlock(&sw->lock);
    return status;
}
