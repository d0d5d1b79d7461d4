/* SPDX-License-Identifier: MIT
 *
 * GPADL messages: vpci-wire.md 3.4, 6.2. One range a buffer, starting at byte 0 of its memory; the page frame numbers
 * are the pages of the memory in order, so mapping the memory once maps the buffer.
 */
#include "vmbus/gpadl.h"
#include "vmbus/foreign.h"

#include <string.h>
#include <unistd.h>

static struct vmbus_gpadl *find_any(struct vmbus_gpadl_table *table, uint32_t handle)
{
    for (uint32_t i = 0; i < VMBUS_GPADL_MAX; i++)
        if (table->entry[i].used && table->entry[i].handle == handle)
            return &table->entry[i];
    return NULL;
}

struct vmbus_gpadl *vmbus_gpadl_find(struct vmbus_gpadl_table *table, uint32_t handle)
{
    struct vmbus_gpadl *gpadl = find_any(table, handle);
    return gpadl && gpadl->received == gpadl->pages ? gpadl : NULL;
}

void vmbus_gpadl_drop(struct vmbus_gpadl *gpadl)
{
    if (gpadl->fd >= 0)
        close(gpadl->fd);
    memset(gpadl, 0, sizeof *gpadl);
}

void vmbus_gpadl_drop_all(struct vmbus_gpadl_table *table)
{
    for (uint32_t i = 0; i < VMBUS_GPADL_MAX; i++)
        if (table->entry[i].used)
            vmbus_gpadl_drop(&table->entry[i]);
}

/* Pages of the one range, 0 when the header is not acceptable. */
static uint32_t range_pages(const struct vmbus_gpadl_header *head)
{
    if (head->rangecount != 1 || head->byte_count == 0 || head->byte_offset != 0)
        return 0;
    uint64_t pages = ((uint64_t)head->byte_count + VMBUS_PAGE - 1) / VMBUS_PAGE;
    if (pages > VMBUS_GPADL_PAGES_MAX || head->range_buflen != 8 + 8 * pages)
        return 0;
    return (uint32_t)pages;
}

/* Takes the page numbers of one message. Beyond the last one only zero padding is tolerated. */
static bool take_pfns(struct vmbus_gpadl *gpadl, const uint8_t *bytes, uint32_t length)
{
    for (uint32_t at = 0; at + 8 <= length; at += 8) {
        uint64_t pfn;
        memcpy(&pfn, bytes + at, sizeof pfn);
        bool surplus = gpadl->received == gpadl->pages;
        if (pfn != (surplus ? 0 : gpadl->received))
            return false;
        gpadl->received += !surplus;
    }
    return true;
}

static enum vmbus_gpadl_result settle(struct vmbus_gpadl *gpadl, bool good)
{
    if (!good) {
        vmbus_gpadl_drop(gpadl);
        return VMBUS_GPADL_REFUSED;
    }
    return gpadl->received == gpadl->pages ? VMBUS_GPADL_COMPLETE : VMBUS_GPADL_MORE;
}

static struct vmbus_gpadl *free_entry(struct vmbus_gpadl_table *table)
{
    for (uint32_t i = 0; i < VMBUS_GPADL_MAX; i++)
        if (!table->entry[i].used)
            return &table->entry[i];
    return NULL;
}

enum vmbus_gpadl_result vmbus_gpadl_add(struct vmbus_gpadl_table *table, const void *message, uint32_t length, int fd)
{
    struct vmbus_gpadl_header head;
    memcpy(&head, message, sizeof head);
    uint32_t pages = range_pages(&head);
    struct vmbus_gpadl *gpadl = find_any(table, head.gpadl) ? NULL : free_entry(table);
    if (!gpadl || !pages || !vmbus_memory_acceptable(fd, pages)) {
        if (fd >= 0)
            vmbus_foreign_close(&fd, 1);
        return VMBUS_GPADL_REFUSED;
    }
    *gpadl = (struct vmbus_gpadl){.used = true, .handle = head.gpadl, .pages = pages, .fd = fd};
    uint32_t fixed = sizeof head;
    return settle(gpadl, take_pfns(gpadl, (const uint8_t *)message + fixed, length - fixed));
}

enum vmbus_gpadl_result vmbus_gpadl_extend(struct vmbus_gpadl_table *table, const void *message, uint32_t length)
{
    struct vmbus_gpadl_body body;
    memcpy(&body, message, sizeof body);
    struct vmbus_gpadl *gpadl = find_any(table, body.gpadl);
    if (!gpadl || gpadl->received == gpadl->pages)
        return VMBUS_GPADL_IGNORED;
    bool in_order = body.msgnumber == gpadl->next_body++;
    uint32_t fixed = sizeof body;
    uint32_t before = gpadl->received;
    bool good = in_order && take_pfns(gpadl, (const uint8_t *)message + fixed, length - fixed);
    return settle(gpadl, good && gpadl->received > before);
}
