/* SPDX-License-Identifier: MIT
 *
 * The PF miniport: its state and what its files offer each other.
 *
 * Model: dynamic switch (ndis.md 7.2): virtualization is enabled by OID_NIC_SWITCH_CREATE_SWITCH and disabled by
 * DELETE_SWITCH, or by MiniportHaltEx if the switch is still there.
 *
 * Threads: NDIS hands over one OID at a time at PASSIVE_LEVEL, and none while the adapter initialises or halts. The
 * switch, its VFs, VPorts and filters are touched only there and need no lock. What is marked (L) is under the port's
 * lock.
 */
#ifndef REFNIC_PF_H
#define REFNIC_PF_H

#include "../common/bars.h"
#include "../common/function.h"
#include "../common/mailbox.h"
#include "port.h"
#include "registers.h"

struct pf_vf {
    NDIS_SRIOV_FUNCTION_ID id;
    NDIS_NIC_SWITCH_VPORT_ID vport; /* NDIS_DEFAULT_VPORT_ID: none */
    struct nic_function function;
    BOOLEAN wake;
    NDIS_DEVICE_POWER_STATE power;
    struct nic_mailbox mailbox; /* (L) */
};

struct pf_vport {
    NDIS_NIC_SWITCH_VPORT_STATE state; /* Undefined: does not exist */
    NDIS_SRIOV_FUNCTION_ID function;   /* NDIS_PF_FUNCTION_ID, or the VF it is attached to */
    ULONG queue_pairs;
    ULONG filters;
    NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION moderation;
    GROUP_AFFINITY affinity;
};

struct pf_filter {
    LIST_ENTRY link;
    NDIS_RECEIVE_FILTER_ID id;
    NDIS_NIC_SWITCH_VPORT_ID vport;
    UCHAR mac[NIC_MAC_LENGTH];
    USHORT vlan;
};

struct pf_switch {
    BOOLEAN exists;
    USHORT num_vfs;
    ULONG num_allocated;
    USHORT first_free;       /* no VF below it is free */
    ULONG num_vports;        /* besides the default one */
    struct pf_vf **vfs;      /* num_vfs entries; NULL: not allocated */
    struct pf_vport *vports; /* max_vports entries by VPortId; 0 is the default one */
    LIST_ENTRY filters;
    ULONG num_filters;
    NDIS_NIC_SWITCH_FRIENDLYNAME name;
};

struct pf_adapter {
    struct nic_port port; /* first */
    USHORT vendor;
    USHORT sriov; /* offset of the SR-IOV capability, 0: none */
    USHORT total_vfs;
    USHORT vf_device;    /* Device ID an operating system shall see for the VFs */
    BOOLEAN enabled;     /* SR-IOV may be used: capability there, *SRIOV not 0 */
    BOOLEAN virtualized; /* we enabled virtualization and have not disabled it */
    USHORT max_vfs;
    ULONG max_vports;
    struct nic_bars bars;
    struct pf_switch nic_switch;
};

#define PF_SPARE_VPORTS 4 /* VPorts the PF may have besides the default one */
#define PF_VPORT_QUEUES 2 /* queue pairs of a VPort; the pool has that many for each VPort, so it never runs dry */

/* pf_hardware.c: the adapter's own registers, keywords and resources. PASSIVE_LEVEL, from MiniportInitializeEx. */
NDIS_STATUS pf_read_hardware(struct pf_adapter *adapter, PNDIS_MINIPORT_INIT_PARAMETERS parameters);
/* Enables virtualization for that many VFs and waits until they answer; on failure it is off again. */
NDIS_STATUS pf_enable(struct pf_adapter *adapter, USHORT num_vfs);
NDIS_STATUS pf_disable(struct pf_adapter *adapter);
/* A register access failed: the card is gone, or faulty. */
NDIS_STATUS pf_hardware_failed(struct pf_adapter *adapter);

/* pf_attributes.c */
NDIS_STATUS pf_hardware_assist(struct pf_adapter *adapter);

/* pf_oid.c */
MINIPORT_OID_REQUEST pf_oid_request;
extern const struct nic_oid pf_oids[];
extern const ULONG pf_oid_count;

/* pf_switch.c */
BOOLEAN pf_name_is_good(USHORT length);             /* of an NDIS_IF_COUNTED_STRING */
VOID pf_switch_discard(struct pf_adapter *adapter); /* everything the switch holds in memory, in any state */

/* pf_vf.c. NULL: out of range, or not allocated. */
struct pf_vf *pf_vf_find(struct pf_adapter *adapter, NDIS_SRIOV_FUNCTION_ID id);

/* pf_vport.c. NULL: does not exist. */
struct pf_vport *pf_vport_find(struct pf_adapter *adapter, NDIS_NIC_SWITCH_VPORT_ID id);

/* pf_filter.c */
VOID pf_filters_discard(struct pf_adapter *adapter);

/* pf_reset.c: FLR of one VF. Success means that the function answered again with its registers at their reset values.
 */
NDIS_STATUS pf_vf_reset(struct pf_adapter *adapter, struct pf_vf *vf);

/* pf_blocks.c */
VOID pf_blocks_start(struct pf_adapter *adapter, struct pf_vf *vf, const UCHAR *mac);
/* An administrator's command for the VF's agents. NDIS_STATUS_INVALID_PARAMETER: no such VF. */
NDIS_STATUS pf_blocks_command(struct pf_adapter *adapter, NDIS_SRIOV_FUNCTION_ID id, ULONG control, USHORT command);
VOID pf_blocks_reset(struct pf_adapter *adapter, struct pf_vf *vf); /* the VF's driver is gone */
VOID pf_blocks_link_changed(struct pf_adapter *adapter);            /* tells every VF; at most DISPATCH_LEVEL */

/* Handlers of pf_oids: PASSIVE_LEVEL, context = the adapter. */
#define PF_OID(name) NDIS_STATUS name(PVOID context, struct nic_request *request)
PF_OID(pf_create_switch);
PF_OID(pf_delete_switch);
PF_OID(pf_switch_parameters);
PF_OID(pf_create_vport);
PF_OID(pf_delete_vport);
PF_OID(pf_vport_parameters);
PF_OID(pf_set_filter);
PF_OID(pf_clear_filter);
PF_OID(pf_move_filter);
PF_OID(pf_allocate_vf);
PF_OID(pf_free_vf);
PF_OID(pf_vendor_device_id);
PF_OID(pf_probed_bars);
PF_OID(pf_bar_resources);
PF_OID(pf_read_config);
PF_OID(pf_write_config);
PF_OID(pf_read_block);
PF_OID(pf_write_block);
PF_OID(pf_reset_vf);
PF_OID(pf_set_vf_power);

#endif
