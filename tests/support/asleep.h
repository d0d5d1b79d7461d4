/* SPDX-License-Identifier: MIT
 *
 * A thread that is known to wait: started, and asleep in the kernel. What it waits for is up to the case, which sees to
 * it that there is one thing only.
 */
#ifndef VFPLANE_TEST_ASLEEP_H
#define VFPLANE_TEST_ASLEEP_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <unistd.h>

#include "test.h"

struct asleep {
    pthread_t thread;
    _Atomic pid_t id;
    atomic_bool ended;
    void (*run)(void *context);
    void *context;
};

static inline void *asleep_main(void *context)
{
    struct asleep *asleep = context;
    asleep->id = gettid();
    asleep->run(asleep->context);
    asleep->ended = true;
    return NULL;
}

static inline char asleep_state(pid_t thread)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/self/task/%d/stat", (int)thread);
    FILE *file = fopen(path, "re");
    if (!file)
        return 0;
    char *got = fgets(line, sizeof line, file);
    fclose(file);
    char *name_end = got ? strrchr(line, ')') : NULL;
    return name_end && name_end[1] ? name_end[2] : 0;
}

/* Returns once it sleeps in `run`, or `run` has returned. */
static inline void asleep_start(struct asleep *asleep, void (*run)(void *context), void *context)
{
    *asleep = (struct asleep){.run = run, .context = context};
    assert_int_equal(pthread_create(&asleep->thread, NULL, asleep_main, asleep), 0);
    while (!asleep->id || (!asleep->ended && asleep_state(asleep->id) != 'S'))
        sched_yield();
}

static inline void asleep_join(struct asleep *asleep)
{
    assert_int_equal(pthread_join(asleep->thread, NULL), 0);
}

#endif
