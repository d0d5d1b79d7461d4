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

#define VSTACK_PATIENCE_MS 30000u /* at first */

/* An IOCTL of ours at the PF driver, or on its way back (generic_irp.c). Who sends it is one thread at a time. */
struct vstack_irp {
    struct vstack_generic *generic;
    struct nt_partition *partition;
    PIRP irp;
    ULONG code;
    atomic_int state;
    KEVENT moved; /* set when it is back */
    bool out;     /* the PF driver has it; generic->lock */
    bool at_once; /* completed by the thread that is just sending one of its owner's; generic->lock */
    /* The four below are set by who keeps it, once. Back: generic->lock held, <= DISPATCH_LEVEL; returns the item that
     * is to be queued with `routine`, or NULL. May be NULL. */
    PIO_WORKITEM (*back)(struct vstack_irp *sent);
    PIO_WORKITEM_ROUTINE routine;
    void *owner;
    ULONG64 buffer[]; /* input and output (METHOD_BUFFERED) */
};

/* An IOCTL that the stack keeps pending at the PF driver (generic_listener.c). */
struct vstack_listener {
    struct vstack_generic *generic;
    ULONG code, size; /* bytes out */
    /* Something was heard. PASSIVE_LEVEL. */
    void (*heard)(struct vstack_listener *listener, const void *output);
    struct vstack_irp *sent;
    PIO_WORKITEM work;
    KEVENT moved;
    unsigned inside; /* work under way, generic->lock */
};

struct vstack_generic {
    struct vstack *stack;
    struct nt_partition *partition;
    PDEVICE_OBJECT top; /* of the PF's device stack, referenced */
    SRIOV_DEVICE_INTERFACE_STANDARD_2 pf;
    MITIGABLE_DEVICE_INTERFACE mitigable; /* Size 0: it has none */
    ULONG num_vfs;                        /* of the switch */

    atomic_uint patience; /* ms of the partition's clock; 0: for ever */

    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool closing;
    bool stopped;                    /* the PF is being rebalanced, with our consent */
    unsigned vfs;                    /* given out */
    bool busy;                       /* somebody's turn it is */
    struct vstack_turn *head, *tail; /* who waits for one */
    PIO_WORKITEM server;
    struct vstack_listener events, invalidations;
    struct vstack_irp *word; /* IOCTL_SRIOV_EVENT_COMPLETE */
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

/* generic_irp.c. PASSIVE_LEVEL. */
struct vstack_irp *vstack_irp_make(struct vstack_generic *generic, size_t bytes); /* NULL: no memory */
/* To be sent next; the buffer holds the input. It is not out. generic->lock held where another may cancel it. */
void vstack_irp_prepare(struct vstack_irp *sent, ULONG code, ULONG input, ULONG output);
void vstack_irp_send(struct vstack_irp *sent);
void vstack_irp_cancel(struct vstack_irp *sent);
/* Cancels it and waits until it is back. false: not in the PF driver's patience; it is the PF driver's from now on. */
bool vstack_irp_recall(struct vstack_irp *sent);
void vstack_irp_discard(struct vstack_irp *sent); /* it is back */
void vstack_irp_end(struct vstack_irp *sent);     /* both; NULL: nothing */
/* Makes, sends, waits and ends one: its status, STATUS_INSUFFICIENT_RESOURCES, STATUS_IO_TIMEOUT. 0: for ever. */
NTSTATUS vstack_irp_call(struct vstack_generic *generic, ULONG code, const void *input, ULONG length, unsigned ms);
bool vstack_irp_answers(const struct vstack_irp *sent, ULONG_PTR bytes); /* success, and so many bytes? */
void vstack_irp_refuse(const struct vstack_irp *sent);                   /* said in the trace */
/* In so many ms of the partition's clock; 0: never. */
uint64_t vstack_deadline(struct vstack_generic *generic, unsigned ms);
/* generic->lock held, let go meanwhile: until that event is set; false: the deadline is over. */
bool vstack_moved(struct vstack_generic *generic, PKEVENT moved, uint64_t until);
static inline unsigned vstack_patience(struct vstack_generic *generic)
{
    return atomic_load(&generic->patience);
}

/* generic_listener.c. PASSIVE_LEVEL. */
bool vstack_listener_make(struct vstack_listener *listener); /* all but its own set; false: no memory */
void vstack_listener_start(struct vstack_listener *listener);
/* generic->closing is set, or it was never started: waits until nothing of it is under way. */
void vstack_listener_end(struct vstack_listener *listener);

/* generic_mitigation.c: the pages of a VF that the PF driver answers for. PASSIVE_LEVEL. */
/* The interface, if the device has it; without it no VF of this PF has such pages. */
void vstack_mitigation_find(struct vstack_generic *generic, PDEVICE_OBJECT pdo);
void vstack_mitigation_lose(struct vstack_generic *generic);
/* From here to the VF's end one IOCTL_SRIOV_MITIGATED_RANGE_UPDATE is pending for it, and its ranges are those that the
 * PF driver named last. A PF driver that knows no such IOCTL has none (STATUS_NOT_SUPPORTED,
 * STATUS_INVALID_DEVICE_REQUEST); whatever else keeps the first ranges from being known is a failure, for its guest
 * would reach what it must not: NDIS_STATUS_RESOURCES, NDIS_STATUS_REQUEST_ABORTED (no answer in the PF driver's
 * patience), else what the PF driver said. */
NDIS_STATUS vstack_mitigation_begin(struct vstack_vf *vf);
void vstack_mitigation_end(struct vstack_vf *vf);
/* What the PF driver announced before the call was asked for and told when this returns, unless it lets the question
 * wait. */
void vstack_mitigation_catch_up(struct vstack_vf *vf);
NDIS_STATUS vstack_mitigation_access(struct vstack_vf *vf); /* what was staged; in turn */

/* generic_client.c: ATTACH, and the IOCTLs that stay pending for the PF. PASSIVE_LEVEL. */
NTSTATUS vstack_client_attach(struct vstack_generic *generic);
void vstack_client_detach(struct vstack_generic *generic);

#endif
