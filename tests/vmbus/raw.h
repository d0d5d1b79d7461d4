/* SPDX-License-Identifier: MIT
 *
 * A host whose guest is played by hand on the raw socket: one thread plays both sides.
 */
#ifndef VFPLANE_TEST_VMBUS_RAW_H
#define VFPLANE_TEST_VMBUS_RAW_H

#include "test.h"

#include "vmbus/control.h"
#include "vmbus/vmbus.h"

#define RELID 5u

/* A case that is a row of vpci-wire.md 6 (docs/hostile-peers.md). */
#define ROW(row, test)                                                                                                 \
    {                                                                                                                  \
        .name = row, .test_func = test                                                                                 \
    }

extern const struct vmbus_offer an_offer;

/* A host, and the guest's end of its socket in our hands. */
struct raw {
    struct vmbus_host *host;
    int socket;
    unsigned fds;
};

/* GPADL_HEADER of some pages with its page numbers. */
struct gpadl_message {
    struct vmbus_gpadl_header head;
    uint64_t pfn[VMBUS_HEADER_PFNS];
} __attribute__((packed));

unsigned open_fds(void);
/* What came from elsewhere is closed by a thread: until there are no more, for ever if one is left. */
void wait_for_fds(unsigned wanted);
void raw_open(struct raw *raw);
void raw_close(struct raw *raw);
enum vmbus_event say_with(struct raw *raw, const void *message, size_t length, const int *fds, uint32_t fd_count);
enum vmbus_event say(struct raw *raw, const void *message, size_t length);
/* The next message of the host; its descriptors are closed. 0: none. */
uint32_t hear(struct raw *raw, struct vmbus_record *record);
void nothing_is_said(struct raw *raw);
/* Sent, no answer, no event, counted. */
void is_ignored(struct raw *raw, const void *message, size_t length);
enum vmbus_event contact(struct raw *raw, uint32_t version, bool supported);
void request_offers(struct raw *raw);
void raw_ready(struct raw *raw);
struct gpadl_message gpadl(uint32_t handle, uint32_t pages);
uint32_t gpadl_size(uint32_t pages);
/* Sends it with that memory; the status of GPADL_CREATED, or 1 when there was no answer. */
uint32_t create_gpadl(struct raw *raw, const struct gpadl_message *message, uint32_t length, int fd);
void good_gpadl(struct raw *raw, uint32_t handle, uint32_t pages);
struct vmbus_open_channel open_message(uint32_t handle, uint32_t split);
/* The status of OPENCHANNEL_RESULT, 1 without one. */
uint32_t open_status(struct raw *raw, const struct vmbus_open_channel *message);
void raw_opened(struct raw *raw);

#endif
