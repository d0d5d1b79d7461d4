/* SPDX-License-Identifier: MIT
 *
 * MDLs and the parts of memory management a bus or network driver needs. Every page is resident here and a physical
 * address is the virtual one; MmMapIoSpace maps windows of plain memory, one for each range of bus addresses, kept
 * until the partition ends so that a driver finds again what it wrote there.
 */
#include "nt/internal.h"

#include <stdlib.h>

#define NT_TAG_CONTIGUOUS 0x746e6f43u /* "Cont" */

PMDL nt_mdl_for_driver(PVOID address, ULONG length, PVOID caller)
{
    size_t size = sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(address, (ULONG64)length);
    if (!nt_partition_current || !nt_irql_at_most(DISPATCH_LEVEL, "IoAllocateMdl") || nt_fault("IoAllocateMdl"))
        return NULL;
    PMDL mdl = nt_pool_allocate_for(nt_partition_current, size, NT_TAG_MDL, caller);
    if (mdl)
        MmInitializeMdl(mdl, address, length);
    return mdl;
}

NT_EXPORT PMDL IoAllocateMdl(PVOID address, ULONG length, BOOLEAN secondary, BOOLEAN charge_quota, PIRP irp)
{
    PMDL mdl = nt_mdl_for_driver(address, length, __builtin_return_address(0));
    (void)charge_quota;
    if (!mdl || !irp)
        return mdl;
    PMDL *link = &irp->MdlAddress;
    while (secondary && *link)
        link = &(*link)->Next;
    *link = mdl;
    return mdl;
}

NT_EXPORT VOID IoFreeMdl(PMDL mdl)
{
    if (nt_partition_current)
        nt_pool_free(nt_partition_current, mdl, NT_TAG_MDL, true);
}

static void fill_pages(PMDL mdl)
{
    ULONG pages = ADDRESS_AND_SIZE_TO_SPAN_PAGES(MmGetMdlVirtualAddress(mdl), (ULONG64)mdl->ByteCount);
    for (ULONG i = 0; i < pages; i++)
        MmGetMdlPfnArray(mdl)[i] = ((ULONG_PTR)mdl->StartVa >> PAGE_SHIFT) + i;
}

NT_EXPORT VOID IoBuildPartialMdl(PMDL source, PMDL target, PVOID address, ULONG length)
{
    ULONG_PTR start = (ULONG_PTR)MmGetMdlVirtualAddress(source);
    ULONG_PTR offset = (ULONG_PTR)address - start;
    if (offset > source->ByteCount || length > source->ByteCount - offset) {
        nt_violation(NT_RULE(MDL_RANGE), "IoBuildPartialMdl: the part lies outside of the source");
        return;
    }
    MmInitializeMdl(target, address, length ? length : source->ByteCount - (ULONG)offset);
    target->MdlFlags |= MDL_PARTIAL;
    fill_pages(target);
}

NT_EXPORT VOID MmBuildMdlForNonPagedPool(PMDL mdl)
{
    mdl->MdlFlags |= MDL_SOURCE_IS_NONPAGED_POOL;
    mdl->MappedSystemVa = MmGetMdlVirtualAddress(mdl);
    fill_pages(mdl);
}

NT_EXPORT VOID MmProbeAndLockPages(PMDL mdl, KPROCESSOR_MODE mode, LOCK_OPERATION operation)
{
    (void)mode, (void)operation;
    mdl->MdlFlags |= MDL_PAGES_LOCKED;
    fill_pages(mdl);
}

NT_EXPORT VOID MmUnlockPages(PMDL mdl)
{
    if (!(mdl->MdlFlags & MDL_PAGES_LOCKED))
        nt_violation(NT_RULE(MDL_NOT_LOCKED), "MmUnlockPages on an MDL whose pages are not locked");
    mdl->MdlFlags &= (CSHORT) ~(MDL_PAGES_LOCKED | MDL_MAPPED_TO_SYSTEM_VA);
}

NT_EXPORT PVOID MmMapLockedPagesSpecifyCache(PMDL mdl, KPROCESSOR_MODE mode, MEMORY_CACHING_TYPE type, PVOID requested,
                                             ULONG bug_check, ULONG priority)
{
    (void)mode, (void)type, (void)requested, (void)bug_check, (void)priority;
    mdl->MdlFlags |= MDL_MAPPED_TO_SYSTEM_VA;
    mdl->MappedSystemVa = MmGetMdlVirtualAddress(mdl);
    return mdl->MappedSystemVa;
}

NT_EXPORT VOID MmUnmapLockedPages(PVOID address, PMDL mdl)
{
    (void)address;
    mdl->MdlFlags &= (CSHORT)~MDL_MAPPED_TO_SYSTEM_VA;
}

NT_EXPORT PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = (LONGLONG)(uintptr_t)address};
}

NT_EXPORT PVOID MmAllocateContiguousMemory(SIZE_T size, PHYSICAL_ADDRESS highest)
{
    (void)highest;
    if (!nt_partition_current || !nt_irql_at_most(DISPATCH_LEVEL, "MmAllocateContiguousMemory") ||
        nt_fault("MmAllocateContiguousMemory"))
        return NULL;
    return nt_pool_allocate(nt_partition_current, ROUND_TO_PAGES(size), NT_TAG_CONTIGUOUS, true);
}

NT_EXPORT VOID MmFreeContiguousMemory(PVOID address)
{
    if (nt_partition_current)
        nt_pool_free(nt_partition_current, address, NT_TAG_CONTIGUOUS, true);
}

NT_EXPORT BOOLEAN MmIsAddressValid(PVOID address)
{
    return address != NULL;
}

/* ---- device memory ------------------------------------------------------------------------------------------------
 */

struct window {
    LIST_ENTRY entry;
    uint64_t start, length;
    void *memory;
    unsigned mappings;
};

static struct window *window_find(struct nt_partition *partition, uint64_t start, uint64_t length)
{
    for (LIST_ENTRY *entry = partition->windows.Flink; entry != &partition->windows; entry = entry->Flink) {
        struct window *window = CONTAINING_RECORD(entry, struct window, entry);
        if (start >= window->start && start - window->start <= window->length &&
            length <= window->length - (start - window->start))
            return window;
    }
    return NULL;
}

static struct window *window_create(struct nt_partition *partition, uint64_t start, uint64_t length)
{
    struct window *window = calloc(1, sizeof(*window));
    if (!window)
        return NULL;
    *window = (struct window){.start = start, .length = length, .memory = calloc(1, length)};
    if (!window->memory) {
        free(window);
        return NULL;
    }
    InsertTailList(&partition->windows, &window->entry);
    return window;
}

NT_EXPORT PVOID MmMapIoSpace(PHYSICAL_ADDRESS address, SIZE_T size, MEMORY_CACHING_TYPE type)
{
    struct nt_partition *partition = nt_partition_current;
    uint64_t start = (uint64_t)address.QuadPart;
    (void)type;
    if (!partition || !size || start + size < start || !nt_irql_at_most(APC_LEVEL, "MmMapIoSpace") ||
        nt_fault("MmMapIoSpace"))
        return NULL;
    pthread_mutex_lock(&partition->lock);
    struct window *window = window_find(partition, start, size);
    if (!window)
        window = window_create(partition, start, size);
    if (window)
        window->mappings++;
    pthread_mutex_unlock(&partition->lock);
    return window ? (char *)window->memory + (start - window->start) : NULL;
}

NT_EXPORT PVOID MmMapIoSpaceEx(PHYSICAL_ADDRESS address, SIZE_T size, ULONG protect)
{
    (void)protect;
    return MmMapIoSpace(address, size, MmNonCached);
}

NT_EXPORT VOID MmUnmapIoSpace(PVOID address, SIZE_T size)
{
    struct nt_partition *partition = nt_partition_current;
    bool found = false;
    (void)size;
    if (!partition)
        return;
    pthread_mutex_lock(&partition->lock);
    for (LIST_ENTRY *entry = partition->windows.Flink; !found && entry != &partition->windows; entry = entry->Flink) {
        struct window *window = CONTAINING_RECORD(entry, struct window, entry);
        char *start = window->memory;
        found = (char *)address >= start && (char *)address < start + window->length && window->mappings;
        window->mappings -= found;
    }
    pthread_mutex_unlock(&partition->lock);
    if (!found)
        nt_violation(NT_RULE(NOT_MAPPED), "MmUnmapIoSpace(%p): nothing is mapped there", address);
}

void nt_windows_destroy(struct nt_partition *partition)
{
    unsigned mapped = 0;
    while (!IsListEmpty(&partition->windows)) {
        struct window *window = CONTAINING_RECORD(RemoveHeadList(&partition->windows), struct window, entry);
        mapped += window->mappings;
        free(window->memory);
        free(window);
    }
    if (mapped)
        nt_violation(NT_RULE(MAPPING_LEAK), "%u mappings of device memory were not unmapped", mapped);
}
