/* SPDX-License-Identifier: MIT
 *
 * The test driver in C, for NDIS 6.30.
 */
#define NDIS630_MINIPORT 1
#include "driver_types.h"
#include <Ntddk.h>
#include <Wdm.h>
#include <ndis.h>
#include <Ndis.h>
#include <Ntstrsafe.h>
#include <Ndischimney.h>
#include <initguid.h>
#include <wdmguid.h>

BOOLEAN RtlTestBit(PRTL_BITMAP BitMapHeader, ULONG BitNumber);

#include "driver.h"
