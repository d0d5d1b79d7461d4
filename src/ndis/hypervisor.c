/* SPDX-License-Identifier: MIT
 *
 * NdisGetHypervisorInfo (ndis.md 5.9): how a miniport learns whether it is to be a PF or a VF.
 */
#include "ndis/internal.h"

static const struct {
    ULONG flags;
    NDIS_HYPERVISOR_PARTITION_TYPE type;
} by_role[] = {
    [NT_PARENT] = {NDIS_HYPERVISOR_INFO_FLAG_HYPERVISOR_PRESENT, NdisHypervisorPartitionTypeMsHvParent},
    [NT_CHILD] = {NDIS_HYPERVISOR_INFO_FLAG_HYPERVISOR_PRESENT, NdisHypervisorPartitionMsHvChild},
    [NT_BARE] = {0, NdisHypervisorPartitionTypeUnknown},
};

NDIS_EXPORT NDIS_STATUS NdisGetHypervisorInfo(PNDIS_HYPERVISOR_INFO HypervisorInfo)
{
    struct nt_partition *partition = nt_current();
    enum nt_role role = partition ? nt_partition_role(partition) : NT_BARE;

    if (!nt_irql_at_most(DISPATCH_LEVEL, "NdisGetHypervisorInfo") || nt_fault("NdisGetHypervisorInfo"))
        return NDIS_STATUS_FAILURE;
    if (!HypervisorInfo || HypervisorInfo->Header.Type != NDIS_OBJECT_TYPE_DEFAULT ||
        HypervisorInfo->Header.Revision < NDIS_HYPERVISOR_INFO_REVISION_1)
        return NDIS_STATUS_INVALID_PARAMETER;
    if (HypervisorInfo->Header.Size < NDIS_SIZEOF_HYPERVISOR_INFO_REVISION_1)
        return NDIS_STATUS_BUFFER_TOO_SHORT;
    HypervisorInfo->Flags = by_role[role].flags;
    HypervisorInfo->PartitionType = by_role[role].type;
    TRACE_NOTE("ndis", "NdisGetHypervisorInfo: partition type %u", HypervisorInfo->PartitionType);
    return NDIS_STATUS_SUCCESS;
}
