/* SPDX-License-Identifier: MIT
 *
 * OIDs from several threads at once: on one adapter, where NDIS brings them to the miniport one after the other, and on
 * an adapter each, where they must not meet. Threads are spread over both processors.
 */
#include "bench.h"
#include "host.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <ndis.h>

#define THREADS        8u
#define ROUNDS         15u
#define ROUND_NS       60000000u
#define ROUND_NS_QUICK 1000000u

struct request {
    NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS parameters;
    ULONG value;
};

struct writer {
    pthread_t thread;
    unsigned number;
    struct vfp_adapter *adapter;
    USHORT vf;
    atomic_bool *go, *stop;
    uint64_t done, lost;
};

static void write_once(struct writer *writer, unsigned value)
{
    struct request request = {
        .parameters = {.Header = {NDIS_OBJECT_TYPE_DEFAULT, NDIS_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1,
                                  NDIS_SIZEOF_SRIOV_WRITE_VF_CONFIG_SPACE_PARAMETERS_REVISION_1},
                       .VFId = writer->vf,
                       .Offset = 4,
                       .Length = sizeof(request.value),
                       .BufferOffset = offsetof(struct request, value)},
        .value = value,
    };
    struct vfp_oid_result result = vfp_oid(writer->adapter, NdisRequestSetInformation, OID_SRIOV_WRITE_VF_CONFIG_SPACE,
                                           &request, sizeof(request), 0);
    writer->done++;
    writer->lost += result.status != (int)NDIS_STATUS_SUCCESS;
}

static void *write_until_told(void *context)
{
    struct writer *writer = context;
    bench_pin(writer->number % 2);
    while (!atomic_load_explicit(writer->go, memory_order_acquire))
        usleep(100);
    for (unsigned i = 0; !atomic_load_explicit(writer->stop, memory_order_relaxed); i++)
        write_once(writer, i & 1 ? 4 : 0);
    return NULL;
}

/* Nanoseconds of wall time for each write of them all. */
static double run_writers(struct writer *writers, unsigned count, uint64_t ns, uint64_t *lost)
{
    atomic_bool go = false, stop = false;
    unsigned started = 0;
    for (; started < count; started++) {
        writers[started].go = &go;
        writers[started].stop = &stop;
        writers[started].done = writers[started].lost = 0;
        if (pthread_create(&writers[started].thread, NULL, write_until_told, &writers[started]) != 0)
            break;
    }
    usleep(1000);
    uint64_t start = bench_machine->now_ns(), done = 0;
    atomic_store(&go, true);
    usleep((useconds_t)(ns / 1000));
    atomic_store(&stop, true);
    for (unsigned i = 0; i < started; i++) {
        pthread_join(writers[i].thread, NULL);
        done += writers[i].done;
        *lost += writers[i].lost;
    }
    return done ? (double)(bench_machine->now_ns() - start) / (double)done : 0;
}

/* One PF, its adapter with a switch, one VF; each on a segment of its own. */
static bool add_adapter(struct vfp_host *host, struct vfp_driver *driver, struct writer *writer)
{
    char address[32];
    struct vfp_vf *vf;
    snprintf(address, sizeof(address), "%04x:01:00.0", writer->number);
    struct vfp_pf *pf = vfp_pf_add(host, BENCH_PROFILE, address);
    writer->adapter = pf ? vfp_adapter_start(driver, pf) : NULL;
    if (!writer->adapter || vfp_switch_create(writer->adapter, 1) != 0 || vfp_vf_allocate(writer->adapter, &vf) != 0)
        return false;
    writer->vf = (USHORT)vfp_vf_index(vf);
    return true;
}

static void measure(struct bench_table *table, struct writer own[THREADS])
{
    double one[ROUNDS], same[ROUNDS], each[ROUNDS], floor[ROUNDS];
    struct writer shared[THREADS];
    struct bench_watch watch;
    uint64_t ns = table->quick ? ROUND_NS_QUICK : ROUND_NS, lost = 0;
    unsigned rounds = table->quick ? 2 : ROUNDS;
    memcpy(shared, own, sizeof(shared));
    for (unsigned i = 0; i < THREADS; i++) {
        shared[i].adapter = own[0].adapter;
        shared[i].vf = own[0].vf;
    }
    bench_watch_start(&watch, 2);
    for (unsigned i = 0; i < rounds; i++) {
        floor[i] = one[i] = run_writers(own, 1, ns, &lost);
        each[i] = 2 * run_writers(own, THREADS, ns, &lost); /* two processors work on it */
        same[i] = run_writers(shared, THREADS, ns, &lost);
    }
    double taken = bench_watch_end(&watch);
    bench_pairs(table, ROW_THREADS_OWN, each, floor, rounds, taken);
    bench_pairs(table, ROW_THREADS_SAME, same, floor, rounds, taken);
    bench_values(table, ROW_THREADS_ONE, one, rounds, taken);
    bench_exact(table, ROW_THREADS_LOST, (double)lost);
}

void bench_threads(struct bench_table *table)
{
    static struct writer writers[THREADS];
    struct vfp_host *host = vfp_host_create(&(struct vfp_host_options){.workers = 1, .contracts = VFP_COUNT});
    struct vfp_driver *driver = host ? vfp_driver_load(host, bench_pf_driver) : NULL;
    unsigned ready = 0;
    while (driver && ready < THREADS) {
        writers[ready].number = ready;
        if (!add_adapter(host, driver, &writers[ready]))
            break;
        ready++;
    }
    if (ready == THREADS)
        measure(table, writers);
    else
        bench_failed(table, ROW_THREADS_OWN, host ? vfp_host_error(host) : "no memory");
    vfp_host_destroy(host);
}
