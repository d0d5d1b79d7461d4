/* SPDX-License-Identifier: MIT
 *
 * Memory, and what else the system gives a miniport without waiting: MDLs, time, processors. All pool is the
 * partition's, so that what a driver does not free is reported when the partition ends.
 */
#include "ndis/internal.h"

bool ndis_handle_ok(NDIS_HANDLE handle, const char *routine)
{
    struct ndis_partition *room = ndis_partition_of(nt_current());

    if (ndis_adapter_exists(room, handle) || ndis_driver_exists(room, handle))
        return true;
    nt_violation_in(NDIS_RULE(BAD_NDIS_HANDLE), routine, "%s: %p is neither an adapter nor a driver handle", routine,
                    handle);
    return false;
}

NDIS_EXPORT PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE NdisHandle, UINT Length, ULONG Tag,
                                                    EX_POOL_PRIORITY Priority)
{
    (void)Priority;
    if (!ndis_handle_ok(NdisHandle, "NdisAllocateMemoryWithTagPriority"))
        return NULL;
    return NDIS_POOL(Length, Tag);
}

NDIS_EXPORT NDIS_STATUS NdisAllocateMemoryWithTag(PVOID *VirtualAddress, UINT Length, ULONG Tag)
{
    *VirtualAddress = NDIS_POOL(Length, Tag);
    return *VirtualAddress ? NDIS_STATUS_SUCCESS : NDIS_STATUS_RESOURCES;
}

NDIS_EXPORT VOID NdisFreeMemory(PVOID VirtualAddress, UINT Length, UINT MemoryFlags)
{
    (void)Length, (void)MemoryFlags;
    ExFreePool(VirtualAddress);
}

NDIS_EXPORT VOID NdisFreeMemoryWithTagPriority(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, ULONG Tag)
{
    if (ndis_handle_ok(NdisHandle, "NdisFreeMemoryWithTagPriority"))
        ExFreePoolWithTag(VirtualAddress, Tag);
}

NDIS_EXPORT PMDL NdisAllocateMdl(NDIS_HANDLE NdisHandle, PVOID VirtualAddress, UINT Length)
{
    PMDL mdl;

    if (!ndis_handle_ok(NdisHandle, "NdisAllocateMdl"))
        return NULL;
    mdl = nt_mdl_for_driver(VirtualAddress, Length, __builtin_return_address(0));
    if (mdl)
        MmBuildMdlForNonPagedPool(mdl);
    return mdl;
}

NDIS_EXPORT VOID NdisFreeMdl(PMDL Mdl)
{
    IoFreeMdl(Mdl);
}

NDIS_EXPORT VOID NdisGetCurrentSystemTime(PLARGE_INTEGER pSystemTime)
{
    KeQuerySystemTime(pSystemTime);
}

/* Milliseconds. */
NDIS_EXPORT VOID NdisGetSystemUpTimeEx(PLARGE_INTEGER pSystemUpTime)
{
    pSystemUpTime->QuadPart = (LONGLONG)(KeQueryInterruptTime() / 10000);
}

NDIS_EXPORT ULONG NdisSystemProcessorCount(VOID)
{
    return KeQueryActiveProcessorCount(NULL);
}

NDIS_EXPORT ULONG NdisGroupActiveProcessorCount(USHORT Group)
{
    return KeQueryActiveProcessorCountEx(Group);
}
