/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the device with a sequence of typed operations on the PF and its VFs. What a VF answers is compared with the
 * byte-wise oracle of tests/pci/oracle.c; which VFs exist, whether they are awake and ready, with the few words of
 * state kept here. The first byte chooses the card (bit 0) and the readiness delay (bits 1-2: none, counted, strict).
 */
#include <string.h>

#include "input.h"
#include "oracle.h"

#define VFS_MAX 8u
#define DELAY   100u
#define PF      PCI_FUNCTION_PF

static const struct card_layout {
    uint32_t total, sriov, power, flr;
    uint32_t hot[12]; /* where things happen in a VF */
    uint32_t pf_hot[12];
} layouts[] = {
    {8,
     SRIOV_82576,
     0x44,
     0xa9,
     {0x04, 0x06, 0x10, 0x70, 0x72, 0x73, 0xa8, 0xa9, 0xaa, 0x104, 0x110, 0x118},
     {0x04, 0x06, 0x10, 0x44, 0x52, 0x72, 0xa8, 0xa9, 0x168, 0x170, 0x180, 0x184}},
    {4,
     SRIOV_NVME,
     0x64,
     0x89,
     {0x04, 0x06, 0x10, 0x40, 0x42, 0x43, 0x64, 0x65, 0x88, 0x89, 0x8a, 0x90},
     {0x04, 0x06, 0x10, 0x42, 0x64, 0x65, 0x88, 0x89, 0x128, 0x130, 0x140, 0x144}},
};

struct world {
    const struct card_layout *layout;
    struct pci_device *device;
    struct oracle fresh, vf[VFS_MAX];
    uint64_t now, ready[VFS_MAX], pf_ready;
    uint32_t existing, power;
    bool timed, strict, gone;
    uint8_t pf[PCI_CONFIG_SIZE]; /* what the PF read after the last operation */
};

static uint64_t clock_of(void *context)
{
    return ((const struct world *)context)->now;
}

static uint32_t pf_word(const struct world *world, uint32_t offset)
{
    return world->pf[offset] | (uint32_t)world->pf[offset + 1] << 8;
}

static bool in_range(uint32_t offset, uint32_t length)
{
    return length && (uint64_t)offset + length <= PCI_CONFIG_SIZE;
}

/* The VF answers an access now. */
static bool answers(const struct world *world, uint32_t vf)
{
    bool awake = !world->gone && world->power == 0 && vf < world->existing;
    return awake && !(world->strict && world->now < world->ready[vf]);
}

static void wait_ready(struct world *world, uint32_t vf)
{
    if (world->timed)
        world->ready[vf] = world->now + DELAY;
}

/* ---- the PF: its registers say which VFs there are --------------------------------------------------------------- */

static bool pf_in_reset(const struct world *world)
{
    return world->strict && world->now < world->pf_ready;
}

/* Also while it does not answer: nothing there may be lost. */
static void look_at_pf(struct world *world)
{
    uint64_t now = world->now;
    if (pf_in_reset(world)) {
        MUST(pci_config_read(world->device, PF, 0, world->pf, sizeof world->pf) == 0);
        world->now = world->pf_ready;
    }
    MUST(pci_config_read(world->device, PF, 0, world->pf, sizeof world->pf) == sizeof world->pf);
    world->now = now;
}

/* After something that may have changed the PF. `reset`: a function level reset was part of it. Returns whether VFs
 * came or went or the PF was reset. */
static bool follow_pf(struct world *world, bool reset)
{
    uint8_t before[PCI_CONFIG_SIZE];
    const struct card_layout *at = world->layout;
    memcpy(before, world->pf, sizeof before);
    if (world->gone)
        return true;
    if (reset && world->timed)
        world->pf_ready = world->now + DELAY;
    look_at_pf(world);
    bool was = before[at->sriov + 0x08] & 1, is = world->pf[at->sriov + 0x08] & 1;
    uint32_t num_vfs = pf_word(world, at->sriov + 0x10);
    bool woke = (before[at->power] & 3) == 3 && (world->pf[at->power] & 3) == 0;
    MUST(pf_word(world, at->sriov + 0x0e) == at->total);
    MUST(!is || num_vfs <= at->total);
    MUST(!was || !is || num_vfs == (before[at->sriov + 0x10] | (uint32_t)before[at->sriov + 0x11] << 8));
    if (reset || (before[at->power] & 3) != (world->pf[at->power] & 3))
        world->power = reset ? 0 : world->pf[at->power] & 3;
    for (uint32_t vf = 0; is && !was && vf < num_vfs; vf++) {
        world->vf[vf] = world->fresh;
        world->ready[vf] = 0;
        wait_ready(world, vf);
    }
    world->existing = is ? num_vfs : 0;
    MUST(pci_sriov_num_vfs(world->device) == world->existing);
    return reset || woke || was != is;
}

static void write_pf(struct world *world, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    uint8_t before[PCI_CONFIG_SIZE];
    bool valid = in_range(offset, length) && !world->gone && !pf_in_reset(world);
    uint32_t flr = world->layout->flr;
    bool reset = valid && flr >= offset && flr - offset < length && bytes[flr - offset] & 0x80;
    memcpy(before, world->pf, sizeof before);
    MUST(pci_config_write(world->device, PF, offset, bytes, length) == (valid ? length : 0));
    if (follow_pf(world, reset))
        return;
    for (uint32_t at = 0; at < PCI_CONFIG_SIZE; at++)
        if (!valid || at < offset || at - offset >= length)
            MUST(world->pf[at] == before[at]);
}

/* ---- a VF: the oracle says what it holds ------------------------------------------------------------------------- */

static void write_vf(struct world *world, uint32_t vf, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    bool there = answers(world, vf) && in_range(offset, length);
    MUST(pci_config_write(world->device, (int)vf, offset, bytes, length) == (there ? length : 0));
    if (!there)
        return;
    unsigned resets = world->vf[vf].resets;
    oracle_write(&world->vf[vf], offset, bytes, length);
    if (world->vf[vf].resets != resets)
        wait_ready(world, vf);
}

static void read_vf(struct world *world, uint32_t vf, uint32_t offset, uint32_t length)
{
    uint8_t seen[PCI_CONFIG_SIZE];
    memset(seen, 0x5a, sizeof seen);
    bool valid = in_range(offset, length);
    bool there = answers(world, vf) && valid;
    MUST(pci_config_read(world->device, (int)vf, offset, seen, length) == (there ? length : 0));
    for (uint32_t i = 0; valid && i < length; i++)
        MUST(seen[i] == (there ? world->vf[vf].value[offset + i] : world->gone ? 0xff : 0x5a));
}

static void reset_vf(struct world *world, uint32_t vf)
{
    bool there = !world->gone && world->power == 0 && vf < world->existing;
    uint8_t flr = 0x80;
    MUST((pci_vf_reset(world->device, (uint16_t)vf) == PCI_OK) == there);
    if (!there)
        return;
    oracle_write(&world->vf[vf], world->vf[vf].flr, &flr, 1);
    wait_ready(world, vf);
}

static void raise_status(struct world *world, uint32_t vf, uint32_t offset, uint32_t bits)
{
    bool there = !world->gone && world->power == 0 && vf < world->existing;
    there = there && offset % 4 == 0 && offset < PCI_CONFIG_SIZE;
    for (unsigned i = 0; there && i < 4; i++)
        there = !((bits >> 8 * i & 0xff) & ~(uint32_t)world->fresh.clears[offset + i]);
    MUST(pci_raise_status(world->device, (int)vf, offset, bits) == there);
    for (unsigned i = 0; there && i < 4; i++)
        world->vf[vf].value[offset + i] |= bits >> 8 * i & 0xff;
}

/* ---- the whole device -------------------------------------------------------------------------------------------- */

static struct pci_device *make_device(struct world *world, enum card card)
{
    static struct pci_profile *profiles[2];
    if (!profiles[card]) {
        struct capture_page page;
        struct pci_error error;
        page_load(&page, card);
        char *text = page_text(&page);
        MUST(pci_profile_parse("card", text, strlen(text), &profiles[card], &error) == 0);
        free(text);
    }
    const struct pci_device_options options = {.now_ns = clock_of,
                                               .context = world,
                                               .ready_delay_ns = world->timed ? DELAY : 0,
                                               .strict_timing = world->strict};
    struct pci_device *device;
    MUST(pci_device_create(profiles[card], &options, &device) == 0);
    return device;
}

/* The device goes on as another one that was made from its bytes. */
static void move(struct world *world)
{
    uint8_t saved[8192];
    size_t size = pci_device_save(world->device, saved, sizeof saved);
    MUST(size <= sizeof saved);
    struct pci_device *other = make_device(world, world->layout != &layouts[0]);
    pci_sriov_enable(other, 2);
    MUST(pci_device_restore(other, saved, size) == 0);
    pci_device_destroy(world->device);
    world->device = other;
}

static uint32_t choose_offset(struct input *input, const uint32_t hot[12])
{
    uint8_t chosen = take8(input);
    return chosen < 0xf0 ? hot[chosen % 12] - (chosen / 12 % 4 == 3) : take16(input) % 4112u;
}

static uint32_t choose_bytes(struct input *input, uint8_t bytes[256])
{
    static const uint8_t usual[] = {1, 2, 4, 3};
    uint8_t chosen = take8(input);
    uint32_t length = chosen < 0xc0 ? usual[chosen % 4] : chosen & 0x3f ? (chosen & 0x3f) * 4u : 0;
    for (uint32_t i = 0; i < length; i++)
        bytes[i] = i < 8 || chosen & 1 ? take8(input) : bytes[i % 8];
    return length;
}

static void switch_vfs(struct world *world, uint8_t count)
{
    bool enabled = world->pf[world->layout->sriov + 0x08] & 1;
    bool works = !world->gone && world->power == 0 && !pf_in_reset(world) && enabled == (count == 0) &&
                 count <= world->layout->total;
    MUST(((count ? pci_sriov_enable(world->device, count) : pci_sriov_disable(world->device)) == PCI_OK) == works);
    follow_pf(world, false);
}

static void step(struct world *world, struct input *input)
{
    uint8_t bytes[256], kind = take8(input);
    uint32_t vf = kind >> 4 & 7;
    uint32_t offset, length;
    switch (kind & 15) {
    case 0:
    case 1:
    case 2:
    case 3:
        offset = choose_offset(input, world->layout->hot);
        length = choose_bytes(input, bytes);
        write_vf(world, vf, offset, bytes, length);
        break;
    case 4:
        offset = choose_offset(input, world->layout->hot);
        read_vf(world, vf, offset, take16(input) % 4200u);
        break;
    case 5:
    case 6:
    case 7:
        offset = choose_offset(input, world->layout->pf_hot);
        length = choose_bytes(input, bytes);
        write_pf(world, offset, bytes, length);
        break;
    case 8:
        switch_vfs(world, vf);
        break;
    case 9:
        switch_vfs(world, take8(input));
        break;
    case 10:
        reset_vf(world, vf);
        break;
    case 11:
        offset = world->fresh.status[take8(input) % world->fresh.status_count];
        raise_status(world, vf, offset, take32(input));
        break;
    case 12:
        pci_device_set_power(world->device, kind >> 4);
        follow_pf(world, false);
        world->power = world->gone ? world->power : kind >> 4 & 3;
        break;
    case 13:
        world->now += take8(input);
        break;
    case 14:
        move(world);
        break;
    default:
        if (vf == 7)
            pci_device_surprise_remove(world->device);
        else if (vf & 1)
            pci_pf_reset(world->device);
        world->gone |= vf == 7;
        follow_pf(world, vf & 1);
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct oracle fresh[2];
    static struct world world;
    struct input input = {data, data + size};
    uint8_t options = take8(&input);
    enum card card = options & 1;
    if (!fresh[card].flr)
        oracle_init(&fresh[card], card);
    memset(&world, 0, offsetof(struct world, fresh));
    world.layout = &layouts[card];
    world.fresh = fresh[card];
    world.now = 1000;
    world.existing = world.power = 0;
    world.pf_ready = 0;
    world.gone = false;
    world.timed = options & 6;
    world.strict = options & 4;
    world.device = make_device(&world, card);
    pci_config_read(world.device, PF, 0, world.pf, sizeof world.pf);
    for (unsigned steps = 0; steps < 200 && input.at < input.end; steps++)
        step(&world, &input);
    for (uint32_t vf = 0; vf < VFS_MAX; vf++)
        read_vf(&world, vf, 0, PCI_CONFIG_SIZE);
    pci_device_destroy(world.device);
    return 0;
}
