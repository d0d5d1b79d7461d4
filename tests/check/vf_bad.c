/* SPDX-License-Identifier: MIT
 *
 * A VF driver that passes everything down and ends badly: BAD_LEAKS keeps a pool block, BAD_STAYS never comes back from
 * the removal of its device.
 */
#include <wdm.h>

#include <sched.h>

struct extension {
    PDEVICE_OBJECT lower;
};

#ifdef BAD_LEAKS
static void end_badly(void)
{
    (void)ExAllocatePoolWithTag(NonPagedPool, 16, 'daBV');
}
#endif

#ifdef BAD_STAYS
static void end_badly(void)
{
    for (volatile int forever = 1; forever;)
        sched_yield();
}
#endif

static NTSTATUS dispatch_pnp(PDEVICE_OBJECT device, PIRP irp)
{
    PDEVICE_OBJECT lower = ((struct extension *)device->DeviceExtension)->lower;
    BOOLEAN removal = IoGetCurrentIrpStackLocation(irp)->MinorFunction == IRP_MN_REMOVE_DEVICE;
    if (removal)
        end_badly();
    IoSkipCurrentIrpStackLocation(irp);
    NTSTATUS status = IoCallDriver(lower, irp);
    if (removal) {
        IoDetachDevice(lower);
        IoDeleteDevice(device);
    }
    return status;
}

static NTSTATUS add_device(PDRIVER_OBJECT driver, PDEVICE_OBJECT pdo)
{
    PDEVICE_OBJECT device;
    NTSTATUS status = IoCreateDevice(driver, sizeof(struct extension), NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    if (!NT_SUCCESS(status))
        return status;
    ((struct extension *)device->DeviceExtension)->lower = IoAttachDeviceToDeviceStack(device, pdo);
    device->Flags &= ~DO_DEVICE_INITIALIZING;
    return STATUS_SUCCESS;
}

static VOID unload(PDRIVER_OBJECT driver)
{
    (void)driver;
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path);
NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    (void)registry_path;
    driver->MajorFunction[IRP_MJ_PNP] = dispatch_pnp;
    driver->DriverExtension->AddDevice = add_device;
    driver->DriverUnload = unload;
    return STATUS_SUCCESS;
}
