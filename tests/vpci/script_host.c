/* SPDX-License-Identifier: MIT */
#include "script_host.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

void script_init(struct script *script)
{
    memset(script, 0, sizeof *script);
    script->lowest = VPCI_VERSION_1_2;
    script->highest = VPCI_VERSION_1_4;
    script->count = 1;
    for (uint32_t slot = 0; slot < SCRIPT_SLOTS; slot++) {
        script->function[slot] = (struct vpci_function2){
            .function =
                {.vendor_id = 0x8086, .device_id = 0x10CA, .base_class = 2, .slot = slot, .serial = 0x1000 + slot},
        };
        for (uint32_t i = 0x40; i < VPCI_CONFIG_SIZE; i++)
            script->config[slot][i] = (uint8_t)(i * 3 + slot);
    }
    script->probed[0] = 0xFFFFC00C; /* 16 KiB, 64 bit, prefetchable */
    script->probed[1] = 0xFFFFFFFF;
    script->probed[3] = 0xFFFFE000; /* 8 KiB, 32 bit */
    for (unsigned block = 0; block < 64; block++)
        for (unsigned i = 0; i < VPCI_BLOCK_MAX; i++)
            script->block[block][i] = (uint8_t)(block + i);
    pthread_mutex_init(&script->lock, NULL);
    pthread_cond_init(&script->changed, NULL);
}

/* ---- sending ---------------------------------------------------------------------------------------------------- */

static void send_locked(struct script *script, uint16_t type, uint64_t id, const void *payload, uint32_t length)
{
    struct vmbus_packet packet = {.type = type, .transaction_id = id, .length = length};
    struct vmbus_ring *out = vmbus_host_out(script->host);
    bool signal = false;
    if (out && vmbus_ring_send(out, &packet, payload, false, &signal) == 0 && signal &&
        !vpci_window_ring_signal(&script->window))
        vmbus_host_signal(script->host);
}

void script_send(struct script *script, uint16_t type, uint64_t id, const void *payload, uint32_t length)
{
    pthread_mutex_lock(&script->lock);
    send_locked(script, type, id, payload, length);
    pthread_mutex_unlock(&script->lock);
}

void script_complete(struct script *script, uint64_t id, const void *payload, uint32_t length)
{
    script_send(script, VMBUS_PACKET_COMPLETION, id, payload, length);
}

void script_status(struct script *script, uint64_t id, uint32_t status)
{
    script_complete(script, id, &status, sizeof status);
}

void script_relations(struct script *script)
{
    uint8_t message[sizeof(struct vpci_relations) + SCRIPT_SLOTS * sizeof(struct vpci_function2)];
    struct vpci_relations head = {script->relations1 ? VPCI_BUS_RELATIONS : VPCI_BUS_RELATIONS2, script->count};
    uint32_t size = script->relations1 ? sizeof(struct vpci_function) : sizeof(struct vpci_function2);
    memcpy(message, &head, sizeof head);
    for (uint32_t i = 0; i < script->count; i++)
        memcpy(message + sizeof head + i * size, &script->function[i], size);
    script_send(script, VMBUS_PACKET_DATA, 0, message, (uint32_t)sizeof head + script->count * size);
}

void script_invalidate(struct script *script, uint32_t slot, uint64_t mask)
{
    struct vpci_invalidate_block message = {VPCI_INVALIDATE_BLOCK, slot, mask};
    script_send(script, VMBUS_PACKET_DATA, 0, &message, sizeof message);
}

void script_eject(struct script *script, uint32_t slot)
{
    struct vpci_slot_message message = {VPCI_EJECT, slot};
    script_send(script, VMBUS_PACKET_DATA, 0, &message, sizeof message);
}

void script_rescind(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    vmbus_host_rescind(script->host);
    pthread_mutex_unlock(&script->lock);
}

void script_raise(struct script *script, uint32_t vector)
{
    if (vpci_window_raise(&script->window, vector))
        vmbus_host_signal(script->host);
}

/* ---- the honest host -------------------------------------------------------------------------------------------- */

static void answer_version(struct script *script, const struct script_packet *packet)
{
    struct vpci_query_version request;
    memcpy(&request, packet->bytes, sizeof request);
    bool good = request.version >= script->lowest && request.version <= script->highest;
    struct vpci_version_completion reply = {good ? VPCI_STATUS_SUCCESS : VPCI_STATUS_REVISION_MISMATCH,
                                            VPCI_VERSION_1_3};
    script_complete(script, packet->id, &reply, sizeof reply);
}

static void answer_requirements(struct script *script, const struct script_packet *packet)
{
    struct vpci_requirements_completion reply = {.status = VPCI_STATUS_SUCCESS};
    memcpy(reply.probed_bar, script->probed, sizeof reply.probed_bar);
    script_complete(script, packet->id, &reply, sizeof reply);
}

static void answer_d0_entry(struct script *script, const struct script_packet *packet)
{
    struct vpci_d0_entry request;
    memcpy(&request, packet->bytes, sizeof request);
    bool refused = script->d0_refusals > 0;
    script->d0_refusals -= refused;
    script->base = refused ? 0 : request.mmio_base;
    if (!refused)
        script_relations(script);
    script_status(script, packet->id, refused ? VPCI_STATUS_INVALID_DEVICE_STATE : VPCI_STATUS_SUCCESS);
}

static void answer_read_block(struct script *script, const struct script_packet *packet)
{
    struct vpci_read_block request;
    struct vpci_read_block_completion reply = {.status = script->block_status};
    memcpy(&request, packet->bytes, sizeof request);
    memcpy(reply.data, script->block[request.block_id % 64], request.bytes_requested);
    script_complete(script, packet->id, &reply, 4 + (reply.status ? 0 : request.bytes_requested));
}

static void answer_write_block(struct script *script, const struct script_packet *packet)
{
    struct vpci_write_block request;
    memcpy(&request, packet->bytes, sizeof request);
    pthread_mutex_lock(&script->lock);
    if (!script->block_status)
        memcpy(script->block[request.block_id % 64], packet->bytes + sizeof request, request.byte_count);
    pthread_mutex_unlock(&script->lock);
    script_status(script, packet->id, script->block_status);
}

/* The vector stands at the same place in all three versions. */
static void answer_create_interrupt(struct script *script, const struct script_packet *packet)
{
    struct vpci_create_interrupt_completion reply = {
        .interrupt = {.vector_count = 1, .data = packet->bytes[8], .address = SCRIPT_MESSAGE_ADDRESS}};
    script_complete(script, packet->id, &reply, sizeof reply);
}

static void answer(struct script *script, const struct script_packet *packet)
{
    switch (packet->type) {
    case VPCI_CREATE_INTERRUPT:
    case VPCI_CREATE_INTERRUPT2:
    case VPCI_CREATE_INTERRUPT3:
        answer_create_interrupt(script, packet);
        break;
    case VPCI_QUERY_PROTOCOL_VERSION:
        answer_version(script, packet);
        break;
    case VPCI_QUERY_BUS_RELATIONS:
        script_relations(script);
        break;
    case VPCI_QUERY_RESOURCE_REQUIREMENTS:
        answer_requirements(script, packet);
        break;
    case VPCI_BUS_D0ENTRY:
        answer_d0_entry(script, packet);
        break;
    case VPCI_READ_BLOCK_MESSAGE:
        answer_read_block(script, packet);
        break;
    case VPCI_WRITE_BLOCK_MESSAGE:
        answer_write_block(script, packet);
        break;
    default:
        if (packet->flagged)
            script_status(script, packet->id, VPCI_STATUS_SUCCESS);
    }
}

/* ---- the window ------------------------------------------------------------------------------------------------- */

static uint64_t access_config(struct script *script, const struct vpci_window_access *access)
{
    uint64_t offset = access->address - script->base - VPCI_WINDOW_CONFIG, value = 0;
    if (!script->base || script->selected >= SCRIPT_SLOTS || offset + access->size > VPCI_CONFIG_SIZE ||
        access->size > 4)
        return UINT64_MAX;
    uint8_t *bytes = &script->config[script->selected][offset];
    if (access->is_write)
        memcpy(bytes, &access->value, access->size);
    memcpy(&value, bytes, access->size);
    return value;
}

static void serve_window(struct script *script)
{
    struct vpci_window_access access;
    while (vpci_window_take(&script->window, &access)) {
        pthread_mutex_lock(&script->lock);
        script->access[script->accesses++ % 4096] = access;
        uint64_t value = 0;
        bool select = access.address == script->base + VPCI_WINDOW_SELECT;
        if (select)
            script->selected = (uint32_t)access.value;
        else
            value = access_config(script, &access);
        bool deaf = script->deaf_window;
        pthread_cond_broadcast(&script->changed);
        pthread_mutex_unlock(&script->lock);
        if (!deaf)
            vpci_window_answer(&script->window, &access, value);
    }
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

static void log_packet(struct script *script, const struct script_packet *packet)
{
    pthread_mutex_lock(&script->lock);
    if (script->logged < sizeof script->log / sizeof script->log[0])
        script->log[script->logged++] = *packet;
    pthread_cond_broadcast(&script->changed);
    pthread_mutex_unlock(&script->lock);
}

static void serve_ring(struct script *script)
{
    struct vmbus_ring *in = vmbus_host_in(script->host);
    struct script_packet packet;
    struct vmbus_packet head;
    bool signal;
    int length;
    while (in && (length = vmbus_ring_receive(in, &head, packet.bytes, sizeof packet.bytes, &signal)) >= 0) {
        if (signal)
            vmbus_host_signal(script->host);
        packet.id = head.transaction_id;
        packet.flagged = head.flags & VMBUS_COMPLETION_REQUESTED;
        packet.length = (uint32_t)length;
        memcpy(&packet.type, packet.bytes, 4);
        log_packet(script, &packet);
        if (!script->hook || !script->hook(script, &packet))
            answer(script, &packet);
    }
}

static void serve_control(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    enum vmbus_event event = vmbus_host_control(script->host);
    script->open = event == VMBUS_OPENED || (script->open && event == VMBUS_NOTHING);
    script->closed |= event == VMBUS_CLOSED;
    script->gone |= event == VMBUS_GONE;
    pthread_cond_broadcast(&script->changed);
    pthread_mutex_unlock(&script->lock);
}

static bool idle(struct script *script)
{
    struct vmbus_ring *in = vmbus_host_in(script->host);
    return !(in && vmbus_ring_has_data(in)) && !vpci_window_host_sleep(&script->window);
}

static void *script_thread(void *context)
{
    struct script *script = context;
    while (!script->gone) {
        struct pollfd wait[3] = {{.fd = vmbus_host_socket(script->host), .events = POLLIN},
                                 {.fd = vmbus_host_kick_fd(script->host), .events = POLLIN},
                                 {.fd = script->stop, .events = POLLIN}};
        poll(wait, 3, idle(script) ? -1 : 0);
        vpci_window_host_awake(&script->window);
        if (wait[2].revents)
            break;
        if (wait[1].revents)
            vmbus_host_kick_clear(script->host);
        if (wait[0].revents)
            serve_control(script);
        serve_window(script);
        serve_ring(script);
    }
    return NULL;
}

int script_start(struct script *script, uint32_t relid)
{
    struct vmbus_offer offer = {.interface_id = VPCI_INTERFACE_ID, .relid = relid};
    int ends[2];
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0 ||
        vmbus_host_create(ends[0], &offer, VPCI_WINDOW_PAGES, &script->host) < 0)
        abort();
    vpci_window_host_init(&script->window, vmbus_host_window(script->host));
    script->stop = eventfd(0, EFD_CLOEXEC);
    pthread_create(&script->thread, NULL, script_thread, script);
    return ends[1];
}

void script_stop(struct script *script)
{
    if (!script->host)
        return;
    eventfd_write(script->stop, 1);
    pthread_join(script->thread, NULL);
    pthread_mutex_lock(&script->lock);
    vmbus_host_destroy(script->host);
    script->host = NULL;
    pthread_mutex_unlock(&script->lock);
    close(script->stop);
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

static unsigned count_locked(struct script *script, uint32_t type, struct script_packet *last)
{
    unsigned count = 0;
    for (unsigned i = 0; i < script->logged; i++) {
        if (script->log[i].type != type)
            continue;
        count++;
        if (last)
            *last = script->log[i];
    }
    return count;
}

struct script_packet script_wait(struct script *script, uint32_t type, unsigned count)
{
    struct script_packet last = {0};
    pthread_mutex_lock(&script->lock);
    while (count_locked(script, type, &last) < count)
        pthread_cond_wait(&script->changed, &script->lock);
    pthread_mutex_unlock(&script->lock);
    return last;
}

unsigned script_seen(struct script *script, uint32_t type)
{
    pthread_mutex_lock(&script->lock);
    unsigned count = count_locked(script, type, NULL);
    pthread_mutex_unlock(&script->lock);
    return count;
}

uint8_t (*script_config(struct script *script))[VPCI_CONFIG_SIZE]
{
    pthread_mutex_lock(&script->lock);
    memcpy(script->shown_config, script->config, sizeof script->config);
    pthread_mutex_unlock(&script->lock);
    return script->shown_config;
}

void script_put(struct script *script, uint32_t offset, const void *bytes, uint32_t length)
{
    pthread_mutex_lock(&script->lock);
    memcpy(&script->config[0][offset], bytes, length);
    pthread_mutex_unlock(&script->lock);
}

uint8_t (*script_blocks(struct script *script))[VPCI_BLOCK_MAX]
{
    pthread_mutex_lock(&script->lock);
    memcpy(script->shown_block, script->block, sizeof script->block);
    pthread_mutex_unlock(&script->lock);
    return script->shown_block;
}

struct vpci_window_access script_access(struct script *script, unsigned index)
{
    pthread_mutex_lock(&script->lock);
    struct vpci_window_access access = script->access[index % 4096];
    pthread_mutex_unlock(&script->lock);
    return access;
}

void script_wait_closed(struct script *script)
{
    pthread_mutex_lock(&script->lock);
    while (!script->closed && !script->gone)
        pthread_cond_wait(&script->changed, &script->lock);
    pthread_mutex_unlock(&script->lock);
}
