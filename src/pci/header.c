/* SPDX-License-Identifier: MIT
 *
 * The type 0 header: pci.md 4.5 for the VF; PCI Local Bus 3.0 6.1 and PCI Express Base 7.5.1 for the PF.
 * BAR and ROM rows are only names: bars.c gives them their bits. A VF's IDs are FFFFh
 * whatever its capture says (profile.c).
 */
#include "pci/tables.h"

#define ALL 0xffffffffu

/* clang-format off */
const struct pci_rule pci_header_rules[] = {
    /*                                     --------- PF ---------     --------- VF ---------                              */
    /* register               off  size    keep      rw       w1c     keep      rw      w1c                               */
    { "Vendor ID",           0x00, 2, { 0xffff,  0,       0 },      { 0xffff,  0,      0 } },
    { "Device ID",           0x02, 2, { 0xffff,  0,       0 },      { 0xffff,  0,      0 } },
    { "Command",             0x04, 2, { 0,       0x0547,  0 },      { 0,       0x0004, 0 },
                                      .watch = 0x0006, .effect = PCI_EFFECT_COMMAND },
    { "Status",              0x06, 2, { 0x06b0,  0,       0xf900 }, { 0x0010,  0,      0xf900 } },
    { "Revision ID",         0x08, 1, { 0xff,    0,       0 },      { 0xff,    0,      0 } },
    { "Class Code",          0x09, 1, { 0xff,    0,       0 },      { 0xff,    0,      0 } },
    { "Class Code",          0x0a, 2, { 0xffff,  0,       0 },      { 0xffff,  0,      0 } },
    { "Cache Line Size",     0x0c, 1, { 0,       0xff,    0 },      { 0,       0,      0 }, .boot = 0xff },
    { "Latency Timer",       0x0d, 1, { 0,       0,       0 },      { 0,       0,      0 } },
    { "Header Type",         0x0e, 1, { 0xff,    0,       0 },      { 0,       0,      0 } },
    { "BIST",                0x0f, 1, { 0,       0,       0 },      { 0,       0,      0 } },
    { "BAR 0",               0x10, 4, { 0,       0,       0 },      { 0,       0,      0 } },
    { "BAR 1",               0x14, 4, { 0,       0,       0 },      { 0,       0,      0 } },
    { "BAR 2",               0x18, 4, { 0,       0,       0 },      { 0,       0,      0 } },
    { "BAR 3",               0x1c, 4, { 0,       0,       0 },      { 0,       0,      0 } },
    { "BAR 4",               0x20, 4, { 0,       0,       0 },      { 0,       0,      0 } },
    { "BAR 5",               0x24, 4, { 0,       0,       0 },      { 0,       0,      0 } },
    { "CardBus CIS",         0x28, 4, { ALL,     0,       0 },      { 0,       0,      0 } },
    { "Subsystem Vendor ID", 0x2c, 2, { 0xffff,  0,       0 },      { 0xffff,  0,      0 } },
    { "Subsystem ID",        0x2e, 2, { 0xffff,  0,       0 },      { 0xffff,  0,      0 } },
    { "Expansion ROM",       0x30, 4, { 0,       0,       0 },      { 0,       0,      0 } },
    { "Capabilities",        0x34, 1, { 0xfc,    0,       0 },      { 0xfc,    0,      0 } },
    { "Interrupt Line",      0x3c, 1, { 0,       0xff,    0 },      { 0,       0,      0 }, .boot = 0xff },
    { "Interrupt Pin",       0x3d, 1, { 0xff,    0,       0 },      { 0,       0,      0 } },
    { "Min_Gnt",             0x3e, 1, { 0,       0,       0 },      { 0,       0,      0 } },
    { "Max_Lat",             0x3f, 1, { 0,       0,       0 },      { 0,       0,      0 } },
};
/* clang-format on */
const unsigned pci_header_rule_count = sizeof pci_header_rules / sizeof *pci_header_rules;
