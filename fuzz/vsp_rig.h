/* SPDX-License-Identifier: MIT
 *
 * The VSP without a thread of its own, over the fake PF of tests/vstack: its worker runs when somebody sleeps or
 * one_thread_settle() is called, and its clock goes when it is told to.
 */
#ifndef FUZZ_VSP_RIG_H
#define FUZZ_VSP_RIG_H

#include "../tests/vpci/raw_guest.h"
#include "input.h"
#include "one_thread.h"

/* A host with two guests: both up (version 1.4, D0, assigned) when `up`, else the first only open. The rest of the run
 * is on one thread. */
struct raw_host *vsp_rig_up(const struct fake_device *device, bool up, struct raw_guest **guest,
                            struct raw_guest **second);
/* The second guest still works; nothing stays behind. */
void vsp_rig_down(struct raw_host *host, struct raw_guest *guest, struct raw_guest *second);
void vsp_rig_pass(uint64_t ns); /* time */

#endif
