/* SPDX-License-Identifier: MIT
 *
 * The doors of the register file around the pieces: any offset, function and data, a device in any state. What the
 * loop asks of a piece is checked here; access_piece.c proves what a piece then does.
 */
#include "any.h"

struct target;
struct pci_changes;

/*@ requires an_aligned_piece: length == 1 || length == 2 || length == 4;
    requires inside_a_dword: offset % 4 + length <= 4;
    requires inside_the_space: offset < 4096;
    requires inside_the_data: \valid_read(bytes + (0 .. length - 1));
    assigns *changes \from *bytes; */
static void write_piece(const struct target *target, uint32_t offset, uint32_t length, const uint8_t *bytes,
                        struct pci_changes *changes);

#include "sound_map.h"

#include "pci/access.c"

#define VFS    4u
#define STRIDE (sizeof(struct pci_vf) + PCI_CONFIG_SIZE)

static struct pci_profile profile;
static struct pci_device device;
static uint32_t pf_slots[PCI_DWORDS];
static uint64_t vfs[VFS * STRIDE / 8];
static uint8_t data[PCI_CONFIG_SIZE]; /* zero is as good as any: write_piece is not entered */

void pci_lock(struct pci_lock *lock)
{
    lock->held = 1;
}

void pci_unlock(struct pci_lock *lock)
{
    lock->held = 0;
}

uint64_t pci_now(const struct pci_device *of)
{
    return any32();
}

uint32_t pci_admit(const struct pci_device *of, int function, uint32_t dword, uint32_t old, uint32_t wanted)
{
    return any32();
}

void pci_effects_pf(struct pci_device *of, const struct pci_changes *changes)
{
}

void pci_effects_vf(struct pci_device *of, uint32_t vf, const struct pci_changes *changes, bool locked)
{
    //@ assert a_vf_there_is: vf < 4;
}

void pci_effects_report(struct pci_device *of, int function, const struct pci_changes *changes)
{
}

static void any_device(void)
{
    device.profile = &profile;
    device.vfs = (uint8_t *)vfs;
    device.vf_stride = STRIDE;
    device.pf_slots = pf_slots;
    device.timed = any_in(0, 1);
    device.options.strict_timing = any_in(0, 1);
}

/* A buffer of exactly `length` bytes, the last ones of `data`. */
static void prove(int function, uint32_t offset, uint32_t length)
{
    uint8_t *bytes = data + (length <= PCI_CONFIG_SIZE ? PCI_CONFIG_SIZE - length : PCI_CONFIG_SIZE);
    uint32_t written = pci_access_write(&device, function, offset, bytes, length);
    //@ assert all_or_nothing: written == 0 || written == length;
    uint32_t read = pci_access_read(&device, function, offset, bytes, length);
    //@ assert nothing_or_all: read == 0 || read == length;
}

static void prove_length(uint32_t length)
{
    //@ loop unroll 4;
    for (uint32_t byte = 0; byte < 4; byte++) {
        prove(PCI_FUNCTION_PF, any_offset(byte), length);
        prove((int)any_in(0, VFS - 1), any_offset(byte), length);
    }
    prove((int)any32(), any_in(PCI_CONFIG_SIZE, UINT32_MAX), length);
}

void main(void)
{
    any_device();
    //@ loop unroll 3;
    for (enum pci_kind kind = PCI_FIXED; kind <= PCI_EXACT; kind++) {
        any_map(&profile.pf, kind);
        any_map(&profile.vf, kind);
        //@ loop unroll 17;
        for (uint32_t length = 0; length <= 16; length++)
            prove_length(length);
    }
    prove_length(PCI_CONFIG_SIZE - 3);
    prove_length(PCI_CONFIG_SIZE);
    prove_length(any_in(PCI_CONFIG_SIZE + 1, UINT32_MAX));
}
