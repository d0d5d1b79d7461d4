/* SPDX-License-Identifier: MIT
 *
 * The standard scenario: everything a driver is asked for between its load and its unload, as steps. The card is pulled
 * between two of them, or a call of the driver fails.
 */
#include "cli/check.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <vfplane/fault.h>

#define ROUNDS 5

enum {
    RESET_VF = 0x10255,
    SET_VF_POWER_STATE = 0x10256,
    POWER_D0 = 1,
    POWER_D3 = 4,
};
#define COMMAND    4u /* register of a VF */
#define BUS_MASTER 4u

struct run {
    struct check_bench *bench;
    struct vfp_vf *vf;
};

static int load(struct run *run)
{
    run->bench->driver = vfp_driver_load(run->bench->host, run->bench->arguments->pf);
    return run->bench->driver ? 0 : -EIO;
}

static int start(struct run *run)
{
    run->bench->adapter = vfp_adapter_start(run->bench->driver, run->bench->pf);
    return run->bench->adapter && strcmp(vfp_adapter_state(run->bench->adapter), "Running") == 0 ? 0 : -EIO;
}

static int create_switch(struct run *run)
{
    return vfp_switch_create(run->bench->adapter, run->bench->num_vfs);
}

static int allocate_vf(struct run *run)
{
    return vfp_vf_allocate(run->bench->adapter, &run->vf);
}

static int read_config(struct run *run)
{
    uint8_t registers[64];
    return vfp_vf_config_read(run->vf, 0, registers, sizeof(registers));
}

/* What a reset must clear. */
static int write_config(struct run *run)
{
    const uint8_t value[] = {BUS_MASTER, 0};
    return vfp_vf_config_write(run->vf, COMMAND, value, sizeof(value));
}

static int read_block(struct run *run)
{
    uint8_t data[4];
    return vfp_vf_block_read(run->vf, 0, data, sizeof(data));
}

static int write_block(struct run *run)
{
    const uint8_t data[4] = {0};
    return vfp_vf_block_write(run->vf, 0, data, sizeof(data));
}

static int send_to_vf(struct run *run, uint32_t oid, uint32_t state)
{
    const uint16_t vf = (uint16_t)vfp_vf_index(run->vf);
    const struct check_field fields[] = {{4, 2, FROM_VALUE, vf}, {8, state ? 4 : 0, FROM_VALUE, state}, {0}};
    uint8_t buffer[CHECK_BUFFER];
    return check_bench_oid(run->bench, oid, fields, buffer);
}

static int sleep_vf(struct run *run)
{
    return send_to_vf(run, SET_VF_POWER_STATE, POWER_D3);
}

static int wake_vf(struct run *run)
{
    return send_to_vf(run, SET_VF_POWER_STATE, POWER_D0);
}

static int reset_vf(struct run *run)
{
    return send_to_vf(run, RESET_VF, 0);
}

/* Down and up again: a driver indicates what has changed, not what was asked for. */
static int change_link(struct run *run)
{
    int result = vfp_link_set(run->bench->adapter, false, 0);
    return result ? result : vfp_link_set(run->bench->adapter, true, UINT64_C(1000000000));
}

static int pause_adapter(struct run *run)
{
    return vfp_adapter_pause(run->bench->adapter);
}

static int restart_adapter(struct run *run)
{
    return vfp_adapter_restart(run->bench->adapter);
}

static int reset_adapter(struct run *run)
{
    return vfp_adapter_reset(run->bench->adapter);
}

static int put_to_sleep(struct run *run)
{
    return vfp_adapter_power(run->bench->adapter, 3);
}

static int wake_up(struct run *run)
{
    return vfp_adapter_power(run->bench->adapter, 0);
}

static int free_vf(struct run *run)
{
    vfp_vf_free(run->vf);
    run->vf = NULL;
    return 0;
}

static int delete_switch(struct run *run)
{
    return vfp_switch_delete(run->bench->adapter);
}

enum needs { NEEDS_NOTHING, NEEDS_DRIVER, NEEDS_ADAPTER, NEEDS_VF };

static const struct {
    const char *name;
    int (*run)(struct run *run);
    enum needs needs;
    bool optional; /* a driver may not support it */
} steps[] = {
    {"load", load, NEEDS_NOTHING, false},
    {"start", start, NEEDS_DRIVER, false},
    {"switch create", create_switch, NEEDS_ADAPTER, false},
    {"VF allocate", allocate_vf, NEEDS_ADAPTER, false},
    {"config read", read_config, NEEDS_VF, false},
    {"config write", write_config, NEEDS_VF, false},
    {"block read", read_block, NEEDS_VF, true},
    {"block write", write_block, NEEDS_VF, true},
    {"power D3", sleep_vf, NEEDS_VF, false},
    {"power D0", wake_vf, NEEDS_VF, false},
    {"VF reset", reset_vf, NEEDS_VF, false},
    {"link change", change_link, NEEDS_ADAPTER, true},
    {"pause", pause_adapter, NEEDS_ADAPTER, false},
    {"restart", restart_adapter, NEEDS_ADAPTER, false},
    {"adapter reset", reset_adapter, NEEDS_ADAPTER, true},
    {"adapter D3", put_to_sleep, NEEDS_ADAPTER, false},
    {"adapter D0", wake_up, NEEDS_ADAPTER, false},
    {"VF free", free_vf, NEEDS_VF, false},
    {"switch delete", delete_switch, NEEDS_ADAPTER, false},
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))

size_t check_steps(void)
{
    return STEPS;
}

static bool is_possible(const struct run *run, enum needs needs)
{
    const struct check_bench *bench = run->bench;
    return needs == NEEDS_NOTHING || (needs == NEEDS_DRIVER && bench->driver) ||
           (needs == NEEDS_ADAPTER && bench->adapter) || (needs == NEEDS_VF && run->vf);
}

/* What is refused after something was found may follow from that. */
static void run_step(struct run *run, size_t i, bool strict)
{
    if (!is_possible(run, steps[i].needs))
        return;
    check_bench_patience(run->bench);
    run->bench->error[0] = 0;
    int result = steps[i].run(run);
    if (result && strict && !check_found_count() && !(steps[i].optional && result == -EOPNOTSUPP))
        check_verdict("OID_REFUSED", "%s: %s", steps[i].name,
                      run->bench->error[0] ? run->bench->error : vfp_host_error(run->bench->host));
}

static void unload(struct check_bench *bench)
{
    if (bench->driver)
        vfp_driver_unload(bench->driver);
    bench->driver = NULL;
}

static void run_steps(struct check_bench *bench, size_t from, size_t removed, bool strict)
{
    struct run run = {.bench = bench};
    for (size_t i = from; i < STEPS; i++) {
        if (i == removed)
            vfp_pf_surprise_remove(bench->pf);
        run_step(&run, i, strict && i < removed);
    }
    if (removed == STEPS)
        vfp_pf_surprise_remove(bench->pf);
    if (bench->adapter)
        vfp_adapter_stop(bench->adapter);
    bench->adapter = NULL;
}

void check_scenario(struct check_bench *bench, size_t removed, bool strict)
{
    run_steps(bench, 0, removed, strict);
    unload(bench);
}

void check_start_stop(struct check_bench *bench)
{
    for (size_t round = 0; round < ROUNDS && !check_found_count(); round++)
        run_steps(bench, round ? 1 : 0, CHECK_NEVER, true);
    unload(bench);
}

bool check_fault(struct check_bench *bench, unsigned site)
{
    char name[sizeof(((struct check_case *)NULL)->note)];
    bool failed;
    vfp_fault_arm(bench->host, site);
    check_scenario(bench, CHECK_NEVER, false);
    vfp_fault_disarm(bench->host);
    unsigned sites = vfp_fault_sites(bench->host, &failed);
    for (unsigned i = site ? site : 1; i <= (site ? site : sites); i++)
        if (vfp_fault_site_name(bench->host, i, name, sizeof(name)) > 0)
            check_site(i, name);
    return !site || failed;
}
