/* SPDX-License-Identifier: MIT
 *
 * The NIC switch as NDIS knows it (ndis.md 4.14-4.16, 7.2): created and deleted by NDIS, remembered for the
 * enumerations. Requests are checked by the owner of the adapter, so that each sees what the one before it left.
 */
#include "ndis/oid_table.h"

bool ndis_string_ok(const NDIS_IF_COUNTED_STRING *string)
{
    return string->Length <= sizeof string->String - sizeof(WCHAR) && string->Length % sizeof(WCHAR) == 0;
}

bool ndis_switch_exists(struct ndis_adapter *adapter)
{
    bool exists;

    ndis_lock(&adapter->nic_switch.lock);
    exists = adapter->nic_switch.exists;
    ndis_unlock(&adapter->nic_switch.lock);
    return exists;
}

bool ndis_switch_is_empty(struct ndis_adapter *adapter)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    bool empty;

    ndis_lock(&sw->lock);
    empty = sw->vfs.used + sw->vports.used + sw->filters.used == 0;
    ndis_unlock(&sw->lock);
    return empty;
}

void ndis_switch_forget(struct ndis_adapter *adapter)
{
    struct ndis_switch *sw = &adapter->nic_switch;

    ndis_lock(&sw->lock);
    sw->exists = false;
    sw->queue_pairs = 0;
    ndis_ids_empty(&sw->vfs);
    ndis_ids_empty(&sw->vports);
    ndis_ids_empty(&sw->filters);
    free(sw->default_vport);
    sw->default_vport = NULL;
    ndis_unlock(&sw->lock);
}

/* What the switch knows of its default VPort (ndis.md 4.14: id 0, the PF's, always activated). */
static struct ndis_vport *make_default_vport(const NDIS_NIC_SWITCH_PARAMETERS *given)
{
    struct ndis_vport *vport = calloc(1, sizeof *vport);

    if (!vport)
        return NULL;
    vport->parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    vport->parameters.Header.Revision = NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1;
    vport->parameters.Header.Size = NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1;
    vport->parameters.SwitchId = given->SwitchId;
    vport->parameters.VPortId = NDIS_DEFAULT_VPORT_ID;
    vport->parameters.AttachedFunctionId = NDIS_PF_FUNCTION_ID;
    vport->parameters.NumQueuePairs = 1;
    vport->parameters.VPortState = NdisNicSwitchVPortStateActivated;
    return vport;
}

static NDIS_STATUS check_new_switch(struct ndis_adapter *adapter, const NDIS_NIC_SWITCH_PARAMETERS *given)
{
    NDIS_NIC_SWITCH_CAPABILITIES can = ndis_switch_limits(adapter);

    if (adapter->nic_switch.exists)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!ndis_header_ok(given, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (given->SwitchId != NDIS_DEFAULT_SWITCH_ID || given->SwitchType != NdisNicSwitchTypeExternal ||
        !ndis_string_ok(&given->SwitchFriendlyName))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (can.Header.Size >= NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2 && given->NumVFs > can.MaxNumVFs)
        return NDIS_STATUS_INVALID_PARAMETER;
    return NDIS_STATUS_SUCCESS;
}

struct new_switch {
    NDIS_NIC_SWITCH_PARAMETERS parameters;
    struct ndis_vport *default_vport;
};

NDIS_STATUS ndis_prepare_create_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    struct new_switch *record = calloc(1, sizeof *record);
    ULONG size = ndis_oid_capacity(request);
    NDIS_STATUS status;

    if (!record)
        return NDIS_STATUS_RESOURCES;
    memcpy(&record->parameters, ndis_oid_buffer(request),
           size < sizeof record->parameters ? size : sizeof record->parameters);
    status = ndis_oid_is_raw(request) ? NDIS_STATUS_SUCCESS : check_new_switch(adapter, &record->parameters);
    if (status == NDIS_STATUS_SUCCESS && !(record->default_vport = make_default_vport(&record->parameters)))
        status = NDIS_STATUS_RESOURCES;
    if (status == NDIS_STATUS_SUCCESS)
        ndis_slot_of(request)->record = record;
    else
        free(record);
    return status;
}

NDIS_STATUS ndis_done_create_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_switch *sw = &adapter->nic_switch;
    struct new_switch *record = ndis_slot_of(request)->record;

    if (status == NDIS_STATUS_SUCCESS) {
        ndis_lock(&sw->lock);
        free(sw->default_vport); /* of a switch that was created twice, by a raw request */
        sw->exists = true;
        sw->parameters = record->parameters;
        sw->default_vport = record->default_vport;
        ndis_unlock(&sw->lock);
    } else {
        free(record->default_vport);
    }
    free(record);
    return status;
}

NDIS_STATUS ndis_prepare_delete_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    const NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS *given = ndis_oid_buffer(request);

    if (ndis_oid_is_raw(request))
        return NDIS_STATUS_SUCCESS;
    if (!adapter->nic_switch.exists || given->SwitchId != NDIS_DEFAULT_SWITCH_ID)
        return NDIS_STATUS_FILE_NOT_FOUND;
    return ndis_switch_is_empty(adapter) ? NDIS_STATUS_SUCCESS : NDIS_STATUS_INVALID_PARAMETER;
}

NDIS_STATUS ndis_done_delete_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    const NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS *given = ndis_oid_buffer(request);

    if (status == NDIS_STATUS_SUCCESS && given->SwitchId == NDIS_DEFAULT_SWITCH_ID)
        ndis_switch_forget(adapter);
    return status;
}

/* Only the friendly name can change (ndis.md 4.16); with REINIT_REQUIRED it holds as well. */
NDIS_STATUS ndis_done_set_switch(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    const NDIS_NIC_SWITCH_PARAMETERS *given = ndis_oid_buffer(request);
    struct ndis_switch *sw = &adapter->nic_switch;

    if (status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_REINIT_REQUIRED)
        return status;
    ndis_lock(&sw->lock);
    if (sw->exists && (given->Flags & NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED) &&
        ndis_string_ok(&given->SwitchFriendlyName))
        sw->parameters.SwitchFriendlyName = given->SwitchFriendlyName;
    ndis_unlock(&sw->lock);
    return status;
}

/* ---- what NDIS issues ------------------------------------------------------------------------------------- */

static const WCHAR switch_name[] = L"Default Switch";

NDIS_STATUS ndis_switch_create(struct ndis_adapter *adapter, ULONG num_vfs)
{
    NDIS_NIC_SWITCH_PARAMETERS parameters = {0};
    NDIS_OID_REQUEST request;

    parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    parameters.Header.Revision = NDIS_NIC_SWITCH_PARAMETERS_REVISION_1;
    parameters.Header.Size = NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1;
    parameters.SwitchType = NdisNicSwitchTypeExternal;
    parameters.SwitchId = NDIS_DEFAULT_SWITCH_ID;
    parameters.NumVFs = num_vfs;
    parameters.SwitchFriendlyName.Length = sizeof switch_name - sizeof(WCHAR);
    memcpy(parameters.SwitchFriendlyName.String, switch_name, sizeof switch_name);
    ndis_request_init(&request, NdisRequestMethod, OID_NIC_SWITCH_CREATE_SWITCH, &parameters, sizeof parameters);
    return ndis_issue(adapter, &request);
}

NDIS_STATUS ndis_switch_delete(struct ndis_adapter *adapter)
{
    NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS parameters = {0};
    NDIS_OID_REQUEST request;

    parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    parameters.Header.Revision = NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1;
    parameters.Header.Size = NDIS_SIZEOF_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1;
    parameters.SwitchId = NDIS_DEFAULT_SWITCH_ID;
    ndis_request_init(&request, NdisRequestSetInformation, OID_NIC_SWITCH_DELETE_SWITCH, &parameters,
                      sizeof parameters);
    return ndis_issue(adapter, &request);
}

NDIS_STATUS ndis_query_probed_bars(struct ndis_adapter *adapter, ULONG bars[6])
{
    struct {
        NDIS_SRIOV_PROBED_BARS_INFO info;
        ULONG values[PCI_TYPE0_ADDRESSES];
    } query = {0};
    NDIS_OID_REQUEST request;
    NDIS_STATUS status;

    query.info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    query.info.Header.Revision = NDIS_SRIOV_PROBED_BARS_INFO_REVISION_1;
    query.info.Header.Size = NDIS_SIZEOF_SRIOV_PROBED_BARS_INFO_REVISION_1;
    query.info.BaseRegisterValuesOffset = sizeof query.info;
    ndis_request_init(&request, NdisRequestQueryInformation, OID_SRIOV_PROBED_BARS, &query, sizeof query);
    status = ndis_issue(adapter, &request);
    if (status == NDIS_STATUS_SUCCESS)
        memcpy(bars, query.values, sizeof query.values);
    return status;
}

NDIS_STATUS ndis_query_bar_resource(struct ndis_adapter *adapter, NDIS_SRIOV_FUNCTION_ID vf, USHORT bar,
                                    PCM_PARTIAL_RESOURCE_DESCRIPTOR resource)
{
    struct {
        NDIS_SRIOV_BAR_RESOURCES_INFO info;
        CM_PARTIAL_RESOURCE_DESCRIPTOR resource;
    } query = {0};
    NDIS_OID_REQUEST request;
    NDIS_STATUS status;

    query.info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    query.info.Header.Revision = NDIS_SRIOV_BAR_RESOURCES_INFO_REVISION_1;
    query.info.Header.Size = NDIS_SIZEOF_SRIOV_BAR_RESOURCES_INFO_REVISION_1;
    query.info.VFId = vf;
    query.info.BarIndex = bar;
    query.info.BarResourcesOffset = sizeof query.info;
    ndis_request_init(&request, NdisRequestMethod, OID_SRIOV_BAR_RESOURCES, &query, sizeof query);
    status = ndis_issue(adapter, &request);
    if (status == NDIS_STATUS_SUCCESS)
        *resource = query.resource;
    return status;
}
