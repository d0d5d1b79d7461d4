/* SPDX-License-Identifier: MIT
 *
 * Counted strings. Lengths are bytes; 8-bit strings are taken as Latin-1.
 */
#include "nt/internal.h"

#define NT_TAG_STRING 0x67727453u /* "Strg" */
#define NT_MAX_BYTES  0xFFFEu     /* longest string a USHORT can count in whole characters */

NT_EXPORT VOID RtlInitUnicodeString(PUNICODE_STRING to, PCWSTR from)
{
    size_t bytes = from ? wcslen(from) * sizeof(WCHAR) : 0;
    if (bytes > NT_MAX_BYTES - sizeof(WCHAR))
        bytes = NT_MAX_BYTES - sizeof(WCHAR);
    to->Length = (USHORT)bytes;
    to->MaximumLength = (USHORT)(from ? bytes + sizeof(WCHAR) : 0);
    to->Buffer = (PWSTR)(uintptr_t)from;
}

NT_EXPORT VOID RtlInitAnsiString(PANSI_STRING to, PCSZ from)
{
    size_t bytes = from ? strlen(from) : 0;
    if (bytes > NT_MAX_BYTES - 1)
        bytes = NT_MAX_BYTES - 1;
    to->Length = (USHORT)bytes;
    to->MaximumLength = (USHORT)(from ? bytes + 1 : 0);
    to->Buffer = (PCHAR)(uintptr_t)from;
}

NT_EXPORT VOID RtlCopyUnicodeString(PUNICODE_STRING to, PCUNICODE_STRING from)
{
    USHORT bytes = from ? from->Length : 0;
    if (bytes > to->MaximumLength)
        bytes = to->MaximumLength;
    to->Length = bytes;
    if (bytes)
        memmove(to->Buffer, from->Buffer, bytes);
    if (bytes + sizeof(WCHAR) <= to->MaximumLength)
        to->Buffer[bytes / sizeof(WCHAR)] = 0;
}

NT_EXPORT WCHAR RtlUpcaseUnicodeChar(WCHAR c)
{
    if ((c >= L'a' && c <= L'z') || (c >= 0xE0 && c <= 0xFE && c != 0xF7))
        return (WCHAR)(c - 0x20);
    return c == 0xFF ? 0x178 : c;
}

NT_EXPORT LONG RtlCompareUnicodeString(PCUNICODE_STRING a, PCUNICODE_STRING b, BOOLEAN ignore_case)
{
    USHORT shorter = (a->Length < b->Length ? a->Length : b->Length) / sizeof(WCHAR);
    for (USHORT i = 0; i < shorter; i++) {
        WCHAR x = ignore_case ? RtlUpcaseUnicodeChar(a->Buffer[i]) : a->Buffer[i];
        WCHAR y = ignore_case ? RtlUpcaseUnicodeChar(b->Buffer[i]) : b->Buffer[i];
        if (x != y)
            return (LONG)x - (LONG)y;
    }
    return (LONG)a->Length - (LONG)b->Length;
}

NT_EXPORT BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING a, PCUNICODE_STRING b, BOOLEAN ignore_case)
{
    return a->Length == b->Length && RtlCompareUnicodeString(a, b, ignore_case) == 0;
}

NT_EXPORT NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING to, PCUNICODE_STRING from)
{
    if ((ULONG)to->Length + from->Length > to->MaximumLength)
        return STATUS_BUFFER_TOO_SMALL;
    if (from->Length)
        memmove((PCHAR)to->Buffer + to->Length, from->Buffer, from->Length);
    to->Length = (USHORT)(to->Length + from->Length);
    if (to->Length + sizeof(WCHAR) <= to->MaximumLength)
        to->Buffer[to->Length / sizeof(WCHAR)] = 0;
    return STATUS_SUCCESS;
}

NT_EXPORT NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING to, PCWSTR from)
{
    size_t bytes = from ? wcslen(from) * sizeof(WCHAR) : 0;
    if (bytes > NT_MAX_BYTES)
        return STATUS_BUFFER_TOO_SMALL;
    UNICODE_STRING text = {(USHORT)bytes, (USHORT)bytes, (PWSTR)(uintptr_t)from};
    return RtlAppendUnicodeStringToString(to, &text);
}

/* ---- conversion ---------------------------------------------------------------------------------------------------
 */

/* Room for `bytes` in a string: the caller's own, or allocated. */
static NTSTATUS make_room(PVOID *buffer, PUSHORT maximum, ULONG bytes, BOOLEAN allocate)
{
    if (bytes > NT_MAX_BYTES)
        return STATUS_INVALID_PARAMETER_2;
    if (!allocate)
        return bytes <= *maximum ? STATUS_SUCCESS : STATUS_BUFFER_OVERFLOW;
    PVOID made = ExAllocatePoolWithTag(PagedPool, bytes, NT_TAG_STRING);
    if (!made)
        return STATUS_NO_MEMORY;
    *buffer = made;
    *maximum = (USHORT)bytes;
    return STATUS_SUCCESS;
}

NT_EXPORT NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING to, PCANSI_STRING from, BOOLEAN allocate)
{
    PVOID buffer = to->Buffer;
    NTSTATUS status = make_room(&buffer, &to->MaximumLength, (from->Length + 1u) * sizeof(WCHAR), allocate);
    if (!NT_SUCCESS(status))
        return status;
    to->Buffer = buffer;
    to->Length = (USHORT)(from->Length * sizeof(WCHAR));
    for (USHORT i = 0; i < from->Length; i++)
        to->Buffer[i] = (UCHAR)from->Buffer[i];
    to->Buffer[from->Length] = 0;
    return STATUS_SUCCESS;
}

NT_EXPORT NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING to, PCUNICODE_STRING from, BOOLEAN allocate)
{
    USHORT count = from->Length / sizeof(WCHAR);
    PVOID buffer = to->Buffer;
    NTSTATUS status = make_room(&buffer, &to->MaximumLength, count + 1u, allocate);
    if (!NT_SUCCESS(status))
        return status;
    to->Buffer = buffer;
    to->Length = count;
    for (USHORT i = 0; i < count; i++)
        to->Buffer[i] = (CHAR)(from->Buffer[i] <= 0xFF ? from->Buffer[i] : '?');
    to->Buffer[count] = 0;
    return STATUS_SUCCESS;
}

NT_EXPORT VOID RtlFreeUnicodeString(PUNICODE_STRING string)
{
    if (string->Buffer)
        ExFreePool(string->Buffer);
    *string = (UNICODE_STRING){0};
}

NT_EXPORT VOID RtlFreeAnsiString(PANSI_STRING string)
{
    if (string->Buffer)
        ExFreePool(string->Buffer);
    *string = (ANSI_STRING){0};
}

/* ---- numbers ------------------------------------------------------------------------------------------------------
 */

static unsigned digit_of(WCHAR c)
{
    if (c >= L'0' && c <= L'9')
        return c - L'0';
    c = RtlUpcaseUnicodeChar(c);
    return c >= L'A' && c <= L'F' ? c - L'A' + 10u : 99u;
}

/* Base 0: the text says (0x, 0o, 0b; else decimal). Returns the base, 0 = no such base. */
static ULONG find_base(PCUNICODE_STRING string, USHORT *at, ULONG base)
{
    static const struct {
        WCHAR letter;
        ULONG base;
    } prefixes[] = {{L'x', 16}, {L'o', 8}, {L'b', 2}};
    if (base)
        return base == 2 || base == 8 || base == 10 || base == 16 ? base : 0;
    if (*at + 1 < string->Length / 2 && string->Buffer[*at] == L'0')
        for (size_t i = 0; i < RTL_NUMBER_OF(prefixes); i++)
            if (string->Buffer[*at + 1] == prefixes[i].letter) {
                *at += 2;
                return prefixes[i].base;
            }
    return 10;
}

NT_EXPORT NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING string, ULONG base, PULONG value)
{
    USHORT at = 0, count = string->Length / sizeof(WCHAR);
    ULONG sum = 0;
    while (at < count && string->Buffer[at] <= L' ')
        at++;
    bool negative = at < count && string->Buffer[at] == L'-';
    if (at < count && (string->Buffer[at] == L'-' || string->Buffer[at] == L'+'))
        at++;
    base = find_base(string, &at, base);
    if (!base)
        return STATUS_INVALID_PARAMETER;
    for (; at < count && digit_of(string->Buffer[at]) < base; at++)
        sum = sum * base + digit_of(string->Buffer[at]);
    *value = negative ? 0 - sum : sum;
    return STATUS_SUCCESS;
}

NT_EXPORT NTSTATUS RtlIntegerToUnicodeString(ULONG value, ULONG base, PUNICODE_STRING string)
{
    WCHAR digits[33];
    USHORT at = RTL_NUMBER_OF(digits);
    base = base ? base : 10;
    if (base != 2 && base != 8 && base != 10 && base != 16)
        return STATUS_INVALID_PARAMETER;
    do
        digits[--at] = (WCHAR) "0123456789ABCDEF"[value % base];
    while ((value /= base) != 0);
    USHORT bytes = (USHORT)((RTL_NUMBER_OF(digits) - at) * sizeof(WCHAR));
    if (bytes > string->MaximumLength)
        return STATUS_BUFFER_OVERFLOW;
    UNICODE_STRING text = {bytes, bytes, digits + at};
    RtlCopyUnicodeString(string, &text);
    return STATUS_SUCCESS;
}

/* ---- GUIDs: {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx} ----------------------------------------------------------------
 */

#define NT_GUID_CHARS 38u
/* Where the two digits of each of the 16 bytes stand, in the order of GUID's bytes in memory. */
static const UCHAR guid_digits[16] = {7, 5, 3, 1, 12, 10, 17, 15, 20, 22, 25, 27, 29, 31, 33, 35};

NT_EXPORT NTSTATUS RtlStringFromGUID(CONST GUID *guid, PUNICODE_STRING string)
{
    PVOID buffer = NULL;
    NTSTATUS status = make_room(&buffer, &string->MaximumLength, (NT_GUID_CHARS + 1) * sizeof(WCHAR), TRUE);
    if (!NT_SUCCESS(status))
        return status;
    string->Buffer = buffer;
    string->Length = NT_GUID_CHARS * sizeof(WCHAR);
    wcscpy(string->Buffer, L"{00000000-0000-0000-0000-000000000000}");
    for (unsigned i = 0; i < 16; i++) {
        UCHAR byte = ((const UCHAR *)guid)[i];
        string->Buffer[guid_digits[i]] = (WCHAR) "0123456789ABCDEF"[byte >> 4];
        string->Buffer[guid_digits[i] + 1] = (WCHAR) "0123456789ABCDEF"[byte & 15];
    }
    return STATUS_SUCCESS;
}

NT_EXPORT NTSTATUS RtlGUIDFromString(PCUNICODE_STRING string, GUID *guid)
{
    static const UCHAR dashes[] = {9, 14, 19, 24};
    GUID result;
    if (string->Length != NT_GUID_CHARS * sizeof(WCHAR) || string->Buffer[0] != L'{' ||
        string->Buffer[NT_GUID_CHARS - 1] != L'}')
        return STATUS_INVALID_PARAMETER;
    for (unsigned i = 0; i < sizeof(dashes); i++)
        if (string->Buffer[dashes[i]] != L'-')
            return STATUS_INVALID_PARAMETER;
    for (unsigned i = 0; i < 16; i++) {
        unsigned high = digit_of(string->Buffer[guid_digits[i]]), low = digit_of(string->Buffer[guid_digits[i] + 1]);
        if (high > 15 || low > 15)
            return STATUS_INVALID_PARAMETER;
        ((UCHAR *)&result)[i] = (UCHAR)(high << 4 | low);
    }
    *guid = result;
    return STATUS_SUCCESS;
}

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

NT_EXPORT SIZE_T RtlCompareMemory(const VOID *a, const VOID *b, SIZE_T length)
{
    const UCHAR *x = a, *y = b;
    SIZE_T same = 0;
    while (same < length && x[same] == y[same])
        same++;
    return same;
}

NT_EXPORT PVOID RtlSecureZeroMemory(PVOID memory, SIZE_T length)
{
    volatile UCHAR *byte = memory;
    while (length--)
        *byte++ = 0;
    return memory;
}
