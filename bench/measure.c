/* SPDX-License-Identifier: MIT
 *
 * Rounds and samples. A sample of something that takes long is one operation; of something short so many that reading
 * the clock does not matter.
 */
#include "bench.h"

#include <stdlib.h>
#include <string.h>

#define ROUNDS     40u
#define SAMPLES    8192u    /* of a round, at most */
#define FLOOR_NS   3000000u /* of a round */
#define ROW_NS     7000000u
#define BATCH_NS   20000u
#define SINGLE_NS  300u /* from here on a sample is one operation */
#define ESTIMATED  200000u
#define ESTIMATES  3u
#define ATTEMPTS   3u
#define PROFILED   800u
#define LONG_BATCH 5000000u
#define ENOUGH     8u /* rounds, when they take long: */
#define LONG_NS    800000000u
#define LATE_NS    150000000u /* the same when it is late */
#define CLOCKS     101u

#define ROUNDS_QUICK 3u
#define NS_QUICK     100000u

/* One side of a duel. */
struct side {
    const struct bench_op *op;
    uint64_t count;   /* operations a sample */
    unsigned samples; /* a round */
    double round[ROUNDS];
};

static double sample[ROUNDS * SAMPLES], clock_cost;
static unsigned sampled;

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static void sort(double *values, unsigned count)
{
    qsort(values, count, sizeof(*values), ascending);
}

static double time_batch(const struct bench_op *op, uint64_t count)
{
    uint64_t start = bench_machine->now_ns();
    op->run(op->context, count);
    return (double)(bench_machine->now_ns() - start);
}

static void measure_clock(void)
{
    double cost[CLOCKS];
    for (unsigned i = 0; i < CLOCKS; i++) {
        uint64_t start = bench_machine->now_ns();
        cost[i] = (double)(bench_machine->now_ns() - start);
    }
    sort(cost, CLOCKS);
    clock_cost = cost[CLOCKS / 2];
}

static void begin(const struct bench_op *op)
{
    if (op->begin)
        op->begin(op->context);
}

static void end(const struct bench_op *op)
{
    if (op->end)
        op->end(op->context);
}

/* Warms everything up on the way. */
static void size_up(struct side *side, const struct bench_op *op, double round_ns)
{
    uint64_t count = 1;
    double spent;
    begin(op);
    while ((spent = time_batch(op, count)) < ESTIMATED && count < UINT64_MAX / 2)
        count *= 2;
    for (unsigned i = 0; i < ESTIMATES; i++) { /* one that was interrupted would make samples too small */
        double next = time_batch(op, count);
        spent = next < spent ? next : spent;
    }
    end(op);
    double one = spent / (double)count;
    side->op = op;
    side->count = one >= SINGLE_NS ? 1 : (uint64_t)(BATCH_NS / one) + 1;
    double samples = round_ns / (one * (double)side->count);
    side->samples = samples < 3 ? 3 : samples > SAMPLES ? SAMPLES : (unsigned)samples;
}

/* Samples lie behind those of the rounds before. */
static void run_round(struct side *side, unsigned round, double *samples)
{
    begin(side->op);
    for (unsigned i = 0; i < side->samples; i++) {
        double ns = (time_batch(side->op, side->count) - clock_cost) / (double)side->count;
        samples[i] = ns > 0 ? ns : 0;
    }
    end(side->op);
    static double sorted[SAMPLES];
    memcpy(sorted, samples, side->samples * sizeof(*samples));
    sort(sorted, side->samples);
    side->round[round] = sorted[side->samples / 2];
}

static void middle_half(const double *sorted, unsigned count, struct bench_result *result)
{
    result->low = sorted[count / 4];
    result->high = sorted[count - 1 - count / 4];
}

static void summarize(struct bench_result *result, double *values, unsigned count)
{
    sort(values, count);
    result->median = values[count / 2];
    result->samples = count;
    result->p99 = count >= BENCH_P99_LEAST ? values[count * 99 / 100] : 0;
}

/* The ratios of the rounds, and how far the floor's rounds lie apart. */
static void compare(struct bench_result *result, const double *row, const double *floor, unsigned rounds)
{
    double ratio[ROUNDS], floors[ROUNDS];
    for (unsigned i = 0; i < rounds; i++) {
        ratio[i] = row[i] / (floor[i] > 0 ? floor[i] : 1e-3);
        floors[i] = floor[i];
    }
    sort(ratio, rounds);
    sort(floors, rounds);
    result->ratio = ratio[rounds / 2];
    result->floor = floors[rounds / 2];
    middle_half(ratio, rounds, result);
    result->floor_spread = (floors[rounds - 1 - rounds / 4] - floors[rounds / 4]) / floors[rounds / 2];
}

bool bench_late(const struct bench_table *table)
{
    return table->late_ns && bench_machine->now_ns() > table->late_ns;
}

static void duel_once(const struct bench_table *table, const struct bench_op *op, const struct bench_op *floor,
                      unsigned processors, struct bench_result *result)
{
    static struct side row, ground;
    static double ground_samples[SAMPLES];
    bool quick = table->quick;
    unsigned rounds = quick ? ROUNDS_QUICK : ROUNDS;
    struct bench_watch watch;
    *result = (struct bench_result){.state = BENCH_MEASURED};
    measure_clock();
    size_up(&row, op, quick ? NS_QUICK : ROW_NS);
    if (floor)
        size_up(&ground, floor, quick ? NS_QUICK : FLOOR_NS);
    sampled = 0;
    bench_watch_start(&watch, processors);
    uint64_t start = bench_machine->now_ns();
    for (unsigned i = 0; i < rounds; i++) {
        if (floor)
            run_round(&ground, i, ground_samples);
        run_round(&row, i, sample + sampled);
        sampled += row.samples;
        if (i + 1 >= ENOUGH && bench_machine->now_ns() - start > (bench_late(table) ? LATE_NS : LONG_NS))
            rounds = i + 1;
    }
    result->taken = bench_watch_end(&watch);
    summarize(result, sample, sampled);
    if (floor) {
        compare(result, row.round, ground.round, rounds);
        return;
    }
    sort(row.round, rounds);
    middle_half(row.round, rounds, result);
}

/* Long batches and no floor: a profiler sees the row and next to nothing of this program. */
static void profile(const struct bench_op *op, unsigned processors, struct bench_result *result)
{
    static struct side row;
    struct bench_watch watch;
    *result = (struct bench_result){.state = BENCH_MEASURED};
    size_up(&row, op, LONG_BATCH);
    uint64_t count = row.count * row.samples;
    bench_watch_start(&watch, processors);
    begin(op);
    for (unsigned i = 0; i < PROFILED; i++)
        sample[i] = time_batch(op, count) / (double)count;
    end(op);
    result->taken = bench_watch_end(&watch);
    summarize(result, sample, PROFILED);
    middle_half(sample, PROFILED, result);
}

/* The floor's own row, which stands in the same table: beside it a ratio can be read. */
static void recall_floor(const struct bench_table *table, enum bench_row_id row, struct bench_result *result)
{
    enum bench_row_id floor = bench_kinds[row].floor;
    if (result->floor > 0 && floor != ROW_NONE && table->row[floor].state == BENCH_MEASURED)
        result->floor_row = table->row[floor].median;
}

static bool noisy(enum bench_row_id row, const struct bench_result *result)
{
    char why[96];
    return result->taken > BENCH_TAKEN_MOST || result->floor_spread > BENCH_SPREAD_MOST || bench_floor_moved(result) ||
           bench_judge(&bench_kinds[row], result, why, sizeof(why)) == BENCH_TOO_NOISY;
}

/* The less, the sooner a result counts. A floor that is another than in its own row is worse than any unrest. */
static double unrest(const struct bench_result *result)
{
    return result->taken + result->floor_spread + (bench_floor_moved(result) ? 10 : 0);
}

void bench_duel(struct bench_table *table, enum bench_row_id row, const struct bench_op *op,
                const struct bench_op *floor, unsigned processors)
{
    struct bench_result *best = &table->row[row], next;
    if (table->only != ROW_NONE) {
        if (table->only == row)
            profile(op, processors, best);
        return;
    }
    duel_once(table, op, floor, processors, best);
    recall_floor(table, row, best);
    for (unsigned i = 1; i < ATTEMPTS && !table->quick && table->patience_ns && !bench_late(table) && noisy(row, best);
         i++) {
        uint64_t start = bench_machine->now_ns();
        duel_once(table, op, floor, processors, &next);
        recall_floor(table, row, &next);
        uint64_t spent = bench_machine->now_ns() - start;
        table->patience_ns -= spent < table->patience_ns ? spent : table->patience_ns;
        if (unrest(&next) < unrest(best))
            *best = next;
    }
}

void bench_values(struct bench_table *table, enum bench_row_id row, double *values, unsigned count, double taken)
{
    struct bench_result *result = &table->row[row];
    *result = (struct bench_result){.state = BENCH_MEASURED, .taken = taken};
    summarize(result, values, count);
    middle_half(values, count, result);
}

void bench_rounds(struct bench_table *table, enum bench_row_id row, double *values, unsigned count,
                  const struct bench_beside *beside, double taken)
{
    struct bench_result *result = &table->row[row];
    *result = (struct bench_result){.state = BENCH_MEASURED, .taken = taken};
    compare(result, beside->row, beside->floor, beside->rounds < ROUNDS ? beside->rounds : ROUNDS);
    summarize(result, values, count);
    recall_floor(table, row, result);
}

void bench_pairs(struct bench_table *table, enum bench_row_id row, double *values, double *floors, unsigned count,
                 double taken)
{
    bench_rounds(table, row, values, count, &(struct bench_beside){values, floors, count}, taken);
}

void bench_exact(struct bench_table *table, enum bench_row_id row, double value)
{
    table->row[row] = (struct bench_result){
        .state = BENCH_MEASURED, .median = value, .samples = 1, .low = value, .high = value, .exact = true};
}

static void not_measured(struct bench_result *result, enum bench_state state, const char *why)
{
    *result = (struct bench_result){.state = state};
    snprintf(result->note, sizeof(result->note), "%s", why);
}

void bench_skipped(struct bench_table *table, enum bench_row_id row, const char *why)
{
    not_measured(&table->row[row], BENCH_SKIPPED, why);
}

void bench_failed(struct bench_table *table, enum bench_row_id row, const char *why)
{
    not_measured(&table->row[row], BENCH_FAILED, why);
}
