/* SPDX-License-Identifier: MIT
 *
 * What NDIS keeps for one partition: its drivers, its table of adapters, its keywords.
 */
#include "ndis/internal.h"

struct ndis_partition *ndis_partition_of(struct nt_partition *partition)
{
    return partition ? nt_slot(partition, NT_SLOT_NDIS) : NULL;
}

struct ndis_partition *ndis_partition_hold(struct nt_partition *partition)
{
    struct ndis_partition *room = ndis_partition_of(partition);

    if (!room && partition) {
        room = calloc(1, sizeof *room);
        if (!room)
            return NULL;
        room->nt = partition;
        nt_slot_set(partition, NT_SLOT_NDIS, room);
    }
    if (room)
        atomic_fetch_add(&room->references, 1);
    return room;
}

void ndis_partition_drop(struct ndis_partition *room)
{
    struct ndis_adapter_block *block, *next;

    if (atomic_fetch_sub(&room->references, 1) != 1)
        return;
    for (block = atomic_load(&room->adapters.next); block; block = next) {
        next = atomic_load(&block->next);
        free(block);
    }
    nt_slot_set(room->nt, NT_SLOT_NDIS, NULL);
    free(room);
}

bool ndis_adapter_exists(struct ndis_partition *room, const void *handle)
{
    struct ndis_adapter_block *block = room && handle ? &room->adapters : NULL;

    for (; block; block = atomic_load_explicit(&block->next, memory_order_acquire))
        for (unsigned i = 0; i < NDIS_ADAPTERS_PER_BLOCK; i++)
            if (atomic_load_explicit(&block->slots[i], memory_order_acquire) == handle)
                return true;
    return false;
}

/* An empty place of the table, made if need be. Under room->lock. */
static _Atomic(struct ndis_adapter *) *free_place(struct ndis_partition *room)
{
    struct ndis_adapter_block *block = &room->adapters, *last = NULL;

    for (; block; last = block, block = atomic_load(&block->next))
        for (unsigned i = 0; i < NDIS_ADAPTERS_PER_BLOCK; i++)
            if (!atomic_load(&block->slots[i]))
                return &block->slots[i];
    block = calloc(1, sizeof *block);
    if (!block)
        return NULL;
    atomic_store_explicit(&last->next, block, memory_order_release);
    return &block->slots[0];
}

bool ndis_adapter_list(struct ndis_adapter *adapter)
{
    struct ndis_partition *room = adapter->room;
    _Atomic(struct ndis_adapter *) *place;

    ndis_lock(&room->lock);
    place = free_place(room);
    if (place)
        atomic_store_explicit(place, adapter, memory_order_release);
    ndis_unlock(&room->lock);
    return place != NULL;
}

void ndis_adapter_unlist(struct ndis_adapter *adapter)
{
    struct ndis_partition *room = adapter->room;

    ndis_lock(&room->lock);
    for (struct ndis_adapter_block *block = &room->adapters; block; block = atomic_load(&block->next))
        for (unsigned i = 0; i < NDIS_ADAPTERS_PER_BLOCK; i++)
            if (atomic_load(&block->slots[i]) == adapter)
                atomic_store(&block->slots[i], NULL);
    ndis_unlock(&room->lock);
}

struct ndis_adapter *ndis_adapter_of(PDEVICE_OBJECT pdo)
{
    struct ndis_partition *room = pdo ? ndis_partition_of(nt_device_partition(pdo)) : NULL;

    for (struct ndis_adapter_block *block = room ? &room->adapters : NULL; block; block = atomic_load(&block->next))
        for (unsigned i = 0; i < NDIS_ADAPTERS_PER_BLOCK; i++) {
            struct ndis_adapter *adapter = atomic_load(&block->slots[i]);

            if (adapter && adapter->pdo == pdo)
                return adapter;
        }
    return NULL;
}
