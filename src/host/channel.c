/* SPDX-License-Identifier: MIT
 *
 * A guest's channel to one VF.
 */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The lowest relid no channel of this host has, 0 when all are taken. */
static uint32_t take_relid(struct vfp_host *host)
{
    for (uint32_t relid = 1; relid < HOST_RELIDS; relid++) {
        uint64_t bit = UINT64_C(1) << relid % 64;
        if (!(host->relids[relid / 64] & bit)) {
            host->relids[relid / 64] |= bit;
            return relid;
        }
    }
    return 0;
}

static void return_relid(struct vfp_host *host, uint32_t relid)
{
    host->relids[relid / 64] &= ~(UINT64_C(1) << relid % 64);
}

void vfp_host_set_spin(struct vfp_host *host, unsigned rounds)
{
    vsp_set_spin(host->vsp, rounds);
}

void vfp_host_set_packets(struct vfp_host *host, FILE *stream)
{
    host->packets = stream;
}

/* ---- what the VSP calls, with the channel ------------------------------------------------------------------------ */

static void on_ended(void *context, bool orderly, const char *reason)
{
    const struct vfp_channel *channel = context;
    if (channel->options.ended)
        channel->options.ended(channel->options.context, orderly, reason);
}

static void on_interrupt(void *context, const struct vsp_delivery *delivery)
{
    const struct vfp_channel *channel = context;
    const struct vfp_delivery interrupt = {delivery->vector, delivery->lowest_priority, delivery->processor_count,
                                           delivery->processors};
    if (channel->far)
        vmm_channel_interrupt(channel->far, delivery->vector, delivery->lowest_priority, delivery->processor_count,
                              delivery->processors);
    if (channel->options.interrupt)
        channel->options.interrupt(channel->options.context, &interrupt);
}

static void on_bar(void *context, unsigned index, bool mapped, uint64_t guest_address, uint64_t system_address,
                   uint64_t size)
{
    const struct vfp_channel *channel = context;
    const struct vfp_bar bar = {index, mapped, guest_address, system_address, size};
    if (channel->far)
        vmm_channel_region(channel->far, mapped, index, guest_address, system_address, size);
    if (channel->options.bar)
        channel->options.bar(channel->options.context, &bar);
}

static void on_ranges(void *context, unsigned index, const struct vstack_range *ranges, unsigned count)
{
    host_channel_ranges(context, index, ranges, count);
}

static void on_window(void *context, bool mapped, uint64_t guest_address)
{
    const struct vfp_channel *channel = context;
    if (channel->far)
        vmm_channel_region(channel->far, mapped, VFP_VMM_REGION_WINDOW, guest_address, 0, VFP_VMM_WINDOW_SIZE);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static int add(struct vfp_channel *channel, const struct host_carrier *carrier, const char *name)
{
    bool told = channel->vmm || channel->options.interrupt; /* else the guest gets it through its window */
    const struct vsp_channel_options options = {.name = name,
                                                .relid = channel->relid,
                                                .ended = on_ended,
                                                .interrupt = told ? on_interrupt : NULL,
                                                .bar = on_bar,
                                                .ranges = on_ranges,
                                                .window = on_window,
                                                .packets = channel->vf->adapter->host->packets,
                                                .context = channel};
    const struct vsp_carrier over = {carrier->create, carrier->answered, channel};
    struct vsp *vsp = channel->vf->adapter->host->vsp;
    if (!carrier->create)
        return vsp_channel_add(vsp, carrier->socket, channel->vf->vf, &options, &channel->channel);
    return vsp_channel_add_over(vsp, &over, channel->vf->vf, &options, &channel->channel);
}

int host_channel_add(struct vfp_vf *vf, const struct host_carrier *carrier, const struct vfp_channel_options *given,
                     struct vfp_channel **out)
{
    struct vfp_host *host = vf->adapter->host;
    const char *name = given->name ? given->name : "guest";
    if (vf->channel)
        return host_fail(host, -EBUSY, "VF %u belongs to another guest", vfp_vf_index(vf));
    struct vfp_channel *channel = calloc(1, sizeof(*channel));
    if (!channel)
        return host_fail(host, -ENOMEM, "out of memory");
    *channel = (struct vfp_channel){.vf = vf, .vmm = carrier->vmm, .options = *given, .relid = take_relid(host)};
    if (!channel->relid) {
        free(channel);
        return host_fail(host, -ENOSPC, "%s: all %d channels are in use", name, HOST_RELIDS - 1);
    }
    HOST_ENTER(host);
    int result = add(channel, carrier, name);
    HOST_LEAVE();
    if (result) {
        return_relid(host, channel->relid);
        free(channel);
        return host_fail(host, result, "%s: no channel to VF %u: %s", name, vfp_vf_index(vf), strerror(-result));
    }
    vf->channel = channel;
    *out = channel;
    return 0;
}

int vfp_channel_open(struct vfp_vf *vf, int socket, const struct vfp_channel_options *options,
                     struct vfp_channel **channel)
{
    const struct host_carrier carrier = {.socket = socket};
    return host_channel_add(vf, &carrier, options, channel);
}

int vfp_channel_attach(struct vfp_vf *vf, int socket, const char *name,
                       void (*ended)(void *context, bool orderly, const char *reason), void *context,
                       struct vfp_channel **channel)
{
    const struct vfp_channel_options options = {.name = name, .context = context, .ended = ended};
    return vfp_channel_open(vf, socket, &options, channel);
}

void vfp_channel_eject(struct vfp_channel *channel, unsigned timeout_ms)
{
    HOST_ENTER(channel->vf->adapter->host);
    vsp_channel_eject(channel->channel, timeout_ms);
    HOST_LEAVE();
}

void vfp_channel_close(struct vfp_channel *channel)
{
    HOST_ENTER(channel->vf->adapter->host);
    vsp_channel_remove(channel->channel);
    HOST_LEAVE();
    return_relid(channel->vf->adapter->host, channel->relid);
    channel->vf->channel = NULL;
    free(channel);
}

void vfp_channel_stats(struct vfp_channel *channel, struct vfp_channel_stats *stats)
{
    struct vsp_stats counted;
    vsp_channel_stats(channel->channel, &counted);
    *stats = (struct vfp_channel_stats){
        .messages = counted.messages,
        .completions = counted.completions,
        .bad_data = counted.bad_data,
        .window_reads = counted.window_reads,
        .window_writes = counted.window_writes,
        .invalidates_sent = counted.invalidates_sent,
    };
}

/* ---- interrupts -------------------------------------------------------------------------------------------------- */

int vfp_channel_interrupt(struct vfp_channel *channel, uint64_t address, uint32_t data)
{
    HOST_ENTER(channel->vf->adapter->host);
    int result = vsp_interrupt(channel->channel, address, data);
    HOST_LEAVE();
    return result;
}

int vfp_channel_msix_set(struct vfp_channel *channel, unsigned index, uint64_t address, uint32_t data, bool masked)
{
    HOST_ENTER(channel->vf->adapter->host);
    int result = vsp_message_set(channel->channel, index, address, data, masked);
    HOST_LEAVE();
    return result;
}

int vfp_channel_msix_raise(struct vfp_channel *channel, unsigned index)
{
    HOST_ENTER(channel->vf->adapter->host);
    int result = vsp_message_raise(channel->channel, index);
    HOST_LEAVE();
    return result;
}
