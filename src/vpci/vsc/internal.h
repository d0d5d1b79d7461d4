/* SPDX-License-Identifier: MIT
 *
 * What the files of the VSC share.
 *
 * Locks, outermost first; nothing is called out with one of them held:
 *   vsc.lock        requests, the outgoing ring, relations, events
 *   function.lock   its queue of INVALIDATE requests
 *   vsc.interrupt_lock which handler a vector has
 *   vsc.window_lock the configuration window (held over the wait for the host, so that a piecewise access is one)
 *
 * A request is ended by whoever unlinks it under vsc.lock; an IRP that can be cancelled additionally by who takes its
 * cancel routine out (pci.md 5.12 rule 4).
 */
#ifndef VFPLANE_VSC_INTERNAL_H
#define VFPLANE_VSC_INTERNAL_H

#include "vmbus/vmbus.h"
#include "vpci/vsc/vsc.h"
#include "vpci/window.h"
#include "vpci/wire.h"

#include <ntddk.h>
#include <vpci.h>

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#define VSC_D0EXIT_MS       10000 /* vpci-wire.md 1.8 */
#define VSC_RING_PAGES      5u    /* vpci-wire.md 1.1 */
#define VSC_IN_FLIGHT_MAX   64u   /* requests the host has, vpci-wire.md 1.1 */
#define VSC_BUDGET          256u  /* packets taken before deadlines and the end are looked for */
#define VSC_QUEUED_MAX      1024u /* requests that wait for the ring or for one of those */
#define VSC_INVALIDATES_MAX 64u   /* pended IOCTL_VPCI_INVALIDATE_BLOCK a function */
#define VSC_MESSAGE_MAX     208u  /* the longest message sent, RESOURCES_ASSIGNED2, padded */
#define VSC_NO_SLOT         UINT32_MAX

_Static_assert(VSC_MESSAGE_MAX >= VPCI_ASSIGNED2_LINUX, "every message fits");
_Static_assert(VSC_MESSAGE_MAX >= sizeof(struct vpci_write_block) + VPCI_BLOCK_MAX + VPCI_BLOCK_WRITE_EXTRA,
               "every message fits");

/* ---- lifetime of a function (function.c) ------------------------------------------------------------------------ */

/* Counts callers; closing waits until they have left and lets nobody in afterwards. */
struct vsc_gate {
    _Atomic uint32_t users; /* top bit: closed */
    sem_t empty;
};

enum vsc_state {
    VSC_STOPPED,
    VSC_STARTED,
    VSC_REMOVED, /* IRP_MN_REMOVE_DEVICE; a new stack may come */
    VSC_MISSING, /* the host took it away, IRP_MN_SURPRISE_REMOVAL; stays so */
};

struct vsc_bar {
    uint64_t size;    /* 0: none */
    uint64_t address; /* 0: not assigned */
    uint32_t flags;   /* low bits of the register: type, prefetchable */
    bool wide;        /* the next register is its high half */
};

/* A function of the bus, and the Context of its interfaces. */
struct vsc_function {
    struct vsc *vsc;
    _Atomic uint32_t references; /* the PDO's one and each interface's */
    _Atomic uint32_t interfaces; /* interface references given out */
    struct vsc_gate gate;
    _Atomic int state; /* enum vsc_state */
    struct vpci_function description;
    struct vsc_bar bar[VPCI_BARS];
    PDEVICE_OBJECT pdo;
    _Atomic uint64_t invalid_blocks; /* mask that no request has taken yet */
    pthread_mutex_t lock;
    LIST_ENTRY invalidates; /* IRPs, oldest first, by Tail.Overlay.ListEntry */
    unsigned invalidate_count;
};

/* ---- requests to the host (request.c) --------------------------------------------------------------------------- */

/* One message. `done` is called once, without locks, when the completion arrived (STATUS_SUCCESS and its payload), or
 * with why it never will: STATUS_IO_TIMEOUT, STATUS_DEVICE_NOT_CONNECTED, STATUS_CANCELLED. */
struct vsc_request {
    LIST_ENTRY link;
    struct vsc_function *function; /* NULL: of the bus */
    uint64_t id;                   /* transaction id, 0 until submitted; stays 0 without a completion */
    uint64_t deadline;             /* nanoseconds, CLOCK_MONOTONIC; unused when self_timed */
    bool no_completion;            /* freed when it is sent */
    bool self_timed;               /* the submitter looks after the deadline */
    bool sent;
    bool cancelled; /* unlinked, the cancel routine ends it */
    PIRP irp;       /* cancellable while it is not sent; NULL: not */
    void (*done)(struct vsc_request *request, NTSTATUS status, const void *payload, uint32_t length);
    uint64_t span; /* trace span it belongs to */
    uint32_t length;
    uint8_t message[VSC_MESSAGE_MAX];
};

struct vsc {
    struct nt_partition *partition;
    struct vsc_options options;
    PDRIVER_OBJECT driver;
    struct vmbus_guest *guest;
    uint32_t relid;
    uint32_t version;

    pthread_t receiver;
    bool receiving;
    int poke; /* eventfd that interrupts the receiver's sleep */
    _Atomic bool stopping;
    _Atomic bool broken; /* a sender found the ring corrupt; the receiver ends the channel */
    _Atomic bool gone;

    _Atomic int ring_taker; /* enum vsc_ring_taker */
    _Atomic unsigned spin_limit;
    struct vmbus_spin spin; /* what was learned about completions */

    pthread_mutex_t lock;
    pthread_cond_t changed; /* CLOCK_MONOTONIC: relations, eject, gone */
    LIST_ENTRY queued;      /* requests not sent yet, in order */
    LIST_ENTRY sent;        /* requests the host has */
    unsigned queued_count;
    unsigned sent_count;
    uint64_t last_id;
    uint64_t armed;          /* when the receiver wakes by itself, UINT64_MAX = never */
    int relations;           /* 0 none yet, 1 seen, -EPROTO the host sent a malformed one */
    uint32_t snapshot_count; /* of the latest relations */
    struct vpci_function snapshot[VPCI_SLOTS];
    uint32_t eject_slot; /* VSC_NO_SLOT: none asked for */

    pthread_mutex_t window_lock;
    struct vpci_window_guest window;
    uint64_t mmio_base;
    uint32_t selected; /* slot the window shows, VSC_NO_SLOT = unknown */

    pthread_mutex_t interrupt_lock;
    pthread_cond_t interrupt_idle; /* a handler returned */
    struct vsc_interrupt *interrupt[VPCI_WINDOW_VECTORS];

    unsigned function_count;
    struct vsc_function *function[VPCI_SLOTS];
};

uint64_t vsc_now_ns(void);
uint64_t vsc_deadline(int timeout_ms);
struct timespec vsc_timespec(uint64_t ns);

/* Puts a request on its way and says its transaction id. STATUS_SUCCESS: `done` is called, perhaps before this returns
 * (or the request freed, no_completion); otherwise it is not: STATUS_DEVICE_NOT_CONNECTED, STATUS_DEVICE_REMOVED,
 * STATUS_DEVICE_NOT_READY (an IRP for a stopped function), STATUS_CANCELLED, STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS vsc_submit(struct vsc *vsc, struct vsc_request *request, uint64_t *id);
/* The receiver's: the completion with this id came (true: requests are queued, and the host has room for one more now);
 * room may have come; deadlines may have passed. */
bool vsc_request_completed(struct vsc *vsc, uint64_t id, const void *payload, uint32_t length);
/* Does a thread wait for the completion with this id (vsc_call)? */
bool vsc_request_awaited(struct vsc *vsc, uint64_t id);
void vsc_pump(struct vsc *vsc);
void vsc_expire(struct vsc *vsc);
/* Ends the function's requests (NULL: all) with STATUS_DEVICE_NOT_CONNECTED. */
void vsc_fail_requests(struct vsc *vsc, const struct vsc_function *function);
/* Cancel routine of READ and WRITE IRPs that are not sent yet. */
void vsc_cancel_request(PDEVICE_OBJECT device, PIRP irp);

/* Sends a message and waits for its completion. STATUS_SUCCESS and the payload, cut to `capacity`, *length = what came;
 * else as vsc_submit and vsc_request.done. `name` is the trace's. At most APC_LEVEL. */
struct vsc_call {
    const char *name;
    struct vsc_function *function;
    const void *message;
    uint32_t message_length;
    void *reply;
    uint32_t capacity;
    uint32_t length; /* out */
    int timeout_ms;
};
NTSTATUS vsc_call(struct vsc *vsc, struct vsc_call *call);
/* Sends a message that gets no completion. */
NTSTATUS vsc_post(struct vsc *vsc, const void *message, uint32_t length);

/* ---- who takes from the ring (direct.c) ------------------------------------------------------------------------- */

enum vsc_ring_taker {
    VSC_RING_FREE,
    VSC_RING_TAKEN,
    VSC_RING_WANTED, /* taken, and the receiver is to be woken when it is free */
};

/* The receiver's: false: another thread is at the ring and wakes it when it leaves. */
bool vsc_ring_take(struct vsc *vsc);
/* Unmasks the ring. */
void vsc_ring_give(struct vsc *vsc);
/* A thread that will wait for a completion goes to the ring before it sends: then the host need not wake anybody for an
 * answer that comes before the thread sleeps. There it spins, true: done(context). From there either _leave, or _wait,
 * which leaves: it sleeps until done(context); false: it is not, and the receiver brings it, or it is past the deadline
 * (ns of CLOCK_MONOTONIC), or the host is gone. */
enum vsc_at_ring { VSC_NOT_YET, VSC_AT_RING, VSC_HANDED_OVER };
enum vsc_at_ring vsc_ring_approach(struct vsc *vsc);
void vsc_ring_leave(struct vsc *vsc, enum vsc_at_ring at);
bool vsc_spin_at_ring(struct vsc *vsc, enum vsc_at_ring *at, bool (*done)(void *context), void *context);
bool vsc_wait_at_ring(struct vsc *vsc, enum vsc_at_ring at, bool (*done)(void *context), void *context,
                      uint64_t deadline);

/* ---- the receiver (receive.c) ----------------------------------------------------------------------------------- */

void *vsc_receiver(void *vsc);
void vsc_poke(struct vsc *vsc);
/* The host is gone, took the offer back, or broke the rings: everything ends. */
void vsc_lost(struct vsc *vsc);

/* ---- bringing the bus up and down (bus.c) ----------------------------------------------------------------------- */

int vsc_bus_up(struct vsc *vsc);
void vsc_bus_down(struct vsc *vsc);

/* ---- functions (function.c, resources.c) ------------------------------------------------------------------------ */

bool vsc_gate_enter(struct vsc_gate *gate);
void vsc_gate_leave(struct vsc_gate *gate);
void vsc_gate_close(struct vsc_gate *gate);

/* Makes the function and its PDO and appends it to the bus. */
NTSTATUS vsc_function_create(struct vsc *vsc, const struct vpci_function *description, struct vsc_function **function);
/* Deletes the PDO; the memory goes with the last interface. */
void vsc_function_delete(struct vsc_function *function);
void vsc_function_reference(struct vsc_function *function);
void vsc_function_dereference(struct vsc_function *function);
/* STATUS_SUCCESS when requests may go to the host; else STATUS_DEVICE_REMOVED, STATUS_DEVICE_NOT_CONNECTED, and when it
 * must be started STATUS_DEVICE_NOT_READY. */
NTSTATUS vsc_function_available(struct vsc_function *function, bool must_be_started);
void vsc_function_start(struct vsc_function *function);
/* After IRP_MN_REMOVE_DEVICE: a new stack is being built on the PDO (pci.md 1.2: it asks before it is started). */
void vsc_function_again(struct vsc_function *function);
/* Changes the state (VSC_MISSING stays) and ends what is pended: INVALIDATE with STATUS_CANCELLED, the rest with
 * STATUS_DEVICE_NOT_CONNECTED. */
void vsc_function_end(struct vsc_function *function, enum vsc_state state);
struct vsc_function *vsc_function_of(PDEVICE_OBJECT pdo);

/* Reads what six probed registers say; false when they are impossible. */
bool vsc_bars_decode(const uint32_t probed[VPCI_BARS], struct vsc_bar bar[VPCI_BARS]);
/* Gives each memory BAR an address and writes it, decoding off: vpci-wire.md 1.7 row 9. 0 or -EPIPE. */
int vsc_bars_assign(struct vsc_function *function);
/* Turns memory decoding of the function on or off. */
bool vsc_memory_decode(struct vsc_function *function, bool on);
/* The list IRP_MN_QUERY_RESOURCES answers with, from pool, or NULL. */
PCM_RESOURCE_LIST vsc_resource_list(struct vsc_function *function);

/* ---- configuration space (config.c) ----------------------------------------------------------------------------- */

/* Whole range or nothing. False: the host did not answer (a read is filled with FFh). Offset + length must lie in
 * configuration space, length > 0. */
bool vsc_config_access(struct vsc_function *function, bool write, uint32_t offset, void *buffer, uint32_t length);
static inline bool vsc_config_range_valid(const void *buffer, ULONG offset, ULONG length)
{
    return buffer && length && (uint64_t)offset + length <= VPCI_CONFIG_SIZE;
}
/* One load or store in the window's second page, whatever its size. False: no answer. */
bool vsc_window_raw(struct vsc *vsc, uint32_t slot, bool write, uint32_t offset, uint32_t size, uint64_t *value);

/* ---- interfaces, blocks, IRPs ----------------------------------------------------------------------------------- */

NTSTATUS vsc_query_interface(struct vsc_function *function, PIO_STACK_LOCATION stack, NTSTATUS unchanged);
VPCI_WRITE_BLOCK vsc_write_block;
VPCI_READ_BLOCK vsc_read_block;
/* Fills in the message; data length 1..128. */
uint32_t vsc_write_block_message(uint8_t *message, uint32_t slot, ULONG id, const void *data, ULONG length);
uint32_t vsc_read_block_message(uint8_t *message, uint32_t slot, ULONG id, ULONG length);
/* What a completion of READ_BLOCK or WRITE_BLOCK means. *data: the bytes of a read that was answered in full. */
NTSTATUS vsc_write_block_result(const void *payload, uint32_t length);
NTSTATUS vsc_read_block_result(const void *payload, uint32_t length, ULONG wanted, const uint8_t **data);

/* Calls the handlers of the vectors that the host delivered (interrupt.c). The receiver's. */
void vsc_interrupts_pump(struct vsc *vsc);

DRIVER_DISPATCH vsc_dispatch_pnp, vsc_dispatch_power, vsc_dispatch_control, vsc_dispatch_other;
/* Completes at DISPATCH_LEVEL. */
void vsc_complete(PIRP irp, NTSTATUS status, ULONG_PTR information);

/* INVALIDATE_BLOCK (invalidate.c). Submission returns STATUS_PENDING, or why not. */
NTSTATUS vsc_invalidate_submit(struct vsc_function *function, PIRP irp);
void vsc_invalidate_arrived(struct vsc_function *function, uint64_t mask);
void vsc_invalidate_drain(struct vsc_function *function, NTSTATUS status);

#endif
