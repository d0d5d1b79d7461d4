/* SPDX-License-Identifier: MIT
 *
 * Version, bus relations, D0 entry and exit, ejection (vpci-wire.md 1.6.1-1.6.6, 1.6.12).
 */
#include "vpci/vsp/internal.h"

#include <string.h>

#define VERSION_HIGHEST VPCI_VERSION_1_4

enum vsp_verdict vsp_query_version(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_query_version query;
    struct vpci_version_completion completion = {.status = VPCI_STATUS_SUCCESS};

    memcpy(&query, message->bytes, sizeof(query));
    completion.version = query.version;
    if (query.version < VPCI_VERSION_1_1 || query.version > VERSION_HIGHEST) {
        TRACE_REFUSE("vsp", "REVISION_MISMATCH vpci-wire.md 1.2", "%s asks for %x", channel->name, query.version);
        completion.status = VPCI_STATUS_REVISION_MISMATCH;
        completion.version = VERSION_HIGHEST;
    } else {
        TRACE_NOTE("vsp", "protocol version %u.%u", query.version >> 16, query.version & 0xFFFF);
        channel->version = query.version;
        channel->state = VSP_READY;
    }
    vsp_complete(channel, message, &completion, sizeof(completion));
    return VSP_HANDLED;
}

/* ---- relations ---------------------------------------------------------------------------------------------- */

static struct vpci_function describe(const struct vstack_vf *vf)
{
    const struct vstack_identity *identity = vstack_vf_identity(vf);
    return (struct vpci_function){
        .vendor_id = identity->vendor,
        .device_id = identity->device,
        .revision = identity->revision,
        .prog_if = identity->prog_if,
        .sub_class = identity->sub_class,
        .base_class = identity->base_class,
        .subsystem_vendor_id = identity->sub_vendor,
        .subsystem_id = identity->sub_system,
        .serial = identity->serial,
    };
}

/* A complete snapshot: the one function, or none while it is being ejected. */
static void send_relations(struct vsp_channel *channel)
{
    struct VPCI_PACKED {
        struct vpci_relations head;
        struct vpci_function2 entry;
    } snapshot = {.head = {.type = VPCI_BUS_RELATIONS2, .count = 1}};
    uint32_t entry = sizeof(struct vpci_function2);

    if (channel->version < VPCI_VERSION_1_3) {
        snapshot.head.type = VPCI_BUS_RELATIONS;
        entry = sizeof(struct vpci_function);
    }
    snapshot.entry.function = describe(channel->vf);
    vsp_send(channel, &snapshot, sizeof(snapshot.head) + entry);
}

enum vsp_verdict vsp_query_relations(struct vsp_channel *channel, const struct vsp_message *message)
{
    send_relations(channel);
    vsp_complete_status(channel, message, VPCI_STATUS_SUCCESS);
    return VSP_HANDLED;
}

/* ---- D0 ----------------------------------------------------------------------------------------------------- */

static bool acceptable_base(uint64_t base)
{
    return base && base % VPCI_CONFIG_SIZE == 0 && base <= VSP_ADDRESS_END - VPCI_WINDOW_SIZE;
}

void vsp_place_window(struct vsp_channel *channel, uint64_t base)
{
    uint64_t old = channel->window_base;

    channel->window_base = base;
    if (!channel->options.window || base == old)
        return;
    if (old)
        channel->options.window(channel->options.context, false, old);
    if (base)
        channel->options.window(channel->options.context, true, base);
}

enum vsp_verdict vsp_d0_entry(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_d0_entry entry;

    memcpy(&entry, message->bytes, sizeof(entry));
    if (!acceptable_base(entry.mmio_base) || !vstack_reserve(channel->vf, entry.mmio_base, VPCI_WINDOW_SIZE)) {
        TRACE_REFUSE("vsp", "D0ENTRY_BASE vpci-wire.md 6.4", "%s: window at %llx", channel->name,
                     (unsigned long long)entry.mmio_base);
        vsp_count(&channel->counters.bad_data);
        vsp_complete_status(channel, message, VPCI_STATUS_INVALID_PARAMETER);
        return VSP_HANDLED;
    }
    TRACE_NOTE("vsp", "configuration window at %llx", (unsigned long long)entry.mmio_base);
    vsp_place_window(channel, entry.mmio_base);
    channel->window_slot = 0;
    channel->state = VSP_D0;
    channel->invalidate = true; /* what was raised before has a listener now */
    send_relations(channel);
    vsp_complete_status(channel, message, VPCI_STATUS_SUCCESS);
    return VSP_HANDLED;
}

/* Also when the bus is not in D0: a crash kernel's way back (1.6.5). */
enum vsp_verdict vsp_d0_exit(struct vsp_channel *channel, const struct vsp_message *message)
{
    vsp_release_bus(channel);
    channel->state = VSP_READY;
    vsp_complete_status(channel, message, VPCI_STATUS_SUCCESS);
    return VSP_HANDLED;
}

/* ---- ejection ----------------------------------------------------------------------------------------------- */

enum vsp_verdict vsp_ejection_complete(struct vsp_channel *channel, const struct vsp_message *message)
{
    if (!channel->eject_sent) {
        vsp_bad_data(channel, message, "NO_EJECT_PENDING vpci-wire.md 1.6.12", "EJECTION_COMPLETE unasked");
        return VSP_HANDLED;
    }
    vsp_complete_status(channel, message, VPCI_STATUS_SUCCESS);
    vsp_end(channel, true, "ejected");
    return VSP_HANDLED;
}
