/* SPDX-License-Identifier: MIT
 *
 * DMA adapters: common buffers only. The device reaches all memory at the addresses the driver sees.
 */
#include "pcibus/internal.h"

#define PCIBUS_TAG_DMA 0x20616d44u /* "Dma " */

static VOID put_adapter(PDMA_ADAPTER adapter)
{
    ExFreePoolWithTag(adapter, PCIBUS_TAG_DMA);
}

static PVOID allocate_common_buffer(PDMA_ADAPTER adapter, ULONG length, PPHYSICAL_ADDRESS logical, BOOLEAN cached)
{
    (void)adapter, (void)cached;
    PVOID buffer = MmAllocateContiguousMemory(length, (PHYSICAL_ADDRESS){.QuadPart = MAXLONGLONG});
    if (buffer)
        *logical = MmGetPhysicalAddress(buffer);
    return buffer;
}

static VOID free_common_buffer(PDMA_ADAPTER adapter, ULONG length, PHYSICAL_ADDRESS logical, PVOID buffer,
                               BOOLEAN cached)
{
    (void)adapter, (void)length, (void)logical, (void)cached;
    MmFreeContiguousMemory(buffer);
}

PDMA_ADAPTER pcibus_dma_adapter(PDEVICE_DESCRIPTION description, PULONG map_registers)
{
    static const DMA_OPERATIONS operations = {sizeof(operations), put_adapter, allocate_common_buffer,
                                              free_common_buffer};
    if (!description || !map_registers || !description->Master || description->Version > DEVICE_DESCRIPTION_VERSION3)
        return NULL;
    PDMA_ADAPTER adapter = ExAllocatePoolWithTag(NonPagedPool, sizeof(*adapter), PCIBUS_TAG_DMA);
    if (!adapter)
        return NULL;
    *adapter = (DMA_ADAPTER){.Version = 1, .Size = sizeof(*adapter), .DmaOperations = (PDMA_OPERATIONS)&operations};
    *map_registers = BYTES_TO_PAGES(description->MaximumLength) + 1;
    return adapter;
}
