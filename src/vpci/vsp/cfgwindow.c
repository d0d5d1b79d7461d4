/* SPDX-License-Identifier: MIT
 *
 * The configuration window (vpci-wire.md 2.1, 2.3): page 0 selects the slot, page 1 is its configuration space. What is
 * not there reads all ones and drops writes.
 */
#include "vpci/vsp/internal.h"

/* Any thread. The access is answered before the window is free again, so the guest's next one is looked for after. */
static void answered(struct vstack_request *request)
{
    struct vsp_channel *channel = request->context;

    vpci_window_answer(&channel->window, &channel->window_access, request->value);
    atomic_store(&channel->window_busy, false);
    if (!vsp_on_worker(channel))
        vsp_post(channel, VSP_POST_DONE);
}

static bool whole(uint32_t size, uint64_t offset)
{
    return (size == 1 || size == 2 || size == 4) && (offset & 3) + size <= 4;
}

/* True: the access goes to the VF at `offset`. */
static bool decode(struct vsp_channel *channel, const struct vpci_window_access *access, ULONG *offset)
{
    uint64_t at = access->address - channel->window_base;

    if (!channel->window_base || at >= VPCI_WINDOW_SIZE || !whole(access->size, at)) {
        TRACE_REFUSE("vsp", "WINDOW_ACCESS vpci-wire.md 6.5", "%u bytes at %llx", access->size,
                     (unsigned long long)access->address);
        return false;
    }
    if (at >= VPCI_WINDOW_CONFIG) {
        *offset = (ULONG)(at - VPCI_WINDOW_CONFIG);
        return channel->window_slot == 0;
    }
    if (at == VPCI_WINDOW_SELECT && access->size == 4 && access->is_write)
        channel->window_slot = (uint32_t)access->value;
    else
        TRACE_REFUSE("vsp", "WINDOW_SELECTOR vpci-wire.md 2.3", "%s of %u bytes at %llx",
                     access->is_write ? "write" : "read", access->size, (unsigned long long)at);
    return false;
}

static const char *page_of(const struct vsp_channel *channel, const struct vpci_window_access *access)
{
    switch ((access->address - channel->window_base) / VPCI_CONFIG_SIZE) {
    case VPCI_WINDOW_SELECT / VPCI_CONFIG_SIZE:
        return "selector page ";
    case VPCI_WINDOW_CONFIG / VPCI_CONFIG_SIZE:
        return "";
    default:
        return "no page ";
    }
}

static void serve(struct vsp_channel *channel)
{
    const struct vpci_window_access *access = &channel->window_access;
    struct vstack_request *request = &channel->window_request;
    ULONG offset = 0;

    vsp_count(access->is_write ? &channel->counters.window_writes : &channel->counters.window_reads);
    TRACE_DOOR(span, "vsp", access->is_write ? "config window write" : "config window read",
               "%s: %u bytes at %s0x%03llx", channel->name, access->size, page_of(channel, access),
               (unsigned long long)(access->address & 0xFFF));
    TRACE_LINK_IN(span, vpci_link_key(channel->options.relid, VPCI_LINK_WINDOW, access->sequence));
    if (!decode(channel, access, &offset)) {
        vpci_window_answer(&channel->window, access, UINT64_MAX);
        TRACE_DONE(span, "answered");
        return;
    }
    request->done = answered;
    request->context = channel;
    request->trace_parent = 0;
    atomic_store(&channel->window_busy, true);
    if (access->is_write)
        vstack_config_write(channel->vf, request, offset, access->size, (ULONG)access->value);
    else
        vstack_config_read(channel->vf, request, offset, access->size);
    if (atomic_load(&channel->window_busy)) {
        channel->window_deadline = vsp_now() + VSP_CALL_TIMEOUT_MS * 1000000ull;
        vsp_deadline(channel, channel->window_deadline);
        TRACE_DONE(span, "pending");
    } else {
        TRACE_DONE(span, "answered");
    }
}

bool vsp_window_pump(struct vsp_channel *channel)
{
    if (channel->gone || !vpci_window_pending(&channel->window) || atomic_load(&channel->window_busy))
        return false;
    if (!vpci_window_take(&channel->window, &channel->window_access))
        return false;
    serve(channel);
    return true;
}
