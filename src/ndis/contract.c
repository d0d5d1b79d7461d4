/* SPDX-License-Identifier: MIT */
#include "ndis/internal.h"

const struct vfp_rule ndis_rules[NDIS_RULES] = {
#define ROW(severity, name, source, text) {#name, text, source, VFP_##severity},
#include "ndis/contract.def"
#undef ROW
};

const char *ndis_state_name(const void *subject)
{
    static const char *const names[] = {
        [NDIS_HALTED] = "Halted",         [NDIS_INITIALIZING] = "Initializing", [NDIS_PAUSED] = "Paused",
        [NDIS_RESTARTING] = "Restarting", [NDIS_RUNNING] = "Running",           [NDIS_PAUSING] = "Pausing",
    };
    const struct ndis_adapter *adapter = subject;

    return atomic_load(&adapter->removed) ? "removed" : names[atomic_load(&adapter->state)];
}
