/* SPDX-License-Identifier: MIT
 *
 * The doors of the register file: any offset and length, any function, any data, a device in any state. What is asked of
 * the loops over pieces is checked here; access_loop.c proves the loops, access_piece.c one piece.
 */
#include "access_contracts.h"

#include "sound_map.h"

#include "pci/access.c"
#include "pci/ready.c"

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

static void prove(int function, uint32_t offset, uint8_t *bytes, uint32_t length)
{
    pci_access_write(&device, function, offset, bytes, length);
    pci_access_read(&device, function, offset, bytes, length);
}

/* Up to a dword, where it matters what kind the register is and which bytes of it are meant; a buffer of just these
 * bytes. */
static void prove_short(uint32_t length)
{
    uint8_t *bytes = data + PCI_CONFIG_SIZE - length;
    //@ loop unroll 4;
    for (uint32_t byte = 0; byte < 4; byte++) {
        prove(PCI_FUNCTION_PF, any_offset(byte), bytes, length);
        prove((int)any_in(0, VFS - 1), any_offset(byte), bytes, length);
    }
    prove((int)any32(), any_in(PCI_CONFIG_SIZE, UINT32_MAX), bytes, length);
}

static void prove_long(uint32_t length)
{
    prove(PCI_FUNCTION_PF, any32(), data, length);
    prove((int)any_in(0, VFS - 1), any32(), data, length);
}

void main(void)
{
    any_device();
    //@ loop unroll 3;
    for (enum pci_kind kind = PCI_FIXED; kind <= PCI_EXACT; kind++) {
        any_map(&profile.pf, kind);
        any_map(&profile.vf, kind);
        //@ loop unroll 5;
        for (uint32_t length = 0; length <= 4; length++)
            prove_short(length);
    }
    prove_long(any_in(5, PCI_CONFIG_SIZE));
    prove_long(any_in(PCI_CONFIG_SIZE + 1, UINT32_MAX));
}
