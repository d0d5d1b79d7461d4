/* SPDX-License-Identifier: MIT
 *
 * What a host program takes from a VF's guest, and the states of an adapter that only a machine in trouble meets:
 * reset, a check for hang, shutdown; and the report of a finding.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include <vfplane/contract.h>
#include <vfplane/host.h>

#define ROWS (VFP_CONFIG_SIZE / 4)
#define MSIX 0x11u
#define BM   0x04u /* Command: Bus Master */

struct machine {
    struct vfp_host *host;
    struct vfp_adapter *adapter;
    struct vfp_vf *vf;
};

static int set_up_with(void **state, const char *pf_driver)
{
    struct machine *machine = calloc(1, sizeof(*machine));
    assert_non_null(machine);
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    struct vfp_driver *driver = vfp_driver_load(machine->host, getenv(pf_driver));
    assert_non_null(driver);
    struct vfp_pf *pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), NULL);
    assert_non_null(pf);
    machine->adapter = vfp_adapter_start(driver, pf);
    assert_non_null(machine->adapter);
    assert_int_equal(vfp_switch_create(machine->adapter, 2), 0);
    assert_int_equal(vfp_vf_allocate(machine->adapter, &machine->vf), 0);
    *state = machine;
    return 0;
}

static int set_up(void **state)
{
    return set_up_with(state, "REFNIC_PF");
}

static int set_up_ringing(void **state)
{
    return set_up_with(state, "RINGING_PF");
}

static int take_down(void **state)
{
    struct machine *machine = *state;
    assert_int_equal(vfp_violations(machine->host), 0);
    assert_int_equal(vfp_host_destroy(machine->host), 0);
    free(machine);
    return 0;
}

static const struct vfp_policy_row *row_at(const struct vfp_policy_row *rows, unsigned count, uint16_t offset)
{
    for (unsigned i = 0; i < count; i++)
        if (rows[i].offset == offset)
            return &rows[i];
    return NULL;
}

static void a_locked_bit_and_no_other_is_taken_from_the_guest(void **state)
{
    struct machine *machine = *state;
    static struct vfp_policy_row before[ROWS], after[ROWS], some[1];
    unsigned count = vfp_vf_policy(machine->vf, before, ROWS);
    assert_in_range(count, 2, ROWS);
    assert_int_equal(vfp_vf_policy(machine->vf, some, 1), count);
    assert_memory_equal(some, before, sizeof(some));
    const struct vfp_policy_row *command = row_at(before, count, 0x04);
    assert_non_null(command);
    assert_true(command->down & BM);
    assert_int_equal(command->locked, 0);
    assert_int_equal(vfp_vf_policy_lock(machine->vf, 0x04, BM), 0);
    assert_int_equal(vfp_vf_policy(machine->vf, after, ROWS), count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(after[i].locked, before[i].offset == 0x04 ? BM : before[i].locked);
}

static void what_cannot_be_locked_is_said_and_nothing_changes(void **state)
{
    struct machine *machine = *state;
    static struct vfp_policy_row before[ROWS], after[ROWS];
    unsigned count = vfp_vf_policy(machine->vf, before, ROWS);
    assert_int_equal(vfp_vf_policy_lock(machine->vf, 0x05, BM), -EINVAL);
    assert_int_equal(vfp_vf_policy_lock(machine->vf, VFP_CONFIG_SIZE, BM), -EINVAL);
    assert_non_null(strstr(vfp_host_error(machine->host), "policy of the dword at 0x1000"));
    assert_int_equal(vfp_vf_policy_hide(machine->vf, false, 0x7f, true), -ENOENT);
    assert_int_equal(vfp_vf_policy_hide(machine->vf, true, 0x7fff, true), -ENOENT);
    assert_non_null(strstr(vfp_host_error(machine->host), "policy of extended capability 0x7fff"));
    assert_int_equal(vfp_vf_policy(machine->vf, after, ROWS), count);
    assert_memory_equal(before, after, count * sizeof(*before));
}

static void a_hidden_capability_is_not_in_the_guest_s_view(void **state)
{
    struct machine *machine = *state;
    static struct vfp_policy_row rows[ROWS];
    unsigned count = vfp_vf_policy(machine->vf, rows, ROWS);
    assert_int_equal(vfp_vf_policy_hide(machine->vf, false, MSIX, true), 0);
    assert_true(vfp_vf_policy(machine->vf, rows, ROWS) < count);
    assert_int_equal(vfp_vf_policy_hide(machine->vf, false, MSIX, false), 0);
    assert_int_equal(vfp_vf_policy(machine->vf, rows, ROWS), count);
}

static void a_reset_starts_from_a_running_adapter(void **state)
{
    struct machine *machine = *state;
    bool hangs = true;
    int answer = vfp_adapter_reset(machine->adapter);
    assert_true(answer == 0 || answer == -EOPNOTSUPP); /* the driver need not have it */
    answer = vfp_adapter_check_for_hang(machine->adapter, &hangs);
    assert_true(answer == 0 || answer == -EOPNOTSUPP);
    assert_true(answer != 0 || !hangs);
    assert_string_equal(vfp_adapter_state(machine->adapter), "Running");
    assert_int_equal(vfp_adapter_pause(machine->adapter), 0);
    assert_int_equal(vfp_adapter_pause(machine->adapter), -EBUSY);
    assert_int_equal(vfp_adapter_restart(machine->adapter), 0);
    assert_int_equal(vfp_adapter_restart(machine->adapter), -EBUSY);
}

static void an_interrupt_is_taken_unwanted_masked_or_not_there(void **state)
{
    struct machine *machine = *state;
    assert_int_equal(vfp_interrupt(machine->adapter, 0), 0);
    assert_int_equal(vfp_interrupt(machine->adapter, 1), -ENOENT);
    assert_non_null(strstr(vfp_host_error(machine->host), "message 1: the interrupt handler did not want it"));
    assert_int_equal(vfp_interrupt(machine->adapter, 2), -EAGAIN);
    assert_int_equal(vfp_interrupt(machine->adapter, 2048), -EINVAL);
    assert_non_null(strstr(vfp_host_error(machine->host), "message 2048: no interrupt is registered for it"));
}

static void shutdown_is_the_last_call_of_a_machine(void **state)
{
    struct machine *machine = *state;
    vfp_patience_set(machine->host, 1000);
    vfp_adapter_shutdown(machine->adapter);
    vfp_adapter_stop(machine->adapter); /* and take_down finds no violation and nothing left behind */
}

static void print_it(const struct vfp_finding *finding, void *context)
{
    assert_int_equal(vfp_finding_print(finding, context), 0);
}

static void a_finding_is_printed_whole_or_an_error(void **state)
{
    (void)state;
    char text[4096] = "";
    FILE *page = fmemopen(text, sizeof(text), "w"), *full = fopen("/dev/full", "w");
    struct vfp_finding finding = {.rule = vfp_rule_find("OID_BUFFER_BOUNDS"),
                                  .driver = "mynic.so",
                                  .routine = "NdisMSomething",
                                  .text = "this is what was wrong",
                                  .frames = {(void *)print_it},
                                  .frame_count = 1,
                                  .count = 3};
    print_it(&finding, page);
    fclose(page);
    assert_non_null(strstr(text, "OID_BUFFER_BOUNDS"));
    assert_non_null(strstr(text, "mynic.so"));
    assert_non_null(strstr(text, "NdisMSomething"));
    assert_non_null(strstr(text, "this is what was wrong"));
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(vfp_finding_print(&finding, full), -EIO);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_locked_bit_and_no_other_is_taken_from_the_guest, set_up, take_down),
        cmocka_unit_test_setup_teardown(what_cannot_be_locked_is_said_and_nothing_changes, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_hidden_capability_is_not_in_the_guest_s_view, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_reset_starts_from_a_running_adapter, set_up, take_down),
        cmocka_unit_test_setup_teardown(an_interrupt_is_taken_unwanted_masked_or_not_there, set_up_ringing, take_down),
        cmocka_unit_test_setup_teardown(shutdown_is_the_last_call_of_a_machine, set_up, take_down),
        cmocka_unit_test(a_finding_is_printed_whole_or_an_error),
    };
    return cmocka_run_group_tests_name("host rest", tests, NULL, NULL);
}
