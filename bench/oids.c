/* SPDX-License-Identifier: MIT
 *
 * The OID path: from the virtualization stack through NDIS into the reference PF driver, and from there through NDIS
 * and the PCI bus driver into the VF.
 */
#include "bench.h"
#include "host.h"
#include "nt/nt.h"

#define COMMAND 0x04u

static void run_config_write(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = i & 1 ? 0x0004 : 0;
        vfp_vf_config_write(context, COMMAND, &value, sizeof(value));
    }
}

static void run_config_read(void *context, uint64_t count)
{
    uint32_t value;
    for (uint64_t i = 0; i < count; i++)
        vfp_vf_config_read(context, COMMAND, &value, sizeof(value));
}

static void run_block_read(void *context, uint64_t count)
{
    uint8_t link[32];
    for (uint64_t i = 0; i < count; i++)
        vfp_vf_block_read(context, 1, link, sizeof(link));
}

/* What the IRQL rule costs a routine that drivers call. */
static void run_irql(void *context, uint64_t count)
{
    (void)context;
    for (uint64_t i = 0; i < count; i++) {
        bool allowed = nt_irql_at_most(DISPATCH_LEVEL, "bench");
        __asm__ volatile("" : : "r"(allowed) : "memory");
    }
}

static void run_rows(struct bench_table *table, enum vfp_contracts contracts, struct bench *rows, unsigned count)
{
    struct bench_host host;
    bool opened = bench_host_open(&host, contracts);
    for (unsigned i = 0; i < count; i++) {
        rows[i].context = host.vf;
        if (opened)
            bench_row(table, &rows[i]);
        else
            bench_not_measured(table, rows[i].name, rows[i].floor, host.why);
    }
    if (opened)
        bench_host_close(&host);
}

void bench_oids(struct bench_table *table)
{
    struct bench checked[] = {
        {"OID_SRIOV_READ_VF_CONFIG_SPACE, 4 bytes", FLOOR_CLAIM, run_config_read, NULL},
        {"OID_SRIOV_WRITE_VF_CONFIG_SPACE, 4 bytes", FLOOR_CLAIM, run_config_write, NULL},
        {"OID_SRIOV_READ_VF_CONFIG_BLOCK, 32 bytes", FLOOR_CLAIM, run_block_read, NULL},
    };
    struct bench unchecked[] = {
        {"  READ_VF_CONFIG_SPACE, contracts off", FLOOR_CLAIM, run_config_read, NULL},
        {"  WRITE_VF_CONFIG_SPACE, contracts off", FLOOR_CLAIM, run_config_write, NULL},
        {"  READ_VF_CONFIG_BLOCK, contracts off", FLOOR_CLAIM, run_block_read, NULL},
    };
    struct bench irql = {"the IRQL rule of one routine", FLOOR_STORE, run_irql, NULL};
    run_rows(table, VFP_COUNT, checked, sizeof(checked) / sizeof(checked[0]));
    run_rows(table, VFP_UNCHECKED, unchecked, sizeof(unchecked) / sizeof(unchecked[0]));
    bench_row(table, &irql);
}
