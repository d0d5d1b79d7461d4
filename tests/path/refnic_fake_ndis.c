/* SPDX-License-Identifier: MIT
 *
 * The routines of the stand-in, as a driver module links to them. Each checks that it is not called under the driver's
 * lock; those that can fail do so when their turn has come.
 */
#include "refnic_fake_card.h"

#include <stdarg.h>
#include <stdlib.h>

/* ---- memory, locks, time, words
 * --------------------------------------------------------------------------------------- */

PVOID NdisAllocateMemoryWithTagPriority(NDIS_HANDLE adapter, UINT length, ULONG tag, EX_POOL_PRIORITY priority)
{
    (void)adapter, (void)tag, (void)priority;
    if (fake_fails("NdisAllocateMemoryWithTagPriority"))
        return NULL;
    fake->allocations++;
    void *memory = malloc(length);
    memset(memory, 0xA5, length);
    return memory;
}

VOID NdisFreeMemory(PVOID memory, UINT length, UINT flags)
{
    (void)length, (void)flags;
    fake_entered("NdisFreeMemory");
    fake->allocations--;
    free(memory);
}

VOID NdisAllocateSpinLock(PNDIS_SPIN_LOCK lock)
{
    (void)lock;
    fake->allocations++;
}

VOID NdisFreeSpinLock(PNDIS_SPIN_LOCK lock)
{
    (void)lock;
    fake_entered("NdisFreeSpinLock");
    fake->allocations--;
}

VOID NdisAcquireSpinLock(PNDIS_SPIN_LOCK lock)
{
    (void)lock;
    fake_entered("a lock inside a lock");
    fake->locks++;
}

VOID NdisReleaseSpinLock(PNDIS_SPIN_LOCK lock)
{
    (void)lock;
    fake->locks--;
}

VOID NdisMSleep(ULONG microseconds)
{
    (void)microseconds;
    fake_entered("NdisMSleep");
    fake->sleeps++;
}

ULONG DbgPrint(PCSTR format, ...)
{
    (void)format;
    return 0;
}

/* ---- registration
 * ------------------------------------------------------------------------------------------------------- */

NDIS_STATUS NdisMRegisterMiniportDriver(PDRIVER_OBJECT driver, PUNICODE_STRING path, NDIS_HANDLE context,
                                        PNDIS_MINIPORT_DRIVER_CHARACTERISTICS miniport, PNDIS_HANDLE out)
{
    (void)driver, (void)path, (void)context;
    if (fake_fails("NdisMRegisterMiniportDriver"))
        return NDIS_STATUS_RESOURCES;
    fake->miniport = *miniport;
    *out = &fake->miniport;
    return NDIS_STATUS_SUCCESS;
}

VOID NdisMDeregisterMiniportDriver(NDIS_HANDLE driver)
{
    if (driver != &fake->miniport)
        fake_mistake("NdisMDeregisterMiniportDriver with another handle");
}

static void take_hardware_assist(const NDIS_MINIPORT_ADAPTER_HARDWARE_ASSIST_ATTRIBUTES *given)
{
    fake->has_hardware = given->HardwareSriovCapabilities != NULL;
    fake->has_current = given->CurrentSriovCapabilities != NULL;
    if (fake->has_hardware)
        fake->sriov = *given->HardwareSriovCapabilities;
    if (given->HardwareNicSwitchCapabilities)
        fake->nic_switch = *given->HardwareNicSwitchCapabilities;
}

NDIS_STATUS NdisMSetMiniportAttributes(NDIS_HANDLE adapter, PNDIS_MINIPORT_ADAPTER_ATTRIBUTES attributes)
{
    const NDIS_OBJECT_HEADER *header = (const NDIS_OBJECT_HEADER *)attributes;
    (void)adapter;
    if (fake_fails("NdisMSetMiniportAttributes"))
        return NDIS_STATUS_RESOURCES;
    fake->attribute_order[fake->attribute_count++] = header->Type;
    if (header->Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES) {
        fake->context = attributes->RegistrationAttributes.MiniportAdapterContext;
    } else if (header->Type == NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_GENERAL_ATTRIBUTES) {
        fake->oid_count = attributes->GeneralAttributes.SupportedOidListLength / sizeof(NDIS_OID);
        memcpy(fake->oids, attributes->GeneralAttributes.SupportedOidList, fake->oid_count * sizeof(NDIS_OID));
        memcpy(fake->mac, attributes->GeneralAttributes.CurrentMacAddress, sizeof(fake->mac));
    } else {
        take_hardware_assist(&attributes->HardwareAssistAttributes);
    }
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS NdisGetHypervisorInfo(PNDIS_HYPERVISOR_INFO info)
{
    if (fake_fails("NdisGetHypervisorInfo"))
        return NDIS_STATUS_FAILURE;
    info->PartitionType = fake->partition;
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS NdisOpenConfigurationEx(PNDIS_CONFIGURATION_OBJECT object, PNDIS_HANDLE configuration)
{
    (void)object;
    if (fake_fails("NdisOpenConfigurationEx"))
        return NDIS_STATUS_FAILURE;
    fake->allocations++;
    *configuration = &fake->sriov_keyword;
    return NDIS_STATUS_SUCCESS;
}

VOID NdisReadConfiguration(PNDIS_STATUS status, PNDIS_CONFIGURATION_PARAMETER *parameter, NDIS_HANDLE configuration,
                           PNDIS_STRING keyword, NDIS_PARAMETER_TYPE type)
{
    static NDIS_CONFIGURATION_PARAMETER answer;
    int value = keyword->Buffer[1] == L'S' ? fake->sriov_keyword : fake->num_vfs_keyword;
    (void)configuration, (void)type;
    *status = value < 0 || fake_fails("NdisReadConfiguration") ? NDIS_STATUS_FAILURE : NDIS_STATUS_SUCCESS;
    answer.ParameterType = NdisParameterInteger;
    answer.ParameterData.IntegerData = (ULONG)value;
    *parameter = &answer;
}

VOID NdisCloseConfiguration(NDIS_HANDLE configuration)
{
    (void)configuration;
    fake->allocations--;
}

/* ---- the card
 * ----------------------------------------------------------------------------------------------------------- */

/* How many bytes of an access go through. */
static ULONG allowed(const char *routine, ULONG length)
{
    if (fake_fails(routine) || fake->gone)
        return 0;
    return fake->short_transfer ? length - 1 : length;
}

ULONG NdisMGetBusData(NDIS_HANDLE adapter, ULONG space, ULONG offset, PVOID buffer, ULONG length)
{
    (void)adapter, (void)space;
    length = allowed("NdisMGetBusData", length);
    memcpy(buffer, fake->config + offset, length);
    return length;
}

ULONG NdisMSetBusData(NDIS_HANDLE adapter, ULONG space, ULONG offset, PVOID buffer, ULONG length)
{
    (void)adapter, (void)space;
    length = allowed("NdisMSetBusData", length);
    fake_write(fake->config, offset, buffer, length);
    return length;
}

ULONG NdisMGetVirtualFunctionBusData(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset,
                                     ULONG length)
{
    (void)adapter;
    if (vf >= fake->num_vfs)
        return 0;
    length = allowed("NdisMGetVirtualFunctionBusData", length);
    memcpy(buffer, fake->vf_config[vf] + offset, length);
    return length;
}

ULONG NdisMSetVirtualFunctionBusData(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PVOID buffer, ULONG offset,
                                     ULONG length)
{
    (void)adapter;
    if (vf >= fake->num_vfs)
        return 0;
    length = allowed("NdisMSetVirtualFunctionBusData", length);
    fake_write(fake->vf_config[vf], offset, buffer, length);
    return length;
}

NDIS_STATUS NdisMEnableVirtualization(NDIS_HANDLE adapter, USHORT num_vfs, BOOLEAN migration, BOOLEAN interrupt,
                                      BOOLEAN enable)
{
    (void)adapter;
    if (migration || interrupt || (!enable && num_vfs))
        fake_mistake("NdisMEnableVirtualization with bad arguments");
    if (fake_fails("NdisMEnableVirtualization") || fake->gone || !enable == !fake->num_vfs)
        return NDIS_STATUS_FAILURE;
    fake_enable(num_vfs);
    return NDIS_STATUS_SUCCESS;
}

NDIS_STATUS NdisMQueryProbedBars(NDIS_HANDLE adapter, PULONG bars)
{
    const ULONG values[PCI_TYPE0_ADDRESSES] = {~(FAKE_BAR_SIZE - 1) | 0xC, MAXULONG, 0,
                                               ~(FAKE_BAR_SIZE - 1) | 0xC, MAXULONG, 0};
    (void)adapter;
    if (fake_fails("NdisMQueryProbedBars"))
        return NDIS_STATUS_FAILURE;
    memcpy(bars, values, sizeof(values));
    return NDIS_STATUS_SUCCESS;
}

VOID NdisMGetVirtualFunctionLocation(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, PUSHORT segment, PUCHAR bus,
                                     PUCHAR function)
{
    (void)adapter;
    bool fails = fake_fails("NdisMGetVirtualFunctionLocation");
    *segment = fails ? 0xFFFF : 0;
    *bus = fails ? 0xFF : 1;
    *function = fails ? 0xFF : (UCHAR)(0x80 + 2 * vf);
}

/* ---- between PF, VF and the stack above
 * --------------------------------------------------------------------------------- */

VOID NdisMInvalidateConfigBlock(NDIS_HANDLE adapter, NDIS_SRIOV_FUNCTION_ID vf, ULONGLONG mask)
{
    (void)adapter;
    fake_entered("NdisMInvalidateConfigBlock");
    fake->invalidated[vf] |= mask;
}

NDIS_STATUS NdisMReadConfigBlock(NDIS_HANDLE adapter, ULONG block, PVOID buffer, ULONG length)
{
    (void)adapter;
    return fake_fails("NdisMReadConfigBlock") || !fake->block_read ? NDIS_STATUS_FAILURE
                                                                   : fake->block_read(block, buffer, length);
}

NDIS_STATUS NdisMWriteConfigBlock(NDIS_HANDLE adapter, ULONG block, PVOID buffer, ULONG length)
{
    (void)adapter;
    return fake_fails("NdisMWriteConfigBlock") || !fake->block_write ? NDIS_STATUS_FAILURE
                                                                     : fake->block_write(block, buffer, length);
}

VOID NdisMIndicateStatusEx(NDIS_HANDLE adapter, PNDIS_STATUS_INDICATION indication)
{
    (void)adapter;
    fake_entered("NdisMIndicateStatusEx");
    if (indication->StatusCode != NDIS_STATUS_LINK_STATE || indication->StatusBufferSize < sizeof(fake->indicated))
        return;
    fake->indications++;
    memcpy(&fake->indicated, indication->StatusBuffer, sizeof(fake->indicated));
}

VOID NdisMSendNetBufferListsComplete(NDIS_HANDLE adapter, PNET_BUFFER_LIST lists, ULONG flags)
{
    (void)adapter, (void)flags;
    fake_entered("NdisMSendNetBufferListsComplete");
    fake->completed = lists;
}
