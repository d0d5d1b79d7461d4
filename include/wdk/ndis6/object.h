/* SPDX-License-Identifier: MIT
 *
 * NDIS integer types, ids, the versioned object header, object types (ndis.md 1.1, 1.2, 2.1).
 */
#ifndef VFPLANE_NDIS6_OBJECT_H
#define VFPLANE_NDIS6_OBJECT_H

#include "version.h"
#include "../ntdef.h"

typedef PVOID NDIS_HANDLE, *PNDIS_HANDLE;
typedef int NDIS_STATUS, *PNDIS_STATUS;
typedef ULONG NDIS_OID, *PNDIS_OID;
typedef ULONG NDIS_PORT_NUMBER, *PNDIS_PORT_NUMBER;
typedef USHORT NDIS_SRIOV_FUNCTION_ID, *PNDIS_SRIOV_FUNCTION_ID; /* VF index from 0, or a special id below */
typedef ULONG NDIS_VF_RID, *PNDIS_VF_RID;                        /* NDIS_MAKE_RID: opaque to drivers */
typedef ULONG NDIS_NIC_SWITCH_ID, *PNDIS_NIC_SWITCH_ID;
typedef ULONG NDIS_NIC_SWITCH_VPORT_ID, *PNDIS_NIC_SWITCH_VPORT_ID;
typedef ULONG NDIS_RECEIVE_QUEUE_ID, *PNDIS_RECEIVE_QUEUE_ID;
typedef ULONG NDIS_RECEIVE_QUEUE_GROUP_ID, *PNDIS_RECEIVE_QUEUE_GROUP_ID;
typedef ULONG NDIS_RECEIVE_FILTER_ID, *PNDIS_RECEIVE_FILTER_ID;
typedef UNICODE_STRING NDIS_STRING, *PNDIS_STRING;
typedef ANSI_STRING NDIS_ANSI_STRING, *PNDIS_ANSI_STRING;
typedef PHYSICAL_ADDRESS NDIS_PHYSICAL_ADDRESS, *PNDIS_PHYSICAL_ADDRESS;
typedef ULONG NDIS_AF, *PNDIS_AF;
typedef ULONG NDIS_ETHERTYPE;

#define NDIS_PF_FUNCTION_ID                 ((USHORT)-1) /* the PF itself, where a function is named */
#define NDIS_INVALID_VF_FUNCTION_ID         ((USHORT)-1) /* no VF: what ALLOCATE_VF is sent with */
#define NDIS_INVALID_RID                    ((ULONG)-1)
#define NDIS_DEFAULT_SWITCH_ID              0
#define NDIS_INVALID_SWITCH_ID              ((ULONG)-1)
#define NDIS_DEFAULT_VPORT_ID               0
#define NDIS_DEFAULT_RECEIVE_QUEUE_ID       0
#define NDIS_DEFAULT_RECEIVE_QUEUE_GROUP_ID 0
#define NDIS_DEFAULT_RECEIVE_FILTER_ID      0
#define NDIS_DEFAULT_PORT_NUMBER            ((NDIS_PORT_NUMBER)0)
#define NDIS_MAXIMUM_PORTS                  0x1000000

#define NDIS_IF_MAX_STRING_SIZE      256
#define NDIS_MAX_PHYS_ADDRESS_LENGTH 32

/* Segment, bus and 8-bit function as one number: the requester id with the segment above it. */
#define NDIS_MAKE_RID(_Segment, _Bus, _Function)                                                                       \
    ((NDIS_VF_RID)(((ULONG)(_Segment) << 16) | (((ULONG)(_Bus)&0xff) << 8) | ((ULONG)(_Function)&0xff)))

/* A name. Length is bytes, at most 512, even, without terminator. 516 bytes. */
typedef struct _NDIS_IF_COUNTED_STRING {
    USHORT Length;
    WCHAR String[NDIS_IF_MAX_STRING_SIZE + 1];
} NDIS_IF_COUNTED_STRING, *PNDIS_IF_COUNTED_STRING, IF_COUNTED_STRING, *PIF_COUNTED_STRING;
typedef NDIS_IF_COUNTED_STRING NDIS_VM_NAME, *PNDIS_VM_NAME;
typedef NDIS_IF_COUNTED_STRING NDIS_VM_FRIENDLYNAME, *PNDIS_VM_FRIENDLYNAME;
typedef NDIS_IF_COUNTED_STRING NDIS_SWITCH_NIC_NAME, *PNDIS_SWITCH_NIC_NAME;
typedef NDIS_IF_COUNTED_STRING NDIS_SWITCH_NIC_FRIENDLYNAME, *PNDIS_SWITCH_NIC_FRIENDLYNAME;
typedef NDIS_IF_COUNTED_STRING NDIS_VPORT_NAME, *PNDIS_VPORT_NAME;
typedef NDIS_IF_COUNTED_STRING NDIS_NIC_SWITCH_FRIENDLYNAME, *PNDIS_NIC_SWITCH_FRIENDLYNAME;
typedef NDIS_IF_COUNTED_STRING NDIS_QUEUE_NAME, *PNDIS_QUEUE_NAME;

/* First member of every versioned structure. Size is at least NDIS_SIZEOF_x_REVISION_n of the stated Revision; more is
 * legal, and so is a newer Revision than the reader knows. */
typedef struct _NDIS_OBJECT_HEADER {
    UCHAR Type; /* NDIS_OBJECT_TYPE_* */
    UCHAR Revision;
    USHORT Size; /* bytes, header included */
} NDIS_OBJECT_HEADER, *PNDIS_OBJECT_HEADER;

#define NDIS_OBJECT_REVISION_1 1
/* Bytes of a structure up to and with a member. */
#define NDIS_SIZEOF_THROUGH(type, field) RTL_SIZEOF_THROUGH_FIELD(type, field)

#define NDIS_OBJECT_TYPE_DEFAULT                                          0x80
#define NDIS_OBJECT_TYPE_MINIPORT_INIT_PARAMETERS                         0x81
#define NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION                               0x83
#define NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT                               0x84
#define NDIS_OBJECT_TYPE_DEVICE_OBJECT_ATTRIBUTES                         0x85
#define NDIS_OBJECT_TYPE_BIND_PARAMETERS                                  0x86
#define NDIS_OBJECT_TYPE_OPEN_PARAMETERS                                  0x87
#define NDIS_OBJECT_TYPE_RSS_CAPABILITIES                                 0x88
#define NDIS_OBJECT_TYPE_RSS_PARAMETERS                                   0x89
#define NDIS_OBJECT_TYPE_MINIPORT_DRIVER_CHARACTERISTICS                  0x8A
#define NDIS_OBJECT_TYPE_FILTER_DRIVER_CHARACTERISTICS                    0x8B
#define NDIS_OBJECT_TYPE_FILTER_PARTIAL_CHARACTERISTICS                   0x8C
#define NDIS_OBJECT_TYPE_FILTER_ATTRIBUTES                                0x8D
#define NDIS_OBJECT_TYPE_CLIENT_CHIMNEY_OFFLOAD_GENERIC_CHARACTERISTICS   0x8E
#define NDIS_OBJECT_TYPE_PROVIDER_CHIMNEY_OFFLOAD_GENERIC_CHARACTERISTICS 0x8F
#define NDIS_OBJECT_TYPE_CO_PROTOCOL_CHARACTERISTICS                      0x90
#define NDIS_OBJECT_TYPE_CO_MINIPORT_CHARACTERISTICS                      0x91
#define NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS                     0x92
#define NDIS_OBJECT_TYPE_CLIENT_CHIMNEY_OFFLOAD_CHARACTERISTICS           0x93
#define NDIS_OBJECT_TYPE_PROVIDER_CHIMNEY_OFFLOAD_CHARACTERISTICS         0x94
#define NDIS_OBJECT_TYPE_PROTOCOL_DRIVER_CHARACTERISTICS                  0x95
#define NDIS_OBJECT_TYPE_REQUEST_EX                                       0x96
#define NDIS_OBJECT_TYPE_OID_REQUEST                                      0x96
#define NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS                            0x97
#define NDIS_OBJECT_TYPE_STATUS_INDICATION                                0x98
#define NDIS_OBJECT_TYPE_FILTER_ATTACH_PARAMETERS                         0x99
#define NDIS_OBJECT_TYPE_FILTER_PAUSE_PARAMETERS                          0x9A
#define NDIS_OBJECT_TYPE_FILTER_RESTART_PARAMETERS                        0x9B
#define NDIS_OBJECT_TYPE_PORT_CHARACTERISTICS                             0x9C
#define NDIS_OBJECT_TYPE_PORT_STATE                                       0x9D
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES         0x9E
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES              0x9F
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_OFFLOAD_ATTRIBUTES              0xA0
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NATIVE_802_11_ATTRIBUTES        0xA1
#define NDIS_OBJECT_TYPE_RESTART_GENERAL_ATTRIBUTES                       0xA2
#define NDIS_OBJECT_TYPE_PROTOCOL_RESTART_PARAMETERS                      0xA3
#define NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES      0xA4
#define NDIS_OBJECT_TYPE_CO_CALL_MANAGER_OPTIONAL_HANDLERS                0xA5
#define NDIS_OBJECT_TYPE_CO_CLIENT_OPTIONAL_HANDLERS                      0xA6
#define NDIS_OBJECT_TYPE_OFFLOAD                                          0xA7
#define NDIS_OBJECT_TYPE_OFFLOAD_ENCAPSULATION                            0xA8
#define NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT                             0xA9
#define NDIS_OBJECT_TYPE_DRIVER_WRAPPER_OBJECT                            0xAA
#define NDIS_OBJECT_TYPE_HD_SPLIT_ATTRIBUTES                              0xAB
#define NDIS_OBJECT_TYPE_NSI_NETWORK_RW_STRUCT                            0xAC
#define NDIS_OBJECT_TYPE_NSI_COMPARTMENT_RW_STRUCT                        0xAD
#define NDIS_OBJECT_TYPE_NSI_INTERFACE_PERSIST_RW_STRUCT                  0xAE
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES      0xAF
#define NDIS_OBJECT_TYPE_SHARED_MEMORY_PROVIDER_CHARACTERISTICS           0xB0
#define NDIS_OBJECT_TYPE_RSS_PROCESSOR_INFO                               0xB1
#define NDIS_OBJECT_TYPE_NDK_PROVIDER_CHARACTERISTICS                     0xB2
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_NDK_ATTRIBUTES                  0xB3
#define NDIS_OBJECT_TYPE_MINIPORT_SS_CHARACTERISTICS                      0xB4
#define NDIS_OBJECT_TYPE_QOS_CAPABILITIES                                 0xB5
#define NDIS_OBJECT_TYPE_QOS_PARAMETERS                                   0xB6
#define NDIS_OBJECT_TYPE_QOS_CLASSIFICATION_ELEMENT                       0xB7
#define NDIS_OBJECT_TYPE_SWITCH_OPTIONAL_HANDLERS                         0xB8
#define NDIS_OBJECT_TYPE_IOCTL_OID_INFO                                   0xB9
#define NDIS_OBJECT_TYPE_LBFO_DIAGNOSTIC_OID                              0xBA
#define NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_PACKET_DIRECT_ATTRIBUTES        0xC5

#endif
