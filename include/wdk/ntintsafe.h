/* SPDX-License-Identifier: MIT
 *
 * Arithmetic and conversions that fail with STATUS_INTEGER_OVERFLOW (result all ones) instead of wrapping. Any IRQL.
 */
#ifndef VFPLANE_WDK_NTINTSAFE_H
#define VFPLANE_WDK_NTINTSAFE_H

#include "ntdef.h"

VFPLANE_BEGIN_C

#define VFPLANE_INTSAFE(name, type, operation)                                                                         \
    VFPLANE_INLINE NTSTATUS name(type a, type b, type *result)                                                         \
    {                                                                                                                  \
        if (!__builtin_##operation##_overflow(a, b, result))                                                           \
            return STATUS_SUCCESS;                                                                                     \
        *result = (type) ~(type)0;                                                                                     \
        return STATUS_INTEGER_OVERFLOW;                                                                                \
    }
#define VFPLANE_INTSAFE_TYPE(Name, type)                                                                               \
    VFPLANE_INTSAFE(Rtl##Name##Add, type, add)                                                                         \
    VFPLANE_INTSAFE(Rtl##Name##Sub, type, sub)                                                                         \
    VFPLANE_INTSAFE(Rtl##Name##Mult, type, mul)
VFPLANE_INTSAFE_TYPE(UShort, USHORT)
VFPLANE_INTSAFE_TYPE(UInt, UINT)
VFPLANE_INTSAFE_TYPE(ULong, ULONG)
VFPLANE_INTSAFE_TYPE(ULongLong, ULONGLONG)
VFPLANE_INTSAFE_TYPE(ULongPtr, ULONG_PTR)
VFPLANE_INTSAFE_TYPE(SizeT, SIZE_T)

#define VFPLANE_INTSAFE_CONVERT(name, from, to)                                                                        \
    VFPLANE_INLINE NTSTATUS name(from value, to *result)                                                               \
    {                                                                                                                  \
        *result = (to)value;                                                                                           \
        if ((from)*result == value)                                                                                    \
            return STATUS_SUCCESS;                                                                                     \
        *result = (to) ~(to)0;                                                                                         \
        return STATUS_INTEGER_OVERFLOW;                                                                                \
    }
VFPLANE_INTSAFE_CONVERT(RtlSizeTToULong, SIZE_T, ULONG)
VFPLANE_INTSAFE_CONVERT(RtlULongLongToULong, ULONGLONG, ULONG)
VFPLANE_INTSAFE_CONVERT(RtlULongToUShort, ULONG, USHORT)
VFPLANE_INTSAFE_CONVERT(RtlULongToUChar, ULONG, UCHAR)
VFPLANE_INTSAFE_CONVERT(RtlULongLongToSizeT, ULONGLONG, SIZE_T)

VFPLANE_END_C

#endif
