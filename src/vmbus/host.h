/* SPDX-License-Identifier: MIT
 *
 * The host's end of a channel in memory that two processes share, for the files that make it up. Private to this room.
 */
#ifndef VFPLANE_VMBUS_HOST_H
#define VFPLANE_VMBUS_HOST_H

#include "vmbus/control.h"
#include "vmbus/gpadl.h"
#include "vmbus/vmbus.h"

struct vmbus_shared_host {
    struct vmbus_host base;
    struct vmbus_wake wake;
    int window_fd;
    uint32_t window_pages;
    struct vmbus_offer offer;
    uint32_t strange; /* descriptors */
    unsigned offers;  /* sent since the guest had last read everything */
    struct vmbus_gpadl_table gpadls;
    bool contacted; /* a version is agreed */
    bool offered;
    bool rescinded;
    bool released; /* the guest let go of the relid */
    bool gone;
    /* while open */
    void *memory; /* NULL: closed */
    uint32_t pages;
    uint32_t open_gpadl;
    struct vmbus_ring in;
    struct vmbus_ring out;
};

void vmbus_shared_unmap(struct vmbus_shared_host *host); /* the rings, if they are */

/* host_messages.c */
/* One message of the guest's; its descriptors are the caller's to close. */
enum vmbus_event vmbus_shared_dispatch(struct vmbus_shared_host *host, struct vmbus_record *record);
enum vmbus_event vmbus_shared_ignore(struct vmbus_shared_host *host);
/* A message without or with descriptors; a guest that does not read is gone. */
void vmbus_shared_reply(struct vmbus_shared_host *host, const void *message, size_t length, const int *fds,
                        uint32_t fd_count);

#endif
