/* SPDX-License-Identifier: MIT
 *
 * What an administrator's program may ask of refgen besides the IOCTLs of pcivirt.h, which know nothing of networks.
 */
#ifndef REFGEN_H
#define REFGEN_H

#include <wdm.h>

/* Sets the PF's link. Every VF's link block changes with it, and is invalidated. IRP_MJ_DEVICE_CONTROL, from either
 * mode. STATUS_BUFFER_TOO_SMALL: no whole structure; STATUS_INVALID_PARAMETER: faster than 10 Gbit/s, or up without a
 * speed.
 */
#define IOCTL_REFGEN_SET_LINK CTL_CODE(FILE_DEVICE_NETWORK, 0x900, METHOD_BUFFERED, FILE_WRITE_DATA)

typedef struct _REFGEN_LINK {
    ULONG Connected; /* not 0: the wire is up */
    ULONG Reserved;
    ULONG64 Speed; /* bit/s in both directions; ignored while down */
} REFGEN_LINK;

/* Puts a command into block 0 of a VF (common/blocks.h) and invalidates it. IRP_MJ_DEVICE_CONTROL, from either mode.
 * STATUS_BUFFER_TOO_SMALL: no whole structure; STATUS_INVALID_PARAMETER: no such VF. */
#define IOCTL_REFGEN_VF_COMMAND CTL_CODE(FILE_DEVICE_NETWORK, 0x901, METHOD_BUFFERED, FILE_WRITE_DATA)

typedef struct _REFGEN_VF_COMMAND {
    ULONG Control; /* the agents addressed, REFNIC_AGENT_* */
    USHORT Command;
    USHORT VFId;
} REFGEN_VF_COMMAND;

C_ASSERT(IOCTL_REFGEN_SET_LINK == 0x0012A400 && sizeof(REFGEN_LINK) == 16);
C_ASSERT(IOCTL_REFGEN_VF_COMMAND == 0x0012A404 && sizeof(REFGEN_VF_COMMAND) == 8);

#endif
