/* SPDX-License-Identifier: MIT
 *
 * The virtualization stack as the client of a PF driver that answers for pages of its VFs: when it asks, and what it
 * believes (pci.md 3.7, 5.9).
 */
#include "mitigation_rig.h"

/* ---- when it asks ------------------------------------------------------------------------------------------------ */

static void a_vf_given_out_is_asked_about_and_one_update_is_pending_for_it(void **state)
{
    (void)state;
    give(0);
    give(1);
    assert_int_equal(pf.updates, 2);
    assert_int_equal(pf.count_asks, 2);
    assert_int_equal(pf.ranges_asks, 0); /* there are none */
    assert_non_null(pf.pf.waiting[2]);
    assert_non_null(pf.pf.waiting[3]);
    vstack_vf_free(vfs[1]);
    assert_null(pf.pf.waiting[3]);
    assert_non_null(pf.pf.waiting[2]);
    assert_int_equal(owners[0].told, 0);
}

static void an_update_is_asked_after_told_and_waited_for_again(void **state)
{
    (void)state;
    give(0);
    give(1);
    mitigable_pf_range(&pf, 2, 3, true, false);
    announce(1);
    assert_int_equal(owners[1].told, 1);
    assert_int_equal(count_of(1, 0), 1);
    assert_true(owners[1].ranges[0][0].offset == 2 * PAGE && owners[1].ranges[0][0].length == 3 * PAGE);
    assert_true(owners[1].ranges[0][0].reads && !owners[1].ranges[0][0].writes);
    assert_int_equal(owners[0].told, 0);
    announce(1); /* nothing new: nothing is told */
    assert_int_equal(owners[1].told, 1);
    mitigable_pf_range(&pf, 0, 0, false, false);
    announce(1);
    assert_int_equal(owners[1].told, 2);
    assert_int_equal(count_of(1, 0), 0);
}

static void a_device_without_the_interface_is_never_asked(void **state)
{
    static const USHORT sizes[] = {0, 32, 39, 41, 48};
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    for (size_t i = 0; i <= sizeof(sizes) / sizeof(sizes[0]); i++) {
        bool missing = i == sizeof(sizes) / sizeof(sizes[0]);
        pf.pf.mitigable.Size = missing ? sizeof(MITIGABLE_DEVICE_INTERFACE) : sizes[i];
        if (missing)
            pf.pf.mitigable.ReadWriteMitigatedRegister = NULL;
        open_stack();
        assert_int_equal(pf.pf.references, 1); /* what was no use was given back */
        give(0);
        ULONG64 value = 0;
        assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_NOT_FOUND);
        assert_true(value == UINT64_MAX);
        vstack_destroy(stack);
        stack = NULL;
    }
    assert_int_equal(pf.count_asks, 0);
    assert_int_equal(pf.updates, 0);
}

static void a_device_that_does_not_know_the_ioctls_has_no_ranges(void **state)
{
    static const NTSTATUS statuses[] = {STATUS_NOT_SUPPORTED, STATUS_INVALID_DEVICE_REQUEST};
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    for (size_t i = 0; i < sizeof(statuses) / sizeof(statuses[0]); i++) {
        pf.count_status = statuses[i];
        pf.update = statuses[i];
        atomic_store(&pf.updates, 0);
        open_stack();
        give(0);
        settle(0);
        assert_int_equal(owners[0].told, 0);
        vstack_destroy(stack);
        stack = NULL;
        assert_int_equal(pf.updates, 1); /* it would fail again */
    }
}

/* ---- what it believes -------------------------------------------------------------------------------------------- */

static const struct says nonsenses[] = {
#define GOOD                                                                                                           \
    {                                                                                                                  \
        {1, 1, 1, 0},                                                                                                  \
        {                                                                                                              \
            4, 1, 1, 1                                                                                                 \
        }                                                                                                              \
    }
    {.name = "counts fail", .count_status = STATUS_UNSUCCESSFUL},
    {.name = "counts are no success", .count_status = STATUS_OBJECT_NAME_EXISTS, .counts = {1}, .ranges = GOOD},
    {.name = "23 bytes of counts", .count_information = 23, .counts = {1}, .ranges = GOOD},
    {.name = "25 bytes of counts", .count_information = 25, .counts = {1}, .ranges = GOOD},
    {.name = "no bytes of counts", .count_information = UINTPTR_MAX, .counts = {1}, .ranges = GOOD},
    {.name = "one range more than is believed", .counts = {VSTACK_RANGES_MAX + 1}, .ranges = GOOD},
    {.name = "four billion ranges", .counts = {UINT32_MAX}, .ranges = GOOD},
    {.name = "four billion of the last BAR", .counts = {1, 0, 0, 0, 0, UINT32_MAX}, .ranges = GOOD},
    {.name = "ranges fail", .ranges_status = STATUS_INVALID_PARAMETER, .counts = {1}, .ranges = GOOD},
    {.name = "ranges are not supported", .ranges_status = STATUS_NOT_SUPPORTED, .counts = {1}, .ranges = GOOD},
    {.name = "ranges are no request", .ranges_status = STATUS_INVALID_DEVICE_REQUEST, .counts = {1}, .ranges = GOOD},
    {.name = "ranges are no success", .ranges_status = STATUS_OBJECT_NAME_EXISTS, .counts = {1}, .ranges = GOOD},
    {.name = "15 bytes of ranges", .ranges_information = 15, .counts = {1}, .ranges = GOOD},
    {.name = "17 bytes of ranges", .ranges_information = 17, .counts = {1}, .ranges = GOOD},
    {.name = "more ranges than asked for", .ranges_information = 48, .counts = {2}, .ranges = GOOD},
    {.name = "a range without pages", .counts = {1}, .ranges = {{1, 0, 1, 1}}},
    {.name = "behind the BAR", .counts = {1}, .ranges = {{PF_PAGES, 1, 1, 1}}},
    {.name = "beyond the BAR", .counts = {1}, .ranges = {{PF_PAGES - 1, 2, 1, 1}}},
    {.name = "a page number that wraps", .counts = {1}, .ranges = {{UINT64_MAX, 2, 1, 1}}},
    {.name = "a byte number that wraps", .counts = {1}, .ranges = {{1ull << 52, 1, 1, 1}}},
    {.name = "four billion pages", .counts = {1}, .ranges = {{0, UINT32_MAX, 1, 1}}},
    {.name = "it intercepts nothing", .counts = {1}, .ranges = {{1, 1, 0, 0}}},
    {.name = "the same range twice", .counts = {2}, .ranges = {{1, 1, 1, 1}, {1, 1, 1, 1}}},
    {.name = "ranges overlap", .counts = {2}, .ranges = {{1, 2, 1, 0}, {2, 1, 0, 1}}},
    {.name = "ranges overlap, the higher first", .counts = {2}, .ranges = {{3, 1, 1, 1}, {0, 4, 1, 1}}},
    {.name = "of a BAR that is not there", .counts = {0, 1}, .ranges = GOOD},
    {.name = "fewer ranges than counted, always", .ranges_information = 16, .counts = {2}, .ranges = GOOD, .asks = 4},
    {.name = "too small, always", .ranges_status = STATUS_BUFFER_TOO_SMALL, .counts = {1}, .ranges = GOOD, .asks = 4},
};

/* Its guest would reach what it must not. Nothing is left behind. */
static void a_vf_whose_ranges_are_not_known_is_not_given_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(nonsenses) / sizeof(nonsenses[0]); i++) {
        struct vstack_vf *none = (struct vstack_vf *)&pf;
        say(&nonsenses[i]);
        atomic_store(&pf.count_asks, 0);
        NDIS_STATUS status = vstack_vf_allocate(stack, &options, &none);
        if (status >= 0 || none || pf.count_asks != (nonsenses[i].asks ? nonsenses[i].asks : 1))
            fail_msg("%s: %08x, %u asked", nonsenses[i].name, (unsigned)status, pf.count_asks);
        assert_null(pf.pf.waiting[2]);
    }
    mitigable_pf_range(&pf, 0, 0, false, false);
    say(&(struct says){0});
    give(0);
}

static void nonsense_is_refused_and_leaves_what_was_in_force(void **state)
{
    static const struct says good = {.counts = {2}, .ranges = {{6, 1, 1, 1}, {2, 2, 1, 0}}};
    ULONG64 value;
    (void)state;
    for (size_t i = 0; i < sizeof(nonsenses) / sizeof(nonsenses[0]); i++) {
        say(&(struct says){0});
        give(0);
        say(&good);
        announce(0);
        assert_int_equal(owners[0].told, 1);
        say(&nonsenses[i]);
        announce(0);
        if (owners[0].told != 1 || count_of(0, 0) != 2)
            fail_msg("%s: told %u times, %u ranges", nonsenses[i].name, owners[0].told, count_of(0, 0));
        assert_int_equal(read_register(0, 0, 2 * PAGE, 8, &value), STATUS_SUCCESS);
        assert_int_equal(read_register(0, 0, 1 * PAGE, 8, &value), STATUS_NOT_FOUND);
        say(&good);
        announce(0); /* and it is asked the next time */
        assert_int_equal(owners[0].told, 1);
        vstack_vf_free(vfs[0]);
    }
}

static void ranges_are_told_in_order_whatever_order_they_came_in(void **state)
{
    static const struct says mixed = {.counts = {2}, .ranges = {{6, 2, 0x80, 2}, {0, 2, 1, 0}}};
    const struct vstack_range *told = owners[0].ranges[0];
    (void)state;
    give(0);
    say(&mixed);
    announce(0);
    assert_int_equal(count_of(0, 0), 2);
    assert_true(told[0].offset == 0 && told[0].length == 2 * PAGE && told[0].reads && !told[0].writes);
    assert_true(told[1].offset == 6 * PAGE && told[1].length == 2 * PAGE && told[1].reads && told[1].writes);
}

static void counts_that_change_are_asked_for_again(void **state)
{
    (void)state;
    mitigable_pf_range(&pf, 0, 1, true, true);
    pf.too_small = 3;
    give(0);
    assert_int_equal(pf.count_asks, 4);
    assert_int_equal(pf.ranges_asks, 4);
    announce(0);
    pf.too_small = 4;
    mitigable_pf_range(&pf, 0, 2, true, true);
    announce(0);
    assert_int_equal(owners[0].told, 0); /* given up: the first list stays, which nobody had to be told of */
    announce(0);
    assert_int_equal(owners[0].told, 1);
    assert_true(owners[0].ranges[0][0].length == 2 * PAGE);
}

static void an_update_for_another_vf_is_refused_and_not_waited_for_again(void **state)
{
    static const struct {
        USHORT named;
        ULONG_PTR information;
    } rows[] = {{1, 2}, {0xFFFF, 2}, {0, 0}, {0, 1}, {0, 3}, {0, 16}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        mitigable_pf_range(&pf, 0, 1, true, true);
        give(0);
        unsigned updates = pf.updates, asks = pf.count_asks;
        mitigable_pf_range(&pf, 4, 1, true, true);
        mitigable_pf_update(&pf, 0, rows[i].named, STATUS_SUCCESS, rows[i].information);
        nt_drain_work(pf.pf.partition);
        settle(0);
        assert_int_equal(pf.updates, updates);
        assert_int_equal(pf.count_asks, asks);
        assert_int_equal(owners[0].told, 0);
        vstack_vf_free(vfs[0]);
    }
}

static void a_count_that_waits_is_cancelled_when_the_vf_is_freed(void **state)
{
    (void)state;
    give(0);
    pthread_mutex_lock(&pf.lock);
    pf.count_status = STATUS_PENDING;
    pthread_mutex_unlock(&pf.lock);
    mitigable_pf_update(&pf, 0, 0, STATUS_SUCCESS, 2);
    generic_pf_wait(&pf.count_asks, 2);
    vstack_vf_free(vfs[0]);
    assert_null(pf.pf.waiting[2]);
    pthread_mutex_lock(&pf.lock);
    pf.count_status = STATUS_SUCCESS;
    pthread_mutex_unlock(&pf.lock);
    give(0);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
#define BARE(test) cmocka_unit_test_setup_teardown(test, bare, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_vf_given_out_is_asked_about_and_one_update_is_pending_for_it),
        CASE(an_update_is_asked_after_told_and_waited_for_again),
        BARE(a_device_without_the_interface_is_never_asked),
        BARE(a_device_that_does_not_know_the_ioctls_has_no_ranges),
        CASE(a_vf_whose_ranges_are_not_known_is_not_given_out),
        CASE(nonsense_is_refused_and_leaves_what_was_in_force),
        CASE(ranges_are_told_in_order_whatever_order_they_came_in),
        CASE(counts_that_change_are_asked_for_again),
        CASE(an_update_for_another_vf_is_refused_and_not_waited_for_again),
        CASE(a_count_that_waits_is_cancelled_when_the_vf_is_freed),
    };
    return cmocka_run_group_tests_name("path / generic mitigation", tests, NULL, NULL);
}
