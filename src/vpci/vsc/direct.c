/* SPDX-License-Identifier: MIT
 *
 * Waiting at the ring: a thread that waits for a completion takes it from the ring itself, without the receiver thread
 * in between. It takes only what threads like it are owed; anything else that comes next (a message of the host, the
 * completion of an IRP) is the receiver's, which is then woken.
 *
 * The ring has one taker at a time. A taker masks the ring's interrupt; before it lets go it unmasks and looks again,
 * or leaves that to the receiver. So with nobody at the ring the host signals the receiver and nothing is left lying.
 */
#include "vpci/vsc/internal.h"

#include <errno.h>

/* ---- the taker -------------------------------------------------------------------------------------------------- */

static bool take(struct vsc *vsc)
{
    int nobody = VSC_RING_FREE;
    if (atomic_load_explicit(&vsc->ring_taker, memory_order_relaxed) != VSC_RING_FREE ||
        !atomic_compare_exchange_strong(&vsc->ring_taker, &nobody, VSC_RING_TAKEN))
        return false;
    vmbus_ring_mask(vmbus_guest_in(vsc->guest), true);
    return true;
}

bool vsc_ring_take(struct vsc *vsc)
{
    int now = VSC_RING_FREE;
    while (!take(vsc)) {
        now = VSC_RING_TAKEN;
        if (atomic_compare_exchange_strong(&vsc->ring_taker, &now, VSC_RING_WANTED) || now == VSC_RING_WANTED)
            return false;
    }
    return true;
}

void vsc_ring_give(struct vsc *vsc)
{
    bool more = vmbus_ring_mask(vmbus_guest_in(vsc->guest), false);
    bool wanted = atomic_exchange(&vsc->ring_taker, VSC_RING_FREE) == VSC_RING_WANTED;
    if (more || wanted)
        vsc_poke(vsc);
}

/* ---- what is owed ----------------------------------------------------------------------------------------------- */

/* One completion; *queued: other requests wait for its place. False: it is not what it was a moment ago, and dropped.
 */
static bool receive_one(struct vsc *vsc, const struct vmbus_packet *seen, bool *queued)
{
    uint8_t payload[VPCI_PACKET_MAX];
    struct vmbus_packet packet;
    bool signal;
    int length = vmbus_ring_receive(vmbus_guest_in(vsc->guest), &packet, payload, sizeof payload, &signal);
    if (signal)
        vmbus_guest_signal(vsc->guest);
    if (length < 0 || packet.type != seen->type || packet.transaction_id != seen->transaction_id) {
        TRACE_REFUSE("vsc", "RING_CHANGED vpci-wire.md 6.3", "the host changed a packet it had sent");
        return false;
    }
    *queued = vsc_request_completed(vsc, packet.transaction_id, payload, (uint32_t)length);
    return true;
}

/* Takes completions that threads wait for. False: what comes next is the receiver's. */
static bool receive_owed(struct vsc *vsc)
{
    struct vmbus_packet packet;
    bool queued = false;
    for (;;) {
        int error = vmbus_ring_peek(vmbus_guest_in(vsc->guest), &packet);
        if (error == -EAGAIN)
            break;
        if (error || packet.type != VMBUS_PACKET_COMPLETION || packet.length > VPCI_PACKET_MAX ||
            !vsc_request_awaited(vsc, packet.transaction_id) || !receive_one(vsc, &packet, &queued))
            return false;
    }
    if (queued)
        vsc_pump(vsc); /* the host has room for another request */
    return true;
}

/* ---- waiting ---------------------------------------------------------------------------------------------------- */

/* A ring that another thread is at may be free later; one whose next packet was the receiver's is not come back to. */
enum vsc_at_ring vsc_ring_approach(struct vsc *vsc)
{
    return take(vsc) ? VSC_AT_RING : VSC_NOT_YET;
}

void vsc_ring_leave(struct vsc *vsc, enum vsc_at_ring at)
{
    if (at == VSC_AT_RING)
        vsc_ring_give(vsc);
}

static void look(struct vsc *vsc, enum vsc_at_ring *at)
{
    if (*at == VSC_NOT_YET)
        *at = vsc_ring_approach(vsc);
    if (*at != VSC_AT_RING || !vmbus_ring_has_data(vmbus_guest_in(vsc->guest)))
        return;
    vmbus_ring_warm_receive(vmbus_guest_in(vsc->guest));
    vmbus_ring_warm_room(vmbus_guest_out(vsc->guest));
    if (receive_owed(vsc))
        return;
    *at = VSC_HANDED_OVER;
    vsc_ring_give(vsc);
}

bool vsc_spin_at_ring(struct vsc *vsc, enum vsc_at_ring *at, bool (*done)(void *), void *context)
{
    unsigned rounds = vmbus_spin_rounds(&vsc->spin, atomic_load_explicit(&vsc->spin_limit, memory_order_relaxed));
    bool met = done(context);
    for (unsigned round = 0; round < rounds && !met; round++) {
        look(vsc, at);
        met = done(context);
        if (!met)
            vmbus_pause();
    }
    vmbus_spin_ended(&vsc->spin, met);
    return met;
}

/* At the ring, until done, the deadline, the end of the channel, or a packet that is the receiver's. */
static void sleep_here(struct vsc *vsc, enum vsc_at_ring *at, bool (*done)(void *), void *context, uint64_t deadline)
{
    struct vmbus_ring *in = vmbus_guest_in(vsc->guest);
    for (int error = 0; !error && *at == VSC_AT_RING && !done(context);) {
        uint32_t word = vpci_window_ring_begin(&vsc->window);
        if (!vmbus_ring_mask(in, false))
            error = vpci_window_ring_sleep(&vsc->window, word, deadline);
        vpci_window_ring_end(&vsc->window);
        vmbus_ring_mask(in, true);
        vsc_pump(vsc); /* room for what is queued may be what woke us */
        look(vsc, at);
    }
}

bool vsc_wait_at_ring(struct vsc *vsc, enum vsc_at_ring at, bool (*done)(void *context), void *context,
                      uint64_t deadline)
{
    look(vsc, &at);
    if (at == VSC_AT_RING)
        sleep_here(vsc, &at, done, context, deadline);
    vsc_ring_leave(vsc, at);
    return done(context);
}
