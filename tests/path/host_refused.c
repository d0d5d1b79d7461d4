/* SPDX-License-Identifier: MIT
 *
 * What a host or guest program is refused (vfplane/host.h, guest.h, vmm.h, profile.h): the documented error, a line
 * that says what it was, and everything as before.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "test.h"
#include <vfplane/guest.h>
#include <vfplane/host.h>
#include <vfplane/profile.h>
#include <vfplane/vmm.h>

#define QUERY                0
#define OID_VENDOR_ID        0x0001010Cu
#define STATUS_NOT_SUPPORTED ((int)0xC00000BB)
#define RELIDS               2047u /* vpci-wire.md 3.3 */

struct machine {
    struct vfp_host *host;
    struct vfp_driver *driver;
    struct vfp_pf *pf;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
};

static int set_up_with(void **state, const char *driver)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    assert_non_null(machine);
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    machine->driver = vfp_driver_load(machine->host, driver);
    machine->pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), NULL);
    assert_non_null(machine->driver);
    assert_non_null(machine->pf);
    machine->adapter = vfp_adapter_start(machine->driver, machine->pf);
    assert_non_null(machine->adapter);
    assert_int_equal(vfp_switch_create(machine->adapter, 2), 0);
    assert_int_equal(vfp_vf_allocate(machine->adapter, &machine->vf), 0);
    *state = machine;
    return 0;
}

static int miniport(void **state)
{
    return set_up_with(state, getenv("REFNIC_PF"));
}

static int generic(void **state)
{
    return set_up_with(state, getenv("REFGEN"));
}

static int take_down(void **state)
{
    struct machine *machine = *state;
    assert_int_equal(vfp_violations(machine->host), 0);
    assert_int_equal(vfp_host_destroy(machine->host), 0);
    free(machine);
    return 0;
}

static void says(const struct machine *machine, const char *part)
{
    if (!strstr(vfp_host_error(machine->host), part))
        fail_msg("\"%s\" says nothing of \"%s\"", vfp_host_error(machine->host), part);
}

/* The VF's registers as they stand. */
static void look(struct machine *machine, uint8_t space[VFP_CONFIG_SIZE])
{
    assert_int_equal(vfp_vf_config_read(machine->vf, 0, space, VFP_CONFIG_SIZE), 0);
}

/* ---- cards ------------------------------------------------------------------------------------------------------- */

static void a_card_that_cannot_be_is_refused(void **state)
{
    struct machine *machine = *state;
    static const struct {
        const char *address, *says;
    } rows[] = {
        {"nowhere", "not a PCI address"},       {"01:00.8", "not a PCI address"},
        {"01:20.0", "not a PCI address"},       {"01:00.0 ", "not a PCI address"},
        {"0000:01:00", "not a PCI address"},    {"ff:1f.7", "do not fit behind ff:1f.7"},
        {"12345:01:00.0", "not a PCI address"},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_null(vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), rows[i].address));
        says(machine, rows[i].says);
    }
    assert_null(vfp_pf_add(machine->host, "/nowhere.lspci", NULL));
    says(machine, "/nowhere.lspci");
    assert_non_null(vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), "0001:05:00.0"));
}

static void a_dump_of_nothing_or_to_nowhere_is_refused(void **state)
{
    struct machine *machine = *state;
    FILE *full = fopen("/dev/full", "w");
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(vfp_pf_dump(machine->pf, 2, true, full), -ENOENT);
    says(machine, "VF 2 does not exist: the PF has 2 VFs enabled");
    assert_int_equal(vfp_pf_dump(machine->pf, -2, true, full), -ENOENT);
    assert_int_equal(vfp_pf_dump(machine->pf, -1, true, full), -EIO);
    assert_int_equal(vfp_vf_guest_dump(machine->vf, full), -EIO);
    fclose(full);
}

static void a_state_that_is_not_the_card_s_is_refused(void **state)
{
    struct machine *machine = *state;
    uint8_t before[VFP_CONFIG_SIZE], after[VFP_CONFIG_SIZE];
    size_t size = vfp_pf_save(machine->pf, NULL, 0);
    uint8_t *saved = malloc(size);
    assert_non_null(saved);
    assert_int_equal(vfp_pf_save(machine->pf, saved, size), size);
    look(machine, before);
    assert_int_equal(vfp_pf_restore(machine->pf, saved, size - 1), -EINVAL);
    saved[0] ^= 1;
    assert_int_equal(vfp_pf_restore(machine->pf, saved, size), -EINVAL);
    says(machine, "not the saved state of this card");
    saved[0] ^= 1;
    look(machine, after);
    assert_memory_equal(before, after, sizeof(before));
    assert_int_equal(vfp_pf_restore(machine->pf, saved, size), 0);
    vfp_pf_surprise_remove(machine->pf);
    assert_int_equal(vfp_pf_restore(machine->pf, saved, size), -ENODEV);
    says(machine, "the card was pulled");
    free(saved);
}

/* Two cards alike: one is pulled and saved, and the other is then as it was: pulled. */
static void the_state_of_a_pulled_card_pulls_the_card(void **state)
{
    struct machine *machine = *state;
    struct vfp_host *other = vfp_host_create(&(struct vfp_host_options){0});
    struct vfp_pf *pulled = vfp_pf_add(other, getenv("REFNIC_PROFILE"), NULL);
    uint32_t ids = 0;
    assert_non_null(pulled);
    vfp_pf_surprise_remove(pulled);
    size_t size = vfp_pf_save(pulled, NULL, 0);
    void *saved = malloc(size);
    assert_non_null(saved);
    vfp_pf_save(pulled, saved, size);
    assert_int_equal(vfp_pf_restore(machine->pf, saved, size), 0);
    assert_int_not_equal(vfp_vf_config_read(machine->vf, 0, &ids, sizeof(ids)), 0);
    free(saved);
    vfp_host_destroy(other);
}

/* ---- a PF driver ------------------------------------------------------------------------------------------------- */

static void requests_that_fit_no_vf_are_refused(void **state)
{
    struct machine *machine = *state;
    uint8_t before[VFP_CONFIG_SIZE], after[VFP_CONFIG_SIZE], bytes[VFP_CONFIG_SIZE + 4] = {0};
    look(machine, before);
    assert_int_not_equal(vfp_vf_config_read(machine->vf, 0, bytes, sizeof(bytes)), 0);
    assert_int_not_equal(vfp_vf_config_write(machine->vf, 0, bytes, sizeof(bytes)), 0);
    assert_int_not_equal(vfp_vf_config_write(machine->vf, VFP_CONFIG_SIZE - 2, bytes, 4), 0);
    assert_int_not_equal(vfp_vf_block_read(machine->vf, 0x7fffffff, bytes, 4), 0);
    assert_int_not_equal(vfp_vf_block_write(machine->vf, 0x7fffffff, bytes, 4), 0);
    says(machine, "VF 0");
    assert_int_not_equal(vfp_switch_create(machine->adapter, 2), 0);
    assert_int_equal(vfp_switch_delete(machine->adapter), -EINVAL);
    look(machine, after);
    assert_memory_equal(before, after, sizeof(before));
}

/* The states, power, interrupts and OIDs of an adapter are NDIS's. */
static void a_driver_that_is_no_miniport_has_nothing_of_ndis(void **state)
{
    struct machine *machine = *state;
    struct vfp_held_oid held = {0};
    uint32_t value = 0x12345678;
    bool hangs = true;
    assert_int_equal(vfp_adapter_pause(machine->adapter), -EOPNOTSUPP);
    says(machine, "MiniportPause failed");
    assert_int_equal(vfp_adapter_restart(machine->adapter), -EOPNOTSUPP);
    assert_int_equal(vfp_adapter_reset(machine->adapter), -EOPNOTSUPP);
    assert_int_equal(vfp_adapter_check_for_hang(machine->adapter, &hangs), -EOPNOTSUPP);
    assert_false(hangs);
    assert_int_equal(vfp_interrupt(machine->adapter, 0), -EOPNOTSUPP);
    assert_int_equal(vfp_oid_hold(machine->adapter, OID_VENDOR_ID, true), -EOPNOTSUPP);
    assert_int_equal(vfp_oid_fetch(machine->adapter, 0, &held), -EOPNOTSUPP);
    assert_int_equal(vfp_oid_release(machine->adapter, &held), -EOPNOTSUPP);
    assert_int_equal(vfp_oid_complete(machine->adapter, &held, 0, 0), -EOPNOTSUPP);
    assert_int_equal(vfp_oid(machine->adapter, QUERY, OID_VENDOR_ID, &value, 4, 0).status, STATUS_NOT_SUPPORTED);
    assert_int_equal(vfp_oid_raw(machine->adapter, QUERY, OID_VENDOR_ID, &value, 4, 0).status, STATUS_NOT_SUPPORTED);
    assert_int_equal(value, 0x12345678);
    vfp_patience_set(machine->host, 1000);
    vfp_adapter_shutdown(machine->adapter); /* nothing to tell it */
    assert_string_equal(vfp_adapter_state(machine->adapter), "Running");
    assert_int_equal(vfp_link_set(machine->adapter, false, 0), 0);
}

static void sixteen_oids_are_held_and_no_more(void **state)
{
    struct machine *machine = *state;
    struct vfp_held_oid held = {.id = 77};
    for (uint32_t i = 0; i < 16; i++)
        assert_int_equal(vfp_oid_hold(machine->adapter, 0xFF000000 + i, true), 0);
    assert_int_equal(vfp_oid_hold(machine->adapter, OID_VENDOR_ID, true), -ENOSPC);
    assert_int_equal(vfp_oid_hold(machine->adapter, 0xFF000000, false), 0);
    assert_int_equal(vfp_oid_hold(machine->adapter, OID_VENDOR_ID, true), 0);
    assert_int_equal(vfp_oid_release(machine->adapter, &held), -ENOENT);
    assert_int_equal(vfp_oid_complete(machine->adapter, &held, 0, 0), -ENOENT);
}

/* ---- guests ------------------------------------------------------------------------------------------------------ */

static void connect_guest(struct machine *machine, struct vfp_guest *guest, struct vfp_channel **channel)
{
    int ends[2];
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(vfp_channel_attach(machine->vf, ends[0], NULL, NULL, NULL, channel), 0);
    assert_int_equal(vfp_guest_connect(guest, ends[1]), 0);
}

static void a_guest_without_a_channel_has_nothing(void **state)
{
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    int ends[2];
    (void)state;
    assert_int_equal(vfp_guest_functions(guest), 0);
    assert_int_equal(vfp_guest_start(guest, getenv("REFNIC_VF")), -ENODEV);
    assert_string_equal(vfp_guest_error(guest), "no function on the vPCI bus");
    assert_int_equal(vfp_guest_wait(guest, 0), -ENOTCONN);
    assert_int_equal(vfp_guest_config_read(guest, 0, 0, 4), UINT32_MAX);
    vfp_guest_config_write(guest, 0, 4, 2, 6);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends), 0);
    close(ends[0]); /* the host is gone */
    assert_int_equal(vfp_guest_connect(guest, ends[1]), -EPIPE);
    assert_non_null(strstr(vfp_guest_error(guest), "the host went away or took its offer back"));
    assert_int_equal(vfp_guest_destroy(guest), 0);
}

static void a_guest_s_driver_that_is_none_leaves_the_guest_as_it_was(void **state)
{
    struct machine *machine = *state;
    struct vfp_guest *guest = vfp_guest_create(&(struct vfp_guest_options){.name = "guest", .number = 1});
    struct vfp_channel *channel, *second;
    struct vfp_channel_stats stats;
    uint8_t space[VFP_CONFIG_SIZE];
    vfp_guest_set_spin(guest, 0); /* before there is a channel, and then */
    vfp_host_set_spin(machine->host, 0);
    connect_guest(machine, guest, &channel);
    vfp_guest_set_spin(guest, 10);
    assert_int_equal(vfp_guest_connect(guest, -1), -EISCONN);
    assert_int_equal(vfp_channel_attach(machine->vf, -1, "second", NULL, NULL, &second), -EBUSY);
    says(machine, "VF 0 belongs to another guest");
    assert_int_equal(vfp_vf_guest_view(machine->vf, space), -EBUSY);
    assert_int_equal(vfp_vf_policy_lock(machine->vf, 4, 4), -EBUSY);
    assert_int_equal(vfp_guest_start(guest, "/nowhere.so"), -ENOENT);
    assert_int_equal(vfp_guest_start(guest, getenv("REFNIC_PROFILE")), -ENOEXEC);
    assert_int_equal(vfp_guest_start(guest, getenv("REFNIC_VF")), 0);
    assert_int_equal(vfp_guest_start(guest, getenv("REFNIC_VF")), -EBUSY);
    assert_int_equal(vfp_guest_wait(guest, 0), -ETIMEDOUT);
    vfp_channel_stats(channel, &stats);
    assert_int_equal(stats.bad_data, 0);
    assert_in_range(stats.completions, 1, stats.messages);
    assert_int_equal(vfp_guest_destroy(guest), 0);
}

/* A file of a card with `vfs` VFs; unlink it. */
static void synth(char *path, uint16_t vfs)
{
    FILE *file = fdopen(mkstemp(path), "w");
    assert_non_null(file);
    assert_int_equal(vfp_profile_synth(vfs, file), 0);
    assert_int_equal(fclose(file), 0);
}

/* Offered to a VMM that never comes a channel needs no descriptor, so that all of a host's can be in use. */
static void as_many_channels_as_the_protocol_has_numbers(void **state)
{
    struct machine *machine = *state;
    char path[] = "/tmp/vfp_refused_XXXXXX", folder[] = "/tmp/vfp_refused_XXXXXX", at[64];
    struct vfp_channel *first = NULL, *channel = NULL;
    struct vfp_vf *vf = NULL;
    synth(path, RELIDS + 1);
    assert_non_null(mkdtemp(folder));
    snprintf(at, sizeof(at), "%s/vmm", folder);
    assert_int_equal(vfp_keyword_set(machine->host, "*NumVFs", NULL), 0);
    struct vfp_pf *pf = vfp_pf_add(machine->host, path, "0002:01:00.0");
    struct vfp_adapter *adapter = vfp_adapter_start(machine->driver, pf);
    struct vfp_vmm *vmm = vfp_channel_listen(machine->host, at);
    assert_non_null(adapter);
    assert_non_null(vmm);
    assert_false(vfp_vmm_connected(vmm));
    assert_int_equal(vfp_switch_create(adapter, RELIDS + 1), 0);
    for (unsigned i = 0; i < RELIDS; i++) {
        assert_int_equal(vfp_vf_allocate(adapter, &vf), 0);
        assert_int_equal(vfp_channel_offer(vmm, vf, &(struct vfp_channel_options){0}, &channel), 0);
        first = first ? first : channel;
    }
    assert_int_equal(vfp_vf_allocate(adapter, &vf), 0);
    assert_int_equal(vfp_channel_offer(vmm, vf, &(struct vfp_channel_options){.name = "late"}, &channel), -ENOSPC);
    says(machine, "late: all 2047 channels are in use");
    vfp_channel_close(first);
    assert_int_equal(vfp_channel_offer(vmm, vf, &(struct vfp_channel_options){.name = "late"}, &channel), 0);
    assert_null(vfp_channel_listen(machine->host, at));
    says(machine, "cannot listen");
    vfp_vmm_close(vmm);
    assert_int_equal(rmdir(folder), 0);
    unlink(path);
}

/* ---- profiles ---------------------------------------------------------------------------------------------------- */

static void a_profile_is_refused_what_it_cannot_do(void **state)
{
    struct vfp_profile *profile = NULL;
    char error[256] = "";
    FILE *full = fopen("/dev/full", "w");
    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(vfp_profile_open("/nowhere.lspci", &profile, error, sizeof(error)), -ENOENT);
    assert_null(profile);
    assert_non_null(strstr(error, "/nowhere.lspci"));
    assert_int_equal(vfp_profile_open(getenv("REFNIC_PF"), &profile, error, sizeof(error)), -EINVAL);
    assert_int_equal(vfp_profile_open(getenv("REFNIC_PROFILE"), &profile, error, sizeof(error)), 0);
    assert_int_equal(vfp_profile_dump(profile, vfp_profile_total_vfs(profile) + 1, stdout), -EINVAL);
    assert_int_equal(vfp_profile_dump(profile, 1, full), -EIO);
    assert_int_equal(vfp_profile_show(profile, full), -EIO);
    assert_int_equal(vfp_profile_synth(0, stdout), -EINVAL);
    assert_int_equal(vfp_profile_synth(1, full), -EIO);
    vfp_profile_close(profile);
    fclose(full);
}

#define CASE(test, set_up) cmocka_unit_test_setup_teardown(test, set_up, take_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(a_card_that_cannot_be_is_refused, miniport),
        CASE(a_dump_of_nothing_or_to_nowhere_is_refused, miniport),
        CASE(a_state_that_is_not_the_card_s_is_refused, miniport),
        CASE(the_state_of_a_pulled_card_pulls_the_card, miniport),
        CASE(requests_that_fit_no_vf_are_refused, miniport),
        {"requests_that_fit_no_vf_are_refused (no miniport)", requests_that_fit_no_vf_are_refused, generic, take_down,
         NULL},
        CASE(a_driver_that_is_no_miniport_has_nothing_of_ndis, generic),
        CASE(sixteen_oids_are_held_and_no_more, miniport),
        cmocka_unit_test(a_guest_without_a_channel_has_nothing),
        CASE(a_guest_s_driver_that_is_none_leaves_the_guest_as_it_was, miniport),
        CASE(as_many_channels_as_the_protocol_has_numbers, miniport),
        cmocka_unit_test(a_profile_is_refused_what_it_cannot_do),
    };
    return cmocka_run_group_tests_name("path / host refused", tests, NULL, NULL);
}
