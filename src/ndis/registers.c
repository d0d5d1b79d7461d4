/* SPDX-License-Identifier: MIT
 *
 * Registers, ports and DMA memory of a miniport (ndis.md 5.14): only what the adapter was given as a resource.
 */
#include "ndis/internal.h"

static bool is_ours(struct ndis_adapter *adapter, UCHAR type, ULONG64 start, ULONG64 length, const char *routine)
{
    if (length && ndis_owns_range(adapter, type, start, length))
        return true;
    nt_violation_in(NDIS_RULE(HARDWARE_RANGE), routine, "%s: %llu bytes at %llx are in no resource of the adapter",
                    routine, (unsigned long long)length, (unsigned long long)start);
    return false;
}

/* The claim a routine gives back; reported when there is none. */
static bool drop(struct ndis_adapter *adapter, enum ndis_claim_kind kind, const void *object, ULONG64 length,
                 const char *routine)
{
    if (ndis_claim_drop(adapter, kind, object, length))
        return true;
    nt_violation_in(NDIS_RULE(HARDWARE_NOT_CLAIMED), routine, "%s: %p, %llu bytes were not claimed so", routine, object,
                    (unsigned long long)length);
    return false;
}

NDIS_EXPORT NDIS_STATUS NdisMMapIoSpace(PVOID *VirtualAddress, NDIS_HANDLE MiniportAdapterHandle,
                                        NDIS_PHYSICAL_ADDRESS PhysicalAddress, UINT Length)
{
    static const char routine[] = "NdisMMapIoSpace";
    struct ndis_adapter *adapter = ndis_claimant(MiniportAdapterHandle, routine);
    PVOID mapped;

    if (!adapter || !VirtualAddress)
        return NDIS_STATUS_FAILURE;
    if (!is_ours(adapter, CmResourceTypeMemory, (ULONG64)PhysicalAddress.QuadPart, Length, routine))
        return NDIS_STATUS_RESOURCE_CONFLICT;
    if (nt_fault(routine))
        return NDIS_STATUS_RESOURCES;
    mapped = MmMapIoSpace(PhysicalAddress, Length, MmNonCached);
    if (!mapped)
        return NDIS_STATUS_RESOURCES;
    if (!ndis_claim_add(adapter, NDIS_CLAIM_REGISTERS, mapped, Length)) {
        MmUnmapIoSpace(mapped, Length);
        return NDIS_STATUS_RESOURCES;
    }
    *VirtualAddress = mapped;
    TRACE_NOTE("ndis", "NdisMMapIoSpace: %u bytes at %llx", Length, (unsigned long long)PhysicalAddress.QuadPart);
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisMUnmapIoSpace(NDIS_HANDLE MiniportAdapterHandle, PVOID VirtualAddress, UINT Length)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, PASSIVE_LEVEL, "NdisMUnmapIoSpace");

    if (adapter && drop(adapter, NDIS_CLAIM_REGISTERS, VirtualAddress, Length, "NdisMUnmapIoSpace"))
        MmUnmapIoSpace(VirtualAddress, Length);
}

/* Ports have no window: PortOffset is the port itself, as READ_PORT_* wants it. */
NDIS_EXPORT NDIS_STATUS NdisMRegisterIoPortRange(PVOID *PortOffset, NDIS_HANDLE MiniportAdapterHandle, UINT InitialPort,
                                                 UINT NumberOfPorts)
{
    static const char routine[] = "NdisMRegisterIoPortRange";
    struct ndis_adapter *adapter = ndis_claimant(MiniportAdapterHandle, routine);
    PVOID ports = (PVOID)(ULONG_PTR)InitialPort;

    if (!adapter || !PortOffset)
        return NDIS_STATUS_FAILURE;
    if (!is_ours(adapter, CmResourceTypePort, InitialPort, NumberOfPorts, routine))
        return NDIS_STATUS_RESOURCE_CONFLICT;
    if (nt_fault(routine) || !ndis_claim_add(adapter, NDIS_CLAIM_PORTS, ports, NumberOfPorts))
        return NDIS_STATUS_RESOURCES;
    *PortOffset = ports;
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisMDeregisterIoPortRange(NDIS_HANDLE MiniportAdapterHandle, UINT InitialPort, UINT NumberOfPorts,
                                            PVOID PortOffset)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, PASSIVE_LEVEL, "NdisMDeregisterIoPortRange");

    (void)InitialPort;
    if (adapter)
        drop(adapter, NDIS_CLAIM_PORTS, PortOffset, NumberOfPorts, "NdisMDeregisterIoPortRange");
}

/* ---- shared memory: the device reaches all memory at the addresses the driver sees ------------------------- */

static PVOID share(struct ndis_adapter *adapter, ULONG length)
{
    PHYSICAL_ADDRESS highest = {.QuadPart = MAXLONGLONG};
    PVOID memory = length ? MmAllocateContiguousMemory(length, highest) : NULL;

    if (!memory)
        return NULL;
    if (!ndis_claim_add(adapter, NDIS_CLAIM_MEMORY, memory, length)) {
        MmFreeContiguousMemory(memory);
        return NULL;
    }
    memset(memory, 0, length);
    return memory;
}

NDIS_EXPORT VOID NdisMAllocateSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length, BOOLEAN Cached,
                                           PVOID *VirtualAddress, PNDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    static const char routine[] = "NdisMAllocateSharedMemory";
    struct ndis_adapter *adapter = ndis_claimant(MiniportAdapterHandle, routine);

    (void)Cached;
    *VirtualAddress = adapter && !nt_fault(routine) ? share(adapter, Length) : NULL;
    PhysicalAddress->QuadPart = *VirtualAddress ? MmGetPhysicalAddress(*VirtualAddress).QuadPart : 0;
}

NDIS_EXPORT VOID NdisMFreeSharedMemory(NDIS_HANDLE MiniportAdapterHandle, ULONG Length, BOOLEAN Cached,
                                       PVOID VirtualAddress, NDIS_PHYSICAL_ADDRESS PhysicalAddress)
{
    struct ndis_adapter *adapter = ndis_entry(MiniportAdapterHandle, PASSIVE_LEVEL, "NdisMFreeSharedMemory");

    (void)Cached, (void)PhysicalAddress;
    if (adapter && drop(adapter, NDIS_CLAIM_MEMORY, VirtualAddress, Length, "NdisMFreeSharedMemory"))
        MmFreeContiguousMemory(VirtualAddress);
}

/* One piece is enough: the memory is contiguous. */
NDIS_EXPORT NDIS_STATUS NdisAllocateSharedMemory(NDIS_HANDLE NdisHandle,
                                                 PNDIS_SHARED_MEMORY_PARAMETERS SharedMemoryParameters,
                                                 PNDIS_HANDLE pAllocationHandle)
{
    static const char routine[] = "NdisAllocateSharedMemory";
    PNDIS_SHARED_MEMORY_PARAMETERS given = SharedMemoryParameters;
    struct ndis_adapter *adapter = ndis_claimant(NdisHandle, routine);
    PSCATTER_GATHER_LIST list;

    if (!adapter || !given || !pAllocationHandle ||
        !ndis_header_ok(given, NDIS_OBJECT_TYPE_DEFAULT, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_1))
        return NDIS_STATUS_FAILURE;
    list = given->SGListBuffer;
    if (list && given->SGListBufferLength < sizeof *list + sizeof list->Elements[0])
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    given->VirtualAddress = nt_fault(routine) ? NULL : share(adapter, given->Length);
    if (!given->VirtualAddress)
        return NDIS_STATUS_RESOURCES;
    if (list) {
        list->NumberOfElements = 1;
        list->Elements[0].Address = MmGetPhysicalAddress(given->VirtualAddress);
        list->Elements[0].Length = given->Length;
    }
    *pAllocationHandle = given->VirtualAddress;
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisFreeSharedMemory(NDIS_HANDLE NdisHandle, NDIS_HANDLE AllocationHandle)
{
    struct ndis_adapter *adapter = ndis_entry(NdisHandle, PASSIVE_LEVEL, "NdisFreeSharedMemory");

    if (adapter && drop(adapter, NDIS_CLAIM_MEMORY, AllocationHandle, 0, "NdisFreeSharedMemory"))
        MmFreeContiguousMemory(AllocationHandle);
}

/* ---- scatter-gather DMA: the lists are of buffers that carry traffic, of which there is none ---------------- */

NDIS_EXPORT NDIS_STATUS NdisMRegisterScatterGatherDma(NDIS_HANDLE MiniportAdapterHandle,
                                                      PNDIS_SG_DMA_DESCRIPTION DmaDescription,
                                                      PNDIS_HANDLE NdisMiniportDmaHandle)
{
    static const char routine[] = "NdisMRegisterScatterGatherDma";
    struct ndis_adapter *adapter = ndis_claimant(MiniportAdapterHandle, routine);
    struct ndis_claim *claim;

    if (!adapter || !DmaDescription || !NdisMiniportDmaHandle || !DmaDescription->ProcessSGListHandler ||
        !ndis_header_ok(DmaDescription, NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1))
        return NDIS_STATUS_FAILURE;
    claim = nt_fault(routine) ? NULL : ndis_claim_add(adapter, NDIS_CLAIM_DMA, NULL, 0);
    if (!claim)
        return NDIS_STATUS_RESOURCES;
    claim->object = claim; /* the handle */
    DmaDescription->ScatterGatherListSize =
        (ULONG)(sizeof(SCATTER_GATHER_LIST) +
                (BYTES_TO_PAGES(DmaDescription->MaximumPhysicalMapping) + 1) * sizeof(SCATTER_GATHER_ELEMENT));
    *NdisMiniportDmaHandle = claim;
    return NDIS_STATUS_SUCCESS;
}

NDIS_EXPORT VOID NdisMDeregisterScatterGatherDma(NDIS_HANDLE NdisMiniportDmaHandle)
{
    struct ndis_adapter *adapter = ndis_claimant_of(NdisMiniportDmaHandle);

    if (adapter && nt_irql_at_most(PASSIVE_LEVEL, "NdisMDeregisterScatterGatherDma"))
        drop(adapter, NDIS_CLAIM_DMA, NdisMiniportDmaHandle, 0, "NdisMDeregisterScatterGatherDma");
    else if (!adapter)
        nt_violation_in(NDIS_RULE(HARDWARE_NOT_CLAIMED), "NdisMDeregisterScatterGatherDma",
                        "NdisMDeregisterScatterGatherDma: %p is no DMA handle", NdisMiniportDmaHandle);
}
