/* SPDX-License-Identifier: MIT
 *
 * Mitigated ranges: pages of a VF's BARs that the guest must not reach, because the PF driver answers for them (pci.md
 * 3.4, 3.7). For each VF that is given out one IOCTL_SRIOV_MITIGATED_RANGE_UPDATE is pending; when it completes, and
 * when the VF is given out, the ranges of all BARs are asked for. They replace the old ones when every BAR's are good:
 * a PF driver that says nonsense leaves what was in force. What becomes of them is in traps.c.
 */
#include "vstack/generic_road.h"

#include <stdlib.h>
#include <string.h>

#define PAGE     4096u
#define ATTEMPTS 4u /* at counts that change before the ranges are there */
/* Both IOCTLs complete at once (pci.md 3.1); a PF driver that lets one wait may do so for as long as a miniport may. */
#define PATIENCE_MS 30000

struct vstack_mitigation {
    struct vstack_vf *vf;
    struct vstack_listener updates;
    PIRP irp; /* of the two IOCTLs that are waited for */
    atomic_bool changed;
    /* All under generic->lock: */
    bool busy;       /* somebody asks */
    bool pended;     /* and the PF driver lets it wait */
    uint64_t rounds; /* askings that have ended */
    SRIOV_MITIGATED_RANGES_OUTPUT answer[VSTACK_RANGES_MAX];
};

/* ---- IOCTLs that are waited for ---------------------------------------------------------------------------------- */

static NTSTATUS wake(PDEVICE_OBJECT device, PIRP irp, PVOID context)
{
    (void)device, (void)irp;
    KeSetEvent(context, IO_NO_INCREMENT, FALSE);
    return STATUS_MORE_PROCESSING_REQUIRED;
}

static void set_pended(struct vstack_mitigation *mitigation, bool pended)
{
    struct vstack_generic *generic = mitigation->updates.generic;

    pthread_mutex_lock(&generic->lock);
    mitigation->pended = pended;
    pthread_cond_broadcast(&generic->changed);
    pthread_mutex_unlock(&generic->lock);
}

/* No worker is held for longer than that, unless the PF driver keeps even what is cancelled. */
static void wait_patiently(struct vstack_mitigation *mitigation, PKEVENT done)
{
    LARGE_INTEGER patience = {.QuadPart = -10000ll * PATIENCE_MS};

    set_pended(mitigation, true);
    if (KeWaitForSingleObject(done, Executive, KernelMode, FALSE, &patience) == STATUS_TIMEOUT) {
        TRACE_REFUSE("vstack", "SRIOV_IOCTL_PENDS pci.md 3.1", "VF %u: no answer for %u s, cancelled",
                     mitigation->vf->id, PATIENCE_MS / 1000);
        IoCancelIrp(mitigation->irp);
        KeWaitForSingleObject(done, Executive, KernelMode, FALSE, NULL);
    }
    set_pended(mitigation, false);
}

/* `buffer` holds the input before and the output after. The VF's end cancels a request that waits. */
static NTSTATUS ask(struct vstack_mitigation *mitigation, ULONG code, void *buffer, ULONG input, ULONG output,
                    ULONG_PTR *information)
{
    struct vstack_generic *generic = mitigation->updates.generic;
    PIRP irp = mitigation->irp;
    bool closing;
    KEVENT done;

    KeInitializeEvent(&done, NotificationEvent, FALSE);
    pthread_mutex_lock(&generic->lock);
    closing = mitigation->updates.closing;
    if (!closing)
        vstack_control_irp(irp, code, buffer, input, output, wake, &done);
    pthread_mutex_unlock(&generic->lock);
    if (closing)
        return STATUS_CANCELLED;
    if (IofCallDriver(generic->top, irp) == STATUS_PENDING)
        wait_patiently(mitigation, &done);
    *information = irp->IoStatus.Information;
    return irp->IoStatus.Status;
}

static NTSTATUS refuse(const struct vstack_mitigation *mitigation, const char *rule, const char *what, ULONG64 value)
{
    TRACE_REFUSE("vstack", rule, "VF %u: %s (%llu)", mitigation->vf->id, what, (unsigned long long)value);
    return STATUS_INVALID_DEVICE_STATE;
}

static NTSTATUS ask_counts(struct vstack_mitigation *mitigation, SRIOV_MITIGATED_RANGE_COUNT_OUTPUT *counts)
{
    ULONG_PTR information = 0;
    NTSTATUS status;

    memset(counts, 0, sizeof(*counts));
    memcpy(counts, &mitigation->vf->id, sizeof(SRIOV_MITIGATED_RANGE_COUNT_INPUT));
    TRACE_DOOR(span, "vstack", "IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT", "VF %u", mitigation->vf->id);
    status = ask(mitigation, IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT, counts, sizeof(SRIOV_MITIGATED_RANGE_COUNT_INPUT),
                 sizeof(*counts), &information);
    TRACE_DONE(span, "%s", nt_status_name(status));
    if (status != STATUS_SUCCESS)
        return NT_SUCCESS(status) ? refuse(mitigation, "RANGE_COUNT_ANSWER pci.md 5.9", "no final status", status)
                                  : status;
    if (information != sizeof(*counts))
        return refuse(mitigation, "RANGE_COUNT_ANSWER pci.md 5.9", "bytes instead of 24", information);
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        if (counts->RangeCount[i] > VSTACK_RANGES_MAX)
            return refuse(mitigation, "RANGES_MAX pci.md 3.7", "more ranges than are believed", counts->RangeCount[i]);
    }
    return STATUS_SUCCESS;
}

/* STATUS_BUFFER_TOO_SMALL: there are no longer `count` of them. */
static NTSTATUS ask_ranges(struct vstack_mitigation *mitigation, unsigned bar, ULONG count)
{
    const SRIOV_MITIGATED_RANGES_INPUT input = {.VfIndex = mitigation->vf->id, .BarNumber = (UCHAR)bar};
    ULONG bytes = count * (ULONG)sizeof(mitigation->answer[0]);
    ULONG_PTR information = 0;
    NTSTATUS status;

    memset(mitigation->answer, 0, sizeof(mitigation->answer));
    memcpy(mitigation->answer, &input, sizeof(input));
    TRACE_DOOR(span, "vstack", "IOCTL_SRIOV_QUERY_MITIGATED_RANGES", "VF %u: BAR %u", mitigation->vf->id, bar);
    status =
        ask(mitigation, IOCTL_SRIOV_QUERY_MITIGATED_RANGES, mitigation->answer, sizeof(input), bytes, &information);
    TRACE_DONE(span, "%s", nt_status_name(status));
    if (status != STATUS_SUCCESS)
        return NT_SUCCESS(status) ? refuse(mitigation, "RANGES_ANSWER pci.md 5.9", "no final status", status) : status;
    if (information < bytes && information % sizeof(mitigation->answer[0]) == 0)
        return STATUS_BUFFER_TOO_SMALL;
    if (information != bytes)
        return refuse(mitigation, "RANGES_ANSWER pci.md 5.9", "bytes are no such number of ranges", information);
    return STATUS_SUCCESS;
}

/* ---- what may be believed ---------------------------------------------------------------------------------------- */

static const char *wrong(const SRIOV_MITIGATED_RANGES_OUTPUT *range, ULONG64 bar_size)
{
    ULONG64 pages = bar_size / PAGE;

    if (!range->PageCount)
        return "a range without pages";
    if (range->BasePageNumber >= pages || range->PageCount > pages - range->BasePageNumber)
        return "a range outside its BAR";
    return range->InterceptReads || range->InterceptWrites ? NULL : "a range that intercepts nothing";
}

static int by_offset(const void *a, const void *b)
{
    const struct vstack_range *one = a, *other = b;
    return one->offset < other->offset ? -1 : one->offset > other->offset;
}

/* `list` has a place for each. */
static NTSTATUS believe(struct vstack_mitigation *mitigation, unsigned bar, ULONG count, struct vstack_range *list)
{
    for (ULONG i = 0; i < count; i++) {
        const SRIOV_MITIGATED_RANGES_OUTPUT *range = &mitigation->answer[i];
        const char *reason = wrong(range, mitigation->vf->bars[bar].size);
        if (reason)
            return refuse(mitigation, "MITIGATED_RANGE pci.md 3.7", reason, range->BasePageNumber);
        list[i] = (struct vstack_range){range->BasePageNumber * PAGE, (ULONG64)range->PageCount * PAGE,
                                        range->InterceptReads != 0, range->InterceptWrites != 0};
    }
    qsort(list, count, sizeof(*list), by_offset);
    for (ULONG i = 1; i < count; i++) {
        if (list[i].offset - list[i - 1].offset < list[i - 1].length)
            return refuse(mitigation, "MITIGATED_RANGE pci.md 3.7", "ranges overlap", list[i].offset / PAGE);
    }
    return STATUS_SUCCESS;
}

static NTSTATUS take_bar(struct vstack_mitigation *mitigation, unsigned bar, ULONG count, struct vstack_list *list)
{
    NTSTATUS status = ask_ranges(mitigation, bar, count);

    if (status != STATUS_SUCCESS)
        return status;
    list->ranges = calloc(count, sizeof(*list->ranges));
    if (!list->ranges)
        return STATUS_INSUFFICIENT_RESOURCES;
    list->count = count;
    return believe(mitigation, bar, count, list->ranges);
}

static NTSTATUS take_all(struct vstack_mitigation *mitigation, struct vstack_list lists[VSTACK_BARS])
{
    SRIOV_MITIGATED_RANGE_COUNT_OUTPUT counts;
    NTSTATUS status = ask_counts(mitigation, &counts);

    for (unsigned i = 0; i < VSTACK_BARS && status == STATUS_SUCCESS; i++) {
        if (counts.RangeCount[i])
            status = take_bar(mitigation, i, counts.RangeCount[i], &lists[i]);
    }
    return status;
}

static void query(struct vstack_mitigation *mitigation)
{
    struct vstack_list lists[VSTACK_BARS] = {0};
    NTSTATUS status = STATUS_BUFFER_TOO_SMALL;

    TRACE_DOOR(span, "vstack", "mitigated ranges", "VF %u", mitigation->vf->id);
    for (unsigned i = 0; i < ATTEMPTS && status == STATUS_BUFFER_TOO_SMALL; i++) {
        vstack_lists_free(lists);
        status = take_all(mitigation, lists);
    }
    if (status == STATUS_SUCCESS)
        vstack_traps_replace(mitigation->vf, lists);
    else if (status == STATUS_BUFFER_TOO_SMALL)
        refuse(mitigation, "RANGES_UNSTEADY pci.md 5.9", "counts that change with every question", ATTEMPTS);
    vstack_lists_free(lists);
    TRACE_DONE(span, "%s", nt_status_name(status));
}

/* ---- one at a time ----------------------------------------------------------------------------------------------- */

/* Asks as long as there is something new, unless another thread does. */
static void refresh(struct vstack_mitigation *mitigation)
{
    struct vstack_generic *generic = mitigation->updates.generic;

    pthread_mutex_lock(&generic->lock);
    while (!mitigation->busy && atomic_exchange(&mitigation->changed, false)) {
        mitigation->busy = true;
        pthread_mutex_unlock(&generic->lock);
        query(mitigation);
        pthread_mutex_lock(&generic->lock);
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

NDIS_STATUS vstack_mitigation_begin(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;
    struct nt_partition *before;

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
    return NDIS_STATUS_SUCCESS;
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
