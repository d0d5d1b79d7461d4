/* SPDX-License-Identifier: MIT
 *
 * What the routines about configuration share: an open configuration is a prefix of the partition's keywords, and what
 * was read through it.
 */
#ifndef VFPLANE_NDIS_CONFIGURATION_H
#define VFPLANE_NDIS_CONFIGURATION_H

#include "ndis/internal.h"

#define NDIS_KEYWORD_MAX 256

struct reading {
    struct reading *next;
    NDIS_CONFIGURATION_PARAMETER parameter;
    WCHAR text[];
};

struct configuration {
    struct configuration *next; /* in room->configurations: what is not there is no handle */
    const char *driver;         /* that opened it; NULL = not known */
    struct ndis_partition *room;
    struct reading *readings; /* live until the handle is closed */
    char prefix[NDIS_KEYWORD_MAX];
};

/* NULL, reported: not an open configuration. */
struct configuration *ndis_configuration_checked(NDIS_HANDLE handle, const char *routine);
struct configuration *ndis_make_configuration(struct ndis_partition *room, const char *prefix);
/* The whole keyword that a driver names by its last part; keywords are ASCII, anything else has no match. false: too
 * long. */
bool ndis_to_name(const struct configuration *configuration, PNDIS_STRING given, char name[NDIS_KEYWORD_MAX]);
/* The value of a keyword, to be freed; NULL when it is not set (or no memory). */
char *ndis_keyword_value(struct ndis_partition *room, const char *name);
/* UTF-8 to UTF-16 units in `to` (room for strlen(value) + 1); bytes written without the terminator. */
USHORT ndis_to_wide(const char *value, WCHAR *to);

#endif
