/* SPDX-License-Identifier: MIT
 *
 * The configuration window's mailbox: what passes, who is woken, and what a peer that breaks the rules can do.
 */
#include "test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "vpci/window.h"

struct pair {
    struct vpci_window_page page;
    struct vpci_window_host host;
    struct vpci_window_guest guest;
    int kick;
    atomic_bool stop;
    uint64_t served;
};

static void pair_open(struct pair *pair)
{
    memset(pair, 0, sizeof *pair);
    vpci_window_host_init(&pair->host, &pair->page);
    vpci_window_guest_init(&pair->guest, &pair->page);
}

static void a_request_is_taken_once_and_its_answer_arrives(void **state)
{
    (void)state;
    struct pair pair;
    struct vpci_window_access asked = {.address = 0xF8001004, .size = 4, .is_write = true, .value = 0x12345678}, got;
    uint64_t value = 0;
    pair_open(&pair);
    assert_false(vpci_window_pending(&pair.host));
    assert_false(vpci_window_take(&pair.host, &got));
    assert_false(vpci_window_post(&pair.guest, &asked)); /* the host does not sleep */
    assert_true(asked.sequence == 1);
    assert_true(vpci_window_pending(&pair.host));
    assert_true(vpci_window_take(&pair.host, &got));
    assert_true(got.address == 0xF8001004 && got.size == 4 && got.is_write && got.value == 0x12345678);
    assert_true(got.sequence == 1);
    assert_false(vpci_window_take(&pair.host, &got));
    vpci_window_answer(&pair.host, &got, 0xABCD);
    assert_int_equal(vpci_window_wait(&pair.guest, 0, 0, &value), 0);
    assert_true(value == 0xABCD);
}

static void a_host_that_goes_to_sleep_is_kicked_or_kept_awake(void **state)
{
    (void)state;
    struct pair pair;
    struct vpci_window_access access = {.size = 1};
    pair_open(&pair);
    assert_false(vpci_window_host_sleep(&pair.host));
    assert_true(vpci_window_post(&pair.guest, &access));
    assert_true(vpci_window_host_sleep(&pair.host));
    assert_int_equal(pair.page.host_waiting, 0);
    assert_true(vpci_window_take(&pair.host, &access));
    assert_false(vpci_window_host_sleep(&pair.host));
    vpci_window_host_awake(&pair.host);
    assert_false(vpci_window_post(&pair.guest, &access));
}

static void silence_ends_by_the_limit_and_late_answers_are_ignored(void **state)
{
    (void)state;
    struct pair pair;
    struct vpci_window_access first = {.size = 1}, second = {.size = 1}, taken;
    uint64_t value = 0x55;
    pair_open(&pair);
    vpci_window_post(&pair.guest, &first);
    assert_true(vpci_window_take(&pair.host, &taken));
    assert_int_equal(vpci_window_wait(&pair.guest, 10, 1, &value), -ETIMEDOUT);
    vpci_window_post(&pair.guest, &second);
    vpci_window_answer(&pair.host, &taken, 1);
    assert_int_equal(vpci_window_wait(&pair.guest, 10, 1, &value), -ETIMEDOUT);
    assert_true(value == 0x55);
    assert_true(vpci_window_take(&pair.host, &taken));
    vpci_window_answer(&pair.host, &taken, 2);
    assert_int_equal(vpci_window_wait(&pair.guest, 0, 0, &value), 0);
    assert_true(value == 2);
}

static void another_guest_on_the_page_continues_the_sequence(void **state)
{
    (void)state;
    struct pair pair;
    struct vpci_window_access access = {.size = 1}, taken;
    uint64_t value;
    pair_open(&pair);
    vpci_window_post(&pair.guest, &access);
    vpci_window_take(&pair.host, &taken);
    vpci_window_answer(&pair.host, &taken, 0);
    vpci_window_guest_init(&pair.guest, &pair.page);
    vpci_window_post(&pair.guest, &access);
    assert_true(access.sequence == 2);
    assert_true(vpci_window_take(&pair.host, &taken));
    vpci_window_answer(&pair.host, &taken, 7);
    assert_int_equal(vpci_window_wait(&pair.guest, 0, 0, &value), 0);
}

static void a_request_that_changes_after_it_was_taken_changes_nothing(void **state)
{
    (void)state;
    struct pair pair;
    struct vpci_window_access access = {.address = 8, .size = 4}, taken;
    pair_open(&pair);
    vpci_window_post(&pair.guest, &access);
    assert_true(vpci_window_take(&pair.host, &taken));
    pair.page.address = 16;
    pair.page.size = 1000;
    assert_true(taken.address == 8 && taken.size == 4);
    assert_false(vpci_window_take(&pair.host, &taken));
}

static void *abandon(void *context)
{
    struct pair *pair = context;
    while (!atomic_load(&pair->page.guest_waiting))
        sched_yield();
    vpci_window_abandon(&pair->guest);
    return NULL;
}

static void abandoning_ends_a_wait_and_every_later_one(void **state)
{
    (void)state;
    struct pair pair;
    struct vpci_window_access access = {.size = 1};
    pthread_t thread;
    uint64_t value;
    pair_open(&pair);
    vpci_window_post(&pair.guest, &access);
    pthread_create(&thread, NULL, abandon, &pair);
    assert_int_equal(vpci_window_wait(&pair.guest, 0, -1, &value), -EPIPE);
    pthread_join(thread, NULL);
    assert_int_equal(vpci_window_wait(&pair.guest, 10, -1, &value), -EPIPE);
}

/* Sleeps at every chance; a lost wake-up hangs the test. */
static void *serve(void *context)
{
    struct pair *pair = context;
    struct vpci_window_access access;
    while (!atomic_load(&pair->stop)) {
        while (vpci_window_take(&pair->host, &access)) {
            pair->served++;
            vpci_window_answer(&pair->host, &access, access.address * 3);
        }
        struct pollfd wait = {.fd = pair->kick, .events = POLLIN};
        eventfd_t count;
        if (vpci_window_host_sleep(&pair->host))
            continue;
        poll(&wait, 1, -1);
        vpci_window_host_awake(&pair->host);
        eventfd_read(pair->kick, &count);
    }
    return NULL;
}

static void two_threads_that_sleep_at_every_chance_lose_no_wake_up(void **state)
{
    static const unsigned spins[] = {0, 1, 50, 2000};
    (void)state;
    for (unsigned i = 0; i < sizeof spins / sizeof spins[0]; i++) {
        struct pair pair;
        pthread_t thread;
        pair_open(&pair);
        pair.kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        pthread_create(&thread, NULL, serve, &pair);
        for (uint64_t n = 1; n <= 3000; n++) {
            struct vpci_window_access access = {.address = n, .size = 4};
            uint64_t value;
            if (vpci_window_post(&pair.guest, &access))
                eventfd_write(pair.kick, 1);
            assert_int_equal(vpci_window_wait(&pair.guest, spins[i], -1, &value), 0);
            assert_true(value == n * 3);
        }
        atomic_store(&pair.stop, true);
        eventfd_write(pair.kick, 1);
        pthread_join(thread, NULL);
        assert_true(pair.served == 3000);
        close(pair.kick);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_taken_once_and_its_answer_arrives),
        cmocka_unit_test(a_host_that_goes_to_sleep_is_kicked_or_kept_awake),
        cmocka_unit_test(silence_ends_by_the_limit_and_late_answers_are_ignored),
        cmocka_unit_test(another_guest_on_the_page_continues_the_sequence),
        cmocka_unit_test(a_request_that_changes_after_it_was_taken_changes_nothing),
        cmocka_unit_test(abandoning_ends_a_wait_and_every_later_one),
        cmocka_unit_test(two_threads_that_sleep_at_every_chance_lose_no_wake_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
