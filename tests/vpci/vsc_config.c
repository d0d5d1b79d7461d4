/* SPDX-License-Identifier: MIT
 *
 * Configuration space of a VF as its driver reaches it (pci.md 1.3, 4.11, 5.5; vpci-wire.md 2).
 */
#include "vsc_rig.h"

#include <pthread.h>

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
            assert_int_equal(get_config(&rig, buffer + 4, offset, length), length);
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
            assert_int_equal(set_config(&rig, buffer, offset, length), length);
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
        unsigned at = window_accesses(&rig);
        uint64_t address = 0;
        assert_int_equal(get_config(&rig, buffer, rows[i].offset, rows[i].length), rows[i].length);
        for (unsigned piece = 0; rows[i].pieces[piece]; piece++, at++) {
            assert_int_equal(script_access(&rig.script, at).size, rows[i].pieces[piece]);
            assert_true(script_access(&rig.script, at).address > address);
            assert_false(script_access(&rig.script, at).is_write);
            address = script_access(&rig.script, at).address;
        }
        assert_int_equal(window_accesses(&rig), at);
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
    assert_int_equal(get_config(&rig, &byte, 0x40, 1), 1);
    unsigned before = window_accesses(&rig);
    for (unsigned i = 0; i < 10; i++)
        get_config(&rig, &byte, 0x40, 1);
    assert_int_equal(window_accesses(&rig), before + 10);
    assert_int_equal(second.GetBusData(second.Context, 0, &byte, 0x41, 1), 1);
    assert_int_equal(byte, script_config(&rig.script)[1][0x41]);
    assert_int_equal(window_accesses(&rig), before + 12);
    assert_int_equal(script_access(&rig.script, before + 10).address & 0x1FFF, VPCI_WINDOW_SELECT);
    assert_int_equal(script_access(&rig.script, before + 10).size, 4);
    get_config(&rig, &byte, 0x41, 1);
    assert_int_equal(byte, script_config(&rig.script)[0][0x41]);
    assert_int_equal(window_accesses(&rig), before + 14);
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
    unsigned count = window_accesses(&rig);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        void *at = rows[i].no_buffer ? NULL : buffer;
        assert_int_equal(rig.bus.GetBusData(rig.bus.Context, rows[i].space, at, rows[i].offset, rows[i].length), 0);
        assert_int_equal(rig.bus.SetBusData(rig.bus.Context, rows[i].space, at, rows[i].offset, rows[i].length), 0);
        assert_int_equal(rig.bus.GetBusData(NULL, 0, buffer, 0, 4), 0);
        assert_int_equal(rig.bus.SetBusData(NULL, 0, buffer, 0, 4), 0);
        assert_memory_equal(buffer, before, sizeof before);
        assert_memory_equal(script_config(&rig.script)[0], config, sizeof config);
        assert_int_equal(window_accesses(&rig), count);
    }
    assert_int_equal(get_config(&rig, buffer, 0, 4096), 4096);
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
    assert_int_equal(get_config(&rig, &value, 0x40, 4), 4);
    KeLowerIrql(irql);
    assert_true(nt_violations(rig.partition) == before);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    assert_int_equal(get_config(&rig, &value, 0x40, 4), 4);
    assert_int_equal(set_config(&rig, &value, 0x40, 4), 4);
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
    assert_int_equal(get_config(&rig, &value, 0x40, 8), 0);
    assert_true(value == UINT64_MAX);
    assert_int_equal(set_config(&rig, &value, 0x40, 8), 0);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 0x40, 2), 0xFFFF);
    pthread_mutex_lock(&rig.script.lock);
    rig.script.deaf_window = false;
    pthread_mutex_unlock(&rig.script.lock);
    /* The late answers of before are not taken for this one, and the slot is selected anew. */
    unsigned before = window_accesses(&rig);
    assert_int_equal(get_config(&rig, &value, 0x60, 4), 4);
    assert_int_equal(window_accesses(&rig), before + 2);
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
    struct order order = {&rig.script, window_accesses(&rig)};
    pthread_mutex_lock(&rig.script.lock);
    rig.script.deaf_window = true;
    pthread_mutex_unlock(&rig.script.lock);
    pthread_create(&killer, NULL, end_the_host, &order);
    assert_int_equal(get_config(&rig, &value, 0x40, 4), 0);
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
    unsigned before = window_accesses(&rig);
    assert_int_equal(vsc_window_read(rig.vsc, 1, 0, 4), 0xFFFFFFFF);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 4096, 1), 0xFF);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 4095, 2), 0xFFFF);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 0, 8), 0xFFFFFFFF);
    assert_int_equal(window_accesses(&rig), before);
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
        set_config(writer->rig, bytes, 0x80, sizeof bytes);
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
        assert_int_equal(get_config(&rig, bytes, 0x80, sizeof bytes), 16);
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
        cmocka_unit_test(two_threads_never_interleave_within_one_call),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
