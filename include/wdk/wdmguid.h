/* SPDX-License-Identifier: MIT
 *
 * GUIDs of the bus interfaces. Declared here; defined where <initguid.h> was included before.
 */
#include "guiddef.h"

#if !defined(VFPLANE_WDK_WDMGUID_DECLARED) || (defined(INITGUID) && !defined(VFPLANE_WDK_WDMGUID_DEFINED))
#define VFPLANE_WDK_WDMGUID_DECLARED
#if defined(INITGUID)
#define VFPLANE_WDK_WDMGUID_DEFINED
#endif

/* BUS_INTERFACE_STANDARD */
DEFINE_GUID(GUID_BUS_INTERFACE_STANDARD, 0x496B8280, 0x6F25, 0x11D0, 0xBE, 0xAF, 0x08, 0x00, 0x2B, 0xE2, 0x09, 0x2F);
/* PCI_BUS_INTERFACE_STANDARD, of the PCI bus driver to HAL-like clients */
DEFINE_GUID(GUID_PCI_BUS_INTERFACE_STANDARD, 0x496B8281, 0x6F25, 0x11D0, 0xBE, 0xAF, 0x08, 0x00, 0x2B, 0xE2, 0x09,
            0x2F);
/* PCI_VIRTUALIZATION_INTERFACE, on the PDO of a PF */
DEFINE_GUID(GUID_PCI_VIRTUALIZATION_INTERFACE, 0x64897B47, 0x3A4A, 0x4D75, 0xBC, 0x74, 0x89, 0xDD, 0x6C, 0x07, 0x82,
            0x93);
/* Device interface standards of displays with SR-IOV; only their names are of use here */
DEFINE_GUID(GUID_DXGKDDI_MITIGABLE_DEVICE_INTERFACE, 0x1387F270, 0x121A, 0x4A4A, 0xB2, 0x5E, 0x3B, 0x15, 0x89, 0x97,
            0x6C, 0x61);
DEFINE_GUID(GUID_DXGKDDI_FLEXIOV_DEVICE_INTERFACE, 0x7B73A997, 0x48E8, 0x4CAB, 0x9F, 0xAB, 0xE0, 0x77, 0x4B, 0x44, 0xF5,
            0x99);

#endif
