/* SPDX-License-Identifier: MIT
 *
 * What the files of mitigated ranges share: asking for them, and the steps that keep them up to date.
 */
#ifndef VFPLANE_VSTACK_GENERIC_MITIGATION_H
#define VFPLANE_VSTACK_GENERIC_MITIGATION_H

#include "vstack/generic_road.h"

/* One asking for all ranges of a VF: how many of each BAR, then which they are (generic_ranges.c). */
struct vstack_asking {
    struct vstack_irp *sent;
    const struct vstack_vf *vf;
    unsigned attempts;
    int bar;      /* that is asked for; -1: the counts */
    bool unknown; /* the PF driver does not know the IOCTL that asks for counts */
    SRIOV_MITIGATED_RANGE_COUNT_OUTPUT counts;
    struct vstack_list lists[VSTACK_BARS];
};

/* generic_ranges.c. By one thread at a time. */
bool vstack_asking_make(struct vstack_asking *asking, struct vstack_vf *vf); /* false: no memory */
void vstack_asking_end(struct vstack_asking *asking);
void vstack_asking_begin(struct vstack_asking *asking);
const char *vstack_asking_name(const struct vstack_asking *asking); /* of the next IOCTL */
void vstack_asking_prepare(struct vstack_asking *asking);           /* generic->lock held */
/* The answer is here. false: there is more to ask; else the status of all, and if it is success the lists are good. */
bool vstack_asking_judge(struct vstack_asking *asking, NTSTATUS *status);

/* The mitigated ranges of a VF that is given out. */
struct vstack_mitigation {
    struct vstack_vf *vf;
    struct vstack_irp *update;
    struct vstack_asking asking;
    PIO_WORKITEM work;
    KEVENT moved; /* one thread waits for it at a time */
    /* All below under generic->lock. Changes are counted: announced by the PF driver, asked for, known. */
    uint64_t announced, asked, known;
    uint64_t listens;  /* updates that the PF driver was given, its dispatch routine having returned */
    uint64_t asked_at; /* by the partition's clock */
    NTSTATUS status;   /* of the last asking that ended */
    unsigned at_once;  /* updates in a row */
    bool answered;     /* the question is back */
    bool asks;         /* an asking is under way, */
    bool pended;       /* and the PF driver lets it wait */
    bool listened;     /* since the last question: pending before it, so that no change falls between them */
    bool deaf;         /* it failed one, or answered with nonsense: no update any more */
    bool tired;        /* it completes them at once: none before the VF's state changes */
    bool missed;       /* there was no memory for the answer: asked again then */
    bool running, queued, closing;
};

/* generic_steps.c: what there is to do for a VF is done step by step, by whoever comes first: a worker, or a thread
 * that has to know the ranges. generic->lock held, let go meanwhile. */
/* Steps are taken here, or by another, until `enough`; false: not in `ms` in all, 0: for ever. */
bool vstack_steps_until(struct vstack_mitigation *mitigation,
                        bool (*enough)(const struct vstack_mitigation *mitigation, uint64_t what), uint64_t what,
                        unsigned ms);
/* What is left is a worker's; the lock is let go for good. */
void vstack_steps_leave(struct vstack_mitigation *mitigation);
/* Both IOCTLs bring work when they are back. */
void vstack_steps_attach(struct vstack_mitigation *mitigation);

#endif
