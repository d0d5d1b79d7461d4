/* SPDX-License-Identifier: MIT
 *
 * Names: devices, symbolic links and device interfaces of a partition. Nobody opens anything by name here; the names
 * are kept so that a collision, a link that is not there, or one left behind is found.
 */
#include "nt/internal.h"

#include <stdio.h>
#include <stdlib.h>

#define NT_TAG_NAME 0x656d614eu /* "Name" */

struct name {
    LIST_ENTRY entry;
    const void *owner; /* a device; or what kind of name it is, below */
    bool enabled;
    UNICODE_STRING text;
    WCHAR buffer[];
};

static const char symbolic_link, device_interface; /* owners that are no device: only their addresses count */

/* With partition->lock held. */
static struct name *find(struct nt_partition *partition, PCUNICODE_STRING text)
{
    for (LIST_ENTRY *entry = partition->names.Flink; entry != &partition->names; entry = entry->Flink) {
        struct name *name = CONTAINING_RECORD(entry, struct name, entry);
        if (RtlEqualUnicodeString(&name->text, text, TRUE))
            return name;
    }
    return NULL;
}

bool nt_name_find(struct nt_partition *partition, PCUNICODE_STRING name)
{
    pthread_mutex_lock(&partition->lock);
    bool found = find(partition, name) != NULL;
    pthread_mutex_unlock(&partition->lock);
    return found;
}

NTSTATUS nt_name_add(struct nt_partition *partition, PCUNICODE_STRING text, const void *owner)
{
    struct name *name = malloc(sizeof(*name) + text->Length);
    if (!name)
        return STATUS_INSUFFICIENT_RESOURCES;
    name->owner = owner;
    name->enabled = false;
    name->text = (UNICODE_STRING){text->Length, text->Length, name->buffer};
    __builtin_memcpy(name->buffer, text->Buffer, text->Length);
    pthread_mutex_lock(&partition->lock);
    bool taken = find(partition, text) != NULL;
    if (!taken)
        InsertTailList(&partition->names, &name->entry);
    pthread_mutex_unlock(&partition->lock);
    if (taken)
        free(name);
    return taken ? STATUS_OBJECT_NAME_COLLISION : STATUS_SUCCESS;
}

unsigned nt_names_remove(struct nt_partition *partition, const void *owner)
{
    unsigned links = 0;
    pthread_mutex_lock(&partition->lock);
    for (LIST_ENTRY *entry = partition->names.Flink, *next; entry != &partition->names; entry = next) {
        struct name *name = CONTAINING_RECORD(entry, struct name, entry);
        next = entry->Flink;
        if (owner && name->owner != owner)
            continue;
        links += name->owner == &symbolic_link;
        RemoveEntryList(entry);
        free(name);
    }
    pthread_mutex_unlock(&partition->lock);
    return links;
}

NT_EXPORT NTSTATUS IoCreateSymbolicLink(PUNICODE_STRING link, PUNICODE_STRING device)
{
    (void)device;
    if (nt_fault("IoCreateSymbolicLink"))
        return STATUS_INSUFFICIENT_RESOURCES;
    return nt_partition_current ? nt_name_add(nt_partition_current, link, &symbolic_link) : STATUS_INVALID_PARAMETER;
}

NT_EXPORT NTSTATUS IoDeleteSymbolicLink(PUNICODE_STRING link)
{
    struct nt_partition *partition = nt_partition_current;
    if (!partition)
        return STATUS_INVALID_PARAMETER;
    pthread_mutex_lock(&partition->lock);
    struct name *name = find(partition, link);
    if (name && name->owner == &symbolic_link)
        RemoveEntryList(&name->entry);
    else
        name = NULL;
    pthread_mutex_unlock(&partition->lock);
    free(name);
    return name ? STATUS_SUCCESS : STATUS_OBJECT_NAME_NOT_FOUND;
}

/* \\??\\0123456789ABCDEF#{class}, and \\reference behind it. */
static NTSTATUS interface_name(PDEVICE_OBJECT pdo, PCUNICODE_STRING class_text, PCUNICODE_STRING reference,
                               PUNICODE_STRING name)
{
    char prefix[40];
    int count = snprintf(prefix, sizeof(prefix), "\\??\\%016llX#", (unsigned long long)(uintptr_t)pdo);
    size_t bytes = (size_t)(count + 2) * sizeof(WCHAR) + class_text->Length + (reference ? reference->Length : 0);
    if (bytes > UNICODE_STRING_MAX_BYTES)
        return STATUS_INVALID_PARAMETER;
    *name = (UNICODE_STRING){0, (USHORT)bytes, ExAllocatePoolWithTag(PagedPool, bytes, NT_TAG_NAME)};
    if (!name->Buffer)
        return STATUS_INSUFFICIENT_RESOURCES;
    for (int i = 0; i < count; i++)
        name->Buffer[i] = (UCHAR)prefix[i];
    name->Length = (USHORT)((size_t)count * sizeof(WCHAR));
    RtlAppendUnicodeStringToString(name, class_text);
    if (reference) {
        RtlAppendUnicodeToString(name, L"\\");
        RtlAppendUnicodeStringToString(name, reference);
    }
    return STATUS_SUCCESS;
}

/* Registering an interface again names the same one. */
NT_EXPORT NTSTATUS IoRegisterDeviceInterface(PDEVICE_OBJECT pdo, CONST GUID *class_guid, PUNICODE_STRING reference,
                                             PUNICODE_STRING link)
{
    UNICODE_STRING class_text;
    *link = (UNICODE_STRING){0};
    NTSTATUS status = RtlStringFromGUID(class_guid, &class_text);
    if (!NT_SUCCESS(status))
        return status;
    status = interface_name(pdo, &class_text, reference, link);
    RtlFreeUnicodeString(&class_text);
    if (NT_SUCCESS(status))
        status = nt_name_add(nt_device_partition(pdo), link, &device_interface);
    if (NT_SUCCESS(status) || status == STATUS_OBJECT_NAME_COLLISION)
        return STATUS_SUCCESS;
    RtlFreeUnicodeString(link);
    return status;
}

NT_EXPORT NTSTATUS IoSetDeviceInterfaceState(PUNICODE_STRING link, BOOLEAN enable)
{
    struct nt_partition *partition = nt_partition_current;
    NTSTATUS status = STATUS_OBJECT_NAME_NOT_FOUND;
    if (!partition)
        return status;
    pthread_mutex_lock(&partition->lock);
    struct name *name = find(partition, link);
    if (name && name->owner == &device_interface && name->enabled != !!enable) {
        name->enabled = !!enable;
        status = STATUS_SUCCESS;
    } else if (name && enable) {
        status = STATUS_OBJECT_NAME_EXISTS;
    }
    pthread_mutex_unlock(&partition->lock);
    return status;
}
