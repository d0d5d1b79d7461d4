/* SPDX-License-Identifier: MIT
 *
 * The socket to a VMM: any bytes, in any pieces, while the host's end works, dawdles, raises interrupts, takes its
 * offers back. Whatever comes, what goes to the VMM is whole frames of the host's types, credit and rings keep to their
 * sizes, a packet arrives in the ring as it stood in its frame, and a connection that ends takes its channels with it.
 */
#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "input.h"
#include "vpci/vmm/internal.h"

#define CHANNELS 2

struct end {
    struct vmm_channel *channel;
    struct vmbus_host *host;
    struct vpci_window_host window;
    bool gone, busy;
    bool accessing, retargeting; /* asked by the VMM, not answered yet */
    bool mapped[VMM_REGIONS];    /* as the VMM heard it */
    struct vpci_window_access access;
};

static struct vmm_loop *loop;
static struct vmm vmm;
static struct end ends[CHANNELS];
static int peer;
static uint8_t heard[VFP_VMM_FRAME_MAX];
static uint32_t heard_bytes;
static uint16_t version; /* that the host agreed on, 0: none yet */

/* ---- the host's worker ------------------------------------------------------------------------------------------ */

static void answered(void *context)
{
    vmm_channel_answered(((struct end *)context)->channel);
}

static void control(struct end *end)
{
    if (!end->gone && vmbus_host_control(end->host) == VMBUS_GONE)
        end->gone = true;
}

/* Takes packets and completes each that asks for it, as far as there is room. */
static void work(struct end *end, unsigned most)
{
    static uint8_t buffer[VFP_VMM_PAYLOAD_MAX + 8];
    struct vmbus_ring *in = vmbus_host_in(end->host), *out = vmbus_host_out(end->host);
    struct vmbus_packet packet;
    bool signal, wake = false;
    if (!in)
        return;
    for (unsigned i = 0; i < most && vmbus_ring_has_room(out, 40) > 0; i++) {
        int length = vmbus_ring_receive(in, &packet, buffer, sizeof buffer, &signal);
        wake |= signal;
        if (length < 0) {
            MUST(length == -EAGAIN);
            break;
        }
        MUST((uint32_t)length == packet.length && length % 8 == 0);
        if (!(packet.flags & VMBUS_COMPLETION_REQUESTED))
            continue;
        packet.type = VMBUS_PACKET_COMPLETION;
        packet.length = packet.length < 40 ? packet.length : 40;
        MUST(vmbus_ring_send(out, &packet, buffer, false, &signal) == 0);
        wake |= signal;
    }
    if (wake)
        vmbus_host_signal(end->host);
}

static void take_access(struct end *end)
{
    if (!end->busy)
        end->busy = vpci_window_take(&end->window, &end->access);
}

static void answer_access(struct end *end)
{
    if (end->busy)
        vpci_window_answer(&end->window, &end->access, end->access.address);
    end->busy = false;
}

/* One of each kind at a time, and nothing that cannot be. */
static int on_access(void *context, const struct vfp_vmm_register *asked)
{
    struct end *end = context;
    MUST(!end->accessing && asked->region < VFP_VMM_BARS && asked->size >= 1 && asked->size <= 8 && asked->write < 2);
    end->accessing = asked->offset % 4 != 3;
    return end->accessing ? 0 : -ENODEV;
}

static int on_retarget(void *context, const struct vfp_vmm_retarget *asked)
{
    struct end *end = context;
    MUST(!end->retargeting && asked->processor_count >= 1 && asked->processor_count <= VFP_VMM_PROCESSORS);
    for (unsigned i = 0; i < asked->processor_count; i++)
        MUST(asked->processors[i] < VFP_VMM_PROCESSOR_MAX);
    end->retargeting = asked->data % 4 != 3;
    return end->retargeting ? 0 : -ENOMEM;
}

static void answer_asked(struct end *end)
{
    if (end->accessing) {
        end->accessing = false;
        vmm_channel_register_done(end->channel, -ENOENT, UINT64_MAX);
    }
    if (end->retargeting) {
        end->retargeting = false;
        vmm_channel_retarget_done(end->channel, 0);
    }
}

static void tell_ranges(struct end *end, struct input *input)
{
    struct vfp_vmm_range ranges[VFP_VMM_RANGES_MAX] = {0};
    uint32_t count = take8(input), region = take8(input) % VFP_VMM_BARS;
    for (uint32_t i = 0; i < count; i++)
        ranges[i] = (struct vfp_vmm_range){.offset = i * 4096ull, .length = 4096, .accesses = 1 + i % 3};
    vmm_channel_ranges(end->channel, region, ranges, count);
}

/* ---- the VMM ---------------------------------------------------------------------------------------------------- */

/* A region appears once and goes once. */
static void check_region(const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_region *region = (const void *)frame;
    for (unsigned i = 0; i < CHANNELS; i++) {
        if (ends[i].channel->id != frame->channel)
            continue;
        if (frame->type == VFP_VMM_OPENED)
            memset(ends[i].mapped, 0, sizeof ends[i].mapped);
        if (frame->type != VFP_VMM_MAP && frame->type != VFP_VMM_UNMAP)
            continue;
        MUST(region->region < VMM_REGIONS && ends[i].mapped[region->region] == (frame->type == VFP_VMM_UNMAP));
        ends[i].mapped[region->region] = frame->type == VFP_VMM_MAP;
    }
}

static void check_frame(const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_error *error = (const void *)frame;
    const struct vfp_vmm_ranges *ranges = (const void *)frame;
    bool newer = frame->type >= VFP_VMM_RANGES && frame->type <= VFP_VMM_RETARGETED;
    bool hosts = frame->type >= VFP_VMM_OFFER && frame->type <= VFP_VMM_RETARGETED;
    MUST(hosts || frame->type == VFP_VMM_HELLO || frame->type == VFP_VMM_PACKET || frame->type == VFP_VMM_CREDIT);
    MUST(frame->flags == 0);
    MUST(!newer || version >= 2);
    if (frame->type == VFP_VMM_HELLO)
        version = ((const struct vfp_vmm_hello *)frame)->highest;
    if (frame->type == VFP_VMM_RANGES)
        MUST(frame->length == sizeof *ranges + ranges->count * sizeof(struct vfp_vmm_range) &&
             ranges->region < VFP_VMM_BARS);
    if (frame->type == VFP_VMM_ERROR) {
        MUST(frame->length == sizeof *error && memchr(error->name, 0, sizeof error->name));
        MUST(strcmp(error->name, vmm_rule_name(error->rule)) == 0 && error->name[0] != '?');
    }
}

static void listen_to_host(void)
{
    ssize_t got;
    while ((got = recv(peer, heard + heard_bytes, sizeof heard - heard_bytes, MSG_DONTWAIT)) > 0) {
        uint32_t at = 0;
        heard_bytes += (uint32_t)got;
        while (heard_bytes - at >= sizeof(struct vfp_vmm_frame)) {
            const struct vfp_vmm_frame *frame = (const void *)(heard + at);
            MUST(frame->length >= sizeof *frame && frame->length <= VFP_VMM_FRAME_MAX);
            if (frame->length > heard_bytes - at)
                break;
            check_frame(frame);
            check_region(frame);
            at += frame->length;
        }
        memmove(heard, heard + at, heard_bytes -= at);
    }
}

static void loop_turn(uint32_t events)
{
    pthread_mutex_lock(&vmm.lock);
    if (vmm.connection)
        vmm_connection_event(vmm.connection, events);
    pthread_mutex_unlock(&vmm.lock);
}

static void say(const void *bytes, size_t length)
{
    if (send(peer, bytes, length, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
        loop_turn(EPOLLIN);
}

static void say_hello(uint16_t highest)
{
    struct vfp_vmm_hello hello = {.frame = {.length = sizeof hello, .type = VFP_VMM_HELLO},
                                  .magic = VFP_VMM_MAGIC,
                                  .lowest = 1,
                                  .highest = highest};
    say(&hello, sizeof hello);
}

/* A frame whose header is right more often than chance would have it, and a body of the input's bytes. */
static void say_frame(struct input *input)
{
    static const uint32_t lengths[16] = {
        [VFP_VMM_HELLO] = 32,  [VFP_VMM_OPEN] = 24,   [VFP_VMM_CLOSE] = 16,    [VFP_VMM_WINDOW] = 40,
        [VFP_VMM_PACKET] = 48, [VFP_VMM_CREDIT] = 24, [VFP_VMM_REGISTER] = 40, [VFP_VMM_RETARGET] = 104};
    union {
        struct vfp_vmm_frame frame;
        uint8_t bytes[sizeof(struct vfp_vmm_frame) + 8192];
    } out;
    uint8_t type = take8(input), channel = take8(input);
    uint32_t length = lengths[type % 16];
    if (type & 0x80 || length < sizeof out.frame)
        length = sizeof out.frame + take16(input) % 8192;
    memset(&out, 0, sizeof out);
    for (uint32_t i = sizeof out.frame; i < length && i < 64; i++)
        out.bytes[i] = take8(input);
    out.frame = (struct vfp_vmm_frame){.length = length, .type = type & 0x7F, .flags = channel >> 7, .id = 7};
    out.frame.channel = channel & 0x40 ? channel & 0x3F : ends[channel % CHANNELS].channel->id;
    say(&out, length);
}

static void say_raw(struct input *input)
{
    uint8_t bytes[256];
    uint32_t length = take8(input);
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = take8(input);
    if (length)
        say(bytes, length);
}

/* ---- properties ------------------------------------------------------------------------------------------------- */

static void check(void)
{
    MUST(vmm_unread(&vmm) <= VMM_UNREAD_MAX);
    for (unsigned i = 0; i < CHANNELS; i++) {
        const struct vmm_channel *channel = ends[i].channel;
        bool open = channel->state == VMM_OPEN;
        MUST(!open || (channel->spent <= channel->to_host && channel->taken <= channel->to_guest));
        MUST(!open || vmbus_local_out(channel->local));
        MUST(!open || !channel->unsaid.some || vmm.behind || !vmm.connection || vmm.connection->dead);
        for (unsigned k = 0; k < VFP_VMM_BARS; k++)
            MUST(!open || !channel->unsaid.mitigated[k] || !channel->unsaid.told[k].mapped || channel->unsaid.some);
        MUST(vmm.connection || channel->state == VMM_WAITING || channel->state == VMM_ENDED);
    }
}

static void step(struct input *input)
{
    static const uint16_t processors[VFP_VMM_PROCESSORS] = {1, 2, 3};
    uint8_t what = take8(input);
    struct end *end = &ends[what >> 4 & 1];
    switch (what & 15) {
    case 0:
        say_hello(1 + (what >> 5));
        break;
    case 1:
        say_raw(input);
        break;
    case 2:
        control(end);
        break;
    case 3:
        work(end, 1u + (what >> 5));
        break;
    case 4:
        take_access(end);
        break;
    case 5:
        answer_access(end);
        break;
    case 6:
        vmm_channel_interrupt(end->channel, take8(input), what >> 7, 1u + take8(input) % VFP_VMM_PROCESSORS,
                              processors);
        break;
    case 7:
        vmm_channel_region(end->channel, what >> 7, take8(input) % 7, take32(input), take32(input), take32(input));
        break;
    case 8:
        listen_to_host();
        break;
    case 9:
        loop_turn(EPOLLOUT);
        break;
    case 10:
        vmbus_host_rescind(end->host);
        break;
    case 11:
        tell_ranges(end, input);
        break;
    case 12:
        answer_asked(end);
        break;
    default:
        say_frame(input);
        break;
    }
    check();
}

/* ---- one input -------------------------------------------------------------------------------------------------- */

static void set_up(void)
{
    static const struct vmbus_offer offer = {.instance_id = {1, 2, 3, 4, 5}, .relid = 1};
    int sockets[2];
    if (!loop) {
        loop = vmm_loop_create();
        MUST(loop);
        vmm.loop = loop;
        vmm.listener = -1;
        pthread_mutex_init(&vmm.lock, NULL);
    }
    MUST(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    peer = sockets[1];
    heard_bytes = version = 0;
    vmm.last_id = 0;
    pthread_mutex_lock(&vmm.lock);
    vmm_connection_accept(&vmm, sockets[0]);
    pthread_mutex_unlock(&vmm.lock);
    for (unsigned i = 0; i < CHANNELS; i++) {
        ends[i] = (struct end){0};
        const struct vmm_channel_asked asked = {on_access, on_retarget, &ends[i]};
        MUST(vmm_channel_create(&vmm, &offer, &asked, &ends[i].channel) == 0);
        ends[i].host = vmm_channel_host(ends[i].channel);
        vpci_window_host_init(&ends[i].window, vmbus_host_window(ends[i].host));
        ends[i].window.answered = answered;
        ends[i].window.answered_context = &ends[i];
    }
}

static void tear_down(void)
{
    listen_to_host();
    pthread_mutex_lock(&vmm.lock);
    vmm_connection_end(&vmm, NULL);
    pthread_mutex_unlock(&vmm.lock);
    check();
    for (unsigned i = 0; i < CHANNELS; i++) {
        answer_asked(&ends[i]);
        vmbus_host_destroy(ends[i].host);
    }
    MUST(!vmm.channels);
    listen_to_host();
    close(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    set_up();
    while (input.at < input.end)
        step(&input);
    tear_down();
    return 0;
}
