/* SPDX-License-Identifier: MIT
 *
 * Formatting into buffers and the _s functions. In a format `l` is 32 bits and `I64` 64, `S`, `ws` and `wZ` are 16-bit
 * strings (drivers.md 3). Any IRQL for narrow text; PASSIVE_LEVEL where wide text is converted.
 */
#ifndef VFPLANE_WDK_FORMAT_H
#define VFPLANE_WDK_FORMAT_H

#include "strings.h"

VFPLANE_BEGIN_C

/* At most `size` characters, terminated only if there is room. The length of the text, or -1 if it did not fit. */
int _vsnprintf(char *buffer, size_t size, const char *format, va_list arguments);
int _vsnwprintf(wchar_t *buffer, size_t size, const wchar_t *format, va_list arguments);

/* The values of errno_t that the _s functions return. */
#define VFPLANE_EINVAL 22
#define VFPLANE_ERANGE 34
typedef int errno_t;

#define VFPLANE_FORMAT_FUNCTIONS(character, snprintf_name, sprintf_s_name, vsnprintf_name)                             \
    VFPLANE_INLINE int snprintf_name(character *buffer, size_t size, const character *format, ...)                     \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        int length;                                                                                                    \
                                                                                                                       \
        va_start(arguments, format);                                                                                   \
        length = vsnprintf_name(buffer, size, format, arguments);                                                      \
        va_end(arguments);                                                                                             \
        return length;                                                                                                 \
    }                                                                                                                  \
    VFPLANE_INLINE int v##sprintf_s_name(character *buffer, size_t size, const character *format, va_list arguments)   \
    {                                                                                                                  \
        int length = size == 0 ? -1 : vsnprintf_name(buffer, size, format, arguments);                                 \
                                                                                                                       \
        if (length >= 0 && (size_t)length < size)                                                                      \
            return length;                                                                                             \
        if (size != 0)                                                                                                 \
            buffer[0] = 0;                                                                                             \
        return -1;                                                                                                     \
    }                                                                                                                  \
    VFPLANE_INLINE int sprintf_s_name(character *buffer, size_t size, const character *format, ...)                    \
    {                                                                                                                  \
        va_list arguments;                                                                                             \
        int length;                                                                                                    \
                                                                                                                       \
        va_start(arguments, format);                                                                                   \
        length = v##sprintf_s_name(buffer, size, format, arguments);                                                   \
        va_end(arguments);                                                                                             \
        return length;                                                                                                 \
    }

/* _snprintf, _snwprintf: as _vsnprintf. sprintf_s, swprintf_s, v...: terminated; -1 and an empty text if it does not
 * fit. */
VFPLANE_FORMAT_FUNCTIONS(char, _snprintf, sprintf_s, _vsnprintf)
VFPLANE_FORMAT_FUNCTIONS(wchar_t, _snwprintf, swprintf_s, _vsnwprintf)

/* Appends `from` behind the first `at` characters of `to`, which has `size`; 0, or an error and an empty text. */
#define VFPLANE_COPY_FUNCTIONS(character, strcpy_s_name, strcat_s_name)                                                \
    VFPLANE_INLINE errno_t strcpy_s_name(character *to, size_t size, const character *from)                            \
    {                                                                                                                  \
        size_t i = 0;                                                                                                  \
                                                                                                                       \
        if (to == NULL || size == 0)                                                                                   \
            return VFPLANE_EINVAL;                                                                                     \
        for (; from != NULL && i < size; i++)                                                                          \
            if ((to[i] = from[i]) == 0)                                                                                \
                return 0;                                                                                              \
        to[0] = 0;                                                                                                     \
        return from == NULL ? VFPLANE_EINVAL : VFPLANE_ERANGE;                                                         \
    }                                                                                                                  \
    VFPLANE_INLINE errno_t strcat_s_name(character *to, size_t size, const character *from)                            \
    {                                                                                                                  \
        size_t at = 0;                                                                                                 \
        errno_t status;                                                                                                \
                                                                                                                       \
        while (to != NULL && at < size && to[at] != 0)                                                                 \
            at++;                                                                                                      \
        if (to == NULL || at == size)                                                                                  \
            return VFPLANE_EINVAL;                                                                                     \
        status = strcpy_s_name(to + at, size - at, from);                                                              \
        if (status != 0)                                                                                               \
            to[0] = 0;                                                                                                 \
        return status;                                                                                                 \
    }
VFPLANE_COPY_FUNCTIONS(char, strcpy_s, strcat_s)
VFPLANE_COPY_FUNCTIONS(wchar_t, wcscpy_s, wcscat_s)

VFPLANE_END_C

/* In C++ an array knows its size. */
#if defined(__cplusplus)
extern "C++" {
template <size_t Size> static inline errno_t strcpy_s(char (&to)[Size], const char *from)
{
    return strcpy_s(to, Size, from);
}
template <size_t Size> static inline errno_t strcat_s(char (&to)[Size], const char *from)
{
    return strcat_s(to, Size, from);
}
template <size_t Size> static inline errno_t wcscpy_s(wchar_t (&to)[Size], const wchar_t *from)
{
    return wcscpy_s(to, Size, from);
}
template <size_t Size> static inline errno_t wcscat_s(wchar_t (&to)[Size], const wchar_t *from)
{
    return wcscat_s(to, Size, from);
}
}
#endif

#endif
