/* SPDX-License-Identifier: MIT
 *
 * The shipped worker.c, whose thread is a routine here and whose clock is a number.
 */
#include "vsp_rig.h"

#include <poll.h>
#include <time.h>

static uint64_t now_ns = 1000000000;

static int no_clock(clockid_t clock, struct timespec *now)
{
    (void)clock;
    now->tv_sec = (time_t)(now_ns / 1000000000u);
    now->tv_nsec = (long)(now_ns % 1000000000u);
    return 0;
}

static int no_thread(pthread_t *thread, void *(*run)(void *), void *worker);
static int no_join(void);

#define clock_gettime                                    no_clock
#define pthread_create(thread, attributes, run, context) no_thread(thread, run, context)
#define pthread_join(thread, result)                     no_join()
#include "../src/vpci/vsp/worker.c"
#undef clock_gettime
#undef pthread_create
#undef pthread_join

static struct vsp_worker *only;

static int no_thread(pthread_t *thread, void *(*run)(void *), void *worker)
{
    (void)thread, (void)run;
    MUST(!only);
    only = current = worker;
    return 0;
}

static int no_join(void)
{
    MUST(only && only->stop && !only->channels);
    only = NULL;
    return 0;
}

static bool has_events(void)
{
    struct pollfd epoll = {.fd = only->epoll, .events = POLLIN};
    return poll(&epoll, 1, 0) > 0;
}

static bool worker_round(void)
{
    if (!only || (!atomic_load(&only->attention) && !only->awake && !has_events()))
        return false;
    MUST(serve_ready(only));
    serve_awake(only);
    serve_timers(only);
    serve_events(only, 0);
    return true;
}

void vsp_rig_pass(uint64_t ns)
{
    now_ns += ns;
    if (only)
        serve_timers(only);
    one_thread_settle();
}

struct raw_host *vsp_rig_up(const struct fake_device *device, bool up, struct raw_guest **guest,
                            struct raw_guest **second)
{
    struct raw_host *host = raw_host_create(device);
    one_thread_round = worker_round;
    vsp_set_spin(host->vsp, 0);
    *guest = raw_guest_open(host, 1);
    *second = raw_guest_open(host, 2);
    vmbus_guest_set_spin((*guest)->guest, 0);
    vmbus_guest_set_spin((*second)->guest, 0);
    if (up)
        raw_up(*guest);
    raw_up(*second);
    return host;
}

void vsp_rig_down(struct raw_host *host, struct raw_guest *guest, struct raw_guest *second)
{
    MUST(raw_alive(second));
    raw_guest_destroy(guest);
    raw_guest_destroy(second);
    one_thread_round = NULL;
    raw_host_destroy(host);
    MUST(!only);
}
