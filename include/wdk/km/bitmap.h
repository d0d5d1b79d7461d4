/* SPDX-License-Identifier: MIT
 *
 * Bitmaps over a caller's buffer of 32-bit words. Not locked; any IRQL on resident memory.
 */
#ifndef VFPLANE_WDK_BITMAP_H
#define VFPLANE_WDK_BITMAP_H

#include "types.h"

VFPLANE_BEGIN_C

/* SizeOfBitMap bits in Buffer, which has at least that many, rounded up to 32. */
typedef struct _RTL_BITMAP {
    ULONG SizeOfBitMap;
    PULONG Buffer;
} RTL_BITMAP, *PRTL_BITMAP;
C_ASSERT(sizeof(RTL_BITMAP) == 16);

#if defined(__cplusplus)
VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap);
#else
/* PULONG or `unsigned long *`, a driver's idea of it: the words stay 32-bit, so the second is larger than needed. A
 * driver that declares the function again with PULONG declares the same function. */
typedef union {
    PULONG Words;
    unsigned long *Longs;
} VFPLANE_BITMAP_BUFFER __attribute__((__transparent_union__));
/* Makes BitMapHeader describe the first SizeOfBitMap bits of BitMapBuffer; no bit is changed. */
VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, VFPLANE_BITMAP_BUFFER BitMapBuffer, ULONG SizeOfBitMap);
#endif
/* Clears or sets every bit. */
VOID RtlClearAllBits(PRTL_BITMAP BitMapHeader);
VOID RtlSetAllBits(PRTL_BITMAP BitMapHeader);
/* Clears or sets one bit, or a run of bits, all of which must lie in the bitmap. */
VOID RtlClearBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);
VOID RtlSetBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);
VOID RtlClearBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToClear);
VOID RtlSetBits(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG NumberToSet);
/* TRUE if the bit is set; if the whole run is clear; if the whole run is set (never for a run of 0). */
BOOLEAN RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);
#define RtlCheckBit(BitMapHeader, BitNumber) RtlTestBit(BitMapHeader, BitNumber)
BOOLEAN RtlAreBitsClear(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length);
BOOLEAN RtlAreBitsSet(PRTL_BITMAP BitMapHeader, ULONG StartingIndex, ULONG Length);
/* How many bits are clear, or set. */
ULONG RtlNumberOfClearBits(PRTL_BITMAP BitMapHeader);
ULONG RtlNumberOfSetBits(PRTL_BITMAP BitMapHeader);
/* Index of a run of that many bits, searched from HintIndex and round; 0xFFFFFFFF: none. The ..AndSet/AndClear forms
 * turn the run over. */
ULONG RtlFindClearBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
ULONG RtlFindSetBits(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
ULONG RtlFindClearBitsAndSet(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);
ULONG RtlFindSetBitsAndClear(PRTL_BITMAP BitMapHeader, ULONG NumberToFind, ULONG HintIndex);

VFPLANE_END_C

#if defined(__cplusplus)
extern "C++" {
static inline VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, unsigned long *BitMapBuffer, ULONG SizeOfBitMap)
{
    RtlInitializeBitMap(BitMapHeader, (PULONG)(PVOID)BitMapBuffer, SizeOfBitMap);
}
}
#endif

#endif
