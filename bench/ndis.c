/* SPDX-License-Identifier: MIT
 *
 * The OID path: from an overlying driver's NdisOidRequest through NDIS into the reference PF driver, and from there
 * through NDIS and the PCI bus driver into the VF. The register of the synthetic card is plain, as the one of the
 * floor; Bus Master of the 82576, which sets something off, has a row of its own.
 */
#include "bench.h"
#include "counts.h"
#include "host.h"
#include "host/internal.h"

#define COMMAND  0x04u
#define MSI_ADDR 0x54u /* of the synthetic card: Message Address */
#define COUNTED  10000u

/* ---- an overlying driver ---------------------------------------------------------------------------------------- */

/* Its request is made once and sent again and again: the adapter is idle, so each has ended when NdisOidRequest
 * returns.
 */
struct overlying {
    NDIS_HANDLE binding;
    NDIS_OID_REQUEST request;
    struct {
        NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS parameters;
        uint32_t value;
    } buffer;
};

static void completed(void *context, PNDIS_OID_REQUEST request, NDIS_STATUS status)
{
    (void)context, (void)request, (void)status;
}

static void fill(struct overlying *overlying, unsigned vf, uint32_t offset)
{
    *overlying = (struct overlying){
        .request.Header = {NDIS_OBJECT_TYPE_OID_REQUEST, NDIS_OID_REQUEST_REVISION_1,
                           NDIS_SIZEOF_OID_REQUEST_REVISION_1},
        .request.RequestType = NdisRequestSetInformation,
        .buffer.parameters = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, 1, sizeof(overlying->buffer.parameters)},
                              .VFId = (NDIS_SRIOV_FUNCTION_ID)vf,
                              .Offset = offset,
                              .Length = sizeof(overlying->buffer.value),
                              .BufferOffset = sizeof(overlying->buffer.parameters)},
    };
    overlying->request.DATA.SET_INFORMATION.Oid = OID_SRIOV_WRITE_VF_CONFIG_SPACE;
    overlying->request.DATA.SET_INFORMATION.InformationBuffer = &overlying->buffer;
    overlying->request.DATA.SET_INFORMATION.InformationBufferLength = sizeof(overlying->buffer);
}

static void run_overlying(void *context, uint64_t count)
{
    struct overlying *overlying = context;
    for (uint64_t i = 0; i < count; i++) {
        overlying->buffer.value = i & 1 ? 0x0004 : 0;
        NdisOidRequest(overlying->binding, &overlying->request);
    }
}

/* ---- a host program ---------------------------------------------------------------------------------------------- */

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

/* ---- the rows ------------------------------------------------------------------------------------------------------
 */

struct opened {
    struct bench_host host;
    struct overlying overlying; /* when a register was named */
    struct nt_partition *before;
};

/* `offset` of the register that an overlying driver writes, 0: there is none. False: `opened->host.why` says why. */
static bool open_host(struct opened *opened, enum vfp_contracts contracts, uint32_t offset)
{
    static const struct ndis_overlying driver = {"bench", completed, NULL};
    struct bench_host *host = &opened->host;
    if (offset != MSI_ADDR && !bench_host_open(host, contracts))
        return false;
    if (offset == MSI_ADDR &&
        (!bench_host_open_many(host, contracts, 1) || vfp_vf_allocate(host->adapter, &host->vf) != 0))
        return false;
    opened->before = nt_enter(host->host->partition);
    fill(&opened->overlying, vfp_vf_index(host->vf), offset);
    if (!offset || (ndis_open(ndis_adapter_of(host->adapter->pf->pdo), &driver, NULL, &opened->overlying.binding) ==
                        NDIS_STATUS_SUCCESS &&
                    NdisOidRequest(opened->overlying.binding, &opened->overlying.request) == NDIS_STATUS_SUCCESS))
        return true;
    snprintf(host->why, sizeof(host->why), "the request fails");
    nt_enter(opened->before);
    bench_host_close(host);
    return false;
}

static void close_host(struct opened *opened)
{
    if (opened->overlying.binding)
        ndis_close(opened->overlying.binding);
    nt_enter(opened->before);
    bench_host_close(&opened->host);
}

static const struct oid_row {
    enum bench_row_id row;
    enum vfp_contracts contracts;
    uint32_t offset; /* of an overlying driver's write; 0: `run` is a host program's */
    void (*run)(void *context, uint64_t count);
    struct bench_op (*floor)(void);
} rows[] = {
    {ROW_OID_READ, VFP_COUNT, 0, run_read, bench_floor_store},
    {ROW_OID_WRITE, VFP_COUNT, MSI_ADDR, run_overlying, bench_floor_store},
    {ROW_OID_WRITE_OFF, VFP_UNCHECKED, MSI_ADDR, run_overlying, bench_floor_store},
    {ROW_OID_CLAIMED, VFP_UNCHECKED, MSI_ADDR, run_overlying, bench_floor_claim},
    {ROW_OID_EFFECT, VFP_COUNT, COMMAND, run_overlying, bench_floor_store},
    {ROW_OID_HOST, VFP_COUNT, 0, run_write, bench_floor_store},
    {ROW_OID_BLOCK, VFP_COUNT, 0, run_block, bench_floor_claim},
};

static void measure(struct bench_table *table, const struct oid_row *row)
{
    struct opened opened;
    if (!open_host(&opened, row->contracts, row->offset)) {
        bench_failed(table, row->row, opened.host.why);
        return;
    }
    struct bench_op op = {.run = row->run, .context = row->offset ? (void *)&opened.overlying : opened.host.vf};
    struct bench_op floor = row->floor();
    bench_duel(table, row->row, &op, &floor, 1);
    close_host(&opened);
}

static void count(struct bench_table *table)
{
    struct opened opened;
    struct bench_counts counts;
    const char *why;
    if (!open_host(&opened, VFP_COUNT, MSI_ADDR)) {
        bench_failed(table, ROW_OID_ALLOCATIONS, opened.host.why);
        return;
    }
    run_overlying(&opened.overlying, COUNTED); /* what is made at the first request is not counted */
    bench_count(run_overlying, &opened.overlying, COUNTED, &counts);
    bench_exact(table, ROW_OID_ALLOCATIONS, (double)counts.allocations);
    bench_exact(table, ROW_OID_LOCKS, (double)counts.locks);
    long calls = bench_count_system_calls(run_overlying, &opened.overlying, COUNTED, &why);
    if (calls < 0)
        bench_skipped(table, ROW_OID_SYSTEM_CALLS, why);
    else
        bench_exact(table, ROW_OID_SYSTEM_CALLS, (double)calls);
    close_host(&opened);
}

void bench_ndis(struct bench_table *table)
{
    bench_duel(table, ROW_IRQL, &(struct bench_op){.run = run_irql}, NULL, 1);
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        measure(table, &rows[i]);
    if (table->only == ROW_NONE)
        count(table);
    if (table->only == ROW_NONE || table->only >= ROW_THREADS_ONE)
        bench_threads(table);
}
