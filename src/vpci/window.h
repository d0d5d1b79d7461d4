/* SPDX-License-Identifier: MIT
 *
 * The configuration window's mailbox. In a VM the guest loads and stores in two MMIO pages and the hypervisor traps
 * each access to the host (vpci-wire.md 2.1). Between two processes this page carries the same thing: one access at a
 * time, asked by the guest, answered by the host.
 *
 *   guest                                               host
 *   request fields, request_sequence = n (release)  ->  sees n != taken, copies the request once
 *   host_waiting? kick eventfd                          answers: value, done_sequence = n (release)
 *   spins on done_sequence, then sleeps on `wake`   <-  guest_waiting? ++wake and futex wake
 *
 * No wake-up is lost: each side stores what it offers, then reads the other's flag, and before it sleeps stores its own
 * flag, then reads what is offered; all four are sequentially consistent. The guest sleeps on a futex, not on the wake
 * eventfd, because its receiver thread owns that one; that thread calls vpci_window_abandon() when it sees the host
 * die, which ends the sleep (`wake` changes, so it cannot be missed).
 *
 * The page also carries a quicker way to wake a guest thread that sleeps until its answer stands in the ring: the channel's
 * signal ends in the receiver thread's poll, `ring_wake` in the thread itself. Which of the two the host uses when the
 * ring asks for a signal is the guest's choice, made before it unmasks the ring.
 *
 * And it carries interrupts, which in a VM the hypervisor injects: a bit a vector, then the channel's signal.
 *
 * Trust: the page is memory both sides write. The host copies a request once and believes nothing in it; the guest
 * believes nothing but that a done_sequence equal to its own means `value` was meant for it. Neither side can make the
 * other wait for longer than it chose to. The memory is the host's, sealed (vmbus.h), so touching it cannot fault.
 *
 * Threads: one guest thread at a time (the VSC serialises), one host thread at a time; vpci_window_abandon from any.
 */
#ifndef VFPLANE_VPCI_WINDOW_H
#define VFPLANE_VPCI_WINDOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "vmbus/vmbus.h"

#define VPCI_WINDOW_PAGES   1u   /* of shared memory, for vmbus_host_create() */
#define VPCI_WINDOW_VECTORS 256u /* interrupt vectors of a processor */

struct vpci_window_page {
    /* written by the guest */
    _Atomic uint64_t address; /* guest physical: mmio_base + offset in the two-page window */
    _Atomic uint32_t size;    /* 1, 2, 4 */
    _Atomic uint32_t is_write;
    _Atomic uint64_t value; /* to be written, in the low bytes */
    _Atomic uint64_t request_sequence;
    _Atomic uint32_t guest_waiting; /* 1: wake me when done */
    uint32_t reserved0[7];
    /* written by the host */
    _Atomic uint64_t answer; /* what was read, in the low bytes */
    _Atomic uint64_t done_sequence;
    _Atomic uint32_t host_waiting; /* 1: kick me when there is a request */
    uint32_t reserved1[11];
    /* written by both; the futexes the guest sleeps on */
    _Atomic uint32_t wake;
    _Atomic uint32_t ring_wake;
    uint32_t reserved2[14];
    /* written by the guest */
    _Atomic uint32_t ring_waiting; /* 1: wake me by `ring_wake`, not by the channel's signal */
    uint32_t reserved3[15];
    /* written by both: bit n of the 256 = vector n was raised and not yet taken */
    _Atomic uint64_t vectors[VPCI_WINDOW_VECTORS / 64];
};
_Static_assert(offsetof(struct vpci_window_page, answer) == 64, "one cache line a side");
_Static_assert(offsetof(struct vpci_window_page, wake) == 128, "one cache line a side");
_Static_assert(offsetof(struct vpci_window_page, ring_waiting) == 192, "one cache line a side");
_Static_assert(offsetof(struct vpci_window_page, vectors) == 256, "one cache line a side");
_Static_assert(sizeof(struct vpci_window_page) == 288, "fits a page");

/* One access as either side holds it privately. */
struct vpci_window_access {
    uint64_t address;
    uint32_t size; /* as the guest said: 1, 2 or 4 from an honest one */
    bool is_write;
    uint64_t value; /* to write; unused for a read */
    uint64_t sequence;
};

/* ---- host ------------------------------------------------------------------------------------------------------- */

struct vpci_window_host {
    struct vpci_window_page *page;
    uint64_t taken; /* sequence of the last request that was taken */
    /* Where the guest's side is no process that sleeps: called instead of waking it, on the thread that answers. */
    void (*answered)(void *context);
    void *answered_context;
};

/* A request that stands in the page already counts as new. */
void vpci_window_host_init(struct vpci_window_host *host, void *page);

static inline bool vpci_window_pending(const struct vpci_window_host *host)
{
    return atomic_load_explicit(&host->page->request_sequence, memory_order_acquire) != host->taken;
}
/* Copies the request, if there is a new one. It must be answered with vpci_window_answer (any thread, any time later)
 * before the guest sends another. */
bool vpci_window_take(struct vpci_window_host *host, struct vpci_window_access *access);
/* `value` is what a read gives (all ones: nothing there); a write is answered with anything. Wakes a sleeping guest. */
void vpci_window_answer(struct vpci_window_host *host, const struct vpci_window_access *access, uint64_t value);
/* Before the host sleeps on its kick eventfd: true = a request came meanwhile, do not sleep. */
bool vpci_window_host_sleep(struct vpci_window_host *host);
static inline void vpci_window_host_awake(struct vpci_window_host *host)
{
    atomic_store_explicit(&host->page->host_waiting, 0, memory_order_relaxed);
}

/* The ring to the guest wants a signal: wakes the thread that waits for it. False: none does, use the channel's. */
bool vpci_window_ring_signal(struct vpci_window_host *host);

/* Raises a vector in the guest; the channel's signal is to follow. Any thread. False: no such vector. */
bool vpci_window_raise(struct vpci_window_host *host, uint32_t vector);

/* ---- guest ------------------------------------------------------------------------------------------------------ */

struct vpci_window_guest {
    struct vpci_window_page *page;
    uint64_t sequence;      /* of the last access */
    struct vmbus_spin spin; /* what was learned about answers */
    _Atomic bool abandoned; /* the host is gone; stays set */
};

void vpci_window_guest_init(struct vpci_window_guest *guest, void *page);
/* Publishes one access and fills in access->sequence (first 1, never 0). True: signal the host's kick eventfd. */
bool vpci_window_post(struct vpci_window_guest *guest, struct vpci_window_access *access);
/* Waits for the answer: up to `spin` rounds, as vmbus_spin_rounds learned, then asleep. 0 and *value; -ETIMEDOUT (a late answer is ignored), -EPIPE
 * (abandoned). timeout_ms < 0: for ever. */
int vpci_window_wait(struct vpci_window_guest *guest, unsigned spin, int timeout_ms, uint64_t *value);
/* For who is told of answers (vpci_window_host.answered): the page is set up so that every answer is told. */
void vpci_window_never_sleeps(struct vpci_window_guest *guest);
/* The last access's answer, if it is there. */
bool vpci_window_poll(const struct vpci_window_guest *guest, uint64_t *value);
/* One thread at a time waits for the ring by itself: _begin, then it unmasks the ring, and if there is nothing in it
 * sleeps with the word _begin gave until the host signals, `deadline` (ns of CLOCK_MONOTONIC) or the abandonment: 0 look
 * again, -ETIMEDOUT, -EPIPE; then _end, after which the channel's signal is used again. */
uint32_t vpci_window_ring_begin(struct vpci_window_guest *guest);
int vpci_window_ring_sleep(struct vpci_window_guest *guest, uint32_t word, uint64_t deadline);
void vpci_window_ring_end(struct vpci_window_guest *guest);
/* The channel's signal came although a thread waits: it looks again. Any thread. */
void vpci_window_ring_nudge(struct vpci_window_guest *guest);
/* The vectors 64 * word .. 64 * word + 63 raised since the last call, by bit. */
uint64_t vpci_window_vectors_take(struct vpci_window_guest *guest, unsigned word);
/* The host is gone: a wait under way and every later one returns -EPIPE. */
void vpci_window_abandon(struct vpci_window_guest *guest);

#endif
