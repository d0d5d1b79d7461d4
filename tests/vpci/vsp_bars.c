/* SPDX-License-Identifier: MIT
 *
 * What the host program is called for: BARs that come and go.
 */
#include "raw_guest.h"

static void place(struct raw_guest *raw, uint32_t low)
{
    raw_config_write(raw, 0x10, 4, low);
    raw_config_write(raw, 0x14, 4, 0x20);
}

static void a_bar_is_mapped_with_memory_enable_and_unmapped_without(void **state)
{
    struct raw_pair *f = *state;
    place(f->guest, 0x4000);
    assert_int_equal(raw_bar(f->guest, 0).changes, 0);
    raw_config_write(f->guest, 0x04, 2, 2);
    assert_true(raw_bar(f->guest, 0).mapped);
    assert_true(raw_bar(f->guest, 0).guest_address == 0x2000004000);
    assert_true(raw_bar(f->guest, 0).size == 0x4000);
    assert_true(raw_bar(f->guest, 0).system_address == 0xFE000000);
    assert_int_equal(raw_bar(f->guest, 3).changes, 0); /* was not placed */
    raw_config_write(f->guest, 0x04, 2, 0);
    assert_false(raw_bar(f->guest, 0).mapped);
    assert_true(raw_bar(f->guest, 0).guest_address == 0x2000004000);
    assert_int_equal(raw_bar(f->guest, 0).changes, 2);
    assert_int_equal(raw_bar(f->second, 0).changes, 0);
}

static void every_way_to_leave_unmaps_first(void **state)
{
    struct raw_pair *f = *state;
    for (unsigned way = 0; way < 5; way++) {
        struct raw_guest *raw = raw_guest_open(f->host, 3);
        raw_up(raw);
        place(raw, 0x4000);
        raw_config_write(raw, 0x04, 2, 2);
        assert_true(raw_bar(raw, 0).mapped);
        switch (way) {
        case 0:
            assert_int_equal(raw_d0_exit(raw), VPCI_STATUS_SUCCESS);
            assert_false(raw_bar(raw, 0).mapped);
            break;
        case 1:
            vsp_channel_eject(raw->channel, 0);
            break;
        case 2:
            vmbus_guest_destroy(raw->guest);
            raw->guest = NULL;
            break;
        case 3: /* the ring is broken */
            raw_send(raw, VMBUS_PACKET_GPADL, 0, 1, "12345678", 8);
            break;
        default:
            vsp_channel_remove(raw->channel);
            raw->channel = NULL;
        }
        if (way)
            raw_wait_ended(raw);
        assert_int_equal(raw->bars_mapped_at_end, 0);
        assert_int_equal(raw_bar(raw, 0).changes, 2);
        raw_guest_destroy(raw);
    }
}

static void memory_enable_toggled_at_high_rate_maps_and_unmaps_in_turn(void **state)
{
    struct raw_pair *f = *state;
    place(f->guest, 0x4000);
    for (unsigned i = 0; i < 500; i++) {
        raw_config_write(f->guest, 0x04, 2, 2);
        assert_true(raw_bar(f->guest, 0).mapped);
        raw_config_write(f->guest, 0x04, 2, 0);
        assert_false(raw_bar(f->guest, 0).mapped);
    }
    assert_int_equal(raw_bar(f->guest, 0).changes, 1000);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, raw_pair_set_up_d0, raw_pair_tear_down)
    const struct CMUnitTest tests[] = {
        CASE(a_bar_is_mapped_with_memory_enable_and_unmapped_without),
        CASE(every_way_to_leave_unmaps_first),
        CASE(memory_enable_toggled_at_high_rate_maps_and_unmaps_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
