/* SPDX-License-Identifier: MIT
 *
 * Net buffers and net buffer lists, as far as a miniport without traffic needs them to complete what it is sent. x64
 * layout.
 */
#ifndef VFPLANE_NDIS6_NETBUFFER_H
#define VFPLANE_NDIS6_NETBUFFER_H

#include "object.h"
#include "../km/dma.h"
#include "../km/mdl.h"

struct _NET_BUFFER;
struct _NET_BUFFER_LIST;
typedef struct _NET_BUFFER_SHARED_MEMORY *PNET_BUFFER_SHARED_MEMORY;
typedef struct _NET_BUFFER_LIST_CONTEXT *PNET_BUFFER_LIST_CONTEXT;

/* Where the data of a packet begins and how much there is. */
typedef struct _NET_BUFFER_DATA {
    struct _NET_BUFFER *Next;
    PMDL CurrentMdl;
    ULONG CurrentMdlOffset;
    union {
        ULONG DataLength;
        SIZE_T stDataLength;
    };
    PMDL MdlChain;
    ULONG DataOffset;
} NET_BUFFER_DATA, *PNET_BUFFER_DATA;

/* The same, or an entry of an interlocked list. */
typedef union _NET_BUFFER_HEADER {
    NET_BUFFER_DATA NetBufferData;
    SLIST_HEADER Link;
} NET_BUFFER_HEADER, *PNET_BUFFER_HEADER;

/* One packet. */
typedef struct _NET_BUFFER {
    union {
        struct {
            struct _NET_BUFFER *Next;
            PMDL CurrentMdl;
            ULONG CurrentMdlOffset;
            union {
                ULONG DataLength;
                SIZE_T stDataLength;
            };
            PMDL MdlChain;
            ULONG DataOffset;
        };
        SLIST_HEADER Link;
        NET_BUFFER_HEADER NetBufferHeader;
    };
    USHORT ChecksumBias;
    USHORT Reserved;
    NDIS_HANDLE NdisPoolHandle;
    DECLSPEC_ALIGN(16) PVOID NdisReserved[2];
    DECLSPEC_ALIGN(16) PVOID ProtocolReserved[6];
    DECLSPEC_ALIGN(16) PVOID MiniportReserved[4];
    NDIS_PHYSICAL_ADDRESS DataPhysicalAddress;
#if NDIS_SUPPORT_NDIS620
    union {
        PNET_BUFFER_SHARED_MEMORY SharedMemoryInfo;
        PSCATTER_GATHER_LIST ScatterGatherList;
    };
#endif
} NET_BUFFER, *PNET_BUFFER;

typedef enum _NDIS_NET_BUFFER_LIST_INFO {
    TcpIpChecksumNetBufferListInfo,
    TcpOffloadBytesTransferred = TcpIpChecksumNetBufferListInfo,
    IPsecOffloadV1NetBufferListInfo,
    TcpLargeSendNetBufferListInfo,
    TcpReceiveNoPush = TcpLargeSendNetBufferListInfo,
    ClassificationHandleNetBufferListInfo,
    Ieee8021QNetBufferListInfo,
    NetBufferListCancelId,
    MediaSpecificInformation,
    NetBufferListFrameType,
    NetBufferListProtocolId = NetBufferListFrameType,
    NetBufferListHashValue,
    NetBufferListHashInfo,
    WfpNetBufferListInfo,
#if NDIS_SUPPORT_NDIS61
    IPsecOffloadV2NetBufferListInfo,
    IPsecOffloadV2HeaderNetBufferListInfo,
    IPsecOffloadV2TunnelNetBufferListInfo,
#endif
#if NDIS_SUPPORT_NDIS620
    NetBufferListFilteringInfo,
    MediaSpecificInformationEx,
    NblOriginalInterfaceIfIndex = MediaSpecificInformationEx,
    NblReAuthWfpFlowContext,
    TcpReceiveBytesTransferred = NblReAuthWfpFlowContext,
#endif
#if NDIS_SUPPORT_NDIS630
    SwitchForwardingReserved,
    SwitchForwardingDetail = SwitchForwardingReserved,
    VirtualSubnetInfo,
    IMReserved,
    TcpRecvSegCoalesceInfo,
    RscTcpTimestampDelta,
    TcpSendOffloadsSupplementalNetBufferListInfo = RscTcpTimestampDelta,
#endif
#if NDIS_SUPPORT_NDIS650
    GftOffloadInformation,
    GftFlowEntryId,
#endif
#if NDIS_SUPPORT_NDIS680
    NetBufferListInfoReserved3,
    NetBufferListInfoReserved4,
#endif
    MaxNetBufferListInfo
} NDIS_NET_BUFFER_LIST_INFO,
    *PNDIS_NET_BUFFER_LIST_INFO;

/* Packets of one flow; Next chains lists, FirstNetBuffer the packets of this one. */
typedef struct _NET_BUFFER_LIST {
    union {
        struct {
            struct _NET_BUFFER_LIST *Next;
            PNET_BUFFER FirstNetBuffer;
        };
        SLIST_HEADER Link;
    };
    PNET_BUFFER_LIST_CONTEXT Context;
    struct _NET_BUFFER_LIST *ParentNetBufferList;
    NDIS_HANDLE NdisPoolHandle;
    DECLSPEC_ALIGN(16) PVOID NdisReserved[2];
    DECLSPEC_ALIGN(16) PVOID ProtocolReserved[4];
    DECLSPEC_ALIGN(16) PVOID MiniportReserved[2];
    PVOID Scratch;
    NDIS_HANDLE SourceHandle;
    ULONG NblFlags;
    LONG ChildRefCount;
    ULONG Flags;
    union {
        NDIS_STATUS Status; /* set by the miniport before it completes a send */
        ULONG NdisReserved2;
    };
    PVOID NetBufferListInfo[MaxNetBufferListInfo];
} NET_BUFFER_LIST, *PNET_BUFFER_LIST;

C_ASSERT(offsetof(NET_BUFFER, NdisPoolHandle) == 56 && offsetof(NET_BUFFER, DataPhysicalAddress) == 160);
C_ASSERT(offsetof(NET_BUFFER_LIST, NdisReserved) == 48 && offsetof(NET_BUFFER_LIST, NetBufferListInfo) == 144);

#define NET_BUFFER_NEXT_NB(nb)                  ((nb)->Next)
#define NET_BUFFER_FIRST_MDL(nb)                ((nb)->MdlChain)
#define NET_BUFFER_DATA_LENGTH(nb)              ((nb)->DataLength)
#define NET_BUFFER_DATA_OFFSET(nb)              ((nb)->DataOffset)
#define NET_BUFFER_CURRENT_MDL(nb)              ((nb)->CurrentMdl)
#define NET_BUFFER_CURRENT_MDL_OFFSET(nb)       ((nb)->CurrentMdlOffset)
#define NET_BUFFER_PROTOCOL_RESERVED(nb)        ((nb)->ProtocolReserved)
#define NET_BUFFER_MINIPORT_RESERVED(nb)        ((nb)->MiniportReserved)
#define NET_BUFFER_LIST_NEXT_NBL(nbl)           ((nbl)->Next)
#define NET_BUFFER_LIST_FIRST_NB(nbl)           ((nbl)->FirstNetBuffer)
#define NET_BUFFER_LIST_FLAGS(nbl)              ((nbl)->Flags)
#define NET_BUFFER_LIST_NBL_FLAGS(nbl)          ((nbl)->NblFlags)
#define NET_BUFFER_LIST_PROTOCOL_RESERVED(nbl)  ((nbl)->ProtocolReserved)
#define NET_BUFFER_LIST_MINIPORT_RESERVED(nbl)  ((nbl)->MiniportReserved)
#define NET_BUFFER_LIST_STATUS(nbl)             ((nbl)->Status)
#define NET_BUFFER_LIST_INFO(nbl, id)           ((nbl)->NetBufferListInfo[(id)])
#define NDIS_GET_NET_BUFFER_LIST_CANCEL_ID(nbl) (NET_BUFFER_LIST_INFO(nbl, NetBufferListCancelId))

#define NDIS_SEND_FLAGS_DISPATCH_LEVEL          0x00000001
#define NDIS_SEND_FLAGS_CHECK_FOR_LOOPBACK      0x00000002
#define NDIS_SEND_COMPLETE_FLAGS_DISPATCH_LEVEL 0x00000001
#define NDIS_RETURN_FLAGS_DISPATCH_LEVEL        0x00000001
#define NDIS_RECEIVE_FLAGS_DISPATCH_LEVEL       0x00000001
#define NDIS_RECEIVE_FLAGS_RESOURCES            0x00000002
#define NDIS_TEST_SEND_AT_DISPATCH_LEVEL(f)     (((f)&NDIS_SEND_FLAGS_DISPATCH_LEVEL) != 0)
#define NDIS_TEST_RECEIVE_CANNOT_PEND(f)        (((f)&NDIS_RECEIVE_FLAGS_RESOURCES) != 0)

#endif
