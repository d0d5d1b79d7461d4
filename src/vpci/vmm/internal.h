/* SPDX-License-Identifier: MIT
 *
 * Inside the socket to a VMM. Everything of a vmm, its connection and its channels is under vmm->lock, but for what
 * the VSP's worker uses of a channel's local transport. Order of locks: loop, vmm; nothing is called out to under them
 * but the observer.
 */
#ifndef VFPLANE_VMM_INTERNAL_H
#define VFPLANE_VMM_INTERNAL_H

#include <pthread.h>

#include "trace/trace.h"
#include "vpci/vmm/vmm.h"
#include "vpci/window.h"

/* Packets wait in the ring while this much is unread, so that what must not wait finds room. */
#define VMM_UNREAD_SOFT 65536u
#define VMM_READ_BUFFER 65536u /* holds the longest frame */
_Static_assert(VMM_READ_BUFFER >= VFP_VMM_FRAME_MAX && VMM_UNREAD_SOFT + VFP_VMM_FRAME_MAX < VMM_UNREAD_MAX, "buffers");

struct vmm_connection {
    struct vmm *vmm;
    int fd;
    uint64_t serial;    /* in epoll */
    bool greeted;       /* HELLO is done */
    uint16_t version;   /* that was agreed on */
    bool dead;          /* no frame goes out any more; the loop closes it */
    const char *reason; /* why it ends, NULL: the VMM hung up */
    bool wants_out;     /* epoll is asked for EPOLLOUT */
    uint32_t filled;    /* of `in` */
    /* Unread by the VMM: out[sent .. queued); out[head ..] begins with a frame of which nothing was sent. */
    uint32_t sent, head, queued;
    uint8_t in[VMM_READ_BUFFER];
    uint8_t out[VMM_UNREAD_MAX];
};

enum vmm_channel_state {
    VMM_WAITING, /* for a VMM */
    VMM_OFFERED,
    VMM_OPEN,
    VMM_CLOSING, /* CLOSE came, CLOSED has not been sent */
    VMM_ENDED,   /* RESCIND was sent, or the VMM is gone */
};

/* The last ranges of a BAR, while the VMM has much to read. */
struct vmm_unsent {
    struct vfp_vmm_range *ranges;
    uint32_t count;
    bool waits;
};

struct vmm_channel {
    struct vmm_channel *next;
    struct vmm *vmm;
    uint32_t id;
    struct vmbus_offer offer;
    struct vmbus_local *local;
    enum vmm_channel_state state;
    uint32_t to_host, to_guest; /* credit of an empty ring */
    uint32_t spent;             /* of to_host, not given back */
    uint32_t taken;             /* of to_guest, not given back */
    struct vpci_window_guest window;
    bool window_busy, settled;
    uint32_t window_id, close_id;
    struct vmm_channel_asked asked;
    bool register_busy, retarget_busy;
    uint32_t register_id, retarget_id;
    struct vmm_unsent unsent[VFP_VMM_BARS];
};

struct vmm {
    struct vmm *next; /* in the loop, under its lock */
    struct vmm_loop *loop;
    char path[108];
    int listener;
    uint64_t serial;
    pthread_mutex_t lock;
    struct vmm_connection *connection; /* NULL: nobody */
    struct vmm_channel *channels;
    uint32_t last_id;
    vmm_observer *observer;
    void *observer_context;
};

struct vmm_loop {
    pthread_mutex_t lock;
    int epoll;
    int spare; /* a descriptor for who connects when there is no other; -1: not even that */
    uint64_t last_serial;
    struct vmm *vmms;
};

/* connection.c */
/* Replaces who has not said HELLO, refuses the new one beside who has. Takes over `fd`. */
void vmm_connection_accept(struct vmm *vmm, int fd);
void vmm_connection_event(struct vmm_connection *connection, uint32_t events); /* may free it */
void vmm_connection_end(struct vmm *vmm, const char *reason);                  /* frees it */
/* A place for a frame of `length` bytes, header filled in, the rest zero; NULL: there is no VMM, or it does not read.
 */
void *vmm_frame_begin(struct vmm *vmm, uint16_t type, uint32_t channel, uint32_t id, uint32_t length);
void vmm_frame_end(struct vmm *vmm); /* of the one begun last: it counts */
void vmm_flush(struct vmm *vmm);
uint32_t vmm_unread(const struct vmm *vmm);
/* Is there an unread frame of those bytes behind its header, for that channel? */
bool vmm_is_queued(const struct vmm *vmm, const struct vfp_vmm_frame *frame);

/* frames.c */
/* One whole frame. False: the connection ends. */
bool vmm_frame_take(struct vmm_connection *connection, const struct vfp_vmm_frame *frame);
/* Says ERROR; true unless the rule costs the connection. */
bool vmm_refuse(struct vmm *vmm, const struct vfp_vmm_frame *frame, enum vfp_vmm_rule rule);

/* channel.c: what the VMM asks of a channel, 0 or the rule that is broken. */
struct vmm_channel *vmm_channel_find(struct vmm *vmm, uint32_t id);
int vmm_channel_open(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
int vmm_channel_close(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
int vmm_channel_packet(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
int vmm_channel_credit(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
int vmm_channel_window(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
void vmm_channel_offer(struct vmm_channel *channel);
void vmm_channel_end(struct vmm_channel *channel, const char *reason); /* tells the VMM, if it is there */
void vmm_channels_offer(struct vmm *vmm);
void vmm_channels_end(struct vmm *vmm, const char *reason);
void vmm_channels_drain(struct vmm *vmm);                /* packets that waited for the socket */
void vmm_closed_if_settled(struct vmm_channel *channel); /* CLOSED, if nothing is left to say before it */

/* asked.c */
int vmm_channel_register(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
int vmm_channel_retarget(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
void vmm_ranges_flush(struct vmm_channel *channel);  /* those that wait are sent */
void vmm_ranges_forget(struct vmm_channel *channel); /* they are not */

#endif
