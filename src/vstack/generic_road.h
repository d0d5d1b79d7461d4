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

/* An IOCTL that the stack keeps pending at the PF driver (generic_listener.c). */
struct vstack_listener {
    struct vstack_generic *generic;
    ULONG code, input, size; /* bytes in and out; one buffer holds both (METHOD_BUFFERED) */
    /* Something was heard; false: it was no answer, and the PF driver is not asked again. PASSIVE_LEVEL. */
    bool (*heard)(struct vstack_listener *listener, const void *output);
    /* The two below may be NULL. At completion, <= DISPATCH_LEVEL, nothing held; and when it is pending again. */
    void (*arrived)(struct vstack_listener *listener, const void *output);
    void (*listening)(struct vstack_listener *listener);
    struct vstack_vf *vf; /* whose it is, NULL: the PF's */
    PIRP irp;
    PIO_WORKITEM work;
    UCHAR output[sizeof(SRIOV_INVALIDATE_BLOCK)];
    USHORT question; /* the input, put into the buffer each time */
    unsigned inside; /* work under way, generic->lock */
    bool closing;    /* is not made pending again; generic->lock */
    bool ended;      /* not pending, and will not be again; generic->lock */
};

struct vstack_generic {
    struct vstack *stack;
    struct nt_partition *partition;
    PDEVICE_OBJECT top; /* of the PF's device stack, referenced */
    SRIOV_DEVICE_INTERFACE_STANDARD_2 pf;
    MITIGABLE_DEVICE_INTERFACE mitigable; /* Size 0: it has none */
    ULONG num_vfs;                        /* of the switch */

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
/* A callback has no pending end, and only STATUS_SUCCESS and its kin are success. */
NDIS_STATUS vstack_generic_result(NTSTATUS status);
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

/* generic_listener.c. PASSIVE_LEVEL. */
/* An IRP of ours, to be sent as that IOCTL: the buffer holds input and output (METHOD_BUFFERED). */
void vstack_control_irp(PIRP irp, ULONG code, void *buffer, ULONG input, ULONG output, PIO_COMPLETION_ROUTINE completed,
                        void *context);
bool vstack_listener_make(struct vstack_listener *listener); /* all but its own set; false: no memory */
void vstack_listener_discard(struct vstack_listener *listener);
void vstack_listener_start(struct vstack_listener *listener);
void vstack_listener_stop(struct vstack_listener *listener); /* waits until nothing of it is under way */

/* The mitigated ranges of a VF that is given out. */
struct vstack_mitigation {
    struct vstack_vf *vf;
    struct vstack_listener updates;
    PIRP irp; /* of the two IOCTLs that are waited for */
    atomic_bool changed;
    /* All under generic->lock: */
    bool busy;       /* somebody asks */
    bool pended;     /* and the PF driver lets it wait */
    uint64_t rounds; /* askings that have ended */
    NTSTATUS status; /* of the last one */
    SRIOV_MITIGATED_RANGES_OUTPUT answer[VSTACK_RANGES_MAX];
};

/* generic_ranges.c. PASSIVE_LEVEL, by one thread at a time. */
/* Empty lists are filled, all or none of them good. STATUS_BUFFER_TOO_SMALL: a count changed meanwhile. */
NTSTATUS vstack_ranges_ask(struct vstack_mitigation *mitigation, struct vstack_list lists[VSTACK_BARS]);
/* Said in the trace; STATUS_INVALID_DEVICE_STATE. */
NTSTATUS vstack_ranges_refuse(const struct vstack_mitigation *mitigation, const char *rule, const char *what,
                              ULONG64 value);

/* generic_mitigation.c: the pages of a VF that the PF driver answers for. PASSIVE_LEVEL. */
/* The interface, if the device has it; without it no VF of this PF has such pages. */
void vstack_mitigation_find(struct vstack_generic *generic, PDEVICE_OBJECT pdo);
void vstack_mitigation_lose(struct vstack_generic *generic);
/* From a VF's first owner to its end: one IOCTL_SRIOV_MITIGATED_RANGE_UPDATE is pending for it, and its ranges are
 * those that the PF driver named last. NDIS_STATUS_RESOURCES. */
NDIS_STATUS vstack_mitigation_begin(struct vstack_vf *vf);
void vstack_mitigation_end(struct vstack_vf *vf);
/* What the PF driver announced was asked for and told when this returns, unless the PF driver lets it wait. */
void vstack_mitigation_catch_up(struct vstack_vf *vf);
NDIS_STATUS vstack_mitigation_access(struct vstack_vf *vf); /* what was staged; in turn */

/* generic_client.c: ATTACH, and the IOCTLs that stay pending for the PF. PASSIVE_LEVEL. */
NTSTATUS vstack_client_attach(struct vstack_generic *generic);
void vstack_client_detach(struct vstack_generic *generic);

#endif
