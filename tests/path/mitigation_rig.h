/* SPDX-License-Identifier: MIT
 *
 * A virtualization stack over a PF driver that mitigates, and owners of its VFs who note what they are told.
 */
#ifndef VFPLANE_TESTS_MITIGATION_RIG_H
#define VFPLANE_TESTS_MITIGATION_RIG_H

#include "mitigable_pf.h"

#define PAGE 4096u

struct owner {
    pthread_mutex_t lock;
    atomic_uint told;
    unsigned count[6]; /* the last that was heard; under lock, as the next */
    struct vstack_range ranges[6][PF_RANGES];
    bool mapped[6];
    unsigned told_when_mapped; /* of BAR 0 */
};

extern struct mitigable_pf pf;
extern struct vstack *stack;
extern struct vstack_vf *vfs[PF_VFS];
extern struct owner owners[PF_VFS];
extern struct vstack_vf_options options;

/* For cmocka: the PF driver alone; with the stack above it. */
int bare(void **state);
int set_up(void **state);
int tear_down(void **state);
void open_stack(void);

void give(unsigned index); /* the next VF, with an owner */
void own(unsigned index);  /* an owner for one that has none */
unsigned count_of(unsigned index, unsigned bar);

struct asked {
    struct vstack_request request;
    atomic_uint done;
};

struct vstack_request *ready(struct asked *asked);
ULONG64 value_of(const struct asked *asked);
NTSTATUS read_register(unsigned index, ULONG bar, ULONG64 offset, ULONG length, ULONG64 *value);
NTSTATUS write_register(unsigned index, ULONG bar, ULONG64 offset, ULONG length, ULONG64 value);
void configure(unsigned index, ULONG offset, ULONG size, ULONG value);
/* A request that changes the VF's state completes when what was announced before it is known. */
void settle(unsigned index);
void announce(unsigned index); /* an update of that VF, and what follows from it */

/* What the PF driver says of BARs; information 0: as it should be, UINTPTR_MAX: none. */
struct says {
    const char *name;
    NTSTATUS count_status, ranges_status;
    ULONG_PTR count_information, ranges_information;
    ULONG counts[6];
    SRIOV_MITIGATED_RANGES_OUTPUT ranges[2];
    unsigned asks; /* of counts; 0: one */
};
void say(const struct says *row);

#endif
