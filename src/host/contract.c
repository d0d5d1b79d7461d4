/* SPDX-License-Identifier: MIT
 *
 * Contracts as a host program sees them: all rules in one list, and what a broken one does.
 */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Every room that has rules. */
static const struct vfp_rule rules[] = {
#define ROW(severity, name, source, text) {#name, text, source, VFP_##severity},
#include "nt/contract.def"
#include "pcibus/contract.def"
#include "ndis/contract.def"
#undef ROW
};

const struct vfp_rule *vfp_rules(size_t *count)
{
    *count = sizeof(rules) / sizeof(rules[0]);
    return rules;
}

const struct vfp_rule *vfp_rule_find(const char *name)
{
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (strcmp(rules[i].name, name) == 0)
            return &rules[i];
    return NULL;
}

/* The rooms' rows are copies of ours: a host program compares with ours. */
static struct vfp_finding with_our_rule(const struct vfp_finding *finding)
{
    struct vfp_finding ours = *finding;
    ours.rule = vfp_rule_find(finding->rule->name);
    return ours;
}

static void found(const struct vfp_finding *finding, void *context)
{
    const struct host_contracts *contracts = context;
    struct vfp_finding ours = with_our_rule(finding);
    if (contracts->mode == VFP_LOG || contracts->mode == VFP_STOP)
        vfp_finding_print(&ours, stderr);
    if (contracts->visit)
        contracts->visit(&ours, contracts->context);
    if (contracts->mode == VFP_STOP && ours.rule->severity == VFP_VIOLATION)
        abort();
}

void host_contracts_init(struct nt_partition *partition, struct host_contracts *contracts)
{
    nt_contracts_mode(partition, contracts->mode);
    nt_on_finding(partition, found, contracts);
}

struct visitor {
    void (*visit)(const struct vfp_finding *finding, void *context);
    void *context;
};

static void pass_on(const struct vfp_finding *finding, void *context)
{
    const struct visitor *visitor = context;
    struct vfp_finding ours = with_our_rule(finding);
    visitor->visit(&ours, visitor->context);
}

void vfp_findings(struct vfp_host *host, void (*visit)(const struct vfp_finding *finding, void *context), void *context)
{
    nt_findings(host->partition, pass_on, &(struct visitor){visit, context});
}

bool vfp_is_guard_address(const void *address)
{
    return ndis_is_guard_address(address);
}
