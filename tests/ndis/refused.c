/* SPDX-License-Identifier: MIT
 *
 * Routines that are called above their IRQL or on a handle that is none: each gives its documented failure and changes
 * nothing.
 */
#include "hardware_nic.h"

#define TAG 0x74736574

/* ---- on an adapter's handle: true: refused as documented ----------------------------------------------------------
 */

static bool device_property(struct nic *nic, NDIS_HANDLE handle)
{
    PDEVICE_OBJECT pdo = (PDEVICE_OBJECT)nic, before = pdo;

    NdisMGetDeviceProperty(handle, &pdo, NULL, NULL, NULL, NULL);
    return pdo == before;
}

static bool error_log(struct nic *nic, NDIS_HANDLE handle)
{
    (void)nic;
    NdisWriteErrorLogEntry(handle, NDIS_ERROR_CODE_HARDWARE_FAILURE, 0);
    return true;
}

static bool quiet(struct nic *nic)
{
    return !nic->log[0] && ndis_adapter_state(nic->adapter) == NDIS_RUNNING;
}

static bool reset(struct nic *nic, NDIS_HANDLE handle)
{
    NdisMResetMiniport(handle);
    return quiet(nic);
}

static bool removal(struct nic *nic, NDIS_HANDLE handle)
{
    NdisMRemoveMiniport(handle);
    return quiet(nic) && !nic_saw_rule(nic, "ADAPTER_FAILED WDK NdisMRemoveMiniport");
}

static bool completions(struct nic *nic, NDIS_HANDLE handle)
{
    NdisMPauseComplete(handle);
    NdisMRestartComplete(handle, NDIS_STATUS_SUCCESS);
    NdisMResetComplete(handle, NDIS_STATUS_SUCCESS, FALSE);
    NdisMOidRequestComplete(handle, NULL, NDIS_STATUS_SUCCESS);
    NdisMDirectOidRequestComplete(handle, NULL, NDIS_STATUS_SUCCESS);
    return quiet(nic) && !nic->completions && !nic_saw_rule(nic, "OID_NOT_PENDING");
}

static bool indication(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_STATUS_INDICATION given = {.StatusCode = NDIS_STATUS_LINK_STATE};

    nic_header(&given, 1, NDIS_SIZEOF_STATUS_INDICATION_REVISION_1);
    given.Header.Type = NDIS_OBJECT_TYPE_STATUS_INDICATION;
    NdisMIndicateStatusEx(handle, &given);
    return !nic->indications;
}

static bool traffic(struct nic *nic, NDIS_HANDLE handle)
{
    NET_BUFFER_LIST list = {0};

    NdisMIndicateReceiveNetBufferLists(handle, &list, NDIS_DEFAULT_PORT_NUMBER, 1, 0);
    NdisMSendNetBufferListsComplete(handle, &list, 0);
    return quiet(nic) && !nic_saw_rule(nic, "SEND_NOT_PENDING");
}

static bool attributes(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES given = {.MiniportAdapterContext = nic};

    nic_header(&given, 1, NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1);
    given.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    return NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&given) != NDIS_STATUS_SUCCESS;
}

static bool registers(struct nic *nic, NDIS_HANDLE handle)
{
    PVOID mapped = NULL;

    (void)nic;
    return NdisMMapIoSpace(&mapped, handle, at(0x1000), 16) == NDIS_STATUS_FAILURE && !mapped;
}

static bool ports(struct nic *nic, NDIS_HANDLE handle)
{
    PVOID first = NULL;

    (void)nic;
    return NdisMRegisterIoPortRange(&first, handle, 0x400, 4) == NDIS_STATUS_FAILURE && !first;
}

static bool memory(struct nic *nic, NDIS_HANDLE handle)
{
    PHYSICAL_ADDRESS address = at(1);
    PVOID mapped = nic;

    NdisMAllocateSharedMemory(handle, 64, TRUE, &mapped, &address);
    return !mapped && !address.QuadPart;
}

static bool memory_by_parameters(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_SHARED_MEMORY_PARAMETERS wanted = {.Length = 100};
    NDIS_HANDLE made = nic;

    nic_header(&wanted, 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2);
    return NdisAllocateSharedMemory(handle, &wanted, &made) == NDIS_STATUS_FAILURE && made == nic;
}

static bool dma(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_SG_DMA_DESCRIPTION given = hardware_dma;
    NDIS_HANDLE made = nic;

    return NdisMRegisterScatterGatherDma(handle, &given, &made) == NDIS_STATUS_FAILURE && made == nic;
}

static bool interrupts(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = hardware_line;
    NDIS_HANDLE made = nic;

    return NdisMRegisterInterruptEx(handle, nic, &given, &made) == NDIS_STATUS_FAILURE && made == nic;
}

static bool work_item(struct nic *nic, NDIS_HANDLE handle)
{
    (void)nic;
    return !NdisAllocateIoWorkItem(handle);
}

static VOID never(PVOID one, PVOID context, PVOID two, PVOID three)
{
    (void)one, (void)context, (void)two, (void)three;
    fail();
}

static bool timer(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_TIMER_CHARACTERISTICS given = {
        .Header = {NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1},
        .AllocationTag = TAG,
        .TimerFunction = never};
    NDIS_HANDLE made = nic;

    return NdisAllocateTimerObject(handle, &given, &made) == NDIS_STATUS_FAILURE && made == nic;
}

static bool rw_lock(struct nic *nic, NDIS_HANDLE handle)
{
    (void)nic;
    return !NdisAllocateRWLock(handle);
}

static bool msix(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_MSIX_CONFIG_PARAMETERS given = {.ConfigOperation = NdisMSIXTableConfigMaskTableEntry};

    (void)nic;
    nic_header(&given, 1, NDIS_SIZEOF_MSIX_CONFIG_PARAMETERS_REVISION_1);
    return NdisMConfigMSIXTableEntry(handle, &given) == NDIS_STATUS_INVALID_PARAMETER;
}

/* ---- on a binding's handle -----------------------------------------------------------------------------------------
 */

static bool requests(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_OID_REQUEST request;
    ULONG value;

    nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &value, sizeof value);
    request.RequestId = nic;
    return NdisOidRequest(handle, &request) == NDIS_STATUS_FAILURE &&
           NdisDirectOidRequest(handle, &request) == NDIS_STATUS_FAILURE &&
           NdisSynchronousOidRequest(handle, &request) == NDIS_STATUS_FAILURE && !nic->oids;
}

static bool waited_request(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_OID_REQUEST request;
    ULONG value;

    nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &value, sizeof value);
    return ndis_oid_wait(handle, &request, false) == NDIS_STATUS_FAILURE && !nic->oids;
}

static bool cancellations(struct nic *nic, NDIS_HANDLE handle)
{
    NdisCancelOidRequest(handle, nic);
    NdisCancelDirectOidRequest(handle, nic);
    return quiet(nic);
}

/* ---- on a configuration's handle -----------------------------------------------------------------------------------
 */

static bool keys(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;
    NDIS_HANDLE key = nic;
    NDIS_STRING name;

    RtlInitUnicodeString(&name, L"Key");
    NdisOpenConfigurationKeyByName(&status, handle, &name, &key);
    if (status != NDIS_STATUS_FAILURE || key != nic)
        return false;
    NdisOpenConfigurationKeyByIndex(&status, handle, 0, &name, &key);
    return status == NDIS_STATUS_FAILURE && key == nic;
}

static bool values(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_CONFIGURATION_PARAMETER given = {.ParameterType = NdisParameterInteger, .ParameterData.IntegerData = 8};
    PNDIS_CONFIGURATION_PARAMETER found = &given;
    NDIS_STATUS status = NDIS_STATUS_SUCCESS;
    UINT length = 7;
    PVOID address = nic;
    NDIS_STRING name;

    RtlInitUnicodeString(&name, L"Key\\Here");
    NdisReadConfiguration(&status, &found, handle, &name, NdisParameterInteger);
    if (status != NDIS_STATUS_FAILURE || found)
        return false;
    NdisWriteConfiguration(&status, handle, &name, &given);
    if (status != NDIS_STATUS_FAILURE)
        return false;
    NdisReadNetworkAddress(&status, &address, &length, handle);
    return status == NDIS_STATUS_FAILURE && address == nic && length == 0;
}

static bool closing(struct nic *nic, NDIS_HANDLE handle)
{
    (void)nic;
    NdisCloseConfiguration(handle);
    return true;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------
 */

enum on { ADAPTER, OBJECT, BINDING, CONFIGURATION };
static const char *const bad_handle[] = {"BAD_ADAPTER_HANDLE", "BAD_NDIS_HANDLE", "BAD_BINDING_HANDLE",
                                         "BAD_CONFIGURATION_HANDLE"};

static const struct row {
    const char *name;
    bool (*refused)(struct nic *nic, NDIS_HANDLE handle);
    enum on on;
    int maximum; /* IRQL; -1: any */
} rows[] = {
    {"NdisMGetDeviceProperty", device_property, ADAPTER, DISPATCH_LEVEL},
    {"NdisWriteErrorLogEntry", error_log, ADAPTER, DISPATCH_LEVEL},
    {"NdisMResetMiniport", reset, ADAPTER, DISPATCH_LEVEL},
    {"NdisMRemoveMiniport", removal, ADAPTER, DISPATCH_LEVEL},
    {"NdisM...Complete", completions, ADAPTER, DISPATCH_LEVEL},
    {"NdisMIndicateStatusEx", indication, ADAPTER, DISPATCH_LEVEL},
    {"NdisMIndicateReceiveNetBufferLists", traffic, ADAPTER, DISPATCH_LEVEL},
    {"NdisMSetMiniportAttributes", attributes, ADAPTER, PASSIVE_LEVEL},
    {"NdisMMapIoSpace", registers, ADAPTER, PASSIVE_LEVEL},
    {"NdisMRegisterIoPortRange", ports, ADAPTER, PASSIVE_LEVEL},
    {"NdisMAllocateSharedMemory", memory, ADAPTER, PASSIVE_LEVEL},
    {"NdisAllocateSharedMemory", memory_by_parameters, ADAPTER, PASSIVE_LEVEL},
    {"NdisMRegisterScatterGatherDma", dma, ADAPTER, PASSIVE_LEVEL},
    {"NdisMRegisterInterruptEx", interrupts, ADAPTER, PASSIVE_LEVEL},
    {"NdisMConfigMSIXTableEntry", msix, ADAPTER, -1},
    {"NdisAllocateIoWorkItem", work_item, OBJECT, DISPATCH_LEVEL},
    {"NdisAllocateTimerObject", timer, OBJECT, -1},
    {"NdisAllocateRWLock", rw_lock, OBJECT, -1},
    {"NdisOidRequest", requests, BINDING, DISPATCH_LEVEL},
    {"ndis_oid_wait", waited_request, BINDING, PASSIVE_LEVEL},
    {"NdisCancelOidRequest", cancellations, BINDING, DISPATCH_LEVEL},
    {"NdisOpenConfigurationKeyByName", keys, CONFIGURATION, PASSIVE_LEVEL},
    {"NdisReadConfiguration", values, CONFIGURATION, PASSIVE_LEVEL},
    {"NdisCloseConfiguration", closing, CONFIGURATION, PASSIVE_LEVEL},
};

static void above_its_irql_a_routine_is_refused(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + RTL_NUMBER_OF(rows); row++) {
        struct nic *nic = hardware_nic(2);
        NDIS_HANDLE configuration = hardware_configuration(nic);
        NDIS_HANDLE handles[] = {nic->handle, nic->handle, nic->binding, configuration};
        bool refused = true;
        KIRQL before;

        if (row->maximum >= 0) {
            KeRaiseIrql((KIRQL)(row->maximum + 1), &before);
            refused = row->refused(nic, handles[row->on]);
            KeLowerIrql(before);
            nt_drain_work(nic->partition);
        }
        if (!refused || (row->maximum >= 0 && !nic_saw_rule(nic, "IRQL_TOO_HIGH")))
            fail_msg("%s is not refused at IRQL %d", row->name, row->maximum + 1);
        NdisCloseConfiguration(configuration);
        nic_destroy(nic);
    }
}

static void on_a_handle_that_is_none_a_routine_is_refused(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + RTL_NUMBER_OF(rows); row++) {
        struct nic *nic = hardware_nic(2);
        bool refused = row->refused(nic, nic); /* the miniport's own context */

        nt_drain_work(nic->partition);
        if (!refused || !nic_saw_rule(nic, bad_handle[row->on]))
            fail_msg("%s is not refused on a handle that is none", row->name);
        nic_destroy(nic);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(above_its_irql_a_routine_is_refused),
        cmocka_unit_test(on_a_handle_that_is_none_a_routine_is_refused),
    };
    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
