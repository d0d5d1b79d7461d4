/* SPDX-License-Identifier: MIT
 *
 * What the compiler must be told so that driver source is accepted: calling conventions, __declspec, inline, structured
 * exceptions. Only <stddef.h> and <stdarg.h> of the compiler are included by any header in this tree (drivers.md 2).
 */
#ifndef VFPLANE_WDK_COMPILER_H
#define VFPLANE_WDK_COMPILER_H

#include <stddef.h>
#include <stdarg.h>

#include "sal.h"

#if __SIZEOF_WCHAR_T__ != 2
#error "driver headers need 16-bit wide characters: compile with -fshort-wchar (pkg-config --cflags vfplane-wdk)"
#endif

#if defined(__cplusplus)
#define VFPLANE_BEGIN_C extern "C" {
#define VFPLANE_END_C   }
#define VFPLANE_NOTHROW noexcept
#else
#define VFPLANE_BEGIN_C
#define VFPLANE_END_C
#define VFPLANE_NOTHROW
#endif

/* Compile-time check in both languages. */
#if defined(__cplusplus)
#define C_ASSERT(e) static_assert(e, #e)
#else
#define C_ASSERT(e) _Static_assert(e, #e)
#endif

/* Functions that the WDK has inline; unused ones draw no warning. */
#define VFPLANE_INLINE static __inline__ __attribute__((__unused__))

#if !defined(__clang__)
#ifndef __declspec
#define __declspec(x)
#endif
#ifndef __forceinline
#define __forceinline __inline__ __attribute__((__always_inline__))
#endif
#ifndef __int64
#define __int64 long long
#endif
#endif

/* x64 has one calling convention: the words that name one on x86 say nothing here. */
#undef __cdecl
#undef __stdcall
#undef __fastcall
#undef _cdecl
#undef _stdcall
#undef _fastcall
#define __cdecl
#define __stdcall
#define __fastcall
#define _cdecl
#define _stdcall
#define _fastcall

#define NTAPI
#define FASTCALL
#define CDECL
#define WINAPI
#define APIENTRY
#define CALLBACK
#define NTSYSAPI
#define NTKERNELAPI
#define NTHALAPI
#define DECLSPEC_IMPORT
#define DECLSPEC_EXPORT __attribute__((__visibility__("default")))
#define DECLSPEC_NOVTABLE
#define DECLSPEC_SELECTANY          __attribute__((__weak__))
#define DECLSPEC_NORETURN           __attribute__((__noreturn__))
#define DECLSPEC_NOINLINE           __attribute__((__noinline__))
#define DECLSPEC_ALIGN(x)           __attribute__((__aligned__(x)))
#define DECLSPEC_CACHEALIGN         DECLSPEC_ALIGN(64)
#define SYSTEM_CACHE_ALIGNMENT_SIZE 64
#define MEMORY_ALLOCATION_ALIGNMENT 16
#define POINTER_ALIGNMENT           DECLSPEC_ALIGN(8)

#ifndef FORCEINLINE
#define FORCEINLINE __inline__ __attribute__((__always_inline__))
#endif
#ifndef CFORCEINLINE
#define CFORCEINLINE FORCEINLINE
#endif
#ifndef NOINLINE
#define NOINLINE DECLSPEC_NOINLINE
#endif
#ifndef UNALIGNED
#define UNALIGNED
#endif
#ifndef RESTRICTED_POINTER
#define RESTRICTED_POINTER
#endif

/* Target macros that drivers test. */
#ifndef _WIN64
#define _WIN64 1
#endif
#ifndef _AMD64_
#define _AMD64_ 1
#endif
#ifndef _M_AMD64
#define _M_AMD64 100
#endif
#ifndef _M_X64
#define _M_X64 100
#endif
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0A00
#endif
#ifndef WINVER
#define WINVER 0x0A00
#endif
#ifndef NTDDI_VERSION
#define NTDDI_VERSION 0x0A000010
#endif
#define NTDDI_WIN7    0x06010000
#define NTDDI_WIN8    0x06020000
#define NTDDI_WINBLUE 0x06030000
#define NTDDI_WIN10   0x0A000000

#define C_ASSERT_SIZE(type, size) C_ASSERT(sizeof(type) == (size))

/*
 * Structured exceptions do not exist on ELF: the guarded block always runs and the filter never does; a __finally block
 * runs when the end of the guarded block is reached, not after a return out of it. __leave needs a label, which a
 * function can have once: source that uses it defines VFPLANE_SEH_LEAVE before including, and then has at most one
 * __try a function. Without it __leave does not compile, rather than jump to the wrong place.
 */
/* clang-format off */
#undef __try
#undef __except
#undef __finally
#undef __leave
#define __try   if (1)
#define __leave goto vfplane_leave
#if defined(VFPLANE_SEH_LEAVE)
#define __except(filter) vfplane_leave: __attribute__((__unused__)) if (0 && (filter))
#define __finally        vfplane_leave: __attribute__((__unused__)) if (1)
#else
#define __except(filter) else if (0 && (filter))
#define __finally        if (1)
#endif
/* clang-format on */
#define GetExceptionCode()           0
#define GetExceptionInformation()    ((void *)0)
#define AbnormalTermination()        0
#define EXCEPTION_EXECUTE_HANDLER    1
#define EXCEPTION_CONTINUE_SEARCH    0
#define EXCEPTION_CONTINUE_EXECUTION (-1)

#define UNREFERENCED_PARAMETER(P)             ((void)(P))
#define DBG_UNREFERENCED_PARAMETER(P)         ((void)(P))
#define DBG_UNREFERENCED_LOCAL_VARIABLE(V)    ((void)(V))
#define RTL_NUMBER_OF(A)                      (sizeof(A) / sizeof((A)[0]))
#define ARRAYSIZE(A)                          RTL_NUMBER_OF(A)
#define FIELD_OFFSET(type, field)             ((LONG)offsetof(type, field))
#define UFIELD_OFFSET(type, field)            ((ULONG)offsetof(type, field))
#define RTL_FIELD_SIZE(type, field)           (sizeof(((type *)0)->field))
#define RTL_SIZEOF_THROUGH_FIELD(type, field) (offsetof(type, field) + RTL_FIELD_SIZE(type, field))
#define RTL_CONTAINS_FIELD(ptr, size, field)                                                                           \
    ((((PCHAR)(&(ptr)->field)) + sizeof((ptr)->field)) <= (((PCHAR)(ptr)) + (size)))
#define CONTAINING_RECORD(address, type, field) ((type *)((char *)(address)-offsetof(type, field)))
#define ANYSIZE_ARRAY                           1
#define ALLOC_PRAGMA_DISABLED                   1

#endif
