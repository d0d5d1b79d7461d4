/* SPDX-License-Identifier: MIT
 *
 * A device comes, lives and goes. The VFs' memory is one mapping that nobody has touched: enabling 65,535 VFs costs as
 * much as enabling one.
 */
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>

#include "pci/internal.h"

void pci_stripes_lock(struct pci_device *device)
{
    for (unsigned i = 0; i < PCI_STRIPES; i++)
        pci_lock(&device->stripes[i].lock);
}

void pci_stripes_unlock(struct pci_device *device)
{
    for (unsigned i = PCI_STRIPES; i-- > 0;)
        pci_unlock(&device->stripes[i].lock);
}

#define ENDED   1u
#define RUNNING 2u
#define NEVER   (UINT64_MAX / 2) /* a time at which everything is ready */

bool pci_callback_enter(struct pci_device *device)
{
    if (!(atomic_fetch_add(&device->callbacks, RUNNING) & ENDED))
        return true;
    atomic_fetch_sub(&device->callbacks, RUNNING);
    return false;
}

void pci_callback_leave(struct pci_device *device)
{
    atomic_fetch_sub(&device->callbacks, RUNNING);
}

uint64_t pci_now(const struct pci_device *device)
{
    struct pci_device *called = (struct pci_device *)device; /* to count who is inside is no change of the device */
    if (!device->timed)
        return 0;
    if (!pci_callback_enter(called))
        return NEVER;
    uint64_t now = device->options.now_ns(device->options.context);
    pci_callback_leave(called);
    return now;
}

/* All VFs must have routing IDs of 16 bits, behind the PF's. */
static bool fits_in_routing_ids(const struct pci_profile *profile, const struct pci_device_options *options)
{
    if (options->subordinate_bus && options->subordinate_bus < options->routing_id >> 8)
        return false;
    if (profile->total_vfs == 0)
        return true;
    return pci_rid(options->routing_id, profile->first_offset, profile->stride, profile->total_vfs - 1u) <= 0xffff;
}

/* Register values of a device that firmware has just seen. */
static void boot(struct pci_device *device)
{
    const struct pci_map *map = &device->profile->pf;
    for (unsigned slot = 0; slot < map->slots; slot++) {
        const struct pci_register *reg = &map->dword[map->slot_dword[slot]];
        device->pf_slots[slot] = htole32(reg->boot & ~reg->reset);
    }
}

static bool allocate(struct pci_device *device)
{
    const struct pci_profile *profile = device->profile;
    size_t line = 64;
    device->vf_stride = (sizeof(struct pci_vf) + profile->vf.slots * sizeof(uint32_t) + line - 1) / line * line;
    device->vf_bytes = device->vf_stride * profile->total_vfs;
    device->pf_slots = calloc(profile->pf.slots, sizeof *device->pf_slots);
    if (!device->pf_slots)
        return false;
    if (device->vf_bytes == 0)
        return true;
    void *memory =
        mmap(NULL, device->vf_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    device->vfs = memory == MAP_FAILED ? NULL : memory;
    return device->vfs != NULL;
}

int pci_device_create(struct pci_profile *profile, const struct pci_device_options *options, struct pci_device **device)
{
    struct pci_device_options chosen = *options;
    if (!chosen.has_address) {
        chosen.segment = profile->segment;
        chosen.routing_id = profile->routing_id;
    }
    if (!fits_in_routing_ids(profile, &chosen))
        return -EINVAL;
    struct pci_device *made = aligned_alloc(_Alignof(struct pci_device), sizeof *made);
    if (!made)
        return -ENOMEM;
    memset(made, 0, sizeof *made);
    atomic_init(&made->holds, 1);
    made->profile = profile;
    made->options = chosen;
    made->timed = chosen.now_ns && chosen.ready_delay_ns;
    atomic_fetch_add_explicit(&profile->references, 1, memory_order_relaxed);
    if (!allocate(made)) {
        pci_device_destroy(made);
        return -ENOMEM;
    }
    boot(made);
    *device = made;
    return 0;
}

void pci_device_hold(struct pci_device *device)
{
    atomic_fetch_add_explicit(&device->holds, 1, memory_order_relaxed);
}

void pci_device_destroy(struct pci_device *device)
{
    if (!device)
        return;
    atomic_fetch_or(&device->callbacks, ENDED);
    while (atomic_load(&device->callbacks) != ENDED)
        sched_yield();
    pci_device_surprise_remove(device);
    pci_device_release(device);
}

void pci_device_release(struct pci_device *device)
{
    if (atomic_fetch_sub_explicit(&device->holds, 1, memory_order_acq_rel) != 1)
        return;
    if (device->vfs)
        munmap(device->vfs, device->vf_bytes);
    free(device->pf_slots);
    pci_profile_unref(device->profile);
    free(device);
}

void pci_device_surprise_remove(struct pci_device *device)
{
    pci_lock(&device->lock);
    atomic_store_explicit(&device->gone, true, memory_order_release);
    pci_publish(device);
    pci_unlock(&device->lock);
}

bool pci_device_gone(const struct pci_device *device)
{
    return atomic_load_explicit(&device->gone, memory_order_acquire);
}

bool pci_raise_status(struct pci_device *device, int function, uint32_t offset, uint32_t bits)
{
    bool pf = function == PCI_FUNCTION_PF;
    bool there = pf ? !pci_device_gone(device) : (uint32_t)function < atomic_load(&device->reachable);
    if (!there || offset % 4 || offset >= PCI_CONFIG_SIZE)
        return false;
    const struct pci_register *reg = &pci_map_of(device, function)->dword[offset / 4];
    if (bits & ~reg->w1c)
        return false;
    if (bits)
        __atomic_fetch_or(&(pf ? device->pf_slots : pci_vf_at(device, function)->slots)[reg->slot], htole32(bits),
                          __ATOMIC_ACQ_REL);
    return true;
}

uint16_t pci_msix_vectors(const struct pci_device *device, int function)
{
    const struct pci_map *map = pci_map_of(device, function);
    return map->msix ? (map->dword[map->msix / 4].reset >> 16 & 0x7ff) + 1 : 0;
}

void pci_counters(const struct pci_device *device, struct pci_counters *counters)
{
    *counters = (struct pci_counters){
        .vf_resets = atomic_load_explicit(&device->vf_resets, memory_order_relaxed),
        .pf_resets = atomic_load_explicit(&device->pf_resets, memory_order_relaxed),
        .enables = atomic_load_explicit(&device->enables, memory_order_relaxed),
        .disables = atomic_load_explicit(&device->disables, memory_order_relaxed),
        .early_accesses = atomic_load_explicit(&device->early, memory_order_relaxed),
    };
}
