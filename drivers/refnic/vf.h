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

struct vf_adapter {
    struct nic_port port; /* first */
    UCHAR msix;           /* offset of the MSI-X capability */
    USHORT rings;         /* one for each interrupt message besides the one for events */
    USHORT sequence;      /* of the next statistics snapshot */
};

/* vf_hardware.c. Each step fails with NDIS_STATUS_FAILURE. */
NDIS_STATUS vf_read_hardware(struct vf_adapter *adapter);
NDIS_STATUS vf_start_hardware(struct vf_adapter *adapter); /* on failure all is off again */
VOID vf_stop_hardware(struct vf_adapter *adapter);         /* any IRQL */

/* vf_blocks.c. NDIS_STATUS_FAILURE: the block could not be read or written. */
NDIS_STATUS vf_read_link(struct vf_adapter *adapter);      /* block 1: address, and link state */
NDIS_STATUS vf_answer_control(struct vf_adapter *adapter); /* block 0: say what we are, do what is asked */
NDIS_STATUS vf_write_snapshot(struct vf_adapter *adapter); /* block 2 */
VOID vf_leave(struct vf_adapter *adapter);                 /* block 0: this driver is gone */

/* vf_oid.c */
MINIPORT_OID_REQUEST vf_oid_request;
extern const struct nic_oid vf_oids[];
extern const ULONG vf_oid_count;

#endif
