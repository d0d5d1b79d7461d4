/* SPDX-License-Identifier: MIT
 *
 * The WDM programming interface: types, objects, IRPs, executive and library routines. The parts stand by subject in
 * km/.
 */
#ifndef VFPLANE_WDK_WDM_H
#define VFPLANE_WDK_WDM_H

#include "ntdef.h"
#include "km/irql.h"
#include "km/interlocked.h"
#include "km/sync.h"
#include "km/pool.h"
#include "km/rtl.h"
#include "km/bitmap.h"
#include "km/device.h"
#include "km/resource.h"
#include "km/interface.h"
#include "km/pnp.h"
#include "km/mdl.h"
#include "km/irp.h"
#include "km/io.h"
#include "km/regio.h"
#include "km/thread.h"
#include "km/dma.h"
#include "km/pci.h"
#include "km/pcisriov.h"
#include "km/strings.h"
#include "km/format.h"

#endif
