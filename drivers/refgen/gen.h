/* SPDX-License-Identifier: MIT
 *
 * refgen: its state and what its files offer each other.
 *
 * Life: AddDevice makes the adapter; START_DEVICE reads the card and enables virtualization; STOP_DEVICE (a rebalance)
 * disables it until the next start; a pulled or removed device answers STATUS_NO_SUCH_DEVICE for ever after. The
 * adapter lives in pool of its own as long as the device or anybody who holds one of its interfaces.
 *
 * Threads: PnP requests exclude each other. Callbacks and IOCTLs come at PASSIVE_LEVEL on any thread, several at a
 * time, also for one VF. What is marked (L) is under the adapter's lock, which is held for copies only: nothing is
 * called and no IRP completed under it.
 */
#ifndef GEN_H
#define GEN_H

#include <pcivirt.h>
#include <wdmguid.h>

#include "../common/bars.h"
#include "../common/function.h"
#include "../common/mailbox.h"
#include "refgen.h"

#define GEN_TAG 'negR' /* "Rgen" in a pool dump */

struct gen_vf {
    USHORT index;
    LIST_ENTRY dirty;           /* (L) in adapter->dirty while `invalid` is not 0 */
    ULONG64 invalid;            /* (L) blocks to be announced */
    struct nic_mailbox mailbox; /* (L) */
    BOOLEAN ranges_changed;     /* (L) since a request for it was completed */
    DEVICE_POWER_STATE power;   /* (L) */
    BOOLEAN wake;
    KMUTEX busy; /* one reset or change of power at a time */
    struct nic_function function;
    LUID luid;
};

/* The protocol of a rebalance (pci.md 3.6). All (L). */
struct gen_events {
    BOOLEAN attached;
    BOOLEAN rebalancing; /* from QUERY_STOP to its veto, CANCEL_STOP or the next start */
    BOOLEAN pending;     /* the PnP thread waits for the client's word */
    BOOLEAN fresh;       /* no NOTIFICATION has carried the event yet */
    SRIOV_PF_EVENT code;
    NTSTATUS status;          /* the client's word */
    KEVENT resolved;          /* it came, or nobody is left to give it */
    KEVENT safe;              /* no rebalance, or no device */
    LIST_ENTRY notifications; /* IRPs */
};

struct gen_adapter {
    LONG references; /* the device and each interface handed out */
    PDEVICE_OBJECT pdo, lower;
    IO_REMOVE_LOCK remove_lock; /* PnP requests and IOCTLs inside */
    UNICODE_STRING link_name;   /* of the device interface */
    BUS_INTERFACE_STANDARD bus; /* Size 0: not there, as below */
    PCI_VIRTUALIZATION_INTERFACE virtualization;
    USHORT sriov; /* offset of the capability, 0: none */
    USHORT vendor, vf_device;
    struct nic_bars bars;
    UCHAR mac[NIC_MAC_LENGTH];
    BOOLEAN has_luid;
    LUID luid;

    KSPIN_LOCK lock;
    BOOLEAN started;      /* (L) virtualization is enabled, if there are VFs */
    BOOLEAN removed;      /* (L) */
    ULONG calls;          /* (L) callbacks between gen_enter and gen_leave */
    KEVENT idle;          /* none is */
    USHORT num_vfs;       /* (L) set by the first start */
    struct gen_vf **vfs;  /* (L) num_vfs entries; NULL: never asked for */
    struct nic_link link; /* (L) */
    struct gen_events events;

    ULONG64 invalid_all;      /* (L) blocks of every VF to be announced */
    LIST_ENTRY dirty;         /* (L) VFs with blocks of their own to be announced */
    LIST_ENTRY invalidations; /* (L) IRPs */
    LIST_ENTRY range_updates; /* (L) IRPs; DriverContext[0] is the VF */
};

struct gen_adapter *gen_adapter_of(PDEVICE_OBJECT device);
VOID gen_reference(struct gen_adapter *adapter);
VOID gen_release(struct gen_adapter *adapter);

/* gen_pnp.c */
DRIVER_DISPATCH gen_pnp;
NTSTATUS gen_pass(PDEVICE_OBJECT device, PIRP irp); /* to the driver below, unchanged */

/* gen_hardware.c. PASSIVE_LEVEL. */
struct nic_config gen_config_vf(struct gen_adapter *adapter, USHORT vf);
/* Reads the card and enables virtualization for *NumVFs VFs, at most TotalVFs; without the keyword for all of them. A
 * card without SR-IOV, or *SRIOV 0, starts without VFs. */
NTSTATUS gen_start(struct gen_adapter *adapter, const CM_PARTIAL_RESOURCE_LIST *resources);
VOID gen_stop(struct gen_adapter *adapter); /* waits until no callback is inside */

/* gen_vf.c */
/* Opens a callback for one VF; gen_leave ends it. In this order (pci.md 5.10): STATUS_INVALID_PARAMETER no such VF, VFs
 * not enabled, or `needed` NULL; STATUS_NO_SUCH_DEVICE; STATUS_INSUFFICIENT_RESOURCES. */
NTSTATUS gen_enter(struct gen_adapter *adapter, USHORT index, const VOID *needed, struct gen_vf **vf);
VOID gen_leave(struct gen_adapter *adapter);
VOID gen_forget_vfs(struct gen_adapter *adapter); /* their drivers are gone */
VOID gen_free_vfs(struct gen_adapter *adapter);
VOID gen_fill_sriov(PSRIOV_DEVICE_INTERFACE_STANDARD_2 out);

/* gen_interface.c: the status the query completes with; FALSE: not ours, it goes down. */
BOOLEAN gen_query_interface(struct gen_adapter *adapter, PIO_STACK_LOCATION stack, NTSTATUS *status);

/* gen_blocks.c */
SRIOV_READ_BLOCK gen_read_block;
SRIOV_WRITE_BLOCK gen_write_block;
/* ORs the mask into what is announced of a VF, or of all (SRIOV_INVALIDATE_BLOCK_ALL_VFS). */
VOID gen_invalidate(struct gen_adapter *adapter, USHORT index, ULONG64 mask);
NTSTATUS gen_wait_invalidation(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS gen_set_link(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS gen_command_vf(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);

/* gen_mitigation.c */
READ_WRITE_MITIGATED_REGISTER gen_mitigated_register;
NTSTATUS gen_range_count(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS gen_ranges(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS gen_wait_range_update(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
VOID gen_ranges_changed(struct gen_adapter *adapter, struct gen_vf *vf);

/* gen_events.c */
VOID gen_events_init(struct gen_events *events);
NTSTATUS gen_attach(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS gen_detach(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS gen_notification(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
NTSTATUS gen_event_complete(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack);
/* QUERY_STOP: waits for the client. A failure is its veto, and ends the rebalance. */
NTSTATUS gen_rebalance_begins(struct gen_adapter *adapter);
/* CANCEL_STOP, or started again: waits for the client. Nothing when no rebalance is on. */
VOID gen_rebalance_ends(struct gen_adapter *adapter);
/* The device is gone: everybody who waits is let go. */
VOID gen_gone(struct gen_adapter *adapter);

/* gen_queue.c: IRPs that wait, and may be cancelled while they do. */
/* Puts the IRP at the end: STATUS_PENDING. STATUS_NO_SUCH_DEVICE: the device is gone, the IRP stays the caller's. */
NTSTATUS gen_queue(struct gen_adapter *adapter, PLIST_ENTRY queue, PIRP irp);
/* Under the lock: takes out the oldest for that VF (ALL_VFS: for any), to be completed by the caller; NULL: none. */
PIRP gen_dequeue(PLIST_ENTRY queue, USHORT vf);
VOID gen_complete(struct gen_adapter *adapter, PIRP irp, NTSTATUS status,
                  ULONG_PTR information); /* one that was queued */
VOID gen_end_queue(struct gen_adapter *adapter, PLIST_ENTRY queue, NTSTATUS status);

/* gen_ioctl.c */
DRIVER_DISPATCH gen_control;

#endif
