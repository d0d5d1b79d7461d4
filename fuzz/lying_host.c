/* SPDX-License-Identifier: MIT */
#include "lying_host.h"

#include <poll.h>
#include <string.h>
#include <sys/socket.h>

struct script lying_host;
bool lying_host_honest;
static struct input lies;

#define script_start unused_script_start
#define script_stop  unused_script_stop
#include "../tests/vpci/script_host.c"
#undef script_start
#undef script_stop

static uint32_t choose_value(struct input *input)
{
    static const uint32_t usual[] = {0,      1,          2,          4,          VPCI_STATUS_BAD_DATA, 0xFFFF, 128, 129,
                                     0x8000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFF00C,           255,    257, 24};
    uint8_t chosen = take8(input);
    return chosen < 0xE0 ? usual[chosen % (sizeof usual / sizeof usual[0])] : take32(input);
}

static void scribble(uint8_t kind)
{
    uint32_t value = take32(&lies);
    struct vmbus_ring *ring = kind & 1 ? vmbus_host_in(lying_host.host) : vmbus_host_out(lying_host.host);
    if (!ring)
        return;
    if (kind & 2)
        memcpy(ring->data + value % ring->size / 4 * 4, &value, 4);
    else
        (&ring->header->write_index)[kind >> 2 & 3] = kind & 16 ? value : value % ring->size & ~7u;
    vmbus_host_signal(lying_host.host);
}

static void say(const void *message, uint32_t length, uint64_t id, uint16_t type)
{
    script_send(&lying_host, type, id, message, length);
}

void lying_host_volunteer(uint8_t kind)
{
    uint32_t dwords[64] = {0};
    static const uint32_t types[] = {VPCI_BUS_RELATIONS, VPCI_BUS_RELATIONS2,    VPCI_INVALIDATE_BLOCK,
                                     VPCI_EJECT,         VPCI_INVALIDATE_DEVICE, VPCI_INVALIDATE_BUS,
                                     0x42490099,         VPCI_INVALIDATE_BLOCK};
    dwords[0] = types[kind & 7];
    dwords[1] = choose_value(&lies) % 300;
    dwords[2] = choose_value(&lies);
    dwords[3] = choose_value(&lies);
    dwords[4 + take8(&lies) % 28] = choose_value(&lies);
    say(dwords, kind & 8 ? 36 : choose_value(&lies) % sizeof dwords, 0, VMBUS_PACKET_DATA);
}

static void answer_wrongly(const struct script_packet *packet, uint8_t kind)
{
    uint32_t dwords[40] = {0};
    dwords[0] = choose_value(&lies);
    dwords[1 + take8(&lies) % 39] = choose_value(&lies);
    uint32_t length = kind & 8 ? choose_value(&lies) % (uint32_t)sizeof dwords : 28;
    say(dwords, length, kind & 16 ? packet->id ^ choose_value(&lies) : packet->id, VMBUS_PACKET_COMPLETION);
}

/* True: it has been dealt with. */
static bool lie(struct script *host, const struct script_packet *packet)
{
    uint8_t kind = take8(&lies);
    if (kind < 0x80 || lies.at == lies.end)
        return false;
    lying_host_honest = false;
    switch (kind & 7) {
    case 0:
        return true; /* never answered */
    case 1:
    case 2:
        answer_wrongly(packet, kind);
        return true;
    case 3:
        answer(host, packet);
        answer(host, packet);
        return true;
    case 4:
        scribble(kind >> 3);
        return false;
    case 5:
        say(packet->bytes, packet->length, packet->id, kind & 8 ? VMBUS_PACKET_DATA : VMBUS_PACKET_GPA_DIRECT);
        return false;
    case 6:
        lying_host_volunteer(kind >> 3);
        return false;
    default:
        if (kind == 0xFF)
            script_rescind(&lying_host);
        else
            host->function[0].function.slot = kind >> 3;
        return false;
    }
}

/* A ring that it broke itself gives it nothing to do, however full it looks. */
bool lying_host_round(void)
{
    if (!lying_host.host || lying_host.gone)
        return false;
    struct pollfd wait[2] = {{.fd = vmbus_host_socket(lying_host.host), .events = POLLIN},
                             {.fd = vmbus_host_kick_fd(lying_host.host), .events = POLLIN}};
    bool busy = poll(wait, 2, 0) > 0 || vpci_window_pending(&lying_host.window);
    if (wait[0].revents)
        serve_control(&lying_host);
    vmbus_host_kick_clear(lying_host.host);
    atomic_store(&lying_host.window.page->host_waiting, 1);
    serve_window(&lying_host);
    const struct vmbus_ring *in = vmbus_host_in(lying_host.host);
    uint32_t before = in ? in->index : 0;
    serve_ring(&lying_host);
    return busy || (in && in->index != before);
}

int lying_host_start(void)
{
    struct vmbus_offer offer = {.interface_id = VPCI_INTERFACE_ID, .relid = 7};
    int ends[2];
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    MUST(vmbus_host_create(ends[0], &offer, VPCI_WINDOW_PAGES, &lying_host.host) == 0);
    vpci_window_host_init(&lying_host.window, vmbus_host_window(lying_host.host));
    return ends[1];
}

void lying_host_end(void)
{
    vmbus_host_destroy(lying_host.host);
    pthread_mutex_destroy(&lying_host.lock);
    pthread_cond_destroy(&lying_host.changed);
}

void lying_host_init(struct input input)
{
    lies = input;
    lying_host_honest = true;
    script_init(&lying_host);
    lying_host.hook = lie;
}
