/* SPDX-License-Identifier: MIT
 *
 * The integer, handle and pointer types of driver source, with Windows' widths on an LP64 host: LONG and ULONG have 32
 * bits, WCHAR 16, pointers and *_PTR 64 (pci.md 0.3). A driver's own plain `long` has 64 bits here, see the README.
 */
#ifndef VFPLANE_WDK_TYPES_H
#define VFPLANE_WDK_TYPES_H

#include "compiler.h"

#ifndef IN
#define IN
#endif
#ifndef OUT
#define OUT
#endif
#ifndef OPTIONAL
#define OPTIONAL
#endif
#ifndef VOID
#define VOID void
#endif
#ifndef CONST
#define CONST const
#endif
#ifndef NULL
#define NULL ((void *)0)
#endif
#ifndef TRUE
#define TRUE 1
#endif
#ifndef FALSE
#define FALSE 0
#endif

typedef char CHAR, *PCHAR, CCHAR, *PCCHAR;
typedef short SHORT, *PSHORT, CSHORT;
typedef int LONG, *PLONG, INT, *PINT, BOOL, *PBOOL;
typedef unsigned char UCHAR, *PUCHAR, BYTE, *PBYTE, BOOLEAN, *PBOOLEAN;
typedef unsigned short USHORT, *PUSHORT, WORD, *PWORD;
typedef unsigned int ULONG, *PULONG, UINT, *PUINT, DWORD, *PDWORD;
typedef long long LONGLONG, *PLONGLONG;
typedef unsigned long long ULONGLONG, *PULONGLONG, DWORDLONG, *PDWORDLONG;
typedef float FLOAT;

typedef signed char INT8, *PINT8;
typedef short INT16, *PINT16;
typedef int INT32, *PINT32, LONG32, *PLONG32;
typedef long long INT64, *PINT64, LONG64, *PLONG64;
typedef unsigned char UINT8, *PUINT8;
typedef unsigned short UINT16, *PUINT16;
typedef unsigned int UINT32, *PUINT32, ULONG32, *PULONG32, DWORD32, *PDWORD32;
typedef unsigned long long UINT64, *PUINT64, ULONG64, *PULONG64, DWORD64, *PDWORD64;

typedef long long INT_PTR, *PINT_PTR, LONG_PTR, *PLONG_PTR, SSIZE_T, *PSSIZE_T;
typedef unsigned long long UINT_PTR, *PUINT_PTR, ULONG_PTR, *PULONG_PTR, DWORD_PTR, *PDWORD_PTR, SIZE_T, *PSIZE_T;
typedef ULONG_PTR KAFFINITY, *PKAFFINITY;

typedef void *PVOID, *LPVOID, **PPVOID;
typedef const void *PCVOID, *LPCVOID;
typedef void *HANDLE, **PHANDLE;

typedef wchar_t WCHAR, *PWCHAR, *LPWSTR, *PWSTR, *PWCH, *LPWCH, *PZZWSTR;
typedef const wchar_t *PCWSTR, *LPCWSTR, *PCWCH, *PCWCHAR, *LPCWCH;
typedef char *PSTR, *LPSTR, *PCH, *PSZ;
typedef const char *PCSTR, *LPCSTR, *PCCH, *PCSZ;
typedef PWSTR *PPWSTR;

typedef CONST UCHAR *PCUCHAR;
typedef CONST USHORT *PCUSHORT;
typedef CONST ULONG *PCULONG;

/* A status: 0 success, other non-negative values information or warning of success, negative an error. */
typedef LONG NTSTATUS, *PNTSTATUS;
typedef CONST NTSTATUS *PCNTSTATUS;
#define NT_SUCCESS(Status)     (((NTSTATUS)(Status)) >= 0)
#define NT_INFORMATION(Status) ((((ULONG)(Status)) >> 30) == 1)
#define NT_WARNING(Status)     ((((ULONG)(Status)) >> 30) == 2)
#define NT_ERROR(Status)       ((((ULONG)(Status)) >> 30) == 3)

typedef ULONG ACCESS_MASK, *PACCESS_MASK;
typedef ULONG LOGICAL, *PLOGICAL;
typedef UCHAR KIRQL, *PKIRQL;
typedef CCHAR KPROCESSOR_MODE;
typedef LONG KPRIORITY;
typedef ULONG LCID;
typedef UCHAR FCHAR;
typedef ULONG_PTR KSPIN_LOCK, *PKSPIN_LOCK;
typedef PVOID PSECURITY_DESCRIPTOR;
typedef ULONG DEVICE_TYPE;

/* 64 bits, as one signed number or as two halves. */
typedef union _LARGE_INTEGER {
    struct {
        ULONG LowPart;
        LONG HighPart;
    };
    struct {
        ULONG LowPart;
        LONG HighPart;
    } u;
    LONGLONG QuadPart;
} LARGE_INTEGER, *PLARGE_INTEGER;

/* 64 bits, as one unsigned number or as two halves. */
typedef union _ULARGE_INTEGER {
    struct {
        ULONG LowPart;
        ULONG HighPart;
    };
    struct {
        ULONG LowPart;
        ULONG HighPart;
    } u;
    ULONGLONG QuadPart;
} ULARGE_INTEGER, *PULARGE_INTEGER;

typedef LARGE_INTEGER PHYSICAL_ADDRESS, *PPHYSICAL_ADDRESS;

/* An id unique on this machine until it restarts; 4-byte aligned. */
typedef struct _LUID {
    ULONG LowPart;
    LONG HighPart;
} LUID, *PLUID;

/* Counted 16-bit string. Length and MaximumLength are bytes, no terminator counted or needed. */
typedef struct _UNICODE_STRING {
    USHORT Length;
    USHORT MaximumLength;
    PWSTR Buffer;
} UNICODE_STRING, *PUNICODE_STRING;
typedef const UNICODE_STRING *PCUNICODE_STRING;

/* Counted 8-bit string, same rules. */
typedef struct _STRING {
    USHORT Length;
    USHORT MaximumLength;
    PCHAR Buffer;
} STRING, *PSTRING, ANSI_STRING, *PANSI_STRING, OEM_STRING, *POEM_STRING;
typedef const ANSI_STRING *PCANSI_STRING;

#define UNICODE_NULL             ((WCHAR)0)
#define ANSI_NULL                ((CHAR)0)
#define UNICODE_STRING_MAX_BYTES ((USHORT)65534)
#define UNICODE_STRING_MAX_CHARS (32767)
#define RTL_CONSTANT_STRING(s)                                                                                         \
    {                                                                                                                  \
        sizeof(s) - sizeof((s)[0]), sizeof(s), s                                                                       \
    }
#define DECLARE_CONST_UNICODE_STRING(var, str)                                                                         \
    const WCHAR var##_buffer[] = str;                                                                                  \
    const UNICODE_STRING var = {sizeof(str) - sizeof(WCHAR), sizeof(str), (PWCH)var##_buffer}
#define DECLARE_UNICODE_STRING_SIZE(var, chars)                                                                        \
    WCHAR var##_buffer[chars];                                                                                         \
    UNICODE_STRING var = {0, (chars) * sizeof(WCHAR), var##_buffer}
#define TEXT(s) L##s
#define _T(s)   L##s

/* Link of a doubly linked ring; see km/list.h. */
typedef struct _LIST_ENTRY {
    struct _LIST_ENTRY *Flink;
    struct _LIST_ENTRY *Blink;
} LIST_ENTRY, *PLIST_ENTRY;

/* Link of a singly linked list. */
typedef struct _SINGLE_LIST_ENTRY {
    struct _SINGLE_LIST_ENTRY *Next;
} SINGLE_LIST_ENTRY, *PSINGLE_LIST_ENTRY;

/* Entry of an interlocked list; 16-byte aligned. */
typedef struct DECLSPEC_ALIGN(16) _SLIST_ENTRY {
    struct _SLIST_ENTRY *Next;
} SLIST_ENTRY, *PSLIST_ENTRY;

/* Head of an interlocked list: initialise it with ExInitializeSListHead and look no further. */
typedef union DECLSPEC_ALIGN(16) _SLIST_HEADER {
    struct {
        ULONGLONG Alignment;
        ULONGLONG Region;
    };
} SLIST_HEADER, *PSLIST_HEADER;

/* Processors of one group, one bit a processor. */
typedef struct _GROUP_AFFINITY {
    KAFFINITY Mask;
    USHORT Group;
    USHORT Reserved[3];
} GROUP_AFFINITY, *PGROUP_AFFINITY;

/* A processor by group and number in the group. */
typedef struct _PROCESSOR_NUMBER {
    USHORT Group;
    UCHAR Number;
    UCHAR Reserved;
} PROCESSOR_NUMBER, *PPROCESSOR_NUMBER;

/* How a handle's object is named; only carried about by drivers of this kind. */
typedef struct _OBJECT_ATTRIBUTES {
    ULONG Length;
    HANDLE RootDirectory;
    PUNICODE_STRING ObjectName;
    ULONG Attributes;
    PVOID SecurityDescriptor;
    PVOID SecurityQualityOfService;
} OBJECT_ATTRIBUTES, *POBJECT_ATTRIBUTES;
#define OBJ_CASE_INSENSITIVE 0x00000040
#define OBJ_KERNEL_HANDLE    0x00000200
#define InitializeObjectAttributes(p, n, a, r, s)                                                                      \
    do {                                                                                                               \
        (p)->Length = sizeof(OBJECT_ATTRIBUTES);                                                                       \
        (p)->RootDirectory = (r);                                                                                      \
        (p)->Attributes = (a);                                                                                         \
        (p)->ObjectName = (n);                                                                                         \
        (p)->SecurityDescriptor = (s);                                                                                 \
        (p)->SecurityQualityOfService = NULL;                                                                          \
    } while (0)

#define MINCHAR     0x80
#define MAXCHAR     0x7f
#define MINSHORT    0x8000
#define MAXSHORT    0x7fff
#define MINLONG     0x80000000
#define MAXLONG     0x7fffffff
#define MAXUCHAR    0xff
#define MAXUSHORT   0xffff
#define MAXULONG    0xffffffff
#define MAXLONGLONG (0x7fffffffffffffffLL)
#define MAXULONG64  (~0ULL)
#ifndef MAX_PATH
#define MAX_PATH 260
#endif

#define LOWORD(l)                   ((USHORT)((ULONG_PTR)(l)&0xffff))
#define HIWORD(l)                   ((USHORT)(((ULONG_PTR)(l) >> 16) & 0xffff))
#define LOBYTE(w)                   ((UCHAR)((ULONG_PTR)(w)&0xff))
#define HIBYTE(w)                   ((UCHAR)(((ULONG_PTR)(w) >> 8) & 0xff))
#define Int32x32To64(a, b)          ((LONGLONG)(a) * (LONGLONG)(b))
#define UInt32x32To64(a, b)         ((ULONGLONG)(a) * (ULONGLONG)(b))
#define PtrToUlong(p)               ((ULONG)(ULONG_PTR)(p))
#define PtrToLong(p)                ((LONG)(LONG_PTR)(p))
#define PtrToUint(p)                ((UINT)(UINT_PTR)(p))
#define PtrToUshort(p)              ((USHORT)(ULONG_PTR)(p))
#define ULongToPtr(u)               ((PVOID)(ULONG_PTR)(u))
#define UlongToPtr(u)               ULongToPtr(u)
#define LongToPtr(l)                ((PVOID)(LONG_PTR)(l))
#define HandleToULong(h)            PtrToUlong(h)
#define ULongToHandle(u)            ((HANDLE)(ULONG_PTR)(u))
#define ALIGN_DOWN_BY(n, a)         ((ULONG_PTR)(n) & ~((ULONG_PTR)(a)-1))
#define ALIGN_UP_BY(n, a)           (ALIGN_DOWN_BY((ULONG_PTR)(n) + (a)-1, a))
#define ALIGN_DOWN(n, t)            ALIGN_DOWN_BY(n, sizeof(t))
#define ALIGN_UP(n, t)              ALIGN_UP_BY(n, sizeof(t))
#define ALIGN_DOWN_POINTER_BY(p, a) ((PVOID)ALIGN_DOWN_BY(p, a))
#define ALIGN_UP_POINTER_BY(p, a)   ((PVOID)ALIGN_UP_BY(p, a))
#define PAGE_SIZE                   0x1000
#define PAGE_SHIFT                  12
#define PAGE_ALIGN(va)              ((PVOID)((ULONG_PTR)(va) & ~(ULONG_PTR)(PAGE_SIZE - 1)))
#define BYTE_OFFSET(va)             ((ULONG)((ULONG_PTR)(va) & (PAGE_SIZE - 1)))
#define ROUND_TO_PAGES(s)           (((ULONG_PTR)(s) + PAGE_SIZE - 1) & ~(ULONG_PTR)(PAGE_SIZE - 1))
#define BYTES_TO_PAGES(s)           (((s) >> PAGE_SHIFT) + (((s) & (PAGE_SIZE - 1)) != 0))
#define ADDRESS_AND_SIZE_TO_SPAN_PAGES(va, s)                                                                          \
    ((ULONG)((((ULONG_PTR)(va) & (PAGE_SIZE - 1)) + (s) + (PAGE_SIZE - 1)) >> PAGE_SHIFT))

C_ASSERT(sizeof(LONG) == 4 && sizeof(ULONG) == 4 && sizeof(LONGLONG) == 8 && sizeof(WCHAR) == 2);
C_ASSERT(sizeof(PVOID) == 8 && sizeof(ULONG_PTR) == 8 && sizeof(LUID) == 8 && sizeof(UNICODE_STRING) == 16);

#endif
