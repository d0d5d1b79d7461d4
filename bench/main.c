/* SPDX-License-Identifier: MIT
 *
 * bench: what requests cost on this machine, each beside its floor and its aim. The exit status says only whether
 * everything could be measured; an aim that is not met stands in the table.
 */
#include <argp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "host.h"

#define LATE_NS     60000000000u /* a whole run takes less, on a machine that has nothing else to do */
#define PATIENCE_NS 15000000000u /* measuring again what was too noisy, in all */

enum format { TEXT, MARKDOWN, JSON };

struct arguments {
    enum format format;
    bool quick;
    enum bench_row_id only;
    const char *pf;
};

static const struct argp_option options[] = {
    {"json", 'j', NULL, 0, "the table for programs", 0},
    {"markdown", 'm', NULL, 0, "the table for a document", 0},
    {"quick", 'q', NULL, 0, "shows that the rows run; their times mean nothing", 0},
    {"only", 'o', "ROW", 0,
     "one row of rows.def, for seconds and without its floor: for a profiler; or its section, if that "
     "is measured as a whole",
     0},
    {"pf", 'p', "PF.so", 0, "a PF driver other than the reference driver", 0},
    {0},
};

static enum bench_row_id row_named(const char *name)
{
    for (unsigned row = 0; row < BENCH_ROWS; row++)
        if (strcmp(bench_kinds[row].id, name) == 0)
            return row;
    return ROW_NONE;
}

static error_t parse(int key, char *text, struct argp_state *state)
{
    struct arguments *arguments = state->input;
    switch (key) {
    case 'j':
        arguments->format = JSON;
        return 0;
    case 'm':
        arguments->format = MARKDOWN;
        return 0;
    case 'q':
        arguments->quick = true;
        return 0;
    case 'o':
        arguments->only = row_named(text);
        if (arguments->only == ROW_NONE)
            argp_error(state, "--only %s: no such row", text);
        return 0;
    case 'p':
        arguments->pf = text;
        return 0;
    case ARGP_KEY_ARG:
        argp_error(state, "%s: options only", text);
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct {
    enum bench_section_id section;
    void (*measure)(struct bench_table *table);
} sections[] = {
    {SECTION_FLOORS, bench_floors},     {SECTION_DEVICE, bench_device},     {SECTION_NDIS, bench_ndis},
    {SECTION_SPINNING, bench_spinning}, {SECTION_SLEEPING, bench_sleeping}, {SECTION_VMM, bench_vmm},
    {SECTION_MANY, bench_many},         {SECTION_MANY, bench_idle},         {SECTION_PROCESSES, bench_processes},
    {SECTION_INSTEAD, bench_instead},
};

/* A person who waits sees what for. */
static void show(const char *text)
{
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "\r\033[K%s", text);
}

static void measure(struct bench_table *table)
{
    bench_pin(0);
    for (unsigned i = 0; i < sizeof(sections) / sizeof(sections[0]); i++) {
        if (table->only != ROW_NONE && sections[i].section != bench_kinds[table->only].section)
            continue;
        show(bench_sections[sections[i].section]);
        sections[i].measure(table);
    }
    show("floors, again");
    if (table->only == ROW_NONE)
        bench_floors(table);
    show("");
}

int main(int argc, char **argv)
{
    static struct bench_table table;
    const struct argp argp = {
        .options = options,
        .parser = parse,
        .doc = "What requests cost on this machine, each beside its floor and its aim.",
    };
    struct arguments arguments = {.only = ROW_NONE};
    argp_parse(&argp, argc, argv, 0, NULL, &arguments);
    table.quick = arguments.quick;
    if (arguments.pf)
        bench_pf_driver = arguments.pf;
    table.only = arguments.only;
    table.patience_ns = PATIENCE_NS;
    table.late_ns = bench_machine->now_ns() + LATE_NS;
    measure(&table);
    if (arguments.format == JSON && bench_print_json(&table, stdout) != 0)
        return EXIT_FAILURE;
    if (arguments.format != JSON)
        (arguments.format == TEXT ? bench_print_text : bench_print_markdown)(&table, stdout);
    return bench_complete(&table) ? EXIT_SUCCESS : EXIT_FAILURE;
}
