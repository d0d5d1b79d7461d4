/* SPDX-License-Identifier: MIT
 *
 * What the loader looks at before it accepts a card (pci_map_sound, src/pci/map.c), as the prover is told it.
 * An access of one piece looks at one register, so a map whose registers are all of one kind stands for every map.
 */
#ifndef PROOFS_SOUND_MAP_H
#define PROOFS_SOUND_MAP_H

#include <string.h>

#include "any.h"

#include "pci/internal.h"

static void any_map(struct pci_map *map, enum pci_kind kind)
{
    struct pci_register *reg = map->dword;
    reg->reset = any32();
    reg->rw = any32();
    reg->w1c = any32();
    reg->trigger = any32();
    reg->watch = any32();
    reg->kind = kind;
    reg->effect = any_in(0, PCI_EFFECT_VF_BAR);
    reg->slot = kind == PCI_FIXED ? PCI_NO_SLOT : any_in(0, PCI_DWORDS - 1);
    /* What is copied is the set of possible values: each register has its own out of it. */
    //@ loop unroll 10;
    for (uint32_t there = 1; there < PCI_DWORDS; there *= 2)
        memcpy(map->dword + there, map->dword, there * sizeof *map->dword);
}

/* An offset of any dword, `byte` bytes into it. */
static uint32_t any_offset(uint32_t byte)
{
    return any_in(0, PCI_DWORDS - 1) * 4 + byte;
}

#endif
