/* SPDX-License-Identifier: MIT
 *
 * Who owns a VF, and the invalidations that wait for the owner. The state machine stands in vstack.h.
 */
#include "vstack/internal.h"

NTSTATUS vstack_vf_attach(struct vstack_vf *vf, const struct vstack_partition *partition, void *context)
{
    NTSTATUS status = STATUS_SUCCESS;

    TRACE_DOOR(span, "vstack", "VF attach", "VF %u to %s", vf->id, partition->name);
    pthread_mutex_lock(&vf->lock);
    if (vf->attached)
        status = STATUS_SHARING_VIOLATION;
    else if (atomic_load(&vf->stack->removed))
        status = STATUS_DEVICE_REMOVED;
    if (status == STATUS_SUCCESS) {
        vf->partition = *partition;
        vf->context = context;
        vf->attached = true;
    }
    pthread_mutex_unlock(&vf->lock);
    if (status == STATUS_SUCCESS) {
        vstack_traps_offer(vf);
        vstack_announce(vf);
    } else {
        TRACE_REFUSE("vstack", "VF_HAS_OWNER vpci-wire.md 6.6", "VF %u", vf->id);
    }
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

void vstack_vf_detach(struct vstack_vf *vf)
{
    bool attached;

    pthread_mutex_lock(&vf->lock);
    attached = vf->attached;
    pthread_mutex_unlock(&vf->lock);
    if (!attached)
        return;
    TRACE_DOOR(span, "vstack", "VF detach", "VF %u from %s", vf->id, vf->partition.name);
    vstack_guest_reset(vf);
    vstack_traps_withdraw(vf);
    pthread_mutex_lock(&vf->lock);
    vf->attached = false;
    vf->announced = false;
    vf->reserved_size = 0;
    atomic_store(&vf->invalid, 0);
    pthread_mutex_unlock(&vf->lock);
    vstack_cancel_all(vf, STATUS_CANCELLED, true);
    vstack_quiet_hardware(vf);
    vstack_wait_quiet(vf, false);
    TRACE_DONE(span, "detached");
}

/* ---- invalidations ------------------------------------------------------------------------------------------ */

/* Tells the owner, once for what stands in the word. Whoever comes first does it; nobody does it for an empty word. */
void vstack_announce(struct vstack_vf *vf)
{
    bool tell;

    pthread_mutex_lock(&vf->lock);
    tell = vf->attached && !vf->announced && atomic_load(&vf->invalid) != 0;
    if (tell) {
        vf->announced = true;
        vstack_callback_enter(vf);
    }
    pthread_mutex_unlock(&vf->lock);
    if (!tell)
        return;
    if (vf->partition.invalidated)
        vf->partition.invalidated(vf->context);
    vstack_callback_leave(vf);
}

void vstack_on_invalidate(void *context, NDIS_SRIOV_FUNCTION_ID id, ULONG64 mask)
{
    struct vstack *stack = context;
    struct vstack_vf *vf;
    bool first = false;

    TRACE_DOOR(span, "vstack", "invalidate", "VF %u: mask %016llx", id, (unsigned long long)mask);
    pthread_mutex_lock(&stack->lock);
    vf = mask ? stack->functions[id] : NULL;
    if (vf) {
        first = atomic_fetch_or(&vf->invalid, mask) == 0;
        pthread_mutex_lock(&vf->lock);
        vstack_callback_enter(vf);
        pthread_mutex_unlock(&vf->lock);
    }
    pthread_mutex_unlock(&stack->lock);
    if (!vf) {
        TRACE_REFUSE("vstack", "INVALIDATE_NO_VF ndis.md 5.6", "VF %u, mask %llx: ignored", id,
                     (unsigned long long)mask);
        TRACE_DONE(span, "ignored");
        return;
    }
    if (first)
        vstack_announce(vf);
    vstack_callback_leave(vf);
    TRACE_DONE(span, "%s", first ? "cached" : "added to what waits");
}

/* A VF whose owner is to be told of an invalidation of all, kept over the telling. */
static struct vstack_vf *next_raised(struct vstack *stack)
{
    struct vstack_vf *vf;

    pthread_mutex_lock(&stack->lock);
    for (vf = stack->vfs; vf && !vf->raised; vf = vf->next)
        ;
    if (vf) {
        vf->raised = false;
        pthread_mutex_lock(&vf->lock);
        vstack_callback_enter(vf);
        pthread_mutex_unlock(&vf->lock);
    }
    pthread_mutex_unlock(&stack->lock);
    return vf;
}

void vstack_invalidate_all(struct vstack *stack, ULONG64 mask)
{
    struct vstack_vf *vf;

    TRACE_DOOR(span, "vstack", "invalidate", "all VFs: mask %016llx", (unsigned long long)mask);
    pthread_mutex_lock(&stack->lock);
    for (vf = mask ? stack->vfs : NULL; vf; vf = vf->next) {
        if (atomic_fetch_or(&vf->invalid, mask) == 0)
            vf->raised = true;
    }
    pthread_mutex_unlock(&stack->lock);
    while ((vf = next_raised(stack)) != NULL) {
        vstack_announce(vf);
        vstack_callback_leave(vf);
    }
    TRACE_DONE(span, "cached");
}

ULONG64 vstack_take_invalidations(struct vstack_vf *vf)
{
    ULONG64 mask;

    pthread_mutex_lock(&vf->lock);
    vf->announced = false;
    mask = atomic_exchange(&vf->invalid, 0);
    pthread_mutex_unlock(&vf->lock);
    return mask;
}

void vstack_return_invalidations(struct vstack_vf *vf, ULONG64 mask)
{
    atomic_fetch_or(&vf->invalid, mask);
}
