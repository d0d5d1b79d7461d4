/* SPDX-License-Identifier: MIT */
#include "one_thread.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "input.h"

#define SETTLED_AFTER 10000u

bool (*one_thread_round)(void);
bool (*one_thread_rescue)(void);
static bool inside; /* the other side runs: it does not sleep, whatever it says */

int __real_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
long __real_syscall(long number, ...);
int __real_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __real_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *limit);

/* The linker's names. */
int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms);
long __wrap_syscall(long number, ...);
int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock);
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *limit);

static bool run_other(void)
{
    if (inside)
        return false;
    inside = true;
    bool did = one_thread_round();
    inside = false;
    return did;
}

static bool wait_for_other(void)
{
    return run_other() || (one_thread_rescue && one_thread_rescue());
}

void one_thread_settle(void)
{
    for (unsigned rounds = 0; run_other(); rounds++)
        MUST(rounds < SETTLED_AFTER);
}

int __wrap_poll(struct pollfd *fds, nfds_t count, int timeout_ms)
{
    if (!one_thread_round)
        return __real_poll(fds, count, timeout_ms);
    int ready = __real_poll(fds, count, 0);
    while (ready == 0 && timeout_ms != 0 && run_other())
        ready = __real_poll(fds, count, 0);
    MUST(ready || timeout_ms >= 0 || inside);
    return ready;
}

static long futex(_Atomic uint32_t *word, int operation, uint32_t value, const struct timespec *limit, uint32_t mask)
{
    bool waits = (operation & FUTEX_CMD_MASK) == FUTEX_WAIT || (operation & FUTEX_CMD_MASK) == FUTEX_WAIT_BITSET;
    if (!waits)
        return __real_syscall(SYS_futex, word, operation, value, limit, NULL, mask);
    bool changed = *word != value || (limit ? run_other() : wait_for_other());
    MUST(changed || limit);
    errno = changed ? EAGAIN : ETIMEDOUT;
    return -1;
}

long __wrap_syscall(long number, ...)
{
    long a[6];
    va_list arguments;
    va_start(arguments, number);
    for (unsigned i = 0; i < 6; i++)
        a[i] = va_arg(arguments, long);
    va_end(arguments);
    if (number == SYS_futex && one_thread_round)
        return futex((_Atomic uint32_t *)a[0], (int)a[1], (uint32_t)a[2], (const struct timespec *)a[3],
                     (uint32_t)a[5]);
    return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

int __wrap_pthread_cond_wait(pthread_cond_t *condition, pthread_mutex_t *lock)
{
    if (!one_thread_round)
        return __real_pthread_cond_wait(condition, lock);
    pthread_mutex_unlock(lock);
    MUST(wait_for_other());
    pthread_mutex_lock(lock);
    return 0;
}

int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *lock, const struct timespec *limit)
{
    if (!one_thread_round)
        return __real_pthread_cond_timedwait(condition, lock, limit);
    pthread_mutex_unlock(lock);
    bool did = run_other();
    pthread_mutex_lock(lock);
    return did ? 0 : ETIMEDOUT;
}
