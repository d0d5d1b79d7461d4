/* SPDX-License-Identifier: MIT
 *
 * The function's own registers: what it is, and switching it on and off.
 */
#include "vf.h"

NDIS_STATUS vf_read_hardware(struct vf_adapter *adapter)
{
    const struct nic_config config = nic_config_own(adapter->port.handle);
    PCI_COMMON_HEADER header;
    USHORT control, vectors;

    if (config.read(&config, 0, &header, sizeof(header)) != sizeof(header) || header.VendorID == PCI_INVALID_VENDORID) {
        DbgPrint("refnic_vf: configuration space cannot be read\n");
        return NDIS_STATUS_FAILURE;
    }
    if (!nic_find_capability(&config, NIC_CAP_MSIX, &adapter->msix) || !adapter->msix ||
        !nic_read16(&config, adapter->msix + NIC_MSIX_CONTROL, &control)) {
        DbgPrint("refnic_vf: no MSI-X, and a VF has no other interrupt\n");
        return NDIS_STATUS_FAILURE;
    }
    vectors = (USHORT)((control & NIC_MSIX_SIZE) + 1);
    adapter->rings = vectors > REFNIC_MAX_RINGS ? REFNIC_MAX_RINGS : vectors > 1 ? (USHORT)(vectors - 1) : 1;
    return NDIS_STATUS_SUCCESS;
}

/* Memory and Bus Master, then MSI-X. What was written is read back: a host may refuse it. */
NDIS_STATUS vf_start_hardware(struct vf_adapter *adapter)
{
    const struct nic_config config = nic_config_own(adapter->port.handle);
    const USHORT wanted = NIC_COMMAND_MEMORY | NIC_COMMAND_BUS_MASTER;
    USHORT command, control;

    if (nic_change16(&config, NIC_COMMAND, 0, wanted) &&
        nic_change16(&config, adapter->msix + NIC_MSIX_CONTROL, NIC_MSIX_MASK, NIC_MSIX_ENABLE) &&
        nic_read16(&config, NIC_COMMAND, &command) && (command & wanted) == wanted &&
        nic_read16(&config, adapter->msix + NIC_MSIX_CONTROL, &control) && (control & NIC_MSIX_ENABLE))
        return NDIS_STATUS_SUCCESS;
    DbgPrint("refnic_vf: the function cannot be enabled\n");
    vf_stop_hardware(adapter);
    return NDIS_STATUS_FAILURE;
}

VOID vf_stop_hardware(struct vf_adapter *adapter)
{
    const struct nic_config config = nic_config_own(adapter->port.handle);

    (void)nic_change16(&config, adapter->msix + NIC_MSIX_CONTROL, NIC_MSIX_ENABLE, 0);
    (void)nic_change16(&config, NIC_COMMAND, NIC_COMMAND_BUS_MASTER | NIC_COMMAND_MEMORY, 0);
}
