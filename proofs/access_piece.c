/* SPDX-License-Identifier: MIT
 *
 * One piece of a write: any dword, each aligned piece in it, any register that pci_map_seal lets through. And the list
 * of changes: a piece adds at most one entry, and none if the last entry is of the same dword.
 */
#include "sound_map.h"

#include "pci/access.c"

static uint8_t bytes[4];
static uint32_t slots[PCI_DWORDS];
static struct pci_map map;
static struct pci_device device;
static struct pci_changes changes;

static const struct {
    uint8_t offset, length;
} pieces[] = {{0, 4}, {0, 2}, {2, 2}, {0, 1}, {1, 1}, {2, 1}, {3, 1}};

uint32_t pci_admit(const struct pci_device *of, int function, uint32_t dword, uint32_t old, uint32_t wanted)
{
    //@ assert a_dword_of_the_space: dword < 1024;
    return any32();
}

static void prove_room(uint32_t offset, uint32_t length, unsigned count)
{
    struct target target = {&device, &map, slots, any32()};
    changes.count = count;
    write_piece(&target, offset, length, bytes, &changes);
    //@ assert at_most_one_change: changes.count == count || changes.count == count + 1;
    //@ assert a_dword_that_is: changes.count == count || changes.item[count].dword < 1024;
}

static void prove_once(uint32_t offset, uint32_t length, unsigned count)
{
    struct target target = {&device, &map, slots, any32()};
    changes.count = count;
    changes.item[count - 1].dword = offset / 4;
    write_piece(&target, offset, length, bytes, &changes);
    //@ assert none_twice: changes.count == count;
}

static void prove_pieces(unsigned count)
{
    //@ loop unroll 7;
    for (unsigned i = 0; i < sizeof pieces / sizeof *pieces; i++) {
        if (count < PCI_EFFECTS_MAX)
            prove_room(any_offset(pieces[i].offset), pieces[i].length, count);
        if (count)
            prove_once(0x04 + pieces[i].offset, pieces[i].length, count);
    }
}

void main(void)
{
    any_bytes(bytes, sizeof bytes);
    //@ loop unroll 3;
    for (enum pci_kind kind = PCI_FIXED; kind <= PCI_EXACT; kind++) {
        any_map(&map, kind);
        //@ loop unroll 17;
        for (unsigned count = 0; count <= PCI_EFFECTS_MAX; count++)
            prove_pieces(count);
    }
}
