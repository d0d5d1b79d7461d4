/* SPDX-License-Identifier: MIT */
#include "model.h"

#include <pthread.h>
#include <setjmp.h>
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
#define LOCKS   8
#define CHOICES 4096
#define NOBODY  MODEL_THREADS

/* Where a coroutine, or the scheduler, stands. */
struct place {
    ucontext_t context;
    jmp_buf jump;
    bool jumps;
    void *fake_stack;
    void *fiber; /* ThreadSanitizer's */
};

struct thread {
    uint64_t seen;                /* hash of what it has found at its steps */
    struct model_range stands_at; /* the word that its next step accesses; of no bytes: it is another step */
    const void *wants;
    const void *sleeps_on;
    bool ended;
};

struct choice {
    unsigned char taken, left; /* left: mask of those not tried yet */
};

static struct {
    const struct model *model;
    struct thread threads[MODEL_THREADS];
    unsigned running; /* NOBODY: the scheduler */
    struct place places[MODEL_THREADS], scheduler;
    bool leaving; /* the coroutines end */
    bool overlooks;
    const void *bottom;
    size_t size;
    struct {
        const void *lock;
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

/* ---- coroutines --------------------------------------------------------------------------------------------- */

/* swapcontext() asks the kernel each time, for a signal mask that is the same everywhere; a jump does not. Sanitizers
 * follow only the former. */
static void change(struct place *from, struct place *to)
{
    TSAN(__tsan_switch_to_fiber(to->fiber, 0));
#if defined(WITH_SANITIZER)
    swapcontext(&from->context, &to->context);
#else
    from->jumps = true;
    if (_setjmp(from->jump) != 0)
        return;
    if (to->jumps)
        _longjmp(to->jump, 1);
    setcontext(&to->context);
#endif
}

static void to_scheduler(void)
{
    struct place *self = &m.places[m.running];
    ASAN(__sanitizer_start_switch_fiber(m.leaving ? NULL : &self->fake_stack, m.bottom, m.size));
    change(self, &m.scheduler);
    ASAN(__sanitizer_finish_switch_fiber(self->fake_stack, &m.bottom, &m.size));
}

/* The same coroutine is the thread of each run. */
static void enter(void)
{
    ASAN(__sanitizer_finish_switch_fiber(NULL, &m.bottom, &m.size));
    while (!m.leaving) {
        m.model->body(m.model->context, m.running);
        m.threads[m.running].ended = true;
        to_scheduler();
    }
    to_scheduler();
}

static void to_thread(unsigned thread)
{
    m.running = thread;
    ASAN(__sanitizer_start_switch_fiber(&m.scheduler.fake_stack, stacks[thread], STACK));
    change(&m.scheduler, &m.places[thread]);
    ASAN(__sanitizer_finish_switch_fiber(m.scheduler.fake_stack, NULL, NULL));
    m.running = NOBODY;
}

static void make_coroutines(void)
{
    TSAN(m.scheduler.fiber = __tsan_get_current_fiber());
    for (unsigned i = 0; i < m.model->threads; i++) {
        struct place *place = &m.places[i];
        TSAN(place->fiber = __tsan_create_fiber(0));
        getcontext(&place->context);
        place->context.uc_stack.ss_sp = stacks[i];
        place->context.uc_stack.ss_size = STACK;
        makecontext(&place->context, enter, 0);
    }
}

static void end_coroutines(void)
{
    m.leaving = true;
    for (unsigned i = 0; i < m.model->threads; i++) {
        to_thread(i);
        TSAN(__tsan_destroy_fiber(m.places[i].fiber));
    }
}

/* ---- steps -------------------------------------------------------------------------------------------------- */

bool model_running(void)
{
    return m.model && m.running != NOBODY;
}

void model_forget(unsigned place)
{
    m.threads[m.running].seen = place + 1;
}

void model_step(void)
{
    if (model_running())
        to_scheduler();
}

void model_overlook(bool on)
{
    m.overlooks = on;
}

void model_access(const volatile void *at, size_t bytes, bool atomic)
{
    if (!model_running() || m.overlooks)
        return;
    for (const struct model_range *range = m.model->watched; range->bytes; range++) {
        if ((uintptr_t)at >= (uintptr_t)range->at + range->bytes || (uintptr_t)range->at >= (uintptr_t)at + bytes)
            continue;
        if (atomic)
            m.result.atomics++;
        else
            m.result.plain++;
        m.threads[m.running].stands_at = (struct model_range){at, bytes};
        to_scheduler();
        m.threads[m.running].stands_at.bytes = 0;
        return;
    }
}

static void run_one(unsigned thread)
{
    struct thread *next = &m.threads[thread];
    uint64_t found = 0;
    if (next->stands_at.bytes > sizeof found)
        next->stands_at.bytes = sizeof found; /* a plain range: it is told of in any case */
    if (next->stands_at.bytes)
        memcpy(&found, (const void *)next->stands_at.at, next->stands_at.bytes);
    else
        found = m.model->seen(m.model->context, thread, next->wants);
    next->seen = model_mix(next->seen, found);
    m.result.steps++;
    to_thread(thread);
}

/* ---- locks -------------------------------------------------------------------------------------------------- */

static unsigned *owner_of(const void *lock)
{
    unsigned at = 0;
    while (at < LOCKS && m.locks[at].lock && m.locks[at].lock != lock)
        at++;
    assert_true(at < LOCKS);
    if (!m.locks[at].lock) {
        m.locks[at].lock = lock;
        m.locks[at].owner = NOBODY;
    }
    return &m.locks[at].owner;
}

void model_lock(const void *lock)
{
    m.threads[m.running].wants = lock;
    to_scheduler();
    m.threads[m.running].wants = NULL;
    assert_int_equal(*owner_of(lock), NOBODY);
    *owner_of(lock) = m.running;
}

void model_unlock(const void *lock)
{
    assert_int_equal(*owner_of(lock), m.running);
    *owner_of(lock) = NOBODY;
}

void model_wait(const void *condition, const void *lock)
{
    m.threads[m.running].sleeps_on = condition;
    model_unlock(lock);
    model_lock(lock);
}

void model_wake(const void *condition)
{
    for (unsigned i = 0; i < m.model->threads; i++) {
        if (m.threads[i].sleeps_on == condition)
            m.threads[i].sleeps_on = NULL;
    }
}

int __real_pthread_mutex_lock(pthread_mutex_t *mutex);
int __real_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __real_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __real_pthread_cond_broadcast(pthread_cond_t *cond);
int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex);
int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex);
int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex);
int __wrap_pthread_cond_broadcast(pthread_cond_t *cond);

int __wrap_pthread_mutex_lock(pthread_mutex_t *mutex)
{
    if (!model_running())
        return __real_pthread_mutex_lock(mutex);
    model_lock(mutex);
    return 0;
}

int __wrap_pthread_mutex_unlock(pthread_mutex_t *mutex)
{
    if (!model_running())
        return __real_pthread_mutex_unlock(mutex);
    model_unlock(mutex);
    return 0;
}

int __wrap_pthread_cond_wait(pthread_cond_t *cond, pthread_mutex_t *mutex)
{
    if (!model_running())
        return __real_pthread_cond_wait(cond, mutex);
    model_wait(cond, mutex);
    return 0;
}

int __wrap_pthread_cond_broadcast(pthread_cond_t *cond)
{
    if (!model_running())
        return __real_pthread_cond_broadcast(cond);
    model_wake(cond);
    return 0;
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
    for (unsigned i = 0; i < LOCKS && m.locks[i].lock; i++) /* in an order of their own; free is as never taken */
        hash += m.locks[i].owner == NOBODY ? 0 : model_mix((uintptr_t)m.locks[i].lock, m.locks[i].owner);
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
    memset(m.threads, 0, sizeof m.threads);
    memset(m.locks, 0, sizeof m.locks);
    while ((mask = ready()) != 0)
        run_one(choose(mask));
    for (unsigned i = 0; i < m.model->threads; i++)
        assert_true(m.threads[i].ended); /* else: deadlock */
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
    make_coroutines();
    do
        run();
    while (backtrack());
    end_coroutines();
    m.result.states = m.count;
    m.model = NULL;
    free(m.visited);
    return m.result;
}

bool model_counted(const char *name, const struct model_result *result, struct model_count count)
{
    print_message("# %s: %lu orders, %lu states, %lu steps, %lu accesses\n", name, result->runs, result->states,
                  result->steps, result->atomics);
    if (result->plain)
        print_message("# %s: %lu accesses to watched words are not atomic\n", name, result->plain);
    if (result->steps != count.steps || result->atomics != count.atomics)
        print_message("# %s: expected %lu steps, %lu accesses\n", name, count.steps, count.atomics);
    return !result->plain && result->steps == count.steps && result->atomics == count.atomics;
}
