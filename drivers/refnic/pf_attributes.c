/* SPDX-License-Identifier: MIT
 *
 * The hardware-assist attributes: what the card could do, and what is enabled now. With *SRIOV = 0 only the first
 * (ndis.md 5.11).
 */
#include "pf.h"

static VOID describe_sriov(NDIS_SRIOV_CAPABILITIES *sriov)
{
    NdisZeroMemory(sriov, sizeof(*sriov));
    sriov->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    sriov->Header.Revision = NDIS_SRIOV_CAPABILITIES_REVISION_1;
    sriov->Header.Size = NDIS_SIZEOF_SRIOV_CAPABILITIES_REVISION_1;
    sriov->SriovCapabilities = NDIS_SRIOV_CAPS_SRIOV_SUPPORTED | NDIS_SRIOV_CAPS_PF_MINIPORT;
}

/* Keeps the rules of ndis.md 3.3: one switch, a VPort and an address for each VF and the PF, powers of two. */
static VOID describe_switch(const struct pf_adapter *adapter, NDIS_NIC_SWITCH_CAPABILITIES *caps)
{
    NdisZeroMemory(caps, sizeof(*caps));
    caps->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    caps->Header.Revision = NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3;
    caps->Header.Size = NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3;
    caps->NicSwitchCapabilities = NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED |
                                  NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED |
                                  NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED;
    caps->MaxNumSwitches = 1;
    caps->MaxNumVPorts = adapter->max_vports;
    caps->MaxNumVFs = adapter->max_vfs;
    caps->MaxNumQueuePairs = adapter->max_vports * PF_VPORT_QUEUES;
    caps->MaxNumQueuePairsPerNonDefaultVPort = PF_VPORT_QUEUES;
    caps->MaxNumQueuePairsForDefaultVPort = PF_VPORT_QUEUES;
    caps->MaxNumMacAddresses = adapter->max_vports;
}

/* Filters by destination address and VLAN on the default queue of a VPort; no VM queues (ndis.md 3.5). */
static VOID describe_filters(const struct pf_adapter *adapter, NDIS_RECEIVE_FILTER_CAPABILITIES *caps)
{
    NdisZeroMemory(caps, sizeof(*caps));
    caps->Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    caps->Header.Revision = NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2;
    caps->Header.Size = NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2;
    caps->EnabledFilterTypes = NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED;
    caps->SupportedFilterTests = NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED;
    caps->SupportedHeaders = NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED;
    caps->SupportedMacHeaderFields =
        NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED | NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED;
    caps->MaxMacHeaderFilters = adapter->max_vports;
}

NDIS_STATUS pf_hardware_assist(struct pf_adapter *adapter)
{
    NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES attributes;
    NDIS_SRIOV_CAPABILITIES sriov;
    NDIS_NIC_SWITCH_CAPABILITIES nic_switch;
    NDIS_RECEIVE_FILTER_CAPABILITIES filters;

    describe_sriov(&sriov);
    describe_switch(adapter, &nic_switch);
    describe_filters(adapter, &filters);
    NdisZeroMemory(&attributes, sizeof(attributes));
    attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES;
    attributes.Header.Revision = NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3;
    attributes.Header.Size = NDIS_SIZEOF_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES_REVISION_3;
    attributes.HardwareSriovCapabilities = &sriov;
    attributes.HardwareNicSwitchCapabilities = &nic_switch;
    attributes.HardwareReceiveFilterCapabilities = &filters;
    if (adapter->enabled) {
        attributes.CurrentSriovCapabilities = &sriov;
        attributes.CurrentNicSwitchCapabilities = &nic_switch;
        attributes.CurrentReceiveFilterCapabilities = &filters;
    }
    return NdisMSetMiniportAttributes(adapter->port.handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes);
}
