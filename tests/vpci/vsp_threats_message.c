/* SPDX-License-Identifier: MIT
 *
 * vpci-wire.md 6.4, row by row: messages of a hostile guest.
 */
#include "threat.h"

#include <unistd.h>

#define BAD VPCI_STATUS_BAD_DATA

static void short_payloads(struct raw_guest *guest)
{
    THREAT_MESSAGE(guest, BAD, 0, 0);
    THREAT_MESSAGE(guest, BAD, 8, VPCI_BUS_D0ENTRY);
    THREAT_MESSAGE(guest, BAD, 8, VPCI_POWER_STATE_CHANGE);
    THREAT_MESSAGE(guest, BAD, 8, VPCI_READ_BLOCK_MESSAGE);
    THREAT_MESSAGE(guest, BAD, 8, VPCI_WRITE_BLOCK_MESSAGE);
    THREAT_MESSAGE(guest, BAD, 128, VPCI_RESOURCES_ASSIGNED2);
    THREAT_MESSAGE(guest, BAD, 16, VPCI_CREATE_INTERRUPT);
    THREAT_MESSAGE(guest, BAD, 72, VPCI_CREATE_INTERRUPT2);
    THREAT_MESSAGE(guest, BAD, 72, VPCI_CREATE_INTERRUPT3);
    THREAT_MESSAGE(guest, BAD, 16, VPCI_DELETE_INTERRUPT);
    THREAT_MESSAGE(guest, BAD, 24, VPCI_GET_RESOURCES);
}

static void completion_flag_clear(struct raw_guest *guest)
{
    uint32_t write[6] = {VPCI_WRITE_BLOCK_MESSAGE, 3, 0, 8, 0x11223344, 0x55667788};
    uint64_t before = raw_stats(guest).completions;
    struct reply reply;
    raw_post(guest, write, sizeof write);
    assert_int_equal(raw_block_read(guest, 3, 8, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.dwords[1], 0x11223344);
    assert_true(raw_stats(guest).completions == before + 1);
}

static void wrong_order(struct raw_guest *guest)
{
    raw_version(guest, VPCI_VERSION_1_4);
    fake_pf_clear_log(guest->host->pf);
    THREAT_MESSAGE(guest, VPCI_STATUS_INVALID_DEVICE_STATE, 136, VPCI_RESOURCES_ASSIGNED2);
    THREAT_MESSAGE(guest, VPCI_STATUS_INVALID_DEVICE_STATE, 88, VPCI_CREATE_INTERRUPT3);
    THREAT_MESSAGE(guest, VPCI_STATUS_INVALID_DEVICE_STATE, 16, VPCI_READ_BLOCK_MESSAGE, 1, 0, 4);
    THREAT_MESSAGE(guest, VPCI_STATUS_INVALID_DEVICE_STATE, 24, VPCI_WRITE_BLOCK_MESSAGE, 1, 0, 4);
    THREAT_MESSAGE(guest, VPCI_STATUS_INVALID_DEVICE_STATE, 12, VPCI_POWER_STATE_CHANGE, 0, VPCI_POWER_D0);
    THREAT_MESSAGE(guest, VPCI_STATUS_INVALID_DEVICE_STATE, 8, VPCI_QUERY_PROTOCOL_VERSION, VPCI_VERSION_1_2);
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
    THREAT_MESSAGE(guest, VPCI_STATUS_INVALID_DEVICE_STATE, 88, VPCI_CREATE_INTERRUPT3); /* not assigned */
    assert_int_equal(fake_pf_logged(guest->host->pf), 0);
    assert_int_equal(raw_assign(guest), VPCI_STATUS_SUCCESS);
}

static void version_first(struct raw_guest *guest)
{
    assert_int_equal(raw_d0_exit(guest), VPCI_STATUS_SUCCESS);
    vmbus_guest_close(guest->guest);
    raw_open(guest, 5, 5);
    uint32_t query[2] = {VPCI_QUERY_BUS_RELATIONS};
    raw_post(guest, query, sizeof query);
}

static void slots(struct raw_guest *guest)
{
    static const uint32_t bad[] = {1, 0x20, 0x100, 0x80000000, 0xFFFFFFFF};
    for (unsigned i = 0; i < 5; i++) {
        THREAT_MESSAGE(guest, BAD, 8, VPCI_QUERY_RESOURCE_REQUIREMENTS, bad[i]);
        THREAT_MESSAGE(guest, BAD, 32, VPCI_GET_RESOURCES, bad[i]);
        THREAT_MESSAGE(guest, BAD, 16, VPCI_READ_BLOCK_MESSAGE, 1, bad[i], 4);
        THREAT_MESSAGE(guest, BAD, 24, VPCI_WRITE_BLOCK_MESSAGE, 1, bad[i], 4);
        THREAT_MESSAGE(guest, BAD, 136, VPCI_RESOURCES_ASSIGNED2, bad[i]);
        THREAT_MESSAGE(guest, BAD, 88, VPCI_CREATE_INTERRUPT3, bad[i], 0x30, 0x00010000, 1);
    }
}

static void msi_count(struct raw_guest *guest)
{
    static const uint32_t counts[] = {1, 494, 495, 0x10000000, 0x38E38E39, 0xFFFFFFFF};
    for (unsigned i = 0; i < 6; i++) {
        struct vpci_resources_assigned assigned = {.type = VPCI_RESOURCES_ASSIGNED2, .msi_count = counts[i]};
        assert_int_equal(raw_request(guest, &assigned, sizeof assigned, NULL), BAD);
    }
}

static uint32_t create(struct raw_guest *guest, uint32_t vector, uint16_t count, uint16_t processors,
                       uint16_t processor, struct vpci_translated_interrupt *interrupt)
{
    struct vpci_create_interrupt3 request = {
        .type = VPCI_CREATE_INTERRUPT3,
        .interrupt = {.vector = vector, .vector_count = count, .processor_count = processors}};
    struct vpci_create_interrupt_completion completion;
    struct reply reply;
    request.interrupt.processors[0] = processor;
    raw_request(guest, &request, sizeof request, &reply);
    memcpy(&completion, reply.bytes, sizeof completion);
    if (interrupt)
        *interrupt = completion.interrupt;
    return completion.status;
}

static void vector_counts(struct raw_guest *guest)
{
    static const uint16_t counts[] = {0, 3, 33, 64, 65535};
    for (unsigned i = 0; i < 5; i++)
        assert_int_equal(create(guest, 0x30, counts[i], 1, 0, NULL), BAD);
}

static void processor_sets(struct raw_guest *guest)
{
    assert_int_equal(create(guest, 0x30, 1, 0, 0, NULL), BAD);
    assert_int_equal(create(guest, 0x30, 1, 33, 0, NULL), BAD);
    assert_int_equal(create(guest, 0x30, 1, 65535, 0, NULL), BAD);
    assert_int_equal(create(guest, 0x30, 1, 1, 4096, NULL), BAD);
}

/* Taken as data: what the vector is for is the guest's matter, where it is injected the host program's. */
static void low_and_reserved_vectors(struct raw_guest *guest)
{
    static const uint32_t vectors[] = {0, 2, 15, 0xEF, 0xFFFFFFFF};
    for (unsigned i = 0; i < 5; i++) {
        struct vpci_translated_interrupt interrupt;
        assert_int_equal(create(guest, vectors[i], 1, 1, 0, &interrupt), VPCI_STATUS_SUCCESS);
        assert_int_equal(interrupt.vector_count, 1);
        assert_int_equal(vsp_interrupt(guest->channel, interrupt.address, interrupt.data), 0);
        assert_int_equal(guest->last.vector, vectors[i]);
    }
}

static void create_flood(struct raw_guest *guest)
{
    for (unsigned i = 0; i < VPCI_INTERRUPTS_MAX; i++)
        assert_int_equal(create(guest, 0x30, 32, 32, 0, NULL), VPCI_STATUS_SUCCESS);
    for (unsigned i = 0; i < 20; i++)
        assert_true((int32_t)create(guest, 0x30, 1, 1, 0, NULL) < 0);
}

static void delete_of_others(struct raw_guest *guest)
{
    struct vpci_translated_interrupt interrupt;
    struct vpci_delete_interrupt delete = {.type = VPCI_DELETE_INTERRUPT};
    assert_int_equal(create(guest, 0x30, 4, 1, 0, &interrupt), VPCI_STATUS_SUCCESS);
    delete.interrupt = interrupt;
    for (uint32_t data = 1; data < 200; data++) { /* its own later messages, other places, pairs of others */
        delete.interrupt.data = interrupt.data + data;
        assert_int_equal(raw_request(guest, &delete, sizeof delete, NULL), BAD);
    }
    delete.interrupt.data = 0xFFFFFFFF;
    assert_int_equal(raw_request(guest, &delete, sizeof delete, NULL), BAD);
    delete.interrupt = interrupt;
    delete.interrupt.address += 1ull << 32;
    assert_int_equal(raw_request(guest, &delete, sizeof delete, NULL), BAD);
    assert_int_equal(vsp_interrupt(guest->channel, interrupt.address, interrupt.data), 0);
}

static void d0_bases(struct raw_guest *guest)
{
    static const uint64_t bad[] = {
        0, 1, WINDOW + 0x800, 0xFFFFFFFFFFFFF000, 0xFFFFFFFFFFFFE000, 1ull << 52, (1ull << 52) - 0x1000};
    raw_version(guest, VPCI_VERSION_1_4);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_true((int32_t)raw_d0(guest, bad[i]) < 0);
        assert_true(raw_window(guest, false, bad[i] + VPCI_WINDOW_CONFIG, 4, 0) == UINT64_MAX);
    }
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
    raw_config_write(guest, 0x10, 4, 0x4000);
    raw_config_write(guest, 0x14, 4, 0x20);
    raw_config_write(guest, 0x04, 2, 2);
    assert_true((int32_t)raw_d0(guest, 0x2000006000) < 0); /* in its own BAR */
    assert_int_equal(raw_config_read(guest, 0, 2), 0x8086);
    assert_int_equal(raw_assign(guest), VPCI_STATUS_INVALID_DEVICE_STATE);
    raw_config_write(guest, 0x04, 2, 0);
}

static void d0_moves(struct raw_guest *guest)
{
    for (uint64_t i = 1; i < 20; i++) {
        assert_int_equal(raw_d0(guest, WINDOW + i * 0x10000), VPCI_STATUS_SUCCESS);
        assert_true(raw_window(guest, false, WINDOW + (i - 1) * 0x10000 + VPCI_WINDOW_CONFIG, 4, 0) == UINT64_MAX);
        assert_int_equal(raw_window(guest, false, WINDOW + i * 0x10000 + VPCI_WINDOW_CONFIG, 4, 0), 0x10CA8086);
    }
    guest->queued = 0; /* a snapshot each time */
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
}

static void read_block_lengths(struct raw_guest *guest)
{
    static const uint32_t bad[] = {0, 129, 0x80000000, 0xFFFFFFFF};
    struct reply reply;
    fake_pf_clear_log(guest->host->pf);
    for (unsigned i = 0; i < 4; i++)
        THREAT_MESSAGE(guest, BAD, 16, VPCI_READ_BLOCK_MESSAGE, 1, 0, bad[i]);
    assert_int_equal(fake_pf_logged(guest->host->pf), 0);
    guest->host->pf->long_claim = true; /* a PF driver that says it wrote more than was asked for */
    assert_int_equal(raw_block_read(guest, 1, 4, &reply), VPCI_STATUS_SUCCESS);
    assert_int_equal(reply.length, 8);
    guest->host->pf->long_claim = false;
}

static void write_block_counts(struct raw_guest *guest)
{
    static const uint32_t bad[] = {0, 9, 129, 0xFFFFFFF0, 0xFFFFFFFF};
    fake_pf_clear_log(guest->host->pf);
    for (unsigned i = 0; i < 5; i++)
        THREAT_MESSAGE(guest, BAD, 24, VPCI_WRITE_BLOCK_MESSAGE, 1, 0, bad[i]);
    THREAT_MESSAGE(guest, BAD, 16 + 136, VPCI_WRITE_BLOCK_MESSAGE, 1, 0, 129);
    assert_int_equal(fake_pf_logged(guest->host->pf), 0);
}

static void block_ids(struct raw_guest *guest)
{
    static const uint32_t ids[] = {64, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF};
    struct fake_oid oid;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(raw_block_write(guest, ids[i], "x", 1), VPCI_STATUS_INVALID_PARAMETER); /* the PF driver's */
        fake_pf_seen(guest->host->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, &oid);
        assert_int_equal(oid.offset, ids[i]);
    }
}

static void post_block_read(struct raw_guest *guest, uint64_t id)
{
    uint32_t read[4] = {VPCI_READ_BLOCK_MESSAGE, 1, 0, 8};
    raw_send(guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, read, sizeof read);
}

static void block_storm(struct raw_guest *guest)
{
    struct fake_pf *pf = guest->host->pf;
    struct reply reply;
    fake_pf_clear_log(pf);
    pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    for (unsigned i = 0; i < 100; i++)
        post_block_read(guest, 1000 + i);
    fake_pf_wait_pended(pf);
    assert_int_equal(fake_pf_seen(pf, OID_SRIOV_READ_VF_CONFIG_BLOCK, NULL), 1); /* one at the PF driver */
    pf->pend_oid = 0;
    fake_pf_complete(pf, NDIS_STATUS_SUCCESS);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t id = raw_next_completion(guest, &reply);
        assert_true(id >= 1000 && id < 1100);
    }
}

static void block_racing_close(struct raw_guest *guest)
{
    struct fake_pf *pf = guest->host->pf;
    pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    post_block_read(guest, 900);
    fake_pf_wait_pended(pf);
    vmbus_guest_close(guest->guest);
    raw_open(guest, 5, 5);
    guest->queued = 0;
    pf->pend_oid = 0;
    raw_version(guest, VPCI_VERSION_1_2);
    fake_pf_complete(pf, NDIS_STATUS_SUCCESS); /* late: for nobody */
    assert_int_equal(raw_d0(guest, WINDOW), VPCI_STATUS_SUCCESS);
    assert_int_equal(raw_assign(guest), VPCI_STATUS_SUCCESS);
}

static void block_racing_reset(struct raw_guest *guest)
{
    struct fake_pf *pf = guest->host->pf;
    struct reply reply;
    pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    post_block_read(guest, 900);
    fake_pf_wait_pended(pf);
    pf->pend_oid = 0;
    struct vpci_window_access flr = {
        .address = WINDOW + VPCI_WINDOW_CONFIG + 0xA8, .size = 2, .is_write = true, .value = 0x8000};
    uint64_t ignored;
    raw_window(guest, true, WINDOW, 4, 0);
    if (vpci_window_post(&guest->window, &flr))
        vmbus_guest_signal(guest->guest);
    fake_pf_complete(pf, NDIS_STATUS_SUCCESS);
    raw_completion(guest, 900, &reply);
    assert_int_equal(vpci_window_wait(&guest->window, 100, 20000, &ignored), 0);
}

static void block_racing_eject(struct raw_guest *guest)
{
    struct fake_pf *pf = guest->host->pf;
    struct reply reply;
    pf->pend_oid = OID_SRIOV_READ_VF_CONFIG_BLOCK;
    post_block_read(guest, 900);
    fake_pf_wait_pended(pf);
    vsp_channel_eject(guest->channel, 60000);
    raw_in_band(guest, VPCI_EJECT, &reply);
    assert_int_equal(raw_block_write(guest, 1, "x", 1), VPCI_STATUS_INVALID_DEVICE_STATE);
    pf->pend_oid = 0;
    uint32_t complete[3] = {VPCI_EJECTION_COMPLETE, 1}; /* of another slot, then of none that is left */
    assert_int_equal(raw_request(guest, complete, sizeof complete, NULL), BAD);
    vsp_channel_remove(guest->channel);
    guest->channel = NULL;
    fake_pf_complete(pf, NDIS_STATUS_SUCCESS);
    guest->orderly = false; /* the host's doing */
}

static void ejection_complete_unasked(struct raw_guest *guest)
{
    THREAT_MESSAGE(guest, BAD, 12, VPCI_EJECTION_COMPLETE);
    THREAT_MESSAGE(guest, BAD, 8, VPCI_EJECTION_COMPLETE, 1);
}

static void host_only(struct raw_guest *guest)
{
    static const uint32_t types[] = {VPCI_BUS_RELATIONS, VPCI_INVALIDATE_DEVICE, VPCI_INVALIDATE_BUS,
                                     VPCI_EJECT,         VPCI_INVALIDATE_BLOCK,  VPCI_BUS_RELATIONS2};
    for (unsigned i = 0; i < 6; i++)
        THREAT_MESSAGE(guest, BAD, 64, types[i]);
}

static void power_targets(struct raw_guest *guest)
{
    static const uint32_t bad[] = {0, 2, 3, 5, 0xFFFFFFFF};
    fake_pf_clear_log(guest->host->pf);
    for (unsigned i = 0; i < 5; i++)
        THREAT_MESSAGE(guest, BAD, 16, VPCI_POWER_STATE_CHANGE, 0, bad[i]);
    assert_int_equal(fake_pf_logged(guest->host->pf), 0);
}

static const struct threat rows[] = {
    {"6_4_payload_below_4_or_the_types_minimum", THREAT_SURVIVES, short_payloads},
    {"6_4_request_with_completion_flag_clear", THREAT_SURVIVES, completion_flag_clear},
    {"6_4_wrong_order", THREAT_BARE, wrong_order},
    {"6_4_wrong_order_before_the_version", THREAT_ENDS, version_first},
    {"6_4_slot_reserved_bits_or_without_device", THREAT_SURVIVES, slots},
    {"6_4_resources_assigned_msi_count", THREAT_SURVIVES, msi_count},
    {"6_4_vector_count_0_over_32_or_no_power_of_two", THREAT_SURVIVES, vector_counts},
    {"6_4_processor_count_vp_index_empty_set", THREAT_SURVIVES, processor_sets},
    {"6_4_vector_below_16_or_reserved", THREAT_SURVIVES, low_and_reserved_vectors},
    {"6_4_create_flood", THREAT_SURVIVES, create_flood},
    {"6_4_delete_of_unknown_or_anothers_pair", THREAT_SURVIVES, delete_of_others},
    {"6_4_d0entry_base_that_cannot_be", THREAT_BARE, d0_bases},
    {"6_4_d0entry_again_with_a_new_base", THREAT_SURVIVES, d0_moves},
    {"6_4_read_block_bytes_requested", THREAT_SURVIVES, read_block_lengths},
    {"6_4_write_block_byte_count", THREAT_SURVIVES, write_block_counts},
    {"6_4_block_id_arbitrary", THREAT_SURVIVES, block_ids},
    {"6_4_block_request_storm", THREAT_SURVIVES, block_storm},
    {"6_4_block_request_racing_close", THREAT_SURVIVES, block_racing_close},
    {"6_4_block_request_racing_vf_reset", THREAT_SURVIVES, block_racing_reset},
    {"6_4_block_request_racing_eject", THREAT_ENDS, block_racing_eject},
    {"6_4_ejection_complete_unsolicited_or_wrong_slot", THREAT_SURVIVES, ejection_complete_unasked},
    {"6_4_host_to_guest_types_from_the_guest", THREAT_SURVIVES, host_only},
    {"6_4_power_state_target", THREAT_SURVIVES, power_targets},
};

int main(void)
{
    return threats_run(rows, sizeof rows / sizeof rows[0]);
}
