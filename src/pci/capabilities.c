/* SPDX-License-Identifier: MIT
 *
 * The capabilities in the first 256 bytes: one table each. pci.md 4.6 and 4.7 for the VF columns; the PF columns are
 * PCI Express Base 7.5 and 7.7 and PCI Power Management 3.2. An unknown capability has no table and is read-only.
 */
#include "pci/tables.h"

#define ALL 0xffffffffu

/* clang-format off */
/* Power Management, ID 01h. A VF reports no PME (pci.md 4.7). */
static const struct pci_rule power[] = {
    /* register            off  size    PF: keep    rw      w1c       VF: keep    rw      w1c                             */
    { "PM Capabilities",  0x02, 2, { 0xffff,     0,      0 },      { 0x07ff,     0,      0 } },
    { "PM Control",       0x04, 2, { 0x6008,     0x0103, 0x8000 }, { 0x0008,     0x0003, 0 },
                                   .sticky = 0x8100, .watch = 0x0003, .effect = PCI_EFFECT_POWER },
    { "PM Data",          0x06, 2, { 0xffff,     0,      0 },      { 0,          0,      0 } },
};

/* MSI, ID 05h, in its four layouts. The mask bits that exist follow Multiple Message Capable (map.c). */
#define MSI_CONTROL \
    { "MSI Control",      0x02, 2, { 0x038e,     0x0071, 0 },      { 0x038e,     0x0071, 0 }, \
                                   .watch = 0x0001, .effect = PCI_EFFECT_MSI }
#define MSI_ADDRESS \
    { "MSI Address",      0x04, 4, { 0, 0xfffffffc,      0 },      { 0, 0xfffffffc,      0 } }
#define MSI_UPPER \
    { "MSI Upper Address", 0x08, 4, { 0,         ALL,    0 },      { 0,          ALL,    0 } }
#define MSI_DATA(at) \
    { "MSI Data",         at,   2, { 0,          0xffff, 0 },      { 0,          0xffff, 0 } }
#define MSI_MASK(at) \
    { "MSI Mask",         at,   4, { 0,          ALL,    0 },      { 0,          ALL,    0 } }, \
    { "MSI Pending",      (at) + 4, 4, { 0,      0,      0 },      { 0,          0,      0 } }
static const struct pci_rule msi_32[] = { MSI_CONTROL, MSI_ADDRESS, MSI_DATA(0x08) };
static const struct pci_rule msi_64[] = { MSI_CONTROL, MSI_ADDRESS, MSI_UPPER, MSI_DATA(0x0c) };
static const struct pci_rule msi_32_masked[] = { MSI_CONTROL, MSI_ADDRESS, MSI_DATA(0x08), MSI_MASK(0x0c) };
static const struct pci_rule msi_64_masked[] = { MSI_CONTROL, MSI_ADDRESS, MSI_UPPER, MSI_DATA(0x0c), MSI_MASK(0x10) };

/* Vendor-specific, ID 09h: what the capture shows, read-only. */
static const struct pci_rule vendor[] = {
    { "Vendor Specific",  0x02, 2, { 0xffff,     0,      0 },      { 0xffff,     0,      0 } },
    { "Vendor Specific",  0x04, 4, { ALL,        0,      0 },      { ALL,        0,      0 }, .repeats = true },
};

/* PCI Express, ID 10h (pci.md 4.6). The registers of slots and root ports (14h..23h) are reserved in an endpoint. */
#define EXPRESS_1 \
    { "PCIe Capabilities", 0x02, 2, { 0xffff,    0,      0 },      { 0x3e0f,     0,      0 } }, \
    { "Device Capabilities", 0x04, 4, { ALL,     0,      0 },      { ALL & ~0x18u, 0,    0 } }, \
    { "Device Control",   0x08, 2, { 0x7810,     0x7fff, 0 },      { 0,          0,      0 }, \
                                   .sticky = 0x00e0, .trigger = 0x8000, .effect = PCI_EFFECT_FLR }, \
    { "Device Status",    0x0a, 2, { 0x0010,     0,      0x000f }, { 0,          0,      0x000f } }, \
    { "Link Capabilities", 0x0c, 4, { ALL,       0,      0 },      { ALL,        0,      0 } }, \
    { "Link Control",     0x10, 2, { 0,          0x03cb, 0 },      { 0,          0,      0 }, .sticky = 0x03cb }, \
    { "Link Status",      0x12, 2, { 0x33ff,     0,      0 },      { 0,          0,      0 }, .sticky = 0xffff }
static const struct pci_rule express_1[] = { EXPRESS_1 };
static const struct pci_rule express_2[] = {
    EXPRESS_1,
    { "Device Capabilities 2", 0x24, 4, { ALL,   0,      0 },      { ALL,        0,      0 } },
    { "Device Control 2", 0x28, 2, { 0,          0x775f, 0 },      { 0,          0,      0 } },
    { "Link Capabilities 2", 0x2c, 4, { ALL,     0,      0 },      { 0,          0,      0 } },
    { "Link Control 2",   0x30, 2, { 0x000f,     0xffbf, 0 },      { 0,          0,      0 }, .sticky = 0xffff },
    { "Link Status 2",    0x32, 2, { 0xffdf,     0,      0x0020 }, { 0,          0,      0 }, .sticky = 0xffff },
};

/* MSI-X, ID 11h. */
static const struct pci_rule msix[] = {
    { "MSI-X Control",    0x02, 2, { 0x07ff,     0xc000, 0 },      { 0x07ff,     0xc000, 0 },
                                   .watch = 0xc000, .effect = PCI_EFFECT_MSIX },
    { "MSI-X Table",      0x04, 4, { ALL,        0,      0 },      { ALL,        0,      0 } },
    { "MSI-X PBA",        0x08, 4, { ALL,        0,      0 },      { ALL,        0,      0 } },
};

static uint16_t vendor_length(const uint8_t *capability)
{
    return capability[2];
}

#define TABLE(rows) .rules = rows, .count = sizeof (rows) / sizeof *(rows)
const struct pci_capability pci_capabilities[] = {
    /* ID    name                match                 length                                                             */
    { 0x01, "Power Management", 0,      0,      0x08, TABLE(power) },
    { 0x05, "MSI",              0x0180, 0x0000, 0x0a, TABLE(msi_32) },
    { 0x05, "MSI",              0x0180, 0x0080, 0x0e, TABLE(msi_64) },
    { 0x05, "MSI",              0x0180, 0x0100, 0x14, TABLE(msi_32_masked) },
    { 0x05, "MSI",              0x0180, 0x0180, 0x18, TABLE(msi_64_masked) },
    { 0x09, "Vendor Specific",  0,      0,      0x03, .measure = vendor_length, TABLE(vendor), .several = true },
    { 0x10, "PCI Express",      0x000f, 0x0001, 0x14, TABLE(express_1) },
    { 0x10, "PCI Express",      0x000e, 0x0002, 0x3c, TABLE(express_2) },
    { 0x11, "MSI-X",            0,      0,      0x0c, TABLE(msix) },
};
/* clang-format on */
const unsigned pci_capability_count = sizeof pci_capabilities / sizeof *pci_capabilities;
