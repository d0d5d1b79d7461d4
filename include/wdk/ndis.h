/* SPDX-License-Identifier: MIT
 *
 * NDIS 6.x for miniport drivers. Which 6.x: ndis6/version.h. The parts stand by subject in ndis6/.
 */
#ifndef VFPLANE_WDK_NDIS_H
#define VFPLANE_WDK_NDIS_H

#include "ndis6/version.h"
#include "ntddk.h"
#include "ntddndis.h"
#include "ndis6/oidrequest.h"
#include "ndis6/netbuffer.h"
#include "ndis6/attributes.h"
#include "ndis6/miniport.h"
#include "ndis6/binding.h"
#include "ndis6/fn_system.h"
#include "ndis6/fn_hardware.h"
#include "ndis6/fn_miniport.h"

#endif
