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

#include "ndis/ndis_room.h"

#include <vpci.h>

/* What drivers link against. */
#define NDIS_EXPORT __attribute__((visibility("default")))

/* ---- small locks ------------------------------------------------------------------------------------------ */

struct ndis_lock {
    atomic_bool held;
};

static inline void ndis_lock(struct ndis_lock *lock)
{
    for (unsigned spins = 0; atomic_exchange_explicit(&lock->held, true, memory_order_acquire); spins++)
        if (spins % 64 == 63)
            sched_yield();
}

static inline void ndis_unlock(struct ndis_lock *lock)
{
    atomic_store_explicit(&lock->held, false, memory_order_release);
}

/* A place to wait at PASSIVE_LEVEL. The condition itself lies elsewhere, in atomics. */
struct ndis_gate {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
};

void ndis_gate_init(struct ndis_gate *gate);
void ndis_gate_destroy(struct ndis_gate *gate);
void ndis_gate_wake(struct ndis_gate *gate);
/* Waits until check(object); false when `seconds` (0 = for ever) of real time passed first. */
bool ndis_gate_wait(struct ndis_gate *gate, bool (*check)(const void *object), const void *object, unsigned seconds);

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

struct ndis_partition {
    struct nt_partition *nt;
    struct ndis_lock lock; /* drivers, keywords, writers of the adapter table */
    struct ndis_driver *drivers;
    struct ndis_keyword *keywords;
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
    NDIS_HANDLE context;
    unsigned version;                              /* 630 for NDIS 6.30 */
    bool takes_options;                            /* MiniportSetOptions is running */
    NDIS_MINIPORT_DRIVER_CHARACTERISTICS handlers; /* what the driver's revision does not have is NULL */
    NDIS_MINIPORT_PNP_CHARACTERISTICS pnp;
};

struct ndis_driver *ndis_driver_of(PDRIVER_OBJECT object);
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
};

void ndis_below_find(struct ndis_adapter *adapter);
void ndis_below_drop(struct ndis_adapter *adapter);

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
bool ndis_ids_set(struct ndis_ids *ids, ULONG id, void *object); /* false: no memory. Takes the id. */
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

/* ---- OIDs ------------------------------------------------------------------------------------------------- */

enum {
    OID_Q = 1,
    OID_S = 2,
    OID_M = 4,
};

enum {
    OID_NDIS_ONLY = 1,    /* an overlying driver may not send it */
    OID_NEEDS_PF = 2,     /* SR-IOV enabled PF, else NOT_SUPPORTED */
    OID_NEEDS_VF = 4,     /* a VF, else NOT_SUPPORTED */
    OID_NEEDS_SWITCH = 8, /* a created switch, else INVALID_PARAMETER (ndis.md 7.13, 9.7) */
};

enum ndis_detail { DETAIL_NONE, DETAIL_SPACE, DETAIL_BLOCK, DETAIL_VF, DETAIL_MASK, DETAIL_BAR, DETAIL_VPORT };

struct ndis_oid {
    NDIS_OID oid;
    const char *name;
    UCHAR sent;     /* OID_Q|S|M: request types that go to the miniport */
    UCHAR answered; /* ... that NDIS answers itself */
    UCHAR flags;
    UCHAR detail;   /* what a trace line says of it */
    USHORT minimum; /* bytes through the last member; a shorter buffer never gets further */
    USHORT needed;  /* what BytesNeeded then says */
    NDIS_STATUS (*answer)(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
    /* By the owner of the adapter, before the miniport sees the request; not SUCCESS: it never does. */
    NDIS_STATUS (*prepare)(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
    /* After the miniport, when prepare succeeded, whatever the status was. May turn a success into a failure. */
    NDIS_STATUS (*done)(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status);
};

const struct ndis_oid *ndis_oid_find(NDIS_OID oid); /* a general row when NDIS does not know it */
const char *ndis_oid_describe(const struct ndis_oid *row, const NDIS_OID_REQUEST *request, char *text, size_t size);

/* What NDIS keeps in NDIS_OID_REQUEST.NdisReserved while it has the request. */
struct ndis_slot {
    PNDIS_OID_REQUEST next;
    struct ndis_binding *binding;
    const struct ndis_oid *row;
    _Atomic uint64_t word; /* enum slot state << 32 | status */
    uint64_t span;
    void *record; /* made by prepare, taken or freed by done */
} __attribute__((may_alias));

static_assert(sizeof(struct ndis_slot) <= sizeof(((PNDIS_OID_REQUEST)0)->NdisReserved), "slot");

static inline struct ndis_slot *ndis_slot_of(PNDIS_OID_REQUEST request)
{
    return (struct ndis_slot *)(void *)request->NdisReserved;
}

/* The three arms of a request seen as one. */
static inline void *ndis_oid_buffer(const NDIS_OID_REQUEST *request)
{
    return request->DATA.QUERY_INFORMATION.InformationBuffer;
}
ULONG ndis_oid_capacity(const NDIS_OID_REQUEST *request);                /* of the information buffer */
ULONG ndis_oid_output(const NDIS_OID_REQUEST *request);                  /* what may be written */
NDIS_STATUS ndis_oid_too_short(PNDIS_OID_REQUEST request, ULONG needed); /* INVALID_LENGTH and BytesNeeded */
void ndis_oid_wrote(PNDIS_OID_REQUEST request, ULONG bytes);
/* byte-count rules of ndis.md 1.3; `oid` is its name */
void ndis_oid_counts(PNDIS_OID_REQUEST request, const char *oid, NDIS_STATUS status);
bool ndis_header_ok(const void *object, UCHAR type, USHORT minimum);

struct ndis_queue {
    _Atomic uintptr_t owner; /* request in flight | QUEUED; 0 = idle */
    struct ndis_lock lock;   /* head, tail */
    PNDIS_OID_REQUEST head, tail;
    _Atomic NDIS_STATUS closed; /* what new requests get; SUCCESS = open */
    atomic_bool draining;
    struct ndis_gate idle;
    _Atomic(void *) current_id; /* RequestId and binding of the request in flight, for cancel */
    _Atomic(struct ndis_binding *) current_binding;
};

struct ndis_binding {
    ULONG64 magic;
    struct ndis_binding *next;
    struct ndis_adapter *adapter;
    struct ndis_overlying driver;
    void *context;
    bool own;             /* NDIS itself */
    unsigned indications; /* status callbacks in progress; under adapter.bindings_lock */
};

NDIS_STATUS ndis_submit(struct ndis_binding *binding, PNDIS_OID_REQUEST request);
/* Sends a request of NDIS's own and waits. PASSIVE_LEVEL. */
NDIS_STATUS ndis_issue(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request);
void ndis_request_init(PNDIS_OID_REQUEST request, NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG length);
void ndis_oids_open(struct ndis_adapter *adapter);
void ndis_oids_close(struct ndis_adapter *adapter, NDIS_STATUS status);
/* Ends queued requests (not the one in flight) with a status. */
void ndis_oids_flush(struct ndis_adapter *adapter, NDIS_STATUS status);
/* Waits for the adapter to be idle; false when the miniport still holds a request after `seconds`. */
bool ndis_oids_drain(struct ndis_adapter *adapter, unsigned seconds);
/* Takes the request in flight from the miniport and ends it: reported, the miniport broke its contract. */
void ndis_oids_abandon(struct ndis_adapter *adapter, NDIS_STATUS status);

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

struct ndis_adapter {
    atomic_uint references; /* the device, each binding */
    atomic_uint work;       /* work items and completions under way */
    struct ndis_driver *driver;
    struct ndis_partition *room;
    PDEVICE_OBJECT pdo, fdo, lower;
    ULONG number;
    LUID luid; /* of the PF while it is initialised */
    _Atomic(enum ndis_state) state;
    atomic_bool removed; /* surprise removal */
    bool in_add_device;
    NDIS_HANDLE context;     /* MiniportAdapterContext */
    NDIS_HANDLE add_context; /* MiniportAddDeviceContext */
    bool added;              /* MiniportAddDevice succeeded */
    _Atomic USHORT enabled_vfs;
    struct ndis_below below;
    struct ndis_attributes attributes;
    struct ndis_switch nic_switch;
    struct ndis_queue oids;
    struct ndis_binding own;
    struct ndis_lock bindings_lock;
    struct ndis_binding *bindings;
    struct ndis_gate gate; /* transitions */
    struct ndis_transition pause, restart, reset;
    struct ndis_listener listener;
    struct ndis_invalidate invalidate;
};

/* The adapter a miniport's handle names; NULL and BAD_ADAPTER_HANDLE when it names none. */
struct ndis_adapter *ndis_adapter_checked(NDIS_HANDLE handle, const char *routine);
/* The same, with the IRQL rule of ndis.md 1.4. */
struct ndis_adapter *ndis_entry(NDIS_HANDLE handle, KIRQL maximum, const char *routine);
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
NTSTATUS ndis_nt_status(NDIS_STATUS status); /* never a success for what is not NDIS_STATUS_SUCCESS */

void ndis_indicate(struct ndis_adapter *adapter, PNDIS_STATUS_INDICATION indication);

#endif
