/* SPDX-License-Identifier: MIT
 *
 * BARs, interrupts and blocks by message (vpci-wire.md 1.6.7-1.6.15, 6.4, 9.4): what is accepted, what is refused, and
 * that a refusal changes nothing.
 */
#include "raw_guest.h"

/* ---- resources ---------------------------------------------------------------------------------------------- */

static void resources_assigned_as_linux_sends_it_is_accepted_and_answered_alike(void **state)
{
    struct raw_pair *f = *state;
    uint32_t v1[37] = {VPCI_RESOURCES_ASSIGNED};
    struct reply reply;
    assert_int_equal(raw_request(f->guest, v1, VPCI_ASSIGNED_LINUX, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 136);
    assert_int_equal(raw_request(f->guest, v1, 136, &reply), VPCI_STATUS_SUCCESS);
}

static void assigned_bars_stand_in_the_registers_and_power_maps_them(void **state)
{
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
    static const uint32_t counts[] = {1, 494, 495, 0x10000000, 0x38E38E39, 0xFFFFFFFF};
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        struct vpci_resources_assigned assigned = {.type = VPCI_RESOURCES_ASSIGNED2, .msi_count = counts[i]};
        assert_int_equal(raw_request(f->guest, &assigned, sizeof assigned, NULL), VPCI_STATUS_BAD_DATA);
    }
}

static void interrupts_in_resources_assigned_are_translated_in_place_and_replace_the_former(void **state)
{
    struct raw_pair *f = *state;
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

/* ---- interrupts --------------------------------------------------------------------------------------------- */

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
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
    struct reply reply;
    assert_int_equal(create3(f->second, 0x30, 1, 1, 0, &reply), VPCI_STATUS_SUCCESS);
    struct vpci_delete_interrupt delete = {.type = VPCI_DELETE_INTERRUPT, .interrupt = translated(&reply)};
    assert_int_equal(raw_request(f->guest, &delete, sizeof delete, NULL), VPCI_STATUS_BAD_DATA);
    assert_int_equal(raw_request(f->second, &delete, sizeof delete, NULL), VPCI_STATUS_SUCCESS);
}

/* ---- blocks ------------------------------------------------------------------------------------------------- */

static void block_reads_have_the_length_of_1_6_9_and_zero_padding(void **state)
{
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
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
    struct raw_pair *f = *state;
    struct reply reply;
    assert_int_equal(raw_block_read(f->guest, 99, 16, &reply), VPCI_STATUS_INVALID_PARAMETER);
    assert_int_equal(reply.length, 8);
    assert_int_equal(reply.dwords[1], 0);
    assert_int_equal(raw_block_write(f->guest, 0xFFFFFFFF, "x", 1), VPCI_STATUS_INVALID_PARAMETER);
}

int main(void)
{
#define IN_D0(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up_d0, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
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
