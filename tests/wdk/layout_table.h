/* SPDX-License-Identifier: MIT
 *
 * What layout_gen.py leaves for the running test: the GUIDs, which no static assertion can look into, and the account
 * of the rows.
 */
#ifndef VFPLANE_TEST_LAYOUT_TABLE_H
#define VFPLANE_TEST_LAYOUT_TABLE_H

#include <guiddef.h>

struct layout_guid {
    const char *name;
    const GUID *guid;
    unsigned char bytes[16]; /* as they lie in memory */
};

/* Rows that are not asserted here: why, and how many. */
struct layout_group {
    const char *reason;
    unsigned rows;
};

extern const struct layout_guid layout_guids[];
extern const unsigned layout_guid_count;
extern const struct layout_group layout_out_of_scope[];
extern const unsigned layout_group_count;
extern const unsigned layout_rows_asserted;

#endif
