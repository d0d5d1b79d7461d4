/* SPDX-License-Identifier: MIT
 *
 * What a guest says on its socket, and what it is answered (vpci-wire.md 3.2-3.5, 6.2). Each message is looked at in a
 * private copy; what does not fit is ignored and counted.
 */
#include "vmbus/host.h"

#include <linux/sockios.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#define UNREAD_OFFERS_MAX  2u  /* each has descriptors of ours with it */
#define CONNECTION_ID_BASE 16u /* connection id = relid + this, as others do: 3.3 */

static void lose(struct vmbus_shared_host *host)
{
    host->gone = true;
    shutdown(host->base.socket, SHUT_RDWR); /* whoever polls the socket comes to vmbus_host_control and learns it */
}

/* A guest that does not read its messages loses the connection: nothing is queued for it here (6.1). */
void vmbus_shared_reply(struct vmbus_shared_host *host, const void *message, size_t length, const int *fds,
                        uint32_t fd_count)
{
    if (!host->gone && vmbus_record_send(host->base.socket, message, length, fds, fd_count) != 0)
        lose(host);
}

enum vmbus_event vmbus_shared_ignore(struct vmbus_shared_host *host)
{
    host->base.ignored++;
    return VMBUS_NOTHING;
}

static enum vmbus_event force_close(struct vmbus_shared_host *host)
{
    if (!host->memory)
        return VMBUS_NOTHING;
    vmbus_shared_unmap(host);
    return VMBUS_CLOSED;
}

/* A new contact starts over: 3.2. */
static enum vmbus_event on_contact(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    struct vmbus_initiate_contact message;
    memcpy(&message, record->bytes, sizeof message);
    enum vmbus_event event = force_close(host);
    vmbus_gpadl_drop_all(&host->gpadls);
    host->offered = false;
    host->contacted = message.version == VMBUS_VERSION_4_0;
    struct vmbus_version_response response = {
        .header.type = VMBUS_VERSION_RESPONSE,
        .supported = host->contacted,
    };
    vmbus_shared_reply(host, &response, sizeof response, NULL, 0);
    return event;
}

/* With the one that is to be sent. How many descriptors may be on their way is one number for all guests. */
static unsigned unread_offers(struct vmbus_shared_host *host)
{
    int unread;
    if (ioctl(host->base.socket, SIOCOUTQ, &unread) == 0 && unread == 0)
        host->offers = 0;
    return ++host->offers;
}

static void send_offer(struct vmbus_shared_host *host)
{
    struct vmbus_offer_channel offer = {
        .header.type = VMBUS_OFFERCHANNEL,
        .relid = host->offer.relid,
        .dedicated_interrupt = 1,
        .connection_id = CONNECTION_ID_BASE + host->offer.relid,
    };
    memcpy(offer.interface_id, host->offer.interface_id, sizeof offer.interface_id);
    memcpy(offer.instance_id, host->offer.instance_id, sizeof offer.instance_id);
    const int fds[] = {host->base.kick, host->wake.read_fd, host->window_fd};
    if (unread_offers(host) > UNREAD_OFFERS_MAX) {
        lose(host);
        return;
    }
    vmbus_shared_reply(host, &offer, sizeof offer, fds, 3);
}

static enum vmbus_event on_request_offers(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    (void)record;
    if (!host->contacted || host->offered)
        return vmbus_shared_ignore(host);
    host->offered = true;
    if (!host->rescinded)
        send_offer(host);
    struct vmbus_header all = {.type = VMBUS_ALLOFFERS_DELIVERED};
    vmbus_shared_reply(host, &all, sizeof all, NULL, 0);
    return VMBUS_NOTHING;
}

static void answer_gpadl(struct vmbus_shared_host *host, uint32_t handle, enum vmbus_gpadl_result result)
{
    struct vmbus_gpadl_created created = {
        .header.type = VMBUS_GPADL_CREATED,
        .relid = host->offer.relid,
        .gpadl = handle,
        .status = result == VMBUS_GPADL_COMPLETE ? VMBUS_STATUS_SUCCESS : VMBUS_STATUS_UNSUCCESSFUL,
    };
    if (result == VMBUS_GPADL_IGNORED)
        host->base.ignored++;
    else if (result != VMBUS_GPADL_MORE)
        vmbus_shared_reply(host, &created, sizeof created, NULL, 0);
}

static bool serves(const struct vmbus_shared_host *host, uint32_t relid)
{
    return host->offered && !host->released && relid == host->offer.relid;
}

static enum vmbus_event on_gpadl_header(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    struct vmbus_gpadl_header message;
    memcpy(&message, record->bytes, sizeof message);
    if (!serves(host, message.relid))
        return vmbus_shared_ignore(host);
    int fd = record->fd_count == 1 ? vmbus_record_take_fd(record, 0) : -1;
    answer_gpadl(host, message.gpadl, vmbus_gpadl_add(&host->gpadls, record->bytes, record->length, fd));
    return VMBUS_NOTHING;
}

static enum vmbus_event on_gpadl_body(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    struct vmbus_gpadl_body message;
    memcpy(&message, record->bytes, sizeof message);
    if (!host->offered)
        return vmbus_shared_ignore(host);
    answer_gpadl(host, message.gpadl, vmbus_gpadl_extend(&host->gpadls, record->bytes, record->length));
    return VMBUS_NOTHING;
}

/* Maps the buffer and finds two sound rings in it. */
static bool open_rings(struct vmbus_shared_host *host, const struct vmbus_open_channel *message)
{
    struct vmbus_gpadl *gpadl = vmbus_gpadl_find(&host->gpadls, message->gpadl);
    uint32_t split = message->downstream_page_offset;
    if (!gpadl || host->memory || message->target_vp > VMBUS_VP_MAX || split < 2 || split > gpadl->pages ||
        gpadl->pages - split < 2)
        return false;
    void *memory = vmbus_memory_map(gpadl->fd, gpadl->pages);
    if (!memory)
        return false;
    uint8_t *out = (uint8_t *)memory + (size_t)split * VMBUS_PAGE;
    if (vmbus_ring_attach(&host->in, memory, split, VMBUS_CONSUMER) ||
        vmbus_ring_attach(&host->out, out, gpadl->pages - split, VMBUS_PRODUCER)) {
        vmbus_memory_unmap(memory, gpadl->pages);
        return false;
    }
    host->memory = memory;
    host->base.in = &host->in;
    host->base.out = &host->out;
    host->pages = gpadl->pages;
    host->open_gpadl = gpadl->handle;
    return true;
}

static enum vmbus_event on_open(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    struct vmbus_open_channel message;
    memcpy(&message, record->bytes, sizeof message);
    if (!host->offered || host->rescinded)
        return vmbus_shared_ignore(host);
    bool opened = serves(host, message.relid) && open_rings(host, &message);
    struct vmbus_open_result result = {
        .header.type = VMBUS_OPENCHANNEL_RESULT,
        .relid = message.relid,
        .openid = message.openid,
        .status = opened ? VMBUS_STATUS_SUCCESS : VMBUS_STATUS_UNSUCCESSFUL,
    };
    vmbus_shared_reply(host, &result, sizeof result, NULL, 0);
    return opened ? VMBUS_OPENED : VMBUS_NOTHING;
}

static enum vmbus_event on_close(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    struct vmbus_relid_message message;
    memcpy(&message, record->bytes, sizeof message);
    if (!serves(host, message.relid) || !host->memory)
        return vmbus_shared_ignore(host);
    return force_close(host);
}

static enum vmbus_event on_teardown(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    struct vmbus_gpadl_teardown message;
    memcpy(&message, record->bytes, sizeof message);
    struct vmbus_gpadl *gpadl = vmbus_gpadl_find(&host->gpadls, message.gpadl);
    if (!serves(host, message.relid) || !gpadl)
        return vmbus_shared_ignore(host);
    enum vmbus_event event = host->open_gpadl == message.gpadl ? force_close(host) : VMBUS_NOTHING;
    vmbus_gpadl_drop(gpadl);
    struct vmbus_gpadl_torndown torndown = {.header.type = VMBUS_GPADL_TORNDOWN, .gpadl = message.gpadl};
    vmbus_shared_reply(host, &torndown, sizeof torndown, NULL, 0);
    return event;
}

static enum vmbus_event on_released(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    struct vmbus_relid_message message;
    memcpy(&message, record->bytes, sizeof message);
    if (!serves(host, message.relid) || !host->rescinded)
        return vmbus_shared_ignore(host);
    host->released = true;
    enum vmbus_event event = force_close(host);
    vmbus_gpadl_drop_all(&host->gpadls);
    return event;
}

static enum vmbus_event on_unload(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    (void)record;
    if (!host->contacted)
        return vmbus_shared_ignore(host);
    enum vmbus_event event = force_close(host);
    vmbus_gpadl_drop_all(&host->gpadls);
    struct vmbus_header response = {.type = VMBUS_UNLOAD_RESPONSE};
    vmbus_shared_reply(host, &response, sizeof response, NULL, 0);
    host->contacted = host->offered = false;
    return event;
}

/* What a guest may send, with the least it must hold. Everything else (unknown, host to guest only) is ignored. */
static const struct {
    enum vmbus_event (*handle)(struct vmbus_shared_host *host, struct vmbus_record *record);
    uint32_t least;
} handlers[] = {
    [VMBUS_INITIATE_CONTACT] = {on_contact, sizeof(struct vmbus_initiate_contact)},
    [VMBUS_REQUESTOFFERS] = {on_request_offers, sizeof(struct vmbus_header)},
    [VMBUS_GPADL_HEADER] = {on_gpadl_header, sizeof(struct vmbus_gpadl_header)},
    [VMBUS_GPADL_BODY] = {on_gpadl_body, sizeof(struct vmbus_gpadl_body) + 8},
    [VMBUS_OPENCHANNEL] = {on_open, sizeof(struct vmbus_open_channel)},
    [VMBUS_CLOSECHANNEL] = {on_close, sizeof(struct vmbus_relid_message)},
    [VMBUS_GPADL_TEARDOWN] = {on_teardown, sizeof(struct vmbus_gpadl_teardown)},
    [VMBUS_RELID_RELEASED] = {on_released, sizeof(struct vmbus_relid_message)},
    [VMBUS_UNLOAD] = {on_unload, sizeof(struct vmbus_header)},
};

enum vmbus_event vmbus_shared_dispatch(struct vmbus_shared_host *host, struct vmbus_record *record)
{
    uint32_t type = record->header.type;
    if (type >= sizeof handlers / sizeof handlers[0] || !handlers[type].handle || record->length < handlers[type].least)
        return vmbus_shared_ignore(host);
    return handlers[type].handle(host, record);
}
