/* SPDX-License-Identifier: MIT
 *
 * VFs as NDIS knows them: OID_NIC_SWITCH_ALLOCATE_VF and FREE_VF around the PF miniport (ndis.md 4.17, 4.18).
 */
#include "ndis/oid_table.h"

bool ndis_vf_is_allocated(struct ndis_adapter *adapter, NDIS_SRIOV_FUNCTION_ID vf)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    bool allocated;

    ndis_lock(&sw->lock);
    allocated = ndis_ids_get(&sw->vfs, vf) != NULL;
    ndis_unlock(&sw->lock);
    return allocated;
}

static bool request_ok(const NDIS_NIC_SWITCH_VF_PARAMETERS *given)
{
    return ndis_header_ok(given, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1) &&
           given->SwitchId == NDIS_DEFAULT_SWITCH_ID && given->VFId == NDIS_INVALID_VF_FUNCTION_ID &&
           given->RequestorId == NDIS_INVALID_RID && given->MacAddressLength <= NDIS_MAX_PHYS_ADDRESS_LENGTH &&
           ndis_string_ok(&given->VMName) && ndis_string_ok(&given->VMFriendlyName) && ndis_string_ok(&given->NicName);
}

static NDIS_STATUS check_new_vf(const struct ndis_switch *sw, const NDIS_NIC_SWITCH_VF_PARAMETERS *given)
{
    if (!request_ok(given))
        return NDIS_STATUS_INVALID_PARAMETER;
    return sw->vfs.used < sw->parameters.NumVFs ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

/* The miniport chooses the id. What it has given cannot be refused for want of memory: nobody could free it. */
static ULONG largest_vf(struct ndis_adapter *adapter)
{
    USHORT enabled = atomic_load(&adapter->enabled_vfs);
    ULONG vfs = enabled ? enabled : adapter->nic_switch.parameters.NumVFs;

    return vfs ? vfs - 1 : 0;
}

NDIS_STATUS ndis_prepare_allocate_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    struct ndis_vf *vf;
    NDIS_STATUS status;

    if (!ndis_oid_is_raw(request) && ndis_oid_output(request) < NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1)
        return ndis_oid_too_short(request, sizeof vf->parameters);
    vf = calloc(1, sizeof *vf);
    if (!vf)
        return NDIS_STATUS_RESOURCES;
    vf->owner = ndis_slot_of(request)->binding;
    memcpy(&vf->parameters, ndis_oid_buffer(request), sizeof vf->parameters);
    status = check_new_vf(&adapter->nic_switch, &vf->parameters);
    if (status != NDIS_STATUS_SUCCESS && !ndis_oid_is_raw(request)) {
        free(vf);
        return status;
    }
    if (!ndis_ids_reserve(&adapter->nic_switch.vfs, &adapter->nic_switch.lock, largest_vf(adapter))) {
        free(vf);
        return NDIS_STATUS_RESOURCES;
    }
    ndis_slot_of(request)->record = vf;
    return NDIS_STATUS_SUCCESS;
}

/* What the miniport returned is no VF that NDIS could keep. */
static const char *wrong_with(struct ndis_adapter *adapter, const NDIS_NIC_SWITCH_VF_PARAMETERS *given)
{
    const struct ndis_switch *sw = &adapter->nic_switch;
    USHORT enabled = atomic_load(&adapter->enabled_vfs);

    if (given->VFId == NDIS_INVALID_VF_FUNCTION_ID)
        return "no VFId";
    if (enabled && given->VFId >= enabled)
        return "a VFId that is out of range";
    if (ndis_ids_get(&sw->vfs, given->VFId))
        return "a VFId that is allocated already";
    if (given->RequestorId == NDIS_INVALID_RID)
        return "no RequestorId";
    return NULL;
}

NDIS_STATUS ndis_done_allocate_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    const NDIS_NIC_SWITCH_VF_PARAMETERS *returned = ndis_oid_buffer(request);
    struct ndis_vf *vf = ndis_slot_of(request)->record;
    const char *wrong;

    if (status != NDIS_STATUS_SUCCESS) {
        free(vf);
        return status;
    }
    vf->parameters.VFId = returned->VFId;
    vf->parameters.RequestorId = returned->RequestorId;
    wrong = wrong_with(adapter, &vf->parameters);
    if (wrong)
        nt_violation(NDIS_RULE(SRIOV_VF_ID),
                     "OID_NIC_SWITCH_ALLOCATE_VF succeeded and returned %s (VFId %u, RequestorId %x)", wrong,
                     vf->parameters.VFId, vf->parameters.RequestorId);
    ndis_lock(&sw->lock);
    if (wrong || !ndis_ids_set(&sw->vfs, vf->parameters.VFId, vf)) {
        free(vf);
        status = NDIS_STATUS_FAILURE;
    }
    ndis_unlock(&sw->lock);
    return status;
}

NDIS_STATUS ndis_prepare_free_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    NDIS_SRIOV_FUNCTION_ID id = ((const NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *)ndis_oid_buffer(request))->VFId;
    struct ndis_vf *vf = ndis_ids_get(&adapter->nic_switch.vfs, id);
    ULONG *kept;

    if (!ndis_oid_is_raw(request) && (!vf || vf->has_vport))
        return NDIS_STATUS_FILE_NOT_FOUND;
    if (!ndis_oid_is_raw(request) && vf->owner != ndis_slot_of(request)->binding)
        return NDIS_STATUS_INVALID_PARAMETER;
    kept = malloc(sizeof *kept); /* the miniport could change the buffer */
    if (!kept)
        return NDIS_STATUS_RESOURCES;
    *kept = id;
    ndis_slot_of(request)->record = kept;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_done_free_vf(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    ULONG *id = ndis_slot_of(request)->record;

    if (status == NDIS_STATUS_SUCCESS) {
        ndis_lock(&sw->lock);
        if (ndis_ids_get(&sw->vfs, *id)) /* a raw request may have named none */
            ndis_ids_clear(&sw->vfs, *id);
        ndis_unlock(&sw->lock);
    }
    free(id);
    return status;
}
