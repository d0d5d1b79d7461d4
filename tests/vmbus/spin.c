/* SPDX-License-Identifier: MIT
 *
 * How long a waiting side spins: learned from the last waits, never more than the limit that was set.
 */
#include "test.h"
#include "vmbus/vmbus.h"

#define LIMIT 1024u

static void it_starts_at_the_limit_and_halves_with_each_wait_in_vain(void **state)
{
    struct vmbus_spin spin = {0};
    (void)state;
    for (unsigned expected = LIMIT; expected; expected /= 2) {
        assert_int_equal(vmbus_spin_rounds(&spin, LIMIT), expected);
        vmbus_spin_ended(&spin, false);
    }
    assert_int_equal(vmbus_spin_rounds(&spin, LIMIT), 0);
}

static void it_doubles_with_each_wait_that_met_up_to_the_limit(void **state)
{
    struct vmbus_spin spin = {0};
    (void)state;
    for (unsigned i = 0; i < 4; i++)
        vmbus_spin_ended(&spin, false);
    for (unsigned expected = LIMIT / 16; expected < LIMIT; expected *= 2) {
        assert_int_equal(vmbus_spin_rounds(&spin, LIMIT), expected);
        vmbus_spin_ended(&spin, true);
    }
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(vmbus_spin_rounds(&spin, LIMIT), LIMIT);
        vmbus_spin_ended(&spin, true);
    }
}

static void what_never_pays_is_tried_again_rarely_and_one_that_pays_brings_it_back(void **state)
{
    struct vmbus_spin spin = {0};
    unsigned probes = 0, since = 0;
    (void)state;
    for (unsigned i = 0; i < 6400; i++) {
        bool probe = vmbus_spin_rounds(&spin, LIMIT) == LIMIT;
        probes += probe;
        since = probe ? 0 : since + 1;
        assert_true(since < 64); /* a guest that shares its processor waits a few hundred times a second at best */
        vmbus_spin_ended(&spin, false);
    }
    assert_in_range(probes, 100, 103); /* the first, 16, 32, then every 64th */
    while (vmbus_spin_rounds(&spin, LIMIT) != LIMIT)
        vmbus_spin_ended(&spin, false);
    vmbus_spin_ended(&spin, true);
    assert_int_equal(vmbus_spin_rounds(&spin, LIMIT), LIMIT);
}

static void a_limit_of_0_never_spins(void **state)
{
    struct vmbus_spin spin = {0};
    (void)state;
    for (unsigned i = 0; i < 100; i++) {
        assert_int_equal(vmbus_spin_rounds(&spin, 0), 0);
        vmbus_spin_ended(&spin, i % 3 == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_starts_at_the_limit_and_halves_with_each_wait_in_vain),
        cmocka_unit_test(it_doubles_with_each_wait_that_met_up_to_the_limit),
        cmocka_unit_test(what_never_pays_is_tried_again_rarely_and_one_that_pays_brings_it_back),
        cmocka_unit_test(a_limit_of_0_never_spins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
