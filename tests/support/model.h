/* SPDX-License-Identifier: MIT
 *
 * A deterministic scheduler for shipped code: every order in which a few threads can take their steps is tried.
 *
 * The threads are coroutines of one thread. A step ends before the next lock, wait or atomic operation on the watched
 * word: nothing else of another thread can be seen in between. Locks and condition variables are the model's (the test
 * is linked with --wrap), so who waits for whom is known and a deadlock is found. After a run the last choice that has
 * an untried alternative is changed and all before it are repeated, until none is left. A state that was met before
 * (shared state, and for each thread all it has seen) is not explored again: what follows from it is known.
 */
#ifndef VFPLANE_TEST_MODEL_H
#define VFPLANE_TEST_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#define MODEL_THREADS 4

struct model {
    unsigned threads;
    void (*body)(void *context, unsigned thread);
    void (*begin)(void *context);     /* the state a run starts from */
    uint64_t (*state)(void *context); /* a hash of all that the threads share, and of the test's own books */
    /* Of what a step of that thread may look at, but for what it looks at where it forgets. */
    uint64_t (*seen)(void *context, unsigned thread);
    void (*finished)(void *context); /* all threads have ended: checks */
    void *context;
    const volatile void *watched; /* the word whose atomic operations, or those on parts of it, are steps */
    unsigned watched_bytes;
};

struct model_result {
    unsigned long runs, states, steps, atomics;
};
/* Fails the test on a deadlock. */
struct model_result model_explore(const struct model *model);
/* From inside `body`: nothing the thread has seen so far matters any more but that it came to `place`. */
void model_forget(unsigned place);
/* A step, when it lies in the watched word. */
void model_atomic(const volatile void *word);

static inline uint64_t model_mix(uint64_t hash, uint64_t value)
{
    hash = (hash ^ value) * 0x9E3779B97F4A7C15ull;
    return hash ^ hash >> 29;
}

#endif
