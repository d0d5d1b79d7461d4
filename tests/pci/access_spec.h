/* SPDX-License-Identifier: MIT
 *
 * What calls that meet may give, by the rules and not by the code: a machine whose steps are as large as the rules
 * allow (pci.md 4.11, 5.12). A dword changes at once. A call of several pieces, a reset and the end of the VFs keep
 * each other out; a call of one piece keeps out nobody. Whether a VF is there is asked first, so that who has asked may
 * still read or write what is gone, which the next VF never shows.
 *
 * All that any order of these steps can give is worked out once; the orders of the shipped code must give nothing else.
 */
#ifndef TESTS_PCI_ACCESS_SPEC_H
#define TESTS_PCI_ACCESS_SPEC_H

#include "model.h"
#include "pci/internal.h"

#define SPEC_CALLS  3
#define SPEC_DWORDS 3
#define SPEC_BYTES  8

enum spec_kind {
    SPEC_END,
    SPEC_WRITE,
    SPEC_READ,
    SPEC_RAISE,   /* the card sets status bits */
    SPEC_RESET,   /* of the VF, by who has it */
    SPEC_DISABLE, /* all VFs */
    SPEC_ENABLE,  /* one VF */
};

struct spec_call {
    enum spec_kind kind;
    uint16_t offset;
    uint8_t length;
    uint64_t value; /* of a raise: bits of the dword */
};

/* What a call gave: the bytes transferred, or whether it succeeded; and what a read brought. */
struct spec_given {
    uint32_t got;
    uint64_t value;
};

struct spec_script {
    const char *name;
    int function;
    uint16_t offsets[SPEC_DWORDS]; /* that are looked at, ascending; 0: no more */
    uint32_t start[SPEC_DWORDS];   /* written before, as a whole */
    struct spec_call calls[MODEL_THREADS][SPEC_CALLS + 1];
};

/* What there is when all calls have ended. */
struct spec_outcome {
    uint32_t dword[SPEC_DWORDS];
    struct spec_given given[MODEL_THREADS][SPEC_CALLS];
};

struct spec;
struct spec *spec_work_out(const struct spec_script *script, const struct pci_map *map,
                           const uint32_t dword[SPEC_DWORDS]);
void spec_free(struct spec *spec);
size_t spec_outcomes(const struct spec *spec);
bool spec_allows(const struct spec *spec, const struct spec_outcome *outcome);

#endif
