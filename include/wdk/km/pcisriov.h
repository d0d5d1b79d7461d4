/* SPDX-License-Identifier: MIT
 *
 * The SR-IOV extended capability (pci.md 4.1), as a driver overlays it on what it read.
 */
#ifndef VFPLANE_WDK_PCISRIOV_H
#define VFPLANE_WDK_PCISRIOV_H

#include "pci.h"

/* Offset 4 of the capability. */
typedef union _SRIOV_CAPS {
    struct {
        ULONG VFMigrationCapable : 1;
        ULONG ARICapableHierarchyPreserved : 1;
        ULONG VFTenBitTagRequesterSupported : 1;
        ULONG Reserved : 18;
        ULONG VFMigrationInterruptMessageNumber : 11;
    } bits;
    ULONG AsULONG;
} SRIOV_CAPS, *PSRIOV_CAPS;

/* Offset 8. */
typedef union _SRIOV_CONTROL {
    struct {
        USHORT VFEnable : 1;
        USHORT VFMigrationEnable : 1;
        USHORT VFMigrationInterruptEnable : 1;
        USHORT VFMemorySpaceEnable : 1;
        USHORT ARICapableHierarchy : 1;
        USHORT Reserved1 : 11;
    } bits;
    USHORT AsUSHORT;
} SRIOV_CONTROL, *PSRIOV_CONTROL;

/* Offset 10. */
typedef union _SRIOV_STATUS {
    struct {
        USHORT VFMigrationStatus : 1;
        USHORT Reserved : 15;
    } bits;
    USHORT AsUSHORT;
} SRIOV_STATUS, *PSRIOV_STATUS;

/* The capability, 64 bytes. */
typedef struct _PCI_EXPRESS_SRIOV_CAPABILITY {
    PCI_EXPRESS_ENHANCED_CAPABILITY_HEADER Header;
    SRIOV_CAPS SRIOVCapabilities;
    SRIOV_CONTROL SRIOVControl;
    SRIOV_STATUS SRIOVStatus;
    USHORT InitialVFs;
    USHORT TotalVFs;
    USHORT NumVFs;
    UCHAR FunctionDependencyLink;
    UCHAR RsvdP1;
    USHORT FirstVFOffset;
    USHORT VFStride;
    USHORT RsvdP2;
    USHORT VFDeviceId;
    ULONG SupportedPageSizes;
    ULONG SystemPageSize;
    ULONG BaseAddresses[PCI_TYPE0_ADDRESSES];
    ULONG VFMigrationStateArrayOffset;
} PCI_EXPRESS_SRIOV_CAPABILITY, *PPCI_EXPRESS_SRIOV_CAPABILITY;

C_ASSERT(sizeof(PCI_EXPRESS_SRIOV_CAPABILITY) == 0x40 && offsetof(PCI_EXPRESS_SRIOV_CAPABILITY, BaseAddresses) == 0x24);
C_ASSERT(offsetof(PCI_EXPRESS_SRIOV_CAPABILITY, NumVFs) == 0x10 &&
         offsetof(PCI_EXPRESS_SRIOV_CAPABILITY, VFStride) == 0x16);

#endif
