/* SPDX-License-Identifier: MIT */
#include "scarce.h"

#include "test.h"

#include <errno.h>
#include <pthread.h>
#include <sys/epoll.h>

_Thread_local bool scarce_no_memory;
_Thread_local unsigned scarce_countdown;
atomic_long scarce_live;
atomic_bool scarce_no_threads, scarce_no_watch;

unsigned scarce_each(bool (*attempt)(void *context), void *context)
{
    for (unsigned call = 1;; call++) {
        long before = scarce_live;
        scarce_countdown = call;
        bool succeeded = attempt(context);
        bool failed_one = scarce_countdown == 0;
        scarce_countdown = 0;
        if (scarce_live != before)
            fail_msg("call %u: %ld allocations are left", call, (long)scarce_live - before);
        if (failed_one)
            continue;
        if (!succeeded)
            fail_msg("fails although each of its %u calls succeeds", call - 1);
        return call - 1;
    }
}

static bool refused(void)
{
    return scarce_no_memory || (scarce_countdown && --scarce_countdown == 0);
}

static void *counted(void *memory)
{
    scarce_live += memory != NULL;
    return memory;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *memory, size_t size);
int __real_posix_memalign(void **memory, size_t alignment, size_t size);
void __real_free(void *memory);
int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __real_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);

void *__wrap_malloc(size_t size);
void *__wrap_malloc(size_t size)
{
    return refused() ? NULL : counted(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size)
{
    return refused() ? NULL : counted(__real_calloc(count, size));
}

void *__wrap_realloc(void *memory, size_t size);
void *__wrap_realloc(void *memory, size_t size)
{
    if (refused())
        return NULL;
    return memory ? __real_realloc(memory, size) : counted(__real_realloc(NULL, size));
}

char *__real_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved);
char *__wrap_realpath(const char *path, char *resolved)
{
    if (!resolved && refused()) {
        errno = ENOMEM;
        return NULL;
    }
    char *found = __real_realpath(path, resolved);
    return resolved ? found : counted(found);
}

char *__wrap_strdup(const char *text);
char *__wrap_strdup(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __wrap_malloc(size);
    return copy ? memcpy(copy, text, size) : NULL;
}

void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return refused() ? NULL : counted(__real_aligned_alloc(alignment, size));
}

int __wrap_posix_memalign(void **memory, size_t alignment, size_t size);
int __wrap_posix_memalign(void **memory, size_t alignment, size_t size)
{
    int error = refused() ? ENOMEM : __real_posix_memalign(memory, alignment, size);
    scarce_live += error == 0;
    return error;
}

void __wrap_free(void *memory);
void __wrap_free(void *memory)
{
    scarce_live -= memory != NULL;
    __real_free(memory);
}

int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    bool refuse = scarce_no_threads || (!scarce_no_memory && refused());
    return refuse ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event);
int __wrap_epoll_ctl(int epoll, int operation, int fd, struct epoll_event *event)
{
    if (!scarce_no_watch || operation != EPOLL_CTL_ADD)
        return __real_epoll_ctl(epoll, operation, fd, event);
    errno = ENOSPC;
    return -1;
}
