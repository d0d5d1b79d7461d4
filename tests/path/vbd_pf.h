/* SPDX-License-Identifier: MIT
 *
 * Included before every file of refnic's PF miniport when it is built for a card with a virtual bus driver: the five
 * wrappers that are not for it, and the two doors between which it has its channel, are vbd_pf.c's.
 */
#ifndef VBD_PF_H
#define VBD_PF_H

#define NdisMSetVirtualFunctionBusData  vbd_set_data
#define NdisMGetVirtualFunctionBusData  vbd_get_data
#define NdisMGetVirtualFunctionLocation vbd_get_location
#define NdisMEnableVirtualization       vbd_enable
#define NdisMQueryProbedBars            vbd_query_bars
#define NdisMRegisterMiniportDriver     vbd_register

#endif
