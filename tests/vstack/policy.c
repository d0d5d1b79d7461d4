/* SPDX-License-Identifier: MIT
 *
 * What a host program may take from one VF's guest: capabilities, and the right to write registers.
 */
#include "guest_view.h"

static void count_bar(void *context, unsigned index, bool mapped, ULONG64 guest, ULONG64 system, ULONG64 size)
{
    (void)mapped, (void)guest, (void)system, (void)size;
    ((struct fixture *)context)->bars[index].changes++;
}

static const struct vstack_partition next_owner = {.name = "guest 2", .bar = count_bar};

static int set_up_free(void **state)
{
    set_up(state);
    vstack_vf_detach(((struct fixture *)*state)->vf);
    return 0;
}

static void attach(struct fixture *f)
{
    assert_int_equal(vstack_vf_attach(f->vf, &next_owner, f), STATUS_SUCCESS);
    fake_pf_clear_log(f->pf);
}

static void read_view(struct fixture *f, ULONG view[1024])
{
    attach(f);
    for (unsigned i = 0; i < 1024; i++)
        view[i] = rd(f, i * 4, 4);
    vstack_vf_detach(f->vf);
}

/* ---- capabilities ------------------------------------------------------------------------------------------- */

static void a_hidden_capability_reads_zero_takes_no_write_and_is_not_in_the_chain(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vstack_policy_hide(f->vf, false, 0x11, true), STATUS_SUCCESS);
    attach(f);
    assert_int_equal(rd(f, 0x34, 4), 0xA0);
    assert_int_equal(rd(f, 0xA0, 4), 0x00020010); /* was followed by MSI-X at 70 */
    for (unsigned offset = 0x70; offset < 0x7C; offset += 4) {
        assert_int_equal(rd(f, offset, 4), 0);
        assert_int_equal(wr(f, offset, 4, 0xFFFFFFFF), STATUS_SUCCESS);
    }
    assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, NULL), 0);
}

static void the_first_capability_hidden_moves_the_pointer(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vstack_policy_hide(f->vf, false, 0x10, true), STATUS_SUCCESS);
    attach(f);
    assert_int_equal(rd(f, 0x34, 4), 0x70);
    assert_int_equal(rd(f, 0x70, 4), 0x00020011);
    assert_int_equal(rd(f, 0xA0, 4), 0);
    vstack_vf_detach(f->vf);
    assert_int_equal(vstack_policy_hide(f->vf, false, 0x11, true), STATUS_SUCCESS);
    attach(f);
    assert_int_equal(rd(f, 0x34, 4), 0);
}

static void the_first_extended_capability_hidden_leaves_an_empty_one_that_points_on(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vstack_policy_hide(f->vf, true, 0x0001, true), STATUS_SUCCESS);
    attach(f);
    assert_int_equal(rd(f, 0x100, 4), 0x15000000);
    assert_int_equal(rd(f, 0x150, 4), 0x0001000E);
    fake_pf_clear_log(f->pf);
    fake_pf_poke(f->pf, 0, 0x104, 0xFFFFFFFF);
    assert_int_equal(rd(f, 0x104, 4), 0);
    assert_int_equal(wr(f, 0x100, 4, 0xFFFFFFFF), STATUS_SUCCESS);
    assert_int_equal(wr(f, 0x104, 4, 0xFFFFFFFF), STATUS_SUCCESS);
    assert_int_equal(fake_pf_logged(f->pf), 0);
    vstack_vf_detach(f->vf);
    assert_int_equal(vstack_policy_hide(f->vf, true, 0x000E, true), STATUS_SUCCESS);
    attach(f);
    assert_int_equal(rd(f, 0x100, 4), 0);
}

static void shown_again_the_view_is_what_it_was(void **state)
{
    struct fixture *f = *state;
    static ULONG before[1024], after[1024];
    static const struct {
        bool is_extended;
        USHORT id;
    } all[] = {{false, 0x10}, {false, 0x11}, {true, 0x0001}, {true, 0x000E}};
    read_view(f, before);
    for (unsigned hidden = 1; hidden < 16; hidden++) { /* each set of them, and back */
        for (unsigned i = 0; i < 4; i++) {
            if (hidden >> i & 1)
                assert_int_equal(vstack_policy_hide(f->vf, all[i].is_extended, all[i].id, true), STATUS_SUCCESS);
        }
        read_view(f, after);
        assert_memory_not_equal(before, after, sizeof before);
        for (unsigned i = 0; i < 4; i++)
            assert_int_equal(vstack_policy_hide(f->vf, all[i].is_extended, all[i].id, false), STATUS_SUCCESS);
        read_view(f, after);
        assert_memory_equal(before, after, sizeof before);
    }
}

/* ---- registers ---------------------------------------------------------------------------------------------- */

static void a_locked_bit_does_not_go_down_and_the_others_do(void **state)
{
    struct fixture *f = *state;
    struct fake_oid oid;
    assert_int_equal(vstack_policy_lock(f->vf, 0x70, 0x80000000), STATUS_SUCCESS); /* MSI-X Enable */
    attach(f);
    assert_int_equal(wr(f, 0x72, 2, 0xC000), STATUS_SUCCESS);
    assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_WRITE_VF_CONFIG_SPACE, &oid), 1);
    assert_int_equal(oid.value, 0x4000);
    assert_int_equal(rd(f, 0x72, 2), 0x4002);
    vstack_vf_detach(f->vf);
    assert_int_equal(vstack_policy_lock(f->vf, 0x70, 0), STATUS_SUCCESS);
    attach(f);
    assert_int_equal(wr(f, 0x72, 2, 0xC000), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x72, 2), 0xC002);
}

static void locked_registers_keep_their_effects_from_happening(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(vstack_policy_lock(f->vf, 0x04, 0x00000006), STATUS_SUCCESS);
    assert_int_equal(vstack_policy_lock(f->vf, 0xA8, 0x00008000), STATUS_SUCCESS);
    assert_int_equal(vstack_policy_lock(f->vf, 0x10, 0xFFFFFFFF), STATUS_SUCCESS);
    attach(f);
    assert_int_equal(wr(f, 0x1C, 4, 0x00004000), STATUS_SUCCESS);
    assert_int_equal(wr(f, 0x04, 2, 6), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x04, 4), 0x00100000);
    assert_int_equal(f->bars[3].changes, 0);
    assert_int_equal(wr(f, 0xA8, 2, 0x8000), STATUS_SUCCESS);
    assert_int_equal(fake_pf_seen(f->pf, OID_SRIOV_RESET_VF, NULL), 0);
    assert_int_equal(rd(f, 0x1C, 4), 0x0000400C);
    assert_int_equal(wr(f, 0x10, 4, 0xFFFFFFFF), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x10, 4), 0x0000000C);
    assert_int_equal(wr(f, 0x14, 4, 0xFFFFFFFF), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x14, 4), 0xFFFFFFFF);
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

static void rows_ascend_and_say_what_a_guest_may(void **state)
{
    struct fixture *f = *state;
    static struct vstack_policy_row rows[1024];
    unsigned count = vstack_policy_rows(f->vf, rows, 1024), few;
    struct vstack_policy_row two[2] = {0};
    bool command = false;
    vstack_policy_lock(f->vf, 0x04, 4);
    assert_int_equal(vstack_policy_rows(f->vf, rows, 1024), count);
    for (unsigned i = 0; i < count; i++) {
        assert_true(i == 0 || rows[i].offset > rows[i - 1].offset);
        assert_int_equal(rows[i].kept & (rows[i].down | rows[i].clear), 0);
        if (rows[i].offset != 0x04)
            continue;
        command = true;
        assert_int_equal(rows[i].kept, 2);
        assert_int_equal(rows[i].down, 4);
        assert_int_equal(rows[i].locked, 4);
    }
    assert_true(command);
    few = vstack_policy_rows(f->vf, two, 2);
    assert_int_equal(few, count);
    assert_int_equal(two[1].offset, 4);
    assert_int_equal(vstack_policy_hide(f->vf, false, 0x11, true), STATUS_SUCCESS);
    assert_int_equal(vstack_policy_rows(f->vf, rows, 1024), count - 3);
}

static void what_is_not_there_cannot_be_changed(void **state)
{
    struct fixture *f = *state;
    static ULONG before[1024], after[1024];
    read_view(f, before);
    assert_int_equal(vstack_policy_hide(f->vf, false, 0x05, true), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(vstack_policy_hide(f->vf, true, 0x11, true), STATUS_OBJECT_NAME_NOT_FOUND);
    assert_int_equal(vstack_policy_hide(f->vf, true, 0x0010, false), STATUS_OBJECT_NAME_NOT_FOUND); /* SR-IOV */
    assert_int_equal(vstack_policy_lock(f->vf, 0x1000, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(vstack_policy_lock(f->vf, 0xFFFFFFFC, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(vstack_policy_lock(f->vf, 0x06, 1), STATUS_INVALID_PARAMETER);
    assert_int_equal(vstack_policy_lock(f->vf, 0xFFC, 1), STATUS_OBJECT_NAME_NOT_FOUND);
    read_view(f, after);
    assert_memory_equal(before, after, sizeof before);
}

static void while_a_guest_has_the_vf_nothing_changes(void **state)
{
    struct fixture *f = *state;
    attach(f);
    assert_int_equal(vstack_policy_hide(f->vf, false, 0x11, true), STATUS_SHARING_VIOLATION);
    assert_int_equal(vstack_policy_lock(f->vf, 0x04, 6), STATUS_SHARING_VIOLATION);
    assert_int_equal(rd(f, 0x70, 4), 0x00020011);
    assert_int_equal(wr(f, 0x04, 2, 4), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x04, 2), 4);
}

static void another_vf_keeps_its_own(void **state)
{
    struct fixture *f = *state;
    struct vstack_vf *ours = f->vf, *other = fake_pf_vf(f->stack);
    vstack_policy_hide(ours, false, 0x11, true);
    vstack_policy_lock(ours, 0x04, 4);
    f->vf = other;
    attach(f);
    assert_int_equal(rd(f, 0x70, 4), 0x00020011);
    assert_int_equal(wr(f, 0x04, 2, 4), STATUS_SUCCESS);
    assert_int_equal(rd(f, 0x04, 2), 4);
    f->vf = ours;
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up_free, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_hidden_capability_reads_zero_takes_no_write_and_is_not_in_the_chain),
        CASE(the_first_capability_hidden_moves_the_pointer),
        CASE(the_first_extended_capability_hidden_leaves_an_empty_one_that_points_on),
        CASE(shown_again_the_view_is_what_it_was),
        CASE(a_locked_bit_does_not_go_down_and_the_others_do),
        CASE(locked_registers_keep_their_effects_from_happening),
        CASE(rows_ascend_and_say_what_a_guest_may),
        CASE(what_is_not_there_cannot_be_changed),
        CASE(while_a_guest_has_the_vf_nothing_changes),
        CASE(another_vf_keeps_its_own),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
