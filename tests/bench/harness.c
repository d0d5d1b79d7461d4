/* SPDX-License-Identifier: MIT
 *
 * The bench must be able to say "not met" and "too noisy": rows whose cost is known, on a machine whose clock moves
 * only when they say so.
 */
#include "test.h"

#include <pthread.h>
#include <sched.h>
#include <unistd.h>

#include <jansson.h>

#include "bench.h"
#include "counts.h"

/* ---- a machine ----------------------------------------------------------------------------------------------------
 */

static uint64_t now, last, taken;
static double others;    /* their share of the processors */
static unsigned watches; /* from this one on they are gone; 0: never */
static unsigned watched;

static uint64_t fake_now(void)
{
    return now;
}

static void fake_usage(unsigned processors, uint64_t *idle, uint64_t *own)
{
    if (watches && ++watched >= watches)
        others = 0;
    taken += (uint64_t)((double)(now - last) * others);
    last = now;
    *idle = 0;
    *own = processors * (now - taken);
}

static const struct bench_machine fake = {fake_now, fake_usage};

/* Something that takes so long, and every `slow`-th round of it `factor` times as long. */
struct work {
    uint64_t ns;
    unsigned every, round;
    double factor;
    unsigned long done;
    unsigned hiccup_every; /* operations */
};

static void next_round(void *context)
{
    ((struct work *)context)->round++;
}

static void run_work(void *context, uint64_t count)
{
    struct work *work = context;
    bool slow = work->every && work->round % work->every == 0;
    for (uint64_t i = 0; i < count; i++) {
        bool hiccup = work->hiccup_every && ++work->done % work->hiccup_every == 0;
        now += (uint64_t)((double)work->ns * (slow ? work->factor : 1) * (hiccup ? 10 : 1));
    }
}

static struct bench_op op_of(struct work *work)
{
    return (struct bench_op){.run = run_work, .context = work, .begin = next_round};
}

static int setup(void **state)
{
    static struct bench_table table;
    table = (struct bench_table){.only = ROW_NONE};
    *state = &table;
    now = last = 1000000;
    taken = 0;
    others = 0;
    watches = watched = 0;
    bench_machine = &fake;
    return 0;
}

static void duel(struct bench_table *table, enum bench_row_id row, struct work *work, struct work *floor)
{
    struct bench_op op = op_of(work), ground;
    if (floor)
        ground = op_of(floor);
    bench_duel(table, row, &op, floor ? &ground : NULL, 1);
}

static enum bench_verdict verdict_of(const struct bench_table *table, enum bench_row_id row, char *why)
{
    return bench_judge(&bench_kinds[row], &table->row[row], why, 96);
}

static char *printed(const struct bench_table *table, void (*print)(const struct bench_table *table, FILE *stream))
{
    char *text = NULL;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    assert_non_null(stream);
    print(table, stream);
    fclose(stream);
    return text;
}

static void assert_prints(const struct bench_table *table, const char *wanted)
{
    char *text = printed(table, bench_print_text);
    if (!strstr(text, wanted))
        fail_msg("\"%s\" is not in\n%s", wanted, text);
    free(text);
}

/* ---- verdicts -----------------------------------------------------------------------------------------------------
 */

static void a_row_within_its_aim_is_met(void **state)
{
    struct work work = {.ns = 50}, floor = {.ns = 20};
    char why[96];
    duel(*state, ROW_REGISTER_WRITE, &work, &floor);
    const struct bench_result *result = &((struct bench_table *)*state)->row[ROW_REGISTER_WRITE];
    assert_true(result->median > 49.9 && result->median < 50.1);
    assert_true(result->ratio > 2.49 && result->ratio < 2.51);
    assert_int_equal(verdict_of(*state, ROW_REGISTER_WRITE, why), BENCH_MET);
    assert_prints(*state, "1 aims met, 0 not met, 0 too noisy to tell; 0 rows not measured");
}

static void a_row_that_became_slow_is_not_met(void **state)
{
    struct work work = {.ns = 80}, floor = {.ns = 20};
    char why[96];
    duel(*state, ROW_REGISTER_WRITE, &work, &floor);
    assert_int_equal(verdict_of(*state, ROW_REGISTER_WRITE, why), BENCH_NOT_MET);
    assert_string_equal(why, "");
    assert_prints(*state, "20 ns    4.00 x  <= 3 x       NOT MET");
    assert_prints(*state, "0 aims met, 1 not met, 0 too noisy to tell; 0 rows not measured");
}

static void no_claim_when_others_have_the_processors(void **state)
{
    struct work good = {.ns = 50}, bad = {.ns = 80}, floor = {.ns = 20};
    char why[96];
    others = 0.3;
    duel(*state, ROW_REGISTER_WRITE, &good, &floor);
    assert_int_equal(verdict_of(*state, ROW_REGISTER_WRITE, why), BENCH_TOO_NOISY);
    assert_string_equal(why, "others had 30 % of the processors, more than 10 %");
    duel(*state, ROW_SET, &bad, &floor);
    assert_int_equal(verdict_of(*state, ROW_SET, why), BENCH_TOO_NOISY);
    assert_prints(*state, "0 aims met, 0 not met, 2 too noisy to tell");
}

static void no_claim_when_the_floor_does_not_stand_still(void **state)
{
    struct work work = {.ns = 50}, floor = {.ns = 20, .every = 2, .factor = 4};
    char why[96];
    duel(*state, ROW_REGISTER_WRITE, &work, &floor);
    assert_int_equal(verdict_of(*state, ROW_REGISTER_WRITE, why), BENCH_TOO_NOISY);
    assert_non_null(strstr(why, "its floor varied by"));
}

/* The machine was in another state when the floor had its own row. */
static void no_claim_when_the_floor_is_another_than_in_its_own_row(void **state)
{
    struct bench_table *table = *state;
    struct work work = {.ns = 50}, floor = {.ns = 20}, slower = {.ns = 26};
    char why[96];
    duel(table, ROW_STORE, &slower, NULL);
    duel(table, ROW_REGISTER_WRITE, &work, &floor);
    assert_true(table->row[ROW_REGISTER_WRITE].floor == 20 && table->row[ROW_REGISTER_WRITE].floor_row == 26);
    assert_int_equal(verdict_of(table, ROW_REGISTER_WRITE, why), BENCH_MET); /* 23 % */
    duel(table, ROW_STORE, &(struct work){.ns = 40}, NULL);
    duel(table, ROW_REGISTER_WRITE, &work, &floor);
    assert_int_equal(verdict_of(table, ROW_REGISTER_WRITE, why), BENCH_TOO_NOISY);
    assert_string_equal(why, "its floor was -50 % from its own row, more than 25 %");
    duel(table, ROW_STORE, &(struct work){.ns = 15}, NULL);
    duel(table, ROW_REGISTER_WRITE, &work, &floor);
    assert_int_equal(verdict_of(table, ROW_REGISTER_WRITE, why), BENCH_TOO_NOISY);
    assert_string_equal(why, "its floor was +33 % from its own row, more than 25 %");
    assert_prints(table, "50 ns");
    assert_prints(table, "0 aims met, 0 not met, 1 too noisy to tell");
}

static void no_claim_when_the_rounds_do_not_agree(void **state)
{
    struct work work = {.ns = 50, .every = 2, .factor = 1.4}, floor = {.ns = 20};
    char why[96];
    duel(*state, ROW_REGISTER_WRITE, &work, &floor);
    assert_int_equal(verdict_of(*state, ROW_REGISTER_WRITE, why), BENCH_TOO_NOISY);
    assert_string_equal(why, "its rounds say 2.5 to 3.5");
}

static void no_claim_for_a_ratio_without_its_floor(void **state)
{
    struct work work = {.ns = 10};
    char why[96];
    duel(*state, ROW_REGISTER_WRITE, &work, NULL);
    assert_int_equal(verdict_of(*state, ROW_REGISTER_WRITE, why), BENCH_NO_VERDICT);
    assert_prints(*state, "0 aims met, 0 not met, 0 too noisy to tell");
}

static void no_claim_of_a_quick_run(void **state)
{
    struct bench_table *table = *state;
    struct work work = {.ns = 80}, floor = {.ns = 20};
    table->quick = true;
    duel(table, ROW_REGISTER_WRITE, &work, &floor);
    char *text = printed(table, bench_print_text);
    assert_null(strstr(text, "NOT MET"));
    assert_non_null(strstr(text, "their times mean nothing"));
    free(text);
}

static void an_aim_in_its_own_unit_is_judged_by_the_value(void **state)
{
    char why[96];
    bench_exact(*state, ROW_VF_MEMORY, 512);
    bench_exact(*state, ROW_OID_ALLOCATIONS, 0);
    assert_int_equal(verdict_of(*state, ROW_VF_MEMORY, why), BENCH_MET);
    assert_int_equal(verdict_of(*state, ROW_OID_ALLOCATIONS, why), BENCH_MET);
    bench_exact(*state, ROW_VF_MEMORY, 513);
    bench_exact(*state, ROW_OID_ALLOCATIONS, 1);
    assert_int_equal(verdict_of(*state, ROW_VF_MEMORY, why), BENCH_NOT_MET);
    assert_int_equal(verdict_of(*state, ROW_OID_ALLOCATIONS, why), BENCH_NOT_MET);
}

/* ---- noise --------------------------------------------------------------------------------------------------------
 */

static void what_was_too_noisy_is_measured_again_while_patience_lasts(void **state)
{
    struct bench_table *table = *state;
    struct work work = {.ns = 50}, floor = {.ns = 20};
    char why[96];
    others = 0.3;
    watches = 3; /* start and end of the first time, start of the second */
    table->patience_ns = UINT64_MAX / 2;
    duel(table, ROW_REGISTER_WRITE, &work, &floor);
    assert_int_equal(watched, 4);
    assert_int_equal(verdict_of(table, ROW_REGISTER_WRITE, why), BENCH_MET);
    assert_true(table->patience_ns < UINT64_MAX / 2);
}

static void a_floor_that_drifted_is_said_to_be_noisy(void **state)
{
    struct bench_table *table = *state;
    struct work floor = {.ns = 20};
    duel(table, ROW_STORE, &floor, NULL);
    table->row[ROW_STORE].again = 21;
    assert_prints(table, "steady");
    table->row[ROW_STORE].again = 40;
    assert_prints(table, "noisy: +100 % at the end of the run, others had 0 %");
}

static void own_time_is_not_that_of_others(void **state)
{
    (void)state;
    uint64_t idle, before, after;
    bench_machine = &bench_real_machine;
    bench_machine->usage(1, &idle, &before);
    do
        bench_machine->usage(1, &idle, &after);
    while (after == before); /* it grows because this loop runs */
    assert_true(after > before && idle > 0);
}

static void the_99th_percentile_shows_single_operations(void **state)
{
    struct bench_table *table = *state;
    struct work work = {.ns = 1000, .hiccup_every = 50};
    duel(table, ROW_SPIN_SET, &work, NULL);
    assert_true(table->row[ROW_SPIN_SET].median == 1000);
    assert_true(table->row[ROW_SPIN_SET].p99 == 10000);
}

/* Of 99 values it would be the largest but one. */
static void no_99th_percentile_of_few_samples(void **state)
{
    struct bench_table *table = *state;
    double values[BENCH_P99_LEAST], floors[BENCH_P99_LEAST];
    for (unsigned i = 0; i < BENCH_P99_LEAST; i++) {
        values[i] = 777 + i;
        floors[i] = 777;
    }
    bench_values(table, ROW_ENABLE, values, BENCH_P99_LEAST - 1, 0);
    assert_int_equal(table->row[ROW_ENABLE].samples, BENCH_P99_LEAST - 1);
    assert_prints(table, "826 ns                   99 ");
    bench_values(table, ROW_ENABLE, values, BENCH_P99_LEAST, 0);
    assert_prints(table, "827 ns      876 ns      100 ");
    bench_rounds(table, ROW_RUN, values, 2, &(struct bench_beside){values, floors, 2}, 0);
    assert_int_equal(table->row[ROW_RUN].samples, 2);
    assert_true(table->row[ROW_RUN].p99 == 0 && table->row[ROW_RUN].floor == 777);
    bench_exact(table, ROW_IDLE_CPU, 1);
    assert_int_equal(table->row[ROW_IDLE_CPU].samples, 1);
    assert_prints(table, "1 ns                    1                        <= 0 ns      NOT MET");
}

/* ---- what is counted ----------------------------------------------------------------------------------------------
 */

static void run_nothing(void *context, uint64_t count)
{
    (void)context;
    (void)count;
}

static void run_everything(void *context, uint64_t count)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    for (uint64_t i = 0; i < count; i++) {
        void **kept = context;
        *kept = malloc(16);
        free(*kept);
        pthread_mutex_lock(&mutex);
        pthread_mutex_unlock(&mutex);
        sched_yield();
    }
}

static void allocations_and_locks_are_counted(void **state)
{
    struct bench_counts counts;
    void *kept;
    (void)state;
    bench_count(run_everything, &kept, 7, &counts);
    assert_int_equal(counts.allocations, 7);
    assert_int_equal(counts.locks, 7);
    bench_count(run_nothing, NULL, 7, &counts);
    assert_int_equal(counts.allocations, 0);
    assert_int_equal(counts.locks, 0);
}

static void run_yield(void *context, uint64_t count)
{
    (void)context;
    while (count-- > 0)
        sched_yield();
}

static void system_calls_are_counted(void **state)
{
    const char *why = NULL;
    (void)state;
    long calls = bench_count_system_calls(run_yield, NULL, 7, &why);
    if (calls < 0)
        TEST_SKIP(why);
    assert_int_equal(calls, 7);
    assert_int_equal(bench_count_system_calls(run_nothing, NULL, 7, &why), 0);
}

/* ---- the table ----------------------------------------------------------------------------------------------------
 */

/* What is asked of the rows, from the text that asks; rows.def must say the same. */
static void no_aim_was_moved(void **state)
{
    static const struct {
        enum bench_row_id row, floor;
        enum bench_limit limit;
        double most;
    } aims[] = {
        {ROW_REGISTER_WRITE, ROW_STORE, BENCH_TIMES, 3},
        {ROW_SET, ROW_STORE, BENCH_TIMES, 8},
        {ROW_SET_RANDOM, ROW_SET, BENCH_TIMES, 4},
        {ROW_VF_MEMORY, ROW_NONE, BENCH_AT_MOST, 512},
        {ROW_ENABLE, ROW_NONE, BENCH_AT_MOST, 50 * 1e6},
        {ROW_FLR, ROW_OWN_REGISTERS, BENCH_TIMES, 1},
        {ROW_OID_WRITE, ROW_STORE, BENCH_TIMES, 60},
        {ROW_OID_WRITE_OFF, ROW_STORE, BENCH_TIMES, 40},
        {ROW_OID_ALLOCATIONS, ROW_NONE, BENCH_AT_MOST, 0},
        {ROW_OID_LOCKS, ROW_NONE, BENCH_AT_MOST, 0},
        {ROW_OID_SYSTEM_CALLS, ROW_NONE, BENCH_AT_MOST, 0},
        {ROW_THREADS_LOST, ROW_NONE, BENCH_AT_MOST, 0},
        {ROW_IRQL, ROW_NONE, BENCH_AT_MOST, 5},
        {ROW_SPIN_SET, ROW_SPIN, BENCH_TIMES, 4},
        {ROW_SPIN_WRITE_BLOCK, ROW_SPIN, BENCH_TIMES, 6},
        {ROW_SLEEP_SET, ROW_FUTEX_ONE, BENCH_TIMES, 1.6},
        {ROW_SLEEP_SET_SOCKET, ROW_SOCKET_ONE, BENCH_TIMES, 1},
        {ROW_SLEEP_WRITE_BLOCK, ROW_FUTEX_ONE, BENCH_TIMES, 2},
        {ROW_VMM_WINDOW, ROW_SOCKET_ONE, BENCH_TIMES, 3},
        {ROW_VMM_WRITE_BLOCK, ROW_SOCKET_ONE, BENCH_TIMES, 3},
        {ROW_ALL_GUESTS, ROW_ONE_GUEST, BENCH_TIMES, 1 / 0.8},
        {ROW_SLOWEST_GUEST, ROW_NONE, BENCH_AT_MOST, 2},
        {ROW_IDLE_CPU, ROW_NONE, BENCH_AT_MOST, 0},
        {ROW_IDLE_MEMORY, ROW_NONE, BENCH_AT_MOST, 128 * 1024},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(aims) / sizeof(aims[0]); i++) {
        const struct bench_kind *kind = &bench_kinds[aims[i].row];
        if (kind->limit != aims[i].limit || kind->most != aims[i].most || kind->floor != aims[i].floor)
            fail_msg("%s: %g is not what is asked", kind->name, kind->most);
    }
}

static void a_row_that_could_not_be_measured_says_why(void **state)
{
    struct bench_table *table = *state;
    bench_skipped(table, ROW_SETPCI, "no bus");
    assert_prints(table, "skipped: no bus");
    assert_true(bench_complete(table));
    bench_failed(table, ROW_RUN, "it did not run");
    assert_prints(table, "not measured: it did not run");
    assert_prints(table, "2 rows not measured");
    assert_false(bench_complete(table));
}

static void a_document_has_the_same_rows(void **state)
{
    struct work work = {.ns = 80}, floor = {.ns = 20};
    duel(*state, ROW_REGISTER_WRITE, &work, &floor);
    char *text = printed(*state, bench_print_markdown);
    assert_non_null(strstr(text, "| `REGISTER_WRITE` | pci_config_write, 4 bytes, no effect | 80 ns | 80 ns | "));
    assert_non_null(strstr(text, " | `STORE` 20 ns | 4.00 x | <= 3 x | NOT MET |"));
    free(text);
}

static void print_json(const struct bench_table *table, FILE *stream)
{
    assert_int_equal(bench_print_json(table, stream), 0);
}

static void a_program_reads_the_same_rows(void **state)
{
    struct work work = {.ns = 80}, floor = {.ns = 20};
    duel(*state, ROW_REGISTER_WRITE, &work, &floor);
    char *text = printed(*state, print_json);
    json_t *root = json_loads(text, 0, NULL), *row = json_array_get(json_object_get(root, "rows"), 0);
    assert_int_equal(json_array_size(json_object_get(root, "rows")), 1);
    assert_string_equal(json_string_value(json_object_get(row, "row")), "REGISTER_WRITE");
    assert_string_equal(json_string_value(json_object_get(row, "floor")), "STORE");
    assert_string_equal(json_string_value(json_object_get(row, "verdict")), "not met");
    assert_true(json_number_value(json_object_get(row, "floor_median")) == 20);
    assert_true(json_integer_value(json_object_get(row, "samples")) >= BENCH_P99_LEAST);
    assert_true(json_number_value(json_object_get(row, "p99")) == 80);
    assert_true(json_number_value(json_object_get(row, "median")) == 80);
    assert_true(json_number_value(json_object_get(row, "ratio")) == 4);
    json_decref(root);
    free(text);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(a_row_within_its_aim_is_met),
        TEST(a_row_that_became_slow_is_not_met),
        TEST(no_claim_when_others_have_the_processors),
        TEST(no_claim_when_the_floor_does_not_stand_still),
        TEST(no_claim_when_the_floor_is_another_than_in_its_own_row),
        TEST(no_claim_when_the_rounds_do_not_agree),
        TEST(no_claim_for_a_ratio_without_its_floor),
        TEST(no_claim_of_a_quick_run),
        TEST(an_aim_in_its_own_unit_is_judged_by_the_value),
        TEST(what_was_too_noisy_is_measured_again_while_patience_lasts),
        TEST(a_floor_that_drifted_is_said_to_be_noisy),
        TEST(own_time_is_not_that_of_others),
        TEST(the_99th_percentile_shows_single_operations),
        TEST(no_99th_percentile_of_few_samples),
        TEST(allocations_and_locks_are_counted),
        TEST(system_calls_are_counted),
        TEST(no_aim_was_moved),
        TEST(a_row_that_could_not_be_measured_says_why),
        TEST(a_document_has_the_same_rows),
        TEST(a_program_reads_the_same_rows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
