/* SPDX-License-Identifier: MIT
 *
 * A started miniport on a bus with two BARs, a range of ports and interrupt messages, and what it asks for on it.
 */
#ifndef VFPLANE_TEST_HARDWARE_NIC_H
#define VFPLANE_TEST_HARDWARE_NIC_H

#include "nic.h"

struct nic *hardware_nic(unsigned messages); /* its log is clear; it has the keyword Key\Here, 7 */

extern const NDIS_SG_DMA_DESCRIPTION hardware_dma;
extern const NDIS_MINIPORT_INTERRUPT_CHARACTERISTICS hardware_line; /* one whose handlers do nothing */
NDIS_HANDLE hardware_configuration(struct nic *nic);

static inline PHYSICAL_ADDRESS at(LONGLONG address)
{
    return (PHYSICAL_ADDRESS){.QuadPart = address};
}

#endif
