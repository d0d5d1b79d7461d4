/* SPDX-License-Identifier: MIT
 *
 * Fault injection: every call of a driver that can fail (pool allocations, NdisM* and Io* routines that return a status)
 * is a site; a site is one unique call stack. A first pass counts the sites a scenario reaches; each can then be made to
 * fail once, by its number, and by that number again on another day.
 */
#ifndef VFP_FAULT_H
#define VFP_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct vfp_host;
/* From now on sites of this host are counted from 1; the one with number `fail` (0 = none) fails when first reached.
 * Without memory nothing is armed. */
void vfp_fault_arm(struct vfp_host *host, unsigned fail);
/* How many sites were reached since, and whether the armed one failed. */
unsigned vfp_fault_sites(struct vfp_host *host, bool *failed);
/* What the site is: the routine, who called it, and who that; known of every site when none shall fail, else of the one
 * that failed. snprintf rule; 0: no such site. */
int vfp_fault_site_name(struct vfp_host *host, unsigned site, char *text, size_t size);
void vfp_fault_disarm(struct vfp_host *host);

#ifdef __cplusplus
}
#endif
#endif
