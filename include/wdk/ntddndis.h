/* SPDX-License-Identifier: MIT
 *
 * OIDs and their structures: the part of NDIS that user mode and drivers share. The parts stand by subject in ndis6/.
 */
#ifndef VFPLANE_WDK_NTDDNDIS_H
#define VFPLANE_WDK_NTDDNDIS_H

#include "ndis6/object.h"
#include "ndis6/oid.h"
#include "ndis6/status.h"
#include "ndis6/link.h"
#include "ndis6/power.h"
#include "ndis6/filter.h"
#include "ndis6/nicswitch.h"
#include "ndis6/sriov.h"

#endif
