/* SPDX-License-Identifier: MIT
 *
 * Asking the drivers below for an interface.
 */
#ifndef NIC_QUERY_H
#define NIC_QUERY_H

#include <wdm.h>

/* IRP_MN_QUERY_INTERFACE, version 1, to the device below. STATUS_NOT_SUPPORTED: nobody has it; STATUS_SUCCESS: `out`
 * holds a reference, to be given back by its InterfaceDereference. PASSIVE_LEVEL. */
NTSTATUS nic_query_interface(PDEVICE_OBJECT below, const GUID *type, USHORT size, PINTERFACE out);

#endif
