/* SPDX-License-Identifier: MIT
 *
 * Configuration space through the window: one trapped access at a time, larger ones split (vpci-wire.md 2,
 * pci.md 4.11).
 */
#include "vpci/vsc/internal.h"

#include <stdio.h>
#include <string.h>

/* What a trace shows of an access: "4 bytes at 0x004 <- 00000006". */
struct shown {
    char text[48];
};

static struct shown show(const struct vsc *vsc, const struct vpci_window_access *access)
{
    struct shown shown;
    unsigned offset = (unsigned)(access->address - vsc->mmio_base) & (VPCI_CONFIG_SIZE - 1);
    int length = snprintf(shown.text, sizeof shown.text, "%u bytes at 0x%03x", access->size, offset);
    if (access->is_write && length > 0 && (size_t)length < sizeof shown.text)
        snprintf(shown.text + length, sizeof shown.text - (size_t)length, " <- %0*llx", (int)access->size * 2,
                 (unsigned long long)access->value);
    return shown;
}

/* One access in the window, lock held. False: the host did not answer. */
static bool access_locked(struct vsc *vsc, const char *name, struct vpci_window_access *access, uint64_t *value)
{
    TRACE_DOOR(span, "vsc", name, "%s", show(vsc, access).text);
    if (vpci_window_post(&vsc->window, access))
        vmbus_guest_signal(vsc->guest);
    TRACE_LINK_OUT(span, vpci_link_key(vsc->relid, VPCI_LINK_WINDOW, access->sequence));
    unsigned spin = atomic_load_explicit(&vsc->spin_limit, memory_order_relaxed);
    int error = vpci_window_wait(&vsc->window, spin, vsc->options.timeout_ms, value);
    if (error) {
        vsc->selected = VSC_NO_SLOT;
        TRACE_DONE(span, "no answer");
    } else if (access->is_write) {
        TRACE_DONE(span, "done");
    } else {
        TRACE_DONE(span, "%0*llx", (int)access->size * 2, (unsigned long long)*value);
    }
    return !error;
}

/* The selector is written when it has to change: whatever another channel selects is in another window. */
static bool select_locked(struct vsc *vsc, uint32_t slot)
{
    uint64_t ignored;
    struct vpci_window_access access = {
        .address = vsc->mmio_base + VPCI_WINDOW_SELECT,
        .size = sizeof slot,
        .is_write = true,
        .value = slot,
    };
    if (vsc->selected == slot)
        return true;
    if (!access_locked(vsc, "config window select", &access, &ignored))
        return false;
    vsc->selected = slot;
    return true;
}

static bool piece_locked(struct vsc *vsc, bool write, uint32_t offset, uint32_t size, uint64_t *value)
{
    struct vpci_window_access access = {
        .address = vsc->mmio_base + VPCI_WINDOW_CONFIG + offset,
        .size = size,
        .is_write = write,
        .value = write ? *value : 0,
    };
    uint64_t answer;
    if (!access_locked(vsc, write ? "config window write" : "config window read", &access, &answer))
        return false;
    if (!write)
        *value = answer;
    return true;
}

/* The largest of 4, 2, 1 that is naturally aligned at the offset and not longer than what is left. */
static uint32_t piece_size(uint32_t offset, uint32_t left)
{
    if (offset % 4 == 0 && left >= 4)
        return 4;
    return offset % 2 == 0 && left >= 2 ? 2 : 1;
}

static bool pieces_locked(struct vsc *vsc, bool write, uint32_t offset, uint8_t *buffer, uint32_t length)
{
    for (uint32_t size; length; offset += size, buffer += size, length -= size) {
        uint64_t value = 0;
        size = piece_size(offset, length);
        if (write)
            memcpy(&value, buffer, size);
        if (!piece_locked(vsc, write, offset, size, &value))
            return false;
        if (!write)
            memcpy(buffer, &value, size);
    }
    return true;
}

static bool reachable(struct vsc_function *function)
{
    return NT_SUCCESS(vsc_function_available(function, false));
}

bool vsc_config_access(struct vsc_function *function, bool write, uint32_t offset, void *buffer, uint32_t length)
{
    bool done = false;
    if (vsc_gate_enter(&function->gate)) {
        struct vsc *vsc = function->vsc;
        if (reachable(function)) {
            pthread_mutex_lock(&vsc->window_lock);
            done = select_locked(vsc, function->description.slot) && pieces_locked(vsc, write, offset, buffer, length);
            pthread_mutex_unlock(&vsc->window_lock);
        }
        vsc_gate_leave(&function->gate);
    }
    if (!done && !write)
        memset(buffer, 0xFF, length);
    return done;
}

bool vsc_window_raw(struct vsc *vsc, uint32_t slot, bool write, uint32_t offset, uint32_t size, uint64_t *value)
{
    pthread_mutex_lock(&vsc->window_lock);
    bool done = !atomic_load(&vsc->gone) && select_locked(vsc, slot) && piece_locked(vsc, write, offset, size, value);
    pthread_mutex_unlock(&vsc->window_lock);
    return done;
}
