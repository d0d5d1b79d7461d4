/* SPDX-License-Identifier: MIT
 *
 * refnic that allocates memory for each write to a VF's registers: linked with refnic's own files, in which
 * NdisMSetVirtualFunctionBusData is renamed to wasteful_set (bench/meson.build). The bench must see it.
 */
#include <ndis.h>

#undef NdisMSetVirtualFunctionBusData
ULONG NdisMSetVirtualFunctionBusData(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset,
                                     ULONG length);

ULONG wasteful_set(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset, ULONG length);

ULONG wasteful_set(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset, ULONG length)
{
    PVOID memory = ExAllocatePoolWithTag(NonPagedPool, length, 'etsw');

    if (!memory)
        return 0;
    NdisMoveMemory(memory, buffer, length);
    length = NdisMSetVirtualFunctionBusData(adapter, vf, memory, offset, length);
    ExFreePoolWithTag(memory, 'etsw');
    return length;
}
