/* SPDX-License-Identifier: MIT
 *
 * IoGetDeviceProperty: what the PnP manager knows of a device, which it learns by asking the bus driver.
 */
#include "nt/internal.h"

static NTSTATUS copy(const void *value, size_t size, ULONG room, PVOID buffer, PULONG length)
{
    *length = (ULONG)size;
    if (size > room)
        return STATUS_BUFFER_TOO_SMALL;
    memcpy(buffer, value, size);
    return STATUS_SUCCESS;
}

static NTSTATUS bus_information(PDEVICE_OBJECT pdo, DEVICE_REGISTRY_PROPERTY property, ULONG room, PVOID buffer,
                                PULONG length)
{
    ULONG_PTR information = 0;
    NTSTATUS status =
        nt_pnp_send(pdo, &(IO_STACK_LOCATION){.MinorFunction = IRP_MN_QUERY_BUS_INFORMATION}, &information);
    PPNP_BUS_INFORMATION bus = (PPNP_BUS_INFORMATION)information;
    if (!NT_SUCCESS(status) || !bus)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    if (property == DevicePropertyBusTypeGuid)
        status = copy(&bus->BusTypeGuid, sizeof(bus->BusTypeGuid), room, buffer, length);
    else if (property == DevicePropertyLegacyBusType)
        status = copy(&bus->LegacyBusType, sizeof(bus->LegacyBusType), room, buffer, length);
    else
        status = copy(&bus->BusNumber, sizeof(bus->BusNumber), room, buffer, length);
    ExFreePool(bus);
    return status;
}

static NTSTATUS capability(PDEVICE_OBJECT pdo, DEVICE_REGISTRY_PROPERTY property, ULONG room, PVOID buffer,
                           PULONG length)
{
    DEVICE_CAPABILITIES capabilities = {.Size = sizeof(capabilities), .Version = 1, .Address = ~0u, .UINumber = ~0u};
    IO_STACK_LOCATION stack = {.MinorFunction = IRP_MN_QUERY_CAPABILITIES};
    ULONG_PTR information;
    stack.Parameters.DeviceCapabilities.Capabilities = &capabilities;
    if (!NT_SUCCESS(nt_pnp_send(pdo, &stack, &information)))
        return STATUS_OBJECT_NAME_NOT_FOUND;
    ULONG value = property == DevicePropertyAddress ? capabilities.Address : capabilities.UINumber;
    return value == ~0u ? STATUS_OBJECT_NAME_NOT_FOUND : copy(&value, sizeof(value), room, buffer, length);
}

/* A multi-string ends with an empty one. */
static size_t ids_size(const WCHAR *ids, bool multi)
{
    size_t count = wcslen(ids) + 1;
    while (multi && ids[count])
        count += wcslen(ids + count) + 1;
    return (count + (multi ? 1 : 0)) * sizeof(WCHAR);
}

static NTSTATUS ids(PDEVICE_OBJECT pdo, DEVICE_REGISTRY_PROPERTY property, ULONG room, PVOID buffer, PULONG length)
{
    IO_STACK_LOCATION stack = {.MinorFunction = IRP_MN_QUERY_ID};
    ULONG_PTR information = 0;
    stack.Parameters.QueryId.IdType =
        property == DevicePropertyHardwareID ? BusQueryHardwareIDs : BusQueryCompatibleIDs;
    if (!NT_SUCCESS(nt_pnp_send(pdo, &stack, &information)) || !information)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    PWSTR text = (PWSTR)information;
    NTSTATUS status = copy(text, ids_size(text, true), room, buffer, length);
    ExFreePool(text);
    return status;
}

static const struct {
    DEVICE_REGISTRY_PROPERTY property;
    NTSTATUS (*get)(PDEVICE_OBJECT pdo, DEVICE_REGISTRY_PROPERTY property, ULONG room, PVOID buffer, PULONG length);
} properties[] = {
    {DevicePropertyBusTypeGuid, bus_information}, {DevicePropertyLegacyBusType, bus_information},
    {DevicePropertyBusNumber, bus_information},   {DevicePropertyAddress, capability},
    {DevicePropertyUINumber, capability},         {DevicePropertyHardwareID, ids},
    {DevicePropertyCompatibleIDs, ids},
};

NT_EXPORT NTSTATUS IoGetDeviceProperty(PDEVICE_OBJECT pdo, DEVICE_REGISTRY_PROPERTY property, ULONG room, PVOID buffer,
                                       PULONG length)
{
    *length = 0;
    if (!nt_irql_at_most(PASSIVE_LEVEL, "IoGetDeviceProperty"))
        return STATUS_INVALID_DEVICE_STATE;
    for (size_t i = 0; i < RTL_NUMBER_OF(properties); i++)
        if (properties[i].property == property)
            return properties[i].get(pdo, property, room, buffer, length);
    return STATUS_OBJECT_NAME_NOT_FOUND;
}
