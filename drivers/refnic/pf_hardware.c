/* SPDX-License-Identifier: MIT
 *
 * What the PF's configuration space, keywords and resources say at start, and turning virtualization on and off.
 */
#include "pf.h"

/* Reads a keyword; `value` keeps its default when the keyword, or the whole configuration, is not there. */
static VOID read_keyword(NDIS_HANDLE configuration, PNDIS_STRING keyword, ULONG *value)
{
    PNDIS_CONFIGURATION_PARAMETER parameter;
    NDIS_STATUS status;

    NdisReadConfiguration(&status, &parameter, configuration, keyword, NdisParameterInteger);
    if (status == NDIS_STATUS_SUCCESS && parameter->ParameterType == NdisParameterInteger)
        *value = parameter->ParameterData.IntegerData;
}

/* ndis.md 7.1 step c. */
static VOID read_keywords(struct pf_adapter *adapter)
{
    static NDIS_STRING sriov_keyword = NDIS_STRING_CONST("*SRIOV");
    static NDIS_STRING num_vfs_keyword = NDIS_STRING_CONST("*NumVFs");
    NDIS_CONFIGURATION_OBJECT object;
    NDIS_HANDLE configuration;
    ULONG sriov = 1, num_vfs = adapter->total_vfs;

    NdisZeroMemory(&object, sizeof(object));
    object.Header.Type = NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT;
    object.Header.Revision = NDIS_CONFIGURATION_OBJECT_REVISION_1;
    object.Header.Size = NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1;
    object.NdisHandle = adapter->port.handle;
    if (NdisOpenConfigurationEx(&object, &configuration) == NDIS_STATUS_SUCCESS) {
        read_keyword(configuration, &sriov_keyword, &sriov);
        read_keyword(configuration, &num_vfs_keyword, &num_vfs);
        NdisCloseConfiguration(configuration);
    }
    adapter->enabled = adapter->sriov && adapter->total_vfs && sriov != 0;
    adapter->max_vfs = (USHORT)(num_vfs < adapter->total_vfs ? num_vfs : adapter->total_vfs);
    adapter->max_vports = (ULONG)adapter->max_vfs + 1 + PF_SPARE_VPORTS;
}

static BOOLEAN read_config_space(struct pf_adapter *adapter)
{
    const struct nic_config config = nic_config_own(adapter->port.handle);
    PCI_COMMON_HEADER header;

    if (config.read(&config, 0, &header, sizeof(header)) != sizeof(header) || header.VendorID == PCI_INVALID_VENDORID)
        return FALSE;
    adapter->vendor = header.VendorID;
    adapter->sriov = nic_find_extended_capability(&config, NIC_EXTCAP_SRIOV);
    if (!adapter->sriov)
        return TRUE;
    return nic_read16(&config, adapter->sriov + NIC_SRIOV_TOTAL_VFS, &adapter->total_vfs) &&
           nic_read16(&config, adapter->sriov + NIC_SRIOV_VF_DEVICE_ID, &adapter->vf_device);
}

NDIS_STATUS pf_read_hardware(struct pf_adapter *adapter, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    if (!read_config_space(adapter)) {
        DbgPrint("refnic_pf: configuration space cannot be read\n");
        return NDIS_STATUS_FAILURE;
    }
    read_keywords(adapter);
    if (!adapter->enabled)
        return NDIS_STATUS_SUCCESS;
    if (NdisMQueryProbedBars(adapter->port.handle, adapter->bars.probed) != NDIS_STATUS_SUCCESS) {
        DbgPrint("refnic_pf: the VF BARs are not known\n");
        return NDIS_STATUS_FAILURE;
    }
    nic_bars_size(&adapter->bars);
    nic_bars_locate(&adapter->bars, parameters->AllocatedResources);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS pf_enable(struct pf_adapter *adapter, USHORT num_vfs)
{
    const struct nic_config config = nic_config_own(adapter->port.handle);
    NDIS_STATUS status = NdisMEnableVirtualization(adapter->port.handle, num_vfs, FALSE, FALSE, TRUE);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    adapter->virtualized = TRUE;
    NdisMSleep(NIC_SETTLE_US);
    if (nic_vfs_enabled(&config, adapter->sriov, num_vfs))
        return NDIS_STATUS_SUCCESS;
    (void)pf_disable(adapter);
    return pf_hardware_failed(adapter);
}

NDIS_STATUS pf_disable(struct pf_adapter *adapter)
{
    NDIS_STATUS status = NdisMEnableVirtualization(adapter->port.handle, 0, FALSE, FALSE, FALSE);

    if (status == NDIS_STATUS_SUCCESS)
        adapter->virtualized = FALSE;
    return status;
}

NDIS_STATUS pf_hardware_failed(struct pf_adapter *adapter)
{
    return nic_flags(&adapter->port) & NIC_REMOVED ? NDIS_STATUS_NOT_ACCEPTED : NDIS_STATUS_FAILURE;
}
