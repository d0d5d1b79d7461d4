/* SPDX-License-Identifier: MIT
 *
 * The line before a PF driver of the generic road: first come, first served. An idle PF driver is called on the
 * caller's thread; who comes while it is busy, or above PASSIVE_LEVEL, leaves a note, and a worker serves the notes.
 */
#include "vstack/generic_road.h"

/* generic->lock held. */
static void append(struct vstack_generic *generic, struct vstack_turn *turn)
{
    turn->next = NULL;
    if (generic->head)
        generic->tail->next = turn;
    else
        generic->head = turn;
    generic->tail = turn;
}

/* The next in line; NULL: there is none, and it is nobody's turn. */
static struct vstack_turn *next(struct vstack_generic *generic)
{
    struct vstack_turn *turn;

    pthread_mutex_lock(&generic->lock);
    turn = generic->head;
    if (turn)
        generic->head = turn->next;
    else
        generic->busy = false;
    pthread_mutex_unlock(&generic->lock);
    return turn;
}

static void grant(struct vstack_generic *generic, struct vstack_turn *turn)
{
    pthread_mutex_lock(&generic->lock);
    turn->granted = true;
    pthread_cond_broadcast(&generic->changed);
    pthread_mutex_unlock(&generic->lock);
}

/* Until the line is empty or somebody's turn it is who waits for it himself. After that the road may be gone. */
static void serve(PDEVICE_OBJECT device, PVOID context)
{
    struct vstack_generic *generic = context;
    struct vstack_turn *turn;

    (void)device;
    while ((turn = next(generic)) != NULL) {
        struct vstack_vf *vf = turn->vf;
        if (!vf) {
            grant(generic, turn);
            return;
        }
        TRACE_DOOR(span, "vstack", "next turn", "VF %u", vf->id);
        TRACE_UNDER(span, vf->parent);
        NDIS_STATUS status = vstack_generic_call(vf);
        TRACE_DONE(span, "%s", ndis_status_name(status));
        vstack_request_back(vf, status);
    }
}

static void start_worker(struct vstack_generic *generic)
{
    struct nt_partition *before = nt_enter(generic->partition);
    IoQueueWorkItem(generic->server, serve, NormalWorkQueue, generic);
    nt_enter(before);
}

void vstack_gate_leave(struct vstack_generic *generic)
{
    bool more;

    pthread_mutex_lock(&generic->lock);
    more = generic->head != NULL;
    generic->busy = more;
    pthread_mutex_unlock(&generic->lock);
    if (more)
        start_worker(generic);
}

void vstack_gate_enter(struct vstack_generic *generic)
{
    struct vstack_turn turn = {0};

    pthread_mutex_lock(&generic->lock);
    if (generic->busy) {
        append(generic, &turn);
        while (!turn.granted)
            pthread_cond_wait(&generic->changed, &generic->lock);
    }
    generic->busy = true;
    pthread_mutex_unlock(&generic->lock);
}

NDIS_STATUS vstack_gate_send(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;
    bool idle, now;
    NDIS_STATUS status;

    vf->turn.vf = vf;
    pthread_mutex_lock(&generic->lock);
    idle = !generic->busy;
    now = idle && nt_irql == PASSIVE_LEVEL;
    generic->busy = true;
    if (!now)
        append(generic, &vf->turn);
    pthread_mutex_unlock(&generic->lock);
    if (!now && idle)
        start_worker(generic);
    if (!now)
        return NDIS_STATUS_PENDING;
    status = vstack_generic_call(vf);
    vstack_gate_leave(generic);
    return status;
}
