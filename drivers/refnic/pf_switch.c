/* SPDX-License-Identifier: MIT
 *
 * The NIC switch: there is one, with id NDIS_DEFAULT_SWITCH_ID, made and taken down on NDIS's demand (ndis.md 4.14
 * to 4.16).
 */
#include "pf.h"

BOOLEAN pf_name_is_good(USHORT length)
{
    return length <= NDIS_IF_MAX_STRING_SIZE * sizeof(WCHAR) && length % sizeof(WCHAR) == 0;
}

/* Revision 2 says how many queue pairs the default VPort gets; revision 1 leaves it at one. */
static ULONG default_queue_pairs(const NDIS_NIC_SWITCH_PARAMETERS *parameters, ULONG length)
{
    if (parameters->Header.Revision < NDIS_NIC_SWITCH_PARAMETERS_REVISION_2 ||
        length < NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_2)
        return 1;
    return parameters->NumQueuePairsForDefaultVPort;
}

static BOOLEAN parameters_are_good(const struct pf_adapter *adapter, const NDIS_NIC_SWITCH_PARAMETERS *parameters,
                                   ULONG queue_pairs)
{
    return !adapter->nic_switch.exists && parameters->SwitchId == NDIS_DEFAULT_SWITCH_ID &&
           parameters->SwitchType == NdisNicSwitchTypeExternal && parameters->NumVFs <= adapter->max_vfs &&
           pf_name_is_good(parameters->SwitchFriendlyName.Length) && queue_pairs <= PF_VPORT_QUEUES;
}

/* The tables and the default VPort, which belongs to the PF and is always active. */
static BOOLEAN build(struct pf_adapter *adapter, USHORT num_vfs, ULONG queue_pairs)
{
    struct pf_switch *nic_switch = &adapter->nic_switch;
    NDIS_HANDLE handle = adapter->port.handle;

    nic_switch->vports = nic_allocate(handle, (ULONG64)adapter->max_vports * sizeof(*nic_switch->vports));
    nic_switch->vfs = num_vfs ? nic_allocate(handle, (ULONG64)num_vfs * sizeof(*nic_switch->vfs)) : NULL;
    if (!nic_switch->vports || (num_vfs && !nic_switch->vfs))
        return FALSE;
    nic_switch->num_vfs = num_vfs;
    nic_switch->vports[NDIS_DEFAULT_VPORT_ID].state = NdisNicSwitchVPortStateActivated;
    nic_switch->vports[NDIS_DEFAULT_VPORT_ID].function = NDIS_PF_FUNCTION_ID;
    nic_switch->vports[NDIS_DEFAULT_VPORT_ID].queue_pairs = queue_pairs;
    return TRUE;
}

NDIS_STATUS pf_create_switch(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_NIC_SWITCH_PARAMETERS *parameters = (PVOID)request->buffer;
    ULONG queue_pairs = default_queue_pairs(parameters, request->input);
    NDIS_STATUS status = NDIS_STATUS_RESOURCES;

    if (!parameters_are_good(adapter, parameters, queue_pairs))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (build(adapter, (USHORT)parameters->NumVFs, queue_pairs))
        status = parameters->NumVFs ? pf_enable(adapter, (USHORT)parameters->NumVFs) : NDIS_STATUS_SUCCESS;
    if (status != NDIS_STATUS_SUCCESS) {
        pf_switch_discard(adapter);
        return status;
    }
    adapter->nic_switch.name = parameters->SwitchFriendlyName;
    adapter->nic_switch.exists = TRUE;
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, 0);
}

/* NDIS has freed the VFs, VPorts and filters before; if not, nothing is touched. */
NDIS_STATUS pf_delete_switch(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_switch *nic_switch = &adapter->nic_switch;

    if (!nic_switch->exists || parameters->SwitchId != NDIS_DEFAULT_SWITCH_ID || nic_switch->num_allocated ||
        nic_switch->num_vports || nic_switch->num_filters)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (adapter->virtualized && pf_disable(adapter) != NDIS_STATUS_SUCCESS)
        return pf_hardware_failed(adapter);
    pf_switch_discard(adapter);
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1, 0);
}

/* Of a switch that exists only the name can change. */
NDIS_STATUS pf_switch_parameters(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_NIC_SWITCH_PARAMETERS *parameters = (PVOID)request->buffer;
    ULONG changes = parameters->Flags & NDIS_NIC_SWITCH_PARAMETERS_CHANGE_MASK;

    if (!adapter->nic_switch.exists || parameters->SwitchId != NDIS_DEFAULT_SWITCH_ID ||
        (changes & ~NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED))
        return NDIS_STATUS_INVALID_PARAMETER;
    if (changes) {
        if (!pf_name_is_good(parameters->SwitchFriendlyName.Length))
            return NDIS_STATUS_INVALID_PARAMETER;
        adapter->nic_switch.name = parameters->SwitchFriendlyName;
    }
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, 0);
}

VOID pf_switch_discard(struct pf_adapter *adapter)
{
    struct pf_switch *nic_switch = &adapter->nic_switch;
    ULONG i;

    pf_filters_discard(adapter);
    for (i = 0; i < nic_switch->num_vfs; i++)
        nic_free(nic_switch->vfs[i]);
    nic_free(nic_switch->vfs);
    nic_free(nic_switch->vports);
    NdisZeroMemory(nic_switch, sizeof(*nic_switch));
    InitializeListHead(&nic_switch->filters);
}
