/* SPDX-License-Identifier: MIT
 *
 * What a PF driver says of its mitigated ranges, asked for and judged (pci.md 3.7, 5.9).
 */
#include "vstack/generic_mitigation.h"

#include <stdlib.h>
#include <string.h>

#define PAGE     4096u
#define ATTEMPTS 4u /* at counts that change before the ranges are there */
#define COUNTS   (-1)

static NTSTATUS refuse(const struct vstack_asking *asking, const char *rule, const char *what, ULONG64 value)
{
    TRACE_REFUSE("vstack", rule, "VF %u: %s (%llu)", asking->vf->id, what, (unsigned long long)value);
    return STATUS_INVALID_DEVICE_STATE;
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
static NTSTATUS believe(const struct vstack_asking *asking, ULONG count, struct vstack_range *list)
{
    const SRIOV_MITIGATED_RANGES_OUTPUT *answer = (const void *)asking->sent->buffer;

    for (ULONG i = 0; i < count; i++) {
        const SRIOV_MITIGATED_RANGES_OUTPUT *range = &answer[i];
        const char *reason = wrong(range, asking->vf->bars[asking->bar].size);
        if (reason)
            return refuse(asking, "MITIGATED_RANGE pci.md 3.7", reason, range->BasePageNumber);
        list[i] = (struct vstack_range){range->BasePageNumber * PAGE, (ULONG64)range->PageCount * PAGE,
                                        range->InterceptReads != 0, range->InterceptWrites != 0};
    }
    qsort(list, count, sizeof(*list), by_offset);
    for (ULONG i = 1; i < count; i++) {
        if (list[i].offset - list[i - 1].offset < list[i - 1].length)
            return refuse(asking, "MITIGATED_RANGE pci.md 3.7", "ranges overlap", list[i].offset / PAGE);
    }
    return STATUS_SUCCESS;
}

/* ---- answers ----------------------------------------------------------------------------------------------------- */

/* What is no success is the answer, but for statuses that only look like one. */
static NTSTATUS status_of(const struct vstack_asking *asking, const char *rule)
{
    NTSTATUS status = asking->sent->irp->IoStatus.Status;
    return status != STATUS_SUCCESS && NT_SUCCESS(status) ? refuse(asking, rule, "no final status", status) : status;
}

static NTSTATUS take_counts(struct vstack_asking *asking)
{
    const ULONG_PTR information = asking->sent->irp->IoStatus.Information;
    NTSTATUS status = status_of(asking, "RANGE_COUNT_ANSWER pci.md 5.9");

    asking->unknown = status == STATUS_NOT_SUPPORTED || status == STATUS_INVALID_DEVICE_REQUEST;
    if (status != STATUS_SUCCESS)
        return status;
    if (information != sizeof(asking->counts))
        return refuse(asking, "RANGE_COUNT_ANSWER pci.md 5.9", "bytes instead of 24", information);
    memcpy(&asking->counts, asking->sent->buffer, sizeof(asking->counts));
    for (unsigned i = 0; i < VSTACK_BARS; i++) {
        if (asking->counts.RangeCount[i] > VSTACK_RANGES_MAX)
            return refuse(asking, "RANGES_MAX pci.md 3.7", "more ranges than are believed",
                          asking->counts.RangeCount[i]);
    }
    return STATUS_SUCCESS;
}

static ULONG bytes_of(const struct vstack_asking *asking)
{
    return asking->counts.RangeCount[asking->bar] * (ULONG)sizeof(SRIOV_MITIGATED_RANGES_OUTPUT);
}

/* STATUS_BUFFER_TOO_SMALL: there are no longer as many as were counted. */
static NTSTATUS take_ranges(struct vstack_asking *asking)
{
    const ULONG_PTR information = asking->sent->irp->IoStatus.Information;
    struct vstack_list *list = &asking->lists[asking->bar];
    NTSTATUS status = status_of(asking, "RANGES_ANSWER pci.md 5.9");

    if (status != STATUS_SUCCESS)
        return status;
    if (information < bytes_of(asking) && information % sizeof(SRIOV_MITIGATED_RANGES_OUTPUT) == 0)
        return STATUS_BUFFER_TOO_SMALL;
    if (information != bytes_of(asking))
        return refuse(asking, "RANGES_ANSWER pci.md 5.9", "bytes are no such number of ranges", information);
    list->count = asking->counts.RangeCount[asking->bar];
    list->ranges = calloc(list->count, sizeof(*list->ranges));
    return list->ranges ? believe(asking, list->count, list->ranges) : STATUS_INSUFFICIENT_RESOURCES;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

bool vstack_asking_make(struct vstack_asking *asking, struct vstack_vf *vf)
{
    asking->vf = vf;
    asking->sent = vstack_irp_make(vf->stack->generic, VSTACK_RANGES_MAX * sizeof(SRIOV_MITIGATED_RANGES_OUTPUT));
    return asking->sent != NULL;
}

void vstack_asking_end(struct vstack_asking *asking)
{
    vstack_lists_free(asking->lists);
    vstack_irp_end(asking->sent);
}

static void begin_again(struct vstack_asking *asking)
{
    vstack_lists_free(asking->lists);
    asking->bar = COUNTS;
}

void vstack_asking_begin(struct vstack_asking *asking)
{
    asking->attempts = 0;
    begin_again(asking);
}

const char *vstack_asking_name(const struct vstack_asking *asking)
{
    return asking->bar == COUNTS ? "IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT" : "IOCTL_SRIOV_QUERY_MITIGATED_RANGES";
}

void vstack_asking_prepare(struct vstack_asking *asking)
{
    const SRIOV_MITIGATED_RANGES_INPUT input = {.VfIndex = asking->vf->id, .BarNumber = (UCHAR)asking->bar};
    bool counts = asking->bar == COUNTS;
    ULONG output = counts ? sizeof(asking->counts) : bytes_of(asking);
    ULONG length = counts ? sizeof(SRIOV_MITIGATED_RANGE_COUNT_INPUT) : sizeof(input);

    memset(asking->sent->buffer, 0, VSTACK_RANGES_MAX * sizeof(SRIOV_MITIGATED_RANGES_OUTPUT));
    memcpy(asking->sent->buffer, &input, length);
    vstack_irp_prepare(asking->sent,
                       counts ? IOCTL_SRIOV_QUERY_MITIGATED_RANGE_COUNT : IOCTL_SRIOV_QUERY_MITIGATED_RANGES, length,
                       output);
}

/* To the next BAR that has some; false: that was the last. */
static bool advance(struct vstack_asking *asking)
{
    do
        asking->bar++;
    while (asking->bar < (int)VSTACK_BARS && !asking->counts.RangeCount[asking->bar]);
    return asking->bar < (int)VSTACK_BARS;
}

bool vstack_asking_judge(struct vstack_asking *asking, NTSTATUS *status)
{
    *status = asking->bar == COUNTS ? take_counts(asking) : take_ranges(asking);
    TRACE_NOTE("vstack", "%s, VF %u: %s", vstack_asking_name(asking), asking->vf->id, nt_status_name(*status));
    if (*status == STATUS_SUCCESS)
        return !advance(asking);
    if (*status != STATUS_BUFFER_TOO_SMALL)
        return true;
    if (++asking->attempts < ATTEMPTS) {
        begin_again(asking);
        return false;
    }
    refuse(asking, "RANGES_UNSTEADY pci.md 5.9", "counts that change with every question", ATTEMPTS);
    return true;
}
