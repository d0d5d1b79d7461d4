/* SPDX-License-Identifier: MIT
 *
 * What the processes of a run have in common.
 */
#ifndef VFPLANE_TESTS_FAULTS_LIFE_H
#define VFPLANE_TESTS_FAULTS_LIFE_H

#include "way.h"

#define ANSWER_MS 1500  /* of a guest's patience with its host: a lost wake-up costs a run that much */
#define RUN_MS    60000 /* for a process that hangs */

/* Between the processes of a run. */
struct talk {
    int guest[2], other[2]; /* channels: host's end, guest's end */
    int guest_line[2], other_line[2];
};

enum process { HOST, GUEST, OTHER, PARENT };

struct shared {
    struct way way;
    char wrong[4][512];                   /* by process */
    char folder[32], path[64], stale[64]; /* of the VMM's socket; of the one that was there before */
    struct driver_calls calls;
};
extern struct shared *shared;

void wrong(const char *format, ...) __attribute__((format(printf, 1, 2)));
#define HOLDS(condition, ...)                                                                                          \
    do {                                                                                                               \
        if (!(condition))                                                                                              \
            wrong(__VA_ARGS__);                                                                                        \
    } while (0)

void say(int line, char what);
char hear(int line); /* what the other end said, or 0: it is gone */

/* A call failed, as its header says, and with a reason. Without an error: */
void failed(const char *call, int error, const char *text);
void failed_without_error(const char *call, const char *text);

/* The fault of this run is one of the time after the victim: the other guest may be who it meets. */
bool over_fails(void);

void host_life(struct talk *talk);
void guest_life(struct talk *talk);   /* the victim, at the other end of a channel's socket */
void machine_life(struct talk *talk); /* the victim, in a machine whose VMM is at the other end of a path */
void other_life(struct talk *talk);

#endif
