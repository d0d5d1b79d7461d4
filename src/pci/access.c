/* SPDX-License-Identifier: MIT
 *
 * Reads and writes. A call is cut into naturally aligned pieces of 4, 2 or 1 bytes (pci.md 4.11); each piece is the law
 * of bits.h, then what state admits, then one atomic store, and when the call has been consumed its effects follow.
 *
 * A VF's call of one piece takes no lock. If its dword has only plain bits it is a single store of just these bytes, so
 * that writers of other bytes of the dword lose nothing; otherwise it compares and swaps. Calls of several pieces, and
 * FLR, exclude each other by the VF's stripe. All writes of the PF that are more than a plain store hold device->lock.
 *
 * Under strict timing a call of one piece is no exception: the check whether the VF is ready (ready.c) and the store
 * are one.
 *
 * Racing with disable: memory stays mapped, so a late store hits memory of a VF that is gone. It is wiped when VFs are
 * next enabled.
 */
#include <string.h>

#include "pci/internal.h"

struct target {
    const struct pci_device *device;
    const struct pci_map *map;
    uint32_t *slots;
    int function;
};

static bool is_single(uint32_t offset, uint32_t length)
{
    return length <= 4 && length != 3 && (offset & (length - 1)) == 0;
}

/* The largest aligned piece at `offset` that fits. */
static uint32_t piece_length(uint32_t offset, uint32_t left)
{
    return offset % 4 == 0 && left >= 4 ? 4 : offset % 2 == 0 && left >= 2 ? 2 : 1;
}

/* Bytes of a piece at their place in the dword. */
static inline uint32_t value_of(const uint8_t *bytes, uint32_t offset, uint32_t length)
{
    uint32_t value;
    if (length == 4) {
        memcpy(&value, bytes, 4);
        return le32toh(value);
    }
    value = length == 2 ? bytes[0] | (uint32_t)bytes[1] << 8 : bytes[0];
    return value << 8 * (offset % 4);
}

/* No bit of the dword needs to know what was there: every writable one takes the new value. */
static inline void store_plain(const struct pci_register *reg, uint32_t *slot, uint32_t offset, uint32_t length,
                               uint32_t value)
{
    uint32_t stored = (value ^ reg->reset) & reg->rw;
    uint32_t mine = stored >> 8 * (offset % 4);
    if (length == 4)
        __atomic_store_n(slot, htole32(stored), __ATOMIC_RELEASE);
    else if (length == 1)
        __atomic_store_n((uint8_t *)slot + offset % 4, (uint8_t)mine, __ATOMIC_RELEASE);
    else
        __atomic_store_n((uint16_t *)slot + offset % 4 / 2, htole16((uint16_t)mine), __ATOMIC_RELEASE);
}

static inline unsigned enables_of(uint32_t offset, uint32_t length)
{
    return ((1u << length) - 1) << offset % 4;
}

/* False: the write leaves the dword as it is and starts nothing, which is as good as a store of the same value. */
static inline bool pulls_or_changes(const struct pci_register *reg, const uint32_t *slot, uint32_t offset,
                                    uint32_t length, uint32_t value)
{
    const struct pci_masks masks = {reg->rw, reg->w1c, reg->trigger};
    uint32_t old = le32toh(__atomic_load_n(slot, __ATOMIC_ACQUIRE)) ^ reg->reset;
    unsigned enables = enables_of(offset, length);
    return pci_law(old, value, enables, masks) != old || pci_law_triggered(value, enables, masks);
}

/* The law with the value before. True if an effect follows. */
static bool store_exact(const struct target *target, uint32_t offset, uint32_t length, uint32_t value,
                        struct pci_change *change, uint32_t *refused)
{
    const struct pci_register *reg = &target->map->dword[offset / 4];
    const struct pci_masks masks = {reg->rw, reg->w1c, reg->trigger};
    unsigned enables = enables_of(offset, length);
    uint32_t *slot = &target->slots[reg->slot];
    uint32_t seen = __atomic_load_n(slot, __ATOMIC_ACQUIRE);
    uint32_t old, new, lawful;
    do {
        old = le32toh(seen) ^ reg->reset;
        lawful = new = pci_law(old, value, enables, masks);
        /* Nor does what state admits touch a byte that was not written. */
        if (reg->effect >= PCI_EFFECT_ADMITTED)
            new ^= (new ^ pci_admit(target->device, target->function, offset / 4, old, new)) & pci_lanes(enables);
    } while (new != old && !__atomic_compare_exchange_n(slot, &seen, htole32(new ^ reg->reset), false, __ATOMIC_ACQ_REL,
                                                        __ATOMIC_ACQUIRE));
    *refused |= (uint32_t)(new != lawful) << reg->effect;
    change->dword = offset / 4;
    change->before = old;
    change->after = new;
    change->triggered = pci_law_triggered(value, enables, masks);
    return change->triggered || (old ^ new) & reg->watch;
}

static void write_piece(const struct target *target, uint32_t offset, uint32_t length, const uint8_t *bytes,
                        struct pci_changes *changes)
{
    const struct pci_register *reg = &target->map->dword[offset / 4];
    uint32_t value = value_of(bytes, offset, length);
    if (reg->kind == PCI_PLAIN)
        store_plain(reg, &target->slots[reg->slot], offset, length, value);
    struct pci_change change;
    if (reg->kind != PCI_EXACT || !store_exact(target, offset, length, value, &change, &changes->refused))
        return;
    /* Two pieces of one call may meet in one dword; the effect sees the dword before the first and after the second. */
    struct pci_change *last = changes->count ? &changes->item[changes->count - 1] : NULL;
    if (last && last->dword == change.dword) {
        last->after = change.after;
        last->triggered |= change.triggered;
    } else {
        changes->item[changes->count++] = change;
    }
}

static void write_pieces(const struct target *target, uint32_t offset, const uint8_t *bytes, uint32_t length,
                         struct pci_changes *changes)
{
    /*@ loop invariant offset + length == \at(offset + length, Pre) && offset >= \at(offset, Pre);
        loop invariant bytes == \at(bytes, Pre) + (offset - \at(offset, Pre));
        loop assigns offset, bytes, length, *changes;
        loop variant length; */
    while (length) {
        uint32_t piece = piece_length(offset, length);
        write_piece(target, offset, piece, bytes, changes);
        offset += piece;
        bytes += piece;
        length -= piece;
    }
}

/* Bytes of a dword from `offset` on, none behind it. */
static void give_part(uint8_t *bytes, uint32_t value, uint32_t offset, uint32_t length)
{
    value = htole32(value);
    memcpy(bytes, (const uint8_t *)&value + offset % 4, length);
}

static void read_pieces(const struct pci_map *map, const uint32_t *slots, uint32_t offset, uint8_t *bytes,
                        uint32_t length)
{
    /*@ loop invariant offset + length == \at(offset + length, Pre) && offset >= \at(offset, Pre);
        loop invariant bytes == \at(bytes, Pre) + (offset - \at(offset, Pre));
        loop assigns offset, bytes, length, \at(bytes, Pre)[0 .. \at(length, Pre) - 1];
        loop variant length; */
    while (length) {
        uint32_t piece = 4 - offset % 4 < length ? 4 - offset % 4 : length;
        give_part(bytes, pci_load(map, slots, offset / 4), offset, piece);
        offset += piece;
        bytes += piece;
        length -= piece;
    }
}

/* One piece, and nothing that asks for more. Under strict timing a call that met the start of a reset must be wiped or
 * refused as a whole (pci.md 5.12 rule 7), so that even one piece takes the stripe. */
static bool needs_no_lock(const struct pci_device *device, uint32_t offset, uint32_t length)
{
    return is_single(offset, length) && !(device->timed && device->options.strict_timing);
}

/* ---- one function ---------------------------------------------------------------------------------------------- */

static struct target vf_target(struct pci_device *device, int function)
{
    return (struct target){device, &device->profile->vf, pci_vf_at(device, function)->slots, function};
}

/* Kept out of the way of stores that set nothing off. */
static __attribute__((noinline)) void write_vf_exact(struct pci_device *device, int function, uint32_t offset,
                                                     uint32_t length, uint32_t value)
{
    struct pci_changes changes;
    changes.refused = 0;
    struct target target = vf_target(device, function);
    changes.count = store_exact(&target, offset, length, value, &changes.item[0], &changes.refused);
    pci_effects_vf(device, function, &changes, false);
    pci_effects_report(device, function, &changes);
}

static __attribute__((noinline)) void write_vf_single(struct pci_device *device, int function, uint32_t offset,
                                                      const uint8_t *bytes, uint32_t length)
{
    const struct pci_register *reg = &device->profile->vf.dword[offset / 4];
    if (reg->kind == PCI_FIXED)
        return;
    uint32_t value = value_of(bytes, offset, length);
    uint32_t *slot = &pci_vf_at(device, function)->slots[reg->slot];
    if (reg->kind == PCI_PLAIN)
        store_plain(reg, slot, offset, length, value);
    else if (pulls_or_changes(reg, slot, offset, length, value))
        write_vf_exact(device, function, offset, length, value);
}

/* 0: the VF no longer answers when its stripe is ours. */
static uint32_t write_vf_pieces(struct pci_device *device, int function, uint32_t offset, const uint8_t *bytes,
                                uint32_t length)
{
    struct pci_changes changes;
    changes.count = changes.refused = 0;
    struct target target = vf_target(device, function);
    struct pci_lock *stripe = pci_stripe_of(device, function);
    pci_lock(stripe);
    bool there = pci_still_answers(device, function);
    if (there) {
        write_pieces(&target, offset, bytes, length, &changes);
        pci_effects_vf(device, function, &changes, true);
    }
    pci_unlock(stripe);
    pci_effects_report(device, function, &changes);
    return there ? length : 0;
}

void pci_pf_write_locked(struct pci_device *device, uint32_t offset, const void *buffer, uint32_t length,
                         struct pci_changes *changes)
{
    struct target target = {device, &device->profile->pf, device->pf_slots, PCI_FUNCTION_PF};
    changes->count = changes->refused = 0;
    write_pieces(&target, offset, buffer, length, changes);
    pci_effects_pf(device, changes);
}

static uint32_t write_pf(struct pci_device *device, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    if (!pci_pf_answers(device))
        return 0;
    struct pci_changes changes;
    changes.count = changes.refused = 0;
    const struct pci_register *reg = &device->profile->pf.dword[offset / 4];
    if (needs_no_lock(device, offset, length) && reg->kind != PCI_EXACT) {
        if (reg->kind == PCI_PLAIN)
            store_plain(reg, &device->pf_slots[reg->slot], offset, length, value_of(bytes, offset, length));
        return length;
    }
    pci_lock(&device->lock);
    bool there = pci_still_answers(device, PCI_FUNCTION_PF);
    if (there)
        pci_pf_write_locked(device, offset, bytes, length, &changes);
    pci_unlock(&device->lock);
    pci_effects_report(device, PCI_FUNCTION_PF, &changes);
    return there ? length : 0;
}

/* Any write; kept out of the way of the usual one. */
static __attribute__((noinline)) uint32_t write_any(struct pci_device *device, int function, uint32_t offset,
                                                    const uint8_t *bytes, uint32_t length)
{
    if (!pci_in_range(offset, length))
        return 0;
    if (function == PCI_FUNCTION_PF)
        return write_pf(device, offset, bytes, length);
    if (!pci_vf_answers(device, function))
        return 0;
    if (!needs_no_lock(device, offset, length))
        return write_vf_pieces(device, function, offset, bytes, length);
    write_vf_single(device, function, offset, bytes, length);
    return length;
}

/* An aligned access of 1, 2 or 4 bytes to a VF that answers, without a clock to look at. */
static inline bool is_usual(const struct pci_device *device, int function, uint32_t offset, uint32_t length)
{
    return is_single(offset, length) && length && offset < PCI_CONFIG_SIZE && !device->timed &&
           (uint32_t)function < atomic_load_explicit(&device->reachable, memory_order_acquire);
}

uint32_t pci_access_write(struct pci_device *device, int function, uint32_t offset, const uint8_t *bytes,
                          uint32_t length)
{
    if (__builtin_expect(!is_usual(device, function, offset, length), 0))
        return write_any(device, function, offset, bytes, length);
    const struct pci_register *reg = &device->profile->vf.dword[offset / 4];
    if (reg->kind != PCI_PLAIN) {
        write_vf_single(device, function, offset, bytes, length);
        return length;
    }
    uint32_t *slot = &pci_vf_at(device, function)->slots[reg->slot];
    if (__builtin_expect(length == 4, 1)) /* a constant here: the usual one goes straight through */
        store_plain(reg, slot, offset, 4, value_of(bytes, offset, 4));
    else
        store_plain(reg, slot, offset, length, value_of(bytes, offset, length));
    return length;
}

static uint32_t read_locked(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    bool pf = function == PCI_FUNCTION_PF;
    struct pci_lock *lock = pf ? &device->lock : pci_stripe_of(device, function);
    const uint32_t *slots = pf ? device->pf_slots : pci_vf_at(device, function)->slots;
    pci_lock(lock);
    bool there = pci_still_answers(device, function);
    if (there)
        read_pieces(pci_map_of(device, function), slots, offset, bytes, length);
    pci_unlock(lock);
    return there ? length : 0;
}

static __attribute__((noinline)) uint32_t read_any(struct pci_device *device, int function, uint32_t offset,
                                                   uint8_t *bytes, uint32_t length)
{
    if (!pci_in_range(offset, length))
        return 0;
    bool pf = function == PCI_FUNCTION_PF;
    bool answers = pf ? pci_pf_answers(device) : pci_vf_answers(device, function);
    if (!answers) {
        if (atomic_load_explicit(&device->gone, memory_order_acquire))
            memset(bytes, 0xff, length);
        return 0;
    }
    if (!needs_no_lock(device, offset, length))
        return read_locked(device, function, offset, bytes, length);
    const uint32_t *slots = pf ? device->pf_slots : pci_vf_at(device, function)->slots;
    read_pieces(pci_map_of(device, function), slots, offset, bytes, length);
    return length;
}

/* The bytes of a dword that an aligned access asks for. */
static inline void give(uint8_t *bytes, uint32_t value, uint32_t offset, uint32_t length)
{
    value = htole32(value >> 8 * (offset % 4));
    if (length == 4)
        memcpy(bytes, &value, 4);
    else if (length == 2)
        memcpy(bytes, &value, 2);
    else
        memcpy(bytes, &value, 1);
}

uint32_t pci_access_read(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    if (__builtin_expect(!is_usual(device, function, offset, length), 0))
        return read_any(device, function, offset, bytes, length);
    give(bytes, pci_load(&device->profile->vf, pci_vf_at(device, function)->slots, offset / 4), offset, length);
    return length;
}

bool pci_access_peek(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    bool pf = function == PCI_FUNCTION_PF;
    if (!length || (!pf && (uint32_t)function >= atomic_load_explicit(&device->existing, memory_order_acquire)))
        return false;
    read_pieces(pci_map_of(device, function), pf ? device->pf_slots : pci_vf_at(device, function)->slots, offset, bytes,
                length);
    return true;
}

uint32_t pci_pf_dword(const struct pci_device *device, uint32_t offset)
{
    return pci_load(&device->profile->pf, device->pf_slots, offset / 4);
}

uint16_t pci_pf_word(const struct pci_device *device, uint32_t offset)
{
    return pci_pf_dword(device, offset) >> 8 * (offset & 2);
}
