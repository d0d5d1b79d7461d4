/* SPDX-License-Identifier: MIT
 *
 * A question and its answer between two processes: by spinning on shared memory, by futex, eventfd and socket. Between
 * rounds the partner sleeps, also the one that spins: the processors are the row's then.
 */
#include "bench.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Question and answer on a cache line each. */
struct shared {
    _Alignas(64) _Atomic uint32_t question;
    _Alignas(64) _Atomic uint32_t answer;
    _Alignas(64) _Atomic uint32_t awake; /* of a partner that spins */
};

struct manner {
    void (*run)(void *context, uint64_t count);
    void (*answer)(struct bench_pair *pair); /* in the partner, until it is killed */
    bool spins;
};

struct bench_pair {
    const struct manner *manner;
    struct shared *shared;
    int socket[2], event[2];
    uint32_t sequence;
    pid_t partner;
};

static void pause_a_moment(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static void futex_set(_Atomic uint32_t *word, uint32_t value)
{
    atomic_store(word, value);
    syscall(SYS_futex, word, FUTEX_WAKE, 1, NULL, NULL, 0);
}

static uint32_t futex_until_not(_Atomic uint32_t *word, uint32_t old)
{
    uint32_t now;
    while ((now = atomic_load(word)) == old)
        syscall(SYS_futex, word, FUTEX_WAIT, old, NULL, NULL, 0);
    return now;
}

/* ---- spinning --------------------------------------------------------------------------------------------------- */

static void answer_spin(struct bench_pair *pair)
{
    for (uint32_t seen = 0;;) {
        uint32_t now = atomic_load_explicit(&pair->shared->question, memory_order_acquire);
        if (now != seen) {
            seen = now;
            atomic_store_explicit(&pair->shared->answer, seen, memory_order_release);
        } else if (!atomic_load_explicit(&pair->shared->awake, memory_order_relaxed)) {
            futex_until_not(&pair->shared->awake, 0);
        } else {
            pause_a_moment();
        }
    }
}

static void run_spin(void *context, uint64_t count)
{
    struct bench_pair *pair = context;
    while (count-- > 0) {
        uint32_t before = pair->sequence++;
        atomic_store_explicit(&pair->shared->question, pair->sequence, memory_order_release);
        while (atomic_load_explicit(&pair->shared->answer, memory_order_acquire) == before)
            pause_a_moment();
    }
}

static void awake(void *context)
{
    futex_set(&((struct bench_pair *)context)->shared->awake, 1);
    run_spin(context, 1);
}

static void asleep(void *context)
{
    atomic_store(&((struct bench_pair *)context)->shared->awake, 0);
}

/* ---- through the kernel ----------------------------------------------------------------------------------------- */

static void answer_futex(struct bench_pair *pair)
{
    for (uint32_t seen = 0;;) {
        seen = futex_until_not(&pair->shared->question, seen);
        futex_set(&pair->shared->answer, seen);
    }
}

static void run_futex(void *context, uint64_t count)
{
    struct bench_pair *pair = context;
    while (count-- > 0) {
        uint32_t before = pair->sequence++;
        futex_set(&pair->shared->question, pair->sequence);
        futex_until_not(&pair->shared->answer, before);
    }
}

static void answer_event(struct bench_pair *pair)
{
    uint64_t word;
    while (read(pair->event[0], &word, sizeof(word)) == sizeof(word))
        if (write(pair->event[1], &word, sizeof(word)) != sizeof(word))
            return;
}

static void run_event(void *context, uint64_t count)
{
    struct bench_pair *pair = context;
    uint64_t word = 1;
    while (count-- > 0)
        if (write(pair->event[0], &word, sizeof(word)) != sizeof(word) ||
            read(pair->event[1], &word, sizeof(word)) != sizeof(word))
            return;
}

static void answer_socket(struct bench_pair *pair)
{
    uint32_t word;
    while (recv(pair->socket[1], &word, sizeof(word), 0) == sizeof(word))
        if (send(pair->socket[1], &word, sizeof(word), 0) != sizeof(word))
            return;
}

static void run_socket(void *context, uint64_t count)
{
    struct bench_pair *pair = context;
    while (count-- > 0) {
        uint32_t word = pair->sequence++;
        if (send(pair->socket[0], &word, sizeof(word), 0) != sizeof(word) ||
            recv(pair->socket[0], &word, sizeof(word), 0) != sizeof(word))
            return;
    }
}

static const struct manner manners[BENCH_ROWS] = {
    [ROW_SPIN] = {run_spin, answer_spin, true},
    [ROW_FUTEX] = {run_futex, answer_futex, false},
    [ROW_FUTEX_ONE] = {run_futex, answer_futex, false},
    [ROW_EVENTFD] = {run_event, answer_event, false},
    [ROW_EVENTFD_ONE] = {run_event, answer_event, false},
    [ROW_SOCKET] = {run_socket, answer_socket, false},
    [ROW_SOCKET_ONE] = {run_socket, answer_socket, false},
};

/* ---- the pair ---------------------------------------------------------------------------------------------------- */

static bool open_ways(struct bench_pair *pair)
{
    pair->shared = mmap(NULL, sizeof(*pair->shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (unsigned i = 0; i < 2; i++)
        pair->event[i] = eventfd(0, EFD_CLOEXEC);
    return socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair->socket) == 0 && pair->shared != MAP_FAILED &&
           pair->event[0] >= 0 && pair->event[1] >= 0;
}

static void close_ways(struct bench_pair *pair)
{
    if (pair->shared != MAP_FAILED)
        munmap(pair->shared, sizeof(*pair->shared));
    for (unsigned i = 0; i < 2; i++) {
        if (pair->event[i] >= 0)
            close(pair->event[i]);
        if (pair->socket[i] >= 0)
            close(pair->socket[i]);
    }
}

struct bench_pair *bench_pair_start(enum bench_row_id floor, unsigned processor)
{
    struct bench_pair *pair = calloc(1, sizeof(*pair));
    pid_t parent = getpid();
    if (!pair)
        return NULL;
    pair->manner = &manners[floor];
    pair->socket[0] = pair->socket[1] = -1;
    if (open_ways(pair) && (pair->partner = fork()) >= 0) {
        if (pair->partner > 0) {
            bench_ours(pair->partner);
            return pair;
        }
        bench_end_with(parent);
        bench_pin(processor);
        pair->manner->answer(pair);
        _exit(0);
    }
    close_ways(pair);
    free(pair);
    return NULL;
}

struct bench_op bench_pair_op(struct bench_pair *pair)
{
    bool spins = pair->manner->spins;
    return (struct bench_op){pair->manner->run, pair, spins ? awake : NULL, spins ? asleep : NULL};
}

void bench_pair_stop(struct bench_pair *pair)
{
    if (!pair)
        return;
    kill(pair->partner, SIGKILL);
    waitpid(pair->partner, NULL, 0);
    close_ways(pair);
    free(pair);
}
