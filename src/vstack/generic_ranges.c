/* SPDX-License-Identifier: MIT
 *
 * What a PF driver says of its mitigated ranges, asked for and judged (pci.md 3.7, 5.9).
 */
#include "vstack/generic_road.h"

#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
/* Both IOCTLs complete at once (pci.md 3.1); a PF driver that lets one wait may do so for as long as a miniport may. */
#define PATIENCE_MS 30000

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

NTSTATUS vstack_ranges_refuse(const struct vstack_mitigation *mitigation, const char *rule, const char *what,
                              ULONG64 value)
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
        return NT_SUCCESS(status)
                   ? vstack_ranges_refuse(mitigation, "RANGE_COUNT_ANSWER pci.md 5.9", "no final status", status)
                   : status;
    if (information != sizeof(*counts))
        return vstack_ranges_refuse(mitigation, "RANGE_COUNT_ANSWER pci.md 5.9", "bytes instead of 24", information);
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        if (counts->RangeCount[i] > VSTACK_RANGES_MAX)
            return vstack_ranges_refuse(mitigation, "RANGES_MAX pci.md 3.7", "more ranges than are believed",
                                        counts->RangeCount[i]);
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
        return NT_SUCCESS(status)
                   ? vstack_ranges_refuse(mitigation, "RANGES_ANSWER pci.md 5.9", "no final status", status)
                   : status;
    if (information < bytes && information % sizeof(mitigation->answer[0]) == 0)
        return STATUS_BUFFER_TOO_SMALL;
    if (information != bytes)
        return vstack_ranges_refuse(mitigation, "RANGES_ANSWER pci.md 5.9", "bytes are no such number of ranges",
                                    information);
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
            return vstack_ranges_refuse(mitigation, "MITIGATED_RANGE pci.md 3.7", reason, range->BasePageNumber);
        list[i] = (struct vstack_range){range->BasePageNumber * PAGE, (ULONG64)range->PageCount * PAGE,
                                        range->InterceptReads != 0, range->InterceptWrites != 0};
    }
    qsort(list, count, sizeof(*list), by_offset);
    for (ULONG i = 1; i < count; i++) {
        if (list[i].offset - list[i - 1].offset < list[i - 1].length)
            return vstack_ranges_refuse(mitigation, "MITIGATED_RANGE pci.md 3.7", "ranges overlap",
                                        list[i].offset / PAGE);
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

NTSTATUS vstack_ranges_ask(struct vstack_mitigation *mitigation, struct vstack_list lists[VSTACK_BARS])
{
    SRIOV_MITIGATED_RANGE_COUNT_OUTPUT counts;
    NTSTATUS status = ask_counts(mitigation, &counts);

    for (unsigned i = 0; i < VSTACK_BARS && status == STATUS_SUCCESS; i++) {
        if (counts.RangeCount[i])
            status = take_bar(mitigation, i, counts.RangeCount[i], &lists[i]);
    }
    return status;
}
