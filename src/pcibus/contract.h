/* SPDX-License-Identifier: MIT
 *
 * The rules of this room: rows of pcibus/contract.def. A name without a row does not compile.
 */
#ifndef VFPLANE_PCIBUS_CONTRACT_H
#define VFPLANE_PCIBUS_CONTRACT_H

#include "nt/contract.h"

enum pcibus_rule {
#define ROW(severity, name, source, text) PCIBUS_RULE_##name,
#include "pcibus/contract.def"
#undef ROW
    PCIBUS_RULES
};
extern const struct vfp_rule pcibus_rules[PCIBUS_RULES];
#define PCIBUS_RULE(name) (&pcibus_rules[PCIBUS_RULE_##name])

#endif
