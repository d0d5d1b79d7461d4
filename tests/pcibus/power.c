/* SPDX-License-Identifier: MIT
 *
 * A PF that sleeps and wakes: what its configuration space held in D0 is there again (ndis.md 7.9).
 */
#include "bus.h"

#define COMMAND 4u
#define BAR0    0x10u

static NTSTATUS set_power(struct bus *bus, DEVICE_POWER_STATE state)
{
    IO_STACK_LOCATION stack = {.MajorFunction = IRP_MJ_POWER, .MinorFunction = IRP_MN_SET_POWER};
    stack.Parameters.Power.Type = DevicePowerState;
    stack.Parameters.Power.State.DeviceState = state;
    return bus_send(bus, stack).status;
}

static void sleep_and_wake(struct bus *bus)
{
    assert_int_equal(set_power(bus, PowerDeviceD3), STATUS_SUCCESS);
    assert_int_equal(set_power(bus, PowerDeviceD0), STATUS_SUCCESS);
}

static uint32_t pf_dword(struct bus *bus, uint32_t offset)
{
    uint32_t value = 0;
    assert_int_equal(pci_config_read(bus->device, PCI_FUNCTION_PF, offset, &value, 4), 4);
    return value;
}

static uint16_t vf_command(struct bus *bus, USHORT vf)
{
    uint16_t value = 0xAAAA;
    assert_int_equal(bus->virt.GetVirtualFunctionData(bus->virt.Context, vf, &value, COMMAND, 2), 2);
    return value;
}

static void set_vf_command(struct bus *bus, USHORT vf)
{
    uint16_t value = 4;
    assert_int_equal(bus->virt.SetVirtualFunctionData(bus->virt.Context, vf, &value, COMMAND, 2), 2);
    assert_int_equal(vf_command(bus, vf), 4);
}

static void a_card_that_resets_on_waking_has_its_registers_and_vfs_again(void **state)
{
    (void)state;
    struct bus *bus = bus_begin(); /* 82576: No_Soft_Reset is 0 */
    uint16_t command = 6;
    bus_enable(bus, 2);
    set_vf_command(bus, 1);
    assert_int_equal(pci_config_write(bus->device, PCI_FUNCTION_PF, COMMAND, &command, 2), 2);
    uint32_t before = pf_dword(bus, COMMAND), bar = pf_dword(bus, BAR0);
    assert_true(bar);
    sleep_and_wake(bus);
    assert_int_equal(pf_dword(bus, COMMAND), before);
    assert_int_equal(pf_dword(bus, BAR0), bar);
    assert_int_equal(pci_sriov_num_vfs(bus->device), 2);
    assert_int_equal(vf_command(bus, 1), 0); /* a VF's registers are lost */
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, FALSE, FALSE, FALSE), STATUS_SUCCESS);
    bus_finish(bus);
}

static void vfs_that_were_not_enabled_are_not_enabled_by_waking(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    sleep_and_wake(bus);
    assert_int_equal(pci_sriov_num_vfs(bus->device), 0);
    bus_enable(bus, 2);
    bus_finish(bus);
}

static void what_counts_is_how_it_was_in_d0(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    bus_enable(bus, 3);
    assert_int_equal(set_power(bus, PowerDeviceD3), STATUS_SUCCESS);
    assert_int_equal(set_power(bus, PowerDeviceD3), STATUS_SUCCESS);
    assert_int_equal(set_power(bus, PowerDeviceD0), STATUS_SUCCESS);
    assert_int_equal(pci_sriov_num_vfs(bus->device), 3);
    assert_int_equal(bus->virt.EnableVirtualization(bus->virt.Context, 0, FALSE, FALSE, FALSE), STATUS_SUCCESS);
    assert_int_equal(set_power(bus, PowerDeviceD0), STATUS_SUCCESS); /* it is awake: nothing is put back */
    assert_int_equal(pci_sriov_num_vfs(bus->device), 0);
    sleep_and_wake(bus);
    assert_int_equal(pci_sriov_num_vfs(bus->device), 0);
    bus_finish(bus);
}

static void a_card_that_keeps_its_state_keeps_its_vfs_registers_too(void **state)
{
    (void)state;
    struct bus *bus = bus_begin_many(4, 0); /* No_Soft_Reset is 1 */
    bus_enable(bus, 2);
    set_vf_command(bus, 1);
    sleep_and_wake(bus);
    assert_int_equal(pci_sriov_num_vfs(bus->device), 2);
    assert_int_equal(vf_command(bus, 1), 4);
    bus_finish(bus);
}

static void a_card_pulled_while_it_sleeps_does_not_come_back(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    bus_enable(bus, 2);
    assert_int_equal(set_power(bus, PowerDeviceD3), STATUS_SUCCESS);
    pcibus_surprise_remove(bus->pdo);
    set_power(bus, PowerDeviceD0);
    assert_int_equal(pci_sriov_num_vfs(bus->device), 0);
    assert_true(pci_device_gone(bus->device));
    bus_finish(bus);
}

static void a_card_that_sleeps_can_be_removed(void **state)
{
    (void)state;
    struct bus *bus = bus_begin();
    bus_enable(bus, 2);
    assert_int_equal(set_power(bus, PowerDeviceD3), STATUS_SUCCESS);
    bus_finish(bus); /* which finds what was not freed */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_that_resets_on_waking_has_its_registers_and_vfs_again),
        cmocka_unit_test(vfs_that_were_not_enabled_are_not_enabled_by_waking),
        cmocka_unit_test(what_counts_is_how_it_was_in_d0),
        cmocka_unit_test(a_card_that_keeps_its_state_keeps_its_vfs_registers_too),
        cmocka_unit_test(a_card_pulled_while_it_sleeps_does_not_come_back),
        cmocka_unit_test(a_card_that_sleeps_can_be_removed),
    };
    return cmocka_run_group_tests_name("power", tests, NULL, NULL);
}
