/* SPDX-License-Identifier: MIT
 *
 * The rules of this room: rows of ndis/contract.def. A name without a row does not compile.
 */
#ifndef VFPLANE_NDIS_CONTRACT_H
#define VFPLANE_NDIS_CONTRACT_H

#include "nt/contract.h"

enum ndis_rule {
#define ROW(severity, name, source, text) NDIS_RULE_##name,
#include "ndis/contract.def"
#undef ROW
    NDIS_RULES
};
extern const struct vfp_rule ndis_rules[NDIS_RULES];
#define NDIS_RULE(name) (&ndis_rules[NDIS_RULE_##name])

#endif
