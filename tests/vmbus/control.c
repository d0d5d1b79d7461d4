/* SPDX-License-Identifier: MIT
 *
 * Control messages of a guest against the host: contact, offers, opening, closing, rescinding
 * (vpci-wire.md 3.2, 3.3, 3.5, 6.2).
 */
#include "raw.h"

#include "lingering.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- contact, offers -------------------------------------------------------------------------------------------- */

static void only_version_4_0_is_accepted(void **state)
{
    static const uint32_t refused[] = {0x00050003, 0x00050000, 0x00040001, 0x00030000, 0x00020004, 0, UINT32_MAX};
    (void)state;
    struct raw raw;
    raw_open(&raw);
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++)
        contact(&raw, refused[i], false);
    struct vmbus_header message = {.type = VMBUS_REQUESTOFFERS};
    is_ignored(&raw, &message, sizeof message);
    contact(&raw, VMBUS_VERSION_4_0, true);
    request_offers(&raw);
    raw_close(&raw);
}

static void the_offer_is_laid_out_as_documented_and_carries_three_descriptors(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_record record;
    struct vmbus_offer_channel offer;
    raw_open(&raw);
    contact(&raw, VMBUS_VERSION_4_0, true);
    say(&raw, &request, sizeof request);
    assert_int_equal(vmbus_record_receive(raw.socket, &record), 0);
    assert_int_equal(record.length, 196);
    assert_int_equal(record.fd_count, 3);
    assert_true(vmbus_memory_acceptable(record.fd[2], 1));
    assert_false(vmbus_memory_acceptable(record.fd[2], 2));
    memcpy(&offer, record.bytes, sizeof offer);
    assert_int_equal(offer.relid, RELID);
    assert_int_equal(offer.dedicated_interrupt, 1);
    assert_int_equal(offer.monitor_allocated, 0);
    assert_int_equal(offer.connection_id, 16 + RELID);
    assert_memory_equal(offer.interface_id, an_offer.interface_id, 16);
    assert_memory_equal(offer.instance_id, an_offer.instance_id, 16);
    vmbus_record_close_fds(&record);
    raw_close(&raw);
}

static void nothing_works_before_contact_and_offers(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    struct vmbus_open_channel open = open_message(1, 5);
    struct vmbus_header plain = {.type = VMBUS_REQUESTOFFERS};
    raw_open(&raw);
    for (int contacted = 0; contacted < 2; contacted++) {
        is_ignored(&raw, &message, gpadl_size(10));
        is_ignored(&raw, &open, sizeof open);
        if (!contacted)
            is_ignored(&raw, &plain, sizeof plain);
        plain.type = VMBUS_UNLOAD;
        if (!contacted)
            is_ignored(&raw, &plain, sizeof plain);
        contact(&raw, VMBUS_VERSION_4_0, true);
    }
    raw_close(&raw);
}

static void offers_are_made_once_until_the_next_contact(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    raw_ready(&raw);
    is_ignored(&raw, &request, sizeof request);
    contact(&raw, VMBUS_VERSION_4_0, true);
    request_offers(&raw);
    raw_close(&raw);
}

static void short_unknown_and_host_only_messages_are_dropped_and_counted(void **state)
{
    static const uint32_t least[] = {
        [3] = 8, [5] = 148, [7] = 12, [8] = 28, [9] = 24, [11] = 16, [13] = 12, [14] = 40, [16] = 8};
    (void)state;
    struct raw raw;
    raw_opened(&raw);
    for (uint32_t type = 0; type < 40; type++) {
        uint8_t bytes[VMBUS_MESSAGE_MAX] = {0};
        uint32_t most = type < sizeof least / sizeof least[0] && least[type] ? least[type] - 1 : VMBUS_MESSAGE_MAX;
        memcpy(bytes, &type, 4);
        for (uint32_t length = 1; length <= most; length++)
            is_ignored(&raw, bytes, length);
    }
    uint8_t long_message[VMBUS_MESSAGE_MAX + 1] = {VMBUS_UNLOAD};
    is_ignored(&raw, long_message, sizeof long_message);
    assert_non_null(vmbus_host_in(raw.host));
    raw_close(&raw);
}

static void unload_closes_everything_and_answers(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header message = {.type = VMBUS_UNLOAD};
    struct vmbus_record record;
    raw_opened(&raw);
    assert_int_equal(say(&raw, &message, sizeof message), VMBUS_CLOSED);
    assert_int_equal(hear(&raw, &record), VMBUS_UNLOAD_RESPONSE);
    assert_null(vmbus_host_in(raw.host));
    is_ignored(&raw, &message, sizeof message);
    raw_close(&raw);
}

static void a_second_contact_closes_the_channel_and_drops_its_buffers(void **state)
{
    (void)state;
    struct raw raw;
    raw_opened(&raw);
    assert_int_equal(contact(&raw, VMBUS_VERSION_4_0, true), VMBUS_CLOSED);
    assert_null(vmbus_host_in(raw.host));
    request_offers(&raw);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_not_equal(open_status(&raw, &open), 0);
    raw_close(&raw);
}

/* ---- open, close, release --------------------------------------------------------------------------------------- */

static void impossible_openings_are_refused_and_the_channel_stays_closed(void **state)
{
    (void)state;
    struct raw raw;
    raw_ready(&raw);
    good_gpadl(&raw, 1, 10);
    for (unsigned row = 0; row < 9; row++) {
        struct vmbus_open_channel open = open_message(1, 5);
        switch (row) {
        case 0:
            open.relid = RELID + 1;
            break;
        case 1:
            open.gpadl = 2;
            break;
        case 2:
            open.downstream_page_offset = 0;
            break;
        case 3:
            open.downstream_page_offset = 1;
            break;
        case 4:
            open.downstream_page_offset = 9;
            break;
        case 5:
            open.downstream_page_offset = 10;
            break;
        case 6:
            open.downstream_page_offset = UINT32_MAX;
            break;
        case 7:
            open.target_vp = 2048;
            break;
        case 8:
            open.target_vp = UINT32_MAX;
            break;
        }
        assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
        assert_null(vmbus_host_in(raw.host));
    }
    struct vmbus_open_channel open = open_message(1, 8);
    assert_int_equal(open_status(&raw, &open), 0);
    assert_int_equal(vmbus_host_in(raw.host)->size, 7 * 4096);
    assert_int_equal(vmbus_host_out(raw.host)->size, 4096);
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    assert_non_null(vmbus_host_in(raw.host));
    raw_close(&raw);
}

static void rings_that_begin_with_impossible_indices_are_not_opened(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 4);
    int fd = vmbus_memory_create("test", 4);
    uint32_t *ring = mmap(NULL, 4 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    struct vmbus_open_channel open = open_message(1, 2);
    raw_ready(&raw);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(4), fd), 0);
    ring[0] = 4096;
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    ring[0] = 0;
    ring[2 * 1024 + 1] = 4;
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    ring[2 * 1024 + 1] = 0;
    assert_int_equal(open_status(&raw, &open), 0);
    munmap(ring, 4 * 4096);
    raw_close(&raw);
    close(fd);
}

static void closing_what_is_closed_or_not_ours_is_ignored(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_relid_message message = {{VMBUS_CLOSECHANNEL, 0}, RELID + 1};
    struct vmbus_relid_message released = {{VMBUS_RELID_RELEASED, 0}, RELID};
    raw_opened(&raw);
    is_ignored(&raw, &message, sizeof message);
    is_ignored(&raw, &released, sizeof released); /* a live one */
    message.relid = RELID;
    assert_int_equal(say(&raw, &message, sizeof message), VMBUS_CLOSED);
    nothing_is_said(&raw);
    is_ignored(&raw, &message, sizeof message);
    struct vmbus_open_channel open = open_message(1, 3);
    assert_int_equal(open_status(&raw, &open), 0);
    raw_close(&raw);
}

static void a_rescinded_offer_can_only_be_closed_and_released(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct vmbus_relid_message close_message = {{VMBUS_CLOSECHANNEL, 0}, RELID};
    struct vmbus_relid_message released = {{VMBUS_RELID_RELEASED, 0}, RELID};
    raw_opened(&raw);
    vmbus_host_rescind(raw.host);
    vmbus_host_rescind(raw.host);
    assert_int_equal(hear(&raw, &record), VMBUS_RESCIND_CHANNELOFFER);
    nothing_is_said(&raw);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(say(&raw, &close_message, sizeof close_message), VMBUS_CLOSED);
    is_ignored(&raw, &open, sizeof open);
    unsigned fds = open_fds();
    assert_int_equal(say(&raw, &released, sizeof released), VMBUS_NOTHING);
    assert_int_equal(open_fds(), fds - 1); /* the buffer */
    is_ignored(&raw, &released, sizeof released);
    /* It is not offered again. */
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    contact(&raw, VMBUS_VERSION_4_0, true);
    say(&raw, &request, sizeof request);
    assert_int_equal(hear(&raw, &record), VMBUS_ALLOFFERS_DELIVERED);
    raw_close(&raw);
}

static void a_guest_that_does_not_read_loses_its_connection_and_nobody_waits(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_initiate_contact message = {.header.type = VMBUS_INITIATE_CONTACT, .version = VMBUS_VERSION_4_0};
    raw_open(&raw);
    enum vmbus_event event = VMBUS_NOTHING;
    for (unsigned i = 0; i < 100000 && event != VMBUS_GONE; i++)
        event = say(&raw, &message, sizeof message);
    assert_int_equal(event, VMBUS_GONE);
    assert_int_equal(vmbus_host_control(raw.host), VMBUS_GONE);
    raw_close(&raw);
}

/* Where a descriptor belongs, where none does, more than any message has, and in messages that were not read. */
static void a_descriptor_whose_closing_waits_makes_nobody_wait(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    struct vmbus_header unload = {.type = VMBUS_UNLOAD};
    struct vmbus_record record;
    struct lingering lingering[5];
    raw_ready(&raw);
    unsigned fds = open_fds();
    for (unsigned i = 0; i < 5; i++)
        lingering[i] = lingering_make();
    assert_true(lingering_send(&lingering[0], raw.socket, &message, gpadl_size(10), 1));
    assert_int_equal(vmbus_host_control(raw.host), VMBUS_NOTHING);
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_CREATED);
    assert_true(lingering_send(&lingering[1], raw.socket, &unload, sizeof unload, 1));
    assert_int_equal(vmbus_host_control(raw.host), VMBUS_NOTHING);
    assert_int_equal(hear(&raw, &record), VMBUS_UNLOAD_RESPONSE);
    assert_true(lingering_send(&lingering[2], raw.socket, &unload, sizeof unload, 4));
    assert_int_equal(vmbus_host_control(raw.host), VMBUS_NOTHING);
    nothing_is_said(&raw);
    assert_true(lingering_send(&lingering[3], raw.socket, NULL, 0, 1));
    assert_true(lingering_send(&lingering[4], raw.socket, &unload, sizeof unload, 1));
    vmbus_host_destroy(raw.host);
    for (unsigned i = 0; i < 5; i++)
        close(lingering[i].peer);
    close(raw.socket);
    wait_for_fds(raw.fds);
    assert_true(fds > raw.fds);
}

static void a_guest_that_sends_such_descriptors_again_and_again_loses_its_connection(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header unload = {.type = VMBUS_UNLOAD};
    struct lingering lingering;
    raw_ready(&raw);
    lingering = lingering_make();
    assert_true(lingering_send(&lingering, raw.socket, &unload, sizeof unload, 17));
    assert_int_equal(vmbus_host_control(raw.host), VMBUS_GONE);
    vmbus_host_destroy(raw.host);
    close(lingering.peer);
    close(raw.socket);
    wait_for_fds(raw.fds);
}

/* Without the privilege that lifts the limit on descriptors on their way. */
static int greedy_and_honest(void)
{
    const struct rlimit few = {64, 64};
    struct raw greedy[4], honest;
    struct vmbus_initiate_contact again = {.header.type = VMBUS_INITIATE_CONTACT, .version = VMBUS_VERSION_4_0};
    struct vmbus_header offers = {.type = VMBUS_REQUESTOFFERS};
    if ((geteuid() == 0 && setresuid(65534, 65534, 65534) < 0) || setrlimit(RLIMIT_NOFILE, &few) < 0)
        return 2;
    for (unsigned i = 0; i < 4; i++) {
        raw_open(&greedy[i]);
        for (unsigned n = 0; n < 1000; n++) {
            if (say(&greedy[i], &again, sizeof again) == VMBUS_GONE)
                break;
            if (say(&greedy[i], &offers, sizeof offers) == VMBUS_GONE)
                break;
        }
    }
    raw_open(&honest);
    say(&honest, &again, sizeof again);
    return say(&honest, &offers, sizeof offers) == VMBUS_GONE;
}

/* Offers carry descriptors, and how many may be on their way is one number for all. */
static void offers_that_nobody_reads_cost_no_other_guest_its_own(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(greedy_and_honest());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void a_kick_eventfd_the_guest_made_blocking_does_not_block_the_host(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_header request = {.type = VMBUS_REQUESTOFFERS};
    struct vmbus_record record;
    raw_open(&raw);
    contact(&raw, VMBUS_VERSION_4_0, true);
    say(&raw, &request, sizeof request);
    assert_int_equal(vmbus_record_receive(raw.socket, &record), 0);
    fcntl(record.fd[0], F_SETFL, 0);
    fcntl(record.fd[1], F_SETFL, 0);
    vmbus_host_kick_clear(raw.host);
    eventfd_write(record.fd[0], 3);
    struct pollfd wait = {.fd = vmbus_host_kick_fd(raw.host), .events = POLLIN};
    assert_int_equal(poll(&wait, 1, 0), 1);
    vmbus_host_kick_clear(raw.host);
    assert_int_equal(poll(&wait, 1, 0), 0);
    for (unsigned i = 0; i < 100000; i++)
        vmbus_host_signal(raw.host);
    vmbus_record_close_fds(&record);
    vmbus_host_signal(raw.host); /* nobody holds the other end any more */
    raw_close(&raw);
}

static void a_host_needs_a_relid_and_a_window(void **state)
{
    (void)state;
    struct vmbus_offer offer = {.relid = 0};
    struct vmbus_host *host = NULL;
    unsigned fds = open_fds();
    assert_int_equal(vmbus_host_create(-1, &offer, 1, &host), -EINVAL);
    offer.relid = 2048;
    assert_int_equal(vmbus_host_create(-1, &offer, 1, &host), -EINVAL);
    offer.relid = 2047;
    assert_int_equal(vmbus_host_create(-1, &offer, 0, &host), -EINVAL);
    assert_null(host);
    assert_int_equal(open_fds(), fds);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_version_4_0_is_accepted),
        cmocka_unit_test(the_offer_is_laid_out_as_documented_and_carries_three_descriptors),
        ROW("6_2_anything_before_contact", nothing_works_before_contact_and_offers),
        ROW("6_2_requestoffers_twice", offers_are_made_once_until_the_next_contact),
        ROW("6_2_short_unknown_or_host_only_message", short_unknown_and_host_only_messages_are_dropped_and_counted),
        ROW("6_2_unload_with_open_channels", unload_closes_everything_and_answers),
        ROW("6_2_second_initiate_contact", a_second_contact_closes_the_channel_and_drops_its_buffers),
        ROW("6_2_open_that_cannot_be", impossible_openings_are_refused_and_the_channel_stays_closed),
        ROW("6_3_indices_impossible_at_open", rings_that_begin_with_impossible_indices_are_not_opened),
        ROW("6_2_close_on_closed_released_on_live", closing_what_is_closed_or_not_ours_is_ignored),
        ROW("6_2_open_of_a_rescinded_offer_double_release", a_rescinded_offer_can_only_be_closed_and_released),
        cmocka_unit_test(offers_that_nobody_reads_cost_no_other_guest_its_own),
        cmocka_unit_test(a_descriptor_whose_closing_waits_makes_nobody_wait),
        cmocka_unit_test(a_guest_that_sends_such_descriptors_again_and_again_loses_its_connection),
        ROW("6_1_message_slot_never_freed", a_guest_that_does_not_read_loses_its_connection_and_nobody_waits),
        ROW("6_1_signal_event_storm_on_a_blocking_eventfd",
            a_kick_eventfd_the_guest_made_blocking_does_not_block_the_host),
        cmocka_unit_test(a_host_needs_a_relid_and_a_window),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
