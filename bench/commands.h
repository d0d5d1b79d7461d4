/* SPDX-License-Identifier: MIT */
#ifndef VFPLANE_BENCH_COMMANDS_H
#define VFPLANE_BENCH_COMMANDS_H

#include "bench.h"

/* Is there such a program in PATH? */
bool bench_found(const char *program);
/* Times of `runs` (at most 200) runs of a command, which is split at blanks. How many there are; 0: it fails. */
unsigned bench_hyperfine(const char *command, unsigned runs, double *ns);
/* A row of them; skipped without hyperfine. ROW_PROCESS comes first. */
void bench_command(struct bench_table *table, enum bench_row_id row, const char *command, unsigned runs);

#endif
