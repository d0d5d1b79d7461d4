/* SPDX-License-Identifier: MIT
 *
 * Control messages on a socket, and the descriptors beside them.
 */
#include "vmbus/control.h"
#include "vmbus/foreign.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Every descriptor the kernel gave us is either in the record afterwards or closed. True: there were too many. */
static bool keep_fds(struct msghdr *message, struct vmbus_record *record)
{
    int fds[VMBUS_FOREIGN_MAX];
    uint32_t count = vmbus_foreign_collect(message, fds);
    uint32_t kept = count < VMBUS_FDS_MAX ? count : VMBUS_FDS_MAX;
    for (uint32_t i = 0; i < count; i++)
        record->strange += !vmbus_foreign_harmless(fds[i]);
    memcpy(record->fd, fds, kept * sizeof fds[0]);
    record->fd_count = kept;
    vmbus_foreign_close(fds + kept, count - kept);
    return count > kept;
}

int vmbus_record_receive(int socket, struct vmbus_record *record)
{
    union vmbus_foreign_room control;
    memset(record, 0, sizeof *record);
    for (uint32_t i = 0; i < VMBUS_FDS_MAX; i++)
        record->fd[i] = -1;
    struct iovec part = {.iov_base = record->bytes, .iov_len = sizeof record->bytes};
    struct msghdr message = {
        .msg_iov = &part,
        .msg_iovlen = 1,
        .msg_control = control.bytes,
        .msg_controllen = sizeof control.bytes,
    };
    ssize_t got;
    do
        got = recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    bool surplus = keep_fds(&message, record);
    /* A record of no bytes and the end of the connection look alike; nobody sends empty records. */
    if (got == 0) {
        vmbus_record_close_fds(record);
        return -EPIPE;
    }
    record->length = (uint32_t)got;
    bool whole = !(message.msg_flags & MSG_TRUNC) && !surplus && (size_t)got >= sizeof record->header;
    /* That this process can hold no more descriptors is not the sender's fault, and it waits for an answer. */
    if (!whole || message.msg_flags & MSG_CTRUNC)
        vmbus_record_close_fds(record);
    return whole ? 0 : -EMSGSIZE;
}

int vmbus_record_take_fd(struct vmbus_record *record, uint32_t index)
{
    int fd = record->fd[index];
    record->fd[index] = -1;
    return fd;
}

void vmbus_record_close_fds(struct vmbus_record *record)
{
    for (uint32_t i = 0; i < record->fd_count; i++)
        if (record->fd[i] >= 0)
            vmbus_foreign_close(&record->fd[i], 1);
    record->fd_count = 0;
}

int vmbus_record_send(int socket, const void *message, size_t length, const int *fds, uint32_t fd_count)
{
    union vmbus_foreign_room control;
    memset(&control, 0, sizeof control);
    struct iovec part = {.iov_base = (void *)message, .iov_len = length};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (fd_count) {
        header.msg_control = control.bytes;
        header.msg_controllen = CMSG_SPACE(fd_count * sizeof(int));
        struct cmsghdr *rights = CMSG_FIRSTHDR(&header);
        rights->cmsg_level = SOL_SOCKET;
        rights->cmsg_type = SCM_RIGHTS;
        rights->cmsg_len = CMSG_LEN(fd_count * sizeof(int));
        memcpy(CMSG_DATA(rights), fds, fd_count * sizeof(int));
    }
    ssize_t sent;
    do
        sent = sendmsg(socket, &header, MSG_DONTWAIT | MSG_NOSIGNAL);
    while (sent < 0 && errno == EINTR);
    if (sent < 0)
        return errno == ECONNRESET ? -EPIPE : -errno;
    return 0;
}
