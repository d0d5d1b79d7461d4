/* SPDX-License-Identifier: MIT
 *
 * IRQL: per thread here. What a routine demands stands at the routine.
 */
#ifndef VFPLANE_WDK_IRQL_H
#define VFPLANE_WDK_IRQL_H

#include "types.h"

#define PASSIVE_LEVEL  0
#define LOW_LEVEL      0
#define APC_LEVEL      1
#define DISPATCH_LEVEL 2
#define CMCI_LEVEL     5
#define CLOCK_LEVEL    13
#define IPI_LEVEL      14
#define POWER_LEVEL    14
#define PROFILE_LEVEL  15
#define HIGH_LEVEL     15

VFPLANE_BEGIN_C

/* IRQL of this thread. Any IRQL. */
KIRQL KeGetCurrentIrql(VOID);
/* Raises to NewIrql (not below the present one) and stores the present one. Any IRQL. */
VOID KeRaiseIrql(KIRQL NewIrql, PKIRQL OldIrql);
/* Raises to NewIrql and returns the IRQL before. Any IRQL. */
KIRQL KfRaiseIrql(KIRQL NewIrql);
/* Raises to DISPATCH_LEVEL; the IRQL before. At most DISPATCH_LEVEL. */
KIRQL KeRaiseIrqlToDpcLevel(VOID);
/* Back to what raising returned; never upwards. */
VOID KeLowerIrql(KIRQL NewIrql);
/* TRUE if normal kernel APCs cannot reach this thread. At most DISPATCH_LEVEL. */
BOOLEAN KeAreApcsDisabled(VOID);
/* Disables / enables normal kernel APCs for this thread, nesting. At most APC_LEVEL. */
VOID KeEnterCriticalRegion(VOID);
VOID KeLeaveCriticalRegion(VOID);

/* Reports pageable code running above APC_LEVEL. */
VOID vfplane_paged_code(const char *Function);

VFPLANE_END_C

#if defined(VFPLANE_NO_PAGED_CODE)
#define PAGED_CODE() ((void)0)
#else
#define PAGED_CODE() vfplane_paged_code(__func__)
#endif

#endif
