/* SPDX-License-Identifier: MIT
 *
 * VMMs that terminate VMBus themselves, and the channels offered to them.
 */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct vfp_vmm *vfp_channel_listen(struct vfp_host *host, const char *path)
{
    struct vfp_vmm *vmm = calloc(1, sizeof(*vmm));
    int result = vmm ? vmm_listen(host->loop, path, &vmm->vmm) : -ENOMEM;
    if (result) {
        free(vmm);
        host_fail(host, result, "%s: cannot listen: %s", path, strerror(-result));
        return NULL;
    }
    vmm->host = host;
    host_list_add(&host->vmms, vmm);
    return vmm;
}

static void close_channels(struct vfp_vmm *vmm)
{
    for (struct vfp_adapter *adapter = vmm->host->adapters; adapter; adapter = (void *)adapter->owned.next) {
        for (struct vfp_vf *vf = adapter->vfs; vf; vf = (void *)vf->owned.next) {
            if (vf->channel && vf->channel->vmm == vmm)
                vfp_channel_close(vf->channel);
        }
    }
}

void vfp_vmm_close(struct vfp_vmm *vmm)
{
    close_channels(vmm);
    vmm_close(vmm->vmm);
    host_list_remove(&vmm->host->vmms, vmm);
    free(vmm);
}

bool vfp_vmm_connected(struct vfp_vmm *vmm)
{
    return vmm_connected(vmm->vmm);
}

void vfp_vmm_observe(struct vfp_vmm *vmm, vfp_vmm_observer *observer, void *context)
{
    vmm_observe(vmm->vmm, observer, context);
}

int vfp_host_run(struct vfp_host *host, int stop_fd)
{
    HOST_ENTER(host);
    int result = vmm_loop_run(host->loop, stop_fd);
    HOST_LEAVE();
    return result;
}

/* ---- channels ---------------------------------------------------------------------------------------------------- */

static int create(void *context, const struct vmbus_offer *offer, struct vmbus_host **host)
{
    struct vfp_channel *channel = context;
    struct vmm_channel_asked asked = host_channel_asked;
    asked.context = channel;
    int result = vmm_channel_create(channel->vmm->vmm, offer, &asked, &channel->far);
    if (!result)
        *host = vmm_channel_host(channel->far);
    return result;
}

static void answered(void *context)
{
    struct vfp_channel *channel = context;
    vmm_channel_answered(channel->far);
}

int vfp_channel_offer(struct vfp_vmm *vmm, struct vfp_vf *vf, const struct vfp_channel_options *options,
                      struct vfp_channel **channel)
{
    const struct host_carrier carrier = {.vmm = vmm, .create = create, .answered = answered};
    return host_channel_add(vf, &carrier, options, channel);
}
