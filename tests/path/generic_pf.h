/* SPDX-License-Identifier: MIT
 *
 * A PF driver of the test's own for the generic road: what it offers and answers is the test's to say, and it notices
 * what the virtualization stack must not do. Eight VFs whose registers are plain memory.
 */
#ifndef VFPLANE_TESTS_GENERIC_PF_H
#define VFPLANE_TESTS_GENERIC_PF_H

#include "test.h"

#include <pcivirt.h>
#include <pthread.h>
#include <stdatomic.h>

#include "vstack/vstack.h"

#define PF_VFS    8
#define PF_PLACES (2 + 2 * PF_VFS)

struct generic_pf {
    SRIOV_DEVICE_INTERFACE_STANDARD_2 offer; /* all members set; the test may take some away */
    NTSTATUS answer;                         /* of callbacks; STATUS_SUCCESS at first */
    NTSTATUS attach, invalidate;             /* of these IOCTLs; STATUS_PENDING: the latter stays queued */
    atomic_bool hold;                        /* callbacks wait until it is cleared */
    MITIGABLE_DEVICE_INTERFACE mitigable;    /* Size 0 at first: not offered */
    NTSTATUS (*other)(struct generic_pf *pf, ULONG code, PIRP irp); /* IOCTLs that it does not know; NULL: refused */

    struct nt_partition *partition;
    bool lodges; /* in another's partition */
    PDRIVER_OBJECT driver, bus;
    PDEVICE_OBJECT pdo, fdo;
    UCHAR space[PF_VFS][4096], block[PF_VFS][128];

    atomic_uint inside, calls; /* callbacks */
    atomic_uint overlaps;      /* two at once */
    atomic_uint above_passive; /* called above PASSIVE_LEVEL */
    atomic_uint resets, held;
    atomic_int references; /* of the interface */
    atomic_uint attaches, detaches, notifications, event_completes;
    NTSTATUS word; /* of the last EVENT_COMPLETE */
    pthread_mutex_t lock;
    _Atomic ULONG keeps;   /* this IOCTL is never given back, cancelled or not, */
    _Atomic NTSTATUS says; /* which is what the dispatch routine returns then */
    _Atomic(PIRP) kept;
    PIRP waiting[PF_PLACES]; /* NOTIFICATION, INVALIDATE_BLOCK, those of `other` */
};

void generic_pf_create(struct generic_pf *pf);
void generic_pf_destroy(struct generic_pf *pf); /* nothing may have leaked */
/* Just created: one more device of the other one's driver. Destroyed before it. Itself: nothing. */
void generic_pf_move(struct generic_pf *pf, struct generic_pf *other);
/* Completes what waits; waits for it to arrive first. */
void generic_pf_event(struct generic_pf *pf, ULONG code);
void generic_pf_invalidate(struct generic_pf *pf, USHORT vf, ULONG64 mask, ULONG_PTR information);
void generic_pf_fail_waiting(struct generic_pf *pf, NTSTATUS status); /* both, as a pulled card */
/* An IOCTL ends; it waits in that place until it is taken or cancelled; it is taken, as soon as it is there. */
NTSTATUS generic_pf_complete(PIRP irp, NTSTATUS status, ULONG_PTR information);
NTSTATUS generic_pf_keep(struct generic_pf *pf, unsigned which, PIRP irp);
PIRP generic_pf_take(struct generic_pf *pf, unsigned which);
/* For callbacks of the test's own: begins, and ends with pf->answer. */
void generic_pf_enter(struct generic_pf *pf);
NTSTATUS generic_pf_leave(struct generic_pf *pf);
void generic_pf_wait(const atomic_uint *counter, unsigned value);

#endif
