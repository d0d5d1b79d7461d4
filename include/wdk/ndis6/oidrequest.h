/* SPDX-License-Identifier: MIT
 *
 * OID requests and status indications (ndis.md 1.3, 3.1, 3.4).
 */
#ifndef VFPLANE_NDIS6_OIDREQUEST_H
#define VFPLANE_NDIS6_OIDREQUEST_H

#include "object.h"

typedef enum _NDIS_REQUEST_TYPE {
    NdisRequestQueryInformation,
    NdisRequestSetInformation,
    NdisRequestQueryStatistics,
    NdisRequestOpen,
    NdisRequestClose,
    NdisRequestSend,
    NdisRequestTransferData,
    NdisRequestReset,
    NdisRequestGeneric1,
    NdisRequestGeneric2,
    NdisRequestGeneric3,
    NdisRequestGeneric4,
    NdisRequestMethod = 12
} NDIS_REQUEST_TYPE,
    *PNDIS_REQUEST_TYPE;

#define NDIS_OID_REQUEST_REVISION_1 1
#if NDIS_SUPPORT_NDIS650
#define NDIS_OID_REQUEST_REVISION_2 2
#endif
#define NDIS_OID_REQUEST_TIMEOUT_INFINITE     0
#define NDIS_OID_REQUEST_NDIS_RESERVED_SIZE   16
#define NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID 0x00000001

/* One request to a miniport. Structure and buffer are in nonpaged memory and stay the issuer's until completion. The
 * three arms of DATA begin alike: Oid, InformationBuffer. Mind METHOD_INFORMATION: BytesWritten stands before
 * BytesRead. */
typedef struct _NDIS_OID_REQUEST {
    NDIS_OBJECT_HEADER Header; /* NDIS_OBJECT_TYPE_OID_REQUEST */
    NDIS_REQUEST_TYPE RequestType;
    NDIS_PORT_NUMBER PortNumber;
    UINT Timeout;              /* seconds; NDIS_OID_REQUEST_TIMEOUT_INFINITE */
    PVOID RequestId;           /* for NdisCancelOidRequest; NULL: cannot be cancelled */
    NDIS_HANDLE RequestHandle; /* who issued it; for status indications that answer it */
    union _REQUEST_DATA {
        NDIS_OID Oid;
        struct _QUERY {
            NDIS_OID Oid;
            PVOID InformationBuffer;
            UINT InformationBufferLength;
            UINT BytesWritten;
            UINT BytesNeeded; /* on INVALID_LENGTH and BUFFER_TOO_SHORT only */
        } QUERY_INFORMATION;
        struct _SET {
            NDIS_OID Oid;
            PVOID InformationBuffer;
            UINT InformationBufferLength;
            UINT BytesRead;
            UINT BytesNeeded;
        } SET_INFORMATION;
        struct _METHOD {
            NDIS_OID Oid;
            PVOID InformationBuffer; /* input, then output; as large as the longer of the two */
            ULONG InputBufferLength;
            ULONG OutputBufferLength;
            ULONG MethodId;
            UINT BytesWritten;
            UINT BytesRead;
            UINT BytesNeeded;
        } METHOD_INFORMATION;
    } DATA;
    UCHAR NdisReserved[NDIS_OID_REQUEST_NDIS_RESERVED_SIZE * sizeof(PVOID)];
    UCHAR MiniportReserved[2 * sizeof(PVOID)];
    UCHAR SourceReserved[2 * sizeof(PVOID)];
    UCHAR SupportedRevision; /* a successful set: revision of the structure that was understood */
    UCHAR Reserved1;
    USHORT Reserved2;
#if NDIS_SUPPORT_NDIS650
    NDIS_NIC_SWITCH_ID SwitchId;
    NDIS_NIC_SWITCH_VPORT_ID VPortId; /* if NDIS_OID_REQUEST_FLAGS_VPORT_ID_VALID */
    ULONG Flags;
#endif
} NDIS_OID_REQUEST, *PNDIS_OID_REQUEST;

#define NDIS_SIZEOF_OID_REQUEST_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_OID_REQUEST, Reserved2)
#if NDIS_SUPPORT_NDIS650
#define NDIS_SIZEOF_OID_REQUEST_REVISION_2 NDIS_SIZEOF_THROUGH(NDIS_OID_REQUEST, Flags)
#endif

#define NDIS_STATUS_INDICATION_REVISION_1                     1
#define NDIS_STATUS_INDICATION_FLAGS_NDIS_RESERVED            0x00000FFF
#define NDIS_STATUS_INDICATION_FLAGS_MEDIA_CONNECT_TO_CONNECT 0x00001000

/* A change a miniport tells all above it. StatusBuffer depends on StatusCode and stays the indicator's. */
typedef struct _NDIS_STATUS_INDICATION {
    NDIS_OBJECT_HEADER Header; /* NDIS_OBJECT_TYPE_STATUS_INDICATION */
    NDIS_HANDLE SourceHandle;  /* the miniport's NdisMiniportHandle */
    NDIS_PORT_NUMBER PortNumber;
    NDIS_STATUS StatusCode;
    ULONG Flags;
    NDIS_HANDLE DestinationHandle; /* RequestHandle of the request it answers, or NULL */
    PVOID RequestId;
    PVOID StatusBuffer;
    ULONG StatusBufferSize; /* bytes */
    GUID Guid;
    PVOID NdisReserved[4];
} NDIS_STATUS_INDICATION, *PNDIS_STATUS_INDICATION;

#define NDIS_SIZEOF_STATUS_INDICATION_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_STATUS_INDICATION, NdisReserved)

#endif
