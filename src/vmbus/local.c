/* SPDX-License-Identifier: MIT
 *
 * The transport that is memory alone: both ends in one process, the guest's driven by calls.
 *
 * The guest's calls queue what the host's worker takes one by one in vmbus_host_control; `socket` is an eventfd that is
 * readable while something is queued. Ring memory is given back when the worker comes once more after it was told of
 * the close: by then it has let go of what it still held.
 */
#include "vmbus/control.h"
#include "vmbus/vmbus.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum step { OPENED = 1, CLOSED = 2, SETTLED = 4, LEFT = 8 };

struct vmbus_local {
    struct vmbus_host base;
    struct vmbus_local_events events;
    pthread_mutex_t lock;
    unsigned steps; /* under lock: enum step, not taken yet */
    bool left;      /* under lock */
    void *rings;    /* under lock; NULL: closed and settled */
    bool open;      /* the guest's: between open and close */
    uint32_t split; /* pages to the host */
    uint32_t pages;
    struct vmbus_ring host_in, host_out, guest_in, guest_out;
};

static struct vmbus_local *local_of(struct vmbus_host *host)
{
    return (struct vmbus_local *)host;
}

struct vmbus_host *vmbus_local_host(struct vmbus_local *local)
{
    return &local->base;
}

static void tell(void (*event)(void *context), void *context)
{
    if (event)
        event(context);
}

/* ---- the host's side -------------------------------------------------------------------------------------------- */

static void local_destroy(struct vmbus_host *host)
{
    struct vmbus_local *local = local_of(host);
    tell(local->events.destroyed, local->events.context);
    if (host->socket >= 0)
        close(host->socket);
    if (host->kick >= 0)
        close(host->kick);
    pthread_mutex_destroy(&local->lock);
    free(local->rings);
    free(host->window);
    free(local);
}

/* One step, in the order in which they can have happened; `more` says that others wait. */
static unsigned take_step(struct vmbus_local *local, bool *more)
{
    pthread_mutex_lock(&local->lock);
    unsigned step = local->steps & -local->steps;
    local->steps &= ~step;
    if (step == CLOSED)
        local->steps |= SETTLED;
    *more = local->steps;
    if (!step && local->left)
        step = LEFT;
    pthread_mutex_unlock(&local->lock);
    return step;
}

static void attach(struct vmbus_local *local)
{
    uint8_t *to_guest = (uint8_t *)local->rings + (size_t)local->split * VMBUS_PAGE;
    vmbus_ring_attach(&local->host_in, local->rings, local->split, VMBUS_CONSUMER);
    vmbus_ring_attach(&local->host_out, to_guest, local->pages - local->split, VMBUS_PRODUCER);
    local->base.in = &local->host_in;
    local->base.out = &local->host_out;
}

static void settle(struct vmbus_local *local)
{
    pthread_mutex_lock(&local->lock);
    free(local->rings);
    local->rings = NULL;
    pthread_mutex_unlock(&local->lock);
    tell(local->events.settled, local->events.context);
}

static enum vmbus_event local_control(struct vmbus_host *host)
{
    struct vmbus_local *local = local_of(host);
    bool more;
    vmbus_kick_clear(host->socket);
    unsigned step = take_step(local, &more);
    if (more)
        vmbus_kick_raise(host->socket);
    switch (step) {
    case OPENED:
        attach(local);
        return VMBUS_OPENED;
    case CLOSED:
        host->in = host->out = NULL;
        return VMBUS_CLOSED;
    case SETTLED:
        settle(local);
        return VMBUS_NOTHING;
    case LEFT:
        return VMBUS_GONE;
    default:
        return VMBUS_NOTHING;
    }
}

static void local_kick_clear(struct vmbus_host *host)
{
    vmbus_kick_clear(host->kick);
}

static void local_signal(struct vmbus_host *host)
{
    struct vmbus_local *local = local_of(host);
    tell(local->events.signalled, local->events.context);
}

static void local_rescind(struct vmbus_host *host)
{
    struct vmbus_local *local = local_of(host);
    tell(local->events.rescinded, local->events.context);
}

static const struct vmbus_transport local_memory = {
    .name = "memory",
    .destroy = local_destroy,
    .control = local_control,
    .kick_clear = local_kick_clear,
    .signal = local_signal,
    .rescind = local_rescind,
};

int vmbus_local_create(uint32_t window_pages, const struct vmbus_local_events *events, struct vmbus_local **result)
{
    static const struct vmbus_local_events none;
    if (!window_pages)
        return -EINVAL;
    struct vmbus_local *local = calloc(1, sizeof *local);
    if (!local)
        return -ENOMEM;
    local->base.ops = &local_memory;
    pthread_mutex_init(&local->lock, NULL);
    local->base.window = aligned_alloc(VMBUS_PAGE, (size_t)window_pages * VMBUS_PAGE);
    local->base.socket = vmbus_kick_create();
    local->base.kick = vmbus_kick_create();
    if (!local->base.window || local->base.socket < 0 || local->base.kick < 0) {
        local_destroy(&local->base);
        return -ENOMEM;
    }
    memset(local->base.window, 0, (size_t)window_pages * VMBUS_PAGE);
    local->events = events ? *events : none;
    *result = local;
    return 0;
}

/* ---- the guest's side ------------------------------------------------------------------------------------------- */

/* Under lock. */
static void queue(struct vmbus_local *local, unsigned step)
{
    local->steps |= step;
    vmbus_kick_raise(local->base.socket);
}

static void attach_guest(struct vmbus_local *local, uint32_t to_host_pages)
{
    uint8_t *to_guest = (uint8_t *)local->rings + (size_t)to_host_pages * VMBUS_PAGE;
    local->split = to_host_pages;
    vmbus_ring_attach(&local->guest_out, local->rings, to_host_pages, VMBUS_PRODUCER);
    vmbus_ring_attach(&local->guest_in, to_guest, local->pages - to_host_pages, VMBUS_CONSUMER);
    local->guest_out.header->features = VMBUS_RING_FEATURE;
    local->guest_in.header->features = VMBUS_RING_FEATURE;
    local->open = true;
}

int vmbus_local_open(struct vmbus_local *local, uint32_t to_host_pages, uint32_t to_guest_pages)
{
    int error = 0;
    if (to_host_pages < 2 || to_guest_pages < 2 || (uint64_t)to_host_pages + to_guest_pages > VMBUS_GPADL_PAGES_MAX)
        return -EINVAL;
    pthread_mutex_lock(&local->lock);
    if (local->left)
        error = -EPIPE;
    else if (local->rings)
        error = -EBUSY;
    else if (!(local->rings = calloc(to_host_pages + to_guest_pages, VMBUS_PAGE)))
        error = -ENOMEM;
    if (!error) {
        local->pages = to_host_pages + to_guest_pages;
        attach_guest(local, to_host_pages);
        queue(local, OPENED);
    }
    pthread_mutex_unlock(&local->lock);
    return error;
}

struct vmbus_ring *vmbus_local_in(struct vmbus_local *local)
{
    return local->open ? &local->guest_in : NULL;
}

struct vmbus_ring *vmbus_local_out(struct vmbus_local *local)
{
    return local->open ? &local->guest_out : NULL;
}

void vmbus_local_kick(struct vmbus_local *local)
{
    vmbus_kick_raise(local->base.kick);
}

void vmbus_local_close(struct vmbus_local *local)
{
    if (!local->open)
        return;
    local->open = false;
    pthread_mutex_lock(&local->lock);
    queue(local, CLOSED);
    pthread_mutex_unlock(&local->lock);
}

void vmbus_local_leave(struct vmbus_local *local, const char *reason)
{
    local->open = false;
    pthread_mutex_lock(&local->lock);
    if (!local->left) {
        local->left = true;
        local->base.reason = reason;
        queue(local, LEFT);
    }
    pthread_mutex_unlock(&local->lock);
}
