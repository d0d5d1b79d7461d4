/* SPDX-License-Identifier: MIT
 *
 * Included before every file of refnic's PF miniport to make one that takes every write to a VF and does none: deaf_pf.c.
 */
#ifndef DEAF_PF_H
#define DEAF_PF_H

#define NdisMSetVirtualFunctionBusData deaf_set_data

#endif
