/* SPDX-License-Identifier: MIT
 *
 * Reset and power of one VF (ndis.md 4.8, 4.9). Neither is believed without looking: Initiate FLR always reads 0, so a
 * bit that an FLR must clear is set before it and looked at afterwards.
 */
#include "pf.h"

/* No new transactions, and the old ones have ended (pci.md 4.3 "before FLR"). A function that never finishes is reset
 * all the same: that is what an FLR is for. */
static BOOLEAN quiesce(const struct nic_config *config, const struct pf_vf *vf)
{
    ULONG tries;
    USHORT status;

    if (!nic_change16(config, NIC_COMMAND, NIC_COMMAND_BUS_MASTER, 0))
        return FALSE;
    for (tries = 0; tries < PF_SETTLE_RETRIES; tries++) {
        if (!nic_read16(config, vf->express + NIC_EXP_DEVSTA, &status))
            return FALSE;
        if (!(status & NIC_EXP_DEVSTA_TP))
            break;
        NdisMSleep(PF_SETTLE_US);
    }
    return TRUE;
}

/* Masking a quiet function's interrupts changes nothing, and an FLR unmasks them. Without MSI-X there is no such bit,
 * and only Bus Master is looked at. */
static BOOLEAN leave_mark(const struct nic_config *config, const struct pf_vf *vf)
{
    return !vf->msix || nic_change16(config, vf->msix + NIC_MSIX_CONTROL, 0, NIC_MSIX_MASK);
}

static BOOLEAN mark_is_gone(const struct nic_config *config, const struct pf_vf *vf)
{
    USHORT control;

    return !vf->msix || (nic_read16(config, vf->msix + NIC_MSIX_CONTROL, &control) &&
                         !(control & (NIC_MSIX_MASK | NIC_MSIX_ENABLE)));
}

static BOOLEAN wait_until_ready(const struct nic_config *config)
{
    ULONG tries, class;

    for (tries = 0; tries < PF_SETTLE_RETRIES; tries++) {
        NdisMSleep(PF_SETTLE_US);
        if (nic_read32(config, NIC_CLASS, &class) && class != MAXULONG)
            return TRUE;
    }
    return FALSE;
}

NDIS_STATUS pf_vf_reset(struct pf_adapter *adapter, struct pf_vf *vf)
{
    const struct nic_config config = nic_config_vf(adapter->port.handle, vf->id);
    ULONG capabilities;
    USHORT command;

    if (!vf->express || !nic_read32(&config, vf->express + NIC_EXP_DEVCAP, &capabilities) ||
        !(capabilities & NIC_EXP_DEVCAP_FLR))
        return pf_hardware_failed(adapter);
    if (!quiesce(&config, vf) || !leave_mark(&config, vf) ||
        !nic_change16(&config, vf->express + NIC_EXP_DEVCTL, 0, NIC_EXP_DEVCTL_FLR))
        return pf_hardware_failed(adapter);
    if (!wait_until_ready(&config) || !mark_is_gone(&config, vf) || !nic_read16(&config, NIC_COMMAND, &command) ||
        (command & NIC_COMMAND_BUS_MASTER))
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

/* D0..D3 are 0..3 in the register. A state the function does not have does not stick. */
static BOOLEAN enter_state(const struct nic_config *config, const struct pf_vf *vf, NDIS_DEVICE_POWER_STATE state)
{
    USHORT wanted = (USHORT)(state - NdisDeviceStateD0);
    USHORT control;

    if (!nic_change16(config, vf->pm + NIC_PM_CONTROL, NIC_PM_STATE_MASK, wanted))
        return FALSE;
    NdisMSleep(10000); /* D3hot to D0, pci.md 4.3 */
    return nic_read16(config, vf->pm + NIC_PM_CONTROL, &control) && (control & NIC_PM_STATE_MASK) == wanted;
}

/* A VF without the Power Management capability cannot be switched: its state is remembered (decisions.md). */
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
    if (vf->pm && !enter_state(&config, vf, parameters->PowerState))
        return pf_hardware_failed(adapter);
    vf->power = parameters->PowerState;
    vf->wake = parameters->WakeEnable != FALSE;
    return nic_done(request, NDIS_SIZEOF_SRIOV_SET_VF_POWER_STATE_PARAMETERS_REVISION_1, 0);
}
