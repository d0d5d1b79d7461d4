/* SPDX-License-Identifier: MIT
 *
 * A synthetic card on a PCI bus, its VFs enabled through the interface that a PF driver gets.
 */
#ifndef VFPLANE_BENCH_CARD_H
#define VFPLANE_BENCH_CARD_H

#include "bench.h"

#include <wdm.h>

#include "nt/nt.h"
#include "pci/internal.h" /* which registers a VF keeps */
#include "pcibus/pcibus.h"

struct bench_card {
    struct nt_partition *partition;
    struct pci_profile *profile;
    struct pci_device *device;
    PDEVICE_OBJECT pdo;
    PCI_VIRTUALIZATION_INTERFACE bus;
    uint32_t *order; /* VFs in random order, the same in every run */
    uint32_t vfs, at;
    uint32_t plain;   /* offset of a VF's register whose bits are all writable and without effect, or nearly all */
    uint32_t control; /* of Device Control */
};

/* The calling thread is in the card's partition afterwards. False: nothing is left open. */
bool bench_card_open(struct bench_card *card, uint16_t vfs);
bool bench_card_enable(struct bench_card *card, bool enable);
void bench_card_close(struct bench_card *card);

#endif
