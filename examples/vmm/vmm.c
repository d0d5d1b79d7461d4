/* SPDX-License-Identifier: MIT */
#include "vmm.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* ---- frames ----------------------------------------------------------------------------------------------------- */

struct vfp_vmm_frame vmm_header(struct vmm *vmm, uint16_t type, uint32_t length)
{
    return (struct vfp_vmm_frame){.length = length, .type = type, .channel = vmm->channel.id, .id = ++vmm->frame_id};
}

int vmm_send(struct vmm *vmm, const void *bytes, uint32_t length)
{
    const uint8_t *at = bytes;
    while (length) {
        ssize_t sent = send(vmm->fd, at, length, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == ECONNRESET ? -EPIPE : -errno;
        at += sent;
        length -= (uint32_t)sent;
    }
    return 0;
}

/* A whole frame in the buffer, or why there is none. */
static int receive(struct vmm *vmm, int timeout_ms, const struct vfp_vmm_frame **frame)
{
    memmove(vmm->buffer, vmm->buffer + vmm->used, vmm->filled -= vmm->used);
    vmm->used = 0;
    *frame = (const void *)vmm->buffer;
    while (vmm->filled < sizeof **frame || vmm->filled < (*frame)->length) {
        struct pollfd readable = {.fd = vmm->fd, .events = POLLIN};
        if (vmm->filled >= sizeof **frame &&
            ((*frame)->length < sizeof **frame || (*frame)->length > VFP_VMM_FRAME_MAX))
            return -EPROTO;
        int ready = poll(&readable, 1, timeout_ms);
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t got = ready < 0 ? -1 : recv(vmm->fd, vmm->buffer + vmm->filled, sizeof vmm->buffer - vmm->filled, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return -EPIPE;
        vmm->filled += (uint32_t)got;
    }
    vmm->used = (*frame)->length;
    return 0;
}

/* ---- what the host says ----------------------------------------------------------------------------------------- */

/* The channel is gone with its mappings; another may be offered. */
static int on_rescind(struct vmm *vmm)
{
    vmm->channel = (struct vmm_channel){0};
    return 0;
}

static int on_offer(struct vmm *vmm, const struct vfp_vmm_offer *offer)
{
    if (vmm->channel.id)
        return -EPROTO; /* this machine has one VF */
    vmm->channel.id = offer->frame.channel;
    memcpy(vmm->channel.instance_id, offer->instance_id, sizeof offer->instance_id);
    return 0;
}

static int on_region(struct vmm *vmm, const struct vfp_vmm_region *region)
{
    if (region->region > VFP_VMM_REGION_WINDOW)
        return -EPROTO;
    vmm->channel.region[region->region] = *region;
    vmm->channel.mapped[region->region] = region->frame.type == VFP_VMM_MAP;
    return 0;
}

static int on_ranges(struct vmm *vmm, const struct vfp_vmm_ranges *ranges)
{
    if (ranges->region >= VFP_VMM_BARS || ranges->count > VFP_VMM_RANGES_MAX ||
        ranges->frame.length != sizeof *ranges + ranges->count * sizeof(struct vfp_vmm_range))
        return -EPROTO;
    struct vmm_ranges *to = &vmm->channel.ranges[ranges->region];
    to->count = ranges->count;
    memcpy(to->list, ranges + 1, ranges->count * sizeof to->list[0]);
    return 0;
}

static int on_channel(struct vmm *vmm, const struct vfp_vmm_frame *frame)
{
    switch (frame->type) {
    case VFP_VMM_PACKET:
        vmm->packet(vmm->context, (const void *)frame, frame->length - (uint32_t)sizeof(struct vfp_vmm_packet));
        return 0;
    case VFP_VMM_CREDIT:
        vmm->channel.credit += ((const struct vfp_vmm_credit *)(const void *)frame)->bytes;
        return 0;
    case VFP_VMM_MAP:
    case VFP_VMM_UNMAP:
        return on_region(vmm, (const void *)frame);
    case VFP_VMM_RANGES:
        return on_ranges(vmm, (const void *)frame);
    case VFP_VMM_INTERRUPT:
        vmm->channel.interrupts++;
        if (vmm->interrupt)
            vmm->interrupt(vmm->context, (const void *)frame);
        return 0;
    case VFP_VMM_RESCIND:
        return on_rescind(vmm);
    default:
        return -EPROTO;
    }
}

static int take(struct vmm *vmm, const struct vfp_vmm_frame *frame)
{
    switch (frame->type) {
    case VFP_VMM_OFFER:
        return on_offer(vmm, (const void *)frame);
    case VFP_VMM_ERROR:
        vmm->error = ((const struct vfp_vmm_error *)(const void *)frame)->rule;
        vmm->answered = frame->id;
        return 0;
    case VFP_VMM_OPENED:
        vmm->status = ((const struct vfp_vmm_opened *)(const void *)frame)->status;
        vmm->answered = frame->id;
        return 0;
    case VFP_VMM_WINDOW_DONE:
        vmm->value = ((const struct vfp_vmm_window_done *)(const void *)frame)->value;
        vmm->answered = frame->id;
        return 0;
    case VFP_VMM_REGISTER_DONE:
        vmm->value = ((const struct vfp_vmm_register_done *)(const void *)frame)->value;
        vmm->status = ((const struct vfp_vmm_register_done *)(const void *)frame)->status;
        vmm->answered = frame->id;
        return 0;
    case VFP_VMM_RETARGETED:
        vmm->status = ((const struct vfp_vmm_retargeted *)(const void *)frame)->status;
        vmm->answered = frame->id;
        return 0;
    case VFP_VMM_HELLO:
        vmm->version = ((const struct vfp_vmm_hello *)(const void *)frame)->highest;
        vmm->answered = frame->id;
        return 0;
    case VFP_VMM_CLOSED:
        vmm->answered = frame->id;
        return 0;
    default:
        return frame->channel && frame->channel == vmm->channel.id ? on_channel(vmm, frame) : -EPROTO;
    }
}

int vmm_step(struct vmm *vmm, int timeout_ms)
{
    const struct vfp_vmm_frame *frame;
    int error = receive(vmm, timeout_ms, &frame);
    return error ? error : take(vmm, frame);
}

/* Sends a frame and takes frames until it is answered; -EPROTO: with ERROR. */
static int ask(struct vmm *vmm, const void *frame, uint32_t length)
{
    uint32_t id = vmm->frame_id, channel = vmm->channel.id;
    vmm->error = 0;
    int error = vmm_send(vmm, frame, length);
    while (!error && vmm->answered != id && vmm->channel.id == channel)
        error = vmm_step(vmm, VMM_PATIENCE_MS);
    if (!error && vmm->answered != id)
        return -ENODEV;
    return !error && vmm->error ? -EPROTO : error;
}

/* ---- what the guest does ---------------------------------------------------------------------------------------- */

int vmm_connect(struct vmm *vmm, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct vfp_vmm_hello hello = {.magic = VFP_VMM_MAGIC, .lowest = VFP_VMM_VERSION_MIN, .highest = VFP_VMM_VERSION};
    if (vmm->highest)
        hello.highest = vmm->highest;
    if (strlen(path) >= sizeof address.sun_path)
        return -ENAMETOOLONG;
    strcpy(address.sun_path, path);
    vmm->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (vmm->fd < 0)
        return -errno;
    if (connect(vmm->fd, (struct sockaddr *)&address, sizeof address) < 0)
        return -errno;
    hello.frame = vmm_header(vmm, VFP_VMM_HELLO, sizeof hello);
    return ask(vmm, &hello, sizeof hello);
}

void vmm_disconnect(struct vmm *vmm)
{
    close(vmm->fd);
}

int vmm_offered(struct vmm *vmm)
{
    int error = 0;
    while (!error && !vmm->channel.id)
        error = vmm_step(vmm, VMM_PATIENCE_MS);
    return error;
}

int vmm_open(struct vmm *vmm, uint32_t to_host, uint32_t to_guest)
{
    struct vfp_vmm_open open = {vmm_header(vmm, VFP_VMM_OPEN, sizeof open), to_host, to_guest};
    vmm->channel.credit = to_host - 8; /* before the answer: the host may already send and give back */
    vmm->channel.owed = 0;
    vmm->channel.ring = to_guest;
    int error = ask(vmm, &open, sizeof open);
    vmm->channel.open = !error && !vmm->status;
    return !error && vmm->status ? -(int)vmm->status : error;
}

int vmm_close(struct vmm *vmm)
{
    struct vfp_vmm_frame close = vmm_header(vmm, VFP_VMM_CLOSE, sizeof close);
    vmm->channel.open = false;
    memset(vmm->channel.ranges, 0, sizeof vmm->channel.ranges);
    return ask(vmm, &close, sizeof close);
}

int vmm_packet(struct vmm *vmm, uint16_t type, uint16_t flags, uint64_t transaction_id, const void *payload,
               uint32_t length)
{
    struct vfp_vmm_packet head = {.type = type, .flags = flags, .transaction_id = transaction_id};
    uint32_t cost = vfp_vmm_cost(length);
    while (vmm->channel.id && vmm->channel.credit < cost) {
        int error = vmm_step(vmm, VMM_PATIENCE_MS);
        if (error)
            return error;
    }
    if (!vmm->channel.id)
        return -ENODEV;
    vmm->channel.credit -= cost;
    head.frame = vmm_header(vmm, VFP_VMM_PACKET, (uint32_t)sizeof head + length);
    int error = vmm_send(vmm, &head, sizeof head);
    return error ? error : vmm_send(vmm, payload, length);
}

/* Told when a quarter of the ring has been read: a frame a packet would be a waste. */
int vmm_read(struct vmm *vmm, uint32_t length)
{
    struct vmm_channel *channel = &vmm->channel;
    channel->owed += vfp_vmm_cost(length);
    if (!channel->open || channel->owed < channel->ring / 4)
        return 0;
    struct vfp_vmm_credit credit = {vmm_header(vmm, VFP_VMM_CREDIT, sizeof credit), channel->owed, 0};
    channel->owed = 0;
    return vmm_send(vmm, &credit, sizeof credit);
}

int vmm_access(struct vmm *vmm, bool write, uint64_t address, uint32_t size, uint64_t *value)
{
    struct vfp_vmm_window window = {vmm_header(vmm, VFP_VMM_WINDOW, sizeof window), address, write ? *value : 0, size,
                                    write};
    int error = ask(vmm, &window, sizeof window);
    if (!error && !write)
        *value = vmm->value;
    return error;
}

/* ---- version 2 -------------------------------------------------------------------------------------------------- */

static bool covers(const struct vmm_ranges *ranges, uint64_t at, uint32_t access)
{
    for (uint32_t i = 0; i < ranges->count; i++) {
        if (at - ranges->list[i].offset < ranges->list[i].length)
            return ranges->list[i].accesses & access;
    }
    return false;
}

bool vmm_is_mitigated(const struct vmm *vmm, uint32_t region, uint64_t offset, uint32_t size, bool write)
{
    const struct vmm_ranges *ranges = &vmm->channel.ranges[region];
    uint32_t access = write ? VFP_VMM_RANGE_WRITES : VFP_VMM_RANGE_READS;
    return covers(ranges, offset, access) || covers(ranges, offset + size - 1, access);
}

int vmm_register(struct vmm *vmm, bool write, uint32_t region, uint64_t offset, uint32_t size, uint64_t *value)
{
    struct vfp_vmm_register access = {.frame = vmm_header(vmm, VFP_VMM_REGISTER, sizeof access),
                                      .offset = offset,
                                      .value = write ? *value : 0,
                                      .region = region,
                                      .size = (uint16_t)size,
                                      .write = write};
    int error = ask(vmm, &access, sizeof access);
    if (!error && vmm->status == ENOENT)
        return -ENOENT;
    if (!error && !write)
        *value = vmm->value;
    return error;
}

int vmm_retarget(struct vmm *vmm, uint64_t address, uint32_t data, uint32_t vector, const uint16_t *processors,
                 uint16_t count)
{
    struct vfp_vmm_retarget to = {.frame = vmm_header(vmm, VFP_VMM_RETARGET, sizeof to),
                                  .address = address,
                                  .data = data,
                                  .vector = vector,
                                  .processor_count = count};
    if (count > VFP_VMM_PROCESSORS)
        return -EINVAL;
    memcpy(to.processors, processors, count * sizeof processors[0]);
    int error = ask(vmm, &to, sizeof to);
    return !error && vmm->status ? -(int)vmm->status : error;
}
