/* SPDX-License-Identifier: MIT
 *
 * NDIS functions about drivers, adapters, OIDs and SR-IOV (ndis.md 5). NdisMiniportHandle is what MiniportInitializeEx
 * got; it holds until MiniportHaltEx returned. "PF" or "VF" says which miniport may call.
 */
#ifndef VFPLANE_NDIS6_FN_MINIPORT_H
#define VFPLANE_NDIS6_FN_MINIPORT_H

#include "miniport.h"

VFPLANE_BEGIN_C

/* Registers the driver, from DriverEntry. SUCCESS, BAD_CHARACTERISTICS, BAD_VERSION, RESOURCES, FAILURE. PASSIVE_LEVEL.
 */
NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT DriverObject, PUNICODE_STRING RegistryPath,
                                        NDIS_HANDLE MiniportDriverContext,
                                        PNDIS_MINIPORT_DRIVER_CHARACTERISTICS MiniportDriverCharacteristics,
                                        PNDIS_HANDLE NdisMiniportDriverHandle);
/* Undoes it, from MiniportUnload, or from DriverEntry that fails later. PASSIVE_LEVEL. */
VOID NdisMDeregisterMiniportDriver(NDIS_HANDLE NdisMiniportDriverHandle);
/* Adds optional handlers, from MiniportSetOptions. PASSIVE_LEVEL. */
NDIS_STATUS NdisSetOptionalHandlers(NDIS_HANDLE NdisHandle, PNDIS_DRIVER_OPTIONAL_HANDLERS OptionalHandlers);
/* Registers attributes: registration first, general second. SUCCESS, BAD_VERSION, FAILURE. PASSIVE_LEVEL. */
NDIS_STATUS NdisMSetMiniportAttributes(NDIS_HANDLE NdisMiniportHandle,
                                       PNDIS_MINIPORT_ADAPTER_ATTRIBUTES MiniportAttributes);
/* Ends of pended operations. At most DISPATCH_LEVEL. */
VOID NdisMPauseComplete(NDIS_HANDLE NdisMiniportHandle);
VOID NdisMRestartComplete(NDIS_HANDLE NdisMiniportHandle, NDIS_STATUS Status);
VOID NdisMResetComplete(NDIS_HANDLE NdisMiniportHandle, NDIS_STATUS Status, BOOLEAN AddressingReset);
/* Asks NDIS to reset the adapter. */
VOID NdisMResetMiniport(NDIS_HANDLE NdisMiniportHandle);
/* Asks for the adapter's removal after a failure. At most DISPATCH_LEVEL. */
VOID NdisMRemoveMiniport(NDIS_HANDLE NdisMiniportHandle);

/* Sends an OID from above; PENDING: the completion may already have run. At most DISPATCH_LEVEL. */
NDIS_STATUS NdisOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest);
/* Cancels the requests with this id that were sent here. At most DISPATCH_LEVEL. */
VOID NdisCancelOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId);
/* Completes a request for which MiniportOidRequest returned PENDING, once. At most DISPATCH_LEVEL. */
VOID NdisMOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status);
/* The same for filters. */
NDIS_STATUS NdisFOidRequest(NDIS_HANDLE NdisFilterHandle, PNDIS_OID_REQUEST OidRequest);
VOID NdisFCancelOidRequest(NDIS_HANDLE NdisFilterHandle, PVOID RequestId);
VOID NdisFOidRequestComplete(NDIS_HANDLE NdisFilterHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status);
#if NDIS_SUPPORT_NDIS61
/* Outside the queue. At most DISPATCH_LEVEL. */
NDIS_STATUS NdisDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PNDIS_OID_REQUEST OidRequest);
VOID NdisCancelDirectOidRequest(NDIS_HANDLE NdisBindingHandle, PVOID RequestId);
VOID NdisMDirectOidRequestComplete(NDIS_HANDLE MiniportAdapterHandle, PNDIS_OID_REQUEST OidRequest, NDIS_STATUS Status);
#endif
#if NDIS_SUPPORT_NDIS680
/* Outside the queue and never pending. At most DISPATCH_LEVEL. */
NDIS_STATUS NdisSynchronousOidRequest(NDIS_HANDLE NdisBindingHandle, NDIS_OID_REQUEST *OidRequest);
#endif
/* A copy of a request for passing it on (RESOURCES: no memory), and its end. */
NDIS_STATUS NdisAllocateCloneOidRequest(NDIS_HANDLE SourceHandle, PNDIS_OID_REQUEST OidRequest, UINT PoolTag,
                                        PNDIS_OID_REQUEST *ClonedOidRequest);
VOID NdisFreeCloneOidRequest(NDIS_HANDLE SourceHandle, PNDIS_OID_REQUEST Request);
/* Tells all above of a change. At most DISPATCH_LEVEL. */
VOID NdisMIndicateStatusEx(NDIS_HANDLE MiniportAdapterHandle, PNDIS_STATUS_INDICATION StatusIndication);

/* Configuration space of this function; bytes moved, 0 on failure. A VF reaches the PF driver through it. PF, VF. */
ULONG NdisMGetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset, PVOID Buffer, ULONG Length);
ULONG NdisMSetBusData(NDIS_HANDLE NdisMiniportHandle, ULONG WhichSpace, ULONG Offset, PVOID Buffer, ULONG Length);

#if NDIS_SUPPORT_NDIS630
/* Switches virtualization on (NumVFs 1..TotalVFs) or off (0). NOT_SUPPORTED, INVALID_PARAMETER, FAILURE. PF,
 * PASSIVE_LEVEL. */
NDIS_STATUS NdisMEnableVirtualization(NDIS_HANDLE NdisMiniportHandle, USHORT NumVFs, BOOLEAN EnableVFMigration,
                                      BOOLEAN EnableMigrationInterrupt, BOOLEAN EnableVirtualization);
/* Configuration space of a VF, while virtualization is on. Bytes moved, 0 on failure. Mind the order: buffer, offset,
 * length. PF, at most DISPATCH_LEVEL. */
ULONG NdisMGetVirtualFunctionBusData(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId, PVOID Buffer,
                                     ULONG Offset, ULONG Length);
ULONG NdisMSetVirtualFunctionBusData(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId, PVOID Buffer,
                                     ULONG Offset, ULONG Length);
/* Segment, bus and 8-bit function of a VF; cannot fail. PF, PASSIVE_LEVEL. */
VOID NdisMGetVirtualFunctionLocation(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId, PUSHORT SegmentNumber,
                                     PUCHAR BusNumber, PUCHAR FunctionNumber);
/* The six VF BARs as probed with all ones, PCI_TYPE0_ADDRESSES ULONGs. SUCCESS, FAILURE. PF, PASSIVE_LEVEL. */
NDIS_STATUS NdisMQueryProbedBars(NDIS_HANDLE NdisMiniportHandle, PULONG BaseRegisterValues);
/* Tells the VF's driver that the blocks of the mask (bit n: block n) changed. PF, at most DISPATCH_LEVEL. */
VOID NdisMInvalidateConfigBlock(NDIS_HANDLE NdisMiniportHandle, NDIS_SRIOV_FUNCTION_ID VFId, ULONGLONG BlockMask);
/* One configuration block, 1..128 bytes, from or to the PF driver; waits. SUCCESS, FAILURE. VF, at most APC_LEVEL. */
NDIS_STATUS NdisMReadConfigBlock(NDIS_HANDLE NdisMiniportHandle, ULONG BlockId, PVOID Buffer, ULONG Length);
NDIS_STATUS NdisMWriteConfigBlock(NDIS_HANDLE NdisMiniportHandle, ULONG BlockId, PVOID Buffer, ULONG Length);
#endif

#if NDIS_SUPPORT_NDIS620
typedef enum _NDIS_HYPERVISOR_PARTITION_TYPE {
    NdisHypervisorPartitionTypeUnknown,
    NdisHypervisorPartitionTypeMsHvParent,
    NdisHypervisorPartitionMsHvChild,
    NdisHypervisorPartitionTypeMax
} NDIS_HYPERVISOR_PARTITION_TYPE,
    *PNDIS_HYPERVISOR_PARTITION_TYPE;
#define NDIS_HYPERVISOR_INFO_FLAG_HYPERVISOR_PRESENT 0x00000001
#define NDIS_HYPERVISOR_INFO_REVISION_1              1
/* Whether there is a hypervisor and on which side of it we are. The caller fills the header. */
typedef struct _NDIS_HYPERVISOR_INFO {
    NDIS_OBJECT_HEADER Header;
    ULONG Flags;
    NDIS_HYPERVISOR_PARTITION_TYPE PartitionType;
} NDIS_HYPERVISOR_INFO, *PNDIS_HYPERVISOR_INFO;
#define NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_HYPERVISOR_INFO, PartitionType)
/* SUCCESS, BUFFER_TOO_SHORT. At most DISPATCH_LEVEL. */
NDIS_STATUS NdisGetHypervisorInfo(PNDIS_HYPERVISOR_INFO HypervisorInfo);
#endif

#if NDIS_SUPPORT_NDIS61
typedef enum _NDIS_MSIX_TABLE_OPERATION {
    NdisMSIXTableConfigSetTableEntry,
    NdisMSIXTableConfigMaskTableEntry,
    NdisMSIXTableConfigUnmaskTableEntry,
    NdisMSIXTableConfigMax
} NDIS_MSIX_TABLE_OPERATION,
    *PNDIS_MSIX_TABLE_OPERATION;
#define NDIS_MSIX_CONFIG_PARAMETERS_REVISION_1 1
/* Which message an MSI-X table entry sends, or whether it is masked. */
typedef struct _NDIS_MSIX_CONFIG_PARAMETERS {
    NDIS_OBJECT_HEADER Header;
    NDIS_MSIX_TABLE_OPERATION ConfigOperation;
    ULONG TableEntry;
    ULONG MessageNumber;
} NDIS_MSIX_CONFIG_PARAMETERS, *PNDIS_MSIX_CONFIG_PARAMETERS;
#define NDIS_SIZEOF_MSIX_CONFIG_PARAMETERS_REVISION_1 NDIS_SIZEOF_THROUGH(NDIS_MSIX_CONFIG_PARAMETERS, MessageNumber)
/* SUCCESS, INVALID_PARAMETER. Setting at most DISPATCH_LEVEL, masking at any. */
NDIS_STATUS NdisMConfigMSIXTableEntry(NDIS_HANDLE NdisMiniportHandle,
                                      PNDIS_MSIX_CONFIG_PARAMETERS MSIXConfigParameters);
#endif

/* Gives sent lists back, and indicates received ones. At most DISPATCH_LEVEL. */
VOID NdisMSendNetBufferListsComplete(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferLists,
                                     ULONG SendCompleteFlags);
VOID NdisMIndicateReceiveNetBufferLists(NDIS_HANDLE MiniportAdapterHandle, PNET_BUFFER_LIST NetBufferLists,
                                        NDIS_PORT_NUMBER PortNumber, ULONG NumberOfNetBufferLists, ULONG ReceiveFlags);

/* Identity of the adapter for Io routines. */
VOID NdisMGetDeviceProperty(NDIS_HANDLE MiniportAdapterHandle, PDEVICE_OBJECT *PhysicalDeviceObject,
                            PDEVICE_OBJECT *FunctionalDeviceObject, PDEVICE_OBJECT *NextDeviceObject,
                            PCM_RESOURCE_LIST *AllocatedResources, PCM_RESOURCE_LIST *AllocatedResourcesTranslated);
/* NDIS version of the host, as NDIS_MINIPORT_VERSION. */
ULONG NdisGetVersion(VOID);
/* Writes to the system's event log. At most DISPATCH_LEVEL. */
VOID NdisWriteErrorLogEntry(NDIS_HANDLE NdisAdapterHandle, ULONG ErrorCode, ULONG NumberOfErrorValues, ...);
#define NDIS_ERROR_CODE_RESOURCE_CONFLICT         ((ULONG)0xC0001388)
#define NDIS_ERROR_CODE_OUT_OF_RESOURCES          ((ULONG)0xC0001389)
#define NDIS_ERROR_CODE_HARDWARE_FAILURE          ((ULONG)0xC000138A)
#define NDIS_ERROR_CODE_ADAPTER_NOT_FOUND         ((ULONG)0xC000138B)
#define NDIS_ERROR_CODE_INTERRUPT_CONNECT         ((ULONG)0xC000138C)
#define NDIS_ERROR_CODE_DRIVER_FAILURE            ((ULONG)0xC000138D)
#define NDIS_ERROR_CODE_UNSUPPORTED_CONFIGURATION ((ULONG)0xC0001390)

VFPLANE_END_C

#endif
