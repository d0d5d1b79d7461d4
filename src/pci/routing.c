/* SPDX-License-Identifier: MIT
 *
 * Routing IDs (pci.md 4.2): VF i is at the PF's ID + First VF Offset + i x VF Stride, and may so lie on a later bus.
 */
#include "pci/internal.h"

enum pci_result pci_vf_routing_id(const struct pci_device *device, uint32_t vf, uint16_t *routing_id)
{
    const struct pci_profile *profile = device->profile;
    if (vf >= profile->total_vfs)
        return PCI_BAD_PARAMETER;
    *routing_id = pci_rid(device->options.routing_id, profile->first_offset, profile->stride, vf);
    return PCI_OK;
}

uint16_t pci_segment(const struct pci_device *device)
{
    return device->options.segment;
}

uint16_t pci_routing_id(const struct pci_device *device)
{
    return device->options.routing_id;
}

uint8_t pci_captured_buses(const struct pci_device *device)
{
    uint16_t last;
    uint8_t bus = device->options.routing_id >> 8;
    if (device->options.subordinate_bus)
        return device->options.subordinate_bus - bus;
    uint16_t total = device->profile->total_vfs;
    if (total == 0 || pci_vf_routing_id(device, total - 1u, &last) != PCI_OK)
        return 0;
    return (last >> 8) - bus;
}
