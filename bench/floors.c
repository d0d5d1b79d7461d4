/* SPDX-License-Identifier: MIT
 *
 * The floors. On one processor: what a checked, masked register write must do at least, alone, behind an interface
 * pointer, and behind an adapter that takes one request at a time. Between two processes: pair.c.
 */
#include "bench.h"

#include <stdatomic.h>
#include <string.h>
#include <time.h>

#define DWORDS   1024u
#define REGISTER 0x54u

struct registers {
    _Atomic uint32_t value[DWORDS];
    uint32_t writable[DWORDS];
    volatile uint32_t offset; /* so that the compiler does not know it */
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

static struct registers registers = {
    .claimed = ATOMIC_FLAG_INIT,
    .write = store_buffer,
    .offset = REGISTER,
    .writable[REGISTER / 4] = 0xfffffffc,
};

static void run_clock(void *context, uint64_t count)
{
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
    }
}

static void run_store(void *context, uint64_t count)
{
    uint32_t offset = registers.offset;
    for (uint64_t i = 0; i < count; i++)
        store(context, offset, (uint32_t)i);
}

static void run_call(void *context, uint64_t count)
{
    uint32_t offset = registers.offset;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)i;
        registers.write(context, &value, offset, sizeof(value));
    }
}

static void run_claim(void *context, uint64_t count)
{
    struct registers *claimed = context;
    uint32_t offset = registers.offset;
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = (uint32_t)i;
        while (atomic_flag_test_and_set_explicit(&claimed->claimed, memory_order_acquire))
            ;
        claimed->write(claimed, &value, offset, sizeof(value));
        atomic_flag_clear_explicit(&claimed->claimed, memory_order_release);
    }
}

struct bench_op bench_floor_store(void)
{
    return (struct bench_op){.run = run_store, .context = &registers};
}

struct bench_op bench_floor_claim(void)
{
    return (struct bench_op){.run = run_claim, .context = &registers};
}

/* The first time, or the time again. */
static void measure(struct bench_table *table, enum bench_row_id row, const struct bench_op *op, unsigned processors)
{
    struct bench_result first = table->row[row];
    bench_duel(table, row, op, NULL, processors);
    if (first.state != BENCH_MEASURED)
        return;
    first.again = table->row[row].median;
    first.taken = table->row[row].taken > first.taken ? table->row[row].taken : first.taken;
    table->row[row] = first;
}

static const struct {
    enum bench_row_id row;
    unsigned processor; /* of the partner */
} round_trips[] = {
    {ROW_SPIN, 1},      {ROW_FUTEX, 1},       {ROW_EVENTFD, 1},    {ROW_SOCKET, 1},
    {ROW_FUTEX_ONE, 0}, {ROW_EVENTFD_ONE, 0}, {ROW_SOCKET_ONE, 0},
};

void bench_floors(struct bench_table *table)
{
    measure(table, ROW_CLOCK, &(struct bench_op){.run = run_clock}, 1);
    measure(table, ROW_STORE, &(struct bench_op){.run = run_store, .context = &registers}, 1);
    measure(table, ROW_CALL, &(struct bench_op){.run = run_call, .context = &registers}, 1);
    measure(table, ROW_CLAIM, &(struct bench_op){.run = run_claim, .context = &registers}, 1);
    for (unsigned i = 0; i < sizeof(round_trips) / sizeof(round_trips[0]); i++) {
        if (round_trips[i].processor && !bench_two_processors()) {
            bench_skipped(table, round_trips[i].row, "there is one processor");
            continue;
        }
        struct bench_pair *pair = bench_pair_start(round_trips[i].row, round_trips[i].processor);
        if (!pair) {
            bench_failed(table, round_trips[i].row, "no second process");
            continue;
        }
        struct bench_op op = bench_pair_op(pair);
        measure(table, round_trips[i].row, &op, round_trips[i].processor + 1);
        bench_pair_stop(pair);
    }
}
