/* SPDX-License-Identifier: MIT
 *
 * Mitigated pages of a VF behind the virtualization stack: who is told of them and when, what is handed to the PF
 * driver (pci.md 3.4, 5.10), and all of it while updates come and VFs go.
 */
#include "mitigation_rig.h"

#include <sched.h>

/* ---- who is told, and when --------------------------------------------------------------------------------------- */

static void the_next_owner_is_told_before_a_bar_is_mapped_and_the_last_one_that_it_is_over(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    assert_int_equal(owners[0].told, 0);
    configure(0, 0x10, 4, 0xE0000000);
    configure(0, 0x04, 2, 2);
    assert_true(owners[0].mapped[0]);
    assert_int_equal(owners[0].told_when_mapped, 1);
    assert_int_equal(owners[0].told, 1);
    vstack_vf_detach(vfs[0]);
    assert_false(owners[0].mapped[0]);
    assert_int_equal(owners[0].told, 2);
    assert_int_equal(count_of(0, 0), 0);
    mitigable_pf_range(&pf, 1, 1, true, false);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    nt_drain_work(pf.pf.partition);
    assert_int_equal(owners[0].told, 2); /* he is gone */
    own(0);
    configure(0, 0x10, 4, 0xE0000000);
    configure(0, 0x04, 2, 2);
    assert_int_equal(owners[0].told_when_mapped, 1);
    assert_true(owners[0].ranges[0][0].offset == PAGE);
    vstack_vf_free(vfs[0]);
    assert_int_equal(count_of(0, 0), 0);
}

static void a_bar_without_ranges_is_mapped_without_a_word(void **state)
{
    (void)state;
    give(0);
    configure(0, 0x10, 4, 0xE0000000);
    configure(0, 0x04, 2, 2);
    assert_true(owners[0].mapped[0]);
    assert_int_equal(owners[0].told, 0);
}

static void what_a_request_changes_is_told_before_it_completes(void **state)
{
    struct asked asked;
    (void)state;
    give(0);
    pf.late = true;
    for (unsigned i = 0; i < 50; i++) {
        bool sleeps = i % 2 == 0;
        vstack_set_power(vfs[0], ready(&asked), sleeps ? NdisDeviceStateD3 : NdisDeviceStateD0);
        generic_pf_wait(&asked.done, 1);
        assert_int_equal(count_of(0, 0), sleeps);
        assert_int_equal(owners[0].told, i + 1);
    }
}

static void after_a_rebalance_a_vf_is_asked_about_anew(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    vstack_vf_free(vfs[0]);
    generic_pf_event(&pf.pf, SriovEventPfQueryStopDevice);
    generic_pf_wait(&pf.pf.event_completes, 1);
    mitigable_pf_range(&pf, 5, 1, true, true);
    generic_pf_event(&pf.pf, SriovEventPfRestart);
    generic_pf_wait(&pf.pf.event_completes, 2);
    give(0);
    ULONG64 value;
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_NOT_FOUND);
    assert_int_equal(read_register(0, 0, 5 * PAGE, 4, &value), STATUS_SUCCESS);
}

/* ---- accesses ---------------------------------------------------------------------------------------------------- */

static void an_access_arrives_as_it_was_and_its_answer_too(void **state)
{
    ULONG64 value;
    (void)state;
    mitigable_pf_range(&pf, 2, 2, true, true);
    give(0);
    for (ULONG length = 1; length <= 8; length++) {
        ULONG64 offset = 3 * PAGE - length / 2; /* over the edge of the two pages */
        assert_int_equal(read_register(0, 0, offset, length, &value), STATUS_SUCCESS);
        assert_true(value == 0xA5A5A5A5A5A5A5A5ull >> (64 - 8 * length));
        assert_true(pf.access.read && pf.access.vf == 0 && pf.access.bar == 0);
        assert_true(pf.access.offset == offset && pf.access.length == length);
        assert_int_equal(write_register(0, 0, offset, length, 0x1122334455667788), STATUS_SUCCESS);
        value = 0x1122334455667788;
        assert_false(pf.access.read);
        assert_memory_equal(pf.access.data, &value, length);
    }
    assert_int_equal(pf.accesses, 16);
}

static void what_is_not_in_such_pages_never_reaches_the_pf(void **state)
{
    static const struct says ranges = {.counts = {2}, .ranges = {{1, 1, 1, 1}, {3, 2, 1, 0}}};
    static const struct {
        ULONG bar;
        ULONG64 offset;
        ULONG length;
        NTSTATUS read, write;
    } rows[] = {
        {6, PAGE, 4, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {UINT32_MAX, PAGE, 4, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {1, PAGE, 4, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER}, /* no such BAR */
        {0, PAGE, 0, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PAGE, 9, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PAGE, UINT32_MAX, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PF_PAGES * PAGE, 1, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, PF_PAGES * PAGE - 4, 8, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, UINT64_MAX - 3, 8, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, UINT64_MAX, 1, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {0, 0, 4, STATUS_NOT_FOUND, STATUS_NOT_FOUND},
        {0, PAGE - 1, 2, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},     /* begins before */
        {0, 2 * PAGE - 1, 2, STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER}, /* ends behind */
        {0, 3 * PAGE - 7, 8, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND},         /* into one of reads only */
        {0, 5 * PAGE - 7, 8, STATUS_INVALID_PARAMETER, STATUS_NOT_FOUND},         /* out of it */
        {0, 3 * PAGE, 4, STATUS_SUCCESS, STATUS_NOT_FOUND},                       /* reads only */
        {0, 4 * PAGE - 4, 8, STATUS_SUCCESS, STATUS_NOT_FOUND},
        {0, 5 * PAGE, 1, STATUS_NOT_FOUND, STATUS_NOT_FOUND},
    };
    (void)state;
    say(&ranges);
    give(0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned before = pf.accesses;
        ULONG64 value;
        NTSTATUS status = read_register(0, rows[i].bar, rows[i].offset, rows[i].length, &value);
        if (status != rows[i].read || (status < 0 && value != UINT64_MAX))
            fail_msg("read %zu: %08x, %llx", i, (unsigned)status, (unsigned long long)value);
        status = write_register(0, rows[i].bar, rows[i].offset, rows[i].length, 0);
        if (status != rows[i].write)
            fail_msg("write %zu: %08x", i, (unsigned)status);
        assert_int_equal(pf.accesses, before + (rows[i].read == STATUS_SUCCESS));
    }
}

static void a_pf_that_fails_or_says_pending_is_read_as_all_ones(void **state)
{
    static const struct {
        NTSTATUS answer, status;
    } rows[] = {
        {STATUS_INVALID_PARAMETER, STATUS_INVALID_PARAMETER},
        {STATUS_PENDING, NDIS_STATUS_FAILURE},
        {STATUS_NO_SUCH_DEVICE, STATUS_NO_SUCH_DEVICE},
        {STATUS_OBJECT_NAME_EXISTS, STATUS_SUCCESS},
    };
    ULONG64 value;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        pf.pf.answer = rows[i].answer;
        assert_int_equal(read_register(0, 0, 8, 4, &value), rows[i].status);
        assert_true(value == (rows[i].status < 0 ? UINT64_MAX : 0xA5A5A5A5));
        assert_int_equal(write_register(0, 0, 8, 4, 1), rows[i].status);
        pf.pf.answer = STATUS_SUCCESS;
    }
}

static void a_caller_above_passive_and_a_busy_pf_wait_their_turn(void **state)
{
    struct asked asked[3];
    KIRQL irql;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    give(1);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_register_read(vfs[0], ready(&asked[0]), 0, 0, 4);
    KeLowerIrql(irql);
    generic_pf_wait(&asked[0].done, 1);
    assert_int_equal(asked[0].request.status, STATUS_SUCCESS);
    atomic_store(&pf.pf.hold, true);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    vstack_register_read(vfs[0], ready(&asked[1]), 0, 0, 4);
    KeLowerIrql(irql);
    generic_pf_wait(&pf.pf.held, 1);
    vstack_register_write(vfs[1], ready(&asked[2]), 0, 0, 4, 7);
    assert_int_equal(asked[2].done, 0);
    atomic_store(&pf.pf.hold, false);
    generic_pf_wait(&asked[1].done, 1);
    generic_pf_wait(&asked[2].done, 1);
    assert_int_equal(asked[2].request.status, STATUS_SUCCESS);
}

static void nobodys_vf_has_no_accesses_and_a_pulled_card_none(void **state)
{
    ULONG64 value;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    vstack_vf_detach(vfs[0]);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_DEVICE_NOT_CONNECTED);
    assert_true(value == UINT64_MAX);
    own(0);
    mitigable_pf_update(&pf, 0, 0, STATUS_NO_SUCH_DEVICE, 0);
    nt_drain_work(pf.pf.partition);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_SUCCESS); /* it speaks of the VF, not of the PF */
    generic_pf_fail_waiting(&pf.pf, STATUS_NO_SUCH_DEVICE);
    nt_drain_work(pf.pf.partition);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_DEVICE_REMOVED);
    assert_int_equal(write_register(0, 0, 0, 4, 0), STATUS_DEVICE_REMOVED);
    assert_int_equal(pf.accesses, 1);
}

/* ---- races ------------------------------------------------------------------------------------------------------- */

struct storm {
    pthread_t thread;
    unsigned vf;
    atomic_bool stop;
    atomic_uint rounds;
};

/* Takes every update as soon as it is pending. */
static void *update_main(void *context)
{
    struct storm *storm = context;
    nt_enter(pf.pf.partition);
    while (!atomic_load(&storm->stop)) {
        PIRP irp = NULL;
        pthread_mutex_lock(&pf.pf.lock);
        if (pf.pf.waiting[2 + storm->vf] && IoSetCancelRoutine(pf.pf.waiting[2 + storm->vf], NULL)) {
            irp = pf.pf.waiting[2 + storm->vf];
            pf.pf.waiting[2 + storm->vf] = NULL;
        }
        pthread_mutex_unlock(&pf.pf.lock);
        if (irp) {
            mitigable_pf_range(&pf, atomic_fetch_add(&storm->rounds, 1) % PF_PAGES, 1, true, true);
            generic_pf_complete(irp, STATUS_SUCCESS, 2);
        }
        sched_yield();
    }
    nt_enter(NULL);
    return NULL;
}

static void start(struct storm *storm, unsigned vf)
{
    *storm = (struct storm){.vf = vf};
    assert_int_equal(pthread_create(&storm->thread, NULL, update_main, storm), 0);
}

static void end(struct storm *storm)
{
    atomic_store(&storm->stop, true);
    pthread_join(storm->thread, NULL);
}

static void vfs_are_freed_while_their_updates_complete(void **state)
{
    struct storm storm;
    (void)state;
    start(&storm, 0);
    for (unsigned i = 0; i < 100; i++) {
        give(0);
        if (i % 2)
            generic_pf_wait(&storm.rounds, atomic_load(&storm.rounds) + 1);
        vstack_vf_free(vfs[0]);
        assert_int_equal(count_of(0, 0), 0);
    }
    end(&storm);
}

static void owners_come_and_go_while_updates_complete(void **state)
{
    struct storm storm;
    (void)state;
    give(0);
    start(&storm, 0);
    for (unsigned i = 0; i < 100; i++) {
        configure(0, 0x10, 4, 0xE0000000);
        configure(0, 0x04, 2, 2);
        vstack_vf_detach(vfs[0]);
        assert_int_equal(count_of(0, 0), 0); /* nothing comes after the return */
        assert_false(owners[0].mapped[0]);
        own(0);
    }
    end(&storm);
}

static void many_updates_hold_up_nobody_and_the_last_is_in_force(void **state)
{
    struct storm storm;
    ULONG64 value;
    (void)state;
    give(0);
    give(1);
    start(&storm, 0);
    while (storm.rounds < 300)
        settle(1);
    settle(0);
    end(&storm);
    mitigable_pf_range(&pf, 3, 1, true, true);
    announce(0);
    assert_int_equal(read_register(0, 0, 3 * PAGE, 4, &value), STATUS_SUCCESS);
    assert_true(owners[0].ranges[0][0].offset == 3 * PAGE);
}

static void a_card_is_pulled_and_an_owner_leaves_while_an_access_is_under_way(void **state)
{
    struct asked asked[2];
    KIRQL irql;
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    give(0);
    give(1);
    atomic_store(&pf.pf.hold, true);
    KeRaiseIrql(DISPATCH_LEVEL, &irql);
    for (unsigned i = 0; i < 2; i++)
        vstack_register_read(vfs[i], ready(&asked[i]), 0, 0, 4);
    KeLowerIrql(irql);
    generic_pf_wait(&pf.pf.held, 1);
    vstack_vf_detach(vfs[1]); /* its access waits for the first one's */
    assert_int_equal(asked[1].done, 1);
    assert_int_equal(asked[1].request.status, STATUS_CANCELLED);
    assert_true(value_of(&asked[1]) == UINT64_MAX);
    vstack_pf_removed(stack);
    atomic_store(&pf.pf.hold, false);
    generic_pf_wait(&asked[0].done, 1);
    vstack_vf_free(vfs[0]);
    vstack_vf_free(vfs[1]);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(the_next_owner_is_told_before_a_bar_is_mapped_and_the_last_one_that_it_is_over),
        CASE(a_bar_without_ranges_is_mapped_without_a_word),
        CASE(what_a_request_changes_is_told_before_it_completes),
        CASE(after_a_rebalance_a_vf_is_asked_about_anew),
        CASE(an_access_arrives_as_it_was_and_its_answer_too),
        CASE(what_is_not_in_such_pages_never_reaches_the_pf),
        CASE(a_pf_that_fails_or_says_pending_is_read_as_all_ones),
        CASE(a_caller_above_passive_and_a_busy_pf_wait_their_turn),
        CASE(nobodys_vf_has_no_accesses_and_a_pulled_card_none),
        CASE(vfs_are_freed_while_their_updates_complete),
        CASE(owners_come_and_go_while_updates_complete),
        CASE(many_updates_hold_up_nobody_and_the_last_is_in_force),
        CASE(a_card_is_pulled_and_an_owner_leaves_while_an_access_is_under_way),
    };
    return cmocka_run_group_tests_name("path / generic mitigated", tests, NULL, NULL);
}
