/* SPDX-License-Identifier: MIT
 *
 * Interrupts of a miniport and its MSI-X table (ndis.md 5.10, 5.14).
 */
#include "hardware_nic.h"

struct interrupts {
    struct nic *nic;
    NDIS_HANDLE handle;
    ULONG isr_count, dpc_count, message;
    KIRQL isr_irql, dpc_irql, sync_irql;
    PVOID dpc_context;
    bool not_ours, no_dpc;
};

static BOOLEAN isr(NDIS_HANDLE context, PBOOLEAN queue, PULONG targets)
{
    struct interrupts *own = context;

    own->isr_count++;
    own->isr_irql = KeGetCurrentIrql();
    *queue = !own->no_dpc;
    *targets = 0;
    return !own->not_ours;
}

static VOID dpc(NDIS_HANDLE context, PVOID argument, PVOID throttle, PVOID reserved)
{
    struct interrupts *own = context;

    (void)throttle, (void)reserved;
    own->dpc_count++;
    own->dpc_irql = KeGetCurrentIrql();
    own->dpc_context = argument;
}

static BOOLEAN message_isr(NDIS_HANDLE context, ULONG message, PBOOLEAN queue, PULONG targets)
{
    ((struct interrupts *)context)->message = message;
    return isr(context, queue, targets);
}

static VOID message_dpc(NDIS_HANDLE context, ULONG message, PVOID argument, PVOID throttle, PVOID reserved)
{
    assert_int_equal(((struct interrupts *)context)->message, message);
    dpc(context, argument, throttle, reserved);
}

static NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS register_interrupts(struct interrupts *own, NDIS_STATUS expected)
{
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = {
        .Header = {NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1, NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1},
        .InterruptHandler = isr,
        .InterruptDpcHandler = dpc,
        .MsiSupported = TRUE,
        .MessageInterruptHandler = message_isr,
        .MessageInterruptDpcHandler = message_dpc,
    };
    assert_int_equal(NdisMRegisterInterruptEx(own->nic->handle, own, &given, &own->handle), expected);
    return given;
}

static void message_runs_the_isr_at_dirql_and_the_dpc_at_dispatch(void **state)
{
    struct interrupts own = {.nic = hardware_nic(3)};
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = register_interrupts(&own, NDIS_STATUS_SUCCESS);

    (void)state;
    assert_int_equal(given.InterruptType, NDIS_CONNECT_MESSAGE_BASED);
    assert_int_equal(given.MessageInfoTable->MessageCount, 3);
    assert_int_equal(ndis_interrupt(own.nic->adapter, 2), NDIS_STATUS_SUCCESS);
    assert_int_equal(own.message, 2);
    assert_int_equal(own.isr_irql, 5);
    assert_int_equal(own.dpc_count, 1);
    assert_int_equal(own.dpc_irql, DISPATCH_LEVEL);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    assert_int_equal(ndis_interrupt(own.nic->adapter, 3), NDIS_STATUS_INVALID_PARAMETER);
    own.no_dpc = true;
    assert_int_equal(ndis_interrupt(own.nic->adapter, 0), NDIS_STATUS_SUCCESS);
    assert_int_equal(own.isr_count, 2);
    assert_int_equal(own.dpc_count, 1);
    own.not_ours = true;
    assert_int_equal(ndis_interrupt(own.nic->adapter, 0), NDIS_STATUS_NOT_RECOGNIZED);
    NdisMDeregisterInterruptEx(own.handle);
    assert_int_equal(ndis_interrupt(own.nic->adapter, 0), NDIS_STATUS_INVALID_PARAMETER);
    assert_int_equal(own.isr_count, 3);
    assert_int_equal(nt_violations(own.nic->partition), 0);
    nic_destroy(own.nic);
}

static void adapter_without_messages_has_a_line(void **state)
{
    struct interrupts own = {.nic = hardware_nic(0)};
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = register_interrupts(&own, NDIS_STATUS_SUCCESS);

    (void)state;
    assert_int_equal(given.InterruptType, NDIS_CONNECT_LINE_BASED);
    assert_null(given.MessageInfoTable);
    assert_int_equal(ndis_interrupt(own.nic->adapter, 0), NDIS_STATUS_SUCCESS);
    assert_int_equal(own.dpc_count, 1);
    register_interrupts(&(struct interrupts){.nic = own.nic}, NDIS_STATUS_RESOURCE_CONFLICT);
    NdisMDeregisterInterruptEx(own.handle);
    nic_destroy(own.nic);
}

static void bad_interrupt_characteristics_are_refused(void **state)
{
    struct nic *nic = hardware_nic(1);
    NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS given = {0};
    NDIS_HANDLE handle = NULL;

    (void)state;
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given, &handle), NDIS_STATUS_FAILURE);
    given.Header = (NDIS_OBJECT_HEADER){NDIS_OBJECT_TYPE_MINIPORT_INTERRUPT, 1,
                                        NDIS_SIZEOF_MINIPORT_INTERRUPT_CHARACTERISTICS_REVISION_1};
    assert_int_equal(NdisMRegisterInterruptEx(nic->handle, nic, &given, &handle), NDIS_STATUS_FAILURE);
    assert_null(handle);
    nic_destroy(nic);
}

static BOOLEAN synchronized(NDIS_HANDLE context)
{
    ((struct interrupts *)context)->sync_irql = KeGetCurrentIrql();
    return TRUE;
}

static void driver_can_queue_the_dpc_and_synchronize(void **state)
{
    struct interrupts own = {.nic = hardware_nic(2)};

    (void)state;
    register_interrupts(&own, NDIS_STATUS_SUCCESS);
    own.message = 1;
    assert_int_equal(NdisMQueueDpc(own.handle, 1, 1, &own), 0);
    KeFlushQueuedDpcs();
    assert_int_equal(own.dpc_count, 1);
    assert_ptr_equal(own.dpc_context, &own);
    assert_int_equal(NdisMQueueDpc(own.handle, 2, 1, NULL), 0);
    KeFlushQueuedDpcs();
    assert_int_equal(own.dpc_count, 1);
    assert_true(NdisMSynchronizeWithInterruptEx(own.handle, 0, synchronized, &own));
    assert_int_equal(own.sync_irql, 5);
    assert_int_equal(KeGetCurrentIrql(), PASSIVE_LEVEL);
    NdisMDeregisterInterruptEx(own.handle);
    nic_destroy(own.nic);
}

static void interrupt_kept_over_halt_is_reported(void **state)
{
    struct interrupts own = {.nic = hardware_nic(1)};

    (void)state;
    register_interrupts(&own, NDIS_STATUS_SUCCESS);
    nt_pnp_simple(own.nic->bus->pdo, IRP_MN_STOP_DEVICE);
    assert_true(nic_saw_rule(own.nic, "HARDWARE_LEAK"));
    assert_int_equal(ndis_interrupt(own.nic->adapter, 0), NDIS_STATUS_INVALID_PARAMETER);
    nic_destroy(own.nic);
}

/* An MSI-X capability at 70h with a table of 4 entries. */
static void give_msix(struct nic *nic)
{
    nic->bus->space[0x06] = 0x10;
    nic->bus->space[0x34] = 0x70;
    nic->bus->space[0x70] = PCI_CAPABILITY_ID_MSIX;
    nic->bus->space[0x72] = 3;
}

static NDIS_STATUS configure(struct nic *nic, NDIS_MSIX_TABLE_OPERATION operation, ULONG entry, ULONG message)
{
    NDIS_MSIX_CONFIG_PARAMETERS given = {.ConfigOperation = operation, .TableEntry = entry, .MessageNumber = message};

    nic_header(&given, 1, NDIS_SIZEOF_MSIX_CONFIG_PARAMETERS_REVISION_1);
    return NdisMConfigMSIXTableEntry(nic->handle, &given);
}

static void msix_rows_of_5_10(void **state)
{
    static const struct {
        NDIS_MSIX_TABLE_OPERATION operation;
        ULONG entry, message;
        NDIS_STATUS status;
    } rows[] = {
        {NdisMSIXTableConfigSetTableEntry, 3, 2, NDIS_STATUS_SUCCESS},
        {NdisMSIXTableConfigSetTableEntry, 4, 0, NDIS_STATUS_INVALID_PARAMETER},
        {NdisMSIXTableConfigSetTableEntry, 0, 3, NDIS_STATUS_INVALID_PARAMETER},
        {NdisMSIXTableConfigMaskTableEntry, 3, 99, NDIS_STATUS_SUCCESS},
        {NdisMSIXTableConfigUnmaskTableEntry, 3, 99, NDIS_STATUS_SUCCESS},
        {NdisMSIXTableConfigMaskTableEntry, 4, 0, NDIS_STATUS_INVALID_PARAMETER},
        {NdisMSIXTableConfigMax, 0, 0, NDIS_STATUS_INVALID_PARAMETER},
    };
    struct nic *nic = hardware_nic(3);
    KIRQL before;

    (void)state;
    assert_int_equal(configure(nic, NdisMSIXTableConfigMaskTableEntry, 0, 0), NDIS_STATUS_INVALID_PARAMETER);
    give_msix(nic);
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        assert_int_equal(configure(nic, rows[i].operation, rows[i].entry, rows[i].message), rows[i].status);
    KeRaiseIrql(DISPATCH_LEVEL + 3, &before);
    assert_int_equal(configure(nic, NdisMSIXTableConfigMaskTableEntry, 1, 0), NDIS_STATUS_SUCCESS);
    assert_int_equal(configure(nic, NdisMSIXTableConfigSetTableEntry, 1, 0), NDIS_STATUS_INVALID_PARAMETER);
    KeLowerIrql(before);
    nic_destroy(nic);
}

static void masked_message_waits_until_it_is_unmasked(void **state)
{
    struct interrupts own = {.nic = hardware_nic(3)};

    (void)state;
    give_msix(own.nic);
    register_interrupts(&own, NDIS_STATUS_SUCCESS);
    assert_int_equal(configure(own.nic, NdisMSIXTableConfigMaskTableEntry, 1, 0), NDIS_STATUS_SUCCESS);
    assert_int_equal(ndis_interrupt(own.nic->adapter, 1), NDIS_STATUS_PENDING);
    assert_int_equal(ndis_interrupt(own.nic->adapter, 1), NDIS_STATUS_PENDING);
    assert_int_equal(own.isr_count, 0);
    assert_int_equal(configure(own.nic, NdisMSIXTableConfigUnmaskTableEntry, 1, 0), NDIS_STATUS_SUCCESS);
    nt_drain_work(own.nic->partition);
    assert_int_equal(own.isr_count, 1);
    assert_int_equal(own.message, 1);
    NdisMDeregisterInterruptEx(own.handle);
    nic_destroy(own.nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(message_runs_the_isr_at_dirql_and_the_dpc_at_dispatch),
        cmocka_unit_test(adapter_without_messages_has_a_line),
        cmocka_unit_test(bad_interrupt_characteristics_are_refused),
        cmocka_unit_test(driver_can_queue_the_dpc_and_synchronize),
        cmocka_unit_test(interrupt_kept_over_halt_is_reported),
        cmocka_unit_test(msix_rows_of_5_10),
        cmocka_unit_test(masked_message_waits_until_it_is_unmasked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
