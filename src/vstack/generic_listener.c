/* SPDX-License-Identifier: MIT
 *
 * IOCTLs that stay pending at a PF driver of the generic road until it has something to say (pci.md 3.1, 3.7). What is
 * heard is acted on at PASSIVE_LEVEL, whatever the PF driver completes at.
 */
#include "vstack/generic_road.h"

#include <string.h>

/* Makes it pending, again. Once the road closes it stays as it is, so that the one cancel reaches the last one. */
static void listen(struct vstack_listener *listener)
{
    struct vstack_generic *generic = listener->generic;
    bool closing;

    pthread_mutex_lock(&generic->lock);
    closing = generic->closing;
    if (!closing) {
        memset(listener->sent->buffer, 0, listener->size);
        vstack_irp_prepare(listener->sent, listener->code, 0, listener->size);
    }
    pthread_mutex_unlock(&generic->lock);
    if (!closing)
        vstack_irp_send(listener->sent);
}

static void failed(struct vstack_listener *listener)
{
    const NTSTATUS status = listener->sent->irp->IoStatus.Status;

    if (status == STATUS_NO_SUCH_DEVICE || status == STATUS_DELETE_PENDING)
        vstack_pf_removed(listener->generic->stack);
    else
        vstack_irp_refuse(listener->sent);
}

static PIO_WORKITEM back(struct vstack_irp *sent)
{
    struct vstack_listener *listener = sent->owner;

    listener->inside++;
    return listener->work;
}

static void act(PDEVICE_OBJECT device, PVOID context)
{
    struct vstack_listener *listener = context;

    (void)device;
    if (vstack_irp_answers(listener->sent, listener->size)) {
        listener->heard(listener, listener->sent->buffer);
        listen(listener);
    } else {
        failed(listener);
    }
    pthread_mutex_lock(&listener->generic->lock);
    listener->inside--;
    KeSetEvent(&listener->moved, IO_NO_INCREMENT, FALSE);
    pthread_mutex_unlock(&listener->generic->lock);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

bool vstack_listener_make(struct vstack_listener *listener)
{
    struct nt_partition *before = nt_enter(listener->generic->partition);

    KeInitializeEvent(&listener->moved, SynchronizationEvent, FALSE);
    listener->sent = vstack_irp_make(listener->generic, listener->size);
    listener->work = IoAllocateWorkItem(listener->generic->top);
    nt_enter(before);
    if (listener->sent) {
        listener->sent->owner = listener;
        listener->sent->back = back;
        listener->sent->routine = act;
    }
    return listener->sent && listener->work;
}

/* Back or left for good; then its work, which may still read what came back; then there is none any more. */
void vstack_listener_end(struct vstack_listener *listener)
{
    struct vstack_generic *generic = listener->generic;
    struct nt_partition *before = nt_enter(generic->partition);
    bool ours = listener->sent && vstack_irp_recall(listener->sent);

    pthread_mutex_lock(&generic->lock);
    while (listener->inside)
        vstack_moved(generic, &listener->moved, 0);
    pthread_mutex_unlock(&generic->lock);
    if (ours)
        vstack_irp_discard(listener->sent);
    if (listener->work)
        IoFreeWorkItem(listener->work);
    nt_enter(before);
}

void vstack_listener_start(struct vstack_listener *listener)
{
    listen(listener);
}
