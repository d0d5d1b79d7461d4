/* SPDX-License-Identifier: MIT
 *
 * The port's state: memory, flags, attributes, link.
 */
#include "port.h"

#define NIC_MAX_OIDS  64
#define NIC_MULTICAST 32

#define NIC_PACKET_FILTERS                                                                                             \
    (NDIS_PACKET_TYPE_DIRECTED | NDIS_PACKET_TYPE_MULTICAST | NDIS_PACKET_TYPE_ALL_MULTICAST |                         \
     NDIS_PACKET_TYPE_BROADCAST | NDIS_PACKET_TYPE_PROMISCUOUS)

PVOID nic_allocate(NDIS_HANDLE handle, ULONG64 bytes)
{
    PVOID memory;

    if (bytes > MAXULONG / 2)
        return NULL;
    memory = NdisAllocateMemoryWithTagPriority(handle, (UINT)bytes, NIC_TAG, NormalPoolPriority);
    if (memory)
        NdisZeroMemory(memory, (ULONG)bytes);
    return memory;
}

VOID nic_free(PVOID memory)
{
    if (memory)
        NdisFreeMemory(memory, 0, 0);
}

VOID nic_port_open(struct nic_port *port, NDIS_HANDLE handle)
{
    port->handle = handle;
    port->lookahead = NIC_MTU;
    port->link.connected = TRUE;
    port->link.transmit_speed = port->link.receive_speed = NIC_LINK_SPEED;
    NdisAllocateSpinLock(&port->lock);
}

VOID nic_port_close(struct nic_port *port)
{
    NdisFreeSpinLock(&port->lock);
}

LONG nic_flags(struct nic_port *port)
{
    return InterlockedCompareExchange(&port->flags, 0, 0);
}

VOID nic_set_flags(struct nic_port *port, LONG clear, LONG set)
{
    InterlockedAnd(&port->flags, ~clear);
    InterlockedOr(&port->flags, set);
}

NDIS_STATUS nic_register_attributes(struct nic_port *port, PVOID adapter)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES attributes;

    NdisZeroMemory(&attributes, sizeof(attributes));
    attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    attributes.Header.Revision = NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    attributes.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1;
    attributes.MiniportAdapterContext = adapter;
    attributes.AttributeFlags = NDIS_MINIPORT_ATTRIBUTES_HARDWARE_DEVICE | NDIS_MINIPORT_ATTRIBUTES_SURPRISE_REMOVE_OK |
                                NDIS_MINIPORT_ATTRIBUTES_BUS_MASTER;
    attributes.InterfaceType = NdisInterfacePci;
    return NdisMSetMiniportAttributes(port->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes);
}

NDIS_STATUS nic_general_attributes(struct nic_port *port, const struct nic_oid *table, ULONG count)
{
    NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES attributes;
    NDIS_OID oids[NIC_MAX_OIDS];
    struct nic_link link = nic_get_link(port);
    NDIS_STATUS status;

    if (count + nic_general_oid_count > NIC_MAX_OIDS)
        return NDIS_STATUS_FAILURE;
    count = nic_oid_list(table, count, oids);
    count += nic_oid_list(nic_general_oids, nic_general_oid_count, oids + count);

    NdisZeroMemory(&attributes, sizeof(attributes));
    attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES;
    attributes.Header.Revision = NDIS_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    attributes.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES_REVISION_2;
    attributes.MediaType = NdisMedium802_3;
    attributes.PhysicalMediumType = NdisPhysicalMedium802_3;
    attributes.MtuSize = NIC_MTU;
    attributes.MaxXmitLinkSpeed = attributes.MaxRcvLinkSpeed = NIC_MAX_SPEED;
    attributes.XmitLinkSpeed = link.connected ? link.transmit_speed : NDIS_LINK_SPEED_UNKNOWN;
    attributes.RcvLinkSpeed = link.connected ? link.receive_speed : NDIS_LINK_SPEED_UNKNOWN;
    attributes.MediaConnectState = link.connected ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    attributes.MediaDuplexState = MediaDuplexStateFull;
    attributes.LookaheadSize = NIC_MTU;
    attributes.MacOptions = NDIS_MAC_OPTION_TRANSFERS_NOT_PEND | NDIS_MAC_OPTION_NO_LOOPBACK;
    attributes.SupportedPacketFilters = NIC_PACKET_FILTERS;
    attributes.MaxMulticastListSize = NIC_MULTICAST;
    attributes.MacAddressLength = NIC_MAC_LENGTH;
    NdisMoveMemory(attributes.PermanentMacAddress, port->permanent, NIC_MAC_LENGTH);
    NdisMoveMemory(attributes.CurrentMacAddress, port->current, NIC_MAC_LENGTH);
    attributes.AccessType = NET_IF_ACCESS_BROADCAST;
    attributes.DirectionType = NET_IF_DIRECTION_SENDRECEIVE;
    attributes.ConnectionType = NET_IF_CONNECTION_DEDICATED;
    attributes.IfType = IF_TYPE_ETHERNET_CSMACD;
    attributes.IfConnectorPresent = TRUE;
    attributes.SupportedPauseFunctions = NdisPauseFunctionsUnsupported;
    attributes.SupportedOidList = oids;
    attributes.SupportedOidListLength = count * sizeof(oids[0]);
    status = NdisMSetMiniportAttributes(port->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes);
    if (status == NDIS_STATUS_SUCCESS)
        nic_set_flags(port, 0, NIC_ANNOUNCED);
    return status;
}

static VOID indicate_link(struct nic_port *port, const struct nic_link *link)
{
    NDIS_STATUS_INDICATION indication;
    NDIS_LINK_STATE state;

    NdisZeroMemory(&state, sizeof(state));
    state.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    state.Header.Revision = NDIS_LINK_STATE_REVISION_1;
    state.Header.Size = NDIS_SIZEOF_LINK_STATE_REVISION_1;
    state.MediaConnectState = link->connected ? MediaConnectStateConnected : MediaConnectStateDisconnected;
    state.MediaDuplexState = MediaDuplexStateFull;
    state.XmitLinkSpeed = link->connected ? link->transmit_speed : NDIS_LINK_SPEED_UNKNOWN;
    state.RcvLinkSpeed = link->connected ? link->receive_speed : NDIS_LINK_SPEED_UNKNOWN;
    state.PauseFunctions = NdisPauseFunctionsUnsupported;

    NdisZeroMemory(&indication, sizeof(indication));
    indication.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    indication.Header.Revision = NDIS_STATUS_INDICATION_REVISION_1;
    indication.Header.Size = NDIS_SIZEOF_STATUS_INDICATION_REVISION_1;
    indication.SourceHandle = port->handle;
    indication.StatusCode = NDIS_STATUS_LINK_STATE;
    indication.StatusBuffer = &state;
    indication.StatusBufferSize = sizeof(state);
    NdisMIndicateStatusEx(port->handle, &indication);
}

BOOLEAN nic_set_link(struct nic_port *port, const struct nic_link *link)
{
    BOOLEAN changed;

    NdisAcquireSpinLock(&port->lock);
    changed = port->link.connected != link->connected || port->link.transmit_speed != link->transmit_speed ||
              port->link.receive_speed != link->receive_speed;
    port->link = *link;
    NdisReleaseSpinLock(&port->lock);
    if (changed && (nic_flags(port) & NIC_ANNOUNCED))
        indicate_link(port, link);
    return changed;
}

struct nic_link nic_get_link(struct nic_port *port)
{
    struct nic_link link;

    NdisAcquireSpinLock(&port->lock);
    link = port->link;
    NdisReleaseSpinLock(&port->lock);
    return link;
}

BOOLEAN nic_partition(NDIS_HYPERVISOR_PARTITION_TYPE *type)
{
    NDIS_HYPERVISOR_INFO info;

    NdisZeroMemory(&info, sizeof(info));
    info.Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    info.Header.Revision = NDIS_HYPERVISOR_INFO_REVISION_1;
    info.Header.Size = NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1;
    if (NdisGetHypervisorInfo(&info) != NDIS_STATUS_SUCCESS)
        return FALSE;
    *type = info.PartitionType;
    return TRUE;
}
