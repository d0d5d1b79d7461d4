/* SPDX-License-Identifier: MIT */
#include "far.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_S 20

/* ---- the host's end --------------------------------------------------------------------------------------------- */

static void on_ended(void *context, bool orderly, const char *reason)
{
    struct far *far = context;
    pthread_mutex_lock(&far->lock);
    far->ended++;
    far->orderly = orderly;
    snprintf(far->reason, sizeof far->reason, "%s", reason);
    pthread_cond_broadcast(&far->changed);
    pthread_mutex_unlock(&far->lock);
}

static void on_interrupt(void *context, const struct vsp_delivery *delivery)
{
    struct far *far = context;
    vmm_channel_interrupt(far->end, delivery->vector, delivery->lowest_priority, delivery->processor_count,
                          delivery->processors);
}

static void on_bar(void *context, unsigned index, bool mapped, uint64_t guest_address, uint64_t system_address,
                   uint64_t size)
{
    struct far *far = context;
    vmm_channel_region(far->end, mapped, index, guest_address, system_address, size);
}

static void on_window(void *context, bool mapped, uint64_t guest_address)
{
    struct far *far = context;
    vmm_channel_region(far->end, mapped, VFP_VMM_REGION_WINDOW, guest_address, 0, VFP_VMM_WINDOW_SIZE);
}

static void on_ranges(void *context, unsigned index, const struct vstack_range *ranges, unsigned count)
{
    struct far *far = context;
    struct vfp_vmm_range out[VFP_VMM_RANGES_MAX];
    for (unsigned i = 0; i < count; i++)
        out[i] = (struct vfp_vmm_range){
            ranges[i].offset, ranges[i].length,
            (ranges[i].reads ? VFP_VMM_RANGE_READS : 0u) | (ranges[i].writes ? VFP_VMM_RANGE_WRITES : 0u), 0};
    vmm_channel_ranges(far->end, index, out, count);
}

static void access_done(void *context, int result, uint64_t value)
{
    struct far *far = context;
    vmm_channel_register_done(far->end, result, value);
}

static int on_access(void *context, const struct vfp_vmm_register *asked)
{
    struct far *far = context;
    const struct vsp_register access = {asked->region, asked->offset, asked->size, asked->write, asked->value};
    return vsp_register(__atomic_load_n(&far->channel, __ATOMIC_ACQUIRE), &access, access_done, far);
}

static void retarget_done(void *context, int result, uint64_t value)
{
    struct far *far = context;
    (void)value;
    vmm_channel_retarget_done(far->end, result);
}

static int on_retarget(void *context, const struct vfp_vmm_retarget *asked)
{
    struct far *far = context;
    uint16_t processors[VFP_VMM_PROCESSORS];
    const struct vsp_delivery target = {asked->vector, asked->lowest_priority, asked->processor_count, processors};
    memcpy(processors, asked->processors, sizeof processors);
    return vsp_retarget_later(__atomic_load_n(&far->channel, __ATOMIC_ACQUIRE), asked->address, asked->data, &target,
                              retarget_done, far);
}

static int create(void *context, const struct vmbus_offer *offer, struct vmbus_host **host)
{
    struct far *far = context;
    const struct vmm_channel_asked asked = {on_access, on_retarget, far};
    int error = vmm_channel_create(far->vmm, offer, &asked, &far->end);
    if (!error)
        *host = vmm_channel_host(far->end);
    return error;
}

static void answered(void *context)
{
    struct far *far = context;
    vmm_channel_answered(far->end);
}

void far_offer(struct far *far)
{
    const struct vsp_carrier carrier = {create, answered, far};
    const struct vsp_channel_options options = {.name = "machine",
                                                .relid = far->relid,
                                                .ended = on_ended,
                                                .interrupt = on_interrupt,
                                                .bar = on_bar,
                                                .ranges = on_ranges,
                                                .window = on_window,
                                                .context = far};
    far->vf = fake_pf_vf(far->host->raw->stack);
    far->ended = 0;
    assert_int_equal(vsp_channel_add_over(far->host->raw->vsp, &carrier, far->vf, &options, &far->channel), 0);
}

void far_take_back(struct far *far)
{
    if (!far->channel)
        return;
    vsp_channel_remove(far->channel);
    vstack_vf_free(far->vf);
    far->channel = NULL;
}

void far_wait_ended(struct far *far)
{
    pthread_mutex_lock(&far->lock);
    while (!far->ended)
        pthread_cond_wait(&far->changed, &far->lock);
    pthread_mutex_unlock(&far->lock);
}

unsigned far_ended(struct far *far)
{
    pthread_mutex_lock(&far->lock);
    unsigned ended = far->ended;
    pthread_mutex_unlock(&far->lock);
    return ended;
}

struct vsp_stats far_stats(struct far *far)
{
    struct vsp_stats stats;
    vsp_channel_stats(far->channel, &stats);
    return stats;
}

/* ---- bytes ------------------------------------------------------------------------------------------------------ */

void far_connect(struct far *far)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval patience = {.tv_sec = PATIENCE_S};
    snprintf(address.sun_path, sizeof address.sun_path, "%s", far->path);
    far->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(far->fd >= 0);
    setsockopt(far->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(far->fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    assert_int_equal(connect(far->fd, (struct sockaddr *)&address, sizeof address), 0);
    far->filled = far->used = 0;
    far->interrupts = far->invalidates = 0;
    far->keeps_credit = false;
    memset(far->mapped, 0, sizeof far->mapped);
}

void far_disconnect(struct far *far)
{
    if (far->fd >= 0)
        close(far->fd);
    far->fd = -1;
}

void far_say(struct far *far, const void *frame, uint32_t bytes)
{
    assert_int_equal(send(far->fd, frame, bytes, MSG_NOSIGNAL), bytes);
}

void far_send(struct far *far, uint16_t type, uint32_t length, const void *rest)
{
    static _Thread_local union {
        struct vfp_vmm_frame frame;
        uint8_t bytes[VFP_VMM_FRAME_MAX + 64];
    } out;
    uint32_t header = sizeof out.frame;
    memset(&out, 0, length);
    out.frame = (struct vfp_vmm_frame){.length = length, .type = type, .channel = far->id, .id = ++far->frame_id};
    if (rest && length > header)
        memcpy(out.bytes + header, rest, length - header);
    far_say(far, &out, length);
}

/* The next whole frame, NULL at the end of the connection. */
static const struct vfp_vmm_frame *next_frame(struct far *far)
{
    memmove(far->buffer, far->buffer + far->used, far->filled -= far->used);
    far->used = 0;
    const struct vfp_vmm_frame *frame = (const void *)far->buffer;
    while (far->filled < sizeof *frame || far->filled < frame->length) {
        ssize_t got = recv(far->fd, far->buffer + far->filled, sizeof far->buffer - far->filled, 0);
        if (got == 0 || (got < 0 && errno == ECONNRESET))
            return NULL;
        if (got < 0)
            fail_msg("the host sent nothing for %d s (%s)", PATIENCE_S, strerror(errno));
        far->filled += (uint32_t)got;
    }
    far->used = frame->length;
    return frame;
}

/* ---- frames ----------------------------------------------------------------------------------------------------- */

static void book_packet(struct far *far, const struct vfp_vmm_packet *packet)
{
    uint32_t cost = vfp_vmm_cost(packet->frame.length - (uint32_t)sizeof *packet), type = 0;
    if (packet->frame.length >= sizeof *packet + sizeof type)
        memcpy(&type, packet + 1, sizeof type);
    far->invalidates += packet->type == VFP_VMM_PACKET_DATA && type == VPCI_INVALIDATE_BLOCK;
    far->taken += cost;
    if (far->keeps_credit)
        return;
    far_send(far, VFP_VMM_CREDIT, sizeof(struct vfp_vmm_credit), (uint32_t[2]){far->taken, 0});
    far->taken = 0;
}

static void book(struct far *far, const struct vfp_vmm_frame *frame)
{
    const struct vfp_vmm_region *region = (const void *)frame;
    switch (frame->type) {
    case VFP_VMM_PACKET:
        book_packet(far, (const void *)frame);
        break;
    case VFP_VMM_CREDIT:
        far->credit += ((const struct vfp_vmm_credit *)(const void *)frame)->bytes;
        break;
    case VFP_VMM_MAP:
    case VFP_VMM_UNMAP:
        assert_true(region->region < 7);
        far->regions[region->region] = *region;
        far->mapped[region->region] = frame->type == VFP_VMM_MAP;
        break;
    case VFP_VMM_RANGES:
        assert_int_equal(far->version, 2);
        far->ranges++;
        break;
    case VFP_VMM_INTERRUPT:
        far->interrupts++;
        far->interrupt = *(const struct vfp_vmm_interrupt *)(const void *)frame;
        break;
    default:
        break;
    }
}

static bool passes(uint16_t type)
{
    return type == VFP_VMM_PACKET || type == VFP_VMM_CREDIT || type == VFP_VMM_MAP || type == VFP_VMM_UNMAP ||
           type == VFP_VMM_INTERRUPT || type == VFP_VMM_RANGES;
}

const void *far_hear_any(struct far *far)
{
    const struct vfp_vmm_frame *frame = next_frame(far);
    if (!frame)
        fail_msg("the connection ended");
    book(far, frame);
    return frame;
}

const void *far_hear(struct far *far, uint16_t type)
{
    for (;;) {
        const struct vfp_vmm_frame *frame = next_frame(far);
        const struct vfp_vmm_error *error = (const void *)frame;
        if (!frame)
            fail_msg("the connection ended before a frame of type %u", type);
        book(far, frame);
        if (frame->type == type)
            return frame;
        if (!passes(frame->type))
            fail_msg("frame of type %u (%s), not %u", frame->type, frame->type == VFP_VMM_ERROR ? error->name : "",
                     type);
    }
}

void far_hear_error(struct far *far, uint32_t rule, uint16_t type, uint32_t id)
{
    const struct vfp_vmm_error *error = far_hear(far, VFP_VMM_ERROR);
    if (error->rule != rule)
        fail_msg("%s, not %s", error->name, vmm_rule_name(rule));
    assert_int_equal(error->frame.length, sizeof *error);
    assert_int_equal(error->type, type);
    assert_int_equal(error->frame.id, id);
    assert_int_equal(error->version, VFP_VMM_VERSION);
    assert_string_equal(error->name, vmm_rule_name(rule));
}

void far_hear_end(struct far *far)
{
    const struct vfp_vmm_frame *frame;
    while ((frame = next_frame(far))) {
        if (frame->type != VFP_VMM_RESCIND && !passes(frame->type))
            fail_msg("frame of type %u, not the end", frame->type);
    }
}

void far_hello(struct far *far)
{
    struct vfp_vmm_hello hello = {
        .frame = {.length = sizeof hello, .type = VFP_VMM_HELLO, .id = ++far->frame_id},
        .magic = VFP_VMM_MAGIC,
        .lowest = 1,
        .highest = far->version ? far->version : 1,
    };
    far_say(far, &hello, sizeof hello);
    const struct vfp_vmm_hello *answer = far_hear(far, VFP_VMM_HELLO);
    assert_int_equal(answer->frame.length, 32);
    assert_int_equal(answer->frame.id, far->frame_id);
    assert_memory_equal(answer->magic, "vfp-vmm", 8);
    assert_int_equal(answer->lowest, hello.highest);
    assert_int_equal(answer->highest, hello.highest);
}

void far_offered(struct far *far)
{
    static const uint8_t interface_id[16] = VPCI_INTERFACE_ID;
    const struct vfp_vmm_offer *offer = far_hear(far, VFP_VMM_OFFER);
    assert_memory_equal(offer->interface_id, interface_id, 16);
    assert_true(offer->instance_id[4] || offer->instance_id[5]);
    assert_true(offer->frame.channel > 0);
    far->id = offer->frame.channel;
}

void far_open(struct far *far, uint32_t to_host, uint32_t to_guest)
{
    far_send(far, VFP_VMM_OPEN, sizeof(struct vfp_vmm_open), (uint32_t[2]){to_host, to_guest});
    const struct vfp_vmm_opened *opened = far_hear(far, VFP_VMM_OPENED);
    assert_int_equal(opened->frame.id, far->frame_id);
    assert_int_equal(opened->frame.channel, far->id);
    assert_int_equal(opened->status, 0);
    far->credit = to_host - 8;
    far->taken = 0;
}

void far_packet(struct far *far, uint16_t type, uint16_t flags, uint64_t transaction, const void *payload,
                uint32_t length)
{
    static _Thread_local uint8_t rest[16 + VFP_VMM_PAYLOAD_MAX];
    uint32_t cost = vfp_vmm_cost(length);
    while (far->credit < cost)
        far_hear(far, VFP_VMM_CREDIT);
    far->credit -= cost;
    memcpy(rest, (uint16_t[4]){type, flags}, 8);
    memcpy(rest + 8, &transaction, 8);
    memcpy(rest + 16, payload, length);
    far_send(far, VFP_VMM_PACKET, (uint32_t)sizeof(struct vfp_vmm_packet) + length, rest);
}

const struct vfp_vmm_packet *far_completion(struct far *far, uint64_t transaction)
{
    for (;;) {
        const struct vfp_vmm_packet *packet = far_hear(far, VFP_VMM_PACKET);
        if (packet->type != VFP_VMM_PACKET_COMPLETION)
            continue;
        assert_true(packet->transaction_id == transaction);
        assert_int_equal(packet->frame.channel, far->id);
        return packet;
    }
}

uint32_t far_request(struct far *far, const void *payload, uint32_t length)
{
    uint32_t status;
    uint64_t transaction = ++far->transaction;
    far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, transaction, payload, length);
    memcpy(&status, far_completion(far, transaction) + 1, sizeof status);
    return status;
}

uint64_t far_window(struct far *far, bool write, uint64_t address, uint32_t size, uint64_t value)
{
    struct vfp_vmm_window window = {.address = address, .value = value, .size = size, .write = write};
    far_send(far, VFP_VMM_WINDOW, sizeof window, &window.address);
    const struct vfp_vmm_window_done *done = far_hear(far, VFP_VMM_WINDOW_DONE);
    assert_int_equal(done->frame.id, far->frame_id);
    assert_int_equal(done->frame.channel, far->id);
    return done->value;
}

void far_up(struct far *far)
{
    struct vpci_query_version query = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION_1_4};
    struct vpci_d0_entry entry = {.type = VPCI_BUS_D0ENTRY, .mmio_base = WINDOW};
    uint8_t assigned[VPCI_ASSIGNED2_LINUX] = {0};
    memcpy(assigned, &(uint32_t){VPCI_RESOURCES_ASSIGNED2}, 4);
    if (far->fd < 0) {
        far_connect(far);
        far_hello(far);
        far_offered(far);
        far_open(far, FAR_RING, FAR_RING);
    }
    assert_int_equal(far_request(far, &query, sizeof query), VPCI_STATUS_SUCCESS);
    assert_int_equal(far_request(far, &entry, sizeof entry), VPCI_STATUS_SUCCESS);
    assert_true(far->mapped[VFP_VMM_REGION_WINDOW]);
    assert_true(far->regions[VFP_VMM_REGION_WINDOW].guest_address == WINDOW);
    assert_true(far->regions[VFP_VMM_REGION_WINDOW].size == 8192);
    assert_int_equal(far_request(far, assigned, sizeof assigned), VPCI_STATUS_SUCCESS);
}

bool far_alive(struct far *far)
{
    struct {
        struct vpci_write_block head;
        uint32_t value;
    } write = {{VPCI_WRITE_BLOCK_MESSAGE, 7, 0, 4}, (uint32_t)++far->transaction * 2654435761u};
    struct vpci_read_block read = {VPCI_READ_BLOCK_MESSAGE, 7, 0, 4};
    if (far_request(far, &write, sizeof write) != 0)
        return false;
    uint64_t transaction = ++far->transaction;
    far_packet(far, VFP_VMM_PACKET_DATA, VFP_VMM_COMPLETION_REQUESTED, transaction, &read, sizeof read);
    if (memcmp((const uint8_t *)(far_completion(far, transaction) + 1) + 4, &write.value, 4) != 0)
        return false;
    far_window(far, true, WINDOW, 4, 0);
    return (far_window(far, false, WINDOW + VPCI_WINDOW_CONFIG, 2, 0) & 0xFFFF) == vstack_vf_identity(far->vf)->vendor;
}

/* ---- both ------------------------------------------------------------------------------------------------------- */

static void *serve(void *context)
{
    struct far_host *host = context;
    nt_enter(host->raw->pf->nic->partition);
    assert_int_equal(vmm_loop_run(host->loop, host->stop), 0);
    nt_enter(NULL);
    return NULL;
}

void far_make(struct far_host *host, struct far *far, uint32_t relid)
{
    far->host = host;
    far->relid = relid;
    far->fd = -1;
    pthread_mutex_init(&far->lock, NULL);
    pthread_cond_init(&far->changed, NULL);
    snprintf(far->path, sizeof far->path, "%s/%u", host->folder, relid);
    assert_int_equal(vmm_listen(host->loop, far->path, &far->vmm), 0);
    far_offer(far);
}

void far_unmake(struct far *far)
{
    far_take_back(far);
    far_disconnect(far);
    vmm_close(far->vmm);
    assert_int_not_equal(access(far->path, F_OK), 0);
}

void far_resume(struct far_host *host)
{
    assert_int_equal(pthread_create(&host->thread, NULL, serve, host), 0);
}

void far_pause(struct far_host *host)
{
    uint64_t ignored;
    assert_int_equal(write(host->stop, &(uint64_t){1}, 8), 8);
    pthread_join(host->thread, NULL);
    assert_int_equal(read(host->stop, &ignored, 8), 8);
}

void far_host_start(struct far_host *host, struct raw_host *raw)
{
    host->raw = raw;
    host->loop = vmm_loop_create();
    host->stop = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    assert_non_null(host->loop);
    strcpy(host->folder, "/tmp/vfplane-far-XXXXXX");
    assert_non_null(mkdtemp(host->folder));
    far_resume(host);
}

void far_host_stop(struct far_host *host)
{
    far_pause(host);
    close(host->stop);
    vmm_loop_destroy(host->loop);
    raw_host_destroy(host->raw);
    assert_int_equal(rmdir(host->folder), 0);
}

int far_set_up(void **state)
{
    struct far_host *host = calloc(1, sizeof *host);
    assert_non_null(host);
    far_host_start(host, raw_host_create(&fake_82576));
    far_make(host, &host->first, 1);
    far_make(host, &host->second, 2);
    *state = host;
    return 0;
}

int far_set_up_open(void **state)
{
    far_set_up(state);
    struct far_host *host = *state;
    far_up(&host->first);
    far_up(&host->second);
    assert_true(far_alive(&host->first));
    assert_true(far_alive(&host->second));
    return 0;
}

int far_tear_down(void **state)
{
    struct far_host *host = *state;
    if (host->second.fd < 0)
        far_up(&host->second);
    assert_true(far_alive(&host->second));
    assert_int_equal(far_ended(&host->second), 0);
    far_unmake(&host->first);
    far_unmake(&host->second);
    far_host_stop(host);
    free(host);
    return 0;
}
