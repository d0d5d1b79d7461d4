/* SPDX-License-Identifier: MIT
 *
 * Registers in a configuration space of plain bytes: little-endian, at any address.
 */
#ifndef VFPLANE_PCI_BYTES_H
#define VFPLANE_PCI_BYTES_H

#include <stdint.h>

static inline uint16_t pci_le16(const uint8_t *bytes)
{
    return (uint16_t)(bytes[0] | bytes[1] << 8);
}

static inline uint32_t pci_le32(const uint8_t *bytes)
{
    return pci_le16(bytes) | (uint32_t)pci_le16(bytes + 2) << 16;
}

#endif
