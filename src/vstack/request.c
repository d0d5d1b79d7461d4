/* SPDX-License-Identifier: MIT
 *
 * Requests of a partition on their way to the PF driver, one of a VF at a time.
 *
 * What goes down the road belongs to the VF, not to the request: when an owner leaves, or gives up waiting, its
 * requests complete at once although the PF driver may still be at it. `current` says whom it was for; what comes back
 * while `current` is NULL comes back to nobody.
 */
#include <string.h>

#include "vstack/internal.h"

/* A status of NDIS that is positive but no success (ndis.md 3.7 trap b) must not look like one. */
static NTSTATUS nt_status(struct vstack_vf *vf, NDIS_STATUS status)
{
    if (status == NDIS_STATUS_SUCCESS)
        return STATUS_SUCCESS;
    if (atomic_load_explicit(&vf->stack->removed, memory_order_relaxed))
        return STATUS_DEVICE_REMOVED;
    if (status == NDIS_STATUS_NOT_ACCEPTED)
        return STATUS_DEVICE_NOT_READY;
    return status < 0 ? status : STATUS_UNSUCCESSFUL;
}

NTSTATUS vstack_usable(struct vstack_vf *vf)
{
    if (atomic_load_explicit(&vf->stack->removed, memory_order_relaxed))
        return STATUS_DEVICE_REMOVED;
    return vf->attached ? STATUS_SUCCESS : STATUS_DEVICE_NOT_CONNECTED;
}

void vstack_callback_enter(struct vstack_vf *vf)
{
    vf->calls++;
}

void vstack_callback_leave(struct vstack_vf *vf)
{
    pthread_mutex_lock(&vf->lock);
    vf->calls--;
    pthread_cond_broadcast(&vf->quiet);
    pthread_mutex_unlock(&vf->lock);
}

static void deliver(struct vstack_request *request, NTSTATUS status, struct vstack_answer *answer)
{
    request->status = status;
    if (status < 0) {
        request->value = 0xFFFFFFFF;
        request->length = 0;
        if (request->kind == VSTACK_BLOCK_READ)
            memset(request->data, 0, sizeof(request->data));
        if (request->kind == VSTACK_REGISTER_READ)
            memset(request->data, 0xFF, VSTACK_REGISTER_MAX);
    }
    if (answer)
        *answer = (struct vstack_answer){true, status, request->value, request->length};
    if (request->done)
        request->done(request);
}

/* Completes a request that never was in the queue. */
void vstack_finish(struct vstack_vf *vf, struct vstack_request *request, NTSTATUS status, struct vstack_answer *answer)
{
    pthread_mutex_lock(&vf->lock);
    vstack_callback_enter(vf);
    pthread_mutex_unlock(&vf->lock);
    request->vf = vf;
    deliver(request, status, answer);
    vstack_callback_leave(vf);
}

static bool is_read(const struct vstack_request *request)
{
    return request->kind == VSTACK_CONFIG_READ || request->kind == VSTACK_BLOCK_READ ||
           request->kind == VSTACK_REGISTER_READ;
}

/* vf->lock held, so that the request may be abandoned before it is sent. */
static void stage(struct vstack_vf *vf)
{
    vf->parent = vf->current->span;
    vf->stack->road->stage(vf, vf->current);
}

/* What a read brought: never more than was asked for. */
static NTSTATUS fetch(struct vstack_vf *vf, struct vstack_request *request)
{
    ULONG below = 0, got;

    if (request->kind != VSTACK_CONFIG_READ) {
        memset(request->data, 0, sizeof(request->data));
        request->length = vf->stack->road->fetch(vf, request->data, request->size);
        return STATUS_SUCCESS;
    }
    got = vf->stack->road->fetch(vf, (UCHAR *)&below, request->size);
    if (got != request->size) {
        TRACE_REFUSE("vstack", "SHORT_CONFIG_READ ndis.md 4.4", "%u of %u bytes", got, request->size);
        return STATUS_UNSUCCESSFUL;
    }
    request->value |= below & request->hardware;
    return STATUS_SUCCESS;
}

/* ---- the queue ---------------------------------------------------------------------------------------------- */

/* It is back from the PF driver: the request, if anyone still waits, completes; the next one takes its place. True:
 * there is one. */
static bool came_back(struct vstack_vf *vf, NDIS_STATUS ndis, struct vstack_answer *answer)
{
    NTSTATUS status = nt_status(vf, ndis);
    struct vstack_request *request;
    bool more;

    pthread_mutex_lock(&vf->lock);
    request = vf->current;
    if (request == &vf->reset) {
        vf->resetting = false; /* nobody waits for it, and from here it may be sent again */
        request = NULL;
    } else if (!request) {
        TRACE_NOTE("vstack", "late completion %s of an abandoned request dropped", ndis_status_name(ndis));
    } else if (status == STATUS_SUCCESS && is_read(request)) {
        status = fetch(vf, request);
    }
    vf->current = vf->head;
    more = vf->busy = vf->current != NULL;
    if (more) {
        vf->head = vf->current->next;
        stage(vf);
    }
    if (request)
        vstack_callback_enter(vf);
    else
        pthread_cond_broadcast(&vf->quiet);
    pthread_mutex_unlock(&vf->lock);
    if (request) {
        deliver(request, status, answer);
        vstack_callback_leave(vf);
    }
    return more;
}

/* Sends what is staged, and those behind it as long as they complete at once. `answer` is of the first. */
static void run(struct vstack_vf *vf, struct vstack_answer *answer)
{
    NDIS_STATUS status;
    bool more;
    do {
        status = vf->stack->road->send(vf);
        more = status != NDIS_STATUS_PENDING && came_back(vf, status, answer);
        answer = NULL;
    } while (more);
}

void vstack_request_back(struct vstack_vf *vf, NDIS_STATUS status)
{
    if (!came_back(vf, status, NULL))
        return;
    TRACE_DOOR(span, "vstack", "next request", "VF %u", vf->id);
    TRACE_UNDER(span, vf->parent);
    run(vf, NULL);
    TRACE_DONE(span, "sent");
}

static void enqueue(struct vstack_vf *vf, struct vstack_request *request)
{
    request->next = NULL;
    if (vf->head)
        vf->tail->next = request;
    else
        vf->head = request;
    vf->tail = request;
}

/* vf->lock held. True: the caller must run(). */
static bool begin(struct vstack_vf *vf, struct vstack_request *request)
{
    if (vf->busy) {
        enqueue(vf, request);
        return false;
    }
    vf->busy = true;
    vf->current = request;
    stage(vf);
    return true;
}

void vstack_submit(struct vstack_vf *vf, struct vstack_request *request, enum vstack_kind kind,
                   struct vstack_answer *answer)
{
    NTSTATUS status;
    bool first = false;

    request->vf = vf;
    request->kind = kind;
    request->span = request->trace_parent || !trace_current ? request->trace_parent : trace_span_id();
    pthread_mutex_lock(&vf->lock);
    status = vstack_usable(vf);
    if (status == STATUS_SUCCESS)
        first = begin(vf, request);
    else
        vstack_callback_enter(vf);
    pthread_mutex_unlock(&vf->lock);
    if (status != STATUS_SUCCESS) {
        deliver(request, status, answer);
        vstack_callback_leave(vf);
    } else if (first) {
        run(vf, answer);
    }
}

/* ---- giving up ---------------------------------------------------------------------------------------------- */

/* vf->lock held. */
static bool take_out(struct vstack_vf *vf, struct vstack_request *request)
{
    struct vstack_request *before = NULL, *at = vf->head;

    if (vf->current == request) {
        vf->current = NULL;
        return true;
    }
    while (at && at != request) {
        before = at;
        at = at->next;
    }
    if (!at)
        return false;
    if (before)
        before->next = at->next;
    else
        vf->head = at->next;
    if (vf->tail == at)
        vf->tail = before;
    return true;
}

bool vstack_abandon(struct vstack_request *request, NTSTATUS status)
{
    struct vstack_vf *vf = request->vf;
    bool ours;

    if (!vf)
        return false;
    pthread_mutex_lock(&vf->lock);
    ours = take_out(vf, request);
    if (ours)
        vstack_callback_enter(vf);
    pthread_mutex_unlock(&vf->lock);
    if (!ours)
        return false;
    deliver(request, status, NULL);
    vstack_callback_leave(vf);
    return true;
}

/* The first request of a partition; vf->lock held. */
static struct vstack_request *first_of_owner(struct vstack_vf *vf, bool current_too)
{
    struct vstack_request *request = vf->head;
    if (current_too && vf->current && vf->current != &vf->reset)
        return vf->current;
    return request == &vf->reset ? request->next : request;
}

/* Everything the leaving owner still waits for. With `current_too` also the one the PF driver holds. */
void vstack_cancel_all(struct vstack_vf *vf, NTSTATUS status, bool current_too)
{
    struct vstack_request *request;

    pthread_mutex_lock(&vf->lock);
    while ((request = first_of_owner(vf, current_too)) != NULL) {
        take_out(vf, request);
        vstack_callback_enter(vf);
        pthread_mutex_unlock(&vf->lock);
        deliver(request, status, NULL);
        vstack_callback_leave(vf);
        pthread_mutex_lock(&vf->lock);
    }
    pthread_mutex_unlock(&vf->lock);
}

/* Until no callback runs any more, and with `also_pf` until the PF driver holds nothing of this VF. */
void vstack_wait_quiet(struct vstack_vf *vf, bool also_pf)
{
    pthread_mutex_lock(&vf->lock);
    while (vf->calls || (also_pf && vf->busy))
        pthread_cond_wait(&vf->quiet, &vf->lock);
    pthread_mutex_unlock(&vf->lock);
}

/* RESET_VF for an owner that has left; one that is on its way already will do. */
void vstack_quiet_hardware(struct vstack_vf *vf)
{
    bool first = false;

    pthread_mutex_lock(&vf->lock);
    if (!vf->resetting && !atomic_load(&vf->stack->removed)) {
        vf->resetting = true;
        vf->reset.kind = VSTACK_RESET;
        vf->reset.vf = vf;
        first = begin(vf, &vf->reset);
    }
    pthread_mutex_unlock(&vf->lock);
    if (first)
        run(vf, NULL);
}
