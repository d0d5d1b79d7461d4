/* SPDX-License-Identifier: MIT
 *
 * Mitigated ranges: pages of a VF's BARs that the guest must not reach, because the PF driver answers for them (pci.md
 * 3.4, 3.7). For each VF that is given out one IOCTL_SRIOV_MITIGATED_RANGE_UPDATE is pending; when it completes, and
 * when the VF is given out, the ranges of all BARs are asked for (generic_ranges.c). They replace the old ones when
 * every BAR's are good: a PF driver that says nonsense leaves what was in force. What becomes of them is in traps.c.
 */
#include "vstack/generic_road.h"

#include <stdlib.h>
#include <string.h>

#define ATTEMPTS 4u /* at counts that change before the ranges are there */

/* ---- asking, one at a time --------------------------------------------------------------------------------------- */

static NTSTATUS query(struct vstack_mitigation *mitigation)
{
    struct vstack_list lists[VSTACK_BARS] = {0};
    NTSTATUS status = STATUS_BUFFER_TOO_SMALL;

    TRACE_DOOR(span, "vstack", "mitigated ranges", "VF %u", mitigation->vf->id);
    for (unsigned i = 0; i < ATTEMPTS && status == STATUS_BUFFER_TOO_SMALL; i++) {
        vstack_lists_free(lists);
        status = vstack_ranges_ask(mitigation, lists);
    }
    if (status == STATUS_SUCCESS)
        vstack_traps_replace(mitigation->vf, lists);
    else if (status == STATUS_BUFFER_TOO_SMALL)
        vstack_ranges_refuse(mitigation, "RANGES_UNSTEADY pci.md 5.9", "counts that change with every question",
                             ATTEMPTS);
    vstack_lists_free(lists);
    TRACE_DONE(span, "%s", nt_status_name(status));
    return status;
}

/* Asks as long as there is something new, unless another thread does. */
static void refresh(struct vstack_mitigation *mitigation)
{
    struct vstack_generic *generic = mitigation->updates.generic;
    NTSTATUS status;

    pthread_mutex_lock(&generic->lock);
    while (!mitigation->busy && atomic_exchange(&mitigation->changed, false)) {
        mitigation->busy = true;
        pthread_mutex_unlock(&generic->lock);
        status = query(mitigation);
        pthread_mutex_lock(&generic->lock);
        mitigation->status = status;
        mitigation->busy = false;
        mitigation->rounds++;
        pthread_cond_broadcast(&generic->changed);
    }
    pthread_mutex_unlock(&generic->lock);
}

/* An asking under way may have begun before the change; the second one from now has not. Nobody waits for a PF driver
 * that lets the question wait. */
void vstack_mitigation_catch_up(struct vstack_vf *vf)
{
    struct vstack_mitigation *mitigation = vf->mitigation;
    struct vstack_generic *generic = vf->stack->generic;
    uint64_t enough;

    if (!mitigation)
        return;
    pthread_mutex_lock(&generic->lock);
    enough = mitigation->rounds + 2;
    while ((mitigation->busy || atomic_load(&mitigation->changed)) && !mitigation->pended &&
           mitigation->rounds < enough)
        pthread_cond_wait(&generic->changed, &generic->lock);
    pthread_mutex_unlock(&generic->lock);
}

/* ---- updates ----------------------------------------------------------------------------------------------------- */

static bool is_ours(const struct vstack_listener *listener, const void *output)
{
    return memcmp(output, &listener->question, sizeof(listener->question)) == 0;
}

static void arrived(struct vstack_listener *listener, const void *output)
{
    if (is_ours(listener, output))
        atomic_store(&listener->vf->mitigation->changed, true);
}

static bool heard(struct vstack_listener *listener, const void *output)
{
    USHORT named;

    if (is_ours(listener, output))
        return true;
    memcpy(&named, output, sizeof(named));
    TRACE_REFUSE("vstack", "RANGE_UPDATE_VF pci.md 3.7", "an update for VF %u, asked for VF %u", named,
                 listener->question);
    return false;
}

/* Pending again before the question, so that no change falls between them. */
static void listening(struct vstack_listener *listener)
{
    refresh(listener->vf->mitigation);
}

/* ---- life -------------------------------------------------------------------------------------------------------- */

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

static void discard(struct vstack_mitigation *mitigation)
{
    struct nt_partition *before = nt_enter(mitigation->updates.generic->partition);

    if (mitigation->irp)
        IoFreeIrp(mitigation->irp);
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
    mitigation->updates = (struct vstack_listener){.generic = generic,
                                                   .code = IOCTL_SRIOV_MITIGATED_RANGE_UPDATE,
                                                   .input = sizeof(SRIOV_MITIGATED_RANGE_UPDATE_INPUT),
                                                   .size = sizeof(SRIOV_MITIGATED_RANGE_UPDATE_OUTPUT),
                                                   .heard = heard,
                                                   .arrived = arrived,
                                                   .listening = listening,
                                                   .vf = vf,
                                                   .question = vf->id};
    before = nt_enter(generic->partition);
    mitigation->irp = IoAllocateIrp(generic->top->StackSize, FALSE);
    nt_enter(before);
    if (mitigation->irp && vstack_listener_make(&mitigation->updates))
        return mitigation;
    if (mitigation->irp)
        vstack_listener_discard(&mitigation->updates);
    discard(mitigation);
    return NULL;
}

/* A VF whose ranges are not known for want of memory is not given out: its guest would reach what it must not. */
NDIS_STATUS vstack_mitigation_begin(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;
    struct nt_partition *before;
    NTSTATUS first;

    if (!generic->mitigable.Size)
        return NDIS_STATUS_SUCCESS;
    if (!vstack_traps_begin(vf))
        return NDIS_STATUS_RESOURCES;
    vf->mitigation = make(vf);
    if (!vf->mitigation)
        return NDIS_STATUS_RESOURCES;
    atomic_store(&vf->mitigation->changed, true);
    vstack_listener_start(&vf->mitigation->updates);
    before = nt_enter(generic->partition);
    refresh(vf->mitigation);
    nt_enter(before);
    pthread_mutex_lock(&generic->lock);
    first = vf->mitigation->status;
    pthread_mutex_unlock(&generic->lock);
    return first == STATUS_INSUFFICIENT_RESOURCES ? NDIS_STATUS_RESOURCES : NDIS_STATUS_SUCCESS;
}

void vstack_mitigation_end(struct vstack_vf *vf)
{
    struct vstack_mitigation *mitigation = vf->mitigation;
    struct vstack_generic *generic = vf->stack->generic;
    struct nt_partition *before;

    if (mitigation) {
        before = nt_enter(generic->partition);
        pthread_mutex_lock(&generic->lock);
        mitigation->updates.closing = true;
        pthread_mutex_unlock(&generic->lock);
        IoCancelIrp(mitigation->irp);
        nt_enter(before);
        vstack_listener_stop(&mitigation->updates);
        vf->mitigation = NULL;
        discard(mitigation);
    }
    vstack_traps_end(vf);
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
