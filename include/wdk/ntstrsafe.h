/* SPDX-License-Identifier: MIT
 *
 * Checked string functions. Sizes count characters (Cch) or bytes (Cb), terminator included. Copying and printing: the
 * result is terminated; STATUS_BUFFER_OVERFLOW if it was cut, STATUS_INVALID_PARAMETER if the size is 0 or over
 * NTSTRSAFE_MAX_CCH characters. PASSIVE_LEVEL for wide text, any IRQL for narrow.
 */
#ifndef VFPLANE_WDK_NTSTRSAFE_H
#define VFPLANE_WDK_NTSTRSAFE_H

#include "ntdef.h"
#include "km/format.h"

VFPLANE_BEGIN_C

#define NTSTRSAFE_MAX_CCH                2147483647
#define NTSTRSAFE_MAX_LENGTH             (NTSTRSAFE_MAX_CCH - 1)
#define NTSTRSAFE_UNICODE_STRING_MAX_CCH (0xffff / sizeof(wchar_t))
typedef char *NTSTRSAFE_PSTR;
typedef const char *NTSTRSAFE_PCSTR;
typedef wchar_t *NTSTRSAFE_PWSTR;
typedef const wchar_t *NTSTRSAFE_PCWSTR;

/* One set of functions for a character type: W or A. */
#define VFPLANE_STRSAFE(X, character, vsnprintf_name)                                                                  \
    /* Appends at most `most` characters of `from` at to[at]. */                                                       \
    VFPLANE_INLINE NTSTATUS vfplane_append##X(character *to, size_t size, size_t at, const character *from,            \
                                              size_t most)                                                             \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
                                                                                                                       \
        while (i < most && from[i] != 0 && at + 1 < size)                                                              \
            to[at++] = from[i++];                                                                                      \
        to[at] = 0;                                                                                                    \
        return i < most && from[i] != 0 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;                                     \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCchLength##X(const character *text, size_t most, size_t *length)                  \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
                                                                                                                       \
        while (text != NULL && most <= NTSTRSAFE_MAX_CCH && i < most && text[i] != 0)                                  \
            i++;                                                                                                       \
        if (text == NULL || most > NTSTRSAFE_MAX_CCH || i == most)                                                     \
            i = (size_t)-1;                                                                                            \
        if (length != NULL)                                                                                            \
            *length = i == (size_t)-1 ? 0 : i;                                                                         \
        return i == (size_t)-1 ? STATUS_INVALID_PARAMETER : STATUS_SUCCESS;                                            \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCchCopyN##X(character *to, size_t size, const character *from, size_t most)       \
    {                                                                                                                  \
        if (size == 0 || size > NTSTRSAFE_MAX_CCH)                                                                     \
            return STATUS_INVALID_PARAMETER;                                                                           \
        return vfplane_append##X(to, size, 0, from, most);                                                             \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCchCopy##X(character *to, size_t size, const character *from)                     \
    {                                                                                                                  \
        return RtlStringCchCopyN##X(to, size, from, NTSTRSAFE_MAX_LENGTH);                                             \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCchCatN##X(character *to, size_t size, const character *from, size_t most)        \
    {                                                                                                                  \
        size_t at = 0;                                                                                                 \
        NTSTATUS status = RtlStringCchLength##X(to, size, &at);                                                        \
                                                                                                                       \
        return NT_SUCCESS(status) ? vfplane_append##X(to, size, at, from, most) : status;                              \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCchCat##X(character *to, size_t size, const character *from)                      \
    {                                                                                                                  \
        return RtlStringCchCatN##X(to, size, from, NTSTRSAFE_MAX_LENGTH);                                              \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCchVPrintf##X(character *to, size_t size, const character *format,                \
                                                   va_list arguments)                                                  \
    {                                                                                                                  \
        int length;                                                                                                    \
                                                                                                                       \
        if (size == 0 || size > NTSTRSAFE_MAX_CCH)                                                                     \
            return STATUS_INVALID_PARAMETER;                                                                           \
        length = vsnprintf_name(to, size, format, arguments);                                                          \
        if (length >= 0 && (size_t)length < size)                                                                      \
            return STATUS_SUCCESS;                                                                                     \
        to[size - 1] = 0;                                                                                              \
        return STATUS_BUFFER_OVERFLOW;                                                                                 \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCchPrintf##X(character *to, size_t size, const character *format, ...)            \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        NTSTATUS status;                                                                                               \
                                                                                                                       \
        va_start(arguments, format);                                                                                   \
        status = RtlStringCchVPrintf##X(to, size, format, arguments);                                                  \
        va_end(arguments);                                                                                             \
        return status;                                                                                                 \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCbLength##X(const character *text, size_t bytes, size_t *length)                  \
    {                                                                                                                  \
        NTSTATUS status = RtlStringCchLength##X(text, bytes / sizeof(character), length);                              \
                                                                                                                       \
        if (length != NULL)                                                                                            \
            *length *= sizeof(character);                                                                              \
        return status;                                                                                                 \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCbCopy##X(character *to, size_t bytes, const character *from)                     \
    {                                                                                                                  \
        return RtlStringCchCopy##X(to, bytes / sizeof(character), from);                                               \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCbCopyN##X(character *to, size_t bytes, const character *from, size_t most)       \
    {                                                                                                                  \
        return RtlStringCchCopyN##X(to, bytes / sizeof(character), from, most / sizeof(character));                    \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCbCat##X(character *to, size_t bytes, const character *from)                      \
    {                                                                                                                  \
        return RtlStringCchCat##X(to, bytes / sizeof(character), from);                                                \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCbCatN##X(character *to, size_t bytes, const character *from, size_t most)        \
    {                                                                                                                  \
        return RtlStringCchCatN##X(to, bytes / sizeof(character), from, most / sizeof(character));                     \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCbVPrintf##X(character *to, size_t bytes, const character *format,                \
                                                  va_list arguments)                                                   \
    {                                                                                                                  \
        return RtlStringCchVPrintf##X(to, bytes / sizeof(character), format, arguments);                               \
    }                                                                                                                  \
    VFPLANE_INLINE NTSTATUS RtlStringCbPrintf##X(character *to, size_t bytes, const character *format, ...)            \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        NTSTATUS status;                                                                                               \
                                                                                                                       \
        va_start(arguments, format);                                                                                   \
        status = RtlStringCchVPrintf##X(to, bytes / sizeof(character), format, arguments);                             \
        va_end(arguments);                                                                                             \
        return status;                                                                                                 \
    }
VFPLANE_STRSAFE(A, char, _vsnprintf)
VFPLANE_STRSAFE(W, wchar_t, _vsnwprintf)

/* Prints into a counted string, which is not terminated; STATUS_BUFFER_OVERFLOW if it was cut to MaximumLength. */
VFPLANE_INLINE NTSTATUS RtlUnicodeStringVPrintf(PUNICODE_STRING to, const wchar_t *format, va_list arguments)
{
    size_t room = to->MaximumLength / sizeof(wchar_t);
    int length = room == 0 ? -1 : _vsnwprintf(to->Buffer, room, format, arguments);

    to->Length = (USHORT)((length < 0 ? room : (size_t)length) * sizeof(wchar_t));
    return length < 0 ? STATUS_BUFFER_OVERFLOW : STATUS_SUCCESS;
}
VFPLANE_INLINE NTSTATUS RtlUnicodeStringPrintf(PUNICODE_STRING to, const wchar_t *format, ...)
{
    va_list arguments;
    NTSTATUS status;

    va_start(arguments, format);
    status = RtlUnicodeStringVPrintf(to, format, arguments);
    va_end(arguments);
    return status;
}

/* Appends a terminated string to a counted one, or replaces it; STATUS_BUFFER_OVERFLOW if it was cut. */
VFPLANE_INLINE NTSTATUS RtlUnicodeStringCatString(PUNICODE_STRING to, const wchar_t *from)
{
    for (; *from != 0; from++, to->Length += sizeof(wchar_t)) {
        if (to->Length + sizeof(wchar_t) > to->MaximumLength)
            return STATUS_BUFFER_OVERFLOW;
        to->Buffer[to->Length / sizeof(wchar_t)] = *from;
    }
    return STATUS_SUCCESS;
}
VFPLANE_INLINE NTSTATUS RtlUnicodeStringCopyString(PUNICODE_STRING to, const wchar_t *from)
{
    to->Length = 0;
    return RtlUnicodeStringCatString(to, from);
}

/* A counted string of a terminated one, which must stay; STATUS_INVALID_PARAMETER if that is too long for one. */
VFPLANE_INLINE NTSTATUS RtlUnicodeStringInit(PUNICODE_STRING to, const wchar_t *from)
{
    size_t length = from == NULL ? 0 : wcslen(from);

    if (length >= NTSTRSAFE_UNICODE_STRING_MAX_CCH)
        return STATUS_INVALID_PARAMETER;
    to->Length = (USHORT)(length * sizeof(wchar_t));
    to->MaximumLength = (USHORT)(from == NULL ? 0 : (length + 1) * sizeof(wchar_t));
    to->Buffer = (PWSTR)from;
    return STATUS_SUCCESS;
}

VFPLANE_END_C

#endif
