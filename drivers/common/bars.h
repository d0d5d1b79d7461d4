/* SPDX-License-Identifier: MIT
 *
 * The VF BARs of a PF: how large one VF's part is, and where the window that all VFs share lies (pci.md 3.3, 4.4).
 */
#ifndef NIC_BARS_H
#define NIC_BARS_H

#include <wdm.h>

/* size 0: not implemented, or upper half of a 64-bit BAR. length 0: the bus gave no window. */
struct nic_bar {
    ULONG64 start;
    ULONG64 length; /* of the window */
    ULONG64 size;   /* of one VF's part */
};

struct nic_bars {
    ULONG probed[PCI_TYPE0_ADDRESSES]; /* what each reads after all ones were written to it */
    struct nic_bar bar[PCI_TYPE0_ADDRESSES];
};

/* Fills in the sizes from what was probed. */
VOID nic_bars_size(struct nic_bars *bars);
/* Finds the windows among the resources of the PF. NULL: there are none. */
VOID nic_bars_locate(struct nic_bars *bars, const CM_PARTIAL_RESOURCE_LIST *resources);
/* The part of one VF. FALSE: no window reaches that far. */
BOOLEAN nic_bars_slice(const struct nic_bar *bar, USHORT vf, CM_PARTIAL_RESOURCE_DESCRIPTOR *resource);

#endif
