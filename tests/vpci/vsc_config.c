/* SPDX-License-Identifier: MIT
 *
 * Configuration space of a VF as its driver reaches it, the interfaces of its PDO, and PnP (pci.md 1.2, 1.3, 4.11, 5.5,
 * 5.6; vpci-wire.md 2).
 */
#include "vsc_rig.h"

#include <errno.h>

static ULONG get(struct rig *rig, void *buffer, ULONG offset, ULONG length)
{
    return rig->bus.GetBusData(rig->bus.Context, PCI_WHICHSPACE_CONFIG, buffer, offset, length);
}

static ULONG set(struct rig *rig, void *buffer, ULONG offset, ULONG length)
{
    return rig->bus.SetBusData(rig->bus.Context, PCI_WHICHSPACE_CONFIG, buffer, offset, length);
}

static unsigned accesses(struct rig *rig)
{
    pthread_mutex_lock(&rig->script.lock);
    unsigned count = rig->script.accesses;
    pthread_mutex_unlock(&rig->script.lock);
    return count;
}

/* ---- the splitter ----------------------------------------------------------------------------------------------- */

static void every_range_is_read_byte_for_byte_and_nothing_else_is_touched(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (ULONG offset = 0x40; offset < 0x50; offset++) {
        for (ULONG length = 1; length <= 20; length++) {
            uint8_t buffer[32];
            memset(buffer, 0xEE, sizeof buffer);
            assert_int_equal(get(&rig, buffer + 4, offset, length), length);
            assert_memory_equal(buffer + 4, &script_config(&rig.script)[0][offset], length);
            assert_memory_equal(buffer, "\xEE\xEE\xEE\xEE", 4);
            assert_memory_equal(buffer + 4 + length, "\xEE\xEE\xEE\xEE", 4);
        }
    }
    rig_down(&rig);
}

static void every_range_is_written_byte_for_byte_and_the_buffer_stays(void **state)
{
    (void)state;
    struct rig rig;
    uint8_t expected[VPCI_CONFIG_SIZE];
    rig_up(&rig, 0);
    for (ULONG offset = 0x40; offset < 0x48; offset++) {
        for (ULONG length = 1; length <= 20; length++) {
            uint8_t buffer[20], before[20];
            memcpy(expected, script_config(&rig.script)[0], sizeof expected);
            for (ULONG i = 0; i < length; i++)
                expected[offset + i] = buffer[i] = (uint8_t)(offset * 31 + length * 7 + i);
            memcpy(before, buffer, sizeof before);
            assert_int_equal(set(&rig, buffer, offset, length), length);
            assert_memory_equal(expected, script_config(&rig.script)[0], sizeof expected);
            assert_memory_equal(buffer, before, length);
        }
    }
    rig_down(&rig);
}

static void pieces_are_the_largest_naturally_aligned_ones_in_ascending_order(void **state)
{
    static const struct {
        ULONG offset, length;
        uint32_t pieces[6];
    } rows[] = {{0x40, 4, {4}},       {0x41, 4, {1, 2, 1}},    {0x42, 4, {2, 2}}, {0x43, 4, {1, 2, 1}},
                {0x40, 8, {4, 4}},    {0x41, 8, {1, 2, 4, 1}}, {0x40, 3, {2, 1}}, {0x43, 2, {1, 1}},
                {0x42, 7, {2, 4, 1}}, {0xFFF, 1, {1}},         {0xFFD, 3, {1, 2}}};
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint8_t buffer[8] = {0};
        unsigned at = accesses(&rig);
        uint64_t address = 0;
        assert_int_equal(get(&rig, buffer, rows[i].offset, rows[i].length), rows[i].length);
        for (unsigned piece = 0; rows[i].pieces[piece]; piece++, at++) {
            assert_int_equal(script_access(&rig.script, at).size, rows[i].pieces[piece]);
            assert_true(script_access(&rig.script, at).address > address);
            assert_false(script_access(&rig.script, at).is_write);
            address = script_access(&rig.script, at).address;
        }
        assert_int_equal(accesses(&rig), at);
    }
    rig_down(&rig);
}

static void the_slot_is_selected_once_until_another_function_is_used(void **state)
{
    (void)state;
    struct rig rig;
    BUS_INTERFACE_STANDARD second;
    uint8_t byte;
    rig_prepare(&rig);
    rig.script.count = 2;
    assert_int_equal(rig_connect(&rig, 0), 0);
    rig.pdo = vsc_pdo(rig.vsc, 0);
    nt_query_interface(rig.pdo, &GUID_BUS_INTERFACE_STANDARD, 64, 1, (PINTERFACE)&rig.bus);
    nt_query_interface(vsc_pdo(rig.vsc, 1), &GUID_BUS_INTERFACE_STANDARD, 64, 1, (PINTERFACE)&second);
    assert_int_equal(get(&rig, &byte, 0x40, 1), 1);
    unsigned before = accesses(&rig);
    for (unsigned i = 0; i < 10; i++)
        get(&rig, &byte, 0x40, 1);
    assert_int_equal(accesses(&rig), before + 10);
    assert_int_equal(second.GetBusData(second.Context, 0, &byte, 0x41, 1), 1);
    assert_int_equal(byte, script_config(&rig.script)[1][0x41]);
    assert_int_equal(accesses(&rig), before + 12);
    assert_int_equal(script_access(&rig.script, before + 10).address & 0x1FFF, VPCI_WINDOW_SELECT);
    assert_int_equal(script_access(&rig.script, before + 10).size, 4);
    get(&rig, &byte, 0x41, 1);
    assert_int_equal(byte, script_config(&rig.script)[0][0x41]);
    assert_int_equal(accesses(&rig), before + 14);
    second.InterfaceDereference(second.Context);
    rig_down(&rig);
}

/* ---- errors (5.5) ----------------------------------------------------------------------------------------------- */

static void wrong_bus_data_calls_return_zero_and_change_nothing(void **state)
{
    static const struct {
        ULONG space, offset, length;
        bool no_buffer;
    } rows[] = {{0, 0, 0, false},          {0, 0, 0, true},
                {0, 0, 4, true},           {0, 4096, 1, false},
                {0, 4095, 2, false},       {0, 0, 4097, false},
                {0, 0xFFFFFFFC, 8, false}, {0, UINT32_MAX, UINT32_MAX, false},
                {1, 0, 4, false},          {PCI_WHICHSPACE_ROM, 0, 4, false}};
    (void)state;
    struct rig rig;
    static uint8_t buffer[4200], before[4200], config[VPCI_CONFIG_SIZE];
    rig_up(&rig, 0);
    memset(buffer, 0xEE, sizeof buffer);
    memcpy(before, buffer, sizeof before);
    memcpy(config, script_config(&rig.script)[0], sizeof config);
    unsigned count = accesses(&rig);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *at = rows[i].no_buffer ? NULL : buffer;
        assert_int_equal(rig.bus.GetBusData(rig.bus.Context, rows[i].space, at, rows[i].offset, rows[i].length), 0);
        assert_int_equal(rig.bus.SetBusData(rig.bus.Context, rows[i].space, at, rows[i].offset, rows[i].length), 0);
        assert_int_equal(rig.bus.GetBusData(NULL, 0, buffer, 0, 4), 0);
        assert_int_equal(rig.bus.SetBusData(NULL, 0, buffer, 0, 4), 0);
        assert_memory_equal(buffer, before, sizeof before);
        assert_memory_equal(script_config(&rig.script)[0], config, sizeof config);
        assert_int_equal(accesses(&rig), count);
    }
    assert_int_equal(get(&rig, buffer, 0, 4096), 4096);
    rig_down(&rig);
}

static void above_apc_level_a_caller_is_reported_and_served(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t value = 0;
    KIRQL irql;
    rig_up(&rig, 0);
    uint64_t before = nt_violations(rig.partition);
    KeRaiseIrql(APC_LEVEL, &irql);
    assert_int_equal(get(&rig, &value, 0x40, 4), 4);
    KeLowerIrql(irql);
    assert_true(nt_violations(rig.partition) == before);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_int_equal(get(&rig, &value, 0x40, 4), 4);
    assert_int_equal(set(&rig, &value, 0x40, 4), 4);
    KeLowerIrql(irql);
    assert_true(nt_violations(rig.partition) == before + 2);
    rig_down(&rig);
}

static void a_host_that_does_not_answer_an_access_gives_all_ones_and_zero(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t value = 0;
    rig_up(&rig, 20);
    pthread_mutex_lock(&rig.script.lock);
    rig.script.deaf_window = true;
    pthread_mutex_unlock(&rig.script.lock);
    assert_int_equal(get(&rig, &value, 0x40, 8), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(set(&rig, &value, 0x40, 8), 0);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 0x40, 2), 0xFFFF);
    pthread_mutex_lock(&rig.script.lock);
    rig.script.deaf_window = false;
    pthread_mutex_unlock(&rig.script.lock);
    /* The late answers of before are not taken for this one, and the slot is selected anew. */
    assert_int_equal(get(&rig, &value, 0x60, 4), 4);
    assert_memory_equal(&value, &script_config(&rig.script)[0][0x60], 4);
    rig_down(&rig);
}

struct order {
    struct script *script;
    unsigned accesses; /* end the host when there are more */
};

static void *end_the_host(void *context)
{
    struct order *order = context;
    pthread_mutex_lock(&order->script->lock);
    while (order->script->accesses <= order->accesses)
        pthread_cond_wait(&order->script->changed, &order->script->lock);
    pthread_mutex_unlock(&order->script->lock);
    script_stop(order->script);
    return NULL;
}

static void a_host_that_dies_in_an_access_ends_it(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t value = 0;
    pthread_t killer;
    rig_up(&rig, 0);
    struct order order = {&rig.script, accesses(&rig)};
    pthread_mutex_lock(&rig.script.lock);
    rig.script.deaf_window = true;
    pthread_mutex_unlock(&rig.script.lock);
    pthread_create(&killer, NULL, end_the_host, &order);
    assert_int_equal(get(&rig, &value, 0x40, 4), 0);
    assert_int_equal(value, 0xFFFFFFFF);
    pthread_join(killer, NULL);
    rig_down(&rig);
}

/* ---- raw window accesses ---------------------------------------------------------------------------------------- */

static void raw_accesses_go_through_as_they_are(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    for (uint32_t size = 1; size <= 4; size *= 2) {
        uint32_t expected = 0;
        memcpy(&expected, &script_config(&rig.script)[0][0x44], size);
        assert_int_equal(vsc_window_read(rig.vsc, 0, 0x44, size), expected);
        vsc_window_write(rig.vsc, 0, 0x80, size, 0xA1B2C3D4);
        assert_memory_equal(&script_config(&rig.script)[0][0x80], "\xD4\xC3\xB2\xA1", size);
    }
    unsigned before = accesses(&rig);
    assert_int_equal(vsc_window_read(rig.vsc, 1, 0, 4), 0xFFFFFFFF);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 4096, 1), 0xFF);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 4095, 2), 0xFFFF);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 0, 8), 0xFFFFFFFF);
    assert_int_equal(accesses(&rig), before);
    rig_down(&rig);
}

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
    assert_int_equal(get(&rig, &value, 0, 4), 0);
    assert_int_equal(value, 0xFFFFFFFF);
    assert_int_equal(set(&rig, &value, 0, 4), 0);
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
    assert_int_equal(get(&rig, &value, 0x40, 4), 0);
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

static void after_removal_routines_fail_and_interfaces_are_not_given_out(void **state)
{
    static const UCHAR minors[] = {IRP_MN_REMOVE_DEVICE, IRP_MN_SURPRISE_REMOVAL};
    (void)state;
    for (unsigned i = 0; i < 2; i++) {
        struct rig rig;
        BUS_INTERFACE_STANDARD out = {0};
        uint32_t value = 0;
        rig_up(&rig, 0);
        assert_int_equal(nt_pnp_simple(rig.pdo, minors[i]), STATUS_SUCCESS);
        unsigned before = accesses(&rig);
        assert_int_equal(get(&rig, &value, 0x40, 4), 0);
        assert_int_equal(value, 0xFFFFFFFF);
        assert_int_equal(set(&rig, &value, 0x40, 4), 0);
        assert_int_equal(accesses(&rig), before);
        assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_DEVICE_REMOVED);
        assert_int_equal(nt_query_interface(rig.pdo, &GUID_BUS_INTERFACE_STANDARD, 64, 1, (PINTERFACE)&out),
                         STATUS_NOT_SUPPORTED);
        assert_null(out.Context);
        /* A removed device may be started again, one that is missing may not. */
        assert_int_equal(nt_pnp_start(rig.pdo), i == 0 ? STATUS_SUCCESS : STATUS_NO_SUCH_DEVICE);
        assert_int_equal(get(&rig, &value, 0x40, 4), i == 0 ? 4 : 0);
        rig_down(&rig);
    }
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

/* ---- threads ---------------------------------------------------------------------------------------------------- */

struct writer {
    struct rig *rig;
    uint8_t byte;
};

static void *write_often(void *context)
{
    struct writer *writer = context;
    uint8_t bytes[16];
    nt_enter(writer->rig->partition);
    memset(bytes, writer->byte, sizeof bytes);
    for (unsigned i = 0; i < 300; i++)
        set(writer->rig, bytes, 0x80, sizeof bytes);
    nt_enter(NULL);
    return NULL;
}

static void two_threads_never_interleave_within_one_call(void **state)
{
    (void)state;
    struct rig rig;
    pthread_t threads[2];
    rig_up(&rig, 0);
    struct writer writers[2] = {{&rig, 0x11}, {&rig, 0x22}};
    for (unsigned i = 0; i < 2; i++)
        pthread_create(&threads[i], NULL, write_often, &writers[i]);
    for (unsigned i = 0; i < 300; i++) {
        uint8_t bytes[16];
        assert_int_equal(get(&rig, bytes, 0x80, sizeof bytes), 16);
        if (bytes[0] != 0x11 && bytes[0] != 0x22)
            continue;
        for (unsigned at = 1; at < sizeof bytes; at++)
            assert_int_equal(bytes[at], bytes[0]);
    }
    for (unsigned i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_range_is_read_byte_for_byte_and_nothing_else_is_touched),
        cmocka_unit_test(every_range_is_written_byte_for_byte_and_the_buffer_stays),
        cmocka_unit_test(pieces_are_the_largest_naturally_aligned_ones_in_ascending_order),
        cmocka_unit_test(the_slot_is_selected_once_until_another_function_is_used),
        cmocka_unit_test(wrong_bus_data_calls_return_zero_and_change_nothing),
        cmocka_unit_test(above_apc_level_a_caller_is_reported_and_served),
        cmocka_unit_test(a_host_that_does_not_answer_an_access_gives_all_ones_and_zero),
        cmocka_unit_test(a_host_that_dies_in_an_access_ends_it),
        cmocka_unit_test(raw_accesses_go_through_as_they_are),
        cmocka_unit_test(interfaces_have_their_documented_form),
        cmocka_unit_test(query_interface_follows_the_size_and_version_rules),
        cmocka_unit_test(the_vpci_interface_is_offered_in_a_child_partition_only),
        cmocka_unit_test(an_interface_outlives_the_bus_and_fails_by_its_table),
        cmocka_unit_test(after_the_last_dereference_the_routines_refuse),
        cmocka_unit_test(addresses_inside_a_bar_translate_to_themselves),
        cmocka_unit_test(resources_are_the_bars_and_a_descriptor_a_message),
        cmocka_unit_test(a_capability_list_in_circles_ends),
        cmocka_unit_test(start_turns_memory_decoding_on_and_stop_turns_it_off),
        cmocka_unit_test(after_removal_routines_fail_and_interfaces_are_not_given_out),
        cmocka_unit_test(config_irps_follow_their_table),
        cmocka_unit_test(unknown_pnp_requests_keep_their_status),
        cmocka_unit_test(two_threads_never_interleave_within_one_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
