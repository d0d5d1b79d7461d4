/* SPDX-License-Identifier: MIT
 *
 * The stack as the client of a PF driver on the generic road (pci.md 3.6, 3.7): ATTACH, one IOCTL_SRIOV_NOTIFICATION
 * and one IOCTL_SRIOV_INVALIDATE_BLOCK always pending, DETACH.
 *
 * A rebalance of the PF takes its VFs away and may give them back elsewhere. What a guest knows of its VF (routing ID,
 * BARs, registers) would be wrong then, so the stack says no (STATUS_DEVICE_BUSY) while a VF is given out, and yes
 * otherwise; until the restart it gives none out.
 */
#include "vstack/generic_road.h"

#include <string.h>

/* ---- what is heard ------------------------------------------------------------------------------------------- */

/* Nobody waits for it. A PF driver that has not taken the one before cannot be given another. */
static void give(struct vstack_generic *generic, SRIOV_PNP_EVENT_COMPLETE word)
{
    struct vstack_irp *sent = generic->word;
    bool out;

    pthread_mutex_lock(&generic->lock);
    out = sent->out;
    if (!out) {
        memcpy(sent->buffer, &word, sizeof(word));
        vstack_irp_prepare(sent, IOCTL_SRIOV_EVENT_COMPLETE, sizeof(word), 0);
    }
    pthread_mutex_unlock(&generic->lock);
    if (out)
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_PENDS pci.md 3.1", "IOCTL_SRIOV_EVENT_COMPLETE still waits");
    else
        vstack_irp_send(sent);
}

static void event(struct vstack_listener *listener, const void *output)
{
    struct vstack_generic *generic = listener->generic;
    SRIOV_PNP_EVENT_COMPLETE word = {STATUS_SUCCESS};
    SRIOV_PF_EVENT code;

    memcpy(&code, output, sizeof(code));
    TRACE_DOOR(span, "vstack", "SRIOV_PF_EVENT", "%u", code);
    pthread_mutex_lock(&generic->lock);
    if (code == SriovEventPfQueryStopDevice && generic->vfs)
        word.QueryStatus = STATUS_DEVICE_BUSY;
    else if (code == SriovEventPfQueryStopDevice)
        generic->stopped = true;
    else if (code == SriovEventPfRestart)
        generic->stopped = false;
    pthread_mutex_unlock(&generic->lock);
    if (!NT_SUCCESS(word.QueryStatus))
        TRACE_REFUSE("vstack", "REBALANCE_WITH_GUESTS pci.md 3.6", "VFs are given out");
    give(generic, word);
    TRACE_DONE(span, "%s", nt_status_name(word.QueryStatus));
}

static void invalidation(struct vstack_listener *listener, const void *output)
{
    struct vstack *stack = listener->generic->stack;
    SRIOV_INVALIDATE_BLOCK block;

    memcpy(&block, output, sizeof(block));
    if (block.VfIndex == SRIOV_INVALIDATE_BLOCK_ALL_VFS)
        vstack_invalidate_all(stack, block.BlockMask);
    else
        vstack_on_invalidate(stack, block.VfIndex, block.BlockMask);
}

/* ---- attached ------------------------------------------------------------------------------------------------ */

/* The events first: they are what gives words. */
static void end(struct vstack_generic *generic)
{
    vstack_listener_end(&generic->events);
    vstack_listener_end(&generic->invalidations);
    vstack_irp_end(generic->word);
}

NTSTATUS vstack_client_attach(struct vstack_generic *generic)
{
    NTSTATUS status = STATUS_INSUFFICIENT_RESOURCES;
    bool made;

    generic->events = (struct vstack_listener){
        .generic = generic, .code = IOCTL_SRIOV_NOTIFICATION, .size = sizeof(SRIOV_PF_EVENT), .heard = event};
    generic->invalidations = (struct vstack_listener){.generic = generic,
                                                      .code = IOCTL_SRIOV_INVALIDATE_BLOCK,
                                                      .size = sizeof(SRIOV_INVALIDATE_BLOCK),
                                                      .heard = invalidation};
    generic->word = vstack_irp_make(generic, sizeof(SRIOV_PNP_EVENT_COMPLETE));
    made = vstack_listener_make(&generic->events);
    made = vstack_listener_make(&generic->invalidations) && made && generic->word;
    TRACE_DOOR(span, "vstack", "IOCTL_SRIOV_ATTACH", "the generic road");
    if (made)
        status = vstack_irp_call(generic, IOCTL_SRIOV_ATTACH, NULL, 0, 0); /* as long as a rebalance takes */
    TRACE_DONE(span, "%s", nt_status_name(status));
    if (status != STATUS_SUCCESS) {
        end(generic);
        return NT_SUCCESS(status) ? STATUS_UNSUCCESSFUL : status;
    }
    vstack_listener_start(&generic->events);
    vstack_listener_start(&generic->invalidations);
    return STATUS_SUCCESS;
}

/* DETACH first: an event that is under way is resolved by it, and nothing asks for more. */
void vstack_client_detach(struct vstack_generic *generic)
{
    pthread_mutex_lock(&generic->lock);
    generic->closing = true;
    pthread_mutex_unlock(&generic->lock);
    TRACE_DOOR(span, "vstack", "IOCTL_SRIOV_DETACH", "the generic road");
    vstack_irp_call(generic, IOCTL_SRIOV_DETACH, NULL, 0, vstack_patience(generic));
    end(generic);
    TRACE_DONE(span, "detached");
}
