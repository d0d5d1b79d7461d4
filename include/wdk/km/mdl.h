/* SPDX-License-Identifier: MIT
 *
 * MDL: describes a buffer by the pages it lies in.
 */
#ifndef VFPLANE_WDK_MDL_H
#define VFPLANE_WDK_MDL_H

#include "sync.h"

VFPLANE_BEGIN_C

/* One buffer (or piece) of ByteCount bytes, ByteOffset into its first page; Next chains pieces. */
typedef struct _MDL {
    struct _MDL *Next;
    CSHORT Size;
    CSHORT MdlFlags;
    USHORT AllocationProcessorNumber;
    USHORT Reserved;
    struct _EPROCESS *Process;
    PVOID MappedSystemVa;
    PVOID StartVa;
    ULONG ByteCount;
    ULONG ByteOffset;
} MDL, *PMDL, *PMDLX;
typedef ULONG_PTR PFN_NUMBER, *PPFN_NUMBER;

C_ASSERT(sizeof(MDL) == 48);

#define MDL_MAPPED_TO_SYSTEM_VA     0x0001
#define MDL_PAGES_LOCKED            0x0002
#define MDL_SOURCE_IS_NONPAGED_POOL 0x0004
#define MDL_ALLOCATED_FIXED_SIZE    0x0008
#define MDL_PARTIAL                 0x0010
#define MDL_PARTIAL_HAS_BEEN_MAPPED 0x0020

typedef enum _MM_PAGE_PRIORITY { LowPagePriority = 0, NormalPagePriority = 16, HighPagePriority = 32 } MM_PAGE_PRIORITY;
#define MdlMappingNoWrite   0x80000000
#define MdlMappingNoExecute 0x40000000
typedef enum _MEMORY_CACHING_TYPE {
    MmNonCached = 0,
    MmCached = 1,
    MmWriteCombined = 2,
    MmMaximumCacheType = 6
} MEMORY_CACHING_TYPE;
typedef enum _LOCK_OPERATION { IoReadAccess, IoWriteAccess, IoModifyAccess } LOCK_OPERATION;

#define MmGetMdlByteCount(Mdl)      ((Mdl)->ByteCount)
#define MmGetMdlByteOffset(Mdl)     ((Mdl)->ByteOffset)
#define MmGetMdlVirtualAddress(Mdl) ((PVOID)((PUCHAR)(Mdl)->StartVa + (Mdl)->ByteOffset))
#define MmGetMdlBaseVa(Mdl)         ((Mdl)->StartVa)
#define MmGetMdlPfnArray(Mdl)       ((PPFN_NUMBER)((Mdl) + 1))
#define MmGetSystemAddressForMdlSafe(Mdl, Priority)                                                                    \
    (((Mdl)->MdlFlags & (MDL_MAPPED_TO_SYSTEM_VA | MDL_SOURCE_IS_NONPAGED_POOL))                                       \
         ? (Mdl)->MappedSystemVa                                                                                       \
         : MmMapLockedPagesSpecifyCache(Mdl, KernelMode, MmCached, NULL, FALSE, Priority))
#define MmInitializeMdl(Mdl, BaseVa, Length)                                                                           \
    do {                                                                                                               \
        (Mdl)->Next = NULL;                                                                                            \
        (Mdl)->Size = (CSHORT)(sizeof(MDL) + sizeof(PFN_NUMBER) * ADDRESS_AND_SIZE_TO_SPAN_PAGES(BaseVa, Length));     \
        (Mdl)->MdlFlags = 0;                                                                                           \
        (Mdl)->StartVa = PAGE_ALIGN(BaseVa);                                                                           \
        (Mdl)->ByteOffset = BYTE_OFFSET(BaseVa);                                                                       \
        (Mdl)->ByteCount = (ULONG)(Length);                                                                            \
    } while (0)

struct _IRP;
/* An MDL for Length bytes at VirtualAddress; NULL: no memory. At most DISPATCH_LEVEL. */
PMDL IoAllocateMdl(PVOID VirtualAddress, ULONG Length, BOOLEAN SecondaryBuffer, BOOLEAN ChargeQuota, struct _IRP *Irp);
/* Frees it, not what it describes. */
VOID IoFreeMdl(PMDL Mdl);
/* Makes TargetMdl describe a part of what SourceMdl does. */
VOID IoBuildPartialMdl(PMDL SourceMdl, PMDL TargetMdl, PVOID VirtualAddress, ULONG Length);
/* Fills an MDL whose buffer is nonpaged pool. At most DISPATCH_LEVEL. */
VOID MmBuildMdlForNonPagedPool(PMDL MemoryDescriptorList);
/* Locks the pages of an MDL, unlocks, maps into system space (NULL: failed), unmaps. At most DISPATCH_LEVEL. */
VOID MmProbeAndLockPages(PMDL MemoryDescriptorList, KPROCESSOR_MODE AccessMode, LOCK_OPERATION Operation);
VOID MmUnlockPages(PMDL MemoryDescriptorList);
PVOID MmMapLockedPagesSpecifyCache(PMDL Mdl, KPROCESSOR_MODE AccessMode, MEMORY_CACHING_TYPE CacheType,
                                   PVOID RequestedAddress, ULONG BugCheckOnFailure, ULONG Priority);
VOID MmUnmapLockedPages(PVOID BaseAddress, PMDL MemoryDescriptorList);

/* Maps device memory; NULL: not there. At most APC_LEVEL. */
PVOID MmMapIoSpace(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, MEMORY_CACHING_TYPE CacheType);
PVOID MmMapIoSpaceEx(PHYSICAL_ADDRESS PhysicalAddress, SIZE_T NumberOfBytes, ULONG Protect);
VOID MmUnmapIoSpace(PVOID BaseAddress, SIZE_T NumberOfBytes);
/* Physical address of a nonpaged virtual one. Any IRQL. */
PHYSICAL_ADDRESS MmGetPhysicalAddress(PVOID BaseAddress);
/* Memory in one physical piece below an address, and back. At most DISPATCH_LEVEL. */
PVOID MmAllocateContiguousMemory(SIZE_T NumberOfBytes, PHYSICAL_ADDRESS HighestAcceptableAddress);
VOID MmFreeContiguousMemory(PVOID BaseAddress);
/* Whether an access would not fault. At most DISPATCH_LEVEL. */
BOOLEAN MmIsAddressValid(PVOID VirtualAddress);
/* Looks up an exported routine; NULL: not there. PASSIVE_LEVEL. */
PVOID MmGetSystemRoutineAddress(PUNICODE_STRING SystemRoutineName);
#define PAGE_READONLY  0x02
#define PAGE_READWRITE 0x04
#define PAGE_NOCACHE   0x200

VFPLANE_END_C

#endif
