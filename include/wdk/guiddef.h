/* SPDX-License-Identifier: MIT
 *
 * GUID, and DEFINE_GUID in its two senses: a declaration, or after <initguid.h> a definition. Definitions are weak, so
 * that several files of one driver may each include <initguid.h>.
 */
#ifndef VFPLANE_WDK_GUIDDEF_H
#define VFPLANE_WDK_GUIDDEF_H

#include "km/types.h"

/* 128-bit name of an interface, a device class, an event; 4-byte aligned. */
typedef struct _GUID {
    ULONG Data1;
    USHORT Data2;
    USHORT Data3;
    UCHAR Data4[8];
} GUID, *PGUID, *LPGUID;
typedef const GUID *LPCGUID, *PCGUID;
typedef GUID CLSID, IID;

C_ASSERT(sizeof(GUID) == 16);

VFPLANE_INLINE int vfplane_guid_equal(const GUID *a, const GUID *b)
{
    return __builtin_memcmp(a, b, sizeof(GUID)) == 0;
}

#ifdef __cplusplus
/* TRUE if both GUIDs are the same. C++ compares references, C compares pointers, as in the WDK. */
extern "C++" {
static inline int IsEqualGUID(const GUID &a, const GUID &b)
{
    return vfplane_guid_equal(&a, &b);
}
static inline bool operator==(const GUID &a, const GUID &b)
{
    return vfplane_guid_equal(&a, &b) != 0;
}
static inline bool operator!=(const GUID &a, const GUID &b)
{
    return vfplane_guid_equal(&a, &b) == 0;
}
}
#define VFPLANE_GUID_LINKAGE extern "C"
#else
#define IsEqualGUID(a, b)    vfplane_guid_equal(a, b)
#define VFPLANE_GUID_LINKAGE extern
#endif
#define IsEqualIID(a, b)        IsEqualGUID(a, b)
#define InlineIsEqualGUID(a, b) IsEqualGUID(a, b)

#endif

#undef DEFINE_GUID
#if defined(INITGUID)
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8)                                                   \
    VFPLANE_GUID_LINKAGE const GUID name __attribute__((__weak__));                                                    \
    const GUID name = {l, w1, w2, {b1, b2, b3, b4, b5, b6, b7, b8}}
#else
#define DEFINE_GUID(name, l, w1, w2, b1, b2, b3, b4, b5, b6, b7, b8) VFPLANE_GUID_LINKAGE const GUID name
#endif
