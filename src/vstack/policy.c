/* SPDX-License-Identifier: MIT
 *
 * What a guest sees of its VF and may do to it: tables to be read beside the PCI Express specification. Deny by
 * default: a bit that stands in no mask reads zero (or the fixed value given at allocation) and cannot be written; a
 * capability that is not listed is taken out of the chain.
 *
 * Sources: pci.md 4.5 (header), 4.6 (PCI Express), 4.7 (which capabilities); vpci-wire.md 2.3 (what the host must
 * virtualise); decisions.md (MSI-X control, Cache Line, Interrupt Line).
 */
#include <string.h>

#include "vstack/policy.h"

#define ALL 0xFFFFFFFFu

/* Identity (00, 08, 2C), the BARs' type bits and the capability pointer are fixed values given at allocation. The BARs'
 * `kept` masks are the probed size masks. */
const struct vstack_rule vstack_header_rules[] = {
    {.offset = 0x00}, /* Device ID, Vendor ID */
    /* Status: Capabilities List read, error bits write 1 to clear. Command: Bus Master goes down; Memory
     * Space is the guest's own, because a VF has none; I/O Space, Parity, SERR and Interrupt Disable are not writable.
     */
    {.offset = 0x04,
     .effect = VSTACK_COMMAND,
     .hardware = 0xF9100004,
     .kept = 0x00000002,
     .down = 0x00000004,
     .clear = 0xF9000000},
    {.offset = 0x08},                     /* Class Code, Revision ID */
    {.offset = 0x0C, .kept = 0x000000FF}, /* BIST, Header Type 0, Latency Timer, Cache Line Size */
    {.offset = 0x10, .effect = VSTACK_BAR},
    {.offset = 0x14, .effect = VSTACK_BAR},
    {.offset = 0x18, .effect = VSTACK_BAR},
    {.offset = 0x1C, .effect = VSTACK_BAR},
    {.offset = 0x20, .effect = VSTACK_BAR},
    {.offset = 0x24, .effect = VSTACK_BAR},
    {.offset = 0x2C},                     /* Subsystem ID, Subsystem Vendor ID */
    {.offset = 0x30},                     /* Expansion ROM: a VF has none */
    {.offset = 0x34},                     /* Capabilities Pointer */
    {.offset = 0x3C, .kept = 0x000000FF}, /* Max_Lat, Min_Gnt, Interrupt Pin 0, Interrupt Line */
};
const unsigned vstack_header_rule_count = sizeof(vstack_header_rules) / sizeof(vstack_header_rules[0]);

/* Offsets below are within the capability. A dword of a listed capability without a line is read-only. */

static const struct vstack_rule power_management[] = {
    {.offset = 0x04, .hardware = 0x0000000B, .down = 0x00000003}, /* PMCSR: PowerState; No_Soft_Reset; no PME */
};
static const struct vstack_rule msi32[] = {
    {.offset = 0x00, .hardware = ALL, .down = 0x00710000}, /* Enable, Multiple Message Enable */
    {.offset = 0x04, .hardware = ALL, .down = 0xFFFFFFFC},
    {.offset = 0x08, .hardware = 0x0000FFFF, .down = 0x0000FFFF},
    {.offset = 0x0C, .hardware = ALL, .down = ALL}, /* Mask, with Per-Vector Masking */
};
static const struct vstack_rule msi64[] = {
    {.offset = 0x00, .hardware = ALL, .down = 0x00710000}, {.offset = 0x04, .hardware = ALL, .down = 0xFFFFFFFC},
    {.offset = 0x08, .hardware = ALL, .down = ALL},        {.offset = 0x0C, .hardware = 0x0000FFFF, .down = 0x0000FFFF},
    {.offset = 0x10, .hardware = ALL, .down = ALL},
};
static const struct vstack_rule pci_express[] = {
    /* Device Status: error bits write 1 to clear. Device Control: Initiate FLR becomes OID_SRIOV_RESET_VF; the PF's
     * values of the rest govern its VFs (pci.md 4.6). */
    {.offset = 0x08, .effect = VSTACK_DEVICE_CONTROL, .hardware = ALL, .clear = 0x000F0000},
};
static const struct vstack_rule msix[] = {
    {.offset = 0x00, .hardware = ALL, .down = 0xC0000000}, /* Enable, Function Mask */
};
static const struct vstack_rule error_reporting[] = {
    {.offset = 0x04, .hardware = ALL, .clear = ALL}, /* Uncorrectable Error Status */
    {.offset = 0x10, .hardware = ALL, .clear = ALL}, /* Correctable Error Status */
};

#define RULES(table) (table), sizeof(table) / sizeof((table)[0])

/* Not listed, hence hidden: VPD (one guest could leave notes to the next), ATS (the IOMMU is the host's), and all that
 * pci.md 4.7 forbids a VF. */
static const struct vstack_capability standard[] = {
    {0x01, 8, NULL, RULES(power_management)},
    {0x05, 10, vstack_msi_length, RULES(msi32)},
    {0x09, 4, vstack_vendor_length, NULL, 0}, /* vendor specific */
    {0x10, 0x14, vstack_express_length, RULES(pci_express)},
    {0x11, 12, NULL, RULES(msix)},
};
static const struct vstack_capability extended[] = {
    {0x0001, 0x2C, NULL, RULES(error_reporting)},
    {0x0003, 12, NULL, NULL, 0},                          /* Device Serial Number */
    {0x000B, 8, vstack_extended_vendor_length, NULL, 0},  /* VSEC */
    {0x000D, 8, NULL, NULL, 0},                           /* ACS */
    {0x000E, 8, NULL, NULL, 0},                           /* ARI */
    {0x0023, 12, vstack_extended_vendor_length, NULL, 0}, /* DVSEC */
};
static const struct vstack_capability msi_wide = {0x05, 14, vstack_msi_length, RULES(msi64)};

const struct vstack_capability *vstack_capability_rule(bool is_extended, unsigned id, uint32_t header)
{
    const struct vstack_capability *table = is_extended ? extended : standard;
    unsigned count = is_extended ? sizeof(extended) / sizeof(extended[0]) : sizeof(standard) / sizeof(standard[0]);

    if (!is_extended && id == 0x05 && (header & VSTACK_MSI_64))
        return &msi_wide;
    for (unsigned i = 0; i < count; i++) {
        if (table[i].id == id)
            return &table[i];
    }
    return NULL;
}

/* ---- capabilities that say how long they are; `header` is their first dword, `second` the one behind -------- */

unsigned vstack_msi_length(uint32_t header, uint32_t second)
{
    (void)second;
    if (header & VSTACK_MSI_MASKING)
        return header & VSTACK_MSI_64 ? 24 : 20;
    return header & VSTACK_MSI_64 ? 14 : 10;
}

unsigned vstack_vendor_length(uint32_t header, uint32_t second)
{
    (void)second;
    return header >> 16 & 0xFF;
}

unsigned vstack_express_length(uint32_t header, uint32_t second)
{
    (void)second;
    return (header >> 16 & 0xF) >= 2 ? 0x3C : 0x14;
}

unsigned vstack_extended_vendor_length(uint32_t header, uint32_t second)
{
    (void)header;
    return second >> 20;
}
