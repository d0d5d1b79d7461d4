/* SPDX-License-Identifier: MIT
 *
 * A partition: made, entered, left, destroyed; its slots.
 */
#include "nt/internal.h"

#include <stdio.h>
#include <stdlib.h>

_Thread_local struct nt_partition *nt_partition_current __attribute__((tls_model("initial-exec")));

static void partition_free(struct nt_partition *partition)
{
    pthread_mutex_destroy(&partition->lock);
    nt_contracts_destroy(&partition->contracts);
    free(partition->handles);
    for (unsigned i = 0; i < NT_LATE_MAX; i++)
        free(atomic_load(&partition->late[i]));
    nt_faults_free(atomic_load(&partition->faults));
    free(partition);
}

struct nt_partition *nt_partition_create(const struct nt_partition_options *options)
{
    struct nt_partition *partition = calloc(1, sizeof(*partition));
    if (!partition)
        return NULL;
    snprintf(partition->name, sizeof(partition->name), "%s", options->name ? options->name : "");
    partition->role = options->role;
    partition->real_time = options->real_time;
    partition->trace = options->trace;
    pthread_mutex_init(&partition->lock, NULL);
    InitializeListHead(&partition->drivers);
    InitializeListHead(&partition->windows);
    InitializeListHead(&partition->names);
    if (!nt_pool_init(&partition->pool)) {
        partition_free(partition);
        return NULL;
    }
    nt_contracts_init(&partition->contracts);
    nt_clock_init(partition);
    nt_work_init(partition);
    return partition;
}

size_t nt_partition_destroy(struct nt_partition *partition)
{
    if (!partition)
        return 0;
    struct nt_partition *before = nt_enter(partition);
    while (!IsListEmpty(&partition->drivers)) {
        struct nt_driver *driver = CONTAINING_RECORD(partition->drivers.Flink, struct nt_driver, entry);
        nt_violation(NT_RULE(DRIVER_STILL_LOADED), "partition \"%s\" ends with %s loaded", partition->name, driver->name);
        nt_driver_unload(&driver->object);
    }
    nt_work_stop(partition);
    nt_clock_stop(partition);
    uint32_t threads = atomic_load(&partition->threads);
    if (threads)
        nt_violation(NT_RULE(THREAD_LEAK), "%u system threads of drivers still run", threads);
    nt_windows_destroy(partition);
    unsigned links = nt_names_remove(partition, NULL);
    if (links)
        nt_violation(NT_RULE(SYMBOLIC_LINK_LEAK), "%u symbolic links were not deleted", links);
    size_t leaked = nt_pool_destroy(&partition->pool);
    nt_enter(before == partition ? NULL : before);
    if (!threads) /* a thread that still runs keeps its partition: better lost memory than a used-after-free */
        partition_free(partition);
    return leaked;
}

struct nt_partition *nt_enter(struct nt_partition *partition)
{
    struct nt_partition *before = nt_partition_current;
    nt_partition_current = partition;
    trace_enter_thread(partition ? partition->trace : NULL);
    return before;
}

struct nt_partition *nt_current(void)
{
    return nt_partition_current;
}

const char *nt_partition_name(const struct nt_partition *partition)
{
    return partition->name;
}

enum nt_role nt_partition_role(const struct nt_partition *partition)
{
    return partition->role;
}

void nt_slot_set(struct nt_partition *partition, enum nt_slot slot, void *value)
{
    atomic_store(&partition->slots[slot], value);
}

void *nt_slot(struct nt_partition *partition, enum nt_slot slot)
{
    return atomic_load(&partition->slots[slot]);
}

void nt_free_late(struct nt_partition *partition, void *memory)
{
    uint32_t place = atomic_fetch_add(&partition->late_next, 1) % NT_LATE_MAX;
    free(atomic_exchange(&partition->late[place], memory));
}
