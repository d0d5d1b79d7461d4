/* SPDX-License-Identifier: MIT
 *
 * What a store sets off: it acts on the value that was stored, once for each change, after the whole call has been
 * consumed (pci.md 4.1, 4.10, 6.35). A reset comes last, so that it also wipes what the same call wrote behind it.
 */
#include "pci/internal.h"
#include "trace/trace.h"

#define POWER_STATE   0x3u
#define NO_SOFT_RESET 0x8u
#define D3HOT         0x3u

void pci_slots_reset(const struct pci_map *map, uint32_t *slots)
{
    for (unsigned slot = 0; slot < map->slots; slot++) {
        uint32_t sticky = htole32(map->dword[map->slot_dword[slot]].sticky);
        if (sticky)
            __atomic_fetch_and(&slots[slot], sticky, __ATOMIC_ACQ_REL);
        else
            __atomic_store_n(&slots[slot], 0, __ATOMIC_RELEASE);
    }
}

/* D0 and D3hot are always there, D1 and D2 if bits 9 and 10 of PM Capabilities say so; writing another state is
 * completed and ignored. */
static uint32_t admit_power(const struct pci_map *map, uint32_t old, uint32_t wanted)
{
    unsigned states = 0x9 | (map->dword[map->power / 4].reset >> 16 >> 8 & 0x6);
    return states >> (wanted & POWER_STATE) & 1 ? wanted : (wanted & ~POWER_STATE) | (old & POWER_STATE);
}

uint32_t pci_admit(const struct pci_device *device, int function, uint32_t dword, uint32_t old, uint32_t wanted)
{
    const struct pci_map *map = pci_map_of(device, function);
    switch (map->dword[dword].effect) {
    case PCI_EFFECT_POWER:
        return admit_power(map, old, wanted);
    case PCI_EFFECT_SRIOV_CONTROL:
    case PCI_EFFECT_SRIOV_NUM_VFS:
    case PCI_EFFECT_SRIOV_PAGE_SIZE:
    case PCI_EFFECT_VF_BAR:
        return pci_admit_sriov(device, dword, old, wanted);
    default:
        return wanted;
    }
}

/* D3hot to D0 without No_Soft_Reset resets the function. */
static bool wakes_with_reset(const struct pci_change *change)
{
    return (change->before & POWER_STATE) == D3HOT && (change->after & POWER_STATE) == 0 &&
           !(change->after & NO_SOFT_RESET);
}

/* ---- a VF -------------------------------------------------------------------------------------------------------- */

static void reset_vf(struct pci_device *device, uint32_t vf, bool flr)
{
    struct pci_vf *state = pci_vf_at(device, vf);
    pci_slots_reset(&device->profile->vf, state->slots);
    if (!flr)
        return;
    if (device->timed)
        atomic_store_explicit(&state->ready_ns, pci_now(device) + device->options.ready_delay_ns, memory_order_release);
    atomic_fetch_add_explicit(&device->vf_resets, 1, memory_order_relaxed);
}

void pci_effects_vf(struct pci_device *device, uint32_t vf, const struct pci_changes *changes, bool locked)
{
    bool flr = false, wake = false;
    for (unsigned i = 0; i < changes->count; i++) {
        const struct pci_change *change = &changes->item[i];
        enum pci_effect effect = device->profile->vf.dword[change->dword].effect;
        flr |= effect == PCI_EFFECT_FLR && change->triggered;
        wake |= effect == PCI_EFFECT_POWER && wakes_with_reset(change);
    }
    if (!flr && !wake)
        return;
    struct pci_lock *stripe = pci_stripe_of(device, vf);
    if (!locked)
        pci_lock(stripe);
    if (vf < atomic_load_explicit(&device->existing, memory_order_acquire))
        reset_vf(device, vf, flr);
    if (!locked)
        pci_unlock(stripe);
}

/* ---- the PF ------------------------------------------------------------------------------------------------------ */

/* Everything but sticky bits; VF Enable is one of the rest, so all VFs vanish (pci.md 4.10). */
static void reset_pf(struct pci_device *device, bool flr)
{
    bool enabled = pci_sriov_present(device) && pci_pf_word(device, device->profile->pf.sriov + 0x08) & 1;
    pci_slots_reset(&device->profile->pf, device->pf_slots);
    atomic_store_explicit(&device->power, 0, memory_order_release);
    if (enabled)
        pci_sriov_switched(device, false);
    pci_publish(device);
    if (!flr)
        return;
    if (device->timed)
        atomic_store_explicit(&device->pf_ready_ns, pci_now(device) + device->options.ready_delay_ns,
                              memory_order_release);
    atomic_fetch_add_explicit(&device->pf_resets, 1, memory_order_relaxed);
}

void pci_effects_pf(struct pci_device *device, const struct pci_changes *changes)
{
    bool flr = false, wake = false;
    for (unsigned i = 0; i < changes->count; i++) {
        const struct pci_change *change = &changes->item[i];
        enum pci_effect effect = device->profile->pf.dword[change->dword].effect;
        flr |= effect == PCI_EFFECT_FLR && change->triggered;
        if (effect == PCI_EFFECT_POWER) {
            wake |= wakes_with_reset(change);
            atomic_store_explicit(&device->power, change->after & POWER_STATE, memory_order_release);
            pci_publish(device);
        }
        if (effect == PCI_EFFECT_SRIOV_CONTROL && (change->before ^ change->after) & 1)
            pci_sriov_switched(device, change->after & 1);
    }
    if (flr || wake)
        reset_pf(device, flr);
}

/* ---- the host ---------------------------------------------------------------------------------------------------- */

/* What pci_admit did not let through, by the effect of the register. */
static void report_refusals(const struct pci_device *device, int function, uint32_t refused)
{
    static const struct {
        enum pci_effect effect;
        const char *rule;
    } rules[] = {
        {PCI_EFFECT_POWER, "POWER_STATE pci.md 4.7"},
        {PCI_EFFECT_SRIOV_CONTROL, "VF_ENABLE pci.md 4.1"},
        {PCI_EFFECT_SRIOV_NUM_VFS, "NUM_VFS_WHILE_ENABLED pci.md 4.1"},
        {PCI_EFFECT_SRIOV_PAGE_SIZE, "SYSTEM_PAGE_SIZE pci.md 4.1"},
    };
    for (unsigned i = 0; i < sizeof rules / sizeof *rules; i++)
        if (refused >> rules[i].effect & 1)
            TRACE_REFUSE("pci", rules[i].rule, "function %d; %u VFs exist of %u", function,
                         atomic_load(&device->existing), device->profile->total_vfs);
}

static void report_change(struct pci_device *device, int function, const struct pci_change *change)
{
    static const enum pci_event_kind kinds[] = {
        [PCI_EFFECT_COMMAND] = PCI_EVENT_COMMAND, [PCI_EFFECT_POWER] = PCI_EVENT_POWER,
        [PCI_EFFECT_MSI] = PCI_EVENT_MSI,         [PCI_EFFECT_MSIX] = PCI_EVENT_MSIX,
        [PCI_EFFECT_FLR] = PCI_EVENT_RESET,       [PCI_EFFECT_SRIOV_CONTROL] = PCI_EVENT_VF_ENABLE,
    };
    const struct pci_register *reg = &pci_map_of(device, function)->dword[change->dword];
    uint32_t before = change->before & reg->watch, after = (change->after & reg->watch) | change->triggered;
    if (before == after)
        return; /* set and taken back inside one call */
    if (reg->effect == PCI_EFFECT_FLR)
        TRACE_NOTE("pci", "function %d has been reset (FLR)", function);
    if (reg->effect == PCI_EFFECT_SRIOV_CONTROL)
        TRACE_NOTE("pci", "%u VFs exist", atomic_load(&device->existing));
    if (!device->options.on_event || !pci_callback_enter(device))
        return;
    struct pci_event event = {.kind = kinds[reg->effect], .function = function, .before = before, .after = after};
    device->options.on_event(device->options.context, &event);
    pci_callback_leave(device);
}

void pci_effects_report(struct pci_device *device, int function, const struct pci_changes *changes)
{
    if (changes->refused)
        report_refusals(device, function, changes->refused);
    for (unsigned i = 0; i < changes->count; i++)
        report_change(device, function, &changes->item[i]);
}

/* ---- resets and power from outside ------------------------------------------------------------------------------- */

void pci_pf_reset(struct pci_device *device)
{
    pci_lock(&device->lock);
    if (!pci_device_gone(device))
        reset_pf(device, true);
    pci_unlock(&device->lock);
}

enum pci_result pci_vf_reset(struct pci_device *device, uint16_t vf)
{
    if (vf >= pci_sriov_total_vfs(device))
        return PCI_BAD_PARAMETER;
    if (pci_device_gone(device))
        return PCI_GONE;
    uint32_t existing = atomic_load_explicit(&device->existing, memory_order_acquire);
    if (!existing || atomic_load_explicit(&device->power, memory_order_acquire))
        return PCI_BAD_STATE;
    if (vf >= existing)
        return PCI_BAD_PARAMETER;
    uint16_t dword = (device->profile->vf.express + 0x08) / 4;
    struct pci_changes changes = {.count = 1, .item = {{.dword = dword, .triggered = 0x8000}}};
    pci_effects_vf(device, vf, &changes, false);
    pci_effects_report(device, vf, &changes);
    return PCI_OK;
}

void pci_device_set_power(struct pci_device *device, unsigned d_state)
{
    struct pci_changes changes = {.count = 0};
    uint8_t state = d_state & POWER_STATE;
    pci_lock(&device->lock);
    if (device->profile->pf.power)
        pci_pf_write_locked(device, device->profile->pf.power + 4, &state, 1, &changes);
    /* A PF without the capability, or without this state, obeys its slot's power all the same. */
    atomic_store_explicit(&device->power, state, memory_order_release);
    pci_publish(device);
    pci_unlock(&device->lock);
    pci_effects_report(device, PCI_FUNCTION_PF, &changes);
}
