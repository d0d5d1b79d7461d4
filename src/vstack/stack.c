/* SPDX-License-Identifier: MIT
 *
 * The stack of one PF, whatever road leads down to it: made, its switch, its end.
 */
#include <stdlib.h>

#include "vstack/internal.h"

/* ---- the stack ---------------------------------------------------------------------------------------------- */

struct vstack *vstack_new(const struct vstack_road *road)
{
    struct vstack *stack = calloc(1, sizeof(*stack));

    if (!stack)
        return NULL;
    stack->functions = calloc(VSTACK_FUNCTIONS, sizeof(*stack->functions));
    if (!stack->functions) {
        free(stack);
        return NULL;
    }
    stack->road = road;
    pthread_mutex_init(&stack->lock, NULL);
    return stack;
}

void vstack_discard(struct vstack *stack)
{
    pthread_mutex_destroy(&stack->lock);
    free(stack->functions);
    free(stack);
}

void vstack_destroy(struct vstack *stack)
{
    if (!stack)
        return;
    while (stack->vfs)
        vstack_vf_free(stack->vfs);
    if (stack->has_switch)
        vstack_switch_delete(stack);
    stack->road->close(stack);
    vstack_discard(stack);
}

NDIS_STATUS vstack_switch_create(struct vstack *stack, ULONG num_vfs)
{
    NDIS_STATUS status;
    TRACE_DOOR(span, "vstack", "switch create", "%u VFs", num_vfs);
    status = stack->road->switch_create(stack, num_vfs);
    if (status == NDIS_STATUS_SUCCESS)
        stack->has_switch = true;
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

NDIS_STATUS vstack_switch_delete(struct vstack *stack)
{
    NDIS_STATUS status;
    TRACE_DOOR(span, "vstack", "switch delete", "switch 0");
    status = stack->road->switch_delete(stack);
    if (status == NDIS_STATUS_SUCCESS)
        stack->has_switch = false;
    TRACE_DONE(span, "%s", ndis_status_name(status));
    return status;
}

/* The next VF that was not told yet, kept from being freed by its raised call count. */
static struct vstack_vf *next_untold(struct vstack *stack, bool *owned)
{
    struct vstack_vf *vf;
    pthread_mutex_lock(&stack->lock);
    for (vf = stack->vfs; vf && vf->told; vf = vf->next)
        ;
    if (vf) {
        pthread_mutex_lock(&vf->lock);
        vf->told = true;
        *owned = vf->attached;
        vstack_callback_enter(vf);
        pthread_mutex_unlock(&vf->lock);
    }
    pthread_mutex_unlock(&stack->lock);
    return vf;
}

void vstack_pf_removed(struct vstack *stack)
{
    struct vstack_vf *vf;
    bool owned;

    if (atomic_exchange(&stack->removed, true))
        return;
    while ((vf = next_untold(stack, &owned)) != NULL) {
        vstack_cancel_all(vf, STATUS_DEVICE_REMOVED, false);
        if (owned && vf->partition.removed)
            vf->partition.removed(vf->context);
        vstack_callback_leave(vf);
    }
}
