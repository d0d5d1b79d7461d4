/* SPDX-License-Identifier: MIT
 *
 * What the PF and the VF miniport have in common: an Ethernet port with an address and a link, the OIDs every miniport
 * answers, the general attributes, and sends. The card has no wire: a send is completed with a status and goes nowhere.
 *
 * Lock: one spin lock an adapter. It guards the members marked (L) here and in the adapters, is held for copies only,
 * and no routine of NDIS is called under it. Flags are interlocked.
 */
#ifndef REFNIC_PORT_H
#define REFNIC_PORT_H

#include "../common/mailbox.h"
#include "oid.h"

#define NIC_MTU 1500
#define NIC_TAG 'cinR' /* "Rnic" in a pool dump */

/* First member of both adapters, so that an adapter's context is also its port's. */
struct nic_port {
    NDIS_HANDLE handle; /* what MiniportInitializeEx was given */
    NDIS_SPIN_LOCK lock;
    volatile LONG flags;
    UCHAR permanent[NIC_MAC_LENGTH];
    UCHAR current[NIC_MAC_LENGTH]; /* (L) */
    struct nic_link link;          /* (L) */
    ULONG packet_filter;
    ULONG lookahead;
};

enum {
    NIC_REMOVED = 1,   /* the card is gone */
    NIC_RUNNING = 2,   /* between Restart and Pause */
    NIC_ANNOUNCED = 4, /* NDIS knows the link from the general attributes; changes are indicated from now on */
};

/* Zeroed memory for an adapter or a table of it; NULL on lack of memory. At most DISPATCH_LEVEL. */
PVOID nic_allocate(NDIS_HANDLE handle, ULONG64 bytes);
VOID nic_free(PVOID memory); /* NULL is nothing */

VOID nic_port_open(struct nic_port *port, NDIS_HANDLE handle);
VOID nic_port_close(struct nic_port *port);

LONG nic_flags(struct nic_port *port);
VOID nic_set_flags(struct nic_port *port, LONG clear, LONG set);

/* Registration and general attributes, with the OIDs of `table` and those of nic_general_oids. The first claims the
 * hardware, so a VF can talk to its PF before it has an address to put into the second. PASSIVE_LEVEL. */
NDIS_STATUS nic_register_attributes(struct nic_port *port, PVOID adapter);
NDIS_STATUS nic_general_attributes(struct nic_port *port, const struct nic_oid *table, ULONG count);

/* Stores the link; when it is another one than before, indicates it (once announced) and returns TRUE. Not under the
 * lock; at most DISPATCH_LEVEL. */
BOOLEAN nic_set_link(struct nic_port *port, const struct nic_link *link);
struct nic_link nic_get_link(struct nic_port *port);

/* Type of the partition this driver runs in; FALSE: NDIS did not say. */
BOOLEAN nic_partition(NDIS_HYPERVISOR_PARTITION_TYPE *type);

/* OIDs answered the same way by both: OID_GEN_*, OID_802_3_*, OID_PNP_*. */
extern const struct nic_oid nic_general_oids[];
extern const ULONG nic_general_oid_count;

/* The data path's handlers. */
MINIPORT_SEND_NET_BUFFER_LISTS nic_send;
MINIPORT_RETURN_NET_BUFFER_LISTS nic_return;
MINIPORT_CANCEL_SEND nic_cancel_send;
MINIPORT_PAUSE nic_pause;
MINIPORT_DEVICE_PNP_EVENT_NOTIFY nic_pnp_event;
MINIPORT_CANCEL_OID_REQUEST nic_cancel_oid;

#endif
