/* SPDX-License-Identifier: MIT
 *
 * A VF with an owner that counts what is mapped, and accesses as a guest makes them.
 */
#ifndef VFPLANE_TEST_GUEST_VIEW_H
#define VFPLANE_TEST_GUEST_VIEW_H

#include "fake_pf.h"

struct fixture {
    struct fake_pf *pf;
    struct vstack *stack;
    struct vstack_vf *vf;
    struct {
        bool mapped;
        ULONG64 guest, system, size;
        unsigned changes;
    } bars[6];
};

int set_up(void **state); /* an 82576 VF */
int set_up_nvme(void **state);
int tear_down(void **state);

NTSTATUS reads(struct fixture *f, unsigned offset, unsigned size, ULONG *value);
ULONG rd(struct fixture *f, unsigned offset, unsigned size); /* must succeed */
NTSTATUS wr(struct fixture *f, unsigned offset, unsigned size, ULONG value);

#endif
