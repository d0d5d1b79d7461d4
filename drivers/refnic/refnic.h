/* SPDX-License-Identifier: MIT
 *
 * What an administrator's program may ask of refnic's PF miniport besides the OIDs of NDIS.
 */
#ifndef REFNIC_H
#define REFNIC_H

#include <ntddndis.h>

/* Puts a command into block 0 of a VF (blocks.h) and invalidates it. Set, with a REFNIC_VF_COMMAND; exists while SR-IOV
 * is enabled. NDIS_STATUS_INVALID_LENGTH with BytesNeeded: no whole structure; NDIS_STATUS_INVALID_PARAMETER: no such
 * VF. */
#define OID_REFNIC_VF_COMMAND 0xFF020101u

typedef struct _REFNIC_VF_COMMAND {
    ULONG Control; /* the agents addressed, REFNIC_AGENT_* */
    USHORT Command;
    NDIS_SRIOV_FUNCTION_ID VFId;
} REFNIC_VF_COMMAND;

#endif
