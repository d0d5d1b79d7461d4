/* SPDX-License-Identifier: MIT
 *
 * The VSC's life: connecting, events, and taking it all down.
 */
#include "vpci/vsc/internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* ---- making ----------------------------------------------------------------------------------------------------- */

static void init_sync(struct vsc *vsc)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&vsc->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    pthread_mutex_init(&vsc->lock, NULL);
    pthread_mutex_init(&vsc->window_lock, NULL);
    pthread_mutex_init(&vsc->interrupt_lock, NULL);
    pthread_cond_init(&vsc->interrupt_idle, NULL);
    InitializeListHead(&vsc->queued);
    InitializeListHead(&vsc->sent);
}

static struct vsc *allocate(struct nt_partition *partition, const struct vsc_options *options)
{
    struct vsc *vsc = calloc(1, sizeof *vsc);
    if (!vsc)
        return NULL;
    vsc->partition = partition;
    vsc->options = options ? *options : (struct vsc_options){.spin = vmbus_spin_default()};
    atomic_init(&vsc->spin_limit, vsc->options.spin);
    if (!vsc->options.timeout_ms)
        vsc->options.timeout_ms = VSC_TIMEOUT_MS;
    if (!vsc->options.ring_pages)
        vsc->options.ring_pages = VSC_RING_PAGES;
    vsc->selected = vsc->eject_slot = VSC_NO_SLOT;
    vsc->poke = -1;
    init_sync(vsc);
    return vsc;
}

static int open_channel(struct vsc *vsc, int socket)
{
    static const uint8_t interface_id[16] = VPCI_INTERFACE_ID;
    int error = vmbus_guest_connect_within(socket, vsc->options.timeout_ms, &vsc->guest);
    if (error)
        return error;
    const struct vmbus_offer *offer = vmbus_guest_offer(vsc->guest);
    if (memcmp(offer->interface_id, interface_id, sizeof interface_id) != 0 ||
        vmbus_guest_window_pages(vsc->guest) < VPCI_WINDOW_PAGES)
        return -EPROTO;
    vsc->relid = offer->relid;
    vpci_window_guest_init(&vsc->window, vmbus_guest_window(vsc->guest));
    return vmbus_guest_open(vsc->guest, vsc->options.ring_pages, vsc->options.ring_pages);
}

static int start_receiver(struct vsc *vsc)
{
    vsc->poke = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (vsc->poke < 0)
        return -errno;
    int error = pthread_create(&vsc->receiver, NULL, vsc_receiver, vsc);
    vsc->receiving = !error;
    return -error;
}

static int make_driver(struct vsc *vsc)
{
    if (!NT_SUCCESS(nt_builtin_driver(vsc->partition, "vpci", &vsc->driver)))
        return -ENOMEM;
    for (unsigned i = 0; i <= IRP_MJ_MAXIMUM_FUNCTION; i++)
        vsc->driver->MajorFunction[i] = vsc_dispatch_other;
    vsc->driver->MajorFunction[IRP_MJ_PNP] = vsc_dispatch_pnp;
    vsc->driver->MajorFunction[IRP_MJ_POWER] = vsc_dispatch_power;
    vsc->driver->MajorFunction[IRP_MJ_DEVICE_CONTROL] = vsc_dispatch_control;
    vsc->driver->MajorFunction[IRP_MJ_INTERNAL_DEVICE_CONTROL] = vsc_dispatch_control;
    return 0;
}

static void stop_receiver(struct vsc *vsc)
{
    if (!vsc->receiving)
        return;
    atomic_store(&vsc->stopping, true);
    vsc_poke(vsc);
    pthread_join(vsc->receiver, NULL);
}

static void destroy(struct vsc *vsc)
{
    stop_receiver(vsc);
    if (vsc->receiving)
        vsc_lost(vsc); /* whoever still waits stops waiting */
    for (unsigned i = 0; i < vsc->function_count; i++)
        vsc_function_delete(vsc->function[i]);
    vmbus_guest_destroy(vsc->guest);
    if (vsc->driver)
        nt_driver_unload(vsc->driver);
    if (vsc->poke >= 0)
        close(vsc->poke);
    pthread_mutex_destroy(&vsc->lock);
    pthread_mutex_destroy(&vsc->window_lock);
    pthread_mutex_destroy(&vsc->interrupt_lock);
    pthread_cond_destroy(&vsc->interrupt_idle);
    pthread_cond_destroy(&vsc->changed);
    free(vsc);
}

static int connect_all(struct vsc *vsc, int socket)
{
    int error = open_channel(vsc, socket);
    if (!error)
        error = make_driver(vsc);
    if (!error)
        error = start_receiver(vsc);
    return error ? error : vsc_bus_up(vsc);
}

int vsc_connect_with(struct nt_partition *partition, int socket, const struct vsc_options *options, struct vsc **result)
{
    struct vsc *vsc = allocate(partition, options);
    if (!vsc) {
        close(socket);
        return -ENOMEM;
    }
    struct nt_partition *before = nt_enter(partition);
    TRACE_DOOR(span, "vsc", "vPCI connect", "channel %d", socket);
    int error = connect_all(vsc, socket);
    TRACE_DONE(span, "%d, %u functions", error, vsc->function_count);
    if (error)
        destroy(vsc);
    else
        *result = vsc;
    nt_enter(before);
    return error;
}

int vsc_connect(struct nt_partition *partition, int socket, struct vsc **vsc)
{
    return vsc_connect_with(partition, socket, NULL, vsc);
}

void vsc_disconnect(struct vsc *vsc)
{
    if (!vsc)
        return;
    struct nt_partition *before = nt_enter(vsc->partition);
    TRACE_DOOR(span, "vsc", "vPCI disconnect", "%u functions", vsc->function_count);
    for (unsigned i = 0; i < vsc->function_count; i++)
        vsc_function_end(vsc->function[i], VSC_REMOVED);
    vsc_bus_down(vsc);
    TRACE_DONE(span, atomic_load(&vsc->gone) ? "the host is gone" : "closed");
    destroy(vsc);
    nt_enter(before);
}

void vsc_set_spin(struct vsc *vsc, unsigned rounds)
{
    atomic_store(&vsc->spin_limit, rounds);
}

/* ---- looking ---------------------------------------------------------------------------------------------------- */

unsigned vsc_function_count(struct vsc *vsc)
{
    return vsc->function_count;
}

PDEVICE_OBJECT vsc_pdo(struct vsc *vsc, unsigned index)
{
    return index < vsc->function_count ? vsc->function[index]->pdo : NULL;
}

bool vsc_gone(struct vsc *vsc)
{
    return atomic_load(&vsc->gone);
}

int vsc_wait_event(struct vsc *vsc, int timeout_ms)
{
    struct timespec limit = vsc_timespec(vsc_deadline(timeout_ms < 0 ? 0 : timeout_ms));
    int error = 0;
    pthread_mutex_lock(&vsc->lock);
    while (!atomic_load(&vsc->gone) && vsc->eject_slot == VSC_NO_SLOT && error != ETIMEDOUT)
        error = timeout_ms < 0 ? pthread_cond_wait(&vsc->changed, &vsc->lock)
                               : pthread_cond_timedwait(&vsc->changed, &vsc->lock, &limit);
    int result = atomic_load(&vsc->gone) ? -EPIPE : vsc->eject_slot != VSC_NO_SLOT ? 0 : -ETIMEDOUT;
    pthread_mutex_unlock(&vsc->lock);
    return result;
}

void vsc_eject_complete(struct vsc *vsc)
{
    struct vpci_ejection_complete message = {.type = VPCI_EJECTION_COMPLETE};
    pthread_mutex_lock(&vsc->lock);
    message.slot = vsc->eject_slot;
    vsc->eject_slot = VSC_NO_SLOT;
    pthread_mutex_unlock(&vsc->lock);
    if (message.slot != VSC_NO_SLOT)
        vsc_post(vsc, &message, sizeof message);
}

/* ---- raw accesses ----------------------------------------------------------------------------------------------- */

static uint64_t ones(uint32_t size)
{
    return size < 4 ? (1u << size * 8) - 1 : UINT32_MAX;
}

static bool raw(struct vsc *vsc, unsigned index, bool write, uint32_t offset, uint32_t size, uint64_t *value)
{
    if (index >= vsc->function_count || (size != 1 && size != 2 && size != 4) ||
        (uint64_t)offset + size > VPCI_CONFIG_SIZE)
        return false;
    struct nt_partition *before = nt_enter(vsc->partition);
    bool done = vsc_window_raw(vsc, vsc->function[index]->description.slot, write, offset, size, value);
    nt_enter(before);
    return done;
}

uint32_t vsc_window_read(struct vsc *vsc, unsigned index, uint32_t offset, uint32_t size)
{
    uint64_t value = 0;
    return (uint32_t)(raw(vsc, index, false, offset, size, &value) ? value & ones(size) : ones(size));
}

void vsc_window_write(struct vsc *vsc, unsigned index, uint32_t offset, uint32_t size, uint32_t value)
{
    uint64_t wide = value & ones(size);
    raw(vsc, index, true, offset, size, &wide);
}
