/* SPDX-License-Identifier: MIT
 *
 * Accesses to mitigated pages as they are asked of a VSP's channel, over a PF driver that answers for such pages and is
 * slow about it. Nobody waits: the clock is the case's.
 */
#include "mitigation_rig.h"

#include <errno.h>
#include <sched.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "scarce.h"
#include "vpci/vsp/vsp.h"

#define PATIENCE_NS 30000000000ll
#define MANY        5000u

static atomic_llong later_ns; /* what the clock is ahead */

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    int result = __real_clock_gettime(clock, time);
    if (clock == CLOCK_MONOTONIC)
        time->tv_sec += (time_t)(later_ns / 1000000000);
    return result;
}

static struct vsp *vsp;
static struct vsp_channel *channel;

/* VF 0 is a guest's that never connects, VF 1 the case's own. */
static int set_up_channel(void **state)
{
    const struct vsp_channel_options channel_options = {.name = "guest", .relid = 1};
    int sockets[2];
    set_up(state);
    mitigable_pf_range(&pf, 0, 2, true, true);
    assert_int_equal(vstack_vf_allocate(stack, &options, &vfs[0]), NDIS_STATUS_SUCCESS);
    give(1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets), 0);
    vsp = vsp_create(pf.pf.partition, 1);
    assert_non_null(vsp);
    assert_int_equal(vsp_channel_add(vsp, sockets[0], vfs[0], &channel_options, &channel), 0);
    *state = (void *)(intptr_t)sockets[1];
    later_ns = 0;
    return 0;
}

static int tear_down_channel(void **state)
{
    vsp_channel_remove(channel);
    vsp_destroy(vsp);
    close((int)(intptr_t)*state);
    return tear_down(state);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

struct answer {
    atomic_uint done;
    atomic_int result;
    _Atomic uint64_t value;
};

static void on_answer(void *context, int result, uint64_t value)
{
    struct answer *answer = context;
    answer->result = result;
    answer->value = value;
    atomic_fetch_add(&answer->done, 1);
}

static int ask(struct answer *answer, bool write)
{
    const struct vsp_register access = {.offset = 0x100, .length = 4, .write = write, .value = 0x11223344};
    return vsp_register(channel, &access, on_answer, answer);
}

/* Wakes the worker, which sees to what is asked and then to its timers. */
static void wake_worker(void)
{
    const uint16_t processor = 0;
    const struct vsp_delivery target = {.vector = 0x30, .processor_count = 1, .processors = &processor};
    struct answer none = {0};
    assert_int_equal(vsp_retarget_later(channel, 0, 0, &target, on_answer, &none), 0);
    generic_pf_wait(&none.done, 1);
    assert_int_equal(none.result, -ENOENT);
}

/* ---- cases ------------------------------------------------------------------------------------------------------- */

static void *read_of_vf_1(void *context)
{
    ULONG64 value;
    NTSTATUS *status = context;
    *status = read_register(1, 0, 0x200, 4, &value);
    return NULL;
}

/* The PF driver is inside another VF's access. The first that is asked is next; the others wait behind it, and what is
 * given up there never reaches the PF driver. */
static void an_access_that_is_not_answered_in_30_s_is_given_up(void **state)
{
    struct answer reads = {0}, writes = {0}, fresh = {0};
    NTSTATUS status;
    pthread_t thread;
    (void)state;
    pf.pf.hold = true;
    assert_int_equal(pthread_create(&thread, NULL, read_of_vf_1, &status), 0);
    generic_pf_wait(&pf.pf.held, 1);
    unsigned calls = pf.pf.calls;
    assert_int_equal(ask(&reads, false), 0);
    assert_int_equal(ask(&writes, true), 0);
    wake_worker();
    later_ns = PATIENCE_NS - 5000000000;
    wake_worker();
    assert_int_equal(reads.done + writes.done, 0);
    assert_int_equal(ask(&fresh, false), 0);
    wake_worker();
    later_ns = PATIENCE_NS;
    wake_worker();
    generic_pf_wait(&reads.done, 1);
    generic_pf_wait(&writes.done, 1);
    assert_int_equal(reads.result, -ETIMEDOUT);
    assert_true(reads.value == UINT64_MAX);
    assert_int_equal(writes.result, -ETIMEDOUT);
    assert_int_equal(fresh.done, 0); /* its time begins when it was asked */
    pf.pf.hold = false;
    pthread_join(thread, NULL);
    assert_int_equal(status, STATUS_SUCCESS);
    generic_pf_wait(&fresh.done, 1);
    assert_int_equal(fresh.result, 0);
    assert_true(fresh.value == 0xA5A5A5A5);
    assert_int_equal(pf.pf.calls, calls + 2); /* the first, whose answer is nobody's now, and the last */
    assert_true(pf.access.read);
    assert_int_equal(reads.done + writes.done, 2);
}

static void an_access_that_finds_no_memory_is_not_asked(void **state)
{
    const uint16_t processor = 0;
    const struct vsp_delivery target = {.vector = 0x30, .processor_count = 1, .processors = &processor};
    struct answer never = {0}, good = {0};
    unsigned accesses = pf.accesses;
    (void)state;
    scarce_no_memory = true;
    int refused = ask(&never, true);
    int other = vsp_retarget_later(channel, 0, 0, &target, on_answer, &never);
    scarce_no_memory = false;
    assert_int_equal(refused, -ENOMEM);
    assert_int_equal(other, -ENOMEM);
    assert_int_equal(ask(&good, false), 0);
    generic_pf_wait(&good.done, 1);
    wake_worker();
    assert_int_equal(good.result, 0);
    assert_int_equal(never.done, 0);
    assert_int_equal(pf.accesses, accesses + 1);
}

struct ordered {
    unsigned *next;
    unsigned number;
    bool in_order;
};

static void on_ordered(void *context, int result, uint64_t value)
{
    struct ordered *ordered = context;
    (void)value;
    ordered->in_order = result == 0 && *ordered->next == ordered->number;
    ++*ordered->next;
}

/* The worker is inside the PF driver, so they all wait. */
static void however_many_wait_are_answered_in_the_order_of_asking(void **state)
{
    static struct ordered all[MANY];
    const struct vsp_register access = {.length = 8};
    struct answer last = {0};
    unsigned next = 0;
    (void)state;
    pf.pf.hold = true;
    for (unsigned i = 0; i < MANY; i++) {
        all[i] = (struct ordered){&next, i, false};
        assert_int_equal(vsp_register(channel, &access, on_ordered, &all[i]), 0);
    }
    assert_int_equal(ask(&last, false), 0);
    generic_pf_wait(&pf.pf.held, 1);
    pf.pf.hold = false;
    generic_pf_wait(&last.done, 1);
    assert_int_equal(next, MANY);
    for (unsigned i = 0; i < MANY; i++)
        assert_true(all[i].in_order);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_channel, tear_down_channel)
    const struct CMUnitTest tests[] = {
        CASE(an_access_that_is_not_answered_in_30_s_is_given_up),
        CASE(an_access_that_finds_no_memory_is_not_asked),
        CASE(however_many_wait_are_answered_in_the_order_of_asking),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
