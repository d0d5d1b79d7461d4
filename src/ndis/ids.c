/* SPDX-License-Identifier: MIT
 *
 * Objects by number: VFs, VPorts, receive filters. Grows; a free number is found without a search while numbers are
 * taken in order.
 */
#include "ndis/internal.h"

void *ndis_ids_get(const struct ndis_ids *ids, ULONG id)
{
    return id < ids->capacity ? ids->objects[id] : NULL;
}

static bool grow(struct ndis_ids *ids, ULONG id)
{
    size_t capacity = ids->capacity ? ids->capacity : 16;
    void **objects;

    while (capacity <= id)
        capacity *= 2;
    objects = realloc(ids->objects, capacity * sizeof *objects);
    if (!objects)
        return false;
    memset(objects + ids->capacity, 0, (capacity - ids->capacity) * sizeof *objects);
    ids->objects = objects;
    ids->capacity = (ULONG)capacity;
    return true;
}

bool ndis_ids_reserve(struct ndis_ids *ids, struct ndis_lock *lock, ULONG id)
{
    bool room = id < ids->capacity || id > NDIS_LARGEST_ID;

    if (room)
        return true;
    ndis_lock(lock);
    room = grow(ids, id);
    ndis_unlock(lock);
    return room;
}

bool ndis_ids_set(struct ndis_ids *ids, ULONG id, void *object)
{
    if (id > NDIS_LARGEST_ID || (id >= ids->capacity && !grow(ids, id)))
        return false;
    assert(!ids->objects[id]);
    ids->objects[id] = object;
    ids->used++;
    return true;
}

void ndis_ids_clear(struct ndis_ids *ids, ULONG id)
{
    if (!ndis_ids_get(ids, id))
        return;
    free(ids->objects[id]);
    ids->objects[id] = NULL;
    ids->used--;
    if (id < ids->lowest_free)
        ids->lowest_free = id;
}

ULONG ndis_ids_first_free(struct ndis_ids *ids, ULONG from)
{
    if (ids->lowest_free < from)
        ids->lowest_free = from;
    while (ndis_ids_get(ids, ids->lowest_free))
        ids->lowest_free++;
    return ids->lowest_free;
}

void ndis_ids_empty(struct ndis_ids *ids)
{
    for (ULONG id = 0; id < ids->capacity; id++)
        free(ids->objects[id]);
    free(ids->objects);
    *ids = (struct ndis_ids){0};
}
