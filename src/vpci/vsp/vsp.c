/* SPDX-License-Identifier: MIT
 *
 * The VSP as the host program sees it.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 64u

/* With one processor the other side cannot answer while we spin. */
static unsigned default_spin(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) < 2)
        return 0;
    return VMBUS_SPIN_DEFAULT;
}

struct vsp *vsp_create(struct nt_partition *partition, unsigned workers)
{
    struct vsp *vsp;

    if (workers < 1 || workers > WORKERS_MAX)
        return NULL;
    vsp = calloc(1, sizeof(*vsp));
    if (!vsp)
        return NULL;
    vsp->partition = partition;
    atomic_store(&vsp->spin, default_spin());
    pthread_mutex_init(&vsp->lock, NULL);
    vsp->workers = calloc(workers, sizeof(*vsp->workers));
    while (vsp->workers && vsp->worker_count < workers && vsp_worker_start(&vsp->workers[vsp->worker_count], vsp))
        vsp->worker_count++;
    if (vsp->worker_count == workers)
        return vsp;
    vsp_destroy(vsp);
    return NULL;
}

void vsp_destroy(struct vsp *vsp)
{
    if (!vsp)
        return;
    while (vsp->all)
        vsp_channel_remove(vsp->all);
    for (unsigned i = 0; i < vsp->worker_count; i++)
        vsp_worker_stop(&vsp->workers[i]);
    free(vsp->workers);
    pthread_mutex_destroy(&vsp->lock);
    free(vsp);
}

void vsp_set_spin(struct vsp *vsp, unsigned rounds)
{
    atomic_store(&vsp->spin, rounds);
}

/* ---- channels ---------------------------------------------------------------------------------------------------- */

/* Stable for the VF; bytes 4 and 5 are the PCI domain a Linux guest takes, never zero (vpci-wire.md 1.1). */
static struct vmbus_offer make_offer(const struct vstack_vf *vf, uint32_t relid)
{
    struct vmbus_offer offer = {.interface_id = VPCI_INTERFACE_ID, .relid = relid};
    uint32_t serial = vstack_vf_identity(vf)->serial;

    memcpy(offer.instance_id, &serial, sizeof(serial));
    offer.instance_id[4] = (uint8_t)relid;
    offer.instance_id[5] = (uint8_t)(relid >> 8);
    memcpy(offer.instance_id + 8, "vfplane", 8);
    return offer;
}

static struct vsp_worker *place(struct vsp *vsp)
{
    struct vsp_worker *best = &vsp->workers[0];
    for (unsigned i = 1; i < vsp->worker_count; i++) {
        if (vsp->workers[i].channel_count < best->channel_count)
            best = &vsp->workers[i];
    }
    best->channel_count++;
    return best;
}

static void channel_free(struct vsp_channel *channel)
{
    free(channel->interrupts);
    free(channel->held);
    pthread_cond_destroy(&channel->removed_cond);
    pthread_mutex_destroy(&channel->lock);
    free(channel);
}

static struct vsp_channel *channel_new(struct vsp *vsp, struct vstack_vf *vf, const struct vsp_channel_options *options)
{
    struct vsp_channel *channel = calloc(1, sizeof(*channel));
    if (!channel)
        return NULL;
    channel->vsp = vsp;
    channel->vf = vf;
    channel->options = *options;
    snprintf(channel->name, sizeof(channel->name), "%s", options->name ? options->name : "guest");
    channel->options.name = channel->name;
    channel->done_end = &channel->done;
    pthread_mutex_init(&channel->lock, NULL);
    pthread_cond_init(&channel->removed_cond, NULL);
    return channel;
}

int vsp_channel_add(struct vsp *vsp, int socket, struct vstack_vf *vf, const struct vsp_channel_options *options,
                    struct vsp_channel **out)
{
    struct vmbus_offer offer = make_offer(vf, options->relid);
    struct vsp_channel *channel = channel_new(vsp, vf, options);
    struct vstack_partition partition = vsp_partition_template;
    int error;

    if (!channel)
        return -ENOMEM;
    pthread_mutex_lock(&vsp->lock);
    channel->worker = place(vsp);
    pthread_mutex_unlock(&vsp->lock);
    /* The worker does not know the channel yet, so what the VF posts until then waits with the start. */
    atomic_store(&channel->posted, VSP_POST_START);
    partition.name = channel->name;
    error = vstack_vf_attach(vf, &partition, channel) == STATUS_SUCCESS ? 0 : -EBUSY;
    if (!error) {
        error = vmbus_host_create(socket, &offer, VPCI_WINDOW_PAGES, &channel->host);
        if (error)
            vstack_vf_detach(vf);
    }
    if (error) {
        pthread_mutex_lock(&vsp->lock);
        channel->worker->channel_count--;
        pthread_mutex_unlock(&vsp->lock);
        channel_free(channel);
        return error;
    }
    vpci_window_host_init(&channel->window, vmbus_host_window(channel->host));
    channel->attached = true;
    pthread_mutex_lock(&vsp->lock);
    channel->next_all = vsp->all;
    vsp->all = channel;
    pthread_mutex_unlock(&vsp->lock);
    vsp_start(channel);
    *out = channel;
    return 0;
}

void vsp_channel_remove(struct vsp_channel *channel)
{
    struct vsp *vsp;
    struct vsp_channel **at;

    if (!channel)
        return;
    vsp = channel->vsp;
    vsp_post(channel, VSP_POST_REMOVE);
    pthread_mutex_lock(&channel->lock);
    while (!channel->removed)
        pthread_cond_wait(&channel->removed_cond, &channel->lock);
    pthread_mutex_unlock(&channel->lock);
    pthread_mutex_lock(&vsp->lock);
    for (at = &vsp->all; *at != channel; at = &(*at)->next_all)
        ;
    *at = channel->next_all;
    channel->worker->channel_count--;
    pthread_mutex_unlock(&vsp->lock);
    vmbus_host_destroy(channel->host);
    channel_free(channel);
}

void vsp_channel_eject(struct vsp_channel *channel, unsigned timeout_ms)
{
    atomic_store(&channel->eject_timeout_ms, timeout_ms);
    vsp_post(channel, VSP_POST_EJECT);
}

void vsp_channel_stats(struct vsp_channel *channel, struct vsp_stats *stats)
{
    *stats = (struct vsp_stats){
        .messages = atomic_load(&channel->counters.messages),
        .completions = atomic_load(&channel->counters.completions),
        .bad_data = atomic_load(&channel->counters.bad_data),
        .window_reads = atomic_load(&channel->counters.window_reads),
        .window_writes = atomic_load(&channel->counters.window_writes),
        .invalidates_sent = atomic_load(&channel->counters.invalidates_sent),
    };
}
