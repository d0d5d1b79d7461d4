/* SPDX-License-Identifier: MIT
 *
 * Driver objects: started, stopped; where their names and extensions live. The image is loader.c's.
 */
#include "nt/loader.h"

#include <stdio.h>
#include <stdlib.h>

static struct nt_driver *driver_of(PDRIVER_OBJECT driver)
{
    return (struct nt_driver *)driver;
}

struct nt_partition *nt_driver_partition(PDRIVER_OBJECT driver)
{
    return driver_of(driver)->partition;
}

const char *nt_driver_name(PDRIVER_OBJECT driver)
{
    return driver_of(driver)->name;
}

static NTSTATUS invalid_request(PDEVICE_OBJECT device, PIRP irp)
{
    (void)device;
    irp->IoStatus.Status = STATUS_INVALID_DEVICE_REQUEST;
    irp->IoStatus.Information = 0;
    IofCompleteRequest(irp, IO_NO_INCREMENT);
    return STATUS_INVALID_DEVICE_REQUEST;
}

static UNICODE_STRING wide_name(WCHAR *buffer, size_t count, const char *prefix, const char *name)
{
    const char *parts[] = {prefix, name};
    size_t length = 0;
    for (size_t i = 0; i < 2; i++)
        for (const char *c = parts[i]; *c && length + 1 < count; c++)
            buffer[length++] = (UCHAR)*c;
    buffer[length] = 0;
    return (UNICODE_STRING){(USHORT)(length * sizeof(WCHAR)), (USHORT)(count * sizeof(WCHAR)), buffer};
}

static struct nt_driver *driver_create(struct nt_partition *partition, const char *name)
{
    struct nt_driver *driver = nt_object_create(partition, NT_OBJECT_DRIVER, sizeof(*driver), NULL);
    if (!driver)
        return NULL;
    driver->partition = partition;
    driver->image_fd = -1;
    snprintf(driver->name, sizeof(driver->name), "%s", name);
    driver->object.Type = IO_TYPE_DRIVER;
    driver->object.Size = sizeof(DRIVER_OBJECT);
    driver->object.DriverExtension = &driver->extension;
    driver->object.DriverName =
        wide_name(driver->object_name, RTL_NUMBER_OF(driver->object_name), "\\Driver\\", driver->name);
    driver->extension.DriverObject = &driver->object;
    driver->extension.ServiceKeyName =
        wide_name(driver->service_key, RTL_NUMBER_OF(driver->service_key),
                  "\\Registry\\Machine\\System\\CurrentControlSet\\Services\\", driver->name);
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        driver->object.MajorFunction[i] = invalid_request;
    pthread_mutex_lock(&partition->lock);
    InsertTailList(&partition->drivers, &driver->entry);
    pthread_mutex_unlock(&partition->lock);
    return driver;
}

/* Devices that remain would be called in code that is gone: they are reported and deleted. */
static void report_devices(struct nt_driver *driver)
{
    unsigned count = 0;
    while (driver->object.DeviceObject) {
        PDEVICE_OBJECT device = driver->object.DeviceObject;
        struct nt_device *made = (struct nt_device *)device;
        if (made->below)
            IoDetachDevice(made->below);
        if (device->AttachedDevice)
            IoDetachDevice(device);
        IoDeleteDevice(device);
        count++;
    }
    if (count)
        nt_violation(NT_RULE(DEVICE_LEAK), "%s is unloaded and leaves %u devices", driver->name, count);
}

static void driver_destroy(struct nt_driver *driver)
{
    struct nt_partition *partition = driver->partition;
    /* No thread of the partition may still be inside the image when it is closed. */
    nt_drain_work(partition);
    nt_clock_flush_dpcs(partition);
    struct nt_callback callback = {.driver = driver->name, .routine = "DriverUnload"};
    nt_callback_begin(&callback);
    report_devices(driver);
    nt_pool_leaks(&partition->pool, driver->name);
    nt_callback_end(&callback);
    pthread_mutex_lock(&partition->lock);
    RemoveEntryList(&driver->entry);
    pthread_mutex_unlock(&partition->lock);
    while (driver->extensions) {
        struct nt_driver_extension *extension = driver->extensions;
        driver->extensions = extension->next;
        free(extension);
    }
    nt_image_close(driver->image, driver->image_fd);
    nt_object_dereference(driver);
}

/* DriverEntry at PASSIVE_LEVEL; a driver whose entry fails is gone. */
static NTSTATUS driver_enter(struct nt_driver *driver, PDRIVER_INITIALIZE entry)
{
    struct nt_partition *before = nt_enter(driver->partition);
    UNICODE_STRING registry_path = driver->extension.ServiceKeyName;
    TRACE_DOOR(span, "nt", "DriverEntry", "%s", driver->name);
    driver->object.DriverInit = entry;
    struct nt_callback callback = {.driver = driver->name, .routine = "DriverEntry"};
    nt_callback_begin(&callback);
    NTSTATUS status = entry(&driver->object, &registry_path);
    nt_callback_end(&callback);
    TRACE_DONE(span, "%s", nt_status_name(status));
    if (!NT_SUCCESS(status))
        driver_destroy(driver);
    nt_enter(before);
    return status;
}

NTSTATUS nt_driver_start(struct nt_partition *partition, const char *name, PDRIVER_INITIALIZE entry,
                         PDRIVER_OBJECT *driver)
{
    *driver = NULL;
    struct nt_driver *made = driver_create(partition, name);
    if (!made)
        return STATUS_INSUFFICIENT_RESOURCES;
    NTSTATUS status = driver_enter(made, entry);
    if (NT_SUCCESS(status))
        *driver = &made->object;
    return status;
}

NTSTATUS nt_driver_load(struct nt_partition *partition, const char *path, PDRIVER_OBJECT *driver,
                        struct nt_load_error *error)
{
    struct nt_image image;
    *driver = NULL;
    NTSTATUS status = nt_image_open(path, &image, error);
    if (!NT_SUCCESS(status))
        return status;
    struct nt_driver *made = driver_create(partition, image.name);
    if (!made) {
        nt_image_close(image.handle, image.fd);
        return nt_load_fail(error, STATUS_INSUFFICIENT_RESOURCES, path, "out of memory");
    }
    made->image = image.handle;
    made->image_fd = image.fd;
    status = driver_enter(made, image.entry);
    if (!NT_SUCCESS(status))
        return nt_load_fail(error, status, path, "DriverEntry returned %s", nt_status_name(status));
    *driver = &made->object;
    return status;
}

/* Ours: nothing to enter, and nothing to unload. */
NTSTATUS nt_builtin_driver(struct nt_partition *partition, const char *name, PDRIVER_OBJECT *driver)
{
    struct nt_driver *made = driver_create(partition, name);
    *driver = made ? &made->object : NULL;
    return made ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

static void driver_leave(struct nt_driver *driver)
{
    TRACE_DOOR(span, "nt", "DriverUnload", "%s", driver->name);
    if (driver->object.DriverUnload) {
        struct nt_callback callback = {.driver = driver->name, .routine = "DriverUnload"};
        nt_callback_begin(&callback);
        driver->object.DriverUnload(&driver->object);
        nt_callback_end(&callback);
    }
    driver_destroy(driver);
    TRACE_DONE(span, "unloaded");
}

void nt_driver_unload(PDRIVER_OBJECT object)
{
    struct nt_driver *driver = driver_of(object);
    struct nt_partition *before = nt_enter(driver->partition);
    if (object->DriverInit)
        driver_leave(driver);
    else
        driver_destroy(driver);
    nt_enter(before);
}

/* ---- driver object extensions: found by the address that names them ---------------------------------------------- */

NT_EXPORT PVOID IoGetDriverObjectExtension(PDRIVER_OBJECT driver, PVOID id)
{
    struct nt_driver_extension *extension = driver_of(driver)->extensions;
    while (extension && extension->id != id)
        extension = extension->next;
    return extension ? extension + 1 : NULL;
}

NT_EXPORT NTSTATUS IoAllocateDriverObjectExtension(PDRIVER_OBJECT driver, PVOID id, ULONG size, PVOID *result)
{
    *result = NULL;
    if (IoGetDriverObjectExtension(driver, id))
        return STATUS_OBJECT_NAME_COLLISION;
    struct nt_driver_extension *extension =
        nt_fault("IoAllocateDriverObjectExtension") ? NULL : calloc(1, sizeof(*extension) + size);
    if (!extension)
        return STATUS_INSUFFICIENT_RESOURCES;
    extension->id = id;
    extension->next = driver_of(driver)->extensions;
    driver_of(driver)->extensions = extension;
    *result = extension + 1;
    return STATUS_SUCCESS;
}
