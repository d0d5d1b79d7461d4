/* SPDX-License-Identifier: MIT
 *
 * A host with the reference PF driver and a switch, for the rows that need all of it.
 */
#ifndef VFPLANE_BENCH_HOST_H
#define VFPLANE_BENCH_HOST_H

#include <vfplane/host.h>

extern const char *bench_pf_driver; /* path of the PF driver that all rows use */

struct bench_host {
    struct vfp_host *host;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
    char why[96]; /* it could not be opened */
};

/* As `vfplane run` makes it: the 82576; one VF is allocated. False: `why` says what is missing; closed already. */
bool bench_host_open(struct bench_host *opened, enum vfp_contracts contracts);
/* A synthetic card with that many VFs, for guests; none is allocated. One thread serves them all. */
bool bench_host_open_many(struct bench_host *opened, enum vfp_contracts contracts, unsigned vfs);
/* Allocates a VF for the guest at the other end of the socket, which is closed when that fails. */
bool bench_host_attach(struct bench_host *opened, int socket);
void bench_host_close(struct bench_host *opened);

#endif
