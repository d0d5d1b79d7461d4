/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BATCHES        500u
#define BATCH_NS       1000000u /* ten thousand times what reading the clock costs */
#define BATCHES_QUICK  5u
#define BATCH_NS_QUICK 10000u

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t time_batch(const struct bench *bench, uint64_t count)
{
    uint64_t start = now_ns();
    bench->run(bench->context, count);
    return now_ns() - start;
}

/* How many operations fill a batch; warms everything up on the way. */
static uint64_t batch_size(const struct bench *bench, uint64_t wanted_ns)
{
    uint64_t count = 1, spent;
    while ((spent = time_batch(bench, count)) < wanted_ns / 2)
        count *= 2;
    return spent > wanted_ns ? count : count * wanted_ns / spent;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

void bench_measure(bool quick, const struct bench *bench, struct bench_result *result)
{
    static double ns[BATCHES];
    unsigned batches = quick ? BATCHES_QUICK : BATCHES;
    uint64_t count = batch_size(bench, quick ? BATCH_NS_QUICK : BATCH_NS);
    for (unsigned i = 0; i < batches; i++)
        ns[i] = (double)time_batch(bench, count) / (double)count;
    qsort(ns, batches, sizeof(ns[0]), ascending);
    *result = (struct bench_result){.median_ns = ns[batches / 2], .p99_ns = ns[batches * 99 / 100]};
}

void bench_add(struct bench_table *table, const char *name, const char *floor, const struct bench_result *result)
{
    if (table->rows < BENCH_ROWS)
        table->row[table->rows++] = (struct bench_row){name, floor, *result};
}

void bench_row(struct bench_table *table, const struct bench *bench)
{
    struct bench_result result;
    bench_measure(table->quick, bench, &result);
    bench_add(table, bench->name, bench->floor, &result);
}

void bench_not_measured(struct bench_table *table, const char *name, const char *floor, const char *why)
{
    struct bench_result result = {.median_ns = -1};
    snprintf(result.note, sizeof(result.note), "%s", why);
    bench_add(table, name, floor, &result);
}

static const struct bench_result *find(const struct bench_table *table, const char *name)
{
    for (unsigned i = 0; name && i < table->rows; i++)
        if (strcmp(table->row[i].name, name) == 0 && table->row[i].result.median_ns > 0)
            return &table->row[i].result;
    return NULL;
}

static void print_row(const struct bench_table *table, const struct bench_row *row, FILE *stream)
{
    if (row->result.median_ns < 0) {
        fprintf(stream, "  %-46s not measured: %s\n", row->name, row->result.note);
        return;
    }
    fprintf(stream, "  %-46s %10.1f %10.1f", row->name, row->result.median_ns, row->result.p99_ns);
    const struct bench_result *floor = find(table, row->floor);
    if (floor)
        fprintf(stream, "  %6.1f x  %s", row->result.median_ns / floor->median_ns, row->floor);
    fputc('\n', stream);
}

bool bench_complete(const struct bench_table *table)
{
    for (unsigned i = 0; i < table->rows; i++)
        if (table->row[i].result.median_ns < 0)
            return false;
    return true;
}

void bench_print(const struct bench_table *table, FILE *stream)
{
    fprintf(stream, "%-48s %10s %10s  %8s  %s\n", "nanoseconds an operation", "median", "p99", "ratio", "to its floor");
    fprintf(stream, "floors\n");
    bool floors = true;
    for (unsigned i = 0; i < table->rows; i++) {
        if (floors && table->row[i].floor)
            fprintf(stream, "requests\n");
        floors = floors && !table->row[i].floor;
        print_row(table, &table->row[i], stream);
    }
}

bool bench_pin(unsigned which)
{
    static cpu_set_t allowed;
    static bool known;
    if (!known && sched_getaffinity(0, sizeof(allowed), &allowed) != 0)
        return false;
    known = true;
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
        if (!CPU_ISSET(cpu, &allowed) || which-- != 0)
            continue;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(cpu, &one);
        return sched_setaffinity(0, sizeof(one), &one) == 0;
    }
    return false;
}
