/* SPDX-License-Identifier: MIT
 *
 * The whole way, in three processes: a host, a guest that is the victim, and another guest, which must notice nothing.
 * Each process judges itself by what include/vfplane/ documents. There are two ways:
 *
 *     socket  both guests share memory with the host and have VFs of one card, whose PF driver is refnic
 *     vmm     the victim is behind a VMM's socket and has a VF of a card whose PF driver is refgen, no miniport; the
 *             other guest's card has a virtual bus driver, refvbd
 */
#ifndef VFPLANE_TESTS_FAULTS_WAY_H
#define VFPLANE_TESTS_FAULTS_WAY_H

#include "sites.h"

enum road { ROAD_SOCKET, ROAD_VMM, ROADS };
extern const char *const road_names[ROADS];

/* How a run differs from the plain one. */
struct way {
    enum road road;
    unsigned host_fault, guest_fault; /* number of the driver's call that fails in that partition, 0 = none */
    bool counts;                      /* count the drivers' calls into these two */
    unsigned host_calls, guest_calls;
    bool driver_failed;        /* the call of a driver was reached */
    const char *pf_driver;     /* NULL, or the victim's VF is of a card with that PF driver, which keeps requests */
    unsigned kept, kept_reads; /* requests that it kept; those of them by which the host learns of a VF */
    bool host_killed, guest_killed; /* ends by SIGKILL, where the site is reached */
    unsigned machine_killed;        /* 0, or the step (examples/vmm/guest.h) at which the VMM ends by SIGKILL */
    bool lossy;                     /* wake-ups are lost: a request of the victim may time out */
    unsigned mitigated;             /* accesses to mitigated pages that the victim behind a VMM has made */
};

/* NULL: everything was as documented. Else what was not; valid until the next run. */
const char *way_run(struct way *way);

#define DRIVER_CALLS 512u
/* The drivers' calls of the last run that counted them, [0] host, [1] guest, by number - 1; of one in which one failed,
 * the name of that. */
struct driver_calls {
    char name[2][DRIVER_CALLS][160];
};
const struct driver_calls *way_driver_calls(void);

#endif
