/* SPDX-License-Identifier: MIT
 *
 * Each allocation below a call of a host program is refused once: the call says so, leaves nothing, and can be done
 * again. What faults on the way from a guest to its VF lead to is in tests/faults.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "scarce.h"
#include "test.h"
#include <vfplane/fault.h>
#include <vfplane/host.h>
#include <vfplane/profile.h>
#include <vfplane/vmm.h>

struct machine {
    struct vfp_host *host;
    struct vfp_driver *driver;
    struct vfp_pf *pf;
    struct vfp_adapter *adapter;
    FILE *nowhere;
};

static bool said(struct machine *machine, bool done)
{
    if (!done)
        assert_true(vfp_host_error(machine->host)[0]);
    return done;
}

static bool adds_a_card(struct machine *machine)
{
    struct vfp_pf *pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), "05:00.0");
    return said(machine, pf); /* it stays until the host ends */
}

static bool allocates_and_frees_a_vf(struct machine *machine)
{
    struct vfp_vf *vf;
    int error = vfp_vf_allocate(machine->adapter, &vf);
    if (!error)
        vfp_vf_free(vf);
    else
        assert_int_equal(error, -ENOMEM);
    return said(machine, !error);
}

static bool listens(struct machine *machine)
{
    char path[] = "/tmp/vfplane-no-memory-XXXXXX";
    assert_non_null(mkdtemp(path));
    char socket[sizeof(path) + 8];
    snprintf(socket, sizeof(socket), "%s/vmm", path);
    struct vfp_vmm *vmm = vfp_channel_listen(machine->host, socket);
    if (vmm)
        vfp_vmm_close(vmm);
    assert_int_equal(rmdir(path), 0); /* no socket stays */
    return said(machine, vmm);
}

static bool counts_faults(struct machine *machine)
{
    bool failed;
    vfp_fault_arm(machine->host, 0);
    bool armed = !vfp_host_error(machine->host)[0];
    if (!armed)
        assert_int_equal(vfp_fault_sites(machine->host, &failed), 0);
    vfp_fault_disarm(machine->host);
    return armed;
}

static bool shows_a_profile(struct machine *machine)
{
    struct vfp_profile *profile;
    char error[512] = "";
    int result = vfp_profile_open(getenv("REFNIC_PROFILE"), &profile, error, sizeof(error));
    if (result) {
        assert_int_equal(result, -ENOMEM);
        assert_true(error[0]);
        return false;
    }
    result = vfp_profile_show(profile, machine->nowhere);
    if (!result)
        result = vfp_profile_dump(profile, 2, machine->nowhere);
    if (!result)
        result = vfp_profile_synth(8, machine->nowhere);
    if (result)
        assert_int_equal(result, -ENOMEM);
    vfp_profile_close(profile);
    return !result;
}

static const struct row {
    const char *name;
    bool (*run)(struct machine *machine);
    bool once;      /* in the life of a host */
    unsigned least; /* calls that can fail */
} rows[] = {
    {"vfp_pf_add", adds_a_card, true, 20},
    {"vfp_vf_allocate", allocates_and_frees_a_vf, false, 8},
    {"vfp_channel_listen", listens, false, 2},
    {"vfp_fault_arm", counts_faults, true, 1},
    {"vfp_profile_open", shows_a_profile, false, 20},
};

static void set_up(struct machine *machine)
{
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    assert_non_null(machine->host);
    machine->driver = vfp_driver_load(machine->host, getenv("REFNIC_PF"));
    machine->pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), NULL);
    assert_true(machine->driver && machine->pf);
    machine->adapter = vfp_adapter_start(machine->driver, machine->pf);
    assert_non_null(machine->adapter);
    assert_int_equal(vfp_switch_create(machine->adapter, 2), 0);
    machine->nowhere = fopen("/dev/null", "w");
    assert_non_null(machine->nowhere);
}

static bool attempt(void *context)
{
    const struct row *row = context;
    unsigned armed = scarce_countdown;
    struct machine machine;
    scarce_countdown = 0;
    set_up(&machine);
    scarce_countdown = armed;
    bool succeeded = row->run(&machine);
    armed = scarce_countdown;
    scarce_countdown = 0;
    if (!row->once)
        assert_true(row->run(&machine)); /* again, with memory */
    fclose(machine.nowhere);
    assert_int_equal(vfp_host_destroy(machine.host), 0);
    scarce_countdown = armed;
    return succeeded;
}

static void each_call_that_can_fail_fails_once(void **state)
{
    (void)state;
    for (const struct row *row = rows; row < rows + sizeof(rows) / sizeof(rows[0]); row++) {
        unsigned calls = scarce_each(attempt, (void *)row);
        if (calls < row->least)
            fail_msg("%s: only %u calls failed", row->name, calls);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_call_that_can_fail_fails_once),
    };
    return cmocka_run_group_tests_name("no memory", tests, NULL, NULL);
}
