/* SPDX-License-Identifier: MIT
 *
 * What pci_map_seal (src/pci/map.c) guarantees of each register, as the prover is told it: docs/proofs.md, "The loader".
 * An access of one piece looks at one register, so a map whose registers are all of one kind stands for every map.
 */
#ifndef PROOFS_SOUND_MAP_H
#define PROOFS_SOUND_MAP_H

#include "any.h"

#include "pci/internal.h"

static void any_map(struct pci_map *map, enum pci_kind kind)
{
    //@ loop unroll 1024;
    for (uint32_t i = 0; i < PCI_DWORDS; i++) {
        struct pci_register *reg = &map->dword[i];
        reg->reset = any32();
        reg->rw = any32();
        reg->w1c = any32();
        reg->trigger = any32();
        reg->watch = any32();
        reg->kind = kind;
        reg->effect = any_in(0, PCI_EFFECT_VF_BAR);
        reg->slot = kind == PCI_FIXED ? PCI_NO_SLOT : any_in(0, PCI_DWORDS - 1);
    }
}

/* An offset of any dword, `byte` bytes into it. */
static uint32_t any_offset(uint32_t byte)
{
    return any_in(0, PCI_DWORDS - 1) * 4 + byte;
}

#endif
