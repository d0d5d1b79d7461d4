/* SPDX-License-Identifier: MIT */
#include "oracle.h"

enum source { ZERO, ONES, VF, PF }; /* whose captured byte is the reset value */

struct oracle_row {
    uint32_t offset, length;
    enum source source;
};

/* pci.md 4.5; what is not here is 0 and read-only. */
static const struct oracle_row header[] = {
    {0x00, 4, ONES}, /* Vendor ID, Device ID */
    {0x08, 1, VF},   /* Revision ID */
    {0x09, 3, PF},   /* Class Code */
    {0x2c, 2, PF},   /* Subsystem Vendor ID */
    {0x2e, 2, VF},   /* Subsystem ID */
    {0x34, 1, VF},   /* Capabilities Pointer */
};

/* pci.md 4.6, from the capability's start. */
static const struct oracle_row express[] = {
    {0x00, 4, VF}, /* header, PCIe Capabilities */
    {0x04, 4, PF}, /* Device Capabilities */
    {0x0c, 4, PF}, /* Link Capabilities */
    {0x24, 4, PF}, /* Device Capabilities 2 */
};

struct oracle_bits {
    uint32_t offset;
    uint8_t writable, clears, sticky;
};

static void copy_rows(struct oracle *oracle, const struct capture_page *page, const struct oracle_row *rows,
                      unsigned count, uint32_t vf_base, uint32_t pf_base)
{
    for (unsigned i = 0; i < count; i++)
        for (uint32_t j = 0; j < rows[i].length; j++) {
            uint32_t at = rows[i].offset + j;
            uint8_t value = rows[i].source == ONES ? 0xff
                            : rows[i].source == VF ? page->vf.space[vf_base + at]
                            : rows[i].source == PF ? page->pf.space[pf_base + at]
                                                   : 0;
            oracle->reset[vf_base + at] = value;
        }
}

static void add_bits(struct oracle *oracle, uint32_t base, const struct oracle_bits *bits, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        oracle->writable[base + bits[i].offset] = bits[i].writable;
        oracle->clears[base + bits[i].offset] = bits[i].clears;
        oracle->sticky[base + bits[i].offset] = bits[i].sticky;
    }
}

static void copy_vf(struct oracle *oracle, const struct capture_page *page, uint32_t offset, uint32_t length)
{
    memcpy(oracle->reset + offset, page->vf.space + offset, length);
}

static void add_header(struct oracle *oracle, const struct capture_page *page)
{
    static const struct oracle_bits bits[] = {
        {0x04, 0x04, 0x00, 0}, /* Command: Bus Master */
        {0x07, 0x00, 0xf9, 0}, /* Status: bits 8, 11 to 15 */
    };
    copy_rows(oracle, page, header, sizeof header / sizeof *header, 0, 0);
    oracle->reset[0x06] = 0x10;
    add_bits(oracle, 0, bits, 2);
}

static void add_express(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    static const struct oracle_bits bits[] = {
        {0x0a, 0x00, 0x0f, 0}, /* Device Status: four errors */
    };
    copy_rows(oracle, page, express, sizeof express / sizeof *express, base, base);
    oracle->reset[base + 0x02] &= 0x0f;           /* type Endpoint */
    oracle->reset[base + 0x04] &= (uint8_t)~0x18; /* no Phantom Functions */
    oracle->reset[base + 0x07] |= 0x10;           /* FLR */
    add_bits(oracle, base, bits, 1);
    oracle->flr = base + 0x09;
}

static void add_msix(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    static const struct oracle_bits bits[] = {{0x03, 0xc0, 0x00, 0}}; /* Enable, Function Mask */
    copy_vf(oracle, page, base, 12);
    oracle->reset[base + 0x03] &= 0x07;
    add_bits(oracle, base, bits, 1);
}

static void add_power(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    static const struct oracle_bits bits[] = {{0x04, 0x03, 0x00, 0}}; /* PowerState */
    copy_vf(oracle, page, base, 4);
    oracle->reset[base + 0x03] &= 0x07; /* no PME */
    oracle->reset[base + 0x04] = page->vf.space[base + 0x04] & 0x08;
    add_bits(oracle, base, bits, 1);
    oracle->power = base + 0x04;
    oracle->states = 0x9 | (page->vf.space[base + 0x03] & 0x06); /* D0, D3hot, what it says of D1 and D2 */
}

/* Status only: masks, severities and ECRC enables are the PF's, the log is empty. */
static void add_aer(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    static const struct oracle_bits bits[] = {
        {0x04, 0, 0x30, 0x30}, {0x05, 0, 0xf0, 0xf0}, {0x06, 0, 0xff, 0xff},
        {0x07, 0, 0x07, 0x07}, {0x10, 0, 0xc1, 0xc1}, {0x11, 0, 0xf1, 0xf1},
    };
    copy_vf(oracle, page, base, 4);
    oracle->reset[base + 0x18] = page->vf.space[base + 0x18] & 0xa0;
    oracle->reset[base + 0x19] = page->vf.space[base + 0x19] & 0x02;
    add_bits(oracle, base, bits, 6);
}

/* 64 bits wide, with masks, all 32 messages. */
static void add_msi(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    static const struct oracle_bits bits[] = {
        {0x02, 0x71, 0, 0}, {0x04, 0xfc, 0, 0}, {0x05, 0xff, 0, 0}, {0x06, 0xff, 0, 0}, {0x07, 0xff, 0, 0},
        {0x08, 0xff, 0, 0}, {0x09, 0xff, 0, 0}, {0x0a, 0xff, 0, 0}, {0x0b, 0xff, 0, 0}, {0x0c, 0xff, 0, 0},
        {0x0d, 0xff, 0, 0}, {0x10, 0xff, 0, 0}, {0x11, 0xff, 0, 0}, {0x12, 0xff, 0, 0}, {0x13, 0xff, 0, 0},
    };
    copy_vf(oracle, page, base, 4);
    oracle->reset[base + 0x02] &= 0x8e;
    oracle->reset[base + 0x03] &= 0x03;
    add_bits(oracle, base, bits, sizeof bits / sizeof *bits);
}

/* Control has the bits that the capability register has. */
static void add_acs(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    copy_vf(oracle, page, base, 6);
    oracle->writable[base + 0x06] = page->vf.space[base + 0x04] & 0x7f;
}

/* No steering tags in the capability. */
static void add_tph(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    static const struct oracle_bits bits[] = {{0x08, 0x07, 0, 0}, {0x09, 0x03, 0, 0}};
    copy_vf(oracle, page, base, 8);
    add_bits(oracle, base, bits, 2);
}

/* The PF's queue depth and translation unit. */
static void add_ats(struct oracle *oracle, const struct capture_page *page, uint32_t base)
{
    static const struct oracle_bits bits[] = {{0x07, 0x80, 0, 0}};
    copy_vf(oracle, page, base, 5);
    oracle->reset[base + 0x04] &= 0x60;
    add_bits(oracle, base, bits, 1);
}

static void add_synthetic(struct oracle *oracle, const struct capture_page *page)
{
    add_power(oracle, page, 0x40);
    add_msi(oracle, page, 0x50);
    add_msix(oracle, page, 0x70);
    add_express(oracle, page, 0x90);
    copy_vf(oracle, page, 0xd0, 16); /* vendor-specific */
    add_aer(oracle, page, 0x100);
    copy_vf(oracle, page, 0x140, 6); /* ARI */
    add_ats(oracle, page, 0x150);
    copy_vf(oracle, page, 0x1a0, 4); /* serial number: the PF's */
    memcpy(oracle->reset + 0x1a4, page->pf.space + 0x1a4, 8);
    add_acs(oracle, page, 0x1b0);
    add_tph(oracle, page, 0x1d0);
    copy_vf(oracle, page, 0x220, 16); /* vendor-specific */
    copy_vf(oracle, page, 0x240, 16); /* designated vendor-specific */
}

void oracle_init(struct oracle *oracle, enum card card)
{
    struct capture_page page;
    page_load(&page, card);
    *oracle = (struct oracle){0};
    add_header(oracle, &page);
    if (card == CARD_82576) {
        add_msix(oracle, &page, 0x70);
        add_express(oracle, &page, 0xa0);
        add_aer(oracle, &page, 0x100);
        copy_vf(oracle, &page, 0x150, 6); /* ARI: header and capability */
    } else if (card == CARD_SYNTHETIC) {
        add_synthetic(oracle, &page);
    } else {
        add_msix(oracle, &page, 0x40);
        add_power(oracle, &page, 0x60);
        add_express(oracle, &page, 0x80);
        copy_vf(oracle, &page, 0x100, 6);
    }
    for (uint32_t at = 0; at < PCI_CONFIG_SIZE; at += 4)
        if (memcmp(oracle->clears + at, "\0\0\0\0", 4) != 0)
            oracle->status[oracle->status_count++] = at;
    memcpy(oracle->value, oracle->reset, PCI_CONFIG_SIZE);
}

static void reset(struct oracle *oracle)
{
    for (uint32_t i = 0; i < PCI_CONFIG_SIZE; i++)
        oracle->value[i] = (oracle->reset[i] & ~oracle->sticky[i]) | (oracle->value[i] & oracle->sticky[i]);
}

/* Out of D3hot into D0, without No_Soft_Reset. */
static bool wakes(const struct oracle *oracle, uint8_t before)
{
    uint8_t after = oracle->value[oracle->power];
    return oracle->power && (before & 3) == 3 && (after & 3) == 0 && !(after & 8);
}

uint32_t oracle_write(struct oracle *oracle, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    bool flr = false;
    uint8_t power = oracle->value[oracle->power];
    if (length == 0 || (uint64_t)offset + length > PCI_CONFIG_SIZE)
        return 0;
    for (uint32_t i = 0; i < length; i++) {
        uint32_t at = offset + i;
        uint8_t old = oracle->value[at], taken = oracle->writable[at];
        if (at == oracle->power && at != 0 && !(oracle->states >> (bytes[i] & 3) & 1))
            taken &= (uint8_t)~3;
        oracle->value[at] = ((old & ~taken) | (bytes[i] & taken)) & ~(bytes[i] & oracle->clears[at]);
        flr |= at == oracle->flr && bytes[i] & 0x80;
    }
    if (flr || wakes(oracle, power))
        reset(oracle);
    oracle->resets += flr;
    return length;
}
