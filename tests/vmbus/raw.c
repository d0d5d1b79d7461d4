/* SPDX-License-Identifier: MIT */
#include "raw.h"

#include <dirent.h>
#include <sys/socket.h>
#include <unistd.h>

const struct vmbus_offer an_offer = {.interface_id = {1, 2, 3}, .instance_id = {4, 5, 6}, .relid = RELID};

unsigned open_fds(void)
{
    unsigned count = 0;
    DIR *directory = opendir("/proc/self/fd");
    assert_non_null(directory);
    while (readdir(directory))
        count++;
    closedir(directory);
    return count;
}

void wait_for_fds(unsigned wanted)
{
    while (open_fds() != wanted)
        usleep(1000);
}

void raw_open(struct raw *raw)
{
    int ends[2];
    raw->fds = open_fds();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(vmbus_host_create(ends[0], &an_offer, 1, &raw->host), 0);
    raw->socket = ends[1];
}

void raw_close(struct raw *raw)
{
    vmbus_host_destroy(raw->host);
    if (raw->socket >= 0)
        close(raw->socket);
    assert_int_equal(open_fds(), raw->fds);
}

enum vmbus_event say_with(struct raw *raw, const void *message, size_t length, const int *fds, uint32_t fd_count)
{
    assert_int_equal(vmbus_record_send(raw->socket, message, length, fds, fd_count), 0);
    return vmbus_host_control(raw->host);
}

enum vmbus_event say(struct raw *raw, const void *message, size_t length)
{
    return say_with(raw, message, length, NULL, 0);
}

/* The next message of the host; its descriptors are closed. 0: none. */
uint32_t hear(struct raw *raw, struct vmbus_record *record)
{
    if (vmbus_record_receive(raw->socket, record))
        return 0;
    vmbus_record_close_fds(record);
    return record->header.type;
}

void nothing_is_said(struct raw *raw)
{
    struct vmbus_record record;
    assert_int_equal(hear(raw, &record), 0);
}

/* Sent, no answer, no event, counted. */
void is_ignored(struct raw *raw, const void *message, size_t length)
{
    uint64_t before = vmbus_host_ignored(raw->host);
    assert_int_equal(say(raw, message, length), VMBUS_NOTHING);
    nothing_is_said(raw);
    assert_true(vmbus_host_ignored(raw->host) == before + 1);
}

enum vmbus_event contact(struct raw *raw, uint32_t version, bool supported)
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

void request_offers(struct raw *raw)
{
    struct vmbus_header message = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_record record;
    assert_int_equal(say(raw, &message, sizeof message), VMBUS_NOTHING);
    assert_int_equal(hear(raw, &record), VMBUS_OFFERCHANNEL);
    assert_int_equal(hear(raw, &record), VMBUS_ALLOFFERS_DELIVERED);
}

void raw_ready(struct raw *raw)
{
    raw_open(raw);
    assert_int_equal(contact(raw, VMBUS_VERSION_4_0, true), VMBUS_NOTHING);
    request_offers(raw);
}

struct gpadl_message gpadl(uint32_t handle, uint32_t pages)
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

uint32_t gpadl_size(uint32_t pages)
{
    return (uint32_t)(sizeof(struct vmbus_gpadl_header) + 8 * (pages < VMBUS_HEADER_PFNS ? pages : VMBUS_HEADER_PFNS));
}

/* Sends it with that memory; the status of GPADL_CREATED, or 1 when there was no answer. */
uint32_t create_gpadl(struct raw *raw, const struct gpadl_message *message, uint32_t length, int fd)
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

void good_gpadl(struct raw *raw, uint32_t handle, uint32_t pages)
{
    struct gpadl_message message = gpadl(handle, pages);
    int fd = vmbus_memory_create("test", pages);
    assert_int_equal(create_gpadl(raw, &message, gpadl_size(pages), fd), 0);
    close(fd);
}

struct vmbus_open_channel open_message(uint32_t handle, uint32_t split)
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
uint32_t open_status(struct raw *raw, const struct vmbus_open_channel *message)
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

void raw_opened(struct raw *raw)
{
    raw_ready(raw);
    good_gpadl(raw, 1, 10);
    struct vmbus_open_channel message = open_message(1, 5);
    assert_int_equal(open_status(raw, &message), 0);
    assert_non_null(vmbus_host_in(raw->host));
}
