/* SPDX-License-Identifier: MIT
 *
 * The table for programs: {"quick": false, "rows": [{"row": "STORE", ...}, ...]}. Numbers in ns, bytes or as counts.
 */
#include "bench.h"

#include <jansson.h>

static const char *const units[] = {[BENCH_NS] = "ns", [BENCH_BYTES] = "bytes", [BENCH_COUNT] = "count"};
static const char *const limits[] = {[BENCH_NO_AIM] = "none", [BENCH_TIMES] = "times", [BENCH_AT_MOST] = "at most"};
static const char *const states[] = {
    [BENCH_MEASURED] = "measured", [BENCH_SKIPPED] = "skipped", [BENCH_FAILED] = "failed"};
static const char *const verdicts[] = {
    [BENCH_NO_VERDICT] = "none",
    [BENCH_MET] = "met",
    [BENCH_NOT_MET] = "not met",
    [BENCH_TOO_NOISY] = "too noisy",
};

/* Takes `value`; nothing when it is NULL. */
static void put(json_t *object, const char *name, json_t *value)
{
    if (value)
        json_object_set_new(object, name, value);
}

static json_t *row_json(const struct bench_kind *kind, const struct bench_result *result, bool judged)
{
    char why[96] = "";
    json_t *object = json_object();
    enum bench_verdict verdict = judged ? bench_judge(kind, result, why, sizeof(why)) : BENCH_NO_VERDICT;
    put(object, "row", json_string(kind->id));
    put(object, "section", json_string(bench_sections[kind->section]));
    put(object, "name", json_string(kind->name));
    put(object, "unit", json_string(units[kind->unit]));
    put(object, "state", json_string(states[result->state]));
    put(object, "floor", kind->floor == ROW_NONE ? json_null() : json_string(bench_kinds[kind->floor].id));
    put(object, "limit", json_string(limits[kind->limit]));
    put(object, "most", kind->limit == BENCH_NO_AIM ? json_null() : json_real(kind->most));
    put(object, "verdict", json_string(verdicts[verdict]));
    put(object, "note", json_string(result->state == BENCH_MEASURED ? why : result->note));
    if (result->state != BENCH_MEASURED)
        return object;
    put(object, "median", json_real(result->median));
    put(object, "samples", json_integer(result->samples));
    put(object, "p99", result->samples < BENCH_P99_LEAST ? json_null() : json_real(result->p99));
    put(object, "floor_median", result->floor > 0 ? json_real(result->floor) : json_null());
    put(object, "ratio", result->ratio > 0 ? json_real(result->ratio) : json_null());
    put(object, "low", json_real(result->low));
    put(object, "high", json_real(result->high));
    put(object, "floor_spread", json_real(result->floor_spread));
    put(object, "taken_by_others", json_real(result->taken));
    put(object, "median_at_end", result->again > 0 ? json_real(result->again) : json_null());
    return object;
}

int bench_print_json(const struct bench_table *table, FILE *stream)
{
    json_t *root = json_object(), *rows = json_array();
    for (unsigned row = 0; row < BENCH_ROWS; row++)
        if (table->row[row].state != BENCH_ABSENT)
            json_array_append_new(
                rows, row_json(&bench_kinds[row], &table->row[row], !table->quick || table->row[row].exact));
    put(root, "quick", json_boolean(table->quick));
    put(root, "rows", rows);
    int result = root && json_dumpf(root, stream, JSON_INDENT(1) | JSON_REAL_PRECISION(6)) == 0 ? 0 : -1;
    fputc('\n', stream);
    json_decref(root);
    return result;
}
