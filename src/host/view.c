/* SPDX-License-Identifier: MIT
 *
 * A VF's configuration space as the guest that has it reads it.
 */
#include "host/internal.h"

#include <endian.h>
#include <errno.h>
#include <pthread.h>
#include <string.h>

struct waiter {
    pthread_mutex_t lock;
    pthread_cond_t done;
    bool is_done;
};

static void wake(struct vstack_request *request)
{
    struct waiter *waiter = request->context;
    pthread_mutex_lock(&waiter->lock);
    waiter->is_done = true;
    pthread_cond_signal(&waiter->done);
    pthread_mutex_unlock(&waiter->lock);
}

/* One dword through the stack and, where the policy says so, the PF driver, which may take its time. */
static NTSTATUS read_dword(struct vstack_vf *vf, uint32_t offset, uint32_t *value)
{
    struct waiter waiter = {.lock = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};
    struct vstack_request request = {.done = wake, .context = &waiter};
    vstack_config_read(vf, &request, offset, sizeof(*value));
    pthread_mutex_lock(&waiter.lock);
    while (!waiter.is_done)
        pthread_cond_wait(&waiter.done, &waiter.lock);
    pthread_mutex_unlock(&waiter.lock);
    pthread_cond_destroy(&waiter.done);
    pthread_mutex_destroy(&waiter.lock);
    *value = request.value;
    return request.status;
}

static NTSTATUS read_all(struct vstack_vf *vf, uint8_t *space)
{
    static const struct vstack_partition nobody = {.name = "dump"};
    NTSTATUS status = vstack_vf_attach(vf, &nobody, NULL);
    if (!NT_SUCCESS(status))
        return status;
    for (uint32_t offset = 0; offset < VFP_CONFIG_SIZE && NT_SUCCESS(status); offset += 4) {
        uint32_t value;
        status = read_dword(vf, offset, &value);
        value = htole32(value);
        memcpy(space + offset, &value, sizeof(value));
    }
    vstack_vf_detach(vf);
    return status;
}

int vfp_vf_guest_view(struct vfp_vf *vf, void *buffer)
{
    struct vfp_host *host = vf->adapter->host;
    if (vf->channel)
        return host_fail(host, -EBUSY, "VF %u belongs to a guest", vfp_vf_index(vf));
    HOST_ENTER(host);
    NTSTATUS status = read_all(vf->vf, buffer);
    HOST_LEAVE();
    if (!NT_SUCCESS(status))
        return host_fail(host, host_errno(status), "VF %u: its guest's view: %s", vfp_vf_index(vf),
                         ndis_status_name(status));
    return 0;
}

int vfp_vf_guest_dump(struct vfp_vf *vf, FILE *stream)
{
    uint8_t space[VFP_CONFIG_SIZE];
    int result = vfp_vf_guest_view(vf, space);
    return result ? result : host_dump(vf->adapter->pf, (int)vfp_vf_index(vf), space, stream);
}
