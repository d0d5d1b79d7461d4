/* SPDX-License-Identifier: MIT
 *
 * The bit law: what one write does to one dword. Pure: no memory, no atomics, no state. Everything that writes a
 * register goes through here, and a proof of this file is a proof of every write (pci.md 4.9).
 */
#ifndef VFPLANE_PCI_BITS_H
#define VFPLANE_PCI_BITS_H

#include <stdint.h>

/* The masks of a dword are pairwise disjoint; a bit in none of them is read-only. */
struct pci_masks {
    uint32_t rw;      /* takes the written value */
    uint32_t w1c;     /* a written 1 clears it, a written 0 leaves it */
    uint32_t trigger; /* reads 0; a written 1 starts something */
};

/* Byte enables (bit n = byte n of the dword takes part) as a mask over the dword. */
static inline uint32_t pci_lanes(unsigned byte_enables)
{
    return (byte_enables & 1 ? 0x000000ffu : 0) | (byte_enables & 2 ? 0x0000ff00u : 0) |
           (byte_enables & 4 ? 0x00ff0000u : 0) | (byte_enables & 8 ? 0xff000000u : 0);
}

/* The dword after `value` was written to the enabled bytes of `old`. Bytes that are not enabled never change. */
static inline uint32_t pci_law(uint32_t old, uint32_t value, unsigned byte_enables, struct pci_masks masks)
{
    uint32_t lanes = pci_lanes(byte_enables);
    uint32_t taken = masks.rw & lanes;
    uint32_t cleared = value & masks.w1c & lanes;
    return ((old & ~taken) | (value & taken)) & ~cleared;
}

/* The triggers that the same write pulled. */
static inline uint32_t pci_law_triggered(uint32_t value, unsigned byte_enables, struct pci_masks masks)
{
    return value & masks.trigger & pci_lanes(byte_enables);
}

#endif
