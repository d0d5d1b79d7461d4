/* SPDX-License-Identifier: MIT
 *
 * Runs a driver with two adapters, a bad one and a good one, and compares what was found.
 */
#ifndef VFPLANE_TEST_CONTRACT_RIG_H
#define VFPLANE_TEST_CONTRACT_RIG_H

#include "pf.h"

#include "pci/pci.h"
#include "pcibus/pcibus.h"

struct row {
    const char *rule; /* NULL: none */
    struct bad bad;
};

/* Each row in a host of its own: its rule is found and no other, and the good adapter goes on. For main(). */
int rig_main(const struct row *rows, size_t count);

#endif
