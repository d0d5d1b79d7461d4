/* SPDX-License-Identifier: MIT
 *
 * Inside the virtualization stack: the stack, a VF, the guest's view of it.
 *
 * Locks: stack->lock (which VFId is whose) before vf->lock (everything of a VF that is not set once at allocation).
 * Neither is held while the PF driver, NDIS or a partition is called.
 */
#ifndef VFPLANE_VSTACK_INTERNAL_H
#define VFPLANE_VSTACK_INTERNAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "vstack/vstack.h"

#define VSTACK_CONFIG_SIZE 4096u
#define VSTACK_DWORDS      (VSTACK_CONFIG_SIZE / 4)
#define VSTACK_BARS        6u
#define VSTACK_FUNCTIONS   65536u
/* Guest-physical addresses end here on every processor there is: a BAR above it is not mapped. */
#define VSTACK_ADDRESS_END (1ull << 52)

/* ---- what a guest sees of a dword, and may do to it -------------------------------------------------------------- */

enum vstack_effect {
    VSTACK_PLAIN,
    VSTACK_COMMAND,        /* Memory Enable maps and unmaps */
    VSTACK_BAR,            /* not while Memory Enable is set */
    VSTACK_DEVICE_CONTROL, /* Initiate FLR is OID_SRIOV_RESET_VF */
};

/* One line of the policy. A bit that no mask names reads as its fixed value (zero unless the VF's identity gives one)
 * and cannot be written. A dword without a line reads zero. */
struct vstack_rule {
    uint16_t offset;
    uint16_t effect;   /* enum vstack_effect */
    uint32_t hardware; /* read from the VF itself */
    uint32_t kept;     /* the guest may write it; the value stays above the PF driver */
    uint32_t down;     /* the guest may write it; goes down to the VF */
    uint32_t clear;    /* goes down too: write 1 to clear */
};

struct vstack_register {
    struct vstack_rule rule;
    uint32_t value; /* bits that are not `hardware` */
    uint32_t reset; /* `value` after a reset */
};

struct vstack_view {
    uint16_t slot[VSTACK_DWORDS]; /* 1 + index into registers, 0 = no line */
    struct vstack_register *registers;
    unsigned count, capacity;
};

/* How the bytes of a VF are read while the view is made: true and the dword, or false. */
struct vstack_source {
    bool (*read)(void *context, unsigned offset, uint32_t *value);
    void *context;
};

/* Header, then every capability the policy knows, found by walking the VF's own chains; unknown ones are taken out of
 * the chain. A chain that loops, leaves its area or overlaps ends there (TRACE_REFUSE). false: no memory. */
bool vstack_view_build(struct vstack_view *view, const struct vstack_source *source);
void vstack_view_free(struct vstack_view *view);
struct vstack_register *vstack_view_find(struct vstack_view *view, unsigned offset);
/* The line of a dword, added (deny all) when there is none; NULL: no memory. Pointers to registers become invalid. */
struct vstack_register *vstack_view_add(struct vstack_view *view, unsigned offset);
void vstack_view_fix(struct vstack_view *view, unsigned offset, uint32_t value); /* fixed and reset value of a dword */
void vstack_view_reset(struct vstack_view *view);
bool vstack_capabilities_add(struct vstack_view *view, const struct vstack_source *source);

/* ---- BARs -------------------------------------------------------------------------------------------------------- */

struct vstack_bar {
    uint64_t size; /* 0: no BAR at this index */
    uint64_t system_address;
    bool wide, resource, mapped;
    uint64_t guest_address; /* while mapped */
};

/* ---- a VF -------------------------------------------------------------------------------------------------------- */

/* An OID of ours on its way; found again by NDIS_OID_REQUEST.SourceReserved. */
struct vstack_call {
    void (*complete)(struct vstack_call *call, NDIS_STATUS status);
};

enum vstack_kind {
    VSTACK_CONFIG_READ,
    VSTACK_CONFIG_WRITE,
    VSTACK_BLOCK_READ,
    VSTACK_BLOCK_WRITE,
    VSTACK_RESET,
    VSTACK_POWER,
};

struct vstack_vf {
    struct vstack *stack;
    struct vstack_vf *next; /* in the stack */
    NDIS_SRIOV_FUNCTION_ID id;
    NDIS_NIC_SWITCH_VPORT_ID vport;
    ULONG rid;
    bool allocated, has_vport;
    struct vstack_identity identity;
    ULONG probed[VSTACK_BARS];
    struct vstack_bar bars[VSTACK_BARS];

    pthread_mutex_t lock;
    pthread_cond_t quiet; /* calls or busy went down */
    struct vstack_view view;
    uint64_t reserved_base, reserved_size;

    bool attached;
    struct vstack_partition partition;
    void *context;
    bool told;      /* that the PF is gone */
    unsigned calls; /* callbacks that run now */

    _Atomic uint64_t invalid;
    bool announced;

    /* The request that is at the PF driver. `current` is NULL when it was abandoned; then the OID comes back to nobody.
     */
    bool busy, resetting;
    struct vstack_request *current, *head, *tail;
    struct vstack_request reset; /* ours, after a detach */
    struct vstack_call call;
    NDIS_OID_REQUEST oid;
    uint64_t buffer[(32 + VSTACK_BLOCK_MAX) / 8];
    uint64_t parent; /* span the OID belongs to */
};

struct vstack {
    struct ndis_adapter *adapter;
    NDIS_HANDLE binding;
    bool has_switch;
    atomic_bool removed;
    pthread_mutex_t lock;
    struct vstack_vf *vfs;        /* all */
    struct vstack_vf **functions; /* by VFId */
};

/* stack.c: OIDs that wait. */
void vstack_header(NDIS_OBJECT_HEADER *header, ULONG size);
NDIS_STATUS vstack_set(struct vstack *stack, NDIS_OID oid, void *buffer, ULONG length);
NDIS_STATUS vstack_method(struct vstack *stack, NDIS_OID oid, void *buffer, ULONG length, ULONG *written);
void vstack_remember_call(NDIS_OID_REQUEST *oid, struct vstack_call *call);

/* request.c */
void vstack_requests_init(struct vstack_vf *vf);
/* What came back before the submitting call returned, for its trace: by then the request may be in use again. */
struct vstack_answer {
    bool known;
    NTSTATUS status;
    ULONG value, length;
};
void vstack_submit(struct vstack_vf *vf, struct vstack_request *request, enum vstack_kind kind,
                   struct vstack_answer *answer);
void vstack_finish(struct vstack_vf *vf, struct vstack_request *request, NTSTATUS status, struct vstack_answer *answer);
void vstack_cancel_all(struct vstack_vf *vf, NTSTATUS status, bool current_too);
void vstack_wait_quiet(struct vstack_vf *vf, bool also_pf);
void vstack_quiet_hardware(struct vstack_vf *vf);
NTSTATUS vstack_usable(struct vstack_vf *vf); /* vf->lock held */
/* Keep the VF and its owner alive over a callback. enter: vf->lock held. */
void vstack_callback_enter(struct vstack_vf *vf);
void vstack_callback_leave(struct vstack_vf *vf);

/* bars.c: Memory Enable and what it maps. vf->lock not held. */
NDIS_STATUS vstack_bars_learn(struct vstack_vf *vf);
bool vstack_memory_enabled(struct vstack_vf *vf); /* vf->lock held */
void vstack_bars_map(struct vstack_vf *vf);
void vstack_bars_unmap(struct vstack_vf *vf);
/* Kept registers to reset, BARs unmapped: after a reset and for the next owner. */
void vstack_guest_reset(struct vstack_vf *vf);

/* invalidate.c */
void vstack_on_invalidate(void *context, NDIS_SRIOV_FUNCTION_ID id, ULONG64 mask);
void vstack_announce(struct vstack_vf *vf);

#endif
