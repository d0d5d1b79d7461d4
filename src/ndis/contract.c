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

void ndis_call_begin(struct nt_callback *callback, struct ndis_adapter *adapter, const char *handler,
                     const char *request)
{
    callback->driver = nt_driver_name(adapter->driver->object);
    callback->routine = handler;
    callback->request = request;
    callback->state = ndis_state_name;
    callback->subject = adapter;
    nt_callback_begin(callback);
}
