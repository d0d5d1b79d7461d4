/* SPDX-License-Identifier: MIT
 *
 * What image.c does when it is given a packet filter.
 */
#ifndef VFPLANE_TEST_CONTRACT_COMMANDS_H
#define VFPLANE_TEST_CONTRACT_COMMANDS_H

enum {
    COMMAND_NOTHING,
    COMMAND_SLEEP,        /* IRQL_TOO_HIGH */
    COMMAND_DISABLE,      /* VIRTUALIZATION_OFF_TWICE, only suspicious */
    COMMAND_WRITE_BEFORE, /* the information buffer */
    COMMAND_WRITE_BEHIND, /* a buffer of 8 bytes */
    COMMAND_LEAK,
    COMMAND_NULL, /* a fault that is no guard page's */
};

#endif
