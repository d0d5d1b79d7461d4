/* SPDX-License-Identifier: MIT
 *
 * Each allocation that giving out a VF on the generic road needs is refused once: the VF is not given out, nothing is
 * left behind, and the next one is.
 */
#include "mitigation_rig.h"
#include "scarce.h"

static bool gives_out_a_vf(void *context)
{
    struct vstack_vf *vf = NULL;
    NDIS_STATUS status = vstack_vf_allocate(stack, &options, &vf);
    unsigned armed = scarce_countdown;
    (void)context;
    scarce_countdown = 0;
    if (status == NDIS_STATUS_SUCCESS) {
        vfs[0] = vf;
        own(0);
        ULONG64 value; /* no VF is given out whose ranges are not known */
        assert_int_equal(read_register(0, 0, PAGE, 4, &value), STATUS_SUCCESS);
        vstack_vf_free(vf);
    } else {
        assert_int_equal(status, NDIS_STATUS_RESOURCES);
        assert_null(vf);
    }
    nt_drain_work(pf.pf.partition);
    for (unsigned i = 2; i < PF_PLACES; i++)
        assert_null(pf.pf.waiting[i]);
    scarce_countdown = armed;
    return status == NDIS_STATUS_SUCCESS;
}

static void a_vf_is_given_out_whole_or_not_at_all(void **state)
{
    static const struct says two = {.counts = {2}, .ranges = {{1, 1, 1, 1}, {3, 1, 1, 0}}};
    (void)state;
    say(&two);
    assert_true(gives_out_a_vf(NULL)); /* the threads that serve it are there */
    unsigned calls = scarce_each(gives_out_a_vf, NULL);
    assert_true(calls >= 8); /* VF, view, ranges, the two IRPs, the work item */
}

/* The change is not lost with the answer. A worker may have asked before this thread did; hardly each time. */
static void ranges_that_found_no_memory_are_asked_for_with_the_next_change_of_state(void **state)
{
    struct asked asked;
    ULONG64 value;
    unsigned tries = 1000;
    (void)state;
    pf.late = true;
    give(0);
    do {
        vstack_set_power(vfs[0], ready(&asked), NdisDeviceStateD0);
        generic_pf_wait(&asked.done, 1);
        nt_drain_work(pf.pf.partition);
        scarce_countdown = 1;
        vstack_set_power(vfs[0], ready(&asked), NdisDeviceStateD3);
        generic_pf_wait(&asked.done, 1);
    } while (scarce_countdown && --tries);
    assert_int_equal(scarce_countdown, 0);
    nt_drain_work(pf.pf.partition);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_NOT_FOUND);
    pf.late = false;
    settle(0);
    assert_int_equal(read_register(0, 0, 0, 4, &value), STATUS_SUCCESS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_vf_is_given_out_whole_or_not_at_all, set_up, tear_down),
        cmocka_unit_test_setup_teardown(ranges_that_found_no_memory_are_asked_for_with_the_next_change_of_state, set_up,
                                        tear_down),
    };
    return cmocka_run_group_tests_name("path / generic no memory", tests, NULL, NULL);
}
