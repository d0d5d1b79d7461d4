/* SPDX-License-Identifier: MIT
 *
 * What the files of this room share.
 *
 * capture.c   the text of lspci -> one struct pci_capture a function
 * walk.c      the capability lists of a capture
 * header.c capabilities.c extended.c   the mask tables (tables.h)
 * map.c bars.c   a capture and the tables -> struct pci_map, one for the PF, one for all its VFs
 * profile.c   both maps, checked; shared by devices
 * door.c      pci_config_read and pci_config_write, traced or not
 * access.c    what they do: the law (bits.h), then the rules of state, then the store, then the effects
 * ready.c     which function answers, and from when on
 * effects.c sriov.c   what a store sets off; what state lets be stored
 * lock.c      the lock
 * device.c routing.c describe.c names.c dump.c show.c synth.c state.c page.c   the rest of pci.h
 *
 * Locks, all spinning: device->lock (PF: every write that has rules or effects, the set of VFs), then one of
 * device->stripes (a VF's calls of more than one piece, its FLR). Never the first while holding the second; events are
 * reported with neither held. Aligned 1, 2 and 4-byte accesses of a VF hold none.
 */
#ifndef VFPLANE_PCI_INTERNAL_H
#define VFPLANE_PCI_INTERNAL_H

#include <endian.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "pci/bits.h"
#include "pci/bytes.h"
#include "pci/pci.h"
#include "pci/tables.h"

#define PCI_DWORDS      (PCI_CONFIG_SIZE / 4)
#define PCI_ROWS        (PCI_CONFIG_SIZE / 16) /* lines of hex of a whole function */
#define PCI_NO_SLOT     UINT16_MAX
#define PCI_EFFECTS_MAX 16u /* dwords with an effect in one function; map.c refuses more */
#define PCI_STRIPES     64u

/* ---- capture.c ------------------------------------------------------------------------------------------------ */

/* A cursor over a capture's text; nothing is read outside [at, end). */
struct pci_text {
    const char *name, *at, *end;
    unsigned line; /* of `at`, from 1 */
};

/* One function as lspci printed it. */
struct pci_capture {
    uint8_t space[PCI_CONFIG_SIZE + 64]; /* the last 64 are 0: what a capability says of itself can always be read */
    unsigned row_line[PCI_ROWS];         /* line of each row of hex, 0 = not there */
    unsigned rows, line;                 /* rows found; line of the address */
    uint32_t segment;
    uint16_t routing_id;
    char address[24];                  /* as printed, for messages */
    uint64_t region[PCI_BAR_COUNT];    /* "Region n: ... [size=..]" */
    uint64_t vf_region[PCI_BAR_COUNT]; /* the same inside the SR-IOV capability */
    uint64_t rom;
};

/* The dword that holds `offset`, and the word at `offset`, as lspci read them. */
static inline uint32_t pci_captured(const struct pci_capture *capture, uint32_t offset)
{
    return pci_le32(capture->space + (offset & ~3u));
}
static inline uint16_t pci_captured_word(const struct pci_capture *capture, uint32_t offset)
{
    return pci_le16(capture->space + offset);
}

/* 1: the next function; 0: no more; -EINVAL with `error`. */
int pci_capture_next(struct pci_text *text, struct pci_capture *capture, struct pci_error *error);

/* Fills `error` and returns -EINVAL. `line` 0 = the whole file. */
int pci_fail(struct pci_error *error, const char *name, unsigned line, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

/* ---- walk.c --------------------------------------------------------------------------------------------------- */

struct pci_found {
    uint32_t id; /* with PCI_EXTENDED */
    uint16_t offset;
};
#define PCI_FOUND_MAX PCI_DWORDS /* each capability starts in a dword of its own */

/* Both lists in the order they are linked; the count, or -EINVAL: a loop, a pointer out of bounds. */
int pci_walk(const char *name, const struct pci_capture *capture, struct pci_found found[PCI_FOUND_MAX],
             struct pci_error *error);
/* Offset of an extended capability, 0 if absent or the list is broken. */
uint16_t pci_find_extended(const struct pci_capture *capture, uint16_t id);

/* ---- map.c, bars.c -------------------------------------------------------------------------------------------- */

enum pci_kind {
    PCI_FIXED, /* nothing can change */
    PCI_PLAIN, /* only writable bits without effect: one store */
    PCI_EXACT, /* needs the value before: write-1-to-clear, trigger or effect */
};

struct pci_register {
    uint32_t reset;
    uint32_t rw, w1c, trigger;
    uint32_t sticky, watch;
    uint32_t boot; /* bits that a new function has set over its reset value */
    uint16_t slot; /* where a function keeps value ^ reset; PCI_NO_SLOT */
    uint8_t kind;  /* enum pci_kind */
    uint8_t effect;
}; /* 32 bytes: found by a shift */
_Static_assert(sizeof(struct pci_register) == 32, "a dword's masks are found by a shift");

/* A register with its place, for words. */
struct pci_named {
    const struct pci_rule *rule;
    const char *capability;
    uint16_t offset;
};

struct pci_map {
    struct pci_register dword[PCI_DWORDS];
    uint16_t slot_dword[PCI_DWORDS];
    unsigned slots;
    uint16_t express, power, msix, sriov, serial; /* offsets, 0 = absent */
    bool vf;
    struct pci_named *named;
    unsigned named_count;
};

int pci_map_build(struct pci_map *map, const char *name, const struct pci_capture *capture, bool vf,
                  struct pci_error *error);
/* Last step: masks are checked and slots given out. */
int pci_map_seal(struct pci_map *map, const char *name, const struct pci_capture *capture, struct pci_error *error);
/* What every access takes for granted of a sealed map, and the proofs with it (proofs/sound_map.h): a register that can
 * change has a slot there is, one that cannot has none, and what sets something off is exact. */
bool pci_map_sound(const struct pci_map *map);

/* What the header or the SR-IOV capability implements. */
struct pci_bar_shape {
    uint64_t size; /* 0 = not implemented or the upper half */
    uint32_t type; /* the low bits */
    bool is_64;
};
int pci_map_bars(struct pci_map *map, const char *name, const struct pci_capture *pf, const struct pci_capture *vf,
                 struct pci_bar_shape pf_bars[PCI_BAR_COUNT], struct pci_bar_shape vf_bars[PCI_BAR_COUNT],
                 struct pci_error *error);

struct pci_profile {
    atomic_uint references;
    struct pci_map pf, vf;
    struct pci_bar_shape pf_bars[PCI_BAR_COUNT], vf_bars[PCI_BAR_COUNT];
    uint64_t rom;
    uint16_t segment, routing_id;
    uint16_t total_vfs, initial_vfs, first_offset, stride;
    uint32_t page_sizes;
    bool migration;
};

/* ---- lock.c --------------------------------------------------------------------------------------------------- */

struct pci_lock {
    atomic_uint held;
};
void pci_lock(struct pci_lock *lock);
void pci_unlock(struct pci_lock *lock);

/* ---- device.c ------------------------------------------------------------------------------------------------- */

/* A VF's private memory: an array of these, `stride` bytes apart. */
struct pci_vf {
    _Atomic uint64_t ready_ns; /* accesses are early before this; 0 = ready */
    uint32_t slots[];
};

struct pci_stripe {
    struct pci_lock lock;
} __attribute__((aligned(64)));

struct pci_device {
    struct pci_profile *profile;
    uint8_t *vfs; /* TotalVFs x stride, zero until touched; lives as long as the device */
    size_t vf_stride, vf_bytes;
    _Atomic uint32_t reachable; /* VFs that answer now: they exist, PF in D0, not gone */
    bool timed;                 /* a readiness delay and a clock are there */
    uint32_t *pf_slots;
    atomic_uint holds;          /* the owner's and those of pci_device_hold */
    _Atomic uint32_t callbacks; /* running, times 2; bit 0: the owner has ended the device */
    struct pci_device_options options;
    _Atomic uint32_t existing; /* VFs that exist: NumVFs while VF Enable is set */
    _Atomic uint32_t power;    /* D state of the PF */
    atomic_bool gone;
    _Atomic uint64_t vfs_ready_ns; /* of the last VF Enable */
    _Atomic uint64_t pf_ready_ns;  /* of the PF's last FLR */
    _Atomic uint64_t vf_resets, pf_resets, enables, disables, early;
    struct pci_lock lock;
    struct pci_stripe stripes[PCI_STRIPES];
};

static inline struct pci_vf *pci_vf_at(const struct pci_device *device, uint32_t vf)
{
    return (struct pci_vf *)(device->vfs + (size_t)vf * device->vf_stride);
}

static inline struct pci_lock *pci_stripe_of(struct pci_device *device, uint32_t vf)
{
    return &device->stripes[vf % PCI_STRIPES].lock;
}

uint64_t pci_now(const struct pci_device *device);
/* Round a callback of the owner: false when there is no owner any more. */
bool pci_callback_enter(struct pci_device *device);
void pci_callback_leave(struct pci_device *device);

/* ---- access.c ------------------------------------------------------------------------------------------------- */

/* One dword write that an effect may follow. */
struct pci_change {
    uint16_t dword;
    uint32_t before, after, triggered;
};
struct pci_changes {
    unsigned count;
    uint32_t refused; /* 1 << effect: state did not admit what was written */
    struct pci_change item[PCI_EFFECTS_MAX];
};

static inline const struct pci_map *pci_map_of(const struct pci_device *device, int function)
{
    return function == PCI_FUNCTION_PF ? &device->profile->pf : &device->profile->vf;
}

/* The value of a dword now. Slots are little-endian in memory, as the bus sees them. */
static inline uint32_t pci_load(const struct pci_map *map, const uint32_t *slots, uint32_t dword)
{
    const struct pci_register *reg = &map->dword[dword];
    if (reg->slot == PCI_NO_SLOT)
        return reg->reset;
    return reg->reset ^ le32toh(__atomic_load_n(&slots[reg->slot], __ATOMIC_ACQUIRE));
}
static inline bool pci_in_range(uint32_t offset, uint32_t length)
{
    return length - 1 < PCI_CONFIG_SIZE && offset <= PCI_CONFIG_SIZE - length;
}
/* pci_config_read and pci_config_write without a trace. */
uint32_t pci_access_read(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length);
uint32_t pci_access_write(struct pci_device *device, int function, uint32_t offset, const uint8_t *bytes,
                          uint32_t length);
/* A look that is no access: neither counted nor refused as early. False: no such function. The range is valid or empty.
 */
bool pci_access_peek(struct pci_device *device, int function, uint32_t offset, uint8_t *bytes, uint32_t length);
uint32_t pci_pf_dword(const struct pci_device *device, uint32_t offset);
uint16_t pci_pf_word(const struct pci_device *device, uint32_t offset);
/* A write of the PF with device->lock held; its effects have been carried out, what is to be reported is in `changes`.
 */
void pci_pf_write_locked(struct pci_device *device, uint32_t offset, const void *buffer, uint32_t length,
                         struct pci_changes *changes);

/* ---- ready.c -------------------------------------------------------------------------------------------------- */

/* Whether an access that begins now is answered. One that is too early is counted and told, whatever comes of it. */
bool pci_pf_answers(struct pci_device *device);
bool pci_vf_answers(struct pci_device *device, int function);
/* Asked again with the function's lock held: while we waited it may have vanished, or a reset may have begun. Counts
 * nothing. */
bool pci_still_answers(const struct pci_device *device, int function);
/* Strict timing, and the PF's FLR is not over: nothing of it answers. */
bool pci_pf_in_reset(const struct pci_device *device);

/* ---- effects.c, sriov.c --------------------------------------------------------------------------------------- */

/* What may be stored instead of `wanted`, given what else is stored (device->lock is held if the function is the PF).
 */
uint32_t pci_admit(const struct pci_device *device, int function, uint32_t dword, uint32_t old, uint32_t wanted);
uint32_t pci_admit_sriov(const struct pci_device *device, uint32_t dword, uint32_t old, uint32_t wanted);
/* PCI_OK if NumVFs as given may be enabled. */
enum pci_result pci_sriov_check(const struct pci_device *device, uint32_t num_vfs);
/* The store happened; device->lock held. */
void pci_effects_pf(struct pci_device *device, const struct pci_changes *changes);
/* The store happened; the VF's stripe held if `locked`. */
void pci_effects_vf(struct pci_device *device, uint32_t vf, const struct pci_changes *changes, bool locked);
/* Tells the host; no lock held. */
void pci_effects_report(struct pci_device *device, int function, const struct pci_changes *changes);
/* VF Enable changed; device->lock held. */
void pci_sriov_switched(struct pci_device *device, bool enable);
/* Zeroes the memory of all VFs; device->lock held. */
void pci_vfs_wipe(struct pci_device *device);
/* Keeps all calls of several pieces and all resets out of the VFs; device->lock held. */
void pci_stripes_lock(struct pci_device *device);
void pci_stripes_unlock(struct pci_device *device);
/* Recomputes device->reachable; device->lock held. */
void pci_publish(struct pci_device *device);
/* All slots of a function back to reset values, sticky bits kept. */
void pci_slots_reset(const struct pci_map *map, uint32_t *slots);
uint64_t pci_vf_aperture(const struct pci_device *device, unsigned bar);

/* ---- page.c, dump.c -------------------------------------------------------------------------------------------- */

struct pci_page {
    char *text;
    size_t size, used; /* `used` may pass `size`: what would have been written */
};
void pci_put(struct pci_page *page, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* 256 lines of hex and an empty one. */
void pci_put_hex(struct pci_page *page, const uint8_t space[PCI_CONFIG_SIZE]);

/* ---- routing.c, names.c --------------------------------------------------------------------------------------- */

static inline uint32_t pci_rid(uint16_t pf, uint16_t first_offset, uint16_t stride, uint32_t vf)
{
    return pf + first_offset + vf * (uint32_t)stride;
}

/* Names of a register's bits from bit 0, separated by '|', an empty one for reserved bits; NULL: none known. */
const char *pci_bit_names(const char *register_name);

#endif
