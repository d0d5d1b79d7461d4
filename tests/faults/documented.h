/* SPDX-License-Identifier: MIT
 *
 * The errors that include/vfplane/ names for each call that the way makes, and those that came.
 */
#ifndef VFPLANE_TESTS_FAULTS_DOCUMENTED_H
#define VFPLANE_TESTS_FAULTS_DOCUMENTED_H

#include <stdbool.h>

void documented_create(void); /* before the first fork: what comes is kept for all processes */
/* Whether the header names that error for that call; counts it. */
bool documented(const char *call, int error);
/* A failure without an error: NULL, a guest that could not use its VF. */
void documented_note(const char *call);
/* Prints what came, a comment a call. Returns how many failures that were. */
unsigned documented_print(void);

#endif
