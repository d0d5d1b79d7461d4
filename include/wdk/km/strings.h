/* SPDX-License-Identifier: MIT
 *
 * C string functions on 16-bit characters and the checked ones. The host's libc has 32-bit wide characters, so the
 * names of the wide functions stand for functions of our own (drivers.md 4).
 */
#ifndef VFPLANE_WDK_STRINGS_H
#define VFPLANE_WDK_STRINGS_H

#include "types.h"

VFPLANE_BEGIN_C

#define wcslen    vfplane_wcslen
#define wcsnlen   vfplane_wcsnlen
#define wcscmp    vfplane_wcscmp
#define wcsncmp   vfplane_wcsncmp
#define _wcsicmp  vfplane_wcsicmp
#define _wcsnicmp vfplane_wcsnicmp
#define wcscpy    vfplane_wcscpy
#define wcsncpy   vfplane_wcsncpy
#define wcscat    vfplane_wcscat
#define wcschr    vfplane_wcschr
#define wcsrchr   vfplane_wcsrchr
#define wcsstr    vfplane_wcsstr

VFPLANE_INLINE size_t wcsnlen(const wchar_t *s, size_t most)
{
    size_t n = 0;

    while (n < most && s[n] != 0)
        n++;
    return n;
}
VFPLANE_INLINE size_t wcslen(const wchar_t *s)
{
    return wcsnlen(s, (size_t)-1);
}
VFPLANE_INLINE int wcsncmp(const wchar_t *a, const wchar_t *b, size_t n)
{
    for (; n > 0; n--, a++, b++)
        if (*a != *b || *a == 0)
            return (int)*a - (int)*b;
    return 0;
}
VFPLANE_INLINE int wcscmp(const wchar_t *a, const wchar_t *b)
{
    return wcsncmp(a, b, (size_t)-1);
}
VFPLANE_INLINE wchar_t vfplane_lower(wchar_t c)
{
    return c >= L'A' && c <= L'Z' ? (wchar_t)(c + 32) : c;
}
VFPLANE_INLINE int _wcsnicmp(const wchar_t *a, const wchar_t *b, size_t n)
{
    for (; n > 0; n--, a++, b++)
        if (vfplane_lower(*a) != vfplane_lower(*b) || *a == 0)
            return (int)vfplane_lower(*a) - (int)vfplane_lower(*b);
    return 0;
}
VFPLANE_INLINE int _wcsicmp(const wchar_t *a, const wchar_t *b)
{
    return _wcsnicmp(a, b, (size_t)-1);
}
VFPLANE_INLINE wchar_t *wcsncpy(wchar_t *to, const wchar_t *from, size_t n)
{
    size_t length = wcsnlen(from, n);

    for (size_t i = 0; i < n; i++)
        to[i] = i < length ? from[i] : (wchar_t)0;
    return to;
}
VFPLANE_INLINE wchar_t *wcscpy(wchar_t *to, const wchar_t *from)
{
    return wcsncpy(to, from, wcslen(from) + 1);
}
VFPLANE_INLINE wchar_t *wcscat(wchar_t *to, const wchar_t *from)
{
    wcscpy(to + wcslen(to), from);
    return to;
}
VFPLANE_INLINE wchar_t *wcschr(const wchar_t *s, wchar_t c)
{
    for (;; s++) {
        if (*s == c)
            return (wchar_t *)s;
        if (*s == 0)
            return 0;
    }
}
VFPLANE_INLINE wchar_t *wcsrchr(const wchar_t *s, wchar_t c)
{
    const wchar_t *last = 0;

    do {
        if (*s == c)
            last = s;
    } while (*s++ != 0);
    return (wchar_t *)last;
}
VFPLANE_INLINE wchar_t *wcsstr(const wchar_t *s, const wchar_t *what)
{
    size_t length = wcslen(what);

    for (; *s != 0 || length == 0; s++)
        if (wcsncmp(s, what, length) == 0)
            return (wchar_t *)s;
    return 0;
}

VFPLANE_END_C

#endif
