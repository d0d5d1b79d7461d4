/* SPDX-License-Identifier: MIT
 *
 * Each kind of fault, tried: what was not as documented is said in TAP.
 */
#ifndef VFPLANE_TESTS_FAULTS_KINDS_H
#define VFPLANE_TESTS_FAULTS_KINDS_H

#include "way.h"

#define KINDS_LEARNED 3u /* runs in which the sites are learned */

/* What was reached, by way. */
struct known {
    struct site *site; /* the caller frees it */
    unsigned count;
};

extern unsigned kinds_ran, kinds_broken;      /* cases, and those of them that failed */
extern unsigned kinds_tried, kinds_unreached; /* sites, and those of them that were not reached again */

void kinds_comment(const char *lines);
void kinds_result(const char *why, const char *name); /* NULL: it is well */

/* Runs the way as it is and keeps what was reached; with the call stacks' names. */
struct known kinds_learn(enum road road, bool naming);

/* These give false when nothing was reached, and nothing was said. */
bool kinds_try_site(enum road road, const struct site *site, enum action action, unsigned nth);
bool kinds_fail_routine(const char *routine, const char *caller);
bool kinds_kill_machine(unsigned step);
bool kinds_try_driver(enum road road, bool host, unsigned number);

void kinds_fail_sites(enum road road, const struct known *known, unsigned every);
void kinds_kill_at_random(enum road road, const struct known *known, unsigned times);
void kinds_kill_machines(void);
void kinds_fail_driver_calls(enum road road, unsigned every);
void kinds_try_wakes(enum wake_mode mode, unsigned seed);
void kinds_wakes(unsigned seeds);
void kinds_pends(void);

#endif
