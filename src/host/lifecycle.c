/* SPDX-License-Identifier: MIT
 *
 * What a host program does to a running adapter, and hears of it: states, power, interrupts, status indications.
 */
#include "host/internal.h"

#include <errno.h>

/* A PF driver that is no miniport has none of these; a miniport that has none was removed. */
static NDIS_STATUS no_ndis(const struct vfp_adapter *adapter)
{
    return adapter->generic ? NDIS_STATUS_NOT_SUPPORTED : NDIS_STATUS_ADAPTER_NOT_FOUND;
}

static int transition(struct vfp_adapter *adapter, const char *what, NDIS_STATUS (*change)(struct ndis_adapter *))
{
    struct ndis_adapter *ndis = ndis_adapter_of(adapter->pf->pdo);
    HOST_ENTER(adapter->host);
    NDIS_STATUS status = ndis ? change(ndis) : no_ndis(adapter);
    HOST_LEAVE();
    return status ? host_fail(adapter->host, host_errno(status), "%s failed with %s (%08x)", what,
                              ndis_status_name(status), (unsigned)status)
                  : 0;
}

int vfp_adapter_pause(struct vfp_adapter *adapter)
{
    return transition(adapter, "MiniportPause", ndis_pause);
}

int vfp_adapter_restart(struct vfp_adapter *adapter)
{
    return transition(adapter, "MiniportRestart", ndis_restart);
}

int vfp_adapter_reset(struct vfp_adapter *adapter)
{
    return transition(adapter, "MiniportResetEx", ndis_reset);
}

int vfp_adapter_check_for_hang(struct vfp_adapter *adapter, bool *hangs)
{
    struct ndis_adapter *ndis = ndis_adapter_of(adapter->pf->pdo);
    *hangs = false;
    HOST_ENTER(adapter->host);
    NDIS_STATUS status = ndis ? ndis_check_for_hang(ndis, hangs) : no_ndis(adapter);
    HOST_LEAVE();
    return status ? host_fail(adapter->host, host_errno(status), "%s failed with %s",
                              *hangs ? "MiniportResetEx" : "MiniportCheckForHangEx", ndis_status_name(status))
                  : 0;
}

void vfp_adapter_shutdown(struct vfp_adapter *adapter)
{
    struct ndis_adapter *ndis = ndis_adapter_of(adapter->pf->pdo);
    HOST_ENTER(adapter->host);
    if (ndis)
        ndis_shutdown(ndis);
    HOST_LEAVE();
}

const char *vfp_adapter_state(const struct vfp_adapter *adapter)
{
    struct ndis_adapter *ndis = ndis_adapter_of(adapter->pf->pdo);
    if (adapter->generic)
        return "Running";
    return ndis ? ndis_state_name(ndis) : "removed";
}

void vfp_patience_set(struct vfp_host *host, unsigned ms)
{
    host->patience_ms = ms;
    host->has_patience = true;
    HOST_ENTER(host);
    for (struct vfp_adapter *adapter = host->adapters; adapter; adapter = (struct vfp_adapter *)adapter->owned.next) {
        struct vstack *stack = atomic_load_explicit(&adapter->stack, memory_order_acquire);
        if (ndis_adapter_of(adapter->pf->pdo))
            ndis_set_patience(ndis_adapter_of(adapter->pf->pdo), ms);
        if (stack)
            vstack_patience_set(stack, ms);
    }
    HOST_LEAVE();
}

/* ---- power ------------------------------------------------------------------------------------------------------ */

static NTSTATUS send_power(PDEVICE_OBJECT pdo, DEVICE_POWER_STATE state)
{
    PDEVICE_OBJECT top = nt_stack_top(pdo);
    PIRP irp = IoAllocateIrp(top->StackSize, FALSE);
    if (!irp)
        return STATUS_INSUFFICIENT_RESOURCES;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    stack->MajorFunction = IRP_MJ_POWER;
    stack->MinorFunction = IRP_MN_SET_POWER;
    stack->Parameters.Power.Type = DevicePowerState;
    stack->Parameters.Power.State.DeviceState = state;
    NTSTATUS status = nt_call_driver_and_wait(top, irp);
    IoFreeIrp(irp);
    return status;
}

int vfp_adapter_power(struct vfp_adapter *adapter, unsigned state)
{
    if (state > 3)
        return host_fail(adapter->host, -EINVAL, "D%u is no device power state", state);
    HOST_ENTER(adapter->host);
    NTSTATUS status = send_power(adapter->pf->pdo, (DEVICE_POWER_STATE)(PowerDeviceD0 + state));
    HOST_LEAVE();
    return NT_SUCCESS(status) ? 0
                              : host_fail(adapter->host, host_errno(status), "IRP_MN_SET_POWER to D%u failed with %s",
                                          state, nt_status_name(status));
}

/* ---- interrupts ------------------------------------------------------------------------------------------------- */

int vfp_interrupt(struct vfp_adapter *adapter, unsigned message)
{
    struct ndis_adapter *ndis = ndis_adapter_of(adapter->pf->pdo);
    HOST_ENTER(adapter->host);
    NDIS_STATUS status = ndis ? ndis_interrupt(ndis, message) : no_ndis(adapter);
    HOST_LEAVE();
    switch (status) {
    case NDIS_STATUS_SUCCESS:
        return 0;
    case NDIS_STATUS_PENDING:
        return -EAGAIN;
    case NDIS_STATUS_NOT_RECOGNIZED:
        return host_fail(adapter->host, -ENOENT, "message %u: the interrupt handler did not want it", message);
    default:
        return host_fail(adapter->host, host_errno(status), "message %u: no interrupt is registered for it", message);
    }
}

/* ---- the program as an overlying driver ------------------------------------------------------------------------- */

/* A program waits for its OIDs by ndis_oid_wait. */
static void never_called(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    (void)context, (void)request, (void)status;
}

static void indicated(void *context, PNDIS_STATUS_INDICATION indication)
{
    struct vfp_adapter *adapter = context;
    const struct vfp_status status = {.code = (uint32_t)indication->StatusCode,
                                      .name = ndis_status_name(indication->StatusCode),
                                      .buffer = indication->StatusBuffer,
                                      .length = indication->StatusBufferSize};
    pthread_mutex_lock(&adapter->listening);
    if (adapter->heard)
        adapter->heard(adapter->heard_context, &status);
    pthread_mutex_unlock(&adapter->listening);
}

NDIS_STATUS host_open(struct vfp_adapter *adapter)
{
    static const struct ndis_overlying program = {
        .name = "host program", .complete = never_called, .status = indicated};
    return ndis_open(ndis_adapter_of(adapter->pf->pdo), &program, adapter, &adapter->binding);
}

void vfp_status_listen(struct vfp_adapter *adapter, void (*heard)(void *context, const struct vfp_status *status),
                       void *context)
{
    pthread_mutex_lock(&adapter->listening);
    adapter->heard = heard;
    adapter->heard_context = context;
    pthread_mutex_unlock(&adapter->listening);
}
