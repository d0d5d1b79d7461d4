/* SPDX-License-Identifier: MIT */
#include <ntddk.h>

DRIVER_INITIALIZE DriverEntry;

static VOID unload(PDRIVER_OBJECT driver)
{
    UNREFERENCED_PARAMETER(driver);
}

NTSTATUS DriverEntry(PDRIVER_OBJECT driver, PUNICODE_STRING registry_path)
{
    KEVENT event;
    UNREFERENCED_PARAMETER(registry_path);
    KeInitializeEvent(&event, NotificationEvent, TRUE);
    driver->DriverUnload = unload;
    return KeReadStateEvent(&event) ? STATUS_SUCCESS : STATUS_UNSUCCESSFUL;
}
