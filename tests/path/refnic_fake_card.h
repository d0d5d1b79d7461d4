/* SPDX-License-Identifier: MIT
 *
 * Between the two halves of the stand-in: the card and the counters, as its routines use them.
 */
#ifndef VFPLANE_TESTS_REFNIC_FAKE_CARD_H
#define VFPLANE_TESTS_REFNIC_FAKE_CARD_H

#include "refnic_fake.h"

/* The miniport broke a rule that holds for every call. */
void fake_mistake(const char *what);
/* A routine was called: a mistake when the driver holds its lock. */
void fake_entered(const char *routine);
/* The same for a routine that can fail; true when this is the call that shall. */
bool fake_fails(const char *routine);

/* A write to a VF's registers: what is writable is stored, Initiate FLR resets it. */
void fake_write(UCHAR *config, unsigned offset, const UCHAR *data, unsigned length);
/* VF Enable with that many VFs; 0 clears it. */
void fake_enable(unsigned num_vfs);

#endif
