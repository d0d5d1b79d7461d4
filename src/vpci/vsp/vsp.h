/* SPDX-License-Identifier: MIT
 *
 * The VSP: the host's end of the vPCI protocol. One VSP serves many channels from a few worker threads; each channel
 * gives one guest one VF of the virtualization stack.
 *
 * Facts: vpci-wire.md 1 (messages, versions 1.1-1.4, server states 1.10), 2 (window), 6 (a hostile guest).
 */
#ifndef VFPLANE_VSP_H
#define VFPLANE_VSP_H

#include "vmbus/vmbus.h"
#include <stdio.h>

#include "vstack/vstack.h"

struct vsp;
struct vsp_channel;

struct vsp_stats {
    uint64_t messages, completions, bad_data, window_reads, window_writes, invalidates_sent;
};

/* An interrupt as the guest asked for it (vpci-wire.md 1.6.14). */
struct vsp_delivery {
    uint32_t vector;      /* of this message: the first one's + its number */
    bool lowest_priority; /* false: fixed */
    unsigned processor_count;
    const uint16_t *processors; /* VP indices, 1..32 of them; valid during the call */
};

struct vsp_channel_options {
    const char *name; /* of the guest, e.g. "guest 1" */
    uint32_t relid;   /* unique in this host, 1..2047 */
    /* The channel ended: the guest closed it in order (`orderly`), was killed, or broke the ring (`reason` says which).
     * Called once, on a worker thread; the VF is already detached. A guest that closed may open again, so an orderly
     * end comes when it leaves the connection. Not the place to remove the channel. May be NULL. */
    void (*ended)(void *context, bool orderly, const char *reason);
    /* An interrupt of the VF for the guest: from inside vsp_interrupt, vsp_message_raise or vsp_message_set, on their
     * thread. May not block or call into any channel: who raises waits for whoever changes the guest's interrupts, who
     * waits for deliveries. NULL: the guest gets it through its window (window.h), whatever the processors. */
    void (*interrupt)(void *context, const struct vsp_delivery *delivery);
    /* A BAR of the VF became visible at a guest address, or went away: on a worker thread, or inside
     * vsp_channel_remove. All are unmapped when `ended` is called. May not block or call into the channel. May be
     * NULL. */
    void (*bar)(void *context, unsigned index, bool mapped, uint64_t guest_address, uint64_t system_address,
                uint64_t size);
    /* The configuration window (8 KiB) appeared at a guest address, or went away; as `bar`. */
    void (*window)(void *context, bool mapped, uint64_t guest_address);
    /* Mitigated ranges of a BAR (vstack.h, struct vstack_partition): never while `bar` is called, on a worker thread of
     * the VSP or of the partition, or inside vsp_channel_remove. None are left when `ended` is called. As `bar`. */
    void (*ranges)(void *context, unsigned index, const struct vstack_range *ranges, unsigned count);
    void *context;
    /* Each packet of the channel as text, bytes and fields (docs/backchannel.md). Must outlive the channel. May be
     * NULL.
     */
    FILE *packets;
};

/* Serves the channels of each adapter with `workers` threads of its own, 1..64, which live as long as the adapter has
 * channels: a PF driver that does not return keeps guests of other adapters waiting no more than one that pends.
 * NULL on lack of memory or a wrong number. */
struct vsp *vsp_create(struct nt_partition *partition, unsigned workers);
/* Rounds a worker polls a quiet channel before it sleeps, at most (vmbus.h, struct vmbus_spin); 0 = sleeps at once.
 * Default vmbus_spin_default(). Any thread, any time. */
void vsp_set_spin(struct vsp *vsp, unsigned rounds);
/* Rescinds and ends every channel, joins the workers. */
void vsp_destroy(struct vsp *vsp);

/* Offers the VF over a connected AF_UNIX SOCK_SEQPACKET socket (becomes the VSP's on success). 0, -EBUSY (the VF
 * belongs to a partition, or the PF is gone), -EINVAL (relid), -EAGAIN (no threads), -errno. Any thread. */
int vsp_channel_add(struct vsp *vsp, int socket, struct vstack_vf *vf, const struct vsp_channel_options *options,
                    struct vsp_channel **channel);
/* The same over any transport: `create` makes its host end for this offer, with VPCI_WINDOW_PAGES of window (window.h);
 * what it returns other than 0 is passed on. `answered` (NULL: the guest sleeps in its own process) is told of answered
 * window accesses as window.h says. */
struct vsp_carrier {
    int (*create)(void *context, const struct vmbus_offer *offer, struct vmbus_host **host);
    void (*answered)(void *context);
    void *context;
};
int vsp_channel_add_over(struct vsp *vsp, const struct vsp_carrier *carrier, struct vstack_vf *vf,
                         const struct vsp_channel_options *options, struct vsp_channel **channel);
/* Rescinds the offer and waits until no worker touches the channel; frees it. Also after `ended`, but not inside it. */
void vsp_channel_remove(struct vsp_channel *channel);
/* Asks the guest to give the device back (EJECT); the answer, or `timeout_ms` without one, ends in a rescind. */
void vsp_channel_eject(struct vsp_channel *channel, unsigned timeout_ms);
void vsp_channel_stats(struct vsp_channel *channel, struct vsp_stats *stats);

/* ---- interrupts (vpci-wire.md 4.5) -------------------------------------------------------------------------------
 *
 * A guest gets (address, data) pairs for the (vector, processors) it asks for. The VF's device model raises a pair, or
 * a message of its MSI-X table; what the guest was not given is not delivered, whatever stands in that table. When the
 * guest's DELETE_INTERRUPT is answered, or the channel has ended, its pairs are not delivered any more. Any thread. */

/* 0: delivered; -ENOENT: the guest has no such pair. */
int vsp_interrupt(struct vsp_channel *channel, uint64_t address, uint32_t data);
/* The device model took what the guest wrote to entry `index` (0..2047) of the VF's MSI-X table; Function Mask and
 * Enable are the model's own matter. Unmasking delivers what was raised while masked. 0, -EINVAL, -ENOMEM. */
int vsp_message_set(struct vsp_channel *channel, unsigned index, uint64_t address, uint32_t data, bool masked);
/* 0: delivered, or pending while masked; -EINVAL: index; -ENOENT: the entry holds no pair of the guest's. */
int vsp_message_raise(struct vsp_channel *channel, unsigned index);
/* What the guest's RetargetDeviceInterrupt asks for: from now on the message of that pair goes to this vector, in this
 * mode, to these processors. 0; -EINVAL: no processors, more than 32 or one that cannot be; -ENOENT: the guest has no
 * such pair; -ENOMEM; then nothing has changed. Waits for a delivery that is under way: not from inside `interrupt`. */
int vsp_retarget(struct vsp_channel *channel, uint64_t address, uint32_t data, const struct vsp_delivery *target);

/* ---- what is asked of the channel's worker ------------------------------------------------------------------------
 *
 * From any thread until vsp_channel_remove, which waits for nothing and is not inside the PF driver. 0: `done` is
 * called once, on another thread, also when the channel ends; it may not block or call into the channel. -ENOMEM,
 * -EINVAL: it is not called. */
typedef void vsp_done(void *context, int result, uint64_t value);

struct vsp_register {
    unsigned bar;
    uint64_t offset; /* from the start of the BAR */
    unsigned length; /* bytes */
    bool write;
    uint64_t value; /* to be written, in the low bytes */
};
/* An access to mitigated pages. 0 and what was read; otherwise all ones, or nothing written: -EINVAL, -ENOENT as
 * vstack_register_read, -ENODEV: nobody owns the VF, or the PF is gone; -ETIMEDOUT: the PF driver did not answer within
 * 30 s, what it does later is nobody's; -EIO: it failed. */
int vsp_register(struct vsp_channel *channel, const struct vsp_register *access, vsp_done *done, void *context);
/* vsp_retarget from where a delivery must not be waited for. */
int vsp_retarget_later(struct vsp_channel *channel, uint64_t address, uint32_t data, const struct vsp_delivery *target,
                       vsp_done *done, void *context);

#endif
