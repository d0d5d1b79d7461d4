/* SPDX-License-Identifier: MIT
 *
 * Many busy guests of one host, beside one guest of another: each is a process with a VF driver on the second
 * processor, each host serves with one thread on the first. They take turns: the one, then all of the others.
 */
#include "bench.h"

#include <linux/futex.h>
#include <limits.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <vfplane/guest.h>

#include "guest_driver.h"
#include "host.h"

#define MANY     64u
#define GUESTS   (MANY + 1) /* the last is alone with its host */
#define LONE     MANY
#define ROUNDS   8u
#define LONE_NS  150000000u
#define ALL_NS   600000000u
#define READY_MS 20000u
#define QUICK_NS 20000000u
#define FEW      2u /* of a quick run */

enum whose { NOBODY, LONE_GUEST, MANY_GUESTS, STOP };

struct board {
    _Atomic uint32_t turn; /* counts */
    _Atomic uint32_t whose, ready, finished;
    _Atomic uint64_t count[GUESTS];
};

static struct {
    struct board *board;
    unsigned number;
} me;

/* ---- a guest ----------------------------------------------------------------------------------------------------- */

static void next(struct board *board, enum whose whose)
{
    atomic_store(&board->whose, whose);
    atomic_fetch_add(&board->turn, 1);
    syscall(SYS_futex, &board->turn, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static uint32_t turn_after(struct board *board, uint32_t last)
{
    uint32_t turn;
    while ((turn = atomic_load(&board->turn)) == last)
        syscall(SYS_futex, &board->turn, FUTEX_WAIT, last, NULL, NULL, 0);
    return turn;
}

bool bench_in_one_of_many(const struct bench_guest_driver *driver)
{
    struct board *board = me.board;
    if (!board)
        return false;
    uint32_t turn = 0, mine = me.number == LONE ? LONE_GUEST : MANY_GUESTS;
    atomic_fetch_add(&board->ready, 1);
    while (atomic_load(&board->whose) != STOP) {
        uint64_t count = 0;
        turn = turn_after(board, turn);
        if (atomic_load(&board->whose) != mine)
            continue;
        for (; atomic_load_explicit(&board->turn, memory_order_relaxed) == turn; count++)
            driver->set_bus_data(driver->adapter, count & 1 ? 4 : 0);
        atomic_fetch_add(&board->count[me.number], count);
        atomic_fetch_add(&board->finished, 1);
    }
    return true;
}

static _Noreturn void be_guest(struct board *board, unsigned number, int socket)
{
    bench_pin(1);
    me.board = board;
    me.number = number;
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    if (guest && vfp_guest_connect(guest, socket) == 0)
        vfp_guest_start(guest, BENCH_GUEST_DRIVER); /* is in bench_in_one_of_many, and declines */
    vfp_guest_destroy(guest);
    _exit(0);
}

/* ---- the hosts --------------------------------------------------------------------------------------------------- */

struct crowd {
    struct board *board;
    struct bench_host many, lone;
    pid_t pid[GUESTS];
    int socket[GUESTS];
    unsigned guests; /* of the many */
};

/* The numbers of those that take part: the many, and the lone one. */
static bool takes_part(const struct crowd *crowd, unsigned number)
{
    return number < crowd->guests || number == LONE;
}

static bool fork_guests(struct crowd *crowd)
{
    pid_t host = getpid();
    for (unsigned i = 0; i < GUESTS; i++) {
        int ends[2];
        if (!takes_part(crowd, i))
            continue;
        if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0)
            return false;
        crowd->pid[i] = fork();
        if (crowd->pid[i] == 0) {
            bench_end_with(host);
            be_guest(crowd->board, i, ends[1]);
        }
        close(ends[1]);
        crowd->socket[i] = ends[0];
        if (crowd->pid[i] < 0)
            return false;
        bench_ours(crowd->pid[i]);
    }
    return true;
}

static bool attach_guests(struct crowd *crowd)
{
    for (unsigned i = 0; i < GUESTS; i++)
        if (takes_part(crowd, i) && !bench_host_attach(i == LONE ? &crowd->lone : &crowd->many, crowd->socket[i]))
            return false;
    for (unsigned ms = 0; ms < READY_MS && atomic_load(&crowd->board->ready) <= crowd->guests; ms++)
        bench_sleep_ms(1);
    return atomic_load(&crowd->board->ready) == crowd->guests + 1;
}

static uint64_t total(const struct board *board)
{
    uint64_t sum = 0;
    for (unsigned i = 0; i < GUESTS; i++)
        sum += atomic_load(&board->count[i]);
    return sum;
}

/* Nanoseconds of a request while these guests have their turn. */
static double take_turn(struct board *board, enum whose whose, unsigned guests, uint64_t ns)
{
    uint64_t before = total(board), start = bench_machine->now_ns();
    atomic_store(&board->finished, 0);
    next(board, whose);
    bench_sleep_ms((unsigned)(ns / 1000000));
    next(board, NOBODY);
    for (unsigned ms = 0; ms < READY_MS && atomic_load(&board->finished) < guests; ms++)
        bench_sleep_ms(1);
    uint64_t done = total(board) - before;
    return (double)(bench_machine->now_ns() - start) / (double)(done ? done : 1);
}

static double mean_to_slowest(const struct crowd *crowd)
{
    uint64_t sum = 0, least = UINT64_MAX;
    for (unsigned i = 0; i < crowd->guests; i++) {
        uint64_t count = atomic_load(&crowd->board->count[i]);
        sum += count;
        least = count < least ? count : least;
    }
    return (double)sum / crowd->guests / (double)(least ? least : 1);
}

static void take_turns(struct bench_table *table, struct crowd *crowd)
{
    double one[ROUNDS], all[ROUNDS], floor[ROUNDS], slowest;
    unsigned rounds = table->quick ? 2 : ROUNDS;
    struct bench_watch watch;
    bench_watch_start(&watch, 2);
    for (unsigned i = 0; i < rounds; i++) {
        floor[i] = one[i] = take_turn(crowd->board, LONE_GUEST, 1, table->quick ? QUICK_NS : LONE_NS);
        all[i] = take_turn(crowd->board, MANY_GUESTS, crowd->guests, table->quick ? QUICK_NS : ALL_NS);
    }
    double taken = bench_watch_end(&watch);
    bench_pairs(table, ROW_ALL_GUESTS, all, floor, rounds, taken);
    bench_values(table, ROW_ONE_GUEST, one, rounds, taken);
    slowest = mean_to_slowest(crowd);
    bench_values(table, ROW_SLOWEST_GUEST, &slowest, 1, taken);
}

static void end_guests(struct crowd *crowd)
{
    next(crowd->board, STOP);
    for (unsigned i = 0; i < GUESTS; i++)
        if (crowd->pid[i] > 0)
            waitpid(crowd->pid[i], NULL, 0);
}

static const char *measure(struct bench_table *table, struct crowd *crowd)
{
    const char *why = "not all guests came";
    if (!fork_guests(crowd))
        return "no processes";
    if (!bench_host_open_many(&crowd->many, VFP_COUNT, MANY))
        return crowd->many.why;
    if (!bench_host_open_many(&crowd->lone, VFP_COUNT, 1)) {
        bench_host_close(&crowd->many);
        return crowd->lone.why;
    }
    if (attach_guests(crowd)) {
        take_turns(table, crowd);
        why = NULL;
    }
    end_guests(crowd);
    bench_host_close(&crowd->many);
    bench_host_close(&crowd->lone);
    return why;
}

void bench_many(struct bench_table *table)
{
    static struct crowd crowd;
    if (!bench_two_processors()) {
        bench_skipped(table, ROW_ALL_GUESTS, "there is one processor");
        return;
    }
    crowd = (struct crowd){.guests = table->quick ? FEW : MANY};
    crowd.board = mmap(NULL, sizeof(*crowd.board), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (crowd.board == MAP_FAILED)
        return bench_failed(table, ROW_ALL_GUESTS, "no shared memory");
    const char *why = measure(table, &crowd);
    for (unsigned i = 0; why && i < GUESTS; i++)
        if (crowd.pid[i] > 0)
            kill(crowd.pid[i], SIGKILL);
    if (why)
        bench_failed(table, ROW_ALL_GUESTS, why);
    munmap(crowd.board, sizeof(*crowd.board));
}
