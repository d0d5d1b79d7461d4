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

/* ---- what a guest sees of a dword, and may do to it --------------------------------------------------------- */

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
    uint32_t value;  /* bits that are not `hardware` */
    uint32_t reset;  /* `value` after a reset */
    uint32_t locked; /* bits the host program took from the guest: as if in no mask that lets it write */
};

#define VSTACK_SHOWN_MAX 64u

/* A capability that the policy knows, in the order of the VF's chain. */
struct vstack_shown {
    uint16_t id, offset, length;
    bool is_extended, hidden;
    struct vstack_rule head; /* of its first dword, which an empty one takes the place of when 100 is hidden */
};

struct vstack_view {
    uint16_t slot[VSTACK_DWORDS]; /* 1 + index into registers, 0 = no line */
    struct vstack_register *registers;
    unsigned count, capacity;
    struct vstack_shown shown[VSTACK_SHOWN_MAX];
    unsigned shown_count;
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

/* shown.c: the guest's chains through what is shown. false: no memory, and only the first time. */
bool vstack_view_link(struct vstack_view *view);
/* All capabilities of that kind; false: the view has none. Link afterwards. */
bool vstack_view_hide(struct vstack_view *view, bool is_extended, unsigned id, bool hidden);

/* ---- BARs --------------------------------------------------------------------------------------------------- */

struct vstack_bar {
    uint64_t size; /* 0: no BAR at this index */
    uint64_t system_address;
    bool wide, resource, mapped;
    uint64_t guest_address; /* while mapped */
};

/* ---- a VF --------------------------------------------------------------------------------------------------- */

/* An OID of ours on its way; found again by NDIS_OID_REQUEST.SourceReserved. */
struct vstack_call {
    void (*complete)(struct vstack_call *call, NDIS_STATUS status);
};

/* The mitigated ranges of a BAR, in ascending order. */
struct vstack_list {
    struct vstack_range *ranges;
    unsigned count;
};

/* A place in the line before a PF driver of the generic road (generic_gate.c). */
struct vstack_turn {
    struct vstack_turn *next;
    struct vstack_vf *vf; /* whose request it is; NULL: a thread waits for it */
    bool granted;
};

enum vstack_kind {
    VSTACK_CONFIG_READ,
    VSTACK_CONFIG_WRITE,
    VSTACK_BLOCK_READ,
    VSTACK_BLOCK_WRITE,
    VSTACK_RESET,
    VSTACK_POWER,
    VSTACK_REGISTER_READ, /* of a page that the PF driver answers for */
    VSTACK_REGISTER_WRITE,
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

    /* Both NULL: no page of this VF is ever mitigated. Made and ended with the VF. */
    struct vstack_traps *traps;
    struct vstack_mitigation *mitigation; /* generic road */

    _Atomic uint64_t invalid;
    bool announced;
    bool raised; /* vstack_invalidate_all() has still to tell of it; stack->lock */

    /* The request that is at the PF driver. `current` is NULL when it was abandoned; then it comes back to nobody. */
    bool busy, resetting;
    struct vstack_request *current, *head, *tail;
    struct vstack_request reset; /* ours, after a detach */
    uint64_t parent;             /* span it belongs to */
    uint64_t buffer[(32 + VSTACK_BLOCK_MAX) / 8];
    struct vstack_call call; /* NDIS road */
    NDIS_OID_REQUEST oid;
    struct vstack_turn turn; /* generic road */
    struct {
        enum vstack_kind kind;
        ULONG where, size, value;
        ULONG bar;      /* registers, with the next */
        ULONG64 offset; /* from the start of the BAR */
    } sent;
};

/* ---- the roads ---------------------------------------------------------------------------------------------- */

/* How a PF driver is reached. What goes by a road waits for its end, at PASSIVE_LEVEL, but for the last three: they
 * carry a partition's request. Statuses are NDIS's or NTSTATUS. Neither lock is held but where it is said. */
struct vstack_road {
    void (*close)(struct vstack *stack); /* the VFs are gone; after return nothing comes up the road any more */
    NDIS_STATUS (*switch_create)(struct vstack *stack, ULONG num_vfs);
    NDIS_STATUS (*switch_delete)(struct vstack *stack);
    NDIS_STATUS(*allocate)
    (struct vstack_vf *vf, const struct vstack_vf_options *options); /* sets id, rid, allocated */
    NDIS_STATUS (*connect)(struct vstack_vf *vf);
    void (*release)(struct vstack_vf *vf); /* undoes what of the two was done; resets the VF */
    NDIS_STATUS (*watch)
    (struct vstack_vf *vf); /* its BARs are known: vstack_traps_begin where the road has such pages */
    NDIS_STATUS (*learn_ids)(struct vstack_vf *vf);
    NDIS_STATUS (*probed_bars)(struct vstack_vf *vf, ULONG values[6]);
    NDIS_STATUS (*bar_resource)(struct vstack_vf *vf, USHORT index, PCM_PARTIAL_RESOURCE_DESCRIPTOR resource);
    /* One of the four kinds that carry data, for nobody's account: all of `length` bytes (at most 4096), or a failure.
     */
    NDIS_STATUS (*access)(struct vstack_vf *vf, enum vstack_kind kind, ULONG where, void *data, ULONG length);

    void (*stage)(struct vstack_vf *vf, const struct vstack_request *request); /* vf->lock held: copies what to send */
    NDIS_STATUS (*send)(struct vstack_vf *vf); /* <= DISPATCH_LEVEL; NDIS_STATUS_PENDING: vstack_request_back() later */
    ULONG (*fetch)(struct vstack_vf *vf, UCHAR *data, ULONG size); /* what a read brought, at most `size`; lock held */
};

struct vstack {
    const struct vstack_road *road;
    struct ndis_adapter *adapter; /* of the NDIS road, */
    NDIS_HANDLE binding;
    struct vstack_generic *generic; /* of the generic one */
    bool has_switch;
    atomic_bool removed;
    pthread_mutex_t lock;
    struct vstack_vf *vfs;        /* all */
    struct vstack_vf **functions; /* by VFId */
};

/* stack.c: an empty stack; NULL: no memory. */
struct vstack *vstack_new(const struct vstack_road *road);
void vstack_discard(struct vstack *stack);

/* request.c */
void vstack_request_back(struct vstack_vf *vf, NDIS_STATUS status); /* what send() returned PENDING for; <= DISPATCH */
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

/* traps.c. PASSIVE_LEVEL, no lock held. */
bool vstack_traps_begin(struct vstack_vf *vf); /* false: no memory */
void vstack_traps_end(struct vstack_vf *vf);
/* All BARs' ranges from now on; what of them is new is told to the owner before the return. Takes over lists, and gives
 * back others to be freed. */
void vstack_traps_replace(struct vstack_vf *vf, struct vstack_list lists[VSTACK_BARS]);
void vstack_lists_free(struct vstack_list lists[VSTACK_BARS]);
void vstack_traps_offer(struct vstack_vf *vf);    /* there is an owner */
void vstack_traps_withdraw(struct vstack_vf *vf); /* he leaves: what he was told is taken back, nothing follows */
/* Tells the owner of a BAR that was mapped or unmapped, and before the former of its ranges. */
void vstack_traps_bar(struct vstack_vf *vf, unsigned index, bool mapped);

/* owner.c */
void vstack_on_invalidate(void *context, NDIS_SRIOV_FUNCTION_ID id, ULONG64 mask);
void vstack_invalidate_all(struct vstack *stack, ULONG64 mask); /* every VF that is given out now */
void vstack_announce(struct vstack_vf *vf);

#endif
