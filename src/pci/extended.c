/* SPDX-License-Identifier: MIT
 *
 * The capabilities from 100h on: one table each. pci.md 4.1 (SR-IOV) and 4.7 for the VF columns; the PF columns are
 * PCI Express Base 7.7 to 7.9, 9.3 and 10.5. An unknown capability has no table and is read-only.
 */
#include <stddef.h>

#include "pci/bytes.h"
#include "pci/tables.h"

#define ALL 0xffffffffu

/* clang-format off */
/* Advanced Error Reporting, ID 0001h. In a VF the masks, severities and ECRC enables are the PF's (pci.md 4.7). */
#define UNCORRECTABLE 0x07fff030u
static const struct pci_rule aer[] = {
    /* register                off  size   PF: keep   rw     w1c              VF: keep   rw   w1c                         */
    { "Uncorrectable Status", 0x04, 4, { 0,      0, UNCORRECTABLE },      { 0,      0, UNCORRECTABLE }, .sticky = ALL },
    { "Uncorrectable Mask",   0x08, 4, { UNCORRECTABLE, UNCORRECTABLE, 0 }, { 0,    0,   0 },      .sticky = ALL },
    { "Uncorrectable Severity", 0x0c, 4, { UNCORRECTABLE, UNCORRECTABLE, 0 }, { 0,  0,   0 },      .sticky = ALL },
    { "Correctable Status",   0x10, 4, { 0,      0,      0xf1c1 },        { 0,      0,   0xf1c1 }, .sticky = ALL },
    { "Correctable Mask",     0x14, 4, { 0xf1c1, 0xf1c1, 0 },             { 0,      0,   0 },      .sticky = ALL },
    { "AER Control",          0x18, 4, { 0x02a0, 0x0540, 0 },             { 0x02a0, 0,   0 },      .sticky = ALL },
    { "Header Log",           0x1c, 4, { 0,      0,      0 },             { 0,      0,   0 } },
    { "Header Log",           0x20, 4, { 0,      0,      0 },             { 0,      0,   0 } },
    { "Header Log",           0x24, 4, { 0,      0,      0 },             { 0,      0,   0 } },
    { "Header Log",           0x28, 4, { 0,      0,      0 },             { 0,      0,   0 } },
};

/* Device Serial Number, ID 0003h. */
static const struct pci_rule serial[] = {
    { "Serial Number",        0x04, 4, { ALL,    0,      0 },             { ALL,    0,   0 } },
    { "Serial Number",        0x08, 4, { ALL,    0,      0 },             { ALL,    0,   0 } },
};

/* Vendor-specific, ID 000Bh, and Designated Vendor-Specific, ID 0023h: what the capture shows, read-only. */
static const struct pci_rule vendor[] = {
    { "Vendor Specific",      0x04, 4, { ALL,    0,      0 },             { ALL,    0,   0 }, .repeats = true },
};

/* Access Control Services, ID 000Dh. */
static const struct pci_rule acs[] = {
    { "ACS Capability",       0x04, 2, { 0xffff, 0,      0 },             { 0xffff, 0,   0 } },
    { "ACS Control",          0x06, 2, { 0,      0x007f, 0 },             { 0,      0x007f, 0 } },
    { "Egress Control",       0x08, 4, { 0,      ALL,    0 },             { 0,      0,   0 }, .repeats = true },
};

/* Alternative Routing-ID Interpretation, ID 000Eh. Function groups are assigned to the PF. */
static const struct pci_rule ari[] = {
    { "ARI Capability",       0x04, 2, { 0xff03, 0,      0 },             { 0xff03, 0,   0 } },
    { "ARI Control",          0x06, 2, { 0,      0x0073, 0 },             { 0,      0,   0 } },
};

/* Address Translation Services, ID 000Fh. The smallest translation unit and the queue depth are the PF's. */
static const struct pci_rule ats[] = {
    { "ATS Capability",       0x04, 2, { 0x007f, 0,      0 },             { 0x0060, 0,   0 } },
    { "ATS Control",          0x06, 2, { 0,      0x801f, 0 },             { 0,      0x8000, 0 } },
};

/* Single Root I/O Virtualization, ID 0010h (pci.md 4.1); the PF's only. bars.c gives the VF BARs their bits. */
#define VF_NONE { 0, 0, 0 }
static const struct pci_rule sriov[] = {
    { "SR-IOV Capabilities",  0x04, 4, { ALL,    0,      0 },             VF_NONE },
    { "SR-IOV Control",       0x08, 2, { 0,      0x003f, 0 },             VF_NONE, .boot = 0x0010,
                                       .watch = 0x0009, .effect = PCI_EFFECT_SRIOV_CONTROL },
    { "SR-IOV Status",        0x0a, 2, { 0,      0,      0x0001 },        VF_NONE },
    { "InitialVFs",           0x0c, 2, { 0xffff, 0,      0 },             VF_NONE },
    { "TotalVFs",             0x0e, 2, { 0xffff, 0,      0 },             VF_NONE },
    { "NumVFs",               0x10, 2, { 0xffff, 0xffff, 0 },             VF_NONE, .effect = PCI_EFFECT_SRIOV_NUM_VFS },
    { "Function Dependency Link", 0x12, 1, { 0xff, 0,    0 },             VF_NONE },
    { "First VF Offset",      0x14, 2, { 0xffff, 0,      0 },             VF_NONE },
    { "VF Stride",            0x16, 2, { 0xffff, 0,      0 },             VF_NONE },
    { "VF Device ID",         0x1a, 2, { 0xffff, 0,      0 },             VF_NONE },
    { "Supported Page Sizes", 0x1c, 4, { ALL,    0,      0 },             VF_NONE },
    { "System Page Size",     0x20, 4, { 0,      ALL,    0 },             VF_NONE, .effect = PCI_EFFECT_SRIOV_PAGE_SIZE },
    { "VF BAR 0",             0x24, 4, { 0,      0,      0 },             VF_NONE, .effect = PCI_EFFECT_VF_BAR },
    { "VF BAR 1",             0x28, 4, { 0,      0,      0 },             VF_NONE, .effect = PCI_EFFECT_VF_BAR },
    { "VF BAR 2",             0x2c, 4, { 0,      0,      0 },             VF_NONE, .effect = PCI_EFFECT_VF_BAR },
    { "VF BAR 3",             0x30, 4, { 0,      0,      0 },             VF_NONE, .effect = PCI_EFFECT_VF_BAR },
    { "VF BAR 4",             0x34, 4, { 0,      0,      0 },             VF_NONE, .effect = PCI_EFFECT_VF_BAR },
    { "VF BAR 5",             0x38, 4, { 0,      0,      0 },             VF_NONE, .effect = PCI_EFFECT_VF_BAR },
    { "Migration State Array", 0x3c, 4, { ALL,   0,      0 },             VF_NONE },
};

/* Page Request, ID 0013h, and PASID, ID 001Bh: a VF uses its PF's. */
static const struct pci_rule page_request[] = {
    { "Page Request Control", 0x04, 2, { 0,      0x0001, 0 },             VF_NONE },
    { "Page Request Status",  0x06, 2, { 0x8100, 0,      0x0003 },        VF_NONE },
    { "Outstanding Capacity", 0x08, 4, { ALL,    0,      0 },             VF_NONE },
    { "Outstanding Allocation", 0x0c, 4, { 0,    ALL,    0 },             VF_NONE },
};
static const struct pci_rule pasid[] = {
    { "PASID Capability",     0x04, 2, { 0x1f06, 0,      0 },             VF_NONE },
    { "PASID Control",        0x06, 2, { 0,      0x0007, 0 },             VF_NONE },
};

/* TPH Requester, ID 0017h; the steering tags follow when the capability says they lie here. */
static const struct pci_rule tph[] = {
    { "TPH Capability",       0x04, 4, { ALL,    0,      0 },             { ALL,    0,   0 } },
    { "TPH Control",          0x08, 4, { 0,      0x0307, 0 },             { 0,      0x0307, 0 } },
    { "Steering Tags",        0x0c, 4, { 0,      ALL,    0 },             { 0,      ALL, 0 }, .repeats = true },
};

/* Latency Tolerance Reporting, ID 0018h: the owner of the link reports, a VF has nothing to write (SPEC?, pci.md 4.7). */
static const struct pci_rule ltr[] = {
    { "Max Snoop Latency",    0x04, 2, { 0,      0x1fff, 0 },             VF_NONE },
    { "Max No-Snoop Latency", 0x06, 2, { 0,      0x1fff, 0 },             VF_NONE },
};
/* clang-format on */

static uint16_t vendor_length(const uint8_t *capability)
{
    return pci_le32(capability + 4) >> 20;
}

/* A bit for every function or port that can be reached; bit 5 says that the vector is there, 0 means 256 bits. */
static uint16_t acs_length(const uint8_t *capability)
{
    unsigned bits = capability[5] ? capability[5] : 256;
    return capability[4] & 0x20 ? 8 + (bits + 31) / 32 * 4 : 8;
}

/* Steering tags of 2 bytes each lie in the capability when ST Table Location is 1. */
static uint16_t tph_length(const uint8_t *capability)
{
    uint32_t has = pci_le32(capability + 4);
    unsigned tags = ((has >> 16) & 0x7ff) + 1;
    return (has & 0x600) == 0x200 ? 0x0c + (tags * 2 + 3) / 4 * 4 : 0x0c;
}

#define TABLE(rows) .rules = rows, .count = sizeof(rows) / sizeof *(rows)
#define EXT(id)     (PCI_EXTENDED | (id))
#define FORBIDDEN(number, title, why)                                                                                  \
    {                                                                                                                  \
        .id = EXT(number), .name = title, .vf_refusal = why, .several = true                                           \
    }

/* clang-format off */
/* Length 0: only what a VF must not have is known of it; in a PF it is read-only like any unknown capability. */
const struct pci_capability pci_extended_capabilities[] = {
    { EXT(0x01), "Advanced Error Reporting",           .length = 0x2c, TABLE(aer) },
    { EXT(0x03), "Device Serial Number",               .length = 0x0c, TABLE(serial) },
    { EXT(0x0b), "Vendor Specific",                    .length = 0x08, .measure = vendor_length, TABLE(vendor), .several = true },
    { EXT(0x0d), "Access Control Services",            .length = 0x08, .measure = acs_length, TABLE(acs) },
    { EXT(0x0e), "Alternative Routing-ID",             .length = 0x08, TABLE(ari) },
    { EXT(0x0f), "Address Translation Services",       .length = 0x08, TABLE(ats) },
    { EXT(0x10), "SR-IOV",                             .length = 0x40, TABLE(sriov),
      .vf_refusal = "a VF has no VFs" },
    { EXT(0x13), "Page Request Interface",             .length = 0x10, TABLE(page_request),
      .vf_refusal = "a VF uses the Page Request Interface of its PF" },
    { EXT(0x17), "TPH Requester",                      .length = 0x0c, .measure = tph_length, TABLE(tph) },
    { EXT(0x18), "Latency Tolerance Reporting",        .length = 0x08, TABLE(ltr) },
    { EXT(0x1b), "PASID",                              .length = 0x08, TABLE(pasid),
      .vf_refusal = "a VF uses PASIDs under the PASID capability of its PF" },
    { EXT(0x23), "Designated Vendor-Specific",         .length = 0x0a, .measure = vendor_length, TABLE(vendor), .several = true },
    FORBIDDEN(0x02, "Virtual Channel", "virtual channels belong to the PF"),
    FORBIDDEN(0x09, "Virtual Channel", "virtual channels belong to the PF"),
    FORBIDDEN(0x08, "Multi-Function Virtual Channel", "virtual channels belong to the PF"),
    FORBIDDEN(0x04, "Power Budgeting", "power is budgeted for the PF"),
    FORBIDDEN(0x11, "MR-IOV", "a VF has no VFs"),
};

const struct pci_gate pci_gates[] = {
    /* capability  said in     bits     allows  bits                                                                      */
    { 0x01,        0x00, 0xf8000000u,   0x04, 0x00008100u }, /* PME from any state: PME_En, PME_Status */
    { 0x10,        0x04, 0x10000000u,   0x08, 0x00008000u }, /* FLR */
    { 0x10,        0x04, 0x00000018u,   0x08, 0x00000200u }, /* phantom functions */
    { 0x10,        0x04, 0x00000020u,   0x08, 0x00000100u }, /* extended tags */
    { 0x10,        0x0c, 0x00040000u,   0x10, 0x00000100u }, /* clock power management */
    { 0x10,        0x24, 0x0000000fu,   0x28, 0x0000000fu }, /* completion timeout ranges */
    { 0x10,        0x24, 0x00000010u,   0x28, 0x00000010u }, /* completion timeout disable */
    { 0x10,        0x24, 0x00000800u,   0x28, 0x00000400u }, /* LTR */
    { 0x10,        0x24, 0x00020000u,   0x28, 0x00001000u }, /* 10-bit tag requester */
    { 0x10,        0x24, 0x000c0000u,   0x28, 0x00006000u }, /* OBFF */
    { EXT(0x01),   0x18, 0x00000020u,   0x18, 0x00000040u }, /* ECRC generation */
    { EXT(0x01),   0x18, 0x00000080u,   0x18, 0x00000100u }, /* ECRC checking */
    { EXT(0x01),   0x18, 0x00000200u,   0x18, 0x00000400u }, /* several headers recorded */
    { EXT(0x0d),   0x04, 0x00000001u,   0x04, 0x00010000u }, /* ACS: source validation */
    { EXT(0x0d),   0x04, 0x00000002u,   0x04, 0x00020000u }, /*   translation blocking */
    { EXT(0x0d),   0x04, 0x00000004u,   0x04, 0x00040000u }, /*   request redirect */
    { EXT(0x0d),   0x04, 0x00000008u,   0x04, 0x00080000u }, /*   completion redirect */
    { EXT(0x0d),   0x04, 0x00000010u,   0x04, 0x00100000u }, /*   upstream forwarding */
    { EXT(0x0d),   0x04, 0x00000020u,   0x04, 0x00200000u }, /*   egress control */
    { EXT(0x0d),   0x04, 0x00000040u,   0x04, 0x00400000u }, /*   direct translated */
    { EXT(0x0e),   0x04, 0x00000001u,   0x04, 0x00010000u }, /* ARI: MFVC function groups */
    { EXT(0x0e),   0x04, 0x00000002u,   0x04, 0x00020000u }, /*   ACS function groups */
    { EXT(0x0e),   0x04, 0x00000003u,   0x04, 0x00700000u }, /*   function group */
    { EXT(0x10),   0x04, 0x00000001u,   0x08, 0x00010006u }, /* SR-IOV: VF migration */
    { EXT(0x10),   0x04, 0x00000004u,   0x08, 0x00000020u }, /*   10-bit tag requester */
    { EXT(0x1b),   0x04, 0x00000002u,   0x04, 0x00020000u }, /* PASID: execute permission */
    { EXT(0x1b),   0x04, 0x00000004u,   0x04, 0x00040000u }, /*   privileged mode */
};
/* clang-format on */
const unsigned pci_extended_capability_count = sizeof pci_extended_capabilities / sizeof *pci_extended_capabilities;
const unsigned pci_gate_count = sizeof pci_gates / sizeof *pci_gates;

const struct pci_capability *pci_capability_find(uint32_t id, const uint8_t *bytes)
{
    bool extended = id & PCI_EXTENDED;
    const struct pci_capability *table = extended ? pci_extended_capabilities : pci_capabilities;
    unsigned count = extended ? pci_extended_capability_count : pci_capability_count;
    uint16_t form = pci_le16(bytes + 2);
    for (unsigned i = 0; i < count; i++)
        if (table[i].id == id && (form & table[i].match_mask) == table[i].match)
            return &table[i];
    return NULL;
}
