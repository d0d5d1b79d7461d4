/* SPDX-License-Identifier: MIT
 *
 * A driver with a global: each load counts for itself. It tells its count in DeviceType of the device it makes.
 */
#include <wdm.h>

static ULONG entered;

static VOID unload(PDRIVER_OBJECT driver)
{
    IoDeleteDevice(driver->DeviceObject);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    PDEVICE_OBJECT device;
    if (KeGetCurrentIrql() != PASSIVE_LEVEL || registry_path->Length == 0)
        return STATUS_UNSUCCESSFUL;
    driver->DriverUnload = unload;
    return IoCreateDevice(driver, 0, NULL, ++entered, 0, FALSE, &device);
}
