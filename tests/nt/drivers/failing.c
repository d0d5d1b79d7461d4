/* SPDX-License-Identifier: MIT
 *
 * A driver whose DriverEntry fails and leaves a device behind.
 */
#include <wdm.h>

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    PDEVICE_OBJECT device;
    UNREFERENCED_PARAMETER(registry_path);
    IoCreateDevice(driver, 0, NULL, FILE_DEVICE_UNKNOWN, 0, FALSE, &device);
    return STATUS_DEVICE_CONFIGURATION_ERROR;
}
