/* SPDX-License-Identifier: MIT
 *
 * vpci-wire.md 6.1 and 6.3, row by row; 6.2 is tests/vmbus/.
 */
#include "threat.h"

#include "vmbus/control.h"

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
    volatile uint32_t *count = (volatile uint32_t *)(ring->data + mutation->at % ring->size);
    while (!mutation->stop) {
        *count = 0xFFFFFFFF;
        *count = 8;
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

/* ---- 6.1: the channel's socket in place of posted messages and events --------------------------------------- */

static bool post(int socket, const void *message, size_t length)
{
    return send(socket, message, length, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)length;
}

/* All the socket takes, again and again; the kernel's buffer is the queue, and it is the sender who waits. */
static void post_message_flood(struct raw_guest *guest)
{
    static const struct vmbus_header junk = {.type = VMBUS_CLOSECHANNEL};
    struct raw_guest *flooder = raw_guest_create(guest->host, 4);
    for (unsigned posted = 0; posted < 20000;)
        posted += post(flooder->socket, &junk, sizeof junk);
    assert_true(raw_alive(guest));
    raw_connect(flooder);
    raw_open(flooder, 5, 5);
    raw_up(flooder);
    assert_true(raw_alive(flooder));
    raw_guest_destroy(flooder);
}

/* What is named is looked for on the sender's own connection only. */
static void relid_of_another_channel(struct raw_guest *guest)
{
    struct raw_guest *thief = raw_guest_create(guest->host, 4);
    struct vmbus_initiate_contact contact = {.header.type = VMBUS_INITIATE_CONTACT, .version = VMBUS_VERSION_4_0};
    struct vmbus_header offers = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_open_channel open = {.header.type = VMBUS_OPENCHANNEL, .gpadl = 1, .downstream_page_offset = 5};
    struct vmbus_relid_message closed = {{VMBUS_CLOSECHANNEL, 0}, 0};
    struct vmbus_gpadl_teardown teardown = {{VMBUS_GPADL_TEARDOWN, 0}, 0, 1};
    assert_true(post(thief->socket, &contact, sizeof contact) && post(thief->socket, &offers, sizeof offers));
    for (uint32_t relid = 0; relid < 3; relid++) { /* nobody's, and those of the guests beside it */
        open.relid = closed.relid = teardown.relid = relid;
        assert_true(post(thief->socket, &open, sizeof open) && post(thief->socket, &closed, sizeof closed) &&
                    post(thief->socket, &teardown, sizeof teardown));
    }
    assert_true(raw_alive(guest));
    raw_connect(thief);
    raw_open(thief, 5, 5);
    raw_up(thief);
    raw_guest_destroy(thief);
}

static void signal_storm(struct raw_guest *guest)
{
    for (unsigned i = 0; i < 20000; i++)
        vmbus_guest_signal(guest->guest);
}

/* ---- the rows ----------------------------------------------------------------------------------------------- */

static const struct threat rows[] = {
    {"6_1_post_message_flood", THREAT_SURVIVES, post_message_flood},
    {"6_1_connection_id_of_another_channel", THREAT_SURVIVES, relid_of_another_channel},
    {"6_1_signal_event_storm", THREAT_SURVIVES, signal_storm},
    {"6_3_write_index_beyond_the_ring", THREAT_ENDS, write_index_beyond},
    {"6_3_write_index_unaligned", THREAT_ENDS, write_index_unaligned},
    {"6_3_write_index_moved_backwards_or_by_more_than_free", THREAT_ENDS, write_index_backwards},
    {"6_3_index_changed_between_check_and_use", THREAT_ENDS, index_changes_all_the_time},
    {"6_3_len8_below_offset8", THREAT_ENDS, length_below_offset},
    {"6_3_offset8_below_2", THREAT_ENDS, offset_below_two},
    {"6_3_length_beyond_what_is_available", THREAT_ENDS, length_beyond},
    {"6_3_length_zero", THREAT_ENDS, length_zero},
    {"6_3_descriptor_or_payload_modified_after_validation", THREAT_SURVIVES, modified_after_validation},
    {"6_3_type_7_from_the_guest", THREAT_ENDS, transfer_pages},
    {"6_3_type_8_from_the_guest", THREAT_ENDS, gpadl_packet},
    {"6_3_type_9_from_the_guest", THREAT_ENDS, gpa_direct},
    {"6_3_completion_from_the_guest", THREAT_ENDS, completion},
    {"6_3_unknown_flag_bits", THREAT_SURVIVES, unknown_flags},
    {"6_3_guest_rewrites_the_ring_to_it", THREAT_SURVIVES, rewritten_write_index},
    {"6_3_read_index_out_of_range", THREAT_ENDS, read_index_out_of_range},
    {"6_3_read_index_with_false_room", THREAT_ENDS, read_index_with_false_room},
    {"6_3_completion_ring_never_drained", THREAT_SURVIVES, never_drained},
    {"6_3_interrupt_mask_stuck_pending_send_size_huge", THREAT_SURVIVES, mask_stuck_and_pending_huge},
    {"6_3_duplicate_or_zero_transaction_ids", THREAT_SURVIVES, duplicate_and_zero_ids},
};

int main(void)
{
    return threats_run(rows, sizeof rows / sizeof rows[0]);
}
