/* SPDX-License-Identifier: MIT
 *
 * refvbd's private channel: what the PF driver above gets with IRP_MN_QUERY_INTERFACE instead of
 * PCI_VIRTUALIZATION_INTERFACE. Offered only for a device with SR-IOV.
 *
 * The usual rules of interfaces hold: who asked dereferences once and calls no more. The routines may be called from
 * any thread; after the device was removed they fail (0 bytes, STATUS_NO_SUCH_DEVICE).
 */
#ifndef REFVBD_H
#define REFVBD_H

#include <wdm.h>

/* {5B6F5D0C-9A0E-4E0B-8C0D-3D0E6A0F1C57} */
DEFINE_GUID(GUID_REFVBD_INTERFACE, 0x5B6F5D0C, 0x9A0E, 0x4E0B, 0x8C, 0x0D, 0x3D, 0x0E, 0x6A, 0x0F, 0x1C, 0x57);

#define REFVBD_INTERFACE_VERSION 1

typedef struct _REFVBD_INTERFACE {
    USHORT Size;
    USHORT Version;
    PVOID Context;
    PINTERFACE_REFERENCE InterfaceReference;
    PINTERFACE_DEREFERENCE InterfaceDereference;
    /* Configuration space of a VF: bytes moved, all or 0. At most DISPATCH_LEVEL. */
    ULONG (*SetVfData)(PVOID Context, USHORT Vf, PVOID Buffer, ULONG Offset, ULONG Length);
    ULONG (*GetVfData)(PVOID Context, USHORT Vf, PVOID Buffer, ULONG Offset, ULONG Length);
    /* 0 VFs disables virtualization. Statuses of EnableVirtualization. At most DISPATCH_LEVEL. */
    NTSTATUS (*EnableVfs)(PVOID Context, USHORT NumVfs);
    /* PASSIVE_LEVEL. */
    NTSTATUS (*GetVfLocation)(PVOID Context, USHORT Vf, PUSHORT Segment, PUCHAR Bus, PUCHAR Function);
    NTSTATUS (*GetProbedBars)(PVOID Context, PULONG Values);
} REFVBD_INTERFACE, *PREFVBD_INTERFACE;

#endif
