/* SPDX-License-Identifier: MIT
 *
 * What the files of the host room share. This room wires the others together behind include/vfplane/; it holds no rule
 * of its own.
 */
#ifndef VFPLANE_HOST_INTERNAL_H
#define VFPLANE_HOST_INTERNAL_H

#include <vfplane/guest.h>
#include <vfplane/host.h>

#include "ndis/ndis_room.h"
#include "nt/nt.h"
#include "pci/pci.h"
#include "pcibus/pcibus.h"
#include "vpci/vsc/vsc.h"
#include "vpci/vsp/vsp.h"
#include "vstack/vstack.h"

/* A NULL-terminated-by-next list of what a host owns; each kind embeds it first. */
struct owned {
    struct owned *next;
};

#define HOST_RELIDS 2048 /* vpci-wire.md 3.3: child relid 1..2047 */

struct vfp_host {
    struct trace *trace;
    struct nt_partition *partition;
    struct vsp *vsp;
    struct vfp_pf *pfs;
    struct vfp_driver *drivers;
    struct vfp_adapter *adapters;
    uint64_t relids[HOST_RELIDS / 64]; /* channels in use, one bit a relid; 0 is never used */
    uint32_t vfs_made;                 /* for MAC addresses that differ */
    char error[320];
};

struct vfp_pf {
    struct owned owned;
    struct vfp_host *host;
    struct pci_device *device;
    PDEVICE_OBJECT pdo;
};

struct vfp_driver {
    struct owned owned;
    struct vfp_host *host;
    PDRIVER_OBJECT object;
};

struct vfp_adapter {
    struct owned owned;
    struct vfp_host *host;
    struct vfp_pf *pf;
    struct vstack *stack; /* made with the first use, needs SR-IOV */
    struct vfp_vf *vfs;
};

struct vfp_vf {
    struct owned owned;
    struct vfp_adapter *adapter;
    struct vstack_vf *vf;
    struct vfp_channel *channel;
};

struct vfp_channel {
    struct vfp_vf *vf;
    struct vsp_channel *channel;
    uint32_t relid;
};

void host_list_add(void *list, void *element);
void host_list_remove(void *list, void *element);

/* Stores the line that vfp_host_error() returns; passes `error` through. */
int host_fail(struct vfp_host *host, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Writes `space`, a view of a function that exists, as `lspci -F` reads it. 0 or -EIO. */
int host_dump(struct vfp_pf *pf, int function, const uint8_t space[PCI_CONFIG_SIZE], FILE *stream);

/* The calling thread runs in the host's partition until it leaves. */
#define HOST_ENTER(host) struct nt_partition *entered_from = nt_enter((host)->partition)
#define HOST_LEAVE()     ((void)nt_enter(entered_from))

/* The errno that tells a Linux program what a status means. 0 for success (and for NDIS_STATUS_PENDING: never passed).
 */
int host_errno(NTSTATUS status);

#endif
