/* SPDX-License-Identifier: MIT
 *
 * __leave, for source that asks for it (km/compiler.h).
 */
#define VFPLANE_SEH_LEAVE
#include "test.h"
#include <ntddk.h>

static int finally_after(int leave)
{
    int steps = 0;

    __try {
        for (int i = 0; i < 3; i++)
            if (i == leave)
                __leave;
        steps += 1;
    } __finally {
        steps += 10;
    }
    return steps;
}

static int except_after(int leave)
{
    int steps = 0;

    __try {
        if (leave)
            __leave;
        steps += 1;
    } __except (EXCEPTION_EXECUTE_HANDLER) {
        steps += 10;
    }
    return steps;
}

static void leaving_goes_to_the_end_of_the_guarded_block(void **state)
{
    (void)state;
    assert_int_equal(finally_after(3), 11);
    assert_int_equal(finally_after(1), 10);
    assert_int_equal(except_after(0), 1);
    assert_int_equal(except_after(1), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaving_goes_to_the_end_of_the_guarded_block),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
