/* SPDX-License-Identifier: MIT
 *
 * The states of an adapter and the miniport calls between them (ndis.md 6). PASSIVE_LEVEL, one transition at a time:
 * PnP serialises them for a device.
 */
#include "ndis/internal.h"

/* How long a graceful stop waits for a miniport that still holds a request before it goes on without it. */
#define DRAIN_SECONDS 10

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

static NDIS_STATUS result(struct ndis_adapter *adapter, struct ndis_transition *transition, NDIS_STATUS returned)
{
    if (returned != NDIS_STATUS_PENDING) {
        atomic_store(&transition->expected, false);
        return returned;
    }
    ndis_gate_wait(&adapter->gate, is_finished, transition, 0);
    return atomic_load(&transition->status);
}

static void finish(struct ndis_adapter *adapter, struct ndis_transition *transition, const char *routine,
                   NDIS_STATUS status)
{
    if (!atomic_exchange(&transition->expected, false)) {
        nt_violation("COMPLETION_NOT_PENDING", "%s without a pending call", routine);
        return;
    }
    atomic_store(&transition->status, status);
    atomic_store(&transition->finished, true);
    ndis_gate_wake(&adapter->gate);
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

static void notify(struct ndis_adapter *adapter, NDIS_DEVICE_PNP_EVENT event, void *buffer, ULONG length)
{
    NET_DEVICE_PNP_EVENT block = {0};

    block.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    block.Header.Revision = NET_DEVICE_PNP_EVENT_REVISION_1;
    block.Header.Size = NDIS_SIZEOF_NET_DEVICE_PNP_EVENT_REVISION_1;
    block.DevicePnPEvent = event;
    block.InformationBuffer = buffer;
    block.InformationBufferLength = length;
    TRACE_DOOR(span, "ndis", "MiniportDevicePnPEventNotify", "event %u", event);
    adapter->driver->handlers.DevicePnPEventNotifyHandler(adapter->context, &block);
    TRACE_DONE(span, "done");
}

/* ---- pause and restart ------------------------------------------------------------------------------------ */

NDIS_STATUS ndis_pause(struct ndis_adapter *adapter)
{
    NDIS_MINIPORT_PAUSE_PARAMETERS parameters = {0};
    NDIS_STATUS status;

    if (ndis_adapter_state(adapter) != NDIS_RUNNING)
        return NDIS_STATUS_INVALID_STATE;
    parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    parameters.Header.Revision = NDIS_MINIPORT_PAUSE_PARAMETERS_REVISION_1;
    parameters.Header.Size = NDIS_SIZEOF_MINIPORT_PAUSE_PARAMETERS_REVISION_1;
    parameters.PauseReason = NDIS_PAUSE_NDIS_INTERNAL;
    atomic_store(&adapter->state, NDIS_PAUSING);
    expect(&adapter->pause);
    TRACE_DOOR(span, "ndis", "MiniportPause", "%s", name_of(adapter));
    status = result(adapter, &adapter->pause, adapter->driver->handlers.PauseHandler(adapter->context, &parameters));
    TRACE_DONE(span, "%s", ndis_status_name(status));
    if (status != NDIS_STATUS_SUCCESS)
        nt_violation("PAUSE_FAILED", "%s: MiniportPause may not fail, but: %s", name_of(adapter),
                     ndis_status_name(status));
    atomic_store(&adapter->state, NDIS_PAUSED);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS ndis_restart(struct ndis_adapter *adapter)
{
    NDIS_MINIPORT_RESTART_PARAMETERS parameters = {0};
    NDIS_STATUS status;

    if (ndis_adapter_state(adapter) != NDIS_PAUSED || atomic_load(&adapter->removed))
        return NDIS_STATUS_INVALID_STATE;
    parameters.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    parameters.Header.Revision = NDIS_MINIPORT_RESTART_PARAMETERS_REVISION_1;
    parameters.Header.Size = NDIS_SIZEOF_MINIPORT_RESTART_PARAMETERS_REVISION_1;
    atomic_store(&adapter->state, NDIS_RESTARTING);
    expect(&adapter->restart);
    TRACE_DOOR(span, "ndis", "MiniportRestart", "%s", name_of(adapter));
    status =
        result(adapter, &adapter->restart, adapter->driver->handlers.RestartHandler(adapter->context, &parameters));
    TRACE_DONE(span, "%s", ndis_status_name(status));
    atomic_store(&adapter->state, status == NDIS_STATUS_SUCCESS ? NDIS_RUNNING : NDIS_PAUSED);
    return status;
}

/* ---- initialize ------------------------------------------------------------------------------------------- */

static NDIS_STATUS call_initialize(struct ndis_adapter *adapter, PCM_RESOURCE_LIST resources)
{
    NDIS_MINIPORT_INIT_PARAMETERS parameters = {0};
    struct ndis_driver *driver = adapter->driver;
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
    status = driver->handlers.InitializeHandlerEx(adapter, driver->context, &parameters);
    TRACE_DONE(span, "%s", ndis_status_name(status));
    if (status != NDIS_STATUS_SUCCESS || adapter->attributes.general)
        return status;
    nt_violation("GENERAL_ATTRIBUTES_MISSING", "%s: MiniportInitializeEx succeeded without general attributes",
                 nt_driver_name(driver->object));
    driver->handlers.HaltHandlerEx(adapter->context, NdisHaltDeviceInitializationFailed);
    return NDIS_STATUS_FAILURE;
}

static void back_to_halted(struct ndis_adapter *adapter)
{
    ndis_below_drop(adapter);
    ndis_attributes_clear(adapter);
    adapter->context = NULL;
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
    notify(adapter, NdisDevicePnPEventPowerProfileChanged, &mains, sizeof mains);
    ndis_invalidate_arm(adapter);
    ndis_restart(adapter); /* a failure leaves it Paused: still started (ndis.md 6) */
    return STATUS_SUCCESS;
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
    ndis_invalidate_stop(adapter);
    give_up_switch(adapter);
    ndis_pause(adapter);
    ndis_oids_close(adapter, atomic_load(&adapter->removed) ? NDIS_STATUS_NOT_ACCEPTED : NDIS_STATUS_CLOSING);
    /* After removal the miniport may still end what it holds from MiniportHaltEx. */
    if (!atomic_load(&adapter->removed))
        ndis_oids_drain(adapter, DRAIN_SECONDS);
    TRACE_DOOR(span, "ndis", "MiniportHaltEx", "%s, action %u", name_of(adapter), action);
    adapter->driver->handlers.HaltHandlerEx(adapter->context, action);
    TRACE_DONE(span, "done");
    do
        ndis_oids_abandon(adapter, late);
    while (!ndis_oids_drain(adapter, 1)); /* a handler is still running on another thread */
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
    notify(adapter, NdisDevicePnPEventSurpriseRemoved, NULL, 0);
}

/* ---- reset and shutdown ----------------------------------------------------------------------------------- */

NDIS_STATUS ndis_reset(struct ndis_adapter *adapter)
{
    enum ndis_state state = ndis_adapter_state(adapter);
    BOOLEAN addressing = FALSE;
    NDIS_STATUS status;

    if (!adapter->driver->handlers.ResetHandlerEx)
        return NDIS_STATUS_NOT_SUPPORTED;
    if ((state != NDIS_PAUSED && state != NDIS_RUNNING) || atomic_load(&adapter->removed))
        return NDIS_STATUS_INVALID_STATE;
    ndis_oids_close(adapter, NDIS_STATUS_NOT_ACCEPTED);
    ndis_oids_flush(adapter, NDIS_STATUS_REQUEST_ABORTED);
    expect(&adapter->reset);
    TRACE_DOOR(span, "ndis", "MiniportResetEx", "%s", name_of(adapter));
    status = result(adapter, &adapter->reset, adapter->driver->handlers.ResetHandlerEx(adapter->context, &addressing));
    TRACE_DONE(span, "%s", ndis_status_name(status));
    ndis_oids_open(adapter);
    ndis_invalidate_kick(adapter);
    return status;
}

void ndis_shutdown(struct ndis_adapter *adapter)
{
    enum ndis_state state = ndis_adapter_state(adapter);

    if (state == NDIS_HALTED || state == NDIS_INITIALIZING)
        return;
    ndis_oids_close(adapter, NDIS_STATUS_CLOSING);
    ndis_oids_flush(adapter, NDIS_STATUS_REQUEST_ABORTED);
    TRACE_DOOR(span, "ndis", "MiniportShutdownEx", "%s", name_of(adapter));
    adapter->driver->handlers.ShutdownHandlerEx(adapter->context, NdisShutdownPowerOff);
    TRACE_DONE(span, "done");
}
