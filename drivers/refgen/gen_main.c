/* SPDX-License-Identifier: MIT
 *
 * refgen: a PF driver that is no NDIS miniport. The virtualization stack drives it by SRIOV_DEVICE_INTERFACE_STANDARD
 * and the IOCTLs of pcivirt.h instead of OIDs (pci.md 3). It speaks the same blocks as refnic, so that a guest's VF
 * driver cannot tell which of them its PF has.
 *
 * This file: the driver's and the device object's life.
 */
#include "gen.h"

struct gen_adapter *gen_adapter_of(PDEVICE_OBJECT device)
{
    return *(struct gen_adapter **)device->DeviceExtension;
}

VOID gen_reference(struct gen_adapter *adapter)
{
    InterlockedIncrement(&adapter->references);
}

VOID gen_release(struct gen_adapter *adapter)
{
    if (InterlockedDecrement(&adapter->references) != 0)
        return;
    gen_free_vfs(adapter);
    ExFreePoolWithTag(adapter, GEN_TAG);
}

static struct gen_adapter *make_adapter(PDEVICE_OBJECT pdo)
{
    struct gen_adapter *adapter = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*adapter), GEN_TAG);

    if (!adapter)
        return NULL;
    adapter->references = 1;
    adapter->pdo = pdo;
    adapter->link.connected = TRUE;
    adapter->link.transmit_speed = adapter->link.receive_speed = NIC_LINK_SPEED;
    IoInitializeRemoveLock(&adapter->remove_lock, GEN_TAG, 0, 0);
    KeInitializeSpinLock(&adapter->lock);
    KeInitializeEvent(&adapter->idle, NotificationEvent, TRUE);
    InitializeListHead(&adapter->dirty);
    InitializeListHead(&adapter->invalidations);
    InitializeListHead(&adapter->range_updates);
    gen_events_init(&adapter->events);
    return adapter;
}

/* pci.md 3.5. */
static NTSTATUS attach(PDEVICE_OBJECT device, PDEVICE_OBJECT pdo, struct gen_adapter *adapter)
{
    NTSTATUS status =
        IoRegisterDeviceInterface(pdo, &GUID_DEVINTERFACE_VIRTUALIZABLE_DEVICE, NULL, &adapter->link_name);

    if (!NT_SUCCESS(status))
        return status;
    adapter->lower = IoAttachDeviceToDeviceStack(device, pdo);
    if (adapter->lower)
        return STATUS_SUCCESS;
    RtlFreeUnicodeString(&adapter->link_name);
    return STATUS_NO_SUCH_DEVICE;
}

static NTSTATUS add_device(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo)
{
    struct gen_adapter *adapter;
    PDEVICE_OBJECT device;
    NTSTATUS status =
        IoCreateDevice(driver, sizeof(adapter), NULL, FILE_DEVICE_NETWORK, FILE_DEVICE_SECURE_OPEN, FALSE, &device);

    if (!NT_SUCCESS(status))
        return status;
    adapter = make_adapter(pdo);
    status = adapter ? attach(device, pdo, adapter) : STATUS_INSUFFICIENT_RESOURCES;
    if (!NT_SUCCESS(status)) {
        if (adapter)
            gen_release(adapter);
        IoDeleteDevice(device);
        return status;
    }
    *(struct gen_adapter **)device->DeviceExtension = adapter;
    device->Flags |= adapter->lower->Flags & DO_POWER_PAGABLE;
    device->Flags &= ~(ULONG)DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

/* Opening and closing the device: there is nothing to it. */
static NTSTATUS create_close(PDEVICE_OBJECT device, PIRP irp)
{
    UNREFERENCED_PARAMETER(device);
    irp->IoStatus.Status = STATUS_SUCCESS;
    irp->IoStatus.Information = 0;
    IoCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_SUCCESS;
}

static NTSTATUS power(PDEVICE_OBJECT device, PIRP irp)
{
    PoStartNextPowerIrp(irp);
    IoSkipCurrentIrpStackLocation(irp);
    return PoCallDriver(gen_adapter_of(device)->lower, irp);
}

static VOID unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
}

DRIVER_INITIALIZE DriverEntry;

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    UNREFERENCED_PARAMETER(registry_path);
    driver->DriverUnload = unload;
    driver->DriverExtension->AddDevice = add_device;
    driver->MajorFunction[IRP_MJ_CREATE] = create_close;
    driver->MajorFunction[IRP_MJ_CLOSE] = create_close;
    driver->MajorFunction[IRP_MJ_CLEANUP] = create_close;
    driver->MajorFunction[IRP_MJ_PNP] = gen_pnp;
    driver->MajorFunction[IRP_MJ_POWER] = power;
    driver->MajorFunction[IRP_MJ_SYSTEM_CONTROL] = gen_pass;
    driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = gen_control;
    driver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = gen_control;
    return STATUS_SUCCESS;
}
