/* SPDX-License-Identifier: MIT
 *
 * A host as `vfplane run` makes it: the 82576, the reference PF driver, a switch. For the rows that need all of it.
 */
#ifndef VFPLANE_BENCH_HOST_H
#define VFPLANE_BENCH_HOST_H

#include <vfplane/host.h>

struct bench_host {
    struct vfp_host *host;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
    char why[96]; /* it could not be opened */
};

/* One VF, allocated. False: `why` says what is missing; closed already. */
bool bench_host_open(struct bench_host *opened, enum vfp_contracts contracts);
void bench_host_close(struct bench_host *opened);

#endif
