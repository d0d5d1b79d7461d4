/* SPDX-License-Identifier: MIT
 *
 * What refvbd's files share: one card.
 */
#ifndef REFVBD_BUS_H
#define REFVBD_BUS_H

#include "refvbd.h"

#include <wdmguid.h>

#define VBD_TAG 'dbVR'

/* Pool of its own, because a PF driver may hold the channel longer than the device object lives. */
struct vbd_bus {
    LONG references; /* the device's and those of the channel */
    LONG removed;
    PDEVICE_OBJECT lower;
    BOOLEAN virtualizes;              /* the card has SR-IOV: `pci` is there */
    PCI_VIRTUALIZATION_INTERFACE pci; /* ours: whoever is above does not get one */
};

struct vbd_bus *vbd_bus_of(PDEVICE_OBJECT device);
/* NULL on lack of memory. PASSIVE_LEVEL. */
struct vbd_bus *vbd_bus_create(PDEVICE_OBJECT lower);
VOID vbd_bus_release(struct vbd_bus *bus); /* at most DISPATCH_LEVEL */

/* IRP_MN_QUERY_INTERFACE for GUID_REFVBD_INTERFACE: the status it completes with. PASSIVE_LEVEL. */
NTSTATUS vbd_channel_open(struct vbd_bus *bus, PIO_STACK_LOCATION stack);

#endif
