/* SPDX-License-Identifier: MIT
 *
 * The floors. On one processor: what a checked, masked register write must do at least, alone, behind an interface
 * pointer, and behind an adapter that takes one request at a time. Between two processes: a question and its answer by
 * spinning on shared memory, by futex, and by socket.
 */
#include "bench.h"

#include <linux/futex.h>
#include <signal.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define DWORDS 1024u

/* ---- one processor ---------------------------------------------------------------------------------------------- */

struct registers {
    _Atomic uint32_t value[DWORDS];
    uint32_t writable[DWORDS];
    atomic_flag claimed;
    uint32_t (*write)(struct registers *registers, const void *buffer, uint32_t offset, uint32_t length);
};

__attribute__((noinline)) static uint32_t store(struct registers *registers, uint32_t offset, uint32_t value)
{
    uint32_t index = offset / 4;
    if (index >= DWORDS)
        return 0;
    uint32_t mask = registers->writable[index];
    uint32_t old = atomic_load_explicit(&registers->value[index], memory_order_relaxed);
    atomic_store_explicit(&registers->value[index], (old & ~mask) | (value & mask), memory_order_relaxed);
    return 4;
}

__attribute__((noinline)) static uint32_t store_buffer(struct registers *registers, const void *buffer, uint32_t offset,
                                                       uint32_t length)
{
    uint32_t value;
    if (length != sizeof(value))
        return 0;
    memcpy(&value, buffer, sizeof(value));
    return store(registers, offset, value);
}

static void run_store(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++)
        store(context, 4, (uint32_t)i);
}

static void run_call(void *context, uint64_t count)
{
    struct registers *registers = context;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)i;
        registers->write(registers, &value, 4, sizeof(value));
    }
}

static void run_claim(void *context, uint64_t count)
{
    struct registers *registers = context;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)i;
        while (atomic_flag_test_and_set_explicit(&registers->claimed, memory_order_acquire))
            ;
        registers->write(registers, &value, 4, sizeof(value));
        atomic_flag_clear_explicit(&registers->claimed, memory_order_release);
    }
}

/* ---- two processes ---------------------------------------------------------------------------------------------- */

#define STOP UINT32_MAX

/* Question and answer on a cache line each. */
struct shared {
    _Alignas(64) _Atomic uint32_t question;
    _Alignas(64) _Atomic uint32_t answer;
};

struct pair {
    struct shared *shared;
    int socket[2];
    uint32_t sequence;
    pid_t partner;
};

static void pause_a_moment(void)
{
#ifdef __x86_64__
    __builtin_ia32_pause();
#endif
}

static uint32_t spin_until_not(_Atomic uint32_t *word, uint32_t old)
{
    uint32_t now;
    while ((now = atomic_load_explicit(word, memory_order_acquire)) == old)
        pause_a_moment();
    return now;
}

static void answer_spinning(struct pair *pair)
{
    for (uint32_t seen = 0; seen != STOP;) {
        seen = spin_until_not(&pair->shared->question, seen);
        atomic_store_explicit(&pair->shared->answer, seen, memory_order_release);
    }
}

static void run_spin(void *context, uint64_t count)
{
    struct pair *pair = context;
    while (count-- > 0) {
        uint32_t before = pair->sequence++;
        atomic_store_explicit(&pair->shared->question, pair->sequence, memory_order_release);
        spin_until_not(&pair->shared->answer, before);
    }
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

static void answer_futex(struct pair *pair)
{
    for (uint32_t seen = 0; seen != STOP;) {
        seen = futex_until_not(&pair->shared->question, seen);
        futex_set(&pair->shared->answer, seen);
    }
}

static void run_futex(void *context, uint64_t count)
{
    struct pair *pair = context;
    while (count-- > 0) {
        uint32_t before = pair->sequence++;
        futex_set(&pair->shared->question, pair->sequence);
        futex_until_not(&pair->shared->answer, before);
    }
}

static void answer_socket(struct pair *pair)
{
    uint32_t word;
    while (recv(pair->socket[1], &word, sizeof(word), 0) == sizeof(word))
        if (send(pair->socket[1], &word, sizeof(word), 0) != sizeof(word))
            return;
}

static void run_socket(void *context, uint64_t count)
{
    struct pair *pair = context;
    while (count-- > 0) {
        uint32_t word = pair->sequence++;
        if (send(pair->socket[0], &word, sizeof(word), 0) != sizeof(word) ||
            recv(pair->socket[0], &word, sizeof(word), 0) != sizeof(word))
            return;
    }
}

static const struct {
    const char *name;
    void (*run)(void *context, uint64_t count);
    void (*answer)(struct pair *pair);
    unsigned processor; /* of the partner */
} round_trips[] = {
    {FLOOR_SPIN, run_spin, answer_spinning, 1},     {FLOOR_FUTEX, run_futex, answer_futex, 1},
    {FLOOR_SOCKET, run_socket, answer_socket, 1},   {FLOOR_FUTEX_ONE, run_futex, answer_futex, 0},
    {FLOOR_SOCKET_ONE, run_socket, answer_socket, 0},
};

/* Starts a partner, which ends when it is told to or this process ends. */
static bool start(struct pair *pair, void (*answer)(struct pair *pair), unsigned processor)
{
    memset(pair->shared, 0, sizeof(*pair->shared));
    pair->sequence = 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair->socket) != 0)
        return false;
    pair->partner = fork();
    if (pair->partner == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair->socket[0]);
        bench_pin(processor);
        answer(pair);
        _exit(0);
    }
    close(pair->socket[1]);
    return pair->partner > 0;
}

static void stop(struct pair *pair)
{
    if (pair->partner > 0) {
        futex_set(&pair->shared->question, STOP);
        close(pair->socket[0]);
        waitpid(pair->partner, NULL, 0);
    }
}

static void measure_round_trips(struct bench_table *table, struct pair *pair)
{
    for (unsigned i = 0; i < sizeof(round_trips) / sizeof(round_trips[0]); i++) {
        const char *name = round_trips[i].name;
        if (!start(pair, round_trips[i].answer, round_trips[i].processor)) {
            bench_not_measured(table, name, NULL, "no second process");
            continue;
        }
        bench_row(table, &(struct bench){name, NULL, round_trips[i].run, pair});
        stop(pair);
    }
}

void bench_floors(struct bench_table *table)
{
    static struct registers registers = {.claimed = ATOMIC_FLAG_INIT, .write = store_buffer};
    registers.writable[1] = 0x0004;
    bench_row(table, &(struct bench){FLOOR_STORE, NULL, run_store, &registers});
    bench_row(table, &(struct bench){FLOOR_CALL, NULL, run_call, &registers});
    bench_row(table, &(struct bench){FLOOR_CLAIM, NULL, run_claim, &registers});

    struct pair pair = {0};
    pair.shared = mmap(NULL, sizeof(struct shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (pair.shared == MAP_FAILED) {
        bench_not_measured(table, FLOOR_SPIN, NULL, "no shared memory");
        return;
    }
    measure_round_trips(table, &pair);
    munmap(pair.shared, sizeof(struct shared));
}
