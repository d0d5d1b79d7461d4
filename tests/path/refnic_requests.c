/* SPDX-License-Identifier: MIT
 *
 * Good requests, one an OID.
 */
#include "refnic_requests.h"

static void header(UCHAR *buffer, unsigned revision, size_t size)
{
    const NDIS_OBJECT_HEADER header = {NDIS_OBJECT_TYPE_DEFAULT, (UCHAR)revision, (USHORT)size};
    memcpy(buffer, &header, sizeof(header));
}

/* Fixed part, then four ULONG-sized members that the four data OIDs share. */
static ULONG fill_data(UCHAR *buffer, USHORT vf, ULONG where, ULONG length)
{
    const ULONG members[] = {where, length, 20};
    header(buffer, 1, 20);
    memcpy(buffer + 4, &vf, sizeof(vf));
    memcpy(buffer + 8, members, sizeof(members));
    return 20 + length;
}

static ULONG fill_switch(UCHAR *buffer)
{
    NDIS_NIC_SWITCH_PARAMETERS parameters = {.SwitchType = NdisNicSwitchTypeExternal, .NumVFs = 4};
    parameters.Flags = NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED;
    parameters.SwitchFriendlyName.Length = 4;
    memcpy(buffer, &parameters, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1);
    header(buffer, 1, NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1);
    return NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1;
}

static ULONG fill_vport(UCHAR *buffer, ULONG id, USHORT function, ULONG flags)
{
    NDIS_NIC_SWITCH_VPORT_PARAMETERS parameters = {.VPortId = id, .AttachedFunctionId = function, .NumQueuePairs = 1};
    parameters.Flags = flags;
    parameters.InterruptModeration = NdisNicSwitchVPortInterruptModerationAdaptive;
    parameters.VPortState = NdisNicSwitchVPortStateActivated;
    memcpy(buffer, &parameters, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
    header(buffer, 1, NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1);
    return NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1;
}

static ULONG fill_vf(UCHAR *buffer)
{
    NDIS_NIC_SWITCH_VF_PARAMETERS parameters = {.VFId = NDIS_INVALID_VF_FUNCTION_ID, .RequestorId = NDIS_INVALID_RID};
    parameters.MacAddressLength = 6;
    memcpy(parameters.CurrentMacAddress, "\x02\x00\x00\x00\x11\x22", 6);
    memcpy(buffer, &parameters, sizeof(parameters));
    header(buffer, 1, sizeof(parameters));
    return sizeof(parameters);
}

static ULONG fill_filter(UCHAR *buffer)
{
    NDIS_RECEIVE_FILTER_PARAMETERS parameters = {.FilterType = NdisReceiveFilterTypeVMQueue, .FilterId = 9};
    NDIS_RECEIVE_FILTER_FIELD_PARAMETERS field = {.FrameHeader = NdisFrameHeaderMac};
    parameters.FieldParametersArrayOffset = FILTER_BYTES;
    parameters.FieldParametersArrayNumElements = 1;
    parameters.FieldParametersArrayElementSize = sizeof(field);
    field.ReceiveFilterTest = NdisReceiveFilterTestEqual;
    field.HeaderField.MacHeaderField = NdisMacHeaderFieldDestinationAddress;
    memcpy(buffer, &parameters, FILTER_BYTES);
    header(buffer, 2, FILTER_BYTES);
    memcpy(buffer + FILTER_BYTES, &field, sizeof(field));
    header(buffer + FILTER_BYTES, 1, sizeof(field));
    return FILTER_BYTES + sizeof(field);
}

static ULONG fill_link(UCHAR *buffer)
{
    NDIS_LINK_PARAMETERS parameters = {.MediaDuplexState = MediaDuplexStateFull};
    parameters.XmitLinkSpeed = parameters.RcvLinkSpeed = 10000000000ull;
    memcpy(buffer, &parameters, sizeof(parameters));
    header(buffer, 1, NDIS_SIZEOF_LINK_PARAMETERS_REVISION_1);
    return sizeof(parameters);
}

/* Header, then members of 16 or 32 bits at these places. */
static ULONG fill_small(UCHAR *buffer, ULONG size, const struct request_change *members, unsigned count)
{
    header(buffer, 1, size);
    for (unsigned i = 0; i < count; i++)
        memcpy(buffer + members[i].at, &members[i].value, members[i].size);
    return size;
}

#define SMALL(size, ...)                                                                                               \
    fill_small(buffer, size, (const struct request_change[]){__VA_ARGS__},                                             \
               sizeof((const struct request_change[]){__VA_ARGS__}) / sizeof(struct request_change))

ULONG request_fill(NDIS_OID oid, UCHAR *buffer)
{
    switch (oid) {
    case OID_NIC_SWITCH_CREATE_SWITCH:
    case OID_NIC_SWITCH_PARAMETERS:
        return fill_switch(buffer);
    case OID_NIC_SWITCH_DELETE_SWITCH:
        return SMALL(12, {8, 4, 0});
    case OID_NIC_SWITCH_CREATE_VPORT:
        return fill_vport(buffer, 3, 1, 0);
    case OID_NIC_SWITCH_VPORT_PARAMETERS:
        return fill_vport(buffer, 2, 0xFFFF, NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED);
    case OID_NIC_SWITCH_DELETE_VPORT:
        return SMALL(12, {8, 4, 1});
    case OID_NIC_SWITCH_ALLOCATE_VF:
        return fill_vf(buffer);
    case OID_NIC_SWITCH_FREE_VF:
        return SMALL(10, {8, 2, 1});
    case OID_SRIOV_READ_VF_CONFIG_SPACE:
        return fill_data(buffer, 0, 0x00, 4);
    case OID_SRIOV_WRITE_VF_CONFIG_SPACE:
        buffer[20] = 0x04;
        return fill_data(buffer, 0, 0x04, 2);
    case OID_SRIOV_READ_VF_CONFIG_BLOCK:
        return fill_data(buffer, 0, 32, 32) + 128;
    case OID_SRIOV_WRITE_VF_CONFIG_BLOCK:
        return fill_data(buffer, 0, 0, 128) + 8;
    case OID_SRIOV_RESET_VF:
        return SMALL(6, {4, 2, 0});
    case OID_SRIOV_SET_VF_POWER_STATE:
        return SMALL(13, {4, 2, 0}, {8, 4, NdisDeviceStateD3});
    case OID_SRIOV_VF_VENDOR_DEVICE_ID:
        return SMALL(10, {4, 2, 0});
    case OID_SRIOV_PROBED_BARS:
        return SMALL(8, {4, 4, 8}) + 24;
    case OID_SRIOV_BAR_RESOURCES:
        return SMALL(12, {4, 2, 0}, {6, 2, 0}, {8, 4, 12}) + 20;
    case OID_RECEIVE_FILTER_SET_FILTER:
        return fill_filter(buffer);
    case OID_RECEIVE_FILTER_CLEAR_FILTER:
        return SMALL(16, {12, 4, 5});
    case OID_RECEIVE_FILTER_MOVE_FILTER:
        return SMALL(24, {4, 4, 5}, {12, 4, 0}, {20, 4, 1});
    case OID_GEN_LINK_PARAMETERS:
        return fill_link(buffer);
    default:
        return SMALL(12, {4, 4, 0});
    }
}

static NDIS_REQUEST_TYPE type_of(NDIS_OID oid)
{
    switch (oid) {
    case OID_SRIOV_PROBED_BARS:
        return NdisRequestQueryInformation;
    case OID_NIC_SWITCH_CREATE_SWITCH:
    case OID_NIC_SWITCH_CREATE_VPORT:
    case OID_NIC_SWITCH_ALLOCATE_VF:
    case OID_SRIOV_READ_VF_CONFIG_SPACE:
    case OID_SRIOV_READ_VF_CONFIG_BLOCK:
    case OID_SRIOV_VF_VENDOR_DEVICE_ID:
    case OID_SRIOV_BAR_RESOURCES:
    case OID_RECEIVE_FILTER_SET_FILTER:
        return NdisRequestMethod;
    default:
        return NdisRequestSetInformation;
    }
}

NDIS_STATUS request_discard(NDIS_REQUEST_TYPE type, NDIS_OID oid, void *buffer, ULONG input, ULONG output,
                            ULONG *needed, ULONG *done)
{
    (void)type, (void)oid, (void)buffer, (void)input, (void)output, (void)needed, (void)done;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS request_send(request_sender *sender, NDIS_OID oid, const struct request_change *changes, unsigned count,
                         UCHAR *buffer)
{
    memset(buffer, 0, REQUEST_MAX);
    ULONG length = request_fill(oid, buffer);
    for (unsigned i = 0; i < count; i++)
        memcpy(buffer + changes[i].at, &changes[i].value, changes[i].size);
    return sender(type_of(oid), oid, buffer, length, length, NULL, NULL);
}

bool request_populate(request_sender *sender)
{
    const ULONG id = offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, VPortId);
    const ULONG function = offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, AttachedFunctionId);
    const ULONG state = offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, VPortState);
    const ULONG affinity = offsetof(NDIS_NIC_SWITCH_VPORT_PARAMETERS, ProcessorAffinity);
    const struct request_change of_vf[] = {{id, 4, 1}, {function, 2, 0}};
    const struct request_change of_pf[] = {
        {id, 4, 2}, {function, 2, 0xFFFF}, {state, 4, NdisNicSwitchVPortStateDeactivated}, {affinity, 4, 1}};
    const struct request_change filter[] = {{offsetof(NDIS_RECEIVE_FILTER_PARAMETERS, FilterId), 4, 5}};
    UCHAR buffer[REQUEST_MAX];
    return request_send(sender, OID_NIC_SWITCH_CREATE_SWITCH, NULL, 0, buffer) == NDIS_STATUS_SUCCESS &&
           request_send(sender, OID_NIC_SWITCH_ALLOCATE_VF, NULL, 0, buffer) == NDIS_STATUS_SUCCESS &&
           request_send(sender, OID_NIC_SWITCH_ALLOCATE_VF, NULL, 0, buffer) == NDIS_STATUS_SUCCESS &&
           request_send(sender, OID_NIC_SWITCH_CREATE_VPORT, of_vf, 2, buffer) == NDIS_STATUS_SUCCESS &&
           request_send(sender, OID_NIC_SWITCH_CREATE_VPORT, of_pf, 4, buffer) == NDIS_STATUS_SUCCESS &&
           request_send(sender, OID_RECEIVE_FILTER_SET_FILTER, filter, 1, buffer) == NDIS_STATUS_SUCCESS;
}
