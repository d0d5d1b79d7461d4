/* SPDX-License-Identifier: MIT
 *
 * The VF miniport: its state and what its files offer each other. It runs in a guest, talks to the registers of its
 * function through the virtual PCI bus, and to the PF driver through the blocks of common/blocks.h (ndis.md 7.4
 * to 7.7).
 *
 * Threads: MiniportInitializeEx, Restart, HaltEx and OIDs exclude each other; all run at PASSIVE_LEVEL, where the
 * backchannel may wait for the host. What is read on the data path is under the port's lock.
 */
#ifndef REFNIC_VF_H
#define REFNIC_VF_H

#include "../common/blocks.h"
#include "port.h"
#include "registers.h"

/* Of the statistics agent; (L) is the port's lock. */
struct vf_statistics {
    NDIS_HANDLE timer, work;
    NDIS_EVENT written; /* signalled by the last snapshot of all */
    BOOLEAN writing;    /* (L) the work item is queued or runs */
    BOOLEAN asked;      /* (L) another snapshot meanwhile */
    BOOLEAN failed;     /* (L) the period is over for a PF that took none */
    BOOLEAN stopped;    /* (L) */
};

struct vf_adapter {
    struct nic_port port; /* first */
    UCHAR msix;           /* offset of the MSI-X capability */
    USHORT rings;         /* one for each interrupt message besides the one for events */
    ULONG agents;         /* that are there now, REFNIC_AGENT_* */
    USHORT sequence;      /* of the next statistics snapshot; the work item's */
    struct vf_statistics statistics;
};

/* vf_hardware.c. Each step fails with NDIS_STATUS_FAILURE. */
NDIS_STATUS vf_read_hardware(struct vf_adapter *adapter);
NDIS_STATUS vf_start_hardware(struct vf_adapter *adapter); /* on failure all is off again */
VOID vf_stop_hardware(struct vf_adapter *adapter);         /* any IRQL */

/* vf_blocks.c. NDIS_STATUS_FAILURE: the block could not be read or written. */
NDIS_STATUS vf_read_link(struct vf_adapter *adapter);      /* address, and link state */
NDIS_STATUS vf_answer_control(struct vf_adapter *adapter); /* block 0: say what we are, do what is asked */
NDIS_STATUS vf_agents_come(struct vf_adapter *adapter);
VOID vf_agents_go(struct vf_adapter *adapter);

/* vf_statistics.c. From open to close; NDIS_STATUS_RESOURCES. Nothing is written after close. */
NDIS_STATUS vf_statistics_open(struct vf_adapter *adapter);
VOID vf_statistics_close(struct vf_adapter *adapter);
VOID vf_statistics_command(struct vf_adapter *adapter, USHORT command);

/* vf_oid.c */
MINIPORT_OID_REQUEST vf_oid_request;
extern const struct nic_oid vf_oids[];
extern const ULONG vf_oid_count;

#endif
