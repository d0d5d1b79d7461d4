/* SPDX-License-Identifier: MIT
 *
 * The registry, which is empty but for the keys of devices (devicekey.c). Also what identifies a system.
 */
#include "nt/internal.h"

NT_EXPORT NTSTATUS ZwOpenKey(PHANDLE key, ACCESS_MASK access, POBJECT_ATTRIBUTES attributes)
{
    (void)access, (void)attributes;
    *key = NULL;
    return STATUS_OBJECT_NAME_NOT_FOUND;
}

NT_EXPORT NTSTATUS ZwSetValueKey(HANDLE key, PUNICODE_STRING name, ULONG title, ULONG type, PVOID data, ULONG size)
{
    (void)key, (void)name, (void)title, (void)type, (void)data, (void)size;
    return STATUS_INVALID_HANDLE;
}

NT_EXPORT NTSTATUS ZwAllocateLocallyUniqueId(PLUID luid)
{
    if (!nt_partition_current)
        return STATUS_INVALID_DEVICE_STATE;
    *luid = (LUID){.LowPart = atomic_fetch_add(&nt_partition_current->last_luid, 1) + 1};
    return STATUS_SUCCESS;
}

/* Windows Server 2022. */
NT_EXPORT NTSTATUS RtlGetVersion(PRTL_OSVERSIONINFOW version)
{
    ULONG size = version->dwOSVersionInfoSize;
    *version = (RTL_OSVERSIONINFOW){
        .dwOSVersionInfoSize = size,
        .dwMajorVersion = 10,
        .dwMinorVersion = 0,
        .dwBuildNumber = 20348,
        .dwPlatformId = 2,
    };
    return STATUS_SUCCESS;
}

/* A multiplicative congruential generator; numbers and seed lie in 1 .. MAXLONG - 1. */
NT_EXPORT ULONG RtlRandomEx(PULONG seed)
{
    ULONG64 state = *seed % (MAXLONG - 1u) + 1;
    *seed = (ULONG)(state * 48271u % MAXLONG);
    return *seed;
}
