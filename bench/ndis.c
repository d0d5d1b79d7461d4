/* SPDX-License-Identifier: MIT
 *
 * The OID path: from the virtualization stack through NDIS into the reference PF driver, and from there through NDIS
 * and the PCI bus driver into the VF. Bus Master is switched on and off: each write changes a register.
 */
#include "bench.h"
#include "counts.h"
#include "host.h"
#include "nt/nt.h"

#define COMMAND 0x04u
#define COUNTED 10000u

static void run_write(void *context, uint64_t count)
{
    for (uint64_t i = 0; i < count; i++) {
        uint32_t value = i & 1 ? 0x0004 : 0;
        vfp_vf_config_write(context, COMMAND, &value, sizeof(value));
    }
}

static void run_read(void *context, uint64_t count)
{
    uint32_t value;
    for (uint64_t i = 0; i < count; i++)
        vfp_vf_config_read(context, COMMAND, &value, sizeof(value));
}

static void run_block(void *context, uint64_t count)
{
    uint8_t link[32];
    for (uint64_t i = 0; i < count; i++)
        vfp_vf_block_read(context, 32, link, sizeof(link));
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

static const struct oid_row {
    enum bench_row_id row;
    enum vfp_contracts contracts;
    void (*run)(void *context, uint64_t count);
    struct bench_op (*floor)(void);
} rows[] = {
    {ROW_OID_READ, VFP_COUNT, run_read, bench_floor_store},
    {ROW_OID_WRITE, VFP_COUNT, run_write, bench_floor_store},
    {ROW_OID_WRITE_OFF, VFP_UNCHECKED, run_write, bench_floor_store},
    {ROW_OID_CLAIMED, VFP_UNCHECKED, run_write, bench_floor_claim},
    {ROW_OID_BLOCK, VFP_COUNT, run_block, bench_floor_claim},
};

static void measure(struct bench_table *table, const struct oid_row *row)
{
    struct bench_host host;
    if (!bench_host_open(&host, row->contracts)) {
        bench_failed(table, row->row, host.why);
        return;
    }
    struct bench_op op = {.run = row->run, .context = host.vf}, floor = row->floor();
    bench_duel(table, row->row, &op, &floor, 1);
    bench_host_close(&host);
}

static void count(struct bench_table *table)
{
    struct bench_host host;
    struct bench_counts counts;
    const char *why;
    if (!bench_host_open(&host, VFP_COUNT)) {
        bench_failed(table, ROW_OID_ALLOCATIONS, host.why);
        return;
    }
    run_write(host.vf, COUNTED); /* what is made at the first request is not counted */
    bench_count(run_write, host.vf, COUNTED, &counts);
    bench_exact(table, ROW_OID_ALLOCATIONS, (double)counts.allocations);
    bench_exact(table, ROW_OID_LOCKS, (double)counts.locks);
    long calls = bench_count_system_calls(run_write, host.vf, COUNTED, &why);
    if (calls < 0)
        bench_skipped(table, ROW_OID_SYSTEM_CALLS, why);
    else
        bench_exact(table, ROW_OID_SYSTEM_CALLS, (double)calls);
    bench_host_close(&host);
}

void bench_ndis(struct bench_table *table)
{
    bench_duel(table, ROW_IRQL, &(struct bench_op){.run = run_irql}, NULL, 1);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        measure(table, &rows[i]);
    count(table);
    bench_threads(table);
}
