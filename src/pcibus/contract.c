/* SPDX-License-Identifier: MIT */
#include "pcibus/contract.h"

const struct vfp_rule pcibus_rules[PCIBUS_RULES] = {
#define ROW(severity, name, source, text) {#name, text, source, VFP_##severity},
#include "pcibus/contract.def"
#undef ROW
};
