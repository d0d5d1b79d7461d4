/* SPDX-License-Identifier: MIT
 *
 * The guest's view of a VF: what it may write, what of it reaches the PF driver, what is mapped.
 */
#include "guest_view.h"

/* ---- what goes down ----------------------------------------------------------------------------------------- */

struct passed {
    const char *what;
    unsigned offset, size;
    ULONG value;
    unsigned down_offset, down_size; /* size 0: nothing goes down */
    ULONG down_value;
};

static const struct passed passed[] = {
    {"Bus Master goes down, Memory and I/O do not", 0x04, 2, 0x0007, 0x04, 2, 0x0004},
    {"as one byte", 0x04, 1, 0x06, 0x04, 1, 0x04},
    {"the high byte of Command stays here", 0x05, 1, 0x04, 0, 0, 0},
    {"Status error bits, nothing else", 0x06, 2, 0xFFFF, 0x06, 2, 0xF900},
    {"Command and Status in one write", 0x04, 4, 0xF9000406, 0x04, 4, 0xF9000004},
    {"a write that starts in the middle keeps to its bytes", 0x05, 2, 0xFFFF, 0, 0, 0},
    {"MSI-X control", 0x72, 2, 0xC002, 0x72, 2, 0xC000},
    {"MSI-X control with its neighbours", 0x70, 4, 0x80020011, 0x72, 2, 0x8000},
    {"Device Status", 0xAA, 2, 0xFFFF, 0xAA, 2, 0x000F},
    {"Device Control without FLR", 0xA8, 2, 0x7FFF, 0, 0, 0},
    {"AER status", 0x104, 4, 0xFFFFFFFF, 0x104, 4, 0xFFFFFFFF},
    {"AER mask", 0x108, 4, 0xFFFFFFFF, 0, 0, 0},
    {"BAR", 0x10, 4, 0xFFFFFFFF, 0, 0, 0},
    {"MSI-X table", 0x74, 4, 0xFFFFFFFF, 0, 0, 0},
    {"a hole", 0x60, 4, 0xFFFFFFFF, 0, 0, 0},
    {"extended hole", 0xFFC, 4, 0xFFFFFFFF, 0, 0, 0},
    {"Cache Line Size", 0x0C, 1, 0x10, 0, 0, 0},
    {"Latency Timer", 0x0D, 1, 0xFF, 0, 0, 0},
    {"Header Type", 0x0E, 1, 0x81, 0, 0, 0},
    {"BIST", 0x0F, 1, 0xFF, 0, 0, 0},
};

static void only_what_the_policy_names_goes_down_and_only_its_bits(void **state)
{
    struct fixture *f = *state;
    for (unsigned i = 0; i < sizeof passed / sizeof passed[0]; i++) {
        struct fake_oid oid = {0};
        fake_pf_clear_log(f->pf);
        assert_int_equal(wr(f, passed[i].offset, passed[i].size, passed[i].value), STATUS_SUCCESS);
        unsigned seen = fake_pf_seen(f->pf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, &oid);
        if (seen != (passed[i].down_size != 0) || oid.offset != passed[i].down_offset ||
            oid.length != passed[i].down_size || oid.value != passed[i].down_value)
            fail_msg("%s: %u OIDs, %u bytes at 0x%03x <- %x", passed[i].what, seen, oid.length, oid.offset, oid.value);
        assert_int_equal(fake_pf_logged(f->pf), seen);
        vstack_release_bars(f->vf);
    }
}

static void write_one_to_clear_neighbours_survive(void **state)
{
    struct fixture *f = *state;
    fake_pf_poke(f->pf, vstack_vf_id(f->vf), 0x04, 0xF9100000);
    assert_int_equal(wr(f, 0x04, 2, 0x0004), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x06, 2), 0xF910);
    assert_int_equal(wr(f, 0x07, 1, 0x80), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x04, 4), 0x79100004);
    assert_int_equal(wr(f, 0x04, 4, 0), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x04, 4), 0x79100000);
}

static void identity_and_unknown_registers_need_no_oid(void **state)
{
    struct fixture *f = *state;
    static const unsigned above[] = {0x00, 0x08, 0x0C, 0x10, 0x24, 0x2C, 0x30, 0x34, 0x3C, 0x40, 0x60, 0x200, 0xFFC};
    for (unsigned i = 0; i < sizeof above / sizeof above[0]; i++)
        rd(f, above[i], 4);
    assert_int_equal(fake_pf_logged(f->pf), 0);
    assert_int_equal(rd(f, 0x04, 1), 0);
    assert_int_equal(fake_pf_logged(f->pf), 1);
}

/* ---- every size and offset against bytes -------------------------------------------------------------------- */

static void every_access_within_a_dword_equals_its_bytes(void **state)
{
    struct fixture *f = *state;
    for (unsigned offset = 0; offset < 0x160; offset++) {
        for (unsigned size = 1; size <= 4; size *= 2) {
            ULONG value, bytes = 0;
            NTSTATUS status = reads(f, offset, size, &value);
            if ((offset & 3) + size > 4) {
                assert_int_equal(status, STATUS_INVALID_PARAMETER);
                continue;
            }
            assert_int_equal(status, STATUS_SUCCESS);
            for (unsigned i = 0; i < size; i++)
                bytes |= rd(f, offset + i, 1) << i * 8;
            assert_int_equal(value, bytes);
        }
    }
}

static void accesses_out_of_bounds_fail_and_change_nothing(void **state)
{
    struct fixture *f = *state;
    static const struct {
        ULONG offset, size;
    } rows[] = {{4096, 1}, {4095, 2}, {4093, 4}, {0, 0},          {0, 3},
                {0, 8},    {3, 2},    {1, 4},    {0xFFFFFFFF, 1}, {0xFFFFFFFC, 4}};
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ULONG value;
        assert_int_equal(reads(f, rows[i].offset, rows[i].size, &value), STATUS_INVALID_PARAMETER);
        assert_int_equal(value, 0xFFFFFFFF);
        assert_int_equal(wr(f, rows[i].offset, rows[i].size, 0xFFFFFFFF), STATUS_INVALID_PARAMETER);
    }
    assert_int_equal(fake_pf_logged(f->pf), 0);
    assert_int_equal(rd(f, 0x10, 4), 0x0000000C);
}

static void bars_are_written_byte_by_byte(void **state)
{
    struct fixture *f = *state;
    wr(f, 0x12, 1, 0xBF);
    wr(f, 0x13, 1, 0xFE);
    wr(f, 0x10, 2, 0xFFFF);
    assert_int_equal(rd(f, 0x10, 4), 0xFEBFC00C);
    wr(f, 0x11, 1, 0);
    assert_int_equal(rd(f, 0x10, 4), 0xFEBF000C);
}

static void registers_without_a_bar_keep_nothing(void **state)
{
    struct fixture *f = *state;
    wr(f, 0x18, 4, 0xFFFFFFFF);
    wr(f, 0x24, 4, 0xFFFFFFFF);
    assert_int_equal(rd(f, 0x18, 4), 0);
    assert_int_equal(rd(f, 0x24, 4), 0);
}

/* ---- Memory Enable ------------------------------------------------------------------------------------------ */

static void place(struct fixture *f, unsigned index, ULONG64 address)
{
    wr(f, 0x10 + 4 * index, 4, (ULONG)address);
    wr(f, 0x14 + 4 * index, 4, (ULONG)(address >> 32));
}

static void memory_enable_maps_and_unmaps(void **state)
{
    struct fixture *f = *state;
    place(f, 0, 0x1000004000);
    place(f, 3, 0x1000008000);
    wr(f, 0x04, 2, 2);
    assert_true(f->bars[0].mapped && f->bars[3].mapped);
    assert_true(f->bars[0].guest == 0x1000004000 && f->bars[0].size == 0x4000);
    assert_true(f->bars[3].system == 0xFE060000);
    wr(f, 0x04, 2, 2);
    assert_int_equal(f->bars[0].changes, 1);
    wr(f, 0x04, 2, 0);
    assert_false(f->bars[0].mapped || f->bars[3].mapped);
    assert_int_equal(f->bars[0].changes, 2);
}

static void bar_writes_are_ignored_while_memory_is_enabled(void **state)
{
    struct fixture *f = *state;
    place(f, 0, 0x1000004000);
    wr(f, 0x04, 2, 2);
    assert_int_equal(wr(f, 0x10, 4, 0xFFFFFFFF), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x10, 4), 0x0000400C);
    assert_int_equal(f->bars[0].changes, 1);
    wr(f, 0x04, 2, 0);
    wr(f, 0x10, 4, 0xFFFFFFFF);
    assert_int_equal(rd(f, 0x10, 4), 0xFFFFC00C);
}

static void bar_over_another_bar_or_the_window_or_wrapping_keeps_its_value_and_is_not_mapped(void **state)
{
    struct fixture *f = *state;
    static const struct {
        ULONG64 bar0, bar3;
        bool maps0, maps3;
    } rows[] = {
        {0x1000004000, 0x1000004000, true, false},        /* one over the other */
        {0x2000000000, 0x1000008000, false, true},        /* over the window */
        {0x1FFFFFC000, 0, true, false},                   /* beside the window; never placed */
        {0xFFFFFFFFFFFFC000, 0x1000008000, false, true},  /* wraps */
        {1ull << 52, (1ull << 52) - 0x4000, false, true}, /* beyond what can be addressed; just below */
    };
    assert_true(vstack_reserve(f->vf, 0x2000000000, 0x2000));
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        place(f, 0, rows[i].bar0);
        place(f, 3, rows[i].bar3);
        wr(f, 0x04, 2, 2);
        if (f->bars[0].mapped != rows[i].maps0 || f->bars[3].mapped != rows[i].maps3)
            fail_msg("row %u: %d %d", i, f->bars[0].mapped, f->bars[3].mapped);
        assert_int_equal(rd(f, 0x14, 4), (ULONG)(rows[i].bar0 >> 32));
        wr(f, 0x04, 2, 0);
        assert_false(f->bars[0].mapped || f->bars[3].mapped);
    }
}

static void window_is_not_reserved_over_a_mapped_bar(void **state)
{
    struct fixture *f = *state;
    place(f, 0, 0x1000004000);
    wr(f, 0x04, 2, 2);
    assert_false(vstack_reserve(f->vf, 0x1000006000, 0x2000));
    assert_true(vstack_reserve(f->vf, 0x1000008000, 0x2000));
}

static void toggling_memory_enable_leaks_no_mapping(void **state)
{
    struct fixture *f = *state;
    place(f, 0, 0x1000004000);
    for (unsigned i = 0; i < 1000; i++) {
        wr(f, 0x04, 2, 2);
        wr(f, 0x04, 2, 0);
    }
    assert_int_equal(f->bars[0].changes, 2000);
    assert_false(f->bars[0].mapped);
}

static void assign_bars_needs_memory_disabled(void **state)
{
    struct fixture *f = *state;
    ULONG bars[6] = {0x00004000, 0x10, 0, 0x00008000, 0x10, 0}, now[6];
    assert_int_equal(vstack_assign_bars(f->vf, bars), STATUS_SUCCESS);
    vstack_enable_memory(f->vf);
    assert_true(f->bars[0].mapped && f->bars[0].guest == 0x1000004000);
    bars[0] = 0x0000C000;
    assert_int_equal(vstack_assign_bars(f->vf, bars), STATUS_INVALID_DEVICE_STATE);
    vstack_current_bars(f->vf, now);
    assert_int_equal(now[0], 0x0000400C);
    vstack_release_bars(f->vf);
    assert_false(f->bars[0].mapped);
    assert_int_equal(rd(f, 0x04, 2) & 2, 0);
}

/* ---- reset -------------------------------------------------------------------------------------------------- */

static void flr_by_any_write_that_carries_the_bit_is_reset_vf_and_not_a_raw_write(void **state)
{
    struct fixture *f = *state;
    static const struct {
        unsigned offset, size;
        ULONG value;
    } rows[] = {{0xA9, 1, 0x80}, {0xA8, 2, 0x8000}, {0xA8, 4, 0x000F8000}};
    for (unsigned i = 0; i < 3; i++) {
        struct fake_oid oid;
        place(f, 0, 0x1000004000);
        wr(f, 0x04, 2, 6);
        wr(f, 0x3C, 1, 0x0B);
        fake_pf_clear_log(f->pf);
        assert_int_equal(wr(f, rows[i].offset, rows[i].size, rows[i].value), STATUS_SUCCESS);
        assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_RESET_VF, &oid), 1);
        assert_int_equal(oid.vf, vstack_vf_id(f->vf));
        assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, NULL), 0);
        assert_false(f->bars[0].mapped);
        assert_int_equal(rd(f, 0x04, 4), 0x00100000);
        assert_int_equal(rd(f, 0x10, 4), 0x0000000C);
        assert_int_equal(rd(f, 0x14, 4), 0);
        assert_int_equal(rd(f, 0x3C, 1), 0);
        assert_int_equal(rd(f, 0xA8, 2), 0);
    }
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(only_what_the_policy_names_goes_down_and_only_its_bits),
        CASE(write_one_to_clear_neighbours_survive),
        CASE(identity_and_unknown_registers_need_no_oid),
        CASE(every_access_within_a_dword_equals_its_bytes),
        CASE(accesses_out_of_bounds_fail_and_change_nothing),
        CASE(bars_are_written_byte_by_byte),
        CASE(registers_without_a_bar_keep_nothing),
        CASE(memory_enable_maps_and_unmaps),
        CASE(bar_writes_are_ignored_while_memory_is_enabled),
        CASE(bar_over_another_bar_or_the_window_or_wrapping_keeps_its_value_and_is_not_mapped),
        CASE(window_is_not_reserved_over_a_mapped_bar),
        CASE(toggling_memory_enable_leaks_no_mapping),
        CASE(assign_bars_needs_memory_disabled),
        CASE(flr_by_any_write_that_carries_the_bit_is_reset_vf_and_not_a_raw_write),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
