/* SPDX-License-Identifier: MIT
 *
 * VMBus channels: two ring buffers in memory that two partitions share, wake-ups, and the control messages that open
 * and close them. What the bytes in a packet mean is not known here.
 *
 * Facts: vpci-wire.md 3.3-3.7, 6.2, 6.3. Nothing read from shared memory is read twice; a peer that breaks the rules
 * costs itself the channel (-EPROTO) and nobody else anything.
 *
 * Threads: one sender and one receiver at a time on each ring (callers serialise); the two may be different threads.
 */
#ifndef VFPLANE_VMBUS_H
#define VFPLANE_VMBUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VMBUS_PAGE 4096u

/* ---- rings (3.6, 3.7) ------------------------------------------------------------------------------------------- */

/* One ring: a header page and a data area of whole pages. The header is written by both sides; see vpci-wire.md 3.6. */
struct vmbus_ring_header {
    uint32_t write_index;     /* producer */
    uint32_t read_index;      /* consumer */
    uint32_t interrupt_mask;  /* consumer: 1 = do not signal me */
    uint32_t pending_send_sz; /* producer: bytes it waits for, 0 = none */
    uint32_t reserved[12];
    uint32_t features; /* bit 0: pending_send_sz is supported */
    uint8_t reserved2[VMBUS_PAGE - 68];
};
_Static_assert(sizeof(struct vmbus_ring_header) == VMBUS_PAGE, "vpci-wire.md 3.6");

/* What stands before the payload of a packet, in units of 8 bytes from its own start; 8 bytes follow the payload. */
struct vmbus_descriptor {
    uint16_t type;
    uint16_t offset8;
    uint16_t len8;
    uint16_t flags;
    uint64_t transaction_id;
};
_Static_assert(sizeof(struct vmbus_descriptor) == 16, "vpci-wire.md 3.6");

enum vmbus_packet_type {
    VMBUS_PACKET_DATA = 6,
    VMBUS_PACKET_TRANSFER_PAGES = 7,
    VMBUS_PACKET_GPADL = 8,
    VMBUS_PACKET_GPA_DIRECT = 9,
    VMBUS_PACKET_COMPLETION = 0xB,
};
#define VMBUS_COMPLETION_REQUESTED 1u /* packet flag */

struct vmbus_packet {
    uint16_t type;
    uint16_t flags;
    uint64_t transaction_id;
    uint32_t length; /* received: payload bytes, padded to 8; sent: exact payload bytes */
};

enum vmbus_end { VMBUS_CONSUMER, VMBUS_PRODUCER };

/* One end of a ring. Everything but `header` and `data` is private to this end; the other end's index is believed only
 * as far as it moves forward over bytes that can have been written or freed. */
struct vmbus_ring {
    struct vmbus_ring_header *header; /* shared */
    uint8_t *data;                    /* shared */
    uint32_t size;                    /* bytes of the data area, a multiple of 4,096, at most VMBUS_RING_MAX */
    uint32_t index;                   /* private copy of our own index */
    uint32_t peer;                    /* the other end's index when it was last read */
    bool waiting;                     /* producer: pending_send_sz is set */
};

#define VMBUS_RING_MAX     (1u << 30)           /* bytes of data area */
#define VMBUS_PAYLOAD_MAX  (0xFFFFu * 8u - 16u) /* the length field of the descriptor has 16 bits, in 8-byte units */
#define VMBUS_RING_FEATURE 1u                   /* features bit 0: pending_send_sz is supported */

/* `memory` is header page + data; pages >= 2. The private index starts at what the header holds. -EINVAL, -EPROTO (an
 * index found is out of range). */
int vmbus_ring_attach(struct vmbus_ring *ring, void *local, uint32_t pages, enum vmbus_end end);
/* Bytes a packet of `length` payload bytes takes on the ring: 16 + padded payload + 8. `length` at most
 * VMBUS_PAYLOAD_MAX. */
uint32_t vmbus_ring_space(uint32_t length);
/* Room for at least one more packet of that payload? >0 yes; 0 no, and the consumer has been asked (pending_send_sz) to
 * signal when there is, so the caller may sleep; -EMSGSIZE never; -EPROTO the consumer's index is corrupt. */
int vmbus_ring_has_room(struct vmbus_ring *ring, uint32_t length);
/* Producer: has the consumer read everything? >0 yes; 0 no, and it has been asked to signal when it has; -EPROTO. For
 * rings of every size, also those larger than any one packet. */
int vmbus_ring_is_drained(struct vmbus_ring *ring);
/* 0; -EAGAIN full (nothing written; pending_send_sz is set when `wait_for_room`); -EMSGSIZE never fits; -EPROTO.
 * *signal says whether the other side wants to be woken; false on failure. */
int vmbus_ring_send(struct vmbus_ring *ring, const struct vmbus_packet *packet, const void *payload, bool wait_for_room,
                    bool *signal);
/* >= 0: payload bytes copied to `buffer`; -EAGAIN empty; -EMSGSIZE longer than `capacity` (packet consumed, *packet
 * valid); -EPROTO corrupt (nothing consumed). *signal: the producer waits for the room that this freed. */
int vmbus_ring_receive(struct vmbus_ring *ring, struct vmbus_packet *packet, void *buffer, uint32_t capacity,
                       bool *signal);
/* Consumer: what the next packet says it is, without taking it. 0; -EAGAIN empty; -EPROTO corrupt. The producer can
 * still change it: what counts is what vmbus_ring_receive gives. */
int vmbus_ring_peek(struct vmbus_ring *ring, struct vmbus_packet *packet);
/* Consumer: ask (false) or not ask (true) for wake-ups. Unmasking returns true when data arrived meanwhile. */
bool vmbus_ring_mask(struct vmbus_ring *ring, bool masked);
/* Consumer: is there something to receive (or a corrupt index to find)? One load. */
bool vmbus_ring_has_data(const struct vmbus_ring *ring);

/* Hints to the processor, which change nothing (warm.c): the next packet is about to be received; the room for sending
 * is about to be looked at; so many bytes are about to be sent, 192 at most count. */
void vmbus_ring_warm_receive(const struct vmbus_ring *ring);
void vmbus_ring_warm_room(const struct vmbus_ring *ring);
void vmbus_ring_warm_send(const struct vmbus_ring *ring, uint32_t bytes);

/* ---- channels --------------------------------------------------------------------------------------------------- */

struct vmbus_offer {
    uint8_t interface_id[16]; /* wire order */
    uint8_t instance_id[16];
    uint32_t relid;
};

/* Host end: two rings, a window of shared pages, wake-ups, and the events of the channel's life. What carries them to
 * the guest is behind one table, the transport; rings and window are memory that it gives and that is used directly, so
 * that a packet or a window access passes through no indirect call. Transports: shared memory between two processes
 * (vmbus_host_create), memory alone (vmbus_local_create), and on the latter the socket to a VMM (vpci/vmm/vmm.h).
 *
 * Threads: vmbus_host_control may unmap the rings, so it must not run while another thread uses them. vmbus_host_signal
 * and vmbus_host_window may be called from any thread. */
struct vmbus_host;

enum vmbus_event {
    VMBUS_NOTHING,
    VMBUS_OPENED, /* rings are mapped, in/out valid */
    VMBUS_CLOSED, /* the guest closed; rings are unmapped */
    VMBUS_GONE,   /* the guest's end is gone (exit, kill), or it does not read; only destroy is left */
};

struct vmbus_transport {
    const char *name;
    void (*destroy)(struct vmbus_host *host);
    enum vmbus_event (*control)(struct vmbus_host *host);
    void (*kick_clear)(struct vmbus_host *host);
    void (*signal)(struct vmbus_host *host);
    void (*rescind)(struct vmbus_host *host);
};

/* What every transport's end begins with. Written by the transport alone. */
struct vmbus_host {
    const struct vmbus_transport *ops;
    struct vmbus_ring *in, *out; /* guest -> host, host -> guest; NULL while not open */
    void *window;                /* shared pages, also while the channel is closed */
    int socket;                  /* readable: call vmbus_host_control */
    int kick;                    /* an eventfd, readable when the guest signalled; vmbus_host_kick_clear empties it */
    uint64_t ignored;            /* control messages dropped by rule so far */
    const char *reason;          /* with VMBUS_GONE: why, when the transport knows better than "it is gone" */
};

static inline void vmbus_host_destroy(struct vmbus_host *host) /* unmaps, closes; NULL: nothing */
{
    if (host)
        host->ops->destroy(host);
}
/* Handles one control message, if there is one. */
static inline enum vmbus_event vmbus_host_control(struct vmbus_host *host)
{
    return host->ops->control(host);
}
static inline void vmbus_host_kick_clear(struct vmbus_host *host)
{
    host->ops->kick_clear(host);
}
static inline void vmbus_host_signal(struct vmbus_host *host) /* wake the guest */
{
    host->ops->signal(host);
}
static inline void vmbus_host_rescind(struct vmbus_host *host) /* take the offer back; once */
{
    host->ops->rescind(host);
}
static inline int vmbus_host_socket(const struct vmbus_host *host)
{
    return host->socket;
}
static inline int vmbus_host_kick_fd(const struct vmbus_host *host)
{
    return host->kick;
}
static inline struct vmbus_ring *vmbus_host_in(struct vmbus_host *host)
{
    return host->in;
}
static inline struct vmbus_ring *vmbus_host_out(struct vmbus_host *host)
{
    return host->out;
}
static inline void *vmbus_host_window(struct vmbus_host *host)
{
    return host->window;
}
static inline uint64_t vmbus_host_ignored(const struct vmbus_host *host)
{
    return host->ignored;
}

/* Shared memory. One connection carries one channel. The socket is AF_UNIX SOCK_SEQPACKET and becomes the channel's.
 *
 * What the guest cannot do: make a call here block (the socket is used without waiting; the kick eventfd, whose open
 * file it shares, must be emptied with vmbus_host_kick_clear and never with a plain read), fault (ring memory must be a
 * memfd sealed against shrinking), or keep more than VMBUS_GPADL_MAX buffers of VMBUS_GPADL_PAGES_MAX pages. Malformed,
 * unknown and out-of-place messages are ignored and counted (6.2). */
#define VMBUS_GPADL_MAX       4u
#define VMBUS_GPADL_PAGES_MAX 2048u
#define VMBUS_RELID_MAX       2047u

/* Sends nothing until the guest asks for offers. Makes the two wake-ups and `window_pages` pages of shared memory that
 * go with the offer. 0 or -errno (-EINVAL: relid not 1..VMBUS_RELID_MAX, no window); the socket is the channel's only
 * on success. */
int vmbus_host_create(int socket, const struct vmbus_offer *offer, uint32_t window_pages, struct vmbus_host **host);

/* Memory alone: the guest's end is in the same process, and is driven by calls. For tests, and under a transport that
 * moves the bytes of its rings elsewhere. The guest's side is trusted to keep to the rings' rules and to these calls.
 */
struct vmbus_local;

/* What the host's end does, told on its thread; any may be NULL. None may call into the channel. */
struct vmbus_local_events {
    void (*signalled)(void *context); /* vmbus_host_signal */
    void (*rescinded)(void *context);
    void (*settled)(void *context); /* after vmbus_local_close: the host uses the rings no more; open may follow */
    void (*destroyed)(void *context);
    void *context;
};
/* 0, -EINVAL (no window), -ENOMEM, -errno. `events` may be NULL. */
int vmbus_local_create(uint32_t window_pages, const struct vmbus_local_events *events, struct vmbus_local **local);
struct vmbus_host *vmbus_local_host(struct vmbus_local *local); /* its destroy frees both */
/* Pages as in vmbus_guest_open. From now on the guest may send; the host learns of it with vmbus_host_control. 0;
 * -EINVAL, -EBUSY (open, or not settled since the last close), -EPIPE (left), -ENOMEM. */
int vmbus_local_open(struct vmbus_local *local, uint32_t to_host_pages, uint32_t to_guest_pages);
struct vmbus_ring *vmbus_local_in(struct vmbus_local *local);  /* host -> guest; NULL while not open */
struct vmbus_ring *vmbus_local_out(struct vmbus_local *local); /* guest -> host */
void vmbus_local_kick(struct vmbus_local *local);              /* wake the host */
void vmbus_local_close(struct vmbus_local *local);             /* nothing when it is not open */
/* The guest's end is gone. `reason` (a literal, NULL: no better than that) is what the host says of it. */
void vmbus_local_leave(struct vmbus_local *local, const char *reason);

/* Guest end.
 *
 * Threads: connect, open, close and destroy by one thread while no other is in vmbus_guest_wait; then one thread waits
 * and receives, any one sends. vmbus_guest_signal and vmbus_guest_gone from any. */
struct vmbus_guest;

#define VMBUS_ANSWER_MS 30000 /* how long the guest waits for a control message it is owed */

/* INITIATE_CONTACT, REQUESTOFFERS; waits for the offer. 0; -ETIMEDOUT, -EPROTO (a malformed answer, no offer, memory
 * that is not sealed), -EPROTONOSUPPORT (version 4.0 refused), -EPIPE (host gone), -errno. The socket is closed on
 * failure. */
int vmbus_guest_connect(int socket, struct vmbus_guest **guest);
/* The same, with a limit of the caller's for this and every later answer. */
int vmbus_guest_connect_within(int socket, int answer_ms, struct vmbus_guest **guest);
const struct vmbus_offer *vmbus_guest_offer(const struct vmbus_guest *guest);
/* Makes the ring memory (sealed against shrinking), hands it over, opens. Pages include the header page, each >= 2.
 * 0; -EINVAL, -ECONNREFUSED (the host refused the buffer or the channel), -EPIPE, -ETIMEDOUT, -EPROTO, -errno. */
int vmbus_guest_open(struct vmbus_guest *guest, uint32_t to_host_pages, uint32_t to_guest_pages);
void vmbus_guest_close(struct vmbus_guest *guest);             /* CLOSECHANNEL, teardown; may be opened again */
void vmbus_guest_destroy(struct vmbus_guest *guest);           /* closes if open, disconnects */
struct vmbus_ring *vmbus_guest_in(struct vmbus_guest *guest);  /* host -> guest; NULL while not open */
struct vmbus_ring *vmbus_guest_out(struct vmbus_guest *guest); /* guest -> host */
void *vmbus_guest_window(struct vmbus_guest *guest);
uint32_t vmbus_guest_window_pages(const struct vmbus_guest *guest);
void vmbus_guest_signal(struct vmbus_guest *guest);
/* Rounds of spinning before vmbus_guest_wait sleeps; VMBUS_SPIN_DEFAULT at first. */
void vmbus_guest_set_spin(struct vmbus_guest *guest, unsigned rounds);
/* Waits until there is something to receive or the host signalled, `stop_fd` is readable (the caller's, -1 = none), or
 * the host went away / rescinded. Handles the interrupt mask of the incoming ring. 0 = look at the rings, -ECANCELED =
 * stop_fd, -EPIPE = the offer is gone, -ETIMEDOUT. timeout_ms < 0 = for ever. */
int vmbus_guest_wait(struct vmbus_guest *guest, int stop_fd, int timeout_ms);
/* The sleep of vmbus_guest_wait alone, for who looks after the mask: returns at once when the host signalled since the
 * last call. The same results. */
int vmbus_guest_sleep(struct vmbus_guest *guest, int stop_fd, int timeout_ms);
bool vmbus_guest_gone(struct vmbus_guest *guest); /* rescinded or host gone; sticky, cheap */

/* Sockets to who is not trusted. Closing a descriptor that such a peer sent, read or not, can take as long as the peer
 * likes; these never wait for it. Any thread, AF_UNIX. */

/* As recv() with MSG_DONTWAIT, with -errno; *descriptors says whether some came along. They are closed. */
ptrdiff_t vmbus_foreign_receive(int socket, void *bytes, size_t room, bool *descriptors);
/* Shuts the socket down and closes it, with what was sent and not read. */
void vmbus_foreign_hang_up(int socket);

/* Waiting is spin, then sleep: rounds of a pause instruction before a side sleeps. 0 = sleep at once. */
#define VMBUS_SPIN_DEFAULT 2000u

/* How long to spin this time, learned from the last times: twice as long after a spin that met what it waited for, half
 * as long after one that did not, never longer than `limit`. After VMBUS_SPIN_PROBE waits in vain, after twice as many,
 * and so on up to every 64th, one spins to the limit again, for the other side may be quicker now. Zero-initialised
 * it starts at the limit. Several threads may share one; what they learn then mixes. */
#define VMBUS_SPIN_PROBE 16u
struct vmbus_spin {
    _Atomic unsigned halvings; /* budget = limit >> halvings */
    _Atomic unsigned vain;     /* waits in vain since the last probe */
};
unsigned vmbus_spin_rounds(const struct vmbus_spin *spin, unsigned limit);
void vmbus_spin_ended(struct vmbus_spin *spin, bool met);
/* The limit where nobody set one: VMBUS_SPIN_DEFAULT; 0 when the machine has one processor, for then the other side
 * cannot answer while we spin. */
unsigned vmbus_spin_default(void);

static inline void vmbus_pause(void)
{
#if defined(__x86_64__) || defined(__i386__)
    __builtin_ia32_pause();
#else
    __asm__ volatile("yield" ::: "memory");
#endif
}

#endif
