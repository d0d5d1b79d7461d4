/* SPDX-License-Identifier: MIT
 *
 * Configuration space of a function: a driver's own or a VF's, read and written the same way over NDIS or over the bus
 * interfaces. Offsets and the registers of the capabilities: pci.md 4.1, 4.5 to 4.8.
 */
#ifndef NIC_CONFIG_H
#define NIC_CONFIG_H

#include <wdm.h>

/* Both transfer `length` bytes and return how many; anything else is a failure. The driver makes one for a function. */
struct nic_config {
    ULONG (*read)(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length);
    ULONG (*write)(const struct nic_config *config, ULONG offset, PVOID buffer, ULONG length);
    PVOID context; /* of the driver */
    USHORT vf;     /* which VF, where it is one */
};

BOOLEAN nic_read16(const struct nic_config *config, ULONG offset, USHORT *value);
BOOLEAN nic_read32(const struct nic_config *config, ULONG offset, ULONG *value);
/* Read-modify-write: the bits of `clear` become 0, those of `set` 1. Writes nothing if nothing would change. */
BOOLEAN nic_change16(const struct nic_config *config, ULONG offset, USHORT clear, USHORT set);

/* Offset of the first capability with that id; 0: there is none, or the list is broken. FALSE: a register could not be
 * read, and nobody knows. */
BOOLEAN nic_find_capability(const struct nic_config *config, UCHAR id, UCHAR *found);
/* The same for an extended one; 0 also when it could not be read. */
USHORT nic_find_extended_capability(const struct nic_config *config, USHORT id);

#define NIC_CONFIG_SIZE 4096

#define NIC_COMMAND             0x04
#define NIC_COMMAND_MEMORY      0x0002
#define NIC_COMMAND_BUS_MASTER  0x0004
#define NIC_STATUS              0x06
#define NIC_STATUS_CAPABILITIES 0x0010
#define NIC_CLASS               0x08 /* revision and class: all ones only when the function does not answer */

#define NIC_CAP_PM         0x01
#define NIC_PM_CONTROL     4
#define NIC_PM_STATE_MASK  0x0003
#define NIC_CAP_EXPRESS    0x10
#define NIC_EXP_DEVCAP     4
#define NIC_EXP_DEVCAP_FLR 0x10000000
#define NIC_EXP_DEVCTL     8
#define NIC_EXP_DEVCTL_FLR 0x8000
#define NIC_EXP_DEVSTA     10
#define NIC_EXP_DEVSTA_TP  0x0020 /* Transactions Pending */
#define NIC_CAP_MSIX       0x11
#define NIC_MSIX_CONTROL   2
#define NIC_MSIX_SIZE      0x07FF /* table entries - 1 */
#define NIC_MSIX_MASK      0x4000
#define NIC_MSIX_ENABLE    0x8000

#define NIC_EXTCAP_SRIOV       0x0010
#define NIC_SRIOV_CONTROL      0x08
#define NIC_SRIOV_CONTROL_VFE  0x0001
#define NIC_SRIOV_TOTAL_VFS    0x0E
#define NIC_SRIOV_NUM_VFS      0x10
#define NIC_SRIOV_VF_DEVICE_ID 0x1A

#endif
