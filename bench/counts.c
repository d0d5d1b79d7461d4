/* SPDX-License-Identifier: MIT */
#include "counts.h"

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS 20u /* the copy has no worker threads: who needs one would wait for ever */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED
#endif
#endif

static _Thread_local struct bench_counts counted;

/* ---- routines that the linker leads here ------------------------------------------------------------------------ */

#define PASS(kind, type, name, parameters, arguments)                                                                  \
    type __real_##name parameters;                                                                                     \
    type __wrap_##name parameters;                                                                                     \
    type __wrap_##name parameters                                                                                      \
    {                                                                                                                  \
        counted.kind++;                                                                                                \
        return __real_##name arguments;                                                                                \
    }

PASS(allocations, void *, malloc, (size_t size), (size))
PASS(allocations, void *, calloc, (size_t count, size_t size), (count, size))
PASS(allocations, void *, realloc, (void *memory, size_t size), (memory, size))
PASS(allocations, void *, aligned_alloc, (size_t alignment, size_t size), (alignment, size))
PASS(allocations, int, posix_memalign, (void **memory, size_t alignment, size_t size), (memory, alignment, size))
PASS(allocations, void *, mmap, (void *at, size_t size, int protection, int flags, int fd, off_t offset),
     (at, size, protection, flags, fd, offset))
PASS(locks, int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
PASS(locks, int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
PASS(locks, int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
PASS(locks, int, pthread_cond_wait, (pthread_cond_t * condition, pthread_mutex_t *mutex), (condition, mutex))
PASS(locks, int, sem_wait, (sem_t * semaphore), (semaphore))

void bench_count(void (*run)(void *context, uint64_t count), void *context, uint64_t count, struct bench_counts *counts)
{
    counted = (struct bench_counts){0};
    run(context, count);
    *counts = counted;
}

/* ---- system calls ------------------------------------------------------------------------------------------------ */

struct calls {
    volatile long count;
    volatile int done;
};
static struct calls *calls; /* shared with the copy */

static void on_call(int signal)
{
    (void)signal;
    calls->count++;
}

/* From here on every call of this process but its end is a SIGSYS. */
static int trap_calls(void)
{
    static struct sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 1, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_rt_sigreturn, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_TRAP),
    };
    static const struct sock_fprog filter = {sizeof(program) / sizeof(program[0]), program};
    if (signal(SIGSYS, on_call) == SIG_ERR || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter);
}

long bench_count_system_calls(void (*run)(void *context, uint64_t count), void *context, uint64_t count,
                              const char **why)
{
#ifdef SANITIZED
    *why = "a sanitizer makes system calls of its own";
    return -1;
#endif
    *why = "no second process";
    calls = mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (calls == MAP_FAILED)
        return -1;
    pid_t copy = fork();
    if (copy == 0) {
        alarm(SECONDS);
        calls->done = -1;
        if (trap_calls() == 0) {
            run(context, count);
            calls->done = 1;
        }
        _exit(0);
    }
    if (copy > 0) {
        waitpid(copy, NULL, 0);
        *why = calls->done < 0 ? "no seccomp filter, or the requests did not end without threads" : "no seccomp filter";
    }
    long counted_calls = copy > 0 && calls->done == 1 ? calls->count : -1;
    munmap(calls, sizeof(*calls));
    return counted_calls;
}
