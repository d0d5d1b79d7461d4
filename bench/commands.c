/* SPDX-License-Identifier: MIT
 *
 * Whole processes, from fork to wait, by hyperfine: what a person who types them waits for.
 */
#include "commands.h"

#include <fcntl.h>
#include <jansson.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOTHING   "true"
#define RUNS_MOST 200u
#define FEW       2u  /* of what takes seconds: no run is thrown away */
#define LATE      4u  /* runs when it is late */
#define ROUNDS    5u  /* of a command, its floor before each of them: */
#define BESIDE    20u /* runs of it */

extern char **environ;

bool bench_found(const char *program)
{
    char path[512];
    const char *folders = getenv("PATH");
    for (const char *at = folders ? folders : "/usr/bin:/bin:/usr/sbin:/sbin"; *at;) {
        int length = (int)strcspn(at, ":");
        if (snprintf(path, sizeof(path), "%.*s/%s", length, at, program) < (int)sizeof(path) && access(path, X_OK) == 0)
            return true;
        at += length + (at[length] == ':');
    }
    return false;
}

/* Runs it with its output thrown away. Its wait status, or -1. */
static int run(char *const arguments[])
{
    posix_spawn_file_actions_t files;
    pid_t pid;
    int status = -1;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
    posix_spawn_file_actions_addopen(&files, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    if (posix_spawnp(&pid, arguments[0], &files, NULL, arguments, environ) == 0)
        waitpid(pid, &status, 0);
    posix_spawn_file_actions_destroy(&files);
    return status;
}

/* The times in ns that hyperfine exported; how many. */
static unsigned read_times(const char *path, double *ns)
{
    json_t *root = json_load_file(path, 0, NULL);
    json_t *times = json_object_get(json_array_get(json_object_get(root, "results"), 0), "times");
    unsigned count = 0;
    for (; count < json_array_size(times) && count < RUNS_MOST; count++)
        ns[count] = json_number_value(json_array_get(times, count)) * 1e9;
    json_decref(root);
    return count;
}

/* Times of `runs` runs of a command, which is split at blanks. How many there are; 0: it fails. */
static unsigned hyperfine(const char *command, unsigned runs, bool warm, double *ns)
{
    char path[] = "/tmp/vfplane-bench-XXXXXX", count[16];
    int fd = mkstemp(path);
    if (fd < 0)
        return 0;
    close(fd);
    snprintf(count, sizeof(count), "%u", runs);
    char *arguments[] = {"hyperfine",     "-N", "--style", "none", "--warmup",      warm ? "1" : "0",
                         "--export-json", path, "--runs",  count,  (char *)command, NULL};
    unsigned times = run(arguments) == 0 ? read_times(path, ns) : 0;
    unlink(path);
    return times;
}

/* ---- the rows ---------------------------------------------------------------------------------------------------- */

static const struct {
    enum bench_row_id row;
    unsigned runs;
    const char *command;
} commands[] = {
    {ROW_PROCESS, 200, NOTHING},
    {ROW_RUN, 20, BENCH_VFPLANE " run --trace none"},
    {ROW_REPLAY, 50, BENCH_VFPLANE " replay --trace none " BENCH_LOG},
    {ROW_DUMP, 100, BENCH_VFPLANE " dump"},
    {ROW_CHECK, 2, BENCH_VFPLANE " check " BENCH_PF_DRIVER},
};

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double *ns, unsigned count)
{
    qsort(ns, count, sizeof(*ns), ascending);
    return ns[count / 2];
}

/* In rounds, in each first a process that does nothing. How many times there are; 0: it fails. */
static unsigned run_beside(const char *command, unsigned runs, double *ns, double row[ROUNDS], double floor[ROUNDS],
                           unsigned *rounds)
{
    double some[RUNS_MOST];
    unsigned count = 0, each = runs > ROUNDS ? runs / ROUNDS : 1;
    for (*rounds = 0; *rounds < ROUNDS && count + each <= runs; ++*rounds) {
        unsigned floors = hyperfine(NOTHING, BESIDE, true, some);
        floor[*rounds] = floors ? median(some, floors) : 0;
        unsigned got = hyperfine(command, each, runs > FEW, ns + count);
        if (floors == 0 || got == 0)
            return 0;
        row[*rounds] = median(ns + count, got);
        count += got;
    }
    return count;
}

void bench_command(struct bench_table *table, enum bench_row_id row, const char *command, unsigned runs)
{
    double ns[RUNS_MOST], medians[ROUNDS], floors[ROUNDS];
    struct bench_beside beside = {medians, floors, 0};
    struct bench_watch watch;
    bool alone = bench_kinds[row].floor == ROW_NONE;
    if (!bench_found("hyperfine"))
        return bench_skipped(table, row, "hyperfine is not installed");
    bench_watch_start(&watch, bench_two_processors() ? 2 : 1);
    if (table->quick || (bench_late(table) && runs > LATE))
        runs = table->quick ? FEW : LATE;
    unsigned count =
        alone ? hyperfine(command, runs, true, ns) : run_beside(command, runs, ns, medians, floors, &beside.rounds);
    double taken = bench_watch_end(&watch);
    if (count == 0)
        bench_failed(table, row, command);
    else if (alone)
        bench_values(table, row, ns, count, taken);
    else
        bench_rounds(table, row, ns, count, &beside, taken);
}

void bench_processes(struct bench_table *table)
{
    for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (!table->quick || commands[i].row != ROW_CHECK)
            bench_command(table, commands[i].row, commands[i].command, commands[i].runs);
}
