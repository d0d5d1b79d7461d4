/* SPDX-License-Identifier: MIT
 *
 * Save and restore. The bytes are numbers of 4 bytes, little-endian:
 *
 *     magic, version, fingerprint of both maps, segment << 16 | routing ID, PF slots, VF slots,
 *     VFs that exist, D state, gone, ns until the VFs and until the PF are ready (two numbers each)
 *     PF slots ..., then for each existing VF: ns until it is ready (two numbers), VF slots ...
 *
 * Slots hold value ^ reset, as in memory. Restoring checks all of it before it changes anything.
 */
#include <errno.h>
#include <string.h>

#include "pci/internal.h"

#define MAGIC     0x56504656u /* "VFPV" */
#define VERSION   2u
#define HEADER    13u /* numbers */
#define VF_READY  2u  /* numbers before a VF's slots */
#define CONTROL   0x08u
#define NUM_VFS   0x10u
#define PAGE_SIZE 0x20u
#define VF_ENABLE 0x1u

enum field {
    F_MAGIC,
    F_VERSION,
    F_PRINT,
    F_ADDRESS,
    F_PF_SLOTS,
    F_VF_SLOTS,
    F_EXISTING,
    F_POWER,
    F_GONE,
    F_READY,
    F_PF_READY = F_READY + 2
};

/* FNV-1a over everything that gives a slot its meaning. */
static uint32_t fingerprint(const struct pci_profile *profile)
{
    uint32_t hash = 2166136261u;
    for (int pf = 0; pf < 2; pf++) {
        const struct pci_map *map = pf ? &profile->pf : &profile->vf;
        for (uint32_t dword = 0; dword < PCI_DWORDS; dword++) {
            const struct pci_register *reg = &map->dword[dword];
            const uint32_t parts[] = {reg->reset, reg->rw, reg->w1c, reg->trigger, reg->sticky};
            for (unsigned i = 0; i < sizeof parts / sizeof *parts; i++)
                hash = (hash ^ parts[i]) * 16777619u;
        }
    }
    return hash;
}

static uint32_t address_of(const struct pci_device *device)
{
    return (uint32_t)device->options.segment << 16 | device->options.routing_id;
}

static size_t bytes_for(const struct pci_profile *profile, uint32_t existing)
{
    return 4 * (HEADER + (size_t)profile->pf.slots + (size_t)existing * (VF_READY + profile->vf.slots));
}

/* ---- save -------------------------------------------------------------------------------------------------------- */

static uint8_t *put(uint8_t *at, uint32_t number)
{
    number = htole32(number);
    memcpy(at, &number, sizeof number);
    return at + sizeof number;
}

static uint8_t *put_left(uint8_t *at, uint64_t ready, uint64_t now)
{
    uint64_t left = ready > now ? ready - now : 0;
    return put(put(at, (uint32_t)left), left >> 32);
}

static uint8_t *put_slots(uint8_t *at, const uint32_t *slots, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        at = put(at, le32toh(__atomic_load_n(&slots[i], __ATOMIC_ACQUIRE)));
    return at;
}

static void save_all(const struct pci_device *device, uint8_t *at, uint32_t existing)
{
    const struct pci_profile *profile = device->profile;
    uint64_t now = pci_now(device);
    at = put(put(put(put(at, MAGIC), VERSION), fingerprint(profile)), address_of(device));
    at = put(put(put(at, profile->pf.slots), profile->vf.slots), existing);
    at = put(put(at, atomic_load(&device->power)), atomic_load(&device->gone));
    at = put_left(put_left(at, atomic_load(&device->vfs_ready_ns), now), atomic_load(&device->pf_ready_ns), now);
    at = put_slots(at, device->pf_slots, profile->pf.slots);
    for (uint32_t vf = 0; vf < existing; vf++) {
        const struct pci_vf *state = pci_vf_at(device, vf);
        at = put_left(at, atomic_load(&state->ready_ns), now);
        at = put_slots(at, state->slots, profile->vf.slots);
    }
}

size_t pci_device_save(struct pci_device *device, void *buffer, size_t size)
{
    pci_lock(&device->lock);
    pci_stripes_lock(device);
    uint32_t existing = atomic_load(&device->existing);
    size_t needed = bytes_for(device->profile, existing);
    if (needed <= size)
        save_all(device, buffer, existing);
    pci_stripes_unlock(device);
    pci_unlock(&device->lock);
    return needed;
}

/* ---- restore: check ---------------------------------------------------------------------------------------------- */

static uint32_t number_at(const uint8_t *bytes, size_t index)
{
    return pci_le32(bytes + 4 * index);
}

/* The value that a saved slot gives its dword. */
static uint32_t value_at(const struct pci_map *map, const uint8_t *slots, uint32_t dword)
{
    const struct pci_register *reg = &map->dword[dword];
    return reg->slot == PCI_NO_SLOT ? reg->reset : reg->reset ^ number_at(slots, reg->slot);
}

/* Only bits that can change have changed, and none to a value that a write could not have left. */
static bool slots_possible(const struct pci_device *device, int function, const uint8_t *slots)
{
    const struct pci_map *map = pci_map_of(device, function);
    for (unsigned slot = 0; slot < map->slots; slot++) {
        uint32_t dword = map->slot_dword[slot];
        const struct pci_register *reg = &map->dword[dword];
        uint32_t value = value_at(map, slots, dword);
        if (number_at(slots, slot) & ~(reg->rw | reg->w1c))
            return false;
        if (reg->effect == PCI_EFFECT_POWER && pci_admit(device, function, dword, reg->reset, value) != value)
            return false;
    }
    return true;
}

static bool sriov_possible(const struct pci_device *device, const uint8_t *slots, uint32_t existing)
{
    const struct pci_map *map = &device->profile->pf;
    if (!map->sriov)
        return existing == 0;
    uint32_t pages = value_at(map, slots, (map->sriov + PAGE_SIZE) / 4);
    uint32_t num_vfs = value_at(map, slots, (map->sriov + NUM_VFS) / 4) & 0xffff;
    bool enabled = value_at(map, slots, (map->sriov + CONTROL) / 4) & VF_ENABLE;
    bool one_page = pages && !(pages & (pages - 1)) && pages & device->profile->page_sizes;
    bool fits = !enabled || pci_sriov_check(device, num_vfs) == PCI_OK;
    return one_page && fits && existing == (enabled ? num_vfs : 0);
}

static bool header_fits(const struct pci_device *device, const uint8_t *bytes, size_t size)
{
    const struct pci_profile *profile = device->profile;
    if (size < 4 * HEADER || number_at(bytes, F_MAGIC) != MAGIC || number_at(bytes, F_VERSION) != VERSION)
        return false;
    if (number_at(bytes, F_PRINT) != fingerprint(profile) || number_at(bytes, F_ADDRESS) != address_of(device) ||
        number_at(bytes, F_PF_SLOTS) != profile->pf.slots || number_at(bytes, F_VF_SLOTS) != profile->vf.slots)
        return false;
    uint32_t existing = number_at(bytes, F_EXISTING);
    return existing <= profile->total_vfs && size == bytes_for(profile, existing) && number_at(bytes, F_POWER) <= 3 &&
           number_at(bytes, F_GONE) <= 1;
}

static bool possible(const struct pci_device *device, const uint8_t *bytes, size_t size)
{
    if (!header_fits(device, bytes, size))
        return false;
    const uint8_t *at = bytes + 4 * HEADER;
    uint32_t existing = number_at(bytes, F_EXISTING);
    if (!slots_possible(device, PCI_FUNCTION_PF, at) || !sriov_possible(device, at, existing))
        return false;
    at += 4 * (size_t)device->profile->pf.slots;
    for (uint32_t vf = 0; vf < existing; vf++) {
        if (!slots_possible(device, vf, at + 4 * VF_READY))
            return false;
        at += 4 * (VF_READY + (size_t)device->profile->vf.slots);
    }
    return true;
}

/* ---- restore: act ------------------------------------------------------------------------------------------------ */

/* When something is ready again, on this host's clock; the sum stops at the end of time. */
static uint64_t ready_from(const struct pci_device *device, const uint8_t *bytes, size_t index)
{
    uint64_t left = number_at(bytes, index) | (uint64_t)number_at(bytes, index + 1) << 32;
    uint64_t now = pci_now(device);
    if (!device->timed || !left)
        return 0;
    return left > UINT64_MAX - now ? UINT64_MAX : now + left;
}

static void load_slots(uint32_t *slots, const uint8_t *bytes, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        __atomic_store_n(&slots[i], htole32(number_at(bytes, i)), __ATOMIC_RELEASE);
}

static void load_all(struct pci_device *device, const uint8_t *bytes)
{
    const struct pci_profile *profile = device->profile;
    const uint8_t *at = bytes + 4 * HEADER;
    uint32_t existing = number_at(bytes, F_EXISTING);
    pci_vfs_wipe(device);
    load_slots(device->pf_slots, at, profile->pf.slots);
    at += 4 * (size_t)profile->pf.slots;
    for (uint32_t vf = 0; vf < existing; vf++) {
        struct pci_vf *state = pci_vf_at(device, vf);
        atomic_store(&state->ready_ns, ready_from(device, at, 0));
        load_slots(state->slots, at + 4 * VF_READY, profile->vf.slots);
        at += 4 * (VF_READY + (size_t)profile->vf.slots);
    }
    atomic_store(&device->vfs_ready_ns, ready_from(device, bytes, F_READY));
    atomic_store(&device->pf_ready_ns, ready_from(device, bytes, F_PF_READY));
    atomic_store(&device->power, number_at(bytes, F_POWER));
    atomic_store(&device->gone, number_at(bytes, F_GONE) != 0);
    atomic_store_explicit(&device->existing, existing, memory_order_release);
}

int pci_device_restore(struct pci_device *device, const void *buffer, size_t size)
{
    pci_lock(&device->lock);
    bool good = possible(device, buffer, size);
    if (good) {
        atomic_store_explicit(&device->existing, 0, memory_order_release);
        pci_publish(device);
        pci_stripes_lock(device);
        load_all(device, buffer);
        pci_publish(device);
        pci_stripes_unlock(device);
    }
    pci_unlock(&device->lock);
    return good ? 0 : -EINVAL;
}
