/* SPDX-License-Identifier: MIT
 *
 * The PF of the synthetic card, the plain way: bytes, one table written from pci.md 4.1 and the PCI Express
 * specification beside it, and the few rules of state in words. Nothing of the room is used.
 */
#ifndef TESTS_PCI_ORACLE_PF_H
#define TESTS_PCI_ORACLE_PF_H

#include "fixture.h"

struct pf_oracle {
    uint8_t value[PCI_CONFIG_SIZE], reset[PCI_CONFIG_SIZE];
    uint8_t writable[PCI_CONFIG_SIZE], clears[PCI_CONFIG_SIZE], sticky[PCI_CONFIG_SIZE];
    unsigned resets;
};

void pf_oracle_init(struct pf_oracle *oracle);
/* Returns what pci_config_write must return. */
uint32_t pf_oracle_write(struct pf_oracle *oracle, uint32_t offset, const uint8_t *bytes, uint32_t length);
uint16_t pf_oracle_vfs(const struct pf_oracle *oracle); /* that exist */

#endif
