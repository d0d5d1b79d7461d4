/* SPDX-License-Identifier: MIT
 *
 * The table from (address, data), which a guest's device writes, to (vector, processors), which the guest asked for
 * (vpci-wire.md 1.6.14, 1.6.15).
 *
 * An interrupt of up to 32 messages has 32 data values to itself, so that pairs are unique in a device however they are
 * created and deleted: data = 32 * place + message. How they are delivered stands in deliver.c.
 */
#include "vpci/vsp/internal.h"

#include <stdlib.h>
#include <string.h>

#define MESSAGE_ADDRESS 0xFEE00000ull
#define FIRST_CAPACITY  8u

/* ---- descriptors -------------------------------------------------------------------------------------------- */

static void parse_v1(const uint8_t *bytes, struct vsp_interrupt_request *request)
{
    struct vpci_interrupt v1;
    memcpy(&v1, bytes, sizeof(v1));
    request->vector = v1.vector;
    request->delivery = v1.delivery;
    request->vector_count = v1.vector_count;
    /* A Linux guest says "any": all 64 bits. The set is then the first 32. */
    for (uint16_t i = 0; i < 64 && request->processor_count < VPCI_VECTORS_MAX; i++) {
        if (v1.cpu_mask >> i & 1)
            request->processors[request->processor_count++] = i;
    }
}

static void parse_v2(const uint8_t *bytes, struct vsp_interrupt_request *request)
{
    struct vpci_interrupt2 v2;
    memcpy(&v2, bytes, sizeof(v2));
    request->vector = v2.vector;
    request->delivery = v2.delivery;
    request->vector_count = v2.vector_count;
    request->processor_count = v2.processor_count;
    memcpy(request->processors, v2.processors, sizeof(request->processors));
}

static void parse_v3(const uint8_t *bytes, struct vsp_interrupt_request *request)
{
    struct vpci_interrupt3 v3;
    memcpy(&v3, bytes, sizeof(v3));
    request->vector = v3.vector;
    request->delivery = v3.delivery;
    request->vector_count = v3.vector_count;
    request->processor_count = v3.processor_count;
    memcpy(request->processors, v3.processors, sizeof(request->processors));
}

static bool power_of_two(uint32_t value)
{
    return value && (value & (value - 1)) == 0;
}

bool vsp_parse_interrupt(const uint8_t *bytes, unsigned version, struct vsp_interrupt_request *request)
{
    memset(request, 0, sizeof(*request));
    if (version == 1)
        parse_v1(bytes, request);
    else if (version == 2)
        parse_v2(bytes, request);
    else
        parse_v3(bytes, request);
    if (request->delivery > VPCI_DELIVERY_LOWEST || !power_of_two(request->vector_count) ||
        request->vector_count > VPCI_VECTORS_MAX || request->processor_count < 1 ||
        request->processor_count > VPCI_VECTORS_MAX)
        return false;
    for (uint32_t i = 0; i < request->processor_count; i++) {
        if (request->processors[i] >= VSP_PROCESSORS)
            return false;
    }
    return true;
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

static bool grow(struct vsp_channel *channel)
{
    unsigned capacity = channel->interrupt_capacity ? channel->interrupt_capacity * 2 : FIRST_CAPACITY;
    struct vsp_interrupt *grown;

    if (capacity > VPCI_INTERRUPTS_MAX)
        capacity = VPCI_INTERRUPTS_MAX;
    if (capacity == channel->interrupt_capacity)
        return false;
    grown = realloc(channel->interrupts, capacity * sizeof(*grown)); /* what is delivered now is looked up anew */
    if (!grown)
        return false;
    memset(grown + channel->interrupt_capacity, 0, (capacity - channel->interrupt_capacity) * sizeof(*grown));
    channel->interrupts = grown;
    channel->interrupt_capacity = capacity;
    return true;
}

static struct vsp_interrupt *add(struct vsp_channel *channel, const struct vsp_interrupt_request *request)
{
    struct vsp_interrupt *interrupt;
    unsigned place = 0;

    if (channel->interrupt_count == channel->interrupt_capacity && !grow(channel))
        return NULL;
    while (channel->interrupts[place].used)
        place++;
    interrupt = &channel->interrupts[place];
    *interrupt = (struct vsp_interrupt){
        .used = true,
        .lowest_priority = request->delivery == VPCI_DELIVERY_LOWEST,
        .count = (uint16_t)request->vector_count,
        .vector = request->vector,
        .data = place * VPCI_VECTORS_MAX,
        .address = MESSAGE_ADDRESS,
        .processor_count = (uint16_t)request->processor_count,
    };
    memcpy(interrupt->processors, request->processors, request->processor_count * sizeof(request->processors[0]));
    channel->interrupt_count++;
    return interrupt;
}

const struct vsp_interrupt *vsp_interrupt_add(struct vsp_channel *channel, const struct vsp_interrupt_request *request)
{
    const struct vsp_interrupt *interrupt;

    pthread_rwlock_wrlock(&channel->interrupt_lock);
    interrupt = add(channel, request);
    pthread_rwlock_unlock(&channel->interrupt_lock);
    return interrupt;
}

/* The interrupt whose first message is that pair. */
static struct vsp_interrupt *find(struct vsp_channel *channel, uint64_t address, uint32_t data)
{
    struct vsp_interrupt *interrupt;

    if (data / VPCI_VECTORS_MAX >= channel->interrupt_capacity)
        return NULL;
    interrupt = &channel->interrupts[data / VPCI_VECTORS_MAX];
    return interrupt->used && interrupt->address == address && interrupt->data == data ? interrupt : NULL;
}

static void forget(struct vsp_interrupt *interrupt)
{
    free(interrupt->own);
    interrupt->own = NULL;
    interrupt->used = false;
}

void vsp_interrupts_clear(struct vsp_channel *channel)
{
    pthread_rwlock_wrlock(&channel->interrupt_lock);
    for (unsigned i = 0; i < channel->interrupt_capacity; i++)
        forget(&channel->interrupts[i]);
    channel->interrupt_count = 0;
    pthread_rwlock_unlock(&channel->interrupt_lock);
}

/* ---- messages ----------------------------------------------------------------------------------------------- */

enum vsp_verdict vsp_create_interrupt(struct vsp_channel *channel, const struct vsp_message *message)
{
    unsigned version = message->type == VPCI_CREATE_INTERRUPT ? 1 : message->type == VPCI_CREATE_INTERRUPT2 ? 2 : 3;
    struct vpci_create_interrupt_completion completion = {.status = VPCI_STATUS_SUCCESS};
    struct vsp_interrupt_request request;
    const struct vsp_interrupt *interrupt;

    if (!channel->assigned) {
        TRACE_REFUSE("vsp", "NOT_ASSIGNED vpci-wire.md 1.10", "interrupt before RESOURCES_ASSIGNED");
        vsp_complete_status(channel, message, VPCI_STATUS_INVALID_DEVICE_STATE);
        return VSP_HANDLED;
    }
    if (!vsp_parse_interrupt(message->bytes + offsetof(struct vpci_create_interrupt, interrupt), version, &request)) {
        vsp_bad_data(channel, message, "INTERRUPT_DESCRIPTOR vpci-wire.md 1.6.14", "not acceptable");
        return VSP_HANDLED;
    }
    interrupt = vsp_interrupt_add(channel, &request);
    if (!interrupt) {
        TRACE_REFUSE("vsp", "INTERRUPTS_MAX vpci-wire.md 6.4", "%s has %u", channel->name, channel->interrupt_count);
        vsp_complete_status(channel, message, (uint32_t)STATUS_INSUFFICIENT_RESOURCES);
        return VSP_HANDLED;
    }
    TRACE_NOTE("vsp", "vector %u, %u messages: address %llx data %x", request.vector, interrupt->count,
               (unsigned long long)interrupt->address, interrupt->data);
    completion.interrupt.vector_count = interrupt->count;
    completion.interrupt.data = interrupt->data;
    completion.interrupt.address = interrupt->address;
    vsp_complete(channel, message, &completion, sizeof(completion));
    return VSP_HANDLED;
}

enum vsp_verdict vsp_delete_interrupt(struct vsp_channel *channel, const struct vsp_message *message)
{
    struct vpci_delete_interrupt request;
    struct vsp_interrupt *interrupt;

    memcpy(&request, message->bytes, sizeof(request));
    interrupt = find(channel, request.interrupt.address, request.interrupt.data);
    if (!interrupt) {
        vsp_bad_data(channel, message, "UNKNOWN_INTERRUPT vpci-wire.md 1.6.15", "no such address and data");
        return VSP_HANDLED;
    }
    pthread_rwlock_wrlock(&channel->interrupt_lock);
    forget(interrupt);
    channel->interrupt_count--;
    pthread_rwlock_unlock(&channel->interrupt_lock);
    vsp_complete_status(channel, message, VPCI_STATUS_SUCCESS);
    return VSP_HANDLED;
}
