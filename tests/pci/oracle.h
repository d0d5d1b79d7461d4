/* SPDX-License-Identifier: MIT
 *
 * A VF byte by byte, the plain way: its own tables, written from pci.md 4.5 to 4.7 and not from the room's, one byte at
 * a time, no atomics, no dwords. Slow and obvious.
 */
#ifndef TESTS_PCI_ORACLE_H
#define TESTS_PCI_ORACLE_H

#include "fixture.h"

struct oracle {
    uint8_t value[PCI_CONFIG_SIZE], reset[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE], clears[PCI_CONFIG_SIZE], sticky[PCI_CONFIG_SIZE];
    uint32_t status[16], status_count; /* dwords that have bits to clear */
    uint32_t flr;                      /* the byte whose bit 7 is Initiate FLR */
    uint32_t power;                    /* the byte with PowerState, 0 = no such capability */
    unsigned states;                   /* 1 << D state that it takes */
    unsigned resets;
};

void oracle_init(struct oracle *oracle, enum card card);
/* Returns what pci_config_write must return. */
uint32_t oracle_write(struct oracle *oracle, uint32_t offset, const uint8_t *bytes, uint32_t length);

#endif
