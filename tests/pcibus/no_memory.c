/* SPDX-License-Identifier: MIT
 *
 * Each allocation of the PCI bus driver is refused once: the request gives its documented failure, nothing is left.
 */
#include "bus.h"
#include "scarce.h"

#include <errno.h>

/* As bus_send, with an IRP in the test's own memory. */
static NTSTATUS ask(struct bus *bus, IO_STACK_LOCATION stack, ULONG_PTR *information)
{
    UCHAR memory[1024] __attribute__((aligned(16))) = {0};
    PIRP irp = (PIRP)memory;
    assert_true(IoSizeOfIrp(bus->pdo->StackSize) <= sizeof(memory));
    IoInitializeIrp(irp, IoSizeOfIrp(bus->pdo->StackSize), bus->pdo->StackSize);
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    *IoGetNextIrpStackLocation(irp) = stack;
    NTSTATUS status = nt_call_driver_and_wait(bus->pdo, irp);
    *information = irp->IoStatus.Information;
    return status;
}

static bool answered(struct bus *bus, UCHAR minor, IO_STACK_LOCATION stack)
{
    ULONG_PTR information = 0;
    stack.MajorFunction = IRP_MJ_PNP;
    stack.MinorFunction = minor;
    NTSTATUS status = ask(bus, stack, &information);
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_int_equal(information, 0);
        return false;
    }
    ExFreePool((PVOID)information);
    return true;
}

static bool says_its_id(struct bus *bus)
{
    IO_STACK_LOCATION stack = {0};
    stack.Parameters.QueryId.IdType = BusQueryHardwareIDs;
    return answered(bus, IRP_MN_QUERY_ID, stack);
}

static bool says_its_bus(struct bus *bus)
{
    return answered(bus, IRP_MN_QUERY_BUS_INFORMATION, (IO_STACK_LOCATION){0});
}

static bool says_its_resources(struct bus *bus)
{
    return answered(bus, IRP_MN_QUERY_RESOURCES, (IO_STACK_LOCATION){0});
}

static bool says_its_target(struct bus *bus)
{
    IO_STACK_LOCATION stack = {0};
    stack.Parameters.QueryDeviceRelations.Type = TargetDeviceRelation;
    if (!answered(bus, IRP_MN_QUERY_DEVICE_RELATIONS, stack))
        return false;
    ObDereferenceObject(bus->pdo); /* the asker's */
    return true;
}

static bool gives_a_dma_adapter(struct bus *bus)
{
    DEVICE_DESCRIPTION description = {.Version = DEVICE_DESCRIPTION_VERSION2, .Master = TRUE, .MaximumLength = 0x1000};
    PHYSICAL_ADDRESS address;
    ULONG registers = 77;
    PDMA_ADAPTER adapter = bus->standard.GetDmaAdapter(bus->standard.Context, &description, &registers);
    if (!adapter) {
        assert_int_equal(registers, 77);
        return false;
    }
    PVOID buffer = adapter->DmaOperations->AllocateCommonBuffer(adapter, 100, &address, TRUE);
    if (buffer)
        adapter->DmaOperations->FreeCommonBuffer(adapter, 100, address, buffer, TRUE);
    adapter->DmaOperations->PutDmaAdapter(adapter);
    return buffer;
}

static bool puts_a_card_on_the_bus(struct bus *bus)
{
    PDEVICE_OBJECT pdo = bus->pdo;
    NTSTATUS status = pcibus_add_device(bus->nt->partition, bus->device, &pdo);
    if (!NT_SUCCESS(status)) {
        assert_int_equal(status, STATUS_INSUFFICIENT_RESOURCES);
        assert_null(pdo);
        return false;
    }
    pcibus_remove_device(pdo);
    return true;
}

static bool makes_a_device(struct bus *bus)
{
    struct pci_device *device = NULL;
    int result = pci_device_create(bus->profile, &(struct pci_device_options){0}, &device);
    if (result) {
        assert_int_equal(result, -ENOMEM);
        assert_null(device);
        return false;
    }
    pci_device_destroy(device);
    return true;
}

static const struct row {
    const char *name;
    bool (*run)(struct bus *bus);
    unsigned calls;
} rows[] = {
    {"IRP_MN_QUERY_ID", says_its_id, 2},
    {"IRP_MN_QUERY_BUS_INFORMATION", says_its_bus, 2},
    {"IRP_MN_QUERY_RESOURCES", says_its_resources, 2},
    {"IRP_MN_QUERY_DEVICE_RELATIONS", says_its_target, 2},
    {"GetDmaAdapter, AllocateCommonBuffer", gives_a_dma_adapter, 4},
    {"pcibus_add_device", puts_a_card_on_the_bus, 3},
    {"pci_device_create", makes_a_device, 2},
};

static bool attempt(void *context)
{
    const struct row *row = context;
    unsigned armed = scarce_countdown;
    scarce_countdown = 0;
    struct bus *bus = bus_begin();
    scarce_countdown = armed;
    bool succeeded = row->run(bus);
    armed = scarce_countdown;
    scarce_countdown = 0;
    assert_true(row->run(bus)); /* the bus goes on */
    nt_drain_work(bus->nt->partition);
    bus_finish(bus);
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

/* ---- descriptions and requests that are wrong in one member --------------------------------------------------------
 */

static void dma_and_capabilities_need_every_member(void **state)
{
    struct bus *bus = bus_begin();
    const DEVICE_DESCRIPTION good = {.Version = DEVICE_DESCRIPTION_VERSION2, .Master = TRUE, .MaximumLength = 0x1000};
    DEVICE_DESCRIPTION newer = good;
    ULONG registers = 77;
    (void)state;
    newer.Version = DEVICE_DESCRIPTION_VERSION3 + 1;
    assert_null(bus->standard.GetDmaAdapter(bus->standard.Context, (PDEVICE_DESCRIPTION)&good, NULL));
    assert_null(bus->standard.GetDmaAdapter(bus->standard.Context, &newer, &registers));
    assert_int_equal(registers, 77);

    const DEVICE_CAPABILITIES wrong[] = {{.Size = sizeof(DEVICE_CAPABILITIES) - 1, .Version = 1},
                                         {.Size = sizeof(DEVICE_CAPABILITIES), .Version = 0},
                                         {.Size = sizeof(DEVICE_CAPABILITIES), .Version = 2}};
    IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_PNP, .MinorFunction = IRP_MN_QUERY_CAPABILITIES};
    assert_int_equal(bus_send(bus, stack).status, STATUS_INVALID_PARAMETER); /* none */
    for (size_t i = 0; i < RTL_NUMBER_OF(wrong); i++) {
        DEVICE_CAPABILITIES given = wrong[i];
        stack.Parameters.DeviceCapabilities.Capabilities = &given;
        assert_int_equal(bus_send(bus, stack).status, STATUS_INVALID_PARAMETER);
        assert_memory_equal(&given, &wrong[i], sizeof(given));
    }
    bus_finish(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_can_fail_fails_once),
        cmocka_unit_test(dma_and_capabilities_need_every_member),
    };
    return cmocka_run_group_tests_name("no_memory", tests, NULL, NULL);
}
