/* SPDX-License-Identifier: MIT
 *
 * A VF's part is found by its size, never by dividing the window by a number of VFs (pci.md 3.3 pitfall 2).
 */
#include "bars.h"

VOID nic_bars_size(struct nic_bars *bars)
{
    ULONG i, low;
    ULONG64 mask;

    for (i = 0; i < PCI_TYPE0_ADDRESSES; i++) {
        low = bars->probed[i];
        if (!(low & PCI_ADDRESS_MEMORY_ADDRESS_MASK) || (low & PCI_ADDRESS_IO_SPACE))
            continue;
        mask = (low & PCI_ADDRESS_MEMORY_ADDRESS_MASK) | 0xFFFFFFFF00000000ull;
        if ((low & PCI_ADDRESS_MEMORY_TYPE_MASK) == PCI_TYPE_64BIT && i + 1 < PCI_TYPE0_ADDRESSES)
            mask = (mask & MAXULONG) | (ULONG64)bars->probed[i + 1] << 32;
        bars->bar[i].size = ~mask + 1;
        if ((low & PCI_ADDRESS_MEMORY_TYPE_MASK) == PCI_TYPE_64BIT)
            i++;
    }
}

/* Start and length of a memory resource; a large one counts its length in larger units (pci.md 3.3). */
static BOOLEAN memory_of(const CM_PARTIAL_RESOURCE_DESCRIPTOR *descriptor, struct nic_bar *bar)
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
VOID nic_bars_locate(struct nic_bars *bars, const CM_PARTIAL_RESOURCE_LIST *resources)
{
    ULONG bar = PCI_TYPE0_ADDRESSES;
    ULONG left = resources ? resources->Count : 0;

    while (bar-- > 0) {
        if (!bars->bar[bar].size)
            continue;
        while (left > 0 && !memory_of(&resources->PartialDescriptors[left - 1], &bars->bar[bar]))
            left--;
        if (left == 0)
            return;
        left--;
    }
}

BOOLEAN nic_bars_slice(const struct nic_bar *bar, USHORT vf, CM_PARTIAL_RESOURCE_DESCRIPTOR *resource)
{
    ULONG64 offset = bar->size * vf;

    if (bar->size > MAXULONG || offset + bar->size > bar->length)
        return FALSE;
    RtlZeroMemory(resource, sizeof(*resource));
    resource->Type = CmResourceTypeMemory;
    resource->ShareDisposition = CmResourceShareDeviceExclusive;
    resource->u.Memory.Start.QuadPart = (LONGLONG)(bar->start + offset);
    resource->u.Memory.Length = (ULONG)bar->size;
    return TRUE;
}
