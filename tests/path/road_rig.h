/* SPDX-License-Identifier: MIT
 *
 * A virtualization stack over the PF driver of generic_pf.h, and owners of its VFs who count what they are told.
 */
#ifndef VFPLANE_TESTS_ROAD_RIG_H
#define VFPLANE_TESTS_ROAD_RIG_H

#include "generic_pf.h"

struct owner {
    atomic_uint told, removed;
};

extern struct generic_pf pf;
extern struct vstack *stack;
extern struct vstack_vf *vfs[PF_VFS];
extern struct owner owners[PF_VFS];
extern struct vstack_vf_options options;

/* For cmocka: the PF driver alone; with the stack above it. */
int bare(void **state);
int set_up(void **state);
int tear_down(void **state);

void give(unsigned index); /* the next VF, with an owner */

struct asked {
    struct vstack_request request;
    atomic_uint done;
};

struct asked *ready(struct asked *asked);

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define BARE(test) cmocka_unit_test_setup_teardown(test, bare, tear_down)

#endif
