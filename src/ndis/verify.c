/* SPDX-License-Identifier: MIT
 *
 * What a request's end must imply (ndis.md 4, 7.13; decisions.md): the rows of the contract that are judged from the
 * request, from what NDIS knows of switch and VFs, and from the device. The device is asked as NDIS can ask it, through
 * BUS_INTERFACE_STANDARD and PCI_VIRTUALIZATION_INTERFACE; what is not there, or was pulled, is not judged.
 */
#include <ntddndis.h>

#include "ndis/guard.h"
#include "ndis/internal.h"

#define COMMAND          0x04u
#define BUS_MASTER       0x0004u
#define MSIX_ENABLE      0x8000u
#define POWER_CONTROL    4u
#define POWER_STATE_MASK 3u

/* ---- one request -------------------------------------------------------------------------------------------- */

struct judged {
    struct ndis_adapter *adapter;
    PNDIS_OID_REQUEST request;
    const char *oid;
    const UCHAR *asked;    /* the issuer's buffer as it was sent */
    const UCHAR *answered; /* what the miniport left */
    ULONG length;
    NDIS_STATUS status;
};

static const struct ndis_switch *switch_of(const struct judged *judged)
{
    return &judged->adapter->nic_switch;
}

static USHORT asked_vf(const struct judged *judged, ULONG offset)
{
    USHORT vf;

    memcpy(&vf, judged->asked + offset, sizeof vf);
    return vf;
}

static void judge_create_switch(const struct judged *judged)
{
    const NDIS_NIC_SWITCH_PARAMETERS *asked = (const void *)judged->asked;
    NDIS_NIC_SWITCH_CAPABILITIES can = ndis_switch_limits(judged->adapter);
    struct ndis_checks *checks = &judged->adapter->checks;
    struct ndis_sriov_now now = ndis_sriov_now(judged->adapter);

    checks->made_enabled = now.enabled && !checks->was_enabled;
    if (judged->status != NDIS_STATUS_SUCCESS) {
        if (now.known && checks->made_enabled)
            nt_violation(NDIS_RULE(SRIOV_LEFT_ENABLED), "%s failed (%s) and left %u VFs enabled", judged->oid,
                         ndis_status_name(judged->status), now.num_vfs);
        return;
    }
    if (switch_of(judged)->exists)
        nt_violation(NDIS_RULE(SWITCH_CREATED_TWICE), "%s succeeded a second time", judged->oid);
    else if (asked->SwitchId != NDIS_DEFAULT_SWITCH_ID || asked->SwitchType != NdisNicSwitchTypeExternal ||
             (can.Header.Size >= NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2 && asked->NumVFs > can.MaxNumVFs))
        nt_violation(NDIS_RULE(SWITCH_PARAMETERS), "%s succeeded for switch %u of type %u with %u of %u VFs",
                     judged->oid, asked->SwitchId, asked->SwitchType, asked->NumVFs, can.MaxNumVFs);
    else if (now.known && asked->NumVFs && !now.enabled)
        nt_violation(NDIS_RULE(SRIOV_VF_NOT_ENABLED), "%s succeeded for %u VFs and VF Enable is clear", judged->oid,
                     asked->NumVFs);
    else if (now.known && now.enabled && now.num_vfs > now.total_vfs)
        nt_violation(NDIS_RULE(SRIOV_VFS_OVER_TOTAL), "%u VFs are enabled of %u", now.num_vfs, now.total_vfs);
    else if (now.known && now.enabled && asked->NumVFs && now.num_vfs != asked->NumVFs)
        nt_violation(NDIS_RULE(SRIOV_VFS_DIFFER), "%u VFs are enabled, %u were asked for", now.num_vfs, asked->NumVFs);
}

/* The static model keeps virtualization enabled until MiniportHaltEx: only what the switch enabled ends with it. */
static void judge_delete_switch(const struct judged *judged)
{
    struct ndis_sriov_now now;

    if (judged->status != NDIS_STATUS_SUCCESS || !judged->adapter->checks.made_enabled)
        return;
    now = ndis_sriov_now(judged->adapter);
    if (now.known && now.enabled)
        nt_violation(NDIS_RULE(SRIOV_NOT_DISABLED), "%s succeeded and %u VFs are still enabled", judged->oid,
                     now.num_vfs);
    judged->adapter->checks.made_enabled = false;
}

/* That the VFId is none, taken or out of range is NDIS's own bookkeeping (vf.c), which cannot keep such a VF. */
static void judge_allocate_vf(const struct judged *judged)
{
    const NDIS_NIC_SWITCH_VF_PARAMETERS *given = (const void *)judged->answered;
    USHORT vfs = atomic_load(&judged->adapter->enabled_vfs);
    ULONG rid;

    if (judged->status != NDIS_STATUS_SUCCESS || ndis_ids_get(&switch_of(judged)->vfs, given->VFId))
        return;
    if (given->VFId < vfs && ndis_vf_location(judged->adapter, given->VFId, &rid) && rid != given->RequestorId)
        nt_violation(NDIS_RULE(SRIOV_REQUESTOR_ID), "%s: RequestorId %x, VF %u is at %x", judged->oid,
                     given->RequestorId, given->VFId, rid);
}

static void judge_free_vf(const struct judged *judged)
{
    USHORT id = asked_vf(judged, offsetof(NDIS_NIC_SWITCH_FREE_VF_PARAMETERS, VFId));
    const struct ndis_vf *vf = ndis_ids_get(&switch_of(judged)->vfs, id);

    if (judged->status == NDIS_STATUS_SUCCESS && vf && vf->has_vport)
        nt_violation(NDIS_RULE(VF_FREED_IN_USE), "%s: VF %u has a VPort", judged->oid, id);
}

static void judge_create_vport(const struct judged *judged)
{
    USHORT id = asked_vf(judged, offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, AttachedFunctionId));
    const struct ndis_vf *vf = ndis_ids_get(&switch_of(judged)->vfs, id);

    if (judged->status != NDIS_STATUS_SUCCESS || id == NDIS_PF_FUNCTION_ID)
        return;
    if (!vf)
        nt_violation(NDIS_RULE(SRIOV_VF_NOT_ALLOCATED), "%s succeeded for VF %u", judged->oid, id);
    else if (vf->has_vport)
        nt_violation(NDIS_RULE(VPORT_PER_VF), "%s: VF %u has a VPort already", judged->oid, id);
}

static void judge_delete_vport(const struct judged *judged)
{
    const NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS *asked = (const void *)judged->asked;

    if (judged->status == NDIS_STATUS_SUCCESS && asked->VPortId == NDIS_DEFAULT_VPORT_ID)
        nt_violation(NDIS_RULE(VPORT_DEFAULT_DELETED), "%s succeeded for VPort 0", judged->oid);
}

static void judge_set_vport(const struct judged *judged)
{
    const NDIS_NIC_SWITCH_VPORT_PARAMETERS *asked = (const void *)judged->asked;
    struct ndis_vport *vport = ndis_vport_get(&judged->adapter->nic_switch, asked->VPortId);

    if (judged->status == NDIS_STATUS_SUCCESS && vport && (asked->Flags & NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED) &&
        asked->VPortState == NdisNicSwitchVPortStateDeactivated &&
        vport->parameters.VPortState == NdisNicSwitchVPortStateActivated)
        nt_violation(NDIS_RULE(VPORT_DEACTIVATED), "%s deactivated VPort %u", judged->oid, asked->VPortId);
}

static void judge_space(const struct judged *judged)
{
    const NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS *asked = (const void *)judged->asked;
    uint64_t last = atomic_load_explicit(&judged->adapter->checks.vf_data, memory_order_relaxed);

    if (judged->status == NDIS_STATUS_SUCCESS && last == NDIS_VF_DATA_SHORT(asked->VFId))
        nt_violation(NDIS_RULE(SRIOV_BUS_DATA_FAILED), "%s: %u bytes at 0x%03x of VF %u were not transferred",
                     judged->oid, asked->Length, asked->Offset, asked->VFId);
}

static void judge_reset(const struct judged *judged)
{
    const struct ndis_function vf = {judged->adapter, asked_vf(judged, offsetof(NDIS_SRIOV_RESET_VF_PARAMETERS, VFId))};
    USHORT command = 0, control = 0;
    ULONG msix;

    if (judged->status != NDIS_STATUS_SUCCESS || !ndis_function_read(&vf, COMMAND, &command, sizeof command) ||
        command == 0xffff)
        return;
    msix = ndis_function_capability(&vf, PCI_CAPABILITY_ID_MSIX);
    if (msix)
        ndis_function_read(&vf, msix + 2, &control, sizeof control);
    if ((command & BUS_MASTER) || (control & MSIX_ENABLE))
        nt_violation(NDIS_RULE(SRIOV_VF_NOT_RESET), "%s: VF %u has Command %04x, MSI-X control %04x", judged->oid,
                     vf.vf, command, control);
}

static void judge_power(const struct judged *judged)
{
    const NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS *asked = (const void *)judged->asked;
    const struct ndis_function vf = {judged->adapter, asked->VFId};
    USHORT control;
    ULONG at;

    if (judged->status != NDIS_STATUS_SUCCESS)
        return;
    if (asked->PowerState < NdisDeviceStateD0 || asked->PowerState > NdisDeviceStateD3 ||
        (asked->PowerState == NdisDeviceStateD0 && asked->WakeEnable)) {
        nt_violation(NDIS_RULE(SRIOV_POWER_PARAMETER), "%s succeeded for state %u, wake %u", judged->oid,
                     asked->PowerState, asked->WakeEnable);
        return;
    }
    at = ndis_function_capability(&vf, PCI_CAPABILITY_ID_POWER_MANAGEMENT);
    if (at && ndis_function_read(&vf, at + POWER_CONTROL, &control, sizeof control) && control != 0xffff &&
        (control & POWER_STATE_MASK) != (ULONG)asked->PowerState - NdisDeviceStateD0)
        nt_violation(NDIS_RULE(SRIOV_POWER_STATE), "%s: VF %u was put in D%u and is in D%u", judged->oid, asked->VFId,
                     asked->PowerState - NdisDeviceStateD0, control & POWER_STATE_MASK);
}

/* ---- rows: what is judged of which OID ---------------------------------------------------------------------- */

#define NO_VF 0
/* A tail: bytes [offset, offset + length) of the information buffer, which members of the parameter block name. */
struct tail {
    UCHAR offset; /* of the member with the tail's offset; 0 = no tail */
    UCHAR length; /* of the member with its length; 0: `fixed` */
    UCHAR fixed;
};

struct check {
    NDIS_OID oid;
    UCHAR vf; /* where the VFId stands whose VF must be allocated; 0 = none */
    struct tail tail;
    void (*judge)(const struct judged *judged);
};

#define SRIOV_VF offsetof(NDIS_SRIOV_RESET_VF_PARAMETERS, VFId)
#define SPACE_TAIL                                                                                                     \
    {                                                                                                                  \
        offsetof(NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS, BufferOffset),                                           \
            offsetof(NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS, Length), 0                                           \
    }

static const struct check checks[] = {
    /* the busiest first */
    {OID_SRIOV_WRITE_VF_CONFIG_SPACE, SRIOV_VF, SPACE_TAIL, judge_space},
    {OID_SRIOV_READ_VF_CONFIG_SPACE, SRIOV_VF, SPACE_TAIL, judge_space},
    {OID_SRIOV_WRITE_VF_CONFIG_BLOCK, SRIOV_VF, SPACE_TAIL, NULL}, /* the same layout */
    {OID_SRIOV_READ_VF_CONFIG_BLOCK, SRIOV_VF, SPACE_TAIL, NULL},
    {OID_SRIOV_RESET_VF, SRIOV_VF, {0}, judge_reset},
    {OID_SRIOV_SET_VF_POWER_STATE, SRIOV_VF, {0}, judge_power},
    {OID_SRIOV_VF_VENDOR_DEVICE_ID, SRIOV_VF, {0}, NULL},
    {OID_SRIOV_BAR_RESOURCES,
     SRIOV_VF,
     {offsetof(NDIS_SRIOV_BAR_RESOURCES_INFO, BarResourcesOffset), 0, sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR)},
     NULL},
    {OID_SRIOV_PROBED_BARS,
     NO_VF,
     {offsetof(NDIS_SRIOV_PROBED_BARS_INFO, BaseRegisterValuesOffset), 0, PCI_TYPE0_ADDRESSES * sizeof(ULONG)},
     NULL},
    {OID_NIC_SWITCH_CREATE_SWITCH, NO_VF, {0}, judge_create_switch},
    {OID_NIC_SWITCH_DELETE_SWITCH, NO_VF, {0}, judge_delete_switch},
    {OID_NIC_SWITCH_ALLOCATE_VF, NO_VF, {0}, judge_allocate_vf},
    {OID_NIC_SWITCH_FREE_VF, offsetof(NDIS_NIC_SWITCH_FREE_VF_PARAMETERS, VFId), {0}, judge_free_vf},
    {OID_NIC_SWITCH_CREATE_VPORT, NO_VF, {0}, judge_create_vport},
    {OID_NIC_SWITCH_DELETE_VPORT, NO_VF, {0}, judge_delete_vport},
    {OID_NIC_SWITCH_VPORT_PARAMETERS, NO_VF, {0}, judge_set_vport},
};

static const struct check *find_check(NDIS_OID oid)
{
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i].oid == oid)
            return &checks[i];
    return NULL;
}

static ULONG member(const UCHAR *block, ULONG offset)
{
    ULONG value;

    memcpy(&value, block + offset, sizeof value);
    return value;
}

/* False: the tail that the request names does not lie in its buffer, and it succeeded; or bytes behind it changed. */
static bool tail_ok(const struct judged *judged, const struct tail *tail)
{
    ULONG64 end = (ULONG64)member(judged->asked, tail->offset) +
                  (tail->length ? member(judged->asked, tail->length) : tail->fixed);

    if (end > judged->length)
        return judged->status != NDIS_STATUS_SUCCESS;
    /* Mostly there is nothing behind it; a comparison of no bytes at the guard page costs a processor much. */
    return end == judged->length || memcmp(judged->answered + end, judged->asked + end, judged->length - end) == 0;
}

static bool bounds_ok(const struct judged *judged, const struct check *check, const struct ndis_oid *row)
{
    if (judged->length < row->minimum) {
        if (judged->status == NDIS_STATUS_SUCCESS)
            nt_violation(NDIS_RULE(OID_BUFFER_BOUNDS), "%s succeeded with %u bytes of %u", judged->oid, judged->length,
                         row->minimum);
        return false;
    }
    if (!check->tail.offset || tail_ok(judged, &check->tail))
        return true;
    nt_violation(NDIS_RULE(OID_BUFFER_BOUNDS),
                 "%s: the data at %u does not lie in the buffer of %u bytes, or bytes behind it were written",
                 judged->oid, member(judged->asked, check->tail.offset), judged->length);
    return false;
}

/* What is judged of every request that names something: in this order, the first that is broken is the finding. */
static void judge(const struct judged *judged, const struct check *check, const struct ndis_oid *row)
{
    const NDIS_OBJECT_HEADER *header = (const void *)judged->asked;
    bool succeeded = judged->status == NDIS_STATUS_SUCCESS;

    if (!bounds_ok(judged, check, row))
        return;
    if (succeeded && !ndis_header_ok(header, NDIS_OBJECT_TYPE_DEFAULT, 1)) {
        nt_violation(NDIS_RULE(OID_HEADER), "%s succeeded with type %02x, revision %u, size %u", judged->oid,
                     header->Type, header->Revision, header->Size);
        return;
    }
    if (succeeded && check->vf && !ndis_ids_get(&switch_of(judged)->vfs, asked_vf(judged, check->vf))) {
        nt_violation(NDIS_RULE(SRIOV_VF_NOT_ALLOCATED), "%s succeeded for VF %u", judged->oid,
                     asked_vf(judged, check->vf));
        return;
    }
    if (check->judge)
        check->judge(judged);
}

/* ---- round a request ---------------------------------------------------------------------------------------- */

static bool is_of_switch(NDIS_OID oid)
{
    return oid == OID_NIC_SWITCH_CREATE_SWITCH;
}

void ndis_verify_begin(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    atomic_store_explicit(&adapter->checks.vf_data, 0, memory_order_relaxed);
    if (is_of_switch(ndis_slot_of(request)->row->oid))
        adapter->checks.was_enabled = ndis_sriov_now(adapter).enabled;
    ndis_guard_enter(&adapter->guard, request);
}

void ndis_verify_end(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    struct ndis_guard *guard = &adapter->guard;
    const struct ndis_oid *row = ndis_slot_of(request)->row;
    struct judged judged = {adapter, request, row->name, guard->issuer, guard->copy, guard->length, status};
    const struct check *check = find_check(row->oid);

    if (check && ndis_is_pf(adapter))
        judge(&judged, check, row);
    if (!ndis_guard_leave(guard, request))
        nt_violation(NDIS_RULE(OID_BUFFER_BOUNDS), "%s: bytes outside of the buffer of %u bytes were written",
                     row->name, judged.length);
}

void ndis_verify_halted(struct ndis_adapter *adapter, const char *routine)
{
    struct ndis_sriov_now now;

    if (!adapter->checks.on || !adapter->below.has_virtualization)
        return;
    now = ndis_sriov_now(adapter);
    if (now.known && now.enabled && atomic_load(&adapter->enabled_vfs))
        nt_violation_in(NDIS_RULE(HALT_LEFT_VIRTUALIZATION), routine, "%s returned with %u VFs enabled", routine,
                        now.num_vfs);
}

void ndis_verify_abandon(struct ndis_adapter *adapter, PNDIS_OID_REQUEST request)
{
    if (!adapter->guard.active)
        return;
    adapter->guard.active = false;
    request->DATA.QUERY_INFORMATION.InformationBuffer = adapter->guard.issuer;
}
