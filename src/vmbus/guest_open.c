/* SPDX-License-Identifier: MIT
 *
 * The guest's end of a channel: ring memory, GPADL, open and close (vpci-wire.md 3.4, 3.5).
 */
#include "vmbus/guest.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define FIRST_GPADL 0xE1E10u /* what Linux starts at: 3.4 */

/* A message with page frame numbers at its end; the largest of them are full. */
union gpadl_message {
    struct vmbus_gpadl_header header;
    struct vmbus_gpadl_body body;
    uint8_t bytes[VMBUS_MESSAGE_MAX];
};

/* Page numbers first.. into `bytes`; returns how many. */
static uint32_t put_pfns(uint8_t *bytes, uint32_t first, uint32_t pages, uint32_t most)
{
    uint32_t count = pages - first < most ? pages - first : most;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t pfn = first + i;
        memcpy(bytes + (size_t)i * sizeof pfn, &pfn, sizeof pfn);
    }
    return count;
}

static int send_gpadl_header(struct vmbus_guest *guest, int fd, uint32_t pages, uint32_t *sent)
{
    union gpadl_message message = {.header = {
                                       .header.type = VMBUS_GPADL_HEADER,
                                       .relid = guest->offer.relid,
                                       .gpadl = guest->gpadl,
                                       .range_buflen = (uint16_t)(8 + 8 * pages),
                                       .rangecount = 1,
                                       .byte_count = pages * VMBUS_PAGE,
                                   }};
    uint32_t fixed = sizeof message.header;
    *sent = put_pfns(message.bytes + fixed, 0, pages, VMBUS_HEADER_PFNS);
    int error = vmbus_record_send(guest->socket, &message, fixed + 8 * *sent, &fd, 1);
    if (error)
        atomic_store(&guest->gone, true);
    return error ? -EPIPE : 0;
}

static int send_gpadl_bodies(struct vmbus_guest *guest, uint32_t pages, uint32_t sent)
{
    for (uint32_t number = 0; sent < pages; number++) {
        union gpadl_message message = {.body = {
                                           .header.type = VMBUS_GPADL_BODY,
                                           .msgnumber = number,
                                           .gpadl = guest->gpadl,
                                       }};
        uint32_t fixed = sizeof message.body;
        uint32_t count = put_pfns(message.bytes + fixed, sent, pages, VMBUS_BODY_PFNS);
        int error = vmbus_guest_send(guest, &message, fixed + 8 * count);
        if (error)
            return error;
        sent += count;
    }
    return 0;
}

static int hand_over(struct vmbus_guest *guest, int fd, uint32_t pages)
{
    uint32_t sent = 0;
    struct vmbus_record record;
    struct vmbus_gpadl_created created;
    int error = send_gpadl_header(guest, fd, pages, &sent);
    if (!error)
        error = send_gpadl_bodies(guest, pages, sent);
    if (!error)
        error = vmbus_guest_await(guest, VMBUS_GPADL_CREATED, sizeof created, &record);
    if (error)
        return error;
    memcpy(&created, record.bytes, sizeof created);
    vmbus_record_close_fds(&record);
    if (created.relid != guest->offer.relid || created.gpadl != guest->gpadl)
        return -EPROTO;
    return created.status == VMBUS_STATUS_SUCCESS ? 0 : -ECONNREFUSED;
}

static int open_channel(struct vmbus_guest *guest, uint32_t split)
{
    struct vmbus_open_channel message = {
        .header.type = VMBUS_OPENCHANNEL,
        .relid = guest->offer.relid,
        .openid = guest->offer.relid,
        .gpadl = guest->gpadl,
        .downstream_page_offset = split,
    };
    struct vmbus_record record;
    struct vmbus_open_result result;
    int error = vmbus_guest_send(guest, &message, sizeof message);
    if (!error)
        error = vmbus_guest_await(guest, VMBUS_OPENCHANNEL_RESULT, sizeof result, &record);
    if (error)
        return error;
    memcpy(&result, record.bytes, sizeof result);
    vmbus_record_close_fds(&record);
    if (result.relid != message.relid || result.openid != message.openid)
        return -EPROTO;
    return result.status == VMBUS_STATUS_SUCCESS ? 0 : -ECONNREFUSED;
}

static void teardown(struct vmbus_guest *guest)
{
    struct vmbus_gpadl_teardown message = {
        .header.type = VMBUS_GPADL_TEARDOWN,
        .relid = guest->offer.relid,
        .gpadl = guest->gpadl,
    };
    struct vmbus_record record;
    if (vmbus_guest_send(guest, &message, sizeof message) == 0 &&
        vmbus_guest_await(guest, VMBUS_GPADL_TORNDOWN, sizeof(struct vmbus_gpadl_torndown), &record) == 0)
        vmbus_record_close_fds(&record);
}

static int attach_rings(struct vmbus_guest *guest, uint8_t *memory, uint32_t to_host, uint32_t to_guest)
{
    int error = vmbus_ring_attach(&guest->out, memory, to_host, VMBUS_PRODUCER);
    if (!error)
        error = vmbus_ring_attach(&guest->in, memory + (size_t)to_host * VMBUS_PAGE, to_guest, VMBUS_CONSUMER);
    if (error)
        return error;
    guest->out.header->features = VMBUS_RING_FEATURE;
    guest->in.header->features = VMBUS_RING_FEATURE;
    return 0;
}

static int open_with_memory(struct vmbus_guest *guest, int fd, void *memory, uint32_t to_host, uint32_t to_guest)
{
    guest->gpadl = guest->gpadl ? guest->gpadl + 1 : FIRST_GPADL;
    int error = attach_rings(guest, memory, to_host, to_guest);
    if (!error)
        error = hand_over(guest, fd, to_host + to_guest);
    if (error)
        return error;
    error = open_channel(guest, to_host);
    if (error && !vmbus_guest_gone(guest))
        teardown(guest);
    return error;
}

int vmbus_guest_open(struct vmbus_guest *guest, uint32_t to_host_pages, uint32_t to_guest_pages)
{
    if (guest->memory || to_host_pages < 2 || to_guest_pages < 2 ||
        (uint64_t)to_host_pages + to_guest_pages > VMBUS_GPADL_PAGES_MAX)
        return -EINVAL;
    if (vmbus_guest_gone(guest))
        return -EPIPE;
    uint32_t pages = to_host_pages + to_guest_pages;
    int fd = vmbus_memory_create("vfplane rings", pages);
    if (fd < 0)
        return fd;
    void *memory = vmbus_memory_map(fd, pages);
    int error = memory ? open_with_memory(guest, fd, memory, to_host_pages, to_guest_pages) : -errno;
    close(fd);
    if (error) {
        vmbus_memory_unmap(memory, pages);
        return error;
    }
    guest->memory = memory;
    guest->pages = pages;
    return 0;
}

/* After a rescind the relid is released and no teardown is waited for: 3.3. */
void vmbus_guest_close(struct vmbus_guest *guest)
{
    struct vmbus_relid_message close_message = {
        .header.type = VMBUS_CLOSECHANNEL,
        .relid = guest->offer.relid,
    };
    struct vmbus_relid_message released = {
        .header.type = VMBUS_RELID_RELEASED,
        .relid = guest->offer.relid,
    };
    if (!guest->memory)
        return;
    if (!vmbus_guest_gone(guest) && vmbus_guest_send(guest, &close_message, sizeof close_message) == 0)
        teardown(guest);
    if (guest->rescinded) {
        (void)vmbus_guest_send(guest, &close_message, sizeof close_message);
        (void)vmbus_guest_send(guest, &released, sizeof released);
    }
    vmbus_memory_unmap(guest->memory, guest->pages);
    guest->memory = NULL;
}
