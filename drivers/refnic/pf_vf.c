/* SPDX-License-Identifier: MIT
 *
 * Giving out VFs, and what the stack above must know of one to present it to a guest: where it is, what it is, how
 * large its BARs are and where they lie (ndis.md 4.10 to 4.12, 4.17, 4.18).
 */
#include "pf.h"

struct pf_vf *pf_vf_find(struct pf_adapter *adapter, NDIS_SRIOV_FUNCTION_ID id)
{
    return id < adapter->nic_switch.num_vfs ? adapter->nic_switch.vfs[id] : NULL;
}

static BOOLEAN parameters_are_good(const struct pf_adapter *adapter, const NDIS_NIC_SWITCH_VF_PARAMETERS *parameters)
{
    return adapter->nic_switch.exists && parameters->SwitchId == NDIS_DEFAULT_SWITCH_ID &&
           parameters->VFId == NDIS_INVALID_VF_FUNCTION_ID && parameters->RequestorId == NDIS_INVALID_RID &&
           (parameters->MacAddressLength == 0 || parameters->MacAddressLength == NIC_MAC_LENGTH) &&
           pf_name_is_good(parameters->VMName.Length) && pf_name_is_good(parameters->VMFriendlyName.Length) &&
           pf_name_is_good(parameters->NicName.Length);
}

/* NDIS_INVALID_RID: the bus driver does not know the VF. */
static NDIS_VF_RID locate(struct pf_adapter *adapter, NDIS_SRIOV_FUNCTION_ID id)
{
    USHORT segment = 0xFFFF;
    UCHAR bus = 0xFF, function = 0xFF;

    NdisMGetVirtualFunctionLocation(adapter->port.handle, id, &segment, &bus, &function);
    if (segment == 0xFFFF && bus == 0xFF && function == 0xFF)
        return NDIS_INVALID_RID;
    return NDIS_MAKE_RID(segment, bus, function);
}

static BOOLEAN probe(struct pf_adapter *adapter, struct pf_vf *vf)
{
    const struct nic_config config = nic_config_vf(adapter->port.handle, vf->id);

    return nic_function_probe(&config, &vf->function);
}

/* The address the issuer chose, if any. */
static VOID choose_address(const struct pf_adapter *adapter, const NDIS_NIC_SWITCH_VF_PARAMETERS *parameters,
                           NDIS_SRIOV_FUNCTION_ID id, UCHAR *mac)
{
    if (parameters->MacAddressLength == NIC_MAC_LENGTH)
        NdisMoveMemory(mac, parameters->CurrentMacAddress, NIC_MAC_LENGTH);
    else
        nic_vf_address(adapter->port.permanent, id, mac);
}

NDIS_STATUS pf_allocate_vf(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    struct pf_switch *nic_switch = &adapter->nic_switch;
    PNDIS_NIC_SWITCH_VF_PARAMETERS parameters = (PVOID)request->buffer;
    UCHAR mac[NIC_MAC_LENGTH];
    struct pf_vf *vf;
    NDIS_VF_RID rid;

    if (!parameters_are_good(adapter, parameters))
        return NDIS_STATUS_INVALID_PARAMETER;
    while (nic_switch->first_free < nic_switch->num_vfs && nic_switch->vfs[nic_switch->first_free])
        nic_switch->first_free++;
    if (nic_switch->first_free == nic_switch->num_vfs)
        return NDIS_STATUS_RESOURCES;
    vf = nic_allocate(adapter->port.handle, sizeof(*vf));
    if (!vf)
        return NDIS_STATUS_RESOURCES;
    vf->id = nic_switch->first_free;
    vf->vport = NDIS_DEFAULT_VPORT_ID;
    vf->power = NdisDeviceStateD0;
    rid = locate(adapter, vf->id);
    if (rid == NDIS_INVALID_RID || !probe(adapter, vf)) {
        nic_free(vf);
        return pf_hardware_failed(adapter);
    }
    choose_address(adapter, parameters, vf->id, mac);
    pf_blocks_start(adapter, vf, mac);
    nic_switch->vfs[vf->id] = vf;
    nic_switch->num_allocated++;
    parameters->VFId = vf->id;
    parameters->RequestorId = rid;
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1,
                    NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1);
}

NDIS_STATUS pf_free_vf(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_NIC_SWITCH_FREE_VF_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_switch *nic_switch = &adapter->nic_switch;
    struct pf_vf *vf = pf_vf_find(adapter, parameters->VFId);

    if (!vf || vf->vport != NDIS_DEFAULT_VPORT_ID)
        return NDIS_STATUS_INVALID_PARAMETER;
    nic_switch->vfs[vf->id] = NULL;
    nic_switch->num_allocated--;
    if (vf->id < nic_switch->first_free)
        nic_switch->first_free = vf->id;
    nic_free(vf);
    return nic_done(request, NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1, 0);
}

NDIS_STATUS pf_vendor_device_id(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    PNDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO info = (PVOID)request->buffer;

    if (!pf_vf_find(adapter, info->VFId))
        return NDIS_STATUS_INVALID_PARAMETER;
    info->VendorId = adapter->vendor;
    info->DeviceId = adapter->vf_device;
    return nic_done(request, NDIS_SIZEOF_SRIOV_VF_VENDOR_DEVICE_ID_INFO_REVISION_1,
                    NDIS_SIZEOF_SRIOV_VF_VENDOR_DEVICE_ID_INFO_REVISION_1);
}

/* A query whose buffer says where the answer goes. */
NDIS_STATUS pf_probed_bars(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    ULONG offset = ((PNDIS_SRIOV_PROBED_BARS_INFO)(PVOID)request->buffer)->BaseRegisterValuesOffset;
    NDIS_STATUS status = nic_check_tail(request, request->output, offset, sizeof(adapter->bars.probed),
                                        NDIS_SIZEOF_SRIOV_PROBED_BARS_INFO_REVISION_1);

    if (status == NDIS_STATUS_SUCCESS && offset % sizeof(ULONG))
        status = NDIS_STATUS_INVALID_PARAMETER;
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    NdisMoveMemory(request->buffer + offset, adapter->bars.probed, sizeof(adapter->bars.probed));
    return nic_done(request, 0, offset + sizeof(adapter->bars.probed));
}

NDIS_STATUS pf_bar_resources(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_BAR_RESOURCES_INFO *info = (PVOID)request->buffer;
    ULONG offset = info->BarResourcesOffset;
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource;
    NDIS_STATUS status = nic_check_tail(request, request->output, offset, sizeof(resource),
                                        NDIS_SIZEOF_SRIOV_BAR_RESOURCES_INFO_REVISION_1);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    if (!pf_vf_find(adapter, info->VFId) || info->BarIndex >= PCI_TYPE0_ADDRESSES ||
        !adapter->bars.bar[info->BarIndex].size)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (!nic_bars_slice(&adapter->bars.bar[info->BarIndex], info->VFId, &resource))
        return NDIS_STATUS_FAILURE;
    NdisMoveMemory(request->buffer + offset, &resource, sizeof(resource));
    return nic_done(request, NDIS_SIZEOF_SRIOV_BAR_RESOURCES_INFO_REVISION_1, offset + sizeof(resource));
}
