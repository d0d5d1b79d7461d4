/* SPDX-License-Identifier: MIT
 *
 * Routines of libc and of the channel that fail where sites.c says so (meson.build renames them).
 */
#include "sites.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "vmbus/vmbus.h"

/* ---- memory --------------------------------------------------------------------------------------------------------
 */

static void *no_memory(void)
{
    errno = ENOMEM;
    return NULL;
}

static int refuse(int error)
{
    errno = error;
    return -1;
}

WRAPPED(void *, malloc, size_t size)
{
    return site("malloc", true) ? no_memory() : sites_note(__real_malloc(size));
}

WRAPPED(void *, calloc, size_t count, size_t size)
{
    return site("calloc", true) ? no_memory() : sites_note(__real_calloc(count, size));
}

WRAPPED(void *, realloc, void *memory, size_t size)
{
    if (site("realloc", true))
        return no_memory();
    void *moved = __real_realloc(memory, size);
    if (moved)
        sites_forget(memory);
    return sites_note(moved);
}

WRAPPED(void *, aligned_alloc, size_t alignment, size_t size)
{
    return site("aligned_alloc", true) ? no_memory() : sites_note(__real_aligned_alloc(alignment, size));
}

WRAPPED(int, posix_memalign, void **memory, size_t alignment, size_t size)
{
    if (site("posix_memalign", true))
        return ENOMEM;
    int error = __real_posix_memalign(memory, alignment, size);
    if (!error)
        sites_note(*memory);
    return error;
}

WRAPPED(char *, strdup, const char *text)
{
    return site("strdup", true) ? no_memory() : sites_note(__real_strdup(text));
}

WRAPPED(void, free, void *memory)
{
    sites_forget(memory);
    __real_free(memory);
}

WRAPPED(void *, mmap64, void *address, size_t length, int protection, int flags, int fd, off_t offset)
{
    if (site("mmap", true)) {
        errno = ENOMEM;
        return MAP_FAILED;
    }
    return __real_mmap64(address, length, protection, flags, fd, offset);
}

WRAPPED(int, mprotect, void *address, size_t length, int protection)
{
    return site("mprotect", true) ? refuse(ENOMEM) : __real_mprotect(address, length, protection);
}

WRAPPED(int, madvise, void *address, size_t length, int advice)
{
    return site("madvise", true) ? refuse(EAGAIN) : __real_madvise(address, length, advice);
}

/* ---- descriptors ---------------------------------------------------------------------------------------------------
 */

WRAPPED(int, memfd_create, const char *name, unsigned flags)
{
    return site("memfd_create", true) ? refuse(EMFILE) : __real_memfd_create(name, flags);
}

WRAPPED(int, ftruncate64, int fd, off_t size)
{
    return site("ftruncate", true) ? refuse(ENOMEM) : __real_ftruncate64(fd, size);
}

WRAPPED(int, eventfd, unsigned count, int flags)
{
    return site("eventfd", true) ? refuse(EMFILE) : __real_eventfd(count, flags);
}

WRAPPED(int, pipe2, int ends[2], int flags)
{
    return site("pipe2", true) ? refuse(ENFILE) : __real_pipe2(ends, flags);
}

WRAPPED(int, epoll_create1, int flags)
{
    return site("epoll_create1", true) ? refuse(EMFILE) : __real_epoll_create1(flags);
}

WRAPPED(int, epoll_ctl, int epoll, int operation, int fd, struct epoll_event *event)
{
    if (site("epoll_ctl", operation == EPOLL_CTL_ADD) && operation == EPOLL_CTL_ADD)
        return refuse(ENOSPC);
    return __real_epoll_ctl(epoll, operation, fd, event);
}

WRAPPED(int, epoll_wait, int epoll, struct epoll_event *events, int count, int timeout_ms)
{
    return site("epoll_wait", true) ? refuse(EINTR) : __real_epoll_wait(epoll, events, count, timeout_ms);
}

WRAPPED(int, poll, struct pollfd *fds, nfds_t count, int timeout_ms)
{
    return site("poll", true) ? refuse(EINTR) : __real_poll(fds, count, timeout_ms);
}

WRAPPED(ssize_t, sendmsg, int socket, const struct msghdr *message, int flags)
{
    return site("sendmsg", true) ? refuse(ENOBUFS) : __real_sendmsg(socket, message, flags);
}

WRAPPED(ssize_t, recvmsg, int socket, struct msghdr *message, int flags)
{
    return site("recvmsg", true) ? refuse(ENOMEM) : __real_recvmsg(socket, message, flags);
}

WRAPPED(int, open64, const char *path, int flags, ...)
{
    return site("open", true) ? refuse(EMFILE) : __real_open64(path, flags, 0);
}

WRAPPED(int, fcntl64, int fd, int command, ...)
{
    va_list arguments;
    va_start(arguments, command);
    long value = va_arg(arguments, long);
    va_end(arguments);
    return site("fcntl", true) ? refuse(ENOMEM) : __real_fcntl64(fd, command, value);
}

WRAPPED(void *, dlopen, const char *path, int flags)
{
    if (site("dlopen", true))
        return NULL;
    sites_pause(); /* what constructors of an image do is not ours */
    void *image = __real_dlopen(path, flags);
    sites_resume();
    return image;
}

WRAPPED(int, fstat64, int fd, struct stat64 *status)
{
    return site("fstat", true) ? refuse(ENOMEM) : __real_fstat64(fd, status);
}

WRAPPED(int, lstat64, const char *path, struct stat64 *status)
{
    return site("lstat", true) ? refuse(ENOMEM) : __real_lstat64(path, status);
}

WRAPPED(int, fstatfs64, int fd, struct statfs64 *status)
{
    return site("fstatfs", true) ? refuse(ENOMEM) : __real_fstatfs64(fd, status);
}

WRAPPED(int, fchmod, int fd, mode_t mode)
{
    return site("fchmod", true) ? refuse(EIO) : __real_fchmod(fd, mode);
}

WRAPPED(ssize_t, read, int fd, void *buffer, size_t size)
{
    return site("read", true) ? refuse(EINTR) : __real_read(fd, buffer, size);
}

WRAPPED(ssize_t, write, int fd, const void *buffer, size_t size)
{
    return site("write", true) ? refuse(EINTR) : __real_write(fd, buffer, size);
}

WRAPPED(ssize_t, pread64, int fd, void *buffer, size_t size, off64_t offset)
{
    return site("pread", true) ? refuse(EIO) : __real_pread64(fd, buffer, size, offset);
}

WRAPPED(ssize_t, sendfile64, int to, int from, off64_t *offset, size_t size)
{
    return site("sendfile", true) ? refuse(ENOMEM) : __real_sendfile64(to, from, offset, size);
}

WRAPPED(char *, realpath, const char *path, char *resolved)
{
    return site("realpath", true) ? no_memory() : sites_note(__real_realpath(path, resolved));
}

/* ---- sockets -------------------------------------------------------------------------------------------------------
 */

WRAPPED(int, socket, int domain, int type, int protocol)
{
    return site("socket", true) ? refuse(EMFILE) : __real_socket(domain, type, protocol);
}

WRAPPED(int, bind, int fd, const struct sockaddr *address, socklen_t length)
{
    return site("bind", true) ? refuse(ENOSPC) : __real_bind(fd, address, length);
}

WRAPPED(int, listen, int fd, int backlog)
{
    return site("listen", true) ? refuse(EADDRINUSE) : __real_listen(fd, backlog);
}

WRAPPED(int, connect, int fd, const struct sockaddr *address, socklen_t length)
{
    return site("connect", true) ? refuse(EAGAIN) : __real_connect(fd, address, length);
}

WRAPPED(int, accept4, int fd, struct sockaddr *address, socklen_t *length, int flags)
{
    return site("accept4", true) ? refuse(EMFILE) : __real_accept4(fd, address, length, flags);
}

WRAPPED(ssize_t, send, int fd, const void *bytes, size_t size, int flags)
{
    return site("send", true) ? refuse(ENOBUFS) : __real_send(fd, bytes, size, flags);
}

WRAPPED(int, setsockopt, int fd, int level, int option, const void *value, socklen_t length)
{
    return site("setsockopt", true) ? refuse(ENOMEM) : __real_setsockopt(fd, level, option, value, length);
}

WRAPPED(int, ioctl, int fd, unsigned long request, ...)
{
    va_list arguments;
    va_start(arguments, request);
    void *argument = va_arg(arguments, void *);
    va_end(arguments);
    return site("ioctl", true) ? refuse(ENOMEM) : __real_ioctl(fd, request, argument);
}

/* ---- threads -------------------------------------------------------------------------------------------------------
 */

WRAPPED(int, pthread_create, pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    return site("pthread_create", true) ? EAGAIN : __real_pthread_create(thread, attributes, run, context);
}

WRAPPED(int, sem_clockwait, sem_t *semaphore, clockid_t clock, const struct timespec *until)
{
    return site("sem_clockwait", true) ? refuse(EINTR) : __real_sem_clockwait(semaphore, clock, until);
}

/* ---- points to be killed at ----------------------------------------------------------------------------------------
 */

WRAPPED(int, vmbus_ring_send, struct vmbus_ring *ring, const struct vmbus_packet *packet, const void *payload,
        bool wait_for_room, bool *signal)
{
    site("vmbus_ring_send", false);
    return __real_vmbus_ring_send(ring, packet, payload, wait_for_room, signal);
}

WRAPPED(int, vmbus_ring_receive, struct vmbus_ring *ring, struct vmbus_packet *packet, void *buffer, uint32_t capacity,
        bool *signal)
{
    site("vmbus_ring_receive", false);
    return __real_vmbus_ring_receive(ring, packet, buffer, capacity, signal);
}
