/* SPDX-License-Identifier: MIT
 *
 * The transport between two processes: rings and window in memory that both map, wake-ups, and control messages on a
 * socket (vpci-wire.md 3.2-3.5, 6.2).
 */
#include "vmbus/foreign.h"
#include "vmbus/host.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#define STRANGE_MAX 16u /* descriptors of kinds that no message has, then the connection ends */

/* ---- life ------------------------------------------------------------------------------------------------------- */

static int host_resources(struct vmbus_shared_host *host)
{
    host->base.kick = vmbus_kick_create();
    if (host->base.kick < 0)
        return host->base.kick;
    int error = vmbus_wake_create(&host->wake);
    if (error)
        return error;
    host->window_fd = vmbus_memory_create("vfplane window", host->window_pages);
    if (host->window_fd < 0)
        return host->window_fd;
    host->base.window = vmbus_memory_map(host->window_fd, host->window_pages);
    return host->base.window ? 0 : -errno;
}

void vmbus_shared_unmap(struct vmbus_shared_host *host)
{
    vmbus_memory_unmap(host->memory, host->pages);
    host->memory = NULL;
    host->base.in = host->base.out = NULL;
}

static void close_fd(int fd)
{
    if (fd >= 0)
        close(fd);
}

static struct vmbus_shared_host *shared(struct vmbus_host *base)
{
    return (struct vmbus_shared_host *)base;
}

static void shared_destroy(struct vmbus_host *base)
{
    struct vmbus_shared_host *host = shared(base);
    vmbus_shared_unmap(host);
    vmbus_gpadl_drop_all(&host->gpadls);
    vmbus_memory_unmap(host->base.window, host->window_pages);
    vmbus_wake_destroy(&host->wake);
    close_fd(host->base.kick);
    close_fd(host->window_fd);
    if (host->base.socket >= 0)
        vmbus_foreign_hang_up(host->base.socket);
    free(host);
}

/* ---- the transport ---------------------------------------------------------------------------------------------- */

static enum vmbus_event shared_control(struct vmbus_host *base)
{
    struct vmbus_shared_host *host = shared(base);
    struct vmbus_record record;
    if (host->gone)
        return VMBUS_GONE;
    int error = vmbus_record_receive(host->base.socket, &record);
    host->strange += record.strange;
    if (!error && host->strange > STRANGE_MAX)
        vmbus_record_close_fds(&record);
    if (host->strange > STRANGE_MAX)
        error = -EPIPE;
    if (error == -EAGAIN)
        return VMBUS_NOTHING;
    if (error == -EMSGSIZE)
        return vmbus_shared_ignore(host);
    if (error) {
        host->gone = true;
        return VMBUS_GONE;
    }
    enum vmbus_event event = vmbus_shared_dispatch(host, &record);
    vmbus_record_close_fds(&record);
    return host->gone ? VMBUS_GONE : event;
}

static void shared_kick_clear(struct vmbus_host *base)
{
    vmbus_kick_clear(base->kick);
}

static void shared_signal(struct vmbus_host *base)
{
    vmbus_wake_raise(&shared(base)->wake);
}

static void shared_rescind(struct vmbus_host *base)
{
    struct vmbus_shared_host *host = shared(base);
    if (host->rescinded)
        return;
    host->rescinded = true;
    struct vmbus_relid_message message = {
        .header.type = VMBUS_RESCIND_CHANNELOFFER,
        .relid = host->offer.relid,
    };
    if (host->offered)
        vmbus_shared_reply(host, &message, sizeof message, NULL, 0);
}

static const struct vmbus_transport shared_memory = {
    .name = "shared memory",
    .destroy = shared_destroy,
    .control = shared_control,
    .kick_clear = shared_kick_clear,
    .signal = shared_signal,
    .rescind = shared_rescind,
};

int vmbus_host_create(int socket, const struct vmbus_offer *offer, uint32_t window_pages, struct vmbus_host **result)
{
    if (offer->relid == 0 || offer->relid > VMBUS_RELID_MAX || window_pages == 0)
        return -EINVAL;
    struct vmbus_shared_host *host = calloc(1, sizeof *host);
    if (!host)
        return -ENOMEM;
    host->base.ops = &shared_memory;
    host->base.socket = host->base.kick = host->window_fd = host->wake.read_fd = host->wake.write_fd = -1;
    host->offer = *offer;
    host->window_pages = window_pages;
    int error = host_resources(host);
    if (error) {
        shared_destroy(&host->base);
        return error;
    }
    host->base.socket = socket;
    *result = &host->base;
    return 0;
}
