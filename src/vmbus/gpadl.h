/* SPDX-License-Identifier: MIT
 *
 * Buffers a guest hands to the host by GPADL messages (vpci-wire.md 3.4): the host's table of them. Private to this
 * room.
 */
#ifndef VFPLANE_VMBUS_GPADL_H
#define VFPLANE_VMBUS_GPADL_H

#include "vmbus/control.h"
#include "vmbus/vmbus.h"

struct vmbus_gpadl {
    bool used;
    uint32_t handle;
    uint32_t pages;    /* the range has */
    uint32_t received; /* page frame numbers so far; complete when all */
    uint32_t next_body;
    int fd; /* owned */
};

struct vmbus_gpadl_table {
    struct vmbus_gpadl entry[VMBUS_GPADL_MAX];
};

enum vmbus_gpadl_result {
    VMBUS_GPADL_IGNORED,  /* say nothing, count it */
    VMBUS_GPADL_MORE,     /* bodies are still to come */
    VMBUS_GPADL_COMPLETE, /* answer GPADL_CREATED, success */
    VMBUS_GPADL_REFUSED,  /* answer GPADL_CREATED, failure; the table does not know the handle any more */
};

/* A header message of `length` bytes with its memory; the descriptor (may be -1) belongs to the table from here on. */
enum vmbus_gpadl_result vmbus_gpadl_add(struct vmbus_gpadl_table *table, const void *message, uint32_t length, int fd);
enum vmbus_gpadl_result vmbus_gpadl_extend(struct vmbus_gpadl_table *table, const void *message, uint32_t length);
/* A complete one, or NULL. */
struct vmbus_gpadl *vmbus_gpadl_find(struct vmbus_gpadl_table *table, uint32_t handle);
void vmbus_gpadl_drop(struct vmbus_gpadl *gpadl);
void vmbus_gpadl_drop_all(struct vmbus_gpadl_table *table);

#endif
