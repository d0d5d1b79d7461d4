/* SPDX-License-Identifier: MIT
 *
 * Two hosts in one process, with the same card at the same address and the same driver image: what happens in one of
 * them does not show in the other.
 */
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include <vfplane/host.h>

#define COMMAND    0x04u
#define BUS_MASTER 0x0004u
#define LIVES      6u

struct machine {
    struct vfp_host *host;
    struct vfp_pf *pf;
    struct vfp_driver *driver;
    struct vfp_adapter *adapter;
};

static void power_on(struct machine *machine, const char *sriov)
{
    machine->host = vfp_host_create(&(struct vfp_host_options){0});
    assert_non_null(machine->host);
    if (sriov)
        assert_int_equal(vfp_keyword_set(machine->host, "*SRIOV", sriov), 0);
    machine->pf = vfp_pf_add(machine->host, getenv("REFNIC_PROFILE"), NULL);
    machine->driver = vfp_driver_load(machine->host, getenv("REFNIC_PF"));
    assert_non_null(machine->pf);
    assert_non_null(machine->driver);
    machine->adapter = vfp_adapter_start(machine->driver, machine->pf);
    if (!machine->adapter)
        fail_msg("%s", vfp_host_error(machine->host));
}

static void power_off(struct machine *machine)
{
    assert_int_equal(vfp_violations(machine->host), 0);
    assert_int_equal(vfp_host_destroy(machine->host), 0);
}

static struct vfp_vf *first_vf(struct machine *machine, unsigned vfs)
{
    struct vfp_vf *vf;
    assert_int_equal(vfp_switch_create(machine->adapter, vfs), 0);
    assert_int_equal(vfp_vf_allocate(machine->adapter, &vf), 0);
    return vf;
}

static uint16_t command_of(struct vfp_vf *vf)
{
    uint16_t command = 0xffff;
    assert_int_equal(vfp_vf_config_read(vf, COMMAND, &command, sizeof(command)), 0);
    return command;
}

static int set_up(void **state)
{
    struct machine *machines = calloc(2, sizeof(*machines));
    power_on(&machines[0], NULL);
    power_on(&machines[1], NULL);
    *state = machines;
    return 0;
}

static int take_down(void **state)
{
    struct machine *machines = *state;
    power_off(&machines[0]);
    power_off(&machines[1]);
    free(machines);
    return 0;
}

static void vfs_and_their_registers_are_of_one_host(void **state)
{
    struct machine *machines = *state;
    const uint16_t command = BUS_MASTER;
    struct vfp_vf *here = first_vf(&machines[0], 4);
    assert_int_equal(vfp_pf_num_vfs(machines[0].pf), 4);
    assert_int_equal(vfp_pf_num_vfs(machines[1].pf), 0);
    struct vfp_vf *there = first_vf(&machines[1], 2);
    assert_int_equal(vfp_pf_num_vfs(machines[0].pf), 4);
    assert_int_equal(vfp_vf_routing_id(here), vfp_vf_routing_id(there));
    assert_int_equal(vfp_vf_config_write(here, COMMAND, &command, sizeof(command)), 0);
    assert_int_equal(command_of(here), BUS_MASTER);
    assert_int_equal(command_of(there), 0);
}

static void an_error_is_told_by_the_host_that_it_happened_in(void **state)
{
    struct machine *machines = *state;
    assert_null(vfp_driver_load(machines[0].host, "/nowhere/pf.so"));
    assert_non_null(strstr(vfp_host_error(machines[0].host), "/nowhere/pf.so"));
    assert_string_equal(vfp_host_error(machines[1].host), "");
}

static void a_card_is_pulled_out_of_one_host(void **state)
{
    struct machine *machines = *state;
    uint16_t command;
    struct vfp_vf *here = first_vf(&machines[0], 1), *there = first_vf(&machines[1], 1);
    vfp_pf_surprise_remove(machines[0].pf);
    assert_int_not_equal(vfp_vf_config_read(here, COMMAND, &command, sizeof(command)), 0);
    assert_string_equal(vfp_adapter_state(machines[0].adapter), "removed");
    assert_int_equal(command_of(there), 0);
    assert_string_equal(vfp_adapter_state(machines[1].adapter), "Running");
}

static void an_image_has_its_globals_once_in_each_host(void **state)
{
    struct machine *machines = *state;
    struct vfp_vf *there = first_vf(&machines[1], 1);
    vfp_adapter_stop(machines[0].adapter);
    vfp_driver_unload(machines[0].driver);
    assert_int_equal(command_of(there), 0);
    machines[0].driver = vfp_driver_load(machines[0].host, getenv("REFNIC_PF"));
    machines[0].adapter = vfp_adapter_start(machines[0].driver, machines[0].pf);
    assert_non_null(machines[0].adapter);
    assert_int_equal(command_of(there), 0);
}

static void a_keyword_is_of_one_host(void **state)
{
    (void)state;
    struct machine without, with;
    power_on(&without, "0");
    power_on(&with, NULL);
    assert_int_not_equal(vfp_switch_create(without.adapter, 1), 0);
    assert_int_equal(vfp_switch_create(with.adapter, 1), 0);
    power_off(&without);
    power_off(&with);
}

struct worker {
    struct vfp_vf *vf;
    atomic_bool stop;
    _Atomic unsigned accesses;
    unsigned wrong;
};

static void *work(void *context)
{
    struct worker *worker = context;
    for (uint16_t command = 0; !atomic_load(&worker->stop); command ^= BUS_MASTER) {
        uint16_t found = 0xffff;
        bool good = !vfp_vf_config_write(worker->vf, COMMAND, &command, sizeof(command)) &&
                    !vfp_vf_config_read(worker->vf, COMMAND, &found, sizeof(found)) && found == command;
        worker->accesses++;
        worker->wrong += !good;
    }
    return NULL;
}

static void hosts_come_and_go_while_another_works(void **state)
{
    struct machine *machines = *state;
    struct worker worker = {.vf = first_vf(&machines[0], 1)};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, work, &worker), 0);
    for (unsigned life = 0; life < LIVES || !worker.accesses; life++) {
        struct machine other;
        power_on(&other, NULL);
        assert_int_equal(command_of(first_vf(&other, 1)), 0);
        power_off(&other);
    }
    atomic_store(&worker.stop, true);
    pthread_join(thread, NULL);
    assert_int_equal(worker.wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(vfs_and_their_registers_are_of_one_host, set_up, take_down),
        cmocka_unit_test_setup_teardown(an_error_is_told_by_the_host_that_it_happened_in, set_up, take_down),
        cmocka_unit_test_setup_teardown(a_card_is_pulled_out_of_one_host, set_up, take_down),
        cmocka_unit_test_setup_teardown(an_image_has_its_globals_once_in_each_host, set_up, take_down),
        cmocka_unit_test(a_keyword_is_of_one_host),
        cmocka_unit_test_setup_teardown(hosts_come_and_go_while_another_works, set_up, take_down),
    };
    return cmocka_run_group_tests_name("two hosts", tests, NULL, NULL);
}
