/* SPDX-License-Identifier: MIT
 *
 * Power (ndis.md 7.9), hangs, what a miniport asks for itself, and the optional handlers of a start (ndis.md 7.1).
 */
#include "nic.h"

static NTSTATUS set_power(struct nic *nic, DEVICE_POWER_STATE state)
{
    PDEVICE_OBJECT top = nt_stack_top(nic->bus->pdo);
    PIRP irp = IoAllocateIrp(top->StackSize, FALSE);
    PIO_STACK_LOCATION stack = IoGetNextIrpStackLocation(irp);
    NTSTATUS status;

    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    stack->MajorFunction = IRP_MJ_POWER;
    stack->MinorFunction = IRP_MN_SET_POWER;
    stack->Parameters.Power.Type = DevicePowerState;
    stack->Parameters.Power.State.DeviceState = state;
    status = nt_call_driver_and_wait(top, irp);
    IoFreeIrp(irp);
    return status;
}

static NDIS_STATUS power_status;

static NDIS_STATUS note_power(struct nic *nic, PNDIS_OID_REQUEST request)
{
    if (request->DATA.SET_INFORMATION.Oid != OID_PNP_SET_POWER)
        return nic_default_oid(nic, request);
    assert_int_equal(request->DATA.SET_INFORMATION.InformationBufferLength, sizeof(NDIS_DEVICE_POWER_STATE));
    nic_log(nic, "power:%u", *(NDIS_DEVICE_POWER_STATE *)request->DATA.SET_INFORMATION.InformationBuffer);
    return power_status;
}

static struct nic *power_nic(void)
{
    struct nic *nic = nic_running(FAKE_HOST);

    nic->on_oid = note_power;
    power_status = NDIS_STATUS_SUCCESS;
    return nic;
}

static void sleeping_pauses_first_and_waking_restarts_last(void **state)
{
    struct nic *nic = power_nic();

    (void)state;
    set_power(nic, PowerDeviceD3);
    assert_string_equal(nic->log, "pause power:4 ");
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED);
    nic_clear_log(nic);
    set_power(nic, PowerDeviceD0);
    assert_string_equal(nic->log, "power:1 event:5 restart ");
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_RUNNING);
    nic_clear_log(nic);
    set_power(nic, PowerDeviceD0);
    assert_string_equal(nic->log, "");
    assert_int_equal(nt_violations(nic->partition), 0);
    nic_destroy(nic);
}

static void deeper_sleep_does_not_pause_twice(void **state)
{
    struct nic *nic = power_nic();

    (void)state;
    ndis_pause(nic->adapter);
    nic_clear_log(nic);
    set_power(nic, PowerDeviceD1);
    set_power(nic, PowerDeviceD3);
    set_power(nic, PowerDeviceD0);
    assert_string_equal(nic->log, "power:2 power:4 power:1 event:5 ");
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_PAUSED); /* as it was before */
    nic_destroy(nic);
}

static void refused_sleep_is_reported_and_lack_of_support_is_not(void **state)
{
    struct nic *nic = power_nic();

    (void)state;
    power_status = NDIS_STATUS_NOT_SUPPORTED;
    set_power(nic, PowerDeviceD3);
    set_power(nic, PowerDeviceD0);
    assert_false(nic_saw_rule(nic, "SET_POWER_FAILED"));
    power_status = NDIS_STATUS_FAILURE;
    set_power(nic, PowerDeviceD3);
    assert_true(nic_saw_rule(nic, "SET_POWER_FAILED"));
    nic_destroy(nic);
}

static void sleeping_adapter_can_be_stopped_and_starts_awake(void **state)
{
    struct nic *nic = power_nic();

    (void)state;
    set_power(nic, PowerDeviceD3);
    nt_pnp_simple(nic->bus->pdo, IRP_MN_STOP_DEVICE);
    set_power(nic, PowerDeviceD0); /* to nobody */
    nic_clear_log(nic);
    assert_int_equal(nt_pnp_start(nic->bus->pdo), STATUS_SUCCESS);
    assert_string_equal(nic->log, "init event:5 restart ");
    nic_destroy(nic);
}

/* ---- hangs ------------------------------------------------------------------------------------------------------- */

static BOOLEAN hanging;

static BOOLEAN check_for_hang(NDIS_HANDLE context)
{
    nic_log(context, "hang?");
    return hanging;
}

static void hang_is_followed_by_a_reset(void **state)
{
    struct nic *nic = nic_create(FAKE_HOST);
    bool hangs;

    (void)state;
    nic->characteristics.CheckForHangHandlerEx = check_for_hang;
    nic_load(nic);
    nic_add(nic);
    assert_int_equal(ndis_check_for_hang(nic->adapter, &hangs), NDIS_STATUS_INVALID_STATE);
    nic_start(nic);
    nic_clear_log(nic);
    hanging = FALSE;
    assert_int_equal(ndis_check_for_hang(nic->adapter, &hangs), NDIS_STATUS_SUCCESS);
    assert_false(hangs);
    hanging = TRUE;
    nic->reset_status = NDIS_STATUS_RESOURCES;
    assert_int_equal(ndis_check_for_hang(nic->adapter, &hangs), NDIS_STATUS_RESOURCES);
    assert_true(hangs);
    assert_string_equal(nic->log, "hang? hang? reset ");
    nic_destroy(nic);
}

static void driver_without_the_handler_is_not_asked(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    bool hangs;

    (void)state;
    assert_int_equal(ndis_check_for_hang(nic->adapter, &hangs), NDIS_STATUS_NOT_SUPPORTED);
    assert_false(hangs);
    nic_destroy(nic);
}

static void miniport_may_ask_for_its_reset_and_removal(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    UCHAR byte;
    KIRQL before;

    (void)state;
    KeRaiseIrql(DISPATCH_LEVEL, &before);
    NdisMResetMiniport(nic->handle);
    KeLowerIrql(before);
    nt_drain_work(nic->partition);
    assert_string_equal(nic->log, "reset ");
    NdisMRemoveMiniport(nic->handle);
    nt_drain_work(nic->partition);
    assert_string_equal(nic->log, "reset event:2 ");
    assert_int_equal(nic_send(nic, NdisRequestQueryInformation, OID_GEN_VENDOR_ID, &byte, 1), NDIS_STATUS_NOT_ACCEPTED);
    nic_destroy(nic);
}

/* ---- optional handlers of a start -------------------------------------------------------------------------------- */

static NDIS_STATUS start_status;

static NDIS_STATUS add(NDIS_HANDLE handle, NDIS_HANDLE context)
{
    NDIS_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES attributes = {.MiniportAddDeviceContext = context};

    nic_log(context, "add");
    nic_header(&attributes, 1, NDIS_SIZEOF_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES_REVISION_1);
    attributes.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_ADD_DEVICE_REGISTRATION_ATTRIBUTES;
    return NdisMSetMiniportAttributes(handle, (PNDIS_MINIPORT_ADAPTER_ATTRIBUTES)&attributes);
}

static VOID removed(NDIS_HANDLE context)
{
    nic_log(context, "remove");
}

static NDIS_STATUS filter(NDIS_HANDLE context, PIRP irp)
{
    PIO_RESOURCE_REQUIREMENTS_LIST list =
        IoGetCurrentIrpStackLocation(irp)->Parameters.FilterResourceRequirements.IoResourceRequirementList;
    PIO_RESOURCE_REQUIREMENTS_LIST longer = ExAllocatePoolWithTag(PagedPool, list->ListSize + 64, 0x74736574);

    nic_log(context, "filter:%u", list->List[0].Count);
    memcpy(longer, list, list->ListSize);
    ExFreePool(list);
    irp->IoStatus.Information = (ULONG_PTR)longer;
    return NDIS_STATUS_SUCCESS;
}

static NDIS_STATUS start(NDIS_HANDLE context, PIRP irp)
{
    PIO_STACK_LOCATION stack = IoGetCurrentIrpStackLocation(irp);

    nic_log(context, "start:%u",
            stack->Parameters.StartDevice.AllocatedResourcesTranslated->List[0].PartialResourceList.Count);
    return start_status;
}

static NDIS_STATUS set_options(NDIS_HANDLE handle, NDIS_HANDLE context)
{
    NDIS_MINIPORT_PNP_CHARACTERISTICS pnp = {.MiniportAddDeviceHandler = add,
                                             .MiniportRemoveDeviceHandler = removed,
                                             .MiniportFilterResourceRequirementsHandler = filter,
                                             .MiniportStartDeviceHandler = start};

    (void)context;
    nic_header(&pnp, 1, NDIS_SIZEOF_MINIPORT_PNP_CHARACTERISTICS_REVISION_1);
    pnp.Header.Type = NDIS_OBJECT_TYPE_MINIPORT_PNP_CHARACTERISTICS;
    return NdisSetOptionalHandlers(handle, (PNDIS_DRIVER_OPTIONAL_HANDLERS)&pnp);
}

static struct nic *optional_nic(NDIS_STATUS status)
{
    struct nic *nic = nic_create(FAKE_HOST);

    start_status = status;
    nic->bus->bars = 2;
    nic->bus->messages = 1;
    nic->characteristics.SetOptionsHandler = set_options;
    nic_load(nic);
    nic_add(nic);
    return nic;
}

static void optional_handlers_of_a_start_come_in_order_with_their_irps(void **state)
{
    struct nic *nic = optional_nic(NDIS_STATUS_SUCCESS);

    (void)state;
    assert_int_equal(nic_start(nic), STATUS_SUCCESS);
    assert_string_equal(nic->log, "add filter:3 start:3 init event:5 restart ");
    nic_clear_log(nic);
    nic_remove(nic);
    assert_string_equal(nic->log, "pause halt:0 remove ");
    nic_destroy(nic);
}

static void failed_start_device_fails_the_start_before_initialization(void **state)
{
    struct nic *nic = optional_nic(NDIS_STATUS_RESOURCES);

    (void)state;
    assert_int_equal(nic_start(nic), NDIS_STATUS_RESOURCES);
    assert_string_equal(nic->log, "add filter:3 start:3 ");
    assert_int_equal(ndis_adapter_state(nic->adapter), NDIS_HALTED);
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sleeping_pauses_first_and_waking_restarts_last),
        cmocka_unit_test(deeper_sleep_does_not_pause_twice),
        cmocka_unit_test(refused_sleep_is_reported_and_lack_of_support_is_not),
        cmocka_unit_test(sleeping_adapter_can_be_stopped_and_starts_awake),
        cmocka_unit_test(hang_is_followed_by_a_reset),
        cmocka_unit_test(driver_without_the_handler_is_not_asked),
        cmocka_unit_test(miniport_may_ask_for_its_reset_and_removal),
        cmocka_unit_test(optional_handlers_of_a_start_come_in_order_with_their_irps),
        cmocka_unit_test(failed_start_device_fails_the_start_before_initialization),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
