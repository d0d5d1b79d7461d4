/* SPDX-License-Identifier: MIT
 *
 * The power of the adapter itself (ndis.md 7.9): OID_PNP_SET_POWER before the device leaves D0 and after it is back.
 */
#include "ndis/internal.h"

/* A miniport without power management says NOT_SUPPORTED, which is no failure. */
static void tell_miniport(struct ndis_adapter *adapter, DEVICE_POWER_STATE state)
{
    NDIS_DEVICE_POWER_STATE wanted = (NDIS_DEVICE_POWER_STATE)state;
    NDIS_OID_REQUEST request;
    NDIS_STATUS status;

    ndis_request_init(&request, NdisRequestSetInformation, OID_PNP_SET_POWER, &wanted, sizeof wanted);
    status = ndis_issue(adapter, &request);
    if (status != NDIS_STATUS_SUCCESS && status != NDIS_STATUS_NOT_SUPPORTED && !atomic_load(&adapter->removed))
        nt_violation_in(NDIS_RULE(SET_POWER_FAILED), "MiniportOidRequest", "OID_PNP_SET_POWER to D%d: %s",
                        (int)state - PowerDeviceD0, ndis_status_name(status));
}

static void fall_asleep(struct ndis_adapter *adapter, DEVICE_POWER_STATE state)
{
    bool pauses = !(adapter->attributes.flags & NDIS_MINIPORT_ATTRIBUTES_NO_PAUSE_ON_SUSPEND);

    if (!adapter->asleep)
        adapter->paused_for_sleep = pauses && ndis_pause(adapter) == NDIS_STATUS_SUCCESS;
    tell_miniport(adapter, state);
    adapter->asleep = true;
}

static void wake_up(struct ndis_adapter *adapter)
{
    ULONG mains = NdisPowerProfileAcOnLine;

    if (!adapter->asleep)
        return;
    adapter->asleep = false;
    tell_miniport(adapter, PowerDeviceD0);
    ndis_notify(adapter, NdisDevicePnPEventPowerProfileChanged, &mains, sizeof mains);
    if (adapter->paused_for_sleep)
        ndis_restart(adapter);
    adapter->paused_for_sleep = false;
}

static NTSTATUS pass(struct ndis_adapter *adapter, PIRP irp)
{
    IoSkipCurrentIrpStackLocation(irp);
    return PoCallDriver(adapter->lower, irp);
}

NTSTATUS ndis_dispatch_power(PDEVICE_OBJECT fdo, PIRP irp)
{
    struct ndis_adapter *adapter = ndis_adapter_at(fdo);
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);
    enum ndis_state state = ndis_adapter_state(adapter);
    DEVICE_POWER_STATE wanted = stack->Parameters.Power.State.DeviceState;
    NTSTATUS status;

    PoStartNextPowerIrp(irp);
    if (stack->MinorFunction != IRP_MN_SET_POWER || stack->Parameters.Power.Type != DevicePowerState ||
        state == NDIS_HALTED || state == NDIS_INITIALIZING)
        return pass(adapter, irp);
    TRACE_DOOR(span, "ndis", "IRP_MN_SET_POWER", "D%d", (int)wanted - PowerDeviceD0);
    if (wanted != PowerDeviceD0) {
        fall_asleep(adapter, wanted);
        status = pass(adapter, irp);
    } else {
        status = IoForwardIrpSynchronously(adapter->lower, irp) ? irp->IoStatus.Status : STATUS_UNSUCCESSFUL;
        if (NT_SUCCESS(status))
            wake_up(adapter);
        irp->IoStatus.Status = status;
        IoCompleteRequest(irp, IO_NO_INCREMENT);
    }
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}
