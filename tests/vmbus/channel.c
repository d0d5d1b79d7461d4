/* SPDX-License-Identifier: MIT
 *
 * Channels: opening and closing between honest ends, and every row of vpci-wire.md 6.2 played by a raw socket against
 * the host. One thread plays both sides wherever nobody has to wait.
 */
#include "test.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "vmbus/control.h"
#include "vmbus/vmbus.h"

#define RELID 5u

static unsigned open_fds(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

static const struct vmbus_offer an_offer = {.interface_id = {1, 2, 3}, .instance_id = {4, 5, 6}, .relid = RELID};

/* A host, and the guest's end of its socket in our hands. */
struct raw {
    struct vmbus_host *host;
    int socket;
    unsigned fds;
};

static void raw_open(struct raw *raw)
{
    int ends[2];
    raw->fds = open_fds();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(vmbus_host_create(ends[0], &an_offer, 1, &raw->host), 0);
    raw->socket = ends[1];
}

static void raw_close(struct raw *raw)
{
    vmbus_host_destroy(raw->host);
    if (raw->socket >= 0)
        close(raw->socket);
    assert_int_equal(open_fds(), raw->fds);
}

static enum vmbus_event say_with(struct raw *raw, const void *message, size_t length, const int *fds, uint32_t fd_count)
{
    assert_int_equal(vmbus_record_send(raw->socket, message, length, fds, fd_count), 0);
    return vmbus_host_control(raw->host);
}

static enum vmbus_event say(struct raw *raw, const void *message, size_t length)
{
    return say_with(raw, message, length, NULL, 0);
}

/* The next message of the host; its descriptors are closed. 0: none. */
static uint32_t hear(struct raw *raw, struct vmbus_record *record)
{
    if (vmbus_record_receive(raw->socket, record))
        return 0;
    vmbus_record_close_fds(record);
    return record->header.type;
}

static void nothing_is_said(struct raw *raw)
{
    struct vmbus_record record;
    assert_int_equal(hear(raw, &record), 0);
}

/* Sent, no answer, no event, counted. */
static void is_ignored(struct raw *raw, const void *message, size_t length)
{
    uint64_t before = vmbus_host_ignored(raw->host);
    assert_int_equal(say(raw, message, length), VMBUS_NOTHING);
    nothing_is_said(raw);
    assert_true(vmbus_host_ignored(raw->host) == before + 1);
}

static enum vmbus_event contact(struct raw *raw, uint32_t version, bool supported)
{
    struct vmbus_initiate_contact message = {.header.type = VMBUS_INITIATE_CONTACT, .version = version};
    struct vmbus_record record;
    enum vmbus_event event = say(raw, &message, sizeof message);
    struct vmbus_version_response response;
    assert_int_equal(hear(raw, &record), VMBUS_VERSION_RESPONSE);
    memcpy(&response, record.bytes, sizeof response);
    assert_int_equal(response.supported, supported);
    return event;
}

static void request_offers(struct raw *raw)
{
    struct vmbus_header message = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_record record;
    assert_int_equal(say(raw, &message, sizeof message), VMBUS_NOTHING);
    assert_int_equal(hear(raw, &record), VMBUS_OFFERCHANNEL);
    assert_int_equal(hear(raw, &record), VMBUS_ALLOFFERS_DELIVERED);
}

static void raw_ready(struct raw *raw)
{
    raw_open(raw);
    assert_int_equal(contact(raw, VMBUS_VERSION_4_0, true), VMBUS_NOTHING);
    request_offers(raw);
}

/* GPADL_HEADER of `pages` pages with its page numbers. */
struct gpadl_message {
    struct vmbus_gpadl_header head;
    uint64_t pfn[VMBUS_HEADER_PFNS];
} __attribute__((packed));

static struct gpadl_message gpadl(uint32_t handle, uint32_t pages)
{
    struct gpadl_message message = {.head = {
                                        .header.type = VMBUS_GPADL_HEADER,
                                        .relid = RELID,
                                        .gpadl = handle,
                                        .range_buflen = (uint16_t)(8 + 8 * pages),
                                        .rangecount = 1,
                                        .byte_count = pages * VMBUS_PAGE,
                                    }};
    for (uint32_t i = 0; i < VMBUS_HEADER_PFNS && i < pages; i++)
        message.pfn[i] = i;
    return message;
}

static uint32_t gpadl_size(uint32_t pages)
{
    return (uint32_t)(sizeof(struct vmbus_gpadl_header) + 8 * (pages < VMBUS_HEADER_PFNS ? pages : VMBUS_HEADER_PFNS));
}

/* Sends it with that memory; the status of GPADL_CREATED, or 1 when there was no answer. */
static uint32_t create_gpadl(struct raw *raw, const struct gpadl_message *message, uint32_t length, int fd)
{
    struct vmbus_record record;
    struct vmbus_gpadl_created created;
    assert_int_equal(say_with(raw, message, length, &fd, fd >= 0), VMBUS_NOTHING);
    if (hear(raw, &record) != VMBUS_GPADL_CREATED)
        return 1;
    memcpy(&created, record.bytes, sizeof created);
    assert_int_equal(created.gpadl, message->head.gpadl);
    assert_int_equal(created.relid, RELID);
    return created.status;
}

static void good_gpadl(struct raw *raw, uint32_t handle, uint32_t pages)
{
    struct gpadl_message message = gpadl(handle, pages);
    int fd = vmbus_memory_create("test", pages);
    assert_int_equal(create_gpadl(raw, &message, gpadl_size(pages), fd), 0);
    close(fd);
}

static struct vmbus_open_channel open_message(uint32_t handle, uint32_t split)
{
    return (struct vmbus_open_channel){
        .header.type = VMBUS_OPENCHANNEL,
        .relid = RELID,
        .openid = 0x1234,
        .gpadl = handle,
        .downstream_page_offset = split,
    };
}

/* The status of OPENCHANNEL_RESULT, 1 without one. */
static uint32_t open_status(struct raw *raw, const struct vmbus_open_channel *message)
{
    struct vmbus_record record;
    struct vmbus_open_result result;
    enum vmbus_event event = say(raw, message, sizeof *message);
    if (hear(raw, &record) != VMBUS_OPENCHANNEL_RESULT)
        return 1;
    memcpy(&result, record.bytes, sizeof result);
    assert_int_equal(result.openid, 0x1234);
    assert_int_equal(event, result.status == 0 ? VMBUS_OPENED : VMBUS_NOTHING);
    return result.status;
}

static void raw_opened(struct raw *raw)
{
    raw_ready(raw);
    good_gpadl(raw, 1, 10);
    struct vmbus_open_channel message = open_message(1, 5);
    assert_int_equal(open_status(raw, &message), 0);
    assert_non_null(vmbus_host_in(raw->host));
}

/* ---- contact, offers -------------------------------------------------------------------------------------------- */

static void only_version_4_0_is_accepted(void **state)
{
    static const uint32_t refused[] = {0x00050003, 0x00050000, 0x00040001, 0x00030000, 0x00020004, 0, UINT32_MAX};
    (void)state;
    struct raw raw;
    raw_open(&raw);
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
        contact(&raw, refused[i], false);
    struct vmbus_header message = {.type = VMBUS_REQUESTOFFERS};
    is_ignored(&raw, &message, sizeof message);
    contact(&raw, VMBUS_VERSION_4_0, true);
    request_offers(&raw);
    raw_close(&raw);
}

static void the_offer_is_laid_out_as_documented_and_carries_three_descriptors(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_record record;
    struct vmbus_offer_channel offer;
    raw_open(&raw);
    contact(&raw, VMBUS_VERSION_4_0, true);
    say(&raw, &request, sizeof request);
    assert_int_equal(vmbus_record_receive(raw.socket, &record), 0);
    assert_int_equal(record.length, 196);
    assert_int_equal(record.fd_count, 3);
    assert_true(vmbus_memory_acceptable(record.fd[2], 1));
    assert_false(vmbus_memory_acceptable(record.fd[2], 2));
    memcpy(&offer, record.bytes, sizeof offer);
    assert_int_equal(offer.relid, RELID);
    assert_int_equal(offer.dedicated_interrupt, 1);
    assert_int_equal(offer.monitor_allocated, 0);
    assert_int_equal(offer.connection_id, 16 + RELID);
    assert_memory_equal(offer.interface_id, an_offer.interface_id, 16);
    assert_memory_equal(offer.instance_id, an_offer.instance_id, 16);
    vmbus_record_close_fds(&record);
    raw_close(&raw);
}

static void nothing_works_before_contact_and_offers(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    struct vmbus_open_channel open = open_message(1, 5);
    struct vmbus_header plain = {.type = VMBUS_REQUESTOFFERS};
    raw_open(&raw);
    for (int contacted = 0; contacted < 2; contacted++) {
        is_ignored(&raw, &message, gpadl_size(10));
        is_ignored(&raw, &open, sizeof open);
        if (!contacted)
            is_ignored(&raw, &plain, sizeof plain);
        plain.type = VMBUS_UNLOAD;
        if (!contacted)
            is_ignored(&raw, &plain, sizeof plain);
        contact(&raw, VMBUS_VERSION_4_0, true);
    }
    raw_close(&raw);
}

static void offers_are_made_once_until_the_next_contact(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    raw_ready(&raw);
    is_ignored(&raw, &request, sizeof request);
    contact(&raw, VMBUS_VERSION_4_0, true);
    request_offers(&raw);
    raw_close(&raw);
}

static void short_unknown_and_host_only_messages_are_dropped_and_counted(void **state)
{
    static const uint32_t least[] = {
        [3] = 8, [5] = 148, [7] = 12, [8] = 28, [9] = 24, [11] = 16, [13] = 12, [14] = 40, [16] = 8};
    (void)state;
    struct raw raw;
    raw_opened(&raw);
    for (uint32_t type = 0; type < 40; type++) {
        uint8_t bytes[VMBUS_MESSAGE_MAX] = {0};
        uint32_t most = type < sizeof least / sizeof least[0] && least[type] ? least[type] - 1 : VMBUS_MESSAGE_MAX;
        memcpy(bytes, &type, 4);
        for (uint32_t length = 1; length <= most; length++)
            is_ignored(&raw, bytes, length);
    }
    uint8_t long_message[VMBUS_MESSAGE_MAX + 1] = {VMBUS_UNLOAD};
    is_ignored(&raw, long_message, sizeof long_message);
    assert_non_null(vmbus_host_in(raw.host));
    raw_close(&raw);
}

static void unload_closes_everything_and_answers(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header message = {.type = VMBUS_UNLOAD};
    struct vmbus_record record;
    raw_opened(&raw);
    assert_int_equal(say(&raw, &message, sizeof message), VMBUS_CLOSED);
    assert_int_equal(hear(&raw, &record), VMBUS_UNLOAD_RESPONSE);
    assert_null(vmbus_host_in(raw.host));
    is_ignored(&raw, &message, sizeof message);
    raw_close(&raw);
}

static void a_second_contact_closes_the_channel_and_drops_its_buffers(void **state)
{
    (void)state;
    struct raw raw;
    raw_opened(&raw);
    assert_int_equal(contact(&raw, VMBUS_VERSION_4_0, true), VMBUS_CLOSED);
    assert_null(vmbus_host_in(raw.host));
    request_offers(&raw);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_not_equal(open_status(&raw, &open), 0);
    raw_close(&raw);
}

/* ---- GPADL ------------------------------------------------------------------------------------------------------ */

static void refused_gpadl(struct raw *raw, const struct gpadl_message *message, uint32_t length, int fd)
{
    unsigned fds = open_fds();
    assert_int_equal(create_gpadl(raw, message, length, fd), VMBUS_STATUS_UNSUCCESSFUL);
    assert_int_equal(open_fds(), fds);
    struct vmbus_open_channel open = open_message(message->head.gpadl, 5);
    assert_int_not_equal(open_status(raw, &open), 0);
}

static void malformed_ranges_are_refused_and_keep_nothing(void **state)
{
    (void)state;
    struct raw raw;
    int fd = vmbus_memory_create("test", 10);
    raw_ready(&raw);
    for (unsigned row = 0; row < 12; row++) {
        struct gpadl_message message = gpadl(1, 10);
        switch (row) {
        case 0:
            message.head.rangecount = 0;
            break;
        case 1:
            message.head.rangecount = 2;
            break;
        case 2:
            message.head.rangecount = 0xFFFF;
            break;
        case 3:
            message.head.range_buflen = 0;
            break;
        case 4:
            message.head.range_buflen = 7;
            break;
        case 5:
            message.head.range_buflen += 8;
            break;
        case 6:
            message.head.byte_count = 0;
            break;
        case 7:
            message.head.byte_count = UINT32_MAX;
            break;
        case 8:
            message.head.byte_offset = 1;
            break;
        case 9:
            message.head.byte_offset = 4096;
            break;
        case 10:
            message.pfn[3] = 4;
            break;
        case 11:
            message.pfn[0] = UINT64_MAX;
            break;
        }
        refused_gpadl(&raw, &message, gpadl_size(10), fd);
    }
    raw_close(&raw);
    close(fd);
}

static void surplus_page_numbers_are_tolerated_only_as_zeroes(void **state)
{
    (void)state;
    struct raw raw;
    int fd = vmbus_memory_create("test", 10);
    raw_ready(&raw);
    struct gpadl_message message = gpadl(1, 10);
    message.pfn[10] = 10;
    refused_gpadl(&raw, &message, gpadl_size(11), fd);
    message.pfn[10] = 0;
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(11), fd), 0);
    raw_close(&raw);
    close(fd);
}

static void memory_that_is_not_sealed_large_and_alone_is_refused(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    int unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int unsealable = memfd_create("test", MFD_CLOEXEC);
    int shorter = vmbus_memory_create("test", 9);
    int empty = vmbus_memory_create("test", 0);
    int sealed_for_writing = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int no_file = eventfd(0, EFD_CLOEXEC);
    raw_ready(&raw);
    assert_int_equal(ftruncate(unsealed, 10 * 4096), 0);
    assert_int_equal(ftruncate(unsealable, 10 * 4096), 0);
    refused_gpadl(&raw, &message, gpadl_size(10), unsealed);
    refused_gpadl(&raw, &message, gpadl_size(10), unsealable);
    refused_gpadl(&raw, &message, gpadl_size(10), shorter);
    refused_gpadl(&raw, &message, gpadl_size(10), empty);
    refused_gpadl(&raw, &message, gpadl_size(10), no_file);
    refused_gpadl(&raw, &message, gpadl_size(10), -1);
    /* Memory the host may not write is found when the channel is opened. */
    assert_int_equal(ftruncate(sealed_for_writing, 10 * 4096), 0);
    assert_int_equal(fcntl(sealed_for_writing, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE), 0);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), sealed_for_writing), 0);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    raw_close(&raw);
    close(unsealed), close(unsealable), close(shorter), close(empty), close(sealed_for_writing), close(no_file);
}

static void surplus_descriptors_are_closed_and_the_message_refused(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    struct vmbus_header header = {.type = VMBUS_UNLOAD};
    struct vmbus_record record;
    int fd = vmbus_memory_create("test", 10);
    int many[8] = {fd, fd, fd, fd, fd, fd, fd, fd};
    raw_ready(&raw);
    unsigned fds = open_fds();
    /* Two where one belongs. */
    assert_int_equal(say_with(&raw, &message, gpadl_size(10), many, 2), VMBUS_NOTHING);
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_CREATED);
    assert_int_equal(open_fds(), fds);
    /* More than any message carries. */
    uint64_t ignored = vmbus_host_ignored(raw.host);
    assert_int_equal(say_with(&raw, &message, gpadl_size(10), many, 8), VMBUS_NOTHING);
    assert_true(vmbus_host_ignored(raw.host) == ignored + 1);
    nothing_is_said(&raw);
    assert_int_equal(open_fds(), fds);
    /* One where none belongs. */
    say_with(&raw, &header, sizeof header, many, 1);
    assert_int_equal(hear(&raw, &record), VMBUS_UNLOAD_RESPONSE);
    assert_int_equal(open_fds(), fds);
    raw_close(&raw);
    close(fd);
}

static void a_handle_in_use_and_too_many_buffers_are_refused(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    int fd = vmbus_memory_create("test", 10);
    raw_ready(&raw);
    for (uint32_t handle = 1; handle <= VMBUS_GPADL_MAX; handle++)
        good_gpadl(&raw, handle, 10);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), fd), VMBUS_STATUS_UNSUCCESSFUL);
    message.head.gpadl = 99;
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), fd), VMBUS_STATUS_UNSUCCESSFUL);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(open_status(&raw, &open), 0);
    raw_close(&raw);
    close(fd);
}

/* GPADL_BODY with page numbers first.. */
static enum vmbus_event send_body(struct raw *raw, uint32_t handle, uint32_t number, uint32_t first, uint32_t count)
{
    struct {
        struct vmbus_gpadl_body head;
        uint64_t pfn[VMBUS_BODY_PFNS];
    } __attribute__((packed)) body = {
        .head = {.header.type = VMBUS_GPADL_BODY, .msgnumber = number, .gpadl = handle},
    };
    for (uint32_t i = 0; i < count; i++)
        body.pfn[i] = first + i;
    return say(raw, &body, sizeof body.head + 8 * count);
}

static void page_numbers_continue_in_bodies_in_order(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct vmbus_gpadl_created created;
    struct gpadl_message message = gpadl(1, 60);
    int fd = vmbus_memory_create("test", 60);
    raw_ready(&raw);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(60), fd), 1);
    /* Half-built: cannot be opened or torn down. */
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    struct vmbus_gpadl_teardown teardown = {{VMBUS_GPADL_TEARDOWN, 0}, RELID, 1};
    is_ignored(&raw, &teardown, sizeof teardown);
    send_body(&raw, 1, 0, 26, 28);
    nothing_is_said(&raw);
    send_body(&raw, 1, 1, 54, 6);
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_CREATED);
    memcpy(&created, record.bytes, sizeof created);
    assert_int_equal(created.status, 0);
    assert_int_equal(open_status(&raw, &open), 0);
    /* One body too many. */
    uint64_t ignored = vmbus_host_ignored(raw.host);
    send_body(&raw, 1, 2, 60, 1);
    nothing_is_said(&raw);
    assert_true(vmbus_host_ignored(raw.host) == ignored + 1);
    raw_close(&raw);
    close(fd);
}

static void bodies_out_of_order_or_unknown_are_refused_or_ignored(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct gpadl_message message = gpadl(1, 60);
    int fd = vmbus_memory_create("test", 60);
    raw_ready(&raw);
    unsigned fds = open_fds();
    send_body(&raw, 7, 0, 0, 1);
    nothing_is_said(&raw);
    static const uint32_t bad[][2] = {{1, 26}, {0, 27}, {0, 0}};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(create_gpadl(&raw, &message, gpadl_size(60), fd), 1);
        send_body(&raw, 1, bad[i][0], bad[i][1], 5);
        assert_int_equal(hear(&raw, &record), VMBUS_GPADL_CREATED);
        assert_int_equal(open_fds(), fds);
    }
    raw_close(&raw);
    close(fd);
}

static void teardown_of_what_is_unknown_is_ignored_and_of_an_open_buffer_closes_first(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct vmbus_gpadl_teardown teardown = {{VMBUS_GPADL_TEARDOWN, 0}, RELID, 2};
    raw_opened(&raw);
    is_ignored(&raw, &teardown, sizeof teardown);
    teardown = (struct vmbus_gpadl_teardown){{VMBUS_GPADL_TEARDOWN, 0}, RELID + 1, 1};
    is_ignored(&raw, &teardown, sizeof teardown);
    teardown.relid = RELID;
    assert_int_equal(say(&raw, &teardown, sizeof teardown), VMBUS_CLOSED);
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_TORNDOWN);
    assert_null(vmbus_host_out(raw.host));
    is_ignored(&raw, &teardown, sizeof teardown);
    raw_close(&raw);
}

/* ---- open, close, release --------------------------------------------------------------------------------------- */

static void impossible_openings_are_refused_and_the_channel_stays_closed(void **state)
{
    (void)state;
    struct raw raw;
    raw_ready(&raw);
    good_gpadl(&raw, 1, 10);
    for (unsigned row = 0; row < 9; row++) {
        struct vmbus_open_channel open = open_message(1, 5);
        switch (row) {
        case 0:
            open.relid = RELID + 1;
            break;
        case 1:
            open.gpadl = 2;
            break;
        case 2:
            open.downstream_page_offset = 0;
            break;
        case 3:
            open.downstream_page_offset = 1;
            break;
        case 4:
            open.downstream_page_offset = 9;
            break;
        case 5:
            open.downstream_page_offset = 10;
            break;
        case 6:
            open.downstream_page_offset = UINT32_MAX;
            break;
        case 7:
            open.target_vp = 2048;
            break;
        case 8:
            open.target_vp = UINT32_MAX;
            break;
        }
        assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
        assert_null(vmbus_host_in(raw.host));
    }
    struct vmbus_open_channel open = open_message(1, 8);
    assert_int_equal(open_status(&raw, &open), 0);
    assert_int_equal(vmbus_host_in(raw.host)->size, 7 * 4096);
    assert_int_equal(vmbus_host_out(raw.host)->size, 4096);
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    assert_non_null(vmbus_host_in(raw.host));
    raw_close(&raw);
}

static void rings_that_begin_with_impossible_indices_are_not_opened(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 4);
    int fd = vmbus_memory_create("test", 4);
    uint32_t *ring = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct vmbus_open_channel open = open_message(1, 2);
    raw_ready(&raw);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(4), fd), 0);
    ring[0] = 4096;
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    ring[0] = 0;
    ring[2 * 1024 + 1] = 4;
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    ring[2 * 1024 + 1] = 0;
    assert_int_equal(open_status(&raw, &open), 0);
    munmap(ring, 4 * 4096);
    raw_close(&raw);
    close(fd);
}

static void closing_what_is_closed_or_not_ours_is_ignored(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_relid_message message = {{VMBUS_CLOSECHANNEL, 0}, RELID + 1};
    struct vmbus_relid_message released = {{VMBUS_RELID_RELEASED, 0}, RELID};
    raw_opened(&raw);
    is_ignored(&raw, &message, sizeof message);
    is_ignored(&raw, &released, sizeof released); /* a live one */
    message.relid = RELID;
    assert_int_equal(say(&raw, &message, sizeof message), VMBUS_CLOSED);
    nothing_is_said(&raw);
    is_ignored(&raw, &message, sizeof message);
    struct vmbus_open_channel open = open_message(1, 3);
    assert_int_equal(open_status(&raw, &open), 0);
    raw_close(&raw);
}

static void a_rescinded_offer_can_only_be_closed_and_released(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct vmbus_relid_message close_message = {{VMBUS_CLOSECHANNEL, 0}, RELID};
    struct vmbus_relid_message released = {{VMBUS_RELID_RELEASED, 0}, RELID};
    raw_opened(&raw);
    vmbus_host_rescind(raw.host);
    vmbus_host_rescind(raw.host);
    assert_int_equal(hear(&raw, &record), VMBUS_RESCIND_CHANNELOFFER);
    nothing_is_said(&raw);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(say(&raw, &close_message, sizeof close_message), VMBUS_CLOSED);
    is_ignored(&raw, &open, sizeof open);
    unsigned fds = open_fds();
    assert_int_equal(say(&raw, &released, sizeof released), VMBUS_NOTHING);
    assert_int_equal(open_fds(), fds - 1); /* the buffer */
    is_ignored(&raw, &released, sizeof released);
    /* It is not offered again. */
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    contact(&raw, VMBUS_VERSION_4_0, true);
    say(&raw, &request, sizeof request);
    assert_int_equal(hear(&raw, &record), VMBUS_ALLOFFERS_DELIVERED);
    raw_close(&raw);
}

static void a_guest_that_does_not_read_loses_its_connection_and_nobody_waits(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_initiate_contact message = {.header.type = VMBUS_INITIATE_CONTACT, .version = VMBUS_VERSION_4_0};
    raw_open(&raw);
    enum vmbus_event event = VMBUS_NOTHING;
    for (unsigned i = 0; i < 100000 && event != VMBUS_GONE; i++)
        event = say(&raw, &message, sizeof message);
    assert_int_equal(event, VMBUS_GONE);
    assert_int_equal(vmbus_host_control(raw.host), VMBUS_GONE);
    raw_close(&raw);
}

static void a_kick_eventfd_the_guest_made_blocking_does_not_block_the_host(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_record record;
    raw_open(&raw);
    contact(&raw, VMBUS_VERSION_4_0, true);
    say(&raw, &request, sizeof request);
    assert_int_equal(vmbus_record_receive(raw.socket, &record), 0);
    fcntl(record.fd[0], F_SETFL, 0);
    fcntl(record.fd[1], F_SETFL, 0);
    vmbus_host_kick_clear(raw.host);
    eventfd_write(record.fd[0], 3);
    struct pollfd wait = {.fd = vmbus_host_kick_fd(raw.host), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 0), 1);
    vmbus_host_kick_clear(raw.host);
    assert_int_equal(poll(&wait, 1, 0), 0);
    for (unsigned i = 0; i < 100000; i++)
        vmbus_host_signal(raw.host);
    vmbus_record_close_fds(&record);
    vmbus_host_signal(raw.host); /* nobody holds the other end any more */
    raw_close(&raw);
}

static void a_host_needs_a_relid_and_a_window(void **state)
{
    (void)state;
    struct vmbus_offer offer = {.relid = 0};
    struct vmbus_host *host = NULL;
    unsigned fds = open_fds();
    assert_int_equal(vmbus_host_create(-1, &offer, 1, &host), -EINVAL);
    offer.relid = 2048;
    assert_int_equal(vmbus_host_create(-1, &offer, 1, &host), -EINVAL);
    offer.relid = 2047;
    assert_int_equal(vmbus_host_create(-1, &offer, 0, &host), -EINVAL);
    assert_null(host);
    assert_int_equal(open_fds(), fds);
}

/* ---- a real guest ----------------------------------------------------------------------------------------------- */

/* A host that answers on a thread until the guest is gone, and counts what happened. */
struct server {
    struct vmbus_host *host;
    pthread_t thread;
    _Atomic unsigned opened, closed;
    _Atomic bool echo_broken;
};

/* Sends back what came, in the other ring. */
static void echo(struct server *server)
{
    struct vmbus_ring *in = vmbus_host_in(server->host), *out = vmbus_host_out(server->host);
    struct vmbus_packet packet;
    uint8_t buffer[512];
    bool signal, wake = false;
    int length;
    if (!in)
        return;
    while ((length = vmbus_ring_receive(in, &packet, buffer, sizeof buffer, &signal)) >= 0) {
        wake |= signal;
        packet.type = VMBUS_PACKET_COMPLETION;
        if (vmbus_ring_send(out, &packet, buffer, false, &signal))
            server->echo_broken = true;
        wake |= signal;
    }
    if (wake)
        vmbus_host_signal(server->host);
}

static void *serve(void *context)
{
    struct server *server = context;
    for (;;) {
        struct pollfd wait[2] = {{.fd = vmbus_host_socket(server->host), .events = POLLIN},
                                 {.fd = vmbus_host_kick_fd(server->host), .events = POLLIN}};
        poll(wait, 2, -1);
        if (wait[1].revents)
            vmbus_host_kick_clear(server->host);
        echo(server);
        enum vmbus_event event = wait[0].revents ? vmbus_host_control(server->host) : VMBUS_NOTHING;
        server->opened += event == VMBUS_OPENED;
        server->closed += event == VMBUS_CLOSED;
        if (event == VMBUS_GONE)
            return NULL;
    }
}

static int server_start(struct server *server)
{
    int ends[2];
    memset(server, 0, sizeof *server);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(vmbus_host_create(ends[0], &an_offer, 1, &server->host), 0);
    pthread_create(&server->thread, NULL, serve, server);
    return ends[1];
}

static void server_stop(struct server *server)
{
    pthread_join(server->thread, NULL);
    vmbus_host_destroy(server->host);
}

static void exchange(struct vmbus_guest *guest, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct vmbus_packet packet = {VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, i + 1, 24}, answer;
        uint8_t payload[24], back[64];
        bool signal;
        int length;
        memset(payload, (int)i, sizeof payload);
        assert_int_equal(vmbus_ring_send(vmbus_guest_out(guest), &packet, payload, true, &signal), 0);
        if (signal)
            vmbus_guest_signal(guest);
        while ((length = vmbus_ring_receive(vmbus_guest_in(guest), &answer, back, sizeof back, &signal)) == -EAGAIN)
            assert_int_equal(vmbus_guest_wait(guest, -1, -1), 0);
        assert_int_equal(length, 24);
        assert_true(answer.transaction_id == i + 1);
        assert_memory_equal(payload, back, 24);
    }
}

static void a_channel_opens_carries_packets_closes_and_opens_again(void **state)
{
    static const uint32_t pages[][2] = {{5, 5}, {2, 2}, {3, 7}, {30, 40}, {1000, 1048}};
    (void)state;
    unsigned fds = open_fds();
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    assert_memory_equal(vmbus_guest_offer(guest), &an_offer, sizeof an_offer);
    assert_int_equal(vmbus_guest_window_pages(guest), 1);
    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_null(vmbus_guest_in(guest));
        assert_int_equal(vmbus_guest_open(guest, pages[i][0], pages[i][1]), 0);
        vmbus_guest_set_spin(guest, i % 2 ? 0 : VMBUS_SPIN_DEFAULT);
        exchange(guest, 300);
        vmbus_guest_close(guest);
        vmbus_guest_close(guest);
    }
    vmbus_guest_destroy(guest);
    server_stop(&server);
    assert_int_equal(server.opened, 5);
    assert_int_equal(server.closed, 5);
    assert_false(server.echo_broken);
    assert_int_equal(open_fds(), fds);
}

static void both_ends_see_the_same_window(void **state)
{
    (void)state;
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    *(volatile uint32_t *)vmbus_guest_window(guest) = 0xCAFE;
    assert_int_equal(*(volatile uint32_t *)vmbus_host_window(server.host), 0xCAFE);
    vmbus_guest_destroy(guest);
    server_stop(&server);
}

static void openings_that_make_no_sense_are_refused_before_the_host_hears_of_them(void **state)
{
    (void)state;
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    assert_int_equal(vmbus_guest_open(guest, 1, 5), -EINVAL);
    assert_int_equal(vmbus_guest_open(guest, 5, 0), -EINVAL);
    assert_int_equal(vmbus_guest_open(guest, UINT32_MAX, 2), -EINVAL);
    assert_int_equal(vmbus_guest_open(guest, 5, 5), 0);
    assert_int_equal(vmbus_guest_open(guest, 5, 5), -EINVAL);
    vmbus_guest_destroy(guest);
    server_stop(&server);
    assert_int_equal(server.opened, 1);
}

static void waiting_ends_by_stop_by_time_and_by_rescind(void **state)
{
    (void)state;
    unsigned fds = open_fds();
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server), stop = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    assert_int_equal(vmbus_guest_open(guest, 2, 2), 0);
    assert_int_equal(vmbus_guest_wait(guest, stop, 0), -ETIMEDOUT);
    eventfd_write(stop, 1);
    assert_int_equal(vmbus_guest_wait(guest, stop, -1), -ECANCELED);
    assert_false(vmbus_guest_gone(guest));
    vmbus_host_rescind(server.host);
    assert_int_equal(vmbus_guest_wait(guest, -1, -1), -EPIPE);
    assert_true(vmbus_guest_gone(guest));
    assert_int_equal(vmbus_guest_wait(guest, -1, -1), -EPIPE);
    vmbus_guest_destroy(guest);
    server_stop(&server);
    assert_int_equal(server.closed, 1);
    close(stop);
    assert_int_equal(open_fds(), fds);
}

static void a_guest_killed_in_the_middle_is_noticed_and_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        unsigned fds = open_fds();
        int ends[2];
        struct server server = {0};
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        pid_t child = fork();
        if (child == 0) {
            struct vmbus_guest *guest;
            close(ends[0]);
            if (vmbus_guest_connect(ends[1], &guest) || vmbus_guest_open(guest, 5, 5))
                _exit(1);
            for (unsigned i = 0; i < round; i++)
                exchange(guest, 1);
            kill(getpid(), SIGKILL);
        }
        close(ends[1]);
        assert_int_equal(vmbus_host_create(ends[0], &an_offer, 1, &server.host), 0);
        pthread_create(&server.thread, NULL, serve, &server);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        server_stop(&server);
        assert_int_equal(server.opened, 1);
        assert_int_equal(open_fds(), fds);
    }
}

static void a_host_that_dies_is_noticed_by_a_waiting_guest(void **state)
{
    (void)state;
    unsigned fds = open_fds();
    int ends[2];
    struct vmbus_guest *guest;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct server server = {0};
        close(ends[1]);
        vmbus_host_create(ends[0], &an_offer, 1, &server.host);
        while (server.opened == 0) {
            struct pollfd wait = {.fd = vmbus_host_socket(server.host), .events = POLLIN};
            poll(&wait, 1, -1);
            server.opened += vmbus_host_control(server.host) == VMBUS_OPENED;
        }
        kill(getpid(), SIGKILL);
    }
    close(ends[0]);
    assert_int_equal(vmbus_guest_connect(ends[1], &guest), 0);
    assert_int_equal(vmbus_guest_open(guest, 5, 5), 0);
    while (vmbus_guest_wait(guest, -1, -1) == 0)
        continue;
    assert_true(vmbus_guest_gone(guest));
    vmbus_guest_signal(guest);
    vmbus_guest_destroy(guest);
    waitpid(child, NULL, 0);
    assert_int_equal(open_fds(), fds);
}

/* ---- a hostile host --------------------------------------------------------------------------------------------- */

/* What a scripted host says at once, before the guest asks: messages wait in the socket. */
static int guest_against(const void *messages[], const uint32_t lengths[], unsigned count, const int *fds,
                         uint32_t fd_count)
{
    int ends[2];
    struct vmbus_guest *guest;
    unsigned before = open_fds();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    for (unsigned i = 0; i < count; i++) {
        bool offer = ((const struct vmbus_header *)messages[i])->type == VMBUS_OFFERCHANNEL;
        assert_int_equal(vmbus_record_send(ends[0], messages[i], lengths[i], fds, offer ? fd_count : 0), 0);
    }
    int result = vmbus_guest_connect_within(ends[1], 20, &guest);
    if (!result)
        vmbus_guest_destroy(guest);
    close(ends[0]);
    assert_int_equal(open_fds(), before);
    return result;
}

static void offers_of_a_hostile_host_are_refused(void **state)
{
    (void)state;
    struct vmbus_version_response response = {.header.type = VMBUS_VERSION_RESPONSE, .supported = 1};
    struct vmbus_offer_channel offer = {.header.type = VMBUS_OFFERCHANNEL, .relid = 1};
    struct vmbus_header all = {.type = VMBUS_ALLOFFERS_DELIVERED};
    const void *messages[] = {&response, &offer, &all};
    uint32_t lengths[] = {sizeof response, sizeof offer, sizeof all};
    int window = vmbus_memory_create("test", 1), unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int kick = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(ftruncate(unsealed, 4096), 0);
    int good[] = {kick, kick, window}, bad[] = {kick, kick, unsealed}, no_memory[] = {kick, kick, kick};
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), 0);
    assert_int_equal(guest_against(messages, lengths, 3, good, 2), -EPROTO);
    assert_int_equal(guest_against(messages, lengths, 3, NULL, 0), -EPROTO);
    assert_int_equal(guest_against(messages, lengths, 3, bad, 3), -EPROTO);
    assert_int_equal(guest_against(messages, lengths, 3, no_memory, 3), -EPROTO);
    offer.relid = 0;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    offer.relid = 2048;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    offer.relid = 1;
    lengths[1]--;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    lengths[1]++;
    lengths[0] = 12;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    lengths[0] = sizeof response;
    response.supported = 0;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTONOSUPPORT);
    close(window), close(unsealed), close(kick);
}

static void a_silent_host_costs_the_guest_only_its_limit(void **state)
{
    (void)state;
    struct vmbus_version_response response = {.header.type = VMBUS_VERSION_RESPONSE, .supported = 1};
    struct vmbus_header noise = {.type = 77};
    const void *messages[] = {&noise, &response};
    uint32_t lengths[] = {sizeof noise, sizeof response};
    assert_int_equal(guest_against(messages, lengths, 0, NULL, 0), -ETIMEDOUT);
    assert_int_equal(guest_against(messages, lengths, 1, NULL, 0), -ETIMEDOUT);
    assert_int_equal(guest_against(messages, lengths, 2, NULL, 0), -ETIMEDOUT);
}

static void a_host_that_hangs_up_is_noticed_at_once(void **state)
{
    (void)state;
    int ends[2];
    struct vmbus_guest *guest;
    unsigned before = open_fds();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    close(ends[0]);
    assert_int_equal(vmbus_guest_connect(ends[1], &guest), -EPIPE);
    assert_int_equal(open_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_version_4_0_is_accepted),
        cmocka_unit_test(the_offer_is_laid_out_as_documented_and_carries_three_descriptors),
        cmocka_unit_test(nothing_works_before_contact_and_offers),
        cmocka_unit_test(offers_are_made_once_until_the_next_contact),
        cmocka_unit_test(short_unknown_and_host_only_messages_are_dropped_and_counted),
        cmocka_unit_test(unload_closes_everything_and_answers),
        cmocka_unit_test(a_second_contact_closes_the_channel_and_drops_its_buffers),
        cmocka_unit_test(malformed_ranges_are_refused_and_keep_nothing),
        cmocka_unit_test(surplus_page_numbers_are_tolerated_only_as_zeroes),
        cmocka_unit_test(memory_that_is_not_sealed_large_and_alone_is_refused),
        cmocka_unit_test(surplus_descriptors_are_closed_and_the_message_refused),
        cmocka_unit_test(a_handle_in_use_and_too_many_buffers_are_refused),
        cmocka_unit_test(page_numbers_continue_in_bodies_in_order),
        cmocka_unit_test(bodies_out_of_order_or_unknown_are_refused_or_ignored),
        cmocka_unit_test(teardown_of_what_is_unknown_is_ignored_and_of_an_open_buffer_closes_first),
        cmocka_unit_test(impossible_openings_are_refused_and_the_channel_stays_closed),
        cmocka_unit_test(rings_that_begin_with_impossible_indices_are_not_opened),
        cmocka_unit_test(closing_what_is_closed_or_not_ours_is_ignored),
        cmocka_unit_test(a_rescinded_offer_can_only_be_closed_and_released),
        cmocka_unit_test(a_guest_that_does_not_read_loses_its_connection_and_nobody_waits),
        cmocka_unit_test(a_kick_eventfd_the_guest_made_blocking_does_not_block_the_host),
        cmocka_unit_test(a_host_needs_a_relid_and_a_window),
        cmocka_unit_test(a_channel_opens_carries_packets_closes_and_opens_again),
        cmocka_unit_test(both_ends_see_the_same_window),
        cmocka_unit_test(openings_that_make_no_sense_are_refused_before_the_host_hears_of_them),
        cmocka_unit_test(waiting_ends_by_stop_by_time_and_by_rescind),
        cmocka_unit_test(a_guest_killed_in_the_middle_is_noticed_and_leaves_nothing),
        cmocka_unit_test(a_host_that_dies_is_noticed_by_a_waiting_guest),
        cmocka_unit_test(offers_of_a_hostile_host_are_refused),
        cmocka_unit_test(a_silent_host_costs_the_guest_only_its_limit),
        cmocka_unit_test(a_host_that_hangs_up_is_noticed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
