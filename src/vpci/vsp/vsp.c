/* SPDX-License-Identifier: MIT
 *
 * The VSP as the host program sees it.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WORKERS_MAX 64u

struct vsp *vsp_create(struct nt_partition *partition, unsigned workers)
{
    struct vsp *vsp;

    if (workers < 1 || workers > WORKERS_MAX)
        return NULL;
    vsp = calloc(1, sizeof(*vsp));
    if (!vsp)
        return NULL;
    vsp->partition = partition;
    vsp->workers = workers;
    atomic_store(&vsp->spin, vmbus_spin_default());
    pthread_mutex_init(&vsp->lock, NULL);
    return vsp;
}

void vsp_destroy(struct vsp *vsp)
{
    if (!vsp)
        return;
    while (vsp->all)
        vsp_channel_remove(vsp->all);
    pthread_mutex_destroy(&vsp->lock);
    free(vsp);
}

void vsp_set_spin(struct vsp *vsp, unsigned rounds)
{
    atomic_store(&vsp->spin, rounds);
}

/* ---- channels ----------------------------------------------------------------------------------------------- */

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

static void channel_free(struct vsp_channel *channel)
{
    vsp_interrupts_free(channel);
    free(channel->held);
    free(channel->packets);
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
    channel->packets = options->packets ? vsp_packets_create(options->packets) : NULL;
    channel->done_end = &channel->done;
    vsp_asks_init(channel);
    pthread_mutex_init(&channel->lock, NULL);
    pthread_cond_init(&channel->removed_cond, NULL);
    vsp_interrupts_init(channel);
    return channel;
}

/* The VF and the channel, which belong together; 0 or what vsp_channel_add answers. */
static int join(struct vsp_channel *channel, const struct vsp_carrier *carrier)
{
    struct vmbus_offer offer = make_offer(channel->vf, channel->options.relid);
    struct vstack_partition partition = vsp_partition_template;
    int error;

    partition.name = channel->name;
    if (vstack_vf_attach(channel->vf, &partition, channel) != STATUS_SUCCESS)
        return -EBUSY;
    error = carrier->create(carrier->context, &offer, &channel->host);
    if (error) {
        vstack_vf_detach(channel->vf);
        return error;
    }
    vpci_window_host_init(&channel->window, vmbus_host_window(channel->host));
    channel->window.answered = carrier->answered;
    channel->window.answered_context = carrier->context;
    return 0;
}

static int create_shared(void *context, const struct vmbus_offer *offer, struct vmbus_host **host)
{
    return vmbus_host_create(*(const int *)context, offer, VPCI_WINDOW_PAGES, host);
}

int vsp_channel_add(struct vsp *vsp, int socket, struct vstack_vf *vf, const struct vsp_channel_options *options,
                    struct vsp_channel **out)
{
    const struct vsp_carrier carrier = {.create = create_shared, .context = &socket};
    return vsp_channel_add_over(vsp, &carrier, vf, options, out);
}

int vsp_channel_add_over(struct vsp *vsp, const struct vsp_carrier *carrier, struct vstack_vf *vf,
                         const struct vsp_channel_options *options, struct vsp_channel **out)
{
    struct vsp_channel *channel = channel_new(vsp, vf, options);
    int error;

    if (!channel)
        return -ENOMEM;
    /* The worker does not know the channel yet, so what the VF posts until then waits with the start. */
    atomic_store(&channel->posted, VSP_POST_START);
    error = vsp_group_enter(vsp, vstack_of(vf), &channel->worker);
    if (!error && (error = join(channel, carrier)) != 0)
        vsp_group_leave(channel->worker);
    if (error) {
        channel_free(channel);
        return error;
    }
    channel->attached = true;
    pthread_mutex_lock(&vsp->lock);
    channel->next_all = vsp->all;
    vsp->all = channel;
    pthread_mutex_unlock(&vsp->lock);
    __atomic_store_n(out, channel, __ATOMIC_RELEASE); /* before the guest hears anything of it */
    vsp_start(channel);
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
    pthread_mutex_unlock(&vsp->lock);
    vsp_group_leave(channel->worker);
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
