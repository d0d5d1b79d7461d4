/* SPDX-License-Identifier: MIT
 *
 * The device: a physical function (PF) with SR-IOV and its virtual functions (VFs), made from an lspci capture.
 *
 * A profile is parsed once and shared; it gives each of the 1,024 dwords of a function its reset value and its masks
 * (writable, write-1-to-clear, sticky over FLR, has an effect). A device holds only what can change.
 *
 * Nothing here knows of NT, NDIS or partitions. Offsets and lengths are bytes in the 4,096-byte configuration space.
 * Threads: any, at any time, but pci_device_destroy, after which only holders of a hold call. An aligned access of 1, 2
 * or 4 bytes to a VF is atomic and takes no lock; calls of several pieces to one VF exclude each other, its FLR and
 * disable (pci.md 5.12). No routine sleeps.
 */
#ifndef VFPLANE_PCI_H
#define VFPLANE_PCI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PCI_CONFIG_SIZE 4096u
#define PCI_BAR_COUNT   6u
#define PCI_FUNCTION_PF (-1) /* the `function` argument that names the PF; 0.. names a VF, zero based */

/* ---- profiles ------------------------------------------------------------------------------------------------- */

struct pci_profile;

/* What is wrong with a capture, for a person: file name, line (0 = the whole file) and one sentence. */
struct pci_error {
    unsigned line;
    char text[240];
};

/* A PF with an SR-IOV capability and one VF, as `lspci -vvvxxxx` prints them, in one text. 0, or -EINVAL (`error` says
 * what and where), -ENOENT/-EACCES/... from opening, -ENOMEM. */
int pci_profile_load(const char *path, struct pci_profile **profile, struct pci_error *error);
int pci_profile_parse(const char *name, const char *text, size_t length, struct pci_profile **profile,
                      struct pci_error *error);
/* The first whole function of a capture that has no SR-IOV capability: a card without VFs, whose SR-IOV routines all say
 * PCI_NO_SRIOV. One of which only 256 bytes are there (lspci -xxx) has no extended space: behind them it reads all ones
 * and ignores writes. Same errors. */
int pci_profile_parse_plain(const char *name, const char *text, size_t length, struct pci_profile **profile,
                            struct pci_error *error);
void pci_profile_unref(struct pci_profile *profile);

uint16_t pci_profile_total_vfs(const struct pci_profile *profile);

/* The map as a table for people, PF then VF: offset, register, reset value, each bit from the highest (0 1 read-only,
 * w writable, c write-1-to-clear, t trigger), bits that survive FLR, effect. Returns characters (snprintf rule). */
int pci_profile_show(const struct pci_profile *profile, char *text, size_t size);

/* The capture of a card that does not exist, with `total_vfs` (1..65535) VFs on consecutive routing IDs from 00:00.0
 * on, and every kind of register that a VF may have. Returns characters (snprintf rule). */
int pci_profile_synth(uint16_t total_vfs, char *text, size_t size);

/* ---- the device ------------------------------------------------------------------------------------------------ */

struct pci_device;

/* What a store set off. Reported once for each change of the stored bits, on the thread that wrote, after the store and
 * with no lock held: the callback may call anything here but pci_device_destroy. */
enum pci_event_kind {
    PCI_EVENT_COMMAND,   /* Bus Master or Memory Space changed */
    PCI_EVENT_POWER,     /* PowerState changed */
    PCI_EVENT_MSI,       /* MSI Enable changed */
    PCI_EVENT_MSIX,      /* MSI-X Enable or Function Mask changed */
    PCI_EVENT_RESET,     /* Initiate FLR was written; the function has been reset */
    PCI_EVENT_VF_ENABLE, /* VF Enable or VF MSE changed */
};

struct pci_event {
    enum pci_event_kind kind;
    int function;
    uint32_t before, after; /* the bits that count, at their place in the dword; of PCI_EVENT_RESET the trigger */
};

struct pci_device_options {
    uint16_t segment;
    uint16_t routing_id; /* of the PF: bus << 8 | device << 3 | function; as in the capture if `has_address` is false */
    bool has_address;
    uint8_t subordinate_bus; /* highest bus the PF's port forwards; 0 = as high as the VFs need */
    uint64_t (*now_ns)(
        void *context); /* the virtual clock, only read: locks may be held; NULL = readiness delays are 0 */
    void *context;
    uint32_t ready_delay_ns; /* after VF Enable, and after FLR of VF or PF; 0 = ready at once, 100000000 = what the specification grants */
    bool strict_timing; /* an access before `ready_delay_ns` fails (0 bytes) and is counted; else it is only counted */
    void (*on_event)(void *context, const struct pci_event *event); /* NULL = nobody listens; same `context` */
};

/* 0; -EINVAL: the routing IDs of TotalVFs VFs do not fit in 16 bits, or the PF itself lies behind `subordinate_bus`
 * (VFs behind it are refused when they are enabled: PCI_NO_BUS); -ENOMEM. Takes a reference on the profile. The device
 * starts as firmware leaves it: reset values, BARs and Interrupt Line as in the capture, D0, virtualization off. */
int pci_device_create(struct pci_profile *profile, const struct pci_device_options *options,
                      struct pci_device **device);
/* The owner's end of the device: its callbacks have returned and are not called any more, it is gone for everybody
 * else. The memory goes with the last hold. Not from a callback. NULL is nothing. */
void pci_device_destroy(struct pci_device *device);
/* Keeps the device's memory: who may still call when the owner has ended it needs no lock for that. */
void pci_device_hold(struct pci_device *device);
void pci_device_release(struct pci_device *device);

/* ---- configuration space --------------------------------------------------------------------------------------- */

/* Any offset and length inside 4,096 bytes; touches exactly those bytes. Returns `length`, or 0 and changes nothing:
 * zero length, any byte beyond 4,095, a VF that does not exist (VF Enable clear, or index >= NumVFs), a function not yet
 * ready under strict timing, PF not in D0 (VF only), device gone. A read of a device that is gone fills FFh and returns
 * 0. */
uint32_t pci_config_read(struct pci_device *device, int function, uint32_t offset, void *buffer, uint32_t length);
uint32_t pci_config_write(struct pci_device *device, int function, uint32_t offset, const void *buffer,
                          uint32_t length);

/* What a write changed and refused, in words: "Command 0000 -> 0004 Bus Master; I/O, Memory: not writable in a VF".
 * Compares the bytes asked for with the stored ones before and after. Returns the characters written (snprintf rule).
 */
int pci_describe_write(struct pci_device *device, int function, uint32_t offset, uint32_t length, const void *wanted,
                       const void *before, const void *after, char *text, size_t size);

/* ---- SR-IOV ---------------------------------------------------------------------------------------------------- */

enum pci_result {
    PCI_OK,
    PCI_NO_SRIOV,      /* no SR-IOV capability */
    PCI_BAD_PARAMETER, /* NumVFs out of range, VF index out of range */
    PCI_BAD_STATE,     /* already enabled / already disabled / PF not in D0, or in FLR under strict timing */
    PCI_NO_BUS,        /* the last VF's bus lies behind the port's subordinate bus */
    PCI_GONE,          /* surprise removed */
};

/* Writes NumVFs, then VF Enable and VF MSE together / clears both, then NumVFs. Rules: spec pci.md 5.3. */
enum pci_result pci_sriov_enable(struct pci_device *device, uint16_t num_vfs);
enum pci_result pci_sriov_disable(struct pci_device *device);
bool pci_sriov_present(const struct pci_device *device);
bool pci_sriov_migration_capable(const struct pci_device *device);
uint16_t pci_sriov_total_vfs(const struct pci_device *device);
uint16_t pci_sriov_num_vfs(const struct pci_device *device); /* VFs that exist now; 0 while VF Enable is clear */

/* Routing ID of a VF from the current First VF Offset and VF Stride; PCI_BAD_PARAMETER for vf >= TotalVFs. Valid before
 * virtualization is enabled. */
enum pci_result pci_vf_routing_id(const struct pci_device *device, uint32_t vf, uint16_t *routing_id);
uint16_t pci_segment(const struct pci_device *device);
uint16_t pci_routing_id(const struct pci_device *device); /* of the PF */
/* The IDs that an operating system gives every VF, whose own registers read FFFFh: the PF's Vendor ID and the VF Device
 * ID of the SR-IOV capability (pci.md 4.1). PCI_NO_SRIOV: outputs untouched. */
enum pci_result pci_vf_identity(const struct pci_device *device, uint16_t *vendor, uint16_t *device_id);
/* Buses behind the PF's port beyond the PF's own: as many as `subordinate_bus` says, or as all TotalVFs VFs need. */
uint8_t pci_captured_buses(const struct pci_device *device);

/* ---- BARs ------------------------------------------------------------------------------------------------------ */

struct pci_bar {
    uint64_t base; /* bus address; of a VF BAR: of VF 0 */
    uint64_t size; /* bytes; of a VF BAR: one VF's aperture; 0 = not implemented or upper half of a 64-bit BAR */
    bool io, is_64, prefetchable;
};

/* What each BAR of the PF / each VF BAR of the SR-IOV capability is. */
void pci_pf_bars(const struct pci_device *device, struct pci_bar bars[PCI_BAR_COUNT]);
void pci_vf_bars(const struct pci_device *device, struct pci_bar bars[PCI_BAR_COUNT]);
/* What each VF BAR reads after all ones were written: one VF's size mask with type bits. PCI_NO_SRIOV: array untouched.
 */
enum pci_result pci_vf_probed_bars(const struct pci_device *device, uint32_t probed[PCI_BAR_COUNT]);
/* MSI-X table entries of a function, 0 = no MSI-X capability. */
uint16_t pci_msix_vectors(const struct pci_device *device, int function);

/* ---- life ------------------------------------------------------------------------------------------------------ */

void pci_pf_reset(struct pci_device *device); /* function level reset of the PF: all VFs vanish */
enum pci_result pci_vf_reset(struct pci_device *device, uint16_t vf); /* same as writing Initiate FLR */
void pci_device_surprise_remove(struct pci_device *device);           /* from now on: PCI_GONE, reads all ones */
bool pci_device_gone(const struct pci_device *device);
void pci_device_set_power(struct pci_device *device, unsigned d_state); /* of the PF, 0..3 */

struct pci_counters {
    uint64_t vf_resets, pf_resets, enables, disables, early_accesses;
};
void pci_counters(const struct pci_device *device, struct pci_counters *counters);

/* The device's whole state as bytes, the same on every machine: registers of the PF and of the VFs that exist, power,
 * remaining readiness delays; not the counters. Returns the bytes needed; if that is more than `size`, `buffer` holds
 * nothing usable. Writes that other threads make meanwhile are in it or not, each call of several pieces as a whole. */
size_t pci_device_save(struct pci_device *device, void *buffer, size_t size);
/* Makes the device what it was. The device must be of an equal profile and at any state; no events are reported. 0;
 * -EINVAL and nothing has changed: not saved by this version, another card or address, cut or too long, a value that a
 * register cannot have. The bytes are not trusted. */
int pci_device_restore(struct pci_device *device, const void *buffer, size_t size);

/* What the card itself does: sets write-1-to-clear bits (Status, Device Status, AER status) of the dword at `offset`, a
 * multiple of 4. False, and nothing changes: a bit that is not one of these, a function that does not exist. */
bool pci_raise_status(struct pci_device *device, int function, uint32_t offset, uint32_t bits);

/* One function as `lspci -F` reads it: address line, Region lines with the sizes of its BARs, 256 lines of hex, an
 * empty line. A PF's dump followed by a VF's is a capture that pci_profile_parse takes. Returns characters (snprintf
 * rule); 0: no such function now. */
int pci_dump(struct pci_device *device, int function, char *text, size_t size);
/* The same with other bytes in place of the function's own: what an operating system or a guest makes of it. */
int pci_dump_view(struct pci_device *device, int function, const uint8_t space[PCI_CONFIG_SIZE], char *text,
                  size_t size);

#endif
