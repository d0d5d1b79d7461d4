/* SPDX-License-Identifier: MIT
 *
 * Layout of include/wdk. The assertions of every NDIS version are compiled into this program (layout_gen.py); what is
 * left to run are the GUIDs and the account of the rows of both tables.
 */
#include "test.h"
#include "layout_table.h"

static void every_guid_has_its_documented_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < layout_guid_count; i++) {
        if (memcmp(layout_guids[i].guid, layout_guids[i].bytes, sizeof(GUID)) != 0)
            fail_msg("%s", layout_guids[i].name);
    }
    assert_true(layout_guid_count > 0);
}

static void every_row_is_asserted_or_out_of_scope_for_a_reason(void **state)
{
    unsigned out = 0;

    (void)state;
    for (unsigned i = 0; i < layout_group_count; i++)
        out += layout_out_of_scope[i].rows;
    printf("# %u rows asserted, %u out of scope:\n", layout_rows_asserted, out);
    for (unsigned i = 0; i < layout_group_count; i++)
        printf("#   %4u %s\n", layout_out_of_scope[i].rows, layout_out_of_scope[i].reason);
    assert_true(layout_rows_asserted > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_guid_has_its_documented_bytes),
        cmocka_unit_test(every_row_is_asserted_or_out_of_scope_for_a_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
