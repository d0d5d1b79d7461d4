/* SPDX-License-Identifier: MIT
 *
 * System threads and the registry, as far as miniports and bus drivers use them. PASSIVE_LEVEL.
 */
#ifndef VFPLANE_WDK_THREAD_H
#define VFPLANE_WDK_THREAD_H

#include "sync.h"

VFPLANE_BEGIN_C

typedef struct _KTHREAD *PKTHREAD, *PRKTHREAD;
typedef struct _ETHREAD *PETHREAD;
typedef struct _EPROCESS *PEPROCESS;
typedef struct _OBJECT_TYPE *POBJECT_TYPE;
/* Process and thread as numbers. */
typedef struct _CLIENT_ID {
    HANDLE UniqueProcess;
    HANDLE UniqueThread;
} CLIENT_ID, *PCLIENT_ID;

/* Body of a system thread; ends by returning or by PsTerminateSystemThread. */
typedef VOID KSTART_ROUTINE(PVOID StartContext);
typedef KSTART_ROUTINE *PKSTART_ROUTINE;
/* Starts a system thread; the handle is closed with ZwClose. STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS PsCreateSystemThread(PHANDLE ThreadHandle, ULONG DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes,
                              HANDLE ProcessHandle, PCLIENT_ID ClientId, PKSTART_ROUTINE StartRoutine,
                              PVOID StartContext);
/* Ends this system thread. */
NTSTATUS PsTerminateSystemThread(NTSTATUS ExitStatus);
/* Numbers of this thread and process. */
HANDLE PsGetCurrentThreadId(VOID);
HANDLE PsGetCurrentProcessId(VOID);
/* This thread's object; one can wait on it. */
PKTHREAD KeGetCurrentThread(VOID);
#define PsGetCurrentThread() ((PETHREAD)KeGetCurrentThread())
/* The priority before. */
KPRIORITY KeSetPriorityThread(PKTHREAD Thread, KPRIORITY Priority);
#define THREAD_ALL_ACCESS     0x001FFFFF
#define LOW_REALTIME_PRIORITY 16
#define HIGH_PRIORITY         31
/* Object behind a handle, referenced: a thread, an event. */
NTSTATUS ObReferenceObjectByHandle(HANDLE Handle, ACCESS_MASK DesiredAccess, POBJECT_TYPE ObjectType,
                                   KPROCESSOR_MODE AccessMode, PVOID *Object, PVOID HandleInformation);
/* Closes a handle. */
NTSTATUS ZwClose(HANDLE Handle);

typedef enum _KEY_VALUE_INFORMATION_CLASS {
    KeyValueBasicInformation,
    KeyValueFullInformation,
    KeyValuePartialInformation
} KEY_VALUE_INFORMATION_CLASS;
/* A registry value as ZwQueryValueKey returns it. */
typedef struct _KEY_VALUE_PARTIAL_INFORMATION {
    ULONG TitleIndex;
    ULONG Type;
    ULONG DataLength;
    UCHAR Data[1];
} KEY_VALUE_PARTIAL_INFORMATION, *PKEY_VALUE_PARTIAL_INFORMATION;
#define REG_NONE       0
#define REG_SZ         1
#define REG_EXPAND_SZ  2
#define REG_BINARY     3
#define REG_DWORD      4
#define REG_MULTI_SZ   7
#define REG_QWORD      11
#define KEY_READ       0x20019
#define KEY_WRITE      0x20006
#define KEY_ALL_ACCESS 0xF003F
/* Registry keys and values: STATUS_OBJECT_NAME_NOT_FOUND; STATUS_BUFFER_OVERFLOW or _TOO_SMALL with ResultLength. */
NTSTATUS ZwOpenKey(PHANDLE KeyHandle, ACCESS_MASK DesiredAccess, POBJECT_ATTRIBUTES ObjectAttributes);
NTSTATUS ZwQueryValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, KEY_VALUE_INFORMATION_CLASS Class,
                         PVOID KeyValueInformation, ULONG Length, PULONG ResultLength);
NTSTATUS ZwSetValueKey(HANDLE KeyHandle, PUNICODE_STRING ValueName, ULONG TitleIndex, ULONG Type, PVOID Data,
                       ULONG DataSize);
/* A LUID never handed out before. */
NTSTATUS ZwAllocateLocallyUniqueId(PLUID Luid);

VFPLANE_END_C

#endif
