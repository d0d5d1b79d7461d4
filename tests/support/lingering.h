/* SPDX-License-Identifier: MIT
 *
 * A descriptor whose closing waits for an hour: a TCP socket that lingers over what its peer does not read.
 */
#ifndef VFPLANE_TEST_LINGERING_H
#define VFPLANE_TEST_LINGERING_H

#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test.h"

struct lingering {
    int fd;
    int peer; /* closing it ends the wait */
};

static inline struct lingering lingering_make(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct linger hour = {.l_onoff = 1, .l_linger = 3600};
    struct lingering made;
    static const char bytes[65536];
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(listener >= 0);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 1), 0);
    assert_int_equal(getsockname(listener, (struct sockaddr *)&address, &length), 0);
    made.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(made.fd >= 0);
    assert_int_equal(connect(made.fd, (struct sockaddr *)&address, sizeof address), 0);
    made.peer = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    assert_true(made.peer >= 0);
    close(listener);
    while (send(made.fd, bytes, sizeof bytes, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        ;
    assert_int_equal(setsockopt(made.fd, SOL_SOCKET, SO_LINGER, &hour, sizeof hour), 0);
    return made;
}

static inline int lingering_say(int fd, int socket, const void *bytes, size_t length, unsigned copies)
{
    union {
        char bytes[CMSG_SPACE(253 * sizeof(int))];
        struct cmsghdr align;
    } room = {{0}};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = length};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = room.bytes,
                             .msg_controllen = CMSG_SPACE(copies * sizeof(int))};
    struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(copies * sizeof(int));
    for (unsigned i = 0; i < copies; i++)
        memcpy(CMSG_DATA(rights) + i * sizeof(int), &fd, sizeof(int));
    return sendmsg(socket, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length ? 0 : 1;
}

/* One message of those bytes, with the descriptor `copies` times; it is the receiver's alone afterwards. Said by a
 * process that ends, for the last to close it waits, except in ending. False: the receiver has hung up. */
static inline bool lingering_send(struct lingering *lingering, int socket, const void *bytes, size_t length,
                                  unsigned copies)
{
    int ready[2], status;
    char byte;
    assert_int_equal(pipe2(ready, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        close(ready[1]);
        if (read(ready[0], &byte, 1) != 0)
            _exit(2);
        _exit(lingering_say(lingering->fd, socket, bytes, length, copies));
    }
    close(lingering->fd);
    close(ready[0]);
    close(ready[1]);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

#endif
