/* SPDX-License-Identifier: MIT
 *
 * The PCI bus driver of the parent partition: a PDO for each PF, BUS_INTERFACE_STANDARD and
 * PCI_VIRTUALIZATION_INTERFACE on it. VFs are not enumerated as devices here; they are reached through the PF's
 * interface only (pci.md 1.4).
 *
 * Contract of the interface routines: pci.md 1.2-1.4, 5.1-5.6, 5.11. What a caller does wrong is reported by
 * nt_violation: INTERFACE_CONTEXT (not a context of this interface), INTERFACE_AFTER_DEREFERENCE (a call after the last
 * dereference, also when the card is long gone), INTERFACE_DEREFERENCED_TWICE, IRQL_TOO_HIGH; the call then fails: 0
 * bytes, STATUS_INVALID_PARAMETER for a bad context, STATUS_INVALID_DEVICE_STATE for the IRQL.
 * Set/GetVirtualFunctionData between APC_LEVEL and DISPATCH_LEVEL are served and noted as suspicious (decisions.md).
 *
 * IRP_MN_QUERY_RESOURCES lists the PF's BARs, one message interrupt a MSI-X table entry, then one aperture a VF BAR for
 * all TotalVFs VFs. The interfaces and the PDO's IRPs may be used from any thread.
 */
#ifndef VFPLANE_PCIBUS_H
#define VFPLANE_PCIBUS_H

#include "nt/nt.h"
#include "pci/pci.h"

/* Puts a PF on the partition's PCI bus: makes its PDO. The device stays the caller's, to be destroyed after the PDO.
 * STATUS_SUCCESS, STATUS_INSUFFICIENT_RESOURCES. PASSIVE_LEVEL. */
NTSTATUS pcibus_add_device(struct nt_partition *partition, struct pci_device *device, PDEVICE_OBJECT *pdo);

/* The card was pulled: the device is gone from now on (pci_device_surprise_remove) and IRP_MN_SURPRISE_REMOVAL goes
 * through the stack. PASSIVE_LEVEL. */
void pcibus_surprise_remove(PDEVICE_OBJECT pdo);

/* Deletes the PDO after its stack is gone (IRP_MN_REMOVE_DEVICE). Interfaces still referenced keep their context and
 * the device's memory; their routines fail from now on (0 bytes, STATUS_NO_SUCH_DEVICE, no effect). A call that another
 * thread made before this may end later: the owner's pci_device_destroy sees to it that it calls nobody back.
 * PASSIVE_LEVEL, not from a worker thread. */
void pcibus_remove_device(PDEVICE_OBJECT pdo);

struct pci_device *pcibus_device(PDEVICE_OBJECT pdo);

#endif
