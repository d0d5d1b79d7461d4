/* SPDX-License-Identifier: MIT
 *
 * Hardware of a miniport: registers, ports, shared memory, DMA (ndis.md 5.14), and that all of it is given back.
 */
#include "hardware_nic.h"

static NDIS_STATUS (*in_initialize)(struct nic *nic);

/* The fixture sets its attributes after on_initialize; hardware needs the first of them before. */
static NDIS_STATUS claim(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    NDIS_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES registration = {0};

    (void)parameters;
    nic_header(&registration, 1, NDIS_SIZEOF_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES_REVISION_1);
    registration.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADAPTER_REGISTRATION_ATTRIBUTES;
    registration.MiniportAdapterContext = nic;
    assert_int_equal(NdisMSetMiniportAttributes(nic->handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&registration),
                     NDIS_STATUS_SUCCESS);
    return in_initialize ? in_initialize(nic) : NDIS_STATUS_SUCCESS;
}

/* ---- registers, ports, memory ------------------------------------------------------------------------------------ */

static void registers_are_mapped_inside_the_adapters_bars_only(void **state)
{
    static const struct {
        LONGLONG start;
        UINT length;
        NDIS_STATUS status;
    } rows[] = {
        {0x1000, 0x1000, NDIS_STATUS_SUCCESS},           {0x2ff0, 0x10, NDIS_STATUS_SUCCESS},
        {0x1800, 0x1000, NDIS_STATUS_RESOURCE_CONFLICT}, {0x3000, 4, NDIS_STATUS_RESOURCE_CONFLICT},
        {0xfff, 2, NDIS_STATUS_RESOURCE_CONFLICT},       {0x1000, 0, NDIS_STATUS_RESOURCE_CONFLICT},
        {-4, 8, NDIS_STATUS_RESOURCE_CONFLICT},          {0x400, 4, NDIS_STATUS_RESOURCE_CONFLICT},
    };
    struct nic *nic = hardware_nic(0);

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        PVOID mapped = NULL;

        assert_int_equal(NdisMMapIoSpace(&mapped, nic->handle, at(rows[i].start), rows[i].length), rows[i].status);
        assert_true(!mapped == (rows[i].status != NDIS_STATUS_SUCCESS));
        if (!mapped)
            continue;
        NdisWriteRegisterUlong((PUCHAR)mapped + rows[i].length - 4, 0x12345678);
        NdisMUnmapIoSpace(nic->handle, mapped, rows[i].length);
    }
    assert_true(nic_saw_rule(nic, "HARDWARE_RANGE"));
    assert_false(nic_saw_rule(nic, "HARDWARE_LEAK"));
    nic_destroy(nic);
}

/* Its length is told in units that go with its kind; here 4 GiB each. */
static void a_large_bar_is_mapped_to_its_end(void **state)
{
    static const unsigned kinds[] = {CM_RESOURCE_MEMORY_LARGE_40, CM_RESOURCE_MEMORY_LARGE_48,
                                     CM_RESOURCE_MEMORY_LARGE_64};

    (void)state;
    for (unsigned i = 0; i < RTL_NUMBER_OF(kinds); i++) {
        struct nic *nic = nic_create(FAKE_HOST);
        PVOID mapped = NULL;

        nic->bus->bars = 1;
        nic->bus->large = kinds[i];
        nic_load(nic);
        nic_add(nic);
        assert_int_equal(nic_start(nic), STATUS_SUCCESS);
        assert_int_equal(NdisMMapIoSpace(&mapped, nic->handle, at(0x100ffffffffll), 2), NDIS_STATUS_RESOURCE_CONFLICT);
        assert_null(mapped);
        assert_int_equal(NdisMMapIoSpace(&mapped, nic->handle, at(0x100fffffff0ll), 16), NDIS_STATUS_SUCCESS);
        NdisMUnmapIoSpace(nic->handle, mapped, 16);
        assert_int_equal(NdisMMapIoSpace(&mapped, nic->handle, at(0x1000), 16), NDIS_STATUS_SUCCESS);
        NdisMUnmapIoSpace(nic->handle, mapped, 16);
        nic_destroy(nic);
    }
}

static void two_mappings_of_a_bar_see_the_same_registers(void **state)
{
    struct nic *nic = hardware_nic(0);
    PVOID all, part;
    ULONG value;

    (void)state;
    NdisMMapIoSpace(&all, nic->handle, at(0x1000), 0x1000);
    NdisMMapIoSpace(&part, nic->handle, at(0x1100), 0x100);
    NdisWriteRegisterUlong((PUCHAR)all + 0x104, 0xcafe0001);
    NdisReadRegisterUlong((PUCHAR)part + 4, &value);
    assert_int_equal(value, 0xcafe0001);
    NdisMUnmapIoSpace(nic->handle, part, 0x100);
    NdisMUnmapIoSpace(nic->handle, all, 0x1000);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void what_was_not_claimed_cannot_be_given_back(void **state)
{
    struct nic *nic = hardware_nic(0);
    UCHAR byte;
    uint64_t before;

    (void)state;
    before = nt_violations(nic->partition);
    NdisMUnmapIoSpace(nic->handle, &byte, 1);
    NdisMDeregisterIoPortRange(nic->handle, 0x400, 4, (PVOID)0x400);
    NdisMFreeSharedMemory(nic->handle, 16, TRUE, &byte, at(0));
    NdisFreeSharedMemory(nic->handle, &byte);
    NdisMDeregisterScatterGatherDma(&byte);
    NdisMDeregisterInterruptEx(&byte);
    assert_int_equal(NdisMQueueDpc(&byte, 0, 1, NULL), 0);
    assert_int_equal(nt_violations(nic->partition) - before, 7);
    assert_true(nic_saw_rule(nic, "HARDWARE_NOT_CLAIMED"));
    nic_destroy(nic);
}

static void ports_are_registered_inside_the_range_only(void **state)
{
    struct nic *nic = hardware_nic(0);
    PVOID ports = NULL;

    (void)state;
    assert_int_equal(NdisMRegisterIoPortRange(&ports, nic->handle, 0x43f, 2), NDIS_STATUS_RESOURCE_CONFLICT);
    assert_null(ports);
    assert_int_equal(NdisMRegisterIoPortRange(&ports, nic->handle, 0x400, 0x40), NDIS_STATUS_SUCCESS);
    assert_int_equal(READ_PORT_UCHAR(ports), 0xff);
    NdisMDeregisterIoPortRange(nic->handle, 0x400, 0x40, ports);
    nic_destroy(nic);
}

static void shared_memory_is_contiguous_zero_and_where_its_address_says(void **state)
{
    struct nic *nic = hardware_nic(0);
    NDIS_SHARED_MEMORY_PARAMETERS wanted = {0};
    UCHAR pieces[sizeof(SCATTER_GATHER_LIST) + sizeof(SCATTER_GATHER_ELEMENT)]
        __attribute__((aligned(_Alignof(SCATTER_GATHER_LIST)))) = {0};
    PSCATTER_GATHER_LIST list = (PSCATTER_GATHER_LIST)pieces;
    NDIS_PHYSICAL_ADDRESS address;
    NDIS_HANDLE handle;
    PVOID memory;

    (void)state;
    NdisMAllocateSharedMemory(nic->handle, 8192, TRUE, &memory, &address);
    assert_non_null(memory);
    assert_int_equal(((PUCHAR)memory)[8191], 0);
    assert_int_equal(address.QuadPart, MmGetPhysicalAddress(memory).QuadPart);
    NdisMFreeSharedMemory(nic->handle, 8192, TRUE, memory, address);
    NdisMAllocateSharedMemory(nic->handle, 0, TRUE, &memory, &address);
    assert_null(memory);

    nic_header(&wanted, 2, NDIS_SIZEOF_SHARED_MEMORY_PARAMETERS_REVISION_2);
    wanted.Length = 100;
    wanted.SGListBuffer = list;
    wanted.SGListBufferLength = sizeof *list;
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, &handle), NDIS_STATUS_BUFFER_TOO_SHORT);
    wanted.SGListBufferLength = sizeof pieces;
    assert_int_equal(NdisAllocateSharedMemory(nic->handle, &wanted, &handle), NDIS_STATUS_SUCCESS);
    assert_int_equal(list->NumberOfElements, 1);
    assert_int_equal(list->Elements[0].Length, 100);
    NdisFreeSharedMemory(nic->handle, handle);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void dma_says_how_large_its_lists_are(void **state)
{
    struct nic *nic = hardware_nic(0);
    NDIS_SG_DMA_DESCRIPTION dma = {
        .Header = {NDIS_OBJECT_TYPE_SG_DMA_DESCRIPTION, 1, NDIS_SIZEOF_SG_DMA_DESCRIPTION_REVISION_1},
        .MaximumPhysicalMapping = 65536};
    NDIS_HANDLE handle;

    (void)state;
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &dma, &handle), NDIS_STATUS_FAILURE);
    dma.ProcessSGListHandler = hardware_dma.ProcessSGListHandler;
    assert_int_equal(NdisMRegisterScatterGatherDma(nic->handle, &dma, &handle), NDIS_STATUS_SUCCESS);
    assert_true(dma.ScatterGatherListSize >= sizeof(SCATTER_GATHER_LIST) + 17 * sizeof(SCATTER_GATHER_ELEMENT));
    NdisMDeregisterScatterGatherDma(handle);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static NDIS_STATUS leak_everything(struct nic *nic)
{
    NDIS_PHYSICAL_ADDRESS address;
    PVOID out;

    assert_int_equal(NdisMMapIoSpace(&out, nic->handle, at(0x1000), 16), NDIS_STATUS_SUCCESS);
    assert_int_equal(NdisMRegisterIoPortRange(&out, nic->handle, 0x400, 4), NDIS_STATUS_SUCCESS);
    NdisMAllocateSharedMemory(nic->handle, 64, FALSE, &out, &address);
    assert_non_null(out);
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS leak_and_fail(struct nic *nic)
{
    leak_everything(nic);
    return NDIS_STATUS_RESOURCES;
}

/* Fails when pool or mappings are left: nic_destroy looks. */
static void what_is_kept_after_halt_or_a_failed_start_is_reported_and_taken_back(void **state)
{
    static NDIS_STATUS (*const ways[])(struct nic * nic) = {leak_everything, leak_and_fail};

    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct nic *nic = nic_create(FAKE_HOST);
        uint64_t before;

        nic->bus->bars = 1;
        nic->bus->ports = 1;
        nic->on_initialize = claim;
        in_initialize = ways[i];
        nic_load(nic);
        nic_add(nic);
        before = nt_violations(nic->partition);
        if (nic_start(nic) == STATUS_SUCCESS)
            nt_pnp_simple(nic->bus->pdo, IRP_MN_STOP_DEVICE);
        assert_int_equal(nt_violations(nic->partition) - before, 3);
        assert_true(nic_saw_rule(nic, "HARDWARE_LEAK"));
        nic_destroy(nic);
    }
    in_initialize = NULL;
}

static NDIS_STATUS map_too_early(struct nic *nic, PNDIS_MINIPORT_INIT_PARAMETERS parameters)
{
    PVOID out = NULL;

    (void)parameters;
    assert_int_equal(NdisMMapIoSpace(&out, nic->handle, at(0x1000), 16), NDIS_STATUS_FAILURE);
    assert_null(out);
    return NDIS_STATUS_SUCCESS;
}

static void hardware_before_the_registration_attributes_is_refused(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);

    (void)state;
    nic->bus->bars = 1;
    nic->on_initialize = map_too_early;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_true(nic_saw_rule(nic, "ATTRIBUTES_ORDER"));
    nic_destroy(nic);
}

/* ---- the device -------------------------------------------------------------------------------------------------- */

static void device_property_is_of_this_stack(void **state)
{
    struct nic *nic = hardware_nic(1);
    PDEVICE_OBJECT pdo, fdo, next;
    PCM_RESOURCE_LIST raw, translated;

    (void)state;
    NdisMGetDeviceProperty(nic->handle, &pdo, &fdo, &next, &raw, &translated);
    assert_ptr_equal(pdo, nic->bus->pdo);
    assert_ptr_equal(fdo, nt_stack_top(pdo));
    assert_ptr_equal(next, pdo);
    assert_int_equal(translated->List[0].PartialResourceList.Count, 4);
    assert_ptr_not_equal(raw, translated);
    NdisMGetDeviceProperty(nic->handle, NULL, NULL, NULL, NULL, NULL);
    nic_destroy(nic);
}

static void version_and_error_log(void **state)
{
    struct nic *nic = hardware_nic(0);

    (void)state;
    assert_int_equal(NdisGetVersion(), 0x00060059);
    NdisWriteErrorLogEntry(nic->handle, NDIS_ERROR_CODE_HARDWARE_FAILURE, 2, 0x11u, 0x22u);
    NdisWriteErrorLogEntry(nic->handle, NDIS_ERROR_CODE_DRIVER_FAILURE, 0);
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(registers_are_mapped_inside_the_adapters_bars_only),
        cmocka_unit_test(a_large_bar_is_mapped_to_its_end),
        cmocka_unit_test(two_mappings_of_a_bar_see_the_same_registers),
        cmocka_unit_test(what_was_not_claimed_cannot_be_given_back),
        cmocka_unit_test(ports_are_registered_inside_the_range_only),
        cmocka_unit_test(shared_memory_is_contiguous_zero_and_where_its_address_says),
        cmocka_unit_test(dma_says_how_large_its_lists_are),
        cmocka_unit_test(what_is_kept_after_halt_or_a_failed_start_is_reported_and_taken_back),
        cmocka_unit_test(hardware_before_the_registration_attributes_is_refused),
        cmocka_unit_test(device_property_is_of_this_stack),
        cmocka_unit_test(version_and_error_log),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
