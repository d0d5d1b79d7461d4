/* SPDX-License-Identifier: MIT
 *
 * The interfaces of a VF's PDO, and PnP (pci.md 1.1, 1.2, 5.5, 5.6).
 */
#include "vsc_rig.h"

/* ---- interfaces (1.1, 1.2, 5.6) --------------------------------------------------------------------------------- */

static void interfaces_have_their_documented_form(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    assert_int_equal(rig.bus.Size, 64);
    assert_int_equal(rig.bus.Version, 1);
    assert_int_equal(rig.vpci.Size, 56);
    assert_int_equal(rig.vpci.Version, 1);
    assert_int_equal(rig.vpci.SerialNumber, 0x1000);
    assert_null(rig.bus.GetDmaAdapter(rig.bus.Context, NULL, NULL));
    rig_down(&rig);
}

static void query_interface_follows_the_size_and_version_rules(void **state)
{
    static const struct {
        USHORT size_change, version;
        NTSTATUS status;
    } rows[] = {{0, 1, STATUS_SUCCESS},
                {1, 1, STATUS_SUCCESS},
                {0, 0xFFFF, STATUS_SUCCESS},
                {(USHORT)-1, 1, STATUS_INVALID_BUFFER_SIZE},
                {(USHORT)-32, 1, STATUS_INVALID_BUFFER_SIZE},
                {0, 0, STATUS_INVALID_BUFFER_SIZE}};
    const struct {
        const GUID *type;
        USHORT size;
    } kinds[] = {{&GUID_BUS_INTERFACE_STANDARD, 64}, {&GUID_VPCI_INTERFACE_STANDARD, 56}};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < 12; i++) {
        unsigned row = i / 2;
        union {
            INTERFACE interface;
            uint8_t bytes[72];
        } out, before;
        memset(&out, 0, sizeof out);
        before = out;
        NTSTATUS status =
            nt_query_interface(rig.pdo, kinds[i % 2].type, (USHORT)(kinds[i % 2].size + rows[row].size_change),
                               rows[row].version, &out.interface);
        assert_int_equal(status, rows[row].status);
        if (NT_SUCCESS(status)) {
            assert_int_equal(out.interface.Size, kinds[i % 2].size);
            assert_int_equal(out.interface.Version, 1);
            assert_memory_equal(out.bytes + kinds[i % 2].size, before.bytes, sizeof out - kinds[i % 2].size);
            out.interface.InterfaceDereference(out.interface.Context);
        } else {
            assert_memory_equal(&out, &before, sizeof out);
        }
    }
    assert_int_equal(nt_query_interface(rig.pdo, kinds[0].type, 64, 1, NULL), STATUS_INVALID_PARAMETER);
    assert_int_equal(nt_query_interface(rig.pdo, NULL, 64, 1, (PINTERFACE)&rig.bus), STATUS_NOT_SUPPORTED);
    assert_int_equal(nt_query_interface(rig.pdo, &GUID_PCI_VIRTUALIZATION_INTERFACE, 80, 1, (PINTERFACE)&rig.bus),
                     STATUS_NOT_SUPPORTED);
    rig_down(&rig);
}

static void the_vpci_interface_is_offered_in_a_child_partition_only(void **state)
{
    static const enum nt_role roles[] = {NT_PARENT, NT_BARE};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig rig;
        VPCI_INTERFACE_STANDARD out = {0};
        rig_prepare(&rig);
        nt_enter(NULL);
        nt_partition_destroy(rig.partition);
        rig.partition = nt_partition_create(&(struct nt_partition_options){.name = "host", .role = roles[i]});
        nt_enter(rig.partition);
        assert_int_equal(rig_connect(&rig, 0), 0);
        assert_int_equal(
            nt_query_interface(vsc_pdo(rig.vsc, 0), &GUID_VPCI_INTERFACE_STANDARD, 56, 1, (PINTERFACE)&out),
            STATUS_NOT_SUPPORTED);
        assert_null(out.Context);
        rig_down(&rig);
    }
}

static void an_interface_outlives_the_bus_and_fails_by_its_table(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t value = 0;
    rig_up(&rig, 0);
    rig.bus.InterfaceReference(rig.bus.Context);
    vsc_disconnect(rig.vsc);
    rig.vsc = NULL;
    assert_int_equal(get_config(&rig, &value, 0, 4), 0);
    assert_int_equal(value, 0xFFFFFFFF);
    assert_int_equal(set_config(&rig, &value, 0, 4), 0);
    assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_DEVICE_REMOVED);
    assert_int_equal(rig.vpci.WriteVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_DEVICE_REMOVED);
    rig.bus.InterfaceDereference(rig.bus.Context);
    rig_down(&rig);
}

static void after_the_last_dereference_the_routines_refuse(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t value = 0;
    rig_up(&rig, 0);
    rig.bus.InterfaceDereference(rig.bus.Context);
    rig.vpci.InterfaceDereference(rig.vpci.Context);
    assert_int_equal(get_config(&rig, &value, 0x40, 4), 0);
    assert_int_equal(value, 0);
    assert_int_equal(rig.vpci.WriteVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_INVALID_PARAMETER);
    rig.bus.Context = rig.vpci.Context = NULL;
    rig_down(&rig);
}

static void addresses_inside_a_bar_translate_to_themselves(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t bar = 0;
    rig_up(&rig, 0);
    memcpy(&bar, &script_config(&rig.script)[0][0x10], 8);
    const struct {
        uint64_t address;
        ULONG length, space;
        BOOLEAN good;
    } rows[] = {{bar, 0x4000, 0, TRUE}, {bar + 0x3FFF, 1, 0, TRUE}, {bar, 0x4001, 0, FALSE},   {bar - 1, 1, 0, FALSE},
                {bar, 0, 0, FALSE},     {bar, 4, 1, FALSE},         {UINT64_MAX, 4, 0, FALSE}, {bar, 4, 2, FALSE}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        PHYSICAL_ADDRESS in = {.QuadPart = (LONGLONG)rows[i].address}, out = {.QuadPart = 0x55};
        ULONG space = rows[i].space;
        assert_int_equal(rig.bus.TranslateBusAddress(rig.bus.Context, in, rows[i].length, &space, &out), rows[i].good);
        assert_int_equal(space, rows[i].space);
        assert_true(out.QuadPart == (rows[i].good ? in.QuadPart : 0x55));
    }
    rig_down(&rig);
}

/* ---- PnP -------------------------------------------------------------------------------------------------------- */

static NTSTATUS pnp(struct rig *rig, UCHAR minor, IO_STACK_LOCATION stack, ULONG_PTR *information)
{
    PIRP irp = IoAllocateIrp(rig->pdo->StackSize, FALSE);
    stack.MajorFunction = IRP_MJ_PNP;
    stack.MinorFunction = minor;
    *IoGetNextIrpStackLocation(irp) = stack;
    irp->IoStatus.Status = STATUS_NOT_SUPPORTED;
    NTSTATUS status = nt_call_driver_and_wait(rig->pdo, irp);
    *information = irp->IoStatus.Information;
    IoFreeIrp(irp);
    return status;
}

static void resources_are_the_bars_and_a_descriptor_a_message(void **state)
{
    (void)state;
    struct rig rig;
    ULONG_PTR information;
    rig_up(&rig, 0);
    script_put(&rig.script, 6, "\x10", 1);
    script_put(&rig.script, 0x34, "\x50", 1);
    script_put(&rig.script, 0x50, "\x01\x70\0\0", 4);
    script_put(&rig.script, 0x70, "\x11\x00\x02\x00", 4); /* MSI-X, 3 messages */
    assert_int_equal(pnp(&rig, IRP_MN_QUERY_RESOURCES, (IO_STACK_LOCATION){0}, &information), STATUS_SUCCESS);
    PCM_RESOURCE_LIST list = (PCM_RESOURCE_LIST)information;
    assert_int_equal(list->Count, 1);
    PCM_PARTIAL_RESOURCE_LIST partial = &list->List[0].PartialResourceList;
    assert_int_equal(partial->Count, 5);
    assert_int_equal(partial->PartialDescriptors[0].Type, CmResourceTypeMemory);
    assert_int_equal(partial->PartialDescriptors[0].u.Memory.Length, 0x4000);
    assert_memory_equal(&partial->PartialDescriptors[0].u.Memory.Start, &script_config(&rig.script)[0][0x10], 8);
    assert_int_equal(partial->PartialDescriptors[1].u.Memory.Length, 0x2000);
    for (unsigned i = 2; i < 5; i++) {
        assert_int_equal(partial->PartialDescriptors[i].Type, CmResourceTypeInterrupt);
        assert_true(partial->PartialDescriptors[i].Flags & CM_RESOURCE_INTERRUPT_MESSAGE);
    }
    ExFreePool(list);
    rig_down(&rig);
}

static void a_capability_list_in_circles_ends(void **state)
{
    (void)state;
    struct rig rig;
    ULONG_PTR information;
    rig_up(&rig, 0);
    script_put(&rig.script, 6, "\x10", 1);
    script_put(&rig.script, 0x34, "\x50", 1);
    script_put(&rig.script, 0x50, "\x01\x50\0\0", 4);
    assert_int_equal(pnp(&rig, IRP_MN_QUERY_RESOURCES, (IO_STACK_LOCATION){0}, &information), STATUS_SUCCESS);
    assert_int_equal(((PCM_RESOURCE_LIST)information)->List[0].PartialResourceList.Count, 2);
    ExFreePool((PVOID)information);
    rig_down(&rig);
}

static void start_turns_memory_decoding_on_and_stop_turns_it_off(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    assert_int_equal(script_config(&rig.script)[0][4] & 2, 2);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_QUERY_STOP_DEVICE), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE), STATUS_SUCCESS);
    assert_int_equal(script_config(&rig.script)[0][4] & 2, 0);
    assert_int_equal(nt_pnp_start(rig.pdo), STATUS_SUCCESS);
    assert_int_equal(script_config(&rig.script)[0][4] & 2, 2);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_QUERY_REMOVE_DEVICE), STATUS_SUCCESS);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE), STATUS_SUCCESS);
    assert_int_equal(script_config(&rig.script)[0][4] & 2, 0);
    rig_down(&rig);
}

static void after_removal_routines_fail_and_a_missing_device_gives_no_interface(void **state)
{
    static const UCHAR minors[] = {IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig rig;
        BUS_INTERFACE_STANDARD out = {0};
        uint32_t value = 0;
        rig_up(&rig, 0);
        assert_int_equal(nt_pnp_simple(rig.pdo, minors[i]), STATUS_SUCCESS);
        unsigned before = window_accesses(&rig);
        assert_int_equal(get_config(&rig, &value, 0x40, 4), 0);
        assert_int_equal(value, 0xFFFFFFFF);
        assert_int_equal(set_config(&rig, &value, 0x40, 4), 0);
        assert_int_equal(window_accesses(&rig), before);
        assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_DEVICE_REMOVED);
        if (i == 1)
            assert_int_equal(nt_query_interface(rig.pdo, &GUID_BUS_INTERFACE_STANDARD, 64, 1, (PINTERFACE)&out),
                             STATUS_NOT_SUPPORTED);
        assert_null(out.Context);
        /* A removed device may be started again, one that is missing may not. */
        assert_int_equal(nt_pnp_start(rig.pdo), i == 0 ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE);
        assert_int_equal(get_config(&rig, &value, 0x40, 4), i == 0 ? 4 : 0);
        rig_down(&rig);
    }
}

static void a_stack_built_again_after_removal_gets_its_interfaces_before_the_start(void **state)
{
    (void)state;
    struct rig rig;
    BUS_INTERFACE_STANDARD out = {0};
    uint32_t value = 0;
    rig_up(&rig, 0);
    assert_int_equal(nt_pnp_simple(rig.pdo, IRP_MN_REMOVE_DEVICE), STATUS_SUCCESS);
    assert_int_equal(nt_query_interface(rig.pdo, &GUID_BUS_INTERFACE_STANDARD, 64, 1, (PINTERFACE)&out),
                     STATUS_SUCCESS);
    assert_int_equal(out.GetBusData(out.Context, PCI_WHICHSPACE_CONFIG, &value, 0x40, 4), 4);
    struct sent sent;
    VPCI_INVALIDATE_BLOCK_OUTPUT mask;
    send_invalidate(&rig, &sent, &mask);
    assert_int_equal(ioctl_end(&sent), STATUS_DEVICE_NOT_READY); /* not started */
    assert_int_equal(nt_pnp_start(rig.pdo), STATUS_SUCCESS);
    assert_int_equal(read_block(&rig, 1, &value, 4), STATUS_SUCCESS);
    out.InterfaceDereference(out.Context);
    rig_down(&rig);
}

static void config_irps_follow_their_table(void **state)
{
    uint32_t value = 0xEEEEEEEE;
    const struct {
        ULONG space, offset, length;
        void *buffer;
        NTSTATUS status;
    } rows[] = {{0, 0x40, 4, &value, STATUS_SUCCESS},
                {1, 0x40, 4, &value, STATUS_INVALID_PARAMETER_1},
                {PCI_WHICHSPACE_ROM, 0x40, 4, &value, STATUS_INVALID_PARAMETER_1},
                {0, 4093, 4, &value, STATUS_INVALID_PARAMETER},
                {0, UINT32_MAX, 4, &value, STATUS_INVALID_PARAMETER},
                {0, 0, 0, &value, STATUS_INVALID_PARAMETER},
                {0, 0, 4, NULL, STATUS_INVALID_PARAMETER}};
    (void)state;
    struct rig rig;
    ULONG_PTR information;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        IO_STACK_LOCATION stack = {0};
        stack.Parameters.ReadWriteConfig.WhichSpace = rows[i].space;
        stack.Parameters.ReadWriteConfig.Buffer = rows[i].buffer;
        stack.Parameters.ReadWriteConfig.Offset = rows[i].offset;
        stack.Parameters.ReadWriteConfig.Length = rows[i].length;
        for (UCHAR minor = IRP_MN_READ_CONFIG; minor <= IRP_MN_WRITE_CONFIG; minor++) {
            value = 0xEEEEEEEE;
            assert_int_equal(pnp(&rig, minor, stack, &information), rows[i].status);
            assert_int_equal(information, rows[i].status ? 0 : 4);
            if (rows[i].status || minor == IRP_MN_WRITE_CONFIG)
                assert_int_equal(value, 0xEEEEEEEE);
        }
    }
    assert_memory_equal(&script_config(&rig.script)[0][0x40], "\xEE\xEE\xEE\xEE", 4);
    IO_STACK_LOCATION stack = {0};
    stack.Parameters.ReadWriteConfig.Buffer = &value;
    stack.Parameters.ReadWriteConfig.Length = 4;
    nt_pnp_simple(rig.pdo, IRP_MN_STOP_DEVICE);
    assert_int_equal(pnp(&rig, IRP_MN_READ_CONFIG, stack, &information), STATUS_DEVICE_NOT_READY);
    nt_pnp_simple(rig.pdo, IRP_MN_SURPRISE_REMOVAL);
    assert_int_equal(pnp(&rig, IRP_MN_READ_CONFIG, stack, &information), STATUS_NO_SUCH_DEVICE);
    assert_int_equal(information, 0);
    rig_down(&rig);
}

static void unknown_pnp_requests_keep_their_status(void **state)
{
    (void)state;
    struct rig rig;
    ULONG_PTR information;
    rig_up(&rig, 0);
    assert_int_equal(pnp(&rig, IRP_MN_QUERY_CAPABILITIES, (IO_STACK_LOCATION){0}, &information), STATUS_NOT_SUPPORTED);
    assert_int_equal(pnp(&rig, 0xFF, (IO_STACK_LOCATION){0}, &information), STATUS_NOT_SUPPORTED);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(interfaces_have_their_documented_form),
        cmocka_unit_test(query_interface_follows_the_size_and_version_rules),
        cmocka_unit_test(the_vpci_interface_is_offered_in_a_child_partition_only),
        cmocka_unit_test(an_interface_outlives_the_bus_and_fails_by_its_table),
        cmocka_unit_test(after_the_last_dereference_the_routines_refuse),
        cmocka_unit_test(addresses_inside_a_bar_translate_to_themselves),
        cmocka_unit_test(resources_are_the_bars_and_a_descriptor_a_message),
        cmocka_unit_test(a_capability_list_in_circles_ends),
        cmocka_unit_test(start_turns_memory_decoding_on_and_stop_turns_it_off),
        cmocka_unit_test(after_removal_routines_fail_and_a_missing_device_gives_no_interface),
        cmocka_unit_test(a_stack_built_again_after_removal_gets_its_interfaces_before_the_start),
        cmocka_unit_test(config_irps_follow_their_table),
        cmocka_unit_test(unknown_pnp_requests_keep_their_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
