/* SPDX-License-Identifier: MIT
 *
 * A card nobody built: as many VFs as routing IDs allow (PF at 00:00.0, First VF Offset 1, VF Stride 1), and in each
 * function every kind of register that it may have. It is written as a capture and goes through the parser like any
 * other.
 */
#include <string.h>

#include "pci/internal.h"

struct piece {
    uint16_t offset;
    uint32_t value;
};

/* Vendor FFFEh is nobody's. */
static const struct piece pf_pieces[] = {
    {0x00, 0x0001fffe},  {0x04, 0x00100000},  {0x08, 0x02000001},  {0x10, 0xf000000c},  {0x2c, 0x0001fffe},
    {0x34, 0x00000040},  {0x3c, 0x00000100},                      /* header: a 64-bit BAR, pin A */
    {0x40, 0xfe035001},  {0x44, 0x00000008},                      /* Power Management 3, No_Soft_Reset */
    {0x50, 0x018a7005},                                           /* MSI: 32 messages, 64-bit, masks */
    {0x70, 0x003f9011},  {0x74, 0x00002000},  {0x78, 0x00003000}, /* MSI-X: 64 vectors in BAR 0 */
    {0x90, 0x00020010},  {0x94, 0x10008022},  {0x9c, 0x00000814},  {0xa0, 0x00140000},  {0xb4, 0x0000001f},
    {0x100, 0x14010001}, {0x10c, 0x00462030}, {0x114, 0x00002000}, {0x118, 0x000000a0}, /* AER */
    {0x140, 0x1501000e}, {0x144, 0x00000100},                                           /* ARI */
    {0x150, 0x1601000f}, {0x154, 0x00000060},                                           /* ATS */
    {0x160, 0x00010010}, {0x174, 0x00010001}, {0x178, 0x00020000}, {0x17c, 0x00000553}, {0x180, 0x00000001},
    {0x184, 0xe000000c}, /* SR-IOV: one 64-bit VF BAR; TotalVFs is added */
};
static const struct piece vf_pieces[] = {
    {0x00, 0xffffffff},  {0x04, 0x00100000},  {0x08, 0x02000001},
    {0x2c, 0x0001fffe},  {0x34, 0x00000050},  {0x50, 0x018a7005}, /* MSI as above */
    {0x70, 0x00039011},  {0x74, 0x00002000},  {0x78, 0x00003000}, /* MSI-X: 4 vectors in BAR 0 */
    {0x90, 0x00020010},  {0x94, 0x10008022},  {0x9c, 0x00000814},
    {0xb4, 0x0000001f},  {0x100, 0x14010001}, {0x118, 0x000000a0}, /* AER */
    {0x140, 0x1501000e}, {0x150, 0x0001000f}, {0x154, 0x00000060}, /* ARI, ATS */
};

static void put32(uint8_t *space, uint32_t offset, uint32_t value)
{
    value = htole32(value);
    memcpy(space + offset, &value, sizeof value);
}

static void put_function(struct pci_page *page, const char *title, const struct piece *pieces, unsigned count,
                         uint16_t total_vfs)
{
    uint8_t space[PCI_CONFIG_SIZE] = {0};
    for (unsigned i = 0; i < count; i++)
        put32(space, pieces[i].offset, pieces[i].value);
    if (total_vfs)
        put32(space, 0x16c, total_vfs * 0x00010001u); /* InitialVFs, TotalVFs */
    pci_put(page, "%s\n\tRegion 0: Memory at 00000000 (64-bit, prefetchable) [size=16K]\n", title);
    pci_put_hex(page, space);
}

int pci_profile_synth(uint16_t total_vfs, char *text, size_t size)
{
    struct pci_page page = {.text = text, .size = size};
    if (size)
        text[0] = '\0';
    put_function(&page, "00:00.0 Ethernet controller: synthetic PF", pf_pieces, sizeof pf_pieces / sizeof *pf_pieces,
                 total_vfs);
    put_function(&page, "00:00.1 Ethernet controller: synthetic VF", vf_pieces, sizeof vf_pieces / sizeof *vf_pieces,
                 0);
    return page.used;
}
