/* SPDX-License-Identifier: MIT
 *
 * The states of an adapter and the miniport calls between them (ndis.md 6). PASSIVE_LEVEL, one transition at a time:
 * PnP serialises them for a device.
 */
#include "ndis/internal.h"

static const char *name_of(struct ndis_adapter *adapter)
{
    return nt_driver_name(adapter->driver->object);
}

/* ---- calls that may finish later -------------------------------------------------------------------------- */

static bool is_finished(const void *object)
{
    const struct ndis_transition *transition = object;

    return atomic_load(&transition->finished);
}

static void expect(struct ndis_transition *transition)
{
    atomic_store(&transition->finished, false);
    atomic_store(&transition->expected, true);
}

/* What the call ended with. One that is never completed is reported and taken for failed. */
static NDIS_STATUS result(struct ndis_adapter *adapter, struct ndis_transition *transition, const char *routine,
                          const struct vfp_rule *never, NDIS_STATUS returned)
{
    if (returned != NDIS_STATUS_PENDING) {
        atomic_store(&transition->expected, false);
        return returned;
    }
    nt_callback_returned(nt_callback_current); /* before anybody waits */
    while (!ndis_gate_wait(&adapter->gate, is_finished, transition, atomic_load(&adapter->patience)))
        if (atomic_exchange(&transition->expected, false)) {
            nt_violation_in(never, routine, "%s: %s returned NDIS_STATUS_PENDING and was not completed in %u ms",
                            name_of(adapter), routine, atomic_load(&adapter->patience));
            return NDIS_STATUS_FAILURE;
        }
    return atomic_load(&transition->status);
}

static void check_status(NDIS_STATUS status, const char *routine)
{
    if (!ndis_status_exists(status))
        nt_violation_in(NDIS_RULE(HANDLER_STATUS), routine, "%s ends with status %08x", routine, (ULONG)status);
}

static void finish(struct ndis_adapter *adapter, struct ndis_transition *transition, const char *routine,
                   NDIS_STATUS status)
{
    if (!atomic_exchange(&transition->expected, false)) {
        nt_violation_in(NDIS_RULE(COMPLETION_NOT_PENDING), routine, "%s without a pending call", routine);
        return;
    }
    ndis_gate_begin(&adapter->gate);
    atomic_store(&transition->status, status);
    atomic_store(&transition->finished, true);
    ndis_gate_end(&adapter->gate);
}

NDIS_EXPORT VOID NdisMPauseComplete(NDIS_HANDLE MiniportAdapterHandle)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMPauseComplete");

    if (adapter)
        finish(adapter, &adapter->pause, "NdisMPauseComplete", NDIS_STATUS_SUCCESS);
}

NDIS_EXPORT VOID NdisMRestartComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMRestartComplete");

    if (adapter)
        finish(adapter, &adapter->restart, "NdisMRestartComplete", Status);
}

NDIS_EXPORT VOID NdisMResetComplete(NDIS_HANDLE MiniportAdapterHandle, NDIS_STATUS Status, BOOLEAN AddressingReset)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, DISPATCH_LEVEL, "NdisMResetComplete");

    (void)AddressingReset;
    if (adapter)
        finish(adapter, &adapter->reset, "NdisMResetComplete", Status);
}

/* ---- events ----------------------------------------------------------------------------------------------- */

void ndis_notify(struct ndis_adapter *adapter, NDIS_DEVICE_PNP_EVENT event, void *buffer, ULONG length)
{
    NET_DEVICE_PNP_EVENT block = {0};
    struct nt_callback callback;

    block.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    block.Header.Revision = NET_DEVICE_PNP_EVENT_REVISION_1;
    block.Header.Size = NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1;
    block.DevicePnPEvent = event;
    block.InformationBuffer = buffer;
    block.InformationBufferLength = length;
    TRACE_DOOR(span, "ndis", "MiniportDevicePnPEventNotify", "event %u", event);
    ndis_call_begin(&callback, adapter, "MiniportDevicePnPEventNotify", NULL);
    adapter->driver->handlers.DevicePnPEventNotifyHandler(adapter->context, &block);
    nt_callback_end(&callback);
    TRACE_DONE(span, "done");
}

/* ---- pause and restart ------------------------------------------------------------------------------------ */

NDIS_STATUS ndis_pause(struct ndis_adapter *adapter)
{
    NDIS_MINIPORT_PAUSE_PARAMETERS parameters = {0};
    NDIS_STATUS returned, status;
    struct nt_callback callback;

    if (ndis_adapter_state(adapter) != NDIS_RUNNING)
        return NDIS_STATUS_INVALID_STATE;
    parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    parameters.Header.Revision = NDIS_MINIPORT_PAUSE_PARAMETERS_REVISION_1;
    parameters.Header.Size = NDIS_SIZEOF_MINIPORT_PAUSE_PARAMETERS_REVISION_1;
    parameters.PauseReason = NDIS_PAUSE_NDIS_INTERNAL;
    atomic_store(&adapter->state, NDIS_PAUSING);
    expect(&adapter->pause);
    TRACE_DOOR(span, "ndis", "MiniportPause", "%s", name_of(adapter));
    ndis_call_begin(&callback, adapter, "MiniportPause", NULL);
    returned = adapter->driver->handlers.PauseHandler(adapter->context, &parameters);
    status = result(adapter, &adapter->pause, "MiniportPause", NDIS_RULE(PAUSE_NEVER_COMPLETED), returned);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    if (status != NDIS_STATUS_SUCCESS && returned != NDIS_STATUS_PENDING)
        nt_violation(NDIS_RULE(PAUSE_FAILED), "%s: MiniportPause may not fail, but: %s", name_of(adapter),
                     ndis_status_name(status));
    nt_callback_end(&callback);
    atomic_store(&adapter->state, NDIS_PAUSED);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_restart(struct ndis_adapter *adapter)
{
    NDIS_MINIPORT_RESTART_PARAMETERS parameters = {0};
    struct nt_callback callback;
    NDIS_STATUS returned, status;

    if (ndis_adapter_state(adapter) != NDIS_PAUSED || atomic_load(&adapter->removed))
        return NDIS_STATUS_INVALID_STATE;
    parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    parameters.Header.Revision = NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1;
    parameters.Header.Size = NDIS_SIZEOF_MINIPORT_RESTART_PARAMETERS_REVISION_1;
    atomic_store(&adapter->state, NDIS_RESTARTING);
    expect(&adapter->restart);
    TRACE_DOOR(span, "ndis", "MiniportRestart", "%s", name_of(adapter));
    ndis_call_begin(&callback, adapter, "MiniportRestart", NULL);
    returned = adapter->driver->handlers.RestartHandler(adapter->context, &parameters);
    status = result(adapter, &adapter->restart, "MiniportRestart", NDIS_RULE(RESTART_NEVER_COMPLETED), returned);
    check_status(status, "MiniportRestart");
    nt_callback_end(&callback);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    atomic_store(&adapter->state, status == NDIS_STATUS_SUCCESS ? NDIS_RUNNING : NDIS_PAUSED);
    return status;
}

/* ---- initialize ------------------------------------------------------------------------------------------- */

/* The miniport has let go of its adapter: what it forgot is reported. */
static void ended(struct ndis_adapter *adapter, const char *handler)
{
    struct nt_callback callback;

    ndis_call_begin(&callback, adapter, handler, NULL);
    ndis_verify_halted(adapter, handler);
    ndis_claims_end(adapter, handler);
    nt_callback_end(&callback);
}

static void call_halt(struct ndis_adapter *adapter, NDIS_HALT_ACTION action)
{
    struct nt_callback callback;

    TRACE_DOOR(span, "ndis", "MiniportHaltEx", "%s, action %u", name_of(adapter), action);
    ndis_call_begin(&callback, adapter, "MiniportHaltEx", NULL);
    adapter->driver->handlers.HaltHandlerEx(adapter->context, action);
    nt_callback_end(&callback);
    ended(adapter, "MiniportHaltEx");
    TRACE_DONE(span, "done");
}

static NDIS_STATUS call_initialize(struct ndis_adapter *adapter, PCM_RESOURCE_LIST resources)
{
    NDIS_MINIPORT_INIT_PARAMETERS parameters = {0};
    struct ndis_driver *driver = adapter->driver;
    struct nt_callback callback;
    NDIS_STATUS status;

    parameters.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS;
    parameters.Header.Revision = NDIS_MINIPORT_INIT_PARAMETERS_REVISION_1;
    parameters.Header.Size = NDIS_SIZEOF_MINIPORT_INIT_PARAMETERS_REVISION_1;
    if (resources && resources->Count)
        parameters.AllocatedResources = &resources->List[0].PartialResourceList;
    parameters.MiniportAddDeviceContext = adapter->add_context;
    parameters.IfIndex = adapter->number;
    parameters.NetLuid.Value = adapter->number;
    TRACE_DOOR(span, "ndis", "MiniportInitializeEx", "%s", nt_driver_name(driver->object));
    ndis_call_begin(&callback, adapter, "MiniportInitializeEx", NULL);
    status = driver->handlers.InitializeHandlerEx(adapter, driver->context, &parameters);
    if (status == NDIS_STATUS_PENDING || !ndis_status_exists(status))
        nt_violation(NDIS_RULE(INITIALIZE_STATUS), "MiniportInitializeEx returned %s", ndis_status_name(status));
    if (status == NDIS_STATUS_SUCCESS && !adapter->attributes.general)
        nt_violation(NDIS_RULE(GENERAL_ATTRIBUTES_MISSING),
                     "MiniportInitializeEx succeeded without general attributes");
    nt_callback_end(&callback);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    if (status != NDIS_STATUS_SUCCESS)
        ended(adapter, "MiniportInitializeEx");
    if (status != NDIS_STATUS_SUCCESS || adapter->attributes.general)
        return status;
    if (adapter->attributes.registered) /* else there is no context to halt it with */
        call_halt(adapter, NdisHaltDeviceInitializationFailed);
    return NDIS_STATUS_FAILURE;
}

static void back_to_halted(struct ndis_adapter *adapter)
{
    ndis_below_drop(adapter);
    ndis_msix_drop(adapter);
    ndis_attributes_clear(adapter);
    adapter->context = NULL;
    adapter->asleep = adapter->paused_for_sleep = false;
    atomic_store(&adapter->enabled_vfs, 0);
    atomic_store(&adapter->state, NDIS_HALTED);
}

NTSTATUS ndis_initialize(struct ndis_adapter *adapter, PCM_RESOURCE_LIST resources)
{
    ULONG mains = NdisPowerProfileAcOnLine;
    NDIS_STATUS status;

    if (ndis_adapter_state(adapter) != NDIS_HALTED)
        return STATUS_INVALID_DEVICE_STATE;
    ndis_below_find(adapter);
    adapter->luid.LowPart = adapter->number;
    adapter->luid.HighPart = 1;
    atomic_store(&adapter->state, NDIS_INITIALIZING);
    status = call_initialize(adapter, resources);
    if (status != NDIS_STATUS_SUCCESS) {
        back_to_halted(adapter);
        return ndis_nt_status(status);
    }
    atomic_store(&adapter->state, NDIS_PAUSED);
    ndis_oids_open(adapter);
    ndis_notify(adapter, NdisDevicePnPEventPowerProfileChanged, &mains, sizeof mains);
    ndis_invalidate_arm(adapter);
    status = ndis_restart(adapter);
    if (status != NDIS_STATUS_SUCCESS)
        TRACE_NOTE("ndis", "MiniportRestart: %s; the adapter is started and stays Paused", ndis_status_name(status));
    return STATUS_SUCCESS; /* ndis.md 6 */
}

/* ---- halt ------------------------------------------------------------------------------------------------- */

static void give_up_switch(struct ndis_adapter *adapter)
{
    if (!ndis_switch_exists(adapter) || atomic_load(&adapter->removed))
        return;
    if (ndis_switch_is_empty(adapter))
        ndis_switch_delete(adapter);
    else
        TRACE_REFUSE("ndis", "DELETE_SWITCH_IN_USE ndis.md 7.13", "VFs, VPorts or filters remain: no DELETE_SWITCH");
}

void ndis_halt(struct ndis_adapter *adapter, NDIS_HALT_ACTION action)
{
    NDIS_STATUS late = atomic_load(&adapter->removed) ? NDIS_STATUS_NOT_ACCEPTED : NDIS_STATUS_REQUEST_ABORTED;

    if (ndis_adapter_state(adapter) == NDIS_HALTED)
        return;
    ndis_hold_stop(adapter, late);
    ndis_invalidate_stop(adapter);
    give_up_switch(adapter);
    ndis_pause(adapter);
    ndis_oids_close(adapter, atomic_load(&adapter->removed) ? NDIS_STATUS_NOT_ACCEPTED : NDIS_STATUS_CLOSING);
    /* After removal the miniport may still end what it holds from MiniportHaltEx; no handler runs into that, though. */
    if (atomic_load(&adapter->removed)) {
        ndis_oids_return(adapter, atomic_load(&adapter->patience));
        ndis_direct_return(adapter, atomic_load(&adapter->patience));
    } else {
        ndis_oids_drain(adapter, atomic_load(&adapter->patience));
        ndis_direct_drain(adapter, atomic_load(&adapter->patience));
    }
    call_halt(adapter, action);
    do
        ndis_oids_abandon(adapter, 0, late, "when MiniportHaltEx had returned");
    while (!ndis_oids_drain(adapter, 10)); /* a handler is still running on another thread */
    ndis_direct_abandon(adapter, late);
    ndis_work_wait(adapter);
    ndis_switch_forget(adapter);
    back_to_halted(adapter);
}

void ndis_surprise_removed(struct ndis_adapter *adapter)
{
    if (atomic_exchange(&adapter->removed, true) || ndis_adapter_state(adapter) == NDIS_HALTED)
        return;
    ndis_oids_close(adapter, NDIS_STATUS_NOT_ACCEPTED);
    ndis_oids_flush(adapter, NDIS_STATUS_NOT_ACCEPTED);
    ndis_hold_end(adapter, NULL, NULL, NDIS_STATUS_NOT_ACCEPTED);
    ndis_notify(adapter, NdisDevicePnPEventSurpriseRemoved, NULL, 0);
}

/* ---- reset and shutdown ----------------------------------------------------------------------------------- */

NDIS_STATUS ndis_reset(struct ndis_adapter *adapter)
{
    enum ndis_state state = ndis_adapter_state(adapter);
    BOOLEAN addressing = FALSE;
    struct nt_callback callback;
    NDIS_STATUS status;

    if (!adapter->driver->handlers.ResetHandlerEx)
        return NDIS_STATUS_NOT_SUPPORTED;
    if ((state != NDIS_PAUSED && state != NDIS_RUNNING) || atomic_load(&adapter->removed))
        return NDIS_STATUS_INVALID_STATE;
    ndis_oids_close(adapter, NDIS_STATUS_NOT_ACCEPTED);
    ndis_oids_flush(adapter, NDIS_STATUS_REQUEST_ABORTED);
    ndis_hold_end(adapter, NULL, NULL, NDIS_STATUS_REQUEST_ABORTED);
    expect(&adapter->reset);
    TRACE_DOOR(span, "ndis", "MiniportResetEx", "%s", name_of(adapter));
    ndis_call_begin(&callback, adapter, "MiniportResetEx", NULL);
    status = result(adapter, &adapter->reset, "MiniportResetEx", NDIS_RULE(RESET_NEVER_COMPLETED),
                    adapter->driver->handlers.ResetHandlerEx(adapter->context, &addressing));
    check_status(status, "MiniportResetEx");
    nt_callback_end(&callback);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    ndis_oids_open(adapter);
    ndis_invalidate_kick(adapter);
    return status;
}

NDIS_STATUS ndis_check_for_hang(struct ndis_adapter *adapter, bool *hangs)
{
    enum ndis_state state = ndis_adapter_state(adapter);
    struct nt_callback callback;

    *hangs = false;
    if (!adapter->driver->handlers.CheckForHangHandlerEx)
        return NDIS_STATUS_NOT_SUPPORTED;
    if ((state != NDIS_PAUSED && state != NDIS_RUNNING) || atomic_load(&adapter->removed))
        return NDIS_STATUS_INVALID_STATE;
    TRACE_DOOR(span, "ndis", "MiniportCheckForHangEx", "%s", name_of(adapter));
    ndis_call_begin(&callback, adapter, "MiniportCheckForHangEx", NULL);
    *hangs = adapter->driver->handlers.CheckForHangHandlerEx(adapter->context);
    nt_callback_end(&callback);
    TRACE_DONE(span, "%s", *hangs ? "TRUE: to be reset" : "FALSE");
    return *hangs ? ndis_reset(adapter) : NDIS_STATUS_SUCCESS;
}

void ndis_shutdown(struct ndis_adapter *adapter)
{
    enum ndis_state state = ndis_adapter_state(adapter);
    struct nt_callback callback;

    if (state == NDIS_HALTED || state == NDIS_INITIALIZING)
        return;
    ndis_oids_close(adapter, NDIS_STATUS_CLOSING);
    ndis_oids_flush(adapter, NDIS_STATUS_REQUEST_ABORTED);
    TRACE_DOOR(span, "ndis", "MiniportShutdownEx", "%s", name_of(adapter));
    ndis_call_begin(&callback, adapter, "MiniportShutdownEx", NULL);
    adapter->driver->handlers.ShutdownHandlerEx(adapter->context, NdisShutdownPowerOff);
    nt_callback_end(&callback);
    TRACE_DONE(span, "done");
}
