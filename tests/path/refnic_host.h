/* SPDX-License-Identifier: MIT
 *
 * A host in one process: the real rooms from the device to the virtualization stack, with refnic's PF miniport on a
 * card.
 */
#ifndef VFPLANE_TESTS_REFNIC_HOST_H
#define VFPLANE_TESTS_REFNIC_HOST_H

#include "test.h"

#include "ndis/ndis_room.h"
#include "pci/pci.h"
#include "pcibus/pcibus.h"
#include "vstack/vstack.h"

#include "refnic_requests.h"

#define HOST_CARDS 2

struct host {
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    struct pci_profile *profile;
    struct pci_device *device[HOST_CARDS];
    PDEVICE_OBJECT pdo[HOST_CARDS];
    struct vstack *stack[HOST_CARDS]; /* of the cards that are started */
    PDRIVER_OBJECT vbd;               /* NULL: none; else attached to each PDO before the PF driver */
    uint64_t violations;              /* that the test expects by its end */
    bool strict;                      /* set before host_start: accesses too early after VF Enable or FLR fail */
};

/* Of hosts created afterwards; borrowed, NULL: none. */
extern struct trace *host_trace;
/* A partition with the driver loaded from $REFNIC_PF and $REFNIC_PROFILE read. */
void host_create(struct host *host);
/* The same with $VBD between the bus and the PF driver, which is at `pf_driver`. */
void host_create_with_vbd(struct host *host, const char *pf_driver);
/* Puts card `index` on the bus and starts its adapter. The status of the start. */
NTSTATUS host_start(struct host *host, unsigned index);
void host_stop(struct host *host, unsigned index);
/* Stops what runs; nothing may have leaked, and no rule been broken beyond host->violations. */
void host_destroy(struct host *host);

/* Makes this the host and card that host_oid sends to. */
void host_select(struct host *host, unsigned index);
/* A request_sender: as an overlying driver sends it, through NDIS. */
NDIS_STATUS host_oid(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG input, ULONG output, ULONG *needed,
                     ULONG *done);

#endif
