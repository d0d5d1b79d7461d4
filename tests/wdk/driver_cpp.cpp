/* SPDX-License-Identifier: MIT
 *
 * The test driver in C++, for the newest NDIS, with everything inside extern "C".
 */
extern "C" {
#include "driver_types.h"
#include <Ntdef.h>
#include <ntddk.h>
#include <Ndis.h>
#include <ndis.h>
#include <ntstrsafe.h>
#include <Pcivirt.h>
#include <vpci.h>
#include <initguid.h>
#include <Wdmguid.h>
#include <vpci.h>

VOID RtlInitializeBitMap(PRTL_BITMAP BitMapHeader, PULONG BitMapBuffer, ULONG SizeOfBitMap);

#include "driver.h"
}
