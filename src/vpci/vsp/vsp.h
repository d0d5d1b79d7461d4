/* SPDX-License-Identifier: MIT
 *
 * The VSP: the host's end of the vPCI protocol. One VSP serves many channels from a few worker threads; each channel
 * gives one guest one VF of the virtualization stack.
 *
 * Facts: vpci-wire.md 1 (messages, versions 1.1-1.4, server states 1.10), 2 (window), 6 (a hostile guest).
 */
#ifndef VFPLANE_VSP_H
#define VFPLANE_VSP_H

#include "vstack/vstack.h"

struct vsp;
struct vsp_channel;

struct vsp_stats {
    uint64_t messages, completions, bad_data, window_reads, window_writes, invalidates_sent;
};

struct vsp_channel_options {
    const char *name; /* of the guest, e.g. "guest 1" */
    uint32_t relid;   /* unique in this host, 1..2047 */
    /* The channel ended: the guest closed it in order (`orderly`), was killed, or broke the ring (`reason` says which).
     * Called once, on a worker thread; the VF is already detached. A guest that closed may open again, so an orderly
     * end comes when it leaves the connection. Not the place to remove the channel. May be NULL. */
    void (*ended)(void *context, bool orderly, const char *reason);
    void *context;
};

/* `workers` threads, 1..64. NULL on lack of memory or threads. */
struct vsp *vsp_create(struct nt_partition *partition, unsigned workers);
/* Rounds a worker polls a quiet channel before it sleeps; 0 = sleeps at once. Default VMBUS_SPIN_DEFAULT, 0 with one
 * processor. Any thread, any time. */
void vsp_set_spin(struct vsp *vsp, unsigned rounds);
/* Rescinds and ends every channel, joins the workers. */
void vsp_destroy(struct vsp *vsp);

/* Offers the VF over a connected AF_UNIX SOCK_SEQPACKET socket (becomes the VSP's on success). 0, -EBUSY (the VF
 * belongs to a partition, or the PF is gone), -EINVAL (relid), -errno. */
int vsp_channel_add(struct vsp *vsp, int socket, struct vstack_vf *vf, const struct vsp_channel_options *options,
                    struct vsp_channel **channel);
/* Rescinds the offer and waits until no worker touches the channel; frees it. Also after `ended`, but not inside it. */
void vsp_channel_remove(struct vsp_channel *channel);
/* Asks the guest to give the device back (EJECT); the answer, or `timeout_ms` without one, ends in a rescind. */
void vsp_channel_eject(struct vsp_channel *channel, unsigned timeout_ms);
void vsp_channel_stats(struct vsp_channel *channel, struct vsp_stats *stats);

#endif
