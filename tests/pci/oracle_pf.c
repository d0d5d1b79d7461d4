/* SPDX-License-Identifier: MIT */
#include "oracle_pf.h"

#define TOTAL_VFS 8u
#define PAGES     0x553u

enum {
    DEVICE_CONTROL = 0x98,
    CONTROL = SRIOV_SYNTHETIC + 0x08,
    NUM_VFS = SRIOV_SYNTHETIC + 0x10,
    PAGE_SIZE = SRIOV_SYNTHETIC + 0x20,
    VF_BAR = SRIOV_SYNTHETIC + 0x24,
};

/* What software may do to each byte; bytes that are not here it cannot change. `sticky`: FLR leaves these bits. */
static const struct {
    uint16_t at;
    uint8_t writable, clears, sticky;
} bytes_of_pf[] = {
    {0x04, 0x47, 0, 0}, /* Command: I/O, Memory, Bus Master, Parity */
    {0x05, 0x05, 0, 0}, /*   SERR, INTx Disable */
    {0x07, 0, 0xf9, 0}, /* Status: six errors */
    {0x0c, 0xff, 0, 0}, /* Cache Line Size */
    {0x11, 0xc0, 0, 0}, /* BAR 0: 16 KiB, 64 bits */
    {0x12, 0xff, 0, 0},       {0x13, 0xff, 0, 0},        {0x14, 0xff, 0, 0},
    {0x15, 0xff, 0, 0},       {0x16, 0xff, 0, 0},        {0x17, 0xff, 0, 0},
    {0x3c, 0xff, 0, 0},       /* Interrupt Line */
    {0x44, 0x03, 0, 0},       /* PowerState: D1 and D2 are there */
    {0x45, 0x01, 0x80, 0x81}, /* PME_En, PME_Status */
    {0x52, 0x71, 0, 0},       /* MSI: Enable, Multiple Message Enable; address, data, masks */
    {0x54, 0xfc, 0, 0},       {0x55, 0xff, 0, 0},        {0x56, 0xff, 0, 0},
    {0x57, 0xff, 0, 0},       {0x58, 0xff, 0, 0},        {0x59, 0xff, 0, 0},
    {0x5a, 0xff, 0, 0},       {0x5b, 0xff, 0, 0},        {0x5c, 0xff, 0, 0},
    {0x5d, 0xff, 0, 0},       {0x60, 0xff, 0, 0},        {0x61, 0xff, 0, 0},
    {0x62, 0xff, 0, 0},       {0x63, 0xff, 0, 0},        {0x73, 0xc0, 0, 0}, /* MSI-X: Enable, Function Mask */
    {0x98, 0xff, 0, 0xe0}, /* Device Control: reports, Max Payload (stays), Extended Tag, reads; no phantoms */
    {0x99, 0x7d, 0, 0},       {0x9a, 0, 0x0f, 0}, /* Device Status */
    {0xa0, 0xcb, 0, 0xcb},                        /* Link Control, without clock power management */
    {0xa1, 0x02, 0, 0x02},    {0xb8, 0x5f, 0, 0}, /* Device Control 2: timeout ranges and disable, ARI-less, no LTR, no
                                                     OBFF */
    {0xb9, 0x03, 0, 0},       {0xc0, 0xbf, 0, 0xbf}, /* Link Control 2 */
    {0xc1, 0xff, 0, 0xff},    {0xc2, 0, 0x20, 0x20}, /* Link Status 2 */
    {0x104, 0, 0x30, 0x30}, /* AER: status, mask, severity; correctable status, mask; enables of ECRC */
    {0x105, 0, 0xf0, 0xf0},   {0x106, 0, 0xff, 0xff},    {0x107, 0, 0x07, 0x07},
    {0x108, 0x30, 0, 0x30},   {0x109, 0xf0, 0, 0xf0},    {0x10a, 0xff, 0, 0xff},
    {0x10b, 0x07, 0, 0x07},   {0x10c, 0x30, 0, 0x30},    {0x10d, 0xf0, 0, 0xf0},
    {0x10e, 0xff, 0, 0xff},   {0x10f, 0x07, 0, 0x07},    {0x110, 0, 0xc1, 0xc1},
    {0x111, 0, 0xf1, 0xf1},   {0x114, 0xc1, 0, 0xc1},    {0x115, 0xf1, 0, 0xf1},
    {0x118, 0x40, 0, 0x40},   {0x119, 0x01, 0, 0x01},    {0x156, 0x1f, 0, 0}, /* ATS: translation unit, Enable */
    {0x157, 0x80, 0, 0},      {CONTROL, 0x19, 0, 0}, /* VF Enable, VF MSE, ARI Capable Hierarchy */
    {NUM_VFS, 0xff, 0, 0},    {NUM_VFS + 1, 0xff, 0, 0}, {VF_BAR + 1, 0xc0, 0, 0}, /* VF BAR 0: 16 KiB, 64 bits */
    {VF_BAR + 2, 0xff, 0, 0}, {VF_BAR + 3, 0xff, 0, 0},  {VF_BAR + 4, 0xff, 0, 0},
    {VF_BAR + 5, 0xff, 0, 0}, {VF_BAR + 6, 0xff, 0, 0},  {VF_BAR + 7, 0xff, 0, 0},
    {0x1b6, 0x7f, 0, 0}, /* ACS, egress control */
    {0x1b8, 0xff, 0, 0},      {0x1b9, 0xff, 0, 0},       {0x1ba, 0xff, 0, 0},
    {0x1bb, 0xff, 0, 0},      {0x1c4, 0xff, 0, 0}, /* LTR */
    {0x1c5, 0x1f, 0, 0},      {0x1c6, 0xff, 0, 0},       {0x1c7, 0x1f, 0, 0},
    {0x1d8, 0x07, 0, 0},                           /* TPH: mode, requester */
    {0x1d9, 0x03, 0, 0},      {0x204, 0x01, 0, 0}, /* Page Request: Enable; errors; allocation */
    {0x206, 0, 0x03, 0},      {0x20c, 0xff, 0, 0},       {0x20d, 0xff, 0, 0},
    {0x20e, 0xff, 0, 0},      {0x20f, 0xff, 0, 0},       {0x216, 0x07, 0, 0}, /* PASID: Enable, Execute, Privileged */
};

void pf_oracle_init(struct pf_oracle *oracle)
{
    struct capture_page page;
    page_load(&page, CARD_SYNTHETIC);
    *oracle = (struct pf_oracle){0};
    for (unsigned i = 0; i < sizeof bytes_of_pf / sizeof *bytes_of_pf; i++) {
        oracle->writable[bytes_of_pf[i].at] = bytes_of_pf[i].writable;
        oracle->clears[bytes_of_pf[i].at] = bytes_of_pf[i].clears;
        oracle->sticky[bytes_of_pf[i].at] = bytes_of_pf[i].sticky;
    }
    for (uint32_t at = 0x1dc; at < 0x1ec; at++)
        oracle->writable[at] = 0xff; /* steering tags */
    memcpy(oracle->reset, page.pf.space, PCI_CONFIG_SIZE);
    memcpy(oracle->value, page.pf.space, PCI_CONFIG_SIZE);
    /* Firmware gave addresses; a reset takes them. */
    memset(oracle->reset + 0x11, 0, 7);
    memset(oracle->reset + VF_BAR + 1, 0, 7);
}

static uint32_t dword(const uint8_t *bytes)
{
    return bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static bool enabled(const struct pf_oracle *oracle)
{
    return oracle->value[CONTROL] & 1;
}

uint16_t pf_oracle_vfs(const struct pf_oracle *oracle)
{
    return enabled(oracle) ? dword(oracle->value + NUM_VFS) & 0xffff : 0;
}

/* The bits of this byte that are writable as things stand. */
static uint8_t writable_now(const struct pf_oracle *oracle, uint32_t at, uint8_t byte)
{
    uint8_t writable = oracle->writable[at];
    bool too_many = (dword(oracle->value + NUM_VFS) & 0xffff) > TOTAL_VFS;
    if (enabled(oracle) && at >= NUM_VFS && at < NUM_VFS + 2)
        return 0;
    if (at == CONTROL && enabled(oracle))
        return writable & (uint8_t)~0x10; /* the hierarchy stands still */
    if (at == CONTROL && byte & 1 && too_many)
        return writable & (uint8_t)~0x01;
    return writable;
}

/* An aperture is never smaller than a page: its lower address bits are 0. */
static uint8_t aligned(const struct pf_oracle *oracle, uint32_t at, uint8_t value)
{
    uint64_t mask = (uint64_t)dword(oracle->value + PAGE_SIZE) * 4096 - 1;
    uint8_t below = at >= VF_BAR && at < VF_BAR + 8 ? mask >> 8 * (at - VF_BAR) & 0xff : 0;
    return at == VF_BAR ? value : value & (uint8_t)~below;
}

/* As one: all of it, or none where it is no size. */
static void write_page_size(struct pf_oracle *oracle, uint32_t at, const uint8_t *bytes, uint32_t length)
{
    uint8_t candidate[4];
    memcpy(candidate, oracle->value + PAGE_SIZE, 4);
    memcpy(candidate + (at - PAGE_SIZE), bytes, length);
    uint32_t size = dword(candidate);
    if (!enabled(oracle) && size && !(size & (size - 1)) && size & PAGES)
        memcpy(oracle->value + PAGE_SIZE, candidate, 4);
}

static void write_byte(struct pf_oracle *oracle, uint32_t at, uint8_t byte)
{
    uint8_t taken = writable_now(oracle, at, byte);
    uint8_t value = (oracle->value[at] & ~taken) | (byte & taken);
    oracle->value[at] = aligned(oracle, at, value & ~(byte & oracle->clears[at]));
}

uint32_t pf_oracle_write(struct pf_oracle *oracle, uint32_t offset, const uint8_t *bytes, uint32_t length)
{
    bool flr = false;
    if (length == 0 || (uint64_t)offset + length > PCI_CONFIG_SIZE)
        return 0;
    for (uint32_t at = offset; at < offset + length;) {
        uint32_t left = offset + length - at;
        uint32_t piece = at % 4 == 0 && left >= 4 ? 4 : at % 2 == 0 && left >= 2 ? 2 : 1;
        const uint8_t *from = bytes + (at - offset);
        if (at / 4 == PAGE_SIZE / 4)
            write_page_size(oracle, at, from, piece);
        for (uint32_t i = 0; i < piece && at / 4 != PAGE_SIZE / 4; i++) {
            write_byte(oracle, at + i, from[i]);
            flr |= at + i == DEVICE_CONTROL + 1 && from[i] & 0x80;
        }
        at += piece;
    }
    for (uint32_t i = 0; i < PCI_CONFIG_SIZE && flr; i++)
        oracle->value[i] = (oracle->reset[i] & ~oracle->sticky[i]) | (oracle->value[i] & oracle->sticky[i]);
    oracle->resets += flr;
    return length;
}
