/* SPDX-License-Identifier: MIT
 *
 * Interrupts on their way to the guest: from (address, data), or an entry of the MSI-X table that holds them, to the
 * vector and processors the guest asked for (vpci-wire.md 4.5, 6.4).
 *
 * The table is held while the host program is called, so a pair that was deleted is not delivered any more.
 */
#include "vpci/vsp/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A change goes before what is raised after it was asked for, or raising without a pause would keep it out for ever.
 * So nobody delivers inside a delivery: vsp.h forbids it to `interrupt`, and nothing that stands in for it does. */
void vsp_interrupts_init(struct vsp_channel *channel)
{
    pthread_rwlockattr_t changes_first;

    pthread_rwlockattr_init(&changes_first);
    pthread_rwlockattr_setkind_np(&changes_first, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&channel->interrupt_lock, &changes_first);
    pthread_rwlockattr_destroy(&changes_first);
    pthread_mutex_init(&channel->message_lock, NULL);
}

void vsp_interrupts_free(struct vsp_channel *channel)
{
    vsp_interrupts_clear(channel);
    free(channel->interrupts);
    free(channel->messages);
    pthread_rwlock_destroy(&channel->interrupt_lock);
    pthread_mutex_destroy(&channel->message_lock);
}

/* interrupt_lock held. The data says where in the table (interrupts.c). */
static const struct vsp_interrupt *look_up(const struct vsp_channel *channel, uint64_t address, uint32_t data)
{
    const struct vsp_interrupt *interrupt;

    if (data / VPCI_VECTORS_MAX >= channel->interrupt_capacity)
        return NULL;
    interrupt = &channel->interrupts[data / VPCI_VECTORS_MAX];
    if (!interrupt->used || interrupt->address != address || data - interrupt->data >= interrupt->count)
        return NULL;
    return interrupt;
}

/* interrupt_lock held. */
static void deliver(struct vsp_channel *channel, const struct vsp_interrupt *interrupt, uint32_t message)
{
    const struct vsp_target *own = interrupt->own ? &interrupt->own[message] : NULL;
    struct vsp_delivery delivery = {
        .vector = interrupt->vector + message,
        .lowest_priority = interrupt->lowest_priority,
        .processor_count = interrupt->processor_count,
        .processors = interrupt->processors,
    };

    if (own && own->processor_count)
        delivery = (struct vsp_delivery){own->vector, own->lowest_priority, own->processor_count, own->processors};
    if (channel->options.interrupt)
        channel->options.interrupt(channel->options.context, &delivery);
    else if (vpci_window_raise(&channel->window, delivery.vector))
        vmbus_host_signal(channel->host);
}

int vsp_interrupt(struct vsp_channel *channel, uint64_t address, uint32_t data)
{
    const struct vsp_interrupt *interrupt;

    TRACE_DOOR(span, "vsp", "interrupt", "%s: address %llx data %x", channel->name, (unsigned long long)address, data);
    pthread_rwlock_rdlock(&channel->interrupt_lock);
    interrupt = look_up(channel, address, data);
    if (interrupt)
        deliver(channel, interrupt, data - interrupt->data);
    pthread_rwlock_unlock(&channel->interrupt_lock);
    if (!interrupt)
        TRACE_REFUSE("vsp", "UNKNOWN_INTERRUPT vpci-wire.md 4.5", "%s was given no such pair", channel->name);
    TRACE_DONE(span, "%s", interrupt ? "delivered" : "dropped");
    return interrupt ? 0 : -ENOENT;
}

/* ---- another target ----------------------------------------------------------------------------------------- */

struct vsp_target vsp_target_of(const struct vsp_delivery *delivery)
{
    struct vsp_target target = {.vector = delivery->vector,
                                .lowest_priority = delivery->lowest_priority,
                                .processor_count = (uint16_t)delivery->processor_count};

    memcpy(target.processors, delivery->processors, delivery->processor_count * sizeof(target.processors[0]));
    return target;
}

static bool acceptable(const struct vsp_delivery *target)
{
    if (target->processor_count < 1 || target->processor_count > VPCI_VECTORS_MAX)
        return false;
    for (unsigned i = 0; i < target->processor_count; i++) {
        if (target->processors[i] >= VSP_PROCESSORS)
            return false;
    }
    return true;
}

/* interrupt_lock held for writing. */
static int set_target(struct vsp_channel *channel, uint64_t address, uint32_t data, const struct vsp_delivery *target)
{
    const struct vsp_interrupt *found = look_up(channel, address, data);
    struct vsp_interrupt *interrupt;

    if (!found)
        return -ENOENT;
    interrupt = &channel->interrupts[found - channel->interrupts];
    if (!interrupt->own)
        interrupt->own = calloc(interrupt->count, sizeof(*interrupt->own));
    if (!interrupt->own)
        return -ENOMEM;
    interrupt->own[data - interrupt->data] = vsp_target_of(target);
    return 0;
}

int vsp_retarget(struct vsp_channel *channel, uint64_t address, uint32_t data, const struct vsp_delivery *target)
{
    int result = -EINVAL;

    TRACE_DOOR(span, "vsp", "retarget", "%s: address %llx data %x to vector %u, %u processors", channel->name,
               (unsigned long long)address, data, target->vector, target->processor_count);
    if (acceptable(target)) {
        pthread_rwlock_wrlock(&channel->interrupt_lock);
        result = set_target(channel, address, data, target);
        pthread_rwlock_unlock(&channel->interrupt_lock);
    }
    if (result == -ENOENT)
        TRACE_REFUSE("vsp", "UNKNOWN_INTERRUPT vpci-wire.md 4.5", "%s was given no such pair", channel->name);
    if (result == -EINVAL)
        TRACE_REFUSE("vsp", "INTERRUPT_TARGET vpci-wire.md 4.5", "%u processors, or one that cannot be",
                     target->processor_count);
    TRACE_DONE(span, "%s", result ? "nothing changed" : "done");
    return result;
}

/* ---- by number ---------------------------------------------------------------------------------------------- */

void vsp_messages_clear(struct vsp_channel *channel)
{
    pthread_mutex_lock(&channel->message_lock);
    free(channel->messages);
    channel->messages = NULL;
    pthread_mutex_unlock(&channel->message_lock);
}

int vsp_message_set(struct vsp_channel *channel, unsigned index, uint64_t address, uint32_t data, bool masked)
{
    bool made, raise = false;

    if (index >= VSP_MESSAGES_MAX)
        return -EINVAL;
    pthread_mutex_lock(&channel->message_lock);
    if (!channel->messages)
        channel->messages = calloc(VSP_MESSAGES_MAX, sizeof(*channel->messages));
    made = channel->messages != NULL;
    if (made) {
        struct vsp_message_entry *entry = &channel->messages[index];
        raise = entry->pending && !masked;
        *entry = (struct vsp_message_entry){address, data, masked, entry->pending && masked};
    }
    pthread_mutex_unlock(&channel->message_lock);
    if (raise)
        vsp_interrupt(channel, address, data);
    return made ? 0 : -ENOMEM;
}

int vsp_message_raise(struct vsp_channel *channel, unsigned index)
{
    struct vsp_message_entry entry = {0};

    if (index >= VSP_MESSAGES_MAX)
        return -EINVAL;
    pthread_mutex_lock(&channel->message_lock);
    if (channel->messages) {
        entry = channel->messages[index];
        channel->messages[index].pending = entry.masked;
    }
    pthread_mutex_unlock(&channel->message_lock);
    return entry.masked ? 0 : vsp_interrupt(channel, entry.address, entry.data);
}
