/* SPDX-License-Identifier: MIT
 *
 * A socket that is hung up on is closed when the call returns, unless something unread in it could make its closing
 * wait: then a thread closes it.
 */
#include "lingering.h"
#include "test.h"
#include "vmbus/vmbus.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/mman.h>

static unsigned threads_made;

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*run)(void *), void *context)
{
    threads_made++;
    return __real_pthread_create(thread, attributes, run, context);
}

static void nothing(int peer)
{
    (void)peer;
}

static void a_few_bytes(int peer)
{
    assert_int_equal(send(peer, "left", 4, 0), 4);
}

static void many_bytes(int peer)
{
    static const char bytes[5000];
    assert_int_equal(send(peer, bytes, sizeof bytes, 0), sizeof bytes);
}

/* Of a stream they are no record, of the others one each. */
static void empty_records(int peer)
{
    for (unsigned i = 0; i < 3; i++)
        assert_int_equal(send(peer, "", 0, 0), 0);
}

static void memory(int peer)
{
    int fd = memfd_create("left", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    assert_true(fd >= 0);
    many_bytes(peer);
    assert_int_equal(lingering_say(fd, peer, "left", 4, 1), 0);
    close(fd);
    a_few_bytes(peer);
}

static const struct left {
    const char *name;
    void (*leave)(int peer);
} left[] = {
    {"nothing", nothing}, {"a few bytes", a_few_bytes}, {"many bytes", many_bytes}, {"empty records", empty_records},
    {"memory", memory},
};

static void hang_up(int type, const struct left *what, bool peer_goes)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends), 0);
    what->leave(ends[1]);
    if (peer_goes)
        close(ends[1]);
    threads_made = 0;
    vmbus_foreign_hang_up(ends[0]);
    if (threads_made || fcntl(ends[0], F_GETFD) >= 0)
        fail_msg("%s of type %d, peer %s: %u threads", what->name, type, peer_goes ? "gone" : "there", threads_made);
    if (!peer_goes)
        close(ends[1]);
}

static void what_can_wait_for_nobody_is_closed_at_once(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    (void)state;
    for (unsigned type = 0; type < 2; type++) {
        for (unsigned i = 0; i < sizeof left / sizeof left[0]; i++) {
            hang_up(types[type], &left[i], false);
            hang_up(types[type], &left[i], true);
        }
    }
}

/* Behind bytes that are more than are looked at in one go; and the socket itself, behind whose first such descriptor
 * may be others. */
static void what_can_wait_is_closed_by_threads(void **state)
{
    static const int types[] = {SOCK_STREAM, SOCK_SEQPACKET};
    (void)state;
    for (unsigned type = 0; type < 2; type++) {
        int ends[2];
        struct lingering lingering = lingering_make();
        assert_int_equal(socketpair(AF_UNIX, types[type] | SOCK_CLOEXEC, 0, ends), 0);
        many_bytes(ends[1]);
        assert_true(lingering_send(&lingering, ends[1], "left", 4, 1));
        threads_made = 0;
        vmbus_foreign_hang_up(ends[0]);
        assert_int_equal(threads_made, 2);
        close(lingering.peer);
        close(ends[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_wait_for_nobody_is_closed_at_once),
        cmocka_unit_test(what_can_wait_is_closed_by_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
