/* SPDX-License-Identifier: MIT
 *
 * What drivers that are not WDM-only include; here it is wdm.h.
 */
#ifndef VFPLANE_WDK_NTDDK_H
#define VFPLANE_WDK_NTDDK_H

#include "wdm.h"

#endif
