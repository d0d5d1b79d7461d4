/* SPDX-License-Identifier: MIT */
#ifndef VFPLANE_BENCH_COMMANDS_H
#define VFPLANE_BENCH_COMMANDS_H

#include "bench.h"

/* Is there such a program in PATH? */
bool bench_found(const char *program);
/* A row of `runs` (at most 200) runs of a command, which is split at blanks, beside its floor when that is ROW_PROCESS;
 * skipped without hyperfine. */
void bench_command(struct bench_table *table, enum bench_row_id row, const char *command, unsigned runs);

#endif
