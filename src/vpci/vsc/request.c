/* SPDX-License-Identifier: MIT
 *
 * Requests to the host: queued in order, sent as the ring has room, ended by a completion, a deadline, a cancel or the
 * end of the channel.
 */
#include "vpci/vsc/internal.h"

#include <stdlib.h>
#include <time.h>

uint64_t vsc_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t vsc_deadline(int timeout_ms)
{
    return vsc_now_ns() + (uint64_t)timeout_ms * 1000000u;
}

struct timespec vsc_timespec(uint64_t ns)
{
    return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u), .tv_nsec = (long)(ns % 1000000000u)};
}

/* ---- under vsc->lock -------------------------------------------------------------------------------------------- */

static void unlink_request(struct vsc *vsc, struct vsc_request *request)
{
    RemoveEntryList(&request->link);
    if (request->sent)
        vsc->sent_count--;
    else
        vsc->queued_count--;
}

/* From here on the request cannot be cancelled. False: it is being cancelled, and the cancel routine ends it. */
static bool claim(struct vsc *vsc, struct vsc_request *request)
{
    if (!request->irp || request->sent || IoSetCancelRoutine(request->irp, NULL))
        return true;
    unlink_request(vsc, request);
    request->cancelled = true;
    return false;
}

static NTSTATUS admission(struct vsc *vsc, struct vsc_request *request)
{
    if (request->function) {
        NTSTATUS status = vsc_function_available(request->function, request->irp != NULL);
        if (!NT_SUCCESS(status))
            return status;
    }
    if (atomic_load(&vsc->gone))
        return STATUS_DEVICE_NOT_CONNECTED;
    return vsc->queued_count < VSC_QUEUED_MAX ? STATUS_SUCCESS : STATUS_INSUFFICIENT_RESOURCES;
}

/* Room has been made sure of. False: the host broke the ring. */
static bool send_one(struct vsc *vsc, struct vsc_request *request, bool *signal)
{
    bool wants_signal;
    struct vmbus_packet packet = {
        .type = VMBUS_PACKET_DATA,
        .flags = request->no_completion ? 0 : VMBUS_COMPLETION_REQUESTED,
        .transaction_id = request->id,
        .length = request->length,
    };
    if (vmbus_ring_send(vmbus_guest_out(vsc->guest), &packet, request->message, false, &wants_signal))
        return false;
    *signal |= wants_signal;
    vmbus_ring_warm_send(vmbus_guest_out(vsc->guest), VSC_MESSAGE_MAX); /* the next one, while this one is waited for */
    unlink_request(vsc, request);
    if (request->no_completion) {
        free(request);
        return true;
    }
    request->sent = true;
    InsertTailList(&vsc->sent, &request->link);
    vsc->sent_count++;
    return true;
}

/* Sends what can be sent. False: the ring is broken. */
static bool pump_locked(struct vsc *vsc, bool *signal)
{
    while (!IsListEmpty(&vsc->queued) && vsc->sent_count < VSC_IN_FLIGHT_MAX) {
        struct vsc_request *request = CONTAINING_RECORD(vsc->queued.Flink, struct vsc_request, link);
        int room = vmbus_ring_has_room(vmbus_guest_out(vsc->guest), request->length);
        if (room <= 0)
            return room == 0;
        if (claim(vsc, request) && !send_one(vsc, request, signal))
            return false;
    }
    return true;
}

/* An IRP that may be cancelled until it is sent. False: it was, before. */
static bool make_cancellable(struct vsc *vsc, struct vsc_request *request)
{
    request->irp->Tail.Overlay.DriverContext[0] = request;
    IoSetCancelRoutine(request->irp, vsc_cancel_request);
    if (!__atomic_load_n(&request->irp->Cancel, __ATOMIC_SEQ_CST) || !IoSetCancelRoutine(request->irp, NULL))
        return true;
    unlink_request(vsc, request);
    return false;
}

/* The receiver sleeps until the earliest deadline it knew of; this one may be earlier. */
static bool rearm(struct vsc *vsc, const struct vsc_request *request)
{
    if (request->no_completion || request->self_timed || request->deadline >= vsc->armed)
        return false;
    vsc->armed = request->deadline;
    return true;
}

/* ---- entered without -------------------------------------------------------------------------------------------- */

static void broken_ring(struct vsc *vsc)
{
    TRACE_REFUSE("vsc", "RING_CORRUPT vpci-wire.md 6.3", "the host's read index is impossible");
    atomic_store(&vsc->broken, true);
    vsc_poke(vsc);
}

static void after_pump(struct vsc *vsc, bool intact, bool signal)
{
    if (signal)
        vmbus_guest_signal(vsc->guest);
    if (!intact)
        broken_ring(vsc);
}

NTSTATUS vsc_submit(struct vsc *vsc, struct vsc_request *request, uint64_t *id)
{
    bool signal = false, intact = true, poke = false;
    pthread_mutex_lock(&vsc->lock);
    NTSTATUS status = admission(vsc, request);
    if (NT_SUCCESS(status)) {
        *id = request->id = request->no_completion ? 0 : ++vsc->last_id;
        InsertTailList(&vsc->queued, &request->link);
        vsc->queued_count++;
        if (request->irp && !make_cancellable(vsc, request))
            status = STATUS_CANCELLED;
        poke = NT_SUCCESS(status) && rearm(vsc, request);
        intact = pump_locked(vsc, &signal);
    }
    pthread_mutex_unlock(&vsc->lock);
    after_pump(vsc, intact, signal);
    if (poke)
        vsc_poke(vsc);
    return status;
}

void vsc_pump(struct vsc *vsc)
{
    bool signal = false;
    pthread_mutex_lock(&vsc->lock);
    bool intact = pump_locked(vsc, &signal);
    pthread_mutex_unlock(&vsc->lock);
    after_pump(vsc, intact, signal);
}

void vsc_cancel_request(PDEVICE_OBJECT device, PIRP irp)
{
    struct vsc *vsc = vsc_function_of(device)->vsc;
    struct vsc_request *request = irp->Tail.Overlay.DriverContext[0];
    IoReleaseCancelSpinLock(irp->CancelIrql);
    pthread_mutex_lock(&vsc->lock);
    if (!request->cancelled)
        unlink_request(vsc, request);
    pthread_mutex_unlock(&vsc->lock);
    request->done(request, STATUS_CANCELLED, NULL, 0);
}

/* Lock held; NULL: the host has no such request. */
static struct vsc_request *find_sent(struct vsc *vsc, uint64_t id)
{
    for (LIST_ENTRY *link = vsc->sent.Flink; link != &vsc->sent; link = link->Flink) {
        struct vsc_request *request = CONTAINING_RECORD(link, struct vsc_request, link);
        if (request->id == id)
            return request;
    }
    return NULL;
}

bool vsc_request_awaited(struct vsc *vsc, uint64_t id)
{
    pthread_mutex_lock(&vsc->lock);
    struct vsc_request *found = find_sent(vsc, id);
    bool awaited = found && found->self_timed;
    pthread_mutex_unlock(&vsc->lock);
    return awaited;
}

bool vsc_request_completed(struct vsc *vsc, uint64_t id, const void *payload, uint32_t length)
{
    pthread_mutex_lock(&vsc->lock);
    struct vsc_request *found = find_sent(vsc, id);
    if (found)
        unlink_request(vsc, found);
    bool queued = !IsListEmpty(&vsc->queued);
    pthread_mutex_unlock(&vsc->lock);
    if (found)
        found->done(found, STATUS_SUCCESS, payload, length);
    else
        TRACE_REFUSE("vsc", "UNKNOWN_TRANSACTION vpci-wire.md 5.3", "completion of %llu, which nobody waits for",
                     (unsigned long long)id);
    return queued;
}

/* Moves the requests of one list that `wanted` picks to `taken`. */
static void take(struct vsc *vsc, LIST_ENTRY *list, LIST_ENTRY *taken,
                 bool (*wanted)(const struct vsc_request *request, const void *what), const void *what)
{
    for (LIST_ENTRY *link = list->Flink, *next; link != list; link = next) {
        struct vsc_request *request = CONTAINING_RECORD(link, struct vsc_request, link);
        next = link->Flink;
        if (!wanted(request, what) || !claim(vsc, request))
            continue;
        unlink_request(vsc, request);
        InsertTailList(taken, &request->link);
    }
}

static void end_where(struct vsc *vsc, NTSTATUS status, bool (*wanted)(const struct vsc_request *, const void *),
                      const void *what)
{
    LIST_ENTRY taken;
    InitializeListHead(&taken);
    pthread_mutex_lock(&vsc->lock);
    take(vsc, &vsc->sent, &taken, wanted, what);
    take(vsc, &vsc->queued, &taken, wanted, what);
    pthread_mutex_unlock(&vsc->lock);
    while (!IsListEmpty(&taken)) {
        struct vsc_request *request = CONTAINING_RECORD(RemoveHeadList(&taken), struct vsc_request, link);
        if (request->no_completion)
            free(request);
        else
            request->done(request, status, NULL, 0);
    }
}

static bool is_past(const struct vsc_request *request, const void *now)
{
    return !request->self_timed && !request->no_completion && request->deadline <= *(const uint64_t *)now;
}

void vsc_expire(struct vsc *vsc)
{
    uint64_t now = vsc_now_ns();
    end_where(vsc, STATUS_IO_TIMEOUT, is_past, &now);
}

static bool belongs_to(const struct vsc_request *request, const void *function)
{
    return !function || request->function == function;
}

void vsc_fail_requests(struct vsc *vsc, const struct vsc_function *function)
{
    end_where(vsc, STATUS_DEVICE_NOT_CONNECTED, belongs_to, function);
}
