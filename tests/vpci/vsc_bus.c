/* SPDX-License-Identifier: MIT
 *
 * The VSC and its bus: the order of bringing it up, versions, and everything a hostile, slow or dying host can do to it
 * (vpci-wire.md 1.7, 5.3, 9.2).
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
    for (uint32_t highest = VPCI_VERSION_1_2; highest <= VPCI_VERSION_1_4; highest++) {
        struct rig rig;
        rig_prepare(&rig);
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
    rig.script.lowest = rig.script.highest = VPCI_VERSION_1_1;
    assert_int_equal(rig_connect(&rig, 0), -EPROTO);
    assert_int_equal(script_seen(&rig.script, VPCI_QUERY_PROTOCOL_VERSION), 3);
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

/* ---- a hostile host: one answer is replaced --------------------------------------------------------------------- */

struct forgery {
    uint32_t type; /* the answer to this message ... */
    bool silent;   /* ... is none at all */
    uint8_t bytes[256];
    uint32_t length; /* ... or these bytes */
    uint64_t id_offset;
    uint16_t packet_type; /* 0: completion */
};

static bool forge(struct script *script, const struct script_packet *packet)
{
    struct forgery *forgery = script->context;
    if (packet->type != forgery->type)
        return false;
    if (!forgery->silent)
        script_send(script, forgery->packet_type ? forgery->packet_type : VMBUS_PACKET_COMPLETION,
                    packet->id + forgery->id_offset, forgery->bytes, forgery->length);
    return true;
}

static int connect_with_forgery(struct forgery *forgery, int timeout_ms)
{
    struct rig rig;
    rig_prepare(&rig);
    rig.script.hook = forge;
    rig.script.context = forgery;
    int result = rig_connect(&rig, timeout_ms);
    if (result)
        rig.vsc = NULL;
    rig_down(&rig);
    return result;
}

static void short_completions_are_refused(void **state)
{
    static const struct {
        uint32_t type, length;
    } rows[] = {{VPCI_QUERY_PROTOCOL_VERSION, 0},
                {VPCI_QUERY_RESOURCE_REQUIREMENTS, 8},
                {VPCI_QUERY_RESOURCE_REQUIREMENTS, 24},
                {VPCI_BUS_D0ENTRY, 0},
                {VPCI_RESOURCES_ASSIGNED2, 0}};
    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct forgery forgery = {.type = rows[i].type, .length = rows[i].length};
        assert_int_equal(connect_with_forgery(&forgery, 0), -EPROTO);
    }
}

static void failing_statuses_end_the_connection(void **state)
{
    static const uint32_t types[] = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_BUS_D0ENTRY, VPCI_RESOURCES_ASSIGNED2};
    static const uint32_t statuses[] = {VPCI_STATUS_BAD_DATA, 0x80000005};
    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        struct forgery forgery = {.type = types[i / 2], .length = 8};
        memcpy(forgery.bytes, &statuses[i % 2], 4);
        assert_int_equal(connect_with_forgery(&forgery, 0), -EPROTO);
    }
}

static void requirements_that_fail_leave_a_function_without_bars(void **state)
{
    (void)state;
    struct forgery forgery = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS, .length = 28};
    memset(forgery.bytes, 0xFF, 28);
    memcpy(forgery.bytes, &(uint32_t){VPCI_STATUS_BAD_DATA}, 4);
    assert_int_equal(connect_with_forgery(&forgery, 0), 0);
}

static void impossible_bars_are_refused(void **state)
{
    static const uint32_t bars[][VPCI_BARS] = {
        {0xFFFFFF01},                /* ports */
        {0, 0, 0, 0, 0, 0xFFFFC004}, /* the last one 64 bits wide */
        {0xFFFF8F00},                /* no power of two */
        {0x0000C000},                /* not up to the top */
        {0xFFFFC006, 0xFFFFFFFF},    /* reserved type */
        {0x00000004, 0x12345678},    /* high half no mask */
        {0xFFFFC004, 0x7FFFFFFF},
        {0x0000000C, 0x00000000}, /* nothing but type bits */
    };
    (void)state;
    for (unsigned i = 0; i < sizeof bars / sizeof bars[0]; i++) {
        struct rig rig;
        rig_prepare(&rig);
        memcpy(rig.script.probed, bars[i], sizeof bars[i]);
        assert_int_equal(rig_connect(&rig, 0), -EPROTO);
        rig_down(&rig);
    }
}

static void a_bar_that_fits_nowhere_stays_without_an_address(void **state)
{
    (void)state;
    struct rig rig;
    rig_prepare(&rig);
    rig.script.probed[0] = 0x00000004;
    rig.script.probed[1] = 0xFFFFFF00; /* 1 TiB */
    assert_int_equal(rig_connect(&rig, 0), 0);
    uint64_t bar;
    memcpy(&bar, &script_config(&rig.script)[0][0x10], 8);
    assert_true(bar == 0);
    rig_down(&rig);
}

/* ---- relations -------------------------------------------------------------------------------------------------- */

struct snapshot {
    struct vpci_relations head;
    struct vpci_function2 entry[4];
};

static struct snapshot a_snapshot(void)
{
    struct snapshot snapshot = {.head = {VPCI_BUS_RELATIONS2, 2}};
    for (uint32_t i = 0; i < 4; i++)
        snapshot.entry[i].function =
            (struct vpci_function){.vendor_id = 0x8086, .device_id = 0x10CA, .slot = i, .serial = 0x1000 + i};
    return snapshot;
}

static void malformed_relations_end_the_connection(void **state)
{
    (void)state;
    for (unsigned row = 0; row < 7; row++) {
        struct snapshot snapshot = a_snapshot();
        struct forgery forgery = {.type = VPCI_QUERY_BUS_RELATIONS, .packet_type = VMBUS_PACKET_DATA};
        forgery.length = 8 + 2 * sizeof(struct vpci_function2);
        switch (row) {
        case 0:
            snapshot.head.count = 3;
            break;
        case 1:
            snapshot.head.count = UINT32_MAX;
            break;
        case 2: /* 28 * 0x24924925 wraps to 4 */
            snapshot.head.count = 0x24924925;
            break;
        case 3:
            snapshot.entry[1].function.slot = 0;
            break;
        case 4:
            snapshot.entry[1].function.slot = 256;
            break;
        case 5:
            snapshot.entry[0].function.slot = UINT32_MAX;
            break;
        case 6:
            snapshot.head.count = 257;
            break;
        }
        memcpy(forgery.bytes, &snapshot, forgery.length);
        assert_int_equal(connect_with_forgery(&forgery, 0), -EPROTO);
    }
}

static bool answer_relations_thrice(struct script *script, const struct script_packet *packet)
{
    uint32_t unknown = 0x42490099;
    if (packet->type == VPCI_QUERY_RESOURCE_REQUIREMENTS) {
        script_relations(script);
        script_send(script, VMBUS_PACKET_DATA, 0, &unknown, 4);
        script_send(script, VMBUS_PACKET_GPA_DIRECT, 0, &unknown, 4);
        script_status(script, 0xFFFF, 0);
        script_relations(script);
    }
    return false;
}

static void repeated_relations_unknown_messages_and_unknown_ids_do_no_harm(void **state)
{
    (void)state;
    struct rig rig;
    rig_prepare(&rig);
    rig.script.hook = answer_relations_thrice;
    assert_int_equal(rig_connect(&rig, 0), 0);
    assert_int_equal(vsc_function_count(rig.vsc), 1);
    rig_down(&rig);
}

static void a_function_that_is_no_longer_listed_is_removed_by_surprise(void **state)
{
    (void)state;
    for (int how = 0; how < 2; how++) {
        struct rig rig;
        struct sent pended;
        uint32_t value = 0x55;
        VPCI_INVALIDATE_BLOCK_OUTPUT output = {0};
        rig_up(&rig, 0);
        send_invalidate(&rig, &pended, &output);
        if (how == 0)
            rig.script.count = 0;
        else
            rig.script.function[0].function.serial++; /* another one in the same slot */
        script_relations(&rig.script);
        assert_int_equal(ioctl_end(&pended), STATUS_CANCELLED);
        assert_int_equal(rig.vpci.WriteVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_DEVICE_REMOVED);
        assert_int_equal(rig.bus.GetBusData(rig.bus.Context, 0, &value, 0, 4), 0);
        assert_int_equal(value, 0xFFFFFFFF);
        assert_int_equal(nt_pnp_start(rig.pdo), STATUS_NO_SUCH_DEVICE);
        assert_false(vsc_gone(rig.vsc));
        rig_down(&rig);
    }
}

static void a_malformed_snapshot_of_a_running_bus_changes_nothing(void **state)
{
    (void)state;
    struct rig rig;
    struct snapshot snapshot = a_snapshot();
    uint32_t value;
    rig_up(&rig, 0);
    snapshot.head.count = 9;
    script_send(&rig.script, VMBUS_PACKET_DATA, 0, &snapshot, 8 + 2 * 28);
    assert_int_equal(rig.vpci.ReadVfConfigBlock(rig.vpci.Context, 1, &value, 4), STATUS_SUCCESS);
    rig_down(&rig);
}

/* ---- silence, rescind, death ------------------------------------------------------------------------------------ */

static const uint32_t steps[] = {VPCI_QUERY_PROTOCOL_VERSION, VPCI_QUERY_BUS_RELATIONS,
                                 VPCI_QUERY_RESOURCE_REQUIREMENTS, VPCI_BUS_D0ENTRY, VPCI_RESOURCES_ASSIGNED2};

static void silence_at_any_step_costs_only_the_limit(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct forgery forgery = {.type = steps[i], .silent = true};
        assert_int_equal(connect_with_forgery(&forgery, 20), -ETIMEDOUT);
    }
}

static void a_completion_with_another_id_is_no_completion(void **state)
{
    (void)state;
    struct forgery forgery = {.type = VPCI_QUERY_PROTOCOL_VERSION, .length = 8, .id_offset = 1};
    assert_int_equal(connect_with_forgery(&forgery, 20), -ETIMEDOUT);
}

static bool rescind_at(struct script *script, const struct script_packet *packet)
{
    if (packet->type != *(const uint32_t *)script->context)
        return false;
    script_rescind(script);
    return true;
}

static void a_rescind_at_any_step_ends_the_connection_at_once(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rig rig;
        rig_prepare(&rig);
        rig.script.hook = rescind_at;
        rig.script.context = (void *)&steps[i];
        assert_int_equal(rig_connect(&rig, 0), -EPIPE);
        script_wait_closed(&rig.script);
        rig_down(&rig);
    }
}

static bool break_ring(struct script *script, const struct script_packet *packet)
{
    if (packet->type != *(const uint32_t *)script->context)
        return false;
    vmbus_host_out(script->host)->header->write_index = 3;
    vmbus_host_signal(script->host);
    return true;
}

static void a_ring_the_host_breaks_ends_the_connection(void **state)
{
    (void)state;
    for (unsigned i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        struct rig rig;
        rig_prepare(&rig);
        rig.script.hook = break_ring;
        rig.script.context = (void *)&steps[i];
        assert_int_equal(rig_connect(&rig, 0), -EPIPE);
        rig_down(&rig);
    }
}

static void a_host_that_dies_ends_everything_that_waits(void **state)
{
    (void)state;
    struct rig rig;
    struct sent pended[2];
    uint8_t data[4] = {0};
    uint32_t value = 0;
    VPCI_INVALIDATE_BLOCK_OUTPUT output = {0x77};
    struct forgery silence = {.type = VPCI_WRITE_BLOCK_MESSAGE, .silent = true};
    rig_up(&rig, 0);
    rig.script.context = &silence;
    rig.script.hook = forge;
    send_invalidate(&rig, &pended[0], &output);
    send_write(&rig, &pended[1], 3, data, 4);
    script_wait(&rig.script, VPCI_WRITE_BLOCK_MESSAGE, 1);
    script_stop(&rig.script);
    assert_int_equal(vsc_wait_event(rig.vsc, -1), -EPIPE);
    assert_int_equal(ioctl_end(&pended[0]), STATUS_DEVICE_NOT_CONNECTED);
    assert_true(output.BlockMask == 0x77);
    assert_int_equal(ioctl_end(&pended[1]), STATUS_DEVICE_NOT_CONNECTED);
    assert_true(vsc_gone(rig.vsc));
    assert_int_equal(rig.vpci.WriteVfConfigBlock(rig.vpci.Context, 1, data, 4), STATUS_DEVICE_NOT_CONNECTED);
    assert_int_equal(rig.bus.GetBusData(rig.bus.Context, 0, &value, 4, 4), 0);
    assert_int_equal(value, 0xFFFFFFFF);
    assert_int_equal(rig.bus.SetBusData(rig.bus.Context, 0, &value, 4, 4), 0);
    assert_int_equal(vsc_window_read(rig.vsc, 0, 0, 2), 0xFFFF);
    send_write(&rig, &pended[1], 3, data, 4);
    assert_int_equal(ioctl_end(&pended[1]), STATUS_DEVICE_NOT_CONNECTED);
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
        cmocka_unit_test(short_completions_are_refused),
        cmocka_unit_test(failing_statuses_end_the_connection),
        cmocka_unit_test(requirements_that_fail_leave_a_function_without_bars),
        cmocka_unit_test(impossible_bars_are_refused),
        cmocka_unit_test(a_bar_that_fits_nowhere_stays_without_an_address),
        cmocka_unit_test(malformed_relations_end_the_connection),
        cmocka_unit_test(repeated_relations_unknown_messages_and_unknown_ids_do_no_harm),
        cmocka_unit_test(a_function_that_is_no_longer_listed_is_removed_by_surprise),
        cmocka_unit_test(a_malformed_snapshot_of_a_running_bus_changes_nothing),
        cmocka_unit_test(silence_at_any_step_costs_only_the_limit),
        cmocka_unit_test(a_completion_with_another_id_is_no_completion),
        cmocka_unit_test(a_rescind_at_any_step_ends_the_connection_at_once),
        cmocka_unit_test(a_ring_the_host_breaks_ends_the_connection),
        cmocka_unit_test(a_host_that_dies_ends_everything_that_waits),
        cmocka_unit_test(an_eject_is_reported_until_it_is_answered_and_only_once),
        cmocka_unit_test(messages_shorter_than_their_type_are_ignored),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
