/* SPDX-License-Identifier: MIT
 *
 * The whole way, in three processes: a host with refnic on a card, a guest that is the victim, and another guest, which
 * must notice nothing. Each process judges itself by what include/vfplane/ documents.
 */
#ifndef VFPLANE_TESTS_FAULTS_WAY_H
#define VFPLANE_TESTS_FAULTS_WAY_H

#include "sites.h"

/* How a run differs from the plain one. */
struct way {
    unsigned host_fault, guest_fault; /* number of the driver's call that fails in that partition, 0 = none */
    bool counts;                      /* count the drivers' calls into these two */
    unsigned host_calls, guest_calls;
    bool driver_failed;    /* the call of a driver was reached */
    const char *pf_driver; /* NULL, or the victim's VF is of a card with that PF driver, which keeps requests */
    bool host_killed, guest_killed; /* may end by SIGKILL */
    bool lossy;                     /* wake-ups are lost: a request of the victim may time out */
};

/* NULL: everything was as documented. Else what was not; valid until the next run. */
const char *way_run(struct way *way);

#endif
