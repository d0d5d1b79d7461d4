/* SPDX-License-Identifier: MIT
 *
 * The SR-IOV device interface of PF drivers that are not NDIS miniports (pci.md 3): routines the virtualization stack
 * calls in the PF driver, and the IOCTLs it sends it.
 */
#include "wdm.h"

#if !defined(VFPLANE_WDK_PCIVIRT_GUIDS_DECLARED) || (defined(INITGUID) && !defined(VFPLANE_WDK_PCIVIRT_GUIDS_DEFINED))
#define VFPLANE_WDK_PCIVIRT_GUIDS_DECLARED
#if defined(INITGUID)
#define VFPLANE_WDK_PCIVIRT_GUIDS_DEFINED
#endif
/* Device interface class under which a PF driver registers */
DEFINE_GUID(GUID_DEVINTERFACE_VIRTUALIZABLE_DEVICE, 0xA13A7A93, 0x11F0, 0x4BD2, 0xA9, 0xF5, 0x6B, 0x5C, 0x5B, 0x88,
            0x52, 0x7D);
/* Query-interface type of SRIOV_DEVICE_INTERFACE_STANDARD */
DEFINE_GUID(GUID_SRIOV_DEVICE_INTERFACE_STANDARD, 0x937EE9B6, 0x0ED3, 0x411C, 0x98, 0x2B, 0x1F, 0x56, 0x4A, 0xFB, 0xAB,
            0xD3);
/* Query-interface type of MITIGABLE_DEVICE_INTERFACE */
DEFINE_GUID(GUID_MITIGABLE_DEVICE_INTERFACE, 0xADFD9567, 0x4245, 0x497E, 0x85, 0x72, 0x78, 0xD4, 0x5C, 0x16, 0x22,
            0xB8);
/* Device interface class of devices that can be given to a guest whole */
DEFINE_GUID(GUID_DEVINTERFACE_DIRECTLY_ASSIGNABLE_DEVICE, 0x0DB3E0F9, 0x3536, 0x4213, 0x95, 0x72, 0xAD, 0x77, 0xE2,
            0x24, 0xBE, 0x27);
#endif

#ifndef VFPLANE_WDK_PCIVIRT_H
#define VFPLANE_WDK_PCIVIRT_H

VFPLANE_BEGIN_C

/* Most bytes of one block transfer, inclusive. */
#define VPCI_MAX_READ_WRITE_BLOCK_SIZE 128
/* VfIndex of an invalidation that concerns every VF. */
#define SRIOV_INVALIDATE_BLOCK_ALL_VFS ((USHORT)0xFFFF)

/* VfIndex counts the VFs of the PF from 0 in all routines below. They run at PASSIVE_LEVEL and return an NTSTATUS. */

/* Length bytes of VF configuration space at Offset into Data. */
typedef NTSTATUS SRIOV_READ_CONFIG(PVOID Context, PVOID Data, USHORT VfIndex, ULONG Offset, ULONG Length);
typedef SRIOV_READ_CONFIG *PSRIOV_READ_CONFIG;
/* Length bytes of Data into VF configuration space at Offset. */
typedef NTSTATUS SRIOV_WRITE_CONFIG(PVOID Context, CONST VOID *Data, USHORT VfIndex, ULONG Offset, ULONG Length);
typedef SRIOV_WRITE_CONFIG *PSRIOV_WRITE_CONFIG;
/* Length bytes (1..128) of a configuration block. */
typedef NTSTATUS SRIOV_READ_BLOCK(PVOID Context, USHORT VfIndex, ULONG BlockId, PVOID Buffer, ULONG Length);
typedef SRIOV_READ_BLOCK *PSRIOV_READ_BLOCK;
typedef NTSTATUS SRIOV_WRITE_BLOCK(PVOID Context, USHORT VfIndex, ULONG BlockId, PVOID Buffer, ULONG Length);
typedef SRIOV_WRITE_BLOCK *PSRIOV_WRITE_BLOCK;
/* Six ULONGs: what each VF BAR reads after all ones were written. */
typedef NTSTATUS SRIOV_QUERY_PROBED_BARS(PVOID Context, PULONG BaseRegisterValues);
typedef SRIOV_QUERY_PROBED_BARS *PSRIOV_QUERY_PROBED_BARS;
typedef NTSTATUS SRIOV_QUERY_PROBED_BARS_2(PVOID Context, USHORT VfIndex, PULONG BaseRegisterValues);
typedef SRIOV_QUERY_PROBED_BARS_2 *PSRIOV_QUERY_PROBED_BARS_2;
/* The ids the guest's plug and play shall see. */
typedef VOID SRIOV_GET_VENDOR_AND_DEVICE_IDS(PVOID Context, USHORT VfIndex, PUSHORT VendorId, PUSHORT DeviceId);
typedef SRIOV_GET_VENDOR_AND_DEVICE_IDS *PSRIOV_GET_VENDOR_AND_DEVICE_IDS;
/* Segment, bus and 8-bit function number. Cannot fail. */
typedef VOID SRIOV_GET_DEVICE_LOCATION(PVOID Context, USHORT VfIndex, PUINT16 SegmentNumber, PUINT8 BusNumber,
                                       PUINT8 FunctionNumber);
typedef SRIOV_GET_DEVICE_LOCATION *PSRIOV_GET_DEVICE_LOCATION;
/* Function-level reset of that VF alone. */
typedef NTSTATUS SRIOV_RESET_FUNCTION(PVOID Context, USHORT VfIndex);
typedef SRIOV_RESET_FUNCTION *PSRIOV_RESET_FUNCTION;
/* D0..D3; Wake is FALSE for D0. */
typedef NTSTATUS SRIOV_SET_POWER_STATE(PVOID Context, USHORT VfIndex, DEVICE_POWER_STATE PowerState, BOOLEAN Wake);
typedef SRIOV_SET_POWER_STATE *PSRIOV_SET_POWER_STATE;
/* The VF's slice of a BAR (0..5), translated; type CmResourceTypeNull for one that is not there. */
typedef NTSTATUS SRIOV_GET_RESOURCE_FOR_BAR(PVOID Context, USHORT VfIndex, USHORT BarIndex,
                                            PCM_PARTIAL_RESOURCE_DESCRIPTOR Resource);
typedef SRIOV_GET_RESOURCE_FOR_BAR *PSRIOV_GET_RESOURCE_FOR_BAR;
/* Id of the PF, of one VF, and the VF of an id. */
typedef NTSTATUS SRIOV_QUERY_LUID(PVOID Context, PLUID Luid);
typedef SRIOV_QUERY_LUID *PSRIOV_QUERY_LUID;
typedef NTSTATUS SRIOV_QUERY_VF_LUID(PVOID Context, USHORT VfIndex, PLUID Luid);
typedef SRIOV_QUERY_VF_LUID *PSRIOV_QUERY_VF_LUID;
typedef NTSTATUS SRIOV_QUERY_LUID_VF(PVOID Context, LUID Luid, PUSHORT VfIndex);
typedef SRIOV_QUERY_LUID_VF *PSRIOV_QUERY_LUID_VF;
/* Declared by the WDK, in no interface, never called. */
typedef NTSTATUS SRIOV_GET_MMIO_REQUIREMENTS(PVOID Context, USHORT VfIndex, ULONG BlockId, PVOID Buffer, ULONG Length);
typedef SRIOV_GET_MMIO_REQUIREMENTS *PSRIOV_GET_MMIO_REQUIREMENTS;

/* GUID_SRIOV_DEVICE_INTERFACE_STANDARD, version 1. A routine may be NULL. */
typedef struct _SRIOV_DEVICE_INTERFACE_STANDARD {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    PSRIOV_READ_CONFIG ReadVfConfig;
    PSRIOV_WRITE_CONFIG WriteVfConfig;
    PSRIOV_READ_BLOCK ReadVfConfigBlock;
    PSRIOV_WRITE_BLOCK WriteVfConfigBlock;
    PSRIOV_QUERY_PROBED_BARS QueryProbedBars;
    PSRIOV_GET_VENDOR_AND_DEVICE_IDS GetVendorAndDevice;
    PSRIOV_GET_DEVICE_LOCATION GetDeviceLocation;
    PSRIOV_RESET_FUNCTION ResetVf;
    PSRIOV_SET_POWER_STATE SetVfPowerState;
    PSRIOV_GET_RESOURCE_FOR_BAR GetResourceForBar;
    PSRIOV_QUERY_LUID QueryLuid;
} SRIOV_DEVICE_INTERFACE_STANDARD, *PSRIOV_DEVICE_INTERFACE_STANDARD;

/* The same GUID with a larger Size: three routines more. */
typedef struct _SRIOV_DEVICE_INTERFACE_STANDARD_2 {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    PSRIOV_READ_CONFIG ReadVfConfig;
    PSRIOV_WRITE_CONFIG WriteVfConfig;
    PSRIOV_READ_BLOCK ReadVfConfigBlock;
    PSRIOV_WRITE_BLOCK WriteVfConfigBlock;
    PSRIOV_QUERY_PROBED_BARS QueryProbedBars;
    PSRIOV_GET_VENDOR_AND_DEVICE_IDS GetVendorAndDevice;
    PSRIOV_GET_DEVICE_LOCATION GetDeviceLocation;
    PSRIOV_RESET_FUNCTION ResetVf;
    PSRIOV_SET_POWER_STATE SetVfPowerState;
    PSRIOV_GET_RESOURCE_FOR_BAR GetResourceForBar;
    PSRIOV_QUERY_LUID QueryLuid;
    PSRIOV_QUERY_PROBED_BARS_2 QueryProbedBars_2;
    PSRIOV_QUERY_VF_LUID QueryVfLuid;
    PSRIOV_QUERY_LUID_VF QueryLuidVf;
} SRIOV_DEVICE_INTERFACE_STANDARD_2, *PSRIOV_DEVICE_INTERFACE_STANDARD_2;

/* One access (Length 1..8, Read TRUE: a read) to a register page that the stack intercepts for the PF driver. */
typedef NTSTATUS READ_WRITE_MITIGATED_REGISTER(PVOID Context, USHORT VfIndex, BOOLEAN Read, USHORT BarIndex,
                                               ULONGLONG Offset, ULONG Length, PUCHAR Data);
typedef READ_WRITE_MITIGATED_REGISTER *PREAD_WRITE_MITIGATED_REGISTER;
/* GUID_MITIGABLE_DEVICE_INTERFACE. */
typedef struct _MITIGABLE_DEVICE_INTERFACE {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    PREAD_WRITE_MITIGATED_REGISTER ReadWriteMitigatedRegister;
} MITIGABLE_DEVICE_INTERFACE, *PMITIGABLE_DEVICE_INTERFACE;

/* Every code is METHOD_BUFFERED. */
#define VFPLANE_SRIOV_IOCTL(n) CTL_CODE(FILE_DEVICE_UNKNOWN, 0x810 + (n), METHOD_BUFFERED, FILE_READ_DATA)
/* Output SRIOV_PF_EVENT; completed at the PF's next plug and play event. */
#define IOCTL_SRIOV_NOTIFICATION VFPLANE_SRIOV_IOCTL(1)
/* Input SRIOV_PNP_EVENT_COMPLETE; lets the waiting event go on. */
#define IOCTL_SRIOV_EVENT_COMPLETE VFPLANE_SRIOV_IOCTL(2)
/* The stack begins / ends its use of the PF. */
#define IOCTL_SRIOV_ATTACH VFPLANE_SRIOV_IOCTL(3)
#define IOCTL_SRIOV_DETACH VFPLANE_SRIOV_IOCTL(4)
/* Output SRIOV_INVALIDATE_BLOCK; completed when a VF driver shall read blocks again. */
#define IOCTL_SRIOV_INVALIDATE_BLOCK VFPLANE_SRIOV_IOCTL(5)
/* Which register pages of a VF the stack shall intercept, and when that changes. */
#define IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT VFPLANE_SRIOV_IOCTL(6)
#define IOCTL_SRIOV_QUERY_MITIGATED_RANGES      VFPLANE_SRIOV_IOCTL(7)
#define IOCTL_SRIOV_MITIGATED_RANGE_UPDATE      VFPLANE_SRIOV_IOCTL(8)
/* Output SRIOV_PROXY_QUERY_LUID_OUTPUT; the only one a user-mode caller may send. */
#define IOCTL_SRIOV_PROXY_QUERY_LUID VFPLANE_SRIOV_IOCTL(9)

typedef enum _SRIOV_PF_EVENT {
    SriovEventPfQueryStopDevice = 0,
    SriovEventPfRestart = 1,
    SriovEventPfMaximum = 2
} SRIOV_PF_EVENT,
    *PSRIOV_PF_EVENT;

/* Status with which the pended plug and play query is to be finished. */
typedef struct _SRIOV_PNP_EVENT_COMPLETE {
    NTSTATUS QueryStatus;
} SRIOV_PNP_EVENT_COMPLETE, *PSRIOV_PNP_EVENT_COMPLETE;

/* Bit n of BlockMask: block n of that VF (or of all) changed. */
typedef struct _SRIOV_INVALIDATE_BLOCK {
    USHORT VfIndex;
    UINT64 BlockMask;
} SRIOV_INVALIDATE_BLOCK, *PSRIOV_INVALIDATE_BLOCK;

/* Input of IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT. */
typedef struct _SRIOV_MITIGATED_RANGE_COUNT_INPUT {
    USHORT VfIndex;
} SRIOV_MITIGATED_RANGE_COUNT_INPUT, *PSRIOV_MITIGATED_RANGE_COUNT_INPUT;

/* Number of ranges in each BAR. */
typedef struct _SRIOV_MITIGATED_RANGE_COUNT_OUTPUT {
    ULONG RangeCount[PCI_TYPE0_ADDRESSES];
} SRIOV_MITIGATED_RANGE_COUNT_OUTPUT, *PSRIOV_MITIGATED_RANGE_COUNT_OUTPUT;

/* Input of IOCTL_SRIOV_QUERY_MITIGATED_RANGES; BarNumber 0..5. */
typedef struct _SRIOV_MITIGATED_RANGES_INPUT {
    USHORT VfIndex;
    UCHAR BarNumber;
} SRIOV_MITIGATED_RANGES_INPUT, *PSRIOV_MITIGATED_RANGES_INPUT;

/* PageCount pages of 4096 bytes from page BasePageNumber of the BAR on. */
typedef struct _SRIOV_MITIGATED_RANGES_OUTPUT {
    ULONG64 BasePageNumber;
    ULONG PageCount;
    BOOLEAN InterceptReads;
    BOOLEAN InterceptWrites;
} SRIOV_MITIGATED_RANGES_OUTPUT, *PSRIOV_MITIGATED_RANGES_OUTPUT;

/* Input of IOCTL_SRIOV_MITIGATED_RANGE_UPDATE: whose changes are waited for. */
typedef struct _SRIOV_MITIGATED_RANGE_UPDATE_INPUT {
    USHORT VfIndex;
} SRIOV_MITIGATED_RANGE_UPDATE_INPUT, *PSRIOV_MITIGATED_RANGE_UPDATE_INPUT;

/* Its output: whose ranges are to be asked for again. */
typedef struct _SRIOV_MITIGATED_RANGE_UPDATE_OUTPUT {
    USHORT VfIndex;
} SRIOV_MITIGATED_RANGE_UPDATE_OUTPUT, *PSRIOV_MITIGATED_RANGE_UPDATE_OUTPUT;

/* Output of IOCTL_SRIOV_PROXY_QUERY_LUID: what QueryLuid returns. */
typedef struct _SRIOV_PROXY_QUERY_LUID_OUTPUT {
    LUID DeviceLuid;
} SRIOV_PROXY_QUERY_LUID_OUTPUT, *PSRIOV_PROXY_QUERY_LUID_OUTPUT;

/* Plug and play identity of a function. 12 bytes. */
typedef struct _VPCI_PNP_ID {
    USHORT VendorID;
    USHORT DeviceID;
    UCHAR RevisionID;
    UCHAR ProgIf;
    UCHAR SubClass;
    UCHAR BaseClass;
    USHORT SubVendorID;
    USHORT SubSystemID;
} VPCI_PNP_ID, *PVPCI_PNP_ID;

C_ASSERT(sizeof(SRIOV_DEVICE_INTERFACE_STANDARD) == 120 && sizeof(SRIOV_DEVICE_INTERFACE_STANDARD_2) == 144);

VFPLANE_END_C

#endif
