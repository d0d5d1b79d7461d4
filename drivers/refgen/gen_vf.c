/* SPDX-License-Identifier: MIT
 *
 * SRIOV_DEVICE_INTERFACE_STANDARD: what the virtualization stack asks of one VF (pci.md 3.3, 5.10). The registers are
 * passed on as they are, all or nothing.
 */
#include "gen.h"

/* ---- a VF, made when it is first asked for --------------------------------------------------------------------- */

static NTSTATUS admit(struct gen_adapter *adapter, USHORT index, const VOID *needed)
{
    if (index >= adapter->num_vfs || (!adapter->started && !adapter->removed) || !needed)
        return STATUS_INVALID_PARAMETER;
    return adapter->removed ? STATUS_NO_SUCH_DEVICE : STATUS_SUCCESS;
}

/* Two callers may come first at once: one of them throws its VF away, and has read nothing of it, for the other may have
 * it in an FLR already. */
static struct gen_vf *make_vf(struct gen_adapter *adapter, USHORT index)
{
    struct gen_vf *vf = ExAllocatePoolZero(NonPagedPoolNx, sizeof(*vf), GEN_TAG), *found;
    UCHAR mac[NIC_MAC_LENGTH];
    KIRQL irql;

    if (!vf)
        return NULL;
    vf->index = index;
    vf->power = PowerDeviceD0;
    KeInitializeMutex(&vf->busy, 0);
    (VOID) ZwAllocateLocallyUniqueId(&vf->luid);
    nic_vf_address(adapter->mac, index, mac);
    KeAcquireSpinLock(&adapter->lock, &irql);
    nic_mailbox_open(&vf->mailbox, mac, &adapter->link);
    found = adapter->vfs[index];
    if (!found)
        adapter->vfs[index] = vf;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (!found)
        return vf;
    ExFreePoolWithTag(vf, GEN_TAG);
    return found;
}

NTSTATUS gen_enter(struct gen_adapter *adapter, USHORT index, const VOID *needed, struct gen_vf **vf)
{
    NTSTATUS status;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    status = admit(adapter, index, needed);
    if (status == STATUS_SUCCESS) {
        adapter->calls++;
        *vf = adapter->vfs[index];
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    if (status != STATUS_SUCCESS)
        return status;
    if (!*vf)
        *vf = make_vf(adapter, index);
    if (*vf)
        return STATUS_SUCCESS;
    gen_leave(adapter);
    return STATUS_INSUFFICIENT_RESOURCES;
}

VOID gen_leave(struct gen_adapter *adapter)
{
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    if (--adapter->calls == 0)
        KeSetEvent(&adapter->idle, IO_NO_INCREMENT, FALSE);
    KeReleaseSpinLock(&adapter->lock, irql);
}

VOID gen_forget_vfs(struct gen_adapter *adapter)
{
    KIRQL irql;
    ULONG i;

    for (i = 0; i < adapter->num_vfs; i++) {
        struct gen_vf *vf = adapter->vfs[i];

        if (!vf)
            continue;
        KeAcquireSpinLock(&adapter->lock, &irql);
        nic_mailbox_reset(&vf->mailbox);
        vf->power = PowerDeviceD0;
        KeReleaseSpinLock(&adapter->lock, irql);
    }
}

VOID gen_free_vfs(struct gen_adapter *adapter)
{
    ULONG i;

    for (i = 0; i < adapter->num_vfs; i++)
        if (adapter->vfs[i])
            ExFreePoolWithTag(adapter->vfs[i], GEN_TAG);
    if (adapter->vfs)
        ExFreePoolWithTag(adapter->vfs, GEN_TAG);
}

/* ---- configuration space ---------------------------------------------------------------------------------------- */

static BOOLEAN range_is_good(ULONG offset, ULONG length)
{
    return length && offset < NIC_CONFIG_SIZE && length <= NIC_CONFIG_SIZE - offset;
}

static NTSTATUS read_config(PVOID context, PVOID data, USHORT index, ULONG offset, ULONG length)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, data, &vf);
    struct nic_config config;

    if (status != STATUS_SUCCESS)
        return status;
    config = gen_config_vf(adapter, index);
    if (!range_is_good(offset, length))
        status = STATUS_INVALID_PARAMETER;
    else if (config.read(&config, offset, data, length) != length)
        status = STATUS_UNSUCCESSFUL;
    gen_leave(adapter);
    return status;
}

static NTSTATUS write_config(PVOID context, CONST VOID *data, USHORT index, ULONG offset, ULONG length)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, data, &vf);
    struct nic_config config;

    if (status != STATUS_SUCCESS)
        return status;
    config = gen_config_vf(adapter, index);
    if (!range_is_good(offset, length))
        status = STATUS_INVALID_PARAMETER;
    else if (config.write(&config, offset, (PVOID)(ULONG_PTR)data, length) != length)
        status = STATUS_UNSUCCESSFUL;
    gen_leave(adapter);
    return status;
}

/* ---- what a VF is, and where ------------------------------------------------------------------------------------- */

static VOID get_ids(PVOID context, USHORT index, PUSHORT vendor, PUSHORT device)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;

    if (!vendor || !device)
        return;
    *vendor = *device = 0xFFFF;
    if (gen_enter(adapter, index, vendor, &vf) != STATUS_SUCCESS)
        return;
    *vendor = adapter->vendor;
    *device = adapter->vf_device;
    gen_leave(adapter);
}

static VOID get_location(PVOID context, USHORT index, PUINT16 segment, PUINT8 bus, PUINT8 function)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;

    if (!segment || !bus || !function)
        return;
    *segment = 0xFFFF;
    *bus = *function = 0xFF;
    if (gen_enter(adapter, index, segment, &vf) != STATUS_SUCCESS)
        return;
    (VOID) adapter->virtualization.GetLocation(adapter->virtualization.Context, index, segment, bus, function);
    gen_leave(adapter);
}

static NTSTATUS query_bars(PVOID context, PULONG values)
{
    struct gen_adapter *adapter = context;
    NTSTATUS status = STATUS_SUCCESS;
    KIRQL irql;

    if (!values)
        return STATUS_INVALID_PARAMETER;
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->removed)
        status = STATUS_NO_SUCH_DEVICE;
    else if (!adapter->num_vfs)
        status = STATUS_INVALID_DEVICE_STATE;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (status == STATUS_SUCCESS)
        RtlCopyMemory(values, adapter->bars.probed, sizeof(adapter->bars.probed));
    return status;
}

static NTSTATUS query_bars_of(PVOID context, USHORT index, PULONG values)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, values, &vf);

    if (status != STATUS_SUCCESS)
        return status;
    RtlCopyMemory(values, adapter->bars.probed, sizeof(adapter->bars.probed)); /* all VFs are alike */
    gen_leave(adapter);
    return STATUS_SUCCESS;
}

/* A stopped PF has VFs, only no resources for them: one row of pci.md 5.10 that is not gen_enter's. */
static BOOLEAN is_stopped(struct gen_adapter *adapter, USHORT index)
{
    BOOLEAN stopped;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    stopped = index < adapter->num_vfs && !adapter->started && !adapter->removed;
    KeReleaseSpinLock(&adapter->lock, irql);
    return stopped;
}

static NTSTATUS get_resource(PVOID context, USHORT index, USHORT bar, PCM_PARTIAL_RESOURCE_DESCRIPTOR resource)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status;

    if (resource && bar < PCI_TYPE0_ADDRESSES && is_stopped(adapter, index))
        return STATUS_INVALID_DEVICE_STATE;
    status = gen_enter(adapter, index, resource, &vf);
    if (status != STATUS_SUCCESS)
        return status;
    if (bar >= PCI_TYPE0_ADDRESSES)
        status = STATUS_INVALID_PARAMETER;
    else if (!adapter->bars.bar[bar].size)
        RtlZeroMemory(resource, sizeof(*resource)); /* CmResourceTypeNull */
    else if (!nic_bars_slice(&adapter->bars.bar[bar], index, resource))
        status = STATUS_UNSUCCESSFUL;
    gen_leave(adapter);
    return status;
}

/* ---- reset and power --------------------------------------------------------------------------------------------- */

/* What the PF driver remembers of a VF that was reset, or that changed its power. */
static VOID set_state(struct gen_adapter *adapter, struct gen_vf *vf, DEVICE_POWER_STATE power, BOOLEAN reset)
{
    BOOLEAN changed;
    KIRQL irql;

    KeAcquireSpinLock(&adapter->lock, &irql);
    changed = (vf->power == PowerDeviceD0) != (power == PowerDeviceD0);
    vf->power = power;
    if (reset)
        nic_mailbox_reset(&vf->mailbox);
    KeReleaseSpinLock(&adapter->lock, irql);
    if (changed)
        gen_ranges_changed(adapter, vf);
}

/* A function that is silent may be in an FLR already: it has as long as any FLR to come back. */
static NTSTATUS reset_function(struct gen_adapter *adapter, struct gen_vf *vf)
{
    const struct nic_config config = gen_config_vf(adapter, vf->index);

    if (!nic_function_probe(&config, &vf->function)) {
        nic_sleep(NIC_SETTLE_US);
        if (!nic_function_probe(&config, &vf->function))
            return STATUS_IO_TIMEOUT;
    }
    return nic_function_reset(&config, &vf->function, 1);
}

static NTSTATUS reset_vf(PVOID context, USHORT index)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, adapter, &vf);

    if (status != STATUS_SUCCESS)
        return status;
    KeWaitForSingleObject(&vf->busy, Executive, KernelMode, FALSE, NULL);
    status = reset_function(adapter, vf);
    if (status == STATUS_SUCCESS) {
        vf->wake = FALSE;
        set_state(adapter, vf, PowerDeviceD0, TRUE);
    }
    KeReleaseMutex(&vf->busy, FALSE);
    gen_leave(adapter);
    return status;
}

static NTSTATUS set_power(PVOID context, USHORT index, DEVICE_POWER_STATE state, BOOLEAN wake)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, adapter, &vf);
    struct nic_config config;

    if (status != STATUS_SUCCESS)
        return status;
    if (state < PowerDeviceD0 || state > PowerDeviceD3 || (state == PowerDeviceD0 && wake)) {
        gen_leave(adapter);
        return STATUS_INVALID_PARAMETER;
    }
    config = gen_config_vf(adapter, index);
    KeWaitForSingleObject(&vf->busy, Executive, KernelMode, FALSE, NULL);
    if (!vf->function.express)
        (VOID) nic_function_probe(&config, &vf->function);
    if (nic_function_power(&config, &vf->function, (USHORT)(state - PowerDeviceD0))) {
        vf->wake = wake != FALSE;
        set_state(adapter, vf, state, FALSE);
    } else {
        status = STATUS_UNSUCCESSFUL;
    }
    KeReleaseMutex(&vf->busy, FALSE);
    gen_leave(adapter);
    return status;
}

/* ---- LUIDs ------------------------------------------------------------------------------------------------------- */

static NTSTATUS query_luid(PVOID context, PLUID luid)
{
    struct gen_adapter *adapter = context;
    BOOLEAN gone;
    KIRQL irql;

    if (!luid)
        return STATUS_INVALID_PARAMETER;
    KeAcquireSpinLock(&adapter->lock, &irql);
    gone = adapter->removed;
    KeReleaseSpinLock(&adapter->lock, irql);
    if (gone)
        return STATUS_NO_SUCH_DEVICE;
    if (!adapter->has_luid)
        return STATUS_NOT_SUPPORTED;
    *luid = adapter->luid;
    return STATUS_SUCCESS;
}

static NTSTATUS query_vf_luid(PVOID context, USHORT index, PLUID luid)
{
    struct gen_adapter *adapter = context;
    struct gen_vf *vf;
    NTSTATUS status = gen_enter(adapter, index, luid, &vf);

    if (status != STATUS_SUCCESS)
        return status;
    *luid = vf->luid;
    gen_leave(adapter);
    return STATUS_SUCCESS;
}

/* A VF that nobody asked for has no LUID that anybody could know. */
static NTSTATUS query_luid_vf(PVOID context, LUID luid, PUSHORT index)
{
    struct gen_adapter *adapter = context;
    NTSTATUS status = STATUS_NOT_FOUND;
    KIRQL irql;
    ULONG i;

    if (!index)
        return STATUS_INVALID_PARAMETER;
    KeAcquireSpinLock(&adapter->lock, &irql);
    if (adapter->removed)
        status = STATUS_NO_SUCH_DEVICE;
    for (i = 0; status == STATUS_NOT_FOUND && i < adapter->num_vfs; i++) {
        const struct gen_vf *vf = adapter->vfs[i];

        if (vf && vf->luid.LowPart == luid.LowPart && vf->luid.HighPart == luid.HighPart) {
            *index = (USHORT)i;
            status = STATUS_SUCCESS;
        }
    }
    KeReleaseSpinLock(&adapter->lock, irql);
    return status;
}

VOID gen_fill_sriov(PSRIOV_DEVICE_INTERFACE_STANDARD_2 out)
{
    out->ReadVfConfig = read_config;
    out->WriteVfConfig = write_config;
    out->ReadVfConfigBlock = gen_read_block;
    out->WriteVfConfigBlock = gen_write_block;
    out->QueryProbedBars = query_bars;
    out->GetVendorAndDevice = get_ids;
    out->GetDeviceLocation = get_location;
    out->ResetVf = reset_vf;
    out->SetVfPowerState = set_power;
    out->GetResourceForBar = get_resource;
    out->QueryLuid = query_luid;
    out->QueryProbedBars_2 = query_bars_of;
    out->QueryVfLuid = query_vf_luid;
    out->QueryLuidVf = query_luid_vf;
}
