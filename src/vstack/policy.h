/* SPDX-License-Identifier: MIT
 *
 * The policy tables of policy.c, for the view that is built from them.
 */
#ifndef VFPLANE_VSTACK_POLICY_H
#define VFPLANE_VSTACK_POLICY_H

#include "vstack/internal.h"

struct vstack_capability {
    uint16_t id;
    uint16_t minimum;                                     /* bytes; one that says it is shorter is hidden */
    unsigned (*length)(uint32_t header, uint32_t second); /* NULL: the minimum */
    const struct vstack_rule *rules;
    unsigned rule_count;
};

/* In the header dword of MSI: 64-bit address, per-vector masking. */
#define VSTACK_MSI_64      0x00800000u
#define VSTACK_MSI_MASKING 0x01000000u

extern const struct vstack_rule vstack_header_rules[];
extern const unsigned vstack_header_rule_count;

/* NULL: not for guests. */
const struct vstack_capability *vstack_capability_rule(bool is_extended, unsigned id, uint32_t header);

unsigned vstack_msi_length(uint32_t header, uint32_t second);
unsigned vstack_vendor_length(uint32_t header, uint32_t second);
unsigned vstack_express_length(uint32_t header, uint32_t second);
unsigned vstack_extended_vendor_length(uint32_t header, uint32_t second);

#endif
