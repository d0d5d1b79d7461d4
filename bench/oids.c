/* SPDX-License-Identifier: MIT
 *
 * The OID path: from the virtualization stack through NDIS into the reference PF driver, and from there through NDIS
 * and the PCI bus driver into the VF.
 */
#include "bench.h"
#include "host.h"

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

void bench_oids(struct bench_table *table)
{
    struct bench rows[] = {
        {"OID_SRIOV_READ_VF_CONFIG_SPACE, 4 bytes", FLOOR_CLAIM, run_config_read, NULL},
        {"OID_SRIOV_WRITE_VF_CONFIG_SPACE, 4 bytes", FLOOR_CLAIM, run_config_write, NULL},
        {"OID_SRIOV_READ_VF_CONFIG_BLOCK, 32 bytes", FLOOR_CLAIM, run_block_read, NULL},
    };
    struct bench_host host;
    bool opened = bench_host_open(&host);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        rows[i].context = host.vf;
        if (opened)
            bench_row(table, &rows[i]);
        else
            bench_not_measured(table, rows[i].name, rows[i].floor, host.why);
    }
    if (opened)
        bench_host_close(&host);
}
