/* SPDX-License-Identifier: MIT
 *
 * Pool. What is known of a block stands in a table of the partition, not before the block: a block that was freed
 * twice, or never allocated, is recognised without touching it, and AddressSanitizer guards the exact size.
 *
 * Pool belongs to a partition: a thread outside of any gets none. A block freed in another partition than its own is
 * reported (POOL_BAD_FREE) and stays allocated.
 */
#include "nt/internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NT_POOL_ALIGNMENT    16u
#define NT_POOL_BUCKETS      256u
#define NT_POOL_DEFAULT_TAG  0x656e6f4eu /* "None" */
#define NT_POOL_LEAK_REPORTS 32u

struct nt_pool_block {
    struct nt_pool_block *next;
    void *address;
    size_t size;
    uint32_t tag;
    bool reported;     /* as a leak */
    void *caller;      /* in the driver, NULL = the block was not asked for by one itself */
    const char *owner; /* the driver whose routine allocated it (nt_callback.driver), NULL = not known */
};

bool nt_pool_init(struct nt_pool *pool)
{
    pthread_mutex_init(&pool->lock, NULL);
    pool->bucket_count = NT_POOL_BUCKETS;
    pool->buckets = calloc(pool->bucket_count, sizeof(pool->buckets[0]));
    return pool->buckets != NULL;
}

static struct nt_pool_block **bucket_of(struct nt_pool *pool, const void *address)
{
    uint64_t hash = ((uintptr_t)address >> 4) * UINT64_C(0x9e3779b97f4a7c15);
    return &pool->buckets[(hash >> 32) & (pool->bucket_count - 1)];
}

static void table_insert(struct nt_pool *pool, struct nt_pool_block *block)
{
    struct nt_pool_block **bucket = bucket_of(pool, block->address);
    block->next = *bucket;
    *bucket = block;
}

/* A table that cannot grow only gets slower. */
static void table_grow(struct nt_pool *pool)
{
    size_t old_count = pool->bucket_count;
    struct nt_pool_block **old = pool->buckets, **grown = calloc(old_count * 4, sizeof(grown[0]));
    if (!grown)
        return;
    pool->buckets = grown;
    pool->bucket_count = old_count * 4;
    for (size_t i = 0; i < old_count; i++)
        while (old[i]) {
            struct nt_pool_block *block = old[i];
            old[i] = block->next;
            table_insert(pool, block);
        }
    free(old);
}

static struct nt_pool_block *table_remove(struct nt_pool *pool, const void *address)
{
    struct nt_pool_block **link = bucket_of(pool, address);
    while (*link && (*link)->address != address)
        link = &(*link)->next;
    struct nt_pool_block *block = *link;
    if (block)
        *link = block->next;
    return block;
}

static void *take(struct nt_partition *partition, size_t size, uint32_t tag, bool zero, void *caller)
{
    struct nt_pool *pool = &partition->pool;
    struct nt_pool_block *block = malloc(sizeof(*block));
    void *address = NULL;
    if (!block || posix_memalign(&address, size < PAGE_SIZE ? NT_POOL_ALIGNMENT : PAGE_SIZE, size ? size : 1) != 0) {
        free(block);
        return NULL;
    }
    if (zero)
        memset(address, 0, size);
    const struct nt_callback *callback = nt_callback_current;
    *block = (struct nt_pool_block){
        .address = address, .size = size, .tag = tag, .caller = caller, .owner = callback ? callback->driver : NULL};
    pthread_mutex_lock(&pool->lock);
    if (++pool->blocks > pool->bucket_count * 2)
        table_grow(pool);
    pool->bytes += size;
    table_insert(pool, block);
    pthread_mutex_unlock(&pool->lock);
    return address;
}

void *nt_pool_allocate(struct nt_partition *partition, size_t size, uint32_t tag, bool zero)
{
    return take(partition, size, tag, zero, NULL);
}

void *nt_pool_allocate_for(struct nt_partition *partition, size_t size, uint32_t tag, void *caller)
{
    return take(partition, size, tag, true, caller);
}

static const char *tag_text(uint32_t tag, char text[5])
{
    for (int i = 0; i < 4; i++) {
        char c = (char)(tag >> (8 * i));
        text[i] = c >= ' ' && c <= '~' ? c : '.';
    }
    text[4] = '\0';
    return text;
}

void nt_pool_free(struct nt_partition *partition, void *address, uint32_t tag, bool check_tag)
{
    struct nt_pool *pool = &partition->pool;
    char was[5], given[5];
    pthread_mutex_lock(&pool->lock);
    struct nt_pool_block *block = table_remove(pool, address);
    if (block) {
        pool->blocks--;
        pool->bytes -= block->size;
    }
    pthread_mutex_unlock(&pool->lock);
    if (!block) {
        nt_violation(NT_RULE(POOL_BAD_FREE), "%p is not an allocated block (freed already?), tag '%s'", address,
                     tag_text(tag, given));
        return;
    }
    if (check_tag && tag && tag != block->tag)
        nt_violation(NT_RULE(POOL_WRONG_TAG), "%p of tag '%s' freed with tag '%s'", address, tag_text(block->tag, was),
                     tag_text(tag, given));
    free(address);
    free(block);
}

/* ---- leaks --------------------------------------------------------------------------------------------------------
 */

struct leak {
    uint32_t tag;
    size_t blocks, bytes;
    void *caller; /* of one of them */
};

static void leak_count(struct leak *leaks, struct nt_pool_block *block)
{
    unsigned i = 0;
    while (i < NT_POOL_LEAK_REPORTS - 1 && leaks[i].blocks && leaks[i].tag != block->tag)
        i++;
    leaks[i].tag = block->tag;
    leaks[i].blocks++;
    leaks[i].bytes += block->size;
    leaks[i].caller = block->caller;
    block->reported = true;
}

static const struct vfp_rule *leak_rule(uint32_t tag)
{
    switch (tag) {
    case NT_TAG_MDL:
        return NT_RULE(MDL_LEAK);
    case NT_TAG_RW_LOCK:
        return NT_RULE(LOCK_LEAK);
    default:
        return NT_RULE(POOL_LEAK);
    }
}

/* While the driver's image is there to say it. */
static void report_leak(const struct leak *leak, bool loaded)
{
    char text[5], place[128];
    if (!leak->caller || !loaded || nt_frame_name(leak->caller, place, sizeof(place)) <= 0)
        place[0] = 0;
    nt_violation_in(leak_rule(leak->tag), "DriverUnload", "tag '%s': %zu blocks, %zu bytes%s%s",
                    tag_text(leak->tag, text), leak->blocks, leak->bytes, place[0] ? ", one allocated by " : "", place);
}

void nt_pool_leaks(struct nt_pool *pool, const char *owner)
{
    struct leak leaks[NT_POOL_LEAK_REPORTS] = {0};
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->bucket_count; i++)
        for (struct nt_pool_block *block = pool->buckets[i]; block; block = block->next) {
            if (!block->reported && (!owner || block->owner == owner))
                leak_count(leaks, block);
            if (block->owner == owner)
                block->owner = NULL; /* the name goes with the driver */
        }
    pthread_mutex_unlock(&pool->lock);
    for (unsigned i = 0; i < NT_POOL_LEAK_REPORTS && leaks[i].blocks; i++)
        report_leak(&leaks[i], owner != NULL);
}

size_t nt_pool_destroy(struct nt_pool *pool)
{
    size_t leaked = pool->bytes;
    nt_pool_leaks(pool, NULL);
    for (size_t i = 0; i < pool->bucket_count; i++)
        while (pool->buckets[i]) {
            struct nt_pool_block *block = pool->buckets[i];
            pool->buckets[i] = block->next;
            free(block->address);
            free(block);
        }
    free(pool->buckets);
    pthread_mutex_destroy(&pool->lock);
    return leaked;
}

size_t nt_pool_room(struct nt_pool *pool, const void *address)
{
    size_t room = SIZE_MAX;
    pthread_mutex_lock(&pool->lock);
    for (size_t i = 0; i < pool->bucket_count; i++)
        for (const struct nt_pool_block *block = pool->buckets[i]; block; block = block->next)
            if ((uintptr_t)address - (uintptr_t)block->address < block->size)
                room = (uintptr_t)block->address + block->size - (uintptr_t)address;
    pthread_mutex_unlock(&pool->lock);
    return room;
}

bool nt_pool_holds(const void *address, size_t size)
{
    struct nt_pool *pool = nt_partition_current ? &nt_partition_current->pool : NULL;
    if (!pool)
        return false;
    pthread_mutex_lock(&pool->lock);
    const struct nt_pool_block *block = *bucket_of(pool, address);
    while (block && block->address != address)
        block = block->next;
    bool holds = block && block->size >= size;
    pthread_mutex_unlock(&pool->lock);
    return holds;
}

/* ---- as drivers call it ------------------------------------------------------------------------------------------ */

static bool is_paged(POOL_TYPE type)
{
    return type & PagedPool;
}

static void *allocate(bool paged, SIZE_T size, ULONG tag, bool zero, const char *routine, void *caller)
{
    if (!nt_irql_at_most(paged ? APC_LEVEL : DISPATCH_LEVEL, routine) || !nt_partition_current || nt_fault(routine))
        return NULL;
    return take(nt_partition_current, size, tag, zero, caller);
}

PVOID nt_pool_for_driver(SIZE_T size, ULONG tag, PVOID caller)
{
    return allocate(false, size, tag, false, "ExAllocatePoolWithTag", caller);
}

#define CALLER __builtin_return_address(0)

NT_EXPORT PVOID ExAllocatePoolWithTag(POOL_TYPE type, SIZE_T size, ULONG tag)
{
    return allocate(is_paged(type), size, tag, false, "ExAllocatePoolWithTag", CALLER);
}

NT_EXPORT PVOID ExAllocatePool(POOL_TYPE type, SIZE_T size)
{
    return allocate(is_paged(type), size, NT_POOL_DEFAULT_TAG, false, "ExAllocatePool", CALLER);
}

NT_EXPORT PVOID ExAllocatePoolWithTagPriority(POOL_TYPE type, SIZE_T size, ULONG tag, EX_POOL_PRIORITY priority)
{
    (void)priority;
    return allocate(is_paged(type), size, tag, false, "ExAllocatePoolWithTagPriority", CALLER);
}

NT_EXPORT PVOID ExAllocatePool2(POOL_FLAGS flags, SIZE_T size, ULONG tag)
{
    const POOL_FLAGS kinds = POOL_FLAG_NON_PAGED | POOL_FLAG_NON_PAGED_EXECUTE | POOL_FLAG_PAGED;
    POOL_FLAGS kind = flags & kinds;
    if (!tag || !kind || (kind & (kind - 1))) {
        nt_violation(NT_RULE(POOL_BAD_PARAMETER), "ExAllocatePool2: flags %llx, tag %08x", flags, tag);
        return NULL;
    }
    return allocate(kind == POOL_FLAG_PAGED, size, tag, !(flags & POOL_FLAG_UNINITIALIZED), "ExAllocatePool2", CALLER);
}

NT_EXPORT PVOID ExAllocatePoolZero(POOL_TYPE type, SIZE_T size, ULONG tag)
{
    return allocate(is_paged(type), size, tag, true, "ExAllocatePoolZero", CALLER);
}

NT_EXPORT PVOID ExAllocatePoolUninitialized(POOL_TYPE type, SIZE_T size, ULONG tag)
{
    return allocate(is_paged(type), size, tag, false, "ExAllocatePoolUninitialized", CALLER);
}

NT_EXPORT VOID ExFreePoolWithTag(PVOID address, ULONG tag)
{
    nt_irql_at_most(DISPATCH_LEVEL, "ExFreePoolWithTag");
    if (nt_partition_current)
        nt_pool_free(nt_partition_current, address, tag, true);
}

NT_EXPORT VOID ExFreePool(PVOID address)
{
    ExFreePoolWithTag(address, 0);
}

/* ---- lookaside lists: a size and a tag; the pool behind is fast enough, and a freed block stays visible to ASan ---
 */

NT_EXPORT VOID ExInitializeNPagedLookasideList(PNPAGED_LOOKASIDE_LIST list, PALLOCATE_FUNCTION allocate_function,
                                               PFREE_FUNCTION free_function, ULONG flags, SIZE_T size, ULONG tag,
                                               USHORT depth)
{
    (void)depth;
    *list = (NPAGED_LOOKASIDE_LIST){
        .Size = size,
        .Tag = tag,
        .Flags = flags,
        .Allocate = allocate_function ? allocate_function : ExAllocatePoolWithTag,
        .Free = free_function ? free_function : ExFreePool,
    };
}

NT_EXPORT VOID ExDeleteNPagedLookasideList(PNPAGED_LOOKASIDE_LIST list)
{
    *list = (NPAGED_LOOKASIDE_LIST){0};
}

NT_EXPORT PVOID ExAllocateFromNPagedLookasideList(PNPAGED_LOOKASIDE_LIST list)
{
    if (list->Allocate)
        return list->Allocate(NonPagedPool, list->Size, list->Tag);
    nt_violation(NT_RULE(LOOKASIDE_NOT_INITIALIZED), "allocation from a lookaside list that is not initialised");
    return NULL;
}

NT_EXPORT VOID ExFreeToNPagedLookasideList(PNPAGED_LOOKASIDE_LIST list, PVOID entry)
{
    if (list->Free)
        list->Free(entry);
    else
        nt_violation(NT_RULE(LOOKASIDE_NOT_INITIALIZED),
                     "a block is freed to a lookaside list that is not initialised");
}
