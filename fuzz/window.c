/* SPDX-License-Identifier: MIT
 *
 * Fuzzes the configuration window's host end: the accesses of a guest in D0, well-formed and not, against the policy of
 * its VF. Every register that the policy names, and the dword that was written, are read after each write.
 *
 *   read    the bytes of a dword are the same whether they are read at once, as words or one by one; all ones where
 *           nothing is
 *   write   changes no byte outside the access and in it no bit that the policy does not give the guest, unless it
 * reset the function; what is not an access of 1, 2 or 4 bytes inside one dword of the page changes nothing
 */
#include "vsp_rig.h"

#include <string.h>

#define STEPS 48u
#define ROWS  256u
#define PAGE  (WINDOW + VPCI_WINDOW_CONFIG)

struct world {
    struct raw_host *host;
    struct raw_guest *guest, *second;
    struct vstack_policy_row rows[ROWS];
    unsigned row_count;
    uint32_t writable[VPCI_CONFIG_SIZE / 4];
    uint8_t space[VPCI_CONFIG_SIZE]; /* as read last */
};

static void read_dword(struct world *world, uint8_t *space, uint32_t offset)
{
    uint32_t value = (uint32_t)raw_window(world->guest, false, PAGE + offset, 4, 0);
    memcpy(space + offset, &value, 4);
}

static void read_all(struct world *world, uint8_t *space)
{
    for (unsigned i = 0; i < world->row_count; i++)
        read_dword(world, space, world->rows[i].offset);
}

static void learn(struct world *world)
{
    world->row_count = vstack_policy_rows(world->guest->vf, world->rows, ROWS);
    MUST(world->row_count > 0 && world->row_count <= ROWS);
    for (unsigned i = 0; i < world->row_count; i++) {
        const struct vstack_policy_row *row = &world->rows[i];
        world->writable[row->offset / 4] = (row->kept | row->down | row->clear) & ~row->locked;
    }
    raw_window(world->guest, true, WINDOW, 4, 0);
    read_all(world, world->space);
}

/* Initiate FLR of the PCI Express capability was in what was written: every register may have changed. */
static bool resets(const struct world *world, uint32_t offset, uint32_t size, uint64_t value)
{
    unsigned express = 0x34;
    for (unsigned at = world->space[0x34]; at >= 0x40; at = world->space[at + 1])
        if (world->space[at] == 0x10)
            express = at;
    uint32_t flr_byte = express + 9;
    return express != 0x34 && offset <= flr_byte && flr_byte < offset + size && value >> (flr_byte - offset) * 8 & 0x80;
}

static void check_write(struct world *world, uint32_t offset, uint32_t size, uint64_t value, bool valid)
{
    uint8_t after[VPCI_CONFIG_SIZE];
    memcpy(after, world->space, sizeof after);
    read_all(world, after);
    read_dword(world, after, offset % VPCI_CONFIG_SIZE & ~3u);
    bool reset = valid && resets(world, offset, size, value);
    for (unsigned i = 0; i < VPCI_CONFIG_SIZE && !reset; i++) {
        uint8_t changed = world->space[i] ^ after[i];
        MUST(!changed || (valid && i >= offset && i < offset + size));
        MUST(!(changed & ~(world->writable[i / 4] >> i % 4 * 8)));
    }
    memcpy(world->space, after, sizeof after);
}

static void write_one(struct world *world, uint8_t kind, struct input *input)
{
    static const uint8_t sizes[] = {4, 2, 1, 4};
    static const uint8_t hot[] = {0x04, 0x06, 0x10, 0x14, 0x1C, 0x20, 0x3C, 0x70, 0x72, 0xA8, 0x40, 0x88, 0x64};
    uint8_t chosen = take8(input);
    uint32_t offset = kind & 0x40 ? take16(input) % VPCI_CONFIG_SIZE : hot[chosen % sizeof hot];
    uint32_t size = sizes[kind >> 4 & 3], value = kind & 0x80 ? UINT32_MAX : take32(input);
    bool valid = offset % 4 + size <= 4;
    raw_window(world->guest, true, PAGE + offset, size, value);
    check_write(world, offset, size, value, valid);
}

/* Any words in the mailbox. */
static void write_any(struct world *world, struct input *input)
{
    uint64_t address = PAGE + (int32_t)take32(input);
    uint32_t size = take32(input), value = take32(input);
    bool inside = address >= WINDOW && address < WINDOW + VPCI_WINDOW_SIZE;
    bool whole = (size == 1 || size == 2 || size == 4) && address % 4 + size <= 4;
    raw_window(world->guest, true, address, size, value);
    check_write(world, (uint32_t)(address - PAGE), size, value, inside && whole && address >= PAGE);
}

static void read_pieces(struct world *world, uint32_t offset)
{
    uint32_t whole = (uint32_t)raw_window(world->guest, false, PAGE + offset, 4, 0);
    for (uint32_t i = 0; i < 4; i++) {
        uint64_t byte = raw_window(world->guest, false, PAGE + offset + i, 1, 0);
        MUST((byte & 0xFF) == (whole >> i * 8 & 0xFF));
    }
    for (uint32_t i = 0; i < 4; i += 2) {
        uint64_t word = raw_window(world->guest, false, PAGE + offset + i, 2, 0);
        MUST((word & 0xFFFF) == (whole >> i * 8 & 0xFFFF));
    }
}

static void read_wrongly(struct world *world, struct input *input)
{
    uint64_t address = take32(input) | (uint64_t)take16(input) << 32;
    uint32_t size = take32(input);
    bool inside = address >= PAGE && address < PAGE + VPCI_CONFIG_SIZE;
    bool whole = (size == 1 || size == 2 || size == 4) && address % 4 + size <= 4;
    uint64_t answer = raw_window(world->guest, false, address, size, 0);
    MUST((inside && whole) || answer == UINT64_MAX);
}

/* Another slot's page is not there. */
static void select_other(struct world *world, uint32_t slot)
{
    raw_window(world->guest, true, WINDOW, 4, slot);
    MUST(slot == 0 || raw_window(world->guest, false, PAGE, 4, 0) == UINT64_MAX);
    raw_window(world->guest, true, PAGE + 4, 2, 4);
    raw_window(world->guest, true, WINDOW, 4, 0);
    check_write(world, 4, 2, 4, slot == 0);
}

static void step(struct world *world, struct input *input)
{
    uint8_t kind = take8(input);
    switch (kind & 15) {
    default:
        write_one(world, kind, input);
        break;
    case 10:
        write_any(world, input);
        break;
    case 11:
    case 12:
        read_pieces(world, take16(input) % VPCI_CONFIG_SIZE & ~3u);
        break;
    case 13:
        read_wrongly(world, input);
        break;
    case 14:
        select_other(world, kind & 16 ? take32(input) : kind >> 5);
        break;
    case 15: /* what the page says beside a request is the guest's to write */
        atomic_store(&world->guest->window.page->host_waiting, take32(input));
        atomic_store(&world->guest->window.page->done_sequence, take32(input));
        break;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, data + size};
    static struct world world;
    memset(&world, 0, sizeof world);
    world.host = vsp_rig_up(take8(&input) & 1 ? &fake_nvme : &fake_82576, true, &world.guest, &world.second);
    learn(&world);
    for (unsigned steps = 0; steps < STEPS && input.at < input.end; steps++)
        step(&world, &input);
    vsp_rig_down(world.host, world.guest, world.second);
    return 0;
}
