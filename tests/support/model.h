/* SPDX-License-Identifier: MIT
 *
 * A deterministic scheduler for shipped code: every order in which a few threads can take their steps is tried.
 *
 * The threads are coroutines of one thread. A step ends before the next lock, wait or access to a watched word: nothing
 * else of another thread can be seen in between. The compiler says what is an access, not a macro: the shipped file is
 * compiled as for ThreadSanitizer, whose calls are the model's (model_sees.c), so that no spelling of an access can be
 * missed, a plain one included. Locks and condition variables are the model's too (the test is linked with --wrap, or
 * gives the locks of a room itself), so who waits for whom is known and a deadlock is found. After a run the last
 * choice that has an untried alternative is changed and all before it are repeated, until none is left. A state that
 * was met before (shared state, and for each thread all it has seen) is not explored again: what follows from it is
 * known.
 */
#ifndef VFPLANE_TEST_MODEL_H
#define VFPLANE_TEST_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_THREADS 4
#define MODEL_WATCHED 8

struct model_range {
    const volatile void *at;
    size_t bytes;
};

struct model {
    unsigned threads;
    void (*body)(void *context, unsigned thread);
    void (*begin)(void *context);     /* the state a run starts from */
    uint64_t (*state)(void *context); /* a hash of all that the threads share, and of the test's own books */
    /* Of what that thread may look at from a step to the next: one in which it gets `lock`, or (NULL) starts, or one of
     * the test's own. Not what it looks at where it forgets. A step at a watched word finds this word and nothing else.
     */
    uint64_t (*seen)(void *context, unsigned thread, const void *lock);
    void (*finished)(void *context); /* all threads have ended: checks */
    void *context;
    struct model_range
        watched[MODEL_WATCHED]; /* an access to any byte of them is a step; up to the first of no bytes */
};

struct model_result {
    unsigned long runs, states, steps;
    unsigned long atomics, plain; /* steps that were accesses to watched words */
};
/* Fails the test on a deadlock. */
struct model_result model_explore(const struct model *model);

/* From inside `body`. */
void model_forget(unsigned place); /* nothing the thread has seen so far matters any more but that it came to `place` */
void model_step(void);             /* others may go first */
/* The test's own accesses from here, or from here no longer, are no steps (a build with ThreadSanitizer sees them too). */
void model_overlook(bool on);
void model_lock(const void *lock);
void model_unlock(const void *lock);
void model_wait(const void *condition, const void *lock); /* until the next model_wake */
void model_wake(const void *condition);
/* The same of a pthread_mutex_t and a pthread_cond_t is done by their own calls. */

/* Whether a thread of the model runs now, and what model_sees.c tells of it. */
bool model_running(void);
void model_access(const volatile void *at, size_t bytes, bool atomic);

/* How many steps and accesses to watched words each script has is known: what is no longer seen is missed here,
 * whatever the orders give. False: other numbers than those, which are printed. */
struct model_count {
    unsigned long steps, atomics;
};
bool model_counted(const char *name, const struct model_result *result, struct model_count count);

static inline uint64_t model_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ hash >> 32 ^ value) * 0x9E3779B97F4A7C15ull + 0x632BE59BD9B4E019ull; /* no value stands still */
    return hash ^ hash >> 29;
}

#endif
