/* SPDX-License-Identifier: MIT
 *
 * Message layouts against the table of vpci-wire.md 9.3, offsets against 1.5 and 1.6, and the link keys of traces.
 */
#include "test.h"

#include "vmbus/vmbus.h"
#include "vpci/wire.h"

/* 9.3: exact payload, and descriptor and padded payload on the ring. */
static void packets_have_the_sizes_of_the_table(void **state)
{
    static const struct {
        size_t payload;
        uint32_t exact, on_the_ring;
    } rows[] = {
        {sizeof(struct vpci_query_version), 8, 24},
        {sizeof(struct vpci_version_completion), 8, 24},
        {sizeof(struct vpci_header), 4, 24}, /* QUERY_BUS_RELATIONS, BUS_D0EXIT */
        {sizeof(struct vpci_relations) + sizeof(struct vpci_function), 28, 48},
        {sizeof(struct vpci_relations) + sizeof(struct vpci_function2), 36, 56},
        {sizeof(struct vpci_slot_message), 8, 24}, /* requirements, released, eject */
        {sizeof(struct vpci_requirements_completion), 28, 48},
        {sizeof(struct vpci_d0_entry), 16, 32},
        {sizeof(struct vpci_status), 4, 24},
        {VPCI_ASSIGNED_LINUX, 148, 168},
        {VPCI_ASSIGNED2_LINUX, 202, 224},
        {sizeof(struct vpci_ejection_complete), 12, 32},
        {sizeof(struct vpci_create_interrupt), 24, 40},
        {sizeof(struct vpci_create_interrupt2), 78, 96},
        {sizeof(struct vpci_create_interrupt3), 82, 104},
        {sizeof(struct vpci_create_interrupt_completion), 24, 40},
        {sizeof(struct vpci_delete_interrupt), 24, 40},
        {sizeof(struct vpci_read_block), 16, 32},
        {sizeof(struct vpci_read_block_completion), 132, 152},
        {sizeof(struct vpci_write_block) + VPCI_BLOCK_MAX + VPCI_BLOCK_WRITE_EXTRA, 148, 168},
        {sizeof(struct vpci_invalidate_block), 16, 32},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        assert_int_equal(rows[i].payload, rows[i].exact);
        assert_int_equal(vmbus_ring_space(rows[i].exact), rows[i].on_the_ring + 8);
        assert_true(rows[i].on_the_ring >= VPCI_PACKET_MIN);
    }
}

static void fields_stand_where_the_specification_has_them(void **state)
{
    static const struct {
        size_t found, expected;
    } rows[] = {
        {offsetof(struct vpci_function, base_class), 7},
        {offsetof(struct vpci_function, subsystem_vendor_id), 8},
        {offsetof(struct vpci_function, subsystem_id), 10},
        {offsetof(struct vpci_function, slot), 12},
        {offsetof(struct vpci_function, serial), 16},
        {offsetof(struct vpci_function2, flags), 20},
        {offsetof(struct vpci_function2, numa_node), 24},
        {offsetof(struct vpci_resource, flags), 2},
        {offsetof(struct vpci_resource, start), 4},
        {offsetof(struct vpci_resource, length), 12},
        {offsetof(struct vpci_interrupt, vector_count), 2},
        {offsetof(struct vpci_interrupt, cpu_mask), 8},
        {offsetof(struct vpci_interrupt2, processors), 6},
        {offsetof(struct vpci_interrupt3, delivery), 4},
        {offsetof(struct vpci_interrupt3, processors), 10},
        {offsetof(struct vpci_translated_interrupt, vector_count), 2},
        {offsetof(struct vpci_translated_interrupt, address), 8},
        {offsetof(struct vpci_requirements_completion, probed_bar), 4},
        {offsetof(struct vpci_d0_entry, mmio_base), 8},
        {offsetof(struct vpci_resources_assigned, bar), 8},
        {offsetof(struct vpci_resources_assigned, msi_count), 128},
        {offsetof(struct vpci_read_block, block_id), 4},
        {offsetof(struct vpci_read_block, slot), 8},
        {offsetof(struct vpci_read_block, bytes_requested), 12},
        {offsetof(struct vpci_write_block, block_id), 4},
        {offsetof(struct vpci_write_block, slot), 8},
        {offsetof(struct vpci_write_block, byte_count), 12},
        {offsetof(struct vpci_invalidate_block, block_mask), 8},
        {offsetof(struct vpci_power_state_change, target), 8},
        {offsetof(struct vpci_get_resources_completion, bar), 8},
        {offsetof(struct vpci_create_interrupt3, interrupt), 8},
        {offsetof(struct vpci_create_interrupt_completion, interrupt.address), 16},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(rows[i].found, rows[i].expected);
}

static void messages_have_their_numbers(void **state)
{
    static const uint32_t numbers[] = {
        VPCI_BUS_RELATIONS,       VPCI_QUERY_BUS_RELATIONS,
        VPCI_INVALIDATE_DEVICE,   VPCI_INVALIDATE_BUS,
        VPCI_POWER_STATE_CHANGE,  VPCI_QUERY_RESOURCE_REQUIREMENTS,
        VPCI_GET_RESOURCES,       VPCI_BUS_D0ENTRY,
        VPCI_BUS_D0EXIT,          VPCI_READ_BLOCK_MESSAGE,
        VPCI_WRITE_BLOCK_MESSAGE, VPCI_EJECT,
        VPCI_QUERY_STOP,          VPCI_REENABLE,
        VPCI_QUERY_STOP_FAILED,   VPCI_EJECTION_COMPLETE,
        VPCI_RESOURCES_ASSIGNED,  VPCI_RESOURCES_RELEASED,
        VPCI_INVALIDATE_BLOCK,    VPCI_QUERY_PROTOCOL_VERSION,
        VPCI_CREATE_INTERRUPT,    VPCI_DELETE_INTERRUPT,
        VPCI_RESOURCES_ASSIGNED2, VPCI_CREATE_INTERRUPT2,
        VPCI_DELETE_INTERRUPT2,   VPCI_BUS_RELATIONS2,
        VPCI_RESOURCES_ASSIGNED3, VPCI_CREATE_INTERRUPT3,
        VPCI_RESET_DEVICE,        VPCI_TDISP_COMMAND,
    };
    (void)state;
    for (uint32_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        assert_int_equal(numbers[i], 0x42490000u + i);
    assert_int_equal(sizeof numbers / sizeof numbers[0], 0x1E);
}

static void limits_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(8 + 28 * VPCI_RELATIONS2_MAX + VPCI_DESCRIPTOR, 4084);
    assert_int_equal(8 + 20 * VPCI_RELATIONS_MAX + VPCI_DESCRIPTOR, 4084);
    assert_int_equal(sizeof(struct vpci_resources_assigned) + VPCI_ASSIGNED_ENTRY3 * VPCI_INTERRUPTS_MAX,
                     VPCI_REQUEST_MAX);
    assert_int_equal(VPCI_SLOT(31, 7), 255);
    assert_int_equal(VPCI_SLOT_DEVICE(0xE3), 3);
    assert_int_equal(VPCI_SLOT_FUNCTION(0xE3), 7);
}

static void link_keys_differ_by_channel_kind_and_sequence(void **state)
{
    (void)state;
    assert_true(vpci_link_key(5, VPCI_LINK_MESSAGE, 0) == 0);
    uint64_t key = vpci_link_key(5, VPCI_LINK_MESSAGE, 1);
    assert_true(key != 0);
    assert_true(key != vpci_link_key(6, VPCI_LINK_MESSAGE, 1));
    assert_true(key != vpci_link_key(5, VPCI_LINK_WINDOW, 1));
    assert_true(key != vpci_link_key(5, VPCI_LINK_MESSAGE, 2));
    assert_true(vpci_link_key(2047, VPCI_LINK_WINDOW, 1) != vpci_link_key(2047, VPCI_LINK_MESSAGE, 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_have_the_sizes_of_the_table),
        cmocka_unit_test(fields_stand_where_the_specification_has_them),
        cmocka_unit_test(messages_have_their_numbers),
        cmocka_unit_test(limits_are_those_of_the_specification),
        cmocka_unit_test(link_keys_differ_by_channel_kind_and_sequence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
