/* SPDX-License-Identifier: MIT
 *
 * Every OID the PF answers, as one table, and the order in which a request is looked at: adapter state, then what
 * nic_oid_run checks, then the handler (ndis.md 4.3). The hot ones stand first.
 */
#include "pf.h"
#include "refnic.h"

/* FALSE: faster than the card. Unknown leaves it to the card, which takes the highest it can. */
static BOOLEAN take_speed(ULONG64 wanted, ULONG64 *speed)
{
    *speed = wanted == NDIS_LINK_SPEED_UNKNOWN ? NIC_MAX_SPEED : wanted;
    return *speed <= NIC_MAX_SPEED;
}

/* Changing the link is an administrator's act; a speed of 0 takes it down. Every VF is told through its block. */
static NDIS_STATUS set_link_parameters(PVOID context, struct nic_request *request)
{
    struct pf_adapter *adapter = context;
    const NDIS_LINK_PARAMETERS *parameters = (PVOID)request->buffer;
    struct nic_link link;

    if (parameters->MediaDuplexState == MediaDuplexStateHalf ||
        !take_speed(parameters->XmitLinkSpeed, &link.transmit_speed) ||
        !take_speed(parameters->RcvLinkSpeed, &link.receive_speed))
        return NDIS_STATUS_INVALID_PARAMETER;
    link.connected = link.transmit_speed != 0 && link.receive_speed != 0;
    if (!link.connected)
        link.transmit_speed = link.receive_speed = 0;
    if (nic_set_link(&adapter->port, &link))
        pf_blocks_link_changed(adapter);
    return nic_done(request, NDIS_SIZEOF_LINK_PARAMETERS_REVISION_1, 0);
}

static NDIS_STATUS command_vf(PVOID context, struct nic_request *request)
{
    const REFNIC_VF_COMMAND command = *(const REFNIC_VF_COMMAND *)(PVOID)request->buffer;
    NDIS_STATUS status = pf_blocks_command(context, command.VFId, command.Control, command.Command);

    return status == NDIS_STATUS_SUCCESS ? nic_done(request, sizeof(command), 0) : status;
}

/* Structure, its least size, and the size to report when the buffer is shorter than what is needed. */
#define FIXED(type)  .revision = NDIS_##type##_REVISION_1, .header = NDIS_SIZEOF_##type##_REVISION_1
#define INPUT(type)  .input = NDIS_SIZEOF_##type##_REVISION_1, .needed = sizeof(NDIS_##type)
#define OUTPUT(type) .output = NDIS_SIZEOF_##type##_REVISION_1

#define PROBED_BYTES (NDIS_SIZEOF_SRIOV_PROBED_BARS_INFO_REVISION_1 + PCI_TYPE0_ADDRESSES * sizeof(ULONG))
#define BAR_BYTES    (NDIS_SIZEOF_SRIOV_BAR_RESOURCES_INFO_REVISION_1 + sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR))

/* The two writes come as sets; a method request that carries the same is accepted (decisions.md). */
const struct nic_oid pf_oids[] = {
    {OID_SRIOV_WRITE_VF_CONFIG_SPACE, NIC_SET | NIC_METHOD, 1, FIXED(SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS),
     INPUT(SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS), .handler = pf_write_config},
    {OID_SRIOV_READ_VF_CONFIG_SPACE, NIC_METHOD, 1, FIXED(SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS),
     INPUT(SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS), .handler = pf_read_config},
    {OID_SRIOV_WRITE_VF_CONFIG_BLOCK, NIC_SET | NIC_METHOD, 1, FIXED(SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS),
     INPUT(SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS), .handler = pf_write_block},
    {OID_SRIOV_READ_VF_CONFIG_BLOCK, NIC_METHOD, 1, FIXED(SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS),
     INPUT(SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS), .handler = pf_read_block},
    {OID_SRIOV_RESET_VF, NIC_SET, 1, FIXED(SRIOV_RESET_VF_PARAMETERS), INPUT(SRIOV_RESET_VF_PARAMETERS),
     .handler = pf_reset_vf},
    {OID_SRIOV_SET_VF_POWER_STATE, NIC_SET, 1, FIXED(SRIOV_SET_VF_POWER_STATE_PARAMETERS),
     INPUT(SRIOV_SET_VF_POWER_STATE_PARAMETERS), .handler = pf_set_vf_power},
    {OID_SRIOV_VF_VENDOR_DEVICE_ID, NIC_METHOD, 1, FIXED(SRIOV_VF_VENDOR_DEVICE_ID_INFO),
     INPUT(SRIOV_VF_VENDOR_DEVICE_ID_INFO), OUTPUT(SRIOV_VF_VENDOR_DEVICE_ID_INFO), .handler = pf_vendor_device_id},
    {OID_SRIOV_PROBED_BARS, NIC_QUERY, 1, FIXED(SRIOV_PROBED_BARS_INFO), .input = PROBED_BYTES, .output = PROBED_BYTES,
     .needed = PROBED_BYTES, .handler = pf_probed_bars},
    {OID_SRIOV_BAR_RESOURCES, NIC_METHOD, 1, FIXED(SRIOV_BAR_RESOURCES_INFO),
     .input = NDIS_SIZEOF_SRIOV_BAR_RESOURCES_INFO_REVISION_1, .output = BAR_BYTES, .needed = BAR_BYTES,
     .handler = pf_bar_resources},
    {OID_NIC_SWITCH_CREATE_SWITCH, NIC_METHOD, 1, FIXED(NIC_SWITCH_PARAMETERS),
     .input = NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, .needed = NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1,
     .handler = pf_create_switch},
    {OID_NIC_SWITCH_DELETE_SWITCH, NIC_SET, 1, FIXED(NIC_SWITCH_DELETE_SWITCH_PARAMETERS),
     INPUT(NIC_SWITCH_DELETE_SWITCH_PARAMETERS), .handler = pf_delete_switch},
    {OID_NIC_SWITCH_PARAMETERS, NIC_SET, 1, FIXED(NIC_SWITCH_PARAMETERS),
     .input = NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, .needed = NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1,
     .handler = pf_switch_parameters},
    {OID_NIC_SWITCH_ALLOCATE_VF, NIC_METHOD, 1, FIXED(NIC_SWITCH_VF_PARAMETERS), INPUT(NIC_SWITCH_VF_PARAMETERS),
     OUTPUT(NIC_SWITCH_VF_PARAMETERS), .handler = pf_allocate_vf},
    {OID_NIC_SWITCH_FREE_VF, NIC_SET, 1, FIXED(NIC_SWITCH_FREE_VF_PARAMETERS), INPUT(NIC_SWITCH_FREE_VF_PARAMETERS),
     .handler = pf_free_vf},
    {OID_NIC_SWITCH_CREATE_VPORT, NIC_METHOD, 1, FIXED(NIC_SWITCH_VPORT_PARAMETERS), INPUT(NIC_SWITCH_VPORT_PARAMETERS),
     .handler = pf_create_vport},
    {OID_NIC_SWITCH_VPORT_PARAMETERS, NIC_SET, 1, FIXED(NIC_SWITCH_VPORT_PARAMETERS),
     INPUT(NIC_SWITCH_VPORT_PARAMETERS), .handler = pf_vport_parameters},
    {OID_NIC_SWITCH_DELETE_VPORT, NIC_SET, 1, FIXED(NIC_SWITCH_DELETE_VPORT_PARAMETERS),
     INPUT(NIC_SWITCH_DELETE_VPORT_PARAMETERS), .handler = pf_delete_vport},
    {OID_RECEIVE_FILTER_SET_FILTER, NIC_METHOD, 1, .revision = NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2,
     .header = NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2,
     .input = NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2, .needed = sizeof(NDIS_RECEIVE_FILTER_PARAMETERS),
     .handler = pf_set_filter},
    {OID_RECEIVE_FILTER_CLEAR_FILTER, NIC_SET, 1, FIXED(RECEIVE_FILTER_CLEAR_PARAMETERS),
     INPUT(RECEIVE_FILTER_CLEAR_PARAMETERS), .handler = pf_clear_filter},
    {OID_RECEIVE_FILTER_MOVE_FILTER, NIC_SET, 1, FIXED(RECEIVE_FILTER_MOVE_FILTER_PARAMETERS),
     INPUT(RECEIVE_FILTER_MOVE_FILTER_PARAMETERS), .handler = pf_move_filter},
    {OID_GEN_LINK_PARAMETERS, NIC_SET, 0, FIXED(LINK_PARAMETERS), INPUT(LINK_PARAMETERS),
     .handler = set_link_parameters},
    {OID_REFNIC_VF_COMMAND, NIC_SET, 1, .input = sizeof(REFNIC_VF_COMMAND), .needed = sizeof(REFNIC_VF_COMMAND),
     .handler = command_vf},
};
const ULONG pf_oid_count = RTL_NUMBER_OF(pf_oids);

NDIS_STATUS pf_oid_request(NDIS_HANDLE context, PNDIS_OID_REQUEST oid)
{
    struct pf_adapter *adapter = context;
    const struct nic_oid *row = nic_oid_find(pf_oids, pf_oid_count, oid->DATA.Oid);

    if (nic_flags(&adapter->port) & NIC_REMOVED)
        return NDIS_STATUS_NOT_ACCEPTED;
    if (!row)
        row = nic_oid_find(nic_general_oids, nic_general_oid_count, oid->DATA.Oid);
    if (!row || (row->sriov && !adapter->enabled))
        return NDIS_STATUS_NOT_SUPPORTED;
    return nic_oid_run(row, adapter, oid);
}
