/* SPDX-License-Identifier: MIT
 *
 * A VF with an owner, and requests whose completion a test waits for.
 */
#ifndef VFPLANE_TEST_WAITED_H
#define VFPLANE_TEST_WAITED_H

#include "fake_pf.h"

struct fixture {
    struct fake_pf *pf;
    struct vstack *stack;
    struct vstack_vf *vf;
    unsigned removed;
};

int set_up(void **state);
int tear_down(void **state);
extern const struct vstack_partition partition;

struct waited {
    struct vstack_request request;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    unsigned done;
};

struct waited *waited_new(void); /* free()d by the test */
unsigned done(struct waited *waited);
void wait_done(struct waited *waited, unsigned count);

#endif
