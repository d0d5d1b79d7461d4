/* SPDX-License-Identifier: MIT
 *
 * BARs and interrupts by message (vpci-wire.md 1.6.4, 1.6.7, 1.6.8, 1.6.13). A RESOURCES_ASSIGNED is checked to its
 * last byte before anything of it is done.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BAR_FLAGS   0xFu
#define BAR_TYPE_64 0x4u

enum vsp_verdict vsp_query_requirements(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_requirements_completion completion = {.status = VPCI_STATUS_SUCCESS};

    memcpy(completion.probed_bar, vstack_vf_probed_bars(channel->vf), sizeof(completion.probed_bar));
    vsp_complete(channel, message, &completion, sizeof(completion));
    return VSP_HANDLED;
}

/* ---- BAR descriptors ---------------------------------------------------------------------------------------- */

static bool wide(const struct vsp_channel *channel, unsigned index)
{
    return (vstack_vf_probed_bars(channel->vf)[index] & 6) == BAR_TYPE_64;
}

/* Bytes a descriptor claims; false: it is none. */
static bool claimed(const struct vpci_resource *resource, uint64_t *length)
{
    static const struct {
        uint16_t flag, shift;
    } units[] = {{VPCI_RESOURCE_LARGE_40, 8}, {VPCI_RESOURCE_LARGE_48, 16}, {VPCI_RESOURCE_LARGE_64, 32}};
    unsigned found = 0;

    *length = resource->length;
    if (resource->type == VPCI_RESOURCE_MEMORY)
        return true;
    for (unsigned i = 0; i < 3; i++) {
        if (!(resource->flags & units[i].flag))
            continue;
        *length = (uint64_t)resource->length << units[i].shift;
        found++;
    }
    return found == 1;
}

/* One descriptor to raw register values; a type that is no memory counts as "no BAR". */
static bool place_bar(struct vsp_channel *channel, unsigned index, const struct vpci_resource *resource, ULONG bars[6])
{
    uint64_t size = vstack_vf_bar_size(channel->vf, index), length;

    if (resource->type != VPCI_RESOURCE_MEMORY && resource->type != VPCI_RESOURCE_MEMORY_LARGE)
        return true;
    if (!size || !claimed(resource, &length) || length > size || resource->start & (size - 1))
        return false;
    if (resource->start >= VSP_ADDRESS_END || (!wide(channel, index) && resource->start >> 32))
        return false;
    bars[index] = (ULONG)resource->start;
    if (wide(channel, index))
        bars[index + 1] = (ULONG)(resource->start >> 32);
    return true;
}

static struct vpci_resource bar_resource(struct vsp_channel *channel, unsigned index, const ULONG bars[6])
{
    struct vpci_resource resource = {0};
    uint64_t size = vstack_vf_bar_size(channel->vf, index), start = bars[index] & ~BAR_FLAGS;

    if (!size)
        return resource;
    if (wide(channel, index))
        start |= (uint64_t)bars[index + 1] << 32;
    if (!start)
        return resource;
    resource.type = size >> 32 ? VPCI_RESOURCE_MEMORY_LARGE : VPCI_RESOURCE_MEMORY;
    resource.flags = size >> 32 ? VPCI_RESOURCE_LARGE_64 : 0;
    resource.start = start;
    resource.length = (uint32_t)(size >> 32 ? size >> 32 : size);
    return resource;
}

enum vsp_verdict vsp_get_resources(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_get_resources_completion completion = {.version = 1, .revision = 1, .count = VPCI_BARS};
    ULONG bars[VPCI_BARS];

    vstack_current_bars(channel->vf, bars);
    for (unsigned i = 0; i < VPCI_BARS; i++)
        completion.bar[i] = bar_resource(channel, i, bars);
    vsp_complete(channel, message, &completion, sizeof(completion));
    return VSP_HANDLED;
}

/* ---- RESOURCES_ASSIGNED ------------------------------------------------------------------------------------- */

struct assignment {
    struct vpci_resources_assigned head;
    const uint8_t *entries;
    unsigned version; /* 1, 2, 3 */
    uint32_t entry, answer_entry;
    ULONG bars[VPCI_BARS];
};

static bool parse(struct vsp_channel *channel, const struct vsp_message *message, struct assignment *assignment)
{
    memcpy(&assignment->head, message->bytes, sizeof(assignment->head));
    assignment->entries = message->bytes + sizeof(assignment->head);
    assignment->version = message->type == VPCI_RESOURCES_ASSIGNED    ? 1
                          : message->type == VPCI_RESOURCES_ASSIGNED2 ? 2
                                                                      : 3;
    assignment->entry = assignment->version == 1   ? VPCI_ASSIGNED_ENTRY1
                        : assignment->version == 2 ? VPCI_ASSIGNED_ENTRY2
                                                   : VPCI_ASSIGNED_ENTRY3;
    assignment->answer_entry = assignment->version == 1 ? VPCI_ASSIGNED_ENTRY1 : VPCI_ASSIGNED_ENTRY2;
    if (assignment->head.msi_count > VPCI_INTERRUPTS_MAX ||
        assignment->head.msi_count * assignment->entry > message->length - sizeof(assignment->head))
        return false;
    for (unsigned i = 0; i < VPCI_BARS; i++) {
        struct vpci_resource resource = assignment->head.bar[i];
        if (!place_bar(channel, i, &resource, assignment->bars))
            return false;
    }
    return true;
}

/* Entries that ask for no message are passed over, but keep their place in the answer (1.6.7). */
static bool asks(const uint8_t *entry, unsigned version)
{
    uint16_t count;
    memcpy(&count,
           entry + (version == 3 ? offsetof(struct vpci_interrupt3, vector_count)
                                 : offsetof(struct vpci_interrupt, vector_count)),
           sizeof(count));
    return count != 0;
}

static bool interrupts_acceptable(const struct assignment *assignment)
{
    struct vsp_interrupt_request request;
    for (uint32_t i = 0; i < assignment->head.msi_count; i++) {
        const uint8_t *entry = assignment->entries + i * assignment->entry;
        if (asks(entry, assignment->version) && !vsp_parse_interrupt(entry, assignment->version, &request))
            return false;
    }
    return true;
}

/* Instead of the set before (a second assignment does not add up). `answer` has a place for each entry. */
static bool take_interrupts(struct vsp_channel *channel, const struct assignment *assignment, uint8_t *answer)
{
    vsp_interrupts_clear(channel);
    for (uint32_t i = 0; i < assignment->head.msi_count; i++) {
        const uint8_t *entry = assignment->entries + i * assignment->entry;
        struct vpci_translated_interrupt translated = {0};
        struct vsp_interrupt_request request;
        const struct vsp_interrupt *interrupt;
        if (!asks(entry, assignment->version))
            continue;
        vsp_parse_interrupt(entry, assignment->version, &request);
        interrupt = vsp_interrupt_add(channel, &request);
        if (!interrupt)
            return false;
        translated.vector_count = interrupt->count;
        translated.data = interrupt->data;
        translated.address = interrupt->address;
        memcpy(answer + i * assignment->answer_entry, &translated, sizeof(translated));
    }
    return true;
}

/* The answer begins like the request, with the status in the place of the type. */
static void assign(struct vsp_channel *channel, const struct vsp_message *message, struct assignment *assignment,
                   uint8_t *answer, uint32_t length)
{
    NTSTATUS status = vstack_assign_bars(channel->vf, assignment->bars);

    if (status == STATUS_SUCCESS && !take_interrupts(channel, assignment, answer + sizeof(assignment->head))) {
        vsp_interrupts_clear(channel);
        status = STATUS_INSUFFICIENT_RESOURCES;
    }
    if (status != STATUS_SUCCESS) {
        vsp_complete_status(channel, message, (uint32_t)status);
        return;
    }
    channel->assigned = true;
    assignment->head.type = VPCI_STATUS_SUCCESS;
    memcpy(answer, &assignment->head, sizeof(assignment->head));
    vsp_complete(channel, message, answer, length);
}

enum vsp_verdict vsp_resources_assigned(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct assignment assignment = {0};
    uint32_t length;
    uint8_t *answer;
    int room;

    if (!parse(channel, message, &assignment) || !interrupts_acceptable(&assignment)) {
        vsp_bad_data(channel, message, "RESOURCES_ASSIGNED vpci-wire.md 1.6.7", "a descriptor or a count is wrong");
        return VSP_HANDLED;
    }
    length = sizeof(assignment.head) + assignment.head.msi_count * assignment.answer_entry;
    room = message->flagged ? vsp_room(channel, vmbus_ring_space(length)) : 1;
    if (room == 0)
        return VSP_NO_ROOM;
    answer = room == -EMSGSIZE ? NULL : calloc(1, length);
    if (answer)
        assign(channel, message, &assignment, answer, length);
    else
        vsp_bad_data(channel, message, "ANSWER_TOO_LONG vpci-wire.md 1.1",
                     "the ring to the guest cannot take the answer");
    free(answer);
    return VSP_HANDLED;
}

enum vsp_verdict vsp_resources_released(struct vsp_channel *channel, const struct vsp_message *message)
{
    vstack_release_bars(channel->vf);
    vsp_interrupts_clear(channel);
    channel->assigned = false;
    vsp_complete_status(channel, message, VPCI_STATUS_SUCCESS);
    return VSP_HANDLED;
}
