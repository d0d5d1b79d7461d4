/* SPDX-License-Identifier: MIT */
#include "refgen_card.h"

struct rig rig;
UCHAR data[8192];

int empty(void **state)
{
    (void)state;
    rig_create(&rig);
    memset(data, 0x5A, sizeof(data));
    return 0;
}

int set_up(void **state)
{
    empty(state);
    assert_int_equal(rig_start(&rig), STATUS_SUCCESS);
    return 0;
}

int tear_down(void **state)
{
    (void)state;
    rig_destroy(&rig);
    return 0;
}

void untouched(void)
{
    for (size_t i = 0; i < sizeof(data); i++)
        assert_int_equal(data[i], 0x5A);
}
