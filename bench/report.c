/* SPDX-License-Identifier: MIT
 *
 * The table, for people and for a document. A row is cells; how cells are set is the caller's.
 */
#include "bench.h"

#include <math.h>
#include <string.h>

#define TEXT 96

struct cells {
    char median[24], p99[24], samples[24], ratio[24], floor[24], aim[40], verdict[TEXT + 32];
};

static const char *const verdicts[BENCH_VERDICTS] = {
    [BENCH_NO_VERDICT] = "",
    [BENCH_MET] = "met",
    [BENCH_NOT_MET] = "NOT MET",
    [BENCH_TOO_NOISY] = "too noisy",
};

static const struct {
    enum bench_unit unit;
    double from;
    double divisor;
    const char *name;
} scales[] = {
    {BENCH_NS, 1e9, 1e9, "s"},         {BENCH_NS, 1e6, 1e6, "ms"},   {BENCH_NS, 1e4, 1e3, "us"}, {BENCH_NS, 0, 1, "ns"},
    {BENCH_BYTES, 10240, 1024, "KiB"}, {BENCH_BYTES, 0, 1, "bytes"}, {BENCH_COUNT, 0, 1, ""},
};

static void format_value(char *text, size_t size, enum bench_unit unit, double value)
{
    unsigned i = 0;
    while (scales[i].unit != unit || fabs(value) < scales[i].from)
        i++;
    value /= scales[i].divisor;
    const char *format = value == floor(value) ? "%.0f%s%s" : value < 100 ? "%.1f%s%s" : "%.0f%s%s";
    snprintf(text, size, format, value, *scales[i].name ? " " : "", scales[i].name);
}

/* The row's floor was another when the run ended: what was measured in between stands beside the one of its round. */
static void judge_floor(struct cells *cells, const struct bench_result *result)
{
    double drift = fabs(result->again / result->median - 1);
    if (result->again <= 0)
        return;
    if (drift > BENCH_SPREAD_MOST || result->taken > BENCH_TAKEN_MOST)
        snprintf(cells->verdict, sizeof(cells->verdict), "noisy: %+.0f %% at the end of the run, others had %.0f %%",
                 (result->again / result->median - 1) * 100, result->taken * 100);
    else
        snprintf(cells->verdict, sizeof(cells->verdict), "steady");
}

static void fill_aim(struct cells *cells, const struct bench_kind *kind)
{
    char most[24];
    if (kind->limit == BENCH_TIMES)
        snprintf(cells->aim, sizeof(cells->aim), "<= %g x", kind->most);
    if (kind->limit == BENCH_AT_MOST) {
        format_value(most, sizeof(most), kind->unit, kind->most);
        snprintf(cells->aim, sizeof(cells->aim), "<= %s", most);
    }
}

static void fill(struct cells *cells, enum bench_row_id row, const struct bench_result *result, bool judged)
{
    const struct bench_kind *kind = &bench_kinds[row];
    char why[TEXT];
    memset(cells, 0, sizeof(*cells));
    fill_aim(cells, kind);
    if (result->state != BENCH_MEASURED) {
        snprintf(cells->verdict, sizeof(cells->verdict), "%s: %s",
                 result->state == BENCH_SKIPPED ? "skipped" : "not measured", result->note);
        return;
    }
    format_value(cells->median, sizeof(cells->median), kind->unit, result->median);
    snprintf(cells->samples, sizeof(cells->samples), "%u", result->samples);
    if (result->samples >= BENCH_P99_LEAST)
        format_value(cells->p99, sizeof(cells->p99), kind->unit, result->p99);
    if (result->ratio > 0) {
        snprintf(cells->ratio, sizeof(cells->ratio), result->ratio < 100 ? "%.2f x" : "%.0f x", result->ratio);
        format_value(cells->floor, sizeof(cells->floor), bench_kinds[kind->floor].unit, result->floor);
    }
    if (!judged)
        return;
    enum bench_verdict verdict = bench_judge(kind, result, why, sizeof(why));
    snprintf(cells->verdict, sizeof(cells->verdict), "%s%s%s", verdicts[verdict], *why ? ": " : "", why);
    judge_floor(cells, result);
}

static void print_rows(const struct bench_table *table, FILE *stream, void (*head)(FILE *stream, const char *title),
                       void (*line)(FILE *stream, const struct bench_kind *kind, const struct cells *cells))
{
    unsigned section = BENCH_SECTIONS;
    for (unsigned row = 0; row < BENCH_ROWS; row++) {
        const struct bench_kind *kind = &bench_kinds[row];
        struct cells cells;
        if (table->row[row].state == BENCH_ABSENT)
            continue;
        if (kind->section != section)
            head(stream, bench_sections[kind->section]);
        section = kind->section;
        fill(&cells, row, &table->row[row], !table->quick || table->row[row].exact);
        line(stream, kind, &cells);
    }
}

/* ---- totals ----------------------------------------------------------------------------------------------------- */

static void count_verdicts(const struct bench_table *table, unsigned counts[BENCH_VERDICTS], unsigned *missing)
{
    char why[TEXT];
    *missing = 0;
    memset(counts, 0, BENCH_VERDICTS * sizeof(*counts));
    for (unsigned row = 0; row < BENCH_ROWS; row++) {
        counts[bench_judge(&bench_kinds[row], &table->row[row], why, sizeof(why))]++;
        *missing += table->row[row].state == BENCH_SKIPPED || table->row[row].state == BENCH_FAILED;
    }
}

static void print_totals(const struct bench_table *table, FILE *stream)
{
    unsigned counts[BENCH_VERDICTS], missing;
    count_verdicts(table, counts, &missing);
    if (table->quick)
        fprintf(stream, "a quick run: the rows run, their times mean nothing\n");
    else
        fprintf(stream, "%u aims met, %u not met, %u too noisy to tell; %u rows not measured\n", counts[BENCH_MET],
                counts[BENCH_NOT_MET], counts[BENCH_TOO_NOISY], missing);
}

bool bench_complete(const struct bench_table *table)
{
    for (unsigned row = 0; row < BENCH_ROWS; row++)
        if (table->row[row].state == BENCH_FAILED)
            return false;
    return true;
}

/* ---- for people -------------------------------------------------------------------------------------------------- */

static void head_text(FILE *stream, const char *title)
{
    fprintf(stream, "%s\n", title);
}

static void line_text(FILE *stream, const struct bench_kind *kind, const struct cells *cells)
{
    char line[320];
    int length = snprintf(line, sizeof(line), "  %-52s %11s %11s %8s %11s %9s  %-12s %s", kind->name, cells->median,
                          cells->p99, cells->samples, cells->floor, cells->ratio, cells->aim, cells->verdict);
    while (length > 0 && line[length - 1] == ' ')
        line[--length] = '\0';
    fprintf(stream, "%s\n", line);
}

void bench_print_text(const struct bench_table *table, FILE *stream)
{
    fprintf(stream, "%-54s %11s %11s %8s %11s %9s  %-12s\n", "", "median", "p99", "samples", "its floor", "to it",
            "aim");
    print_rows(table, stream, head_text, line_text);
    print_totals(table, stream);
}

/* ---- for a document ---------------------------------------------------------------------------------------------- */

static void head_markdown(FILE *stream, const char *title)
{
    fprintf(stream,
            "\n**%s**\n\n| row | | median | p99 | samples | its floor | to it | aim | |\n"
            "|---|---|--:|--:|--:|---|--:|---|---|\n",
            title);
}

static void line_markdown(FILE *stream, const struct bench_kind *kind, const struct cells *cells)
{
    char floor[64] = "";
    if (*cells->ratio)
        snprintf(floor, sizeof(floor), "`%s` %s", bench_kinds[kind->floor].id, cells->floor);
    fprintf(stream, "| `%s` | %s | %s | %s | %s | %s | %s | %s | %s |\n", kind->id, kind->name, cells->median,
            cells->p99, cells->samples, floor, cells->ratio, cells->aim, cells->verdict);
}

void bench_print_markdown(const struct bench_table *table, FILE *stream)
{
    print_rows(table, stream, head_markdown, line_markdown);
    fputc('\n', stream);
    print_totals(table, stream);
}
