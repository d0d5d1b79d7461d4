/* SPDX-License-Identifier: MIT
 *
 * refgen on its card, and the interfaces it hands out, as the cases of one program share them.
 */
#ifndef VFPLANE_TESTS_REFGEN_CARD_H
#define VFPLANE_TESTS_REFGEN_CARD_H

#include "refgen_rig.h"

extern struct rig rig;
extern UCHAR data[8192];

/* For cmocka: not started; started. */
int empty(void **state);
int set_up(void **state);
int tear_down(void **state);

void untouched(void); /* data is as it was */

#define SRIOV(routine, ...) rig.sriov.routine(rig.sriov.Context, __VA_ARGS__)
#define MITIGATED(vf, read, bar, offset, length)                                                                       \
    rig.mitigable.ReadWriteMitigatedRegister(rig.mitigable.Context, vf, read, bar, offset, length, data)

#define CASE(test)  cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define EMPTY(test) cmocka_unit_test_setup_teardown(test, empty, tear_down)

#endif
