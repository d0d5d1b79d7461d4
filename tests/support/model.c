/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#include "sanitizer.h"
#include "test.h"

/* Both sanitizers want to hear of a change of stacks. */
#if defined(WITH_ASAN)
#include <sanitizer/common_interface_defs.h>
#define ASAN(...) __VA_ARGS__
#else
#define ASAN(...) ((void)0)
#endif
#if defined(WITH_TSAN)
#include <sanitizer/tsan_interface.h>
#define TSAN(...) __VA_ARGS__
#else
#define TSAN(...) ((void)0)
#endif

#define STACK   (256 * 1024)
#define LOCKS   4
#define CHOICES 4096
#define NOBODY  MODEL_THREADS

struct thread {
    ucontext_t context;
    void *fake_stack;
    void *fiber;   /* ThreadSanitizer's */
    uint64_t seen; /* hash of the shared states it has found at its steps */
    const pthread_mutex_t *wants;
    const pthread_cond_t *sleeps_on;
    bool ended;
};

struct choice {
    unsigned char taken, left; /* left: mask of those not tried yet */
};

static struct {
    const struct model *model;
    struct thread threads[MODEL_THREADS];
    unsigned running; /* NOBODY: the scheduler */
    ucontext_t scheduler;
    void *fake_stack;
    void *fiber;
    const void *bottom;
    size_t size;
    struct {
        const pthread_mutex_t *mutex;
        unsigned owner;
    } locks[LOCKS];
    struct choice choices[CHOICES];
    unsigned depth, known; /* where this run is; how many choices are repeated */
    bool exploring;
    uint64_t *visited;
    size_t capacity, count;
    struct model_result result;
} m;
static unsigned char stacks[MODEL_THREADS][STACK] __attribute__((aligned(64)));

/* ---- threads ------------------------------------------------------------------------------------------------ */

static void to_scheduler(void)
{
    struct thread *self = &m.threads[m.running];
    ASAN(__sanitizer_start_switch_fiber(self->ended ? NULL : &self->fake_stack, m.bottom, m.size));
    TSAN(__tsan_switch_to_fiber(m.fiber, 0));
    swapcontext(&self->context, &m.scheduler);
    ASAN(__sanitizer_finish_switch_fiber(self->fake_stack, &m.bottom, &m.size));
}

static void enter(void)
{
    ASAN(__sanitizer_finish_switch_fiber(NULL, &m.bottom, &m.size));
    m.model->body(m.model->context, m.running);
    m.threads[m.running].ended = true;
    to_scheduler();
}

void model_forget(unsigned place)
{
    m.threads[m.running].seen = place + 1;
}

static void run_one(unsigned thread)
{
    m.running = thread;
    m.threads[thread].seen = model_mix(m.threads[thread].seen, m.model->seen(m.model->context, thread));
    m.result.steps++;
    ASAN(__sanitizer_start_switch_fiber(&m.fake_stack, stacks[thread], STACK));
    TSAN(__tsan_switch_to_fiber(m.threads[thread].fiber, 0));
    swapcontext(&m.scheduler, &m.threads[thread].context);
    ASAN(__sanitizer_finish_switch_fiber(m.fake_stack, NULL, NULL));
    m.running = NOBODY;
}

static void make_thread(struct thread *thread, unsigned char *stack)
{
    TSAN(thread->fiber = __tsan_create_fiber(0));
    getcontext(&thread->context);
    thread->context.uc_stack.ss_sp = stack;
    thread->context.uc_stack.ss_size = STACK;
    makecontext(&thread->context, enter, 0);
}

static void make_threads(void)
{
    memset(m.threads, 0, sizeof m.threads);
    memset(m.locks, 0, sizeof m.locks);
    for (unsigned i = 0; i < m.model->threads; i++)
        make_thread(&m.threads[i], stacks[i]);
}

/* ---- locks -------------------------------------------------------------------------------------------------- */

static unsigned *owner_of(const pthread_mutex_t *mutex)
{
    unsigned at = 0;
    while (at < LOCKS && m.locks[at].mutex && m.locks[at].mutex != mutex)
        at++;
    assert_true(at < LOCKS);
    if (!m.locks[at].mutex) {
        m.locks[at].mutex = mutex;
        m.locks[at].owner = NOBODY;
    }
    return &m.locks[at].owner;
}

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __real_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);

static bool modelled(void)
{
    return m.model && m.running != NOBODY;
}

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (!modelled())
        return __real_pthread_mutex_lock(mutex);
    m.threads[m.running].wants = mutex;
    to_scheduler();
    m.threads[m.running].wants = NULL;
    assert_int_equal(*owner_of(mutex), NOBODY);
    *owner_of(mutex) = m.running;
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (!modelled())
        return __real_pthread_mutex_unlock(mutex);
    assert_int_equal(*owner_of(mutex), m.running);
    *owner_of(mutex) = NOBODY;
    return 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    if (!modelled())
        return __real_pthread_cond_wait(cond, mutex);
    m.threads[m.running].sleeps_on = cond;
    __wrap_pthread_mutex_unlock(mutex);
    return __wrap_pthread_mutex_lock(mutex);
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    if (!modelled())
        return __real_pthread_cond_broadcast(cond);
    for (unsigned i = 0; i < m.model->threads; i++) {
        if (m.threads[i].sleeps_on == cond)
            m.threads[i].sleeps_on = NULL;
    }
    return 0;
}

void model_atomic(const volatile void *word)
{
    if (!modelled() || (uintptr_t)word - (uintptr_t)m.model->watched >= m.model->watched_bytes)
        return;
    m.result.atomics++;
    to_scheduler();
}

/* ---- exploring ---------------------------------------------------------------------------------------------- */

static unsigned ready(void)
{
    unsigned mask = 0;
    for (unsigned i = 0; i < m.model->threads; i++) {
        const struct thread *thread = &m.threads[i];
        if (!thread->ended && !thread->sleeps_on && (!thread->wants || *owner_of(thread->wants) == NOBODY))
            mask |= 1u << i;
    }
    return mask;
}

static uint64_t signature(void)
{
    uint64_t hash = m.model->state(m.model->context);
    for (unsigned i = 0; i < m.model->threads; i++) {
        hash = model_mix(hash, m.threads[i].seen);
        hash = model_mix(hash, (uint64_t)(m.threads[i].sleeps_on != NULL) << 1 | m.threads[i].ended);
    }
    for (unsigned i = 0; i < LOCKS && m.locks[i].mutex; i++) /* in an order of their own */
        hash += model_mix((uintptr_t)m.locks[i].mutex, m.locks[i].owner);
    return hash ? hash : 1;
}

static bool insert(uint64_t *set, size_t capacity, uint64_t hash)
{
    size_t at = hash % capacity;
    while (set[at] && set[at] != hash)
        at = (at + 1) % capacity;
    if (set[at])
        return false;
    set[at] = hash;
    return true;
}

/* False: was there. */
static bool visit(uint64_t hash)
{
    if (m.count * 2 >= m.capacity) {
        size_t capacity = m.capacity ? m.capacity * 2 : 1 << 16;
        uint64_t *grown = calloc(capacity, sizeof *grown);
        assert_non_null(grown);
        for (size_t i = 0; i < m.capacity; i++) {
            if (m.visited[i])
                insert(grown, capacity, m.visited[i]);
        }
        free(m.visited);
        m.visited = grown;
        m.capacity = capacity;
    }
    if (!insert(m.visited, m.capacity, hash))
        return false;
    m.count++;
    return true;
}

static unsigned choose(unsigned mask)
{
    unsigned first = (unsigned)__builtin_ctz(mask);

    if (m.depth < m.known)
        return m.choices[m.depth++].taken;
    if (m.exploring && !visit(signature()))
        m.exploring = false; /* only to its end */
    if (!m.exploring)
        return first;
    assert_true(m.depth < CHOICES);
    m.choices[m.depth++] = (struct choice){(unsigned char)first, (unsigned char)(mask & ~(1u << first))};
    m.known = m.depth;
    return first;
}

static void run(void)
{
    unsigned mask;
    m.depth = 0;
    m.exploring = true;
    m.model->begin(m.model->context);
    make_threads();
    while ((mask = ready()) != 0)
        run_one(choose(mask));
    for (unsigned i = 0; i < m.model->threads; i++) {
        assert_true(m.threads[i].ended); /* else: deadlock */
        TSAN(__tsan_destroy_fiber(m.threads[i].fiber));
    }
    m.model->finished(m.model->context);
    m.result.runs++;
}

static bool backtrack(void)
{
    while (m.known) {
        struct choice *last = &m.choices[m.known - 1];
        if (last->left) {
            last->taken = (unsigned char)__builtin_ctz(last->left);
            last->left &= (unsigned char)~(1u << last->taken);
            return true;
        }
        m.known--;
    }
    return false;
}

struct model_result model_explore(const struct model *model)
{
    memset(&m, 0, sizeof m);
    m.model = model;
    m.running = NOBODY;
    TSAN(m.fiber = __tsan_get_current_fiber());
    do
        run();
    while (backtrack());
    m.result.states = m.count;
    m.model = NULL;
    free(m.visited);
    return m.result;
}
