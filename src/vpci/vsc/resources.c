/* SPDX-License-Identifier: MIT
 *
 * Memory and messages of a function: decoding the probed BARs, placing them, and listing them for the PnP manager
 * (vpci-wire.md 1.6.4, 1.7 rows 7-9).
 *
 * A guest's address space is its own to lay out. Each channel has a slice of two apertures, told apart by its relid, so
 * that several of them in one guest do not overlap.
 */
#include "vpci/vsc/internal.h"

#include <errno.h>

#define HIGH_BASE   0x1000000000ull /* 64-bit BARs; a slice a relid */
#define HIGH_SLICE  0x100000000ull
#define LOW_BASE    0xFA000000ull /* 32-bit BARs; slices are shared modulo LOW_SLICES */
#define LOW_SLICE   0x400000ull
#define LOW_SLICES  16u
#define LEAST_BAR   0x1000ull   /* smaller ones take a page: vpci-wire.md 1.9 row 8 */
#define TAG_VSC     0x63737656u /* "Vvsc" */
#define COMMAND     0x04u
#define COMMAND_MEM 0x0002u
#define STATUS      0x06u
#define STATUS_LIST 0x0010u
#define CAP_POINTER 0x34u
#define CAP_MSI     0x05u
#define CAP_MSIX    0x11u
#define BAR_OFFSET  0x10u
#define CAPS_MAX    48u /* capabilities that fit into 192 bytes */

/* ---- BARs ------------------------------------------------------------------------------------------------------- */

/* Size of a mask of ones above zeroes within `width` bits, 0 when it is none. */
static uint64_t size_of(uint64_t mask, uint64_t width)
{
    uint64_t size = (~mask & width) + 1;
    return mask && (size & (size - 1)) == 0 && (mask | (size - 1)) == width ? size : 0;
}

/* One BAR at register i; false: impossible. */
static bool decode_one(const uint32_t probed[VPCI_BARS], unsigned i, struct vsc_bar *bar)
{
    uint32_t flags = probed[i] & 0xF;
    bar->wide = (flags & 6) == 4;
    if ((flags & 1) || ((flags & 6) != 0 && !bar->wide) || (bar->wide && i + 1 == VPCI_BARS))
        return false;
    uint64_t high = bar->wide ? (uint64_t)probed[i + 1] << 32 : 0;
    bar->flags = flags;
    bar->size = size_of(high | (probed[i] & ~0xFu), bar->wide ? UINT64_MAX : UINT32_MAX);
    return bar->size != 0;
}

bool vsc_bars_decode(const uint32_t probed[VPCI_BARS], struct vsc_bar bar[VPCI_BARS])
{
    for (unsigned i = 0; i < VPCI_BARS; i++) {
        bar[i] = (struct vsc_bar){0};
        if (!probed[i])
            continue;
        if (!decode_one(probed, i, &bar[i]))
            return false;
        if (bar[i].wide)
            bar[++i] = (struct vsc_bar){0};
    }
    return true;
}

/* The largest BAR of that width without an address, or NULL. */
static struct vsc_bar *next_bar(struct vsc_function *function, bool wide)
{
    struct vsc_bar *best = NULL;
    for (unsigned i = 0; i < VPCI_BARS; i++) {
        struct vsc_bar *bar = &function->bar[i];
        if (bar->size && !bar->address && bar->wide == wide && (!best || bar->size > best->size))
            best = bar;
    }
    return best;
}

static int write_bar(struct vsc_function *function, const struct vsc_bar *bar)
{
    unsigned index = (unsigned)(bar - function->bar);
    uint64_t value = bar->address;
    return vsc_config_access(function, true, BAR_OFFSET + 4 * index, &value, bar->wide ? 8 : 4) ? 0 : -EPIPE;
}

/* Largest first, so that each is aligned to its size. What does not fit into the slice stays without an address. */
static int place(struct vsc_function *function, bool wide, uint64_t base, uint64_t slice)
{
    uint64_t at = base;
    for (struct vsc_bar *bar = next_bar(function, wide); bar; bar = next_bar(function, wide)) {
        uint64_t size = bar->size > LEAST_BAR ? bar->size : LEAST_BAR;
        if (size > base + slice - at) {
            TRACE_REFUSE("vsc", "BAR_TOO_LARGE vpci-wire.md 1.7", "no room for %llu bytes", (unsigned long long)size);
            bar->size = 0;
            continue;
        }
        bar->address = at;
        at += size;
        int error = write_bar(function, bar);
        if (error)
            return error;
    }
    return 0;
}

int vsc_bars_assign(struct vsc_function *function)
{
    uint64_t relid = function->vsc->relid;
    if (!vsc_memory_decode(function, false))
        return -EPIPE;
    int error = place(function, true, HIGH_BASE + relid * HIGH_SLICE, HIGH_SLICE);
    return error ? error : place(function, false, LOW_BASE + relid % LOW_SLICES * LOW_SLICE, LOW_SLICE);
}

bool vsc_memory_decode(struct vsc_function *function, bool on)
{
    uint16_t command;
    if (!vsc_config_access(function, false, COMMAND, &command, sizeof command))
        return false;
    uint16_t wanted = (uint16_t)(on ? command | COMMAND_MEM : command & ~COMMAND_MEM);
    return wanted == command || vsc_config_access(function, true, COMMAND, &wanted, sizeof wanted);
}

/* ---- messages --------------------------------------------------------------------------------------------------- */

static uint32_t read_config(struct vsc_function *function, uint32_t offset, uint32_t size)
{
    uint32_t value = 0;
    vsc_config_access(function, false, offset, &value, size);
    return value;
}

/* Offset of a capability, 0: none. */
static uint32_t find_capability(struct vsc_function *function, uint8_t id)
{
    if (!(read_config(function, STATUS, 2) & STATUS_LIST))
        return 0;
    uint32_t at = read_config(function, CAP_POINTER, 1) & 0xFC;
    for (unsigned step = 0; step < CAPS_MAX && at >= 0x40; step++) {
        uint32_t head = read_config(function, at, 2);
        if ((head & 0xFF) == id)
            return at;
        at = head >> 8 & 0xFC;
    }
    return 0;
}

/* Interrupt messages the function can send. */
static uint32_t message_count(struct vsc_function *function)
{
    uint32_t count = 0, at = find_capability(function, CAP_MSIX);
    if (at) {
        count = (read_config(function, at + 2, 2) & 0x7FF) + 1;
    } else if ((at = find_capability(function, CAP_MSI)) != 0) {
        count = 1u << (read_config(function, at + 2, 2) >> 1 & 7);
    }
    return count < VPCI_INTERRUPTS_MAX ? count : VPCI_INTERRUPTS_MAX;
}

/* ---- the list --------------------------------------------------------------------------------------------------- */

static void put_memory(CM_PARTIAL_RESOURCE_DESCRIPTOR *descriptor, const struct vsc_bar *bar)
{
    bool large = bar->size > UINT32_MAX;
    descriptor->Type = large ? CmResourceTypeMemoryLarge : CmResourceTypeMemory;
    descriptor->ShareDisposition = CmResourceShareDeviceExclusive;
    descriptor->Flags = CM_RESOURCE_MEMORY_BAR | (bar->flags & 8 ? CM_RESOURCE_MEMORY_PREFETCHABLE : 0) |
                        (large ? CM_RESOURCE_MEMORY_LARGE_40 : 0);
    descriptor->u.Memory.Start.QuadPart = (LONGLONG)bar->address;
    descriptor->u.Memory.Length = (ULONG)(large ? bar->size >> 8 : bar->size);
}

static void put_message(CM_PARTIAL_RESOURCE_DESCRIPTOR *descriptor)
{
    descriptor->Type = CmResourceTypeInterrupt;
    descriptor->ShareDisposition = CmResourceShareDeviceExclusive;
    descriptor->Flags = CM_RESOURCE_INTERRUPT_MESSAGE | CM_RESOURCE_INTERRUPT_LATCHED;
    descriptor->u.MessageInterrupt.Raw.MessageCount = 1;
    descriptor->u.MessageInterrupt.Raw.Vector = CM_RESOURCE_INTERRUPT_MESSAGE_TOKEN;
    descriptor->u.MessageInterrupt.Raw.Affinity = ~(KAFFINITY)0;
}

PCM_RESOURCE_LIST vsc_resource_list(struct vsc_function *function)
{
    uint32_t messages = message_count(function), bars = 0;
    for (unsigned i = 0; i < VPCI_BARS; i++)
        bars += function->bar[i].address != 0;
    size_t size = offsetof(CM_RESOURCE_LIST, List[0].PartialResourceList.PartialDescriptors) +
                  (bars + messages + 1) * sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR);
    PCM_RESOURCE_LIST list = ExAllocatePoolWithTag(PagedPool, size, TAG_VSC);
    if (!list)
        return NULL;
    RtlZeroMemory(list, size);
    list->Count = 1;
    list->List[0].InterfaceType = PCIBus;
    PCM_PARTIAL_RESOURCE_LIST partial = &list->List[0].PartialResourceList;
    partial->Version = partial->Revision = 1;
    for (unsigned i = 0; i < VPCI_BARS; i++)
        if (function->bar[i].address)
            put_memory(&partial->PartialDescriptors[partial->Count++], &function->bar[i]);
    while (messages--)
        put_message(&partial->PartialDescriptors[partial->Count++]);
    return list;
}
