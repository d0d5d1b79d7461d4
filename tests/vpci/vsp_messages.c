/* SPDX-License-Identifier: MIT
 *
 * The VSP message by message: what a well-meaning guest gets (vpci-wire.md 1.6, 9.3, 9.4) and what every row of 6.4
 * costs its sender, while a second guest notices nothing.
 */
#include "raw_guest.h"

struct fixture {
    struct raw_host *host;
    struct raw_guest *guest, *second;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof *f);
    f->host = raw_host_create(&fake_82576);
    f->guest = raw_guest_open(f->host, 1);
    f->second = raw_guest_open(f->host, 2);
    raw_up(f->second);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    assert_true(raw_alive(f->second));
    raw_guest_destroy(f->guest);
    raw_guest_destroy(f->second);
    raw_host_destroy(f->host);
    free(f);
    return 0;
}

static int set_up_d0(void **state)
{
    set_up(state);
    raw_up(((struct fixture *)*state)->guest);
    return 0;
}

/* ---- version, relations, requirements
 * --------------------------------------------------------------------------------- */

static void versions_1_1_to_1_4_are_accepted_and_echoed_others_refused_and_asked_again(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    struct reply reply;
    raw_version(f->guest, VPCI_VERSION_1_2);
    raw_d0(f->guest, WINDOW);
    raw_in_band(f->guest, VPCI_BUS_RELATIONS, &reply);
    assert_int_equal(reply.length, 32);
    assert_int_equal(reply.dwords[1], 1);
}

static void a_flagged_relations_query_gets_a_completion_too(void **state)
{
    struct fixture *f = *state;
    struct vpci_header query = {.type = VPCI_QUERY_BUS_RELATIONS};
    struct reply reply;
    raw_version(f->guest, VPCI_VERSION_1_4);
    assert_int_equal(raw_request(f->guest, &query, sizeof query, NULL), VPCI_STATUS_SUCCESS);
    raw_in_band(f->guest, VPCI_BUS_RELATIONS2, &reply);
}

static void requirements_are_the_probed_bars(void **state)
{
    struct fixture *f = *state;
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    raw_version(f->guest, VPCI_VERSION_1_4);
    assert_int_equal(raw_request(f->guest, &query, sizeof query, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 32);
    assert_memory_equal(reply.bytes + 4, fake_82576.probed, 24);
}

/* ---- D0
 * ----------------------------------------------------------------------------------------------------------------- */

static void d0_entry_base_that_cannot_be_leaves_the_window_unmapped(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    assert_int_equal(raw_d0(f->guest, WINDOW + 0x10000), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0, 4), 0xFFFFFFFF);
    assert_int_equal(raw_window(f->guest, false, WINDOW + 0x11000, 4, 0), 0x10CA8086);
    assert_true((int32_t)raw_d0(f->guest, 3) < 0); /* refused: it stays where it is */
    assert_int_equal(raw_window(f->guest, false, WINDOW + 0x11000, 4, 0), 0x10CA8086);
}

static void d0_entry_over_a_mapped_bar_is_refused(void **state)
{
    struct fixture *f = *state;
    raw_config_write(f->guest, 0x10, 4, 0x00004000);
    raw_config_write(f->guest, 0x14, 4, 0x20);
    raw_config_write(f->guest, 0x04, 2, 2);
    assert_true((int32_t)raw_d0(f->guest, 0x2000006000) < 0);
    assert_int_equal(raw_config_read(f->guest, 0, 2), 0x8086);
}

static void crash_kernel_sequence_is_harmless(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
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

/* ---- order
 * ---------------------------------------------------------------------------------------------------------------- */

static void messages_before_d0_are_refused_by_status_and_change_nothing(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    struct vpci_header query = {.type = VPCI_QUERY_BUS_RELATIONS};
    raw_post(f->guest, &query, sizeof query);
    raw_wait_ended(f->guest);
    assert_false(f->guest->orderly);
    assert_non_null(strstr(f->guest->reason, "version"));
    raw_wait_gone(f->guest);
}

static void a_short_version_query_first_ends_the_channel(void **state)
{
    struct fixture *f = *state;
    raw_send(f->guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, 1, "", 0);
    raw_wait_ended(f->guest);
    assert_false(f->guest->orderly);
}

/* ---- 6.4: what is malformed
 * ---------------------------------------------------------------------------------------------- */

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
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    static const uint32_t types[] = {VPCI_QUERY_STOP, VPCI_REENABLE, VPCI_QUERY_STOP_FAILED, VPCI_RESET_DEVICE,
                                     VPCI_TDISP_COMMAND};
    for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
        struct vpci_slot_message message = {.type = types[i]};
        assert_int_equal(raw_request(f->guest, &message, sizeof message, NULL), VPCI_STATUS_NOT_SUPPORTED);
    }
}

static void messages_of_a_later_version_are_refused(void **state)
{
    struct fixture *f = *state;
    uint32_t assigned2[51] = {VPCI_RESOURCES_ASSIGNED2}, create3[22] = {VPCI_CREATE_INTERRUPT3};
    raw_version(f->guest, VPCI_VERSION_1_1);
    raw_d0(f->guest, WINDOW);
    assert_int_equal(raw_request(f->guest, assigned2, 202, NULL), VPCI_STATUS_BAD_DATA);
    assert_int_equal(raw_request(f->guest, create3, 82, NULL), VPCI_STATUS_BAD_DATA);
}

static void without_the_completion_flag_it_is_done_and_nothing_sent(void **state)
{
    struct fixture *f = *state;
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
    struct fixture *f = *state;
    static const uint64_t ids[] = {0, 1, 1, 0xFFFFFFFFFFFFFFFF, 0x8000000000000000};
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    for (unsigned i = 0; i < sizeof ids / sizeof ids[0]; i++) {
        raw_send(f->guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, ids[i], &query, sizeof query);
        raw_completion(f->guest, ids[i], &reply);
    }
}

/* ---- resources
 * ----------------------------------------------------------------------------------------------------------- */

static void resources_assigned_as_linux_sends_it_is_accepted_and_answered_alike(void **state)
{
    struct fixture *f = *state;
    uint32_t v1[37] = {VPCI_RESOURCES_ASSIGNED};
    struct reply reply;
    assert_int_equal(raw_request(f->guest, v1, VPCI_ASSIGNED_LINUX, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 136);
    assert_int_equal(raw_request(f->guest, v1, 136, &reply), VPCI_STATUS_SUCCESS);
}

static void assigned_bars_stand_in_the_registers_and_power_maps_them(void **state)
{
    struct fixture *f = *state;
    struct vpci_resources_assigned assigned = {.type = VPCI_RESOURCES_ASSIGNED3};
    struct vpci_get_resources get = {.type = VPCI_GET_RESOURCES};
    struct vpci_power_state_change power = {.type = VPCI_POWER_STATE_CHANGE, .target = VPCI_POWER_D0};
    struct vpci_resource bar;
    struct fake_oid oid;
    struct reply reply;
    assigned.bar[0] = (struct vpci_resource){.type = VPCI_RESOURCE_MEMORY, .start = 0x2000004000, .length = 0x4000};
    assigned.bar[3] = (struct vpci_resource){
        .type = VPCI_RESOURCE_MEMORY_LARGE, .flags = VPCI_RESOURCE_LARGE_40, .start = 0x2000008000, .length = 0x40};
    assert_int_equal(raw_request(f->guest, &assigned, sizeof assigned, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0x10, 4), 0x0000400C);
    assert_int_equal(raw_config_read(f->guest, 0x14, 4), 0x20);
    raw_request(f->guest, &get, sizeof get, &reply);
    assert_int_equal(reply.length, 128);
    assert_int_equal(reply.dwords[0], 0x00010001);
    memcpy(&bar, reply.bytes + 8, sizeof bar);
    assert_true(bar.type == VPCI_RESOURCE_MEMORY && bar.start == 0x2000004000 && bar.length == 0x4000);
    assert_int_equal(raw_request(f->guest, &power, sizeof power, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0x04, 2) & 2, 2);
    assert_int_equal(fake_pf_seen(f->host->pf, OID_SRIOV_SET_VF_POWER_STATE, &oid), 1);
    assert_int_equal(oid.offset, NdisDeviceStateD0);
    assert_int_equal(raw_request(f->guest, &assigned, sizeof assigned, NULL), VPCI_STATUS_INVALID_DEVICE_STATE);
    power.target = VPCI_POWER_D3;
    assert_int_equal(raw_request(f->guest, &power, sizeof power, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_config_read(f->guest, 0x04, 2) & 2, 0);
}

static void bar_descriptors_that_cannot_be_are_refused_and_nothing_is_assigned(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *row;
        unsigned index;
        struct vpci_resource bar;
    } rows[] = {
        {"the high half of a 64-bit BAR", 1, {VPCI_RESOURCE_MEMORY, 0, 0, 0x10000, 0x1000, 0}},
        {"no BAR there", 2, {VPCI_RESOURCE_MEMORY, 0, 0, 0x10000, 0x1000, 0}},
        {"not aligned", 0, {VPCI_RESOURCE_MEMORY, 0, 0, 0x2000002000, 0x4000, 0}},
        {"longer than the BAR", 0, {VPCI_RESOURCE_MEMORY, 0, 0, 0x2000004000, 0x4001, 0}},
        {"large without a unit", 0, {VPCI_RESOURCE_MEMORY_LARGE, 0, 0, 0x2000004000, 0x40, 0}},
        {"large with two units", 0, {VPCI_RESOURCE_MEMORY_LARGE, 0, 0x600, 0x2000004000, 0x40, 0}},
        {"large and longer than the BAR", 0, {VPCI_RESOURCE_MEMORY_LARGE, 0, 0x800, 0x2000004000, 0xFFFFFFFF, 0}},
        {"beyond what can be addressed", 0, {VPCI_RESOURCE_MEMORY, 0, 0, 0xFFFFFFFFFFFFC000, 0x4000, 0}},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct vpci_resources_assigned assigned = {.type = VPCI_RESOURCES_ASSIGNED2};
        assigned.bar[3] = (struct vpci_resource){VPCI_RESOURCE_MEMORY, 0, 0, 0x2000008000, 0x4000, 0};
        assigned.bar[rows[i].index] = rows[i].bar;
        if (raw_request(f->guest, &assigned, sizeof assigned, NULL) != VPCI_STATUS_BAD_DATA)
            fail_msg("%s: accepted", rows[i].row);
        assert_int_equal(raw_config_read(f->guest, 0x1C, 4), 0x0000000C);
    }
}

static void msi_count_is_checked_before_it_is_multiplied(void **state)
{
    struct fixture *f = *state;
    static const uint32_t counts[] = {1, 494, 495, 0x10000000, 0x38E38E39, 0xFFFFFFFF};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct vpci_resources_assigned assigned = {.type = VPCI_RESOURCES_ASSIGNED2, .msi_count = counts[i]};
        assert_int_equal(raw_request(f->guest, &assigned, sizeof assigned, NULL), VPCI_STATUS_BAD_DATA);
    }
}

static void interrupts_in_resources_assigned_are_translated_in_place_and_replace_the_former(void **state)
{
    struct fixture *f = *state;
    struct VPCI_PACKED {
        struct vpci_resources_assigned head;
        struct vpci_interrupt entries[3];
    } assigned = {.head = {.type = VPCI_RESOURCES_ASSIGNED, .msi_count = 3}};
    struct vpci_translated_interrupt translated[3];
    struct reply reply;
    assigned.entries[0] = (struct vpci_interrupt){.vector = 0x30, .vector_count = 1, .cpu_mask = 1};
    assigned.entries[2] = (struct vpci_interrupt){.vector = 0x40, .vector_count = 4, .cpu_mask = 3};
    for (unsigned turn = 0; turn < 300; turn++) { /* more than 494 in all: they do not add up */
        assert_int_equal(raw_request(f->guest, &assigned, sizeof assigned, &reply), VPCI_STATUS_SUCCESS);
        assert_int_equal(reply.length, 136 + 48);
        memcpy(translated, reply.bytes + 136, sizeof translated);
        assert_int_equal(translated[0].vector_count, 1);
        assert_int_equal(translated[1].vector_count, 0);
        assert_int_equal(translated[2].vector_count, 4);
        assert_true(translated[0].data != translated[2].data);
    }
    assigned.entries[2].vector_count = 33;
    assert_int_equal(raw_request(f->guest, &assigned, sizeof assigned, NULL), VPCI_STATUS_BAD_DATA);
}

/* ---- interrupts
 * ---------------------------------------------------------------------------------------------------------- */

static uint32_t create3(struct raw_guest *raw, uint32_t vector, uint16_t count, uint16_t processors, uint16_t processor,
                        struct reply *reply)
{
    struct vpci_create_interrupt3 create = {
        .type = VPCI_CREATE_INTERRUPT3,
        .interrupt = {.vector = vector, .vector_count = count, .processor_count = processors}};
    create.interrupt.processors[0] = processor;
    return raw_request(raw, &create, sizeof create, reply);
}

static struct vpci_translated_interrupt translated(const struct reply *reply)
{
    struct vpci_create_interrupt_completion completion;
    memcpy(&completion, reply->bytes, sizeof completion);
    return completion.interrupt;
}

static void dummy_vector_delete_then_the_real_one(void **state)
{
    struct fixture *f = *state;
    struct vpci_delete_interrupt delete = {.type = VPCI_DELETE_INTERRUPT};
    struct reply reply;
    assert_int_equal(create3(f->guest, 0xEF, 1, 1, 0, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 24);
    delete.interrupt = translated(&reply);
    assert_int_equal(delete.interrupt.vector_count, 1);
    assert_int_equal(raw_request(f->guest, &delete, sizeof delete, NULL), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_request(f->guest, &delete, sizeof delete, NULL), VPCI_STATUS_BAD_DATA);
    assert_int_equal(create3(f->guest, 0x26, 1, 1, 0, &reply), VPCI_STATUS_SUCCESS);
    delete.interrupt = translated(&reply);
    delete.interrupt.vector_count = 9; /* matched by address and data alone */
    assert_int_equal(raw_request(f->guest, &delete, sizeof delete, NULL), VPCI_STATUS_SUCCESS);
}

static void all_three_descriptors_are_accepted_with_linuxs_sizes(void **state)
{
    struct fixture *f = *state;
    struct vpci_create_interrupt v1 = {.type = VPCI_CREATE_INTERRUPT,
                                       .interrupt = {.vector = 0x30, .vector_count = 1, .cpu_mask = ~0ull}};
    struct vpci_create_interrupt2 v2 = {.type = VPCI_CREATE_INTERRUPT2,
                                        .interrupt = {.vector = 0x31, .vector_count = 32, .processor_count = 1}};
    struct reply reply;
    assert_int_equal(raw_request(f->guest, &v1, sizeof v1, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(translated(&reply).vector_count, 1);
    assert_int_equal(raw_request(f->guest, &v2, sizeof v2, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(translated(&reply).vector_count, 32);
    assert_int_equal(create3(f->guest, 8192, 1, 1, 3, &reply), VPCI_STATUS_SUCCESS);
}

static void interrupt_descriptors_that_cannot_be_are_bad_data(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *row;
        uint16_t count, processors, processor;
    } rows[] = {{"vector_count 0", 0, 1, 0},     {"vector_count 33", 33, 1, 0},
                {"not a power of two", 3, 1, 0}, {"vector_count 65535", 65535, 1, 0},
                {"33 processors", 1, 33, 0},     {"65535 processors", 1, 65535, 0},
                {"empty set", 1, 0, 0},          {"VP not existing", 1, 1, 4096}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (create3(f->guest, 0x30, rows[i].count, rows[i].processors, rows[i].processor, NULL) != VPCI_STATUS_BAD_DATA)
            fail_msg("%s: accepted", rows[i].row);
    }
    struct vpci_create_interrupt v1 = {.type = VPCI_CREATE_INTERRUPT,
                                       .interrupt = {.vector = 0x30, .vector_count = 1, .cpu_mask = 0}};
    assert_int_equal(raw_request(f->guest, &v1, sizeof v1, NULL), VPCI_STATUS_BAD_DATA);
    v1.interrupt.cpu_mask = 1;
    v1.interrupt.delivery = 2;
    assert_int_equal(raw_request(f->guest, &v1, sizeof v1, NULL), VPCI_STATUS_BAD_DATA);
}

static void interrupt_495_is_refused_and_pairs_are_unique(void **state)
{
    struct fixture *f = *state;
    static uint32_t data[VPCI_INTERRUPTS_MAX];
    struct reply reply;
    for (unsigned i = 0; i < VPCI_INTERRUPTS_MAX; i++) {
        assert_int_equal(create3(f->guest, 0x30, 1, 1, 0, &reply), VPCI_STATUS_SUCCESS);
        data[i] = translated(&reply).data;
        for (unsigned k = 0; k < i; k++)
            assert_true(data[k] != data[i]);
    }
    assert_true((int32_t)create3(f->guest, 0x30, 1, 1, 0, NULL) < 0);
    struct vpci_delete_interrupt delete = {.type = VPCI_DELETE_INTERRUPT, .interrupt = translated(&reply)};
    raw_post(f->guest, &delete, sizeof delete);
    assert_int_equal(create3(f->guest, 0x30, 1, 1, 0, &reply), VPCI_STATUS_SUCCESS);
    assert_true((int32_t)create3(f->guest, 0x30, 1, 1, 0, NULL) < 0);
}

static void another_devices_pair_is_not_ones_own(void **state)
{
    struct fixture *f = *state;
    struct reply reply;
    assert_int_equal(create3(f->second, 0x30, 1, 1, 0, &reply), VPCI_STATUS_SUCCESS);
    struct vpci_delete_interrupt delete = {.type = VPCI_DELETE_INTERRUPT, .interrupt = translated(&reply)};
    assert_int_equal(raw_request(f->guest, &delete, sizeof delete, NULL), VPCI_STATUS_BAD_DATA);
    assert_int_equal(raw_request(f->second, &delete, sizeof delete, NULL), VPCI_STATUS_SUCCESS);
}

/* ---- blocks
 * -------------------------------------------------------------------------------------------------------------- */

static void block_reads_have_the_length_of_1_6_9_and_zero_padding(void **state)
{
    struct fixture *f = *state;
    static const uint32_t lengths[] = {1, 4, 5, 12, 127, 128};
    fake_pf_fill_block(f->host->pf, 0, 4, 0xEE);
    for (unsigned i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        struct reply reply;
        assert_int_equal(raw_block_read(f->guest, 4, lengths[i], &reply), VPCI_STATUS_SUCCESS);
        assert_int_equal(reply.length, (4 + lengths[i] + 7) & ~7u);
        for (uint32_t at = 4; at < reply.length; at++)
            assert_int_equal(reply.bytes[at], at < 4 + lengths[i] ? 0xEE : 0);
    }
}

static void block_writes_with_and_without_linuxs_four_extra_bytes(void **state)
{
    struct fixture *f = *state;
    static const uint32_t lengths[] = {1, 128};
    for (unsigned i = 0; i < 4; i++) {
        uint8_t bytes[sizeof(struct vpci_write_block) + 132] = {0};
        uint32_t length = lengths[i / 2], extra = i % 2 ? VPCI_BLOCK_WRITE_EXTRA : 0;
        struct vpci_write_block write = {.type = VPCI_WRITE_BLOCK_MESSAGE, .block_id = i, .byte_count = length};
        struct fake_oid oid;
        memcpy(bytes, &write, sizeof write);
        memset(bytes + sizeof write, 0xA5, length);
        assert_int_equal(raw_request(f->guest, bytes, (uint32_t)sizeof write + length + extra, NULL),
                         VPCI_STATUS_SUCCESS);
        fake_pf_seen(f->host->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, &oid);
        assert_int_equal(oid.length, length);
        assert_int_equal(fake_pf_block_byte(f->host->pf, 0, i, length - 1), 0xA5);
    }
}

static void a_block_the_pf_driver_refuses_comes_back_with_its_status(void **state)
{
    struct fixture *f = *state;
    struct reply reply;
    assert_int_equal(raw_block_read(f->guest, 99, 16, &reply), VPCI_STATUS_INVALID_PARAMETER);
    assert_int_equal(reply.length, 8);
    assert_int_equal(reply.dwords[1], 0);
    assert_int_equal(raw_block_write(f->guest, 0xFFFFFFFF, "x", 1), VPCI_STATUS_INVALID_PARAMETER);
}

int main(void)
{
#define CASE(name)  cmocka_unit_test_setup_teardown(name, set_up, tear_down)
#define IN_D0(name) cmocka_unit_test_setup_teardown(name, set_up_d0, tear_down)
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
        IN_D0(resources_assigned_as_linux_sends_it_is_accepted_and_answered_alike),
        IN_D0(assigned_bars_stand_in_the_registers_and_power_maps_them),
        IN_D0(bar_descriptors_that_cannot_be_are_refused_and_nothing_is_assigned),
        IN_D0(msi_count_is_checked_before_it_is_multiplied),
        IN_D0(interrupts_in_resources_assigned_are_translated_in_place_and_replace_the_former),
        IN_D0(dummy_vector_delete_then_the_real_one),
        IN_D0(all_three_descriptors_are_accepted_with_linuxs_sizes),
        IN_D0(interrupt_descriptors_that_cannot_be_are_bad_data),
        IN_D0(interrupt_495_is_refused_and_pairs_are_unique),
        IN_D0(another_devices_pair_is_not_ones_own),
        IN_D0(block_reads_have_the_length_of_1_6_9_and_zero_padding),
        IN_D0(block_writes_with_and_without_linuxs_four_extra_bytes),
        IN_D0(a_block_the_pf_driver_refuses_comes_back_with_its_status),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
