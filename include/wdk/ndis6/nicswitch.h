/* SPDX-License-Identifier: MIT
 *
 * NIC switch: capabilities, switches, virtual ports, virtual functions (ndis.md 3.3). Type NDIS_OBJECT_TYPE_DEFAULT.
 * Flags members are 0 unless a flag is defined for them. In the arrays, FirstElementOffset counts from the array's
 * start.
 */
#ifndef VFPLANE_NDIS6_NICSWITCH_H
#define VFPLANE_NDIS6_NICSWITCH_H

#include "object.h"

#if NDIS_SUPPORT_NDIS620

#define NDIS_NIC_SWITCH_CAPABILITIES_REVISION_1 1
#if NDIS_SUPPORT_NDIS630
#define NDIS_NIC_SWITCH_CAPABILITIES_REVISION_2 2
#endif
#if NDIS_SUPPORT_NDIS660
#define NDIS_NIC_SWITCH_CAPABILITIES_REVISION_3 3
#endif

#if NDIS_SUPPORT_NDIS630
#define NDIS_NIC_SWITCH_CAPS_VLAN_SUPPORTED                                        0x00000001
#define NDIS_NIC_SWITCH_CAPS_PER_VPORT_INTERRUPT_MODERATION_SUPPORTED              0x00000002
#define NDIS_NIC_SWITCH_CAPS_ASYMMETRIC_QUEUE_PAIRS_FOR_NONDEFAULT_VPORT_SUPPORTED 0x00000004
#define NDIS_NIC_SWITCH_CAPS_VF_RSS_SUPPORTED                                      0x00000008
#define NDIS_NIC_SWITCH_CAPS_SINGLE_VPORT_POOL                                     0x00000010
#endif
#if NDIS_SUPPORT_NDIS660
#define NDIS_NIC_SWITCH_CAPS_RSS_PARAMETERS_PER_PF_VPORT_SUPPORTED              0x00000020
#define NDIS_NIC_SWITCH_CAPS_NIC_SWITCH_WITHOUT_IOV_SUPPORTED                   0x00000040
#define NDIS_NIC_SWITCH_CAPS_RSS_ON_PF_VPORTS_SUPPORTED                         0x00000080
#define NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SUPPORTED       0x00000100
#define NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_FUNCTION_SUPPORTED           0x00000200
#define NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_TYPE_SUPPORTED               0x00000400
#define NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_HASH_KEY_SUPPORTED                0x00000800
#define NDIS_NIC_SWITCH_CAPS_RSS_PER_PF_VPORT_INDIRECTION_TABLE_SIZE_RESTRICTED 0x00001000
#endif

/* What the adapter's switch can do. MaxNumVPorts includes the default VPort, so it exceeds MaxNumVFs. */
typedef struct _NDIS_NIC_SWITCH_CAPABILITIES {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    ULONG NdisReserved1;
    ULONG NumTotalMacAddresses;   /* 0 from revision 2 on */
    ULONG NumMacAddressesPerPort; /* 0 from revision 2 on */
    ULONG NumVlansPerPort;        /* 0 from revision 2 on */
    ULONG NdisReserved2;
    ULONG NdisReserved3;
#if NDIS_SUPPORT_NDIS630
    ULONG NicSwitchCapabilities; /* NDIS_NIC_SWITCH_CAPS_* */
    ULONG MaxNumSwitches;        /* 1 */
    ULONG MaxNumVPorts;
    ULONG NdisReserved4;
    ULONG MaxNumVFs;
    ULONG MaxNumQueuePairs;
    ULONG NdisReserved5;
    ULONG NdisReserved6;
    ULONG NdisReserved7;
    ULONG MaxNumQueuePairsPerNonDefaultVPort; /* a power of two */
    ULONG NdisReserved8;
    ULONG NdisReserved9;
    ULONG NdisReserved10;
    ULONG NdisReserved11;
    ULONG NdisReserved12;
    ULONG MaxNumMacAddresses;
    ULONG NdisReserved13;
    ULONG NdisReserved14;
    ULONG NdisReserved15;
    ULONG NdisReserved16;
    ULONG NdisReserved17;
#endif
#if NDIS_SUPPORT_NDIS660
    ULONG MaxNumRssCapableNonDefaultPFVPorts;
    ULONG NumberOfIndirectionTableEntriesForDefaultVPort;
    ULONG NumberOfIndirectionTableEntriesPerNonDefaultPFVPort;
    ULONG MaxNumQueuePairsForDefaultVPort; /* a power of two */
#endif
} NDIS_NIC_SWITCH_CAPABILITIES, *PNDIS_NIC_SWITCH_CAPABILITIES;
#define NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_CAPABILITIES, NdisReserved3)
#if NDIS_SUPPORT_NDIS630
#define NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_2 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_CAPABILITIES, NdisReserved17)
#endif
#if NDIS_SUPPORT_NDIS660
#define NDIS_SIZEOF_NIC_SWITCH_CAPABILITIES_REVISION_3                                                                 \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_CAPABILITIES, MaxNumQueuePairsForDefaultVPort)
#endif

#endif

#if NDIS_SUPPORT_NDIS630

typedef enum _NDIS_NIC_SWITCH_TYPE {
    NdisNicSwitchTypeUnspecified,
    NdisNicSwitchTypeExternal,
    NdisNicSwitchTypeMax
} NDIS_NIC_SWITCH_TYPE,
    *PNDIS_NIC_SWITCH_TYPE;

#define NDIS_NIC_SWITCH_PARAMETERS_CHANGE_MASK         0xFFFF0000
#define NDIS_NIC_SWITCH_PARAMETERS_SWITCH_NAME_CHANGED 0x00010000
#define NDIS_NIC_SWITCH_PARAMETERS_REVISION_1          1
#if NDIS_SUPPORT_NDIS660
#define NDIS_NIC_SWITCH_PARAMETERS_REVISION_2                                      2
#define NDIS_NIC_SWITCH_PARAMETERS_DEFAULT_NUMBER_OF_QUEUE_PAIRS_FOR_DEFAULT_VPORT 1
#endif

/* OID_NIC_SWITCH_CREATE_SWITCH (method) and OID_NIC_SWITCH_PARAMETERS (method, set). */
typedef struct _NDIS_NIC_SWITCH_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags; /* a set: which members changed */
    NDIS_NIC_SWITCH_TYPE SwitchType;
    NDIS_NIC_SWITCH_ID SwitchId; /* NDIS_DEFAULT_SWITCH_ID */
    NDIS_NIC_SWITCH_FRIENDLYNAME SwitchFriendlyName;
    ULONG NumVFs;
    ULONG NdisReserved1;
    ULONG NdisReserved2;
    ULONG NdisReserved3;
#if NDIS_SUPPORT_NDIS660
    ULONG NumQueuePairsForDefaultVPort;
#endif
} NDIS_NIC_SWITCH_PARAMETERS, *PNDIS_NIC_SWITCH_PARAMETERS;
#define NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_PARAMETERS, NdisReserved3)
#if NDIS_SUPPORT_NDIS660
#define NDIS_SIZEOF_NIC_SWITCH_PARAMETERS_REVISION_2                                                                   \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_PARAMETERS, NumQueuePairsForDefaultVPort)
#endif

#define NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1 1
/* OID_NIC_SWITCH_DELETE_SWITCH (set). */
typedef struct _NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_NIC_SWITCH_ID SwitchId;
} NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS, *PNDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS;
#define NDIS_SIZEOF_NIC_SWITCH_DELETE_SWITCH_PARAMETERS_REVISION_1                                                     \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_DELETE_SWITCH_PARAMETERS, SwitchId)

#define NDIS_NIC_SWITCH_INFO_REVISION_1 1
/* One element of OID_NIC_SWITCH_ENUM_SWITCHES. NumVPorts counts creatable VPorts, NumActiveVPorts created ones; both
 * include the default VPort. */
typedef struct _NDIS_NIC_SWITCH_INFO {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_NIC_SWITCH_TYPE SwitchType;
    NDIS_NIC_SWITCH_ID SwitchId;
    NDIS_NIC_SWITCH_FRIENDLYNAME SwitchFriendlyName;
    ULONG NumVFs;
    ULONG NumAllocatedVFs;
    ULONG NumVPorts;
    ULONG NumActiveVPorts;
    ULONG NumQueuePairsForDefaultVPort;
    ULONG NumQueuePairsForNonDefaultVPorts;
    ULONG NumActiveDefaultVPortMacAddresses;
    ULONG NumActiveNonDefaultVPortMacAddresses;
    ULONG NumActiveDefaultVPortVlanIds;
    ULONG NumActiveNonDefaultVPortVlanIds;
} NDIS_NIC_SWITCH_INFO, *PNDIS_NIC_SWITCH_INFO;
#define NDIS_SIZEOF_NIC_SWITCH_INFO_REVISION_1                                                                         \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_INFO, NumActiveNonDefaultVPortVlanIds)

#define NDIS_NIC_SWITCH_INFO_ARRAY_REVISION_1 1
/* OID_NIC_SWITCH_ENUM_SWITCHES (query): head of the answer. */
typedef struct _NDIS_NIC_SWITCH_INFO_ARRAY {
    NDIS_OBJECT_HEADER Header;
    ULONG FirstElementOffset;
    ULONG NumElements;
    ULONG ElementSize;
} NDIS_NIC_SWITCH_INFO_ARRAY, *PNDIS_NIC_SWITCH_INFO_ARRAY;
#define NDIS_SIZEOF_NIC_SWITCH_INFO_ARRAY_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_INFO_ARRAY, ElementSize)

#define NDIS_NIC_SWITCH_VPORT_PARAMS_LOOKAHEAD_SPLIT_ENABLED    0x00000001
#define NDIS_NIC_SWITCH_VPORT_PARAMS_CHANGE_MASK                0xFFFF0000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_FLAGS_CHANGED              0x00010000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_NAME_CHANGED               0x00020000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_INT_MOD_CHANGED            0x00040000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_STATE_CHANGED              0x00080000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_PROCESSOR_AFFINITY_CHANGED 0x00100000
#if NDIS_SUPPORT_NDIS650
#define NDIS_NIC_SWITCH_VPORT_PARAMS_PACKET_DIRECT_RX_ONLY   0x00000002
#define NDIS_NIC_SWITCH_VPORT_PARAMS_ENFORCE_MAX_SG_LIST     0x00008000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_NDK_PARAMS_CHANGED      0x00200000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_QOS_SQ_ID_CHANGED       0x00400000
#define NDIS_NIC_SWITCH_VPORT_PARAMS_NUM_QUEUE_PAIRS_CHANGED 0x00800000
#endif
#define NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1 1
#if NDIS_SUPPORT_NDIS650
#define NDIS_NIC_SWITCH_VPORT_PARAMETERS_REVISION_2 2
#endif

typedef enum _NDIS_NIC_SWITCH_VPORT_STATE {
    NdisNicSwitchVPortStateUndefined,
    NdisNicSwitchVPortStateActivated,
    NdisNicSwitchVPortStateDeactivated,
    NdisNicSwitchVPortStateMaximum
} NDIS_NIC_SWITCH_VPORT_STATE,
    *PNDIS_NIC_SWITCH_VPORT_STATE;

typedef enum _NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION {
    NdisNicSwitchVPortInterruptModerationUndefined = 0,
    NdisNicSwitchVPortInterruptModerationAdaptive = 1,
    NdisNicSwitchVPortInterruptModerationOff = 2,
    NdisNicSwitchVPortInterruptModerationLow = 100,
    NdisNicSwitchVPortInterruptModerationMedium = 200,
    NdisNicSwitchVPortInterruptModerationHigh = 300
} NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION,
    *PNDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION;

/* OID_NIC_SWITCH_CREATE_VPORT (method) and OID_NIC_SWITCH_VPORT_PARAMETERS. The further members of revision 2 have no
 * published layout (ndis.md U23): its revision-1 part is read. */
typedef struct _NDIS_NIC_SWITCH_VPORT_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags; /* NDIS_NIC_SWITCH_VPORT_PARAMS_*; a set: also which members changed */
    NDIS_NIC_SWITCH_ID SwitchId;
    NDIS_NIC_SWITCH_VPORT_ID VPortId;
    NDIS_VPORT_NAME VPortName;
    NDIS_SRIOV_FUNCTION_ID AttachedFunctionId; /* NDIS_PF_FUNCTION_ID or a VF */
    ULONG NumQueuePairs;
    NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION InterruptModeration;
    NDIS_NIC_SWITCH_VPORT_STATE VPortState;
    GROUP_AFFINITY ProcessorAffinity; /* VPorts of the PF only */
    ULONG LookaheadSize;              /* 0 */
} NDIS_NIC_SWITCH_VPORT_PARAMETERS, *PNDIS_NIC_SWITCH_VPORT_PARAMETERS;
#define NDIS_SIZEOF_NIC_SWITCH_VPORT_PARAMETERS_REVISION_1                                                             \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_VPORT_PARAMETERS, LookaheadSize)

#define NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1 1
/* OID_NIC_SWITCH_DELETE_VPORT (set). */
typedef struct _NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_NIC_SWITCH_VPORT_ID VPortId; /* not the default VPort */
} NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS, *PNDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS;
#define NDIS_SIZEOF_NIC_SWITCH_DELETE_VPORT_PARAMETERS_REVISION_1                                                      \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_DELETE_VPORT_PARAMETERS, VPortId)

#define NDIS_NIC_SWITCH_VPORT_INFO_LOOKAHEAD_SPLIT_ENABLED 0x00000001
#if NDIS_SUPPORT_NDIS650
#define NDIS_NIC_SWITCH_VPORT_INFO_PACKET_DIRECT_RX_ONLY 0x00000002
#define NDIS_NIC_SWITCH_VPORT_INFO_GFT_ENABLED           0x00000004
#endif
#define NDIS_NIC_SWITCH_VPORT_INFO_REVISION_1 1
/* One element of OID_NIC_SWITCH_ENUM_VPORTS. The first members stand in another order than in the parameters. */
typedef struct _NDIS_NIC_SWITCH_VPORT_INFO {
    NDIS_OBJECT_HEADER Header;
    NDIS_NIC_SWITCH_VPORT_ID VPortId;
    ULONG Flags;
    NDIS_NIC_SWITCH_ID SwitchId;
    NDIS_VPORT_NAME VPortName;
    NDIS_SRIOV_FUNCTION_ID AttachedFunctionId;
    ULONG NumQueuePairs;
    NDIS_NIC_SWITCH_VPORT_INTERRUPT_MODERATION InterruptModeration;
    NDIS_NIC_SWITCH_VPORT_STATE VPortState;
    GROUP_AFFINITY ProcessorAffinity;
    ULONG LookaheadSize;
    ULONG NumFilters;
} NDIS_NIC_SWITCH_VPORT_INFO, *PNDIS_NIC_SWITCH_VPORT_INFO;
#define NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_VPORT_INFO, NumFilters)

#define NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_FUNCTION 0x00000001
#define NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_ENUM_ON_SPECIFIC_SWITCH   0x00000002
#define NDIS_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1                1
/* OID_NIC_SWITCH_ENUM_VPORTS (method): in which, out head of the answer. At most one of the flags. */
typedef struct _NDIS_NIC_SWITCH_VPORT_INFO_ARRAY {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_NIC_SWITCH_ID SwitchId;
    NDIS_SRIOV_FUNCTION_ID AttachedFunctionId;
    ULONG FirstElementOffset;
    ULONG NumElements;
    ULONG ElementSize;
} NDIS_NIC_SWITCH_VPORT_INFO_ARRAY, *PNDIS_NIC_SWITCH_VPORT_INFO_ARRAY;
#define NDIS_SIZEOF_NIC_SWITCH_VPORT_INFO_ARRAY_REVISION_1                                                             \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_VPORT_INFO_ARRAY, ElementSize)

/* Members of both structures about one virtual function. */
#define VFPLANE_NDIS_VF_MEMBERS                                                                                        \
    NDIS_OBJECT_HEADER Header;                                                                                         \
    ULONG Flags;                                                                                                       \
    NDIS_NIC_SWITCH_ID SwitchId;                                                                                       \
    NDIS_VM_NAME VMName;                                                                                               \
    NDIS_VM_FRIENDLYNAME VMFriendlyName;                                                                               \
    NDIS_SWITCH_NIC_NAME NicName;                                                                                      \
    USHORT MacAddressLength;                                                                                           \
    UCHAR PermanentMacAddress[NDIS_MAX_PHYS_ADDRESS_LENGTH];                                                           \
    UCHAR CurrentMacAddress[NDIS_MAX_PHYS_ADDRESS_LENGTH];                                                             \
    NDIS_SRIOV_FUNCTION_ID VFId; /* ALLOCATE_VF: in NDIS_INVALID_VF_FUNCTION_ID, out the VF */                         \
    NDIS_VF_RID RequestorId;     /* ALLOCATE_VF: in NDIS_INVALID_RID, out NDIS_MAKE_RID */

#define NDIS_NIC_SWITCH_VF_PARAMETERS_REVISION_1 1
/* OID_NIC_SWITCH_ALLOCATE_VF and OID_NIC_SWITCH_VF_PARAMETERS (method). */
typedef struct _NDIS_NIC_SWITCH_VF_PARAMETERS {
    VFPLANE_NDIS_VF_MEMBERS
} NDIS_NIC_SWITCH_VF_PARAMETERS, *PNDIS_NIC_SWITCH_VF_PARAMETERS;
#define NDIS_SIZEOF_NIC_SWITCH_VF_PARAMETERS_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_VF_PARAMETERS, RequestorId)

#define NDIS_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1 1
/* OID_NIC_SWITCH_FREE_VF (set). 10 bytes are enough, sizeof is 12. */
typedef struct _NDIS_NIC_SWITCH_FREE_VF_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_SRIOV_FUNCTION_ID VFId;
} NDIS_NIC_SWITCH_FREE_VF_PARAMETERS, *PNDIS_NIC_SWITCH_FREE_VF_PARAMETERS;
#define NDIS_SIZEOF_NIC_SWITCH_FREE_VF_PARAMETERS_REVISION_1                                                           \
    NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_FREE_VF_PARAMETERS, VFId)

#define NDIS_NIC_SWITCH_VF_INFO_REVISION_1 1
/* One element of OID_NIC_SWITCH_ENUM_VFS. */
typedef struct _NDIS_NIC_SWITCH_VF_INFO {
    VFPLANE_NDIS_VF_MEMBERS
} NDIS_NIC_SWITCH_VF_INFO, *PNDIS_NIC_SWITCH_VF_INFO;
#define NDIS_SIZEOF_NIC_SWITCH_VF_INFO_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_VF_INFO, RequestorId)

#define NDIS_NIC_SWITCH_VF_INFO_ARRAY_ENUM_ON_SPECIFIC_SWITCH 0x00000001
#define NDIS_NIC_SWITCH_VF_INFO_ARRAY_REVISION_1              1
/* OID_NIC_SWITCH_ENUM_VFS (method): in which, out head of the answer. */
typedef struct _NDIS_NIC_SWITCH_VF_INFO_ARRAY {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_NIC_SWITCH_ID SwitchId;
    ULONG FirstElementOffset;
    ULONG NumElements;
    ULONG ElementSize;
} NDIS_NIC_SWITCH_VF_INFO_ARRAY, *PNDIS_NIC_SWITCH_VF_INFO_ARRAY;
#define NDIS_SIZEOF_NIC_SWITCH_VF_INFO_ARRAY_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_NIC_SWITCH_VF_INFO_ARRAY, ElementSize)

#endif
#endif
