/* SPDX-License-Identifier: MIT
 *
 * What of the hardware a miniport has claimed: mapped registers, ports, shared memory, DMA, interrupts. It gives
 * everything back before MiniportHaltEx returns, or MiniportInitializeEx fails; what it forgets is reported and taken
 * back.
 */
#include "ndis/internal.h"

static const char *const kinds[] = {
    [NDIS_CLAIM_REGISTERS] = "registers of NdisMMapIoSpace",
    [NDIS_CLAIM_PORTS] = "ports of NdisMRegisterIoPortRange",
    [NDIS_CLAIM_MEMORY] = "shared memory",
    [NDIS_CLAIM_DMA] = "scatter-gather DMA",
    [NDIS_CLAIM_INTERRUPT] = "an interrupt",
};

struct ndis_claim *ndis_claim_add(struct ndis_adapter *adapter, enum ndis_claim_kind kind, void *object, ULONG64 length)
{
    struct ndis_claim *claim = calloc(1, sizeof *claim);

    if (!claim)
        return NULL;
    *claim = (struct ndis_claim){.kind = kind, .object = object, .length = length};
    ndis_lock(&adapter->claims_lock);
    claim->next = adapter->claims;
    adapter->claims = claim;
    ndis_unlock(&adapter->claims_lock);
    return claim;
}

bool ndis_claim_drop(struct ndis_adapter *adapter, enum ndis_claim_kind kind, const void *object, ULONG64 length)
{
    struct ndis_claim **link = &adapter->claims, *found;

    ndis_lock(&adapter->claims_lock);
    while ((found = *link) && (found->kind != kind || found->object != object || (length && found->length != length)))
        link = &found->next;
    if (found)
        *link = found->next;
    ndis_unlock(&adapter->claims_lock);
    free(found);
    return found != NULL;
}

struct ndis_adapter *ndis_claimant(NDIS_HANDLE handle, const char *routine)
{
    struct ndis_adapter *adapter = ndis_entry(handle, PASSIVE_LEVEL, routine);

    if (!adapter || adapter->attributes.registered)
        return adapter;
    nt_violation_in(NDIS_RULE(ATTRIBUTES_ORDER), routine, "%s before the registration attributes are set", routine);
    return NULL;
}

static bool has_claimed(struct ndis_adapter *adapter, const void *object)
{
    struct ndis_claim *claim;

    ndis_lock(&adapter->claims_lock);
    for (claim = adapter->claims; claim && claim->object != object; claim = claim->next)
        ;
    ndis_unlock(&adapter->claims_lock);
    return claim != NULL;
}

struct ndis_adapter *ndis_claimant_of(const void *object)
{
    struct ndis_partition *room = ndis_partition_of(nt_current());

    for (struct ndis_adapter_block *block = room ? &room->adapters : NULL; block; block = atomic_load(&block->next))
        for (unsigned i = 0; i < NDIS_ADAPTERS_PER_BLOCK; i++) {
            struct ndis_adapter *adapter = atomic_load(&block->slots[i]);

            if (adapter && has_claimed(adapter, object))
                return adapter;
        }
    return NULL;
}

static void undo(struct ndis_adapter *adapter, const struct ndis_claim *claim)
{
    switch (claim->kind) {
    case NDIS_CLAIM_REGISTERS:
        MmUnmapIoSpace(claim->object, claim->length);
        break;
    case NDIS_CLAIM_MEMORY:
        MmFreeContiguousMemory(claim->object);
        break;
    case NDIS_CLAIM_INTERRUPT:
        ndis_interrupt_end(adapter);
        break;
    default:
        break;
    }
}

void ndis_claims_end(struct ndis_adapter *adapter, const char *routine)
{
    struct ndis_claim *claim;

    while ((claim = adapter->claims)) {
        nt_violation_in(NDIS_RULE(HARDWARE_LEAK), routine, "%s returned and kept %s: %p, %llu bytes", routine,
                        kinds[claim->kind], claim->object, (unsigned long long)claim->length);
        adapter->claims = claim->next;
        undo(adapter, claim);
        free(claim);
    }
}

/* ---- what the adapter was given --------------------------------------------------------------------------- */

static ULONG64 length_of(const CM_PARTIAL_RESOURCE_DESCRIPTOR *entry)
{
    if (entry->Type != CmResourceTypeMemoryLarge)
        return entry->u.Memory.Length;
    if (entry->Flags & CM_RESOURCE_MEMORY_LARGE_40)
        return (ULONG64)entry->u.Memory40.Length40 << 8;
    if (entry->Flags & CM_RESOURCE_MEMORY_LARGE_48)
        return (ULONG64)entry->u.Memory48.Length48 << 16;
    return (ULONG64)entry->u.Memory64.Length64 << 32;
}

static const CM_PARTIAL_RESOURCE_LIST *entries_of(const struct ndis_adapter *adapter)
{
    return adapter->translated && adapter->translated->Count ? &adapter->translated->List[0].PartialResourceList : NULL;
}

bool ndis_owns_range(const struct ndis_adapter *adapter, UCHAR type, ULONG64 start, ULONG64 length)
{
    const CM_PARTIAL_RESOURCE_LIST *list = entries_of(adapter);

    for (ULONG i = 0; list && i < list->Count; i++) {
        const CM_PARTIAL_RESOURCE_DESCRIPTOR *entry = &list->PartialDescriptors[i];
        UCHAR kind = entry->Type == CmResourceTypeMemoryLarge ? CmResourceTypeMemory : entry->Type;
        ULONG64 base = (ULONG64)entry->u.Memory.Start.QuadPart;

        if (kind == type && start >= base && length <= length_of(entry) && start - base <= length_of(entry) - length)
            return true;
    }
    return false;
}

ULONG ndis_messages(const struct ndis_adapter *adapter, KIRQL *level)
{
    const CM_PARTIAL_RESOURCE_LIST *list = entries_of(adapter);
    ULONG count = 0;

    for (ULONG i = 0; list && i < list->Count; i++) {
        const CM_PARTIAL_RESOURCE_DESCRIPTOR *entry = &list->PartialDescriptors[i];

        if (entry->Type != CmResourceTypeInterrupt || !(entry->Flags & CM_RESOURCE_INTERRUPT_MESSAGE))
            continue;
        *level = (KIRQL)entry->u.MessageInterrupt.Translated.Level;
        count++;
    }
    return count;
}

static PCM_RESOURCE_LIST copy_list(const CM_RESOURCE_LIST *list)
{
    size_t size;
    PCM_RESOURCE_LIST copy;

    if (!list || list->Count != 1)
        return NULL;
    size = offsetof(CM_RESOURCE_LIST, List[0].PartialResourceList.PartialDescriptors) +
           (size_t)list->List[0].PartialResourceList.Count * sizeof(CM_PARTIAL_RESOURCE_DESCRIPTOR);
    copy = malloc(size);
    if (copy)
        memcpy(copy, list, size);
    return copy;
}

void ndis_resources_keep(struct ndis_adapter *adapter, const CM_RESOURCE_LIST *raw, const CM_RESOURCE_LIST *translated)
{
    free(adapter->resources);
    free(adapter->translated);
    adapter->resources = copy_list(raw);
    adapter->translated = copy_list(translated);
}
