/* SPDX-License-Identifier: MIT
 *
 * Register access by the NDIS routines, and the wait that goes with it.
 */
#include "registers.h"

#include "../common/function.h"

static ULONG own_read(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMGetBusData(config->context, PCI_WHICHSPACE_CONFIG, offset, buffer, length);
}

static ULONG own_write(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMSetBusData(config->context, PCI_WHICHSPACE_CONFIG, offset, buffer, length);
}

static ULONG vf_read(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMGetVirtualFunctionBusData(config->context, config->vf, buffer, offset, length);
}

static ULONG vf_write(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length)
{
    return NdisMSetVirtualFunctionBusData(config->context, config->vf, buffer, offset, length);
}

struct nic_config nic_config_own(NDIS_HANDLE handle)
{
    struct nic_config config = {own_read, own_write, handle, NDIS_PF_FUNCTION_ID};

    return config;
}

struct nic_config nic_config_vf(NDIS_HANDLE handle, NDIS_SRIOV_FUNCTION_ID vf)
{
    struct nic_config config = {vf_read, vf_write, handle, vf};

    return config;
}

VOID nic_sleep(ULONG microseconds)
{
    NdisMSleep(microseconds);
}
