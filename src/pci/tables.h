/* SPDX-License-Identifier: MIT
 *
 * The form of the mask tables: one const table for the header and one for each capability, a row a register, to be read
 * beside the PCI Express specification. What no row names is read-only and reads 0.
 */
#ifndef VFPLANE_PCI_TABLES_H
#define VFPLANE_PCI_TABLES_H

#include <stdbool.h>
#include <stdint.h>

/* What a change of watched bits, or a pulled trigger, sets off. */
enum pci_effect {
    PCI_EFFECT_NONE,
    PCI_EFFECT_COMMAND,
    PCI_EFFECT_MSI,
    PCI_EFFECT_MSIX,
    PCI_EFFECT_FLR,
    PCI_EFFECT_ADMITTED, /* from here on: what may be stored depends on what else is stored */
    PCI_EFFECT_POWER = PCI_EFFECT_ADMITTED,
    PCI_EFFECT_SRIOV_CONTROL,
    PCI_EFFECT_SRIOV_NUM_VFS, /* from here on: nothing but that */
    PCI_EFFECT_SRIOV_PAGE_SIZE,
    PCI_EFFECT_VF_BAR,
};

/* What the capture and software have to say about a register. `keep`: the captured value is the reset value (read-only
 * bits, and writable ones whose default is the designer's choice). `rw`, `w1c`: as in bits.h; reset value 0 unless
 * kept. */
struct pci_column {
    uint32_t keep, rw, w1c;
};

struct pci_rule {
    const char *name;
    uint16_t offset; /* from the start of the capability */
    uint8_t size;    /* 1, 2 or 4 bytes, naturally aligned */
    struct pci_column pf, vf;
    uint32_t sticky;  /* not changed by FLR: ROS, RWS, RW1CS, and what pci.md 4.10 says FLR retains */
    uint32_t trigger; /* reads 0, a written 1 acts */
    uint32_t watch;   /* a change of these bits is an effect */
    uint32_t boot; /* firmware assigns it: a new PF starts with the captured value, a reset one with the reset value */
    enum pci_effect effect;
    bool repeats; /* the row stands for all following dwords of the capability */
};

#define PCI_EXTENDED 0x10000u /* flag in `id`: an extended capability */

struct pci_capability {
    uint32_t id;
    const char *name;
    uint16_t match_mask, match; /* which form this is: (16 bits at offset 2) & match_mask == match */
    uint16_t length;            /* bytes, or the least number where `measure` knows more */
    uint16_t (*measure)(const uint8_t *capability);
    const struct pci_rule *rules;
    unsigned count;
    const char *vf_refusal; /* why a VF must not have it; NULL: it may (pci.md 4.7) */
    bool several;           /* a function may have more than one */
};

/* Bits that are writable only if a bit of the same capability says the function has the feature. */
struct pci_gate {
    uint32_t id;
    uint16_t offset; /* of the dword that says it */
    uint32_t mask;   /* any of these bits */
    uint16_t target; /* dword */
    uint32_t bits;
};

extern const struct pci_rule pci_header_rules[];
extern const unsigned pci_header_rule_count;
extern const struct pci_capability pci_capabilities[], pci_extended_capabilities[];
extern const unsigned pci_capability_count, pci_extended_capability_count;
extern const struct pci_gate pci_gates[];
extern const unsigned pci_gate_count;

/* The description of a capability whose first bytes are at `bytes` (8 are readable); NULL: unknown, so read-only. */
const struct pci_capability *pci_capability_find(uint32_t id, const uint8_t *bytes);

#endif
