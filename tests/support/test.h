/* SPDX-License-Identifier: MIT
 *
 * What every test program starts from: cmocka, and a skip that says why.
 * A case is named after the rule it holds: write_past_4096_returns_zero_and_changes_nothing.
 */
#ifndef VFPLANE_TEST_H
#define VFPLANE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define TEST_SKIP(reason)                                                                                              \
    do {                                                                                                               \
        printf("# SKIP-REASON %s: %s\n", __func__, reason);                                                            \
        skip();                                                                                                        \
    } while (0)

#endif
