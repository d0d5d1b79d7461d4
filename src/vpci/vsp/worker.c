/* SPDX-License-Identifier: MIT
 *
 * Worker threads. A worker polls the channels that are awake, round after round; one that had nothing to do for as
 * long as spinning has paid lately arms its wake-ups and sleeps until its eventfd, its socket or a posting wakes it.
 * With nobody awake the worker sleeps in epoll.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#define EVENTS           64
#define ROUNDS_PER_EPOLL 256u /* while somebody is awake, the sleepers are looked after this often */

static _Thread_local struct vsp_worker *current;

bool vsp_on_worker(const struct vsp_channel *channel)
{
    return current == channel->worker;
}

uint64_t vsp_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

void vsp_deadline(struct vsp_channel *channel, uint64_t when)
{
    if (when < channel->worker->next_deadline)
        channel->worker->next_deadline = when;
}

/* ---- posting ------------------------------------------------------------------------------------------------ */

static void attend(struct vsp_worker *worker)
{
    const uint64_t one = 1;
    ssize_t written;
    atomic_store(&worker->attention, true);
    if (current == worker)
        return;
    do
        written = write(worker->wake, &one, sizeof(one));
    while (written < 0 && errno == EINTR); /* else it is full: the worker is awake */
}

static void make_ready(struct vsp_channel *channel)
{
    struct vsp_worker *worker = channel->worker;

    pthread_mutex_lock(&worker->lock);
    channel->next_ready = worker->ready;
    worker->ready = channel;
    attend(worker);
    pthread_mutex_unlock(&worker->lock);
}

void vsp_start(struct vsp_channel *channel)
{
    make_ready(channel);
}

void vsp_post(struct vsp_channel *channel, unsigned what)
{
    if (atomic_fetch_or(&channel->posted, what) == 0)
        make_ready(channel);
}

/* ---- the channels of a worker ------------------------------------------------------------------------------- */

static bool watch(struct vsp_channel *channel)
{
    struct epoll_event socket = {.events = EPOLLIN, .data.ptr = channel};
    struct epoll_event kick = {.events = EPOLLIN | EPOLLET, .data.u64 = (uintptr_t)channel | 1};
    int epoll = channel->worker->epoll;
    return epoll_ctl(epoll, EPOLL_CTL_ADD, vmbus_host_socket(channel->host), &socket) == 0 &&
           epoll_ctl(epoll, EPOLL_CTL_ADD, vmbus_host_kick_fd(channel->host), &kick) == 0;
}

void vsp_unwatch(struct vsp_channel *channel)
{
    epoll_ctl(channel->worker->epoll, EPOLL_CTL_DEL, vmbus_host_socket(channel->host), NULL);
    epoll_ctl(channel->worker->epoll, EPOLL_CTL_DEL, vmbus_host_kick_fd(channel->host), NULL);
}

static void enter(struct vsp_worker *worker, struct vsp_channel *channel)
{
    channel->next = worker->channels;
    if (channel->next)
        channel->next->previous = channel;
    worker->channels = channel;
    vsp_channel_awake(channel);
    if (!watch(channel))
        vsp_end(channel, false, "the host has no room to watch the channel");
}

static void leave(struct vsp_worker *worker, struct vsp_channel *channel)
{
    struct vsp_channel **at;

    for (at = &worker->awake; *at; at = &(*at)->next_awake) {
        if (*at == channel) {
            *at = channel->next_awake;
            break;
        }
    }
    if (channel->previous)
        channel->previous->next = channel->next;
    else
        worker->channels = channel->next;
    if (channel->next)
        channel->next->previous = channel->previous;
}

/* What was posted while it ended is of no use. Nothing is posted any more: the VF is detached, the offer taken back. */
static void unready(struct vsp_worker *worker, struct vsp_channel *channel)
{
    struct vsp_channel **at;

    pthread_mutex_lock(&worker->lock);
    for (at = &worker->ready; *at; at = &(*at)->next_ready) {
        if (*at == channel) {
            *at = channel->next_ready;
            break;
        }
    }
    pthread_mutex_unlock(&worker->lock);
}

/* After this the channel may be freed by who asked for its removal. */
static void farewell(struct vsp_channel *channel)
{
    pthread_mutex_lock(&channel->lock);
    channel->removed = true;
    pthread_cond_signal(&channel->removed_cond);
    pthread_mutex_unlock(&channel->lock);
}

static void serve_posted(struct vsp_worker *worker, struct vsp_channel *channel)
{
    unsigned what = atomic_exchange(&channel->posted, 0);

    if (what & VSP_POST_START)
        enter(worker, channel);
    vsp_channel_posted(channel, what);
    if (what & VSP_POST_REMOVE) {
        if (!channel->gone)
            vsp_unwatch(channel);
        leave(worker, channel);
        unready(worker, channel);
        farewell(channel);
    } else {
        vsp_channel_awake(channel);
    }
}

/* The ready list; false: the worker is to stop. A channel is off the list before its bits are taken, so that a bit set
 * meanwhile puts it on again. */
static bool serve_ready(struct vsp_worker *worker)
{
    if (!atomic_load(&worker->attention) || !atomic_exchange(&worker->attention, false))
        return true;
    for (;;) {
        struct vsp_channel *channel;
        bool stop;
        pthread_mutex_lock(&worker->lock);
        channel = worker->ready;
        if (channel)
            worker->ready = channel->next_ready;
        stop = worker->stop;
        pthread_mutex_unlock(&worker->lock);
        if (!channel)
            return !stop;
        serve_posted(worker, channel);
    }
}

/* ---- the loop ----------------------------------------------------------------------------------------------- */

static void serve_events(struct vsp_worker *worker, int timeout_ms)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(worker->epoll, events, EVENTS, timeout_ms);

    for (int i = 0; i < count; i++) {
        struct vsp_channel *channel = (void *)(uintptr_t)(events[i].data.u64 & ~(uint64_t)1);
        uint64_t ignored;
        if (!channel) {
            if (read(worker->wake, &ignored, sizeof(ignored)) < 0)
                continue;
        } else if (events[i].data.u64 & 1) {
            vsp_channel_awake(channel);
        } else {
            vsp_channel_control(channel);
        }
    }
}

static void serve_timers(struct vsp_worker *worker)
{
    uint64_t now;

    if (worker->next_deadline == UINT64_MAX || (now = vsp_now()) < worker->next_deadline)
        return;
    worker->next_deadline = UINT64_MAX;
    for (struct vsp_channel *channel = worker->channels; channel; channel = channel->next)
        vsp_channel_timers(channel, now);
}

static int sleep_ms(struct vsp_worker *worker)
{
    uint64_t now;

    if (worker->next_deadline == UINT64_MAX)
        return -1;
    now = vsp_now();
    if (now >= worker->next_deadline)
        return 0;
    uint64_t left = (worker->next_deadline - now) / 1000000 + 1;
    return left > 60000 ? 60000 : (int)left;
}

/* One round of one channel; false: it went to sleep. */
static bool serve_channel(struct vsp_channel *channel, unsigned limit)
{
    if (vsp_channel_pump(channel)) {
        if (channel->idle)
            vmbus_spin_ended(&channel->spin, true);
        channel->idle = 0;
        return true;
    }
    if (channel->idle++ < vmbus_spin_rounds(&channel->spin, limit) || !vsp_channel_sleeps(channel))
        return true;
    vmbus_spin_ended(&channel->spin, false);
    channel->awake = false;
    return false;
}

/* One round over those awake; false: everybody sleeps. */
static bool serve_awake(struct vsp_worker *worker)
{
    unsigned limit = atomic_load_explicit(&worker->vsp->spin, memory_order_relaxed);
    struct vsp_channel **at = &worker->awake;

    while (*at) {
        if (serve_channel(*at, limit))
            at = &(*at)->next_awake;
        else
            *at = (*at)->next_awake;
    }
    return worker->awake;
}

static void *worker_main(void *context)
{
    struct vsp_worker *worker = context;
    unsigned round = 0;

    current = worker;
    nt_enter(worker->vsp->partition);
    while (serve_ready(worker)) {
        bool busy = serve_awake(worker);
        serve_timers(worker);
        if (atomic_load(&worker->attention))
            continue;
        if (!busy)
            serve_events(worker, sleep_ms(worker));
        else if (++round % ROUNDS_PER_EPOLL == 0)
            serve_events(worker, 0);
        else
            vmbus_pause();
    }
    nt_enter(NULL);
    return NULL;
}

bool vsp_worker_start(struct vsp_worker *worker, struct vsp_group *group, struct vsp *vsp)
{
    struct epoll_event wake = {.events = EPOLLIN, .data.u64 = 0};

    worker->vsp = vsp;
    worker->group = group;
    worker->next_deadline = UINT64_MAX;
    pthread_mutex_init(&worker->lock, NULL);
    worker->epoll = epoll_create1(EPOLL_CLOEXEC);
    worker->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (worker->epoll >= 0 && worker->wake >= 0 && epoll_ctl(worker->epoll, EPOLL_CTL_ADD, worker->wake, &wake) == 0 &&
        pthread_create(&worker->thread, NULL, worker_main, worker) == 0)
        return true;
    if (worker->epoll >= 0)
        close(worker->epoll);
    if (worker->wake >= 0)
        close(worker->wake);
    pthread_mutex_destroy(&worker->lock);
    return false;
}

void vsp_worker_stop(struct vsp_worker *worker)
{
    pthread_mutex_lock(&worker->lock);
    worker->stop = true;
    attend(worker);
    pthread_mutex_unlock(&worker->lock);
    pthread_join(worker->thread, NULL);
    close(worker->epoll);
    close(worker->wake);
    pthread_mutex_destroy(&worker->lock);
}
