/* SPDX-License-Identifier: MIT
 *
 * Virtual ports (ndis.md 4.20 to 4.22). A VF has at most one, the PF the default one and a few more. NDIS chooses the
 * VPortId.
 */
#include "pf.h"

#define CHANGES_KNOWN                                                                                                  \
    (NDIS_NIC_SWITCH_VPORT_PARAMS_FLAGS_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED |                          \
     NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED | NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED |                       \
     NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED)

struct pf_vport *pf_vport_find(struct pf_adapter *adapter, NDIS_NIC_SWITCH_VPORT_ID id)
{
    struct pf_switch *nic_switch = &adapter->nic_switch;

    if (!nic_switch->exists || id >= adapter->max_vports ||
        nic_switch->vports[id].state == NdisNicSwitchVPortStateUndefined)
        return NULL;
    return &nic_switch->vports[id];
}

static BOOLEAN moderation_is_known(NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION moderation)
{
    switch (moderation) {
    case NdisNicSwitchVPortInterruptModerationUndefined:
    case NdisNicSwitchVPortInterruptModerationAdaptive:
    case NdisNicSwitchVPortInterruptModerationOff:
    case NdisNicSwitchVPortInterruptModerationLow:
    case NdisNicSwitchVPortInterruptModerationMedium:
    case NdisNicSwitchVPortInterruptModerationHigh:
        return TRUE;
    default:
        return FALSE;
    }
}

static BOOLEAN id_is_free(struct pf_adapter *adapter, NDIS_NIC_SWITCH_VPORT_ID id)
{
    return id != NDIS_DEFAULT_VPORT_ID && id < adapter->max_vports && !pf_vport_find(adapter, id);
}

static BOOLEAN can_attach(struct pf_adapter *adapter, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *parameters)
{
    const struct pf_vf *vf;

    if (parameters->AttachedFunctionId == NDIS_PF_FUNCTION_ID)
        return parameters->ProcessorAffinity.Mask != 0;
    vf = pf_vf_find(adapter, parameters->AttachedFunctionId);
    return vf && vf->vport == NDIS_DEFAULT_VPORT_ID && parameters->VPortState == NdisNicSwitchVPortStateActivated;
}

static BOOLEAN parameters_are_good(struct pf_adapter *adapter, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *parameters)
{
    return adapter->nic_switch.exists && parameters->SwitchId == NDIS_DEFAULT_SWITCH_ID &&
           id_is_free(adapter, parameters->VPortId) && pf_name_is_good(parameters->VPortName.Length) &&
           parameters->NumQueuePairs >= 1 && parameters->NumQueuePairs <= PF_VPORT_QUEUES &&
           (parameters->VPortState == NdisNicSwitchVPortStateActivated ||
            parameters->VPortState == NdisNicSwitchVPortStateDeactivated) &&
           parameters->LookaheadSize == 0 && moderation_is_known(parameters->InterruptModeration) &&
           can_attach(adapter, parameters);
}

NDIS_STATUS pf_create_vport(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_NIC_SWITCH_VPORT_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_vport *vport;

    if (!parameters_are_good(adapter, parameters))
        return NDIS_STATUS_INVALID_PARAMETER;
    vport = &adapter->nic_switch.vports[parameters->VPortId];
    vport->state = parameters->VPortState;
    vport->function = parameters->AttachedFunctionId;
    vport->queue_pairs = parameters->NumQueuePairs;
    vport->moderation = parameters->InterruptModeration;
    vport->affinity = parameters->ProcessorAffinity;
    adapter->nic_switch.num_vports++;
    if (vport->function != NDIS_PF_FUNCTION_ID)
        pf_vf_find(adapter, vport->function)->vport = parameters->VPortId;
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1, 0);
}

NDIS_STATUS pf_delete_vport(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_vport *vport = pf_vport_find(adapter, parameters->VPortId);

    if (!vport || parameters->VPortId == NDIS_DEFAULT_VPORT_ID || vport->filters)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (vport->function != NDIS_PF_FUNCTION_ID)
        pf_vf_find(adapter, vport->function)->vport = NDIS_DEFAULT_VPORT_ID;
    NdisZeroMemory(vport, sizeof(*vport));
    adapter->nic_switch.num_vports--;
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1, 0);
}

/* May these members change, in that way? A VPort is activated once and never deactivated. */
static BOOLEAN change_is_good(const struct pf_vport *vport, const NDIS_NIC_SWITCH_VPORT_PARAMETERS *parameters,
                              ULONG changes)
{
    if (changes & ~CHANGES_KNOWN)
        return FALSE;
    if ((changes & NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED) && !pf_name_is_good(parameters->VPortName.Length))
        return FALSE;
    if ((changes & NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED) &&
        !moderation_is_known(parameters->InterruptModeration))
        return FALSE;
    if ((changes & NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED) &&
        (vport->function != NDIS_PF_FUNCTION_ID || !parameters->ProcessorAffinity.Mask))
        return FALSE;
    return !(changes & NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED) ||
           parameters->VPortState == NdisNicSwitchVPortStateActivated;
}

NDIS_STATUS pf_vport_parameters(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_NIC_SWITCH_VPORT_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_vport *vport = pf_vport_find(adapter, parameters->VPortId);
    ULONG changes = parameters->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_CHANGE_MASK;

    if (!vport || parameters->SwitchId != NDIS_DEFAULT_SWITCH_ID || !change_is_good(vport, parameters, changes))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (changes & NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED)
        vport->state = NdisNicSwitchVPortStateActivated;
    if (changes & NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED)
        vport->moderation = parameters->InterruptModeration;
    if (changes & NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED)
        vport->affinity = parameters->ProcessorAffinity;
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1, 0);
}
