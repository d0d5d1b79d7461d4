/* SPDX-License-Identifier: MIT
 *
 * What the view makes of a VF's capability chains, also of broken ones. No PF is needed: the view reads from a table.
 */
#include "test.h"

#include "vstack/policy.h"

struct table {
    uint32_t dwords[VSTACK_DWORDS];
    unsigned reads;
    unsigned fails_at; /* offset, 0 = none */
};

static bool table_read(void *context, unsigned offset, uint32_t *value)
{
    struct table *table = context;
    table->reads++;
    *value = table->dwords[offset / 4];
    return !table->fails_at || offset != table->fails_at;
}

static struct vstack_view build(struct table *table)
{
    struct vstack_source source = {table_read, table};
    struct vstack_view view;
    table->reads = 0;
    assert_true(vstack_view_build(&view, &source));
    return view;
}

/* What a guest reads. */
static uint32_t seen(struct vstack_view *view, const struct table *table, unsigned offset)
{
    const struct vstack_register *at = vstack_view_find(view, offset);
    return at ? (table->dwords[offset / 4] & at->rule.hardware) | (at->value & ~at->rule.hardware) : 0;
}

static void hidden_capabilities_are_taken_out_of_the_chain(void **state)
{
    (void)state;
    struct table table = {0};
    table.dwords[0x34 / 4] = 0x40;
    table.dwords[0x40 / 4] = 0x00005003; /* VPD: hidden, first */
    table.dwords[0x50 / 4] = 0x00026010; /* PCI Express */
    table.dwords[0x60 / 4] = 0x00000000; /* inside it */
    table.dwords[0x50 / 4] = 0x0002A010;
    table.dwords[0xA0 / 4] = 0x0000B003; /* VPD again, in the middle */
    table.dwords[0xB0 / 4] = 0x00020011; /* MSI-X, last */
    struct vstack_view view = build(&table);
    assert_int_equal(seen(&view, &table, 0x34), 0x50);
    assert_int_equal(seen(&view, &table, 0x50), 0x0002B010);
    assert_int_equal(seen(&view, &table, 0xB0), 0x00020011);
    assert_int_equal(seen(&view, &table, 0x40), 0);
    assert_int_equal(seen(&view, &table, 0xA0), 0);
    vstack_view_free(&view);
}

static void a_hidden_first_extended_capability_leaves_an_empty_head_that_points_on(void **state)
{
    (void)state;
    struct table table = {0};
    table.dwords[0x100 / 4] = 0x1400000F + (1 << 16); /* ATS: hidden */
    table.dwords[0x140 / 4] = 0x18010010;             /* SR-IOV: hidden */
    table.dwords[0x180 / 4] = 0x1C010001;             /* AER */
    table.dwords[0x1C0 / 4] = 0x2001001B;             /* PASID: hidden */
    table.dwords[0x200 / 4] = 0x0001000E;             /* ARI */
    table.dwords[0x204 / 4] = 0x00000100;
    struct vstack_view view = build(&table);
    assert_int_equal(seen(&view, &table, 0x100), 0x18000000);
    assert_int_equal(seen(&view, &table, 0x104), 0);
    assert_int_equal(seen(&view, &table, 0x140), 0);
    assert_int_equal(seen(&view, &table, 0x180), 0x20010001);
    assert_int_equal(seen(&view, &table, 0x200), 0x0001000E);
    assert_int_equal(seen(&view, &table, 0x204), 0x00000100);
    vstack_view_free(&view);
}

static void with_nothing_to_show_the_extended_space_is_empty(void **state)
{
    (void)state;
    struct table table = {0};
    table.dwords[0x100 / 4] = 0x00010010; /* SR-IOV alone */
    struct vstack_view view = build(&table);
    for (unsigned offset = 0x40; offset < 4096; offset += 4)
        assert_int_equal(seen(&view, &table, offset), 0);
    vstack_view_free(&view);
}

static void a_chain_that_loops_ends_where_it_began_to(void **state)
{
    (void)state;
    struct table table = {0};
    table.dwords[0x34 / 4] = 0x40;
    table.dwords[0x40 / 4] = 0x00004005; /* MSI that points to itself */
    table.dwords[0x100 / 4] = 0x2001000E;
    table.dwords[0x200 / 4] = 0x20010003; /* to itself */
    struct vstack_view view = build(&table);
    assert_int_equal(seen(&view, &table, 0x34), 0x40);
    assert_int_equal(seen(&view, &table, 0x40) & 0xFF00, 0);
    assert_int_equal(seen(&view, &table, 0x200) >> 20, 0);
    assert_true(table.reads < 12);
    vstack_view_free(&view);
}

static void the_longest_possible_loop_costs_one_read_a_dword(void **state)
{
    (void)state;
    struct table table = {0};
    table.dwords[0x34 / 4] = 0x40;
    for (unsigned at = 0x40; at < 0x100; at += 4)
        table.dwords[at / 4] = 0x03 | (at + 4 < 0x100 ? at + 4 : 0x40) << 8;
    for (unsigned at = 0x100; at < 4096; at += 4)
        table.dwords[at / 4] = 0x10 | (at + 4 < 4096 ? at + 4 : 0x100) << 20;
    struct vstack_view view = build(&table);
    assert_true(table.reads <= 1 + 1024);
    assert_int_equal(seen(&view, &table, 0x34), 0);
    vstack_view_free(&view);
}

static void capabilities_out_of_their_area_or_over_each_other_are_hidden(void **state)
{
    (void)state;
    static const struct {
        const char *what;
        uint32_t pointer, at, header, second_at, second;
    } rows[] = {
        {"pointer into the header", 0x10, 0x10, 0x00020011, 0, 0},
        {"MSI-X beyond FF", 0xF8, 0xF8, 0x00020011, 0, 0},
        {"PCI Express beyond FF", 0xD0, 0xD0, 0x00020010, 0, 0},
        {"vendor specific without length", 0x40, 0x40, 0x00000009, 0, 0},
        {"vendor specific over the end", 0xF0, 0xF0, 0x00FF0009, 0, 0},
    };
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct table table = {0};
        table.dwords[0x34 / 4] = rows[i].pointer;
        table.dwords[rows[i].at / 4] |= rows[i].header;
        struct vstack_view view = build(&table);
        if (seen(&view, &table, 0x34) != 0)
            fail_msg("%s: shown at %x", rows[i].what, seen(&view, &table, 0x34));
        vstack_view_free(&view);
    }
    struct table table = {0};
    table.dwords[0x34 / 4] = 0x40;
    table.dwords[0x40 / 4] = 0x00024410; /* PCI Express 40-7B; its next lies inside it */
    table.dwords[0x44 / 4] = 0x00020011;
    struct vstack_view view = build(&table);
    assert_int_equal(seen(&view, &table, 0x40), 0x00020010);
    assert_int_equal(vstack_view_find(&view, 0x44)->rule.down, 0);
    vstack_view_free(&view);
}

static void extended_lengths_that_lie_are_hidden(void **state)
{
    (void)state;
    static const uint32_t lengths[] = {0, 4, 0xF10, 0xFFF};
    for (unsigned i = 0; i < 4; i++) {
        struct table table = {0};
        table.dwords[0x100 / 4] = 0x0001000B;
        table.dwords[0x104 / 4] = lengths[i] << 20;
        struct vstack_view view = build(&table);
        assert_int_equal(seen(&view, &table, 0x100), 0);
        vstack_view_free(&view);
    }
}

static void a_failing_read_ends_the_walk_and_shows_what_was_found(void **state)
{
    (void)state;
    struct table table = {0};
    table.dwords[0x34 / 4] = 0x40;
    table.dwords[0x40 / 4] = 0x00028011;
    table.dwords[0x80 / 4] = 0x00020010;
    table.fails_at = 0x80;
    struct vstack_view view = build(&table);
    assert_int_equal(seen(&view, &table, 0x40), 0x00020011);
    assert_int_equal(seen(&view, &table, 0x80), 0);
    vstack_view_free(&view);
}

static void all_ones_is_no_capability(void **state)
{
    (void)state;
    struct table table;
    memset(&table, 0xFF, sizeof table);
    table.fails_at = 0;
    struct vstack_view view = build(&table);
    assert_int_equal(seen(&view, &table, 0x34), 0);
    assert_int_equal(seen(&view, &table, 0x100), 0);
    vstack_view_free(&view);
}

static void msi_takes_the_layout_its_control_names(void **state)
{
    (void)state;
    static const struct {
        uint32_t control, data_at, last, mask_at;
    } rows[] = {
        {0x0000, 0x08, 0x08, 0}, {0x0080, 0x0C, 0x0C, 0}, {0x0100, 0x08, 0x10, 0x0C}, {0x0180, 0x0C, 0x14, 0x10}};
    for (unsigned i = 0; i < 4; i++) {
        struct table table = {0};
        table.dwords[0x34 / 4] = 0x40;
        table.dwords[0x40 / 4] = 0x05 | rows[i].control << 16;
        struct vstack_view view = build(&table);
        assert_int_equal(vstack_view_find(&view, 0x40)->rule.down, 0x00710000);
        assert_int_equal(vstack_view_find(&view, 0x40 + rows[i].data_at)->rule.down, 0xFFFF);
        assert_non_null(vstack_view_find(&view, 0x40 + rows[i].last));
        assert_null(vstack_view_find(&view, 0x44 + rows[i].last));
        if (rows[i].mask_at)
            assert_int_equal(vstack_view_find(&view, 0x40 + rows[i].mask_at)->rule.down, 0xFFFFFFFF);
        assert_int_equal(vstack_view_find(&view, 0x40 + rows[i].last)->rule.down == 0, rows[i].mask_at != 0);
        vstack_view_free(&view);
    }
}

/* Every line the policy has: what is kept is not the hardware's, what goes down is, and no bit is two things. */
static void masks_of_every_line_are_possible(void **state)
{
    (void)state;
    static const struct {
        uint32_t header;
        bool extended;
    } all[] = {{0x00030001, 0}, {0x00000005, 0}, {0x01800005, 0}, {0x00800005, 0}, {0x01000005, 0},
               {0x00100009, 0}, {0x00020010, 0}, {0x00010010, 0}, {0x00020011, 0}, {0x00010001, 1},
               {0x00010003, 1}, {0x0001000B, 1}, {0x0001000D, 1}, {0x0001000E, 1}, {0x00010023, 1}};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++) {
        struct table table = {0};
        table.dwords[0x34 / 4] = all[i].extended ? 0 : 0x40;
        table.dwords[all[i].extended ? 0x100 / 4 : 0x40 / 4] = all[i].header;
        table.dwords[0x104 / 4] = 0x01000000;
        struct vstack_view view = build(&table);
        assert_non_null(vstack_view_find(&view, all[i].extended ? 0x100 : 0x40));
        for (unsigned r = 0; r < view.count; r++) {
            const struct vstack_rule *rule = &view.registers[r].rule;
            assert_int_equal(rule->kept & rule->hardware, 0);
            assert_int_equal(rule->down & rule->clear, 0);
            assert_int_equal((rule->down | rule->clear) & ~rule->hardware, 0);
        }
        vstack_view_free(&view);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hidden_capabilities_are_taken_out_of_the_chain),
        cmocka_unit_test(a_hidden_first_extended_capability_leaves_an_empty_head_that_points_on),
        cmocka_unit_test(with_nothing_to_show_the_extended_space_is_empty),
        cmocka_unit_test(a_chain_that_loops_ends_where_it_began_to),
        cmocka_unit_test(the_longest_possible_loop_costs_one_read_a_dword),
        cmocka_unit_test(capabilities_out_of_their_area_or_over_each_other_are_hidden),
        cmocka_unit_test(extended_lengths_that_lie_are_hidden),
        cmocka_unit_test(a_failing_read_ends_the_walk_and_shows_what_was_found),
        cmocka_unit_test(all_ones_is_no_capability),
        cmocka_unit_test(msi_takes_the_layout_its_control_names),
        cmocka_unit_test(masks_of_every_line_are_possible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
