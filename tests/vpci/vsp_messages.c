/* SPDX-License-Identifier: MIT
 *
 * The VSP message by message: version, relations, D0, order, and what every malformed message of vpci-wire.md 6.4 costs
 * its sender, while a second guest notices nothing.
 */
#include "raw_guest.h"

/* ---- version, relations, requirements ----------------------------------------------------------------------- */

static void versions_1_1_to_1_4_are_accepted_and_echoed_others_refused_and_asked_again(void **state)
{
    struct raw_pair *f = *state;
    static const uint32_t refused[] = {0x00010005, 0x00000009, 0x00010000, 0x00010006, 0x00020000, 0, 0xFFFFFFFF};
    struct vpci_query_version query = {.type = VPCI_QUERY_PROTOCOL_VERSION};
    struct reply reply;
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        query.version = refused[i];
        assert_int_equal(raw_request(f->guest, &query, sizeof query, &reply), VPCI_STATUS_REVISION_MISMATCH);
        assert_int_equal(reply.dwords[1], VPCI_VERSION_1_4);
        assert_int_equal(reply.length, 8);
    }
    query.version = VPCI_VERSION_1_1;
    assert_int_equal(raw_request(f->guest, &query, sizeof query, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.dwords[1], VPCI_VERSION_1_1);
}

static void relations_are_answered_before_d0_and_sent_again_on_entry(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_header query = {.type = VPCI_QUERY_BUS_RELATIONS};
    struct vpci_function2 entry;
    struct reply reply;
    raw_version(f->guest, VPCI_VERSION_1_3);
    raw_post(f->guest, &query, sizeof query);
    for (unsigned i = 0; i < 2; i++) {
        raw_in_band(f->guest, VPCI_BUS_RELATIONS2, &reply);
        assert_int_equal(reply.length, 40);
        assert_int_equal(reply.dwords[1], 1);
        memcpy(&entry, reply.bytes + 8, sizeof entry);
        assert_int_equal(entry.function.vendor_id, 0x8086);
        assert_int_equal(entry.function.device_id, 0x10CA);
        assert_int_equal(entry.function.base_class, 2);
        assert_int_equal(entry.function.subsystem_id, 0x1100);
        assert_int_equal(entry.function.slot, 0);
        assert_int_equal(entry.function.serial, vstack_vf_identity(f->guest->vf)->serial);
        if (i == 0)
            assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    }
}

static void below_1_3_relations_have_their_old_form(void **state)
{
    struct raw_pair *f = *state;
    struct reply reply;
    raw_version(f->guest, VPCI_VERSION_1_2);
    raw_d0(f->guest, WINDOW);
    raw_in_band(f->guest, VPCI_BUS_RELATIONS, &reply);
    assert_int_equal(reply.length, 32);
    assert_int_equal(reply.dwords[1], 1);
}

static void a_flagged_relations_query_gets_a_completion_too(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_header query = {.type = VPCI_QUERY_BUS_RELATIONS};
    struct reply reply;
    raw_version(f->guest, VPCI_VERSION_1_4);
    assert_int_equal(raw_request(f->guest, &query, sizeof query, NULL), VPCI_STATUS_SUCCESS);
    raw_in_band(f->guest, VPCI_BUS_RELATIONS2, &reply);
}

static void requirements_are_the_probed_bars(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    raw_version(f->guest, VPCI_VERSION_1_4);
    assert_int_equal(raw_request(f->guest, &query, sizeof query, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 32);
    assert_memory_equal(reply.bytes + 4, fake_82576.probed, 24);
}

/* ---- D0 ----------------------------------------------------------------------------------------------------- */

static void d0_entry_base_that_cannot_be_leaves_the_window_unmapped(void **state)
{
    struct raw_pair *f = *state;
    static const uint64_t bad[] = {0,          0x1000000800,         1, 0xFFFFFFFFFFFFF000, 0xFFFFFFFFFFFFE000,
                                   1ull << 52, (1ull << 52) - 0x1000};
    raw_version(f->guest, VPCI_VERSION_1_4);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true((int32_t)raw_d0(f->guest, bad[i]) < 0);
        assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    }
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0x10CA8086);
}

static void d0_entry_again_moves_the_window(void **state)
{
    struct raw_pair *f = *state;
    assert_int_equal(raw_d0(f->guest, WINDOW + 0x10000), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    assert_int_equal(raw_window(f->guest, false, WINDOW + 0x11000, 4, 0), 0x10CA8086);
    assert_true((int32_t)raw_d0(f->guest, 3) < 0); /* refused: it stays where it is */
    assert_int_equal(raw_window(f->guest, false, WINDOW + 0x11000, 4, 0), 0x10CA8086);
}

static void d0_entry_over_a_mapped_bar_is_refused(void **state)
{
    struct raw_pair *f = *state;
    raw_config_write(f->guest, 0x10, 4, 0x00004000);
    raw_config_write(f->guest, 0x14, 4, 0x20);
    raw_config_write(f->guest, 0x04, 2, 2);
    assert_true((int32_t)raw_d0(f->guest, 0x2000006000) < 0);
    assert_int_equal(raw_config_read(f->guest, 0, 2), 0x8086);
}

static void crash_kernel_sequence_is_harmless(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_slot_message released = {.type = VPCI_RESOURCES_RELEASED};
    raw_version(f->guest, VPCI_VERSION_1_4);
    assert_int_equal(raw_d0_exit(f->guest), VPCI_STATUS_SUCCESS);
    assert_true((int32_t)raw_d0(f->guest, 1) < 0);
    raw_post(f->guest, &released, sizeof released);
    raw_post(f->guest, &released, sizeof released);
    assert_int_equal(raw_request(f->guest, &released, sizeof released, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0_exit(f->guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0_exit(f->guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0_exit(f->guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0(f->guest, WINDOW + 0x2000), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_assign(f->guest), VPCI_STATUS_SUCCESS);
}

static void d0_exit_unmaps_window_and_memory_and_drops_interrupts(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_create_interrupt create = {.type = VPCI_CREATE_INTERRUPT,
                                           .interrupt = {.vector = 0xEF, .vector_count = 1, .cpu_mask = 1}};
    raw_config_write(f->guest, 0x04, 2, 6);
    assert_int_equal(raw_request(f->guest, &create, sizeof create, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_d0_exit(f->guest), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0x04, 2) & 2, 0);
    assert_int_equal(raw_request(f->guest, &create, sizeof create, NULL), VPCI_STATUS_INVALID_DEVICE_STATE);
}

/* ---- order -------------------------------------------------------------------------------------------------- */

static void messages_before_d0_are_refused_by_status_and_change_nothing(void **state)
{
    struct raw_pair *f = *state;
    uint32_t power[] = {VPCI_POWER_STATE_CHANGE, 0, VPCI_POWER_D0};
    uint32_t create[22] = {VPCI_CREATE_INTERRUPT3};
    raw_version(f->guest, VPCI_VERSION_1_4);
    fake_pf_clear_log(f->host->pf);
    assert_int_equal(raw_assign(f->guest), VPCI_STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(raw_request(f->guest, create, sizeof create, NULL), VPCI_STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(raw_block_write(f->guest, 1, "x", 1), VPCI_STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(raw_block_read(f->guest, 1, 1, NULL), VPCI_STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(raw_request(f->guest, power, sizeof power, NULL), VPCI_STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(fake_pf_logged(f->host->pf), 0);
    assert_int_equal(raw_version(f->guest, VPCI_VERSION_1_3), VPCI_STATUS_INVALID_DEVICE_STATE);
    assert_int_equal(raw_d0(f->guest, WINDOW), VPCI_STATUS_SUCCESS);
}

static void anything_but_a_version_query_first_ends_the_channel(void **state)
{
    struct raw_pair *f = *state;
    struct vpci_header query = {.type = VPCI_QUERY_BUS_RELATIONS};
    raw_post(f->guest, &query, sizeof query);
    raw_wait_ended(f->guest);
    assert_false(f->guest->orderly);
    assert_non_null(strstr(f->guest->reason, "version"));
    raw_wait_gone(f->guest);
}

static void a_short_version_query_first_ends_the_channel(void **state)
{
    struct raw_pair *f = *state;
    raw_send(f->guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 1, "", 0);
    raw_wait_ended(f->guest);
    assert_false(f->guest->orderly);
}

/* ---- 6.4: what is malformed --------------------------------------------------------------------------------- */

struct malformed {
    const char *row;
    uint32_t type, length;
    uint32_t dwords[50]; /* from offset 4 */
};

static const struct malformed malformed[] = {
    {"payload of 0 bytes", 0, 0, {0}},
    {"unknown type", 0x42490030, 8, {0}},
    {"unknown type far away", 0xFFFFFFFF, 8, {0}},
    {"host to guest only: 00", VPCI_BUS_RELATIONS, 8, {0}},
    {"host to guest only: 02", VPCI_INVALIDATE_DEVICE, 8, {0}},
    {"host to guest only: 03", VPCI_INVALIDATE_BUS, 8, {0}},
    {"host to guest only: 0B", VPCI_EJECT, 8, {0}},
    {"host to guest only: 12", VPCI_INVALIDATE_BLOCK, 16, {0}},
    {"host to guest only: 19", VPCI_BUS_RELATIONS2, 8, {0}},
    {"D0ENTRY below its minimum", VPCI_BUS_D0ENTRY, 8, {0}},
    {"POWER below its minimum", VPCI_POWER_STATE_CHANGE, 8, {0}},
    {"POWER to D1", VPCI_POWER_STATE_CHANGE, 12, {0, 2}},
    {"POWER to nowhere", VPCI_POWER_STATE_CHANGE, 12, {0, 0xFFFFFFFF}},
    {"READ_BLOCK below its minimum", VPCI_READ_BLOCK_MESSAGE, 8, {0}},
    {"READ_BLOCK of 0 bytes", VPCI_READ_BLOCK_MESSAGE, 16, {1, 0, 0}},
    {"READ_BLOCK of 129 bytes", VPCI_READ_BLOCK_MESSAGE, 16, {1, 0, 129}},
    {"READ_BLOCK of 4 GiB", VPCI_READ_BLOCK_MESSAGE, 16, {1, 0, 0xFFFFFFFF}},
    {"READ_BLOCK of another slot", VPCI_READ_BLOCK_MESSAGE, 16, {1, 1, 4}},
    {"WRITE_BLOCK of 0 bytes", VPCI_WRITE_BLOCK_MESSAGE, 24, {1, 0, 0}},
    {"WRITE_BLOCK of more than was sent", VPCI_WRITE_BLOCK_MESSAGE, 24, {1, 0, 9}},
    {"WRITE_BLOCK of 129 bytes", VPCI_WRITE_BLOCK_MESSAGE, 152, {1, 0, 129}},
    {"WRITE_BLOCK with a count that wraps", VPCI_WRITE_BLOCK_MESSAGE, 24, {1, 0, 0xFFFFFFF8}},
    {"WRITE_BLOCK of a slot with reserved bits", VPCI_WRITE_BLOCK_MESSAGE, 24, {1, 0x100, 4}},
    {"requirements of a slot without device", VPCI_QUERY_RESOURCE_REQUIREMENTS, 8, {1}},
    {"requirements of a slot with reserved bits", VPCI_QUERY_RESOURCE_REQUIREMENTS, 8, {0x80000000}},
    {"RESOURCES_ASSIGNED below its minimum", VPCI_RESOURCES_ASSIGNED, 128, {0}},
    {"EJECTION_COMPLETE unasked", VPCI_EJECTION_COMPLETE, 12, {0}},
    {"DELETE_INTERRUPT of an unknown pair", VPCI_DELETE_INTERRUPT, 24, {0, 0x10000, 5, 0xFEE00000, 0}},
    {"GET_RESOURCES of another slot", VPCI_GET_RESOURCES, 32, {7}},
};

static void malformed_messages_are_answered_bad_data_counted_and_the_channel_is_kept(void **state)
{
    struct raw_pair *f = *state;
    for (unsigned i = 0; i < sizeof malformed / sizeof malformed[0]; i++) {
        const struct malformed *row = &malformed[i];
        uint64_t before = raw_stats(f->guest).bad_data;
        uint32_t bytes[64] = {row->type};
        uint32_t status;
        memcpy(bytes + 1, row->dwords, sizeof row->dwords);
        fake_pf_clear_log(f->host->pf);
        status = raw_request(f->guest, bytes, row->length, NULL);
        if (status != VPCI_STATUS_BAD_DATA)
            fail_msg("%s: %08x", row->row, status);
        assert_true(raw_stats(f->guest).bad_data == before + 1);
        raw_post(f->guest, bytes, row->length); /* the same unflagged: counted, not answered */
        assert_true(raw_alive(f->guest));
        assert_true(raw_stats(f->guest).bad_data == before + 2);
        assert_int_equal(fake_pf_seen(f->host->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, NULL), 1); /* raw_alive's */
    }
    assert_int_equal(raw_ended(f->guest), 0);
}

static void known_but_unimplemented_messages_are_not_supported(void **state)
{
    struct raw_pair *f = *state;
    static const uint32_t types[] = {VPCI_QUERY_STOP, VPCI_REENABLE, VPCI_QUERY_STOP_FAILED, VPCI_RESET_DEVICE,
                                     VPCI_TDISP_COMMAND};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct vpci_slot_message message = {.type = types[i]};
        assert_int_equal(raw_request(f->guest, &message, sizeof message, NULL), VPCI_STATUS_NOT_SUPPORTED);
    }
}

static void messages_of_a_later_version_are_refused(void **state)
{
    struct raw_pair *f = *state;
    uint32_t assigned2[51] = {VPCI_RESOURCES_ASSIGNED2}, create3[22] = {VPCI_CREATE_INTERRUPT3};
    raw_version(f->guest, VPCI_VERSION_1_1);
    raw_d0(f->guest, WINDOW);
    assert_int_equal(raw_request(f->guest, assigned2, 202, NULL), VPCI_STATUS_BAD_DATA);
    assert_int_equal(raw_request(f->guest, create3, 82, NULL), VPCI_STATUS_BAD_DATA);
}

static void without_the_completion_flag_it_is_done_and_nothing_sent(void **state)
{
    struct raw_pair *f = *state;
    uint8_t bytes[24] = {0};
    struct vpci_write_block write = {.type = VPCI_WRITE_BLOCK_MESSAGE, .block_id = 3, .byte_count = 8};
    struct reply reply;
    memcpy(bytes, &write, sizeof write);
    memset(bytes + sizeof write, 0x77, 8);
    raw_post(f->guest, bytes, sizeof bytes);
    assert_int_equal(raw_block_read(f->guest, 3, 8, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.bytes[11], 0x77);
}

static void transaction_ids_are_echoed_verbatim_duplicates_and_zero_too(void **state)
{
    struct raw_pair *f = *state;
    static const uint64_t ids[] = {0, 1, 1, 0xFFFFFFFFFFFFFFFF, 0x8000000000000000};
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        raw_send(f->guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, ids[i], &query, sizeof query);
        raw_completion(f->guest, ids[i], &reply);
    }
}

int main(void)
{
#define CASE(name)  cmocka_unit_test_setup_teardown(name, raw_pair_set_up, raw_pair_tear_down)
#define IN_D0(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up_d0, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(versions_1_1_to_1_4_are_accepted_and_echoed_others_refused_and_asked_again),
        CASE(relations_are_answered_before_d0_and_sent_again_on_entry),
        CASE(below_1_3_relations_have_their_old_form),
        CASE(a_flagged_relations_query_gets_a_completion_too),
        CASE(requirements_are_the_probed_bars),
        CASE(d0_entry_base_that_cannot_be_leaves_the_window_unmapped),
        IN_D0(d0_entry_again_moves_the_window),
        IN_D0(d0_entry_over_a_mapped_bar_is_refused),
        CASE(crash_kernel_sequence_is_harmless),
        IN_D0(d0_exit_unmaps_window_and_memory_and_drops_interrupts),
        CASE(messages_before_d0_are_refused_by_status_and_change_nothing),
        CASE(anything_but_a_version_query_first_ends_the_channel),
        CASE(a_short_version_query_first_ends_the_channel),
        IN_D0(malformed_messages_are_answered_bad_data_counted_and_the_channel_is_kept),
        IN_D0(known_but_unimplemented_messages_are_not_supported),
        CASE(messages_of_a_later_version_are_refused),
        IN_D0(without_the_completion_flag_it_is_done_and_nothing_sent),
        IN_D0(transaction_ids_are_echoed_verbatim_duplicates_and_zero_too),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
