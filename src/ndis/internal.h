/* SPDX-License-Identifier: MIT
 *
 * Inside NDIS. One partition has one ndis_partition (NT_SLOT_NDIS): its drivers, adapters and keywords. An adapter is
 * the FDO over a PDO; the NDIS_HANDLE a miniport gets is its address, and is looked up in the partition's table before
 * use.
 *
 * Threads: what a miniport may call at DISPATCH_LEVEL takes only ndis_lock (a word, short sections, never held over a
 * call out). Waiting is done at PASSIVE_LEVEL with ndis_gate.
 */
#ifndef VFPLANE_NDIS_INTERNAL_H
#define VFPLANE_NDIS_INTERNAL_H

#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "ndis/contract.h"
#include "ndis/guard.h"
#include "ndis/hardware.h"
#include "ndis/ndis_room.h"
#include "ndis/requests.h"
#include "ndis/wait.h"

#include <vpci.h>

/* How long NDIS waits by default for what a miniport has to complete, on the partition's clock. */
#define NDIS_PATIENCE_MS 30000

/* What drivers link against. */
#define NDIS_EXPORT __attribute__((visibility("default")))

/* Pool that an exported routine gets for the driver that called it. */
#define NDIS_POOL(size, tag) nt_pool_for_driver(size, tag, __builtin_return_address(0))

/* ---- partition -------------------------------------------------------------------------------------------- */

#define NDIS_ADAPTERS_PER_BLOCK 31

struct ndis_adapter_block {
    _Atomic(struct ndis_adapter *) slots[NDIS_ADAPTERS_PER_BLOCK];
    _Atomic(struct ndis_adapter_block *) next;
};

struct ndis_keyword {
    struct ndis_keyword *next;
    char *value;
    char name[];
};

struct configuration;

struct ndis_partition {
    struct nt_partition *nt;
    struct ndis_lock lock; /* drivers, keywords, configurations, writers of the adapter table */
    struct ndis_driver *drivers;
    struct ndis_keyword *keywords;
    struct configuration *configurations; /* that drivers have open */
    struct ndis_adapter_block adapters; /* read without the lock; blocks are freed with the partition only */
    atomic_uint numbers;                /* adapters so far: interface index, LUID */
    atomic_uint references;             /* drivers, adapters, keywords: the last one frees the state */
};

struct ndis_partition *ndis_partition_of(struct nt_partition *partition); /* NULL: there is none */
/* A reference to the partition's state, which is made if need be; NULL: no memory. */
struct ndis_partition *ndis_partition_hold(struct nt_partition *partition);
void ndis_partition_drop(struct ndis_partition *room);

/* ---- drivers ---------------------------------------------------------------------------------------------- */

struct ndis_driver {
    struct ndis_driver *next;
    struct ndis_partition *room;
    PDRIVER_OBJECT object;
    const char *name; /* the object's */
    NDIS_HANDLE context;
    unsigned version;                              /* 630 for NDIS 6.30 */
    bool takes_options;                            /* MiniportSetOptions is running */
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS handlers; /* what the driver's revision does not have is NULL */
    NDIS_MINIPORT_PNP_CHARACTERISTICS pnp;
};

struct ndis_driver *ndis_driver_of(PDRIVER_OBJECT object);
/* The driver is gone: configurations that it left open are reported and closed. */
void ndis_configurations_end(struct ndis_partition *room, const char *driver);
bool ndis_driver_exists(struct ndis_partition *room, const void *handle);
/* An adapter or driver handle; else reports BAD_NDIS_HANDLE. */
bool ndis_handle_ok(NDIS_HANDLE handle, const char *routine);
DRIVER_ADD_DEVICE ndis_add_device;
DRIVER_DISPATCH ndis_dispatch_pnp;
DRIVER_DISPATCH ndis_dispatch_pass;
DRIVER_DISPATCH ndis_dispatch_power;

/* ---- what lies below an adapter --------------------------------------------------------------------------- */

struct ndis_below {
    BUS_INTERFACE_STANDARD bus;
    PCI_VIRTUALIZATION_INTERFACE virtualization;
    VPCI_INTERFACE_STANDARD vpci;
    bool has_bus, has_virtualization, has_vpci;
    bool has_vbd; /* ... and a virtual bus driver has the VFs */
};

void ndis_below_find(struct ndis_adapter *adapter);
void ndis_below_drop(struct ndis_adapter *adapter);
bool ndis_vbd_present(struct ndis_adapter *adapter);
/* Whether a wrapper has PCI_VIRTUALIZATION_INTERFACE to call. That a VBD has it instead is reported, NDISM_WITH_VBD. */
bool ndis_has_virtualization(struct ndis_adapter *adapter, const char *routine);

/* ---- attributes ------------------------------------------------------------------------------------------- */

enum ndis_which { NDIS_HARDWARE, NDIS_CURRENT };

/* A capability structure as the miniport gave it; Header.Size 0: not given. */
struct ndis_capabilities {
    NDIS_SRIOV_CAPABILITIES sriov[2]; /* [enum ndis_which] */
    NDIS_NIC_SWITCH_CAPABILITIES nic_switch[2];
    NDIS_RECEIVE_FILTER_CAPABILITIES filter[2];
};

struct ndis_attributes {
    bool registered, general;
    ULONG flags;
    NDIS_INTERFACE_TYPE interface_type;
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES adapter; /* its pointers are NULL */
    NDIS_OID *supported;
    ULONG supported_count;
    struct ndis_lock lock; /* capabilities: an indication may refresh them */
    struct ndis_capabilities capabilities;
};

void ndis_attributes_clear(struct ndis_adapter *adapter);
/* The current NIC switch capabilities, copied; what the miniport did not declare is 0. */
NDIS_NIC_SWITCH_CAPABILITIES ndis_switch_limits(struct ndis_adapter *adapter);
bool ndis_is_pf(struct ndis_adapter *adapter); /* declared PF and SR-IOV enabled now */
bool ndis_is_vf(struct ndis_adapter *adapter); /* VPCI bus below, or declared VF */
/* Takes a capability indication of the miniport into the cached answer (ndis.md 4.24). */
void ndis_capabilities_refresh(struct ndis_adapter *adapter, PNDIS_STATUS_INDICATION indication);

/* ---- switch, VFs, VPorts, filters (ndis.md 4.14-4.23) ----------------------------------------------------- */

struct ndis_binding;

/* Objects by number. */
struct ndis_ids {
    void **objects;
    ULONG capacity, used;
    ULONG lowest_free; /* nothing free below it */
};

void *ndis_ids_get(const struct ndis_ids *ids, ULONG id);
#define NDIS_LARGEST_ID 0x1ffff /* twice what 65,535 VFs need; a raw request may name any number */
/* Room for that id, so that setting it needs no memory any more. Too large an id has no room and needs none. */
bool ndis_ids_reserve(struct ndis_ids *ids, struct ndis_lock *lock, ULONG id);
bool ndis_ids_set(struct ndis_ids *ids, ULONG id, void *object); /* false: no memory, too large. Takes the id. */
void ndis_ids_clear(struct ndis_ids *ids, ULONG id);             /* gives the id back, frees the object */
ULONG ndis_ids_first_free(struct ndis_ids *ids, ULONG from);     /* `from` is the same in every call */
void ndis_ids_empty(struct ndis_ids *ids);                       /* frees everything */

struct ndis_vf {
    struct ndis_binding *owner;
    bool has_vport;
    NDIS_NIC_SWITCH_VF_PARAMETERS parameters;
};

struct ndis_vport {
    struct ndis_binding *owner;
    ULONG filters;
    NDIS_NIC_SWITCH_VPORT_PARAMETERS parameters;
};

struct ndis_filter {
    struct ndis_binding *owner;
    ULONG vport;
};

struct ndis_switch {
    struct ndis_lock lock; /* readers who do not own the adapter's OID path; writers are its owner */
    bool exists;
    NDIS_NIC_SWITCH_PARAMETERS parameters;
    ULONG queue_pairs; /* of the non-default VPorts */
    struct ndis_vport *default_vport;
    struct ndis_ids vfs, vports, filters; /* vports: without the default one */
};

bool ndis_string_ok(const NDIS_IF_COUNTED_STRING *string);

void ndis_switch_forget(struct ndis_adapter *adapter);
bool ndis_switch_exists(struct ndis_adapter *adapter);
bool ndis_switch_is_empty(struct ndis_adapter *adapter);
bool ndis_vf_is_allocated(struct ndis_adapter *adapter, NDIS_SRIOV_FUNCTION_ID vf);
/* Where a VPort lives, the default one included; NULL when unknown. Under switch.lock. */
struct ndis_vport *ndis_vport_get(struct ndis_switch *sw, ULONG id);

/* ---- invalidation ----------------------------------------------------------------------------------------- */

/* Host end: who hears NdisMInvalidateConfigBlock. */
struct ndis_listener {
    struct ndis_lock lock;
    void (*invalidate)(void *context, NDIS_SRIOV_FUNCTION_ID vf, ULONG64 mask);
    void *context;
    unsigned calls;
};

/* Guest end: one IOCTL_VPCI_INVALIDATE_BLOCK kept below, and the masks on their way to the VF miniport. */
struct ndis_invalidate {
    PIRP irp; /* NULL: not armed */
    VPCI_INVALIDATE_BLOCK_OUTPUT output;
    struct ndis_lock lock; /* irp_state, stopping */
    enum { INVALIDATE_IDLE, INVALIDATE_SENDING, INVALIDATE_SENT } irp_state;
    bool stopping;
    atomic_uint turns; /* sends owed: one at the start, one a completion */
    atomic_bool ended; /* nothing below, nobody sending */
    _Atomic uint64_t mask;
    _Atomic uint64_t span; /* of the last completion */
    atomic_bool delivering;
    struct ndis_gate gate;
    NDIS_OID_REQUEST request;
    NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO info;
    struct ndis_binding binding; /* of the delivery */
};

void ndis_invalidate_arm(struct ndis_adapter *adapter);
void ndis_invalidate_stop(struct ndis_adapter *adapter); /* the IRP comes back; PASSIVE_LEVEL */
void ndis_invalidate_kick(struct ndis_adapter *adapter); /* delivers what is waiting */

/* ---- adapters --------------------------------------------------------------------------------------------- */

/* A call that the miniport may finish later: MiniportPause, Restart, ResetEx. */
struct ndis_transition {
    atomic_bool expected, finished;
    _Atomic NDIS_STATUS status;
};

/* What the contracts remember between the parts of a request, and between requests (verify.c). */
struct ndis_checks {
    bool on;           /* not VFP_UNCHECKED */
    bool was_enabled;  /* VF Enable before OID_NIC_SWITCH_CREATE_SWITCH */
    bool made_enabled; /* that request set it */
    /* The last call of this request for a VF's configuration space, when it transferred too little; else 0. */
    _Atomic uint64_t vf_data;
};

#define NDIS_VF_DATA_SHORT(vf) (UINT64_C(1) << 32 | (vf))

struct ndis_adapter {
    atomic_uint references; /* the device, each binding */
    atomic_uint work;       /* work items and completions under way */
    struct ndis_driver *driver;
    struct ndis_partition *room;
    PDEVICE_OBJECT pdo, fdo, lower;
    PCM_RESOURCE_LIST resources, translated; /* of IRP_MN_START_DEVICE, copied */
    ULONG number;
    LUID luid; /* of the PF while it is initialised */
    _Atomic(enum ndis_state) state;
    atomic_bool removed; /* surprise removal */
    bool in_add_device;
    NDIS_HANDLE context;     /* MiniportAdapterContext */
    NDIS_HANDLE add_context; /* MiniportAddDeviceContext */
    bool added;              /* MiniportAddDevice succeeded */
    bool asleep;             /* device power state below D0 */
    bool paused_for_sleep;
    atomic_bool wants_reset, wants_removal; /* by the miniport; its item is queued */
    WORK_QUEUE_ITEM reset_item, removal_item;
    _Atomic USHORT enabled_vfs;
    struct ndis_below below;
    struct ndis_lock claims_lock;
    struct ndis_claim *claims;
    _Atomic(struct ndis_interrupt *) interrupt;
    struct ndis_msix msix;
    struct ndis_attributes attributes;
    struct ndis_switch nic_switch;
    struct ndis_queue oids;
    struct ndis_hold hold;
    struct ndis_direct direct;
    _Atomic(struct ndis_waited *) spare;     /* memory for a request that is waited for */
    _Atomic(struct ndis_waited *) abandoned; /* ... that the miniport never gave back */
    atomic_uint patience;                    /* ms of the partition's clock; 0 = for ever */
    struct ndis_binding own;
    struct ndis_lock bindings_lock;
    struct ndis_binding *bindings;
    struct ndis_gate gate; /* transitions */
    struct ndis_transition pause, restart, reset;
    struct ndis_listener listener;
    struct ndis_invalidate invalidate;
    struct ndis_guard guard;
    struct ndis_checks checks;
};

/* A handler of the miniport runs on this thread from begin to nt_callback_end (nt/contract.h). */
static inline void ndis_call_begin(struct nt_callback *callback, struct ndis_adapter *adapter, const char *handler,
                                   const char *request)
{
    callback->driver = adapter->driver->name;
    callback->routine = handler;
    callback->request = request;
    callback->state = ndis_state_name;
    callback->subject = adapter;
    nt_callback_begin(callback);
}

static inline struct ndis_adapter *ndis_adapter_at(PDEVICE_OBJECT fdo)
{
    return *(struct ndis_adapter **)fdo->DeviceExtension;
}

/* The adapter a miniport's handle names; NULL and BAD_ADAPTER_HANDLE when it names none. */
struct ndis_adapter *ndis_adapter_checked(NDIS_HANDLE handle, const char *routine);
/* A handler of the adapter that the handle names runs on this thread: the usual case, which needs no table. */
static inline bool ndis_is_running(NDIS_HANDLE handle)
{
    const struct nt_callback *running = nt_callback_current;

    return running && running->subject == handle && running->state == ndis_state_name;
}
/* ndis_adapter_checked with the IRQL rule of ndis.md 1.4. */
static inline struct ndis_adapter *ndis_entry(NDIS_HANDLE handle, KIRQL maximum, const char *routine)
{
    struct ndis_adapter *adapter = ndis_is_running(handle) ? handle : ndis_adapter_checked(handle, routine);

    return adapter && nt_irql_at_most(maximum, routine) ? adapter : NULL;
}
bool ndis_adapter_exists(struct ndis_partition *room, const void *handle);
struct ndis_adapter *ndis_adapter_create(struct ndis_driver *driver, PDEVICE_OBJECT pdo);
void ndis_adapter_hold(struct ndis_adapter *adapter);
void ndis_adapter_release(struct ndis_adapter *adapter);
/* Round what runs on threads of NDIS's own; halting ends only when none of it is left. */
void ndis_work_begin(struct ndis_adapter *adapter);
void ndis_work_end(struct ndis_adapter *adapter); /* the adapter may be gone when it returns */
void ndis_work_wait(struct ndis_adapter *adapter);
bool ndis_adapter_list(struct ndis_adapter *adapter);   /* its handle is good from now on; false: no memory */
void ndis_adapter_unlist(struct ndis_adapter *adapter); /* ... no longer */

/* State machine of ndis.md 6. PASSIVE_LEVEL. */
NTSTATUS ndis_initialize(struct ndis_adapter *adapter, PCM_RESOURCE_LIST resources);
void ndis_halt(struct ndis_adapter *adapter, NDIS_HALT_ACTION action);
void ndis_surprise_removed(struct ndis_adapter *adapter);
void ndis_notify(struct ndis_adapter *adapter, NDIS_DEVICE_PNP_EVENT event, void *buffer, ULONG length);
bool ndis_status_exists(NDIS_STATUS status); /* one that NDIS or the executive has a name for */
NTSTATUS ndis_nt_status(NDIS_STATUS status); /* never a success for what is not NDIS_STATUS_SUCCESS */

/* Frees the memory of waited requests, with the adapter. */
void ndis_waited_free(struct ndis_adapter *adapter);

void ndis_indicate(struct ndis_adapter *adapter, PNDIS_STATUS_INDICATION indication);

#endif
