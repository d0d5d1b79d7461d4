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

void vsp_interrupts_init(struct vsp_channel *channel)
{
    pthread_rwlock_init(&channel->interrupt_lock, NULL);
    pthread_mutex_init(&channel->message_lock, NULL);
}

void vsp_interrupts_free(struct vsp_channel *channel)
{
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

int vsp_interrupt(struct vsp_channel *channel, uint64_t address, uint32_t data)
{
    const struct vsp_interrupt *interrupt;

    TRACE_DOOR(span, "vsp", "interrupt", "%s: address %llx data %x", channel->name, (unsigned long long)address, data);
    pthread_rwlock_rdlock(&channel->interrupt_lock);
    interrupt = look_up(channel, address, data);
    if (interrupt && channel->options.interrupt) {
        const struct vsp_delivery delivery = {
            .vector = interrupt->vector + (data - interrupt->data),
            .lowest_priority = interrupt->lowest_priority,
            .processor_count = interrupt->processor_count,
            .processors = interrupt->processors,
        };
        channel->options.interrupt(channel->options.context, &delivery);
    } else if (interrupt && vpci_window_raise(&channel->window, interrupt->vector + (data - interrupt->data))) {
        vmbus_host_signal(channel->host);
    }
    pthread_rwlock_unlock(&channel->interrupt_lock);
    if (!interrupt)
        TRACE_REFUSE("vsp", "UNKNOWN_INTERRUPT vpci-wire.md 4.5", "%s was given no such pair", channel->name);
    TRACE_DONE(span, "%s", interrupt ? "delivered" : "dropped");
    return interrupt ? 0 : -ENOENT;
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
