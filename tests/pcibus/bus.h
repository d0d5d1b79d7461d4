/* SPDX-License-Identifier: MIT
 *
 * A partition with one PF on its PCI bus, started, and both interfaces in hand.
 */
#ifndef VFPLANE_PCIBUS_TEST_H
#define VFPLANE_PCIBUS_TEST_H

#include "../nt/nt_test.h"

#include <wdmguid.h>

#include "pcibus/pcibus.h"

struct bus {
    struct nt_fixture *nt;
    struct pci_profile *profile;
    struct pci_device *device;
    PDEVICE_OBJECT pdo;
    BUS_INTERFACE_STANDARD standard;
    PCI_VIRTUALIZATION_INTERFACE virt;
    uint64_t now_ns;         /* the device's clock, of bus_begin_strict */
    _Atomic unsigned events; /* of that device */
};

/* The PF at `routing_id` (0: as in the capture); `subordinate_bus` as in struct pci_device_options. */
struct bus *bus_begin_with(const char *profile, UINT16 routing_id, UINT8 subordinate_bus);
struct bus *bus_begin(void); /* intel-82576: 01:00.0, 8 VFs, offset 128, stride 2 */
/* The same; VFs answer 100 ms of `now_ns` after VF Enable and FLR, not before. */
struct bus *bus_begin_strict(void);
/* The synthetic card with 8 VFs, `from` in its capture replaced by `to`, which is as long. */
struct bus *bus_begin_synthetic(const char *from, const char *to);
/* The synthetic card: First VF Offset 1, VF Stride 1. */
struct bus *bus_begin_many(UINT16 total_vfs, UINT16 routing_id);
/* A card without extended configuration space, so without SR-IOV. */
struct bus *bus_begin_conventional(void);
/* A card without SR-IOV capability: nobody offers `virt`. */
struct bus *bus_begin_plain(void);
/* Gives the interfaces back, removes the device; nothing may be reported or leak. */
void bus_finish(struct bus *bus);
void bus_enable(struct bus *bus, UINT16 num_vfs);
struct bus_reply {
    NTSTATUS status;
    ULONG_PTR information;
};
/* An IRP with this location to the PDO, which came with STATUS_NOT_SUPPORTED. */
struct bus_reply bus_send(struct bus *bus, IO_STACK_LOCATION stack);
/* All of the PF's and every VF's configuration space, to show that nothing changed. Freed by bus_unchanged. */
void *bus_snapshot(struct bus *bus);
void bus_unchanged(struct bus *bus, void *snapshot);

#endif
