/* SPDX-License-Identifier: MIT
 *
 * The callbacks of SRIOV_DEVICE_INTERFACE_STANDARD (pci.md 3.3). The PF driver gets memory of the stack's own, never a
 * guest's, and may leave any routine out.
 */
#include <string.h>

#include "vstack/generic_road.h"

NDIS_STATUS vstack_generic_result(NTSTATUS status)
{
    if (status == STATUS_PENDING)
        return NDIS_STATUS_FAILURE;
    return NT_SUCCESS(status) ? NDIS_STATUS_SUCCESS : status;
}

static NTSTATUS config_read(const SRIOV_DEVICE_INTERFACE_STANDARD_2 *pf, USHORT vf, ULONG where, void *data,
                            ULONG length)
{
    return pf->ReadVfConfig ? pf->ReadVfConfig(pf->Context, data, vf, where, length) : VSTACK_MISSING;
}

static NTSTATUS config_write(const SRIOV_DEVICE_INTERFACE_STANDARD_2 *pf, USHORT vf, ULONG where, void *data,
                             ULONG length)
{
    return pf->WriteVfConfig ? pf->WriteVfConfig(pf->Context, data, vf, where, length) : VSTACK_MISSING;
}

static NTSTATUS block_read(const SRIOV_DEVICE_INTERFACE_STANDARD_2 *pf, USHORT vf, ULONG where, void *data,
                           ULONG length)
{
    return pf->ReadVfConfigBlock ? pf->ReadVfConfigBlock(pf->Context, vf, where, data, length) : VSTACK_MISSING;
}

static NTSTATUS block_write(const SRIOV_DEVICE_INTERFACE_STANDARD_2 *pf, USHORT vf, ULONG where, void *data,
                            ULONG length)
{
    return pf->WriteVfConfigBlock ? pf->WriteVfConfigBlock(pf->Context, vf, where, data, length) : VSTACK_MISSING;
}

static const struct {
    const char *door;
    NTSTATUS (*call)(const SRIOV_DEVICE_INTERFACE_STANDARD_2 *pf, USHORT vf, ULONG where, void *data, ULONG length);
} transfers[] = {
    [VSTACK_CONFIG_READ] = {"ReadVfConfig", config_read},
    [VSTACK_CONFIG_WRITE] = {"WriteVfConfig", config_write},
    [VSTACK_BLOCK_READ] = {"ReadVfConfigBlock", block_read},
    [VSTACK_BLOCK_WRITE] = {"WriteVfConfigBlock", block_write},
};

NDIS_STATUS vstack_generic_transfer(struct vstack_generic *generic, USHORT vf, enum vstack_kind kind, ULONG where,
                                    void *data, ULONG length)
{
    struct nt_partition *before = nt_enter(generic->partition);
    NTSTATUS status;

    TRACE_DOOR(span, "vstack", transfers[kind].door, "VF %u: %u bytes, %s %#x", vf, length,
               kind == VSTACK_BLOCK_READ || kind == VSTACK_BLOCK_WRITE ? "block" : "offset", where);
    status = transfers[kind].call(&generic->pf, vf, where, data, length);
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return vstack_generic_result(status);
}

NDIS_STATUS vstack_generic_reset(struct vstack_generic *generic, USHORT vf)
{
    struct nt_partition *before = nt_enter(generic->partition);
    NTSTATUS status;

    TRACE_DOOR(span, "vstack", "ResetVf", "VF %u", vf);
    status = generic->pf.ResetVf ? generic->pf.ResetVf(generic->pf.Context, vf) : VSTACK_MISSING;
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return vstack_generic_result(status);
}

/* NdisDeviceStateD0.. and PowerDeviceD0.. are the same numbers. A guest's VF is never armed to wake the machine. */
static NDIS_STATUS set_power(struct vstack_generic *generic, USHORT vf, ULONG state)
{
    struct nt_partition *before = nt_enter(generic->partition);
    NTSTATUS status = VSTACK_MISSING;

    _Static_assert((int)NdisDeviceStateD0 == (int)PowerDeviceD0, "ndis.md 4.9, pci.md 3.3");
    TRACE_DOOR(span, "vstack", "SetVfPowerState", "VF %u: D%u", vf, state - PowerDeviceD0);
    if (generic->pf.SetVfPowerState)
        status = generic->pf.SetVfPowerState(generic->pf.Context, vf, (DEVICE_POWER_STATE)state, FALSE);
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return vstack_generic_result(status);
}

/* What a change of the VF's state changes of its mitigated ranges is in force when the request is answered. */
static NDIS_STATUS change(struct vstack_vf *vf)
{
    struct vstack_generic *generic = vf->stack->generic;
    NDIS_STATUS status = vf->sent.kind == VSTACK_RESET ? vstack_generic_reset(generic, vf->id)
                                                       : set_power(generic, vf->id, vf->sent.value);

    vstack_mitigation_catch_up(vf);
    return status;
}

NDIS_STATUS vstack_generic_call(struct vstack_vf *vf)
{
    switch (vf->sent.kind) {
    case VSTACK_RESET:
    case VSTACK_POWER:
        return change(vf);
    case VSTACK_REGISTER_READ:
    case VSTACK_REGISTER_WRITE:
        return vstack_mitigation_access(vf);
    default:
        return vstack_generic_transfer(vf->stack->generic, vf->id, vf->sent.kind, vf->sent.where, vf->buffer,
                                       vf->sent.size);
    }
}

/* ---- what a VF is, and where ------------------------------------------------------------------------------------ */

ULONG vstack_generic_locate(struct vstack_generic *generic, USHORT vf)
{
    struct nt_partition *before = nt_enter(generic->partition);
    UINT16 segment = 0xFFFF;
    UINT8 bus = 0xFF, function = 0xFF;

    TRACE_DOOR(span, "vstack", "GetDeviceLocation", "VF %u", vf);
    if (generic->pf.GetDeviceLocation)
        generic->pf.GetDeviceLocation(generic->pf.Context, vf, &segment, &bus, &function);
    TRACE_DONE(span, "%04x:%02x, function %02x", segment, bus, function);
    nt_enter(before);
    return segment == 0xFFFF && bus == 0xFF && function == 0xFF ? NDIS_INVALID_RID
                                                                : NDIS_MAKE_RID(segment, bus, function);
}

NDIS_STATUS vstack_generic_ids(struct vstack_generic *generic, USHORT vf, USHORT *vendor, USHORT *device)
{
    struct nt_partition *before = nt_enter(generic->partition);

    *vendor = *device = 0xFFFF;
    TRACE_DOOR(span, "vstack", "GetVendorAndDevice", "VF %u", vf);
    if (generic->pf.GetVendorAndDevice)
        generic->pf.GetVendorAndDevice(generic->pf.Context, vf, vendor, device);
    TRACE_DONE(span, "%04x:%04x", *vendor, *device);
    nt_enter(before);
    if (!generic->pf.GetVendorAndDevice)
        return VSTACK_MISSING;
    if (*vendor != 0xFFFF)
        return NDIS_STATUS_SUCCESS;
    TRACE_REFUSE("vstack", "VF_WITHOUT_ID pci.md 5.10", "VF %u has no Vendor ID", vf);
    return NDIS_STATUS_INVALID_DATA;
}

/* Without either routine the VF has no BARs that its guest could know of. */
NDIS_STATUS vstack_generic_bars(struct vstack_generic *generic, USHORT vf, ULONG values[6])
{
    const SRIOV_DEVICE_INTERFACE_STANDARD_2 *pf = &generic->pf;
    struct nt_partition *before = nt_enter(generic->partition);
    NTSTATUS status = STATUS_SUCCESS;

    TRACE_DOOR(span, "vstack", pf->QueryProbedBars_2 ? "QueryProbedBars_2" : "QueryProbedBars", "VF %u", vf);
    memset(values, 0, 6 * sizeof(*values));
    if (pf->QueryProbedBars_2)
        status = pf->QueryProbedBars_2(pf->Context, vf, values);
    else if (pf->QueryProbedBars)
        status = pf->QueryProbedBars(pf->Context, values);
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return vstack_generic_result(status);
}

NDIS_STATUS vstack_generic_resource(struct vstack_generic *generic, USHORT vf, USHORT bar,
                                    PCM_PARTIAL_RESOURCE_DESCRIPTOR resource)
{
    struct nt_partition *before = nt_enter(generic->partition);
    NTSTATUS status = VSTACK_MISSING;

    TRACE_DOOR(span, "vstack", "GetResourceForBar", "VF %u: BAR %u", vf, bar);
    if (generic->pf.GetResourceForBar)
        status = generic->pf.GetResourceForBar(generic->pf.Context, vf, bar, resource);
    TRACE_DONE(span, "%s", nt_status_name(status));
    nt_enter(before);
    return vstack_generic_result(status);
}
