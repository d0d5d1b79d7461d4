/* SPDX-License-Identifier: MIT
 *
 * Reset and power of one VF as OIDs (ndis.md 4.8, 4.9): what is done to the function is common/function.h.
 */
#include "pf.h"

NDIS_STATUS pf_vf_reset(struct pf_adapter *adapter, struct pf_vf *vf)
{
    const struct nic_config config = nic_config_vf(adapter->port.handle, vf->id);

    if (nic_function_reset(&config, &vf->function, NIC_SETTLE_RETRIES) != STATUS_SUCCESS)
        return pf_hardware_failed(adapter);
    vf->power = NdisDeviceStateD0;
    vf->wake = FALSE;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS pf_reset_vf(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    struct pf_vf *vf = pf_vf_find(adapter, ((PNDIS_SRIOV_RESET_VF_PARAMETERS)(PVOID)request->buffer)->VFId);
    NDIS_STATUS status;

    if (!vf)
        return NDIS_STATUS_INVALID_PARAMETER;
    status = pf_vf_reset(adapter, vf);
    if (status != NDIS_STATUS_SUCCESS)
        return status;
    pf_blocks_reset(adapter, vf);
    return nic_done(request, NDIS_SIZEOF_SRIOV_RESET_VF_PARAMETERS_REVISION_1, 0);
}

NDIS_STATUS pf_set_vf_power(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *parameters = (PVOID)request->buffer;
    struct pf_vf *vf = pf_vf_find(adapter, parameters->VFId);
    struct nic_config config;

    if (!vf || parameters->PowerState < NdisDeviceStateD0 || parameters->PowerState > NdisDeviceStateD3 ||
        (parameters->WakeEnable && parameters->PowerState == NdisDeviceStateD0))
        return NDIS_STATUS_INVALID_PARAMETER;
    config = nic_config_vf(adapter->port.handle, vf->id);
    if (!nic_function_power(&config, &vf->function, (USHORT)(parameters->PowerState - NdisDeviceStateD0)))
        return pf_hardware_failed(adapter);
    vf->power = parameters->PowerState;
    vf->wake = parameters->WakeEnable != FALSE;
    return nic_done(request, NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1, 0);
}
