/* SPDX-License-Identifier: MIT
 *
 * Device objects and the stacks they form.
 */
#include "nt/internal.h"

static struct nt_device *device_of(PDEVICE_OBJECT device)
{
    return (struct nt_device *)device;
}

static struct nt_driver *driver_of(PDRIVER_OBJECT driver)
{
    return (struct nt_driver *)driver;
}

struct nt_partition *nt_device_partition(PDEVICE_OBJECT device)
{
    return device_of(device)->partition;
}

NT_EXPORT NTSTATUS IoCreateDevice(PDRIVER_OBJECT driver, ULONG extension_size, PUNICODE_STRING name, DEVICE_TYPE type,
                                  ULONG characteristics, BOOLEAN exclusive, PDEVICE_OBJECT *device)
{
    struct nt_partition *partition = driver_of(driver)->partition;
    size_t size = ALIGN_UP_BY(sizeof(struct nt_device), 16);
    *device = NULL;
    if (!nt_irql_at_most(APC_LEVEL, "IoCreateDevice"))
        return STATUS_INVALID_DEVICE_STATE;
    if (name && nt_name_find(partition, name))
        return STATUS_OBJECT_NAME_COLLISION;
    struct nt_device *made =
        nt_fault("IoCreateDevice") ? NULL
                                   : nt_object_create(partition, NT_OBJECT_DEVICE, size + extension_size, NULL);
    if (!made)
        return STATUS_INSUFFICIENT_RESOURCES;
    if (name && !NT_SUCCESS(nt_name_add(partition, name, made))) {
        nt_object_dereference(made);
        return STATUS_INSUFFICIENT_RESOURCES;
    }
    made->partition = partition;
    made->object.Type = IO_TYPE_DEVICE;
    made->object.Size = (USHORT)(sizeof(DEVICE_OBJECT) + extension_size);
    made->object.DriverObject = driver;
    made->object.DeviceExtension = extension_size ? (char *)made + size : NULL;
    made->object.DeviceType = type;
    made->object.Characteristics = characteristics;
    made->object.Flags = DO_DEVICE_INITIALIZING | (exclusive ? DO_EXCLUSIVE : 0);
    made->object.StackSize = 1;
    pthread_mutex_lock(&partition->lock);
    made->object.NextDevice = driver->DeviceObject;
    driver->DeviceObject = &made->object;
    pthread_mutex_unlock(&partition->lock);
    *device = &made->object;
    return STATUS_SUCCESS;
}

NT_EXPORT VOID IoDeleteDevice(PDEVICE_OBJECT device)
{
    struct nt_partition *partition = nt_device_partition(device);
    pthread_mutex_lock(&partition->lock);
    bool first = !device_of(device)->deleted;
    device_of(device)->deleted = true;
    PDEVICE_OBJECT *link = &device->DriverObject->DeviceObject;
    while (first && *link && *link != device)
        link = &(*link)->NextDevice;
    if (first && *link)
        *link = device->NextDevice;
    PDEVICE_OBJECT below = device_of(device)->below;
    pthread_mutex_unlock(&partition->lock);
    /* What is attached above may still be: it detaches when its removal IRP, passed down, has come back. */
    if (below) {
        nt_violation(NT_RULE(DEVICE_DELETED_IN_STACK), "IoDeleteDevice while the device is attached to one below");
        IoDetachDevice(below);
    }
    if (first) {
        nt_names_remove(partition, device);
        nt_object_dereference(device);
    } else
        nt_violation(NT_RULE(DEVICE_DELETED_TWICE), "IoDeleteDevice on a deleted device");
}

/* ---- stacks: partition->lock guards the links -------------------------------------------------------------------- */

static PDEVICE_OBJECT top_of(PDEVICE_OBJECT device)
{
    while (device->AttachedDevice)
        device = device->AttachedDevice;
    return device;
}

PDEVICE_OBJECT nt_stack_top(PDEVICE_OBJECT device)
{
    struct nt_partition *partition = nt_device_partition(device);
    pthread_mutex_lock(&partition->lock);
    PDEVICE_OBJECT top = top_of(device);
    pthread_mutex_unlock(&partition->lock);
    return top;
}

NT_EXPORT PDEVICE_OBJECT IoGetAttachedDevice(PDEVICE_OBJECT device)
{
    return nt_stack_top(device);
}

NT_EXPORT PDEVICE_OBJECT IoGetAttachedDeviceReference(PDEVICE_OBJECT device)
{
    struct nt_partition *partition = nt_device_partition(device);
    pthread_mutex_lock(&partition->lock);
    PDEVICE_OBJECT top = top_of(device);
    nt_object_reference(top);
    pthread_mutex_unlock(&partition->lock);
    return top;
}

NT_EXPORT PDEVICE_OBJECT IoAttachDeviceToDeviceStack(PDEVICE_OBJECT source, PDEVICE_OBJECT target)
{
    struct nt_partition *partition = nt_device_partition(target);
    if (nt_device_partition(source) != partition || source == target) {
        nt_violation(NT_RULE(BAD_ATTACH), "IoAttachDeviceToDeviceStack: the devices cannot be in one stack");
        return NULL;
    }
    pthread_mutex_lock(&partition->lock);
    PDEVICE_OBJECT top = device_of(target)->deleted ? NULL : top_of(target);
    if (top) {
        nt_object_reference(top); /* a deleted device stays until what is attached above has gone */
        top->AttachedDevice = source;
        device_of(source)->below = top;
        source->StackSize = (CCHAR)(top->StackSize + 1);
        source->AlignmentRequirement = top->AlignmentRequirement;
    }
    pthread_mutex_unlock(&partition->lock);
    return top;
}

NT_EXPORT NTSTATUS IoAttachDeviceToDeviceStackSafe(PDEVICE_OBJECT source, PDEVICE_OBJECT target,
                                                   PDEVICE_OBJECT *attached_to)
{
    *attached_to = IoAttachDeviceToDeviceStack(source, target);
    return *attached_to ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE;
}

NT_EXPORT VOID IoDetachDevice(PDEVICE_OBJECT target)
{
    struct nt_partition *partition = nt_device_partition(target);
    pthread_mutex_lock(&partition->lock);
    PDEVICE_OBJECT above = target->AttachedDevice;
    if (above)
        device_of(above)->below = NULL;
    target->AttachedDevice = NULL;
    pthread_mutex_unlock(&partition->lock);
    if (above)
        nt_object_dereference(target);
    else
        nt_violation(NT_RULE(NOT_ATTACHED), "IoDetachDevice on a device that nothing is attached to");
}
