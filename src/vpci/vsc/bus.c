/* SPDX-License-Identifier: MIT
 *
 * Bringing the bus up in the order Linux does, and down again (vpci-wire.md 1.7). Every answer is checked and waited
 * for no longer than the timeout.
 */
#include "vpci/vsc/internal.h"

#include <errno.h>
#include <string.h>

/* The configuration window of each channel in the guest's address space, told apart by the relid (2.1). */
#define WINDOW_BASE 0xF8000000ull

static int errno_of(NTSTATUS status)
{
    switch (status) {
    case STATUS_SUCCESS:
        return 0;
    case STATUS_IO_TIMEOUT:
        return -ETIMEDOUT;
    case STATUS_DEVICE_NOT_CONNECTED:
        return -EPIPE;
    case STATUS_INSUFFICIENT_RESOURCES:
        return -ENOMEM;
    default:
        return -EPROTO;
    }
}

/* Sends a message whose completion is at least `least` bytes. 0 and *reply, or -errno. */
static int ask(struct vsc *vsc, const char *name, const void *message, uint32_t length, void *reply, uint32_t least,
               int timeout_ms)
{
    struct vsc_call call = {
        .name = name,
        .message = message,
        .message_length = length,
        .reply = reply,
        .capacity = least,
        .timeout_ms = timeout_ms,
    };
    int error = errno_of(vsc_call(vsc, &call));
    if (!error && call.length < least) {
        TRACE_REFUSE("vsc", "SHORT_COMPLETION vpci-wire.md 5.3", "%s: %u bytes of %u", name, call.length, least);
        error = -EPROTO;
    }
    return error;
}

/* The same where only the status counts. */
static int ask_status(struct vsc *vsc, const char *name, const void *message, uint32_t length)
{
    struct vpci_status reply = {0};
    int error = ask(vsc, name, message, length, &reply, sizeof reply, vsc->options.timeout_ms);
    return error ? error : (int32_t)reply.status < 0 ? -EPROTO : 0;
}

/* ---- up --------------------------------------------------------------------------------------------------------- */

/* From the best down; a version the host puts into its answer does not matter, the one asked for holds (1.2). */
static int negotiate(struct vsc *vsc)
{
    static const uint32_t versions[] = {VPCI_VERSION_1_4, VPCI_VERSION_1_3, VPCI_VERSION_1_2, VPCI_VERSION_1_1};
    for (unsigned i = 0; i < sizeof versions / sizeof versions[0]; i++) {
        struct vpci_query_version message = {VPCI_QUERY_PROTOCOL_VERSION, versions[i]};
        struct vpci_version_completion reply = {0};
        int error = ask(vsc, "QUERY_PROTOCOL_VERSION message", &message, sizeof message, &reply, sizeof reply,
                        vsc->options.timeout_ms);
        if (error)
            return error;
        if ((int32_t)reply.status >= 0) {
            vsc->version = versions[i];
            TRACE_NOTE("vsc", "version 1.%u", versions[i] & 0xFFFF);
            return 0;
        }
        if (reply.status != VPCI_STATUS_REVISION_MISMATCH)
            return -EPROTO;
    }
    TRACE_REFUSE("vsc", "VERSION vpci-wire.md 1.2", "the host takes none of 1.4, 1.3, 1.2, 1.1");
    return -EPROTO;
}

/* What vsc->lock guards decides; 0 = still waiting. */
static int relations_state(struct vsc *vsc)
{
    if (vsc->relations)
        return vsc->relations;
    return atomic_load(&vsc->gone) ? -EPIPE : 0;
}

static int wait_relations(struct vsc *vsc)
{
    struct timespec limit = vsc_timespec(vsc_deadline(vsc->options.timeout_ms));
    int error = 0;
    pthread_mutex_lock(&vsc->lock);
    while (!relations_state(vsc) && error != ETIMEDOUT)
        error = pthread_cond_timedwait(&vsc->changed, &vsc->lock, &limit);
    int state = relations_state(vsc);
    pthread_mutex_unlock(&vsc->lock);
    return state > 0 ? 0 : state < 0 ? state : -ETIMEDOUT;
}

static int query_relations(struct vsc *vsc)
{
    struct vpci_header message = {VPCI_QUERY_BUS_RELATIONS};
    int error = errno_of(vsc_post(vsc, &message, sizeof message));
    return error ? error : wait_relations(vsc);
}

static int query_requirements(struct vsc *vsc, struct vsc_function *function)
{
    struct vpci_slot_message message = {VPCI_QUERY_RESOURCE_REQUIREMENTS, function->description.slot};
    struct vpci_requirements_completion reply = {0};
    uint32_t probed[VPCI_BARS] = {0};
    int error = ask(vsc, "QUERY_RESOURCE_REQUIREMENTS message", &message, sizeof message, &reply, sizeof reply,
                    vsc->options.timeout_ms);
    if (error)
        return error;
    if ((int32_t)reply.status >= 0)
        memcpy(probed, reply.probed_bar, sizeof probed);
    if (vsc_bars_decode(probed, function->bar))
        return 0;
    TRACE_REFUSE("vsc", "PROBED_BARS vpci-wire.md 1.6.4", "slot %u", function->description.slot);
    return -EPROTO;
}

/* One PDO for each function the host lists now. */
static int create_functions(struct vsc *vsc)
{
    struct vpci_function entry[VPCI_SLOTS];
    pthread_mutex_lock(&vsc->lock);
    uint32_t count = vsc->snapshot_count;
    memcpy(entry, vsc->snapshot, count * sizeof entry[0]);
    pthread_mutex_unlock(&vsc->lock);
    for (uint32_t i = 0; i < count; i++) {
        struct vsc_function *function;
        int error = errno_of(vsc_function_create(vsc, &entry[i], &function));
        if (!error)
            error = query_requirements(vsc, function);
        if (error)
            return error;
    }
    return 0;
}

static void release_resources(struct vsc *vsc)
{
    for (unsigned i = vsc->function_count; i-- > 0;) {
        struct vpci_slot_message message = {VPCI_RESOURCES_RELEASED, vsc->function[i]->description.slot};
        vsc_post(vsc, &message, sizeof message);
    }
}

static void exit_d0(struct vsc *vsc)
{
    struct vpci_header message = {VPCI_BUS_D0EXIT};
    struct vpci_status reply;
    int limit = vsc->options.timeout_ms < VSC_D0EXIT_MS ? vsc->options.timeout_ms : VSC_D0EXIT_MS;
    (void)ask(vsc, "BUS_D0EXIT message", &message, sizeof message, &reply, sizeof reply, limit);
}

/* A host that still has the bus of a guest that crashed is asked once more after everything was given back (1.6.5). */
static int enter_d0(struct vsc *vsc)
{
    struct vpci_d0_entry message = {.type = VPCI_BUS_D0ENTRY, .mmio_base = vsc->mmio_base};
    int error = ask_status(vsc, "BUS_D0ENTRY message", &message, sizeof message);
    if (error != -EPROTO)
        return error;
    release_resources(vsc);
    exit_d0(vsc);
    return ask_status(vsc, "BUS_D0ENTRY message", &message, sizeof message);
}

/* As Linux: nothing but the slot; the BARs are written through the window. */
static int assign_resources(struct vsc *vsc, struct vsc_function *function)
{
    union {
        struct vpci_resources_assigned head;
        uint8_t bytes[VPCI_ASSIGNED2_LINUX];
    } message = {.bytes = {0}};
    bool second = vsc->version >= VPCI_VERSION_1_2;
    message.head.type = second ? VPCI_RESOURCES_ASSIGNED2 : VPCI_RESOURCES_ASSIGNED;
    message.head.slot = function->description.slot;
    int error = ask_status(vsc, second ? "RESOURCES_ASSIGNED2 message" : "RESOURCES_ASSIGNED message", &message,
                           second ? VPCI_ASSIGNED2_LINUX : VPCI_ASSIGNED_LINUX);
    return error ? error : vsc_bars_assign(function);
}

int vsc_bus_up(struct vsc *vsc)
{
    vsc->mmio_base = WINDOW_BASE + (uint64_t)vsc->relid * VPCI_WINDOW_SIZE;
    int error = negotiate(vsc);
    if (!error)
        error = query_relations(vsc);
    if (!error)
        error = create_functions(vsc);
    if (!error)
        error = enter_d0(vsc);
    for (unsigned i = 0; i < vsc->function_count && !error; i++)
        error = assign_resources(vsc, vsc->function[i]);
    return error;
}

/* ---- down ------------------------------------------------------------------------------------------------------- */

void vsc_bus_down(struct vsc *vsc)
{
    if (atomic_load(&vsc->gone))
        return;
    release_resources(vsc);
    exit_d0(vsc);
}
