/* SPDX-License-Identifier: MIT
 *
 * What the files of the generic road share: a PF driver that is no miniport, reached by SRIOV_DEVICE_INTERFACE_STANDARD
 * and the IOCTLs of pcivirt.h (pci.md 3).
 *
 * One call at a time is inside the PF driver's callbacks, as OIDs are for a miniport: nothing promises that it could
 * take more (pci.md 5.12 rule 15, 6.25). generic->lock is held for copies only; it is innermost.
 */
#ifndef VFPLANE_VSTACK_GENERIC_ROAD_H
#define VFPLANE_VSTACK_GENERIC_ROAD_H

#include <pcivirt.h>

#include "vstack/internal.h"

/* An IOCTL that the stack keeps pending at the PF driver. */
struct vstack_listener {
    struct vstack_generic *generic;
    ULONG code, size; /* of its output */
    void (*heard)(struct vstack_generic *generic, const void *output);
    PIRP irp;
    PIO_WORKITEM work;
    UCHAR output[sizeof(SRIOV_INVALIDATE_BLOCK)];
    bool ended; /* not pending, and will not be again */
};

struct vstack_generic {
    struct vstack *stack;
    struct nt_partition *partition;
    PDEVICE_OBJECT top; /* of the PF's device stack, referenced */
    SRIOV_DEVICE_INTERFACE_STANDARD_2 pf;
    ULONG num_vfs; /* of the switch */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closing;
    bool stopped;                    /* the PF is being rebalanced, with our consent */
    unsigned vfs;                    /* given out */
    bool busy;                       /* somebody's turn it is */
    struct vstack_turn *head, *tail; /* who waits for one */
    PIO_WORKITEM server;
    struct vstack_listener events, invalidations;
};

/* generic_gate.c: whose turn it is at the PF driver. */
/* Runs the VF's staged request now, on this thread, and returns its status; NDIS_STATUS_PENDING: a worker will, at
 * PASSIVE_LEVEL, because it is another's turn or this thread is above PASSIVE_LEVEL. */
NDIS_STATUS vstack_gate_send(struct vstack_vf *vf);
/* For a thread that waits; PASSIVE_LEVEL. */
void vstack_gate_enter(struct vstack_generic *generic);
void vstack_gate_leave(struct vstack_generic *generic);

/* generic_call.c: the callbacks. In turn, PASSIVE_LEVEL. */
NDIS_STATUS vstack_generic_call(struct vstack_vf *vf); /* what was staged */
NDIS_STATUS vstack_generic_transfer(struct vstack_generic *generic, USHORT vf, enum vstack_kind kind, ULONG where,
                                    void *data, ULONG length);
NDIS_STATUS vstack_generic_reset(struct vstack_generic *generic, USHORT vf);
ULONG vstack_generic_locate(struct vstack_generic *generic, USHORT vf); /* NDIS_INVALID_RID: nowhere */
NDIS_STATUS vstack_generic_ids(struct vstack_generic *generic, USHORT vf, USHORT *vendor, USHORT *device);
NDIS_STATUS vstack_generic_bars(struct vstack_generic *generic, USHORT vf, ULONG values[6]);
NDIS_STATUS vstack_generic_resource(struct vstack_generic *generic, USHORT vf, USHORT bar,
                                    PCM_PARTIAL_RESOURCE_DESCRIPTOR resource);
/* A routine that the PF driver left NULL (pci.md 3.5). */
#define VSTACK_MISSING NDIS_STATUS_NOT_SUPPORTED

/* generic_client.c: ATTACH, and the IOCTLs that stay pending. PASSIVE_LEVEL. */
NTSTATUS vstack_client_attach(struct vstack_generic *generic);
void vstack_client_detach(struct vstack_generic *generic);

#endif
