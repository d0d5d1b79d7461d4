/* SPDX-License-Identifier: MIT
 *
 * Descriptors from elsewhere, closed without waiting for who made them.
 */
#include "vmbus/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EVENTFD "anon_inode:[eventfd]"
#define RECORDS 64u   /* unread ones that are looked at before a socket counts as suspicious */
#define BYTES   4096u /* of a stream, which are looked at as one record */

struct farewell {
    uint32_t count;
    int fds[];
};

bool vmbus_foreign_harmless(int fd)
{
    char path[32], target[sizeof EVENTFD];
    if (fcntl(fd, F_GET_SEALS) >= 0 || fcntl(fd, F_GETPIPE_SZ) >= 0)
        return true;
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(path, target, sizeof target);
    return length == (ssize_t)sizeof EVENTFD - 1 && memcmp(target, EVENTFD, sizeof EVENTFD - 1) == 0;
}

static void *close_all(void *context)
{
    struct farewell *farewell = context;
    for (uint32_t i = 0; i < farewell->count; i++)
        close(farewell->fds[i]);
    free(farewell);
    return NULL;
}

/* The host program's signals are not this thread's. */
static bool start(struct farewell *farewell)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    bool started = pthread_create(&thread, &attributes, close_all, farewell) == 0;
    pthread_attr_destroy(&attributes);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return started;
}

/* Without memory or a thread it is done here: better late than a leak. */
static void close_elsewhere(const int *fds, uint32_t count)
{
    struct farewell *farewell = malloc(sizeof *farewell + count * sizeof fds[0]);
    if (farewell) {
        farewell->count = count;
        memcpy(farewell->fds, fds, count * sizeof fds[0]);
        if (start(farewell))
            return;
        free(farewell);
    }
    for (uint32_t i = 0; i < count; i++)
        close(fds[i]);
}

void vmbus_foreign_close(const int *fds, uint32_t count)
{
    int strange[VMBUS_FOREIGN_MAX];
    uint32_t found = 0;
    for (uint32_t i = 0; i < count; i++) {
        if (found == VMBUS_FOREIGN_MAX || vmbus_foreign_harmless(fds[i]))
            close(fds[i]);
        else
            strange[found++] = fds[i];
    }
    if (found)
        close_elsewhere(strange, found);
}

uint32_t vmbus_foreign_collect(struct msghdr *message, int *fds)
{
    uint32_t found = 0;
    for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part; part = CMSG_NXTHDR(message, part)) {
        if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS)
            continue;
        uint32_t count = (uint32_t)((part->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(fds + found, CMSG_DATA(part), count * sizeof(int));
        found += count;
    }
    return found;
}

/* With no room for all of them some were closed already. */
ptrdiff_t vmbus_foreign_receive(int socket, void *bytes, size_t room, bool *descriptors)
{
    union vmbus_foreign_room control;
    int fds[VMBUS_FOREIGN_MAX];
    struct iovec part = {.iov_base = bytes, .iov_len = room};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    *descriptors = got >= 0 && (message.msg_controllen > 0 || (message.msg_flags & MSG_CTRUNC));
    if (*descriptors)
        vmbus_foreign_close(fds, vmbus_foreign_collect(&message, fds));
    return got < 0 ? -errno : got;
}

/* One message of any length in the queue, empty ones too: each has its sender's credentials. A stream has no empty
 * ones, and its end has credentials as well. 0: there is none; 1: it has no descriptors; -1: it has, or it cannot be
 * told. */
static int look(int socket, bool stream, int flags)
{
    union {
        char bytes[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } room;
    char bytes[BYTES];
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = room.bytes, .msg_controllen = sizeof room.bytes};
    ssize_t got = recvmsg(socket, &message, MSG_DONTWAIT | flags);
    if (got < 0)
        return errno == EINTR || errno == ECONNRESET ? 1 : errno == EAGAIN ? 0 : -1;
    if (message.msg_flags & MSG_CTRUNC)
        return -1;
    return message.msg_controllen > 0 && (got > 0 || !stream);
}

/* Takes one message and closes its descriptors. True: some are not harmless, and so may be those behind them. */
static bool take_descriptors(int socket)
{
    union vmbus_foreign_room control;
    int fds[VMBUS_FOREIGN_MAX];
    char bytes[BYTES];
    struct iovec part = {.iov_base = bytes, .iov_len = sizeof bytes};
    struct msghdr message = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes, .msg_controllen = sizeof control.bytes};
    if (recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
        return true;
    uint32_t count = vmbus_foreign_collect(&message, fds);
    bool strange = (message.msg_flags & MSG_CTRUNC) != 0;
    for (uint32_t i = 0; i < count; i++)
        strange |= !vmbus_foreign_harmless(fds[i]);
    vmbus_foreign_close(fds, count);
    return strange;
}

/* Looked at before it is taken, for who takes a message closes what of it finds no room. */
static bool may_hold_descriptors(int socket)
{
    int on = 1, type;
    socklen_t size = sizeof type;
    if (setsockopt(socket, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) < 0 ||
        getsockopt(socket, SOL_SOCKET, SO_TYPE, &type, &size) < 0)
        return true;
    for (unsigned i = 0; i < RECORDS; i++) {
        int found = look(socket, type == SOCK_STREAM, MSG_PEEK);
        if (found == 0)
            return false;
        if (found < 0 && take_descriptors(socket))
            return true;
        if (found > 0)
            look(socket, type == SOCK_STREAM, 0);
    }
    return true;
}

void vmbus_foreign_hang_up(int socket)
{
    shutdown(socket, SHUT_RDWR);
    if (may_hold_descriptors(socket))
        close_elsewhere(&socket, 1);
    else
        close(socket);
}
