/* SPDX-License-Identifier: MIT
 *
 * Paths that VMMs connect to, and the one thread that serves them. Events are taken one at a time and found by number:
 * what was closed meanwhile is not found.
 */
#include "vpci/vmm/internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define STOP    0u /* the serial number of stop_fd */
#define BACKLOG 4

struct vmm_loop *vmm_loop_create(void)
{
    struct vmm_loop *loop = calloc(1, sizeof *loop);
    if (!loop)
        return NULL;
    loop->epoll = epoll_create1(EPOLL_CLOEXEC);
    if (loop->epoll < 0) {
        free(loop);
        return NULL;
    }
    loop->spare = fcntl(loop->epoll, F_DUPFD_CLOEXEC, 0);
    pthread_mutex_init(&loop->lock, NULL);
    return loop;
}

void vmm_loop_destroy(struct vmm_loop *loop)
{
    if (!loop)
        return;
    close(loop->epoll);
    if (loop->spare >= 0)
        close(loop->spare);
    pthread_mutex_destroy(&loop->lock);
    free(loop);
}

/* ---- events ----------------------------------------------------------------------------------------------------- */

/* Who stayed in the queue would be found there again at once, and again. */
static void hang_up_one(struct vmm *vmm)
{
    struct vmm_loop *loop = vmm->loop;
    if (loop->spare >= 0)
        close(loop->spare);
    int fd = accept4(vmm->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        vmbus_foreign_hang_up(fd);
    loop->spare = fcntl(loop->epoll, F_DUPFD_CLOEXEC, 0);
    TRACE_NOTE("vmm", "%s: no descriptor for who connected", vmm->path);
}

static void accept_one(struct vmm *vmm)
{
    int fd = accept4(vmm->listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
    if (fd >= 0)
        vmm_connection_accept(vmm, fd);
    else if (errno == EMFILE || errno == ENFILE)
        hang_up_one(vmm);
}

static void serve(struct vmm_loop *loop, const struct epoll_event *event)
{
    uint64_t serial = event->data.u64;
    pthread_mutex_lock(&loop->lock);
    for (struct vmm *vmm = loop->vmms; vmm; vmm = vmm->next) {
        pthread_mutex_lock(&vmm->lock);
        if (vmm->serial == serial)
            accept_one(vmm);
        else if (vmm->connection && vmm->connection->serial == serial)
            vmm_connection_event(vmm->connection, event->events);
        pthread_mutex_unlock(&vmm->lock);
    }
    pthread_mutex_unlock(&loop->lock);
}

int vmm_loop_run(struct vmm_loop *loop, int stop_fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = STOP};
    if (stop_fd >= 0 && epoll_ctl(loop->epoll, EPOLL_CTL_ADD, stop_fd, &event) < 0)
        return -errno;
    int error = 0;
    for (;;) {
        int count = epoll_wait(loop->epoll, &event, 1, -1);
        if (count < 0 && errno != EINTR) {
            error = -errno;
            break;
        }
        if (count == 1 && event.data.u64 == STOP)
            break;
        if (count == 1)
            serve(loop, &event);
    }
    if (stop_fd >= 0)
        epoll_ctl(loop->epoll, EPOLL_CTL_DEL, stop_fd, NULL);
    return error;
}

/* ---- listening -------------------------------------------------------------------------------------------------- */

/* A socket file is left behind by a host that was killed; one that answers is somebody's. */
static bool left_behind(const struct sockaddr_un *address)
{
    struct stat status;
    if (lstat(address->sun_path, &status) < 0 || !S_ISSOCK(status.st_mode))
        return false;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool dead =
        probe >= 0 && connect(probe, (const struct sockaddr *)address, sizeof *address) < 0 && errno == ECONNREFUSED;
    if (probe >= 0)
        close(probe);
    return dead;
}

static int open_listener(const struct sockaddr_un *address)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    int bound = fchmod(fd, 0600); /* what the file in the folder gets */
    if (!bound)
        bound = bind(fd, (const struct sockaddr *)address, sizeof *address);
    if (bound < 0 && errno == EADDRINUSE && left_behind(address) && unlink(address->sun_path) == 0)
        bound = bind(fd, (const struct sockaddr *)address, sizeof *address);
    if (bound == 0 && listen(fd, BACKLOG) == 0)
        return fd;
    int error = -errno;
    if (bound == 0)
        unlink(address->sun_path); /* nobody will ever answer there */
    close(fd);
    return error;
}

static int watch(struct vmm *vmm)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = vmm->serial};
    return epoll_ctl(vmm->loop->epoll, EPOLL_CTL_ADD, vmm->listener, &event) < 0 ? -errno : 0;
}

int vmm_listen(struct vmm_loop *loop, const char *path, struct vmm **result)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    struct vmm *vmm = calloc(1, sizeof *vmm);
    if (!vmm)
        return -ENOMEM;
    strcpy(address.sun_path, path);
    strcpy(vmm->path, path);
    vmm->loop = loop;
    vmm->listener = open_listener(&address);
    if (vmm->listener < 0) {
        int error = vmm->listener;
        free(vmm);
        return error;
    }
    pthread_mutex_init(&vmm->lock, NULL);
    pthread_mutex_lock(&loop->lock);
    vmm->serial = ++loop->last_serial;
    vmm->next = loop->vmms;
    loop->vmms = vmm;
    pthread_mutex_unlock(&loop->lock);
    int error = watch(vmm);
    if (error) {
        vmm_close(vmm);
        return error;
    }
    *result = vmm;
    return 0;
}

/* Who has connected and was not accepted may have sent something already. */
static void close_listener(int listener)
{
    int fd;
    shutdown(listener, SHUT_RD);
    while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK)) >= 0)
        vmbus_foreign_hang_up(fd);
    close(listener);
}

void vmm_close(struct vmm *vmm)
{
    struct vmm_loop *loop = vmm->loop;
    struct vmm **at;
    pthread_mutex_lock(&loop->lock);
    for (at = &loop->vmms; *at != vmm; at = &(*at)->next)
        ;
    *at = vmm->next;
    pthread_mutex_lock(&vmm->lock);
    vmm_connection_end(vmm, "the host no longer listens");
    pthread_mutex_unlock(&vmm->lock);
    pthread_mutex_unlock(&loop->lock);
    close_listener(vmm->listener);
    unlink(vmm->path);
    pthread_mutex_destroy(&vmm->lock);
    free(vmm);
}

bool vmm_connected(struct vmm *vmm)
{
    pthread_mutex_lock(&vmm->lock);
    bool connected = vmm->connection && vmm->connection->greeted && !vmm->connection->dead;
    pthread_mutex_unlock(&vmm->lock);
    return connected;
}

void vmm_observe(struct vmm *vmm, vmm_observer *observer, void *context)
{
    pthread_mutex_lock(&vmm->lock);
    vmm->observer = observer;
    vmm->observer_context = context;
    pthread_mutex_unlock(&vmm->lock);
}
