/* SPDX-License-Identifier: MIT
 *
 * The VSC and its bus: the order of bringing it up, versions, BARs, eject (vpci-wire.md 1.7, 9.2).
 */
#include "vsc_rig.h"

#include <errno.h>

/* ---- good ------------------------------------------------------------------------------------------------------- */

static void the_bus_comes_up_and_goes_down_in_linux_order(void **state)
{
    static const uint32_t order[] = {
        VPCI_QUERY_PROTOCOL_VERSION,
        VPCI_QUERY_BUS_RELATIONS,
        VPCI_QUERY_RESOURCE_REQUIREMENTS,
        VPCI_QUERY_RESOURCE_REQUIREMENTS,
        VPCI_BUS_D0ENTRY,
        VPCI_RESOURCES_ASSIGNED2,
        VPCI_RESOURCES_ASSIGNED2,
        VPCI_RESOURCES_RELEASED,
        VPCI_RESOURCES_RELEASED,
        VPCI_BUS_D0EXIT,
    };
    (void)state;
    struct rig rig;
    rig_prepare(&rig);
    rig.script.count = 2;
    assert_int_equal(rig_connect(&rig, 0), 0);
    assert_int_equal(vsc_function_count(rig.vsc), 2);
    assert_non_null(vsc_pdo(rig.vsc, 1));
    assert_null(vsc_pdo(rig.vsc, 2));
    assert_false(vsc_gone(rig.vsc));
    vsc_disconnect(rig.vsc);
    rig.vsc = NULL;
    script_wait_closed(&rig.script);
    assert_int_equal(rig.script.logged, sizeof order / sizeof order[0]);
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++)
        assert_int_equal(rig.script.log[i].type, order[i]);
    /* Slots ascend on the way up and descend on the way down. */
    uint32_t slot;
    memcpy(&slot, rig.script.log[6].bytes + 4, 4);
    assert_int_equal(slot, 1);
    memcpy(&slot, rig.script.log[7].bytes + 4, 4);
    assert_int_equal(slot, 1);
    rig_down(&rig);
}

static void requests_have_increasing_ids_and_the_others_have_none(void **state)
{
    (void)state;
    struct rig rig;
    uint64_t last = 0;
    rig_up(&rig, 0);
    vsc_disconnect(rig.vsc);
    rig.vsc = NULL;
    script_wait_closed(&rig.script);
    for (unsigned i = 0; i < rig.script.logged; i++) {
        const struct script_packet *packet = &rig.script.log[i];
        bool silent = packet->type == VPCI_QUERY_BUS_RELATIONS || packet->type == VPCI_RESOURCES_RELEASED;
        assert_int_equal(packet->flagged, !silent);
        if (silent) {
            assert_true(packet->id == 0);
            continue;
        }
        assert_true(packet->id > last);
        last = packet->id;
    }
    rig_down(&rig);
}

static void messages_have_the_sizes_of_the_table(void **state)
{
    static const struct {
        uint32_t type, length;
    } rows[] = {{VPCI_QUERY_PROTOCOL_VERSION, 8},      {VPCI_QUERY_BUS_RELATIONS, 8},
                {VPCI_QUERY_RESOURCE_REQUIREMENTS, 8}, {VPCI_BUS_D0ENTRY, 16},
                {VPCI_RESOURCES_ASSIGNED2, 208},       {VPCI_READ_BLOCK_MESSAGE, 16},
                {VPCI_WRITE_BLOCK_MESSAGE, 152},       {VPCI_EJECTION_COMPLETE, 16}};
    (void)state;
    struct rig rig;
    uint8_t block[128];
    rig_up(&rig, 0);
    assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, block, 128), STATUS_SUCCESS);
    assert_int_equal(rig.vpci.WriteVfConfigBlock(rig.vpci.Context, 1, block, 128), STATUS_SUCCESS);
    script_eject(&rig.script, 0);
    assert_int_equal(vsc_wait_event(rig.vsc, -1), 0);
    vsc_eject_complete(rig.vsc);
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        assert_int_equal(script_wait(&rig.script, rows[i].type, 1).length, rows[i].length);
    rig_down(&rig);
}

static void versions_are_asked_from_the_best_down(void **state)
{
    (void)state;
    for (uint32_t highest = VPCI_VERSION_1_1; highest <= VPCI_VERSION_1_4; highest++) {
        struct rig rig;
        rig_prepare(&rig);
        rig.script.lowest = VPCI_VERSION_1_1;
        rig.script.highest = highest;
        rig.script.relations1 = highest < VPCI_VERSION_1_3;
        assert_int_equal(rig_connect(&rig, 0), 0);
        assert_int_equal(script_seen(&rig.script, VPCI_QUERY_PROTOCOL_VERSION), VPCI_VERSION_1_4 - highest + 1);
        rig_down(&rig);
    }
}

static void a_host_that_takes_no_version_of_ours_is_left(void **state)
{
    (void)state;
    struct rig rig;
    rig_prepare(&rig);
    rig.script.lowest = rig.script.highest = VPCI_VERSION(1, 5);
    assert_int_equal(rig_connect(&rig, 0), -EPROTO);
    assert_int_equal(script_seen(&rig.script, VPCI_QUERY_PROTOCOL_VERSION), 4);
    assert_int_equal(script_seen(&rig.script, VPCI_QUERY_BUS_RELATIONS), 0);
    rig_down(&rig);
}

static void a_refused_d0_entry_is_tried_once_more_after_giving_everything_back(void **state)
{
    (void)state;
    for (uint32_t refusals = 1; refusals <= 2; refusals++) {
        struct rig rig;
        rig_prepare(&rig);
        rig.script.d0_refusals = refusals;
        assert_int_equal(rig_connect(&rig, 0), refusals == 1 ? 0 : -EPROTO);
        assert_int_equal(script_seen(&rig.script, VPCI_BUS_D0ENTRY), 2);
        assert_int_equal(script_seen(&rig.script, VPCI_BUS_D0EXIT), 1);
        assert_int_equal(script_seen(&rig.script, VPCI_RESOURCES_RELEASED), 1);
        rig_down(&rig);
    }
}

static void a_bus_without_functions_is_a_bus(void **state)
{
    (void)state;
    struct rig rig;
    rig_prepare(&rig);
    rig.script.count = 0;
    assert_int_equal(rig_connect(&rig, 0), 0);
    assert_int_equal(vsc_function_count(rig.vsc), 0);
    rig_down(&rig);
}

/* BARs: 16 KiB 64-bit at 0, 8 KiB 32-bit at 3. */
static void bars_are_placed_size_aligned_with_decoding_off(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t bar[6];
    uint16_t command;
    rig_prepare(&rig);
    script_put(&rig.script, 4, "\2", 1);
    assert_int_equal(rig_connect(&rig, 0), 0);
    memcpy(bar, &script_config(&rig.script)[0][0x10], sizeof bar);
    memcpy(&command, &script_config(&rig.script)[0][4], 2);
    uint64_t wide = (uint64_t)bar[1] << 32 | bar[0];
    assert_true(wide >= 1ull << 32);
    assert_int_equal(wide % 0x4000, 0);
    assert_true(bar[3] >= 1u << 20);
    assert_int_equal(bar[3] % 0x2000, 0);
    assert_int_equal(bar[2] | bar[4] | bar[5], 0);
    assert_int_equal(command & 2, 0);
    rig_down(&rig);
}

/* ---- eject ------------------------------------------------------------------------------------------------------ */

static void an_eject_is_reported_until_it_is_answered_and_only_once(void **state)
{
    (void)state;
    struct rig rig;
    rig_up(&rig, 0);
    assert_int_equal(vsc_wait_event(rig.vsc, 0), -ETIMEDOUT);
    vsc_eject_complete(rig.vsc);  /* nothing was asked */
    script_eject(&rig.script, 9); /* no such slot */
    script_eject(&rig.script, 0);
    script_eject(&rig.script, 0);
    assert_int_equal(vsc_wait_event(rig.vsc, -1), 0);
    assert_int_equal(vsc_wait_event(rig.vsc, 0), 0);
    uint8_t data[4];
    assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, data, 4), STATUS_SUCCESS);
    vsc_eject_complete(rig.vsc);
    struct script_packet packet = script_wait(&rig.script, VPCI_EJECTION_COMPLETE, 1);
    assert_false(packet.flagged);
    assert_memory_equal(packet.bytes + 4, "\0\0\0\0\0\0\0\0", 8);
    assert_int_equal(vsc_wait_event(rig.vsc, 0), -ETIMEDOUT);
    rig_down(&rig);
    assert_int_equal(script_seen(&rig.script, VPCI_EJECTION_COMPLETE), 1);
}

static void messages_shorter_than_their_type_are_ignored(void **state)
{
    (void)state;
    struct rig rig;
    uint32_t invalidate = VPCI_INVALIDATE_BLOCK;
    uint8_t data[4];
    rig_up(&rig, 0);
    script_send(&rig.script, VMBUS_PACKET_DATA, 0, NULL, 0);
    script_send(&rig.script, VMBUS_PACKET_DATA, 0, &invalidate, 4); /* 8 padded, of 16 */
    assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, data, 4), STATUS_SUCCESS);
    assert_int_equal(vsc_wait_event(rig.vsc, 0), -ETIMEDOUT);
    rig_down(&rig);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_bus_comes_up_and_goes_down_in_linux_order),
        cmocka_unit_test(requests_have_increasing_ids_and_the_others_have_none),
        cmocka_unit_test(messages_have_the_sizes_of_the_table),
        cmocka_unit_test(versions_are_asked_from_the_best_down),
        cmocka_unit_test(a_host_that_takes_no_version_of_ours_is_left),
        cmocka_unit_test(a_refused_d0_entry_is_tried_once_more_after_giving_everything_back),
        cmocka_unit_test(a_bus_without_functions_is_a_bus),
        cmocka_unit_test(bars_are_placed_size_aligned_with_decoding_off),
        cmocka_unit_test(an_eject_is_reported_until_it_is_answered_and_only_once),
        cmocka_unit_test(messages_shorter_than_their_type_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
