/* SPDX-License-Identifier: MIT
 *
 * The receiver thread: everything that comes from the host. Unknown messages are ignored, malformed ones refused; only
 * a broken ring ends the channel (vpci-wire.md 5.3, 9.2).
 */
#include "vpci/vsc/internal.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

void vsc_poke(struct vsc *vsc)
{
    eventfd_write(vsc->poke, 1);
}

void vsc_lost(struct vsc *vsc)
{
    pthread_mutex_lock(&vsc->lock);
    atomic_store(&vsc->gone, true);
    pthread_cond_broadcast(&vsc->changed);
    unsigned count = vsc->function_count;
    pthread_mutex_unlock(&vsc->lock);
    vpci_window_abandon(&vsc->window);
    vsc_fail_requests(vsc, NULL);
    for (unsigned i = 0; i < count; i++)
        vsc_invalidate_drain(vsc->function[i], STATUS_DEVICE_NOT_CONNECTED);
}

/* ---- relations (1.6.3) ------------------------------------------------------------------------------------------ */

/* Entries of both versions begin with the same 20 bytes. */
static uint32_t entry_size(uint32_t type)
{
    return type == VPCI_BUS_RELATIONS2 ? sizeof(struct vpci_function2) : sizeof(struct vpci_function);
}

/* Copies the entries; false when they are not a set of functions with slots of their own. */
static bool parse_relations(const uint8_t *payload, uint32_t length, struct vpci_function *entry, uint32_t *count)
{
    struct vpci_relations head;
    bool seen[VPCI_SLOTS] = {false};
    if (length < sizeof head)
        return false;
    memcpy(&head, payload, sizeof head);
    uint32_t size = entry_size(head.type);
    if (head.count > VPCI_SLOTS || sizeof head + (uint64_t)head.count * size > length)
        return false;
    for (uint32_t i = 0; i < head.count; i++) {
        memcpy(&entry[i], payload + sizeof head + (size_t)i * size, sizeof entry[i]);
        if (entry[i].slot >= VPCI_SLOTS || seen[entry[i].slot])
            return false;
        seen[entry[i].slot] = true;
    }
    *count = head.count;
    return true;
}

static bool same_function(const struct vpci_function *a, const struct vpci_function *b)
{
    return a->slot == b->slot && a->vendor_id == b->vendor_id && a->device_id == b->device_id && a->serial == b->serial;
}

static bool in_snapshot(struct vsc *vsc, const struct vpci_function *function)
{
    bool found = false;
    pthread_mutex_lock(&vsc->lock);
    for (uint32_t i = 0; i < vsc->snapshot_count && !found; i++)
        found = same_function(&vsc->snapshot[i], function);
    pthread_mutex_unlock(&vsc->lock);
    return found;
}

/* A function the host does not list any more was pulled. One it lists anew on a running bus is not taken in: hot add is
 * a channel of its own (1.6.3). */
static void compare_functions(struct vsc *vsc)
{
    pthread_mutex_lock(&vsc->lock);
    unsigned count = vsc->function_count;
    pthread_mutex_unlock(&vsc->lock);
    for (unsigned i = 0; i < count; i++) {
        struct vsc_function *function = vsc->function[i];
        if (in_snapshot(vsc, &function->description) || atomic_load(&function->state) == VSC_MISSING)
            continue;
        TRACE_NOTE("vsc", "slot %u is no longer listed: surprise removal", function->description.slot);
        vsc_function_end(function, VSC_MISSING);
    }
}

static void on_relations(struct vsc *vsc, const uint8_t *payload, uint32_t length)
{
    struct vpci_function entry[VPCI_SLOTS];
    uint32_t count = 0;
    TRACE_DOOR(span, "vsc", "BUS_RELATIONS message", "%u bytes", length);
    bool good = parse_relations(payload, length, entry, &count);
    pthread_mutex_lock(&vsc->lock);
    if (good) {
        memcpy(vsc->snapshot, entry, count * sizeof entry[0]);
        vsc->snapshot_count = count;
        vsc->relations = 1;
    } else if (!vsc->relations) {
        vsc->relations = -EPROTO;
    }
    pthread_cond_broadcast(&vsc->changed);
    pthread_mutex_unlock(&vsc->lock);
    if (good)
        compare_functions(vsc);
    else
        TRACE_REFUSE("vsc", "BUS_RELATIONS vpci-wire.md 5.3", "count or slots do not fit %u bytes", length);
    TRACE_DONE(span, "%u functions", count);
}

/* ---- eject, invalidate ------------------------------------------------------------------------------------------ */

static struct vsc_function *function_in_slot(struct vsc *vsc, uint32_t slot)
{
    struct vsc_function *found = NULL;
    pthread_mutex_lock(&vsc->lock);
    for (unsigned i = 0; i < vsc->function_count && !found; i++)
        if (vsc->function[i]->description.slot == slot)
            found = vsc->function[i];
    pthread_mutex_unlock(&vsc->lock);
    return found;
}

static void on_eject(struct vsc *vsc, const uint8_t *payload, uint32_t length)
{
    struct vpci_slot_message message;
    memcpy(&message, payload, sizeof message);
    (void)length;
    TRACE_DOOR(span, "vsc", "EJECT message", "slot %u", message.slot);
    bool known = function_in_slot(vsc, message.slot) != NULL;
    pthread_mutex_lock(&vsc->lock);
    bool taken = known && vsc->eject_slot == VSC_NO_SLOT;
    if (taken) {
        vsc->eject_slot = message.slot;
        pthread_cond_broadcast(&vsc->changed);
    }
    pthread_mutex_unlock(&vsc->lock);
    if (!taken)
        TRACE_REFUSE("vsc", "EJECT vpci-wire.md 1.6.12", known ? "one is under way" : "no such slot");
    TRACE_DONE(span, taken ? "asked for" : "ignored");
}

static void on_invalidate_block(struct vsc *vsc, const uint8_t *payload, uint32_t length)
{
    struct vpci_invalidate_block message;
    memcpy(&message, payload, sizeof message);
    (void)length;
    TRACE_DOOR(span, "vsc", "INVALIDATE_BLOCK message", "slot %u mask %016llx", message.slot,
               (unsigned long long)message.block_mask);
    struct vsc_function *function = function_in_slot(vsc, message.slot);
    if (function)
        vsc_invalidate_arrived(function, message.block_mask);
    else
        TRACE_REFUSE("vsc", "UNKNOWN_SLOT vpci-wire.md 9.2", "slot %u", message.slot);
    TRACE_DONE(span, function ? "" : "ignored");
}

/* ---- packets ---------------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t type;
    uint32_t least;
    void (*handle)(struct vsc *vsc, const uint8_t *payload, uint32_t length);
} messages[] = {
    {VPCI_BUS_RELATIONS, sizeof(struct vpci_relations), on_relations},
    {VPCI_BUS_RELATIONS2, sizeof(struct vpci_relations), on_relations},
    {VPCI_EJECT, sizeof(struct vpci_slot_message), on_eject},
    {VPCI_INVALIDATE_BLOCK, sizeof(struct vpci_invalidate_block), on_invalidate_block},
};

static void on_data(struct vsc *vsc, const uint8_t *payload, uint32_t length)
{
    uint32_t type = 0;
    if (length >= sizeof type)
        memcpy(&type, payload, sizeof type);
    for (unsigned i = 0; i < sizeof messages / sizeof messages[0]; i++) {
        if (messages[i].type != type)
            continue;
        if (length >= messages[i].least)
            messages[i].handle(vsc, payload, length);
        else
            TRACE_REFUSE("vsc", "SHORT_MESSAGE vpci-wire.md 5.3", "%08x with %u bytes", type, length);
        return;
    }
    TRACE_REFUSE("vsc", "UNKNOWN_MESSAGE vpci-wire.md 9.2", "%08x, %u bytes", type, length);
}

static void on_packet(struct vsc *vsc, const struct vmbus_packet *packet, const uint8_t *payload, uint32_t length)
{
    if (packet->type == VMBUS_PACKET_COMPLETION)
        vsc_request_completed(vsc, packet->transaction_id, payload, length);
    else if (packet->type == VMBUS_PACKET_DATA)
        on_data(vsc, payload, length);
    else
        TRACE_REFUSE("vsc", "PACKET_TYPE vpci-wire.md 1.1", "type %u", packet->type);
}

/* Takes what is in the ring, of a host that never stops not all: who gives the ring back comes again. False: it is
 * corrupt. */
static bool take_some(struct vsc *vsc)
{
    uint8_t payload[VPCI_PACKET_MAX];
    struct vmbus_packet packet;
    bool signal = false;
    for (unsigned i = 0; i < VSC_BUDGET; i++) {
        bool wants_signal;
        int length = vmbus_ring_receive(vmbus_guest_in(vsc->guest), &packet, payload, sizeof payload, &wants_signal);
        signal |= wants_signal;
        if (length == -EAGAIN)
            break;
        if (length == -EPROTO)
            return false;
        if (length == -EMSGSIZE)
            TRACE_REFUSE("vsc", "LONG_PACKET vpci-wire.md 1.1", "%u bytes", packet.length);
        else
            on_packet(vsc, &packet, payload, (uint32_t)length);
    }
    if (signal)
        vmbus_guest_signal(vsc->guest);
    return true;
}

/* The same when no other thread is at the ring; then the host signals what comes later. That thread may sleep, and a
 * host that signals us all the same must not keep it asleep. */
static bool drain(struct vsc *vsc)
{
    if (!vsc_ring_take(vsc)) {
        vpci_window_ring_nudge(&vsc->window);
        return true;
    }
    bool intact = take_some(vsc);
    vsc_ring_give(vsc);
    return intact;
}

/* ---- the thread ------------------------------------------------------------------------------------------------- */

static uint64_t earliest(const LIST_ENTRY *list, uint64_t before)
{
    for (LIST_ENTRY *link = list->Flink; link != list; link = link->Flink) {
        struct vsc_request *request = CONTAINING_RECORD(link, struct vsc_request, link);
        if (!request->self_timed && !request->no_completion && request->deadline < before)
            before = request->deadline;
    }
    return before;
}

/* Milliseconds to sleep; -1 for ever. From here until disarm() a request with an earlier deadline pokes us. */
static int arm(struct vsc *vsc)
{
    pthread_mutex_lock(&vsc->lock);
    vsc->armed = earliest(&vsc->queued, earliest(&vsc->sent, UINT64_MAX));
    uint64_t until = vsc->armed;
    pthread_mutex_unlock(&vsc->lock);
    if (until == UINT64_MAX)
        return -1;
    uint64_t now = vsc_now_ns();
    uint64_t left = until > now ? (until - now) / 1000000u + 1 : 0;
    return left > INT_MAX ? INT_MAX : (int)left;
}

static void disarm(struct vsc *vsc)
{
    pthread_mutex_lock(&vsc->lock);
    vsc->armed = 0;
    pthread_mutex_unlock(&vsc->lock);
}

/* One round. False: the host is lost. */
static bool serve(struct vsc *vsc)
{
    eventfd_t count;
    if (!drain(vsc)) {
        TRACE_REFUSE("vsc", "RING_CORRUPT vpci-wire.md 6.3", "the host broke the ring; the channel ends");
        return false;
    }
    vsc_interrupts_pump(vsc);
    vsc_pump(vsc);
    vsc_expire(vsc);
    int result = vmbus_guest_sleep(vsc->guest, vsc->poke, arm(vsc));
    disarm(vsc);
    if (result == -ECANCELED)
        eventfd_read(vsc->poke, &count);
    return result != -EPIPE && !atomic_load(&vsc->broken);
}

void *vsc_receiver(void *context)
{
    struct vsc *vsc = context;
    nt_enter(vsc->partition);
    while (!atomic_load(&vsc->stopping)) {
        if (serve(vsc))
            continue;
        vsc_lost(vsc);
        break;
    }
    nt_enter(NULL);
    return NULL;
}
