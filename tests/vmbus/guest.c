/* SPDX-License-Identifier: MIT
 *
 * The guest's end: a channel between honest ends, ends that die, and a hostile host (vpci-wire.md 5.3).
 */
#include "raw.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- a real guest ----------------------------------------------------------------------------------------------- */

/* A host that answers on a thread until the guest is gone, and counts what happened. */
struct server {
    struct vmbus_host *host;
    pthread_t thread;
    _Atomic unsigned opened, closed;
    _Atomic bool echo_broken;
};

/* Sends back what came, in the other ring. */
static void echo(struct server *server)
{
    struct vmbus_ring *in = vmbus_host_in(server->host), *out = vmbus_host_out(server->host);
    struct vmbus_packet packet;
    uint8_t buffer[512];
    bool signal, wake = false;
    int length;
    if (!in)
        return;
    while ((length = vmbus_ring_receive(in, &packet, buffer, sizeof buffer, &signal)) >= 0) {
        wake |= signal;
        packet.type = VMBUS_PACKET_COMPLETION;
        if (vmbus_ring_send(out, &packet, buffer, false, &signal))
            server->echo_broken = true;
        wake |= signal;
    }
    if (wake)
        vmbus_host_signal(server->host);
}

static void *serve(void *context)
{
    struct server *server = context;
    for (;;) {
        struct pollfd wait[2] = {{.fd = vmbus_host_socket(server->host), .events = POLLIN},
                                 {.fd = vmbus_host_kick_fd(server->host), .events = POLLIN}};
        poll(wait, 2, -1);
        if (wait[1].revents)
            vmbus_host_kick_clear(server->host);
        echo(server);
        enum vmbus_event event = wait[0].revents ? vmbus_host_control(server->host) : VMBUS_NOTHING;
        server->opened += event == VMBUS_OPENED;
        server->closed += event == VMBUS_CLOSED;
        if (event == VMBUS_GONE)
            return NULL;
    }
}

static int server_start(struct server *server)
{
    int ends[2];
    memset(server, 0, sizeof *server);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(vmbus_host_create(ends[0], &an_offer, 1, &server->host), 0);
    pthread_create(&server->thread, NULL, serve, server);
    return ends[1];
}

static void server_stop(struct server *server)
{
    pthread_join(server->thread, NULL);
    vmbus_host_destroy(server->host);
}

static void exchange(struct vmbus_guest *guest, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        struct vmbus_packet packet = {VMBUS_PACKET_DATA, VMBUS_COMPLETION_REQUESTED, i + 1, 24}, answer;
        uint8_t payload[24], back[64];
        bool signal;
        int length;
        memset(payload, (int)i, sizeof payload);
        assert_int_equal(vmbus_ring_send(vmbus_guest_out(guest), &packet, payload, true, &signal), 0);
        if (signal)
            vmbus_guest_signal(guest);
        while ((length = vmbus_ring_receive(vmbus_guest_in(guest), &answer, back, sizeof back, &signal)) == -EAGAIN)
            assert_int_equal(vmbus_guest_wait(guest, -1, -1), 0);
        assert_int_equal(length, 24);
        assert_true(answer.transaction_id == i + 1);
        assert_memory_equal(payload, back, 24);
    }
}

static void a_channel_opens_carries_packets_closes_and_opens_again(void **state)
{
    static const uint32_t pages[][2] = {{5, 5}, {2, 2}, {3, 7}, {30, 40}, {1000, 1048}};
    (void)state;
    unsigned fds = open_fds();
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    assert_memory_equal(vmbus_guest_offer(guest), &an_offer, sizeof an_offer);
    assert_int_equal(vmbus_guest_window_pages(guest), 1);
    for (unsigned i = 0; i < sizeof pages / sizeof pages[0]; i++) {
        assert_null(vmbus_guest_in(guest));
        assert_int_equal(vmbus_guest_open(guest, pages[i][0], pages[i][1]), 0);
        vmbus_guest_set_spin(guest, i % 2 ? 0 : VMBUS_SPIN_DEFAULT);
        exchange(guest, 300);
        vmbus_guest_close(guest);
        vmbus_guest_close(guest);
    }
    vmbus_guest_destroy(guest);
    server_stop(&server);
    assert_int_equal(server.opened, 5);
    assert_int_equal(server.closed, 5);
    assert_false(server.echo_broken);
    assert_int_equal(open_fds(), fds);
}

static void an_offer_taken_back_before_it_was_asked_for_is_not_waited_for(void **state)
{
    (void)state;
    unsigned fds = open_fds();
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server);
    vmbus_host_rescind(server.host); /* nothing was said yet: its thread has nothing to do */
    assert_int_equal(vmbus_guest_connect_within(socket, 2000, &guest), -EPIPE);
    server_stop(&server);
    assert_int_equal(open_fds(), fds);
}

static void both_ends_see_the_same_window(void **state)
{
    (void)state;
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    *(volatile uint32_t *)vmbus_guest_window(guest) = 0xCAFE;
    assert_int_equal(*(volatile uint32_t *)vmbus_host_window(server.host), 0xCAFE);
    vmbus_guest_destroy(guest);
    server_stop(&server);
}

static void openings_that_make_no_sense_are_refused_before_the_host_hears_of_them(void **state)
{
    (void)state;
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    assert_int_equal(vmbus_guest_open(guest, 1, 5), -EINVAL);
    assert_int_equal(vmbus_guest_open(guest, 5, 0), -EINVAL);
    assert_int_equal(vmbus_guest_open(guest, UINT32_MAX, 2), -EINVAL);
    assert_int_equal(vmbus_guest_open(guest, 5, 5), 0);
    assert_int_equal(vmbus_guest_open(guest, 5, 5), -EINVAL);
    vmbus_guest_destroy(guest);
    server_stop(&server);
    assert_int_equal(server.opened, 1);
}

static void data_that_came_while_signals_were_masked_ends_the_wait(void **state)
{
    (void)state;
    struct server server;
    struct vmbus_guest *guest;
    struct vmbus_packet packet = {VMBUS_PACKET_DATA, 0, 1, 0};
    bool signal;
    int socket = server_start(&server);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    assert_int_equal(vmbus_guest_open(guest, 2, 2), 0);
    vmbus_guest_set_spin(guest, 0);
    assert_int_equal(vmbus_guest_wait(guest, -1, 0), -ETIMEDOUT);
    assert_int_equal(vmbus_guest_in(guest)->header->interrupt_mask, 1);
    assert_int_equal(vmbus_ring_send(vmbus_guest_out(guest), &packet, NULL, false, &signal), 0);
    vmbus_guest_signal(guest);
    while (!vmbus_ring_has_data(vmbus_guest_in(guest)))
        sched_yield();
    assert_int_equal(vmbus_guest_wait(guest, -1, 0), 0);
    vmbus_guest_destroy(guest);
    server_stop(&server);
}

static void waiting_ends_by_stop_by_time_and_by_rescind(void **state)
{
    (void)state;
    unsigned fds = open_fds();
    struct server server;
    struct vmbus_guest *guest;
    int socket = server_start(&server), stop = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(vmbus_guest_connect(socket, &guest), 0);
    assert_int_equal(vmbus_guest_open(guest, 2, 2), 0);
    assert_int_equal(vmbus_guest_wait(guest, stop, 0), -ETIMEDOUT);
    eventfd_write(stop, 1);
    assert_int_equal(vmbus_guest_wait(guest, stop, -1), -ECANCELED);
    assert_false(vmbus_guest_gone(guest));
    vmbus_host_rescind(server.host);
    assert_int_equal(vmbus_guest_wait(guest, -1, -1), -EPIPE);
    assert_true(vmbus_guest_gone(guest));
    assert_int_equal(vmbus_guest_wait(guest, -1, -1), -EPIPE);
    vmbus_guest_destroy(guest);
    server_stop(&server);
    assert_int_equal(server.closed, 1);
    close(stop);
    assert_int_equal(open_fds(), fds);
}

static void a_guest_killed_in_the_middle_is_noticed_and_leaves_nothing(void **state)
{
    (void)state;
    for (unsigned round = 0; round < 20; round++) {
        unsigned fds = open_fds();
        int ends[2];
        struct server server = {0};
        assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
        pid_t child = fork();
        if (child == 0) {
            struct vmbus_guest *guest;
            close(ends[0]);
            if (vmbus_guest_connect(ends[1], &guest) || vmbus_guest_open(guest, 5, 5))
                _exit(1);
            for (unsigned i = 0; i < round; i++)
                exchange(guest, 1);
            kill(getpid(), SIGKILL);
        }
        close(ends[1]);
        assert_int_equal(vmbus_host_create(ends[0], &an_offer, 1, &server.host), 0);
        pthread_create(&server.thread, NULL, serve, &server);
        int status;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        server_stop(&server);
        assert_int_equal(server.opened, 1);
        assert_int_equal(open_fds(), fds);
    }
}

static void a_host_that_dies_is_noticed_by_a_waiting_guest(void **state)
{
    (void)state;
    unsigned fds = open_fds();
    int ends[2];
    struct vmbus_guest *guest;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    pid_t child = fork();
    if (child == 0) {
        struct server server = {0};
        close(ends[1]);
        vmbus_host_create(ends[0], &an_offer, 1, &server.host);
        while (server.opened == 0) {
            struct pollfd wait = {.fd = vmbus_host_socket(server.host), .events = POLLIN};
            poll(&wait, 1, -1);
            server.opened += vmbus_host_control(server.host) == VMBUS_OPENED;
        }
        kill(getpid(), SIGKILL);
    }
    close(ends[0]);
    assert_int_equal(vmbus_guest_connect(ends[1], &guest), 0);
    assert_int_equal(vmbus_guest_open(guest, 5, 5), 0);
    while (vmbus_guest_wait(guest, -1, -1) == 0)
        continue;
    assert_true(vmbus_guest_gone(guest));
    vmbus_guest_signal(guest);
    vmbus_guest_destroy(guest);
    waitpid(child, NULL, 0);
    assert_int_equal(open_fds(), fds);
}

/* ---- a hostile host --------------------------------------------------------------------------------------------- */

/* What a scripted host says at once, before the guest asks: messages wait in the socket. */
static int guest_against(const void *messages[], const uint32_t lengths[], unsigned count, const int *fds,
                         uint32_t fd_count)
{
    int ends[2];
    struct vmbus_guest *guest;
    unsigned before = open_fds();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    for (unsigned i = 0; i < count; i++) {
        bool offer = ((const struct vmbus_header *)messages[i])->type == VMBUS_OFFERCHANNEL;
        assert_int_equal(vmbus_record_send(ends[0], messages[i], lengths[i], fds, offer ? fd_count : 0), 0);
    }
    int result = vmbus_guest_connect_within(ends[1], 20, &guest);
    if (!result)
        vmbus_guest_destroy(guest);
    close(ends[0]);
    wait_for_fds(before);
    return result;
}

static void offers_of_a_hostile_host_are_refused(void **state)
{
    (void)state;
    struct vmbus_version_response response = {.header.type = VMBUS_VERSION_RESPONSE, .supported = 1};
    struct vmbus_offer_channel offer = {.header.type = VMBUS_OFFERCHANNEL, .relid = 1};
    struct vmbus_header all = {.type = VMBUS_ALLOFFERS_DELIVERED};
    const void *messages[] = {&response, &offer, &all};
    uint32_t lengths[] = {sizeof response, sizeof offer, sizeof all};
    int window = vmbus_memory_create("test", 1), unsealed = memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    int kick = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(ftruncate(unsealed, 4096), 0);
    int good[] = {kick, kick, window}, bad[] = {kick, kick, unsealed}, no_memory[] = {kick, kick, kick};
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), 0);
    assert_int_equal(guest_against(messages, lengths, 3, good, 2), -EPROTO);
    assert_int_equal(guest_against(messages, lengths, 3, NULL, 0), -EPROTO);
    assert_int_equal(guest_against(messages, lengths, 3, bad, 3), -EPROTO);
    assert_int_equal(guest_against(messages, lengths, 3, no_memory, 3), -EPROTO);
    offer.relid = 0;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    offer.relid = 2048;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    offer.relid = 1;
    lengths[1]--;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    lengths[1]++;
    lengths[0] = 12;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTO);
    lengths[0] = sizeof response;
    response.supported = 0;
    assert_int_equal(guest_against(messages, lengths, 3, good, 3), -EPROTONOSUPPORT);
    close(window), close(unsealed), close(kick);
}

static void a_silent_host_costs_the_guest_only_its_limit(void **state)
{
    (void)state;
    struct vmbus_version_response response = {.header.type = VMBUS_VERSION_RESPONSE, .supported = 1};
    struct vmbus_header noise = {.type = 77};
    const void *messages[] = {&noise, &response};
    uint32_t lengths[] = {sizeof noise, sizeof response};
    assert_int_equal(guest_against(messages, lengths, 0, NULL, 0), -ETIMEDOUT);
    assert_int_equal(guest_against(messages, lengths, 1, NULL, 0), -ETIMEDOUT);
    assert_int_equal(guest_against(messages, lengths, 2, NULL, 0), -ETIMEDOUT);
}

static void a_host_that_hangs_up_is_noticed_at_once(void **state)
{
    (void)state;
    int ends[2];
    struct vmbus_guest *guest;
    unsigned before = open_fds();
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    close(ends[0]);
    assert_int_equal(vmbus_guest_connect(ends[1], &guest), -EPIPE);
    assert_int_equal(open_fds(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_channel_opens_carries_packets_closes_and_opens_again),
        cmocka_unit_test(an_offer_taken_back_before_it_was_asked_for_is_not_waited_for),
        cmocka_unit_test(both_ends_see_the_same_window),
        cmocka_unit_test(openings_that_make_no_sense_are_refused_before_the_host_hears_of_them),
        cmocka_unit_test(data_that_came_while_signals_were_masked_ends_the_wait),
        cmocka_unit_test(waiting_ends_by_stop_by_time_and_by_rescind),
        cmocka_unit_test(a_guest_killed_in_the_middle_is_noticed_and_leaves_nothing),
        cmocka_unit_test(a_host_that_dies_is_noticed_by_a_waiting_guest),
        cmocka_unit_test(offers_of_a_hostile_host_are_refused),
        cmocka_unit_test(a_silent_host_costs_the_guest_only_its_limit),
        cmocka_unit_test(a_host_that_hangs_up_is_noticed_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
