/* SPDX-License-Identifier: MIT
 *
 * Run-time library: memory, counted strings, debug output, assertions. Any IRQL unless said otherwise, on memory that
 * is resident. What libc offers under the same name has the same prototype here, so both may be included.
 */
#ifndef VFPLANE_WDK_RTL_H
#define VFPLANE_WDK_RTL_H

#include "../guiddef.h"
#include "irql.h"

VFPLANE_BEGIN_C

#define RtlCopyMemory(Destination, Source, Length) __builtin_memcpy((Destination), (Source), (Length))
#define RtlMoveMemory(Destination, Source, Length) __builtin_memmove((Destination), (Source), (Length))
#define RtlFillMemory(Destination, Length, Fill)   __builtin_memset((Destination), (Fill), (Length))
#define RtlZeroMemory(Destination, Length)         __builtin_memset((Destination), 0, (Length))
#define RtlEqualMemory(A, B, Length)               (__builtin_memcmp((A), (B), (Length)) == 0)
#define RtlCopyBytes                               RtlCopyMemory
#define RtlZeroBytes                               RtlZeroMemory
#define RtlFillBytes                               RtlFillMemory
#define CopyMemory                                 RtlCopyMemory
#define MoveMemory                                 RtlMoveMemory
#define FillMemory                                 RtlFillMemory
#define ZeroMemory                                 RtlZeroMemory
/* Clears memory in a way that is not optimised away. */
PVOID RtlSecureZeroMemory(PVOID Pointer, SIZE_T Count);
/* Number of leading bytes that are the same. */
SIZE_T RtlCompareMemory(const VOID *Source1, const VOID *Source2, SIZE_T Length);

/* The C functions that kernel code has without a library. */
void *memcpy(void *, const void *, size_t) VFPLANE_NOTHROW;
void *memmove(void *, const void *, size_t) VFPLANE_NOTHROW;
void *memset(void *, int, size_t) VFPLANE_NOTHROW;
int memcmp(const void *, const void *, size_t) VFPLANE_NOTHROW;
size_t strlen(const char *) VFPLANE_NOTHROW;
int strcmp(const char *, const char *) VFPLANE_NOTHROW;
int strncmp(const char *, const char *, size_t) VFPLANE_NOTHROW;
char *strcpy(char *, const char *) VFPLANE_NOTHROW;
char *strncpy(char *, const char *, size_t) VFPLANE_NOTHROW;
char *strcat(char *, const char *) VFPLANE_NOTHROW;

/* Points at SourceString, which must stay; NULL makes it empty. */
VOID RtlInitUnicodeString(PUNICODE_STRING DestinationString, PCWSTR SourceString);
/* The same for 8-bit characters. */
VOID RtlInitAnsiString(PANSI_STRING DestinationString, PCSZ SourceString);
#define RtlInitString RtlInitAnsiString
#define RtlInitEmptyUnicodeString(String, Memory, Bytes)                                                               \
    ((String)->Buffer = (Memory), (String)->MaximumLength = (USHORT)(Bytes), (String)->Length = 0)
/* Copies what fits. */
VOID RtlCopyUnicodeString(PUNICODE_STRING DestinationString, PCUNICODE_STRING SourceString);
/* 0 if equal, else the sign of the first difference. PASSIVE_LEVEL. */
LONG RtlCompareUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive);
/* TRUE if equal. PASSIVE_LEVEL. */
BOOLEAN RtlEqualUnicodeString(PCUNICODE_STRING String1, PCUNICODE_STRING String2, BOOLEAN CaseInSensitive);
/* STATUS_BUFFER_TOO_SMALL and no change if it does not fit. */
NTSTATUS RtlAppendUnicodeToString(PUNICODE_STRING Destination, PCWSTR Source);
NTSTATUS RtlAppendUnicodeStringToString(PUNICODE_STRING Destination, PCUNICODE_STRING Source);
/* PASSIVE_LEVEL; with Allocate TRUE the buffer is freed by RtlFreeUnicodeString / RtlFreeAnsiString. */
NTSTATUS RtlAnsiStringToUnicodeString(PUNICODE_STRING Destination, PCANSI_STRING Source, BOOLEAN Allocate);
NTSTATUS RtlUnicodeStringToAnsiString(PANSI_STRING Destination, PCUNICODE_STRING Source, BOOLEAN Allocate);
VOID RtlFreeUnicodeString(PUNICODE_STRING UnicodeString);
VOID RtlFreeAnsiString(PANSI_STRING AnsiString);
/* Number of a text and text of a number; Base 0 reads 0x, 0o and 0b. PASSIVE_LEVEL. */
NTSTATUS RtlUnicodeStringToInteger(PCUNICODE_STRING String, ULONG Base, PULONG Value);
NTSTATUS RtlIntegerToUnicodeString(ULONG Value, ULONG Base, PUNICODE_STRING String);
/* {xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx}, buffer allocated for the caller, and back. PASSIVE_LEVEL. */
NTSTATUS RtlStringFromGUID(CONST GUID *Guid, PUNICODE_STRING GuidString);
NTSTATUS RtlGUIDFromString(PCUNICODE_STRING GuidString, GUID *Guid);
/* Upper case of one character. */
WCHAR RtlUpcaseUnicodeChar(WCHAR SourceCharacter);

/* Version of the system the host presents. PASSIVE_LEVEL. */
typedef struct _OSVERSIONINFOW {
    ULONG dwOSVersionInfoSize;
    ULONG dwMajorVersion;
    ULONG dwMinorVersion;
    ULONG dwBuildNumber;
    ULONG dwPlatformId;
    WCHAR szCSDVersion[128];
} OSVERSIONINFOW, *POSVERSIONINFOW, RTL_OSVERSIONINFOW, *PRTL_OSVERSIONINFOW;
NTSTATUS RtlGetVersion(PRTL_OSVERSIONINFOW lpVersionInformation);
/* Pseudo-random number; *Seed is carried along. */
ULONG RtlRandomEx(PULONG Seed);

/* Debug output, formatted as the WDK does: l is 32 bits, I64 64, S and ws 16-bit strings, wZ UNICODE_STRING. At most
 * DIRQL without wide strings, PASSIVE_LEVEL with. */
ULONG DbgPrint(PCSTR Format, ...);
ULONG DbgPrintEx(ULONG ComponentId, ULONG Level, PCSTR Format, ...);
ULONG vDbgPrintEx(ULONG ComponentId, ULONG Level, PCCH Format, va_list arglist);
#define DPFLTR_IHVNETWORK_ID 78
#define DPFLTR_IHVDRIVER_ID  77
#define DPFLTR_IHVBUS_ID     81
#define DPFLTR_DEFAULT_ID    101
#define DPFLTR_ERROR_LEVEL   0
#define DPFLTR_WARNING_LEVEL 1
#define DPFLTR_TRACE_LEVEL   2
#define DPFLTR_INFO_LEVEL    3
/* Stops in a debugger; reports a failed assertion. */
VOID DbgBreakPoint(VOID);
VOID RtlAssert(PVOID VoidFailedAssertion, PVOID VoidFileName, ULONG LineNumber, PSTR MutableMessage);
#if defined(DBG) && DBG
#define KdPrint(Arguments)   DbgPrint Arguments
#define KdPrintEx(Arguments) DbgPrintEx Arguments
#define KdBreakPoint()       DbgBreakPoint()
#define ASSERT(e)            ((!(e)) ? RtlAssert((PVOID) #e, (PVOID)__FILE__, __LINE__, NULL) : (void)0)
#define ASSERTMSG(m, e)      ((!(e)) ? RtlAssert((PVOID) #e, (PVOID)__FILE__, __LINE__, (PSTR)(m)) : (void)0)
#define RTL_VERIFY(e)        ASSERT(e)
#else
#define KdPrint(Arguments)
#define KdPrintEx(Arguments)
#define KdBreakPoint()
#define ASSERT(e)       ((void)0)
#define ASSERTMSG(m, e) ((void)0)
#define RTL_VERIFY(e)   ((void)(e))
#endif
#define NT_ASSERT         ASSERT
#define NT_VERIFY         RTL_VERIFY
#define NT_ASSERTMSG      ASSERTMSG
#define __annotation(...) ((void)0)

#define RtlUshortByteSwap(v)    __builtin_bswap16(v)
#define RtlUlongByteSwap(v)     __builtin_bswap32(v)
#define RtlUlonglongByteSwap(v) __builtin_bswap64(v)
#define _byteswap_ushort(v)     __builtin_bswap16(v)
#define _byteswap_ulong(v)      __builtin_bswap32(v)
#define _byteswap_uint64(v)     __builtin_bswap64(v)

VFPLANE_END_C

#endif
