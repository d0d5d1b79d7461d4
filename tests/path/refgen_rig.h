/* SPDX-License-Identifier: MIT
 *
 * refgen on a card in the real rooms, from the device to the driver: its interfaces, and its IOCTLs as a kernel driver
 * sends them.
 */
#ifndef VFPLANE_TESTS_REFGEN_RIG_H
#define VFPLANE_TESTS_REFGEN_RIG_H

#include "test.h"

#include <pcivirt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "ndis/ndis_room.h"
#include "nt/nt.h"
#include "pci/pci.h"
#include "pcibus/pcibus.h"

#define RIG_VFS 8 /* TotalVFs of the Intel 82576 */

struct rig {
    struct nt_partition *partition;
    PDRIVER_OBJECT driver;
    struct pci_profile *profile;
    struct pci_device *device;
    PDEVICE_OBJECT pdo;
    SRIOV_DEVICE_INTERFACE_STANDARD_2 sriov;
    MITIGABLE_DEVICE_INTERFACE mitigable;
    uint64_t ready_delay_ns; /* set before rig_start: how long functions are silent after VF Enable and FLR */
};

/* A partition with refgen loaded from $REFGEN and $REFNIC_PROFILE read. */
void rig_create(struct rig *rig);
/* Puts the card on the bus, starts the driver on it and takes its interfaces. The status of the start. */
NTSTATUS rig_start(struct rig *rig);
/* Gives the interfaces back; the device is removed, the card taken off the bus. */
void rig_remove(struct rig *rig);
/* What is left; nothing may have leaked and no rule been broken. */
void rig_destroy(struct rig *rig);

/* An IOCTL under way. The buffer is METHOD_BUFFERED's, input and output in one. */
struct sent {
    PIRP irp;
    UCHAR buffer[256];
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned completions;
    NTSTATUS status;
    ULONG_PTR information;
};

struct sent_how {
    UCHAR major;    /* 0: IRP_MJ_INTERNAL_DEVICE_CONTROL */
    bool user;      /* RequestorMode */
    bool no_buffer; /* SystemBuffer NULL */
};

/* What the dispatch routine returned. */
NTSTATUS sent_start(struct sent *sent, struct rig *rig, ULONG code, ULONG input, ULONG output, struct sent_how how);
bool sent_is_done(struct sent *sent);
NTSTATUS sent_wait(struct sent *sent); /* completed once */
void sent_free(struct sent *sent);

/* Sends and waits. The buffer holds the input before and the output after; NULL: there is none. */
NTSTATUS rig_control(struct rig *rig, ULONG code, void *buffer, ULONG input, ULONG output, ULONG_PTR *information);

/* A PnP request of the PnP manager's thread, of which there is one. */
struct pnp {
    struct rig *rig;
    UCHAR minor;
    pthread_t thread;
    atomic_bool done;
    NTSTATUS status;
};
void pnp_start(struct pnp *pnp, struct rig *rig, UCHAR minor);
NTSTATUS pnp_wait(struct pnp *pnp);

#endif
