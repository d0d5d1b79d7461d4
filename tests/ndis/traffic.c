/* SPDX-License-Identifier: MIT
 *
 * There is no traffic: a send that completes never was, and what a miniport receives is its own again at once.
 */
#include "nic.h"

static void send_completion_of_nothing_is_reported(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NET_BUFFER_LIST list = {0};

    (void)state;
    NdisMSendNetBufferListsComplete(nic->handle, NULL, 0); /* no list */
    assert_false(nic_saw_rule(nic, "SEND_NOT_PENDING"));
    NdisMSendNetBufferListsComplete(nic->handle, &list, 0);
    assert_true(nic_saw_rule(nic, "SEND_NOT_PENDING"));
    nic_destroy(nic);
}

static void received_lists_are_returned_once_to_the_miniport(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NET_BUFFER_LIST second = {0}, first = {.Next = &second};
    char log[64];

    (void)state;
    snprintf(log, sizeof log, "return:%p:0 ", (void *)&first);
    NdisMIndicateReceiveNetBufferLists(nic->handle, &first, NDIS_DEFAULT_PORT_NUMBER, 2, 0);
    assert_string_equal(nic->log, log);
    assert_ptr_equal(first.Next, &second);
    nic_destroy(nic);
}

static void lists_received_with_resources_stay_the_miniports(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NET_BUFFER_LIST list = {0};

    (void)state;
    NdisMIndicateReceiveNetBufferLists(nic->handle, &list, NDIS_DEFAULT_PORT_NUMBER, 1, NDIS_RECEIVE_FLAGS_RESOURCES);
    NdisMIndicateReceiveNetBufferLists(nic->handle, NULL, NDIS_DEFAULT_PORT_NUMBER, 0, 0);
    assert_string_equal(nic->log, "");
    nic_destroy(nic);
}

static void traffic_on_a_handle_that_is_none_goes_nowhere(void **state)
{
    struct nic *nic = nic_running(FAKE_HOST);
    NET_BUFFER_LIST list = {0};

    (void)state;
    NdisMIndicateReceiveNetBufferLists(nic, &list, NDIS_DEFAULT_PORT_NUMBER, 1, 0); /* the miniport's own context */
    assert_true(nic_saw_rule(nic, "BAD_ADAPTER_HANDLE"));
    NdisMSendNetBufferListsComplete(nic, &list, 0);
    assert_false(nic_saw_rule(nic, "SEND_NOT_PENDING"));
    assert_string_equal(nic->log, "");
    nic_destroy(nic);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(send_completion_of_nothing_is_reported),
        cmocka_unit_test(received_lists_are_returned_once_to_the_miniport),
        cmocka_unit_test(lists_received_with_resources_stay_the_miniports),
        cmocka_unit_test(traffic_on_a_handle_that_is_none_goes_nowhere),
    };
    return cmocka_run_group_tests_name("traffic", tests, NULL, NULL);
}
