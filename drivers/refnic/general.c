/* SPDX-License-Identifier: MIT
 *
 * OIDs that have nothing to do with SR-IOV and that every miniport answers, and the handlers of the data path.
 */
#include "port.h"

#define NIC_DRIVER_VERSION 0x00010000
#define NIC_ETHERNET       14 /* bytes of a frame's header */

static const CHAR description[] = "vfplane reference adapter";

static NDIS_STATUS get_vendor_id(PVOID adapter, struct nic_request *request)
{
    const UCHAR *mac = ((struct nic_port *)adapter)->permanent;
    ULONG id = (ULONG)mac[0] | (ULONG)mac[1] << 8 | (ULONG)mac[2] << 16;

    return nic_answer(request, &id, sizeof(id));
}

static NDIS_STATUS get_description(PVOID adapter, struct nic_request *request)
{
    UNREFERENCED_PARAMETER(adapter);
    return nic_answer(request, description, sizeof(description));
}

static NDIS_STATUS get_driver_version(PVOID adapter, struct nic_request *request)
{
    ULONG version = NIC_DRIVER_VERSION;

    UNREFERENCED_PARAMETER(adapter);
    return nic_answer(request, &version, sizeof(version));
}

static NDIS_STATUS get_total_size(PVOID adapter, struct nic_request *request)
{
    ULONG size = NIC_MTU + NIC_ETHERNET;

    UNREFERENCED_PARAMETER(adapter);
    return nic_answer(request, &size, sizeof(size));
}

static NDIS_STATUS get_statistics(PVOID adapter, struct nic_request *request)
{
    NDIS_STATISTICS_INFO info; /* no traffic: all counters are 0 and none is claimed to be supported */

    UNREFERENCED_PARAMETER(adapter);
    NdisZeroMemory(&info, sizeof(info));
    info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    info.Header.Revision = NDIS_STATISTICS_INFO_REVISION_1;
    info.Header.Size = NDIS_SIZEOF_STATISTICS_INFO_REVISION_1;
    return nic_answer(request, &info, NDIS_SIZEOF_STATISTICS_INFO_REVISION_1);
}

static NDIS_STATUS get_permanent_address(PVOID adapter, struct nic_request *request)
{
    return nic_answer(request, ((struct nic_port *)adapter)->permanent, NIC_MAC_LENGTH);
}

static NDIS_STATUS get_current_address(PVOID adapter, struct nic_request *request)
{
    struct nic_port *port = adapter;
    UCHAR mac[NIC_MAC_LENGTH];

    NdisAcquireSpinLock(&port->lock);
    NdisMoveMemory(mac, port->current, NIC_MAC_LENGTH);
    NdisReleaseSpinLock(&port->lock);
    return nic_answer(request, mac, NIC_MAC_LENGTH);
}

/* A ULONG that is read and written as it is. `request->input` was checked for a set. */
static NDIS_STATUS exchange_ulong(struct nic_request *request, ULONG *value)
{
    if (request->oid->RequestType != NdisRequestSetInformation)
        return nic_answer(request, value, sizeof(*value));
    NdisMoveMemory(value, request->buffer, sizeof(*value));
    return nic_done(request, sizeof(*value), 0);
}

static NDIS_STATUS packet_filter(PVOID adapter, struct nic_request *request)
{
    return exchange_ulong(request, &((struct nic_port *)adapter)->packet_filter);
}

static NDIS_STATUS lookahead(PVOID adapter, struct nic_request *request)
{
    return exchange_ulong(request, &((struct nic_port *)adapter)->lookahead);
}

static NDIS_STATUS set_multicast(PVOID adapter, struct nic_request *request)
{
    UNREFERENCED_PARAMETER(adapter); /* nothing is received that a list would let through */
    if (request->input % NIC_MAC_LENGTH)
        return nic_too_short(request, (request->input / NIC_MAC_LENGTH + 1) * NIC_MAC_LENGTH);
    return nic_done(request, request->input, 0);
}

/* The adapter's own power: its registers belong to the bus driver, which moves them. */
static NDIS_STATUS set_power(PVOID adapter, struct nic_request *request)
{
    NDIS_DEVICE_POWER_STATE state;

    UNREFERENCED_PARAMETER(adapter);
    NdisMoveMemory(&state, request->buffer, sizeof(state));
    if (state < NdisDeviceStateD0 || state > NdisDeviceStateD3)
        return NDIS_STATUS_INVALID_PARAMETER;
    return nic_done(request, sizeof(state), 0);
}

static NDIS_STATUS query_power(PVOID adapter, struct nic_request *request)
{
    UNREFERENCED_PARAMETER(adapter);
    return nic_done(request, 0, sizeof(NDIS_DEVICE_POWER_STATE));
}

/* A set needs the four bytes of its value; a query is measured by nic_answer. */
const struct nic_oid nic_general_oids[] = {
    {OID_GEN_CURRENT_PACKET_FILTER, NIC_QUERY | NIC_SET, .input = 4, .needed = 4, .handler = packet_filter},
    {OID_GEN_CURRENT_LOOKAHEAD, NIC_QUERY | NIC_SET, .input = 4, .needed = 4, .handler = lookahead},
    {OID_GEN_VENDOR_ID, NIC_QUERY, .handler = get_vendor_id},
    {OID_GEN_VENDOR_DESCRIPTION, NIC_QUERY, .handler = get_description},
    {OID_GEN_VENDOR_DRIVER_VERSION, NIC_QUERY, .handler = get_driver_version},
    {OID_GEN_MAXIMUM_TOTAL_SIZE, NIC_QUERY, .handler = get_total_size},
    {OID_GEN_STATISTICS, NIC_QUERY, .handler = get_statistics},
    {OID_802_3_PERMANENT_ADDRESS, NIC_QUERY, .handler = get_permanent_address},
    {OID_802_3_CURRENT_ADDRESS, NIC_QUERY, .handler = get_current_address},
    {OID_802_3_MULTICAST_LIST, NIC_SET, .handler = set_multicast},
    {OID_PNP_SET_POWER, NIC_SET, .input = 4, .needed = 4, .handler = set_power},
    {OID_PNP_QUERY_POWER, NIC_QUERY, .output = 4, .needed = 4, .handler = query_power},
};
const ULONG nic_general_oid_count = RTL_NUMBER_OF(nic_general_oids);

VOID nic_send(NDIS_HANDLE context, PNET_BUFFER_LIST lists, NDIS_PORT_NUMBER number, ULONG flags)
{
    struct nic_port *port = context;
    NDIS_STATUS status = nic_flags(port) & NIC_RUNNING ? NDIS_STATUS_MEDIA_DISCONNECTED : NDIS_STATUS_PAUSED;
    ULONG complete = flags & NDIS_SEND_FLAGS_DISPATCH_LEVEL ? NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL : 0;
    PNET_BUFFER_LIST list;

    UNREFERENCED_PARAMETER(number);
    for (list = lists; list; list = NET_BUFFER_LIST_NEXT_NBL(list))
        NET_BUFFER_LIST_STATUS(list) = status;
    NdisMSendNetBufferListsComplete(port->handle, lists, complete);
}

/* Nothing is ever indicated, so nothing is returned. */
VOID nic_return(NDIS_HANDLE context, PNET_BUFFER_LIST lists, ULONG flags)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(lists);
    UNREFERENCED_PARAMETER(flags);
}

/* Sends are completed inside nic_send: none is left to cancel. */
VOID nic_cancel_send(NDIS_HANDLE context, PVOID id)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(id);
}

NDIS_STATUS nic_pause(NDIS_HANDLE context, PNDIS_MINIPORT_PAUSE_PARAMETERS parameters)
{
    UNREFERENCED_PARAMETER(parameters);
    nic_set_flags(context, NIC_RUNNING, 0);
    return NDIS_STATUS_SUCCESS;
}

VOID nic_pnp_event(NDIS_HANDLE context, PNET_DEVICE_PNP_EVENT event)
{
    if (event->DevicePnPEvent == NdisDevicePnPEventSurpriseRemoved)
        nic_set_flags(context, 0, NIC_REMOVED);
}

/* No request is ever pended: none is left to cancel. */
VOID nic_cancel_oid(NDIS_HANDLE context, PVOID id)
{
    UNREFERENCED_PARAMETER(context);
    UNREFERENCED_PARAMETER(id);
}
