/* SPDX-License-Identifier: MIT
 *
 * One VMM's connection: bytes in, whole frames out of them; frames to it, kept until the socket takes them.
 */
#include "vpci/vmm/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define NOT_READING "the VMM broke NOT_READING"

/* ---- out -------------------------------------------------------------------------------------------------------- */

/* Nothing more goes out; the loop finds the socket readable and frees the connection. */
static void give_up(struct vmm *vmm, const char *reason)
{
    vmm->connection->dead = true;
    shutdown(vmm->connection->fd, SHUT_RDWR);
    vmm_channels_end(vmm, reason);
}

static bool reachable(const struct vmm *vmm)
{
    return vmm->connection && !vmm->connection->dead;
}

uint32_t vmm_unread(const struct vmm *vmm)
{
    return reachable(vmm) ? vmm->connection->queued - vmm->connection->sent : 0;
}

/* What is sent is let go of, so that the queue begins at the front. */
static void compact(struct vmm_connection *connection)
{
    uint32_t sent = connection->sent;
    memmove(connection->out, connection->out + sent, connection->queued - sent);
    connection->queued -= sent;
    connection->head -= sent;
    connection->sent = 0;
}

void *vmm_frame_begin(struct vmm *vmm, uint16_t type, uint32_t channel, uint32_t id, uint32_t length)
{
    struct vmm_connection *connection = vmm->connection;
    if (!reachable(vmm))
        return NULL;
    if (length > VMM_UNREAD_MAX - connection->queued)
        compact(connection);
    if (length > VMM_UNREAD_MAX - connection->queued) {
        TRACE_REFUSE("vmm", "NOT_READING vmm-integration.md", "%s: %u bytes wait for it", vmm->path, vmm_unread(vmm));
        give_up(vmm, NOT_READING);
        return NULL;
    }
    struct vfp_vmm_frame *frame = (void *)(connection->out + connection->queued);
    memset(frame, 0, length);
    *frame = (struct vfp_vmm_frame){.length = length, .type = type, .channel = channel, .id = id};
    return frame;
}

void vmm_frame_end(struct vmm *vmm)
{
    struct vmm_connection *connection = vmm->connection;
    const struct vfp_vmm_frame *frame = (const void *)(connection->out + connection->queued);
    if (vmm->observer)
        vmm->observer(vmm->observer_context, false, frame);
    connection->queued += frame->length;
}

bool vmm_is_queued(const struct vmm *vmm, const struct vfp_vmm_frame *frame)
{
    const struct vmm_connection *connection = vmm->connection;
    if (!reachable(vmm))
        return false;
    for (uint32_t at = connection->head; at < connection->queued;) {
        const struct vfp_vmm_frame *queued = (const void *)(connection->out + at);
        if (queued->length == frame->length && memcmp(queued, frame, frame->length) == 0)
            return true;
        at += queued->length;
    }
    return false;
}

static void ask_for_out(struct vmm *vmm, bool wanted)
{
    struct vmm_connection *connection = vmm->connection;
    struct epoll_event event = {.events = EPOLLIN | (wanted ? EPOLLOUT : 0), .data.u64 = connection->serial};
    if (connection->wants_out == wanted)
        return;
    connection->wants_out = wanted;
    epoll_ctl(vmm->loop->epoll, EPOLL_CTL_MOD, connection->fd, &event);
}

/* `head` follows to the first frame that begins at or behind `sent`. */
static void advance_head(struct vmm_connection *connection)
{
    while (connection->head < connection->sent)
        connection->head += ((const struct vfp_vmm_frame *)(const void *)(connection->out + connection->head))->length;
}

/* Whoever waits for room is seen to by the loop, also when another thread empties the queue. */
void vmm_flush(struct vmm *vmm)
{
    struct vmm_connection *connection = vmm->connection;
    ssize_t sent = 1;
    if (!reachable(vmm))
        return;
    while (connection->sent < connection->queued && sent > 0) {
        do
            sent = send(connection->fd, connection->out + connection->sent, connection->queued - connection->sent,
                        MSG_DONTWAIT | MSG_NOSIGNAL);
        while (sent < 0 && errno == EINTR);
        if (sent > 0)
            connection->sent += (uint32_t)sent;
    }
    if (sent < 0 && errno != EAGAIN) {
        give_up(vmm, NULL);
        return;
    }
    advance_head(connection);
    if (connection->sent == connection->queued)
        connection->sent = connection->head = connection->queued = 0;
    ask_for_out(vmm, connection->queued > 0 || vmm->behind || vmm->held);
}

bool vmm_has_read(struct vmm *vmm)
{
    if (vmm_unread(vmm) > VMM_UNREAD_SOFT)
        vmm_flush(vmm);
    return vmm_unread(vmm) <= VMM_UNREAD_SOFT;
}

/* ---- in --------------------------------------------------------------------------------------------------------- */

static void observe(struct vmm *vmm, const struct vfp_vmm_frame *frame)
{
    if (vmm->observer)
        vmm->observer(vmm->observer_context, true, frame);
}

static bool length_is_wrong(struct vmm *vmm, const struct vfp_vmm_frame *frame)
{
    if (frame->length >= sizeof *frame && frame->length <= VFP_VMM_FRAME_MAX)
        return false;
    struct vfp_vmm_frame header = *frame;
    observe(vmm, &header);
    vmm_refuse(vmm, &header, VFP_VMM_RULE_FRAME_LENGTH);
    return true;
}

/* The frames that are whole; false: the connection ends. */
static bool take_frames(struct vmm_connection *connection)
{
    uint32_t at = 0;
    bool good = true;
    while (good && connection->filled - at >= sizeof(struct vfp_vmm_frame)) {
        const struct vfp_vmm_frame *frame = (const void *)(connection->in + at);
        if (length_is_wrong(connection->vmm, frame))
            return false;
        if (frame->length > connection->filled - at)
            break;
        observe(connection->vmm, frame);
        at += frame->length;
        good = vmm_frame_take(connection, frame);
    }
    connection->filled -= at;
    memmove(connection->in, connection->in + at, connection->filled);
    return good && !connection->dead;
}

/* One read an event, so that a VMM that sends without end costs others no more than it may. No frame carries
 * descriptors. */
static bool fill(struct vmm_connection *connection)
{
    bool descriptors;
    ptrdiff_t got = vmbus_foreign_receive(connection->fd, connection->in + connection->filled,
                                          sizeof connection->in - connection->filled, &descriptors);
    if (got < 0)
        return got == -EAGAIN;
    if (descriptors) {
        connection->reason = "the VMM sent a descriptor";
        return false;
    }
    connection->filled += (uint32_t)got;
    return got > 0;
}

/* ---- life ------------------------------------------------------------------------------------------------------- */

void vmm_connection_end(struct vmm *vmm, const char *reason)
{
    struct vmm_connection *connection = vmm->connection;
    if (!connection)
        return;
    vmm->connection = NULL;
    vmm_channels_end(vmm, reason);
    epoll_ctl(vmm->loop->epoll, EPOLL_CTL_DEL, connection->fd, NULL);
    vmbus_foreign_hang_up(connection->fd);
    free(connection);
}

void vmm_connection_event(struct vmm_connection *connection, uint32_t events)
{
    struct vmm *vmm = connection->vmm;
    if ((events & EPOLLIN) && !connection->dead) {
        if (!fill(connection) || !take_frames(connection)) {
            vmm_flush(vmm);
            vmm_connection_end(vmm, connection->reason);
            return;
        }
    } else if ((events & (EPOLLHUP | EPOLLERR)) || connection->dead) {
        vmm_connection_end(vmm, NULL);
        return;
    }
    vmm_flush(vmm);
    vmm_channels_say(vmm);
    vmm_channels_drain(vmm);
    vmm_flush(vmm);
}

static struct vmm_connection *connection_new(struct vmm *vmm, int fd)
{
    struct vmm_connection *connection = malloc(sizeof *connection);
    if (!connection)
        return NULL;
    memset(connection, 0, offsetof(struct vmm_connection, in));
    connection->vmm = vmm;
    connection->fd = fd;
    connection->serial = ++vmm->loop->last_serial;
    return connection;
}

/* Beside the one that is served: it is told, and goes. */
static void turn_away(struct vmm *vmm, int fd)
{
    struct vfp_vmm_error error = {
        .frame = {.length = sizeof error, .type = VFP_VMM_ERROR},
        .rule = VFP_VMM_RULE_ONE_VMM,
        .version = VFP_VMM_VERSION,
        .name = "ONE_VMM",
    };
    if (vmm->observer)
        vmm->observer(vmm->observer_context, false, &error.frame);
    if (send(fd, &error, sizeof error, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        TRACE_NOTE("vmm", "a second VMM left before it was told");
    vmbus_foreign_hang_up(fd);
}

void vmm_connection_accept(struct vmm *vmm, int fd)
{
    if (vmm->connection && vmm->connection->greeted && !vmm->connection->dead) {
        TRACE_REFUSE("vmm", "ONE_VMM vmm-integration.md", "%s", vmm->path);
        turn_away(vmm, fd);
        return;
    }
    vmm_connection_end(vmm, NULL);
    struct vmm_connection *connection = connection_new(vmm, fd);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = connection ? connection->serial : 0};
    if (!connection || epoll_ctl(vmm->loop->epoll, EPOLL_CTL_ADD, fd, &event) < 0) {
        free(connection);
        vmbus_foreign_hang_up(fd);
        return;
    }
    vmm->connection = connection;
}
