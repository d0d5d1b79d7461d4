/* SPDX-License-Identifier: MIT
 *
 * Keeping the mitigated ranges of a VF up to date: one IOCTL_SRIOV_MITIGATED_RANGE_UPDATE pending, and an asking for
 * each change that one announced. No thread is kept by an IOCTL that the PF driver lets wait, and none that waits for
 * the ranges depends on the workers.
 */
#include "vstack/generic_mitigation.h"

#include <string.h>

/* Something new each time that it is given an update or asked a question: that is a PF driver's mistake. */
#define AT_ONCE_MAX 16u

/* ---- what there is to do ----------------------------------------------------------------------------------------- */

enum step { NOTHING, LISTEN, ASK, JUDGE, GIVE_UP };

static bool is_overdue(const struct vstack_mitigation *mitigation)
{
    struct vstack_generic *generic = mitigation->vf->stack->generic;
    const unsigned patience = vstack_patience(generic);

    return mitigation->pended && mitigation->announced > mitigation->asked && patience &&
           nt_clock_ns(generic->partition) - mitigation->asked_at >= patience * 1000000ull;
}

/* Between two updates there is a question, unless it is the PF driver that has it wait. */
static bool may_listen(const struct vstack_mitigation *mitigation)
{
    const bool owes = mitigation->listened && mitigation->announced > mitigation->asked && !mitigation->pended;

    return !mitigation->update->out && !mitigation->deaf && !mitigation->tired && !owes;
}

static enum step next(const struct vstack_mitigation *mitigation)
{
    if (mitigation->running || mitigation->closing)
        return NOTHING;
    if (mitigation->answered)
        return JUDGE;
    if (may_listen(mitigation))
        return LISTEN;
    if (!mitigation->asks)
        return mitigation->announced > mitigation->asked ? ASK : NOTHING;
    return is_overdue(mitigation) ? GIVE_UP : NOTHING;
}

/* generic->lock held: what is to be queued, so that a worker does what is left to do. */
static PIO_WORKITEM call_worker(struct vstack_mitigation *mitigation)
{
    if (mitigation->queued || next(mitigation) == NOTHING)
        return NULL;
    mitigation->queued = true;
    return mitigation->work;
}

/* ---- the steps. generic->lock held, let go meanwhile ------------------------------------------------------------- */

static void send(struct vstack_mitigation *mitigation, struct vstack_irp *sent, const char *name)
{
    struct vstack_generic *generic = sent->generic;

    pthread_mutex_unlock(&generic->lock);
    TRACE_DOOR(span, "vstack", name, "VF %u", mitigation->vf->id);
    vstack_irp_send(sent);
    pthread_mutex_lock(&generic->lock);
    TRACE_DONE(span, "%s", sent->out ? "pending" : "answered");
}

static void listen(struct vstack_mitigation *mitigation)
{
    struct vstack_irp *update = mitigation->update;

    mitigation->listened = true;
    update->buffer[0] = 0;
    memcpy(update->buffer, &mitigation->vf->id, sizeof(SRIOV_MITIGATED_RANGE_UPDATE_INPUT));
    vstack_irp_prepare(update, IOCTL_SRIOV_MITIGATED_RANGE_UPDATE, sizeof(SRIOV_MITIGATED_RANGE_UPDATE_INPUT),
                       sizeof(SRIOV_MITIGATED_RANGE_UPDATE_OUTPUT));
    send(mitigation, update, "IOCTL_SRIOV_MITIGATED_RANGE_UPDATE");
    mitigation->listens++;
}

static void ask_next(struct vstack_mitigation *mitigation)
{
    struct vstack_irp *sent = mitigation->asking.sent;
    const char *name = vstack_asking_name(&mitigation->asking);

    vstack_asking_prepare(&mitigation->asking);
    send(mitigation, sent, name);
    mitigation->pended = sent->out;
    if (sent->out)
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_PENDS pci.md 3.1", "VF %u: %s waits", mitigation->vf->id, name);
}

static void ask(struct vstack_mitigation *mitigation)
{
    mitigation->asks = true;
    mitigation->listened = false;
    mitigation->asked = mitigation->announced;
    mitigation->asked_at = nt_clock_ns(mitigation->asking.sent->partition);
    vstack_asking_begin(&mitigation->asking);
    ask_next(mitigation);
}

static void judge(struct vstack_mitigation *mitigation)
{
    struct vstack_generic *generic = mitigation->asking.sent->generic;
    NTSTATUS status;
    bool done;

    mitigation->answered = false;
    pthread_mutex_unlock(&generic->lock);
    done = vstack_asking_judge(&mitigation->asking, &status);
    if (done && status == STATUS_SUCCESS)
        vstack_traps_replace(mitigation->vf, mitigation->asking.lists);
    else if (done)
        TRACE_REFUSE("vstack", "RANGES_UNKNOWN pci.md 3.7", "VF %u: %s: the ranges it had stay", mitigation->vf->id,
                     nt_status_name(status));
    pthread_mutex_lock(&generic->lock);
    if (!done) {
        if (!mitigation->closing)
            ask_next(mitigation);
        return;
    }
    mitigation->asks = false;
    mitigation->known = mitigation->asked;
    mitigation->missed = status == STATUS_INSUFFICIENT_RESOURCES;
    mitigation->status = status;
}

static void give_up(struct vstack_mitigation *mitigation)
{
    struct vstack_irp *sent = mitigation->asking.sent;

    mitigation->asked_at = nt_clock_ns(sent->partition);
    pthread_mutex_unlock(&sent->generic->lock);
    vstack_irp_cancel(sent);
    pthread_mutex_lock(&sent->generic->lock);
}

/* generic->lock held. false: there is nothing to do, or another does it. */
static bool act(struct vstack_mitigation *mitigation)
{
    static void (*const steps[])(struct vstack_mitigation *) = {
        [LISTEN] = listen, [ASK] = ask, [JUDGE] = judge, [GIVE_UP] = give_up};
    const enum step step = next(mitigation);

    if (step == NOTHING)
        return false;
    mitigation->running = true;
    steps[step](mitigation);
    mitigation->running = false;
    KeSetEvent(&mitigation->moved, IO_NO_INCREMENT, FALSE);
    return true;
}

/* ---- who takes them ---------------------------------------------------------------------------------------------- */

static void work(PDEVICE_OBJECT device, PVOID context);

void vstack_steps_leave(struct vstack_mitigation *mitigation)
{
    PIO_WORKITEM item = call_worker(mitigation);

    pthread_mutex_unlock(&mitigation->vf->stack->generic->lock);
    if (item)
        IoQueueWorkItem(item, work, NormalWorkQueue, mitigation);
}

/* One asking, or what there is of it: others want a worker too. */
static void work(PDEVICE_OBJECT device, PVOID context)
{
    struct vstack_mitigation *mitigation = context;
    struct vstack_generic *generic = mitigation->update->generic;
    uint64_t known;

    (void)device;
    pthread_mutex_lock(&generic->lock);
    mitigation->queued = false;
    known = mitigation->known;
    while (mitigation->known == known && act(mitigation))
        ;
    KeSetEvent(&mitigation->moved, IO_NO_INCREMENT, FALSE);
    vstack_steps_leave(mitigation);
}

/* Is it good news? */
static bool hear(struct vstack_irp *update, USHORT id)
{
    USHORT named;

    if (!vstack_irp_answers(update, sizeof(SRIOV_MITIGATED_RANGE_UPDATE_OUTPUT))) {
        vstack_irp_refuse(update);
        return false;
    }
    memcpy(&named, update->buffer, sizeof(named));
    if (named != id)
        TRACE_REFUSE("vstack", "RANGE_UPDATE_VF pci.md 3.7", "an update for VF %u, asked for VF %u", named, id);
    return named == id;
}

static PIO_WORKITEM update_back(struct vstack_irp *sent)
{
    struct vstack_mitigation *mitigation = sent->owner;

    mitigation->deaf = !hear(sent, mitigation->vf->id);
    mitigation->announced += !mitigation->deaf;
    mitigation->at_once = sent->at_once ? mitigation->at_once + 1 : 0;
    mitigation->tired = mitigation->at_once >= AT_ONCE_MAX;
    if (mitigation->tired)
        TRACE_REFUSE("vstack", "RANGE_UPDATE_PENDS pci.md 3.1", "VF %u: %u updates in a row completed at once",
                     mitigation->vf->id, mitigation->at_once);
    KeSetEvent(&mitigation->moved, IO_NO_INCREMENT, FALSE);
    return call_worker(mitigation);
}

static PIO_WORKITEM question_back(struct vstack_irp *sent)
{
    struct vstack_mitigation *mitigation = sent->owner;

    mitigation->answered = true;
    mitigation->pended = false;
    KeSetEvent(&mitigation->moved, IO_NO_INCREMENT, FALSE);
    return call_worker(mitigation);
}

bool vstack_steps_until(struct vstack_mitigation *mitigation,
                        bool (*enough)(const struct vstack_mitigation *, uint64_t), uint64_t what, unsigned ms)
{
    struct vstack_generic *generic = mitigation->update->generic;
    const uint64_t until = vstack_deadline(generic, ms);

    while (!enough(mitigation, what)) {
        if (!act(mitigation) && !vstack_moved(generic, &mitigation->moved, until))
            return enough(mitigation, what);
    }
    return true;
}

static void attach(struct vstack_irp *sent, struct vstack_mitigation *mitigation,
                   PIO_WORKITEM (*back)(struct vstack_irp *sent))
{
    sent->owner = mitigation;
    sent->routine = work;
    sent->back = back;
}

void vstack_steps_attach(struct vstack_mitigation *mitigation)
{
    attach(mitigation->update, mitigation, update_back);
    attach(mitigation->asking.sent, mitigation, question_back);
}
