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

/* Bytes one VF occupies of a BAR, from what it reads after all ones were written to it. */
static VOID size_bars(struct pf_adapter *adapter)
{
    ULONG i, low;
    ULONG64 mask;

    for (i = 0; i < PCI_TYPE0_ADDRESSES; i++) {
        low = adapter->probed[i];
        if (!(low & PCI_ADDRESS_MEMORY_ADDRESS_MASK) || (low & PCI_ADDRESS_IO_SPACE))
            continue;
        mask = (low & PCI_ADDRESS_MEMORY_ADDRESS_MASK) | 0xFFFFFFFF00000000ull;
        if ((low & PCI_ADDRESS_MEMORY_TYPE_MASK) == PCI_TYPE_64BIT && i + 1 < PCI_TYPE0_ADDRESSES)
            mask = (mask & MAXULONG) | (ULONG64)adapter->probed[i + 1] << 32;
        adapter->bars[i].size = ~mask + 1;
        if ((low & PCI_ADDRESS_MEMORY_TYPE_MASK) == PCI_TYPE_64BIT)
            i++;
    }
}

/* Start and length of a memory resource; a large one counts its length in larger units (pci.md 3.3). */
static BOOLEAN memory_of(const CM_PARTIAL_RESOURCE_DESCRIPTOR *descriptor, struct pf_bar *bar)
{
    ULONG shift = 0;

    if (descriptor->Type == CmResourceTypeMemoryLarge) {
        if (descriptor->Flags & CM_RESOURCE_MEMORY_LARGE_40)
            shift = 8;
        else if (descriptor->Flags & CM_RESOURCE_MEMORY_LARGE_48)
            shift = 16;
        else if (descriptor->Flags & CM_RESOURCE_MEMORY_LARGE_64)
            shift = 32;
        else
            return FALSE;
    } else if (descriptor->Type != CmResourceTypeMemory) {
        return FALSE;
    }
    bar->start = (ULONG64)descriptor->u.Memory.Start.QuadPart;
    bar->length = (ULONG64)descriptor->u.Memory.Length << shift;
    return TRUE;
}

/* The VF windows are the last memory resources, in the order of the BARs (ndis.md 3.6): both are walked from the end. A
 * BAR for which none is left keeps length 0, and its resource cannot be asked for. */
static VOID find_windows(struct pf_adapter *adapter, const NDIS_RESOURCE_LIST *resources)
{
    ULONG bar = PCI_TYPE0_ADDRESSES;
    ULONG left = resources ? resources->Count : 0;

    while (bar-- > 0) {
        if (!adapter->bars[bar].size)
            continue;
        while (left > 0 && !memory_of(&resources->PartialDescriptors[left - 1], &adapter->bars[bar]))
            left--;
        if (left == 0)
            return;
        left--;
    }
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
    if (NdisMQueryProbedBars(adapter->port.handle, adapter->probed) != NDIS_STATUS_SUCCESS) {
        DbgPrint("refnic_pf: the VF BARs are not known\n");
        return NDIS_STATUS_FAILURE;
    }
    size_bars(adapter);
    find_windows(adapter, parameters->AllocatedResources);
    return NDIS_STATUS_SUCCESS;
}

/* Does the capability show what was asked for? */
static BOOLEAN is_enabled_for(struct pf_adapter *adapter, USHORT num_vfs)
{
    const struct nic_config config = nic_config_own(adapter->port.handle);
    USHORT control, number;

    return nic_read16(&config, adapter->sriov + NIC_SRIOV_CONTROL, &control) &&
           nic_read16(&config, adapter->sriov + NIC_SRIOV_NUM_VFS, &number) && (control & NIC_SRIOV_CONTROL_VFE) &&
           number == num_vfs;
}

NDIS_STATUS pf_enable(struct pf_adapter *adapter, USHORT num_vfs)
{
    NDIS_STATUS status = NdisMEnableVirtualization(adapter->port.handle, num_vfs, FALSE, FALSE, TRUE);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    adapter->virtualized = TRUE;
    NdisMSleep(PF_SETTLE_US);
    if (is_enabled_for(adapter, num_vfs))
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
