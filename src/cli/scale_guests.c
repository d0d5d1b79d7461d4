/* SPDX-License-Identifier: MIT
 *
 * What a host costs that has 1 to 256 guests, each a process with the reference VF driver: all start, then all write to
 * their VF as fast as they can, then all end.
 */
#include "cli/scale.h"

#include <linux/futex.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <vfplane/guest.h>

#define GUESTS_MOST 256u
#define WORK_MS     400u /* and for each guest, since they share processors a time slice each: */
#define WORK_EACH   4u
#define WORK_QUICK  20u
#define READY_MS    120000u
#define COMMAND     0x04u

/* Guests work twice: where the kernel puts them, and all on the second processor with the host on the first. */
enum step { STARTING, WORKING, PINNED, ENDING };

struct board {
    _Atomic uint32_t step, ready, failed;
    _Atomic uint64_t done[ENDING], memory; /* of all guests: requests of each step, bytes */
};

static void sleep_ms(unsigned ms)
{
    struct timespec time = {.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000L};
    nanosleep(&time, NULL);
}

static void take_step(struct board *board, enum step step)
{
    atomic_store(&board->step, step);
    syscall(SYS_futex, &board->step, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static void wait_while(struct board *board, enum step step)
{
    while (atomic_load(&board->step) == step)
        syscall(SYS_futex, &board->step, FUTEX_WAIT, step, NULL, NULL, 0);
}

/* ---- a guest ----------------------------------------------------------------------------------------------------- */

static void work_while(struct vfp_guest *guest, struct board *board, enum step step)
{
    uint64_t done = 0;
    for (; atomic_load_explicit(&board->step, memory_order_relaxed) == step; done++)
        vfp_guest_config_write(guest, 0, COMMAND, 2, done & 1 ? 6 : 2);
    atomic_fetch_add(&board->done[step], done);
}

static void work(struct vfp_guest *guest, struct board *board)
{
    atomic_fetch_add(&board->memory, (uint64_t)scale_resident_bytes());
    atomic_fetch_add(&board->ready, 1);
    wait_while(board, STARTING);
    work_while(guest, board, WORKING);
    if (scale_pin(1))
        work_while(guest, board, PINNED);
    while (atomic_load(&board->step) != ENDING)
        wait_while(board, PINNED);
}

static _Noreturn void be_guest(const struct scale *scale, struct board *board, unsigned number, int socket, pid_t host)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != host)
        _exit(EXIT_WRONG); /* it ended before that */
    struct vfp_guest *guest =
        vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = (uint16_t)number});
    if (guest && vfp_guest_connect(guest, socket) == 0 && vfp_guest_start(guest, scale->vf_driver) == 0)
        work(guest, board);
    else
        atomic_fetch_add(&board->failed, 1);
    vfp_guest_destroy(guest);
    _exit(0);
}

/* ---- their host -------------------------------------------------------------------------------------------------- */

struct crowd {
    struct board *board;
    unsigned guests, forked;
    pid_t pid[GUESTS_MOST];
    int socket[GUESTS_MOST]; /* -1: its channel's */
};

/* The host's ends of those that have no channel. */
static void close_sockets(const struct crowd *crowd, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (crowd->socket[i] >= 0)
            close(crowd->socket[i]);
}

/* Before the host has threads. */
static bool fork_guests(const struct scale *scale, struct crowd *crowd)
{
    for (; crowd->forked < crowd->guests; crowd->forked++) {
        int ends[2];
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            return false;
        crowd->socket[crowd->forked] = ends[0];
        pid_t host = getpid(), pid = fork();
        if (pid == 0) {
            close_sockets(crowd, crowd->forked + 1); /* else the host's ends outlive the host's closing them */
            be_guest(scale, crowd->board, crowd->forked + 1, ends[1], host);
        }
        close(ends[1]);
        crowd->pid[crowd->forked] = pid;
        if (pid < 0)
            return false;
    }
    return true;
}

static bool attach_guests(struct crowd *crowd, struct vfp_host *host, struct vfp_adapter *adapter,
                          struct scale_point *point)
{
    for (unsigned i = 0; i < crowd->guests; i++) {
        struct vfp_vf *vf;
        struct vfp_channel *channel;
        if (vfp_vf_allocate(adapter, &vf) == 0 &&
            vfp_channel_attach(vf, crowd->socket[i], "guest", NULL, NULL, &channel) == 0) {
            crowd->socket[i] = -1;
            continue;
        }
        snprintf(point->why, sizeof(point->why), "%s", vfp_host_error(host));
        return false;
    }
    for (unsigned ms = 0; ms < READY_MS && atomic_load(&crowd->board->ready) < crowd->guests; ms++) {
        if (atomic_load(&crowd->board->failed))
            break;
        sleep_ms(1);
    }
    if (atomic_load(&crowd->board->ready) == crowd->guests)
        return true;
    snprintf(point->why, sizeof(point->why), "a guest did not start");
    return false;
}

/* Nanoseconds that the step took. */
static double let_work(const struct scale *scale, struct crowd *crowd, enum step step)
{
    double start = scale_now_ns();
    take_step(crowd->board, step);
    sleep_ms(scale->quick ? WORK_QUICK : WORK_MS + WORK_EACH * crowd->guests);
    return scale_now_ns() - start;
}

static double each(double ns, uint64_t count)
{
    return count ? ns / (double)count : 0;
}

/* Who was given no channel learns that none will come, and does not wait for it. */
static void end_guests(struct crowd *crowd)
{
    take_step(crowd->board, ENDING);
    close_sockets(crowd, crowd->forked);
    for (unsigned i = 0; i < crowd->forked; i++)
        waitpid(crowd->pid[i], NULL, 0);
}

static void serve(const struct scale *scale, struct crowd *crowd, struct scale_point *point)
{
    char card[] = "/tmp/vfplane-scale-XXXXXX";
    struct vfp_host *host = NULL;
    struct vfp_adapter *adapter;
    bool written = scale_card(card, crowd->guests);
    double start = scale_now_ns(), memory = scale_resident_bytes(), free_ns = 0, pinned_ns = 0;
    if (!written)
        snprintf(point->why, sizeof(point->why), "no card");
    else if (scale_host(scale, card, crowd->guests, &host, &adapter, point) &&
             attach_guests(crowd, host, adapter, point)) {
        point->value[SCALE_START_NS] = scale_now_ns() - start;
        free_ns = let_work(scale, crowd, WORKING);
        scale_pin(0);
        pinned_ns = let_work(scale, crowd, PINNED);
        point->value[SCALE_BYTES] = (scale_resident_bytes() - memory) / crowd->guests;
    }
    start = scale_now_ns();
    end_guests(crowd);
    vfp_host_destroy(host);
    point->value[SCALE_STOP_NS] = scale_now_ns() - start;
    point->value[SCALE_OP_NS] = each(free_ns, atomic_load(&crowd->board->done[WORKING]));
    point->value[SCALE_PINNED_NS] = each(pinned_ns, atomic_load(&crowd->board->done[PINNED]));
    point->value[SCALE_OWN_BYTES] = (double)atomic_load(&crowd->board->memory) / crowd->guests;
    unlink(card);
}

void scale_guests(const struct scale *scale, unsigned guests, struct scale_point *point)
{
    static struct crowd crowd;
    crowd.guests = guests;
    crowd.board = mmap(NULL, sizeof(*crowd.board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crowd.board == MAP_FAILED || !fork_guests(scale, &crowd)) {
        snprintf(point->why, sizeof(point->why), "no processes");
        return; /* those that were made end with this one */
    }
    serve(scale, &crowd, point);
}
