/* SPDX-License-Identifier: MIT
 *
 * What the PF's PDO answers for itself: who it is, what is related to it, power, what nobody knows.
 */
#include "bus.h"

static struct bus_reply query_id(struct bus *bus, BUS_QUERY_ID_TYPE type)
{
    IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_PNP, .MinorFunction = IRP_MN_QUERY_ID};
    stack.Parameters.QueryId.IdType = type;
    return bus_send(bus, stack);
}

/* `strings`: each with a '|' behind it. */
static bool strings_equal(const WCHAR *wide, const char *strings)
{
    for (; *strings && (*strings == '|' ? !*wide : *wide == (WCHAR)(UCHAR)*strings); strings++)
        wide++;
    return !*strings && !*wide;
}

static void the_pdo_says_who_it_is(void **state)
{
    (void)state;
    static const struct {
        BUS_QUERY_ID_TYPE type;
        const char *strings;
    } rows[] = {
        {BusQueryDeviceID, "PCI\\VEN_8086&DEV_10C9&SUBSYS_11001AF4&REV_01|"},
        {BusQueryHardwareIDs, "PCI\\VEN_8086&DEV_10C9&SUBSYS_11001AF4&REV_01|PCI\\VEN_8086&DEV_10C9&SUBSYS_11001AF4|"
                              "PCI\\VEN_8086&DEV_10C9&CC_020000|"},
        {BusQueryCompatibleIDs, "PCI\\VEN_8086&DEV_10C9|PCI\\VEN_8086|PCI\\CC_0200|"},
        {BusQueryInstanceID, "0100|"}, /* 01:00.0 */
    };
    struct bus *bus = bus_begin();
    for (size_t i = 0; i < RTL_NUMBER_OF(rows); i++) {
        struct bus_reply reply = query_id(bus, rows[i].type);
        assert_int_equal(reply.status, STATUS_SUCCESS);
        if (!strings_equal((PWSTR)reply.information, rows[i].strings))
            fail_msg("not %s", rows[i].strings);
        ExFreePool((PVOID)reply.information);
    }
    struct bus_reply unknown = query_id(bus, BusQueryContainerID);
    assert_int_equal(unknown.status, STATUS_NOT_SUPPORTED);
    assert_int_equal(unknown.information, 0);
    bus_finish(bus);
}

static void a_card_pulled_has_no_id(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    pcibus_surprise_remove(bus->pdo);
    struct bus_reply reply = query_id(bus, BusQueryDeviceID);
    assert_int_equal(reply.status, STATUS_NO_SUCH_DEVICE);
    assert_int_equal(reply.information, 0);
    nt_test_expect(bus->nt, "DEVICE_GONE pci.md 5.1 row 7");
    bus_finish(bus);
}

static void a_card_pulled_does_not_start(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    pci_device_surprise_remove(bus->device);
    assert_int_equal(nt_pnp_start(bus->pdo), STATUS_NO_SUCH_DEVICE);
    bus_finish(bus);
}

static void properties_are_made_of_what_the_pdo_says(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    ULONG number = 77, length;
    GUID guid;
    WCHAR ids[256];
    assert_int_equal(IoGetDeviceProperty(bus->pdo, DevicePropertyBusNumber, sizeof(number), &number, &length), 0);
    assert_int_equal(number, 1);
    assert_int_equal(IoGetDeviceProperty(bus->pdo, DevicePropertyAddress, sizeof(number), &number, &length), 0);
    assert_int_equal(number, 0);
    assert_int_equal(IoGetDeviceProperty(bus->pdo, DevicePropertyBusTypeGuid, 1, &guid, &length),
                     STATUS_BUFFER_TOO_SMALL);
    assert_int_equal(length, sizeof(guid));
    assert_int_equal(IoGetDeviceProperty(bus->pdo, DevicePropertyHardwareID, sizeof(ids), ids, &length), 0);
    assert_int_equal(ids[length / 2 - 1], 0);
    assert_int_equal(ids[length / 2 - 2], 0);
    assert_int_equal(IoGetDeviceProperty(bus->pdo, DevicePropertyCompatibleIDs, sizeof(ids), ids, &length), 0);
    assert_true(strings_equal(ids, "PCI\\VEN_8086&DEV_10C9|PCI\\VEN_8086|PCI\\CC_0200|"));
    bus_finish(bus);
}

static void the_target_of_a_pdo_is_itself_and_it_has_no_other_relations(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_PNP, .MinorFunction = IRP_MN_QUERY_DEVICE_RELATIONS};
    stack.Parameters.QueryDeviceRelations.Type = TargetDeviceRelation;
    struct bus_reply reply = bus_send(bus, stack);
    PDEVICE_RELATIONS relations = (PDEVICE_RELATIONS)reply.information;
    assert_int_equal(reply.status, STATUS_SUCCESS);
    assert_int_equal(relations->Count, 1);
    assert_ptr_equal(relations->Objects[0], bus->pdo);
    ObDereferenceObject(relations->Objects[0]); /* the asker's: without it the PDO would leak */
    ExFreePool(relations);
    stack.Parameters.QueryDeviceRelations.Type = BusRelations;
    reply = bus_send(bus, stack);
    assert_int_equal(reply.status, STATUS_NOT_SUPPORTED);
    assert_int_equal(reply.information, 0);
    bus_finish(bus);
}

static void power_irps_move_the_device(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    USHORT command;
    IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_POWER, .MinorFunction = IRP_MN_SET_POWER};
    bus_enable(bus, 1);
    stack.Parameters.Power.Type = DevicePowerState;
    stack.Parameters.Power.State.DeviceState = PowerDeviceD3;
    assert_int_equal(bus_send(bus, stack).status, STATUS_SUCCESS);
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &command, 4, 2), 0);
    static const DEVICE_POWER_STATE wrong[] = {PowerDeviceUnspecified, PowerDeviceMaximum};
    for (size_t i = 0; i < RTL_NUMBER_OF(wrong); i++) {
        stack.Parameters.Power.State.DeviceState = wrong[i];
        assert_int_equal(bus_send(bus, stack).status, STATUS_INVALID_PARAMETER);
        assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, 0, &command, 4, 2), 0);
    }
    stack.Parameters.Power.State.DeviceState = PowerDeviceD0;
    assert_int_equal(bus_send(bus, stack).status, STATUS_SUCCESS);
    bus->nt->count = 0;
    bus_finish(bus);
}

/* Only a device state set is an act: all else a bus driver agrees to, or does not know. */
static void other_power_irps_move_nothing(void **state)
{
    (void)state;
    static const struct {
        UCHAR minor;
        POWER_STATE_TYPE type;
        NTSTATUS status;
    } rows[] = {
        {IRP_MN_QUERY_POWER, DevicePowerState, STATUS_SUCCESS},
        {IRP_MN_QUERY_POWER, SystemPowerState, STATUS_SUCCESS},
        {IRP_MN_SET_POWER, SystemPowerState, STATUS_SUCCESS},
        {IRP_MN_WAIT_WAKE, DevicePowerState, STATUS_NOT_SUPPORTED},
        {IRP_MN_POWER_SEQUENCE, DevicePowerState, STATUS_NOT_SUPPORTED},
    };
    struct bus *bus = bus_begin();
    bus_enable(bus, 1);
    for (size_t i = 0; i < RTL_NUMBER_OF(rows); i++) {
        IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_POWER, .MinorFunction = rows[i].minor};
        void *snapshot = bus_snapshot(bus);
        stack.Parameters.Power.Type = rows[i].type;
        stack.Parameters.Power.State.DeviceState = PowerDeviceD3;
        assert_int_equal(bus_send(bus, stack).status, rows[i].status);
        bus_unchanged(bus, snapshot);
    }
    bus_finish(bus);
}

static void a_minor_function_nobody_knows_keeps_its_status(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    static const UCHAR minors[] = {IRP_MN_EJECT, IRP_MN_SET_LOCK, 0x0E, 0x19, 0xFF};
    for (size_t i = 0; i < sizeof(minors); i++)
        assert_int_equal(
            bus_send(bus, (IO_STACK_LOCATION){.MajorFunction = IRP_MJ_PNP, .MinorFunction = minors[i]}).status,
            STATUS_NOT_SUPPORTED);
    assert_int_equal(bus_send(bus, (IO_STACK_LOCATION){.MajorFunction = IRP_MJ_DEVICE_CONTROL}).status,
                     STATUS_INVALID_DEVICE_REQUEST);
    bus_finish(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_pdo_says_who_it_is),
        cmocka_unit_test(a_card_pulled_has_no_id),
        cmocka_unit_test(a_card_pulled_does_not_start),
        cmocka_unit_test(properties_are_made_of_what_the_pdo_says),
        cmocka_unit_test(the_target_of_a_pdo_is_itself_and_it_has_no_other_relations),
        cmocka_unit_test(power_irps_move_the_device),
        cmocka_unit_test(other_power_irps_move_nothing),
        cmocka_unit_test(a_minor_function_nobody_knows_keeps_its_status),
    };
    return cmocka_run_group_tests_name("pdo", tests, NULL, NULL);
}
