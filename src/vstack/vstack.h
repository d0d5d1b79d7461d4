/* SPDX-License-Identifier: MIT
 *
 * The virtualization stack: the NIC switch of a PF, who owns which VF, and the guest's view of a VF.
 *
 * It stands above the PF miniport as an overlying driver and issues its OIDs. What a guest sees of its VF (IDs, BARs,
 * Memory Enable, interrupt pin) is made here; what must reach the VF's registers goes down as
 * OID_SRIOV_{READ,WRITE}_VF_CONFIG_SPACE. It knows nothing of the wire: the VSP calls it.
 *
 * Facts: vpci-wire.md 2.3, 6.5, 6.6; pci.md 4.5, 4.6; ndis.md 7.2-7.12; decisions.md.
 * Statuses are NTSTATUS/NDIS_STATUS as the PF driver or NDIS gave them unless a rule here says otherwise.
 */
#ifndef VFPLANE_VSTACK_H
#define VFPLANE_VSTACK_H

#include "ndis/ndis_room.h"
#include "nt/nt.h"

struct vstack;
struct vstack_vf;

/* ---- two roads ----------------------------------------------------------------------------------------------------
 *
 * A PF driver is an NDIS miniport, reached by OIDs, or any other driver, reached by SRIOV_DEVICE_INTERFACE_STANDARD and
 * the IOCTLs of pcivirt.h. Which of them it is ends here: all that follows is the same on both, and a guest cannot
 * tell. Where a comment names an OID, the generic road has the callback of the same meaning; what has none says so. */

/* ---- the switch. PASSIVE_LEVEL, one thread at a time per vstack. -------------------------------------------- */

/* Opens the PF adapter. NDIS_STATUS_RESOURCES, NDIS_STATUS_CLOSING, NDIS_STATUS_NOT_SUPPORTED (the miniport declared no
 * SR-IOV). */
NDIS_STATUS vstack_create(struct ndis_adapter *adapter, struct vstack **stack);
/* Attaches to a PF driver that is no miniport, as its one client (pci.md 3.6): waits while it is being rebalanced.
 * STATUS_NOT_SUPPORTED: its device stack has no such interface; STATUS_SHARING_VIOLATION: it has a client;
 * STATUS_INSUFFICIENT_RESOURCES; else what the PF driver answered. While a VF is given out a rebalance is vetoed with
 * STATUS_DEVICE_BUSY; between one that was not and the restart, allocating a VF is NDIS_STATUS_INVALID_STATE. */
NTSTATUS vstack_create_generic(PDEVICE_OBJECT pdo, struct vstack **stack);
/* Generic road: how long a PF driver is waited for where it has to answer at once (pci.md 3.1): milliseconds of the
 * partition's clock, 0: for ever, at first 30,000. For waits that begin afterwards; any thread. On the other road NDIS
 * waits. */
void vstack_patience_set(struct vstack *stack, unsigned ms);
bool vstack_is_generic(PDEVICE_OBJECT pdo); /* has it the interface that the generic road needs? */
void vstack_destroy(struct vstack *stack);  /* frees VFs and the switch that remain */
/* Generic road: there is no switch; the PF driver enabled its VFs when it started, and the first `num_vfs` of them are
 * given out from now on. NDIS_STATUS_INVALID_PARAMETER: it has not so many. */
NDIS_STATUS vstack_switch_create(struct vstack *stack, ULONG num_vfs);
NDIS_STATUS vstack_switch_delete(struct vstack *stack);

struct vstack_vf_options {
    const char *vm_name; /* UTF-8, at most 255 characters */
    UCHAR mac[6];        /* generic road: cannot be told; its PF driver chooses */
};
/* ALLOCATE_VF, CREATE_VPORT, then all that a partition must know of it: VF_VENDOR_DEVICE_ID, PROBED_BARS,
 * BAR_RESOURCES, class and subsystem by READ_VF_CONFIG_SPACE. On failure everything done is undone. */
NDIS_STATUS vstack_vf_allocate(struct vstack *stack, const struct vstack_vf_options *options, struct vstack_vf **vf);
/* The mandatory order of ndis.md 7.10: detach, DELETE_VPORT, RESET_VF, FREE_VF. */
void vstack_vf_free(struct vstack_vf *vf);
/* The PF was surprise removed (ndis.md 7.12): every owner is told once, every request fails from now on. Any thread,
 * <= DISPATCH_LEVEL. */
void vstack_pf_removed(struct vstack *stack);
/* Any OID through the stack's binding, waiting for completion: what a host program's vfp_oid() does. Generic road:
 * NDIS_STATUS_NOT_SUPPORTED, and no binding. */
NDIS_STATUS vstack_oid(struct vstack *stack, PNDIS_OID_REQUEST request);
NDIS_HANDLE vstack_binding(const struct vstack *stack); /* the stack as an overlying driver */

struct vstack_identity {
    USHORT vendor, device;
    UCHAR revision, prog_if, sub_class, base_class;
    USHORT sub_vendor, sub_system;
    ULONG serial; /* unique among VFs of this host: its routing ID */
};
struct vstack *vstack_of(const struct vstack_vf *vf);
NDIS_SRIOV_FUNCTION_ID vstack_vf_id(const struct vstack_vf *vf);
ULONG vstack_vf_rid(const struct vstack_vf *vf); /* NDIS_MAKE_RID form */
const struct vstack_identity *vstack_vf_identity(const struct vstack_vf *vf);
const ULONG *vstack_vf_probed_bars(const struct vstack_vf *vf); /* 6 */
/* Bytes of the BAR that starts at that register; 0: none does. */
ULONG64 vstack_vf_bar_size(const struct vstack_vf *vf, unsigned index);

/* ---- the policy of one VF ------------------------------------------------------------------------------------
 *
 * What its guest sees and may write begins as the tables of policy.c and what the VF has; a host program takes from it,
 * VF by VF, while nobody owns the VF (else STATUS_SHARING_VIOLATION, nothing changed). It stays for every later owner.
 * Nothing is given to a guest that the tables do not give. Any thread. */

/* A dword of the guest's view: which bits are read from the VF (the others are fixed or kept in the stack), which the
 * guest may write and where that goes, and which of those the host program took. */
struct vstack_policy_row {
    USHORT offset;
    ULONG hardware, kept, down, clear, locked;
};
/* In ascending order; fills up to `capacity`, returns how many there are. */
unsigned vstack_policy_rows(struct vstack_vf *vf, struct vstack_policy_row *rows, unsigned capacity);
/* These bits of the dword, and no others, are read-only to the guest beyond the tables. STATUS_INVALID_PARAMETER: not
 * an offset of a dword; STATUS_OBJECT_NAME_NOT_FOUND: not in the guest's view. */
NTSTATUS vstack_policy_lock(struct vstack_vf *vf, ULONG offset, ULONG mask);
/* Takes each capability of that ID out of the guest's chain, or puts it back. STATUS_OBJECT_NAME_NOT_FOUND: the VF has
 * none, or it is not for guests. */
NTSTATUS vstack_policy_hide(struct vstack_vf *vf, bool is_extended, USHORT id, bool hidden);

/* ---- a partition's end of a VF ------------------------------------------------------------------------------ */

/* Pages of a BAR whose accesses must not reach the VF: the PF driver answers for them (vstack_register_read, _write).
 * Bytes from the start of the BAR, in units of 4,096. */
#define VSTACK_RANGES_MAX 256u /* of one BAR */
struct vstack_range {
    ULONG64 offset, length;
    bool reads, writes; /* which accesses; the others are the guest's own */
};

/* Callbacks never block and may come from any thread at <= DISPATCH_LEVEL, also from inside a call into this room. */
struct vstack_partition {
    const char *name;                   /* e.g. "guest 1" */
    void (*invalidated)(void *context); /* there is a mask to take; not repeated until it was taken */
    void (*removed)(void *context);     /* the PF is gone; every request fails from now on */
    /* A BAR became visible (mapped = true) at a guest address or went away. May be NULL. */
    void (*bar)(void *context, unsigned index, bool mapped, ULONG64 guest_address, ULONG64 system_address,
                ULONG64 size);
    /* All ranges of a BAR from now on, in ascending order, none overlapping; count 0: none. Whenever they change, and,
     * when there are some, before the `bar` that maps it; at first there are none, and they are taken back before
     * vstack_vf_detach() returns. A change that the PF driver announced while it did a reset or a change of power of
     * this VF is told before that request completes. One call of `bar` or `ranges` at a time; they may not call into
     * this room. May be NULL: then nobody keeps the guest from those pages. */
    void (*ranges)(void *context, unsigned index, const struct vstack_range *ranges, unsigned count);
};
/* STATUS_SHARING_VIOLATION: the VF belongs to another partition. */
NTSTATUS vstack_vf_attach(struct vstack_vf *vf, const struct vstack_partition *partition, void *context);
/* After return no callback runs any more and every request has completed (STATUS_CANCELLED for those that the PF driver
 * still holds or never saw; a late completion of the PF driver is dropped). The guest's view returns to reset; RESET_VF
 * quiets the hardware: before the return when the PF driver is idle, otherwise ahead of anything the next owner asks.
 * Invalidations raised for this owner and not yet taken are dropped with it; those raised while nobody owns the VF are
 * kept for the next owner (ndis.md 5.6). Not from inside a callback of this VF. */
void vstack_vf_detach(struct vstack_vf *vf);

/* Invalidations of one VF: one word of 64 bits and who was told of it.
 *
 *   raise  (NdisMInvalidateConfigBlock)  word |= mask; 0 -> non-zero and owned: invalidated() once
 *   take   (owner)                       gives the word, word = 0; the next raise calls invalidated() again
 *   return (owner, could not deliver)    word |= mask, silently: the owner comes back by itself
 *   attach                               word != 0: invalidated() once
 *   detach                               word = 0
 *
 * A bit is in the word or in the hands of the one who took it, never in both, never in neither; RESET_VF changes
 * nothing. Mask 0, an unknown VFId: ignored. Any thread. */
ULONG64 vstack_take_invalidations(struct vstack_vf *vf);
void vstack_return_invalidations(struct vstack_vf *vf, ULONG64 mask);

/* What a host program does to a VF past its guest: registers and blocks as the PF driver gives them. PASSIVE_LEVEL;
 * waits. At most 4096 bytes, all of them or a failure. */
enum vstack_access { VSTACK_REGISTERS, VSTACK_BLOCK };
NDIS_STATUS vstack_vf_read(struct vstack_vf *vf, enum vstack_access what, ULONG where, void *data, ULONG length);
NDIS_STATUS vstack_vf_write(struct vstack_vf *vf, enum vstack_access what, ULONG where, const void *data, ULONG length);

#define VSTACK_BLOCK_MAX 128 /* VPCI_MAX_READ_WRITE_BLOCK_SIZE, pci.md 2.1 */

/* A request of the partition that owns the VF; from nobody's: STATUS_DEVICE_NOT_CONNECTED, PF gone:
 * STATUS_DEVICE_REMOVED. The caller owns the memory, zero-initialised once, reusable after done(). done() is called
 * exactly once for each submission: before the submitting call returns (the idle case, on the same thread) or later on
 * another thread, at <= DISPATCH_LEVEL. One request of a VF is at the PF driver at a time, the others wait in order;
 * what can be answered above the PF driver never waits. One owner's configuration writes come from one thread at a
 * time. */
struct vstack_request {
    void (*done)(struct vstack_request *request);
    void *context;
    uint64_t trace_parent; /* span to continue, 0 = the thread's */
    /* results */
    NTSTATUS status;
    ULONG value;                  /* config read; all ones when it failed */
    ULONG length;                 /* block read: bytes in data */
    UCHAR data[VSTACK_BLOCK_MAX]; /* block and register read: zero beyond length; the latter all ones when it failed */
    /* internal */
    ULONG bar;
    ULONG64 where;
    struct vstack_vf *vf;
    struct vstack_request *next;
    uint64_t span;
    ULONG kind, offset, size, hardware;
};
/* Completes a request that takes too long, now, with `status`; what the PF driver answers later is dropped. false: it
 * has completed or is completing. */
bool vstack_abandon(struct vstack_request *request, NTSTATUS status);

/* Offset 0..4095, size 1, 2 or 4, not crossing a dword: else STATUS_INVALID_PARAMETER, nothing done. A write to a
 * read-only register succeeds and changes nothing. */
void vstack_config_read(struct vstack_vf *vf, struct vstack_request *request, ULONG offset, ULONG size);
void vstack_config_write(struct vstack_vf *vf, struct vstack_request *request, ULONG offset, ULONG size, ULONG value);
/* Length 1..128, else STATUS_INVALID_PARAMETER. The data is copied before the call returns. */
void vstack_block_read(struct vstack_vf *vf, struct vstack_request *request, ULONG block_id, ULONG length);
void vstack_block_write(struct vstack_vf *vf, struct vstack_request *request, ULONG block_id, const void *data,
                        ULONG length);
/* An access to mitigated pages (struct vstack_partition, `ranges`), by MITIGABLE_DEVICE_INTERFACE. It never reaches the
 * PF driver unless all its bytes are inside one BAR and in pages that intercept it. STATUS_INVALID_PARAMETER: bar over
 * 5, length not 1 to 8, not inside the BAR, only partly in such pages; STATUS_NOT_FOUND: not (or no longer) in such
 * pages, the guest may do it itself, and the owner has been told so; else what the PF driver said. Failed reads give all ones, failed writes did
 * nothing. What the PF driver has to say about a page it no longer answers for is the same failure. */
#define VSTACK_REGISTER_MAX 8u
void vstack_register_read(struct vstack_vf *vf, struct vstack_request *request, ULONG bar, ULONG64 offset,
                          ULONG length);
void vstack_register_write(struct vstack_vf *vf, struct vstack_request *request, ULONG bar, ULONG64 offset,
                           ULONG length, ULONG64 value);
void vstack_reset(struct vstack_vf *vf, struct vstack_request *request); /* OID_SRIOV_RESET_VF */
void vstack_set_power(struct vstack_vf *vf, struct vstack_request *request, NDIS_DEVICE_POWER_STATE state);

/* A range of guest addresses the partition needs itself (its configuration window): no BAR is mapped over it. Size 0:
 * none. false: a mapped BAR stands there; nothing changed. */
bool vstack_reserve(struct vstack_vf *vf, ULONG64 base, ULONG64 size);
/* The guest's BARs all at once (RESOURCES_ASSIGNED): raw register values; Memory Enable must be clear, else
 * STATUS_INVALID_DEVICE_STATE. */
NTSTATUS vstack_assign_bars(struct vstack_vf *vf, const ULONG bars[6]);
void vstack_current_bars(struct vstack_vf *vf, ULONG bars[6]);
/* Memory Enable by message (POWER_STATE_CHANGE): maps what a configuration write would map. */
void vstack_enable_memory(struct vstack_vf *vf);
/* D0 exit / RESOURCES_RELEASED / channel gone: Memory Enable off, BARs unmapped. */
void vstack_release_bars(struct vstack_vf *vf);

#endif
