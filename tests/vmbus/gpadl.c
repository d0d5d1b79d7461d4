/* SPDX-License-Identifier: MIT
 *
 * GPADL messages of a guest against the host (vpci-wire.md 3.4, 6.2): what is taken, what is refused and leaves
 * nothing.
 */
#include "raw.h"

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

/* ---- GPADL ------------------------------------------------------------------------------------------------------ */

static void refused_gpadl(struct raw *raw, const struct gpadl_message *message, uint32_t length, int fd)
{
    unsigned fds = open_fds();
    assert_int_equal(create_gpadl(raw, message, length, fd), VMBUS_STATUS_UNSUCCESSFUL);
    assert_int_equal(open_fds(), fds);
    struct vmbus_open_channel open = open_message(message->head.gpadl, 5);
    assert_int_not_equal(open_status(raw, &open), 0);
}

static void malformed_ranges_are_refused_and_keep_nothing(void **state)
{
    (void)state;
    struct raw raw;
    int fd = vmbus_memory_create("test", 10);
    raw_ready(&raw);
    for (unsigned row = 0; row < 12; row++) {
        struct gpadl_message message = gpadl(1, 10);
        switch (row) {
        case 0:
            message.head.rangecount = 0;
            break;
        case 1:
            message.head.rangecount = 2;
            break;
        case 2:
            message.head.rangecount = 0xFFFF;
            break;
        case 3:
            message.head.range_buflen = 0;
            break;
        case 4:
            message.head.range_buflen = 7;
            break;
        case 5:
            message.head.range_buflen += 8;
            break;
        case 6:
            message.head.byte_count = 0;
            break;
        case 7:
            message.head.byte_count = UINT32_MAX;
            break;
        case 8:
            message.head.byte_offset = 1;
            break;
        case 9:
            message.head.byte_offset = 4096;
            break;
        case 10:
            message.pfn[3] = 4;
            break;
        case 11:
            message.pfn[0] = UINT64_MAX;
            break;
        }
        refused_gpadl(&raw, &message, gpadl_size(10), fd);
    }
    raw_close(&raw);
    close(fd);
}

static void surplus_page_numbers_are_tolerated_only_as_zeroes(void **state)
{
    (void)state;
    struct raw raw;
    int fd = vmbus_memory_create("test", 10);
    raw_ready(&raw);
    struct gpadl_message message = gpadl(1, 10);
    message.pfn[10] = 10;
    refused_gpadl(&raw, &message, gpadl_size(11), fd);
    message.pfn[10] = 0;
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(11), fd), 0);
    raw_close(&raw);
    close(fd);
}

static void memory_that_is_not_sealed_large_and_alone_is_refused(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    int unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int unsealable = memfd_create("test", MFD_CLOEXEC);
    int shorter = vmbus_memory_create("test", 9);
    int empty = vmbus_memory_create("test", 0);
    int sealed_for_writing = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int no_file = eventfd(0, EFD_CLOEXEC);
    raw_ready(&raw);
    assert_int_equal(ftruncate(unsealed, 10 * 4096), 0);
    assert_int_equal(ftruncate(unsealable, 10 * 4096), 0);
    refused_gpadl(&raw, &message, gpadl_size(10), unsealed);
    refused_gpadl(&raw, &message, gpadl_size(10), unsealable);
    refused_gpadl(&raw, &message, gpadl_size(10), shorter);
    refused_gpadl(&raw, &message, gpadl_size(10), empty);
    refused_gpadl(&raw, &message, gpadl_size(10), no_file);
    refused_gpadl(&raw, &message, gpadl_size(10), -1);
    /* Memory the host may not write is found when the channel is opened. */
    assert_int_equal(ftruncate(sealed_for_writing, 10 * 4096), 0);
    assert_int_equal(fcntl(sealed_for_writing, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_WRITE), 0);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), sealed_for_writing), 0);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    raw_close(&raw);
    close(unsealed), close(unsealable), close(shorter), close(empty), close(sealed_for_writing), close(no_file);
}

static void surplus_descriptors_are_closed_and_the_message_refused(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    struct vmbus_header header = {.type = VMBUS_UNLOAD};
    struct vmbus_record record;
    int fd = vmbus_memory_create("test", 10);
    int many[8] = {fd, fd, fd, fd, fd, fd, fd, fd};
    raw_ready(&raw);
    unsigned fds = open_fds();
    /* Two where one belongs. */
    assert_int_equal(say_with(&raw, &message, gpadl_size(10), many, 2), VMBUS_NOTHING);
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_CREATED);
    assert_int_equal(open_fds(), fds);
    /* More than any message carries. */
    uint64_t ignored = vmbus_host_ignored(raw.host);
    assert_int_equal(say_with(&raw, &message, gpadl_size(10), many, 8), VMBUS_NOTHING);
    assert_true(vmbus_host_ignored(raw.host) == ignored + 1);
    nothing_is_said(&raw);
    assert_int_equal(open_fds(), fds);
    /* One where none belongs. */
    say_with(&raw, &header, sizeof header, many, 1);
    assert_int_equal(hear(&raw, &record), VMBUS_UNLOAD_RESPONSE);
    assert_int_equal(open_fds(), fds);
    raw_close(&raw);
    close(fd);
}

static void a_descriptor_that_the_host_has_no_room_for_is_refused_and_not_waited_for(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    struct rlimit before, full;
    int fd = vmbus_memory_create("test", 10);
    raw_ready(&raw);
    unsigned fds = open_fds();
    int lowest = dup(fd);
    assert_true(lowest >= 0);
    close(lowest);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    full = before;
    full.rlim_cur = (rlim_t)lowest;
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &full), 0);
    uint32_t status = create_gpadl(&raw, &message, gpadl_size(10), fd);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(status, VMBUS_STATUS_UNSUCCESSFUL);
    assert_int_equal(open_fds(), fds);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), fd), 0);
    raw_close(&raw);
    close(fd);
}

static void a_handle_in_use_and_too_many_buffers_are_refused(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    int fd = vmbus_memory_create("test", 10);
    raw_ready(&raw);
    good_gpadl(&raw, 1, 10);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), fd), VMBUS_STATUS_UNSUCCESSFUL);
    for (uint32_t handle = 2; handle <= VMBUS_GPADL_MAX; handle++)
        good_gpadl(&raw, handle, 10);
    message.head.gpadl = 99;
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), fd), VMBUS_STATUS_UNSUCCESSFUL);
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(open_status(&raw, &open), 0);
    raw_close(&raw);
    close(fd);
}

/* Legal: what the host reads it copies first, so two names for one page fool nobody. */
static void the_same_memory_twice_is_two_buffers(void **state)
{
    (void)state;
    struct raw raw;
    struct gpadl_message message = gpadl(1, 10);
    int fd = vmbus_memory_create("test", 10);
    struct vmbus_open_channel open = open_message(2, 5);
    struct vmbus_gpadl_teardown teardown = {{VMBUS_GPADL_TEARDOWN, 0}, RELID, 1};
    struct vmbus_record record;
    raw_ready(&raw);
    for (message.head.gpadl = 1; message.head.gpadl <= 2; message.head.gpadl++)
        assert_int_equal(create_gpadl(&raw, &message, gpadl_size(10), fd), 0);
    assert_int_equal(open_status(&raw, &open), 0);
    assert_int_equal(say(&raw, &teardown, sizeof teardown), VMBUS_NOTHING); /* the other one */
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_TORNDOWN);
    assert_non_null(vmbus_host_in(raw.host));
    raw_close(&raw);
    close(fd);
}

/* GPADL_BODY with page numbers first.. */
static enum vmbus_event send_body(struct raw *raw, uint32_t handle, uint32_t number, uint32_t first, uint32_t count)
{
    struct {
        struct vmbus_gpadl_body head;
        uint64_t pfn[VMBUS_BODY_PFNS];
    } __attribute__((packed)) body = {
        .head = {.header.type = VMBUS_GPADL_BODY, .msgnumber = number, .gpadl = handle},
    };
    for (uint32_t i = 0; i < count; i++)
        body.pfn[i] = first + i;
    return say(raw, &body, sizeof body.head + 8 * count);
}

static void page_numbers_continue_in_bodies_in_order(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct vmbus_gpadl_created created;
    struct gpadl_message message = gpadl(1, 60);
    int fd = vmbus_memory_create("test", 60);
    raw_ready(&raw);
    assert_int_equal(create_gpadl(&raw, &message, gpadl_size(60), fd), 1);
    /* Half-built: cannot be opened or torn down. */
    struct vmbus_open_channel open = open_message(1, 5);
    assert_int_equal(open_status(&raw, &open), VMBUS_STATUS_UNSUCCESSFUL);
    struct vmbus_gpadl_teardown teardown = {{VMBUS_GPADL_TEARDOWN, 0}, RELID, 1};
    is_ignored(&raw, &teardown, sizeof teardown);
    send_body(&raw, 1, 0, 26, 28);
    nothing_is_said(&raw);
    send_body(&raw, 1, 1, 54, 6);
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_CREATED);
    memcpy(&created, record.bytes, sizeof created);
    assert_int_equal(created.status, 0);
    assert_int_equal(open_status(&raw, &open), 0);
    /* One body too many. */
    uint64_t ignored = vmbus_host_ignored(raw.host);
    send_body(&raw, 1, 2, 60, 1);
    nothing_is_said(&raw);
    assert_true(vmbus_host_ignored(raw.host) == ignored + 1);
    raw_close(&raw);
    close(fd);
}

static void bodies_out_of_order_or_unknown_are_refused_or_ignored(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct gpadl_message message = gpadl(1, 60);
    int fd = vmbus_memory_create("test", 60);
    raw_ready(&raw);
    unsigned fds = open_fds();
    send_body(&raw, 7, 0, 0, 1);
    nothing_is_said(&raw);
    static const uint32_t bad[][2] = {{1, 26}, {0, 27}, {0, 0}};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(create_gpadl(&raw, &message, gpadl_size(60), fd), 1);
        send_body(&raw, 1, bad[i][0], bad[i][1], 5);
        assert_int_equal(hear(&raw, &record), VMBUS_GPADL_CREATED);
        assert_int_equal(open_fds(), fds);
    }
    raw_close(&raw);
    close(fd);
}

static void teardown_of_what_is_unknown_is_ignored_and_of_an_open_buffer_closes_first(void **state)
{
    (void)state;
    struct raw raw;
    struct vmbus_record record;
    struct vmbus_gpadl_teardown teardown = {{VMBUS_GPADL_TEARDOWN, 0}, RELID, 2};
    raw_opened(&raw);
    is_ignored(&raw, &teardown, sizeof teardown);
    teardown = (struct vmbus_gpadl_teardown){{VMBUS_GPADL_TEARDOWN, 0}, RELID + 1, 1};
    is_ignored(&raw, &teardown, sizeof teardown);
    teardown.relid = RELID;
    assert_int_equal(say(&raw, &teardown, sizeof teardown), VMBUS_CLOSED);
    assert_int_equal(hear(&raw, &record), VMBUS_GPADL_TORNDOWN);
    assert_null(vmbus_host_out(raw.host));
    is_ignored(&raw, &teardown, sizeof teardown);
    raw_close(&raw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        ROW("6_2_gpadl_range_that_cannot_be", malformed_ranges_are_refused_and_keep_nothing),
        ROW("6_2_gpadl_surplus_page_numbers", surplus_page_numbers_are_tolerated_only_as_zeroes),
        ROW("6_2_gpadl_pages_that_are_no_ram", memory_that_is_not_sealed_large_and_alone_is_refused),
        ROW("6_2_gpadl_surplus_descriptors", surplus_descriptors_are_closed_and_the_message_refused),
        cmocka_unit_test(a_descriptor_that_the_host_has_no_room_for_is_refused_and_not_waited_for),
        ROW("6_2_gpadl_handle_reused_and_too_many", a_handle_in_use_and_too_many_buffers_are_refused),
        cmocka_unit_test(page_numbers_continue_in_bodies_in_order),
        ROW("6_2_gpadl_the_same_pages_in_another", the_same_memory_twice_is_two_buffers),
        ROW("6_2_gpadl_body_out_of_order_or_unknown", bodies_out_of_order_or_unknown_are_refused_or_ignored),
        ROW("6_2_teardown_while_mapped", teardown_of_what_is_unknown_is_ignored_and_of_an_open_buffer_closes_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
