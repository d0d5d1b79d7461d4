/* SPDX-License-Identifier: MIT
 *
 * Query interfaces: the header every interface begins with, the interface of any bus, and the one by which a PF driver
 * reaches its virtual functions (pci.md 1). The bus drivers export them; a driver gets them with
 * IRP_MN_QUERY_INTERFACE.
 */
#ifndef VFPLANE_WDK_INTERFACE_H
#define VFPLANE_WDK_INTERFACE_H

#include "types.h"

VFPLANE_BEGIN_C

/* Takes or gives back one reference; Context is the interface's. At most DISPATCH_LEVEL. */
typedef VOID INTERFACE_REFERENCE_ROUTINE(PVOID Context);
typedef VOID (*PINTERFACE_REFERENCE)(PVOID Context);
typedef VOID (*PINTERFACE_DEREFERENCE)(PVOID Context);

/* Size is that of the whole structure; a driver dereferences exactly once what it got. */
typedef struct _INTERFACE {
    USHORT Size;
    USHORT Version;
    PVOID Context; /* first argument of every routine of the interface */
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
} INTERFACE, *PINTERFACE;

struct _DMA_ADAPTER;
struct _DEVICE_DESCRIPTION;

/* Bus address to system address; AddressSpace in and out: 0 memory, 1 port. FALSE: none. PASSIVE_LEVEL. */
typedef BOOLEAN TRANSLATE_BUS_ADDRESS(PVOID Context, PHYSICAL_ADDRESS BusAddress, ULONG Length, PULONG AddressSpace,
                                      PPHYSICAL_ADDRESS TranslatedAddress);
typedef TRANSLATE_BUS_ADDRESS *PTRANSLATE_BUS_ADDRESS;
/* DMA adapter of the device; NULL on failure. PASSIVE_LEVEL. */
typedef struct _DMA_ADAPTER *GET_DMA_ADAPTER(PVOID Context, struct _DEVICE_DESCRIPTION *DeviceDescriptor,
                                             PULONG NumberOfMapRegisters);
typedef GET_DMA_ADAPTER *PGET_DMA_ADAPTER;
/* Bytes moved between Buffer and the space DataType (PCI_WHICHSPACE_*) at Offset; 0 on failure. Configuration space: at
 * most DIRQL, on the PDO of a VF at most APC_LEVEL; ROM: at most APC_LEVEL. */
typedef ULONG GET_SET_DEVICE_DATA(PVOID Context, ULONG DataType, PVOID Buffer, ULONG Offset, ULONG Length);
typedef GET_SET_DEVICE_DATA *PGET_SET_DEVICE_DATA;

/* GUID_BUS_INTERFACE_STANDARD, version 1: what every bus driver offers on the PDO of a child. */
typedef struct _BUS_INTERFACE_STANDARD {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    PTRANSLATE_BUS_ADDRESS TranslateBusAddress;
    PGET_DMA_ADAPTER GetDmaAdapter;
    PGET_SET_DEVICE_DATA SetBusData; /* before GetBusData */
    PGET_SET_DEVICE_DATA GetBusData;
} BUS_INTERFACE_STANDARD, *PBUS_INTERFACE_STANDARD;

/* Writes Length bytes of Buffer at byte Offset of the 4096-byte configuration space of VF number VirtualFunction
 * (zero-based). Bytes written; 0: failure, nothing changed. At most APC_LEVEL. */
typedef ULONG SET_VIRTUAL_DEVICE_DATA(PVOID Context, USHORT VirtualFunction, PVOID Buffer, ULONG Offset, ULONG Length);
typedef SET_VIRTUAL_DEVICE_DATA *PSET_VIRTUAL_DEVICE_DATA;
/* Reads the same; bytes read, 0: failure, Buffer untouched. At most APC_LEVEL. */
typedef ULONG GET_VIRTUAL_DEVICE_DATA(PVOID Context, USHORT VirtualFunction, PVOID Buffer, ULONG Offset, ULONG Length);
typedef GET_VIRTUAL_DEVICE_DATA *PGET_VIRTUAL_DEVICE_DATA;
/* Where a VF sits: segment, bus, and the 8-bit ARI function number. STATUS_INVALID_PARAMETER: no such VF.
 * PASSIVE_LEVEL. */
typedef NTSTATUS GET_VIRTUAL_DEVICE_LOCATION(PVOID Context, USHORT VirtualFunction, PUINT16 SegmentNumber,
                                             PUINT8 BusNumber, PUINT8 FunctionNumber);
typedef GET_VIRTUAL_DEVICE_LOCATION *PGET_VIRTUAL_DEVICE_LOCATION;
/* Bus numbers captured for VFs beyond the PF's own. PASSIVE_LEVEL. */
typedef VOID GET_VIRTUAL_DEVICE_RESOURCES(PVOID Context, PUINT8 CapturedBusNumbers);
typedef GET_VIRTUAL_DEVICE_RESOURCES *PGET_VIRTUAL_DEVICE_RESOURCES;
/* Writes NumVFs and sets or clears VF Enable. Enable: 1..TotalVFs; disable: 0. STATUS_SUCCESS,
 * STATUS_INVALID_PARAMETER, STATUS_INVALID_DEVICE_STATE (already so). At most DISPATCH_LEVEL. */
typedef NTSTATUS ENABLE_VIRTUALIZATION(PVOID Context, UINT16 NumVFs, BOOLEAN EnableVfMigration,
                                       BOOLEAN EnableMigrationInterrupt, BOOLEAN EnableVirtualization);
typedef ENABLE_VIRTUALIZATION *PENABLE_VIRTUALIZATION;
/* What the six VF BARs read back after all ones were written; 6 ULONGs, 0: BAR not there. STATUS_INVALID_DEVICE_STATE:
 * no SR-IOV. PASSIVE_LEVEL. */
typedef NTSTATUS GET_VIRTUAL_FUNCTION_PROBED_BARS(PVOID Context, PULONG BaseRegisterValues);
typedef GET_VIRTUAL_FUNCTION_PROBED_BARS *PGET_VIRTUAL_FUNCTION_PROBED_BARS;

/* GUID_PCI_VIRTUALIZATION_INTERFACE: offered by the PCI bus driver on the PDO of a PF, never on that of a VF. */
typedef struct _PCI_VIRTUALIZATION_INTERFACE {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    PSET_VIRTUAL_DEVICE_DATA SetVirtualFunctionData; /* before GetVirtualFunctionData */
    PGET_VIRTUAL_DEVICE_DATA GetVirtualFunctionData;
    PGET_VIRTUAL_DEVICE_LOCATION GetLocation;
    PGET_VIRTUAL_DEVICE_RESOURCES GetResources;
    PENABLE_VIRTUALIZATION EnableVirtualization;
    PGET_VIRTUAL_FUNCTION_PROBED_BARS GetVirtualFunctionProbedBars;
} PCI_VIRTUALIZATION_INTERFACE, *PPCI_VIRTUALIZATION_INTERFACE;

C_ASSERT(sizeof(INTERFACE) == 32 && sizeof(BUS_INTERFACE_STANDARD) == 64 && sizeof(PCI_VIRTUALIZATION_INTERFACE) == 80);

VFPLANE_END_C

#endif
