/* SPDX-License-Identifier: MIT
 *
 * Each allocation and each thread that NDIS asks for is refused once: the routine or the request gives its documented
 * failure, nothing is left behind, and the adapter goes on.
 */
#include "nic.h"
#include "scarce.h"

#define TAG 0x74736574

/* Each does a thing and undoes it; false: it failed as documented. */

static bool comes_up(struct nic *nic)
{
    static const struct ndis_overlying overlying = {.name = "test"};

    if (!NT_SUCCESS(nic_load(nic))) {
        nic->driver = NULL;
        return false;
    }
    return NT_SUCCESS(nic_add(nic)) && NT_SUCCESS(nt_pnp_start(nic->bus->pdo)) &&
           ndis_open(nic->adapter, &overlying, nic, &nic->binding) == NDIS_STATUS_SUCCESS;
}

static bool creates_a_switch(struct nic *nic)
{
    NDIS_STATUS status = ndis_switch_create(nic->adapter, 4);

    if (status == NDIS_STATUS_SUCCESS)
        return ndis_switch_delete(nic->adapter) == NDIS_STATUS_SUCCESS;
    assert_int_equal(status, NDIS_STATUS_RESOURCES);
    return false;
}

static bool done(NDIS_STATUS status)
{
    if (status != NDIS_STATUS_SUCCESS)
        assert_int_equal(status, NDIS_STATUS_RESOURCES);
    return status == NDIS_STATUS_SUCCESS;
}

static bool allocates_a_vf(struct nic *nic)
{
    unsigned before = nic->oids;
    USHORT vf = 77;

    if (!done(nic_allocate_vf(nic, &vf))) {
        assert_int_equal(nic->oids, before); /* what the miniport had given nobody could free */
        assert_int_equal(vf, NDIS_INVALID_VF_FUNCTION_ID);
        return false;
    }
    return done(nic_free_vf(nic, vf));
}

static bool creates_a_vport(struct nic *nic)
{
    unsigned before = nic->oids;
    ULONG vport = 77;

    if (!done(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, &vport))) {
        assert_int_equal(nic->oids, before);
        assert_int_equal(vport, 0);
        return false;
    }
    return done(nic_delete_vport(nic, vport));
}

static bool clears_filter(struct nic *nic, ULONG id)
{
    NDIS_RECEIVE_FILTER_CLEAR_PARAMETERS clear = {.FilterId = id};

    nic_header(&clear, 1, NDIS_SIZEOF_RECEIVE_FILTER_CLEAR_PARAMETERS_REVISION_1);
    return done(nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_CLEAR_FILTER, &clear, sizeof clear));
}

static bool sets_and_moves_a_filter(struct nic *nic)
{
    NDIS_RECEIVE_FILTER_PARAMETERS set = nic_filter_parameters(0);
    NDIS_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS move = {0};
    unsigned before = nic->oids;
    NDIS_STATUS moved;

    if (!done(nic_send(nic, NdisRequestMethod, OID_RECEIVE_FILTER_SET_FILTER, &set, sizeof set))) {
        assert_int_equal(nic->oids, before);
        return false;
    }
    nic_header(&move, 1, NDIS_SIZEOF_RECEIVE_FILTER_MOVE_FILTER_PARAMETERS_REVISION_1);
    move.FilterId = set.FilterId;
    move.DestVPortId = *(ULONG *)nic->user;
    moved = nic_send(nic, NdisRequestSetInformation, OID_RECEIVE_FILTER_MOVE_FILTER, &move, sizeof move);
    return clears_filter(nic, set.FilterId) && done(moved);
}

static bool waits_for_a_request(struct nic *nic)
{
    NDIS_OID_REQUEST request;
    ULONG value;

    nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &value, sizeof value);
    return done(ndis_oid_wait(nic->binding, &request, false));
}

static bool opens_a_binding(struct nic *nic)
{
    static const struct ndis_overlying overlying = {.name = "second"};
    NDIS_HANDLE binding = nic;

    if (!done(ndis_open(nic->adapter, &overlying, nic, &binding)))
        return false;
    ndis_close(binding);
    return true;
}

static bool opens_and_reads_a_configuration(struct nic *nic)
{
    NDIS_CONFIGURATION_OBJECT object = {
        .Header = {NDIS_OBJECT_TYPE_CONFIGURATION_OBJECT, 1, NDIS_SIZEOF_CONFIGURATION_OBJECT_REVISION_1},
        .NdisHandle = nic->handle};
    PNDIS_CONFIGURATION_PARAMETER value = NULL;
    NDIS_HANDLE configuration = NULL, key = NULL;
    NDIS_STRING name;
    NDIS_STATUS status;
    bool all = false;

    if (!done(NdisOpenConfigurationEx(&object, &configuration))) {
        assert_null(configuration);
        return false;
    }
    RtlInitUnicodeString(&name, L"Here");
    NdisReadConfiguration(&status, &value, configuration, &name, NdisParameterString);
    assert_true((status == NDIS_STATUS_SUCCESS) == (value != NULL));
    if (status == NDIS_STATUS_SUCCESS) {
        RtlInitUnicodeString(&name, L"Key");
        NdisOpenConfigurationKeyByName(&status, configuration, &name, &key);
        all = done(status);
        if (all)
            NdisCloseConfiguration(key);
    }
    NdisCloseConfiguration(configuration);
    return all;
}

static bool sets_a_keyword(struct nic *nic)
{
    bool set = ndis_set_keyword(nic->partition, "Another", "1");

    ndis_set_keyword(nic->partition, "Another", NULL);
    return set;
}

static bool takes_memory(struct nic *nic)
{
    PVOID memory = NULL;
    PMDL mdl;

    if (!done(NdisAllocateMemoryWithTag(&memory, 100, TAG))) {
        assert_null(memory);
        return false;
    }
    mdl = NdisAllocateMdl(nic->handle, memory, 100);
    if (mdl)
        NdisFreeMdl(mdl);
    NdisFreeMemory(memory, 0, 0);
    return mdl;
}

static bool makes_a_lock(struct nic *nic)
{
    PNDIS_RW_LOCK_EX lock = NdisAllocateRWLock(nic->handle);

    if (lock)
        NdisFreeRWLock(lock);
    return lock;
}

static bool makes_a_work_item(struct nic *nic)
{
    NDIS_HANDLE item = NdisAllocateIoWorkItem(nic->handle);

    if (item)
        NdisFreeIoWorkItem(item);
    return item;
}

static VOID never(PVOID one, PVOID context, PVOID two, PVOID three)
{
    (void)one, (void)context, (void)two, (void)three;
    fail();
}

static bool makes_a_timer(struct nic *nic)
{
    NDIS_TIMER_CHARACTERISTICS given = {
        .Header = {NDIS_OBJECT_TYPE_TIMER_CHARACTERISTICS, 1, NDIS_SIZEOF_TIMER_CHARACTERISTICS_REVISION_1},
        .AllocationTag = TAG,
        .TimerFunction = never};
    NDIS_HANDLE timer;

    if (!done(NdisAllocateTimerObject(nic->handle, &given, &timer)))
        return false;
    NdisFreeTimerObject(timer);
    return true;
}

static bool copies_a_request(struct nic *nic)
{
    NDIS_OID_REQUEST request;
    PNDIS_OID_REQUEST clone = NULL;
    ULONG value;

    nic_request(&request, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &value, sizeof value);
    if (!done(NdisAllocateCloneOidRequest(nic->handle, &request, TAG, &clone))) {
        assert_null(clone);
        return false;
    }
    NdisFreeCloneOidRequest(nic->handle, clone);
    return true;
}

/* ---- hardware ------------------------------------------------------------------------------------------------------
 */

static PHYSICAL_ADDRESS at(LONGLONG address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = address};
}

static bool maps_registers(struct nic *nic)
{
    PVOID mapped = NULL;

    if (!done(NdisMMapIoSpace(&mapped, nic->handle, at(0x1000), 0x1000))) {
        assert_null(mapped);
        return false;
    }
    NdisMUnmapIoSpace(nic->handle, mapped, 0x1000);
    return true;
}

static bool registers_ports(struct nic *nic)
{
    PVOID ports = NULL;

    if (!done(NdisMRegisterIoPortRange(&ports, nic->handle, 0x400, 0x40))) {
        assert_null(ports);
        return false;
    }
    NdisMDeregisterIoPortRange(nic->handle, 0x400, 0x40, ports);
    return true;
}

static bool shares_memory(struct nic *nic)
{
    NDIS_SHARED_MEMORY_PARAMETERS wanted = {.Length = 100};
    NDIS_PHYSICAL_ADDRESS address;
    NDIS_HANDLE handle;
    PVOID memory = NULL;

    NdisMAllocateSharedMemory(nic->handle, 64, TRUE, &memory, &address);
    if (!memory)
        return false;
    NdisMFreeSharedMemory(nic->handle, 64, TRUE, memory, address);
    nic_header(&wanted, 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2);
    if (!done(NdisAllocateSharedMemory(nic->handle, &wanted, &handle)))
        return false;
    NdisFreeSharedMemory(nic->handle, handle);
    return true;
}

static VOID process_list(PDEVICE_OBJECT device, PVOID reserved, PSCATTER_GATHER_LIST list, PVOID context)
{
    (void)device, (void)reserved, (void)list, (void)context;
}

static bool registers_dma(struct nic *nic)
{
    NDIS_SG_DMA_DESCRIPTION dma = {
        .Header = {NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, 1, NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1},
        .MaximumPhysicalMapping = 65536,
        .ProcessSGListHandler = process_list};
    NDIS_HANDLE handle;

    if (!done(NdisMRegisterScatterGatherDma(nic->handle, &dma, &handle)))
        return false;
    NdisMDeregisterScatterGatherDma(handle);
    return true;
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

static BOOLEAN message_isr(NDIS_HANDLE context, ULONG message, PBOOLEAN queue, PULONG targets)
{
    (void)message;
    return isr(context, queue, targets);
}

static VOID message_dpc(NDIS_HANDLE context, ULONG message, PVOID argument, PVOID throttle, PVOID reserved)
{
    (void)message;
    dpc(context, argument, throttle, reserved);
}

static bool registers_interrupts(struct nic *nic)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
        .InterruptHandler = isr,
        .InterruptDpcHandler = dpc,
        .MsiSupported = TRUE,
        .MessageInterruptHandler = message_isr,
        .MessageInterruptDpcHandler = message_dpc};
    NDIS_HANDLE handle;

    if (!done(NdisMRegisterInterruptEx(nic->handle, nic, &given, &handle)))
        return false;
    NdisMDeregisterInterruptEx(handle);
    return true;
}

/* ---- rows ----------------------------------------------------------------------------------------------------------
 */

enum when { CREATED, RUNNING, WITH_SWITCH };

static const struct row {
    const char *name;
    bool (*run)(struct nic *nic);
    enum when when;
    unsigned calls; /* that can fail */
} rows[] = {
    {"load, add, start", comes_up, CREATED, 11},
    {"ndis_switch_create", creates_a_switch, RUNNING, 3},
    {"OID_NIC_SWITCH_ALLOCATE_VF", allocates_a_vf, WITH_SWITCH, 3},
    {"OID_NIC_SWITCH_CREATE_VPORT", creates_a_vport, WITH_SWITCH, 1},
    {"OID_RECEIVE_FILTER_SET_FILTER, MOVE_FILTER", sets_and_moves_a_filter, WITH_SWITCH, 5},
    {"ndis_oid_wait", waits_for_a_request, RUNNING, 1},
    {"ndis_open", opens_a_binding, RUNNING, 1},
    {"NdisOpenConfigurationEx", opens_and_reads_a_configuration, RUNNING, 4},
    {"ndis_set_keyword", sets_a_keyword, RUNNING, 2},
    {"NdisAllocateMemoryWithTag, NdisAllocateMdl", takes_memory, RUNNING, 4},
    {"NdisAllocateRWLock", makes_a_lock, RUNNING, 2},
    {"NdisAllocateIoWorkItem", makes_a_work_item, RUNNING, 3},
    {"NdisAllocateTimerObject", makes_a_timer, RUNNING, 2},
    {"NdisAllocateCloneOidRequest", copies_a_request, RUNNING, 2},
    {"NdisMMapIoSpace", maps_registers, RUNNING, 3},
    {"NdisMRegisterIoPortRange", registers_ports, RUNNING, 1},
    {"NdisMAllocateSharedMemory, NdisAllocateSharedMemory", shares_memory, RUNNING, 6},
    {"NdisMRegisterScatterGatherDma", registers_dma, RUNNING, 1},
    {"NdisMRegisterInterruptEx", registers_interrupts, RUNNING, 3},
};

static void prepare(struct nic *nic, enum when when, ULONG *vport)
{
    nic->user = vport;
    nic->bus->bars = 2;
    nic->bus->messages = 2;
    nic->bus->ports = 1;
    ndis_set_keyword(nic->partition, "Here", "text");
    if (when == CREATED)
        return;
    assert_true(comes_up(nic));
    if (when == WITH_SWITCH) {
        assert_int_equal(ndis_switch_create(nic->adapter, 4), NDIS_STATUS_SUCCESS);
        assert_int_equal(nic_create_vport(nic, NDIS_PF_FUNCTION_ID, vport), NDIS_STATUS_SUCCESS);
    }
}

/* After a failure the same is done again, and succeeds. */
static bool attempt(void *context)
{
    const struct row *row = context;
    unsigned armed = scarce_countdown;
    ULONG vport;
    struct nic *nic;

    scarce_countdown = 0;
    nic = nic_create(FAKE_HOST);
    prepare(nic, row->when, &vport);
    scarce_countdown = armed;
    bool succeeded = row->run(nic);
    armed = scarce_countdown;
    scarce_countdown = 0;
    if (row->when != CREATED && !row->run(nic))
        fail_msg("%s: nothing works any more", row->name);
    nic_destroy(nic);
    scarce_countdown = armed;
    return succeeded;
}

static void each_call_that_can_fail_fails_once(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + RTL_NUMBER_OF(rows); row++) {
        unsigned calls = scarce_each(attempt, (void *)row);

        if (calls != row->calls)
            fail_msg("%s: %u calls failed, not %u", row->name, calls, row->calls);
    }
}

/* Once a thread of the partition works, a device that has failed is ended without memory. */
static void a_reset_and_a_removal_need_no_memory(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);

    (void)state;
    scarce_no_threads = true; /* none works yet: nothing comes of it, and it can be asked again */
    NdisMResetMiniport(nic->handle);
    NdisMRemoveMiniport(nic->handle);
    scarce_no_threads = false;
    nt_drain_work(nic->partition);
    assert_string_equal(nic->log, "");
    assert_true(nt_work_promise(nic->partition));
    scarce_no_memory = true;
    scarce_no_threads = true;
    NdisMResetMiniport(nic->handle);
    scarce_no_memory = false;
    scarce_no_threads = false;
    nt_drain_work(nic->partition);
    assert_string_equal(nic->log, "reset ");
    scarce_no_memory = true;
    scarce_no_threads = true;
    NdisMRemoveMiniport(nic->handle);
    NdisMRemoveMiniport(nic->handle); /* asked twice, done once */
    scarce_no_memory = false;
    scarce_no_threads = false;
    nt_drain_work(nic->partition);
    assert_string_equal(nic->log, "reset event:2 ");
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_can_fail_fails_once),
        cmocka_unit_test(a_reset_and_a_removal_need_no_memory),
    };
    return cmocka_run_group_tests_name("no_memory", tests, NULL, NULL);
}
