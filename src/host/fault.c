/* SPDX-License-Identifier: MIT
 *
 * Fault injection of a host's drivers.
 */
#include <vfplane/fault.h>

#include "host/internal.h"

#include <errno.h>

void vfp_fault_arm(struct vfp_host *host, unsigned fail)
{
    if (!nt_fault_arm(host->partition, fail))
        host_fail(host, -ENOMEM, "out of memory");
}

unsigned vfp_fault_sites(struct vfp_host *host, bool *failed)
{
    return nt_fault_sites(host->partition, failed);
}

int vfp_fault_site_name(struct vfp_host *host, unsigned site, char *text, size_t size)
{
    return nt_fault_site_name(host->partition, site, text, size);
}

void vfp_fault_disarm(struct vfp_host *host)
{
    nt_fault_disarm(host->partition);
}
