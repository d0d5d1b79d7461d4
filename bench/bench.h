/* SPDX-License-Identifier: MIT
 *
 * Measuring what a request costs, beside its floor: the least that anything doing this job must pay, measured in the
 * same run on the same processors.
 *
 * A row is measured in batches. Each batch does the thing so often that reading the clock does not matter; the median
 * over all batches is what it costs, the 99th percentile what it costs when the machine interferes.
 *
 * Threads: one. The thread that measures runs on the first processor, a partner on the second (bench_pin).
 */
#ifndef VFPLANE_BENCH_H
#define VFPLANE_BENCH_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define BENCH_ROWS 48u

struct bench {
    const char *name;                           /* a literal */
    const char *floor;                          /* name of a row measured before; NULL: this is a floor */
    void (*run)(void *context, uint64_t count); /* does it `count` times */
    void *context;
};

/* Free of pointers, so that a guest process can send it through a pipe. */
struct bench_result {
    double median_ns, p99_ns; /* of one operation; negative: not measured, see `note` */
    char note[96];
};

struct bench_table {
    bool quick; /* a few short batches: shows that it runs, not what it costs */
    unsigned rows;
    struct bench_row {
        const char *name, *floor;
        struct bench_result result;
    } row[BENCH_ROWS];
};

void bench_measure(bool quick, const struct bench *bench, struct bench_result *result);
/* Measures and adds a row. */
void bench_row(struct bench_table *table, const struct bench *bench);
/* Adds a row that was measured elsewhere, or could not be (`result->median_ns` negative). */
void bench_add(struct bench_table *table, const char *name, const char *floor, const struct bench_result *result);
void bench_not_measured(struct bench_table *table, const char *name, const char *floor, const char *why);
void bench_print(const struct bench_table *table, FILE *stream);
/* Was every row measured? */
bool bench_complete(const struct bench_table *table);

/* Binds the calling thread to the first (0) or second (1) processor it may use. False, and nothing changed, when there
 * is no such processor. */
bool bench_pin(unsigned which);

/* The rows, in the order of their layers. Each skips its rows with a note when it cannot be set up. */
void bench_floors(struct bench_table *table);
void bench_device(struct bench_table *table);    /* src/pci */
void bench_interface(struct bench_table *table); /* src/pcibus */
void bench_oids(struct bench_table *table);      /* src/vstack, src/ndis, drivers/refnic */
void bench_guest(struct bench_table *table);     /* everything, in two processes */
void bench_guests(struct bench_table *table);    /* many guests of one host */

/* The floors that rows of other files name. */
#define FLOOR_STORE  "store: bounds, mask, one dword"
#define FLOOR_CALL   "the same through a pointer, with a buffer"
#define FLOOR_CLAIM  "the same, adapter claimed and released"
#define FLOOR_SPIN   "round trip, two processes spinning"
#define FLOOR_FUTEX  "round trip, futex"
#define FLOOR_SOCKET "round trip, UNIX socket"
/* Both processes on the first processor. */
#define FLOOR_FUTEX_ONE  "round trip, futex, one processor"
#define FLOOR_SOCKET_ONE "round trip, UNIX socket, one processor"

#endif
