/* SPDX-License-Identifier: MIT
 *
 * Routines that are called above their IRQL, on a handle that is none, or without an argument they need: each gives its
 * documented failure and changes nothing.
 */
#include "nic.h"

#define TAG 0x74736574

static PHYSICAL_ADDRESS at(LONGLONG address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = address};
}

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

static VOID process_list(PDEVICE_OBJECT device, PVOID reserved, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)reserved, (void)list, (void)context;
}

static bool dma(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_SG_DMA_DESCRIPTION given = {
        .Header = {NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, 1, NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1},
        .ProcessSGListHandler = process_list};
    NDIS_HANDLE made = nic;

    return NdisMRegisterScatterGatherDma(handle, &given, &made) == NDIS_STATUS_FAILURE && made == nic;
}

static BOOLEAN isr(NDIS_HANDLE context, PBOOLEAN queue, PULONG targets)
{
    (void)context, (void)queue, (void)targets;
    return FALSE;
}

static VOID dpc(NDIS_HANDLE context, PVOID argument, PVOID throttle, PVOID reserved)
{
    (void)context, (void)argument, (void)throttle, (void)reserved;
}

static bool interrupts(struct nic *nic, NDIS_HANDLE handle)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
        .InterruptHandler = isr,
        .InterruptDpcHandler = dpc};
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

static struct nic *hardware_nic(void)
{
    struct nic *nic = nic_create(FAKE_HOST);

    nic->bus->bars = 2;
    nic->bus->messages = 2;
    nic->bus->ports = 1;
    ndis_set_keyword(nic->partition, "Key\\Here", "7");
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    nic_clear_log(nic);
    return nic;
}

static NDIS_HANDLE open_configuration(struct nic *nic)
{
    NDIS_CONFIGURATION_OBJECT object = {
        .Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, 1, NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
        .NdisHandle = nic->handle};
    NDIS_HANDLE handle;

    assert_int_equal(NdisOpenConfigurationEx(&object, &handle), NDIS_STATUS_SUCCESS);
    return handle;
}

static void above_its_irql_a_routine_is_refused(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + RTL_NUMBER_OF(rows); row++) {
        struct nic *nic = hardware_nic();
        NDIS_HANDLE configuration = open_configuration(nic);
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
        struct nic *nic = hardware_nic();
        bool refused = row->refused(nic, nic); /* the miniport's own context */

        nt_drain_work(nic->partition);
        if (!refused || !nic_saw_rule(nic, bad_handle[row->on]))
            fail_msg("%s is not refused on a handle that is none", row->name);
        nic_destroy(nic);
    }
}

/* ---- giving back ---------------------------------------------------------------------------------------------------
 */

static void hardware_is_given_back_at_passive_level_only(void **state)
{
    struct nic *nic = hardware_nic();
    NDIS_SHARED_MEMORY_PARAMETERS wanted = {.Length = 100};
    NDIS_SG_DMA_DESCRIPTION description = {
        .Header = {NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, 1, NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1},
        .ProcessSGListHandler = process_list};
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS line = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
        .InterruptHandler = isr,
        .InterruptDpcHandler = dpc};
    NDIS_HANDLE shared, lists, interrupt;
    PVOID mapped, first, plain;
    PHYSICAL_ADDRESS address;
    uint64_t broken;
    KIRQL before;

    (void)state;
    nic_header(&wanted, 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2);
    assert_int_equal(NdisMMapIoSpace(&mapped, nic->handle, at(0x1000), 16), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMRegisterIoPortRange(&first, nic->handle, 0x400, 4), NDIS_STATUS_SUCCESS);
    NdisMAllocateSharedMemory(nic->handle, 64, TRUE, &plain, &address);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, &shared), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &description, &lists), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &line, &interrupt), NDIS_STATUS_SUCCESS);
    for (unsigned round = 0; round < 2; round++) {
        KeRaiseIrql(round == 0 ? DISPATCH_LEVEL : PASSIVE_LEVEL, &before);
        broken = nt_violations(nic->partition);
        NdisMUnmapIoSpace(nic->handle, mapped, 16);
        NdisMDeregisterIoPortRange(nic->handle, 0x400, 4, first);
        NdisMFreeSharedMemory(nic->handle, 64, TRUE, plain, address);
        NdisFreeSharedMemory(nic->handle, shared);
        NdisMDeregisterScatterGatherDma(lists);
        NdisMDeregisterInterruptEx(interrupt);
        assert_int_equal(nt_violations(nic->partition) - broken, round == 0 ? 6 : 0);
        KeLowerIrql(before);
    }
    assert_false(nic_saw_rule(nic, "HARDWARE_NOT_CLAIMED"));
    nic_destroy(nic);
}

/* ---- missing arguments ---------------------------------------------------------------------------------------------
 */

static void hardware_needs_its_arguments(void **state)
{
    struct nic *nic = hardware_nic();
    NDIS_SHARED_MEMORY_PARAMETERS wanted = {.Length = 100};
    NDIS_SG_DMA_DESCRIPTION description = {
        .Header = {NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, 1, NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1},
        .ProcessSGListHandler = process_list};
    NDIS_HANDLE made = nic;

    (void)state;
    assert_int_equal(NdisMMapIoSpace(NULL, nic->handle, at(0x1000), 16), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterIoPortRange(NULL, nic->handle, 0x400, 4), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, NULL, &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, &made), NDIS_STATUS_FAILURE); /* no header */
    nic_header(&wanted, 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2);
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, NULL), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, NULL, &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &description, NULL), NDIS_STATUS_FAILURE);
    description.Header.Size--;
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &description, &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMConfigMSIXTableEntry(nic->handle, NULL), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(NdisMConfigMSIXTableEntry(nic->handle, &(NDIS_MSIX_CONFIG_PARAMETERS){0}),
                     NDIS_STATUS_INVALID_PARAMETER);
    assert_ptr_equal(made, nic);
    nic_destroy(nic);
}

static void an_interrupt_needs_each_of_its_handlers(void **state)
{
    const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS good = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
        .InterruptHandler = isr,
        .InterruptDpcHandler = dpc};
    struct nic *nic = hardware_nic();
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given[3] = {good, good, good};
    NDIS_HANDLE made = nic;

    (void)state;
    given[0].InterruptHandler = NULL;
    given[1].InterruptDpcHandler = NULL;
    given[2].Header.Type = NDIS_OBJECT_TYPE_DEFAULT;
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[i], &made), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, NULL, &made), NDIS_STATUS_FAILURE);
    given[0] = good;
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[0], NULL), NDIS_STATUS_FAILURE);
    assert_ptr_equal(made, nic);
    /* Messages need both of their own: without them the line is taken. */
    given[0].MsiSupported = TRUE;
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[0], &made), NDIS_STATUS_SUCCESS);
    assert_int_equal(given[0].InterruptType, NDIS_CONNECT_LINE_BASED);
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given[0], &made), NDIS_STATUS_RESOURCE_CONFLICT);
    NdisMDeregisterInterruptEx(made);
    nic_destroy(nic);
}

static void a_configuration_needs_its_arguments(void **state)
{
    struct nic *nic = hardware_nic();
    NDIS_CONFIGURATION_OBJECT object = {.NdisHandle = nic->handle};
    NDIS_HANDLE configuration = open_configuration(nic), none = nic;
    NDIS_CONFIGURATION_PARAMETER given = {.ParameterType = NdisParameterInteger}, *found = &given;
    WCHAR text[300];
    NDIS_STRING name = {sizeof text, sizeof text, text};
    NDIS_STATUS status;

    (void)state;
    for (unsigned i = 0; i < RTL_NUMBER_OF(text); i++)
        text[i] = L'x';
    assert_int_equal(NdisOpenConfigurationEx(NULL, &none), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisOpenConfigurationEx(&object, &none), NDIS_STATUS_FAILURE); /* no header */
    assert_int_equal(NdisOpenConfigurationEx(&object, NULL), NDIS_STATUS_FAILURE);
    assert_ptr_equal(none, nic);
    NdisReadConfiguration(&status, &found, configuration, NULL, NdisParameterInteger);
    assert_true(status == NDIS_STATUS_FAILURE && !found);
    NdisReadConfiguration(&status, &found, configuration, &name, NdisParameterInteger); /* longer than any keyword */
    assert_true(status == NDIS_STATUS_FAILURE && !found);
    NdisOpenConfigurationKeyByName(&status, configuration, &name, &none);
    assert_true(status == NDIS_STATUS_FAILURE && none == nic);
    NdisWriteConfiguration(&status, configuration, NULL, &given);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    NdisWriteConfiguration(&status, configuration, &name, &given);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    RtlInitUnicodeString(&name, L"Key\\Here");
    NdisWriteConfiguration(&status, configuration, &name, NULL);
    assert_int_equal(status, NDIS_STATUS_FAILURE);
    NdisReadConfiguration(&status, &found, configuration, &name, NdisParameterInteger);
    assert_int_equal(found->ParameterData.IntegerData, 7); /* as it was */
    NdisCloseConfiguration(configuration);
    nic_destroy(nic);
}

static void strings_need_both_and_passive_level(void **state)
{
    struct nic *nic = hardware_nic();
    WCHAR wide[4] = {9};
    char narrow[4] = {9};
    NDIS_STRING to = {0, sizeof wide, wide}, from;
    ANSI_STRING back = {0, sizeof narrow, narrow}, source = {2, 2, (PCHAR) "ab"};
    KIRQL before;

    (void)state;
    RtlInitUnicodeString(&from, L"abcd");
    assert_int_equal(NdisAnsiStringToUnicodeString(NULL, &source), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisAnsiStringToUnicodeString(&to, NULL), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(NULL, &from), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(&back, NULL), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(&back, &from), NDIS_STATUS_FAILURE); /* one too long */
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    assert_int_equal(NdisAnsiStringToUnicodeString(&to, &source), NDIS_STATUS_FAILURE);
    assert_int_equal(NdisUnicodeStringToAnsiString(&back, &from), NDIS_STATUS_FAILURE);
    KeLowerIrql(before);
    assert_true(to.Length == 0 && wide[0] == 9 && back.Length == 0 && narrow[0] == 9);
    assert_true(nic_saw_rule(nic, "IRQL_TOO_HIGH"));
    nic_destroy(nic);
}

static void a_timer_needs_a_function_and_a_header(void **state)
{
    struct nic *nic = hardware_nic();
    NDIS_TIMER_CHARACTERISTICS given = {.AllocationTag = TAG, .TimerFunction = never};
    NDIS_HANDLE made = nic;

    (void)state;
    assert_int_equal(NdisAllocateTimerObject(nic->handle, &given, &made), NDIS_STATUS_FAILURE);
    given.Header =
        (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1};
    given.TimerFunction = NULL;
    assert_int_equal(NdisAllocateTimerObject(nic->handle, &given, &made), NDIS_STATUS_FAILURE);
    assert_ptr_equal(made, nic);
    NdisFreeTimerObject(nic); /* no timer */
    assert_true(nic_saw_rule(nic, "POOL_BAD_FREE"));
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(above_its_irql_a_routine_is_refused),
        cmocka_unit_test(on_a_handle_that_is_none_a_routine_is_refused),
        cmocka_unit_test(hardware_is_given_back_at_passive_level_only),
        cmocka_unit_test(hardware_needs_its_arguments),
        cmocka_unit_test(an_interrupt_needs_each_of_its_handlers),
        cmocka_unit_test(a_configuration_needs_its_arguments),
        cmocka_unit_test(strings_need_both_and_passive_level),
        cmocka_unit_test(a_timer_needs_a_function_and_a_header),
    };
    return cmocka_run_group_tests_name("refused", tests, NULL, NULL);
}
