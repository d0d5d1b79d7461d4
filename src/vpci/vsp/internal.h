/* SPDX-License-Identifier: MIT
 *
 * Inside the VSP.
 *
 * A channel belongs to one worker: its rings, its window, its state are touched by that thread only. What other threads
 * have to say to it (a completion of the PF driver, an invalidation, the host program) is posted: a bit in `posted` and
 * a place in the worker's ready list. Nothing is held while vstack or the host program is called.
 */
#ifndef VFPLANE_VSP_INTERNAL_H
#define VFPLANE_VSP_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "vmbus/vmbus.h"
#include "vpci/vsp/vsp.h"
#include "vpci/window.h"
#include "vpci/wire.h"

/* Requests of one guest that the PF driver may keep waiting; the ring is not read beyond (vpci-wire.md 6.4). */
#define VSP_CALLS 16u
/* A PF driver that does not answer by then has failed (vpci-wire.md 1.8: 5-30 s). */
#define VSP_CALL_TIMEOUT_MS 30000u
/* Packets taken from one guest before the next one's turn. */
#define VSP_BUDGET 16u
/* Entries of an MSI-X table. */
#define VSP_MESSAGES_MAX 2048u
/* Highest VP index that is believed to exist. */
#define VSP_PROCESSORS 4096u
/* Where guest-physical addresses end. */
#define VSP_ADDRESS_END (1ull << 52)
/* What a message may need on the ring to the guest: a completion (at most GET_RESOURCES or a block), a snapshot of the
 * bus, and a bare status. */
#define VSP_COMPLETION_ROOM 160u
/* What every one takes: descriptor, status, trailer. */
#define VSP_COMPLETION_LEAST 32u
#define VSP_RESERVE          (VSP_COMPLETION_ROOM + 64u + 32u)

enum vsp_state { /* vpci-wire.md 1.10 */
                 VSP_CLOSED,
                 VSP_OPEN,
                 VSP_READY,
                 VSP_D0,
                 VSP_ENDED,
};

enum vsp_post {
    VSP_POST_START = 1,
    VSP_POST_DONE = 2,       /* calls completed elsewhere, or the window is free again */
    VSP_POST_INVALIDATE = 4, /* there is a mask to take */
    VSP_POST_PF_GONE = 8,
    VSP_POST_EJECT = 16,
    VSP_POST_REMOVE = 32,
    VSP_POST_ASK = 64, /* something is asked, or was answered elsewhere */
};

/* One message that waits for the PF driver. */
struct vsp_call {
    struct vstack_request request;
    struct vsp_channel *channel;
    struct vsp_call *next; /* in channel->done */
    bool used, flagged;
    uint32_t type;
    uint64_t transaction_id;
    uint64_t deadline;
    uint64_t generation;
};

/* Where a message goes that was retargeted. */
struct vsp_target {
    uint32_t vector;
    bool lowest_priority;
    uint16_t processor_count; /* 0: it was not */
    uint16_t processors[VPCI_VECTORS_MAX];
};

struct vsp_interrupt {
    bool used, lowest_priority;
    uint16_t count; /* messages: data .. data + count - 1 */
    uint32_t vector, data;
    uint64_t address;
    uint16_t processor_count;
    uint16_t processors[VPCI_VECTORS_MAX];
    struct vsp_target *own; /* of each message; NULL: none was retargeted */
};

/* An entry of a VF's MSI-X table as its device model tells it. */
struct vsp_message_entry {
    uint64_t address;
    uint32_t data;
    bool masked, pending;
};

/* As many as whoever asks lets wait: of a VMM one access and one target (REGISTER_ONE, RETARGET_ONE), of a host program
 * commonly one a virtual processor. So nothing here takes longer when there are more. */
struct vsp_asks {
    struct vsp_ask *first, **end;
};

struct vsp_counters {
    _Atomic uint64_t messages, completions, bad_data, window_reads, window_writes, invalidates_sent;
};

/* A message as its handler gets it: a private copy, at least as long as the catalogue's minimum. */
struct vsp_message {
    const uint8_t *bytes;
    uint32_t length; /* padded */
    uint32_t type;
    bool flagged; /* completion requested */
    uint64_t transaction_id;
};

struct vsp_channel {
    struct vsp *vsp;
    struct vsp_worker *worker;
    struct vstack_vf *vf;
    struct vsp_channel_options options;
    char name[64];
    struct vmbus_host *host;
    struct vsp_packets *packets; /* NULL: not wanted */
    struct vsp_counters counters;

    /* posted from anywhere */
    atomic_uint posted;
    struct vsp_channel *next_ready;
    struct vsp_channel *next_all; /* under vsp->lock */
    atomic_uint eject_timeout_ms;
    pthread_mutex_t lock;
    pthread_cond_t removed_cond;
    struct vsp_call *done, **done_end; /* under lock, in order */
    struct vsp_asks asks;              /* under lock: to be done, in order */
    struct vsp_ask *answers;           /* under lock: done elsewhere */
    bool removed;                      /* under lock */

    /* the worker's */
    struct vsp_channel *next, *previous; /* among the worker's */
    struct vsp_channel *next_awake;      /* among those of them that are awake */
    bool awake, gone, attached, signal;
    bool blocked;           /* does not read the ring: no room for answers, or too many calls outstanding */
    bool no_room;           /* the former */
    bool notified;          /* an INVALIDATE_BLOCK was sent since the ring was last seen empty */
    unsigned idle;          /* rounds without work */
    struct vmbus_spin spin; /* how many of them pay */
    enum vsp_state state;
    uint32_t version;
    bool assigned;
    uint64_t generation; /* of an opening: what comes back for an older one is dropped */
    bool ejecting, eject_sent, invalidate;
    uint64_t eject_deadline;
    const char *closed; /* how it was last closed, NULL = never opened */
    unsigned outstanding;
    struct vsp_call calls[VSP_CALLS];
    struct vsp_asks asked; /* under way, in the order of their deadlines */
    /* Changed by the worker alone, under interrupt_lock; delivered from any thread, which holds it shared. */
    pthread_rwlock_t interrupt_lock;
    struct vsp_interrupt *interrupts;
    unsigned interrupt_capacity, interrupt_count;
    pthread_mutex_t message_lock;
    struct vsp_message_entry *messages; /* under message_lock: VSP_MESSAGES_MAX, made with the first one told */
    uint8_t *held;                      /* a message whose answer found no room */
    struct vsp_message held_message;

    struct vpci_window_host window;
    uint64_t window_base; /* 0: not in D0 */
    uint32_t window_slot;
    struct vpci_window_access window_access;
    struct vstack_request window_request;
    atomic_bool window_busy;
    uint64_t window_deadline;
};

struct vsp_worker {
    struct vsp *vsp;
    struct vsp_group *group;
    pthread_t thread;
    int epoll, wake;
    pthread_mutex_t lock;
    struct vsp_channel *ready; /* under lock */
    bool stop;                 /* under lock */
    atomic_bool attention;     /* ready or stop changed */
    unsigned channel_count;    /* under vsp->lock: for placing new ones */
    struct vsp_channel *channels;
    struct vsp_channel *awake; /* by next_awake */
    uint64_t next_deadline;    /* ns of CLOCK_MONOTONIC, never later than the next one due */
    uint8_t packet[VPCI_REQUEST_MAX];
};

/* The workers of one adapter. A PF driver that does not return from MiniportOidRequest keeps the thread that called it,
 * so no thread serves the channels of two adapters. Made with an adapter's first channel, ended with its last. */
struct vsp_group {
    struct vsp_group *next;     /* in vsp->groups */
    const struct vstack *stack; /* a name, never followed */
    unsigned users;             /* channels, also those being added and removed */
    unsigned count;
    struct vsp_worker workers[];
};

struct vsp {
    struct nt_partition *partition;
    unsigned workers; /* of a group */
    atomic_uint spin;
    pthread_mutex_t lock;
    struct vsp_group *groups; /* under lock */
    struct vsp_channel *all;  /* under lock, by next_all */
};

static inline void vsp_count(_Atomic uint64_t *counter)
{
    atomic_fetch_add_explicit(counter, 1, memory_order_relaxed);
}

/* group.c */
/* A worker for a channel of that stack: the one with the fewest. 0, -ENOMEM, -EAGAIN (no threads). */
int vsp_group_enter(struct vsp *vsp, const struct vstack *stack, struct vsp_worker **worker);
void vsp_group_leave(struct vsp_worker *worker); /* ends the workers with their last channel */

/* worker.c */
bool vsp_worker_start(struct vsp_worker *worker, struct vsp_group *group, struct vsp *vsp);
void vsp_worker_stop(struct vsp_worker *worker);
bool vsp_on_worker(const struct vsp_channel *channel); /* this thread is the channel's worker */
void vsp_start(struct vsp_channel *channel);           /* VSP_POST_START stands in `posted` already */
void vsp_post(struct vsp_channel *channel, unsigned what);
uint64_t vsp_now(void); /* ns */
void vsp_deadline(struct vsp_channel *channel, uint64_t when);
void vsp_unwatch(struct vsp_channel *channel); /* its file descriptors */

/* channel.c */
extern const struct vstack_partition vsp_partition_template;
void vsp_channel_posted(struct vsp_channel *channel, unsigned what);
void vsp_channel_control(struct vsp_channel *channel);
void vsp_channel_timers(struct vsp_channel *channel, uint64_t now);
/* The one way a channel ends: VF released, offer rescinded, the host program told. */
void vsp_end(struct vsp_channel *channel, bool orderly, const char *reason);
void vsp_broken(struct vsp_channel *channel, const char *rule, const char *reason);
void vsp_release_bus(struct vsp_channel *channel); /* D0 exit and every close */

/* bus.c */
void vsp_place_window(struct vsp_channel *channel, uint64_t base); /* 0: nowhere */

/* pump.c: one round of work; false: there was none. */
bool vsp_channel_pump(struct vsp_channel *channel);
bool vsp_channel_sleeps(struct vsp_channel *channel); /* arms the wake-ups; false: work came meanwhile */
void vsp_channel_awake(struct vsp_channel *channel);

/* send.c. Room was reserved; a ring that lost it is broken. */
int vsp_room(struct vsp_channel *channel,
             uint32_t bytes); /* beside what outstanding calls need; as vmbus_ring_has_room */
void vsp_send(struct vsp_channel *channel, const void *payload, uint32_t length);
void vsp_complete_as(struct vsp_channel *channel, uint64_t transaction_id, const void *payload, uint32_t length);
void vsp_complete(struct vsp_channel *channel, const struct vsp_message *message, const void *payload, uint32_t length);
void vsp_complete_status(struct vsp_channel *channel, const struct vsp_message *message, uint32_t status);
void vsp_bad_data(struct vsp_channel *channel, const struct vsp_message *message, const char *rule, const char *what);

/* messages.c */
enum vsp_verdict { VSP_HANDLED, VSP_NO_ROOM };
enum vsp_verdict vsp_dispatch(struct vsp_channel *channel, const struct vsp_message *message);
const char *vsp_message_name(uint32_t type);

/* handlers: bus.c, resources.c, interrupts.c, calls.c */
typedef enum vsp_verdict vsp_handler(struct vsp_channel *channel, const struct vsp_message *message);
vsp_handler vsp_query_version, vsp_query_relations, vsp_query_requirements, vsp_d0_entry, vsp_d0_exit;
vsp_handler vsp_get_resources, vsp_resources_assigned, vsp_resources_released, vsp_power_state;
vsp_handler vsp_create_interrupt, vsp_delete_interrupt;
vsp_handler vsp_read_block, vsp_write_block, vsp_ejection_complete;

/* interrupts.c */
struct vsp_interrupt_request {
    uint32_t vector, delivery, vector_count, processor_count;
    uint16_t processors[VPCI_VECTORS_MAX];
};
/* Version 1, 2 or 3 of the descriptor at `bytes`; false: not acceptable. */
bool vsp_parse_interrupt(const uint8_t *bytes, unsigned version, struct vsp_interrupt_request *request);
const struct vsp_interrupt *vsp_interrupt_add(struct vsp_channel *channel, const struct vsp_interrupt_request *request);
void vsp_interrupts_clear(struct vsp_channel *channel);

/* deliver.c */
void vsp_interrupts_init(struct vsp_channel *channel);
void vsp_interrupts_free(struct vsp_channel *channel);
void vsp_messages_clear(struct vsp_channel *channel); /* the VF's MSI-X table after a reset */

/* Copied: at most VPCI_VECTORS_MAX processors. */
struct vsp_target vsp_target_of(const struct vsp_delivery *delivery);

/* asks.c, on the worker but for the first */
void vsp_asks_init(struct vsp_channel *channel);
void vsp_asks_serve(struct vsp_channel *channel); /* those answered, then those new */
void vsp_asks_expire(struct vsp_channel *channel, uint64_t now);

/* calls.c */
void vsp_call_finished(struct vsp_call *call);
void vsp_calls_expire(struct vsp_channel *channel, uint64_t now);

/* packets.c. `packet->length` bytes at `payload`; a worker's. NULL: no memory. */
struct vsp_packets *vsp_packets_create(FILE *stream);
/* Held over sending and printing: who has read the packet and then locks the stream finds it there. */
void vsp_packets_lock(struct vsp_packets *packets);
void vsp_packets_unlock(struct vsp_packets *packets);
void vsp_packets_print(struct vsp_packets *packets, const char *name, bool to_guest, const struct vmbus_packet *packet,
                       const void *payload);

/* cfgwindow.c */
bool vsp_window_pump(struct vsp_channel *channel);

#endif
