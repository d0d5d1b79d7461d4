/* SPDX-License-Identifier: MIT
 *
 * Adapters: made by AddDevice, found again by the handle that the miniport got, gone when the device and the last
 * binding are.
 */
#include "ndis/internal.h"

static void init_parts(struct ndis_adapter *adapter)
{
    atomic_init(&adapter->references, 1);
    atomic_init(&adapter->state, NDIS_HALTED);
    atomic_init(&adapter->oids.closed, NDIS_STATUS_CLOSING);
    atomic_init(&adapter->patience, NDIS_PATIENCE_MS);
    adapter->checks.on = nt_contracts(adapter->room->nt) != VFP_UNCHECKED;
    adapter->own.adapter = adapter;
    adapter->own.own = true;
    adapter->own.driver.name = "NDIS";
}

struct ndis_adapter *ndis_adapter_create(struct ndis_driver *driver, PDEVICE_OBJECT pdo)
{
    struct ndis_adapter *adapter = calloc(1, sizeof *adapter);

    if (!adapter)
        return NULL;
    adapter->driver = driver;
    adapter->room = ndis_partition_hold(driver->room->nt);
    init_parts(adapter);
    adapter->pdo = pdo;
    adapter->number = atomic_fetch_add(&driver->room->numbers, 1) + 1;
    if (ndis_adapter_list(adapter))
        return adapter;
    ndis_adapter_release(adapter);
    return NULL;
}

void ndis_adapter_hold(struct ndis_adapter *adapter)
{
    atomic_fetch_add(&adapter->references, 1);
}

void ndis_adapter_release(struct ndis_adapter *adapter)
{
    struct ndis_partition *room = adapter->room;

    if (atomic_fetch_sub(&adapter->references, 1) != 1)
        return;
    ndis_attributes_clear(adapter);
    ndis_switch_forget(adapter);
    ndis_waited_free(adapter);
    ndis_resources_keep(adapter, NULL, NULL);
    ndis_guard_free(&adapter->guard);
    free(adapter);
    ndis_partition_drop(room);
}

void ndis_work_begin(struct ndis_adapter *adapter)
{
    atomic_fetch_add(&adapter->work, 1);
}

void ndis_work_end(struct ndis_adapter *adapter)
{
    ndis_gate_begin(&adapter->gate);
    atomic_fetch_sub(&adapter->work, 1);
    ndis_gate_end(&adapter->gate);
}

static bool has_no_work(const void *object)
{
    const struct ndis_adapter *adapter = object;

    return atomic_load(&adapter->work) == 0;
}

void ndis_work_wait(struct ndis_adapter *adapter)
{
    ndis_gate_wait(&adapter->gate, has_no_work, adapter, 0);
}

struct ndis_adapter *ndis_adapter_checked(NDIS_HANDLE handle, const char *routine)
{
    if (ndis_is_running(handle) || ndis_adapter_exists(ndis_partition_of(nt_current()), handle))
        return handle;
    nt_violation_in(NDIS_RULE(BAD_ADAPTER_HANDLE), routine, "%s: %p is no adapter handle", routine, handle);
    return NULL;
}

enum ndis_state ndis_adapter_state(struct ndis_adapter *adapter)
{
    return atomic_load(&adapter->state);
}

/* ---- AddDevice -------------------------------------------------------------------------------------------- */

static NDIS_STATUS call_add_device(struct ndis_adapter *adapter)
{
    struct ndis_driver *driver = adapter->driver;
    struct nt_callback callback;
    NDIS_STATUS status;

    if (!driver->pnp.MiniportAddDeviceHandler)
        return NDIS_STATUS_SUCCESS;
    TRACE_DOOR(span, "ndis", "MiniportAddDevice", "%s", nt_driver_name(driver->object));
    adapter->in_add_device = true;
    ndis_call_begin(&callback, adapter, "MiniportAddDevice", NULL);
    status = driver->pnp.MiniportAddDeviceHandler(adapter, driver->context);
    nt_callback_end(&callback);
    adapter->in_add_device = false;
    adapter->added = status == NDIS_STATUS_SUCCESS;
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

NTSTATUS ndis_add_device(PDRIVER_OBJECT object, PDEVICE_OBJECT pdo)
{
    struct ndis_driver *driver = ndis_driver_of(object);
    struct ndis_adapter *adapter;
    PDEVICE_OBJECT fdo;
    NTSTATUS status;

    if (!driver)
        return STATUS_INVALID_DEVICE_REQUEST;
    status = IoCreateDevice(object, sizeof(struct ndis_adapter *), NULL, FILE_DEVICE_PHYSICAL_NETCARD, 0, FALSE, &fdo);
    if (!NT_SUCCESS(status))
        return status;
    adapter = ndis_adapter_create(driver, pdo);
    if (!adapter) {
        IoDeleteDevice(fdo);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    *(struct ndis_adapter **)fdo->DeviceExtension = adapter;
    adapter->fdo = fdo;
    adapter->lower = IoAttachDeviceToDeviceStack(fdo, pdo);
    status = adapter->lower ? ndis_nt_status(call_add_device(adapter)) : STATUS_NO_SUCH_DEVICE;
    if (!NT_SUCCESS(status)) {
        if (adapter->lower)
            IoDetachDevice(adapter->lower);
        IoDeleteDevice(fdo);
        ndis_adapter_unlist(adapter);
        ndis_adapter_release(adapter);
        return status;
    }
    fdo->Flags |= DO_DIRECT_IO;
    fdo->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}
