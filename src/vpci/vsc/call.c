/* SPDX-License-Identifier: MIT
 *
 * Requests that a thread waits for, and messages nobody answers.
 */
#include "vpci/vsc/internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum finished {
    RUNNING,
    DONE,
    ASLEEP, /* running, and the caller sleeps on the word */
};

struct waiter {
    struct vsc_request request;
    _Atomic uint32_t finished; /* enum finished; a futex */
    NTSTATUS status;
    struct vsc_call *call;
};

static void call_done(struct vsc_request *request, NTSTATUS status, const void *payload, uint32_t length)
{
    struct waiter *waiter = CONTAINING_RECORD(request, struct waiter, request);
    struct vsc_call *call = waiter->call;
    waiter->status = status;
    call->length = length;
    if (length && call->capacity)
        memcpy(call->reply, payload, length < call->capacity ? length : call->capacity);
    /* The waiter may be gone already; waking nobody at its address does no harm. */
    if (atomic_exchange(&waiter->finished, DONE) == ASLEEP)
        syscall(SYS_futex, &waiter->finished, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

/* The deadline has passed: nobody else may end the request any more, or somebody is just doing it. */
static bool give_up(struct vsc *vsc, struct vsc_request *request)
{
    bool mine = false;
    pthread_mutex_lock(&vsc->lock);
    LIST_ENTRY *list = request->sent ? &vsc->sent : &vsc->queued;
    for (LIST_ENTRY *link = list->Flink; link != list && !mine; link = link->Flink)
        mine = link == &request->link;
    if (mine) {
        RemoveEntryList(&request->link);
        *(request->sent ? &vsc->sent_count : &vsc->queued_count) -= 1;
    }
    pthread_mutex_unlock(&vsc->lock);
    return mine;
}

/* Sleeps until done or, unless NULL, until that time (CLOCK_MONOTONIC). False: the time has come. */
static bool sleep_until(struct waiter *waiter, const struct timespec *limit)
{
    uint32_t running = RUNNING;
    atomic_compare_exchange_strong(&waiter->finished, &running, ASLEEP);
    while (atomic_load(&waiter->finished) != DONE) {
        long error = syscall(SYS_futex, &waiter->finished, FUTEX_WAIT_BITSET_PRIVATE, ASLEEP, limit, NULL,
                             FUTEX_BITSET_MATCH_ANY);
        if (error < 0 && errno == ETIMEDOUT)
            return atomic_load(&waiter->finished) == DONE;
    }
    return true;
}

static bool is_done(void *context)
{
    struct waiter *waiter = context;
    return atomic_load(&waiter->finished) == DONE;
}

/* The clock is read when the wait is longer than spinning: most are not. */
static void wait_finished(struct vsc *vsc, struct waiter *waiter, enum vsc_at_ring at)
{
    if (vsc_spin_at_ring(vsc, &at, is_done, waiter)) {
        vsc_ring_leave(vsc, at);
        return;
    }
    uint64_t deadline = vsc_deadline(waiter->call->timeout_ms);
    struct timespec limit = vsc_timespec(deadline);
    if (vsc_wait_at_ring(vsc, at, is_done, waiter, deadline) || sleep_until(waiter, &limit))
        return;
    if (give_up(vsc, &waiter->request))
        waiter->status = STATUS_IO_TIMEOUT;
    else
        sleep_until(waiter, NULL);
}

NTSTATUS vsc_call(struct vsc *vsc, struct vsc_call *call)
{
    struct waiter waiter;
    memset(&waiter.request, 0, offsetof(struct vsc_request, message));
    waiter.request.function = call->function;
    waiter.request.self_timed = true;
    waiter.request.done = call_done;
    waiter.request.length = call->message_length;
    atomic_init(&waiter.finished, RUNNING);
    waiter.status = STATUS_UNSUCCESSFUL;
    waiter.call = call;
    memcpy(waiter.request.message, call->message, call->message_length);
    TRACE_DOOR(span, "vsc", call->name, "%u bytes to the host", call->message_length);
    uint64_t id = 0;
    enum vsc_at_ring at = vsc_ring_approach(vsc);
    NTSTATUS status = vsc_submit(vsc, &waiter.request, &id);
    TRACE_LINK_OUT(span, vpci_link_key(vsc->relid, VPCI_LINK_MESSAGE, id));
    if (NT_SUCCESS(status)) {
        wait_finished(vsc, &waiter, at);
        status = waiter.status;
    } else {
        vsc_ring_leave(vsc, at);
    }
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

NTSTATUS vsc_post(struct vsc *vsc, const void *message, uint32_t length)
{
    struct vsc_request *request = calloc(1, sizeof *request);
    if (!request)
        return STATUS_INSUFFICIENT_RESOURCES;
    request->no_completion = true;
    request->length = length;
    memcpy(request->message, message, length);
    uint64_t id;
    NTSTATUS status = vsc_submit(vsc, request, &id);
    if (!NT_SUCCESS(status))
        free(request);
    return status;
}
