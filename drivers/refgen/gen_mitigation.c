/* SPDX-License-Identifier: MIT
 *
 * MITIGABLE_DEVICE_INTERFACE: pages of a VF's BARs that the virtualization stack shall intercept (pci.md 3.4, 3.7).
 *
 * A VF that is not in D0 must not be touched, so while it sleeps the PF driver answers for its first two pages: reads
 * give all ones, and writes to the first, the one with side effects, are dropped. Each way from and to D0 changes what
 * is to be intercepted.
 */
#include "gen.h"

#define GEN_PAGE 4096u

static const struct {
    USHORT bar;
    ULONG first, pages;
    BOOLEAN reads, writes;
} asleep[] = {
    {0, 0, 1, TRUE, TRUE},
    {0, 1, 1, TRUE, FALSE},
};

/* Is the row in force for a VF in that state, with BARs as large as they are? */
static BOOLEAN in_force(const struct gen_adapter *adapter, ULONG row, DEVICE_POWER_STATE power)
{
    return power != PowerDeviceD0 &&
           (ULONG64)(asleep[row].first + asleep[row].pages) * GEN_PAGE <= adapter->bars.bar[asleep[row].bar].size;
}

static DEVICE_POWER_STATE power_of(struct gen_adapter *adapter, const struct gen_vf *vf)
{
    DEVICE_POWER_STATE power;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    power = vf->power;
    KeReleaseSpinLock(&adapter->lock, irql);
    return power;
}

static ULONG count(struct gen_adapter *adapter, DEVICE_POWER_STATE power, USHORT bar)
{
    ULONG row, found = 0;

    for (row = 0; row < RTL_NUMBER_OF(asleep); row++)
        found += asleep[row].bar == bar && in_force(adapter, row, power);
    return found;
}

NTSTATUS gen_range_count(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    const USHORT index = ((PSRIOV_MITIGATED_RANGE_COUNT_INPUT)irp->AssociatedIrp.SystemBuffer)->VfIndex;
    PSRIOV_MITIGATED_RANGE_COUNT_OUTPUT out = irp->AssociatedIrp.SystemBuffer;
    DEVICE_POWER_STATE power;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, out, &vf);
    USHORT bar;

    UNREFERENCED_PARAMETER(stack);
    if (status != STATUS_SUCCESS)
        return status;
    power = power_of(adapter, vf);
    for (bar = 0; bar < PCI_TYPE0_ADDRESSES; bar++)
        out->RangeCount[bar] = count(adapter, power, bar);
    irp->IoStatus.Information = sizeof(*out);
    gen_leave(adapter);
    return STATUS_SUCCESS;
}

static VOID list(struct gen_adapter *adapter, DEVICE_POWER_STATE power, USHORT bar, PSRIOV_MITIGATED_RANGES_OUTPUT out)
{
    ULONG row;

    for (row = 0; row < RTL_NUMBER_OF(asleep); row++) {
        if (asleep[row].bar != bar || !in_force(adapter, row, power))
            continue;
        RtlZeroMemory(out, sizeof(*out));
        out->BasePageNumber = asleep[row].first;
        out->PageCount = asleep[row].pages;
        out->InterceptReads = asleep[row].reads;
        out->InterceptWrites = asleep[row].writes;
        out++;
    }
}

NTSTATUS gen_ranges(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    const SRIOV_MITIGATED_RANGES_INPUT in = *(PSRIOV_MITIGATED_RANGES_INPUT)irp->AssociatedIrp.SystemBuffer;
    DEVICE_POWER_STATE power;
    struct gen_vf *vf;
    ULONG bytes;
    NTSTATUS status =
        in.BarNumber < PCI_TYPE0_ADDRESSES ? gen_enter(adapter, in.VfIndex, &in, &vf) : STATUS_INVALID_PARAMETER;

    if (status != STATUS_SUCCESS)
        return status;
    power = power_of(adapter, vf);
    bytes = count(adapter, power, in.BarNumber) * (ULONG)sizeof(SRIOV_MITIGATED_RANGES_OUTPUT);
    if (stack->Parameters.DeviceIoControl.OutputBufferLength < bytes) {
        status = STATUS_BUFFER_TOO_SMALL;
    } else {
        list(adapter, power, in.BarNumber, irp->AssociatedIrp.SystemBuffer);
        irp->IoStatus.Information = bytes;
    }
    gen_leave(adapter);
    return status;
}

/* ---- changes ----------------------------------------------------------------------------------------------------- */

static VOID deliver(struct gen_adapter *adapter, struct gen_vf *vf)
{
    PIRP irp = NULL;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    if (vf->ranges_changed)
        irp = gen_dequeue(&adapter->range_updates, vf->index);
    if (irp)
        vf->ranges_changed = FALSE;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!irp)
        return;
    ((PSRIOV_MITIGATED_RANGE_UPDATE_OUTPUT)irp->AssociatedIrp.SystemBuffer)->VfIndex = vf->index;
    gen_complete(adapter, irp, STATUS_SUCCESS, sizeof(SRIOV_MITIGATED_RANGE_UPDATE_OUTPUT));
}

VOID gen_ranges_changed(struct gen_adapter *adapter, struct gen_vf *vf)
{
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    vf->ranges_changed = TRUE;
    KeReleaseSpinLock(&adapter->lock, irql);
    deliver(adapter, vf);
}

NTSTATUS gen_wait_range_update(struct gen_adapter *adapter, PIRP irp, PIO_STACK_LOCATION stack)
{
    const USHORT index = ((PSRIOV_MITIGATED_RANGE_UPDATE_INPUT)irp->AssociatedIrp.SystemBuffer)->VfIndex;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, irp, &vf);

    UNREFERENCED_PARAMETER(stack);
    if (status != STATUS_SUCCESS)
        return status;
    irp->Tail.Overlay.DriverContext[0] = (PVOID)(ULONG_PTR)index;
    status = gen_queue(adapter, &adapter->range_updates, irp);
    deliver(adapter, vf);
    gen_leave(adapter);
    return status;
}

/* ---- an intercepted access --------------------------------------------------------------------------------------- */

static BOOLEAN intercepts(struct gen_adapter *adapter, DEVICE_POWER_STATE power, USHORT bar, ULONG64 page, BOOLEAN read)
{
    ULONG row;

    for (row = 0; row < RTL_NUMBER_OF(asleep); row++)
        if (asleep[row].bar == bar && in_force(adapter, row, power) && page >= asleep[row].first &&
            page < asleep[row].first + asleep[row].pages && (read ? asleep[row].reads : asleep[row].writes))
            return TRUE;
    return FALSE;
}

static BOOLEAN is_good(struct gen_adapter *adapter, DEVICE_POWER_STATE power, BOOLEAN read, USHORT bar,
                       ULONGLONG offset, ULONG length)
{
    ULONG64 size = bar < PCI_TYPE0_ADDRESSES ? adapter->bars.bar[bar].size : 0;

    return length >= 1 && length <= 8 && length <= size && offset <= size - length &&
           intercepts(adapter, power, bar, offset / GEN_PAGE, read) &&
           intercepts(adapter, power, bar, (offset + length - 1) / GEN_PAGE, read);
}

NTSTATUS gen_mitigated_register(PVOID context, USHORT index, BOOLEAN read, USHORT bar, ULONGLONG offset, ULONG length,
                                PUCHAR data)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, data, &vf);

    if (status != STATUS_SUCCESS)
        return status;
    if (!is_good(adapter, power_of(adapter, vf), read, bar, offset, length))
        status = STATUS_INVALID_PARAMETER;
    else if (read)
        RtlFillMemory(data, length, 0xFF);
    gen_leave(adapter);
    return status;
}
