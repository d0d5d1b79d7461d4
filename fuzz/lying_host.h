/* SPDX-License-Identifier: MIT
 *
 * The honest host of tests/vpci, which may lie whenever it answers or is asked for something: another status, other
 * bytes, cut or long, a wrong transaction id, twice, never, unasked messages, words of the rings.
 */
#ifndef VFPLANE_FUZZ_LYING_HOST_H
#define VFPLANE_FUZZ_LYING_HOST_H

#include "../tests/vpci/script_host.h"
#include "input.h"

extern struct script lying_host;
extern bool lying_host_honest; /* so far */

void lying_host_init(struct input input); /* what it does */
int lying_host_start(void);               /* the guest's end of its socket */
bool lying_host_round(void);              /* false: there was nothing to do */
/* A message that it may send at any time, some of its dwords changed. */
void lying_host_volunteer(uint8_t kind);
void lying_host_end(void);

#endif
