/* SPDX-License-Identifier: MIT
 *
 * The transport that is memory alone: the same life as between two processes, driven by calls.
 */
#include "test.h"
#include "vmbus/vmbus.h"

#include <errno.h>
#include <poll.h>

struct seen {
    unsigned signalled, rescinded, settled, destroyed;
};

static void on_signalled(void *context)
{
    ((struct seen *)context)->signalled++;
}

static void on_rescinded(void *context)
{
    ((struct seen *)context)->rescinded++;
}

static void on_settled(void *context)
{
    ((struct seen *)context)->settled++;
}

static void on_destroyed(void *context)
{
    ((struct seen *)context)->destroyed++;
}

struct rig {
    struct seen seen;
    struct vmbus_local *local;
    struct vmbus_host *host;
};

static int set_up(void **state)
{
    struct rig *rig = test_calloc(1, sizeof *rig);
    const struct vmbus_local_events events = {on_signalled, on_rescinded, on_settled, on_destroyed, &rig->seen};
    assert_int_equal(vmbus_local_create(1, &events, &rig->local), 0);
    rig->host = vmbus_local_host(rig->local);
    *state = rig;
    return 0;
}

static int tear_down(void **state)
{
    struct rig *rig = *state;
    vmbus_host_destroy(rig->host);
    assert_int_equal(rig->seen.destroyed, 1);
    test_free(rig);
    return 0;
}

static bool readable(int fd)
{
    struct pollfd poll_one = {.fd = fd, .events = POLLIN};
    return poll(&poll_one, 1, 0) == 1;
}

static void packets_go_both_ways_once_it_is_open(void **state)
{
    struct rig *rig = *state;
    struct vmbus_packet packet = {.type = VMBUS_PACKET_DATA, .transaction_id = 7, .length = 5}, got;
    char buffer[64];
    bool signal;
    assert_null(vmbus_host_in(rig->host));
    assert_null(vmbus_local_out(rig->local));
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_NOTHING);
    assert_int_equal(vmbus_local_open(rig->local, 3, 2), 0);
    assert_true(readable(vmbus_host_socket(rig->host)));
    assert_int_equal(vmbus_ring_send(vmbus_local_out(rig->local), &packet, "hello", false, &signal), 0);
    assert_true(signal); /* before the host has looked: it will find it */
    vmbus_local_kick(rig->local);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_OPENED);
    assert_false(readable(vmbus_host_socket(rig->host)));
    assert_true(readable(vmbus_host_kick_fd(rig->host)));
    vmbus_host_kick_clear(rig->host);
    assert_false(readable(vmbus_host_kick_fd(rig->host)));
    assert_int_equal(vmbus_host_in(rig->host)->size, 2 * VMBUS_PAGE);
    assert_int_equal(vmbus_host_out(rig->host)->size, VMBUS_PAGE);
    assert_int_equal(vmbus_ring_receive(vmbus_host_in(rig->host), &got, buffer, sizeof buffer, &signal), 8);
    assert_string_equal(buffer, "hello");
    assert_true(got.transaction_id == 7);
    assert_int_equal(vmbus_ring_send(vmbus_host_out(rig->host), &packet, "there", false, &signal), 0);
    assert_true(signal);
    vmbus_host_signal(rig->host);
    assert_int_equal(rig->seen.signalled, 1);
    assert_int_equal(vmbus_ring_receive(vmbus_local_in(rig->local), &got, buffer, sizeof buffer, &signal), 8);
    assert_string_equal(buffer, "there");
}

static void a_close_is_settled_only_after_the_host_was_told_and_came_again(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(vmbus_local_open(rig->local, 2, 2), 0);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_OPENED);
    vmbus_local_close(rig->local);
    vmbus_local_close(rig->local); /* nothing */
    assert_null(vmbus_local_out(rig->local));
    assert_non_null(vmbus_host_in(rig->host)); /* its until it is told */
    assert_int_equal(vmbus_local_open(rig->local, 2, 2), -EBUSY);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_CLOSED);
    assert_null(vmbus_host_in(rig->host));
    assert_int_equal(vmbus_local_open(rig->local, 2, 2), -EBUSY);
    assert_int_equal(rig->seen.settled, 0);
    assert_true(readable(vmbus_host_socket(rig->host)));
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_NOTHING);
    assert_int_equal(rig->seen.settled, 1);
    assert_false(readable(vmbus_host_socket(rig->host)));
    assert_int_equal(vmbus_local_open(rig->local, 4, 4), 0);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_OPENED);
}

static void opened_and_closed_at_once_is_told_in_that_order(void **state)
{
    struct rig *rig = *state;
    assert_int_equal(vmbus_local_open(rig->local, 2, 2), 0);
    vmbus_local_close(rig->local);
    vmbus_local_leave(rig->local, "a reason");
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_OPENED);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_CLOSED);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_NOTHING);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_GONE);
    assert_int_equal(vmbus_host_control(rig->host), VMBUS_GONE);
    assert_string_equal(rig->host->reason, "a reason");
    assert_int_equal(vmbus_local_open(rig->local, 2, 2), -EPIPE);
}

static void rings_of_less_than_two_pages_and_of_too_many_are_refused(void **state)
{
    struct rig *rig = *state;
    struct vmbus_local *none;
    assert_int_equal(vmbus_local_open(rig->local, 1, 2), -EINVAL);
    assert_int_equal(vmbus_local_open(rig->local, 2, 1), -EINVAL);
    assert_int_equal(vmbus_local_open(rig->local, VMBUS_GPADL_PAGES_MAX, 2), -EINVAL);
    assert_int_equal(vmbus_local_open(rig->local, UINT32_MAX, UINT32_MAX), -EINVAL);
    assert_int_equal(vmbus_local_create(0, NULL, &none), -EINVAL);
    assert_false(readable(vmbus_host_socket(rig->host)));
    assert_int_equal(vmbus_local_open(rig->local, 2, 2), 0);
}

static void a_rescind_is_told_and_a_kick_is_kept(void **state)
{
    struct rig *rig = *state;
    vmbus_host_rescind(rig->host);
    assert_int_equal(rig->seen.rescinded, 1);
    vmbus_local_kick(rig->local);
    assert_true(readable(vmbus_host_kick_fd(rig->host)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(packets_go_both_ways_once_it_is_open, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_close_is_settled_only_after_the_host_was_told_and_came_again, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(opened_and_closed_at_once_is_told_in_that_order, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rings_of_less_than_two_pages_and_of_too_many_are_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_rescind_is_told_and_a_kick_is_kept, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
