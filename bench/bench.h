/* SPDX-License-Identifier: MIT
 *
 * Measuring what a request costs, beside its floor: the least that anything doing this job must pay.
 *
 * A row is measured in rounds, and in each round its floor too, so that what the machine does to one it does to the
 * other. The median over all samples is what it costs; the ratios of the rounds say how sure that is. A row whose
 * rounds disagree about its aim, or that others disturbed, is too noisy to tell, and no claim is made (verdict.c).
 *
 * Threads: one. The thread that measures runs on the first processor, a partner on the second (bench_pin).
 */
#ifndef VFPLANE_BENCH_H
#define VFPLANE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

/* ---- the rows (rows.def) ---------------------------------------------------------------------------------------- */

enum bench_section_id {
#define SECTION(id, title) SECTION_##id,
#define ROW(id, section, name, unit, floor, limit, most)
#include "rows.def"
#undef SECTION
#undef ROW
    BENCH_SECTIONS
};

enum bench_row_id {
#define SECTION(id, title)
#define ROW(id, section, name, unit, floor, limit, most) ROW_##id,
#include "rows.def"
#undef SECTION
#undef ROW
    BENCH_ROWS,
    ROW_NONE = BENCH_ROWS
};

enum bench_unit { BENCH_NS, BENCH_BYTES, BENCH_COUNT };
enum bench_limit { BENCH_NO_AIM, BENCH_TIMES, BENCH_AT_MOST };

struct bench_kind {
    const char *id, *name;
    enum bench_section_id section;
    enum bench_unit unit;
    enum bench_row_id floor;
    enum bench_limit limit;
    double most;
};
extern const struct bench_kind bench_kinds[BENCH_ROWS];
extern const char *const bench_sections[BENCH_SECTIONS];

/* ---- what was measured ------------------------------------------------------------------------------------------ */

enum bench_state {
    BENCH_ABSENT,   /* not measured in this run */
    BENCH_MEASURED, /* */
    BENCH_SKIPPED,  /* this machine has not what it needs; `note` says what */
    BENCH_FAILED,   /* it should have been possible; `note` says why it was not */
};

/* Free of pointers, so that a guest process can send it through a pipe. */
struct bench_result {
    enum bench_state state;
    double median, p99;  /* of one operation, in the row's unit; p99 only of BENCH_P99_LEAST samples and more */
    unsigned samples;    /* that these two are of */
    double ratio;        /* to the floor; 0: none was measured with it */
    double floor;        /* the median of the floor's rounds beside it, in the floor's unit; 0: none */
    double floor_row;    /* the median of the floor's own row in this run; 0: it has none yet */
    double low, high;    /* the middle half of the rounds, of what the aim limits: the ratio, or else the value */
    double floor_spread; /* middle half of the floor's rounds, divided by their median */
    double taken;        /* share of the processors that others had meanwhile, 0..1 */
    double again;        /* a floor's median at the end of the run; 0: not measured again */
    bool exact;          /* counted, not timed: nothing disturbs it */
    char note[96];
};

struct bench_table {
    bool quick;             /* a few short rounds: shows that it runs, not what it costs */
    enum bench_row_id only; /* no other duel is measured, and this one long and without its floor, for a profiler;
                             * ROW_NONE: all */
    uint64_t late_ns;       /* from this time on less is measured, so that a run on a busy machine ends too; 0: never */
    uint64_t patience_ns;   /* that may still be spent on measuring again what was too noisy */
    struct bench_result row[BENCH_ROWS];
};

/* ---- measuring (measure.c) -------------------------------------------------------------------------------------- */

struct bench_op {
    void (*run)(void *context, uint64_t count); /* does it `count` times */
    void *context;
    void (*begin)(void *context); /* before and after each round's share of it; NULL = nothing to do */
    void (*end)(void *context);
};

/* Measures a row, with its floor (NULL: it has none), while others may be on any of the first `processors` processors.
 * Again, when it was too noisy and the table has patience left; the quietest counts. */
void bench_duel(struct bench_table *table, enum bench_row_id row, const struct bench_op *op,
                const struct bench_op *floor, unsigned processors);
/* Is it late in this run? */
bool bench_late(const struct bench_table *table);
/* A row of values that were measured one by one; sorts them. */
void bench_values(struct bench_table *table, enum bench_row_id row, double *values, unsigned count, double taken);
/* The same, with the medians of the row and of its floor in each of a few rounds, at most 40. */
struct bench_beside {
    const double *row, *floor;
    unsigned rounds;
};
void bench_rounds(struct bench_table *table, enum bench_row_id row, double *values, unsigned count,
                  const struct bench_beside *beside, double taken);
/* The same for values that are a round each. */
void bench_pairs(struct bench_table *table, enum bench_row_id row, double *values, double *floors, unsigned count,
                 double taken);
/* A row that is exact: a count. */
void bench_exact(struct bench_table *table, enum bench_row_id row, double value);
void bench_skipped(struct bench_table *table, enum bench_row_id row, const char *why);
void bench_failed(struct bench_table *table, enum bench_row_id row, const char *why);

/* Where time comes from, and who had the processors; a test puts its own here. */
struct bench_machine {
    uint64_t (*now_ns)(void);
    /* Time that the first `processors` processors were idle, and that this program and its children used, in ns. */
    void (*usage)(unsigned processors, uint64_t *idle_ns, uint64_t *own_ns);
};
extern const struct bench_machine bench_real_machine;
extern const struct bench_machine *bench_machine;

/* Share of the processors that others had between start and end. */
struct bench_watch {
    unsigned processors;
    uint64_t wall, idle, own;
};
void bench_watch_start(struct bench_watch *watch, unsigned processors);
double bench_watch_end(const struct bench_watch *watch);
/* The time of that process counts as ours, until it has been waited for. */
void bench_ours(pid_t pid);

void bench_sleep_ms(unsigned ms);
/* A pipe gives what it has: reads until `size` bytes are there. False: it ended before. */
bool bench_read_all(int fd, void *buffer, size_t size);
/* In a new process: it ends when `parent` does, also when that is gone already. */
void bench_end_with(pid_t parent);
/* Has this program a second processor? */
bool bench_two_processors(void);
/* Binds the calling thread to the first (0) or second (1) processor it may use. False, and nothing changed, when there
 * is no such processor. */
bool bench_pin(unsigned which);

/* ---- judging and printing (verdict.c, report.c) ----------------------------------------------------------------- */

enum bench_verdict { BENCH_NO_VERDICT, BENCH_MET, BENCH_NOT_MET, BENCH_TOO_NOISY, BENCH_VERDICTS };

#define BENCH_TAKEN_MOST 0.10 /* others had more of the processors: too noisy */
#define BENCH_SPREAD_MOST                                                                                              \
    0.25                     /* a floor whose rounds, whose first and last median, or which beside a row and in its    \
                              * own row differ more: too noisy */
#define BENCH_P99_LEAST 100u /* samples; of fewer the 99th percentile is the largest, and says nothing */

/* `why` gets the reason of BENCH_TOO_NOISY, "" otherwise. */
enum bench_verdict bench_judge(const struct bench_kind *kind, const struct bench_result *result, char *why,
                               size_t size);

/* Was the floor beside the row another than in its own row? Then the machine was in two states. */
bool bench_floor_moved(const struct bench_result *result);

void bench_print_text(const struct bench_table *table, FILE *stream);
void bench_print_markdown(const struct bench_table *table, FILE *stream);
int bench_print_json(const struct bench_table *table, FILE *stream); /* 0, -1: no memory */
/* Was every row measured that this machine can measure? */
bool bench_complete(const struct bench_table *table);

/* ---- the sections ----------------------------------------------------------------------------------------------- */

void bench_floors(struct bench_table *table); /* called again at the end of the run, it measures `again` */
void bench_device(struct bench_table *table);
void bench_ndis(struct bench_table *table);
void bench_threads(struct bench_table *table);
void bench_spinning(struct bench_table *table);
void bench_sleeping(struct bench_table *table);
void bench_vmm(struct bench_table *table);
void bench_many(struct bench_table *table);
void bench_idle(struct bench_table *table);
void bench_processes(struct bench_table *table);
void bench_instead(struct bench_table *table);

/* ---- the floors, for the rows that are measured with them (floors.c, pair.c) ------------------------------------- */

/* The bounds-checked masked store, and the two on top of it. */
struct bench_op bench_floor_store(void);
struct bench_op bench_floor_claim(void);

struct bench_pair;
/* A process that answers; ROW_SPIN .. ROW_SOCKET_ONE say how. It ends with bench_pair_stop or this process. NULL: it
 * could not be made. */
struct bench_pair *bench_pair_start(enum bench_row_id floor, unsigned processor);
struct bench_op bench_pair_op(struct bench_pair *pair);
void bench_pair_stop(struct bench_pair *pair);

#endif
