/* SPDX-License-Identifier: MIT
 *
 * Both ends of the configuration window's mailbox; window.h says how it works.
 */
#include "vpci/window.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

_Static_assert(sizeof(struct vpci_window_page) <= VPCI_WINDOW_PAGES * VMBUS_PAGE, "the mailbox fits its memory");

#define RELAXED memory_order_relaxed

/* `limit` is a time of CLOCK_MONOTONIC, NULL = none. */
static int futex_wait_until(_Atomic uint32_t *word, uint32_t seen, const struct timespec *limit)
{
    return syscall(SYS_futex, word, FUTEX_WAIT_BITSET, seen, limit, NULL, FUTEX_BITSET_MATCH_ANY) < 0 ? -errno : 0;
}

static void wake(_Atomic uint32_t *word)
{
    atomic_fetch_add(word, 1);
    syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

/* ---- host ------------------------------------------------------------------------------------------------------- */

void vpci_window_host_init(struct vpci_window_host *host, void *page)
{
    *host = (struct vpci_window_host){.page = page};
}

bool vpci_window_take(struct vpci_window_host *host, struct vpci_window_access *access)
{
    struct vpci_window_page *page = host->page;
    uint64_t sequence = atomic_load_explicit(&page->request_sequence, memory_order_acquire);
    if (sequence == host->taken)
        return false;
    *access = (struct vpci_window_access){
        .address = atomic_load_explicit(&page->address, RELAXED),
        .size = atomic_load_explicit(&page->size, RELAXED),
        .is_write = atomic_load_explicit(&page->is_write, RELAXED) != 0,
        .value = atomic_load_explicit(&page->value, RELAXED),
        .sequence = sequence,
    };
    host->taken = sequence;
    return true;
}

void vpci_window_answer(struct vpci_window_host *host, const struct vpci_window_access *access, uint64_t value)
{
    struct vpci_window_page *page = host->page;
    atomic_store_explicit(&page->answer, value, RELAXED);
    atomic_store(&page->done_sequence, access->sequence);
    if (!atomic_load(&page->guest_waiting))
        return;
    if (host->answered)
        host->answered(host->answered_context);
    else
        wake(&page->wake);
}

bool vpci_window_host_sleep(struct vpci_window_host *host)
{
    atomic_store(&host->page->host_waiting, 1);
    if (atomic_load(&host->page->request_sequence) == host->taken)
        return false;
    vpci_window_host_awake(host);
    return true;
}

bool vpci_window_ring_signal(struct vpci_window_host *host)
{
    if (!atomic_load(&host->page->ring_waiting))
        return false;
    wake(&host->page->ring_wake);
    return true;
}

bool vpci_window_raise(struct vpci_window_host *host, uint32_t vector)
{
    if (vector >= VPCI_WINDOW_VECTORS)
        return false;
    atomic_fetch_or(&host->page->vectors[vector / 64], UINT64_C(1) << vector % 64);
    return true;
}

/* ---- guest ------------------------------------------------------------------------------------------------------ */

void vpci_window_guest_init(struct vpci_window_guest *guest, void *page)
{
    guest->page = page;
    guest->spin = (struct vmbus_spin){0};
    guest->sequence = atomic_load(&guest->page->request_sequence); /* not 0 after another guest used the page */
    atomic_init(&guest->abandoned, false);
}

bool vpci_window_post(struct vpci_window_guest *guest, struct vpci_window_access *access)
{
    struct vpci_window_page *page = guest->page;
    access->sequence = ++guest->sequence;
    atomic_store_explicit(&page->address, access->address, RELAXED);
    atomic_store_explicit(&page->size, access->size, RELAXED);
    atomic_store_explicit(&page->is_write, access->is_write, RELAXED);
    atomic_store_explicit(&page->value, access->value, RELAXED);
    atomic_store(&page->request_sequence, access->sequence);
    return atomic_load(&page->host_waiting) != 0;
}

static bool done(const struct vpci_window_guest *guest)
{
    return atomic_load(&guest->page->done_sequence) == guest->sequence;
}

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* One sleep until `deadline` (0 = for ever) at most. 0: look again, for whatever reason; -ETIMEDOUT. */
static int sleep_once(_Atomic uint32_t *word, uint32_t seen, uint64_t deadline)
{
    struct timespec limit = {.tv_sec = (time_t)(deadline / 1000000000u), .tv_nsec = (long)(deadline % 1000000000u)};
    return futex_wait_until(word, seen, deadline ? &limit : NULL) == -ETIMEDOUT ? -ETIMEDOUT : 0;
}

/* The word is read before the answer and the abandonment are looked for, so a change after that ends the sleep. */
static int sleep_until_done(struct vpci_window_guest *guest, uint64_t deadline)
{
    for (;;) {
        uint32_t seen = atomic_load(&guest->page->wake);
        if (done(guest))
            return 0;
        if (atomic_load(&guest->abandoned))
            return -EPIPE;
        int error = sleep_once(&guest->page->wake, seen, deadline);
        if (error)
            return error;
    }
}

static bool spin_until_done(struct vpci_window_guest *guest, unsigned limit)
{
    unsigned rounds = vmbus_spin_rounds(&guest->spin, limit);
    bool met = false;
    for (unsigned round = 0; round < rounds && !met; round++) {
        vmbus_pause();
        met = done(guest);
    }
    vmbus_spin_ended(&guest->spin, met);
    return met;
}

static int wait_done(struct vpci_window_guest *guest, unsigned spin, int timeout_ms)
{
    if (spin_until_done(guest, spin))
        return 0;
    uint64_t deadline = timeout_ms < 0 ? 0 : now_ns() + (uint64_t)timeout_ms * 1000000u;
    atomic_store(&guest->page->guest_waiting, 1);
    int error = sleep_until_done(guest, deadline);
    atomic_store_explicit(&guest->page->guest_waiting, 0, RELAXED);
    return error;
}

int vpci_window_wait(struct vpci_window_guest *guest, unsigned spin, int timeout_ms, uint64_t *value)
{
    int error = atomic_load(&guest->abandoned) ? -EPIPE : wait_done(guest, spin, timeout_ms);
    if (!error)
        *value = atomic_load_explicit(&guest->page->answer, RELAXED);
    return error;
}

void vpci_window_never_sleeps(struct vpci_window_guest *guest)
{
    atomic_store(&guest->page->guest_waiting, 1);
}

bool vpci_window_poll(const struct vpci_window_guest *guest, uint64_t *value)
{
    if (!done(guest))
        return false;
    *value = atomic_load_explicit(&guest->page->answer, RELAXED);
    return true;
}

/* ---- guest, for the ring ---------------------------------------------------------------------------------------- */

uint32_t vpci_window_ring_begin(struct vpci_window_guest *guest)
{
    uint32_t word = atomic_load(&guest->page->ring_wake);
    atomic_store(&guest->page->ring_waiting, 1);
    return word;
}

int vpci_window_ring_sleep(struct vpci_window_guest *guest, uint32_t word, uint64_t deadline)
{
    if (atomic_load(&guest->abandoned))
        return -EPIPE;
    return sleep_once(&guest->page->ring_wake, word, deadline);
}

void vpci_window_ring_end(struct vpci_window_guest *guest)
{
    atomic_store(&guest->page->ring_waiting, 0);
}

void vpci_window_ring_nudge(struct vpci_window_guest *guest)
{
    if (atomic_load(&guest->page->ring_waiting))
        wake(&guest->page->ring_wake);
}

uint64_t vpci_window_vectors_take(struct vpci_window_guest *guest, unsigned word)
{
    if (!atomic_load(&guest->page->vectors[word]))
        return 0;
    return atomic_exchange(&guest->page->vectors[word], 0);
}

void vpci_window_abandon(struct vpci_window_guest *guest)
{
    atomic_store(&guest->abandoned, true);
    wake(&guest->page->wake);
    wake(&guest->page->ring_wake);
}
