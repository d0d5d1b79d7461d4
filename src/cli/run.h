/* SPDX-License-Identifier: MIT
 *
 * What the files of `vfplane run` share.
 */
#ifndef VFPLANE_CLI_RUN_H
#define VFPLANE_CLI_RUN_H

#include <pthread.h>

#include "cli/cli.h"

#define RUN_DRIVERS_MAX 16

struct run_arguments {
    const char *profile, *pf, *trace;
    const char *packets; /* a file for them, NULL: not wanted */
    const char *vf[RUN_DRIVERS_MAX]; /* guests take them in turn; none: the reference VF driver */
    unsigned vf_count;
    unsigned vfs, guests;
    bool strict_timing, real_time;
    struct keyword *keywords;
};

struct run_guest {
    struct child child;
    struct vfp_vf *vf; /* valid while the host stands */
    unsigned vf_index;
    struct vfp_channel *channel;
    bool running; /* its driver reported to be up */
    bool failed;  /* was complained about already */
    pthread_mutex_t lock;
    char ended[160]; /* why the channel ended, "" while it stands; from a worker thread */
    bool orderly;
};

struct run {
    const struct run_arguments *arguments;
    struct vfp_trace *trace;
    FILE *packets; /* NULL: not wanted */
    struct vfp_host *host;
    struct vfp_pf *pf;
    struct vfp_adapter *adapter;
    struct run_guest *guests;
    unsigned guest_count;     /* started */
    uint64_t link_changed_ns; /* when the PF's link was changed, 0 = not yet */
};

uint64_t run_now_ns(void);

/* Waits until what the reference drivers say to each other at their start is said, or ten seconds. */
void run_wait_settled(struct run *run);
/* Waits until every live guest was told of the link change and read its block again, or ten seconds. */
void run_wait_for_rereads(struct run *run);
/* Prints what each guest had to do and did; false when something is missing. */
bool run_checks(struct run *run, FILE *out);

#endif
