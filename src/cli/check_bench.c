/* SPDX-License-Identifier: MIT
 *
 * The bench of a case: a host with the card and the driver on it, in one of the states of an adapter's life.
 */
#include "cli/check.h"

#include <stdarg.h>
#include <string.h>

const char *const check_state_names[CHECK_STATES] = {
    [STATE_PAUSED] = "paused",   [STATE_RUNNING] = "running",     [STATE_SWITCH] = "switch",
    [STATE_VF] = "vf",           [STATE_FREED] = "freed",         [STATE_DELETED] = "deleted",
    [STATE_REMOVED] = "removed", [STATE_RESTARTED] = "restarted",
};

#define VFS_NEEDED        3u
#define SHORT_PATIENCE_MS 10 /* with a driver that is known not to complete: thousands of cases may wait for it */

/* OIDs of the bench itself; numbers of ndis.md 4.1, members of 3.3. */
enum {
    ALLOCATE_VF = 0x10245,
    FREE_VF = 0x10246,
    VF_PARAMETERS = 0x10247,
    CREATE_VPORT = 0x10241,
    DELETE_VPORT = 0x10244,
    RESET_VF = 0x10255,
    SET_FILTER = 0x10227,
    CLEAR_FILTER = 0x10228,
};
#define ALLOCATED_VF 1626 /* VFId in NDIS_NIC_SWITCH_VF_PARAMETERS */
#define VPORT_ID     12   /* in NDIS_NIC_SWITCH_VPORT_PARAMETERS */
#define FILTER_ID    16   /* in NDIS_RECEIVE_FILTER_PARAMETERS */
#define FILTERS      4u   /* that NDIS or a case may have numbered */

static int refused(struct check_bench *bench, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int refused(struct check_bench *bench, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(bench->error, sizeof(bench->error), format, arguments);
    va_end(arguments);
    return -1;
}

static int host_refused(struct check_bench *bench)
{
    return refused(bench, "%s", vfp_host_error(bench->host));
}

int check_bench_open(struct check_bench *bench, const struct check_arguments *arguments)
{
    *bench = (struct check_bench){.arguments = arguments, .bare_vf = 1, .freed_vf = 2, .never_vf = 3, .vport = 1};
    bench->host = vfp_host_create(&(struct vfp_host_options){.workers = 1, .on_finding = check_found});
    if (!bench->host)
        return refused(bench, "out of memory");
    bench->pf = vfp_pf_add(bench->host, arguments->profile, NULL);
    if (!bench->pf)
        return host_refused(bench);
    unsigned total = vfp_pf_total_vfs(bench->pf);
    if (total < VFS_NEEDED)
        return refused(bench, "%s: the card has %u VFs, %u are needed", arguments->profile, total, VFS_NEEDED);
    bench->num_vfs = total < CHECK_VFS ? total : CHECK_VFS;
    return 0;
}

void check_bench_patience(struct check_bench *bench)
{
    if (bench->impatient || !check_is_impatient())
        return;
    bench->impatient = true;
    vfp_patience_set(bench->host, SHORT_PATIENCE_MS);
}

int check_bench_start(struct check_bench *bench)
{
    check_bench_patience(bench);
    if (!bench->driver)
        bench->driver = vfp_driver_load(bench->host, bench->arguments->pf);
    if (!bench->driver)
        return host_refused(bench);
    bench->adapter = vfp_adapter_start(bench->driver, bench->pf);
    return bench->adapter ? 0 : host_refused(bench);
}

/* ---- VFs ----------------------------------------------------------------------------------------------------------
 */

int check_bench_oid(struct check_bench *bench, uint32_t number, const struct check_field *fields,
                    uint8_t buffer[CHECK_BUFFER])
{
    int status = check_send_plain(bench, number, fields, buffer);
    if (!status)
        return 0;
    for (size_t i = 0; i < check_oid_count; i++)
        if (check_oids[i].oid == number)
            return refused(bench, "%s failed with %08x", check_oids[i].name, (unsigned)status);
    return refused(bench, "OID %08x failed with %08x", number, (unsigned)status);
}

static int allocate(struct check_bench *bench, uint16_t *vf)
{
    static const struct check_field none[] = {{0}};
    uint8_t buffer[CHECK_BUFFER];
    int result = check_bench_oid(bench, ALLOCATE_VF, none, buffer);
    if (!result)
        memcpy(vf, buffer + ALLOCATED_VF, sizeof(*vf));
    return result;
}

static int add_vport(struct check_bench *bench, uint16_t vf, uint32_t *vport)
{
    const struct check_field fields[] = {{VPORT_ID, 4, FROM_VALUE, 0}, {532, 2, FROM_VALUE, vf}, {0}};
    uint8_t buffer[CHECK_BUFFER];
    int result = check_bench_oid(bench, CREATE_VPORT, fields, buffer);
    if (!result)
        memcpy(vport, buffer + VPORT_ID, sizeof(*vport));
    return result;
}

static int give_back(struct check_bench *bench, uint16_t vf)
{
    const struct check_field reset[] = {{4, 2, FROM_VALUE, vf}, {0}}, back[] = {{8, 2, FROM_VALUE, vf}, {0}};
    uint8_t buffer[CHECK_BUFFER];
    int result = check_bench_oid(bench, RESET_VF, reset, buffer);
    return check_bench_oid(bench, FREE_VF, back, buffer) ? -1 : result;
}

/* The one that no VF has of those the card has enabled. */
static uint16_t unused_vf(const struct check_bench *bench)
{
    uint16_t vf = (uint16_t)bench->num_vfs;
    while (vf-- > 0)
        if (vf != bench->vf && vf != bench->bare_vf && vf != bench->freed_vf)
            return vf;
    return UINT16_MAX - 1;
}

static int make_switch(struct check_bench *bench)
{
    if (vfp_switch_create(bench->adapter, bench->num_vfs))
        return host_refused(bench);
    bench->has_switch = true;
    return 0;
}

/* On the default VPort, from where it is moved. A driver need not have filters. */
static void make_filter(struct check_bench *bench)
{
    static const struct check_field on_default[] = {{FILTER_ID, 4, FROM_VALUE, 0}, {40, 4, FROM_VALUE, 0}, {0}};
    uint8_t buffer[CHECK_BUFFER];
    bench->filter = 0;
    if (!check_send_plain(bench, SET_FILTER, on_default, buffer))
        memcpy(&bench->filter, buffer + FILTER_ID, sizeof(bench->filter));
}

static int make_vfs(struct check_bench *bench)
{
    if (allocate(bench, &bench->vf) || allocate(bench, &bench->bare_vf) || allocate(bench, &bench->freed_vf) ||
        add_vport(bench, bench->vf, &bench->vport) || give_back(bench, bench->freed_vf))
        return -1;
    make_filter(bench);
    bench->never_vf = unused_vf(bench);
    bench->has_vf = true;
    return 0;
}

/* Whatever a request left behind: NDIS knows which filters, VPorts and VFs there are, and refuses what there is not. */
static void free_all(struct check_bench *bench)
{
    uint8_t buffer[CHECK_BUFFER];
    for (uint32_t filter = 1; filter <= FILTERS; filter++)
        check_send_plain(bench, CLEAR_FILTER, (struct check_field[]){{12, 4, FROM_VALUE, filter}, {0}}, buffer);
    for (uint32_t vport = 1; vport <= bench->num_vfs + 1; vport++)
        check_send_plain(bench, DELETE_VPORT, (struct check_field[]){{8, 4, FROM_VALUE, vport}, {0}}, buffer);
    for (unsigned vf = 0; vf < bench->num_vfs; vf++)
        if (!check_send_plain(bench, VF_PARAMETERS, (struct check_field[]){{ALLOCATED_VF, 2, FROM_VALUE, vf}, {0}},
                              buffer))
            give_back(bench, vf);
    bench->has_vf = false;
}

/* ---- states -------------------------------------------------------------------------------------------------------
 */

static int reach_switch(struct check_bench *bench)
{
    return check_bench_start(bench) || make_switch(bench) ? -1 : 0;
}

static int reach_vf(struct check_bench *bench)
{
    return reach_switch(bench) || make_vfs(bench) ? -1 : 0;
}

static int reach_paused(struct check_bench *bench)
{
    if (check_bench_start(bench))
        return -1;
    return vfp_adapter_pause(bench->adapter) ? host_refused(bench) : 0;
}

static int reach_freed(struct check_bench *bench)
{
    if (reach_vf(bench))
        return -1;
    free_all(bench);
    return 0;
}

static int reach_deleted(struct check_bench *bench)
{
    if (reach_freed(bench))
        return -1;
    bench->has_switch = false;
    return vfp_switch_delete(bench->adapter) ? host_refused(bench) : 0;
}

static int reach_removed(struct check_bench *bench)
{
    if (reach_vf(bench))
        return -1;
    vfp_pf_surprise_remove(bench->pf);
    bench->has_switch = bench->has_vf = false;
    return 0;
}

static int reach_restarted(struct check_bench *bench)
{
    if (reach_vf(bench))
        return -1;
    check_bench_stop(bench);
    return reach_vf(bench);
}

static int (*const reach[CHECK_STATES])(struct check_bench *bench) = {
    [STATE_PAUSED] = reach_paused,   [STATE_RUNNING] = check_bench_start, [STATE_SWITCH] = reach_switch,
    [STATE_VF] = reach_vf,           [STATE_FREED] = reach_freed,         [STATE_DELETED] = reach_deleted,
    [STATE_REMOVED] = reach_removed, [STATE_RESTARTED] = reach_restarted,
};

int check_bench_reach(struct check_bench *bench, enum check_state state)
{
    return reach[state](bench);
}

/* ---- down again ---------------------------------------------------------------------------------------------------
 */

void check_bench_stop(struct check_bench *bench)
{
    if (!bench->adapter)
        return;
    free_all(bench);
    check_bench_patience(bench);
    vfp_adapter_stop(bench->adapter);
    bench->adapter = NULL;
    bench->has_switch = false;
}

void check_bench_close(struct check_bench *bench)
{
    check_bench_stop(bench);
    vfp_host_destroy(bench->host);
    bench->host = NULL;
}
