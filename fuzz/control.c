/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the control messages of a channel, as they travel on its socket with descriptors beside them. The first byte
 * says whose end is tried: the host's, at a guest that sends any message at any time with any descriptors; or the
 * guest's, at a host that answers, and may change its answer, its length or its descriptors.
 *
 * What must hold: the host answers whole messages that are for guests; rings are there exactly while the channel is
 * open, in memory that cannot shrink; the guest's routines give what they document; and no descriptor or mapping stays
 * behind.
 */
#include "input.h"
#include "one_thread.h"

#include "vmbus/control.h"
#include "vmbus/vmbus.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define STEPS   64u
#define RELID   5u
#define FDS     128 /* more than are ever open here */
#define PAGES   4u
#define LARGEST 224u

static struct input input;

static unsigned open_fds(void)
{
    unsigned count = 0;
    for (int fd = 0; fd < FDS; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

static uint32_t choose_value(void)
{
    static const uint32_t usual[] = {
        0, 1, 2, 3, 4, RELID, 26, 27, 28, 2047, 2048, 0xFFFF, VMBUS_VERSION_4_0, 16384, 0xFFFFFFFF, 4096};
    uint8_t chosen = take8(&input);
    return chosen < 0xE0 ? usual[chosen % (sizeof usual / sizeof usual[0])] : take32(&input);
}

/* ---- descriptors ----------------------------------------------------------------------------------------------------
 */

/* Memory that is as it should be, or could shrink, or is too small; or no memory at all. */
static int make_fd(uint8_t kind)
{
    switch (kind & 3) {
    case 0:
    case 1:
        return vmbus_memory_create("fuzz", kind & 4 ? 1 : PAGES);
    case 2: {
        int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);
        MUST(fd >= 0 && ftruncate(fd, PAGES * VMBUS_PAGE) == 0);
        return fd;
    }
    default:
        return eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    }
}

static void send_message(int socket, const void *message, uint32_t length, const int *given, uint32_t given_count)
{
    int fds[VMBUS_FDS_MAX] = {-1, -1, -1};
    uint8_t kind = take8(&input);
    uint32_t count = given_count, made = 0;
    for (uint32_t i = 0; i < given_count; i++)
        fds[i] = given[i];
    if (kind >= 0xE0) {
        count = made = kind & 3;
        for (uint32_t i = 0; i < made; i++)
            fds[i] = make_fd(take8(&input));
    }
    vmbus_record_send(socket, message, length, fds, count);
    for (uint32_t i = 0; i < made; i++)
        close(fds[i]);
}

static uint32_t spoil(uint8_t *bytes, uint32_t length)
{
    for (unsigned changes = take8(&input) / 64; changes; changes--) {
        uint32_t value = choose_value(), at = take8(&input) % length & ~3u;
        memcpy(bytes + at, &value, 4);
    }
    uint8_t cut = take8(&input);
    return cut < 0xE8 ? length : 1 + cut * 7u % LARGEST;
}

/* ---- the host's end -------------------------------------------------------------------------------------------------
 */

/* A message that a guest would send. */
static uint32_t make_request(uint8_t kind, uint8_t *bytes)
{
    union {
        struct vmbus_header header;
        struct vmbus_initiate_contact contact;
        struct vmbus_gpadl_header gpadl;
        struct vmbus_gpadl_body body;
        struct vmbus_open_channel open;
        struct vmbus_relid_message relid;
        struct vmbus_gpadl_teardown teardown;
    } message;
    memset(&message, 0, sizeof message);
    uint32_t length = sizeof message.relid;
    switch (kind % 9) {
    case 0:
        message.contact = (struct vmbus_initiate_contact){{VMBUS_INITIATE_CONTACT, 0}, .version = VMBUS_VERSION_4_0};
        length = sizeof message.contact;
        break;
    case 1:
        message.header.type = VMBUS_REQUESTOFFERS;
        length = sizeof message.header;
        break;
    case 2:
        message.gpadl = (struct vmbus_gpadl_header){{VMBUS_GPADL_HEADER, 0}, RELID, 1 + kind / 128, 8 + 8 * PAGES, 1,
                                                    PAGES * VMBUS_PAGE,      0};
        memcpy(bytes, &message.gpadl, sizeof message.gpadl);
        for (uint64_t page = 0; page < PAGES; page++)
            memcpy(bytes + sizeof message.gpadl + 8 * page, &page, 8);
        return sizeof message.gpadl + 8 * PAGES;
    case 3:
        message.body = (struct vmbus_gpadl_body){{VMBUS_GPADL_BODY, 0}, 1, 1};
        length = sizeof message.body + 8;
        break;
    case 4:
        message.open = (struct vmbus_open_channel){{VMBUS_OPENCHANNEL, 0}, RELID, 1, 1 + kind / 128, 0, PAGES / 2, {0}};
        length = sizeof message.open;
        break;
    case 5:
        message.teardown = (struct vmbus_gpadl_teardown){{VMBUS_GPADL_TEARDOWN, 0}, RELID, 1 + kind / 128};
        length = sizeof message.teardown;
        break;
    case 6:
        message.relid = (struct vmbus_relid_message){{VMBUS_CLOSECHANNEL, 0}, RELID};
        break;
    case 7:
        message.relid = (struct vmbus_relid_message){{VMBUS_RELID_RELEASED, 0}, RELID};
        break;
    default:
        message.header.type = kind & 0x80 ? choose_value() % 20 : VMBUS_UNLOAD;
        length = sizeof message.header;
        break;
    }
    memcpy(bytes, &message, length < sizeof message ? length : sizeof message);
    return length;
}

/* Everything the host has said is a message for guests, whole. */
static void check_answers(int socket)
{
    static const uint8_t lengths[VMBUS_UNLOAD_RESPONSE + 1] = {
        [VMBUS_OFFERCHANNEL] = sizeof(struct vmbus_offer_channel),
        [VMBUS_RESCIND_CHANNELOFFER] = sizeof(struct vmbus_relid_message),
        [VMBUS_ALLOFFERS_DELIVERED] = sizeof(struct vmbus_header),
        [VMBUS_OPENCHANNEL_RESULT] = sizeof(struct vmbus_open_result),
        [VMBUS_GPADL_CREATED] = sizeof(struct vmbus_gpadl_created),
        [VMBUS_GPADL_TORNDOWN] = sizeof(struct vmbus_gpadl_torndown),
        [VMBUS_VERSION_RESPONSE] = sizeof(struct vmbus_version_response),
        [VMBUS_UNLOAD_RESPONSE] = sizeof(struct vmbus_header),
    };
    struct vmbus_record record;
    while (vmbus_record_receive(socket, &record) == 0) {
        MUST(record.header.type <= VMBUS_UNLOAD_RESPONSE && lengths[record.header.type]);
        MUST(record.length == lengths[record.header.type]);
        MUST(record.fd_count == (record.header.type == VMBUS_OFFERCHANNEL ? 3 : 0));
        vmbus_record_close_fds(&record);
    }
}

static void use_rings(struct vmbus_host *host)
{
    struct vmbus_ring *in = vmbus_host_in(host), *out = vmbus_host_out(host);
    static uint8_t buffer[PAGES * VMBUS_PAGE];
    struct vmbus_packet packet;
    bool signal;
    MUST(!in == !out);
    if (!in)
        return;
    vmbus_ring_receive(in, &packet, buffer, sizeof buffer, &signal);
    packet = (struct vmbus_packet){.type = VMBUS_PACKET_DATA, .length = 8};
    vmbus_ring_send(out, &packet, buffer, false, &signal);
}

static void try_host(void)
{
    const struct vmbus_offer offer = {.interface_id = {1}, .instance_id = {2}, .relid = RELID};
    struct vmbus_host *host;
    int ends[2];
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    MUST(vmbus_host_create(ends[0], &offer, 1, &host) == 0);
    bool open = false, gone = false;
    for (unsigned step = 0; step < STEPS && input.at < input.end && !gone; step++) {
        uint8_t bytes[LARGEST] = {0}, kind = take8(&input);
        int memory = kind % 9 == 2 ? make_fd(0) : -1;
        uint32_t length = make_request(kind, bytes);
        send_message(ends[1], bytes, spoil(bytes, length), &memory, memory >= 0);
        if (memory >= 0)
            close(memory);
        if (kind == 0xFF)
            vmbus_host_rescind(host);
        enum vmbus_event event = vmbus_host_control(host);
        MUST(event != VMBUS_OPENED || !open);
        open = event == VMBUS_OPENED || (open && event == VMBUS_NOTHING);
        gone = event == VMBUS_GONE;
        MUST(gone || (vmbus_host_in(host) != NULL) == open);
        use_rings(host);
        check_answers(ends[1]);
    }
    vmbus_host_destroy(host);
    close(ends[1]);
}

/* ---- the guest's end ------------------------------------------------------------------------------------------------
 */

static int peer; /* the host's end of the socket */

static void reply(const void *message, uint32_t length, const int *fds, uint32_t count)
{
    uint8_t bytes[LARGEST] = {0}, kind = take8(&input);
    if (kind >= 0xF8)
        return;
    memcpy(bytes, message, length);
    send_message(peer, bytes, kind >= 0xC0 ? spoil(bytes, length) : length, fds, count);
}

static void offer(void)
{
    struct vmbus_offer_channel message = {.header.type = VMBUS_OFFERCHANNEL, .relid = RELID};
    struct vmbus_header all = {.type = VMBUS_ALLOFFERS_DELIVERED};
    struct vmbus_wake wake;
    MUST(vmbus_wake_create(&wake) == 0);
    int fds[3] = {vmbus_kick_create(), wake.read_fd, vmbus_memory_create("window", 1)};
    reply(&message, sizeof message, fds, 3);
    reply(&all, sizeof all, NULL, 0);
    vmbus_wake_destroy(&wake);
    close(fds[0]);
    close(fds[2]);
}

static void answer(const struct vmbus_record *record)
{
    struct vmbus_gpadl_header gpadl;
    struct vmbus_open_channel open;
    struct vmbus_gpadl_teardown teardown;
    memcpy(&gpadl, record->bytes, sizeof gpadl);
    memcpy(&open, record->bytes, sizeof open);
    memcpy(&teardown, record->bytes, sizeof teardown);
    switch (record->header.type) {
    case VMBUS_INITIATE_CONTACT:
        reply(&(struct vmbus_version_response){{VMBUS_VERSION_RESPONSE, 0}, .supported = 1},
              sizeof(struct vmbus_version_response), NULL, 0);
        break;
    case VMBUS_REQUESTOFFERS:
        offer();
        break;
    case VMBUS_GPADL_HEADER:
        reply(&(struct vmbus_gpadl_created){{VMBUS_GPADL_CREATED, 0}, gpadl.relid, gpadl.gpadl, 0},
              sizeof(struct vmbus_gpadl_created), NULL, 0);
        break;
    case VMBUS_OPENCHANNEL:
        reply(&(struct vmbus_open_result){{VMBUS_OPENCHANNEL_RESULT, 0}, open.relid, open.openid, 0},
              sizeof(struct vmbus_open_result), NULL, 0);
        break;
    case VMBUS_GPADL_TEARDOWN:
        reply(&(struct vmbus_gpadl_torndown){{VMBUS_GPADL_TORNDOWN, 0}, teardown.gpadl},
              sizeof(struct vmbus_gpadl_torndown), NULL, 0);
        break;
    case VMBUS_UNLOAD:
        reply(&(struct vmbus_header){.type = VMBUS_UNLOAD_RESPONSE}, sizeof(struct vmbus_header), NULL, 0);
        break;
    default:
        break;
    }
}

static bool host_round(void)
{
    struct vmbus_record record = {0};
    if (peer < 0 || vmbus_record_receive(peer, &record) != 0)
        return false;
    answer(&record);
    vmbus_record_close_fds(&record);
    return true;
}

static bool documented(int result)
{
    return result == 0 || result == -ETIMEDOUT || result == -EPROTO || result == -EPROTONOSUPPORT || result == -EPIPE ||
           result == -ECONNREFUSED || result == -EAGAIN;
}

static void use_guest(struct vmbus_guest *guest)
{
    for (unsigned step = 0; step < STEPS && input.at < input.end && !vmbus_guest_gone(guest); step++) {
        uint8_t kind = take8(&input);
        if (kind & 1 && !vmbus_guest_in(guest))
            MUST(documented(vmbus_guest_open(guest, 2 + (kind >> 1 & 3), 2 + (kind >> 3 & 3))));
        else if (kind & 1)
            vmbus_guest_close(guest);
        if (kind & 2)
            reply(&(struct vmbus_relid_message){{VMBUS_RESCIND_CHANNELOFFER, 0}, RELID},
                  sizeof(struct vmbus_relid_message), NULL, 0);
        int result = vmbus_guest_wait(guest, -1, 1);
        MUST(result == 0 || result == -ETIMEDOUT || result == -EPIPE);
        vmbus_guest_signal(guest);
    }
}

static void try_guest(void)
{
    struct vmbus_guest *guest = NULL;
    int ends[2];
    MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
    peer = ends[0];
    one_thread_round = host_round;
    int result = vmbus_guest_connect_within(ends[1], 1, &guest);
    MUST(documented(result));
    if (!result) {
        MUST(vmbus_guest_window(guest) && vmbus_guest_window_pages(guest));
        vmbus_guest_set_spin(guest, 0);
        use_guest(guest);
        vmbus_guest_destroy(guest);
    }
    one_thread_round = NULL;
    close(peer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input = (struct input){data, data + size};
    unsigned before = open_fds();
    if (take8(&input) & 1)
        try_guest();
    else
        try_host();
    MUST(open_fds() == before);
    return 0;
}
