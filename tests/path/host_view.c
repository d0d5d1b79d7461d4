/* SPDX-License-Identifier: MIT
 *
 * A host program looks at VFs: what a guest would read, the readiness time, profiles without a host.
 */
#include <errno.h>

#include <vfplane/host.h>
#include <vfplane/profile.h>

#include "test.h"

struct rig {
    struct vfp_host *host;
    struct vfp_pf *pf;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf[2];
};

static struct rig make_rig(bool strict)
{
    struct rig rig = {.host = vfp_host_create(&(struct vfp_host_options){.strict_timing = strict})};
    assert_non_null(rig.host);
    rig.pf = vfp_pf_add(rig.host, getenv("REFNIC_PROFILE"), NULL);
    assert_non_null(rig.pf);
    struct vfp_driver *driver = vfp_driver_load(rig.host, getenv("REFNIC_PF"));
    assert_non_null(driver);
    rig.adapter = vfp_adapter_start(driver, rig.pf);
    assert_non_null(rig.adapter);
    assert_int_equal(vfp_switch_create(rig.adapter, 2), 0);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(vfp_vf_allocate(rig.adapter, &rig.vf[i]), 0);
    return rig;
}

static void guest_view_has_ids_and_bars_that_raw_registers_have_not(void **state)
{
    (void)state;
    static const uint8_t start[] = {0x86, 0x80, 0xca, 0x10, 0x00, 0x00, 0x10, 0x00, 0x01, 0x00, 0x00, 0x02};
    struct rig rig = make_rig(false);
    uint8_t view[VFP_CONFIG_SIZE], raw[16];
    assert_int_equal(vfp_vf_guest_view(rig.vf[1], view), 0);
    assert_memory_equal(view, start, sizeof start);
    assert_int_equal(view[0x10], 0x0c);
    assert_int_equal(vfp_vf_config_read(rig.vf[1], 0, raw, sizeof raw), 0);
    assert_memory_equal(raw, "\xff\xff\xff\xff", 4);
    assert_int_equal(vfp_host_destroy(rig.host), 0);
}

/* It is reset like after any owner, and can be looked at again. */
static void a_look_leaves_the_vf_as_after_an_owner(void **state)
{
    (void)state;
    struct rig rig = make_rig(false);
    uint8_t view[VFP_CONFIG_SIZE], again[VFP_CONFIG_SIZE], command[2] = {0x04, 0x00};
    assert_int_equal(vfp_vf_config_write(rig.vf[0], 0x04, command, 2), 0);
    assert_int_equal(vfp_vf_guest_view(rig.vf[0], view), 0);
    assert_int_equal(view[0x04], 0x04);
    assert_int_equal(vfp_vf_guest_view(rig.vf[0], again), 0);
    assert_int_equal(again[0x04], 0x00);
    view[0x04] = 0x00;
    assert_memory_equal(view, again, sizeof view);
    assert_int_equal(vfp_violations(rig.host), 0);
    assert_int_equal(vfp_host_destroy(rig.host), 0);
}

static void a_vf_of_a_card_that_is_gone_has_no_view(void **state)
{
    (void)state;
    struct rig rig = make_rig(false);
    uint8_t view[VFP_CONFIG_SIZE];
    vfp_pf_surprise_remove(rig.pf);
    assert_true(vfp_vf_guest_view(rig.vf[0], view) < 0);
    assert_true(*vfp_host_error(rig.host));
    assert_true(vfp_vf_guest_dump(rig.vf[0], stderr) < 0);
    vfp_host_destroy(rig.host);
}

/* The reference PF driver waits as it should: on a clock that need not be waited for. */
/* In one host and into another, as a VMM moves a machine. */
static void a_saved_card_is_restored_byte_for_byte(void **state)
{
    (void)state;
    struct rig from = make_rig(false), to = make_rig(false);
    uint8_t saved[4096], again[4096], command[2] = {0x04, 0x00}, seen[2];
    assert_int_equal(vfp_vf_config_write(from.vf[1], 0x04, command, 2), 0);
    size_t size = vfp_pf_save(from.pf, saved, sizeof saved);
    assert_in_range(size, 1, sizeof saved);
    assert_int_equal(vfp_pf_save(from.pf, again, size - 1), size);
    assert_int_equal(vfp_pf_restore(to.pf, saved, size), 0);
    assert_int_equal(vfp_vf_config_read(to.vf[1], 0x04, seen, 2), 0);
    assert_memory_equal(seen, command, 2);
    assert_int_equal(vfp_pf_save(to.pf, again, sizeof again), size);
    assert_memory_equal(again, saved, size);
    assert_int_equal(vfp_pf_restore(to.pf, saved, size - 1), -EINVAL);
    saved[0] ^= 1;
    assert_int_equal(vfp_pf_restore(to.pf, saved, size), -EINVAL);
    assert_string_equal(vfp_host_error(to.host), "not the saved state of this card");
    saved[0] ^= 1;
    assert_int_equal(vfp_pf_save(to.pf, again, sizeof again), size);
    assert_memory_equal(again, saved, size);
    assert_int_equal(vfp_host_destroy(from.host), 0);
    assert_int_equal(vfp_host_destroy(to.host), 0);
}

static void the_state_of_a_pulled_card_pulls_the_card(void **state)
{
    (void)state;
    struct rig from = make_rig(false), to = make_rig(false);
    uint8_t whole[4096], saved[4096], seen[2];
    size_t before = vfp_pf_save(from.pf, whole, sizeof whole);
    vfp_pf_surprise_remove(from.pf);
    size_t size = vfp_pf_save(from.pf, saved, sizeof saved);
    assert_int_equal(vfp_pf_restore(from.pf, whole, before), -ENODEV);
    assert_int_equal(vfp_pf_restore(to.pf, saved, size), 0);
    assert_int_not_equal(vfp_vf_config_read(to.vf[0], 0x04, seen, 2), 0);
    assert_int_equal(vfp_host_destroy(from.host), 0);
    assert_int_equal(vfp_host_destroy(to.host), 0);
}

static void a_driver_that_waits_meets_strict_timing(void **state)
{
    (void)state;
    struct rig rig = make_rig(true);
    uint8_t view[VFP_CONFIG_SIZE];
    assert_int_equal(vfp_vf_guest_view(rig.vf[0], view), 0);
    assert_int_equal(vfp_vf_guest_view(rig.vf[0], view), 0);
    assert_int_equal(vfp_pf_early_accesses(rig.pf), 0);
    assert_int_equal(vfp_host_destroy(rig.host), 0);
}

/* An FLR through the raw registers, behind the PF driver's back, and nobody waits. */
static void an_access_too_early_fails_and_is_counted(void **state)
{
    (void)state;
    struct rig rig = make_rig(true);
    uint8_t flr[2] = {0x00, 0x80}, byte[2];
    assert_int_equal(vfp_vf_config_write(rig.vf[0], 0xa8, flr, 2), 0);
    assert_int_equal(vfp_pf_early_accesses(rig.pf), 0);
    assert_true(vfp_vf_config_read(rig.vf[0], 0x04, byte, 2) < 0);
    assert_true(vfp_pf_early_accesses(rig.pf) > 0);
    assert_int_equal(vfp_vf_config_read(rig.vf[1], 0x04, byte, 2), 0);
    vfp_host_destroy(rig.host);
}

static void a_profile_is_opened_or_said_to_be_wrong(void **state)
{
    (void)state;
    struct vfp_profile *profile = NULL;
    char error[256];
    assert_int_equal(vfp_profile_open("/nowhere.lspci", &profile, error, sizeof error), -ENOENT);
    assert_string_equal(error, "/nowhere.lspci: No such file or directory");
    assert_int_equal(vfp_profile_open("/dev/null", &profile, NULL, 0), -EINVAL);
    assert_null(profile);
    assert_int_equal(vfp_profile_open(getenv("REFNIC_PROFILE"), &profile, error, sizeof error), 0);
    assert_int_equal(vfp_profile_total_vfs(profile), 8);
    FILE *full = fopen("/dev/full", "w"), *file = tmpfile();
    assert_non_null(full);
    assert_non_null(file);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(vfp_profile_dump(profile, 1, full), -EIO);
    assert_int_equal(vfp_profile_show(profile, full), -EIO);
    assert_int_equal(vfp_profile_synth(1, full), -EIO);
    assert_int_equal(vfp_profile_dump(profile, 9, file), -EINVAL);
    assert_int_equal(vfp_profile_synth(0, file), -EINVAL);
    assert_int_equal(ftell(file), 0);
    assert_int_equal(vfp_profile_dump(profile, 8, file), 0);
    assert_true(ftell(file) > 9 * 13000);
    vfp_profile_close(profile);
    vfp_profile_close(NULL);
    fclose(full);
    fclose(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(guest_view_has_ids_and_bars_that_raw_registers_have_not),
        cmocka_unit_test(a_look_leaves_the_vf_as_after_an_owner),
        cmocka_unit_test(a_vf_of_a_card_that_is_gone_has_no_view),
        cmocka_unit_test(a_saved_card_is_restored_byte_for_byte),
        cmocka_unit_test(the_state_of_a_pulled_card_pulls_the_card),
        cmocka_unit_test(a_driver_that_waits_meets_strict_timing),
        cmocka_unit_test(an_access_too_early_fails_and_is_counted),
        cmocka_unit_test(a_profile_is_opened_or_said_to_be_wrong),
    };
    return cmocka_run_group_tests_name("host view", tests, NULL, NULL);
}
