/* SPDX-License-Identifier: MIT
 *
 * The SR-IOV capability alive (pci.md 4.1, 5.3): what may be stored in it, and what VF Enable does. The routines and a
 * write of the registers take the same way, so they cannot differ.
 */
#include <string.h>
#include <sys/mman.h>

#include "pci/internal.h"
#include "trace/trace.h"

#define CONTROL   0x08
#define NUM_VFS   0x10
#define VF_DEVICE 0x1a
#define PAGE_SIZE 0x20
#define VF_BARS   0x24
#define VF_ENABLE 0x01u
#define VF_MSE    0x08u
#define ARI       0x10u

static bool is_enabled(const struct pci_device *device)
{
    return pci_pf_word(device, device->profile->pf.sriov + CONTROL) & VF_ENABLE;
}

enum pci_result pci_sriov_check(const struct pci_device *device, uint32_t num_vfs)
{
    const struct pci_profile *profile = device->profile;
    if (num_vfs > profile->total_vfs || (num_vfs > profile->initial_vfs && !profile->migration))
        return PCI_BAD_PARAMETER;
    if (!num_vfs || !device->options.subordinate_bus)
        return PCI_OK;
    uint32_t last = pci_rid(device->options.routing_id, profile->first_offset, profile->stride, num_vfs - 1);
    return last >> 8 > device->options.subordinate_bus ? PCI_NO_BUS : PCI_OK;
}

/* ---- what may be stored ---------------------------------------------------------------------------------------- */

/* VF Enable stays 0 when the VFs cannot be; while it is 1 the hierarchy bit, which moves routing IDs, stands still. */
static uint32_t admit_control(const struct pci_device *device, uint32_t old, uint32_t wanted)
{
    uint16_t num_vfs = pci_pf_word(device, device->profile->pf.sriov + NUM_VFS);
    if (old & VF_ENABLE)
        return (wanted & ~ARI) | (old & ARI);
    bool refused = wanted & VF_ENABLE && pci_sriov_check(device, num_vfs) != PCI_OK;
    return refused ? wanted & ~VF_ENABLE : wanted;
}

/* One supported size; anything else is undefined and leaves the old one. */
static uint32_t admit_page_size(const struct pci_device *device, uint32_t old, uint32_t wanted)
{
    bool one = wanted && !(wanted & (wanted - 1));
    return !is_enabled(device) && one && wanted & device->profile->page_sizes ? wanted : old;
}

/* A page larger than the BAR's own size takes address bits away. */
static uint32_t admit_bar(const struct pci_device *device, uint32_t dword, uint32_t wanted)
{
    unsigned bar = dword - (device->profile->pf.sriov + VF_BARS) / 4;
    const struct pci_bar_shape *shapes = device->profile->vf_bars;
    bool upper = bar && shapes[bar - 1].is_64;
    uint64_t size = pci_vf_aperture(device, upper ? bar - 1 : bar);
    if (!size)
        return wanted;
    return upper ? wanted & (uint32_t)(~(size - 1) >> 32) : wanted & ((uint32_t) ~(size - 1) | shapes[bar].type);
}

uint32_t pci_admit_sriov(const struct pci_device *device, uint32_t dword, uint32_t old, uint32_t wanted)
{
    switch (device->profile->pf.dword[dword].effect) {
    case PCI_EFFECT_SRIOV_CONTROL:
        return admit_control(device, old, wanted);
    case PCI_EFFECT_SRIOV_NUM_VFS:
        return is_enabled(device) ? old : wanted;
    case PCI_EFFECT_SRIOV_PAGE_SIZE:
        return admit_page_size(device, old, wanted);
    default:
        return admit_bar(device, dword, wanted);
    }
}

/* ---- VFs come and go --------------------------------------------------------------------------------------------- */

void pci_publish(struct pci_device *device)
{
    bool silent = atomic_load(&device->gone) || atomic_load(&device->power);
    uint32_t existing = atomic_load(&device->existing);
    atomic_store_explicit(&device->reachable, silent ? 0 : existing, memory_order_release);
}

/* All VFs' memory to zero, which is their reset state. Pages that nobody touched cost nothing. */
void pci_vfs_wipe(struct pci_device *device)
{
    if (device->vf_bytes && madvise(device->vfs, device->vf_bytes, MADV_DONTNEED) != 0)
        memset(device->vfs, 0, device->vf_bytes);
}

static void create_vfs(struct pci_device *device)
{
    /* Once more: a write that raced with the last disable may have come after its wipe. */
    pci_vfs_wipe(device);
    uint64_t ready = device->timed ? pci_now(device) + device->options.ready_delay_ns : 0;
    atomic_store_explicit(&device->vfs_ready_ns, ready, memory_order_release);
    uint16_t num_vfs = pci_pf_word(device, device->profile->pf.sriov + NUM_VFS);
    atomic_store_explicit(&device->existing, num_vfs, memory_order_release);
    pci_publish(device);
    atomic_fetch_add_explicit(&device->enables, 1, memory_order_relaxed);
}

/* When this returns no call of several pieces and no FLR is still at work on a VF. */
static void destroy_vfs(struct pci_device *device)
{
    atomic_store_explicit(&device->existing, 0, memory_order_release);
    pci_publish(device);
    pci_stripes_lock(device);
    pci_vfs_wipe(device);
    pci_stripes_unlock(device);
    atomic_fetch_add_explicit(&device->disables, 1, memory_order_relaxed);
}

void pci_sriov_switched(struct pci_device *device, bool enable)
{
    if (enable)
        create_vfs(device);
    else
        destroy_vfs(device);
}

/* Writes a register as the bus would. */
static void write_word(struct pci_device *device, uint32_t offset, uint16_t value, struct pci_changes *changes)
{
    uint16_t bytes = htole16(value);
    pci_pf_write_locked(device, device->profile->pf.sriov + offset, &bytes, 2, changes);
}

/* Capability, parameters, state, resources: the order of pci.md 5.3. */
static enum pci_result may_enable(const struct pci_device *device, uint16_t num_vfs)
{
    if (!pci_sriov_present(device))
        return PCI_NO_SRIOV;
    enum pci_result fits = pci_sriov_check(device, num_vfs);
    if (num_vfs == 0 || fits == PCI_BAD_PARAMETER)
        return PCI_BAD_PARAMETER;
    if (is_enabled(device))
        return PCI_BAD_STATE;
    if (fits != PCI_OK)
        return fits;
    if (pci_device_gone(device))
        return PCI_GONE;
    return atomic_load(&device->power) || pci_pf_in_reset(device) ? PCI_BAD_STATE : PCI_OK;
}

enum pci_result pci_sriov_enable(struct pci_device *device, uint16_t num_vfs)
{
    struct pci_changes none, changes = {.count = 0};
    TRACE_DOOR(span, "pci", "SR-IOV enable", "NumVFs %u", num_vfs);
    pci_lock(&device->lock);
    enum pci_result result = may_enable(device, num_vfs);
    if (result == PCI_OK) {
        uint16_t control = pci_pf_word(device, device->profile->pf.sriov + CONTROL);
        write_word(device, NUM_VFS, num_vfs, &none); /* NumVFs sets nothing off */
        write_word(device, CONTROL, control | VF_ENABLE | VF_MSE, &changes);
    }
    pci_unlock(&device->lock);
    pci_effects_report(device, PCI_FUNCTION_PF, &changes);
    if (result != PCI_OK)
        TRACE_REFUSE("pci", "ENABLE_VIRTUALIZATION pci.md 5.3", "NumVFs %u of %u", num_vfs, device->profile->total_vfs);
    TRACE_DONE(span, "%s", result == PCI_OK ? "enabled" : "refused");
    return result;
}

static enum pci_result may_disable(const struct pci_device *device)
{
    if (!pci_sriov_present(device))
        return PCI_NO_SRIOV;
    if (!is_enabled(device))
        return PCI_BAD_STATE;
    if (pci_device_gone(device))
        return PCI_GONE;
    return atomic_load(&device->power) || pci_pf_in_reset(device) ? PCI_BAD_STATE : PCI_OK;
}

enum pci_result pci_sriov_disable(struct pci_device *device)
{
    struct pci_changes none, changes = {.count = 0};
    TRACE_DOOR(span, "pci", "SR-IOV disable", "all VFs");
    pci_lock(&device->lock);
    enum pci_result result = may_disable(device);
    if (result == PCI_OK) {
        uint16_t control = pci_pf_word(device, device->profile->pf.sriov + CONTROL);
        write_word(device, CONTROL, control & ~(VF_ENABLE | VF_MSE), &changes);
        write_word(device, NUM_VFS, 0, &none);
    }
    pci_unlock(&device->lock);
    pci_effects_report(device, PCI_FUNCTION_PF, &changes);
    if (result != PCI_OK)
        TRACE_REFUSE("pci", "ENABLE_VIRTUALIZATION pci.md 5.3", "disable");
    TRACE_DONE(span, "%s", result == PCI_OK ? "disabled" : "refused");
    return result;
}

/* ---- what it is -------------------------------------------------------------------------------------------------- */

bool pci_sriov_present(const struct pci_device *device)
{
    return device->profile->pf.sriov != 0;
}

bool pci_sriov_migration_capable(const struct pci_device *device)
{
    return device->profile->migration;
}

enum pci_result pci_vf_identity(const struct pci_device *device, uint16_t *vendor, uint16_t *device_id)
{
    if (!pci_sriov_present(device))
        return PCI_NO_SRIOV;
    *vendor = pci_pf_word(device, 0x00);
    *device_id = pci_pf_word(device, device->profile->pf.sriov + VF_DEVICE);
    return PCI_OK;
}

uint16_t pci_sriov_total_vfs(const struct pci_device *device)
{
    return device->profile->total_vfs;
}

uint16_t pci_sriov_num_vfs(const struct pci_device *device)
{
    return pci_device_gone(device) ? 0 : atomic_load_explicit(&device->existing, memory_order_acquire);
}
