/* SPDX-License-Identifier: MIT
 *
 * vpci-wire.md 6.1, 6.2 and 6.3, row by row.
 */
#include "threat.h"

#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- 6.3: indices ------------------------------------------------------------------------------------------- */

static struct vmbus_ring_header *out(struct raw_guest *guest)
{
    return vmbus_guest_out(guest->guest)->header;
}

static void publish(struct raw_guest *guest, uint32_t index)
{
    __atomic_store_n(&out(guest)->write_index, index, __ATOMIC_SEQ_CST);
    vmbus_guest_signal(guest->guest);
}

static void write_index_beyond(struct raw_guest *guest)
{
    publish(guest, vmbus_guest_out(guest->guest)->size);
}

static void write_index_unaligned(struct raw_guest *guest)
{
    publish(guest, vmbus_guest_out(guest->guest)->index + 3);
}

static void write_index_backwards(struct raw_guest *guest)
{
    publish(guest, vmbus_guest_out(guest->guest)->index - 8);
}

static void *flip(void *context)
{
    struct raw_guest *guest = context;
    uint32_t sound = vmbus_guest_out(guest->guest)->index;
    while (!raw_ended(guest)) {
        publish(guest, sound + 4096);
        publish(guest, 0xFFFFFFF8);
        publish(guest, sound);
    }
    return NULL;
}

static void index_changes_all_the_time(struct raw_guest *guest)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flip, guest), 0);
    pthread_join(thread, NULL);
}

/* ---- 6.3: descriptors --------------------------------------------------------------------------------------- */

static void publish_descriptor(struct raw_guest *guest, uint16_t offset8, uint16_t len8)
{
    struct vmbus_ring *ring = vmbus_guest_out(guest->guest);
    uint16_t descriptor[8] = {VMBUS_PACKET_DATA, offset8, len8, 1};
    memcpy(ring->data + ring->index, descriptor, sizeof descriptor); /* far from the end so early */
    publish(guest, ring->index + 32);
}

static void length_below_offset(struct raw_guest *guest)
{
    publish_descriptor(guest, 3, 2);
}

static void offset_below_two(struct raw_guest *guest)
{
    publish_descriptor(guest, 1, 3);
}

static void length_beyond(struct raw_guest *guest)
{
    publish_descriptor(guest, 2, 0xFFFF);
}

static void length_zero(struct raw_guest *guest)
{
    publish_descriptor(guest, 0, 0);
}

struct mutation {
    struct raw_guest *guest;
    uint32_t at; /* of a byte_count in the ring */
    _Atomic bool stop;
};

/* The guest's race with itself is meant. */
__attribute__((no_sanitize("thread"))) static void *mutate(void *context)
{
    struct mutation *mutation = context;
    struct vmbus_ring *ring = vmbus_guest_out(mutation->guest->guest);
    uint32_t *count = (uint32_t *)(ring->data + mutation->at % ring->size);
    while (!mutation->stop) {
        __atomic_store_n(count, 0xFFFFFFFF, __ATOMIC_RELAXED);
        __atomic_store_n(count, 8, __ATOMIC_RELAXED);
    }
    return NULL;
}

/* Once read, always the same: the PF driver sees 8 bytes or nothing at all. */
static void modified_after_validation(struct raw_guest *guest)
{
    uint8_t bytes[24] = {0};
    struct vpci_write_block write = {.type = VPCI_WRITE_BLOCK_MESSAGE, .block_id = 2, .byte_count = 8};
    memcpy(bytes, &write, sizeof write);
    fake_pf_clear_log(guest->host->pf);
    for (unsigned i = 0; i < 200; i++) {
        struct mutation mutation = {.guest = guest, .at = vmbus_guest_out(guest->guest)->index + 16 + 12};
        uint32_t status;
        struct fake_oid oid;
        pthread_t thread;
        assert_int_equal(pthread_create(&thread, NULL, mutate, &mutation), 0);
        status = raw_request(guest, bytes, sizeof bytes, NULL);
        mutation.stop = true;
        pthread_join(thread, NULL);
        assert_true(status == VPCI_STATUS_SUCCESS || status == VPCI_STATUS_BAD_DATA);
        if (fake_pf_seen(guest->host->pf, OID_SRIOV_WRITE_VF_CONFIG_BLOCK, &oid))
            assert_int_equal(oid.length, 8);
    }
}

static void transfer_pages(struct raw_guest *guest)
{
    raw_send(guest, VMBUS_PACKET_TRANSFER_PAGES, 0, 1, "12345678", 8);
}

static void gpadl_packet(struct raw_guest *guest)
{
    raw_send(guest, VMBUS_PACKET_GPADL, 0, 1, "12345678", 8);
}

static void gpa_direct(struct raw_guest *guest)
{
    raw_send(guest, VMBUS_PACKET_GPA_DIRECT, 0, 1, "12345678", 8);
}

static void completion(struct raw_guest *guest)
{
    raw_send(guest, VMBUS_PACKET_COMPLETION, 0, 1, "12345678", 8);
}

static void unknown_flags(struct raw_guest *guest)
{
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    struct reply reply;
    uint64_t before = raw_stats(guest).completions;
    raw_send(guest, VMBUS_PACKET_DATA, 0xFFFE, 70, &query, sizeof query); /* not flagged, whatever else is set */
    raw_send(guest, VMBUS_PACKET_DATA, 0xFFFF, 71, &query, sizeof query);
    raw_completion(guest, 71, &reply);
    assert_true(raw_stats(guest).completions == before + 1);
}

/* ---- 6.3: the ring to the guest ----------------------------------------------------------------------------- */

static void post_query(struct raw_guest *guest, uint64_t id)
{
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    raw_send(guest, VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, id, &query, sizeof query);
}

static void rewritten_write_index(struct raw_guest *guest)
{
    struct vmbus_ring *in = vmbus_guest_in(guest->guest);
    uint64_t before = raw_stats(guest).completions;
    struct reply reply;
    memset(in->data, 0xA5, in->size);
    __atomic_store_n(&in->header->write_index, 0xFFFFFFF8, __ATOMIC_SEQ_CST);
    post_query(guest, 70);
    while (raw_stats(guest).completions == before)
        sched_yield();
    while (__atomic_load_n(&in->header->write_index, __ATOMIC_SEQ_CST) == 0xFFFFFFF8) /* published again */
        sched_yield();
    raw_completion(guest, 70, &reply);
}

static void read_index_out_of_range(struct raw_guest *guest)
{
    __atomic_store_n(&vmbus_guest_in(guest->guest)->header->read_index, 0x7FFFFFF8, __ATOMIC_SEQ_CST);
    post_query(guest, 70);
}

/* Only as far as it moves over bytes that were sent: free space that is not there costs the channel. */
static void read_index_with_false_room(struct raw_guest *guest)
{
    struct vmbus_ring *in = vmbus_guest_in(guest->guest);
    __atomic_store_n(&in->header->read_index, (in->index + 64) % in->size, __ATOMIC_SEQ_CST);
    post_query(guest, 70);
}

static void never_drained(struct raw_guest *guest)
{
    struct vmbus_packet packet = {.type = VMBUS_PACKET_DATA, .flags = VMBUS_COMPLETION_REQUESTED, .length = 8};
    struct vpci_slot_message query = {.type = VPCI_QUERY_RESOURCE_REQUIREMENTS};
    uint64_t taken = 0, before;
    unsigned sent = 0;
    struct reply reply;
    bool signal;
    do { /* until the host takes no more, and the ring to it is full too */
        before = taken;
        packet.transaction_id = 5000 + sent;
        while (vmbus_ring_send(vmbus_guest_out(guest->guest), &packet, &query, true, &signal) == 0) {
            packet.transaction_id = 5000 + ++sent;
            vmbus_guest_signal(guest->guest);
        }
        usleep(1000);
        taken = raw_stats(guest).messages;
    } while (taken != before);
    for (unsigned i = 0; i < sent; i++)
        raw_completion(guest, 5000 + i, &reply);
}

static void mask_stuck_and_pending_huge(struct raw_guest *guest)
{
    static const uint32_t sizes[] = {0xFFFFFFFF, 0x80000001, 3, 0x7FFFFFFF};
    for (unsigned i = 0; i < 4; i++) {
        __atomic_store_n(&vmbus_guest_in(guest->guest)->header->interrupt_mask, 0xFFFFFFFF, __ATOMIC_SEQ_CST);
        __atomic_store_n(&out(guest)->pending_send_sz, sizes[i], __ATOMIC_SEQ_CST);
        assert_true(raw_alive(guest));
    }
    __atomic_store_n(&out(guest)->pending_send_sz, 0, __ATOMIC_SEQ_CST);
}

static void duplicate_and_zero_ids(struct raw_guest *guest)
{
    static const uint64_t ids[] = {0, 0, 7, 7, 0xFFFFFFFFFFFFFFFF};
    struct reply reply;
    for (unsigned i = 0; i < 5; i++)
        post_query(guest, ids[i]);
    for (unsigned i = 0; i < 5; i++)
        raw_completion(guest, ids[i], &reply);
}

/* ---- 6.1, 6.2 where there is no hypervisor ------------------------------------------------------------------ */

static void signal_storm(struct raw_guest *guest)
{
    for (unsigned i = 0; i < 20000; i++)
        vmbus_guest_signal(guest->guest);
}

/* ---- the rows ----------------------------------------------------------------------------------------------- */

#define NO_HYPERVISOR "there are no hypercalls and no SynIC between two processes (vpci-wire.md 4.5 (e))"
#define VMBUS_ROOM    "the rows of 6.2 are tests of the VMBus room (tests/vmbus/control.c, gpadl.c)"

static const struct threat rows[] = {
    {"6_1_post_message_malformed", THREAT_SKIPPED, NULL, NO_HYPERVISOR},
    {"6_1_post_message_flood", THREAT_SKIPPED, NULL, NO_HYPERVISOR},
    {"6_1_connection_id_of_another_channel", THREAT_SKIPPED, NULL, NO_HYPERVISOR},
    {"6_1_signal_event_storm", THREAT_SURVIVES, signal_storm, NULL},
    {"6_1_simp_siefp_out_of_range", THREAT_SKIPPED, NULL, NO_HYPERVISOR},
    {"6_1_message_slot_never_freed", THREAT_SKIPPED, NULL,
     "a guest that does not read its socket: tests/vmbus/control.c"},
    {"6_1_sint_masked_vp_offline", THREAT_SKIPPED, NULL, NO_HYPERVISOR},
    {"6_1_guest_rewrites_synic_pages", THREAT_SKIPPED, NULL, NO_HYPERVISOR},
    {"6_2_vmbus_control", THREAT_SKIPPED, NULL, VMBUS_ROOM},
    {"6_3_write_index_beyond_the_ring", THREAT_ENDS, write_index_beyond, NULL},
    {"6_3_write_index_unaligned", THREAT_ENDS, write_index_unaligned, NULL},
    {"6_3_write_index_moved_backwards_or_by_more_than_free", THREAT_ENDS, write_index_backwards, NULL},
    {"6_3_index_changed_between_check_and_use", THREAT_ENDS, index_changes_all_the_time, NULL},
    {"6_3_len8_below_offset8", THREAT_ENDS, length_below_offset, NULL},
    {"6_3_offset8_below_2", THREAT_ENDS, offset_below_two, NULL},
    {"6_3_length_beyond_what_is_available", THREAT_ENDS, length_beyond, NULL},
    {"6_3_length_zero", THREAT_ENDS, length_zero, NULL},
    {"6_3_descriptor_or_payload_modified_after_validation", THREAT_SURVIVES, modified_after_validation, NULL},
    {"6_3_type_7_from_the_guest", THREAT_ENDS, transfer_pages, NULL},
    {"6_3_type_8_from_the_guest", THREAT_ENDS, gpadl_packet, NULL},
    {"6_3_type_9_from_the_guest", THREAT_ENDS, gpa_direct, NULL},
    {"6_3_completion_from_the_guest", THREAT_ENDS, completion, NULL},
    {"6_3_unknown_flag_bits", THREAT_SURVIVES, unknown_flags, NULL},
    {"6_3_guest_rewrites_the_ring_to_it", THREAT_SURVIVES, rewritten_write_index, NULL},
    {"6_3_read_index_out_of_range", THREAT_ENDS, read_index_out_of_range, NULL},
    {"6_3_read_index_with_false_room", THREAT_ENDS, read_index_with_false_room, NULL},
    {"6_3_completion_ring_never_drained", THREAT_SURVIVES, never_drained, NULL},
    {"6_3_interrupt_mask_stuck_pending_send_size_huge", THREAT_SURVIVES, mask_stuck_and_pending_huge, NULL},
    {"6_3_duplicate_or_zero_transaction_ids", THREAT_SURVIVES, duplicate_and_zero_ids, NULL},
};

int main(void)
{
    return threats_run(rows, sizeof rows / sizeof rows[0]);
}
