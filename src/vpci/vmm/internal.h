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

/* While more is unread, packets wait in the ring and the rest of what a channel says in its struct vmm_unsaid: what
 * must not wait finds room, and a VMM that reads is never taken for one that does not. */
#define VMM_UNREAD_SOFT 65536u
#define VMM_READ_BUFFER 65536u /* holds the longest frame */
#define VMM_REGIONS     (VFP_VMM_REGION_WINDOW + 1u)
/* All that one channel can have to say, longest. */
#define VMM_SAYS_MAX                                                                                                   \
    (VFP_VMM_BARS * (sizeof(struct vfp_vmm_ranges) + VFP_VMM_RANGES_MAX * sizeof(struct vfp_vmm_range)) +              \
     2 * VMM_REGIONS * sizeof(struct vfp_vmm_region) + sizeof(struct vfp_vmm_window_done) +                            \
     sizeof(struct vfp_vmm_register_done) + sizeof(struct vfp_vmm_retargeted) + sizeof(struct vfp_vmm_frame))
_Static_assert(VMM_READ_BUFFER >= VFP_VMM_FRAME_MAX && VMM_UNREAD_SOFT + VFP_VMM_FRAME_MAX < VMM_UNREAD_MAX &&
                   VMM_UNREAD_SOFT + VMM_SAYS_MAX < VMM_UNREAD_MAX / 2,
               "buffers");

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

struct vmm_unsent {
    struct vfp_vmm_range *ranges;
    uint32_t count;
    bool waits;
};

struct vmm_region {
    bool mapped;
    uint64_t guest_address, system_address, size;
};

struct vmm_answer {
    bool waits;
    union {
        struct vfp_vmm_frame frame;
        struct vfp_vmm_window_done window;
        struct vfp_vmm_register_done access;
        struct vfp_vmm_retargeted retarget;
    } is;
};

/* What a channel has to say while the VMM has much to read: of everything the last only, so it has a bound. */
struct vmm_unsaid {
    bool some;                                  /* there is something to say */
    struct vmm_unsent ranges[VFP_VMM_BARS];     /* the last of each BAR */
    bool mitigated[VFP_VMM_BARS];               /* it has ranges, which a VMM of version 1 cannot be told */
    struct vmm_region now[VMM_REGIONS];         /* as the VSP has them */
    struct vmm_region told[VMM_REGIONS];        /* as the VMM has them */
    struct vmm_answer window, access, retarget; /* one of each at a time */
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
    bool register_busy, retarget_busy; /* like window_busy: until the answer was said */
    uint32_t register_id, retarget_id;
    struct vmm_unsaid unsaid;
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
    bool behind;   /* a channel could not say all */
    bool held;     /* packets wait in a ring for room */
    uint32_t turn; /* the channel whose turn is next when the VMM has read */
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
bool vmm_has_read(struct vmm *vmm); /* little is unread, now that the socket was given what it takes */
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
void vmm_channel_header(struct vmm_channel *channel, uint16_t type, uint32_t id); /* a frame that is nothing else */
void vmm_channel_offer(struct vmm_channel *channel);
void vmm_channel_end(struct vmm_channel *channel, const char *reason); /* tells the VMM, if it is there */
void vmm_channels_offer(struct vmm *vmm);
void vmm_channels_end(struct vmm *vmm, const char *reason);
void vmm_channels_drain(struct vmm *vmm); /* packets that waited for the socket */

/* asked.c */
int vmm_channel_register(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);
int vmm_channel_retarget(struct vmm_channel *channel, const struct vfp_vmm_frame *frame);

/* say.c */
bool vmm_channel_is_open(const struct vmm_channel *channel); /* OPEN or CLOSING */
void vmm_say(struct vmm_channel *channel);      /* there is something; said now, or when the VMM has read */
bool vmm_has_said(struct vmm_channel *channel); /* nothing is left, after another attempt */
void vmm_answer(struct vmm_channel *channel, struct vmm_answer *answer, const struct vfp_vmm_frame *frame);
void vmm_channels_say(struct vmm *vmm);
void vmm_unsaid_forget(struct vmm_channel *channel);

#endif
