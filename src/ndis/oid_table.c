/* SPDX-License-Identifier: MIT
 *
 * The OIDs NDIS knows (ndis.md 4.1, held beside this table): which request types go to the miniport, which NDIS answers
 * itself, who may issue them, the smallest buffer, and what NDIS does before and after the miniport.
 *
 * WRITE_VF_CONFIG_* are set requests; the method form is let through, a miniport may take or refuse it (decisions.md).
 * SR-IOV OIDs whose structure or use is not public (CONFIG_STATE, OVERLYING_ADAPTER_INFO) are refused: no type is
 * listed.
 */
#include "ndis/oid_table.h"

/* Smallest buffer (through the last member) and what BytesNeeded says of it (sizeof): ndis.md 1.2. */
#define SIZES(structure, last) RTL_SIZEOF_THROUGH_FIELD(structure, last), sizeof(structure)
#define NO_SIZE                0, 0

#define PF        OID_NEEDS_PF
#define PF_SWITCH (OID_NEEDS_PF | OID_NEEDS_SWITCH)

static const struct ndis_oid rows[] = {
    {OID_GEN_SUPPORTED_LIST, "OID_GEN_SUPPORTED_LIST", OID_Q, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_GEN_VENDOR_ID, "OID_GEN_VENDOR_ID", OID_Q, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_GEN_VENDOR_DESCRIPTION, "OID_GEN_VENDOR_DESCRIPTION", OID_Q, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_GEN_CURRENT_PACKET_FILTER, "OID_GEN_CURRENT_PACKET_FILTER", OID_Q | OID_S, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_GEN_CURRENT_LOOKAHEAD, "OID_GEN_CURRENT_LOOKAHEAD", OID_Q | OID_S, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_GEN_VENDOR_DRIVER_VERSION, "OID_GEN_VENDOR_DRIVER_VERSION", OID_Q, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES, "OID_RECEIVE_FILTER_HARDWARE_CAPABILITIES", 0, OID_Q, 0, 0, NO_SIZE,
     ndis_answer_capabilities, NULL, NULL},
    {OID_RECEIVE_FILTER_SET_FILTER, "OID_RECEIVE_FILTER_SET_FILTER", OID_M, 0, 0, 0,
     SIZES(NDIS_RECEIVE_FILTER_PARAMETERS, VPortId), NULL, ndis_prepare_set_filter, ndis_done_set_filter},
    {OID_RECEIVE_FILTER_CLEAR_FILTER, "OID_RECEIVE_FILTER_CLEAR_FILTER", OID_S, 0, 0, 0,
     SIZES(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, FilterId), NULL, ndis_prepare_clear_filter, ndis_done_clear_filter},
    {OID_RECEIVE_FILTER_CURRENT_CAPABILITIES, "OID_RECEIVE_FILTER_CURRENT_CAPABILITIES", 0, OID_Q, 0, 0, NO_SIZE,
     ndis_answer_capabilities, NULL, NULL},
    {OID_NIC_SWITCH_HARDWARE_CAPABILITIES, "OID_NIC_SWITCH_HARDWARE_CAPABILITIES", 0, OID_Q, 0, 0, NO_SIZE,
     ndis_answer_capabilities, NULL, NULL},
    {OID_NIC_SWITCH_CURRENT_CAPABILITIES, "OID_NIC_SWITCH_CURRENT_CAPABILITIES", 0, OID_Q, 0, 0, NO_SIZE,
     ndis_answer_capabilities, NULL, NULL},
    {OID_RECEIVE_FILTER_MOVE_FILTER, "OID_RECEIVE_FILTER_MOVE_FILTER", OID_S, 0, 0, 0,
     SIZES(NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS, DestVPortId), NULL, ndis_prepare_move_filter,
     ndis_done_move_filter},
    {OID_NIC_SWITCH_CREATE_SWITCH, "OID_NIC_SWITCH_CREATE_SWITCH", OID_M, 0, OID_NDIS_ONLY | PF, 0,
     NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, NULL,
     ndis_prepare_create_switch, ndis_done_create_switch},
    {OID_NIC_SWITCH_PARAMETERS, "OID_NIC_SWITCH_PARAMETERS", OID_S, OID_M, PF, 0,
     NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1, ndis_answer_switch,
     NULL, ndis_done_set_switch},
    {OID_NIC_SWITCH_DELETE_SWITCH, "OID_NIC_SWITCH_DELETE_SWITCH", OID_S, 0, OID_NDIS_ONLY | PF, 0,
     SIZES(NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS, SwitchId), NULL, ndis_prepare_delete_switch,
     ndis_done_delete_switch},
    {OID_NIC_SWITCH_ENUM_SWITCHES, "OID_NIC_SWITCH_ENUM_SWITCHES", 0, OID_Q, PF, 0,
     SIZES(NDIS_NIC_SWITCH_INFO_ARRAY, ElementSize), ndis_answer_enum_switches, NULL, NULL},
    {OID_NIC_SWITCH_CREATE_VPORT, "OID_NIC_SWITCH_CREATE_VPORT", OID_M, 0, PF_SWITCH, DETAIL_VPORT,
     NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1, sizeof(NDIS_NIC_SWITCH_VPORT_PARAMETERS), NULL,
     ndis_prepare_create_vport, ndis_done_create_vport},
    {OID_NIC_SWITCH_VPORT_PARAMETERS, "OID_NIC_SWITCH_VPORT_PARAMETERS", OID_S, OID_M | OID_Q, PF_SWITCH, DETAIL_VPORT,
     NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1, sizeof(NDIS_NIC_SWITCH_VPORT_PARAMETERS), ndis_answer_vport,
     NULL, ndis_done_set_vport},
    {OID_NIC_SWITCH_ENUM_VPORTS, "OID_NIC_SWITCH_ENUM_VPORTS", 0, OID_M, PF, 0,
     SIZES(NDIS_NIC_SWITCH_VPORT_INFO_ARRAY, ElementSize), ndis_answer_enum_vports, NULL, NULL},
    {OID_NIC_SWITCH_DELETE_VPORT, "OID_NIC_SWITCH_DELETE_VPORT", OID_S, 0, PF_SWITCH, 0,
     SIZES(NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS, VPortId), NULL, ndis_prepare_delete_vport, ndis_done_delete_vport},
    {OID_NIC_SWITCH_ALLOCATE_VF, "OID_NIC_SWITCH_ALLOCATE_VF", OID_M, 0, PF_SWITCH, 0,
     SIZES(NDIS_NIC_SWITCH_VF_PARAMETERS, RequestorId), NULL, ndis_prepare_allocate_vf, ndis_done_allocate_vf},
    {OID_NIC_SWITCH_FREE_VF, "OID_NIC_SWITCH_FREE_VF", OID_S, 0, PF, 0, SIZES(NDIS_NIC_SWITCH_FREE_VF_PARAMETERS, VFId),
     NULL, ndis_prepare_free_vf, ndis_done_free_vf},
    {OID_NIC_SWITCH_VF_PARAMETERS, "OID_NIC_SWITCH_VF_PARAMETERS", 0, OID_M, PF, 0,
     SIZES(NDIS_NIC_SWITCH_VF_PARAMETERS, RequestorId), ndis_answer_vf, NULL, NULL},
    {OID_NIC_SWITCH_ENUM_VFS, "OID_NIC_SWITCH_ENUM_VFS", 0, OID_M, PF, 0,
     SIZES(NDIS_NIC_SWITCH_VF_INFO_ARRAY, ElementSize), ndis_answer_enum_vfs, NULL, NULL},
    {OID_SRIOV_HARDWARE_CAPABILITIES, "OID_SRIOV_HARDWARE_CAPABILITIES", 0, OID_Q, 0, 0, NO_SIZE,
     ndis_answer_capabilities, NULL, NULL},
    {OID_SRIOV_CURRENT_CAPABILITIES, "OID_SRIOV_CURRENT_CAPABILITIES", 0, OID_Q, 0, 0, NO_SIZE,
     ndis_answer_capabilities, NULL, NULL},
    {OID_SRIOV_READ_VF_CONFIG_SPACE, "OID_SRIOV_READ_VF_CONFIG_SPACE", OID_M, 0, PF_SWITCH, DETAIL_SPACE,
     SIZES(NDIS_SRIOV_READ_VF_CONFIG_SPACE_PARAMETERS, BufferOffset), NULL, NULL, NULL},
    {OID_SRIOV_WRITE_VF_CONFIG_SPACE, "OID_SRIOV_WRITE_VF_CONFIG_SPACE", OID_S | OID_M, 0, PF_SWITCH, DETAIL_SPACE,
     SIZES(NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS, BufferOffset), NULL, NULL, NULL},
    {OID_SRIOV_READ_VF_CONFIG_BLOCK, "OID_SRIOV_READ_VF_CONFIG_BLOCK", OID_M, 0, PF_SWITCH, DETAIL_BLOCK,
     SIZES(NDIS_SRIOV_READ_VF_CONFIG_BLOCK_PARAMETERS, BufferOffset), NULL, NULL, NULL},
    {OID_SRIOV_WRITE_VF_CONFIG_BLOCK, "OID_SRIOV_WRITE_VF_CONFIG_BLOCK", OID_S | OID_M, 0, PF_SWITCH, DETAIL_BLOCK,
     SIZES(NDIS_SRIOV_WRITE_VF_CONFIG_BLOCK_PARAMETERS, BufferOffset), NULL, NULL, NULL},
    {OID_SRIOV_RESET_VF, "OID_SRIOV_RESET_VF", OID_S, 0, PF_SWITCH, DETAIL_VF,
     SIZES(NDIS_SRIOV_RESET_VF_PARAMETERS, VFId), NULL, NULL, NULL},
    {OID_SRIOV_SET_VF_POWER_STATE, "OID_SRIOV_SET_VF_POWER_STATE", OID_S, 0, PF_SWITCH, DETAIL_VF,
     SIZES(NDIS_SRIOV_SET_VF_POWER_STATE_PARAMETERS, WakeEnable), NULL, NULL, NULL},
    {OID_SRIOV_VF_VENDOR_DEVICE_ID, "OID_SRIOV_VF_VENDOR_DEVICE_ID", OID_M, 0, PF_SWITCH, DETAIL_VF,
     SIZES(NDIS_SRIOV_VF_VENDOR_DEVICE_ID_INFO, DeviceId), NULL, NULL, NULL},
    {OID_SRIOV_PROBED_BARS, "OID_SRIOV_PROBED_BARS", OID_Q, 0, OID_NDIS_ONLY | PF, 0,
     sizeof(NDIS_SRIOV_PROBED_BARS_INFO) + PCI_TYPE0_ADDRESSES * sizeof(ULONG),
     sizeof(NDIS_SRIOV_PROBED_BARS_INFO) + PCI_TYPE0_ADDRESSES * sizeof(ULONG), NULL, NULL, NULL},
    {OID_SRIOV_BAR_RESOURCES, "OID_SRIOV_BAR_RESOURCES", OID_M, 0, OID_NDIS_ONLY | PF_SWITCH, DETAIL_BAR,
     sizeof(NDIS_SRIOV_BAR_RESOURCES_INFO) + sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR),
     sizeof(NDIS_SRIOV_BAR_RESOURCES_INFO) + sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR), NULL, NULL, NULL},
    {OID_SRIOV_PF_LUID, "OID_SRIOV_PF_LUID", 0, OID_Q, 0, 0, NO_SIZE, ndis_answer_luid, NULL, NULL},
    {OID_SRIOV_CONFIG_STATE, "OID_SRIOV_CONFIG_STATE", 0, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_SRIOV_VF_SERIAL_NUMBER, "OID_SRIOV_VF_SERIAL_NUMBER", 0, OID_Q, 0, 0, NO_SIZE, ndis_answer_serial, NULL, NULL},
    {OID_SRIOV_OVERLYING_ADAPTER_INFO, "OID_SRIOV_OVERLYING_ADAPTER_INFO", 0, 0, 0, 0, NO_SIZE, NULL, NULL, NULL},
    {OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK, "OID_SRIOV_VF_INVALIDATE_CONFIG_BLOCK", OID_M, 0,
     OID_NDIS_ONLY | OID_NEEDS_VF, DETAIL_MASK, SIZES(NDIS_SRIOV_VF_INVALIDATE_CONFIG_BLOCK_INFO, BlockMask), NULL,
     NULL, NULL},
};

/* Everything else is between the overlying driver and the miniport. */
static const struct ndis_oid other = {0, "OID", OID_Q | OID_S | OID_M, 0, 0, 0, NO_SIZE, NULL, NULL, NULL};

static const struct ndis_oid *search(const struct ndis_oid *table, size_t count, NDIS_OID oid)
{
    size_t low = 0, high = count;

    while (low < high) {
        size_t middle = (low + high) / 2;

        if (table[middle].oid == oid)
            return &table[middle];
        if (table[middle].oid < oid)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

const struct ndis_oid *ndis_oid_find(NDIS_OID oid)
{
    const struct ndis_oid *row = search(rows, sizeof rows / sizeof *rows, oid);

    if (!row)
        row = search(ndis_carried, ndis_carried_count, oid);
    return row ? row : &other;
}
