/* SPDX-License-Identifier: MIT
 *
 * Configuration space through NDIS: a miniport's own (PF and VF driver), or a VF's (PF driver).
 */
#ifndef REFNIC_REGISTERS_H
#define REFNIC_REGISTERS_H

#include <ndis.h>

#include "../common/config.h"

struct nic_config nic_config_own(NDIS_HANDLE handle);                           /* any IRQL */
struct nic_config nic_config_vf(NDIS_HANDLE handle, NDIS_SRIOV_FUNCTION_ID vf); /* a PF's VF; at most DISPATCH_LEVEL */

#endif
