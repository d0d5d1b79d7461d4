/* SPDX-License-Identifier: MIT
 *
 * The guest's BARs: a VF's own read zero, so these are shadow registers with the masks that the PF's VF BARs probe to
 * (pci.md 4.4, 4.5). Memory Enable decides whether they are mapped (vpci-wire.md 2.3 rows 4 and 5, 6.5).
 */
#include "vstack/internal.h"

#define BAR_OFFSET(index) (0x10 + 4 * (index))
#define BAR_IO            0x1u
#define BAR_TYPE          0x6u
#define BAR_TYPE_64       0x4u
#define BAR_FLAGS         0xFu
#define MEMORY_ENABLE     0x2u

/* ---- what the PF says --------------------------------------------------------------------------------------- */

/* One probed value (two for 64 bits). false: not something a VF BAR can be. */
static bool learn_bar(struct vstack_vf *vf, unsigned index)
{
    uint32_t low = vf->probed[index], type = low & BAR_TYPE;
    uint64_t mask = (low & ~BAR_FLAGS) | 0xFFFFFFFF00000000ull;
    struct vstack_bar *bar = &vf->bars[index];

    bar->wide = type == BAR_TYPE_64;
    if ((low & BAR_IO) || (type && !bar->wide) || (bar->wide && index == VSTACK_BARS - 1))
        return false;
    if (bar->wide)
        mask = (low & ~BAR_FLAGS) | (uint64_t)vf->probed[index + 1] << 32;
    bar->size = ~mask + 1;
    if (!mask || (bar->size & (bar->size - 1)))
        return false;
    vstack_view_find(&vf->view, BAR_OFFSET(index))->rule.kept = (uint32_t)mask;
    vstack_view_fix(&vf->view, BAR_OFFSET(index), low & BAR_FLAGS);
    if (bar->wide)
        vstack_view_find(&vf->view, BAR_OFFSET(index + 1))->rule.kept = (uint32_t)(mask >> 32);
    return true;
}

/* Where the VF's slice is. Both ways to say "no such BAR" are right (ndis.md 4.12); then it is never mapped. */
static void locate_bar(struct vstack_vf *vf, unsigned index)
{
    CM_PARTIAL_RESOURCE_DESCRIPTOR resource = {0};
    struct vstack_bar *bar = &vf->bars[index];

    if (vf->stack->road->bar_resource(vf, (USHORT)index, &resource) != NDIS_STATUS_SUCCESS)
        return;
    if (resource.Type != CmResourceTypeMemory)
        return;
    if (resource.u.Memory.Length < bar->size) {
        TRACE_REFUSE("vstack", "BAR_RESOURCE_TOO_SHORT ndis.md 4.12", "BAR %u: %u bytes, the BAR has %llu", index,
                     resource.u.Memory.Length, (unsigned long long)bar->size);
        return;
    }
    bar->system_address = (uint64_t)resource.u.Memory.Start.QuadPart;
    bar->resource = true;
}

NDIS_STATUS vstack_bars_learn(struct vstack_vf *vf)
{
    NDIS_STATUS status = vf->stack->road->probed_bars(vf, vf->probed);

    if (status != NDIS_STATUS_SUCCESS)
        return status;
    for (unsigned i = 0; i < VSTACK_BARS; i += vf->bars[i].wide ? 2 : 1) {
        if (!vf->probed[i])
            continue;
        if (!learn_bar(vf, i)) {
            TRACE_REFUSE("vstack", "PROBED_BARS vpci-wire.md 6.5", "BAR %u cannot be %08x", i, vf->probed[i]);
            return NDIS_STATUS_INVALID_DATA;
        }
        locate_bar(vf, i);
    }
    return NDIS_STATUS_SUCCESS;
}

/* ---- mapping ------------------------------------------------------------------------------------------------ */

bool vstack_memory_enabled(struct vstack_vf *vf)
{
    return vstack_view_find(&vf->view, 0x04)->value & MEMORY_ENABLE;
}

static uint64_t guest_address(struct vstack_vf *vf, unsigned index)
{
    uint64_t address = vstack_view_find(&vf->view, BAR_OFFSET(index))->value & ~BAR_FLAGS;
    if (vf->bars[index].wide)
        address |= (uint64_t)vstack_view_find(&vf->view, BAR_OFFSET(index + 1))->value << 32;
    return address;
}

static bool overlap(uint64_t a, uint64_t a_size, uint64_t b, uint64_t b_size)
{
    return a_size && b_size && a < b + b_size && b < a + a_size;
}

/* NULL: the BAR may stand there. The address is a multiple of the size by construction of the register. */
static const char *misplaced(struct vstack_vf *vf, unsigned index, uint64_t address)
{
    const struct vstack_bar *bar = &vf->bars[index];

    if (!bar->resource)
        return "the PF names no resource for it";
    if (!address)
        return "it was never placed";
    if (address >= VSTACK_ADDRESS_END || bar->size > VSTACK_ADDRESS_END - address)
        return "beyond what can be addressed";
    if (overlap(address, bar->size, vf->reserved_base, vf->reserved_size))
        return "over the configuration window";
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        if (i != index && vf->bars[i].mapped &&
            overlap(address, bar->size, vf->bars[i].guest_address, vf->bars[i].size))
            return "over another BAR";
    }
    return NULL;
}

static void map_one(struct vstack_vf *vf, unsigned index)
{
    struct vstack_bar *bar = &vf->bars[index];
    uint64_t address;
    const char *reason;

    pthread_mutex_lock(&vf->lock);
    address = guest_address(vf, index);
    reason = misplaced(vf, index, address);
    if (!reason) {
        bar->guest_address = address;
        bar->mapped = true;
    }
    pthread_mutex_unlock(&vf->lock);
    if (reason) {
        TRACE_REFUSE("vstack", "BAR_MISPLACED vpci-wire.md 6.5", "BAR %u at %llx stays unmapped: %s", index,
                     (unsigned long long)address, reason);
        return;
    }
    TRACE_NOTE("vstack", "Memory Enable 0 -> 1: BAR %u mapped at %llx, %llu bytes", index, (unsigned long long)address,
               (unsigned long long)bar->size);
    vstack_traps_bar(vf, index, true);
}

/* Memory Enable was just set / cleared by the one thread that may (vstack.h), so what is mapped changes only here. */
void vstack_bars_map(struct vstack_vf *vf)
{
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        if (vf->bars[i].size)
            map_one(vf, i);
    }
}

void vstack_bars_unmap(struct vstack_vf *vf)
{
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        bool was;
        pthread_mutex_lock(&vf->lock);
        was = vf->bars[i].mapped;
        vf->bars[i].mapped = false;
        pthread_mutex_unlock(&vf->lock);
        if (!was)
            continue;
        TRACE_NOTE("vstack", "Memory Enable 1 -> 0: BAR %u unmapped from %llx", i,
                   (unsigned long long)vf->bars[i].guest_address);
        vstack_traps_bar(vf, i, false);
    }
}

/* ---- by message instead of by configuration write ----------------------------------------------------------- */

/* True when Memory Enable was the other way. */
static bool set_memory_enable(struct vstack_vf *vf, bool on)
{
    struct vstack_register *command;
    bool changed;

    pthread_mutex_lock(&vf->lock);
    command = vstack_view_find(&vf->view, 0x04);
    changed = !(command->value & MEMORY_ENABLE) == on;
    command->value = on ? command->value | MEMORY_ENABLE : command->value & ~MEMORY_ENABLE;
    pthread_mutex_unlock(&vf->lock);
    return changed;
}

void vstack_enable_memory(struct vstack_vf *vf)
{
    if (set_memory_enable(vf, true))
        vstack_bars_map(vf);
}

void vstack_release_bars(struct vstack_vf *vf)
{
    if (set_memory_enable(vf, false))
        vstack_bars_unmap(vf);
}

void vstack_guest_reset(struct vstack_vf *vf)
{
    vstack_release_bars(vf);
    pthread_mutex_lock(&vf->lock);
    vstack_view_reset(&vf->view);
    pthread_mutex_unlock(&vf->lock);
}

bool vstack_reserve(struct vstack_vf *vf, ULONG64 base, ULONG64 size)
{
    bool free = true;

    pthread_mutex_lock(&vf->lock);
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        if (vf->bars[i].mapped && overlap(base, size, vf->bars[i].guest_address, vf->bars[i].size))
            free = false;
    }
    if (free) {
        vf->reserved_base = base;
        vf->reserved_size = size;
    }
    pthread_mutex_unlock(&vf->lock);
    return free;
}

NTSTATUS vstack_assign_bars(struct vstack_vf *vf, const ULONG bars[6])
{
    NTSTATUS status;

    pthread_mutex_lock(&vf->lock);
    status = vstack_usable(vf);
    if (status == STATUS_SUCCESS && vstack_memory_enabled(vf))
        status = STATUS_INVALID_DEVICE_STATE;
    for (unsigned i = 0; status == STATUS_SUCCESS && i < VSTACK_BARS; i++) {
        struct vstack_register *bar = vstack_view_find(&vf->view, BAR_OFFSET(i));
        bar->value = (bars[i] & bar->rule.kept) | bar->reset;
    }
    pthread_mutex_unlock(&vf->lock);
    return status;
}

void vstack_current_bars(struct vstack_vf *vf, ULONG bars[6])
{
    pthread_mutex_lock(&vf->lock);
    for (unsigned i = 0; i < VSTACK_BARS; i++)
        bars[i] = vstack_view_find(&vf->view, BAR_OFFSET(i))->value;
    pthread_mutex_unlock(&vf->lock);
}
