/* SPDX-License-Identifier: MIT */
#include "raw_guest.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#define PATIENCE_MS 20000

/* ---- host --------------------------------------------------------------------------------------------------- */

static struct raw_host *make_host(struct fake_pf *pf, struct vsp *vsp)
{
    struct raw_host *host = calloc(1, sizeof *host);
    assert_non_null(host);
    host->pf = pf;
    host->stack = fake_pf_stack(pf);
    host->vsp = vsp;
    assert_non_null(vsp);
    return host;
}

struct raw_host *raw_host_create_large(const struct fake_device *device, unsigned vfs, unsigned workers)
{
    struct fake_pf *pf = fake_pf_create_large(device, vfs);
    struct raw_host *host = make_host(pf, vsp_create(pf->nic->partition, workers));
    vsp_set_spin(host->vsp, 50);
    return host;
}

struct raw_host *raw_host_create(const struct fake_device *device)
{
    return raw_host_create_large(device, FAKE_VFS, 1);
}

struct raw_host *raw_host_beside(struct raw_host *first)
{
    struct raw_host *host = make_host(fake_pf_create(first->pf->device), first->vsp);
    host->borrowed = true;
    nt_enter(first->pf->nic->partition);
    return host;
}

void raw_host_destroy(struct raw_host *host)
{
    nt_enter(host->pf->nic->partition);
    nic_loading = host->pf->nic; /* whom the miniport's unload routine reports to */
    if (!host->borrowed)
        vsp_destroy(host->vsp);
    vstack_destroy(host->stack);
    fake_pf_destroy(host->pf);
    free(host);
}

/* ---- life --------------------------------------------------------------------------------------------------- */

static void on_ended(void *context, bool orderly, const char *reason)
{
    struct raw_guest *raw = context;
    pthread_mutex_lock(&raw->lock);
    raw->ended++;
    raw->orderly = orderly;
    for (unsigned i = 0; i < 6; i++)
        raw->bars_mapped_at_end += raw->bars[i].mapped;
    snprintf(raw->reason, sizeof raw->reason, "%s", reason);
    pthread_cond_broadcast(&raw->changed);
    pthread_mutex_unlock(&raw->lock);
}

static void on_interrupt(void *context, const struct vsp_delivery *delivery)
{
    struct raw_guest *raw = context;
    pthread_mutex_lock(&raw->lock);
    raw->interrupts++;
    raw->last = *delivery;
    raw->last.processors = raw->processors;
    memcpy(raw->processors, delivery->processors, delivery->processor_count * sizeof raw->processors[0]);
    pthread_mutex_unlock(&raw->lock);
}

static void on_bar(void *context, unsigned index, bool mapped, uint64_t guest_address, uint64_t system_address,
                   uint64_t size)
{
    struct raw_guest *raw = context;
    pthread_mutex_lock(&raw->lock);
    raw->bars[index].mapped = mapped;
    raw->bars[index].guest_address = guest_address;
    raw->bars[index].system_address = system_address;
    raw->bars[index].size = size;
    raw->bars[index].changes++;
    void (*unmapped)(struct raw_guest * raw) = mapped ? NULL : raw->unmapped;
    pthread_mutex_unlock(&raw->lock);
    if (unmapped)
        unmapped(raw);
}

unsigned raw_interrupts(struct raw_guest *raw)
{
    pthread_mutex_lock(&raw->lock);
    unsigned interrupts = raw->interrupts;
    pthread_mutex_unlock(&raw->lock);
    return interrupts;
}

struct raw_bar raw_bar(struct raw_guest *raw, unsigned index)
{
    pthread_mutex_lock(&raw->lock);
    struct raw_bar bar = raw->bars[index];
    pthread_mutex_unlock(&raw->lock);
    return bar;
}

void raw_wait_ended(struct raw_guest *raw)
{
    pthread_mutex_lock(&raw->lock);
    while (!raw->ended)
        pthread_cond_wait(&raw->changed, &raw->lock);
    pthread_mutex_unlock(&raw->lock);
}

unsigned raw_ended(struct raw_guest *raw)
{
    pthread_mutex_lock(&raw->lock);
    unsigned ended = raw->ended;
    pthread_mutex_unlock(&raw->lock);
    return ended;
}

struct raw_guest *raw_guest_on(struct raw_host *host, uint32_t relid, int socket)
{
    struct raw_guest *raw = calloc(1, sizeof *raw);
    struct vsp_channel_options options = {.name = "guest",
                                          .relid = relid,
                                          .ended = on_ended,
                                          .interrupt = on_interrupt,
                                          .bar = on_bar,
                                          .context = raw,
                                          .packets = host->packets};

    assert_non_null(raw);
    pthread_mutex_init(&raw->lock, NULL);
    pthread_cond_init(&raw->changed, NULL);
    raw->host = host;
    raw->relid = relid;
    raw->socket = -1;
    raw->vf = fake_pf_vf(host->stack);
    assert_int_equal(vsp_channel_add(host->vsp, socket, raw->vf, &options, &raw->channel), 0);
    return raw;
}

struct raw_guest *raw_guest_create(struct raw_host *host, uint32_t relid)
{
    int sockets[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    struct raw_guest *raw = raw_guest_on(host, relid, sockets[0]);
    raw->socket = sockets[1];
    return raw;
}

void raw_connect(struct raw_guest *raw)
{
    assert_int_equal(vmbus_guest_connect(raw->socket, &raw->guest), 0);
    raw->socket = -1;
    vpci_window_guest_init(&raw->window, vmbus_guest_window(raw->guest));
}

void raw_open(struct raw_guest *raw, uint32_t pages_out, uint32_t pages_in)
{
    assert_int_equal(vmbus_guest_open(raw->guest, pages_out, pages_in), 0);
}

struct raw_guest *raw_guest_open(struct raw_host *host, uint32_t relid)
{
    struct raw_guest *raw = raw_guest_create(host, relid);
    raw_connect(raw);
    raw_open(raw, 5, 5);
    return raw;
}

void raw_guest_destroy(struct raw_guest *raw)
{
    if (raw->guest)
        vmbus_guest_destroy(raw->guest);
    else if (raw->socket >= 0)
        close(raw->socket);
    vsp_channel_remove(raw->channel);
    vstack_vf_free(raw->vf);
    free(raw);
}

struct vsp_stats raw_stats(struct raw_guest *raw)
{
    struct vsp_stats stats;
    vsp_channel_stats(raw->channel, &stats);
    return stats;
}

/* ---- packets ------------------------------------------------------------------------------------------------ */

void raw_send(struct raw_guest *raw, uint16_t type, uint16_t flags, uint64_t id, const void *payload, uint32_t length)
{
    struct vmbus_packet packet = {.type = type, .flags = flags, .transaction_id = id, .length = length};
    bool signal;
    int result;

    while ((result = vmbus_ring_send(vmbus_guest_out(raw->guest), &packet, payload, true, &signal)) == -EAGAIN)
        sched_yield();
    assert_int_equal(result, 0);
    if (signal)
        vmbus_guest_signal(raw->guest);
}

void raw_post(struct raw_guest *raw, const void *payload, uint32_t length)
{
    raw_send(raw, VMBUS_PACKET_DATA, 0, 0, payload, length);
}

static struct vmbus_packet receive(struct raw_guest *raw, struct reply *reply)
{
    struct vmbus_packet packet;
    bool signal;
    int length;

    while ((length = vmbus_ring_receive(vmbus_guest_in(raw->guest), &packet, reply->bytes, sizeof reply->bytes,
                                        &signal)) == -EAGAIN)
        assert_int_equal(vmbus_guest_wait(raw->guest, -1, PATIENCE_MS), 0);
    assert_true(length >= 0);
    if (signal)
        vmbus_guest_signal(raw->guest);
    reply->length = (uint32_t)length;
    return packet;
}

static void keep(struct raw_guest *raw, const struct reply *reply)
{
    assert_true(raw->queued < 32 && reply->length <= 256);
    raw->queue[raw->queued].length = reply->length;
    memcpy(raw->queue[raw->queued++].bytes, reply->bytes, reply->length);
}

uint64_t raw_next_completion(struct raw_guest *raw, struct reply *reply)
{
    for (;;) {
        struct vmbus_packet packet = receive(raw, reply);
        if (packet.type == VMBUS_PACKET_COMPLETION)
            return packet.transaction_id;
        assert_int_equal(packet.type, VMBUS_PACKET_DATA);
        assert_true(packet.transaction_id == 0 && packet.flags == 0);
        keep(raw, reply);
    }
}

void raw_completion(struct raw_guest *raw, uint64_t id, struct reply *reply)
{
    assert_true(raw_next_completion(raw, reply) == id);
}

static bool take_kept(struct raw_guest *raw, uint32_t type, struct reply *reply)
{
    for (unsigned i = 0; i < raw->queued; i++) {
        if (memcmp(raw->queue[i].bytes, &type, 4) != 0)
            continue;
        if (reply) {
            reply->length = raw->queue[i].length;
            memcpy(reply->bytes, raw->queue[i].bytes, reply->length);
        }
        memmove(&raw->queue[i], &raw->queue[i + 1], (raw->queued - i - 1) * sizeof raw->queue[0]);
        raw->queued--;
        return true;
    }
    return false;
}

void raw_in_band(struct raw_guest *raw, uint32_t type, struct reply *reply)
{
    while (!take_kept(raw, type, reply)) {
        struct vmbus_packet packet = receive(raw, reply);
        assert_int_equal(packet.type, VMBUS_PACKET_DATA);
        keep(raw, reply);
    }
}

uint32_t raw_request(struct raw_guest *raw, const void *payload, uint32_t length, struct reply *reply)
{
    struct reply own;
    uint64_t id = ++raw->next_id;
    if (!reply)
        reply = &own;
    raw_send(raw, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, payload, length);
    raw_completion(raw, id, reply);
    return reply->dwords[0];
}

bool raw_nothing(struct raw_guest *raw, uint32_t type)
{
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    raw_request(raw, &query, sizeof query, NULL);
    return !take_kept(raw, type, NULL);
}

void raw_wait_gone(struct raw_guest *raw)
{
    static struct reply ignored;
    struct vmbus_packet packet;
    bool signal;
    int result;

    while ((result = vmbus_guest_wait(raw->guest, -1, PATIENCE_MS)) == 0) {
        struct vmbus_ring *ring = vmbus_guest_in(raw->guest);
        while (ring && vmbus_ring_receive(ring, &packet, ignored.bytes, sizeof ignored.bytes, &signal) >= 0)
            ;
    }
    assert_int_equal(result, -EPIPE);
}

/* ---- messages ----------------------------------------------------------------------------------------------- */

uint32_t raw_version(struct raw_guest *raw, uint32_t version)
{
    struct vpci_query_version query = {.type = VPCI_QUERY_PROTOCOL_VERSION, .version = version};
    return raw_request(raw, &query, sizeof query, NULL);
}

uint32_t raw_d0(struct raw_guest *raw, uint64_t base)
{
    struct vpci_d0_entry entry = {.type = VPCI_BUS_D0ENTRY, .mmio_base = base};
    return raw_request(raw, &entry, sizeof entry, NULL);
}

uint32_t raw_d0_exit(struct raw_guest *raw)
{
    struct vpci_header exit = {.type = VPCI_BUS_D0EXIT};
    return raw_request(raw, &exit, sizeof exit, NULL);
}

uint32_t raw_assign(struct raw_guest *raw)
{
    uint8_t bytes[VPCI_ASSIGNED2_LINUX] = {0};
    uint32_t type = VPCI_RESOURCES_ASSIGNED2;
    memcpy(bytes, &type, sizeof type);
    return raw_request(raw, bytes, sizeof bytes, NULL);
}

void raw_up(struct raw_guest *raw)
{
    struct reply reply;
    assert_int_equal(raw_version(raw, VPCI_VERSION_1_4), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(raw, WINDOW), VPCI_STATUS_SUCCESS);
    raw_in_band(raw, VPCI_BUS_RELATIONS2, &reply);
    assert_int_equal(raw_assign(raw), VPCI_STATUS_SUCCESS);
}

uint32_t raw_block_write(struct raw_guest *raw, uint32_t block, const void *data, uint32_t length)
{
    uint8_t bytes[sizeof(struct vpci_write_block) + VPCI_BLOCK_MAX];
    struct vpci_write_block write = {.type = VPCI_WRITE_BLOCK_MESSAGE, .block_id = block, .byte_count = length};
    memcpy(bytes, &write, sizeof write);
    memcpy(bytes + sizeof write, data, length);
    return raw_request(raw, bytes, (uint32_t)sizeof write + length, NULL);
}

uint32_t raw_block_read(struct raw_guest *raw, uint32_t block, uint32_t length, struct reply *reply)
{
    struct vpci_read_block read = {.type = VPCI_READ_BLOCK_MESSAGE, .block_id = block, .bytes_requested = length};
    return raw_request(raw, &read, sizeof read, reply);
}

bool raw_alive(struct raw_guest *raw)
{
    uint32_t there = (uint32_t)++raw->next_id * 2654435761u;
    struct reply reply;
    return raw_block_write(raw, 7, &there, 4) == VPCI_STATUS_SUCCESS &&
           raw_block_read(raw, 7, 4, &reply) == VPCI_STATUS_SUCCESS && reply.dwords[1] == there &&
           raw_config_read(raw, 0, 2) == vstack_vf_identity(raw->vf)->vendor;
}

/* ---- the window --------------------------------------------------------------------------------------------- */

uint64_t raw_window(struct raw_guest *raw, bool write, uint64_t address, uint32_t size, uint64_t value)
{
    struct vpci_window_access access = {.address = address, .size = size, .is_write = write, .value = value};
    uint64_t answer = 0;
    if (vpci_window_post(&raw->window, &access))
        vmbus_guest_signal(raw->guest);
    assert_int_equal(vpci_window_wait(&raw->window, 100, PATIENCE_MS, &answer), 0);
    return answer;
}

uint32_t raw_config_read(struct raw_guest *raw, uint32_t offset, uint32_t size)
{
    uint64_t mask = size == 4 ? 0xFFFFFFFF : (1ull << size * 8) - 1;
    raw_window(raw, true, WINDOW, 4, 0);
    return (uint32_t)(raw_window(raw, false, WINDOW + VPCI_WINDOW_CONFIG + offset, size, 0) & mask);
}

void raw_config_write(struct raw_guest *raw, uint32_t offset, uint32_t size, uint32_t value)
{
    raw_window(raw, true, WINDOW, 4, 0);
    raw_window(raw, true, WINDOW + VPCI_WINDOW_CONFIG + offset, size, value);
}

/* ---- pairs -------------------------------------------------------------------------------------------------- */

int raw_pair_set_up(void **state)
{
    struct raw_pair *pair = calloc(1, sizeof *pair);
    assert_non_null(pair);
    pair->host = raw_host_create(&fake_82576);
    pair->guest = raw_guest_open(pair->host, 1);
    pair->second = raw_guest_open(pair->host, 2);
    raw_up(pair->second);
    *state = pair;
    return 0;
}

int raw_pair_set_up_d0(void **state)
{
    raw_pair_set_up(state);
    raw_up(((struct raw_pair *)*state)->guest);
    return 0;
}

int raw_pair_tear_down(void **state)
{
    struct raw_pair *pair = *state;
    assert_true(raw_alive(pair->second));
    raw_guest_destroy(pair->guest);
    raw_guest_destroy(pair->second);
    raw_host_destroy(pair->host);
    free(pair);
    return 0;
}
