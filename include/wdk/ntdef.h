/* SPDX-License-Identifier: MIT
 *
 * Basic types, strings, list links, GUIDs and NTSTATUS values.
 */
#ifndef VFPLANE_WDK_NTDEF_H
#define VFPLANE_WDK_NTDEF_H

#include "km/types.h"
#include "guiddef.h"
#include "ntstatus.h"
#include "km/list.h"

#endif
