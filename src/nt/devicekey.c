/* SPDX-License-Identifier: MIT
 *
 * The software key of a device, where its driver's keywords are. What is in it is known above this room.
 */
#include "nt/internal.h"

#include <stdlib.h>

#define NT_VALUE_NAME_MAX 256u

void nt_device_values(struct nt_partition *partition, char *(*value)(struct nt_partition *partition, const char *name))
{
    partition->device_value = value;
}

NT_EXPORT NTSTATUS IoOpenDeviceRegistryKey(PDEVICE_OBJECT pdo, ULONG kind, ULONG access, PHANDLE key)
{
    (void)access;
    *key = NULL;
    if (!nt_irql_at_most(PASSIVE_LEVEL, "IoOpenDeviceRegistryKey"))
        return STATUS_INVALID_DEVICE_STATE;
    if (kind != PLUGPLAY_REGKEY_DRIVER)
        return STATUS_INVALID_PARAMETER;
    struct nt_partition *partition = nt_device_partition(pdo);
    void *body = nt_fault("IoOpenDeviceRegistryKey") ? NULL : nt_object_create(partition, NT_OBJECT_KEY, 1, NULL);
    if (!body)
        return STATUS_INSUFFICIENT_RESOURCES;
    *key = nt_handle_create(partition, body);
    if (*key)
        return STATUS_SUCCESS;
    nt_object_dereference(body);
    return STATUS_INSUFFICIENT_RESOURCES;
}

/* Keywords are ASCII; a name that is not has no match. */
static char *value_of(struct nt_partition *partition, PCUNICODE_STRING name)
{
    char text[NT_VALUE_NAME_MAX];
    size_t length = name->Length / sizeof(WCHAR);
    if (!partition->device_value || length >= sizeof(text))
        return NULL;
    for (size_t i = 0; i < length; i++)
        text[i] = name->Buffer[i] < 128 ? (char)name->Buffer[i] : '?';
    text[length] = 0;
    return partition->device_value(partition, text);
}

static bool is_number(const char *text, ULONG *number)
{
    char *end;
    unsigned long value = strtoul(text, &end, text[0] == '0' && (text[1] | 0x20) == 'x' ? 16 : 10);
    *number = (ULONG)value;
    return end != text && *end == 0 && value <= MAXULONG;
}

/* Fills in what there is room for. */
static NTSTATUS answer(PKEY_VALUE_PARTIAL_INFORMATION out, ULONG room, ULONG type, const void *data, ULONG size,
                       PULONG needed)
{
    const ULONG header = offsetof(KEY_VALUE_PARTIAL_INFORMATION, Data);
    *needed = header + size;
    if (room < header)
        return STATUS_BUFFER_TOO_SMALL;
    out->TitleIndex = 0;
    out->Type = type;
    out->DataLength = size;
    if (room < *needed)
        return STATUS_BUFFER_OVERFLOW;
    memcpy(out->Data, data, size);
    return STATUS_SUCCESS;
}

static NTSTATUS answer_text(PKEY_VALUE_PARTIAL_INFORMATION out, ULONG room, const char *text, PULONG needed)
{
    WCHAR wide[NT_VALUE_NAME_MAX];
    ULONG length = 0;
    while (text[length] && length + 1 < RTL_NUMBER_OF(wide)) {
        wide[length] = (UCHAR)text[length];
        length++;
    }
    wide[length++] = 0;
    return answer(out, room, REG_SZ, wide, length * (ULONG)sizeof(WCHAR), needed);
}

NT_EXPORT NTSTATUS ZwQueryValueKey(HANDLE key, PUNICODE_STRING name, KEY_VALUE_INFORMATION_CLASS information_class,
                                   PVOID information, ULONG room, PULONG needed)
{
    PVOID body;
    ULONG number;
    *needed = 0;
    if (!NT_SUCCESS(ObReferenceObjectByHandle(key, KEY_READ, NULL, KernelMode, &body, NULL)))
        return STATUS_INVALID_HANDLE;
    bool is_key = nt_object_of(body)->type == NT_OBJECT_KEY;
    struct nt_partition *partition = nt_object_of(body)->partition;
    nt_object_dereference(body);
    if (!is_key)
        return STATUS_INVALID_HANDLE;
    if (information_class != KeyValuePartialInformation)
        return STATUS_INVALID_PARAMETER;
    char *text = value_of(partition, name);
    if (!text)
        return STATUS_OBJECT_NAME_NOT_FOUND;
    NTSTATUS status = is_number(text, &number) ? answer(information, room, REG_DWORD, &number, sizeof(number), needed)
                                               : answer_text(information, room, text, needed);
    free(text);
    return status;
}
