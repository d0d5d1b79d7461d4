/* SPDX-License-Identifier: MIT
 *
 * Receive filters, as far as bringing up virtual functions needs them (ndis.md 3.5, 4.23). Type
 * NDIS_OBJECT_TYPE_DEFAULT.
 */
#ifndef VFPLANE_NDIS6_FILTER_H
#define VFPLANE_NDIS6_FILTER_H

#include "object.h"

#if NDIS_SUPPORT_NDIS620

#define NDIS_RECEIVE_FILTER_MAC_HEADER_SUPPORTED                         0x00000001
#define NDIS_RECEIVE_FILTER_IPV4_HEADER_SUPPORTED                        0x00000002
#define NDIS_RECEIVE_FILTER_IPV6_HEADER_SUPPORTED                        0x00000004
#define NDIS_RECEIVE_FILTER_ARP_HEADER_SUPPORTED                         0x00000008
#define NDIS_RECEIVE_FILTER_UDP_HEADER_SUPPORTED                         0x00000010
#define NDIS_RECEIVE_FILTER_MAC_HEADER_DEST_ADDR_SUPPORTED               0x00000001
#define NDIS_RECEIVE_FILTER_MAC_HEADER_SOURCE_ADDR_SUPPORTED             0x00000002
#define NDIS_RECEIVE_FILTER_MAC_HEADER_PROTOCOL_SUPPORTED                0x00000004
#define NDIS_RECEIVE_FILTER_MAC_HEADER_VLAN_ID_SUPPORTED                 0x00000008
#define NDIS_RECEIVE_FILTER_MAC_HEADER_PRIORITY_SUPPORTED                0x00000010
#define NDIS_RECEIVE_FILTER_MAC_HEADER_PACKET_TYPE_SUPPORTED             0x00000020
#define NDIS_RECEIVE_FILTER_ARP_HEADER_OPERATION_SUPPORTED               0x00000001
#define NDIS_RECEIVE_FILTER_ARP_HEADER_SPA_SUPPORTED                     0x00000002
#define NDIS_RECEIVE_FILTER_ARP_HEADER_TPA_SUPPORTED                     0x00000004
#define NDIS_RECEIVE_FILTER_IPV4_HEADER_PROTOCOL_SUPPORTED               0x00000001
#define NDIS_RECEIVE_FILTER_IPV6_HEADER_PROTOCOL_SUPPORTED               0x00000001
#define NDIS_RECEIVE_FILTER_UDP_HEADER_DEST_PORT_SUPPORTED               0x00000001
#define NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_EQUAL_SUPPORTED            0x00000001
#define NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_MASK_EQUAL_SUPPORTED       0x00000002
#define NDIS_RECEIVE_FILTER_TEST_HEADER_FIELD_NOT_EQUAL_SUPPORTED        0x00000004
#define NDIS_RECEIVE_FILTER_MSI_X_SUPPORTED                              0x00000001
#define NDIS_RECEIVE_FILTER_VM_QUEUE_SUPPORTED                           0x00000002
#define NDIS_RECEIVE_FILTER_LOOKAHEAD_SPLIT_SUPPORTED                    0x00000004
#define NDIS_RECEIVE_FILTER_DYNAMIC_PROCESSOR_AFFINITY_CHANGE_SUPPORTED  0x00000008
#define NDIS_RECEIVE_FILTER_INTERRUPT_VECTOR_COALESCING_SUPPORTED        0x00000010
#define NDIS_RECEIVE_FILTER_ANY_VLAN_SUPPORTED                           0x00000020
#define NDIS_RECEIVE_FILTER_IMPLAT_MIN_OF_QUEUES_MODE                    0x00000040
#define NDIS_RECEIVE_FILTER_IMPLAT_SUM_OF_QUEUES_MODE                    0x00000080
#define NDIS_RECEIVE_FILTER_PACKET_COALESCING_SUPPORTED_ON_DEFAULT_QUEUE 0x00000100
#define NDIS_RECEIVE_FILTER_VMQ_FILTERS_ENABLED                          0x00000001
#define NDIS_RECEIVE_FILTER_PACKET_COALESCING_FILTERS_ENABLED            0x00000002
#define NDIS_RECEIVE_FILTER_VM_QUEUES_ENABLED                            0x00000001
#define NDIS_RECEIVE_FILTER_FIELD_MAC_HEADER_VLAN_UNTAGGED_OR_ZERO       0x00000001
#define NDIS_RECEIVE_FILTER_PACKET_ENCAPSULATION_GRE                     0x00000002
#define NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED                0x00000001

typedef enum _NDIS_RECEIVE_FILTER_TYPE {
    NdisReceiveFilterTypeUndefined,
    NdisReceiveFilterTypeVMQueue,
    NdisReceiveFilterTypePacketCoalescing,
    NdisReceiveFilterTypeMaximum
} NDIS_RECEIVE_FILTER_TYPE,
    *PNDIS_RECEIVE_FILTER_TYPE;

typedef enum _NDIS_FRAME_HEADER {
    NdisFrameHeaderUndefined,
    NdisFrameHeaderMac,
    NdisFrameHeaderArp,
    NdisFrameHeaderIPv4,
    NdisFrameHeaderIPv6,
    NdisFrameHeaderUdp,
    NdisFrameHeaderMaximum
} NDIS_FRAME_HEADER,
    *PNDIS_FRAME_HEADER;

typedef enum _NDIS_MAC_HEADER_FIELD {
    NdisMacHeaderFieldUndefined,
    NdisMacHeaderFieldDestinationAddress,
    NdisMacHeaderFieldSourceAddress,
    NdisMacHeaderFieldProtocol,
    NdisMacHeaderFieldVlanId,
    NdisMacHeaderFieldPriority,
    NdisMacHeaderFieldPacketType,
    NdisMacHeaderFieldMaximum
} NDIS_MAC_HEADER_FIELD,
    *PNDIS_MAC_HEADER_FIELD;

typedef enum _NDIS_ARP_HEADER_FIELD {
    NdisARPHeaderFieldUndefined,
    NdisARPHeaderFieldOperation,
    NdisARPHeaderFieldSPA,
    NdisARPHeaderFieldTPA,
    NdisARPHeaderFieldMaximum
} NDIS_ARP_HEADER_FIELD,
    *PNDIS_ARP_HEADER_FIELD;

typedef enum _NDIS_IPV4_HEADER_FIELD {
    NdisIPv4HeaderFieldUndefined,
    NdisIPv4HeaderFieldProtocol,
    NdisIPv4HeaderFieldMaximum
} NDIS_IPV4_HEADER_FIELD,
    *PNDIS_IPV4_HEADER_FIELD;

typedef enum _NDIS_IPV6_HEADER_FIELD {
    NdisIPv6HeaderFieldUndefined,
    NdisIPv6HeaderFieldProtocol,
    NdisIPv6HeaderFieldMaximum
} NDIS_IPV6_HEADER_FIELD,
    *PNDIS_IPV6_HEADER_FIELD;

typedef enum _NDIS_UDP_HEADER_FIELD {
    NdisUdpHeaderFieldUndefined,
    NdisUdpHeaderFieldDestinationPort,
    NdisUdpHeaderFieldMaximum
} NDIS_UDP_HEADER_FIELD,
    *PNDIS_UDP_HEADER_FIELD;

typedef enum _NDIS_RECEIVE_FILTER_TEST {
    NdisReceiveFilterTestUndefined,
    NdisReceiveFilterTestEqual,
    NdisReceiveFilterTestMaskEqual,
    NdisReceiveFilterTestNotEqual,
    NdisReceiveFilterTestMaximum
} NDIS_RECEIVE_FILTER_TEST,
    *PNDIS_RECEIVE_FILTER_TEST;

#define NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1  1
#define NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_1        1
#define NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1  1
#define NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_1      1
#define NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1 1
#define NDIS_RECEIVE_FILTER_INFO_REVISION_1              1
#define NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_1        1
#if NDIS_SUPPORT_NDIS630
#define NDIS_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2       2
#define NDIS_RECEIVE_FILTER_PARAMETERS_REVISION_2             2
#define NDIS_RECEIVE_FILTER_CAPABILITIES_REVISION_2           2
#define NDIS_RECEIVE_FILTER_INFO_ARRAY_REVISION_2             2
#define NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1 1
#endif

/* One test of a filter: this header field against FieldValue; ResultValue is the mask of a masked test. */
typedef struct _NDIS_RECEIVE_FILTER_FIELD_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_FRAME_HEADER FrameHeader;
    NDIS_RECEIVE_FILTER_TEST ReceiveFilterTest;
    union _HEADER_FIELD {
        NDIS_MAC_HEADER_FIELD MacHeaderField;
        NDIS_ARP_HEADER_FIELD ArpHeaderField;
        NDIS_IPV4_HEADER_FIELD IPv4HeaderField;
        NDIS_IPV6_HEADER_FIELD IPv6HeaderField;
        NDIS_UDP_HEADER_FIELD UdpHeaderField;
    } HeaderField;
    union _FIELD_VALUE {
        UCHAR FieldByteValue;
        USHORT FieldShortValue;
        ULONG FieldLongValue;
        ULONG64 FieldLong64Value;
        UCHAR FieldByteArrayValue[16];
    } FieldValue;
    union _RESULT_VALUE {
        UCHAR ResultByteValue;
        USHORT ResultShortValue;
        ULONG ResultLongValue;
        ULONG64 ResultLong64Value;
        UCHAR ResultByteArrayValue[16];
    } ResultValue;
} NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, *PNDIS_RECEIVE_FILTER_FIELD_PARAMETERS;
#define NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_1                                                         \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, ResultValue)
#if NDIS_SUPPORT_NDIS630
#define NDIS_SIZEOF_RECEIVE_FILTER_FIELD_PARAMETERS_REVISION_2                                                         \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_FIELD_PARAMETERS, ResultValue)
#endif

/* OID_RECEIVE_FILTER_SET_FILTER (method): a filter and, at FieldParametersArrayOffset, its tests, all of which must
 * hold. */
typedef struct _NDIS_RECEIVE_FILTER_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_RECEIVE_FILTER_TYPE FilterType;
    NDIS_RECEIVE_QUEUE_ID QueueId;
    NDIS_RECEIVE_FILTER_ID FilterId; /* given by NDIS */
    ULONG FieldParametersArrayOffset;
    ULONG FieldParametersArrayNumElements;
    ULONG FieldParametersArrayElementSize;
    ULONG RequestedFilterIdBitCount;
#if NDIS_SUPPORT_NDIS630
    ULONG MaxCoalescingDelay;
    NDIS_NIC_SWITCH_VPORT_ID VPortId;
#endif
} NDIS_RECEIVE_FILTER_PARAMETERS, *PNDIS_RECEIVE_FILTER_PARAMETERS;
#define NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_1                                                               \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_PARAMETERS, RequestedFilterIdBitCount)
#if NDIS_SUPPORT_NDIS630
#define NDIS_SIZEOF_RECEIVE_FILTER_PARAMETERS_REVISION_2 NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_PARAMETERS, VPortId)
#endif

/* OID_RECEIVE_FILTER_CLEAR_FILTER (set), by the one who set it. */
typedef struct _NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_RECEIVE_QUEUE_ID QueueId;
    NDIS_RECEIVE_FILTER_ID FilterId;
} NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, *PNDIS_RECEIVE_FILTER_CLEAR_PARAMETERS;
#define NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1                                                         \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS, FilterId)

/* OID_RECEIVE_FILTER_GLOBAL_PARAMETERS: what is switched on. */
typedef struct _NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    ULONG EnabledFilterTypes;
    ULONG EnabledQueueTypes;
} NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS, *PNDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS;
#define NDIS_SIZEOF_RECEIVE_FILTER_GLOBAL_PARAMETERS_REVISION_1                                                        \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_GLOBAL_PARAMETERS, EnabledQueueTypes)

/* One element of OID_RECEIVE_FILTER_ENUM_FILTERS. */
typedef struct _NDIS_RECEIVE_FILTER_INFO {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_RECEIVE_FILTER_TYPE FilterType;
    NDIS_RECEIVE_FILTER_ID FilterId;
} NDIS_RECEIVE_FILTER_INFO, *PNDIS_RECEIVE_FILTER_INFO;
#define NDIS_SIZEOF_RECEIVE_FILTER_INFO_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_INFO, FilterId)

/* OID_RECEIVE_FILTER_ENUM_FILTERS (method): head of the answer. */
typedef struct _NDIS_RECEIVE_FILTER_INFO_ARRAY {
    NDIS_OBJECT_HEADER Header;
    NDIS_RECEIVE_QUEUE_ID QueueId;
    ULONG FirstElementOffset;
    ULONG NumElements;
    ULONG ElementSize;
#if NDIS_SUPPORT_NDIS630
    ULONG Flags; /* NDIS_RECEIVE_FILTER_INFO_ARRAY_VPORT_ID_SPECIFIED */
    NDIS_NIC_SWITCH_VPORT_ID VPortId;
#endif
} NDIS_RECEIVE_FILTER_INFO_ARRAY, *PNDIS_RECEIVE_FILTER_INFO_ARRAY;
#define NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_1                                                               \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_INFO_ARRAY, ElementSize)
#if NDIS_SUPPORT_NDIS630
#define NDIS_SIZEOF_RECEIVE_FILTER_INFO_ARRAY_REVISION_2 NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_INFO_ARRAY, VPortId)
#endif

#if NDIS_SUPPORT_NDIS630
/* OID_RECEIVE_FILTER_MOVE_FILTER (set): in one step, with no moment in which neither or both match. */
typedef struct _NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    NDIS_RECEIVE_FILTER_ID FilterId;
    NDIS_RECEIVE_QUEUE_ID SourceQueueId;
    NDIS_NIC_SWITCH_VPORT_ID SourceVPortId;
    NDIS_RECEIVE_QUEUE_ID DestQueueId;
    NDIS_NIC_SWITCH_VPORT_ID DestVPortId;
} NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS, *PNDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS;
#define NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1                                                   \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS, DestVPortId)
#endif

/* What filters and queues an adapter has. With SR-IOV alone: VMQ filters enabled, no VM queues, NumQueues 0. */
typedef struct _NDIS_RECEIVE_FILTER_CAPABILITIES {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    ULONG EnabledFilterTypes;
    ULONG EnabledQueueTypes;
    ULONG NumQueues;
    ULONG SupportedQueueProperties;
    ULONG SupportedFilterTests;
    ULONG SupportedHeaders;
    ULONG SupportedMacHeaderFields;
    ULONG MaxMacHeaderFilters;
    ULONG MaxQueueGroups;
    ULONG MaxQueuesPerQueueGroup;
    ULONG MinLookaheadSplitSize;
    ULONG MaxLookaheadSplitSize;
#if NDIS_SUPPORT_NDIS630
    ULONG SupportedARPHeaderFields;
    ULONG SupportedIPv4HeaderFields;
    ULONG SupportedIPv6HeaderFields;
    ULONG SupportedUdpHeaderFields;
    ULONG MaxFieldTestsPerPacketCoalescingFilter;
    ULONG MaxPacketCoalescingFilters;
    ULONG NdisReserved;
#endif
} NDIS_RECEIVE_FILTER_CAPABILITIES, *PNDIS_RECEIVE_FILTER_CAPABILITIES;
#define NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_1                                                             \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_CAPABILITIES, MaxLookaheadSplitSize)
#if NDIS_SUPPORT_NDIS630
#define NDIS_SIZEOF_RECEIVE_FILTER_CAPABILITIES_REVISION_2                                                             \
    NDIS_SIZEOF_THROUGH(NDIS_RECEIVE_FILTER_CAPABILITIES, NdisReserved)
#endif

#endif
#endif
