/* SPDX-License-Identifier: MIT
 *
 * What the VPCI bus driver offers a VF driver in a guest: configuration blocks, by routine and by IOCTL (pci.md 2).
 * The largest block, VPCI_MAX_READ_WRITE_BLOCK_SIZE, stands in pcivirt.h.
 */
#include "wdm.h"

#if !defined(VFPLANE_WDK_VPCI_GUIDS_DECLARED) || (defined(INITGUID) && !defined(VFPLANE_WDK_VPCI_GUIDS_DEFINED))
#define VFPLANE_WDK_VPCI_GUIDS_DECLARED
#if defined(INITGUID)
#define VFPLANE_WDK_VPCI_GUIDS_DEFINED
#endif
/* Query-interface type of VPCI_INTERFACE_STANDARD */
DEFINE_GUID(GUID_VPCI_INTERFACE_STANDARD, 0x12E65E71, 0xB651, 0x4067, 0x83, 0x1A, 0x13, 0x83, 0x20, 0x3C, 0xB0, 0xCB);
/* Bus type of devices under a VPCI bus */
DEFINE_GUID(GUID_BUS_VPCI, 0xC066F39A, 0xDE00, 0x4667, 0x89, 0x41, 0x33, 0x68, 0xED, 0x5D, 0x83, 0xB5);
/* Device interface class of VPCI buses */
DEFINE_GUID(GUID_DEVINTERFACE_VPCI, 0x57863182, 0xC948, 0x4692, 0x97, 0xE3, 0x34, 0xB5, 0x76, 0x62, 0xA3, 0xE0);
#endif

#ifndef VFPLANE_WDK_VPCI_H
#define VFPLANE_WDK_VPCI_H

VFPLANE_BEGIN_C

/* Sends Length bytes (1..128) of Buffer to block BlockId of this VF in the PF driver; returns when it has handled them.
 * A status of the PF driver or the transport. At most APC_LEVEL. */
typedef NTSTATUS VPCI_WRITE_BLOCK(PVOID Context, ULONG BlockId, PVOID Buffer, ULONG Length);
typedef VPCI_WRITE_BLOCK *PVPCI_WRITE_BLOCK;
/* Fetches exactly Length bytes of a block; on failure Buffer is untouched. At most APC_LEVEL. */
typedef NTSTATUS VPCI_READ_BLOCK(PVOID Context, ULONG BlockId, PVOID Buffer, ULONG Length);
typedef VPCI_READ_BLOCK *PVPCI_READ_BLOCK;

/* GUID_VPCI_INTERFACE_STANDARD: on the PDO of a VF in a guest only. */
typedef struct _VPCI_INTERFACE_STANDARD {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    PVPCI_WRITE_BLOCK WriteVfConfigBlock; /* before ReadVfConfigBlock */
    PVPCI_READ_BLOCK ReadVfConfigBlock;
    UINT32 SerialNumber; /* a number, not a routine: unique for each VF the guest has */
} VPCI_INTERFACE_STANDARD, *PVPCI_INTERFACE_STANDARD;

#define FILE_DEVICE_VPCI FILE_DEVICE_BUS_EXTENDER

/* Completed when blocks changed; output VPCI_INVALIDATE_BLOCK_OUTPUT, Information 0. */
#define IOCTL_VPCI_INVALIDATE_BLOCK CTL_CODE(FILE_DEVICE_VPCI, 1, METHOD_NEITHER, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
/* Input VPCI_READ_BLOCK_INPUT, output the bytes; Information is their number. */
#define IOCTL_VPCI_READ_BLOCK CTL_CODE(FILE_DEVICE_VPCI, 2, METHOD_NEITHER, FILE_READ_ACCESS | FILE_WRITE_ACCESS)
/* Input VPCI_WRITE_BLOCK_INPUT; Information is the number of bytes written. */
#define IOCTL_VPCI_WRITE_BLOCK CTL_CODE(FILE_DEVICE_VPCI, 3, METHOD_NEITHER, FILE_READ_ACCESS | FILE_WRITE_ACCESS)

/* Bit n of BlockMask: block n is to be read again; only blocks 0..63 can be told. */
typedef struct _VPCI_INVALIDATE_BLOCK_OUTPUT {
    UINT64 BlockMask;
} VPCI_INVALIDATE_BLOCK_OUTPUT, *PVPCI_INVALIDATE_BLOCK_OUTPUT;

/* BytesRequested is the size of the output buffer. */
typedef struct _VPCI_READ_BLOCK_INPUT {
    ULONG BlockId;
    ULONG BytesRequested;
} VPCI_READ_BLOCK_INPUT, *PVPCI_READ_BLOCK_INPUT;

/* DataLength bytes from Data on; the input buffer is at least sizeof this structure, also for fewer bytes. */
typedef struct _VPCI_WRITE_BLOCK_INPUT {
    ULONG BlockId;
    ULONG DataLength;
    UCHAR Data[ANYSIZE_ARRAY];
} VPCI_WRITE_BLOCK_INPUT, *PVPCI_WRITE_BLOCK_INPUT;

C_ASSERT(sizeof(VPCI_INTERFACE_STANDARD) == 56 && sizeof(VPCI_WRITE_BLOCK_INPUT) == 12);

VFPLANE_END_C

#endif
