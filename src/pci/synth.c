/* SPDX-License-Identifier: MIT
 *
 * A card nobody built: as many VFs as routing IDs allow (PF at 00:00.0, First VF Offset 1, VF Stride 1), and in each
 * function every capability with a table that it may have. It is written as a capture and goes through the parser like
 * any other.
 */
#include <string.h>

#include "pci/internal.h"

struct piece {
    uint16_t offset;
    uint32_t value;
};

/* clang-format off */
/* Vendor FFFEh is nobody's. Both functions have their capabilities at the same places. */
static const struct piece pf_pieces[] = {
    /* header: a 64-bit BAR, pin A */
    {0x00, 0x0001fffe},  {0x04, 0x00100000},  {0x08, 0x02000001},  {0x10, 0xf000000c},
    {0x2c, 0x0001fffe},  {0x34, 0x00000040},  {0x3c, 0x00000100},
    {0x40, 0xfe035001},  {0x44, 0x00000008},                       /* Power Management 3, No_Soft_Reset */
    {0x50, 0x018a7005},                                            /* MSI: 32 messages, 64-bit, masks */
    {0x70, 0x003f9011},  {0x74, 0x00002000},  {0x78, 0x00003000},  /* MSI-X: 64 vectors in BAR 0 */
    {0x90, 0x0002d010},  {0x94, 0x10008022},  {0x9c, 0x00000814},  {0xa0, 0x00140000},  {0xb4, 0x0000001f},
    {0xd0, 0x5a100009},  {0xd4, 0x11223344},  {0xd8, 0x55667788},  {0xdc, 0x99aabbcc},  /* Vendor Specific */
    {0x100, 0x14010001}, {0x10c, 0x00462030}, {0x114, 0x00002000}, {0x118, 0x000000a0}, /* AER */
    {0x140, 0x1a01000e}, {0x144, 0x00000100},                      /* ARI */
    {0x1a0, 0x1b010003}, {0x1a4, 0x00000001}, {0x1a8, 0xfffe0000}, /* serial number */
    {0x1b0, 0x1c01000d}, {0x1b4, 0x0000087f},                      /* ACS: egress control of 8 functions */
    {0x1c0, 0x1d010018},                                           /* LTR */
    {0x1d0, 0x20010017}, {0x1d4, 0x00070307},                      /* TPH: 8 steering tags here */
    {0x200, 0x21010013}, {0x204, 0x81000000}, {0x208, 0x00000040}, /* Page Request */
    {0x210, 0x2201001b}, {0x214, 0x00001006},                      /* PASID */
    {0x220, 0x2401000b}, {0x224, 0x01010001}, {0x228, 0x12345678}, {0x22c, 0x9abcdef0}, /* vendor-specific */
    {0x240, 0x15010023}, {0x244, 0x0101fffe}, {0x248, 0x00070001}, {0x24c, 0x0fedcba9}, /* DVSEC */
    {0x150, 0x1601000f}, {0x154, 0x00000060},                      /* ATS */
    /* SR-IOV: one 64-bit VF BAR; TotalVFs is added */
    {0x160, 0x00010010}, {0x174, 0x00010001}, {0x178, 0x00020000}, {0x17c, 0x00000553}, {0x180, 0x00000001},
    {0x184, 0xe000000c},
};
static const struct piece vf_pieces[] = {
    {0x00, 0xffffffff},  {0x04, 0x00100000},  {0x08, 0x02000001},  {0x2c, 0x0001fffe},  {0x34, 0x00000040},
    {0x40, 0x02035001},                                            /* Power Management 3, D1, reset by waking */
    {0x50, 0x018a7005},                                            /* MSI as above */
    {0x70, 0x00039011},  {0x74, 0x00002000},  {0x78, 0x00003000},  /* MSI-X: 4 vectors in BAR 0 */
    {0x90, 0x0002d010},  {0x94, 0x10008022},  {0x9c, 0x00000814},  {0xb4, 0x0000001f},
    {0xd0, 0xa5100009},  {0xd4, 0x44332211},  {0xd8, 0x88776655},  {0xdc, 0xccbbaa99},  /* Vendor Specific */
    {0x100, 0x14010001}, {0x118, 0x000000a0},                      /* AER */
    {0x140, 0x1a01000e},                                           /* ARI */
    {0x1a0, 0x1b010003}, {0x1a4, 0x00000001}, {0x1a8, 0xfffe0000}, /* serial number */
    {0x1b0, 0x1d01000d}, {0x1b4, 0x0000005f},                      /* ACS */
    {0x1d0, 0x22010017}, {0x1d4, 0x00000107},                      /* TPH: no steering tags */
    {0x220, 0x2401000b}, {0x224, 0x01010001}, {0x228, 0x87654321}, {0x22c, 0x0fedcba9}, /* vendor-specific */
    {0x240, 0x15010023}, {0x244, 0x0101fffe}, {0x248, 0x00080001}, {0x24c, 0x9abcdef0}, /* DVSEC */
    {0x150, 0x0001000f}, {0x154, 0x00000060},                      /* ATS */
};
/* clang-format on */

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
