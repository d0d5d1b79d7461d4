/* SPDX-License-Identifier: MIT
 *
 * Interlocked operations: full barriers, any IRQL, also on memory shared with other processes. They take a pointer to a
 * 32-bit LONG; a pointer to a driver's own `long` (64 bits here, 32 under Windows) is accepted too and treated as a
 * 32-bit number kept sign-extended in it (zero-extended in an `unsigned long`), so reading the variable gives the
 * 32-bit value.
 */
#ifndef VFPLANE_WDK_INTERLOCKED_H
#define VFPLANE_WDK_INTERLOCKED_H

#include "types.h"

VFPLANE_BEGIN_C

VFPLANE_INLINE LONG vfplane_add32(volatile LONG *p, LONG v)
{
    return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST);
}
VFPLANE_INLINE LONG vfplane_exchange32(volatile LONG *p, LONG v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
VFPLANE_INLINE LONG vfplane_compare32(volatile LONG *p, LONG v, LONG expected)
{
    __atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
VFPLANE_INLINE LONG vfplane_and32(volatile LONG *p, LONG v)
{
    return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
VFPLANE_INLINE LONG vfplane_or32(volatile LONG *p, LONG v)
{
    return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
VFPLANE_INLINE LONG vfplane_xor32(volatile LONG *p, LONG v)
{
    return __atomic_fetch_xor(p, v, __ATOMIC_SEQ_CST);
}

/* The same on a `long` that holds a 32-bit number: one compare-and-swap loop an operation. */
#define VFPLANE_LONG_OPERATION(name, type, result, value)                                                              \
    VFPLANE_INLINE LONG name(volatile type *p, LONG v)                                                                 \
    {                                                                                                                  \
        type before = __atomic_load_n(p, __ATOMIC_RELAXED);                                                            \
                                                                                                                       \
        while (!__atomic_compare_exchange_n(p, &before, (type)(value), 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))         \
            ;                                                                                                          \
        return result;                                                                                                 \
    }
#define VFPLANE_LONG_OPERATIONS(suffix, type, half)                                                                    \
    VFPLANE_LONG_OPERATION(vfplane_add##suffix, type, (LONG)((ULONG)before + (ULONG)v),                                \
                           (half)((ULONG)before + (ULONG)v))                                                           \
    VFPLANE_LONG_OPERATION(vfplane_exchange##suffix, type, (LONG)before, (half)v)                                      \
    VFPLANE_LONG_OPERATION(vfplane_and##suffix, type, (LONG)before, (half)((ULONG)before & (ULONG)v))                  \
    VFPLANE_LONG_OPERATION(vfplane_or##suffix, type, (LONG)before, (half)((ULONG)before | (ULONG)v))                   \
    VFPLANE_LONG_OPERATION(vfplane_xor##suffix, type, (LONG)before, (half)((ULONG)before ^ (ULONG)v))                  \
    VFPLANE_INLINE LONG vfplane_compare##suffix(volatile type *p, LONG v, LONG expected)                               \
    {                                                                                                                  \
        type before = (type)(half)expected;                                                                            \
                                                                                                                       \
        __atomic_compare_exchange_n(p, &before, (type)(half)v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);                 \
        return (LONG)before;                                                                                           \
    }
VFPLANE_LONG_OPERATIONS(_long, long, LONG)
VFPLANE_LONG_OPERATIONS(_ulong, unsigned long, ULONG)

/* *p += v; the value before. */
VFPLANE_INLINE LONG64 InterlockedExchangeAdd64(volatile LONG64 *p, LONG64 v)
{
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
/* *p += v; the value after. */
VFPLANE_INLINE LONG64 InterlockedAdd64(volatile LONG64 *p, LONG64 v)
{
    return __atomic_add_fetch(p, v, __ATOMIC_SEQ_CST);
}
/* *p += 1; the value after. */
VFPLANE_INLINE LONG64 InterlockedIncrement64(volatile LONG64 *p)
{
    return __atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
}
/* *p -= 1; the value after. */
VFPLANE_INLINE LONG64 InterlockedDecrement64(volatile LONG64 *p)
{
    return __atomic_sub_fetch(p, 1, __ATOMIC_SEQ_CST);
}
/* *p = v; the value before. */
VFPLANE_INLINE LONG64 InterlockedExchange64(volatile LONG64 *p, LONG64 v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
/* *p = v if *p is `expected`; the value before. */
VFPLANE_INLINE LONG64 InterlockedCompareExchange64(volatile LONG64 *p, LONG64 v, LONG64 expected)
{
    __atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
/* *p &= v; the value before. */
VFPLANE_INLINE LONG64 InterlockedAnd64(volatile LONG64 *p, LONG64 v)
{
    return __atomic_fetch_and(p, v, __ATOMIC_SEQ_CST);
}
/* *p |= v; the value before. */
VFPLANE_INLINE LONG64 InterlockedOr64(volatile LONG64 *p, LONG64 v)
{
    return __atomic_fetch_or(p, v, __ATOMIC_SEQ_CST);
}
/* *p = v for pointers; the value before. */
VFPLANE_INLINE PVOID vfplane_exchange_pointer(PVOID volatile *p, PVOID v)
{
    return __atomic_exchange_n(p, v, __ATOMIC_SEQ_CST);
}
/* *p = v if *p is `expected`, for pointers; the value before. */
VFPLANE_INLINE PVOID vfplane_compare_pointer(PVOID volatile *p, PVOID v, PVOID expected)
{
    __atomic_compare_exchange_n(p, &expected, v, 0, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
    return expected;
}
/* Sets bit `bit` of *base; its value before. */
VFPLANE_INLINE UCHAR vfplane_bit_set(volatile LONG *base, LONG bit)
{
    return (UCHAR)((ULONG)vfplane_or32(base, (LONG)(1u << (bit & 31))) >> (bit & 31) & 1);
}
/* Clears bit `bit` of *base; its value before. */
VFPLANE_INLINE UCHAR vfplane_bit_reset(volatile LONG *base, LONG bit)
{
    return (UCHAR)((ULONG)vfplane_and32(base, (LONG) ~(1u << (bit & 31))) >> (bit & 31) & 1);
}

VFPLANE_END_C

#define InterlockedExchangePointer(p, v) vfplane_exchange_pointer((PVOID volatile *)(p), (PVOID)(v))
#define InterlockedCompareExchangePointer(p, v, expected)                                                              \
    vfplane_compare_pointer((PVOID volatile *)(p), (PVOID)(v), (PVOID)(expected))
#define InterlockedBitTestAndSet(p, bit)   vfplane_bit_set((volatile LONG *)(p), bit)
#define InterlockedBitTestAndReset(p, bit) vfplane_bit_reset((volatile LONG *)(p), bit)

#if defined(__cplusplus)
#define VFPLANE_OVERLOADS(type, suffix)                                                                                \
    static inline LONG InterlockedIncrement(volatile type *p)                                                          \
    {                                                                                                                  \
        return vfplane_add##suffix(p, 1);                                                                              \
    }                                                                                                                  \
    static inline LONG InterlockedDecrement(volatile type *p)                                                          \
    {                                                                                                                  \
        return vfplane_add##suffix(p, -1);                                                                             \
    }                                                                                                                  \
    static inline LONG InterlockedAdd(volatile type *p, LONG v)                                                        \
    {                                                                                                                  \
        return vfplane_add##suffix(p, v);                                                                              \
    }                                                                                                                  \
    static inline LONG InterlockedExchangeAdd(volatile type *p, LONG v)                                                \
    {                                                                                                                  \
        return (LONG)((ULONG)vfplane_add##suffix(p, v) - (ULONG)v);                                                    \
    }                                                                                                                  \
    static inline LONG InterlockedExchange(volatile type *p, LONG v)                                                   \
    {                                                                                                                  \
        return vfplane_exchange##suffix(p, v);                                                                         \
    }                                                                                                                  \
    static inline LONG InterlockedCompareExchange(volatile type *p, LONG v, LONG expected)                             \
    {                                                                                                                  \
        return vfplane_compare##suffix(p, v, expected);                                                                \
    }                                                                                                                  \
    static inline LONG InterlockedAnd(volatile type *p, LONG v)                                                        \
    {                                                                                                                  \
        return vfplane_and##suffix(p, v);                                                                              \
    }                                                                                                                  \
    static inline LONG InterlockedOr(volatile type *p, LONG v)                                                         \
    {                                                                                                                  \
        return vfplane_or##suffix(p, v);                                                                               \
    }                                                                                                                  \
    static inline LONG InterlockedXor(volatile type *p, LONG v)                                                        \
    {                                                                                                                  \
        return vfplane_xor##suffix(p, v);                                                                              \
    }
extern "C++" {
VFPLANE_OVERLOADS(LONG, 32)
VFPLANE_OVERLOADS(long, _long)
VFPLANE_OVERLOADS(unsigned long, _ulong)
/* MSVC converts an unsigned pointer silently in C headers; C++ drivers cast. The unsigned 32-bit form saves them the
 * cast. */
static inline LONG InterlockedIncrement(volatile ULONG *p)
{
    return vfplane_add32((volatile LONG *)p, 1);
}
static inline LONG InterlockedDecrement(volatile ULONG *p)
{
    return vfplane_add32((volatile LONG *)p, -1);
}
}
#else
#define VFPLANE_BY_WIDTH(p, operation)                                                                                 \
    _Generic((p),                                                                                     \
        long *: vfplane_##operation##_long,                                                           \
        volatile long *: vfplane_##operation##_long,                                                  \
        unsigned long *: vfplane_##operation##_ulong,                                                 \
        volatile unsigned long *: vfplane_##operation##_ulong,                                        \
        default: vfplane_##operation##32)
#define InterlockedIncrement(p)                    VFPLANE_BY_WIDTH(p, add)(p, 1)
#define InterlockedDecrement(p)                    VFPLANE_BY_WIDTH(p, add)(p, -1)
#define InterlockedAdd(p, v)                       VFPLANE_BY_WIDTH(p, add)(p, v)
#define InterlockedExchange(p, v)                  VFPLANE_BY_WIDTH(p, exchange)(p, v)
#define InterlockedAnd(p, v)                       VFPLANE_BY_WIDTH(p, and)(p, v)
#define InterlockedOr(p, v)                        VFPLANE_BY_WIDTH(p, or)(p, v)
#define InterlockedXor(p, v)                       VFPLANE_BY_WIDTH(p, xor)(p, v)
#define InterlockedExchangeAdd(p, v)               VFPLANE_BY_WIDTH(p, fetch_add)(p, v)
#define InterlockedCompareExchange(p, v, expected) VFPLANE_BY_WIDTH(p, compare)(p, v, expected)
#endif

VFPLANE_BEGIN_C
VFPLANE_INLINE LONG vfplane_fetch_add32(volatile LONG *p, LONG v)
{
    return __atomic_fetch_add(p, v, __ATOMIC_SEQ_CST);
}
VFPLANE_INLINE LONG vfplane_fetch_add_long(volatile long *p, LONG v)
{
    return (LONG)((ULONG)vfplane_add_long(p, v) - (ULONG)v);
}
VFPLANE_INLINE LONG vfplane_fetch_add_ulong(volatile unsigned long *p, LONG v)
{
    return (LONG)((ULONG)vfplane_add_ulong(p, v) - (ULONG)v);
}
VFPLANE_END_C

/* The variants with a weaker barrier are served by the full one. */
#define InterlockedIncrementAcquire       InterlockedIncrement
#define InterlockedIncrementRelease       InterlockedIncrement
#define InterlockedIncrementNoFence       InterlockedIncrement
#define InterlockedDecrementAcquire       InterlockedDecrement
#define InterlockedDecrementRelease       InterlockedDecrement
#define InterlockedDecrementNoFence       InterlockedDecrement
#define InterlockedExchangeAcquire        InterlockedExchange
#define InterlockedCompareExchangeAcquire InterlockedCompareExchange
#define InterlockedCompareExchangeRelease InterlockedCompareExchange
#define KeMemoryBarrier()                 __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define MemoryBarrier()                   __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define _ReadWriteBarrier()               __atomic_signal_fence(__ATOMIC_SEQ_CST)
#define YieldProcessor()                  __builtin_ia32_pause()

#endif
