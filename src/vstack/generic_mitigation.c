/* SPDX-License-Identifier: MIT
 *
 * Mitigated ranges: pages of a VF's BARs that the guest must not reach, because the PF driver answers for them (pci.md
 * 3.4, 3.7). For each VF that is given out one IOCTL_SRIOV_MITIGATED_RANGE_UPDATE is pending; when it completes, and
 * when the VF is given out, the ranges of all BARs are asked for (generic_steps.c, generic_ranges.c). They replace the
 * old ones when every BAR's are good: a PF driver that says nonsense leaves what was in force. What becomes of them is
 * in traps.c.
 */
#include "vstack/generic_mitigation.h"

#include <stdlib.h>

/* ---- the interface ----------------------------------------------------------------------------------------------- */

void vstack_mitigation_find(struct vstack_generic *generic, PDEVICE_OBJECT pdo)
{
    MITIGABLE_DEVICE_INTERFACE *found = &generic->mitigable;
    NTSTATUS status = nt_query_interface(pdo, &GUID_MITIGABLE_DEVICE_INTERFACE, sizeof(*found), 1, (PINTERFACE)found);

    if (!NT_SUCCESS(status)) {
        found->Size = 0;
        return;
    }
    if (found->Size == sizeof(*found) && found->ReadWriteMitigatedRegister)
        return;
    TRACE_REFUSE("vstack", "INTERFACE_SIZE pci.md 5.6", "MITIGABLE_DEVICE_INTERFACE of %u bytes%s", found->Size,
                 found->Size == sizeof(*found) ? " without its routine" : "");
    vstack_mitigation_lose(generic);
}

void vstack_mitigation_lose(struct vstack_generic *generic)
{
    MITIGABLE_DEVICE_INTERFACE *found = &generic->mitigable;

    if (found->Size && found->InterfaceDereference)
        found->InterfaceDereference(found->Context);
    found->Size = 0;
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

static void discard(struct vstack_mitigation *mitigation, struct vstack_generic *generic)
{
    struct nt_partition *before = nt_enter(generic->partition);

    vstack_irp_end(mitigation->update);
    vstack_asking_end(&mitigation->asking);
    if (mitigation->work)
        IoFreeWorkItem(mitigation->work);
    nt_enter(before);
    free(mitigation);
}

static struct vstack_mitigation *make(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;
    struct vstack_mitigation *mitigation = calloc(1, sizeof(*mitigation));
    struct nt_partition *before;

    if (!mitigation)
        return NULL;
    mitigation->vf = vf;
    before = nt_enter(generic->partition);
    KeInitializeEvent(&mitigation->moved, SynchronizationEvent, FALSE);
    mitigation->work = IoAllocateWorkItem(generic->top);
    nt_enter(before);
    mitigation->update = vstack_irp_make(generic, sizeof(ULONG64));
    if (vstack_asking_make(&mitigation->asking, vf) && mitigation->update && mitigation->work) {
        vstack_steps_attach(mitigation);
        return mitigation;
    }
    discard(mitigation, generic);
    return NULL;
}

static bool knows(const struct vstack_mitigation *mitigation, uint64_t announced)
{
    return mitigation->known >= announced;
}

/* What the first asking came to. */
static NDIS_STATUS learn(struct vstack_mitigation *mitigation, struct vstack_generic *generic)
{
    NTSTATUS status;
    bool unknown;

    pthread_mutex_lock(&generic->lock);
    mitigation->announced = 1;
    status = vstack_steps_until(mitigation, knows, 1, vstack_patience(generic)) ? mitigation->status
                                                                                : NDIS_STATUS_REQUEST_ABORTED;
    unknown = mitigation->asking.unknown;
    vstack_steps_leave(mitigation);
    return unknown ? NDIS_STATUS_SUCCESS : status;
}

NDIS_STATUS vstack_mitigation_begin(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;

    if (!generic->mitigable.Size)
        return NDIS_STATUS_SUCCESS;
    if (!vstack_traps_begin(vf))
        return NDIS_STATUS_RESOURCES;
    vf->mitigation = make(vf);
    return vf->mitigation ? learn(vf->mitigation, generic) : NDIS_STATUS_RESOURCES;
}

static bool is_quiet(const struct vstack_mitigation *mitigation, uint64_t unused)
{
    (void)unused;
    return !mitigation->running && !mitigation->queued;
}

void vstack_mitigation_end(struct vstack_vf *vf)
{
    struct vstack_mitigation *mitigation = vf->mitigation;
    struct vstack_generic *generic = vf->stack->generic;

    if (mitigation) {
        pthread_mutex_lock(&generic->lock);
        mitigation->closing = true;
        vstack_steps_until(mitigation, is_quiet, 0, 0);
        pthread_mutex_unlock(&generic->lock);
        vf->mitigation = NULL;
        discard(mitigation, generic);
    }
    vstack_traps_end(vf);
}

/* ---- what is known ----------------------------------------------------------------------------------------------- */

/* What was announced has arrived: an update is pending, or one was given to the PF driver since. */
static bool has_heard(const struct vstack_mitigation *mitigation, uint64_t listens)
{
    return mitigation->deaf || mitigation->tired || mitigation->listens > listens ||
           (mitigation->update->out && !mitigation->running);
}

static bool knows_or_waits(const struct vstack_mitigation *mitigation, uint64_t announced)
{
    return mitigation->pended || knows(mitigation, announced);
}

void vstack_mitigation_catch_up(struct vstack_vf *vf)
{
    struct vstack_mitigation *mitigation = vf->mitigation;
    struct vstack_generic *generic = vf->stack->generic;

    if (!mitigation)
        return;
    pthread_mutex_lock(&generic->lock);
    mitigation->tired = false;
    mitigation->at_once = 0;
    mitigation->announced += mitigation->missed;
    mitigation->missed = false;
    vstack_steps_until(mitigation, has_heard, mitigation->listens, 0);
    vstack_steps_until(mitigation, knows_or_waits, mitigation->announced, 0);
    vstack_steps_leave(mitigation);
}

/* ---- an access --------------------------------------------------------------------------------------------------- */

NDIS_STATUS vstack_mitigation_access(struct vstack_vf *vf)
{
    const MITIGABLE_DEVICE_INTERFACE *mitigable = &vf->stack->generic->mitigable;
    struct nt_partition *before = nt_enter(vf->stack->generic->partition);
    bool read = vf->sent.kind == VSTACK_REGISTER_READ;
    NDIS_STATUS result;
    NTSTATUS status;

    TRACE_DOOR(span, "vstack", "ReadWriteMitigatedRegister", "VF %u: %s of %u bytes at %llx of BAR %u", vf->id,
               read ? "read" : "write", vf->sent.size, (unsigned long long)vf->sent.offset, vf->sent.bar);
    status = mitigable->ReadWriteMitigatedRegister(mitigable->Context, vf->id, read, (USHORT)vf->sent.bar,
                                                   vf->sent.offset, vf->sent.size, (PUCHAR)vf->buffer);
    result = vstack_generic_result(status);
    if (result != NDIS_STATUS_SUCCESS)
        TRACE_REFUSE("vstack", "REGISTER_UNANSWERED pci.md 3.4", "%s: %s", nt_status_name(status),
                     read ? "reads as all ones" : "the write is dropped");
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return result;
}
