/* SPDX-License-Identifier: MIT
 *
 * Pages that a PF driver answers for, and targets of interrupts: between a channel and the device model or the VMM of
 * its guest.
 */
#include "host/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(VSTACK_RANGES_MAX == VFP_VMM_RANGES_MAX, "one frame holds all of a BAR");

static void tell_vmm(const struct vfp_channel *channel, unsigned index, const struct vstack_range *ranges,
                     unsigned count)
{
    struct vfp_vmm_range out[VSTACK_RANGES_MAX];
    for (unsigned i = 0; i < count; i++)
        out[i] = (struct vfp_vmm_range){.offset = ranges[i].offset,
                                        .length = ranges[i].length,
                                        .accesses = (ranges[i].reads ? VFP_VMM_RANGE_READS : 0) |
                                                    (ranges[i].writes ? VFP_VMM_RANGE_WRITES : 0)};
    vmm_channel_ranges(channel->far, index, out, count);
}

static void tell_program(const struct vfp_channel *channel, unsigned index, const struct vstack_range *ranges,
                         unsigned count)
{
    struct vfp_range out[VSTACK_RANGES_MAX];
    const struct vfp_ranges told = {index, count, out};
    for (unsigned i = 0; i < count; i++)
        out[i] = (struct vfp_range){ranges[i].offset, ranges[i].length, ranges[i].reads, ranges[i].writes};
    channel->options.ranges(channel->options.context, &told);
}

void host_channel_ranges(const struct vfp_channel *channel, unsigned index, const struct vstack_range *ranges,
                         unsigned count)
{
    if (channel->far)
        tell_vmm(channel, index, ranges, count);
    if (channel->options.ranges)
        tell_program(channel, index, ranges, count);
}

int vfp_channel_register(struct vfp_channel *channel, const struct vfp_register *access,
                         void (*done)(void *context, int result, uint64_t value), void *context)
{
    const struct vsp_register asked = {access->bar, access->offset, access->length, access->write, access->value};
    return vsp_register(channel->channel, &asked, done, context);
}

int vfp_channel_retarget(struct vfp_channel *channel, uint64_t address, uint32_t data,
                         const struct vfp_delivery *target)
{
    const struct vsp_delivery to = {target->vector, target->lowest_priority, target->processor_count,
                                    target->processors};
    HOST_ENTER(channel->vf->adapter->host);
    int result = vsp_retarget(channel->channel, address, data, &to);
    HOST_LEAVE();
    return result;
}

/* ---- a VMM's ---------------------------------------------------------------------------------------------------- */

/* NULL: the guest has heard nothing of the channel yet, so the VMM asks for what cannot be. */
static struct vsp_channel *channel_of(struct vfp_channel *channel)
{
    return __atomic_load_n(&channel->channel, __ATOMIC_ACQUIRE);
}

static void access_done(void *context, int result, uint64_t value)
{
    struct vfp_channel *channel = context;
    vmm_channel_register_done(channel->far, result, value);
}

static int on_access(void *context, const struct vfp_vmm_register *asked)
{
    const struct vsp_register access = {asked->region, asked->offset, asked->size, asked->write, asked->value};
    struct vsp_channel *channel = channel_of(context);
    return channel ? vsp_register(channel, &access, access_done, context) : -ENODEV;
}

static void retarget_done(void *context, int result, uint64_t value)
{
    struct vfp_channel *channel = context;
    (void)value;
    vmm_channel_retarget_done(channel->far, result);
}

static int on_retarget(void *context, const struct vfp_vmm_retarget *asked)
{
    uint16_t processors[VFP_VMM_PROCESSORS];
    const struct vsp_delivery target = {asked->vector, asked->lowest_priority, asked->processor_count, processors};
    struct vsp_channel *channel = channel_of(context);
    memcpy(processors, asked->processors, sizeof processors);
    return channel ? vsp_retarget_later(channel, asked->address, asked->data, &target, retarget_done, context)
                   : -ENODEV;
}

const struct vmm_channel_asked host_channel_asked = {.access = on_access, .retarget = on_retarget};
