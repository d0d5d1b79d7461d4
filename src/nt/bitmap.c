/* SPDX-License-Identifier: MIT
 *
 * RTL_BITMAP routines. A bit or run outside of the bitmap is the caller's bug: reported, and nothing is touched.
 */
#include "nt/internal.h"

#undef RtlInitializeBitMap /* the header's macro also takes `unsigned long *` */

#define NT_NO_BITS 0xFFFFFFFFu

static bool in_range(PRTL_BITMAP map, ULONG start, ULONG count, const char *routine)
{
    if (start <= map->SizeOfBitMap && count <= map->SizeOfBitMap - start)
        return true;
    nt_violation_in(NT_RULE(BITMAP_RANGE), routine, "%s: bits %u..+%u of a bitmap of %u", routine, start, count, map->SizeOfBitMap);
    return false;
}

static bool get(const RTL_BITMAP *map, ULONG bit)
{
    return map->Buffer[bit / 32] >> (bit % 32) & 1;
}

static void put(PRTL_BITMAP map, ULONG start, ULONG count, bool value)
{
    for (ULONG bit = start; bit < start + count; bit++)
        if (value)
            map->Buffer[bit / 32] |= 1u << (bit % 32);
        else
            map->Buffer[bit / 32] &= ~(1u << (bit % 32));
}

static bool all(const RTL_BITMAP *map, ULONG start, ULONG count, bool value)
{
    for (ULONG bit = start; bit < start + count; bit++)
        if (get(map, bit) != value)
            return false;
    return true;
}

static ULONG count(const RTL_BITMAP *map, bool value)
{
    ULONG sum = 0;
    for (ULONG bit = 0; bit < map->SizeOfBitMap; bit++)
        sum += get(map, bit) == value;
    return sum;
}

/* The first run of `wanted` equal bits that starts at or after `from` and before `until`. */
static ULONG find_between(const RTL_BITMAP *map, ULONG from, ULONG until, ULONG wanted, bool value)
{
    ULONG run = 0;
    for (ULONG bit = from; bit < map->SizeOfBitMap && bit - run < until; bit++) {
        run = get(map, bit) == value ? run + 1 : 0;
        if (run == wanted)
            return bit + 1 - wanted;
    }
    return NT_NO_BITS;
}

static ULONG find(PRTL_BITMAP map, ULONG wanted, ULONG hint, bool value)
{
    ULONG start = hint < map->SizeOfBitMap ? hint : 0;
    if (!wanted)
        return start & ~7u;
    if (wanted > map->SizeOfBitMap)
        return NT_NO_BITS;
    ULONG found = find_between(map, start, map->SizeOfBitMap, wanted, value);
    return found != NT_NO_BITS ? found : find_between(map, 0, start, wanted, value);
}

NT_EXPORT VOID RtlInitializeBitMap(PRTL_BITMAP map, PULONG buffer, ULONG size)
{
    size_t needed = ((size_t)size + 31) / 32 * sizeof(*buffer);
    size_t room = nt_partition_current ? nt_pool_room(&nt_partition_current->pool, buffer) : SIZE_MAX;
    if (room < needed)
        nt_violation(NT_RULE(BITMAP_BUFFER_TOO_SMALL), "%u bits take %zu bytes, the pool block has %zu", size, needed,
                     room);
    map->SizeOfBitMap = size;
    map->Buffer = buffer;
}

NT_EXPORT VOID RtlClearAllBits(PRTL_BITMAP map)
{
    __builtin_memset(map->Buffer, 0, ((size_t)map->SizeOfBitMap + 31) / 32 * 4);
}

NT_EXPORT VOID RtlSetAllBits(PRTL_BITMAP map)
{
    __builtin_memset(map->Buffer, 0xff, ((size_t)map->SizeOfBitMap + 31) / 32 * 4);
}

NT_EXPORT VOID RtlClearBits(PRTL_BITMAP map, ULONG start, ULONG number)
{
    if (in_range(map, start, number, "RtlClearBits"))
        put(map, start, number, false);
}

NT_EXPORT VOID RtlSetBits(PRTL_BITMAP map, ULONG start, ULONG number)
{
    if (in_range(map, start, number, "RtlSetBits"))
        put(map, start, number, true);
}

NT_EXPORT VOID RtlClearBit(PRTL_BITMAP map, ULONG bit)
{
    RtlClearBits(map, bit, 1);
}

NT_EXPORT VOID RtlSetBit(PRTL_BITMAP map, ULONG bit)
{
    RtlSetBits(map, bit, 1);
}

NT_EXPORT BOOLEAN RtlTestBit(PRTL_BITMAP map, ULONG bit)
{
    return in_range(map, bit, 1, "RtlTestBit") && get(map, bit);
}

NT_EXPORT BOOLEAN RtlAreBitsClear(PRTL_BITMAP map, ULONG start, ULONG length)
{
    return length && in_range(map, start, length, "RtlAreBitsClear") && all(map, start, length, false);
}

NT_EXPORT BOOLEAN RtlAreBitsSet(PRTL_BITMAP map, ULONG start, ULONG length)
{
    return length && in_range(map, start, length, "RtlAreBitsSet") && all(map, start, length, true);
}

NT_EXPORT ULONG RtlNumberOfClearBits(PRTL_BITMAP map)
{
    return count(map, false);
}

NT_EXPORT ULONG RtlNumberOfSetBits(PRTL_BITMAP map)
{
    return count(map, true);
}

NT_EXPORT ULONG RtlFindClearBits(PRTL_BITMAP map, ULONG number, ULONG hint)
{
    return find(map, number, hint, false);
}

NT_EXPORT ULONG RtlFindSetBits(PRTL_BITMAP map, ULONG number, ULONG hint)
{
    return find(map, number, hint, true);
}

NT_EXPORT ULONG RtlFindClearBitsAndSet(PRTL_BITMAP map, ULONG number, ULONG hint)
{
    ULONG found = find(map, number, hint, false);
    if (found != NT_NO_BITS)
        put(map, found, number, true);
    return found;
}

NT_EXPORT ULONG RtlFindSetBitsAndClear(PRTL_BITMAP map, ULONG number, ULONG hint)
{
    ULONG found = find(map, number, hint, true);
    if (found != NT_NO_BITS)
        put(map, found, number, false);
    return found;
}
